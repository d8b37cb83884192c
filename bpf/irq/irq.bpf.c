// SPDX-License-Identifier: GPL-2.0
/*
 * Time in interrupts: hard interrupts by handler, softirqs by vector, and the CPU's own interrupts (timer tick, IPIs),
 * which are not handlers and have tracepoints of their own.
 *
 * An entry leaves a time stamp in this CPU's shard, the exit takes it away. An exit that finds none (tracing began in
 * between, or the kernel skipped the entry's program) counts nothing. Nothing here is written by two CPUs.
 *
 * All of these run with interrupts off, except softirqs, into which the others nest: `nested_ns` adds up the others'
 * time so that a softirq can leave out what happened inside it.
 *
 * All time is charged once more, to the task that had the CPU meanwhile: what was stolen from it.
 *
 * test/unit/irq-replay.test.ts runs this very file on invented events: what it uses of BPF is in test/unit/fixtures/bpf-native.
 */
#include "lib/core.bpf.h"
#include "lib/hist.bpf.h"
#include "handlers.bpf.h"
#include "state.bpf.h"
#include "victims.bpf.h"
#include "lib/latency.bpf.h"
#include "lib/maps.bpf.h"

char LICENSE[] SEC("license") = "GPL";

/* Bounds of the zones, ascending; a bound belongs to the zone above it. Set by the loader (--irq-zones). */
const volatile u64 zone1_ns = 10 * 1000;
const volatile u64 zone2_ns = 100 * 1000;
const volatile u64 zone3_ns = 1000 * 1000;

/*
 * Around every handler of a line, so that the handlers of a shared line are told apart. Costs a clock read and a store
 * in this CPU's shard. Loses nothing of its own; interrupts taken before the exit's program is attached are not seen.
 */
SEC("tp_btf/irq_handler_entry")
int irq_handler_entry(u64 *ctx)
{
	struct irq_cpu *shard = this_cpu();

	if (shard)
		shard->hard_start = bpf_ktime_get_ns();
	return 0;
}

/*
 * Has the handler's verdict, so that a call that found nothing to do (IRQ_NONE) is not charged, only counted apart.
 * Costs a clock read, a look-up and a histogram update. Loses handlers that find no place: `handlers_full`.
 */
SEC("tp_btf/irq_handler_exit")
int irq_handler_exit(u64 *ctx)
{
	const struct irqaction *action = (void *)ctx[1];
	struct irq_cpu *shard = this_cpu();
	struct handler *handler;
	u32 epoch;
	u64 ns;

	if (!shard)
		return 0;
	ns = elapsed(&shard->hard_start);
	if (!ns)
		return 0;
	shard->nested_ns += ns;
	epoch = interval_epoch();
	handler = handler_of((u32)ctx[0], action);
	if (!handler) {
		shard->handlers_full++;
		return 0;
	}
	if ((int)ctx[2] == 0) {
		handler->unhandled++;
		return 0;
	}
	latency_add(&handler->latency, ns, epoch);
	charge(IRQ_TIME_HARD, ns, epoch);
	return 0;
}

static __always_inline u32 zone_of(u64 ns)
{
	return (ns >= zone1_ns) + (ns >= zone2_ns) + (ns >= zone3_ns);
}

/*
 * Around one vector's work. Costs a clock read, and a histogram update if the raise was seen. Softirqs run with
 * interrupts on: one that falls between the two stores at the end is charged to the softirq instead of being left out,
 * never subtracted without having been counted. One that raises this vector after `raised` was cleared starts anew.
 * A softirq whose raise was not seen (before tracing began) has no lateness.
 */
