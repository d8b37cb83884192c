/* SPDX-License-Identifier: GPL-2.0 */
/* System calls that may wait for a disk, and the table of those in progress. */
#pragma once

#define CALL(number) (1ULL << (number) % 64)

/*
 * Bits by number, for each architecture its own. Calls that read, write or flush, and those that may have to read
 * directories and inodes first; page faults, also those of exec, are not calls.
 */
static const volatile u64 followed_calls[8] = {
#if defined(__TARGET_ARCH_x86)
	/* read, write, open, stat, lstat, pread64, pwrite64, readv, writev, access, msync, sendfile */
	[0] = CALL(0) | CALL(1) | CALL(2) | CALL(4) | CALL(6) | CALL(17) | CALL(18) | CALL(19) | CALL(20) | CALL(21) |
	      CALL(26) | CALL(40),
	/* fsync, fdatasync, truncate, ftruncate, getdents, chdir, rename, mkdir, rmdir, creat, link, unlink, symlink, readlink */
	[1] = CALL(74) | CALL(75) | CALL(76) | CALL(77) | CALL(78) | CALL(80) | CALL(82) | CALL(83) | CALL(84) |
	      CALL(85) | CALL(86) | CALL(87) | CALL(88) | CALL(89),
	/* sync, readahead, getxattr */
	[2] = CALL(162) | CALL(187) | CALL(191),
	/* lgetxattr, fgetxattr, io_submit, getdents64 */
	[3] = CALL(192) | CALL(193) | CALL(209) | CALL(217),
	/* openat, mkdirat, newfstatat, unlinkat, renameat, linkat, symlinkat, readlinkat, faccessat, splice, sync_file_range, fallocate, preadv, pwritev, syncfs, renameat2 */
	[4] = CALL(257) | CALL(258) | CALL(262) | CALL(263) | CALL(264) | CALL(265) | CALL(266) | CALL(267) |
	      CALL(269) | CALL(275) | CALL(277) | CALL(285) | CALL(295) | CALL(296) | CALL(306) | CALL(316),
	/* copy_file_range, preadv2, pwritev2, statx */
	[5] = CALL(326) | CALL(327) | CALL(328) | CALL(332),
	/* io_uring_enter, openat2, faccessat2 */
	[6] = CALL(426) | CALL(437) | CALL(439),
#elif defined(__TARGET_ARCH_arm64)
	/* io_submit, getxattr, lgetxattr, fgetxattr, mkdirat, unlinkat, symlinkat, linkat, renameat, truncate, ftruncate, fallocate, faccessat, chdir, openat, getdents64, read */
	[0] = CALL(2) | CALL(8) | CALL(9) | CALL(10) | CALL(34) | CALL(35) | CALL(36) | CALL(37) | CALL(38) | CALL(45) |
	      CALL(46) | CALL(47) | CALL(48) | CALL(49) | CALL(56) | CALL(61) | CALL(63),
	/* write, readv, writev, pread64, pwrite64, preadv, pwritev, sendfile, splice, readlinkat, newfstatat, sync, fsync, fdatasync, sync_file_range */
	[1] = CALL(64) | CALL(65) | CALL(66) | CALL(67) | CALL(68) | CALL(69) | CALL(70) | CALL(71) | CALL(76) |
	      CALL(78) | CALL(79) | CALL(81) | CALL(82) | CALL(83) | CALL(84),
	/* readahead, msync */
	[3] = CALL(213) | CALL(227),
	/* syncfs, renameat2, copy_file_range, preadv2, pwritev2, statx */
	[4] = CALL(267) | CALL(276) | CALL(285) | CALL(286) | CALL(287) | CALL(291),
	/* io_uring_enter, openat2, faccessat2 */
	[6] = CALL(426) | CALL(437) | CALL(439),
#endif
};

