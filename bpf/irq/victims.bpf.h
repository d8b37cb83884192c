/* SPDX-License-Identifier: GPL-2.0 */
/* Interrupted processes: an entry for each on every CPU. */
#pragma once

#include "state.bpf.h"

/*
 * Entries for interrupted processes that each CPU has (a power of two), and how many of them are tried for one process.
 */
#define VICTIMS 512
#define VICTIM_TRIES 8

enum victim_kind {
	VICTIM_NONE,
	VICTIM_IDLE,
	VICTIM_KERNEL,
	VICTIM_PROCESS,
};
NAMES(victim_kind);

enum irq_time_kind {
	IRQ_TIME_HARD,
	IRQ_TIME_SOFT,
	IRQ_TIME_VECTOR,
	IRQ_TIME_KINDS,
};
NAMES(irq_time_kind);

/*
 * Irq time of one process on one CPU. The reader sees words in this order: `epoch` first, the sums after the identity.
 */
struct victim {
	/* interval of the newest interrupt */
	u32 epoch;
	/* enum victim_kind */
	u32 kind;
	u32 tgid;
	u32 unused;
	/* of the process, CLOCK_BOOTTIME: numbers are reused */
	u64 start;
	/* address of the thread interrupted last: saves two steps to `start`, which are in cold memory */
	u64 task;
	u64 count;
	u64 ns[IRQ_TIME_KINDS];
	/* read at the first interrupt of the interval; in the second cache line, like all that follows */
	u64 cgroup;
	char comm[TASK_COMM_LEN];
} __attribute__((aligned(64)));

/*
 * Interrupted processes of one CPU, found by number. An entry without an interrupt for a whole interval has been read
 * to the end and is reused for another process, so nothing has to be deleted when a process ends.
 */
struct cpu_victims {
	struct victim entries[VICTIMS];
};
CPU_SHARDS(cpu_victims, struct cpu_victims);
RECORD(victim);

/* Of the current task, whose groups cannot go while it runs; another thread may rename its leader meanwhile. */
static __always_inline void describe(struct victim *victim, struct task_struct *task, u32 epoch)
{
	struct task_struct *leader = task->group_leader;

	victim->cgroup = task->cgroups->dfl_cgrp->kn->id;
	bpf_probe_read_kernel(victim->comm, sizeof(victim->comm), leader->comm);
	victim->epoch = epoch;
}

/*
 * The first interrupt of a process in an interval, or one whose entry is not the first that is tried. A separate
 * function, verified once, because every exit below ends in it.
 */
__noinline int charge_other_entry(u32 by, u64 ns, u32 epoch)
{
	u32 cpu = bpf_get_smp_processor_id();
	struct cpu_victims *shard = bpf_map_lookup_elem(&cpu_victims, &cpu);
	struct irq_cpu *irqs = this_cpu();
	struct victim *victim, *free = 0;
	struct task_struct *task;
	u64 start;
	u32 tgid;

	if (!has_current_task_btf() || !shard || !irqs || by >= IRQ_TIME_KINDS)
		return 0;
	task = bpf_get_current_task_btf();
	start = task->group_leader->start_boottime;
	tgid = task->tgid;
	for (u32 try = 0; try < VICTIM_TRIES; try++) {
		victim = &shard->entries[(tgid + try) & (VICTIMS - 1)];
		if (victim->kind != VICTIM_NONE && victim->tgid == tgid && victim->start == start)
			goto found;
		if (!free && (victim->kind == VICTIM_NONE || epoch - victim->epoch >= 2))
			free = victim;
	}
	if (!free) {
		irqs->victims_full++;
		irqs->victims_full_ns += ns;
		return 0;
	}
	victim = free;
	victim->count = 0;
	victim->ns[IRQ_TIME_HARD] = victim->ns[IRQ_TIME_SOFT] = victim->ns[IRQ_TIME_VECTOR] = 0;
	barrier();
	victim->tgid = tgid;
	victim->start = start;
	victim->epoch = epoch - 1;
	victim->kind = task->pid == 0 ? VICTIM_IDLE : task->flags & PF_KTHREAD ? VICTIM_KERNEL : VICTIM_PROCESS;
found:
	victim->task = (u64)task;
	if (victim->epoch != epoch)
		describe(victim, task, epoch);
	victim->count++;
	victim->ns[by] += ns;
	return 0;
}

/*
 * Charge an interrupt to the process that it interrupted. Softirqs that a process runs at the end of its own system
 * call are charged to it as well: the kernel does not record for which task they work. Costs some 15 ns: an entry in
 * this CPU's shard, no hash map. Loses interrupts without a free entry (`victims_full`), and everything on kernels
 * before 5.11, which do not hand out the task.
 */
static __always_inline void charge(enum irq_time_kind by, u64 ns, u32 epoch)
{
	u32 cpu = bpf_get_smp_processor_id();
	struct cpu_victims *shard = bpf_map_lookup_elem(&cpu_victims, &cpu);
	struct task_struct *task;
	struct victim *victim;
	u32 tgid;

	if (!has_current_task_btf() || !shard)
		return;
	task = bpf_get_current_task_btf();
	tgid = task->tgid;
	victim = &shard->entries[tgid & (VICTIMS - 1)];
	/* within one interval, no second process has the same number and a thread at the same address */
	if (victim->epoch == epoch && victim->tgid == tgid && victim->task == (u64)task) {
		victim->count++;
		victim->ns[by] += ns;
	} else {
		charge_other_entry(by, ns, epoch);
	}
}
