// SPDX-License-Identifier: Apache-2.0
/* Queries to the running kernel's BTF. Types of modules are not included. */
#include "addon.h"

#include <string.h>

#include <bpf/btf.h>

/* Anonymous members nest a few levels in the kernel; a malformed BTF must not exhaust the stack. */
#define MAX_DEPTH 16

static const struct btf *kernel_btf(struct wl_kernel_btf *kernel)
{
	/* Asked once: a kernel without BTF stays without, and libbpf would search the file system each time. */
	if (!kernel->tried) {
		kernel->tried = true;
		kernel->btf = btf__load_vmlinux_btf();
	}
	return kernel->btf;
}

static bool is_named(const struct btf *btf, const struct btf_type *type, const char *name)
{
	const char *own = btf__name_by_offset(btf, type->name_off);
	/* The empty name is that of every anonymous type. */
	return *name && own && strcmp(own, name) == 0;
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
	const struct btf *btf = kernel_btf(kernel);

	for (__u32 id = 1; btf && id < btf__type_cnt(btf); id++) {
		const struct btf_type *type = btf__type_by_id(btf, id);

		if (type && is_of_kind(type, kind) && is_named(btf, type, name))
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

	/* A name may belong to several structs of different source files: any of them will do. */
	for (__u32 id = 1; btf && id < btf__type_cnt(btf); id++) {
		const struct btf_type *type = btf__type_by_id(btf, id);

		if (type && btf_is_composite(type) && is_named(btf, type, structure) &&
		    has_member(btf, type, member, 0))
			return true;
	}
	return false;
}

void wl_btf_free(struct wl_kernel_btf *kernel)
{
	btf__free(kernel->btf);
	*kernel = (struct wl_kernel_btf){ 0 };
}
