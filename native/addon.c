// SPDX-License-Identifier: Apache-2.0
/*
 * The JavaScript face of the addon: check arguments, call the plain C, turn its failures into exceptions. The contract
 * is src/native.ts.
 *
 * Lifetime: a handle is a plain object that wraps its C struct. Node-API runs the finaliser of a wrap when the object is
 * collected and, for all that are left, when the environment (main thread or worker) ends, so nothing outlives a worker
 * that was terminated.
 */
#define NAPI_VERSION 9
#include <node_api.h>

#include "addon.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

/* Longest name of a program, map, type or member that is taken; the kernel's own limit for BTF names is 128. */
#define NAME_BYTES 256
#define PATH_BYTES 4096
#define MAX_ARGUMENTS 4
/* Number.MAX_SAFE_INTEGER */
#define MAX_SAFE 9007199254740991.0
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What tells our handles from any other object that a method may be called on. */
static const napi_type_tag object_tag = { 0x6f3a1c5de0b94d27, 0x9b1e7742c86f4a03 };
static const napi_type_tag stats_tag = { 0x21d7b0f4a35c4e88, 0x8f6cd10937be42e5 };
static const napi_type_tag counter_tag = { 0x4b0d92e6137fc85a, 0xa2c95ef06d184b73 };
static const napi_type_tag nvml_tag = { 0xd86e1f3b90a2475c, 0x75e3b81c2f6a9d04 };

/* One call from JavaScript, from its arguments to its exception. */
struct call {
	napi_env env;
	const char *method;
	/* What messages name beside the method: the object, or the path that should become one. */
	const char *subject;
	/* What the method was called on; NULL for the addon's own functions. */
	struct wl_object *object;
	napi_value arguments[MAX_ARGUMENTS];
	struct wl_error error;
	struct wl_log log;
};

/* ---- exceptions ---- */

typedef napi_status (*error_maker)(napi_env, napi_value, napi_value, napi_value *);

static void throw_error(napi_env env, error_maker make, const char *code, const char *message, const struct wl_log *log)
{
	const char *said = log && log->text ? log->text : "";
	size_t said_length = log && log->text ? log->length : 0;
	napi_value error, text, log_text;
	napi_value code_text;

	if (napi_create_string_utf8(env, code, NAPI_AUTO_LENGTH, &code_text) != napi_ok ||
	    napi_create_string_utf8(env, message, NAPI_AUTO_LENGTH, &text) != napi_ok ||
	    napi_create_string_utf8(env, said, said_length, &log_text) != napi_ok ||
	    make(env, code_text, text, &error) != napi_ok)
		return;
	/* Without the log it is still the right error. */
	napi_set_named_property(env, error, "log", log_text);
	napi_throw(env, error);
}

/* A wrong argument. Always false. */
static bool type_error(struct call *c, const char *fmt, ...) WL_PRINTF(2, 3);

