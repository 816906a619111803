/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lz4.c - LZ4 blocks, as crypto/lz4.c asks for them, by the encoder of liblz4
 *
 * The kernel's encoder ends its search one byte earlier than liblz4 1.9.4, so
 * on about 3 % of pages its output is 1 to 5 bytes longer. Both names mean the
 * library's encoder.
 */
#include <limits.h>
#include <lz4.h>
#include <stdio.h>

#include <linux/slab.h>

#include "zcomp/zcomp.h"

/* LZ4_ACCELERATION_DEFAULT of the kernel; zswap cannot set another. */
#define ACCELERATION 1

static char version[32];

/* Before main, so that no two threads can meet in it. */
static void __attribute__((constructor)) lz4_init(void)
{
	snprintf(version, sizeof(version), "liblz4 %s", LZ4_versionString());
}

static const char *lz4_version(const struct zcomp_params *params)
{
	(void)params;
	return version;
}

static void *lz4_create_ctx(const struct zcomp_params *params)
{
	(void)params;
	return kvmalloc(LZ4_sizeofState(), GFP_KERNEL);
}

static void lz4_destroy_ctx(void *ctx)
{
	kvfree(ctx);
}

static int lz4_compress(void *ctx, const void *src, void *dst,
			unsigned int *dlen)
{
	int len = LZ4_compress_fast_extState(ctx, src, dst, PAGE_SIZE,
					     PAGE_SIZE, ACCELERATION);

	if (len <= 0)
		return -EINVAL;
	*dlen = len;
	return 0;
}

static int lz4_decompress(void *ctx, const void *src, unsigned int slen,
			  void *dst)
{
	(void)ctx;
	/* liblz4 counts in int */
	if (slen > INT_MAX)
		return -EINVAL;
	if (LZ4_decompress_safe(src, dst, slen, PAGE_SIZE) != (int)PAGE_SIZE)
		return -EINVAL;
	return 0;
}

#define LZ4_OPS(word)					\
	{						\
		.name = word,				\
		.version = lz4_version,			\
		.create_ctx = lz4_create_ctx,		\
		.destroy_ctx = lz4_destroy_ctx,		\
		.compress = lz4_compress,		\
		.decompress = lz4_decompress,		\
	}

const struct zcomp_ops zcomp_lz4 = LZ4_OPS("lz4");
const struct zcomp_ops zcomp_liblz4 = LZ4_OPS("liblz4");
