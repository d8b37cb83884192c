/* SPDX-License-Identifier: GPL-2.0 */
/* Run queue: the counters per CPU, process and thread, and the maps that hold them. */
#pragma once

#include "lib/core.bpf.h"
#include "lib/duration.bpf.h"
#include "lib/hist.bpf.h"
#include "lib/maps.bpf.h"
#include "stamps.bpf.h"
#include "waits.bpf.h"

/* Written only on its own CPU, with interrupts off: plain additions. The count of waits is the sum of the slots. */
struct cpu_waits {
	u64 sum_ns;
	u32 longest[4] __attribute__((aligned(8)));
	/* waits whose begin is not known: no stamp, or a void one (see stamps.bpf.h) */
	u64 unstamped;
	/* waits of a task without storage, and their time: missing in its process */
	u64 untracked;
	u64 untracked_ns;
	/* last records of processes that found the ring full */
	u64 ring_full;
	u64 slots[HIST_SLOTS(CPU_SUB_BITS)];
};
CPU_SHARDS(cpu_waits, struct cpu_waits);

/* Written by the switches to this one task, of which there is one at a time. */
struct thread_waits {
	/* sched_info.run_delay after the last switch to it, +1; 0: not switched to since tracing began */
	u64 run_delay;
	/*
	 * 0: the kernel's stamp counts. Else our own, of when it was preempted although it was about to sleep: the
	 * kernel sets none then. STAMP_VOID: the kernel's is void; the lower bits then are 0, STAMP_FOUND or the clock
	 * of the first read that found it waiting.
	 */
	u64 stamp;
	/* number of the filter under which these were written: they grow old while the thread is not measured */
	u32 generation;
	/* switches away from it that its process has (of a leader: those before tracing began) */
	u32 voluntary;
	u32 involuntary;
	/* sched_info.pcount at the last switch to it; see storage_may_be_busy() */
	u32 pcount;
};

struct waits {
	u64 sum_ns;
	u32 longest[4] __attribute__((aligned(8)));
	u32 slots[HIST_SLOTS(PROCESS_SUB_BITS)];
};

/* In the storage of the group leader. Threads of a process switch in on several CPUs at once: atomic additions. */
struct process_waits {
	/* adjacent: a switch touches both, and a read that finds nothing new touches nothing else */
	struct thread_waits leader;
	struct waits waits;
	/* CLOCK_BOOTTIME of this storage: tells it from a later one of the same process (exec by another thread) */
	u64 created;
	/* sum_ns when the leader exited */
	u64 sum_ns_at_exit;
	/* switches of its other threads, ended ones too; see hand_over_switches() */
	u32 voluntary;
	u32 involuntary;
	/* inode number of the pid namespace, the same for life */
	u32 pidns;
	/* idle periods of CPUs that ended with a switch to one of its threads */
	u32 wakes;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct process_waits);
} processes SEC(".maps");

/* Threads other than leaders, whose own state is in `processes` to save a look-up. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread_waits);
} threads SEC(".maps");

/* Of every thread, leaders too; only while WANT_THREADS. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct waits);
} details SEC(".maps");

static __always_inline bool is_leader(struct task_struct *task)
{
	return task->pid == task->tgid;
}

/* Is its state other than that of a runnable task? True of the moment. */
static __always_inline bool is_sleepy(struct task_struct *task)
{
	return task_state(task) != 0;
}

/* Only looks up: memory is not allocated under the run queue's lock. */
static __always_inline struct thread_waits *thread_waits(struct task_struct *task)
{
	if (is_leader(task)) {
		struct process_waits *process = bpf_task_storage_get(&processes, task, 0, 0);

		return process ? &process->leader : 0;
	}
	return bpf_task_storage_get(&threads, task, 0, 0);
}

static __always_inline void add_to_process(struct waits *waits, u64 epoch, u64 wait, u32 slot)
{
	u64 *longest = longest_word(waits->longest, epoch);
	u64 seen = *longest;

	__sync_fetch_and_add(&waits->sum_ns, wait);
	__sync_fetch_and_add(&waits->slots[slot], 1);
	/* rarely true, and the word is changed meanwhile even more rarely; four losses in a row are not worth a loop */
	for (int i = 0; i < 4; i++) {
		u64 before;

		if (!is_longer(seen, epoch, wait))
			break;
		before = __sync_val_compare_and_swap(longest, seen, tagged(epoch, wait));
		if (before == seen)
			break;
		seen = before;
	}
}

