/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmd-curve.c - zdedup curve: hits and writebacks for all pool sizes in one pass
 *
 * docs/CURVE.md says what is computed.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "cmd.h"
#include "curve-facts.h"
#include "curve-run.h"
#include "memcgs.h"
#include "options.h"
#include "output.h"
#include "progress.h"
#include "replay-options.h"
#include "slots.h"
#include "zdedup.h"

#define WHY_MAX 1024u
#define POINTS_MAX 4096u
#define BETWEEN 64u	/* the smallest size of the grid is the peak / this */

/**
 * struct run - one trace
 * @zd:       a model of what is asked for; @probe: says what a store of a page does
 * @slots:    what each holds, content + 1
 * @hits:     loads that every pool answers: kept, but without bytes
 */
struct run {
	const struct curve_options *options;
	struct curve_result *result;
	struct trace *trace;
	struct pages *pages;
	struct slots *slots;
	struct curve_facts *facts;
	struct shards *shards;
	struct zdedup *zd, *probe;
	char *facts_path;
	bool loads_kept;
	uint64_t hits;
};

/*----------------------------------------------------------------- models */

static int create_model(const struct curve_options *o, const char *dedup,
			uint64_t totalram_pages, struct zdedup **out)
{
	struct zdedup_config config;
	char why[ZDEDUP_WHY_MAX] = "";
	int err;

	zdedup_config_init(&config);
	config.kernel = o->kernel;
	config.compressor = o->compressor;
	config.zpool = o->zpool;
	config.hash = o->hash;
	config.dedup = dedup;
	config.seed = o->seed;
	config.lengths_only = true;
	config.totalram_pages = totalram_pages;
	config.max_pool_percent = 100;
	config.accept_threshold_percent =
		(unsigned int)o->accept_threshold_percent;
	err = zdedup_create(&config, out, why);
	if (err == -EINVAL)
		return cmd_usage("curve", "%s", why);
	if (err) {
		cmd_error("%s", *why ? why : strerror(-err));
		return CMD_INPUT;
	}
	return CMD_OK;
}

/*------------------------------------------------------------------ events */

static void drop(struct run *run, const struct trace_event *ev, uint32_t held)
{
	if (held == SLOT_EMPTY)
		return;
	if (curve_facts_fate(run->facts, held - 1) == CURVE_POOL)
		shards_drop(run->shards, ev->type, ev->slot, held - 1);
	slots_put(run->slots, ev->type, ev->slot, SLOT_EMPTY);
}

static void store(struct run *run, const struct trace_event *ev, uint32_t held)
{
	uint32_t content = pages_content(run->pages, ev->page);

	enum curve_fate fate = curve_facts_fate(run->facts, content);

	curve_facts_keep(run->facts, content);
	drop(run, ev, held);
	slots_put(run->slots, ev->type, ev->slot, content + 1);
	if (fate == CURVE_ZERO_MAP)
		return;
	run->result->stores++;
	if (fate == CURVE_POOL)
		shards_store(run->shards, ev->type, ev->slot, content);
}

static int load(struct run *run, const struct trace_event *ev, uint32_t held)
{
	if (held == SLOT_EMPTY)
		return CMD_OK;
	if (ev->page != TRACE_NO_PAGE &&
	    pages_content(run->pages, ev->page) != held - 1) {
		cmd_error("%s: event %" PRIu64
			  " loads another content than slot %" PRIu64 " holds",
			  trace_path(run->trace), ev->seq, ev->slot);
		return CMD_INPUT;
	}
	switch (curve_facts_fate(run->facts, held - 1)) {
	case CURVE_POOL:
		shards_load(run->shards, ev->type, ev->slot, held - 1);
		break;
	case CURVE_NO_BYTES:
		run->hits++;
		break;
	case CURVE_ZERO_MAP:
		break;
	}
	if (!run->loads_kept)
		drop(run, ev, held);
	return CMD_OK;
}

static int do_event(struct run *run, const struct trace_event *ev)
{
	uint32_t held = slots_get(run->slots, ev->type, ev->slot);
	g_autofree char *wrong = NULL;
	int status = CMD_OK;

	if (ev->op == TRACE_STORE)
		store(run, ev, held);
	else if (ev->op == TRACE_LOAD)
		status = load(run, ev, held);
	else
		drop(run, ev, held);
	shards_tick(run->shards);
	progress_at(++run->result->events);
	wrong = curve_facts_wrong(run->facts);
	if (!wrong)
		return status;
	cmd_error("%s", wrong);
	return CMD_INPUT;
}

