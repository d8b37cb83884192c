/* SPDX-License-Identifier: GPL-2.0 */
/* Received packets: kernel structs, and the table of packets in flight. */
#pragma once

#include "lib/stages.bpf.h"
#include "lib/object-table.bpf.h"
#include "lib/net.bpf.h"

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd

#define IPPROTO_TCP 6
#define IPPROTO_UDP 17

#define MSG_PEEK 2
#define MSG_ERRQUEUE 0x2000

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct sk_buff_head {
	u32 qlen;
};

struct sock {
	struct sk_buff_head sk_receive_queue;
	u16 sk_protocol;
};

struct udp_sock {
	/* packets that the reader has taken from the receive queue at once and not read yet */
	struct sk_buff_head reader_queue;
};

struct sk_buff {
	struct net_device *dev;
	struct sock *sk;
	unsigned int len;
	__be16 protocol;
	int skb_iif;
	unsigned char *data;
};

#pragma clang attribute pop

/* A packet's stamps, and the stages that begin with them; src/tracers/receive/path.ts says what they mean. */
enum receive_stage {
	STAGE_DRIVER,
	STAGE_STACK,
	STAGE_SOCKET,
	RECEIVE_STAGES,
};
NAMES(receive_stage);

struct packet {
	u64 stamps[RECEIVE_STAGES];
	u32 ifindex;
	/* inode number of the device's network namespace */
	u32 netns;
	/* bytes that were copied so far: a stream may be read in pieces */
	u32 copied;
	/* IP's number; 0: not IP, or not known yet */
	u8 protocol;
	u8 unused[3];
};

struct packet_bucket {
	struct bucket_keys keys;
	struct packet entries[BUCKET_ENTRIES];
};

/* `packets` has 2^packet_bits buckets. */
const volatile u32 packet_bits = 12;

/*
 * Key: the address until the packet is in a datagram socket, then the socket's number and the packet's in it
 * (queued_as()).
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4096);
	__type(key, u32);
	__type(value, struct packet_bucket);
} packets SEC(".maps");

static __always_inline struct packet_bucket *packet_bucket(u64 object)
{
	u32 index = object_bucket(object, packet_bits);

	return bpf_map_lookup_elem(&packets, &index);
}

/* Never a kernel address: those have all of the upper bits set. */
static __always_inline u64 queued_as(u32 socket, u32 number)
{
	return 1ULL << 63 | (u64)socket << 16 | (number & 0xffff);
}

/*
 * A packet belongs to the code that calls the hook: nobody else writes it, and `data` points to what this layer has reached.
 */

/* IP's number of the transport protocol. Extension headers of IPv6 count as themselves. */
static __always_inline u8 transport_of(const struct sk_buff *skb)
{
	const u16 ethernet = __builtin_bswap16(skb->protocol);
	u8 protocol = 0;

	if (ethernet == ETH_P_IP)
		bpf_probe_read_kernel(&protocol, 1, skb->data + 9);
	else if (ethernet == ETH_P_IPV6)
		bpf_probe_read_kernel(&protocol, 1, skb->data + 6);
	return protocol;
}

/* Bytes behind the TCP header, which `data` points to. */
static __always_inline u32 tcp_payload(const struct sk_buff *skb)
{
	u8 offset = 0;

	bpf_probe_read_kernel(&offset, 1, skb->data + 12);
	return skb->len - (offset >> 4) * 4;
}
