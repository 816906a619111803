/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lengths.c - facts of pages for those who export them
 *
 * Each column has a model of its own, which stores nothing and is asked for page
 * facts; columns whose encoder is the same ask once.
 */
#include "lengths.h"

#include <string.h>

#include <glib.h>

#include "cmd.h"
#include "zdedup.h"

/* What Linux has and zswap can be told to use; all by the kernel's parameters. */
static const char *const kernels_own[] = {
	"lz4", "lz4hc", "lzo", "lzo-rle", "zstd", "deflate",
};

/**
 * struct column - one compressor by one kernel
 * @zd:   computes it; NULL: the lengths are those of column @same, or, where the
 *        trace has no bytes, of the trace's column @same
 */
struct column {
	char *word, *kernel;
	struct zdedup *zd;
	unsigned int same;
};

struct lengths {
	const struct trace *trace;
	struct zdedup *index;	/* makes the digests */
	unsigned int nr;
	struct column columns[TRACE_LENGTHS_MAX];
	const char *names[TRACE_LENGTHS_MAX];
};

unsigned int lengths_nr(const struct lengths *lengths)
{
	return lengths->nr;
}

const char *const *lengths_names(const struct lengths *lengths)
{
	return lengths->names;
}

void lengths_free(struct lengths *lengths)
{
	if (!lengths)
		return;
	for (unsigned int i = 0; i < lengths->nr; i++) {
		zdedup_destroy(lengths->columns[i].zd);
		g_free(lengths->columns[i].word);
		g_free(lengths->columns[i].kernel);
		g_free((char *)lengths->names[i]);
	}
	zdedup_destroy(lengths->index);
	g_free(lengths);
}

static int make_model(const struct zdedup_config *config, struct zdedup **out)
{
	char why[ZDEDUP_WHY_MAX] = "";
	int err = zdedup_create(config, out, why);

	if (err == -EINVAL)
		return cmd_usage("export", "%s", why);
	if (err) {
		cmd_error("%s", *why ? why : g_strerror(-err));
		return CMD_INPUT;
	}
	return CMD_OK;
}

/* Only zstd's parameters are not those of the other kernels (lib/zcomp/zstd.c). */
static bool same_encoder(const struct column *a, const struct column *b)
{
	return !strcmp(a->word, b->word) && !g_str_has_prefix(a->word, "zstd");
}

static int compute(struct lengths *lengths, struct column *column)
{
	struct zdedup_config config;

	for (column->same = 0; column->same < lengths->nr; column->same++)
		if (same_encoder(&lengths->columns[column->same], column))
			return CMD_OK;
	zdedup_config_init(&config);
	config.lengths_only = true;
	config.kernel = column->kernel;
	config.compressor = column->word;
	return make_model(&config, &column->zd);
}

static int look_up(struct lengths *lengths, struct column *column,
		   const char *name)
{
	const struct trace_summary *sum = trace_summary(lengths->trace);

	for (column->same = 0; column->same < sum->nr_lengths; column->same++)
		if (!strcmp(sum->lengths[column->same], name))
			return CMD_OK;
	cmd_error("%s: carries neither bytes nor lengths of %s",
		  trace_path(lengths->trace), name);
	return CMD_INPUT;
}

/* @kernel NULL: the name is @word alone, as of the unknown compressor "clen". */
static int add(struct lengths *lengths, const char *word, const char *kernel)
{
	g_autofree char *name = kernel ?
		g_strdup_printf("%s@%s", word, kernel) : g_strdup(word);
	struct column *column = &lengths->columns[lengths->nr];
	int status;

	for (unsigned int i = 0; i < lengths->nr; i++)
		if (!strcmp(lengths->names[i], name))
			return cmd_usage("export", "--lengths names '%s' twice",
					 name);
	if (lengths->nr == TRACE_LENGTHS_MAX)
		return cmd_usage("export", "--lengths: more than %d",
				 TRACE_LENGTHS_MAX);
	column->word = g_strdup(word);
	column->kernel = g_strdup(kernel);
	if (trace_summary(lengths->trace)->has_pages)
		status = compute(lengths, column);
	else
		status = look_up(lengths, column, name);
	lengths->names[lengths->nr++] = g_steal_pointer(&name);
	return status;
}

static int add_all_kernels(struct lengths *lengths, const char *word)
{
	const char *kernel;
	int status = CMD_OK;

	for (unsigned int i = 0;
	     !status && (kernel = zdedup_name(ZDEDUP_KERNELS, i)); i++)
		status = add(lengths, word, kernel);
	return status;
}

