// SPDX-License-Identifier: GPL-2.0
/*
 * Where a block request spends its time: `queue` from its insertion into the IO scheduler to its issue to the driver,
 * `device` from there to its completion, `total` from the first of these that happened.
 *
 * The kernel's own stamps (start_time_ns, io_start_time_ns) cannot split stages: they are taken from a clock cached for
 * a whole plug. So requests are followed from hook to hook by our own stamps.
 *
 * The programs are attached in the order of this file, the end of a request first: none is begun that nobody would end.
 */
#include "core.bpf.h"
#include "hist.bpf.h"
#include "latency.bpf.h"
#include "maps.bpf.h"
#include "block.bpf.h"

char LICENSE[] SEC("license") = "GPL";

/* A request whose total is at least this long leaves a record. */
const volatile u64 slow_ns = 10000000;
/* `requests` has 2^request_bits buckets. */
const volatile u32 request_bits = 10;

#define WAYS 4
/* Records of slow requests each CPU may write in one interval; more of them tell nothing new. */
#define SLOW_PER_INTERVAL 32

/* A request between its first hook and its completion. */
struct tracked {
	/* the request's start_time_ns: tells a reused request from the one that was here */
	u64 start_time_ns;
	/* inserted, or issued where no scheduler is in the way */
	u64 first_ns;
	/* given to the driver, the last time; 0: not yet */
	u64 issued_ns;
	u32 dev;
	u32 bytes;
	/* task at the first hook */
	u32 pid;
	u8 op;
	/* has been in the scheduler (or was sent back there) */
	u8 queued;
	/* the driver could not take it: the next insert and issue continue the same life */
	u8 requeued;
	u8 unused;
	char comm[TASK_COMM_LEN];
};

struct bucket {
	/* addresses, 0: free; apart from the rest so that a search touches one cache line */
	u64 requests[WAYS];
	struct tracked ways[WAYS];
};

/*
 * Requests in flight: a table with WAYS places for each hash of the address, instead of a BPF hash map, whose update
 * and deletion cost more than all the rest. Requests come from the pools of the devices, so their addresses are few
 * and come back. Places are taken without a lock: when two CPUs take the same one at the same moment, one request loses
 * its latency and is counted in `unseen_start`. The reader sees the table through a memory mapping.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, struct bucket);
} requests SEC(".maps");

/* The CPU is part of the key so that two never write to one value. */
struct io_key {
	u32 dev;
	u16 op;
	u16 cpu;
};

struct io_stats {
	u64 count;
	u64 bytes;
	struct latency queue;
	struct latency device;
	struct latency total;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct io_key);
	__type(value, struct io_stats);
} stats SEC(".maps");

/* New statistics start as a copy of this: it is too large for the stack. */
static const struct io_stats no_stats;

struct io_cpu {
	/* completed, but neither insert nor issue was seen, as for those in flight at start: counted without a latency */
	u64 unseen_start;
	/* not followed because all WAYS places were taken: counted without a latency */
	u64 requests_full;
	/* not counted at all because `stats` was full */
	u64 stats_full;
	/* sent back by the driver */
	u64 requeues;
	/* slow requests without a record: over the limit, or the ring was full */
	u64 slow_suppressed;
	u32 slow_epoch;
	u32 slow_records;
};
CPU_SHARDS(io_cpus, struct io_cpu);

struct slow_request {
	/* completion, CLOCK_MONOTONIC */
	u64 mono_ns;
	u64 queue_ns;
	u64 device_ns;
	u64 total_ns;
	u64 sector;
	u32 dev;
	u32 bytes;
	u32 pid;
	u16 op;
	u16 queued;
	char comm[TASK_COMM_LEN];
};
RECORD(slow_request);
RING(slow_requests, 256 * 1024);

static __always_inline struct io_cpu *this_cpu(void)
{
	u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&io_cpus, &cpu);
}

/* Rare events only: the shard is not looked up unless one happens. */
#define count(member)                              \
	do {                                       \
		struct io_cpu *shard = this_cpu(); \
		if (shard)                         \
			shard->member++;           \
	} while (0)

