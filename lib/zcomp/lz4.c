/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lz4.c - LZ4 blocks, byte for byte as crypto/lz4.c of Linux makes them
 *
 * The encoder is that of lib/lz4/lz4_compress.c at acceleration 1, for a source
 * of one page and as much room: greedy, with one table of last positions. It is
 * the same in 6.1, 6.12 and 7.2. What liblz4 does otherwise is the end of the
 * search: here it is over as soon as the next position to be tried is less than
 * MFLIMIT bytes from the page's end, there it may come one byte nearer. So the
 * kernel misses a last match now and then: 1 to 5 bytes.
 *
 * The decoder is liblz4's: a block means the same to any of them.
 */
#include <linux/slab.h>

#include "zcomp/bytes.h"
#include "zcomp/liblz4.h"
#include "zcomp/zcomp.h"

/* The block format: no match starts in the last 12 bytes or covers the last 5. */
#define MFLIMIT 12
#define LASTLITERALS 5
#define MINMATCH 4
#define RUN_MASK 15	/* a token's count that continues in further bytes */
#define ML_MASK 15
/* LZ4_MEMORY_USAGE 14, halved by positions of 16 bits: 2^13 of them */
#define HASH_LOG 13
/* LZ4_SKIPTRIGGER: after each 64 positions without a match, steps grow by one */
#define SKIP_TRIGGER 6

struct lz4_ctx {
	u16 table[1 << HASH_LOG];
};

/* One page on its way; positions count from the page's start. */
struct lz4_run {
	const u8 *src;
	u16 *table;
	u8 *op;			/* what comes next goes here */
	const u8 *dst_end;
	unsigned long anchor;	/* bytes before it are written */
	unsigned long pos;	/* a match starts here ... */
	unsigned long match;	/* ... and repeats what is here */
	u32 word;		/* the four bytes after pos's first */
};

static __always_inline u32 lz4_hash(u32 word)
{
	return word * 2654435761u >> (32 - HASH_LOG);
}

static __always_inline unsigned long lz4_room(const struct lz4_run *run)
{
	return run->dst_end - run->op;
}

/* Looks at pos + 1 and on, ever more sparsely. False: there is no further match. */
static __always_inline bool lz4_search(struct lz4_run *run)
{
	const u8 *src = run->src;
	unsigned long next = run->pos + 1, pos, match, step = 1;
	unsigned int tried = 1 << SKIP_TRIGGER;
	u32 word, next_word = run->word;

	do {
		u32 hash = lz4_hash(next_word);

		word = next_word;
		pos = next;
		next += step;
		step = tried++ >> SKIP_TRIGGER;
		if (unlikely(next > PAGE_SIZE - MFLIMIT))
			return false;
		next_word = bytes_load32(src + next);
		match = run->table[hash];
		run->table[hash] = pos;
	} while (bytes_load32(src + match) != word);
	/* the bytes before may be alike, too */
	while (match && pos > run->anchor && src[pos - 1] == src[match - 1]) {
		pos--;
		match--;
	}
	run->pos = pos;
	run->match = match;
	return true;
}

static __always_inline u8 *lz4_put_count(u8 *op, unsigned long count)
{
	for (; unlikely(count >= 255); count -= 255)
		*op++ = 255;
	*op++ = count;
	return op;
}

/* The token and the literals from anchor to pos; NULL: they might not fit. */
static __always_inline u8 *lz4_put_literals(struct lz4_run *run)
{
	unsigned long nr = run->pos - run->anchor;
	u8 *token = run->op++;

	/* the token of a match, its offset and the last literals must fit after */
	if (unlikely(lz4_room(run) < nr + (2 + 1 + LASTLITERALS) + nr / 255))
		return NULL;
	if (unlikely(nr >= RUN_MASK)) {
		*token = RUN_MASK << 4;
		run->op = lz4_put_count(run->op, nr - RUN_MASK);
	} else {
		*token = nr << 4;
	}
	/* writes into those 8 bytes; reads less than MFLIMIT bytes past pos */
	bytes_copy_wide(run->op, run->src + run->anchor, nr);
	run->op += nr;
	return token;
}

