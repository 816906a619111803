/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * zswap.c - mm/zswap.c of Linux 7.2, laid beside: same banners, order and names
 *
 * docs/KERNEL-MAP.md says of each function: same, changed, new or left out.
 */
#include <linux/bug.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/prefetch.h>
#include <linux/sched.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "zswap/zswap.h"

/*********************************
 * helpers
 **********************************/

static struct xarray *swap_zswap_tree(struct zswap *zs, swp_entry_t swp)
{
	struct zswap_trees *trees = &zs->trees[swp_type(swp)];

	return &trees->tree[swp_offset(swp) >> ZSWAP_TREE_SHIFT];
}

static swp_entry_t zswap_swp_at(swp_entry_t first, unsigned int index)
{
	return swp_entry(swp_type(first), swp_offset(first) + index);
}

/*********************************
 * pool limits
 **********************************/

static unsigned long zswap_max_pages(struct zswap *zs)
{
	return READ_ONCE(zs->totalram_pages) * READ_ONCE(zs->max_pool_percent) /
	       100;
}

static unsigned long zswap_accept_thr_pages(struct zswap *zs)
{
	return zswap_max_pages(zs) * READ_ONCE(zs->accept_threshold_percent) /
	       100;
}

static struct zswap_pool_sizes zswap_sum_pools(struct zswap *zs)
{
	struct zswap_pool_sizes sum;
	struct zswap_pool *pool;

	spin_lock(&zs->pools_lock);
	pool = list_first_entry(&zs->pools, struct zswap_pool, list);
	sum.pages = zpool_total_pages(&pool->zpool);
	sum.zspages = zpool_nr_zspages(&pool->zpool);
	/* Retired pools count as long as they hold anything. */
	list_for_each_entry_continue(pool, &zs->pools, list) {
		sum.pages += zpool_total_pages(&pool->zpool);
		sum.zspages += zpool_nr_zspages(&pool->zpool);
	}
	spin_unlock(&zs->pools_lock);
	return sum;
}

/*
 * zswap_update_total_size() of 6.1: what others see of the pools' size, the limit
 * too, is as old as the last store or free.
 */
static void zswap_update_total_pages(struct zswap *zs)
{
	if (zs->behaviour->frontswap)
		atomic_long_set(&zs->counted_pages,
				zswap_sum_pools(zs).pages);
}

struct zswap_pool_sizes zswap_pool_sizes(struct zswap *zs)
{
	struct zswap_pool_sizes sum = zswap_sum_pools(zs);

	if (zs->behaviour->frontswap)
		sum.pages = atomic_long_read(&zs->counted_pages);
	return sum;
}

u64 zswap_total_pages(struct zswap *zs)
{
	return zswap_pool_sizes(zs).pages;
}

/*
 * As zswap_check_limits() below, until 6.7: the limit itself may be reached, the
 * percentages are applied in the other order, and hysteresis refuses a store
 * without asking the worker for help.
 */
static bool zswap_is_full(struct zswap *zs)
{
	u64 accept = (u64)READ_ONCE(zs->totalram_pages) *
		     READ_ONCE(zs->accept_threshold_percent) / 100 *
		     READ_ONCE(zs->max_pool_percent) / 100;
	u64 cur_pages = zswap_total_pages(zs);

	if (cur_pages > zswap_max_pages(zs)) {
		atomic_long_inc(&zs->stats.pool_limit_hit);
		WRITE_ONCE(zs->reached_full, true);
		zs->ops->queue_shrink(zs->env);
	} else if (READ_ONCE(zs->reached_full) && cur_pages < accept) {
		WRITE_ONCE(zs->reached_full, false);
	}
	return READ_ONCE(zs->reached_full);
}

/* Is a store to be refused, by the limit or, once that was hit, by hysteresis? */
static bool zswap_check_limits(struct zswap *zs)
{
	u64 cur_pages;

	if (!READ_ONCE(zs->totalram_pages))
		return false;
	if (zs->behaviour->frontswap)
		return zswap_is_full(zs);
	cur_pages = zswap_total_pages(zs);
	if (cur_pages >= zswap_max_pages(zs)) {
		atomic_long_inc(&zs->stats.pool_limit_hit);
		WRITE_ONCE(zs->reached_full, true);
	} else if (READ_ONCE(zs->reached_full) &&
		   cur_pages <= zswap_accept_thr_pages(zs)) {
		WRITE_ONCE(zs->reached_full, false);
	}
	return READ_ONCE(zs->reached_full);
}

/*********************************
 * pool functions
 **********************************/

static void zswap_pool_free_ctx(struct zswap_pool *pool)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		struct zswap_comp_ctx *c = per_cpu_ptr(pool->ctx, cpu);

		if (c->ctx)
			pool->comp->destroy_ctx(c->ctx);
		kfree(c->buffer);
		kfree(c->page);
	}
	free_percpu(pool->ctx);
}

static int zswap_pool_alloc_ctx(struct zswap_pool *pool)
{
	unsigned int cpu;

	pool->ctx = alloc_percpu(struct zswap_comp_ctx);
	if (!pool->ctx)
		return -ENOMEM;
	for_each_possible_cpu(cpu)
		mutex_init(&per_cpu_ptr(pool->ctx, cpu)->mutex);
	for_each_possible_cpu(cpu) {
		struct zswap_comp_ctx *c = per_cpu_ptr(pool->ctx, cpu);

		c->buffer = kmalloc(PAGE_SIZE, GFP_KERNEL);
		c->page = kmalloc(PAGE_SIZE, GFP_KERNEL);
		c->ctx = pool->comp->create_ctx(&pool->params);
		if (!c->buffer || !c->page || !c->ctx) {
			zswap_pool_free_ctx(pool);
			return -ENOMEM;
		}
	}
	return 0;
}