static bool type_error(struct call *c, const char *fmt, ...)
{
	char what[192];
	char message[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	snprintf(message, sizeof(message), "%s: %s", c->method, what);
	throw_error(c->env, napi_create_type_error, "EINVAL", message, NULL);
	return false;
}

/* "<method> <subject>: <what libbpf complained about>: <reason>" */
static void throw_failure(struct call *c)
{
	char message[sizeof(c->error.text) + PATH_BYTES + 256];
	const char *culprit = c->log.culprit;
	/* Failures that name the program themselves need not name it twice. */
	bool named = !*culprit || strstr(c->error.text, culprit);

	snprintf(message, sizeof(message), "%s%s%s: %s%s%s", c->method, c->subject ? " " : "",
		 c->subject ? c->subject : "", named ? "" : culprit, named ? "" : ": ", c->error.text);
	throw_error(c->env, napi_create_error, wl_errno_name(c->error.err), message, &c->log);
}

/* End of the plain C part of a call that began with wl_log_begin: true when it went well, else an exception waits. */
static bool settle(struct call *c, int64_t result)
{
	wl_log_end(&c->log);
	if (result < 0)
		throw_failure(c);
	wl_log_free(&c->log);
	return result >= 0;
}

/* The log must listen before the call is made: the comma sees to the order. */
#define SUCCEEDS(c, result) (wl_log_begin(&(c)->log), settle((c), (result)))

/* ---- arguments ---- */

static bool begin(struct call *c, napi_env env, napi_callback_info info, const char *method, napi_value *self)
{
	size_t count = MAX_ARGUMENTS;

	*c = (struct call){ .env = env, .method = method };
	/* Arguments that were left out become undefined. */
	return napi_get_cb_info(env, info, &count, c->arguments, self, NULL) == napi_ok;
}

static void *unwrap(struct call *c, napi_value self, const napi_type_tag *tag)
{
	bool ours = false;
	void *data = NULL;

	if (napi_check_object_type_tag(c->env, self, tag, &ours) != napi_ok || !ours ||
	    napi_unwrap(c->env, self, &data) != napi_ok || !data) {
		type_error(c, "called on something that is not its object");
		return NULL;
	}
	return data;
}

/* A method of an object that was not closed. */
static bool begin_method(struct call *c, napi_env env, napi_callback_info info, const char *method)
{
	napi_value self;

	if (!begin(c, env, info, method, &self))
		return false;
	c->object = unwrap(c, self, &object_tag);
	if (!c->object)
		return false;
	c->subject = c->object->name;
	if (!c->object->object) {
		wl_misuse(&c->error, "the object is closed");
		throw_failure(c);
		return false;
	}
	return true;
}

static napi_valuetype type_of(struct call *c, size_t i)
{
	napi_valuetype type = napi_undefined;

	napi_typeof(c->env, c->arguments[i], &type);
	return type;
}

static bool take_string(struct call *c, size_t i, const char *what, char *into, size_t size)
{
	size_t length = 0;

	if (type_of(c, i) != napi_string)
		return type_error(c, "%s must be a string", what);
	if (napi_get_value_string_utf8(c->env, c->arguments[i], NULL, 0, &length) != napi_ok || length >= size)
		return type_error(c, "%s must be at most %zu bytes", what, size - 1);
	if (napi_get_value_string_utf8(c->env, c->arguments[i], into, size, &length) != napi_ok)
		return type_error(c, "%s must be a string", what);
	/* C would silently take the part before. */
	if (strlen(into) != length)
		return type_error(c, "%s must not contain NUL", what);
	return true;
}

static bool take_bytes(struct call *c, size_t i, const char *what, uint8_t **bytes, size_t *length)
{
	/* Any other than the one accepted: Node-API leaves it alone for types it does not know. */
	napi_typedarray_type type = napi_float64_array;
	void *data = NULL;
	bool is_array = false;

	if (napi_is_typedarray(c->env, c->arguments[i], &is_array) != napi_ok || !is_array ||
	    napi_get_typedarray_info(c->env, c->arguments[i], &type, length, &data, NULL, NULL) != napi_ok ||
	    type != napi_uint8_array)
		return type_error(c, "%s must be a Uint8Array", what);
	/* A detached buffer. */
	if (!data)
		*length = 0;
	*bytes = data;
	return true;
}

static bool take_integer(struct call *c, size_t i, const char *what, double min, double max, uint64_t *number)
{
	double value;

	if (napi_get_value_double(c->env, c->arguments[i], &value) != napi_ok)
		return type_error(c, "%s must be a number", what);
	if (!(value >= min && value <= max) || trunc(value) != value)
		return type_error(c, "%s must be an integer from %.0f to %.0f", what, min, max);
	*number = (uint64_t)value;
	return true;
}

static bool take_boolean(struct call *c, size_t i, const char *what, bool *value)
{
	return napi_get_value_bool(c->env, c->arguments[i], value) == napi_ok ||
	       type_error(c, "%s must be a boolean", what);
}

/* ---- results ---- */

static napi_value undefined(struct call *c)
{
	napi_value value = NULL;

	napi_get_undefined(c->env, &value);
	return value;
}

/* Integers up to 2^53 are exact: 104 days of BPF run time in ns, and far more than any buffer. */
static napi_value number(struct call *c, uint64_t n)
{
	napi_value value = NULL;

	napi_create_double(c->env, (double)n, &value);
	return value;
}

static napi_value boolean(struct call *c, bool b)
{
	napi_value value = NULL;

	napi_get_boolean(c->env, b, &value);
	return value;
}

static napi_value string(struct call *c, const char *text)
{
	napi_value value = NULL;

	napi_create_string_utf8(c->env, text, NAPI_AUTO_LENGTH, &value);
	return value;
}

struct field {
	const char *name;
	napi_value value;
};

/* Defined, not set: a setter on Object.prototype would run foreign code while we walk the object. */
static napi_value record(struct call *c, const struct field *fields, size_t count)
{
	napi_value value = NULL;

	if (napi_create_object(c->env, &value) != napi_ok)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		napi_property_descriptor property = {
			.utf8name = fields[i].name,
			.value = fields[i].value,
			.attributes = napi_default_jsproperty,
		};

		if (!property.value || napi_define_properties(c->env, value, 1, &property) != napi_ok)
			return NULL;
	}
	return value;
}

