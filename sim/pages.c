/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pages.c - what the pages of a trace are: class and identity
 *
 * Memory: 9 bytes a page and a hash table of 4-byte page numbers at a load of
 * 3/8 to 3/4, so at most 20 bytes a page; all of it zeroed lazily by the system.
 * A trace without bytes needs no table: its writer found out which pages are equal.
 */
#include "pages.h"

#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "../traces/large.h"
#include "ask.h"

/* libxxhash's plain entry is built for the baseline CPU, and several times slower. */
#define XXH_DISPATCH_DISABLE_REPLACE
#if defined(__x86_64__) && __has_include(<xxh_x86dispatch.h>)
#include <xxh_x86dispatch.h>
#define page_digest XXH3_64bits_dispatch
#else
#include <xxhash.h>
#define page_digest XXH3_64bits
#endif

/* Only of a trace with bytes: @content, @tag and @table; of one without, @known. */
struct pages {
	const struct trace *trace;
	uint8_t *class;		/* per naming page + 1; 0 = not looked at */
	const uint8_t *known;	/* per page: an enum trace_class */
	uint32_t *content;	/* per page: the naming page + 1, 0 = not looked at */
	uint32_t *tag;		/* per naming page: upper half of the digest */
	uint32_t *table;	/* naming pages + 1, open addressing */
	uint64_t mask;
	uint64_t unique;
	uint64_t *digests;	/* see pages_expect */
	uint64_t stranger;
};

struct pages *pages_new(const struct trace *trace, const char **why)
{
	uint64_t nr = trace_summary(trace)->nr_pages;
	struct pages *pages = g_new0(struct pages, 1);
	bool bytes = trace_summary(trace)->has_pages;
	uint64_t size = 8;

	if (nr >= UINT32_MAX - 1) {
		*why = "more than 2^32 pages";
		g_free(pages);
		return NULL;
	}
	pages->trace = trace;
	pages->class = calloc(nr + 1, sizeof(*pages->class));
	large_array(pages->class, nr + 1);
	if (!bytes && nr) {
		pages->known = trace_columns(trace)->class;
	} else if (bytes) {
		while (size * 3 / 4 < nr)
			size *= 2;
		pages->mask = size - 1;
		pages->content = calloc(nr + 1, sizeof(*pages->content));
		pages->tag = calloc(nr + 1, sizeof(*pages->tag));
		pages->table = calloc(size, sizeof(*pages->table));
	}
	if (!pages->class ||
	    (bytes && (!pages->content || !pages->tag || !pages->table))) {
		*why = "out of memory";
		pages_free(pages);
		return NULL;
	}
	return pages;
}

void pages_free(struct pages *pages)
{
	if (!pages)
		return;
	free(pages->content);
	free(pages->tag);
	free(pages->class);
	free(pages->table);
	g_free(pages);
}

void pages_expect(struct pages *pages, uint64_t *digests)
{
	pages->digests = digests;
}

uint64_t pages_stranger(const struct pages *pages)
{
	return pages->stranger;
}

static void check_digest(struct pages *pages, uint64_t page, uint64_t digest)
{
	if (!pages->digests[page])
		pages->digests[page] = digest;
	else if (pages->digests[page] != digest && !pages->stranger)
		pages->stranger = page + 1;
}

static enum page_class classify(const void *bytes)
{
	uint64_t first, word;

	memcpy(&first, bytes, sizeof(first));
	/* each word equals the one before it: all equal the first */
	memcpy(&word, (const char *)bytes + TRACE_PAGE_SIZE - sizeof(word),
	       sizeof(word));
	if (word != first ||
	    memcmp(bytes, (const char *)bytes + sizeof(word),
		   TRACE_PAGE_SIZE - sizeof(word)))
		return PAGE_DATA;
	return first ? PAGE_SAME_FILLED : PAGE_ZERO;
}

static uint32_t take_number(struct pages *pages, uint64_t page,
			    enum page_class class)
{
	pages->class[page] = (uint8_t)(class + 1);
	if (pages->content)
		pages->content[page] = (uint32_t)page + 1;
	pages->unique++;
	return (uint32_t)page;
}

/* Its facts instead of its bytes. */
static uint32_t look_up(struct pages *pages, uint64_t page)
{
	static const enum page_class class[] = {
		[TRACE_CLASS_UNKNOWN] = PAGE_DATA,
		[TRACE_CLASS_ZERO] = PAGE_ZERO,
		[TRACE_CLASS_SAME_FILLED] = PAGE_SAME_FILLED,
		[TRACE_CLASS_DATA] = PAGE_DATA,
	};

	return take_number(pages, page, class[pages->known[page]]);
}

/* Apart: who has no bytes saves no register for it. */
static G_NO_INLINE uint32_t look_at(struct pages *pages, uint64_t page)
{
	const void *bytes = trace_page(pages->trace, page);
	uint64_t digest = page_digest(bytes, TRACE_PAGE_SIZE);
	uint32_t tag = (uint32_t)(digest >> 32);
	uint64_t i;

	if (pages->digests)
		check_digest(pages, page, digest);
	/* the table has more places than there are pages: the walk ends */
	for (i = digest & pages->mask; pages->table[i];
	     i = (i + 1) & pages->mask) {
		uint32_t known = pages->table[i] - 1;

		if (pages->tag[known] == tag &&
		    !memcmp(trace_page(pages->trace, known), bytes,
			    TRACE_PAGE_SIZE)) {
			pages->content[page] = known + 1;
			return known;
		}
	}
	pages->table[i] = (uint32_t)page + 1;
	pages->tag[page] = tag;
	return take_number(pages, page, classify(bytes));
}

uint32_t pages_content(struct pages *pages, uint64_t page)
{
	if (!pages->content)
		return pages->class[page] ? (uint32_t)page :
					    look_up(pages, page);
	return pages->content[page] ? pages->content[page] - 1 :
				      look_at(pages, page);
}

void pages_prefetch(const struct pages *pages, uint64_t page)
{
	if (pages->content)
		ask_for(&pages->content[page]);
	/* most pages are contents of their own */
	ask_for(&pages->class[page]);
}

enum page_class pages_class(const struct pages *pages, uint32_t content)
{
	return (enum page_class)(pages->class[content] - 1);
}

uint32_t pages_tag(const struct pages *pages, uint32_t content)
{
	return pages->tag ? pages->tag[content] : 0;
}

uint64_t pages_unique(const struct pages *pages)
{
	return pages->unique;
}

bool pages_names_content(const struct pages *pages, uint64_t page)
{
	return pages->content ? pages->content[page] == page + 1 :
				pages->class[page];
}
