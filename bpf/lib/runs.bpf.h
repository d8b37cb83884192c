/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How often each program of an object has run. The kernel counts that only while its run statistics are on, and
 * switching these patches its code and interrupts every CPU. With the count, one measurement of the time of a run gives
 * the cost of all the others (src/sampling/prices.ts).
 *
 * The object has an enum of its counted programs, RUN_ and the program's name each, and begins each with COUNT_RUN().
 * Cost: about 2 ns. A program that has a shard in hand counts there instead.
 */
#pragma once

#include "lib/core.bpf.h"
#include "lib/maps.bpf.h"

/* Programs that one object can count; whole cache lines, so that CPUs do not share one. */
#define RUNS_MOST 32

/* Written only on its own CPU. No program nests within itself, so plain additions are enough. */
struct runs {
	u64 of[RUNS_MOST];
};
CPU_SHARDS(runs, struct runs);

static __always_inline void count_run(u32 program)
{
	u32 cpu = bpf_get_smp_processor_id();
	struct runs *shard = bpf_map_lookup_elem(&runs, &cpu);

	if (shard)
		shard->of[program]++;
}

#define COUNT_RUN(program) count_run(RUN_##program)
