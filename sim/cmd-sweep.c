/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmd-sweep.c - zdedup sweep: every combination of options, in one pass over each trace
 * (two where a hash confuses what another does not)
 */
#include <inttypes.h>
#include <string.h>

#include "cmd.h"
#include "output.h"
#include "pass.h"
#include "replay-options.h"
#include "report-sweep.h"
#include "report.h"

#define WHY_MAX 1024u
/* Each run is a model in memory. */
#define RUNS_MAX 4096u
#define JOBS_MAX 256u

static const char examples[] =
	"Each of the first options takes a list: --compressor lz4,zstd --dedup none,always\n"
	"is four runs. A run of a sweep reports what 'zdedup replay --no-verify' does.\n\n"
	"examples:\n"
	"  zdedup sweep --compressor lz4,zstd --dedup none,always swap-trace/\n"
	"  zdedup sweep --zpool zsmalloc,zbud --kernel 6.1,6.12 --html sweep.html vm1.raw vm2.raw\n"
	"  zdedup sweep --hash xxh64,crc32c --dedup always --format csv -o sweep.csv swap.zdt\n";

/**
 * struct sweep - what was asked for, and what came of it
 * @words:   the values of each configuration option, NULL: its default
 * @options: of struct replay_options *, a combination each
 * @results: of the trace under way, a report for each of @options
 * @common:  what is the same for all runs
 */
struct sweep {
	GPtrArray *paths;
	const char *lists[REPLAY_CONFIG_MAX];
	GStrv words[REPLAY_CONFIG_MAX];
	unsigned int nr_specs;
	struct replay_options common;
	GPtrArray *options;
	uint64_t jobs;
	const char *html;
	struct value **results;
	struct sweep_report report;
};

static int parse(int argc, char **argv, struct sweep *sweep, const char **path)
{
	struct replay_options *o = &sweep->common;
	const struct option_spec own[] = {
		{ "--input-format", "NAME", OPTION_STRING, &o->input_format, "do not probe the traces' content", 0, 0 },
		{ "--verify", NULL, OPTION_TRUE, &o->verify, "each run checks every load: as slow as replays, one by one", 0, 0 },
		{ "--no-verify", NULL, OPTION_TRUE, &o->no_verify, "do not (default)", 0, 0 },
		{ "--timing", NULL, OPTION_TRUE, &o->timing, "measure CPU time per stage: as slow, too", 0, 0 },
		{ "--jobs", "N", OPTION_NUMBER, &sweep->jobs, "threads; one per processor", 1, JOBS_MAX },
		{ "--facts", "FILE", OPTION_STRING, &o->facts, "keep digests and lengths in FILE, and take those that are there", 0, 0 },
		{ "--keep-facts", NULL, OPTION_TRUE, &o->keep_facts, "the same in TRACE.facts", 0, 0 },
		{ "--format", "text|json|csv", OPTION_STRING, &o->format, "text", 0, 0 },
		{ "--html", "FILE", OPTION_STRING, &sweep->html, "also write a page with a table and bars", 0, 0 },
		{ "--output", "FILE", OPTION_STRING, &o->output, "instead of stdout", 0, 0 },
		{ "-o", "FILE", OPTION_STRING, &o->output, "the same", 0, 0 },
		{ NULL, NULL, OPTION_STRING, NULL, NULL, 0, 0 },
	};
	struct option_spec specs[REPLAY_CONFIG_MAX + G_N_ELEMENTS(own)];
	const struct option_table table = {
		.command = "sweep",
		.usage = "sweep TRACE... [options]",
		.specs = specs,
		.operand = "TRACE",
		.operands = sweep->paths,
		.examples = examples,
	};

	sweep->nr_specs = replay_config_specs(o, specs);
	for (unsigned int i = 0; i < sweep->nr_specs; i++) {
		specs[i].kind = OPTION_STRING;
		specs[i].target = &sweep->lists[i];
	}
	memcpy(&specs[sweep->nr_specs], own, sizeof(own));
	switch (options_parse(&table, argc, argv, path)) {
	case OPTIONS_PARSED:
		return CMD_OK;
	case OPTIONS_HELP:
		*path = NULL;
		return CMD_OK;
	default:
		return CMD_USAGE;
	}
}

/* The combination of number @n: the last option's values change fastest. */
static int combine(struct sweep *sweep, uint64_t n)
{
	struct replay_options *o = g_new(struct replay_options, 1);
	struct option_spec specs[REPLAY_CONFIG_MAX];

	*o = sweep->common;
	g_ptr_array_add(sweep->options, o);
	replay_config_specs(o, specs);
	for (unsigned int i = sweep->nr_specs; i-- > 0;) {
		uint64_t nr = sweep->words[i] ? g_strv_length(sweep->words[i]) : 0;

		if (!nr)
			continue;
		if (options_set("sweep", &specs[i], sweep->words[i][n % nr]))
			return CMD_USAGE;
		n /= nr;
	}
	return replay_options_check("sweep", o);
}

