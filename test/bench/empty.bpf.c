// SPDX-License-Identifier: GPL-2.0
/* Programs that do nothing where those of bpf/ are: what is left is the cost of being called and measured. */
#include "lib/core.bpf.h"

char LICENSE[] SEC("license") = "GPL";

#define EMPTY(name)          \
	SEC("tp_btf/" #name) \
	int name(u64 *ctx)   \
	{                    \
		return 0;    \
	}

EMPTY(sched_switch)
EMPTY(sched_exit_tp)
EMPTY(irq_handler_entry)
EMPTY(irq_handler_exit)
EMPTY(softirq_entry)
EMPTY(softirq_exit)
EMPTY(block_rq_complete)
EMPTY(kfree_skb)

/* The least that a list of all tasks costs. */
SEC("iter/task")
int all_tasks(struct bpf_iter__task *ctx)
{
	return 0;
}

/* What else a tick could read: a table with an entry for each process. */
struct entry {
	u64 words[8];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, u64);
	__type(value, struct entry);
} entries SEC(".maps");