/* zpool_ops.evict of 6.1: the allocator wants the object of this slot to go. */
static int zswap_zpool_evict(void *data, unsigned long name)
{
	struct zswap_pool *pool = data;

	return zswap_writeback(pool->zs, (swp_entry_t){ .val = name });
}

static struct zswap_pool *zswap_pool_create(struct zswap *zs,
					    const struct zcomp_ops *comp,
					    const struct zcomp_params *params)
{
	struct zswap_pool *pool = kzalloc(sizeof(*pool), GFP_KERNEL);
	struct zpool_config config = {
		.chain_size = zs->behaviour->chain_size,
		.used_percent = zs->behaviour->used_percent,
		.lengths_only = zs->lengths_only,
		.evict = zswap_zpool_evict,
		.evict_data = pool,
	};

	if (!pool)
		return NULL;
	pool->zs = zs;
	pool->comp = comp;
	pool->params = *params;
	refcount_set(&pool->ref, 1);
	INIT_LIST_HEAD(&pool->list);
	if (zpool_create(&pool->zpool, zs->zpool_ops, &config))
		goto free_pool;
	if (zswap_pool_alloc_ctx(pool))
		goto destroy_zpool;
	return pool;

destroy_zpool:
	zs->zpool_ops->destroy(pool->zpool.priv);
free_pool:
	kfree(pool);
	return NULL;
}

static void zswap_pool_destroy(struct zswap_pool *pool)
{
	zswap_pool_free_ctx(pool);
	pool->zpool.ops->destroy(pool->zpool.priv);
	kfree(pool);
}

static struct zswap_pool *zswap_pool_current_get(struct zswap *zs)
{
	struct zswap_pool *pool;

	rcu_read_lock();
	pool = list_first_or_null_rcu(&zs->pools, struct zswap_pool, list);
	if (pool && !refcount_inc_not_zero(&pool->ref))
		pool = NULL;
	rcu_read_unlock();
	return pool;
}

void zswap_pool_put(struct zswap_pool *pool)
{
	struct zswap *zs = pool->zs;

	if (!refcount_dec_and_test(&pool->ref))
		return;
	spin_lock(&zs->pools_lock);
	list_del_rcu(&pool->list);
	spin_unlock(&zs->pools_lock);
	/* Somebody may be looking at it and find its last reference gone. */
	synchronize_rcu();
	zswap_pool_destroy(pool);
}

/* A living pool of this compressor, pinned; it may be a retired one. */
static struct zswap_pool *zswap_pool_find_get(struct zswap *zs,
					      const struct zcomp_ops *comp,
					      const struct zcomp_params *params)
{
	struct zswap_pool *pool;

	lockdep_assert_held(&zs->pools_lock);
	list_for_each_entry(pool, &zs->pools, list)
		if (pool->comp == comp &&
		    !memcmp(&pool->params, params, sizeof(*params)) &&
		    refcount_inc_not_zero(&pool->ref))
			return pool;
	return NULL;
}

/*********************************
 * param callbacks
 **********************************/

/*
 * The new pool becomes the head of the list; the old head loses only its first
 * reference, so its contents stay loadable by their own compressor. Nothing is
 * ever compressed again.
 */
int zswap_set_compressor(struct zswap *zs, const struct zcomp_ops *comp,
			 const struct zcomp_params *params)
{
	struct zswap_pool *old, *pool;

	spin_lock(&zs->pools_lock);
	old = list_first_entry(&zs->pools, struct zswap_pool, list);
	pool = zswap_pool_find_get(zs, comp, params);
	spin_unlock(&zs->pools_lock);
	if (pool == old) {
		zswap_pool_put(pool);
		return 0;
	}
	if (!pool)
		pool = zswap_pool_create(zs, comp, params);
	if (!pool)
		return -ENOMEM;

	/* The pin, or the first reference of a new pool, is that of the current one. */
	spin_lock(&zs->pools_lock);
	if (!list_empty(&pool->list))
		list_del_rcu(&pool->list);
	list_add_rcu(&pool->list, &zs->pools);
	spin_unlock(&zs->pools_lock);
	zswap_pool_put(old);
	return 0;
}

const char *zswap_codec_name(struct zswap *zs)
{
	struct zswap_pool *pool = zswap_pool_current_get(zs);
	const char *name = pool->comp->name;

	zswap_pool_put(pool);
	return name;
}

const char *zswap_codec_version(struct zswap *zs)
{
	struct zswap_pool *pool = zswap_pool_current_get(zs);
	const char *version = pool->comp->version(&pool->params);

	zswap_pool_put(pool);
	return version;
}

/*********************************
 * lru functions
 **********************************/

static struct zswap_lru *zswap_entry_lru(struct zswap *zs,
					 struct zswap_entry *entry)
{
	return zs->ops->lru(zs->env, zs->ops->memcg(zs->env, entry->objcg));
}

/* @memcg: that of @entry's objcg */
static void zswap_lru_add(struct zswap *zs, struct zswap_entry *entry,
			  struct mem_cgroup *memcg)
{
	struct zswap_lru *lru;

	if (!zs->behaviour->own_lru)
		return;
	spin_lock(&zs->lru_lock);
	lru = zs->ops->lru(zs->env, memcg);
	list_add_tail(&entry->lru, &lru->list);
	lru->nr_items++;
	spin_unlock(&zs->lru_lock);
}

static void zswap_lru_del(struct zswap *zs, struct zswap_entry *entry)
{
	if (!zs->behaviour->own_lru)
		return;
	spin_lock(&zs->lru_lock);
	list_del_init(&entry->lru);
	zswap_entry_lru(zs, entry)->nr_items--;
	spin_unlock(&zs->lru_lock);
}

