// SPDX-License-Identifier: GPL-2.0
/*
 * How long tasks wait on a run queue before they get a CPU, from the stamps that the scheduler keeps anyway
 * (sched_info): one hook, at the end of the wait. All counters only grow; user space takes differences. This file has
 * the hooks: the begin and end of tasks, the read, the switch. Counters and their maps are in state.bpf.h, requests of
 * user space in settings.bpf.h, records in records.bpf.h.
 */
#include "lib/core.bpf.h"
#include "lib/runs.bpf.h"
#include "settings.bpf.h"
#include "records.bpf.h"
#include "state.bpf.h"

/* See lib/runs.bpf.h. */
enum counted_program {
	RUN_born,
	RUN_executed,
	RUN_exited,
	RUN_freed,
	RUN_migrated,
	RUN_switched,
};
NAMES(counted_program);

/* false: the machine and its CPUs are measured, not the processes; task storage is not used then */
const volatile bool with_processes = true;

/*
 * Why here: a new task gets its storage in the context of its parent, before it runs for the first time and without
 * any lock held; also the threads of io_uring pass here, which sched_process_fork does not see.
 * Cost: 1 to 2 µs per new task, nearly all of it the memory for the storage; a fork and exec take some 500.
 * Loses: the storage when memory is short; the iterator tries again at the next tick.
 */
SEC("tp_btf/task_newtask")
int BPF_PROG(born, struct task_struct *task)
{
	struct process_waits *process;
	struct thread_waits *thread;

	COUNT_RUN(born);
	if (is_leader(task)) {
		process = adopt_process(task);
		thread = process ? &process->leader : 0;
	} else {
		thread = adopt_thread(task);
	}
	/* it is on no queue yet, so nobody else writes it: it has not waited, and does not run before this program ends */
	if (thread)
		thread->run_delay = 1;
	if (interval_word() & BIT(WANT_THREADS))
		bpf_task_storage_get(&details, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	return 0;
}

/*
 * Why here: exec by a thread that is not the leader makes it the leader, without the process's storage; the old
 * leader's is reported when it is freed.
 * Cost: a comparison per exec.
 */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(executed, struct task_struct *task, int old_pid)
{
	struct process_waits *process;
	struct thread_waits *thread;

	COUNT_RUN(executed);
	/* the current task: its ids have been exchanged, and it is its own leader */
	if (old_pid == task->pid)
		return 0;
	process = adopt_process(task);
	thread = bpf_task_storage_get(&threads, task, 0, 0);
	if (process && thread && !process->leader.run_delay)
		process->leader.run_delay = thread->run_delay;
	return 0;
}

/*
 * Why here: a process that lives between two reads is reported in its own context. (The next program runs in an RCU
 * callback, hence in whatever process it interrupts; it is skipped on kernels that exempt that process from tracing.)
 * Cost: one record of 240 bytes per process that ends, of 650 if its waits differ much; per thread too while threads are
 * asked for.
 * Loses: the record when the ring is full, counted; the system's figures do not depend on it.
 */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(exited, struct task_struct *task)
{
	struct process_waits *process;
	u64 sum_ns;

	COUNT_RUN(exited);
	/* the current task, which alone writes what is read of it, but for its name */
	if (interval_word() & BIT(WANT_THREADS))
		send_thread(task);
	if (!is_leader(task)) {
		hand_over_switches(task);
		return 0;
	}
	process = bpf_task_storage_get(&processes, task, 0, 0);
	if (!process || !has_waited(process))
		return 0;
	/* read before the copy is made: a wait in between is sent once more rather than not at all */
	sum_ns = process->waits.sum_ns;
	if (send_process(task, process, RECORD_PROCESS))
		process->sum_ns_at_exit = sum_ns;
	return 0;
}

/*
 * Why here: after the last switch, so the figures are final, and before the storage goes with the task.
 * Cost: one record of 64 bytes per process that ends; as above if it waited in its exit or had threads that outlived
 * the first.
 * Loses: as above. Without this record the process is found gone by the next full read.
 */
SEC("tp_btf/sched_process_free")
int BPF_PROG(freed, struct task_struct *task)
{
	struct process_waits *process;
	struct record_head *head;

	COUNT_RUN(freed);
	process = bpf_task_storage_get(&processes, task, 0, 0);
	if (!process || !has_waited(process))
		return 0;
	if (process->waits.sum_ns != process->sum_ns_at_exit) {
		send_process(task, process, RECORD_LAST);
		return 0;
	}
	head = bpf_ringbuf_reserve(&ended, sizeof(*head), 0);
	if (!head) {
		ring_was_full();
		return 0;
	}
	/* it runs no more, and its memory stays until this program has ended: all is final */
	fill(head, task, RECORD_GONE, task->start_boottime);
	head->cpu = 0;
	head->ns = process->created;
	bpf_ringbuf_submit(head, BPF_RB_NO_WAKEUP);
	return 0;
}

/* Is there room for more records? */
static __always_inline bool read_task(const bool walks, void *to, struct task_struct *task, u64 word)
{
	if (with_processes && !read_thread(walks, to, task, word))
		return false;
	if (with_processes && is_leader(task) && !read_process(walks, to, task, word))
		return false;
	return read_waiting(walks, to, task, word);
}

/*
 * Why here: one read takes the storage of every process with a wait in this interval or in the one before (a switch
 * with the old number may still have been running at the last read), and every thread that waits right now.
 * Cost: about 0.6 µs per thread and tick, in the reading thread's own time.
 * Loses: nothing. The age of a waiting thread is by its CPU's clock, which is at most a tick old.
 */
SEC("iter/task")
int read_tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	/* the iterator holds a reference: its memory stays, and what it is may change from one member to the next */
	if (task)
		read_task(false, ctx->meta->seq, task, interval_word());
	return 0;
}

