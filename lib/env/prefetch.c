/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * prefetch.c - the memory that an event will touch, asked for before its turn
 *
 * A model of a million slots lies in a hundred megabytes, and what one event touches
 * there hangs together by pointers: slot, entry, content, handle, zspage. A processor
 * waits for each in turn, but can wait for those of many events at once. So each
 * step goes the whole way again, over what earlier steps have brought near, and asks
 * for what comes next. Nothing is kept in between: what is gone by then is not met.
 */
#include <linux/prefetch.h>

#include "compat/custom.h"
#include "env/env.h"

static void prefetch_slot(struct zdedup *zd, struct zdedup_slot slot)
{
	struct xarray *tree = zd->zs.trees[slot.type].tree;

	xa_prefetch(&tree[slot.offset >> ZSWAP_TREE_SHIFT],
		    slot.offset % ZSWAP_TREE_SLOTS);
}

static void prefetch_entry(const struct zswap_entry *entry)
{
	prefetchw(READ_ONCE(entry->lru.prev));
	prefetchw(READ_ONCE(entry->lru.next));
	if (entry->same_filled)
		return;
	prefetchw(entry->content);
	prefetchw(&entry->content->kind);
}

/* @step counts from the moment at which @content was asked for. */
static void prefetch_content(const struct zswap_content *content,
			     unsigned int step)
{
	const struct zpool *zpool = &content->pool->zpool;

	if (!step) {
		prefetchw(READ_ONCE(content->node.next));
		prefetchw(READ_ONCE(content->node.pprev));
	}
	if (zpool->ops->prefetch_free)
		zpool->ops->prefetch_free(zpool->priv, content->handle, step);
}

void zdedup_prefetch(struct zdedup *zd, struct zdedup_slot slot,
		     uint32_t memcg, const uint64_t *digest, unsigned int step)
{
	swp_entry_t swp = swp_entry(slot.type, slot.offset);
	struct swap_device *dev = slot.type < ZDEDUP_TYPES_MAX ?
					  zd->device[slot.type] : NULL;
	struct mem_cgroup *cg;
	struct zswap_entry *entry;

	if (!dev || slot.offset >= dev->nr_slots)
		return;
	cg = digest && step < 2 ? memcg_find(zd, memcg) : NULL;
	if (cg)
		zswap_dedup_prefetch(&zd->zs, cg, *digest, step);
	if (!step) {
		prefetch_slot(zd, slot);
		return;
	}
	entry = zswap_find(&zd->zs, swp);
	if (!entry)
		return;
	if (step == 1)
		prefetchw(entry);
	else if (step == 2)
		prefetch_entry(entry);
	else if (!entry->same_filled)
		prefetch_content(entry->content, step - 3);
}
