/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * engine.c - one pass over a trace
 *
 * Each event goes to the census (what the trace itself says), to the model, and,
 * with dedup and a limit, to a second model without dedup. The census is the
 * authority: what a load returns is compared with the trace's own bytes.
 *
 * A model that nobody asks for bytes, neither to verify them nor to time how they
 * are made, holds none: it is told of each page what its content is known to be
 * (facts.h), so that a content is compressed once however often it is stored.
 */
#include "engine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "facts.h"
#include "memcgs.h"
#include "progress.h"
#include "vantage.h"

#define PAGE ZDEDUP_PAGE_SIZE
#define WHY_MAX 1024u

G_STATIC_ASSERT(ZDEDUP_PAGE_SIZE == TRACE_PAGE_SIZE);
G_STATIC_ASSERT(ZDEDUP_TYPES_MAX >= TRACE_TYPES_MAX);

/**
 * struct engine - one run
 * @zd:       the model
 * @has_bytes: @zd holds the pages' bytes
 * @base:     with a limit, the same without dedup, and without bytes: it may store other
 *            pages. Without one it would store the same, and @zd's shadow pool tells its size
 * @facts:    of the trace's contents, for the models that hold no bytes
 * @next:     the event read ahead, when @has_next: a folio ends where another begins
 * @folio:    the events of the folio under way, @bytes its pages back to back
 * @due:      the next checkpoint, in events
 */
struct engine {
	const struct replay_options *options;
	struct zdedup *zd;
	bool has_bytes;
	struct zdedup *base;
	struct facts *facts;
	struct memcgs *memcgs;
	struct trace *trace;
	struct census census;
	struct replay_result *result;
	struct trace_event next;
	bool has_next;
	struct trace_event *folio;
	struct vantage disk;	/* its slots are NULL: no swap disk recorded the trace */
	uint8_t *bytes;
	uint64_t due;
	uint8_t page[ZDEDUP_PAGE_SIZE];
};

uint64_t replay_totalram_pages(const struct replay_options *options)
{
	return options->totalram / PAGE;
}

/* The name of a word: up to its options. */
static bool is_none(const char *word)
{
	return !strncmp(word, "none", 4) && (!word[4] || word[4] == ':');
}

/* Verification needs the bytes; so does timing: it is theirs. */
static bool needs_bytes(const struct replay_options *options)
{
	return options->verify || options->timing;
}

static int create_model(const struct replay_options *options, bool baseline,
			bool shadow, struct zdedup **out)
{
	struct zdedup_config config;
	char why[ZDEDUP_WHY_MAX] = "";
	int err;

	zdedup_config_init(&config);
	config.kernel = options->kernel;
	config.compressor = options->compressor;
	config.zpool = options->zpool;
	config.hash = options->hash;
	config.dedup = baseline ? "none" : options->dedup;
	config.seed = options->seed;
	config.totalram_pages = replay_totalram_pages(options);
	config.max_pool_percent = (unsigned int)options->max_pool_percent;
	config.accept_threshold_percent =
		(unsigned int)options->accept_threshold_percent;
	config.verify = options->verify && !baseline;
	config.lengths_only = baseline || !needs_bytes(options);
	config.shadow = shadow;
	err = zdedup_create(&config, out, why);
	if (err == -EINVAL)
		return cmd_usage("replay", "%s", why);
	if (err) {
		cmd_error("%s", *why ? why : strerror(-err));
		return CMD_INPUT;
	}
	return CMD_OK;
}

int engine_create(const struct replay_options *options, struct engine **out)
{
	struct engine *engine = g_new0(struct engine, 1);
	bool dedup = !is_none(options->dedup), limited;
	int status, err;

	*out = engine;
	engine->options = options;
	engine->has_bytes = needs_bytes(options);
	engine->memcgs = memcgs_load(options->memcg_config);
	if (!engine->memcgs)
		return CMD_INPUT;
	limited = replay_totalram_pages(options) ||
		  memcgs_limited(engine->memcgs);
	status = create_model(options, false, dedup && !limited, &engine->zd);
	if (!status && dedup && limited)
		status = create_model(options, true, false, &engine->base);
	if (status)
		return status;
	err = memcgs_build(engine->memcgs, engine->zd);
	if (!err && engine->base)
		err = memcgs_build(engine->memcgs, engine->base);
	if (err) {
		cmd_error("%s: %s", options->memcg_config, strerror(-err));
		return CMD_INPUT;
	}
	return CMD_OK;
}

