/* SPDX-License-Identifier: GPL-2.0 */
/* The owner of a bio, and its file. */
#pragma once

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct super_block {
	u32 s_dev;
};

struct hlist_node {
	struct hlist_node *next;
};

struct hlist_head {
	struct hlist_node *first;
};

struct inode {
	unsigned short i_mode;
	unsigned int i_generation;
	unsigned long i_ino;
	struct super_block *i_sb;
	struct hlist_head i_dentry;
};

struct address_space {
	struct inode *host;
};

struct folio {
	struct address_space *mapping;
};

struct qstr {
	u32 len;
	const unsigned char *name;
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	union {
		struct hlist_node d_alias;
	} d_u;
};

/* 7.2: in an anonymous union */
struct dentry___alias {
	struct hlist_node d_alias;
};

struct path {
	struct dentry *dentry;
};

struct file {
	struct path f_path;
	struct inode *f_inode;
};

struct kiocb {
	struct file *ki_filp;
};

struct iomap_dio {
	struct kiocb *iocb;
	bool wait_for_completion;
	union {
		struct {
			struct task_struct *waiter;
		} submit;
	};
};

struct btrfs_root {
	u32 anon_dev;
};

struct btrfs_inode {
	struct btrfs_root *root;
	struct inode vfs_inode;
};

/* around a bio of btrfs; with the inode since 6.2 */
struct btrfs_bio {
	struct btrfs_inode *inode;
	struct bio bio;
};

/* behind a worker of a work queue, since 5.17 */
struct task_struct___worker {
	void *worker_private;
};

struct kthread {
	void *data;
};

struct worker {
	void *current_func;
};

struct cgroup_root;

struct cgroup___root {
	struct cgroup_root *root;
};

#pragma clang attribute pop

/* bi_private is then a struct iomap_dio: direct IO of most file systems. */
extern const void iomap_dio_bio_end_io __ksym __weak;
/* bi_private is then the bio from which this one was cut. */
extern const void bio_chain_endio __ksym __weak;

/* The bio is then in a struct btrfs_bio. */
extern const void btrfs_simple_end_io __ksym __weak;
extern const void btrfs_orig_write_end_io __ksym __weak;
/* Work of the kernel for others: the loop device's IO on its file; what a limit (io.max, blkio throttle) held back. */
extern const void loop_workfn __ksym __weak;
extern const void loop_rootcg_workfn __ksym __weak;
extern const void blk_throtl_dispatch_work_fn __ksym __weak;

#define S_IFMT 00170000
#define S_IFBLK 0060000

/* How the owner of a request is known. */
enum io_owner {
	OWNER_NONE,
	OWNER_SUBMITTER,
	OWNER_DIRTIED,
	OWNER_CGROUP,
	OWNER_KERNEL,
	IO_OWNERS,
};
NAMES(io_owner);

/* Marks of a bio, and of the request that it becomes. */
enum io_mark {
	/* made by the kernel of a bio that was sent to a stacked device, which is charged in its place */
	MARK_CLONED = 1,
	/* a limit of a control group held it back before it was queued */
	MARK_HELD_BACK = 2,
};

struct owner {
	/*
	 * of the process, CLOCK_BOOTTIME; id of the control group if only that is known (tgid 0); 0: nobody is charged
	 */
	u64 start;
	u64 cgroup;
	u32 tgid;
	u32 tid;
	char comm[TASK_COMM_LEN];
};

struct file_id {
	u64 inode;
	/* of the file system, 0: no file */
	u32 dev;
	/* tells files apart that had the same number one after the other */
	u32 generation;
};

/*
 * A dirty file. It stays in memory until it is clean, so its address tells it from files of other subvolumes (btrfs)
 * with the same number; the rest tells it from a later file at the same address.
 */
struct dirty_file {
	u64 address;
	struct file_id id;
};

/*
 * The task that made a clean file dirty: writeback of the file is charged to it. An old entry gives way to a new one;
 * writes of a file without entry count as its control group's, or as nobody's.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct dirty_file);
	__type(value, struct owner);
} dirtied SEC(".maps");

/*
 * Fills in the current task and returns its flags (PF_…). `*passes_on`: it submits a bio, and a driver makes others of
 * that one; valid since only the task itself writes its list.
 */
