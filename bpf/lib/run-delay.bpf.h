/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The time in which a task waited for a CPU, without its sleep. The kernel's own sum (sched_info.run_delay, the second
 * figure of /proc/PID/schedstat) contains sleep since 6.12: a task that goes to sleep may stay on its queue until it
 * would be picked, and one that is moved to another CPU meanwhile is stamped there as if it were runnable. Its wake-up
 * sets no stamp while there is one, so the sleep ends in the sum. Every program that reads run_delay takes it from here;
 * the run-queue tracer and the full path of IO have checks of the same origin at their own hooks.
 *
 * Two hooks, under the lock of the task's queue: a move notes the sum, and the wake-up adds what it has gained since, and
 * what it will gain from a stamp of before the wake-up, to what is left out. Both are by the kernel's own clock, so a
 * kernel that stamps rightly has 0 left out. User space loads them where the kernel delays dequeues
 * (src/bpf/run-delay.ts), before the other programs of the object.
 */
#pragma once

#include "lib/core.bpf.h"
#include "lib/duration.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/runs.bpf.h"

/* See lib/runs.bpf.h. */
enum counted_program {
	RUN_asleep_moved,
	RUN_asleep_woken,
};
NAMES(counted_program);

/* A thread that was moved while it slept. Written under the lock of its queue. */
struct moved_sleeper {
	/* CLOCK_BOOTTIME of its begin: tells it from a later thread of this id */
	u64 start;
	/* sleep that is in its run_delay, or comes to it at the end of the present wait */
	u64 void_ns;
	/* run_delay when it was moved first in its present sleep */
	u64 before;
	/* of one that was found asleep: the stamp that it had; 0: moved since, whatever its stamp is */
	u64 found;
	u32 tid;
	/* it sleeps, and its stamp is void */
	u32 asleep;
};

/*
 * By the low bits of the tid: a look-up costs 3 ns and allocates nothing. Of two threads with equal bits the one that was
 * moved last has the entry, which is counted.
 */
enum moved_sleepers {
	MOVED_SLEEPERS = 1 << 14,
};
NAMES(moved_sleepers);

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, MOVED_SLEEPERS);
	__type(key, u32);
	__type(value, struct moved_sleeper);
} moved_sleepers SEC(".maps");

/* Threads whose entry another one took: their sums have sleep in them. */
static volatile u64 displaced_sleepers SEC(".data.sleepers");

static __always_inline struct moved_sleeper *sleeper_slot(u32 tid)
{
	u32 slot = tid & (MOVED_SLEEPERS - 1);

	return bpf_map_lookup_elem(&moved_sleepers, &slot);
}

static __always_inline bool is_of(const struct moved_sleeper *sleeper, struct task_struct *task)
{
	return sleeper->tid == (u32)task->pid && sleeper->start == task->start_boottime;
}

/* The entry of this thread; NULL: it was never moved asleep. */
static __always_inline struct moved_sleeper *sleeper_of(struct task_struct *task)
{
	struct moved_sleeper *sleeper = sleeper_slot(task->pid);

	return sleeper && is_of(sleeper, task) ? sleeper : 0;
}

/* The entry of this thread, which takes it if need be. */
static __always_inline struct moved_sleeper *sleeper_for(struct task_struct *task)
{
	struct moved_sleeper *sleeper = sleeper_slot(task->pid);

	if (!sleeper || is_of(sleeper, task))
		return sleeper;
	if (sleeper->tid && sleeper->tid != (u32)task->pid)
		shared_add((u64 *)&displaced_sleepers, 1);
	sleeper->tid = task->pid;
	sleeper->start = task->start_boottime;
	sleeper->void_ns = 0;
	sleeper->asleep = 0;
	return sleeper;
}

/*
 * Why here: the one place where a sleeping task can get a stamp, under the lock of its queue.
 * Cost: that of an empty program for each task that changes its CPU; 20 ns for those that sleep.
 * Loses: nothing.
 */
SEC("tp_btf/sched_migrate_task")
int BPF_PROG(asleep_moved, struct task_struct *task, int destination)
{
	struct moved_sleeper *sleeper;

	COUNT_RUN(asleep_moved);
	if (!is_delayed(task))
		return 0;
	sleeper = sleeper_for(task);
	if (!sleeper)
		return 0;
	sleeper->found = 0;
	/* leaving the old queue may have added an earlier void stamp to the sum: since its first move all of it is void */
	if (!sleeper->asleep)
		sleeper->before = task->sched_info.run_delay;
	sleeper->asleep = 1;
	return 0;
}

/*
 * Why here: from the wake-up on the time counts, and its queue's clock is of this moment.
 * Cost: that of an empty program and 5 ns for each wake-up of the machine.
 * Loses: nothing.
 */
SEC("tp_btf/sched_wakeup")
int BPF_PROG(asleep_woken, struct task_struct *task)
{
	struct moved_sleeper *sleeper = sleeper_slot(task->pid);
	u64 queued, clock;

	COUNT_RUN(asleep_woken);
	if (!sleeper || !sleeper->asleep || sleeper->tid != (u32)task->pid)
		return 0;
	sleeper->asleep = 0;
	queued = task->sched_info.last_queued;
	/* the stamp that was found is gone: it was that of a wake-up in progress */
	if (sleeper->start != task->start_boottime || (sleeper->found && sleeper->found != queued))
		return 0;
	clock = task->se.cfs_rq->rq->clock;
	sleeper->void_ns += duration(sleeper->before, task->sched_info.run_delay);
	if (queued)
		sleeper->void_ns += duration(queued, clock);
	return 0;
}

/*
 * Stamps of before the hooks: of a task that sleeps. Called once for each task, by an iterator after the hooks are
 * attached. `on_rq` and `sched_delayed` are of the moment, not under the lock: a wake-up in progress, which stamps before
 * it sets `on_rq`, is recognised by its stamp when it has ended.
 */
static __always_inline void find_sleeper(struct task_struct *task)
{
	u64 queued = *(volatile u64 *)&task->sched_info.last_queued;
	struct moved_sleeper *sleeper;

	if (!queued || task->on_cpu || (task->on_rq && !is_delayed(task)))
		return;
	sleeper = sleeper_for(task);
	if (!sleeper || sleeper->asleep)
		return;
	sleeper->before = task->sched_info.run_delay;
	sleeper->found = queued;
	sleeper->asleep = 1;
}

/*
 * Time in which it waited for a CPU so far: of waits that have ended and, unless it has the CPU, of the one that it is in.
 * Read under the lock of its queue, or by the task itself; else true of the moment, which may be that of a wake-up.
 */
static __always_inline u64 time_waited(struct task_struct *task)
{
	volatile struct sched_info *info = &task->sched_info;
	u64 queued = info->last_queued;
	u64 waited = info->run_delay;
	struct moved_sleeper *sleeper = 0;

	if (bpf_core_field_exists(task->se.sched_delayed)) {
		sleeper = sleeper_of(task);
		if (sleeper && sleeper->asleep && (!sleeper->found || sleeper->found == queued))
			return duration(sleeper->void_ns, sleeper->before);
	}
	if (queued && task->on_rq && !task->on_cpu && !is_delayed(task)) {
		s64 so_far = BPF_CORE_READ(task, se.cfs_rq, rq, clock) - queued;

		/* it gets the CPU, and the wait is in the sum already */
		if (info->last_queued != queued)
			waited = info->run_delay;
		else if (so_far > 0)
			waited += so_far;
	}
	return sleeper ? duration(sleeper->void_ns, waited) : waited;
}
