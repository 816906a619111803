/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * liblz4.c - LZ4 blocks, as crypto/lz4.c asks for them, by the encoder of liblz4
 *
 * It is there to be compared with: the kernel's encoder (lz4.c) ends its search
 * one byte earlier than liblz4 1.9.4, so on about 3 % of pages its output is 1 to
 * 5 bytes longer.
 */
#include <limits.h>
#include <lz4.h>
#include <stdio.h>

#include <linux/slab.h>

#include "zcomp/liblz4.h"
#include "zcomp/zcomp.h"

/* LZ4_ACCELERATION_DEFAULT of the kernel; zswap cannot set another. */
#define ACCELERATION 1

static char version[32];

/* Before main, so that no two threads can meet in it. */
static void __attribute__((constructor)) liblz4_init(void)
{
	snprintf(version, sizeof(version), "liblz4 %s", LZ4_versionString());
}

const char *liblz4_version(const struct zcomp_params *params)
{
	(void)params;
	return version;
}

static void *liblz4_create_ctx(const struct zcomp_params *params)
{
	(void)params;
	return kvmalloc(LZ4_sizeofState(), GFP_KERNEL);
}

static void liblz4_destroy_ctx(void *ctx)
{
	kvfree(ctx);
}

static int liblz4_compress(void *ctx, const void *src, void *dst,
			   unsigned int *dlen)
{
	int len = LZ4_compress_fast_extState(ctx, src, dst, PAGE_SIZE,
					     PAGE_SIZE, ACCELERATION);

	if (len <= 0)
		return -EINVAL;
	*dlen = len;
	return 0;
}

int liblz4_decompress(void *ctx, const void *src, unsigned int slen, void *dst)
{
	(void)ctx;
	/* liblz4 counts in int */
	if (slen > INT_MAX)
		return -EINVAL;
	if (LZ4_decompress_safe(src, dst, slen, PAGE_SIZE) != (int)PAGE_SIZE)
		return -EINVAL;
	return 0;
}

const struct zcomp_ops zcomp_liblz4 = {
	.name = "liblz4",
	.version = liblz4_version,
	.create_ctx = liblz4_create_ctx,
	.destroy_ctx = liblz4_destroy_ctx,
	.compress = liblz4_compress,
	.decompress = liblz4_decompress,
};
