// SPDX-License-Identifier: Apache-2.0
/*
 * sleepers HOGS SLEEPERS SLEEP_SECONDS: from Linux 6.12 on a task that goes to sleep may stay on its run queue for a while
 * (delayed dequeue). Hogs and sleepers share CPU 0; a real-time task moves each sleeper to CPU 1 as soon as it sleeps and
 * back when it is awake. Prints the pids of the sleepers; runs until it is killed.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

struct sleeper {
	volatile int asleep;
	int moved;
	pid_t pid;
};

static void pin(pid_t pid, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(pid, sizeof(set), &set);
}

static double now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* Letter of /proc/PID/stat; 0: gone. */
static char state_of(pid_t pid)
{
	char path[64], line[512], *end = NULL;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (fgets(line, sizeof(line), file))
		end = strrchr(line, ')');
	fclose(file);
	return end ? end[2] : 0;
}

static void begin(const char *name)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, name);
	pin(0, 0);
}

static void sleep_and_work(struct sleeper *self, int seconds)
{
	begin("matrix-sleeper");
	srand(getpid());
	for (;;) {
		double until = now(CLOCK_PROCESS_CPUTIME_ID) + 0.002 + rand() % 100 / 1e4;
		struct timespec rest = { .tv_sec = seconds };

		while (now(CLOCK_PROCESS_CPUTIME_ID) < until)
			;
		self->asleep = 1;
		nanosleep(&rest, NULL);
		self->asleep = 0;
	}
}

int main(int count, char **arguments)
{
	int hogs = count > 3 ? atoi(arguments[1]) : 0;
	int sleepers = count > 3 ? atoi(arguments[2]) : 0;
	int seconds = count > 3 ? atoi(arguments[3]) : 0;
	struct sleeper *all = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct sched_param realtime = { .sched_priority = 10 };

	if (all == MAP_FAILED || sleepers > 64)
		return 1;
	for (int i = 0; i < hogs; i++)
		if (fork() == 0) {
			begin("matrix-hog");
			for (;;)
				;
		}
	for (int i = 0; i < sleepers; i++) {
		pid_t child = fork();

		if (child == 0)
			sleep_and_work(&all[i], seconds);
		all[i].pid = child;
		printf("%d ", child);
	}
	printf("\n");
	fflush(stdout);
	begin("matrix-watcher");
	sched_setscheduler(0, SCHED_FIFO, &realtime);
	for (;;) {
		struct timespec rest = { .tv_nsec = 300000 };

		nanosleep(&rest, NULL);
		for (int i = 0; i < sleepers; i++) {
			if (all[i].asleep && !all[i].moved && state_of(all[i].pid) == 'S') {
				pin(all[i].pid, 1);
				all[i].moved = 1;
			} else if (!all[i].asleep && all[i].moved) {
				all[i].moved = 0;
				pin(all[i].pid, 0);
			}
		}
	}
}
