// SPDX-License-Identifier: Apache-2.0
/* Finds the tree, cleans the environment, becomes Node with the program. */
#define _GNU_SOURCE
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef LINKER
#error "LINKER: file name of glibc's dynamic linker"
#endif
#if !defined(SCREEN_FLAGS) || !defined(BATCH_FLAGS) || !defined(MALLOC_SETTINGS) || !defined(LOADING)
#error "SCREEN_FLAGS, BATCH_FLAGS, MALLOC_SETTINGS, LOADING: strings from scripts/node-flags.sh"
#endif
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define HOW_TO_CHOOSE "to choose a folder for it: WATTLAG_DIR=/root/wattlag wattlag"

extern char **environ;

/* Variables that make Node, glibc or OpenSSL load code or files, by how they begin. */
static const char *const loading[] = { LOADING };

static void clean_environment(void)
{
	char **kept = environ;

	for (char **variable = environ; variable && *variable; variable++) {
		bool loads = false;

		for (size_t i = 0; i < COUNT(loading); i++)
			loads = loads || strncmp(*variable, loading[i], strlen(loading[i])) == 0;
		if (!loads)
			*kept++ = *variable;
	}
	if (kept)
		*kept = NULL;
}

/*
 * Compiled code is kept between starts. Of each file what the first start ran is kept, and nothing more ever: runs without
 * a screen have a folder of their own.
 */
static const char *kind_of_run(int argc, char **argv)
{
	const char *first = argc > 1 ? argv[1] : "";

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return "batch";
	if (*first && *first != '-' && strcmp(first, "replay") != 0)
		return "batch";
	for (int i = 1; i < argc; i++) {
		if ((argv[i][0] == '-' && strchr("hVbv", argv[i][1]) && argv[i][1]) || strcmp(argv[i], "--help") == 0 ||
		    strncmp(argv[i], "--ver", 5) == 0 || strcmp(argv[i], "--batch") == 0)
			return "batch";
	}
	return "screen";
}

static int fail(const char *what, const struct text *why, const char *fix)
{
	fprintf(stderr, "wattlag: %s%s%s%s%s", what, why && why->length ? ":\n" : "\n", why ? why->bytes : "", fix,
		*fix ? "\n" : "");
	return 1;
}

/* Of an installed launcher: ../lib/wattlag, seen from its folder. */
static bool installed_tree(char tree[PATH_MAX], struct text *why)
{
	char own[PATH_MAX] = "", path[PATH_MAX + 32], *slash;

	if (readlink("/proc/self/exe", own, sizeof(own) - 1) < 0 || !(slash = strrchr(own, '/')))
		return false;
	*slash = '\0';
	snprintf(path, sizeof(path), "%s/../lib/wattlag", own);
	if (realpath(path, tree))
		return true;
	text_add(why, "%s: %s\n", path, strerror(errno));
	return false;
}

/* Others' own trees are their business; what root runs must not be others' to change. */
static bool trusted_tree(const char *tree, struct text *why)
{
	int fd = open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool fine = geteuid() != 0 || (trusted_path(tree, why) && trusted_below(fd, tree, why));

	if (fd >= 0)
		close(fd);
	return fine;
}

static int become(const char *tree, const char *cache, int argc, char **argv)
{
	char linker[PATH_MAX + 64], libraries[PATH_MAX + 64], node[PATH_MAX + 64], bundle[PATH_MAX + 64];
	char compiled[PATH_MAX + 64];
	const char *kind = kind_of_run(argc, argv);
	static const char *const screen[] = { SCREEN_FLAGS }, *const batch[] = { BATCH_FLAGS };
	/* `NAME=VALUE`, kept by putenv */
	static char malloc_settings[][64] = { MALLOC_SETTINGS };
	bool drawn = strcmp(kind, "screen") == 0;
	const char *const *flags = drawn ? screen : batch;
	size_t flag_count = drawn ? COUNT(screen) : COUNT(batch), used = 0;
	const char *fixed[] = { "wattlag", "--library-path", libraries, "--argv0", "wattlag", node };
	const char **words = calloc(COUNT(fixed) + flag_count + 1 + (size_t)argc + 1, sizeof(*words));

	if (!words)
		return fail("out of memory", NULL, "");
	snprintf(linker, sizeof(linker), "%s/lib/" LINKER, tree);
	snprintf(libraries, sizeof(libraries), "%s/lib", tree);
	snprintf(node, sizeof(node), "%s/node", tree);
	snprintf(bundle, sizeof(bundle), "%s/dist/wattlag.mjs", tree);
	for (size_t i = 0; i < COUNT(fixed); i++)
		words[used++] = fixed[i];
	for (size_t i = 0; i < flag_count; i++)
		words[used++] = flags[i];
	words[used++] = bundle;
	for (int i = 1; i < argc; i++)
		words[used++] = argv[i];
	for (size_t i = 0; i < COUNT(malloc_settings); i++)
		putenv(malloc_settings[i]);
	if (cache) {
		snprintf(compiled, sizeof(compiled), "%s/%s", cache, kind);
		setenv("NODE_COMPILE_CACHE", compiled, 1);
	}
	execv(linker, (char *const *)words);
	fprintf(stderr, "wattlag: cannot run %s: %s\n", linker, strerror(errno));
	if (errno == EACCES || errno == EPERM)
		fprintf(stderr,
			"a mount option or a security policy (SELinux, AppArmor, fapolicyd) forbids it; " HOW_TO_CHOOSE
			"\n");
	return 1;
}

int main(int argc, char **argv)
{
	struct text why = { .length = 0 };
	struct trailer trailer;
	char tree[PATH_MAX];
	char cache[PATH_MAX + 16];
	bool cached;
	mode_t mask;
	int own;

	if (getauxval(AT_SECURE))
		return fail("refused: started with rights that its caller does not have (setuid or file capabilities)",
			    NULL, "");
	own = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (own < 0)
		return fail("cannot read /proc/self/exe; is proc mounted? mount -t proc proc /proc", NULL, "");
	/* folders are made with their own rights: of a mask such as 0777 nothing would be left to open them */
	mask = umask(022);
	if (read_trailer(own, &trailer)) {
		if (!find_or_unpack(own, &trailer, tree, &why))
			return fail("cannot unpack itself", &why, HOW_TO_CHOOSE);
		snprintf(cache, sizeof(cache), "%s/compiled", tree);
		umask(mask);
		clean_environment();
		return become(tree, cache, argc, argv);
	}
	if (!installed_tree(tree, &why))
		return fail("its files are missing", &why, "install it again");
	if (!trusted_tree(tree, &why))
		return fail("refused", &why,
			    "its files and the folders above have to be root's: chown -R root: and chmod -R go-w");
	cached = cache_folder(cache);
	umask(mask);
	clean_environment();
	return become(tree, cached ? cache : NULL, argc, argv);
}
