/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dedup.c - find, share and forget contents
 *
 * The index is sixteen stripes of chained buckets, keyed by the digest and the
 * domain. A lookup pins the candidates of equal digest under the stripe lock, and
 * compares them with no lock held. Whether a content can still be shared is asked
 * again under the lock when a compare has matched: between the two its last sharer
 * may have gone.
 */
#include <linux/bug.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/prefetch.h>
#include <linux/string.h>

#include "zswap/zswap.h"

/*********************************
 * stripes and buckets
 **********************************/

/*
 * Multiply-shift (Dietzfelbinger et al. 1997, "A reliable randomized algorithm for the
 * closest-pair problem"), the highest bits of which are the stripe and the bucket: two
 * keys share a bucket of 2^m with a chance of 2/2^m at most. That is so for digests
 * of a hash without a key, too, which anybody may choose, as nobody knows the factors.
 */
static u64 zswap_index_key(const struct zswap *zs, u64 digest, u32 domain)
{
	const struct zswap_spread *spread = &zs->dedup.spread;

	return digest * spread->digest + domain * spread->domain;
}

static struct zswap_stripe *zswap_stripe_of(struct zswap *zs, u64 key)
{
	return &zs->dedup.stripe[key >> (64 - ZSWAP_STRIPE_BITS)];
}

static unsigned long zswap_bucket_index(u64 key, unsigned int bits)
{
	return (key << ZSWAP_STRIPE_BITS) >> (64 - bits);
}

static struct zswap_stripe *zswap_content_stripe(struct zswap *zs,
						 struct zswap_content *content)
{
	return zswap_stripe_of(zs, zswap_index_key(zs, content->digest,
						   content->domain));
}

/*
 * Bucket b becomes 2b and 2b + 1, both in the old order, so that a bounded walk
 * still meets the newest contents first.
 */
static void zswap_stripe_split(const struct zswap *zs,
			       struct zswap_stripe *stripe,
			       struct hlist_head *bucket)
{
	unsigned long b, i;

	for (b = 0; b < 1UL << stripe->bits; b++) {
		struct hlist_node *tail[2] = { NULL, NULL };
		struct zswap_content *content;
		struct hlist_node *next;

		hlist_for_each_entry_safe(content, next, &stripe->bucket[b],
					  node) {
			i = zswap_bucket_index(
				zswap_index_key(zs, content->digest,
						content->domain),
				stripe->bits + 1);
			hlist_del_init(&content->node);
			if (tail[i & 1])
				hlist_add_behind(&content->node, tail[i & 1]);
			else
				hlist_add_head(&content->node, &bucket[i]);
			tail[i & 1] = &content->node;
		}
	}
}

/* Doubles the table. Without memory the old one serves on. */
static void zswap_stripe_grow(struct zswap *zs, struct zswap_stripe *stripe,
			      unsigned int bits)
{
	struct hlist_head *old, *bucket;
	bool grown = false;

	if (READ_ONCE(stripe->bits) != bits)
		return;
	bucket = kvcalloc(2UL << bits, sizeof(*bucket), GFP_KERNEL);
	if (!bucket)
		return;
	spin_lock(&stripe->lock);
	old = bucket;
	if (stripe->bits == bits) {
		zswap_stripe_split(zs, stripe, bucket);
		old = stripe->bucket;
		stripe->bucket = bucket;
		stripe->bits++;
		grown = true;
	}
	spin_unlock(&stripe->lock);
	kvfree(old);
	if (grown)
		atomic_long_add(sizeof(*bucket) << bits,
				&zs->dedup.index_bytes);
}

/*
 * All stripes at once, by the contents of all: how large the index is must not
 * depend on how a hash happens to spread them, or else its size would tell one
 * hash from another, and a trace without bytes, which has digests of its own, could
 * not tell what the index costs.
 */
static void zswap_index_grow(struct zswap *zs, unsigned int bits)
{
	unsigned int i;

	for (i = 0; i < ZSWAP_STRIPES; i++)
		zswap_stripe_grow(zs, &zs->dedup.stripe[i], bits);
}

static void zswap_stripe_insert(struct zswap_stripe *stripe, u64 key,
				struct zswap_content *content)
{
	hlist_add_head(&content->node,
		       &stripe->bucket[zswap_bucket_index(key, stripe->bits)]);
	stripe->nr++;
	stripe->generation++;
}

static void zswap_stripe_remove(struct zswap_stripe *stripe,
				struct zswap_content *content)
{
	hlist_del_init(&content->node);
	stripe->nr--;
}

/*********************************
 * contents
 **********************************/

static struct kmem_cache *zswap_content_cache_create(bool maps_sharers)
{
	unsigned int size = maps_sharers ?
				    sizeof(struct zswap_content) :
				    offsetof(struct zswap_content, entries);

	return kmem_cache_create("zswap_content", size, 0,
				 maps_sharers ? 0 : SLAB_HWCACHE_ALIGN, NULL);
}

/* Member by member, as the last one may not be there. */
struct zswap_content *zswap_content_alloc(struct zswap *zs)
{
	struct zswap_content *content =
		kmem_cache_alloc(zs->dedup.content_cache, GFP_KERNEL);

