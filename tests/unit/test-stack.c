/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test-stack.c - the stack, the curve and the sample against plain models that walk
 * everything at each event
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <glib.h>

#include "../../sim/curve.h"
#include "../../sim/past.h"
#include "../../sim/shards.h"
#include "../../sim/stack.h"
#include "../../sim/tally.h"

#define SLOTS 48u
#define CONTENTS 40u
#define EVENTS 6000u
#define SIZES 24u

static uint64_t rng_state;

static uint32_t rng(uint32_t below)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return (uint32_t)((rng_state >> 32) * below >> 32);
}

static uint32_t weight_of(uint32_t content)
{
	return content % 7 ? 100 + content * 397 % 3900 : 4096;
}

/*------------------------------------------------------------------- stack */

/* An object; or weight alone, of which only the mark is known. */
struct plain {
	uint32_t name, weight;
	bool object;
	uint64_t above, most;
};

/* What is above each anew after each change. */
static void plain_above(struct plain *all, unsigned int nr)
{
	uint64_t above = 0;

	for (unsigned int i = nr; i--;) {
		all[i].above = above;
		all[i].most = MAX(all[i].most, above);
		above += all[i].weight;
	}
}

static void plain_put(struct stack *stack, struct plain *p)
{
	struct stack_weight weight = { (int32_t)p->weight,
				       (float)p->weight / 2 };

	if (p->object) {
		p->name = stack_push(stack, weight);
	} else {
		p->name = stack_mark(stack);
		stack_put(stack, p->name, weight);
	}
}

static void plain_take(struct stack *stack, const struct plain *p)
{
	if (p->object)
		stack_remove(stack, p->name);
	else
		stack_take(stack, p->name, (struct stack_weight){
			(int32_t)p->weight, (float)p->weight / 2 });
}

/* The next object below, as long as nothing was moved since it went. */
static const struct plain *plain_below(const struct plain *all, unsigned int i)
{
	while (i--)
		if (all[i].object)
			return &all[i];
	return NULL;
}

static void plain_check(struct stack *stack, const struct plain *all,
			unsigned int nr)
{
	unsigned int i = rng(nr);
	const struct plain *below = plain_below(all, i);

	assert_int_equal(stack_total(stack), all[0].above + all[0].weight);
	if (!all[i].object) {
		/* of an object that has gone since, or of the next: what is above now */
		if (below)
			assert_true(stack_above_mark(stack, all[i].name) >=
				    all[i].above + all[i].weight);
		return;
	}
	assert_int_equal(stack_above(stack, all[i].name), all[i].most);
	assert_true(fabs(stack_doubt(stack, all[i].name) -
			 (double)all[i].above / 2) < 1);
	if (below)
		assert_true(stack_above_next(stack, all[i].name) >=
			    all[i].above + all[i].weight);
}

static void test_stack(void **state)
{
	struct stack *stack = stack_new();
	struct plain all[300];
	unsigned int nr = 0, i;

	(void)state;
	rng_state = 88172645463325252u;
	for (unsigned int step = 0; step < 40000; step++) {
		/* waves, so that it grows beyond its places and shrinks again */
		bool push = rng(100) < (step / 2000 % 2 ? 40u : 60u);

		if ((push && nr < 300) || !nr) {
			all[nr] = (struct plain){ .weight = rng(4097),
						  .object = rng(3) };
			plain_put(stack, &all[nr++]);
		} else {
			i = rng(nr);
			plain_take(stack, &all[i]);
			memmove(&all[i], &all[i + 1],
				(--nr - i) * sizeof(*all));
		}
		plain_above(all, nr);
		if (nr)
			plain_check(stack, all, nr);
	}
	stack_free(stack);
}

/* What has lost its name still weighs on those below, and on no other. */
static void test_stack_unname(void **state)
{
	struct stack *stack = stack_new();
	uint32_t low = stack_push(stack, (struct stack_weight){ 100, 0 });
	uint32_t middle = stack_push(stack, (struct stack_weight){ 900, 0 });
	uint32_t high = stack_push(stack, (struct stack_weight){ 10, 0 });
	uint32_t mark = stack_unname(stack, middle);

	(void)state;
	assert_int_equal(stack_above(stack, low), 910);
	assert_int_equal(stack_total(stack), 1010);
	stack_take(stack, mark, (struct stack_weight){ 900, 0 });
	stack_put(stack, mark, (struct stack_weight){ 2000, 0 });
	assert_int_equal(stack_above(stack, low), 2010);
	assert_int_equal(stack_above(stack, high), 0);
	assert_int_equal(stack_above_mark(stack, mark), 2010);
	/* below all that has a name: all there is */
	assert_int_equal(stack_above_mark(stack, 0), 2110);
	stack_free(stack);
}

