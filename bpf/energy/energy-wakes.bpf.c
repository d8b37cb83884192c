// SPDX-License-Identifier: GPL-2.0
/*
 * What ends the idle periods of CPUs. A period begins where the idle loop enters an idle state and ends with the next
 * entry or with the switch to a task; its cause is the first interrupt in between. The order of hooks differs: with
 * interrupts off in the idle state the exit comes before the interrupt, in a halt after it. Where another CPU ended the
 * period, its cause is what ran there when it woke the task: a process, or an interrupt. Loaded only while it is displayed
 * or asked for.
 */
#include "lib/core.bpf.h"
#include "lib/duration.bpf.h"
#include "lib/maps.bpf.h"

#define WAKE_NAME_LEN 32

/* The kind of the interrupt, and what `cause` is. */
enum wake_via {
	/* no interrupt: the idle loop saw that a task was to run, put there by another CPU */
	VIA_POLL,
	/* number of the line */
	VIA_IRQ,
	/* vector; its interrupt has no tracepoint */
	VIA_SOFTIRQ,
	/* address of the function */
	VIA_HRTIMER,
	VIA_TIMER,
	/* the timer interrupt, without an expired timer */
	VIA_TIMER_IRQ,
	/* of another CPU: reschedule, function call */
	VIA_RESCHEDULE,
	VIA_CALL,
	VIA_IRQ_WORK,
	/* the hypervisor's or platform's */
	VIA_PLATFORM,
	/* pid of a process that woke the task from another CPU */
	VIA_PROCESS,
};
NAMES(wake_via);

/* Lengths of idle periods: below 50 µs, 200 µs, 1 ms, and longer. */
enum wake_lengths {
	WAKE_LENGTHS = 4,
};
NAMES(wake_lengths);

#define IDLE_STATES 16

/* Of each idle state the time that its exit takes, ns; written by user space. */
struct idle_state {
	u64 latency_ns;
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, IDLE_STATES);
	__type(key, u32);
	__type(value, struct idle_state);
} idle_states SEC(".maps");

/* What a CPU runs beside its task: a handler of an interrupt, or what a softirq does. `via` VIA_POLL: none. */
struct wake_context {
	u64 cause;
	u32 via;
	u32 unused;
	char name[WAKE_NAME_LEN];
};

/* Written on its own CPU only, with interrupts off. */
struct wakes_cpu {
	/* CLOCK_MONOTONIC of the present period's begin and end; 0: there is none, it has not ended */
	u64 began;
	u64 ended;
	u64 cause;
	u32 state;
	u32 via;
	char name[WAKE_NAME_LEN];
	/* since start: periods, their time, those that ended with a task */
	u64 periods;
	u64 idle_ns;
	u64 switched;
	/* wake-ups that found `wakes` full */
	u64 full;
	struct wake_context hard;
	struct wake_context soft;
};
CPU_SHARDS(wakes_cpus, struct wakes_cpu);

struct wake_key {
	u64 cause;
	/* of the process that ran next, CLOCK_BOOTTIME; 0: the CPU went back to idle */
	u64 start;
	u32 tgid;
	u32 via;
};

struct wake_count {
	u64 wakes;
	u64 idle_ns;
	/* sum over the periods of the exit latency of their state */
	u64 latency_ns;
	u64 lengths[WAKE_LENGTHS];
	/* of the line or function; of the process */
	char name[WAKE_NAME_LEN];
	char comm[TASK_COMM_LEN];
};

/* Preallocated: nothing is allocated under the run queue's lock. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct wake_key);
	__type(value, struct wake_count);
} wakes SEC(".maps");

/* The process or interrupt that woke a task last. */
struct waker {
	/* CLOCK_MONOTONIC */
	u64 at;
	struct wake_context by;
};

/* By thread. The least recently woken give way. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, u32);
	__type(value, struct waker);
} wakers SEC(".maps");

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct irqaction {
	const char *name;
};

struct hrtimer {
	void *function;
};

struct timer_list {
	void *function;
};

#pragma clang attribute pop

/* Functions of timers are named by the kernel's symbols (since 5.13), once for each. */
enum bpf_func_id___snprintf {
	BPF_FUNC_snprintf = 165,
};

