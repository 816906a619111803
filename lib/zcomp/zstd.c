/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * zstd.c - zstd frames with the parameters of crypto/zstd.c
 *
 * The kernel takes the level's set for a hinted source size (zstd_get_params:
 * none until Linux 6.12, 256 KiB in 7.2), sets its members one by one, and the
 * encoder then shrinks the set to the 4096 bytes that were pledged. The shrinking
 * is done here once, when the context is made: that gives the same frames, and a
 * workspace that stays in the cache. Level 3 comes to window 12, chain 12, hash
 * 13, search 1, minMatch 5 (unknown size) or 4 (256 KiB), target 0, dfast. The
 * frame has its content size and no checksum.
 *
 * Each kernel carries a zstd of its own (6.1: 1.4.10, 6.12: 1.5.2, 7.2: 1.5.7),
 * and with equal parameters these differ. Hence lib=PATH: another libzstd is
 * opened at run time and makes and reads the frames in place of the one that
 * this program is linked with.
 *
 * As in the kernel, all memory is a workspace that the caller allocates.
 */
#define _GNU_SOURCE
#define ZSTD_STATIC_LINKING_ONLY
#include <dlfcn.h>
#include <stdio.h>
#include <zstd.h>

#include <linux/mutex.h>
#include <linux/slab.h>

#include "zcomp/zcomp.h"

/*
 * Since 1.4.0 ZSTD_compress2 and its parameters are stable; nothing is known of
 * a 2.0.
 */
#define VERSION_MIN (1 * 10000 + 4 * 100)
#define VERSION_END (2 * 10000)
#define LIBS_MAX 16

/* What is used of a libzstd. */
#define ZSTD_FUNCTIONS(X)		\
	X(versionNumber)		\
	X(versionString)		\
	X(isError)			\
	X(getCParams)			\
	X(adjustCParams)		\
	X(estimateCCtxSize_usingCParams)\
	X(estimateDCtxSize)		\
	X(initStaticCCtx)		\
	X(initStaticDCtx)		\
	X(CCtx_setParameter)		\
	X(compress2)			\
	X(decompressDCtx)

/* A libzstd. @path: as in struct zcomp_params; "": the linked one. */
struct zstd_lib {
	char path[ZCOMP_LIB_MAX];
	char version[32];
#define X(function) __typeof__(ZSTD_##function) *function;
	ZSTD_FUNCTIONS(X)
#undef X
};

struct zstd_ctx {
	const struct zstd_lib *lib;
	void *cwork;
	void *dwork;
	ZSTD_CCtx *cctx;
	ZSTD_DCtx *dctx;
};

/*-------------------------------------------------------------- libraries */

/*
 * The first is the linked one. The others are opened once and kept for ever, as
 * their versions' strings must be. Entries below nr_libs do not change.
 */
static struct zstd_lib libs[LIBS_MAX] = { {
#define X(function) .function = ZSTD_##function,
	ZSTD_FUNCTIONS(X)
#undef X
} };
static unsigned int nr_libs = 1;
static DEFINE_MUTEX(libs_lock);

static void set_version(struct zstd_lib *lib)
{
	snprintf(lib->version, sizeof(lib->version), "libzstd %s",
		 lib->versionString());
}

/* Before main, so that no two threads can meet in it. */
static void __attribute__((constructor)) zstd_init(void)
{
	set_version(&libs[0]);
}

/* Under libs_lock. NULL: not open. */
static struct zstd_lib *find_lib(const char *path)
{
	for (unsigned int i = 0; i < nr_libs; i++) {
		if (!strcmp(libs[i].path, path))
			return &libs[i];
	}
	return NULL;
}

/* The library of parameters that have passed prepare. */
static const struct zstd_lib *get_lib(const struct zcomp_params *params)
{
	const struct zstd_lib *lib;

	mutex_lock(&libs_lock);
	lib = find_lib(params->lib);
	mutex_unlock(&libs_lock);
	BUG_ON(!lib);
	return lib;
}

/*
 * The library's calls of its own public functions must not end in the linked
 * libzstd, whose structures are others: hence DEEPBIND. The sanitizers refuse
 * that flag in dlopen for the sake of a malloc of theirs, which is not called
 * from here; dlmopen into the same namespace is dlopen without their say.
 */
static void *open_file(const char *path)
{
	char here[ZCOMP_LIB_MAX + 2];
	const int flags = RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND;

	/* without a slash the loader would look in the system's folders */
	snprintf(here, sizeof(here), "%s%s", strchr(path, '/') ? "" : "./",
		 path);
	return dlmopen(LM_ID_BASE, here, flags);
}

