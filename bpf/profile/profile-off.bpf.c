// SPDX-License-Identifier: GPL-2.0
/* Waits of threads, with the stack of those that last. Loaded while a profile of waits is taken. */
#include "user-stack.bpf.h"
#include "lib/run-delay.bpf.h"

/* ns: shorter waits are summed up without their stack */
const volatile u64 off_cpu_min_ns = 1000000;

/* What the time of an entry was; `kind` of its key. */
enum off_kind {
	/* blocked, at least `off_cpu_min_ns` */
	OFF_BLOCKED,
	/* the sum of shorter ones, of a thread */
	OFF_SHORT,
	/* could have run, of a thread (see time_waited()) */
	OFF_RUN_DELAY,
};
NAMES(off_kind);

/*
 * A thread that was seen. Written by the CPU that switches it in or out, which one CPU at a time does. A switch touches
 * the first 64 bytes only.
 */
struct off_thread {
	u32 tid;
	u32 tgid;
	/* when it left its CPU; 0: it runs, or was not seen leaving */
	u64 left_ns;
	/* time_waited() when it was last switched in */
	u64 waited_ns;
	/* since it was first seen */
	u64 short_count;
	u64 short_ns;
	u64 delay_count;
	u64 delay_ns;
	s64 space;
	/* where the stack is taken at the begin of the wait */
	u64 user;
	u64 kernel;
	char comm[TASK_COMM_LEN];
	/* whole cache lines */
	u64 unused[4];
};

/*
 * By the low bits of the tid: no look-up in a hash, and no allocation. Two threads with equal bits take turns; the one
 * that loses its entry is counted.
 */
enum off_threads {
	OFF_THREADS = 1 << 15,
};
NAMES(off_threads);

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, OFF_THREADS);
	__type(key, u32);
	__type(value, struct off_thread);
} threads SEC(".maps");

/* The thread that runs on each CPU, as far as it is profiled; 0: another one. A cache line each: every switch writes it. */
struct off_cpu {
	u32 tid;
	u32 unused[15];
};
CPU_SHARDS(off_cpus, struct off_cpu);

/* Sums of a thread that gives way to another, so that they are not lost. */
static __always_inline void put_away(struct profile_losses *cpu, const struct off_thread *thread,
				     struct task_struct *task)
{
	struct profile_key key = { .space = thread->space, .tgid = thread->tgid, .tid = thread->tid };

	key.kind = OFF_SHORT;
	if (thread->short_count)
		add_event(cpu, &key, task, thread->short_count, thread->short_ns);
	key.kind = OFF_RUN_DELAY;
	if (thread->delay_count)
		add_event(cpu, &key, task, thread->delay_count, thread->delay_ns);
}

/* The entry of a thread; NULL: never. A new one begins with this call. */
static __always_inline struct off_thread *thread_of(struct profile_losses *cpu, struct task_struct *task, u32 tgid,
						    u32 tid)
{
	u32 slot = tid & (OFF_THREADS - 1);
	struct off_thread *thread = bpf_map_lookup_elem(&threads, &slot);

	if (!thread || thread->tid == tid)
		return thread;
	if (thread->tid) {
		if (thread->left_ns)
			cpu->unmatched++;
		put_away(cpu, thread, task);
	}
	thread->tid = tid;
	thread->tgid = tgid;
	thread->space = space_of(task);
	thread->left_ns = 0;
	thread->waited_ns = time_waited(task);
	thread->short_count = thread->short_ns = 0;
	thread->delay_count = thread->delay_ns = 0;
	thread->user = thread->kernel = STACK_NONE;
	bpf_probe_read_kernel(thread->comm, sizeof(thread->comm), &task->comm);
	announce(task, thread->space, tgid);
	return thread;
}

/*
 * A thread is switched in: how long was it blocked, apart from the time in which it could have run? time_waited() of the
 * thread has that, up to date at this point.
 */
static __always_inline bool account(struct profile_losses *cpu, struct off_thread *thread, u64 waited_ns, u64 now,
				    u64 *blocked)
{
	u64 delay = duration(thread->waited_ns, waited_ns);
	u64 off = thread->left_ns && now > thread->left_ns ? now - thread->left_ns : 0;
	bool seen = thread->left_ns != 0;

	thread->waited_ns = waited_ns;
	thread->left_ns = 0;
	if (!seen)
		return false;
	/* both clocks are those of the CPU; they differ by a few hundred ns */
	if (delay > off)
		delay = off;
	if (delay) {
		thread->delay_count++;
		thread->delay_ns += delay;
	}
	*blocked = off - delay;
	if (*blocked >= off_cpu_min_ns && *blocked > 0)
		return true;
	if (*blocked) {
		thread->short_count++;
		thread->short_ns += *blocked;
	}
	return false;
}

