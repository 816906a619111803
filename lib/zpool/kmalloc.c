/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kmalloc.c - compressed pages in the kernel's general size classes, as
 * mm/slab_common.c and mm/slub.c would hold them. No front ever did: it is the
 * plain answer that the special allocators are measured against.
 *
 * Between 2048 and 4096 bytes there is no class, so a page that compresses to
 * 51 % takes a whole page.
 *
 * The machine that is modelled has one CPU, one node and 4 KiB pages:
 *
 *  - slab orders are those of calculate_order with one CPU, which wants 8 objects
 *    in a slab. More CPUs want more: with four, kmalloc-512, -1k and -2k have
 *    orders 1, 2 and 3 with 16 objects each, the others stay the same. Read from
 *    /sys/kernel/slab of Linux 6.1 and 6.12, which agree;
 *  - one CPU has one current slab for each class. The per-CPU list of partial
 *    slabs (CONFIG_SLUB_CPU_PARTIAL) is left out: it keeps up to a few slabs of a
 *    class from their place in the node's list;
 *  - nobody else allocates. In a kernel the pool would share its slabs.
 *
 * A class without any object holds no slab: what kmem_cache_shrink makes of it,
 * since an empty pool must hold no page.
 */
#include <linux/atomic.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "zpool/zpool.h"

/*
 * The classes up to the largest object that a pool is asked for; kmalloc-8k would
 * never be used. min_partial is half of the size's log2, but 5 at least.
 */
static const struct km_geometry {
	u16 size;
	u16 objs_per_slab;
	u8 order;
	u8 min_partial;
} km_geometry[] = {
	{ 8, 512, 0, 5 },   { 16, 256, 0, 5 },	{ 32, 128, 0, 5 },
	{ 64, 64, 0, 5 },   { 96, 42, 0, 5 },	{ 128, 32, 0, 5 },
	{ 192, 21, 0, 5 },  { 256, 16, 0, 5 },	{ 512, 8, 0, 5 },
	{ 1024, 8, 1, 5 },  { 2048, 8, 2, 5 },	{ 4096, 8, 3, 6 },
};

#define KM_CLASSES ARRAY_SIZE(km_geometry)

/**
 * struct km_cache - a class (struct kmem_cache with its one node)
 * @lock:       protects all below
 * @cpu_slab:   the CPU's slab; NULL until the first object
 * @partial:    the node's slabs that have room; does not contain @cpu_slab
 * @nr_partial: their number
 * @slabs:      every slab, for check: full ones are on no other list
 * @nr_slabs:   their number
 * @nr_objects: live objects
 *
 * SLUB's rules. An object comes from the current slab; when that is full, it is
 * let go and the head of the partial list becomes current; when there is none,
 * a new slab does. A full slab that an object is freed in goes to the tail of the
 * partial list. A slab that becomes empty is given back when the partial list,
 * itself included, has min_partial slabs or more, and else keeps its place there;
 * the current slab stays, empty or not.
 */
struct km_cache {
	spinlock_t lock;
	struct km_slab *cpu_slab;
	struct list_head partial;
	unsigned int nr_partial;
	struct list_head slabs;
	u64 nr_slabs;
	u64 nr_objects;
};

/* A place for an object: whose it is, or (NULL) which free one comes next. */
struct km_slot {
	struct km_object *object;
	u16 next;
};

/**
 * struct km_slab - 1 << order pages cut into objects
 * @list:    in km_cache.slabs
 * @partial: in km_cache.partial; empty when not in there
 * @mem:     the bytes; NULL when lengths_only
 * @class:   index into km_geometry; fixed
 * @inuse:   live objects
 * @free:    first free slot; objs_per_slab: none. The one freed last is first
 */
struct km_slab {
	struct list_head list;
	struct list_head partial;
	unsigned char *mem;
	u16 class;
	u16 inuse;
	u16 free;
	struct km_slot slot[];
};

/**
 * struct km_object - an object; the handle is its address
 *
 * The kernel needs none: its pointer says all. Here there may be no bytes to
 * point at. All of it is fixed while the object lives.
 */
