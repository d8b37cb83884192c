/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A latency distribution that user space can cut into intervals: all counters only grow, the reader takes differences,
 * and nothing is deleted or reset between two reads. src/bpf/latency.ts is the reader's side.
 */
#pragma once

#include "lib/duration.bpf.h"

enum latency_histogram {
	/* slots a quarter of an octave wide: a percentile is off by at most 25 % of its value */
	LATENCY_SUB_BITS = 2,
};

/*
 * A maximum cannot be had by difference, so the interval has a number: `max_ns[epoch & 1]` belongs to the interval
 * `epoch`, its neighbour to the one before. The reader first raises the number, then reads: an event in between counts
 * for the next interval's maximum. The number of events is the sum of the slots and is not kept twice.
 */
struct latency {
	u64 sum_ns;
	u64 max_ns[2];
	u32 epoch;
	u32 slots[HIST_SLOTS(LATENCY_SUB_BITS)];
};

/* The number of the running interval, written by the reader only. A variable is read without a look-up. */
static volatile u32 interval SEC(".data.interval");

static __always_inline u32 interval_epoch(void)
{
	return interval;
}

static __always_inline void latency_max(struct latency *latency, u64 ns, u32 epoch)
{
	u64 *max = &latency->max_ns[epoch & 1];

	if (latency->epoch != epoch) {
		latency->epoch = epoch;
		*max = 0;
	}
	if (ns > *max)
		*max = ns;
}

/* For a slot that hist_slot() has returned already; the verifier may have forgotten its bound. */
static __always_inline void latency_add_slot(struct latency *latency, u64 ns, u32 slot, u32 epoch)
{
	ns = not_negative(ns);
	latency_max(latency, ns, epoch);
	latency->sum_ns += ns;
	asm volatile("" : "+r"(slot));
	if (slot < HIST_SLOTS(LATENCY_SUB_BITS))
		latency->slots[slot]++;
}

/* Of a value that is not negative. Returns the slot. */
static __always_inline u32 latency_put(struct latency *latency, u64 ns, u32 epoch)
{
	u32 slot = hist_slot(detached(ns), LATENCY_SUB_BITS);

	latency_max(latency, ns, epoch);
	latency->sum_ns += ns;
	latency->slots[slot]++;
	return slot;
}

/* The caller makes sure that no other CPU writes to `latency`: plain additions are enough then. Returns the slot. */
static __always_inline u32 latency_add(struct latency *latency, u64 ns, u32 epoch)
{
	return latency_put(latency, not_negative(ns), epoch);
}
