/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * z3fold.c - the allocator of three objects a page, as in mm/z3fold.c of 6.1 on a
 * machine with one CPU.
 *
 * A page is 64 chunks, two of them the header. The first object stands behind the
 * header, the last at the page's end, and the middle one where the first ended
 * when it came. An object too large for that has a "headless" page to itself.
 * Frees leave holes, which a work item closes later. The names are the kernel's.
 * What differs, and why:
 *
 *  - the header lies outside of the page, because lengths_only has no page, and an
 *    object's name in its handle, for which zswap used the object's first bytes.
 *    Both still count in the arithmetic;
 *  - one lock stands for the pool's and each page's;
 *  - an object that was freed while its page is being reclaimed is not evicted
 *    any more (the kernel calls evict, which finds no such entry), and a headless
 *    page whose object was freed is given back even if evict then failed;
 *  - a page without objects that still waits for its work item is not listed. The
 *    kernel lists it after a failed reclaim, one list beyond the last.
 */
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/bug.h>
#include <linux/list.h>
#include <linux/prefetch.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "zpool/zpool.h"

#define CHUNK_SHIFT 6
#define CHUNK_SIZE (1u << CHUNK_SHIFT)
#define TOTAL_CHUNKS (PAGE_SIZE >> CHUNK_SHIFT)
#define ZHDR_CHUNKS 2u
/* Chunks for objects, and the number of lists of pages by free chunks. */
#define NCHUNKS (TOTAL_CHUNKS - ZHDR_CHUNKS)
/* A chunk less than there are: a page of one object has room for a second. */
#define Z3FOLD_MAX_BUDDY ((NCHUNKS - 1) * CHUNK_SIZE)

/* A middle object moves when a hole closes by it that is at least this wide. */
#define BIG_CHUNK_GAP 3u

/* What zpool asks of z3fold_reclaim_page: pages to try before giving up. */
#define Z3FOLD_RECLAIM_RETRIES 8

enum buddy {
	HEADLESS,
	FIRST,
	MIDDLE,
	LAST,
	NR_BUDDIES,
};

/**
 * struct z3fold_handle - where an object is; the user's handle is its address
 * @zhdr:    the page; compaction changes it
 * @buddy:   the place in it; likewise
 * @foreign: has been moved out of the page it was allocated in
 * @name:    for evict
 */
struct z3fold_handle {
	struct z3fold_header *zhdr;
	enum buddy buddy;
	bool foreign;
	unsigned long name;
};

/**
 * struct z3fold_header - a page
 * @buddy:            in a list of z3fold_pool.unbuddied, or empty
 * @lru:              in z3fold_pool.lru, or empty (under reclaim)
 * @work:             in z3fold_pool.work while it waits, or empty
 * @mem:              the page; NULL when lengths_only
 * @object:           the handles of the objects, or NULL
 * @chunks:           their sizes; [HEADLESS] is not used
 * @start_middle:     first chunk of the middle object
 * @refcount:         objects, the queued work, and a reclaim; the last one gone
 *                    frees the page
 * @mapped_count:     readers and writers of objects: no single object moves out
 * @middle_mapped:    of these, those of the middle object: it does not move
 * @foreign_handles:  objects that came from another page: none moves out, and
 *                    shrink passes the page over
 * @needs_compacting: the work is queued, no object comes in
 * @claimed:          under reclaim, no object comes in
 */
struct z3fold_header {
	struct list_head buddy;
	struct list_head lru;
	struct list_head work;
	unsigned char *mem;
	struct z3fold_handle *object[NR_BUDDIES];
	u16 chunks[NR_BUDDIES];
	u16 start_middle;
	u16 refcount;
	unsigned int mapped_count;
	unsigned int middle_mapped;
	u16 foreign_handles;
	bool needs_compacting;
	bool claimed;
};

