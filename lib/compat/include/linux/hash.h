/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/hash.h (dup): multiplicative hashes; results are the kernel's on 64 bits.
 */
#ifndef _COMPAT_LINUX_HASH_H
#define _COMPAT_LINUX_HASH_H

#include <linux/types.h>

/* 2^32 and 2^64 over the golden ratio, negated. */
#define GOLDEN_RATIO_32 0x61C88647U
#define GOLDEN_RATIO_64 0x61C8864680B583EBULL

static inline u32 hash_32(u32 val, unsigned int bits)
{
	return (val * GOLDEN_RATIO_32) >> (32 - bits);
}

static inline u32 hash_64(u64 val, unsigned int bits)
{
	return (u32)((val * GOLDEN_RATIO_64) >> (64 - bits));
}

#define hash_long(val, bits) hash_64(val, bits)

static inline u32 hash_ptr(const void *ptr, unsigned int bits)
{
	return hash_long((unsigned long)ptr, bits);
}

#endif /* _COMPAT_LINUX_HASH_H */
