/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * adversary.c - sets of pages that somebody chose with a hash in mind
 *
 * A hash that anybody can compute can be turned round: what it does to one word it
 * does reversibly, or the next words could not count, so a change in one word is
 * made good in a later one. Each construction below does that for one hash, in
 * closed form: no search, no more time than to write the page. A secret key takes
 * away the state that the second word has to be fitted to.
 */
#include "adversary.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "zdedup.h"

#define PAGE ZDEDUP_PAGE_SIZE

/* Digests read words as little-endian on every machine. */
static uint64_t get(const uint8_t *p, unsigned int bytes)
{
	uint64_t word = 0;

	while (bytes--)
		word = word << 8 | p[bytes];
	return word;
}

static void put(uint8_t *p, unsigned int bytes, uint64_t word)
{
	for (unsigned int i = 0; i < bytes; i++, word >>= 8)
		p[i] = (uint8_t)word;
}

/* splitmix64 */
static void base_page(uint8_t *page)
{
	uint64_t state = 0;

	for (unsigned int i = 0; i < PAGE; i += 8) {
		uint64_t z = state += 0x9e3779b97f4a7c15ull;

		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
		z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
		put(page + i, 8, z ^ (z >> 31));
	}
}

/*--------------------------------------------------------- similar pages */

/*
 * A hash that multiplies words by odd constants and adds them up loses two flipped
 * top bits: each adds 2^63 whatever it is multiplied by, and together that is 0.
 * Any two pages of the set differ in the top bits of two words.
 */
static void top_bits(uint8_t *page, unsigned int k)
{
	page[7] ^= 0x80;
	page[8 * (k + 1) + 7] ^= 0x80;
}

static void top_bits_32(uint8_t *page, unsigned int k)
{
	page[3] ^= 0x80;
	page[4 * (k + 1) + 3] ^= 0x80;
}

static void single_byte(uint8_t *page, unsigned int k)
{
	page[k * 16 + k % 16] ^= (uint8_t)(k | 1);
}

static void swap_ranges(uint8_t *a, uint8_t *b, unsigned int size)
{
	for (unsigned int i = 0; i < size; i++) {
		uint8_t byte = a[i];

		a[i] = b[i];
		b[i] = byte;
	}
}

static void permuted_words(uint8_t *page, unsigned int k)
{
	swap_ranges(page + 8 * k, page + 8 * (k + PAGE / 16), 8);
}

/* Of 64 bytes: a line of the cache, and a stripe of XXH3. */
static void permuted_blocks(uint8_t *page, unsigned int k)
{
	unsigned int a = k % 64, b = (a + 1 + k / 64) % 64;

	swap_ranges(page + 64 * a, page + 64 * b, 64);
}

/*---------------------------------------------------------------- crc32c */

/* The polynomial, lowest power in the highest bit; x^32 is left out. */
#define CRC32C_POLY 0x82f63b78u
#define GOLDEN_RATIO_64 0x61c8864680b583ebull	/* of <linux/hash.h> */

/*
 * A CRC is a remainder: a multiple of the polynomial, added anywhere, does not
 * change it. The bits of a byte go lowest first and the highest power comes first.
 */
static void crc32c_equal(uint8_t *page, unsigned int k)
{
	uint8_t *at = page + 15 * k;

	put(at, 5, get(at, 5) ^ (1 | (uint64_t)CRC32C_POLY << 1));
}

static uint32_t crc32c_state(const uint8_t *p, unsigned int size)
{
	uint32_t crc = ~0u;

	while (size--) {
		crc ^= *p++;
		for (unsigned int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? CRC32C_POLY : 0);
	}
	return crc;
}

/* Writes the last 4 bytes so that the digest is @crc: 32 steps of the register, backwards. */
static void crc32c_force(uint8_t *page, uint32_t crc)
{
	uint32_t state = crc32c_state(page, PAGE - 4);

	crc = ~crc;
	for (unsigned int bit = 0; bit < 32; bit++) {
		bool odd = crc >> 31;

		crc = (odd ? crc ^ CRC32C_POLY : crc) << 1 | odd;
	}
	put(page + PAGE - 4, 4, state ^ crc);
}

