/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * curve-report.c - the three ways a curve is written
 */
#include "curve-run.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "report.h"
#include "value.h"

#define BAR 32

/* To 4 decimals; NULL in JSON for what is not there. */
static void add_number(struct value *object, const char *name, double number)
{
	if (number < 0)
		value_null(object, name);
	else
		value_decimal(object, name, llround(number * VALUE_SCALE));
}

static void add_count(struct value *object, const char *name, double number)
{
	value_unsigned(object, name, (uint64_t)llround(number));
}

static void add_interval(struct value *object, const char *name,
			 const struct shards_estimate *e, bool rate)
{
	struct value *interval = value_object();

	if (rate && e->value < 0) {
		value_free(interval);
		value_null(object, name);
		return;
	}
	if (rate) {
		add_number(interval, "low", e->low);
		add_number(interval, "high", e->high);
	} else {
		add_count(interval, "low", e->low);
		add_count(interval, "high", e->high);
	}
	value_add(object, name, interval);
}

static struct value *point_object(uint64_t size,
				  const struct shards_point *point,
				  bool sampled)
{
	struct value *row = value_object();

	value_unsigned(row, "size", size);
	add_number(row, "hit_rate", point->hit_rate.value);
	if (sampled)
		add_interval(row, "hit_rate_95", &point->hit_rate, true);
	add_count(row, "writebacks", point->writebacks.value);
	if (sampled)
		add_interval(row, "writebacks_95", &point->writebacks, false);
	add_count(row, "content_writebacks", point->content_writebacks.value);
	if (sampled)
		add_interval(row, "content_writebacks_95",
			     &point->content_writebacks, false);
	return row;
}

/*
 * Pages per content, and which part of the pages is a content's second, third ...
 * Known of all, so that the interval of a sample has no width.
 */
static struct value *sharing_object(const struct shards_sharing *s,
				    bool sampled)
{
	double percent = s->pages > 0 ? 100 * (1 - s->contents / s->pages) : -1;
	struct value *object = value_object(), *interval;

	add_number(object, "pages", s->pages);
	add_number(object, "contents", s->contents);
	add_number(object, "ratio", s->contents > 0 ? s->pages / s->contents :
						      -1);
	add_number(object, "duplicate_percent", percent);
	if (sampled && s->pages > 0) {
		interval = value_object();
		add_number(interval, "low", percent);
		add_number(interval, "high", percent);
		value_add(object, "duplicate_percent_95", interval);
	}
	return object;
}

static struct value *config_object(const struct curve_options *o,
				   const struct curve_result *result)
{
	struct value *config = value_object();

	value_string(config, "kernel", o->kernel);
	value_string(config, "compressor", o->compressor);
	value_string(config, "codec_version", result->codec_version);
	value_string(config, "dedup", o->dedup);
	value_unsigned(config, "seed", o->seed);
	value_string(config, "sample", !result->sampled ? "all" :
		     o->sample_size ? "size" : "rate");
	if (o->sample_size)
		value_unsigned(config, "sample_size", o->sample_size);
	if (result->sampled)
		add_number(config, "rate_percent",
			   100. * result->threshold / SHARDS_ALL);
	return config;
}

static double replayed_rate(const struct curve_compared *c)
{
	uint64_t loads = c->from_pool + c->from_device;

	return loads ? (double)c->from_pool / (double)loads : -1;
}

static struct value *compared_object(const struct curve_compared *c)
{
	struct value *row = value_object();
	double rate = replayed_rate(c);

	value_unsigned(row, "size", c->size);
	add_number(row, "hit_rate", c->point.hit_rate.value);
	add_number(row, "replay_hit_rate", rate);
	if (rate < 0)
		value_null(row, "hit_rate_distance");
	else
		value_decimal(row, "hit_rate_distance",
			      llround((rate - c->point.hit_rate.value) *
				      VALUE_SCALE));
	add_count(row, "writebacks", c->point.writebacks.value);
	value_unsigned(row, "replay_written_back_pages", c->written_back);
	value_unsigned(row, "replay_refused_pages", c->refused);
	return row;
}

void curve_report_json(FILE *file, const struct curve_options *options,
		       const struct curve_result *result)
{
	struct value *report = value_object(), *trace = value_object();
	struct value *dedup = value_object(), *points = value_array();
	struct value *compared;

	value_string(report, "schema", "zdedup.curve/1");
	value_string(trace, "path", result->path);
	value_string(trace, "format", result->trace_format);
	value_unsigned(trace, "events", result->events);
	value_add(report, "trace", trace);
	value_add(report, "config", config_object(options, result));
	value_unsigned(report, "stores", result->stores);
	value_unsigned(report, "loads", result->loads);
	value_unsigned(report, "peak_bytes", result->peak);
	if (result->sampled)
		value_unsigned(report, "sampled_contents",
			       result->sampled_contents);
	value_add(dedup, "mean", sharing_object(&result->mean,
						result->sampled));
	value_add(dedup, "last", sharing_object(&result->last,
						result->sampled));
	value_add(report, "dedup", dedup);
	for (unsigned int i = 0; i < result->nr; i++)
		value_add(points, NULL, point_object(result->sizes[i],
						     &result->points[i],
						     result->sampled));
	value_add(report, "points", points);
	if (result->nr_compared) {
		compared = value_array();
		for (unsigned int i = 0; i < result->nr_compared; i++)
			value_add(compared, NULL,
				  compared_object(&result->compared[i]));
		value_add(report, "compare", compared);
	}
	report_json(file, report);
	value_free(report);
}