void zswap_folio_swapin(struct zswap *zs, struct mem_cgroup *memcg)
{
	atomic_long_inc(&zs->ops->lru(zs->env, memcg)->nr_disk_swapins);
}

void zswap_lru_reparent(struct zswap_lru *from, struct zswap_lru *to)
{
	list_splice_tail_init(&from->list, &to->list);
	to->nr_items += from->nr_items;
	from->nr_items = 0;
}

/*********************************
 * zswap entry functions
 **********************************/

static bool zswap_entry_shared(const struct zswap_entry *entry)
{
	return !entry->same_filled && zswap_content_shared(entry->content);
}

static struct zswap_entry *zswap_entry_cache_alloc(struct zswap *zs)
{
	return kmem_cache_alloc(zs->entry_cache, GFP_KERNEL);
}

static void zswap_entry_cache_free(struct zswap *zs, struct zswap_entry *entry)
{
	kmem_cache_free(zs->entry_cache, entry);
}

/*
 * Freeing an entry writes to its neighbours in the LRU and to its content, which
 * lie anywhere, one after the other and with locks in between, which a processor
 * does not look beyond. So all are asked for at once. The neighbours may change
 * before they are needed: then it was in vain.
 */
static void zswap_entry_prefetch(const struct zswap_entry *entry)
{
	prefetchw(READ_ONCE(entry->lru.prev));
	prefetchw(READ_ONCE(entry->lru.next));
	if (!entry->same_filled)
		prefetchw(entry->content);
}

/*
 * The entry is out of its tree. It leaves the LRU before it gives up its content:
 * reclaim looks through entries that it finds there.
 */
static void zswap_entry_free(struct zswap *zs, struct zswap_entry *entry)
{
	zswap_lru_del(zs, entry);
	if (entry->same_filled) {
		atomic_long_dec(&zs->stats.same_filled_pages);
		zs->ops->uncharge(zs->env, entry->objcg, 0);
	} else {
		if (entry->content->kind == ZSWAP_CONTENT_RAW)
			atomic_long_dec(&zs->stats.stored_incompressible_pages);
		zswap_content_leave(zs, entry);
	}
	if (entry->scanned)
		atomic_long_dec(&zs->dedup.scan.scanned);
	zswap_entry_cache_free(zs, entry);
	atomic_long_dec(&zs->stats.stored_pages);
	zswap_update_total_pages(zs);
}

/* Its length and kind are the same; so are its place in the LRU and its second chance. */
void zswap_entry_merge(struct zswap *zs, struct zswap_entry *entry,
		       struct zswap_content *content)
{
	struct zswap_content *old = entry->content;

	spin_lock(&zs->lru_lock);
	entry->content = content;
	spin_unlock(&zs->lru_lock);
	zswap_content_rejoin(zs, entry);
	zswap_content_put(zs, old);
	zswap_update_total_pages(zs);
}

/*********************************
 * compressed storage functions
 **********************************/

struct zswap_comp_ctx *zswap_ctx_get_cpu_lock(struct zswap_pool *pool)
{
	struct zswap_comp_ctx *ctx = raw_cpu_ptr(pool->ctx);

	/* The thread may migrate after this; the mutex makes it right all the same. */
	mutex_lock(&ctx->mutex);
	return ctx;
}

void zswap_ctx_put_unlock(struct zswap_comp_ctx *ctx)
{
	mutex_unlock(&ctx->mutex);
}

/*
 * Compresses the page, sets length and kind, and points *src at the bytes to be
 * kept. A pool without bytes is told the length and has no use for @ctx. A page that the
 * compressor cannot shrink is kept raw, so that it has a place in the LRU order;
 * where the memcg forbids writeback it has no way out of there, and is rejected.
 * Older kernels reject it always, and keep one that comes to a whole page.
 */
static int zswap_compress_page(struct zswap *zs, struct zswap_comp_ctx *ctx,
			       const struct zswap_lookup *lk,
			       struct zswap_content *content, const void **src)
{
	bool keeps_raw = zs->behaviour->keeps_raw;
	unsigned int dlen;
	int err = 0;

	*src = NULL;
	if (lk->facts) {
		dlen = lk->facts->length;
	} else {
		*src = ctx->buffer;
		err = lk->pool->comp->compress(ctx->ctx, lk->page, ctx->buffer,
					       &dlen);
	}
	if (!err && dlen && dlen < PAGE_SIZE + !keeps_raw) {
		content->length = dlen;
		content->kind = ZSWAP_CONTENT_PLAIN;
		return 0;
	}
	if (!keeps_raw || !lk->allow_raw)
		return err ? err : -EINVAL;
	*src = lk->page;
	content->length = PAGE_SIZE;
	content->kind = ZSWAP_CONTENT_RAW;
	return 0;
}

/* Takes @size bytes of the allocator for @content. */
static int zswap_alloc_object(struct zswap *zs, const struct zswap_lookup *lk,
			      size_t size, struct zswap_content *content)
{
	struct zpool *zpool = &lk->pool->zpool;
	int err;

	/* Behind the header the allocator finds the slot's name when it evicts. */
	if (!zpool->ops->set_name || !zs->behaviour->header_bytes)
		return zpool_malloc(zpool, size, &content->handle);
	err = zpool_malloc(zpool, size + zs->behaviour->header_bytes,
			   &content->handle);
	if (!err)
		zpool->ops->set_name(zpool->priv, &content->handle,
				     lk->swp.val);
	return err;
}

