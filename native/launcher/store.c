// SPDX-License-Identifier: Apache-2.0
/*
 * The folder that the payload is unpacked into: BASE/ID, where ID names the contents and BASE is private to this user.
 * A tree is made under another name and renamed when complete. Each process holds a shared lock on the tree that it
 * runs from, so trees of other versions are removed as soon as nobody runs them, and not before.
 */
#define _GNU_SOURCE
#include "launcher.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Beyond the tree: compiled code, folders, the file system's own. */
#define SPARE ((uint64_t)8 << 20)
#define FOLDER (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define BASES 2

/* ---- where ---- */

/* Folders to try, best first; returns their number. Of root none is below the home folder, which sudo may have left another's. */
static size_t list_bases(char bases[BASES][PATH_MAX])
{
	const char *chosen = getenv("WATTLAG_DIR");
	const char *cache = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");
	const struct passwd *user;

	if (chosen && *chosen) {
		snprintf(bases[0], PATH_MAX, "%s", chosen);
		return 1;
	}
	if (geteuid() == 0) {
		strcpy(bases[0], "/var/cache/wattlag");
		/* memory on most machines: for those whose disk cannot be written */
		strcpy(bases[1], "/run/wattlag");
		return 2;
	}
	if ((!home || *home != '/') && (user = getpwuid(geteuid())))
		home = user->pw_dir;
	if (cache && *cache == '/')
		snprintf(bases[0], PATH_MAX, "%s/wattlag", cache);
	else if (home && *home == '/')
		snprintf(bases[0], PATH_MAX, "%s/.cache/wattlag", home);
	else
		bases[0][0] = '\0';
	snprintf(bases[1], PATH_MAX, "/tmp/wattlag-%u", (unsigned)geteuid());
	return 2;
}

/* The folder above, made where it is missing, as far as the root folder. */
static bool make_above(const char *path, struct text *why)
{
	char part[PATH_MAX];

	for (size_t length = 1; path[length] != '\0'; length++) {
		if (path[length] != '/')
			continue;
		memcpy(part, path, length);
		part[length] = '\0';
		if (mkdir(part, 0755) < 0 && errno != EEXIST) {
			text_add(why, "  %s: %s\n", part, strerror(errno));
			return false;
		}
	}
	return true;
}

/*
 * Open a private folder, made where it is missing; its real path replaces `base`. -1: `why` says why not, each of its
 * lines with two blanks before it.
 */
static int open_base(char base[PATH_MAX], struct text *why)
{
	struct text reason = { .length = 0 };
	char real[PATH_MAX];
	struct stat found;
	int fd;

	if (!make_above(base, why))
		return -1;
	if (mkdir(base, 0700) < 0 && errno != EEXIST) {
		text_add(why, "  %s: %s\n", base, strerror(errno));
		return -1;
	}
	fd = open(base, FOLDER);
	if (fd < 0 || fstat(fd, &found) < 0 || !realpath(base, real)) {
		text_add(why, "  %s: %s\n", base, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	if (found.st_uid != geteuid() || (found.st_mode & (S_IWGRP | S_IWOTH))) {
		text_add(why, "  %s belongs to user %u, mode %04o: it has to be this user's alone\n", base,
			 (unsigned)found.st_uid, (unsigned)(found.st_mode & 07777));
		close(fd);
		return -1;
	}
	if (!trusted_path(real, &reason)) {
		text_add(why, "  %s", reason.bytes);
		close(fd);
		return -1;
	}
	strcpy(base, real);
	return fd;
}

static void read_boot(char boot[40])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	memset(boot, 0, 40);
	if (fd < 0)
		return;
	if (read(fd, boot, 36) != 36)
		memset(boot, 0, 40);
	close(fd);
}

/* ---- removal ---- */

static void remove_tree(int folder, const char *name, int depth)
{
	int fd = openat(folder, name, FOLDER);
	DIR *entries = fd < 0 || depth > 16 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!entries) {
		if (fd >= 0)
			close(fd);
		unlinkat(folder, name, 0);
		return;
	}
	while ((entry = readdir(entries))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, entry->d_name, 0) < 0 && (errno == EISDIR || errno == EPERM))
			remove_tree(fd, entry->d_name, depth + 1);
	}
	closedir(entries);
	unlinkat(folder, name, AT_REMOVEDIR);
}

