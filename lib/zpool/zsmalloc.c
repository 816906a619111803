/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * zsmalloc.c - the allocator of zswap and zram, as in mm/zsmalloc.c of Linux
 * 6.3 to 7.2: the same classes, the same choice of zspage, the same pages. With
 * zpool_config.used_percent it is that of Linux 6.1; what was different then is a
 * row of rules (struct zs_rules), chosen at create.
 *
 * Objects of one class fill zspages, chains of 1 to 16 pages in which an object
 * may straddle two of them. The names are the kernel's. What differs, and why:
 *
 *  - the pages of a zspage are one piece of memory, so that every object is
 *    linear and no reader needs a copy;
 *  - what the kernel keeps in the 8 bytes in front of each object (handle or
 *    free link) stands in an array of the zspage, because lengths_only has no
 *    bytes to keep it in. The 8 bytes still count in the arithmetic;
 *  - the word that a handle leads to is the user's (zswap/ops.h), not of a cache;
 *  - a zspage that becomes empty is always freed at once. The kernel defers
 *    it when a page of it happens to be locked; nobody locks pages here.
 */
#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/prefetch.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "zpool/zpool.h"

#define ZS_HANDLE_SIZE (sizeof(unsigned long))
#define ZS_MIN_ALLOC_SIZE 32
#define ZS_MAX_ALLOC_SIZE PAGE_SIZE
#define ZS_SIZE_CLASS_DELTA (PAGE_SIZE >> 8)
#define ZS_SIZE_CLASSES                                                        \
	(DIV_ROUND_UP(ZS_MAX_ALLOC_SIZE - ZS_MIN_ALLOC_SIZE,                   \
		      ZS_SIZE_CLASS_DELTA) +                                   \
	 1)

#define ZS_MAX_CHAIN_SIZE 16

/*
 * Descriptors of zspages, by the length of their arrays: a cache for each of these
 * sizes, and malloc for what is larger.
 */
#define ZSPAGE_CACHE_SHIFT 6
#define ZSPAGE_CACHES 32

/* The low bit of a slot: set when the slot holds the handle of an object. */
#define OBJ_ALLOCATED_TAG 1ul
#define OBJ_TAG_BITS 1

/*
 * What is behind a handle, from the top: a zspage, whose address has 48 bits of which
 * the lowest ZSPAGE_ALIGN_SHIFT are 0; a slot of it; its class.
 */
#define ZSPAGE_ADDRESS_BITS 48
#define ZSPAGE_ALIGN_SHIFT 4
#define ZSPAGE_ALIGN (1u << ZSPAGE_ALIGN_SHIFT)
#define OBJ_CLASS_BITS 8
#define OBJ_INDEX_BITS 12
#define OBJ_ZSPAGE_SHIFT (OBJ_CLASS_BITS + OBJ_INDEX_BITS)

/*
 * Groups of zspages by use: ZS_INUSE_RATIO_10 is "up to 9 %", and so on in tens.
 * No zspage is ever in group 0 between two calls: it is freed instead. Before 6.3
 * there were four groups, of which ALMOST_EMPTY is the lowest that is not 0 here
 * and ALMOST_FULL the highest that is not full.
 */
enum fullness_group {
	ZS_INUSE_RATIO_0,
	ZS_INUSE_RATIO_10,
	ZS_ALMOST_EMPTY = ZS_INUSE_RATIO_10,
	ZS_INUSE_RATIO_99 = 10,
	ZS_ALMOST_FULL = ZS_INUSE_RATIO_99,
	ZS_INUSE_RATIO_100,
	NR_FULLNESS_GROUPS,
};

/*
 * Locking.
 *
 * size_class.lock protects all of a class: its lists, its zspages with their
 * slots and reader counts, and the place (zspage, obj) behind its handles. Compaction
 * holds it while it moves objects. zs_pool.lock nests inside and is taken only
 * when a zspage is made or freed. No lock is held over an allocation of memory.
 *
 * The bytes of an object belong to the holder of its handle; two holders of two
 * handles never wait for each other's copy. A reader or writer pins the zspage
 * (zspage.readers, under the class lock), lets go of the lock, and copies:
 *
 *  - compaction takes no object out of a pinned zspage, so the bytes stay. It may
 *    put objects in; those land in free slots that no pointer leads to;
 *  - free of another object cannot free the zspage, as the pinned object lives;
 *  - free of the pinned object itself is the caller's mistake.
 *
 * To find the lock, a verb needs the class before it may look at the place: the
 * class behind a handle never changes and is read without a lock.
 */

