/* SPDX-License-Identifier: GPL-2.0 */
/* Hung tasks. */
#pragma once

#include "lib/walk.bpf.h"
#include "report.bpf.h"

/*
 * Why here: the kernel has found a task that has slept uninterruptibly for kernel.hung_task_timeout_secs.
 * Cost: none else. Loses: nothing.
 */
SEC("tp_btf/sched_process_hang")
int sched_process_hang(u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	struct event_key key = { .pid = task->tgid };
	struct event *event;
	long bytes;

	event = begin_event(EVENT_HUNG_TASK, 0, &key, 0, task->comm, true);
	if (!event)
		return 0;
	set_task(event, task);
	bytes = stack_frames > STACK_FRAMES ? bpf_get_task_stack(task, frames_of(event), DEEP_FRAMES * 8, 0) :
					      bpf_get_task_stack(task, event->stack, STACK_FRAMES * 8, 0);
	event->frames = bytes > 0 ? (u32)bytes / 8 : 0;
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	return 0;
}

enum blocked_sizes {
	BLOCKED_FRAMES = 32,
};
NAMES(blocked_sizes);

/* What a task waits for: lowest bits of `blocker`. */
enum blocker_type {
	BLOCKER_MUTEX,
	BLOCKER_SEMAPHORE,
	BLOCKER_RWSEM_READER,
	BLOCKER_RWSEM_WRITER,
};
NAMES(blocker_type);

/* A task in uninterruptible sleep. */
struct blocked_task {
	/* switches away so far: the same number at two readings is the same sleep */
	u64 switches;
	/* since it left its CPU, at least; 0: not known */
	u64 asleep_ns;
	u64 start_ns;
	u64 cgroup;
	/* address of the lock; 0: none, or the kernel does not record it */
	u64 lock;
	u64 owner_start_ns;
	u32 pid;
	u32 tid;
	u32 flags;
	u32 lock_type;
	/* thread that has the lock; 0: not known */
	u32 owner_pid;
	u32 owner_tid;
	u32 in_iowait;
	u32 frames;
	char comm[TASK_COMM_LEN];
	char owner_comm[TASK_COMM_LEN];
	u64 stack[BLOCKED_FRAMES];
};
RECORD(blocked_task);

/* Too large for the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct blocked_task);
} blocked_scratch SEC(".maps");

/* The owner of a lock: words of the moment, which may name a task that has just ended. */
static __always_inline void set_lock(struct blocked_task *blocked, struct task_struct *task)
{
	struct task_struct___blocker *with = (void *)task;
	struct task_struct *owner = 0;
	unsigned long blocker, lock;

	if (!bpf_core_field_exists(with->blocker))
		return;
	blocker = BPF_CORE_READ(with, blocker);
	lock = blocker & ~3UL;
	blocked->lock = lock;
	blocked->lock_type = blocker & 3;
	if (!lock)
		return;
	switch (blocker & 3) {
	case BLOCKER_MUTEX:
		owner = (void *)(BPF_CORE_READ((struct mutex *)lock, owner.counter) & ~7UL);
		break;
	case BLOCKER_SEMAPHORE:
		if (bpf_core_field_exists(struct semaphore, last_holder))
			owner = (void *)BPF_CORE_READ((struct semaphore *)lock, last_holder);
		break;
	default:
		owner = (void *)(BPF_CORE_READ((struct rw_semaphore *)lock, owner.counter) & ~7UL);
	}
	if (!owner)
		return;
	blocked->owner_pid = BPF_CORE_READ(owner, tgid);
	blocked->owner_tid = BPF_CORE_READ(owner, pid);
	blocked->owner_start_ns = BPF_CORE_READ(owner, group_leader, start_time);
	bpf_probe_read_kernel(blocked->owner_comm, TASK_COMM_LEN, owner->comm);
}

/* Of a walk: 280 records. With more of them the iterator reports all. */
RING(blocked_reports, 1 << 17);

/* Reports a task that sleeps uninterruptibly. False: there was no room. */
static __always_inline bool report_blocked(const bool walks, void *to, struct task_struct *task)
{
	struct blocked_task *blocked;
	const u32 zero = 0;
	u64 queued, slept, state;
	long bytes;

	state = task_state(task);
	if (!(state & TASK_UNINTERRUPTIBLE) || state & TASK_NOLOAD)
		return true;
	blocked = bpf_map_lookup_elem(&blocked_scratch, &zero);
	if (!blocked)
		return true;
	__builtin_memset(blocked, 0, sizeof(*blocked));
	blocked->switches = task->nvcsw + task->nivcsw;
	blocked->pid = task->tgid;
	blocked->tid = task->pid;
	blocked->flags = task->flags;
	blocked->start_ns = task->group_leader->start_time;
	blocked->cgroup = cgroup_of(task);
	/* the clock of its CPU's queue stands while that is idle: a lower bound */
	queued = task->sched_info.last_queued;
	if (queued)
		/* moved while it fell asleep: exec_start is by another CPU's clock_task, the stamp of that move */
		slept = BPF_CORE_READ(task, se.cfs_rq, rq, clock) - queued;
	else
		slept = BPF_CORE_READ(task, se.cfs_rq, rq, clock_task) - task->se.exec_start;
	/* 0: it has not run, or a kernel before 5.19 has moved it */
	blocked->asleep_ns = slept >> 63 || !task->se.exec_start ? 0 : slept;
	blocked->in_iowait = BPF_CORE_READ_BITFIELD_PROBED((struct task_struct___io *)task, in_iowait);
	__builtin_memcpy(blocked->comm, task->comm, TASK_COMM_LEN);
	set_lock(blocked, task);
	bytes = bpf_get_task_stack(task, blocked->stack, sizeof(blocked->stack), 0);
	blocked->frames = bytes > 0 ? (u32)bytes / 8 : 0;
	return emit_record(walks, to, blocked, sizeof(*blocked));
}

/*
 * Why here: tasks that sleep uninterruptibly run no hook, so they are looked for. Where the kernel cannot walk at once, and
 * after a walk that was incomplete.
 * Cost: 0.2 to 0.4 µs for each task of the machine, 3 µs for each that sleeps so.
 * Loses: sleeps that begin and end between two readings.
 */
SEC("iter/task")
int blocked_tasks(struct bpf_iter__task *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *task = ctx->task;

	if (task)
		report_blocked(false, seq, task);
	return 0;
}

/* Apart from the loop: what one task leaves on the stack would make the verifier check the next anew. */
static __noinline int walk_blocked_task(struct task_struct *task)
{
	return report_blocked(true, &blocked_reports, task);
}

/*
 * Why here: as above, where the kernel can walk.
 * Cost: a third of that for each task, in the reading thread's own time.
 * Loses: as above.
 */
SEC("syscall")
int walk_blocked(void *ctx)
{
	struct bpf_iter_task walk;
	struct task_struct *task;
	u64 left = walk_limit, begun = bpf_ktime_get_ns();
	u32 complete = WALK_COMPLETE;

	bpf_rcu_read_lock();
	bpf_iter_task_new(&walk, 0, ALL_THREADS);
	while ((task = bpf_iter_task_next(&walk))) {
		if (!left-- || walk_is_long(left, begun) || !walk_blocked_task(task)) {
			complete = WALK_INCOMPLETE;
			break;
		}
	}
	bpf_iter_task_destroy(&walk);
	bpf_rcu_read_unlock();
	return complete;
}
