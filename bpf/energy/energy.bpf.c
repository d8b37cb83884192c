// SPDX-License-Identifier: GPL-2.0
/*
 * CPU time of every thread, from the kernel's own counter (se.sum_exec_runtime). Nothing runs per context switch:
 * living threads are read once per tick, each dead one leaves one record.
 *
 * The kernel does not count everything by thread. These have their own programs, which the loader leaves out where they
 * have nothing to report: moves between packages (`thread_moves`, several packages only), CPU cycles (`cycles_end`,
 * with a PMU only) and time in interrupts (only where the kernel counts that as time of the task it interrupts).
 */
#include "lib/core.bpf.h"
#include "lib/duration.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/runs.bpf.h"
#include "lib/running-slice.bpf.h"
#include "lib/walk.bpf.h"

/* See lib/runs.bpf.h. */
enum counted_program {
	RUN_thread_exits,
	RUN_thread_ended,
	RUN_group_changes,
	RUN_thread_moves,
	RUN_detail_begins,
	RUN_cycles_end,
	RUN_handler_begins,
	RUN_handler_ends,
	RUN_timer_begins,
	RUN_timer_ends,
	RUN_reschedule_begins,
	RUN_reschedule_ends,
	RUN_call_begins,
	RUN_call_ends,
	RUN_call_single_begins,
	RUN_call_single_ends,
	RUN_work_begins,
	RUN_work_ends,
	RUN_softirq_begins,
	RUN_softirq_ends,
};
NAMES(counted_program);

#include "thread-detail.bpf.h"

enum thread_state {
	THREAD_ALIVE = 0,
	/* in its exit, its time not final yet */
	THREAD_EXITING = 1,
	THREAD_DEAD = 2,
	/* about to leave a package, with its time there */
	THREAD_MOVES = 3,
	/* alive, and has not run since its last record: this record ends with the head */
	THREAD_IDLE = 4,
};
NAMES(thread_state);

/* Enough for a thread that has not run since its last record, as most have not. */
struct thread_head {
	/*
	 * Address of the task_struct, only as an identity: nothing else stays when a thread that is not the leader
	 * calls exec and takes over the leader's id and start time.
	 */
	u32 task_low;
	u32 task_high;
	u64 cpu_ns;
	/* CLOCK_BOOTTIME */
	u64 start;
	u32 state;
	/* where it is, or ran last */
	u32 cpu;
};
RECORD(thread_head);

/* One thread, alive (iterator), moving or ending (rings). */
struct thread_record {
	struct thread_head head;
	/* CLOCK_BOOTTIME; 0 where it is not known any more */
	u64 process_start;
	u64 cgroup;
	/* in the initial pid namespace */
	u32 tgid;
	u32 tid;
	u32 uid;
	u32 unused;
	char comm[TASK_COMM_LEN];
	/* see thread_detail; 0 without */
	u64 irq_ns;
	u64 cycles;
	u64 cycles_ns;
};
RECORD(thread_record);

/* Written last by the iterator. */
struct iteration_end {
	u64 boot_ns;
};
RECORD(iteration_end);

/* Records that found the ring full, and the whole CPU time of those threads. */
struct lost {
	u64 records;
	u64 cpu_ns;
};
CPU_SHARDS(lost, struct lost);

/* For 19,000 threads that end between two readings, with two records each; half of that on two CPUs. */
RING(ended, 4 << 20);

/* Records of a walk: for 18,000 threads that ran; smaller where there are fewer. */
RING(reports, 2 << 20);

/*
 * The CPU time is one word that its CPU writes at ticks and switches: that of the last of these. Groups and credentials
 * are read under RCU, under which they are freed; a name that is written meanwhile may be mixed.
 */
