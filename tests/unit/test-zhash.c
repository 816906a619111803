/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test-zhash.c - the contract of struct zhash_ops, on every hash of the registry,
 * and published vectors of the functions below
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <xxhash.h>

#include "registry.h"
#include "zhash/zhash.h"

#define PAGE 4096

static const struct zhash_key key1 = { 1, 2 };

/* A page of bytes that no hash can take for a pattern. */
static void fill(unsigned char *page, uint64_t seed)
{
	for (unsigned int i = 0; i < PAGE; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		page[i] = seed >> 56;
	}
}

static const struct zhash_ops *hash_at(unsigned int i)
{
	const char *name = registry_name(REGISTRY_HASH, i);
	struct registry_hash hash;

	if (!name)
		return NULL;
	assert_int_equal(registry_hash(name, &hash, NULL, 0), 0);
	return hash.ops;
}

static struct zswap_digest digest_of(const struct zhash_ops *ops,
				     const struct zhash_key *key,
				     const void *page)
{
	/* a member must write both halves */
	struct zswap_digest out = { ~0ull, ~0ull };

	ops->digest(key, page, &out);
	return out;
}

static bool same(struct zswap_digest a, struct zswap_digest b)
{
	return a.lo == b.lo && a.hi == b.hi;
}

static void test_width(void **state)
{
	const struct zhash_ops *ops;
	unsigned char page[PAGE];

	(void)state;
	for (unsigned int i = 0; (ops = hash_at(i)); i++) {
		uint64_t lo = 0, hi = 0;

		for (uint64_t seed = 0; seed < 200; seed++) {
			struct zswap_digest d;

			fill(page, seed);
			d = digest_of(ops, &key1, page);
			lo |= d.lo;
			hi |= d.hi;
		}
		/* all the bits it claims, and no other */
		assert_int_equal(lo, ops->bits == 32 ? UINT32_MAX : UINT64_MAX);
		assert_int_equal(hi, ops->bits == 128 ? UINT64_MAX : 0);
	}
}

static void test_alignment(void **state)
{
	const struct zhash_ops *ops;
	unsigned char page[PAGE], moved[PAGE + 64];

	(void)state;
	fill(page, 5);
	for (unsigned int i = 0; (ops = hash_at(i)); i++) {
		struct zswap_digest d = digest_of(ops, &key1, page);

		for (unsigned int shift = 0; shift < 64; shift++) {
			fill(moved, shift);
			memcpy(moved + shift, page, PAGE);
			assert_true(same(d, digest_of(ops, &key1,
						      moved + shift)));
		}
	}
}

static void test_every_bit_matters(void **state)
{
	const struct zhash_ops *ops;
	unsigned char page[PAGE];

	(void)state;
	fill(page, 6);
	for (unsigned int i = 0; (ops = hash_at(i)); i++) {
		struct zswap_digest d = digest_of(ops, &key1, page);

		for (unsigned int bit = 0; bit < PAGE * 8; bit++) {
			page[bit / 8] ^= 1u << bit % 8;
			if (same(d, digest_of(ops, &key1, page)))
				fail_msg("%s: bit %u", ops->name, bit);
			page[bit / 8] ^= 1u << bit % 8;
		}
		assert_true(same(d, digest_of(ops, &key1, page)));
	}
}

static void test_key_matters_iff_keyed(void **state)
{
	static const struct zhash_key others[] = { { 0, 2 }, { 1, 0 } };
	const struct zhash_ops *ops;
	unsigned char page[PAGE];

	(void)state;
	fill(page, 7);
	for (unsigned int i = 0; (ops = hash_at(i)); i++) {
		struct zswap_digest d = digest_of(ops, &key1, page);

		for (unsigned int k = 0; k < 2; k++)
			assert_int_equal(same(d, digest_of(ops, &others[k],
							   page)),
					 !ops->keyed);
	}
}