	if (!content)
		return NULL;
	INIT_HLIST_NODE(&content->node);
	content->digest = 0;
	content->digest_hi = 0;
	content->pool = NULL;
	content->handle = 0;
	refcount_set(&content->refs, 1);
	content->sharers = 1;
	content->domain = 0;
	content->length = 0;
	content->kind = ZSWAP_CONTENT_PLAIN;
	content->shareable = false;
	content->of_stored = false;
	if (zs->dedup.maps_sharers)
		INIT_HLIST_HEAD(&content->entries);
	return content;
}

void zswap_content_cache_free(struct zswap *zs, struct zswap_content *content)
{
	kmem_cache_free(zs->dedup.content_cache, content);
}

/* Drops a pin, or the one reference that all sharers have together. */
static void zswap_content_unpin(struct zswap *zs, struct zswap_content *content)
{
	struct zswap_pool *pool = content->pool;

	if (!refcount_dec_and_test(&content->refs))
		return;
	if (content->shareable)
		atomic_long_dec(&zs->dedup.shareable);
	zpool_free(&pool->zpool, &content->handle);
	zswap_content_cache_free(zs, content);
	/* last: it may take the allocator down */
	zswap_pool_put(pool);
}

/* Counts @content, which has one sharer, as live. */
static void zswap_content_account(struct zswap *zs,
				  struct zswap_content *content)
{
	atomic_long_inc(&zs->dedup.pages_unshared);
	atomic_long_add(content->length, &zs->dedup.payload_bytes);
}

/* Under the stripe lock: one sharer less. Returns those that are left. */
static u32 zswap_content_drop(struct zswap_stripe *stripe,
			      struct zswap_content *content)
{
	u32 left = content->sharers - 1;

	WRITE_ONCE(content->sharers, left);
	if (!left && !hlist_unhashed(&content->node))
		zswap_stripe_remove(stripe, content);
	return left;
}

/* @left sharers were left when the lock was dropped; the field may have changed. */
static void zswap_content_dropped(struct zswap *zs,
				  struct zswap_content *content, u32 left)
{
	struct zswap_dedup *d = &zs->dedup;

	if (left) {
		atomic_long_dec(&d->pages_sharing);
		if (left == 1) {
			atomic_long_dec(&d->pages_shared);
			atomic_long_inc(&d->pages_unshared);
		}
		return;
	}
	atomic_long_dec(&d->pages_unshared);
	atomic_long_sub(content->length, &d->payload_bytes);
	zswap_content_unpin(zs, content);
}

void zswap_content_put(struct zswap *zs, struct zswap_content *content)
{
	struct zswap_stripe *stripe;
	u32 left = 0;

	if (content->shareable) {
		stripe = zswap_content_stripe(zs, content);
		spin_lock(&stripe->lock);
		left = zswap_content_drop(stripe, content);
		spin_unlock(&stripe->lock);
	}
	zswap_content_dropped(zs, content, left);
}

/*********************************
 * sharers and what they pay
 **********************************/

static void zswap_entry_recharge(struct zswap *zs, struct zswap_entry *entry,
				 u32 size)
{
	if (size == entry->charged)
		return;
	zs->ops->recharge(zs->env, entry->objcg,
			  (long)size - (long)entry->charged);
	entry->charged = size;
}

/*
 * Under the stripe lock: the sharers at the head of the list pay @content's length
 * in equal parts, the others nothing. What does not divide is the first's.
 */
static void zswap_content_split(struct zswap *zs, struct zswap_content *content,
				unsigned int most)
{
	unsigned int nr = 0, i = 0;
	struct zswap_entry *entry;

	hlist_for_each_entry(entry, &content->entries, sibling)
		if (++nr == most)
			break;
	/* one more: who paid until another came before it */
	hlist_for_each_entry(entry, &content->entries, sibling) {
		u32 part = i < nr ? content->length / nr : 0;

		zswap_entry_recharge(zs, entry,
				     i ? part : part + content->length % nr);
		if (i++ == nr)
			break;
	}
}

/* FIRST: who pays goes on paying. SPLIT: the newest are those that pay. */
static void zswap_content_share_out(struct zswap *zs,
				    struct zswap_content *content)
{
	struct zswap_entry *entry;

	if (zs->dedup.charge == ZSWAP_CHARGE_SPLIT) {
		zswap_content_split(zs, content, ZSWAP_SPLIT_MAX);
		return;
	}
	if (hlist_empty(&content->entries))
		return;
	entry = hlist_entry(content->entries.first, struct zswap_entry,
			    sibling);
	zswap_entry_recharge(zs, entry, content->length);
}

/* Under the stripe lock: @content knows @entry from now on, with maps_sharers. */
static void zswap_content_link(struct zswap *zs, struct zswap_content *content,
			       struct zswap_entry *entry)
{
	if (!zs->dedup.maps_sharers)
		return;
	/* behind the first, who is the payer of FIRST */
	if (zs->dedup.charge == ZSWAP_CHARGE_FIRST &&
	    !hlist_empty(&content->entries))
		hlist_add_behind(&entry->sibling, content->entries.first);
	else
		hlist_add_head(&entry->sibling, &content->entries);
	if (zs->dedup.charge != ZSWAP_CHARGE_FULL)
		zswap_content_share_out(zs, content);
}

