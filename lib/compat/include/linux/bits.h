/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/bits.h (dup): single bits and runs of bits.
 */
#ifndef _COMPAT_LINUX_BITS_H
#define _COMPAT_LINUX_BITS_H

#define BITS_PER_BYTE 8
#define BIT(nr) (1UL << (nr))
#define BIT_ULL(nr) (1ULL << (nr))
#define BIT_MASK(nr) (1UL << ((nr) % 64))
#define BIT_WORD(nr) ((nr) / 64)
/* Bits l..h, both included. */
#define GENMASK(h, l) ((~0UL << (l)) & (~0UL >> (63 - (h))))
#define GENMASK_ULL(h, l) ((~0ULL << (l)) & (~0ULL >> (63 - (h))))

#endif /* _COMPAT_LINUX_BITS_H */
