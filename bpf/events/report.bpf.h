/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counting and reporting of events. They are separate: every event is counted, by kind and reason and, in a second table,
 * by its group as well; a record with all details is made only while the kind and reason has tokens left in this second.
 */
#pragma once

#include "kernel.bpf.h"
#include "lib/duration.bpf.h"
#include "lib/maps.bpf.h"

/* src/tracers/events/kinds.ts has the names of kinds and where their reasons come from. */
enum event_kind {
	EVENT_DROP,
	EVENT_RETRANSMIT,
	EVENT_RESET_SENT,
	EVENT_RESET_RECEIVED,
	EVENT_OVERFLOW,
	EVENT_TX_TIMEOUT,
	EVENT_OOM,
	EVENT_RECLAIM,
	EVENT_COMPACTION,
	EVENT_THROTTLED_WRITE,
	EVENT_HUNG_TASK,
	EVENT_TICK_GAP,
	EVENT_BLOCK_ERROR,
	EVENT_FS_ERROR,
	EVENT_THERMAL,
	EVENT_HARDWARE,
	EVENT_RECEIVE_LATENCY,
	EVENT_KINDS,
};
NAMES(event_kind);

/* Reasons that are ours: the kernel has no name for them. Drops, resets and block errors have the kernel's. */
enum retransmit_reason {
	/* from here down: states of the kernel's congestion control, enum tcp_ca_state */
	RETRANSMIT_SYN = 16,
	RETRANSMIT_SYNACK,
	RETRANSMIT_FAILED,
	/* tail loss probe: the last segments are not acknowledged in time, and no later one shows a gap */
	RETRANSMIT_TLP,
};
NAMES(retransmit_reason);

enum overflow_reason {
	OVERFLOW_RECEIVE_QUEUE,
	OVERFLOW_BUFFER_LIMIT,
	OVERFLOW_UDP_QUEUE,
};
NAMES(overflow_reason);

enum oom_reason {
	OOM_VICTIM,
	OOM_REAPED,
	OOM_NOT_REAPED,
};
NAMES(oom_reason);

enum reclaim_reason {
	RECLAIM_DIRECT,
	RECLAIM_CGROUP,
};
NAMES(reclaim_reason);

/* Why a CPU did not tick. */
enum tick_gap_reason {
	TICK_GAP_UNKNOWN,
	/* the hypervisor ran something else: its own count says so, or all CPUs stood still at once */
	TICK_GAP_STOLEN,
	TICK_GAP_IRQS_OFF,
	TICK_GAP_TIMER_LATE,
	/* of a guest, as long as they do not add up: hosts share CPUs and timers all the time */
	TICK_GAP_UNKNOWN_BRIEF,
	TICK_GAP_STOLEN_BRIEF,
	TICK_GAP_TIMER_LATE_BRIEF,
};
NAMES(tick_gap_reason);

enum fs_reason {
	FS_EXT4_ERROR,
	FS_XFS_SHUTDOWN,
};
NAMES(fs_reason);

enum hardware_reason {
	HARDWARE_MEMORY,
	HARDWARE_MACHINE_CHECK,
	HARDWARE_PCIE,
	HARDWARE_ARM,
	HARDWARE_OTHER,
};
NAMES(hardware_reason);

/*
 * Slots of the table by kind and reason. Drops have more reasons than others: 256 of the kernel's core and 32 for each of
 * 7 subsystems above it; the last 32 are of reasons beyond.
 */
enum event_slots {
	DROP_CORE = 256,
	/* ours: a packet to a group that nobody here has joined */
	DROP_GROUP = DROP_CORE - 1,
	DROP_SUBSYSTEMS = 8,
	DROP_PER_SUBSYSTEM = 32,
	DROP_SLOTS = DROP_CORE + DROP_SUBSYSTEMS * DROP_PER_SUBSYSTEM,
	/* of any other kind; larger reasons share the last slot */
	KIND_SLOTS = 32,
	EVENT_SLOTS = DROP_SLOTS + (EVENT_KINDS - 1) * KIND_SLOTS,
	/* entries of the table by group */
	EVENT_GROUPS = 512,
	STACK_FRAMES = 24,
	DEEP_FRAMES = 127,
	/* in place of the number of frames: the stack is that of the newest record of the same group and CPU that has one */
	FRAMES_OF_GROUP = 0xffff,
};
NAMES(event_slots);

