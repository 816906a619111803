/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmd-hashlab.c - zdedup hashlab: what each hash does to the dedup index
 *
 * On the stores of a trace, on sets of pages that were chosen with a hash in mind
 * (adversary.h), or on both. A set that does not do what it claims, or a keyed hash
 * that one of them gets at, is a failed check.
 */
#include <inttypes.h>
#include <string.h>

#include "../traces/trace.h"
#include "adversary.h"
#include "cmd.h"
#include "hashlab.h"
#include "options.h"
#include "output.h"
#include "value.h"
#include "report.h"

#define WHY_MAX 1024u
#define PAGE ZDEDUP_PAGE_SIZE
#define TIMED_PAGES 2048u

struct hashlab_options {
	const char *path, *hashes, *format, *input_format, *output;
	uint64_t seed;
	bool adversarial, timing;
	GPtrArray *words;	/* of char * */
};

/* One hash on one set of pages; the set is NULL for the trace. */
struct row {
	const struct adversary_set *set;
	const char *hash;
	bool keyed;
	struct hashlab_counts n;
};

/* The name of a word: up to its options. */
static bool is_named(const char *word, const char *name)
{
	size_t len = strlen(name);

	return !strncmp(word, name, len) && (!word[len] || word[len] == ':');
}

static bool targeted(const struct adversary_set *set, const char *word)
{
	for (unsigned int i = 0; i < ADVERSARY_TARGETS_MAX; i++)
		if (set->target[i] && is_named(word, set->target[i]))
			return true;
	return false;
}

/*------------------------------------------------------------------- check */

/* Whatever digests somebody prepared, a store has its bounds. */
static const char *broken_bound(const struct hashlab_counts *n)
{
	if (n->longest_walk > ZDEDUP_WALK_MAX)
		return "a lookup walked further than its bound";
	if (n->most_candidates > ZDEDUP_CANDIDATES_MAX)
		return "a store took up more candidates than its bound";
	return NULL;
}

/* What a set claims of a hash that it is made for, of the whole digest. */
static const char *broken_claim(const struct row *row)
{
	const struct hashlab_counts *n = &row->n;

	if (strchr(row->hash, ':'))
		return NULL;
	if (row->keyed && n->false_pairs)
		return "a keyed hash gave different pages one digest";
	if (!targeted(row->set, row->hash))
		return NULL;
	if (row->set->claim == ADVERSARY_ONE_DIGEST &&
	    n->longest_equal != ADVERSARY_PAGES)
		return "digests that should be equal are not";
	if (row->set->claim != ADVERSARY_ONE_BUCKET)
		return NULL;
	if (n->false_pairs)
		return "digests that should differ are equal";
	/* the index multiplies by another factor, of its own seed */
	if (n->longest_chain > ADVERSARY_PAGES / 4)
		return "digests chosen for one bucket meet in one";
	return NULL;
}

static int check(const GArray *rows)
{
	int status = CMD_OK;

	for (guint i = 0; i < rows->len; i++) {
		const struct row *row = &g_array_index(rows, struct row, i);
		const char *broken = broken_bound(&row->n);

		if (!broken && row->set)
			broken = broken_claim(row);
		if (!broken)
			continue;
		cmd_error("%s on %s: %s", row->hash,
			  row->set ? row->set->name : "the trace", broken);
		status = CMD_FAILED;
	}
	return status;
}

/*----------------------------------------------------------------- running */

static void add_row(GArray *rows, const struct adversary_set *set,
		    struct hashlab *lab)
{
	struct row row = {
		.set = set,
		.hash = hashlab_word(lab),
		.keyed = hashlab_keyed(lab),
	};

	hashlab_get(lab, &row.n);
	g_array_append_val(rows, row);
}