/*
 * A kernel's hash_64() spreads digests by one multiplication, with a factor that all
 * know, and takes the highest bits. One digest in 65536 has 16 zeros there, so that
 * an index with as many buckets keeps them all in one. They are looked for once and kept.
 */
static void crc32c_bucket(uint8_t *page, unsigned int k)
{
	static uint32_t digest[ADVERSARY_PAGES];
	static unsigned int found;
	uint32_t next = found ? digest[found - 1] + 1 : 0;

	for (; found <= k; next++)
		if (!(next * GOLDEN_RATIO_64 >> 48))
			digest[found++] = next;
	crc32c_force(page, digest[k]);
}

/*---------------------------------------------------------------- jhash2 */

#define JHASH2_WORDS (PAGE / 4)
#define JHASH2_START (0xdeadbeefu + (JHASH2_WORDS << 2) + 17)	/* 17: KSM's seed */

static uint32_t rol32(uint32_t x, unsigned int n)
{
	return x << n | x >> (32 - n);
}

/* lookup3's mix() is six such lines; which registers they are on rotates. */
static const uint8_t mix_rotation[6] = { 4, 6, 8, 16, 19, 4 };

static void mix(uint32_t state[3])
{
	for (unsigned int i = 0; i < 6; i++) {
		uint32_t *x = &state[i % 3], *y = &state[(i + 1) % 3];
		uint32_t *z = &state[(i + 2) % 3];

		*x -= *z;
		*x ^= rol32(*z, mix_rotation[i]);
		*z += *y;
	}
}

static void unmix(uint32_t state[3])
{
	for (unsigned int i = 6; i-- > 0;) {
		uint32_t *x = &state[i % 3], *y = &state[(i + 1) % 3];
		uint32_t *z = &state[(i + 2) % 3];

		*z -= *y;
		*x ^= rol32(*z, mix_rotation[i]);
		*x += *z;
	}
}

/* The state after @nr triples of words. */
static void jhash2_state(const uint8_t *page, unsigned int nr,
			 uint32_t state[3])
{
	state[0] = state[1] = state[2] = JHASH2_START;
	for (unsigned int i = 0; i < nr; i++, page += 12) {
		for (unsigned int w = 0; w < 3; w++)
			state[w] += (uint32_t)get(page + 4 * w, 4);
		mix(state);
	}
}

/*
 * Each triple is added to 96 bits of state, which are then mixed reversibly: the
 * last one takes whatever state there is to the one of the base page. One word
 * follows it, the same in all.
 */
static void jhash2_equal(uint8_t *page, unsigned int k)
{
	unsigned int last = JHASH2_WORDS / 3 - 1;
	uint32_t wanted[3], state[3];

	jhash2_state(page, last + 1, wanted);
	put(page + 4 * k, 4, get(page + 4 * k, 4) ^ (k + 1));
	jhash2_state(page, last, state);
	unmix(wanted);
	for (unsigned int w = 0; w < 3; w++)
		put(page + 12 * last + 4 * w, 4, wanted[w] - state[w]);
}

/*----------------------------------------------------------------- xxh64 */

#define XXH64_PRIME_1 0x9e3779b185ebca87ull
#define XXH64_PRIME_2 0xc2b2ae3d27d4eb4full

static uint64_t rol64(uint64_t x, unsigned int n)
{
	return x << n | x >> (64 - n);
}

/* Of an odd number modulo 2^64: each step of Newton's doubles the bits that are right. */
static uint64_t inverse(uint64_t odd)
{
	uint64_t x = odd;

	for (unsigned int i = 0; i < 5; i++)
		x *= 2 - odd * x;
	return x;
}

static uint64_t xxh64_round(uint64_t lane, uint64_t word)
{
	return rol64(lane + word * XXH64_PRIME_2, 31) * XXH64_PRIME_1;
}