/**
 * struct size_class - the zspages for objects of one size
 * @lock:              see above
 * @fullness_list:     zspages by group; newest first, but see @fuller_first
 * @fuller_first:      insert_zspage of 6.1: the first of a group stays in front of
 *                     a newer one that is less used; fixed
 * @index:             largest index of those merged into this class; fixed
 * @size:              of an object, handle included; fixed
 * @objs_per_zspage:   fixed
 * @pages_per_zspage:  fixed
 * @zspage_cachep:     of their descriptors; NULL: malloc; fixed
 * @nr_zspages:        written under @lock and zs_pool.lock, read under either
 * @objs_inuse:        live objects in all zspages
 * @group:             the group of a zspage by its number of live objects; fixed
 */
struct size_class {
	spinlock_t lock;
	struct list_head fullness_list[NR_FULLNESS_GROUPS];
	bool fuller_first;
	unsigned int index;
	unsigned int size;
	unsigned int objs_per_zspage;
	unsigned int pages_per_zspage;
	struct kmem_cache *zspage_cachep;
	u64 nr_zspages;
	u64 objs_inuse;
	u8 group[];
};

/**
 * struct zspage - a chain of pages cut into objects; under size_class.lock
 * @list:     in a fullness_list of its class
 * @mem:      the pages; NULL when lengths_only
 * @readers:  pins: while not 0, no object moves out of here
 * @inuse:    live objects
 * @freeobj:  first free slot, objs_per_zspage when full
 * @fullness: the group whose list it is in
 * @class:    index of its class
 * @slot:     one word for each object: its handle with OBJ_ALLOCATED_TAG, or the
 *            number of the next free slot, shifted by OBJ_TAG_BITS
 *
 * Free slots form a stack, so that the slot freed last is used first; a fresh
 * zspage hands out 0, 1, 2...
 */
struct zspage {
	struct list_head list;
	unsigned char *mem;
	unsigned int readers;
	u16 inuse;
	u16 freeobj;
	u16 fullness;
	u16 class;
	unsigned long slot[];
};

struct zs_pool;

/**
 * struct zs_rules - what has changed between kernels
 * @chain_size:           default and, before it could be configured, only choice
 * @calculate_chain_size: pages of a zspage for objects of some size
 * @fullness_group:       group of a zspage with some, but not all objects live
 * @fuller_first:         see struct size_class
 * @compact_class:        returns the pages given back
 * @too_large:            the error for more than a page
 */
struct zs_rules {
	unsigned int chain_size;
	unsigned int (*calculate_chain_size)(unsigned int size,
					     unsigned int chain_max);
	enum fullness_group (*fullness_group)(unsigned int inuse,
					      unsigned int objs);
	bool fuller_first;
	u64 (*compact_class)(struct zs_pool *pool, struct size_class *class);
	int too_large;
};

/**
 * struct zs_pool - an instance
 * @size_class:             for each index; merged indices share a class
 * @zspage_cachep:          struct zspage, by size; made when a class needs it
 * @lock:                   keeps the two sums equal to those of the classes
 * @account:                written under @lock
 * @compaction_in_progress: one runner at a time
 * @rules:                  of the kernel that is modelled
 * @lengths_only:           zspages have no memory
 */
struct zs_pool {
	struct size_class *size_class[ZS_SIZE_CLASSES];
	struct kmem_cache *zspage_cachep[ZSPAGE_CACHES];
	spinlock_t lock;
	struct zpool_account account;
	atomic_t compaction_in_progress;
	const struct zs_rules *rules;
	bool lengths_only;
};

/*********************************
* classes
**********************************/
/* The index for a request that already contains the handle. */
static unsigned int get_size_class_index(size_t size)
{
	unsigned int index = 0;

	if (size > ZS_MIN_ALLOC_SIZE)
		index = DIV_ROUND_UP(size - ZS_MIN_ALLOC_SIZE,
				     ZS_SIZE_CLASS_DELTA);
	/*
	 * 4089..4096 bytes and a handle exceed the largest class. Its zspage is
	 * one page with one object, whose handle the kernel keeps in the page's
	 * descriptor, so that the payload may be the whole page.
	 */
	return index < ZS_SIZE_CLASSES ? index : ZS_SIZE_CLASSES - 1;
}