void engine_destroy(struct engine *engine)
{
	if (!engine)
		return;
	zdedup_destroy(engine->zd);
	zdedup_destroy(engine->base);
	memcgs_free(engine->memcgs);
	census_destroy(&engine->census);
	facts_free(engine->facts);
	vantage_end(&engine->disk);
	g_free(engine->folio);
	g_free(engine->bytes);
	g_free(engine);
}

void replay_result_clear(struct replay_result *result)
{
	g_free(result->codec_version);
	g_free(result->codec_note);
	if (result->checkpoints)
		g_array_unref(result->checkpoints);
}

/* One line about an event; returns @status. */
static int event_error(const struct engine *engine,
		       const struct trace_event *ev, int status,
		       const char *what)
{
	g_autofree char *device = ev->type ?
		g_strdup_printf(" of device %u", ev->type) : g_strdup("");

	cmd_error("%s: event %" PRIu64 ": slot %" PRIu64 "%s %s",
		  trace_path(engine->trace), ev->seq, ev->slot, device, what);
	return status;
}

static int model_error(const struct engine *engine,
		       const struct trace_event *ev, const char *verb, int err)
{
	g_autofree char *what = g_strdup_printf("%s: %s", verb, strerror(-err));

	return event_error(engine, ev, CMD_INPUT, what);
}

static struct zdedup_slot slot_of(const struct trace_event *ev)
{
	return (struct zdedup_slot){ .type = ev->type, .offset = ev->slot };
}

/*----------------------------------------------------------------- stores */

static void get_facts(struct engine *engine, const struct trace_event *ev,
		      struct zdedup_facts *out)
{
	facts_get(engine->facts, engine->zd,
		  pages_content(engine->census.pages, ev->page),
		  trace_page(engine->trace, ev->page), out);
}

/* The pages of a folio back to back: those of a single page are there already. */
static const void *folio_bytes(struct engine *engine,
			       const struct trace_event *evs, unsigned int nr)
{
	if (nr == 1)
		return trace_page(engine->trace, evs->page);
	if (!engine->bytes)
		engine->bytes = g_malloc((size_t)ZDEDUP_FOLIO_PAGES_MAX * PAGE);
	for (unsigned int i = 0; i < nr; i++)
		memcpy(engine->bytes + (size_t)i * PAGE,
		       trace_page(engine->trace, evs[i].page), PAGE);
	return engine->bytes;
}

static int store_bytes(struct engine *engine, const struct trace_event *evs,
		       unsigned int nr, struct zdedup_result *at)
{
	struct timing *timing = engine->options->timing ?
				&engine->result->timing : NULL;
	const void *pages = folio_bytes(engine, evs, nr);
	int err;

	if (timing)
		timing_begin(timing, TIMING_STORE);
	err = zdedup_store_folio(engine->zd, slot_of(evs), evs->memcg, pages,
				 nr, at);
	if (timing)
		timing_end(timing, nr);
	return err;
}

static int store_facts(struct engine *engine, const struct trace_event *evs,
		       unsigned int nr, struct zdedup_result *at)
{
	struct zdedup_facts facts[ZDEDUP_FOLIO_PAGES_MAX];
	int err = 0;

	for (unsigned int i = 0; i < nr; i++)
		get_facts(engine, &evs[i], &facts[i]);
	if (!engine->has_bytes)
		err = zdedup_store_facts(engine->zd, slot_of(evs), evs->memcg,
					 facts, nr, at);
	if (!err && engine->base)
		err = zdedup_store_facts(engine->base, slot_of(evs),
					 evs->memcg, facts, nr, NULL);
	return err;
}

