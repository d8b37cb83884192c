/* SPDX-License-Identifier: Apache-2.0 */
/* What elfutils' configure would find out, for libelf in the statically linked addon (scripts/release/addon.ts). */
#pragma once

#define _GNU_SOURCE 1
#define HAVE_DECL_MEMPCPY 1
#define HAVE_DECL_MEMRCHR 1
#define HAVE_DECL_POWEROF2 1
#define HAVE_DECL_RAWMEMCHR 1
#define HAVE_DECL_REALLOCARRAY 1
#define HAVE_ERR_H 1
#ifdef __GLIBC__
#define HAVE_ERROR_H 1
#endif
/* ELF files are those of one thread each: no locks, and with them no use of the thread library. */
#define PACKAGE_NAME "elfutils"

/* Attributes and the like that elfutils adds to every config.h. */
#include <eu-config.h>
