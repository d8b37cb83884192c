/* SPDX-License-Identifier: GPL-2.0 */
/* Run queue: what user space asks for, and which tasks are measured. */
#pragma once

#include "lib/core.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/task-filter.bpf.h"

/*
 * Written by user space only, a word at a time: a switch that runs meanwhile is judged by the old words or the new
 * ones. Every switch reads SETTING_INTERVAL, the others only tasks that are filtered.
 */
enum setting {
	/* the number of the running interval, and the bits below */
	SETTING_INTERVAL = TASK_FILTER_SETTINGS,
	SETTINGS,
};
NAMES(setting);

/* SETTING_INTERVAL, by the numbers of its bits; below them is the number of the interval. */
enum interval_bit {
	/* the number of the filter, up to the next bit */
	GENERATION_SHIFT = 32,
	/* which filters are on: task_filter */
	FILTER_SHIFT = 48,
	/* stamps are older than the hook that finds void ones, hence not known to be valid */
	OLD_STAMPS = 61,
	/* every thread gets its own histogram */
	WANT_THREADS = 62,
	/* the next read is of all processes */
	READ_ALL = 63,
};
NAMES(interval_bit);

#define BIT(number) (1ULL << (number))
#define FILTERS ((BIT(TASK_FILTERS) - 1) << FILTER_SHIFT)
#define GENERATION_MASK (BIT(FILTER_SHIFT - GENERATION_SHIFT) - 1)

/* Variables are read without a look-up. */
static volatile u64 settings[SETTINGS] SEC(".data.settings");

static __always_inline u64 interval_word(void)
{
	return settings[SETTING_INTERVAL];
}

static __always_inline u32 filter_generation(u64 word)
{
	return word >> GENERATION_SHIFT & GENERATION_MASK;
}

/*
 * The task's name is the one of this moment, its groups are read under RCU.
 * A function, since the code is needed only while a filter is on; an int, since a bool costs the verifier twice the
 * states.
 */
static __noinline int task_passes(struct task_struct *task, u64 on)
{
	if (!tgid_passes(settings, on, task->tgid))
		return false;
	if (filter_is_on(on, FILTER_COMM)) {
		u64 comm[2];

		bpf_probe_read_kernel(comm, sizeof(comm), task->comm);
		if (!comm_matches(settings, comm))
			return false;
	}
	if (filter_is_on(on, FILTER_CGROUP))
		return cgroup_is_below(task->cgroups->dfl_cgrp, settings[SETTING_CGROUP], true);
	return true;
}

static __always_inline bool is_wanted(struct task_struct *task, u64 word)
{
	return !(word & FILTERS) || task_passes(task, word >> FILTER_SHIFT);
}
