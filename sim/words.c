/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * words.c - what a page's compressed length is guessed by
 *
 * Linear counting (Whang, Vander-Zanden and Taylor, TODS 1990) without its
 * logarithm: the bits set by the words' hashes.
 */
#include "words.h"

#include <string.h>

#include "../traces/trace.h"

#define BITS_LOG 12u

uint32_t words_distinct(const void *page)
{
	uint64_t set[(1u << BITS_LOG) / 64] = { 0 };
	const char *at = page;
	uint32_t nr = 0;

	for (unsigned int i = 0; i < TRACE_PAGE_SIZE; i += sizeof(uint32_t)) {
		uint32_t word;

		memcpy(&word, at + i, sizeof(word));
		word = word * 2654435761u >> (32 - BITS_LOG);
		set[word / 64] |= (uint64_t)1 << word % 64;
	}
	for (unsigned int i = 0; i < sizeof(set) / sizeof(*set); i++)
		nr += (uint32_t)__builtin_popcountll(set[i]);
	return nr;
}