/*-------------------------------------------------------------------- past */

/*
 * Depths that two contents reached in turn, and the most after a time, by walking. Never
 * more is told; and less only where greater ones had to be forgotten.
 */
static void test_past(void **state)
{
	struct past *past = past_new(3);
	uint64_t depth[200] = { 0 };
	unsigned int asked = 0, less = 0;

	(void)state;
	rng_state = 7;
	for (uint32_t i = 1; i < 200; i++) {
		uint64_t most = 0, got;

		depth[i] = 64 * (1 + rng(1000));
		past_add(past, i % 2, i, depth[i]);
		assert_int_equal(past_reached(past, i % 2, i), 0);
		assert_int_equal(past_reached(past, i % 2, i - 1), depth[i]);
		for (uint32_t at = i; at; at -= MIN(at, 2)) {
			most = MAX(most, depth[at]);
			got = past_reached(past, i % 2, at - 1);
			assert_true(got <= most);
			asked++;
			less += got < most;
		}
	}
	assert_in_range(less, 1, asked / 3);
	assert_int_equal(past_reached(past, 2, 0), 0);
	past_forget(past, 0);
	assert_int_equal(past_reached(past, 0, 0), 0);
	assert_true(past_reached(past, 1, 0) > 0);
	past_free(past);
}

/*------------------------------------------------------- pools of one size */

/*
 * A pool of so many bytes that writes back its least recently stored content, with
 * all pages that share it, until the rest fits.
 */
struct pool {
	uint64_t size;
	bool dedup;
	uint32_t content[SLOTS];	/* + 1; 0: empty */
	bool in_pool[SLOTS];
	uint64_t stored[SLOTS], last[CONTENTS];		/* when */
	uint64_t hits, loads, writebacks, now;
};

/* When what slot @i holds was put on top. */
static uint64_t pool_last(const struct pool *pool, unsigned int i)
{
	return pool->dedup ? pool->last[pool->content[i] - 1] :
	       pool->stored[i];
}

static uint64_t pool_bytes(const struct pool *pool, unsigned int *oldest)
{
	uint64_t bytes = 0, first = UINT64_MAX;
	bool seen[CONTENTS] = { false };

	for (unsigned int i = 0; i < SLOTS; i++) {
		uint64_t last;

		if (!pool->in_pool[i])
			continue;
		last = pool_last(pool, i);
		if (!pool->dedup || !seen[pool->content[i] - 1])
			bytes += weight_of(pool->content[i] - 1);
		seen[pool->content[i] - 1] = true;
		if (last < first) {
			first = last;
			*oldest = i;
		}
	}
	return bytes;
}

static void pool_store(struct pool *pool, unsigned int slot, uint32_t content)
{
	unsigned int oldest = 0;

	pool->content[slot] = content + 1;
	pool->in_pool[slot] = true;
	pool->stored[slot] = pool->last[content] = ++pool->now;
	while (pool_bytes(pool, &oldest) > pool->size) {
		uint32_t written = pool->content[oldest];

		for (unsigned int i = 0; i < SLOTS; i++) {
			if (!pool->in_pool[i] || (i != oldest &&
			    (!pool->dedup || pool->content[i] != written)))
				continue;
			pool->in_pool[i] = false;
			pool->writebacks++;
		}
	}
}

static void pool_load(struct pool *pool, unsigned int slot)
{
	pool->loads++;
	pool->hits += pool->in_pool[slot];
}

static void pool_drop(struct pool *pool, unsigned int slot)
{
	pool->content[slot] = 0;
	pool->in_pool[slot] = false;
}

/*------------------------------------------------------------------- curve */

/*
 * The definition of docs/CURVE.md, by walking: contents in the order of their last
 * store, each page with the most that its content's depth was since its own store.
 */
struct walk {
	bool dedup;
	uint32_t content[SLOTS];	/* + 1; 0: empty */
	uint64_t stored[SLOTS], last[CONTENTS], most[SLOTS], now;
	uint64_t hits[SIZES], loads, writebacks[SIZES];
};

static uint64_t walk_last(const struct walk *walk, unsigned int i)
{
	return walk->dedup ? walk->last[walk->content[i] - 1] :
	       walk->stored[i];
}