/*
 * The shortest chain with the fewest bytes left over (6.3 and later). The kernel
 * gives powers of two one page without looking: they leave nothing over there.
 */
static unsigned int calculate_zspage_chain_size(unsigned int size,
						unsigned int chain_max)
{
	unsigned int chain_size = 1, min_waste = size, i;

	for (i = 1; i <= chain_max; i++) {
		unsigned int waste = i * PAGE_SIZE % size;

		if (waste < min_waste) {
			min_waste = waste;
			chain_size = i;
		}
	}
	return chain_size;
}

/* The shortest chain with the most full percents in use (until 6.2). */
static unsigned int calculate_usedpc_chain_size(unsigned int size,
						unsigned int chain_max)
{
	unsigned int chain_size = 1, max_usedpc = 0, i;

	for (i = 1; i <= chain_max; i++) {
		unsigned int bytes = i * PAGE_SIZE;
		unsigned int usedpc = (bytes - bytes % size) * 100 / bytes;

		if (usedpc > max_usedpc) {
			max_usedpc = usedpc;
			chain_size = i;
		}
	}
	return chain_size;
}

static enum fullness_group inuse_ratio_group(unsigned int inuse,
					     unsigned int objs)
{
	return 100 * inuse / objs / 10 + 1;
}

/* Until 6.2: the kernel's "fraction of 4" means three quarters. */
static enum fullness_group almost_group(unsigned int inuse, unsigned int objs)
{
	return inuse <= 3 * objs / 4 ? ZS_ALMOST_EMPTY : ZS_ALMOST_FULL;
}

static size_t zspage_bytes(unsigned int objs)
{
	return offsetof(struct zspage, slot[objs]);
}

/* false: out of memory; *cachep is NULL where there is no cache for as many objects. */
static bool zspage_cache(struct zs_pool *pool, unsigned int objs,
			 struct kmem_cache **cachep)
{
	size_t nr = (zspage_bytes(objs) - 1) >> ZSPAGE_CACHE_SHIFT;

	*cachep = NULL;
	if (nr >= ZSPAGE_CACHES)
		return true;
	if (!pool->zspage_cachep[nr])
		pool->zspage_cachep[nr] = kmem_cache_create(
			"zspage", (nr + 1) << ZSPAGE_CACHE_SHIFT, ZSPAGE_ALIGN,
			0, NULL);
	*cachep = pool->zspage_cachep[nr];
	return *cachep;
}

static struct size_class *create_size_class(struct zs_pool *pool,
					    unsigned int index,
					    unsigned int size,
					    unsigned int pages)
{
	unsigned int objs = pages * PAGE_SIZE / size, fg, i;
	const struct zs_rules *rules = pool->rules;
	struct size_class *class;

	class = kzalloc(sizeof(*class) + objs + 1, GFP_KERNEL);
	if (!class)
		return NULL;
	if (!zspage_cache(pool, objs, &class->zspage_cachep)) {
		kfree(class);
		return NULL;
	}
	spin_lock_init(&class->lock);
	for (fg = 0; fg < NR_FULLNESS_GROUPS; fg++)
		INIT_LIST_HEAD(&class->fullness_list[fg]);
	class->index = index;
	class->size = size;
	class->pages_per_zspage = pages;
	class->objs_per_zspage = objs;
	class->fuller_first = rules->fuller_first;
	for (i = 1; i < objs; i++)
		class->group[i] = rules->fullness_group(i, objs);
	class->group[objs] = ZS_INUSE_RATIO_100;
	return class;
}

/*
 * From the largest size downwards; a size whose zspage would have as many pages
 * and objects as the one above it uses that class.
 */
static int create_size_classes(struct zs_pool *pool, unsigned int chain_max)
{
	struct size_class *prev = NULL;
	unsigned int i, size, pages;

	for (i = ZS_SIZE_CLASSES; i-- > 0;) {
		size = ZS_MIN_ALLOC_SIZE + i * ZS_SIZE_CLASS_DELTA;
		pages = pool->rules->calculate_chain_size(size, chain_max);

		if (!prev || prev->pages_per_zspage != pages ||
		    prev->objs_per_zspage != pages * PAGE_SIZE / size) {
			prev = create_size_class(pool, i, size, pages);
			if (!prev)
				return -ENOMEM;
		}
		pool->size_class[i] = prev;
	}
	return 0;
}

