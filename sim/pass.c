/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pass.c - one pass over a trace for any number of runs
 *
 * The trace is taken in batches, and each batch goes through four stages:
 *
 *   decode  events in order: what a page is, what a slot holds (one task, and one
 *           batch at a time)
 *   find    the facts of contents met for the first time (a task for each part)
 *   lay     the facts beside the events, when those of this batch and of all before
 *           are found (one task; one batch at a time when hashes are compared)
 *   run     each run its model (a task for each run, each its batches in order; those
 *           that others are compared with before the others)
 *
 * A ring of batches is under way, and a task begins as soon as what it needs is
 * done. Tasks that are under way at once need nothing of one another, so any thread
 * may do them in any order: that is why results do not depend on their number.
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
 * Of many runs each finds the caches full of the others' models when its turn comes,
 * so it goes through half the ring then, while the other half is made ready. Of few,
 * each takes a batch as soon as it is made: it is in the caches yet. A batch ends early
 * at so many new contents that what decode has read of them is there when find comes.
 */
#define PLACES 16u
#define MANY_RUNS 4u
#define STEPS_MAX 8192u
#define FRESH_MAX 4096u
#define FRESH_PART 32u
/*
 * Events are read before their turn, so many at a time: while those before them are
 * decoded the memory answers what their slots hold, and then of what that is.
 */
#define EVENTS_AHEAD 64u

enum { DECODE, FIND, LAY, RUN };

/**
 * struct stage - a stage before the runs
 * @at:   the batch whose tasks are being begun, of which @next is the next
 * @left: by place of the ring: tasks that have not returned
 * @done: the first batch of which any has not
 */
struct stage {
	uint64_t at, done;
	unsigned int next, left[PLACES];
};

/**
 * struct turn - how far a run is
 * @at: the batch that it takes next, or that it is @busy with
 */
struct turn {
	uint64_t at;
	bool busy;
};

/* The batches that a worker lets one run take one after another. */
struct row {
	unsigned int run, left;
};

struct ahead {
	struct trace_event events[EVENTS_AHEAD];
	unsigned int nr;
};

/**
 * struct pass - one pass
 * @own:     runs that nobody asked for but to compare others with
 * @all:     @runs and @own that have something to do: the first @nr_baselines are
 *           those that others are compared with
 * @jobs:    workers
 * @places:  of the ring, that are used
 * @turns:   of @all
 * @rows:    by worker
 * @low:     the first batch that a run has not taken
 * @end:     no batch from this one on need be run: a run has failed before
 * @failed:  that run's number in @all
 * @events:  that all runs have seen
 * @census:  of each kind of kernel that a run has, see @uses
 * @columns: of @facts, that batches have
 * @partitions: of the hashes by which a run follows another; NULL: none does
 * @bytes:   of each content, when a run looks at them; NULL: none does
 * @batches: the ring
 * @ahead:   events read. Of those in @now, @ahead_at is the next; the other's follow.
 *           @ahead_end: what trace_read said last, above 0 while it has not said
 *           that there are no more
 * @load:    the event that a store was put before, when @has_load
 * @last:    as in the options
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
	unsigned int jobs, places;
	struct stage stages[RUN];
	struct turn *turns;
	struct row *rows;
	uint64_t low, end, events;
	unsigned int failed;
	struct pages *pages;
	struct census census[NR_LOADS];
	bool uses[NR_LOADS];
	struct facts *facts;
	unsigned int columns;
	struct partitions *partitions;
	const void **bytes;
	struct batch batches[PLACES];
	struct ahead ahead[2];
	unsigned int now, ahead_at;
	int ahead_end;
	struct trace_event load;
	bool has_load, ended, last;
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
		pass->ahead_end = trace_read(pass->trace,
					     &ahead->events[ahead->nr],
					     EVENTS_AHEAD - ahead->nr, why,
					     sizeof(why));
		if (pass->ahead_end < 0)
			pass->why_ahead = g_strdup(why);
		else
			ahead->nr += (unsigned int)pass->ahead_end;
	}
	for (unsigned int k = 0; k < ahead->nr; k++) {
		const struct trace_event *ev = &ahead->events[k];

		if (ev->page != TRACE_NO_PAGE)
			pages_prefetch(pass->pages, ev->page);
		for (unsigned int i = 0; i < NR_LOADS; i++)
			if (pass->uses[i])
				census_prefetch(&pass->census[i], ev);
	}
}

/* The events in @now are through: it is the others' turn. */
static G_NO_INLINE void read_ahead(struct pass *pass)
{
	struct ahead *through = &pass->ahead[pass->now];
	const struct ahead *now = &pass->ahead[pass->now ^= 1];

	pass->ahead_at = 0;
	read_events(pass, through);
	for (unsigned int i = 0; i < NR_LOADS; i++)
		for (unsigned int k = 0; pass->uses[i] && k < now->nr; k++)
			census_prefetch_held(&pass->census[i], &now->events[k]);
}

