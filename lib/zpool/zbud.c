/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * zbud.c - the allocator of two objects a page, as in mm/zbud.c of Linux 3.11 to
 * 6.14; shrink is what it had until 6.1.
 *
 * A page is 64 chunks. The first is the header, one object stands behind it and
 * one at the page's end. What differs from the kernel, and why:
 *
 *  - the header lies outside of the page, because lengths_only has no page. Its
 *    chunk still counts in the arithmetic;
 *  - an object's name stands in the header. zswap kept it in the object's first
 *    bytes, for which the caller still has to ask;
 *  - an object that was freed while its page is being reclaimed is not evicted
 *    any more. The kernel calls evict, which finds no such entry.
 */
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/bug.h>
#include <linux/list.h>
#include <linux/prefetch.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "zpool/zpool.h"

#define CHUNK_SHIFT 6
#define CHUNK_SIZE (1u << CHUNK_SHIFT)
#define TOTAL_CHUNKS (PAGE_SIZE >> CHUNK_SHIFT)
#define ZHDR_CHUNKS 1u
/* Chunks for objects, and the number of lists of pages by free chunks. */
#define NCHUNKS (TOTAL_CHUNKS - ZHDR_CHUNKS)
/* A chunk less than there are: a page of one object has room for a second. */
#define ZBUD_MAX_ALLOC ((NCHUNKS - 1) * CHUNK_SIZE)

/* What zpool asks of zbud_reclaim_page: pages to try before giving up. */
#define ZBUD_RECLAIM_RETRIES 8

enum buddy {
	FIRST,
	LAST,
	NR_BUDDIES,
};

/**
 * struct zbud_pool - an instance
 * @lock:         all of the pool and its headers, except as said there
 * @header_cache: struct zbud_header
 * @listed:       a bit for each list of @unbuddied that is not empty; one may stay
 *                behind its list
 * @unbuddied:    pages by free chunks, the one that changed last in front. Those
 *                with two objects stand in [0], whatever is left between them
 * @lru:          pages, the one allocated from last in front
 * @account:      its pages are all of them
 * @reclaimed_nr: of these, those under reclaim, which are in no list
 * @evict:        see zpool_config
 * @evict_data:   its first argument
 * @lengths_only: pages have no memory
 */
struct zbud_pool {
	spinlock_t lock;
	struct kmem_cache *header_cache;
	u64 listed;
	struct list_head unbuddied[NCHUNKS];
	struct list_head lru;
	struct zpool_account account;
	u64 reclaimed_nr;
	int (*evict)(void *data, unsigned long name);
	void *evict_data;
	bool lengths_only;
};

/**
 * struct zbud_header - a page; an object's handle is this address plus its buddy
 * @buddy:         in a list of zbud_pool.unbuddied
 * @lru:           in zbud_pool.lru
 * @mem:           the page; NULL when lengths_only
 * @name:          of the objects
 * @chunks:        sizes of the objects, 0: there is none. That of a live object
 *                 is fixed, so the holder of its handle may read it without lock
 * @under_reclaim: shrink holds the page; free leaves it to shrink
 */
struct zbud_header {
	struct list_head buddy;
	struct list_head lru;
	unsigned char *mem;
	unsigned long name[NR_BUDDIES];
	u16 chunks[NR_BUDDIES];
	bool under_reclaim;
};

/*********************************
* helpers
**********************************/
static unsigned int size_to_chunks(size_t size)
{
	return (size + CHUNK_SIZE - 1) >> CHUNK_SHIFT;
}

static unsigned long encode_handle(struct zbud_header *zhdr, enum buddy bud)
{
	return (unsigned long)zhdr | bud;
}

static struct zbud_header *handle_to_header(const unsigned long *handle)
{
	return (struct zbud_header *)(*handle & ~1ul);
}

static enum buddy handle_to_buddy(const unsigned long *handle)
{
	return *handle & 1;
}

static unsigned int num_free_chunks(const struct zbud_header *zhdr)
{
	return NCHUNKS - zhdr->chunks[FIRST] - zhdr->chunks[LAST];
}

