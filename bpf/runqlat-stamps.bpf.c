// SPDX-License-Identifier: GPL-2.0
/*
 * The same figures as runqlat.bpf.c for kernels that lack what that one needs (the scheduler's stamps, storage of tasks):
 * own stamps in bounded hashes. It costs six times as much per wait. Without storage there
 * is no leader to keep things in: processes are told apart by pid and the time their counters began.
 */
#include "core.bpf.h"
#include "hist.bpf.h"
#include "maps.bpf.h"
#include "waits.bpf.h"

/* Written only on its own CPU. */
struct cpu_waits {
	u64 sum_ns;
	u32 longest[4] __attribute__((aligned(8)));
	/* waits whose beginning was not stamped: `stamps` was full */
	u64 unstamped;
	/* waits of a process that `processes` had no room for */
	u64 homeless;
	/* last records of processes that found the ring full */
	u64 ring_full;
	u64 slots[HIST_SLOTS(CPU_SUB_BITS)];
};
CPU_SHARDS(cpu_waits, struct cpu_waits);

struct stamp {
	u64 since;
	u32 tgid;
	u32 cpu;
	char comm[TASK_COMM_LEN];
};

/* By thread: those that wait now. Preallocated, since nothing may be allocated under the run queue's lock. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32768);
	__type(key, u32);
	__type(value, struct stamp);
} stamps SEC(".maps");

struct process_waits {
	/* CLOCK_MONOTONIC when its counters began */
	u64 created;
	char comm[TASK_COMM_LEN];
	u64 sum_ns;
	u32 longest[4] __attribute__((aligned(8)));
	u32 slots[HIST_SLOTS(PROCESS_SUB_BITS)];
};

/* By thread group. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, u32);
	__type(value, struct process_waits);
} processes SEC(".maps");

/* The number of the running interval. Written by user space only. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} interval SEC(".maps");

/* A process that has ended. */
struct ended_record {
	u32 tgid;
	u32 unused;
	struct process_waits waits;
};
RECORD(ended_record);
RING(ended, 4 << 20);

/* What a new entry of `processes` is copied from: too large for the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct process_waits);
} blank SEC(".maps");

static __always_inline void raise_longest(u32 longest[4], u64 epoch, u64 ns)
{
	u64 *word = (u64 *)longest + (epoch & 1);

	if (is_longer(*word, epoch, ns))
		*word = tagged(epoch, ns);
}

static __always_inline void begin_wait(struct task_struct *task)
{
	u32 this_cpu = bpf_get_smp_processor_id();
	struct stamp stamp = { .since = bpf_ktime_get_ns(), .tgid = task->tgid, .cpu = this_cpu };
	struct cpu_waits *cpu;
	u32 tid = task->pid;

	if (!tid)
		return;
	bpf_probe_read_kernel(stamp.comm, sizeof(stamp.comm), task->comm);
	if (!bpf_map_update_elem(&stamps, &tid, &stamp, BPF_ANY))
		return;
	/* wake-ups come in interrupts too, which may interrupt us: atomic */
	cpu = bpf_map_lookup_elem(&cpu_waits, &this_cpu);
	if (cpu)
		__sync_fetch_and_add(&cpu->unstamped, 1);
}

static __always_inline struct process_waits *process_of(struct task_struct *task)
{
	const u32 zero = 0;
	u32 tgid = task->tgid;
	struct process_waits *process = bpf_map_lookup_elem(&processes, &tgid);
	struct process_waits *empty;

	if (process)
		return process;
	empty = bpf_map_lookup_elem(&blank, &zero);
	if (!empty || bpf_map_update_elem(&processes, &tgid, empty, BPF_NOEXIST) == -7)
		return 0;
	process = bpf_map_lookup_elem(&processes, &tgid);
	if (process && !process->created) {
		process->created = bpf_ktime_get_ns();
		bpf_probe_read_kernel(process->comm, sizeof(process->comm), task->comm);
	}
	return process;
}