/**
 * struct z3fold_pool - an instance
 * @lock:          all of the pool, its headers and handles
 * @listed:        a bit for each list of @unbuddied that is not empty; one may stay
 *                 behind its list
 * @unbuddied:     pages that can take one more, by the chunks that fit; the one
 *                 that changed last in front
 * @lru:           pages, the one allocated from last in front
 * @work:          pages whose compaction is queued, in order
 * @handle_cachep: struct z3fold_handle
 * @header_cachep: struct z3fold_header
 * @account:       written under @lock
 * @claimed_nr:    of these, those under reclaim
 * @evict:         see zpool_config
 * @evict_data:    its first argument
 * @lengths_only:  pages have no memory
 */
struct z3fold_pool {
	spinlock_t lock;
	u64 listed;
	struct list_head unbuddied[NCHUNKS];
	struct list_head lru;
	struct list_head work;
	struct kmem_cache *handle_cachep;
	struct kmem_cache *header_cachep;
	struct zpool_account account;
	u64 claimed_nr;
	int (*evict)(void *data, unsigned long name);
	void *evict_data;
	bool lengths_only;
};

/*********************************
* pages; all under the lock
**********************************/
static unsigned int size_to_chunks(size_t size)
{
	return (size + CHUNK_SIZE - 1) >> CHUNK_SHIFT;
}

static unsigned int nr_objects(const struct z3fold_header *zhdr)
{
	unsigned int nr = 0, bud;

	for (bud = HEADLESS; bud < NR_BUDDIES; bud++)
		nr += zhdr->object[bud] != NULL;
	return nr;
}

/* The largest object that fits; a middle one splits the page. */
static unsigned int num_free_chunks(const struct z3fold_header *zhdr)
{
	unsigned int before = 0, after = 0;

	if (!zhdr->chunks[MIDDLE])
		return NCHUNKS - zhdr->chunks[FIRST] - zhdr->chunks[LAST];
	if (!zhdr->chunks[FIRST])
		before = zhdr->start_middle - ZHDR_CHUNKS;
	if (!zhdr->chunks[LAST])
		after = TOTAL_CHUNKS - zhdr->start_middle -
			zhdr->chunks[MIDDLE];
	return before > after ? before : after;
}

/* Not for a headless page, which has nothing to list. */
static void add_to_unbuddied(struct z3fold_pool *pool,
			     struct z3fold_header *zhdr)
{
	unsigned int nr = nr_objects(zhdr), chunks = num_free_chunks(zhdr);

	if (nr && nr < 3) {
		list_add(&zhdr->buddy, &pool->unbuddied[chunks]);
		pool->listed |= 1ull << chunks;
	}
}

/* Where an object of @chunks goes that is known to fit. */
static enum buddy get_free_buddy(const struct z3fold_header *zhdr,
				 unsigned int chunks)
{
	if (!zhdr->chunks[MIDDLE]) {
		if (!zhdr->chunks[FIRST])
			return FIRST;
		return zhdr->chunks[LAST] ? MIDDLE : LAST;
	}
	if (!zhdr->chunks[FIRST] && chunks <= zhdr->start_middle - ZHDR_CHUNKS)
		return FIRST;
	WARN_ON_ONCE(zhdr->chunks[LAST]);
	return LAST;
}

/*
 * Takes a page with the least room that is enough out of its list. One that waits
 * for compaction is dropped from the list, for the work to list it again.
 */
static struct z3fold_header *find_unbuddied(struct z3fold_pool *pool,
					    unsigned int chunks)
{
	struct z3fold_header *zhdr;
	unsigned int i;
	u64 left;

	for (left = pool->listed >> chunks << chunks; left; left &= left - 1) {
		i = __ffs(left);
		while (!list_empty(&pool->unbuddied[i])) {
			zhdr = list_first_entry(&pool->unbuddied[i],
						struct z3fold_header, buddy);
			list_del_init(&zhdr->buddy);
			if (!zhdr->needs_compacting)
				return zhdr;
		}
		pool->listed &= ~(1ull << i);
	}
	return NULL;
}