struct km_object {
	struct km_slab *slab;
	u16 index;
	u16 len;
};

/**
 * struct km_pool - an instance
 * @cache:        by class
 * @account:      its pages are those of all slabs
 * @lengths_only: slabs have no memory
 */
struct km_pool {
	struct km_cache cache[KM_CLASSES];
	struct zpool_account account;
	bool lengths_only;
};

static struct km_object *handle_to_object(const unsigned long *handle)
{
	return (struct km_object *)*handle;
}

/* kmalloc_index: the least class that has room. */
static unsigned int km_class(size_t size)
{
	unsigned int class = 0;

	while (km_geometry[class].size < size)
		class++;
	return class;
}

static bool slab_full(const struct km_slab *slab)
{
	return slab->inuse == km_geometry[slab->class].objs_per_slab;
}

/*********************************
* slabs
**********************************/
static void free_slab(struct km_slab *slab)
{
	kvfree(slab->mem);
	kfree(slab);
}

static struct km_slab *new_slab(const struct km_pool *pool, unsigned int class)
{
	const struct km_geometry *g = &km_geometry[class];
	struct km_slab *slab;
	unsigned int i;

	slab = kmalloc(sizeof(*slab) + g->objs_per_slab * sizeof(slab->slot[0]),
		       GFP_KERNEL);
	if (!slab)
		return NULL;
	slab->mem = NULL;
	if (!pool->lengths_only) {
		slab->mem = kvmalloc(PAGE_SIZE << g->order, GFP_KERNEL);
		if (!slab->mem) {
			kfree(slab);
			return NULL;
		}
	}
	INIT_LIST_HEAD(&slab->list);
	INIT_LIST_HEAD(&slab->partial);
	slab->class = class;
	slab->inuse = 0;
	slab->free = 0;
	for (i = 0; i < g->objs_per_slab; i++) {
		slab->slot[i].object = NULL;
		slab->slot[i].next = i + 1;
	}
	return slab;
}

static void add_partial(struct km_cache *cache, struct km_slab *slab)
{
	list_add_tail(&slab->partial, &cache->partial);
	cache->nr_partial++;
}

static void remove_partial(struct km_cache *cache, struct km_slab *slab)
{
	list_del_init(&slab->partial);
	cache->nr_partial--;
}

/* Sees to it that the current slab has room; false: *fresh is needed for it. */
static bool refill(struct km_pool *pool, struct km_cache *cache,
		   struct km_slab **fresh)
{
	if (cache->cpu_slab && !slab_full(cache->cpu_slab))
		return true;
	if (!list_empty(&cache->partial)) {
		cache->cpu_slab = list_first_entry(&cache->partial,
						  struct km_slab, partial);
		remove_partial(cache, cache->cpu_slab);
		return true;
	}
	if (!*fresh)
		return false;
	cache->cpu_slab = *fresh;
	*fresh = NULL;
	list_add(&cache->cpu_slab->list, &cache->slabs);
	cache->nr_slabs++;
	atomic64_add(1 << km_geometry[cache->cpu_slab->class].order,
		     &pool->account.pages);
	return true;
}

static void take_slot(struct km_cache *cache, struct km_object *object)
{
	struct km_slab *slab = cache->cpu_slab;

	object->slab = slab;
	object->index = slab->free;
	slab->free = slab->slot[object->index].next;
	slab->slot[object->index].object = object;
	slab->inuse++;
	cache->nr_objects++;
}

/* discard_slab: moves an empty slab to @gone, to be freed without the lock. */
static void discard_slab(struct km_pool *pool, struct km_cache *cache,
			 struct km_slab *slab, struct list_head *gone)
{
	if (slab == cache->cpu_slab)
		cache->cpu_slab = NULL;
	else
		remove_partial(cache, slab);
	list_move(&slab->list, gone);
	cache->nr_slabs--;
	atomic64_sub(1 << km_geometry[slab->class].order, &pool->account.pages);
}

/* __slab_free, and the shrink of a class that has become empty. */
static void give_slot(struct km_pool *pool, struct km_object *object,
		      struct list_head *gone)
{
	struct km_slab *slab = object->slab, *next;
	struct km_cache *cache = &pool->cache[slab->class];
	bool was_full = slab_full(slab);