/*
 * Why here: the task becomes runnable. A wake-up of a task that runs already leaves a stamp that its next wait overwrites.
 * Cost: 170 ns per wake-up. Loses: the wait when `stamps` is full, counted.
 */
SEC("tp_btf/sched_wakeup")
int BPF_PROG(woken, struct task_struct *task)
{
	begin_wait(task);
	return 0;
}

/* As above, for new tasks. */
SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(woken_new, struct task_struct *task)
{
	begin_wait(task);
	return 0;
}

/*
 * Why here: when the last thread of a process is gone, so are its counters; they go to the reader first.
 * Cost: one record per process that ends. Loses: the record when the ring is full, counted.
 */
SEC("tp_btf/sched_process_free")
int BPF_PROG(freed, struct task_struct *task)
{
	u32 this_cpu = bpf_get_smp_processor_id();
	u32 tid = task->pid;
	struct process_waits *process;
	struct ended_record *record;
	struct cpu_waits *cpu;

	bpf_map_delete_elem(&stamps, &tid);
	if (task->pid != task->tgid)
		return 0;
	process = bpf_map_lookup_elem(&processes, &tid);
	if (!process)
		return 0;
	record = bpf_ringbuf_reserve(&ended, sizeof(*record), 0);
	if (record) {
		record->tgid = tid;
		record->unused = 0;
		bpf_probe_read_kernel(&record->waits, sizeof(record->waits), process);
		bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	} else {
		cpu = bpf_map_lookup_elem(&cpu_waits, &this_cpu);
		if (cpu)
			__sync_fetch_and_add(&cpu->ring_full, 1);
	}
	bpf_map_delete_elem(&processes, &tid);
	return 0;
}

/*
 * Why here: one wait ends (next's), and one begins where prev did not go to sleep.
 * Cost: 350 ns per switch. Loses: waits that began before us or without a stamp; per process what `processes` has no
 * room for, counted. The longest wait of a process may be missed when two of its threads raise it at once.
 */
SEC("tp_btf/sched_switch")
int BPF_PROG(switched, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	const u32 zero = 0;
	struct task_struct___2 *prev2 = (void *)prev;
	u32 this_cpu = bpf_get_smp_processor_id();
	u32 tid = next->pid;
	u64 wait, now, state;
	u64 *epoch = bpf_map_lookup_elem(&interval, &zero);
	struct process_waits *process;
	struct cpu_waits *cpu;
	struct stamp *stamp;
	u32 slot;

	if (bpf_core_field_exists(prev2->__state))
		state = BPF_CORE_READ(prev2, __state);
	else
		state = BPF_CORE_READ((struct task_struct___state *)prev, state);
	if (preempt || state == 0)
		begin_wait(prev);
	stamp = bpf_map_lookup_elem(&stamps, &tid);
	cpu = bpf_map_lookup_elem(&cpu_waits, &this_cpu);
	if (!tid || !stamp || !cpu || !epoch)
		return 0;
	now = bpf_ktime_get_ns();
	wait = now > stamp->since ? now - stamp->since : 0;
	bpf_map_delete_elem(&stamps, &tid);
	slot = hist_slot(wait, CPU_SUB_BITS);
	cpu->sum_ns += wait;
	cpu->slots[slot]++;
	raise_longest(cpu->longest, *epoch, wait);
	process = process_of(next);
	if (!process) {
		cpu->homeless++;
		return 0;
	}
	if (next->pid == next->tgid)
		bpf_probe_read_kernel(process->comm, sizeof(process->comm), next->comm);
	__sync_fetch_and_add(&process->sum_ns, wait);
	__sync_fetch_and_add(&process->slots[hist_coarser(slot, CPU_SUB_BITS, PROCESS_SUB_BITS)], 1);
	raise_longest(process->longest, *epoch, wait);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
