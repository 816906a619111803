/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * zdedup.c - the verbs of lib/zdedup.h: what mm/page_io.c and mm/swap_state.c do
 * around zswap
 */
#include <stdarg.h>
#include <stdio.h>

#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "compat/custom.h"
#include "dedup/dedup.h"
#include "env/env.h"
#include "registry.h"

/*------------------------------------------------------- what zswap asks */

static int env_swapcache_add(void *env, swp_entry_t swp,
			     struct zswap_folio *folio)
{
	struct zdedup *zd = env;
	struct swap_device *dev = zd->device[swp_type(swp)];

	/*
	 * Whoever holds the slot's lock has its folio in the swap cache. A freed slot
	 * that waits is in the cache of its CPU.
	 */
	if (swp_offset(swp) >= dev->nr_slots ||
	    !swap_trylock(dev, swp_offset(swp)))
		return -EEXIST;
	if (zd->zs.lengths_only)
		return 0;
	folio->data = kmalloc(PAGE_SIZE, GFP_KERNEL);
	if (!folio->data) {
		swap_unlock(dev, swp_offset(swp));
		return -ENOMEM;
	}
	return 0;
}

static void env_swapcache_drop(void *env, struct zswap_folio *folio)
{
	struct zdedup *zd = env;

	kfree(folio->data);
	swap_unlock(zd->device[swp_type(folio->swap)],
		    swp_offset(folio->swap));
}

static int env_swap_write(void *env, struct zswap_folio *folio)
{
	struct zdedup *zd = env;
	struct swap_device *dev = zd->device[swp_type(folio->swap)];
	u64 offset = swp_offset(folio->swap);

	/* A stale entry under a zero slot is written where nobody will read it. */
	if (!swap_slot_is_zero(dev, offset))
		return swap_device_write(zd, dev, offset, folio->data);
	atomic_long_inc(&zd->pswpout);
	return 0;
}

static void env_queue_shrink(void *env)
{
	struct zdedup *zd = env;

	atomic_set(&zd->shrink_queued, 1);
}

static void env_stage(void *env, enum zswap_stage stage)
{
	static const enum zdedup_stage map[] = {
		[ZSWAP_STAGE_OTHER] = ZDEDUP_STAGE_OTHER,
		[ZSWAP_STAGE_HASH] = ZDEDUP_STAGE_HASH,
		[ZSWAP_STAGE_LOOKUP] = ZDEDUP_STAGE_LOOKUP,
		[ZSWAP_STAGE_COMPARE] = ZDEDUP_STAGE_COMPARE,
		[ZSWAP_STAGE_COMPRESS] = ZDEDUP_STAGE_COMPRESS,
		[ZSWAP_STAGE_ALLOCATE] = ZDEDUP_STAGE_ALLOCATE,
		[ZSWAP_STAGE_DECOMPRESS] = ZDEDUP_STAGE_DECOMPRESS,
		[ZSWAP_STAGE_SCAN] = ZDEDUP_STAGE_SCAN,
	};
	struct zdedup *zd = env;

	zd->stage_hook(zd->stage_data, map[stage]);
}

const struct zswap_env_ops zdedup_env_ops = {
	.may_zswap = memcg_may_zswap,
	.writeback_enabled = memcg_writeback_enabled,
	.charge = memcg_charge,
	.uncharge = memcg_uncharge,
	.recharge = memcg_recharge,
	.memcg = memcg_of,
	.memcg_usage = memcg_usage,
	.memcg_id = memcg_id,
	.memcg_group = memcg_group,
	.lru = memcg_lru,
	.next_memcg = memcg_next,
	.swapcache_add = env_swapcache_add,
	.swapcache_drop = env_swapcache_drop,
	.swap_write = env_swap_write,
	.queue_shrink = env_queue_shrink,
	.stage = env_stage,
};

/*------------------------------------------------------- create and destroy */

void zdedup_config_init(struct zdedup_config *config)
{
	*config = (struct zdedup_config){
		.kernel = "7.2",
		.compressor = "lz4",
		.zpool = "zsmalloc",
		.hash = "xxh64",
		.dedup = "none",
		.compare = "bytes",
		.charge = "full",
		.domain = "global",
		.writeback = "sole",
		.seed = 1,
		.max_pool_percent = 20,
		.accept_threshold_percent = 90,
	};
}

