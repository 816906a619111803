/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pages.h - what the pages of a trace are: class and identity
 *
 * A content is named by the first page looked at that has these bytes, so two
 * page numbers are the same content exactly when all 4096 bytes are equal, also
 * where the trace's page file holds a content twice. In a trace without bytes the
 * page number is the content's.
 */
#ifndef SIM_PAGES_H
#define SIM_PAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "../traces/trace.h"

enum page_class {
	PAGE_DATA,
	PAGE_ZERO,
	PAGE_SAME_FILLED,	/* one repeated 8-byte word, not zero */
};

struct pages;

/* NULL: out of memory, or more pages than a 32-bit number names (@why says which). */
struct pages *pages_new(const struct trace *trace, const char **why);
void pages_free(struct pages *pages);

/*
 * @digests: XXH3-64 of each page, 0 where not known: those that are known are
 * checked, the others added.
 */
void pages_expect(struct pages *pages, uint64_t *digests);
/* The first page whose digest was another + 1; 0: there was none. */
uint64_t pages_stranger(const struct pages *pages);

/* The content of a page; its bytes, or its facts where there are none, are looked at the first time only. */
uint32_t pages_content(struct pages *pages, uint64_t page);
/* Asks the memory for what is known of a page. */
void pages_prefetch(const struct pages *pages, uint64_t page);
enum page_class pages_class(const struct pages *pages, uint32_t content);
/* Bits of a content's XXH3-64; where there are no bytes, 0. */
uint32_t pages_tag(const struct pages *pages, uint32_t content);
/* Contents met so far. */
uint64_t pages_unique(const struct pages *pages);
/* Is @page the one that names its content? For walking all contents. */
bool pages_names_content(const struct pages *pages, uint64_t page);

#endif /* SIM_PAGES_H */
