/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lzo.c - LZO1X-1 streams, byte for byte as crypto/lzo.c and crypto/lzo-rle.c of
 * Linux make them
 *
 * The encoder is that of lib/lzo/lzo1x_compress.c in its safe variant, for a
 * source of one page and as much room; the same in 6.1, 6.12 and 7.2. It is
 * greedy, with a table of 2^13 positions where liblzo2 has 2^14. lzo-rle is the
 * same with a header of two bytes and an instruction of its own for runs of zero
 * bytes, which leave no trace in the table.
 *
 * The format is described in the kernel's Documentation/staging/lzo.rst. Of its
 * instructions, those for distances of 16 KiB and more cannot occur in a page,
 * but for the two that mean something else: the end, and a run of zero bytes.
 */
#include <linux/slab.h>

#include "zcomp/bytes.h"
#include "zcomp/zcomp.h"

#define DICT_LOG 13
/* The last 20 bytes are not searched: that is what makes wide reads safe. */
#define SEARCH_END (PAGE_SIZE - 20)
/* The first position tried: one past what the format keeps for the start. */
#define SEARCH_START 5

#define M2_MAX_LEN 8
#define M2_MAX_OFFSET 0x800
#define M2_MIN_CODE 64
#define M3_MAX_LEN 33
#define M3_MARKER 32
#define M4_MARKER 16
#define ZERO_RUN_MIN 4
#define ZERO_RUN_MAX (0x7ff + ZERO_RUN_MIN)
/* The four bytes of a zero run but for its length; lengths and state are or'ed in. */
#define ZERO_RUN_CODE 0xfffc18u
#define ZERO_RUN_LEN_SHIFT 21
#define VERSION_MARKER 17
#define VERSION_RLE 1

struct lzo_ctx {
	u16 dict[1 << DICT_LOG];
};

/*--------------------------------------------------------------- encoder */

/* One page on its way; positions count from the page's start. */
struct lzo_run {
	const u8 *src;
	u16 *dict;
	u8 *op;			/* what comes next goes here */
	const u8 *dst_end;
	u8 *state;		/* takes the number of 1..3 literals */
	unsigned int anchor;	/* bytes before it are written */
	unsigned int pos;	/* a match starts here ... */
	unsigned int match;	/* ... and repeats what is here */
	unsigned int zeros;	/* not 0: no match but that many zero bytes */
};

static __always_inline bool lzo_room(const struct lzo_run *run, unsigned int nr)
{
	return likely(run->dst_end - run->op >= nr);
}

/* The zero bytes from pos on, of which the first four have been seen. */
static unsigned int lzo_count_zeros(const u8 *src, unsigned int pos)
{
	unsigned int end = min_t(unsigned int, SEARCH_END, pos + ZERO_RUN_MAX);
	unsigned int at = pos + ZERO_RUN_MIN;

	for (; at + 8 <= end; at += 8) {
		u64 v = bytes_load64(src + at);

		if (v)
			return at + bytes_alike(v) - pos;
	}
	while (at < end && !src[at])
		at++;
	return at - pos;
}

/* Looks at pos and on, ever more sparsely. False: nothing more is found. */
static __always_inline bool lzo_search(struct lzo_run *run, bool rle)
{
	const u8 *src = run->src;
	unsigned int pos = run->pos, anchor = run->anchor, match;

	for (; likely(pos < SEARCH_END); pos += 1 + (pos - anchor) / 32) {
		u32 v = bytes_load32(src + pos);
		u16 *slot;

		if (rle && !v) {
			run->zeros = lzo_count_zeros(src, pos);
			run->pos = pos;
			return true;
		}
		slot = run->dict + (v * 0x1824429du >> (32 - DICT_LOG));
		match = *slot;
		*slot = pos;
		if (v == bytes_load32(src + match)) {
			run->pos = pos;
			run->match = match;
			return true;
		}
	}
	return false;
}

/* A count, 1 and more: a zero byte for each 255, and the rest, which is not 0. */
static __always_inline u8 *lzo_put_count(u8 *op, unsigned int count)
{
	for (; unlikely(count > 255); count -= 255)
		*op++ = 0;
	*op++ = count;
	return op;
}

