/* SPDX-License-Identifier: GPL-2.0 */
/* State of each CPU's interrupts: stamps of those in progress, and counters. */
#pragma once

#include "lib/core.bpf.h"
#include "lib/latency.bpf.h"
#include "lib/maps.bpf.h"

/* The kernel's softirq vectors in its order (include/linux/interrupt.h), named as in /proc/softirqs. */
enum softirq {
	SOFTIRQ_HI,
	SOFTIRQ_TIMER,
	SOFTIRQ_NET_TX,
	SOFTIRQ_NET_RX,
	SOFTIRQ_BLOCK,
	SOFTIRQ_IRQ_POLL,
	SOFTIRQ_TASKLET,
	SOFTIRQ_SCHED,
	SOFTIRQ_HRTIMER,
	SOFTIRQ_RCU,
	SOFTIRQS,
};
NAMES(softirq);

/* The CPU's own interrupts, named as their tracepoints. */
enum irq_vector {
	local_timer,
	reschedule,
	call_function,
	call_function_single,
	irq_work,
	x86_platform_ipi,
	error_apic,
	spurious_apic,
	thermal_apic,
	threshold_apic,
	deferred_error_apic,
	IRQ_VECTORS,
};
NAMES(irq_vector);

/* Zones of a softirq's delay from its first raise to its entry, by the bounds of irq.bpf.c. */
#define ZONES 4

/* How late softirqs of one vector began on one CPU. */
struct lateness {
	/* when the vector was raised; 0: it is not pending */
	u64 raised;
	u64 zones[ZONES];
	struct latency latency;
};

/*
 * Runs of the programs (see lib/runs.bpf.h): of those at the end of hard interrupts, vectors and softirqs, which stand for
 * those at the beginning too, and of the one at the raise. Beside the stamps, so that no more memory has to be in the
 * CPU's cache.
 */
struct irq_runs {
	u64 hard;
	u64 vectors;
	u64 softirqs;
	u64 raises;
};

struct irq_cpu {
	struct irq_runs runs;
	u64 hard_start;
	u64 vector_start;
	u64 softirq_start;
	/* value of nested_ns when the softirq began */
	u64 softirq_nested;
	/* time in hard interrupts and vectors so far */
	u64 nested_ns;
	/* of the name of the handler that ends */
	u64 address;
	/* number of the interval of the newest softirq or vector: an unchanged CPU is not read */
	u32 epoch;
	u32 unused;
	/* softirqs not counted because another one began on this CPU before their end: preempted, or the end not seen */
	u64 softirqs_interleaved;
	struct lateness late[SOFTIRQS];
	struct latency softirqs[SOFTIRQS];
	struct latency vectors[IRQ_VECTORS];
};
CPU_SHARDS(irq_cpus, struct irq_cpu);

static __always_inline struct irq_cpu *this_cpu(void)
{
	u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&irq_cpus, &cpu);
}

/*
 * Time since `*start`, which is cleared; 0: there was no entry. The clock may step back by a few ns when the kernel
 * adjusts it between the two readings, so the shortest time counts as 1 ns.
 */
static __always_inline u64 elapsed(u64 *start)
{
	u64 begun = *start;
	u64 ns;

	*start = 0;
	if (!begun)
		return 0;
	ns = duration(begun, bpf_ktime_get_ns());
	return ns ? ns : 1;
}
