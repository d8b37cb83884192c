/* SPDX-License-Identifier: GPL-2.0 */
/* Run queue: what user space asks for, and which tasks are measured. */
#pragma once

#include "lib/core.bpf.h"
#include "lib/maps.bpf.h"

/*
 * What user space wants, written by it only, a word at a time: a switch that is under way meanwhile is judged by the
 * old words or the new. The first one is looked at by every switch; it has the number of the running interval, from bit
 * GENERATION_SHIFT on the number of the filter, and what is asked for beyond the usual.
 */
enum setting {
	SETTING_INTERVAL,
	/* values of the filters that are on: thread group id, id of a cgroup, name in two halves */
	SETTING_TGID,
	SETTING_CGROUP,
	SETTING_COMM_LOW,
	SETTING_COMM_HIGH,
	SETTINGS,
};
NAMES(setting);

/* the next read is to be of all processes */
#define READ_ALL (1ULL << 63)
/* every thread gets a histogram of its own */
#define WANT_THREADS (1ULL << 62)
/* only these are measured */
#define FILTER_TGID (1ULL << 61)
#define FILTER_CGROUP (1ULL << 60)
#define FILTER_COMM (1ULL << 59)
#define FILTERS (FILTER_TGID | FILTER_CGROUP | FILTER_COMM)
#define GENERATION_SHIFT 32
#define GENERATION_MASK 0xffff

/* Variables are read without a look-up. */
static volatile u64 settings[SETTINGS] SEC(".data.settings");

static __always_inline u64 setting(enum setting which)
{
	return settings[which];
}

static __always_inline u64 interval_word(void)
{
	return setting(SETTING_INTERVAL);
}

/* Is the task in the cgroup of this id, or in one below it? Only the unified hierarchy counts. */
static __always_inline bool is_below(struct task_struct *task, u64 id)
{
	struct cgroup *group = task->cgroups->dfl_cgrp;

	for (int level = 0; level < 32 && group; level++) {
		if (group->kn->id == id)
			return true;
		group = group->self.parent->cgroup;
	}
	return false;
}

/* Is it one of those that user space wants? Apart from the rest: without a filter nobody comes here. */
static __noinline bool passes(struct task_struct *task, u64 word)
{
	if (word & FILTER_TGID && (u32)task->tgid != setting(SETTING_TGID))
		return false;
	if (word & FILTER_COMM) {
		u64 comm[2];

		bpf_probe_read_kernel(comm, sizeof(comm), task->comm);
		if (comm[0] != setting(SETTING_COMM_LOW) || comm[1] != setting(SETTING_COMM_HIGH))
			return false;
	}
	return !(word & FILTER_CGROUP) || is_below(task, setting(SETTING_CGROUP));
}

static __always_inline bool is_wanted(struct task_struct *task, u64 word)
{
	return !(word & FILTERS) || passes(task, word);
}