static void place_object(struct z3fold_header *zhdr, enum buddy bud,
			 unsigned int chunks, struct z3fold_handle *handle)
{
	zhdr->object[bud] = handle;
	zhdr->chunks[bud] = chunks;
	if (bud == MIDDLE)
		zhdr->start_middle = zhdr->chunks[FIRST] + ZHDR_CHUNKS;
	zhdr->refcount++;
	handle->zhdr = zhdr;
	handle->buddy = bud;
}

static void clear_object(struct z3fold_header *zhdr, enum buddy bud)
{
	zhdr->object[bud] = NULL;
	zhdr->chunks[bud] = 0;
}

static unsigned char *obj_address(const struct z3fold_header *zhdr,
				  enum buddy bud)
{
	switch (bud) {
	case FIRST:
		return zhdr->mem + ZHDR_CHUNKS * CHUNK_SIZE;
	case MIDDLE:
		return zhdr->mem + zhdr->start_middle * CHUNK_SIZE;
	case LAST:
		return zhdr->mem + PAGE_SIZE - zhdr->chunks[LAST] * CHUNK_SIZE;
	default:
		return zhdr->mem;
	}
}

static struct z3fold_header *alloc_z3fold_page(const struct z3fold_pool *pool)
{
	struct z3fold_header *zhdr = kmem_cache_zalloc(pool->header_cachep,
						       GFP_KERNEL);

	if (!zhdr)
		return NULL;
	INIT_LIST_HEAD(&zhdr->buddy);
	INIT_LIST_HEAD(&zhdr->lru);
	INIT_LIST_HEAD(&zhdr->work);
	if (!pool->lengths_only) {
		zhdr->mem = kvmalloc(PAGE_SIZE, GFP_KERNEL);
		if (!zhdr->mem) {
			kmem_cache_free(pool->header_cachep, zhdr);
			return NULL;
		}
	}
	return zhdr;
}

/* Drops a reference; true: it was the last, and the page is gone. */
static bool put_page_ref(struct z3fold_pool *pool, struct z3fold_header *zhdr)
{
	if (--zhdr->refcount)
		return false;
	list_del(&zhdr->buddy);
	list_del(&zhdr->lru);
	atomic64_sub(1, &pool->account.pages);
	kvfree(zhdr->mem);
	kmem_cache_free(pool->header_cachep, zhdr);
	return true;
}

/*********************************
* compaction; all under the lock
**********************************/
/* Moves the only object into another page, if one has room for it. */
static bool compact_single_buddy(struct z3fold_pool *pool,
				 struct z3fold_header *zhdr)
{
	struct z3fold_header *new_zhdr;
	struct z3fold_handle *handle;
	unsigned int chunks;
	enum buddy bud, new_bud;

	bud = zhdr->chunks[FIRST] ? FIRST : zhdr->chunks[MIDDLE] ? MIDDLE : LAST;
	chunks = zhdr->chunks[bud];
	new_zhdr = find_unbuddied(pool, chunks);
	if (!new_zhdr)
		return false;

	handle = zhdr->object[bud];
	new_bud = get_free_buddy(new_zhdr, chunks);
	place_object(new_zhdr, new_bud, chunks, handle);
	if (zhdr->mem)
		memcpy(obj_address(new_zhdr, new_bud), obj_address(zhdr, bud),
		       chunks * CHUNK_SIZE);
	handle->foreign = true;
	new_zhdr->foreign_handles++;
	add_to_unbuddied(pool, new_zhdr);
	clear_object(zhdr, bud);
	return true;
}

static void move_middle(struct z3fold_header *zhdr, unsigned int start)
{
	if (zhdr->mem)
		memmove(zhdr->mem + start * CHUNK_SIZE,
			zhdr->mem + zhdr->start_middle * CHUNK_SIZE,
			zhdr->chunks[MIDDLE] * CHUNK_SIZE);
	zhdr->start_middle = start;
}

