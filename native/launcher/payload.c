// SPDX-License-Identifier: Apache-2.0
/* The payload: a tar file of folders and plain files, compressed with zstd, whose checksum the decoder verifies. */
#define _GNU_SOURCE
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* the state has a size */
#define XXH_STATIC_LINKING_ONLY
#include <common/xxhash.h>
#include <zstd.h>

#define BLOCK 512

bool read_trailer(int fd, struct trailer *trailer)
{
	struct stat found;

	return fstat(fd, &found) == 0 && found.st_size > (off_t)sizeof(*trailer) &&
	       pread(fd, trailer, sizeof(*trailer), found.st_size - (off_t)sizeof(*trailer)) == sizeof(*trailer) &&
	       memcmp(trailer->magic, MAGIC, sizeof(trailer->magic)) == 0 &&
	       trailer->offset + trailer->packed + sizeof(*trailer) == (uint64_t)found.st_size;
}

/* ---- tar ---- */

struct header {
	char name[100];
	char mode[8], uid[8], gid[8];
	char size[12];
	char modified[12], checksum[8];
	char kind;
	char rest[355];
};

_Static_assert(sizeof(struct header) == BLOCK, "a tar header is a block");

struct reader {
	int folder;
	struct seal *seal;
	/* Bytes of a header that have come. */
	struct header header;
	size_t filled;
	/* Of the file that is being written: bytes, and padding behind them, that are still to come. */
	uint64_t left, padding;
	int file;
	mode_t mode;
	struct sealed *sealed;
	XXH64_state_t hash;
	bool ended;
};

static uint64_t octal(const char *text, size_t size)
{
	uint64_t value = 0;

	for (size_t i = 0; i < size && text[i] >= '0' && text[i] <= '7'; i++)
		value = value * 8 + (uint64_t)(text[i] - '0');
	return value;
}

static int close_file(struct reader *r)
{
	int err = fchmod(r->file, r->mode) < 0 ? errno : 0;

	r->sealed->hash = XXH64_digest(&r->hash);
	if (close(r->file) < 0 && !err)
		err = errno;
	r->file = -1;
	return err;
}

