// SPDX-License-Identifier: GPL-2.0
/*
 * Everything that one command and its descendants used, from the kernel's own counters: each task leaves its figures when
 * it ends, the living ones are read by an iterator. Loaded only while a command is measured (wattlag measure).
 */
#include "lib/core.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/run-delay.bpf.h"
#include "lib/running-slice.bpf.h"

#define CLONE_THREAD 0x00010000

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct task_io_accounting {
	u64 syscr;
	u64 syscw;
	u64 read_bytes;
	u64 write_bytes;
	u64 cancelled_write_bytes;
};

struct task_struct___figures {
	struct task_io_accounting ioac;
	unsigned long min_flt;
	unsigned long maj_flt;
};

#pragma clang attribute pop

/* Sums over tasks, each since its start. */
struct task_sums {
	u64 cpu_ns;
	/* in run queues; number of those waits */
	u64 wait_ns;
	u64 waits;
	u64 voluntary;
	u64 involuntary;
	/* from and to storage; 0 without CONFIG_TASK_IO_ACCOUNTING */
	u64 read_bytes;
	u64 write_bytes;
	u64 read_calls;
	u64 write_calls;
	u64 minor_faults;
	u64 major_faults;
	u64 threads;
};
RECORD(task_sums);

/* Tasks that have ended, by the CPU where that was noted. */
struct ended_tasks {
	struct task_sums sums;
	/* those of them whose last figures are in the sums */
	u64 complete;
};
CPU_SHARDS(ended_tasks, struct ended_tasks);

/* The run that is measured; written by user space. */
struct request {
	/* its number, from 1; 0: none */
	u32 run;
	/* the next process that user space starts is the command */
	u32 armed;
};
CPU_SHARDS(request, struct request);

/* Written by the programs. */
struct course {
	/* CLOCK_MONOTONIC of the fork of the command's process, and of the exit of its last thread so far */
	u64 begun_ns;
	u64 ended_ns;
	/* tasks and processes that have begun, the command itself included */
	u64 threads;
	u64 processes;
	/* tasks that found `members` full: they and their descendants are missing */
	u64 untracked;
	/* processes that found their ring full: their energy is estimated */
	u64 unnamed;
	/* the measuring process, by the first run of the iterator; the command's process */
	u32 own_tgid;
	u32 root_tgid;
};
CPU_SHARDS(course, struct course);

/* A task of a command. The figures are those of its exit, which are in the sums already; its last ones replace them. */
struct member {
	u32 run;
	u32 exited;
	u64 cpu_ns;
	u64 voluntary;
	u64 involuntary;
};

/*
 * The tasks of the command, by their task_struct: the address stays the same over exec, and is not used again
 * before sched_process_free has removed it. Where that was hidden from this program the next task at the address does.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, u64);
	__type(value, struct member);
} members SEC(".maps");

/* A process of the command, as it begins. */
struct process_begins {
	/* CLOCK_BOOTTIME */
	u64 start;
	u32 tgid;
	u32 run;
};
RECORD(process_begins);

/* For 40,000 processes that begin between two reads. */
RING(processes, 1 << 20);

static const u32 first = 0;

static __always_inline struct course *the_course(void)
{
	u32 key = first;

	return bpf_map_lookup_elem(&course, &key);
}

static __always_inline u32 present_run(void)
{
	u32 key = first;
	struct request *now = bpf_map_lookup_elem(&request, &key);

	return now ? now->run : 0;
}

/* Atomic: an RCU callback, where last figures come, may interrupt the addition of others. */
#define ADD(sum, value) __sync_fetch_and_add(&(sum), value)

/* `slice`: CPU time that its counter lacks. */
static __always_inline void add_task(struct task_sums *sums, struct task_struct *task, u64 slice)
{
	struct task_struct___figures *figures = (void *)task;

	ADD(sums->cpu_ns, task->se.sum_exec_runtime + slice);
	ADD(sums->wait_ns, time_waited(task));
	ADD(sums->waits, task->sched_info.pcount);
	ADD(sums->voluntary, task->nvcsw);
	ADD(sums->involuntary, task->nivcsw);
	if (bpf_core_field_exists(figures->ioac.read_bytes)) {
		u64 written = BPF_CORE_READ(figures, ioac.write_bytes);
		u64 cancelled = BPF_CORE_READ(figures, ioac.cancelled_write_bytes);

		ADD(sums->read_bytes, BPF_CORE_READ(figures, ioac.read_bytes));
		/* a task may cancel what another one has dirtied */
		ADD(sums->write_bytes, written > cancelled ? written - cancelled : 0);
	}
	if (bpf_core_field_exists(figures->ioac.syscr)) {
		ADD(sums->read_calls, BPF_CORE_READ(figures, ioac.syscr));
		ADD(sums->write_calls, BPF_CORE_READ(figures, ioac.syscw));
	}
	ADD(sums->minor_faults, BPF_CORE_READ(figures, min_flt));
	ADD(sums->major_faults, BPF_CORE_READ(figures, maj_flt));
	ADD(sums->threads, 1);
}

