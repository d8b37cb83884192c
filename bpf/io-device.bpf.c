// SPDX-License-Identifier: GPL-2.0
/*
 * How long devices take, at the least cost: nothing is followed, one hook reads the kernel's own stamp of the issue.
 *
 * Where a task hands on several requests at once (a plug), the kernel reads its clock once for all of them (since 6.9): the time
 * of the later ones is too long by as long as it took to get to them. io.bpf.c has stamps of its own.
 */
#include "core.bpf.h"
#include "hist.bpf.h"
#include "maps.bpf.h"
#include "latency.bpf.h"
#include "block.bpf.h"
#include "io-key.bpf.h"

char LICENSE[] SEC("license") = "GPL";

struct device_stats {
	u64 count;
	u64 bytes;
	/* counted without a latency: the kernel had no stamp */
	u64 unstamped;
	struct latency device;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct io_key);
	__type(value, struct device_stats);
} device_stats SEC(".maps");

struct device_cpu {
	/* not counted at all because `device_stats` was full */
	u64 stats_full;
};
CPU_SHARDS(device_cpus, struct device_cpu);

/* A new value starts as a copy: it is too large for the stack. */
static const struct device_stats no_stats;

/* Kept out of the hot path: once for each device, operation and CPU. */
static __noinline struct device_stats *add_stats(struct io_key *key)
{
	struct device_stats *stats;
	struct device_cpu *shard;
	u32 cpu = key->cpu;

	bpf_map_update_elem(&device_stats, key, &no_stats, BPF_NOEXIST);
	stats = bpf_map_lookup_elem(&device_stats, key);
	shard = bpf_map_lookup_elem(&device_cpus, &cpu);
	if (!stats && shard)
		shard->stats_full++;
	return stats;
}

/* Counts what io.bpf.c counts there, which says why. Costs a clock read, a hash look-up and a histogram update. */
SEC("tp_btf/block_rq_complete")
int device_complete(u64 *ctx)
{
	struct request *rq = (void *)ctx[0];
	u32 bytes = (u32)ctx[2];
	u32 raw = rq->cmd_flags;
	u64 begin = rq->io_start_time_ns;
	struct io_key key = {
		.dev = block_device(rq),
		.op = block_op(raw),
		.flags = splitting_flags(raw),
		.cpu = bpf_get_smp_processor_id(),
	};
	struct device_stats *stats = bpf_map_lookup_elem(&device_stats, &key);

	if (!stats)
		stats = add_stats(&key);
	if (!stats)
		return 0;
	stats->bytes += bytes;
	if (bytes < rq->__data_len)
		return 0;
	if (!block_in_flush_sequence(rq, key.op))
		stats->count++;
	/* a write's end without data: a bare flush, or the flush that followed the data, which has been counted */
	if (key.op <= IO_WRITE && !bytes)
		return 0;
	if (begin)
		latency_add(&stats->device, bpf_ktime_get_ns() - begin, interval_epoch());
	else
		stats->unstamped++;
	return 0;
}