static bool is_buddied(const struct zbud_header *zhdr)
{
	return zhdr->chunks[FIRST] && zhdr->chunks[LAST];
}

static bool is_empty(const struct zbud_header *zhdr)
{
	return !zhdr->chunks[FIRST] && !zhdr->chunks[LAST];
}

static unsigned int list_index(const struct zbud_header *zhdr)
{
	return is_buddied(zhdr) ? 0 : num_free_chunks(zhdr);
}

static void list_page(struct zbud_pool *pool, struct zbud_header *zhdr)
{
	list_add(&zhdr->buddy, &pool->unbuddied[list_index(zhdr)]);
	pool->listed |= 1ull << list_index(zhdr);
}

/*********************************
* malloc and free
**********************************/
static struct zbud_header *alloc_zbud_page(const struct zbud_pool *pool)
{
	struct zbud_header *zhdr = kmem_cache_zalloc(pool->header_cache,
						     GFP_KERNEL);

	if (!zhdr || pool->lengths_only)
		return zhdr;
	zhdr->mem = kvmalloc(PAGE_SIZE, GFP_KERNEL);
	if (!zhdr->mem) {
		kmem_cache_free(pool->header_cache, zhdr);
		return NULL;
	}
	return zhdr;
}

static void free_zbud_page(const struct zbud_pool *pool,
			   struct zbud_header *zhdr)
{
	kvfree(zhdr->mem);
	kmem_cache_free(pool->header_cache, zhdr);
}

/* Takes the page with the least room that is enough out of its lists. */
static struct zbud_header *find_unbuddied(struct zbud_pool *pool,
					  unsigned int chunks)
{
	struct zbud_header *zhdr;
	unsigned int i;
	u64 left;

	for (left = pool->listed >> chunks << chunks; left; left &= left - 1) {
		i = __ffs(left);
		if (list_empty(&pool->unbuddied[i])) {
			pool->listed &= ~(1ull << i);
			continue;
		}
		zhdr = list_first_entry(&pool->unbuddied[i],
					struct zbud_header, buddy);
		list_del(&zhdr->buddy);
		list_del(&zhdr->lru);
		return zhdr;
	}
	return NULL;
}

static int zbud_malloc(void *priv, size_t size, unsigned long *handle)
{
	struct zbud_pool *pool = priv;
	struct zbud_header *zhdr;
	unsigned int chunks;
	enum buddy bud;

	if (!size)
		return -EINVAL;
	if (size > ZBUD_MAX_ALLOC)
		return -ENOSPC;

	chunks = size_to_chunks(size);
	spin_lock(&pool->lock);
	zhdr = find_unbuddied(pool, chunks);
	if (!zhdr) {
		spin_unlock(&pool->lock);
		zhdr = alloc_zbud_page(pool);
		if (!zhdr)
			return -ENOMEM;
		spin_lock(&pool->lock);
		atomic64_add(1, &pool->account.pages);
	}
	bud = zhdr->chunks[FIRST] ? LAST : FIRST;
	zhdr->chunks[bud] = chunks;
	zhdr->name[bud] = 0;
	list_page(pool, zhdr);
	list_add(&zhdr->lru, &pool->lru);
	spin_unlock(&pool->lock);

	*handle = encode_handle(zhdr, bud);
	return 0;
}

/* A free does not touch the place in the LRU. */
static void zbud_free(void *priv, const unsigned long *handle)
{
	struct zbud_pool *pool = priv;
	struct zbud_header *zhdr = handle_to_header(handle);
	bool empty = false;

	spin_lock(&pool->lock);
	WARN_ON_ONCE(!zhdr->chunks[handle_to_buddy(handle)]);
	zhdr->chunks[handle_to_buddy(handle)] = 0;
	if (!zhdr->under_reclaim) {
		list_del(&zhdr->buddy);
		empty = is_empty(zhdr);
		if (empty) {
			list_del(&zhdr->lru);
			atomic64_sub(1, &pool->account.pages);
		} else {
			list_page(pool, zhdr);
		}
	}
	spin_unlock(&pool->lock);
	if (empty)
		free_zbud_page(pool, zhdr);
}