/* The instruction for @nr literals, 4 or more. */
static __always_inline bool lzo_put_literal_code(struct lzo_run *run,
						 unsigned int nr)
{
	if (nr <= 18) {
		if (!lzo_room(run, 1))
			return false;
		*run->op++ = nr - 3;
		return true;
	}
	if (!lzo_room(run, 2 + (nr - 19) / 255))
		return false;
	*run->op++ = 0;
	run->op = lzo_put_count(run->op, nr - 18);
	return true;
}

/*
 * The literals from anchor to pos. False: they might not fit; the room asked for is
 * the kernel's, whose copies write more than they have to.
 */
static __always_inline bool lzo_put_literals(struct lzo_run *run)
{
	const u8 *from = run->src + run->anchor;
	unsigned int nr = run->pos - run->anchor;

	if (nr <= 3) {
		if (!nr)
			return true;
		if (!lzo_room(run, 4))
			return false;
		*run->state |= nr;
		memcpy(run->op, from, 4);
	} else if (nr <= 16) {
		if (!lzo_room(run, 17))
			return false;
		*run->op++ = nr - 3;
		memcpy(run->op, from, 16);
	} else {
		if (!lzo_put_literal_code(run, nr) || !lzo_room(run, nr))
			return false;
		memcpy(run->op, from, nr);
	}
	run->op += nr;
	return true;
}

/* The run of zero bytes at pos, and moves behind it. */
static __always_inline bool lzo_put_zeros(struct lzo_run *run)
{
	u32 nr = run->zeros - ZERO_RUN_MIN;

	if (!lzo_room(run, 4))
		return false;
	/* the low three bits stand in the first byte, the others in the last */
	bytes_store32(run->op,
		      nr << ZERO_RUN_LEN_SHIFT | ZERO_RUN_CODE | (nr & 7));
	run->state = run->op + 1;
	run->op += 4;
	run->pos += run->zeros;
	run->zeros = 0;
	return true;
}

/* The length of the match; close to the end it is whatever the steps of 8 come to. */
static __always_inline unsigned int lzo_count(const struct lzo_run *run)
{
	const u8 *a = run->src + run->pos, *b = run->src + run->match;
	unsigned int len = 4;

	do {
		u64 differ = bytes_load64(a + len) ^ bytes_load64(b + len);

		if (differ)
			return len + bytes_alike(differ);
		len += 8;
	} while (run->pos + len < SEARCH_END);
	return len;
}

/* The match at pos, and moves behind it. */
static __always_inline bool lzo_put_match(struct lzo_run *run)
{
	unsigned int len = lzo_count(run);
	unsigned int offset = run->pos - run->match - 1;

	run->pos += len;
	if (len <= M2_MAX_LEN && offset < M2_MAX_OFFSET) {
		if (!lzo_room(run, 2))
			return false;
		*run->op++ = (len - 1) << 5 | (offset & 7) << 2;
		*run->op++ = offset >> 3;
	} else {
		if (len <= M3_MAX_LEN) {
			if (!lzo_room(run, 3))
				return false;
			*run->op++ = M3_MARKER | (len - 2);
		} else {
			len -= M3_MAX_LEN;
			if (!lzo_room(run, 4 + (len - 1) / 255))
				return false;
			*run->op++ = M3_MARKER;
			run->op = lzo_put_count(run->op, len);
		}
		bytes_store16(run->op, offset << 2);
		run->op += 2;
	}
	run->state = run->op - 2;
	return true;
}

/*
 * What follows the last match, and the end. There are more than three of these
 * bytes, because a match ends 13 bytes before the page at the latest.
 */
static bool lzo_put_last(struct lzo_run *run)
{
	unsigned int nr = PAGE_SIZE - run->anchor;

	if (!lzo_put_literal_code(run, nr) || !lzo_room(run, nr + 3))
		return false;
	memcpy(run->op, run->src + run->anchor, nr);
	run->op += nr;
	*run->op++ = M4_MARKER | 1;
	*run->op++ = 0;
	*run->op++ = 0;
	return true;
}

