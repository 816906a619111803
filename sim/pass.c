/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pass.c - one pass over a trace for any number of runs
 *
 * The trace is taken in batches, and each batch goes through five stages:
 *
 *   decode  events in order: what a page is, what a slot holds (one task)
 *   find    the facts of contents met for the first time (by column and part)
 *   lay     the facts beside the events (by column)
 *   base    each run without dedup that others are compared with (by run)
 *   run     each other run its model (by run)
 *
 * A round does one stage of each of five batches that follow each other, so its
 * tasks need nothing of one another and may be done by any thread in any order:
 * that is why results do not depend on the number of threads.
 */
#include "pass.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "crew.h"
#include "progress.h"
#include "vantage.h"

#define WHY_MAX 1024u
/*
 * A batch ends early when it is much work to compress what is new in it. Of many
 * runs each finds the caches full of the others' models when its turn comes, so it
 * gets more to do then: a quarter less CPU time for 20 runs of "gcc".
 */
#define STEPS_FEW 8192u
#define STEPS_MANY 32768u
#define FRESH_FEW 1024u
#define FRESH_MANY 16384u
#define MANY_RUNS 4u
#define FRESH_PART 64u
/*
 * Events are read before their turn, so many at a time: while those before them are
 * decoded the memory answers what their slots hold, and then of what that is.
 */
#define EVENTS_AHEAD 32u

enum { DECODE, FIND, LAY, BASE, RUN, NR_STAGES };

struct ahead {
	struct trace_event events[EVENTS_AHEAD];
	unsigned int nr;
};

/**
 * struct pass - one pass
 * @own:     runs that nobody asked for but to compare others with
 * @all:     @runs and @own that have something to do: the first @nr_baselines are
 *           those that others are compared with
 * @done:    the seq behind the last event that all runs have seen
 * @census:  of each kind of kernel that a run has, see @uses
 * @bytes:   of each content, when a run looks at them; NULL: none does
 * @at:      the batch in each stage; NULL: none
 * @steps_max, @fresh_max: of a batch; a folio that begins in one is all in it
 * @ahead:   events read. Of those in @now, @ahead_at is the next; the other's follow.
 *           @ahead_end: what trace_next said behind them, 1 while it has not said
 *           that there are no more
 * @load:    the event that a store was put before, when @has_load
 * @disk:    its slots are NULL: no swap disk recorded the trace
 * @why:     what is wrong with the trace behind the last event decoded; @why_ahead:
 *           behind the last one read
 */
struct pass {
	struct trace *trace;
	struct run *const *runs;
	unsigned int nr_runs;
	GPtrArray *own, *all;
	unsigned int nr_baselines;
	uint64_t done;
	struct crew *crew;
	struct pages *pages;
	struct census census[NR_LOADS];
	bool uses[NR_LOADS];
	struct facts *facts;
	const void **bytes;
	struct batch batches[NR_STAGES];
	struct batch *at[NR_STAGES];
	unsigned int round, steps_max, fresh_max;
	struct ahead ahead[2];
	unsigned int now, ahead_at;
	int ahead_end;
	struct trace_event load;
	bool has_load, ended;
	struct vantage disk;
	char *why, *why_ahead;
	const char *facts_path;
};

/*------------------------------------------------------------------ decode */

static void read_events(struct pass *pass, struct ahead *ahead)
{
	char why[WHY_MAX];

	ahead->nr = 0;
	while (ahead->nr < EVENTS_AHEAD && pass->ahead_end > 0) {
		struct trace_event *ev = &ahead->events[ahead->nr];

		pass->ahead_end = trace_next(pass->trace, ev, why, sizeof(why));
		if (pass->ahead_end < 0)
			pass->why_ahead = g_strdup(why);
		if (pass->ahead_end <= 0)
			break;
		ahead->nr++;
		if (ev->page != TRACE_NO_PAGE)
			pages_prefetch(pass->pages, ev->page);
		for (unsigned int i = 0; i < NR_LOADS; i++)
			if (pass->uses[i])
				census_prefetch(&pass->census[i], ev);
	}
}

/* The events in @now are through: it is the others' turn. */
static void read_ahead(struct pass *pass)
{
	struct ahead *through = &pass->ahead[pass->now];
	const struct ahead *now = &pass->ahead[pass->now ^= 1];

	pass->ahead_at = 0;
	read_events(pass, through);
	for (unsigned int i = 0; i < NR_LOADS; i++)
		for (unsigned int k = 0; pass->uses[i] && k < now->nr; k++)
			census_prefetch_held(&pass->census[i], &now->events[k]);
}