/* A thread is switched to on one CPU at a time: plain additions. */
static __always_inline void add_to_thread(struct waits *waits, u64 epoch, u64 wait, u32 slot)
{
	u64 *longest = longest_word(waits->longest, epoch);

	waits->sum_ns += wait;
	waits->slots[slot]++;
	if (is_longer(*longest, epoch, wait))
		*longest = tagged(epoch, wait);
}

static __always_inline void add_to_cpu(struct cpu_waits *cpu, u64 epoch, u64 wait, u32 slot)
{
	u64 *longest = longest_word(cpu->longest, epoch);

	cpu->sum_ns += wait;
	cpu->slots[slot]++;
	if (is_longer(*longest, epoch, wait))
		*longest = tagged(epoch, wait);
}

static __always_inline bool has_waited(struct process_waits *process)
{
	return *longest_word(process->waits.longest, 0) | *longest_word(process->waits.longest, 1);
}

/* Did a wait of this process end in the interval `epoch`, or in one of the two before it? */
static __always_inline bool is_recent(struct waits *waits, u64 epoch)
{
	return ((epoch - (*longest_word(waits->longest, 0) >> LONGEST_BITS)) & EPOCH_MASK) <= 2 ||
	       ((epoch - (*longest_word(waits->longest, 1) >> LONGEST_BITS)) & EPOCH_MASK) <= 2;
}

/* The pid namespace of a task; NULL once it was released. */
static __always_inline struct pid_namespace *pid_namespace(struct task_struct *task)
{
	/* read as a number: before 6.2 the verifier refuses to compute with a pointer to a kernel's type */
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	struct pid_namespace *namespace = 0;

	if (pid)
		bpf_probe_read_kernel(&namespace, sizeof(namespace),
				      (void *)pid + bpf_core_field_offset(struct pid, numbers) +
					      (u64)BPF_CORE_READ(pid, level) * bpf_core_type_size(struct upid) +
					      bpf_core_field_offset(struct upid, ns));
	return namespace;
}

static __always_inline struct process_waits *adopt_process(struct task_struct *task)
{
	struct process_waits *process = bpf_task_storage_get(&processes, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (process && !process->created) {
		process->pidns = BPF_CORE_READ(pid_namespace(task), ns.inum);
		process->leader.voluntary = task->nvcsw;
		process->leader.involuntary = task->nivcsw;
		__sync_val_compare_and_swap(&process->created, 0, bpf_ktime_get_boot_ns());
	}
	return process;
}

static __always_inline struct thread_waits *adopt_thread(struct task_struct *task)
{
	struct thread_waits *thread = bpf_task_storage_get(&threads, task, 0, 0);

	if (!thread) {
		thread = bpf_task_storage_get(&threads, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
		if (thread) {
			thread->voluntary = task->nvcsw;
			thread->involuntary = task->nivcsw;
		}
	}
	return thread;
}

/*
 * Add a thread's switches since the last call (the thread is not the leader) to those that its process keeps: when a
 * record is lost, the next one has them too. Returns the process, null if there was nothing to add.
 */
static __always_inline struct process_waits *hand_over_switches(struct task_struct *task)
{
	struct thread_waits *thread = adopt_thread(task);
	u32 voluntary = task->nvcsw;
	u32 involuntary = task->nivcsw;
	struct process_waits *process;

	/* without `sighand` it was released, and its leader may be gone */
	if (!thread || (voluntary == thread->voluntary && involuntary == thread->involuntary) || !task->sighand)
		return 0;
	process = bpf_task_storage_get(&processes, task->group_leader, 0, 0);
	if (!process)
		return 0;
	/* exchanged: a thread may exit while it is read */
	__sync_fetch_and_add(&process->voluntary, voluntary - __sync_lock_test_and_set(&thread->voluntary, voluntary));
	__sync_fetch_and_add(&process->involuntary,
			     involuntary - __sync_lock_test_and_set(&thread->involuntary, involuntary));
	return process;
}
