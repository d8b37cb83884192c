/* SPDX-License-Identifier: GPL-2.0 */
/* Counters of received packets by device, protocol and CPU, and of losses. */
#pragma once

#include "packets.bpf.h"

/* The CPU is part of the key so that two never write to one value. */
struct receive_key {
	u32 ifindex;
	u32 netns;
	u16 cpu;
	u8 protocol;
	u8 unused;
};

struct receive_stats {
	/* handed to the protocols */
	u64 received;
	/* copied to a process, and its bytes */
	u64 count;
	u64 bytes;
	/* kfree_skb: the kernel dropped it */
	u64 dropped;
	/* the kernel itself was the receiver: acknowledgements, ICMP, ARP; or it was forwarded */
	u64 consumed;
	/* became part of another packet, by GRO or in the receive queue of a TCP socket */
	u64 merged;
	/* empty where only packets of another CPU ended */
	char device[IFNAMSIZ];
	struct latency stages[RECEIVE_STAGES];
	struct latency total;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct receive_key);
	__type(value, struct receive_stats);
} stats SEC(".maps");

/* New values start as a copy of it: it is too large for the stack. */
static const struct receive_stats no_stats;

struct receive_cpu {
	/* read, but their arrival was not seen, as of those that were waiting at start; not counted in `stats` */
	u64 unseen_start;
	/*
	 * another packet needed the entry of one that had come to its socket: it waits there, or has left without a
	 * hook
	 */
	u64 packets_full;
	/* not counted at all because `stats` was full */
	u64 stats_full;
	/* sockets without memory for their state */
	u64 sockets_full;
	/* sockets that were given a number here */
	u64 sockets;
	/* the current packet of this CPU: its address (0: it is in a socket) and its record */
	u64 skb;
	struct packet current;
};
CPU_SHARDS(receive_cpus, struct receive_cpu);

static __always_inline struct receive_cpu *this_cpu(void)
{
	u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&receive_cpus, &cpu);
}

#define count(member)                                   \
	do {                                            \
		struct receive_cpu *shard = this_cpu(); \
		if (shard)                              \
			shared_add(&shard->member, 1);  \
	} while (0)

/* Kept out of the hot path: once for each device, protocol and CPU. */
static __noinline struct receive_stats *add_stats(struct receive_key *key)
{
	bpf_map_update_elem(&stats, key, &no_stats, BPF_NOEXIST);
	return bpf_map_lookup_elem(&stats, key);
}

static __always_inline struct receive_stats *stats_of(const struct packet *packet)
{
	struct receive_key key = {
		.ifindex = packet->ifindex,
		.netns = packet->netns,
		.cpu = bpf_get_smp_processor_id(),
		.protocol = packet->protocol,
	};
	struct receive_stats *stats_here = bpf_map_lookup_elem(&stats, &key);

	if (!stats_here)
		stats_here = add_stats(&key);
	if (!stats_here)
		count(stats_full);
	return stats_here;
}

/* It reached a process. */
static __always_inline void arrive(const struct packet *packet, u32 bytes)
{
	struct receive_stats *to = stats_of(packet);
	u64 now = bpf_ktime_get_ns();
	u32 epoch = interval_epoch();

	if (!to)
		return;
	to->count++;
	to->bytes += bytes;
	latency_add(&to->total, stages_add(to->stages, packet->stamps, RECEIVE_STAGES, now, epoch), epoch);
}

/* Its address has come back without an end that a hook shows: merged, or received by the kernel. */
static __noinline void end_unseen(const struct packet *packet)
{
	struct receive_stats *of;

	if (packet->copied)
		return;
	of = stats_of(packet);
	if (!of)
		return;
	if (packet->stamps[STAGE_SOCKET] || !packet->stamps[STAGE_STACK])
		of->merged++;
	else
		of->consumed++;
}
