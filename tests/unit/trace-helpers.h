/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace-helpers.h - what the tests of the trace readers share: a directory of
 * the run's own, and files in it
 */
#ifndef TRACE_HELPERS_H
#define TRACE_HELPERS_H

#include <ftw.h>	/* wants _GNU_SOURCE or the like: nftw() */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <zstd.h>

#include "traces/trace.h"

#define PAGE TRACE_PAGE_SIZE
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static char tmp[64];

/* Group setup: makes @tmp, which nothing but the test's own files is to be in. */
static inline int make_tmp(void **state)
{
	(void)state;
	strcpy(tmp, "/tmp/zdedup-test-XXXXXX");
	/* where readers spill to; a test that tries another sets it */
	unsetenv("TMPDIR");
	return mkdtemp(tmp) ? 0 : -1;
}

static inline int remove_one(const char *path, const struct stat *st, int type,
			     struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* Group teardown */
static inline int remove_tmp(void **state)
{
	(void)state;
	return nftw(tmp, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The path of @name in @tmp; good until the fourth call after this. */
static inline const char *at(const char *name)
{
	static char paths[4][256];
	static unsigned int n;
	char *path = paths[n++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", tmp, name);
	return path;
}

static inline void put(const char *name, const void *data, size_t len)
{
	FILE *f = fopen(at(name), "w");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static inline void put_zst(const char *name, const void *data, size_t len)
{
	size_t room = ZSTD_compressBound(len);
	void *z = malloc(room);
	size_t n = ZSTD_compress(z, room, data, len, 3);

	assert_false(ZSTD_isError(n));
	put(name, z, n);
	free(z);
}

#endif
