// SPDX-License-Identifier: Apache-2.0
/* A terminal that does not read. */
#include "addon.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <termios.h>

int wl_discard_output(int fd, struct wl_error *e)
{
	sigset_t stop, before;
	int failed;

	/* Where another job has the terminal by now, the kernel would stop ours: it asks this thread's mask first. */
	sigemptyset(&stop);
	sigaddset(&stop, SIGTTOU);
	pthread_sigmask(SIG_BLOCK, &stop, &before);
	failed = tcflush(fd, TCOFLUSH) < 0 ? errno : 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return failed ? wl_refused(e, failed, "%s", "") : 0;
}