/* One folio, most often of one page. */
static int store(struct engine *engine, const struct trace_event *evs,
		 unsigned int nr)
{
	struct zdedup_result at;
	int err = 0;

	if (engine->has_bytes)
		err = store_bytes(engine, evs, nr, &at);
	if (!err && engine->facts)
		err = store_facts(engine, evs, nr, &at);
	if (err)
		return model_error(engine, evs, "cannot be stored", err);
	for (unsigned int i = 0; at.where == ZDEDUP_RESIDENT && i < nr; i++)
		census_kept(&engine->census, &evs[i]);
	return CMD_OK;
}

/*------------------------------------------------------ loads, invalidates */

/* The trace against itself: does the load name what the slot holds? */
static int check_trace(struct engine *engine, const struct trace_event *ev,
		       uint32_t held)
{
	g_autofree char *device = NULL;

	if (ev->page == TRACE_NO_PAGE || held == SLOT_EMPTY ||
	    held == SLOT_KEPT ||
	    pages_content(engine->census.pages, ev->page) == held - 1)
		return CMD_OK;
	device = ev->type ? g_strdup_printf(" of device %u", ev->type) : NULL;
	cmd_error("%s: event %" PRIu64 " loads another content than slot %"
		  PRIu64 "%s holds", trace_path(engine->trace), ev->seq,
		  ev->slot, device ? device : "");
	return CMD_INPUT;
}

/* The model against the trace: the same bytes, by comparing all of them. */
static int check_bytes(struct engine *engine, const struct trace_event *ev,
		       uint32_t held)
{
	if (!engine->options->verify ||
	    !memcmp(engine->page, trace_page(engine->trace, held - 1), PAGE))
		return CMD_OK;
	return event_error(engine, ev, CMD_FAILED,
			   "came back with other bytes than were stored");
}

static int count_load(struct engine *engine, const struct trace_event *ev,
		      uint32_t held, int err, enum zdedup_where from)
{
	struct replay_hits *hits = &engine->result->hits;

	hits->loads++;
	if (err == -EIO)
		return event_error(engine, ev, CMD_FAILED,
				   "came back damaged");
	if (err && err != -ENOENT)
		return model_error(engine, ev, "cannot be loaded", err);
	if (held == SLOT_EMPTY || held == SLOT_KEPT) {
		if (!err)
			return event_error(engine, ev, CMD_FAILED,
				"is empty and the model returned a page");
		if (held == SLOT_KEPT)
			hits->kept++;
		else
			hits->absent++;
		return CMD_OK;
	}
	if (err)
		return event_error(engine, ev, CMD_FAILED,
				   "was stored to and the model lost the page");
	hits->from_pool += from == ZDEDUP_POOL;
	hits->from_device += from == ZDEDUP_DEVICE;
	hits->from_zero += from == ZDEDUP_ZERO;
	return check_bytes(engine, ev, held);
}

static int load_one(struct engine *engine, const struct trace_event *ev,
		    uint32_t held)
{
	struct timing *timing = engine->options->timing ?
				&engine->result->timing : NULL;
	enum zdedup_where from = ZDEDUP_POOL;
	int err, base_err;

	if (timing)
		timing_begin(timing, TIMING_LOAD);
	err = zdedup_load(engine->zd, slot_of(ev), engine->page, &from);
	if (timing)
		timing_end(timing, err ? 0 : 1);
	if (engine->base) {
		base_err = zdedup_load(engine->base, slot_of(ev), NULL, NULL);
		if (base_err && base_err != -ENOENT)
			return model_error(engine, ev,
				"cannot be loaded without dedup", base_err);
	}
	return count_load(engine, ev, held, err, from);
}

static int invalidate_one(struct engine *engine, const struct trace_event *ev,
			  uint32_t held)
{
	int err = zdedup_invalidate(engine->zd, slot_of(ev));

	if (engine->base)
		zdedup_invalidate(engine->base, slot_of(ev));
	if (err && err != -ENOENT)
		return model_error(engine, ev, "cannot be freed", err);
	if (held == SLOT_EMPTY)
		engine->result->hits.absent++;
	if (!err != (held != SLOT_EMPTY && held != SLOT_KEPT))
		return event_error(engine, ev, CMD_FAILED,
			err ? "was stored to and the model lost the page" :
			      "is empty and the model held a page");
	return CMD_OK;
}

/*------------------------------------------------------------------ events */

