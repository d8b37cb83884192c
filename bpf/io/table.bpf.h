/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bios and requests in flight, in the tables of lib/object-table.bpf.h. Of two CPUs that take the same entry at the
 * same moment, one object loses its latency and is counted in `unseen_start`. The reader sees the tables through memory
 * mappings.
 */
#pragma once

#include "lib/object-table.bpf.h"

/* `requests` and `bios` have 2^request_bits buckets. */
const volatile u32 request_bits = 10;

/* Stamps of a request, and the stages that begin with them; src/tracers/io/path.ts has their meaning. */
enum io_stage {
	STAGE_REQUEST,
	STAGE_PLUG,
	STAGE_QUEUE,
	STAGE_DEVICE,
	IO_STAGES,
};
NAMES(io_stage);

/* A bio between its queueing and its becoming (part of) a request, or its end at a device that takes bios. */
struct queued {
	u64 queued_ns;
	struct owner owner;
	/* partition */
	u32 part;
	u32 raw_flags;
	u32 bytes;
	/* disk */
	u32 dev;
	/* enum io_owner */
	u8 how;
	/* enum io_op */
	u8 op;
	/* bits of io_mark */
	u8 marks;
	u8 unused;
	/* sector at which it begins on its disk, the lower half */
	u32 sector;
	/* device that it was sent to, as bio_target() returns it */
	u64 target;
};

struct bio_bucket {
	struct bucket_keys keys;
	struct queued entries[BUCKET_ENTRIES];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, struct bio_bucket);
} bios SEC(".maps");

/* A request between its first hook and its completion. */
struct tracked {
	/* the request's start_time_ns: tells it from another one at the same address */
	u64 start_time_ns;
	u64 stamps[IO_STAGES];
	struct owner owner;
	u32 part;
	u32 raw_flags;
	u32 bytes;
	u32 dev;
	u8 how;
	u8 op;
	/* the driver could not take it: the next insert and issue continue it */
	u8 requeued;
	/* a write in its flush sequence: its data is on the device, the flush after it has not ended */
	u8 data_done;
	/* bits of io_mark */
	u8 marks;
	u8 unused[3];
};

struct request_bucket {
	struct bucket_keys keys;
	struct tracked entries[BUCKET_ENTRIES];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, struct request_bucket);
} requests SEC(".maps");

static __always_inline u32 bucket_index(const void *object)
{
	return object_bucket((u64)object, request_bits);
}

static __always_inline struct request_bucket *request_bucket(const struct request *rq)
{
	u32 index = bucket_index(rq);

	return bpf_map_lookup_elem(&requests, &index);
}

static __always_inline struct bio_bucket *bio_bucket(const struct bio *bio)
{
	u32 index = bucket_index(bio);

	return bpf_map_lookup_elem(&bios, &index);
}
