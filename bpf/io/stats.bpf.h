/* SPDX-License-Identifier: GPL-2.0 */
/* Counters of requests by device, operation and flags; counters of losses; records of slow requests. */
#pragma once

/* Records of slow requests that each CPU may write in one interval; more of them would add nothing. */
#define SLOW_PER_INTERVAL 32

/* Flags of a key beside the splitting ones of io_flag. */
enum io_stats_flag {
	/* not a request but a bio of a device that passes bios on */
	STACKED_DEVICE = 0x80,
};
NAMES(io_stats_flag);

struct io_stats {
	u64 count;
	/* as /proc/diskstats has them: those of failed requests too */
	u64 bytes;
	/* ended with an error */
	u64 errors;
	/* a limit of a control group held it back before it was queued */
	u64 held_back;
	struct latency stages[IO_STAGES];
	struct latency total;
};

/* By kind (keys.bpf.h). */
KEYED_STORE(stats, struct io_stats)

/* The programs in which something ends: writers of the stores of this object. */
enum io_writer {
	REQUEST_ENDS,
	BIO_ENDS,
	IO_WRITERS,
};
NAMES(io_writer);

struct io_cpu {
	/* completed, but its issue was not seen, as for those in flight at start: counted without a latency */
	u64 unseen_start;
	/* the address came back although the end of the request before was not seen: that one is not counted */
	u64 missed_completion;
	/* requests and bios not followed because all entries of their bucket were taken: counted without a latency */
	u64 requests_full;
	u64 bios_full;
	/* sent back by the driver */
	u64 requeues;
	/* bios that became part of an existing request; requests that became part of another; bios cut in two */
	u64 merged_bios;
	u64 merged_requests;
	u64 splits;
	/* requests that were never inserted */
	u64 bypassed;
	/* completions of a part only */
	u64 partial;
	/* requests and bios by how their owner is known; a program may interrupt the other */
	u64 owners[IO_OWNERS];
	u64 bio_owners[IO_OWNERS];
	/* slow requests without a record: over the limit, or the ring was full */
	u64 slow_suppressed;
	u32 slow_epoch;
	u32 slow_records;
};
CPU_SHARDS(io_cpus, struct io_cpu);

struct slow_request {
	/* completion, CLOCK_MONOTONIC */
	u64 mono_ns;
	u64 stamps[IO_STAGES];
	u64 sector;
	struct owner owner;
	u32 dev;
	u32 part;
	u32 bytes;
	/* bits of io_flag */
	u32 flags;
	u32 op;
	u32 how;
	struct file_path path;
};
RECORD(slow_request);
/* SLOW_PER_INTERVAL from each of 11 CPUs, twice; by online CPUs where there are fewer. */
RING(slow_requests, 512 * 1024);

static __always_inline struct io_cpu *this_cpu(void)
{
	u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&io_cpus, &cpu);
}

/*
 * Rare events only: the shard is not looked up unless one happens. Atomic: several programs count into one word, and since
 * 7.x one may preempt another between its load and its store.
 */
#define count(member)                                  \
	do {                                           \
		struct io_cpu *shard = this_cpu();     \
		if (shard)                             \
			shared_add(&shard->member, 1); \
	} while (0)

static __always_inline struct io_stats *stats_of_kind(u32 dev, u8 op, u8 flags, enum io_writer program, u32 epoch)
{
	u64 kind = kind_of(dev, op, flags);

	return stats_of(kind, 0, store_hash(kind), store_writer(program, IO_WRITERS), epoch);
}

static __noinline void report_slow(struct tracked *tracked, struct request *rq, u64 now, u32 epoch)
{
	struct slow_request *record = 0;
	struct io_cpu *shard = this_cpu();

	if (!shard)
		return;
	if (shard->slow_epoch != epoch) {
		shard->slow_epoch = epoch;
		shard->slow_records = 0;
	}
	if (shard->slow_records < SLOW_PER_INTERVAL)
		record = bpf_ringbuf_reserve(&slow_requests, sizeof(*record), 0);
	if (!record) {
		shard->slow_suppressed++;
		return;
	}
	shard->slow_records++;
	record->mono_ns = now;
	__builtin_memcpy(record->stamps, tracked->stamps, sizeof(record->stamps));
	record->owner = tracked->owner;
	record->sector = rq->__sector;
	record->dev = tracked->dev;
	record->part = tracked->part;
	record->bytes = tracked->bytes;
	record->flags = all_flags(tracked->raw_flags);
	record->op = tracked->op;
	record->how = tracked->how;
	note_path(&record->path, rq->bio);
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
}