/* On failure nothing has taken over `data`. */
static napi_value make_handle(struct call *c, const napi_property_descriptor *methods, size_t count,
			      const napi_type_tag *tag, void *data, napi_finalize finalize)
{
	napi_value handle = NULL;

	if (napi_create_object(c->env, &handle) != napi_ok ||
	    napi_define_properties(c->env, handle, count, methods) != napi_ok ||
	    napi_type_tag_object(c->env, handle, tag) != napi_ok ||
	    napi_wrap(c->env, handle, data, finalize, NULL, NULL) != napi_ok)
		return NULL;
	return handle;
}

#define METHOD(name, function) { .utf8name = name, .method = function, .attributes = napi_default_method }

/* ---- methods of an open object ---- */

static napi_value object_programs(napi_env env, napi_callback_info info)
{
	napi_value list;
	struct call c;

	if (!begin_method(&c, env, info, "programs") || napi_create_array(env, &list) != napi_ok)
		return NULL;
	for (size_t i = 0; i < c.object->program_count; i++) {
		const struct wl_program *p = &c.object->programs[i];
		struct field fields[] = {
			{ "name", string(&c, bpf_program__name(p->program)) },
			{ "section", string(&c, bpf_program__section_name(p->program)) },
			{ "autoload", boolean(&c, bpf_program__autoload(p->program)) },
			{ "attached", boolean(&c, p->link) },
		};
		napi_value item = record(&c, fields, COUNT(fields));

		if (!item || napi_set_element(env, list, (uint32_t)i, item) != napi_ok)
			return NULL;
	}
	return list;
}

static napi_value object_maps(napi_env env, napi_callback_info info)
{
	napi_value list;
	struct call c;

	if (!begin_method(&c, env, info, "maps") || napi_create_array(env, &list) != napi_ok)
		return NULL;
	for (size_t i = 0; i < c.object->map_count; i++) {
		const struct bpf_map *map = c.object->maps[i].map;
		const char *type = libbpf_bpf_map_type_str(bpf_map__type(map));
		struct field fields[] = {
			{ "name", string(&c, bpf_map__name(map)) },
			{ "type", string(&c, type ? type : "unknown") },
			{ "keySize", number(&c, bpf_map__key_size(map)) },
			{ "valueSize", number(&c, bpf_map__value_size(map)) },
			{ "maxEntries", number(&c, bpf_map__max_entries(map)) },
		};
		napi_value item = record(&c, fields, COUNT(fields));

		if (!item || napi_set_element(env, list, (uint32_t)i, item) != napi_ok)
			return NULL;
	}
	return list;
}

static napi_value object_set_autoload(napi_env env, napi_callback_info info)
{
	char program[NAME_BYTES];
	struct call c;
	bool on;

	if (!begin_method(&c, env, info, "setAutoload") || !take_string(&c, 0, "program", program, sizeof(program)) ||
	    !take_boolean(&c, 1, "on", &on) ||
	    !SUCCEEDS(&c, wl_object_set_autoload(c.object, program, on, &c.error)))
		return NULL;
	return undefined(&c);
}

