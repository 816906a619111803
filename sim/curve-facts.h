/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * curve-facts.h - what zdedup curve wants to know of a trace's contents
 */
#ifndef SIM_CURVE_FACTS_H
#define SIM_CURVE_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "curve-run.h"
#include "pages.h"
#include "shards.h"
#include "zdedup.h"

struct curve_facts;

/* Where a kernel leaves a page: in the pool, or one of one word elsewhere. */
enum curve_fate { CURVE_POOL, CURVE_NO_BYTES, CURVE_ZERO_MAP };

/*
 * The words of @options are right: a model was made of them. @probe is that kernel's
 * model without dedup, which stores nothing but what is asked here. A status, after one
 * line.
 */
int curve_facts_new(const struct trace *trace, const char *path,
		    const struct curve_options *options, struct zdedup *probe,
		    struct curve_facts **out);
void curve_facts_free(struct curve_facts *facts);

struct pages *curve_facts_pages(const struct curve_facts *facts);
/* Whom struct shards may ask, and whether of every content. */
struct shards_source curve_facts_source(struct curve_facts *facts);
bool curve_facts_known(const struct curve_facts *facts);
enum curve_fate curve_facts_fate(const struct curve_facts *facts,
				 uint32_t content);
/* With digest when contents are compared by a model. */
void curve_facts_get(struct curve_facts *facts, uint32_t content,
		     struct zdedup_facts *out);
/* Before a content is stored: what its file of facts is to have. */
void curve_facts_keep(struct curve_facts *facts, uint32_t content);
/* What went wrong so far, to be freed; NULL: nothing. */
char *curve_facts_wrong(const struct curve_facts *facts);
/* A status, after one line. */
int curve_facts_save(struct curve_facts *facts);

#endif /* SIM_CURVE_FACTS_H */
