/* SPDX-License-Identifier: GPL-2.0 */
/* Hard interrupts by handler: an entry for each handler on every CPU. */
#pragma once

#include "state.bpf.h"

#define IRQ_NAME_LEN 112

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct irqaction {
	const char *name;
};

#pragma clang attribute pop

/* Entries for handlers that each CPU has (a power of two), and how many of them are tried for one handler. */
#define HANDLERS 64
#define HANDLER_TRIES 8

/*
 * One handler on one CPU. Two handlers of a shared line have an entry each. The address of the name tells handlers
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
 * is read without a system call. Entries are never freed: a CPU has as many handlers as it has lines in use.
 */
struct cpu_handlers {
	struct handler entries[HANDLERS];
};
CPU_SHARDS(cpu_handlers, struct cpu_handlers);

/* The entry of a handler on this CPU, a new one if it has none; null if none is free. */
static __always_inline struct handler *handler_of(u32 irq, const struct irqaction *action)
{
	/* the action lives while its handler runs; drivers may leave out the name */
	const char *name = action->name;
	u64 key = name ? (u64)name : (u64)action;
	u32 cpu = bpf_get_smp_processor_id();
	struct cpu_handlers *shard = bpf_map_lookup_elem(&cpu_handlers, &cpu);
	struct handler *handler;

	if (!shard)
		return 0;
#pragma unroll
	for (u32 try = 0; try < HANDLER_TRIES; try++) {
		handler = &shard->entries[(irq + try) & (HANDLERS - 1)];
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