/* All columns of a trace without bytes that are of @word, by whatever kernel */
static int add_carried(struct lengths *lengths, const char *word)
{
	const struct trace_summary *sum = trace_summary(lengths->trace);
	unsigned int found = lengths->nr;
	int status = CMD_OK;

	for (unsigned int i = 0; i < sum->nr_lengths && !status; i++) {
		const char *name = sum->lengths[i];
		const char *at = strrchr(name, '@');
		size_t len = at ? (size_t)(at - name) : strlen(name);

		if (strlen(word) == len && !strncmp(name, word, len))
			status = add(lengths, word, at ? at + 1 : NULL);
	}
	if (status || lengths->nr > found)
		return status;
	return add(lengths, word, NULL);
}

/* One word of the list */
static int add_word(struct lengths *lengths, const char *text)
{
	g_autofree char *word = g_strdup(text);
	char *at = strrchr(word, '@');

	if (!*text)
		return cmd_usage("export", "--lengths: an empty name");
	if (at) {
		*at = '\0';
		return add(lengths, word, at + 1);
	}
	if (!trace_summary(lengths->trace)->has_pages)
		return add_carried(lengths, word);
	return add_all_kernels(lengths, word);
}

static int add_default(struct lengths *lengths)
{
	const struct trace_summary *sum = trace_summary(lengths->trace);
	int status = CMD_OK;

	for (unsigned int i = 0; !sum->has_pages && i < sum->nr_lengths &&
	     !status; i++)
		status = add_word(lengths, sum->lengths[i]);
	for (unsigned int i = 0; sum->has_pages && !status &&
	     i < G_N_ELEMENTS(kernels_own); i++)
		status = add_all_kernels(lengths, kernels_own[i]);
	return status;
}

static int add_index(struct lengths *lengths, const char *hash)
{
	struct zdedup_config config;

	zdedup_config_init(&config);
	config.lengths_only = true;
	config.compressor = "none";
	config.hash = hash;
	config.dedup = "always";
	return make_model(&config, &lengths->index);
}

int lengths_new(const struct trace *trace, const char *list, const char *hash,
		struct lengths **out)
{
	struct lengths *lengths = g_new0(struct lengths, 1);
	g_auto(GStrv) words = list ? g_strsplit(list, ",", -1) : NULL;
	int status = CMD_OK;

	lengths->trace = trace;
	if (!list)
		status = add_default(lengths);
	else if (!*list)
		status = cmd_usage("export", "--lengths: an empty name");
	for (unsigned int i = 0; words && words[i] && !status; i++)
		status = add_word(lengths, words[i]);
	if (!status && hash)
		status = add_index(lengths, hash);
	if (status)
		lengths_free(lengths);
	else
		*out = lengths;
	return status;
}

/* The bytes' own: what the swap layer sees before it compresses */
static void classify(const void *bytes, const struct zdedup_facts *facts,
		     struct trace_facts *out)
{
	static const uint8_t classes[] = {
		[ZDEDUP_PAGE_DATA] = TRACE_CLASS_DATA,
		[ZDEDUP_PAGE_SAME_FILLED] = TRACE_CLASS_SAME_FILLED,
		[ZDEDUP_PAGE_ZERO] = TRACE_CLASS_ZERO,
	};

	out->class = classes[facts->kind];
	if (facts->kind == ZDEDUP_PAGE_SAME_FILLED)
		memcpy(&out->word, bytes, sizeof(out->word));
}

static void compute_all(const struct lengths *lengths, const void *bytes,
			struct trace_facts *out)
{
	struct zdedup_facts facts = { 0 };

	for (unsigned int i = 0; i < lengths->nr; i++) {
		const struct column *column = &lengths->columns[i];

		if (!column->zd) {
			out->lengths[i] = out->lengths[column->same];
			continue;
		}
		zdedup_page_facts(column->zd, bytes, &facts);
		out->lengths[i] = (uint16_t)facts.length;
	}
	if (lengths->index) {
		zdedup_page_facts(lengths->index, bytes, &facts);
		for (int i = 0; i < 2; i++) {
			uint64_t le = GUINT64_TO_LE(facts.digest[i]);

			memcpy(out->digest + 8 * i, &le, sizeof(le));
		}
	}
	classify(bytes, &facts, out);
}

void lengths_get(const struct lengths *lengths, uint64_t page,
		 struct trace_facts *out)
{
	struct trace_facts facts;

	memset(out, 0, sizeof(*out));
	if (trace_summary(lengths->trace)->has_pages) {
		compute_all(lengths, trace_page(lengths->trace, page), out);
		return;
	}
	facts = trace_facts(lengths->trace, page);
	out->class = facts.class;
	out->word = facts.word;
	for (unsigned int i = 0; i < lengths->nr; i++)
		out->lengths[i] = facts.lengths[lengths->columns[i].same];
}
