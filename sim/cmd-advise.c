/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmd-advise.c - zdedup advise: is dedup worth it here, which compressor, which pool
 *
 * One pass over the trace by the runs of a short list, then a curve for the run that
 * is advised. What was assumed, and what the trace cannot tell, is part of the advice.
 */
#include <inttypes.h>
#include <string.h>

#include "cmd.h"
#include "curve-run.h"
#include "output.h"
#include "pass.h"
#include "replay-options.h"
#include "report-sweep.h"
#include "report.h"

#define WHY_MAX 1024u
#define JOBS_MAX 256u
/* A slower compressor is named when the pool is smaller than lz4's by so much. */
#define COMPRESSOR_PERCENT 10
/* The pool that is named answers so many of the loads. */
#define HIT_PERCENT 99
/* Below so many stores a few pages decide. */
#define FEW_STORES 10000u
/* Below so many pages stored for each that the memory would hold, zswap does not pay. */
#define DENSITY_LOW (5 * VALUE_SCALE / 4)

static const char *const compressors[] = { "lz4", "lzo-rle", "zstd" };
static const char *const policies[] = { "none", "always", "second-sight" };
#define NONE 0

/**
 * struct advice
 * @runs:   of struct replay_options *, a compressor's policies after another's
 * @report: what came of them, in the same order
 * @moment: "over_time.mean" or "over_time.last": what the verdict is taken from
 * @best:   the run that is advised; @plain: the same without dedup; @first: of the
 *          first compressor, without dedup
 * @worth:  whether @best dedups
 * @pool:   bytes, 0: not known; @pool_hits: percent of the loads, as a VALUE_DECIMAL
 * @totalram: of the machine, 0: not told
 * @notes:  sentences
 */
struct advice {
	struct replay_options common;
	uint64_t jobs, totalram;
	GPtrArray *runs;
	struct sweep_report report;
	const char *moment;
	const struct value *best, *plain, *first, *sharing;
	bool worth, certain;
	uint64_t pool;
	int64_t pool_hits;
	GPtrArray *notes;
};