/* Closes the hole beside the middle object. */
static void z3fold_compact_page(struct z3fold_header *zhdr)
{
	unsigned int front = zhdr->chunks[FIRST] + ZHDR_CHUNKS;
	unsigned int back = TOTAL_CHUNKS - zhdr->chunks[LAST] -
			    zhdr->chunks[MIDDLE];

	if (!zhdr->chunks[MIDDLE] || zhdr->middle_mapped)
		return;
	if (!zhdr->chunks[FIRST] && !zhdr->chunks[LAST]) {
		move_middle(zhdr, ZHDR_CHUNKS);
		zhdr->chunks[FIRST] = zhdr->chunks[MIDDLE];
		zhdr->object[FIRST] = zhdr->object[MIDDLE];
		zhdr->object[FIRST]->buddy = FIRST;
		clear_object(zhdr, MIDDLE);
	} else if (!zhdr->chunks[LAST]) {
		if (zhdr->start_middle - front >= BIG_CHUNK_GAP)
			move_middle(zhdr, front);
	} else if (!zhdr->chunks[FIRST]) {
		if (back - zhdr->start_middle >= BIG_CHUNK_GAP)
			move_middle(zhdr, back);
	}
}

/* The work item of a page, which drops the reference that it had. */
static void do_compact_page(struct z3fold_pool *pool,
			    struct z3fold_header *zhdr)
{
	zhdr->needs_compacting = false;
	list_del_init(&zhdr->buddy);
	if (put_page_ref(pool, zhdr) || zhdr->claimed)
		return;

	if (!zhdr->foreign_handles && nr_objects(zhdr) == 1 &&
	    !zhdr->mapped_count && compact_single_buddy(pool, zhdr)) {
		put_page_ref(pool, zhdr);
		return;
	}
	z3fold_compact_page(zhdr);
	add_to_unbuddied(pool, zhdr);
}

/* The kernel's work queue, which has one thread, is drained. */
static void z3fold_work(void *priv)
{
	struct z3fold_pool *pool = priv;
	struct z3fold_header *zhdr;

	spin_lock(&pool->lock);
	while (!list_empty(&pool->work)) {
		zhdr = list_first_entry(&pool->work, struct z3fold_header,
					work);
		list_del_init(&zhdr->work);
		do_compact_page(pool, zhdr);
		spin_unlock(&pool->lock);
		cond_resched();
		spin_lock(&pool->lock);
	}
	spin_unlock(&pool->lock);
}

/*********************************
* malloc and free
**********************************/
static int z3fold_malloc(void *priv, size_t size, unsigned long *result)
{
	struct z3fold_pool *pool = priv;
	unsigned int chunks = size_to_chunks(size);
	struct z3fold_header *zhdr = NULL;
	struct z3fold_handle *handle;
	enum buddy bud;

	if (!size)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -ENOSPC;
	handle = kmem_cache_alloc(pool->handle_cachep, GFP_KERNEL);
	if (!handle)
		return -ENOMEM;
	handle->foreign = false;
	handle->name = 0;

	bud = size > Z3FOLD_MAX_BUDDY ? HEADLESS : FIRST;
	spin_lock(&pool->lock);
	if (bud != HEADLESS)
		zhdr = find_unbuddied(pool, chunks);
	if (zhdr) {
		bud = get_free_buddy(zhdr, chunks);
	} else {
		spin_unlock(&pool->lock);
		zhdr = alloc_z3fold_page(pool);
		if (!zhdr) {
			kmem_cache_free(pool->handle_cachep, handle);
			return -ENOMEM;
		}
		spin_lock(&pool->lock);
		atomic64_add(1, &pool->account.pages);
	}
	place_object(zhdr, bud, chunks, handle);
	if (bud != HEADLESS)
		add_to_unbuddied(pool, zhdr);
	list_move(&zhdr->lru, &pool->lru);
	spin_unlock(&pool->lock);

	*result = (unsigned long)handle;
	return 0;
}

/*
 * The page keeps its list, though it has more room now, until it is compacted:
 * at once if it is in none, later otherwise.
 */
