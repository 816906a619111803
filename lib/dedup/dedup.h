/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dedup.h - the shared content: a compressed copy that several swap slots refer to
 *
 * zswap.c makes five calls: find a content for a page, or allocate one, compress
 * into it and publish it; drop a slot's share; and forget a damaged one. Policies
 * that look among what is stored have scan.c do it.
 */
#ifndef ZSWAP_DEDUP_H
#define ZSWAP_DEDUP_H

#include <linux/atomic.h>
#include <linux/cache.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/swap.h>
#include <linux/types.h>

#include "zswap/ops.h"

struct mem_cgroup;
struct zswap;
struct zswap_entry;
struct zswap_facts;
struct zswap_pool;

/* Contents of equal digest that one store compares at most, newest first */
#define ZSWAP_CANDIDATES_MAX 8
/* Contents of equal digest that one lookup walks over at most */
#define ZSWAP_WALK_MAX 128
/* Rounds that an insertion looks for racing twins before it inserts all the same */
#define ZSWAP_TWIN_ROUNDS 3
#define ZSWAP_STRIPE_BITS 4
#define ZSWAP_STRIPES (1U << ZSWAP_STRIPE_BITS)
#define ZSWAP_BUCKET_BITS_MIN 4
/* Contents for each bucket at which the tables double: its share is 8 bytes at most */
#define ZSWAP_BUCKET_LOAD 2

/* How the bytes of a content are kept; a length of PAGE_SIZE is not the marker */
enum zswap_content_kind {
	ZSWAP_CONTENT_PLAIN,	/* one compressed page */
	ZSWAP_CONTENT_RAW,	/* PAGE_SIZE bytes as they came */
};

/**
 * struct zswap_content - one compressed copy
 * @node:      in its bucket while it can be found; under the stripe lock
 * @digest:    hash of the uncompressed page, cut to the configured bits: its low word;
 *             of one that was scanned, under the slot lock of its sharer, it may be
 *             @of_stored
 * @digest_hi: and its high word, 0 for hashes of 64 bits and fewer
 * @identity:  in a pool without bytes, in that place: what stands for them in a compare
 * @pool:      its pool; the content holds a reference
 * @handle:    the allocator's, for the bytes; never copied, see struct zpool_ops
 * @refs:      1 while @sharers > 0, plus 1 for each lookup that has it pinned; the
 *             bytes are freed when it reaches 0
 * @sharers:   entries that refer to it; under the stripe lock when @shareable
 * @domain:    where it may be shared
 * @length:    bytes stored
 * @kind:      enum zswap_content_kind
 * @shareable: it has been in the index; never taken back. One that is not has exactly
 *             one sharer, and needs no lock; a scan makes it so under the slot lock of
 *             that sharer.
 * @of_stored: @digest is the hash of what is stored
 * @entries:   its sharers by zswap_entry.sibling; under the stripe lock. Only with
 *             maps_sharers: without, a content ends before it, and is one cache line.
 *
 * Owner, charge, LRU position and slot are the entry's, never the content's.
 *
 * Invariants: C1 @sharers is the number of entries that refer to it. C2 @refs is 1
 * when nobody is inside. C3 it is in the index => it is shareable, @sharers >= 1,
 * and it stands in the bucket of its (digest, domain). C4 no sharer is
 * added at sharers_max. C5 equal bytes: a sharer was compared over all PAGE_SIZE bytes.
 */
struct zswap_content {
	struct hlist_node node;
	u64 digest;
	union {
		u64 digest_hi;
		u64 identity;
	};
	struct zswap_pool *pool;
	unsigned long handle;
	refcount_t refs;
	u32 sharers;
	u32 domain;
	u16 length;
	u8 kind;
	bool shareable : 1;
	bool of_stored : 1;
	struct hlist_head entries;
};

/**
 * struct zswap_stripe - a sixteenth of the index, with its own lock and size
 * @lock:       protects everything here, and sharers and node of its contents
 * @bits:       log2 of the number of buckets; all stripes double when the contents of
 *              all pass ZSWAP_BUCKET_LOAD for each bucket. A table that cannot grow for want of memory
 *              stays as it is.
 * @nr:         contents in it (I1)
 * @generation: insertions so far; tells an insertion whether a twin may have come
 */
struct zswap_stripe {
	spinlock_t lock;
	unsigned int bits;
	unsigned long nr;
	u64 generation;
	struct hlist_head *bucket;
};

