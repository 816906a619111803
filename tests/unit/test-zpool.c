/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test-zpool.c - what every allocator of the registry promises (zswap/ops.h), in
 * each configuration; then what each of the kernel's promises alone: zsmalloc's
 * classes, its choice of zspage, its compaction, to the page; where zbud and
 * z3fold put an object, what they evict, and what z3fold's work moves.
 */
#include <linux/mm.h>

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "compat/custom.h"
#include "registry.h"
#include "zpool-helpers.h"
#include "zpool/zpool.h"

#define MAX_SIZE PAGE_SIZE
#define SEED 20240711ull

/*------------------------------------------------------------- the helpers */

#define NR_CONTRACT 9

/* One run of the contract: an allocator, built in one way. */
struct subject {
	const struct zpool_ops *ops;
	struct zpool_config config;
	const char *built;
	char test_name[NR_CONTRACT][128];
};

static const struct {
	const char *name;
	struct zpool_config config;
	/* the one that it makes a difference to; NULL: all */
	const struct zpool_ops *only;
} configurations[] = {
	{ "bytes", { .chain_size = 0 }, NULL },
	{ "lengths only", { .lengths_only = true }, NULL },
	{ "bytes, chains of 4", { .chain_size = 4 }, &zpool_zsmalloc },
	{ "bytes, as before 6.3", { .used_percent = true }, &zpool_zsmalloc },
};