/*--------------------------------------------------------------------- csv */

static void csv_rate(FILE *file, double rate)
{
	if (rate < 0)
		fputc(',', file);
	else
		fprintf(file, ",%.4f", rate);
}

/* A line for each size; the columns of the intervals only where there are some. */
void curve_report_csv(FILE *file, const struct curve_result *result)
{
	fprintf(file, "size,hit_rate,writebacks,content_writebacks%s\n",
		result->sampled ?
		",hit_rate_low,hit_rate_high,writebacks_low,writebacks_high" :
		"");
	for (unsigned int i = 0; i < result->nr; i++) {
		const struct shards_point *p = &result->points[i];
		bool loads = p->hit_rate.value >= 0;

		fprintf(file, "%" PRIu64, result->sizes[i]);
		csv_rate(file, p->hit_rate.value);
		fprintf(file, ",%.0f,%.0f", p->writebacks.value,
			p->content_writebacks.value);
		if (result->sampled) {
			csv_rate(file, loads ? p->hit_rate.low : -1);
			csv_rate(file, loads ? p->hit_rate.high : -1);
			fprintf(file, ",%.0f,%.0f", p->writebacks.low,
				p->writebacks.high);
		}
		fputc('\n', file);
	}
}

/*-------------------------------------------------------------------- text */

static void text_rate(FILE *file, double rate)
{
	if (rate < 0)
		fprintf(file, " %8s", "-");
	else
		fprintf(file, " %6.2f %%", 100 * rate);
}

/* Of the hits; of the writebacks where nothing is ever loaded. */
static void text_bar(FILE *file, const struct shards_point *p, double most)
{
	double part = p->hit_rate.value >= 0 ? p->hit_rate.value :
		      most > 0 ? p->writebacks.value / most : 0;
	int full = (int)lround(part * BAR);

	fputs("  |", file);
	for (int i = 0; i < BAR; i++)
		fputc(i < full ? '#' : ' ', file);
	fputs("|\n", file);
}

static void text_points(FILE *file, const struct curve_result *result)
{
	char size[REPORT_BYTES_MAX];
	double most = result->nr ? result->points[0].writebacks.value : 0;

	fprintf(file, "\n%12s %8s%s %12s%s\n", "pool, bytes", "hits",
		result->sampled ? "  +-    " : "", "writebacks",
		result->sampled ? " +-        " : "");
	for (unsigned int i = 0; i < result->nr; i++) {
		const struct shards_point *p = &result->points[i];

		fprintf(file, "%12s", report_bytes(size,
						(int64_t)result->sizes[i]));
		text_rate(file, p->hit_rate.value);
		if (result->sampled)
			fprintf(file, " %5.2f  ", p->hit_rate.value < 0 ? 0 :
				50 * (p->hit_rate.high - p->hit_rate.low));
		fprintf(file, " %12.0f", p->writebacks.value);
		if (result->sampled)
			fprintf(file, " %10.0f", (p->writebacks.high -
						  p->writebacks.low) / 2);
		text_bar(file, p, most);
	}
}

static void text_sharing(FILE *file, const char *name,
			 const struct shards_sharing *s)
{
	if (s->pages <= 0 || s->contents <= 0)
		return;
	fprintf(file, "%s: %.0f pages, %.0f contents: %.4f pages per content, %.2f %% duplicates\n",
		name, s->pages, s->contents, s->pages / s->contents,
		100 * (1 - s->contents / s->pages));
}

static void text_compared(FILE *file, const struct curve_result *result)
{
	char size[REPORT_BYTES_MAX];

	fprintf(file, "\nReplayed with that limit\n%12s %8s %8s %12s %12s %12s\n",
		"pool, bytes", "curve", "replay", "writebacks", "written back",
		"refused");
	for (unsigned int i = 0; i < result->nr_compared; i++) {
		const struct curve_compared *c = &result->compared[i];

		fprintf(file, "%12s",
			report_bytes(size, (int64_t)c->size));
		text_rate(file, c->point.hit_rate.value);
		text_rate(file, replayed_rate(c));
		fprintf(file, " %12.0f %12" PRIu64 " %12" PRIu64 "\n",
			c->point.writebacks.value, c->written_back,
			c->refused);
	}
}

void curve_report_text(FILE *file, const struct curve_options *options,
		       const struct curve_result *result)
{
	char peak[REPORT_BYTES_MAX];

	fprintf(file, "%s (%s): %" PRIu64 " events: %" PRIu64 " stores, %"
		PRIu64 " loads, zero pages apart\n", result->path,
		result->trace_format, result->events, result->stores,
		result->loads);
	fprintf(file, "An ideal LRU pool, %s, dedup %s; at most %s are stored",
		options->compressor, options->dedup,
		report_bytes(peak, (int64_t)result->peak));
	if (result->sampled)
		fprintf(file, "; from %" PRIu64 " contents, %.4g %% of all (seed %"
			PRIu64 ")", result->sampled_contents,
			100. * result->threshold / SHARDS_ALL, options->seed);
	fputc('\n', file);
	text_sharing(file, "On average", &result->mean);
	text_sharing(file, "At the end", &result->last);
	if (!result->stores) {
		fputs("This trace holds NO STORE that a pool would see.\n",
		      file);
		return;
	}
	text_points(file, result);
	if (result->nr_compared)
		text_compared(file, result);
}