/* NULL: the end, or @why is set. Valid until the next call. */
static const struct trace_event *next_event(struct pass *pass)
{
	struct trace_event *ev;

	if (pass->has_load) {
		pass->has_load = false;
		return &pass->load;
	}
	while (pass->ahead_at == pass->ahead[pass->now].nr) {
		if (!pass->ahead[!pass->now].nr && pass->ahead_end <= 0) {
			pass->why = g_steal_pointer(&pass->why_ahead);
			return NULL;
		}
		read_ahead(pass);
	}
	ev = &pass->ahead[pass->now].events[pass->ahead_at++];
	if (pass->disk.slots &&
	    vantage_step(&pass->disk, ev) == VANTAGE_STORE_FIRST) {
		pass->load = *ev;
		pass->has_load = true;
		ev->op = TRACE_STORE;
	}
	return ev;
}

/* The first store of a content: its facts are to be found. */
static void add_fresh(struct pass *pass, struct batch *batch, uint32_t content)
{
	const void *page = NULL;

	if (trace_summary(pass->trace)->has_pages)
		page = trace_page(pass->trace, content);
	if (pass->bytes)
		pass->bytes[content] = page;
	batch->fresh[batch->nr_fresh++] = (struct fresh){ content, page };
}

static const struct census *any_census(const struct pass *pass)
{
	return &pass->census[pass->uses[LOADS_EMPTY] ? LOADS_EMPTY :
						       LOADS_KEEP];
}

static void complain(struct pass *pass, const struct trace_event *ev)
{
	g_autofree char *device = ev->type ?
		g_strdup_printf(" of device %u", ev->type) : NULL;

	pass->why = g_strdup_printf("%s: event %" PRIu64 " loads another content than slot %"
				    PRIu64 "%s holds", trace_path(pass->trace),
				    ev->seq, ev->slot, device ? device : "");
}

/* NULL: the trace is against itself, a load names what its slot does not hold. */
static struct step *add_step(struct pass *pass, struct batch *batch,
			     const struct trace_event *ev)
{
	bool names = ev->op == TRACE_LOAD && ev->page != TRACE_NO_PAGE;
	struct step *step = &batch->steps[batch->nr];
	uint32_t held[NR_LOADS] = { SLOT_EMPTY };

	*step = (struct step){
		.seq = ev->seq, .slot = ev->slot, .memcg = ev->memcg,
		.type = ev->type, .op = ev->op, .folio = 1,
	};
	if (ev->op == TRACE_STORE) {
		step->content = pages_content(pass->pages, ev->page);
		step->kind = facts_kind(pages_class(pass->pages,
						    step->content));
		if (!census_stored(any_census(pass), step->content))
			add_fresh(pass, batch, step->content);
	}
	for (unsigned int i = 0; i < NR_LOADS; i++) {
		if (!pass->uses[i])
			continue;
		held[i] = census_held(&pass->census[i], ev);
		if (ev->op != TRACE_STORE)
			step->held[i] = held[i];
		if (names && held[i] != SLOT_EMPTY &&
		    pages_content(pass->pages, ev->page) != held[i] - 1) {
			complain(pass, ev);
			return NULL;
		}
	}
	for (unsigned int i = 0; i < NR_LOADS; i++)
		if (pass->uses[i])
			census_event(&pass->census[i], ev, held[i],
				     step->content);
	batch->nr++;
	return step;
}

/* Reads on while the stores belong to folio @number, whose first step is @first. */
static void gather_folio(struct pass *pass, struct batch *batch,
			 uint64_t number, struct step *first)
{
	const struct trace_event *next;

	while (first->folio < ZDEDUP_FOLIO_PAGES_MAX) {
		next = next_event(pass);
		if (!next) {
			pass->ended = true;
			return;
		}
		if (next->op != TRACE_STORE || next->folio != number ||
		    next->type != first->type || next->memcg != first->memcg ||
		    next->slot != first->slot + first->folio) {
			/* no disk sees folios: it is as it was read */
			pass->ahead_at--;
			return;
		}
		add_step(pass, batch, next);
		first->folio++;
	}
}