static napi_value object_set_initial(napi_env env, napi_callback_info info)
{
	char section[NAME_BYTES];
	uint64_t offset;
	uint8_t *bytes;
	size_t length;
	struct call c;

	if (!begin_method(&c, env, info, "setInitial") || !take_string(&c, 0, "section", section, sizeof(section)) ||
	    !take_integer(&c, 1, "offset", 0, MAX_SAFE, &offset) || !take_bytes(&c, 2, "bytes", &bytes, &length) ||
	    !SUCCEEDS(&c, wl_object_set_initial(c.object, section, offset, bytes, length, &c.error)))
		return NULL;
	return undefined(&c);
}

static napi_value object_set_max_entries(napi_env env, napi_callback_info info)
{
	char map[NAME_BYTES];
	uint64_t entries;
	struct call c;

	if (!begin_method(&c, env, info, "setMaxEntries") || !take_string(&c, 0, "map", map, sizeof(map)) ||
	    !take_integer(&c, 1, "entries", 1, UINT32_MAX, &entries) ||
	    !SUCCEEDS(&c, wl_object_set_max_entries(c.object, map, (uint32_t)entries, &c.error)))
		return NULL;
	return undefined(&c);
}

static napi_value object_load(napi_env env, napi_callback_info info)
{
	struct call c;

	if (!begin_method(&c, env, info, "load") || !SUCCEEDS(&c, wl_object_load(c.object, &c.error)))
		return NULL;
	return undefined(&c);
}

static napi_value object_attach(napi_env env, napi_callback_info info)
{
	char program[NAME_BYTES];
	struct call c;

	if (!begin_method(&c, env, info, "attach") || !take_string(&c, 0, "program", program, sizeof(program)) ||
	    !SUCCEEDS(&c, wl_object_attach(c.object, program, &c.error)))
		return NULL;
	return undefined(&c);
}

static napi_value object_detach(napi_env env, napi_callback_info info)
{
	char program[NAME_BYTES];
	struct call c;

	if (!begin_method(&c, env, info, "detach") || !take_string(&c, 0, "program", program, sizeof(program)) ||
	    !SUCCEEDS(&c, wl_object_detach(c.object, program, &c.error)))
		return NULL;
	return undefined(&c);
}

static napi_value object_iterate(napi_env env, napi_callback_info info)
{
	char program[NAME_BYTES];
	int64_t written;
	uint8_t *into;
	size_t length;
	struct call c;

	if (!begin_method(&c, env, info, "iterate") || !take_string(&c, 0, "program", program, sizeof(program)) ||
	    !take_bytes(&c, 1, "into", &into, &length) ||
	    !SUCCEEDS(&c, written = wl_object_iterate(c.object, program, into, length, &c.error)))
		return NULL;
	return number(&c, (uint64_t)written);
}

static napi_value object_stats(napi_env env, napi_callback_info info)
{
	char program[NAME_BYTES];
	struct wl_stats stats;
	struct call c;

	if (!begin_method(&c, env, info, "stats") || !take_string(&c, 0, "program", program, sizeof(program)) ||
	    !SUCCEEDS(&c, wl_object_stats(c.object, program, &stats, &c.error)))
		return NULL;
	struct field fields[] = {
		{ "runs", number(&c, stats.runs) },
		{ "ns", number(&c, stats.ns) },
		{ "recursionMisses", number(&c, stats.recursion_misses) },
	};
	return record(&c, fields, COUNT(fields));
}

/* First argument of all methods below. The map's pages and lengths are known only once it is in the kernel. */
static struct wl_map *take_map(struct call *c, const char *name)
{
	struct wl_map *map = NULL;

	return SUCCEEDS(c, (map = wl_object_map(c->object, name, &c->error)) ? 0 : -1) ? map : NULL;
}

static napi_value object_read_batch(napi_env env, napi_callback_info info)
{
	size_t keys_length, values_length;
	uint8_t *keys, *values;
	char name[NAME_BYTES];
	struct wl_map *map;
	bool remove = false;
	int64_t entries;
	struct call c;

	if (!begin_method(&c, env, info, "readBatch") || !take_string(&c, 0, "map", name, sizeof(name)) ||
	    !take_bytes(&c, 1, "keys", &keys, &keys_length) || !take_bytes(&c, 2, "values", &values, &values_length) ||
	    (type_of(&c, 3) != napi_undefined && !take_boolean(&c, 3, "remove", &remove)) ||
	    !(map = take_map(&c, name)) ||
	    !SUCCEEDS(&c, entries = wl_map_read_batch(map, keys, keys_length, values, values_length, remove, &c.error)))
		return NULL;
	return number(&c, (uint64_t)entries);
}