/*********************************
* zspages
**********************************/
static enum fullness_group get_fullness_group(const struct size_class *class,
					      const struct zspage *zspage)
{
	return class->group[zspage->inuse];
}

static void insert_zspage(struct size_class *class, struct zspage *zspage,
			  enum fullness_group fullness)
{
	struct list_head *head = &class->fullness_list[fullness];

	if (class->fuller_first && !list_empty(head) &&
	    zspage->inuse < list_first_entry(head, struct zspage, list)->inuse)
		head = head->next;
	list_add(&zspage->list, head);
	zspage->fullness = fullness;
}

/* A zspage that stays in its group keeps its place in the list. */
static enum fullness_group fix_fullness_group(struct size_class *class,
					      struct zspage *zspage)
{
	enum fullness_group fg = get_fullness_group(class, zspage);

	if (fg != zspage->fullness) {
		list_del(&zspage->list);
		insert_zspage(class, zspage, fg);
	}
	return fg;
}

/* The first zspage of the fullest group that has room. */
static struct zspage *find_get_zspage(struct size_class *class)
{
	unsigned int fg;

	for (fg = ZS_INUSE_RATIO_99; fg >= ZS_INUSE_RATIO_10; fg--)
		if (!list_empty(&class->fullness_list[fg]))
			return list_first_entry(&class->fullness_list[fg],
						struct zspage, list);
	return NULL;
}

/* Apart, as alloc_zspage: most frees and mallocs do without, and save no registers. */
static noinline void free_zspage(const struct size_class *class, struct zspage *zspage)
{
	kvfree(zspage->mem);
	if (class->zspage_cachep)
		kmem_cache_free(class->zspage_cachep, zspage);
	else
		kfree(zspage);
}

static noinline struct zspage *alloc_zspage(const struct zs_pool *pool,
				   const struct size_class *class)
{
	unsigned int nr = class->objs_per_zspage, i;
	struct zspage *zspage;

	zspage = class->zspage_cachep ?
			 kmem_cache_alloc(class->zspage_cachep, GFP_KERNEL) :
			 kmalloc(zspage_bytes(nr), GFP_KERNEL);
	if (!zspage)
		return NULL;

	zspage->mem = NULL;
	if (WARN_ON_ONCE((unsigned long)zspage >> ZSPAGE_ADDRESS_BITS ||
			 (unsigned long)zspage % ZSPAGE_ALIGN)) {
		free_zspage(class, zspage);
		return NULL;
	}
	if (!pool->lengths_only) {
		zspage->mem = kvmalloc(class->pages_per_zspage * PAGE_SIZE,
				       GFP_KERNEL);
		if (!zspage->mem) {
			free_zspage(class, zspage);
			return NULL;
		}
	}
	INIT_LIST_HEAD(&zspage->list);
	zspage->readers = 0;
	zspage->inuse = 0;
	zspage->freeobj = 0;
	zspage->fullness = ZS_INUSE_RATIO_0;
	zspage->class = class->index;
	for (i = 0; i < nr; i++)
		zspage->slot[i] = (unsigned long)(i + 1) << OBJ_TAG_BITS;
	return zspage;
}

/* Under class->lock: a zspage of @class comes into the pool's sums. */
static void account_zspage(struct zs_pool *pool, struct size_class *class)
{
	spin_lock(&pool->lock);
	class->nr_zspages++;
	atomic64_add(1, &pool->account.zspages);
	atomic64_add(class->pages_per_zspage, &pool->account.pages);
	spin_unlock(&pool->lock);
}

/* Under class->lock: takes an empty zspage out; the caller frees its memory. */
static void remove_zspage(struct zs_pool *pool, struct size_class *class,
			  struct zspage *zspage)
{
	list_del(&zspage->list);
	spin_lock(&pool->lock);
	class->nr_zspages--;
	atomic64_sub(1, &pool->account.zspages);
	atomic64_sub(class->pages_per_zspage, &pool->account.pages);
	spin_unlock(&pool->lock);
}

/* Without a lock: compaction changes the rest of the word. */
static struct size_class *handle_class(const struct zs_pool *pool,
				       const unsigned long *handle)
{
	return pool->size_class[READ_ONCE(*handle) &
				((1u << OBJ_CLASS_BITS) - 1)];
}

