// SPDX-License-Identifier: GPL-2.0
/*
 * Events: what the kernel reports of single packets, connections, processes, disks and CPUs. report.bpf.h counts
 * and reports them; every program here determines the event and its process, socket or device. Each is optional: a kernel without
 * its hook lacks that kind of event only.
 */
#include "lib/core.bpf.h"
#include "report.bpf.h"
#include "packets.bpf.h"
#include "latency.bpf.h"
#include "memory.bpf.h"
#include "tasks.bpf.h"
#include "ticks.bpf.h"
#include "devices.bpf.h"

char LICENSE[] SEC("license") = "GPL";

/* Arguments that the kernel's tracepoints have, set by the loader. */
const volatile u32 kfree_skb_args = 4;
const volatile u32 retransmit_args = 3;
const volatile u32 send_reset_args = 3;
/* Number of the reason IP_INNOROUTES; 0: this kernel has none. */
const volatile u32 no_route_reason = 0;

static __always_inline int packet_dropped(u64 *ctx, bool casts)
{
	struct sk_buff *skb = (void *)ctx[0];
	/* 2: not specified. 1: not a drop, as 0 */
	u32 reason = kfree_skb_args > 2 ? ctx[2] : 2;
	struct socket_owner *owner = 0;
	struct net_device *dev;
	struct sock *sk = 0;
	bool received = false;
	struct event_key key = { .location = ctx[1] };
	struct event *event;

	if (reason < 2)
		return 0;
	/* groups of neighbours that this machine has not joined: each network has them all day */
	if (reason == no_route_reason &&
	    BPF_CORE_READ_BITFIELD_PROBED((struct sk_buff___type *)skb, pkt_type) != PACKET_HOST)
		reason = DROP_GROUP;
	if (kfree_skb_args > 3)
		sk = (void *)ctx[3];
	if (sk)
		received = true;
	else
		sk = skb->sk;
	dev = skb->dev;
	if (sk) {
		owner = owner_of(sk);
		key.netns = sk->__sk_common.skc_net.net->ns.inum;
		if (owner)
			key.pid = owner->pid;
		/* of a packet in flight the port is the sender's, one of thousands: only that of a receiver names a row */
		else if (received)
			key.port = sk->__sk_common.skc_num;
	}
	if (dev) {
		key.object = dev->ifindex;
		/* of a packet in flight the socket is the sender's, which may be in another namespace */
		if (!received || !key.netns)
			key.netns = dev->nd_net.net->ns.inum;
	}
	key.protocol = protocol_of(skb, casts);
	key.family = skb->protocol == __builtin_bswap16(ETH_P_IP)   ? AF_INET :
		     skb->protocol == __builtin_bswap16(ETH_P_IPV6) ? AF_INET6 :
								      0;
	event = begin_event(EVENT_DROP, reason, &key, skb->len,
			    owner	     ? owner->comm :
			    dev && !key.port ? dev->name :
					       0,
			    true);
	if (!event)
		return 0;
	event->values[3] = key.port;
	event->location = key.location;
	if (sk && sk->__sk_common.skc_family != 0) {
		event->state = sk->__sk_common.skc_state;
		event->values[0] = (u64)sk;
	}
	set_packet(event, skb);
	if (dev)
		set_device(event, dev);
	event->netns = key.netns;
	set_owner(event, owner);
	send_event(ctx, event);
	return 0;
}

/*
 * Why here: every packet that the kernel drops is freed here, with the reason and the place.
 * Cost: 26 ns where it is counted only, 1 µs more with a record, and on a CPU that was idle 5 to 20 for its stack, which each group
 * has once a second; nothing for packets that are freed as usual, which have another hook.
 * Loses: drops in an interrupt of this program itself (`recursion`).
 */
SEC("tp_btf/kfree_skb")
int kfree_skb(u64 *ctx)
{
	return packet_dropped(ctx, true);
}

/* The same on kernels before 6.2. Cost: 52 ns. */
SEC("tp_btf/kfree_skb")
int kfree_skb_helped(u64 *ctx)
{
	return packet_dropped(ctx, false);
}

/*
 * Why here: the process that calls connect() or listen() runs here, so it owns the socket; elsewhere packets of a socket
 * come in interrupts of any process.
 * Cost: 0.3 µs for a connection that this machine opens; a comparison for other changes of state.
 * Loses: the owner of sockets that are older than this program, and of sockets without connections: see file_owners.
 */