static napi_value object_read_mapped(napi_env env, napi_callback_info info)
{
	char name[NAME_BYTES];
	struct wl_map *map;
	uint64_t offset = 0;
	int64_t copied;
	uint8_t *into;
	size_t length;
	struct call c;

	if (!begin_method(&c, env, info, "readMapped") || !take_string(&c, 0, "map", name, sizeof(name)) ||
	    !take_bytes(&c, 1, "into", &into, &length) ||
	    (type_of(&c, 2) != napi_undefined && !take_integer(&c, 2, "offset", 0, MAX_SAFE, &offset)) ||
	    !(map = take_map(&c, name)) ||
	    !SUCCEEDS(&c, copied = wl_map_read_mapped(map, into, length, offset, &c.error)))
		return NULL;
	return number(&c, (uint64_t)copied);
}

static napi_value object_lookup(napi_env env, napi_callback_info info)
{
	size_t key_length, value_length;
	uint8_t *key, *value;
	char name[NAME_BYTES];
	struct wl_map *map;
	struct call c;
	int found;

	if (!begin_method(&c, env, info, "lookup") || !take_string(&c, 0, "map", name, sizeof(name)) ||
	    !take_bytes(&c, 1, "key", &key, &key_length) || !take_bytes(&c, 2, "value", &value, &value_length) ||
	    !(map = take_map(&c, name)) ||
	    !SUCCEEDS(&c, found = wl_map_lookup(map, key, key_length, value, value_length, &c.error)))
		return NULL;
	return boolean(&c, found);
}

static napi_value object_update(napi_env env, napi_callback_info info)
{
	size_t key_length, value_length;
	uint8_t *key, *value;
	char name[NAME_BYTES];
	struct wl_map *map;
	struct call c;

	if (!begin_method(&c, env, info, "update") || !take_string(&c, 0, "map", name, sizeof(name)) ||
	    !take_bytes(&c, 1, "key", &key, &key_length) || !take_bytes(&c, 2, "value", &value, &value_length) ||
	    !(map = take_map(&c, name)) ||
	    !SUCCEEDS(&c, wl_map_update(map, key, key_length, value, value_length, &c.error)))
		return NULL;
	return undefined(&c);
}

static napi_value object_remove(napi_env env, napi_callback_info info)
{
	char name[NAME_BYTES];
	struct wl_map *map;
	size_t key_length;
	struct call c;
	uint8_t *key;
	int removed;

	if (!begin_method(&c, env, info, "remove") || !take_string(&c, 0, "map", name, sizeof(name)) ||
	    !take_bytes(&c, 1, "key", &key, &key_length) || !(map = take_map(&c, name)) ||
	    !SUCCEEDS(&c, removed = wl_map_remove(map, key, key_length, &c.error)))
		return NULL;
	return boolean(&c, removed);
}

static napi_value object_drain(napi_env env, napi_callback_info info)
{
	char name[NAME_BYTES];
	struct wl_map *map;
	int64_t written;
	uint8_t *into;
	size_t length;
	struct call c;

	if (!begin_method(&c, env, info, "drain") || !take_string(&c, 0, "ring", name, sizeof(name)) ||
	    !take_bytes(&c, 1, "into", &into, &length) || !(map = take_map(&c, name)) ||
	    !SUCCEEDS(&c, written = wl_map_drain(map, into, length, &c.error)))
		return NULL;
	return number(&c, (uint64_t)written);
}

static napi_value object_close(napi_env env, napi_callback_info info)
{
	struct wl_object *o;
	napi_value self;
	struct call c;

	if (!begin(&c, env, info, "close", &self) || !(o = unwrap(&c, self, &object_tag)))
		return NULL;
	wl_object_close(o);
	return undefined(&c);
}

