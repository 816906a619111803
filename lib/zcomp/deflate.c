/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * deflate.c - raw deflate streams, as crypto/deflate.c makes them, by zlib
 *
 * The kernel's encoder descends from zlib 1.1.3, and zlib 1.2.13 with the same
 * parameters makes the same bytes. A page that needs exactly 4096 bytes is
 * refused by both: with no room left, deflate cannot tell that it has finished.
 */
#include <stdio.h>
#include <zlib.h>

#include <linux/slab.h>

#include "zcomp/zcomp.h"

/* crypto/deflate.c: DEFLATE_DEF_LEVEL, _WINBITS (negative: no header), _MEMLEVEL */
#define LEVEL 6
#define WINDOW_BITS (-11)
#define MEM_LEVEL 8

struct deflate_ctx {
	z_stream comp;
	z_stream decomp;
};

static char version[32];

/* Before main, so that no two threads can meet in it. */
static void __attribute__((constructor)) deflate_init(void)
{
	snprintf(version, sizeof(version), "zlib %s", zlibVersion());
}

static const char *deflate_version(const struct zcomp_params *params)
{
	(void)params;
	return version;
}

static voidpf zlib_alloc(voidpf opaque, uInt items, uInt size)
{
	(void)opaque;
	return kvmalloc((size_t)items * size, GFP_KERNEL);
}

static void zlib_free(voidpf opaque, voidpf address)
{
	(void)opaque;
	kvfree(address);
}

static void deflate_destroy_ctx(void *ctx)
{
	struct deflate_ctx *d = ctx;

	/* each takes a stream that was never set up, too, and refuses it */
	deflateEnd(&d->comp);
	inflateEnd(&d->decomp);
	kfree(d);
}

static void *deflate_create_ctx(const struct zcomp_params *params)
{
	struct deflate_ctx *d = kzalloc(sizeof(*d), GFP_KERNEL);

	(void)params;
	if (!d)
		return NULL;
	d->comp.zalloc = d->decomp.zalloc = zlib_alloc;
	d->comp.zfree = d->decomp.zfree = zlib_free;
	if (deflateInit2(&d->comp, LEVEL, Z_DEFLATED, WINDOW_BITS, MEM_LEVEL,
			 Z_DEFAULT_STRATEGY) == Z_OK &&
	    inflateInit2(&d->decomp, WINDOW_BITS) == Z_OK)
		return d;
	deflate_destroy_ctx(d);
	return NULL;
}

static int deflate_compress(void *ctx, const void *src, void *dst,
			    unsigned int *dlen)
{
	z_stream *z = &((struct deflate_ctx *)ctx)->comp;

	if (deflateReset(z) != Z_OK)
		return -EINVAL;
	z->next_in = (z_const Bytef *)src;
	z->avail_in = PAGE_SIZE;
	z->next_out = dst;
	z->avail_out = PAGE_SIZE;
	if (deflate(z, Z_FINISH) != Z_STREAM_END)
		return -EINVAL;
	*dlen = z->total_out;
	return 0;
}

static int deflate_decompress(void *ctx, const void *src, unsigned int slen,
			      void *dst)
{
	z_stream *z = &((struct deflate_ctx *)ctx)->decomp;

	if (inflateReset(z) != Z_OK)
		return -EINVAL;
	z->next_in = (z_const Bytef *)src;
	z->avail_in = slen;
	z->next_out = dst;
	z->avail_out = PAGE_SIZE;
	if (inflate(z, Z_FINISH) != Z_STREAM_END || z->avail_out)
		return -EINVAL;
	return 0;
}

const struct zcomp_ops zcomp_deflate = {
	.name = "deflate",
	.version = deflate_version,
	.create_ctx = deflate_create_ctx,
	.destroy_ctx = deflate_destroy_ctx,
	.compress = deflate_compress,
	.decompress = deflate_decompress,
};
