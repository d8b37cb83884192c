/* SPDX-License-Identifier: GPL-2.0 */
/* Memory: victims of the OOM killer, and tasks that had to free memory, compact it, or wait for write-back themselves. */
#pragma once

#include "report.bpf.h"

/* mark_victim has the task itself since 6.9, before that its pid. */
const volatile u32 mark_victim_args = 2;
/* Shorter stalls are counted only. */
const volatile u64 stall_ns = 100000000;

struct mm_struct {
	unsigned long total_vm;
} __attribute__((preserve_access_index));

struct task_struct___mm {
	struct mm_struct *mm;
} __attribute__((preserve_access_index));

/*
 * Why here: the OOM killer has chosen its victim; the task that needed the memory runs. Tasks that were ending anyway are
 * marked, too.
 * Cost: none else.
 * Loses: nothing.
 */
SEC("tp_btf/mark_victim")
int mark_victim(u64 *ctx)
{
	struct task_struct *current = (void *)bpf_get_current_task();
	struct event_key key = {};
	struct task_struct *victim = 0;
	struct event *event;

	if (mark_victim_args > 1) {
		victim = (void *)ctx[0];
		key.pid = victim->tgid;
	} else {
		key.pid = (u32)ctx[0];
	}
	event = begin_event(EVENT_OOM, OOM_VICTIM, &key, 0, victim ? victim->comm : 0, true);
	if (!event)
		return 0;
	if (victim) {
		struct mm_struct *mm = BPF_CORE_READ((struct task_struct___mm *)victim, mm);

		set_task(event, victim);
		event->values[3] = BPF_CORE_READ(mm, total_vm);
	} else {
		event->pid = key.pid;
		event->tid = key.pid;
	}
	/* the task that asked for memory, and its control group */
	event->values[0] = BPF_CORE_READ(current, tgid);
	event->values[1] = BPF_CORE_READ(current, group_leader, start_time);
	event->values[2] = cgroup_of(current);
	bpf_get_current_comm(event->text, TASK_COMM_LEN);
	send_event(ctx, event);
	return 0;
}

static __always_inline int reaping(u64 *ctx, u32 reason)
{
	struct event_key key = { .pid = (u32)ctx[0] };
	struct event *event;

	event = begin_event(EVENT_OOM, reason, &key, 0, 0, true);
	if (!event)
		return 0;
	event->pid = key.pid;
	event->tid = key.pid;
	send_event(ctx, event);
	return 0;
}

/* Why here: the kernel has taken a victim's memory back before its end. Cost: none else. Loses: nothing. */
SEC("tp_btf/finish_task_reaping")
int finish_task_reaping(u64 *ctx)
{
	return reaping(ctx, OOM_REAPED);
}

/* Why here: it could not. Cost: none else. Loses: nothing. */
SEC("tp_btf/skip_task_reaping")
int skip_task_reaping(u64 *ctx)
{
	return reaping(ctx, OOM_NOT_REAPED);
}

/* Stalls that have begun, by thread and kind. Preallocated: memory is short here, so nothing may be allocated. */
struct stall_key {
	u32 tid;
	u32 kind;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct stall_key);
	__type(value, u64);
} stalls SEC(".maps");

static __always_inline int stall_begins(u32 kind)
{
	struct stall_key key = { .tid = (u32)bpf_get_current_pid_tgid(), .kind = kind };
	u64 now = bpf_ktime_get_ns();
	struct events_cpu *shard;

	if (!bpf_map_update_elem(&stalls, &key, &now, BPF_ANY))
		return 0;
	shard = this_cpu();
	if (shard)
		shard->pairs_full++;
	return 0;
}

/* The current task has stalled for `ns`: its count has all of them, a record is made of long ones. */
static __always_inline void stalled(void *ctx, u32 kind, u32 reason, u64 ns, u64 value)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct event_key key = { .pid = bpf_get_current_pid_tgid() >> 32, .object = cgroup_of(task) };
	struct event *event;
	char comm[TASK_COMM_LEN];

	bpf_get_current_comm(comm, sizeof(comm));
	event = begin_event(kind, reason, &key, ns, comm, ns >= stall_ns);
	if (!event)
		return;
	set_task(event, task);
	event->values[0] = ns;
	event->values[1] = value;
	send_event(ctx, event);
}

static __always_inline int stall_ends(u64 *ctx, u32 kind, u32 reason, u64 value)
{
	struct stall_key key = { .tid = (u32)bpf_get_current_pid_tgid(), .kind = kind };
	u64 *begun = bpf_map_lookup_elem(&stalls, &key);
	u64 since;

	if (!begun)
		return 0;
	since = *begun;
	bpf_map_delete_elem(&stalls, &key);
	stalled(ctx, kind, reason, duration(since, bpf_ktime_get_ns()), value);
	return 0;
}

/*
 * Why here: a task frees memory itself because none was left: it stalls for that time.
 * Cost: 0.3 µs for a reclaim, which takes 100 µs and more.
 * Loses: stalls while 4,096 tasks are in one (1,024 on two CPUs) (`pairs_full`).
 */
SEC("tp_btf/mm_vmscan_direct_reclaim_begin")
int direct_reclaim_begin(u64 *ctx)
{
	return stall_begins(EVENT_RECLAIM);
}

SEC("tp_btf/mm_vmscan_direct_reclaim_end")
int direct_reclaim_end(u64 *ctx)
{
	return stall_ends(ctx, EVENT_RECLAIM, RECLAIM_DIRECT, ctx[0]);
}

/* As above, because its control group is at its limit. */
SEC("tp_btf/mm_vmscan_memcg_reclaim_begin")
int memcg_reclaim_begin(u64 *ctx)
{
	return stall_begins(EVENT_RECLAIM);
}

SEC("tp_btf/mm_vmscan_memcg_reclaim_end")
int memcg_reclaim_end(u64 *ctx)
{
	return stall_ends(ctx, EVENT_RECLAIM, RECLAIM_CGROUP, ctx[0]);
}

/* As above, because no large piece of memory is left. The kernel's own thread compacts here, too: no stall. */
SEC("tp_btf/mm_compaction_begin")
int compaction_begin(u64 *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return BPF_CORE_READ(task, flags) & PF_KTHREAD ? 0 : stall_begins(EVENT_COMPACTION);
}

SEC("tp_btf/mm_compaction_end")
int compaction_end(u64 *ctx)
{
	return stall_ends(ctx, EVENT_COMPACTION, 0, 0);
}

/* balance_dirty_pages() has its pause behind arguments whose number changes; the last two are pause and begin. */
const volatile u32 dirty_args = 8;

/*
 * Why here: a task that writes more than the disk takes is put to sleep.
 * Cost: as a drop, before a sleep of milliseconds.
 * Loses: nothing.
 */
SEC("tp_btf/balance_dirty_pages")
int balance_dirty_pages(u64 *ctx)
{
	s64 pause = 0;

	/* barriers: the compiler would compute the argument's address, which the verifier refuses */
	if (dirty_args == 8) {
		pause = (s64)ctx[6];
		asm volatile("" : "+r"(pause));
	} else if (dirty_args == 12) {
		pause = (s64)ctx[10];
		asm volatile("" : "+r"(pause));
	}
	/* ticks; no pause where it is not above 0 */
	if (pause > 0)
		stalled(ctx, EVENT_THROTTLED_WRITE, 0, pause * tick_length_ns, 0);
	return 0;
}