static void z3fold_free(void *priv, const unsigned long *value)
{
	struct z3fold_pool *pool = priv;
	struct z3fold_handle *handle = (struct z3fold_handle *)*value;
	struct z3fold_header *zhdr;

	spin_lock(&pool->lock);
	zhdr = handle->zhdr;
	clear_object(zhdr, handle->buddy);
	if (handle->foreign)
		zhdr->foreign_handles--;
	if (!put_page_ref(pool, zhdr) && !zhdr->claimed &&
	    !zhdr->needs_compacting) {
		zhdr->needs_compacting = true;
		zhdr->refcount++;
		if (list_empty(&zhdr->buddy))
			do_compact_page(pool, zhdr);
		else
			list_add_tail(&zhdr->work, &pool->work);
	}
	spin_unlock(&pool->lock);
	kmem_cache_free(pool->handle_cachep, handle);
}

/* Link by link, each of all handles before the next (lib/env/prefetch.c). */
static void z3fold_prefetch_free(void *priv, const unsigned long *const *value,
				 unsigned int nr)
{
	const struct z3fold_header *zhdr;
	unsigned int i;

	(void)priv;
	for (i = 0; i < nr; i++)
		prefetchw((const struct z3fold_handle *)*value[i]);
	for (i = 0; i < nr; i++) {
		zhdr = ((const struct z3fold_handle *)*value[i])->zhdr;
		prefetchw(zhdr);
		prefetchw(&zhdr->claimed);
	}
	for (i = 0; i < nr; i++) {
		zhdr = ((const struct z3fold_handle *)*value[i])->zhdr;
		prefetchw(zhdr->buddy.prev);
		prefetchw(zhdr->buddy.next);
	}
}

/*********************************
* access
**********************************/
/* z3fold_map: pins the object in its place and returns its bytes. */
static unsigned char *obj_pin(struct z3fold_pool *pool, const unsigned long *value,
			      size_t len)
{
	struct z3fold_handle *handle = (struct z3fold_handle *)*value;
	struct z3fold_header *zhdr;
	unsigned char *mem;

	spin_lock(&pool->lock);
	zhdr = handle->zhdr;
	WARN_ON_ONCE(len > (size_t)zhdr->chunks[handle->buddy] * CHUNK_SIZE);
	zhdr->mapped_count++;
	zhdr->middle_mapped += handle->buddy == MIDDLE;
	mem = obj_address(zhdr, handle->buddy);
	spin_unlock(&pool->lock);
	return mem;
}

static void obj_unpin(struct z3fold_pool *pool, const unsigned long *value)
{
	struct z3fold_handle *handle = (struct z3fold_handle *)*value;

	spin_lock(&pool->lock);
	WARN_ON_ONCE(!handle->zhdr->mapped_count);
	handle->zhdr->mapped_count--;
	handle->zhdr->middle_mapped -= handle->buddy == MIDDLE;
	spin_unlock(&pool->lock);
}

static void z3fold_obj_write(void *priv, const unsigned long *handle,
			     const void *src, size_t len)
{
	struct z3fold_pool *pool = priv;

	if (pool->lengths_only)
		return;
	memcpy(obj_pin(pool, handle, len), src, len);
	obj_unpin(pool, handle);
}

static const void *z3fold_obj_read_begin(void *priv, const unsigned long *handle,
					 size_t len, void *local_copy)
{
	(void)local_copy;
	return obj_pin(priv, handle, len);
}

static void z3fold_obj_read_end(void *priv, const unsigned long *handle,
				const void *mem)
{
	(void)mem;
	obj_unpin(priv, handle);
}

/*********************************
* shrink
**********************************/
static void z3fold_set_name(void *priv, const unsigned long *handle,
			    unsigned long name)
{
	struct z3fold_pool *pool = priv;

	spin_lock(&pool->lock);
	((struct z3fold_handle *)*handle)->name = name;
	spin_unlock(&pool->lock);
}