static void walk_update(struct walk *walk)
{
	for (unsigned int i = 0; i < SLOTS; i++) {
		bool seen[CONTENTS] = { false };
		uint64_t depth = 0;

		if (!walk->content[i])
			continue;
		for (unsigned int j = 0; j < SLOTS; j++) {
			if (!walk->content[j] ||
			    walk_last(walk, j) < walk_last(walk, i))
				continue;
			if (!walk->dedup || !seen[walk->content[j] - 1])
				depth += weight_of(walk->content[j] - 1);
			seen[walk->content[j] - 1] = true;
		}
		walk->most[i] = MAX(walk->most[i], depth);
	}
}

static void walk_count(const struct walk *walk, unsigned int slot,
		       const uint64_t *sizes, uint64_t *counts, bool within)
{
	for (unsigned int i = 0; i < SIZES; i++)
		counts[i] += (walk->most[slot] <= sizes[i]) == within;
}

static void walk_event(struct walk *walk, unsigned int op, unsigned int slot,
		       uint32_t content, const uint64_t *sizes)
{
	if (op == TRACE_LOAD) {
		walk->loads++;
		walk_count(walk, slot, sizes, walk->hits, true);
	}
	if (walk->content[slot])
		walk_count(walk, slot, sizes, walk->writebacks, false);
	walk->content[slot] = 0;
	if (op == TRACE_STORE) {
		walk->content[slot] = content + 1;
		walk->stored[slot] = walk->last[content] = ++walk->now;
		walk->most[slot] = 0;
	}
	walk_update(walk);
}

static uint64_t test_hash(void *data, uint32_t content)
{
	uint64_t x = (content + 1 + *(uint64_t *)data) * 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 32) * 0xd6e8feb86659fd93u;
	return x ^ x >> 32;
}

static uint32_t test_weight(void *data, uint32_t content)
{
	(void)data;
	return content > CONTENTS && content % 11 == 0 ? SHARDS_REFUSED :
	       weight_of(content);
}

/* It tells next to nothing: what is estimated has to be right all the same. */
static uint32_t test_guess(void *data, uint32_t content)
{
	return weight_of(content) / 64 + test_hash(data, content) % 200;
}

static struct shards *make_shards(uint64_t slots, uint64_t contents,
				  const struct shards_options *options,
				  uint64_t *seed)
{
	const struct trace_summary summary = { .slots = { slots } };
	const struct shards_source source = {
		test_hash, test_weight, test_guess, seed,
	};
	struct shards *shards = shards_new(&summary, contents, options,
					   &source);

	assert_non_null(shards);
	return shards;
}

/* @held: content + 1 */
static void shards_event(struct shards *shards, unsigned int op, uint32_t held,
			 unsigned int slot, uint32_t content)
{
	if (held && op == TRACE_LOAD)
		shards_load(shards, 0, slot, held - 1);
	if (held)
		shards_drop(shards, 0, slot, held - 1);
	if (op == TRACE_STORE)
		shards_store(shards, 0, slot, content);
	shards_tick(shards);
}

/* 48 slots and 40 contents, stored again and again: each way a page can go. */
static void run_curve(bool dedup, struct walk *walk, struct pool *pools,
		      struct shards *shards, const uint64_t *sizes)
{
	for (unsigned int step = 0; step < EVENTS; step++) {
		unsigned int slot = rng(SLOTS), op = rng(3);
		uint32_t content = rng(4) ? rng(CONTENTS) : rng(3);
		uint32_t held = walk->content[slot];

		if (!held)
			op = TRACE_STORE;
		for (unsigned int i = 0; i < SIZES; i++) {
			if (op == TRACE_LOAD)
				pool_load(&pools[i], slot);
			pool_drop(&pools[i], slot);
			if (op == TRACE_STORE)
				pool_store(&pools[i], slot, content);
		}
		shards_event(shards, op, held, slot, content);
		walk->dedup = dedup;
		walk_event(walk, op, slot, content, sizes);
	}
	for (unsigned int i = 0; i < SLOTS; i++)
		if (walk->content[i])
			walk_count(walk, i, sizes, walk->writebacks, false);
	for (unsigned int i = 0; i < SLOTS; i++)
		if (walk->content[i])
			shards_stays(shards, 0, i, walk->content[i] - 1);
}

