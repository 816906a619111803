/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * oracle.h - a model beside something trivially right: per slot the page that
 * was stored last, or nothing
 *
 * oracle_step makes one random call and compares what it did. Which call it is
 * depends on the seed alone, never on a result, so that a run in which
 * allocations fail makes the same calls as one in which none does.
 */
#ifndef TESTS_ORACLE_H
#define TESTS_ORACLE_H

#include "model.h"

#define ORACLE_TYPES 2u		/* device 1 comes and goes */
#define ORACLE_SLOTS 64u
#define ORACLE_FOLIO 8u
#define ORACLE_PAGES 56u
#define ORACLE_MEMCGS 4u	/* 0 > 1 > 2 and 0 > 3 */

struct oracle_slot {
	const uint8_t *page;		/* NULL: empty */
	enum zdedup_where where;	/* after its store; reclaim moves POOL to DEVICE */
};

struct oracle_memcg {
	bool exists;
	bool writeback;
};

struct oracle {
	struct zdedup_config config;
	struct zdedup *zd;
	uint64_t seed;
	uint64_t rng;
	bool old;		/* kernel 6.1: loads keep, no zero map, slots freed in batches */
	bool injecting;		/* an allocation may fail: -ENOMEM is an answer */
	bool enabled;
	bool device_on[ORACLE_TYPES];
	struct oracle_slot slot[ORACLE_TYPES][ORACLE_SLOTS];
	struct oracle_memcg memcg[ORACLE_MEMCGS];

	/* the call being made, for the message */
	uint64_t nr_ops;
	const char *op;
	struct zdedup_slot op_slot;
	uint64_t op_arg[3];
};

static const uint32_t oracle_parent[ORACLE_MEMCGS] = { 0, 0, 1, 0 };

/* Few contents, many alike: one byte apart, of one word, zero, incompressible. */
static inline const uint8_t *oracle_page(unsigned int i)
{
	static uint8_t pages[ORACLE_PAGES][PAGE];
	static bool made;
	unsigned int n;

	for (n = 0; !made && n < ORACLE_PAGES; n++) {
		if (n < 4)
			page_make(pages[n], PAGE_ZERO, 0);
		else if (n < 8)
			page_make(pages[n], PAGE_SAME, n / 2);
		else if (n < 24)
			page_make(pages[n], PAGE_TEXT, n / 2);
		else if (n < 40)
			page_make(pages[n], PAGE_NEAR, n + 8 * 8);
		else
			page_make(pages[n], PAGE_NOISE, n / 2);
	}
	made = true;
	return pages[i];
}

static inline bool oracle_is_zero(const uint8_t *page)
{
	return !page[0] && !memcmp(page, page + 1, PAGE - 1);
}

static inline bool oracle_is_same_filled(const uint8_t *page)
{
	return !memcmp(page, page + 8, PAGE - 8);
}

#define oracle_fail(o, fmt, ...)					       \
	fail_msg("ZDEDUP_TEST_SEED=%llu %s/%s/%s/%s/%s operation %llu: %s slot " \
		 "%u:%llu (%llu, %llu, %llu): " fmt,			       \
		 (unsigned long long)(o)->seed, (o)->config.kernel,	       \
		 (o)->config.dedup,					       \
		 (o)->config.hash, (o)->config.compressor, (o)->config.zpool,  \
		 (unsigned long long)(o)->nr_ops, (o)->op, (o)->op_slot.type,   \
		 (unsigned long long)(o)->op_slot.offset,		       \
		 (unsigned long long)(o)->op_arg[0],			       \
		 (unsigned long long)(o)->op_arg[1],			       \
		 (unsigned long long)(o)->op_arg[2], __VA_ARGS__)

