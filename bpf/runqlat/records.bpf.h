/* SPDX-License-Identifier: GPL-2.0 */
/* Run queue: the records of tasks, written by the iterator, the walk and the hooks. */
#pragma once

#include "settings.bpf.h"
#include "state.bpf.h"
#include "lib/walk.bpf.h"

enum record_kind {
	RECORD_PROCESS = 1,
	RECORD_WAITING = 2,
	/* a leader has gone, with nothing new since its RECORD_PROCESS */
	RECORD_GONE = 3,
	/* a leader has gone; the waits follow, as in RECORD_PROCESS */
	RECORD_LAST = 4,
	/* the waits of one thread follow */
	RECORD_THREAD = 5,
	/* threads other than the leader have switched away: the process's switches now */
	RECORD_SWITCHES = 6,
	/* a process that has waited once and has no news: it still exists */
	RECORD_PRESENT = 7,
	/* RECORD_PROCESS or RECORD_LAST of a process whose waits are in few slots */
	RECORD_FEW = 8,
};
NAMES(record_kind);

struct record_head {
	u32 kind;
	u32 tgid;
	u32 tid;
	u32 cpu;
	/* of the process, CLOCK_BOOTTIME */
	u64 start;
	/*
	 * RECORD_WAITING: for how long; RECORD_GONE, RECORD_SWITCHES: `created` of the storage; RECORD_THREAD: start of
	 * the thread
	 */
	u64 ns;
	/* switches away from the process (RECORD_THREAD: the thread) since tracing began */
	u32 voluntary;
	u32 involuntary;
	char comm[TASK_COMM_LEN];
};
RECORD(record_head);

/* RECORD_PROCESS and RECORD_LAST. */
struct process_record {
	struct record_head head;
	u64 cgroup;
	/* name of the first process of the pid namespace, empty where it is not known */
	char pidns_comm[TASK_COMM_LEN];
	struct process_waits process;
};
RECORD(process_record);

/* Filled slots of a histogram that a small record has room for: processes that live for a second have fewer. */
enum few_slots {
	FEW_SLOTS = 23,
	/* the number of a slot is above its count */
	FEW_SLOT_SHIFT = 24,
};
NAMES(few_slots);

/*
 * As process_record, with the filled slots only: a third of its size. Processes that end are most of what comes in a
 * storm of short ones, and decide how many of them the ring holds.
 */
struct few_record {
	struct record_head head;
	u64 cgroup;
	char pidns_comm[TASK_COMM_LEN];
	u64 created;
	u64 sum_ns;
	u32 longest[4];
	u32 pidns;
	u32 wakes;
	/* it is RECORD_LAST */
	u32 is_last;
	/* of `slots` in use */
	u32 filled;
	u32 slots[FEW_SLOTS];
	u32 unused;
};
RECORD(few_record);

struct thread_record {
	struct record_head head;
	struct waits waits;
};
RECORD(thread_record);

struct waiting_record {
	struct record_head head;
	/* the part of head.ns before the task moved to this CPU's queue: in run_delay already, in no histogram yet */
	u64 moved_ns;
	u64 thread_start;
	/* the process that has the CPU meanwhile; 0: none */
	u32 running;
	/* bits by waiting_flag */
	u32 flags;
};
RECORD(waiting_record);

enum waiting_flag {
	/* its state is not that of a running task: it was preempted on its way to sleep */
	WAITING_SLEEPY = 1,
	/* it has waited for head.ns at least: the begin is the first read that found it, since its stamp is void */
	WAITING_LONGER = 2,
	/* no CPU could run it: it has used up its group's quota, or its own budget (SCHED_DEADLINE) */
	WAITING_THROTTLED = 4,
};
NAMES(waiting_flag);

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* since 6.18: out of its group's quota, and off its queue for that */
struct task_struct___quota {
	bool throttled;
};

/* before 6.18: the group, or one above it, is out of its quota, and all tasks of its queue with it */
struct cfs_rq___quota {
	int throttle_count;
};

struct sched_dl_entity {
	unsigned int dl_throttled : 1;
};

struct task_struct___deadline {
	unsigned int policy;
	struct sched_dl_entity dl;
};