/* These under the class lock. */
static struct zspage *handle_zspage(const unsigned long *handle)
{
	return (struct zspage *)((*handle >> OBJ_ZSPAGE_SHIFT)
				 << ZSPAGE_ALIGN_SHIFT);
}

static unsigned int handle_obj(const unsigned long *handle)
{
	return (*handle >> OBJ_CLASS_BITS) & ((1u << OBJ_INDEX_BITS) - 1);
}

static void handle_set(unsigned long *handle, const struct zspage *zspage,
		       unsigned int obj)
{
	unsigned long address = (unsigned long)zspage >> ZSPAGE_ALIGN_SHIFT;

	WRITE_ONCE(*handle, address << OBJ_ZSPAGE_SHIFT |
				    obj << OBJ_CLASS_BITS | zspage->class);
}

/* Under the class lock: gives @handle the first free slot of @zspage. */
static void obj_malloc(struct zspage *zspage, unsigned long *handle)
{
	unsigned int obj = zspage->freeobj;

	zspage->freeobj = zspage->slot[obj] >> OBJ_TAG_BITS;
	zspage->slot[obj] = (unsigned long)handle | OBJ_ALLOCATED_TAG;
	zspage->inuse++;
	handle_set(handle, zspage, obj);
}

/* Of a slot that holds one. */
static unsigned long *slot_handle(const struct zspage *zspage, unsigned int obj)
{
	return (unsigned long *)(zspage->slot[obj] & ~OBJ_ALLOCATED_TAG);
}

static void obj_free(struct zspage *zspage, unsigned int obj)
{
	zspage->slot[obj] = (unsigned long)zspage->freeobj << OBJ_TAG_BITS;
	zspage->freeobj = obj;
	zspage->inuse--;
}

static unsigned char *obj_address(const struct size_class *class,
				  const struct zspage *zspage, unsigned int obj)
{
	return zspage->mem + (size_t)obj * class->size;
}

/*********************************
* malloc and free
**********************************/
static int zs_malloc(void *priv, size_t size, unsigned long *handle)
{
	struct zs_pool *pool = priv;
	struct size_class *class;
	struct zspage *zspage;

	if (!size)
		return -EINVAL;
	if (size > ZS_MAX_ALLOC_SIZE)
		return pool->rules->too_large;

	class = pool->size_class[get_size_class_index(size + ZS_HANDLE_SIZE)];
	spin_lock(&class->lock);
	zspage = find_get_zspage(class);
	if (zspage) {
		obj_malloc(zspage, handle);
		fix_fullness_group(class, zspage);
		goto out;
	}
	spin_unlock(&class->lock);

	/* As in the kernel, two callers who come here both make a zspage. */
	zspage = alloc_zspage(pool, class);
	if (!zspage)
		return -ENOMEM;

	spin_lock(&class->lock);
	obj_malloc(zspage, handle);
	insert_zspage(class, zspage, get_fullness_group(class, zspage));
	account_zspage(pool, class);
out:
	class->objs_inuse++;
	spin_unlock(&class->lock);
	return 0;
}

static void zs_free(void *priv, const unsigned long *handle)
{
	struct zs_pool *pool = priv;
	struct size_class *class = handle_class(pool, handle);
	struct zspage *zspage;
	bool empty;

	spin_lock(&class->lock);
	zspage = handle_zspage(handle);
	obj_free(zspage, handle_obj(handle));
	class->objs_inuse--;
	empty = fix_fullness_group(class, zspage) == ZS_INUSE_RATIO_0;
	if (empty) {
		WARN_ON_ONCE(zspage->readers);
		remove_zspage(pool, class, zspage);
	}
	spin_unlock(&class->lock);

	if (empty)
		free_zspage(class, zspage);
}

/* Link by link, each of all handles before the next (lib/env/prefetch.c). */
static void zs_prefetch_free(void *priv, const unsigned long *const *handle,
			     unsigned int nr)
{
	const struct zspage *zspage;
	unsigned int i;

	(void)priv;
	for (i = 0; i < nr; i++) {
		zspage = handle_zspage(handle[i]);
		prefetchw(zspage);
		prefetchw(&zspage->slot[handle_obj(handle[i])]);
	}
	for (i = 0; i < nr; i++) {
		zspage = handle_zspage(handle[i]);
		/* it may leave its group */
		prefetchw(zspage->list.prev);
		prefetchw(zspage->list.next);
	}
}

