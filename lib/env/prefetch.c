/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * prefetch.c - the memory that the next events will touch, asked for at once
 *
 * A model of a million slots lies in a hundred megabytes, and what one event touches
 * there hangs together by pointers: slot, entry, content, zspage. A processor
 * waits for each in turn, but can wait for those of many events at once. So a group of
 * events goes that way together, link by link, before the first of them begins:
 * nothing changes meanwhile, so each pointer is as good as when it was read (Chen,
 * Ailamaki, Gibbons and Mowry, "Improving Hash Join Performance through Prefetching",
 * 2004: group prefetching).
 */
#include <linux/prefetch.h>

#include "compat/custom.h"
#include "env/env.h"

/**
 * struct group - how far the events of a group have come
 * @place:   where the tree has the slot's entry; NULL: it has no place for one
 * @entry, @content: of those slots that have one, close together
 * @bucket:  of those stores whose digest is known
 */
struct group {
	void *const *place[ZDEDUP_PREFETCH_MAX];
	const struct zswap_entry *entry[ZDEDUP_PREFETCH_MAX];
	const struct zswap_content *content[ZDEDUP_PREFETCH_MAX];
	const struct hlist_head *bucket[ZDEDUP_PREFETCH_MAX];
	unsigned int nr, nr_entries, nr_contents, nr_buckets;
};

static void prefetch_places(struct zdedup *zd, const struct zdedup_hint *hint,
			    struct group *g)
{
	const struct swap_device *dev;
	struct mem_cgroup *cg;
	unsigned int i;
	u64 offset;

	for (i = 0; i < g->nr; i++) {
		offset = hint[i].slot.offset;
		dev = hint[i].slot.type < ZDEDUP_TYPES_MAX ?
			      zd->device[hint[i].slot.type] : NULL;
		g->place[i] = NULL;
		if (!dev || offset >= dev->nr_slots)
			continue;
		prefetchw(swap_word(dev, offset));
		g->place[i] = xa_prefetch(
			&zd->zs.trees[hint[i].slot.type]
				 .tree[offset >> ZSWAP_TREE_SHIFT],
			offset % ZSWAP_TREE_SLOTS);
		cg = hint[i].digest ? memcg_find(zd, hint[i].memcg) : NULL;
		if (cg)
			g->bucket[g->nr_buckets++] = zswap_dedup_bucket(
				&zd->zs, cg, *hint[i].digest);
	}
	for (i = 0; i < g->nr_buckets; i++)
		prefetchw(g->bucket[i]);
}

static void prefetch_entries(struct group *g)
{
	const struct hlist_node *first;
	unsigned int i;

	for (i = 0; i < g->nr; i++) {
		if (!g->place[i] || !*g->place[i])
			continue;
		g->entry[g->nr_entries] = *g->place[i];
		prefetchw(g->entry[g->nr_entries++]);
	}
	for (i = 0; i < g->nr_buckets; i++) {
		first = READ_ONCE(g->bucket[i]->first);
		if (first)
			prefetchw(hlist_entry(first, struct zswap_content,
					      node));
	}
}

static void prefetch_contents(struct group *g)
{
	const struct zswap_entry *entry;
	unsigned int i;

	for (i = 0; i < g->nr_entries; i++) {
		entry = g->entry[i];
		prefetchw(entry->lru.prev);
		prefetchw(entry->lru.next);
		if (entry->same_filled)
			continue;
		prefetchw(entry->content);
		g->content[g->nr_contents++] = entry->content;
	}
}

/* Those of the current pool: there is no other unless the compressor was changed. */
static void prefetch_objects(struct zdedup *zd, const struct group *g)
{
	const struct zswap_pool *pool = list_first_entry(
		&zd->zs.pools, struct zswap_pool, list);
	const unsigned long *handle[ZDEDUP_PREFETCH_MAX];
	unsigned int nr = 0, i;

	for (i = 0; i < g->nr_contents; i++) {
		if (g->content[i]->shareable) {
			prefetchw(g->content[i]->node.next);
			prefetchw(g->content[i]->node.pprev);
		}
		/* freed with the slot, if nobody else has it */
		if (g->content[i]->pool == pool && g->content[i]->sharers == 1)
			handle[nr++] = &g->content[i]->handle;
	}
	if (pool->zpool.ops->prefetch_free)
		pool->zpool.ops->prefetch_free(pool->zpool.priv, handle, nr);
}

void zdedup_prefetch(struct zdedup *zd, const struct zdedup_hint *hint,
		     unsigned int nr)
{
	struct group g;

	/* the arrays are filled as far as they are read */
	g.nr = min(nr, ZDEDUP_PREFETCH_MAX);
	g.nr_entries = g.nr_contents = g.nr_buckets = 0;
	prefetch_places(zd, hint, &g);
	prefetch_entries(&g);
	prefetch_contents(&g);
	prefetch_objects(zd, &g);
}