static void check_curve(bool dedup, uint64_t seed)
{
	struct pool pools[SIZES] = { 0 };
	struct walk walk = { 0 };
	struct shards_point point;
	struct shards *shards;
	uint64_t sizes[SIZES], off = 0, all = 0;
	struct shards_options options = {
		.dedup = dedup, .threshold = SHARDS_ALL, .sizes = sizes,
		.nr = seed % 2 ? SIZES : 0,
	};

	/* multiples of what counts without sizes tell apart */
	for (unsigned int i = 0; i < SIZES; i++) {
		sizes[i] = (i + 1) * 4096;
		pools[i].size = sizes[i];
		pools[i].dedup = dedup;
	}
	rng_state = seed;
	shards = make_shards(SLOTS, CONTENTS, &options, &seed);
	run_curve(dedup, &walk, pools, shards, sizes);
	shards_finish(shards);
	for (unsigned int i = 0; i < SIZES; i++) {
		shards_at(shards, sizes[i], 0, &point);
		assert_int_equal(point.writebacks.value, walk.writebacks[i]);
		assert_int_equal(point.hit_rate.value * (double)walk.loads + .5,
				 walk.hits[i]);
		assert_int_equal(pools[i].loads, walk.loads);
		off += (uint64_t)llabs((int64_t)(pools[i].hits -
						 walk.hits[i]));
		all += walk.loads;
		if (!dedup) {
			assert_int_equal(pools[i].hits, walk.hits[i]);
			assert_int_equal(pools[i].writebacks,
					 walk.writebacks[i]);
		}
	}
	/* where contents are shared, a pool of one size does not hold what it wrote back */
	if (dedup)
		assert_true(off * 50 < all);
	shards_free(shards);
}

static void test_curve_is_a_pool_of_each_size(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++)
		check_curve(false, seed);
}

static void test_curve_shared(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++)
		check_curve(true, seed);
}

/* The step of the counts is doubled many times: sums up to its multiples stay exact. */
static void test_tally(void **state)
{
	struct tally *tally = tally_new(NULL, 0, 1024);

	(void)state;
	for (unsigned int i = 1; i <= 4000; i++)
		tally_add(tally, i * 64, 1);
	tally_settle(tally);
	assert_int_equal(tally_step(tally), 256);
	assert_int_equal(tally_all(tally), 4000);
	for (unsigned int i = 4; i <= 4000; i += 4)
		assert_int_equal(tally_within(tally, i * 64), i);
	/* and between them in proportion */
	assert_true(fabs(tally_within(tally, 6 * 64 + 32) - 6.5) < 1e-9);
	tally_free(tally);
}

static void test_tally_straighten(void **state)
{
	static const double add[] = { 3, -2, 0, 4, -1, -1, 5 };
	static const double want[] = { 5. / 3, 5. / 3, 5. / 3, 4, 4, 4, 8 };
	struct tally *tally = tally_new(NULL, 0, 7);

	(void)state;
	for (unsigned int i = 0; i < 7; i++)
		tally_add(tally, (i + 1) * 64, add[i]);
	tally_settle(tally);
	tally_straighten(tally);
	for (unsigned int i = 0; i < 7; i++)
		assert_true(fabs(tally_within(tally, (i + 1) * 64) - want[i]) <
			    1e-9);
	tally_free(tally);
}

/*------------------------------------------------------------------ sample */

#define ALL 20000u
#define SAMPLE_SLOTS 6000u
#define SAMPLE_EVENTS 60000u
#define SEEDS 12u
#define POINTS 15u

/*
 * A stream with everything that a sample may be wrong about: four contents have an
 * eighth of the stores, others a few pages each; some are refused; old pages stay
 * longer than young ones, and they are the heavy ones.
 */
static struct shards *run_sample(const struct shards_options *options,
				 uint64_t seed)
{
	struct shards *shards = make_shards(SAMPLE_SLOTS, ALL, options, &seed);
	uint32_t *held = g_new0(uint32_t, SAMPLE_SLOTS);

	rng_state = 99;
	for (unsigned int i = 0; i < SAMPLE_EVENTS; i++) {
		uint32_t slot = rng(rng(3) ? SAMPLE_SLOTS / 4 : SAMPLE_SLOTS);
		unsigned int op = held[slot] ? rng(3) : TRACE_STORE;
		uint32_t content = rng(8) ? rng(2) ? rng(1000) :
					    rng(ALL * (i + 1) / SAMPLE_EVENTS +
						1) : rng(4);

		while (slot >= SAMPLE_SLOTS / 4 && weight_of(content) < 2500)
			content = rng(1000);
		shards_event(shards, op, held[slot], slot, content);
		held[slot] = op == TRACE_STORE ? content + 1 : 0;
	}
	for (unsigned int i = 0; i < SAMPLE_SLOTS; i++)
		if (held[i])
			shards_stays(shards, 0, i, held[i] - 1);
	shards_finish(shards);
	g_free(held);
	return shards;
}