static __always_inline void fill(const bool casts, struct thread_record *record, struct task_struct *task, u32 state)
{
	struct task_struct *plain = untrusted(casts, task);
	struct task_struct *leader = plain->group_leader;

	*(struct task_struct **)&record->head.task_low = task;
	record->head.cpu_ns = task->se.sum_exec_runtime;
	record->head.start = task->start_boottime;
	record->cgroup = plain->cgroups->dfl_cgrp->kn->id;
	record->tgid = task->tgid;
	record->tid = task->pid;
	record->head.state = state;
	record->head.cpu = BPF_CORE_READ(task, se.cfs_rq, rq, cpu);
	/* as proc does: `cred` is the mounter's while the task is inside overlayfs, nfsd, ksmbd (override_creds()) */
	record->uid = BPF_CORE_READ(task, real_cred, euid.val);
	record->unused = 0;
	/*
	 * A dead thread's leader may be dead too and its memory reused. It is still the leader if it shares this task's
	 * signal_struct, which the task keeps alive.
	 */
	record->process_start = leader->signal == plain->signal ? leader->start_boottime : 0;
	bpf_probe_read_kernel(record->comm, sizeof(record->comm), task->comm);
	record->irq_ns = 0;
	record->cycles = 0;
	record->cycles_ns = 0;
	if (with_details) {
		struct thread_detail *detail = bpf_task_storage_get(
			&details, task, 0, state == THREAD_ALIVE ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0);

		if (detail) {
			record->irq_ns = detail->hard_ns + detail->soft_ns;
			record->cycles = detail->cycles;
			record->cycles_ns = detail->cycles_ns;
		}
	}
}

struct scan {
	/* counted by the reader from 1; 0: report everything */
	u64 number;
	/* written by a walk at its end: the time, and the number of threads, those without a record included */
	u64 boot_ns;
	u64 threads;
};
CPU_SHARDS(scan, struct scan);

/* A CPU's clock_task at the last scans, before they came to any other thread of it; written by the iterator. */
struct scanned_cpu {
	u64 number;
	/* newest first */
	u64 clocks[3];
};
CPU_SHARDS(scanned_cpus, struct scanned_cpu);

/*
 * Has it not run since its last record? exec_start is when it last ran, by the clock of the CPU where that was, and a
 * thread that is on no queue is still there: it changes CPUs when it is woken. The clock to compare with is that of two
 * scans ago: between the newest and this thread's last record, it may have come here from a CPU that was scanned later.
 * A thread that was moved here while it slept, whose exec_start is by another clock, has a stamp (lib/run-delay.bpf.h).
 * One that is woken during these reads is reported at the next scan.
 */
static __always_inline bool is_idle(struct task_struct *task)
{
	struct rq *rq = BPF_CORE_READ(task, se.cfs_rq, rq);
	u32 cpu = BPF_CORE_READ(rq, cpu), first = 0;
	struct scanned_cpu *scanned = bpf_map_lookup_elem(&scanned_cpus, &cpu);
	struct scan *now = bpf_map_lookup_elem(&scan, &first);

	if (!scanned || !now || !now->number)
		return false;
	if (scanned->number != now->number) {
		scanned->number = now->number;
		scanned->clocks[2] = scanned->clocks[1];
		scanned->clocks[1] = scanned->clocks[0];
		scanned->clocks[0] = BPF_CORE_READ(rq, clock_task);
	}
	/* 0: it has never run */
	return task->se.exec_start && task->se.exec_start < scanned->clocks[2] && !task->on_cpu && !task->on_rq &&
	       !task->sched_info.last_queued;
}

static __always_inline bool emit_thread(const bool walks, void *to, struct task_struct *task)
{
	struct thread_record record = {};

	fill(walks, &record, task, THREAD_ALIVE);
	if (task->on_cpu)
		record.head.cpu_ns += running_slice(task);
	return emit_record(walks, to, &record, sizeof(record));
}

