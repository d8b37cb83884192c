// SPDX-License-Identifier: Apache-2.0
/* Loads that run until they are killed, or count what they get done in a given time. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

static int a[2], b[2];

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void die_with_parent(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void *turn(void *other)
{
	int in = other ? b[0] : a[0], out = other ? a[1] : b[1];
	char c;

	while (read(in, &c, 1) == 1 && write(out, &c, 1) == 1)
		;
	return NULL;
}

/* pipe processes|threads: two tasks that wake each other for ever */
static void ping_pong(int threads)
{
	pthread_t t;

	if (pipe(a) || pipe(b))
		exit(1);
	if (threads) {
		/* neither of the two is the leader */
		pthread_create(&t, NULL, turn, NULL);
		pthread_create(&t, NULL, turn, &a);
	} else if (fork() == 0) {
		die_with_parent();
		turn(NULL);
		exit(0);
	}
	if (write(a[1], "x", 1) != 1)
		exit(1);
	if (threads)
		pause();
	turn(&a);
}

/* datagrams: one after the other to itself through the loopback device, for ever */
static void datagrams(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	char c = 0;

	if (bind(s, (void *)&address, length) || getsockname(s, (void *)&address, &length))
		exit(1);
	while (sendto(s, &c, 1, 0, (void *)&address, length) == 1 && recv(s, &c, 1, 0) == 1)
		;
}

/* drops RATE: datagrams to a port of the loopback device that nobody has, so many per second; 0: as many as it can */
static void drops(long rate)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int closed = socket(AF_INET, SOCK_DGRAM, 0);
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	char c = 0;

	/* a port that was free a moment ago */
	if (bind(closed, (void *)&address, length) || getsockname(closed, (void *)&address, &length))
		exit(1);
	close(closed);
	for (;;) {
		/* not connected: the answer that the port is closed is no error of the next call */
		sendto(s, &c, 1, MSG_DONTWAIT, (void *)&address, length);
		if (rate)
			usleep(1000000 / rate);
	}
}

/* cached FILE SECONDS: reads of 4 KiB from the page cache; prints how many per second */
static void cached(const char *path, double seconds)
{
	static char block[4096];
	int file = open(path, O_RDONLY);
	double begun = now(), end = begun + seconds;
	long reads = 0;

	if (file < 0)
		exit(1);
	while (now() < end)
		for (int i = 0; i < 64; i++, reads++)
			if (pread(file, block, sizeof(block), (reads & 1023) * sizeof(block)) != sizeof(block))
				exit(1);
	printf("%.0f\n", reads / (now() - begun));
}

/* processes N MS: N processes, each of which wakes up every MS milliseconds (0: never); says when all are there */
static void processes(int n, long ms)
{
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid < 0) {
			fprintf(stderr, "only %d processes\n", i);
			exit(1);
		}
		if (pid == 0) {
			die_with_parent();
			/* not all at the same moment */
			for (useconds_t rest = ms ? (i * 7919L) % ms * 1000 : 0;; rest = ms * 1000) {
				if (ms == 0)
					pause();
				usleep(rest);
			}
		}
	}
	puts("ready");
	fflush(stdout);
	pause();
}

/* busy N: N processes that each use a little CPU time in every second, never twice the same: every figure changes */
static void busy(int n)
{
	for (int i = 0; i < n; i++) {
		if (fork())
			continue;
		die_with_parent();
		srand(i + 1);
		for (;;) {
			clock_t until = clock() + 2000 + (rand() % 1000) * 2;

			while (clock() < until)
				;
			usleep(300000 + rand() % 200000);
		}
	}
	pause();
}

/* Waits for a CPU so far, ns. */
static double run_delay(void)
{
	FILE *file = fopen("/proc/self/schedstat", "r");
	double run, delay = 0;

	if (!file || fscanf(file, "%lf %lf", &run, &delay) != 2)
		exit(1);
	fclose(file);
	return delay;
}

static volatile unsigned long steps;

static __attribute__((noinline)) void stack_up(int frames, long millions)
{
	if (frames > 1) {
		stack_up(frames - 1, millions);
		steps++;
		return;
	}
	for (long i = 0; i < millions * 1000000; i++)
		steps++;
}

/* stacked FRAMES MILLIONS: so many steps below so many frames; prints the seconds on a CPU, interrupts included */
static void stacked(int frames, long millions)
{
	double begun = now(), waited = run_delay();

	stack_up(frames, millions);
	printf("on %.6f\n", now() - begun - (run_delay() - waited) / 1e9);
}

/* timed COMMAND…: run it to its end and say how much CPU time it and its children have used, in seconds */
static int timed(char **command)
{
	struct rusage used;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		die_with_parent();
		execvp(command[0], command);
		exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || getrusage(RUSAGE_CHILDREN, &used))
		return 1;
	printf("cpu %.6f\n",
	       used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	die_with_parent();
	if (strcmp(mode, "pipe") == 0 && argc == 3)
		ping_pong(strcmp(argv[2], "threads") == 0);
	else if (strcmp(mode, "datagrams") == 0)
		datagrams();
	else if (strcmp(mode, "drops") == 0 && argc == 3)
		drops(atol(argv[2]));
	else if (strcmp(mode, "cached") == 0 && argc == 4)
		cached(argv[2], atof(argv[3]));
	else if (strcmp(mode, "processes") == 0 && argc == 4)
		processes(atoi(argv[2]), atol(argv[3]));
	else if (strcmp(mode, "busy") == 0 && argc == 3)
		busy(atoi(argv[2]));
	else if (strcmp(mode, "stacked") == 0 && argc == 4)
		stacked(atoi(argv[2]), atol(argv[3]));
	else if (strcmp(mode, "timed") == 0 && argc > 2)
		return timed(argv + 2);
	else
		return 2;
	return 0;
}
