// SPDX-License-Identifier: Apache-2.0
/*
 * The functions that the addon exports to JavaScript. The contract is src/core/native.ts.
 *
 * Lifetime: a handle is a plain object that wraps its C struct. Node-API runs the finaliser of a wrap when the object
 * is collected and, for all that are left, when the environment (main thread or worker) ends, so nothing outlives a
 * worker that was terminated.
 */
#include "call.h"

#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

static napi_value addon_libbpf_version(napi_env env, napi_callback_info info)
{
	napi_value self;
	struct call c;

	if (!call_begin(&c, env, info, "libbpfVersion", &self))
		return NULL;
	/* "v1.1" */
	return make_string(&c, libbpf_version_string() + 1);
}

static int possible_cpus(struct wl_error *e)
{
	int cpus = libbpf_num_possible_cpus();

	return cpus < 0 ? wl_refused(e, cpus, "%s", "") : cpus;
}

static napi_value addon_possible_cpus(napi_env env, napi_callback_info info)
{
	napi_value self;
	struct call c;
	int cpus;

	if (!call_begin(&c, env, info, "possibleCpus", &self) || !SUCCEEDS(&c, cpus = possible_cpus(&c.error)))
		return NULL;
	return make_number(&c, (uint64_t)cpus);
}

static struct wl_kernel_btf *kernel_of(napi_env env)
{
	void *kernel = NULL;

	napi_get_instance_data(env, &kernel);
	return kernel;
}

static bool take_kind(struct call *c, size_t i, enum wl_kind *kind)
{
	static const struct {
		const char *name;
		enum wl_kind kind;
	} kinds[] = { { "typedef", WL_TYPEDEF }, { "struct", WL_STRUCT }, { "enum", WL_ENUM }, { "func", WL_FUNC } };
	char name[NAME_BYTES];

	if (!take_string(c, i, "kind", name, sizeof(name)))
		return false;
	for (size_t k = 0; k < COUNT(kinds); k++) {
		if (strcmp(kinds[k].name, name) == 0) {
			*kind = kinds[k].kind;
			return true;
		}
	}
	return type_error(c, "kind must be typedef, struct, enum or func");
}

static napi_value addon_has_type(napi_env env, napi_callback_info info)
{
	struct wl_kernel_btf *kernel = kernel_of(env);
	char name[NAME_BYTES];
	enum wl_kind kind = WL_TYPEDEF;
	napi_value self;
	struct call c;

	if (!kernel || !call_begin(&c, env, info, "hasType", &self) || !take_kind(&c, 0, &kind) ||
	    !take_string(&c, 1, "name", name, sizeof(name)))
		return NULL;
	return make_boolean(&c, wl_btf_has_type(kernel, kind, name));
}

static napi_value addon_has_member(napi_env env, napi_callback_info info)
{
	struct wl_kernel_btf *kernel = kernel_of(env);
	char structure[NAME_BYTES];
	char member[NAME_BYTES];
	napi_value self;
	struct call c;

	if (!kernel || !call_begin(&c, env, info, "hasMember", &self) ||
	    !take_string(&c, 0, "struct", structure, sizeof(structure)) ||
	    !take_string(&c, 1, "member", member, sizeof(member)))
		return NULL;
	return make_boolean(&c, wl_btf_has_member(kernel, structure, member));
}

static napi_value addon_enum_values(napi_env env, napi_callback_info info)
{
	struct wl_kernel_btf *kernel = kernel_of(env);
	const struct btf_type *type;
	char name[NAME_BYTES];
	const char *value_name;
	napi_value list;
	napi_value self;
	struct call c;
	uint64_t value;

	if (!kernel || !call_begin(&c, env, info, "enumValues", &self) ||
	    !take_string(&c, 0, "name", name, sizeof(name)) || napi_create_array(env, &list) != napi_ok)
		return NULL;
	type = wl_btf_enum(kernel, name);
	for (int i = 0; type && wl_btf_enum_value(kernel, type, i, &value_name, &value); i++) {
		struct field fields[] = {
			{ "name", make_string(&c, value_name) },
			{ "value", make_number(&c, value) },
		};
		napi_value item = make_record(&c, fields, COUNT(fields));

		if (!item || napi_set_element(env, list, (uint32_t)i, item) != napi_ok)
			return NULL;
	}
	return list;
}

static napi_value addon_tracepoint_arguments(napi_env env, napi_callback_info info)
{
	struct wl_kernel_btf *kernel = kernel_of(env);
	char name[NAME_BYTES];
	napi_value self;
	struct call c;

	if (!kernel || !call_begin(&c, env, info, "tracepointArguments", &self) ||
	    !take_string(&c, 0, "name", name, sizeof(name)))
		return NULL;
	return make_number(&c, (uint64_t)wl_btf_tracepoint_arguments(kernel, name));
}

