// SPDX-License-Identifier: GPL-2.0
/*
 * How long tasks wait on a run queue before they get a CPU, from the stamps that the scheduler keeps anyway
 * (sched_info): one hook, at the moment the wait ends. Everything counts up for ever; user space takes differences.
 */
#include "core.bpf.h"
#include "hist.bpf.h"
#include "maps.bpf.h"
#include "waits.bpf.h"

/* false: the machine and its CPUs are measured, not the processes; nothing is looked up in task storage then */
const volatile bool with_processes = true;

/* Written only on its own CPU, with interrupts off: plain additions. The count of waits is the sum of the slots. */
struct cpu_waits {
	u64 sum_ns;
	u32 longest[4] __attribute__((aligned(8)));
	/* waits whose beginning the kernel did not stamp and neither did we */
	u64 unstamped;
	/* waits of a task without storage, and what is in them: missing in its process */
	u64 homeless;
	u64 homeless_ns;
	/* last records of processes that found the ring full */
	u64 ring_full;
	u64 slots[HIST_SLOTS(CPU_SUB_BITS)];
};
CPU_SHARDS(cpu_waits, struct cpu_waits);

/*
 * What user space wants, written by it only, a word at a time: a switch that is under way meanwhile is judged by the
 * old words or the new. The first one is looked at by every switch; it has the number of the running interval, from bit
 * GENERATION_SHIFT on the number of the filter, and what is asked for beyond the usual.
 */
enum setting {
	SETTING_INTERVAL,
	/* values of the filters that are on: thread group id, id of a cgroup, name in two halves */
	SETTING_TGID,
	SETTING_CGROUP,
	SETTING_COMM_LOW,
	SETTING_COMM_HIGH,
	SETTINGS,
};
NAMES(setting);

/* the next read is to be of all processes */
#define READ_ALL (1ULL << 63)
/* every thread gets a histogram of its own */
#define WANT_THREADS (1ULL << 62)
/* only these are measured */
#define FILTER_TGID (1ULL << 61)
#define FILTER_CGROUP (1ULL << 60)
#define FILTER_COMM (1ULL << 59)
#define FILTERS (FILTER_TGID | FILTER_CGROUP | FILTER_COMM)
#define GENERATION_SHIFT 32
#define GENERATION_MASK 0xffff

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SETTINGS);
	__type(key, u32);
	__type(value, u64);
} settings SEC(".maps");

/* Written by the switches of this one task, of which there is one at a time. */
struct thread_waits {
	/* sched_info.run_delay after the last switch to it, +1; 0: not switched to since we look */
	u64 run_delay;
	/* when it was preempted although it was about to sleep: the kernel sets no stamp then. 0: it was not */
	u64 preempted;
	/* of the filter under which these were written: without being looked at they grow old */
	u32 generation;
	/* switches away from it that were reported */
	u32 voluntary;
	u32 involuntary;
};

struct waits {
	u64 sum_ns;
	u32 longest[4] __attribute__((aligned(8)));
	u32 slots[HIST_SLOTS(PROCESS_SUB_BITS)];
};

