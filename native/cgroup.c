// SPDX-License-Identifier: Apache-2.0
/* The path of a control group by its id, without a search of the hierarchy. */
#define _GNU_SOURCE
#include "addon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* FILEID_KERNFS of the kernel, since Linux 5.5: the 64-bit id of a kernfs node. */
#define KERNFS_HANDLE 0xfe

/*
 * The kernel resolves a file handle of kernfs in one look-up of its table of nodes, and gives the path of the descriptor.
 * Needs CAP_DAC_READ_SEARCH in the initial user namespace.
 */
int64_t wl_cgroup_path(const char *mount, uint64_t id, uint8_t *into, size_t size, struct wl_error *e)
{
	union {
		struct file_handle handle;
		uint8_t bytes[sizeof(struct file_handle) + sizeof(uint64_t)];
	} node = { .handle = { .handle_bytes = sizeof(id), .handle_type = KERNFS_HANDLE } };
	char link[32];
	ssize_t length = -1;
	int root, group;

	memcpy(node.handle.f_handle, &id, sizeof(id));
	root = open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return wl_refused(e, errno, "%s", mount);
	group = open_by_handle_at(root, &node.handle, O_PATH | O_CLOEXEC);
	if (group >= 0) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", group);
		length = readlink(link, (char *)into, size);
	}
	if (length < 0) {
		int err = errno;

		if (group >= 0)
			close(group);
		close(root);
		/* the group is gone */
		return err == ESTALE ? 0 : wl_refused(e, err, "group %llu", (unsigned long long)id);
	}
	close(group);
	close(root);
	return length;
}