static int run_trace(const struct hashlab_options *o, struct trace *trace,
		     GArray *rows)
{
	uint64_t nr = trace_summary(trace)->nr_pages;
	unsigned int nr_labs = o->words->len;
	g_autofree struct hashlab **labs = g_new0(struct hashlab *, nr_labs);
	int status = CMD_OK;

	for (unsigned int i = 0; i < nr_labs && !status; i++)
		status = hashlab_open(o->words->pdata[i], o->seed, nr,
				      &labs[i]);
	if (!status)
		status = hashlab_trace(trace, labs, nr_labs);
	for (unsigned int i = 0; i < nr_labs; i++) {
		if (!status)
			add_row(rows, NULL, labs[i]);
		hashlab_close(labs[i]);
	}
	return status;
}

static int run_set(const struct hashlab_options *o,
		   const struct adversary_set *set, const char *word,
		   const uint8_t *pages, GArray *rows)
{
	struct hashlab *lab;
	int status, err;

	status = hashlab_open(word, o->seed, ADVERSARY_PAGES, &lab);
	err = status ? 0 : hashlab_swapon(lab, 0, ADVERSARY_PAGES);
	for (uint32_t k = 0; k < ADVERSARY_PAGES && !status && !err; k++) {
		err = hashlab_store(lab, (struct zdedup_slot){ .offset = k },
				    k, pages + (size_t)k * PAGE, false);
		if (!err)
			hashlab_live(lab, k, true);
	}
	if (err) {
		cmd_error("%s: %s", set->name, g_strerror(-err));
		status = CMD_INPUT;
	}
	if (!status)
		add_row(rows, set, lab);
	hashlab_close(lab);
	return status;
}

/* All pages of a set differ, or a pair of them would not be a false one. */
static bool all_different(const uint8_t *pages)
{
	for (size_t a = 0; a < ADVERSARY_PAGES; a++)
		for (size_t b = 0; b < a; b++)
			if (!memcmp(pages + a * PAGE, pages + b * PAGE, PAGE))
				return false;
	return true;
}

static int run_sets(const struct hashlab_options *o, GArray *rows)
{
	g_autofree uint8_t *pages = g_malloc(ADVERSARY_PAGES * PAGE);
	const struct adversary_set *set;
	int status = CMD_OK;

	for (unsigned int i = 0; !status && (set = adversary_set(i)); i++) {
		for (unsigned int k = 0; k < ADVERSARY_PAGES; k++)
			adversary_page(set, k, pages + (size_t)k * PAGE);
		if (!all_different(pages)) {
			cmd_error("%s: two pages are the same", set->name);
			return CMD_FAILED;
		}
		for (guint w = 0; w < o->words->len && !status; w++)
			status = run_set(o, set, o->words->pdata[w], pages,
					 rows);
	}
	return status;
}

/*------------------------------------------------------------------ report */

static const char *const claim_names[] = {
	[ADVERSARY_NONE] = NULL,
	[ADVERSARY_ONE_DIGEST] = "one_digest",
	[ADVERSARY_ONE_BUCKET] = "one_bucket",
};

static struct value *row_object(const struct row *row)
{
	const struct hashlab_counts *n = &row->n;
	struct value *object = value_object();
	bool target = row->set && targeted(row->set, row->hash);

	value_string(object, "set", row->set ? row->set->name : "trace");
	value_string(object, "hash", row->hash);
	value_bool(object, "keyed", row->keyed);
	value_string(object, "made_for_this",
		     target ? claim_names[row->set->claim] : NULL);
	value_unsigned(object, "digests", n->digests);
	value_unsigned(object, "pairs", n->pairs);
	value_unsigned(object, "false_pairs", n->false_pairs);
	value_unsigned(object, "candidates", n->candidates);
	value_unsigned(object, "false_candidates", n->false_candidates);
	value_unsigned(object, "compares", n->compares);
	value_unsigned(object, "hits", n->hits);
	value_unsigned(object, "longest_equal", n->longest_equal);
	value_unsigned(object, "longest_chain", n->longest_chain);
	value_unsigned(object, "longest_walk", n->longest_walk);
	value_unsigned(object, "most_candidates", n->most_candidates);
	return object;
}

