/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report-replay.c - the object that a replay makes, field by field
 */
#include <stddef.h>
#include <string.h>

#include "report.h"

#define PAGE ZDEDUP_PAGE_SIZE

/* The kernels' counters, under their names. */
static const struct {
	const char *name;
	size_t offset;
} counters[] = {
#define COUNTER(name) { #name, offsetof(struct zdedup_stats, name) }
	COUNTER(stored_pages),
	COUNTER(pool_total_size),
	COUNTER(same_filled_pages),
	COUNTER(stored_incompressible_pages),
	COUNTER(duplicate_entry),
	COUNTER(written_back_pages),
	COUNTER(pool_limit_hit),
	COUNTER(reject_compress_fail),
	COUNTER(reject_compress_poor),
	COUNTER(reject_alloc_fail),
	COUNTER(reject_kmemcache_fail),
	COUNTER(reject_reclaim_fail),
	COUNTER(zswpout),
	COUNTER(zswpin),
	COUNTER(zswpwb),
	COUNTER(swpout_zero),
	COUNTER(swpin_zero),
	COUNTER(pswpout),
	COUNTER(pswpin),
#undef COUNTER
};

/* Those that @kernel has. */
static struct value *counters_object(const char *kernel,
				     const struct zdedup_stats *stats)
{
	struct value *object = value_object();

	for (size_t i = 0; i < G_N_ELEMENTS(counters); i++) {
		uint64_t number;

		if (!zdedup_kernel_has_counter(kernel, counters[i].name))
			continue;
		memcpy(&number, (const char *)stats + counters[i].offset,
		       sizeof(number));
		value_unsigned(object, counters[i].name, number);
	}
	return object;
}

struct value *report_trace(const char *path, const char *format,
			   const char *vantage,
			   const struct census_counts *n)
{
	struct value *object = value_object();

	value_string(object, "path", path);
	value_string(object, "format", format);
	value_string(object, "vantage", vantage);
	value_unsigned(object, "events", n->events);
	value_unsigned(object, "stores", n->stores);
	value_unsigned(object, "loads", n->loads);
	value_unsigned(object, "invalidates", n->invalidates);
	value_unsigned(object, "unique_pages", n->unique_pages);
	value_unsigned(object, "zero_pages", n->zero_stores);
	value_unsigned(object, "same_filled_pages", n->same_filled_stores);
	value_unsigned(object, "resident_duplicate_stores",
		       n->resident_duplicate_stores);
	value_unsigned(object, "restores", n->restores);
	value_unsigned(object, "unique_stores", n->unique_stores);
	return object;
}

static struct value *config_object(const struct replay_options *options,
				   const struct replay_result *result)
{
	g_autofree char *zpool = g_strndup(options->zpool,
					   strcspn(options->zpool, ":"));
	struct value *object = value_object();

	value_string(object, "kernel", options->kernel);
	value_string(object, "loads", zdedup_kernel_keeps_loads(options->kernel) ?
				      "kept" : "exclusive");
	value_string(object, "compressor", options->compressor);
	value_string(object, "codec_version", result->codec_version);
	value_bool(object, "codec_exact", !result->codec_note);
	value_string(object, "zpool", options->zpool);
	if (!zdedup_kernel_has_zpool(options->kernel, zpool))
		value_bool(object, "not_in_this_kernel", true);
	value_string(object, "hash", options->hash);
	value_string(object, "dedup", options->dedup);
	value_string(object, "compare", options->compare);
	/* two pages of equal digest are taken for equal */
	if (!strcmp(options->compare, "trust") && replay_dedups(options))
		value_bool(object, "unsafe", true);
	value_string(object, "charge", options->charge);
	value_string(object, "domain", options->domain);
	value_string(object, "writeback", options->writeback);
	value_string(object, "memcg_config", options->memcg_config);
	value_unsigned(object, "seed", options->seed);
	value_unsigned(object, "totalram_pages",
		       replay_totalram_pages(options));
	value_unsigned(object, "max_pool_percent", options->max_pool_percent);
	value_unsigned(object, "accept_threshold_percent",
		       options->accept_threshold_percent);
	value_bool(object, "verify", result->verified);
	return object;
}