void zswap_content_join(struct zswap *zs, struct zswap_entry *entry)
{
	struct zswap_content *content = entry->content;
	bool full = zs->dedup.charge == ZSWAP_CHARGE_FULL;
	struct zswap_stripe *stripe;

	entry->charged = full || !content->shareable ? content->length : 0;
	zs->ops->charge(zs->env, entry->objcg, entry->charged);
	if (!zs->dedup.maps_sharers || !content->shareable)
		return;
	stripe = zswap_content_stripe(zs, content);
	spin_lock(&stripe->lock);
	zswap_content_link(zs, content, entry);
	spin_unlock(&stripe->lock);
}

/* It goes on paying what each does; or, before others pay a part of it, nothing. */
void zswap_content_rejoin(struct zswap *zs, struct zswap_entry *entry)
{
	struct zswap_content *content = entry->content;
	struct zswap_stripe *stripe;

	if (!zs->dedup.maps_sharers)
		return;
	stripe = zswap_content_stripe(zs, content);
	spin_lock(&stripe->lock);
	if (zs->dedup.charge != ZSWAP_CHARGE_FULL)
		zswap_entry_recharge(zs, entry, 0);
	zswap_content_link(zs, content, entry);
	spin_unlock(&stripe->lock);
}

void zswap_content_leave(struct zswap *zs, struct zswap_entry *entry)
{
	struct zswap_content *content = entry->content;
	struct zswap_stripe *stripe;
	u32 left = 0;

	if (content->shareable) {
		stripe = zswap_content_stripe(zs, content);
		prefetchw(READ_ONCE(content->node.next));
		prefetchw(READ_ONCE(content->node.pprev));
		spin_lock(&stripe->lock);
		if (!hlist_unhashed(&entry->sibling)) {
			hlist_del_init(&entry->sibling);
			if (zs->dedup.charge != ZSWAP_CHARGE_FULL)
				zswap_content_share_out(zs, content);
		}
		left = zswap_content_drop(stripe, content);
		spin_unlock(&stripe->lock);
	}
	/* what it paid last, not what the content is worth now */
	zs->ops->uncharge(zs->env, entry->objcg, entry->charged);
	zswap_content_dropped(zs, content, left);
}

unsigned int zswap_content_siblings(struct zswap *zs, struct zswap_entry *entry,
				    struct zswap_entry **sibling,
				    swp_entry_t *swp, unsigned int nr)
{
	struct zswap_content *content = entry->content;
	struct zswap_stripe *stripe;
	struct zswap_entry *other;
	unsigned int found = 0;

	if (!zs->dedup.maps_sharers || !content->shareable)
		return 0;
	stripe = zswap_content_stripe(zs, content);
	spin_lock(&stripe->lock);
	hlist_for_each_entry(other, &content->entries, sibling) {
		if (found == nr)
			break;
		if (other == entry)
			continue;
		sibling[found] = other;
		swp[found++] = other->swpentry;
	}
	spin_unlock(&stripe->lock);
	return found;
}

bool zswap_content_share(struct zswap *zs, struct zswap_content *content,
			 u32 sharers_max)
{
	struct zswap_stripe *stripe = zswap_content_stripe(zs, content);
	struct zswap_dedup *d = &zs->dedup;
	u32 sharers = 0;

	spin_lock(&stripe->lock);
	if (!hlist_unhashed(&content->node) && content->sharers < sharers_max) {
		sharers = content->sharers + 1;
		WRITE_ONCE(content->sharers, sharers);
	}
	spin_unlock(&stripe->lock);
	if (!sharers)
		return false;
	atomic_long_inc(&d->pages_sharing);
	if (sharers == 2) {
		atomic_long_dec(&d->pages_unshared);
		atomic_long_inc(&d->pages_shared);
	}
	return true;
}

bool zswap_content_shared(const struct zswap_content *content)
{
	return READ_ONCE(content->sharers) > 1;
}

void zswap_content_unhash(struct zswap *zs, struct zswap_content *content)
{
	struct zswap_stripe *stripe;

	if (!content->shareable)
		return;
	stripe = zswap_content_stripe(zs, content);
	spin_lock(&stripe->lock);
	if (!hlist_unhashed(&content->node))
		zswap_stripe_remove(stripe, content);
	spin_unlock(&stripe->lock);
}

/*********************************
 * digest and compare
 **********************************/

static void zswap_cut_digest(unsigned int bits, struct zswap_digest *digest)
{
	if (bits <= 64)
		digest->hi = 0;
	else if (bits < 128)
		digest->hi &= (1ULL << (bits - 64)) - 1;
	if (bits < 64)
		digest->lo &= (1ULL << bits) - 1;
}

void zswap_dedup_digest(struct zswap *zs, const void *page,
			struct zswap_digest *digest)
{
	struct zswap_dedup *d = &zs->dedup;

	d->hash->digest(&d->key, page, digest);
	zswap_cut_digest(d->hash_bits, digest);
}

void zswap_digest_stored(struct zswap *zs, const void *src, unsigned int len,
			 void *page, struct zswap_digest *digest)
{
	memcpy(page, src, len);
	memset(page + len, 0, PAGE_SIZE - len);
	zs->dedup.hash->digest(&zs->dedup.key, page, digest);
}

void zswap_stored_digest(struct zswap *zs, struct zswap_content *content,
			 struct zswap_digest *digest)
{
	struct zpool *zpool = &content->pool->zpool;
	struct zswap_comp_ctx *ctx = zswap_ctx_get_cpu_lock(content->pool);
	const void *src = zpool_obj_read_begin(zpool, &content->handle,
					       content->length, ctx->buffer);

