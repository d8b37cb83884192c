/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Values by key, one for each writer that has met the key. A writer is one program on one CPU: nothing runs it twice at
 * once, so entries are claimed and values are added to plainly, also where one program interrupts another. User space
 * adds up what the writers have.
 *
 * Each writer searches its own part of the index. Values are in slots of one pool, handed out by need: a CPU that is
 * offline, or meets few keys, takes none. Keys and slots are read through memory mappings.
 *
 * Only user space takes an entry back (src/bpf/keyed-store.ts): it overwrites the key of one that was left alone for
 * longest (STORE_CLOSED), reads the value once more an interval later, and returns the emptied slot to the queue. So a
 * value never changes its key, and no event falls between two reads.
 */
#pragma once

#include "lib/maps.bpf.h"

/* The first word of a key that is none. */
enum store_state {
	STORE_FREE,
	/* user space takes the entry back */
	STORE_CLOSED,
};
NAMES(store_state);

/* Entries that are tried for one key. */
#define STORE_TRIES 16
/* The slot of an event that found no entry or no slot. */
#define STORE_NONE (~0U)

/* The key is in two words. */
struct store_entry {
	/* or one of store_state, which no key has here */
	u64 a;
	u64 b;
	u32 slot;
	/* number of the interval of the newest event */
	u32 epoch;
};

struct store_writer {
	/* events that are in no value: the index or the pool was full */
	u64 full;
	/* number of the interval of the newest event of any key */
	u32 epoch;
	/* entries claimed so far: the reader searches for new ones when this has changed */
	u32 claims;
};

/* Number of a writer, of `programs` on each CPU. */
static __always_inline u32 store_writer(u32 program, u32 programs)
{
	return bpf_get_smp_processor_id() * programs + program;
}

static __always_inline u32 store_hash(u64 word)
{
	return (u32)(word ^ word >> 32) * 0x9e3779b1U;
}

static __always_inline struct store_entry *store_entry_at(void *index, u32 bits, u32 hash, u32 writer, u32 try)
{
	u32 at = writer << bits | (((hash >> (32 - bits)) + try) & ((1U << bits) - 1));

	return bpf_map_lookup_elem(index, &at);
}

/* Slot of a key of which this is the first event in the interval, or whose entry is not the first that is tried. */
static __always_inline u32 store_search(void *index, void *writers, void *unused, u32 bits, u64 a, u64 b, u32 hash,
					u32 writer, u32 epoch)
{
	struct store_writer *by = bpf_map_lookup_elem(writers, &writer);
	/* not its number: the verifier would follow each of them through the rest of the loop */
	struct store_entry *entry, *free = 0;
	u32 slot = STORE_NONE;

	if (!by)
		return STORE_NONE;
	for (u32 try = 0; try < STORE_TRIES; try++) {
		entry = store_entry_at(index, bits, hash, writer, try);
		if (!entry)
			return STORE_NONE;
		if (entry->a == a && entry->b == b) {
			entry->epoch = epoch;
			by->epoch = epoch;
			return entry->slot;
		}
		/* volatile: the compiler would join both conditions by a calculation with the pointer */
		if (!free && *(volatile u64 *)&entry->a == STORE_FREE)
			free = entry;
	}
	if (!free || bpf_map_pop_elem(unused, &slot)) {
		by->full++;
		return STORE_NONE;
	}
	free->slot = slot;
	free->epoch = epoch;
	free->b = b;
	barrier();
	/* last: the reader takes an entry with it for complete */
	free->a = a;
	by->epoch = epoch;
	by->claims++;
	return slot;
}

/*
 * A store of values of this type. src/bpf/load.ts sets the sizes and fills the queue of free slots. The search is a global
 * function: the verifier goes through its loop once, and not for each path to it.
 *
 * `NAME_of(a, b, hash, writer, epoch)`: the value of this key, null (and counted) if there is no room for a new one.
 * `hash` is that of the part of the key by which it is found.
 */
#define KEYED_STORE(name, value_type)                                                                              \
	struct {                                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                                  \
		__uint(map_flags, BPF_F_MMAPABLE);                                                                 \
		__uint(max_entries, 1);                                                                            \
		__type(key, u32);                                                                                  \
		__type(value, struct store_entry);                                                                 \
	} name##_index SEC(".maps");                                                                               \
	struct {                                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                                  \
		__uint(map_flags, BPF_F_MMAPABLE);                                                                 \
		__uint(max_entries, 1);                                                                            \
		__type(key, u32);                                                                                  \
		__type(value, struct store_writer);                                                                \
	} name##_writers SEC(".maps");                                                                             \
	/* no type of its values: queues with one are refused */                                                   \
	struct {                                                                                                   \
		__uint(type, BPF_MAP_TYPE_QUEUE);                                                                  \
		__uint(max_entries, 1);                                                                            \
		__uint(value_size, sizeof(u32));                                                                   \
	} name##_free SEC(".maps");                                                                                \
	struct {                                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                                  \
		__uint(map_flags, BPF_F_MMAPABLE);                                                                 \
		__uint(max_entries, 1);                                                                            \
		__type(key, u32);                                                                                  \
		__type(value, value_type);                                                                         \
	} name SEC(".maps");                                                                                       \
                                                                                                                   \
	/* each writer has 2^bits entries */                                                                       \
	const volatile u32 name##_bits = 8;                                                                        \
                                                                                                                   \
	__noinline u32 name##_search(u64 a, u64 b, u32 hash, u32 writer, u32 epoch)                                \
	{                                                                                                          \
		return store_search(&name##_index, &name##_writers, &name##_free, name##_bits, a, b, hash, writer, \
				    epoch);                                                                        \
	}                                                                                                          \
                                                                                                                   \
	static __always_inline value_type *name##_of(u64 a, u64 b, u32 hash, u32 writer, u32 epoch)                \
	{                                                                                                          \
		struct store_entry *entry = store_entry_at(&name##_index, name##_bits, hash, writer, 0);           \
		u32 slot;                                                                                          \
                                                                                                                   \
		slot = entry && entry->a == a && entry->b == b && entry->epoch == epoch ?                          \
			       entry->slot :                                                                       \
			       name##_search(a, b, hash, writer, epoch);                                           \
		return bpf_map_lookup_elem(&name, &slot);                                                          \
	}
