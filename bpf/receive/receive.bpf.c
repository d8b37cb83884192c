// SPDX-License-Identifier: GPL-2.0
/*
 * Where a received packet spends its time: from the driver (or the loopback device) over the protocols to the socket,
 * and from there to the process that reads it. receive_stage names the stages; lib/stages.bpf.h defines how they add
 * up.
 *
 * A TCP packet is found again by its address, which tcp_probe and the hook of the copying both have. Datagrams are
 * copied without such a hook. They leave a socket in the order in which they came, so each gets a number there, and the
 * reader's next number identifies the one that it has read.
 *
 * The programs are attached in the order of this file, the end of a packet first: nothing is begun whose end is not
 * hooked yet.
 */
#include "lib/core.bpf.h"
#include "lib/hist.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/runs.bpf.h"
#include "packets.bpf.h"
#include "stats.bpf.h"

char LICENSE[] SEC("license") = "GPL";

/* See lib/runs.bpf.h. */
enum counted_program {
	RUN_skb_copy_datagram_iovec,
	RUN_sock_recv_length,
	RUN_consume_skb,
	RUN_kfree_skb,
	RUN_tcp_probe,
	RUN_sk_data_ready,
	RUN_netif_receive_skb,
	RUN_netif_rx,
	RUN_napi_gro_receive_entry,
	RUN_napi_gro_frags_entry,
};
NAMES(counted_program);

/* The kernel reports that a datagram is in its socket (since 6.3); without, a datagram ends when it is freed. */
const volatile bool knows_socket = true;

/*
 * The datagrams of a socket are numbered: `tail` is the number of the next to come, `head` of the next to be read.
 * Several CPUs may add and several threads may read: atomic additions. A reader on another CPU may be faster than the
 * hook that gives the number.
 */
struct socket_queue {
	u32 number;
	u32 head;
	u32 tail;
	/* datagrams that waited before numbering began, still to be read */
	u32 before;
	/* of datagrams that were read before they had a number */
	u64 early_bytes;
};

/* No reader is this far ahead: the hook of the datagrams was missed. */
#define AHEAD_MAX 16

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct socket_queue);
} sockets SEC(".maps");

/*
 * An entry for the object: its own of before, a free one, or the one that was taken longest ago. BUCKET_ENTRIES: none.
 */
static __always_inline u32 entry_for(struct packet_bucket *bucket, u64 object, enum receive_writer program)
{
	u64 oldest = ~0ULL;
	u32 entry = find_entry(&bucket->keys, object);

	if (entry >= BUCKET_ENTRIES)
		entry = find_entry(&bucket->keys, 0);
	if (entry < BUCKET_ENTRIES)
		return entry;
#pragma unroll
	for (u32 one = 0; one < BUCKET_ENTRIES; one++) {
		u64 begin = stages_begin(bucket->entries[one].stamps, RECEIVE_STAGES);

		if (begin < oldest) {
			oldest = begin;
			entry = one;
		}
	}
	if (entry >= BUCKET_ENTRIES)
		return BUCKET_ENTRIES;
	if (bucket->entries[entry].stamps[STAGE_SOCKET])
		count(packets_full);
	else
		end_unseen(&bucket->entries[entry], program);
	return entry;
}

/* The packet of this address; a new one is empty. */
static __always_inline struct packet *packet_of(u64 object, enum receive_writer program)
{
	struct packet_bucket *bucket = packet_bucket(object);
	u32 entry = bucket ? entry_for(bucket, object, program) : BUCKET_ENTRIES;

	if (entry >= BUCKET_ENTRIES)
		return 0;
	if (bucket->keys.object[entry] != object) {
		set_entry(&bucket->keys, entry, object);
		__builtin_memset(&bucket->entries[entry], 0, sizeof(struct packet));
	}
	return &bucket->entries[entry];
}

/* Store a packet that must not be found before it is complete: its reader may run on another CPU. */
static __always_inline void store_packet(u64 object, const struct packet *packet, enum receive_writer program)
{
	struct packet_bucket *bucket = packet_bucket(object);
	u32 entry = bucket ? entry_for(bucket, object, program) : BUCKET_ENTRIES;

	if (entry >= BUCKET_ENTRIES)
		return;
	set_entry(&bucket->keys, entry, 0);
	barrier();
	bucket->entries[entry] = *packet;
	barrier();
	set_entry(&bucket->keys, entry, object);
}

