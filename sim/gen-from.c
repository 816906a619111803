/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gen-from.c - K copies of a trace: fresh contents, the same sharing and re-use
 *
 * Each copy puts its pages through a bijection of the byte values that leaves 0
 * alone: v becomes 1 + (v - 1 + shift) mod 255. Equal bytes stay equal and unequal
 * ones unequal, so every repetition that a compressor of the LZ family finds is
 * still there; zero pages stay zero, same-filled ones same-filled, data data; two
 * pages of a copy are equal exactly when they were. A shift instead of any
 * permutation, because it keeps neighbouring values together, as Huffman tables
 * like them. After 254 copies the pages are rotated by a word more as well: their
 * repetitions are then kept but for those across the page's end.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>
#include <xxhash.h>

#include "../traces/trace-writer.h"
#include "gen.h"
#include "progress.h"

#define SHIFTS 254u	/* 1 to 254: none gives the original back */
#define STRIDE 101u	/* prime to SHIFTS: neighbouring copies are far apart */

/**
 * struct blow_up - one run
 * @span:  how long the trace took, so that copies follow each other in time
 * @names: of pages without bytes: number + 1 in the new trace
 * @batch: events that each copy has in turn, @nr of them; @extra: the event read
 *         ahead to see whether a folio goes on
 */
struct blow_up {
	const struct gen_from *from;
	const struct trace_summary *sum;
	struct trace_writer *writer;
	uint64_t span, done;
	uint64_t *names;
	GArray *batch;
	struct trace_event extra;
	bool has_extra;
	char *why;
	size_t size;
};

const char *gen_from_check(const struct gen_from *from)
{
	const struct trace_summary *sum = trace_summary(from->trace);

	for (unsigned int t = 0; t < TRACE_TYPES_MAX; t++)
		if (sum->slots[t] > (TRACE_SLOT_MAX + 1) / from->times)
			return "so many copies have more slots than a swap device";
	if (from->interleave && !sum->has_pages)
		return "carries no bytes, so its copies cannot be interleaved";
	return NULL;
}

/* ---- contents ---- */

static unsigned int shift_of(const struct gen_from *from, uint64_t copy)
{
	return 1 + (unsigned int)((gen_mix(from->seed) + copy * STRIDE) %
				  SHIFTS);
}

static void shift_bytes(const uint8_t *in, uint8_t *out, unsigned int n,
			uint8_t shift)
{
	for (unsigned int i = 0; i < n; i++) {
		uint8_t v = (uint8_t)(in[i] + shift);

		/* past 255 comes 1: 0 is taken */
		v = (uint8_t)(v + (v < shift));
		out[i] = in[i] ? v : 0;
	}
}

static void fresh_page(const struct gen_from *from, uint64_t copy,
		       const uint8_t *in, uint8_t *out)
{
	unsigned int first = (unsigned int)(copy / SHIFTS % 512 * 8);
	uint8_t shift = (uint8_t)shift_of(from, copy);

	shift_bytes(in + first, out, TRACE_PAGE_SIZE - first, shift);
	shift_bytes(in, out + TRACE_PAGE_SIZE - first, first, shift);
}

/* A choice by content: the pages that are equal are all shared or none of them. */
static bool is_shared(const struct gen_from *from, const void *bytes,
		      size_t len)
{
	return from->shared &&
	       XXH3_64bits_withSeed(bytes, len, from->seed) / 2 <
	       (1ull << 63) / 100 * from->shared;
}

static void fresh_facts(const struct blow_up *b, uint64_t copy,
			struct trace_facts *facts)
{
	uint8_t word[8];
	uint64_t key;

	memcpy(word, &facts->word, 8);
	shift_bytes(word, word, 8, (uint8_t)shift_of(b->from, copy));
	memcpy(&facts->word, word, 8);
	if (!b->sum->digest)
		return;
	for (unsigned int i = 0; i < 2; i++) {
		uint64_t half;

		memcpy(&half, facts->digest + 8 * i, 8);
		key = gen_mix(gen_mix(b->from->seed + i) ^ copy);
		half ^= GUINT64_TO_LE(key);
		memcpy(facts->digest + 8 * i, &half, 8);
	}
}

/* Does this page without bytes stay what it is in every copy? */
static bool facts_shared(const struct blow_up *b, uint64_t page)
{
	const struct trace_columns *known = trace_columns(b->from->trace);

	if (known->class[page] == TRACE_CLASS_ZERO)
		return true;
	if (b->sum->digest)
		return is_shared(b->from, known->digest[page],
				 sizeof(known->digest[page]));
	page = GUINT64_TO_LE(page);
	return is_shared(b->from, &page, sizeof(page));
}

/* ---- events ---- */

