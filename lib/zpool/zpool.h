/* SPDX-License-Identifier: GPL-2.0-or-later */
/* zpool.h - the allocators there are, for the registry and the tests. */
#ifndef ZPOOL_ZPOOL_H
#define ZPOOL_ZPOOL_H

#include "zswap/ops.h"

extern const struct zpool_ops zpool_zsmalloc;
extern const struct zpool_ops zpool_zbud;
extern const struct zpool_ops zpool_z3fold;
extern const struct zpool_ops zpool_xvmalloc;
extern const struct zpool_ops zpool_kmalloc;
extern const struct zpool_ops zpool_ideal;

#endif /* ZPOOL_ZPOOL_H */