	zswap_digest_stored(zs, src, content->length, ctx->page, digest);
	zpool_obj_read_end(zpool, &content->handle, src);
	zswap_ctx_put_unlock(ctx);
	zswap_cut_digest(zs->dedup.hash_bits, digest);
}

/* What is stored of one after the other: an allocator may map one object at a time. */
static bool zswap_stored_equal(struct zswap_comp_ctx *ctx,
			       struct zswap_content *a, struct zswap_content *b)
{
	struct zpool *zpool = &a->pool->zpool;
	const void *src;
	bool equal;

	src = zpool_obj_read_begin(zpool, &a->handle, a->length, ctx->buffer);
	memcpy(ctx->page, src, a->length);
	zpool_obj_read_end(zpool, &a->handle, src);
	src = zpool_obj_read_begin(zpool, &b->handle, b->length, ctx->buffer);
	equal = !memcmp(ctx->page, src, b->length);
	zpool_obj_read_end(zpool, &b->handle, src);
	return equal;
}

/*
 * As zswap_content_compare(), for what is stored already. Equal pages of one pool
 * have equal lengths, and so are charged the same.
 */
static int zswap_own_compare(struct zswap *zs, struct zswap_comp_ctx *ctx,
			     struct zswap_content *content,
			     struct zswap_lookup *lk)
{
	struct zswap_content *own = lk->own;

	if (own->length != content->length || own->kind != content->kind)
		return 0;
	if (lk->stored_bytes || own->kind == ZSWAP_CONTENT_RAW ||
	    zs->dedup.compare == ZSWAP_COMPARE_COMPRESSED)
		return zswap_stored_equal(ctx, own, content);
	if (!lk->page && zswap_decompress(zs, ctx, own, lk->own_page))
		return 0;
	lk->page = lk->own_page;
	if (zswap_decompress(zs, ctx, content, ctx->page))
		return -EIO;
	return !memcmp(ctx->page, lk->page, PAGE_SIZE);
}

/*
 * Compresses @page and compares that: the same compressor with the same parameters
 * made the content, and a candidate is always of the current pool.
 */
static int zswap_compressed_equal(struct zswap_comp_ctx *ctx,
				  struct zswap_content *content,
				  const void *page)
{
	struct zswap_pool *pool = content->pool;
	unsigned int dlen = 0;
	const void *src;
	int ret;

	if (pool->comp->compress(ctx->ctx, page, ctx->page, &dlen) ||
	    dlen != content->length)
		return 0;
	src = zpool_obj_read_begin(&pool->zpool, &content->handle, dlen,
				   ctx->buffer);
	ret = !memcmp(src, ctx->page, dlen);
	zpool_obj_read_end(&pool->zpool, &content->handle, src);
	return ret;
}

int zswap_content_compare(struct zswap *zs, struct zswap_content *content,
			  struct zswap_lookup *lk)
{
	struct zpool *zpool = &content->pool->zpool;
	struct zswap_comp_ctx *ctx;
	const void *src;
	int ret;

	if (lk->facts)
		return content->identity == lk->facts->identity;
	if (zs->dedup.compare == ZSWAP_COMPARE_TRUST)
		return 1;
	ctx = zswap_ctx_get_cpu_lock(content->pool);
	if (lk->own) {
		ret = zswap_own_compare(zs, ctx, content, lk);
	} else if (content->kind == ZSWAP_CONTENT_RAW) {
		src = zpool_obj_read_begin(zpool, &content->handle, PAGE_SIZE,
					   ctx->buffer);
		ret = !memcmp(src, lk->page, PAGE_SIZE);
		zpool_obj_read_end(zpool, &content->handle, src);
	} else if (zs->dedup.compare == ZSWAP_COMPARE_COMPRESSED) {
		ret = zswap_compressed_equal(ctx, content, lk->page);
	} else {
		ret = zswap_decompress(zs, ctx, content, ctx->page);
		if (!ret)
			ret = !memcmp(ctx->page, lk->page, PAGE_SIZE);
	}
	zswap_ctx_put_unlock(ctx);
	return ret;
}

/*********************************
 * lookup and publication
 **********************************/

/*
 * Stripes have locks of their own, so two may be here at once; a new longest walk is
 * rare enough for a loop.
 */
static void zswap_note_walk(struct zswap *zs, unsigned int walked)
{
	unsigned int most = READ_ONCE(zs->dedup.walk_max);

	while (walked > most) {
		unsigned int old = cmpxchg(&zs->dedup.walk_max, most, walked);

		if (old == most)
			break;
		most = old;
	}
}

/*
 * Pins up to ZSWAP_CANDIDATES_MAX contents that may be equal. Under the stripe lock.
 * The walk is bounded by those of this digest and domain alone: so what is found
 * depends on which digests are equal, and not on which share a bucket.
 */
static unsigned int zswap_collect(struct zswap *zs, struct zswap_stripe *stripe,
				  const struct zswap_lookup *lk, u64 key,
				  struct zswap_content **candidate)
{
	unsigned int nr = 0, walked = 0;
	struct zswap_content *content;