static __always_inline void name_function(char *name, u64 address)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id___snprintf, BPF_FUNC_snprintf)) {
		static const char format[] = "%ps";

		bpf_snprintf(name, WAKE_NAME_LEN, format, &address, sizeof(address));
	}
}

static __always_inline struct wakes_cpu *wakes_shard(void)
{
	u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&wakes_cpus, &cpu);
}

/* The CPU may enter its idle state while another one is waking the task. */
#define WAKING 1000000

/* What woke the task from another CPU in this period; null: not known. */
static __always_inline struct wake_context *woken_by(struct wakes_cpu *cpu, struct task_struct *task)
{
	u32 pid;
	struct waker *waker;

	if (!task || !(1 << cpu->via & (1 << VIA_POLL | 1 << VIA_RESCHEDULE | 1 << VIA_CALL)))
		return 0;
	pid = task->pid;
	waker = bpf_map_lookup_elem(&wakers, &pid);
	return waker && waker->by.via != VIA_POLL && waker->at + WAKING >= cpu->began ? &waker->by : 0;
}

/* The period ends: `task` runs next, null: the CPU goes back to idle. */
static __always_inline void end_period(struct wakes_cpu *cpu, struct task_struct *task, u64 now)
{
	struct task_struct *leader = task ? task->group_leader : 0;
	bool known = leader && leader->signal == task->signal;
	struct wake_context *by = woken_by(cpu, task);
	struct wake_key key = {
		.via = by ? by->via : cpu->via,
		.cause = by ? by->cause : cpu->cause,
		.tgid = task ? task->tgid : 0,
		.start = known ? leader->start_boottime : 0,
	};
	u64 idle = cpu->began ? duration(cpu->began, cpu->ended ?: now) : 0;
	u32 length = idle < 50000 ? 0 : idle < 200000 ? 1 : idle < 1000000 ? 2 : 3, state = cpu->state;
	struct idle_state *left = bpf_map_lookup_elem(&idle_states, &state);
	struct wake_count *count;

	if (cpu->began) {
		cpu->periods++;
		cpu->idle_ns += idle;
	}
	if (task)
		cpu->switched++;
	count = bpf_map_lookup_elem(&wakes, &key);
	if (!count) {
		struct wake_count first = {};

		if (key.via == VIA_HRTIMER || key.via == VIA_TIMER)
			name_function(first.name, key.cause);
		else if (by)
			__builtin_memcpy(first.name, by->name, sizeof(first.name));
		else if (key.via == VIA_IRQ)
			__builtin_memcpy(first.name, cpu->name, sizeof(first.name));
		bpf_map_update_elem(&wakes, &key, &first, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&wakes, &key);
	}
	if (!count) {
		cpu->full++;
	} else {
		__sync_fetch_and_add(&count->wakes, 1);
		__sync_fetch_and_add(&count->idle_ns, idle);
		__sync_fetch_and_add(&count->lengths[length], 1);
		if (left)
			__sync_fetch_and_add(&count->latency_ns, left->latency_ns);
		/* exec and prctl change it */
		if (by && by->via == VIA_PROCESS)
			__builtin_memcpy(count->name, by->name, TASK_COMM_LEN);
		if (task)
			bpf_probe_read_kernel(count->comm, sizeof(count->comm), known ? leader->comm : task->comm);
	}
	cpu->began = 0;
	cpu->ended = 0;
	cpu->via = VIA_POLL;
	cpu->cause = 0;
}

/*
 * Why here: the idle loop's own marks, one for each state that is entered, one for its exit.
 * Cost: 0.1 to 0.2 µs for each period, on a CPU that has nothing else to do.
 * Loses: nothing. Without a switch of task in between, a period is counted at the next entry.
 */
SEC("tp_btf/cpu_idle")
int BPF_PROG(idle_changes, u32 state)
{
	struct wakes_cpu *cpu = wakes_shard();
	u64 now = bpf_ktime_get_ns();

	if (!cpu)
		return 0;
	if (state == (u32)-1) {
		if (cpu->began && !cpu->ended)
			cpu->ended = now;
		return 0;
	}
	if (cpu->began)
		end_period(cpu, 0, now);
	cpu->began = now;
	cpu->state = state;
	return 0;
}

