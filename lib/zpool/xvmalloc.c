/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xvmalloc.c - the allocator of zram and zcache in the staging tree until 3.3,
 * as in drivers/staging/zram/xvmalloc.c of Linux 2.6.3x: after TLSF, the
 * two-level segregated fit of Masmano and others (2004), inside of single pages.
 *
 * A page is tiled by blocks, each with a header of 4 bytes. A block never
 * crosses a page, so an object above half a page has it nearly to itself,
 * whatever the rest could hold: that is what zsmalloc was written to end.
 *
 * What differs from the kernel, and why:
 *
 *  - headers and free links stand in a descriptor for each block, because
 *    lengths_only has no bytes to keep them in. The neighbours in the page are
 *    found through a list instead of the size and the offset of the previous
 *    block with its "previous is free" flag. The 4 bytes still count;
 *  - requests of 4089 to 4092 bytes, within the kernel's stated limit, get a page.
 *    There the search for them begins behind the last list, finds nothing even in
 *    a new page, and fails. zram asked for no more than 3072, so nobody noticed;
 *  - headers and alignment are of 4 bytes. The last versions had 8 on 64-bit
 *    machines;
 *  - a raw page of 4096 bytes has no room: -ENOSPC. zram gave such a page
 *    a page of its own, past the allocator.
 */
#include <linux/align.h>
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/list.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "zpool/zpool.h"

/* The header's size, and what sizes are rounded up to. */
#define XV_ALIGN 4u
#define XV_MIN_ALLOC_SIZE 32u
#define XV_MAX_ALLOC_SIZE ((unsigned int)PAGE_SIZE - XV_ALIGN)
/* Each free list holds the sizes of one step. */
#define FL_DELTA 8u
#define NUM_FREE_LISTS \
	((XV_MAX_ALLOC_SIZE - XV_MIN_ALLOC_SIZE) / FL_DELTA + 1)
#define MAX_FLI DIV_ROUND_UP(NUM_FREE_LISTS, BITS_PER_LONG)
/* What find_list says when no list has a block. */
#define NO_LIST NUM_FREE_LISTS

/**
 * struct xv_block - a piece of a page; the handle of an object is its address
 * @page:    fixed
 * @in_page: in xv_page.blocks, by offset
 * @link:    in a free list; empty when in use, or too small for any list
 * @offset:  of the header in the page; fixed
 * @size:    of the payload, a multiple of XV_ALIGN; changes only while free
 * @len:     what malloc was asked for; 0: free
 *
 * @page, @offset and @len are fixed while the object lives, and so are its bytes
 * but for the holder of the handle: reading and writing take no lock.
 */
struct xv_block {
	struct xv_page *page;
	struct list_head in_page;
	struct list_head link;
	u16 offset;
	u16 size;
	u16 len;
};

/**
 * struct xv_page - a page
 * @list:   in xv_pool.pages, for check
 * @blocks: tile the page; no two neighbours are free, and one is in use
 * @mem:    the bytes; NULL when lengths_only
 */
struct xv_page {
	struct list_head list;
	struct list_head blocks;
	unsigned char *mem;
};

/**
 * struct xv_pool - an instance
 * @lock:         protects everything but what is fixed; never held over an
 *                allocation of memory
 * @flbitmap:     a bit for each word of @slbitmap that is not 0
 * @slbitmap:     a bit for each list of @freelist that is not empty
 * @freelist:     free blocks by size, the one freed last in front
 * @pages:        every page
 * @account:      its pages are their number; written under @lock
 * @lengths_only: pages have no memory
 */
struct xv_pool {
	spinlock_t lock;
	unsigned long flbitmap;
	unsigned long slbitmap[MAX_FLI];
	struct list_head freelist[NUM_FREE_LISTS];
	struct list_head pages;
	struct zpool_account account;
	bool lengths_only;
};

static struct xv_block *handle_to_block(const unsigned long *handle)
{
	return (struct xv_block *)*handle;
}

/*********************************
* free lists
**********************************/
/* get_index_for_insert: the list whose every block is at most that large. */
static unsigned int get_index_for_insert(unsigned int size)
{
	return (size - XV_MIN_ALLOC_SIZE) / FL_DELTA;
}

/*
 * get_index: the list whose every block is large enough. So a free block that
 * would fit is passed over when its size is no multiple of FL_DELTA.
 */