/* Contents of a digest that a lookup meets */
enum zswap_meets {
	ZSWAP_MEETS_NONE,
	ZSWAP_MEETS_ONE,	/* it is compared; if bytes differ, it is as if it were not there */
	ZSWAP_MEETS_OTHERS,	/* several, or one that does more or less than that */
};

/* How a candidate of equal digest is confirmed */
enum zswap_compare {
	ZSWAP_COMPARE_BYTES,		/* decompressed, all PAGE_SIZE bytes */
	ZSWAP_COMPARE_COMPRESSED,	/* the page compressed, all bytes of that */
	ZSWAP_COMPARE_TRUST,		/* not at all: 128 bits of a keyed digest are equal */
};

/* Who pays for a content that entries share */
enum zswap_charge {
	ZSWAP_CHARGE_FULL,	/* each its whole length */
	ZSWAP_CHARGE_FIRST,	/* the first its whole length; when it goes, another */
	ZSWAP_CHARGE_SPLIT,	/* the first ZSWAP_SPLIT_MAX its length, in equal parts */
};

/* What reclaim does to an entry whose content others share */
enum zswap_writeback {
	ZSWAP_WRITEBACK_SOLE,	/* it is spared */
	ZSWAP_WRITEBACK_ROTATE,	/* it has one chance more, then its slot is written */
	ZSWAP_WRITEBACK_ALL,	/* all its sharers' slots are written */
};

/* The domains of groups; memcgs have lower numbers */
#define ZSWAP_GROUP_DOMAINS (1U << 31)

#define ZSWAP_SPLIT_MAX 16
/* Slots that writing back one shared content writes at most, see ZSWAP_WRITEBACK_ALL */
#define ZSWAP_SIBLINGS_MAX 32

/**
 * struct zswap_policy - a policy at work; freed a grace period after it was replaced
 */
struct zswap_policy {
	const struct zswap_policy_ops *ops;
	struct zswap_policy_params params;
	void *state;
};

/* What the index multiplies by to choose a bucket: secret, and odd */
struct zswap_spread {
	u64 digest;
	u64 domain;
};

/* What a dedup layer is set up with */
struct zswap_dedup_config {
	const struct zswap_policy_ops *policy;
	struct zswap_policy_params params;
	const struct zhash_ops *hash;
	unsigned int hash_bits;		/* low bits of the digest that are used */
	struct zhash_key key;
	struct zswap_spread spread;
	enum zswap_compare compare;
	enum zswap_charge charge;
	enum zswap_domain domain;
	enum zswap_writeback writeback;
};

/**
 * struct zswap_scan - where the scan of what is stored has come to, see scan.c
 * @lock:     one scan at a time, and no change of policy or device beside it; protects
 *            all but the counters
 * @pages, @every: of the policy; @every 0: it does not scan
 * @events:   stores, loads and invalidates so far, while a policy scans
 * @cursor:   the slot to go on from
 * @unstable: entries without an equal one since the pass began, see struct zswap_scan_node
 * @nr_unstable: how many
 * @scanned:  entries that have been scanned and live (Q1)
 * @pages_scanned, @full_scans: as KSM counts them: entries looked at, and passes
 */
struct zswap_scan {
	struct mutex lock;
	u32 pages;
	u32 every;
	atomic_long_t events;
	swp_entry_t cursor;
	struct rb_root unstable;
	unsigned long nr_unstable;
	struct kmem_cache *node_cache;
	atomic_long_t scanned;
	atomic_long_t pages_scanned;
	atomic_long_t full_scans;
};

/**
 * struct zswap_dedup - the index over all pools and swap devices, and its counters
 *
 * Equations, proved by zswap_check() (pages_* as KSM counts them):
 *  D1 contents == pages_shared + pages_unshared
 *  D2 stored_pages == pages_shared + pages_sharing + pages_unshared + same_filled_pages
 *  D3 payload_bytes == sum of length over contents
 *  D5 shareable == contents that are shareable
 *  D4 compares >= hits + dup_races + false_positives, candidates >= compares
 */
struct zswap_dedup {
	const struct zhash_ops *hash;
	unsigned int hash_bits;
	struct zhash_key key;
	struct zswap_spread spread;
	enum zswap_compare compare;
	enum zswap_charge charge;
	enum zswap_domain domain;	/* the policy's may be narrower */
	enum zswap_writeback writeback;
	bool maps_sharers;	/* contents know their entries */
	struct zswap_policy __rcu *policy;
	struct zswap_scan scan;
	struct kmem_cache *content_cache;
	u8 before_stripes[SMP_CACHE_BYTES];
	struct zswap_stripe stripe[ZSWAP_STRIPES];