static struct value *density_object(const struct sample *s)
{
	struct value *object = value_object();
	__int128 bytes = (__int128)s->v[SAMPLE_STORED_PAGES] * PAGE;
	uint64_t pool = s->v[SAMPLE_POOL_BYTES];
	uint64_t metadata = s->v[SAMPLE_METADATA_BYTES];

	value_unsigned(object, "payload_bytes", s->v[SAMPLE_PAYLOAD_BYTES]);
	value_unsigned(object, "pool_bytes", pool);
	value_quotient(object, "ratio", bytes, pool);
	value_unsigned(object, "metadata_bytes", metadata);
	value_quotient(object, "ratio_net", bytes, (__int128)pool + metadata);
	return object;
}

static void add_sharing(struct value *object, const struct sample *s)
{
	value_unsigned(object, "pages_shared", s->v[SAMPLE_PAGES_SHARED]);
	value_unsigned(object, "pages_sharing", s->v[SAMPLE_PAGES_SHARING]);
	value_unsigned(object, "pages_unshared", s->v[SAMPLE_PAGES_UNSHARED]);
	value_unsigned(object, "metadata_bytes",
		       s->v[SAMPLE_DEDUP_METADATA_BYTES]);
}

/* With a limit the two runs hold different pages: their difference is no saving. */
static void add_saved(struct value *object, const struct sample *s,
		      bool diverged)
{
	if (diverged) {
		value_null(object, "saved_bytes_gross");
		value_null(object, "saved_bytes_net");
		value_null(object, "saved_percent_net");
		return;
	}
	value_signed(object, "saved_bytes_gross", sample_saved_gross(s));
	value_signed(object, "saved_bytes_net", sample_saved_net(s));
	value_quotient(object, "saved_percent_net",
		       (__int128)sample_saved_net(s) * 100,
		       s->v[SAMPLE_BASELINE_POOL_BYTES]);
}

static bool diverged(const struct replay_result *result)
{
	return result->has_baseline && result->limited;
}

static struct value *dedup_object(const struct replay_result *result)
{
	const struct zdedup_stats *stats = &result->stats;
	struct value *object = value_object();

	value_unsigned(object, "lookups", stats->lookups);
	if (result->stand_in) {
		/* what this hash confuses, another hash's digests do not tell */
		value_null(object, "candidates");
		value_null(object, "compares");
	} else {
		value_unsigned(object, "candidates", stats->candidates);
		value_unsigned(object, "compares", stats->compares);
	}
	value_unsigned(object, "hits", stats->hits);
	if (result->stand_in)
		value_null(object, "false_positives");
	else
		value_unsigned(object, "false_positives",
			       stats->false_positives);
	value_unsigned(object, "sharers_full", stats->sharers_full);
	value_unsigned(object, "pages_scanned", stats->pages_scanned);
	value_unsigned(object, "full_scans", stats->full_scans);
	value_unsigned(object, "contents", stats->contents);
	add_sharing(object, &result->over_time.last);
	add_saved(object, &result->over_time.last, diverged(result));
	value_quotient(object, "hit_rate", stats->hits, stats->lookups);
	return object;
}

static struct value *hits_object(const struct replay_hits *hits)
{
	struct value *object = value_object();

	value_unsigned(object, "loads", hits->loads);
	value_unsigned(object, "from_pool", hits->from_pool);
	value_unsigned(object, "from_device", hits->from_device);
	value_unsigned(object, "from_zero", hits->from_zero);
	value_unsigned(object, "kept_in_memory", hits->kept);
	value_unsigned(object, "absent", hits->absent);
	value_quotient(object, "hit_rate", hits->from_pool,
		       (__int128)hits->from_pool + hits->from_device);
	return object;
}

/* @event: events done when it was so; 0: it is no moment. */
static struct value *sample_object(const struct sample *s, uint64_t event,
				   bool no_savings)
{
	struct value *object = value_object();
	struct value *inner = value_object();

	if (event)
		value_unsigned(object, "event", event);
	value_unsigned(inner, "stored_pages", s->v[SAMPLE_STORED_PAGES]);
	value_add(object, "counters", inner);
	value_add(object, "density", density_object(s));
	inner = value_object();
	add_sharing(inner, s);
	add_saved(inner, s, no_savings);
	value_add(object, "dedup", inner);
	return object;
}

