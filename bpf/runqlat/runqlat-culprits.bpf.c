// SPDX-License-Identifier: GPL-2.0
/*
 * Which tasks had the CPU while another waited for it. Loaded only while this is asked for. Each CPU remembers its last
 * slices: the task and the end. When a task gets the CPU, the time since it was put on this CPU's queue is divided
 * among the tasks that ran here in that time. Its waits on other CPUs' queues before are not divided.
 */
#include "lib/core.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/runs.bpf.h"
#include "stamps.bpf.h"

/* See lib/runs.bpf.h. */
enum counted_program {
	RUN_moved,
	RUN_blamed,
};
NAMES(counted_program);

/* Slices that a CPU remembers: a power of two. */
#define SLICES 64

/* Culprits that are no process: numbers that no process can have. */
enum culprit {
	/* the CPU was idle (the wake-up itself, or a group out of quota) */
	CULPRIT_IDLE = 0,
	/* the wait began before the slices that the CPU remembers */
	CULPRIT_EARLIER = 0x7fffffff,
};
NAMES(culprit);

struct slice {
	/* clock of the run queue when it was switched away from; its beginning is the end of the previous slice */
	u64 end;
	/* of the process, CLOCK_BOOTTIME; 0: it was gone */
	u64 start;
	u32 tgid;
	u32 unused;
	char comm[TASK_COMM_LEN];
};

/* Written on its own CPU only. */
struct cpu_slices {
	/* pairs that found `culprits` full, and their waits */
	u64 full;
	u64 full_ns;
	/* waits whose begin is not known: their stamp is void, or older than the hook that finds void ones */
	u64 unstamped;
	/* end of the first slice */
	u64 first;
	u64 next;
	struct slice slices[SLICES];
};
CPU_SHARDS(cpu_slices, struct cpu_slices);

/* The process whose waits are divided; 0: of all. Written by user space only. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32);
} waiter SEC(".maps");

struct pair {
	u32 waiter;
	/* process or enum culprit */
	u32 culprit;
	/* of the culprit: a pid may come back */
	u64 start;
};

struct blame {
	u64 ns;
	/* number of the waits that it had a part in */
	u64 waits;
	/* of the process (its first thread) in the last of them: exec and prctl change it */
	char comm[TASK_COMM_LEN];
};

/* Preallocated: nothing is allocated under the run queue's lock. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct pair);
	__type(value, struct blame);
} culprits SEC(".maps");

static __always_inline void charge(struct cpu_slices *cpu, struct pair *pair, u64 ns, const char *comm)
{
	struct blame *blame = bpf_map_lookup_elem(&culprits, pair);
	struct blame first = { .ns = ns, .waits = 1 };

	if (blame) {
		__sync_fetch_and_add(&blame->ns, ns);
		__sync_fetch_and_add(&blame->waits, 1);
		if (comm)
			__builtin_memcpy(blame->comm, comm, sizeof(blame->comm));
		return;
	}
	if (comm)
		__builtin_memcpy(first.comm, comm, sizeof(first.comm));
	if (bpf_map_update_elem(&culprits, pair, &first, BPF_NOEXIST)) {
		cpu->full++;
		cpu->full_ns += ns;
	}
}

/*
 * Why here: the stamp that a sleeping task gets when it is moved is void (see stamps.bpf.h). Loaded where the kernel
 * delays dequeues.
 * Cost: that of an empty program for each task that changes its CPU.
 * Loses: nothing.
 */
SEC("tp_btf/sched_migrate_task")
int BPF_PROG(moved, struct task_struct *task, int destination)
{
	COUNT_RUN(moved);
	if (is_delayed(task))
		set_void_pid(task->pid);
	return 0;
}

/* The process that leaves the CPU. Its first thread may be gone, and the memory reused, if the signals are not shared. */
static __always_inline void name_slice(struct slice *slice, struct task_struct *task)
{
	struct task_struct *leader = task->group_leader;
	bool known = leader->signal == task->signal;

	slice->tgid = task->tgid;
	/* the idle tasks of all CPUs are one culprit */
	slice->start = known && task->pid ? leader->start_boottime : 0;
	bpf_probe_read_kernel(slice->comm, sizeof(slice->comm), known ? leader->comm : task->comm);
}

/*
 * Why here: the only hook that has the task that leaves the CPU, the one that gets it, and since when that one was
 * queued.
 * Cost: 130 ns per switch in all where a wait has one or two slices; up to 2 µs for one of 64.
 * Loses: pairs beyond the map's size, counted; waits with a void stamp, counted; waits without a stamp of the kernel
 * (preempted on the way to sleep).
 */
SEC("tp_btf/sched_switch")
int BPF_PROG(blamed, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	const u32 zero = 0;
	u32 this_cpu = bpf_get_smp_processor_id();
	struct cpu_slices *cpu = bpf_map_lookup_elem(&cpu_slices, &this_cpu);
	u32 *wanted = bpf_map_lookup_elem(&waiter, &zero);
	struct pair pair = {};
	struct slice *slice;
	u64 at, queued, end;

	COUNT_RUN(blamed);
	if (!cpu || !wanted)
		return 0;
	at = cpu->next++;
	slice = &cpu->slices[at & (SLICES - 1)];
	end = next->se.cfs_rq->rq->clock;
	slice->end = end;
	name_slice(slice, prev);
	if (!cpu->first)
		cpu->first = end;

	/* valid at this hook, see runqlat.bpf.c; if it is not void */
	queued = next->sched_info.last_queued;
	if (next->pid == 0)
		return 0;
	if (bpf_core_field_exists(next->se.sched_delayed) &&
	    (take_void_pid(next->pid) || (queued && queued < cpu->first))) {
		cpu->unstamped++;
		return 0;
	}
	if (!queued || queued >= end || (*wanted && *wanted != (u32)next->tgid))
		return 0;
	pair.waiter = next->tgid;
	for (int i = 0; i < SLICES - 1; i++) {
		u64 begin;

		slice = &cpu->slices[(at - i) & (SLICES - 1)];
		begin = cpu->slices[(at - i - 1) & (SLICES - 1)].end;
		/* 0: not written yet */
		if (!begin || !slice->end)
			break;
		pair.culprit = slice->tgid;
		pair.start = slice->start;
		if (begin <= queued) {
			charge(cpu, &pair, end - queued, slice->comm);
			return 0;
		}
		charge(cpu, &pair, end - begin, slice->comm);
		end = begin;
	}
	pair.culprit = CULPRIT_EARLIER;
	pair.start = 0;
	charge(cpu, &pair, end - queued, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
