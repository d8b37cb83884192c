// SPDX-License-Identifier: GPL-2.0
/*
 * The process in focus: who wakes its threads, and how long each sleeps and waits for a CPU, by kernel stack.
 * Loaded while the process is in focus only.
 */
#include "lib/core.bpf.h"
#include "lib/duration.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/runs.bpf.h"

enum counted_program {
	RUN_focus_waking,
	RUN_focus_switch,
	RUN_focus_irq,
	RUN_focus_irq_end,
	RUN_focus_softirq,
	RUN_focus_softirq_end,
	RUN_focus_timer,
	RUN_focus_timer_end,
};
NAMES(counted_program);

const volatile int focus_tgid;

/* What `id` of a waker is. */
enum waker_kind {
	/* thread */
	WAKER_TASK,
	/* vector */
	WAKER_SOFTIRQ,
	/* number of the line */
	WAKER_IRQ,
	/* the CPU's own timer */
	WAKER_TIMER,
	/* none: the idle loop, or an interrupt without a tracepoint */
	WAKER_OTHER,
};
NAMES(waker_kind);

struct waker_key {
	u32 kind;
	u32 id;
};

struct waker {
	u64 count;
	/* CLOCK_MONOTONIC */
	u64 last_ns;
	/* of a thread: its process, and the thread that it woke last */
	u32 tgid;
	u32 woken;
	char comm[TASK_COMM_LEN];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct waker_key);
	__type(value, struct waker);
} wakers SEC(".maps");

#define SLEEP_FRAMES 32

/* Sleeps with one stack that have ended, since load. */
struct slept {
	u64 count;
	u64 ns;
	u32 depth;
	/* low halves of the addresses: the kernel's code lies within 2 GB */
	u32 frames[SLEEP_FRAMES];
};

struct sleep_key {
	/* hash of the stack */
	u64 stack;
};

/* Preallocated: nothing is allocated under the run queue's lock. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct sleep_key);
	__type(value, struct slept);
} sleeps SEC(".maps");

/* A thread that is off its CPU. */
struct off {
	/* CLOCK_MONOTONIC; `woken_ns` 0: it still sleeps */
	u64 left_ns;
	u64 woken_ns;
	/* of `sleeps`; 0: it was preempted, so it waits for a CPU */
	u64 stack;
};

struct off_key {
	u32 tid;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct off_key);
	__type(value, struct off);
} off SEC(".maps");

/* Written on its own CPU only. */
struct focus_cpu {
	/* what the CPU is in, plus 1; 0: not in it */
	u32 irq;
	u32 softirq;
	u32 timer;
	u32 unused;
	/* waits for a CPU that have ended */
	u64 runnable_ns;
	u64 runnable_count;
	/* sleeps and threads for which there was no room */
	u64 full;
	/* a stack that is looked up */
	struct slept scratch;
	u64 addresses[SLEEP_FRAMES];
};
CPU_SHARDS(focus_cpus, struct focus_cpu);

static __always_inline struct focus_cpu *shard(void)
{
	u32 number = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&focus_cpus, &number);
}

/*
 * Why here: the only hook of a wake-up that runs in the context of the waker. A wake-up from an interrupt is the
 * interrupt's, not that of the task beneath it.
 * Cost: 20 ns for each wake-up on the machine, 0.3 µs for one of the process.
 * Loses: a thread that is woken before it has left its CPU, which does not sleep.
 */
SEC("tp_btf/sched_waking")
int BPF_PROG(focus_waking, struct task_struct *task)
{
	struct waker_key key = {};
	struct waker first = {}, *known;
	struct task_struct *self;
	struct focus_cpu *cpu;
	struct off *off_cpu;
	u32 tid;

	COUNT_RUN(focus_waking);
	if (task->tgid != focus_tgid)
		return 0;
	tid = task->pid;
	off_cpu = bpf_map_lookup_elem(&off, &tid);
	cpu = shard();
	if (!cpu || (off_cpu && (!off_cpu->stack || off_cpu->woken_ns)))
		return 0;
	first.last_ns = bpf_ktime_get_ns();
	if (off_cpu)
		off_cpu->woken_ns = first.last_ns;
	self = (void *)bpf_get_current_task();
	if (cpu->irq) {
		key.kind = WAKER_IRQ;
		key.id = cpu->irq - 1;
	} else if (cpu->timer) {
		key.kind = WAKER_TIMER;
	} else if (cpu->softirq) {
		key.kind = WAKER_SOFTIRQ;
		key.id = cpu->softirq - 1;
	} else {
		key.id = BPF_CORE_READ(self, pid);
		key.kind = key.id ? WAKER_TASK : WAKER_OTHER;
	}
	known = bpf_map_lookup_elem(&wakers, &key);
	if (known) {
		shared_add(&known->count, 1);
		known->last_ns = first.last_ns;
		known->woken = tid;
		return 0;
	}
	first.count = 1;
	first.woken = tid;
	if (key.kind == WAKER_TASK) {
		first.tgid = BPF_CORE_READ(self, tgid);
		BPF_CORE_READ_INTO(&first.comm, self, comm);
	}
	bpf_map_update_elem(&wakers, &key, &first, BPF_ANY);
	return 0;
}

