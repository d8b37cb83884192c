// SPDX-License-Identifier: Apache-2.0
/*
 * requests CPUS DEVICE…: on each CPU, every kind of request to each device: direct reads and writes, synchronous and
 * buffered writes, buffered reads with read-ahead, and discards where the device takes them. Ends with exit code 0 when all
 * have been done.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BLOCK 16384
#define MIB (1 << 20)

static char *block;

static void fail(const char *what, const char *device)
{
	fprintf(stderr, "%s: ", device);
	perror(what);
	exit(1);
}

static int opened(const char *device, int flags)
{
	int fd = open(device, flags);

	if (fd < 0)
		fail("open", device);
	return fd;
}

/* Blocks from `at` on, one system call each. */
static void use(const char *device, int flags, off_t at, int blocks)
{
	int fd = opened(device, flags);

	for (int n = 0; n < blocks; n++, at += BLOCK) {
		ssize_t done =
			(flags & O_ACCMODE) == O_RDONLY ? pread(fd, block, BLOCK, at) : pwrite(fd, block, BLOCK, at);
		if (done != BLOCK)
			fail("read or write", device);
	}
	if ((flags & O_ACCMODE) != O_RDONLY && fsync(fd))
		fail("fsync", device);
	close(fd);
}

static void discard(const char *device)
{
	uint64_t range[2] = { 256 * MIB, MIB };
	int fd = opened(device, O_WRONLY);

	if (ioctl(fd, BLKDISCARD, range))
		fprintf(stderr, "%s takes no discards\n", device);
	close(fd);
}

int main(int argc, char **argv)
{
	int cpus = argc > 2 ? atoi(argv[1]) : 0;

	if (cpus < 1 || posix_memalign((void **)&block, 4096, BLOCK))
		return 2;
	memset(block, 0, BLOCK);
	for (int cpu = 0; cpu < cpus; cpu++) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		if (sched_setaffinity(0, sizeof(set), &set))
			fail("sched_setaffinity", argv[1]);
		for (int n = 2; n < argc; n++) {
			use(argv[n], O_RDONLY | O_DIRECT, 0, 16);
			use(argv[n], O_WRONLY | O_DIRECT, BLOCK * 16, 16);
			use(argv[n], O_WRONLY | O_DIRECT | O_DSYNC, 32 * MIB, 4);
			use(argv[n], O_WRONLY, (64 + cpu) * MIB, 32);
			use(argv[n], O_RDONLY, (128 + cpu) * MIB, 64);
			discard(argv[n]);
		}
	}
	return 0;
}
