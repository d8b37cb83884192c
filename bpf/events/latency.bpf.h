/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Received packets that took too long: from the driver to the protocols, through them, and from there to the process that
 * reads. Loaded only where the user asks for it: every packet passes these hooks.
 */
#pragma once

#include "packets.bpf.h"
#include "lib/object-table.bpf.h"

enum receive_latency_reason {
	RECEIVE_DRIVER,
	RECEIVE_PROTOCOL,
	RECEIVE_COPY,
	RECEIVE_STAGES,
};
NAMES(receive_latency_reason);

/* Longest times that are no event, ns. */
const volatile u64 receive_driver_ns = 5000000;
const volatile u64 receive_protocol_ns = 10000000;
const volatile u64 receive_copy_ns = 115000000;

/* A packet in flight, by its address; another one may take its entry: then its times are not known. */
struct received {
	u64 packet;
	u64 driver_ns;
	u64 stack_ns;
	u32 ifindex;
	u32 netns;
};

#define RECEIVED_BITS 12

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << RECEIVED_BITS);
	__type(key, u32);
	__type(value, struct received);
} received SEC(".maps");

static __always_inline struct received *received_of(u64 packet)
{
	u32 index = object_bucket(packet, RECEIVED_BITS);

	return bpf_map_lookup_elem(&received, &index);
}

static __always_inline int from_driver(u64 address)
{
	struct received *entry = received_of(address);

	if (!entry)
		return 0;
	entry->packet = address;
	entry->driver_ns = bpf_ktime_get_ns();
	entry->stack_ns = 0;
	return 0;
}

/* Why here: the driver hands the packet over. Cost: 40 ns. Loses: packets whose entry another one takes. */
SEC("tp_btf/netif_rx")
int latency_netif_rx(u64 *ctx)
{
	return from_driver(ctx[0]);
}

SEC("tp_btf/napi_gro_receive_entry")
int latency_gro(u64 *ctx)
{
	return from_driver(ctx[0]);
}

SEC("tp_btf/napi_gro_frags_entry")
int latency_gro_frags(u64 *ctx)
{
	return from_driver(ctx[0]);
}

/* A packet that took `ns`, if that is more than `most`. */
static __always_inline int late_packet(u64 *ctx, u32 reason, u64 ns, u64 most, struct sk_buff *skb, struct sock *sk,
				       const struct received *entry)
{
	struct socket_owner *owner = sk ? owner_of(sk) : 0;
	struct event_key key = { .object = entry->ifindex, .netns = entry->netns };
	struct event *event;

	if (ns <= most || ns >> 63)
		return 0;
	key.protocol = sk ? sk->sk_protocol : protocol_of(skb, false);
	if (owner)
		key.pid = owner->pid;
	else
		key.port = sk ? BPF_CORE_READ(sk, __sk_common.skc_num) : port_of(skb, key.protocol);
	event = begin_event(EVENT_RECEIVE_LATENCY, reason, &key, ns, owner ? owner->comm : 0, true);
	if (!event)
		return 0;
	event->ifindex = entry->ifindex;
	event->netns = entry->netns;
	event->values[0] = ns;
	event->values[3] = key.port;
	if (sk)
		set_addresses(event, &sk->__sk_common, sk->sk_protocol);
	else
		set_packet(event, skb);
	set_owner(event, owner);
	send_event(ctx, event);
	return 0;
}

/* Why here: the protocols get the packet. Cost: 50 ns. Loses: as above. */
SEC("tp_btf/netif_receive_skb")
int latency_stack(u64 *ctx)
{
	struct sk_buff *skb = (void *)ctx[0];
	struct received *entry = received_of((u64)skb);
	u64 now = bpf_ktime_get_ns();
	bool known;

	if (!entry)
		return 0;
	known = entry->packet == (u64)skb && entry->driver_ns;
	entry->packet = (u64)skb;
	entry->stack_ns = now;
	entry->ifindex = skb->dev->ifindex;
	entry->netns = skb->dev->nd_net.net->ns.inum;
	return known ? late_packet(ctx, RECEIVE_DRIVER, now - entry->driver_ns, receive_driver_ns, skb, 0, entry) : 0;
}

/* Why here: a segment is at its TCP socket. Cost: 50 ns. Loses: as above; UDP has no such hook. */
SEC("tp_btf/tcp_probe")
int latency_protocol(u64 *ctx)
{
	struct sock *sk = (void *)ctx[0];
	struct sk_buff *skb = (void *)ctx[1];
	struct received *entry = skb ? received_of((u64)skb) : 0;

	if (!sk || !entry || entry->packet != (u64)skb || !entry->stack_ns)
		return 0;
	return late_packet(ctx, RECEIVE_PROTOCOL, bpf_ktime_get_ns() - entry->stack_ns, receive_protocol_ns, skb, sk,
			   entry);
}

/*
 * Why here: TCP and datagrams in more than one piece of memory are copied to the process.
 * Cost: 50 ns.
 * Loses: as above, and datagrams in one piece, which are copied without a hook.
 */
SEC("tp_btf/skb_copy_datagram_iovec")
int latency_copy(u64 *ctx)
{
	struct sk_buff *skb = (void *)ctx[0];
	struct sock *sk = skb->sk;
	struct received *entry = received_of((u64)skb);
	u64 stack;

	/* messages of netlink, of local sockets and what a tunnel sends come by here too, in memory that was a received packet's */
	if (!entry || entry->packet != (u64)skb || !entry->stack_ns || !skb->skb_iif || !is_ip(skb))
		return 0;
	/* only the first piece: the rest waits for a process that reads */
	stack = entry->stack_ns;
	entry->stack_ns = 0;
	return late_packet(ctx, RECEIVE_COPY, bpf_ktime_get_ns() - stack, receive_copy_ns, skb, sk, entry);
}

/*
 * Why here: a datagram in one piece is freed once a process has read it; packets that this machine sends have no receiving
 * device.
 * Cost: 40 ns for every packet that is freed.
 * Loses: as above, and all of them on kernels that free them later and elsewhere, without this hook.
 */
SEC("tp_btf/consume_skb")
int latency_datagram(u64 *ctx)
{
	struct sk_buff *skb = (void *)ctx[0];
	struct received *entry = received_of((u64)skb);
	u64 stack;

	if (!entry || entry->packet != (u64)skb)
		return 0;
	stack = entry->stack_ns;
	entry->stack_ns = 0;
	entry->packet = 0;
	if (!stack || !skb->skb_iif || protocol_of(skb, false) != IPPROTO_UDP)
		return 0;
	return late_packet(ctx, RECEIVE_COPY, bpf_ktime_get_ns() - stack, receive_copy_ns, skb, 0, entry);
}
