// SPDX-License-Identifier: Apache-2.0
/* Releases memory that only start-up needed. */
#define _GNU_SOURCE /* dl_iterate_phdr() */
#include "addon.h"

#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <linux/userfaultfd.h>
#include <malloc.h>
#include <node_api.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
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
		/* A filter of system calls may end the process for this one. */
		if (prctl(PR_GET_SECCOMP) == 0)
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

/* Segments of the executable and of libraries that are never written. */
struct segments {
	size_t count;
	struct {
		unsigned long from, to;
	} list[256];
};

static int add_segments(struct dl_phdr_info *object, size_t size, void *data)
{
	struct segments *segments = data;
	const unsigned long page = (unsigned long)sysconf(_SC_PAGESIZE);

	(void)size;
	for (int index = 0; index < object->dlpi_phnum; index++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[index];
		unsigned long from = object->dlpi_addr + segment->p_vaddr;

		if (segment->p_type != PT_LOAD || segment->p_flags & PF_W)
			continue;
		if (segments->count == sizeof(segments->list) / sizeof(segments->list[0]))
			return 1;
		segments->list[segments->count].from = from & -page;
		segments->list[segments->count].to = (from + segment->p_memsz + page - 1) & -page;
		segments->count++;
	}
	return 0;
}

static bool is_segment(const struct segments *segments, const struct mapping *m)
{
	for (size_t index = 0; index < segments->count; index++)
		if (m->from >= segments->list[index].from && m->to <= segments->list[index].to)
			return true;
	return false;
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
 * Drops the pages of the executable and of libraries that only start-up needed from our address space; they are read again from
 * the page cache when they are needed after all. Only mappings that cannot be written and have no private page, in memory or in
 * swap: pages changed by relocation are in no file.
 * And only those of objects that are loaded, and of the program's file, which V8 maps once more: other threads map and unmap
 * files meanwhile (libelf, a library that is being loaded), and what is there now may be memory of theirs at the call.
 */
static size_t drop_files(void)
{
	struct segments segments = { 0 };
	char program[PATH_MAX];
	char line[PATH_MAX + 128];
	struct mapping m = { 0 };
	unsigned long own = 0;
	bool candidate = false;
	size_t dropped = 0;
	FILE *maps = fopen("/proc/self/smaps", "re");

	if (!maps)
		return 0;
	if (!find_program(maps, line, sizeof(line), program))
		program[0] = '\0';
	rewind(maps);
	dl_iterate_phdr(add_segments, &segments);
	while (fgets(line, sizeof(line), maps)) {
		unsigned long kilobytes;

		if (begins_mapping(line, &m)) {
			own = 0;
			candidate = m.permissions[1] == '-' && m.permissions[3] == 'p' && m.path[0] == '/' &&
				    (strcmp(m.path, program) == 0 || is_segment(&segments, &m));
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
