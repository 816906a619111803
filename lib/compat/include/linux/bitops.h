/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/bitops.h (dup): bits of a word or an array, and finding them.
 * The names with two underscores are not atomic, as in the kernel.
 */
#ifndef _COMPAT_LINUX_BITOPS_H
#define _COMPAT_LINUX_BITOPS_H

#include <asm/rmw.h>
#include <linux/bits.h>
#include <linux/types.h>

#define hweight64(x) ((unsigned int)__builtin_popcountll(x))
#define hweight32(x) ((unsigned int)__builtin_popcount(x))
#define hweight_long(x) ((unsigned int)__builtin_popcountl(x))

/* Counted from 0, undefined for 0: __ffs lowest, __fls highest. */
#define __ffs(x) ((unsigned long)__builtin_ctzl(x))
#define __fls(x) ((unsigned long)(63 - __builtin_clzl(x)))

/* Counted from 1, 0 for 0. ffs is the C library's. */
int ffs(int x);

static inline int fls(unsigned int x)
{
	return x ? 32 - __builtin_clz(x) : 0;
}

static inline int fls64(u64 x)
{
	return x ? 64 - __builtin_clzll(x) : 0;
}

static inline u32 rol32(u32 word, unsigned int shift)
{
	return word << (shift & 31) | word >> (-shift & 31);
}

static inline u32 ror32(u32 word, unsigned int shift)
{
	return rol32(word, -shift);
}

static inline u64 rol64(u64 word, unsigned int shift)
{
	return word << (shift & 63) | word >> (-shift & 63);
}

static inline u64 ror64(u64 word, unsigned int shift)
{
	return rol64(word, -shift);
}

#define __compat_fetch_bit(op, nr, addr, order)				\
	compat_fetch_##op((addr) + BIT_WORD(nr), BIT_MASK(nr), order)

static inline void set_bit(long nr, volatile unsigned long *addr)
{
	__compat_fetch_bit(or, nr, addr, __ATOMIC_RELAXED);
}

static inline void clear_bit(long nr, volatile unsigned long *addr)
{
	compat_fetch_and(addr + BIT_WORD(nr), ~BIT_MASK(nr),
			 __ATOMIC_RELAXED);
}

static inline bool test_bit(long nr, const volatile unsigned long *addr)
{
	return __atomic_load_n(addr + BIT_WORD(nr), __ATOMIC_RELAXED) &
	       BIT_MASK(nr);
}

static inline bool test_and_set_bit(long nr, volatile unsigned long *addr)
{
	return __compat_fetch_bit(or, nr, addr, __ATOMIC_SEQ_CST) &
	       BIT_MASK(nr);
}

static inline bool test_and_clear_bit(long nr, volatile unsigned long *addr)
{
	return compat_fetch_and(addr + BIT_WORD(nr), ~BIT_MASK(nr),
				__ATOMIC_SEQ_CST) & BIT_MASK(nr);
}

/* A lock of one bit: taken when it was clear, given back by clear_bit_unlock. */
static inline bool test_and_set_bit_lock(long nr, volatile unsigned long *addr)
{
	return __compat_fetch_bit(or, nr, addr, __ATOMIC_ACQUIRE) &
	       BIT_MASK(nr);
}

static inline void clear_bit_unlock(long nr, volatile unsigned long *addr)
{
	compat_fetch_and(addr + BIT_WORD(nr), ~BIT_MASK(nr),
			 __ATOMIC_RELEASE);
}

static inline void __set_bit(long nr, volatile unsigned long *addr)
{
	addr[BIT_WORD(nr)] |= BIT_MASK(nr);
}

static inline void __clear_bit(long nr, volatile unsigned long *addr)
{
	addr[BIT_WORD(nr)] &= ~BIT_MASK(nr);
}

#endif /* _COMPAT_LINUX_BITOPS_H */