static struct value *over_time_object(const struct replay_result *result)
{
	const struct over_time *ot = &result->over_time;
	struct value *object = value_object();

	if (!ot->events) {
		value_null(object, "at_peak");
		value_null(object, "mean");
		value_null(object, "last");
		return object;
	}
	value_add(object, "at_peak",
		  sample_object(&ot->at_peak, ot->peak, diverged(result)));
	value_add(object, "mean", sample_object(&ot->mean, 0, diverged(result)));
	value_add(object, "last",
		  sample_object(&ot->last, ot->events, diverged(result)));
	return object;
}

static struct value *checkpoint_row(const void *data, uint64_t i)
{
	const struct replay_result *result = data;
	const struct replay_checkpoint *checkpoint =
		&g_array_index(result->checkpoints, struct replay_checkpoint, i);
	struct value *object = value_object();

	value_unsigned(object, "event", checkpoint->event);
	value_add(object, "counters", counters_object(result->kernel,
						    &checkpoint->stats));
	return object;
}

static void add_rounded(struct value *object, const char *name, uint64_t ns,
			uint64_t calls)
{
	if (calls)
		value_unsigned(object, name, (ns + calls / 2) / calls);
	else
		value_null(object, name);
}

static struct value *timing_object(const struct timing *t)
{
	static const struct {
		const char *name;
		enum zdedup_stage stage;
	} stages[] = {
		{ "classify", ZDEDUP_STAGE_CLASSIFY },
		{ "hash", ZDEDUP_STAGE_HASH },
		{ "lookup", ZDEDUP_STAGE_LOOKUP },
		{ "compare", ZDEDUP_STAGE_COMPARE },
		{ "compress", ZDEDUP_STAGE_COMPRESS },
		{ "allocate", ZDEDUP_STAGE_ALLOCATE },
	};
	uint64_t stores = t->calls[TIMING_STORE], loads = t->calls[TIMING_LOAD];
	struct value *object = value_object();
	struct value *inner = value_object();

	value_quotient(object, "seconds", t->seconds_ns, 1000000000);
	add_rounded(object, "cpu_ns_per_store", timing_verb_ns(t, TIMING_STORE),
		    stores);
	add_rounded(object, "cpu_ns_per_load", timing_verb_ns(t, TIMING_LOAD),
		    loads);
	for (size_t i = 0; i < G_N_ELEMENTS(stages); i++) {
		const uint64_t *ns = t->stages_ns[TIMING_STORE];
		uint64_t sum = ns[stages[i].stage];

		/* a store decompresses nothing but candidates */
		if (stages[i].stage == ZDEDUP_STAGE_COMPARE)
			sum += ns[ZDEDUP_STAGE_DECOMPRESS];
		add_rounded(inner, stages[i].name, sum, stores);
	}
	add_rounded(inner, "scan", timing_scan_ns(t), stores);
	add_rounded(inner, "decompress",
		    t->stages_ns[TIMING_LOAD][ZDEDUP_STAGE_DECOMPRESS], loads);
	value_add(object, "stages", inner);
	return object;
}

struct value *report_replay(const struct replay_options *options,
			    const struct replay_result *result)
{
	struct value *report = value_object();
	struct value *trace = report_trace(result->path, result->format,
					   result->vantage, &result->counts);

	value_string(report, "schema", "zdedup.replay/1");
	value_unsigned(trace, "restores_put_in", result->put_in);
	value_add(report, "trace", trace);
	value_add(report, "config", config_object(options, result));
	value_add(report, "counters", counters_object(result->kernel,
						    &result->stats));
	value_add(report, "density", density_object(&result->over_time.last));
	value_add(report, "hits", hits_object(&result->hits));
	value_add(report, "dedup", dedup_object(result));
	if (result->has_baseline)
		value_add(report, "baseline",
			  counters_object(result->kernel, &result->baseline));
	value_add(report, "over_time", over_time_object(result));
	if (result->checkpoints)
		value_add(report, "checkpoints",
			  value_rows(checkpoint_row, result,
				     result->checkpoints->len));
	if (options->timing)
		value_add(report, "timing", timing_object(&result->timing));
	return report;
}
