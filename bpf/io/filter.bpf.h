/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which bios are measured: decided once, when a bio is queued, since its task runs at that moment. A bio that does not
 * pass is not followed, and so never seen again.
 */
#pragma once

#include "lib/task-filter.bpf.h"

/* Settings, written by user space only. */
enum io_setting {
	/* the bits below */
	IO_WANT = TASK_FILTER_SETTINGS,
	/* a request whose total is at least this long leaves a record, ns */
	IO_SLOW,
	/* values of the filters that are on */
	IO_TID,
	/* kernel's number of a disk or partition; of a partition, also its disk and its range there, in sectors */
	IO_DEVICE,
	IO_DISK,
	IO_SECTOR,
	IO_SECTORS,
	/* of a file, or of a directory with all below it */
	IO_INODE,
	IO_INODE_DEV,
	/* of btrfs: device number of the subvolume, each of which numbers its inodes; else 0 */
	IO_SUBVOLUME,
	IO_SETTINGS,
};
NAMES(io_setting);

/*
 * `IO_WANT`, by the numbers of its bits: which filters are on, task_filter first, and whether system calls are
 * followed.
 */
enum io_want {
	WANT_TID = TASK_FILTERS,
	WANT_DEVICE,
	WANT_FILE,
	WANT_DIRECTORY,
	WANT_CALLS,
};
NAMES(io_want);
#define WANTS(word, what) ((word) & (1 << WANT_##what))
#define WANT_FILTERS ((1 << WANT_CALLS) - 1)
/* the filters that a request without a bio cannot pass */
#define WANT_OTHER_THAN_DEVICE (WANT_FILTERS & ~(1 << WANT_DEVICE))

/* Variables are read without a look-up. */
static volatile u64 settings[IO_SETTINGS] SEC(".data.settings");

static __always_inline u64 setting(u32 which)
{
	return settings[which];
}

/*
 * Does the filter by control group let the bio pass? Of an owner only its own group is known; groups above it are known
 * of the current task.
 */
static __always_inline bool cgroup_passes(const struct queued *queued)
{
	u64 wanted = setting(SETTING_CGROUP);
	struct task_struct *task;

	if (queued->owner.cgroup == wanted)
		return true;
	if (queued->how != OWNER_SUBMITTER)
		return false;
	task = (void *)bpf_get_current_task();
	return cgroup_is_below(BPF_CORE_READ(task, cgroups, dfl_cgrp), wanted, false);
}

/* Device number of the subvolume of an inode of btrfs, as stat(2) shows it. 0: not known. */
static __always_inline u32 subvolume_of(struct inode *inode)
{
	struct btrfs_inode *whole;

	if (!bpf_core_type_exists(struct btrfs_inode) || !bpf_core_field_exists(struct btrfs_root, anon_dev))
		return 0;
	whole = (void *)inode - bpf_core_field_offset(struct btrfs_inode, vfs_inode);
	return BPF_CORE_READ(whole, root, anon_dev);
}

/* The inode is in memory while a bio or a name of it is in use, and these of its members do not change. */
static __always_inline bool is_file(struct inode *inode)
{
	u64 subvolume = setting(IO_SUBVOLUME);

	return inode && BPF_CORE_READ(inode, i_ino) == setting(IO_INODE) &&
	       BPF_CORE_READ(inode, i_sb, s_dev) == setting(IO_INODE_DEV) &&
	       (!subvolume || subvolume_of(inode) == subvolume);
}

#define DIRECTORY_LEVELS 32

/* Is the directory (or file) the wanted one, or below it? */
static __always_inline bool directory_is_below(struct dentry *dentry)
{
	for (int level = 0; level < DIRECTORY_LEVELS && dentry; level++) {
		struct dentry *parent = BPF_CORE_READ(dentry, d_parent);

		if (is_file(BPF_CORE_READ(dentry, d_inode)))
			return true;
		if (parent == dentry)
			return false;
		dentry = parent;
	}
	return false;
}

/* Is the bio for the wanted disk or partition? Where it does not have its partition, its sector on the disk decides. */
static __always_inline bool is_on_device(const struct queued *queued, struct bio *bio)
{
	u64 wanted = setting(IO_DEVICE);

	if (queued->part == wanted || queued->dev == wanted)
		return true;
	return !bios_keep_partition() && queued->dev == setting(IO_DISK) &&
	       BPF_CORE_READ(bio, bi_iter.bi_sector) - setting(IO_SECTOR) < setting(IO_SECTORS);
}

/*
 * A function, since the code is needed only while a filter is on. The owner decides, which need not be the current
 * task.
 */
static __noinline int passes(struct queued *queued, struct bio *bio, u64 want)
{
	const struct owner *owner = &queued->owner;

	if (!tgid_passes(settings, want, owner->tgid))
		return false;
	if (WANTS(want, TID) && owner->tid != setting(IO_TID))
		return false;
	if (filter_is_on(want, FILTER_COMM) && !comm_matches(settings, (u64 *)owner->comm))
		return false;
	if (filter_is_on(want, FILTER_CGROUP) && !cgroup_passes(queued))
		return false;
	if (WANTS(want, DEVICE) && !is_on_device(queued, bio))
		return false;
	if (WANTS(want, FILE) || WANTS(want, DIRECTORY)) {
		struct dentry *dentry;
		struct inode *inode = bio_inode(bio, &dentry);

		return WANTS(want, FILE) ? is_file(inode) : directory_is_below(dentry);
	}
	return true;
}