/* splitmix64 */
static uint64_t rng_next(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static unsigned int rng_below(uint64_t *state, unsigned int n)
{
	return (unsigned int)((rng_next(state) >> 32) % n);
}

/* Bytes that tell their object and their place in it apart from all others. */
static void pattern(unsigned char *dst, size_t size, uint64_t seed)
{
	uint64_t word;
	size_t i;

	for (i = 0; i < size; i += sizeof(word)) {
		word = rng_next(&seed);
		memcpy(dst + i, &word,
		       size - i < sizeof(word) ? size - i : sizeof(word));
	}
}

static unsigned long pool_compact(struct zpool *zp)
{
	return zp->ops->compact ? zp->ops->compact(zp->priv) : 0;
}

static unsigned long must_malloc(struct zpool *zp, size_t size)
{
	unsigned long handle = 0;

	assert_int_equal(handle_malloc(zp, size, &handle), 0);
	return handle;
}

/* An object and what it must hold. */
struct object {
	unsigned long handle;
	unsigned int size;	/* at malloc */
	unsigned int len;	/* written */
	uint64_t seed;
};

static void object_write(struct zpool *zp, struct object *o, size_t len,
			 uint64_t seed)
{
	unsigned char buf[MAX_SIZE];

	pattern(buf, len, seed);
	zpool_obj_write(zp, handle_word(o->handle), buf, len);
	o->len = len;
	o->seed = seed;
}

static bool object_holds(const void *mem, const struct object *o)
{
	unsigned char buf[MAX_SIZE];

	pattern(buf, o->len, o->seed);
	return !memcmp(mem, buf, o->len);
}

static bool object_intact(struct zpool *zp, const struct object *o)
{
	unsigned char copy[MAX_SIZE];
	const void *mem;
	bool intact;

	if (zp->lengths_only)
		return true;
	mem = zpool_obj_read_begin(zp, handle_word(o->handle), o->len, copy);
	intact = object_holds(mem, o);
	zpool_obj_read_end(zp, handle_word(o->handle), mem);
	return intact;
}

static int compare_handles(const void *a, const void *b)
{
	unsigned long x = *(const unsigned long *)a;
	unsigned long y = *(const unsigned long *)b;

	return x < y ? -1 : x > y;
}

/*------------------------------------------------------------ the contract */

/* Every size once, all of them live together, then freed in a mixed order. */
static void contract_sizes(void **state)
{
	const struct subject *s = *state;
	struct zpool zp = pool_create(s->ops, &s->config);
	static struct object o[MAX_SIZE + 1];
	static unsigned long sorted[MAX_SIZE];
	unsigned int size, nr = 0, i;
	uint64_t bytes = 0;
	bool refused = false;
	int err;

	assert_int_equal(zpool_total_pages(&zp), 0);
	for (size = 1; size <= MAX_SIZE; size++) {
		err = handle_malloc(&zp, size, &o[nr].handle);
		if (err) {
			assert_int_equal(err, -ENOSPC);
			refused = true;
			continue;
		}
		/* a size above one that was refused is refused */
		assert_false(refused);
		o[nr].size = size;
		object_write(&zp, &o[nr], size, size);
		sorted[nr] = *handle_word(o[nr].handle);
		nr++;
		bytes += size;
		assert_true(zpool_total_pages(&zp) * PAGE_SIZE >= bytes);
	}
	assert_true(nr > 0);
	assert_int_equal(pool_check(&zp), 0);

	qsort(sorted, nr, sizeof(sorted[0]), compare_handles);
	for (i = 0; i < nr; i++)
		assert_true(i ? sorted[i] > sorted[i - 1] : sorted[i] != 0);
	for (i = 0; i < nr; i++)
		assert_true(object_intact(&zp, &o[i]));
	/* 2521 is prime and larger than half of any nr up to 4096 */
	for (i = 0; i < nr; i++) {
		struct object *last = &o[i * 2521u % nr];

		assert_true(object_intact(&zp, last));
		handle_free(&zp, last->handle);
	}
	pool_destroy(&zp);
}

static void contract_refused_sizes(void **state)
{
	static const size_t too_large[] = { MAX_SIZE + 1, MAX_SIZE * 2,
					    SIZE_MAX - 7, SIZE_MAX };
	const struct subject *s = *state;
	struct zpool zp = pool_create(s->ops, &s->config);
	unsigned long handle, held = compat_nr_allocated();
	int error = -ENOSPC;
	unsigned int i;

	if (s->ops == &zpool_zsmalloc && s->config.used_percent)
		error = -EINVAL;
	assert_int_equal(handle_malloc(&zp, 0, &handle), -EINVAL);
	for (i = 0; i < ARRAY_SIZE(too_large); i++)
		assert_int_equal(handle_malloc(&zp, too_large[i], &handle),
				 error);
	assert_int_equal(compat_nr_allocated(), held);
	pool_destroy(&zp);
}

/* Neighbours keep their bytes whatever is written to one of them. */
static void contract_neighbours(void **state)
{
	static const unsigned int sizes[] = { 1, 24, 25, 136, 1000, 2040, 2700 };
	const struct subject *s = *state;
	struct zpool zp = pool_create(s->ops, &s->config);
	struct object o[64];
	unsigned int k, i, j;

	for (k = 0; k < ARRAY_SIZE(sizes); k++) {
		for (i = 0; i < ARRAY_SIZE(o); i++) {
			o[i].size = sizes[k];
			o[i].handle = must_malloc(&zp, o[i].size);
			object_write(&zp, &o[i], o[i].size, i);
		}
		for (i = 0; i < ARRAY_SIZE(o); i++) {
			object_write(&zp, &o[i], o[i].size, 1000 + i);
			for (j = 0; j < ARRAY_SIZE(o); j++)
				assert_true(object_intact(&zp, &o[j]));
		}
		for (i = 0; i < ARRAY_SIZE(o); i++)
			handle_free(&zp, o[i].handle);
		pool_work(&zp);
		assert_int_equal(zpool_total_pages(&zp), 0);
	}
	pool_destroy(&zp);
}

/* What a reader holds stays, while all others are freed and moved together. */
static void contract_reader_pins(void **state)
{
	const struct subject *s = *state;
	struct zpool zp = pool_create(s->ops, &s->config);
	unsigned char copy[MAX_SIZE];
	struct object o[300];
	const void *mem;
	unsigned int i, reader;

	if (zp.lengths_only) {
		pool_destroy(&zp);
		return;
	}
	for (i = 0; i < ARRAY_SIZE(o); i++) {
		o[i].handle = must_malloc(&zp, 500);
		object_write(&zp, &o[i], 500, i);
	}
	for (reader = 0; reader < ARRAY_SIZE(o); reader += 37) {
		mem = zpool_obj_read_begin(&zp, handle_word(o[reader].handle),
					   500, copy);
		for (i = reader % 7; i < ARRAY_SIZE(o); i += 3) {
			if (i == reader)
				continue;
			handle_free(&zp, o[i].handle);
			o[i].handle = 0;
		}
		pool_compact(&zp);
		pool_work(&zp);
		assert_int_equal(pool_check(&zp), 0);
		assert_true(object_holds(mem, &o[reader]));
		for (i = 0; i < ARRAY_SIZE(o); i++) {
			if (o[i].handle)
				continue;
			o[i].handle = must_malloc(&zp, 500);
			object_write(&zp, &o[i], 500, i + reader);
		}
		assert_true(object_holds(mem, &o[reader]));
		zpool_obj_read_end(&zp, handle_word(o[reader].handle), mem);
	}
	for (i = 0; i < ARRAY_SIZE(o); i++) {
		assert_true(object_intact(&zp, &o[i]));
		handle_free(&zp, o[i].handle);
	}
	pool_destroy(&zp);
}

/* Sizes as pools see them: every size, and crowds on a few. */
static unsigned int random_size(uint64_t *rng)
{
	static const unsigned int crowd[] = { 20, 120, 700, 1100, 2040, 4096 };

	if (rng_below(rng, 2))
		return crowd[rng_below(rng, ARRAY_SIZE(crowd))];
	return 1 + rng_below(rng, MAX_SIZE);
}

/* Full ones have most objects, then few, and so on: zspages come and go. */
static bool wants_more(unsigned int step)
{
	return step / 8000 % 2 == 0;
}

#define RANDOM_OBJECTS 1500u
#define RANDOM_STEPS 100000u

/*
 * The subject, its twin of the other kind (bytes, or lengths only) and the ideal
 * go through the same steps: same errors, same pages; never below the ideal.
 */
static void contract_random(void **state)
{
	const struct subject *s = *state;
	struct zpool_config other = s->config;
	struct zpool zp = pool_create(s->ops, &s->config), twin, floor;
	static struct object o[RANDOM_OBJECTS];
	static unsigned long in_twin[RANDOM_OBJECTS], in_floor[RANDOM_OBJECTS];
	unsigned int step, size, i;
	uint64_t rng = SEED;
	int err;

	other.lengths_only = !other.lengths_only;
	twin = pool_create(s->ops, &other);
	other.lengths_only = true;
	floor = pool_create(&zpool_ideal, &other);
	memset(o, 0, sizeof(o));

	for (step = 0; step < RANDOM_STEPS; step++) {
		unsigned int verb = rng_below(&rng, 16);

		i = rng_below(&rng, RANDOM_OBJECTS);
		if (!o[i].handle && (verb < 13 || wants_more(step))) {
			size = random_size(&rng);
			err = handle_malloc(&zp, size, &o[i].handle);
			assert_int_equal(handle_malloc(&twin, size, &in_twin[i]),
					 err);
			if (err) {
				assert_int_equal(err, -ENOSPC);
				o[i].handle = 0;
				continue;
			}
			in_floor[i] = must_malloc(&floor, size);
			o[i].size = size;
			object_write(&zp, &o[i], size, rng_next(&rng));
		} else if (o[i].handle && (verb < 3 || !wants_more(step))) {
			assert_true(object_intact(&zp, &o[i]));
			handle_free(&zp, o[i].handle);
			handle_free(&twin, in_twin[i]);
			handle_free(&floor, in_floor[i]);
			o[i].handle = 0;
		} else if (o[i].handle && verb < 10) {
			object_write(&zp, &o[i],
				     1 + rng_below(&rng, o[i].size),
				     rng_next(&rng));
		} else if (o[i].handle) {
			assert_true(object_intact(&zp, &o[i]));
		}
		if (step % 997 == 0)
			assert_int_equal(pool_compact(&zp),
					 pool_compact(&twin));
		if (step % 61 == 0) {
			pool_work(&zp);
			pool_work(&twin);
		}
		if (step % 500 == 0) {
			assert_int_equal(pool_check(&zp), 0);
			assert_int_equal(pool_check(&twin), 0);
		}
		assert_int_equal(zpool_total_pages(&zp),
				 zpool_total_pages(&twin));
		assert_true(zpool_total_pages(&zp) >=
			    zpool_total_pages(&floor));
	}

	for (i = 0; i < RANDOM_OBJECTS; i++) {
		if (!o[i].handle)
			continue;
		assert_true(object_intact(&zp, &o[i]));
		handle_free(&zp, o[i].handle);
		handle_free(&twin, in_twin[i]);
		handle_free(&floor, in_floor[i]);
	}
	pool_destroy(&zp);
	pool_destroy(&twin);
	pool_destroy(&floor);
}

/* Fails each allocation of create in turn. */
static void contract_create_fails(void **state)
{
	const struct subject *s = *state;
	unsigned long before = compat_nr_allocated(), nth;
	void *priv;

	for (nth = 1;; nth++) {
		compat_fail_alloc(nth, false);
		priv = s->ops->create(&s->config);
		if (!compat_fail_happened())
			break;
		assert_null(priv);
		assert_int_equal(compat_nr_allocated(), before);
	}
	compat_fail_alloc(0, false);
	assert_true(nth > 1);
	assert_non_null(priv);
	s->ops->destroy(priv);
	assert_int_equal(compat_nr_allocated(), before);
	assert_int_equal(compat_nr_warnings(), 0);
}

/* The largest size that the pool takes. */
static unsigned int largest_size(struct zpool *zp)
{
	unsigned int size = MAX_SIZE;
	unsigned long handle;

	while (handle_malloc(zp, size, &handle))
		assert_true(--size > 0);
	handle_free(zp, handle);
	return size;
}

/* Fails each allocation of malloc in turn, in an empty and in a used pool. */
static void contract_malloc_fails(void **state)
{
	const struct subject *s = *state;
	unsigned long before = compat_nr_allocated(), nr_failed = 0;
	struct zpool zp = pool_create(s->ops, &s->config);
	unsigned int sizes[] = { 1, 100, 700, 3000, 3624, largest_size(&zp) };
	unsigned long handle[32 * ARRAY_SIZE(sizes)], held;
	unsigned int nr = 0, nth, i;
	uint64_t pages;

	while (nr < ARRAY_SIZE(handle)) {
		held = compat_nr_allocated();
		pages = zpool_total_pages(&zp);
		for (nth = 1;; nth++) {
			int err;

			compat_fail_alloc(nth, false);
			err = handle_malloc(&zp, sizes[nr % ARRAY_SIZE(sizes)],
					   &handle[nr]);
			if (!compat_fail_happened()) {
				assert_int_equal(err, 0);
				break;
			}
			assert_int_equal(err, -ENOMEM);
			assert_int_equal(compat_nr_allocated(), held);
			assert_int_equal(zpool_total_pages(&zp), pages);
			assert_int_equal(pool_check(&zp), 0);
		}
		nr_failed += nth - 1;
		nr++;
	}
	/* one that never failed would show nothing here: a page each at least */
	assert_true(nr_failed >= 32);
	/* what takes no memory must work without any */
	compat_fail_alloc(1, true);
	pool_compact(&zp);
	pool_work(&zp);
	for (i = 0; i < nr; i++)
		handle_free(&zp, handle[i]);
	assert_int_equal(pool_check(&zp), 0);
	assert_false(compat_fail_happened());
	compat_fail_alloc(0, false);
	pool_destroy(&zp);
	assert_int_equal(compat_nr_allocated(), before);
}

#define NR_THREADS 4
#define THREAD_OBJECTS 300u
#define THREAD_STEPS 30000u

struct worker {
	struct zpool *zp;
	unsigned int id;
	const char *wrong;	/* what went wrong; cmocka is for one thread */
};

/* Bytes that a reader holds across the others' compaction and frees. */
static bool long_read(struct worker *w, struct object *o)
{
	unsigned char copy[MAX_SIZE];
	const void *mem;
	unsigned int i;
	bool intact = true;

	if (w->zp->lengths_only)
		return true;
	mem = zpool_obj_read_begin(w->zp, handle_word(o->handle), o->len, copy);
	for (i = 0; i < 4; i++)
		intact = object_holds(mem, o) && intact;
	zpool_obj_read_end(w->zp, handle_word(o->handle), mem);
	return intact;
}

static const char *worker_step(struct worker *w, struct object *o,
			       unsigned int step, uint64_t *rng)
{
	unsigned int verb = rng_below(rng, 8);

	if (step % 64 == w->id * 16)
		pool_compact(w->zp);
	if (step % 64 == w->id * 16 + 8)
		pool_work(w->zp);
	if (step % 4096 == w->id * 1024 && pool_check(w->zp))
		return "check beside other threads";

	if (!o->handle) {
		int err;

		o->size = random_size(rng) & ~1023u;
		o->size += 20;
		if (o->size > MAX_SIZE)
			o->size = MAX_SIZE;
		err = handle_malloc(w->zp, o->size, &o->handle);
		if (err) {
			o->handle = 0;
			return err == -ENOSPC ? NULL : "malloc";
		}
		object_write(w->zp, o, o->size, rng_next(rng));
	} else if (verb < 2 + 3 * (step / 2000 % 2)) {
		if (!object_intact(w->zp, o))
			return "bytes at free";
		handle_free(w->zp, o->handle);
		o->handle = 0;
	} else if (verb < 6) {
		object_write(w->zp, o, o->size, rng_next(rng));
	} else if (!long_read(w, o)) {
		return "bytes under a reader";
	}
	return NULL;
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	struct object *o = calloc(THREAD_OBJECTS, sizeof(*o));
	uint64_t rng = SEED + w->id;
	unsigned int i;

	if (!o) {
		w->wrong = "out of memory";
		return NULL;
	}
	for (i = 0; i < THREAD_STEPS && !w->wrong; i++)
		w->wrong = worker_step(w, &o[rng_below(&rng, THREAD_OBJECTS)],
				       i, &rng);
	for (i = 0; i < THREAD_OBJECTS; i++) {
		if (!o[i].handle)
			continue;
		if (!object_intact(w->zp, &o[i]))
			w->wrong = "bytes at the end";
		handle_free(w->zp, o[i].handle);
	}
	free(o);
	return NULL;
}

static void contract_threads(void **state)
{
	const struct subject *s = *state;
	struct zpool zp = pool_create(s->ops, &s->config);
	struct worker w[NR_THREADS];
	pthread_t thread[NR_THREADS];
	unsigned int i;

	for (i = 0; i < NR_THREADS; i++) {
		w[i] = (struct worker){ .zp = &zp, .id = i };
		assert_int_equal(pthread_create(&thread[i], NULL, worker_main,
						&w[i]),
				 0);
	}
	for (i = 0; i < NR_THREADS; i++)
		pthread_join(thread[i], NULL);
	for (i = 0; i < NR_THREADS; i++)
		if (w[i].wrong)
			fail_msg("thread %u: %s", i, w[i].wrong);
	pool_destroy(&zp);
}

/* What two threads fight for: object i has the name i + 1. */
#define SHARED_OBJECTS 600u

struct arena {
	struct zpool zp;
	unsigned long handle[SHARED_OBJECTS];
	unsigned int id;
	bool wrong;
};

/* Whoever gets the handle out of its place frees the object. */
static bool arena_free(struct arena *a, unsigned int i)
{
	unsigned long handle;

	handle = __atomic_exchange_n(&a->handle[i], 0, __ATOMIC_ACQ_REL);
	if (handle)
		handle_free(&a->zp, handle);
	return handle != 0;
}

static int arena_evict(void *data, unsigned long name)
{
	struct arena *a = data;

	/* 0: has no name yet; some are refused always, some sometimes */
	if (!name || name % 7 == 0)
		return -EAGAIN;
	return arena_free(a, name - 1) || name % 3 ? 0 : -EAGAIN;
}

static void *arena_main(void *arg)
{
	struct arena *a = arg;
	unsigned int id = __atomic_fetch_add(&a->id, 1, __ATOMIC_RELAXED);
	unsigned long handle, none;
	uint64_t rng = SEED + id;
	unsigned int step, i;

	for (step = 0; step < THREAD_STEPS; step++) {
		i = rng_below(&rng, SHARED_OBJECTS);
		if (step % 32 == 0)
			a->zp.ops->shrink(a->zp.priv);
		if (step % 64 == 0)
			pool_work(&a->zp);
		if (step % 2048 == 0 && pool_check(&a->zp))
			__atomic_store_n(&a->wrong, true, __ATOMIC_RELAXED);
		if (rng_below(&rng, 3) == 0) {
			arena_free(a, i);
			continue;
		}
		if (handle_malloc(&a->zp, random_size(&rng), &handle))
			continue;
		a->zp.ops->set_name(a->zp.priv, handle_word(handle), i + 1);
		none = 0;
		if (!__atomic_compare_exchange_n(&a->handle[i], &none, handle,
						 false, __ATOMIC_ACQ_REL,
						 __ATOMIC_RELAXED))
			handle_free(&a->zp, handle);
	}
	return NULL;
}

/* Those who allocate and free beside those who shrink. */
static void contract_shrink_threads(void **state)
{
	static struct arena a;
	const struct subject *s = *state;
	struct zpool_config config = s->config;
	pthread_t thread[NR_THREADS];
	unsigned int i;

	if (!s->ops->shrink)
		return;
	memset(&a, 0, sizeof(a));
	config.evict = arena_evict;
	config.evict_data = &a;
	a.zp = pool_create(s->ops, &config);
	for (i = 0; i < NR_THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, arena_main,
						&a),
				 0);
	for (i = 0; i < NR_THREADS; i++)
		pthread_join(thread[i], NULL);
	assert_false(a.wrong);
	for (i = 0; i < SHARED_OBJECTS; i++)
		arena_free(&a, i);
	pool_destroy(&a.zp);
}