/* In the kernel's order, until one cannot be evicted. */
static void evict_page(struct z3fold_pool *pool,
		       const struct z3fold_header *zhdr)
{
	static const enum buddy order[] = { HEADLESS, MIDDLE, FIRST, LAST };
	const struct z3fold_handle *handle;
	unsigned long name = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(order); i++) {
		spin_lock(&pool->lock);
		handle = zhdr->object[order[i]];
		if (handle)
			name = handle->name;
		spin_unlock(&pool->lock);
		if (handle && pool->evict(pool->evict_data, name))
			return;
	}
}

/* The least recent page whose objects are all its own. */
static struct z3fold_header *claim_page(struct z3fold_pool *pool)
{
	struct z3fold_header *zhdr;

	list_for_each_entry_reverse(zhdr, &pool->lru, lru) {
		if (zhdr->foreign_handles)
			continue;
		list_del_init(&zhdr->lru);
		list_del_init(&zhdr->buddy);
		zhdr->claimed = true;
		zhdr->refcount++;
		pool->claimed_nr++;
		return zhdr;
	}
	return NULL;
}

/*
 * z3fold_reclaim_page. A claimed page is in no list, so that no object comes into
 * it. One that could not be emptied goes to the front of the LRU.
 */
static int z3fold_shrink(void *priv)
{
	struct z3fold_pool *pool = priv;
	struct z3fold_header *zhdr;
	int err = -EAGAIN;
	unsigned int i;

	spin_lock(&pool->lock);
	if (!pool->evict || list_empty(&pool->lru))
		err = -EINVAL;
	for (i = 0; err == -EAGAIN && i < Z3FOLD_RECLAIM_RETRIES; i++) {
		zhdr = claim_page(pool);
		if (!zhdr)
			break;
		spin_unlock(&pool->lock);
		evict_page(pool, zhdr);
		spin_lock(&pool->lock);

		pool->claimed_nr--;
		if (put_page_ref(pool, zhdr)) {
			err = 0;
			break;
		}
		zhdr->claimed = false;
		list_add(&zhdr->lru, &pool->lru);
		if (!zhdr->object[HEADLESS])
			add_to_unbuddied(pool, zhdr);
	}
	spin_unlock(&pool->lock);
	return err;
}

/*********************************
* check
**********************************/
static bool objects_are_valid(const struct z3fold_header *zhdr)
{
	unsigned int middle = zhdr->start_middle, foreign = 0, bud;
	const struct z3fold_handle *handle;

	for (bud = HEADLESS; bud < NR_BUDDIES; bud++) {
		handle = zhdr->object[bud];
		if (!handle != !zhdr->chunks[bud])
			return false;
		if (!handle)
			continue;
		if (handle->zhdr != zhdr || handle->buddy != bud)
			return false;
		foreign += handle->foreign;
	}
	if (foreign != zhdr->foreign_handles)
		return false;
	if (zhdr->object[HEADLESS])
		return nr_objects(zhdr) == 1 && list_empty(&zhdr->buddy);
	if (zhdr->object[MIDDLE])
		return middle >= ZHDR_CHUNKS + zhdr->chunks[FIRST] &&
		       middle + zhdr->chunks[MIDDLE] + zhdr->chunks[LAST] <=
			       TOTAL_CHUNKS;
	return zhdr->chunks[FIRST] + zhdr->chunks[LAST] <= (int)NCHUNKS;
}

static bool page_is_valid(const struct z3fold_pool *pool,
			  const struct z3fold_header *zhdr)
{
	/* a page with no object is one that waits for its work to free it */
	return zhdr->lru.next->prev == &zhdr->lru &&
	       zhdr->buddy.next->prev == &zhdr->buddy && !zhdr->claimed &&
	       zhdr->refcount &&
	       zhdr->refcount == nr_objects(zhdr) + zhdr->needs_compacting &&
	       zhdr->needs_compacting == !list_empty(&zhdr->work) &&
	       zhdr->middle_mapped <= zhdr->mapped_count &&
	       !zhdr->mem == pool->lengths_only && objects_are_valid(zhdr);
}

