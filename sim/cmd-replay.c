/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmd-replay.c - zdedup replay: one configuration over one trace
 */
#include <string.h>

#include "assert.h"
#include "cmd.h"
#include "output.h"
#include "pass.h"
#include "replay-options.h"
#include "report.h"

#define WHY_MAX 1024u

static const char examples[] =
	"FIELD is a dotted path in the JSON report; OP is one of < <= > >= == !=.\n"
	"SIZE takes K, M, G or T. What words there are: 'zdedup list'.\n\n"
	"examples:\n"
	"  zdedup replay --dedup always vm-memory.raw\n"
	"  zdedup replay --compressor zstd:level=3 --timing swap-trace/\n"
	"  zdedup replay --dedup always --format json -o report.json swap-trace/\n"
	"  zdedup replay --dedup always --assert 'dedup.saved_percent_net >= 5' vm-memory.raw\n";

static int parse(int argc, char **argv, struct replay_options *o,
		 const char **path)
{
	const struct option_spec own[] = {
		{ "--input-format", "NAME", OPTION_STRING, &o->input_format, "do not probe the trace's content", 0, 0 },
		{ "--verify", NULL, OPTION_TRUE, &o->verify, "check every load against what was stored (default, if the trace has bytes)", 0, 0 },
		{ "--no-verify", NULL, OPTION_TRUE, &o->no_verify, "do not", 0, 0 },
		{ "--checkpoint-every", "N", OPTION_NUMBER, &o->checkpoint_every, "also report the counters after every N events", 1, UINT32_MAX },
		{ "--timing", NULL, OPTION_TRUE, &o->timing, "measure CPU time per stage", 0, 0 },
		{ "--assert", "'FIELD OP NUMBER'", OPTION_LIST, &o->asserts, "exit 1 when false; repeatable", 0, 0 },
		{ "--facts", "FILE", OPTION_STRING, &o->facts, "keep digests and lengths in FILE, and take those that are there", 0, 0 },
		{ "--keep-facts", NULL, OPTION_TRUE, &o->keep_facts, "the same in TRACE.facts", 0, 0 },
		{ "--format", "text|json|csv", OPTION_STRING, &o->format, "text", 0, 0 },
		{ "--output", "FILE", OPTION_STRING, &o->output, "instead of stdout", 0, 0 },
		{ "-o", "FILE", OPTION_STRING, &o->output, "the same", 0, 0 },
		{ NULL, NULL, OPTION_STRING, NULL, NULL, 0, 0 },
	};
	struct option_spec specs[REPLAY_CONFIG_MAX + G_N_ELEMENTS(own)];
	const struct option_table table = {
		.command = "replay",
		.usage = "replay TRACE [options]",
		.specs = specs,
		.operand = "TRACE",
		.examples = examples,
	};
	unsigned int nr = replay_config_specs(o, specs);

	memcpy(&specs[nr], own, sizeof(own));
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

/* Fields are looked up in a report of nothing: a misspelt one costs no run. */
static int check_asserts(const struct replay_options *o)
{
	struct replay_result nothing = {
		.path = "", .format = "", .kernel = o->kernel,
		.has_baseline = replay_dedups(o),
		.over_time = { .events = 1, .peak = 1 },
	};
	struct value *report = report_replay(o, &nothing);
	int status = assert_check(o->asserts, report);

	value_free(report);
	return status;
}

static int write_report(const struct replay_options *o,
			const struct replay_result *result, struct output *out)
{
	struct value *report = report_replay(o, result);
	int status;

	if (!strcmp(o->format, "json"))
		report_json(output_file(out), report);
	else if (!strcmp(o->format, "csv"))
		report_csv(output_file(out), report);
	else
		report_text(output_file(out), o, result);
	status = output_commit(out);
	if (!result->counts.stores)
		cmd_error("%s: holds no store, so nothing was exercised",
			  result->path);
	if (!status)
		status = assert_evaluate(o->asserts, report);
	value_free(report);
	return status;
}

/* Runs @trace; the report is written only when all went well. */
static int run_and_report(const struct replay_options *o, struct run *run,
			  struct trace *trace)
{
	g_autofree char *facts = replay_facts_path(o->facts, o->keep_facts,
						    trace_path(trace));
	const struct pass_options how = { .what = "replay", .jobs = 1,
					   .verify = true, .facts = facts,
					   .last = true };
	struct output *out = output_open(o->output);
	static struct pass *pass;
	int status;

	if (!out)
		return CMD_INPUT;
	status = pass_run(trace, &run, 1, &how, &pass);
	if (status)
		output_abandon(out);
	else
		status = write_report(o, pass_finish(pass, run), out);
	return status;
}

/*
 * The process ends with the replay, and its memory goes with it: to take a model of a
 * million slots apart would cost as much as a tenth of the replay. What is left can be
 * reached, as leak checkers ask for.
 */
static int replay(const struct replay_options *o, const char *path)
{
	static struct trace *trace;
	static struct run *run;
	char why[WHY_MAX] = "";
	int status;

	/* words and fields are checked before a long trace is opened */
	status = run_create("replay", o, &run);
	if (!status)
		status = check_asserts(o);
	if (!status && trace_open(path, o->input_format, &trace, why,
				  sizeof(why))) {
		cmd_error("%s", why);
		status = CMD_INPUT;
	}
	if (!status)
		status = run_and_report(o, run, trace);
	return status;
}

static int check_words(struct replay_options *o)
{
	static const char *const formats[] = { "text", "json", "csv", NULL };

	if (o->verify && o->no_verify)
		return cmd_usage("replay", "--verify and --no-verify do not go together");
	if (replay_options_among("replay", "--format", o->format, formats))
		return CMD_USAGE;
	return replay_options_check("replay", o);
}

int cmd_replay(int argc, char **argv)
{
	g_autoptr(GPtrArray) asserts = g_ptr_array_new();
	struct replay_options options;
	const char *path;
	int status;

	replay_options_init(&options);
	options.asserts = asserts;
	status = parse(argc, argv, &options, &path);
	if (!status && path)
		status = check_words(&options);
	if (!status && path)
		status = replay(&options, path);
	return status;
}
