/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * zhash.h - the hashes that lib/registry.c names, and the functions below the
 * tables, which their test compares with published vectors
 */
#ifndef ZHASH_H
#define ZHASH_H

#include "zswap/ops.h"

extern const struct zhash_ops zhash_xxh64;
extern const struct zhash_ops zhash_xxh3_64;
extern const struct zhash_ops zhash_xxh3_128;
extern const struct zhash_ops zhash_xxh3_128_seed;
extern const struct zhash_ops zhash_crc32c;
extern const struct zhash_ops zhash_jhash2;
extern const struct zhash_ops zhash_siphash_1_3;
extern const struct zhash_ops zhash_siphash_2_4_128;

/* CRC32C of @len bytes: start value ~0, inverted at the end. */
u32 zhash_crc32c_portable(const void *data, size_t len);
/* The same with the CPU's instructions; only when zhash_crc32c_has_hw(). */
u32 zhash_crc32c_hw(const void *data, size_t len);
bool zhash_crc32c_has_hw(void);

/* lookup3's hashword over @nr_words little-endian words at any alignment. */
u32 zhash_lookup3(const void *words, size_t nr_words, u32 initval);

/* SipHash with @c rounds a word and @d at the end. */
u64 zhash_siphash(const struct zhash_key *key, const void *data, size_t len,
		  unsigned int c, unsigned int d);
/* SipHash-2-4 with an output of 128 bits. */
void zhash_siphash_128(const struct zhash_key *key, const void *data,
		       size_t len, struct zswap_digest *out);

/* Digests are the same on every machine, so words are read little-endian. */
static inline u64 zhash_load_le64(const void *p)
{
	u64 v;

	memcpy(&v, p, sizeof(v));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return v;
}

static inline u32 zhash_load_le32(const void *p)
{
	u32 v;

	memcpy(&v, p, sizeof(v));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap32(v);
#endif
	return v;
}

static inline u32 zhash_rol32(u32 x, unsigned int n)
{
	return x << n | x >> (32 - n);
}

static inline u64 zhash_rol64(u64 x, unsigned int n)
{
	return x << n | x >> (64 - n);
}

#endif /* ZHASH_H */
