/* SPDX-License-Identifier: GPL-2.0 */
/* Devices and namespaces of the network, as far as they are read. */
#pragma once

#include "lib/core.bpf.h"

#define IFNAMSIZ 16

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct net_device {
	char name[IFNAMSIZ];
	int ifindex;
	possible_net_t nd_net;
};

#pragma clang attribute pop