static const napi_property_descriptor object_methods[] = {
	METHOD("programs", object_programs),
	METHOD("maps", object_maps),
	METHOD("setAutoload", object_set_autoload),
	METHOD("setInitial", object_set_initial),
	METHOD("setMaxEntries", object_set_max_entries),
	METHOD("load", object_load),
	METHOD("attach", object_attach),
	METHOD("detach", object_detach),
	METHOD("iterate", object_iterate),
	METHOD("readBatch", object_read_batch),
	METHOD("readMapped", object_read_mapped),
	METHOD("lookup", object_lookup),
	METHOD("update", object_update),
	METHOD("remove", object_remove),
	METHOD("drain", object_drain),
	METHOD("stats", object_stats),
	METHOD("close", object_close),
};

static void finalize_object(napi_env env, void *data, void *hint)
{
	(void)env;
	(void)hint;
	wl_object_close(data);
	free(data);
}

/* ---- run-time statistics ---- */

/* The kernel counts as long as this descriptor is open. -1 once closed. */
struct stats_handle {
	int fd;
};

static void stop_stats(struct stats_handle *handle)
{
	if (handle->fd >= 0)
		close(handle->fd);
	handle->fd = -1;
}

static void finalize_stats(napi_env env, void *data, void *hint)
{
	(void)env;
	(void)hint;
	stop_stats(data);
	free(data);
}

static napi_value stats_close(napi_env env, napi_callback_info info)
{
	struct stats_handle *handle;
	napi_value self;
	struct call c;

	if (!begin(&c, env, info, "close", &self) || !(handle = unwrap(&c, self, &stats_tag)))
		return NULL;
	stop_stats(handle);
	return undefined(&c);
}

static int enable_stats(struct stats_handle *handle, struct wl_error *e)
{
	handle->fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	return handle->fd < 0 ? wl_refused(e, handle->fd, "%s", "") : 0;
}

/* ---- perf counters ---- */

static void finalize_counter(napi_env env, void *data, void *hint)
{
	(void)env;
	(void)hint;
	wl_counter_close(data);
	free(data);
}

static napi_value counter_close(napi_env env, napi_callback_info info)
{
	struct wl_counter *counter;
	napi_value self;
	struct call c;

	if (!begin(&c, env, info, "close", &self) || !(counter = unwrap(&c, self, &counter_tag)))
		return NULL;
	wl_counter_close(counter);
	return undefined(&c);
}

static napi_value counter_read(napi_env env, napi_callback_info info)
{
	struct wl_counter *counter;
	napi_value value = NULL;
	struct wl_count count;
	napi_value self;
	struct call c;

	if (!begin(&c, env, info, "read", &self) || !(counter = unwrap(&c, self, &counter_tag)) ||
	    !SUCCEEDS(&c, wl_counter_read(counter, &count, &c.error)) ||
	    napi_create_bigint_uint64(env, count.value, &value) != napi_ok)
		return NULL;
	struct field fields[] = {
		{ "value", value },
		{ "enabledNs", number(&c, count.enabled_ns) },
		{ "runningNs", number(&c, count.running_ns) },
	};
	return record(&c, fields, COUNT(fields));
}

static napi_value addon_open_counter(napi_env env, napi_callback_info info)
{
	static const napi_property_descriptor methods[] = {
		METHOD("read", counter_read),
		METHOD("close", counter_close),
	};
	struct wl_counter *counter;
	napi_value handle = NULL;
	uint64_t config;
	uint64_t type;
	uint64_t cpu;
	napi_value self;
	struct call c;

	if (!begin(&c, env, info, "openCounter", &self) || !take_integer(&c, 0, "type", 0, UINT32_MAX, &type) ||
	    !take_integer(&c, 1, "config", 0, MAX_SAFE, &config) || !take_integer(&c, 2, "cpu", 0, INT32_MAX, &cpu))
		return NULL;
	counter = malloc(sizeof(*counter));
	if (!counter) {
		napi_throw_error(env, "ENOMEM", "openCounter: out of memory");
		return NULL;
	}
	if (SUCCEEDS(&c, wl_counter_open(counter, (uint32_t)type, config, (uint32_t)cpu, &c.error)))
		handle = make_handle(&c, methods, COUNT(methods), &counter_tag, counter, finalize_counter);
	if (!handle)
		finalize_counter(env, counter, NULL);
	return handle;
}

