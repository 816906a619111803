/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scan.c - equal contents are looked for among what is stored
 *
 * A policy that scans lets stores pass. Every so many events a number of entries is
 * looked at, in the order of their slots, going on where the last scan stopped; when
 * all have had their turn, that was a pass (mm/ksm.c: a full scan).
 *
 * The stable tree is the index: what has been shared is found there by everybody. The
 * unstable tree holds the entries of this pass that had no equal one yet; it is
 * thrown away after the pass. Both are ordered by the digest, where KSM orders pages
 * by their bytes: to compare pages on the way down, each would have to be decompressed.
 * So what is compared has an equal digest, and compares are counted as for stores.
 *
 * Nobody tells the unstable tree when an entry goes. What it says of one holds only
 * when that is found again at its slot, with the slot locked, as stable_tree_search()
 * and its like find a page again. A slot that is busy is left alone, for the next
 * pass: nothing here waits for one.
 *
 * KSM digests a page at each visit, to see whether it has been written to. What is
 * stored cannot be: the digest is made at the first visit (and kept, in what a content
 * has room for already); a page that is stored anew begins anew.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "zswap/zswap.h"

/**
 * struct zswap_scan_node - an entry of the unstable tree
 * @node:   by @digest, then @swp
 * @digest: low word of its content's
 * @swp, @entry: what was there when it was scanned; looked into when it is found again
 *
 * Invariants: Q2 two nodes differ in digest or slot. Q3 of a node whose entry is
 * there still, the content is not shareable and has its digest.
 */
struct zswap_scan_node {
	struct rb_node node;
	u64 digest;
	swp_entry_t swp;
	struct zswap_entry *entry;
};

/* One scan, by the policy that there is; on the stack */
struct zswap_scan_run {
	const struct zswap_policy_ops *ops;
	u32 sharers_max;
	unsigned int candidates_max;
};

static struct zswap_scan_node *zswap_scan_node(struct rb_node *node)
{
	return node ? rb_entry(node, struct zswap_scan_node, node) : NULL;
}

/*********************************
 * unstable tree
 **********************************/

/* The first node of this digest or of a larger one. */
static struct rb_node *zswap_unstable_first(struct zswap_scan *scan, u64 digest)
{
	struct rb_node *node = scan->unstable.rb_node, *first = NULL;

	while (node) {
		if (zswap_scan_node(node)->digest < digest) {
			node = node->rb_right;
		} else {
			first = node;
			node = node->rb_left;
		}
	}
	return first;
}

static bool zswap_unstable_before(const struct zswap_scan_node *a,
				  const struct zswap_scan_node *b)
{
	return a->digest < b->digest ||
	       (a->digest == b->digest && a->swp.val < b->swp.val);
}

static void zswap_unstable_remove(struct zswap_scan *scan,
				  struct zswap_scan_node *node)
{
	rb_erase(&node->node, &scan->unstable);
	scan->nr_unstable--;
	kmem_cache_free(scan->node_cache, node);
}

/* Without memory the entry is not found in this pass. */
static void zswap_unstable_insert(struct zswap_scan *scan, swp_entry_t swp,
				  struct zswap_entry *entry)
{
	struct rb_node **link = &scan->unstable.rb_node, *parent = NULL;
	struct zswap_scan_node *node =
		kmem_cache_alloc(scan->node_cache, GFP_KERNEL);

	if (!node)
		return;
	node->digest = entry->content->digest;
	node->swp = swp;
	node->entry = entry;
	while (*link) {
		parent = *link;
		link = zswap_unstable_before(node, zswap_scan_node(parent)) ?
			       &parent->rb_left : &parent->rb_right;
	}
	rb_link_node(&node->node, parent, link);
	rb_insert_color(&node->node, &scan->unstable);
	scan->nr_unstable++;
}

static void zswap_unstable_drop(struct zswap_scan *scan)
{
	struct zswap_scan_node *node, *next;

	rbtree_postorder_for_each_entry_safe(node, next, &scan->unstable, node)
		kmem_cache_free(scan->node_cache, node);
	scan->unstable = RB_ROOT;
	scan->nr_unstable = 0;
}

/* With the slot locked: does it still have the node's entry, as that was? */
static bool zswap_unstable_holds(struct zswap *zs,
				 const struct zswap_scan_node *node)
{
	return zswap_find(zs, node->swp) == node->entry &&
	       node->entry->scanned && !node->entry->content->shareable &&
	       node->entry->content->digest == node->digest;
}

/*
 * Compares with the entry of @node, as with a candidate of the index. Equal: its
 * content goes to the stable tree, and the caller holds one sharer of it.
 */
static struct zswap_content *zswap_unstable_match(struct zswap *zs,
						  struct zswap_lookup *lk,
						  struct zswap_scan_node *node)
{
	struct zswap_dedup *d = &zs->dedup;
	struct zswap_content *content = node->entry->content;
	int equal;

