// SPDX-License-Identifier: Apache-2.0
/*
 * profiled: a thread that runs, in two functions 3 to 1; one that waits for a pipe; one that holds a mutex, and one that
 * wants it. Prints the tid of the one that waits for the pipe; runs until it is killed. Frame pointers in its own functions.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#define KEPT __attribute__((noinline, used))

static volatile uint64_t sink;
static int ends[2];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

#define WORK(name, n)                              \
	KEPT void name(void)                       \
	{                                          \
		for (uint64_t i = 0; i < (n); i++) \
			sink += i;                 \
	}

WORK(three_parts, 30000)
WORK(one_part, 10000)

static void *run(void *unused)
{
	for (;;) {
		three_parts();
		one_part();
	}
	return unused;
}

static void *hold(void *unused)
{
	for (;;) {
		pthread_mutex_lock(&mutex);
		usleep(20000);
		pthread_mutex_unlock(&mutex);
		usleep(3000);
	}
	return unused;
}

/* the function that calls libc is left out of the stack, since libc has no frame pointers */
KEPT void want_mutex(void)
{
	pthread_mutex_lock(&mutex);
	sink++;
	pthread_mutex_unlock(&mutex);
	sink++;
}

static KEPT void *want(void *unused)
{
	for (;;) {
		want_mutex();
		usleep(1000);
	}
	return unused;
}

static void *wait_for_pipe(void *unused)
{
	char byte;

	printf("%d\n", gettid());
	fflush(stdout);
	while (read(ends[0], &byte, 1) == 1)
		;
	return unused;
}

int main(void)
{
	pthread_t threads[4];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (pipe(ends))
		return 1;
	pthread_create(&threads[0], NULL, run, NULL);
	pthread_create(&threads[1], NULL, hold, NULL);
	pthread_create(&threads[2], NULL, want, NULL);
	pthread_create(&threads[3], NULL, wait_for_pipe, NULL);
	for (;;) {
		usleep(50000);
		if (write(ends[1], "x", 1) != 1)
			return 1;
	}
}