static __always_inline struct bucket *bucket_of(struct request *rq)
{
	u32 index;

	/* arithmetic needs a copy in a 32-bit register: the verifier takes half of an address for a number, a whole not */
	asm volatile("%0 = %1" : "=w"(index) : "w"((u32)(u64)rq));
	index = (index * 0x9e3779b1U) >> (32 - request_bits);
	return bpf_map_lookup_elem(&requests, &index);
}

/* Index of the way that holds this address (0: a free one), WAYS if there is none. */
static __always_inline u32 find(struct bucket *bucket, u64 request)
{
#pragma unroll
	for (u32 way = 0; way < WAYS; way++)
		if (bucket->requests[way] == request)
			return way;
	return WAYS;
}

/* Is it a later request that has been given the same address? Merging may make a request's start earlier, never later. */
static __always_inline bool is_another(const struct tracked *tracked, struct request *rq)
{
	return rq->start_time_ns > tracked->start_time_ns;
}

static __always_inline void note_task(struct tracked *tracked)
{
	if (has_current_task_btf()) {
		/* reading the task costs a third of what the other helpers do (35 against 95 ns) */
		const struct task_struct *task = bpf_get_current_task_btf();

		tracked->pid = task->tgid;
		((u64 *)tracked->comm)[0] = *(u64 *)&task->comm[0];
		((u64 *)tracked->comm)[1] = *(u64 *)&task->comm[8];
	} else {
		tracked->pid = bpf_get_current_pid_tgid() >> 32;
		bpf_get_current_comm(tracked->comm, sizeof(tracked->comm));
	}
}

/*
 * Begin a request's life where an earlier one of the same address was, or in a free place. Returns the way, WAYS if all
 * are taken.
 */
static __always_inline u32 begin(struct bucket *bucket, u32 way, struct request *rq, u64 now)
{
	struct tracked *tracked;

	if (way >= WAYS) {
		way = find(bucket, 0);
		if (way >= WAYS) {
			count(requests_full);
			return WAYS;
		}
		bucket->requests[way] = (u64)rq;
	}
	tracked = &bucket->ways[way];
	tracked->start_time_ns = rq->start_time_ns;
	tracked->first_ns = now;
	tracked->issued_ns = 0;
	tracked->dev = block_device(rq);
	tracked->bytes = rq->__data_len;
	tracked->op = block_op(rq);
	tracked->queued = 0;
	tracked->requeued = 0;
	note_task(tracked);
	return way;
}

/* Kept out of the hot path: once for each device, operation and CPU. */
static __noinline struct io_stats *add_stats(struct io_key *key)
{
	bpf_map_update_elem(&stats, key, &no_stats, BPF_NOEXIST);
	return bpf_map_lookup_elem(&stats, key);
}

static __always_inline void report_slow(struct tracked *tracked, struct request *rq, u64 now, u32 epoch)
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
	record->queue_ns = tracked->queued ? tracked->issued_ns - tracked->first_ns : 0;
	record->device_ns = now - tracked->issued_ns;
	record->total_ns = now - tracked->first_ns;
	record->sector = rq->__sector;
	record->dev = tracked->dev;
	record->bytes = tracked->bytes;
	record->pid = tracked->pid;
	record->op = tracked->op;
	record->queued = tracked->queued;
	__builtin_memcpy(record->comm, tracked->comm, sizeof(record->comm));
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
}

/*
 * The only hook that every request ends with. It comes once for each part of a request that a driver completes in
 * parts: only the part that covers what is left is the end. Costs a clock read, a hash look-up and three histogram
 * updates.
 *
 * Counts what /proc/diskstats counts: a write with cache flushes around it is one write when all is done (its latency is
 * that of its data; the flushes are requests of their own), and a bare flush is one flush and one write of no bytes,
 * which never reaches the driver and has no latency.
 */