#define oracle_expect(o, condition)					       \
	do {								       \
		if (!(condition))					       \
			oracle_fail(o, "%s", "not true: " #condition);	       \
	} while (0)

/* Is @err the -ENOMEM of an allocation that was made to fail? */
static inline bool oracle_no_memory(const struct oracle *o, int err)
{
	return o->injecting && err == -ENOMEM && compat_fail_happened();
}

static inline void oracle_check(struct oracle *o)
{
	uint64_t pool = 0, zero = 0, device = 0;
	char why[ZDEDUP_WHY_MAX] = "";
	enum zdedup_where where;
	struct zdedup_stats s;
	unsigned int type, i;

	if (zdedup_check(o->zd, why))
		oracle_fail(o, "zdedup_check: %s", why);
	for (type = 0; type < ORACLE_TYPES; type++) {
		for (i = 0; o->device_on[type] && i < ORACLE_SLOTS; i++) {
			if (zdedup_peek(o->zd, at(type, i), &where))
				continue;
			pool += where == ZDEDUP_POOL;
			zero += where == ZDEDUP_ZERO;
			device += where == ZDEDUP_DEVICE;
		}
	}
	zdedup_get_stats(o->zd, &s);
	/* a zero page may hide an entry; freed slots may wait */
	oracle_expect(o, s.stored_pages >= pool);
	oracle_expect(o, s.stored_pages <= pool + (o->old ? 64 : zero));
	oracle_expect(o, s.live_zero == zero);
	oracle_expect(o, s.live_device == device);
	oracle_expect(o, s.stored_pages == s.pages_shared + s.pages_sharing +
					   s.pages_unshared +
					   s.same_filled_pages);
	oracle_expect(o, o->old || !s.same_filled_pages);
	oracle_expect(o, s.contents == s.pages_shared + s.pages_unshared);
	oracle_expect(o, s.zswpwb == s.written_back_pages);
	oracle_expect(o, s.decompress_fail == 0);
}

/*------------------------------------------------------- single operations */

static inline struct zdedup_slot oracle_pick_slot(struct oracle *o,
						  unsigned int nr)
{
	struct zdedup_slot slot;

	slot.type = rng_below(&o->rng, ORACLE_TYPES);
	slot.offset = rng_below(&o->rng, ORACLE_SLOTS - nr + 1);
	if (!o->device_on[slot.type])
		slot.type = 0;
	return slot;
}

static inline bool oracle_may_write_back(const struct oracle *o, uint32_t id)
{
	for (; id; id = oracle_parent[id])
		if (!o->memcg[id].writeback)
			return false;
	return true;
}

/* What the slots hold after a store of @nr pages that returned @err. */
static inline void oracle_stored(struct oracle *o, struct zdedup_slot slot,
				 uint32_t memcg, const uint8_t *const *page,
				 unsigned int nr, int err,
				 const struct zdedup_result *r)
{
	struct oracle_slot *s = &o->slot[slot.type][slot.offset];
	enum zdedup_where where;
	unsigned int i;
	bool zero = true;

	for (i = 0; i < nr; i++)
		zero = zero && oracle_is_zero(page[i]);
	if (!o->memcg[memcg].exists) {
		oracle_expect(o, err == -EINVAL);
		return;
	}
	if (oracle_no_memory(o, err)) {
		/* refused before it touched anything, or after it emptied the slot */
		for (i = 0; i < nr; i++)
			if (zdedup_peek(o->zd, at(slot.type, slot.offset + i),
					&where))
				s[i].page = NULL;
		return;
	}
	oracle_expect(o, err == 0);
	oracle_expect(o, (zero && !o->old) == (r->where == ZDEDUP_ZERO));
	oracle_expect(o, o->enabled || r->where != ZDEDUP_POOL);
	oracle_expect(o, r->length == 0 || r->where == ZDEDUP_POOL);
	oracle_expect(o, r->length > 0 || r->where != ZDEDUP_POOL ||
			 (o->old && oracle_is_same_filled(page[0])));
	oracle_expect(o, r->length <= PAGE);
	oracle_expect(o, !r->shared || r->where == ZDEDUP_POOL);
	if (r->where == ZDEDUP_RESIDENT)
		oracle_expect(o, o->enabled && !oracle_may_write_back(o, memcg));
	if (r->where == ZDEDUP_DEVICE)
		oracle_expect(o, !o->enabled || oracle_may_write_back(o, memcg));
	for (i = 0; i < nr; i++) {
		s[i].page = r->where == ZDEDUP_RESIDENT ? NULL : page[i];
		s[i].where = r->where;
	}
}

static inline void oracle_store(struct oracle *o)
{
	struct zdedup_result r = { .length = 0 };
	const uint8_t *page;
	uint32_t memcg;
	int err;

	o->op = "store";
	o->op_slot = oracle_pick_slot(o, 1);
	o->op_arg[0] = rng_below(&o->rng, ORACLE_PAGES);
	o->op_arg[1] = memcg = rng_below(&o->rng, ORACLE_MEMCGS);
	page = oracle_page(o->op_arg[0]);
	err = zdedup_store(o->zd, o->op_slot, memcg, page, &r);
	oracle_stored(o, o->op_slot, memcg, &page, 1, err, &r);
}

static inline void oracle_store_folio(struct oracle *o)
{
	const uint8_t *page[ORACLE_FOLIO];
	uint8_t pages[ORACLE_FOLIO * PAGE];
	struct zdedup_result r = { .length = 0 };
	unsigned int nr, i, first, spread;
	uint32_t memcg;
	int err;

	o->op = "store_folio";
	o->op_arg[0] = nr = 1 + rng_below(&o->rng, ORACLE_FOLIO);
	o->op_slot = oracle_pick_slot(o, nr);
	o->op_arg[1] = memcg = rng_below(&o->rng, ORACLE_MEMCGS);
	o->op_arg[2] = first = rng_below(&o->rng, ORACLE_PAGES);
	/* a small spread makes duplicates inside the folio, or all zero */
	spread = 1 + rng_below(&o->rng, 6);
	for (i = 0; i < nr; i++) {
		page[i] = oracle_page((first + rng_below(&o->rng, spread)) %
				      ORACLE_PAGES);
		memcpy(pages + i * PAGE, page[i], PAGE);
	}
	err = zdedup_store_folio(o->zd, o->op_slot, memcg, pages, nr, &r);
	oracle_stored(o, o->op_slot, memcg, page, nr, err, &r);
}

static inline void oracle_load_slot(struct oracle *o, struct zdedup_slot slot)
{
	struct oracle_slot *s = &o->slot[slot.type][slot.offset];
	enum zdedup_where from = ZDEDUP_RESIDENT;
	uint8_t page[PAGE];
	int err;

	o->op_slot = slot;
	err = zdedup_load(o->zd, slot, page, &from);
	if (oracle_no_memory(o, err))
		return;
	if (!s->page) {
		oracle_expect(o, err == -ENOENT);
		return;
	}
	oracle_expect(o, err == 0);
	oracle_expect(o, !memcmp(page, s->page, PAGE));
	oracle_expect(o, from == s->where || (s->where == ZDEDUP_POOL &&
					      from == ZDEDUP_DEVICE));
	if (!o->old)
		s->page = NULL;
}

static inline void oracle_load(struct oracle *o)
{
	o->op = "load";
	oracle_load_slot(o, oracle_pick_slot(o, 1));
}

static inline void oracle_invalidate(struct oracle *o)
{
	struct oracle_slot *s;
	int err;

	o->op = "invalidate";
	o->op_slot = oracle_pick_slot(o, 1);
	s = &o->slot[o->op_slot.type][o->op_slot.offset];
	err = zdedup_invalidate(o->zd, o->op_slot);
	if (oracle_no_memory(o, err))
		return;
	oracle_expect(o, err == (s->page ? 0 : -ENOENT));
	s->page = NULL;
}

static inline void oracle_peek(struct oracle *o)
{
	enum zdedup_where where;
	struct oracle_slot *s;
	int err;

	o->op = "peek";
	o->op_slot = oracle_pick_slot(o, 1);
	s = &o->slot[o->op_slot.type][o->op_slot.offset];
	err = zdedup_peek(o->zd, o->op_slot, &where);
	oracle_expect(o, err == (s->page ? 0 : -ENOENT));
	if (!err)
		oracle_expect(o, where == s->where ||
				 (s->where == ZDEDUP_POOL &&
				  where == ZDEDUP_DEVICE));
}

static inline void oracle_writeback(struct oracle *o)
{
	enum zdedup_where before, after;
	struct oracle_slot *s;
	bool there;
	int err;

	o->op = "writeback";
	o->op_slot = oracle_pick_slot(o, 1);
	s = &o->slot[o->op_slot.type][o->op_slot.offset];
	there = !zdedup_peek(o->zd, o->op_slot, &before);
	err = zdedup_writeback(o->zd, o->op_slot);
	if (oracle_no_memory(o, err))
		return;
	oracle_expect(o, there == (s->page != NULL));
	oracle_expect(o, err == 0 || err == -ENOENT || err == -EBUSY);
	if (!there) {
		oracle_expect(o, err == -ENOENT);
		return;
	}
	oracle_expect(o, zdedup_peek(o->zd, o->op_slot, &after) == 0);
	if (before == ZDEDUP_POOL) {
		oracle_expect(o, err != -ENOENT);
		oracle_expect(o, after == (err ? ZDEDUP_POOL : ZDEDUP_DEVICE));
	} else {
		oracle_expect(o, after == before);
	}
}

static inline void oracle_set_limits(struct oracle *o)
{
	/* open as often as not: a closed pool shows nothing */
	static const unsigned int ram[] = { 0, 0, 0, 10, 40, 1000 };
	static const unsigned int percent[] = { 0, 1, 20, 60, 100, 100 };
	static const unsigned int accept[] = { 0, 50, 90, 90, 100 };

	o->op = "set_limits";
	o->op_arg[0] = ram[rng_below(&o->rng, 6)];
	o->op_arg[1] = percent[rng_below(&o->rng, 6)];
	o->op_arg[2] = accept[rng_below(&o->rng, 5)];
	zdedup_set_limits(o->zd, o->op_arg[0], o->op_arg[1], o->op_arg[2]);
}

static inline void oracle_set_words(struct oracle *o)
{
	static const char *const comp[] = { "lz4", "zstd", "none", "lz4" };
	static const char *const dedup[] = { "none", "always", "memcg",
					     "always:sharers=3",
					     "ksm:pages=20:every=2",
					     "fold:every=16" };
	const char *word;
	int err;

	o->op_arg[0] = rng_below(&o->rng, 8);
	o->op_arg[1] = rng_below(&o->rng, 2);
	/* mostly back to the run's own, which is what is under test */
	if (o->op_arg[1]) {
		o->op = "set_compressor";
		word = o->op_arg[0] < 4 ? comp[o->op_arg[0]] :
					  o->config.compressor;
		err = zdedup_set_compressor(o->zd, word, NULL);
	} else {
		o->op = "set_dedup";
		word = o->op_arg[0] < 6 ? dedup[o->op_arg[0]] :
					  o->config.dedup;
		err = zdedup_set_dedup(o->zd, word, NULL);
	}
	oracle_expect(o, err == 0 || oracle_no_memory(o, err));
}

static inline void oracle_memcg_tree(struct oracle *o, uint32_t id)
{
	struct oracle_memcg *m = &o->memcg[id];
	bool parent = o->memcg[oracle_parent[id]].exists;
	int err;

	if (o->op_arg[1]) {
		o->op = "memcg_add";
		err = zdedup_memcg_add(o->zd, id, oracle_parent[id]);
		if (oracle_no_memory(o, err))
			return;
		oracle_expect(o, err == (m->exists ? -EEXIST :
					 parent ? 0 : -EINVAL));
		if (!err)
			*m = (struct oracle_memcg){ true, true };
		return;
	}
	o->op = "memcg_remove";
	err = zdedup_memcg_remove(o->zd, id);
	if (oracle_no_memory(o, err))
		return;
	oracle_expect(o, err == (!id ? -EINVAL : !m->exists ? -ENOENT :
				 id == 1 && o->memcg[2].exists ? -EBUSY : 0));
	if (!err)
		m->exists = false;
}

static inline void oracle_memcg(struct oracle *o)
{
	static const uint64_t max[] = { 0, 4095, 4096, 20000, 100000,
					ZDEDUP_NO_LIMIT, ZDEDUP_NO_LIMIT,
					ZDEDUP_NO_LIMIT };
	struct oracle_memcg *m;
	unsigned int what;
	uint32_t id;
	int err;

	o->op_arg[0] = id = rng_below(&o->rng, ORACLE_MEMCGS);
	o->op_arg[1] = rng_below(&o->rng, 8) < 7;
	o->op_arg[2] = max[rng_below(&o->rng, 8)];
	what = rng_below(&o->rng, 3);
	m = &o->memcg[id];
	/* root is there always and has neither limit nor flag */
	if (what == 0 && (id || !o->op_arg[1])) {
		oracle_memcg_tree(o, id);
	} else if (what == 1 && id) {
		o->op = "memcg_set_max";
		err = zdedup_memcg_set_max(o->zd, id, o->op_arg[2]);
		oracle_expect(o, err == (m->exists ? 0 : -ENOENT));
	} else if (id) {
		o->op = "memcg_set_writeback";
		err = zdedup_memcg_set_writeback(o->zd, id, o->op_arg[1]);
		oracle_expect(o, err == (m->exists ? 0 : -ENOENT));
		if (!err)
			m->writeback = o->op_arg[1];
	}
}

/* Device 1 goes or comes; what was on it is gone. */
static inline void oracle_device(struct oracle *o)
{
	unsigned int i;
	int err;

	if (o->device_on[1]) {
		o->op = "swapoff";
		err = zdedup_swapoff(o->zd, 1);
		if (oracle_no_memory(o, err))
			return;
		oracle_expect(o, err == 0);
		o->device_on[1] = false;
		for (i = 0; i < ORACLE_SLOTS; i++)
			o->slot[1][i].page = NULL;
		return;
	}
	o->op = "swapon";
	err = zdedup_swapon(o->zd, 1, ORACLE_SLOTS);
	if (oracle_no_memory(o, err))
		return;
	oracle_expect(o, err == 0);
	o->device_on[1] = true;
}

/*------------------------------------------------------------------- runs */

/* One of 256 chances each time. */
static inline void oracle_step(struct oracle *o)
{
	unsigned int dice = rng_below(&o->rng, 256);

	o->nr_ops++;
	o->op_slot = at(0, 0);
	memset(o->op_arg, 0, sizeof(o->op_arg));
	if (dice < 108) {
		oracle_store(o);
	} else if (dice < 118) {
		oracle_store_folio(o);
	} else if (dice < 168) {
		oracle_load(o);
	} else if (dice < 194) {
		oracle_invalidate(o);
	} else if (dice < 204) {
		oracle_peek(o);
	} else if (dice < 227) {
		oracle_writeback(o);
	} else if (dice < 230) {
		o->op = "shrink";
		zdedup_shrink(o->zd);
	} else if (dice < 236) {
		oracle_set_limits(o);
	} else if (dice < 239) {
		oracle_set_words(o);
	} else if (dice < 241) {
		o->op = "set_enabled";
		o->op_arg[0] = o->enabled = rng_below(&o->rng, 8) != 0;
		zdedup_set_enabled(o->zd, o->enabled);
	} else if (dice < 243) {
		o->op = "compact";
		zdedup_compact(o->zd);
	} else if (dice < 255) {
		oracle_memcg(o);
	} else {
		oracle_device(o);
	}
}

/*
 * Sets *o up, all but the model's own memory: 0, or the errno of zdedup_create
 * or the first swapon, with nothing held.
 */
static inline int oracle_init(struct oracle *o,
			      const struct zdedup_config *config,
			      uint64_t seed, unsigned int run)
{
	char why[ZDEDUP_WHY_MAX] = "";
	int err;

	memset(o, 0, sizeof(*o));
	o->config = *config;
	o->old = zdedup_kernel_keeps_loads(config->kernel);
	o->seed = seed;
	/* a run's stream is its own, so that one seed repeats them all */
	o->rng = seed + ((uint64_t)run << 32);
	o->op = "create";
	o->enabled = true;
	o->memcg[0] = (struct oracle_memcg){ true, true };
	err = zdedup_create(config, &o->zd, why);
	if (err) {
		oracle_expect(o, !o->zd);
		oracle_expect(o, *why);
		return err;
	}
	err = zdedup_swapon(o->zd, 0, ORACLE_SLOTS);
	if (err) {
		zdedup_destroy(o->zd);
		o->zd = NULL;
		return err;
	}
	o->device_on[0] = true;
	return 0;
}

/* Reads every slot back, and takes the model down. */
static inline void oracle_end(struct oracle *o)
{
	struct zdedup_stats s;
	unsigned int type, i;

	oracle_check(o);
	o->op = "last load";
	for (type = 0; type < ORACLE_TYPES; type++)
		for (i = 0; o->device_on[type] && i < ORACLE_SLOTS; i++)
			oracle_load_slot(o, at(type, i));
	oracle_check(o);
	for (type = 0; o->old && type < ORACLE_TYPES; type++)
		zdedup_swapoff(o->zd, type);
	zdedup_get_stats(o->zd, &s);
	model_assert_empty(&s);
	zdedup_destroy(o->zd);
	o->zd = NULL;
}

#endif /* TESTS_ORACLE_H */
