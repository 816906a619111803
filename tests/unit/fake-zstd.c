/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake-zstd.c - what poses as a libzstd of version FAKE_VERSION, for lib=PATH
 *
 * Its frame is its version number, and the page it reads is full of the frame's
 * first byte. With FAKE_HOLLOW it has no ZSTD_compress2.
 */
#define ZSTD_STATIC_LINKING_ONLY
#include <string.h>
#include <zstd.h>

#define PAGE 4096

unsigned ZSTD_versionNumber(void)
{
	return FAKE_VERSION;
}

const char *ZSTD_versionString(void)
{
	return "of the test";
}

unsigned ZSTD_isError(size_t code)
{
	return code > PAGE;
}

ZSTD_compressionParameters ZSTD_getCParams(int level,
					   unsigned long long size, size_t dict)
{
	ZSTD_compressionParameters cp = { 0 };

	(void)level;
	(void)size;
	(void)dict;
	return cp;
}

ZSTD_compressionParameters ZSTD_adjustCParams(ZSTD_compressionParameters cp,
					      unsigned long long size,
					      size_t dict)
{
	(void)size;
	(void)dict;
	return cp;
}

size_t ZSTD_estimateCCtxSize_usingCParams(ZSTD_compressionParameters cp)
{
	(void)cp;
	return 1;
}

size_t ZSTD_estimateDCtxSize(void)
{
	return 1;
}

ZSTD_CCtx *ZSTD_initStaticCCtx(void *workspace, size_t size)
{
	return size == 1 ? workspace : NULL;
}

ZSTD_DCtx *ZSTD_initStaticDCtx(void *workspace, size_t size)
{
	return size == 1 ? workspace : NULL;
}

size_t ZSTD_CCtx_setParameter(ZSTD_CCtx *cctx, ZSTD_cParameter param,
			      int value)
{
	(void)cctx;
	(void)param;
	(void)value;
	return 0;
}

#ifndef FAKE_HOLLOW
size_t ZSTD_compress2(ZSTD_CCtx *cctx, void *dst, size_t capacity,
		      const void *src, size_t size)
{
	/* its own function, whatever else of that name there is */
	unsigned int version = ZSTD_versionNumber();

	(void)cctx;
	(void)src;
	if (capacity != PAGE || size != PAGE)
		return -1;
	memcpy(dst, &version, sizeof(version));
	return sizeof(version);
}
#endif

size_t ZSTD_decompressDCtx(ZSTD_DCtx *dctx, void *dst, size_t capacity,
			   const void *src, size_t size)
{
	(void)dctx;
	if (!size || capacity != PAGE)
		return -1;
	memset(dst, *(const unsigned char *)src, PAGE);
	return PAGE;
}