/* Begin a packet at this stage. */
static __always_inline void begin(struct packet *packet, const struct sk_buff *skb, enum receive_stage stage)
{
	const struct net_device *dev = skb->dev;

	__builtin_memset(packet, 0, sizeof(*packet));
	packet->ifindex = dev->ifindex;
	packet->netns = dev->nd_net.net->ns.inum;
	packet->stamps[stage] = bpf_ktime_get_ns();
}

/*
 * Why here: TCP is copied to a process, perhaps in pieces.
 * Cost: a look-up in the table and, for the first piece, the histograms.
 * Loses: packets whose arrival was not seen, counted.
 */
SEC("tp_btf/skb_copy_datagram_iovec")
int skb_copy_datagram_iovec(u64 *ctx)
{
	struct sk_buff *skb = (void *)ctx[0];
	struct sock *sk = skb->sk;
	u32 bytes = (u32)ctx[1];
	struct packet_bucket *bucket;
	struct arrivals *to;
	struct packet *packet;
	u32 entry;

	COUNT_RUN(skb_copy_datagram_iovec);
	/* also here: sockets of other families, and datagrams in more than one piece of memory */
	if (!sk || sk->sk_protocol != IPPROTO_TCP)
		return 0;
	bucket = packet_bucket((u64)skb);
	entry = bucket ? find_entry(&bucket->keys, (u64)skb) : BUCKET_ENTRIES;
	if (entry >= BUCKET_ENTRIES) {
		count(unseen_start);
		return 0;
	}
	packet = &bucket->entries[entry];
	if (!packet->copied) {
		arrive(packet, bytes, COPIES);
	} else {
		to = arrivals_by(packet, COPIES, interval_epoch());
		if (to)
			to->bytes += bytes;
	}
	packet->copied += bytes;
	if (packet->copied >= skb->len)
		set_entry(&bucket->keys, entry, 0);
	return 0;
}

/* Datagrams in the socket: two words of the moment, written under locks of their queues. Only 0 or not matters. */
static __always_inline u32 waiting(struct sock *sk)
{
	return sk->sk_receive_queue.qlen + BPF_CORE_READ((struct udp_sock *)sk, reader_queue.qlen);
}

/*
 * Why here: a datagram was read, just before the system call returns.
 * Cost: a look-up of the socket's state, one in the table and the histograms; a comparison for all other protocols.
 * Loses: datagrams whose arrival was not seen, counted.
 */
SEC("tp_btf/sock_recv_length")
int sock_recv_length(u64 *ctx)
{
	struct sock *sk = (void *)ctx[0];
	int length = (int)ctx[1];
	int flags = (int)ctx[2];
	struct packet_bucket *bucket;
	struct socket_queue *queue;
	u32 entry, tail, number;
	u64 object;

	COUNT_RUN(sock_recv_length);
	if (sk->sk_protocol != IPPROTO_UDP || length < 0 || flags & (MSG_PEEK | MSG_ERRQUEUE))
		return 0;
	queue = bpf_sk_storage_get(&sockets, sk, 0, 0);
	if (!queue) {
		count(unseen_start);
		return 0;
	}
	/* in this order: a datagram that comes after the read of the tail is in the queue that is read then */
	tail = queue->tail;
	asm volatile("" ::: "memory");
	if (queue->before || (int)(queue->head - tail) >= AHEAD_MAX) {
		if (queue->before)
			queue->before--;
		count(unseen_start);
		return 0;
	}
	number = __sync_fetch_and_add(&queue->head, 1);
	if ((int)(number - tail) >= 0) {
		shared_add(&queue->early_bytes, length);
		return 0;
	}
	/* all was read: numbers without a datagram (dropped for their checksum) end here */
	if ((int)(number + 1 - tail) < 0 && !waiting(sk))
		queue->head = tail;
	object = queued_as(queue->number, number);
	bucket = packet_bucket(object);
	entry = bucket ? find_entry(&bucket->keys, object) : BUCKET_ENTRIES;
	if (entry >= BUCKET_ENTRIES) {
		count(unseen_start);
		return 0;
	}
	arrive(&bucket->entries[entry], length, RECEIVES);
	set_entry(&bucket->keys, entry, 0);
	return 0;
}

