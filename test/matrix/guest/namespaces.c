// SPDX-License-Identifier: Apache-2.0
/*
 * namespaces COUNT: as an unprivileged user, COUNT network namespaces that exist at once, with one datagram through the
 * loopback device of each. Prints a line when all have been sent, and lives until standard input ends.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Children report by it: a byte of 0 each, 1 where something failed. */
static int reports[2];

static void fail(const char *what)
{
	char failed = 1;

	perror(what);
	_exit(write(reports[1], &failed, 1) == 1 ? 1 : 2);
}

static void send_one(void)
{
	struct ifreq loopback = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(to);
	char byte = 0;
	int receiver, sender;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET))
		fail("unshare");
	receiver = socket(AF_INET, SOCK_DGRAM, 0);
	sender = socket(AF_INET, SOCK_DGRAM, 0);
	if (receiver < 0 || sender < 0)
		fail("socket");
	if (ioctl(receiver, SIOCSIFFLAGS, &loopback))
		fail("lo up");
	if (bind(receiver, (struct sockaddr *)&to, sizeof(to)) ||
	    getsockname(receiver, (struct sockaddr *)&to, &length))
		fail("bind");
	if (sendto(sender, &byte, 1, 0, (struct sockaddr *)&to, sizeof(to)) != 1)
		fail("send");
	if (recv(receiver, &byte, 1, 0) != 1)
		fail("receive");
}

int main(int count, char **arguments)
{
	int wanted = count > 1 ? atoi(arguments[1]) : 0;
	char byte = 0;

	if (pipe(reports))
		fail("pipe");
	for (int i = 0; i < wanted; i++) {
		pid_t child = fork();

		if (child < 0)
			fail("fork");
		if (child > 0)
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (setgid(65534) || setuid(65534))
			fail("setuid");
		send_one();
		if (write(reports[1], &byte, 1) != 1)
			fail("write");
		pause();
	}
	for (int i = 0; i < wanted; i++)
		if (read(reports[0], &byte, 1) != 1 || byte != 0)
			return 1;
	printf("sent %d\n", wanted);
	fflush(stdout);
	pause();
	return 0;
}
