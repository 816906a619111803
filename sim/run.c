/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run.c - one configuration: a model, what it is compared with, and its result
 *
 * A model that nobody asks for bytes, neither to verify them nor to time how they
 * are made, holds none: it is told of each page what its content is known to be
 * (facts.h), so that a content is compressed once however often it is stored.
 */
#include "run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "alike.h"
#include "ask.h"
#include "cmd.h"
#include "doubts.h"
#include "memcgs.h"
#include "refused.h"

#define PAGE ZDEDUP_PAGE_SIZE
#define NO_COLUMN (-1)
/* A model of fewer slots lies in the processor's caches, where asking costs more. */
#define SLOTS_LARGE (1u << 12)

G_STATIC_ASSERT(ZDEDUP_PAGE_SIZE == TRACE_PAGE_SIZE);
G_STATIC_ASSERT(ZDEDUP_TYPES_MAX >= TRACE_TYPES_MAX);

/**
 * struct lane - what a run reads and writes of a batch, by step
 * @length, @digest: of its columns of the facts; NULL: it has none
 * @without: the pool of the run that it is compared with; NULL: it is with none
 * @pool:    where it tells its own; NULL: nobody asks
 */
struct lane {
	const uint16_t *length;
	const uint64_t (*digest)[2];
	const uint64_t *without;
	uint64_t *pool;
};

/**
 * struct run - one configuration over a trace
 * @zd:        the model
 * @has_bytes: @zd holds the pages' bytes
 * @lengths, @digests: columns of the facts, or NO_COLUMN
 * @refused:   slots whose page never left memory
 * @lane:      of the batch that it is in
 * @events:    done so far; @due: the next checkpoint
 * @status, @failed_at, @why: of the failure
 * @large:     the model will be larger than any cache
 * @same:      the run whose results this one's are, see run_follow; @across: if the
 *             hashes of that and this, whose digests are @seen, are alike, @pair of those compared
 * @doubts:    what those of other hashes, whose results these are, would have met
 * @baseline:  the run without dedup that this one is compared with; NULL: it is one
 * @own:       the options of a run that run_create_baseline made
 * @pool:      its number among the baselines, see run_is_baseline; NO_COLUMN
 */
struct run {
	const struct replay_options *options;
	struct replay_options own;
	struct zdedup *zd;
	bool has_bytes;
	bool large;
	unsigned int loads;
	struct memcgs *memcgs;
	struct trace *trace;
	int lengths, digests;
	struct lane lane;
	struct refused *refused;
	uint64_t events, due;
	struct replay_result result;
	uint8_t *folio;
	int status;
	uint64_t failed_at;
	char *why;
	const struct run *same, *baseline;
	bool across;
	struct partition_view seen[2];
	unsigned int pair;
	struct doubts doubts;
	int pool;
	uint8_t page[ZDEDUP_PAGE_SIZE];
};

static bool unnamed(const struct replay_options *options)
{
	return !strcmp(options->compressor, TRACE_LENGTHS_UNNAMED);
}

static void model_config(const struct run *run, struct zdedup_config *config)
{
	const struct replay_options *options = run->options;

	zdedup_config_init(config);
	config->kernel = options->kernel;
	/* whose lengths are the trace's own: the model never asks its compressor */
	config->compressor = unnamed(options) ? "none" : options->compressor;
	config->zpool = options->zpool;
	config->hash = options->hash;
	config->dedup = options->dedup;
	config->compare = options->compare;
	config->charge = options->charge;
	config->domain = options->domain;
	config->writeback = options->writeback;
	config->seed = options->seed;
	config->totalram_pages = replay_totalram_pages(options);
	config->max_pool_percent = (unsigned int)options->max_pool_percent;
	config->accept_threshold_percent =
		(unsigned int)options->accept_threshold_percent;
	config->verify = run->result.verified;
	config->lengths_only = !run->has_bytes;
}