/* splitmix64: several key words from one seed, the same on every machine */
static u64 seed_next(u64 *state)
{
	u64 z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static int unknown_kernel(const char *kernel, char *why)
{
	int len = snprintf(why, ZDEDUP_WHY_MAX,
			   "unknown kernel '%.40s' (this build has", kernel);
	const char *name;
	unsigned int i;

	for (i = 0; (name = registry_name(REGISTRY_KERNEL, i)); i++)
		len += snprintf(why + len, ZDEDUP_WHY_MAX - len, "%s %s",
				i ? "," : "", name);
	snprintf(why + len, ZDEDUP_WHY_MAX - len, ")");
	return -EINVAL;
}

/* The place of @word among @words, or -1 and @why. */
static int mode_find(const char *what, const char *word,
		     const char *const *words, char *why)
{
	unsigned int i;

	for (i = 0; i < 3; i++)
		if (!strcmp(word, words[i]))
			return i;
	snprintf(why, ZDEDUP_WHY_MAX, "unknown %s '%.40s' (%s, %s or %s)", what,
		 word, words[0], words[1], words[2]);
	return -1;
}

static int config_modes(const struct zdedup_config *config,
			struct zswap_dedup_config *dedup, char *why)
{
	static const char *const compares[] = { "bytes", "compressed", "trust" };
	static const char *const charges[] = { "full", "first", "split" };
	static const char *const domains[] = { "global", "group", "memcg" };
	static const char *const writebacks[] = { "sole", "rotate", "all" };
	int compare = mode_find("compare", config->compare, compares, why);
	int charge = mode_find("charge", config->charge, charges, why);
	int domain = mode_find("domain", config->domain, domains, why);
	int writeback = mode_find("writeback", config->writeback, writebacks,
				  why);

	if (compare < 0 || charge < 0 || domain < 0 || writeback < 0)
		return -EINVAL;
	if (compare == ZSWAP_COMPARE_TRUST &&
	    (!dedup->hash->keyed || dedup->hash_bits != 128)) {
		snprintf(why, ZDEDUP_WHY_MAX,
			 "compare 'trust' needs all 128 bits of a keyed hash, and '%s' is none",
			 config->hash);
		return -EINVAL;
	}
	dedup->compare = compare;
	dedup->charge = charge;
	dedup->domain = domain;
	dedup->writeback = writeback;
	return 0;
}

/* Looks up the words of @config. 0 or -EINVAL and @why. */
static int config_resolve(const struct zdedup_config *config,
			  struct zswap_config *zc, char *why)
{
	struct registry_compressor compressor;
	struct registry_policy policy;
	struct registry_hash hash;
	u64 seed = config->seed;

	zc->behaviour = zswap_behaviour_find(config->kernel);
	if (!zc->behaviour)
		return unknown_kernel(config->kernel, why);
	if (registry_compressor(config->compressor, &compressor, why,
				ZDEDUP_WHY_MAX) ||
	    registry_zpool(config->zpool, &zc->zpool, why, ZDEDUP_WHY_MAX) ||
	    registry_hash(config->hash, &hash, why, ZDEDUP_WHY_MAX) ||
	    registry_policy(config->dedup, &policy, why, ZDEDUP_WHY_MAX))
		return -EINVAL;
	zc->comp = compressor.ops;
	zc->comp_params = compressor.params;
	zc->comp_params.size_hint = zc->behaviour->zstd_hint;
	zc->dedup.hash = hash.ops;
	zc->dedup.hash_bits = hash.bits;
	zc->dedup.key.k0 = seed_next(&seed);
	zc->dedup.key.k1 = seed_next(&seed);
	/* odd: none of a digest's bits is lost */
	zc->dedup.spread.digest = seed_next(&seed) | 1;
	zc->dedup.spread.domain = seed_next(&seed) | 1;
	zc->dedup.policy = policy.ops;
	zc->dedup.params = policy.params;
	zc->lengths_only = config->lengths_only;
	zc->verify = config->verify;
	return config_modes(config, &zc->dedup, why);
}

static int zdedup_init(struct zdedup *zd, const struct zdedup_config *config,
		       const struct zswap_config *zc)
{
	mutex_init(&zd->freed_lock);
	mutex_init(&zd->param_lock);
	mutex_init(&zd->shrink_lock);
	if (xa_nodes_init(&zd->tree_nodes))
		return -ENOMEM;
	if (memcg_init(zd))
		goto destroy_nodes;
	if (zswap_init(&zd->zs, zc))
		goto exit_memcg;
	zd->built_with_dedup = zc->dedup.policy->looks_up;
	zdedup_set_limits(zd, config->totalram_pages, config->max_pool_percent,
			  config->accept_threshold_percent);
	return 0;

exit_memcg:
	memcg_exit(zd);
destroy_nodes:
	xa_nodes_destroy(&zd->tree_nodes);
	return -ENOMEM;
}

int zdedup_create(const struct zdedup_config *config, struct zdedup **out,
		  char *why)
{
	struct zswap_config zc = { .ops = &zdedup_env_ops };
	char unread[ZDEDUP_WHY_MAX];
	struct zdedup *zd;
	int err;

	*out = NULL;
	if (!why)
		why = unread;
	err = config_resolve(config, &zc, why);
	if (err)
		return err;
	zd = kzalloc(sizeof(*zd), GFP_KERNEL);
	zc.env = zd;
	if (!zd || zdedup_init(zd, config, &zc)) {
		kfree(zd);
		snprintf(why, ZDEDUP_WHY_MAX, "out of memory");
		return -ENOMEM;
	}
	*out = zd;
	return 0;
}

/*------------------------------------------------------------ freed slots */

/* swapcache_free_entries() of 6.1: zswap hears of the slots that wait. */
static void free_waiting_slots(struct zdedup *zd)
{
	unsigned int i;

	for (i = 0; i < zd->nr_freed; i++)
		zswap_invalidate(&zd->zs, zd->freed[i]);
	zd->nr_freed = 0;
}

/*
 * free_swap_slot() of 6.1: the slot waits in a cache of the CPU, and with it its
 * entry, which moves behind the device's last slot: the number may be stored to
 * again before.
 */
static void put_waiting_slot(struct zdedup *zd, struct swap_device *dev,
			     swp_entry_t swp)
{
	swp_entry_t waiting;

	mutex_lock(&zd->freed_lock);
	if (zd->nr_freed == zd->zs.behaviour->freed_batch)
		free_waiting_slots(zd);
	waiting = swp_entry(swp_type(swp), dev->nr_slots + zd->nr_freed);
	if (zswap_move(&zd->zs, swp, waiting))
		zswap_invalidate(&zd->zs, swp);
	zd->freed[zd->nr_freed++] = waiting;
	mutex_unlock(&zd->freed_lock);
}

/* Under the slot lock: all that the slot has goes. Returns whether it had anything. */
static bool free_slot(struct zdedup *zd, struct swap_device *dev,
		      swp_entry_t swp)
{
	bool held = swap_slot_clear(zd, dev, swp_offset(swp));

	if (!zd->zs.behaviour->freed_batch) {
		held |= zswap_invalidate(&zd->zs, swp);
	} else if (held || zswap_find(&zd->zs, swp)) {
		put_waiting_slot(zd, dev, swp);
		held = true;
	}
	return held;
}

/*----------------------------------------------------------- swap devices */

int zdedup_swapon(struct zdedup *zd, unsigned int type, uint64_t nr_slots)
{
	struct swap_device *dev;
	unsigned long i;
	int err;

	if (type >= ZDEDUP_TYPES_MAX || !nr_slots || nr_slots > SWAP_SLOTS_MAX)
		return -EINVAL;
	if (zd->device[type])
		return -EBUSY;
	err = swap_device_create(nr_slots, &dev);
	if (err)
		return err;
	err = zswap_swapon(&zd->zs, type,
			   nr_slots + zd->zs.behaviour->freed_batch);
	if (err) {
		swap_device_destroy(dev);
		return err;
	}
	for (i = 0; i < zd->zs.trees[type].nr; i++)
		xa_share_nodes(&zd->zs.trees[type].tree[i], &zd->tree_nodes);
	zd->device[type] = dev;
	zd->nr_slots += nr_slots;
	return 0;
}

/* Freed in the order of slots, entries lie all over the memory. */
static void prefetch_range(struct zdedup *zd, swp_entry_t first)
{
	struct zdedup_hint hint[ZDEDUP_PREFETCH_MAX];
	unsigned int i;

	for (i = 0; i < ZDEDUP_PREFETCH_MAX; i++)
		hint[i] = (struct zdedup_hint){
			.slot = { swp_type(first), swp_offset(first) + i },
		};
	zdedup_prefetch(zd, hint, ZDEDUP_PREFETCH_MAX);
}

static void free_entries(struct zdedup *zd, unsigned int type,
			 unsigned long first, struct xarray *tree, bool alone)
{
	unsigned long at, index;
	void *entry;

	for (at = 0; xa_find(tree, &at, ULONG_MAX, XA_PRESENT);
	     at += ZDEDUP_PREFETCH_MAX) {
		if (alone)
			prefetch_range(zd, swp_entry(type, first + at));
		xa_for_each_range(tree, index, entry, at,
				  at + ZDEDUP_PREFETCH_MAX - 1)
			zswap_invalidate(&zd->zs,
					 swp_entry(type, first + index));
	}
}

/*
 * try_to_unuse() reads every slot back. What is read is thrown away here, so the
 * bytes need not be: entries are freed tree by tree, and the maps cleared. @alone:
 * nobody else is inside.
 */
static void swapoff(struct zdedup *zd, unsigned int type, bool alone)
{
	struct swap_device *dev = zd->device[type];
	struct zswap_trees *trees = &zd->zs.trees[type];
	struct swap_word *word;
	unsigned long i;
	u64 offset;

	free_waiting_slots(zd);
	for (i = 0; i < trees->nr; i++)
		free_entries(zd, type, i * ZSWAP_TREE_SLOTS, &trees->tree[i],
			     alone);
	for (offset = 0; offset < dev->nr_slots; offset += SWAP_WORD_SLOTS) {
		word = swap_word(dev, offset);
		atomic_long_sub(hweight_long(word->zero), &zd->live_zero);
		atomic_long_sub(hweight_long(word->filled), &zd->live_device);
	}
	zswap_swapoff(&zd->zs, type);
	zd->nr_slots -= dev->nr_slots;
	swap_device_destroy(dev);
	zd->device[type] = NULL;
}

int zdedup_swapoff(struct zdedup *zd, unsigned int type)
{
	if (type >= ZDEDUP_TYPES_MAX || !zd->device[type])
		return -EINVAL;
	swapoff(zd, type, false);
	return 0;
}

void zdedup_destroy(struct zdedup *zd)
{
	unsigned int type;

	if (!zd)
		return;
	for (type = 0; type < ZDEDUP_TYPES_MAX; type++)
		if (zd->device[type])
			swapoff(zd, type, true);
	zswap_exit(&zd->zs);
	memcg_exit(zd);
	xa_nodes_destroy(&zd->tree_nodes);
	kfree(zd);
}

/* The device of @slot, if @nr slots from there on are all inside of it. */
static struct swap_device *slot_device(struct zdedup *zd,
				       struct zdedup_slot slot, u64 nr)
{
	struct swap_device *dev;

	if (slot.type >= ZDEDUP_TYPES_MAX)
		return NULL;
	dev = zd->device[slot.type];
	if (!dev || slot.offset >= dev->nr_slots ||
	    nr > dev->nr_slots - slot.offset)
		return NULL;
	return dev;
}

/*------------------------------------------------------------------- store */

static bool page_is_zero(const void *page)
{
	const u64 *word = page;

	/* the last word first, as the kernel does: most pages fail there */
	return !word[PAGE_SIZE / sizeof(u64) - 1] && !word[0] &&
	       !memcmp(page, (const char *)page + sizeof(u64),
		       PAGE_SIZE - sizeof(u64));
}

static bool folio_is_zero(struct zdedup *zd, const struct zswap_folio *folio)
{
	unsigned int i;

	if (!zd->zs.behaviour->zero_map)
		return false;
	for (i = 0; folio->facts && i < folio->nr_pages; i++)
		if (!folio->facts[i].same_filled || folio->facts[i].value)
			return false;
	if (folio->facts)
		return true;
	if (zd->stage_hook)
		zd->stage_hook(zd->stage_data, ZDEDUP_STAGE_CLASSIFY);
	for (i = 0; i < folio->nr_pages; i++)
		if (!page_is_zero((const char *)folio->data + i * PAGE_SIZE))
			break;
	if (zd->stage_hook)
		zd->stage_hook(zd->stage_data, ZDEDUP_STAGE_OTHER);
	return i == folio->nr_pages;
}

/*
 * The work item that zswap queued. The kernel's worker runs beside; here it has
 * run when the call that queued it returns, which is what makes results repeat.
 */
static void run_queued_shrink(struct zdedup *zd)
{
	if (!atomic_read(&zd->shrink_queued) ||
	    !atomic_xchg(&zd->shrink_queued, 0))
		return;
	zdedup_shrink(zd);
}

/* zswap refused: the device, unless the memcg keeps its pages out of there. */
static int store_refused(struct zdedup *zd, struct swap_device *dev,
			 const struct zswap_folio *folio,
			 struct zdedup_result *result)
{
	u64 offset = swp_offset(folio->swap);
	unsigned int i;
	int err = 0;

	if (!memcg_writeback_enabled(zd, folio->objcg->memcg)) {
		for (i = 0; i < folio->nr_pages; i++)
			swap_slot_clear(zd, dev, offset + i);
		result->where = ZDEDUP_RESIDENT;
		return 0;
	}
	result->where = ZDEDUP_DEVICE;
	for (i = 0; i < folio->nr_pages && !err; i++)
		err = swap_device_write(zd, dev, offset + i,
					folio->data ? (char *)folio->data +
							      i * PAGE_SIZE :
						      NULL);
	for (i = 0; err && i < folio->nr_pages; i++)
		swap_slot_clear(zd, dev, offset + i);
	return err;
}

/* swap_writeout(): with the slots locked */
static int store_locked(struct zdedup *zd, struct swap_device *dev,
			struct zswap_folio *folio, struct zdedup_result *result)
{
	u64 offset = swp_offset(folio->swap);
	unsigned int i;

	*result = (struct zdedup_result){ .where = ZDEDUP_ZERO };
	if (folio_is_zero(zd, folio)) {
		for (i = 0; i < folio->nr_pages; i++)
			swap_slot_set_zero(zd, dev, offset + i);
		atomic_long_add(folio->nr_pages, &zd->swpout_zero);
		return 0;
	}
	/*
	 * What was here is replaced, wherever the page goes now. Where a load leaves
	 * it, the page has been written to since, and took a new slot.
	 */
	for (i = 0; i < folio->nr_pages; i++) {
		if (zd->zs.behaviour->freed_batch)
			free_slot(zd, dev,
				  swp_entry(swp_type(folio->swap), offset + i));
		else
			swap_slot_clear(zd, dev, offset + i);
	}
	if (!zswap_store(&zd->zs, folio))
		return store_refused(zd, dev, folio, result);
	result->where = ZDEDUP_POOL;
	result->length = folio->length;
	result->shared = folio->shared;
	return 0;
}

static int store(struct zdedup *zd, struct zdedup_slot slot, uint32_t memcg,
		 struct zswap_folio *folio, struct zdedup_result *result)
{
	struct swap_device *dev = slot_device(zd, slot, folio->nr_pages);
	struct mem_cgroup *cg = memcg_find(zd, memcg);
	struct zdedup_result unread;
	unsigned int i;
	int err;

	if (!dev || !cg)
		return -EINVAL;
	folio->swap = swp_entry(slot.type, slot.offset);
	folio->objcg = cg->objcg;
	/* in ascending order, so two folios that overlap cannot block each other */
	for (i = 0; i < folio->nr_pages; i++)
		swap_lock(dev, slot.offset + i);
	err = store_locked(zd, dev, folio, result ? result : &unread);
	for (i = 0; i < folio->nr_pages; i++)
		swap_unlock(dev, slot.offset + i);
	run_queued_shrink(zd);
	zswap_scan_events(&zd->zs, folio->nr_pages);
	zswap_zpool_work(&zd->zs);
	return err;
}

int zdedup_store_folio(struct zdedup *zd, struct zdedup_slot slot,
		       uint32_t memcg, const void *pages, unsigned int nr_pages,
		       struct zdedup_result *result)
{
	struct zswap_folio folio = {
		.nr_pages = nr_pages,
		.data = (void *)pages,
	};

	if (zd->zs.lengths_only || !nr_pages ||
	    nr_pages > ZDEDUP_FOLIO_PAGES_MAX)
		return -EINVAL;
	return store(zd, slot, memcg, &folio, result);
}

int zdedup_store(struct zdedup *zd, struct zdedup_slot slot, uint32_t memcg,
		 const void *page, struct zdedup_result *result)
{
	return zdedup_store_folio(zd, slot, memcg, page, 1, result);
}

int zdedup_store_facts(struct zdedup *zd, struct zdedup_slot slot,
		       uint32_t memcg, const struct zdedup_facts *facts,
		       unsigned int nr_pages, struct zdedup_result *result)
{
	struct zswap_facts copy[ZDEDUP_FOLIO_PAGES_MAX];
	struct zswap_folio folio = { .nr_pages = nr_pages, .facts = copy };
	unsigned int i;

	if (!zd->zs.lengths_only || !nr_pages ||
	    nr_pages > ZDEDUP_FOLIO_PAGES_MAX)
		return -EINVAL;
	for (i = 0; i < nr_pages; i++) {
		if (!facts[i].length || facts[i].length > PAGE_SIZE + 1)
			return -EINVAL;
		copy[i].identity = facts[i].identity;
		copy[i].digest.lo = facts[i].digest[0];
		copy[i].digest.hi = facts[i].digest[1];
		copy[i].length = facts[i].length;
		copy[i].same_filled = facts[i].kind != ZDEDUP_PAGE_DATA;
		copy[i].value = facts[i].kind == ZDEDUP_PAGE_SAME_FILLED;
	}
	return store(zd, slot, memcg, &folio, result);
}

void zdedup_page_facts(struct zdedup *zd, const void *page,
		       struct zdedup_facts *facts)
{
	struct zswap_facts found = { .digest = { 0, 0 } };

	zswap_page_facts(&zd->zs, page, &found);
	facts->digest[0] = found.digest.lo;
	facts->digest[1] = found.digest.hi;
	facts->length = found.length;
	facts->kind = !found.same_filled ? ZDEDUP_PAGE_DATA :
		      found.value ? ZDEDUP_PAGE_SAME_FILLED : ZDEDUP_PAGE_ZERO;
}

/*---------------------------------------------------- load and invalidate */

/* swap_read_folio(): with the slot locked */
static int load_locked(struct zdedup *zd, struct swap_device *dev,
		       struct zswap_folio *folio, enum zdedup_where *from)
{
	u64 offset = swp_offset(folio->swap);
	int err;

	if (swap_slot_is_zero(dev, offset)) {
		if (folio->data)
			memset(folio->data, 0, PAGE_SIZE);
		atomic_long_inc(&zd->swpin_zero);
		*from = ZDEDUP_ZERO;
		/* The slot is freed, and with it an older entry that the bit hid. */
		zswap_invalidate(&zd->zs, folio->swap);
		swap_slot_clear(zd, dev, offset);
		return 0;
	}
	*from = ZDEDUP_POOL;
	err = zswap_load(&zd->zs, folio);
	if (err != -ENOENT || !swap_slot_is_filled(dev, offset))
		return err;
	*from = ZDEDUP_DEVICE;
	err = swap_device_read(zd, dev, offset, folio->data);
	if (err)
		return -EIO;
	zswap_folio_swapin(&zd->zs, memcg_find(zd, 0));
	if (!zd->zs.behaviour->frontswap)
		swap_slot_clear(zd, dev, offset);
	return 0;
}

int zdedup_load(struct zdedup *zd, struct zdedup_slot slot, void *page,
		enum zdedup_where *from)
{
	struct swap_device *dev = slot_device(zd, slot, 1);
	struct zswap_folio folio = {
		.swap = swp_entry(slot.type, slot.offset),
		.nr_pages = 1,
		.data = zd->zs.lengths_only ? NULL : page,
	};
	enum zdedup_where unread;
	int err;

	if (!dev)
		return -EINVAL;
	swap_lock(dev, slot.offset);
	err = load_locked(zd, dev, &folio, from ? from : &unread);
	swap_unlock(dev, slot.offset);
	if (zswap_scan_events(&zd->zs, 1))
		zswap_zpool_work(&zd->zs);
	return err;
}

int zdedup_invalidate(struct zdedup *zd, struct zdedup_slot slot)
{
	struct swap_device *dev = slot_device(zd, slot, 1);
	bool held;

	if (!dev)
		return -EINVAL;
	swap_lock(dev, slot.offset);
	held = free_slot(zd, dev, swp_entry(slot.type, slot.offset));
	swap_unlock(dev, slot.offset);
	zswap_scan_events(&zd->zs, 1);
	zswap_zpool_work(&zd->zs);
	return held ? 0 : -ENOENT;
}

int zdedup_peek(struct zdedup *zd, struct zdedup_slot slot,
		enum zdedup_where *where)
{
	struct swap_device *dev = slot_device(zd, slot, 1);
	int err = 0;

	if (!dev)
		return -EINVAL;
	swap_lock(dev, slot.offset);
	if (swap_slot_is_zero(dev, slot.offset))
		*where = ZDEDUP_ZERO;
	else if (zswap_find(&zd->zs, swp_entry(slot.type, slot.offset)))
		*where = ZDEDUP_POOL;
	else if (swap_slot_is_filled(dev, slot.offset))
		*where = ZDEDUP_DEVICE;
	else
		err = -ENOENT;
	swap_unlock(dev, slot.offset);
	return err;
}

/*---------------------------------------------------- writeback and limits */

int zdedup_writeback(struct zdedup *zd, struct zdedup_slot slot)
{
	if (!slot_device(zd, slot, 1))
		return -EINVAL;
	return zswap_writeback(&zd->zs, swp_entry(slot.type, slot.offset));
}

void zdedup_shrink(struct zdedup *zd)
{
	mutex_lock(&zd->shrink_lock);
	zswap_shrink_worker(&zd->zs);
	mutex_unlock(&zd->shrink_lock);
}

void zdedup_set_shrinker_enabled(struct zdedup *zd, bool enabled)
{
	WRITE_ONCE(zd->zs.shrinker_enabled, enabled);
}

uint64_t zdedup_shrinker_count(struct zdedup *zd, uint32_t memcg)
{
	struct mem_cgroup *cg = memcg_find(zd, memcg);

	return cg ? zswap_shrinker_count(&zd->zs, cg) : 0;
}

uint64_t zdedup_shrinker_scan(struct zdedup *zd, uint32_t memcg,
			      uint64_t nr_to_scan)
{
	struct mem_cgroup *cg = memcg_find(zd, memcg);
	unsigned long written = SHRINK_STOP;

	if (cg)
		written = zswap_shrinker_scan(&zd->zs, cg, nr_to_scan);
	return written == SHRINK_STOP ? 0 : written;
}

int zdedup_set_compressor(struct zdedup *zd, const char *word, char *why)
{
	struct registry_compressor compressor;
	char unread[ZDEDUP_WHY_MAX];
	int err;

	err = registry_compressor(word, &compressor, why ? why : unread,
				  ZDEDUP_WHY_MAX);
	if (err)
		return err;
	compressor.params.size_hint = zd->zs.behaviour->zstd_hint;
	mutex_lock(&zd->param_lock);
	err = zswap_set_compressor(&zd->zs, compressor.ops, &compressor.params);
	mutex_unlock(&zd->param_lock);
	return err;
}

int zdedup_set_dedup(struct zdedup *zd, const char *word, char *why)
{
	struct registry_policy policy;
	char unread[ZDEDUP_WHY_MAX];
	int err;

	err = registry_policy(word, &policy, why ? why : unread,
			      ZDEDUP_WHY_MAX);
	if (err)
		return err;
	mutex_lock(&zd->param_lock);
	err = zswap_dedup_set_policy(&zd->zs, policy.ops, &policy.params);
	if (!err && policy.ops->looks_up)
		WRITE_ONCE(zd->built_with_dedup, true);
	mutex_unlock(&zd->param_lock);
	return err;
}

bool zdedup_digests_stored(struct zdedup *zd)
{
	return zswap_dedup_digests_stored(&zd->zs);
}

bool zdedup_digests_only_compared(struct zdedup *zd)
{
	return zswap_dedup_digests_only_compared(&zd->zs);
}

enum zdedup_meets zdedup_meets(struct zdedup *zd, uint32_t memcg,
			       uint64_t digest)
{
	struct mem_cgroup *cg = memcg_find(zd, memcg);

	BUILD_BUG_ON((int)ZDEDUP_MEETS_OTHERS != (int)ZSWAP_MEETS_OTHERS);
	return cg ? (enum zdedup_meets)zswap_dedup_meets(&zd->zs, cg, digest) :
		    ZDEDUP_MEETS_OTHERS;
}

unsigned int zdedup_digest_bits(struct zdedup *zd)
{
	return zd->zs.dedup.hash_bits;
}

void zdedup_set_enabled(struct zdedup *zd, bool enabled)
{
	WRITE_ONCE(zd->zs.enabled, enabled);
}

void zdedup_set_limits(struct zdedup *zd, uint64_t totalram_pages,
		       unsigned int max_pool_percent,
		       unsigned int accept_threshold_percent)
{
	WRITE_ONCE(zd->zs.totalram_pages, totalram_pages);
	WRITE_ONCE(zd->zs.max_pool_percent, max_pool_percent);
	WRITE_ONCE(zd->zs.accept_threshold_percent, accept_threshold_percent);
	if (!totalram_pages)
		WRITE_ONCE(zd->zs.reached_full, false);
}

uint64_t zdedup_compact(struct zdedup *zd)
{
	return zswap_compact(&zd->zs);
}

/*-------------------------------------------------------------- statistics */

/*
 * Bytes of the kernel's own structures, docs/MODEL.md ("Sizes"). An entry would
 * shrink to 48 bytes with dedup, as its length, pool and handle move to the
 * content; it is counted as unchanged, against dedup.
 */
#define KERNEL_ZS_HANDLE_BYTES 8
#define KERNEL_ZSPAGE_BYTES 56
#define KERNEL_CONTENT_BYTES 64
/* What an entry then has beside 56: 48, and its place in the content's list */
#define KERNEL_SIBLING_BYTES 8

static u64 dedup_metadata(struct zdedup *zd, const struct zdedup_counts *counts)
{
	unsigned int content_bytes = zswap_dedup_content_bytes(&zd->zs);
	u64 bytes;

	if (!READ_ONCE(zd->built_with_dedup))
		return 0;
	/* one outside of the index needs no more than its entry has */
	bytes = counts->index_bytes +
		counts->shareable *
			(content_bytes ? content_bytes : KERNEL_CONTENT_BYTES);
	if (zd->zs.dedup.maps_sharers)
		bytes += counts->stored_pages * KERNEL_SIBLING_BYTES;
	return bytes;
}

void zdedup_sizes_of(struct zdedup *zd, const struct zdedup_counts *counts,
		     struct zdedup_sizes *sizes)
{
	const struct zswap_behaviour *b = zd->zs.behaviour;
	u64 contents = counts->pages_shared + counts->pages_unshared;

	sizes->stored_pages = counts->stored_pages;
	sizes->live_zero = counts->live_zero;
	sizes->live_device = counts->live_device;
	sizes->pages_shared = counts->pages_shared;
	sizes->pages_sharing = counts->pages_sharing;
	sizes->pages_unshared = counts->pages_unshared;
	sizes->payload_bytes = counts->payload_bytes;
	sizes->pool_total_size = counts->pool_pages * PAGE_SIZE;
	sizes->dedup_metadata_bytes = dedup_metadata(zd, counts);
	sizes->metadata_bytes = counts->stored_pages * b->entry_bytes +
				counts->tree_nodes * b->node_bytes +
				counts->zspages * KERNEL_ZSPAGE_BYTES +
				sizes->dedup_metadata_bytes;
	if (zd->zs.zpool_ops->has_zspages)
		sizes->metadata_bytes += contents * KERNEL_ZS_HANDLE_BYTES;
}

uint64_t zdedup_add_counts(struct zdedup *zd, struct zdedup_counts *sum)
{
	u64 stored = atomic_long_read(&zd->zs.stats.stored_pages);
	u64 zero = atomic_long_read(&zd->live_zero);
	u64 device = atomic_long_read(&zd->live_device);
	struct zswap_dedup *d = &zd->zs.dedup;
	struct zswap_pool_sizes pool = zswap_pool_sizes(&zd->zs);

	sum->moments++;
	sum->stored_pages += stored;
	sum->live_zero += zero;
	sum->live_device += device;
	sum->pages_shared += atomic_long_read(&d->pages_shared);
	sum->pages_sharing += atomic_long_read(&d->pages_sharing);
	sum->pages_unshared += atomic_long_read(&d->pages_unshared);
	sum->payload_bytes += atomic_long_read(&d->payload_bytes);
	sum->pool_pages += pool.pages;
	sum->zspages += pool.zspages;
	sum->tree_nodes += READ_ONCE(zd->tree_nodes.nr);
	if (READ_ONCE(zd->built_with_dedup)) {
		sum->index_bytes +=
			zswap_dedup_index_bytes(&zd->zs, zd->nr_slots);
		sum->shareable += atomic_long_read(&d->shareable);
	}
	return stored + zero + device;
}

void zdedup_get_sizes(struct zdedup *zd, struct zdedup_sizes *sizes)
{
	struct zdedup_counts now = { .moments = 0 };

	zdedup_add_counts(zd, &now);
	zdedup_sizes_of(zd, &now, sizes);
}

static void get_dedup_stats(struct zswap_dedup *d, struct zdedup_stats *stats)
{
	stats->lookups = atomic_long_read(&d->lookups);
	stats->candidates = atomic_long_read(&d->candidates);
	stats->compares = atomic_long_read(&d->compares);
	stats->hits = atomic_long_read(&d->hits);
	stats->false_positives = atomic_long_read(&d->false_positives);
	stats->dup_races = atomic_long_read(&d->dup_races);
	stats->sharers_full = atomic_long_read(&d->sharers_full);
	stats->walk_max = READ_ONCE(d->walk_max);
	stats->pages_scanned = atomic_long_read(&d->scan.pages_scanned);
	stats->full_scans = atomic_long_read(&d->scan.full_scans);
}

void zdedup_get_stats(struct zdedup *zd, struct zdedup_stats *stats)
{
	struct zswap_stats *s = &zd->zs.stats;
	struct zdedup_sizes sizes;

	zdedup_get_sizes(zd, &sizes);
	*stats = (struct zdedup_stats){
		.stored_pages = sizes.stored_pages,
		.pool_total_size = sizes.pool_total_size,
		.payload_bytes = sizes.payload_bytes,
		.contents = sizes.pages_shared + sizes.pages_unshared,
		.pages_shared = sizes.pages_shared,
		.pages_sharing = sizes.pages_sharing,
		.pages_unshared = sizes.pages_unshared,
		.live_zero = sizes.live_zero,
		.live_device = sizes.live_device,
		.metadata_bytes = sizes.metadata_bytes,
		.dedup_metadata_bytes = sizes.dedup_metadata_bytes,
		.stored_incompressible_pages =
			atomic_long_read(&s->stored_incompressible_pages),
		.same_filled_pages = atomic_long_read(&s->same_filled_pages),
		.duplicate_entry = atomic_long_read(&s->duplicate_entry),
		.written_back_pages = atomic_long_read(&s->written_back_pages),
		.pool_limit_hit = atomic_long_read(&s->pool_limit_hit),
		.reject_reclaim_fail =
			atomic_long_read(&s->reject_reclaim_fail),
		.reject_alloc_fail = atomic_long_read(&s->reject_alloc_fail),
		.reject_kmemcache_fail =
			atomic_long_read(&s->reject_kmemcache_fail),
		.reject_compress_fail =
			atomic_long_read(&s->reject_compress_fail),
		.reject_compress_poor =
			atomic_long_read(&s->reject_compress_poor),
		.decompress_fail = atomic_long_read(&s->decompress_fail),
		.zswpout = atomic_long_read(&s->zswpout),
		.zswpin = atomic_long_read(&s->zswpin),
		.zswpwb = atomic_long_read(&s->zswpwb),
		.swpout_zero = atomic_long_read(&zd->swpout_zero),
		.swpin_zero = atomic_long_read(&zd->swpin_zero),
		.pswpout = atomic_long_read(&zd->pswpout),
		.pswpin = atomic_long_read(&zd->pswpin),
	};
	get_dedup_stats(&zd->zs.dedup, stats);
}

static u64 slot_tree_nodes(struct zdedup *zd)
{
	unsigned long t, i;
	u64 nodes = 0;

	for (t = 0; t < ZDEDUP_TYPES_MAX; t++)
		for (i = 0; i < zd->zs.trees[t].nr; i++)
			nodes += xa_nr_nodes(&zd->zs.trees[t].tree[i]);
	return nodes;
}

int zdedup_check(struct zdedup *zd, char *why)
{
	const char *broken = NULL;
	int err = zswap_check(&zd->zs, &broken);

	if (!err)
		err = memcg_check(zd, &broken);
	if (!err && slot_tree_nodes(zd) != zd->tree_nodes.nr) {
		broken = "N1: tree_nodes is not the sum over slot trees";
		err = -EUCLEAN;
	}
	if (err && why)
		snprintf(why, ZDEDUP_WHY_MAX, "%s", broken);
	return err;
}

uint64_t zdedup_longest_chain(struct zdedup *zd)
{
	BUILD_BUG_ON(ZDEDUP_CANDIDATES_MAX != ZSWAP_CANDIDATES_MAX);
	BUILD_BUG_ON(ZDEDUP_WALK_MAX != ZSWAP_WALK_MAX);
	return zswap_dedup_longest_chain(&zd->zs);
}

const char *zdedup_codec_version(struct zdedup *zd)
{
	return zswap_codec_version(&zd->zs);
}

/* Figures: docs/MODEL.md, "Compressors". */
bool zdedup_codec_exact(struct zdedup *zd, char *note)
{
	static const char *const others[][2] = {
		{ "lz4hc", "about 15 % of pages differ by some bytes from the kernel's lz4hc" },
		{ "liblz4", "about 3 % of pages are 1 to 5 bytes smaller than the kernel's lz4 makes them" },
		{ "liblzo2", "most pages differ by some bytes from the kernel's lzo" },
		{ "none", "no kernel has it" },
	};
	const char *versions = zd->zs.behaviour->zstd_versions;
	const char *name = zswap_codec_name(&zd->zs);
	const char *version = zswap_codec_version(&zd->zs);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(others); i++) {
		if (!strcmp(name, others[i][0])) {
			snprintf(note, ZDEDUP_WHY_MAX, "%s", others[i][1]);
			return false;
		}
	}
	if (strcmp(name, "zstd") ||
	    zswap_word_in(versions, strrchr(version, ' ') + 1))
		return true;
	snprintf(note, ZDEDUP_WHY_MAX,
		 "Linux %s has zstd %.*s: many pages differ by some bytes, pools by up to 0.4 %%; zstd:lib=PATH takes that library",
		 zd->zs.behaviour->kernel, (int)strcspn(versions, " "),
		 versions);
	return false;
}

void zdedup_set_stage_hook(struct zdedup *zd,
			   void (*hook)(void *data, enum zdedup_stage stage),
			   void *data)
{
	zd->stage_data = data;
	zd->stage_hook = hook;
	zd->zs.staged = hook;
}

/*-------------------------------------------------------------------- names */

const char *zdedup_name(enum zdedup_kind kind, unsigned int i)
{
	return registry_name((enum registry_kind)kind, i);
}

const char *zdedup_summary(enum zdedup_kind kind, unsigned int i)
{
	return registry_summary((enum registry_kind)kind, i);
}

bool zdedup_kernel_has_zpool(const char *kernel, const char *zpool)
{
	const struct zswap_behaviour *b = zswap_behaviour_find(kernel);

	return b && zswap_word_in(b->zpools, zpool);
}

bool zdedup_kernel_has_counter(const char *kernel, const char *counter)
{
	const struct zswap_behaviour *b = zswap_behaviour_find(kernel);

	return b && !zswap_word_in(b->lacks, counter);
}

bool zdedup_kernel_keeps_loads(const char *kernel)
{
	const struct zswap_behaviour *b = zswap_behaviour_find(kernel);

	return b && b->frontswap;
}
