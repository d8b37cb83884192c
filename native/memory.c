// SPDX-License-Identifier: Apache-2.0
/* Releases memory that only start-up needed. */
#include "addon.h"

#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * Drops the executable's pages that only start-up needed from our address space; they are read again from the page
 * cache when they are needed after all. Only mappings that cannot be written and have no private page, in memory or in
 * swap: pages changed by relocation are in no file.
 */
static size_t drop_executable(void)
{
	char executable[PATH_MAX];
	char line[PATH_MAX + 128];
	unsigned long from = 0, to = 0;
	unsigned long own = 0;
	bool candidate = false;
	size_t dropped = 0;
	ssize_t length = readlink("/proc/self/exe", executable, sizeof(executable) - 1);
	FILE *maps = length > 0 ? fopen("/proc/self/smaps", "re") : NULL;

	if (!maps)
		return 0;
	executable[length] = '\0';
	while (fgets(line, sizeof(line), maps)) {
		unsigned long start, end, kilobytes;
		char permissions[5];
		int path = 0;

		if (sscanf(line, "%lx-%lx %4s %*s %*s %*s %n", &start, &end, permissions, &path) == 3 && path > 0) {
			line[strcspn(line, "\n")] = '\0';
			from = start;
			to = end;
			own = 0;
			candidate =
				permissions[1] == '-' && permissions[3] == 'p' && strcmp(line + path, executable) == 0;
		} else if (sscanf(line, "Anonymous: %lu kB", &kilobytes) == 1) {
			own += kilobytes;
		} else if (candidate && sscanf(line, "Swap: %lu kB", &kilobytes) == 1) {
			if (own + kilobytes == 0 && madvise((void *)from, to - from, MADV_DONTNEED) == 0)
				dropped += to - from;
			candidate = false;
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
	malloc_trim(0);
	return drop_executable();
}
