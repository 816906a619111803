/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmd-replay.c - zdedup replay: one configuration over one trace
 */
#include <string.h>

#include "assert.h"
#include "cmd.h"
#include "engine.h"
#include "options.h"
#include "output.h"
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
	const struct option_spec specs[] = {
		{ "--kernel", "7.2", OPTION_STRING, &o->kernel, "whose behaviour; 7.2", 0, 0 },
		{ "--compressor", "NAME[:level=N]", OPTION_STRING, &o->compressor, "lz4", 0, 0 },
		{ "--zpool", "NAME", OPTION_STRING, &o->zpool, "allocator; zsmalloc", 0, 0 },
		{ "--hash", "NAME", OPTION_STRING, &o->hash, "of the dedup index; xxh64", 0, 0 },
		{ "--dedup", "POLICY", OPTION_STRING, &o->dedup, "none", 0, 0 },
		{ "--compare", "bytes", OPTION_STRING, &o->compare, "how a candidate is confirmed; bytes", 0, 0 },
		{ "--charge", "full", OPTION_STRING, &o->charge, "what a sharer pays; full", 0, 0 },
		{ "--domain", "global|memcg", OPTION_STRING, &o->domain, "who may share with whom; as the policy says", 0, 0 },
		{ "--writeback", "sole", OPTION_STRING, &o->writeback, "of shared contents; sole", 0, 0 },
		{ "--memcg-config", "FILE", OPTION_STRING, &o->memcg_config, "key file: [id] parent=, zswap.max=, zswap.writeback=", 0, 0 },
		{ "--seed", "N", OPTION_NUMBER, &o->seed, "of whatever is random; 1", 0, UINT64_MAX },
		{ "--totalram", "SIZE", OPTION_SIZE, &o->totalram, "the machine's memory; no pool limit unless given", 0, 0 },
		{ "--max-pool-percent", "N", OPTION_NUMBER, &o->max_pool_percent, "20", 0, 100 },
		{ "--accept-threshold-percent", "N", OPTION_NUMBER, &o->accept_threshold_percent, "90", 0, 100 },
		{ "--input-format", "NAME", OPTION_STRING, &o->input_format, "do not probe the trace's content", 0, 0 },
		{ "--verify", NULL, OPTION_TRUE, &o->verify, "check every load against what was stored (default)", 0, 0 },
		{ "--no-verify", NULL, OPTION_FALSE, &o->verify, "do not", 0, 0 },
		{ "--checkpoint-every", "N", OPTION_NUMBER, &o->checkpoint_every, "also report the counters after every N events", 1, UINT32_MAX },
		{ "--timing", NULL, OPTION_TRUE, &o->timing, "measure CPU time per stage", 0, 0 },
		{ "--assert", "'FIELD OP NUMBER'", OPTION_LIST, &o->asserts, "exit 1 when false; repeatable", 0, 0 },
		{ "--format", "text|json|csv", OPTION_STRING, &o->format, "text", 0, 0 },
		{ "--output", "FILE", OPTION_STRING, &o->output, "instead of stdout", 0, 0 },
		{ "-o", "FILE", OPTION_STRING, &o->output, "the same", 0, 0 },
		{ NULL, NULL, OPTION_STRING, NULL, NULL, 0, 0 },
	};
	const struct option_table table = {
		.command = "replay",
		.usage = "replay TRACE [options]",
		.specs = specs,
		.operand = "TRACE",
		.examples = examples,
	};

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

/* @value among the NULL-ended @values, else one line. */
static int among(const char *option, const char *value,
		 const char *const *values)
{
	g_autofree char *all = NULL;
	const char *near;

	if (options_among(value, values))
		return CMD_OK;
	near = options_nearest(value, values);
	all = g_strjoinv(", ", (char **)values);
	if (near)
		return cmd_usage("replay", "unknown %s '%s' (did you mean '%s'?)",
				 option, value, near);
	return cmd_usage("replay", "%s '%s' is not in this build, which has: %s",
			 option, value, all);
}

