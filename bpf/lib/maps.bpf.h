/* SPDX-License-Identifier: GPL-2.0 */
/* Map shapes that every tracer uses. */
#pragma once

/*
 * One struct per possible CPU, written only by that CPU (so plain additions are enough) and read by memory mapping,
 * without a system call. The loader sets max_entries to the number of possible CPUs.
 */
#define CPU_SHARDS(map_name, shard_type)           \
	struct {                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);  \
		__uint(map_flags, BPF_F_MMAPABLE); \
		__uint(max_entries, 1);            \
		__type(key, u32);                  \
		__type(value, shard_type);         \
	} map_name SEC(".maps")

/* Records for user space. Readers drain it on their tick, so writers pass BPF_RB_NO_WAKEUP. */
#define RING(map_name, bytes)                       \
	struct {                                    \
		__uint(type, BPF_MAP_TYPE_RINGBUF); \
		__uint(max_entries, bytes);         \
	} map_name SEC(".maps")

/*
 * Puts a struct that is in no map definition (records of rings and iterators) into the object's BTF, so that a decoder
 * is generated.
 */
#define RECORD(name) struct name *record_##name __attribute__((unused))

/* Likewise for an enum whose names and values user space needs; the comments stay here. */
#define NAMES(name) enum name *names_##name __attribute__((unused))