/*---------------------------------------------------------------- zsmalloc */

static struct zpool zs_create(unsigned int chain_size, bool lengths_only)
{
	const struct zpool_config config = {
		.chain_size = chain_size,
		.lengths_only = lengths_only,
	};

	return pool_create(&zpool_zsmalloc, &config);
}

/* What a zspage for some payload is, as its user can see it. */
struct shape {
	unsigned int pages;
	unsigned int objs;
};

/* Fills one zspage and counts. */
static struct shape observe_shape(struct zpool *zp, unsigned int payload)
{
	unsigned long handle[257];
	struct shape shape = { 0, 0 };

	assert_int_equal(zpool_total_pages(zp), 0);
	handle[0] = must_malloc(zp, payload);
	shape.pages = zpool_total_pages(zp);
	do {
		shape.objs++;
		assert_true(shape.objs < ARRAY_SIZE(handle));
		handle[shape.objs] = must_malloc(zp, payload);
	} while (zpool_total_pages(zp) == shape.pages);
	assert_int_equal(zpool_total_pages(zp), 2 * shape.pages);
	assert_int_equal(zpool_nr_zspages(zp), 2);

	for (unsigned int i = 0; i <= shape.objs; i++)
		handle_free(zp, handle[i]);
	return shape;
}

/* Do both payloads live in one zspage? */
static bool observe_same_class(struct zpool *zp, unsigned int a, unsigned int b)
{
	unsigned long x = must_malloc(zp, a), y;
	uint64_t nr;

	y = must_malloc(zp, b);
	nr = zpool_nr_zspages(zp);
	handle_free(zp, x);
	handle_free(zp, y);
	return nr == 1;
}

/*
 * The rules once more, from the text and for one payload at a time: the sizes are
 * 32, 48 ... 4096; the best chain wastes least, or has most full percents in use
 * (before 6.3); equal neighbours are one class, named by its largest size.
 */
static bool is_better(struct shape a, struct shape b, unsigned int size,
		      bool used_percent)
{
	if (used_percent)
		return a.objs * size * 100 / (a.pages * PAGE_SIZE) >
		       b.objs * size * 100 / (b.pages * PAGE_SIZE);
	return a.pages * PAGE_SIZE - a.objs * size <
	       b.pages * PAGE_SIZE - b.objs * size;
}

static struct shape rule_shape(unsigned int size, unsigned int chain_max,
			       bool used_percent)
{
	struct shape best = { 1, PAGE_SIZE / size };
	unsigned int pages;

	for (pages = 2; pages <= chain_max; pages++) {
		struct shape shape = { pages, pages * PAGE_SIZE / size };

		if (is_better(shape, best, size, used_percent))
			best = shape;
	}
	return best;
}

static unsigned int rule_class(unsigned int payload, unsigned int chain_max,
			       bool used_percent)
{
	unsigned int size = (payload + 8 + 15) / 16 * 16;
	struct shape shape, next;

	if (size < 32)
		size = 32;
	if (size > 4096)
		size = 4096;
	shape = rule_shape(size, chain_max, used_percent);
	for (; size < 4096; size += 16) {
		next = rule_shape(size + 16, chain_max, used_percent);
		if (next.pages != shape.pages || next.objs != shape.objs)
			break;
	}
	return size;
}

static void check_class_table(unsigned int chain_size, bool used_percent,
			      unsigned int nr_classes,
			      unsigned int huge_payload)
{
	const struct zpool_config config = {
		.chain_size = used_percent ? 0 : chain_size,
		.used_percent = used_percent,
		.lengths_only = true,
	};
	struct zpool zp = pool_create(&zpool_zsmalloc, &config);
	unsigned int payload, class, last = 0, nr = 0, huge = 0;
	struct shape seen, rule;

	for (payload = 1; payload <= MAX_SIZE; payload++) {
		class = rule_class(payload, chain_size, used_percent);
		rule = rule_shape(class, chain_size, used_percent);
		seen = observe_shape(&zp, payload);
		assert_int_equal(seen.pages, rule.pages);
		assert_int_equal(seen.objs, rule.objs);
		/* in a zspage of one object no two can meet */
		if (last && seen.objs > 1)
			assert_int_equal(observe_same_class(&zp, payload - 1,
							    payload),
					 class == last);
		nr += class != last;
		last = class;
		if (class == 4096 && !huge)
			huge = payload;
	}
	assert_int_equal(nr, nr_classes);
	assert_int_equal(huge, huge_payload);
	pool_destroy(&zp);
}

static void zs_class_table_chain8(void **state)
{
	(void)state;
	check_class_table(8, false, 119, 3625);
}

static void zs_class_table_chain4(void **state)
{
	(void)state;
	check_class_table(4, false, 69, 3257);
}