	lockdep_assert_held(&stripe->lock);
	hlist_for_each_entry(content,
			     &stripe->bucket[zswap_bucket_index(key,
								stripe->bits)],
			     node) {
		if (nr == lk->candidates_max)
			break;
		if (content->digest != lk->digest.lo ||
		    content->domain != lk->domain)
			continue;
		if (walked++ == ZSWAP_WALK_MAX)
			break;
		if ((!lk->facts && content->digest_hi != lk->digest.hi) ||
		    content->pool != lk->pool)
			continue;
		/* A raw one is closed to a memcg that may not write back. */
		if (content->kind == ZSWAP_CONTENT_RAW && !lk->allow_raw)
			continue;
		if (content->sharers >= lk->sharers_max) {
			atomic_long_inc(&zs->dedup.sharers_full);
			continue;
		}
		/* It is in the index, so it has a sharer, and so a reference. */
		refcount_inc(&content->refs);
		candidate[nr++] = content;
	}
	/* one that was cut short has counted the content that it stopped at */
	zswap_note_walk(zs, min_t(unsigned int, walked, ZSWAP_WALK_MAX));
	return nr;
}

/* The first candidate of equal bytes, one sharer taken; drops all pins. */
static struct zswap_content *zswap_match(struct zswap *zs,
					 struct zswap_lookup *lk,
					 struct zswap_content **candidate,
					 unsigned int nr)
{
	struct zswap_dedup *d = &zs->dedup;
	struct zswap_content *found = NULL;
	unsigned int i;
	int equal;

	if (nr) {
		atomic_long_add(nr, &d->candidates);
		/* a scan is a stage of its own */
		if (!lk->own)
			zswap_stage(zs, ZSWAP_STAGE_COMPARE);
	}
	for (i = 0; i < nr; i++) {
		if (!found) {
			equal = zswap_content_compare(zs, candidate[i], lk);
			atomic_long_inc(&d->compares);
			if (equal < 0) {
				atomic_long_inc(&zs->stats.decompress_fail);
				zswap_content_unhash(zs, candidate[i]);
			} else if (!equal) {
				atomic_long_inc(&d->false_positives);
			} else if (zswap_content_share(zs, candidate[i],
						       lk->sharers_max)) {
				found = candidate[i];
			}
		}
		zswap_content_unpin(zs, candidate[i]);
	}
	if (!lk->own)
		zswap_stage(zs, ZSWAP_STAGE_OTHER);
	return found;
}

/* Groups are marked by the user, memcgs counted from 0: neither is taken for the other. */
u32 zswap_domain_of(struct zswap *zs, const struct zswap_policy_ops *ops,
		    struct mem_cgroup *memcg)
{
	switch (max(ops->domain, zs->dedup.domain)) {
	case ZSWAP_DOMAIN_MEMCG:
		return zs->ops->memcg_id(zs->env, memcg);
	case ZSWAP_DOMAIN_GROUP:
		return ZSWAP_GROUP_DOMAINS |
		       zs->ops->memcg_group(zs->env, memcg);
	default:
		return 0;
	}
}

/* Asks the policy what is to be done about this store. */
static void zswap_policy_ask(struct zswap *zs, struct mem_cgroup *memcg,
			     struct zswap_lookup *lk)
{
	struct zswap_policy *policy;
	unsigned int most;

	rcu_read_lock();
	policy = rcu_dereference(zs->dedup.policy);
	lk->ops = policy->ops;
	lk->active = policy->ops->looks_up &&
		     policy->ops->lookup(policy->state,
					 zs->ops->memcg_id(zs->env, memcg));
	lk->domain = zswap_domain_of(zs, policy->ops, memcg);
	lk->sharers_max = policy->params.sharers_max;
	most = policy->ops->candidates_max;
	rcu_read_unlock();
	lk->candidates_max = most && most < ZSWAP_CANDIDATES_MAX ?
				     most : ZSWAP_CANDIDATES_MAX;
}

/* The state may be another policy's by now; the operations are constant tables. */
static void zswap_policy_tell(struct zswap *zs, const struct zswap_lookup *lk)
{
	struct zswap_policy *policy;

	if (!lk->ops->outcome)
		return;
	rcu_read_lock();
	policy = rcu_dereference(zs->dedup.policy);
	if (policy->ops->outcome)
		policy->ops->outcome(policy->state, lk->hit);
	rcu_read_unlock();
}

/* May the new content be found? And are twins of it looked for before? */
static bool zswap_policy_admits(struct zswap *zs, const struct zswap_lookup *lk,
				bool *keeps_twins, bool *one_per_digest)
{
	struct zswap_policy *policy;
	bool admit = true;

	*keeps_twins = lk->ops->keeps_twins;
	*one_per_digest = lk->ops->one_per_digest;
	if (!lk->ops->admit)
		return true;
	rcu_read_lock();
	policy = rcu_dereference(zs->dedup.policy);
	if (policy->ops->admit)
		admit = policy->ops->admit(policy->state, &lk->digest,
					   lk->domain);
	rcu_read_unlock();
	return admit;
}

struct zswap_content *zswap_index_search(struct zswap *zs,
					 struct zswap_lookup *lk)
{
	u64 key = zswap_index_key(zs, lk->digest.lo, lk->domain);
	struct zswap_stripe *stripe = zswap_stripe_of(zs, key);
	struct zswap_content *candidate[ZSWAP_CANDIDATES_MAX];
	unsigned int nr;

	atomic_long_inc(&zs->dedup.lookups);
	spin_lock(&stripe->lock);
	nr = zswap_collect(zs, stripe, lk, key, candidate);
	lk->generation = stripe->generation;
	spin_unlock(&stripe->lock);
	return zswap_match(zs, lk, candidate, nr);
}