static int write_bytes(struct blow_up *b, struct trace_event *ev,
		       uint64_t copy)
{
	uint8_t fresh[TRACE_PAGE_SIZE];
	const uint8_t *bytes = NULL;

	if (ev->page != TRACE_NO_PAGE) {
		bytes = trace_page(b->from->trace, ev->page);
		if (!is_shared(b->from, bytes, TRACE_PAGE_SIZE)) {
			fresh_page(b->from, copy, bytes, fresh);
			bytes = fresh;
		}
	}
	return trace_write_event(b->writer, ev, bytes, NULL, b->why, b->size);
}

static int write_facts(struct blow_up *b, struct trace_event *ev,
		       uint64_t copy)
{
	struct trace_facts facts;
	uint64_t page = ev->page;

	if (page == TRACE_NO_PAGE)
		return trace_write_event(b->writer, ev, NULL, NULL, b->why,
					 b->size);
	facts = trace_facts(b->from->trace, page);
	if (!facts_shared(b, page))
		fresh_facts(b, copy, &facts);
	if (!b->names[page])
		b->names[page] = trace_writer_pages(b->writer) + 1;
	ev->page = b->names[page] - 1;
	return trace_write_event(b->writer, ev, NULL, &facts, b->why, b->size);
}

static int write_event(struct blow_up *b, const struct trace_event *event,
		       uint64_t copy)
{
	struct trace_event ev = *event;
	int ret;

	ev.slot += copy * b->sum->slots[ev.type];
	/* unknown stays unknown; copies that follow each other share none */
	ev.folio = ev.folio ? ev.folio * b->from->times + copy : 0;
	if (!b->from->interleave)
		ev.time_us += copy * b->span;
	ret = b->sum->has_pages ? write_bytes(b, &ev, copy) :
	      write_facts(b, &ev, copy);
	progress_at(++b->done);
	return ret ? -1 : 0;
}

static int next_event(struct blow_up *b, struct trace_event *ev)
{
	if (b->has_extra) {
		b->has_extra = false;
		*ev = b->extra;
		return 1;
	}
	return trace_next(b->from->trace, ev, b->why, b->size);
}

/* Some events, not torn out of a large folio; fewer or none at the end. */
static int read_batch(struct blow_up *b)
{
	struct trace_event ev;
	uint64_t folio = 0;
	int got;

	g_array_set_size(b->batch, 0);
	while ((got = next_event(b, &ev)) > 0) {
		bool goes_on = ev.folio && ev.folio == folio &&
			       ev.op == TRACE_STORE;

		if (b->batch->len >= b->from->interleave && !goes_on) {
			b->extra = ev;
			b->has_extra = true;
			return 0;
		}
		folio = ev.op == TRACE_STORE ? ev.folio : 0;
		g_array_append_val(b->batch, ev);
	}
	return got;
}

static int write_interleaved(struct blow_up *b)
{
	int ret = 0;

	b->batch = g_array_new(FALSE, FALSE, sizeof(struct trace_event));
	do {
		ret = read_batch(b);
		for (uint64_t copy = 0; copy < b->from->times && !ret; copy++)
			for (guint i = 0; i < b->batch->len && !ret; i++)
				ret = write_event(b,
					&g_array_index(b->batch,
						       struct trace_event, i),
					copy);
	} while (!ret && b->batch->len);
	g_array_free(b->batch, TRUE);
	return ret ? -1 : 0;
}

static int write_copy(struct blow_up *b, uint64_t copy)
{
	struct trace_event ev;
	uint64_t last = 0;
	int got, ret = 0;

	for (uint64_t i = 0; b->names && i < b->sum->nr_pages; i++)
		if (!facts_shared(b, i))
			b->names[i] = 0;
	while (!ret && (got = trace_next(b->from->trace, &ev, b->why,
					 b->size))) {
		if (got < 0)
			return -1;
		last = MAX(last, ev.time_us);
		ret = write_event(b, &ev, copy);
	}
	if (!copy)
		b->span = last + 1;
	return ret;
}

static int write_copies(struct blow_up *b)
{
	const struct gen_from *from = b->from;
	int ret = 0;

	for (uint64_t copy = 0; copy < from->times && !ret; copy++) {
		if (copy && trace_rewind(from->trace)) {
			snprintf(b->why, b->size, "%s: cannot be read again (copy %" PRIu64 ")",
				 trace_path(from->trace), copy + 1);
			return -1;
		}
		ret = write_copy(b, copy);
	}
	return ret;
}

int gen_from_write(const struct gen_from *from, struct trace_writer *writer,
		   char *why, size_t size)
{
	struct blow_up b = {
		.from = from,
		.sum = trace_summary(from->trace),
		.writer = writer,
		.why = why,
		.size = size,
	};
	int ret;

	if (!b.sum->has_pages) {
		b.names = calloc(b.sum->nr_pages + 1, sizeof(*b.names));
		if (!b.names) {
			snprintf(why, size, "%s: not enough memory for %" PRIu64 " pages",
				 trace_path(from->trace), b.sum->nr_pages);
			return -1;
		}
	}
	ret = from->interleave ? write_interleaved(&b) : write_copies(&b);
	free(b.names);
	return ret;
}