static void zs_class_table_chain16(void **state)
{
	(void)state;
	check_class_table(16, false, 192, 3833);
}

/* Rows of the kernel's table for chains of 8, which is what 0 asks for. */
static void zs_known_payloads(void **state)
{
	static const struct {
		unsigned int payload, pages, objs;
	} known[] = {
		{ 1, 1, 128 },	   { 20, 1, 128 },   { 24, 1, 128 },
		{ 25, 3, 256 },	   { 40, 3, 256 },   { 41, 1, 64 },
		{ 56, 1, 64 },	   { 57, 5, 256 },   { 120, 1, 32 },
		{ 136, 7, 199 },   { 200, 3, 59 },   { 680, 8, 47 },
		{ 2040, 1, 2 },	   { 2041, 8, 15 },  { 3064, 3, 4 },
		{ 3065, 7, 9 },	   { 3624, 8, 9 },   { 3625, 1, 1 },
		{ 4088, 1, 1 },	   { 4089, 1, 1 },   { 4096, 1, 1 },
	};
	struct zpool zp = zs_create(0, true);
	struct shape seen;
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(known); i++) {
		seen = observe_shape(&zp, known[i].payload);
		assert_int_equal(seen.pages, known[i].pages);
		assert_int_equal(seen.objs, known[i].objs);
	}
	pool_destroy(&zp);
}

/*
 * Payloads of 504 bytes: a zspage is one page with 8 objects. Where an object is
 * can be told from its address.
 */
#define EIGHT 504u
#define EIGHT_STEP 512u

static const unsigned char *address(struct zpool *zp, unsigned long handle)
{
	const void *mem = zpool_obj_read_begin(zp, handle_word(handle), 1, NULL);

	zpool_obj_read_end(zp, handle_word(handle), mem);
	return mem;
}

/* @nr full zspages of 8; object i is in zspage i / 8. */
static void fill_eights(struct zpool *zp, unsigned long *handle,
			const unsigned char **where, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < 8 * nr; i++) {
		handle[i] = must_malloc(zp, EIGHT);
		where[i] = address(zp, handle[i]);
		/* a fresh zspage hands out 0, 1, 2 ... */
		if (i % 8)
			assert_ptr_equal(where[i], where[i - 1] + EIGHT_STEP);
	}
	assert_int_equal(zpool_total_pages(zp), nr);
}

static void free_at(struct zpool *zp, unsigned long *handle, unsigned int i)
{
	handle_free(zp, handle[i]);
	handle[i] = 0;
}

static void expect_at(struct zpool *zp, unsigned long *handle,
		      const unsigned char **where, unsigned int i)
{
	handle[i] = must_malloc(zp, EIGHT);
	assert_ptr_equal(address(zp, handle[i]), where[i]);
	assert_int_equal(pool_check(zp), 0);
}

static void free_rest(struct zpool *zp, unsigned long *handle, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (handle[i])
			handle_free(zp, handle[i]);
}

static void zs_placement_order(void **state)
{
	static const unsigned int freed[] = { 1, 8, 9, 10, 16, 17, 18 };
	/* 7 of 8 first; then the zspage that came last to 5 of 8; LIFO slots */
	static const unsigned int order[] = { 1, 18, 17, 16, 10, 9, 8 };
	struct zpool zp = zs_create(8, false);
	const unsigned char *where[24];
	unsigned long handle[25];
	unsigned int i;

	(void)state;
	fill_eights(&zp, handle, where, 3);
	for (i = 0; i < ARRAY_SIZE(freed); i++)
		free_at(&zp, handle, freed[i]);
	assert_int_equal(pool_check(&zp), 0);
	for (i = 0; i < ARRAY_SIZE(order); i++)
		expect_at(&zp, handle, where, order[i]);

	/* all full: one page more; and it goes with its only object */
	assert_int_equal(zpool_total_pages(&zp), 3);
	handle[24] = must_malloc(&zp, EIGHT);
	assert_int_equal(zpool_total_pages(&zp), 4);
	free_at(&zp, handle, 24);
	assert_int_equal(zpool_total_pages(&zp), 3);

	free_rest(&zp, handle, 24);
	pool_destroy(&zp);
}

/* 128 objects in a page: 12 or fewer are one group, in which none overtakes. */
static void zs_placement_stays_in_group(void **state)
{
	struct zpool zp = zs_create(8, false);
	const unsigned char *second, *third;
	unsigned long handle[256];
	unsigned int i;

	(void)state;
	for (i = 0; i < 256; i++)
		handle[i] = must_malloc(&zp, 24);
	assert_int_equal(zpool_total_pages(&zp), 2);
	second = address(&zp, handle[128 + 12]);
	third = address(&zp, handle[255]);

	for (i = 12; i < 128; i++)
		free_at(&zp, handle, i);
	for (i = 128 + 13; i < 256; i++)
		free_at(&zp, handle, i);
	free_at(&zp, handle, 128 + 12);
	/* the first changes within its group: the second stays in front */
	free_at(&zp, handle, 0);
	handle[0] = must_malloc(&zp, 24);
	assert_ptr_equal(address(&zp, handle[0]), second);

	/* and now has 13, a group of its own above */
	handle[12] = must_malloc(&zp, 24);
	assert_ptr_equal(address(&zp, handle[12]), third);
	free_rest(&zp, handle, 128);
	assert_int_equal(zpool_total_pages(&zp), 1);
	free_rest(&zp, handle + 128, 128);
	pool_destroy(&zp);
}

/*
 * Two zspages with n and n - 1 of 128 objects, the second the newer one: the
 * fuller is taken when it is a group of ten percent above, else the newer.
 */
static void zs_placement_groups(void **state)
{
	struct zpool zp = zs_create(8, false);
	const unsigned char *expected;
	unsigned long handle[256];
	unsigned int i, n;

	(void)state;
	for (n = 2; n < 128; n++) {
		for (i = 0; i < 256; i++)
			handle[i] = must_malloc(&zp, 24);
		if (n * 10 / 128 != (n - 1) * 10 / 128)
			expected = address(&zp, handle[n]);
		else
			expected = address(&zp, handle[128 + n - 1]);
		for (i = 128; i-- > n;)
			free_at(&zp, handle, i);
		for (i = 256; i-- > 128 + n - 1;)
			free_at(&zp, handle, i);
		handle[n] = must_malloc(&zp, 24);
		assert_ptr_equal(address(&zp, handle[n]), expected);
		assert_int_equal(pool_check(&zp), 0);
		free_rest(&zp, handle, 256);
	}
	pool_destroy(&zp);
}

/* A zspage is freed with its last object, whatever the order. */
static void zs_empty_is_freed(void **state)
{
	struct zpool zp = zs_create(8, true);
	unsigned long handle[10];
	unsigned int i;

	(void)state;
	for (i = 0; i < 10; i++) {
		handle[i] = must_malloc(&zp, 3624);
		assert_int_equal(zpool_total_pages(&zp), i < 9 ? 8 : 16);
	}
	for (i = 0; i < 9; i++) {
		assert_int_equal(zpool_total_pages(&zp), 16);
		handle_free(&zp, handle[i]);
	}
	assert_int_equal(zpool_total_pages(&zp), 8);
	handle_free(&zp, handle[9]);
	pool_destroy(&zp);
}

/* Leaves @left[i] objects, the first ones, in zspage i. */
static void thin_out(struct zpool *zp, unsigned long *handle,
		     const unsigned int *left, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < 8 * nr; i++)
		if (i % 8 >= left[i / 8])
			free_at(zp, handle, i);
}

/* 5, 2 and 1 of 8: the emptiest move to the fullest, two pages come free. */
static void zs_compact_moves(void **state)
{
	static const unsigned int left[] = { 2, 5, 1 };
	struct zpool zp = zs_create(8, false);
	const unsigned char *where[24];
	unsigned long handle[24];
	struct object o[24];
	unsigned int i;

	(void)state;
	fill_eights(&zp, handle, where, 3);
	for (i = 0; i < 24; i++) {
		o[i].handle = handle[i];
		object_write(&zp, &o[i], EIGHT, i);
	}
	thin_out(&zp, handle, left, 3);
	assert_int_equal(zpool_total_pages(&zp), 3);
	assert_int_equal(pool_compact(&zp), 2);
	assert_int_equal(zpool_total_pages(&zp), 1);
	assert_int_equal(pool_check(&zp), 0);

	/* free slots of the second, last freed first: 15, 14, 13 */
	assert_ptr_equal(address(&zp, handle[16]), where[15]);
	assert_ptr_equal(address(&zp, handle[0]), where[14]);
	assert_ptr_equal(address(&zp, handle[1]), where[13]);
	assert_ptr_equal(address(&zp, handle[8]), where[8]);
	for (i = 0; i < 24; i++)
		if (handle[i])
			assert_true(object_intact(&zp, &o[i]));
	assert_int_equal(pool_compact(&zp), 0);
	free_rest(&zp, handle, 24);
	pool_destroy(&zp);
}