static void test_xxhash(void **state)
{
	unsigned char page[PAGE];

	(void)state;
	for (uint64_t seed = 0; seed < 1000; seed++) {
		struct zswap_digest d;
		XXH128_hash_t wide;

		fill(page, seed);
		d = digest_of(&zhash_xxh64, &key1, page);
		assert_int_equal(d.lo, XXH64(page, PAGE, 0));
		d = digest_of(&zhash_xxh3_64, &key1, page);
		assert_int_equal(d.lo, XXH3_64bits(page, PAGE));
		d = digest_of(&zhash_xxh3_128, &key1, page);
		wide = XXH3_128bits(page, PAGE);
		assert_int_equal(d.lo, wide.low64);
		assert_int_equal(d.hi, wide.high64);
		d = digest_of(&zhash_xxh3_128_seed, &key1, page);
		wide = XXH3_128bits_withSeed(page, PAGE, key1.k0 ^
						   (key1.k1 << 32 | key1.k1 >> 32));
		assert_int_equal(d.lo, wide.low64);
		assert_int_equal(d.hi, wide.high64);
	}
}

/* RFC 3720, B.4, and the check value of the CRC catalogues. */
static void check_crc32c(u32 (*crc)(const void *data, size_t len))
{
	unsigned char buf[32];

	assert_int_equal(crc("", 0), 0);
	assert_int_equal(crc("123456789", 9), 0xe3069283u);
	memset(buf, 0, sizeof(buf));
	assert_int_equal(crc(buf, 32), 0x8a9136aau);
	memset(buf, 0xff, sizeof(buf));
	assert_int_equal(crc(buf, 32), 0x62a8ab43u);
	for (unsigned int i = 0; i < 32; i++)
		buf[i] = i;
	assert_int_equal(crc(buf, 32), 0x46dd794eu);
}

static void test_crc32c_vectors(void **state)
{
	(void)state;
	check_crc32c(zhash_crc32c_portable);
	if (zhash_crc32c_has_hw())
		check_crc32c(zhash_crc32c_hw);
}

static void test_crc32c_both_ways(void **state)
{
	unsigned char pages[3 * PAGE];

	(void)state;
	for (unsigned int i = 0; i < 3; i++)
		fill(pages + i * PAGE, i);
	assert_int_equal(digest_of(&zhash_crc32c, &key1, pages).lo,
			 zhash_crc32c_portable(pages, PAGE));
	if (!zhash_crc32c_has_hw())
		skip();
	for (unsigned int len = 0; len < 3 * PAGE - 8; len += 1 + len / 97)
		for (unsigned int shift = 0; shift < 8; shift++)
			assert_int_equal(
				zhash_crc32c_portable(pages + shift, len),
				zhash_crc32c_hw(pages + shift, len));
}

/*
 * From the driver of lookup3.c. Its sentence of 30 bytes is hashed as bytes with
 * the length in the start value; padded to 8 words it starts 2 higher.
 */
static void test_lookup3_vectors(void **state)
{
	static const char text[32] = "Four score and seven years ago";

	(void)state;
	assert_int_equal(zhash_lookup3("", 0, 0), 0xdeadbeefu);
	assert_int_equal(zhash_lookup3("", 0, 0xdeadbeefu), 0xbd5b7ddeu);
	assert_int_equal(zhash_lookup3(text, 8, 0u - 2), 0x17770551u);
	assert_int_equal(zhash_lookup3(text, 8, 1u - 2), 0xcd628161u);
}

/* The six steps of mix and the seven of final, written out as published. */
static u32 rot(u32 x, unsigned int k)
{
	return x << k | x >> (32 - k);
}

static u32 lookup3_plain(const unsigned char *p, unsigned int nr, u32 seed)
{
	u32 a, b, c, w[3];

	a = b = c = 0xdeadbeefu + nr * 4 + seed;
	for (; nr; nr -= nr < 3 ? nr : 3, p += 12) {
		for (unsigned int i = 0; i < 3; i++)
			w[i] = i < nr ? p[4 * i] | p[4 * i + 1] << 8 |
						p[4 * i + 2] << 16 |
						(u32)p[4 * i + 3] << 24 :
					0;
		a += w[0];
		b += w[1];
		c += w[2];
		if (nr <= 3) {
			c ^= b; c -= rot(b, 14); a ^= c; a -= rot(c, 11);
			b ^= a; b -= rot(a, 25); c ^= b; c -= rot(b, 16);
			a ^= c; a -= rot(c, 4); b ^= a; b -= rot(a, 14);
			c ^= b; c -= rot(b, 24);
			return c;
		}
		a -= c; a ^= rot(c, 4); c += b;
		b -= a; b ^= rot(a, 6); a += c;
		c -= b; c ^= rot(b, 8); b += a;
		a -= c; a ^= rot(c, 16); c += b;
		b -= a; b ^= rot(a, 19); a += c;
		c -= b; c ^= rot(b, 4); b += a;
	}
	return c;
}

