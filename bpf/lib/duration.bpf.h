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

/* A difference of two stamps; 0 and counted where it is negative. */
static __always_inline u64 not_negative(u64 ns)
{
	if ((s64)ns >= 0)
		return ns;
	shared_add((u64 *)&negative_durations, 1);
	return 0;
}

static __always_inline u64 duration(u64 begin, u64 end)
{
	return not_negative(end - begin);
}
