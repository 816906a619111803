/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * zpool-helpers.h - what the tests of the allocators share: a pool's beginning
 * and its end
 */
#ifndef ZPOOL_HELPERS_H
#define ZPOOL_HELPERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "compat/custom.h"
#include "zpool/zpool.h"

static inline struct zpool pool_create(const struct zpool_ops *ops,
				       const struct zpool_config *config)
{
	struct zpool zp = { .account = NULL };

	assert_int_equal(zpool_create(&zp, ops, config), 0);
	return zp;
}

static inline int pool_check(struct zpool *zp)
{
	return zp->ops->check(zp->priv);
}

static inline void pool_work(struct zpool *zp)
{
	if (zp->ops->work)
		zp->ops->work(zp->priv);
}

/*
 * Handles that tests may copy and pass on: what malloc set stays in a word of its own,
 * whose address is the handle, as in the kernel's zsmalloc.
 */
static inline unsigned long *handle_word(unsigned long handle)
{
	return (unsigned long *)handle;
}

static inline int handle_malloc(struct zpool *zp, size_t size,
				unsigned long *handle)
{
	unsigned long *word = calloc(1, sizeof(*word));
	int err;

	assert_non_null(word);
	err = zpool_malloc(zp, size, word);
	if (err)
		free(word);
	else
		*handle = (unsigned long)word;
	return err;
}

static inline void handle_free(struct zpool *zp, unsigned long handle)
{
	zpool_free(zp, handle_word(handle));
	free(handle_word(handle));
}

/* Ends a pool that must be empty and have held itself together. */
static inline void pool_destroy(struct zpool *zp)
{
	pool_work(zp);
	assert_int_equal(pool_check(zp), 0);
	assert_int_equal(zpool_total_pages(zp), 0);
	assert_int_equal(zpool_nr_zspages(zp), 0);
	zp->ops->destroy(zp->priv);
	assert_int_equal(compat_nr_warnings(), 0);
}

#endif
