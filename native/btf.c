// SPDX-License-Identifier: Apache-2.0
/* Queries to the running kernel's BTF. Types of modules are not included. */
#include "addon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>

/* Anonymous members nest a few levels in the kernel; a malformed BTF must not exhaust the stack. */
#define MAX_DEPTH 16

static bool is_asked_for(const struct btf_type *type)
{
	return btf_is_typedef(type) || btf_is_composite(type) || btf_is_any_enum(type) || btf_is_func(type);
}

/* FNV-1a. */
static __u32 hash_of(const char *name)
{
	__u32 hash = 2166136261u;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619u;
	return hash;
}

/* The name of a type that can be asked for; NULL: it has none, as anonymous types. */
static const char *name_of(const struct btf *btf, const struct btf_type *type)
{
	const char *name = type && is_asked_for(type) ? btf__name_by_offset(btf, type->name_off) : NULL;

	return name && *name ? name : NULL;
}

/*
 * All names in one pass: the kernel has more than 100,000 types, and a start asks some 60 questions. Without memory
 * for it there is no index, and no type is found.
 */
static void make_index(const struct btf *btf, struct wl_type_index *index)
{
	__u32 count = btf__type_cnt(btf);
	__u32 size = 1024;

	while (size < 2 * count && size < 1u << 30)
		size *= 2;
	index->ids = calloc(size, sizeof(*index->ids));
	index->mask = size - 1;
	for (__u32 id = 1; index->ids && id < count; id++) {
		const char *name = name_of(btf, btf__type_by_id(btf, id));
		__u32 at;

		if (!name)
			continue;
		for (at = hash_of(name) & index->mask; index->ids[at]; at = (at + 1) & index->mask)
			;
		index->ids[at] = id;
	}
}

static const struct btf *kernel_btf(struct wl_kernel_btf *kernel)
{
	/* Asked once: a kernel without BTF stays without, and libbpf would search the file system each time. */
	if (!kernel->tried) {
		kernel->tried = true;
		kernel->btf = btf__load_vmlinux_btf();
		if (kernel->btf)
			make_index(kernel->btf, &kernel->index);
	}
	return kernel->btf;
}

/* The next type of this name, from position `*at` of the index on; `*at` then is the position behind it; NULL: no more. */
static const struct btf_type *next_named(struct wl_kernel_btf *kernel, const char *name, __u32 *at)
{
	const struct wl_type_index *index = &kernel->index;

	for (; index->ids && index->ids[*at & index->mask]; ++*at) {
		const struct btf_type *type = btf__type_by_id(kernel->btf, index->ids[*at & index->mask]);
		const char *own = name_of(kernel->btf, type);

		if (own && strcmp(own, name) == 0) {
			++*at;
			return type;
		}
	}
	return NULL;
}

static bool is_of_kind(const struct btf_type *type, enum wl_kind kind)
{
	switch (kind) {
	case WL_TYPEDEF:
		return btf_is_typedef(type);
	case WL_STRUCT:
		return btf_is_composite(type);
	case WL_ENUM:
		return btf_is_any_enum(type);
	case WL_FUNC:
		return btf_is_func(type);
	}
	return false;
}

bool wl_btf_has_type(struct wl_kernel_btf *kernel, enum wl_kind kind, const char *name)
{
	const struct btf_type *type;
	__u32 at = hash_of(name);

	if (!kernel_btf(kernel))
		return false;
	while ((type = next_named(kernel, name, &at))) {
		if (is_of_kind(type, kind))
			return true;
	}
	return false;
}

static bool has_member(const struct btf *btf, const struct btf_type *type, const char *name, int depth)
{
	const struct btf_member *member = btf_members(type);

	for (int i = 0; i < btf_vlen(type); i++, member++) {
		const struct btf_type *inner;
		const char *own = btf__name_by_offset(btf, member->name_off);

		if (own && *own) {
			if (strcmp(own, name) == 0)
				return true;
			continue;
		}
		inner = btf__type_by_id(btf, member->type);
		while (inner && btf_is_mod(inner))
			inner = btf__type_by_id(btf, inner->type);
		if (inner && btf_is_composite(inner) && depth < MAX_DEPTH && has_member(btf, inner, name, depth + 1))
			return true;
	}
	return false;
}

bool wl_btf_has_member(struct wl_kernel_btf *kernel, const char *structure, const char *member)
{
	const struct btf *btf = kernel_btf(kernel);
	const struct btf_type *type;
	__u32 at = hash_of(structure);

	if (!btf)
		return false;
	/* A name may belong to several structs of different source files: any of them will do. */
	while ((type = next_named(kernel, structure, &at))) {
		if (btf_is_composite(type) && has_member(btf, type, member, 0))
			return true;
	}
	return false;
}

const struct btf_type *wl_btf_enum(struct wl_kernel_btf *kernel, const char *name)
{
	const struct btf_type *type;
	__u32 at = hash_of(name);

	if (!kernel_btf(kernel))
		return NULL;
	while ((type = next_named(kernel, name, &at))) {
		if (btf_is_any_enum(type))
			return type;
	}
	return NULL;
}

bool wl_btf_enum_value(struct wl_kernel_btf *kernel, const struct btf_type *type, int i, const char **name,
		       uint64_t *value)
{
	__u32 offset;

	if (i >= btf_vlen(type))
		return false;
	if (btf_is_enum64(type)) {
		offset = btf_enum64(type)[i].name_off;
		*value = btf_enum64_value(&btf_enum64(type)[i]);
	} else {
		offset = btf_enum(type)[i].name_off;
		*value = (uint32_t)btf_enum(type)[i].val;
	}
	*name = btf__name_by_offset(kernel->btf, offset);
	return *name != NULL;
}

int wl_btf_tracepoint_arguments(struct wl_kernel_btf *kernel, const char *name)
{
	char typedef_name[256];
	const struct btf_type *type;
	__u32 at;

	if (snprintf(typedef_name, sizeof(typedef_name), "btf_trace_%s", name) >= (int)sizeof(typedef_name) ||
	    !kernel_btf(kernel))
		return 0;
	at = hash_of(typedef_name);
	while ((type = next_named(kernel, typedef_name, &at))) {
		if (!btf_is_typedef(type))
			continue;
		type = btf__type_by_id(kernel->btf, type->type);
		if (type && btf_is_ptr(type))
			type = btf__type_by_id(kernel->btf, type->type);
		/* the first argument is the tracer's own */
		if (type && btf_is_func_proto(type) && btf_vlen(type) > 0)
			return btf_vlen(type) - 1;
	}
	return 0;
}

void wl_btf_free(struct wl_kernel_btf *kernel)
{
	btf__free(kernel->btf);
	free(kernel->index.ids);
	*kernel = (struct wl_kernel_btf){ 0 };
}