	u8 after_stripes[SMP_CACHE_BYTES];
	atomic_long_t pages_shared;	/* contents with two sharers or more */
	atomic_long_t pages_sharing;	/* sharers beyond the first */
	atomic_long_t pages_unshared;	/* contents with one sharer */
	atomic_long_t shareable;	/* contents that have been in the index */
	atomic_long_t payload_bytes;
	atomic_long_t index_bytes;	/* buckets and stripes */

	atomic_long_t lookups;		/* stores, and entries scanned, that were looked up */
	atomic_long_t candidates;	/* contents of equal digest that lookups met */
	atomic_long_t compares;		/* of these, compared byte by byte */
	atomic_long_t hits;		/* of these, that share a content since */
	atomic_long_t false_positives;	/* equal digest, other bytes */
	atomic_long_t dup_races;	/* twins found at insertion and adopted */
	atomic_long_t sharers_full;	/* candidates passed over at sharers_max */
	unsigned int walk_max;		/* most contents of equal digest that one lookup walked over */
};

/**
 * struct zswap_lookup - one store's question to the index, on its stack
 * Set by zswap_dedup_find(); zswap_dedup_publish() takes it up again. A scan asks for
 * what is stored already: @own, whose page is at @page once a compare needed it.
 */
struct zswap_lookup {
	const void *page;
	const struct zswap_facts *facts;	/* in its place, in a pool without bytes */
	swp_entry_t swp;
	struct zswap_pool *pool;
	bool pinned;		/* the store holds a reference of @pool, no content yet */
	bool allow_raw;		/* may adopt a raw content: its memcg may write back */
	u32 domain;
	u32 sharers_max;
	unsigned int candidates_max;
	const struct zswap_policy_ops *ops;	/* of the policy that was asked */
	bool active;		/* the policy wants this store looked up */
	bool hit;		/* a content that was there before was taken */
	struct zswap_digest digest;
	u64 generation;		/* of the stripe, when it was searched */
	struct zswap_content *own;
	void *own_page;		/* PAGE_SIZE bytes for it */
	bool stored_bytes;	/* compare what is stored */
};

/* 0 or -ENOMEM. */
int zswap_dedup_init(struct zswap *zs, const struct zswap_dedup_config *config);
/* Every content must be gone. */
void zswap_dedup_exit(struct zswap *zs);
/*
 * Another policy from now on; contents keep their sharers and domains. 0, or
 * -ENOMEM: the old one stays. Calls must be serialised.
 */
int zswap_dedup_set_policy(struct zswap *zs,
			   const struct zswap_policy_ops *policy,
			   const struct zswap_policy_params *params);
/*
 * Bytes of what the present policy has beside entries and contents: the index for so
 * many swap slots, and its own state.
 */
u64 zswap_dedup_index_bytes(struct zswap *zs, u64 nr_slots);
/* What a content of the present policy takes; 0: as here. */
unsigned int zswap_dedup_content_bytes(struct zswap *zs);
/* Does the present policy look anything up? */
bool zswap_dedup_looks_up(struct zswap *zs);
/* Does it digest what is stored, in the place of the page? */
bool zswap_dedup_digests_stored(struct zswap *zs);
/* Does all that it does with digests follow from which of them are equal? */
bool zswap_dedup_digests_only_compared(struct zswap *zs);
/* What a store of @memcg that has @digest (its low word) would meet in the index. */
enum zswap_meets zswap_dedup_meets(struct zswap *zs, struct mem_cgroup *memcg,
				   u64 digest);

/*
 * Asks the policy, digests the page and compares it with the contents of equal
 * digest, domain and pool. Returns a content of equal bytes, of which the caller
 * now holds one sharer, or NULL. The caller has set the members up to @allow_raw of
 * @lk; takes no lock across a compare.
 */
struct zswap_content *zswap_dedup_find(struct zswap *zs,
				       struct mem_cgroup *memcg,
				       struct zswap_lookup *lk);
/* Where what @memcg stores may be shared, by @ops and the configuration: the narrower. */
u32 zswap_domain_of(struct zswap *zs, const struct zswap_policy_ops *ops,
		    struct mem_cgroup *memcg);
