/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check.c - zswap_check(): the invariants of zswap.h and dedup.h, executed
 *
 * Sharers are proved without a map and without memory: each entry takes one off
 * its content's count, after which all counts must be 0; then each puts it back.
 * The first to put one back stands for the content in the sums.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/mm.h>

#include "zswap/zswap.h"

/* What the walks found */
struct zswap_census {
	unsigned long entries, raw, same_filled;
	unsigned long scanned, contents, shared, sharing, unshared, shareable;
	u64 payload, charged;
	const char *why;
};

static void zswap_check_fail(struct zswap_census *c, const char *why)
{
	if (!c->why)
		c->why = why;
}

static void zswap_for_each_entry(struct zswap *zs, struct zswap_census *c,
				 void (*visit)(struct zswap *zs,
					       struct zswap_census *c,
					       swp_entry_t swp,
					       struct zswap_entry *entry))
{
	struct zswap_entry *entry;
	unsigned long t, i, index;

	for (t = 0; t < ARRAY_SIZE(zs->trees); t++)
		for (i = 0; i < zs->trees[t].nr; i++)
			xa_for_each(&zs->trees[t].tree[i], index, entry)
				visit(zs, c,
				      swp_entry(t, i * ZSWAP_TREE_SLOTS + index),
				      entry);
}

static void zswap_check_entry(struct zswap *zs, struct zswap_census *c,
			      swp_entry_t swp, struct zswap_entry *entry)
{
	struct zswap_content *content = entry->content;

	c->entries++;
	if (entry->swpentry.val != swp.val)
		zswap_check_fail(c, "E1: an entry stands at another slot");
	if (list_empty(&entry->lru) == zs->behaviour->own_lru)
		zswap_check_fail(c, "E2: an entry is on no LRU, or should not be");
	if (entry->same_filled) {
		c->same_filled++;
		return;
	}
	if (zs->dedup.charge == ZSWAP_CHARGE_FULL &&
	    entry->charged != content->length)
		zswap_check_fail(c, "E3: an entry is charged another length");
	c->charged += entry->charged;
	c->scanned += entry->scanned;
	if (refcount_read(&content->refs) != 1)
		zswap_check_fail(c, "C2: a content is pinned though nobody is inside");
	if (content->kind == ZSWAP_CONTENT_RAW) {
		c->raw++;
		if (content->length != PAGE_SIZE)
			zswap_check_fail(c, "a raw content of another length");
	}
	content->sharers--;
}

static void zswap_check_sharers(struct zswap *zs, struct zswap_census *c,
				swp_entry_t swp, struct zswap_entry *entry)
{
	if (!entry->same_filled && entry->content->sharers)
		zswap_check_fail(c, "C1: sharers are not the entries that refer to a content");
}

static void zswap_restore_sharers(struct zswap *zs, struct zswap_census *c,
				  swp_entry_t swp, struct zswap_entry *entry)
{
	struct zswap_content *content = entry->content;

	if (entry->same_filled)
		return;
	if (zs->dedup.maps_sharers && content->shareable &&
	    hlist_unhashed(&entry->sibling))
		zswap_check_fail(c, "C1: a content does not know one of its entries");
	switch (++content->sharers) {
	case 1:
		c->contents++;
		c->unshared++;
		c->payload += content->length;
		c->shareable += content->shareable;
		content->pool->nr_checked++;
		break;
	case 2:
		c->unshared--;
		c->shared++;
		c->sharing++;
		break;
	default:
		c->sharing++;
	}
}

static void zswap_check_pools(struct zswap *zs, struct zswap_census *c)
{
	struct zswap_pool *pool;

	list_for_each_entry(pool, &zs->pools, list) {
		if (refcount_read(&pool->ref) !=
		    pool->nr_checked + (pool->list.prev == &zs->pools))
			zswap_check_fail(c, "P1: references of a pool are not its contents");
		if (pool->zpool.ops->check(pool->zpool.priv))
			zswap_check_fail(c, "an allocator's own check failed");
	}
}