#pragma clang attribute pop

#define SCHED_DEADLINE 6

/*
 * A task without budget stays runnable by its state and its stamp, and waits for its next period instead of for a CPU.
 * Written under the lock of its queue: true of the moment.
 */
static __always_inline bool is_throttled(struct task_struct *task)
{
	struct task_struct___quota *since = (void *)task;
	struct task_struct___deadline *deadline = (void *)task;
	struct cfs_rq___quota *queue = (void *)task->se.cfs_rq;

	if (deadline->policy == SCHED_DEADLINE)
		/* its offset is that from the task */
		return BPF_CORE_READ_BITFIELD_PROBED(deadline, dl.dl_throttled);
	if (bpf_core_field_exists(since->throttled))
		return since->throttled;
	return bpf_core_field_exists(queue->throttle_count) && queue->throttle_count > 0;
}

/* A record is put together here by the reading program; user space runs one at a time. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct process_record);
} scratch_record SEC(".maps");

/* Records of a walk: for 6,500 processes that waited; smaller where there are fewer tasks. */
RING(reports, 4 << 20);

/*
 * For 7,000 processes that end between two readings, with a record at the exit and that of RECORD_GONE after it; half of that
 * on two CPUs.
 */
RING(ended, 2 << 20);

/* Ids and start change at an exec by another thread than the leader only; a name that is written meanwhile may be mixed. */
static __always_inline void fill(struct record_head *head, struct task_struct *task, u32 kind, u64 start)
{
	head->kind = kind;
	head->tgid = task->tgid;
	head->tid = task->pid;
	head->start = start;
	head->voluntary = 0;
	head->involuntary = 0;
	bpf_probe_read_kernel(head->comm, sizeof(head->comm), task->comm);
}

static __always_inline void ring_was_full(void)
{
	u32 this_cpu = bpf_get_smp_processor_id();
	struct cpu_waits *cpu = bpf_map_lookup_elem(&cpu_waits, &this_cpu);

	/* the one counter written outside the switch, whose program may interrupt this one: atomic */
	if (cpu)
		__sync_fetch_and_add(&cpu->ring_full, 1);
}

/* Of all threads, as far as their switches were handed over. A task's own are written by its switches, a word each. */
static __always_inline void fill_switches(struct record_head *head, struct task_struct *leader,
					  struct process_waits *process)
{
	head->voluntary = (u32)leader->nvcsw - process->leader.voluntary + process->voluntary;
	head->involuntary = (u32)leader->nivcsw - process->leader.involuntary + process->involuntary;
}

/*
 * The parts of a process's record (of either size) that are not in its storage. Its groups are read under RCU, under which
 * they are freed.
 */
static __always_inline void describe(const bool casts, struct record_head *head, u64 *cgroup,
				     char pidns_comm[TASK_COMM_LEN], struct task_struct *task,
				     struct process_waits *process, u32 kind)
{
	struct pid_namespace *namespace = pid_namespace(task);

	fill(head, task, kind, task->start_boottime);
	head->cpu = 0;
	head->ns = 0;
	fill_switches(head, task, process);
	*cgroup = untrusted(casts, task)->cgroups->dfl_cgrp->kn->id;
	__builtin_memset(pidns_comm, 0, TASK_COMM_LEN);
	if (namespace)
		BPF_CORE_READ_INTO((char(*)[TASK_COMM_LEN])pidns_comm, namespace, child_reaper, comm);
}

static __always_inline void fill_thread(struct thread_record *record, struct task_struct *task,
					const struct waits *waits)
{
	fill(&record->head, task, RECORD_THREAD, task->group_leader->start_boottime);
	record->head.cpu = 0;
	record->head.ns = task->start_boottime;
	record->head.voluntary = task->nvcsw;
	record->head.involuntary = task->nivcsw;
	bpf_probe_read_kernel(&record->waits, sizeof(record->waits), waits);
}