static unsigned int get_index(unsigned int size)
{
	unsigned int index;

	if (size < XV_MIN_ALLOC_SIZE)
		size = XV_MIN_ALLOC_SIZE;
	index = DIV_ROUND_UP(size - XV_MIN_ALLOC_SIZE, FL_DELTA);
	/* the last list holds no block but that of a whole page */
	return index < NUM_FREE_LISTS ? index : NUM_FREE_LISTS - 1;
}

/* find_block: the first list from get_index on that has a block, or NO_LIST. */
static unsigned int find_list(const struct xv_pool *pool, unsigned int size)
{
	unsigned int index = get_index(size);
	unsigned int fl = index / BITS_PER_LONG;
	unsigned long sl = pool->slbitmap[fl] & ~0ul << index % BITS_PER_LONG;
	unsigned long words;

	if (!sl) {
		words = pool->flbitmap & ~0ul << (fl + 1);
		if (!words)
			return NO_LIST;
		fl = __ffs(words);
		sl = pool->slbitmap[fl];
	}
	return fl * BITS_PER_LONG + __ffs(sl);
}

/* A block below the least size is in no list: lost until a neighbour is freed. */
static void insert_block(struct xv_pool *pool, struct xv_block *block)
{
	unsigned int index;

	if (block->size < XV_MIN_ALLOC_SIZE)
		return;
	index = get_index_for_insert(block->size);
	list_add(&block->link, &pool->freelist[index]);
	__set_bit(index % BITS_PER_LONG, &pool->slbitmap[index / BITS_PER_LONG]);
	__set_bit(index / BITS_PER_LONG, &pool->flbitmap);
}

static void remove_block(struct xv_pool *pool, struct xv_block *block)
{
	unsigned int index, fl;

	if (block->size < XV_MIN_ALLOC_SIZE)
		return;
	index = get_index_for_insert(block->size);
	list_del_init(&block->link);
	if (!list_empty(&pool->freelist[index]))
		return;
	fl = index / BITS_PER_LONG;
	__clear_bit(index % BITS_PER_LONG, &pool->slbitmap[fl]);
	if (!pool->slbitmap[fl])
		__clear_bit(fl, &pool->flbitmap);
}

/*********************************
* pages
**********************************/
static struct xv_block *alloc_block(void)
{
	struct xv_block *block = kzalloc(sizeof(*block), GFP_KERNEL);

	if (block)
		INIT_LIST_HEAD(&block->link);
	return block;
}

static void free_page_of(struct xv_page *page)
{
	struct xv_block *block, *next;

	list_for_each_entry_safe(block, next, &page->blocks, in_page)
		kfree(block);
	kfree(page->mem);
	kfree(page);
}

/* A page that is one free block, not yet in the pool. */
static struct xv_page *alloc_page_for(const struct xv_pool *pool)
{
	struct xv_page *page = kzalloc(sizeof(*page), GFP_KERNEL);
	struct xv_block *block;

	if (!page)
		return NULL;
	INIT_LIST_HEAD(&page->blocks);
	if (!pool->lengths_only) {
		page->mem = kmalloc(PAGE_SIZE, GFP_KERNEL);
		if (!page->mem)
			goto fail;
	}
	block = alloc_block();
	if (!block)
		goto fail;
	block->page = page;
	block->size = XV_MAX_ALLOC_SIZE;
	list_add(&block->in_page, &page->blocks);
	return page;
fail:
	free_page_of(page);
	return NULL;
}

/* grow_pool */
static void add_page(struct xv_pool *pool, struct xv_page *page)
{
	list_add(&page->list, &pool->pages);
	atomic64_add(1, &pool->account.pages);
	insert_block(pool, list_first_entry(&page->blocks, struct xv_block,
					    in_page));
}

/*********************************
* blocks
**********************************/
/* NULL at the ends of the page. */
static struct xv_block *prev_block(struct xv_block *block)
{
	if (block->in_page.prev == &block->page->blocks)
		return NULL;
	return list_entry(block->in_page.prev, struct xv_block, in_page);
}

static struct xv_block *next_block(struct xv_block *block)
{
	if (block->in_page.next == &block->page->blocks)
		return NULL;
	return list_entry(block->in_page.next, struct xv_block, in_page);
}