static bool zswap_compress(struct zswap *zs, const struct zswap_lookup *lk,
			   struct zswap_content *content)
{
	struct zswap_comp_ctx *ctx = NULL;
	int comp_ret, alloc_ret = 0;
	const void *src;

	if (!lk->facts)
		ctx = zswap_ctx_get_cpu_lock(lk->pool);
	zswap_stage(zs, ZSWAP_STAGE_COMPRESS);
	comp_ret = zswap_compress_page(zs, ctx, lk, content, &src);
	if (comp_ret)
		goto unlock;

	zswap_stage(zs, ZSWAP_STAGE_ALLOCATE);
	alloc_ret = zswap_alloc_object(zs, lk, content->length, content);
	if (alloc_ret)
		goto unlock;
	zpool_obj_write(&lk->pool->zpool, &content->handle, src,
			content->length);

unlock:
	zswap_stage(zs, ZSWAP_STAGE_OTHER);
	if (comp_ret == -ENOSPC || alloc_ret == -ENOSPC)
		atomic_long_inc(&zs->stats.reject_compress_poor);
	else if (comp_ret)
		atomic_long_inc(&zs->stats.reject_compress_fail);
	else if (alloc_ret)
		atomic_long_inc(&zs->stats.reject_alloc_fail);
	if (ctx)
		zswap_ctx_put_unlock(ctx);
	return !comp_ret && !alloc_ret;
}

/* Reads the content's page to @dst. 0, or -EIO when the bytes are damaged. */
int zswap_decompress(struct zswap *zs, struct zswap_comp_ctx *ctx,
		     struct zswap_content *content, void *dst)
{
	struct zpool *zpool = &content->pool->zpool;
	const void *src;
	int err = 0;

	src = zpool_obj_read_begin(zpool, &content->handle, content->length,
				   ctx->buffer);
	if (content->kind == ZSWAP_CONTENT_RAW)
		memcpy(dst, src, PAGE_SIZE);
	else
		err = content->pool->comp->decompress(ctx->ctx, src,
						      content->length, dst);
	zpool_obj_read_end(zpool, &content->handle, src);
	return err ? -EIO : 0;
}

/*
 * Most bit flips in a compressed page decompress without complaint to other bytes.
 * The index holds a digest of what was stored, so a load can tell.
 */
static bool zswap_digest_matches(struct zswap *zs,
				 struct zswap_content *content,
				 const void *page)
{
	struct zswap_digest now;

	if (!zs->verify || !content->shareable || content->of_stored || !page)
		return true;
	zswap_dedup_digest(zs, page, &now);
	return now.lo == content->digest && now.hi == content->digest_hi;
}

static int zswap_content_read(struct zswap *zs, struct zswap_content *content,
			      void *dst)
{
	struct zswap_comp_ctx *ctx;
	int err;

	if (zs->lengths_only)
		return 0;
	ctx = zswap_ctx_get_cpu_lock(content->pool);
	zswap_stage(zs, ZSWAP_STAGE_DECOMPRESS);
	err = zswap_decompress(zs, ctx, content, dst);
	zswap_stage(zs, ZSWAP_STAGE_OTHER);
	zswap_ctx_put_unlock(ctx);
	if (!err && !zswap_digest_matches(zs, content, dst))
		err = -EIO;
	if (err) {
		atomic_long_inc(&zs->stats.decompress_fail);
		zswap_content_unhash(zs, content);
	}
	return err;
}

int zswap_content_digest(struct zswap *zs, struct zswap_content *content,
			 void *page, struct zswap_digest *digest)
{
	struct zswap_comp_ctx *ctx = zswap_ctx_get_cpu_lock(content->pool);
	int err = zswap_decompress(zs, ctx, content, page);

	zswap_ctx_put_unlock(ctx);
	if (err)
		atomic_long_inc(&zs->stats.decompress_fail);
	else
		zswap_dedup_digest(zs, page, digest);
	return err;
}

static bool zswap_is_page_same_filled(const unsigned long *page,
				      unsigned long *value)
{
	*value = page[0];
	return page[0] == page[PAGE_SIZE / sizeof(*page) - 1] &&
	       !memcmp(page, page + 1, PAGE_SIZE - sizeof(*page));
}

static void zswap_fill_page(unsigned long *page, unsigned long value)
{
	unsigned int i;

	for (i = 0; i < PAGE_SIZE / sizeof(*page); i++)
		page[i] = value;
}

/* The entry's page to @dst: 0 or -EIO. */
static int zswap_entry_read(struct zswap *zs, struct zswap_entry *entry,
			    void *dst)
{
	if (!entry->same_filled)
		return zswap_content_read(zs, entry->content, dst);
	if (dst)
		zswap_fill_page(dst, entry->value);
	return 0;
}

void zswap_page_facts(struct zswap *zs, const void *page,
		      struct zswap_facts *facts)
{
	struct zswap_pool *pool = zswap_pool_current_get(zs);
	bool stored = zswap_dedup_digests_stored(zs), fits;
	struct zswap_comp_ctx *ctx;
	unsigned int dlen = 0;
	int err;

	facts->same_filled = zswap_is_page_same_filled(page, &facts->value);
	ctx = zswap_ctx_get_cpu_lock(pool);
	err = pool->comp->compress(ctx->ctx, page, ctx->buffer, &dlen);
	fits = !err && dlen && dlen < PAGE_SIZE + !zs->behaviour->keeps_raw;
	if (stored && fits)
		zswap_digest_stored(zs, ctx->buffer, dlen, ctx->page,
				    &facts->digest);
	else if (zswap_dedup_looks_up(zs))
		zs->dedup.hash->digest(&zs->dedup.key, page, &facts->digest);
	zswap_ctx_put_unlock(ctx);
	zswap_pool_put(pool);
	facts->length = err || !dlen || dlen > PAGE_SIZE ? PAGE_SIZE + 1 : dlen;
}

