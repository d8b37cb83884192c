// SPDX-License-Identifier: Apache-2.0
/* The contents of maps without a system call for each: arrays through shared pages, and ring buffers. */
#include "addon.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* ---- shared pages ---- */

static size_t mapped_stride(const struct bpf_map *map)
{
	return round_up(bpf_map__value_size(map), 8);
}

static int map_values(struct wl_map *m, struct wl_error *e)
{
	const char *name = bpf_map__name(m->map);
	size_t length = round_up(mapped_stride(m->map) * bpf_map__max_entries(m->map), page_size());
	void *pages;

	if (bpf_map__type(m->map) != BPF_MAP_TYPE_ARRAY || !(bpf_map__map_flags(m->map) & BPF_F_MMAPABLE))
		return wl_misuse(e, "map %s is not memory-mapped", name);
	pages = mmap(NULL, length, PROT_READ, MAP_SHARED, bpf_map__fd(m->map), 0);
	if (pages == MAP_FAILED)
		return wl_refused(e, errno, "map %s", name);
	m->mapped = pages;
	m->mapped_length = length;
	return 0;
}

/*
 * Copy memory that programs write to at this moment. memcpy may read a counter in two halves; aligned words are read
 * whole. `from` is aligned when `offset` was: values are 8-aligned in the map, and a caller with another offset wants
 * no words.
 */
static void copy_words(uint8_t *to, const uint8_t *from, size_t length)
{
	size_t i = 0;

	if ((uintptr_t)from % sizeof(uint64_t) == 0) {
		for (; length - i >= sizeof(uint64_t); i += sizeof(uint64_t)) {
			uint64_t word = __atomic_load_n((const uint64_t *)(from + i), __ATOMIC_RELAXED);
			memcpy(to + i, &word, sizeof(word));
		}
	}
	if (i < length)
		memcpy(to + i, from + i, length - i);
}

int64_t wl_map_read_mapped(struct wl_map *m, uint8_t *into, size_t length, uint64_t offset, struct wl_error *e)
{
	size_t size;

	if (!m->mapped && map_values(m, e) < 0)
		return -1;
	/* The last value has no padding behind it that a caller should see. */
	size = mapped_stride(m->map) * (bpf_map__max_entries(m->map) - 1) + bpf_map__value_size(m->map);
	if (offset > size)
		return wl_misuse(e, "map %s has %zu bytes: cannot read at %llu", bpf_map__name(m->map), size,
				 (unsigned long long)offset);
	if (length > size - offset)
		length = size - offset;
	copy_words(into, m->mapped + offset, length);
	return (int64_t)length;
}

/* ---- ring buffers ---- */

/*
 * The kernel's layout: a page with the consumer's position, a page with the producer's, then the data, mapped twice in
 * a row so that a record which wraps is in one piece. A record is a u32 length with two flag bits, 4 bytes for the
 * kernel, the payload, and padding to 8. Positions only grow.
 */
#define RECORD_HEADER 8

static int map_ring(struct wl_map *m, struct wl_error *e)
{
	const char *name = bpf_map__name(m->map);
	size_t page = page_size();
	int fd = bpf_map__fd(m->map);
	void *consumer;
	void *producer;

	if (bpf_map__type(m->map) != BPF_MAP_TYPE_RINGBUF)
		return wl_misuse(e, "map %s is not a ring buffer", name);
	consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (consumer == MAP_FAILED)
		return wl_refused(e, errno, "map %s", name);
	producer = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, (off_t)page);
	if (producer == MAP_FAILED) {
		int err = errno;

		munmap(consumer, page);
		return wl_refused(e, err, "map %s", name);
	}
	m->consumer = consumer;
	m->producer = producer;
	return 0;
}

/* A mapping of the part of the data that is to be read, for one read. */
struct window {
	uint8_t *pages;
	size_t length;
	/* The first byte asked for. */
	const uint8_t *data;
};

/*
 * A mapping of the whole ring would count, twice, as our memory, and the kernel would map every page of it at once; a
 * ring mostly holds far less than its size.
 */
static int open_window(struct window *w, const struct wl_map *m, unsigned long from, size_t bytes, struct wl_error *e)
{
	size_t page = page_size();
	size_t begin = from / page * page;
	void *pages;

	w->length = round_up(from + bytes, page) - begin;
	pages = mmap(NULL, w->length, PROT_READ, MAP_SHARED, bpf_map__fd(m->map), (off_t)(2 * page + begin));
	if (pages == MAP_FAILED)
		return wl_refused(e, errno, "map %s", bpf_map__name(m->map));
	w->pages = pages;
	w->data = w->pages + (from - begin);
	return 0;
}

int64_t wl_map_drain(struct wl_map *m, uint8_t *into, size_t length, struct wl_error *e)
{
	struct window window;
	unsigned long mask;
	unsigned long position;
	unsigned long begin;
	unsigned long end;
	size_t there;
	size_t written = 0;
	size_t too_large = 0;

	if (!m->consumer && map_ring(m, e) < 0)
		return -1;
	mask = bpf_map__max_entries(m->map) - 1;
	position = __atomic_load_n((unsigned long *)m->consumer, __ATOMIC_RELAXED);
	/* Read once: faster producers must not keep this loop running. */
	end = __atomic_load_n((const unsigned long *)m->producer, __ATOMIC_ACQUIRE);
	if (position == end)
		return 0;
	begin = position;
	/* The ring may hold many times the buffer. With room for a header, which shows that its record does not fit. */
	there = end - begin;
	if (there > length + RECORD_HEADER)
		there = round_up(length, RECORD_HEADER) + RECORD_HEADER;
	end = begin + there;
	if (open_window(&window, m, begin & mask, there, e) < 0)
		return -1;
	while (position < end) {
		const uint8_t *record = window.data + (position - begin);
		/* Pairs with the producer's release of the record: the payload is complete once BUSY is gone. */
		uint32_t header = __atomic_load_n((const uint32_t *)record, __ATOMIC_ACQUIRE);
		uint32_t payload = header & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
		size_t framed = RECORD_HEADER + round_up(payload, 8);

		if (header & BPF_RINGBUF_BUSY_BIT)
			break;
		/* Behind others that were discarded: for the next call. */
		if (position > begin && framed > end - position)
			break;
		if (!(header & BPF_RINGBUF_DISCARD_BIT)) {
			uint32_t frame[2] = { payload, 0 };

			if (framed > length - written) {
				if (written == 0)
					too_large = framed;
				break;
			}
			memcpy(into + written, frame, sizeof(frame));
			memcpy(into + written + RECORD_HEADER, record + RECORD_HEADER, payload);
			memset(into + written + RECORD_HEADER + payload, 0, framed - RECORD_HEADER - payload);
			written += framed;
		}
		position += framed;
	}
	munmap(window.pages, window.length);
	/* Gives the space back; everything must have been read by then. */
	__atomic_store_n((unsigned long *)m->consumer, position, __ATOMIC_RELEASE);
	if (too_large)
		return wl_misuse(e, "map %s: a record needs %zu bytes, the buffer has %zu", bpf_map__name(m->map),
				 too_large, length);
	return (int64_t)written;
}

void wl_map_unmap(struct wl_map *m)
{
	if (m->mapped)
		munmap((void *)m->mapped, m->mapped_length);
	if (m->producer)
		munmap((void *)m->producer, page_size());
	if (m->consumer)
		munmap(m->consumer, page_size());
	m->mapped = NULL;
	m->producer = NULL;
	m->consumer = NULL;
}