/* On the trace's first stretch of pages, or on a set that is in every build. */
static struct value *timing_object(const struct hashlab_options *o,
				   const struct trace *trace)
{
	g_autofree uint8_t *own = g_malloc(ADVERSARY_PAGES * PAGE);
	struct value *timing = value_object(), *ns = value_array(), *row;
	const void *pages[TIMED_PAGES];
	unsigned int nr = 0;

	if (trace) {
		uint64_t all = trace_summary(trace)->nr_pages;

		for (uint64_t i = 0; i < all && nr < TIMED_PAGES; i++)
			if (trace_page(trace, i))
				pages[nr++] = trace_page(trace, i);
	} else {
		for (; nr < ADVERSARY_PAGES; nr++) {
			pages[nr] = own + (size_t)nr * PAGE;
			adversary_page(adversary_set(0), nr,
				       own + (size_t)nr * PAGE);
		}
	}
	for (guint w = 0; w < o->words->len; w++) {
		const char *word = o->words->pdata[w];
		double each = hashlab_ns(word, pages, nr);

		row = value_object();
		value_string(row, "hash", word);
		if (each < 0)
			value_null(row, "ns_per_page");
		else
			value_decimal(row, "ns_per_page",
				      (int64_t)(each * VALUE_SCALE));
		value_add(ns, NULL, row);
	}
	value_unsigned(timing, "pages", nr);
	value_add(timing, "hashes", ns);
	return timing;
}

static struct value *sets_array(void)
{
	struct value *array = value_array(), *object, *targets, *name;
	const struct adversary_set *set;

	for (unsigned int i = 0; (set = adversary_set(i)); i++) {
		object = value_object();
		value_string(object, "name", set->name);
		value_string(object, "summary", set->summary);
		value_string(object, "claim", claim_names[set->claim]);
		targets = value_array();
		for (unsigned int t = 0; t < ADVERSARY_TARGETS_MAX; t++) {
			if (!set->target[t])
				continue;
			name = value_object();
			value_string(name, "hash", set->target[t]);
			value_add(targets, NULL, name);
		}
		value_add(object, "made_for", targets);
		value_add(array, NULL, object);
	}
	return array;
}

static struct value *report_object(const struct hashlab_options *o,
				   const struct trace *trace,
				   const GArray *rows)
{
	struct value *report = value_object(), *bounds = value_object();
	struct value *array = value_array(), *object;

	value_string(report, "schema", "zdedup.hashlab/1");
	if (trace) {
		object = value_object();
		value_string(object, "path", trace_path(trace));
		value_string(object, "format", trace_format(trace));
		value_unsigned(object, "events", trace_summary(trace)->events);
		value_unsigned(object, "stores", trace_summary(trace)->stores);
		value_add(report, "trace", object);
	}
	value_unsigned(bounds, "candidates", ZDEDUP_CANDIDATES_MAX);
	value_unsigned(bounds, "walk", ZDEDUP_WALK_MAX);
	value_add(report, "bounds", bounds);
	value_unsigned(report, "seed", o->seed);
	if (o->adversarial)
		value_add(report, "sets", sets_array());
	for (guint i = 0; i < rows->len; i++)
		value_add(array, NULL,
			  row_object(&g_array_index(rows, struct row, i)));
	value_add(report, "rows", array);
	if (o->timing)
		value_add(report, "timing", timing_object(o, trace));
	return report;
}

static void put_cell(FILE *file, const struct value *value)
{
	switch (value->kind) {
	case VALUE_BOOL:
		fputs(value->flag ? "true" : "false", file);
		break;
	case VALUE_UNSIGNED:
		fprintf(file, "%" PRIu64, value->number);
		break;
	case VALUE_STRING:	/* names and words: nothing to quote in them */
		fputs(value->string, file);
		break;
	default:
		break;
	}
}

