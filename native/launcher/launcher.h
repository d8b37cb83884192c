/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The launcher of a released wattlag: a static program that finds the tree with Node, the bundle and the BPF objects,
 * makes sure that nobody else could have changed it, and becomes the program. As the one file it has the tree packed
 * behind itself and unpacks it first.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* Text that grows by whole lines; what does not fit is left out. */
struct text {
	char bytes[4096];
	size_t length;
};

void text_add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- trust.c: files that only trusted users could have changed ---- */

/* Trusted are root, the user who runs this and, where this is root, the user who typed `sudo`. */
bool trusted(const struct stat *found);
/* The folder with this real path and all above it. False: `why` names the first that is not trusted. */
bool trusted_path(const char *path, struct text *why);
/* All that lies below the folder. `path` is for messages. */
bool trusted_below(int folder, const char *path, struct text *why);

/* ---- payload.c: what is packed behind the launcher ---- */

/* The last bytes of the one file. Numbers are little-endian. */
struct trailer {
	char magic[8];
	/* Names the payload: the start of its SHA-256, in hexadecimal. */
	char id[32];
	uint64_t offset;
	uint64_t packed;
	/* Bytes that the tree takes when unpacked. */
	uint64_t unpacked;
};

#define MAGIC "wattlag\n"

/* Of one file of the tree when it was unpacked. */
struct sealed {
	char path[88];
	uint64_t size;
	uint64_t inode;
	/* Nanoseconds. */
	int64_t modified, changed;
	/* XXH64 of its contents. */
	uint64_t hash;
};

#define SEALED_MAX 1024

struct seal {
	char magic[8];
	/* Of the kernel's run: after another boot contents are compared, since a crash may have lost some. */
	char boot[40];
	uint64_t count;
	struct sealed files[SEALED_MAX];
};

/* True: the file open as `fd` has a payload. */
bool read_trailer(int fd, struct trailer *trailer);
/* Unpack below `folder`, which is empty, and fill in the seal. 0, or an errno. */
int unpack(int fd, const struct trailer *trailer, int folder, struct seal *seal);
/* Whether the files are those that were sealed: by size, inode and times, after another boot by contents too. */
bool intact(int folder, const struct seal *seal, const char *boot);
/* Take the files as they are into the seal: size, inode, times. 0, or an errno. */
int take_seal(int folder, struct seal *seal, const char *boot);

/* ---- store.c: the folder that the payload is unpacked into ---- */

/*
 * Path of the unpacked tree, which stays locked against removal until this process ends. False: `why` has a line for
 * every folder that was tried.
 */
bool find_or_unpack(int fd, const struct trailer *trailer, char tree[PATH_MAX], struct text *why);
/* Folder for compiled code of an installed tree, made when missing. False: there is none, which is slower only. */
bool cache_folder(char folder[PATH_MAX]);
