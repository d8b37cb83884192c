/* SPDX-License-Identifier: GPL-2.0 */
/*
 * No duration is negative. Two readings of a clock may be out of order (two CPUs that take the same free entry at once,
 * a clock that the kernel adjusts), and unsigned subtraction would make 584 years of that: it counts as 0 ns here, and
 * under `negative` in what a snapshot says was lost (src/bpf/bpf-session.ts reads it).
 */
#pragma once

#include "lib/core.bpf.h"

/* Durations below 0 of all programs of the object. Hardly ever written, so all CPUs share it. */
static volatile u64 negative_durations SEC(".data.negative");

/* As instructions: the compiler's own atomic addition may be an instruction that kernels before 5.12 lack. */
static __always_inline void shared_add(u64 *sum, u64 value)
{
#ifdef __bpf__
	asm volatile("lock *(u64 *)(%0 + 0) += %1" : : "r"(sum), "r"(value) : "memory");
#else
	__sync_fetch_and_add(sum, value);
#endif
}

/*
 * The same value for a branch. The verifier links copies of a register: what a branch says of one it would follow for the
 * other, and for all that is computed from that. A table of stages would be too large for it then.
 */
static __always_inline u64 detached(u64 value)
{
#ifdef __bpf__
	asm volatile("%0 |= 0" : "+r"(value));
#endif
	return value;
}

/* A difference of two stamps; 0 and counted where it is negative. */
static __always_inline u64 not_negative(u64 ns)
{
	u64 below = ns >> 63;

	if (detached(ns) >> 63)
		shared_add((u64 *)&negative_durations, 1);
	return ns & (below - 1);
}

static __always_inline u64 duration(u64 begin, u64 end)
{
	return not_negative(end - begin);
}
