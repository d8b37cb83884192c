// SPDX-License-Identifier: Apache-2.0
/* Who changed a System V semaphore last: /proc/sysvipc/sem does not say. */
#include "addon.h"

#include <errno.h>
#include <sys/sem.h>

int wl_semaphore_pid(int id, int number, struct wl_error *e)
{
	int pid = semctl(id, number, GETPID);

	return pid >= 0 ? pid : wl_refused(e, errno, "semaphore %d of set %d", number, id);
}
