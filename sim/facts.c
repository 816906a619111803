/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * facts.c - what a compressor and a hash say of each content of a trace
 *
 * 18 bytes a content, zeroed lazily by the system: what is never asked for costs
 * nothing.
 */
#include "facts.h"

#include <stdlib.h>
#include <string.h>

#include <glib.h>

/* A power of two above any length, which is never 0. */
#define KIND 8192u

struct facts {
	uint16_t *known;	/* kind and length, packed; 0: not known yet */
	uint64_t (*digest)[2];
};

struct facts *facts_new(uint64_t nr_contents)
{
	struct facts *facts = g_new0(struct facts, 1);

	facts->known = calloc(nr_contents + 1, sizeof(*facts->known));
	facts->digest = calloc(nr_contents + 1, sizeof(*facts->digest));
	if (facts->known && facts->digest)
		return facts;
	facts_free(facts);
	return NULL;
}

void facts_free(struct facts *facts)
{
	if (!facts)
		return;
	free(facts->known);
	free(facts->digest);
	g_free(facts);
}

void facts_get(struct facts *facts, struct zdedup *zd, uint32_t content,
	       const void *page, struct zdedup_facts *out)
{
	out->identity = content;
	if (facts->known[content]) {
		out->length = facts->known[content] % KIND;
		out->kind = facts->known[content] / KIND;
		memcpy(out->digest, facts->digest[content],
		       sizeof(out->digest));
		return;
	}
	zdedup_page_facts(zd, page, out);
	facts->known[content] = (uint16_t)(out->kind * KIND + out->length);
	memcpy(facts->digest[content], out->digest, sizeof(out->digest));
}