/* The filled slots of a histogram. False: they are too many, or their counts too large. */
static __always_inline bool fill_few(struct few_record *record, struct waits *waits)
{
	/* kept in memory: the verifier would follow each of its values through the rest of the loop */
	volatile u32 *filled = &record->filled;

	*filled = 0;
	for (u32 slot = 0; slot < HIST_SLOTS(PROCESS_SUB_BITS); slot++) {
		u32 count = waits->slots[slot], at;

		if (!count)
			continue;
		at = *filled;
		if (at >= FEW_SLOTS || count >> FEW_SLOT_SHIFT)
			return false;
		record->slots[at] = slot << FEW_SLOT_SHIFT | count;
		*filled = at + 1;
	}
	return true;
}

/* A process with few waits, into the ring. False: it has too many, or the ring is full. */
static __noinline bool send_few(struct task_struct *task, struct process_waits *process, bool is_last)
{
	struct few_record *record = bpf_ringbuf_reserve(&ended, sizeof(*record), 0);

	if (!record)
		return false;
	record->sum_ns = process->waits.sum_ns;
	__builtin_memcpy(record->longest, process->waits.longest, sizeof(record->longest));
	if (!fill_few(record, &process->waits)) {
		bpf_ringbuf_discard(record, BPF_RB_NO_WAKEUP);
		return false;
	}
	describe(false, &record->head, &record->cgroup, record->pidns_comm, task, process, RECORD_FEW);
	record->created = process->created;
	record->pidns = process->pidns;
	record->wakes = process->wakes;
	record->is_last = is_last;
	record->unused = 0;
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return true;
}

/* A whole process, into the ring. */
static __always_inline bool send_process(struct task_struct *task, struct process_waits *process, u32 kind)
{
	struct process_record *record;

	if (send_few(task, process, kind == RECORD_LAST))
		return true;
	record = bpf_ringbuf_reserve(&ended, sizeof(*record), 0);
	if (!record) {
		ring_was_full();
		return false;
	}
	describe(false, &record->head, &record->cgroup, record->pidns_comm, task, process, kind);
	bpf_probe_read_kernel(&record->process, sizeof(record->process), process);
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return true;
}

static __always_inline void send_thread(struct task_struct *task)
{
	struct waits *waits = bpf_task_storage_get(&details, task, 0, 0);
	struct thread_record *record;

	if (!waits || !(*longest_word(waits->longest, 0) | *longest_word(waits->longest, 1)))
		return;
	record = bpf_ringbuf_reserve(&ended, sizeof(*record), 0);
	if (!record) {
		ring_was_full();
		return;
	}
	fill_thread(record, task, waits);
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
}

