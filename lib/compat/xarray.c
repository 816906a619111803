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
 * @shift:  of an index, before its low 6 bits are the slot; 0 in a leaf
 * @offset: the slot in the parent that points here
 * @count:  slots in use, 1..64
 * @parent: NULL in the root; the next spare while not in a tree
 * @slots:  entries in a leaf, tagged nodes above
 */
struct xa_node {
	unsigned char shift;
	unsigned char offset;
	unsigned char count;
	struct xa_node *parent;
	void *slots[XA_CHUNK_SIZE];
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

static unsigned int xa_slot(const struct xa_node *node, unsigned long index)
{
	return (index >> node->shift) & XA_CHUNK_MASK;
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
	if (!xa_is_node(xa->xa_head))
		return 0;
	return xa_shift_max(xa_to_node(xa->xa_head)->shift);
}

/* The least shift that covers @index. */
static unsigned int xa_root_shift(unsigned long index)
{
	unsigned int shift = 0;

	while (index > xa_shift_max(shift))
		shift += XA_CHUNK_SHIFT;
	return shift;
}

/* The leaf of @index; NULL when there is none or the entry is the head. */
static struct xa_node *xa_leaf(struct xarray *xa, unsigned long index)
{
	struct xa_node *node;
	void *entry = xa->xa_head;

	if (!xa_is_node(entry))
		return NULL;
	node = xa_to_node(entry);
	if (index >> node->shift >= XA_CHUNK_SIZE)
		return NULL;
	while (node->shift) {
		entry = node->slots[xa_slot(node, index)];
		if (!entry)
			return NULL;
		node = xa_to_node(entry);
	}
	return node;
}

/* The entry at @index, whose leaf was found. */
static void *xa_get_from(struct xarray *xa, const struct xa_node *leaf,
			 unsigned long index)
{
	if (leaf)
		return leaf->slots[xa_slot(leaf, index)];
	return index || xa_is_node(xa->xa_head) ? NULL : xa->xa_head;
}

static void *xa_get(struct xarray *xa, unsigned long index)
{
	return xa_get_from(xa, xa_leaf(xa, index), index);
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
	unsigned int have = 0, level;
	struct xa_node *node;
	void *entry = xa->xa_head;

	if (!entry)
		return index ? top : 0;
	if (xa_is_node(entry))
		have = xa_to_node(entry)->shift / XA_CHUNK_SHIFT + 1;
	else if (!index)
		return 0;
	/* Growing: the new root is shared, the levels below it are not. */
	if (index > xa_head_max(xa))
		return (top - have) + (top - 1);
	for (level = have; level; level--) {
		node = xa_to_node(entry);
		entry = node->slots[xa_slot(node, index)];
		if (!entry)
			return level - 1;
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
				spares = node->parent;
				xa_spare_free(xa, node);
			}
			return NULL;
		}
		node->parent = spares;
		spares = node;
	}
	return spares;
}

static struct xa_node *xa_spare_take(struct xarray *xa,
				     struct xa_node **spares,
				     unsigned int shift,
				     struct xa_node *parent)
{
	struct xa_node *node = *spares;

	*spares = node->parent;
	node->shift = (unsigned char)shift;
	node->parent = parent;
	xa_count_node(xa, 1);
	return node;
}

/* Puts levels on top until @index is covered (X2). */
static void xa_grow(struct xarray *xa, unsigned long index,
		    struct xa_node **spares)
{
	unsigned int shift = 0;
	struct xa_node *node;
	void *head = xa->xa_head;

	if (!head) {
		if (index) {
			node = xa_spare_take(xa, spares, xa_root_shift(index),
					     NULL);
			WRITE_ONCE(xa->xa_head, xa_mk_node(node));
		}
		return;
	}
	while (index > xa_head_max(xa)) {
		if (xa_is_node(head))
			shift = xa_to_node(head)->shift + XA_CHUNK_SHIFT;
		node = xa_spare_take(xa, spares, shift, NULL);
		node->slots[0] = head;
		node->count = 1;
		if (xa_is_node(head))
			xa_to_node(head)->parent = node;
		head = xa_mk_node(node);
		WRITE_ONCE(xa->xa_head, head);
	}
}

/* Puts @entry where nothing is; @spares are exactly as many as needed. */
static void xa_put_new(struct xarray *xa, unsigned long index, void *entry,
		       struct xa_node *spares)
{
	struct xa_node *node, *child;
	unsigned int slot;

	xa_grow(xa, index, &spares);
	if (!xa_is_node(xa->xa_head)) {
		WRITE_ONCE(xa->xa_head, entry);
		return;
	}
	node = xa_to_node(xa->xa_head);
	while (node->shift) {
		slot = xa_slot(node, index);
		if (!node->slots[slot]) {
			child = xa_spare_take(xa, &spares,
					      node->shift - XA_CHUNK_SHIFT,
					      node);
			child->offset = (unsigned char)slot;
			node->slots[slot] = xa_mk_node(child);
			node->count++;
		}
		node = xa_to_node(node->slots[slot]);
	}
	node->slots[xa_slot(node, index)] = entry;
	node->count++;
}

