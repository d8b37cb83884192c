/* SPDX-License-Identifier: GPL-2.0 */
/* CPUs whose tick does not come, and why. */
#pragma once

#include "report.bpf.h"

/* A CPU that has not ticked for this long has a gap. */
const volatile u64 tick_gap_ns = 12000000;
/* The machine is a guest: a hypervisor can stop all of its CPUs. */
const volatile bool guest = false;

/* Gaps that end within this time of each other, and a sixteenth of their length, have one cause. */
#define SAME_GAP_NS 2000000
/* More CPUs are not compared. */
#define GAP_CPUS 64

/* Gaps that a host may have made are brief until they add up to this, */
#define BRIEF_NS 100000000
/* where this part of the time is free: 5 %. */
#define BRIEF_PART 20

/* Stolen from the CPU, ns since boot, as of its last tick; 0: the hypervisor does not say. */
static __always_inline u64 stolen_of(struct rq___ticks *rq)
{
	return bpf_core_field_exists(rq->prev_steal_time) ? BPF_CORE_READ(rq, prev_steal_time) : 0;
}

/*
 * Did the busy CPUs have a gap of the time of this CPU's, or do they still, and did none of them tick meanwhile? A global
 * function, so that the verifier goes through its loop once.
 */
__noinline int whole_machine(u32 own)
{
	struct events_cpu *shard = bpf_map_lookup_elem(&events_cpus, &own);
	const struct tick_gap *gap;
	bool others = false;
	u64 begun;
	s64 same;

	if (!shard)
		return false;
	gap = &shard->gap;
	same = SAME_GAP_NS + gap->ns / 16;
	begun = gap->ended_ns - gap->ns;
	for (u32 cpu = 0; cpu < GAP_CPUS; cpu++) {
		u32 at = cpu;
		struct events_cpu *other = bpf_map_lookup_elem(&events_cpus, &at);
		s64 apart;

		if (!other)
			break;
		if (cpu == own)
			continue;
		apart = other->gap.ended_ns - gap->ended_ns;
		if (other->gap.last_ns >= gap->ns / 2 && apart < same && apart > -same)
			others = true;
		else if (other->tick_ns && other->tick_ns < begun + same)
			others = true;
		else if (other->tick_ns)
			return false;
	}
	return others;
}

/* Do the gaps of this CPU add up: to 100 ms at once, or to more than 5 % of the last seconds? */
static __always_inline bool adds_up(struct tick_gap *gap)
{
	u64 leaked = (gap->ended_ns - gap->level_at_ns) / BRIEF_PART, level = gap->level_ns;

	level = gap->ns + (level > leaked ? level - leaked : 0);
	gap->level_at_ns = gap->ended_ns;
	/* two seconds without a gap are enough to begin anew, however long one was */
	gap->level_ns = level < 2 * BRIEF_NS ? level : 2 * BRIEF_NS;
	return level >= BRIEF_NS;
}

/* Report the gap that ended at the tick before. */
static __always_inline void report_gap(struct events_cpu *shard, struct rq___ticks *rq)
{
	struct event_key key = { .object = bpf_get_smp_processor_id() };
	struct tick_gap *gap = &shard->gap;
	u64 ns = gap->ns, stolen_now = stolen_of(rq), stolen = stolen_now - gap->stolen_ns;
	/* a tick of it was due anyway */
	u64 half = (ns - tick_length_ns) / 2;
	bool together = whole_machine(bpf_get_smp_processor_id());
	u32 reason = TICK_GAP_UNKNOWN;
	struct event *event;

	if (stolen >= half || (guest && together))
		reason = TICK_GAP_STOLEN;
	else if (gap->switches > 2 && gap->since_switch_ns < half)
		reason = TICK_GAP_TIMER_LATE;
	else if (!guest || stolen_now)
		reason = TICK_GAP_IRQS_OFF;
	if (guest && reason != TICK_GAP_IRQS_OFF && !adds_up(gap))
		reason = reason == TICK_GAP_STOLEN     ? TICK_GAP_STOLEN_BRIEF :
			 reason == TICK_GAP_TIMER_LATE ? TICK_GAP_TIMER_LATE_BRIEF :
							 TICK_GAP_UNKNOWN_BRIEF;
	gap->ns = 0;
	event = begin_event(EVENT_TICK_GAP, reason, &key, ns, 0, true);
	if (!event)
		return;
	event->ns = gap->ended_ns;
	event->values[0] = ns;
	/* on the CPU at its end: not the cause */
	event->values[1] = gap->pid;
	event->values[2] = gap->switches;
	event->values[3] = stolen;
	event->state = together;
	__builtin_memcpy(event->text, gap->comm, TASK_COMM_LEN);
	if (stack_frames > STACK_FRAMES)
		__builtin_memcpy(frames_of(event), gap->stack, DEEP_FRAMES * 8);
	else
		__builtin_memcpy(event->stack, gap->stack, STACK_FRAMES * 8);
	event->frames = gap->frames;
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
}

