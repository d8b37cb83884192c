/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel types that programs use, each with only the members that are read. preserve_access_index makes libbpf
 * relocate every access to the running kernel's layout (CO-RE), so no offset here has to match one kernel. Members of
 * other kernel versions are in "flavours" (struct name___suffix), used behind bpf_core_field_exists().
 */
#pragma once

typedef unsigned char __u8;
typedef signed char __s8;
typedef unsigned short __u16;
typedef short __s16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s64 s64;
typedef _Bool bool;
#define true 1
#define false 0

/*
 * The bpf(2) constants that are needed: enough of linux/bpf.h that a kernel header never disagrees with the types
 * above.
 */
enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERF_EVENT_ARRAY = 4,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_QUEUE = 22,
	BPF_MAP_TYPE_SK_STORAGE = 24,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
};
enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
	BPF_EXIST = 2,
};
enum {
	BPF_F_NO_PREALLOC = 1,
	BPF_F_MMAPABLE = 1024,
};
enum {
	BPF_LOCAL_STORAGE_GET_F_CREATE = 1,
};
/* Ring buffer readers poll on their tick; a wake-up per record would cost more than the record. */
enum {
	BPF_RB_NO_WAKEUP = 1,
};

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

/* Length of a task's name with its zero. */
enum task_name {
	TASK_COMM_LEN = 16,
};

/* Flags of tasks: in its exit; worker of a work queue; thread of the kernel. */
#define PF_EXITING 0x00000004
#define PF_WQ_WORKER 0x00000020
#define PF_KTHREAD 0x00200000

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum;
};

struct rq {
	u64 clock;
	u64 clock_task;
	unsigned int nr_running;
	int cpu;
	struct task_struct *curr;
};

struct cfs_rq {
	struct rq *rq;
};

struct sched_entity {
	u64 sum_exec_runtime;
	u64 exec_start;
	/* since 6.12: asleep, but kept on the queue until it would be picked */
	unsigned char sched_delayed;
	struct cfs_rq *cfs_rq;
};

struct sched_info {
	unsigned long pcount;
	unsigned long long run_delay;
	unsigned long long last_arrival;
	unsigned long long last_queued;
};

struct signal_struct {
	int nr_threads;
	unsigned long long sum_sched_runtime;
};

struct kernfs_node {
	u64 id;
};

struct cgroup;

struct cgroup_subsys_state {
	struct cgroup *cgroup;
	struct cgroup_subsys_state *parent; /* NULL at the root */
};

struct cgroup {
	struct cgroup_subsys_state self;
	struct kernfs_node *kn;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct sighand_struct;

struct pid_namespace {
	struct ns_common ns;
	unsigned int level;
	struct task_struct *child_reaper;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	/* from the initial namespace down to the task's own */
	struct upid numbers[];
};

typedef struct {
	unsigned int val;
} kuid_t;

struct cred {
	kuid_t euid;
};

/*
 * Others write these while a program reads them. Each is one word, which is read whole: the value of before or after. Of
 * several members, the program that reads them says why they belong together.
 */
struct task_struct {
	/* a byte since 7.2: libbpf adapts the width of unsigned members only */
	unsigned int on_cpu;
	unsigned int on_rq;
	/* CPU that it was put on last, by a wake-up or a migration */
	unsigned int wake_cpu;
	unsigned int flags;
	int pid;
	int tgid;
	struct sched_entity se;
	struct sched_info sched_info;
	struct task_struct *group_leader;
	struct task_struct *real_parent;
	struct signal_struct *signal;
	struct sighand_struct *sighand; /* NULL once the task was released */
	struct css_set *cgroups;
	const struct cred *real_cred;
	u64 start_time;
	u64 start_boottime;
	/* switches away because it went to sleep; because another was to run */
	unsigned long nvcsw;
	unsigned long nivcsw;
	struct pid *thread_pid; /* NULL once the task was released */
	void *bio_list;		/* not NULL while a driver passes on the bio that the task submits */
	char comm[TASK_COMM_LEN];
};

/* before 5.14 */
struct task_struct___state {
	long state;
};

/* since 5.14 */
struct task_struct___2 {
	unsigned int __state;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
	u64 session_id;
	u64 seq_num;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

#pragma clang attribute pop

/* Helpers of 5.11, 5.15 and 6.2; the number is that of every kernel that has it. */
enum bpf_func_id {
	BPF_FUNC_get_current_task_btf = 158,
	BPF_FUNC_task_pt_regs = 175,
	BPF_FUNC_cgrp_storage_get = 210,
};

/*
 * May bpf_get_current_task_btf() be called? Known at load time: the verifier skips the code behind it where it is
 * false.
 */
static __always_inline bool has_current_task_btf(void)
{
	return bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf);
}

/* Since 6.2: memory of the kernel as one of its types, which may be read without a helper. */
extern void *bpf_rdonly_cast(const void *object, u32 btf_id) __ksym __weak;

/*
 * The same task, to follow its pointers. Where a program follows a pointer of an object that the verifier trusts, it searches
 * all types of the kernel, up to four times and on every path, for one that says whether the other object is trusted as well:
 * a third of what all loading cost. By this pointer it trusts none. `casts`, a compile-time constant: the kernel has
 * bpf_rdonly_cast, which is a move when the program runs.
 */
static __always_inline struct task_struct *untrusted(const bool casts, struct task_struct *task)
{
	return casts ? bpf_rdonly_cast(task, bpf_core_type_id_kernel(struct task_struct)) : task;
}

/* Its state, TASK_* of the kernel; 0: runnable. It writes that itself, and who wakes it: true of the moment. */
static __always_inline u64 task_state(struct task_struct *task)
{
	struct task_struct___state *old = (void *)task;
	struct task_struct___2 *new = (void *)task;

	if (bpf_core_field_exists(new->__state))
		return BPF_CORE_READ(new, __state);
	return BPF_CORE_READ(old, state);
}

/*
 * Is it asleep, and on a queue only because its dequeue is delayed (since 6.12)? One that is moved to another CPU then is
 * stamped as if it were runnable, and its sleep gets into its run_delay. Written under the lock of its queue: exact at
 * sched_migrate_task, which runs under it; elsewhere true of the moment.
 */
static __always_inline bool is_delayed(struct task_struct *task)
{
	return bpf_core_field_exists(task->se.sched_delayed) && task->se.sched_delayed;
}