/* In the storage of the group leader. Threads of a process switch in on several CPUs at once: atomic additions. */
struct process_waits {
	struct thread_waits leader;
	/* CLOCK_BOOTTIME of this storage: tells it from a later one of the same process (exec by another thread) */
	u64 created;
	/* sum_ns when the leader exited */
	u64 sum_ns_at_exit;
	/* switches of threads that have ended, as far as the reader was not told */
	u32 voluntary;
	u32 involuntary;
	/* inode number of the pid namespace, the same for life */
	u32 pidns;
	struct waits waits;
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

enum record_kind {
	RECORD_PROCESS = 1,
	RECORD_WAITING = 2,
	/* a leader is gone, with nothing new since its RECORD_PROCESS */
	RECORD_GONE = 3,
	/* a leader is gone; goes on with the waits, like RECORD_PROCESS */
	RECORD_LAST = 4,
	/* goes on with the waits of one thread */
	RECORD_THREAD = 5,
	/* a thread other than the leader has switched away `voluntary` and `involuntary` times since the last time this was said */
	RECORD_SWITCHES = 6,
};
NAMES(record_kind);

struct record_head {
	u32 kind;
	u32 tgid;
	u32 tid;
	u32 cpu;
	/* of the process, CLOCK_BOOTTIME */
	u64 start;
	/* RECORD_WAITING: for how long; RECORD_GONE: `created` of the storage; RECORD_THREAD: start of the thread */
	u64 ns;
	/* switches away from the task since we look at it, but RECORD_SWITCHES */
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

struct thread_record {
	struct record_head head;
	struct waits waits;
};
RECORD(thread_record);

/* Where the iterator, of which user space runs one at a time, puts a record together. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct process_record);
} scratch_record SEC(".maps");

/* Room for 6,500 processes that end within one interval. */
RING(ended, 4 << 20);

static __always_inline u64 setting(u32 which)
{
	u64 *word = bpf_map_lookup_elem(&settings, &which);

	return word ? *word : 0;
}

static __always_inline u64 interval_word(void)
{
	return setting(SETTING_INTERVAL);
}

/* Is the task in the cgroup of this id, or in one below it? Only the unified hierarchy counts. */
static __always_inline bool is_below(struct task_struct *task, u64 id)
{
	struct cgroup *group = task->cgroups->dfl_cgrp;

	for (int level = 0; level < 32 && group; level++) {
		if (group->kn->id == id)
			return true;
		group = group->self.parent->cgroup;
	}
	return false;
}

/* Is it one of those that user space wants? Apart from the rest: without a filter nobody comes here. */
static __noinline bool passes(struct task_struct *task, u64 word)
{
	if (word & FILTER_TGID && (u32)task->tgid != setting(SETTING_TGID))
		return false;
	if (word & FILTER_COMM) {
		u64 comm[2];

		bpf_probe_read_kernel(comm, sizeof(comm), task->comm);
		if (comm[0] != setting(SETTING_COMM_LOW) || comm[1] != setting(SETTING_COMM_HIGH))
			return false;
	}
	return !(word & FILTER_CGROUP) || is_below(task, setting(SETTING_CGROUP));
}

static __always_inline bool is_wanted(struct task_struct *task, u64 word)
{
	return !(word & FILTERS) || passes(task, word);
}

static __always_inline bool is_leader(struct task_struct *task)
{
	return task->pid == task->tgid;
}

static __always_inline bool is_sleepy(struct task_struct *task)
{
	struct task_struct___2 *task2 = (void *)task;

	if (bpf_core_field_exists(task2->__state))
		return BPF_CORE_READ(task2, __state) != 0;
	return BPF_CORE_READ((struct task_struct___state *)task, state) != 0;
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
	/* rarely true, and more rarely is the word changed under us; four rivals in a row are not worth a loop */
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

	if (is_leader(task)) {
		process = adopt_process(task);
		thread = process ? &process->leader : 0;
	} else {
		thread = adopt_thread(task);
	}
	/* it has not waited yet, and does not run before we are through */
	if (thread)
		thread->run_delay = 1;
	if (interval_word() & WANT_THREADS)
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

	if (old_pid == task->pid)
		return 0;
	process = adopt_process(task);
	thread = bpf_task_storage_get(&threads, task, 0, 0);
	if (process && thread && !process->leader.run_delay)
		process->leader.run_delay = thread->run_delay;
	return 0;
}

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