/* Only a page that is full, headless or waiting for its work is in no list. */
static bool must_be_listed(const struct z3fold_header *zhdr)
{
	return !zhdr->needs_compacting && !zhdr->object[HEADLESS] &&
	       nr_objects(zhdr) < 3;
}

static int z3fold_check(void *priv)
{
	struct z3fold_pool *pool = priv;
	u64 nr, in_lru = 0, listed = 0, found = 0;
	struct z3fold_header *zhdr;
	bool valid = true;
	unsigned int i;

	spin_lock(&pool->lock);
	nr = atomic64_read(&pool->account.pages) - pool->claimed_nr;
	list_for_each_entry(zhdr, &pool->lru, lru) {
		/* more than there are: the list is a loop */
		if (in_lru++ == nr || !page_is_valid(pool, zhdr) ||
		    (must_be_listed(zhdr) && list_empty(&zhdr->buddy))) {
			valid = false;
			break;
		}
		listed += !list_empty(&zhdr->buddy);
	}
	for (i = 0; valid && i < NCHUNKS; i++) {
		valid = list_empty(&pool->unbuddied[i]) ||
			(pool->listed >> i & 1);
		list_for_each_entry(zhdr, &pool->unbuddied[i], buddy) {
			if (found++ == listed ||
			    (must_be_listed(zhdr) &&
			     num_free_chunks(zhdr) != i)) {
				valid = false;
				break;
			}
		}
	}
	if (in_lru != nr || found != listed)
		valid = false;
	spin_unlock(&pool->lock);
	return valid ? 0 : -EUCLEAN;
}

/*********************************
* pools
**********************************/
static const struct zpool_account *z3fold_account(void *priv)
{
	struct z3fold_pool *pool = priv;

	return &pool->account;
}

static void *z3fold_create_pool(const struct zpool_config *config)
{
	struct z3fold_pool *pool = kzalloc(sizeof(*pool), GFP_KERNEL);
	unsigned int i;

	if (!pool)
		return NULL;
	pool->handle_cachep = kmem_cache_create("z3fold_handle",
						sizeof(struct z3fold_handle),
						0, 0, NULL);
	pool->header_cachep = KMEM_CACHE(z3fold_header, 0);
	if (!pool->handle_cachep || !pool->header_cachep) {
		kmem_cache_destroy(pool->handle_cachep);
		kmem_cache_destroy(pool->header_cachep);
		kfree(pool);
		return NULL;
	}
	BUILD_BUG_ON(NCHUNKS > 64);
	spin_lock_init(&pool->lock);
	for (i = 0; i < NCHUNKS; i++)
		INIT_LIST_HEAD(&pool->unbuddied[i]);
	INIT_LIST_HEAD(&pool->lru);
	INIT_LIST_HEAD(&pool->work);
	atomic64_set(&pool->account.pages, 0);
	pool->evict = config->evict;
	pool->evict_data = config->evict_data;
	pool->lengths_only = config->lengths_only;
	return pool;
}

static void z3fold_destroy_pool(void *priv)
{
	struct z3fold_pool *pool = priv;

	z3fold_work(pool);
	WARN_ON_ONCE(atomic64_read(&pool->account.pages));
	kmem_cache_destroy(pool->handle_cachep);
	kmem_cache_destroy(pool->header_cachep);
	kfree(pool);
}

const struct zpool_ops zpool_z3fold = {
	.name = "z3fold",
	.create = z3fold_create_pool,
	.destroy = z3fold_destroy_pool,
	.malloc = z3fold_malloc,
	.free = z3fold_free,
	.obj_write = z3fold_obj_write,
	.obj_read_begin = z3fold_obj_read_begin,
	.obj_read_end = z3fold_obj_read_end,
	.account = z3fold_account,
	.prefetch_free = z3fold_prefetch_free,
	.set_name = z3fold_set_name,
	.shrink = z3fold_shrink,
	.work = z3fold_work,
	.check = z3fold_check,
};
