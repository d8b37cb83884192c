// SPDX-License-Identifier: GPL-2.0
/* Programs that do nothing where those of bpf/irq.bpf.c are: what is left is the cost of being called and measured. */
#include "core.bpf.h"

char LICENSE[] SEC("license") = "GPL";

#define EMPTY(name)             \
	SEC("tp_btf/" #name)    \
	int name(u64 *ctx)      \
	{                       \
		return 0;       \
	}

EMPTY(irq_handler_entry)
EMPTY(irq_handler_exit)
EMPTY(softirq_raise)
EMPTY(softirq_entry)
EMPTY(softirq_exit)
EMPTY(local_timer_entry)
EMPTY(local_timer_exit)
EMPTY(reschedule_entry)
EMPTY(reschedule_exit)
