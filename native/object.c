// SPDX-License-Identifier: Apache-2.0
/* The lifecycle of a BPF object: open, set constants, load, attach, run, close. */
#include "addon.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

static int index_programs(struct wl_object *o)
{
	struct bpf_program *program;
	struct bpf_map *map;
	size_t programs = 0;
	size_t maps = 0;

	bpf_object__for_each_program(program, o->object)
		programs++;
	bpf_object__for_each_map(map, o->object)
		maps++;
	/* One more, since calloc(0) may be NULL. */
	o->programs = calloc(programs + 1, sizeof(*o->programs));
	o->maps = calloc(maps + 1, sizeof(*o->maps));
	if (!o->programs || !o->maps)
		return -ENOMEM;
	bpf_object__for_each_program(program, o->object)
		o->programs[o->program_count++].program = program;
	bpf_object__for_each_map(map, o->object)
		o->maps[o->map_count++].map = map;
	return 0;
}

struct wl_object *wl_object_open(const char *path, struct wl_error *e)
{
	struct wl_object *o;
	struct stat status;
	int err;

	if (stat(path, &status) != 0) {
		wl_refused(e, errno, "%s", "");
		return NULL;
	}
	/* A pipe would make libbpf wait for a writer that may never come. */
	if (!S_ISREG(status.st_mode)) {
		wl_misuse(e, "not a regular file");
		return NULL;
	}
	o = calloc(1, sizeof(*o));
	if (!o) {
		wl_refused(e, ENOMEM, "%s", "");
		return NULL;
	}
	o->object = bpf_object__open_file(path, NULL);
	err = o->object ? 0 : errno;
	if (!err) {
		snprintf(o->name, sizeof(o->name), "%s", bpf_object__name(o->object));
		err = index_programs(o);
	}
	if (err) {
		wl_refused(e, err, "%s", "");
		wl_object_close(o);
		free(o);
		return NULL;
	}
	return o;
}

struct wl_loading {
	pthread_t thread;
	struct bpf_object *object;
	int err;
	struct wl_log log;
};

static void *load_on_thread(void *data)
{
	struct wl_loading *loading = data;

	wl_log_begin(&loading->log);
	loading->err = bpf_object__load(loading->object);
	wl_log_end(&loading->log);
	return NULL;
}

/* Its result, with libbpf's output as that of the present call. */
static int join_loading(struct wl_object *o)
{
	struct wl_loading *loading = o->loading;
	int err;

	pthread_join(loading->thread, NULL);
	o->loading = NULL;
	err = loading->err;
	wl_log_take(&loading->log);
	free(loading);
	return err;
}

static void stop_clocks(struct wl_program *p)
{
	for (size_t i = 0; i < p->clock_count; i++)
		bpf_link__destroy(p->clocks[i]);
	free(p->clocks);
	p->clocks = NULL;
	p->clock_count = 0;
}

void wl_object_close(struct wl_object *o)
{
	if (o->loading)
		join_loading(o);
	/* Hooks first, so that no program runs on while its maps go. */
	for (size_t i = 0; i < o->program_count; i++) {
		bpf_link__destroy(o->programs[i].link);
		stop_clocks(&o->programs[i]);
	}
	for (size_t i = 0; i < o->map_count; i++)
		wl_map_unmap(&o->maps[i]);
	bpf_object__close(o->object);
	free(o->programs);
	free(o->maps);
	o->object = NULL;
	o->programs = NULL;
	o->maps = NULL;
	o->program_count = 0;
	o->map_count = 0;
	o->loaded = false;
}

static int require_loaded(const struct wl_object *o, struct wl_error *e)
{
	return o->loaded ? 0 : wl_misuse(e, "not loaded yet");
}

static int require_not_loaded(const struct wl_object *o, struct wl_error *e)
{
	return o->loaded ? wl_misuse(e, "already loaded") : 0;
}

static struct wl_program *find_program(struct wl_object *o, const char *name, struct wl_error *e)
{
	for (size_t i = 0; i < o->program_count; i++)
		if (strcmp(bpf_program__name(o->programs[i].program), name) == 0)
			return &o->programs[i];
	wl_refused(e, ENOENT, "no program '%s'", name);
	return NULL;
}

static struct wl_map *find_map(struct wl_object *o, const char *name, struct wl_error *e)
{
	/* libbpf accepts ".bss" for the map that it calls "<object>.bss". */
	struct bpf_map *map = bpf_object__find_map_by_name(o->object, name);