/* Calls of 32-bit programs have other numbers; those of 32-bit arm are not followed. */
static const volatile u64 followed_compat_calls[8] = {
#if defined(__TARGET_ARCH_x86)
	/* read, write, open, creat, link, unlink, chdir, access, sync, rename, mkdir, rmdir */
	[0] = CALL(3) | CALL(4) | CALL(5) | CALL(8) | CALL(9) | CALL(10) | CALL(12) | CALL(33) | CALL(36) | CALL(38) |
	      CALL(39) | CALL(40),
	/* symlink, readlink, truncate, ftruncate, stat, lstat, fsync */
	[1] = CALL(83) | CALL(85) | CALL(92) | CALL(93) | CALL(106) | CALL(107) | CALL(118),
	/* getdents, msync, readv, writev, fdatasync, pread64, pwrite64, sendfile */
	[2] = CALL(141) | CALL(144) | CALL(145) | CALL(146) | CALL(148) | CALL(180) | CALL(181) | CALL(187),
	/* truncate64, ftruncate64, stat64, lstat64, getdents64, readahead, getxattr, lgetxattr, fgetxattr, sendfile64, io_submit */
	[3] = CALL(193) | CALL(194) | CALL(195) | CALL(196) | CALL(220) | CALL(225) | CALL(229) | CALL(230) |
	      CALL(231) | CALL(239) | CALL(248),
	/* openat, mkdirat, fstatat64, unlinkat, renameat, linkat, symlinkat, readlinkat, faccessat, splice, sync_file_range */
	[4] = CALL(295) | CALL(296) | CALL(300) | CALL(301) | CALL(302) | CALL(303) | CALL(304) | CALL(305) |
	      CALL(307) | CALL(313) | CALL(314),
	/* fallocate, preadv, pwritev, syncfs, renameat2, copy_file_range, preadv2, pwritev2, statx */
	[5] = CALL(324) | CALL(333) | CALL(334) | CALL(344) | CALL(353) | CALL(377) | CALL(378) | CALL(379) | CALL(383),
	/* io_uring_enter, openat2, faccessat2 */
	[6] = CALL(426) | CALL(437) | CALL(439),
#endif
};

/* The call that never waits for the IO that it submits, and the same of 32-bit programs. */
#if defined(__TARGET_ARCH_x86)
#define IO_SUBMIT 209
#define IO_SUBMIT_COMPAT 248
#elif defined(__TARGET_ARCH_arm64)
#define IO_SUBMIT 2
#define IO_SUBMIT_COMPAT -1ULL
#endif

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct thread_info {
	unsigned long flags;
	u32 status;
};

struct task_struct___thread_info {
	struct thread_info thread_info;
};

#pragma clang attribute pop

/* thread_info.status on x86, of the present call; thread_info.flags on arm64, of the program */
#define TS_COMPAT 0x0002
#define TIF_32BIT 22

/* Is the call that the current task is in one of a 32-bit program? The task itself wrote this on its way in. */
static __always_inline bool is_compat_call(void)
{
	struct task_struct___thread_info *task = (void *)bpf_get_current_task();

#if defined(__TARGET_ARCH_x86)
	return bpf_core_field_exists(task->thread_info.status) && BPF_CORE_READ(task, thread_info.status) & TS_COMPAT;
#else
	return bpf_core_field_exists(task->thread_info.flags) &&
	       BPF_CORE_READ(task, thread_info.flags) >> TIF_32BIT & 1;
#endif
}

static __always_inline bool is_followed(u64 number, bool compat)
{
	if (number >= 512)
		return false;
	return (compat ? followed_compat_calls[number >> 6] : followed_calls[number >> 6]) & CALL(number);
}

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct pt_regs___x86 {
	long orig_ax;
};

struct pt_regs___call {
	int syscallno;
};

#pragma clang attribute pop

/*
 * Is the current task in a followed call? By the number that its registers had on their way in, -1 in an exception. Not
 * known before 5.15.
 */
static __always_inline bool is_in_followed_call(void)
{
	long number;
	void *regs;

	if (!bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs))
		return false;
	regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
#if defined(__TARGET_ARCH_x86)
	number = BPF_CORE_READ((struct pt_regs___x86 *)regs, orig_ax);
#else
	number = BPF_CORE_READ((struct pt_regs___call *)regs, syscallno);
#endif
	return is_followed(number, is_compat_call());
}

