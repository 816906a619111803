/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * facts.h - what compressors and hashes say of each content of a trace
 *
 * A content is digested once per hash and compressed once per compressor, however
 * many runs ask and however often it is stored. A column is what one hash or one
 * compressor says of all contents.
 */
#ifndef SIM_FACTS_H
#define SIM_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "../traces/trace.h"
#include "pages.h"
#include "zdedup.h"

struct facts;

/* An enum zdedup_page_kind. */
uint8_t facts_kind(enum page_class class);

/* The facts of @trace's contents, no column yet, to be found by so many workers. */
struct facts *facts_new(const struct trace *trace, unsigned int workers);
void facts_free(struct facts *facts);

/*
 * Reads what @path keeps of the trace's pages, before the first column is made; no
 * such file is no mistake. A status, after one line. A trace without bytes has
 * nothing to keep: its facts are its own.
 */
int facts_load(struct facts *facts, const char *path);
/* Writes all that is known now, unless the file knew it. A status. */
int facts_save(struct facts *facts);
/* XXH3-64 of each page that the file knows, to be checked and added to; NULL: no file. */
uint64_t *facts_page_digests(struct facts *facts);

/*
 * The number of the column, made unless it is there, or -1 and one line in @why
 * (g_free it): out of memory, or a trace without bytes does not carry it. The words
 * are right: a model was made of them.
 */
int facts_lengths(struct facts *facts, const char *compressor,
		  const char *kernel, char **why);
int facts_digests(struct facts *facts, const char *hash, uint64_t seed,
		  char **why);
/* The same of what @compressor by @kernel has the pool store; see zdedup_digests_stored. */
int facts_stored_digests(struct facts *facts, const char *hash, uint64_t seed,
			 const char *compressor, const char *kernel,
			 char **why);
unsigned int facts_columns(const struct facts *facts);
/*
 * All contents have been met: what the columns say of them is not found again in
 * another pass over the same events.
 */
void facts_found(struct facts *facts);
/* Are the digests of another hash, so that its collisions are not the asked one's? */
bool facts_stand_in(const struct facts *facts, int column);

/*
 * Finds out what @column says of @content, whose bytes are @page (NULL: the trace
 * has none, and all is known). Workers may ask for different columns and contents at once.
 */
void facts_find(struct facts *facts, unsigned int worker, unsigned int column,
		uint32_t content, const void *page);
/* What was found; of a column of lengths (0: the trace does not know), and of one of digests. */
uint16_t facts_length(const struct facts *facts, unsigned int column,
		      uint32_t content);
void facts_digest(const struct facts *facts, unsigned int column,
		  uint32_t content, uint64_t digest[2]);
bool facts_is_digests(const struct facts *facts, unsigned int column);

#endif /* SIM_FACTS_H */