struct zswap_content *zswap_dedup_find(struct zswap *zs,
				       struct mem_cgroup *memcg,
				       struct zswap_lookup *lk)
{
	struct zswap_content *found;

	zswap_policy_ask(zs, memcg, lk);
	if (!lk->active)
		return NULL;
	zswap_stage(zs, ZSWAP_STAGE_HASH);
	if (lk->facts) {
		lk->digest = lk->facts->digest;
		zswap_cut_digest(zs->dedup.hash_bits, &lk->digest);
	} else {
		zswap_dedup_digest(zs, lk->page, &lk->digest);
	}

	zswap_stage(zs, ZSWAP_STAGE_LOOKUP);
	found = zswap_index_search(zs, lk);
	lk->hit = found;
	if (found)
		atomic_long_inc(&zs->dedup.hits);
	zswap_policy_tell(zs, lk);
	return found;
}

const struct hlist_head *zswap_dedup_bucket(struct zswap *zs,
					    struct mem_cgroup *memcg,
					    u64 digest)
{
	const struct zswap_policy_ops *ops =
		rcu_dereference_protected(zs->dedup.policy, true)->ops;
	struct zswap_digest cut = { .lo = digest };
	struct zswap_stripe *stripe;
	u64 key;

	zswap_cut_digest(zs->dedup.hash_bits, &cut);
	key = zswap_index_key(zs, cut.lo, zswap_domain_of(zs, ops, memcg));
	stripe = zswap_stripe_of(zs, key);
	return &stripe->bucket[zswap_bucket_index(key, stripe->bits)];
}

/* Under the stripe lock: is there a content of this digest that one could share? */
static bool zswap_digest_taken(struct zswap_stripe *stripe,
			       const struct zswap_lookup *lk, u64 key)
{
	struct zswap_content *content;

	hlist_for_each_entry(content,
			     &stripe->bucket[zswap_bucket_index(key,
								stripe->bits)],
			     node) {
		if (content->digest == lk->digest.lo &&
		    content->domain == lk->domain)
			return true;
	}
	return false;
}

/* Under the stripe lock: the contents of @lk's digest and domain. */
static enum zswap_meets zswap_meets(struct zswap_stripe *stripe,
				    const struct zswap_lookup *lk, u64 key)
{
	enum zswap_meets meets = ZSWAP_MEETS_NONE;
	struct zswap_content *content;

	hlist_for_each_entry(content,
			     &stripe->bucket[zswap_bucket_index(key,
								stripe->bits)],
			     node) {
		if (content->digest != lk->digest.lo ||
		    content->domain != lk->domain)
			continue;
		if (meets || content->pool != lk->pool ||
		    content->kind == ZSWAP_CONTENT_RAW ||
		    content->sharers >= lk->sharers_max)
			return ZSWAP_MEETS_OTHERS;
		meets = ZSWAP_MEETS_ONE;
	}
	return meets;
}

enum zswap_meets zswap_dedup_meets(struct zswap *zs, struct mem_cgroup *memcg,
				   u64 digest)
{
	struct zswap_lookup lk = { .digest.lo = digest };
	struct zswap_stripe *stripe;
	enum zswap_meets meets;
	u64 key;

	rcu_read_lock();
	/* only told from others, so no reference is needed */
	lk.pool = list_first_or_null_rcu(&zs->pools, struct zswap_pool, list);
	lk.ops = rcu_dereference(zs->dedup.policy)->ops;
	lk.sharers_max = rcu_dereference(zs->dedup.policy)->params.sharers_max;
	rcu_read_unlock();
	lk.domain = zswap_domain_of(zs, lk.ops, memcg);
	zswap_cut_digest(zs->dedup.hash_bits, &lk.digest);
	key = zswap_index_key(zs, lk.digest.lo, lk.domain);
	stripe = zswap_stripe_of(zs, key);
	spin_lock(&stripe->lock);
	meets = zswap_meets(stripe, &lk, key);
	spin_unlock(&stripe->lock);
	/* a new content of its digest would be kept outside */
	return meets && lk.ops->one_per_digest ? ZSWAP_MEETS_OTHERS : meets;
}

/*
 * Looks again for a content of equal bytes, as long as others insert. Returns it
 * with one sharer taken; or NULL, with the stripe locked.
 */
static struct zswap_content *zswap_find_twin(struct zswap *zs,
					     struct zswap_lookup *lk, u64 key,
					     unsigned int rounds)
{
	struct zswap_stripe *stripe = zswap_stripe_of(zs, key);
	struct zswap_content *candidate[ZSWAP_CANDIDATES_MAX], *twin;
	unsigned int nr;

	for (;; rounds--) {
		spin_lock(&stripe->lock);
		/* Nothing was inserted since the last look: no twin can be there. */
		if (stripe->generation == lk->generation || !rounds)
			return NULL;
		nr = zswap_collect(zs, stripe, lk, key, candidate);
		lk->generation = stripe->generation;
		spin_unlock(&stripe->lock);
		twin = zswap_match(zs, lk, candidate, nr);
		if (twin)
			return twin;
	}
}

/*
 * Under the stripe lock: @content can be found from now on. Returns its bits when the
 * index is to grow, else 0.
 */
static unsigned int zswap_index_insert(struct zswap *zs,
				       struct zswap_stripe *stripe, u64 key,
				       struct zswap_content *content)
{
	unsigned int bits = stripe->bits;
	long nr;

