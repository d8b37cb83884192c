// SPDX-License-Identifier: GPL-2.0
/*
 * Time in interrupts: hard interrupts by handler, softirqs by vector, and the CPU's own interrupts (timer tick, IPIs),
 * which are not handlers and have their own tracepoints.
 *
 * An entry leaves a time stamp in this CPU's shard, the exit clears it. An exit without a stamp (tracing began in
 * between, or the kernel skipped the entry's program) counts nothing. Nothing here is written by two CPUs.
 *
 * All of these run with interrupts off, except softirqs, into which the others nest: `nested_ns` adds up the others'
 * time so that a softirq can leave it out.
 *
 * All time is charged once more, to the task that had the CPU: its irq time.
 *
 * test/unit/irq-replay.test.ts runs this very file on invented events, with stand-ins for BPF in
 * test/unit/fixtures/bpf-native.
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
 * Why here: around every handler of a line, so that the handlers of a shared line are distinguished.
 * Cost: a clock read and a store in this CPU's shard.
 * Loses: nothing; interrupts taken before the exit's program is attached are not seen.
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
 * Why here: the handler's verdict is known, so that a call that found nothing to do (IRQ_NONE) is not charged, only
 * counted apart.
 * Cost: a clock read, a look-up and a histogram update.
 * Loses: handlers without room: `full` of their store.
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
	shard->runs.hard++;
	ns = elapsed(&shard->hard_start);
	if (!ns)
		return 0;
	shard->nested_ns += ns;
	epoch = interval_epoch();
	handler = handler_of(shard, (u32)ctx[0], action, epoch);
	if (!handler)
		return 0;
	if ((int)ctx[2] == 0) {
		handler->unhandled++;
		return 0;
	}
	latency_add(&handler->latency, ns, epoch);
	charge(IRQ_TIME_HARD, ns, epoch, INTERRUPTS_OFF);
	return 0;
}

static __always_inline u32 zone_of(u64 ns)
{
	return (ns >= zone1_ns) + (ns >= zone2_ns) + (ns >= zone3_ns);
}

/*
 * Why here: the end of the vector's work, with its time inside other interrupts known. Before the entry in this file, so
 * that it is attached earlier: an entry whose exit has no program yet would seem to be interleaved with the next one.
 * Cost: a clock read and a histogram update.
 * Loses: softirqs of numbers that the kernel did not have when this was written.
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
	shard->runs.softirqs++;
	nested = *(volatile u64 *)&shard->nested_ns - shard->softirq_nested;
	ns = elapsed(&shard->softirq_start);
	if (!ns || vector >= SOFTIRQS)
		return 0;
	ns = not_negative(ns - nested);
	ns = ns ? ns : 1;
	epoch = interval_epoch();
	shard->epoch = epoch;
	latency_add(&shard->softirqs[vector], ns, epoch);
	charge(IRQ_TIME_SOFT, ns, epoch, SOFTIRQ_ENDS);
	return 0;
}

/*
 * Why here: around one vector's work. Softirqs run with interrupts on: one that falls between the two stores at the end
 * is charged to the softirq instead of being left out, never subtracted without having been counted.
 * Cost: a clock read, and a histogram update if the raise was seen.
 * Loses: the lateness of a softirq whose raise was not seen (before tracing began). One that raises this vector after
 * `raised` was cleared starts anew. Where softirqs can be preempted by others of their CPU (PREEMPT_RT without its lock,
 * since 6.18), the earlier one is not counted, and the other's time has it in: `softirqs_interleaved`.
 */
SEC("tp_btf/softirq_entry")
int softirq_entry(u64 *ctx)
{
	struct irq_cpu *shard = this_cpu();
	u32 vector = (u32)ctx[0];
	u64 raised = 0, now, ns;
	u32 epoch;

	if (!shard)
		return 0;
	if (vector < SOFTIRQS) {
		raised = shard->late[vector].raised;
		*(volatile u64 *)&shard->late[vector].raised = 0;
	}
	now = bpf_ktime_get_ns();
	if (raised && vector < SOFTIRQS) {
		ns = duration(raised, now);
		ns = ns ? ns : 1;
		epoch = interval_epoch();
		shard->epoch = epoch;
		shard->late[vector].zones[zone_of(ns)]++;
		latency_add(&shard->late[vector].latency, ns, epoch);
	}
	if (shard->softirq_start)
		shard->softirqs_interleaved++;
	shard->softirq_start = now;
	shard->softirq_nested = *(volatile u64 *)&shard->nested_ns;
	return 0;
}

/*
 * Why here: the kernel marks a vector as pending on this CPU, with interrupts off. Marking it again changes nothing,
 * nor does that time stamp: the first counts. After the entry's program in this file, so that it is attached later: a
 * raise without a program at its entry would leave its stamp to the next entry.
 * Cost: a clock read and a store.
 * Loses: the raise that comes when a vector is about to run but has not begun: the kernel runs the vector once more for
 * it, and that run has no lateness.
 */
SEC("tp_btf/softirq_raise")
int softirq_raise(u64 *ctx)
{
	struct irq_cpu *shard = this_cpu();
	u32 vector = (u32)ctx[0];

	if (!shard || vector >= SOFTIRQS)
		return 0;
	shard->runs.raises++;
	if (!shard->late[vector].raised)
		shard->late[vector].raised = bpf_ktime_get_ns();
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
	shard->runs.vectors++;
	ns = elapsed(&shard->vector_start);
	if (!ns)
		return 0;
	shard->nested_ns += ns;
	epoch = interval_epoch();
	shard->epoch = epoch;
	latency_add(&shard->vectors[vector], ns, epoch);
	charge(IRQ_TIME_VECTOR, ns, epoch, INTERRUPTS_OFF);
	return 0;
}

/*
 * Why here: the CPU's own interrupts never pass through irq_handler_*, and only x86 has tracepoints for them
 * (irq_vectors); the loader leaves out those that the kernel lacks.
 * Cost: that of a softirq.
 * Loses: interrupts without a tracepoint (NMIs, the hypervisor's callback).
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
