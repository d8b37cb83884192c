// SPDX-License-Identifier: GPL-2.0
/*
 * The figures of runqlat.bpf.c for kernels that lack what it needs (the scheduler's stamps, storage of tasks): own
 * stamps in bounded hashes, at six times the cost per wait. Without storage there is no leader to keep figures in:
 * processes are distinguished by pid and by the time when their counters began.
 */
#include "lib/core.bpf.h"
#include "lib/duration.bpf.h"
#include "lib/hist.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/runs.bpf.h"
#include "waits.bpf.h"

/* See lib/runs.bpf.h. */
enum counted_program {
	RUN_woken,
	RUN_woken_new,
	RUN_migrated,
	RUN_freed,
	RUN_switched,
};
NAMES(counted_program);

/* Written only on its own CPU. */
struct cpu_waits {
	u64 sum_ns;
	u32 longest[4] __attribute__((aligned(8)));
	/* waits whose beginning is not known, because `stamps` was full or because no hook saw it */
	u64 unstamped;
	/* waits of a process that found `processes` full */
	u64 untracked;
	/* last records of processes that found the ring full */
	u64 ring_full;
	u64 slots[HIST_SLOTS(CPU_SUB_BITS)];
};
CPU_SHARDS(cpu_waits, struct cpu_waits);

/* task_struct.on_rq of a task between two queues (TASK_ON_RQ_MIGRATING) */
#define ON_RQ_MIGRATING 2

struct stamp {
	/* CLOCK_MONOTONIC, and by the clock that waits are measured with (see queue_clock) */
	u64 since;
	u64 queued;
	/* its CPU time until then */
	u64 ran_ns;
	/* the part of the wait that is in run_delay_ns already */
	u64 moved_ns;
	u32 tgid;
	/* CPU of its queue */
	u32 cpu;
	char comm[TASK_COMM_LEN];
};

/* By thread: those that wait now. Preallocated, since nothing may be allocated under the run queue's lock. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32768);
	__type(key, u32);
	__type(value, struct stamp);
} stamps SEC(".maps");

struct process_waits {
	/* CLOCK_MONOTONIC when its counters began */
	u64 created;
	char comm[TASK_COMM_LEN];
	/* waits that have ended */
	u64 sum_ns;
	/* likewise, and of the others the part before the task moved to another CPU: the kernel's own run_delay */
	u64 run_delay_ns;
	u32 longest[4] __attribute__((aligned(8)));
	u32 slots[HIST_SLOTS(PROCESS_SUB_BITS)];
};

/* By thread group. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, u32);
	__type(value, struct process_waits);
} processes SEC(".maps");

/* The number of the running interval. Written by user space only. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} interval SEC(".maps");

/* A process that has ended. */
struct ended_record {
	u32 tgid;
	u32 unused;
	struct process_waits waits;
};
RECORD(ended_record);
RING(ended, 4 << 20);

/* New entries of `processes` are copied from this: too large for the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct process_waits);
} blank SEC(".maps");

static __always_inline void raise_longest(u32 longest[4], u64 epoch, u64 ns)
{
	u64 *word = (u64 *)longest + (epoch & 1);

	if (is_longer(*word, epoch, ns))
		*word = tagged(epoch, ns);
}

/*
 * Measure with CLOCK_MONOTONIC even where the run queue's clock is known: as on kernels without FAIR_GROUP_SCHED, for
 * tests.
 */
const volatile bool by_monotonic = false;

/*
 * The clock of the task's run queue, with which the scheduler measures, where this kernel has a path to it. It stands
 * still from a wake-up until the switch that this leads to, which makes some µs in each wait. All hooks that ask for it
 * run under the lock of that queue, so it is the clock of their event.
 */
static __always_inline u64 queue_clock(struct task_struct *task)
{
	if (!by_monotonic && bpf_core_field_exists(task->se.cfs_rq) && bpf_core_field_exists(struct cfs_rq, rq))
		return task->se.cfs_rq->rq->clock;
	return bpf_ktime_get_ns();
}

static __always_inline void begin_wait(struct task_struct *task, u32 queue)
{
	struct stamp stamp = {
		.since = bpf_ktime_get_ns(),
		.queued = queue_clock(task),
		.ran_ns = task->se.sum_exec_runtime,
		.tgid = task->tgid,
		.cpu = queue,
	};
	u32 tid = task->pid;

	if (!tid)
		return;
	bpf_probe_read_kernel(stamp.comm, sizeof(stamp.comm), task->comm);
	/* when the map is full, the end of the wait finds no stamp and counts that */
	bpf_map_update_elem(&stamps, &tid, &stamp, BPF_ANY);
}

static __always_inline struct process_waits *process_of(struct task_struct *task)
{
	const u32 zero = 0;
	u32 tgid = task->tgid;
	struct process_waits *process = bpf_map_lookup_elem(&processes, &tgid);
	struct process_waits *empty;

	if (process)
		return process;
	empty = bpf_map_lookup_elem(&blank, &zero);
	if (!empty || bpf_map_update_elem(&processes, &tgid, empty, BPF_NOEXIST) == -7)
		return 0;
	process = bpf_map_lookup_elem(&processes, &tgid);
	if (process && !process->created) {
		process->created = bpf_ktime_get_ns();
		bpf_probe_read_kernel(process->comm, sizeof(process->comm), task->comm);
	}
	return process;
}

/*
 * Why here: the task becomes runnable. One that is woken before it has gone to sleep runs on and does not wait.
 * Cost: 170 ns per wake-up.
 * Loses: the wait when `stamps` is full, counted.
 */