static void zswap_check_lrus(struct zswap *zs, struct zswap_census *c)
{
	struct mem_cgroup *memcg = NULL;
	unsigned long items = 0, nr;
	struct zswap_entry *entry;
	struct zswap_lru *lru;

	while ((memcg = zs->ops->next_memcg(zs->env, memcg))) {
		lru = zs->ops->lru(zs->env, memcg);
		nr = 0;
		list_for_each_entry(entry, &lru->list, lru) {
			nr++;
			if (zs->ops->memcg(zs->env, entry->objcg) != memcg)
				zswap_check_fail(c, "E2: an entry is on another memcg's LRU");
		}
		if (nr != lru->nr_items)
			zswap_check_fail(c, "L1: an LRU counts other items than it has");
		items += nr;
	}
	if (items != (zs->behaviour->own_lru ? c->entries : 0))
		zswap_check_fail(c, "S1: entries on LRUs are not those in trees");
}

static bool zswap_counts(atomic_long_t *counter, unsigned long found)
{
	return (unsigned long)atomic_long_read(counter) == found;
}

static void zswap_check_counters(struct zswap *zs, struct zswap_census *c)
{
	struct zswap_dedup *d = &zs->dedup;

	if (!zswap_counts(&zs->stats.stored_pages, c->entries))
		zswap_check_fail(c, "S1: stored_pages is not the number of entries");
	if (!zswap_counts(&zs->stats.stored_incompressible_pages, c->raw))
		zswap_check_fail(c, "S2: stored_incompressible_pages");
	if (!zswap_counts(&zs->stats.same_filled_pages, c->same_filled))
		zswap_check_fail(c, "S3: same_filled_pages");
	if (!zswap_counts(&d->pages_shared, c->shared) ||
	    !zswap_counts(&d->pages_unshared, c->unshared))
		zswap_check_fail(c, "D1: pages_shared or pages_unshared");
	if (!zswap_counts(&d->pages_sharing, c->sharing))
		zswap_check_fail(c, "D2: pages_sharing");
	if (!zswap_counts(&d->payload_bytes, c->payload))
		zswap_check_fail(c, "D3: payload_bytes");
	if (d->charge != ZSWAP_CHARGE_FULL && c->charged != c->payload)
		zswap_check_fail(c, "E3: charges together are not the contents' lengths");
	if (!zswap_counts(&d->scan.scanned, c->scanned))
		zswap_check_fail(c, "Q1: scanned is not the number of entries that were");
	if (!zswap_counts(&d->shareable, c->shareable))
		zswap_check_fail(c, "D5: shareable");
	if (atomic_long_read(&d->compares) <
		    atomic_long_read(&d->hits) +
			    atomic_long_read(&d->dup_races) +
			    atomic_long_read(&d->false_positives) ||
	    atomic_long_read(&d->candidates) < atomic_long_read(&d->compares))
		zswap_check_fail(c, "D4: compares");
}

int zswap_check(struct zswap *zs, const char **why)
{
	struct zswap_census census = { .why = NULL };
	const char *why_index = NULL, *why_scan = NULL;
	struct zswap_pool *pool;

	list_for_each_entry(pool, &zs->pools, list)
		pool->nr_checked = 0;
	zswap_for_each_entry(zs, &census, zswap_check_entry);
	zswap_for_each_entry(zs, &census, zswap_check_sharers);
	if (zswap_dedup_check_index(zs, &why_index))
		zswap_check_fail(&census, why_index);
	zswap_for_each_entry(zs, &census, zswap_restore_sharers);
	if (zswap_scan_check(zs, &why_scan))
		zswap_check_fail(&census, why_scan);
	zswap_check_pools(zs, &census);
	zswap_check_lrus(zs, &census);
	zswap_check_counters(zs, &census);
	*why = census.why;
	return census.why ? -EUCLEAN : 0;
}
