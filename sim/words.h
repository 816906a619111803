/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * words.h - what a page's compressed length is guessed by
 */
#ifndef SIM_WORDS_H
#define SIM_WORDS_H

#include <stdint.h>

/*
 * About how many different words of 4 bytes a page has, at a quarter of what lz4 takes.
 * Encoders of the LZ family write a word once and then refer to it.
 */
uint32_t words_distinct(const void *page);

#endif /* SIM_WORDS_H */