/*
 * Why here: the period ends with a task, which is at hand.
 * Cost: that of an empty program for switches between tasks; 0.2 µs for one from idle.
 * Loses: pairs of cause and process that find `wakes` full, counted.
 */
SEC("tp_btf/sched_switch")
int BPF_PROG(idle_ends, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	struct wakes_cpu *cpu;

	if (prev->pid)
		return 0;
	cpu = wakes_shard();
	if (cpu)
		end_period(cpu, next, bpf_ktime_get_ns());
	return 0;
}

/*
 * The first interrupt of a period is its cause; null: there is one already, or the CPU is not idle. `weak`: kinds that
 * this one says more about.
 */
static __always_inline struct wakes_cpu *caused(struct wakes_cpu *cpu, u32 via, u64 cause, u32 weak)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	if (BPF_CORE_READ(task, pid))
		return 0;
	if (!cpu->began || (cpu->via != VIA_POLL && !(weak >> cpu->via & 1)))
		return 0;
	if (!cpu->ended)
		cpu->ended = bpf_ktime_get_ns();
	cpu->via = via;
	cpu->cause = cause;
	return cpu;
}

/* The CPU begins to run `via`; the caller adds the name. */
static __always_inline void enter(struct wake_context *context, u32 via, u64 cause)
{
	context->cause = cause;
	context->via = via;
	context->name[0] = 0;
}

/*
 * Why here: the line and its handler's name; a shared line is that of its first handler.
 * Cost: one read of the current task for each interrupt, 0.1 µs more for one that ends a period.
 * Loses: nothing.
 */
SEC("tp_btf/irq_handler_entry")
int BPF_PROG(wakes_irq, int irq, struct irqaction *action)
{
	struct wakes_cpu *cpu = wakes_shard();

	if (!cpu)
		return 0;
	enter(&cpu->hard, VIA_IRQ, irq);
	bpf_probe_read_kernel_str(cpu->hard.name, sizeof(cpu->hard.name), action->name);
	if (caused(cpu, VIA_IRQ, irq, 0))
		__builtin_memcpy(cpu->name, cpu->hard.name, sizeof(cpu->name));
	return 0;
}

/*
 * Why here: a task that is woken from now on was not woken by the interrupt.
 * Cost: that of an empty program; the same for the other exits.
 * Loses: nothing.
 */
SEC("tp_btf/irq_handler_exit")
int BPF_PROG(wakes_irq_done, int irq)
{
	struct wakes_cpu *cpu = wakes_shard();

	if (cpu)
		cpu->hard.via = VIA_POLL;
	return 0;
}

/*
 * Why here: the function that the timer was set for. The tick is such a function too: a timer of the wheel that it
 * finds due says more (see wakes_timer).
 * Cost: as above, for each expired timer.
 * Loses: nothing.
 */
SEC("tp_btf/hrtimer_expire_entry")
int BPF_PROG(wakes_hrtimer, struct hrtimer *timer)
{
	struct wakes_cpu *cpu = wakes_shard();

	if (!cpu)
		return 0;
	enter(&cpu->hard, VIA_HRTIMER, (u64)timer->function);
	caused(cpu, VIA_HRTIMER, (u64)timer->function, 1 << VIA_TIMER_IRQ);
	return 0;
}

/* As wakes_irq_done. */
SEC("tp_btf/hrtimer_expire_exit")
int BPF_PROG(wakes_hrtimer_done, struct hrtimer *timer)
{
	struct wakes_cpu *cpu = wakes_shard();

	if (cpu)
		cpu->hard.via = VIA_POLL;
	return 0;
}

/* Address of the tick's function; 0: not known yet. Written by user space once it has seen the name. */
static volatile u64 tick_function SEC(".data.tick");

/*
 * Why here: timers of the wheel expire in a softirq; an idle CPU sets its tick for the first of them.
 * Cost: as above.
 * Loses: nothing.
 */