/* The words are the model's to judge: one is made and thrown away. */
static int check_words(const char *command, const struct run *run)
{
	struct zdedup_config config;
	char why[ZDEDUP_WHY_MAX] = "";
	struct zdedup *zd;
	int err;

	model_config(run, &config);
	config.lengths_only = true;
	err = zdedup_create(&config, &zd, why);
	zdedup_destroy(zd);
	if (err == -EINVAL)
		return cmd_usage(command, "%s", why);
	if (err) {
		cmd_error("%s", *why ? why : strerror(-err));
		return CMD_INPUT;
	}
	return CMD_OK;
}

int run_create(const char *command, const struct replay_options *options,
	       struct run **out)
{
	struct run *run = g_new0(struct run, 1);

	*out = run;
	run->options = options;
	run->failed_at = UINT64_MAX;
	run->lengths = run->digests = run->pool = NO_COLUMN;
	run->loads = zdedup_kernel_keeps_loads(options->kernel) ? LOADS_KEEP :
								   LOADS_EMPTY;
	run->memcgs = memcgs_load(options->memcg_config);
	if (!run->memcgs)
		return CMD_INPUT;
	if (!strcmp(options->domain, "group") &&
	    !memcgs_grouped(run->memcgs)) {
		cmd_error("%s: no memcg is in a group (--domain group)",
			  options->memcg_config);
		return CMD_INPUT;
	}
	run->result.limited = replay_totalram_pages(options) ||
			      memcgs_limited(run->memcgs);
	run->result.has_baseline = replay_dedups(options);
	return check_words(command, run);
}

int run_create_baseline(const struct run *run, struct run **out)
{
	struct run *base;
	int status;

	/* without sharing there is nothing to compare, split or spare */
	struct replay_options own = *run->options;

	own.dedup = "none";
	own.compare = "bytes";
	own.charge = "full";
	own.domain = "global";
	own.writeback = "sole";
	own.verify = own.timing = false;
	own.no_verify = true;
	own.checkpoint_every = 0;
	status = run_create("replay", &own, &base);
	base->own = own;
	base->options = &base->own;
	*out = base;
	return status;
}

void replay_result_clear(struct replay_result *result)
{
	g_free(result->codec_version);
	g_free(result->codec_note);
	if (result->checkpoints)
		g_array_unref(result->checkpoints);
}

void run_free(struct run *run)
{
	if (!run)
		return;
	zdedup_destroy(run->zd);
	memcgs_free(run->memcgs);
	replay_result_clear(&run->result);
	refused_free(run->refused);
	g_free(run->folio);
	g_free(run->why);
	g_free(run);
}

bool run_needs_bytes(const struct run *run)
{
	return run->has_bytes;
}

unsigned int run_loads(const struct run *run)
{
	return run->loads;
}

const struct replay_options *run_options(const struct run *run)
{
	return run->options;
}

uint64_t run_failed_at(const struct run *run)
{
	return run->failed_at;
}

int run_complain(const struct run *run)
{
	cmd_error("%s", run->why);
	return run->status;
}

/*------------------------------------------------------------------ start */

static int make_model(struct run *run)
{
	const struct trace_summary *summary = trace_summary(run->trace);
	struct zdedup_config config;
	char why[ZDEDUP_WHY_MAX] = "";
	int err;

	model_config(run, &config);
	err = zdedup_create(&config, &run->zd, why);
	if (err) {
		cmd_error("%s", *why ? why : strerror(-err));
		return CMD_INPUT;
	}
	err = memcgs_build(run->memcgs, run->zd);
	if (err) {
		cmd_error("%s: %s", run->options->memcg_config,
			  strerror(-err));
		return CMD_INPUT;
	}
	for (unsigned int t = 0; t < TRACE_TYPES_MAX && !err; t++) {
		run->large |= summary->slots[t] >= SLOTS_LARGE;
		if (summary->slots[t])
			err = zdedup_swapon(run->zd, t, summary->slots[t]);
	}
	if (!err)
		return CMD_OK;
	cmd_error("%s: swap device: %s", trace_path(run->trace),
		  strerror(-err));
	return CMD_INPUT;
}