	slab->slot[object->index].object = NULL;
	slab->slot[object->index].next = slab->free;
	slab->free = object->index;
	slab->inuse--;
	cache->nr_objects--;

	if (slab != cache->cpu_slab) {
		if (was_full)
			add_partial(cache, slab);
		if (!slab->inuse &&
		    cache->nr_partial >= km_geometry[slab->class].min_partial)
			discard_slab(pool, cache, slab, gone);
	}
	if (cache->nr_objects)
		return;
	list_for_each_entry_safe(slab, next, &cache->slabs, list)
		discard_slab(pool, cache, slab, gone);
}

/*********************************
* verbs
**********************************/
static void *km_create(const struct zpool_config *config)
{
	struct km_pool *pool = kzalloc(sizeof(*pool), GFP_KERNEL);
	unsigned int i;

	if (!pool)
		return NULL;
	for (i = 0; i < KM_CLASSES; i++) {
		spin_lock_init(&pool->cache[i].lock);
		INIT_LIST_HEAD(&pool->cache[i].partial);
		INIT_LIST_HEAD(&pool->cache[i].slabs);
	}
	atomic64_set(&pool->account.pages, 0);
	pool->lengths_only = config->lengths_only;
	return pool;
}

static void km_destroy(void *priv)
{
	struct km_pool *pool = priv;
	unsigned int i;

	for (i = 0; i < KM_CLASSES; i++)
		WARN_ON_ONCE(!list_empty(&pool->cache[i].slabs));
	kfree(pool);
}

static int km_malloc(void *priv, size_t size, unsigned long *handle)
{
	struct km_pool *pool = priv;
	struct km_slab *fresh = NULL;
	struct km_object *object;
	struct km_cache *cache;

	if (!size)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -ENOSPC;
	object = kmalloc(sizeof(*object), GFP_KERNEL);
	if (!object)
		return -ENOMEM;
	object->len = size;
	cache = &pool->cache[km_class(size)];

	spin_lock(&cache->lock);
	if (!refill(pool, cache, &fresh)) {
		spin_unlock(&cache->lock);
		fresh = new_slab(pool, km_class(size));
		if (!fresh) {
			kfree(object);
			return -ENOMEM;
		}
		spin_lock(&cache->lock);
		refill(pool, cache, &fresh);
	}
	take_slot(cache, object);
	spin_unlock(&cache->lock);
	/* another thread's free made room meanwhile */
	if (fresh)
		free_slab(fresh);

	*handle = (unsigned long)object;
	return 0;
}

static void km_free(void *priv, const unsigned long *handle)
{
	struct km_object *object = handle_to_object(handle);
	struct km_slab *slab, *next;
	struct km_pool *pool = priv;
	struct km_cache *cache = &pool->cache[object->slab->class];
	LIST_HEAD(gone);

	spin_lock(&cache->lock);
	WARN_ON_ONCE(object->slab->slot[object->index].object != object);
	give_slot(pool, object, &gone);
	spin_unlock(&cache->lock);
	list_for_each_entry_safe(slab, next, &gone, list)
		free_slab(slab);
	kfree(object);
}

static unsigned char *object_bytes(const struct km_object *object)
{
	const struct km_slab *slab = object->slab;

	return slab->mem +
	       (size_t)object->index * km_geometry[slab->class].size;
}

static void km_obj_write(void *priv, const unsigned long *handle,
			 const void *src, size_t len)
{
	struct km_object *object = handle_to_object(handle);
	struct km_pool *pool = priv;

	if (pool->lengths_only || WARN_ON_ONCE(len > object->len))
		return;
	memcpy(object_bytes(object), src, len);
}

static const void *km_obj_read_begin(void *priv, const unsigned long *handle,
				     size_t len, void *local_copy)
{
	struct km_object *object = handle_to_object(handle);

	WARN_ON_ONCE(len > object->len);
	return object_bytes(object);
}

static void km_obj_read_end(void *priv, const unsigned long *handle,
			    const void *mem)
{
	WARN_ON_ONCE(mem != object_bytes(handle_to_object(handle)));
}

