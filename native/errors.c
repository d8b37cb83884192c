// SPDX-License-Identifier: Apache-2.0
/* Failures as text: errno names, and the output of libbpf during a call. */
#define _GNU_SOURCE
#include "addon.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

/* Enough for the verifier's verdict and its path; a whole log may be 16 MiB. */
#define LOG_MAX ((size_t)256 * 1024)

/* libbpf has its own errors beyond errno. Callers know errno names only, so these become the nearest one. */
static int plain_errno(int err)
{
	switch (err) {
	case LIBBPF_ERRNO__LIBELF:
	case LIBBPF_ERRNO__FORMAT:
	case LIBBPF_ERRNO__ENDIAN:
		return ENOEXEC;
	default:
		return err >= __LIBBPF_ERRNO__START ? EINVAL : err;
	}
}

int wl_refused(struct wl_error *e, int err, const char *fmt, ...)
{
	char what[352];
	char reason[128];
	va_list args;

	if (err < 0)
		err = -err;
	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	/* libbpf_strerror knows errno as well as libbpf's own numbers, but not the kernel's. */
	if (err == WL_KERNEL_ENOTSUPP)
		snprintf(reason, sizeof(reason), "Not supported by this kernel");
	else
		libbpf_strerror(err, reason, sizeof(reason));
	e->err = plain_errno(err);
	snprintf(e->text, sizeof(e->text), "%s%s%s (%s)", what, *what ? ": " : "", reason, wl_errno_name(e->err));
	return -1;
}

int wl_misuse(struct wl_error *e, const char *fmt, ...)
{
	va_list args;

	e->err = EINVAL;
	va_start(args, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, args);
	va_end(args);
	return -1;
}

/* libbpf has one print function per process; the log of the call in progress belongs to the thread. */
static __thread struct wl_log *current;

static void keep_tail(struct wl_log *log, const char *text, size_t length)
{
	size_t excess;

	if (length > LOG_MAX) {
		log->dropped += length - LOG_MAX;
		text += length - LOG_MAX;
		length = LOG_MAX;
	}
	excess = log->length + length > LOG_MAX ? log->length + length - LOG_MAX : 0;
	if (excess) {
		memmove(log->text, log->text + excess, log->length - excess);
		log->length -= excess;
		log->dropped += excess;
	}
	memcpy(log->text + log->length, text, length);
	log->length += length;
}

/*
 * libbpf begins a complaint with "libbpf: prog 'x': " or "libbpf: map 'x': ". The last one names the cause of the
 * failure.
 */
static void note_culprit(struct wl_log *log, const char *text)
{
	static const struct {
		const char *prefix;
		const char *word;
	} forms[] = { { "libbpf: prog '", "program" }, { "libbpf: map '", "map" } };

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		size_t skip = strlen(forms[i].prefix);
		const char *name = text + skip;
		const char *end;

		if (strncmp(text, forms[i].prefix, skip) != 0 || !(end = strchr(name, '\'')))
			continue;
		snprintf(log->culprit, sizeof(log->culprit), "%s %.*s", forms[i].word, (int)(end - name), name);
	}
}

/*
 * On EPERM libbpf advises, in three messages, to raise the limit of locked memory. Kernels since 5.11 do not count BPF
 * memory against it, and the true reason is a missing capability or a locked-down kernel: the advice misleads.
 */
static bool is_memlock_advice(const char *text)
{
	return strstr(text, "ulimit -l") || strstr(text, "RLIMIT_MEMLOCK");
}

static int print(enum libbpf_print_level level, const char *fmt, va_list args)
{
	char *text = NULL;
	int length;

	/* Debug text is thousands of lines for each load, and of use only to someone who can rebuild libbpf. */
	if (!current || level == LIBBPF_DEBUG)
		return 0;
	length = vasprintf(&text, fmt, args);
	if (length < 0)
		return 0;
	if (!is_memlock_advice(text)) {
		if (level == LIBBPF_WARN)
			note_culprit(current, text);
		if (!current->text)
			current->text = malloc(LOG_MAX);
		if (current->text)
			keep_tail(current, text, (size_t)length);
	}
	free(text);
	return length;
}

static void install(void)
{
	libbpf_set_print(print);
}

void wl_log_install(void)
{
	/* Each worker that loads the addon calls this. */
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, install);
}

void wl_log_begin(struct wl_log *log)
{
	*log = (struct wl_log){ .outer = current };
	current = log;
}

void wl_log_end(struct wl_log *log)
{
	char mark[64];

	current = log->outer;
	/* Overwrites the oldest line that is left, which begins somewhere in its middle anyway. */
	if (log->dropped) {
		int length = snprintf(mark, sizeof(mark), "[%zu bytes left out]\n", log->dropped);

		memcpy(log->text, mark, (size_t)length);
	}
}

void wl_log_take(struct wl_log *from)
{
	if (!current) {
		wl_log_free(from);
		return;
	}
	free(current->text);
	current->text = from->text;
	current->length = from->length;
	/* its mark is in the text */
	current->dropped = 0;
	memcpy(current->culprit, from->culprit, sizeof(current->culprit));
	*from = (struct wl_log){ 0 };
}

void wl_log_free(struct wl_log *log)
{
	free(log->text);
	*log = (struct wl_log){ 0 };
}