/* Link by link, each of all handles before the next (lib/env/prefetch.c). */
static void zbud_prefetch_free(void *priv, const unsigned long *const *handle,
			       unsigned int nr)
{
	const struct zbud_header *zhdr;
	unsigned int i;

	(void)priv;
	for (i = 0; i < nr; i++) {
		zhdr = handle_to_header(handle[i]);
		prefetchw(zhdr);
		prefetchw(&zhdr->under_reclaim);
	}
	for (i = 0; i < nr; i++) {
		zhdr = handle_to_header(handle[i]);
		prefetchw(zhdr->buddy.prev);
		prefetchw(zhdr->buddy.next);
	}
}

/*********************************
* access
**********************************/
/* Objects never move: their place is read without a lock. */
static unsigned char *obj_address(const unsigned long *handle, size_t len)
{
	const struct zbud_header *zhdr = handle_to_header(handle);
	enum buddy bud = handle_to_buddy(handle);
	unsigned int chunks = zhdr->chunks[bud];

	WARN_ON_ONCE(len > (size_t)chunks * CHUNK_SIZE);
	if (bud == FIRST)
		return zhdr->mem + ZHDR_CHUNKS * CHUNK_SIZE;
	return zhdr->mem + PAGE_SIZE - chunks * CHUNK_SIZE;
}

static void zbud_obj_write(void *priv, const unsigned long *handle,
			   const void *src, size_t len)
{
	const struct zbud_pool *pool = priv;

	if (!pool->lengths_only)
		memcpy(obj_address(handle, len), src, len);
}

static const void *zbud_obj_read_begin(void *priv, const unsigned long *handle,
				       size_t len, void *local_copy)
{
	(void)priv;
	(void)local_copy;
	return obj_address(handle, len);
}

static void zbud_obj_read_end(void *priv, const unsigned long *handle,
			      const void *mem)
{
	(void)priv;
	WARN_ON_ONCE(mem != obj_address(handle, 0));
}

/*********************************
* shrink
**********************************/
static void zbud_set_name(void *priv, const unsigned long *handle,
			  unsigned long name)
{
	struct zbud_pool *pool = priv;

	spin_lock(&pool->lock);
	handle_to_header(handle)->name[handle_to_buddy(handle)] = name;
	spin_unlock(&pool->lock);
}

static int evict_buddy(struct zbud_pool *pool, const struct zbud_header *zhdr,
		       enum buddy bud)
{
	unsigned long name;
	bool live;

	spin_lock(&pool->lock);
	live = zhdr->chunks[bud];
	name = zhdr->name[bud];
	spin_unlock(&pool->lock);
	return live ? pool->evict(pool->evict_data, name) : 0;
}

/*
 * zbud_reclaim_page. Under reclaim a page is in no list, so that no object comes
 * into it, and it stays when the last one is freed. A page that could not be
 * emptied goes to the front of the LRU.
 */
static int zbud_shrink(void *priv)
{
	struct zbud_pool *pool = priv;
	struct zbud_header *zhdr;
	unsigned int i;

	spin_lock(&pool->lock);
	if (!pool->evict || list_empty(&pool->lru)) {
		spin_unlock(&pool->lock);
		return -EINVAL;
	}
	for (i = 0; i < ZBUD_RECLAIM_RETRIES; i++) {
		zhdr = list_last_entry(&pool->lru, struct zbud_header, lru);
		list_del(&zhdr->lru);
		list_del(&zhdr->buddy);
		zhdr->under_reclaim = true;
		pool->reclaimed_nr++;
		spin_unlock(&pool->lock);

		if (!evict_buddy(pool, zhdr, FIRST))
			evict_buddy(pool, zhdr, LAST);

		spin_lock(&pool->lock);
		zhdr->under_reclaim = false;
		pool->reclaimed_nr--;
		if (is_empty(zhdr)) {
			atomic64_sub(1, &pool->account.pages);
			spin_unlock(&pool->lock);
			free_zbud_page(pool, zhdr);
			return 0;
		}
		list_page(pool, zhdr);
		list_add(&zhdr->lru, &pool->lru);
	}
	spin_unlock(&pool->lock);
	return -EAGAIN;
}