/* Whether the name is one of ours: an id, or an id behind a dot and a word. */
static bool is_tree(const char *name)
{
	const char *id = *name == '.' ? strrchr(name, '-') : name - 1;

	return id && strspn(id + 1, "0123456789abcdef") == sizeof(((struct trailer *)0)->id) &&
	       strlen(id + 1) == sizeof(((struct trailer *)0)->id);
}

/* Remove the trees that no process runs from, but for the one of this name. */
static void remove_others(int base, const char *kept)
{
	int own = openat(base, ".", FOLDER);
	DIR *entries = own < 0 ? NULL : fdopendir(own);
	struct dirent *entry;

	while (entries && (entry = readdir(entries))) {
		char lock[NAME_MAX + 8];
		int fd;

		if (!is_tree(entry->d_name) || strcmp(entry->d_name, kept) == 0)
			continue;
		snprintf(lock, sizeof(lock), "%s/lock", entry->d_name);
		fd = openat(base, lock, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0)
			remove_tree(base, entry->d_name, 0);
		if (fd >= 0)
			close(fd);
	}
	if (entries)
		closedir(entries);
}

/* ---- trees ---- */

/* 0, or an errno. */
static int write_seal(int tree, const struct seal *seal)
{
	size_t size = offsetof(struct seal, files) + seal->count * sizeof(seal->files[0]);
	int fd = openat(tree, "seal.new", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	ssize_t written;
	int err;

	if (fd < 0)
		return errno;
	written = write(fd, seal, size);
	/* a write that is cut short has no errno: the disk is full */
	err = written < 0 ? errno : written == (ssize_t)size ? 0 : ENOSPC;
	if (close(fd) < 0 && !err)
		err = errno;
	if (!err && renameat(tree, "seal.new", tree, "seal") < 0)
		err = errno;
	return err;
}

static bool read_seal(int tree, struct seal *seal)
{
	int fd = openat(tree, "seal", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, seal, sizeof(*seal));

	if (fd >= 0)
		close(fd);
	return length >= (ssize_t)offsetof(struct seal, files) &&
	       (uint64_t)length == offsetof(struct seal, files) + seal->count * sizeof(seal->files[0]);
}

/*
 * True: there is such a tree, it is what was unpacked, and it is locked. The lock is inherited by the program; Node closes
 * it in children.
 */
static bool lock_tree(int base, const char *id)
{
	static struct seal seal;
	struct stat locked, named;
	char boot[40];
	int tree = openat(base, id, FOLDER);
	int lock = tree < 0 ? -1 : openat(tree, "lock", O_RDONLY | O_NOFOLLOW);
	bool fine;

	read_boot(boot);
	/* the folder may have been replaced before it was locked */
	fine = lock >= 0 && flock(lock, LOCK_SH | LOCK_NB) == 0 && fstat(tree, &locked) == 0 &&
	       fstatat(base, id, &named, AT_SYMLINK_NOFOLLOW) == 0 && locked.st_ino == named.st_ino &&
	       locked.st_uid == geteuid() && read_seal(tree, &seal) && intact(tree, &seal, boot);
	if (fine && memcmp(seal.boot, boot, sizeof(seal.boot)) != 0) {
		memcpy(seal.boot, boot, sizeof(seal.boot));
		/* where nothing can be written, contents are compared at every start */
		write_seal(tree, &seal);
	}
	if (!fine && lock >= 0)
		close(lock);
	if (tree >= 0)
		close(tree);
	return fine;
}

static const char *reason(int err)
{
	return err == EBADMSG ? "this file is damaged: copy it again" : strerror(err);
}

static int make_tree(int base, int fd, const struct trailer *trailer, const char *name)
{
	static struct seal seal;
	char boot[40];
	int tree = -1, lock = -1;
	int err = mkdirat(base, name, 0700) < 0 ? errno : 0;

	read_boot(boot);
	memset(&seal, 0, sizeof(seal));
	if (!err && (tree = openat(base, name, FOLDER)) < 0)
		err = errno;
	/* locked by this process alone until it is renamed */
	if (!err && (lock = openat(tree, "lock", O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)) < 0)
		err = errno;
	if (!err && flock(lock, LOCK_SH) < 0)
		err = errno;
	if (!err)
		err = unpack(fd, trailer, tree, &seal);
	if (!err)
		err = take_seal(tree, &seal, boot);
	if (!err)
		err = write_seal(tree, &seal);
	if (lock >= 0)
		close(lock);
	if (tree >= 0)
		close(tree);
	return err;
}

/* The reason not to unpack here; 0: none. */
static bool has_room(int base, const char *path, uint64_t unpacked, struct text *why)
{
	struct statvfs fs;

	if (fstatvfs(base, &fs) < 0) {
		text_add(why, "  %s: %s\n", path, strerror(errno));
		return false;
	}
	if (fs.f_flag & ST_RDONLY) {
		text_add(why, "  %s: read-only file system\n", path);
		return false;
	}
	if (fs.f_flag & ST_NOEXEC) {
		text_add(why, "  %s: mounted noexec\n", path);
		return false;
	}
	if ((uint64_t)fs.f_bavail * fs.f_frsize < unpacked + SPARE) {
		text_add(why, "  %s: %llu MB free, %llu MB needed\n", path,
			 (unsigned long long)fs.f_bavail * fs.f_frsize / 1000000,
			 (unsigned long long)(unpacked + SPARE) / 1000000);
		return false;
	}
	return true;
}

/* Make the tree in place of one that is missing or damaged. */
static bool make_in(int base, const char *path, int fd, const struct trailer *trailer, const char *id, struct text *why)
{
	char fresh[64], old[64];
	int err;

	snprintf(fresh, sizeof(fresh), ".new-%s", id);
	snprintf(old, sizeof(old), ".old%u-%s", (unsigned)getpid(), id);
	remove_tree(base, fresh, 0);
	err = make_tree(base, fd, trailer, fresh);
	if (!err && renameat(base, id, base, old) < 0 && errno != ENOENT)
		err = errno;
	if (!err && renameat(base, fresh, base, id) < 0)
		err = errno;
	if (err) {
		remove_tree(base, fresh, 0);
		text_add(why, "  %s: %s\n", path, reason(err));
		return false;
	}
	remove_others(base, id);
	return true;
}

static bool unpack_in(const char *path, int base, int fd, const struct trailer *trailer, const char *id,
		      struct text *why)
{
	bool fine;
	int lock;

	if (!has_room(base, path, trailer->unpacked, why))
		return false;
	/* two starts at once: the second waits, then finds the tree */
	lock = openat(base, "lock", O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (lock < 0 || flock(lock, LOCK_EX) < 0) {
		text_add(why, "  %s: %s\n", path, strerror(errno));
		if (lock >= 0)
			close(lock);
		return false;
	}
	fine = lock_tree(base, id);
	if (!fine && make_in(base, path, fd, trailer, id, why)) {
		fine = lock_tree(base, id);
		if (!fine)
			text_add(why, "  %s: changed while it was unpacked\n", path);
	}
	close(lock);
	return fine;
}

bool find_or_unpack(int fd, const struct trailer *trailer, char tree[PATH_MAX], struct text *why)
{
	char bases[BASES][PATH_MAX];
	size_t count = list_bases(bases);
	char id[sizeof(trailer->id) + 1];

	memcpy(id, trailer->id, sizeof(trailer->id));
	id[sizeof(trailer->id)] = '\0';
	if (strspn(id, "0123456789abcdef") != sizeof(trailer->id))
		return false;
	for (size_t i = 0; i < count; i++) {
		int base = bases[i][0] == '/' ? open_base(bases[i], why) : -1;
		bool fine;

		if (base < 0) {
			if (bases[i][0] != '\0' && bases[i][0] != '/')
				text_add(why, "  %s: has to begin with /\n", bases[i]);
			continue;
		}
		fine = lock_tree(base, id) || unpack_in(bases[i], base, fd, trailer, id, why);
		close(base);
		if (fine)
			return snprintf(tree, PATH_MAX, "%s/%s", bases[i], id) < PATH_MAX;
	}
	return false;
}

bool cache_folder(char folder[PATH_MAX])
{
	struct text ignored = { .length = 0 };
	char bases[BASES][PATH_MAX];
	int base;

	list_bases(bases);
	/* only the first: a cache is not worth a search */
	if (bases[0][0] != '/' || (base = open_base(bases[0], &ignored)) < 0)
		return false;
	close(base);
	return snprintf(folder, PATH_MAX, "%s/compiled", bases[0]) < PATH_MAX;
}