	content->shareable = true;
	nr = atomic_long_inc_return(&zs->dedup.shareable);
	zswap_stripe_insert(stripe, key, content);
	return nr > (long)(ZSWAP_BUCKET_LOAD * ZSWAP_STRIPES << bits) ? bits : 0;
}

void zswap_content_index(struct zswap *zs, struct zswap_entry *entry)
{
	struct zswap_content *content = entry->content;
	u64 key = zswap_index_key(zs, content->digest, content->domain);
	struct zswap_stripe *stripe = zswap_stripe_of(zs, key);
	unsigned int grow;

	spin_lock(&stripe->lock);
	zswap_content_link(zs, content, entry);
	grow = zswap_index_insert(zs, stripe, key, content);
	spin_unlock(&stripe->lock);
	if (grow)
		zswap_index_grow(zs, grow);
}

/* A pool without bytes has nothing else to tell a scan of a content. */
static void zswap_content_keep_facts(struct zswap *zs,
				     const struct zswap_lookup *lk,
				     struct zswap_content *content)
{
	struct zswap_digest digest = lk->facts->digest;

	zswap_cut_digest(zs->dedup.hash_bits, &digest);
	content->digest = digest.lo;
	content->identity = lk->facts->identity;
}

struct zswap_content *zswap_dedup_publish(struct zswap *zs,
					  struct zswap_lookup *lk,
					  struct zswap_content *content)
{
	u64 key = zswap_index_key(zs, lk->digest.lo, lk->domain);
	struct zswap_stripe *stripe = zswap_stripe_of(zs, key);
	bool keeps_twins, one_per_digest;
	struct zswap_content *twin;
	unsigned int grow;

	content->domain = lk->domain;
	if (!lk->active ||
	    !zswap_policy_admits(zs, lk, &keeps_twins, &one_per_digest)) {
		if (lk->facts)
			zswap_content_keep_facts(zs, lk, content);
		zswap_content_account(zs, content);
		return content;
	}
	content->digest = lk->digest.lo;
	if (lk->facts)
		content->identity = lk->facts->identity;
	else
		content->digest_hi = lk->digest.hi;
	twin = zswap_find_twin(zs, lk, key,
			       keeps_twins ? 0 : ZSWAP_TWIN_ROUNDS);
	if (twin) {
		atomic_long_inc(&zs->dedup.dup_races);
		zswap_content_unpin(zs, content);
		lk->hit = true;
		return twin;
	}
	/*
	 * Accounted under the lock: once it can be found, others count it on from
	 * one sharer to two.
	 */
	zswap_content_account(zs, content);
	if (one_per_digest && zswap_digest_taken(stripe, lk, key)) {
		spin_unlock(&stripe->lock);
		return content;
	}
	grow = zswap_index_insert(zs, stripe, key, content);
	spin_unlock(&stripe->lock);
	if (grow)
		zswap_index_grow(zs, grow);
	return content;
}

/*********************************
 * policy
 **********************************/

static struct zswap_policy *zswap_policy_create(
	const struct zswap_policy_ops *ops,
	const struct zswap_policy_params *params)
{
	struct zswap_policy *policy = kzalloc(sizeof(*policy), GFP_KERNEL);

	if (!policy)
		return NULL;
	policy->ops = ops;
	policy->params = *params;
	if (!ops->create)
		return policy;
	policy->state = ops->create(params);
	if (policy->state)
		return policy;
	kfree(policy);
	return NULL;
}

static void zswap_policy_destroy(struct zswap_policy *policy)
{
	if (policy->ops->destroy)
		policy->ops->destroy(policy->state);
	kfree(policy);
}

int zswap_dedup_set_policy(struct zswap *zs, const struct zswap_policy_ops *ops,
			   const struct zswap_policy_params *params)
{
	struct zswap_policy *policy = zswap_policy_create(ops, params), *old;

	if (!policy)
		return -ENOMEM;
	mutex_lock(&zs->dedup.scan.lock);
	old = rcu_dereference_protected(zs->dedup.policy, true);
	rcu_assign_pointer(zs->dedup.policy, policy);
	zswap_scan_set(zs, policy);
	mutex_unlock(&zs->dedup.scan.lock);
	synchronize_rcu();
	zswap_policy_destroy(old);
	return 0;
}

bool zswap_dedup_looks_up(struct zswap *zs)
{
	bool looks_up;

	rcu_read_lock();
	looks_up = rcu_dereference(zs->dedup.policy)->ops->looks_up;
	rcu_read_unlock();
	return looks_up;
}

bool zswap_dedup_digests_stored(struct zswap *zs)
{
	bool stored;

	rcu_read_lock();
	stored = rcu_dereference(zs->dedup.policy)->ops->stored_bytes;
	rcu_read_unlock();
	return stored;
}

bool zswap_dedup_digests_only_compared(struct zswap *zs)
{
	const struct zswap_policy_ops *ops;

	rcu_read_lock();
	ops = rcu_dereference(zs->dedup.policy)->ops;
	rcu_read_unlock();
	/* a filter reads the digest's bits, a tree is ordered by it */
	return !ops->admit && !ops->scan_every;
}

