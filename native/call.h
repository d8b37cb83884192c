// SPDX-License-Identifier: Apache-2.0
/*
 * One call from JavaScript: check its arguments, call the plain C, turn a failure into an exception, make the result.
 * addon.c and the js-*.c files are written with this; no other file in native/ knows JavaScript.
 */
#ifndef WATTLAG_CALL_H
#define WATTLAG_CALL_H

#define NAPI_VERSION 9
#include <node_api.h>

#include "addon.h"

/* Longest accepted name of a program, map, type or member; the kernel's own limit for BTF names is 128. */
#define NAME_BYTES 256
#define PATH_BYTES 4096
#define MAX_ARGUMENTS 4
/* Number.MAX_SAFE_INTEGER */
#define MAX_SAFE 9007199254740991.0
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* One call from JavaScript, from its arguments to its exception. */
struct call {
	napi_env env;
	const char *method;
	/* Named in messages beside the method: the object, or the path that should become one. */
	const char *subject;
	/* The object of the method; NULL for the addon's own functions. */
	struct wl_object *object;
	napi_value arguments[MAX_ARGUMENTS];
	struct wl_error error;
	struct wl_log log;
};

/* ---- beginning and end ---- */

bool call_begin(struct call *c, napi_env env, napi_callback_info info, const char *method, napi_value *self);
/*
 * The C struct behind a handle with this tag, which tells our handles from any other object that a method may be called
 * on.
 */
void *call_unwrap(struct call *c, napi_value self, const napi_type_tag *tag);
/* Throw c->error: "<method> <subject>: <program or map of libbpf's complaint>: <reason>". */
void call_fail(struct call *c);
/*
 * End of the plain C part of a call that began with wl_log_begin: true when it succeeded, else an exception is pending.
 */
bool call_settle(struct call *c, int64_t result);

/* The log must be installed before the call is made: the comma keeps the order. */
#define SUCCEEDS(c, result) (wl_log_begin(&(c)->log), call_settle((c), (result)))

/* ---- arguments: false and an exception when the i-th is not valid ---- */

/* A wrong argument. Always false. */
bool type_error(struct call *c, const char *fmt, ...) WL_PRINTF(2, 3);
napi_valuetype argument_type(struct call *c, size_t i);
bool take_string(struct call *c, size_t i, const char *what, char *into, size_t size);
bool take_bytes(struct call *c, size_t i, const char *what, uint8_t **bytes, size_t *length);
bool take_integer(struct call *c, size_t i, const char *what, double min, double max, uint64_t *number);
bool take_boolean(struct call *c, size_t i, const char *what, bool *value);

/* ---- results: NULL and an exception when there is no memory ---- */

napi_value make_undefined(struct call *c);
/* Integers up to 2^53 are exact: 104 days of BPF run time in ns, and far more than any buffer. */
napi_value make_number(struct call *c, uint64_t n);
napi_value make_boolean(struct call *c, bool b);
napi_value make_string(struct call *c, const char *text);

struct field {
	const char *name;
	napi_value value;
};

napi_value make_record(struct call *c, const struct field *fields, size_t count);
/* On failure `data` still belongs to the caller. */
napi_value make_handle(struct call *c, const napi_property_descriptor *methods, size_t count, const napi_type_tag *tag,
		       void *data, napi_finalize finalize);

/* clang-format off */
#define METHOD(name, function) { .utf8name = name, .method = function, .attributes = napi_default_method }
/* clang-format on */

/* ---- what addon.c exports from other files ---- */

napi_value addon_open(napi_env env, napi_callback_info info);
napi_value addon_enable_stats(napi_env env, napi_callback_info info);
napi_value addon_open_counter(napi_env env, napi_callback_info info);
napi_value addon_open_nvml(napi_env env, napi_callback_info info);

#endif