static int begin_entry(struct reader *r)
{
	const struct header *h = &r->header;
	size_t length = strnlen(h->name, sizeof(h->name));
	char path[sizeof(h->name) + 1];

	memcpy(path, h->name, length);
	path[length] = '\0';
	if (length == 0) {
		r->ended = true;
		return 0;
	}
	if (path[0] == '/' || strstr(path, ".."))
		return EBADMSG;
	r->mode = (mode_t)octal(h->mode, sizeof(h->mode)) & 0755;
	if (h->kind == '5')
		return mkdirat(r->folder, path, 0700) < 0 || fchmodat(r->folder, path, r->mode, 0) < 0 ? errno : 0;
	if (h->kind != '0' || length >= sizeof(r->sealed->path) || r->seal->count == SEALED_MAX)
		return EBADMSG;
	r->file = openat(r->folder, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (r->file < 0)
		return errno;
	r->sealed = &r->seal->files[r->seal->count++];
	memcpy(r->sealed->path, path, length + 1);
	r->left = octal(h->size, sizeof(h->size));
	r->padding = (BLOCK - r->left % BLOCK) % BLOCK;
	XXH64_reset(&r->hash, 0);
	return r->left == 0 ? close_file(r) : 0;
}

static int write_all(int fd, const char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t written = write(fd, bytes, size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return errno;
		bytes += written;
		size -= (size_t)written;
	}
	return 0;
}

static size_t smaller(uint64_t a, size_t b)
{
	return a < b ? (size_t)a : b;
}

/* The next bytes of the tar file. 0, or an errno. */
static int take(struct reader *r, const char *bytes, size_t size)
{
	int err = 0;

	while (size > 0 && !r->ended && !err) {
		size_t step;

		if (r->left > 0) {
			step = smaller(r->left, size);
			err = write_all(r->file, bytes, step);
			XXH64_update(&r->hash, bytes, step);
			r->left -= step;
			if (r->left == 0 && !err)
				err = close_file(r);
		} else if (r->padding > 0) {
			step = smaller(r->padding, size);
			r->padding -= step;
		} else {
			step = smaller(BLOCK - r->filled, size);
			memcpy((char *)&r->header + r->filled, bytes, step);
			r->filled += step;
			if (r->filled == BLOCK) {
				r->filled = 0;
				err = begin_entry(r);
			}
		}
		bytes += step;
		size -= step;
	}
	return err;
}

static int decode(const char *packed, size_t size, struct reader *r)
{
	ZSTD_DStream *stream = ZSTD_createDStream();
	size_t room = ZSTD_DStreamOutSize();
	char *bytes = malloc(room);
	ZSTD_inBuffer in = { packed, size, 0 };
	size_t state = 1;
	int err = stream && bytes ? 0 : ENOMEM;

	/* the last bytes may wait in the decoder when all input is taken */
	for (bool full = true; !err && (in.pos < in.size || full);) {
		ZSTD_outBuffer out = { bytes, room, 0 };

		state = ZSTD_decompressStream(stream, &out, &in);
		err = ZSTD_isError(state) ? EBADMSG : take(r, bytes, out.pos);
		full = out.pos == out.size;
	}
	if (!err && (state != 0 || !r->ended))
		err = EBADMSG;
	free(bytes);
	ZSTD_freeDStream(stream);
	return err;
}

int unpack(int fd, const struct trailer *trailer, int folder, struct seal *seal)
{
	struct reader r = { .folder = folder, .seal = seal, .file = -1 };
	size_t skipped = trailer->offset % (uint64_t)sysconf(_SC_PAGESIZE);
	size_t length = (size_t)trailer->packed + skipped;
	char *mapped = mmap(NULL, length, PROT_READ, MAP_PRIVATE, fd, (off_t)(trailer->offset - skipped));
	int err;

	if (mapped == MAP_FAILED)
		return errno;
	err = decode(mapped + skipped, (size_t)trailer->packed, &r);
	if (r.file >= 0)
		close(r.file);
	munmap(mapped, length);
	return err;
}

/* ---- seal ---- */

static int64_t nanoseconds(struct timespec t)
{
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static bool same_hash(int folder, const struct sealed *s)
{
	int fd = openat(folder, s->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	void *bytes = fd < 0 || s->size == 0 ? NULL : mmap(NULL, s->size, PROT_READ, MAP_PRIVATE, fd, 0);
	bool same = fd >= 0 && bytes != MAP_FAILED && XXH64(bytes, s->size, 0) == s->hash;

	if (bytes && bytes != MAP_FAILED)
		munmap(bytes, s->size);
	if (fd >= 0)
		close(fd);
	return same;
}

bool intact(int folder, const struct seal *seal, const char *boot)
{
	bool same_boot = strncmp(seal->boot, boot, sizeof(seal->boot)) == 0;

	if (memcmp(seal->magic, MAGIC, sizeof(seal->magic)) != 0 || seal->count == 0 || seal->count > SEALED_MAX)
		return false;
	for (uint64_t i = 0; i < seal->count; i++) {
		const struct sealed *s = &seal->files[i];
		struct stat found;

		if (strnlen(s->path, sizeof(s->path)) == sizeof(s->path) ||
		    fstatat(folder, s->path, &found, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(found.st_mode) ||
		    !trusted(&found) || (uint64_t)found.st_size != s->size || found.st_ino != s->inode ||
		    nanoseconds(found.st_mtim) != s->modified || nanoseconds(found.st_ctim) != s->changed)
			return false;
		if (!same_boot && !same_hash(folder, s))
			return false;
	}
	return true;
}

int take_seal(int folder, struct seal *seal, const char *boot)
{
	memcpy(seal->magic, MAGIC, sizeof(seal->magic));
	strncpy(seal->boot, boot, sizeof(seal->boot));
	for (uint64_t i = 0; i < seal->count; i++) {
		struct sealed *s = &seal->files[i];
		struct stat found;

		if (fstatat(folder, s->path, &found, AT_SYMLINK_NOFOLLOW) < 0)
			return errno;
		s->size = (uint64_t)found.st_size;
		s->inode = found.st_ino;
		s->modified = nanoseconds(found.st_mtim);
		s->changed = nanoseconds(found.st_ctim);
	}
	return 0;
}