static __always_inline u32 task_owner(struct owner *owner, bool *passes_on)
{
	if (has_current_task_btf()) {
		/* reading the task costs a third of what the other helpers do (35 against 95 ns) */
		struct task_struct *task = (void *)bpf_get_current_task_btf();

		owner->tgid = task->tgid;
		owner->tid = task->pid;
		owner->start = task->group_leader->start_boottime;
		owner->cgroup = task->cgroups->dfl_cgrp->kn->id;
		((u64 *)owner->comm)[0] = *(u64 *)&task->comm[0];
		((u64 *)owner->comm)[1] = *(u64 *)&task->comm[8];
		*passes_on = task->bio_list != 0;
		return task->flags;
	} else {
		struct task_struct *task = (void *)bpf_get_current_task();
		u64 pid = bpf_get_current_pid_tgid();

		owner->tgid = pid >> 32;
		owner->tid = (u32)pid;
		owner->start = BPF_CORE_READ(task, group_leader, start_boottime);
		owner->cgroup = bpf_get_current_cgroup_id();
		bpf_get_current_comm(owner->comm, sizeof(owner->comm));
		*passes_on = BPF_CORE_READ(task, bio_list) != 0;
		return BPF_CORE_READ(task, flags);
	}
}

static __always_inline bool ends_in(struct bio *bio, const void *function)
{
	return function && BPF_CORE_READ(bio, bi_end_io) == function;
}

/*
 * The page cache's mapping that the first page of a bio belongs to; 0: none (memory of a process, as in direct IO). Pages
 * under IO are locked or marked: they keep their mapping.
 */
static __always_inline struct address_space *bio_mapping(struct bio *bio)
{
	struct address_space *mapping;
	struct bio_vec *vec;
	struct page *page;
	unsigned long head;
	u32 index;

	/* only these have data */
	if ((BPF_CORE_READ(bio, bi_opf) & 0xff) > IO_WRITE || !BPF_CORE_READ(bio, bi_iter.bi_size))
		return 0;
	index = BPF_CORE_READ(bio, bi_iter.bi_idx);
	vec = (void *)BPF_CORE_READ(bio, bi_io_vec) + index * bpf_core_type_size(struct bio_vec);
	page = BPF_CORE_READ(vec, bv_page);
	if (!page)
		return 0;
	head = bpf_core_field_exists(page->compound_head) ? BPF_CORE_READ(page, compound_head) : 0;
	if (head & 1)
		page = (void *)(head - 1);
	if (bpf_core_field_exists(struct folio, mapping))
		mapping = BPF_CORE_READ((struct folio *)page, mapping);
	else
		mapping = BPF_CORE_READ(page, mapping);
	/* set lowest bits: it is no mapping */
	return (u64)mapping & 3 ? 0 : mapping;
}

/* The inode of a bio of btrfs, which may have no page of the file (direct IO, compressed data); 0: not known. */
static __always_inline struct inode *btrfs_bio_inode(struct bio *bio)
{
	struct btrfs_inode *inode;
	struct btrfs_bio *whole;

	if (!ends_in(bio, &btrfs_simple_end_io) && !ends_in(bio, &btrfs_orig_write_end_io))
		return 0;
	if (!bpf_core_field_exists(struct btrfs_bio, inode) || !bpf_core_type_exists(struct btrfs_inode))
		return 0;
	whole = (void *)bio - bpf_core_field_offset(struct btrfs_bio, bio);
	inode = BPF_CORE_READ(whole, inode);
	return inode ? (void *)inode + bpf_core_field_offset(struct btrfs_inode, vfs_inode) : 0;
}

/* The dentry whose entry in its inode's list of aliases is `alias`; 0: the kernel keeps the list elsewhere. */
static __always_inline struct dentry *dentry_of(struct hlist_node *alias)
{
	if (!alias)
		return 0;
	if (bpf_core_field_exists(struct dentry, d_u.d_alias))
		return (void *)alias - bpf_core_field_offset(struct dentry, d_u.d_alias);
	if (bpf_core_field_exists(struct dentry___alias, d_alias))
		return (void *)alias - bpf_core_field_offset(struct dentry___alias, d_alias);
	return 0;
}

