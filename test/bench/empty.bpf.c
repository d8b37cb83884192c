// SPDX-License-Identifier: GPL-2.0
/* Programs that do nothing where those of bpf/ are: what is left is the cost of being called and measured. */
#include "core.bpf.h"

char LICENSE[] SEC("license") = "GPL";

#define EMPTY(name)             \
	SEC("tp_btf/" #name)    \
	int name(u64 *ctx)      \
	{                       \
		return 0;       \
	}

EMPTY(sched_switch)
EMPTY(irq_handler_entry)
EMPTY(irq_handler_exit)
EMPTY(softirq_entry)
EMPTY(softirq_exit)
EMPTY(block_rq_complete)