/* The figures of one thread that are asked for: its switches, its waits. */
static __always_inline bool read_thread(const bool walks, void *to, struct task_struct *task, u64 word)
{
	struct process_waits *process = is_leader(task) ? 0 : hand_over_switches(task);

	if (process) {
		struct record_head head = {};

		struct task_struct *leader = untrusted(walks, task)->group_leader;

		fill(&head, task, RECORD_SWITCHES, leader->start_boottime);
		fill_switches(&head, leader, process);
		head.ns = process->created;
		if (!emit_record(walks, to, &head, sizeof(head)))
			return false;
	}
	if (!walks && word & BIT(WANT_THREADS)) {
		struct waits *waits = bpf_task_storage_get(&details, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

		if (waits && (word & BIT(READ_ALL) || is_recent(waits, word & EPOCH_MASK))) {
			const u32 zero = 0;
			/* a process's record, of which only this is used */
			struct thread_record *record = bpf_map_lookup_elem(&scratch_record, &zero);

			if (!record)
				return false;
			fill_thread(record, task, waits);
			return emit_record(walks, to, record, sizeof(*record));
		}
	}
	return true;
}

/* The record of a process, if there is one to write. */
static __always_inline bool read_process(const bool walks, void *to, struct task_struct *task, u64 word)
{
	struct process_waits *process = adopt_process(task);
	struct process_record *record;
	struct record_head head = {};
	const u32 zero = 0;

	if (!process)
		return true;
	if (is_recent(&process->waits, word & EPOCH_MASK) && process->created) {
		record = bpf_map_lookup_elem(&scratch_record, &zero);
		if (!record)
			return false;
		describe(walks, &record->head, &record->cgroup, record->pidns_comm, task, process, RECORD_PROCESS);
		bpf_probe_read_kernel(&record->process, sizeof(record->process), process);
		return emit_record(walks, to, record, sizeof(*record));
	}
	if (!(word & BIT(READ_ALL)) || !has_waited(process))
		return true;
	fill(&head, task, RECORD_PRESENT, task->start_boottime);
	return emit_record(walks, to, &head, sizeof(head));
}

/* A stamp that does not come from a wake-up, of a task that is on no queue or sleeps there. */
static __always_inline void stamp_is_void(struct task_struct *task, struct thread_waits *thread, u64 queued)
{
	if (!thread) {
		set_void_pid(task->pid);
		return;
	}
	if (__sync_val_compare_and_swap(&thread->stamp, 0, STAMP_VOID | STAMP_FOUND))
		return;
	/* it ran meanwhile, and this was its stamp of before; what the hook wrote is another value and stays */
	if (*(volatile u64 *)&task->sched_info.last_queued != queued)
		__sync_val_compare_and_swap(&thread->stamp, STAMP_VOID | STAMP_FOUND, 0);
}

/* Since when it waits at least, where its stamp is void: by the first read that found it runnable. */
static __always_inline u64 waits_since(struct thread_waits *thread, u64 stamp, u64 now)
{
	u64 since = stamp & ~STAMP_VOID;

	if (!thread)
		return now;
	if (since > STAMP_FOUND)
		return since;
	__sync_val_compare_and_swap(&thread->stamp, stamp, STAMP_VOID | now);
	return now;
}

/*
 * A task that waits at this moment: on a queue, without the CPU, and not asleep there. `last_queued` alone does not say
 * that; `on_rq` and `sched_delayed` are written under the lock of its queue, which is not taken here, so they are read
 * after the stamp: a task that slept when it was read may run by now, which the next read shows.
 */
static __always_inline bool read_waiting(const bool walks, void *to, struct task_struct *task, u64 word)
{
	/* set while a task is on a queue and does not run; a task that is being switched away from has it already */
	u64 queued = *(volatile u64 *)&task->sched_info.last_queued;
	u32 generation = filter_generation(word);
	struct waiting_record record = {};
	struct thread_waits *thread;
	struct task_struct *plain;
	struct rq *rq;
	u64 now, stamp;

	/* a walk is made only without a filter: its program is as large as the verifier accepts */
	if (!queued || task->on_cpu || (!walks && !is_wanted(task, word)))
		return true;
	/* the queue of the CPU where it is or was last; its clock is that of the stamp */
	plain = untrusted(walks, task);
	rq = plain->se.cfs_rq->rq;
	now = rq->clock;
	thread = thread_waits(task);
	if (!task->on_rq || is_delayed(task)) {
		if (word & BIT(OLD_STAMPS) || (s64)(now - queued) > (s64)STAMP_AGE_CERTAIN)
			stamp_is_void(task, thread, queued);
		return true;
	}
	if (!walks && word & BIT(OLD_STAMPS))
		stamp_is_void(task, thread, queued);
	stamp = thread ? thread->stamp : is_void_pid(task->pid) ? STAMP_VOID : 0;
	if (stamp & STAMP_VOID) {
		queued = waits_since(thread, stamp, now);
		record.flags |= WAITING_LONGER;
	} else if (thread && thread->run_delay && thread->generation == generation) {
		s64 moved = task->sched_info.run_delay - (thread->run_delay - 1);

		/* it may have been switched to meanwhile */
		if (moved > 0)
			record.moved_ns = moved;
	}
	if (is_sleepy(task))
		record.flags |= WAITING_SLEEPY;
	if (is_throttled(plain))
		record.flags |= WAITING_THROTTLED;
	fill(&record.head, task, RECORD_WAITING, plain->group_leader->start_boottime);
	record.head.cpu = rq->cpu;
	record.thread_start = task->start_boottime;
	record.running = BPF_CORE_READ(rq, curr, tgid);
	record.head.ns = record.moved_ns + (now > queued ? now - queued : 0);
	return emit_record(walks, to, &record, sizeof(record));
}