/* The inode that a bio reads or writes, 0: not known. `*dentry`: the name it was opened by, where that is known. */
static __always_inline struct inode *bio_inode(struct bio *bio, struct dentry **dentry)
{
	struct address_space *mapping;
	struct inode *inode;

	*dentry = 0;
	for (int n = 0; n < 4 && ends_in(bio, &bio_chain_endio); n++)
		bio = BPF_CORE_READ(bio, bi_private);
	if (ends_in(bio, &iomap_dio_bio_end_io)) {
		struct iomap_dio *dio = BPF_CORE_READ(bio, bi_private);
		struct file *file = BPF_CORE_READ(dio, iocb, ki_filp);

		*dentry = BPF_CORE_READ(file, f_path.dentry);
		return BPF_CORE_READ(file, f_inode);
	}
	inode = btrfs_bio_inode(bio);
	if (!inode) {
		mapping = bio_mapping(bio);
		if (!mapping)
			return 0;
		inode = BPF_CORE_READ(mapping, host);
	}
	*dentry = dentry_of(BPF_CORE_READ(inode, i_dentry.first));
	return inode;
}

static __always_inline bool is_block_inode(struct inode *inode)
{
	return (BPF_CORE_READ(inode, i_mode) & S_IFMT) == S_IFBLK;
}

static __always_inline void file_of(struct file_id *id, struct inode *inode)
{
	id->inode = BPF_CORE_READ(inode, i_ino);
	id->dev = BPF_CORE_READ(inode, i_sb, s_dev);
	id->generation = BPF_CORE_READ(inode, i_generation);
}

static __always_inline void dirty_file_of(struct dirty_file *file, struct inode *inode)
{
	file->address = (u64)inode;
	file_of(&file->id, inode);
}

/*
 * The bio holds a reference to what it is charged to.
 * Id of the control group that the kernel charges with a bio, if it is one of the unified hierarchy and not its root.
 */
static __always_inline u64 charged_cgroup(struct bio *bio)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct cgroup *group, *own = BPF_CORE_READ(task, cgroups, dfl_cgrp);
	struct cgroup_root *unified, *root;

	if (!bpf_core_field_exists(bio->bi_blkg))
		return 0;
	group = BPF_CORE_READ(bio, bi_blkg, blkcg, css.cgroup);
	if (!group || !BPF_CORE_READ(group, self.parent))
		return 0;
	root = BPF_CORE_READ((struct cgroup___root *)group, root);
	unified = BPF_CORE_READ((struct cgroup___root *)own, root);
	return root == unified ? BPF_CORE_READ(group, kn, id) : 0;
}

/* Does a file system own the device of this inode? Then its pages are the file system's. */
static __always_inline bool is_held(struct bio *bio)
{
	return bpf_core_field_exists(bio->bi_bdev) && bpf_core_field_exists(struct block_device, bd_holder) &&
	       BPF_CORE_READ(bio, bi_bdev, bd_holder) != 0;
}

/*
 * Does a stacked device (dm, md, bcache) own the device that a bio was sent to? Then its directory `holders` in sysfs has
 * an entry. Before 5.11 bios do not have their partition, and this is not known.
 */
static __always_inline bool is_part_of_another(struct bio *bio)
{
	struct kernfs_node *holders;

	if (!bpf_core_field_exists(bio->bi_bdev) || !bpf_core_field_exists(struct block_device, bd_holder_dir))
		return false;
	holders = BPF_CORE_READ(bio, bi_bdev, bd_holder_dir, sd);
	return holders && BPF_CORE_READ((struct kernfs_node___dir *)holders, dir.children.rb_node) != 0;
}

/* The function that the current worker of a work queue runs; 0: none, or not known (before 5.17). */
static __always_inline void *current_work(u32 flags)
{
	struct task_struct___worker *task = (void *)bpf_get_current_task();
	struct kthread *kthread;
	struct worker *worker;

	if (!(flags & PF_WQ_WORKER) || !bpf_core_field_exists(task->worker_private) ||
	    !bpf_core_field_exists(struct kthread, data))
		return 0;
	kthread = BPF_CORE_READ(task, worker_private);
	worker = BPF_CORE_READ(kthread, data);
	return BPF_CORE_READ(worker, current_func);
}

/* Does a loop device work on its file? Before 5.14 it has a thread for that, by name. */
static __always_inline bool is_loop_work(const void *work, const char *comm)
{
	if (work)
		return work == &loop_workfn || work == &loop_rootcg_workfn;
	return comm[0] == 'l' && comm[1] == 'o' && comm[2] == 'o' && comm[3] == 'p';
}

/*
 * The task that waits for direct IO which a kernel thread queues in its place: limits of control groups (io.max) hold
 * bios back before they are queued. It sleeps until the last of its bios has ended, so it and its record stay.
 */