/*********************************
 * writeback code
 **********************************/

/* Entries that share a content, as they were seen under its lock */
struct zswap_family {
	struct zswap_entry *entry[ZSWAP_SIBLINGS_MAX];
	swp_entry_t swp[ZSWAP_SIBLINGS_MAX];
	unsigned int nr;
};

/*
 * The entry was seen on the LRU, or in the tree, and may have gone since: it is
 * not looked into before it is found again in the tree with the folio of its slot
 * locked, which keeps store, load and invalidate away. Only the slot is freed
 * here; the bytes go with the last sharer, so a shared content is spared where it
 * is the pool that has to shrink. @family, if there is one, takes down those that
 * share it.
 */
static int zswap_writeback_entry(struct zswap *zs, struct zswap_entry *entry,
				 swp_entry_t swp, bool spare_shared,
				 struct zswap_family *family)
{
	struct xarray *tree = swap_zswap_tree(zs, swp);
	struct zswap_folio folio = { .swap = swp, .nr_pages = 1 };
	int err;

	err = zs->ops->swapcache_add(zs->env, swp, &folio);
	if (err)
		return err;

	err = -ENOMEM;
	if (xa_load(tree, swp_offset(swp) % ZSWAP_TREE_SLOTS) != entry)
		goto drop;
	err = -EBUSY;
	if (spare_shared && zs->dedup.writeback == ZSWAP_WRITEBACK_SOLE &&
	    zswap_entry_shared(entry))
		goto drop;
	if (family && !entry->same_filled)
		family->nr = zswap_content_siblings(zs, entry, family->entry,
						    family->swp,
						    ZSWAP_SIBLINGS_MAX);
	err = zswap_entry_read(zs, entry, folio.data);
	if (err)
		goto drop;
	err = zs->ops->swap_write(zs->env, &folio);
	if (err)
		goto drop;

	xa_erase(tree, swp_offset(swp) % ZSWAP_TREE_SLOTS);
	atomic_long_inc(&zs->stats.zswpwb);
	zswap_entry_free(zs, entry);
	zs->ops->swapcache_drop(zs->env, &folio);
	return 0;

drop:
	zs->ops->swapcache_drop(zs->env, &folio);
	return err;
}

int zswap_writeback(struct zswap *zs, swp_entry_t swp)
{
	struct zswap_entry *entry = xa_load(swap_zswap_tree(zs, swp),
					    swp_offset(swp) % ZSWAP_TREE_SLOTS);
	int err;

	if (!entry)
		return -ENOENT;
	err = zswap_writeback_entry(zs, entry, swp, true, NULL);
	if (!err)
		atomic_long_inc(&zs->stats.written_back_pages);
	return err;
}

/*
 * Writes back what reclaim chose, and where the mode wants it all that share its
 * content: only then are its bytes free. A sibling may be busy; that frees less.
 */
static int zswap_writeback_victim(struct zswap *zs, struct zswap_entry *entry,
				  swp_entry_t swp, bool spare_shared)
{
	bool all = spare_shared && zs->dedup.writeback == ZSWAP_WRITEBACK_ALL;
	struct zswap_family family = { .nr = 0 };
	unsigned int i;
	int err;

	err = zswap_writeback_entry(zs, entry, swp, spare_shared,
				    all ? &family : NULL);
	if (err) {
		atomic_long_inc(&zs->stats.reject_reclaim_fail);
		return err;
	}
	atomic_long_inc(&zs->stats.written_back_pages);
	for (i = 0; i < family.nr; i++)
		if (!zswap_writeback_entry(zs, family.entry[i], family.swp[i],
					   false, NULL))
			atomic_long_inc(&zs->stats.written_back_pages);
	return 0;
}

/*********************************
 * shrinker functions
 **********************************/

/* Under zs->lru_lock: is this entry passed over because others share its content? */
static bool zswap_spares(struct zswap *zs, struct zswap_entry *entry)
{
	if (zs->dedup.writeback == ZSWAP_WRITEBACK_ALL ||
	    !zswap_entry_shared(entry))
		return false;
	if (zs->dedup.writeback == ZSWAP_WRITEBACK_SOLE)
		return true;
	if (entry->spared)
		return false;
	entry->spared = true;
	return true;
}

/*
 * Looks at the oldest entry of @lru. Returns whether there was one; *swp and
 * *victim are set when it is to be written back. Rotates it in any case: the slot
 * may be busy, and must not stop the list.
 */
static bool shrink_memcg_cb(struct zswap *zs, struct zswap_lru *lru,
			    bool spare_shared, struct zswap_entry **victim,
			    swp_entry_t *swp)
{
	struct zswap_entry *entry;

	*victim = NULL;
	spin_lock(&zs->lru_lock);
	entry = list_first_entry_or_null(&lru->list, struct zswap_entry, lru);
	if (entry) {
		list_move_tail(&entry->lru, &lru->list);
		if (entry->referenced) {
			entry->referenced = false;
		} else if (!spare_shared || !zswap_spares(zs, entry)) {
			*victim = entry;
			*swp = entry->swpentry;
		}
	}
	spin_unlock(&zs->lru_lock);
	return entry;
}

/*
 * The pages that had to be read from the device lately are what too eager a
 * shrinker costs: as many entries are spared, once. What is left counts by how
 * well it compresses, as that is how much memory writing it back would free.
 */
