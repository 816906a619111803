/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jhash2.c - Bob Jenkins' lookup3 over 32-bit words (hashword, May 2006, public
 * domain), the kernel's jhash2(). With seed 17 over a page it is the checksum
 * that KSM took before xxhash (calc_checksum).
 */
#include "zhash/zhash.h"

#define KSM_SEED 17
#define GOLDEN 0xdeadbeefu

/* One line of mix and one of final; written as macros, all stays in registers. */
#define MIX(x, y, z, n)				\
	do {					\
		x -= z;				\
		x ^= zhash_rol32(z, n);		\
		z += y;				\
	} while (0)
#define FINAL(x, y, n)				\
	do {					\
		x ^= y;				\
		x -= zhash_rol32(y, n);		\
	} while (0)

u32 zhash_lookup3(const void *words, size_t nr_words, u32 initval)
{
	const u8 *p = words;
	u32 a, b, c;

	a = b = c = GOLDEN + ((u32)nr_words << 2) + initval;
	for (; nr_words > 3; nr_words -= 3, p += 12) {
		a += zhash_load_le32(p);
		b += zhash_load_le32(p + 4);
		c += zhash_load_le32(p + 8);
		MIX(a, b, c, 4);
		MIX(b, c, a, 6);
		MIX(c, a, b, 8);
		MIX(a, b, c, 16);
		MIX(b, c, a, 19);
		MIX(c, a, b, 4);
	}
	if (!nr_words)
		return c;
	if (nr_words > 2)
		c += zhash_load_le32(p + 8);
	if (nr_words > 1)
		b += zhash_load_le32(p + 4);
	a += zhash_load_le32(p);
	FINAL(c, b, 14);
	FINAL(a, c, 11);
	FINAL(b, a, 25);
	FINAL(c, b, 16);
	FINAL(a, c, 4);
	FINAL(b, a, 14);
	FINAL(c, b, 24);
	return c;
}

static void jhash2_digest(const struct zhash_key *key, const void *page,
			  struct zswap_digest *out)
{
	(void)key;
	out->lo = zhash_lookup3(page, PAGE_SIZE / sizeof(u32), KSM_SEED);
	out->hi = 0;
}

const struct zhash_ops zhash_jhash2 = {
	.name = "jhash2",
	.bits = 32,
	.in_kernel = true,
	.digest = jhash2_digest,
};
