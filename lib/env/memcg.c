/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memcg.c - cgroups as far as zswap knows them: charge, zswap.max, zswap.writeback
 *
 * The tree changes only while nobody else is inside (lib/zdedup.h); charges are
 * atomic. The list of memcgs is kept in pre-order, which is the order in which
 * mem_cgroup_iter() hands them out.
 */
#include <linux/errno.h>
#include <linux/slab.h>

#include "env/env.h"

struct mem_cgroup *memcg_find(struct zdedup *zd, u32 id)
{
	/* the first of the list; most callers know no other */
	if (!id)
		return list_first_entry(&zd->memcgs, struct mem_cgroup, list);
	return xa_load(&zd->memcg_by_id, id);
}

static bool memcg_is_below(const struct mem_cgroup *memcg,
			   const struct mem_cgroup *ancestor)
{
	for (; memcg; memcg = memcg->parent)
		if (memcg == ancestor)
			return true;
	return false;
}

/* Where a new child of @parent goes: behind the last one below it. */
static struct list_head *memcg_place(struct zdedup *zd,
				     struct mem_cgroup *parent)
{
	struct list_head *place = &parent->list;

	while (place->next != &zd->memcgs &&
	       memcg_is_below(list_entry(place->next, struct mem_cgroup, list),
			      parent))
		place = place->next;
	return place;
}

static int memcg_create(struct zdedup *zd, u32 id, struct mem_cgroup *parent)
{
	struct mem_cgroup *memcg = kzalloc(sizeof(*memcg), GFP_KERNEL);
	struct obj_cgroup *objcg = kzalloc(sizeof(*objcg), GFP_KERNEL);

	if (!memcg || !objcg ||
	    xa_is_err(xa_store(&zd->memcg_by_id, id, memcg, GFP_KERNEL))) {
		kfree(memcg);
		kfree(objcg);
		return -ENOMEM;
	}
	memcg->id = id;
	memcg->number = zd->next_memcg_number++;
	memcg->parent = parent;
	memcg->group = ZDEDUP_NO_GROUP;
	memcg->max_pages = U64_MAX;
	memcg->writeback = true;
	INIT_LIST_HEAD(&memcg->lru.list);
	memcg->objcg = objcg;
	objcg->memcg = memcg;
	list_add_tail(&objcg->list, &zd->objcgs);
	list_add(&memcg->list, parent ? memcg_place(zd, parent) : &zd->memcgs);
	if (parent)
		parent->nr_children++;
	return 0;
}

int memcg_init(struct zdedup *zd)
{
	xa_init(&zd->memcg_by_id);
	INIT_LIST_HEAD(&zd->memcgs);
	INIT_LIST_HEAD(&zd->objcgs);
	return memcg_create(zd, 0, NULL);
}

void memcg_exit(struct zdedup *zd)
{
	struct mem_cgroup *memcg, *next_memcg;
	struct obj_cgroup *objcg, *next_objcg;

	list_for_each_entry_safe(memcg, next_memcg, &zd->memcgs, list)
		kfree(memcg);
	list_for_each_entry_safe(objcg, next_objcg, &zd->objcgs, list)
		kfree(objcg);
	xa_destroy(&zd->memcg_by_id);
}

/*------------------------------------------------------- what zswap asks */

/* obj_cgroup_may_zswap(): no headroom is asked for, so a store may overshoot. */
bool memcg_may_zswap(void *env, struct obj_cgroup *objcg)
{
	struct mem_cgroup *memcg;
	u64 max;

	for (memcg = objcg->memcg; memcg->parent; memcg = memcg->parent) {
		max = READ_ONCE(memcg->max_pages);
		if (max == U64_MAX)
			continue;
		if (!max ||
		    (u64)atomic64_read(&memcg->bytes) / PAGE_SIZE >= max)
			return false;
	}
	return true;
}

/* mem_cgroup_zswap_writeback_enabled(): with zswap off, the flag is ignored. */
bool memcg_writeback_enabled(void *env, struct mem_cgroup *memcg)
{
	struct zdedup *zd = env;

	if (!READ_ONCE(zd->zs.enabled))
		return true;
	for (; memcg; memcg = memcg->parent)
		if (!READ_ONCE(memcg->writeback))
			return false;
	return true;
}

void memcg_charge(void *env, struct obj_cgroup *objcg, size_t size)
{
	struct mem_cgroup *memcg;

	for (memcg = objcg->memcg; memcg; memcg = memcg->parent) {
		atomic64_add(size, &memcg->bytes);
		atomic64_inc(&memcg->entries);
	}
}

void memcg_recharge(void *env, struct obj_cgroup *objcg, long delta)
{
	struct mem_cgroup *memcg;

	for (memcg = objcg->memcg; memcg; memcg = memcg->parent)
		atomic64_add(delta, &memcg->bytes);
}

void memcg_uncharge(void *env, struct obj_cgroup *objcg, size_t size)
{
	struct mem_cgroup *memcg;

	for (memcg = objcg->memcg; memcg; memcg = memcg->parent) {
		atomic64_sub(size, &memcg->bytes);
		atomic64_dec(&memcg->entries);
	}
}

struct mem_cgroup *memcg_of(void *env, struct obj_cgroup *objcg)
{
	return objcg->memcg;
}

