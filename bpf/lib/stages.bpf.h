/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An object is followed from hook to hook; each hook leaves a stamp (CLOCK_MONOTONIC, 0: the object did not reach it).
 * A stage begins at its stamp and lasts until the next stamp that is set, so that the stages of an object always add up
 * to its total. src/core/stages/stages.ts is the reader's side; the stages and their meaning are in each path's table.
 */
#pragma once

#include "lib/latency.bpf.h"

/* The first stamp, 0 without any. */
static __always_inline u64 stages_begin(const u64 *stamps, const u32 count)
{
#pragma unroll
	for (u32 stage = 0; stage < count; stage++)
		if (stamps[stage])
			return stamps[stage];
	return 0;
}

/*
 * Add one object that ended at `end`: `stages` has one distribution for each stamp, in the same order. The caller makes
 * sure that no other CPU writes to them. Costs a histogram update for each stage that the object reached. Returns the
 * total: the sum of the stages, also where stamps are out of order.
 */
static __always_inline u64 stages_add(struct latency *stages, const u64 *stamps, const u32 count, u64 end, u32 epoch)
{
	u64 total = 0;

#pragma unroll
	for (u32 later = 0; later < count; later++) {
		const u32 stage = count - 1 - later;

		u64 ns;

		if (!stamps[stage])
			continue;
		ns = duration(stamps[stage], end);
		latency_put(&stages[stage], ns, epoch);
		total += ns;
		end -= ns;
	}
	return total;
}