/* Identity of a group of events. The process is 0 where none is known: never the one that happened to run. */
struct event_key {
	/* where in the kernel a packet was dropped; signed, as user space has addresses */
	s64 location;
	/* device, or control group, or disk: by kind */
	u64 object;
	u32 netns;
	u32 pid;
	u16 slot;
	u16 port;
	u8 protocol;
	u8 family;
	u8 unused[2];
};

struct event_group {
	struct event_key key;
	u64 count;
	/* bytes, or ns of stalls: by kind */
	u64 sum;
	u64 first_ns;
	u64 last_ns;
	/* records sent; records without a token */
	u64 recorded;
	u64 suppressed;
	/* of its last record, and of the last one with a stack */
	u32 second;
	u32 stack_second;
	/* name of the process or the device */
	char name[IFNAMSIZ];
};

struct event_reason {
	u64 count;
	u64 sum;
	u64 last_ns;
	/* records sent; records without a token */
	u64 recorded;
	u64 suppressed;
	/* tokens used in this second */
	u32 second;
	u32 used;
};

/* A gap of the tick. It is reported at the next tick: what the hypervisor took is known only then. */
struct tick_gap {
	/* 0: none is to be reported */
	u64 ns;
	/* of the last gap, also once it is reported */
	u64 last_ns;
	u64 ended_ns;
	/* stolen from this CPU before it, ns since boot */
	u64 stolen_ns;
	/* switches of tasks in it, and since the last of them */
	u64 switches;
	u64 since_switch_ns;
	/* gaps of the last time that a host may have made, less 5 % of the time, as of `level_at_ns` */
	u64 level_ns;
	u64 level_at_ns;
	/* the task that ran at its end */
	u32 pid;
	u32 frames;
	char comm[TASK_COMM_LEN];
	u64 stack[DEEP_FRAMES];
};

struct events_cpu {
	/* all events; user space reads the rest only where this changed */
	u64 events;
	/* records without room in the ring */
	u64 ring_full;
	/* begins of reclaim and compaction without room in their table */
	u64 pairs_full;
	/* tokens of all kinds in this second */
	u32 second;
	u32 used;
	/* tick of the last event, and the time of the first one in it */
	u64 jiffies;
	u64 coarse_ns;
	/* the entry of `groups` that the last event went to */
	u32 last_group;
	/* of coarse_ns: a division for each event would cost more than its counts */
	u32 coarse_second;
	/* the last tick of this CPU; 0: it stopped its tick */
	u64 tick_ns;
	/* switches of its queue at that */
	u64 tick_switches;
	/* the queue's clock minus CLOCK_MONOTONIC, as far as it was seen */
	s64 clock_ahead;
	struct tick_gap gap;
	/* events without an entry in `groups`, of all kinds */
	struct event_group ungrouped;
	/* the reader finds these two from the end of the struct */
	struct event_reason reasons[EVENT_SLOTS];
	struct event_group groups[EVENT_GROUPS];
};
CPU_SHARDS(events_cpus, struct events_cpu);

/* Tokens per second, CPU and slot; 0: events of this kind and reason are counted only. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, EVENT_SLOTS);
	__type(key, u32);
	__type(value, u32);
} budgets SEC(".maps");

/* Tokens of all kinds per second and CPU. */
#define BUDGET_OF_ALL 100

struct event {
	u64 ns;
	s64 location;
	u64 object;
	/* by kind: see src/tracers/events/describe.ts */
	u64 values[4];
	/* its process, where it is known, and when that started */
	u64 start_ns;
	u64 cgroup;
	u32 pid;
	u32 tid;
	u32 kind;
	u32 reason;
	u32 cpu;
	u32 netns;
	u32 ifindex;
	u32 length;
	u32 seq;
	u32 ack;
	u16 sport;
	u16 dport;
	u8 family;
	u8 protocol;
	u8 state;
	u8 tcp_flags;
	u8 saddr[16];
	u8 daddr[16];
	char device[IFNAMSIZ];
	char comm[TASK_COMM_LEN];
	char text[64];
	u32 frames;
	/* number of its group's entry on this CPU; EVENT_GROUPS: none */
	u32 group;
	u64 stack[STACK_FRAMES];
};
RECORD(event);

struct deep_event {
	struct event event;
	u64 more[DEEP_FRAMES - STACK_FRAMES];
};

RING(events, 256 * 1024);

/* Frames of a record: STACK_FRAMES, or up to DEEP_FRAMES. */
const volatile u32 stack_frames = STACK_FRAMES;

/* Length of a tick, ns: the unit of some durations. */
const volatile u64 tick_length_ns = 4000000;