void memcg_usage(void *env, struct mem_cgroup *memcg, u64 *bytes, u64 *entries)
{
	(void)env;
	*bytes = atomic64_read(&memcg->bytes);
	*entries = atomic64_read(&memcg->entries);
}

/*
 * Contents outlive the memcg that stored them. Under its id, the next memcg of
 * that id would share with a stranger.
 */
u32 memcg_id(void *env, struct mem_cgroup *memcg)
{
	return memcg->number;
}

/* The nearest mark upwards; what nobody marked is one group, too. */
u32 memcg_group(void *env, struct mem_cgroup *memcg)
{
	(void)env;
	for (; memcg; memcg = memcg->parent)
		if (memcg->group != ZDEDUP_NO_GROUP)
			return memcg->group;
	return 0;
}

struct zswap_lru *memcg_lru(void *env, struct mem_cgroup *memcg)
{
	return &memcg->lru;
}

struct mem_cgroup *memcg_next(void *env, struct mem_cgroup *prev)
{
	struct zdedup *zd = env;
	struct list_head *next = prev ? prev->list.next : zd->memcgs.next;

	return next == &zd->memcgs ? NULL :
				     list_entry(next, struct mem_cgroup, list);
}

int memcg_check(struct zdedup *zd, const char **why)
{
	struct mem_cgroup *root = memcg_find(zd, 0);
	struct zswap_trees *trees = zd->zs.trees;
	struct zswap_entry *entry;
	u64 bytes = 0, entries = 0;
	unsigned long t, i, index;

	for (t = 0; t < ZDEDUP_TYPES_MAX; t++) {
		for (i = 0; i < trees[t].nr; i++) {
			xa_for_each(&trees[t].tree[i], index, entry) {
				bytes += entry->charged;
				entries++;
			}
		}
	}
	if ((u64)atomic64_read(&root->bytes) == bytes &&
	    (u64)atomic64_read(&root->entries) == entries)
		return 0;
	*why = "M1: the root's charge is not the sum over entries";
	return -EUCLEAN;
}

/*-------------------------------------------------------- public verbs */

int zdedup_memcg_add(struct zdedup *zd, uint32_t id, uint32_t parent)
{
	struct mem_cgroup *p = memcg_find(zd, parent);

	if (!p)
		return -EINVAL;
	if (memcg_find(zd, id))
		return -EEXIST;
	return memcg_create(zd, id, p);
}

int zdedup_memcg_set_max(struct zdedup *zd, uint32_t id, uint64_t max)
{
	struct mem_cgroup *memcg = memcg_find(zd, id);

	if (!memcg)
		return -ENOENT;
	/* page_counter_memparse(): whole pages, so less than one is none */
	WRITE_ONCE(memcg->max_pages,
		   max == ZDEDUP_NO_LIMIT ? U64_MAX : max / PAGE_SIZE);
	return 0;
}

int zdedup_memcg_set_writeback(struct zdedup *zd, uint32_t id, bool enabled)
{
	struct mem_cgroup *memcg = memcg_find(zd, id);

	if (!memcg)
		return -ENOENT;
	WRITE_ONCE(memcg->writeback, enabled);
	return 0;
}

int zdedup_memcg_set_group(struct zdedup *zd, uint32_t id, uint32_t group)
{
	struct mem_cgroup *memcg = memcg_find(zd, id);

	if (!memcg)
		return -ENOENT;
	if (group > ZDEDUP_GROUP_MAX && group != ZDEDUP_NO_GROUP)
		return -EINVAL;
	memcg->group = group;
	return 0;
}

/*
 * mem_cgroup_css_offline(): entries keep their objcg, which stands for the parent
 * from now on (as do those that it had inherited); the LRU goes the same way, and
 * the shrink worker's cursor moves on.
 */
int zdedup_memcg_remove(struct zdedup *zd, uint32_t id)
{
	struct mem_cgroup *memcg = memcg_find(zd, id);
	struct obj_cgroup *objcg;

	if (!memcg)
		return -ENOENT;
	if (!memcg->parent)
		return -EINVAL;
	if (memcg->nr_children)
		return -EBUSY;
	spin_lock(&zd->zs.lru_lock);
	zswap_lru_reparent(&memcg->lru, &memcg->parent->lru);
	list_for_each_entry(objcg, &zd->objcgs, list)
		if (objcg->memcg == memcg)
			objcg->memcg = memcg->parent;
	if (zd->zs.next_shrink == memcg)
		zd->zs.next_shrink = memcg_next(zd, memcg);
	spin_unlock(&zd->zs.lru_lock);
	memcg->parent->nr_children--;
	list_del_init(&memcg->list);
	xa_erase(&zd->memcg_by_id, id);
	kfree(memcg);
	return 0;
}

int zdedup_memcg_stat(struct zdedup *zd, uint32_t id,
		      struct zdedup_memcg_stat *stat)
{
	struct mem_cgroup *memcg = memcg_find(zd, id);

	if (!memcg)
		return -ENOENT;
	stat->zswap_bytes = atomic64_read(&memcg->bytes);
	stat->zswapped = atomic64_read(&memcg->entries);
	return 0;
}
