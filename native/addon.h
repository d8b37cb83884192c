// SPDX-License-Identifier: Apache-2.0
/*
 * Shared by the files of the addon. Only addon.c, call.c and js-*.c use Node-API; the others are plain C over libbpf
 * that report failure by filling a struct wl_error, so that each can be read without knowing JavaScript.
 *
 * The only mutable global state is that of signal handlers (terminal.c): an open object belongs to the thread that
 * opened it (but for a load that it has begun, which has it until it is joined), the kernel's BTF is held per
 * environment, and libbpf's output is caught per thread and call.
 */
#ifndef WATTLAG_ADDON_H
#define WATTLAG_ADDON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bpf_link;
struct bpf_map;
struct bpf_object;
struct bpf_program;
struct btf;

/* ---- errors.c ---- */

/* Why a call failed. `text` is one line; `err` a positive errno. Longer than any name that libbpf accepts. */
struct wl_error {
	int err;
	char text[512];
};

#define WL_PRINTF(a, b) __attribute__((format(printf, a, b)))

/* libbpf or the kernel refused: "<fmt>: <reason> (<errno name>)". `err` may be negative. Always returns -1. */
int wl_refused(struct wl_error *e, int err, const char *fmt, ...) WL_PRINTF(3, 4);
/* The caller made a mistake: "<fmt>", EINVAL. Always returns -1. */
int wl_misuse(struct wl_error *e, const char *fmt, ...) WL_PRINTF(2, 3);

/* The kernel's own "not supported", which no header gives to user space. */
#define WL_KERNEL_ENOTSUPP 524
const char *wl_errno_name(int err);

/*
 * Output of libbpf on this thread between wl_log_begin and wl_log_end. Bounded: when it overflows, the oldest text is
 * dropped, since the verifier's verdict comes last.
 */
struct wl_log {
	char *text;
	size_t length;
	size_t dropped;
	/* Program or map of libbpf's latest complaint, e.g. "program on_switch"; empty when it named none. */
	char culprit[96];
	struct wl_log *outer;
};

void wl_log_install(void);
void wl_log_begin(struct wl_log *log);
/* Stop catching; `log` stays readable until wl_log_free. */
void wl_log_end(struct wl_log *log);
void wl_log_free(struct wl_log *log);
/* What another thread has caught becomes the output of the call in progress on this one. Frees it. */
void wl_log_take(struct wl_log *from);

/* ---- object.c ---- */

struct wl_program {
	struct bpf_program *program;
	struct bpf_link *link;
	/* One for each CPU whose clock runs a program of section `perf_event`. */
	struct bpf_link **clocks;
	size_t clock_count;
};

/* The pages of one map in this process; all NULL until first used. */
struct wl_map {
	struct bpf_map *map;
	const uint8_t *mapped;
	size_t mapped_length;
	/* Ring buffers: the page of our position, which we write, and the producer's. */
	uint8_t *consumer;
	const uint8_t *producer;
};

struct wl_loading;

struct wl_object {
	/* NULL once closed. */
	struct bpf_object *object;
	/* A load on another thread, which has the object until it is joined: by load or close. NULL: none. */
	struct wl_loading *loading;
	bool loaded;
	char name[64];
	struct wl_program *programs;
	size_t program_count;
	struct wl_map *maps;
	size_t map_count;
};

struct wl_stats {
	uint64_t runs;
	uint64_t ns;
	uint64_t recursion_misses;
};

/* All return 0 (or as documented) and -1 with `e` filled. */
struct wl_object *wl_object_open(const char *path, struct wl_error *e);
/* Release everything the object holds. Idempotent; the struct itself stays valid. */
void wl_object_close(struct wl_object *o);
int wl_object_set_autoload(struct wl_object *o, const char *program, bool on, struct wl_error *e);
int wl_object_set_autocreate(struct wl_object *o, const char *map, bool on, struct wl_error *e);
int wl_object_set_initial(struct wl_object *o, const char *section, uint64_t offset, const void *bytes, size_t length,
			  struct wl_error *e);