SEC("tp_btf/inet_sock_set_state")
int inet_sock_set_state(u64 *ctx)
{
	struct sock *sk = (void *)ctx[0];
	int state = (int)ctx[2];
	struct task_struct *task;
	struct socket_owner *owner;

	if (state != TCP_SYN_SENT && state != TCP_LISTEN)
		return 0;
	owner = bpf_sk_storage_get(&owners, sk, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!owner)
		return 0;
	task = (void *)bpf_get_current_task();
	owner->pid = bpf_get_current_pid_tgid() >> 32;
	owner->start_ns = BPF_CORE_READ(task, group_leader, start_time);
	owner->cgroup = cgroup_of(task);
	bpf_get_current_comm(owner->comm, sizeof(owner->comm));
	return 0;
}

/*
 * Why here: a socket that is older than this program, or that never connects (datagrams), has passed none of the above;
 * the open files of processes say who has it. Of several processes the one with the lowest number is the owner. Writes
 * the process of each socket whose owner was not known.
 * Cost: 0.2 µs per open file of the machine, in the reading thread's time: once at the start, then only while events have
 * sockets without an owner.
 * Loses: sockets that no process has open any more.
 */
SEC("iter/task_file")
int file_owners(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct socket_owner *owner;
	struct socket *socket;
	struct sock *sk;
	u16 family;

	if (!task || !file)
		return 0;
	socket = bpf_sock_from_file(file);
	if (!socket)
		return 0;
	sk = socket->sk;
	if (!sk)
		return 0;
	family = sk->__sk_common.skc_family;
	if (family != AF_INET && family != AF_INET6)
		return 0;
	owner = bpf_sk_storage_get(&owners, sk, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!owner || owner->pid)
		return 0;
	owner->start_ns = BPF_CORE_READ(task, group_leader, start_time);
	owner->cgroup = cgroup_of(task);
	bpf_probe_read_kernel(owner->comm, sizeof(owner->comm), BPF_CORE_READ(task, group_leader, comm));
	owner->pid = task->tgid;
	bpf_seq_write(ctx->meta->seq, &owner->pid, sizeof(owner->pid));
	return 0;
}

/* An event of a TCP connection. */
static __always_inline int connection_event(u64 *ctx, u32 kind, u32 reason, struct sock *sk, const struct sk_buff *skb)
{
	struct socket_owner *owner = owner_of(sk);
	struct event_key key = { .protocol = IPPROTO_TCP };
	struct event *event;

	key.netns = sk->__sk_common.skc_net.net->ns.inum;
	key.family = sk->__sk_common.skc_family;
	if (owner)
		key.pid = owner->pid;
	else
		key.object = __builtin_bswap16(sk->__sk_common.skc_dport);
	event = begin_event(kind, reason, &key, skb ? skb->len : 0, owner ? owner->comm : 0, true);
	if (!event)
		return 0;
	set_addresses(event, &sk->__sk_common, IPPROTO_TCP);
	event->seq = BPF_CORE_READ((struct tcp_sock *)sk, snd_una);
	event->ack = BPF_CORE_READ((struct tcp_sock *)sk, rcv_nxt);
	event->values[0] = (u64)sk;
	event->values[1] = BPF_CORE_READ((struct tcp_sock *)sk, srtt_us) >> 3;
	if (skb)
		event->length = skb->len;
	set_owner(event, owner);
	send_event(ctx, event);
	return 0;
}

struct inet_connection_sock {
	u8 icsk_ca_state : 5;
	u8 icsk_pending;
} __attribute__((preserve_access_index));

/* Of tcp_ca_state: from here on a loss is known, and segments are sent again for that. */
#define TCP_CA_RECOVERY 3
/* Of icsk_pending. */
#define ICSK_TIME_LOSS_PROBE 5

/*
 * Why here: every segment that TCP sends again.
 * Cost: as a drop.
 * Loses: nothing. A packet of several segments (GSO) is one event; TcpRetransSegs counts its segments.
 */
SEC("tp_btf/tcp_retransmit_skb")
int tcp_retransmit_skb(u64 *ctx)
{
	struct sock *sk = (void *)ctx[0];
	struct sk_buff *skb = (void *)ctx[1];
	u32 reason = BPF_CORE_READ_BITFIELD_PROBED((struct inet_connection_sock *)sk, icsk_ca_state);

	/* since 6.17 also where it could not be sent */
	if (retransmit_args > 2 && (int)ctx[2])
		reason = RETRANSMIT_FAILED;
	else if (sk->__sk_common.skc_state == TCP_SYN_SENT)
		reason = RETRANSMIT_SYN;
	else if (reason < TCP_CA_RECOVERY &&
		 BPF_CORE_READ((struct inet_connection_sock *)sk, icsk_pending) == ICSK_TIME_LOSS_PROBE)
		reason = RETRANSMIT_TLP;
	return connection_event(ctx, EVENT_RETRANSMIT, reason, sk, skb);
}

