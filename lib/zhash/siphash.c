/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * siphash.c - SipHash (Aumasson and Bernstein, 2012) with one round a word and
 * three at the end. Without the key nobody can prepare pages of one digest.
 *
 * The kernel's siphash() is SipHash-2-4; its hsiphash() is SipHash-1-3 on 64-bit
 * machines, but gives 32 bits only.
 */
#include "zhash/zhash.h"

static inline void sip_round(u64 v[4])
{
	v[0] += v[1];
	v[1] = zhash_rol64(v[1], 13) ^ v[0];
	v[0] = zhash_rol64(v[0], 32);
	v[2] += v[3];
	v[3] = zhash_rol64(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = zhash_rol64(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = zhash_rol64(v[1], 17) ^ v[2];
	v[2] = zhash_rol64(v[2], 32);
}

static inline void sip_word(u64 v[4], u64 word, unsigned int c)
{
	v[3] ^= word;
	for (unsigned int i = 0; i < c; i++)
		sip_round(v);
	v[0] ^= word;
}

static inline u64 sip_finish(u64 v[4], unsigned int d)
{
	for (unsigned int i = 0; i < d; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/*
 * @hi NULL: 64 bits; else the 128 bits of the reference implementation, which sets
 * other constants for them. Inlined into all callers, so that the page's own round
 * counts are constants.
 */
static inline __attribute__((always_inline)) u64
siphash(const struct zhash_key *key, const void *data, size_t len,
	unsigned int c, unsigned int d, u64 *hi)
{
	/* the paper's "somepseudorandomlygeneratedbytes" */
	u64 v[4] = {
		key->k0 ^ 0x736f6d6570736575ull,
		key->k1 ^ 0x646f72616e646f6dull ^ (hi ? 0xee : 0),
		key->k0 ^ 0x6c7967656e657261ull,
		key->k1 ^ 0x7465646279746573ull,
	};
	const u8 *p = data;
	const u8 *end = p + (len & ~(size_t)7);
	u64 last = (u64)len << 56, lo;

	for (; p < end; p += 8)
		sip_word(v, zhash_load_le64(p), c);
	for (unsigned int i = 0; i < (len & 7); i++)
		last |= (u64)p[i] << 8 * i;
	sip_word(v, last, c);
	v[2] ^= hi ? 0xee : 0xff;
	lo = sip_finish(v, d);
	if (hi) {
		v[1] ^= 0xdd;
		*hi = sip_finish(v, d);
	}
	return lo;
}

u64 zhash_siphash(const struct zhash_key *key, const void *data, size_t len,
		  unsigned int c, unsigned int d)
{
	return siphash(key, data, len, c, d, NULL);
}

void zhash_siphash_128(const struct zhash_key *key, const void *data,
		       size_t len, struct zswap_digest *out)
{
	out->lo = siphash(key, data, len, 2, 4, &out->hi);
}

static void siphash_1_3_digest(const struct zhash_key *key, const void *page,
			       struct zswap_digest *out)
{
	out->lo = siphash(key, page, PAGE_SIZE, 1, 3, NULL);
	out->hi = 0;
}

const struct zhash_ops zhash_siphash_1_3 = {
	.name = "siphash-1-3",
	.bits = 64,
	.keyed = true,
	.digest = siphash_1_3_digest,
};

static void siphash_2_4_128_digest(const struct zhash_key *key,
				   const void *page, struct zswap_digest *out)
{
	out->lo = siphash(key, page, PAGE_SIZE, 2, 4, &out->hi);
}

const struct zhash_ops zhash_siphash_2_4_128 = {
	.name = "siphash-2-4-128",
	.bits = 128,
	.keyed = true,
	.digest = siphash_2_4_128_digest,
};
