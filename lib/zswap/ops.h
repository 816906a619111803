/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ops.h - the four families that the core calls through a table: allocators
 * (zpool), compressors (zcomp), hashes (zhash) and dedup policies.
 *
 * A member of a family is one file that defines one const table and is named
 * in one line of lib/registry.c. It sees this header and <linux/...>, never the
 * core. The core never calls a table directly but through the inline wrappers
 * at the end of each section, which check what the contract promises.
 *
 * Sizes are bytes; a page is PAGE_SIZE (4096) bytes. Errors are negative errno
 * values. Nothing here may read a clock, draw a random number or use a float.
 */
#ifndef ZSWAP_OPS_H
#define ZSWAP_OPS_H

#include <linux/atomic.h>
#include <linux/bug.h>
#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/types.h>

/* One "key=value" of a "name[:key=value]..." word, as the registry split it. */
struct zswap_option {
	const char *key;
	const char *value;
};

struct zswap_options {
	const struct zswap_option *opt;
	unsigned int nr;
};

/*------------------------------------------------------------------ zpool */

/**
 * struct zpool_config - how an allocator instance is to be built
 * @chain_size:   zsmalloc: the largest number of pages in a zspage (8; 4 in 6.1)
 * @used_percent: zsmalloc: classes and fullness groups as before Linux 6.3
 * @lengths_only: keep the arithmetic and no bytes: obj_write is ignored and
 *                obj_read_begin must not be called; the account and every
 *                result of malloc are the same as with bytes
 * @evict:        what shrink calls for each object of a page that it wants to give
 *                back, with the object's name and no lock held. 0: the object has
 *                been freed. May be NULL: then nothing can be evicted.
 * @evict_data:   its first argument
 */
struct zpool_config {
	unsigned int chain_size;
	bool used_percent;
	bool lengths_only;
	int (*evict)(void *data, unsigned long name);
	void *evict_data;
};

/**
 * struct zpool_account - what an instance holds; the allocator writes it, all may read
 * @pages:   partial ones fully: what zswap's limit sees
 * @zspages: descriptors of zspages, for the account of metadata; 0 where there are none
 */
struct zpool_account {
	atomic64_t pages;
	atomic64_t zspages;
};

/**
 * struct zpool_ops - an allocator of compressed pages (include/linux/zsmalloc.h)
 *
 * All members do their own locking; any verb may run beside any other on
 * different handles.
 *
 * A handle is a word of the user's, which malloc sets, not to 0, and which is the
 * allocator's until free: one that moves objects keeps its address and writes the new
 * place there. So it stays where it is, and nobody copies it. (In the kernel such words
 * are of a cache of zsmalloc's own, and the handle is the address of one.)
 *
 * @has_zspages: each object has a handle and lies in a zspage, which are metadata
 */
struct zpool_ops {
	const char *name;
	bool has_zspages;

	/* Returns the instance, or NULL when out of memory. */
	void *(*create)(const struct zpool_config *config);
	/* Frees the instance; every handle must have been freed before. */
	void (*destroy)(void *pool);

	/*
	 * Allocates @size bytes. 0: *handle is set. -EINVAL: size 0. -ENOSPC:
	 * larger than this allocator takes (zsmalloc of 6.1 has -EINVAL for it,
	 * too). -ENOMEM: out of memory. After an error nothing is held.
	 */
	int (*malloc)(void *pool, size_t size, unsigned long *handle);
	void (*free)(void *pool, const unsigned long *handle);

	/* Writes the object's first @len bytes; @len at most the size at malloc. */
	void (*obj_write)(void *pool, const unsigned long *handle,
			  const void *src, size_t len);
	/*
	 * Returns @len readable bytes of the object, linear; @local_copy (4096
	 * bytes) may be used to make them so. Valid until obj_read_end.
	 */
	const void *(*obj_read_begin)(void *pool, const unsigned long *handle,
				      size_t len, void *local_copy);
	void (*obj_read_end)(void *pool, const unsigned long *handle,
			     const void *mem);

