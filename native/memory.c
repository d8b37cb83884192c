// SPDX-License-Identifier: Apache-2.0
/* Releases memory that only start-up needed. */
#include "addon.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/userfaultfd.h>
#include <malloc.h>
#include <node_api.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC (1 << 15)
#endif

/* A mapping of /proc/self/smaps. */
struct mapping {
	unsigned long from, to;
	char permissions[5];
	char path[PATH_MAX];
};

/*
 * Whether this is the first line of a mapping with a file. Its path may have blanks. `m` stays as it is on other lines:
 * some begin with a hexadecimal digit, such as "Anonymous".
 */
static bool begins_mapping(char *line, struct mapping *m)
{
	unsigned long from, to;
	char permissions[5];
	int path = 0;

	line[strcspn(line, "\n")] = '\0';
	if (sscanf(line, "%lx-%lx %4s %*s %*s %*s %n", &from, &to, permissions, &path) != 3 || path == 0)
		return false;
	m->from = from;
	m->to = to;
	memcpy(m->permissions, permissions, sizeof(permissions));
	snprintf(m->path, sizeof(m->path), "%s", line + path);
	return true;
}

/*
 * The kernel maps sixteen pages around one that is read again, most of which nothing needs. It maps that page only where
 * userfaultfd watches writes; watching that asks nobody (Linux 6.7) is possible for any mapping, and these are never written.
 */
static void map_single_pages(unsigned long from, unsigned long to)
{
	static int watch = -1;
	static bool tried;
	struct uffdio_register range = {
		.range = { .start = from, .len = to - from },
		.mode = UFFDIO_REGISTER_MODE_WP,
	};

	if (!tried) {
		struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_WP_ASYNC };

		tried = true;
		watch = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
		if (watch >= 0 && ioctl(watch, UFFDIO_API, &api) != 0) {
			close(watch);
			watch = -1;
		}
	}
	/* Refused: the pages around are mapped as well. */
	if (watch >= 0)
		(void)ioctl(watch, UFFDIO_REGISTER, &range);
}

/*
 * Drops the pages of the executable and of libraries that only start-up needed from our address space; they are read again from
 * the page cache when they are needed after all. Only mappings that cannot be written and have no private page, in memory or in
 * swap: pages changed by relocation are in no file.
 */
static size_t drop_files(void)
{
	char line[PATH_MAX + 128];
	struct mapping m = { 0 };
	unsigned long own = 0;
	bool candidate = false;
	size_t dropped = 0;
	FILE *maps = fopen("/proc/self/smaps", "re");

	if (!maps)
		return 0;
	while (fgets(line, sizeof(line), maps)) {
		unsigned long kilobytes;

		if (begins_mapping(line, &m)) {
			own = 0;
			candidate = m.permissions[1] == '-' && m.permissions[3] == 'p' && m.path[0] == '/';
		} else if (sscanf(line, "Anonymous: %lu kB", &kilobytes) == 1) {
			own += kilobytes;
		} else if (candidate && sscanf(line, "Swap: %lu kB", &kilobytes) == 1) {
			candidate = false;
			if (own + kilobytes > 0)
				continue;
			map_single_pages(m.from, m.to);
			if (madvise((void *)m.from, m.to - m.from, MADV_DONTNEED) == 0)
				dropped += m.to - m.from;
		}
	}
	fclose(maps);
	return dropped;
}

size_t wl_release_memory(struct wl_kernel_btf *kernel)
{
	/* Five megabytes; a later question loads it again. */
	wl_btf_free(kernel);
	kernel->btf = NULL;
	kernel->tried = false;
#ifdef __GLIBC__
	malloc_trim(0);
#endif
	return drop_files();
}