static int need_columns(struct run *run, struct facts *facts)
{
	const struct replay_options *o = run->options;
	char *why = NULL;

	if (run->has_bytes && !unnamed(o))
		return CMD_OK;
	run->lengths = facts_lengths(facts, o->compressor, o->kernel, &why);
	if (!why && !run->has_bytes && run->result.has_baseline)
		run->digests = zdedup_digests_stored(run->zd) ?
			facts_stored_digests(facts, o->hash, o->seed,
					     o->compressor, o->kernel, &why) :
			facts_digests(facts, o->hash, o->seed, &why);
	if (!why)
		return CMD_OK;
	cmd_error("%s", why);
	g_free(why);
	return CMD_INPUT;
}

/* Verification needs the trace's bytes; so does timing: what is timed is theirs. */
static int choose_bytes(struct run *run, bool verify)
{
	const struct replay_options *o = run->options;
	bool bytes = trace_summary(run->trace)->has_pages;

	run->result.verified = o->verify || (verify && bytes && !o->no_verify);
	run->has_bytes = run->result.verified || o->timing;
	if (bytes || !run->has_bytes)
		return CMD_OK;
	cmd_error("%s: carries no bytes, so there is nothing to %s with (%s)",
		  trace_path(run->trace), o->verify ? "verify" : "measure time",
		  o->verify ? "--verify" : "--timing");
	return CMD_INPUT;
}

int run_start(struct run *run, struct trace *trace, struct facts *facts,
	      bool verify)
{
	const struct replay_options *options = run->options;
	struct replay_result *result = &run->result;
	char note[ZDEDUP_WHY_MAX];

	run->trace = trace;
	if (choose_bytes(run, verify) || make_model(run) ||
	    need_columns(run, facts))
		return CMD_INPUT;
	result->path = trace_path(trace);
	result->format = trace_format(trace);
	result->kernel = options->kernel;
	result->vantage = trace_summary(trace)->vantage;
	result->codec_version = g_strdup(unnamed(options) ? "unknown" :
					 zdedup_codec_version(run->zd));
	if (unnamed(options))
		result->codec_note = g_strdup("the lengths are the trace's own, of a compressor that it does not name");
	else if (!zdedup_codec_exact(run->zd, note))
		result->codec_note = g_strdup(note);
	result->stand_in = facts_stand_in(facts, run->digests);
	run->due = options->checkpoint_every;
	if (options->checkpoint_every)
		result->checkpoints = g_array_new(FALSE, FALSE,
					sizeof(struct replay_checkpoint));
	if (options->timing)
		timing_start(&result->timing, run->zd);
	return CMD_OK;
}

/*----------------------------------------------------- runs that are the same */

static struct partition_view digests_seen(const struct run *run)
{
	return (struct partition_view){
		.column = (unsigned int)run->digests,
		.bits = zdedup_digest_bits(run->zd),
	};
}

bool run_follow(struct run *run, const struct run *other, bool across_hashes)
{
	const struct replay_options *a = run->options, *b = other->options;
	bool across = !alike_digests(a, b);

	/* who is to verify or to be timed does it */
	if (run->has_bytes || other->has_bytes || other->same ||
	    a->checkpoint_every || b->checkpoint_every || !alike_pool(a, b) ||
	    !alike_sharing(a, b, trace_summary(run->trace)->has_memcg))
		return false;
	if (across &&
	    (!across_hashes || !zdedup_digests_only_compared(run->zd)))
		return false;
	run->across = across;
	if (across) {
		run->seen[0] = digests_seen(other);
		run->seen[1] = digests_seen(run);
	}
	run->same = other;
	zdedup_destroy(run->zd);
	run->zd = NULL;
	return true;
}

