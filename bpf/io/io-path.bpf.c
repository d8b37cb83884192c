// SPDX-License-Identifier: GPL-2.0
/*
 * The two ends of a request's path, where a system call waits for it: from the call to the first bio (`fs`), from the
 * completion to the task being on a CPU again (`wake`), from there to the return (`return`); and the division of the
 * call's time. The stages in between are in io.bpf.c. Loaded only while it is asked for: it runs at every system call
 * of the machine.
 *
 * The programs are attached in the order of this file, so no call begins before the hook at its end is attached.
 */
#include "lib/core.bpf.h"
#include "lib/hist.bpf.h"
#include "lib/keyed-store.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/runs.bpf.h"
#include "lib/stages.bpf.h"
#include "block.bpf.h"
#include "owner.bpf.h"
#include "table.bpf.h"
#include "filter.bpf.h"
#include "calls.bpf.h"
#include "keys.bpf.h"

char LICENSE[] SEC("license") = "GPL";

/* See lib/runs.bpf.h. */
enum counted_program {
	RUN_sys_exit,
	RUN_path_switch,
	RUN_path_moved,
	RUN_path_complete,
	RUN_path_bio_complete,
	RUN_path_split,
	RUN_path_bio_queue,
	RUN_sys_enter,
};
NAMES(counted_program);

/* The stages with depth `full` of src/tracers/io/path.ts, in that order. */
enum path_stage {
	PATH_FS,
	PATH_WAKE,
	PATH_RETURN,
	PATH_STAGES,
};
NAMES(path_stage);

struct path_stats {
	struct latency stages[PATH_STAGES];
};

/* By kind (keys.bpf.h) of the call's first bio, written at the call's return. */
KEYED_STORE(stats, struct path_stats)

struct path_cpu {
	/* bios of calls that are not followed, since another thread's call has or had their entry */
	u64 calls_full;
	/* bios without a free entry: their completion is not seen */
	u64 call_bios_full;
	/* slow calls without a record: the ring was full */
	u64 calls_suppressed;
	/* likewise: a switch to the thread was not seen (the program was skipped, or hidden behind an exempt process) */
	u64 calls_untimed;
};
CPU_SHARDS(path_cpus, struct path_cpu);

/* A system call that queued a bio and took as long as a slow request. */
struct slow_call {
	u64 entry_ns;
	/* on a CPU again after its one bio was done; 0: it had more than one, or did not wait */
	u64 woken_ns;
	u64 return_ns;
	u64 blocked_ns;
	u64 runqueue_ns;
	u64 preempted_ns;
	u32 tid;
	u32 unused;
};
RECORD(slow_call);
RING(slow_calls, 64 * 1024);

/* Rare events only: the shard is not looked up unless one happens. Atomic, as in io.bpf.c. */
#define count(member)                                                                \
	do {                                                                         \
		u32 this_cpu = bpf_get_smp_processor_id();                           \
		struct path_cpu *shard = bpf_map_lookup_elem(&path_cpus, &this_cpu); \
		if (shard)                                                           \
			shared_add(&shard->member, 1);                               \
	} while (0)

/*
 * Divide the last time off the CPU, by the scheduler's own sum of waiting for one. Only when the task runs again: the
 * sum is not complete before.
 */
static __always_inline void divide(struct call *call, u64 run_delay)
{
	u64 waited = run_delay - call->run_delay;
	u64 off;

	if (!call->out_ns)
		return;
	if (!call->in_ns) {
		call->untimed = true;
		call->out_ns = 0;
		return;
	}
	off = duration(call->out_ns, call->in_ns);
	/* its sleep is in the sum: the wait is known from a completion that woke it only */
	if (call->moved)
		waited = call->woken_ns ? duration(call->waited_ns, call->in_ns) : 0;
	if (waited > off)
		waited = off;
	if (call->slept) {
		call->runqueue_ns += waited;
		call->blocked_ns += off - waited;
	} else {
		call->preempted_ns += off;
	}
	call->out_ns = 0;
}

static __noinline void report_call(struct call *call, u64 now)
{
	struct slow_call *record;

	if (call->untimed) {
		count(calls_untimed);
		return;
	}
	record = bpf_ringbuf_reserve(&slow_calls, sizeof(*record), 0);
	if (!record) {
		count(calls_suppressed);
		return;
	}
	record->entry_ns = call->entry_ns;
	record->woken_ns = call->bios == 1 ? call->woken_ns : 0;
	record->return_ns = now;
	record->blocked_ns = call->blocked_ns;
	record->runqueue_ns = call->runqueue_ns;
	record->preempted_ns = call->preempted_ns;
	record->tid = call->tid;
	record->unused = 0;
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
}

