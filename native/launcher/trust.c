// SPDX-License-Identifier: Apache-2.0
/* Whether files could have been changed by others. The rule is that of scripts/trusted.sh. */
#define _GNU_SOURCE
#include "launcher.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void text_add(struct text *t, const char *fmt, ...)
{
	size_t room = sizeof(t->bytes) - t->length;
	va_list args;
	int length;

	va_start(args, fmt);
	length = vsnprintf(t->bytes + t->length, room, fmt, args);
	va_end(args);
	if (length < 0 || (size_t)length >= room)
		t->bytes[t->length] = '\0';
	else
		t->length += (size_t)length;
}

/* The id that sudo left, where this is root; otherwise root's. */
static unsigned long sudo_id(const char *name)
{
	const char *text = geteuid() == 0 ? getenv(name) : NULL;
	char *end;
	unsigned long id;

	if (!text || *text < '0' || *text > '9')
		return 0;
	errno = 0;
	id = strtoul(text, &end, 10);
	return errno || *end || id > UINT32_MAX ? 0 : id;
}

bool trusted(const struct stat *found)
{
	bool owner = found->st_uid == 0 || found->st_uid == geteuid() || found->st_uid == sudo_id("SUDO_UID");
	bool group = found->st_gid == 0 || found->st_gid == sudo_id("SUDO_GID") ||
		     (geteuid() != 0 && found->st_gid == getegid());
	/* in a folder with the sticky bit nobody renames the files of others */
	bool sticky = S_ISDIR(found->st_mode) && (found->st_mode & S_ISVTX);

	if (S_ISLNK(found->st_mode))
		return owner;
	return owner && (sticky || (!(found->st_mode & S_IWOTH) && (group || !(found->st_mode & S_IWGRP))));
}

static bool complain(const char *path, const struct stat *found, struct text *why)
{
	text_add(why, "%s belongs to user %u and group %u, mode %04o: others could change it\n", path,
		 (unsigned)found->st_uid, (unsigned)found->st_gid, (unsigned)(found->st_mode & 07777));
	return false;
}

bool trusted_path(const char *path, struct text *why)
{
	char part[PATH_MAX];
	struct stat found;

	for (size_t length = 1; length <= strlen(path); length++) {
		if (length > 1 && path[length] != '/' && path[length] != '\0')
			continue;
		memcpy(part, path, length);
		part[length] = '\0';
		if (lstat(part, &found) < 0) {
			text_add(why, "%s: %s\n", part, strerror(errno));
			return false;
		}
		if (!trusted(&found))
			return complain(part, &found, why);
	}
	return true;
}

static bool trusted_entry(int folder, const char *path, const char *name, struct text *why)
{
	char whole[PATH_MAX];
	struct stat found;
	bool fine;
	int inner;

	snprintf(whole, sizeof(whole), "%s/%s", path, name);
	if (fstatat(folder, name, &found, AT_SYMLINK_NOFOLLOW) < 0) {
		text_add(why, "%s: %s\n", whole, strerror(errno));
		return false;
	}
	if (!trusted(&found))
		return complain(whole, &found, why);
	if (!S_ISDIR(found.st_mode))
		return true;
	inner = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	fine = trusted_below(inner, whole, why);
	if (inner >= 0)
		close(inner);
	return fine;
}

bool trusted_below(int folder, const char *path, struct text *why)
{
	int own = folder < 0 ? -1 : openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *entries = own < 0 ? NULL : fdopendir(own);
	struct dirent *entry;
	bool fine = true;

	if (!entries) {
		text_add(why, "%s: %s\n", path, strerror(errno));
		if (own >= 0)
			close(own);
		return false;
	}
	while (fine && (entry = readdir(entries))) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			fine = trusted_entry(folder, path, entry->d_name, why);
	}
	closedir(entries);
	return fine;
}