unsigned long zswap_shrinker_count(struct zswap *zs, struct mem_cgroup *memcg)
{
	struct zswap_lru *lru = zs->ops->lru(zs->env, memcg);
	long nr_freeable, swapins, left;
	u64 bytes, nr_stored;

	if (!READ_ONCE(zs->shrinker_enabled) || !zs->behaviour->own_lru ||
	    !zs->ops->writeback_enabled(zs->env, memcg))
		return 0;
	zs->ops->memcg_usage(zs->env, memcg, &bytes, &nr_stored);
	spin_lock(&zs->lru_lock);
	nr_freeable = lru->nr_items;
	spin_unlock(&zs->lru_lock);
	if (!nr_stored || !nr_freeable)
		return 0;
	swapins = atomic_long_read(&lru->nr_disk_swapins);
	do {
		left = swapins > nr_freeable ? swapins - nr_freeable : 0;
	} while (!atomic_long_try_cmpxchg(&lru->nr_disk_swapins, &swapins,
					  left));
	nr_freeable -= swapins - left;
	return mult_frac((u64)nr_freeable, bytes / PAGE_SIZE, nr_stored);
}

unsigned long zswap_shrinker_scan(struct zswap *zs, struct mem_cgroup *memcg,
				  unsigned long nr_to_scan)
{
	struct zswap_lru *lru = zs->ops->lru(zs->env, memcg);
	struct zswap_entry *victim;
	unsigned long written = 0;
	swp_entry_t swp;
	int err;

	if (!READ_ONCE(zs->shrinker_enabled) || !zs->behaviour->own_lru ||
	    !zs->ops->writeback_enabled(zs->env, memcg))
		return SHRINK_STOP;
	while (nr_to_scan-- &&
	       shrink_memcg_cb(zs, lru, true, &victim, &swp)) {
		if (!victim)
			continue;
		err = zswap_writeback_victim(zs, victim, swp, true);
		/* Somebody reads it back: the memory is wanted here. */
		if (err == -EEXIST)
			return SHRINK_STOP;
		if (!err)
			written++;
	}
	return written ? written : SHRINK_STOP;
}

/*
 * 0: something was written. -ENOENT: there is nothing to try. -EAGAIN: not this time.
 * Shared contents are spared for the pool's sake, where writing one slot of several
 * frees nothing. For a memcg at its zswap.max it frees the charge, and which others
 * hold the same content must not matter to it.
 */
static int shrink_memcg(struct zswap *zs, struct mem_cgroup *memcg,
			bool spare_shared)
{
	unsigned long nr_to_walk = zs->behaviour->shrink_batch;
	bool scanned = false, shrunk = false;
	struct zswap_entry *victim;
	swp_entry_t swp;

	if (!zs->ops->writeback_enabled(zs->env, memcg))
		return -ENOENT;

	while (nr_to_walk-- &&
	       shrink_memcg_cb(zs, zs->ops->lru(zs->env, memcg), spare_shared,
			       &victim, &swp)) {
		scanned = true;
		if (!victim)
			continue;
		if (!zswap_writeback_victim(zs, victim, swp, spare_shared))
			shrunk = true;
	}
	if (!scanned)
		return -ENOENT;
	return shrunk ? 0 : -EAGAIN;
}

/* The next memcg of the round robin, NULL once at the end of each pass. */
static struct mem_cgroup *zswap_next_shrink(struct zswap *zs)
{
	struct mem_cgroup *memcg;

	spin_lock(&zs->lru_lock);
	memcg = zs->ops->next_memcg(zs->env, zs->next_shrink);
	zs->next_shrink = memcg;
	spin_unlock(&zs->lru_lock);
	return memcg;
}

/* shrink_worker() until 6.7: one page of the oldest pool, by its allocator's LRU. */
static void zswap_shrink_oldest_pool(struct zswap *zs)
{
	struct zswap_pool *pool;

	spin_lock(&zs->pools_lock);
	pool = list_last_entry(&zs->pools, struct zswap_pool, list);
	if (!refcount_inc_not_zero(&pool->ref))
		pool = NULL;
	spin_unlock(&zs->pools_lock);
	if (!pool)
		return;
	if (!pool->zpool.ops->shrink ||
	    pool->zpool.ops->shrink(pool->zpool.priv))
		atomic_long_inc(&zs->stats.reject_reclaim_fail);
	zswap_pool_put(pool);
}

void zswap_shrink_worker(struct zswap *zs)
{
	unsigned long thr = zswap_accept_thr_pages(zs);
	int ret, failures = 0, attempts = 0;
	struct mem_cgroup *memcg;

	if (!zs->behaviour->own_lru) {
		zswap_shrink_oldest_pool(zs);
		return;
	}
	do {
		memcg = zswap_next_shrink(zs);
		if (!memcg) {
			/* A pass in which no memcg had anything is a failure. */
			if (!attempts && ++failures == MAX_RECLAIM_RETRIES)
				break;
			attempts = 0;
			goto resched;
		}
		ret = shrink_memcg(zs, memcg, true);
		/* Nothing to write back in this one is no attempt. */
		if (ret == -ENOENT)
			continue;
		attempts++;
		if (ret && ++failures == MAX_RECLAIM_RETRIES)
			break;
resched:
		cond_resched();
	} while (zswap_total_pages(zs) > thr);
}

/*********************************
 * main API
 **********************************/

/* A content with the page's bytes, one sharer of which is ours; NULL and a counter. */
static struct zswap_content *zswap_store_content(struct zswap *zs,
						 struct mem_cgroup *memcg,
						 struct zswap_lookup *lk)
{
	struct zswap_content *content;

	content = zswap_dedup_find(zs, memcg, lk);
	if (content)
		return content;

