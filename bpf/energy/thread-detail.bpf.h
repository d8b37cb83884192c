/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Figures that the kernel does not keep by thread: CPU cycles, and time in interrupts where the kernel charges that to
 * the interrupted task. Each has its own programs, which the loader leaves out where they have nothing to report.
 */
#pragma once

#include "cpu-counter.bpf.h"

/* Does `details` exist? Set by the loader. */
const volatile bool with_details = false;

/* Of one thread, since its birth or the start of tracing. */
struct thread_detail {
	/* in interrupts that the kernel charged to it; apart, since hard interrupts interrupt the additions */
	u64 hard_ns;
	u64 soft_ns;
	/* CPU cycles, and the CPU time for which they were counted */
	u64 cycles;
	u64 cycles_ns;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread_detail);
} details SEC(".maps");

/*
 * Why here: a new task gets its storage in the context of its parent, before it runs and without any lock held. Tasks
 * that are older get theirs from the iterator.
 * Cost: 1 to 2 µs per new task.
 * Loses: the storage when memory is short; the iterator tries again at the next tick.
 */
SEC("tp_btf/task_newtask")
int BPF_PROG(detail_begins, struct task_struct *task)
{
	COUNT_RUN(detail_begins);
	bpf_task_storage_get(&details, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	return 0;
}

/* ---- cycles ---- */

/* A CPU's counter as it was at its last context switch. */
struct cycles_cpu {
	u64 counter;
	/* CLOCK_MONOTONIC of that; 0: not known */
	u64 at_ns;
	/* switches at which it could not be read, since start */
	u64 unread;
	/* nothing runs on this CPU since then: nobody needs its cycles, and reading them would wake it */
	u64 idle;
};
CPU_SHARDS(cycles_cpus, struct cycles_cpu);

/*
 * Why here: the kernel keeps no cycles by thread, and a perf event per thread would take a descriptor each. The cycles
 * of a slice are the difference of its CPU's counter, over the time between the two readings: interrupts are in both.
 * Cost: about 230 ns per switch with the stand-in that tests count by, most of it reading that; a PMU was not at hand.
 * Loses: slices whose counter cannot be read (`unread`), and those of threads without storage: they are weighted by the
 * known slices. The shard is this CPU's own, and the hook runs with interrupts off.
 */
SEC("tp_btf/sched_switch")
int BPF_PROG(cycles_end, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	u32 cpu = bpf_get_smp_processor_id();
	struct cycles_cpu *shard = bpf_map_lookup_elem(&cycles_cpus, &cpu);
	struct thread_detail *detail;
	u64 counter, cycles, now, ns;

	COUNT_RUN(cycles_end);
	if (!shard)
		return 0;
	shard->idle = next->pid == 0;
	if (!read_counter(&counter)) {
		shard->at_ns = 0;
		shard->unread++;
		return 0;
	}
	now = bpf_ktime_get_ns();
	cycles = counter - shard->counter;
	ns = shard->at_ns ? duration(shard->at_ns, now) : 0;
	shard->counter = counter;
	shard->at_ns = now;
	if (!ns || prev->pid == 0)
		return 0;
	detail = bpf_task_storage_get(&details, prev, 0, 0);
	if (detail) {
		detail->cycles += cycles;
		detail->cycles_ns += ns;
	}
	return 0;
}

/* ---- interrupts ---- */

/* Time in interrupts on one CPU, of all tasks. */
struct irq_cpu {
	u64 hard_start;
	u64 soft_start;
	/* value of hard_ns when the softirq began */
	u64 soft_hard;
	u64 hard_ns;
	u64 soft_ns;
};
CPU_SHARDS(irq_cpus, struct irq_cpu);

static __always_inline struct irq_cpu *irq_shard(void)
{
	u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&irq_cpus, &cpu);
}

/* Time since `*start`, which is cleared; 0: there was no entry. */
static __always_inline u64 irq_elapsed(u64 *start)
{
	u64 begun = *start;
	u64 now = bpf_ktime_get_ns();

	*start = 0;
	return begun ? duration(begun, now) : 0;
}

/* Of the running task, to which the kernel charges the interrupt; null: it is idle, or has no storage yet. */
static __always_inline struct thread_detail *interrupted(void)
{
	struct task_struct *task = bpf_get_current_task_btf();

	return task->pid ? bpf_task_storage_get(&details, task, 0, 0) : 0;
}

static __always_inline int hard_begins(void)
{
	struct irq_cpu *shard = irq_shard();

	if (shard)
		shard->hard_start = bpf_ktime_get_ns();
	return 0;
}

static __always_inline int hard_ends(void)
{
	struct irq_cpu *shard = irq_shard();
	struct thread_detail *detail;
	u64 ns;

	if (!shard)
		return 0;
	ns = irq_elapsed(&shard->hard_start);
	if (!ns)
		return 0;
	shard->hard_ns += ns;
	detail = interrupted();
	if (detail)
		detail->hard_ns += ns;
	return 0;
}

/*
 * Why here: where the kernel does not keep the time of interrupts apart (CONFIG_IRQ_TIME_ACCOUNTING), the interrupted
 * task would pay for it. Handlers, and the CPU's own interrupts that come in numbers; the loader leaves out those that
 * the kernel lacks. They run with interrupts off.
 * Cost: two clock reads, a look-up in this CPU's shard and one in the task's storage per interrupt.
 * Loses: interrupts without a tracepoint (NMIs, the hypervisor's callback), which stay with the task that they
 * interrupt.
 */
#define HARD(name, entry, exit)           \
	SEC("tp_btf/" entry)              \
	int name##_begins(u64 *ctx)       \
	{                                 \
		COUNT_RUN(name##_begins); \
		return hard_begins();     \
	}                                 \
	SEC("tp_btf/" exit)               \
	int name##_ends(u64 *ctx)         \
	{                                 \
		COUNT_RUN(name##_ends);   \
		return hard_ends();       \
	}

HARD(handler, "irq_handler_entry", "irq_handler_exit")
HARD(timer, "local_timer_entry", "local_timer_exit")
HARD(reschedule, "reschedule_entry", "reschedule_exit")
HARD(call, "call_function_entry", "call_function_exit")
HARD(call_single, "call_function_single_entry", "call_function_single_exit")
HARD(work, "irq_work_entry", "irq_work_exit")

/*
 * Why here: as above; softirqs run with interrupts on, so hard ones inside are left out. One that falls between the two
 * stores is charged to the softirq too, never subtracted without having been counted.
 * Cost: as above.
 * Loses: nothing more.
 */
SEC("tp_btf/softirq_entry")
int softirq_begins(u64 *ctx)
{
	struct irq_cpu *shard = irq_shard();

	COUNT_RUN(softirq_begins);
	if (shard) {
		shard->soft_start = bpf_ktime_get_ns();
		shard->soft_hard = *(volatile u64 *)&shard->hard_ns;
	}
	return 0;
}

SEC("tp_btf/softirq_exit")
int softirq_ends(u64 *ctx)
{
	struct irq_cpu *shard = irq_shard();
	struct thread_detail *detail;
	u64 hard, ns;

	COUNT_RUN(softirq_ends);
	if (!shard)
		return 0;
	hard = *(volatile u64 *)&shard->hard_ns - shard->soft_hard;
	ns = irq_elapsed(&shard->soft_start);
	if (ns <= hard)
		return 0;
	shard->soft_ns += ns - hard;
	detail = interrupted();
	if (detail)
		detail->soft_ns += ns - hard;
	return 0;
}
