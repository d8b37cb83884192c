/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tables of what is known of kernel objects on their way: BUCKET_ENTRIES places for each hash of an address, instead of BPF hash
 * maps, whose update and deletion cost more than all the rest. Objects come from pools, so their addresses are few and come
 * back. Places are taken without a lock: when two CPUs take the same one at the same moment, one of the objects is lost.
 */
#pragma once

#define BUCKET_ENTRIES 4

/* Addresses of what is in the ways, 0: free. A bucket's first member, so that a search touches one cache line. */
struct bucket_keys {
	u64 object[BUCKET_ENTRIES];
};

/* Number of the bucket of an object, of 2^bits. */
static __always_inline u32 object_bucket(u64 object, u32 bits)
{
	u32 index = (u32)object;

#ifdef __bpf__
	/* arithmetic needs a copy in a 32-bit register: the verifier takes half of an address for a number, a whole not */
	asm volatile("%0 = %1" : "=w"(index) : "w"((u32)object));
#endif
	return (index * 0x9e3779b1U) >> (32 - bits);
}

/* Index of the way that holds this address (0: a free one), BUCKET_ENTRIES if there is none. */
static __always_inline u32 find_entry(const struct bucket_keys *keys, u64 object)
{
#pragma unroll
	for (u32 entry = 0; entry < BUCKET_ENTRIES; entry++)
		if (keys->object[entry] == object)
			return entry;
	return BUCKET_ENTRIES;
}

/* Take a way for an object, or (0) give it back. Nothing for BUCKET_ENTRIES. */
static __always_inline void set_entry(struct bucket_keys *keys, u32 entry, u64 object)
{
	/* the verifier has to see the check next to the use; the compiler would reuse an earlier one */
	asm volatile("" : "+r"(entry));
	if (entry < BUCKET_ENTRIES)
		keys->object[entry] = object;
}