/* 5 and 5 of 8 leave no whole zspage unused: nothing moves. */
static void zs_compact_nothing(void **state)
{
	static const unsigned int left[] = { 5, 5 };
	struct zpool zp = zs_create(8, false);
	const unsigned char *where[16];
	unsigned long handle[16];
	unsigned int i;

	(void)state;
	fill_eights(&zp, handle, where, 2);
	thin_out(&zp, handle, left, 2);
	assert_int_equal(pool_compact(&zp), 0);
	for (i = 0; i < 16; i++)
		if (handle[i])
			assert_ptr_equal(address(&zp, handle[i]), where[i]);
	free_rest(&zp, handle, 16);
	pool_destroy(&zp);
}

/* A source under a reader ends the compaction of its class, as in 7.x. */
static void zs_compact_spares_readers(void **state)
{
	static const unsigned int left[] = { 2, 5, 1 };
	struct zpool zp = zs_create(8, false);
	const unsigned char *where[24];
	unsigned long handle[24], other[16];
	const void *mem;
	unsigned int i;

	(void)state;
	fill_eights(&zp, handle, where, 3);
	thin_out(&zp, handle, left, 3);
	/* a class of its own, that the abort must not touch: 2 of 2, 1 of 2 ... */
	for (i = 0; i < 16; i++)
		other[i] = must_malloc(&zp, 2040);
	for (i = 0; i < 16; i += 2)
		free_at(&zp, other, i);
	assert_int_equal(zpool_total_pages(&zp), 3 + 8);

	mem = zpool_obj_read_begin(&zp, handle_word(handle[16]), EIGHT, NULL);
	assert_int_equal(pool_compact(&zp), 4);
	assert_ptr_equal(mem, where[16]);
	assert_ptr_equal(address(&zp, handle[16]), where[16]);
	zpool_obj_read_end(&zp, handle_word(handle[16]), mem);

	/* a reader of the destination is in nobody's way */
	mem = zpool_obj_read_begin(&zp, handle_word(handle[8]), EIGHT, NULL);
	assert_int_equal(pool_compact(&zp), 2);
	assert_ptr_equal(address(&zp, handle[8]), mem);
	zpool_obj_read_end(&zp, handle_word(handle[8]), mem);
	assert_int_equal(zpool_total_pages(&zp), 1 + 4);

	free_rest(&zp, handle, 24);
	free_rest(&zp, other, 16);
	pool_destroy(&zp);
}

/* Holes anywhere: compaction gives back every whole zspage's worth, no more. */
static void zs_compact_frees_the_freeable(void **state)
{
	static const unsigned int payloads[] = { 20,  100,  136, 504,
						 680, 2040, 2041, 3624 };
	struct zpool zp = zs_create(8, false);
	static struct object o[2000];
	uint64_t rng = SEED;
	unsigned int k, i, holes;

	(void)state;
	for (k = 0; k < ARRAY_SIZE(payloads); k++) {
		struct shape shape = observe_shape(&zp, payloads[k]);
		uint64_t pages, freeable;

		for (i = 0; i < ARRAY_SIZE(o); i++) {
			o[i].handle = must_malloc(&zp, payloads[k]);
			object_write(&zp, &o[i], payloads[k], rng_next(&rng));
		}
		for (i = 0, holes = 0; i < ARRAY_SIZE(o); i++) {
			if (rng_below(&rng, 8) < k)
				continue;
			free_at(&zp, &o[i].handle, 0);
			holes++;
		}
		pages = zpool_total_pages(&zp);
		freeable = (zpool_nr_zspages(&zp) * shape.objs -
			    (ARRAY_SIZE(o) - holes)) /
			   shape.objs * shape.pages;
		assert_int_equal(pool_compact(&zp), freeable);
		assert_int_equal(zpool_total_pages(&zp), pages - freeable);
		assert_int_equal(pool_check(&zp), 0);
		for (i = 0; i < ARRAY_SIZE(o); i++) {
			if (!o[i].handle)
				continue;
			assert_true(object_intact(&zp, &o[i]));
			handle_free(&zp, o[i].handle);
		}
		assert_int_equal(zpool_total_pages(&zp), 0);
	}
	pool_destroy(&zp);
}

/* Two handles that changed places lead to the wrong objects: check must see it. */
static void zs_check_sees_swapped_handles(void **state)
{
	struct zpool zp = zs_create(8, true);
	unsigned long first = must_malloc(&zp, 24);
	unsigned long second = must_malloc(&zp, 2040);
	unsigned long *a = handle_word(first), *b = handle_word(second);
	unsigned long word = *a;

	(void)state;
	assert_int_equal(pool_check(&zp), 0);
	*a = *b;
	*b = word;
	assert_int_equal(pool_check(&zp), -EUCLEAN);
	*b = *a;
	*a = word;
	assert_int_equal(pool_check(&zp), 0);
	handle_free(&zp, first);
	handle_free(&zp, second);
	pool_destroy(&zp);
}

/*----------------------------------------------------- zsmalloc before 6.3 */

static struct zpool zs_create_6_1(bool lengths_only)
{
	const struct zpool_config config = {
		.used_percent = true,
		.lengths_only = lengths_only,
	};

	return pool_create(&zpool_zsmalloc, &config);
}

static void zs_6_1_class_table(void **state)
{
	struct zpool zp = zs_create_6_1(true);
	struct shape seen;

	(void)state;
	check_class_table(4, true, 69, 3257);
	/* the one class in which the two rules differ in chains of 4 */
	seen = observe_shape(&zp, 200);
	assert_int_equal(seen.pages, 2);
	assert_int_equal(seen.objs, 39);
	pool_destroy(&zp);
}

/* Two zspages of 128, with @first and @second left; where does the next go? */
static bool first_is_taken(unsigned int first, unsigned int second,
			   bool compact)
{
	struct zpool zp = zs_create_6_1(false);
	const unsigned char *in_first;
	unsigned long handle[256];
	unsigned int i;
	bool taken;

	for (i = 0; i < 256; i++)
		handle[i] = must_malloc(&zp, 24);
	in_first = address(&zp, handle[first]);
	/* the first last, so that it is the newest of its group */
	for (i = 256; i-- > 128 + second;)
		free_at(&zp, handle, i);
	for (i = 128; i-- > first;)
		free_at(&zp, handle, i);
	if (compact)
		assert_int_equal(pool_compact(&zp), 0);
	assert_int_equal(pool_check(&zp), 0);
	handle[first] = must_malloc(&zp, 24);
	taken = address(&zp, handle[first]) == in_first;
	free_rest(&zp, handle, 256);
	pool_destroy(&zp);
	return taken;
}

/* Up to 96 of 128 are "almost empty": in there the newest is taken. */
static void zs_6_1_groups(void **state)
{
	(void)state;
	assert_true(first_is_taken(97, 96, false));
	assert_false(first_is_taken(96, 97, false));
	assert_true(first_is_taken(1, 96, false));
	assert_true(first_is_taken(97, 127, false));
}

/* Put back by a compaction in vain, a zspage goes behind a fuller head. */
static void zs_6_1_fuller_first(void **state)
{
	(void)state;
	assert_true(first_is_taken(50, 90, false));
	assert_false(first_is_taken(50, 90, true));
	assert_true(first_is_taken(90, 50, true));
}

/*
 * 2, 5 and 1 of 8, listed from the last: the third moves into the second, which is
 * the next source then and moves into the first.
 */
static void zs_6_1_compact(void **state)
{
	static const unsigned int left[] = { 2, 5, 1 };
	struct zpool zp = zs_create_6_1(false);
	const unsigned char *where[24];
	unsigned long handle[24];
	struct object o[24];
	unsigned int i;

	(void)state;
	fill_eights(&zp, handle, where, 3);
	for (i = 0; i < 24; i++) {
		o[i].handle = handle[i];
		object_write(&zp, &o[i], EIGHT, i);
	}
	thin_out(&zp, handle, left, 3);
	assert_int_equal(pool_compact(&zp), 2);
	assert_int_equal(pool_check(&zp), 0);
	assert_ptr_equal(address(&zp, handle[0]), where[0]);
	assert_ptr_equal(address(&zp, handle[1]), where[1]);
	/* into the slots freed last, from the lowest of the source on */
	assert_ptr_equal(address(&zp, handle[8]), where[7]);
	assert_ptr_equal(address(&zp, handle[16]), where[2]);
	for (i = 0; i < 24; i++)
		if (handle[i])
			assert_true(object_intact(&zp, &o[i]));
	assert_int_equal(pool_compact(&zp), 0);
	free_rest(&zp, handle, 24);
	pool_destroy(&zp);
}

/*--------------------------------------------------------- zbud and z3fold */

#define EVICT_MAX 64