bool run_follows(const struct run *run)
{
	return run->same;
}

bool run_follows_across(const struct run *run, struct partition_view digests[2])
{
	memcpy(digests, run->seen, sizeof(run->seen));
	return run->across;
}

void run_set_pair(struct run *run, unsigned int pair)
{
	run->pair = pair;
}

bool run_settled(const struct run *run, const struct partitions *partitions)
{
	return !run->across || (partitions_alike(partitions, run->pair) &&
				!doubts_unlike(&run->same->doubts, run->pair));
}

bool run_needs_baseline(const struct run *run)
{
	return run->result.has_baseline && !run->same;
}

bool run_take_baseline(struct run *run, struct run *other,
		       unsigned int *nr_baselines)
{
	if (other->same || other->result.has_baseline ||
	    !alike_pool(run->options, other->options))
		return false;
	if (other->pool == NO_COLUMN)
		other->pool = (int)(*nr_baselines)++;
	run->baseline = other;
	return true;
}

bool run_is_baseline(const struct run *run)
{
	return run->pool != NO_COLUMN;
}

static void copy_result(struct run *run)
{
	const struct replay_result *from = &run->same->result;
	struct replay_result *to = &run->result;
	uint64_t more = run->same->doubts.more[run->pair];

	to->stats = from->stats;
	to->baseline = from->baseline;
	to->hits = from->hits;
	to->over_time = from->over_time;
	if (!run->across)
		return;
	to->stats.candidates += more;
	to->stats.compares += more;
	to->stats.false_positives += more;
	to->stats.walk_max = MAX(to->stats.walk_max, !!more);
}

/*---------------------------------------------------------------- failures */

/* The first failure ends the run; its line is printed when its turn has come. */
static void fail(struct run *run, const struct step *step, int status,
		 const char *what)
{
	g_autofree char *device = step->type ?
		g_strdup_printf(" of device %u", step->type) : g_strdup("");

	run->status = status;
	run->failed_at = step->seq;
	run->why = g_strdup_printf("%s: event %" PRIu64 ": slot %" PRIu64 "%s %s",
				   trace_path(run->trace), step->seq,
				   step->slot, device, what);
}

static void model_fails(struct run *run, const struct step *step,
			const char *verb, int err)
{
	g_autofree char *what = g_strdup_printf("%s: %s", verb, strerror(-err));

	fail(run, step, CMD_INPUT, what);
}

static struct zdedup_slot slot_of(const struct step *step)
{
	return (struct zdedup_slot){ .type = step->type, .offset = step->slot };
}

/*
 * What the run's slot held: as the census says, unless the store was refused. The
 * census of a kernel whose loads keep the slot does not know that such a slot is
 * gone after one load.
 */
static uint32_t held_by(struct run *run, const struct step *step, bool *kept)
{
	uint32_t held = step->held[run->loads];
	enum refused_state state = REFUSED_NOT;

	if (held != SLOT_EMPTY)
		state = refused_get(run->refused, step);
	*kept = state == REFUSED_KEPT;
	return state == REFUSED_GONE ? SLOT_EMPTY : held;
}

/*------------------------------------------------------------------ stores */

/* 0, or -1 after a failure: the trace has no bytes and does not know a length. */
static int get_facts(struct run *run, const struct batch *batch,
		     unsigned int i, struct zdedup_facts *out)
{
	const struct step *steps = batch->steps;
	unsigned int end = i + steps[i].folio;

	for (; i < end; i++, out++) {
		out->identity = steps[i].content;
		out->kind = steps[i].kind;
		out->length = run->lane.length[i];
		if (!out->length) {
			fail(run, &steps[i], CMD_INPUT,
			     "is stored a page whose length this trace does not carry");
			return -1;
		}
		if (!run->lane.digest)
			continue;
		out->digest[0] = run->lane.digest[i][0];
		out->digest[1] = run->lane.digest[i][1];
	}
	return 0;
}