	if (content->domain != lk->domain || content->pool != lk->pool ||
	    (!lk->facts && content->digest_hi != lk->digest.hi))
		return NULL;
	atomic_long_inc(&d->candidates);
	equal = zswap_content_compare(zs, content, lk);
	atomic_long_inc(&d->compares);
	if (equal < 0)
		atomic_long_inc(&zs->stats.decompress_fail);
	else if (!equal)
		atomic_long_inc(&d->false_positives);
	if (equal <= 0)
		return NULL;
	zswap_content_index(zs, node->entry);
	zswap_unstable_remove(&d->scan, node);
	return zswap_content_share(zs, content, lk->sharers_max) ? content :
								   NULL;
}

/* As zswap_index_search(), among the entries of this pass. */
static struct zswap_content *zswap_unstable_search(struct zswap *zs,
						   struct zswap_lookup *lk)
{
	struct zswap_scan *scan = &zs->dedup.scan;
	struct rb_node *next = zswap_unstable_first(scan, lk->digest.lo);
	struct zswap_content *found = NULL;
	unsigned int left = lk->candidates_max;
	struct zswap_scan_node *node;

	while ((node = zswap_scan_node(next)) && !found && left &&
	       node->digest == lk->digest.lo) {
		struct zswap_folio folio = { .swap = node->swp, .nr_pages = 1 };

		next = rb_next(next);
		if (zs->ops->swapcache_add(zs->env, node->swp, &folio))
			continue;
		if (zswap_unstable_holds(zs, node)) {
			left--;
			found = zswap_unstable_match(zs, lk, node);
		} else {
			zswap_unstable_remove(scan, node);
		}
		zs->ops->swapcache_drop(zs->env, &folio);
	}
	return found;
}

/*********************************
 * one entry
 **********************************/

/*
 * Has @entry's content digested, if it is not yet. Returns whether it may be looked up
 * now: with a gate not at the first visit. The slot is locked.
 */
static bool zswap_scan_digest(struct zswap *zs,
			      const struct zswap_scan_run *run,
			      struct zswap_entry *entry, void *page)
{
	struct zswap_content *content = entry->content;
	bool known = entry->scanned &&
		     (zs->lengths_only ||
		      content->of_stored == run->ops->stored_bytes);
	struct zswap_digest digest;

	if (known && run->ops->gate)
		return true;
	if (!zs->lengths_only) {
		if (run->ops->stored_bytes)
			zswap_stored_digest(zs, content, &digest);
		else if (zswap_content_digest(zs, content, page, &digest))
			return false;
		content->digest = digest.lo;
		content->digest_hi = digest.hi;
		content->of_stored = run->ops->stored_bytes;
	}
	if (!entry->scanned)
		atomic_long_inc(&zs->dedup.scan.scanned);
	entry->scanned = true;
	return !run->ops->gate;
}

/* The slot of @entry is locked; @page has room for its page. */
static void zswap_scan_entry(struct zswap *zs, const struct zswap_scan_run *run,
			     swp_entry_t swp, struct zswap_entry *entry,
			     void *page)
{
	struct zswap_content *content = entry->content, *found;
	struct zswap_facts facts = { .identity = content->identity };
	struct zswap_lookup lk = {
		.facts = zs->lengths_only ? &facts : NULL,
		.pool = content->pool,
		.allow_raw = true,
		.domain = zswap_domain_of(zs, run->ops,
					  zs->ops->memcg(zs->env,
							 entry->objcg)),
		.sharers_max = run->sharers_max,
		.candidates_max = run->candidates_max,
		.own = content,
		.own_page = page,
		.stored_bytes = run->ops->stored_bytes,
	};

	content->domain = lk.domain;
	if (!zswap_scan_digest(zs, run, entry, page))
		return;
	lk.digest.lo = content->digest;
	lk.digest.hi = content->digest_hi;
	found = zswap_index_search(zs, &lk);
	if (!found)
		found = zswap_unstable_search(zs, &lk);
	if (!found) {
		zswap_unstable_insert(&zs->dedup.scan, swp, entry);
		return;
	}
	atomic_long_inc(&zs->dedup.hits);
	zswap_entry_merge(zs, entry, found);
}

static void zswap_scan_slot(struct zswap *zs, const struct zswap_scan_run *run,
			    swp_entry_t swp)
{
	struct zswap_folio folio = { .swap = swp, .nr_pages = 1 };
	struct zswap_entry *entry;

	if (zs->ops->swapcache_add(zs->env, swp, &folio))
		return;
	entry = zswap_find(zs, swp);
	/* what is in the stable tree is where it should be */
	if (entry && !entry->same_filled && !entry->content->shareable)
		zswap_scan_entry(zs, run, swp, entry, folio.data);
	zs->ops->swapcache_drop(zs->env, &folio);
}

/*********************************
 * scans and passes
 **********************************/