/* What evict is to do, and what it did; object i has the name i + 1. */
struct evictions {
	struct zpool zp;
	unsigned long handle[EVICT_MAX];
	bool refuse[EVICT_MAX];
	/* free this one as well, keep or fail all the same; 0: none */
	unsigned int frees_too;
	bool fails_after;
	/* take an object of that size meanwhile; 0: none */
	unsigned int takes;
	unsigned long taken;
	unsigned int order[EVICT_MAX];
	unsigned int nr;
};

static int evict_one(void *data, unsigned long name)
{
	struct evictions *e = data;
	unsigned int i = name - 1;

	assert_in_range(name, 1, EVICT_MAX);
	assert_true(e->nr < EVICT_MAX);
	assert_int_equal(compat_spinlocks_held(), 0);
	e->order[e->nr++] = name;
	if (e->refuse[i])
		return -EAGAIN;
	if (e->frees_too) {
		free_at(&e->zp, e->handle, e->frees_too - 1);
		e->frees_too = 0;
	}
	if (e->takes) {
		e->taken = must_malloc(&e->zp, e->takes);
		e->takes = 0;
	}
	assert_true(e->handle[i] != 0);
	free_at(&e->zp, e->handle, i);
	return e->fails_after ? -EAGAIN : 0;
}

static void evictions_begin(struct evictions *e, const struct zpool_ops *ops)
{
	const struct zpool_config config = {
		.evict = evict_one,
		.evict_data = e,
	};

	memset(e, 0, sizeof(*e));
	e->zp = pool_create(ops, &config);
}

/* An object with the name @name. */
static void put(struct evictions *e, unsigned int name, size_t size)
{
	e->handle[name - 1] = must_malloc(&e->zp, size);
	e->zp.ops->set_name(e->zp.priv, handle_word(e->handle[name - 1]), name);
}

/* Shrinks, and expects these names to be asked for, in this order. */
static void expect_shrink(struct evictions *e, int err,
			  const unsigned int *order, unsigned int nr)
{
	unsigned int i;

	e->nr = 0;
	assert_int_equal(e->zp.ops->shrink(e->zp.priv), err);
	assert_int_equal(e->nr, nr);
	for (i = 0; i < nr; i++)
		assert_int_equal(e->order[i], order[i]);
	assert_int_equal(pool_check(&e->zp), 0);
}

#define EXPECT_SHRINK(e, err, ...)                                             \
	expect_shrink(e, err, (const unsigned int[]){ __VA_ARGS__ },           \
		      ARRAY_SIZE(((const unsigned int[]){ __VA_ARGS__ })))

static void evictions_end(struct evictions *e)
{
	free_rest(&e->zp, e->handle, EVICT_MAX);
	if (e->taken)
		handle_free(&e->zp, e->taken);
	pool_destroy(&e->zp);
}

static const struct zpool_ops *const shrinkers[] = { &zpool_zbud,
						     &zpool_z3fold };

static void shrink_invalid(void **state)
{
	const struct zpool_config config = { .lengths_only = true };
	struct evictions e;
	struct zpool zp;
	unsigned long handle;
	unsigned int k;

	(void)state;
	for (k = 0; k < ARRAY_SIZE(shrinkers); k++) {
		evictions_begin(&e, shrinkers[k]);
		expect_shrink(&e, -EINVAL, NULL, 0);
		evictions_end(&e);

		zp = pool_create(shrinkers[k], &config);
		handle = must_malloc(&zp, 100);
		assert_int_equal(zp.ops->shrink(zp.priv), -EINVAL);
		handle_free(&zp, handle);
		pool_destroy(&zp);
	}
}

/* The page that was allocated from least recently; a free does not count. */
static void shrink_order(void **state)
{
	struct evictions e;
	unsigned int k;

	(void)state;
	for (k = 0; k < ARRAY_SIZE(shrinkers); k++) {
		evictions_begin(&e, shrinkers[k]);
		put(&e, 1, 2900);
		put(&e, 2, 3100);
		put(&e, 3, 3200);
		assert_int_equal(zpool_total_pages(&e.zp), 3);
		/* 16 chunks, for which the first page alone has room */
		put(&e, 4, 1000);
		assert_int_equal(zpool_total_pages(&e.zp), 3);
		free_at(&e.zp, e.handle, 3);
		pool_work(&e.zp);
		EXPECT_SHRINK(&e, 0, 2);
		EXPECT_SHRINK(&e, 0, 3);
		assert_int_equal(zpool_total_pages(&e.zp), 1);
		EXPECT_SHRINK(&e, 0, 1);
		expect_shrink(&e, -EINVAL, NULL, 0);
		evictions_end(&e);
	}
}

/* A page that cannot be emptied goes to the front; eight are tried. */
static void shrink_refused(void **state)
{
	struct evictions e;
	unsigned int k;

	(void)state;
	for (k = 0; k < ARRAY_SIZE(shrinkers); k++) {
		evictions_begin(&e, shrinkers[k]);
		put(&e, 1, 3000);
		put(&e, 2, 3000);
		put(&e, 3, 3000);
		e.refuse[0] = true;
		EXPECT_SHRINK(&e, 0, 1, 2);
		e.refuse[2] = true;
		EXPECT_SHRINK(&e, -EAGAIN, 3, 1, 3, 1, 3, 1, 3, 1);
		e.refuse[0] = false;
		EXPECT_SHRINK(&e, 0, 3, 1);
		assert_int_equal(zpool_total_pages(&e.zp), 1);
		/* it can still be allocated from */
		put(&e, 4, 800);
		assert_int_equal(zpool_total_pages(&e.zp), 1);
		evictions_end(&e);
	}
}

/* One of two evicted: what stays is asked for again, its neighbour's room free. */
static void shrink_half(void **state)
{
	struct evictions e;
	unsigned int k;

	(void)state;
	for (k = 0; k < ARRAY_SIZE(shrinkers); k++) {
		evictions_begin(&e, shrinkers[k]);
		put(&e, 1, 1900);
		put(&e, 2, 1900);
		assert_int_equal(zpool_total_pages(&e.zp), 1);
		e.refuse[1] = true;
		EXPECT_SHRINK(&e, -EAGAIN, 1, 2, 2, 2, 2, 2, 2, 2, 2);
		put(&e, 3, 1900);
		assert_int_equal(zpool_total_pages(&e.zp), 1);
		e.refuse[1] = false;
		EXPECT_SHRINK(&e, 0, 3, 2);
		assert_int_equal(zpool_total_pages(&e.zp), 0);
		evictions_end(&e);
	}
}

/* Evict frees the neighbour, too; frees and fails; allocates. */
static void shrink_meanwhile(void **state)
{
	struct evictions e;
	unsigned int k;

	(void)state;
	for (k = 0; k < ARRAY_SIZE(shrinkers); k++) {
		evictions_begin(&e, shrinkers[k]);
		put(&e, 1, 1900);
		put(&e, 2, 1900);
		e.frees_too = 2;
		EXPECT_SHRINK(&e, 0, 1);
		assert_int_equal(zpool_total_pages(&e.zp), 0);

		put(&e, 3, 3950);
		e.fails_after = true;
		EXPECT_SHRINK(&e, 0, 3);
		assert_int_equal(zpool_total_pages(&e.zp), 0);
		e.fails_after = false;

		/* no object comes into a page under reclaim */
		put(&e, 4, 1900);
		e.takes = 100;
		EXPECT_SHRINK(&e, 0, 4);
		assert_int_equal(zpool_total_pages(&e.zp), 1);
		evictions_end(&e);
	}
}

/* Beside a first object of @chunks: header, first ... last. */
static void expect_last(struct zpool *zp, unsigned long first,
			unsigned long last, unsigned int header,
			unsigned int chunks)
{
	assert_ptr_equal(address(zp, last), address(zp, first) - header +
						    PAGE_SIZE - chunks * 64);
}

