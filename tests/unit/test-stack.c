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
#include "../../sim/shards.h"
#include "../../sim/stack.h"

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

struct plain {
	uint32_t object, weight;
	uint64_t depth, most;
};

/* Each object's depth anew after each change. */
static void plain_depths(struct plain *all, unsigned int nr)
{
	uint64_t depth = 0;

	for (unsigned int i = nr; i--;) {
		depth += all[i].weight;
		all[i].depth = depth;
		all[i].most = MAX(all[i].most, depth);
	}
}

static void test_stack(void **state)
{
	struct stack *stack = stack_new();
	struct plain all[300];
	unsigned int nr = 0, i;

	(void)state;
	rng_state = 88172645463325252u;
	for (unsigned int step = 0; step < 20000; step++) {
		/* waves, so that it grows beyond its places and shrinks again */
		bool push = rng(100) < (step / 2000 % 2 ? 40u : 60u);

		if ((push && nr < 300) || !nr) {
			all[nr] = (struct plain){ .weight = rng(4097) };
			all[nr].object = stack_push(stack, all[nr].weight);
			nr++;
		} else {
			i = rng(nr);
			assert_int_equal(stack_weight(stack, all[i].object),
					 all[i].weight);
			assert_int_equal(stack_remove(stack, all[i].object),
					 all[i].most);
			memmove(&all[i], &all[i + 1],
				(--nr - i) * sizeof(*all));
		}
		plain_depths(all, nr);
		if (nr) {
			i = rng(nr);
			assert_int_equal(stack_depth(stack, all[i].object),
					 all[i].most);
			assert_int_equal(stack_total(stack), all[0].depth);
		}
	}
	stack_free(stack);
}

/* What was reached shrinks with the scale, what is there now does not. */
static void test_stack_scale(void **state)
{
	struct stack *stack = stack_new();
	uint32_t low = stack_push(stack, 100), high = stack_push(stack, 900);

	(void)state;
	stack_remove(stack, high);
	assert_int_equal(stack_depth(stack, low), 1000);
	stack_scale(stack, 7, 8);
	assert_int_equal(stack_depth(stack, low), 875);
	stack_scale(stack, 1, 100);
	assert_int_equal(stack_depth(stack, low), 100);
	high = stack_push(stack, 50);
	assert_int_equal(stack_depth(stack, low), 150);
	assert_int_equal(stack_remove(stack, high), 50);
	stack_free(stack);
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
	return weight_of(content);
}

static struct shards *make_shards(uint64_t slots, uint64_t contents,
				  const struct shards_options *options,
				  uint64_t *seed)
{
	const struct trace_summary summary = { .slots = { slots } };
	const struct shards_source source = { test_hash, test_weight, seed };
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
		shards_load(shards, 0, slot);
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
static void test_curve_steps(void **state)
{
	struct curve *curve = curve_new(NULL, 0, SHARDS_ALL);
	uint32_t pages[4000], content;

	(void)state;
	curve_share(curve, SHARDS_ALL);
	for (unsigned int i = 0; i < 4000; i++) {
		content = CURVE_NONE;
		pages[i] = curve_store(curve, &content, 4096);
	}
	/* from the top: each has reached what was put on it, and itself */
	for (unsigned int i = 4000; i--;) {
		curve_load(curve, pages[i]);
		curve_drop(curve, pages[i]);
	}
	assert_int_equal(curve_peak(curve), 4000 * 4096);
	assert_int_equal(curve_step(curve), 256);
	for (unsigned int i = 1; i <= 4000; i += 13) {
		assert_int_equal(curve_within(curve, CURVE_LOADS, i * 4096) >> 16,
				 i);
		assert_int_equal(curve_within(curve, CURVE_LOADS,
					      i * 4096 - 256) >> 16, i - 1);
	}
	curve_free(curve);
}

/*------------------------------------------------------------------ sample */

#define ALL 20000u

/* One page of each content, then two more of every fourth: 1.5 pages per content. */
static struct shards *run_sample(const struct shards_options *options,
				 uint64_t seed)
{
	struct shards *shards = make_shards(3 * ALL, ALL, options, &seed);
	unsigned int slot = 0;

	for (uint32_t i = 0; i < ALL; i++)
		shards_event(shards, TRACE_STORE, 0, slot++, i);
	for (uint32_t i = 0; i < ALL; i += 2)
		shards_event(shards, TRACE_STORE, 0, slot++, i / 4 * 4);
	for (uint32_t i = 0; i < ALL; i++)
		shards_event(shards, TRACE_LOAD, i + 1, i, 0);
	shards_finish(shards);
	return shards;
}

static void test_sample(void **state)
{
	const struct shards_options options = {
		.dedup = true, .intervals = true, .threshold = SHARDS_ALL / 20,
	};
	struct shards_options all = { .dedup = true, .threshold = SHARDS_ALL };
	struct shards_sharing exact, sharing;
	struct shards_point truth, point;
	struct shards *sample, *whole = run_sample(&all, 7);

	(void)state;
	sample = run_sample(&options, 7);
	shards_mean(whole, &exact);
	shards_mean(sample, &sharing);
	assert_int_equal(sharing.pages, exact.pages);
	assert_true(sharing.contents.low <= exact.contents.value &&
		    sharing.contents.high >= exact.contents.value);
	assert_true(sharing.contents.high - sharing.contents.low <
		    exact.contents.value / 5);
	for (unsigned int i = 1; i < 8; i++) {
		uint64_t size = i * shards_peak(whole) / 8;

		size -= size % MAX(shards_step(sample), shards_step(whole));
		shards_at(whole, size, 0, &truth);
		shards_at(sample, size, 0, &point);
		assert_true(fabs(point.hit_rate.value - truth.hit_rate.value) <
			    0.15);
		assert_true(fabs(point.writebacks.value -
				 truth.writebacks.value) <
			    0.15 * 1.5 * ALL);
	}
	shards_free(sample);
	shards_free(whole);
}

static void test_sample_size(void **state)
{
	const struct shards_options options = {
		.dedup = true, .intervals = true, .threshold = SHARDS_ALL,
		.sample_size = 1000,
	};
	struct shards *shards = run_sample(&options, 3);
	struct shards_sharing last;

	(void)state;
	/* 20,000 contents, of which 1000 at most are looked at at a time */
	assert_true(shards_threshold(shards) < SHARDS_ALL / 16);
	assert_true(shards_threshold(shards) > SHARDS_ALL / 32);
	shards_last(shards, &last);
	assert_int_equal(last.pages, ALL / 2);
	assert_true(last.contents.low <= ALL / 4 &&
		    last.contents.high >= ALL / 4);
	shards_free(shards);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stack),
		cmocka_unit_test(test_stack_scale),
		cmocka_unit_test(test_curve_is_a_pool_of_each_size),
		cmocka_unit_test(test_curve_shared),
		cmocka_unit_test(test_curve_steps),
		cmocka_unit_test(test_sample),
		cmocka_unit_test(test_sample_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
