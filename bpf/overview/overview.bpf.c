// SPDX-License-Identifier: GPL-2.0
/*
 * State, memory and kernel stack of every user-space task, and every open socket and pipe, for the overview: what a
 * process waits for, and who is at the other end. The programs run when the reader asks; only sleepers that are moved are
 * hooked (lib/run-delay.bpf.h).
 */
#include "lib/core.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/run-delay.bpf.h"
/* One walk an interval, of no more than a slice: 10,000 tasks that rest take 2 ms, by the iterator 6. */
#define WALK_NS 3000000
#include "lib/walk.bpf.h"
#include "channels.bpf.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct percpu_counter {
	s64 count;
};

typedef struct {
	s64 counter;
} atomic_count;

struct mm_rss_stat {
	atomic_count count[4];
};

/* since 6.2 */
struct mm_struct___counters {
	struct percpu_counter rss_stat[4];
};

/* before 6.2 */
struct mm_struct___atomics {
	struct mm_rss_stat rss_stat;
};

struct mm_struct;

struct signal_struct___faults {
	unsigned long min_flt;
	unsigned long maj_flt;
};

struct task_struct___memory {
	struct mm_struct *mm;
	int static_prio;
	unsigned int policy;
	unsigned int exit_state;
	unsigned long min_flt;
	unsigned long maj_flt;
};

#pragma clang attribute pop

/* Frames of a kernel stack that are reported, innermost first. */
#define FRAMES 32

/* Kinds of pages in a process's memory, by the kernel's index. */
enum memory_kind {
	FILE_PAGES = 0,
	ANON_PAGES = 1,
	SWAP_ENTRIES = 2,
	SHMEM_PAGES = 3,
};

/* One thread; its stack follows as `frames` addresses, innermost first. */
struct task_record {
	/* in the initial pid namespace */
	u32 tgid;
	u32 tid;
	/* start of the process, CLOCK_BOOTTIME */
	u64 start;
	/* time since it last ran, 0 while it is runnable */
	u64 asleep_ns;
	/* switches away from it so far, of both kinds; those because it slept */
	u64 switches;
	u64 sleeps;
	u64 cpu_ns;
	/* time in which it waited for a CPU so far, see time_waited() */
	u64 waited_ns;
	/* of this thread; in the leader's record those of ended threads are included */
	u64 minor_faults;
	u64 major_faults;
	/* of the process */
	u64 rss_pages;
	u64 swap_pages;
	/* the kernel's bits: 0 is runnable */
	u32 state;
	u32 exit_state;
	/* 100 + nice + 20 */
	u32 priority;
	u32 policy;
	u32 threads;
	/* process id of the parent */
	u32 parent;
	u32 frames;
	/* it has not run since the reader's last walk, so that its stack is the one reported then */
	u32 unchanged;
	char comm[TASK_COMM_LEN];
};
RECORD(task_record);

/*
 * Instead of task_records: threads in a row that have not run since the reader's last walk, so that what the reader has of them
 * is still true. Which of its threads they are follows from the first, the last, their number and the sum of their ids.
 */
struct task_rests {
	/* no thread has this tgid */
	u32 zero;
	u32 count;
	u32 first;
	u32 last;
	u64 sum;
};
RECORD(task_rests);

/* Threads of one task_rests: of several that end at once seldom two are in one. */
#define ROW 16

struct walk_request {
	/* stacks of tasks that ran in this time, ns; 0: of all */
	u64 window_ns;
	/* 1: the first walk, which finds what slept before the hooks were there */
	u64 first;
	/* number of the walk: which of the tasks that rest are reported whole */
	u64 walk;
	/* a thread that rests is reported whole once in so many walks: its parent, name or memory may change without it */
	u64 whole_every;
	/* 1: each thread that rests has its own task_rests */
	u64 apart;
};
CPU_SHARDS(request, struct walk_request);

/* A record and its stack in one piece. Only one reader walks at a time. */
struct described_task {
	struct task_record record;
	u64 frames[FRAMES];
};
CPU_SHARDS(described_tasks, struct described_task);

/* Of a walk: one for each task_record, with its stack, and for each task_rests. The loader sets its size. */
RING(reports, 1 << 20);

/* The scheduler's clock at the begin of the current walk. */
static u64 walk_clock;