/*
 * Why here: the kernel was the receiver, or a packet that a process has read is freed. Sent packets come here, too.
 * Cost: a look-up in the table.
 * Loses: nothing.
 */
SEC("tp_btf/consume_skb")
int consume_skb(u64 *ctx)
{
	struct sk_buff *skb = (void *)ctx[0];
	struct packet_bucket *bucket = packet_bucket((u64)skb);
	u32 entry = bucket ? find_entry(&bucket->keys, (u64)skb) : BUCKET_ENTRIES;
	struct passed *of;
	struct packet *packet;

	COUNT_RUN(consume_skb);
	if (entry >= BUCKET_ENTRIES)
		return 0;
	packet = &bucket->entries[entry];
	if (!knows_socket && packet->protocol == IPPROTO_UDP) {
		arrive(packet, skb->len, FREES);
	} else if (!packet->copied) {
		of = passed_by(packet, FREES);
		if (of)
			of->consumed++;
	}
	set_entry(&bucket->keys, entry, 0);
	return 0;
}

/*
 * Why here: the packet is dropped: a full socket, a firewall, no listener.
 * Cost: as consume_skb.
 * Loses: nothing.
 */
SEC("tp_btf/kfree_skb")
int kfree_skb(u64 *ctx)
{
	struct sk_buff *skb = (void *)ctx[0];
	struct packet_bucket *bucket = packet_bucket((u64)skb);
	u32 entry = bucket ? find_entry(&bucket->keys, (u64)skb) : BUCKET_ENTRIES;
	struct passed *of;

	COUNT_RUN(kfree_skb);
	if (entry >= BUCKET_ENTRIES)
		return 0;
	of = bucket->entries[entry].copied ? 0 : passed_by(&bucket->entries[entry], DROPS);
	if (of)
		of->dropped++;
	set_entry(&bucket->keys, entry, 0);
	return 0;
}

/*
 * Why here: a TCP packet is at its socket. One without data (an acknowledgement) ends here.
 * Cost: a look-up in the table and a clock read.
 * Loses: nothing.
 */
SEC("tp_btf/tcp_probe")
int tcp_probe(u64 *ctx)
{
	struct sk_buff *skb = (void *)ctx[1];
	struct packet_bucket *bucket = packet_bucket((u64)skb);
	u32 entry = bucket ? find_entry(&bucket->keys, (u64)skb) : BUCKET_ENTRIES;
	struct passed *of;

	COUNT_RUN(tcp_probe);
	if (entry >= BUCKET_ENTRIES)
		return 0;
	if (tcp_payload(skb) > 0) {
		bucket->entries[entry].stamps[STAGE_SOCKET] = bpf_ktime_get_ns();
		return 0;
	}
	of = passed_by(&bucket->entries[entry], PROBES);
	if (of)
		of->consumed++;
	set_entry(&bucket->keys, entry, 0);
	return 0;
}

/*
 * Why here: a datagram is in its socket, and it is the current one of this CPU. Where CPUs add datagrams to one socket
 * at the same moment, one of them may report for all (since 6.18): those get its stamps. Multicast: each socket has its
 * own.
 * Cost: a look-up of the socket's state and two entries of the table; a comparison for all other protocols.
 * Loses: sockets without memory for their state, counted.
 */
