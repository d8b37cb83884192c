// SPDX-License-Identifier: Apache-2.0
/*
 * stat(2) and its kin for the statically linked addon. glibc has them as functions since 2.33 only; before, headers made
 * them calls of __xstat(). The kernel's and the C library's structs are the same on 64-bit machines.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int fstatat(int folder, const char *restrict path, struct stat *restrict found, int flags)
{
	return (int)syscall(SYS_newfstatat, folder, path, found, flags);
}

int stat(const char *restrict path, struct stat *restrict found)
{
	return fstatat(AT_FDCWD, path, found, 0);
}

int lstat(const char *restrict path, struct stat *restrict found)
{
	return fstatat(AT_FDCWD, path, found, AT_SYMLINK_NOFOLLOW);
}

int fstat(int fd, struct stat *found)
{
	return fstatat(fd, "", found, AT_EMPTY_PATH);
}
