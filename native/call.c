// SPDX-License-Identifier: Apache-2.0
/* Arguments, results and exceptions of calls from JavaScript: see call.h. */
#include "call.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- exceptions ---- */

typedef napi_status (*error_maker)(napi_env, napi_value, napi_value, napi_value *);

static void throw_error(napi_env env, error_maker make, const char *code, const char *message, const struct wl_log *log)
{
	const char *printed = log && log->text ? log->text : "";
	size_t printed_length = log && log->text ? log->length : 0;
	napi_value error, text, log_text;
	napi_value code_text;

	if (napi_create_string_utf8(env, code, NAPI_AUTO_LENGTH, &code_text) != napi_ok ||
	    napi_create_string_utf8(env, message, NAPI_AUTO_LENGTH, &text) != napi_ok ||
	    napi_create_string_utf8(env, printed, printed_length, &log_text) != napi_ok ||
	    make(env, code_text, text, &error) != napi_ok)
		return;
	/* Without the log it is still the right error. */
	napi_set_named_property(env, error, "log", log_text);
	napi_throw(env, error);
}

bool type_error(struct call *c, const char *fmt, ...)
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

void call_fail(struct call *c)
{
	char message[sizeof(c->error.text) + PATH_BYTES + 256];
	const char *culprit = c->log.culprit;
	/* A failure that names the program itself need not name it twice. */
	bool named = !*culprit || strstr(c->error.text, culprit);

	snprintf(message, sizeof(message), "%s%s%s: %s%s%s", c->method, c->subject ? " " : "",
		 c->subject ? c->subject : "", named ? "" : culprit, named ? "" : ": ", c->error.text);
	throw_error(c->env, napi_create_error, wl_errno_name(c->error.err), message, &c->log);
}

bool call_settle(struct call *c, int64_t result)
{
	wl_log_end(&c->log);
	if (result < 0)
		call_fail(c);
	wl_log_free(&c->log);
	return result >= 0;
}

/* ---- arguments ---- */

bool call_begin(struct call *c, napi_env env, napi_callback_info info, const char *method, napi_value *self)
{
	size_t count = MAX_ARGUMENTS;

	*c = (struct call){ .env = env, .method = method };
	/* Arguments that were left out become undefined. */
	return napi_get_cb_info(env, info, &count, c->arguments, self, NULL) == napi_ok;
}

void *call_unwrap(struct call *c, napi_value self, const napi_type_tag *tag)
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

napi_valuetype argument_type(struct call *c, size_t i)
{
	napi_valuetype type = napi_undefined;

	napi_typeof(c->env, c->arguments[i], &type);
	return type;
}

bool take_string(struct call *c, size_t i, const char *what, char *into, size_t size)
{
	size_t length = 0;

	if (argument_type(c, i) != napi_string)
		return type_error(c, "%s must be a string", what);
	if (napi_get_value_string_utf8(c->env, c->arguments[i], NULL, 0, &length) != napi_ok || length >= size)
		return type_error(c, "%s must be at most %zu bytes", what, size - 1);
	if (napi_get_value_string_utf8(c->env, c->arguments[i], into, size, &length) != napi_ok)
		return type_error(c, "%s must be a string", what);
	/* C would silently take the part before it. */
	if (strlen(into) != length)
		return type_error(c, "%s must not contain NUL", what);
	return true;
}

bool take_bytes(struct call *c, size_t i, const char *what, uint8_t **bytes, size_t *length)
{
	/* Any type but the accepted one: Node-API leaves it unchanged for types it does not know. */
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

bool take_integer(struct call *c, size_t i, const char *what, double min, double max, uint64_t *number)
{
	double value;

	if (napi_get_value_double(c->env, c->arguments[i], &value) != napi_ok)
		return type_error(c, "%s must be a number", what);
	if (!(value >= min && value <= max) || trunc(value) != value)
		return type_error(c, "%s must be an integer from %.0f to %.0f", what, min, max);
	*number = (uint64_t)value;
	return true;
}

bool take_boolean(struct call *c, size_t i, const char *what, bool *value)
{
	return napi_get_value_bool(c->env, c->arguments[i], value) == napi_ok ||
	       type_error(c, "%s must be a boolean", what);
}

/* ---- results ---- */

napi_value make_undefined(struct call *c)
{
	napi_value value = NULL;

	napi_get_undefined(c->env, &value);
	return value;
}

napi_value make_number(struct call *c, uint64_t n)
{
	napi_value value = NULL;

	napi_create_double(c->env, (double)n, &value);
	return value;
}

napi_value make_boolean(struct call *c, bool b)
{
	napi_value value = NULL;

	napi_get_boolean(c->env, b, &value);
	return value;
}

napi_value make_string(struct call *c, const char *text)
{
	napi_value value = NULL;

	napi_create_string_utf8(c->env, text, NAPI_AUTO_LENGTH, &value);
	return value;
}

/* Defined, not set: a setter on Object.prototype would run foreign code in between. */
napi_value make_record(struct call *c, const struct field *fields, size_t count)
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

napi_value make_handle(struct call *c, const napi_property_descriptor *methods, size_t count, const napi_type_tag *tag,
		       void *data, napi_finalize finalize)
{
	napi_value handle = NULL;

	if (napi_create_object(c->env, &handle) != napi_ok ||
	    napi_define_properties(c->env, handle, count, methods) != napi_ok ||
	    napi_type_tag_object(c->env, handle, tag) != napi_ok ||
	    napi_wrap(c->env, handle, data, finalize, NULL, NULL) != napi_ok)
		return NULL;
	return handle;
}