/* Keep a gap for the next tick, with the stack of now. */
static __always_inline void keep_gap(void *ctx, struct events_cpu *shard, struct rq___ticks *rq,
				     struct task_struct *task, u64 now, u64 ns, u64 switches)
{
	struct sched_info___arrival *info = (void *)&task->sched_info;
	s64 since;
	struct tick_gap *gap = &shard->gap;
	long bytes;

	gap->ns = ns;
	gap->ended_ns = now;
	gap->last_ns = ns;
	gap->stolen_ns = stolen_of(rq);
	gap->switches = switches;
	/* it came to its CPU by the last switch */
	gap->since_switch_ns = ns;
	if (bpf_core_field_exists(info->last_arrival)) {
		since = (s64)(now + shard->clock_ahead - BPF_CORE_READ(info, last_arrival));
		gap->since_switch_ns = since < 0 ? 0 : since;
	}
	gap->pid = BPF_CORE_READ(task, tgid);
	bpf_probe_read_kernel(gap->comm, TASK_COMM_LEN, task->comm);
	bytes = stack_frames > STACK_FRAMES ? bpf_get_stack(ctx, gap->stack, DEEP_FRAMES * 8, 0) :
					      bpf_get_stack(ctx, gap->stack, STACK_FRAMES * 8, 0);
	gap->frames = bytes > 0 ? (u32)bytes / 8 : 0;
}

/*
 * Why here: the interrupt of the CPU's timer. One that is late by ticks had interrupts off, did not run (stolen by the
 * hypervisor), or was programmed late. The stack is that of the first tick after: where interrupts were allowed again.
 * Cost: 50 ns each tick.
 * Loses: gaps of idle CPUs, and of those whose tick is stopped: they need none.
 */
SEC("tp_btf/local_timer_entry")
int local_timer_entry(u64 *ctx)
{
	struct events_cpu *shard = this_cpu();
	u64 now = bpf_ktime_get_ns();
	struct task_struct *task;
	struct rq___ticks *rq;
	u64 last, switches, before;
	s64 ahead;

	if (!shard)
		return 0;
	task = (void *)bpf_get_current_task();
	rq = (void *)BPF_CORE_READ(task, se.cfs_rq, rq);
	if (shard->gap.ns)
		report_gap(shard, rq);
	last = shard->tick_ns;
	/* the idle task: a timer, the tick itself may be stopped */
	if (!(bpf_get_current_pid_tgid() >> 32)) {
		shard->tick_ns = 0;
		return 0;
	}
	shard->tick_ns = now;
	switches = BPF_CORE_READ(rq, nr_switches);
	before = shard->tick_switches;
	shard->tick_switches = switches;
	if (last && now - last >= tick_gap_ns)
		keep_gap(ctx, shard, rq, task, now, now - last, switches - before);
	/* the queue's clock stands between its updates: the difference is largest right after one */
	ahead = (s64)(BPF_CORE_READ(rq, clock) - now);
	if (!shard->clock_ahead || ahead > shard->clock_ahead)
		shard->clock_ahead = ahead;
	else
		shard->clock_ahead -= (shard->clock_ahead - ahead) >> 8;
	return 0;
}

/* Why here: the tick is stopped: its absence is no gap. Cost: 20 ns each time a CPU goes idle. Loses: nothing. */
SEC("tp_btf/tick_stop")
int tick_stop(u64 *ctx)
{
	struct events_cpu *shard = this_cpu();
	struct task_struct *task;

	if (!shard || !(int)ctx[0])
		return 0;
	if (shard->gap.ns) {
		task = (void *)bpf_get_current_task();
		report_gap(shard, (void *)BPF_CORE_READ(task, se.cfs_rq, rq));
	}
	shard->tick_ns = 0;
	return 0;
}