static void test_lookup3_plain(void **state)
{
	unsigned char page[PAGE];

	(void)state;
	fill(page, 9);
	for (unsigned int nr = 0; nr <= PAGE / 4; nr++)
		assert_int_equal(zhash_lookup3(page, nr, nr * 7),
				 lookup3_plain(page, nr, nr * 7));
	/* KSM's old checksum: seed 17 over the page */
	assert_int_equal(digest_of(&zhash_jhash2, &key1, page).lo,
			 lookup3_plain(page, PAGE / 4, 17));
}

/* The table of the SipHash authors (SipHash-2-4, key 00 .. 0f, input 00 01 ...). */
static void test_siphash_vectors(void **state)
{
	static const struct zhash_key key = { 0x0706050403020100ull,
					      0x0f0e0d0c0b0a0908ull };
	static const struct {
		unsigned int len;
		uint64_t digest;
	} vector[] = {
		{ 0, 0x726fdb47dd0e0e31ull },  { 1, 0x74f839c593dc67fdull },
		{ 2, 0x0d6c8009d9a94f5aull },  { 3, 0x85676696d7fb7e2dull },
		{ 7, 0xab0200f58b01d137ull },  { 8, 0x93f5f5799a932462ull },
		{ 15, 0xa129ca6149be45e5ull },
	};
	unsigned char in[16];

	(void)state;
	for (unsigned int i = 0; i < sizeof(in); i++)
		in[i] = i;
	for (unsigned int i = 0; i < sizeof(vector) / sizeof(vector[0]); i++)
		assert_int_equal(zhash_siphash(&key, in, vector[i].len, 2, 4),
				 vector[i].digest);
}

/* The first and the last of the reference implementation's vectors_sip128. */
static void test_siphash_128_vectors(void **state)
{
	const struct zhash_key key = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
	struct zswap_digest digest;
	unsigned char in[PAGE];

	(void)state;
	for (unsigned int i = 0; i < PAGE; i++)
		in[i] = i;
	zhash_siphash_128(&key, in, 0, &digest);
	assert_true(digest.lo == 0xe6a825ba047f81a3u);
	assert_true(digest.hi == 0x930255c71472f66du);
	zhash_siphash_128(&key, in, 63, &digest);
	assert_true(digest.lo == 0x4a83502f77d15051u);
	assert_true(digest.hi == 0x7cbd3f979a063e50u);
	/* by OpenSSL's SIPHASH */
	digest = digest_of(&zhash_siphash_2_4_128, &key, in);
	assert_true(digest.lo == 0x126d0e9b9c20cc3bu);
	assert_true(digest.hi == 0x001bf29905b53253u);
}

static void test_siphash_page(void **state)
{
	unsigned char page[PAGE];

	(void)state;
	fill(page, 10);
	assert_int_equal(digest_of(&zhash_siphash_1_3, &key1, page).lo,
			 zhash_siphash(&key1, page, PAGE, 1, 3));
	assert_true(digest_of(&zhash_siphash_1_3, &key1, page).lo !=
		    zhash_siphash(&key1, page, PAGE, 2, 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_width),
		cmocka_unit_test(test_alignment),
		cmocka_unit_test(test_every_bit_matters),
		cmocka_unit_test(test_key_matters_iff_keyed),
		cmocka_unit_test(test_xxhash),
		cmocka_unit_test(test_crc32c_vectors),
		cmocka_unit_test(test_crc32c_both_ways),
		cmocka_unit_test(test_lookup3_vectors),
		cmocka_unit_test(test_lookup3_plain),
		cmocka_unit_test(test_siphash_vectors),
		cmocka_unit_test(test_siphash_128_vectors),
		cmocka_unit_test(test_siphash_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