/* A line per row; the timing, which is of a hash and not of a row, is left out. */
static void report_rows_csv(FILE *file, const struct value *report)
{
	const GPtrArray *rows = value_find(report, "rows")->members;

	for (guint i = 0; i < rows->len; i++) {
		const struct value_member *row = g_ptr_array_index(rows, i);
		const GPtrArray *cells = row->value->members;

		for (guint c = 0; !i && c < cells->len; c++)
			fprintf(file, "%s%s", c ? "," : "",
				((struct value_member *)cells->pdata[c])->name);
		for (guint c = 0; c < cells->len; c++) {
			const struct value_member *cell =
				g_ptr_array_index(cells, c);

			fputc(c ? ',' : '\n', file);
			put_cell(file, cell->value);
		}
	}
	fputc('\n', file);
}

static void put_heading(FILE *file, const struct row *row, const char *path)
{
	if (row->set)
		fprintf(file, "%s: %u pages, %s\n", row->set->name,
			ADVERSARY_PAGES, row->set->summary);
	else
		fprintf(file, "%s: %" PRIu64 " stores of pages that are not zero\n",
			path, row->n.stores);
	fprintf(file, "  %-20s %10s %10s %10s %8s %8s %6s %6s %6s %5s\n", "hash",
		"candidates", "false", "compares", "hits", "pairs", "equal",
		"chain", "walk", "most");
}

static void report_rows_text(FILE *file, const struct value *report,
			     const GArray *rows, const char *path)
{
	const struct value *hashes = value_find(report, "timing.hashes");

	for (guint i = 0; i < rows->len; i++) {
		const struct row *row = &g_array_index(rows, struct row, i);
		const struct hashlab_counts *n = &row->n;

		if (!i || row->set != row[-1].set) {
			fputs(i ? "\n" : "", file);
			put_heading(file, row, path);
		}
		fprintf(file, "%c %-20s %10" PRIu64 " %10" PRIu64 " %10" PRIu64
			" %8" PRIu64 " %8" PRIu64 " %6" PRIu64 " %6" PRIu64
			" %6" PRIu64 " %5" PRIu64 "\n",
			row->set && targeted(row->set, row->hash) ? '*' : ' ',
			row->hash, n->candidates, n->false_candidates,
			n->compares, n->hits, n->pairs, n->longest_equal,
			n->longest_chain, n->longest_walk, n->most_candidates);
	}
	fprintf(file, "\npairs: what an index without bounds would compare; equal: most live contents of\n"
		"one digest; chain: most in one bucket; walk, most: the most of its digest that one\n"
		"store walked over and took up, at most %u and %u; *: the set is made for this hash\n",
		ZDEDUP_WALK_MAX, ZDEDUP_CANDIDATES_MAX);
	for (guint i = 0; hashes && i < hashes->members->len; i++) {
		const struct value_member *hash =
			g_ptr_array_index(hashes->members, i);
		const struct value *ns = value_find(hash->value, "ns_per_page");

		fprintf(file, "%s%-20s %8" PRId64 " ns/page\n", i ? "" : "\n",
			value_find(hash->value, "hash")->string,
			ns->integer / VALUE_SCALE);
	}
}

static int write_report(const struct hashlab_options *o,
			const struct trace *trace, const GArray *rows,
			struct output *out)
{
	struct value *report = report_object(o, trace, rows);
	FILE *file = output_file(out);
	int status;

	if (!strcmp(o->format, "json"))
		report_json(file, report);
	else if (!strcmp(o->format, "csv"))
		report_rows_csv(file, report);
	else
		report_rows_text(file, report, rows, o->path);
	value_free(report);
	status = output_commit(out);
	return status ? status : check(rows);
}

static int hashlab(const struct hashlab_options *o)
{
	g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(struct row));
	struct trace *trace = NULL;
	struct output *out = NULL;
	char why[WHY_MAX] = "";
	int status = CMD_OK;

	if (o->path &&
	    trace_open(o->path, o->input_format, &trace, why, sizeof(why))) {
		cmd_error("%s", why);
		return CMD_INPUT;
	}
	if (trace && !trace_summary(trace)->has_pages) {
		cmd_error("%s: holds no pages, and a hash needs their bytes",
			  o->path);
		status = CMD_INPUT;
	}
	if (!status) {
		out = output_open(o->output);
		if (!out)
			status = CMD_INPUT;
	}
	if (!status && trace)
		status = run_trace(o, trace, rows);
	if (!status && o->adversarial)
		status = run_sets(o, rows);
	if (status)
		output_abandon(out);
	else
		status = write_report(o, trace, rows, out);
	if (trace)
		trace_close(trace);
	return status;
}