	/* the one counter written outside the switch, whose program may interrupt us: atomic */
	if (cpu)
		__sync_fetch_and_add(&cpu->ring_full, 1);
}

/* What a process's record says beside its storage. */
static __always_inline void describe(struct process_record *record, struct task_struct *task, struct process_waits *process, u32 kind)
{
	struct pid_namespace *namespace = pid_namespace(task);

	fill(&record->head, task, kind, task->start_boottime);
	record->head.cpu = 0;
	record->head.ns = 0;
	record->head.voluntary = (u32)task->nvcsw - process->leader.voluntary + process->voluntary;
	record->head.involuntary = (u32)task->nivcsw - process->leader.involuntary + process->involuntary;
	record->cgroup = task->cgroups->dfl_cgrp->kn->id;
	__builtin_memset(record->pidns_comm, 0, sizeof(record->pidns_comm));
	if (namespace)
		BPF_CORE_READ_INTO(&record->pidns_comm, namespace, child_reaper, comm);
}

/* All of a process into the ring. */
static __always_inline bool send_process(struct task_struct *task, struct process_waits *process, u32 kind)
{
	struct process_record *record = bpf_ringbuf_reserve(&ended, sizeof(*record), 0);

	if (!record) {
		ring_was_full();
		return false;
	}
	describe(record, task, process, kind);
	bpf_probe_read_kernel(&record->process, sizeof(record->process), process);
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return true;
}

/* A thread of a process that may go on: its switches go to the process, its own waits to the reader. */
static __always_inline void thread_exited(struct task_struct *task)
{
	struct process_waits *process = bpf_task_storage_get(&processes, task->group_leader, 0, 0);
	struct thread_waits *thread = bpf_task_storage_get(&threads, task, 0, 0);

	if (process && thread) {
		__sync_fetch_and_add(&process->voluntary, (u32)task->nvcsw - thread->voluntary);
		__sync_fetch_and_add(&process->involuntary, (u32)task->nivcsw - thread->involuntary);
		/* what it does until it is gone is the next reader's */
		thread->voluntary = task->nvcsw;
		thread->involuntary = task->nivcsw;
	}
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
	fill(&record->head, task, RECORD_THREAD, task->group_leader->start_boottime);
	record->head.cpu = 0;
	record->head.ns = task->start_boottime;
	record->head.voluntary = task->nvcsw;
	record->head.involuntary = task->nivcsw;
	bpf_probe_read_kernel(&record->waits, sizeof(record->waits), waits);
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
}

static __always_inline bool has_waited(struct process_waits *process)
{
	return *longest_word(process->waits.longest, 0) | *longest_word(process->waits.longest, 1);
}

/*
 * Why here: what lives between two reads is reported in its own context. (The next program runs in an RCU callback,
 * hence in whatever process it interrupts; it is skipped on kernels that exempt that process from tracing.)
 * Cost: one record of 600 bytes per process that ends; per thread too while threads are asked for.
 * Loses: the record when the ring is full, counted; the system's figures do not depend on it.
 */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(exited, struct task_struct *task)
{
	struct process_waits *process;
	u64 sum_ns;

	if (interval_word() & WANT_THREADS)
		send_thread(task);
	if (!is_leader(task)) {
		thread_exited(task);
		return 0;
	}
	process = bpf_task_storage_get(&processes, task, 0, 0);
	if (!process || !has_waited(process))
		return 0;
	/* read before the copy is made: what comes in between is sent once more rather than not at all */
	sum_ns = process->waits.sum_ns;
	if (send_process(task, process, RECORD_PROCESS))
		process->sum_ns_at_exit = sum_ns;
	return 0;
}

/*
 * Why here: after the last switch, so the figures are final, and before the storage goes with the task.
 * Cost: one record of 64 bytes per process that ends; 576 if it waited in its exit or had threads that outlived the first.
 * Loses: as above. Without this record the process is found gone by the next full read.
 */
SEC("tp_btf/sched_process_free")
int BPF_PROG(freed, struct task_struct *task)
{
	struct process_waits *process;
	struct record_head *head;

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
	fill(head, task, RECORD_GONE, task->start_boottime);
	head->cpu = 0;
	head->ns = process->created;
	bpf_ringbuf_submit(head, BPF_RB_NO_WAKEUP);
	return 0;
}

/* Did a wait of this process end in the interval `epoch`, or in one of the two before it? */
static __always_inline bool is_recent(struct waits *waits, u64 epoch)
{
	return ((epoch - (*longest_word(waits->longest, 0) >> LONGEST_BITS)) & EPOCH_MASK) <= 2 ||
	       ((epoch - (*longest_word(waits->longest, 1) >> LONGEST_BITS)) & EPOCH_MASK) <= 2;
}

/* What is asked for of each thread: its switches, its waits. */
static __always_inline void read_thread(struct seq_file *seq, struct task_struct *task, u64 word)
{
	struct record_head head = {};

	if (!is_leader(task)) {
		struct thread_waits *thread = adopt_thread(task);
		u32 voluntary = task->nvcsw;
		u32 involuntary = task->nivcsw;

		if (thread && (voluntary != thread->voluntary || involuntary != thread->involuntary)) {
			fill(&head, task, RECORD_SWITCHES, task->group_leader->start_boottime);
			head.voluntary = voluntary - thread->voluntary;
			head.involuntary = involuntary - thread->involuntary;
			thread->voluntary = voluntary;
			thread->involuntary = involuntary;
			bpf_seq_write(seq, &head, sizeof(head));
		}
	}
	if (word & WANT_THREADS) {
		struct waits *waits = bpf_task_storage_get(&details, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

		if (waits && (word & READ_ALL || is_recent(waits, word & EPOCH_MASK))) {
			fill(&head, task, RECORD_THREAD, task->group_leader->start_boottime);
			head.ns = task->start_boottime;
			head.voluntary = task->nvcsw;
			head.involuntary = task->nivcsw;
			bpf_seq_write(seq, &head, sizeof(head));
			bpf_seq_write(seq, waits, sizeof(*waits));
		}
	}
}

/*
 * One read: the storage of every process in which something happened in this interval or in the one before (a switch
 * that took the old number may still have been under way at the last read), and every thread that waits right now.
 * Cost: about 0.3 µs per thread and tick, in the reading thread's own time.
 * Loses: nothing. The age of a waiting thread is by its CPU's clock, which is at most a tick old.
 */
SEC("iter/task")
int read_tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct seq_file *seq = ctx->meta->seq;
	struct record_head head = {};
	struct process_waits *process;
	u64 word = interval_word();
	const u32 zero = 0;
	struct rq *rq;
	u64 queued;

	if (!task)
		return 0;
	if (with_processes)
		read_thread(seq, task, word);
	if (with_processes && is_leader(task)) {
		process = adopt_process(task);
		if (process && process->created && (word & READ_ALL || is_recent(&process->waits, word & EPOCH_MASK))) {
			struct process_record *scratch = bpf_map_lookup_elem(&scratch_record, &zero);

			if (!scratch)
				return 0;
			describe(scratch, task, process, RECORD_PROCESS);
			bpf_probe_read_kernel(&scratch->process, sizeof(scratch->process), process);
			bpf_seq_write(seq, scratch, sizeof(*scratch));
		}
	}
	/* set while a task is on a queue and does not run; a task that is being switched away from has it already */
	queued = task->sched_info.last_queued;
	if (queued && !task->on_cpu && is_wanted(task, word)) {
		rq = task->se.cfs_rq->rq;
		fill(&head, task, RECORD_WAITING, task->group_leader->start_boottime);
		head.cpu = rq->cpu;
		head.ns = rq->clock > queued ? rq->clock - queued : 0;
		bpf_seq_write(seq, &head, sizeof(head));
	}
	return 0;
}

/* Last in the file, hence attached last: when every task has its storage (see src/tracers/runqlat.ts). */

/*
 * Why here: when a task is switched to, sched_info.last_queued still says since when it was runnable, and the run
 * queue's clock is the one that this stamp was taken from and that the kernel's own run_delay will be computed with. So
 * no hook on wake-ups is needed, and our sum is run_delay to the nanosecond. A wait cut in pieces by migration leaves
 * the earlier pieces in run_delay; what that has grown by since the last switch belongs to this wait.
 * Cost: 48 ns per context switch beside the empty program's 50 (60 if the task is not its process's leader); most of it
 * the look-ups in task storage, without which it is some 15 ns. 15 ns more while threads are asked for; 15 in all for a task that a filter leaves out.
 * Loses: a task whose storage could not be had counts in the system's figures only, and under `homeless`. The idle
 * task is not counted. A sleeper preempted before it slept has no stamp of the kernel; we keep our own (see below).
 */
SEC("tp_btf/sched_switch")
int BPF_PROG(switched, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	u32 this_cpu = bpf_get_smp_processor_id();
	struct process_waits *process = 0;
	struct thread_waits *thread = 0;
	struct cpu_waits *cpu;
	u64 word, queued, run_delay, now, epoch;
	u64 wait = 0;
	u32 slot, generation;

	/*
	 * Preempted on its way to sleep: it stays runnable, but the scheduler, which looks at the state only, does not
	 * stamp it. prev's CPU is this one, and its thread state has no other writer until it is switched to again.
	 */
	if (with_processes && preempt && is_sleepy(prev)) {
		thread = thread_waits(prev);
		if (thread)
			thread->preempted = prev->se.cfs_rq->rq->clock;
	}
	if (next->pid == 0)
		return 0;
	word = interval_word();
	if (!is_wanted(next, word))
		return 0;
	cpu = bpf_map_lookup_elem(&cpu_waits, &this_cpu);
	if (!cpu)
		return 0;

	/* every task, of whatever class, has in se.cfs_rq that of its own run queue: this CPU's */
	now = next->se.cfs_rq->rq->clock;
	queued = next->sched_info.last_queued;
	run_delay = next->sched_info.run_delay;

	/*
	 * A thread that was released (it does so itself, late in its exit) may outlive its leader, so the pointer is not
	 * followed. While `sighand` is set the leader cannot have been released, and what is released after we looked
	 * stays until this program is through, since it runs inside an RCU read section.
	 */
	if (with_processes && is_leader(next)) {
		process = bpf_task_storage_get(&processes, next, 0, 0);
		thread = process ? &process->leader : 0;
	} else if (with_processes) {
		thread = bpf_task_storage_get(&threads, next, 0, 0);
		if (next->sighand)
			process = bpf_task_storage_get(&processes, next->group_leader, 0, 0);
	}
	if (thread) {
		generation = word >> GENERATION_SHIFT & GENERATION_MASK;
		if (thread->generation != generation) {
			/* the filter is another: we may not have looked at this one for long */
			thread->generation = generation;
			thread->run_delay = 0;
			thread->preempted = 0;
		}
		/* not seen before: all of it is this wait if the task never ran, unknown and of before if it did */
		u64 before = thread->run_delay ? thread->run_delay - 1 : next->sched_info.pcount ? run_delay : 0;

		wait = run_delay - before;
		if (!queued)
			queued = thread->preempted;
		thread->preempted = 0;
		thread->run_delay = run_delay + 1;
	}
	if (queued) {
		/* what the kernel is about to add itself; without its stamp it will not */
		u64 last = now > queued ? now - queued : 0;

		wait += last;
		if (thread && next->sched_info.last_queued)
			thread->run_delay += last;
	} else if (!wait) {
		cpu->unstamped++;
		return 0;
	}
	epoch = word & EPOCH_MASK;
	slot = hist_slot(wait, CPU_SUB_BITS);
	add_to_cpu(cpu, epoch, wait, slot);
	slot = hist_coarser(slot, CPU_SUB_BITS, PROCESS_SUB_BITS);
	if (word & WANT_THREADS) {
		struct waits *detail = bpf_task_storage_get(&details, next, 0, 0);

		if (detail)
			add_to_thread(detail, epoch, wait, slot);
	}
	if (process) {
		add_to_process(&process->waits, epoch, wait, slot);
	} else if (with_processes) {
		cpu->homeless++;
		cpu->homeless_ns += wait;
	}
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
