/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which tasks are measured: by process, control group and name, with the same meaning in every tracer that filters in
 * the kernel. src/bpf/task-filter.ts is the reader's side.
 */
#pragma once

#include "lib/core.bpf.h"

/* The filters, by the bits of a word that says which of them are on. */
enum task_filter {
	/* thread group id */
	FILTER_TGID,
	/* id of a control group of the unified hierarchy: its tasks and those of the groups below it */
	FILTER_CGROUP,
	/* name, all 16 bytes */
	FILTER_COMM,
	TASK_FILTERS,
};

/* Values of the filters that are on. The settings of a tracer, which only user space writes, begin with these. */
enum task_filter_setting {
	SETTING_TGID,
	SETTING_CGROUP,
	/* the name in two halves */
	SETTING_COMM_LOW,
	SETTING_COMM_HIGH,
	TASK_FILTER_SETTINGS,
};

static __always_inline bool filter_is_on(u64 on, enum task_filter filter)
{
	return on >> filter & 1;
}

static __always_inline bool tgid_passes(const volatile u64 *settings, u64 on, u32 tgid)
{
	return !filter_is_on(on, FILTER_TGID) || tgid == settings[SETTING_TGID];
}

/* Is `comm`, in two halves, the name of the filter? */
static __always_inline bool comm_matches(const volatile u64 *settings, const u64 comm[2])
{
	return comm[0] == settings[SETTING_COMM_LOW] && comm[1] == settings[SETTING_COMM_HIGH];
}

#define CGROUP_LEVELS 32

/*
 * Is the control group the one of this id, or below it? `typed`, a compile-time constant: the verifier knows `group` to
 * be a control group, and reads need no helper.
 */
static __always_inline bool cgroup_is_below(struct cgroup *group, u64 id, const bool typed)
{
	for (int level = 0; level < CGROUP_LEVELS && group; level++) {
		if ((typed ? group->kn->id : BPF_CORE_READ(group, kn, id)) == id)
			return true;
		group = typed ? group->self.parent->cgroup : BPF_CORE_READ(group, self.parent, cgroup);
	}
	return false;
}
