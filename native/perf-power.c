// SPDX-License-Identifier: Apache-2.0
/*
 * A counting perf event: opened by number, read, closed. Energy counters (the `power` PMU) and CPU cycles are read with
 * it; the caller knows the meaning of the event.
 */
#include "addon.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

int wl_counter_open(struct wl_counter *counter, uint32_t type, uint64_t config, uint32_t cpu, struct wl_error *e)
{
	/* Nothing may be excluded: PMUs that cannot tell user from kernel, power among them, refuse to try. */
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = type,
		.config = config,
		.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
		/*
		 * On the hardware all the time or in error: never for a part of the time that would pass as the whole.
		 */
		.pinned = 1,
	};

	counter->fd = (int)syscall(SYS_perf_event_open, &attr, -1, (int)cpu, -1, PERF_FLAG_FD_CLOEXEC);
	if (counter->fd < 0)
		return wl_refused(e, errno, "perf event %u/0x%llx on CPU %u", type, (unsigned long long)config, cpu);
	return 0;
}

int wl_counter_read(struct wl_counter *counter, struct wl_count *count, struct wl_error *e)
{
	ssize_t n;

	if (counter->fd < 0)
		return wl_misuse(e, "the counter is closed");
	n = read(counter->fd, count, sizeof(*count));
	if (n < 0)
		return wl_refused(e, errno, "%s", "");
	/* An event whose hardware went away is at its end of file. */
	return n == sizeof(*count) ? 0 : wl_refused(e, ENODEV, "%s", "");
}

void wl_counter_close(struct wl_counter *counter)
{
	if (counter->fd >= 0)
		close(counter->fd);
	counter->fd = -1;
}

int wl_clock_open(uint32_t cpu, uint32_t frequency, struct wl_error *e)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_freq = frequency,
		.freq = 1,
		.exclude_idle = 1,
	};
	int fd = (int)syscall(SYS_perf_event_open, &attr, -1, (int)cpu, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? wl_refused(e, errno, "perf clock of CPU %u", cpu) : fd;
}