static void decode(struct pass *pass, struct batch *batch)
{
	const struct trace_event *ev;
	struct step *step;

	batch->nr = 0;
	batch->nr_fresh = 0;
	while (!pass->ended && batch->nr < pass->steps_max &&
	       batch->nr_fresh < pass->fresh_max) {
		ev = next_event(pass);
		step = ev ? add_step(pass, batch, ev) : NULL;
		if (!step) {
			pass->ended = true;
			break;
		}
		if (ev->op == TRACE_STORE && ev->folio)
			gather_folio(pass, batch, ev->folio, step);
	}
	if (!pages_stranger(pass->pages))
		return;
	/* before any run has met what is wrong */
	batch->nr = batch->nr_fresh = 0;
	pass->ended = true;
	g_free(pass->why);
	pass->why = g_strdup_printf("%s: does not belong to %s (page %" PRIu64 " has other bytes)",
				    pass->facts_path, trace_path(pass->trace),
				    pages_stranger(pass->pages) - 1);
}

/*------------------------------------------------------------- find, lay */

static void find(struct pass *pass, const struct batch *batch,
		 unsigned int worker, unsigned int i)
{
	unsigned int columns = facts_columns(pass->facts);
	unsigned int at = i / columns * FRESH_PART;
	unsigned int end = MIN(at + FRESH_PART, batch->nr_fresh);

	for (; at < end; at++)
		facts_find(pass->facts, worker, i % columns,
			   batch->fresh[at].content, batch->fresh[at].page);
}

static void lay(struct pass *pass, struct batch *batch, unsigned int column)
{
	bool digests = facts_is_digests(pass->facts, column);

	for (unsigned int i = 0; i < batch->nr; i++) {
		if (batch->steps[i].op != TRACE_STORE)
			continue;
		if (digests)
			facts_digest(pass->facts, column,
				     batch->steps[i].content,
				     batch->digest[column][i]);
		else
			batch->length[column][i] =
				facts_length(pass->facts, column,
					     batch->steps[i].content);
	}
}

/*------------------------------------------------------------------ rounds */

/* How many tasks a stage has in this round. */
static unsigned int nr_tasks(const struct pass *pass, int stage)
{
	unsigned int columns = facts_columns(pass->facts);

	if (!pass->at[stage])
		return 0;
	switch (stage) {
	case DECODE:
		return 1;
	case FIND:
		return (pass->at[FIND]->nr_fresh + FRESH_PART - 1) /
		       FRESH_PART * columns;
	case LAY:
		return columns;
	case BASE:
		return pass->nr_baselines;
	default:
		return pass->all->len - pass->nr_baselines;
	}
}

/* Long tasks first, so that the round's end is not one thread's. */
static const int order[NR_STAGES] = { DECODE, RUN, BASE, LAY, FIND };

static void do_task(void *data, unsigned int worker, unsigned int i)
{
	struct pass *pass = data;
	unsigned int k = 0, nr;

	while (i >= (nr = nr_tasks(pass, order[k]))) {
		i -= nr;
		k++;
	}
	switch (order[k]) {
	case DECODE:
		decode(pass, pass->at[DECODE]);
		break;
	case FIND:
		find(pass, pass->at[FIND], worker, i);
		break;
	case LAY:
		lay(pass, pass->at[LAY], i);
		break;
	case RUN:
		i += pass->nr_baselines;
		/* fall through */
	default:
		run_batch(g_ptr_array_index(pass->all, i), pass->at[order[k]],
			  pass->bytes);
		break;
	}
}

/* Moves each batch one stage on; false: none is left. */
static bool advance(struct pass *pass)
{
	bool any = false;

	for (int stage = RUN; stage > DECODE; stage--) {
		pass->at[stage] = pass->at[stage - 1];
		any |= pass->at[stage] != NULL;
	}
	pass->at[DECODE] = NULL;
	if (!pass->ended)
		pass->at[DECODE] = &pass->batches[pass->round++ % NR_STAGES];
	return any || pass->at[DECODE];
}

/*
 * The first event at which anything failed, and its line. CMD_OK: nothing did. What a
 * baseline met in a batch that the others have yet to see can wait: they may meet
 * something before it.
 */
static int failure(const struct pass *pass)
{
	uint64_t first = pass->done;
	const struct run *failed = NULL;

	for (unsigned int i = 0; i < pass->all->len; i++) {
		const struct run *run = g_ptr_array_index(pass->all, i);

		if (run_failed_at(run) >= first)
			continue;
		first = run_failed_at(run);
		failed = run;
	}
	return failed ? run_complain(failed) : CMD_OK;
}