/* Threads of the current walk that rest and are not written yet. Only one reader walks at a time. */
static struct task_rests row;

/* A macro: the index of a relocated array has to be a constant. */
#define PAGES(mm, kind)                                                                                            \
	({                                                                                                         \
		s64 __count;                                                                                       \
		if (bpf_core_type_exists(struct mm_rss_stat))                                                      \
			__count = BPF_CORE_READ((struct mm_struct___atomics *)(mm), rss_stat.count[kind].counter); \
		else                                                                                               \
			__count = BPF_CORE_READ((struct mm_struct___counters *)(mm), rss_stat[kind].count);        \
		__count > 0 ? (u64)__count : 0;                                                                    \
	})

/*
 * exec_start is when it last ran, by clock_task, which is clock without time in interrupts. The difference of both is
 * that of now, so the result is short by the time in interrupts meanwhile. `clock` stands still on an idle CPU.
 * A task that was moved while it fell asleep (lib/run-delay.bpf.h) ran on a CPU whose clock_task is another one; its void
 * stamp, by a clock that all CPUs share, is of that move. Once it has left its queue it has no stamp: then the result is 1,
 * and the reader knows by its switches that it has not run.
 */
static __always_inline u64 time_asleep(struct task_struct *task)
{
	u64 moved = task->sched_info.last_queued, ran = task->se.exec_start;
	struct rq *rq = task->se.cfs_rq->rq;
	s64 asleep = walk_clock - (moved ? moved : ran + rq->clock - rq->clock_task);

	if (!moved && bpf_core_field_exists(task->se.sched_delayed)) {
		struct moved_sleeper *sleeper = sleeper_of(task);

		if (sleeper && sleeper->asleep)
			return 1;
	}

	/* at least 1: 0 is runnable */
	return ran && asleep > 0 ? asleep : 1;
}

/*
 * Writes the row, and begins a new one. What an iterator writes together with a record that does not fit is thrown away, and the
 * program runs again for the same task: then the row has to be what it was.
 */
static __always_inline bool write_row(const bool walks, void *to)
{
	bool written = !row.count || emit_record(walks, to, &row, sizeof(row));

	if (written)
		row.count = 0;
	return written;
}

static __always_inline bool add_to_row(const bool walks, void *to, u32 tid, bool apart)
{
	if (row.count && (row.count >= ROW || apart) && !write_row(walks, to))
		return false;
	if (!row.count) {
		row.first = tid;
		row.sum = 0;
	}
	row.last = tid;
	row.sum += tid;
	row.count++;
	return true;
}

static __always_inline void begin_walk(void)
{
	struct task_struct *self = (void *)bpf_get_current_task();

	walk_clock = BPF_CORE_READ(self, se.cfs_rq, rq, clock);
	row.count = 0;
}

/* All of a thread but its stack. */
static __always_inline void describe(struct task_record *record, struct task_struct *task)
{
	struct task_struct___memory *memory = (void *)task;
	struct signal_struct___faults *dead;
	struct mm_struct *mm;

	record->exit_state = memory->exit_state;
	record->tgid = task->tgid;
	record->tid = task->pid;
	record->start = task->group_leader->start_boottime;
	record->switches = task->nvcsw + task->nivcsw;
	record->sleeps = task->nvcsw;
	record->cpu_ns = task->se.sum_exec_runtime;
	record->waited_ns = time_waited(task);
	record->minor_faults = memory->min_flt;
	record->major_faults = memory->maj_flt;
	record->priority = memory->static_prio;
	record->policy = memory->policy;
	record->threads = BPF_CORE_READ(task, signal, nr_threads);
	record->parent = BPF_CORE_READ(task, real_parent, tgid);
	bpf_probe_read_kernel(record->comm, sizeof(record->comm), task->comm);
	if (record->tid == record->tgid) {
		dead = (void *)BPF_CORE_READ(task, signal);
		record->minor_faults += BPF_CORE_READ(dead, min_flt);
		record->major_faults += BPF_CORE_READ(dead, maj_flt);
	}
	mm = memory->mm;
	record->rss_pages = mm ? PAGES(mm, FILE_PAGES) + PAGES(mm, ANON_PAGES) + PAGES(mm, SHMEM_PAGES) : 0;
	record->swap_pages = mm ? PAGES(mm, SWAP_ENTRIES) : 0;
}

