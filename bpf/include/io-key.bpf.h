/* SPDX-License-Identifier: GPL-2.0 */
/* By what requests are counted. */
#pragma once

/* The CPU is part of the key so that two never write to one value. */
struct io_key {
	u32 dev;
	u8 op;
	/* bits of io_flag, or STACKED_DEVICE */
	u8 flags;
	u16 cpu;
};

/* Not a request but a bio of a device that passes bios on. */
#define STACKED_DEVICE 0x80
