// SPDX-License-Identifier: GPL-2.0
/*
 * Cache misses of each process, by which the energy of memory is divided: each miss is an access to memory. Loaded only
 * where that energy has a counter and the processor counts misses.
 */
#include "lib/core.bpf.h"
#include "lib/duration.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/runs.bpf.h"
#include "cpu-counter.bpf.h"

/* See lib/runs.bpf.h. */
enum counted_program {
	RUN_misses_end,
};
NAMES(counted_program);

struct miss_key {
	/* of the process, CLOCK_BOOTTIME */
	u64 start;
	u32 tgid;
	u32 unused;
};

/* Since start. */
struct misses {
	u64 count;
};

/* The processes that were silent for longest give way. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct miss_key);
	__type(value, struct misses);
} missed SEC(".maps");

/* A CPU's counter as it was at its last context switch. */
struct misses_cpu {
	u64 counter;
	/* 0: not known */
	u64 known;
	/* switches at which it could not be read, since start */
	u64 unread;
};
CPU_SHARDS(misses_cpus, struct misses_cpu);

/*
 * Why here: a perf event per process would take a descriptor each. The misses of a slice are the difference of its CPU's
 * counter. Interrupts are in it.
 * Cost: about 0.2 µs per switch with the stand-in that tests count by, most of it reading that; a PMU was not at hand.
 * Loses: slices whose counter cannot be read (`unread`), and processes that found the map full of busier ones. A slice that
 * is not over counts in the interval in which it ends.
 */
SEC("tp_btf/sched_switch")
int BPF_PROG(misses_end, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	u32 cpu = bpf_get_smp_processor_id();
	struct misses_cpu *shard = bpf_map_lookup_elem(&misses_cpus, &cpu);
	struct misses *known, first = {};
	struct miss_key key = {};
	u64 counter, before;

	COUNT_RUN(misses_end);
	if (!shard)
		return 0;
	if (!read_counter(&counter)) {
		shard->known = 0;
		shard->unread++;
		return 0;
	}
	before = shard->known ? shard->counter : counter;
	shard->counter = counter;
	shard->known = 1;
	if (!prev->pid || counter <= before)
		return 0;
	key.tgid = BPF_CORE_READ(prev, tgid);
	key.start = BPF_CORE_READ(prev, group_leader, start_boottime);
	first.count = counter - before;
	known = bpf_map_lookup_elem(&missed, &key);
	if (!known) {
		if (!bpf_map_update_elem(&missed, &key, &first, BPF_NOEXIST))
			return 0;
		/* another thread of the process was first */
		known = bpf_map_lookup_elem(&missed, &key);
		if (!known)
			return 0;
	}
	shared_add(&known->count, first.count);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