	/* The same from create to destroy. */
	const struct zpool_account *(*account)(void *pool);
	/* Optional: moves objects together; returns the pages given back. */
	unsigned long (*compact)(void *pool);
	/*
	 * The allocators that kept an LRU of their own, until 6.1: both of these
	 * or none. set_name: the word that evict gets for this object; zswap
	 * wrote it into the object's first bytes. shrink: gives back the page
	 * that was allocated from least recently, by evicting what is in it.
	 * 0: done. -EAGAIN: what is in the pages tried could not be evicted.
	 * -EINVAL: the pool is empty, or has no evict.
	 */
	void (*set_name)(void *pool, const unsigned long *handle,
			 unsigned long name);
	int (*shrink)(void *pool);
	/*
	 * Optional: what frees have left to a work item of the kernel, such as
	 * z3fold's compaction, is done now.
	 */
	void (*work)(void *pool);
	/*
	 * Optional: asks the memory for what freeing these @nr live handles will
	 * touch. Without locks: nobody else is inside.
	 */
	void (*prefetch_free)(void *pool, const unsigned long *const *handle,
			      unsigned int nr);
	/* Walks everything; 0, or -EUCLEAN when an invariant does not hold. */
	int (*check)(void *pool);
};

/* An allocator instance with its table. */
struct zpool {
	const struct zpool_ops *ops;
	void *priv;
	const struct zpool_account *account;
	bool lengths_only;
};

/* 0, or -ENOMEM; to be ended by ops->destroy. */
static inline int zpool_create(struct zpool *zp, const struct zpool_ops *ops,
			       const struct zpool_config *config)
{
	zp->ops = ops;
	zp->lengths_only = config->lengths_only;
	zp->priv = ops->create(config);
	if (!zp->priv)
		return -ENOMEM;
	zp->account = ops->account(zp->priv);
	return 0;
}

static inline int zpool_malloc(struct zpool *zp, size_t size,
			       unsigned long *handle)
{
	int err = zp->ops->malloc(zp->priv, size, handle);

	WARN_ON_ONCE(!err && !READ_ONCE(*handle));
	return err;
}

static inline void zpool_free(struct zpool *zp, const unsigned long *handle)
{
	WARN_ON_ONCE(!READ_ONCE(*handle));
	zp->ops->free(zp->priv, handle);
}

static inline void zpool_obj_write(struct zpool *zp,
				   const unsigned long *handle,
				   const void *src, size_t len)
{
	if (!zp->lengths_only)
		zp->ops->obj_write(zp->priv, handle, src, len);
}

static inline const void *zpool_obj_read_begin(struct zpool *zp,
					       const unsigned long *handle,
					       size_t len, void *local_copy)
{
	WARN_ON_ONCE(zp->lengths_only);
	return zp->ops->obj_read_begin(zp->priv, handle, len, local_copy);
}

static inline void zpool_obj_read_end(struct zpool *zp,
				      const unsigned long *handle,
				      const void *mem)
{
	zp->ops->obj_read_end(zp->priv, handle, mem);
}

static inline u64 zpool_total_pages(const struct zpool *zp)
{
	return atomic64_read(&zp->account->pages);
}

static inline u64 zpool_nr_zspages(const struct zpool *zp)
{
	return atomic64_read(&zp->account->zspages);
}

/*------------------------------------------------------------------ zcomp */

#define ZCOMP_LIB_MAX 192

/**
 * struct zcomp_params - what the options of a compressor's word and the kernel came to
 * @level:     0: the compressor's default
 * @size_hint: zstd: the source size for which the kernel asks for a level's
 *             parameters; 0: it does not say (until 6.12)
 * @lib:       has_lib: path of the library that is to do the work; "": the one
 *             that this program is linked with. Filled up with zero bytes.
 *
 * Two of them are equal when their bytes are.
 */
struct zcomp_params {
	int level;
	unsigned int size_hint;
	char lib[ZCOMP_LIB_MAX];
};

/**
 * struct zcomp_ops - a compressor of single pages (crypto acomp as zswap uses it)
 *
 * A context is used by one thread at a time.
 */
struct zcomp_ops {
	const char *name;
	/*
	 * The code that makes the bytes, with its version: "liblz4 1.9.4". Stays
	 * valid for ever. @params has passed prepare.
	 */
	const char *(*version)(const struct zcomp_params *params);
	/*
	 * Optional: gets @params ready, such as by opening its library; called
	 * before any other call with these. 0, or -EINVAL and one line in @why.
	 */
	int (*prepare)(const struct zcomp_params *params, char *why,
		       size_t size);
	bool has_lib;
	bool has_level;
	int level_min, level_max, level_default;

	/* NULL: out of memory. @params is within the levels and has passed prepare. */
	void *(*create_ctx)(const struct zcomp_params *params);
	void (*destroy_ctx)(void *ctx);