/* ---- NVIDIA GPUs ---- */

/* Lets the handle outlive the library, which close() lets go. */
struct nvml_handle {
	struct wl_nvml *nvml;
};

static void close_nvml(struct nvml_handle *handle)
{
	if (handle->nvml)
		wl_nvml_close(handle->nvml);
	handle->nvml = NULL;
}

static void finalize_nvml(napi_env env, void *data, void *hint)
{
	(void)env;
	(void)hint;
	close_nvml(data);
	free(data);
}

static napi_value nvml_close(napi_env env, napi_callback_info info)
{
	struct nvml_handle *handle;
	napi_value self;
	struct call c;

	if (!begin(&c, env, info, "close", &self) || !(handle = unwrap(&c, self, &nvml_tag)))
		return NULL;
	close_nvml(handle);
	return undefined(&c);
}

/* The library behind a handle that was not closed, or NULL with an exception waiting. */
static struct wl_nvml *begin_nvml(struct call *c, napi_env env, napi_callback_info info, const char *method)
{
	struct nvml_handle *handle;
	napi_value self;

	if (!begin(c, env, info, method, &self) || !(handle = unwrap(c, self, &nvml_tag)))
		return NULL;
	if (!handle->nvml) {
		wl_misuse(&c->error, "the library is closed");
		throw_failure(c);
	}
	return handle->nvml;
}

static napi_value number_or_null(struct call *c, bool known, uint64_t n)
{
	napi_value value = NULL;

	if (known)
		return number(c, n);
	napi_get_null(c->env, &value);
	return value;
}

static napi_value nvml_devices(napi_env env, napi_callback_info info)
{
	struct wl_nvml *nvml;
	napi_value list;
	struct call c;

	if (!(nvml = begin_nvml(&c, env, info, "devices")) || napi_create_array(env, &list) != napi_ok)
		return NULL;
	for (uint32_t i = 0; i < wl_nvml_count(nvml); i++) {
		struct wl_nvml_device device;

		wl_nvml_read(nvml, i, &device);
		struct field fields[] = {
			{ "name", string(&c, device.name) },
			{ "energyMj", number_or_null(&c, device.has_energy, device.energy_mj) },
			{ "powerMw", number_or_null(&c, device.has_power, device.power_mw) },
		};
		napi_value item = record(&c, fields, COUNT(fields));

		if (!item || napi_set_element(env, list, i, item) != napi_ok)
			return NULL;
	}
	return list;
}

static napi_value sample_list(struct call *c, const struct wl_nvml_sample *samples, int count)
{
	napi_value list;

	if (napi_create_array(c->env, &list) != napi_ok)
		return NULL;
	for (int i = 0; i < count; i++) {
		struct field fields[] = {
			{ "pid", number(c, samples[i].pid) },
			{ "timeUs", number(c, samples[i].time_us) },
			{ "sm", number(c, samples[i].sm) },
		};
		napi_value item = record(c, fields, COUNT(fields));

		if (!item || napi_set_element(c->env, list, (uint32_t)i, item) != napi_ok)
			return NULL;
	}
	return list;
}

static napi_value nvml_samples(napi_env env, napi_callback_info info)
{
	struct wl_nvml_sample *samples;
	struct wl_nvml *nvml;
	napi_value list = NULL;
	uint64_t index;
	uint64_t since;
	struct call c;
	int count;

	if (!(nvml = begin_nvml(&c, env, info, "samples")) ||
	    !take_integer(&c, 0, "index", 0, (double)wl_nvml_count(nvml) - 1, &index) ||
	    !take_integer(&c, 1, "since", 0, MAX_SAFE, &since))
		return NULL;
	count = wl_nvml_samples(nvml, (uint32_t)index, since, &samples);
	if (count >= 0)
		list = sample_list(&c, samples, count);
	else
		napi_get_null(env, &list);
	free(samples);
	return list;
}

