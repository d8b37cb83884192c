/* SPDX-License-Identifier: GPL-2.0 */
/* CPU time of a task that runs at this moment: the kernel's own counter is that of its last tick or switch. */
#pragma once

#include "lib/core.bpf.h"

/* The scheduler's clock minus CLOCK_MONOTONIC, as of the last call of take_offset(). */
static u64 clock_offset;

/* No tick for this long (ns): the slice is not a running one but a misread clock. */
#define LONGEST_SLICE 1200000000ull

/*
 * CPU time of a running task since the kernel last updated its counter: exec_start is the run queue's clock_task of
 * that moment, and `clock` (from which clock_task is made by subtracting interrupt and steal time) has stood still
 * since its last update. 0 when the figures change during the read.
 */
static __always_inline u64 running_slice(struct task_struct *task)
{
	struct rq *rq = BPF_CORE_READ(task, se.cfs_rq, rq);
	u64 start = task->se.exec_start;
	u64 clock = BPF_CORE_READ(rq, clock);
	u64 slice = BPF_CORE_READ(rq, clock_task) - start;
	u64 since = bpf_ktime_get_ns() + clock_offset - clock;

	if (BPF_CORE_READ(task, se.exec_start) != start || BPF_CORE_READ(rq, clock) != clock)
		return 0;
	if (slice > LONGEST_SLICE || since > LONGEST_SLICE)
		return 0;
	return slice + since;
}

/* Once per scan: the offset of this CPU's clock, which the reader has had updated just before. */
static __always_inline void take_offset(void)
{
	/* this CPU's clock, which stands still while this task runs but for its ticks; not the _btf variant, which 5.10 lacks */
	struct task_struct *self = (void *)bpf_get_current_task();

	clock_offset = BPF_CORE_READ(self, se.cfs_rq, rq, clock) - bpf_ktime_get_ns();
}