static __always_inline int lzo_encode(struct lzo_ctx *z, const u8 *src, u8 *dst,
				      unsigned int *dlen, bool rle)
{
	struct lzo_run run = {
		.src = src,
		.dict = z->dict,
		.op = dst,
		.dst_end = dst + PAGE_SIZE,
		.pos = SEARCH_START,
	};

	/* an empty place means position 0, which is there from the start */
	memset(z->dict, 0, sizeof(z->dict));
	if (rle) {
		*run.op++ = VERSION_MARKER;
		*run.op++ = VERSION_RLE;
	}
	while (lzo_search(&run, rle)) {
		if (!lzo_put_literals(&run))
			return -EINVAL;
		if (rle && run.zeros ? !lzo_put_zeros(&run) :
				       !lzo_put_match(&run))
			return -EINVAL;
		run.anchor = run.pos;
	}
	if (!lzo_put_last(&run))
		return -EINVAL;
	*dlen = run.op - dst;
	return 0;
}

static int lzo_compress(void *ctx, const void *src, void *dst,
			unsigned int *dlen)
{
	return lzo_encode(ctx, src, dst, dlen, false);
}

static int lzo_rle_compress(void *ctx, const void *src, void *dst,
			    unsigned int *dlen)
{
	return lzo_encode(ctx, src, dst, dlen, true);
}

/*--------------------------------------------------------------- decoder */

/* A stream on its way into a page. */
struct lzo_stream {
	const u8 *ip, *end;
	u8 *op, *dst, *dst_end;
	bool rle;
};

static __always_inline bool lzo_left(const struct lzo_stream *s,
				     unsigned int nr)
{
	return likely((size_t)(s->end - s->ip) >= nr);
}

static __always_inline bool lzo_copy_literals(struct lzo_stream *s,
					      unsigned int nr)
{
	if (likely(nr <= 16 && s->end - s->ip >= 16 &&
		   s->dst_end - s->op >= 16)) {
		memcpy(s->op, s->ip, 16);
	} else {
		if (!lzo_left(s, nr) || (size_t)(s->dst_end - s->op) < nr)
			return false;
		memcpy(s->op, s->ip, nr);
	}
	s->ip += nr;
	s->op += nr;
	return true;
}

static __always_inline bool lzo_copy_match(struct lzo_stream *s,
					   unsigned int distance,
					   unsigned int len)
{
	const u8 *from = s->op - distance;
	unsigned int room = s->dst_end - s->op;

	if (unlikely(distance > (size_t)(s->op - s->dst) || len > room))
		return false;
	if (likely(distance >= 8 && room - len >= 7)) {
		bytes_copy_wide(s->op, from, len);
	} else if (distance == 1) {
		memset(s->op, *from, len);
	} else {
		/* what is copied may be what this very copy has made */
		for (unsigned int i = 0; i < len; i++)
			s->op[i] = from[i];
	}
	s->op += len;
	return true;
}

/*
 * The count that goes on after the instruction's byte, in which it was 0: @held and
 * what follows. 0: the stream ends in it, or nothing in a page is that long.
 */
static unsigned int lzo_get_count(struct lzo_stream *s, unsigned int held)
{
	while (s->ip < s->end && held <= PAGE_SIZE) {
		u8 byte = *s->ip++;

		if (byte)
			return held + byte;
		held += 255;
	}
	return 0;
}

/* What the first byte may mean besides. *state: as lzo_decode has it. */
static bool lzo_start(struct lzo_stream *s, unsigned int *state)
{
	unsigned int nr;

	if (lzo_left(s, 5) && s->ip[0] == VERSION_MARKER) {
		if (s->ip[1] > VERSION_RLE)
			return false;
		s->rle = s->ip[1] == VERSION_RLE;
		s->ip += 2;
	}
	*state = 0;
	if (!lzo_left(s, 1) || *s->ip <= VERSION_MARKER)
		return true;
	nr = *s->ip++ - VERSION_MARKER;
	*state = min_t(unsigned int, nr, 4);
	return lzo_copy_literals(s, nr);
}

/*
 * Instructions 16..31, of which a page has two. 0: the state that follows a run of
 * zero bytes is in *state. 1: the stream ends here.
 */