/* The return of a call that queued a bio. Costs a comparison of a key and up to three histogram updates. */
static __noinline int end_call(struct call *call)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	u64 kind = kind_of(call->dev, call->op, call->flags);
	u64 now = bpf_ktime_get_ns();
	u32 epoch = interval_epoch();
	struct path_stats *path = stats_of(kind, 0, store_hash(kind), store_writer(0, 1), epoch);
	/* once: other CPUs write it */
	u64 completed = *(volatile u64 *)&call->completed_ns;

	if (call->out_ns)
		divide(call, BPF_CORE_READ(task, sched_info.run_delay));
	if (!path)
		return 0;
	latency_add(&path->stages[PATH_FS], call->queued_ns - call->entry_ns, epoch);
	if (call->submits)
		return 0;
	if (call->woken_ns) {
		latency_add(&path->stages[PATH_WAKE], call->woken_ns - call->waited_ns, epoch);
		latency_add(&path->stages[PATH_RETURN], now - call->woken_ns, epoch);
	} else if (!call->untimed && call->ended == call->bios && completed > call->in_ns && completed <= now) {
		/* all was complete before it would have had to wait */
		latency_add(&path->stages[PATH_RETURN], now - completed, epoch);
	}
	if (duration(call->entry_ns, now) >= setting(IO_SLOW))
		report_call(call, now);
	return 0;
}

/*
 * Why here: the end of a call, with its result.
 * Cost: every return of every system call comes here; a look-up in the table for those that are not followed.
 * Loses: nothing.
 */
SEC("tp_btf/sys_exit")
int sys_exit(u64 *ctx)
{
	struct call *call = call_of((u32)bpf_get_current_pid_tgid());

	COUNT_RUN(sys_exit);
	if (!call)
		return 0;
	if (call->queued_ns)
		end_call(call);
	call->tid = 0;
	return 0;
}

/*
 * Why here: a followed call goes off a CPU, or is on it again. `preempt` is true for a task that did not give up its
 * CPU.
 * Cost: two look-ups in the table for every switch of the machine; two clock reads more where a call is followed.
 * Loses: nothing.
 */
SEC("tp_btf/sched_switch")
int path_switch(u64 *ctx)
{
	struct task_struct *prev = (void *)ctx[1];
	struct task_struct *next = (void *)ctx[2];
	struct call *call = call_of(prev->pid);
	u64 now, completed;

	COUNT_RUN(path_switch);
	if (call) {
		divide(call, prev->sched_info.run_delay);
		call->slept = !(bool)ctx[0] && task_state(prev) != 0;
		call->in_ns = 0;
		call->moved = false;
		/* of a task that leaves this CPU, whose queue is locked: nobody adds to it */
		call->run_delay = prev->sched_info.run_delay;
		call->out_ns = bpf_ktime_get_ns();
		if (call->slept)
			call->woken_ns = 0;
	}
	call = call_of(next->pid);
	if (call && call->out_ns) {
		/* once, and before the clock: other CPUs write it */
		completed = *(volatile u64 *)&call->completed_ns;
		now = bpf_ktime_get_ns();
		call->in_ns = now;
		if (completed >= call->out_ns) {
			call->waited_ns = completed;
			call->woken_ns = now;
		}
	}
	return 0;
}

/*
 * Why here: a task that is moved while its dequeue is delayed gets a stamp as if it waited (see is_delayed()), which ends
 * in the run_delay that divide() goes by. Loaded where the kernel delays dequeues.
 * Cost: that of an empty program for each task that changes its CPU.
 * Loses: nothing.
 */
SEC("tp_btf/sched_migrate_task")
int BPF_PROG(path_moved, struct task_struct *task, int destination)
{
	struct call *call = is_delayed(task) ? call_of(task->pid) : 0;

	COUNT_RUN(path_moved);
	if (call)
		call->moved = true;
	return 0;
}

static __always_inline void bio_ends(struct bio *bio, u64 now)
{
	struct call *call = take_bio(bio);

	if (!call)
		return;
	shared_add(&call->ended, 1);
	call->completed_ns = now;
}

#define BIOS_OF_A_REQUEST 32

/*
 * Why here: the bios of the request are still linked.
 * Cost: a clock read and two look-ups for each bio of the request.
 * Loses: bios beyond the 32nd of a request.
 */
SEC("tp_btf/block_rq_complete")
int path_complete(u64 *ctx)
{
	/* this completion's alone */
	struct request *rq = (void *)ctx[0];
	struct bio *bio = rq->bio;
	u64 now = bpf_ktime_get_ns();

	COUNT_RUN(path_complete);
	if ((u32)ctx[2] < rq->__data_len)
		return 0;
	for (int n = 0; n < BIOS_OF_A_REQUEST && bio; n++) {
		bio_ends(bio, now);
		bio = bio->bi_next;
	}
	return 0;
}