/* Apart from the loop: values that one task leaves on the stack would make the verifier check the next ones anew. */
static __noinline int walk_task(struct task_struct *task, u64 word)
{
	return read_task(true, &reports, task, word);
}

/*
 * Why here: as above, where the kernel can walk, as long as neither filters nor threads are asked for.
 * Cost: about 0.2 µs per thread and tick, 0.5 µs more for processes that waited, in the reading thread's own time.
 * Loses: as above.
 */
SEC("syscall")
int walk_tasks(void *ctx)
{
	u32 complete = WALK_COMPLETE;
	struct bpf_iter_task walk;
	struct task_struct *task;
	u64 left = walk_limit, begun = bpf_ktime_get_ns();
	u64 word = interval_word();

	if (word & (FILTERS | BIT(WANT_THREADS)))
		return WALK_INCOMPLETE;
	/* every task that is found stays until the lock is dropped */
	bpf_rcu_read_lock();
	bpf_iter_task_new(&walk, 0, ALL_THREADS);
	while ((task = bpf_iter_task_next(&walk))) {
		/* the idle task of a CPU */
		if (!task->pid)
			continue;
		if (!left-- || walk_is_long(left, begun) || !walk_task(task, word)) {
			complete = WALK_INCOMPLETE;
			break;
		}
	}
	bpf_iter_task_destroy(&walk);
	bpf_rcu_read_unlock();
	return complete;
}

/*
 * Why here: the one place where a sleeping task can get a stamp (see stamps.bpf.h), and its dequeue is delayed at this
 * moment: the lock of its queue is held. Exact, however short the sleep is. Loaded where the kernel delays dequeues.
 * Cost: that of an empty program for each task that changes its CPU; a look-up in task storage for those that sleep.
 * Loses: nothing. A task without storage is noted by its pid.
 */
SEC("tp_btf/sched_migrate_task")
int BPF_PROG(migrated, struct task_struct *task, int destination)
{
	struct thread_waits *thread;

	COUNT_RUN(migrated);
	if (!is_delayed(task))
		return 0;
	thread = with_processes ? thread_waits(task) : 0;
	if (thread)
		thread->stamp = STAMP_VOID;
	else
		set_void_pid(task->pid);
	return 0;
}

/*
 * Last in the file, hence attached last: when every task has its storage and the stamps of before `migrated` are judged
 * (see src/tracers/runqlat/storage-reader.ts).
 */

/*
 * Before 6.2 a look-up in task storage fails while the CPU is in another operation on storage, as an iterator that was
 * preempted. Such a wait was counted under `untracked`, and its run_delay must not count again in the task's next wait.
 */
static __always_inline bool storage_may_be_busy(void)
{
	return !bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_cgrp_storage_get);
}

/*
 * Why here: when a task is switched to, sched_info.last_queued still has the time since when it was runnable, and the
 * run queue's clock is the one of this stamp and of the kernel's own run_delay. So no hook on wake-ups is needed, and
 * the sum is run_delay to the nanosecond. A wait cut in pieces by migration leaves the earlier pieces in run_delay; the
 * growth of run_delay since the last switch belongs to this wait.
 * Cost: 48 ns per context switch beside the empty program's 50 (60 if the task is not its process's leader); most of it
 * the look-ups in task storage, without which it is some 15 ns. 15 ns more while threads are asked for; 15 in all for a
 * task that a filter leaves out.
 * Loses: a task without storage counts in the system's figures only, and under `untracked`. The idle task is not
 * counted. A sleeper preempted before it slept has no stamp of the kernel; a stamp of our own replaces it (see below).
 * A wait whose stamp is void counts under `unstamped` only: its sleep and its wait cannot be distinguished.
 */