/*********************************
* access
**********************************/
/* Pins the object in its place and returns its bytes. */
static unsigned char *obj_pin(struct zs_pool *pool, const unsigned long *handle,
			      size_t len)
{
	struct size_class *class = handle_class(pool, handle);
	struct zspage *zspage;
	unsigned char *mem;

	WARN_ON_ONCE(len > class->size);
	spin_lock(&class->lock);
	zspage = handle_zspage(handle);
	zspage->readers++;
	mem = obj_address(class, zspage, handle_obj(handle));
	spin_unlock(&class->lock);
	return mem;
}

static void obj_unpin(struct zs_pool *pool, const unsigned long *handle)
{
	struct size_class *class = handle_class(pool, handle);
	struct zspage *zspage;

	spin_lock(&class->lock);
	zspage = handle_zspage(handle);
	WARN_ON_ONCE(!zspage->readers);
	zspage->readers--;
	spin_unlock(&class->lock);
}

static void zs_obj_write(void *priv, const unsigned long *handle,
			 const void *src, size_t len)
{
	struct zs_pool *pool = priv;

	if (pool->lengths_only)
		return;
	memcpy(obj_pin(pool, handle, len), src, len);
	obj_unpin(pool, handle);
}

static const void *zs_obj_read_begin(void *priv, const unsigned long *handle,
				     size_t len, void *local_copy)
{
	(void)local_copy;
	return obj_pin(priv, handle, len);
}

static void zs_obj_read_end(void *priv, const unsigned long *handle,
			    const void *mem)
{
	(void)mem;
	obj_unpin(priv, handle);
}

/*********************************
* compaction
**********************************/
/* Pages that would come free if the objects of @class stood close together. */
static u64 zs_can_compact(const struct size_class *class)
{
	u64 unused = class->nr_zspages * class->objs_per_zspage -
		     class->objs_inuse;

	return unused / class->objs_per_zspage * class->pages_per_zspage;
}

/* Takes the first zspage of the emptiest group out of its list. */
static struct zspage *isolate_src_zspage(struct size_class *class)
{
	struct zspage *zspage;
	unsigned int fg;

	for (fg = ZS_INUSE_RATIO_10; fg <= ZS_INUSE_RATIO_99; fg++) {
		if (list_empty(&class->fullness_list[fg]))
			continue;
		zspage = list_first_entry(&class->fullness_list[fg],
					  struct zspage, list);
		list_del(&zspage->list);
		return zspage;
	}
	return NULL;
}

/* And of the fullest. */
static struct zspage *isolate_dst_zspage(struct size_class *class)
{
	struct zspage *zspage = find_get_zspage(class);

	if (zspage)
		list_del(&zspage->list);
	return zspage;
}

/* Lists an isolated zspage again, in front of its group. */
static enum fullness_group putback_zspage(struct size_class *class,
					  struct zspage *zspage)
{
	enum fullness_group fg = get_fullness_group(class, zspage);

	insert_zspage(class, zspage, fg);
	return fg;
}

/* Moves objects, lowest slot first, until @src is empty or @dst full. */
static void migrate_zspage(const struct size_class *class, struct zspage *src,
			   struct zspage *dst)
{
	unsigned int nr = class->objs_per_zspage, obj;
	unsigned long *handle;

	for (obj = 0; obj < nr && dst->inuse < nr && src->inuse; obj++) {
		if (!(src->slot[obj] & OBJ_ALLOCATED_TAG))
			continue;
		handle = slot_handle(src, obj);
		obj_malloc(dst, handle);
		if (src->mem)
			memcpy(obj_address(class, dst, handle_obj(handle)),
			       obj_address(class, src, obj), class->size);
		obj_free(src, obj);
	}
}

/*
 * __zs_compact of 7.2. Each destination is filled before the next is chosen, and
 * the lock is let go in between, with nothing isolated.
 */