/* The pages of a folio back to back: those of a single page are there already. */
static const void *folio_bytes(struct run *run, const struct step *steps,
			       const void *const *bytes)
{
	if (steps->folio == 1)
		return bytes[steps->content];
	if (!run->folio)
		run->folio = g_malloc((size_t)ZDEDUP_FOLIO_PAGES_MAX * PAGE);
	for (unsigned int i = 0; i < steps->folio; i++)
		memcpy(run->folio + (size_t)i * PAGE, bytes[steps[i].content],
		       PAGE);
	return run->folio;
}

static int store_bytes(struct run *run, const struct step *steps,
		       const void *const *bytes, struct zdedup_result *at)
{
	struct timing *timing = run->options->timing ? &run->result.timing :
						       NULL;
	const void *pages = folio_bytes(run, steps, bytes);
	int err;

	if (timing)
		timing_begin(timing, TIMING_STORE);
	err = zdedup_store_folio(run->zd, slot_of(steps), steps->memcg, pages,
				 steps->folio, at);
	if (timing)
		timing_end(timing, steps->folio);
	return err;
}

static int store_facts(struct run *run, const struct batch *batch,
		       unsigned int i, struct zdedup_result *at)
{
	struct zdedup_facts facts[ZDEDUP_FOLIO_PAGES_MAX];
	const struct step *step = &batch->steps[i];

	if (get_facts(run, batch, i, facts))
		return 0;
	return zdedup_store_facts(run->zd, slot_of(step), step->memcg, facts,
				  step->folio, at);
}

/* One folio, most often of one page. */
static void store(struct run *run, const struct batch *batch, unsigned int i,
		  const void *const *bytes)
{
	const struct step *step = &batch->steps[i];
	struct zdedup_result at = { .where = ZDEDUP_POOL };
	int err;

	err = memcgs_need(run->memcgs, step->memcg, run->zd);
	if (err) {
		model_fails(run, step, "names a memcg that cannot be made", err);
		return;
	}
	if (run->has_bytes)
		err = store_bytes(run, step, bytes, &at);
	else
		err = store_facts(run, batch, i, &at);
	if (err) {
		model_fails(run, step, "cannot be stored", err);
		return;
	}
	for (unsigned int k = 0; k < step->folio; k++)
		refused_put(&run->refused, &step[k],
			    at.where == ZDEDUP_RESIDENT ? REFUSED_KEPT :
							  REFUSED_NOT);
}

/*------------------------------------------------------ loads, invalidates */

/* The model against the trace: the same bytes, by comparing all of them. */
static void check_bytes(struct run *run, const struct step *step,
			const void *bytes)
{
	if (memcmp(run->page, bytes, PAGE))
		fail(run, step, CMD_FAILED,
		     "came back with other bytes than were stored");
}

static void count_load(struct run *run, const struct step *step, int err,
		       enum zdedup_where from, const void *const *bytes)
{
	struct replay_hits *hits = &run->result.hits;
	bool kept;
	uint32_t held = held_by(run, step, &kept);

	hits->loads++;
	if (err == -EIO) {
		fail(run, step, CMD_FAILED, "came back damaged");
	} else if (err && err != -ENOENT) {
		model_fails(run, step, "cannot be loaded", err);
	} else if (held == SLOT_EMPTY || kept) {
		if (!err)
			fail(run, step, CMD_FAILED,
			     "is empty and the model returned a page");
		hits->kept += kept;
		hits->absent += !kept;
		if (kept)
			refused_put(&run->refused, step, REFUSED_GONE);
	} else if (err) {
		fail(run, step, CMD_FAILED,
		     "was stored to and the model lost the page");
	} else {
		hits->from_pool += from == ZDEDUP_POOL;
		hits->from_device += from == ZDEDUP_DEVICE;
		hits->from_zero += from == ZDEDUP_ZERO;
		if (run->result.verified)
			check_bytes(run, step, bytes[held - 1]);
	}
}

