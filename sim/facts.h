/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * facts.h - what a compressor and a hash say of each content of a trace
 *
 * A content is digested and compressed the first time that it is asked for; from
 * then on its facts are at hand, for any number of stores and models.
 */
#ifndef SIM_FACTS_H
#define SIM_FACTS_H

#include <stdint.h>

#include "zdedup.h"

struct facts;

/* For contents below @nr_contents. NULL: out of memory. */
struct facts *facts_new(uint64_t nr_contents);
void facts_free(struct facts *facts);
/*
 * Fills *out with the facts of @content, whose bytes are @page, as @zd finds them:
 * every @zd asked must be of the same kernel, compressor, hash and seed.
 */
void facts_get(struct facts *facts, struct zdedup *zd, uint32_t content,
	       const void *page, struct zdedup_facts *out);

#endif /* SIM_FACTS_H */
