/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All tasks of the machine within one run of a program, at a third of the cost of an iterator, whose every step looks
 * up the next pid and takes references. Since 6.7; weak, because objects have to load without it too. Such a program
 * has no file to write to, so its records go to a ring.
 */
#pragma once

#include "lib/core.bpf.h"
#include "lib/maps.bpf.h"

struct bpf_iter_task {
	u64 opaque[3];
} __attribute__((aligned(8)));

extern int bpf_iter_task_new(struct bpf_iter_task *walk, struct task_struct *task, unsigned int flags) __ksym __weak;
extern struct task_struct *bpf_iter_task_next(struct bpf_iter_task *walk) __ksym __weak;
extern void bpf_iter_task_destroy(struct bpf_iter_task *walk) __ksym __weak;
extern void bpf_rcu_read_lock(void) __ksym __weak;
extern void bpf_rcu_read_unlock(void) __ksym __weak;

/* Flag of bpf_iter_task_new(): threads too. */
#define ALL_THREADS 1

/*
 * No other task gets this CPU during a walk on kernels that do not preempt themselves, hence limits: of tasks, 0.2 to
 * 1 µs for each, and of time as soon as another task is on this CPU's queue. The reader takes the iterator then, as when
 * the ring was full. (Not constants: the verifier would count up to them.)
 */
#ifndef WALK_NS
#define WALK_NS 1000000
#endif
static volatile u64 walk_limit = 16384;
static volatile u64 walk_ns = WALK_NS;

/* So many tasks from one reading of the clock to the next: 50 to 250 µs. */
#define WALK_STRIDE 256

/*
 * Has the walk held its CPU for walk_ns, and does another task want it? `nr_running` is of the own CPU's queue, where
 * the walking task counts as one; a wake-up by another CPU may show at the next reading.
 */
static __always_inline bool walk_is_long(u64 left, u64 begun)
{
	struct task_struct *self;

	if (left % WALK_STRIDE || bpf_ktime_get_ns() - begun < walk_ns)
		return false;
	self = (void *)bpf_get_current_task();
	return BPF_CORE_READ(self, se.cfs_rq, rq, nr_running) > 1;
}

/* Result of a program that walks. */
enum walk_result {
	WALK_INCOMPLETE = 0,
	WALK_COMPLETE = 1,
};

/*
 * To the file of an iterator or, from a walk, to its ring: a compile-time constant, so that the other branch is not
 * loaded.
 */
static __always_inline bool emit_record(const bool walks, void *to, const void *record, u32 size)
{
	return walks ? !bpf_ringbuf_output(to, (void *)record, size, BPF_RB_NO_WAKEUP) :
		       !bpf_seq_write(to, record, size);
}