static void zbud_places(void **state)
{
	const struct zpool_config config = { .lengths_only = false };
	struct zpool zp = pool_create(&zpool_zbud, &config);
	unsigned long a, b, c, d, e, f, g;

	(void)state;
	assert_int_equal(handle_malloc(&zp, 3969, &a), -ENOSPC);
	a = must_malloc(&zp, 3968);
	/* the 64 bytes that are left take one chunk */
	b = must_malloc(&zp, 64);
	assert_int_equal(zpool_total_pages(&zp), 1);
	expect_last(&zp, a, b, 64, 1);
	handle_free(&zp, a);
	handle_free(&zp, b);
	assert_int_equal(zpool_total_pages(&zp), 0);

	a = must_malloc(&zp, 3000);	/* 47 chunks, 16 free */
	b = must_malloc(&zp, 2500);	/* 40, 23 free */
	c = must_malloc(&zp, 2500);
	d = must_malloc(&zp, 1024);	/* best fit: exactly 16 */
	e = must_malloc(&zp, 900);	/* of two that fit, the newer */
	f = must_malloc(&zp, 900);
	assert_int_equal(zpool_total_pages(&zp), 3);
	expect_last(&zp, a, d, 64, 16);
	expect_last(&zp, c, e, 64, 15);
	expect_last(&zp, b, f, 64, 15);
	/* two objects fill a page, even if there are 8 chunks left */
	g = must_malloc(&zp, 10);
	assert_int_equal(zpool_total_pages(&zp), 4);
	handle_free(&zp, g);

	/* the one that changed last is in front; 23 chunks fit exactly */
	handle_free(&zp, e);
	handle_free(&zp, f);
	e = must_malloc(&zp, 1472);
	expect_last(&zp, b, e, 64, 23);
	f = must_malloc(&zp, 1472);
	expect_last(&zp, c, f, 64, 23);
	/* the first place is free again, and taken first */
	handle_free(&zp, a);
	a = must_malloc(&zp, 2900);
	expect_last(&zp, a, d, 64, 16);
	assert_int_equal(zpool_total_pages(&zp), 3);

	handle_free(&zp, a);
	handle_free(&zp, b);
	handle_free(&zp, c);
	handle_free(&zp, d);
	handle_free(&zp, e);
	handle_free(&zp, f);
	pool_destroy(&zp);
}

static struct zpool z3fold_create(void)
{
	const struct zpool_config config = { .lengths_only = false };

	return pool_create(&zpool_z3fold, &config);
}

/* Is the middle object @chunk chunks behind the header's begin? */
static void expect_middle(struct zpool *zp, unsigned long last,
			  unsigned int last_chunks, unsigned long middle,
			  unsigned int chunk)
{
	assert_ptr_equal(address(zp, middle), address(zp, last) - PAGE_SIZE +
						      last_chunks * 64 +
						      chunk * 64);
}

static void z3fold_places(void **state)
{
	struct zpool zp = z3fold_create();
	unsigned long a, b, c, d;

	(void)state;
	assert_int_equal(handle_malloc(&zp, 4097, &a), -ENOSPC);
	a = must_malloc(&zp, 3904);	/* 61 chunks of 62 */
	b = must_malloc(&zp, 64);
	assert_int_equal(zpool_total_pages(&zp), 1);
	expect_last(&zp, a, b, 128, 1);
	/* headless: no room beside it, though there were 3 chunks */
	c = must_malloc(&zp, 3905);
	d = must_malloc(&zp, 1);
	assert_int_equal(zpool_total_pages(&zp), 3);
	handle_free(&zp, a);
	handle_free(&zp, b);
	handle_free(&zp, c);
	handle_free(&zp, d);
	pool_work(&zp);
	assert_int_equal(zpool_total_pages(&zp), 0);

	a = must_malloc(&zp, 1000);	/* first, last, middle: 16, 20, 26 */
	b = must_malloc(&zp, 1280);
	c = must_malloc(&zp, 1664);
	assert_int_equal(zpool_total_pages(&zp), 1);
	expect_last(&zp, a, b, 128, 20);
	expect_middle(&zp, b, 20, c, 2 + 16);
	handle_free(&zp, a);
	handle_free(&zp, b);
	handle_free(&zp, c);
	pool_destroy(&zp);
}

/* The holes that frees leave beside a middle object. */
static void z3fold_closes_holes(void **state)
{
	struct zpool zp = z3fold_create();
	unsigned long first, last, middle, other;
	struct object o;

	(void)state;
	first = must_malloc(&zp, 1024);		/* 16 */
	last = must_malloc(&zp, 1024);		/* 16 */
	middle = must_malloc(&zp, 640);		/* 10, at 18 */
	o = (struct object){ .handle = middle };
	object_write(&zp, &o, 640, 7);
	/* full, in no list: at once; 20 chunks behind the middle: it moves */
	handle_free(&zp, first);
	expect_middle(&zp, last, 16, middle, 64 - 16 - 10);
	assert_true(object_intact(&zp, &o));
	/* 36 chunks before it: into the first place; 35 would leave a gap */
	first = must_malloc(&zp, 36 * 64);
	assert_int_equal(zpool_total_pages(&zp), 1);
	expect_last(&zp, first, last, 128, 16);

	/* full again; the last goes: no gap between first and middle */
	handle_free(&zp, last);
	last = must_malloc(&zp, 1024);
	assert_int_equal(zpool_total_pages(&zp), 1);
	expect_middle(&zp, last, 16, middle, 38);

	/* the middle alone becomes the first, not before its work is done */
	handle_free(&zp, first);
	handle_free(&zp, last);
	other = must_malloc(&zp, 2000);
	assert_int_equal(zpool_total_pages(&zp), 2);
	handle_free(&zp, other);
	pool_work(&zp);
	assert_int_equal(zpool_total_pages(&zp), 1);
	assert_true(object_intact(&zp, &o));
	last = must_malloc(&zp, 52 * 64);
	assert_int_equal(zpool_total_pages(&zp), 1);
	expect_last(&zp, middle, last, 128, 52);
	handle_free(&zp, middle);
	handle_free(&zp, last);
	pool_destroy(&zp);
}

/* A gap of two chunks beside the middle stays, one of three is closed. */
static void z3fold_small_gap(void **state)
{
	struct zpool zp = z3fold_create();
	unsigned long first, last, middle;
	unsigned int gap;

	(void)state;
	for (gap = 2; gap <= 3; gap++) {
		first = must_malloc(&zp, 1024);
		last = must_malloc(&zp, 1024);
		middle = must_malloc(&zp, (30 - gap) * 64);
		expect_middle(&zp, last, 16, middle, 18);
		handle_free(&zp, first);
		expect_middle(&zp, last, 16, middle, gap < 3 ? 18 : 18 + gap);
		handle_free(&zp, last);
		handle_free(&zp, middle);
		pool_work(&zp);
		assert_int_equal(zpool_total_pages(&zp), 0);
	}
	pool_destroy(&zp);
}

/* Two pages of two objects, each of which loses one: a page's worth is left. */
static void z3fold_two_singles(struct evictions *e)
{
	put(e, 1, 35 * 64);
	put(e, 2, 35 * 64);
	put(e, 3, 27 * 64);	/* into the page of 2 */
	put(e, 4, 27 * 64);	/* into the page of 1 */
	assert_int_equal(zpool_total_pages(&e->zp), 2);
	free_at(&e->zp, e->handle, 3);
	free_at(&e->zp, e->handle, 1);
	assert_int_equal(zpool_total_pages(&e->zp), 2);
}

static void z3fold_moves_single(void **state)
{
	struct evictions e;
	struct object o;

	(void)state;
	evictions_begin(&e, &zpool_z3fold);
	z3fold_two_singles(&e);
	o = (struct object){ .handle = e.handle[2] };
	object_write(&e.zp, &o, 27 * 64, 3);
	pool_work(&e.zp);
	/* 1 finds no page, and then is the page that 3 finds */
	assert_int_equal(zpool_total_pages(&e.zp), 1);
	assert_int_equal(pool_check(&e.zp), 0);
	expect_last(&e.zp, e.handle[0], e.handle[2], 128, 27);
	assert_true(object_intact(&e.zp, &o));

	/* a page with an object from elsewhere: passed over, never emptied */
	expect_shrink(&e, -EAGAIN, NULL, 0);
	free_at(&e.zp, e.handle, 0);
	put(&e, 5, 3000);
	pool_work(&e.zp);
	assert_int_equal(zpool_total_pages(&e.zp), 2);
	put(&e, 6, 35 * 64);
	assert_int_equal(zpool_total_pages(&e.zp), 2);
	EXPECT_SHRINK(&e, 0, 5);
	/* and an ordinary one again when that object is gone */
	free_at(&e.zp, e.handle, 2);
	pool_work(&e.zp);
	EXPECT_SHRINK(&e, 0, 6);
	assert_int_equal(zpool_total_pages(&e.zp), 0);
	evictions_end(&e);
}

/* A reader keeps an object where it is. */
static void z3fold_spares_readers(void **state)
{
	unsigned char copy[MAX_SIZE];
	struct evictions e;
	const void *mem;

	(void)state;
	evictions_begin(&e, &zpool_z3fold);
	z3fold_two_singles(&e);
	mem = zpool_obj_read_begin(&e.zp, handle_word(e.handle[2]), 10, copy);
	pool_work(&e.zp);
	assert_int_equal(zpool_total_pages(&e.zp), 2);
	assert_ptr_equal(address(&e.zp, e.handle[2]), mem);
	zpool_obj_read_end(&e.zp, handle_word(e.handle[2]), mem);
	evictions_end(&e);

	evictions_begin(&e, &zpool_z3fold);
	put(&e, 1, 1024);
	put(&e, 2, 1024);
	put(&e, 3, 640);
	mem = zpool_obj_read_begin(&e.zp, handle_word(e.handle[2]), 10, copy);
	free_at(&e.zp, e.handle, 0);
	assert_ptr_equal(address(&e.zp, e.handle[2]), mem);
	zpool_obj_read_end(&e.zp, handle_word(e.handle[2]), mem);
	evictions_end(&e);
}

