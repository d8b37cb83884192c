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

/* A softirq's way from its first raise to its entry falls into one of these by the bounds below. */
#define ZONES 4

/* Bounds of the zones, ascending; a bound belongs to the zone above it. Set by the loader (--irq-zones). */
const volatile u64 zone1_ns = 10 * 1000;
const volatile u64 zone2_ns = 100 * 1000;
const volatile u64 zone3_ns = 1000 * 1000;

/* How late softirqs of one vector began on one CPU. */
struct lateness {
	/* when the vector was raised; 0: it is not pending */
	u64 raised;
	u64 zones[ZONES];
	struct latency latency;
};

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
	/* interrupts, and their time, not charged to a task because the places in `cpu_victims` were taken */
	u64 victims_full;
	u64 victims_full_ns;
	struct lateness late[SOFTIRQS];
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

/* Places for interrupted processes each CPU has (a power of two), and how many of them are tried for one process. */
#define VICTIMS 512
#define VICTIM_TRIES 8

enum victim_kind {
	VICTIM_NONE,
	VICTIM_IDLE,
	VICTIM_KERNEL,
	VICTIM_PROCESS,
};
NAMES(victim_kind);

enum stolen_by {
	BY_HARD,
	BY_SOFT,
	BY_VECTOR,
	STOLEN_BY,
};

/* What one process lost on one CPU. The reader sees words in this order: `epoch` first, the sums after who they belong to. */
struct victim {
	/* interval of the newest interrupt */
	u32 epoch;
	/* enum victim_kind */
	u32 kind;
	u32 tgid;
	u32 unused;
	/* of the process, CLOCK_BOOTTIME: numbers are used again */
	u64 start;
	/* address of the thread interrupted last: saves two steps to `start`, which lie in cold memory */
	u64 task;
	u64 count;
	u64 ns[STOLEN_BY];
	/* as it was at the first interrupt of the interval; in the second cache line, like all that follows */
	u64 cgroup;
	char comm[TASK_COMM_LEN];
} __attribute__((aligned(64)));

/*
 * Interrupted processes of one CPU, found by number. A place whose process was left alone for a whole interval has been
 * read to the end and is given to the next that needs one, so nothing has to be deleted when a process ends.
 */
struct cpu_victims {
	struct victim places[VICTIMS];
};
CPU_SHARDS(cpu_victims, struct cpu_victims);
RECORD(victim);

#define PF_KTHREAD 0x00200000

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

static __always_inline void describe(struct victim *victim, struct task_struct *task, u32 epoch)
{
	struct task_struct *leader = task->group_leader;

	victim->cgroup = task->cgroups->dfl_cgrp->kn->id;
	bpf_probe_read_kernel(victim->comm, sizeof(victim->comm), leader->comm);
	victim->epoch = epoch;
}

/*
 * The first interrupt of a process in an interval, or one whose place is not the first that is tried. A function of its
 * own, verified once, because every exit below ends in it.
 */
__noinline int charge_elsewhere(u32 by, u64 ns, u32 epoch)
{
	u32 cpu = bpf_get_smp_processor_id();
	struct cpu_victims *shard = bpf_map_lookup_elem(&cpu_victims, &cpu);
	struct irq_cpu *irqs = this_cpu();
	struct victim *victim, *room = 0;
	struct task_struct *task;
	u64 start;
	u32 tgid;

	if (!has_current_task_btf() || !shard || !irqs || by >= STOLEN_BY)
		return 0;
	task = bpf_get_current_task_btf();
	start = task->group_leader->start_boottime;
	tgid = task->tgid;
	for (u32 try = 0; try < VICTIM_TRIES; try++) {
		victim = &shard->places[(tgid + try) & (VICTIMS - 1)];
		if (victim->kind != VICTIM_NONE && victim->tgid == tgid && victim->start == start)
			goto found;
		if (!room && (victim->kind == VICTIM_NONE || epoch - victim->epoch >= 2))
			room = victim;
	}
	if (!room) {
		irqs->victims_full++;
		irqs->victims_full_ns += ns;
		return 0;
	}
	victim = room;
	victim->count = 0;
	victim->ns[BY_HARD] = victim->ns[BY_SOFT] = victim->ns[BY_VECTOR] = 0;
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
 * Charge an interrupt to the process that it interrupted. Softirqs that a process runs at the end of its own system call
 * are charged to it as well: the kernel gives no way to tell whose work they are. Costs some 15 ns: a place in this CPU's
 * shard, no hash map. Loses what finds no place (`victims_full`), and everything on kernels before 5.11, which do not hand
 * out the task.
 */
static __always_inline void charge(enum stolen_by by, u64 ns, u32 epoch)
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
	victim = &shard->places[tgid & (VICTIMS - 1)];
	/* within one interval, no second process has the same number and a thread at the same address */
	if (victim->epoch == epoch && victim->tgid == tgid && victim->task == (u64)task) {
		victim->count++;
		victim->ns[by] += ns;
	} else {
		charge_elsewhere(by, ns, epoch);
	}
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
	charge(BY_HARD, ns, epoch);
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
	charge(BY_SOFT, ns, epoch);
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
	charge(BY_VECTOR, ns, epoch);
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