	content = zswap_content_alloc(zs);
	if (!content) {
		atomic_long_inc(&zs->stats.reject_kmemcache_fail);
		return NULL;
	}
	if (!zswap_compress(zs, lk, content)) {
		zswap_content_cache_free(zs, content);
		return NULL;
	}
	/* Cannot fail from here. The store's reference of the pool is the content's now. */
	content->pool = lk->pool;
	lk->pinned = false;
	return zswap_dedup_publish(zs, lk, content);
}

/* Gives the entry what it keeps of the page: false and a counter, or a content or a word. */
static bool zswap_store_data(struct zswap *zs, struct mem_cgroup *memcg,
			     struct zswap_lookup *lk, struct zswap_entry *entry)
{
	entry->value = 0;
	entry->charged = 0;
	entry->same_filled =
		zs->behaviour->same_filled &&
		(lk->facts ? lk->facts->same_filled :
			     zswap_is_page_same_filled(lk->page, &entry->value));
	if (entry->same_filled)
		return true;
	entry->content = zswap_store_content(zs, memcg, lk);
	return entry->content;
}

/*
 * The share of the new content is taken before an older entry of the slot drops
 * its own: when both are equal, the content never loses its last sharer. The entry
 * is complete before it is in the tree; from there on nothing fails.
 */
static bool zswap_store_page(struct zswap *zs, struct zswap_folio *folio,
			     struct mem_cgroup *memcg, bool allow_raw,
			     unsigned int index)
{
	swp_entry_t swp = zswap_swp_at(folio->swap, index);
	struct zswap_lookup lk = {
		.page = folio->data ? (char *)folio->data + index * PAGE_SIZE :
				      NULL,
		.facts = folio->facts ? &folio->facts[index] : NULL,
		.swp = swp,
		.pool = zswap_pool_current_get(zs),
		.pinned = true,
		.allow_raw = allow_raw,
	};
	struct zswap_entry *entry, *old;

	if (!lk.pool)
		return false;
	entry = zswap_entry_cache_alloc(zs);
	if (!entry) {
		atomic_long_inc(&zs->stats.reject_kmemcache_fail);
		goto put_pool;
	}
	if (!zswap_store_data(zs, memcg, &lk, entry))
		goto free_entry;
	if (lk.pinned)
		zswap_pool_put(lk.pool);
	entry->swpentry = swp;
	entry->objcg = folio->objcg;
	entry->referenced = true;
	entry->spared = false;
	entry->scanned = false;
	INIT_LIST_HEAD(&entry->lru);
	INIT_HLIST_NODE(&entry->sibling);

	old = xa_store(swap_zswap_tree(zs, swp),
		       swp_offset(swp) % ZSWAP_TREE_SLOTS, entry, GFP_KERNEL);
	if (xa_is_err(old)) {
		atomic_long_inc(&zs->stats.reject_alloc_fail);
		goto put_content;
	}
	if (old) {
		atomic_long_inc(&zs->stats.duplicate_entry);
		zswap_entry_free(zs, old);
	}
	if (!index) {
		folio->shared = lk.hit;
		folio->length = zswap_entry_length(entry);
	}

	if (entry->same_filled) {
		zs->ops->charge(zs->env, entry->objcg, 0);
		atomic_long_inc(&zs->stats.same_filled_pages);
	} else {
		zswap_content_join(zs, entry);
		if (entry->content->kind == ZSWAP_CONTENT_RAW)
			atomic_long_inc(&zs->stats.stored_incompressible_pages);
	}
	atomic_long_inc(&zs->stats.stored_pages);
	zswap_lru_add(zs, entry, memcg);
	zswap_update_total_pages(zs);
	return true;

put_content:
	if (!entry->same_filled)
		zswap_content_put(zs, entry->content);
	zswap_entry_cache_free(zs, entry);
	return false;
free_entry:
	zswap_entry_cache_free(zs, entry);
put_pool:
	zswap_pool_put(lk.pool);
	return false;
}

static bool zswap_store_folio(struct zswap *zs, struct zswap_folio *folio)
{
	struct mem_cgroup *memcg = zs->ops->memcg(zs->env, folio->objcg);
	unsigned int index;
	bool allow_raw;

	if (folio->nr_pages > 1 && !zs->behaviour->large_folios)
		return false;
	/* A memcg's reclaim looks for victims on its own LRU, if it has one. */
	if (!zs->ops->may_zswap(zs->env, folio->objcg) &&
	    (!zs->behaviour->own_lru ||
	     shrink_memcg(zs, memcg, false)))
		return false;
	if (zswap_check_limits(zs))
		return false;

	allow_raw = zs->ops->writeback_enabled(zs->env, memcg);
	for (index = 0; index < folio->nr_pages; index++)
		if (!zswap_store_page(zs, folio, memcg, allow_raw, index))
			return false;
	atomic_long_add(folio->nr_pages, &zs->stats.zswpout);
	return true;
}

static void zswap_invalidate_folio(struct zswap *zs,
				   const struct zswap_folio *folio)
{
	unsigned int index;

	for (index = 0; index < folio->nr_pages; index++)
		zswap_invalidate(zs, zswap_swp_at(folio->swap, index));
}

bool zswap_store(struct zswap *zs, struct zswap_folio *folio)
{
	bool frontswap = zs->behaviour->frontswap;
	bool enabled = READ_ONCE(zs->enabled);

	/* __frontswap_store() clears the slot before it asks zswap */
	if (frontswap)
		zswap_invalidate_folio(zs, folio);
	if (enabled && zswap_store_folio(zs, folio))
		return true;
	if (enabled && !frontswap && READ_ONCE(zs->reached_full))
		zs->ops->queue_shrink(zs->env);
	/*
	 * The caller now writes the device. An older copy must not stay: it could
	 * be loaded instead of the newer data, or be written over it.
	 */
	zswap_invalidate_folio(zs, folio);
	return false;
}