/*
 * Why here: the kernel keeps the counter anyway, and a task that never leaves its CPU is as exact as any other.
 * Cost: about 0.5 µs per thread and tick, 1 µs for those that run, in the reading thread's own time.
 * Loses: nothing but microseconds: for running tasks the slice since the last tick is added. It is short by the age of
 * this CPU's clock, which the reader has had updated just before; it is charged at the next read.
 */
SEC("iter/task")
int read_threads(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct thread_head head = {};
	struct iteration_end end;

	if (ctx->meta->seq_num == 0)
		take_offset();
	if (!task) {
		end.boot_ns = bpf_ktime_get_boot_ns();
		emit_record(false, ctx->meta->seq, &end, sizeof(end));
		return 0;
	}
	if (is_idle(task)) {
		*(struct task_struct **)&head.task_low = task;
		head.cpu_ns = task->se.sum_exec_runtime;
		head.start = task->start_boottime;
		head.state = THREAD_IDLE;
		emit_record(false, ctx->meta->seq, &head, sizeof(head));
		return 0;
	}
	emit_thread(false, ctx->meta->seq, task);
	return 0;
}

/*
 * Each scan also reports one of so many parts of the idle threads: another task may have given them a name or a group.
 */
#define IDLE_PARTS 30

/*
 * Why here: as above, where the kernel can walk. Idle threads are not reported: their last record is still right.
 * Exiting ones always are, so that an exiting thread without a record has gone.
 * Cost: about 0.2 µs per thread and tick, 1 µs for those that ran, in the reading thread's own time.
 * Loses: as above. A thread that vanished without an exit record shows in the number of all threads.
 */
SEC("syscall")
int walk_threads(void *ctx)
{
	struct bpf_iter_task walk;
	struct task_struct *task;
	u32 first = 0, part, complete = WALK_COMPLETE;
	u64 left = walk_limit, begun = bpf_ktime_get_ns();
	struct scan *now = bpf_map_lookup_elem(&scan, &first);

	if (!now)
		return WALK_INCOMPLETE;
	part = now->number % IDLE_PARTS;
	take_offset();
	bpf_rcu_read_lock();
	bpf_iter_task_new(&walk, 0, ALL_THREADS);
	while ((task = bpf_iter_task_next(&walk))) {
		/* the idle task of a CPU */
		if (!task->pid)
			continue;
		if (!left-- || walk_is_long(left, begun)) {
			complete = WALK_INCOMPLETE;
			break;
		}
		if (is_idle(task) && !(task->flags & PF_EXITING) && (u32)task->tgid % IDLE_PARTS != part)
			continue;
		if (!emit_thread(true, &reports, task)) {
			complete = WALK_INCOMPLETE;
			break;
		}
	}
	bpf_iter_task_destroy(&walk);
	bpf_rcu_read_unlock();
	now->boot_ns = bpf_ktime_get_boot_ns();
	now->threads = walk_limit - left;
	return complete;
}

/*
 * Why here: between two scans, which may be an hour apart, CLOCK_MONOTONIC is adjusted (NTP) and the scheduler's clock is
 * not: 50 ppm are 3 ms a minute, which would be in the last slice of every thread that exits. Run each time that the rings
 * are drained, where the kernel can walk.
 * Cost: a microsecond in the reading thread's own time.
 * Loses: nothing.
 */
SEC("syscall")
int update_offset(void *ctx)
{
	take_offset();
	return 0;
}

/* Moves of tasks to other control groups, in any hierarchy. */
static volatile u64 group_moves SEC(".data.groups");

/*
 * Why here: others move a task that sleeps, which has no record of its own then; the next scan reports everything.
 * Cost: one addition for each task that is moved.
 * Loses: nothing.
 */
SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(group_changes)
{
	COUNT_RUN(group_changes);
	shared_add((u64 *)&group_moves, 1);
	return 0;
}