/*
 * When this task got its CPU, by the clock of its queue. The scheduler has just stamped it, so no clock is read; the idle
 * task has no stamp, but a queue.
 */
static __always_inline u64 switch_time(struct task_struct *task, u32 tid)
{
	return tid ? task->sched_info.last_arrival : task->se.cfs_rq->rq->clock;
}

/*
 * Why here: since 6.16 the scheduler reports the end of a switch in the context of the thread that was switched in. Its
 * stack is that of its wait, so a stack is taken only when the wait was long.
 * Cost: 30 to 45 ns per switch between profiled threads below the threshold, 15 where neither is, beside the call of a
 * program; some µs for a long wait.
 * Loses: waits that began before the profile; threads whose entry another took, which are counted.
 */
SEC("tp_btf/sched_exit_tp")
int BPF_PROG(switched_in, bool is_switch)
{
	u32 number = bpf_get_smp_processor_id();
	struct off_cpu *here = bpf_map_lookup_elem(&off_cpus, &number);
	struct task_struct *task = bpf_get_current_task_btf();
	struct profile_losses *cpu;
	struct off_thread *thread;
	u32 tid = task->pid, left;
	u64 now, blocked = 0;
	bool wanted;

	if (!is_switch || !here)
		return 0;
	left = here->tid;
	wanted = tid && task_wanted(task, task->tgid, tid);
	here->tid = wanted ? tid : 0;
	if (!left && !wanted)
		return 0;
	now = switch_time(task, tid);
	if (left) {
		u32 slot = left & (OFF_THREADS - 1);

		thread = bpf_map_lookup_elem(&threads, &slot);
		if (thread && thread->tid == left)
			thread->left_ns = now;
	}
	if (!wanted)
		return 0;
	cpu = bpf_map_lookup_elem(&profile_cpus, &number);
	if (!cpu)
		return 0;
	thread = thread_of(cpu, task, task->tgid, tid);
	if (!thread || !account(cpu, thread, time_waited(task), now, &blocked))
		return 0;
	struct profile_key key = { .space = space_of(task), .tgid = task->tgid, .tid = tid, .kind = OFF_BLOCKED };

	add_stacked(ctx, cpu, &key, task, 1, blocked);
	return 0;
}

/*
 * Why here: before 6.16 the only hook of a switch runs before it, in the context of the thread that leaves.
 * Cost: two walks of the stack, 2 to 4 µs, for each time that a profiled thread goes to sleep, however short.
 * Loses: as above.
 */
SEC("tp_btf/sched_switch")
int BPF_PROG(switching, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	u32 number = bpf_get_smp_processor_id();
	struct profile_losses *cpu = bpf_map_lookup_elem(&profile_cpus, &number);
	struct off_thread *thread;
	u64 now, blocked = 0;
	u32 tid = prev->pid;

	if (!cpu)
		return 0;
	now = bpf_ktime_get_ns();
	if (tid && task_wanted(prev, prev->tgid, tid)) {
		thread = thread_of(cpu, prev, prev->tgid, tid);
		if (thread) {
			thread->left_ns = now;
			thread->space = space_of(prev);
			thread->kernel = thread->user = STACK_NONE;
			/* the stack of one that is pushed aside says nothing */
			if (!preempt) {
				thread->kernel = store_stack(ctx, cpu, 0);
				thread->user = thread->space ? store_stack(ctx, cpu, BPF_F_USER_STACK) : STACK_NONE;
			}
		}
	}
	tid = next->pid;
	if (tid && task_wanted(next, next->tgid, tid)) {
		thread = thread_of(cpu, next, next->tgid, tid);
		if (thread && account(cpu, thread, time_waited(next), now, &blocked)) {
			struct profile_key key = {
				.space = thread->space,
				.user = thread->user,
				.kernel = thread->kernel,
				.tgid = next->tgid,
				.tid = tid,
				.kind = OFF_BLOCKED,
			};

			add_event(cpu, &key, next, 1, blocked);
		}
	}
	return 0;
}

/*
 * Why here: once, after the hooks are there: what sleeps with a stamp by then.
 * Cost: 0.1 µs for each task. Loses: nothing.
 */
SEC("iter/task")
int find_sleepers(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (task && bpf_core_field_exists(task->se.sched_delayed))
		find_sleeper(task);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
