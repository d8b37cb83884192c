/* SPDX-License-Identifier: GPL-2.0 */
/* The kind of a request: device, operation and flags, as the key of a store (lib/keyed-store.bpf.h). */
#pragma once

/* A kind as a word: its flags (of io_flag), and from these bits on the rest. */
enum io_key_layout {
	KEY_OP_SHIFT = 8,
	KEY_DEV_SHIFT = 16,
	/* 1: a kind; the word of a free entry is 0 */
	KEY_IN_USE_SHIFT = 48,
};
NAMES(io_key_layout);

static __always_inline u64 kind_of(u32 dev, u8 op, u8 flags)
{
	return 1ULL << KEY_IN_USE_SHIFT | (u64)dev << KEY_DEV_SHIFT | op << KEY_OP_SHIFT | flags;
}