/* Why here: the answer to a new connection that was sent again. Cost, loses: as above. */
SEC("tp_btf/tcp_retransmit_synack")
int tcp_retransmit_synack(u64 *ctx)
{
	struct sock *sk = (void *)ctx[0];

	return connection_event(ctx, EVENT_RETRANSMIT, RETRANSMIT_SYNACK, sk, 0);
}

/*
 * Why here: this machine refuses or ends a connection. Without a socket (a closed port) only the packet says whose.
 * Cost, loses: as above.
 */
SEC("tp_btf/tcp_send_reset")
int tcp_send_reset(u64 *ctx)
{
	struct sock *sk = (void *)ctx[0];
	struct sk_buff *skb = (void *)ctx[1];
	u32 reason = send_reset_args > 2 ? ctx[2] : 0;
	struct event_key key = { .protocol = IPPROTO_TCP };
	struct net_device *dev;
	struct event *event;

	if (sk)
		return connection_event(ctx, EVENT_RESET_SENT, reason, sk, skb);
	dev = skb ? skb->dev : 0;
	if (dev) {
		key.object = dev->ifindex;
		key.netns = dev->nd_net.net->ns.inum;
	}
	event = begin_event(EVENT_RESET_SENT, reason, &key, 0, dev ? dev->name : 0, true);
	if (!event)
		return 0;
	if (skb)
		set_packet(event, skb);
	event->netns = key.netns;
	if (dev)
		set_device(event, dev);
	send_event(ctx, event);
	return 0;
}

/* Why here: the other end has refused or ended a connection. Cost, loses: as above. */
SEC("tp_btf/tcp_receive_reset")
int tcp_receive_reset(u64 *ctx)
{
	return connection_event(ctx, EVENT_RESET_RECEIVED, 0, (void *)ctx[0], 0);
}

/* A queue or a limit of a socket is full. */
static __always_inline int overflow(u64 *ctx, u32 reason, struct sock *sk)
{
	struct socket_owner *owner = owner_of(sk);
	struct event_key key = { .protocol = sk->sk_protocol };
	struct event *event;

	key.netns = sk->__sk_common.skc_net.net->ns.inum;
	key.family = sk->__sk_common.skc_family;
	if (owner)
		key.pid = owner->pid;
	else
		key.port = sk->__sk_common.skc_num;
	event = begin_event(EVENT_OVERFLOW, reason, &key, 0, owner ? owner->comm : 0, true);
	if (!event)
		return 0;
	event->values[3] = key.port;
	set_addresses(event, &sk->__sk_common, sk->sk_protocol);
	event->values[0] = (u64)sk;
	set_owner(event, owner);
	send_event(ctx, event);
	return 0;
}

/* Why here: the receive queue of a socket is full. Cost: as a drop. Loses: nothing. */
SEC("tp_btf/sock_rcvqueue_full")
int sock_rcvqueue_full(u64 *ctx)
{
	return overflow(ctx, OVERFLOW_RECEIVE_QUEUE, (void *)ctx[0]);
}

/* Why here: the memory of a protocol is at its limit. Cost: as a drop. Loses: nothing. */
SEC("tp_btf/sock_exceed_buf_limit")
int sock_exceed_buf_limit(u64 *ctx)
{
	return overflow(ctx, OVERFLOW_BUFFER_LIMIT, (void *)ctx[0]);
}

/* Why here: a transmit queue of a network device has not moved for seconds. Cost: none else. Loses: nothing. */
SEC("tp_btf/net_dev_xmit_timeout")
int net_dev_xmit_timeout(u64 *ctx)
{
	struct net_device *dev = (void *)ctx[0];
	struct event_key key = { .object = dev->ifindex, .netns = dev->nd_net.net->ns.inum };
	struct event *event;

	event = begin_event(EVENT_TX_TIMEOUT, 0, &key, 0, dev->name, true);
	if (!event)
		return 0;
	set_device(event, dev);
	event->values[0] = (u32)ctx[1];
	send_event(ctx, event);
	return 0;
}
