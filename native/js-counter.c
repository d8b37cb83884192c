// SPDX-License-Identifier: Apache-2.0
/* Handles that count while they are open, for JavaScript: BPF run statistics and perf events. */
#include "call.h"

#include <stdlib.h>
#include <unistd.h>

#include <bpf/bpf.h>

static const napi_type_tag stats_tag = { 0x21d7b0f4a35c4e88, 0x8f6cd10937be42e5 };
static const napi_type_tag counter_tag = { 0x4b0d92e6137fc85a, 0xa2c95ef06d184b73 };

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

	if (!call_begin(&c, env, info, "close", &self) || !(handle = call_unwrap(&c, self, &stats_tag)))
		return NULL;
	stop_stats(handle);
	return make_undefined(&c);
}

static int enable_stats(struct stats_handle *handle, struct wl_error *e)
{
	handle->fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	return handle->fd < 0 ? wl_refused(e, handle->fd, "%s", "") : 0;
}

napi_value addon_enable_stats(napi_env env, napi_callback_info info)
{
	static const napi_property_descriptor methods[] = { METHOD("close", stats_close) };
	struct stats_handle *stats;
	napi_value handle = NULL;
	napi_value self;
	struct call c;

	if (!call_begin(&c, env, info, "enableStats", &self))
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

	if (!call_begin(&c, env, info, "close", &self) || !(counter = call_unwrap(&c, self, &counter_tag)))
		return NULL;
	wl_counter_close(counter);
	return make_undefined(&c);
}

static napi_value counter_read(napi_env env, napi_callback_info info)
{
	struct wl_counter *counter;
	napi_value value = NULL;
	struct wl_count count;
	napi_value self;
	struct call c;

	if (!call_begin(&c, env, info, "read", &self) || !(counter = call_unwrap(&c, self, &counter_tag)) ||
	    !SUCCEEDS(&c, wl_counter_read(counter, &count, &c.error)) ||
	    napi_create_bigint_uint64(env, count.value, &value) != napi_ok)
		return NULL;
	struct field fields[] = {
		{ "value", value },
		{ "enabledNs", make_number(&c, count.enabled_ns) },
		{ "runningNs", make_number(&c, count.running_ns) },
	};
	return make_record(&c, fields, COUNT(fields));
}

static napi_value counter_fd(napi_env env, napi_callback_info info)
{
	struct wl_counter *counter;
	napi_value self;
	struct call c;

	if (!call_begin(&c, env, info, "fd", &self) || !(counter = call_unwrap(&c, self, &counter_tag)))
		return NULL;
	/* -1 becomes a number that no map takes */
	return make_number(&c, (uint32_t)counter->fd);
}

napi_value addon_open_counter(napi_env env, napi_callback_info info)
{
	static const napi_property_descriptor methods[] = {
		METHOD("read", counter_read),
		METHOD("fd", counter_fd),
		METHOD("close", counter_close),
	};
	struct wl_counter *counter;
	napi_value handle = NULL;
	uint64_t config;
	uint64_t type;
	uint64_t cpu;
	napi_value self;
	struct call c;

	if (!call_begin(&c, env, info, "openCounter", &self) || !take_integer(&c, 0, "type", 0, UINT32_MAX, &type) ||
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
