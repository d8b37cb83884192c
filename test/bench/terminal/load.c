// N processes that each use a little CPU time in every second, never twice the same: every figure changes.
#include <stdlib.h>
#include <sys/prctl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

static double now(clockid_t clock)
{
	struct timespec time;
	clock_gettime(clock, &time);
	return time.tv_sec + time.tv_nsec * 1e-9;
}

int main(int count, char **arguments)
{
	int processes = count > 1 ? atoi(arguments[1]) : 60;

	alarm(900);
	for (int i = 0; i < processes; i++) {
		if (fork())
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(900);
		srand(i + 1);
		for (;;) {
			double until = now(CLOCK_PROCESS_CPUTIME_ID) + 0.002 + (rand() % 1000) * 2e-6;
			while (now(CLOCK_PROCESS_CPUTIME_ID) < until)
				;
			usleep(300000 + rand() % 200000);
		}
	}
	pause();
}
