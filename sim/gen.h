/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gen.h - made traces: what zdedup gen is asked for, and its rooms
 *
 * A trace is a function of these options. Every decision is made with integers, so
 * that the same options give the same events and pages on every machine. Nothing
 * that is held grows with the events: a content is a number, and its page is made
 * from (seed, number) each time it is needed.
 */
#ifndef SIM_GEN_H
#define SIM_GEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../traces/trace.h"

/**
 * struct gen_options - a made trace; percentages are 0 to 100
 * @stores, @loads, @invalidates: how many events of each kind
 * @slots:  how many slots there are; also how many are live, once filled
 * @dedupe, @working_set, @repeat: as fio's dedupe_percentage,
 *          dedupe_working_set_percentage and dedupe_mode=repeat, of the data stores
 * @compress, @chunk: as fio's buffer_compress_percentage and _chunk
 * @near, @hostile: of the different data pages
 * @zero, @same_filled: of the stores
 * @zipf:   theta in hundredths; @cgroups: 0: none
 */
struct gen_options {
	uint64_t seed;
	uint64_t stores, loads, invalidates, slots;
	uint64_t dedupe, working_set;
	bool repeat;
	uint64_t compress, chunk;
	uint64_t near, hostile;
	uint64_t zero, same_filled;
	uint64_t zipf, cgroups;
};

/* gen-random.c: numbers. splitmix64 (Steele, Lea, Flood, OOPSLA 2014). */

/* A bijection of the 64-bit words that leaves no pattern of its argument. */
uint64_t gen_mix(uint64_t x);
/* The next word of the sequence at *state. */
uint64_t gen_word(uint64_t *state);
/* Below @n, which is above 0. */
uint64_t gen_below(uint64_t *state, uint64_t n);

/**
 * struct gen_zipf - ranks whose weight is 1 / rank^theta
 * @sum: of the weights of ranks 0 to i, for a draw among the first so many
 */
struct gen_zipf {
	uint64_t *sum;
	uint64_t ranks;
};

#define GEN_ZIPF_MAX 400	/* theta of 4.00: the first rank takes 92 % */

/* -1: not enough memory */
int gen_zipf_init(struct gen_zipf *zipf, uint64_t ranks, uint64_t theta);
void gen_zipf_destroy(struct gen_zipf *zipf);
/* A rank below @ranks, which is above 0 and at most zipf->ranks. */
uint64_t gen_zipf_draw(const struct gen_zipf *zipf, uint64_t ranks,
		       uint64_t *state);

/* gen-page.c: contents. A data page's number counts the different ones from 0. */

#define GEN_ZERO (1ull << 62)
#define GEN_SAME_FILLED (1ull << 61)	/* | which word, below GEN_WORDS */
#define GEN_WORDS 64u
#define GEN_PAGES_MAX (1ull << 40)

enum gen_kind { GEN_PLAIN, GEN_NEAR, GEN_HOSTILE };

/* What data page @number is; near pages have an earlier plain one as *base. */
enum gen_kind gen_page_kind(const struct gen_options *o, uint64_t number,
			    uint64_t *base);
void gen_page(const struct gen_options *o, uint64_t content, uint8_t *bytes);
/* The facts of a page that nobody makes: lengths are drawn around the asked one. */
void gen_facts(const struct gen_options *o, uint64_t content,
	       unsigned int nr_lengths, struct trace_facts *facts);

/* gen-stream.c: events */

struct gen_stream;

/* What has been stored so far. */
struct gen_counts {
	uint64_t zero, same_filled, duplicates, pages, near, hostile;
};

/* NULL: not enough memory */
struct gen_stream *gen_stream_new(const struct gen_options *o);
void gen_stream_free(struct gen_stream *stream);
/* false: the end. *content and ev->page (pages by first use) only if it has one. */
bool gen_stream_next(struct gen_stream *stream, struct trace_event *ev,
		     uint64_t *content);
const struct gen_counts *gen_stream_counts(const struct gen_stream *stream);

/* gen-from.c: the blow-up of a trace */

struct trace_writer;

/**
 * struct gen_from - copies of a trace
 * @interleave: so many events of each copy in turn; 0: one copy after the other
 * @shared:     percentage of the contents that all copies have in common
 */
struct gen_from {
	struct trace *trace;
	uint64_t seed, times, interleave, shared;
};

#define GEN_TIMES_MAX (254u * 512u)

/* NULL: it can be done; else what cannot, without the name of the trace */
const char *gen_from_check(const struct gen_from *from);
/* 0, or -1 with one line in @why */
int gen_from_write(const struct gen_from *from, struct trace_writer *writer,
		   char *why, size_t size);

#endif /* SIM_GEN_H */
