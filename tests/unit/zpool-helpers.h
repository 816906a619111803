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