SEC("tp_btf/sched_switch")
int BPF_PROG(switched, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	u32 this_cpu = bpf_get_smp_processor_id();
	struct process_waits *process = 0;
	struct thread_waits *thread = 0;
	struct cpu_waits *cpu;
	u64 word, queued, now, epoch;
	u64 run_delay = 0, wait = 0, stamp = 0;
	u32 slot, generation;

	COUNT_RUN(switched);
	/*
	 * Preempted on its way to sleep: it stays runnable, but the scheduler goes by its state and does not stamp it.
	 * prev's CPU is this one, and its thread state has no other writer until it is switched to again. A wake-up
	 * that clears its state meanwhile finds it on its queue and sets no stamp either.
	 */
	if (with_processes && preempt && is_sleepy(prev)) {
		thread = thread_waits(prev);
		if (thread)
			thread->stamp = prev->se.cfs_rq->rq->clock;
	}
	if (with_processes && next->pid == 0)
		return 0;
	word = interval_word();
	if (!is_wanted(next, word))
		return 0;
	cpu = bpf_map_lookup_elem(&cpu_waits, &this_cpu);
	if (!cpu)
		return 0;

	/*
	 * Every task, of whatever class, has in se.cfs_rq that of its own run queue: this CPU's, whose lock is held.
	 * The clock is of this pick; the stamp and run_delay of next are cleared and added to right after this hook.
	 */
	now = next->se.cfs_rq->rq->clock;
	queued = next->sched_info.last_queued;
	if (with_processes)
		run_delay = next->sched_info.run_delay;

	/*
	 * A thread that was released (it does so itself, late in its exit) may outlive its leader, so the pointer is
	 * not followed. While `sighand` is set the leader has not been released, and a task released after this check
	 * stays until this program ends, since it runs inside an RCU read section.
	 */
	if (with_processes && is_leader(next)) {
		process = bpf_task_storage_get(&processes, next, 0, 0);
		thread = process ? &process->leader : 0;
	} else if (with_processes) {
		thread = bpf_task_storage_get(&threads, next, 0, 0);
		if (next->sighand)
			process = bpf_task_storage_get(&processes, next->group_leader, 0, 0);
	}
	if (process && !prev->pid)
		__sync_fetch_and_add(&process->wakes, 1);
	if (thread) {
		generation = filter_generation(word);
		if (thread->generation != generation) {
			/* the filter has changed: this thread may not have been measured for long */
			thread->generation = generation;
			thread->run_delay = 0;
			if (!(thread->stamp & STAMP_VOID))
				thread->stamp = 0;
		}
		stamp = thread->stamp;
		thread->stamp = 0;
		/* not seen before: all of it is this wait if the task never ran; if it did, it is older and unknown */
		u64 before = thread->run_delay ? thread->run_delay - 1 : next->sched_info.pcount ? run_delay : 0;

		if (storage_may_be_busy()) {
			u32 pcount = next->sched_info.pcount;

			if (thread->run_delay && pcount - thread->pcount > 1)
				before = run_delay;
			thread->pcount = pcount;
		}
		wait = duration(before, run_delay);
		/* what the kernel adds right after this, to the bit; without its stamp it adds nothing */
		thread->run_delay = run_delay + (queued ? now - queued : 0) + 1;
		if (!queued && !(stamp & STAMP_VOID))
			queued = stamp;
	} else if (take_void_pid(next->pid)) {
		stamp = STAMP_VOID;
	}
	if (stamp & STAMP_VOID) {
		cpu->unstamped++;
		return 0;
	}
	if (queued) {
		wait += duration(queued, now);
	} else if (!wait) {
		/* the idle task never has a stamp */
		if (with_processes || next->pid)
			cpu->unstamped++;
		return 0;
	}
	epoch = word & EPOCH_MASK;
	slot = hist_slot(wait, CPU_SUB_BITS);
	add_to_cpu(cpu, epoch, wait, slot);
	slot = hist_coarser(slot, CPU_SUB_BITS, PROCESS_SUB_BITS);
	if (word & BIT(WANT_THREADS)) {
		struct waits *detail = bpf_task_storage_get(&details, next, 0, 0);

		if (detail)
			add_to_thread(detail, epoch, wait, slot);
	}
	if (process) {
		add_to_process(&process->waits, epoch, wait, slot);
	} else if (with_processes) {
		cpu->untracked++;
		cpu->untracked_ns += wait;
	}
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
