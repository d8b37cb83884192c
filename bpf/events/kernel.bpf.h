/* SPDX-License-Identifier: GPL-2.0 */
/* Kernel structs of the event programs: only the members that are read. */
#pragma once

#include "lib/core.bpf.h"
#include "lib/net.bpf.h"

#define AF_INET 2
#define AF_INET6 10

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd

#define IPPROTO_TCP 6
#define IPPROTO_UDP 17

/* States of TCP that tell who owns a socket: its process calls connect() or listen(). */
#define TCP_SYN_SENT 2
#define TCP_LISTEN 10

/* States of tasks: asleep and not to be interrupted; not part of the load (a worker that waits for work). */
#define TASK_UNINTERRUPTIBLE 0x2
#define TASK_NOLOAD 0x400

/* Of dev_t, as the kernel has it. */
#define MINOR_BITS 20

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct in6_addr {
	u8 bytes[16];
} __attribute__((packed));

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	u16 skc_num;
	u16 skc_family;
	u8 skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};

struct sock_cgroup_data {
	struct cgroup *cgroup;
};

struct sock {
	struct sock_common __sk_common;
	u16 sk_protocol;
	struct sock_cgroup_data sk_cgrp_data;
};

struct socket {
	struct sock *sk;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	struct file *file;
};

struct tcp_sock {
	u32 snd_nxt;
	u32 snd_una;
	u32 rcv_nxt;
	u32 srtt_us;
};

struct sk_buff {
	struct net_device *dev;
	struct sock *sk;
	unsigned int len;
	int skb_iif;
	__be16 protocol;
	u16 network_header;
	u16 transport_header;
	unsigned char *head;
};

struct sk_buff___type {
	u8 pkt_type : 3;
};

/* Of pkt_type: to this machine. Others are broadcast, multicast, or to another machine. */
#define PACKET_HOST 0

struct request_sock {
	struct sock_common __req_common;
};

struct gendisk {
	int major;
	int first_minor;
	char disk_name[32];
};

struct request_queue {
	struct gendisk *disk;
};

struct request {
	struct request_queue *q;
	u64 __sector;
	unsigned int cmd_flags;
};

struct super_block {
	u32 s_dev;
	char s_id[32];
};

struct thermal_zone_device {
	int id;
	char type[20];
	int temperature;
};

typedef struct {
	__s64 counter;
} atomic_long_t;

struct mutex {
	atomic_long_t owner;
};

struct rw_semaphore {
	atomic_long_t owner;
};

/* since 6.16, where hung tasks are detected with their blockers */
struct semaphore {
	unsigned long last_holder;
};

/* since 6.15, likewise: address of the lock that the task waits for, and its type in the lowest bits */
struct task_struct___blocker {
	unsigned long blocker;
};

struct task_struct___io {
	unsigned in_iowait : 1;
};

/* with SCHED_INFO */
struct sched_info___arrival {
	u64 last_arrival;
};

struct rq___ticks {
	u64 nr_switches;
	u64 clock;
	/* where the kernel can be a guest */
	u64 prev_steal_time;
};

struct xfs_mount {
	struct super_block *m_super;
};

struct mce {
	u64 status;
	u64 addr;
	u8 bank;
	u32 extcpu;
};

#pragma clang attribute pop