/* The first slot from the cursor on that has an entry; the cursor is behind it then. */
static bool zswap_scan_next(struct zswap *zs, swp_entry_t *swp)
{
	struct zswap_scan *scan = &zs->dedup.scan;
	unsigned long type = swp_type(scan->cursor);
	unsigned long offset = swp_offset(scan->cursor), i, index;

	for (; type < ARRAY_SIZE(zs->trees); type++, offset = 0) {
		for (i = offset >> ZSWAP_TREE_SHIFT; i < zs->trees[type].nr;
		     i++, offset = 0) {
			index = offset % ZSWAP_TREE_SLOTS;
			if (!xa_find(&zs->trees[type].tree[i], &index,
				     ZSWAP_TREE_SLOTS - 1, XA_PRESENT))
				continue;
			index += i << ZSWAP_TREE_SHIFT;
			*swp = swp_entry(type, index);
			scan->cursor = swp_entry(type, index + 1);
			return true;
		}
	}
	return false;
}

/* All have had their turn. An empty pool was no pass. */
static void zswap_scan_end_pass(struct zswap_scan *scan)
{
	if (scan->cursor.val)
		atomic_long_inc(&scan->full_scans);
	scan->cursor.val = 0;
	zswap_unstable_drop(scan);
}

/* A scan ends with the pass: no entry is looked at twice in it. */
static void zswap_scan(struct zswap *zs)
{
	struct zswap_scan *scan = &zs->dedup.scan;
	u32 left = scan->pages;
	struct zswap_policy *policy;
	struct zswap_scan_run run;
	swp_entry_t swp;

	lockdep_assert_held(&scan->lock);
	zswap_stage(zs, ZSWAP_STAGE_SCAN);
	rcu_read_lock();
	policy = rcu_dereference(zs->dedup.policy);
	run.ops = policy->ops;
	run.sharers_max = policy->params.sharers_max;
	rcu_read_unlock();
	run.candidates_max = ZSWAP_CANDIDATES_MAX;

	do {
		if (!zswap_scan_next(zs, &swp)) {
			zswap_scan_end_pass(scan);
			break;
		}
		atomic_long_inc(&scan->pages_scanned);
		zswap_scan_slot(zs, &run, swp);
		cond_resched();
	} while (!scan->pages || --left);
	zswap_stage(zs, ZSWAP_STAGE_OTHER);
}

bool zswap_scan_after(struct zswap *zs, unsigned int nr)
{
	struct zswap_scan *scan = &zs->dedup.scan;
	u32 every = READ_ONCE(scan->every);
	unsigned long now;

	/* the policy may have been changed since it was asked */
	if (!every)
		return false;
	now = atomic_long_add_return(nr, &scan->events);
	/* a folio is as many events as it has pages */
	if (now / every == (now - nr) / every || !mutex_trylock(&scan->lock))
		return false;
	zswap_scan(zs);
	mutex_unlock(&scan->lock);
	return true;
}

/*********************************
 * setup and check
 **********************************/

void zswap_scan_set(struct zswap *zs, const struct zswap_policy *policy)
{
	struct zswap_scan *scan = &zs->dedup.scan;

	zswap_unstable_drop(scan);
	scan->cursor.val = 0;
	atomic_long_set(&scan->events, 0);
	scan->pages = policy->params.scan_pages;
	WRITE_ONCE(scan->every, policy->params.scan_every);
}

void zswap_scan_forget(struct zswap *zs, unsigned int type)
{
	struct zswap_scan *scan = &zs->dedup.scan;
	struct rb_node *node = rb_first(&scan->unstable), *next;

	lockdep_assert_held(&scan->lock);
	for (; node; node = next) {
		next = rb_next(node);
		if (swp_type(zswap_scan_node(node)->swp) == type)
			zswap_unstable_remove(scan, zswap_scan_node(node));
	}
}

int zswap_scan_init(struct zswap *zs)
{
	struct zswap_scan *scan = &zs->dedup.scan;

	mutex_init(&scan->lock);
	scan->unstable = RB_ROOT;
	scan->node_cache = KMEM_CACHE(zswap_scan_node, 0);
	return scan->node_cache ? 0 : -ENOMEM;
}

void zswap_scan_exit(struct zswap *zs)
{
	zswap_unstable_drop(&zs->dedup.scan);
	kmem_cache_destroy(zs->dedup.scan.node_cache);
}

int zswap_scan_check(struct zswap *zs, const char **why)
{
	struct zswap_scan *scan = &zs->dedup.scan;
	struct rb_node *node = rb_first(&scan->unstable), *next;
	unsigned long nr = 0;

	for (; node; node = next) {
		struct zswap_scan_node *here = zswap_scan_node(node);
		struct zswap_content *content;

		nr++;
		next = rb_next(node);
		if (next && !zswap_unstable_before(here, zswap_scan_node(next))) {
			*why = "Q2: nodes of the unstable tree out of order, or one twice";
			return -EUCLEAN;
		}
		if (zswap_find(zs, here->swp) != here->entry ||
		    !here->entry->scanned)
			continue;
		content = here->entry->content;
		if (content->shareable || content->digest != here->digest) {
			*why = "Q3: a shared content, or another's digest, in the unstable tree";
			return -EUCLEAN;
		}
	}
	if (nr == scan->nr_unstable)
		return 0;
	*why = "Q2: nodes of the unstable tree are not as many as it counts";
	return -EUCLEAN;
}
