/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * facts.c - what compressors and hashes say of each content of a trace
 *
 * 2 bytes a content and compressor, 16 a content and hash, zeroed lazily by the
 * system: what is never asked for costs nothing. What a trace without bytes knows is
 * taken from there. Of one with bytes each column has a model of its
 * own for each worker, that stores nothing and is only asked for page facts: one
 * that does not look up digests nothing, and the compressor "none" compresses nothing.
 */
#include "facts.h"

#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "cmd.h"
#include "facts-file.h"

/**
 * struct column - of lengths, or of digests
 * @key:    what it is kept by
 * @known:  of all contents, from the file, the trace, or another pass
 * @word, @kernel, @seed: what it is asked for by; digests of pages have no kernel
 * @compressor: digests of what it makes of them; else NULL
 * @zd:     computes, one for each worker; NULL: the trace carries it
 * @length: 1..4097, 0: not known yet; from a trace: not known
 * @borrowed: these are the trace's own
 */
struct column {
	char *word, *kernel, *compressor, *key;
	bool known;
	uint64_t seed;
	struct zdedup **zd;
	uint16_t *length;
	uint64_t (*digest)[2];
	bool stand_in, borrowed;
};

/**
 * struct facts - all columns
 * @path, @file: where they are kept; NULL: they are not
 */
struct facts {
	const struct trace *trace;
	unsigned int workers;
	GPtrArray *columns;
	char *path;
	struct facts_file *file;
};

uint8_t facts_kind(enum page_class class)
{
	static const uint8_t kinds[] = {
		[PAGE_DATA] = ZDEDUP_PAGE_DATA,
		[PAGE_ZERO] = ZDEDUP_PAGE_ZERO,
		[PAGE_SAME_FILLED] = ZDEDUP_PAGE_SAME_FILLED,
	};

	return kinds[class];
}

static void free_column(gpointer data)
{
	struct column *column = data;

	for (unsigned int i = 0; column->zd && column->zd[i]; i++)
		zdedup_destroy(column->zd[i]);
	g_free(column->zd);
	if (!column->borrowed) {
		free(column->length);
		free(column->digest);
	}
	g_free(column->key);
	g_free(column->word);
	g_free(column->kernel);
	g_free(column->compressor);
	g_free(column);
}

struct facts *facts_new(const struct trace *trace, unsigned int workers)
{
	struct facts *facts = g_new0(struct facts, 1);

	facts->trace = trace;
	facts->workers = workers;
	facts->columns = g_ptr_array_new_with_free_func(free_column);
	return facts;
}

void facts_free(struct facts *facts)
{
	if (!facts)
		return;
	g_ptr_array_unref(facts->columns);
	facts_file_free(facts->file);
	g_free(facts->path);
	g_free(facts);
}

int facts_load(struct facts *facts, const char *path)
{
	const struct trace_summary *sum = trace_summary(facts->trace);

	if (!sum->has_pages)
		return CMD_OK;
	facts->path = g_strdup(path);
	facts->file = facts_file_read(path, trace_path(facts->trace),
				      sum->nr_pages, sum->events);
	return facts->file ? CMD_OK : CMD_INPUT;
}

uint64_t *facts_page_digests(struct facts *facts)
{
	return facts->file ? facts->file->digests : NULL;
}

static struct column *column_at(const struct facts *facts, unsigned int i)
{
	return g_ptr_array_index(facts->columns, i);
}

unsigned int facts_columns(const struct facts *facts)
{
	return facts->columns->len;
}

bool facts_is_digests(const struct facts *facts, unsigned int column)
{
	return column_at(facts, column)->digest != NULL;
}

bool facts_stand_in(const struct facts *facts, int column)
{
	return column >= 0 &&
	       column_at(facts, (unsigned int)column)->stand_in;
}

/* Kernel NULL: digests of pages; compressor NULL: otherwise lengths. */
static int find_column(const struct facts *facts, const char *word,
		       const char *compressor, const char *kernel,
		       uint64_t seed)
{
	for (guint i = 0; i < facts->columns->len; i++) {
		const struct column *c = column_at(facts, i);

		if (!strcmp(c->word, word) && c->seed == seed &&
		    !g_strcmp0(c->compressor, compressor) &&
		    !g_strcmp0(c->kernel, kernel))
			return (int)i;
	}
	return -1;
}

static bool is_lengths(const struct column *column)
{
	return column->kernel && !column->compressor;
}