static void stays(void *data, unsigned int type, uint64_t slot, uint32_t held)
{
	const struct run *run = data;

	if (curve_facts_fate(run->facts, held - 1) == CURVE_POOL)
		shards_stays(run->shards, type, slot, held - 1);
}

static int pass(struct run *run)
{
	struct trace_event ev;
	char why[WHY_MAX] = "";
	int status = CMD_OK, got;

	progress_start("curve", trace_summary(run->trace)->events);
	while ((got = trace_next(run->trace, &ev, why, sizeof(why))) > 0) {
		status = do_event(run, &ev);
		if (status)
			return status;
	}
	if (got < 0) {
		cmd_error("%s", why);
		return CMD_INPUT;
	}
	slots_each(run->slots, stays, run);
	shards_finish(run->shards);
	progress_wipe();
	return CMD_OK;
}

/*------------------------------------------------------------------- sizes */

static int compare_sizes(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void sort_sizes(struct curve_result *result)
{
	unsigned int nr = 0;

	qsort(result->sizes, result->nr, sizeof(*result->sizes),
	      compare_sizes);
	for (unsigned int i = 0; i < result->nr; i++)
		if (!nr || result->sizes[nr - 1] != result->sizes[i])
			result->sizes[nr++] = result->sizes[i];
	result->nr = nr;
}

static int parse_sizes(const char *text, struct curve_result *result)
{
	g_auto(GStrv) words = g_strsplit(text, ",", 0);

	result->nr = g_strv_length(words);
	result->sizes = g_new0(uint64_t, result->nr);
	for (unsigned int i = 0; i < result->nr; i++)
		if (!options_size(words[i], &result->sizes[i]))
			return cmd_usage("curve", "--sizes: '%s' is not a size",
					 words[i]);
	sort_sizes(result);
	return CMD_OK;
}

/* Up to the next multiple of what the counts tell apart. */
static uint64_t to_step(const struct run *run, double size)
{
	uint64_t step = shards_step(run->shards);

	return MAX(1, (uint64_t)ceil(size / (double)step)) * step;
}

static void make_grid(struct run *run)
{
	struct curve_result *result = run->result;
	double peak = (double)result->peak;
	uint64_t nr = run->options->points;
	bool linear = !strcmp(run->options->grid, "linear");

	result->nr = (unsigned int)nr;
	result->sizes = g_new0(uint64_t, nr);
	for (uint64_t i = 0; i < nr; i++) {
		double part = linear ? (double)(i + 1) / (double)nr :
			nr == 1 ? 1 :
			pow(BETWEEN, (double)i / (double)(nr - 1)) / BETWEEN;

		result->sizes[i] = to_step(run, peak * part);
	}
	sort_sizes(result);
}

static void estimate(struct run *run)
{
	struct curve_result *result = run->result;

	result->threshold = shards_threshold(run->shards);
	result->sampled_contents = shards_sampled_contents(run->shards);
	result->peak = shards_peak(run->shards);
	result->loads = shards_loads(run->shards) + run->hits;
	shards_mean(run->shards, &result->mean);
	shards_last(run->shards, &result->last);
	if (!result->sizes)
		make_grid(run);
	result->points = g_new0(struct shards_point, result->nr);
	for (unsigned int i = 0; i < result->nr; i++)
		shards_at(run->shards, result->sizes[i], run->hits,
			  &result->points[i]);
}

/*----------------------------------------------------------------- compare */

struct model {
	struct zdedup *zd;
	struct memcgs *memcgs;
	struct curve_compared *out;
};

static int model_event(struct run *run, const struct model *model,
		       const struct trace_event *ev)
{
	struct zdedup_slot slot = { ev->type, ev->slot };
	struct zdedup_facts facts;
	struct zdedup_result at;
	enum zdedup_where from;
	int err;

	if (ev->op == TRACE_STORE) {
		curve_facts_get(run->facts,
				pages_content(run->pages, ev->page), &facts);
		err = memcgs_need(model->memcgs, ev->memcg, model->zd);
		if (!err)
			err = zdedup_store_facts(model->zd, slot, ev->memcg,
						 &facts, 1, &at);
		if (!err && at.where == ZDEDUP_DEVICE)
			model->out->refused++;
		return err;
	}
	if (ev->op == TRACE_INVALIDATE) {
		err = zdedup_invalidate(model->zd, slot);
		return err == -ENOENT ? 0 : err;
	}
	err = zdedup_load(model->zd, slot, NULL, &from);
	model->out->from_pool += !err && from == ZDEDUP_POOL;
	model->out->from_device += !err && from == ZDEDUP_DEVICE;
	return err == -ENOENT ? 0 : err;
}

static int compare_pass(struct run *run, const struct model *models,
			unsigned int nr)
{
	struct trace_event ev;
	char why[WHY_MAX] = "";
	int got, err;

	progress_start("replay", run->result->events);
	while ((got = trace_next(run->trace, &ev, why, sizeof(why))) > 0) {
		for (unsigned int i = 0; i < nr; i++) {
			err = model_event(run, &models[i], &ev);
			if (!err)
				continue;
			cmd_error("%s: event %" PRIu64 ": %s",
				  trace_path(run->trace), ev.seq,
				  strerror(-err));
			return CMD_INPUT;
		}
		progress_at(ev.seq + 1);
	}
	if (got < 0)
		cmd_error("%s", why);
	progress_wipe();
	return got < 0 ? CMD_INPUT : CMD_OK;
}

static int make_model(struct run *run, struct model *model)
{
	const struct trace_summary *sum = trace_summary(run->trace);
	uint64_t pages = model->out->size / ZDEDUP_PAGE_SIZE;
	int status = create_model(run->options, run->options->dedup,
				  MAX(pages, 1), &model->zd);
	int err = 0;

	if (status)
		return status;
	model->memcgs = memcgs_load(NULL);
	if (!model->memcgs)
		return CMD_INPUT;
	for (unsigned int t = 0; t < TRACE_TYPES_MAX && !err; t++)
		if (sum->slots[t])
			err = zdedup_swapon(model->zd, t, sum->slots[t]);
	if (err) {
		cmd_error("%s: swap device: %s", trace_path(run->trace),
			  strerror(-err));
		return CMD_INPUT;
	}
	return CMD_OK;
}

/* 1/16 to 3/4 of the peak; or, of the sizes asked for, five at most. */
static void compared_sizes(struct run *run)
{
	static const double parts[CURVE_COMPARE_MAX] = {
		1. / 16, 1. / 8, 1. / 4, 1. / 2, 3. / 4
	};
	struct curve_result *result = run->result;

	result->nr_compared = CURVE_COMPARE_MAX;
	if (run->options->sizes)
		result->nr_compared = MIN(result->nr, CURVE_COMPARE_MAX);
	for (unsigned int i = 0; i < result->nr_compared; i++) {
		struct curve_compared *c = &result->compared[i];

		c->size = run->options->sizes ?
			  result->sizes[i * result->nr / result->nr_compared] :
			  to_step(run, (double)result->peak * parts[i]);
		shards_at(run->shards, c->size, run->hits, &c->point);
	}
}

static int compare(struct run *run)
{
	struct model models[CURVE_COMPARE_MAX] = { 0 };
	struct curve_result *result = run->result;
	struct zdedup_stats stats;
	int status = CMD_OK;

	compared_sizes(run);
	if (trace_rewind(run->trace)) {
		cmd_error("%s: cannot be read a second time",
			  trace_path(run->trace));
		return CMD_INPUT;
	}
	for (unsigned int i = 0; i < result->nr_compared && !status; i++) {
		models[i].out = &result->compared[i];
		status = make_model(run, &models[i]);
	}
	if (!status)
		status = compare_pass(run, models, result->nr_compared);
	for (unsigned int i = 0; i < result->nr_compared; i++) {
		if (!status) {
			zdedup_get_stats(models[i].zd, &stats);
			models[i].out->written_back = stats.written_back_pages;
		}
		zdedup_destroy(models[i].zd);
		memcgs_free(models[i].memcgs);
	}
	return status;
}

/*---------------------------------------------------------------- command */

static int prepare(struct run *run)
{
	const struct curve_options *o = run->options;
	const struct trace_summary *sum = trace_summary(run->trace);
	struct shards_options options = {
		.dedup = strcmp(o->dedup, "none") != 0,
		.sample = run->result->sampled,
		.threshold = o->threshold,
		.sample_size = o->sample_size,
		.sizes = run->result->sizes,
		.nr = run->result->nr,
	};
	struct shards_source source;
	int status;

	run->loads_kept = zdedup_kernel_keeps_loads(o->kernel);
	run->facts_path = replay_facts_path(o->facts, o->keep_facts,
					    trace_path(run->trace));
	status = curve_facts_new(run->trace, run->facts_path, o, run->probe,
				 &run->facts);
	if (status)
		return status;
	run->pages = curve_facts_pages(run->facts);
	run->slots = slots_new(sum);
	source = curve_facts_source(run->facts);
	options.known = curve_facts_known(run->facts);
	run->shards = shards_new(sum, sum->nr_pages, &options, &source);
	if (run->slots && run->shards)
		return CMD_OK;
	cmd_error("%s: out of memory", trace_path(run->trace));
	return CMD_INPUT;
}

static void destroy(struct run *run)
{
	curve_facts_free(run->facts);
	slots_free(run->slots);
	shards_free(run->shards);
	zdedup_destroy(run->zd);
	zdedup_destroy(run->probe);
	g_free(run->facts_path);
	if (run->trace)
		trace_close(run->trace);
}

void curve_result_clear(struct curve_result *result)
{
	g_free(result->codec_version);
	g_free(result->sizes);
	g_free(result->points);
}

static int write_report(const struct curve_options *o,
			const struct curve_result *result, struct output *out)
{
	if (!strcmp(o->format, "json"))
		curve_report_json(output_file(out), o, result);
	else if (!strcmp(o->format, "csv"))
		curve_report_csv(output_file(out), result);
	else
		curve_report_text(output_file(out), o, result);
	return output_commit(out);
}

int curve_run(const struct curve_options *o, const char *path,
	      struct curve_result *result)
{
	struct run run = { .options = o, .result = result };
	char why[WHY_MAX] = "";
	int status;

	*result = (struct curve_result){
		.sampled = o->threshold < SHARDS_ALL || o->sample_size,
	};
	status = o->sizes ? parse_sizes(o->sizes, result) : CMD_OK;
	if (!status)
		status = create_model(o, o->dedup, 0, &run.zd);
	if (!status)
		status = create_model(o, "none", 0, &run.probe);
	if (!status && trace_open(path, o->input_format, &run.trace, why,
				  sizeof(why))) {
		cmd_error("%s", why);
		status = CMD_INPUT;
	}
	if (!status)
		status = prepare(&run);
	if (!status)
		status = pass(&run);
	if (!status) {
		result->path = path;
		result->trace_format = trace_format(run.trace);
		result->codec_version = g_strdup(zdedup_codec_version(run.zd));
		estimate(&run);
		status = o->compare ? compare(&run) : CMD_OK;
	}
	if (!status)
		status = curve_facts_save(run.facts);
	destroy(&run);
	return status;
}

static int curve(const struct curve_options *o, const char *path)
{
	struct output *out = output_open(o->output);
	struct curve_result result;
	int status;

	if (!out)
		return CMD_INPUT;
	status = curve_run(o, path, &result);
	if (status)
		output_abandon(out);
	else
		status = write_report(o, &result, out);
	curve_result_clear(&result);
	return status;
}

/* "0.01" or "1%" */
static int parse_rate(struct curve_options *o)
{
	char *end = NULL;
	double rate;

	if (!o->sample)
		return CMD_OK;
	rate = g_ascii_strtod(o->sample, &end);
	if (end != o->sample && !strcmp(end, "%")) {
		rate /= 100;
		end++;
	}
	if (end == o->sample || *end || !(rate >= 0.000001 && rate <= 1))
		return cmd_usage("curve", "--sample '%s' is not a part from 0.000001 to 1 (0.01, 1%%)",
				 o->sample);
	o->threshold = (uint32_t)(rate * SHARDS_ALL);
	return CMD_OK;
}

static int check(struct curve_options *o)
{
	static const char *const formats[] = { "text", "json", "csv", NULL };
	static const char *const grids[] = { "log", "linear", NULL };
	static const char *const policies[] = { "none", "always", NULL };
	const char *names[32] = { NULL };

	for (unsigned int i = 0; i < G_N_ELEMENTS(names) - 1 &&
	     trace_format_name(i); i++)
		names[i] = trace_format_name(i);
	if (o->input_format && !options_among(o->input_format, names))
		return cmd_usage("curve", "unknown --input-format '%s'",
				 o->input_format);
	if (!options_among(o->format, formats))
		return cmd_usage("curve", "unknown --format '%s' (text, json or csv)",
				 o->format);
	if (!options_among(o->grid, grids))
		return cmd_usage("curve", "unknown --grid '%s' (log or linear)",
				 o->grid);
	if (!options_among(o->dedup, policies))
		return cmd_usage("curve", "--dedup '%s': a curve is there for none and always",
				 o->dedup);
	if (o->sample && o->sample_size)
		return cmd_usage("curve", "--sample and --sample-size cannot both be given");
	if (o->facts && o->keep_facts)
		return cmd_usage("curve", "--facts and --keep-facts do not go together");
	return parse_rate(o);
}

void curve_options_init(struct curve_options *o)
{
	*o = (struct curve_options){
		.kernel = "7.2", .compressor = "lz4", .zpool = "zsmalloc",
		.hash = "xxh64", .dedup = "none", .grid = "log",
		.format = "text", .seed = 1, .points = 64,
		.accept_threshold_percent = 90, .threshold = SHARDS_ALL,
	};
}

int cmd_curve(int argc, char **argv)
{
	struct curve_options o;
	const struct option_spec specs[] = {
		{ "--kernel", "7.2", OPTION_STRING, &o.kernel, "whose behaviour; 7.2", 0, 0 },
		{ "--compressor", "NAME[:level=N]", OPTION_STRING, &o.compressor, "lz4", 0, 0 },
		{ "--dedup", "none|always", OPTION_STRING, &o.dedup, "what the pool holds: each slot's page, or each content once; none", 0, 0 },
		{ "--sizes", "SIZE,...", OPTION_STRING, &o.sizes, "of the pool, instead of the grid", 0, 0 },
		{ "--grid", "log|linear", OPTION_STRING, &o.grid, "of sizes up to the peak; log", 0, 0 },
		{ "--points", "N", OPTION_NUMBER, &o.points, "of the grid; 64", 1, POINTS_MAX },
		{ "--sample", "RATE", OPTION_STRING, &o.sample, "look at this part of the contents (0.01)", 0, 0 },
		{ "--sample-size", "N", OPTION_NUMBER, &o.sample_size, "look at N contents at a time at most", 16, UINT32_MAX / 4 },
		{ "--seed", "N", OPTION_NUMBER, &o.seed, "of the sample's hash; 1", 0, UINT64_MAX },
		{ "--compare", NULL, OPTION_TRUE, &o.compare, "also replay at five sizes, in a second pass", 0, 0 },
		{ "--zpool", "NAME", OPTION_STRING, &o.zpool, "allocator of --compare; zsmalloc", 0, 0 },
		{ "--hash", "NAME", OPTION_STRING, &o.hash, "of --compare's dedup index; xxh64", 0, 0 },
		{ "--accept-threshold-percent", "N", OPTION_NUMBER, &o.accept_threshold_percent, "of --compare; 90", 0, 100 },
		{ "--facts", "FILE", OPTION_STRING, &o.facts, "keep lengths (and digests of --compare) in FILE, and take those that are there", 0, 0 },
		{ "--keep-facts", NULL, OPTION_TRUE, &o.keep_facts, "the same in TRACE.facts", 0, 0 },
		{ "--input-format", "NAME", OPTION_STRING, &o.input_format, "do not probe the trace's content", 0, 0 },
		{ "--format", "text|json|csv", OPTION_STRING, &o.format, "text", 0, 0 },
		{ "-o", "FILE", OPTION_STRING, &o.output, "instead of stdout", 0, 0 },
		{ NULL, NULL, OPTION_STRING, NULL, NULL, 0, 0 },
	};
	const struct option_table table = {
		.command = "curve",
		.usage = "curve TRACE [options]",
		.specs = specs,
		.operand = "TRACE",
		.examples = "examples:\n"
			"  zdedup curve --dedup always swap-trace/\n"
			"  zdedup curve --sample 0.01 --format csv -o curve.csv big.zdt\n"
			"  zdedup curve --sizes 16M,64M,256M --compare swap-trace/\n",
	};
	const char *path;
	int status;

	curve_options_init(&o);
	switch (options_parse(&table, argc, argv, &path)) {
	case OPTIONS_HELP:
		return CMD_OK;
	case OPTIONS_WRONG:
		return CMD_USAGE;
	default:
		break;
	}
	status = check(&o);
	return status ? status : curve(&o, path);
}
