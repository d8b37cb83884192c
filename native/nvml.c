// SPDX-License-Identifier: Apache-2.0
/*
 * NVIDIA's management library, loaded at run time: it belongs to the driver, so only machines with such a GPU have it.
 * Every function but those that find the devices is optional: drivers and GPUs differ in what they report. The few
 * declarations needed are from NVML's stable interface, since no distribution ships its header.
 */
#include "addon.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NVML_SUCCESS 0
#define NVML_ERROR_NOT_FOUND 6
#define NVML_ERROR_INSUFFICIENT_SIZE 7
/* More than any machine has held so far. */
#define MAX_DEVICES 64
/* The driver keeps a ring of a few thousand samples; a larger number is an error. */
#define MAX_SAMPLES 65536

typedef void *device;

struct wl_nvml {
	void *library;
	int (*shutdown)(void);
	int (*name)(device, char *, unsigned int);
	int (*energy)(device, unsigned long long *);
	int (*power)(device, unsigned int *);
	int (*utilization)(device, struct wl_nvml_sample *, unsigned int *, unsigned long long);
	unsigned int count;
	device devices[MAX_DEVICES];
};

/* ISO C knows no cast from an object's to a function's address; POSIX promises that the bits are the same. */
static void find(void *library, const char *name, void *function)
{
	void *address = dlsym(library, name);

	memcpy(function, &address, sizeof(address));
}

/* The first of two names: NVML marks a changed function by a suffix and keeps the old one. */
static void find_either(void *library, const char *name, const char *older, void *function)
{
	find(library, dlsym(library, name) ? name : older, function);
}

static int refused(struct wl_nvml *nvml, struct wl_error *e, const char *what, int code)
{
	const char *(*describe)(int);

	find(nvml->library, "nvmlErrorString", &describe);
	e->err = EIO;
	snprintf(e->text, sizeof(e->text), "%s: %s (NVML error %d)", what, describe ? describe(code) : "refused", code);
	return -1;
}

static int find_devices(struct wl_nvml *nvml, struct wl_error *e)
{
	int (*init)(void);
	int (*count)(unsigned int *);
	int (*by_index)(unsigned int, device *);
	void *library = nvml->library;
	unsigned int found = 0;
	int code;

	find_either(library, "nvmlInit_v2", "nvmlInit", &init);
	find_either(library, "nvmlDeviceGetCount_v2", "nvmlDeviceGetCount", &count);
	find_either(library, "nvmlDeviceGetHandleByIndex_v2", "nvmlDeviceGetHandleByIndex", &by_index);
	if (!init || !count || !by_index)
		return wl_refused(e, ENOSYS,
				  "the library lacks nvmlInit, nvmlDeviceGetCount or nvmlDeviceGetHandleByIndex");
	code = init();
	if (code != NVML_SUCCESS)
		return refused(nvml, e, "nvmlInit", code);
	/* From here on closing has something to shut down. */
	find(library, "nvmlShutdown", &nvml->shutdown);
	code = count(&found);
	if (code != NVML_SUCCESS)
		return refused(nvml, e, "nvmlDeviceGetCount", code);
	nvml->count = found < MAX_DEVICES ? found : MAX_DEVICES;
	for (unsigned int i = 0; i < nvml->count; i++)
		/* A device without a handle stays NULL and has no figures; the others work. */
		if (by_index(i, &nvml->devices[i]) != NVML_SUCCESS)
			nvml->devices[i] = NULL;
	return 0;
}

struct wl_nvml *wl_nvml_open(const char *path, struct wl_error *e)
{
	struct wl_nvml *nvml = calloc(1, sizeof(*nvml));

	if (!nvml) {
		wl_refused(e, ENOMEM, "%s", path);
		return NULL;
	}
	nvml->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!nvml->library) {
		const char *reason = dlerror();

		e->err = ENOENT;
		snprintf(e->text, sizeof(e->text), "%s", reason ? reason : path);
	} else if (find_devices(nvml, e) == 0) {
		find(nvml->library, "nvmlDeviceGetName", &nvml->name);
		find(nvml->library, "nvmlDeviceGetTotalEnergyConsumption", &nvml->energy);
		find(nvml->library, "nvmlDeviceGetPowerUsage", &nvml->power);
		find(nvml->library, "nvmlDeviceGetProcessUtilization", &nvml->utilization);
		return nvml;
	}
	wl_nvml_close(nvml);
	return NULL;
}

void wl_nvml_close(struct wl_nvml *nvml)
{
	if (nvml->shutdown)
		nvml->shutdown();
	if (nvml->library)
		dlclose(nvml->library);
	free(nvml);
}

uint32_t wl_nvml_count(const struct wl_nvml *nvml)
{
	return nvml->count;
}

void wl_nvml_read(struct wl_nvml *nvml, uint32_t index, struct wl_nvml_device *d)
{
	device handle = nvml->devices[index];
	unsigned long long energy = 0;
	unsigned int power = 0;

	*d = (struct wl_nvml_device){ 0 };
	if (!handle)
		return;
	if (nvml->name && nvml->name(handle, d->name, sizeof(d->name) - 1) != NVML_SUCCESS)
		d->name[0] = '\0';
	d->has_energy = nvml->energy && nvml->energy(handle, &energy) == NVML_SUCCESS;
	d->energy_mj = energy;
	d->has_power = nvml->power && nvml->power(handle, &power) == NVML_SUCCESS;
	d->power_mw = power;
}

int wl_nvml_samples(struct wl_nvml *nvml, uint32_t index, uint64_t since, struct wl_nvml_sample **samples)
{
	device handle = nvml->devices[index];
	/*
	 * A call without room returns the number; some drivers return their ring's size, others the number of samples.
	 */
	unsigned int room = 0;
	unsigned int n;
	int code;

	*samples = NULL;
	if (!handle || !nvml->utilization)
		return -1;
	code = nvml->utilization(handle, NULL, &room, since);
	if (code == NVML_SUCCESS || code == NVML_ERROR_NOT_FOUND)
		return 0;
	if (code != NVML_ERROR_INSUFFICIENT_SIZE || room == 0 || room > MAX_SAMPLES)
		return -1;
	/* Zeroed: drivers are known to fill in fewer than they report. */
	*samples = calloc(room, sizeof(**samples));
	if (!*samples)
		return -1;
	n = room;
	code = nvml->utilization(handle, *samples, &n, since);
	if (code == NVML_ERROR_NOT_FOUND)
		return 0;
	if (code != NVML_SUCCESS)
		return -1;
	return (int)(n < room ? n : room);
}
