/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xarray.c - the xa_ calls over a radix tree of 64-slot nodes
 *
 * The number of nodes is a published figure (576 bytes each in a 64-bit kernel), so
 * the shape of the tree follows lib/xarray.c:
 *  X1 a lone entry at index 0 is the head itself, without a node
 *  X2 else the root has the least shift that covers the highest index
 *     (xas_expand adds levels, xas_shrink takes them away)
 *  X3 a node is there exactly if an entry is below it (xas_delete_node)
 * In short: with h levels there is a node for each distinct index >> 6k, k = 1..h.
 *
 * How many slots of a node are in use stands in its parent, or for the root in the
 * array, and its level follows from the root's: so of a leaf, which is seldom in a
 * cache, only the slot itself is touched.
 *
 * A store first counts the nodes it will need and allocates them, then changes the
 * tree: running out of memory changes nothing. The kernel may keep levels or an
 * empty node then. It also drops the lock to allocate with GFP_KERNEL; here malloc
 * is called under it.
 */
#include <linux/kernel.h>
#include <linux/prefetch.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "custom.h"

#define XA_CHUNK_SHIFT 6
#define XA_CHUNK_SIZE (1U << XA_CHUNK_SHIFT)
#define XA_CHUNK_MASK (XA_CHUNK_SIZE - 1)
#define XA_LEVELS_MAX DIV_ROUND_UP(BITS_PER_LONG, XA_CHUNK_SHIFT)

/*
 * @slots: entries in a leaf, nodes above; the first is the next spare while not in a tree
 * @count: above leaves: slots in use of the node at each slot, 1..64
 */
struct xa_node {
	void *slots[XA_CHUNK_SIZE];
	unsigned char count[XA_CHUNK_SIZE];
};

static bool xa_is_node(const void *entry)
{
	return ((unsigned long)entry & 3) == 2;
}

static struct xa_node *xa_to_node(void *entry)
{
	return (struct xa_node *)((unsigned long)entry - 2);
}

static void *xa_mk_node(struct xa_node *node)
{
	return (void *)((unsigned long)node | 2);
}

static void *xa_mk_err(int err)
{
	return (void *)((unsigned long)err << 2 | 2);
}

/* Of a node whose low bits of the index begin at @shift. */
static unsigned int xa_slot(unsigned long index, unsigned int shift)
{
	return (index >> shift) & XA_CHUNK_MASK;
}

/* Highest index below a node of @shift. */
static unsigned long xa_shift_max(unsigned int shift)
{
	shift += XA_CHUNK_SHIFT;
	return shift >= BITS_PER_LONG ? ULONG_MAX : (1UL << shift) - 1;
}

/* Highest index that the tree covers as it is. */
static unsigned long xa_head_max(const struct xarray *xa)
{
	return xa_is_node(xa->xa_head) ? xa_shift_max(xa->xa_shift) : 0;
}

/* The least shift that covers @index. */
static unsigned int xa_root_shift(unsigned long index)
{
	unsigned int shift = 0;

	while (index > xa_shift_max(shift))
		shift += XA_CHUNK_SHIFT;
	return shift;
}

/*
 * The slot of @index, and the count of its leaf; NULL when there is no leaf: nothing is
 * there, or it is the head.
 */
static void **xa_place(struct xarray *xa, unsigned long index,
		       unsigned char **count)
{
	unsigned int shift = xa->xa_shift, slot;
	struct xa_node *node;

	*count = &xa->xa_count;
	if (!xa_is_node(xa->xa_head) || index >> shift >= XA_CHUNK_SIZE)
		return NULL;
	node = xa_to_node(xa->xa_head);
	for (; shift; shift -= XA_CHUNK_SHIFT) {
		slot = xa_slot(index, shift);
		*count = &node->count[slot];
		node = node->slots[slot];
		if (!node)
			return NULL;
	}
	return &node->slots[index & XA_CHUNK_MASK];
}

/* What is at @index, where xa_place() has found @place. */
static void *xa_at(struct xarray *xa, void *const *place, unsigned long index)
{
	if (place)
		return *place;
	return index || xa_is_node(xa->xa_head) ? NULL : xa->xa_head;
}

static void *xa_get(struct xarray *xa, unsigned long index)
{
	unsigned char *count;

	return xa_at(xa, xa_place(xa, index, &count), index);
}