/* How many bytes after the first four are alike. */
static __always_inline unsigned long lz4_count(const u8 *a, const u8 *b,
					      const u8 *end)
{
	const u8 *start = a;

	while (likely(a + 8 <= end)) {
		u64 differ = bytes_load64(a) ^ bytes_load64(b);

		if (differ)
			return a - start + bytes_alike(differ);
		a += 8;
		b += 8;
	}
	while (a < end && *a == *b) {
		a++;
		b++;
	}
	return a - start;
}

/* The match at pos, and moves behind it. False: it might not fit. */
static __always_inline bool lz4_put_match(struct lz4_run *run, u8 *token)
{
	unsigned long count;

	bytes_store16(run->op, run->pos - run->match);
	run->op += 2;
	count = lz4_count(run->src + run->pos + MINMATCH,
			  run->src + run->match + MINMATCH,
			  run->src + PAGE_SIZE - LASTLITERALS);
	run->pos += MINMATCH + count;
	run->anchor = run->pos;
	if (unlikely(lz4_room(run) < 1 + LASTLITERALS + count / 256))
		return false;
	if (count >= ML_MASK) {
		*token += ML_MASK;
		run->op = lz4_put_count(run->op, count - ML_MASK);
	} else {
		*token += count;
	}
	return true;
}

/* Does another match follow at once? Else leaves all ready for the search. */
static __always_inline bool lz4_match_here(struct lz4_run *run)
{
	const u8 *at = run->src + run->pos - 2;
	u64 words = bytes_load64(at);
	u32 word = words >> 16, hash = lz4_hash(word);

	run->table[lz4_hash(words)] = run->pos - 2;
	run->match = run->table[hash];
	run->table[hash] = run->pos;
	if (bytes_load32(run->src + run->match) == word)
		return true;
	run->word = words >> 24;
	return false;
}

/* What follows the last match. */
static bool lz4_put_last(struct lz4_run *run)
{
	unsigned int nr = PAGE_SIZE - run->anchor;

	if (lz4_room(run) < nr + 1 + (nr + 255 - RUN_MASK) / 255)
		return false;
	if (nr >= RUN_MASK) {
		*run->op++ = RUN_MASK << 4;
		run->op = lz4_put_count(run->op, nr - RUN_MASK);
	} else {
		*run->op++ = nr << 4;
	}
	memcpy(run->op, run->src + run->anchor, nr);
	run->op += nr;
	return true;
}

static int lz4_compress(void *ctx, const void *src, void *dst,
			unsigned int *dlen)
{
	struct lz4_ctx *z = ctx;
	struct lz4_run run = {
		.src = src,
		.table = z->table,
		.op = dst,
		.dst_end = (u8 *)dst + PAGE_SIZE,
	};

	/* an empty place means position 0, which is there from the start */
	memset(z->table, 0, sizeof(z->table));
	run.word = bytes_load32(run.src + 1);
	while (lz4_search(&run)) {
		u8 *token = lz4_put_literals(&run);

		if (!token)
			return -EINVAL;
		for (;;) {
			if (!lz4_put_match(&run, token))
				return -EINVAL;
			if (run.pos > PAGE_SIZE - MFLIMIT)
				goto last;
			if (!lz4_match_here(&run))
				break;
			token = run.op++;
			*token = 0;
		}
	}
last:
	if (!lz4_put_last(&run))
		return -EINVAL;
	*dlen = run.op - (u8 *)dst;
	return 0;
}

static const char *lz4_version(const struct zcomp_params *params)
{
	(void)params;
	return "zdedup lz4 1";
}

static void *lz4_create_ctx(const struct zcomp_params *params)
{
	(void)params;
	return kvmalloc(sizeof(struct lz4_ctx), GFP_KERNEL);
}

static void lz4_destroy_ctx(void *ctx)
{
	kvfree(ctx);
}

const struct zcomp_ops zcomp_lz4 = {
	.name = "lz4",
	.version = lz4_version,
	.create_ctx = lz4_create_ctx,
	.destroy_ctx = lz4_destroy_ctx,
	.compress = lz4_compress,
	.decompress = liblz4_decompress,
};
