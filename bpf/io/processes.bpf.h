/* SPDX-License-Identifier: GPL-2.0 */
/* Requests by the process they belong to: an entry for each on every CPU that completes any. */
#pragma once

/* Each CPU has 2^process_bits entries; this many of them are tried for one process. */
const volatile u32 process_bits = 8;
#define PROCESS_TRIES 8

/*
 * IO completed for one process on one CPU. The reader sees words in this order: the process before the sums, and all of
 * it before the number of the interval of the last write, which is in `total`.
 */
struct process_io {
	/* as in struct owner; 0: free */
	u64 start;
	/* 0: IO of a control group whose process is not known */
	u32 tgid;
	u32 unused;
	u64 bytes_read;
	/* of operations that carry data */
	u64 bytes_written;
	/* of discards and secure erases; of write-zeroes: the device is told a number, nothing is transferred */
	u64 bytes_discarded;
	u64 bytes_zeroed;
	/* requests that ended with an error, which count like others in all else */
	u64 errors;
	/* requests that a limit held back before they were queued */
	u64 held_back;
	struct latency total;
	/* as of its last IO, which ended then (CLOCK_MONOTONIC): a process may change both */
	u64 cgroup;
	char comm[TASK_COMM_LEN];
	u64 last_ns;
};

/* New ones start as a copy of this: it is too large for the stack. */
static const struct process_io no_process;

/*
 * An entry without IO for a whole interval has been read to the end and is reused for another process, so nothing has
 * to be deleted when a process ends. Only one CPU writes an entry: no atomic additions.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 256);
	__type(key, u32);
	__type(value, struct process_io);
} processes SEC(".maps");

static __always_inline struct process_io *process_at(u32 tgid, u64 start, u32 try)
{
	u32 place = tgid ? tgid : (u32)start;
	u32 index = bpf_get_smp_processor_id() << process_bits | ((place + try) & ((1U << process_bits) - 1));

	return bpf_map_lookup_elem(&processes, &index);
}

/*
 * Number of the try that finds the process, whose entry is not the first one, or a free entry, which is claimed without
 * a name; PROCESS_TRIES if none is free. Rare, and a separate function to the verifier (hence numbers only), which
 * would otherwise go through the loop once more for each path to it.
 */
__noinline u32 other_process_entry(u32 tgid, u64 start, u32 epoch)
{
	struct process_io *process;
	u32 free = PROCESS_TRIES;

	for (u32 try = 0; try < PROCESS_TRIES; try++) {
		process = process_at(tgid, start, try);
		if (!process)
			return PROCESS_TRIES;
		if (process->start == start && process->tgid == tgid)
			return try;
		if (free == PROCESS_TRIES && (!process->start || epoch - process->total.epoch >= 2))
			free = try;
	}
	process = free < PROCESS_TRIES ? process_at(tgid, start, free) : 0;
	if (!process) {
		count(processes_full);
		return PROCESS_TRIES;
	}
	*process = no_process;
	barrier();
	process->start = start;
	process->tgid = tgid;
	return free;
}

static __noinline struct process_io *name_process(const struct owner *owner, u32 epoch)
{
	u32 try = other_process_entry(owner->tgid, owner->start, epoch);

	return try < PROCESS_TRIES ? process_at(owner->tgid, owner->start, try) : 0;
}

static __always_inline struct process_io *process_of(const struct owner *owner, u32 epoch)
{
	struct process_io *process = process_at(owner->tgid, owner->start, 0);

	if (process && (process->start != owner->start || process->tgid != owner->tgid))
		process = name_process(owner, epoch);
	return process;
}

/* `slot`: of `ns` in the histogram. Costs a comparison of an entry. */
static __always_inline void charge(const struct owner *owner, u8 op, u32 bytes, u64 ns, u32 slot, u32 epoch, u64 now)
{
	struct process_io *process = process_of(owner, epoch);

	if (!process)
		return;
	if (op == IO_READ)
		process->bytes_read += bytes;
	else if (op == IO_WRITE || op == IO_ZONE_APPEND || op == IO_WRITE_SAME)
		process->bytes_written += bytes;
	else if (op == IO_DISCARD || op == IO_SECURE_ERASE)
		process->bytes_discarded += bytes;
	else if (op == IO_WRITE_ZEROES)
		process->bytes_zeroed += bytes;
	process->last_ns = now;
	process->cgroup = owner->cgroup;
	__builtin_memcpy(process->comm, owner->comm, sizeof(process->comm));
	latency_add_slot(&process->total, ns, slot, epoch);
}

/* Rare; after charge(), so that the entry is read. */
static __noinline int charge_apart(const struct owner *owner, bool failed, bool held_back)
{
	struct process_io *process = owner->start ? process_of(owner, interval_epoch()) : 0;

	if (!process)
		return 0;
	process->errors += failed;
	process->held_back += held_back;
	return 0;
}

/*
 * A bio of a stacked device is charged, what the device makes of it is not: the owner has asked for it once. Where only
 * one device is measured, there is nothing else to charge.
 */
static __always_inline bool is_charged(u8 marks)
{
	return !(marks & MARK_CLONED) || WANTS(setting(IO_WANT), DEVICE);
}