	for (size_t i = 0; map && i < o->map_count; i++)
		if (o->maps[i].map == map)
			return &o->maps[i];
	wl_refused(e, ENOENT, "no map '%s'", name);
	return NULL;
}

struct wl_map *wl_object_map(struct wl_object *o, const char *name, struct wl_error *e)
{
	return require_loaded(o, e) < 0 ? NULL : find_map(o, name, e);
}

int wl_object_set_autoload(struct wl_object *o, const char *program, bool on, struct wl_error *e)
{
	struct wl_program *p;
	int err;

	if (require_not_loaded(o, e) < 0 || !(p = find_program(o, program, e)))
		return -1;
	err = bpf_program__set_autoload(p->program, on);
	return err ? wl_refused(e, err, "program %s", program) : 0;
}

int wl_object_set_autocreate(struct wl_object *o, const char *map, bool on, struct wl_error *e)
{
	struct wl_map *m;
	int err;

	if (require_not_loaded(o, e) < 0 || !(m = find_map(o, map, e)))
		return -1;
	err = bpf_map__set_autocreate(m->map, on);
	return err ? wl_refused(e, err, "map %s", map) : 0;
}

int wl_object_set_initial(struct wl_object *o, const char *section, uint64_t offset, const void *bytes, size_t length,
			  struct wl_error *e)
{
	struct wl_map *m;
	uint8_t *initial;
	size_t size = 0;

	if (require_not_loaded(o, e) < 0 || !(m = find_map(o, section, e)))
		return -1;
	/* The section's bytes in this process; libbpf copies them to the kernel at load. */
	initial = (uint8_t *)bpf_map__initial_value(m->map, &size);
	if (!initial)
		return wl_misuse(e, "map %s is not an initialised section", section);
	if (offset > size || length > size - offset)
		return wl_misuse(e, "section %s has %zu bytes: cannot set %zu at %llu", section, size, length,
				 (unsigned long long)offset);
	if (length)
		memcpy(initial + offset, bytes, length);
	return 0;
}

int wl_object_set_max_entries(struct wl_object *o, const char *map, uint32_t entries, struct wl_error *e)
{
	struct wl_map *m;
	int err;

	if (require_not_loaded(o, e) < 0 || !(m = find_map(o, map, e)))
		return -1;
	/* libbpf computes from it how much of its own memory to unmap, so that of a section must stay 1. */
	if (bpf_map__is_internal(m->map))
		return wl_misuse(e, "section %s is one entry", map);
	err = bpf_map__set_max_entries(m->map, entries);
	return err ? wl_refused(e, err, "map %s", map) : 0;
}

int wl_object_begin_load(struct wl_object *o, struct wl_error *e)
{
	struct wl_loading *loading;
	sigset_t all, before;

	if (require_not_loaded(o, e) < 0)
		return -1;
	loading = calloc(1, sizeof(*loading));
	if (!loading)
		return 0;
	loading->object = o->object;
	/* signals are for the threads of Node */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&loading->thread, NULL, load_on_thread, loading) == 0)
		o->loading = loading;
	else
		free(loading);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return 0;
}

int wl_object_load(struct wl_object *o, struct wl_error *e)
{
	int err;

	if (require_not_loaded(o, e) < 0)
		return -1;
	err = o->loading ? join_loading(o) : bpf_object__load(o->object);
	if (err) {
		wl_object_close(o);
		return wl_refused(e, err, "%s", "");
	}
	o->loaded = true;
	return 0;
}

/* A program that is in the kernel, or NULL with `e` filled. */
static struct wl_program *loaded_program(struct wl_object *o, const char *name, struct wl_error *e)
{
	struct wl_program *p;

	if (require_loaded(o, e) < 0 || !(p = find_program(o, name, e)))
		return NULL;
	if (bpf_program__fd(p->program) < 0) {
		wl_misuse(e, "program %s was left out of the load", name);
		return NULL;
	}
	return p;
}

int wl_object_attach(struct wl_object *o, const char *program, struct wl_error *e)
{
	struct wl_program *p = loaded_program(o, program, e);

	if (!p)
		return -1;
	if (p->link)
		return 0;
	/* Sections `iter/` included: their link hooks nothing, but runs are made from it. */
	p->link = bpf_program__attach(p->program);
	return p->link ? 0 : wl_refused(e, errno, "program %s", program);
}