int wl_object_set_max_entries(struct wl_object *o, const char *map, uint32_t entries, struct wl_error *e);
/*
 * Begin to load on a thread, so that the caller can do something else meanwhile; wl_object_load() waits for it. Where there
 * is no thread, that does all of it.
 */
int wl_object_begin_load(struct wl_object *o, struct wl_error *e);
/* On failure the object is closed: libbpf cannot load one twice, and a half-loaded one would keep its maps alive. */
int wl_object_load(struct wl_object *o, struct wl_error *e);
int wl_object_attach(struct wl_object *o, const char *program, struct wl_error *e);
/* Run a program of section `perf_event` `frequency` times a second on a CPU that is not idle. */
int wl_object_attach_clock(struct wl_object *o, const char *program, uint32_t cpu, uint32_t frequency,
			   struct wl_error *e);
int wl_object_detach(struct wl_object *o, const char *program, struct wl_error *e);
/* Bytes that the iterator wrote, of which at most `length` are in `into`. */
int64_t wl_object_iterate(struct wl_object *o, const char *program, uint8_t *into, size_t length, struct wl_error *e);
/* The return value of a program of section `syscall`. */
int64_t wl_object_run(struct wl_object *o, const char *program, struct wl_error *e);
int wl_object_stats(struct wl_object *o, const char *program, struct wl_stats *stats, struct wl_error *e);
/* The map of this name, or of this section (`.bss`), or NULL with `e` filled. */
struct wl_map *wl_object_map(struct wl_object *o, const char *name, struct wl_error *e);

/* ---- maps.c ---- */

static inline size_t round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

/* Bytes of one value in a look-up: per-CPU maps have one per possible CPU. */
size_t wl_map_value_bytes(const struct bpf_map *map);
/* 1 found, 0 absent. */
int wl_map_lookup(struct wl_map *m, const void *key, size_t key_length, void *value, size_t value_length,
		  struct wl_error *e);
int wl_map_update(struct wl_map *m, const void *key, size_t key_length, const void *value, size_t value_length,
		  struct wl_error *e);
/* 1 removed, 0 absent. */
int wl_map_remove(struct wl_map *m, const void *key, size_t key_length, struct wl_error *e);
/* Entries read. */
int64_t wl_map_read_batch(struct wl_map *m, uint8_t *keys, size_t keys_length, uint8_t *values, size_t values_length,
			  bool remove, struct wl_error *e);
/* ---- mapped.c ---- */

/* Bytes copied. */
int64_t wl_map_read_mapped(struct wl_map *m, uint8_t *into, size_t length, uint64_t offset, struct wl_error *e);
/* Bytes written to `into`. */
int64_t wl_map_drain(struct wl_map *m, uint8_t *into, size_t length, struct wl_error *e);
void wl_map_unmap(struct wl_map *m);

/* ---- btf.c ---- */

/* Ids of the named types that can be asked for, in a hash table with open addressing; 0: free. */
struct wl_type_index {
	uint32_t *ids;
	uint32_t mask;
};

/* The running kernel's types, loaded at the first query and kept until the environment ends. */
struct wl_kernel_btf {
	bool tried;
	struct btf *btf;
	struct wl_type_index index;
};

enum wl_kind { WL_TYPEDEF, WL_STRUCT, WL_ENUM, WL_FUNC };

bool wl_btf_has_type(struct wl_kernel_btf *kernel, enum wl_kind kind, const char *name);
bool wl_btf_has_member(struct wl_kernel_btf *kernel, const char *structure, const char *member);
/* The enum of this name; NULL: none. */
const struct btf_type *wl_btf_enum(struct wl_kernel_btf *kernel, const char *name);
/* Its value number `i`; false: there are not as many. The name belongs to the kernel's BTF. */
bool wl_btf_enum_value(struct wl_kernel_btf *kernel, const struct btf_type *type, int i, const char **name,
		       uint64_t *value);
