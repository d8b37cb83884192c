// SPDX-License-Identifier: Apache-2.0
/* An open BPF object for JavaScript: `BpfObject` in src/core/native.ts. */
#include "call.h"

#include <stdlib.h>

#include <bpf/libbpf.h>

static const napi_type_tag tag = { 0x6f3a1c5de0b94d27, 0x9b1e7742c86f4a03 };

/* Begins a method of an object that was not closed; `joins`: one that waits for a load that was begun. */
static bool begin(struct call *c, napi_env env, napi_callback_info info, const char *method, bool joins)
{
	napi_value self;

	if (!call_begin(c, env, info, method, &self))
		return false;
	c->object = call_unwrap(c, self, &tag);
	if (!c->object)
		return false;
	c->subject = c->object->name;
	if (!c->object->object) {
		wl_misuse(&c->error, "the object is closed");
		call_fail(c);
		return false;
	}
	/* libbpf has it on another thread */
	if (c->object->loading && !joins) {
		wl_misuse(&c->error, "the object is being loaded");
		call_fail(c);
		return false;
	}
	return true;
}

static bool begin_method(struct call *c, napi_env env, napi_callback_info info, const char *method)
{
	return begin(c, env, info, method, false);
}

static napi_value object_programs(napi_env env, napi_callback_info info)
{
	napi_value list;
	struct call c;

	if (!begin_method(&c, env, info, "programs") || napi_create_array(env, &list) != napi_ok)
		return NULL;
	for (size_t i = 0; i < c.object->program_count; i++) {
		const struct wl_program *p = &c.object->programs[i];
		struct field fields[] = {
			{ "name", make_string(&c, bpf_program__name(p->program)) },
			{ "section", make_string(&c, bpf_program__section_name(p->program)) },
			{ "autoload", make_boolean(&c, bpf_program__autoload(p->program)) },
			{ "attached", make_boolean(&c, p->link) },
		};
		napi_value item = make_record(&c, fields, COUNT(fields));

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
			{ "name", make_string(&c, bpf_map__name(map)) },
			{ "type", make_string(&c, type ? type : "unknown") },
			{ "keySize", make_number(&c, bpf_map__key_size(map)) },
			{ "valueSize", make_number(&c, bpf_map__value_size(map)) },
			{ "maxEntries", make_number(&c, bpf_map__max_entries(map)) },
		};
		napi_value item = make_record(&c, fields, COUNT(fields));

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
	    !take_boolean(&c, 1, "on", &on) || !SUCCEEDS(&c, wl_object_set_autoload(c.object, program, on, &c.error)))
		return NULL;
	return make_undefined(&c);
}

static napi_value object_set_autocreate(napi_env env, napi_callback_info info)
{
	char map[NAME_BYTES];
	struct call c;
	bool on;

	if (!begin_method(&c, env, info, "setAutocreate") || !take_string(&c, 0, "map", map, sizeof(map)) ||
	    !take_boolean(&c, 1, "on", &on) || !SUCCEEDS(&c, wl_object_set_autocreate(c.object, map, on, &c.error)))
		return NULL;
	return make_undefined(&c);
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
	return make_undefined(&c);
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
	return make_undefined(&c);
}

static napi_value object_begin_load(napi_env env, napi_callback_info info)
{
	struct call c;

	if (!begin_method(&c, env, info, "beginLoad") || !SUCCEEDS(&c, wl_object_begin_load(c.object, &c.error)))
		return NULL;
	return make_undefined(&c);
}

static napi_value object_load(napi_env env, napi_callback_info info)
{
	struct call c;

	if (!begin(&c, env, info, "load", true) || !SUCCEEDS(&c, wl_object_load(c.object, &c.error)))
		return NULL;
	return make_undefined(&c);
}

static napi_value object_attach(napi_env env, napi_callback_info info)
{
	char program[NAME_BYTES];
	struct call c;

	if (!begin_method(&c, env, info, "attach") || !take_string(&c, 0, "program", program, sizeof(program)) ||
	    !SUCCEEDS(&c, wl_object_attach(c.object, program, &c.error)))
		return NULL;
	return make_undefined(&c);
}