int wl_object_attach_clock(struct wl_object *o, const char *program, uint32_t cpu, uint32_t frequency,
			   struct wl_error *e)
{
	struct wl_program *p = loaded_program(o, program, e);
	struct bpf_link **clocks;
	struct bpf_link *link;
	int err;
	int fd;

	if (!p)
		return -1;
	if (bpf_program__type(p->program) != BPF_PROG_TYPE_PERF_EVENT)
		return wl_misuse(e, "program %s is not run by a clock", program);
	clocks = realloc(p->clocks, (p->clock_count + 1) * sizeof(struct bpf_link *));
	if (!clocks)
		return wl_refused(e, ENOMEM, "program %s", program);
	p->clocks = clocks;
	fd = wl_clock_open(cpu, frequency, e);
	if (fd < 0)
		return -1;
	/* From here on the link owns the descriptor. */
	link = bpf_program__attach_perf_event(p->program, fd);
	if (!link) {
		err = errno;
		close(fd);
		return wl_refused(e, err, "program %s", program);
	}
	p->clocks[p->clock_count++] = link;
	return 0;
}

int wl_object_detach(struct wl_object *o, const char *program, struct wl_error *e)
{
	struct wl_program *p;
	int err;

	/* A program that was left out of the load is not attached either: nothing to do. */
	if (require_loaded(o, e) < 0 || !(p = find_program(o, program, e)))
		return -1;
	stop_clocks(p);
	err = bpf_link__destroy(p->link);
	/* libbpf frees the link whatever the result. */
	p->link = NULL;
	return err ? wl_refused(e, err, "program %s", program) : 0;
}

/* One read of an iterator. 0 is its end. */
static ssize_t read_some(int fd, void *into, size_t length)
{
	ssize_t n;

	/* The kernel answers EAGAIN after a million objects without output, so as to let others run. */
	do {
		n = read(fd, into, length);
	} while (n < 0 && (errno == EINTR || errno == EAGAIN));
	return n;
}

int64_t wl_object_iterate(struct wl_object *o, const char *program, uint8_t *into, size_t length, struct wl_error *e)
{
	struct wl_program *p = loaded_program(o, program, e);
	/* As much as the kernel returns at once: bytes that do not fit are still counted. */
	uint8_t spill[32 * 1024];
	size_t total = 0;
	ssize_t n;
	int err;
	int fd;

	if (!p)
		return -1;
	if (bpf_program__expected_attach_type(p->program) != BPF_TRACE_ITER)
		return wl_misuse(e, "program %s is not an iterator", program);
	if (!p->link)
		return wl_misuse(e, "program %s is not attached", program);
	fd = bpf_iter_create(bpf_link__fd(p->link));
	if (fd < 0)
		return wl_refused(e, fd, "program %s", program);
	do {
		bool fits = total < length;

		n = read_some(fd, fits ? into + total : spill, fits ? length - total : sizeof(spill));
		if (n > 0)
			total += (size_t)n;
	} while (n > 0);
	err = n < 0 ? errno : 0;
	close(fd);
	return err ? wl_refused(e, err, "program %s", program) : (int64_t)total;
}

int64_t wl_object_run(struct wl_object *o, const char *program, struct wl_error *e)
{
	LIBBPF_OPTS(bpf_test_run_opts, run);
	struct wl_program *p = loaded_program(o, program, e);
	int err;

	if (!p)
		return -1;
	/* Other types would run on packets that do not exist. */
	if (bpf_program__type(p->program) != BPF_PROG_TYPE_SYSCALL)
		return wl_misuse(e, "program %s does not run on request", program);
	err = bpf_prog_test_run_opts(bpf_program__fd(p->program), &run);
	return err ? wl_refused(e, err, "program %s", program) : (int64_t)run.retval;
}

int wl_object_stats(struct wl_object *o, const char *program, struct wl_stats *stats, struct wl_error *e)
{
	struct wl_program *p = loaded_program(o, program, e);
	/* Zeroed: a kernel that is older than a field leaves it unchanged. */
	struct bpf_prog_info info = { 0 };
	__u32 length = sizeof(info);
	int err;

	if (!p)
		return -1;
	err = bpf_obj_get_info_by_fd(bpf_program__fd(p->program), &info, &length);
	if (err)
		return wl_refused(e, err, "program %s", program);
	*stats = (struct wl_stats){
		.runs = info.run_cnt,
		.ns = info.run_time_ns,
		.recursion_misses = info.recursion_misses,
	};
	return 0;
}
