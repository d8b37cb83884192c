/* SPDX-License-Identifier: GPL-2.0 */
/* Disks, file systems, temperatures, hardware errors. None of these hooks runs unless something is wrong. */
#pragma once

#include "report.bpf.h"

/*
 * Why here: a request has failed, with the kernel's status.
 * Cost: none else. Loses: nothing.
 */
SEC("tp_btf/block_rq_error")
int block_rq_error(u64 *ctx)
{
	struct request *rq = (void *)ctx[0];
	u32 status = (u8)ctx[1];
	struct gendisk *disk = BPF_CORE_READ(rq, q, disk);
	struct event_key key = {};
	struct event *event;

	if (disk)
		key.object = (u64)BPF_CORE_READ(disk, major) << MINOR_BITS | BPF_CORE_READ(disk, first_minor);
	event = begin_event(EVENT_BLOCK_ERROR, status, &key, (u32)ctx[2], disk ? disk->disk_name : 0, true);
	if (!event)
		return 0;
	event->object = key.object;
	event->length = (u32)ctx[2];
	event->values[0] = BPF_CORE_READ(rq, __sector);
	event->values[1] = BPF_CORE_READ(rq, cmd_flags);
	if (disk)
		bpf_probe_read_kernel(event->text, sizeof(disk->disk_name), disk->disk_name);
	send_event(ctx, event);
	return 0;
}

static __always_inline int fs_event(u64 *ctx, u32 reason, struct super_block *sb, const void *text, u64 value)
{
	struct event_key key = { .object = sb->s_dev };
	struct event *event;

	event = begin_event(EVENT_FS_ERROR, reason, &key, 0, sb->s_id, true);
	if (!event)
		return 0;
	bpf_probe_read_kernel(event->device, sizeof(event->device), sb->s_id);
	bpf_probe_read_kernel_str(event->text, sizeof(event->text), text);
	event->values[0] = value;
	send_event(ctx, event);
	return 0;
}

/* Why here: ext4 has found its structures damaged. Cost: none else. Loses: nothing. */
SEC("tp_btf/ext4_error")
int ext4_error(u64 *ctx)
{
	return fs_event(ctx, FS_EXT4_ERROR, (void *)ctx[0], (void *)ctx[1], (u32)ctx[2]);
}

/* Why here: XFS stops to protect itself. Cost: none else. Loses: nothing. */
SEC("tp_btf/xfs_force_shutdown")
int xfs_force_shutdown(u64 *ctx)
{
	struct xfs_mount *mount = (void *)ctx[0];

	return fs_event(ctx, FS_XFS_SHUTDOWN, mount->m_super, (void *)ctx[3], (u32)ctx[2]);
}

/* Why here: a temperature has passed one of its trip points. Cost: none else. Loses: nothing. */
SEC("tp_btf/thermal_zone_trip")
int thermal_zone_trip(u64 *ctx)
{
	struct thermal_zone_device *zone = (void *)ctx[0];
	u32 reason = (u32)ctx[2];
	struct event_key key = { .object = (u32)zone->id };
	struct event *event;

	event = begin_event(EVENT_THERMAL, reason, &key, 0, zone->type, true);
	if (!event)
		return 0;
	bpf_probe_read_kernel(event->text, sizeof(zone->type), zone->type);
	/* thousandths of a degree */
	event->values[0] = (s64)BPF_CORE_READ(zone, temperature);
	event->values[1] = (u32)ctx[1];
	send_event(ctx, event);
	return 0;
}

static __always_inline int hardware_event(u64 *ctx, u32 reason, const void *text, u64 a, u64 b, u64 c, u64 d)
{
	struct event_key key = {};
	struct event *event;

	event = begin_event(EVENT_HARDWARE, reason, &key, 0, 0, true);
	if (!event)
		return 0;
	if (text)
		bpf_probe_read_kernel_str(event->text, sizeof(event->text), text);
	event->values[0] = a;
	event->values[1] = b;
	event->values[2] = c;
	event->values[3] = d;
	send_event(ctx, event);
	return 0;
}

/* Why here: a memory controller has found an error, corrected or not. Cost: none else. Loses: nothing. */
SEC("tp_btf/mc_event")
int mc_event(u64 *ctx)
{
	/* type, number of errors, controller, address; the text is the label of the module */
	return hardware_event(ctx, HARDWARE_MEMORY, (void *)ctx[2], (u32)ctx[0], (u32)ctx[3], (u8)ctx[4], ctx[8]);
}

/* Why here: the CPU reports an error. Cost: none else. Loses: nothing. */
SEC("tp_btf/mce_record")
int mce_record(u64 *ctx)
{
	struct mce *mce = (void *)ctx[0];

	return hardware_event(ctx, HARDWARE_MACHINE_CHECK, 0, BPF_CORE_READ(mce, status), BPF_CORE_READ(mce, addr),
			      BPF_CORE_READ(mce, bank), BPF_CORE_READ(mce, extcpu));
}

/* Why here: an error on PCI Express. Cost: none else. Loses: nothing. */
SEC("tp_btf/aer_event")
int aer_event(u64 *ctx)
{
	return hardware_event(ctx, HARDWARE_PCIE, (void *)ctx[0], (u32)ctx[1], (u8)ctx[2], 0, 0);
}

/* Why here: an error that the firmware reports of an ARM processor. Cost: none else. Loses: nothing. */
SEC("tp_btf/arm_event")
int arm_event(u64 *ctx)
{
	return hardware_event(ctx, HARDWARE_ARM, 0, 0, 0, 0, 0);
}

/* Why here: an error that the firmware reports in no common format. Cost: none else. Loses: nothing. */
SEC("tp_btf/non_standard_event")
int non_standard_event(u64 *ctx)
{
	return hardware_event(ctx, HARDWARE_OTHER, (void *)ctx[2], (u8)ctx[3], 0, 0, 0);
}
