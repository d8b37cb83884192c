// SPDX-License-Identifier: Apache-2.0
/* NVIDIA GPUs for JavaScript: `Nvml` in src/core/native.ts. */
#include "call.h"

#include <stdlib.h>

static const napi_type_tag tag = { 0xd86e1f3b90a2475c, 0x75e3b81c2f6a9d04 };

/* Lets the handle outlive the library, which close() closes. */
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

	if (!call_begin(&c, env, info, "close", &self) || !(handle = call_unwrap(&c, self, &tag)))
		return NULL;
	close_nvml(handle);
	return make_undefined(&c);
}

/* The library behind a handle that was not closed, or NULL with an exception pending. */
static struct wl_nvml *begin_nvml(struct call *c, napi_env env, napi_callback_info info, const char *method)
{
	struct nvml_handle *handle;
	napi_value self;

	if (!call_begin(c, env, info, method, &self) || !(handle = call_unwrap(c, self, &tag)))
		return NULL;
	if (!handle->nvml) {
		wl_misuse(&c->error, "the library is closed");
		call_fail(c);
	}
	return handle->nvml;
}

static napi_value number_or_null(struct call *c, bool known, uint64_t n)
{
	napi_value value = NULL;

	if (known)
		return make_number(c, n);
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
			{ "name", make_string(&c, device.name) },
			{ "energyMj", number_or_null(&c, device.has_energy, device.energy_mj) },
			{ "powerMw", number_or_null(&c, device.has_power, device.power_mw) },
		};
		napi_value item = make_record(&c, fields, COUNT(fields));

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
			{ "pid", make_number(c, samples[i].pid) },
			{ "timeUs", make_number(c, samples[i].time_us) },
			{ "sm", make_number(c, samples[i].sm) },
		};
		napi_value item = make_record(c, fields, COUNT(fields));

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

napi_value addon_open_nvml(napi_env env, napi_callback_info info)
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

	if (!call_begin(&c, env, info, "openNvml", &self) || !take_string(&c, 0, "path", path, sizeof(path)))
		return NULL;
	nvml = malloc(sizeof(*nvml));
	if (!nvml) {
		napi_throw_error(env, "ENOMEM", "openNvml: out of memory");
		return NULL;
	}
	if (SUCCEEDS(&c, (nvml->nvml = wl_nvml_open(path, &c.error)) ? 0 : -1))
		handle = make_handle(&c, methods, COUNT(methods), &tag, nvml, finalize_nvml);
	if (!handle)
		finalize_nvml(env, nvml, NULL);
	return handle;
}
