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

struct cgroup_root;

struct cgroup___root {
	struct cgroup_root *root;
};

#pragma clang attribute pop

/* bi_private is then a struct iomap_dio: direct IO of most file systems. */
extern const void iomap_dio_bio_end_io __ksym __weak;
/* bi_private is then the bio from which this one was cut. */
extern const void bio_chain_endio __ksym __weak;

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

struct owner {
	/* of the process, CLOCK_BOOTTIME; 0: no process */
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
	u32 unused;
};

/*
 * The task that made a clean file dirty: writeback of the file is charged to it. An old entry gives way to a new one;
 * writes of a file without entry count as its control group's, or as nobody's.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct file_id);
	__type(value, struct owner);
} dirtied SEC(".maps");

/* Fills in the current task and returns its flags (PF_…). */
static __always_inline u32 task_owner(struct owner *owner)
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
		return task->flags;
	} else {
		struct task_struct *task = (void *)bpf_get_current_task();
		u64 pid = bpf_get_current_pid_tgid();

		owner->tgid = pid >> 32;
		owner->tid = (u32)pid;
		owner->start = BPF_CORE_READ(task, group_leader, start_boottime);
		owner->cgroup = bpf_get_current_cgroup_id();
		bpf_get_current_comm(owner->comm, sizeof(owner->comm));
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

/* The inode that a bio reads or writes, 0: not known. `*dentry`: the name it was opened by, where that is known. */
static __always_inline struct inode *bio_inode(struct bio *bio, struct dentry **dentry)
{
	struct address_space *mapping;
	struct hlist_node *alias;
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
	mapping = bio_mapping(bio);
	if (!mapping)
		return 0;
	inode = BPF_CORE_READ(mapping, host);
	alias = BPF_CORE_READ(inode, i_dentry.first);
	if (alias && bpf_core_field_exists(struct dentry, d_u.d_alias))
		*dentry = (void *)alias - bpf_core_field_offset(struct dentry, d_u.d_alias);
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
	id->unused = 0;
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
 * The owner of a bio that a kernel thread queues. Costs a look-up by the file; only bios of kernel threads come here.
 * `owner` has that thread already, `flags` are its PF_….
 */
__attribute__((unused)) static __noinline u32 kernel_owner(struct owner *owner, struct bio *bio, u32 flags)
{
	struct file_id file = {};
	struct owner *known;
	struct dentry *dentry;
	struct inode *inode = bio_inode(bio, &dentry);
	u64 cgroup;

	if (waiting_owner(owner, bio))
		return OWNER_SUBMITTER;
	if (inode && !(is_block_inode(inode) && is_held(bio))) {
		file_of(&file, inode);
		known = bpf_map_lookup_elem(&dirtied, &file);
		if (known) {
			*owner = *known;
			return OWNER_DIRTIED;
		}
	}
	cgroup = charged_cgroup(bio);
	if (cgroup) {
		owner->cgroup = cgroup;
		owner->tgid = 0;
		owner->start = 0;
		return OWNER_CGROUP;
	}
	/* workers act for others: they keep their name, but nothing is charged to them */
	if (file.dev || flags & PF_WQ_WORKER) {
		owner->tgid = 0;
		owner->start = 0;
	}
	return file.dev ? OWNER_NONE : OWNER_KERNEL;
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
		path->depth = depth + 1;
		dentry = parent;
	}
}