/* The models that compute what @column says. */
static int make_models(struct column *column, unsigned int workers)
{
	struct zdedup_config config;
	int err = 0;

	zdedup_config_init(&config);
	config.lengths_only = true;
	if (column->kernel)
		config.kernel = column->kernel;
	if (is_lengths(column)) {
		config.compressor = column->word;
	} else {
		config.compressor = column->compressor ? column->compressor :
							 "none";
		config.hash = column->word;
		config.seed = column->seed;
		config.dedup = column->compressor ? "fold" : "always";
	}
	column->zd = g_new0(struct zdedup *, workers + 1);
	for (unsigned int i = 0; i < workers && !err; i++)
		err = zdedup_create(&config, &column->zd[i], NULL);
	return err;
}

static enum facts_file_kind kind_of(const struct column *column)
{
	return is_lengths(column) ? FACTS_FILE_LENGTHS : FACTS_FILE_DIGESTS;
}

/*
 * What the algorithm, its level, key and the version of its library are: a length
 * holds for these alone. Some encoders are our own, hence our version.
 */
static char *key_of(const struct column *column)
{
	if (!column->kernel)
		return g_strdup_printf("%s seed=%" G_GUINT64_FORMAT " by zdedup "
				       ZDEDUP_VERSION, column->word,
				       column->seed);
	if (column->compressor)
		return g_strdup_printf("%s seed=%" G_GUINT64_FORMAT
				       " of %s@%s: %s by zdedup "
				       ZDEDUP_VERSION, column->word,
				       column->seed, column->compressor,
				       column->kernel,
				       zdedup_codec_version(column->zd[0]));
	return g_strdup_printf("%s@%s: %s by zdedup " ZDEDUP_VERSION,
			       column->word, column->kernel,
			       zdedup_codec_version(column->zd[0]));
}

static void *values_of(const struct column *column)
{
	return is_lengths(column) ? (void *)column->length :
				    (void *)column->digest;
}

/* What the file says is taken as it is. */
static void take_known(struct facts *facts, struct column *column)
{
	column->key = key_of(column);
	for (guint i = 0; i < facts->file->columns->len; i++) {
		const struct facts_file_column *kept =
			g_ptr_array_index(facts->file->columns, i);

		if (kept->kind != kind_of(column) ||
		    strcmp(kept->key, column->key))
			continue;
		memcpy(values_of(column), kept->data,
		       facts_file_size(facts->file, kept->kind));
		column->known = true;
		return;
	}
}

static int keep_column(struct facts *facts, struct column *column)
{
	g_ptr_array_add(facts->columns, column);
	return (int)facts->columns->len - 1;
}

/*
 * The trace's own digests, or stand-ins by which different contents differ: its
 * 128-bit digests, or where it has none the numbers of the pages.
 */
static bool take_digests(const struct facts *facts, struct column *column)
{
	const struct trace_columns *known = trace_columns(facts->trace);

	column->known = true;
	if (known->digest && G_BYTE_ORDER == G_LITTLE_ENDIAN) {
		column->digest = (uint64_t (*)[2])known->digest;
		column->borrowed = true;
		return true;
	}
	column->digest = calloc(known->nr + 1, sizeof(*column->digest));
	for (uint64_t i = 0; column->digest && i < known->nr; i++) {
		if (known->digest)
			memcpy(column->digest[i], known->digest[i],
			       sizeof(*column->digest));
		else
			column->digest[i][0] =
				GUINT64_TO_LE((i + 1) * 0x9e3779b97f4a7c15ull);
		column->digest[i][0] = GUINT64_FROM_LE(column->digest[i][0]);
		column->digest[i][1] = GUINT64_FROM_LE(column->digest[i][1]);
	}
	return column->digest;
}

/* Nothing is known of it yet, or what the file knows; or digests that the trace has. */
static int add_column(struct facts *facts, struct column *column, char **why)
{
	const struct trace_summary *sum = trace_summary(facts->trace);
	bool made;

	if (!sum->has_pages) {
		made = take_digests(facts, column);
	} else {
		if (is_lengths(column))
			column->length = calloc(sum->nr_pages + 1,
						sizeof(*column->length));
		else
			column->digest = calloc(sum->nr_pages + 1,
						sizeof(*column->digest));
		made = values_of(column) &&
		       !make_models(column, facts->workers);
	}
	if (made && facts->file)
		take_known(facts, column);
	if (made)
		return keep_column(facts, column);
	*why = g_strdup_printf("%s: out of memory", trace_path(facts->trace));
	free_column(column);
	return -1;
}

