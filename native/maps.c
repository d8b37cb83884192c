// SPDX-License-Identifier: Apache-2.0
/* The contents of maps by system calls: element by element and in batches. */
#include "addon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

static bool is_per_cpu(const struct bpf_map *map)
{
	switch (bpf_map__type(map)) {
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
	case BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE:
		return true;
	default:
		return false;
	}
}

size_t wl_map_value_bytes(const struct bpf_map *map)
{
	size_t size = bpf_map__value_size(map);

	if (is_per_cpu(map)) {
		int cpus = libbpf_num_possible_cpus();
		/* 0 makes every length check fail, before the kernel can write past a buffer. */
		return cpus > 0 ? round_up(size, 8) * (size_t)cpus : 0;
	}
	return size;
}

/* ---- element by element ---- */

/* A queue: values without keys, which are put in and taken out. */
static bool is_queue(const struct wl_map *m)
{
	return bpf_map__type(m->map) == BPF_MAP_TYPE_QUEUE;
}

/* The kernel copies by the map's sizes and not by the buffers': a short buffer has to be caught here. */
static int check_lengths(const struct wl_map *m, size_t key_length, const size_t *value_length, struct wl_error *e)
{
	size_t key_bytes = bpf_map__key_size(m->map);
	size_t value_bytes = wl_map_value_bytes(m->map);
	const char *name = bpf_map__name(m->map);

	if (key_bytes == 0 && !(is_queue(m) && value_length))
		return wl_misuse(e, "map %s has no keys", name);
	if (key_length != key_bytes)
		return wl_misuse(e, "map %s has keys of %zu bytes, not %zu", name, key_bytes, key_length);
	if (value_length && (value_bytes == 0 || *value_length != value_bytes))
		return wl_misuse(e, "map %s has values of %zu bytes, not %zu", name, value_bytes, *value_length);
	return 0;
}

int wl_map_lookup(struct wl_map *m, const void *key, size_t key_length, void *value, size_t value_length,
		  struct wl_error *e)
{
	int err;

	if (check_lengths(m, key_length, &value_length, e) < 0)
		return -1;
	err = bpf_map_lookup_elem(bpf_map__fd(m->map), is_queue(m) ? NULL : key, value);
	if (err == -ENOENT)
		return 0;
	return err ? wl_refused(e, err, "map %s", bpf_map__name(m->map)) : 1;
}

int wl_map_update(struct wl_map *m, const void *key, size_t key_length, const void *value, size_t value_length,
		  struct wl_error *e)
{
	int err;

	if (check_lengths(m, key_length, &value_length, e) < 0)
		return -1;
	err = bpf_map_update_elem(bpf_map__fd(m->map), is_queue(m) ? NULL : key, value, BPF_ANY);
	return err ? wl_refused(e, err, "map %s", bpf_map__name(m->map)) : 0;
}

int wl_map_remove(struct wl_map *m, const void *key, size_t key_length, struct wl_error *e)
{
	int err;

	if (check_lengths(m, key_length, NULL, e) < 0)
		return -1;
	err = bpf_map_delete_elem(bpf_map__fd(m->map), key);
	if (err == -ENOENT)
		return 0;
	return err ? wl_refused(e, err, "map %s", bpf_map__name(m->map)) : 1;
}

/* ---- batches ---- */

/* Destination of the entries of one call. */
struct sink {
	int fd;
	uint8_t *keys;
	uint8_t *values;
	size_t key_bytes;
	size_t value_bytes;
	uint32_t capacity;
	uint32_t count;
};

static uint8_t *key_at(const struct sink *s, uint32_t i)
{
	return s->keys + (size_t)i * s->key_bytes;
}

static uint8_t *value_at(const struct sink *s, uint32_t i)
{
	return s->values + (size_t)i * s->value_bytes;
}

/* Read the value of the key at the sink's end, and delete it from the map. -ENOENT when another process was faster. */
static int take_one(struct sink *s)
{
	uint8_t *key = key_at(s, s->count);
	uint8_t *value = value_at(s, s->count);
	int err = bpf_map_lookup_and_delete_elem(s->fd, key, value);

	/* Hashes know this operation since 5.14. Before, an update between the two calls is lost. */
	if (err && err != -ENOENT) {
		err = bpf_map_lookup_elem(s->fd, key, value);
		if (!err)
			err = bpf_map_delete_elem(s->fd, key);
	}
	if (!err)
		s->count++;
	return err;
}

/* For kernels and map types without batches. */
static int read_singly(struct sink *s, bool remove)
{
	/* A key that vanishes sends the iteration back to its start; it must end nevertheless. */
	uint64_t tries = (uint64_t)s->capacity * 2 + 4096;
	uint8_t *key = malloc(s->key_bytes);
	const void *previous = NULL;
	int err = key ? 0 : -ENOMEM;

	while (!err && s->count < s->capacity && tries--) {
		err = bpf_map_get_next_key(s->fd, previous, key);
		if (err)
			break;
		previous = key;
		memcpy(key_at(s, s->count), key, s->key_bytes);
		if (remove) {
			err = take_one(s);
		} else {
			err = bpf_map_lookup_elem(s->fd, key, value_at(s, s->count));
			if (!err)
				s->count++;
		}
		/* A hole in an array, or another process was faster. */
		if (err == -ENOENT)
			err = 0;
	}
	free(key);
	return err == -ENOENT ? 0 : err;
}

