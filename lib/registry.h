/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * registry.h - from a word "name[:key=value]..." to an ops table and its options
 *
 * Static arrays, one line a member. Read-only, so any thread may ask at any time.
 */
#ifndef ZDEDUP_REGISTRY_H
#define ZDEDUP_REGISTRY_H

#include <stddef.h>

#include "zswap/ops.h"

#define REGISTRY_WORD_MAX 256	/* longest word accepted, with its options */
#define REGISTRY_OPTIONS_MAX 8

enum registry_kind {
	REGISTRY_KERNEL,
	REGISTRY_COMPRESSOR,
	REGISTRY_ZPOOL,
	REGISTRY_HASH,
	REGISTRY_POLICY,
	REGISTRY_NR_KINDS,
};

/* A parsed word. @name and the options point into @buf. */
struct registry_word {
	char buf[REGISTRY_WORD_MAX];
	const char *name;
	struct zswap_option option[REGISTRY_OPTIONS_MAX];
	unsigned int nr_options;
};

/* The compressor that a word names, with its parameters. */
struct registry_compressor {
	const struct zcomp_ops *ops;
	struct zcomp_params params;
};

/*
 * The hash that a word names. @bits: "bits=N" cuts the digest to its low N bits
 * (0..ops->bits), which is how tests force collisions; ops->bits when not given.
 */
struct registry_hash {
	const struct zhash_ops *ops;
	unsigned int bits;
};

/*
 * The policy that a word names. "sharers=N" (2..2^31-1), 2^31-1 when not given;
 * "memory=SIZE" (4K..64G, with K, M or G), of those that have a state; "pages=N" and
 * "every=N" (1..2^31-1), of those that scan.
 */
struct registry_policy {
	const struct zswap_policy_ops *ops;
	struct zswap_policy_params params;
};

/*
 * Each of these parses @word. 0: *out is filled. -EINVAL: no such name, no such
 * option or a value out of range; @why (@size bytes) then holds one line without
 * newline that names the word, what is wrong with it and, for a name, the
 * nearest one that exists ("unknown compressor 'lz5' (did you mean 'lz4'?)").
 */
int registry_compressor(const char *word, struct registry_compressor *out,
			char *why, size_t size);
int registry_zpool(const char *word, const struct zpool_ops **out, char *why,
		   size_t size);
int registry_hash(const char *word, struct registry_hash *out, char *why,
		  size_t size);
int registry_policy(const char *word, struct registry_policy *out, char *why,
		    size_t size);

/* The @i-th name of a kind, in the order of the table; NULL past the end. */
const char *registry_name(enum registry_kind kind, unsigned int i);
/* One line about it for "zdedup list"; "" when there is none. */
const char *registry_summary(enum registry_kind kind, unsigned int i);
/* "compressor", "zpool" ... */
const char *registry_kind_name(enum registry_kind kind);
/* The name of @kind nearest to @word by edit distance, NULL when none is near (more than 3 edits or half the word). */
const char *registry_nearest(enum registry_kind kind, const char *word);
/* 0 when every table is whole (all required members set, names unique), else -EINVAL and @why. */
int registry_validate(char *why, size_t size);

#endif /* ZDEDUP_REGISTRY_H */