/* The identity of the current kernel stack in `sleeps`, also where there was no room for it. */
static __always_inline u64 stack_of(void *ctx, struct focus_cpu *cpu)
{
	struct slept *slept = &cpu->scratch;
	u64 hash = 0x9e3779b97f4a7c15;
	long bytes;

	bytes = bpf_get_stack(ctx, cpu->addresses, sizeof(cpu->addresses), 0);
	slept->depth = bytes > 0 ? (u32)bytes / sizeof(u64) : 0;
	for (u32 i = 0; i < SLEEP_FRAMES; i++) {
		if (i >= slept->depth)
			break;
		slept->frames[i] = cpu->addresses[i];
		hash = (hash ^ cpu->addresses[i]) * 0xff51afd7ed558ccd;
		hash ^= hash >> 32;
	}
	/* user space reads it as a double */
	hash = (hash & ((1ULL << 52) - 1)) | 1;
	if (bpf_map_lookup_elem(&sleeps, &hash))
		return hash;
	slept->count = slept->ns = 0;
	if (bpf_map_update_elem(&sleeps, &hash, slept, BPF_NOEXIST) && !bpf_map_lookup_elem(&sleeps, &hash))
		cpu->full++;
	return hash;
}

#define TASK_DEAD 0x80

static __always_inline void leave(void *ctx, struct focus_cpu *cpu, struct task_struct *task, bool preempted)
{
	u32 tid = task->pid, state = task_state(task);
	struct off now = { .left_ns = bpf_ktime_get_ns() };

	if (state & TASK_DEAD) {
		bpf_map_delete_elem(&off, &tid);
		return;
	}
	if (!preempted && state)
		now.stack = stack_of(ctx, cpu);
	if (bpf_map_update_elem(&off, &tid, &now, BPF_ANY))
		cpu->full++;
}

static __always_inline void enter(struct focus_cpu *cpu, struct task_struct *task)
{
	u64 now = bpf_ktime_get_ns(), runnable;
	u32 tid = task->pid;
	struct off *off_cpu = bpf_map_lookup_elem(&off, &tid);
	struct slept *slept;

	if (!off_cpu || !off_cpu->left_ns)
		return;
	runnable = off_cpu->left_ns;
	if (off_cpu->stack) {
		runnable = off_cpu->woken_ns ?: now;
		slept = bpf_map_lookup_elem(&sleeps, &off_cpu->stack);
		if (slept) {
			shared_add(&slept->count, 1);
			shared_add(&slept->ns, duration(off_cpu->left_ns, runnable));
		}
	}
	if (now > runnable) {
		cpu->runnable_count++;
		cpu->runnable_ns += now - runnable;
	}
	off_cpu->left_ns = 0;
}

/*
 * Why here: the stack of the thread that leaves is that of its sleep.
 * Cost: 20 ns for each switch on the machine, 1 µs for one of the process that goes to sleep.
 * Loses: sleeps that began before the load.
 */
SEC("tp_btf/sched_switch")
int BPF_PROG(focus_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	bool leaves = prev->tgid == focus_tgid, enters = next->tgid == focus_tgid;
	struct focus_cpu *cpu;

	COUNT_RUN(focus_switch);
	if (!leaves && !enters)
		return 0;
	cpu = shard();
	if (!cpu)
		return 0;
	if (leaves)
		leave(ctx, cpu, prev, preempt);
	if (enters)
		enter(cpu, next);
	return 0;
}

/*
 * Why here: begin and end of each interrupt, so that a wake-up from one is known as such.
 * Cost: 10 ns each.
 * Loses: interrupts without a tracepoint: their wake-ups count for the task beneath, or as WAKER_OTHER.
 */
#define CONTEXT(section, name, member, ...)       \
	SEC("tp_btf/" section "_entry")           \
	int BPF_PROG(name, __VA_ARGS__)           \
	{                                         \
		struct focus_cpu *cpu;            \
                                                  \
		COUNT_RUN(name);                  \
		cpu = shard();                    \
		if (cpu)                          \
			cpu->member = 1 + number; \
		return 0;                         \
	}                                         \
	SEC("tp_btf/" section "_exit")            \
	int BPF_PROG(name##_end)                  \
	{                                         \
		struct focus_cpu *cpu;            \
                                                  \
		COUNT_RUN(name##_end);            \
		cpu = shard();                    \
		if (cpu)                          \
			cpu->member = 0;          \
		return 0;                         \
	}

CONTEXT("irq_handler", focus_irq, irq, int number)
CONTEXT("softirq", focus_softirq, softirq, u32 number)
CONTEXT("local_timer", focus_timer, timer, int number)

char LICENSE[] SEC("license") = "GPL";
