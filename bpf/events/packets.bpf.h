/* SPDX-License-Identifier: GPL-2.0 */
/* Packets and sockets of an event: addresses, ports, device, owner. */
#pragma once

#include "report.bpf.h"

/*
 * The process that a socket belongs to: the one that called connect() or listen(). A socket that is accepted has the
 * listener's, which the kernel copies.
 */
struct socket_owner {
	u64 start_ns;
	u64 cgroup;
	u32 pid;
	u32 unused;
	char comm[TASK_COMM_LEN];
};

/* Flag of sk_storage: a socket that is accepted gets a copy of the listener's. */
#define BPF_F_CLONE 0x200

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct socket_owner);
} owners SEC(".maps");

/* May these programs use the storage of sockets (since 5.11)? Set by the loader. */
const volatile bool keeps_owners = true;

static __always_inline struct socket_owner *owner_of(struct sock *sk)
{
	return keeps_owners ? bpf_sk_storage_get(&owners, sk, 0, 0) : 0;
}

struct ip_header {
	u8 version_ihl;
	u8 tos;
	__be16 tot_len;
	__be16 id;
	__be16 frag_off;
	u8 ttl;
	u8 protocol;
	__be16 check;
	__be32 saddr;
	__be32 daddr;
} __attribute__((packed));

struct ip6_header {
	__be32 version;
	__be16 length;
	u8 next;
	u8 hops;
	u8 saddr[16];
	u8 daddr[16];
} __attribute__((packed));

struct transport {
	__be16 sport;
	__be16 dport;
	/* of TCP only */
	__be32 seq;
	__be32 ack;
	u8 offset;
	u8 flags;
} __attribute__((packed));

/* The kernel's headers, as far as they are read by its types. */
struct iphdr {
	u8 protocol;
} __attribute__((preserve_access_index));

struct ipv6hdr {
	u8 nexthdr;
} __attribute__((preserve_access_index));

static __always_inline bool is_ip(const struct sk_buff *skb)
{
	return skb->protocol == __builtin_bswap16(ETH_P_IP) || skb->protocol == __builtin_bswap16(ETH_P_IPV6);
}

/*
 * IP's number of the transport protocol; 0: not IP, or the header is not where it should be. `casts`: the kernel has
 * bpf_rdonly_cast. The helper takes as long as all the rest of counting a drop.
 */
static __always_inline u8 protocol_of(const struct sk_buff *skb, bool casts)
{
	const bool v4 = skb->protocol == __builtin_bswap16(ETH_P_IP);
	const void *header;
	u8 protocol = 0;

	if (!is_ip(skb))
		return 0;
	header = skb->head + skb->network_header;
	if (!casts)
		bpf_probe_read_kernel(&protocol, 1, header + (v4 ? 9 : 6));
	else if (v4)
		protocol = ((struct iphdr *)bpf_rdonly_cast(header, bpf_core_type_id_kernel(struct iphdr)))->protocol;
	else
		protocol =
			((struct ipv6hdr *)bpf_rdonly_cast(header, bpf_core_type_id_kernel(struct ipv6hdr)))->nexthdr;
	return protocol;
}

/* Port that the packet goes to; 0: it has none. */
static __always_inline u16 port_of(const struct sk_buff *skb, u8 protocol)
{
	__be16 port = 0;

	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP)
		return 0;
	bpf_probe_read_kernel(&port, sizeof(port),
			      skb->head + skb->transport_header + __builtin_offsetof(struct transport, dport));
	return __builtin_bswap16(port);
}

/* Addresses, ports and TCP's numbers from the packet's headers. */
static __always_inline void set_packet(struct event *event, const struct sk_buff *skb)
{
	const unsigned char *at = skb->head + skb->network_header;
	struct transport transport = {};

	event->length = skb->len;
	if (skb->protocol == __builtin_bswap16(ETH_P_IP)) {
		struct ip_header ip = {};

		bpf_probe_read_kernel(&ip, sizeof(ip), at);
		if (ip.version_ihl >> 4 != 4)
			return;
		event->family = AF_INET;
		event->protocol = ip.protocol;
		__builtin_memcpy(event->saddr, &ip.saddr, 4);
		__builtin_memcpy(event->daddr, &ip.daddr, 4);
		/* only the first fragment has ports */
		if (ip.frag_off & __builtin_bswap16(0x1fff))
			return;
		at += (ip.version_ihl & 15) * 4;
	} else if (skb->protocol == __builtin_bswap16(ETH_P_IPV6)) {
		struct ip6_header ip = {};

		bpf_probe_read_kernel(&ip, sizeof(ip), at);
		if ((ip.version & 0xf0) != 0x60)
			return;
		event->family = AF_INET6;
		event->protocol = ip.next;
		__builtin_memcpy(event->saddr, ip.saddr, 16);
		__builtin_memcpy(event->daddr, ip.daddr, 16);
		at += sizeof(ip);
	} else {
		return;
	}
	if (event->protocol != IPPROTO_TCP && event->protocol != IPPROTO_UDP)
		return;
	bpf_probe_read_kernel(&transport, sizeof(transport), at);
	event->sport = __builtin_bswap16(transport.sport);
	event->dport = __builtin_bswap16(transport.dport);
	if (event->protocol != IPPROTO_TCP)
		return;
	event->seq = __builtin_bswap32(transport.seq);
	event->ack = __builtin_bswap32(transport.ack);
	event->tcp_flags = transport.flags;
}

/* Addresses and ports as the socket has them: from the local end to the other. */
static __always_inline void set_addresses(struct event *event, const struct sock_common *common, u8 protocol)
{
	event->family = BPF_CORE_READ(common, skc_family);
	event->protocol = protocol;
	event->sport = BPF_CORE_READ(common, skc_num);
	event->dport = __builtin_bswap16(BPF_CORE_READ(common, skc_dport));
	event->netns = BPF_CORE_READ(common, skc_net.net, ns.inum);
	event->state = BPF_CORE_READ(common, skc_state);
	if (event->family == AF_INET6) {
		BPF_CORE_READ_INTO(&event->saddr, common, skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&event->daddr, common, skc_v6_daddr);
	} else {
		BPF_CORE_READ_INTO((u32 *)event->saddr, common, skc_rcv_saddr);
		BPF_CORE_READ_INTO((u32 *)event->daddr, common, skc_daddr);
	}
}

static __always_inline void set_owner(struct event *event, const struct socket_owner *owner)
{
	if (!owner)
		return;
	event->pid = owner->pid;
	event->start_ns = owner->start_ns;
	event->cgroup = owner->cgroup;
	__builtin_memcpy(event->comm, owner->comm, TASK_COMM_LEN);
}

static __always_inline void set_device(struct event *event, const struct net_device *dev)
{
	event->ifindex = dev->ifindex;
	event->netns = BPF_CORE_READ(dev, nd_net.net, ns.inum);
	bpf_probe_read_kernel(event->device, sizeof(event->device), dev->name);
}