static napi_value object_attach_clock(napi_env env, napi_callback_info info)
{
	char program[NAME_BYTES];
	uint64_t frequency;
	uint64_t cpu;
	struct call c;

	if (!begin_method(&c, env, info, "attachClock") || !take_string(&c, 0, "program", program, sizeof(program)) ||
	    !take_integer(&c, 1, "cpu", 0, INT32_MAX, &cpu) ||
	    !take_integer(&c, 2, "frequency", 1, 100000, &frequency) ||
	    !SUCCEEDS(&c, wl_object_attach_clock(c.object, program, (uint32_t)cpu, (uint32_t)frequency, &c.error)))
		return NULL;
	return make_undefined(&c);
}

static napi_value object_detach(napi_env env, napi_callback_info info)
{
	char program[NAME_BYTES];
	struct call c;

	if (!begin_method(&c, env, info, "detach") || !take_string(&c, 0, "program", program, sizeof(program)) ||
	    !SUCCEEDS(&c, wl_object_detach(c.object, program, &c.error)))
		return NULL;
	return make_undefined(&c);
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
	return make_number(&c, (uint64_t)written);
}

static napi_value object_run(napi_env env, napi_callback_info info)
{
	char program[NAME_BYTES];
	int64_t returned;
	struct call c;

	if (!begin_method(&c, env, info, "run") || !take_string(&c, 0, "program", program, sizeof(program)) ||
	    !SUCCEEDS(&c, returned = wl_object_run(c.object, program, &c.error)))
		return NULL;
	return make_number(&c, (uint64_t)returned);
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
		{ "runs", make_number(&c, stats.runs) },
		{ "ns", make_number(&c, stats.ns) },
		{ "recursionMisses", make_number(&c, stats.recursion_misses) },
	};
	return make_record(&c, fields, COUNT(fields));
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
	    (argument_type(&c, 3) != napi_undefined && !take_boolean(&c, 3, "remove", &remove)) ||
	    !(map = take_map(&c, name)) ||
	    !SUCCEEDS(&c, entries = wl_map_read_batch(map, keys, keys_length, values, values_length, remove, &c.error)))
		return NULL;
	return make_number(&c, (uint64_t)entries);
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
	    (argument_type(&c, 2) != napi_undefined && !take_integer(&c, 2, "offset", 0, MAX_SAFE, &offset)) ||
	    !(map = take_map(&c, name)) ||
	    !SUCCEEDS(&c, copied = wl_map_read_mapped(map, into, length, offset, &c.error)))
		return NULL;
	return make_number(&c, (uint64_t)copied);
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
	return make_boolean(&c, found);
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
	return make_undefined(&c);
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
	return make_boolean(&c, removed);
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
	return make_number(&c, (uint64_t)written);
}

static napi_value object_close(napi_env env, napi_callback_info info)
{
	struct wl_object *o;
	napi_value self;
	struct call c;

	if (!call_begin(&c, env, info, "close", &self) || !(o = call_unwrap(&c, self, &tag)))
		return NULL;
	wl_object_close(o);
	return make_undefined(&c);
}

static const napi_property_descriptor object_methods[] = {
	METHOD("programs", object_programs),
	METHOD("maps", object_maps),
	METHOD("setAutoload", object_set_autoload),
	METHOD("setAutocreate", object_set_autocreate),
	METHOD("setInitial", object_set_initial),
	METHOD("setMaxEntries", object_set_max_entries),
	METHOD("beginLoad", object_begin_load),
	METHOD("load", object_load),
	METHOD("attach", object_attach),
	METHOD("attachClock", object_attach_clock),
	METHOD("detach", object_detach),
	METHOD("iterate", object_iterate),
	METHOD("run", object_run),
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

napi_value addon_open(napi_env env, napi_callback_info info)
{
	char path[PATH_BYTES];
	struct wl_object *o;
	napi_value handle;
	napi_value self;
	struct call c;

	if (!call_begin(&c, env, info, "open", &self) || !take_string(&c, 0, "path", path, sizeof(path)))
		return NULL;
	c.subject = path;
	if (!SUCCEEDS(&c, (o = wl_object_open(path, &c.error)) ? 0 : -1))
		return NULL;
	handle = make_handle(&c, object_methods, COUNT(object_methods), &tag, o, finalize_object);
	if (!handle)
		finalize_object(env, o, NULL);
	return handle;
}