/* Finds the functions; -EINVAL and *why when it is not a libzstd that will do. */
static int resolve(struct zstd_lib *lib, void *handle, const char *path,
		   char *why, size_t size)
{
	const char *missing = NULL;
	unsigned int version;

	*(void **)&lib->versionNumber = dlsym(handle, "ZSTD_versionNumber");
	if (!lib->versionNumber) {
		snprintf(why, size, "%s: not a libzstd", path);
		return -EINVAL;
	}
	/* by its version, before by what that version lacks */
	version = lib->versionNumber();
	if (version < VERSION_MIN || version >= VERSION_END) {
		snprintf(why, size, "%s: libzstd %u.%u.%u is too %s (1.4.0 to "
			 "1.x will do)", path, version / 10000,
			 version / 100 % 100, version % 100,
			 version < VERSION_MIN ? "old" : "new");
		return -EINVAL;
	}
#define X(function)							\
	*(void **)&lib->function = dlsym(handle, "ZSTD_" #function);	\
	if (!lib->function && !missing)					\
		missing = "ZSTD_" #function;
	ZSTD_FUNCTIONS(X)
#undef X
	if (!missing)
		return 0;
	snprintf(why, size, "%s: this libzstd has no %s", path, missing);
	return -EINVAL;
}

/* Under libs_lock. */
static int open_lib(const char *path, char *why, size_t size)
{
	struct zstd_lib lib;
	void *handle;

	if (nr_libs == LIBS_MAX) {
		snprintf(why, size, "more than %d libraries", LIBS_MAX - 1);
		return -EINVAL;
	}
	handle = open_file(path);
	if (!handle) {
		/* "PATH: what is wrong" */
		snprintf(why, size, "%s", dlerror());
		return -EINVAL;
	}
	if (resolve(&lib, handle, path, why, size)) {
		dlclose(handle);
		return -EINVAL;
	}
	snprintf(lib.path, sizeof(lib.path), "%s", path);
	set_version(&lib);
	libs[nr_libs++] = lib;
	return 0;
}

static int zstd_prepare(const struct zcomp_params *params, char *why,
			size_t size)
{
	int err = 0;

	mutex_lock(&libs_lock);
	if (!find_lib(params->lib))
		err = open_lib(params->lib, why, size);
	mutex_unlock(&libs_lock);
	return err;
}

static const char *zstd_version(const struct zcomp_params *params)
{
	return get_lib(params)->version;
}

/*--------------------------------------------------------------- contexts */

/*
 * As zstd_cctx_init of the kernel does; like there the level itself is not set,
 * so what a set leaves 0 is the encoder's default.
 */
static int set_params(struct zstd_ctx *z, const ZSTD_compressionParameters *cp)
{
	const struct {
		ZSTD_cParameter param;
		int value;
	} set[] = {
		{ ZSTD_c_windowLog, cp->windowLog },
		{ ZSTD_c_hashLog, cp->hashLog },
		{ ZSTD_c_chainLog, cp->chainLog },
		{ ZSTD_c_searchLog, cp->searchLog },
		{ ZSTD_c_minMatch, cp->minMatch },
		{ ZSTD_c_targetLength, cp->targetLength },
		{ ZSTD_c_strategy, cp->strategy },
		{ ZSTD_c_contentSizeFlag, 1 },
		{ ZSTD_c_checksumFlag, 0 },
		{ ZSTD_c_dictIDFlag, 1 },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(set); i++) {
		size_t err = z->lib->CCtx_setParameter(z->cctx, set[i].param,
						       set[i].value);

		if (z->lib->isError(err))
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
	const struct zstd_lib *lib = get_lib(params);
	ZSTD_compressionParameters cp;
	struct zstd_ctx *z;
	size_t csize, dsize;

	/* for ZSTD_getCParams, too, a size of 0 is an unknown one */
	cp = lib->getCParams(level, params->size_hint, 0);
	cp = lib->adjustCParams(cp, PAGE_SIZE, 0);
	csize = lib->estimateCCtxSize_usingCParams(cp);
	dsize = lib->estimateDCtxSize();

	z = kzalloc(sizeof(*z), GFP_KERNEL);
	if (!z)
		return NULL;
	z->lib = lib;
	z->cwork = kvmalloc(csize, GFP_KERNEL);
	z->dwork = kvmalloc(dsize, GFP_KERNEL);
	if (!z->cwork || !z->dwork)
		goto fail;
	z->cctx = lib->initStaticCCtx(z->cwork, csize);
	z->dctx = lib->initStaticDCtx(z->dwork, dsize);
	if (!z->cctx || !z->dctx || set_params(z, &cp))
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
	size_t len = z->lib->compress2(z->cctx, dst, PAGE_SIZE, src,
				       PAGE_SIZE);

	if (z->lib->isError(len))
		return -EINVAL;
	*dlen = len;
	return 0;
}

static int zstd_decompress(void *ctx, const void *src, unsigned int slen,
			   void *dst)
{
	struct zstd_ctx *z = ctx;
	size_t len = z->lib->decompressDCtx(z->dctx, dst, PAGE_SIZE, src, slen);

	/* an error code is a huge length */
	return len == PAGE_SIZE ? 0 : -EINVAL;
}

const struct zcomp_ops zcomp_zstd = {
	.name = "zstd",
	.version = zstd_version,
	.prepare = zstd_prepare,
	.has_lib = true,
	.has_level = true,
	.level_min = 1,
	.level_max = 22,
	.level_default = 3,
	.create_ctx = zstd_create_ctx,
	.destroy_ctx = zstd_destroy_ctx,
	.compress = zstd_compress,
	.decompress = zstd_decompress,
};