SEC("tp_btf/sk_data_ready")
int sk_data_ready(u64 *ctx)
{
	struct sock *sk = (void *)ctx[0];
	struct packet_bucket *bucket;
	struct socket_queue *queue;
	struct receive_cpu *shard;
	u32 number;

	COUNT_RUN(sk_data_ready);
	if (sk->sk_protocol != IPPROTO_UDP)
		return 0;
	shard = this_cpu();
	if (!shard)
		return 0;
	queue = bpf_sk_storage_get(&sockets, sk, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!queue) {
		shard->sockets_full++;
		return 0;
	}
	if (!queue->number) {
		u32 here = waiting(sk);

		queue->number = (u32)(++shard->sockets << 12) | (bpf_get_smp_processor_id() & 0xfff);
		queue->before = here ? here - 1 : 0;
	}
	/*
	 * before it has its number: from then on it may be read, and a reader as fast as this hook misses it (unseen)
	 */
	shard->current.stamps[STAGE_SOCKET] = bpf_ktime_get_ns();
	number = __sync_fetch_and_add(&queue->tail, 1);
	/* a number without a packet, as of reassembled IPv6: counted as unseen when it is read */
	if (shard->current.protocol != IPPROTO_UDP)
		return 0;
	if ((int)(queue->head - number) > 0) {
		arrive(&shard->current, __sync_lock_test_and_set(&queue->early_bytes, 0), IS_READY);
	} else {
		store_packet(queued_as(queue->number, number), &shard->current, IS_READY);
	}
	if (shard->skb) {
		bucket = packet_bucket(shard->skb);
		if (bucket)
			set_entry(&bucket->keys, find_entry(&bucket->keys, shard->skb), 0);
		shard->skb = 0;
	}
	return 0;
}

/*
 * Why here: the packet is handed to the protocols. It comes here again when a bridge or a bond passes it on: it keeps
 * the device that it came in by.
 * Cost: a clock read, a look-up in the table and one of the counters.
 * Loses: the oldest packet of a full bucket, counted where it had come to its socket (`packets_full`).
 */
SEC("tp_btf/netif_receive_skb")
int netif_receive_skb(u64 *ctx)
{
	struct sk_buff *skb = (void *)ctx[0];
	struct packet *packet = packet_of((u64)skb, HANDS_OVER);
	struct receive_cpu *shard = this_cpu();
	struct passed *of;
	u32 epoch;

	COUNT_RUN(netif_receive_skb);
	if (!packet || !shard)
		return 0;
	if (packet->stamps[STAGE_STACK] && skb->skb_iif) {
		shard->current = *packet;
		shard->skb = (u64)skb;
		return 0;
	}
	if (packet->stamps[STAGE_STACK] || packet->ifindex != (u32)skb->dev->ifindex) {
		if (packet->ifindex)
			end_unseen(packet, HANDS_OVER);
		begin(packet, skb, STAGE_STACK);
	} else {
		packet->stamps[STAGE_STACK] = bpf_ktime_get_ns();
	}
	packet->protocol = transport_of(skb);
	of = passed_by(packet, HANDS_OVER);
	if (of) {
		of->received++;
		epoch = interval_epoch();
		if (!of->device[0] || of->named != epoch) {
			of->named = epoch;
			BPF_CORE_READ_STR_INTO(&of->device, skb, dev, name);
		}
	}
	shard->current = *packet;
	shard->skb = (u64)skb;
	return 0;
}

static __always_inline void from_driver(const struct sk_buff *skb, enum receive_writer program)
{
	struct packet *packet = packet_of((u64)skb, program);

	if (!packet)
		return;
	if (packet->ifindex)
		end_unseen(packet, program);
	begin(packet, skb, STAGE_DRIVER);
}

/*
 * Why here: a driver without NAPI, or the loopback device, puts the packet into the CPU's backlog.
 * Cost: a clock read and an entry of the table.
 * Loses: as netif_receive_skb.
 */
SEC("tp_btf/netif_rx")
int netif_rx(u64 *ctx)
{
	COUNT_RUN(netif_rx);
	from_driver((void *)ctx[0], HAS_RX);
	return 0;
}

/*
 * Why here: a driver with NAPI hands it over, and GRO may hold it back or merge it.
 * Cost: as netif_rx.
 * Loses: as netif_rx.
 */
SEC("tp_btf/napi_gro_receive_entry")
int napi_gro_receive_entry(u64 *ctx)
{
	COUNT_RUN(napi_gro_receive_entry);
	from_driver((void *)ctx[0], HAS_GRO);
	return 0;
}

/*
 * Why here: as above, for drivers that hand over parts of pages.
 * Cost: as netif_rx.
 * Loses: as netif_rx.
 */
SEC("tp_btf/napi_gro_frags_entry")
int napi_gro_frags_entry(u64 *ctx)
{
	COUNT_RUN(napi_gro_frags_entry);
	from_driver((void *)ctx[0], HAS_FRAGS);
	return 0;
}