static napi_value addon_release_memory(napi_env env, napi_callback_info info)
{
	struct wl_kernel_btf *kernel = kernel_of(env);
	napi_value dropped;
	napi_value self;
	struct call c;

	if (!kernel || !call_begin(&c, env, info, "releaseMemory", &self) ||
	    napi_create_double(env, (double)wl_release_memory(kernel), &dropped) != napi_ok)
		return NULL;
	return dropped;
}

static napi_value addon_lock_file(napi_env env, napi_callback_info info)
{
	int64_t locked = 0;
	napi_value self;
	struct call c;
	uint64_t fd;

	if (!call_begin(&c, env, info, "lockFile", &self) || !take_integer(&c, 0, "fd", 0, INT32_MAX, &fd) ||
	    !SUCCEEDS(&c, locked = wl_lock_file((int)fd, &c.error)))
		return NULL;
	return make_boolean(&c, locked == 1);
}

static napi_value addon_semaphore_pid(napi_env env, napi_callback_info info)
{
	uint64_t id, number;
	napi_value self;
	int64_t pid = 0;
	struct call c;

	if (!call_begin(&c, env, info, "semaphorePid", &self) || !take_integer(&c, 0, "id", 0, INT32_MAX, &id) ||
	    !take_integer(&c, 1, "number", 0, UINT16_MAX, &number) ||
	    !SUCCEEDS(&c, pid = wl_semaphore_pid((int)id, (int)number, &c.error)))
		return NULL;
	return make_number(&c, (uint64_t)pid);
}

static napi_value addon_discard_output(napi_env env, napi_callback_info info)
{
	napi_value self;
	struct call c;
	uint64_t fd;

	if (!call_begin(&c, env, info, "discardOutput", &self) || !take_integer(&c, 0, "fd", 0, INT32_MAX, &fd) ||
	    !SUCCEEDS(&c, wl_discard_output((int)fd, &c.error)))
		return NULL;
	return make_undefined(&c);
}

static napi_value addon_guard_terminal(napi_env env, napi_callback_info info)
{
	size_t length = 0;
	napi_value self;
	uint8_t *text;
	struct call c;
	uint64_t fd;

	if (!call_begin(&c, env, info, "guardTerminal", &self) || !take_integer(&c, 0, "fd", 0, INT32_MAX, &fd) ||
	    !take_bytes(&c, 1, "text", &text, &length))
		return NULL;
	if (length > WL_GUARD_BYTES)
		return type_error(&c, "text: more than %d bytes", WL_GUARD_BYTES), NULL;
	wl_guard_terminal((int)fd, text, length);
	return make_undefined(&c);
}

static napi_value addon_cgroup_path(napi_env env, napi_callback_info info)
{
	uint8_t path[PATH_BYTES];
	char mount[PATH_BYTES];
	int64_t length;
	napi_value bytes;
	napi_value self;
	struct call c;
	uint64_t id;

	if (!call_begin(&c, env, info, "cgroupPath", &self) || !take_string(&c, 0, "mount", mount, sizeof(mount)) ||
	    !take_integer(&c, 1, "id", 0, MAX_SAFE, &id) ||
	    !SUCCEEDS(&c, length = wl_cgroup_path(mount, id, path, sizeof(path), &c.error)) ||
	    napi_create_buffer_copy(env, (size_t)length, path, NULL, &bytes) != napi_ok)
		return NULL;
	return bytes;
}

static void finalize_kernel(napi_env env, void *data, void *hint)
{
	(void)env;
	(void)hint;
	wl_btf_free(data);
	free(data);
}

NAPI_MODULE_INIT()
{
	static const napi_property_descriptor functions[] = {
		METHOD("libbpfVersion", addon_libbpf_version),
		METHOD("possibleCpus", addon_possible_cpus),
		METHOD("hasType", addon_has_type),
		METHOD("hasMember", addon_has_member),
		METHOD("enumValues", addon_enum_values),
		METHOD("tracepointArguments", addon_tracepoint_arguments),
		METHOD("enableStats", addon_enable_stats),
		METHOD("releaseMemory", addon_release_memory),
		METHOD("cgroupPath", addon_cgroup_path),
		METHOD("lockFile", addon_lock_file),
		METHOD("semaphorePid", addon_semaphore_pid),
		METHOD("discardOutput", addon_discard_output),
		METHOD("guardTerminal", addon_guard_terminal),
		METHOD("open", addon_open),
		METHOD("openCounter", addon_open_counter),
		METHOD("openNvml", addon_open_nvml),
	};
	struct wl_kernel_btf *kernel = calloc(1, sizeof(*kernel));

	if (!kernel || napi_set_instance_data(env, kernel, finalize_kernel, NULL) != napi_ok) {
		free(kernel);
		napi_throw_error(env, "ENOMEM", "wattlag.node: out of memory");
		return NULL;
	}
	wl_log_install();
	if (napi_define_properties(env, exports, COUNT(functions), functions) != napi_ok)
		return NULL;
	return exports;
}
