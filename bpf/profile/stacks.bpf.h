/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Stacks and figures of a profile. A stack is stored once under a hash of its frames, in a map of our own: the kernel's
 * stack map gives two stacks that share a bucket the same id, or refuses the second, and reuses ids. Of ten thousand
 * stacks two share 53 bits of hash with a probability of 6e-9.
 */
#pragma once

#include "lib/core.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/task-filter.bpf.h"

enum stack_limits {
	/* also the kernel's default limit (kernel.perf_event_max_stack) */
	MAX_FRAMES = 127,
};
NAMES(stack_limits);

/* User space reads ids as doubles, which hold so many bits. */
#define STACK_ID_MASK ((1ULL << 53) - 1)

/* Ids of stacks that are none. */
enum no_stack {
	/* the task has no such stack: a kernel thread has no user stack */
	STACK_NONE,
	/* the map of stacks was full */
	STACK_LOST,
	FIRST_STACK,
};
NAMES(no_stack);

/* Flag of a task: forked, and no exec since. */
#define PF_FORKNOEXEC 0x00000040

#define BPF_F_USER_STACK (1ULL << 8)

struct stack {
	/* return addresses, innermost first; an address of the kernel is negative */
	s64 frames[MAX_FRAMES];
	u32 depth;
	u32 unused;
};

struct profile_key {
	/* address of the mm: changes with exec; 0: kernel thread */
	s64 space;
	u64 user;
	u64 kernel;
	u32 tgid;
	u32 tid;
	/* the object's own distinction: what the time was, or the address of a lock */
	s64 kind;
};

struct profile_value {
	u64 count;
	u64 ns;
	/* name of the thread at the first event */
	char comm[TASK_COMM_LEN];
};

/* An address space that was seen for the first time: its mappings are to be read while it exists. */
struct space {
	s64 space;
	u32 tgid;
	/* the process that it was forked from, whose mappings it has; 0: it has called exec since */
	u32 parent;
};
RECORD(space);

struct profile_losses {
	/* events that were counted, and those that found a map full */
	u64 events;
	u64 stacks_full;
	u64 counts_full;
	/* events of tasks whose starting point was overwritten or not seen */
	u64 unmatched;
	/* stacks of more than MAX_FRAMES */
	u64 deep;
	/* stacks that were copied for user space to unwind, and those that found the ring full */
	u64 copied;
	u64 copied_bytes;
	u64 copies_lost;
};
CPU_SHARDS(profile_cpus, struct profile_losses);

/* Allocated at load: events occur in contexts that cannot allocate. The loader sets the sizes. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, u64);
	__type(value, struct stack);
} stacks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct profile_key);
	__type(value, struct profile_value);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct space);
	__type(value, u32);
} seen_spaces SEC(".maps");

RING(spaces, 1 << 17);

/* Too large for the BPF stack. Hooks run with preemption off, and a program never nests within itself. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct stack);
} scratch SEC(".maps");

/* Which tasks are profiled: bits of enum task_filter, and the values. */
const volatile u64 filter_on;
const volatile u64 filter_tgid;
const volatile u64 filter_cgroup;
const volatile u64 filter_comm_low;
const volatile u64 filter_comm_high;
/* a thread; 0: all */
const volatile u32 filter_tid;

struct mm_struct;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct task_struct___profile {
	struct mm_struct *mm;
};
#pragma clang attribute pop

static __always_inline s64 space_of(struct task_struct *task)
{
	return (s64)BPF_CORE_READ((struct task_struct___profile *)task, mm);
}

static __always_inline bool task_wanted(struct task_struct *task, u32 tgid, u32 tid)
{
	if (filter_tid && tid != filter_tid)
		return false;
	if (filter_is_on(filter_on, FILTER_TGID) && tgid != filter_tgid)
		return false;
	if (filter_is_on(filter_on, FILTER_COMM)) {
		u64 comm[2] = { 0 };

		bpf_probe_read_kernel(comm, sizeof(comm), &task->comm);
		if (comm[0] != filter_comm_low || comm[1] != filter_comm_high)
			return false;
	}
	if (filter_is_on(filter_on, FILTER_CGROUP))
		return cgroup_is_below(BPF_CORE_READ(task, cgroups, dfl_cgrp), filter_cgroup, false);
	return true;
}

/* Store `bytes` of frames under their hash. Returns its id. Once in the program: after 10 ms its code is not in a cache. */
static __noinline u64 keep_stack(struct profile_losses *cpu, struct stack *stack, long bytes)
{
	u64 hash = 0x9e3779b97f4a7c15;
	u32 depth;

	if (bytes <= 0)
		return STACK_NONE;
	depth = (u32)bytes / sizeof(s64);
	for (u32 i = 0; i < MAX_FRAMES; i++) {
		if (i >= depth)
			break;
		hash = (hash ^ (u64)stack->frames[i]) * 0xff51afd7ed558ccd;
		hash ^= hash >> 32;
	}
	hash &= STACK_ID_MASK;
	if (hash < FIRST_STACK)
		hash = FIRST_STACK;
	if (bpf_map_lookup_elem(&stacks, &hash))
		return hash;
	stack->depth = depth;
	if (depth == MAX_FRAMES)
		cpu->deep++;
	if (bpf_map_update_elem(&stacks, &hash, stack, BPF_NOEXIST) == 0 || bpf_map_lookup_elem(&stacks, &hash))
		return hash;
	cpu->stacks_full++;
	return STACK_LOST;
}

/*
 * Store the stack of the current task. Returns its id. Cost: about 0.3 µs beside the walk itself.
 * `flags`: BPF_F_USER_STACK or 0.
 */
static __always_inline u64 store_stack(void *ctx, struct profile_losses *cpu, u64 flags)
{
	u32 zero = 0;
	struct stack *stack = bpf_map_lookup_elem(&scratch, &zero);

	if (!stack)
		return STACK_LOST;
	return keep_stack(cpu, stack, bpf_get_stack(ctx, stack->frames, sizeof(stack->frames), flags));
}

/* Ask user space for the mappings of an address space, once. */
static __always_inline void announce(struct task_struct *task, s64 space, u32 tgid)
{
	struct space record = { .space = space, .tgid = tgid };
	u32 one = 1;

	if (space == 0)
		return;
	/* threads have the flag of their fork: the first one says what became of the process */
	if (BPF_CORE_READ(task, group_leader, flags) & PF_FORKNOEXEC)
		record.parent = BPF_CORE_READ(task, group_leader, real_parent, tgid);
	if (bpf_map_lookup_elem(&seen_spaces, &record))
		return;
	if (bpf_map_update_elem(&seen_spaces, &record, &one, BPF_NOEXIST) == 0)
		bpf_ringbuf_output(&spaces, &record, sizeof(record), BPF_RB_NO_WAKEUP);
}

static __always_inline void add_event(struct profile_losses *cpu, const struct profile_key *key,
				      struct task_struct *task, u64 count, u64 ns)
{
	struct profile_value *value = bpf_map_lookup_elem(&counts, key);

	cpu->events++;
	if (!value) {
		struct profile_value fresh = { 0 };

		bpf_probe_read_kernel(fresh.comm, sizeof(fresh.comm), &task->comm);
		bpf_map_update_elem(&counts, key, &fresh, BPF_NOEXIST);
		value = bpf_map_lookup_elem(&counts, key);
		if (!value) {
			cpu->counts_full++;
			return;
		}
		announce(task, key->space, key->tgid);
	}
	__sync_fetch_and_add(&value->count, count);
	__sync_fetch_and_add(&value->ns, ns);
}