SEC("tp_btf/timer_expire_entry")
int BPF_PROG(wakes_timer, struct timer_list *timer)
{
	struct wakes_cpu *cpu = wakes_shard();
	u32 weak = 1 << VIA_TIMER_IRQ | 1 << VIA_SOFTIRQ;

	if (!cpu)
		return 0;
	enter(&cpu->soft, VIA_TIMER, (u64)timer->function);
	if (cpu->via == VIA_HRTIMER && tick_function && cpu->cause == tick_function)
		weak |= 1 << VIA_HRTIMER;
	caused(cpu, VIA_TIMER, (u64)timer->function, weak);
	return 0;
}

/*
 * Why here: interrupts without a tracepoint show by the softirq that they raise.
 * Cost: as above.
 * Loses: nothing.
 */
SEC("tp_btf/softirq_entry")
int BPF_PROG(wakes_softirq, u32 vector)
{
	struct wakes_cpu *cpu = wakes_shard();

	if (!cpu)
		return 0;
	enter(&cpu->soft, VIA_SOFTIRQ, vector);
	caused(cpu, VIA_SOFTIRQ, vector, 0);
	return 0;
}

/* As wakes_irq_done. */
SEC("tp_btf/softirq_exit")
int BPF_PROG(wakes_softirq_done, u32 vector)
{
	struct wakes_cpu *cpu = wakes_shard();

	if (cpu)
		cpu->soft.via = VIA_POLL;
	return 0;
}

static __always_inline int woken(struct task_struct *task)
{
	struct wakes_cpu *cpu = wakes_shard();
	u32 pid = task->pid;
	struct waker *waker = bpf_map_lookup_elem(&wakers, &pid);
	struct wake_context *by;

	if (!waker) {
		struct waker first = {};

		bpf_map_update_elem(&wakers, &pid, &first, BPF_NOEXIST);
		waker = bpf_map_lookup_elem(&wakers, &pid);
	}
	if (!cpu || !waker)
		return 0;
	/* in place: the task is switched to after its wake-up, so nothing reads this meanwhile */
	waker->at = bpf_ktime_get_ns();
	by = cpu->hard.via != VIA_POLL ? &cpu->hard : cpu->soft.via != VIA_POLL ? &cpu->soft : 0;
	if (by) {
		__builtin_memcpy(&waker->by, by, sizeof(waker->by));
	} else {
		struct task_struct *current = (void *)bpf_get_current_task();
		struct task_struct *leader = BPF_CORE_READ(current, group_leader);

		waker->by.cause = BPF_CORE_READ(current, tgid);
		/* the idle loop itself, in an interrupt without a tracepoint */
		waker->by.via = waker->by.cause ? VIA_PROCESS : VIA_POLL;
		bpf_probe_read_kernel(waker->by.name, TASK_COMM_LEN, leader->comm);
	}
	return 0;
}

/*
 * Why here: it runs on the CPU of the waker, before the CPU of the task is chosen.
 * Cost: 0.25 µs for each wake-up of a task, on the CPU of the waker.
 * Loses: wake-ups of more than 4,096 tasks that wait at once: their periods show the interrupt of the other CPU.
 */
SEC("tp_btf/sched_waking")
int BPF_PROG(wakes_waking, struct task_struct *task)
{
	return woken(task);
}

/* As wakes_waking, for the first time that a task runs. */
SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(wakes_new, struct task_struct *task)
{
	return woken(task);
}

static __always_inline int own_interrupt(u32 via)
{
	struct wakes_cpu *cpu = wakes_shard();

	if (cpu)
		caused(cpu, via, 0, 0);
	return 0;
}

/*
 * Why here: the CPU's own interrupts, which have no line.
 * Cost: as above.
 * Loses: those without a tracepoint (NMIs, the hypervisor's callback): they count as VIA_POLL.
 */
#define VECTOR(name, via)                      \
	SEC("tp_btf/" #name "_entry")          \
	int BPF_PROG(wakes_##name, int vector) \
	{                                      \
		return own_interrupt(via);     \
	}

VECTOR(local_timer, VIA_TIMER_IRQ)
VECTOR(reschedule, VIA_RESCHEDULE)
VECTOR(call_function, VIA_CALL)
VECTOR(call_function_single, VIA_CALL)
VECTOR(irq_work, VIA_IRQ_WORK)
VECTOR(x86_platform_ipi, VIA_PLATFORM)

char LICENSE[] SEC("license") = "GPL";