int facts_save(struct facts *facts)
{
	bool news = false;

	for (guint i = 0; facts->file && i < facts->columns->len; i++) {
		struct column *column = column_at(facts, i);
		size_t size = facts_file_size(facts->file, kind_of(column));
		void *copy;

		if (column->known)
			continue;
		copy = malloc(size + 1);
		if (!copy) {
			cmd_error("%s: out of memory", facts->path);
			return CMD_INPUT;
		}
		memcpy(copy, values_of(column), size);
		facts_file_add(facts->file, kind_of(column),
			       g_strdup(column->key), copy);
		column->known = true;
		news = true;
	}
	return news ? facts_file_write(facts->file, facts->path) : CMD_OK;
}

void facts_found(struct facts *facts)
{
	for (guint i = 0; i < facts->columns->len; i++)
		column_at(facts, i)->known = true;
}

/* Which of the trace's lengths are @compressor's by @kernel? -1 and @why: none. */
static int carried(const struct facts *facts, const char *compressor,
		   const char *kernel, char **why)
{
	const struct trace_summary *sum = trace_summary(facts->trace);
	bool unnamed = !strcmp(compressor, TRACE_LENGTHS_UNNAMED), has = false;
	g_autofree char *name = unnamed ? g_strdup(compressor) :
				g_strdup_printf("%s@%s", compressor, kernel);
	GString *all = g_string_new(NULL);

	for (unsigned int i = 0; i < sum->nr_lengths; i++) {
		if (!strcmp(sum->lengths[i], name)) {
			g_string_free(all, TRUE);
			return (int)i;
		}
		g_string_append_printf(all, "%s%s", i ? ", " : "",
				       sum->lengths[i]);
		has |= !strcmp(sum->lengths[i], TRACE_LENGTHS_UNNAMED);
	}
	*why = g_strdup_printf("%s: carries %s the lengths of %s (it has: %s%s)",
			       trace_path(facts->trace),
			       sum->has_pages ? "bytes, and not" :
			       "neither bytes nor", name,
			       all->len ? all->str : "none",
			       has ? "; --compressor " TRACE_LENGTHS_UNNAMED
				     " takes these" : "");
	g_string_free(all, TRUE);
	return -1;
}

int facts_lengths(struct facts *facts, const char *compressor,
		  const char *kernel, char **why)
{
	int i = find_column(facts, compressor, NULL, kernel, 0);
	struct column *column;

	if (i >= 0)
		return i;
	if (!trace_summary(facts->trace)->has_pages ||
	    !strcmp(compressor, TRACE_LENGTHS_UNNAMED)) {
		i = carried(facts, compressor, kernel, why);
		if (i < 0)
			return -1;
	}
	column = g_new0(struct column, 1);
	column->word = g_strdup(compressor);
	column->kernel = g_strdup(kernel);
	if (i < 0)
		return add_column(facts, column, why);
	column->length = trace_columns(facts->trace)->lengths[i];
	column->borrowed = column->known = true;
	return keep_column(facts, column);
}

int facts_stored_digests(struct facts *facts, const char *hash, uint64_t seed,
			 const char *compressor, const char *kernel,
			 char **why)
{
	int i = find_column(facts, hash, compressor, kernel, seed);
	struct column *column;

	if (i >= 0)
		return i;
	column = g_new0(struct column, 1);
	column->word = g_strdup(hash);
	column->compressor = g_strdup(compressor);
	column->kernel = g_strdup(kernel);
	column->seed = seed;
	/* no trace carries these */
	column->stand_in = !trace_summary(facts->trace)->has_pages;
	return add_column(facts, column, why);
}

int facts_digests(struct facts *facts, const char *hash, uint64_t seed,
		  char **why)
{
	const struct trace_summary *sum = trace_summary(facts->trace);
	int i = find_column(facts, hash, NULL, NULL, seed);
	struct column *column;

	if (i >= 0)
		return i;
	column = g_new0(struct column, 1);
	column->word = g_strdup(hash);
	column->seed = seed;
	column->stand_in = !sum->has_pages && g_strcmp0(sum->digest, hash);
	return add_column(facts, column, why);
}

void facts_find(struct facts *facts, unsigned int worker, unsigned int i,
		uint32_t content, const void *page)
{
	struct column *column = column_at(facts, i);
	struct zdedup_facts found;

	if (column->known)
		return;
	zdedup_page_facts(column->zd[worker], page, &found);
	if (column->digest)
		memcpy(column->digest[content], found.digest,
		       sizeof(found.digest));
	else
		column->length[content] = (uint16_t)found.length;
}

uint16_t facts_length(const struct facts *facts, unsigned int column,
		      uint32_t content)
{
	return column_at(facts, column)->length[content];
}

void facts_digest(const struct facts *facts, unsigned int column,
		  uint32_t content, uint64_t digest[2])
{
	memcpy(digest, column_at(facts, column)->digest[content],
	       2 * sizeof(*digest));
}
