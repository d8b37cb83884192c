/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kind of a request, and the slot of its values. Each CPU searches among the kinds that it has met, which no other
 * CPU writes: cheaper than a BPF hash map, and read without a system call. Slots come from one pool by need, so a CPU
 * that is offline, or has met few kinds, takes none.
 */
#pragma once

/* A kind of request as a word: its flags (of io_flag), and from these bits on the rest. */
enum io_key_layout {
	KEY_OP_SHIFT = 8,
	KEY_DEV_SHIFT = 16,
	/* 1: a kind; a word of 0 is free */
	KEY_IN_USE_SHIFT = 48,
	/* 2 to this many kinds for each CPU */
	KEY_BITS = 9,
};
NAMES(io_key_layout);

/* Devices × operations × flags that one CPU can tell apart. */
#define KEYS (1 << KEY_BITS)

/* Slots of all CPUs together. */
const volatile u32 pool_slots = 2 * KEYS;

/* The next slot that may be free: a hint, which CPUs write side by side. */
static volatile u32 pool_next;

/* Slots that were handed out. Adding a key that is there fails: that decides between CPUs, on every kernel. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2 * KEYS);
	__type(key, u32);
	__type(value, u32);
} slots_taken SEC(".maps");

/* CPUs that may take a slot at the same moment, and more. */
#define SLOT_TRIES 64

/* The kinds that one CPU has met. */
struct io_keys {
	/* requests not counted at all because no key or no slot was free */
	u64 full;
	u64 keys[KEYS];
	u32 slots[KEYS];
	u32 used;
};

CPU_SHARDS(kinds, struct io_keys);

static __always_inline struct io_keys *kinds_here(void)
{
	u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&kinds, &cpu);
}

/* A slot that nobody has; not below pool_slots if there is none. */
static __always_inline u32 new_slot(void)
{
	u32 slot;

	for (u32 tries = 0; tries < SLOT_TRIES; tries++) {
		slot = pool_next;
		if (slot >= pool_slots)
			break;
		pool_next = slot + 1;
		if (!bpf_map_update_elem(&slots_taken, &slot, &slot, BPF_NOEXIST))
			return slot;
	}
	return -1;
}

/*
 * The first index from `start` on that has the key, or was free and has it now; KEYS if there is none. Rare, and a
 * separate function to the verifier, which would otherwise go through the loop once more for each path to it.
 */
__noinline u32 other_index(u64 key, u32 start)
{
	struct io_keys *shard = kinds_here();
	u32 slot;

	if (!shard)
		return KEYS;
	for (u32 tries = 0; tries < KEYS; tries++) {
		u32 n = (start + tries) & (KEYS - 1);

		if (shard->keys[n] == key)
			return n;
		if (shard->keys[n])
			continue;
		slot = new_slot();
		if (slot >= pool_slots)
			break;
		shard->slots[n] = slot;
		shard->used++;
		/* last: the reader takes a key for complete */
		shard->keys[n] = key;
		return n;
	}
	shard->full++;
	return KEYS;
}

/* The slot of this kind of request on this CPU, a new one if it has none; -1 if none is free. */
static __always_inline u32 stats_index(u32 dev, u8 op, u8 flags)
{
	u64 key = 1ULL << KEY_IN_USE_SHIFT | (u64)dev << KEY_DEV_SHIFT | op << KEY_OP_SHIFT | flags;
	u32 index = (u32)(key ^ key >> 32) * 0x9e3779b1U >> (32 - KEY_BITS);
	struct io_keys *shard = kinds_here();

	if (!shard)
		return -1;
	if (shard->keys[index & (KEYS - 1)] != key)
		index = other_index(key, index);
	return index < KEYS ? shard->slots[index] : -1;
}