SEC("tp_btf/softirq_entry")
int softirq_entry(u64 *ctx)
{
	struct irq_cpu *shard = this_cpu();
	u32 vector = (u32)ctx[0];
	u64 raised = 0, now, ns;

	if (!shard)
		return 0;
	if (vector < SOFTIRQS) {
		raised = shard->late[vector].raised;
		*(volatile u64 *)&shard->late[vector].raised = 0;
	}
	now = bpf_ktime_get_ns();
	if (raised && vector < SOFTIRQS) {
		ns = now > raised ? now - raised : 1;
		shard->late[vector].zones[zone_of(ns)]++;
		latency_add(&shard->late[vector].latency, ns, interval_epoch());
	}
	shard->softirq_start = now;
	shard->softirq_nested = *(volatile u64 *)&shard->nested_ns;
	return 0;
}

/*
 * Where the kernel marks a vector as pending on this CPU, with interrupts off. The mark of one that is pending already
 * changes nothing, nor does its time stamp: the first counts. After the entry's program in this file, so that it is
 * attached later: a raise whose entry nobody sees would leave its stamp to the next entry.
 * Costs a clock read and a store. Loses the raise that comes when a vector is about to run but has not begun: the
 * kernel runs the vector once more for it, and that run has no lateness.
 */
SEC("tp_btf/softirq_raise")
int softirq_raise(u64 *ctx)
{
	struct irq_cpu *shard = this_cpu();
	u32 vector = (u32)ctx[0];

	if (shard && vector < SOFTIRQS && !shard->late[vector].raised)
		shard->late[vector].raised = bpf_ktime_get_ns();
	return 0;
}

/*
 * Costs a clock read and a histogram update. Loses softirqs of numbers the kernel did not have when this was written.
 */
SEC("tp_btf/softirq_exit")
int softirq_exit(u64 *ctx)
{
	struct irq_cpu *shard = this_cpu();
	u32 vector = (u32)ctx[0];
	u64 nested, ns;
	u32 epoch;

	if (!shard)
		return 0;
	nested = *(volatile u64 *)&shard->nested_ns - shard->softirq_nested;
	ns = elapsed(&shard->softirq_start);
	if (!ns || vector >= SOFTIRQS)
		return 0;
	ns = ns > nested ? ns - nested : 1;
	epoch = interval_epoch();
	latency_add(&shard->softirqs[vector], ns, epoch);
	charge(IRQ_TIME_SOFT, ns, epoch);
	return 0;
}

static __always_inline int vector_begin(void)
{
	struct irq_cpu *shard = this_cpu();

	if (shard)
		shard->vector_start = bpf_ktime_get_ns();
	return 0;
}

static __always_inline int vector_end(enum irq_vector vector)
{
	struct irq_cpu *shard = this_cpu();
	u32 epoch;
	u64 ns;

	if (!shard)
		return 0;
	ns = elapsed(&shard->vector_start);
	if (!ns)
		return 0;
	shard->nested_ns += ns;
	epoch = interval_epoch();
	latency_add(&shard->vectors[vector], ns, epoch);
	charge(IRQ_TIME_VECTOR, ns, epoch);
	return 0;
}

/*
 * The CPU's own interrupts never pass through irq_handler_*, and only x86 has tracepoints for them (irq_vectors); the
 * loader leaves out those that the kernel lacks. They cost the same as a softirq. What has no tracepoint anywhere
 * (NMIs, the hypervisor's callback) is not seen.
 */
#define VECTOR(name)                     \
	SEC("tp_btf/" #name "_entry")    \
	int name##_entry(u64 *ctx)       \
	{                                \
		return vector_begin();   \
	}                                \
	SEC("tp_btf/" #name "_exit")     \
	int name##_exit(u64 *ctx)        \
	{                                \
		return vector_end(name); \
	}

VECTOR(local_timer)
VECTOR(reschedule)
VECTOR(call_function)
VECTOR(call_function_single)
VECTOR(irq_work)
VECTOR(x86_platform_ipi)
VECTOR(error_apic)
VECTOR(spurious_apic)
VECTOR(thermal_apic)
VECTOR(threshold_apic)
VECTOR(deferred_error_apic)
