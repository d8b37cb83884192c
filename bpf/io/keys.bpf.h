/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kind of a request, and the index of its values: each CPU searches among the kinds that it has met, which no other
 * CPU writes. Cheaper than a BPF hash map, and read without a system call.
 */
#pragma once

/* A kind of request as a word: its flags (of io_flag), and from these bits on the rest. */
enum io_key_layout {
	KEY_OP_SHIFT = 8,
	KEY_DEV_SHIFT = 16,
	/* 1: a kind; a word of 0 is free */
	KEY_IN_USE_SHIFT = 48,
	/* at most 2 to this many kinds for each CPU */
	KEY_BITS = 7,
};
NAMES(io_key_layout);

/* Devices × operations × flags that one CPU can hold; it has 2^key_bits, for each of which there is memory. */
#define KEYS (1 << KEY_BITS)
const volatile u32 key_bits = KEY_BITS;

/* The kinds that one CPU has met. */
struct io_keys {
	/* requests not counted at all because no key was free */
	u64 full;
	u64 keys[KEYS];
};

CPU_SHARDS(kinds, struct io_keys);

static __always_inline struct io_keys *kinds_here(void)
{
	u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&kinds, &cpu);
}

/*
 * The first index from `start` on that has the key, or was free and has it now; KEYS if there is none. Rare, and a
 * separate function to the verifier, which would otherwise go through the loop once more for each path to it.
 */
__noinline u32 other_index(u64 key, u32 start)
{
	struct io_keys *shard = kinds_here();

	if (!shard)
		return KEYS;
	for (u32 tries = 0; tries < KEYS && tries >> key_bits == 0; tries++) {
		u32 n = (start + tries) & ((1U << key_bits) - 1) & (KEYS - 1);

		if (!shard->keys[n])
			shard->keys[n] = key;
		if (shard->keys[n] == key)
			return n;
	}
	shard->full++;
	return KEYS;
}

/* The index of this kind of request among those of all CPUs, a new one if it has none; -1 if none is free. */
static __always_inline u32 stats_index(u32 dev, u8 op, u8 flags)
{
	u64 key = 1ULL << KEY_IN_USE_SHIFT | (u64)dev << KEY_DEV_SHIFT | op << KEY_OP_SHIFT | flags;
	u32 index = (u32)(key ^ key >> 32) * 0x9e3779b1U >> (32 - key_bits) & (KEYS - 1);
	struct io_keys *shard = kinds_here();

	if (!shard || shard->keys[index] != key)
		index = other_index(key, index);
	return index < KEYS ? bpf_get_smp_processor_id() << key_bits | index : -1;
}