/* One thread, whole or in a row. False: there was no room for it. */
static __always_inline bool report_task(const bool walks, void *to, struct task_struct *task,
					struct walk_request *asked)
{
	struct task_struct___memory *memory = (void *)task;
	struct task_struct *plain = untrusted(walks, task);
	struct described_task *into;
	struct task_rests before;
	u32 first = 0, state, unchanged = 0;
	u64 asleep_ns = 0, size;
	long bytes = 0;

	if (task->flags & PF_KTHREAD)
		return true;
	state = task_state(task);
	if (state && !memory->exit_state) {
		asleep_ns = time_asleep(plain);
		unchanged = asked->window_ns && asleep_ns > asked->window_ns;
		if (unchanged && asked->whole_every && (task->pid + asked->walk) % asked->whole_every)
			return add_to_row(walks, to, task->pid, asked->apart);
	}
	into = bpf_map_lookup_elem(&described_tasks, &first);
	if (!into)
		return true;
	before = row;
	if (!write_row(walks, to))
		return false;
	into->record.state = state;
	into->record.asleep_ns = asleep_ns;
	into->record.unchanged = unchanged;
	if (!walks && bpf_core_field_exists(task->se.sched_delayed) && asked->first)
		find_sleeper(task);
	describe(&into->record, plain);
	if (asleep_ns && !unchanged)
		bytes = bpf_get_task_stack(task, into->frames, sizeof(into->frames), 0);
	if (bytes < 0 || bytes > (long)sizeof(into->frames))
		bytes = 0;
	into->record.frames = (u32)bytes / 8;
	size = sizeof(into->record) + bytes;
	/* the compiler keeps its bounds from the verifier otherwise */
	barrier_var(size);
	if (size <= sizeof(*into) && emit_record(walks, to, into, size))
		return true;
	row = before;
	return false;
}

/*
 * Why here: the kernel has all of it, and a sleeper's stack does not change until it runs again, so that each is unwound
 * once per sleep. For the first walk, and where the kernel cannot walk at once.
 * Cost: 0.5 µs per thread that rests, 0.9 µs for others, 2 µs for those that ran since the last walk and sleep again, in the
 * reading thread's time.
 * Loses: nothing. A task that runs while its stack is unwound has none, or frames of two moments.
 */
SEC("iter/task")
int walk_tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct walk_request *asked;
	u32 first = 0;

	if (ctx->meta->seq_num == 0)
		begin_walk();
	if (!task) {
		write_row(false, ctx->meta->seq);
		return 0;
	}
	asked = bpf_map_lookup_elem(&request, &first);
	if (asked)
		report_task(false, ctx->meta->seq, task, asked);
	return 0;
}

/* Apart from the loop, as in the run queue's walk: what one task leaves on the stack would make the verifier check the next anew. */
static __noinline int walk_task(struct task_struct *task, struct walk_request *asked)
{
	return report_task(true, &reports, task, asked);
}

/*
 * Why here: as above, where the kernel can walk: at a third of the cost of a thread that rests.
 * Cost: 0.2 µs per thread that rests; others as above.
 * Loses: as above.
 */
SEC("syscall")
int walk_at_once(void *ctx)
{
	struct bpf_iter_task walk;
	struct walk_request *asked;
	struct task_struct *task;
	u32 first = 0, complete = WALK_COMPLETE;
	u64 left = walk_limit, begun = bpf_ktime_get_ns();

	asked = bpf_map_lookup_elem(&request, &first);
	if (!asked)
		return WALK_INCOMPLETE;
	begin_walk();
	bpf_rcu_read_lock();
	bpf_iter_task_new(&walk, 0, ALL_THREADS);
	while ((task = bpf_iter_task_next(&walk))) {
		if (!left-- || walk_is_long(left, begun) || !walk_task(task, asked)) {
			complete = WALK_INCOMPLETE;
			break;
		}
	}
	bpf_iter_task_destroy(&walk);
	bpf_rcu_read_unlock();
	return complete == WALK_COMPLETE && write_row(true, &reports) ? WALK_COMPLETE : WALK_INCOMPLETE;
}

char LICENSE[] SEC("license") = "GPL";