/*
 * Takes a block for an object of @len bytes, with @rest to describe what remains
 * of it; *used_rest says whether something did. NULL: no block is large enough.
 */
static struct xv_block *take_block(struct xv_pool *pool, unsigned int len,
				   struct xv_block *rest, bool *used_rest)
{
	unsigned int size = ALIGN(len, XV_ALIGN);
	unsigned int index = find_list(pool, size);
	struct xv_block *block;

	*used_rest = false;
	if (index == NO_LIST)
		return NULL;
	block = list_first_entry(&pool->freelist[index], struct xv_block, link);
	remove_block(pool, block);

	/* always split, were it for a header without payload */
	if (block->size > size) {
		rest->page = block->page;
		rest->offset = block->offset + XV_ALIGN + size;
		rest->size = block->size - size - XV_ALIGN;
		list_add(&rest->in_page, &block->in_page);
		insert_block(pool, rest);
		*used_rest = true;
	}
	block->size = size;
	block->len = len;
	return block;
}

/* Makes one block of @block and the one behind it; neither is in a list. */
static void merge_blocks(struct xv_block *block, struct xv_block *next)
{
	block->size += next->size + XV_ALIGN;
	list_del(&next->in_page);
	kfree(next);
}

/*********************************
* verbs
**********************************/
static void *xv_create(const struct zpool_config *config)
{
	struct xv_pool *pool = kzalloc(sizeof(*pool), GFP_KERNEL);
	unsigned int i;

	if (!pool)
		return NULL;
	spin_lock_init(&pool->lock);
	for (i = 0; i < NUM_FREE_LISTS; i++)
		INIT_LIST_HEAD(&pool->freelist[i]);
	INIT_LIST_HEAD(&pool->pages);
	atomic64_set(&pool->account.pages, 0);
	pool->lengths_only = config->lengths_only;
	return pool;
}

static void xv_destroy(void *priv)
{
	struct xv_pool *pool = priv;

	WARN_ON_ONCE(!list_empty(&pool->pages));
	kfree(pool);
}

static int xv_malloc(void *priv, size_t size, unsigned long *handle)
{
	struct xv_pool *pool = priv;
	struct xv_block *block, *rest;
	struct xv_page *page = NULL;
	bool used_rest;

	if (!size)
		return -EINVAL;
	if (size > XV_MAX_ALLOC_SIZE)
		return -ENOSPC;
	rest = alloc_block();
	if (!rest)
		return -ENOMEM;

	spin_lock(&pool->lock);
	block = take_block(pool, size, rest, &used_rest);
	spin_unlock(&pool->lock);
	if (!block) {
		page = alloc_page_for(pool);
		if (!page) {
			kfree(rest);
			return -ENOMEM;
		}
		spin_lock(&pool->lock);
		/* another thread may have freed a block meanwhile */
		block = take_block(pool, size, rest, &used_rest);
		if (!block) {
			add_page(pool, page);
			block = take_block(pool, size, rest, &used_rest);
			page = NULL;
		}
		spin_unlock(&pool->lock);
	}
	if (page)
		free_page_of(page);
	if (!used_rest)
		kfree(rest);

	*handle = (unsigned long)block;
	return 0;
}

static void xv_free(void *priv, const unsigned long *handle)
{
	struct xv_block *block = handle_to_block(handle), *near;
	struct xv_pool *pool = priv;
	struct xv_page *page = block->page;

	spin_lock(&pool->lock);
	WARN_ON_ONCE(!block->len);
	block->len = 0;
	near = next_block(block);
	if (near && !near->len) {
		remove_block(pool, near);
		merge_blocks(block, near);
	}
	near = prev_block(block);
	if (near && !near->len) {
		remove_block(pool, near);
		merge_blocks(near, block);
		block = near;
	}
	if (block->size < XV_MAX_ALLOC_SIZE) {
		insert_block(pool, block);
		page = NULL;
	} else {
		list_del(&page->list);
		atomic64_sub(1, &pool->account.pages);
	}
	spin_unlock(&pool->lock);
	if (page)
		free_page_of(page);
}

static unsigned char *block_bytes(const struct xv_block *block)
{
	return block->page->mem + block->offset + XV_ALIGN;
}