static int expand(struct sweep *sweep)
{
	static const char *const formats[] = { "text", "json", "csv", NULL };
	uint64_t nr = 1;

	if (sweep->common.verify && sweep->common.no_verify)
		return cmd_usage("sweep", "--verify and --no-verify do not go together");
	if (sweep->common.facts && sweep->paths->len > 1)
		return cmd_usage("sweep", "--facts is for one trace; --keep-facts makes a file for each");
	if (replay_options_among("sweep", "--format", sweep->common.format,
				 formats))
		return CMD_USAGE;
	for (unsigned int i = 0; i < sweep->nr_specs; i++) {
		if (!sweep->lists[i])
			continue;
		sweep->words[i] = g_strsplit(sweep->lists[i], ",", -1);
		nr *= g_strv_length(sweep->words[i]);
		if (nr > RUNS_MAX)
			return cmd_usage("sweep", "more than %u combinations",
					 RUNS_MAX);
	}
	for (uint64_t n = 0; n < nr; n++)
		if (combine(sweep, n))
			return CMD_USAGE;
	return CMD_OK;
}

/* A run for each combination; a status. */
static int make_runs(const struct sweep *sweep, struct run **runs)
{
	for (guint i = 0; i < sweep->options->len; i++) {
		int status = run_create("sweep",
					g_ptr_array_index(sweep->options, i),
					&runs[i]);

		if (status)
			return status;
	}
	return CMD_OK;
}

static void free_runs(const struct sweep *sweep, struct run **runs)
{
	for (guint i = 0; i < sweep->options->len; i++)
		run_free(runs[i]);
	g_free(runs);
}

/* Those of @runs that have no result, and are of the kind @loads or any (NR_LOADS). */
static GPtrArray *without_result(const struct sweep *sweep,
				 struct run *const *runs, unsigned int loads)
{
	GPtrArray *those = g_ptr_array_new();

	for (guint i = 0; i < sweep->options->len; i++)
		if (!sweep->results[i] &&
		    (loads == NR_LOADS || run_loads(runs[i]) == loads))
			g_ptr_array_add(those, runs[i]);
	return those;
}

/*
 * One pass for those: reports all that it settles. @how->found is what other passes may
 * take over; given to this one and, without a failure, taken from it again.
 */
static int take_pass(struct sweep *sweep, struct trace *trace,
		     struct run *const *runs, unsigned int loads,
		     struct pass_options *how)
{
	g_autoptr(GPtrArray) those = without_result(sweep, runs, loads);
	struct pass *pass;
	int status;

	if (!those->len)
		return CMD_OK;
	status = pass_run(trace, (struct run *const *)those->pdata, those->len,
			  how, &pass);
	how->found = NULL;
	for (guint i = 0; !status && i < sweep->options->len; i++)
		if (g_ptr_array_find(those, runs[i], NULL) &&
		    pass_settles(pass, runs[i]))
			sweep->results[i] = report_replay(run_options(runs[i]),
						pass_finish(pass, runs[i]));
	if (!status)
		how->found = pass_take_facts(pass);
	pass_free(pass);
	return status;
}

static int rewind_trace(struct trace *trace)
{
	int err = trace_rewind(trace);

	if (!err)
		return CMD_OK;
	cmd_error("%s: %s", trace_path(trace), g_strerror(-err));
	return CMD_INPUT;
}

/*
 * Runs that differ in the hash alone are taken for one. Those that were not, as one
 * of two hashes confuses contents that the other does not, begin anew, each by itself.
 */
static int take_again(struct sweep *sweep, struct trace *trace,
		      struct run **runs, unsigned int loads,
		      struct pass_options *how)
{
	bool left = false;
	int status;

	for (guint i = 0; i < sweep->options->len; i++) {
		if (sweep->results[i] ||
		    (loads != NR_LOADS && run_loads(runs[i]) != loads))
			continue;
		left = true;
		run_free(runs[i]);
		status = run_create("sweep",
				    g_ptr_array_index(sweep->options, i),
				    &runs[i]);
		if (status)
			return status;
	}
	how->across_hashes = false;
	status = left ? rewind_trace(trace) : CMD_OK;
	return status ? status : take_pass(sweep, trace, runs, loads, how);
}

