/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Hash tables of kernel objects that are followed, by address: fixed buckets of BUCKET_ENTRIES entries. A BPF hash
 * map's update and deletion cost more than all the rest of a hook. Objects come from pools, so their addresses are few
 * and come back. Entries are taken without a lock: when two CPUs take the same one at the same moment, one of the
 * objects is lost.
 */
#pragma once

#define BUCKET_ENTRIES 4

/*
 * Addresses of the objects in the entries, 0: free. A bucket's first member, so that a search touches one cache line.
 */
struct bucket_keys {
	u64 object[BUCKET_ENTRIES];
};

/* Number of the bucket of an object, of 2^bits. */
static __always_inline u32 object_bucket(u64 object, u32 bits)
{
	u32 index = (u32)object;

#ifdef __bpf__
	/*
	 * arithmetic needs a copy in a 32-bit register: the verifier takes half of an address for a number, but not a
	 * whole one
	 */
	asm volatile("%0 = %1" : "=w"(index) : "w"((u32)object));
#endif
	return (index * 0x9e3779b1U) >> (32 - bits);
}

/* 0, which the verifier takes for any number below 8: it does not follow that both sides are equal. */
static __always_inline u32 unknown_zero(u64 any)
{
	u64 zero = 0;

#ifdef __bpf__
	zero = any;
	/* early clobber: else both would be one register */
	asm volatile("%0 ^= %1" : "+&r"(zero) : "r"(any));
#endif
	return zero & 7;
}

/*
 * Index of the entry with this address (0: a free one), BUCKET_ENTRIES if there is none. To the verifier all entries are one
 * number: else it would go through all that follows once for each.
 */
static __always_inline u32 find_entry(const struct bucket_keys *keys, u64 object)
{
#pragma unroll
	for (u32 entry = 0; entry < BUCKET_ENTRIES; entry++) {
		u64 key = keys->object[entry];
		/* not of the object, which is a pointer to the verifier */
		u32 zero = unknown_zero(key);

		if (key == object)
			return entry ^ zero;
	}
	return BUCKET_ENTRIES;
}

/* Give an entry to an object, or (0) free it. Does nothing for BUCKET_ENTRIES. */
static __always_inline void set_entry(struct bucket_keys *keys, u32 entry, u64 object)
{
	/* the verifier has to see the check next to the use; the compiler would reuse an earlier one */
	asm volatile("" : "+r"(entry));
	if (entry < BUCKET_ENTRIES)
		keys->object[entry] = object;
}