SEC("tp_btf/block_rq_complete")
int block_rq_complete(u64 *ctx)
{
	struct request *rq = (void *)ctx[0];
	u32 bytes = (u32)ctx[2];
	u32 left = rq->__data_len;
	struct bucket *bucket = bucket_of(rq);
	u64 now = bpf_ktime_get_ns();
	struct tracked *tracked = 0;
	struct io_stats *io;
	struct io_key key;
	u32 way, epoch;

	if (!bucket)
		return 0;
	way = find(bucket, (u64)rq);
	if (way < WAYS && bucket->ways[way].issued_ns && !is_another(&bucket->ways[way], rq))
		tracked = &bucket->ways[way];
	key.dev = tracked ? tracked->dev : block_device(rq);
	key.op = tracked ? tracked->op : block_op(rq);
	key.cpu = bpf_get_smp_processor_id();
	io = bpf_map_lookup_elem(&stats, &key);
	if (!io)
		io = add_stats(&key);
	if (!io) {
		count(stats_full);
		goto end;
	}
	io->bytes += bytes;
	if (bytes < left)
		return 0;
	if (!block_in_flush_sequence(rq, key.op))
		io->count++;
	if (tracked) {
		epoch = interval_epoch();
		if (tracked->queued)
			latency_add(&io->queue, tracked->issued_ns - tracked->first_ns, epoch);
		latency_add(&io->device, now - tracked->issued_ns, epoch);
		latency_add(&io->total, now - tracked->first_ns, epoch);
		if (now - tracked->first_ns >= slow_ns)
			report_slow(tracked, rq, now, epoch);
	} else if (left) {
		count(unseen_start);
	}
end:
	if (way < WAYS)
		bucket->requests[way] = 0;
	return 0;
}

/* The driver was busy and the request goes back. Rare, and costs a look-up in the table. */
SEC("tp_btf/block_rq_requeue")
int block_rq_requeue(u64 *ctx)
{
	struct request *rq = block_request(ctx);
	struct bucket *bucket = bucket_of(rq);
	u32 way;

	count(requeues);
	if (!bucket)
		return 0;
	way = find(bucket, (u64)rq);
	if (way < WAYS) {
		bucket->ways[way].queued = 1;
		bucket->ways[way].requeued = 1;
	}
	return 0;
}

/*
 * A waiting request became part of another one and never completes. Costs a look-up in the table. Where a kernel lacks
 * the hook (before 5.11), such requests look as if they were waiting until their address comes back.
 */
SEC("tp_btf/block_rq_merge")
int block_rq_merge(u64 *ctx)
{
	struct request *rq = block_request(ctx);
	struct bucket *bucket = bucket_of(rq);
	u32 way = bucket ? find(bucket, (u64)rq) : WAYS;

	if (way < WAYS)
		bucket->requests[way] = 0;
	return 0;
}

/*
 * The request enters the scheduler; without one, or when it can be bypassed, this never comes. The current task is the
 * one that submitted it, or a kernel worker that does so for others (write-back, requeue). Costs a clock read and a
 * place in the table. Misses what the request waited for before: plug, tags, merging.
 */
SEC("tp_btf/block_rq_insert")
int block_rq_insert(u64 *ctx)
{
	struct request *rq = block_request(ctx);
	struct bucket *bucket = bucket_of(rq);
	u32 way;

	if (!bucket)
		return 0;
	way = find(bucket, (u64)rq);
	if (way >= WAYS || !bucket->ways[way].requeued)
		way = begin(bucket, way, rq, bpf_ktime_get_ns());
	if (way < WAYS)
		bucket->ways[way].queued = 1;
	return 0;
}

/*
 * The driver gets the request. Once more after a requeue: `queue` then lasts until the last issue, so that the stages
 * always add up to the total. Costs a clock read, and a place in the table when there was no insert.
 */
SEC("tp_btf/block_rq_issue")
int block_rq_issue(u64 *ctx)
{
	struct request *rq = block_request(ctx);
	struct bucket *bucket = bucket_of(rq);
	u64 now = bpf_ktime_get_ns();
	struct tracked *tracked;
	u32 way;

	if (!bucket)
		return 0;
	way = find(bucket, (u64)rq);
	/* what is left of a request that never completed here must not lend its age */
	if (way >= WAYS || (bucket->ways[way].issued_ns && !bucket->ways[way].requeued) || is_another(&bucket->ways[way], rq))
		way = begin(bucket, way, rq, now);
	if (way >= WAYS)
		return 0;
	tracked = &bucket->ways[way];
	tracked->issued_ns = now;
	tracked->bytes = rq->__data_len;
	tracked->requeued = 0;
	return 0;
}