/* Under xa_lock, which is not that of the others in the sum. */
static void xa_count_node(struct xarray *xa, long nr)
{
	WRITE_ONCE(xa->nr_nodes, xa->nr_nodes + nr);
	if (xa->nodes)
		compat_fetch_add(&xa->nodes->nr, nr, __ATOMIC_RELAXED);
}

static struct xa_node *xa_node_alloc(struct xarray *xa, gfp_t gfp)
{
	if (xa->nodes)
		return kmem_cache_zalloc(xa->nodes->cache, gfp);
	return kzalloc(sizeof(struct xa_node), gfp);
}

static void xa_spare_free(struct xarray *xa, struct xa_node *node)
{
	if (xa->nodes)
		kmem_cache_free(xa->nodes->cache, node);
	else
		kfree(node);
}

static void xa_node_free(struct xarray *xa, struct xa_node *node)
{
	xa_count_node(xa, -1);
	xa_spare_free(xa, node);
}

/* Nodes that storing at @index will take: levels on top, then the way down. */
static unsigned int xa_nodes_needed(struct xarray *xa, unsigned long index)
{
	unsigned int top = xa_root_shift(index) / XA_CHUNK_SHIFT + 1;
	unsigned int have = 0, shift;
	struct xa_node *node;

	if (!xa->xa_head)
		return index ? top : 0;
	if (xa_is_node(xa->xa_head))
		have = xa->xa_shift / XA_CHUNK_SHIFT + 1;
	else if (!index)
		return 0;
	/* Growing: the new root is shared, the levels below it are not. */
	if (index > xa_head_max(xa))
		return (top - have) + (top - 1);
	node = xa_to_node(xa->xa_head);
	for (shift = xa->xa_shift; shift; shift -= XA_CHUNK_SHIFT) {
		node = node->slots[xa_slot(index, shift)];
		if (!node)
			return shift / XA_CHUNK_SHIFT;
	}
	return 0;
}

/*
 * A chain of @n spare nodes; NULL when memory is out (or @n is 0). Whether it may
 * sleep was checked by the caller, who is now under xa_lock.
 */
static struct xa_node *xa_spares_alloc(struct xarray *xa, unsigned int n,
				       gfp_t gfp)
{
	struct xa_node *spares = NULL, *node;

	while (n--) {
		node = xa_node_alloc(xa, gfp & ~__GFP_DIRECT_RECLAIM);
		if (!node) {
			while (spares) {
				node = spares;
				spares = node->slots[0];
				xa_spare_free(xa, node);
			}
			return NULL;
		}
		node->slots[0] = spares;
		spares = node;
	}
	return spares;
}

static struct xa_node *xa_spare_take(struct xarray *xa,
				     struct xa_node **spares)
{
	struct xa_node *node = *spares;

	*spares = node->slots[0];
	node->slots[0] = NULL;
	xa_count_node(xa, 1);
	return node;
}

static void xa_set_root(struct xarray *xa, struct xa_node *root,
			unsigned int shift, unsigned char count)
{
	xa->xa_shift = (unsigned char)shift;
	xa->xa_count = count;
	WRITE_ONCE(xa->xa_head, xa_mk_node(root));
}

/* Puts levels on top until @index is covered (X2). */
static void xa_grow(struct xarray *xa, unsigned long index,
		    struct xa_node **spares)
{
	void *head = xa->xa_head;
	struct xa_node *node;

	if (!head) {
		if (index)
			xa_set_root(xa, xa_spare_take(xa, spares),
				    xa_root_shift(index), 0);
		return;
	}
	while (index > xa_head_max(xa)) {
		node = xa_spare_take(xa, spares);
		if (xa_is_node(head)) {
			node->slots[0] = xa_to_node(head);
			node->count[0] = xa->xa_count;
			xa_set_root(xa, node, xa->xa_shift + XA_CHUNK_SHIFT, 1);
		} else {
			node->slots[0] = head;
			xa_set_root(xa, node, 0, 1);
		}
		head = xa->xa_head;
	}
}

/* Puts @entry where nothing is; @spares are exactly as many as needed. */
static void xa_put_new(struct xarray *xa, unsigned long index, void *entry,
		       struct xa_node *spares)
{
	unsigned char *count = &xa->xa_count;
	struct xa_node *node, *child;
	unsigned int shift, slot;