static __always_inline struct events_cpu *this_cpu(void)
{
	u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&events_cpus, &cpu);
}

/* CLOCK_MONOTONIC of the first event of this tick: a series of events reads the clock once a tick. */
static __always_inline u64 coarse_ns(struct events_cpu *shard)
{
	u64 jiffies = bpf_jiffies64();

	if (shard->jiffies != jiffies) {
		shard->jiffies = jiffies;
		shard->coarse_ns = bpf_ktime_get_ns();
		shard->coarse_second = shard->coarse_ns / 1000000000;
	}
	return shard->coarse_ns;
}

static __always_inline u32 slot_of(u32 kind, u32 reason)
{
	if (kind == EVENT_DROP) {
		u32 subsystem = reason >> 16;

		if (!subsystem)
			return reason < DROP_CORE ? reason : DROP_SLOTS - 1;
		reason &= 0xffff;
		if (subsystem >= DROP_SUBSYSTEMS || reason >= DROP_PER_SUBSYSTEM)
			return DROP_SLOTS - 1;
		return DROP_CORE + (subsystem - 1) * DROP_PER_SUBSYSTEM + reason;
	}
	return DROP_SLOTS + (kind - 1) * KIND_SLOTS + (reason < KIND_SLOTS ? reason : KIND_SLOTS - 1);
}

/* An entry that had no event for this long gives way to another group. */
#define GROUP_IDLE_NS 120000000000ULL

static __always_inline bool same_key(const struct event_key *a, const struct event_key *b)
{
	const u64 *x = (const void *)a;
	const u64 *y = (const void *)b;

	return x[0] == y[0] && x[1] == y[1] && x[2] == y[2] && x[3] == y[3];
}

static __always_inline u32 hash_key(const struct event_key *key)
{
	const u64 *word = (const void *)key;
	u64 hash = word[0] * 0x9e3779b97f4a7c15ULL;

	hash = (hash ^ word[1]) * 0x9e3779b97f4a7c15ULL;
	hash = (hash ^ word[2]) * 0x9e3779b97f4a7c15ULL;
	hash = (hash ^ word[3]) * 0x9e3779b97f4a7c15ULL;
	return hash >> 40;
}

/*
 * Number of the group's entry: its own, a free one, or one that is idle; EVENT_GROUPS: none. A number, since the verifier
 * would follow each of ten pointers through the rest of the program.
 */
static __always_inline u32 entry_of(struct events_cpu *shard, const struct event_key *key, u64 now, const void *name)
{
	u32 last = shard->last_group % EVENT_GROUPS;
	u32 hash;

	/* events come in series */
	if (same_key(&shard->groups[last].key, key))
		return last;
	/* the CPU is that of the shard; without it the verifier knows some keys, and follows each hash by itself */
	hash = hash_key(key) ^ bpf_get_smp_processor_id();
#pragma unroll
	for (u32 probe = 0; probe < 4; probe++) {
		u32 at = (hash + probe) % EVENT_GROUPS;

		if (same_key(&shard->groups[at].key, key)) {
			shard->last_group = at;
			return at;
		}
	}
#pragma unroll
	for (u32 probe = 0; probe < 4; probe++) {
		u32 at = (hash + probe) % EVENT_GROUPS;
		struct event_group *group = &shard->groups[at];

		if (group->count && now - group->last_ns < GROUP_IDLE_NS)
			continue;
		group->count = 0;
		group->sum = 0;
		group->recorded = 0;
		group->suppressed = 0;
		group->second = 0;
		group->stack_second = 0;
		group->first_ns = now;
		group->key = *key;
		if (name)
			bpf_probe_read_kernel(group->name, sizeof(group->name), name);
		else
			__builtin_memset(group->name, 0, sizeof(group->name));
		return at;
	}
	return EVENT_GROUPS;
}

/* The entry of the group and its number (EVENT_GROUPS: none); `ungrouped` where it has none. */
static __always_inline struct event_group *group_of(struct events_cpu *shard, const struct event_key *key, u64 now,
						    const void *name, u32 *number)
{
	u32 at = entry_of(shard, key, now, name);

	/* the compiler would make the pointers in its branches again */
	barrier_var(at);
	*number = at;
	return at < EVENT_GROUPS ? &shard->groups[at] : &shard->ungrouped;
}

/*
 * Does another record of the group have a stack in this second already? A drop of the same group is at the same place of
 * the kernel, with the same reason, device and process or port: its callers hardly differ, and the unwinder takes ten
 * times as long as all the rest of a record.
 */
