/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which of the scheduler's stamps (sched_info.last_queued) can be trusted. Since 6.12 a task that goes to sleep may stay
 * on its queue until it would be picked (delayed dequeue). One that is moved to another CPU meanwhile is stamped there as
 * if it were runnable; nothing clears that stamp when it leaves the queue, and its wake-up sets none while there is one.
 * Such a stamp is void: the sleep is in it, and in the run_delay that the kernel makes of it.
 */
#pragma once

#include "lib/core.bpf.h"
#include "lib/maps.bpf.h"

/* In our own stamp of a thread, whose clock (ns since boot) does not come near these bits. */
#define STAMP_VOID (1ULL << 63)
/* Found void by a read and not by the hook. */
#define STAMP_FOUND 1ULL

/* A stamp as young as this may be that of a wake-up in progress, which stamps before it sets `on_rq`. */
#define STAMP_AGE_CERTAIN 1000000ULL

/*
 * Void stamps of threads without storage, a bit for each pid modulo VOID_PIDS. Two pids with one bit: the second one to
 * run has a wait that is not counted as `unstamped`.
 */
#define VOID_PIDS (1U << 19)

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, VOID_PIDS / 64);
	__type(key, u32);
	__type(value, u64);
} void_pids SEC(".maps");

static __always_inline u64 *void_word(u32 pid)
{
	u32 word = pid % VOID_PIDS / 64;

	return bpf_map_lookup_elem(&void_pids, &word);
}

static __always_inline void set_void_pid(u32 pid)
{
	u64 *word = void_word(pid);

	if (word)
		__sync_fetch_and_or(word, 1ULL << (pid & 63));
}

static __always_inline bool is_void_pid(u32 pid)
{
	u64 *word = void_word(pid);

	return word && *word >> (pid & 63) & 1;
}

/* Was its stamp void? It is not any more: the task gets the CPU. */
static __always_inline bool take_void_pid(u32 pid)
{
	u64 *word = void_word(pid);
	u64 bit = 1ULL << (pid & 63);

	if (!word || !(*word & bit))
		return false;
	__sync_fetch_and_and(word, ~bit);
	return true;
}