/*
 * Why here: a new task is complete but for its first run, in the context of its parent, which tells whether it belongs to
 * the command.
 * Cost: two look-ups for every new task of the machine, 0.5 µs for one of the command.
 * Loses: tasks that find `members` full, counted; processes that find the ring full, counted.
 */
SEC("tp_btf/task_newtask")
int BPF_PROG(member_begins, struct task_struct *task, u64 clone_flags)
{
	u64 parent = bpf_get_current_task(), key = (u64)task;
	struct course *course = the_course();
	u32 run = present_run(), index = first;
	struct member *joined = bpf_map_lookup_elem(&members, &parent), member = { .run = run };
	struct request *asked = bpf_map_lookup_elem(&request, &index);
	struct process_begins *record;

	if (!course || !asked || !run)
		return 0;
	/* a task that has ended starts none: this one has the address of one whose last figures were hidden */
	if (!joined || joined->run != run || joined->exited) {
		if (!asked->armed || clone_flags & CLONE_THREAD ||
		    (u32)(bpf_get_current_pid_tgid() >> 32) != course->own_tgid) {
			/* likewise for the new task */
			bpf_map_delete_elem(&members, &key);
			return 0;
		}
		asked->armed = 0;
		course->root_tgid = task->tgid;
		course->begun_ns = bpf_ktime_get_ns();
	}
	__sync_fetch_and_add(&course->threads, 1);
	if (bpf_map_update_elem(&members, &key, &member, BPF_ANY)) {
		__sync_fetch_and_add(&course->untracked, 1);
		return 0;
	}
	if (clone_flags & CLONE_THREAD)
		return 0;
	__sync_fetch_and_add(&course->processes, 1);
	record = bpf_ringbuf_reserve(&processes, sizeof(*record), 0);
	if (!record) {
		__sync_fetch_and_add(&course->unnamed, 1);
		return 0;
	}
	record->start = task->start_boottime;
	record->tgid = task->tgid;
	record->run = run;
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return 0;
}

/*
 * Why here: the wall time of the command ends with it; its last thread writes last. The figures of a task are noted too,
 * with its running slice: some machines hide what runs in RCU callbacks, where the last ones come.
 * Cost: a look-up for every thread that ends, 0.3 µs for one of the command.
 * Loses: what a task does from here to its end, if its last figures should not come.
 */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(root_ends, struct task_struct *task)
{
	struct course *course = the_course();

	u64 key = (u64)task, slice;
	u32 cpu = bpf_get_smp_processor_id();
	struct member *member = bpf_map_lookup_elem(&members, &key);
	struct ended_tasks *shard = bpf_map_lookup_elem(&ended_tasks, &cpu);

	if (!member || !shard || !course || member->run != present_run())
		return 0;
	if ((u32)task->tgid == course->root_tgid)
		course->ended_ns = bpf_ktime_get_ns();
	slice = running_slice(task);
	/* before it is in the sums: a read finds it in neither rather than in both */
	member->exited = 1;
	member->cpu_ns = task->se.sum_exec_runtime + slice;
	member->voluntary = task->nvcsw;
	member->involuntary = task->nivcsw;
	add_task(&shard->sums, task, slice);
	return 0;
}

/*
 * Why here: it fires after the task's last context switch, so its counters are final.
 * Cost: a look-up for every task that ends, 0.3 µs for one of the command.
 * Loses: nothing. The shard is written on its own CPU only.
 */
SEC("tp_btf/sched_process_free")
int BPF_PROG(member_ends, struct task_struct *task)
{
	u64 key = (u64)task;
	u32 cpu = bpf_get_smp_processor_id();
	struct member *member = bpf_map_lookup_elem(&members, &key);
	struct ended_tasks *shard;

	if (!member)
		return 0;
	shard = bpf_map_lookup_elem(&ended_tasks, &cpu);
	if (shard && member->run == present_run()) {
		if (member->exited) {
			ADD(shard->sums.cpu_ns, task->se.sum_exec_runtime - member->cpu_ns);
			ADD(shard->sums.voluntary, task->nvcsw - member->voluntary);
			ADD(shard->sums.involuntary, task->nivcsw - member->involuntary);
		} else {
			add_task(&shard->sums, task, 0);
		}
		shard->complete++;
	}
	bpf_map_delete_elem(&members, &key);
	return 0;
}

/* Those of the present iteration; one at a time. */
static struct task_sums living;

/*
 * Why here: the figures of living tasks are the kernel's own at any moment.
 * Cost: 0.1 µs for each task of the machine and read, in the reading thread's own time.
 * Loses: nothing but microseconds, see running_slice().
 */
SEC("iter/task")
int read_living(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct member *member;
	u64 key;

	if (ctx->meta->seq_num == 0) {
		struct course *course = the_course();

		take_offset();
		__builtin_memset(&living, 0, sizeof(living));
		if (course)
			course->own_tgid = bpf_get_current_pid_tgid() >> 32;
	}
	if (!task) {
		bpf_seq_write(ctx->meta->seq, &living, sizeof(living));
		return 0;
	}
	key = (u64)task;
	member = bpf_map_lookup_elem(&members, &key);
	if (member && member->run == present_run() && !member->exited)
		add_task(&living, task, task->on_cpu ? running_slice(task) : 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
