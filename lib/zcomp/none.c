/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * none.c - a compressor that copies
 *
 * Its output always has PAGE_SIZE bytes, which Linux 7.2 treats as a page that
 * did not compress: zswap keeps it raw. It measures what sharing gives alone.
 */
#include "zcomp/zcomp.h"

static const char *none_version(const struct zcomp_params *params)
{
	(void)params;
	return "none";
}

/* There is nothing to keep between two pages, but NULL would mean no memory. */
static void *none_create_ctx(const struct zcomp_params *params)
{
	static char no_context;

	(void)params;
	return &no_context;
}

static void none_destroy_ctx(void *ctx)
{
	(void)ctx;
}

static int none_compress(void *ctx, const void *src, void *dst,
			 unsigned int *dlen)
{
	(void)ctx;
	memcpy(dst, src, PAGE_SIZE);
	*dlen = PAGE_SIZE;
	return 0;
}

static int none_decompress(void *ctx, const void *src, unsigned int slen,
			   void *dst)
{
	(void)ctx;
	if (slen != PAGE_SIZE)
		return -EINVAL;
	memcpy(dst, src, PAGE_SIZE);
	return 0;
}

const struct zcomp_ops zcomp_none = {
	.name = "none",
	.version = none_version,
	.create_ctx = none_create_ctx,
	.destroy_ctx = none_destroy_ctx,
	.compress = none_compress,
	.decompress = none_decompress,
};