int zswap_load(struct zswap *zs, struct zswap_folio *folio)
{
	struct xarray *tree = swap_zswap_tree(zs, folio->swap);
	unsigned long index = swp_offset(folio->swap) % ZSWAP_TREE_SLOTS;
	struct zswap_entry *entry = xa_load(tree, index);
	int err;

	if (!entry)
		return -ENOENT;
	if (!zs->behaviour->frontswap)
		zswap_entry_prefetch(entry);
	err = zswap_entry_read(zs, entry, folio->data);
	if (err)
		return err;
	atomic_long_inc(&zs->stats.zswpin);
	if (zs->behaviour->frontswap)
		return 0;
	/* The folio is the only owner of the data from now on. */
	xa_erase(tree, index);
	zswap_entry_free(zs, entry);
	return 0;
}

bool zswap_invalidate(struct zswap *zs, swp_entry_t swp)
{
	struct zswap_entry *entry = xa_erase(swap_zswap_tree(zs, swp),
					     swp_offset(swp) %
						     ZSWAP_TREE_SLOTS);

	if (entry) {
		zswap_entry_prefetch(entry);
		zswap_entry_free(zs, entry);
	}
	return entry;
}

int zswap_move(struct zswap *zs, swp_entry_t from, swp_entry_t to)
{
	struct zswap_entry *entry = zswap_find(zs, from);

	if (!entry)
		return 0;
	if (xa_is_err(xa_store(swap_zswap_tree(zs, to),
			       swp_offset(to) % ZSWAP_TREE_SLOTS, entry,
			       GFP_KERNEL)))
		return -ENOMEM;
	xa_erase(swap_zswap_tree(zs, from),
		 swp_offset(from) % ZSWAP_TREE_SLOTS);
	entry->swpentry = to;
	return 0;
}

struct zswap_entry *zswap_find(struct zswap *zs, swp_entry_t swp)
{
	return xa_load(swap_zswap_tree(zs, swp),
		       swp_offset(swp) % ZSWAP_TREE_SLOTS);
}

int zswap_swapon(struct zswap *zs, int type, unsigned long nr_pages)
{
	unsigned long i, nr = DIV_ROUND_UP(nr_pages, ZSWAP_TREE_SLOTS);
	struct xarray *tree = kvcalloc(nr, sizeof(*tree), GFP_KERNEL);

	if (!tree)
		return -ENOMEM;
	for (i = 0; i < nr; i++)
		xa_init(&tree[i]);
	mutex_lock(&zs->dedup.scan.lock);
	zs->trees[type].tree = tree;
	zs->trees[type].nr = nr;
	mutex_unlock(&zs->dedup.scan.lock);
	return 0;
}

/* try_to_unuse() has read everything back, so the trees are empty. */
void zswap_swapoff(struct zswap *zs, int type)
{
	struct zswap_trees *trees = &zs->trees[type];
	unsigned long i;

	mutex_lock(&zs->dedup.scan.lock);
	zswap_scan_forget(zs, type);
	for (i = 0; i < trees->nr; i++)
		WARN_ON_ONCE(!xa_empty(&trees->tree[i]));
	kvfree(trees->tree);
	trees->tree = NULL;
	trees->nr = 0;
	mutex_unlock(&zs->dedup.scan.lock);
}

void zswap_zpool_work(struct zswap *zs)
{
	struct zswap_pool *pool;

	if (!zs->zpool_ops->work)
		return;
	spin_lock(&zs->pools_lock);
	list_for_each_entry(pool, &zs->pools, list)
		pool->zpool.ops->work(pool->zpool.priv);
	spin_unlock(&zs->pools_lock);
}

unsigned long zswap_compact(struct zswap *zs)
{
	struct zswap_pool *pool = zswap_pool_current_get(zs);
	unsigned long freed = 0;

	if (pool && pool->zpool.ops->compact)
		freed = pool->zpool.ops->compact(pool->zpool.priv);
	if (pool)
		zswap_pool_put(pool);
	return freed;
}

/*********************************
 * module init and exit
 **********************************/

int zswap_init(struct zswap *zs, const struct zswap_config *config)
{
	struct zswap_pool *pool;

	zs->behaviour = config->behaviour;
	zs->zpool_ops = config->zpool;
	zs->ops = config->ops;
	zs->env = config->env;
	zs->lengths_only = config->lengths_only;
	zs->verify = config->verify;
	zs->enabled = true;
	zs->max_pool_percent = 20;
	zs->accept_threshold_percent = 90;
	spin_lock_init(&zs->pools_lock);
	spin_lock_init(&zs->lru_lock);
	INIT_LIST_HEAD(&zs->pools);

	zs->entry_cache = KMEM_CACHE(zswap_entry, 0);
	if (!zs->entry_cache)
		return -ENOMEM;
	if (zswap_dedup_init(zs, &config->dedup))
		goto destroy_cache;
	pool = zswap_pool_create(zs, config->comp, &config->comp_params);
	if (!pool)
		goto exit_dedup;
	list_add(&pool->list, &zs->pools);
	return 0;

exit_dedup:
	zswap_dedup_exit(zs);
destroy_cache:
	kmem_cache_destroy(zs->entry_cache);
	return -ENOMEM;
}

void zswap_exit(struct zswap *zs)
{
	zswap_pool_put(list_first_entry(&zs->pools, struct zswap_pool, list));
	WARN_ON(!list_empty(&zs->pools));
	zswap_dedup_exit(zs);
	kmem_cache_destroy(zs->entry_cache);
}
