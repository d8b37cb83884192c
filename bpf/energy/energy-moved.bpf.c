// SPDX-License-Identifier: GPL-2.0
/*
 * Bytes that processes move, to divide the energy of disks and network devices: what they send and receive through sockets
 * of the internet protocols, and the storage IO of threads that end; that of living ones is in /proc. Loaded only where that
 * energy is known. The tracepoints of sockets exist since 6.4 and are called once for each call of send or receive.
 */
#include "lib/core.bpf.h"
#include "lib/duration.bpf.h"
#include "lib/maps.bpf.h"

#define AF_INET 2
#define AF_INET6 10
#define MSG_PEEK 2
#define IFF_LOOPBACK 8

struct moved_key {
	/* of the process, CLOCK_BOOTTIME */
	u64 start;
	u32 tgid;
	u32 unused;
};

/* Since start. */
struct moved {
	/* sent and received */
	u64 network;
	/* from and to storage, by threads that have ended since then */
	u64 read;
	u64 written;
};

/* The processes that were silent for longest give way. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct moved_key);
	__type(value, struct moved);
} moves SEC(".maps");

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct task_io_accounting {
	u64 read_bytes;
	u64 write_bytes;
};

struct task_struct___io {
	struct task_io_accounting ioac;
};

struct net_device {
	unsigned int flags;
};

struct dst_entry {
	struct net_device *dev;
};

struct sock_common {
	unsigned short skc_family;
	u32 skc_rcv_saddr;
};

struct sock {
	struct sock_common __sk_common;
	struct dst_entry *sk_dst_cache;
};

#pragma clang attribute pop

/* Does it stay within the machine? Sockets that are not connected have no route of theirs: their own address decides. */
static __always_inline bool is_local(struct sock *sk)
{
	struct dst_entry *route = sk->sk_dst_cache;

	if (route && BPF_CORE_READ(route, dev, flags) & IFF_LOOPBACK)
		return true;
	return sk->__sk_common.skc_family == AF_INET && (sk->__sk_common.skc_rcv_saddr & 0xff) == 127;
}

static __always_inline void add_moved(struct task_struct *task, u64 network, u64 read, u64 written)
{
	struct moved_key key = {};
	struct moved *known, first = { .network = network, .read = read, .written = written };

	key.tgid = BPF_CORE_READ(task, tgid);
	key.start = BPF_CORE_READ(task, group_leader, start_boottime);
	known = bpf_map_lookup_elem(&moves, &key);
	if (!known) {
		if (!bpf_map_update_elem(&moves, &key, &first, BPF_NOEXIST))
			return;
		/* another thread of the process was first */
		known = bpf_map_lookup_elem(&moves, &key);
		if (!known)
			return;
	}
	shared_add(&known->network, network);
	shared_add(&known->read, read);
	shared_add(&known->written, written);
}

static __always_inline int add_bytes(struct sock *sk, int bytes)
{
	unsigned short family = sk->__sk_common.skc_family;

	if (bytes > 0 && (family == AF_INET || family == AF_INET6) && !is_local(sk))
		add_moved((void *)bpf_get_current_task(), bytes, 0, 0);
	return 0;
}

/*
 * Why here: the last moment at which its counters can be read; a process that ends between two reads leaves no other trace.
 * Cost: 0.2 µs for each thread that ends after storage IO, that of an empty program for others.
 * Loses: processes that found the map full of busier ones.
 */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(mover_ends, struct task_struct *task)
{
	struct task_struct___io *io = (void *)task;
	u64 read, written;

	if (!bpf_core_field_exists(io->ioac))
		return 0;
	read = BPF_CORE_READ(io, ioac.read_bytes);
	written = BPF_CORE_READ(io, ioac.write_bytes);
	if (read || written)
		add_moved(task, 0, read, written);
	return 0;
}

/*
 * Why here: in the context of the process that sends, with the number of bytes that were taken.
 * Cost: 0.1 µs for each call.
 * Loses: what the kernel sends by itself (acknowledgements, headers, network file systems).
 */
SEC("tp_btf/sock_send_length")
int BPF_PROG(network_sent, struct sock *sk, int ret, int flags)
{
	return add_bytes(sk, ret);
}

/* As network_sent. */
SEC("tp_btf/sock_recv_length")
int BPF_PROG(network_received, struct sock *sk, int ret, int flags)
{
	return flags & MSG_PEEK ? 0 : add_bytes(sk, ret);
}

char LICENSE[] SEC("license") = "GPL";
