/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * zstd.c - zstd frames with the parameters of crypto/zstd.c in Linux 7.2
 *
 * The kernel takes the level's set for a source of 256 KiB (zstd_get_params with
 * ZSTD_MAX_SIZE), sets its members one by one, and the encoder then shrinks the
 * set to the 4096 bytes that were pledged. The shrinking is done here once, when
 * the context is made: that gives the same frames, and a workspace that stays in
 * the cache. Level 3 comes to window 12, chain 12, hash 13, search 1, minMatch 4,
 * target 0, dfast. The frame has its content size and no checksum.
 *
 * As in the kernel, all memory is a workspace that the caller allocates.
 */
#define ZSTD_STATIC_LINKING_ONLY
#include <stdio.h>
#include <zstd.h>

#include <linux/slab.h>

#include "zcomp/zcomp.h"

/* ZSTD_MAX_SIZE of crypto/zstd.c */
#define SIZE_HINT (1u << 18)

struct zstd_ctx {
	void *cwork;
	void *dwork;
	ZSTD_CCtx *cctx;
	ZSTD_DCtx *dctx;
};

static char version[32];

/* Before main, so that no two threads can meet in it. */
static void __attribute__((constructor)) zstd_init(void)
{
	snprintf(version, sizeof(version), "libzstd %s", ZSTD_versionString());
}

static const char *zstd_version(const struct zcomp_params *params)
{
	(void)params;
	return version;
}

static int set_params(ZSTD_CCtx *cctx, const ZSTD_compressionParameters *cp,
		      int level)
{
	const struct {
		ZSTD_cParameter param;
		int value;
	} set[] = {
		{ ZSTD_c_compressionLevel, level },
		{ ZSTD_c_windowLog, cp->windowLog },
		{ ZSTD_c_hashLog, cp->hashLog },
		{ ZSTD_c_chainLog, cp->chainLog },
		{ ZSTD_c_searchLog, cp->searchLog },
		{ ZSTD_c_minMatch, cp->minMatch },
		{ ZSTD_c_targetLength, cp->targetLength },
		{ ZSTD_c_strategy, cp->strategy },
		{ ZSTD_c_contentSizeFlag, 1 },
		{ ZSTD_c_checksumFlag, 0 },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(set); i++) {
		size_t err = ZSTD_CCtx_setParameter(cctx, set[i].param,
						    set[i].value);

		if (ZSTD_isError(err))
			return -EINVAL;
	}
	return 0;
}

static void zstd_destroy_ctx(void *ctx)
{
	struct zstd_ctx *z = ctx;

	kvfree(z->cwork);
	kvfree(z->dwork);
	kfree(z);
}

static void *zstd_create_ctx(const struct zcomp_params *params)
{
	int level = params->level ? params->level : zcomp_zstd.level_default;
	ZSTD_compressionParameters cp = ZSTD_getCParams(level, SIZE_HINT, 0);
	struct zstd_ctx *z;
	size_t csize, dsize;

	cp = ZSTD_adjustCParams(cp, PAGE_SIZE, 0);
	csize = ZSTD_estimateCCtxSize_usingCParams(cp);
	dsize = ZSTD_estimateDCtxSize();

	z = kzalloc(sizeof(*z), GFP_KERNEL);
	if (!z)
		return NULL;
	z->cwork = kvmalloc(csize, GFP_KERNEL);
	z->dwork = kvmalloc(dsize, GFP_KERNEL);
	if (!z->cwork || !z->dwork)
		goto fail;
	z->cctx = ZSTD_initStaticCCtx(z->cwork, csize);
	z->dctx = ZSTD_initStaticDCtx(z->dwork, dsize);
	if (!z->cctx || !z->dctx || set_params(z->cctx, &cp, level))
		goto fail;
	return z;

fail:
	zstd_destroy_ctx(z);
	return NULL;
}

static int zstd_compress(void *ctx, const void *src, void *dst,
			 unsigned int *dlen)
{
	struct zstd_ctx *z = ctx;
	size_t len = ZSTD_compress2(z->cctx, dst, PAGE_SIZE, src, PAGE_SIZE);

	if (ZSTD_isError(len))
		return -EINVAL;
	*dlen = len;
	return 0;
}

static int zstd_decompress(void *ctx, const void *src, unsigned int slen,
			   void *dst)
{
	struct zstd_ctx *z = ctx;
	size_t len = ZSTD_decompressDCtx(z->dctx, dst, PAGE_SIZE, src, slen);

	/* an error code is a huge length */
	return len == PAGE_SIZE ? 0 : -EINVAL;
}

const struct zcomp_ops zcomp_zstd = {
	.name = "zstd",
	.version = zstd_version,
	.has_level = true,
	.level_min = 1,
	.level_max = 22,
	.level_default = 3,
	.create_ctx = zstd_create_ctx,
	.destroy_ctx = zstd_destroy_ctx,
	.compress = zstd_compress,
	.decompress = zstd_decompress,
};