/* Holes on both sides of a middle object that is being read: two, not their sum. */
static void z3fold_two_holes(void **state)
{
	struct zpool zp = z3fold_create();
	unsigned long first, last, middle, other;
	unsigned char copy[MAX_SIZE];
	const void *mem;

	(void)state;
	first = must_malloc(&zp, 1024);		/* 16 */
	last = must_malloc(&zp, 1024);		/* 16 */
	middle = must_malloc(&zp, 640);		/* 10, at 18 */
	mem = zpool_obj_read_begin(&zp, handle_word(middle), 10, copy);
	handle_free(&zp, first);
	handle_free(&zp, last);
	pool_work(&zp);
	/* 16 before it and 36 behind */
	other = must_malloc(&zp, 37 * 64);
	assert_int_equal(zpool_total_pages(&zp), 2);
	last = must_malloc(&zp, 36 * 64);
	first = must_malloc(&zp, 1024);
	assert_int_equal(zpool_total_pages(&zp), 2);
	assert_int_equal(pool_check(&zp), 0);
	assert_ptr_equal(address(&zp, middle), mem);
	zpool_obj_read_end(&zp, handle_word(middle), mem);
	expect_last(&zp, first, last, 128, 36);
	handle_free(&zp, first);
	handle_free(&zp, last);
	handle_free(&zp, middle);
	handle_free(&zp, other);
	pool_destroy(&zp);
}

/* Until the work is done, the list is that of before and takes nothing in. */
static void z3fold_defers(void **state)
{
	struct zpool zp = z3fold_create();
	unsigned long a, b, c, d;

	(void)state;
	a = must_malloc(&zp, 1024);	/* 16 and 16: listed with 30 */
	b = must_malloc(&zp, 1024);
	handle_free(&zp, b);
	c = must_malloc(&zp, 40 * 64);	/* there were 46 now */
	assert_int_equal(zpool_total_pages(&zp), 2);
	d = must_malloc(&zp, 30 * 64);	/* finds it, drops it from its list */
	assert_int_equal(zpool_total_pages(&zp), 3);
	assert_int_equal(pool_check(&zp), 0);
	pool_work(&zp);
	assert_int_equal(pool_check(&zp), 0);
	/* its one object moved to where 22 are left */
	expect_last(&zp, c, a, 128, 16);
	assert_int_equal(zpool_total_pages(&zp), 2);
	handle_free(&zp, c);
	handle_free(&zp, a);
	/* both gone, but the page is there until its work was done */
	assert_int_equal(zpool_total_pages(&zp), 2);
	pool_work(&zp);
	assert_int_equal(zpool_total_pages(&zp), 1);
	handle_free(&zp, d);
	pool_destroy(&zp);
}

/* Middle, first, last; and what is freed while its page is under reclaim. */
static void z3fold_evicts_three(void **state)
{
	struct evictions e;

	(void)state;
	evictions_begin(&e, &zpool_z3fold);
	put(&e, 1, 1024);
	put(&e, 2, 1024);
	put(&e, 3, 1024);
	assert_int_equal(zpool_total_pages(&e.zp), 1);
	EXPECT_SHRINK(&e, 0, 3, 1, 2);
	assert_int_equal(zpool_total_pages(&e.zp), 0);

	put(&e, 4, 1024);
	put(&e, 5, 1024);
	put(&e, 6, 1024);
	e.frees_too = 4;
	e.refuse[4] = true;
	EXPECT_SHRINK(&e, -EAGAIN, 6, 5, 5, 5, 5, 5, 5, 5, 5);
	/* listed again, with all the room but 16 chunks */
	put(&e, 7, 46 * 64);
	assert_int_equal(zpool_total_pages(&e.zp), 1);
	evictions_end(&e);
}

/* Two handles that changed places lead to the wrong objects: check must see it. */
static void z3fold_check_sees_swapped_handles(void **state)
{
	struct zpool zp = z3fold_create();
	unsigned long first = must_malloc(&zp, 3000);
	unsigned long second = must_malloc(&zp, 3000);
	/* a handle is the address of where the object is */
	unsigned long *a = (unsigned long *)*handle_word(first);
	unsigned long *b = (unsigned long *)*handle_word(second);
	unsigned long word = *a;

	(void)state;
	*a = *b;
	*b = word;
	assert_int_equal(pool_check(&zp), -EUCLEAN);
	*b = *a;
	*a = word;
	handle_free(&zp, first);
	handle_free(&zp, second);
	pool_destroy(&zp);
}

/*-------------------------------------------------------------------- main */

static const struct CMUnitTest contract[NR_CONTRACT] = {
	cmocka_unit_test(contract_sizes),
	cmocka_unit_test(contract_refused_sizes),
	cmocka_unit_test(contract_neighbours),
	cmocka_unit_test(contract_reader_pins),
	cmocka_unit_test(contract_random),
	cmocka_unit_test(contract_create_fails),
	cmocka_unit_test(contract_malloc_fails),
	cmocka_unit_test(contract_threads),
	cmocka_unit_test(contract_shrink_threads),
};

static const struct CMUnitTest member_tests[] = {
	cmocka_unit_test(zs_class_table_chain8),
	cmocka_unit_test(zs_class_table_chain4),
	cmocka_unit_test(zs_class_table_chain16),
	cmocka_unit_test(zs_known_payloads),
	cmocka_unit_test(zs_placement_order),
	cmocka_unit_test(zs_placement_stays_in_group),
	cmocka_unit_test(zs_placement_groups),
	cmocka_unit_test(zs_empty_is_freed),
	cmocka_unit_test(zs_compact_moves),
	cmocka_unit_test(zs_compact_nothing),
	cmocka_unit_test(zs_compact_spares_readers),
	cmocka_unit_test(zs_compact_frees_the_freeable),
	cmocka_unit_test(zs_check_sees_swapped_handles),
	cmocka_unit_test(zs_6_1_class_table),
	cmocka_unit_test(zs_6_1_groups),
	cmocka_unit_test(zs_6_1_fuller_first),
	cmocka_unit_test(zs_6_1_compact),
	cmocka_unit_test(shrink_invalid),
	cmocka_unit_test(shrink_order),
	cmocka_unit_test(shrink_refused),
	cmocka_unit_test(shrink_half),
	cmocka_unit_test(shrink_meanwhile),
	cmocka_unit_test(zbud_places),
	cmocka_unit_test(z3fold_places),
	cmocka_unit_test(z3fold_closes_holes),
	cmocka_unit_test(z3fold_small_gap),
	cmocka_unit_test(z3fold_moves_single),
	cmocka_unit_test(z3fold_spares_readers),
	cmocka_unit_test(z3fold_two_holes),
	cmocka_unit_test(z3fold_defers),
	cmocka_unit_test(z3fold_evicts_three),
	cmocka_unit_test(z3fold_check_sees_swapped_handles),
};

/* The contract for one subject: tests named after it, which is their state. */
static void add_contract(struct CMUnitTest *tests, struct subject *s)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(contract); i++) {
		snprintf(s->test_name[i], sizeof(s->test_name[i]),
			 "%s, %s: %s", s->ops->name, s->built,
			 contract[i].name);
		tests[i] = contract[i];
		tests[i].name = s->test_name[i];
		tests[i].initial_state = s;
	}
}

/* One group, so that the output is one TAP document. */
static int run_all(unsigned int nr_allocators)
{
	enum { NR_WAYS = ARRAY_SIZE(configurations) };
	struct subject subjects[nr_allocators * NR_WAYS];
	struct CMUnitTest tests[nr_allocators * NR_WAYS * ARRAY_SIZE(contract) +
				ARRAY_SIZE(member_tests)];
	struct CMUnitTest *next = tests;
	struct subject *s = subjects;
	unsigned int i, k;
	char why[256];

	for (i = 0; i < nr_allocators; i++) {
		for (k = 0; k < NR_WAYS; k++) {
			if (registry_zpool(registry_name(REGISTRY_ZPOOL, i),
					   &s->ops, why, sizeof(why))) {
				fprintf(stderr, "%s\n", why);
				return 1;
			}
			if (configurations[k].only &&
			    configurations[k].only != s->ops)
				continue;
			s->config = configurations[k].config;
			s->built = configurations[k].name;
			add_contract(next, s);
			next += ARRAY_SIZE(contract);
			s++;
		}
	}
	memcpy(next, member_tests, sizeof(member_tests));
	next += ARRAY_SIZE(member_tests);
	return _cmocka_run_group_tests("zpool", tests, next - tests, NULL,
				       NULL);
}

int main(void)
{
	unsigned int nr = 0;

	while (registry_name(REGISTRY_ZPOOL, nr))
		nr++;
	return run_all(nr);
}
