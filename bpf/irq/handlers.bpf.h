/* SPDX-License-Identifier: GPL-2.0 */
/* Hard interrupts by handler. */
#pragma once

#include "lib/keyed-store.bpf.h"
#include "state.bpf.h"

#define IRQ_NAME_LEN 112

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct irqaction {
	const char *name;
};

#pragma clang attribute pop

/* One handler on one CPU. Two handlers of a shared line have a value each. */
struct handler {
	/* calls that returned IRQ_NONE: on a shared line, the interrupt was another handler's */
	u64 unhandled;
	struct latency latency;
	char name[IRQ_NAME_LEN];
};

/*
 * By address of the name (of the action where it has none) and number of the line. The address of the name tells handlers
 * apart as well as that of the action, and outlives the action when a driver asks for its line again.
 */
KEYED_STORE(handlers, struct handler)

/* The value of a handler on this CPU; null if there is no room for a new one. */
static __always_inline struct handler *handler_of(struct irq_cpu *shard, u32 irq, const struct irqaction *action,
						  u32 epoch)
{
	/* the action lives while its handler runs; drivers may leave out the name */
	const char *name = action->name;
	struct handler *handler;
	u64 key;

	/* read back from memory an address is a number: the verifier refuses to compute with a pointer */
	*(volatile u64 *)&shard->address = name ? (u64)name : (u64)action;
	key = *(volatile u64 *)&shard->address;
	handler = handlers_of(key, irq, store_hash(key + irq), store_writer(0, 1), epoch);
	if (handler && name && !handler->name[0])
		bpf_probe_read_kernel_str(handler->name, sizeof(handler->name), name);
	return handler;
}
