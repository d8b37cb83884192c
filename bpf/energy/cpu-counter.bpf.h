/* SPDX-License-Identifier: GPL-2.0 */
/* A perf counter of each CPU, read at context switches: the difference belongs to the task that ran since the switch before. */
#pragma once

#define BPF_F_CURRENT_CPU 0xffffffffull

/* The perf event of each CPU, opened and stored by the loader. */
struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(u32));
	__uint(value_size, sizeof(u32));
} counters SEC(".maps");

/* This CPU's counter. False: it cannot be read: its errors are the numbers right below 0, which no counter reaches. */
static __always_inline bool read_counter(u64 *counter)
{
	*counter = bpf_perf_event_read(&counters, BPF_F_CURRENT_CPU);
	return (s64)*counter >= 0;
}