static void load(struct run *run, const struct step *step,
		 const void *const *bytes)
{
	struct timing *timing = run->options->timing ? &run->result.timing :
						       NULL;
	enum zdedup_where from = ZDEDUP_POOL;
	int err;

	if (timing)
		timing_begin(timing, TIMING_LOAD);
	err = zdedup_load(run->zd, slot_of(step), run->page, &from);
	if (timing)
		timing_end(timing, err ? 0 : 1);
	count_load(run, step, err, from, bytes);
}

static void invalidate(struct run *run, const struct step *step)
{
	struct timing *timing = run->options->timing ? &run->result.timing :
						       NULL;
	bool kept;
	uint32_t held = held_by(run, step, &kept);
	int err;

	if (timing)
		timing_begin(timing, TIMING_INVALIDATE);
	err = zdedup_invalidate(run->zd, slot_of(step));
	if (timing)
		timing_end(timing, 1);
	refused_put(&run->refused, step, REFUSED_NOT);
	if (err && err != -ENOENT) {
		model_fails(run, step, "cannot be freed", err);
		return;
	}
	if (held == SLOT_EMPTY)
		run->result.hits.absent++;
	if (!err != (held != SLOT_EMPTY && !kept))
		fail(run, step, CMD_FAILED,
		     err ? "was stored to and the model lost the page" :
			   "is empty and the model held a page");
}

/*------------------------------------------------------------------ batches */

static void checkpoint(struct run *run)
{
	struct replay_checkpoint checkpoint = { .event = run->events };

	zdedup_get_stats(run->zd, &checkpoint.stats);
	g_array_append_val(run->result.checkpoints, checkpoint);
	run->due = run->events - run->events % run->options->checkpoint_every +
		   run->options->checkpoint_every;
}

/* The event of step @i, and those of its folio, are done: take the samples. */
static void after_events(struct run *run, unsigned int i, unsigned int nr)
{
	uint64_t pool, without = run->lane.without ? run->lane.without[i] : 0;

	pool = over_time_add(&run->result.over_time, run->zd, nr, without);
	if (run->lane.pool)
		run->lane.pool[i] = pool;
	run->events += nr;
	if (run->result.checkpoints && run->events >= run->due)
		checkpoint(run);
}

/*
 * The batch itself, from @i on: too many arrays for a processor to see by itself that
 * each is read from its start to its end.
 */
static void ask_for_batch(const struct run *run, const struct batch *batch,
			  unsigned int i, unsigned int nr)
{
	const struct lane *lane = &run->lane;

	ask_for_all(&batch->steps[i], nr * sizeof(*batch->steps));
	if (lane->length)
		ask_for_all(&lane->length[i], nr * sizeof(*lane->length));
	if (lane->digest)
		ask_for_all(&lane->digest[i], nr * sizeof(*lane->digest));
	if (lane->without)
		ask_for_all(&lane->without[i], nr * sizeof(*lane->without));
}

/* The events from @i on, as a hint to the model, which is this thread's alone. */
static void look_ahead(struct run *run, const struct batch *batch,
		       unsigned int i, unsigned int nr)
{
	const uint64_t (*digest)[2] = run->lane.digest;
	struct zdedup_hint hint[ZDEDUP_PREFETCH_MAX];

	for (unsigned int k = 0; k < nr; k++) {
		const struct step *step = &batch->steps[i + k];

		hint[k].slot = slot_of(step);
		hint[k].memcg = step->memcg;
		hint[k].digest = digest && step->op == TRACE_STORE ?
					 digest[i + k] : NULL;
	}
	zdedup_prefetch(run->zd, hint, nr);
}

