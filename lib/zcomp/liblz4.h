/* SPDX-License-Identifier: GPL-2.0-or-later */
/* liblz4.h - what all three members of the LZ4 family take from liblz4 */
#ifndef ZCOMP_LIBLZ4_H
#define ZCOMP_LIBLZ4_H

#include "zswap/ops.h"

/* As in struct zcomp_ops: a block means the same, whoever made it. */
int liblz4_decompress(void *ctx, const void *src, unsigned int slen, void *dst);
/* "liblz4 1.9.4" */
const char *liblz4_version(const struct zcomp_params *params);

#endif /* ZCOMP_LIBLZ4_H */