static __always_inline bool waiting_owner(struct owner *owner, struct bio *bio)
{
	struct iomap_dio *dio = BPF_CORE_READ(bio, bi_private);
	struct task_struct *task;

	if (!ends_in(bio, &iomap_dio_bio_end_io) || !bpf_core_field_exists(dio->submit.waiter) ||
	    !BPF_CORE_READ(dio, wait_for_completion))
		return false;
	task = BPF_CORE_READ(dio, submit.waiter);
	if (!task)
		return false;
	owner->tgid = BPF_CORE_READ(task, tgid);
	owner->tid = BPF_CORE_READ(task, pid);
	owner->start = BPF_CORE_READ(task, group_leader, start_boottime);
	owner->cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	bpf_probe_read_kernel(owner->comm, sizeof(owner->comm), task->comm);
	return true;
}

/*
 * The owner of a bio that a kernel thread queues, and its marks (bits of io_mark, from bit 8 on). Costs a look-up by the
 * file; only bios of kernel threads come here. `owner` has that thread already, `flags` are its PF_….
 */
__attribute__((unused)) static __noinline u32 kernel_owner(struct owner *owner, struct bio *bio, u32 flags)
{
	void *work = current_work(flags);
	struct dirty_file file = {};
	struct owner *known;
	struct dentry *dentry;
	struct inode *inode = bio_inode(bio, &dentry);
	u32 marks = is_part_of_another(bio) || is_loop_work(work, owner->comm) ? MARK_CLONED : 0;
	u64 cgroup;

	if (work && work == &blk_throtl_dispatch_work_fn)
		marks |= MARK_HELD_BACK;
	if (waiting_owner(owner, bio))
		return OWNER_SUBMITTER | marks << 8;
	if (inode && !(is_block_inode(inode) && is_held(bio))) {
		dirty_file_of(&file, inode);
		known = bpf_map_lookup_elem(&dirtied, &file);
		if (known && known->start) {
			*owner = *known;
			return OWNER_DIRTIED | marks << 8;
		}
		if (known)
			marks |= MARK_CLONED;
	}
	cgroup = charged_cgroup(bio);
	if (cgroup) {
		owner->cgroup = cgroup;
		owner->tgid = 0;
		owner->start = cgroup;
		return OWNER_CGROUP | marks << 8;
	}
	/* workers act for others: they keep their name, but nothing is charged to them; as do threads of stacked devices */
	if (file.id.dev || flags & PF_WQ_WORKER || marks & MARK_CLONED) {
		owner->tgid = 0;
		owner->start = 0;
	}
	return (file.id.dev || marks & MARK_CLONED ? OWNER_NONE : OWNER_KERNEL) | marks << 8;
}

#define NAME_LENGTH 48
#define NAMES_DEEP 12

struct file_name {
	char text[NAME_LENGTH];
};

/* From the file upwards, up to NAMES_DEEP names. */
struct file_path {
	struct file_id id;
	/* number of names that follow */
	u32 depth;
	/* the root of the file system was reached */
	u32 whole;
	/* by bit: the name is longer than what is recorded of it */
	u32 cut;
	u32 unused;
	struct file_name names[NAMES_DEEP];
};

/* Of slow requests only. Names may change during the read: each is copied safely, and is the one of before or after. */
__attribute__((unused)) static __noinline void note_path(struct file_path *path, struct bio *bio)
{
	struct dentry *dentry, *parent;
	struct inode *inode;

	path->id.dev = 0;
	path->id.inode = 0;
	path->depth = 0;
	path->whole = 0;
	path->cut = 0;
	path->unused = 0;
	if (!bio)
		return;
	inode = bio_inode(bio, &dentry);
	if (!inode || is_block_inode(inode))
		return;
	file_of(&path->id, inode);
	for (u32 depth = 0; depth < NAMES_DEEP && dentry; depth++) {
		parent = BPF_CORE_READ(dentry, d_parent);
		if (parent == dentry) {
			path->whole = 1;
			break;
		}
		bpf_probe_read_kernel_str(path->names[depth].text, NAME_LENGTH, BPF_CORE_READ(dentry, d_name.name));
		if (BPF_CORE_READ(dentry, d_name.len) >= NAME_LENGTH)
			path->cut |= 1U << depth;
		path->depth = depth + 1;
		dentry = parent;
	}
}
