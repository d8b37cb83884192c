/* SPDX-License-Identifier: GPL-2.0 */
/* Interrupted processes. */
#pragma once

#include "lib/keyed-store.bpf.h"
#include "state.bpf.h"

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

/* Irq time of one process, by one writer. */
struct victim {
	/* address of the thread interrupted last: saves two steps to its start, which are in cold memory */
	u64 task;
	u64 count;
	u64 ns[IRQ_TIME_KINDS];
	/* read at the first interrupt of the interval of this number */
	u64 cgroup;
	char comm[TASK_COMM_LEN];
	u32 described;
	u32 unused;
} __attribute__((aligned(16)));

/* The kind of a process is in the key, above its number. */
enum victim_key {
	VICTIM_KIND_SHIFT = 32,
};
NAMES(victim_key);

/* By kind and number of the process, and its start (CLOCK_BOOTTIME: numbers are reused). */
KEYED_STORE(victims, struct victim)

/*
 * Programs that charge: those that run with interrupts off do not interrupt each other, but they interrupt the end of a
 * softirq.
 */
enum irq_writer {
	INTERRUPTS_OFF,
	SOFTIRQ_ENDS,
	IRQ_WRITERS,
};
NAMES(irq_writer);

/*
 * Of the current task, whose groups cannot go while it runs; another thread may rename its leader meanwhile. By a helper:
 * for each pointer that it follows itself, the verifier searches the kernel's types in each of twenty programs.
 */
static __always_inline void describe(struct victim *victim, struct task_struct *task, u32 epoch)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);

	victim->cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	bpf_probe_read_kernel(victim->comm, sizeof(victim->comm), leader->comm);
	victim->described = epoch;
}

/*
 * The first interrupt of a process in an interval, or one whose entry is not the first that is tried. A separate
 * function, verified once, because every exit below ends in it.
 */
__noinline int charge_other_entry(u32 by, u64 ns, u32 epoch, u32 program)
{
	struct task_struct *task;
	struct victim *victim;
	u64 kind, start;
	u32 tgid;

	if (!has_current_task_btf() || by >= IRQ_TIME_KINDS || program >= IRQ_WRITERS)
		return 0;
	task = bpf_get_current_task_btf();
	start = BPF_CORE_READ(task, group_leader, start_boottime);
	tgid = task->tgid;
	kind = task->pid == 0 ? VICTIM_IDLE : task->flags & PF_KTHREAD ? VICTIM_KERNEL : VICTIM_PROCESS;
	victim = victims_of(kind << VICTIM_KIND_SHIFT | tgid, start, store_hash(tgid),
			    store_writer(program, IRQ_WRITERS), epoch);
	if (!victim)
		return 0;
	victim->task = (u64)task;
	if (!victim->count || victim->described != epoch)
		describe(victim, task, epoch);
	victim->count++;
	victim->ns[by] += ns;
	return 0;
}

/*
 * Charge an interrupt to the process that it interrupted. Softirqs that a process runs at the end of its own system
 * call are charged to it as well: the kernel does not record for which task they work. Costs some 20 ns: two look-ups
 * in arrays, no hash map. Loses interrupts without room for a new process (`full`), and everything on kernels before
 * 5.11, which do not hand out the task.
 */
static __always_inline void charge(enum irq_time_kind by, u64 ns, u32 epoch, enum irq_writer program)
{
	u32 writer = store_writer(program, IRQ_WRITERS);
	struct store_entry *entry;
	struct task_struct *task;
	struct victim *victim;
	u32 tgid, slot;

	if (!has_current_task_btf())
		return;
	task = bpf_get_current_task_btf();
	tgid = task->tgid;
	entry = store_entry_at(&victims_index, victims_bits, store_hash(tgid), writer, 0);
	slot = entry && entry->epoch == epoch && entry->a >> VICTIM_KIND_SHIFT && (u32)entry->a == tgid ? entry->slot :
													  STORE_NONE;
	victim = bpf_map_lookup_elem(&victims, &slot);
	/* within one interval, no second process has the same number and a thread at the same address */
	if (victim && victim->task == (u64)task) {
		victim->count++;
		victim->ns[by] += ns;
	} else {
		charge_other_entry(by, ns, epoch, program);
	}
}
