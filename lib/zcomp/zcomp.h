/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * zcomp.h - the compressors that lib/registry.c names
 */
#ifndef ZCOMP_H
#define ZCOMP_H

#include "zswap/ops.h"

extern const struct zcomp_ops zcomp_lz4;
extern const struct zcomp_ops zcomp_liblz4;
extern const struct zcomp_ops zcomp_zstd;
extern const struct zcomp_ops zcomp_lz4hc;
extern const struct zcomp_ops zcomp_lzo;
extern const struct zcomp_ops zcomp_lzo_rle;
extern const struct zcomp_ops zcomp_liblzo2;
extern const struct zcomp_ops zcomp_deflate;
extern const struct zcomp_ops zcomp_none;

#endif /* ZCOMP_H */