/* 1, 0 at the end, or a negative errno after one line. */
static int next_event(struct engine *engine, struct trace_event *ev)
{
	char why[WHY_MAX] = "";
	int got;

	if (engine->has_next) {
		engine->has_next = false;
		*ev = engine->next;
		return 1;
	}
	got = trace_next(engine->trace, ev, why, sizeof(why));
	if (got < 0)
		cmd_error("%s", why);
	if (got > 0 && engine->disk.slots &&
	    vantage_step(&engine->disk, ev) == VANTAGE_STORE_FIRST) {
		engine->next = *ev;
		engine->has_next = true;
		ev->op = TRACE_STORE;
	}
	return got;
}

/* Reads on while the stores belong to @ev's folio; returns its pages or an error. */
static int gather_folio(struct engine *engine, const struct trace_event *ev)
{
	unsigned int nr = 1;
	int got;

	if (!engine->folio)
		engine->folio = g_new(struct trace_event,
				      ZDEDUP_FOLIO_PAGES_MAX);
	engine->folio[0] = *ev;
	while (nr < ZDEDUP_FOLIO_PAGES_MAX) {
		struct trace_event *next = &engine->folio[nr];

		got = next_event(engine, next);
		if (got < 0)
			return got;
		if (!got)
			break;
		if (next->op != TRACE_STORE || next->folio != ev->folio ||
		    next->type != ev->type || next->memcg != ev->memcg ||
		    next->slot != ev->slot + nr) {
			engine->next = *next;
			engine->has_next = true;
			break;
		}
		nr++;
	}
	return (int)nr;
}

static void get_stats(struct engine *engine)
{
	struct replay_result *result = engine->result;

	zdedup_get_stats(engine->zd, &result->stats);
	if (engine->base) {
		zdedup_get_stats(engine->base, &result->baseline);
		return;
	}
	/* without a limit, all but the pool's size is the same */
	result->baseline = result->stats;
	result->baseline.pool_total_size = result->stats.shadow_pool_size;
}

/* What the pool would hold now without dedup. */
static uint64_t baseline_pool(struct engine *engine,
			      const struct zdedup_sizes *sizes)
{
	struct zdedup_sizes without;

	if (!engine->result->has_baseline)
		return sizes->pool_total_size;
	if (!engine->base)
		return sizes->shadow_pool_size;
	zdedup_get_sizes(engine->base, &without);
	return without.pool_total_size;
}

/* @nr events are done: take the samples. */
static void after_events(struct engine *engine, unsigned int nr)
{
	struct replay_result *result = engine->result;
	struct replay_checkpoint checkpoint;
	struct zdedup_sizes sizes;

	zdedup_get_sizes(engine->zd, &sizes);
	over_time_add(&result->over_time, nr, &sizes,
		      baseline_pool(engine, &sizes));
	if (result->checkpoints && engine->census.n.events >= engine->due) {
		checkpoint.event = engine->census.n.events;
		zdedup_get_stats(engine->zd, &checkpoint.stats);
		g_array_append_val(result->checkpoints, checkpoint);
		engine->due = checkpoint.event -
			checkpoint.event % engine->options->checkpoint_every +
			engine->options->checkpoint_every;
	}
	progress_at(engine->census.n.events);
}

static int do_stores(struct engine *engine, const struct trace_event *ev,
		     unsigned int *nr)
{
	int got = 1, err;

	err = memcgs_need(engine->memcgs, ev->memcg, engine->zd, engine->base);
	if (err)
		return model_error(engine, ev, "names a memcg that cannot be made",
				   err);
	if (ev->folio) {
		got = gather_folio(engine, ev);
		if (got < 0)
			return CMD_INPUT;
	}
	*nr = (unsigned int)got;
	if (*nr > 1)
		ev = engine->folio;
	for (unsigned int i = 0; i < *nr; i++)
		census_event(&engine->census, &ev[i]);
	return store(engine, ev, *nr);
}

static int do_events(struct engine *engine, const struct trace_event *ev)
{
	unsigned int nr = 1;
	uint32_t held;
	int status;

	if (ev->op == TRACE_STORE) {
		status = do_stores(engine, ev, &nr);
	} else {
		held = census_held(&engine->census, ev);
		status = check_trace(engine, ev, held);
		if (status)
			return status;
		census_event(&engine->census, ev);
		status = ev->op == TRACE_LOAD ?
			 load_one(engine, ev, held) :
			 invalidate_one(engine, ev, held);
	}
	if (!status)
		after_events(engine, nr);
	return status;
}

