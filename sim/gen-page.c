/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gen-page.c - a page from (seed, number)
 *
 * A plain page is what fio's fill_random_buf_percentage writes: in each chunk,
 * random bytes and then zeroes. The first random word is a bijection of the number:
 * no two plain pages are alike.
 */
#include <string.h>

#include <glib.h>

#include "gen.h"

#define WORDS (TRACE_PAGE_SIZE / 8)
#define BLOCK 100u	/* pages in which the percentages hold exactly */
#define STRIDE 61u	/* prime to BLOCK, so that it walks over all of it */
#define BACK 41u	/* STRIDE * BACK == 1 modulo BLOCK */
#define HEAD_MIN 16u	/* random bytes at the start, whatever is asked for */

static uint64_t key_of(const struct gen_options *o, uint64_t what)
{
	return gen_mix(gen_mix(what) ^ o->seed);
}

/* Where block @nr starts its walk; the first so, that page 0 is plain. */
static unsigned int offset_of(const struct gen_options *o, uint64_t nr)
{
	return nr ? (unsigned int)(key_of(o, ~nr) % BLOCK) : BLOCK - 1;
}

enum gen_kind gen_page_kind(const struct gen_options *o, uint64_t number,
			    uint64_t *base)
{
	uint64_t nr = number / BLOCK, state, at;
	unsigned int place;

	place = (unsigned int)(number % BLOCK * STRIDE + offset_of(o, nr)) %
		BLOCK;
	if (place >= o->near + o->hostile)
		return GEN_PLAIN;
	if (place >= o->near)
		return GEN_HOSTILE;
	/* one of the plain places of an earlier block, or of this one so far */
	state = key_of(o, number) ^ 1;
	nr = gen_below(&state, nr + 1);
	place = (unsigned int)(o->near + o->hostile +
			       gen_below(&state, BLOCK - o->near - o->hostile));
	at = (uint64_t)(place + BLOCK - offset_of(o, nr)) * BACK % BLOCK;
	*base = nr * BLOCK + at < number ? nr * BLOCK + at : 0;
	return GEN_NEAR;
}

/* @len random bytes, the same on machines of either byte order */
static void fill_random(uint8_t *bytes, size_t len, uint64_t *state)
{
	for (; len >= 8; bytes += 8, len -= 8) {
		uint64_t word = GUINT64_TO_LE(gen_word(state));

		memcpy(bytes, &word, 8);
	}
	if (len) {
		uint64_t word = GUINT64_TO_LE(gen_word(state));

		memcpy(bytes, &word, len);
	}
}

static void plain_page(const struct gen_options *o, uint64_t number,
		       uint8_t *bytes)
{
	uint64_t state = key_of(o, number);
	size_t random = o->chunk * (100 - o->compress) / 100;

	memset(bytes, 0, TRACE_PAGE_SIZE);
	for (size_t at = 0; at < TRACE_PAGE_SIZE; at += o->chunk) {
		size_t len = at ? random : MAX(random, HEAD_MIN);

		fill_random(bytes + at, MIN(len, TRACE_PAGE_SIZE - at), &state);
	}
}

/* 4 to 16 bits of the plain page @base the other way */
static void near_page(const struct gen_options *o, uint64_t number,
		      uint64_t base, uint8_t *bytes)
{
	uint64_t state = key_of(o, number), bits[16];
	unsigned int flips = 4 + (unsigned int)gen_below(&state, 13), i, k;

	plain_page(o, base, bytes);
	for (i = 0; i < flips; i++) {
		/* a bit that is turned twice would be none */
		do {
			bits[i] = gen_below(&state, TRACE_PAGE_SIZE * 8);
			for (k = 0; bits[k] != bits[i]; k++)
				;
		} while (k < i);
		bytes[bits[i] / 8] ^= (uint8_t)(1u << bits[i] % 8);
	}
}

/* A byte again and again, a random number of times, all over the page */
static void runs_page(uint8_t *bytes, uint64_t *state)
{
	for (size_t at = 0, len; at < TRACE_PAGE_SIZE; at += len) {
		uint64_t word = gen_word(state);

		len = MIN(1 + (word >> 8) % 64, TRACE_PAGE_SIZE - at);
		memset(bytes + at, (int)(word & 255), len);
	}
}