	xa_grow(xa, index, &spares);
	if (!xa_is_node(xa->xa_head)) {
		WRITE_ONCE(xa->xa_head, entry);
		return;
	}
	node = xa_to_node(xa->xa_head);
	for (shift = xa->xa_shift; shift; shift -= XA_CHUNK_SHIFT) {
		slot = xa_slot(index, shift);
		child = node->slots[slot];
		if (!child) {
			child = xa_spare_take(xa, &spares);
			node->slots[slot] = child;
			++*count;
		}
		count = &node->count[slot];
		node = child;
	}
	node->slots[index & XA_CHUNK_MASK] = entry;
	++*count;
}

/*
 * Takes levels away while the root has slot 0 alone (X2, X1). Apart, as all that few
 * calls need: the others then save no registers for it.
 */
static noinline void xa_shrink(struct xarray *xa)
{
	struct xa_node *root;
	void *child;

	while (xa_is_node(xa->xa_head) && xa->xa_count == 1) {
		root = xa_to_node(xa->xa_head);
		child = root->slots[0];
		if (!child)
			return;
		if (xa->xa_shift)
			xa_set_root(xa, child, xa->xa_shift - XA_CHUNK_SHIFT,
				    root->count[0]);
		else
			WRITE_ONCE(xa->xa_head, child);
		xa_node_free(xa, root);
	}
}

/* The leaf of @index has become empty: it goes, and the nodes that are empty then (X3). */
static noinline void xa_prune(struct xarray *xa, unsigned long index)
{
	unsigned char *count[XA_LEVELS_MAX] = { &xa->xa_count };
	struct xa_node *path[XA_LEVELS_MAX];
	unsigned int shift = xa->xa_shift, depth = 0, slot;

	path[0] = xa_to_node(xa->xa_head);
	for (; shift; shift -= XA_CHUNK_SHIFT, depth++) {
		slot = xa_slot(index, shift);
		path[depth + 1] = path[depth]->slots[slot];
		count[depth + 1] = &path[depth]->count[slot];
	}
	while (xa_node_free(xa, path[depth]), depth--) {
		shift += XA_CHUNK_SHIFT;
		path[depth]->slots[xa_slot(index, shift)] = NULL;
		if (--*count[depth])
			return;
	}
	WRITE_ONCE(xa->xa_head, NULL);
}

void *__xa_erase(struct xarray *xa, unsigned long index)
{
	unsigned char *count;
	void **place = xa_place(xa, index, &count);
	void *old = xa_at(xa, place, index);

	lockdep_assert_held(&xa->xa_lock);
	if (!old)
		return NULL;
	if (!place) {
		WRITE_ONCE(xa->xa_head, NULL);
		return old;
	}
	*place = NULL;
	if (!--*count)
		xa_prune(xa, index);
	if (xa->xa_count == 1)
		xa_shrink(xa);
	return old;
}

static noinline void *xa_store_new(struct xarray *xa, unsigned long index, void *entry,
			  gfp_t gfp)
{
	unsigned int needed = xa_nodes_needed(xa, index);
	struct xa_node *spares = NULL;

	if (needed) {
		spares = xa_spares_alloc(xa, needed, gfp);
		if (!spares)
			return xa_mk_err(-ENOMEM);
	}
	xa_put_new(xa, index, entry, spares);
	return NULL;
}

void *__xa_store(struct xarray *xa, unsigned long index, void *entry,
		 gfp_t gfp)
{
	unsigned char *count;
	void **place, *old;

	if (WARN_ON_ONCE(xa_is_node(entry)))
		return xa_mk_err(-EINVAL);
	if (!entry)
		return __xa_erase(xa, index);
	lockdep_assert_held(&xa->xa_lock);
	place = xa_place(xa, index, &count);
	if (!place) {
		old = xa_at(xa, NULL, index);
		if (!old)
			return xa_store_new(xa, index, entry, gfp);
		WRITE_ONCE(xa->xa_head, entry);
		return old;
	}
	old = *place;
	*place = entry;
	*count += !old;
	return old;
}

void *__xa_cmpxchg(struct xarray *xa, unsigned long index, void *old,
		   void *entry, gfp_t gfp)
{
	void *now = xa_get(xa, index);

	return now == old ? __xa_store(xa, index, entry, gfp) : now;
}

