// SPDX-License-Identifier: Apache-2.0
/* Releases memory that only start-up needed. */
#include "addon.h"

#include <limits.h>
#include <malloc.h>
#include <node_api.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

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
 * Path of the program: of the file that has one of Node's functions. /proc/self/exe is the dynamic linker where that was
 * called with Node as its argument.
 */
static bool find_program(FILE *maps, char *line, size_t size, char *program)
{
	unsigned long code = (unsigned long)(uintptr_t)napi_create_object;
	struct mapping m;

	while (fgets(line, (int)size, maps)) {
		if (begins_mapping(line, &m) && code >= m.from && code < m.to) {
			memcpy(program, m.path, sizeof(m.path));
			return true;
		}
	}
	return false;
}

/*
 * Drops the executable's pages that only start-up needed from our address space; they are read again from the page
 * cache when they are needed after all. Only mappings that cannot be written and have no private page, in memory or in
 * swap: pages changed by relocation are in no file.
 */
static size_t drop_executable(void)
{
	char program[PATH_MAX];
	char line[PATH_MAX + 128];
	struct mapping m = { 0 };
	unsigned long own = 0;
	bool candidate = false;
	size_t dropped = 0;
	FILE *maps = fopen("/proc/self/smaps", "re");

	if (!maps)
		return 0;
	if (!find_program(maps, line, sizeof(line), program)) {
		fclose(maps);
		return 0;
	}
	rewind(maps);
	while (fgets(line, sizeof(line), maps)) {
		unsigned long kilobytes;

		if (begins_mapping(line, &m)) {
			own = 0;
			candidate = m.permissions[1] == '-' && m.permissions[3] == 'p' && strcmp(m.path, program) == 0;
		} else if (sscanf(line, "Anonymous: %lu kB", &kilobytes) == 1) {
			own += kilobytes;
		} else if (candidate && sscanf(line, "Swap: %lu kB", &kilobytes) == 1) {
			if (own + kilobytes == 0 && madvise((void *)m.from, m.to - m.from, MADV_DONTNEED) == 0)
				dropped += m.to - m.from;
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
#ifdef __GLIBC__
	malloc_trim(0);
#endif
	return drop_executable();
}