static __always_inline bool has_stack(struct events_cpu *shard, struct event_group *group, u32 number)
{
	if (number >= EVENT_GROUPS)
		return false;
	if (group->stack_second == shard->coarse_second)
		return true;
	group->stack_second = shard->coarse_second;
	return false;
}

/*
 * May a record be made? It takes a token of its kind and reason, and one of all. Where those of the reason are used up,
 * there are as many again for groups that have had no record in this second: one noisy sender does not starve others.
 */
static __always_inline bool take_token(struct events_cpu *shard, struct event_reason *reason, struct event_group *group,
				       u32 slot)
{
	u32 *budget = bpf_map_lookup_elem(&budgets, &slot);
	u32 second = shard->coarse_second;

	if (!budget || !*budget)
		return false;
	if (reason->second != second) {
		reason->second = second;
		reason->used = 0;
	}
	if (shard->second != second) {
		shard->second = second;
		shard->used = 0;
	}
	if (shard->used >= BUDGET_OF_ALL)
		return false;
	if (reason->used >= *budget && (group->second == second || reason->used >= 2 * *budget))
		return false;
	reason->used++;
	shard->used++;
	group->second = second;
	return true;
}

/*
 * Count an event, and begin its record where there is a token: 0 otherwise. `sum`: bytes, or ns of a stall. `name`: of
 * its process or device. `worthy`: it may have a record.
 */
static __always_inline struct event *begin_event(u32 kind, u32 reason, struct event_key *key, u64 sum, const void *name,
						 bool worthy)
{
	const bool deep = stack_frames > STACK_FRAMES;
	u32 slot = slot_of(kind, reason);
	struct events_cpu *shard = this_cpu();
	struct event_reason *counts;
	struct event_group *group;
	struct event *event;
	u32 number;
	u64 now;

	/* the verifier does not see that slot_of() is bounded, and the compiler would drop the check */
	asm volatile("" : "+r"(slot));
	if (!shard || slot >= EVENT_SLOTS)
		return 0;
	now = coarse_ns(shard);
	key->slot = slot;
	counts = &shard->reasons[slot];
	counts->count++;
	counts->sum += sum;
	counts->last_ns = now;
	group = group_of(shard, key, now, name, &number);
	group->count++;
	group->sum += sum;
	group->last_ns = now;
	shard->events++;
	if (!worthy)
		return 0;
	if (!take_token(shard, counts, group, slot)) {
		counts->suppressed++;
		group->suppressed++;
		return 0;
	}
	event = deep ? bpf_ringbuf_reserve(&events, sizeof(struct deep_event), 0) :
		       bpf_ringbuf_reserve(&events, sizeof(struct event), 0);
	if (!event) {
		shard->ring_full++;
		counts->suppressed++;
		group->suppressed++;
		return 0;
	}
	counts->recorded++;
	group->recorded++;
	__builtin_memset(event, 0, sizeof(*event));
	event->ns = bpf_ktime_get_ns();
	event->kind = kind;
	event->reason = reason;
	event->cpu = bpf_get_smp_processor_id();
	event->group = number;
	if (kind == EVENT_DROP && has_stack(shard, group, number))
		event->frames = FRAMES_OF_GROUP;
	return event;
}

/* The stack of a record that has room for DEEP_FRAMES. */
static __always_inline void *frames_of(struct event *event)
{
	return (void *)event + __builtin_offsetof(struct event, stack);
}

/* The kernel's stack at this hook, into the record unless its group has one; then it is sent. */
static __always_inline void send_event(void *ctx, struct event *event)
{
	const bool deep = stack_frames > STACK_FRAMES;
	int bytes;

	if (event->frames != FRAMES_OF_GROUP) {
		bytes = deep ? bpf_get_stack(ctx, frames_of(event), DEEP_FRAMES * 8, 0) :
			       bpf_get_stack(ctx, event->stack, STACK_FRAMES * 8, 0);
		event->frames = bytes > 0 ? (u32)bytes / 8 : 0;
	}
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
}

static __always_inline u64 cgroup_of(const struct task_struct *task)
{
	return BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
}

/* The task that the event is about. Never `current` in an interrupt. */
static __always_inline void set_task(struct event *event, const struct task_struct *task)
{
	event->tid = BPF_CORE_READ(task, pid);
	event->pid = BPF_CORE_READ(task, tgid);
	event->start_ns = BPF_CORE_READ(task, group_leader, start_time);
	event->cgroup = cgroup_of(task);
	bpf_probe_read_kernel(event->comm, sizeof(event->comm), task->comm);
}