SEC("tp_btf/sched_wakeup")
int BPF_PROG(woken, struct task_struct *task)
{
	COUNT_RUN(woken);
	/* the waker holds the lock of the queue: on_cpu and wake_cpu are those of this wake-up */
	if (!task->on_cpu)
		begin_wait(task, task->wake_cpu);
	return 0;
}

/* As above, for new tasks. */
SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(woken_new, struct task_struct *task)
{
	COUNT_RUN(woken_new);
	begin_wait(task, task->wake_cpu);
	return 0;
}

/*
 * Why here: a waiting task is put on another CPU's queue. The wait goes on, but the kernel adds the elapsed part to
 * run_delay at this moment, and the reported total has to agree with that.
 * Cost: that of an empty program where a task is woken on another CPU, which is nearly always; 200 ns where it waits.
 */
SEC("tp_btf/sched_migrate_task")
int BPF_PROG(migrated, struct task_struct *task, int destination)
{
	u32 tid = task->pid;
	struct process_waits *process;
	struct stamp *stamp;
	u64 waited;

	COUNT_RUN(migrated);
	/* written by the mover, in whose context this runs */
	if (task->on_rq != ON_RQ_MIGRATING)
		return 0;
	stamp = bpf_map_lookup_elem(&stamps, &tid);
	process = stamp ? process_of(task) : 0;
	if (!process)
		return 0;
	/* its run queue is still the old one */
	waited = duration(stamp->queued, queue_clock(task));
	__sync_fetch_and_add(&process->run_delay_ns, waited - stamp->moved_ns);
	stamp->moved_ns = waited;
	stamp->cpu = destination;
	return 0;
}

/*
 * Why here: when the last thread of a process is gone, so are its counters; they go to the reader first.
 * Cost: one record per process that ends.
 * Loses: the record when the ring is full, counted.
 */
SEC("tp_btf/sched_process_free")
int BPF_PROG(freed, struct task_struct *task)
{
	u32 this_cpu = bpf_get_smp_processor_id();
	u32 tid = task->pid;
	struct process_waits *process;
	struct ended_record *record;
	struct cpu_waits *cpu;

	COUNT_RUN(freed);
	bpf_map_delete_elem(&stamps, &tid);
	if (task->pid != task->tgid)
		return 0;
	process = bpf_map_lookup_elem(&processes, &tid);
	if (!process)
		return 0;
	record = bpf_ringbuf_reserve(&ended, sizeof(*record), 0);
	if (record) {
		record->tgid = tid;
		record->unused = 0;
		bpf_probe_read_kernel(&record->waits, sizeof(record->waits), process);
		bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	} else {
		cpu = bpf_map_lookup_elem(&cpu_waits, &this_cpu);
		if (cpu)
			__sync_fetch_and_add(&cpu->ring_full, 1);
	}
	bpf_map_delete_elem(&processes, &tid);
	return 0;
}

/* The wait that `stamp` began is over. */
static __noinline void end_wait(struct task_struct *task, struct stamp *stamp, struct cpu_waits *cpu, u64 epoch,
				u64 wait)
{
	u32 tid = task->pid;
	u32 slot = hist_slot(wait, CPU_SUB_BITS);
	u64 moved = stamp->moved_ns;
	struct process_waits *process;

	bpf_map_delete_elem(&stamps, &tid);
	cpu->sum_ns += wait;
	cpu->slots[slot]++;
	raise_longest(cpu->longest, epoch, wait);
	process = process_of(task);
	if (!process) {
		cpu->untracked++;
		return;
	}
	if (task->pid == task->tgid)
		bpf_probe_read_kernel(process->comm, sizeof(process->comm), task->comm);
	__sync_fetch_and_add(&process->sum_ns, wait);
	__sync_fetch_and_add(&process->run_delay_ns, wait - moved);
	__sync_fetch_and_add(&process->slots[hist_coarser(slot, CPU_SUB_BITS, PROCESS_SUB_BITS)], 1);
	raise_longest(process->longest, epoch, wait);
}

/*
 * Why here: one wait ends (next's), and one begins where prev did not go to sleep. Where the platform hides switches
 * (docs/kernel-notes.md) prev may still have its stamp: then its wait was all the time in which it did not run.
 * Cost: 350 ns per switch.
 * Loses: waits that began before tracing or have no stamp, counted; per process those that find `processes` full,
 * counted. The longest wait of a process may be missed when two of its threads raise it at once.
 */
SEC("tp_btf/sched_switch")
int BPF_PROG(switched, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	const u32 zero = 0;
	u32 this_cpu = bpf_get_smp_processor_id();
	u32 prev_tid = prev->pid;
	u32 tid = next->pid;
	u64 *epoch = bpf_map_lookup_elem(&interval, &zero);
	struct cpu_waits *cpu = bpf_map_lookup_elem(&cpu_waits, &this_cpu);
	struct stamp *stamp;

	COUNT_RUN(switched);
	if (!cpu || !epoch)
		return 0;
	/* prev's CPU time was brought up to date by the scheduler before this hook; its state is its own */
	stamp = bpf_map_lookup_elem(&stamps, &prev_tid);
	if (stamp) {
		u64 ran = prev->se.sum_exec_runtime - stamp->ran_ns;

		end_wait(prev, stamp, cpu, *epoch, duration(stamp->queued + ran, queue_clock(prev)));
	}
	if (preempt || task_state(prev) == 0)
		begin_wait(prev, this_cpu);
	if (!tid)
		return 0;
	stamp = bpf_map_lookup_elem(&stamps, &tid);
	if (stamp)
		end_wait(next, stamp, cpu, *epoch, duration(stamp->queued, queue_clock(next)));
	else
		cpu->unstamped++;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