u64 zswap_dedup_index_bytes(struct zswap *zs, u64 nr_slots)
{
	struct zswap_policy *policy;
	u64 bytes;

	rcu_read_lock();
	policy = rcu_dereference(zs->dedup.policy);
	bytes = policy->ops->index_bytes ?
			policy->ops->index_bytes(nr_slots) :
			(u64)atomic_long_read(&zs->dedup.index_bytes);
	if (policy->ops->memory)
		bytes += policy->ops->memory(policy->state);
	bytes += atomic_long_read(&zs->dedup.scan.scanned) *
		 policy->ops->item_bytes;
	rcu_read_unlock();
	return bytes;
}

unsigned int zswap_dedup_content_bytes(struct zswap *zs)
{
	unsigned int bytes;

	rcu_read_lock();
	bytes = rcu_dereference(zs->dedup.policy)->ops->content_bytes;
	rcu_read_unlock();
	return bytes;
}

/*********************************
 * setup
 **********************************/

static void zswap_dedup_free_stripes(struct zswap *zs)
{
	unsigned int i;

	for (i = 0; i < ZSWAP_STRIPES; i++) {
		WARN_ON(zs->dedup.stripe[i].nr);
		kvfree(zs->dedup.stripe[i].bucket);
	}
}

int zswap_dedup_init(struct zswap *zs, const struct zswap_dedup_config *config)
{
	struct zswap_dedup *d = &zs->dedup;
	unsigned int i;

	struct zswap_policy *policy =
		zswap_policy_create(config->policy, &config->params);

	if (!policy)
		return -ENOMEM;
	d->hash = config->hash;
	d->hash_bits = config->hash_bits;
	d->key = config->key;
	d->spread = config->spread;
	d->compare = config->compare;
	d->charge = config->charge;
	d->domain = config->domain;
	d->writeback = config->writeback;
	d->maps_sharers = config->charge != ZSWAP_CHARGE_FULL ||
			  config->writeback == ZSWAP_WRITEBACK_ALL;
	rcu_assign_pointer(d->policy, policy);
	if (zswap_scan_init(zs))
		goto destroy_policy;
	zswap_scan_set(zs, policy);
	d->content_cache = zswap_content_cache_create(d->maps_sharers);
	if (!d->content_cache)
		goto exit_scan;
	for (i = 0; i < ZSWAP_STRIPES; i++) {
		struct zswap_stripe *stripe = &d->stripe[i];

		spin_lock_init(&stripe->lock);
		stripe->bits = ZSWAP_BUCKET_BITS_MIN;
		stripe->bucket = kvcalloc(1UL << stripe->bits,
					  sizeof(*stripe->bucket), GFP_KERNEL);
		if (!stripe->bucket)
			goto free;
	}
	atomic_long_set(&d->index_bytes,
			ZSWAP_STRIPES *
				(sizeof(struct zswap_stripe) +
				 (sizeof(struct hlist_head)
				  << ZSWAP_BUCKET_BITS_MIN)));
	return 0;

free:
	zswap_dedup_free_stripes(zs);
	kmem_cache_destroy(d->content_cache);
exit_scan:
	zswap_scan_exit(zs);
destroy_policy:
	zswap_policy_destroy(policy);
	return -ENOMEM;
}

void zswap_dedup_exit(struct zswap *zs)
{
	zswap_dedup_free_stripes(zs);
	kmem_cache_destroy(zs->dedup.content_cache);
	zswap_scan_exit(zs);
	zswap_policy_destroy(rcu_dereference_protected(zs->dedup.policy, true));
}

/*********************************
 * check
 **********************************/

unsigned long zswap_dedup_longest_chain(struct zswap *zs)
{
	unsigned long b, nr, longest = 0;
	struct zswap_content *content;
	unsigned int n;

	for (n = 0; n < ZSWAP_STRIPES; n++) {
		struct zswap_stripe *stripe = &zs->dedup.stripe[n];

		spin_lock(&stripe->lock);
		for (b = 0; b < 1UL << stripe->bits; b++) {
			nr = 0;
			hlist_for_each_entry(content, &stripe->bucket[b], node)
				nr++;
			longest = max(longest, nr);
		}
		spin_unlock(&stripe->lock);
	}
	return longest;
}

static int zswap_check_stripe(struct zswap *zs, unsigned int n,
			      const char **why)
{
	struct zswap_stripe *stripe = &zs->dedup.stripe[n];
	struct zswap_content *content;
	unsigned long b, nr = 0;
	u64 key;

	for (b = 0; b < 1UL << stripe->bits; b++) {
		hlist_for_each_entry(content, &stripe->bucket[b], node) {
			key = zswap_index_key(zs, content->digest,
					      content->domain);
			nr++;
			if (content->sharers) {
				*why = "C3: a content in the index without an entry";
				return -EUCLEAN;
			}
			if (!content->shareable ||
			    zswap_stripe_of(zs, key) != stripe ||
			    zswap_bucket_index(key, stripe->bits) != b) {
				*why = "C3: a content in the wrong bucket";
				return -EUCLEAN;
			}
		}
	}
	if (nr != stripe->nr) {
		*why = "I1: contents in a stripe are not as many as it counts";
		return -EUCLEAN;
	}
	return 0;
}

int zswap_dedup_check_index(struct zswap *zs, const char **why)
{
	unsigned int n;
	int err = 0;

	for (n = 0; n < ZSWAP_STRIPES && !err; n++)
		err = zswap_check_stripe(zs, n, why);
	return err;
}