/*
 * Why here: a thread that lives between two reads is known by name from here on, even if its last record should not
 * come (a program may be skipped where it would nest, and on kernels that exempt some process from tracing, since the
 * RCU callback below runs in whatever process it interrupts; this one runs in the thread's own context). The running
 * slice is added: a thread that never waited and saw no tick would otherwise have used nothing.
 * Cost: one record of 112 bytes per thread that ends.
 * Loses: the record when the ring is full; nothing is missing in the figures as long as the last record comes.
 */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(thread_exits, struct task_struct *task)
{
	struct thread_record *record = bpf_ringbuf_reserve(&ended, sizeof(*record), 0);

	COUNT_RUN(thread_exits);
	if (!record)
		return 0;
	fill(false, record, task, THREAD_EXITING);
	if (clock_offset)
		record->head.cpu_ns += running_slice(task);
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return 0;
}

/*
 * Why here: it fires after the task's last context switch (and an RCU grace period), so the counter is final. At
 * sched_process_exit a task still has its teardown to run, and the value that release_task() adds to
 * signal->sum_sched_runtime lacks everything since the last tick when a thread reaps itself.
 * Cost: one record of 112 bytes per thread that ends, in an RCU callback.
 * Loses: records when the ring is full; their number and time are counted, so that totals stay whole. The shard is
 * written on its own CPU only, and a program does not nest within itself.
 */
SEC("tp_btf/sched_process_free")
int BPF_PROG(thread_ended, struct task_struct *task)
{
	u32 cpu = bpf_get_smp_processor_id();
	struct thread_record *record;
	struct lost *shard;

	COUNT_RUN(thread_ended);
	record = bpf_ringbuf_reserve(&ended, sizeof(*record), 0);
	if (!record) {
		shard = bpf_map_lookup_elem(&lost, &cpu);
		if (shard) {
			shard->records++;
			shard->cpu_ns += task->se.sum_exec_runtime;
		}
		return 0;
	}
	fill(false, record, task, THREAD_DEAD);
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return 0;
}

/* Number of a CPU's package; written by the loader. */
CPU_SHARDS(cpu_packages, u32);

/*
 * Moves between packages, 2^moves_bits for each CPU, the newest over the oldest: written on their own CPU with interrupts
 * off, without a lock that CPUs share. The reader empties them several times a second.
 */
const volatile u32 moves_bits = 6;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct thread_record);
} moves SEC(".maps");

struct moves_cpu {
	/* records so far */
	u64 written;
};
CPU_SHARDS(moves_cpus, struct moves_cpu);

/*
 * Why here: a thread does not run while it is moved, so its counter is final for the package it leaves. A hook at every
 * context switch would report the same, at every switch.
 * Cost: two look-ups per move between CPUs, a record of 112 bytes per move between packages.
 * Loses: records that newer ones have overwritten, counted; that time then counts for the package where the thread ran last.
 */
SEC("tp_btf/sched_migrate_task")
int BPF_PROG(thread_moves, struct task_struct *task, int dest_cpu)
{
	/* the task is not on a CPU, and its mover holds the lock: its queue is still the old one, its time final */
	u32 from = BPF_CORE_READ(task, se.cfs_rq, rq, cpu);
	u32 to = dest_cpu;
	u32 *package = bpf_map_lookup_elem(&cpu_packages, &from);
	u32 *next = bpf_map_lookup_elem(&cpu_packages, &to);
	u32 cpu = bpf_get_smp_processor_id(), at;
	struct thread_record *record;
	struct moves_cpu *shard;

	COUNT_RUN(thread_moves);
	if (!package || !next || *package == *next)
		return 0;
	shard = bpf_map_lookup_elem(&moves_cpus, &cpu);
	if (!shard)
		return 0;
	at = cpu << moves_bits | ((u32)shard->written & ((1U << moves_bits) - 1));
	record = bpf_map_lookup_elem(&moves, &at);
	if (!record)
		return 0;
	fill(false, record, task, THREAD_MOVES);
	barrier();
	/* last: the reader takes a record that is counted for complete */
	shard->written++;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