static void choose_lane(struct run *run, const struct batch *batch)
{
	run->lane = (struct lane){ NULL };
	if (run->lengths != NO_COLUMN)
		run->lane.length = batch->length[run->lengths];
	if (run->digests != NO_COLUMN)
		run->lane.digest =
			(const uint64_t (*)[2])batch->digest[run->digests];
	if (run->baseline)
		run->lane.without = batch->pool[run->baseline->pool];
	if (run->pool != NO_COLUMN)
		run->lane.pool = batch->pool[run->pool];
}

/* The events from @i on, up to @end. */
static void run_steps(struct run *run, const struct batch *batch,
		      unsigned int i, unsigned int end,
		      const void *const *bytes)
{
	unsigned int nr, ahead = run->large ? i : end;

	for (; i < end && !run->status; i += nr) {
		const struct step *step = &batch->steps[i];

		if (i >= ahead) {
			ahead = MIN(i + ZDEDUP_PREFETCH_MAX, end);
			look_ahead(run, batch, i, ahead - i);
			ask_for_batch(run, batch, ahead,
				      MIN(ZDEDUP_PREFETCH_MAX, end - ahead));
		}
		nr = 1;
		if (step->op == TRACE_STORE) {
			nr = step->folio;
			store(run, batch, i, bytes);
		} else if (step->op == TRACE_LOAD) {
			load(run, step, bytes);
		} else {
			invalidate(run, step);
		}
		if (!run->status)
			after_events(run, i, nr);
	}
}

/* The store of @batch's doubt @first; returns the first doubt of a later one. */
static unsigned int doubtful_store(struct run *run, const struct batch *batch,
				   unsigned int first,
				   const void *const *bytes)
{
	unsigned int step = batch->doubts[first].step, next;
	struct doubts_store store;

	/* as the store does first; if it fails, so does that */
	memcgs_need(run->memcgs, batch->steps[step].memcg, run->zd);
	next = doubts_before(&run->doubts, run->zd, batch, first, &store);
	run_steps(run, batch, step, step + 1, bytes);
	if (!run->status)
		doubts_after(&run->doubts, run->zd, &store);
	return next;
}

void run_batch(struct run *run, const struct batch *batch,
	       const void *const *bytes)
{
	unsigned int at = 0, i = 0;
	/* who digests nothing looks nothing up */
	unsigned int nr = run->digests == NO_COLUMN ? 0 : batch->nr_doubts;

	choose_lane(run, batch);
	while (i < nr && !run->status) {
		run_steps(run, batch, at, batch->doubts[i].step, bytes);
		at = batch->doubts[i].step + 1;
		if (!run->status)
			i = doubtful_store(run, batch, i, bytes);
	}
	run_steps(run, batch, at, batch->nr, bytes);
}

/*------------------------------------------------------------------- finish */

void run_end(struct run *run, bool left)
{
	struct replay_result *result = &run->result;

	zdedup_get_stats(run->zd, &result->stats);
	result->baseline = run->baseline ? run->baseline->result.stats :
					   result->stats;
	over_time_end(&result->over_time, run->zd,
		      run->baseline ? &result->baseline.pool_total_size : NULL);
	if (left)
		return;
	zdedup_destroy(run->zd);
	run->zd = NULL;
}

/* The last checkpoint is the state after the last event. */
static void last_checkpoint(struct run *run)
{
	GArray *all = run->result.checkpoints;
	struct replay_checkpoint last = {
		.event = run->events,
		.stats = run->result.stats,
	};

	if (all && last.event && (!all->len ||
	    g_array_index(all, struct replay_checkpoint, all->len - 1).event !=
	    last.event))
		g_array_append_val(all, last);
}

const struct replay_result *run_finish(struct run *run,
				       const struct census_counts *counts,
				       uint64_t put_in)
{
	if (run->options->timing)
		timing_finish(&run->result.timing);
	if (run->same)
		copy_result(run);
	run->result.counts = *counts;
	run->result.put_in = put_in;
	last_checkpoint(run);
	return &run->result;
}