/* The names of a kind, NULL-ended; g_free the array. */
static const char **names_of(const char *(*name)(unsigned int i))
{
	GPtrArray *names = g_ptr_array_new();
	unsigned int i = 0;

	do
		g_ptr_array_add(names, (gpointer)name(i));
	while (name(i++));
	return (const char **)g_ptr_array_free(names, FALSE);
}

static const char *kernel_name(unsigned int i)
{
	return zdedup_name(ZDEDUP_KERNELS, i);
}

/* What has one value so far, and what the model would not refuse by itself. */
static int check_words(struct replay_options *o)
{
	static const char *const formats[] = { "text", "json", "csv", NULL };
	static const char *const compares[] = { "bytes", NULL };
	static const char *const charges[] = { "full", NULL };
	static const char *const writebacks[] = { "sole", NULL };
	const char *policy_domain[] = { "global", NULL };
	g_autofree const char **kernels = names_of(kernel_name);
	g_autofree const char **inputs = names_of(trace_format_name);

	if (!strncmp(o->dedup, "memcg", strlen("memcg")))
		policy_domain[0] = "memcg";
	if (!o->domain)
		o->domain = policy_domain[0];
	if (!options_among(o->domain, policy_domain))
		return cmd_usage("replay", "--domain '%s' does not go with --dedup '%s', whose domain is %s (--dedup memcg shares inside a memcg only)",
				 o->domain, o->dedup, policy_domain[0]);
	if (among("--kernel", o->kernel, kernels) ||
	    among("--format", o->format, formats) ||
	    among("--compare", o->compare, compares) ||
	    among("--charge", o->charge, charges) ||
	    among("--writeback", o->writeback, writebacks) ||
	    (o->input_format && among("--input-format", o->input_format, inputs)))
		return CMD_USAGE;
	if (o->totalram && !replay_totalram_pages(o))
		return cmd_usage("replay", "--totalram is less than a page");
	return CMD_OK;
}

/* Fields are looked up in a report of nothing: a misspelt one costs no run. */
static int check_asserts(const struct replay_options *o)
{
	struct replay_result nothing = {
		.path = "", .format = "", .kernel = o->kernel,
		.has_baseline = strncmp(o->dedup, "none", strlen("none")) != 0,
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

static int replay(const struct replay_options *o, const char *path)
{
	struct replay_result result = { 0 };
	struct engine *engine = NULL;
	struct trace *trace = NULL;
	struct output *out = NULL;
	char why[WHY_MAX] = "";
	int status;

	status = engine_create(o, &engine);
	if (!status)
		status = check_asserts(o);
	if (!status && trace_open(path, o->input_format, &trace, why,
				  sizeof(why))) {
		cmd_error("%s", why);
		status = CMD_INPUT;
	}
	if (!status) {
		out = output_open(o->output);
		if (!out)
			status = CMD_INPUT;
	}
	if (!status)
		status = engine_run(engine, trace, &result);
	if (status)
		output_abandon(out);
	else
		status = write_report(o, &result, out);
	replay_result_clear(&result);
	if (trace)
		trace_close(trace);
	engine_destroy(engine);
	return status;
}

int cmd_replay(int argc, char **argv)
{
	g_autoptr(GPtrArray) asserts = g_ptr_array_new();
	struct replay_options options = {
		.kernel = "7.2", .compressor = "lz4", .zpool = "zsmalloc",
		.hash = "xxh64", .dedup = "none",
		.compare = "bytes", .charge = "full", .writeback = "sole",
		.seed = 1,
		.max_pool_percent = 20, .accept_threshold_percent = 90,
		.verify = true,
		.format = "text",
		.asserts = asserts,
	};
	const char *path;
	int status = parse(argc, argv, &options, &path);

	if (!status && path)
		status = check_words(&options);
	if (!status && path)
		status = replay(&options, path);
	return status;
}