static int lzo_zeros_or_end(struct lzo_stream *s, u8 code, unsigned int *state)
{
	unsigned int word, nr;

	if (!lzo_left(s, 2))
		return -EINVAL;
	word = bytes_load16(s->ip);
	if (code == (M4_MARKER | 1) && word < 4) {
		s->ip += 2;
		return s->ip == s->end && s->op == s->dst_end ? 1 : -EINVAL;
	}
	if (!s->rle || code < (ZERO_RUN_CODE & 0xff) ||
	    (word & 0xfffc) != 0xfffc || !lzo_left(s, 3))
		return -EINVAL;
	nr = (s->ip[2] << 3 | (code & 7)) + ZERO_RUN_MIN;
	if ((size_t)(s->dst_end - s->op) < nr)
		return -EINVAL;
	memset(s->op, 0, nr);
	s->op += nr;
	s->ip += 3;
	*state = word & 3;
	return 0;
}

/* 4 literals or more: instructions 0..15 where none came before. */
static __always_inline bool lzo_literal_run(struct lzo_stream *s, u8 code)
{
	unsigned int nr = code ? code : lzo_get_count(s, 15);

	return nr && lzo_copy_literals(s, nr + 3);
}

/* A match, with the number of literals after it in *state. */
static __always_inline bool lzo_match(struct lzo_stream *s, u8 code,
				      unsigned int *state)
{
	unsigned int distance, len, word;

	if (code >= M3_MARKER && code < M2_MIN_CODE) {
		len = code & 31;
		if (!len) {
			len = lzo_get_count(s, 31);
			if (!len)
				return false;
		}
		if (!lzo_left(s, 2))
			return false;
		word = bytes_load16(s->ip);
		s->ip += 2;
		*state = word & 3;
		return lzo_copy_match(s, (word >> 2) + 1, len + 2);
	}
	if (!lzo_left(s, 1))
		return false;
	if (code >= M2_MIN_CODE) {
		len = (code >> 5) + 1;
		distance = (*s->ip++ << 3 | (code >> 2 & 7)) + 1;
	} else {
		/* after a literal run it means what M2 cannot reach */
		len = *state == 4 ? 3 : 2;
		distance = (*s->ip++ << 2 | code >> 2) + 1;
		if (*state == 4)
			distance += M2_MAX_OFFSET;
	}
	*state = code & 3;
	return lzo_copy_match(s, distance, len);
}

/* For both formats: a stream of the second one says so. */
static int lzo_decompress(void *ctx, const void *src, unsigned int slen,
			  void *dst)
{
	struct lzo_stream s = {
		.ip = src,
		.end = (const u8 *)src + slen,
		.op = dst,
		.dst = dst,
		.dst_end = (u8 *)dst + PAGE_SIZE,
	};
	unsigned int state;	/* literals just copied; 4: four or more */

	(void)ctx;
	if (!lzo_start(&s, &state))
		return -EINVAL;
	while (lzo_left(&s, 1)) {
		u8 code = *s.ip++;

		if (code < M4_MARKER && !state) {
			if (!lzo_literal_run(&s, code))
				return -EINVAL;
			state = 4;
			continue;
		}
		if (code >= M4_MARKER && code < M3_MARKER) {
			int ret = lzo_zeros_or_end(&s, code, &state);

			if (ret)
				return ret > 0 ? 0 : ret;
		} else if (!lzo_match(&s, code, &state)) {
			return -EINVAL;
		}
		if (state && !lzo_copy_literals(&s, state))
			return -EINVAL;
	}
	return -EINVAL;
}

static const char *lzo_version(const struct zcomp_params *params)
{
	(void)params;
	return "zdedup lzo 1";
}

static const char *lzo_rle_version(const struct zcomp_params *params)
{
	(void)params;
	return "zdedup lzo-rle 1";
}

static void *lzo_create_ctx(const struct zcomp_params *params)
{
	(void)params;
	return kvmalloc(sizeof(struct lzo_ctx), GFP_KERNEL);
}

static void lzo_destroy_ctx(void *ctx)
{
	kvfree(ctx);
}

const struct zcomp_ops zcomp_lzo = {
	.name = "lzo",
	.version = lzo_version,
	.create_ctx = lzo_create_ctx,
	.destroy_ctx = lzo_destroy_ctx,
	.compress = lzo_compress,
	.decompress = lzo_decompress,
};

const struct zcomp_ops zcomp_lzo_rle = {
	.name = "lzo-rle",
	.version = lzo_rle_version,
	.create_ctx = lzo_create_ctx,
	.destroy_ctx = lzo_destroy_ctx,
	.compress = lzo_rle_compress,
	.decompress = lzo_decompress,
};