/*
 * The kernel returns a bucket of a hash whole or not at all (ENOSPC). When the next one is larger than the room left,
 * read it into a separate buffer and take as many entries as fit: a full buffer then always means that there may be
 * more.
 */
static int read_part_of_bucket(struct sink *s, void *from, uint32_t max_entries, bool remove)
{
	uint32_t room = s->capacity - s->count;
	uint64_t size = room;
	uint8_t *keys = NULL;
	uint8_t *values = NULL;
	uint8_t *next = malloc(s->key_bytes + sizeof(uint64_t));
	uint32_t count = 0;
	int err = next ? -ENOSPC : -ENOMEM;

	while (err == -ENOSPC && size < max_entries) {
		size = size * 2 + 8 < max_entries ? size * 2 + 8 : max_entries;
		free(keys);
		free(values);
		keys = malloc(size * s->key_bytes);
		values = malloc(size * s->value_bytes);
		if (!keys || !values) {
			err = -ENOMEM;
			break;
		}
		count = (uint32_t)size;
		err = bpf_map_lookup_batch(s->fd, from, next, keys, values, &count, NULL);
	}
	if (err == -ENOENT)
		err = 0;
	for (uint32_t i = 0; !err && i < count && s->count < s->capacity; i++) {
		memcpy(key_at(s, s->count), keys + (size_t)i * s->key_bytes, s->key_bytes);
		if (remove) {
			err = take_one(s);
			if (err == -ENOENT)
				err = 0;
		} else {
			memcpy(value_at(s, s->count), values + (size_t)i * s->value_bytes, s->value_bytes);
			s->count++;
		}
	}
	free(next);
	free(keys);
	free(values);
	return err;
}

static int read_in_batches(struct sink *s, uint32_t max_entries, bool remove)
{
	/* The kernel's bookmark: a u32 for hashes, a key for others. */
	uint8_t *bookmark = calloc(1, s->key_bytes + sizeof(uint64_t));
	void *from = NULL;
	int stalls = 0;
	int err = 0;

	if (!bookmark)
		return -ENOMEM;
	while (s->count < s->capacity) {
		uint32_t count = s->capacity - s->count;
		uint32_t room = count;

		err = (remove ? bpf_map_lookup_and_delete_batch : bpf_map_lookup_batch)(
			s->fd, from, bookmark, key_at(s, s->count), value_at(s, s->count), &count, NULL);
		if (err == -ENOSPC) {
			err = read_part_of_bucket(s, from, max_entries, remove);
			break;
		}
		/* EINTR: an entry vanished repeatedly while the kernel read it; the entries before it count. */
		if (err && err != -ENOENT && err != -EINTR && err != -EAGAIN)
			break;
		if (err == -EAGAIN || count > room)
			count = 0;
		s->count += count;
		if (count) {
			from = bookmark;
			stalls = 0;
		} else if (err != -ENOENT && ++stalls > 64) {
			break;
		}
		if (err == -ENOENT)
			break;
		err = 0;
	}
	free(bookmark);
	return err == -ENOENT ? 0 : err;
}

int64_t wl_map_read_batch(struct wl_map *m, uint8_t *keys, size_t keys_length, uint8_t *values, size_t values_length,
			  bool remove, struct wl_error *e)
{
	const char *name = bpf_map__name(m->map);
	struct sink s = {
		.fd = bpf_map__fd(m->map),
		.keys = keys,
		.values = values,
		.key_bytes = bpf_map__key_size(m->map),
		.value_bytes = wl_map_value_bytes(m->map),
	};
	size_t fits;
	int err;

	if (s.key_bytes == 0 || s.value_bytes == 0)
		return wl_misuse(e, "map %s cannot be read in batches", name);
	if (keys_length % s.key_bytes)
		return wl_misuse(e, "map %s: %zu bytes of keys are no multiple of %zu", name, keys_length, s.key_bytes);
	if (values_length % s.value_bytes)
		return wl_misuse(e, "map %s: %zu bytes of values are no multiple of %zu", name, values_length,
				 s.value_bytes);
	fits = keys_length / s.key_bytes;
	if (fits > values_length / s.value_bytes)
		fits = values_length / s.value_bytes;
	if (fits == 0)
		return wl_misuse(e, "map %s: the buffers hold no entry", name);
	s.capacity = fits > UINT32_MAX ? UINT32_MAX : (uint32_t)fits;

	err = read_in_batches(&s, bpf_map__max_entries(m->map), remove);
	/* Without batches (5.6), or without them for this type of map, nothing has been read yet. */
	if (s.count == 0 && (err == -WL_KERNEL_ENOTSUPP || err == -EOPNOTSUPP || err == -EINVAL))
		err = read_singly(&s, remove);
	/* Entries deleted from the map must reach the caller; the next call meets the error again. */
	if (err && s.count == 0)
		return wl_refused(e, err, "map %s", name);
	return s.count;
}