/*
 * A disk keeps what was read, as zswap did before 6.7: nothing is hidden from it
 * then. Disks see no folios, so no store is put into one.
 */
static int prepare_disk(struct engine *engine)
{
	const struct trace_summary *summary = trace_summary(engine->trace);

	if (strcmp(summary->vantage, "device") || summary->has_folio ||
	    engine->census.loads_kept)
		return CMD_OK;
	if (vantage_begin(&engine->disk, summary))
		return CMD_OK;
	cmd_error("%s: out of memory", trace_path(engine->trace));
	return CMD_INPUT;
}

static int prepare(struct engine *engine)
{
	const struct trace_summary *summary = trace_summary(engine->trace);
	const char *why;
	int err = 0;

	if (census_init(&engine->census, engine->trace, &why)) {
		cmd_error("%s: %s", trace_path(engine->trace), why);
		return CMD_INPUT;
	}
	if (!engine->has_bytes || engine->base)
		engine->facts = facts_new(summary->nr_pages);
	if ((!engine->has_bytes || engine->base) && !engine->facts) {
		cmd_error("%s: out of memory", trace_path(engine->trace));
		return CMD_INPUT;
	}
	engine->census.loads_kept =
		zdedup_kernel_keeps_loads(engine->options->kernel);
	for (unsigned int t = 0; t < TRACE_TYPES_MAX && !err; t++) {
		if (!summary->slots[t])
			continue;
		err = zdedup_swapon(engine->zd, t, summary->slots[t]);
		if (!err && engine->base)
			err = zdedup_swapon(engine->base, t, summary->slots[t]);
	}
	if (err) {
		cmd_error("%s: swap device: %s", trace_path(engine->trace),
			  strerror(-err));
		return CMD_INPUT;
	}
	return prepare_disk(engine);
}

/* The last checkpoint is the state after the last event. */
static void last_checkpoint(struct engine *engine)
{
	GArray *all = engine->result->checkpoints;
	struct replay_checkpoint last = {
		.event = engine->census.n.events,
		.stats = engine->result->stats,
	};

	if (all && last.event && (!all->len ||
	    g_array_index(all, struct replay_checkpoint, all->len - 1).event !=
	    last.event))
		g_array_append_val(all, last);
}

int engine_run(struct engine *engine, struct trace *trace,
	       struct replay_result *result)
{
	const struct replay_options *options = engine->options;
	char note[ZDEDUP_WHY_MAX];
	struct trace_event ev;
	int status, got;

	memset(result, 0, sizeof(*result));
	engine->trace = trace;
	engine->result = result;
	engine->due = options->checkpoint_every;
	result->path = trace_path(trace);
	result->format = trace_format(trace);
	result->kernel = options->kernel;
	result->vantage = trace_summary(trace)->vantage;
	result->codec_version = g_strdup(zdedup_codec_version(engine->zd));
	if (!zdedup_codec_exact(engine->zd, note))
		result->codec_note = g_strdup(note);
	result->has_baseline = !is_none(options->dedup);
	result->limited = replay_totalram_pages(options) ||
			  memcgs_limited(engine->memcgs);
	if (options->checkpoint_every)
		result->checkpoints = g_array_new(FALSE, FALSE,
					sizeof(struct replay_checkpoint));
	status = prepare(engine);
	if (status)
		return status;
	progress_start("replay", trace_summary(trace)->events);
	if (options->timing)
		timing_start(&result->timing, engine->zd);
	while ((got = next_event(engine, &ev)) > 0) {
		status = do_events(engine, &ev);
		if (status)
			return status;
	}
	if (got < 0)
		return CMD_INPUT;
	if (options->timing)
		timing_finish(&result->timing);
	get_stats(engine);
	result->counts = engine->census.n;
	result->put_in = engine->disk.re_stores;
	last_checkpoint(engine);
	progress_wipe();
	return CMD_OK;
}