static const struct zpool_account *km_account(void *priv)
{
	struct km_pool *pool = priv;

	return &pool->account;
}

/*********************************
* check
**********************************/
/* The free slots are a stack of the right height; every other has its object. */
static bool slots_sound(const struct km_slab *slab)
{
	const struct km_geometry *g = &km_geometry[slab->class];
	unsigned int free = g->objs_per_slab - slab->inuse, live = 0, i;

	if (slab->inuse > g->objs_per_slab)
		return false;
	for (i = slab->free; i < g->objs_per_slab; i = slab->slot[i].next) {
		if (!free-- || slab->slot[i].object)
			return false;
	}
	if (free || i != g->objs_per_slab)
		return false;
	for (i = 0; i < g->objs_per_slab; i++) {
		const struct km_object *object = slab->slot[i].object;

		if (!object)
			continue;
		if (object->slab != slab || object->index != i ||
		    !object->len || km_class(object->len) != slab->class)
			return false;
		live++;
	}
	return live == slab->inuse;
}

/* Just the slabs with room, but the current one, are on the partial list. */
static bool slab_sound(const struct km_pool *pool, const struct km_cache *cache,
		       const struct km_slab *slab)
{
	bool partial = slab != cache->cpu_slab && !slab_full(slab);

	return slab->class == cache - pool->cache &&
	       !slab->mem == pool->lengths_only &&
	       partial == !list_empty(&slab->partial) && slots_sound(slab);
}

static bool partial_sound(const struct km_cache *cache, unsigned int class)
{
	unsigned int left = cache->nr_partial, empty = 0;
	const struct km_slab *slab;

	list_for_each_entry(slab, &cache->partial, partial) {
		if (!left-- || slab->partial.next->prev != &slab->partial)
			return false;
		empty += !slab->inuse;
	}
	return !left && empty < km_geometry[class].min_partial;
}

/* *pages grows by what the class holds. */
static bool cache_sound(const struct km_pool *pool, unsigned int class,
			u64 *pages)
{
	const struct km_cache *cache = &pool->cache[class];
	u64 left = cache->nr_slabs, objects = 0;
	bool found = !cache->cpu_slab;
	const struct km_slab *slab;
	unsigned int nr_partial = 0;

	list_for_each_entry(slab, &cache->slabs, list) {
		if (!left-- || slab->list.next->prev != &slab->list ||
		    !slab_sound(pool, cache, slab))
			return false;
		nr_partial += !list_empty(&slab->partial);
		objects += slab->inuse;
		found = found || slab == cache->cpu_slab;
	}
	*pages += cache->nr_slabs << km_geometry[class].order;
	return !left && found && objects == cache->nr_objects &&
	       !objects == !cache->nr_slabs &&
	       nr_partial == cache->nr_partial && partial_sound(cache, class);
}

/*
 * Every slab's slots are free or have their object, of its class's size; the slabs
 * with room, but the current one, are the partial list, fewer than min_partial
 * of them empty; all counts agree; a class without objects holds no slab.
 */
static int km_check(void *priv)
{
	struct km_pool *pool = priv;
	bool sound = true;
	unsigned int i;
	u64 pages = 0;

	/* all at once, or the sum of pages would be of different moments */
	for (i = 0; i < KM_CLASSES; i++)
		spin_lock(&pool->cache[i].lock);
	for (i = 0; i < KM_CLASSES; i++)
		sound = sound && cache_sound(pool, i, &pages);
	sound = sound && pages == (u64)atomic64_read(&pool->account.pages);
	for (i = KM_CLASSES; i-- > 0;)
		spin_unlock(&pool->cache[i].lock);
	return sound ? 0 : -EUCLEAN;
}

const struct zpool_ops zpool_kmalloc = {
	.name = "kmalloc",
	.create = km_create,
	.destroy = km_destroy,
	.malloc = km_malloc,
	.free = km_free,
	.obj_write = km_obj_write,
	.obj_read_begin = km_obj_read_begin,
	.obj_read_end = km_obj_read_end,
	.account = km_account,
	.check = km_check,
};