static void note(struct advice *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void note(struct advice *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	g_ptr_array_add(a->notes, g_strdup_vprintf(fmt, ap));
	va_end(ap);
}

/*------------------------------------------------------------------- runs */

/* Can the trace be compressed by it, or does it carry its lengths? */
static bool has_lengths(const struct trace_summary *sum, const char *compressor,
			const char *kernel)
{
	g_autofree char *name = g_strdup_printf("%s@%s", compressor, kernel);

	if (sum->has_pages)
		return true;
	for (unsigned int i = 0; i < sum->nr_lengths; i++)
		if (!strcmp(sum->lengths[i], name))
			return true;
	return false;
}

static int add_run(struct advice *a, const char *compressor,
		   const char *policy, const char *domain)
{
	struct replay_options *o = g_new(struct replay_options, 1);

	*o = a->common;
	o->compressor = compressor;
	o->dedup = policy;
	o->domain = domain;
	g_ptr_array_add(a->runs, o);
	return replay_options_check("advise", o);
}

static int list_runs(struct advice *a, const struct trace *trace)
{
	const struct trace_summary *sum = trace_summary(trace);
	int status = CMD_OK;

	for (size_t c = 0; c < G_N_ELEMENTS(compressors); c++) {
		if (!has_lengths(sum, compressors[c], a->common.kernel)) {
			note(a, "The trace carries neither bytes nor the lengths of %s.",
			     compressors[c]);
			continue;
		}
		for (size_t p = 0; p < G_N_ELEMENTS(policies) && !status; p++)
			status = add_run(a, compressors[c], policies[p],
					 "global");
		if (sum->has_memcg && !status)
			status = add_run(a, compressors[c], "always", "memcg");
	}
	if (!status && !a->runs->len) {
		cmd_error("%s: carries neither bytes nor the lengths of lz4, lzo-rle or zstd by Linux %s",
			  trace_path(trace), a->common.kernel);
		return CMD_INPUT;
	}
	return status;
}

static int take_pass(struct advice *a, struct trace *trace, struct run **runs)
{
	const struct pass_options how = {
		.what = trace_path(trace), .jobs = (unsigned int)a->jobs,
	};
	struct pass *pass = NULL;
	int status = pass_run(trace, runs, a->runs->len, &how, &pass);

	for (guint i = 0; !status && i < a->runs->len; i++) {
		const struct replay_result *result = pass_finish(pass, runs[i]);

		if (result->codec_note && !replay_dedups(run_options(runs[i])))
			note(a, "%s: not the kernel's bytes: %s.",
			     run_options(runs[i])->compressor,
			     result->codec_note);
		if (!i && !result->counts.stores)
			note(a, "The trace holds no store: nothing was exercised.");
		else if (!i && result->counts.stores < FEW_STORES)
			note(a, "Only %" PRIu64 " stores: a few pages decide.",
			     result->counts.stores);
		g_ptr_array_add(a->report.runs,
				report_replay(run_options(runs[i]), result));
	}
	pass_free(pass);
	return status;
}

static int run_all(struct advice *a, struct trace *trace)
{
	struct run **runs = g_new0(struct run *, a->runs->len);
	int status = CMD_OK;

	for (guint i = 0; i < a->runs->len && !status; i++)
		status = run_create("advise", g_ptr_array_index(a->runs, i),
				    &runs[i]);
	if (!status)
		status = take_pass(a, trace, runs);
	for (guint i = 0; i < a->runs->len; i++)
		run_free(runs[i]);
	g_free(runs);
	return status;
}

/*---------------------------------------------------------------- verdict */

static const struct value *at_moment(const struct value *run,
				     const char *moment, const char *field)
{
	g_autofree char *path = g_strdup_printf("%s.%s", moment, field);

	return value_find(run, path);
}

/* A number as it stands; 0 for null. */
static int64_t number_at(const struct value *run, const char *moment,
			 const char *field)
{
	const struct value *v = at_moment(run, moment, field);

	if (!v || v->kind == VALUE_NULL)
		return 0;
	return v->kind == VALUE_UNSIGNED ? (int64_t)v->number : v->integer;
}

static const char *word(const struct value *run, const char *path)
{
	return value_find(run, path)->string;
}

static int64_t takes(const struct advice *a, const struct value *run)
{
	return number_at(run, a->moment, "density.pool_bytes") +
	       number_at(run, a->moment, "density.metadata_bytes");
}

static int64_t saves(const struct advice *a, const struct value *run)
{
	return number_at(run, a->moment, "dedup.saved_percent_net");
}

/* The densest without dedup, if it is worth its time; else the first of the list. */
static void choose_compressor(struct advice *a)
{
	int64_t least;

	for (guint i = 0; i < a->report.runs->len; i++) {
		const struct value *run =
			g_ptr_array_index(a->report.runs, i);

		if (strcmp(word(run, "config.dedup"), policies[NONE]))
			continue;
		if (!a->first)
			a->first = a->plain = run;
		least = takes(a, a->first) / 100 * (100 - COMPRESSOR_PERCENT);
		if (takes(a, run) <= least &&
		    takes(a, run) < takes(a, a->plain))
			a->plain = run;
	}
}

static void choose_policy(struct advice *a)
{
	const char *compressor = word(a->plain, "config.compressor");

	for (guint i = 0; i < a->report.runs->len; i++) {
		const struct value *run =
			g_ptr_array_index(a->report.runs, i);

		if (run == a->plain ||
		    strcmp(word(run, "config.compressor"), compressor) ||
		    strcmp(word(run, "config.domain"), "global"))
			continue;
		if (!a->sharing || saves(a, run) > saves(a, a->sharing))
			a->sharing = run;
	}
	a->worth = !strcmp(report_judgement(saves(a, a->sharing)),
			   report_judgement(INT64_MAX));
	a->best = a->worth ? a->sharing : a->plain;
}

static void judge(struct advice *a)
{
	static const char *const moments[] = {
		"over_time.at_peak", "over_time.mean", "over_time.last",
	};
	const char *judgement;

	choose_compressor(a);
	choose_policy(a);
	judgement = report_judgement(saves(a, a->sharing));
	a->certain = true;
	/* the mean of a page set depends on the order of its pages */
	for (size_t i = 0; i < G_N_ELEMENTS(moments); i++)
		if (strcmp(moments[i], "over_time.mean") ||
		    !strcmp(moments[i], a->moment))
			a->certain &= judgement == report_judgement(
				number_at(a->sharing, moments[i],
					  "dedup.saved_percent_net"));
	if (!a->certain)
		note(a, "The verdict on dedup is another at the peak, on average, or at the end.");
	if (number_at(a->plain, a->moment, "density.pool_bytes") &&
	    number_at(a->plain, a->moment, "density.ratio_net") < DENSITY_LOW)
		note(a, "These pages hardly compress: zswap itself gains little here.");
}

/*------------------------------------------------------------------- pool */

/*
 * The curve is in payload; the pool that holds it is larger by what the allocator
 * wastes, which the run knows.
 */
static uint64_t pool_of(const struct advice *a, uint64_t payload)
{
	int64_t bytes = number_at(a->best, "over_time.at_peak",
				  "density.payload_bytes");
	int64_t pool = number_at(a->best, "over_time.at_peak",
				 "density.pool_bytes");

	return bytes ? (uint64_t)((__int128)payload * pool / bytes) : payload;
}

static int find_pool(struct advice *a, const char *path)
{
	struct curve_options o;
	struct curve_result result;
	int status;

	curve_options_init(&o);
	o.input_format = a->common.input_format;
	o.kernel = a->common.kernel;
	o.seed = a->common.seed;
	o.compressor = word(a->best, "config.compressor");
	o.dedup = a->worth ? "always" : "none";
	status = curve_run(&o, path, &result);
	for (unsigned int i = 0; !status && i < result.nr && !a->pool; i++) {
		double rate = result.points[i].hit_rate.value;

		if (rate * 100 < HIT_PERCENT)
			continue;
		a->pool = pool_of(a, result.sizes[i]);
		a->pool_hits = (int64_t)(rate * 100 * VALUE_SCALE);
	}
	if (!status && !result.loads)
		a->pool = 0;
	curve_result_clear(&result);
	return status;
}

static int size_pool(struct advice *a, const char *path,
		     const struct trace_summary *sum)
{
	int status = CMD_OK;

	if (!number_at(a->first, "trace", "loads"))
		note(a, "The trace has no loads: how large the pool must be is not known.");
	else if (!sum->has_pages)
		note(a, "The trace has no bytes: there is no curve of pool sizes.");
	else
		status = find_pool(a, path);
	if (a->pool)
		note(a, "The pool's size is that of an ideal LRU, times what the allocator wasted at the peak; the kernel's refuses and writes back otherwise (zdedup curve --compare).");
	return status;
}

static void add_assumptions(struct advice *a, const struct trace_summary *sum)
{
	const char *seen = report_vantage(sum->vantage);

	if (seen)
		note(a, "%s", seen);
	if (!sum->has_memcg)
		note(a, "The trace names no memcg: all pages were taken as those of one owner.");
	note(a, "CPU time was not measured: a smaller pool is weighed against nothing (zdedup replay --timing).");
	note(a, "One recording is one workload at one time: another day is another trace.");
}

/*----------------------------------------------------------------- report */

static void add_percent(struct value *object, const char *name,
			const struct value *value)
{
	if (value && value->kind == VALUE_DECIMAL)
		value_decimal(object, name, value->integer);
	else
		value_null(object, name);
}

static struct value *dedup_object(const struct advice *a)
{
	static const char field[] = "dedup.saved_percent_net";
	struct value *object = value_object();

	value_string(object, "judgement",
		     report_judgement(saves(a, a->sharing)));
	value_string(object, "policy", word(a->best, "config.dedup"));
	value_string(object, "compared_policy",
		     word(a->sharing, "config.dedup"));
	value_bool(object, "certain", a->certain);
	add_percent(object, "saved_percent_net",
		    at_moment(a->sharing, a->moment, field));
	add_percent(object, "at_peak",
		    at_moment(a->sharing, "over_time.at_peak", field));
	add_percent(object, "mean",
		    at_moment(a->sharing, "over_time.mean", field));
	add_percent(object, "last",
		    at_moment(a->sharing, "over_time.last", field));
	return object;
}

static struct value *compressor_object(const struct advice *a)
{
	struct value *object = value_object();

	value_string(object, "name", word(a->plain, "config.compressor"));
	add_percent(object, "density",
		    at_moment(a->plain, a->moment, "density.ratio_net"));
	value_string(object, "beside", word(a->first, "config.compressor"));
	value_quotient(object, "smaller_percent",
		       (__int128)(takes(a, a->first) - takes(a, a->plain)) *
		       100, takes(a, a->first));
	return object;
}

static void add_pool(struct value *verdict, const struct advice *a)
{
	struct value *object;

	if (!a->pool) {
		value_null(verdict, "pool");
		return;
	}
	object = value_object();
	value_unsigned(object, "bytes", a->pool);
	value_decimal(object, "hit_percent", a->pool_hits);
	if (a->totalram)
		value_quotient(object, "percent_of_totalram",
			       (__int128)a->pool * 100, a->totalram);
	value_add(verdict, "pool", object);
}

static struct value *report_of(struct advice *a)
{
	struct value *report = value_object(), *verdict = value_object();
	struct value *notes = value_array(), *sweep;

	value_string(report, "schema", "zdedup.advise/1");
	value_add(verdict, "dedup", dedup_object(a));
	value_add(verdict, "compressor", compressor_object(a));
	add_pool(verdict, a);
	value_add(report, "verdict", verdict);
	for (guint i = 0; i < a->notes->len; i++)
		value_string(notes, NULL, g_ptr_array_index(a->notes, i));
	value_add(report, "uncertain", notes);
	/* takes the runs */
	sweep = report_sweep(&a->report);
	value_add(report, "sweep", sweep);
	return report;
}

static const char *percent(char buf[REPORT_BYTES_MAX], int64_t scaled)
{
	return report_percent(buf, scaled, (__int128)100 * VALUE_SCALE);
}

static void put_dedup(FILE *file, const struct advice *a,
		      const struct value *dedup)
{
	int64_t saved = saves(a, a->sharing);
	char buf[4][REPORT_BYTES_MAX];

	if (!number_at(a->plain, a->moment, "density.pool_bytes")) {
		fprintf(file, "  Dedup       nothing reached the pool: there is nothing to save.\n");
		return;
	}
	fprintf(file, "  Dedup       %s: %s would %s %s of the pool, net of metadata\n"
		"              (saved at the peak %s, mean %s, at the end %s).\n",
		word(dedup, "judgement"), word(dedup, "compared_policy"),
		saved < 0 ? "cost" : "save",
		percent(buf[0], saved < 0 ? -saved : saved),
		percent(buf[1], value_find(dedup, "at_peak")->integer),
		percent(buf[2], value_find(dedup, "mean")->integer),
		percent(buf[3], value_find(dedup, "last")->integer));
}

static void put_compressor(FILE *file, const struct advice *a,
			   const struct value *compressor)
{
	const struct value *smaller = value_find(compressor, "smaller_percent");
	g_autofree char *density = value_text(value_find(compressor, "density"));
	char buf[REPORT_BYTES_MAX];

	fprintf(file, "  Compressor  %s: %s pages in the memory of one",
		word(compressor, "name"), density);
	if (a->plain != a->first)
		fprintf(file, "; %s less memory than %s, for more CPU time.\n",
			percent(buf, smaller->integer),
			word(compressor, "beside"));
	else
		fprintf(file, "; none of the others takes %d %% less.\n",
			COMPRESSOR_PERCENT);
}

static void put_pool(FILE *file, const struct advice *a)
{
	char buf[REPORT_BYTES_MAX], part[REPORT_BYTES_MAX];

	if (!a->pool) {
		fprintf(file, "  Pool        not known, see below.\n");
		return;
	}
	fprintf(file, "  Pool        %s: the smallest that answers %d %% of the loads",
		report_bytes(buf, (int64_t)a->pool), HIT_PERCENT);
	if (a->totalram)
		fprintf(file, "; %s of the memory (max_pool_percent)",
			report_percent(part, a->pool, a->totalram));
	fputs(".\n", file);
}

static void put_text(FILE *file, const struct advice *a, const char *path)
{
	struct value *dedup = dedup_object(a);
	struct value *compressor = compressor_object(a);

	fprintf(file, "%s, Linux %s\n\n", path, a->common.kernel);
	report_sweep_text(file, &a->report);
	fprintf(file, "\nAdvice\n");
	put_dedup(file, a, dedup);
	put_compressor(file, a, compressor);
	put_pool(file, a);
	fprintf(file, "\nWhat this rests on\n");
	for (guint i = 0; i < a->notes->len; i++)
		fprintf(file, "  - %s\n",
			(const char *)g_ptr_array_index(a->notes, i));
	value_free(dedup);
	value_free(compressor);
}

static int write_advice(struct advice *a, const char *path,
			struct output *out)
{
	struct value *report;

	if (!strcmp(a->common.format, "json")) {
		report = report_of(a);
		report_json(output_file(out), report);
		value_free(report);
	} else {
		put_text(output_file(out), a, path);
	}
	return output_commit(out);
}

static int advise(struct advice *a, struct trace *trace, const char *path)
{
	const struct trace_summary *sum = trace_summary(trace);
	int status = list_runs(a, trace);

	if (!status)
		status = run_all(a, trace);
	if (status)
		return status;
	a->moment = strcmp(report_moment(trace_format(trace)), "mean") ?
		    "over_time.last" : "over_time.mean";
	judge(a);
	status = size_pool(a, path, sum);
	add_assumptions(a, sum);
	return status;
}

static int open_and_advise(struct advice *a, const char *path)
{
	struct output *out = output_open(a->common.output);
	struct trace *trace = NULL;
	char why[WHY_MAX] = "";
	int status;

	if (!out)
		return CMD_INPUT;
	if (trace_open(path, a->common.input_format, &trace, why,
		       sizeof(why))) {
		cmd_error("%s", why);
		status = CMD_INPUT;
	} else {
		status = advise(a, trace, path);
	}
	if (status)
		output_abandon(out);
	else
		status = write_advice(a, path, out);
	if (trace)
		trace_close(trace);
	return status;
}

static const char examples[] =
	"Runs lz4, lzo-rle and zstd, each without dedup and with two policies, in one pass; then\n"
	"a curve of pool sizes. What is not known is said: read that part, too.\n\n"
	"examples:\n"
	"  zdedup advise swap-trace/\n"
	"  zdedup advise --kernel 6.12 --totalram 8G --format json swap.zdt\n";

static int parse(int argc, char **argv, struct advice *a, const char **path)
{
	static const char *const formats[] = { "text", "json", NULL };
	struct replay_options *o = &a->common;
	const struct option_spec specs[] = {
		{ "--kernel", "7.2", OPTION_STRING, &o->kernel, "whose behaviour; 7.2", 0, 0 },
		{ "--zpool", "NAME", OPTION_STRING, &o->zpool, "allocator; zsmalloc", 0, 0 },
		{ "--totalram", "SIZE", OPTION_SIZE, &a->totalram, "the machine's memory, to say the pool's part of it; no limit is set", 0, 0 },
		{ "--input-format", "NAME", OPTION_STRING, &o->input_format, "do not probe the trace's content", 0, 0 },
		{ "--jobs", "N", OPTION_NUMBER, &a->jobs, "threads; one per processor", 1, JOBS_MAX },
		{ "--format", "text|json", OPTION_STRING, &o->format, "text", 0, 0 },
		{ "-o", "FILE", OPTION_STRING, &o->output, "instead of stdout", 0, 0 },
		{ NULL, NULL, OPTION_STRING, NULL, NULL, 0, 0 },
	};
	const struct option_table table = {
		.command = "advise",
		.usage = "advise TRACE [options]",
		.specs = specs,
		.operand = "TRACE",
		.examples = examples,
	};

	switch (options_parse(&table, argc, argv, path)) {
	case OPTIONS_PARSED:
		return replay_options_among("advise", "--format", o->format,
					    formats);
	case OPTIONS_HELP:
		*path = NULL;
		return CMD_OK;
	default:
		return CMD_USAGE;
	}
}

int cmd_advise(int argc, char **argv)
{
	struct advice a = {
		.jobs = MIN(g_get_num_processors(), JOBS_MAX),
		.runs = g_ptr_array_new_with_free_func(g_free),
		.report.runs = g_ptr_array_new(),
		.notes = g_ptr_array_new_with_free_func(g_free),
	};
	const char *path;
	int status;

	replay_options_init(&a.common);
	status = parse(argc, argv, &a, &path);
	if (!status && path)
		status = open_and_advise(&a, path);
	for (guint i = 0; i < a.report.runs->len; i++)
		value_free(g_ptr_array_index(a.report.runs, i));
	g_ptr_array_unref(a.report.runs);
	g_ptr_array_unref(a.runs);
	g_ptr_array_unref(a.notes);
	return status;
}
