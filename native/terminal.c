// SPDX-License-Identifier: Apache-2.0
/* Drops the output that a terminal does not read, and restores the modes of the terminal after a crash. */
#include "addon.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include <uv.h>

int wl_discard_output(int fd, struct wl_error *e)
{
	sigset_t stop, before;
	int failed;

	/* Where another job has the terminal by now, the kernel would stop ours: it checks this thread's mask first. */
	sigemptyset(&stop);
	sigaddset(&stop, SIGTTOU);
	pthread_sigmask(SIG_BLOCK, &stop, &before);
	failed = tcflush(fd, TCOFLUSH) < 0 ? errno : 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return failed ? wl_refused(e, failed, "%s", "") : 0;
}

static const int crashes[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP };
#define CRASHES (sizeof(crashes) / sizeof(crashes[0]))

/* Per process, as signals are. The text is here, since a crash may leave the heap in any state. */
static struct {
	atomic_bool armed;
	int fd;
	size_t length;
	char text[WL_GUARD_BYTES];
	/* Previous handlers of crashes, in their order. */
	bool installed;
	struct sigaction before[CRASHES];
} guard;

/* Calls nothing but what POSIX and libuv allow in a signal handler. */
static void on_crash(int signal, siginfo_t *info, void *context)
{
	struct sigaction now;
	size_t i = 0;

	while (crashes[i] != signal)
		i++;
	if (guard.before[i].sa_flags & SA_SIGINFO) {
		/*
		 * Node's: bounds checks of WebAssembly are faults that it turns into exceptions. If it was none, Node
		 * has removed our handler.
		 */
		guard.before[i].sa_sigaction(signal, info, context);
		if (sigaction(signal, NULL, &now) == 0 && now.sa_sigaction == on_crash)
			return;
	}
	if (atomic_exchange(&guard.armed, false)) {
		/* Makes room, so that the write does not wait for a terminal that does not read. */
		tcflush(guard.fd, TCOFLUSH);
		if (write(guard.fd, guard.text, guard.length) >= 0)
			uv_tty_reset_mode();
	}
	now.sa_handler = SIG_DFL;
	now.sa_flags = 0;
	sigemptyset(&now.sa_mask);
	sigaction(signal, &now, NULL);
	/* Held back until we return. */
	raise(signal);
}

void wl_guard_terminal(int fd, const void *text, size_t length)
{
	struct sigaction crash = { .sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	atomic_store(&guard.armed, false);
	if (length == 0 || length > sizeof(guard.text))
		return;
	guard.fd = fd;
	guard.length = length;
	memcpy(guard.text, text, length);
	if (!guard.installed) {
		guard.installed = true;
		sigemptyset(&crash.sa_mask);
		/* See wl_discard_output. */
		sigaddset(&crash.sa_mask, SIGTTOU);
		for (size_t i = 0; i < CRASHES; i++)
			sigaction(crashes[i], &crash, &guard.before[i]);
	}
	atomic_store(&guard.armed, true);
}