static int all_rounds(struct pass *pass)
{
	uint64_t events = 0;
	int status;

	while (advance(pass)) {
		unsigned int nr = 0;

		for (int stage = DECODE; stage < NR_STAGES; stage++)
			nr += nr_tasks(pass, stage);
		crew_round(pass->crew, do_task, pass, nr);
		if (pass->at[RUN] && pass->at[RUN]->nr)
			pass->done = pass->at[RUN]->steps[pass->at[RUN]->nr -
							  1].seq + 1;
		/* a run that fails does so before the trace does: it is behind */
		status = failure(pass);
		if (status)
			return status;
		if (!pass->at[RUN])
			continue;
		events += pass->at[RUN]->nr;
		progress_at(events);
	}
	if (!pass->why)
		return CMD_OK;
	cmd_error("%s", pass->why);
	return CMD_INPUT;
}

/*------------------------------------------------------------------- a pass */

static void batch_init(const struct pass *pass, struct batch *batch)
{
	const struct facts *facts = pass->facts;
	unsigned int columns = facts_columns(facts);
	unsigned int steps = pass->steps_max + ZDEDUP_FOLIO_PAGES_MAX;

	batch->steps = g_new(struct step, steps);
	batch->fresh = g_new(struct fresh,
			     pass->fresh_max + ZDEDUP_FOLIO_PAGES_MAX);
	batch->length = g_new0(uint16_t *, columns);
	batch->digest = g_malloc0_n(columns, sizeof(*batch->digest));
	batch->pool = g_new(uint64_t *, pass->nr_baselines + 1);
	for (unsigned int i = 0; i < pass->nr_baselines; i++)
		batch->pool[i] = g_new(uint64_t, steps);
	batch->pool[pass->nr_baselines] = NULL;
	for (unsigned int i = 0; i < columns; i++) {
		if (facts_is_digests(facts, i))
			batch->digest[i] = g_malloc_n(steps,
						sizeof(*batch->digest[i]));
		else
			batch->length[i] = g_new(uint16_t, steps);
	}
}

static void batch_free(struct batch *batch, unsigned int columns)
{
	for (unsigned int i = 0; batch->steps && i < columns; i++) {
		g_free(batch->length[i]);
		g_free(batch->digest[i]);
	}
	for (unsigned int i = 0; batch->pool && batch->pool[i]; i++)
		g_free(batch->pool[i]);
	g_free(batch->pool);
	g_free(batch->length);
	g_free(batch->digest);
	g_free(batch->steps);
	g_free(batch->fresh);
}

void pass_free(struct pass *pass)
{
	if (!pass)
		return;
	crew_free(pass->crew);
	if (pass->own)
		g_ptr_array_unref(pass->own);
	if (pass->all)
		g_ptr_array_unref(pass->all);
	for (unsigned int i = 0; i < NR_STAGES; i++)
		batch_free(&pass->batches[i], facts_columns(pass->facts));
	for (unsigned int i = 0; i < NR_LOADS; i++)
		if (pass->uses[i])
			census_destroy(&pass->census[i]);
	vantage_end(&pass->disk);
	pages_free(pass->pages);
	facts_free(pass->facts);
	free(pass->bytes);
	g_free(pass->why);
	g_free(pass->why_ahead);
	g_free(pass);
}

static int out_of_memory(const struct pass *pass)
{
	cmd_error("%s: out of memory", trace_path(pass->trace));
	return CMD_INPUT;
}

/*
 * A disk keeps what was read, as zswap did before 6.7: nothing is hidden from it
 * then. Disks see no folios, so no store is put into one.
 */
bool pass_splits(const struct trace *trace)
{
	const struct trace_summary *summary = trace_summary(trace);

	return !strcmp(summary->vantage, "device") && !summary->has_folio;
}

static int start_run(struct pass *pass, struct run *run, bool verify)
{
	unsigned int loads = run_loads(run);

	if (run_start(run, pass->trace, pass->facts, verify))
		return CMD_INPUT;
	if (pass->uses[loads])
		return CMD_OK;
	pass->uses[loads] = true;
	if (census_init(&pass->census[loads], pass->trace, pass->pages))
		return out_of_memory(pass);
	pass->census[loads].loads_kept = loads == LOADS_KEEP;
	return CMD_OK;
}

