/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * liblzo2.c - LZO1X-1 streams by the encoder of liblzo2
 *
 * It is there to be compared with: its table is twice as large as that of the
 * kernel's encoder (lzo.c), so it finds other matches.
 */
#include <limits.h>
#include <lzo/lzo1x.h>
#include <stdio.h>

#include <linux/slab.h>

#include "zcomp/zcomp.h"

/* What a page comes to at worst: the encoder is told of no limit. */
#define WORST (PAGE_SIZE + PAGE_SIZE / 16 + 64 + 3)

struct liblzo2_ctx {
	u8 out[WORST];
	u8 work[LZO1X_1_MEM_COMPRESS] __aligned(16);
};

static char version[32];

/* Before main, so that no two threads can meet in it. */
static void __attribute__((constructor)) liblzo2_init(void)
{
	/* it only checks its own build, and gives the same answer ever after */
	snprintf(version, sizeof(version), "liblzo2 %s%s", lzo_version_string(),
		 lzo_init() == LZO_E_OK ? "" : " (broken)");
}

static const char *liblzo2_version(const struct zcomp_params *params)
{
	(void)params;
	return version;
}

static void *liblzo2_create_ctx(const struct zcomp_params *params)
{
	(void)params;
	return kvmalloc(sizeof(struct liblzo2_ctx), GFP_KERNEL);
}

static void liblzo2_destroy_ctx(void *ctx)
{
	kvfree(ctx);
}

static int liblzo2_compress(void *ctx, const void *src, void *dst,
			    unsigned int *dlen)
{
	struct liblzo2_ctx *z = ctx;
	lzo_uint len = 0;

	if (lzo1x_1_compress(src, PAGE_SIZE, z->out, &len, z->work) != LZO_E_OK ||
	    len > PAGE_SIZE)
		return -EINVAL;
	memcpy(dst, z->out, len);
	*dlen = len;
	return 0;
}

static int liblzo2_decompress(void *ctx, const void *src, unsigned int slen,
			      void *dst)
{
	lzo_uint len = PAGE_SIZE;

	(void)ctx;
	if (lzo1x_decompress_safe(src, slen, dst, &len, NULL) != LZO_E_OK ||
	    len != PAGE_SIZE)
		return -EINVAL;
	return 0;
}

const struct zcomp_ops zcomp_liblzo2 = {
	.name = "liblzo2",
	.version = liblzo2_version,
	.create_ctx = liblzo2_create_ctx,
	.destroy_ctx = liblzo2_destroy_ctx,
	.compress = liblzo2_compress,
	.decompress = liblzo2_decompress,
};