	/*
	 * Compresses the page @src into @dst, which has PAGE_SIZE bytes. 0:
	 * *dlen is the length, 1..4096. -EINVAL: it does not fit in 4096 bytes
	 * (what zswap does then is its own affair). @dst is undefined after an
	 * error. The same page and parameters give the same bytes.
	 */
	int (*compress)(void *ctx, const void *src, void *dst,
			unsigned int *dlen);
	/*
	 * Decompresses @slen bytes into the page @dst. 0: exactly 4096 bytes
	 * were made. -EINVAL: anything else. Never writes outside of @dst nor
	 * reads outside of @src, whatever the bytes are.
	 */
	int (*decompress)(void *ctx, const void *src, unsigned int slen,
			  void *dst);
};

/*------------------------------------------------------------------ zhash */

/* A digest; a hash of 64 bits or fewer leaves hi 0, one of 32 leaves hi 0 and lo < 2^32. */
struct zswap_digest {
	u64 lo;
	u64 hi;
};

/* The key of a keyed hash; others ignore it. */
struct zhash_key {
	u64 k0;
	u64 k1;
};

struct zhash_ops {
	const char *name;
	unsigned int bits;	/* 32, 64 or 128 */
	bool keyed;		/* secret key: floods cannot be made beforehand */
	bool in_kernel;		/* the kernel has this function (xxh3 it has not) */
	/* Digests the 4096 bytes at @page (any alignment). Cannot fail. */
	void (*digest)(const struct zhash_key *key, const void *page,
		       struct zswap_digest *out);
};

/*----------------------------------------------------------------- policy */

/* Who may share with whom: the wider one first */
enum zswap_domain {
	ZSWAP_DOMAIN_GLOBAL,	/* everybody */
	ZSWAP_DOMAIN_GROUP,	/* the memcgs that are marked as one group, and those below them */
	ZSWAP_DOMAIN_MEMCG,	/* each memcg with itself alone */
};

/* What the options of a policy's word came to. */
struct zswap_policy_params {
	u32 sharers_max;	/* entries per content */
	u64 memory;		/* bytes that its state may take; 0: it has none */
	u32 scan_pages;		/* entries that a scan looks at; 0: all that there are */
	u32 scan_every;		/* events from one scan to the next; 0: there is none */
};

/**
 * struct zswap_policy_ops - what a dedup policy is asked; it knows nothing of the core
 *
 * A policy may have a state, one for each model. It is asked under RCU, by several
 * threads at once, and does not sleep.
 *
 * @memory_default: has_memory: bytes of the option "memory" when it is not given
 * @looks_up: some pages are hashed and looked up; false of "none" alone
 * @create, @destroy: the state; create returns NULL when out of memory. Optional
 * @memory:   bytes that the state takes, for the account of metadata. Optional
 * @lookup:   is this store to be hashed and looked up? Asked where @looks_up
 * @domain:   contents are shared inside one domain of this kind, or of the
 *            configured one if that is narrower
 * @outcome:  a lookup is over: it found a content to share, or none. Optional
 * @admit:    is a new content of this digest to be findable? Optional: all are
 *
 * Of those that look for equal contents among the stored ones (dedup/scan.c):
 * @scan_every:   events from one scan to the next, where option "every" does not say;
 *                0: it does not scan
 * @scan_pages:   entries that a scan looks at, where option "pages" does not say; 0: there
 *                is no such option, a scan looks at all
 * @gate:         an entry is looked up once it has been seen by an earlier scan
 * @stored_bytes: what is stored is digested and compared, not the page
 * @item_bytes:   what each entry that was scanned takes
 *
 * Of replicas of what was tried before:
 * @candidates_max: contents of equal digest that one store compares; 0: the core's own bound
 * @one_per_digest: a content whose digest is in the index stays outside
 * @keeps_twins:    racing stores of equal bytes are not looked for
 * @content_bytes:  size of its content; 0: ours
 * @index_bytes:    of its index for so many swap slots; NULL: ours
 */
struct zswap_policy_ops {
	const char *name;
	const char *summary;	/* one line for "zdedup list" */
	u64 memory_default;
	bool looks_up;
	void *(*create)(const struct zswap_policy_params *params);
	void (*destroy)(void *state);
	u64 (*memory)(const void *state);
	bool (*lookup)(void *state, u32 memcg_id);
	enum zswap_domain domain;
	void (*outcome)(void *state, bool hit);
	bool (*admit)(void *state, const struct zswap_digest *digest,
		      u32 domain);
	u32 scan_every;
	u32 scan_pages;
	bool gate;
	bool stored_bytes;
	unsigned int item_bytes;
	unsigned int candidates_max;
	bool one_per_digest;
	bool keeps_twins;
	unsigned int content_bytes;
	u64 (*index_bytes)(u64 nr_slots);
};

#endif /* ZSWAP_OPS_H */
