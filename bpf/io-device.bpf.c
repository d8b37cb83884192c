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

char LICENSE[] SEC("license") = "GPL";

struct device_stats {
	u64 count;
	u64 bytes;
	/* counted without a latency: the kernel had no stamp */
	u64 unstamped;
	struct latency device;
};

/* Devices × operations × flags that one CPU has room for. */
#define KEY_BITS 7
#define KEYS (1 << KEY_BITS)

/* Each CPU looks for its values among the keys it has met, which nobody else writes: cheaper than a BPF hash map. */
struct device_cpu {
	/* not counted at all because there was no room */
	u64 stats_full;
	/* IN_USE | dev << 16 | op << 8 | flags (of io_flag), 0: free; as `device_stats` has them */
	u64 keys[KEYS];
};
CPU_SHARDS(device_cpus, struct device_cpu);

#define IN_USE (1ULL << 48)

/* KEYS for each CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, KEYS);
	__type(key, u32);
	__type(value, struct device_stats);
} device_stats SEC(".maps");

static __always_inline struct device_stats *stats_of(u32 dev, u8 op, u8 flags)
{
	u64 key = IN_USE | (u64)dev << 16 | op << 8 | flags;
	u32 cpu = bpf_get_smp_processor_id();
	struct device_cpu *shard = bpf_map_lookup_elem(&device_cpus, &cpu);
	u32 start = (u32)(key ^ key >> 32) * 0x9e3779b1U >> (32 - KEY_BITS);
	u32 index;

	if (!shard)
		return 0;
	for (u32 tries = 0; tries < KEYS; tries++) {
		u32 n = (start + tries) & (KEYS - 1);

		if (!shard->keys[n])
			shard->keys[n] = key;
		if (shard->keys[n] == key) {
			index = cpu * KEYS + n;
			return bpf_map_lookup_elem(&device_stats, &index);
		}
	}
	shard->stats_full++;
	return 0;
}

/* Counts what io.bpf.c counts there, which says why. Costs a clock read, a look at a key and a histogram update. */
SEC("tp_btf/block_rq_complete")
int device_complete(u64 *ctx)
{
	struct request *rq = (void *)ctx[0];
	u32 bytes = (u32)ctx[2];
	u32 raw = rq->cmd_flags;
	u64 begin = rq->io_start_time_ns;
	u8 op = block_op(raw);
	struct device_stats *stats = stats_of(block_device(rq), op, splitting_flags(raw));

	if (!stats)
		return 0;
	stats->bytes += bytes;
	if (bytes < rq->__data_len)
		return 0;
	if (!block_in_flush_sequence(rq, op))
		stats->count++;
	/* a write's end without data: a bare flush, or the flush that followed the data, which has been counted */
	if (op <= IO_WRITE && !bytes)
		return 0;
	if (begin)
		latency_add(&stats->device, bpf_ktime_get_ns() - begin, interval_epoch());
	else
		stats->unstamped++;
	return 0;
}
