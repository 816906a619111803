/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fingerprint - a .zdt without bytes, for tests: the events and the facts of a trace
 *
 * usage: fingerprint TRACE OUT.zdt DIGEST LENGTHS...
 *
 * DIGEST is a hash, its own name, or "other": xxh3-128 called something else.
 * LENGTHS are as in a trace, "lz4@7.2"; "lz4@7.2!3" does not know that of content 3.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../traces/trace-writer.h"
#include "zdedup.h"

static struct zdedup *hash, *compressor[TRACE_LENGTHS_MAX];
static uint64_t unknown[TRACE_LENGTHS_MAX];

static int check(int err, const char *why)
{
	if (err)
		fprintf(stderr, "fingerprint: %s\n", why);
	return err;
}

static int make_models(const char *digest, char **lengths, unsigned int nr)
{
	struct zdedup_config config;
	char why[ZDEDUP_WHY_MAX] = "";

	zdedup_config_init(&config);
	config.dedup = "always";
	config.hash = digest;
	if (check(zdedup_create(&config, &hash, why), why))
		return -1;
	for (unsigned int i = 0; i < nr; i++) {
		char *not = strchr(lengths[i], '!');
		char word[128];
		char *at;

		unknown[i] = not ? strtoull(not + 1, NULL, 10) : UINT64_MAX;
		if (not)
			*not = '\0';
		snprintf(word, sizeof(word), "%s", lengths[i]);
		at = strchr(word, '@');
		if (!at)
			return check(-1, "a length without @KERNEL");
		*at = '\0';
		zdedup_config_init(&config);
		config.compressor = word;
		config.kernel = at + 1;
		if (check(zdedup_create(&config, &compressor[i], why), why))
			return -1;
	}
	return 0;
}

static void find(const void *page, uint64_t content, unsigned int nr,
		 struct trace_facts *out)
{
	static const uint8_t classes[] = {
		[ZDEDUP_PAGE_DATA] = TRACE_CLASS_DATA,
		[ZDEDUP_PAGE_SAME_FILLED] = TRACE_CLASS_SAME_FILLED,
		[ZDEDUP_PAGE_ZERO] = TRACE_CLASS_ZERO,
	};
	struct zdedup_facts facts;

	memset(out, 0, sizeof(*out));
	zdedup_page_facts(hash, page, &facts);
	memcpy(out->digest, facts.digest, sizeof(out->digest));
	out->class = classes[facts.kind];
	if (facts.kind == ZDEDUP_PAGE_SAME_FILLED)
		memcpy(&out->word, page, sizeof(out->word));
	for (unsigned int i = 0; i < nr; i++) {
		zdedup_page_facts(compressor[i], page, &facts);
		out->lengths[i] = content == unknown[i] ? 0 :
				  (uint16_t)facts.length;
	}
}

/* Pages are numbered anew by first use, as the writer wants them; equal ones once. */
static int copy(struct trace *trace, struct trace_writer *writer,
		unsigned int nr)
{
	uint64_t nr_pages = trace_summary(trace)->nr_pages;
	uint64_t *first = calloc(nr_pages + 1, sizeof(*first)), known = 0;
	uint64_t *name = calloc(nr_pages + 1, sizeof(*name));
	struct trace_event ev;
	char why[512] = "";
	int got;

	while ((got = trace_next(trace, &ev, why, sizeof(why))) > 0) {
		struct trace_facts facts;
		uint64_t k = 0;

		if (ev.page != TRACE_NO_PAGE) {
			const void *page = trace_page(trace, ev.page);

			while (!name[ev.page] && k < known &&
			       memcmp(trace_page(trace, first[k]), page,
				      TRACE_PAGE_SIZE))
				k++;
			if (!name[ev.page]) {
				name[ev.page] = k + 1;
				if (k == known)
					first[known++] = ev.page;
			}
			ev.page = name[ev.page] - 1;
			find(page, ev.page, nr, &facts);
		}
		got = trace_write_event(writer, &ev, NULL, &facts, why,
					sizeof(why));
		if (got)
			break;
	}
	free(first);
	free(name);
	return check(got, why);
}

int main(int argc, char **argv)
{
	struct trace_writer_options options = { .has_facts = true };
	struct trace_writer *writer;
	struct trace *trace;
	char why[512] = "";
	int other;

	if (argc < 4)
		return 2;
	other = !strcmp(argv[3], "other");
	if (check(trace_open(argv[1], NULL, &trace, why, sizeof(why)), why) ||
	    make_models(other ? "xxh3-128" : argv[3], argv + 4,
			(unsigned int)argc - 4))
		return 3;
	options.has_type = trace_summary(trace)->has_type;
	options.has_memcg = trace_summary(trace)->has_memcg;
	options.has_folio = trace_summary(trace)->has_folio;
	options.digest = argv[3];
	options.lengths = (const char *const *)argv + 4;
	options.nr_lengths = (unsigned int)argc - 4;
	if (check(trace_writer_open(argv[2], &options, &writer, why,
				    sizeof(why)), why) ||
	    copy(trace, writer, options.nr_lengths) ||
	    check(trace_writer_close(writer, why, sizeof(why)), why))
		return 3;
	return 0;
}