static u64 compact_class(struct zs_pool *pool, struct size_class *class)
{
	struct zspage *src, *dst = NULL;
	u64 pages_freed = 0;

	spin_lock(&class->lock);
	while (zs_can_compact(class)) {
		if (!dst)
			dst = isolate_dst_zspage(class);
		if (!dst)
			break;
		src = isolate_src_zspage(class);
		if (!src)
			break;
		if (src->readers) {
			/* the same source would be chosen again: give up */
			putback_zspage(class, src);
			break;
		}
		migrate_zspage(class, src, dst);
		if (putback_zspage(class, src) == ZS_INUSE_RATIO_0) {
			remove_zspage(pool, class, src);
			free_zspage(class, src);
			pages_freed += class->pages_per_zspage;
		}
		if (get_fullness_group(class, dst) == ZS_INUSE_RATIO_100) {
			putback_zspage(class, dst);
			dst = NULL;
			spin_unlock(&class->lock);
			cond_resched();
			spin_lock(&class->lock);
		}
	}
	if (dst)
		putback_zspage(class, dst);
	spin_unlock(&class->lock);
	return pages_freed;
}

/*
 * __zs_compact of 6.1. Each source is emptied into as many destinations as it
 * takes. There a reader was waited for, under the lock; here he may be the caller,
 * and the class is given up as in 7.2.
 */
static u64 compact_class_6_1(struct zs_pool *pool, struct size_class *class)
{
	struct zspage *src, *dst;
	u64 pages_freed = 0;

	spin_lock(&class->lock);
	while ((src = isolate_src_zspage(class))) {
		if (src->readers || !zs_can_compact(class))
			break;
		while (src->inuse && (dst = isolate_dst_zspage(class))) {
			migrate_zspage(class, src, dst);
			putback_zspage(class, dst);
		}
		if (src->inuse)
			break;
		putback_zspage(class, src);
		remove_zspage(pool, class, src);
		free_zspage(class, src);
		pages_freed += class->pages_per_zspage;
		spin_unlock(&class->lock);
		cond_resched();
		spin_lock(&class->lock);
	}
	if (src)
		putback_zspage(class, src);
	spin_unlock(&class->lock);
	return pages_freed;
}

static unsigned long zs_compact(void *priv)
{
	struct zs_pool *pool = priv;
	unsigned long pages_freed = 0;
	unsigned int i;

	if (atomic_xchg(&pool->compaction_in_progress, 1))
		return 0;
	for (i = ZS_SIZE_CLASSES; i-- > 0;)
		if (pool->size_class[i]->index == i)
			pages_freed += pool->rules->compact_class(
				pool, pool->size_class[i]);
	atomic_set(&pool->compaction_in_progress, 0);
	return pages_freed;
}

/*********************************
* check
**********************************/
static bool zspage_is_valid(const struct zs_pool *pool,
			    const struct size_class *class,
			    const struct zspage *zspage)
{
	unsigned int nr = class->objs_per_zspage, inuse = 0, free, i;
	const unsigned long *handle;

	if (zspage->class != class->index || !zspage->mem != pool->lengths_only)
		return false;

	for (i = 0; i < nr; i++) {
		if (!(zspage->slot[i] & OBJ_ALLOCATED_TAG))
			continue;
		handle = slot_handle(zspage, i);
		if (handle_zspage(handle) != zspage ||
		    handle_obj(handle) != i ||
		    handle_class(pool, handle) != class)
			return false;
		inuse++;
	}
	if (!inuse || inuse != zspage->inuse)
		return false;

	/* as many steps as there are free slots must end at the end mark */
	for (free = nr - inuse, i = zspage->freeobj; free; free--) {
		if (i >= nr || (zspage->slot[i] & OBJ_ALLOCATED_TAG))
			return false;
		i = zspage->slot[i] >> OBJ_TAG_BITS;
	}
	return i == nr;
}

/* Under class->lock. */
static bool class_is_valid(const struct zs_pool *pool,
			   const struct size_class *class)
{
	u64 nr_zspages = 0, objs_inuse = 0;
	const struct list_head *head;
	const struct zspage *zspage;
	unsigned int fg;

	for (fg = 0; fg < NR_FULLNESS_GROUPS; fg++) {
		head = &class->fullness_list[fg];
		list_for_each_entry(zspage, head, list) {
			/* more than there are: the list is a loop */
			if (nr_zspages++ == class->nr_zspages ||
			    zspage->list.next->prev != &zspage->list ||
			    zspage->fullness != fg ||
			    get_fullness_group(class, zspage) != fg ||
			    !zspage_is_valid(pool, class, zspage))
				return false;
			objs_inuse += zspage->inuse;
		}
	}
	return nr_zspages == class->nr_zspages &&
	       objs_inuse == class->objs_inuse;
}