/*----------------------------------------------------------------- options */

/* Unknown words are to be known before the trace is opened. */
static int check_words(const struct hashlab_options *o)
{
	int status = CMD_OK;

	for (guint i = 0; i < o->words->len && !status; i++) {
		struct hashlab *lab;

		status = hashlab_open(o->words->pdata[i], o->seed, 0, &lab);
		hashlab_close(lab);
	}
	return status;
}

static void split_words(struct hashlab_options *o)
{
	g_auto(GStrv) words = o->hashes ? g_strsplit(o->hashes, ",", -1) : NULL;
	const char *name;

	for (unsigned int i = 0; words && words[i]; i++)
		g_ptr_array_add(o->words, g_strdup(words[i]));
	if (words)
		return;
	for (unsigned int i = 0; (name = zdedup_name(ZDEDUP_HASHES, i)); i++)
		g_ptr_array_add(o->words, g_strdup(name));
}

static int check_options(const struct hashlab_options *o)
{
	static const char *const formats[] = { "text", "json", "csv", NULL };
	const char *names[16] = { NULL };

	for (unsigned int i = 0; i < G_N_ELEMENTS(names) - 1 &&
	     trace_format_name(i); i++)
		names[i] = trace_format_name(i);
	if (!options_among(o->format, formats))
		return cmd_usage("hashlab", "unknown --format '%s' (text, json or csv)",
				 o->format);
	if (o->input_format && !options_among(o->input_format, names))
		return cmd_usage("hashlab", "unknown --input-format '%s'",
				 o->input_format);
	if (!o->path && !o->adversarial)
		return cmd_usage("hashlab", "no TRACE given, nor --adversarial");
	return check_words(o);
}

int cmd_hashlab(int argc, char **argv)
{
	g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
	struct hashlab_options o = { .format = "text", .seed = 1,
				     .words = words };
	const struct option_spec specs[] = {
		{ "--hash", "NAME[,NAME...]", OPTION_STRING, &o.hashes, "all that there are", 0, 0 },
		{ "--adversarial", NULL, OPTION_TRUE, &o.adversarial, "sets of chosen pages, too; TRACE may be left out", 0, 0 },
		{ "--seed", "N", OPTION_NUMBER, &o.seed, "the key of keyed hashes; 1", 0, UINT64_MAX - 1 },
		{ "--timing", NULL, OPTION_TRUE, &o.timing, "measure CPU time per page", 0, 0 },
		{ "--input-format", "NAME", OPTION_STRING, &o.input_format, "do not probe the trace's content", 0, 0 },
		{ "--format", "text|json|csv", OPTION_STRING, &o.format, "text", 0, 0 },
		{ "--output", "FILE", OPTION_STRING, &o.output, "instead of stdout", 0, 0 },
		{ "-o", "FILE", OPTION_STRING, &o.output, "the same", 0, 0 },
		{ NULL, NULL, OPTION_STRING, NULL, NULL, 0, 0 },
	};
	const struct option_table table = {
		.command = "hashlab",
		.usage = "hashlab [TRACE] [options]",
		.specs = specs,
		.operand = "TRACE",
		.operand_optional = true,
		.examples = "examples:\n  zdedup hashlab swap-trace/\n"
			    "  zdedup hashlab --adversarial\n"
			    "  zdedup hashlab --hash xxh64,siphash-1-3 --timing --format json swap-trace/\n",
	};
	int status;

	switch (options_parse(&table, argc, argv, &o.path)) {
	case OPTIONS_HELP:
		return CMD_OK;
	case OPTIONS_WRONG:
		return CMD_USAGE;
	default:
		break;
	}
	split_words(&o);
	status = check_options(&o);
	return status ? status : hashlab(&o);
}