/*********************************
* check
**********************************/
static bool page_is_valid(const struct zbud_pool *pool,
			  const struct zbud_header *zhdr, unsigned int index)
{
	return zhdr->buddy.next->prev == &zhdr->buddy &&
	       zhdr->lru.next->prev == &zhdr->lru &&
	       !zhdr->under_reclaim && !is_empty(zhdr) &&
	       zhdr->chunks[FIRST] + zhdr->chunks[LAST] <= (int)NCHUNKS &&
	       list_index(zhdr) == index && !zhdr->mem == pool->lengths_only;
}

static int zbud_check(void *priv)
{
	struct zbud_pool *pool = priv;
	u64 nr, listed = 0, in_lru = 0;
	struct zbud_header *zhdr;
	unsigned int i;
	int err = 0;

	spin_lock(&pool->lock);
	nr = atomic64_read(&pool->account.pages) - pool->reclaimed_nr;
	for (i = 0; i < NCHUNKS && !err; i++) {
		if (!list_empty(&pool->unbuddied[i]) &&
		    !(pool->listed >> i & 1))
			err = -EUCLEAN;
		list_for_each_entry(zhdr, &pool->unbuddied[i], buddy) {
			/* more than there are: the list is a loop */
			if (listed++ == nr || !page_is_valid(pool, zhdr, i)) {
				err = -EUCLEAN;
				break;
			}
		}
	}
	list_for_each_entry(zhdr, &pool->lru, lru) {
		if (err || in_lru++ == nr) {
			err = -EUCLEAN;
			break;
		}
	}
	if (listed != nr || in_lru != nr)
		err = -EUCLEAN;
	spin_unlock(&pool->lock);
	return err;
}

/*********************************
* pools
**********************************/
static const struct zpool_account *zbud_account(void *priv)
{
	struct zbud_pool *pool = priv;

	return &pool->account;
}

static void *zbud_create_pool(const struct zpool_config *config)
{
	struct zbud_pool *pool = kzalloc(sizeof(*pool), GFP_KERNEL);
	unsigned int i;

	BUILD_BUG_ON(NCHUNKS > 64);
	if (!pool)
		return NULL;
	pool->header_cache = KMEM_CACHE(zbud_header, 0);
	if (!pool->header_cache) {
		kfree(pool);
		return NULL;
	}
	spin_lock_init(&pool->lock);
	for (i = 0; i < NCHUNKS; i++)
		INIT_LIST_HEAD(&pool->unbuddied[i]);
	INIT_LIST_HEAD(&pool->lru);
	atomic64_set(&pool->account.pages, 0);
	pool->evict = config->evict;
	pool->evict_data = config->evict_data;
	pool->lengths_only = config->lengths_only;
	return pool;
}

static void zbud_destroy_pool(void *priv)
{
	struct zbud_pool *pool = priv;

	WARN_ON_ONCE(atomic64_read(&pool->account.pages));
	kmem_cache_destroy(pool->header_cache);
	kfree(pool);
}

const struct zpool_ops zpool_zbud = {
	.name = "zbud",
	.create = zbud_create_pool,
	.destroy = zbud_destroy_pool,
	.malloc = zbud_malloc,
	.free = zbud_free,
	.obj_write = zbud_obj_write,
	.obj_read_begin = zbud_obj_read_begin,
	.obj_read_end = zbud_obj_read_end,
	.account = zbud_account,
	.prefetch_free = zbud_prefetch_free,
	.set_name = zbud_set_name,
	.shrink = zbud_shrink,
	.check = zbud_check,
};