/*
 * The bucket in which a lookup of @digest (its low word) begins, without a lock: the
 * model must be the caller's alone.
 */
const struct hlist_head *zswap_dedup_bucket(struct zswap *zs,
					    struct mem_cgroup *memcg,
					    u64 digest);
/* A content that nobody else knows, or NULL. */
struct zswap_content *zswap_content_alloc(struct zswap *zs);
/* Gives back one that was allocated and never published; its handle is the caller's. */
void zswap_content_cache_free(struct zswap *zs, struct zswap_content *content);
/*
 * Makes @content, whose bytes are written, a live one with one sharer, and findable
 * if @lk is active. If a racing store has published equal bytes meanwhile, @content
 * is freed and that one is returned, with one sharer taken for the caller.
 */
struct zswap_content *zswap_dedup_publish(struct zswap *zs,
					  struct zswap_lookup *lk,
					  struct zswap_content *content);
/* Drops one sharer; the last one takes the content out of the index and frees it. */
void zswap_content_put(struct zswap *zs, struct zswap_content *content);
/*
 * @entry, which holds one sharer of its content, is in its tree: charges it and, as
 * the mode wants it, those it shares with. And the reverse, with its sharer.
 */
void zswap_content_join(struct zswap *zs, struct zswap_entry *entry);
void zswap_content_leave(struct zswap *zs, struct zswap_entry *entry);
/* Up to @nr of the entries beside @entry that share its content, and their slots. */
unsigned int zswap_content_siblings(struct zswap *zs, struct zswap_entry *entry,
				    struct zswap_entry **sibling,
				    swp_entry_t *swp, unsigned int nr);
/*
 * For scan.c, under the slot lock of an entry whose content is not shareable. Makes
 * that content so, and findable by its digest.
 */
void zswap_content_index(struct zswap *zs, struct zswap_entry *entry);
/* A content as of @lk from the index, of which the caller now holds one sharer, or NULL. */
struct zswap_content *zswap_index_search(struct zswap *zs,
					 struct zswap_lookup *lk);
/* 1: all bytes are equal; 0: they are not; -EIO: the content is damaged. */
int zswap_content_compare(struct zswap *zs, struct zswap_content *content,
			  struct zswap_lookup *lk);
/* One more sharer, if it still lives, can be found, and may have one. */
bool zswap_content_share(struct zswap *zs, struct zswap_content *content,
			 u32 sharers_max);
/* @entry, whose sharer of its content was another's before: joins what it paid for. */
void zswap_content_rejoin(struct zswap *zs, struct zswap_entry *entry);

/* Its bytes are damaged: no new sharer will find it. The present ones keep it. */
void zswap_content_unhash(struct zswap *zs, struct zswap_content *content);
/* The digest of @page as the index has it; of what is stored of @content, likewise. */
void zswap_dedup_digest(struct zswap *zs, const void *page,
			struct zswap_digest *digest);
void zswap_stored_digest(struct zswap *zs, struct zswap_content *content,
			 struct zswap_digest *digest);
/* The digest of @len stored bytes, uncut: filled up with zeros, as hashes take pages. */
void zswap_digest_stored(struct zswap *zs, const void *src, unsigned int len,
			 void *page, struct zswap_digest *digest);
/* More than one sharer now; may be out of date at once. */
bool zswap_content_shared(const struct zswap_content *content);

/* scan.c: what a policy that scans does; @zs is set up, or to be taken down. */
int zswap_scan_init(struct zswap *zs);
void zswap_scan_exit(struct zswap *zs);
/* Under the scan's lock: starts all over, by @policy. */
void zswap_scan_set(struct zswap *zs, const struct zswap_policy *policy);
/* Under the scan's lock: nothing of that device is known any more. */
void zswap_scan_forget(struct zswap *zs, unsigned int type);
/* What zswap_scan_events() does with a policy that scans. */
bool zswap_scan_after(struct zswap *zs, unsigned int nr);
/* For zswap_check(): 0, or -EUCLEAN and *why. */
int zswap_scan_check(struct zswap *zs, const char **why);

/* Contents in the fullest bucket now: walks the index, a stripe at a time. */
unsigned long zswap_dedup_longest_chain(struct zswap *zs);
/* For zswap_check(): 0, or -EUCLEAN and *why. Contents' sharers were counted down to 0. */
int zswap_dedup_check_index(struct zswap *zs, const char **why);

#endif /* ZSWAP_DEDUP_H */
