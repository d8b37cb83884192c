/* SPDX-License-Identifier: GPL-2.0 */
/* Requests by the process they belong to. */
#pragma once

/* IO completed for one process, by one writer. */
struct process_io {
	u64 bytes_read;
	/* of operations that carry data */
	u64 bytes_written;
	/* of discards and secure erases; of write-zeroes: the device gets a number, nothing is transferred */
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

/* By start (as in struct owner) and tgid; 0: IO of a control group whose process is not known. */
KEYED_STORE(processes, struct process_io)

static __always_inline struct process_io *process_of(const struct owner *owner, enum io_writer program, u32 epoch)
{
	u32 hash = store_hash(owner->tgid ? owner->tgid : owner->start);

	return processes_of(owner->start, owner->tgid, hash, store_writer(program, IO_WRITERS), epoch);
}

/* A request or bio of `owner` that has ended. */
struct ended {
	u64 now;
	u64 took;
	u32 bytes;
	u32 epoch;
	/* of `took` in the histogram */
	u32 slot;
	u8 op;
	/* enum io_writer */
	u8 program;
};

/*
 * A request of a process for which the store has no room, as in a storm of short-lived processes within one interval. The
 * ring is emptied several times a second, however long the interval is.
 */
struct spilled_io {
	u64 start;
	u64 cgroup;
	u64 ended_ns;
	u64 took_ns;
	u32 tgid;
	u32 bytes;
	/* of `took_ns` in the histogram */
	u32 slot;
	/* enum io_op */
	u32 op;
	char comm[TASK_COMM_LEN];
};
RECORD(spilled_io);

/* 13,000 requests between two readings; half of that on two CPUs. */
RING(spilled, 1 << 20);

static __noinline int spill(const struct owner *owner, const struct ended *ended)
{
	struct spilled_io *record = bpf_ringbuf_reserve(&spilled, sizeof(*record), 0);

	if (!record)
		return 0;
	record->start = owner->start;
	record->cgroup = owner->cgroup;
	record->ended_ns = ended->now;
	record->took_ns = ended->took;
	record->tgid = owner->tgid;
	record->bytes = ended->bytes;
	record->slot = ended->slot;
	record->op = ended->op;
	__builtin_memcpy(record->comm, owner->comm, sizeof(record->comm));
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return 0;
}

/* Costs a comparison of an entry. */
static __always_inline void charge(const struct owner *owner, const struct ended *ended)
{
	struct process_io *process = process_of(owner, ended->program, ended->epoch);
	u32 bytes = ended->bytes;
	u8 op = ended->op;

	if (!process) {
		spill(owner, ended);
		return;
	}
	if (op == IO_READ)
		process->bytes_read += bytes;
	else if (op == IO_WRITE || op == IO_ZONE_APPEND || op == IO_WRITE_SAME)
		process->bytes_written += bytes;
	else if (op == IO_DISCARD || op == IO_SECURE_ERASE)
		process->bytes_discarded += bytes;
	else if (op == IO_WRITE_ZEROES)
		process->bytes_zeroed += bytes;
	process->last_ns = ended->now;
	process->cgroup = owner->cgroup;
	__builtin_memcpy(process->comm, owner->comm, sizeof(process->comm));
	latency_add_slot(&process->total, ended->took, ended->slot, ended->epoch);
}

/* Rare; after charge(), so that the entry is read. */
static __noinline int charge_apart(const struct owner *owner, enum io_writer program, bool failed, bool held_back)
{
	struct process_io *process = owner->start ? process_of(owner, program, interval_epoch()) : 0;

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