static napi_value addon_open_nvml(napi_env env, napi_callback_info info)
{
	static const napi_property_descriptor methods[] = {
		METHOD("devices", nvml_devices),
		METHOD("samples", nvml_samples),
		METHOD("close", nvml_close),
	};
	struct nvml_handle *nvml;
	napi_value handle = NULL;
	char path[PATH_BYTES];
	napi_value self;
	struct call c;

	if (!begin(&c, env, info, "openNvml", &self) || !take_string(&c, 0, "path", path, sizeof(path)))
		return NULL;
	nvml = malloc(sizeof(*nvml));
	if (!nvml) {
		napi_throw_error(env, "ENOMEM", "openNvml: out of memory");
		return NULL;
	}
	if (SUCCEEDS(&c, (nvml->nvml = wl_nvml_open(path, &c.error)) ? 0 : -1))
		handle = make_handle(&c, methods, COUNT(methods), &nvml_tag, nvml, finalize_nvml);
	if (!handle)
		finalize_nvml(env, nvml, NULL);
	return handle;
}

/* ---- the addon's functions ---- */

static napi_value addon_enable_stats(napi_env env, napi_callback_info info)
{
	static const napi_property_descriptor methods[] = { METHOD("close", stats_close) };
	struct stats_handle *stats;
	napi_value handle = NULL;
	napi_value self;
	struct call c;

	if (!begin(&c, env, info, "enableStats", &self))
		return NULL;
	stats = malloc(sizeof(*stats));
	if (!stats) {
		napi_throw_error(env, "ENOMEM", "enableStats: out of memory");
		return NULL;
	}
	if (SUCCEEDS(&c, enable_stats(stats, &c.error)))
		handle = make_handle(&c, methods, COUNT(methods), &stats_tag, stats, finalize_stats);
	if (!handle)
		finalize_stats(env, stats, NULL);
	return handle;
}

static napi_value addon_open(napi_env env, napi_callback_info info)
{
	char path[PATH_BYTES];
	struct wl_object *o;
	napi_value handle;
	napi_value self;
	struct call c;

	if (!begin(&c, env, info, "open", &self) || !take_string(&c, 0, "path", path, sizeof(path)))
		return NULL;
	c.subject = path;
	if (!SUCCEEDS(&c, (o = wl_object_open(path, &c.error)) ? 0 : -1))
		return NULL;
	handle = make_handle(&c, object_methods, COUNT(object_methods), &object_tag, o, finalize_object);
	if (!handle)
		finalize_object(env, o, NULL);
	return handle;
}

static napi_value addon_libbpf_version(napi_env env, napi_callback_info info)
{
	napi_value self;
	struct call c;

	if (!begin(&c, env, info, "libbpfVersion", &self))
		return NULL;
	/* "v1.1" */
	return string(&c, libbpf_version_string() + 1);
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

	if (!begin(&c, env, info, "possibleCpus", &self) || !SUCCEEDS(&c, cpus = possible_cpus(&c.error)))
		return NULL;
	return number(&c, (uint64_t)cpus);
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

	if (!kernel || !begin(&c, env, info, "hasType", &self) || !take_kind(&c, 0, &kind) ||
	    !take_string(&c, 1, "name", name, sizeof(name)))
		return NULL;
	return boolean(&c, wl_btf_has_type(kernel, kind, name));
}

static napi_value addon_has_member(napi_env env, napi_callback_info info)
{
	struct wl_kernel_btf *kernel = kernel_of(env);
	char structure[NAME_BYTES];
	char member[NAME_BYTES];
	napi_value self;
	struct call c;

	if (!kernel || !begin(&c, env, info, "hasMember", &self) ||
	    !take_string(&c, 0, "struct", structure, sizeof(structure)) ||
	    !take_string(&c, 1, "member", member, sizeof(member)))
		return NULL;
	return boolean(&c, wl_btf_has_member(kernel, structure, member));
}

static napi_value addon_release_memory(napi_env env, napi_callback_info info)
{
	struct wl_kernel_btf *kernel = kernel_of(env);
	napi_value dropped;
	napi_value self;
	struct call c;

	if (!kernel || !begin(&c, env, info, "releaseMemory", &self) ||
	    napi_create_double(env, (double)wl_release_memory(kernel), &dropped) != napi_ok)
		return NULL;
	return dropped;
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
		METHOD("enableStats", addon_enable_stats),
		METHOD("releaseMemory", addon_release_memory),
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