/* The word that takes @lane to @wanted: rotation and both products go back. */
static uint64_t xxh64_fit(uint64_t lane, uint64_t wanted)
{
	uint64_t sum = rol64(wanted * inverse(XXH64_PRIME_1), 64 - 31);

	return (sum - lane) * inverse(XXH64_PRIME_2);
}

/* Page k: one of 4 lanes, and two rounds of it: one is changed, the next undoes that. */
static void xxh64_equal(uint8_t *page, unsigned int k)
{
	static const uint64_t start[4] = {
		XXH64_PRIME_1 + XXH64_PRIME_2, XXH64_PRIME_2, 0,
		0 - XXH64_PRIME_1,
	};
	unsigned int round = k / 4 * 2;
	uint8_t *at = page + 8 * (k % 4);
	uint64_t lane = start[k % 4], wanted;

	for (; round; round--, at += 32)
		lane = xxh64_round(lane, get(at, 8));
	wanted = xxh64_round(xxh64_round(lane, get(at, 8)), get(at + 32, 8));
	put(at, 8, get(at, 8) + k + 1);
	lane = xxh64_round(lane, get(at, 8));
	put(at + 32, 8, xxh64_fit(lane, wanted));
}

/*------------------------------------------------------------------ xxh3 */

/* The low halves of words 0 and 1 of the default secret. */
#define XXH3_SECRET_0 0x396cfeb8u
#define XXH3_SECRET_1 0x2c81017cu

/*
 * A word is xored with the secret, and the product of its two halves is added to
 * one accumulator, the word itself to the neighbour. A low half equal to the
 * secret's makes the product 0 for every high half; two such words in different
 * stripes whose high halves have one sum add the same to the neighbour. The
 * accumulators are all that the digest is made of, of 64 bits or of 128. A seed
 * changes the secret; a known one helps no more than none.
 */
static void xxh3_equal(uint8_t *page, unsigned int k)
{
	put(page, 4, XXH3_SECRET_0);
	put(page + 4, 4, k);
	put(page + 64, 4, XXH3_SECRET_1);
	put(page + 68, 4, 0u - k);
}

/*------------------------------------------------------------------ sets */

static const struct adversary_set sets[] = {
	{ "top-bits", "top bits of two 64-bit words flipped",
	  ADVERSARY_NONE, { NULL }, top_bits },
	{ "top-bits-32", "top bits of two 32-bit words flipped",
	  ADVERSARY_NONE, { NULL }, top_bits_32 },
	{ "single-byte", "one byte changed",
	  ADVERSARY_NONE, { NULL }, single_byte },
	{ "permuted-words", "two 64-bit words exchanged",
	  ADVERSARY_NONE, { NULL }, permuted_words },
	{ "permuted-blocks", "two blocks of 64 bytes exchanged",
	  ADVERSARY_NONE, { NULL }, permuted_blocks },
	{ "crc32c", "the polynomial added at one place or another",
	  ADVERSARY_ONE_DIGEST, { "crc32c" }, crc32c_equal },
	{ "crc32c-bucket", "digests chosen for one bucket, last word fitted",
	  ADVERSARY_ONE_BUCKET, { "crc32c" }, crc32c_bucket },
	{ "jhash2", "one word changed, the last triple fitted",
	  ADVERSARY_ONE_DIGEST, { "jhash2" }, jhash2_equal },
	{ "xxh64", "one word changed, the next of its lane fitted",
	  ADVERSARY_ONE_DIGEST, { "xxh64" }, xxh64_equal },
	{ "xxh3", "products made 0 with the default secret",
	  ADVERSARY_ONE_DIGEST, { "xxh3-64", "xxh3-128" }, xxh3_equal },
};

const struct adversary_set *adversary_set(unsigned int i)
{
	return i < sizeof(sets) / sizeof(sets[0]) ? &sets[i] : NULL;
}

void adversary_page(const struct adversary_set *set, unsigned int k,
		    uint8_t *page)
{
	base_page(page);
	set->change(page, k);
}