/*
 * NULL: the end, or @why is set. Valid until the next call. This and add_step are for
 * each event, and a call would cost a tenth of what they do.
 */
static G_ALWAYS_INLINE inline const struct trace_event *
next_event(struct pass *pass)
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
static G_ALWAYS_INLINE inline struct step *
add_step(struct pass *pass, struct batch *batch, const struct trace_event *ev)
{
	bool names = ev->op == TRACE_LOAD && ev->page != TRACE_NO_PAGE;
	struct step *step = &batch->steps[batch->nr];
	uint32_t content = 0, held;

	*step = (struct step){
		.seq = ev->seq, .slot = ev->slot, .memcg = ev->memcg,
		.type = ev->type, .op = ev->op,
	};
	if (ev->op == TRACE_STORE) {
		content = pages_content(pass->pages, ev->page);
		step->content = content;
		step->folio = 1;
		step->kind = facts_kind(pages_class(pass->pages, content));
		if (!census_stored(any_census(pass), content))
			add_fresh(pass, batch, content);
	}
	for (unsigned int i = 0; i < NR_LOADS; i++) {
		if (!pass->uses[i])
			continue;
		held = census_held(&pass->census[i], ev);
		if (ev->op != TRACE_STORE)
			step->held[i] = held;
		if (names && held != SLOT_EMPTY &&
		    pages_content(pass->pages, ev->page) != held - 1) {
			complain(pass, ev);
			return NULL;
		}
		census_event(&pass->census[i], ev, held, content);
	}
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
	while (!pass->ended && batch->nr < STEPS_MAX &&
	       batch->nr_fresh < FRESH_MAX) {
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
		 unsigned int worker, unsigned int part)
{
	unsigned int begin = part * FRESH_PART;
	unsigned int end = MIN(begin + FRESH_PART, batch->nr_fresh);

	for (unsigned int c = 0; c < pass->columns; c++)
		for (unsigned int i = begin; i < end; i++)
			facts_find(pass->facts, worker, c,
				   batch->fresh[i].content,
				   batch->fresh[i].page);
}

static void lay_column(struct pass *pass, struct batch *batch,
		       unsigned int column)
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

static void lay(struct pass *pass, struct batch *batch)
{
	for (unsigned int i = 0; i < pass->columns; i++)
		lay_column(pass, batch, i);
	if (pass->partitions)
		partitions_take(pass->partitions, batch);
}

/*------------------------------------------------- tasks: before the runs */

static struct batch *batch_at(struct pass *pass, uint64_t batch)
{
	return &pass->batches[batch % pass->places];
}

/* While a task of it is under way, nobody else looks at what that changes. */
static bool one_at_a_time(const struct pass *pass, unsigned int stage)
{
	return stage == DECODE || (stage == LAY && pass->partitions);
}

/* The first batch of which @stage cannot begin a task now. */
static uint64_t stage_limit(const struct pass *pass, unsigned int stage)
{
	const struct stage *s = &pass->stages[stage];

	if (s->at != s->done && one_at_a_time(pass, stage))
		return s->done;
	if (stage != DECODE)
		return pass->stages[stage - 1].done;
	if (pass->ended)
		return s->done;
	return MIN(pass->low + pass->places, pass->end);
}

static unsigned int nr_tasks(struct pass *pass, unsigned int stage,
			     uint64_t batch)
{
	unsigned int fresh;

	if (stage != FIND)
		return 1;
	fresh = batch_at(pass, batch)->nr_fresh;
	return MAX(1, (fresh + FRESH_PART - 1) / FRESH_PART);
}

static bool begin_stage(struct pass *pass, unsigned int stage,
			struct task *task)
{
	struct stage *s = &pass->stages[stage];
	unsigned int nr;

	if (s->at >= stage_limit(pass, stage))
		return false;
	*task = (struct task){ stage, s->next, s->at };
	nr = nr_tasks(pass, stage, s->at);
	if (!s->next)
		s->left[s->at % PLACES] = nr;
	if (++s->next == nr) {
		s->next = 0;
		s->at++;
	}
	return true;
}

static void finish_stage(struct stage *s, uint64_t batch)
{
	s->left[batch % PLACES]--;
	while (s->done < s->at && !s->left[s->done % PLACES])
		s->done++;
}

/*------------------------------------------------------- tasks: the runs */

/* The first batch that run @i of all cannot take now. */
static uint64_t run_limit(const struct pass *pass, unsigned int i)
{
	uint64_t limit = MIN(pass->stages[LAY].done, pass->end);

	if (i < pass->nr_baselines)
		return limit;
	for (unsigned int k = 0; k < pass->nr_baselines; k++)
		limit = MIN(limit, pass->turns[k].at);
	return limit;
}

/*
 * The run that is furthest behind: the ring waits for it. Where little is ready, as at
 * the end of the trace, rows are short, so that no worker is left with a long one
 * when the others have nothing to do.
 */
static bool begin_row(struct pass *pass, struct row *row)
{
	const struct turn *first = NULL;
	uint64_t limit = run_limit(pass, 0), ready = 0;

	for (unsigned int i = 0; i < pass->all->len; i++) {
		const struct turn *turn = &pass->turns[i];

		if (i == pass->nr_baselines)
			limit = run_limit(pass, i);
		if (turn->at >= limit)
			continue;
		ready += limit - turn->at;
		if (turn->busy || (first && turn->at >= first->at))
			continue;
		first = turn;
		row->run = i;
	}
	ready /= 2 * pass->jobs;
	row->left = (unsigned int)CLAMP(ready, 1, MAX(1, pass->places / 2));
	return first;
}

static bool begin_run(struct pass *pass, unsigned int worker, struct task *task)
{
	struct row *row = &pass->rows[worker];
	struct turn *turn = &pass->turns[row->run];

	if (!row->left || turn->busy || turn->at >= run_limit(pass, row->run)) {
		if (!begin_row(pass, row))
			return false;
		turn = &pass->turns[row->run];
	}
	row->left--;
	turn->busy = true;
	*task = (struct task){ RUN, row->run, turn->at };
	return true;
}

/*
 * What fails first in the order of events is told. All that comes before it is still
 * run, as something may fail there that has not been met yet.
 */
static void look_for_failure(struct pass *pass, unsigned int i, uint64_t batch)
{
	const struct run *run = g_ptr_array_index(pass->all, i), *other;

	if (run_failed_at(run) == UINT64_MAX || batch >= pass->end)
		return;
	if (batch + 1 == pass->end) {
		other = g_ptr_array_index(pass->all, pass->failed);
		if (run_failed_at(other) < run_failed_at(run) ||
		    (run_failed_at(other) == run_failed_at(run) &&
		     pass->failed < i))
			return;
	}
	pass->failed = i;
	pass->end = batch + 1;
}

static void finish_run(struct pass *pass, unsigned int i, uint64_t batch)
{
	uint64_t low = UINT64_MAX;

	look_for_failure(pass, i, batch);
	pass->turns[i].busy = false;
	pass->turns[i].at++;
	for (unsigned int k = 0; k < pass->all->len; k++)
		low = MIN(low, pass->turns[k].at);
	if (low == pass->low)
		return;
	pass->events += batch_at(pass, pass->low++)->nr;
	progress_at(pass->events);
}

/*------------------------------------------------------------------- tasks */

/* What the runs wait for goes first, and of that the nearest to being run: it is in the caches. */
static bool choose(void *data, unsigned int worker, struct task *task)
{
	struct pass *pass = data;

	return begin_stage(pass, LAY, task) || begin_stage(pass, FIND, task) ||
	       begin_stage(pass, DECODE, task) ||
	       begin_run(pass, worker, task);
}

static void perform(void *data, unsigned int worker, const struct task *task)
{
	struct pass *pass = data;
	struct batch *batch = batch_at(pass, task->batch);
	struct run *run;

	switch (task->stage) {
	case DECODE:
		decode(pass, batch);
		batch->last = pass->ended;
		break;
	case FIND:
		find(pass, batch, worker, task->i);
		break;
	case LAY:
		lay(pass, batch);
		break;
	default:
		run = g_ptr_array_index(pass->all, task->i);
		run_batch(run, batch, pass->bytes);
		if (batch->last)
			run_end(run, pass->last);
		break;
	}
}

static void finish(void *data, const struct task *task)
{
	struct pass *pass = data;

	if (task->stage == RUN)
		finish_run(pass, task->i, task->batch);
	else
		finish_stage(&pass->stages[task->stage], task->batch);
}

static int all_batches(struct pass *pass)
{
	static const struct plan plan = { choose, perform, finish };

	pass->end = UINT64_MAX;
	pass->turns = g_new0(struct turn, pass->all->len);
	pass->rows = g_new0(struct row, pass->jobs);
	crew_work(pass->jobs, &plan, pass);
	/* a run that fails does so before the trace does: it is behind */
	if (pass->end != UINT64_MAX)
		return run_complain(g_ptr_array_index(pass->all,
						      pass->failed));
	if (!pass->why)
		return CMD_OK;
	cmd_error("%s", pass->why);
	return CMD_INPUT;
}

/*------------------------------------------------------------------- a pass */

static void batch_init(const struct pass *pass, struct batch *batch)
{
	const struct facts *facts = pass->facts;
	unsigned int columns = pass->columns;
	/* a folio that begins in a batch is all in it */
	unsigned int steps = STEPS_MAX + ZDEDUP_FOLIO_PAGES_MAX;

	batch->steps = g_new(struct step, steps);
	batch->fresh = g_new(struct fresh, FRESH_MAX + ZDEDUP_FOLIO_PAGES_MAX);
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
	if (pass->own)
		g_ptr_array_unref(pass->own);
	if (pass->all)
		g_ptr_array_unref(pass->all);
	for (unsigned int i = 0; i < PLACES; i++)
		batch_free(&pass->batches[i], pass->columns);
	for (unsigned int i = 0; i < NR_LOADS; i++)
		if (pass->uses[i])
			census_destroy(&pass->census[i]);
	vantage_end(&pass->disk);
	pages_free(pass->pages);
	partitions_free(pass->partitions);
	facts_free(pass->facts);
	free(pass->bytes);
	g_free(pass->turns);
	g_free(pass->rows);
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

/* Whether it was right to let @run follow is found out while the pass lasts. */
static int compare_hashes(struct pass *pass, struct run *run)
{
	struct partition_view digests[2];
	int pair = -ENOMEM;

	if (!run_follows_across(run, digests))
		return CMD_OK;
	if (!pass->partitions)
		pass->partitions = partitions_new(pass->facts,
					trace_summary(pass->trace)->nr_pages);
	if (pass->partitions)
		pair = partitions_compare(pass->partitions, digests);
	if (pair < 0)
		return out_of_memory(pass);
	run_set_pair(run, (unsigned int)pair);
	return CMD_OK;
}

static int start_runs(struct pass *pass, const struct pass_options *options)
{
	for (unsigned int i = 0; i < pass->nr_runs; i++) {
		if (start_run(pass, pass->runs[i], options->verify))
			return CMD_INPUT;
		for (unsigned int k = 0; k < i; k++)
			if (run_follow(pass->runs[i], pass->runs[k],
				       options->across_hashes))
				break;
		if (compare_hashes(pass, pass->runs[i]))
			return CMD_INPUT;
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

	pass->facts = options->found ? options->found :
				       facts_new(pass->trace, options->jobs);
	if (options->facts && !options->found &&
	    facts_load(pass->facts, options->facts))
		return CMD_INPUT;
	pass->pages = pages_new(pass->trace, &why);
	if (!pass->pages) {
		cmd_error("%s: %s", trace_path(pass->trace), why);
		return CMD_INPUT;
	}
	pages_expect(pass->pages, facts_page_digests(pass->facts));
	if (start_runs(pass, options))
		return CMD_INPUT;
	pass->columns = facts_columns(pass->facts);
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
	for (unsigned int i = 0; i < pass->places; i++)
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
	pass->jobs = options->jobs;
	pass->places = nr_runs < MANY_RUNS ?
			       CLAMP(2 * pass->jobs - 1, 1, PLACES) : PLACES;
	pass->facts_path = options->facts;
	pass->last = options->last;
	status = prepare(pass, options);
	if (status)
		return status;
	progress_start(options->what, trace_summary(trace)->events);
	status = all_batches(pass);
	progress_wipe();
	return status ? status : facts_save(pass->facts);
}

const struct replay_result *pass_finish(const struct pass *pass,
					struct run *run)
{
	return run_finish(run, &pass->census[run_loads(run)].n,
			  pass->disk.re_stores);
}

bool pass_settles(const struct pass *pass, const struct run *run)
{
	return run_settled(run, pass->partitions);
}

struct facts *pass_take_facts(struct pass *pass)
{
	facts_found(pass->facts);
	return g_steal_pointer(&pass->facts);
}