static void xv_obj_write(void *priv, const unsigned long *handle,
			 const void *src, size_t len)
{
	struct xv_block *block = handle_to_block(handle);
	struct xv_pool *pool = priv;

	if (pool->lengths_only || WARN_ON_ONCE(len > block->len))
		return;
	memcpy(block_bytes(block), src, len);
}

static const void *xv_obj_read_begin(void *priv, const unsigned long *handle,
				     size_t len, void *local_copy)
{
	struct xv_block *block = handle_to_block(handle);

	WARN_ON_ONCE(len > block->len);
	return block_bytes(block);
}

static void xv_obj_read_end(void *priv, const unsigned long *handle,
			    const void *mem)
{
	WARN_ON_ONCE(mem != block_bytes(handle_to_block(handle)));
}

static const struct zpool_account *xv_account(void *priv)
{
	struct xv_pool *pool = priv;

	return &pool->account;
}

/*********************************
* check
**********************************/
static bool block_sound(const struct xv_block *block)
{
	bool listed = !list_empty(&block->link);

	if (block->size % XV_ALIGN)
		return false;
	if (block->len)
		return !listed && ALIGN(block->len, XV_ALIGN) == block->size;
	return listed == (block->size >= XV_MIN_ALLOC_SIZE);
}

/* The blocks tile the page and free ones are merged; *listed: those in lists. */
static bool page_sound(const struct xv_page *page, u64 *listed)
{
	const struct xv_block *block;
	unsigned int offset = 0;
	bool prev_free = false, in_use = false;

	list_for_each_entry(block, &page->blocks, in_page) {
		if (block->page != page || block->offset != offset ||
		    block->in_page.next->prev != &block->in_page ||
		    !block_sound(block) || (prev_free && !block->len))
			return false;
		offset += XV_ALIGN + block->size;
		if (offset > PAGE_SIZE)
			return false;
		prev_free = !block->len;
		in_use = in_use || block->len;
		*listed += !list_empty(&block->link);
	}
	return offset == PAGE_SIZE && in_use;
}

/* A list holds free blocks of its sizes; the bits say which have one. */
static bool freelist_sound(const struct xv_pool *pool, unsigned int index,
			   u64 *left)
{
	const struct list_head *head = &pool->freelist[index];
	unsigned int fl = index / BITS_PER_LONG;
	const struct xv_block *block;

	if (list_empty(head) ==
	    test_bit(index % BITS_PER_LONG, &pool->slbitmap[fl]))
		return false;
	list_for_each_entry(block, head, link) {
		if (!*left || block->len || block->size < XV_MIN_ALLOC_SIZE ||
		    get_index_for_insert(block->size) != index ||
		    block->link.next->prev != &block->link)
			return false;
		--*left;
	}
	return true;
}

static bool pool_sound(const struct xv_pool *pool)
{
	u64 left = atomic64_read(&pool->account.pages), listed = 0;
	const struct xv_page *page;
	unsigned int i;

	list_for_each_entry(page, &pool->pages, list) {
		if (!left-- || page->list.next->prev != &page->list ||
		    !page->mem != pool->lengths_only ||
		    !page_sound(page, &listed))
			return false;
	}
	if (left)
		return false;
	for (i = 0; i < NUM_FREE_LISTS; i++) {
		if (!freelist_sound(pool, i, &listed))
			return false;
	}
	for (i = 0; i < BITS_PER_LONG; i++) {
		if (test_bit(i, &pool->flbitmap) !=
		    (i < MAX_FLI && pool->slbitmap[i]))
			return false;
	}
	return !listed;
}

/*
 * Every page is tiled by its blocks, one of them in use and no two neighbours
 * free; the lists hold just the free blocks of 32 bytes and more, each by its
 * size; both levels of bits agree with the lists, the count with the pages.
 */
static int xv_check(void *priv)
{
	struct xv_pool *pool = priv;
	bool sound;

	spin_lock(&pool->lock);
	sound = pool_sound(pool);
	spin_unlock(&pool->lock);
	return sound ? 0 : -EUCLEAN;
}

const struct zpool_ops zpool_xvmalloc = {
	.name = "xvmalloc",
	.create = xv_create,
	.destroy = xv_destroy,
	.malloc = xv_malloc,
	.free = xv_free,
	.obj_write = xv_obj_write,
	.obj_read_begin = xv_obj_read_begin,
	.obj_read_end = xv_obj_read_end,
	.account = xv_account,
	.check = xv_check,
};