/* One call of one thread. Times are CLOCK_MONOTONIC, 0: not yet. */
struct call {
	u64 entry_ns;
	/* its first bio */
	u64 queued_ns;
	/* the newest completion of a bio of its own */
	u64 completed_ns;
	/*
	 * when it was on a CPU again after a completion that came while it was off, and that completion; void when it
	 * sleeps again
	 */
	u64 woken_ns;
	u64 waited_ns;
	/* the last time off the CPU, not yet divided; run_delay of the scheduler when it began */
	u64 out_ns;
	u64 in_ns;
	u64 run_delay;
	/* sums of the divided times */
	u64 blocked_ns;
	u64 runqueue_ns;
	u64 preempted_ns;
	/* bios queued; ended */
	u64 bios;
	u64 ended;
	u32 dev;
	u32 tid;
	u8 op;
	u8 flags;
	/* the last time off the CPU began by going to sleep */
	bool slept;
	/* it returns without having waited for its bios */
	bool submits;
	/* moved to another CPU while it slept: the last time off the CPU is in its run_delay */
	bool moved;
	/* it was back on a CPU without a program to see that: no division of its time adds up */
	bool untimed;
	u8 unused2[2];
};

/* By the low bits of the thread's id: a power of two. Stores instead of a hash map's update and deletion. */
#define CALLS 16384
/*
 * A call that queued a bio and did not return for this long (ns) has ended unseen (its thread died): its entry is free.
 */
#define STALE 60000000000ULL

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CALLS);
	__type(key, u32);
	__type(value, struct call);
} calls SEC(".maps");

static __always_inline struct call *call_entry(u32 tid)
{
	u32 index = tid & (CALLS - 1);

	return bpf_map_lookup_elem(&calls, &index);
}

/* The call that this thread is in, if it is followed. */
static __always_inline struct call *call_of(u32 tid)
{
	struct call *call = call_entry(tid);

	return call && tid && call->tid == tid ? call : 0;
}

/* A bio that is followed, and the call that queued it. `entry_ns` tells calls of one thread apart. */
struct call_bio {
	u64 bio;
	u64 entry_ns;
	u32 tid;
	u32 unused;
};

#define CALL_BIOS_BITS 14

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << CALL_BIOS_BITS);
	__type(key, u32);
	__type(value, struct call_bio);
} call_bios SEC(".maps");

/* Each bio has two possible entries. */
static __always_inline struct call_bio *bio_entry(const struct bio *bio, u32 second)
{
	u32 index = (u32)(u64)bio;

#ifdef __bpf__
	/* as in object_bucket() of object-table.bpf.h */
	asm volatile("%0 = %1" : "=w"(index) : "w"((u32)(u64)bio));
#endif
	index = ((index * 0x9e3779b1U) >> (32 - CALL_BIOS_BITS)) ^ second;
	return bpf_map_lookup_elem(&call_bios, &index);
}

/* The call that queued the bio; the bio's entry is freed. */
static __always_inline struct call *take_bio(const struct bio *bio)
{
#pragma unroll
	for (u32 second = 0; second < 2; second++) {
		struct call_bio *entry = bio_entry(bio, second);
		struct call *call;

		if (!entry || entry->bio != (u64)bio)
			continue;
		entry->bio = 0;
		call = call_of(entry->tid);
		return call && call->entry_ns == entry->entry_ns ? call : 0;
	}
	return 0;
}

/* Does a call still wait for the bio of this entry? */
static __always_inline bool is_taken(const struct call_bio *entry)
{
	struct call *call = entry->bio ? call_of(entry->tid) : 0;

	return call && call->entry_ns == entry->entry_ns;
}

/* false: no free entry. */
static __always_inline bool put_bio(const struct bio *bio, struct call *call)
{
#pragma unroll
	for (u32 second = 0; second < 2; second++) {
		struct call_bio *entry = bio_entry(bio, second);

		if (!entry || (entry->bio != (u64)bio && is_taken(entry)))
			continue;
		entry->entry_ns = call->entry_ns;
		entry->tid = call->tid;
		entry->bio = (u64)bio;
		return true;
	}
	return false;
}