/* Those of @runs that are of the kind @loads, or all (NR_LOADS). */
static int sweep_pass(struct sweep *sweep, struct trace *trace,
		      struct run **runs, unsigned int loads)
{
	g_autofree char *facts = replay_facts_path(sweep->common.facts,
						   sweep->common.keep_facts,
						   trace_path(trace));
	struct pass_options how = {
		.what = trace_path(trace), .jobs = (unsigned int)sweep->jobs,
		.facts = facts, .across_hashes = true,
	};
	int status = take_pass(sweep, trace, runs, loads, &how);

	if (!status)
		status = take_again(sweep, trace, runs, loads, &how);
	facts_free(how.found);
	return status;
}

static int sweep_runs(struct sweep *sweep, struct trace *trace,
		      struct run **runs)
{
	int status = CMD_OK;

	if (!pass_splits(trace))
		return sweep_pass(sweep, trace, runs, NR_LOADS);
	for (unsigned int loads = 0; loads < NR_LOADS && !status; loads++) {
		status = rewind_trace(trace);
		if (!status)
			status = sweep_pass(sweep, trace, runs, loads);
	}
	return status;
}

static int sweep_trace(struct sweep *sweep, const char *path,
		       struct run **runs)
{
	guint nr = sweep->options->len;
	struct trace *trace;
	char why[WHY_MAX] = "";
	int status;

	if (trace_open(path, sweep->common.input_format, &trace, why,
		       sizeof(why))) {
		cmd_error("%s", why);
		return CMD_INPUT;
	}
	sweep->results = g_new0(struct value *, nr);
	status = sweep_runs(sweep, trace, runs);
	for (guint i = 0; i < nr; i++)
		if (sweep->results[i])
			g_ptr_array_add(sweep->report.runs, sweep->results[i]);
	g_clear_pointer(&sweep->results, g_free);
	trace_close(trace);
	return status;
}

static int sweep_all(struct sweep *sweep)
{
	for (guint i = 0; i < sweep->paths->len; i++) {
		struct run **runs = g_new0(struct run *, sweep->options->len);
		int status = make_runs(sweep, runs);

		if (!status)
			status = sweep_trace(sweep,
					     g_ptr_array_index(sweep->paths, i),
					     runs);
		free_runs(sweep, runs);
		if (status)
			return status;
	}
	return CMD_OK;
}

/* Both files are whole before the first of them gets its name. */
static int write_reports(struct sweep *sweep, struct output *out,
			 struct output *html)
{
	struct sweep_report *report = &sweep->report;
	const char *format = sweep->common.format;
	struct value *all;
	int status = CMD_OK;

	if (html)
		report_sweep_html(output_file(html), report);
	if (!strcmp(format, "text"))
		report_sweep_text(output_file(out), report);
	if (!strcmp(format, "csv"))
		report_csv_rows(output_file(out),
				(const struct value *const *)report->runs->pdata,
				report->runs->len);
	all = report_sweep(report);
	if (!strcmp(format, "json"))
		report_json(output_file(out), all);
	value_free(all);
	if (html)
		status = output_commit(html);
	if (status)
		output_abandon(out);
	else
		status = output_commit(out);
	return status;
}

static int sweep_and_report(struct sweep *sweep)
{
	struct output *out, *html = NULL;
	int status = CMD_OK;

	out = output_open(sweep->common.output);
	if (!out)
		return CMD_INPUT;
	if (sweep->html) {
		html = output_open(sweep->html);
		if (!html)
			status = CMD_INPUT;
	}
	if (!status)
		status = sweep_all(sweep);
	if (!status)
		return write_reports(sweep, out, html);
	output_abandon(html);
	output_abandon(out);
	return status;
}

int cmd_sweep(int argc, char **argv)
{
	struct sweep sweep = {
		.paths = g_ptr_array_new(),
		.options = g_ptr_array_new_with_free_func(g_free),
		.jobs = MIN(g_get_num_processors(), JOBS_MAX),
		.report.runs = g_ptr_array_new(),
	};
	const char *path;
	int status;

	replay_options_init(&sweep.common);
	status = parse(argc, argv, &sweep, &path);
	if (!status && path)
		status = expand(&sweep);
	if (!status && path)
		status = sweep_and_report(&sweep);
	/* of a failed sweep; report_sweep() takes the others */
	for (guint i = 0; i < sweep.report.runs->len; i++)
		value_free(g_ptr_array_index(sweep.report.runs, i));
	g_ptr_array_unref(sweep.report.runs);
	g_ptr_array_unref(sweep.options);
	g_ptr_array_unref(sweep.paths);
	for (unsigned int i = 0; i < REPLAY_CONFIG_MAX; i++)
		g_strfreev(sweep.words[i]);
	return status;
}
