/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gen-random.c - random numbers that are the same everywhere
 *
 * libm's pow is not: its last bit depends on the machine. Logarithm and power are
 * therefore made here, with integers, one bit at a time.
 */
#include <stdlib.h>

#include "gen.h"

__extension__ typedef unsigned __int128 u128;

#define GAMMA 0x9e3779b97f4a7c15ull
#define LOG_BITS 40	/* of a fraction of a logarithm */

uint64_t gen_mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

uint64_t gen_word(uint64_t *state)
{
	return gen_mix(*state += GAMMA);
}

/* Lemire's multiplication; its bias, n / 2^64, is below anything that shows */
uint64_t gen_below(uint64_t *state, uint64_t n)
{
	return (uint64_t)(((u128)gen_word(state) * n) >> 64);
}

/* log2(@x) in units of 2^-LOG_BITS: squares, and each carry is a bit */
static uint64_t log2_fixed(uint64_t x)
{
	unsigned int whole = 63 - (unsigned int)__builtin_clzll(x);
	uint64_t m = x << (63 - whole), log = whole;

	for (int i = 0; i < LOG_BITS; i++) {
		u128 square = (u128)m * m;
		bool carry = square >> 127;

		log = log << 1 | carry;
		m = (uint64_t)(square >> (carry ? 64 : 63));
	}
	return log;
}

/* The square root of @x, rounded down, bit by bit */
static uint64_t root(u128 x)
{
	uint64_t r = 0;

	for (int bit = 63; bit >= 0; bit--) {
		uint64_t with = r | 1ull << bit;

		if ((u128)with * with <= x)
			r = with;
	}
	return r;
}

/* 2^-e of a fixed-point exponent, 63 bits behind the point; @half: 2^-(1/2^i) */
static uint64_t exp2_negative(u128 e, const uint64_t *half)
{
	uint64_t r = 1ull << 63;

	if (e >> LOG_BITS > 63)
		return 0;
	for (int i = 1; i <= LOG_BITS; i++)
		if (e >> (LOG_BITS - i) & 1)
			r = (uint64_t)(((u128)r * half[i]) >> 63);
	return r >> (unsigned int)(e >> LOG_BITS);
}

int gen_zipf_init(struct gen_zipf *zipf, uint64_t ranks, uint64_t theta)
{
	uint64_t half[LOG_BITS + 1], sum = 0;

	zipf->ranks = ranks;
	zipf->sum = malloc(ranks * sizeof(*zipf->sum));
	if (!zipf->sum)
		return -1;
	half[0] = 1ull << 62;
	for (int i = 1; i <= LOG_BITS; i++)
		half[i] = root((u128)half[i - 1] << 63);
	for (uint64_t i = 0; i < ranks; i++) {
		u128 e = (u128)log2_fixed(i + 1) * theta / 100;
		/* 2^31 ranks of 2^32 fit into the sum; none has weight 0 */
		uint64_t weight = exp2_negative(e, half) >> 31;

		sum += weight ? weight : 1;
		zipf->sum[i] = sum;
	}
	return 0;
}

void gen_zipf_destroy(struct gen_zipf *zipf)
{
	free(zipf->sum);
	zipf->sum = NULL;
}

uint64_t gen_zipf_draw(const struct gen_zipf *zipf, uint64_t ranks,
		       uint64_t *state)
{
	uint64_t at = gen_below(state, zipf->sum[ranks - 1]);
	uint64_t low = 0, high = ranks - 1;

	while (low < high) {
		uint64_t middle = (low + high) / 2;

		if (zipf->sum[middle] > at)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}