/* Not same-filled: a period that is no divisor of the page's, or one bit */
static void almost_same_page(uint8_t *bytes, bool bit, uint64_t *state)
{
	size_t period = bit ? 8 : 9 + 2 * gen_below(state, 500);
	uint64_t where;

	fill_random(bytes, period, state);
	for (size_t at = period; at < TRACE_PAGE_SIZE; at++)
		bytes[at] = bytes[at - period];
	if (!bit)
		return;
	/* first or last word, where a check that is too short looks, or anywhere */
	where = gen_below(state, 3);
	where = where == 0 ? 0 : where == 1 ? TRACE_PAGE_SIZE - 1 :
		gen_below(state, TRACE_PAGE_SIZE);
	bytes[where] ^= (uint8_t)(1u << gen_below(state, 8));
}

static void hostile_page(const struct gen_options *o, uint64_t number,
			 uint8_t *bytes)
{
	uint64_t state = key_of(o, number), which = gen_below(&state, 5);
	size_t len;

	switch (which) {
	case 0:
		/*
		 * Around a multiple of 16, where zsmalloc's classes end: random
		 * bytes take their number and some 28 for lz4's lengths and tail.
		 */
		len = 16 * (3 + gen_below(&state, 250)) - 31 +
		      gen_below(&state, 7);
		memset(bytes, 0, TRACE_PAGE_SIZE);
		fill_random(bytes, len, &state);
		break;
	case 1:
		/* just about incompressible: one short repetition, or none */
		fill_random(bytes, TRACE_PAGE_SIZE, &state);
		len = gen_below(&state, 64);
		memcpy(bytes + 2048, bytes + 1024, len);
		break;
	case 2:
		runs_page(bytes, &state);
		break;
	default:
		almost_same_page(bytes, which == 3, &state);
		break;
	}
}

static uint64_t same_word(const struct gen_options *o, uint64_t content)
{
	return key_of(o, content) | 1;
}

void gen_page(const struct gen_options *o, uint64_t content, uint8_t *bytes)
{
	uint64_t base, word;

	if (content & GEN_ZERO) {
		memset(bytes, 0, TRACE_PAGE_SIZE);
		return;
	}
	if (content & GEN_SAME_FILLED) {
		word = GUINT64_TO_LE(same_word(o, content));
		for (unsigned int i = 0; i < WORDS; i++)
			memcpy(bytes + 8 * i, &word, 8);
		return;
	}
	switch (gen_page_kind(o, content, &base)) {
	case GEN_PLAIN:
		plain_page(o, content, bytes);
		break;
	case GEN_NEAR:
		near_page(o, content, base, bytes);
		break;
	case GEN_HOSTILE:
		hostile_page(o, content, bytes);
		break;
	}
}

void gen_facts(const struct gen_options *o, uint64_t content,
	       unsigned int nr_lengths, struct trace_facts *facts)
{
	uint64_t state = key_of(o, content), digest[2];
	uint64_t mean = TRACE_PAGE_SIZE * (100 - o->compress) / 100;

	memset(facts, 0, sizeof(*facts));
	digest[0] = GUINT64_TO_LE(gen_word(&state));
	digest[1] = GUINT64_TO_LE(gen_word(&state));
	memcpy(facts->digest, digest, sizeof(digest));
	facts->class = TRACE_CLASS_DATA;
	if (content & GEN_ZERO)
		facts->class = TRACE_CLASS_ZERO;
	else if (content & GEN_SAME_FILLED)
		facts->class = TRACE_CLASS_SAME_FILLED;
	if (content & GEN_SAME_FILLED)
		facts->word = same_word(o, content);
	if (facts->class != TRACE_CLASS_DATA)
		return;
	for (unsigned int i = 0; i < nr_lengths; i++) {
		/* 7/8 to 9/8 of the mean; a later compressor is a bit better */
		uint64_t len = mean - mean / 8 + gen_below(&state, mean / 4 + 1);

		len = len * (16 - i % 8) / 16;
		facts->lengths[i] = (uint16_t)CLAMP(len, 32, TRACE_PAGE_SIZE);
	}
}
