/* SPDX-License-Identifier: GPL-2.0 */
/* Counters of received packets by device and protocol, and of losses. */
#pragma once

#include "lib/keyed-store.bpf.h"
#include "packets.bpf.h"

/* Packets that were copied to a process. */
struct arrivals {
	u64 count;
	u64 bytes;
	struct latency stages[RECEIVE_STAGES];
	struct latency total;
};

/* All others, and what was handed to the protocols. */
struct passed {
	u64 received;
	/* kfree_skb: the kernel dropped it */
	u64 dropped;
	/* the kernel itself was the receiver: acknowledgements, ICMP, ARP; or it was forwarded */
	u64 consumed;
	/* became part of another packet, by GRO or in the receive queue of a TCP socket */
	u64 merged;
	/* as of the first packet in the interval of this number: a device may be renamed. Empty: of the programs at the ends */
	char device[IFNAMSIZ];
	u32 named;
	u32 unused;
};

/* Both by network namespace and index of the device, and protocol. */
KEYED_STORE(arrivals, struct arrivals)
KEYED_STORE(passed, struct passed)

/* A key as words of the stores: the index of the device is not 0. */
enum receive_key {
	KEY_NETNS_SHIFT = 32,
};
NAMES(receive_key);

/* Programs that count: some interrupt the others. The first ones are those in which packets arrive. */
enum receive_writer {
	COPIES,
	RECEIVES,
	FREES,
	IS_READY,
	ARRIVAL_WRITERS,
	DROPS = ARRIVAL_WRITERS,
	PROBES,
	HANDS_OVER,
	HAS_RX,
	HAS_GRO,
	HAS_FRAGS,
	RECEIVE_WRITERS,
};
NAMES(receive_writer);

struct receive_cpu {
	/* read, but their arrival was not seen, as of those that were waiting at start; not counted in `stats` */
	u64 unseen_start;
	/*
	 * another packet needed the entry of one that had come to its socket: it waits there, or has left without a
	 * hook
	 */
	u64 packets_full;
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

static __always_inline u64 device_key(const struct packet *packet)
{
	return (u64)packet->netns << KEY_NETNS_SHIFT | packet->ifindex;
}

static __always_inline struct passed *passed_by(const struct packet *packet, enum receive_writer program)
{
	u64 key = device_key(packet);

	return passed_of(key, packet->protocol, store_hash(key + packet->protocol),
			 store_writer(program, RECEIVE_WRITERS), interval_epoch());
}

static __always_inline struct arrivals *arrivals_by(const struct packet *packet, enum receive_writer program, u32 epoch)
{
	u64 key = device_key(packet);

	return arrivals_of(key, packet->protocol, store_hash(key + packet->protocol),
			   store_writer(program, ARRIVAL_WRITERS), epoch);
}

/* It reached a process. */
static __always_inline void arrive(const struct packet *packet, u32 bytes, enum receive_writer program)
{
	u32 epoch = interval_epoch();
	struct arrivals *to = arrivals_by(packet, program, epoch);
	u64 now = bpf_ktime_get_ns();

	if (!to)
		return;
	to->count++;
	to->bytes += bytes;
	latency_add(&to->total, stages_add(to->stages, packet->stamps, RECEIVE_STAGES, now, epoch), epoch);
}

/* Its address has come back without an end that a hook shows: merged, or received by the kernel. */
static __noinline void end_unseen(const struct packet *packet, enum receive_writer program)
{
	struct passed *of;

	if (packet->copied)
		return;
	of = passed_by(packet, program);
	if (!of)
		return;
	if (packet->stamps[STAGE_SOCKET] || !packet->stamps[STAGE_STACK])
		of->merged++;
	else
		of->consumed++;
}