static int zs_check(void *priv)
{
	struct zs_pool *pool = priv;
	struct size_class *class;
	u64 pages = 0, nr_zspages = 0;
	bool valid = true;
	unsigned int i;

	for (i = 0; i < ZS_SIZE_CLASSES && valid; i++) {
		class = pool->size_class[i];
		if (class->index != i)
			continue;
		spin_lock(&class->lock);
		valid = class_is_valid(pool, class);
		spin_unlock(&class->lock);
	}

	/* one lock for all the sums, so that this holds beside other threads */
	spin_lock(&pool->lock);
	for (i = 0; i < ZS_SIZE_CLASSES; i++) {
		class = pool->size_class[i];
		if (class->index != i)
			continue;
		nr_zspages += class->nr_zspages;
		pages += class->nr_zspages * class->pages_per_zspage;
	}
	if (pages != (u64)atomic64_read(&pool->account.pages) ||
	    nr_zspages != (u64)atomic64_read(&pool->account.zspages))
		valid = false;
	spin_unlock(&pool->lock);
	return valid ? 0 : -EUCLEAN;
}

/*********************************
* pools
**********************************/
static const struct zpool_account *zs_account(void *priv)
{
	struct zs_pool *pool = priv;

	return &pool->account;
}

static void zs_destroy_pool(void *priv)
{
	struct zs_pool *pool = priv;
	unsigned int i;

	WARN_ON_ONCE(atomic64_read(&pool->account.pages));
	/* a failed create leaves the lower indices NULL */
	for (i = 0; i < ZS_SIZE_CLASSES; i++)
		if (pool->size_class[i] && pool->size_class[i]->index == i)
			kfree(pool->size_class[i]);
	for (i = 0; i < ZSPAGE_CACHES; i++)
		kmem_cache_destroy(pool->zspage_cachep[i]);
	kfree(pool);
}

static const struct zs_rules rules_7_2 = {
	.chain_size = 8,
	.calculate_chain_size = calculate_zspage_chain_size,
	.fullness_group = inuse_ratio_group,
	.compact_class = compact_class,
	.too_large = -ENOSPC,
};

static const struct zs_rules rules_6_1 = {
	.chain_size = 4,
	.calculate_chain_size = calculate_usedpc_chain_size,
	.fullness_group = almost_group,
	.fuller_first = true,
	.compact_class = compact_class_6_1,
	.too_large = -EINVAL,
};

static void *zs_create_pool(const struct zpool_config *config)
{
	const struct zs_rules *rules =
		config->used_percent ? &rules_6_1 : &rules_7_2;
	unsigned int chain_max = config->chain_size;
	struct zs_pool *pool;

	BUILD_BUG_ON(ZS_SIZE_CLASSES > 1 << OBJ_CLASS_BITS);
	BUILD_BUG_ON(ZS_MAX_CHAIN_SIZE * PAGE_SIZE / ZS_MIN_ALLOC_SIZE >
		     1 << OBJ_INDEX_BITS);
	BUILD_BUG_ON(ZSPAGE_ADDRESS_BITS - ZSPAGE_ALIGN_SHIFT +
			     OBJ_ZSPAGE_SHIFT > BITS_PER_LONG);
	if (!chain_max)
		chain_max = rules->chain_size;
	if (WARN_ON_ONCE(chain_max > ZS_MAX_CHAIN_SIZE))
		return NULL;

	pool = kzalloc(sizeof(*pool), GFP_KERNEL);
	if (!pool)
		return NULL;
	spin_lock_init(&pool->lock);
	atomic64_set(&pool->account.pages, 0);
	atomic64_set(&pool->account.zspages, 0);
	atomic_set(&pool->compaction_in_progress, 0);
	pool->rules = rules;
	pool->lengths_only = config->lengths_only;
	if (create_size_classes(pool, chain_max)) {
		zs_destroy_pool(pool);
		return NULL;
	}
	return pool;
}

const struct zpool_ops zpool_zsmalloc = {
	.name = "zsmalloc",
	.has_zspages = true,
	.create = zs_create_pool,
	.destroy = zs_destroy_pool,
	.malloc = zs_malloc,
	.free = zs_free,
	.obj_write = zs_obj_write,
	.obj_read_begin = zs_obj_read_begin,
	.obj_read_end = zs_obj_read_end,
	.account = zs_account,
	.compact = zs_compact,
	.prefetch_free = zs_prefetch_free,
	.check = zs_check,
};