/*
 * Why here: bios without a request end here: those of stacked devices, and empty flushes.
 * Cost: a clock read and two look-ups.
 * Loses: nothing.
 */
SEC("tp_btf/block_bio_complete")
int path_bio_complete(u64 *ctx)
{
	COUNT_RUN(path_bio_complete);
	bio_ends((void *)ctx[1], bpf_ktime_get_ns());
	return 0;
}

static __always_inline void add_bio(struct call *call, struct bio *bio)
{
	shared_add(&call->bios, 1);
	if (!put_bio(bio, call))
		count(call_bios_full);
}

/*
 * Why here: the front part of a bio goes on under a new address.
 * Cost: look-ups for both parts.
 * Loses: a part without a free entry, counted.
 */
SEC("tp_btf/block_split")
int path_split(u64 *ctx)
{
	struct bio *part, *whole;
	struct call *call;

	COUNT_RUN(path_split);
	ARGUMENT(part, ctx, btf_trace_block_split, 0, 1);
	whole = part->bi_private;
	call = take_bio(whole);
	if (!call)
		return 0;
	if (!put_bio(whole, call))
		count(call_bios_full);
	add_bio(call, part);
	return 0;
}

/* Does the bio pass the filters? Only with filters. */
static __noinline bool is_wanted(struct bio *bio, u64 want)
{
	struct queued queued = {};
	struct destination where;
	bool passes_on;

	where = bio_destination(bio);
	queued.dev = where.dev;
	queued.part = where.part;
	queued.how = OWNER_SUBMITTER;
	if (task_owner(&queued.owner, &passes_on) & PF_KTHREAD && !waiting_owner(&queued.owner, bio))
		return false;
	return passes(&queued, bio, want);
}

/* The call for which a kernel thread queues a bio: one that a limit of a control group had held back. */
static __noinline struct call *call_behind(struct bio *bio)
{
	struct owner owner = {};

	return waiting_owner(&owner, bio) ? call_of(owner.tid) : 0;
}

/*
 * Why here: the first bio of a call ends its stage `fs`.
 * Cost: a look-up in each table where the task is in a call, and a clock read for its first bio.
 * Loses: bios without a free entry, and those of calls without one, counted.
 */
SEC("tp_btf/block_bio_queue")
int path_bio_queue(u64 *ctx)
{
	u32 tid = (u32)bpf_get_current_pid_tgid();
	struct call *call = call_of(tid);
	u64 want = setting(IO_WANT);
	struct bio *bio;

	COUNT_RUN(path_bio_queue);
	ARGUMENT(bio, ctx, btf_trace_block_bio_queue, 0, 1);
	if (!call)
		call = call_behind(bio);
	if (!call && !is_in_followed_call())
		return 0;
	if (want & WANT_FILTERS && !is_wanted(bio, want))
		return 0;
	if (!call) {
		count(calls_full);
		return 0;
	}
	if (!call->queued_ns) {
		call->dev = bio_destination(bio).dev;
		call->op = block_op(bio->bi_opf);
		call->flags = splitting_flags(bio->bi_opf);
		call->queued_ns = bpf_ktime_get_ns();
	}
	add_bio(call, bio);
	return 0;
}

/* A task must not take the entry of another's call that queued something. */
static __always_inline bool is_held_by_another(const struct call *call, u32 tid, u64 now)
{
	return call->tid && call->tid != tid && call->queued_ns && now - call->queued_ns < STALE;
}

/*
 * Why here: the begin of a call.
 * Cost: every system call comes here; those that cannot wait for a disk end with the test of a bit. The others cost a
 * clock read and an entry of the table.
 * Loses: calls whose entry is taken; their bios are counted.
 */
SEC("tp_btf/sys_enter")
int sys_enter(u64 *ctx)
{
	bool compat = is_compat_call();
	struct call *call;
	u32 tid;
	u64 now;

	COUNT_RUN(sys_enter);
	if (!is_followed(ctx[1], compat))
		return 0;
	tid = (u32)bpf_get_current_pid_tgid();
	call = call_entry(tid);
	if (!call)
		return 0;
	now = bpf_ktime_get_ns();
	if (is_held_by_another(call, tid, now))
		return 0;
	call->tid = 0;
	call->entry_ns = now;
	call->queued_ns = 0;
	call->completed_ns = 0;
	call->woken_ns = 0;
	call->out_ns = 0;
	call->in_ns = 0;
	call->moved = false;
	call->untimed = false;
	call->blocked_ns = 0;
	call->runqueue_ns = 0;
	call->preempted_ns = 0;
	call->bios = 0;
	call->ended = 0;
	call->submits = ctx[1] == (compat ? IO_SUBMIT_COMPAT : IO_SUBMIT);
	call->tid = tid;
	return 0;
}