/* One of the runs, asked for or not, or a new one. */
static int find_baseline(struct pass *pass, struct run *run)
{
	struct run *base;

	for (unsigned int i = 0; i < pass->nr_runs; i++)
		if (run_take_baseline(run, pass->runs[i], &pass->nr_baselines))
			return CMD_OK;
	for (unsigned int i = 0; i < pass->own->len; i++)
		if (run_take_baseline(run, g_ptr_array_index(pass->own, i),
				      &pass->nr_baselines))
			return CMD_OK;
	if (run_create_baseline(run, &base)) {
		run_free(base);
		return CMD_INPUT;
	}
	g_ptr_array_add(pass->own, base);
	if (start_run(pass, base, false))
		return CMD_INPUT;
	run_take_baseline(run, base, &pass->nr_baselines);
	return CMD_OK;
}

/* Lists those that have something to do. */
static void list_runs(struct pass *pass)
{
	for (int baselines = 1; baselines >= 0; baselines--) {
		for (unsigned int i = 0; i < pass->nr_runs; i++)
			if (run_is_baseline(pass->runs[i]) == baselines &&
			    !run_follows(pass->runs[i]))
				g_ptr_array_add(pass->all, pass->runs[i]);
		for (unsigned int i = 0; baselines && i < pass->own->len; i++)
			g_ptr_array_add(pass->all,
					g_ptr_array_index(pass->own, i));
	}
}

static int start_runs(struct pass *pass, bool verify)
{
	for (unsigned int i = 0; i < pass->nr_runs; i++) {
		if (start_run(pass, pass->runs[i], verify))
			return CMD_INPUT;
		for (unsigned int k = 0; k < i; k++)
			if (run_follow(pass->runs[i], pass->runs[k]))
				break;
	}
	for (unsigned int i = 0; i < pass->nr_runs; i++)
		if (run_needs_baseline(pass->runs[i]) &&
		    find_baseline(pass, pass->runs[i]))
			return CMD_INPUT;
	list_runs(pass);
	return CMD_OK;
}

static int prepare(struct pass *pass, const struct pass_options *options)
{
	bool bytes = false;
	const char *why;

	pass->facts = facts_new(pass->trace, options->jobs);
	if (options->facts && facts_load(pass->facts, options->facts))
		return CMD_INPUT;
	pass->pages = pages_new(pass->trace, &why);
	if (!pass->pages) {
		cmd_error("%s: %s", trace_path(pass->trace), why);
		return CMD_INPUT;
	}
	pages_expect(pass->pages, facts_page_digests(pass->facts));
	if (start_runs(pass, options->verify))
		return CMD_INPUT;
	for (unsigned int i = 0; i < pass->nr_runs; i++)
		bytes |= run_needs_bytes(pass->runs[i]);
	if (bytes)
		pass->bytes = calloc(trace_summary(pass->trace)->nr_pages + 1,
				     sizeof(*pass->bytes));
	if (bytes && !pass->bytes)
		return out_of_memory(pass);
	if (pass_splits(pass->trace) && pass->uses[LOADS_EMPTY] &&
	    !vantage_begin(&pass->disk, trace_summary(pass->trace)))
		return out_of_memory(pass);
	for (unsigned int i = 0; i < NR_STAGES; i++)
		batch_init(pass, &pass->batches[i]);
	return CMD_OK;
}

int pass_run(struct trace *trace, struct run *const *runs, unsigned int nr_runs,
	     const struct pass_options *options, struct pass **out)
{
	struct pass *pass = g_new0(struct pass, 1);
	int status;

	*out = pass;
	pass->trace = trace;
	pass->ahead_end = 1;
	pass->runs = runs;
	pass->nr_runs = nr_runs;
	pass->own = g_ptr_array_new_with_free_func((GDestroyNotify)run_free);
	pass->all = g_ptr_array_new();
	pass->steps_max = nr_runs < MANY_RUNS ? STEPS_FEW : STEPS_MANY;
	pass->fresh_max = nr_runs < MANY_RUNS ? FRESH_FEW : FRESH_MANY;
	pass->facts_path = options->facts;
	status = prepare(pass, options);
	if (status)
		return status;
	pass->crew = crew_new(options->jobs);
	progress_start(options->what, trace_summary(trace)->events);
	status = all_rounds(pass);
	progress_wipe();
	return status ? status : facts_save(pass->facts);
}

const struct replay_result *pass_finish(const struct pass *pass,
					struct run *run)
{
	return run_finish(run, &pass->census[run_loads(run)].n,
			  pass->disk.re_stores);
}