/* Arguments of a tracepoint; 0: there is none, or it has none. */
int wl_btf_tracepoint_arguments(struct wl_kernel_btf *kernel, const char *name);
void wl_btf_free(struct wl_kernel_btf *kernel);

/* ---- memory.c ---- */

/* Release memory that only start-up needed. Returns the bytes of the executable's mappings that were dropped. */
size_t wl_release_memory(struct wl_kernel_btf *kernel);

/* ---- lock.c ---- */

/* Lock the open file for its descriptor. 1: done, 0: another open file has the lock. */
int wl_lock_file(int fd, struct wl_error *e);

/* ---- semaphore.c ---- */

/* The process that changed a semaphore of this IPC namespace last; 0: none has, or it is not visible from here. */
int wl_semaphore_pid(int id, int number, struct wl_error *e);

/* ---- terminal.c ---- */

/* Drop output to the terminal `fd` that was not read yet. Does not wait, and does not stop the process. */
int wl_discard_output(int fd, struct wl_error *e);

#define WL_GUARD_BYTES 512
/*
 * From now on, when the process crashes: unread output of the terminal `fd` is dropped, `text` is written, the
 * terminal's modes are restored, and the crash proceeds. Without text, or with more than WL_GUARD_BYTES: no more.
 */
void wl_guard_terminal(int fd, const void *text, size_t length);

/* ---- perf-power.c ---- */

/* A counting perf event of one CPU. -1 once closed. */
struct wl_counter {
	int fd;
};

/* In the kernel's layout for our read format. The times are ns, and differ when the event was not always on. */
struct wl_count {
	uint64_t value;
	uint64_t enabled_ns;
	uint64_t running_ns;
};

int wl_counter_open(struct wl_counter *counter, uint32_t type, uint64_t config, uint32_t cpu, struct wl_error *e);
int wl_counter_read(struct wl_counter *counter, struct wl_count *count, struct wl_error *e);
void wl_counter_close(struct wl_counter *counter);
/*
 * The file descriptor of an event that fires `frequency` times a second of a CPU that is not idle (software clock), or -1
 * with `e` filled.
 */
int wl_clock_open(uint32_t cpu, uint32_t frequency, struct wl_error *e);

/* ---- nvml.c ---- */

struct wl_nvml;

/* Figures of one GPU; the flags say which are known. */
struct wl_nvml_device {
	char name[96];
	/* Since the driver was loaded. */
	uint64_t energy_mj;
	uint64_t power_mw;
	bool has_energy;
	bool has_power;
};

/* In NVML's layout (nvmlProcessUtilizationSample_t). Utilisations are percent of the time since the last sample. */
struct wl_nvml_sample {
	unsigned int pid;
	/* Wall clock, microseconds. */
	unsigned long long time_us;
	unsigned int sm;
	unsigned int memory;
	unsigned int encoder;
	unsigned int decoder;
};

/* NULL with `e` filled when the library or its driver is absent. */
struct wl_nvml *wl_nvml_open(const char *path, struct wl_error *e);
/* Frees it too. */
void wl_nvml_close(struct wl_nvml *nvml);
uint32_t wl_nvml_count(const struct wl_nvml *nvml);
void wl_nvml_read(struct wl_nvml *nvml, uint32_t index, struct wl_nvml_device *d);
/* Number of `samples` younger than `since`, which the caller frees in any case; -1 when this GPU reports none. */
int wl_nvml_samples(struct wl_nvml *nvml, uint32_t index, uint64_t since, struct wl_nvml_sample **samples);

/* ---- cgroup.c ---- */

/*
 * Bytes of the path of the control group with this id, written to `into`: where the process sees the hierarchy that is
 * mounted at `mount`. 0: there is no such group any more.
 */
int64_t wl_cgroup_path(const char *mount, uint64_t id, uint8_t *into, size_t size, struct wl_error *e);

#endif
