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
 */
#include "core.bpf.h"
#include "hist.bpf.h"
#include "latency.bpf.h"
#include "maps.bpf.h"

char LICENSE[] SEC("license") = "GPL";

#define IRQ_NAME_LEN 112

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct irqaction {
	const char *name;
};

#pragma clang attribute pop

/* The kernel's softirq vectors, in its order; names are in src/tracers/irq.ts. */
#define SOFTIRQS 10

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

struct irq_cpu {
	u64 hard_start;
	u64 vector_start;
	u64 softirq_start;
	/* value of nested_ns when the softirq began */
	u64 softirq_nested;
	/* time in hard interrupts and vectors so far */
	u64 nested_ns;
	/* hard interrupts not counted because their places in `cpu_handlers` were taken */
	u64 handlers_full;
	struct latency softirqs[SOFTIRQS];
	struct latency vectors[IRQ_VECTORS];
};
CPU_SHARDS(irq_cpus, struct irq_cpu);

/* Places for handlers each CPU has (a power of two), and how many of them are tried for one handler. */
#define HANDLERS 64
#define HANDLER_TRIES 8

/*
 * One handler on one CPU. Two handlers on a shared line have a place each. The address of the name tells handlers
 * apart as well as that of the action, and outlives the action when a driver asks for its line again.
 */
struct handler {
	/* address of the name, or of the action where it has none; 0: free */
	u64 key;
	u32 irq;
	/* calls that returned IRQ_NONE: on a shared line, the interrupt was another handler's */
	u32 unhandled;
	struct latency latency;
	u32 unused;
	char name[IRQ_NAME_LEN];
};

/*
 * The handlers of one CPU, found by the number of their line: a hash map costs 40 ns more for each interrupt, and this
 * is read without a system call. Nothing leaves: a CPU has as many handlers as it has lines in use.
 */
struct cpu_handlers {
	struct handler places[HANDLERS];
};
CPU_SHARDS(cpu_handlers, struct cpu_handlers);

static __always_inline struct irq_cpu *this_cpu(void)
{
	u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&irq_cpus, &cpu);
}

/*
 * Time since `*start`, which is cleared; 0: there was no entry. The clock may step back by a few ns when the kernel
 * adjusts it between the two readings, so the shortest time there is counts as 1 ns.
 */
static __always_inline u64 elapsed(u64 *start)
{
	u64 begun = *start;
	u64 now;

	*start = 0;
	if (!begun)
		return 0;
	now = bpf_ktime_get_ns();
	return now > begun ? now - begun : 1;
}

/* The place of a handler on this CPU, a new one if it has none; null if there is no room. */
static __always_inline struct handler *handler_of(u32 irq, const struct irqaction *action)
{
	/* drivers may leave out the name */
	const char *name = action->name;
	u64 key = name ? (u64)name : (u64)action;
	u32 cpu = bpf_get_smp_processor_id();
	struct cpu_handlers *shard = bpf_map_lookup_elem(&cpu_handlers, &cpu);
	struct handler *handler;

	if (!shard)
		return 0;
#pragma unroll
	for (u32 try = 0; try < HANDLER_TRIES; try++) {
		handler = &shard->places[(irq + try) & (HANDLERS - 1)];
		if (handler->key == key && handler->irq == irq)
			return handler;
		if (!handler->key) {
			handler->key = key;
			handler->irq = irq;
			bpf_probe_read_kernel_str(handler->name, sizeof(handler->name), name);
			return handler;
		}
	}
	return 0;
}

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
	u64 ns;

	if (!shard)
		return 0;
	ns = elapsed(&shard->hard_start);
	if (!ns)
		return 0;
	shard->nested_ns += ns;
	handler = handler_of((u32)ctx[0], action);
	if (!handler) {
		shard->handlers_full++;
		return 0;
	}
	if ((int)ctx[2] == 0)
		handler->unhandled++;
	else
		latency_add(&handler->latency, ns, interval_epoch());
	return 0;
}

/*
 * Around one vector's work. Costs a clock read and two stores. Softirqs run with interrupts on: one that falls between
 * the two stores is charged to the softirq instead of being left out, never subtracted without having been counted.
 */
SEC("tp_btf/softirq_entry")
int softirq_entry(u64 *ctx)
{
	struct irq_cpu *shard = this_cpu();

	if (!shard)
		return 0;
	shard->softirq_start = bpf_ktime_get_ns();
	shard->softirq_nested = *(volatile u64 *)&shard->nested_ns;
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

	if (!shard)
		return 0;
	nested = *(volatile u64 *)&shard->nested_ns - shard->softirq_nested;
	ns = elapsed(&shard->softirq_start);
	if (!ns || vector >= SOFTIRQS)
		return 0;
	latency_add(&shard->softirqs[vector], ns > nested ? ns - nested : 1, interval_epoch());
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
	u64 ns;

	if (!shard)
		return 0;
	ns = elapsed(&shard->vector_start);
	if (!ns)
		return 0;
	shard->nested_ns += ns;
	latency_add(&shard->vectors[vector], ns, interval_epoch());
	return 0;
}

/*
 * The CPU's own interrupts never pass through irq_handler_*, and only x86 has tracepoints for them (irq_vectors); the
 * loader leaves out those that the kernel lacks. They cost the same as a softirq. What has no tracepoint anywhere
 * (NMIs, the hypervisor's callback) is not seen.
 */
#define VECTOR(name)                                      \
	SEC("tp_btf/" #name "_entry")                     \
	int name##_entry(u64 *ctx)                        \
	{                                                 \
		return vector_begin();                    \
	}                                                 \
	SEC("tp_btf/" #name "_exit")                      \
	int name##_exit(u64 *ctx)                         \
	{                                                 \
		return vector_end(name);                  \
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
