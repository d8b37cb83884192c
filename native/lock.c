// SPDX-License-Identifier: Apache-2.0
/* A lock that ends with its process, however that ends. */
#include "addon.h"

#include <errno.h>
#include <sys/file.h>

int wl_lock_file(int fd, struct wl_error *e)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 1;
	return errno == EWOULDBLOCK ? 0 : wl_refused(e, errno, "%s", "");
}