void *xa_load(struct xarray *xa, unsigned long index)
{
	void *entry;

	xa_lock(xa);
	entry = xa_get(xa, index);
	xa_unlock(xa);
	return entry;
}

void *xa_store(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp)
{
	void *old;

	if (gfpflags_allow_blocking(gfp))
		might_sleep();
	xa_lock(xa);
	old = __xa_store(xa, index, entry, gfp);
	xa_unlock(xa);
	return old;
}

void *xa_erase(struct xarray *xa, unsigned long index)
{
	void *old;

	xa_lock(xa);
	old = __xa_erase(xa, index);
	xa_unlock(xa);
	return old;
}

void *xa_cmpxchg(struct xarray *xa, unsigned long index, void *old,
		 void *entry, gfp_t gfp)
{
	void *now;

	if (gfpflags_allow_blocking(gfp))
		might_sleep();
	xa_lock(xa);
	now = __xa_cmpxchg(xa, index, old, entry, gfp);
	xa_unlock(xa);
	return now;
}

/*
 * The first entry at or after *@index, skipping what has no node at once: at each
 * empty slot on the way down, *@index moves to the next slot of that level.
 */
static void *xa_find_locked(struct xarray *xa, unsigned long *index,
			    unsigned long max)
{
	unsigned long at = *index, next;
	unsigned int shift;
	void *entry;

	if (!xa_is_node(xa->xa_head))
		return at ? NULL : xa->xa_head;
	while (at <= max && at <= xa_head_max(xa)) {
		entry = xa_to_node(xa->xa_head);
		shift = xa->xa_shift + XA_CHUNK_SHIFT;
		do {
			shift -= XA_CHUNK_SHIFT;
			entry = ((struct xa_node *)entry)
					->slots[xa_slot(at, shift)];
		} while (entry && shift);
		if (entry) {
			*index = at;
			return entry;
		}
		next = ((at >> shift) + 1) << shift;
		if (next <= at)
			return NULL;
		at = next;
	}
	return NULL;
}

void *xa_find(struct xarray *xa, unsigned long *index, unsigned long max,
	      xa_mark_t filter)
{
	void *entry;

	WARN_ON_ONCE(filter != XA_PRESENT);
	xa_lock(xa);
	entry = xa_find_locked(xa, index, max);
	xa_unlock(xa);
	return entry;
}

void *xa_find_after(struct xarray *xa, unsigned long *index,
		    unsigned long max, xa_mark_t filter)
{
	unsigned long at = *index + 1;
	void *entry;

	if (!at)
		return NULL;
	entry = xa_find(xa, &at, max, filter);
	if (entry)
		*index = at;
	return entry;
}

/* As deep as the tree has levels, of which there are 11 at most. */
static void xa_free_below(struct xarray *xa, struct xa_node *node,
			  unsigned int shift)
{
	unsigned int i;

	for (i = 0; shift && i < XA_CHUNK_SIZE; i++)
		if (node->slots[i])
			xa_free_below(xa, node->slots[i],
				      shift - XA_CHUNK_SHIFT);
	xa_node_free(xa, node);
}

void xa_destroy(struct xarray *xa)
{
	void *head;

	xa_lock(xa);
	head = xa->xa_head;
	WRITE_ONCE(xa->xa_head, NULL);
	if (xa_is_node(head))
		xa_free_below(xa, xa_to_node(head), xa->xa_shift);
	xa_unlock(xa);
}

unsigned long xa_nr_nodes(struct xarray *xa)
{
	return READ_ONCE(xa->nr_nodes);
}

int xa_nodes_init(struct xa_nodes *nodes)
{
	nodes->nr = 0;
	nodes->cache = KMEM_CACHE(xa_node, SLAB_HWCACHE_ALIGN);
	return nodes->cache ? 0 : -ENOMEM;
}

void xa_nodes_destroy(struct xa_nodes *nodes)
{
	WARN_ON(nodes->nr);
	kmem_cache_destroy(nodes->cache);
}

void xa_share_nodes(struct xarray *xa, struct xa_nodes *nodes)
{
	WARN_ON(xa->nr_nodes);
	xa->nodes = nodes;
}

/* Does not look into the leaf: that is what would take long. */
void *const *xa_prefetch(struct xarray *xa, unsigned long index)
{
	unsigned char *count;
	void **place = xa_place(xa, index, &count);

	if (place)
		prefetchw(place);
	return place;
}