/* By how much samples are wrong, and on average; how often their intervals hold. */
struct wrong {
	double most, sum[POINTS];
	unsigned int held, all;
};

static void add_wrong(struct wrong *wrong, unsigned int i,
		      const struct shards_estimate *e, double truth)
{
	wrong->most = MAX(wrong->most, fabs(e->value - truth));
	wrong->sum[i] += e->value - truth;
	wrong->held += e->low <= truth + 1e-9 && e->high >= truth - 1e-9;
	wrong->all++;
}

static void check_wrong(const struct wrong *wrong, double most)
{
	assert_true(wrong->most < most);
	for (unsigned int i = 0; i < POINTS; i++)
		assert_true(fabs(wrong->sum[i]) / SEEDS < most / 2.5);
	assert_true(wrong->held * 100 >= wrong->all * 93);
}

static void check_sample(const struct shards_options *options, double most)
{
	const struct shards_options all = {
		.dedup = options->dedup, .threshold = SHARDS_ALL,
	};
	struct shards *whole = run_sample(&all, 0), *sample;
	struct wrong hits = { 0 }, pages = { 0 }, contents = { 0 };
	struct shards_sharing exact, sharing;
	struct shards_point truth, point;

	shards_mean(whole, &exact);
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		sample = run_sample(options, seed);
		shards_mean(sample, &sharing);
		assert_memory_equal(&sharing, &exact, sizeof(exact));
		for (unsigned int i = 0; i < POINTS; i++) {
			uint64_t size = (i + 1) * shards_peak(whole) /
					(POINTS + 1);

			size -= size % shards_step(whole);
			shards_at(whole, size, 0, &truth);
			shards_at(sample, size, 0, &point);
			add_wrong(&hits, i, &point.hit_rate,
				  truth.hit_rate.value);
			add_wrong(&pages, i, &point.writebacks,
				  truth.writebacks.value);
			add_wrong(&contents, i, &point.content_writebacks,
				  truth.content_writebacks.value);
		}
		shards_free(sample);
	}
	shards_free(whole);
	check_wrong(&hits, most);
	check_wrong(&pages, most * SAMPLE_EVENTS / 2);
	check_wrong(&contents, most * SAMPLE_EVENTS / 2);
}

static void test_sample(void **state)
{
	const struct shards_options options = {
		.dedup = true, .sample = true, .threshold = SHARDS_ALL / 20,
	};

	(void)state;
	check_sample(&options, 0.07);
}

static void test_sample_without_dedup(void **state)
{
	const struct shards_options options = {
		.sample = true, .threshold = SHARDS_ALL / 20,
	};

	(void)state;
	check_sample(&options, 0.04);
}

/* What is left is how far the places of those not followed are from the next one. */
static void test_sample_of_known_weights(void **state)
{
	const struct shards_options options = {
		.dedup = true, .sample = true, .known = true,
		.threshold = SHARDS_ALL / 20,
	};

	(void)state;
	check_sample(&options, 0.02);
}

static void test_sample_size(void **state)
{
	struct shards_options options = {
		.dedup = true, .sample = true, .threshold = SHARDS_ALL,
		.sample_size = 100,
	};
	struct shards *shards = run_sample(&options, 3);

	(void)state;
	/* of about 2,000 contents at a time */
	assert_true(shards_threshold(shards) < SHARDS_ALL / 8);
	assert_true(shards_threshold(shards) > SHARDS_ALL / 64);
	shards_free(shards);
	check_sample(&options, 0.04);
	options.dedup = false;
	check_sample(&options, 0.04);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stack),
		cmocka_unit_test(test_stack_unname),
		cmocka_unit_test(test_past),
		cmocka_unit_test(test_curve_is_a_pool_of_each_size),
		cmocka_unit_test(test_curve_shared),
		cmocka_unit_test(test_tally),
		cmocka_unit_test(test_tally_straighten),
		cmocka_unit_test(test_sample),
		cmocka_unit_test(test_sample_without_dedup),
		cmocka_unit_test(test_sample_of_known_weights),
		cmocka_unit_test(test_sample_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