/* Takes levels away while the root has slot 0 alone (X2, X1). */
static void xa_shrink(struct xarray *xa)
{
	struct xa_node *root;
	void *child;

	while (xa_is_node(xa->xa_head)) {
		root = xa_to_node(xa->xa_head);
		child = root->slots[0];
		if (root->count != 1 || !child)
			return;
		if (xa_is_node(child))
			xa_to_node(child)->parent = NULL;
		WRITE_ONCE(xa->xa_head, child);
		xa_node_free(xa, root);
	}
}

/* Empties a slot of @node and frees the nodes that are empty then (X3). */
static void xa_delete(struct xarray *xa, struct xa_node *node,
		      unsigned int slot)
{
	struct xa_node *parent;

	for (;;) {
		node->slots[slot] = NULL;
		if (--node->count)
			break;
		parent = node->parent;
		slot = node->offset;
		xa_node_free(xa, node);
		if (!parent) {
			WRITE_ONCE(xa->xa_head, NULL);
			return;
		}
		node = parent;
	}
	xa_shrink(xa);
}

void *__xa_store(struct xarray *xa, unsigned long index, void *entry,
		 gfp_t gfp)
{
	struct xa_node *leaf = xa_leaf(xa, index);
	void *old = xa_get_from(xa, leaf, index);
	struct xa_node *spares = NULL;
	unsigned int needed;

	lockdep_assert_held(&xa->xa_lock);
	if (WARN_ON_ONCE(xa_is_node(entry)))
		return xa_mk_err(-EINVAL);
	if (!old && !entry)
		return NULL;
	if (!old && leaf) {
		leaf->slots[xa_slot(leaf, index)] = entry;
		leaf->count++;
	} else if (!old) {
		needed = xa_nodes_needed(xa, index);
		if (needed) {
			spares = xa_spares_alloc(xa, needed, gfp);
			if (!spares)
				return xa_mk_err(-ENOMEM);
		}
		xa_put_new(xa, index, entry, spares);
	} else if (!leaf) {
		WRITE_ONCE(xa->xa_head, entry);
	} else if (entry) {
		leaf->slots[xa_slot(leaf, index)] = entry;
	} else {
		xa_delete(xa, leaf, xa_slot(leaf, index));
	}
	return old;
}

void *__xa_erase(struct xarray *xa, unsigned long index)
{
	return __xa_store(xa, index, NULL, 0);
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
	return xa_store(xa, index, NULL, 0);
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
	struct xa_node *node;
	void *entry;

	while (at <= max && at <= xa_head_max(xa)) {
		entry = xa->xa_head;
		node = NULL;
		while (xa_is_node(entry)) {
			node = xa_to_node(entry);
			entry = node->slots[xa_slot(node, at)];
		}
		if (entry) {
			*index = at;
			return entry;
		}
		if (!node)
			return NULL;
		next = ((at >> node->shift) + 1) << node->shift;
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

/* Depth first without a stack: the way up is @parent and @offset. */
static void xa_free_tree(struct xarray *xa, struct xa_node *node)
{
	struct xa_node *parent;
	unsigned int slot = 0;

	while (node) {
		if (slot < XA_CHUNK_SIZE && node->shift) {
			if (node->slots[slot]) {
				node = xa_to_node(node->slots[slot]);
				slot = 0;
			} else {
				slot++;
			}
			continue;
		}
		parent = node->parent;
		slot = node->offset + 1U;
		xa_node_free(xa, node);
		node = parent;
	}
}

void xa_destroy(struct xarray *xa)
{
	void *head;

	xa_lock(xa);
	head = xa->xa_head;
	WRITE_ONCE(xa->xa_head, NULL);
	if (xa_is_node(head))
		xa_free_tree(xa, xa_to_node(head));
	xa_unlock(xa);
}

unsigned long xa_nr_nodes(struct xarray *xa)
{
	return READ_ONCE(xa->nr_nodes);
}

int xa_nodes_init(struct xa_nodes *nodes)
{
	nodes->nr = 0;
	nodes->cache = KMEM_CACHE(xa_node, 0);
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
	unsigned int slot = index & XA_CHUNK_MASK;
	void *entry = xa->xa_head;
	struct xa_node *node;

	if (!xa_is_node(entry))
		return NULL;
	node = xa_to_node(entry);
	if (index >> node->shift >= XA_CHUNK_SIZE)
		return NULL;
	/* a root that is a leaf was looked into */
	if (!node->shift)
		return &node->slots[slot];
	for (;;) {
		entry = node->slots[xa_slot(node, index)];
		if (!entry)
			return NULL;
		if (node->shift == XA_CHUNK_SHIFT)
			break;
		node = xa_to_node(entry);
	}
	node = xa_to_node(entry);
	/* its count changes, too */
	prefetchw(node);
	prefetchw(&node->slots[slot]);
	return &node->slots[slot];
}
