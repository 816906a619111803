/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * zdt-read.c - the reader of .zdt traces; FORMAT.md is the layout
 *
 * Opening reads all but the pages and checks it: blocks, their checksums and numbers.
 * What the events say is checked as they are read; a file that does not tell
 * beforehand which slots they have (all before version 1.1, and what is salvaged)
 * is read once for that. The pages are unpacked to a file without a name, by a
 * thread that starts when the first one is asked for; small traces are unpacked by
 * the caller, step by step. A block is checked against its checksum each time that
 * it is read, and that against the one seen first: what was checked when the trace
 * was opened is what is replayed.
 */
#define _GNU_SOURCE
#define ZSTD_STATIC_LINKING_ONLY	/* ZSTD_d_stableOutBuffer */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "trace-internal.h"
#include "zdt.h"

#define THREAD_PAGES 1024u	/* fewer are unpacked without a thread */
#define WINDOW (1ull << ZDT_WINDOW_LOG)
#define DROP_STEP (64ull << 20)	/* how often what is behind the window is let go */
#define STORED_MAX (64u << 20)	/* of any block but the index */
#define WHY_MAX 1024u

/*
 * Bytes behind an unpacked list, so that a varint that goes past the end of it can
 * be read first and refused then
 */
#define PAD 16u
#define READY_EVENTS 64u

/**
 * struct cursor - an event block being read
 * @left:  events not taken yet
 * @known: pages named so far
 * @prev:  the event before, with its own seq + 1
 */
struct cursor {
	const struct zdt_block *block;
	const uint8_t *control, *stream[ZDT_NR_STREAMS], *end[ZDT_NR_STREAMS];
	uint32_t left;
	uint64_t known;
	struct trace_event prev;
};

/**
 * struct seen - what has come so far, of the blocks and of the events in them
 * @events, @named: of all blocks begun; @named: pages that events have named
 * @ops:   by enum trace_op
 * @slots: of the events that were taken, highest + 1
 */
struct seen {
	uint64_t pages, facts, events, named;
	uint64_t ops[TRACE_INVALIDATE + 1];
	uint64_t slots[TRACE_TYPES_MAX];
};

/**
 * struct zdt - an open file
 * @blocks:    in the order of the file, without the index
 * @next:      the block that the next events are in, or after
 * @counted:   trace->summary says what the events are; else they are being counted
 * @ready:     events taken ahead, of which @ready_at is the next
 * @wrong:     what is wrong with the one behind these
 * @stored, @list: buffers of the thread that reads events
 *
 * Of unpacking the pages:
 * @lock:      @error and @stop; @more: @done has grown, or @error is set
 * @out:       where they go: the same file as trace->pages, to be written, so that
 *             what is unpacked is zstd's window, too, and is never copied
 * @done:      pages that are there
 * @at_page:   the block to unpack next
 * @error:     why there will be no more, with @line
 */
struct zdt {
	int fd, spill;
	uint64_t size;
	struct zdt_block *blocks;
	size_t nr_blocks, room, next;
	uint32_t columns, contents;
	struct cursor cursor;
	struct seen seen;
	bool counted;
	struct trace_event ready[READY_EVENTS];
	unsigned int ready_at, nr_ready;
	const char *wrong;
	ZSTD_DCtx *list_dctx;
	uint8_t *stored, *list;
	size_t stored_room, list_room;
	char *info;

	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more;
	bool threaded, stop;
	atomic_uint_fast64_t done;
	size_t at_page;
	int error;
	char line[WHY_MAX];
	ZSTD_DCtx *dctx;	/* of the pages; the lists have their own */
	ZSTD_outBuffer out;
	uint8_t *in;
	size_t in_room;
};

static const char *type_name(unsigned int type)
{
	static const char *const names[] = {
		[ZDT_INFO] = "info", [ZDT_PAGES] = "pages",
		[ZDT_FACTS] = "facts", [ZDT_EVENTS] = "events",
		[ZDT_INDEX] = "index", [ZDT_SUMMARY] = "summary",
	};

	return type && type <= ZDT_SUMMARY ? names[type] : "unknown";
}

static int damaged(const struct trace *trace, const struct zdt_block *b,
		   const char *what, const struct trace_why *why)
{
	return trace_fail(why, -EINVAL,
			  "%s: damaged: %s (%s block at byte %" PRIu64 ")",
			  trace->path, what, type_name(b->type), b->offset);
}

static int read_at(const struct trace *trace, void *buf, size_t len,
		   uint64_t at, const struct trace_why *why)
{
	uint8_t *p = buf;

	while (len) {
		ssize_t n = pread(trace->zdt->fd, p, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return trace_fail(why, -errno,
					  "%s: cannot read: %m (at byte %" PRIu64 ")",
					  trace->path, at);
		if (!n)
			return trace_fail(why, -EINVAL,
					  "%s: has become shorter since it was opened (at byte %" PRIu64 ")",
					  trace->path, at);
		p += n;
		at += n;
		len -= n;
	}
	return 0;
}

static int grow(const struct trace *trace, uint8_t **buf, size_t *room,
		size_t size, const struct trace_why *why)
{
	uint8_t *more;

	if (size <= *room)
		return 0;
	more = realloc(*buf, size);
	if (!more)
		return trace_fail(why, -ENOMEM, "%s: %m", trace->path);
	*buf = more;
	*room = size;
	return 0;
}

/* ---- blocks ---- */

/* Nothing here believes a number before it is known to be harmless. */
static int check_sizes(const struct trace *trace, const struct zdt_block *b,
		       const struct trace_why *why)
{
	const char *what = NULL;

	if (b->stored > STORED_MAX && b->type != ZDT_INDEX)
		what = "more bytes than a block may have";
	else if (!(b->flags & ZDT_PACKED) && b->stored != b->unpacked)
		what = "two sizes";
	else if (b->type == ZDT_PAGES &&
		 (!b->count || b->count > ZDT_PAGES_MAX ||
		  b->unpacked != b->count * TRACE_PAGE_SIZE ||
		  !(b->flags & ZDT_PACKED)))
		what = "wrong number of pages";
	else if (b->type == ZDT_EVENTS &&
		 (!b->count || b->count > ZDT_EVENTS_MAX ||
		  b->unpacked < ZDT_EVENTS_FIXED + b->count ||
		  b->unpacked > ZDT_EVENTS_FIXED +
				b->count * ZDT_EVENT_BYTES_MAX))
		what = "wrong number of events";
	else if (b->type == ZDT_FACTS &&
		 (!b->count || b->count > ZDT_FACTS_MAX ||
		  b->unpacked > b->count * sizeof(struct trace_facts)))
		what = "wrong number of facts";
	else if (b->type == ZDT_INFO &&
		 (b->unpacked > ZDT_INFO_MAX || b->flags & ZDT_PACKED))
		what = "wrong size";
	else if (b->type == ZDT_SUMMARY &&
		 (b->count > TRACE_TYPES_MAX || b->unpacked != b->count * 8 ||
		  b->flags & ZDT_PACKED))
		what = "wrong size";
	else if ((b->type < ZDT_INFO || b->type > ZDT_SUMMARY) &&
		 b->flags & ZDT_REQUIRED)
		what = "of a kind that this build does not know but must";
	return what ? damaged(trace, b, what, why) : 0;
}

/* Reads the block with ordinal @nr at b->offset, header and payload, to *buf. */
static int read_block(const struct trace *trace, struct zdt_block *b,
		      uint64_t nr, uint64_t limit, uint8_t **buf,
		      size_t *room, const struct trace_why *why)
{
	uint8_t h[ZDT_BLOCK_SIZE];
	int ret;

	if (limit - b->offset < sizeof(h))
		return damaged(trace, b, "its header is cut", why);
	ret = read_at(trace, h, sizeof(h), b->offset, why);
	if (ret)
		return ret;
	b->type = zdt_get16(h + 4);
	b->flags = zdt_get16(h + 6);
	b->stored = zdt_get32(h + 8);
	b->unpacked = zdt_get32(h + 12);
	b->first = zdt_get64(h + 16);
	b->count = zdt_get32(h + 24);
	b->checksum = zdt_get64(h + 40);
	if (zdt_get32(h) != ZDT_BLOCK_MAGIC || zdt_get64(h + 32) != nr)
		return damaged(trace, b, "no block where one must be", why);
	if (b->stored > limit - b->offset - sizeof(h))
		return damaged(trace, b, "it goes past the end", why);
	ret = check_sizes(trace, b, why);
	if (!ret)
		ret = grow(trace, buf, room, b->stored + PAD, why);
	if (!ret)
		ret = read_at(trace, *buf, b->stored, b->offset + sizeof(h),
			      why);
	if (!ret && zdt_checksum(h, *buf, b->stored) != b->checksum)
		ret = damaged(trace, b, "the checksum does not match", why);
	return ret;
}

/* Reads a block that was there before: it must be the same. */
static int reread_block(const struct trace *trace, size_t i, uint8_t **buf,
			size_t *room, const struct trace_why *why)
{
	const struct zdt_block *was = &trace->zdt->blocks[i];
	struct zdt_block b = { .offset = was->offset };
	int ret = read_block(trace, &b, i, trace->zdt->size, buf, room, why);

	if (!ret && (b.checksum != was->checksum || b.type != was->type ||
		     b.flags != was->flags || b.first != was->first ||
		     b.count != was->count || b.stored != was->stored))
		ret = damaged(trace, &b, "it is not what the index says",
			      why);
	return ret;
}

/* The unpacked bytes of list block @b, whose payload is zdt->stored, and PAD zeros */
static int unpack_list(struct trace *trace, const struct zdt_block *b,
		       const uint8_t **data, const struct trace_why *why)
{
	struct zdt *zdt = trace->zdt;
	size_t n;
	int ret;

	*data = zdt->stored;
	if (!(b->flags & ZDT_PACKED)) {
		memset(zdt->stored + b->stored, 0, PAD);
		return 0;
	}
	ret = grow(trace, &zdt->list, &zdt->list_room, b->unpacked + PAD, why);
	if (ret)
		return ret;
	n = ZSTD_decompressDCtx(zdt->list_dctx, zdt->list, b->unpacked,
				zdt->stored, b->stored);
	if (ZSTD_isError(n) || n != b->unpacked)
		return damaged(trace, b, "its zstd data is bad", why);
	memset(zdt->list + b->unpacked, 0, PAD);
	*data = zdt->list;
	return 0;
}

/* ---- events ---- */

/*
 * Counts the events of a block by their first bytes. NULL, or what is wrong with
 * them; no page is named then that is not there, and nothing comes more often than
 * the summary says.
 */
static const char *count_events(struct trace *trace, const uint8_t *control,
				uint32_t nr)
{
	const struct trace_summary *sum = &trace->summary;
	struct seen *seen = &trace->zdt->seen;
	uint32_t kinds[256] = { 0 }, i;

	for (i = 0; i < nr; i++)
		kinds[control[i]]++;
	for (i = 0; i < 256; i++) {
		unsigned int op = i & ZDT_EV_OP, page = i & ZDT_EV_PAGE;

		if (!kinds[i])
			continue;
		if (i & ~ZDT_EV_KNOWN || op > TRACE_INVALIDATE ||
		    page == ZDT_EV_PAGE ||
		    (op == TRACE_STORE && page == ZDT_EV_PAGE_NONE) ||
		    (op == TRACE_INVALIDATE && page != ZDT_EV_PAGE_NONE))
			return "an impossible event";
		seen->ops[op] += kinds[i];
		if (page == ZDT_EV_PAGE_NEXT)
			seen->named += kinds[i];
	}
	seen->events += nr;
	if ((sum->has_pages && seen->named > seen->pages) ||
	    (sum->has_facts && seen->named > seen->facts))
		return "a page that has not come yet";
	if (trace->zdt->counted &&
	    (seen->ops[TRACE_STORE] > sum->stores ||
	     seen->ops[TRACE_LOAD] > sum->loads ||
	     seen->ops[TRACE_INVALIDATE] > sum->invalidates))
		return "the trailer counts otherwise";
	return NULL;
}

/* Block @b, whose payload is zdt->stored */
static int begin_events(struct trace *trace, const struct zdt_block *b,
			const struct trace_why *why)
{
	struct zdt *zdt = trace->zdt;
	struct cursor *c = &zdt->cursor;
	const uint8_t *data, *p, *end;
	const char *wrong;
	unsigned int i;
	int ret = unpack_list(trace, b, &data, why);

	if (ret)
		return ret;
	end = data + b->unpacked;
	*c = (struct cursor) {
		.block = b, .known = zdt_get64(data), .prev.seq = b->first,
	};
	if (c->known != zdt->seen.named)
		return damaged(trace, b, "it counts other pages", why);
	c->control = data + ZDT_EVENTS_FIXED;
	p = c->control + b->count;
	for (i = 0; i < ZDT_NR_STREAMS; i++) {
		uint32_t len = zdt_get32(data + 8 + 4 * i);

		if (len > (size_t)(end - p))
			return damaged(trace, b, "a column is too long", why);
		c->stream[i] = p;
		p += len;
		c->end[i] = p;
	}
	if (p != end)
		return damaged(trace, b, "bytes are left over", why);
	wrong = count_events(trace, c->control, b->count);
	if (wrong)
		return damaged(trace, b, wrong, why);
	c->left = b->count;
	return 0;
}

/* A number of 9 or 10 bytes; NULL: of more than 64 bits */
static const uint8_t *long_varint(const uint8_t *p, uint64_t *v)
{
	unsigned int shift = 0;
	uint64_t value = 0;
	uint8_t byte;

	do {
		byte = *p++;
		if (shift == 63 && byte > 1)
			return NULL;
		value |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	*v = value;
	return p;
}

/*
 * The next number of a column; false: there is none, or one of more than 64 bits.
 * What ends within 8 bytes is had without a loop, whose end no processor foresees:
 * the seven bits of each byte are pushed together, by pairs, fours and eights.
 */
static inline bool varint(struct cursor *c, unsigned int stream, uint64_t *v)
{
	const uint8_t *p = c->stream[stream];
	uint64_t all, last;

	if (*p < 0x80) {
		*v = *p++;
	} else {
		all = zdt_get64(p);
		last = ~all & 0x8080808080808080;
		if (last) {
			p += __builtin_ctzll(last) / 8 + 1;
			all &= (last ^ (last - 1)) & 0x7f7f7f7f7f7f7f7f;
			all = (all & 0x007f007f007f007f) |
			      (all & 0x7f007f007f007f00) >> 1;
			all = (all & 0x00003fff00003fff) |
			      (all & 0x3fff00003fff0000) >> 2;
			*v = (all & 0x000000000fffffff) |
			     (all & 0x0fffffff00000000) >> 4;
		} else {
			p = long_varint(p, v);
			if (!p)
				return false;
		}
	}
	c->stream[stream] = p;
	return p <= c->end[stream];
}

static const char *place(const struct trace_summary *has, struct cursor *c)
{
	uint64_t type, order, memcg;

	if (!varint(c, ZDT_PLACE, &type) || !varint(c, ZDT_PLACE, &order) ||
	    !varint(c, ZDT_PLACE, &memcg) || type >= TRACE_TYPES_MAX ||
	    order > 63 || memcg > UINT32_MAX)
		return "an impossible event";
	c->prev.type = type;
	c->prev.order = order;
	c->prev.memcg = memcg;
	if ((type && !has->has_type) || (order && !has->has_order) ||
	    (memcg && !has->has_memcg))
		return "a column that the header does not name";
	return NULL;
}

/* The highest slot so far: few events have it */
static const char *raise(struct trace *trace, const struct trace_event *ev)
{
	struct zdt *zdt = trace->zdt;

	if (ev->slot > TRACE_SLOT_MAX)
		return "an impossible event";
	if (zdt->counted && ev->slot >= trace->summary.slots[ev->type])
		return "a slot beyond those that the summary counts";
	zdt->seen.slots[ev->type] = ev->slot + 1;
	return NULL;
}

/* The next event of the block, whose first byte is right; or what is wrong with it */
static inline const char *take_event(struct trace *trace, struct cursor *c,
				     struct trace_event *ev)
{
	uint8_t control = *c->control++;
	struct trace_event *prev = &c->prev;
	const char *wrong;
	uint64_t v;

	prev->op = control & ZDT_EV_OP;
	prev->page = TRACE_NO_PAGE;
	if ((control & ZDT_EV_PAGE) == ZDT_EV_PAGE_NEXT) {
		prev->page = c->known++;
	} else if ((control & ZDT_EV_PAGE) == ZDT_EV_PAGE_OLD) {
		if (!varint(c, ZDT_PAGE, &v) || v >= c->known)
			return "an impossible event";
		prev->page = c->known - 1 - v;
	}
	if (!varint(c, ZDT_TIME, &v))
		return "an impossible event";
	prev->time_us += zdt_unzigzag(v);
	if (!varint(c, ZDT_SLOT, &v))
		return "an impossible event";
	prev->slot += zdt_unzigzag(v);
	if (!(control & ZDT_EV_SAME_PLACE)) {
		wrong = place(&trace->summary, c);
		if (wrong)
			return wrong;
	}
	if (!(control & ZDT_EV_SAME_FOLIO)) {
		if (!varint(c, ZDT_FOLIO, &v))
			return "an impossible event";
		prev->folio += zdt_unzigzag(v);
		if (prev->folio && !trace->summary.has_folio)
			return "a column that the header does not name";
	}
	if (prev->slot >= trace->zdt->seen.slots[prev->type]) {
		wrong = raise(trace, prev);
		if (wrong)
			return wrong;
	}
	/* by field: what was just written by bytes cannot be read by 16 at once */
	ev->seq = prev->seq++;
	ev->time_us = prev->time_us;
	ev->slot = prev->slot;
	ev->page = prev->page;
	ev->folio = prev->folio;
	ev->memcg = prev->memcg;
	ev->type = prev->type;
	ev->op = prev->op;
	ev->order = prev->order;
	return NULL;
}

/*
 * Takes some events at once, zdt->ready; fewer when zdt->wrong says what is wrong
 * behind them.
 */
static void take_events(struct trace *trace)
{
	struct zdt *zdt = trace->zdt;
	struct cursor c = zdt->cursor;
	unsigned int nr = c.left < READY_EVENTS ? c.left : READY_EVENTS, i;

	zdt->wrong = NULL;
	for (i = 0; i < nr; i++) {
		zdt->wrong = take_event(trace, &c, &zdt->ready[i]);
		if (zdt->wrong)
			break;
	}
	zdt->ready_at = 0;
	zdt->nr_ready = i;
	c.left -= i;
	zdt->cursor = c;
	for (i = 0; !c.left && i < ZDT_NR_STREAMS; i++)
		if (c.stream[i] != c.end[i])
			zdt->wrong = "bytes are left over";
}

/* ---- facts and info ---- */

/* Of @nr pages: classes, words of the same-filled ones, then the rest. */
static int keep_facts(struct trace *trace, uint32_t nr, const uint8_t *classes,
		      const uint8_t *rest, const struct trace_why *why)
{
	struct trace_columns *c = &trace->columns;
	const uint8_t *word = classes + nr;
	unsigned int k;
	uint32_t i;
	int ret = 0;

	for (i = 0; i < nr && !ret && word < rest; i++) {
		if (classes[i] != TRACE_CLASS_SAME_FILLED)
			continue;
		ret = trace_facts_word(trace, c->nr + i, zdt_get64(word), why);
		word += 8;
	}
	if (ret)
		return ret;
	memcpy(c->class + c->nr, classes, nr);
	if (trace->summary.digest) {
		memcpy(c->digest + c->nr, rest, 16ull * nr);
		rest += 16ull * nr;
	}
	for (k = 0; k < trace->summary.nr_lengths; k++, rest += 2ull * nr)
		for (i = 0; i < nr; i++)
			c->lengths[k][c->nr + i] = zdt_get16(rest + 2ull * i);
	c->nr += nr;
	return 0;
}

static int read_facts(struct trace *trace, const struct zdt_block *b,
		      const struct trace_why *why)
{
	const struct trace_summary *sum = &trace->summary;
	const uint8_t *data, *words;
	uint32_t i, same = 0;
	int ret = unpack_list(trace, b, &data, why);

	if (ret)
		return ret;
	for (i = 0; i < b->count && b->count <= b->unpacked; i++) {
		if (data[i] > TRACE_CLASS_DATA)
			return damaged(trace, b, "an unknown class", why);
		same += data[i] == TRACE_CLASS_SAME_FILLED;
	}
	words = data + b->count;
	if (b->unpacked != b->count + 8ull * same +
			   (sum->digest ? 16ull * b->count : 0) +
			   2ull * sum->nr_lengths * b->count)
		return damaged(trace, b, "wrong size", why);
	ret = trace_facts_room(trace, b->count, why);
	if (!ret)
		ret = keep_facts(trace, b->count, data, words + 8 * same, why);
	return ret;
}

/* Of the vantages that trace.h names; another one is kept in the info only. */
static void take_vantage(struct trace_summary *sum)
{
	static const char *const known[] = { "slots", "device", "image", "process" };
	const char *s = strstr(sum->info, "vantage=");
	size_t i, len;

	if (!s || (s != sum->info && s[-1] != '\n'))
		return;
	s += strlen("vantage=");
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		len = strlen(known[i]);
		if (!strncmp(s, known[i], len) && s[len] == '\n')
			sum->vantage = known[i];
	}
}

/*
 * The lines "digest=" and "length=" come first, in this order, and name what the
 * facts hold; the rest is kept as it is.
 */
static int read_info(struct trace *trace, const struct zdt_block *b,
		     const struct trace_why *why)
{
	struct trace_summary *sum = &trace->summary;
	struct zdt *zdt = trace->zdt;
	char *s, *end;

	if (zdt->info)
		return damaged(trace, b, "a second one", why);
	zdt->info = malloc(b->stored + 1);
	if (!zdt->info)
		return trace_fail(why, -ENOMEM, "%s: %m", trace->path);
	memcpy(zdt->info, zdt->stored, b->stored);
	zdt->info[b->stored] = '\0';
	if (memchr(zdt->info, '\0', b->stored))
		return damaged(trace, b, "a NUL byte", why);

	for (s = zdt->info; (end = strchr(s, '\n')); s = end + 1) {
		if (!strncmp(s, "digest=", 7) && !sum->digest)
			sum->digest = s + 7;
		else if (!strncmp(s, "length=", 7) &&
			 sum->nr_lengths < TRACE_LENGTHS_MAX)
			sum->lengths[sum->nr_lengths++] = s + 7;
		else
			break;
		*end = '\0';
	}
	sum->info = s;
	take_vantage(sum);
	if (!strncmp(s, "digest=", 7) || !strncmp(s, "length=", 7))
		return damaged(trace, b, "more names than facts can have",
			       why);
	if ((sum->digest || sum->nr_lengths) &&
	    !(zdt->contents & ZDT_HAS_FACTS))
		return damaged(trace, b, "names of facts, and no facts", why);
	return 0;
}

/* ---- opening ---- */

static bool zdt_probe(int fd, const struct trace_map *map)
{
	unsigned int same = 0, i;

	(void)fd;
	if (map->size < ZDT_MAGIC_SIZE)
		return false;
	/*
	 * A damaged mark is still one, or else a damaged file would be taken
	 * for raw pages.
	 */
	for (i = 0; i < ZDT_MAGIC_SIZE; i++)
		same += map->data[i] == (uint8_t)ZDT_MAGIC[i];
	return same >= ZDT_MAGIC_SIZE - 2;
}

static int read_header(struct trace *trace, const struct trace_why *why)
{
	struct zdt *zdt = trace->zdt;
	struct trace_summary *sum = &trace->summary;
	uint8_t h[ZDT_HEADER_SIZE];
	int ret;

	if (zdt->size < sizeof(h))
		return trace_fail(why, -EINVAL,
				  "%s: cut within its header (%" PRIu64 " bytes)",
				  trace->path, zdt->size);
	ret = read_at(trace, h, sizeof(h), 0, why);
	if (ret)
		return ret;
	if (trace_le32(h) == ZSTD_MAGICNUMBER)
		return trace_fail(why, -EINVAL,
				  "%s: is compressed with zstd as a whole, and a .zdt is packed already; unpack it first, with zstd -d (at byte 0)",
				  trace->path);
	if (memcmp(h, ZDT_MAGIC, ZDT_MAGIC_SIZE))
		return trace_fail(why, -EINVAL,
				  "%s: not a .zdt trace, or its first bytes are damaged (at byte 0)",
				  trace->path);
	/* before the checksum, whose place a newer version may move */
	if (zdt_get16(h + 8) != ZDT_MAJOR)
		return trace_fail(why, -EINVAL,
				  "%s: is of format version %u.%u, this build reads %u.x: a newer zdedup is needed (at byte 8)",
				  trace->path, zdt_get16(h + 8),
				  zdt_get16(h + 10), ZDT_MAJOR);
	if (zdt_get64(h + 56) != XXH3_64bits(h, 56))
		return trace_fail(why, -EINVAL,
				  "%s: damaged: the header's checksum does not match (at byte 0)",
				  trace->path);
	zdt->columns = zdt_get32(h + 16);
	zdt->contents = zdt_get32(h + 20);
	if (zdt_get32(h + 12) != sizeof(h) || !zdt->contents ||
	    zdt->columns & ~ZDT_COLUMNS || zdt->contents & ~ZDT_CONTENTS ||
	    zdt_get32(h + 24) != TRACE_PAGE_SIZE)
		return trace_fail(why, -EINVAL,
				  "%s: the header asks for what this build does not know (at byte 12)",
				  trace->path);
	sum->has_type = zdt->columns & ZDT_COLUMN_TYPE;
	sum->has_memcg = zdt->columns & ZDT_COLUMN_MEMCG;
	sum->has_folio = zdt->columns & ZDT_COLUMN_FOLIO;
	sum->has_order = zdt->columns & ZDT_COLUMN_ORDER;
	sum->has_pages = zdt->contents & ZDT_HAS_PAGES;
	sum->has_facts = zdt->contents & ZDT_HAS_FACTS;
	return 0;
}

static int add_block(struct trace *trace, const struct zdt_block *b,
		     const struct trace_why *why)
{
	struct zdt *zdt = trace->zdt;

	if (zdt->nr_blocks == zdt->room) {
		size_t room = zdt->room ? 2 * zdt->room : 64;
		void *more = realloc(zdt->blocks, room * sizeof(*zdt->blocks));

		if (!more)
			return trace_fail(why, -ENOMEM, "%s: %m", trace->path);
		zdt->blocks = more;
		zdt->room = room;
	}
	zdt->blocks[zdt->nr_blocks++] = *b;
	return 0;
}

/* All events of a block, for what they are counted to be */
static int scan_events(struct trace *trace, const struct zdt_block *b,
		       const struct trace_why *why)
{
	struct zdt *zdt = trace->zdt;
	int ret = begin_events(trace, b, why);

	if (ret)
		return ret;
	do {
		take_events(trace);
		if (zdt->wrong)
			return damaged(trace, b, zdt->wrong, why);
	} while (zdt->cursor.left);
	return 0;
}

/* A block that is whole, payload in zdt->stored: is it right here? */
static int take_block(struct trace *trace, const struct zdt_block *b,
		      const struct trace_why *why)
{
	struct zdt *zdt = trace->zdt;
	struct seen *seen = &zdt->seen;
	int ret = 0;

	switch (b->type) {
	case ZDT_INFO:
		if (seen->pages || seen->facts || seen->events)
			return damaged(trace, b, "it comes too late", why);
		ret = read_info(trace, b, why);
		break;
	case ZDT_PAGES:
		if (!(zdt->contents & ZDT_HAS_PAGES) ||
		    b->first != seen->pages ||
		    (!seen->pages && !(b->flags & ZDT_FRAME_START)))
			return damaged(trace, b, "pages are missing", why);
		seen->pages += b->count;
		break;
	case ZDT_FACTS:
		if (!(zdt->contents & ZDT_HAS_FACTS) ||
		    b->first != seen->facts)
			return damaged(trace, b, "facts are missing", why);
		ret = read_facts(trace, b, why);
		seen->facts += b->count;
		break;
	case ZDT_EVENTS:
		if (b->first != seen->events)
			return damaged(trace, b, "events are missing", why);
		if (zdt->counted)
			seen->events += b->count;
		else
			ret = scan_events(trace, b, why);
		break;
	case ZDT_INDEX:
		return damaged(trace, b, "not the last block", why);
	}
	return ret ? ret : add_block(trace, b, why);
}

/* Takes the summary, if the last block before the index is one. */
static int read_summary(struct trace *trace, const uint8_t *index, uint64_t nr,
			uint64_t end, const struct trace_why *why)
{
	struct zdt *zdt = trace->zdt;
	struct zdt_block b = { .type = ZDT_SUMMARY };
	const uint8_t *e;
	int ret;

	if (!nr)
		return 0;
	e = index + (nr - 1) * ZDT_ENTRY_SIZE;
	if (zdt_get16(e + 28) != ZDT_SUMMARY)
		return 0;
	b.offset = zdt_get64(e);
	if (b.offset > end)
		return damaged(trace, &b, "it goes past the end", why);
	ret = read_block(trace, &b, nr - 1, end, &zdt->stored,
			 &zdt->stored_room, why);
	if (ret)
		return ret;
	if (b.type != ZDT_SUMMARY)
		return damaged(trace, &b, "it is not what the index says", why);
	for (uint32_t i = 0; i < b.count; i++) {
		trace->summary.slots[i] = zdt_get64(zdt->stored + 8 * i);
		if (trace->summary.slots[i] > TRACE_SLOT_MAX + 1)
			return damaged(trace, &b, "an impossible slot", why);
	}
	zdt->counted = true;
	return 0;
}

/* Unknown blocks are skipped, but their checksums count, too. */
static int walk_index(struct trace *trace, const uint8_t *index, uint64_t nr,
		      uint64_t end, const struct trace_why *why)
{
	struct zdt *zdt = trace->zdt;
	uint64_t at = ZDT_HEADER_SIZE, i;
	int ret;

	for (i = 0; i < nr; i++) {
		const uint8_t *e = index + i * ZDT_ENTRY_SIZE;
		struct zdt_block b = {
			.offset = zdt_get64(e), .type = zdt_get16(e + 28),
		}, got = { .offset = at };
		uint8_t h[ZDT_BLOCK_SIZE];

		if (b.offset != at || at > end || end - at < sizeof(h))
			return damaged(trace, &b, "the index has a gap", why);
		if (b.type == ZDT_PAGES) {
			/* the payload's turn comes when it is unpacked */
			ret = read_at(trace, h, sizeof(h), at, why);
			if (ret)
				return ret;
			got.type = zdt_get16(h + 4);
			got.flags = zdt_get16(h + 6);
			got.stored = zdt_get32(h + 8);
			got.unpacked = zdt_get32(h + 12);
			got.first = zdt_get64(h + 16);
			got.count = zdt_get32(h + 24);
			got.checksum = zdt_get64(h + 40);
			ret = check_sizes(trace, &got, why);
		} else {
			ret = read_block(trace, &got, i, end, &zdt->stored,
					 &zdt->stored_room, why);
		}
		if (ret)
			return ret;
		if (got.checksum != zdt_get64(e + 8) ||
		    got.first != zdt_get64(e + 16) ||
		    got.count != zdt_get32(e + 24) || got.type != b.type ||
		    got.flags != zdt_get16(e + 30))
			return damaged(trace, &got, "it is not what the index says",
				       why);
		ret = take_block(trace, &got, why);
		if (ret)
			return ret;
		at += sizeof(h) + got.stored;
	}
	if (at != end)
		return trace_fail(why, -EINVAL,
				  "%s: damaged: bytes that the index does not name (at byte %" PRIu64 ")",
				  trace->path, at);
	return 0;
}

static int incomplete(const struct trace *trace, const char *what,
		      const struct trace_why *why)
{
	return trace_fail(why, -EINVAL,
			  "%s: incomplete: %s (after byte %" PRIu64 "); 'zdedup import --salvage %s -o NEW.zdt' keeps what is whole",
			  trace->path, what, trace->zdt->size, trace->path);
}

/* Were the events those of the summary? */
static bool as_counted(const struct trace *trace)
{
	const struct trace_summary *sum = &trace->summary;
	const struct seen *seen = &trace->zdt->seen;

	return seen->ops[TRACE_STORE] == sum->stores &&
	       seen->ops[TRACE_LOAD] == sum->loads &&
	       seen->ops[TRACE_INVALIDATE] == sum->invalidates &&
	       seen->named == sum->nr_pages &&
	       !memcmp(seen->slots, sum->slots, sizeof(sum->slots));
}

/* What the trailer @t counts, against what has been seen */
static bool take_counts(struct trace *trace, const uint8_t *t)
{
	struct trace_summary *sum = &trace->summary;
	const struct seen *seen = &trace->zdt->seen;

	sum->events = zdt_get64(t + 16);
	sum->stores = zdt_get64(t + 24);
	sum->loads = zdt_get64(t + 32);
	sum->invalidates = zdt_get64(t + 40);
	sum->nr_pages = zdt_get64(t + 48);
	if (seen->events != sum->events || sum->stores > sum->events ||
	    sum->loads > sum->events - sum->stores ||
	    sum->invalidates != sum->events - sum->stores - sum->loads ||
	    (sum->has_pages && seen->pages != sum->nr_pages) ||
	    (sum->has_facts && seen->facts != sum->nr_pages))
		return false;
	if (trace->zdt->counted)
		return true;	/* zdt_read has an eye on the events */
	memcpy(sum->slots, seen->slots, sizeof(sum->slots));
	trace->zdt->counted = true;
	return as_counted(trace);
}

static int walk_whole(struct trace *trace, const struct trace_why *why)
{
	struct zdt *zdt = trace->zdt;
	uint8_t t[ZDT_TRAILER_SIZE], *index = NULL;
	struct zdt_block b = { 0 };
	size_t room = 0;
	uint64_t nr, end;
	int ret;

	if (zdt->size < ZDT_HEADER_SIZE + ZDT_BLOCK_SIZE + sizeof(t))
		return incomplete(trace, "it ends early", why);
	end = zdt->size - sizeof(t);
	ret = read_at(trace, t, sizeof(t), end, why);
	if (ret)
		return ret;
	if (memcmp(t, ZDT_END_MAGIC, ZDT_MAGIC_SIZE))
		return incomplete(trace, "its end is missing", why);
	if (zdt_get64(t + 72) != XXH3_64bits(t, 72) ||
	    zdt_get64(t + 56) != zdt->size)
		return incomplete(trace, "its end is damaged", why);

	b.offset = zdt_get64(t + 8);
	nr = zdt_get64(t + 64) - 1;
	if (b.offset < ZDT_HEADER_SIZE || b.offset > end)
		return incomplete(trace, "its end names no index", why);
	ret = read_block(trace, &b, nr, end, &index, &room, why);
	if (!ret && (b.type != ZDT_INDEX || b.count != nr ||
		     b.stored != nr * ZDT_ENTRY_SIZE ||
		     b.offset + ZDT_BLOCK_SIZE + b.stored != end))
		ret = damaged(trace, &b, "wrong size", why);
	if (!ret)
		ret = read_summary(trace, index, nr, b.offset, why);
	if (!ret)
		ret = walk_index(trace, index, nr, b.offset, why);
	free(index);
	if (!ret && !take_counts(trace, t))
		ret = damaged(trace, &b, "the trailer counts otherwise", why);
	return ret;
}

/* As far as blocks are whole; *lost: bytes from there to the end. */
static int walk_salvage(struct trace *trace, uint64_t *lost,
			const struct trace_why *why)
{
	const struct trace_why nobody = { NULL, 0 };
	struct zdt *zdt = trace->zdt;
	uint64_t at = ZDT_HEADER_SIZE;

	for (;;) {
		struct zdt_block b = { .offset = at };
		struct seen before = zdt->seen;
		int ret = read_block(trace, &b, zdt->nr_blocks, zdt->size,
				     &zdt->stored, &zdt->stored_room, &nobody);

		if (!ret && b.type == ZDT_INDEX) {
			at += ZDT_BLOCK_SIZE + b.stored;
			*lost = zdt->size - at == ZDT_TRAILER_SIZE ? 0 :
				zdt->size - at;
			return 0;
		}
		if (!ret)
			ret = take_block(trace, &b, &nobody);
		if (ret == -EINVAL || ret == -EIO) {
			zdt->seen = before;
			*lost = zdt->size - at;
			return 0;
		}
		if (ret)
			return trace_fail(why, ret,
					  "%s: %m (at byte %" PRIu64 ")",
					  trace->path, at);
		at += ZDT_BLOCK_SIZE + b.stored;
	}
}

static int start(struct trace *trace, int fd, const struct trace_why *why)
{
	struct zdt *zdt = calloc(1, sizeof(*zdt));
	struct stat st;

	/* read instead: what is cut short meanwhile is an error, no SIGBUS */
	trace_unmap(&trace->pages);
	if (!zdt)
		return trace_fail(why, -ENOMEM, "%s: %m", trace->path);
	trace->zdt = zdt;
	zdt->spill = -1;
	pthread_mutex_init(&zdt->lock, NULL);
	pthread_cond_init(&zdt->more, NULL);
	zdt->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (zdt->fd < 0 || fstat(fd, &st))
		return trace_fail(why, -errno, "%s: cannot examine: %m",
				  trace->path);
	zdt->size = st.st_size;
	zdt->list_dctx = ZSTD_createDCtx();
	if (!zdt->list_dctx)
		return trace_fail(why, -ENOMEM, "%s: %m", trace->path);
	return read_header(trace, why);
}

/*
 * The file to unpack to, with room for all pages from the start: a disk that is
 * too small is known now, and no write through the mapping can fail.
 */
static int prepare_pages(struct trace *trace, uint64_t nr_pages,
			 const struct trace_why *why)
{
	struct zdt *zdt = trace->zdt;
	uint64_t size = nr_pages * TRACE_PAGE_SIZE;
	void *data;
	int ret;

	if (!size)
		return 0;
	zdt->spill = trace_temp_file(size, trace->path, why);
	if (zdt->spill < 0)
		return zdt->spill;
	do {
		ret = posix_fallocate(zdt->spill, 0, size);
	} while (ret == EINTR);
	if (ret)
		return trace_fail(why, -ret,
				  "%s: cannot unpack to a temporary file: %m (%" PRIu64 " bytes)",
				  trace->path, size);
	data = mmap(NULL, size, PROT_READ, MAP_SHARED, zdt->spill, 0);
	if (data == MAP_FAILED)
		return trace_fail(why, -errno, "%s: cannot map: %m",
				  trace->path);
	trace->pages.data = data;
	trace->pages.size = size;
	return 0;
}

static int finish(struct trace *trace, const struct trace_why *why)
{
	int ret = trace_build_end(trace, why);

	return ret ? ret : prepare_pages(trace, trace->zdt->seen.pages, why);
}

static int zdt_open(struct trace *trace, int fd, const struct trace_why *why)
{
	int ret = start(trace, fd, why);

	if (!ret)
		ret = walk_whole(trace, why);
	return ret ? ret : finish(trace, why);
}

int trace_zdt_open_salvage(struct trace *trace, int fd, uint64_t *lost,
			   const struct trace_why *why)
{
	struct trace_summary *sum = &trace->summary;
	int ret = start(trace, fd, why);

	if (!ret)
		ret = walk_salvage(trace, lost, why);
	if (ret)
		return ret;
	sum->events = trace->zdt->seen.events;
	sum->stores = trace->zdt->seen.ops[TRACE_STORE];
	sum->loads = trace->zdt->seen.ops[TRACE_LOAD];
	sum->invalidates = trace->zdt->seen.ops[TRACE_INVALIDATE];
	sum->nr_pages = trace->zdt->seen.named;
	memcpy(sum->slots, trace->zdt->seen.slots, sizeof(sum->slots));
	trace->zdt->counted = true;
	return finish(trace, why);
}

/* ---- unpacking ---- */

/* What zstd may look back to stays; the rest can be read again from the file. */
static void drop_behind(const ZSTD_outBuffer *out, uint64_t before)
{
	uint64_t now = out->pos / DROP_STEP * DROP_STEP;

	if (before / DROP_STEP != out->pos / DROP_STEP && now > WINDOW)
		madvise(out->dst, now - WINDOW, MADV_DONTNEED);
}

static int unpack_block(struct trace *trace, size_t i,
			const struct trace_why *why)
{
	struct zdt *zdt = trace->zdt;
	const struct zdt_block *b = &zdt->blocks[i];
	uint64_t at = b->first * TRACE_PAGE_SIZE, end = at + b->unpacked;
	ZSTD_inBuffer in;
	int ret = reread_block(trace, i, &zdt->in, &zdt->in_room, why);

	if (ret)
		return ret;
	if (b->flags & ZDT_FRAME_START)
		ZSTD_DCtx_reset(zdt->dctx, ZSTD_reset_session_only);
	/* all at once: one fault a page would cost half as much as zstd does */
	madvise((char *)zdt->out.dst + at, b->unpacked, MADV_POPULATE_WRITE);
	in = (ZSTD_inBuffer) { zdt->in, b->stored, 0 };
	while (in.pos < in.size || zdt->out.pos < end) {
		size_t taken = in.pos, made = zdt->out.pos;
		size_t left = ZSTD_decompressStream(zdt->dctx, &zdt->out, &in);

		if (ZSTD_isError(left) || zdt->out.pos > end ||
		    (in.pos == taken && zdt->out.pos == made))
			return damaged(trace, b, "its zstd data is bad", why);
	}
	drop_behind(&zdt->out, at);
	return 0;
}

/* Unpacks the next block of pages. 0: it was the last that is needed; 1: not. */
static int unpack_next(struct trace *trace, const struct trace_why *why)
{
	struct zdt *zdt = trace->zdt;
	uint64_t done;
	int ret;

	while (zdt->at_page < zdt->nr_blocks &&
	       zdt->blocks[zdt->at_page].type != ZDT_PAGES)
		zdt->at_page++;
	if (zdt->at_page == zdt->nr_blocks)
		return trace_fail(why, -EINVAL, "%s: damaged: pages are missing",
				  trace->path);
	ret = unpack_block(trace, zdt->at_page, why);
	if (ret)
		return ret;
	done = zdt->blocks[zdt->at_page].first +
	       zdt->blocks[zdt->at_page].count;
	zdt->at_page++;
	atomic_store_explicit(&zdt->done, done, memory_order_release);
	return done < trace->summary.nr_pages;
}

static void end_pages(struct zdt *zdt)
{
	if (zdt->out.dst)
		munmap(zdt->out.dst, zdt->out.size);
	zdt->out.dst = NULL;
}

static void *unpack_thread(void *arg)
{
	struct trace *trace = arg;
	struct zdt *zdt = trace->zdt;
	const struct trace_why why = { zdt->line, sizeof(zdt->line) };
	bool stop;
	int ret;

	do {
		ret = unpack_next(trace, &why);
		pthread_mutex_lock(&zdt->lock);
		if (ret < 0)
			zdt->error = ret;
		stop = zdt->stop;
		pthread_cond_broadcast(&zdt->more);
		pthread_mutex_unlock(&zdt->lock);
	} while (ret > 0 && !stop);
	end_pages(zdt);
	return NULL;
}

/* What unpacking needs, and its thread unless there is little to do. */
static int begin_pages(struct trace *trace, const struct trace_why *why)
{
	struct zdt *zdt = trace->zdt;
	int ret;

	zdt->dctx = ZSTD_createDCtx();
	if (!zdt->dctx)
		return trace_fail(why, -ENOMEM, "%s: %m", trace->path);
	if (ZSTD_isError(ZSTD_DCtx_setParameter(zdt->dctx,
						ZSTD_d_stableOutBuffer, 1)))
		return trace_fail(why, -EINVAL,
				  "%s: this zstd cannot unpack in place",
				  trace->path);
	zdt->out.size = trace->pages.size;
	zdt->out.dst = mmap(NULL, zdt->out.size, PROT_READ | PROT_WRITE,
			    MAP_SHARED, zdt->spill, 0);
	if (zdt->out.dst == MAP_FAILED) {
		zdt->out.dst = NULL;
		return trace_fail(why, -errno, "%s: cannot map: %m",
				  trace->path);
	}
	/*
	 * Single pages in the page cache, as a fault maps all of a large folio of
	 * a file (since 6.18): loads all over the trace would map most of it.
	 */
	if (trace->summary.nr_pages > TRACE_LARGE_PAGES)
		madvise(zdt->out.dst, zdt->out.size, MADV_RANDOM);
	if (trace->summary.nr_pages < THREAD_PAGES)
		return 0;
	ret = pthread_create(&zdt->thread, NULL, unpack_thread, trace);
	if (ret)
		return trace_fail(why, -ret, "%s: cannot start a thread: %m",
				  trace->path);
	zdt->threaded = true;
	return 0;
}

/* Waits until @page is there, or does what it takes. 0 or zdt->error. */
static int wait_page(struct trace *trace, uint64_t page)
{
	struct zdt *zdt = trace->zdt;
	const struct trace_why why = { zdt->line, sizeof(zdt->line) };

	if (page < atomic_load_explicit(&zdt->done, memory_order_acquire))
		return 0;
	if (!zdt->dctx && !zdt->error)
		zdt->error = begin_pages(trace, &why);
	if (zdt->threaded) {
		int error = 0;

		pthread_mutex_lock(&zdt->lock);
		while (page >= atomic_load(&zdt->done) && !zdt->error)
			pthread_cond_wait(&zdt->more, &zdt->lock);
		if (page >= atomic_load(&zdt->done))
			error = zdt->error;
		pthread_mutex_unlock(&zdt->lock);
		return error;
	}
	while (!zdt->error && page >= atomic_load(&zdt->done)) {
		int ret = unpack_next(trace, &why);

		if (ret < 0)
			zdt->error = ret;
	}
	return zdt->error;
}

static bool zdt_wait_page(const struct trace *trace, uint64_t page)
{
	/* the trace is the reader's own: what waiting changes is behind zdt */
	return !wait_page((struct trace *)trace, page);
}

/* ---- reading ---- */

/* Goes to the next block of events. 1; 0: there is none; or an error */
static int next_block(struct trace *trace, const struct trace_why *why)
{
	struct zdt *zdt = trace->zdt;
	const struct zdt_block *b;
	int ret;

	for (; zdt->next < zdt->nr_blocks; zdt->next++) {
		b = &zdt->blocks[zdt->next];
		if (b->type == ZDT_PAGES)
			zdt->seen.pages += b->count;
		else if (b->type == ZDT_FACTS)
			zdt->seen.facts += b->count;
		if (b->type != ZDT_EVENTS)
			continue;
		ret = reread_block(trace, zdt->next, &zdt->stored,
				   &zdt->stored_room, why);
		if (!ret)
			ret = begin_events(trace, b, why);
		if (ret)
			return ret;
		zdt->next++;
		return 1;
	}
	if (!as_counted(trace))
		return trace_fail(why, -EINVAL,
				  "%s: damaged: its events are not those that its summary and trailer count (after byte %" PRIu64 ")",
				  trace->path, zdt->size);
	return 0;
}

/* Makes events ready. 1; 0: there are no more; or an error */
static int more_events(struct trace *trace, const struct trace_why *why)
{
	struct zdt *zdt = trace->zdt;
	int ret;

	if (!zdt->wrong && !zdt->cursor.left) {
		ret = next_block(trace, why);
		if (ret <= 0)
			return ret;
	}
	if (!zdt->wrong)
		take_events(trace);
	if (zdt->nr_ready > zdt->ready_at)
		return 1;
	return damaged(trace, zdt->cursor.block, zdt->wrong, why);
}

/* How many of @events have their bytes; none: why the first has not. */
static int wait_pages(struct trace *trace, const struct trace_event *events,
		      unsigned int nr, const struct trace_why *why)
{
	unsigned int i;
	int ret;

	for (i = 0; i < nr; i++) {
		if (events[i].page == TRACE_NO_PAGE)
			continue;
		ret = wait_page(trace, events[i].page);
		if (ret && !i)
			return trace_fail(why, ret, "%s", trace->zdt->line);
		if (ret)
			break;
	}
	return (int)i;
}

static int zdt_read(struct trace *trace, struct trace_event *events,
		    unsigned int nr, const struct trace_why *why)
{
	struct zdt *zdt = trace->zdt;
	int ret;

	if (zdt->ready_at == zdt->nr_ready) {
		ret = more_events(trace, why);
		if (ret <= 0)
			return ret;
	}
	if (nr > zdt->nr_ready - zdt->ready_at)
		nr = zdt->nr_ready - zdt->ready_at;
	memcpy(events, &zdt->ready[zdt->ready_at], nr * sizeof(*events));
	ret = trace->summary.has_pages ? wait_pages(trace, events, nr, why) :
					 (int)nr;
	if (ret > 0) {
		zdt->ready_at += ret;
		trace->seq += ret;
	}
	return ret;
}

static void zdt_rewind(struct trace *trace)
{
	struct zdt *zdt = trace->zdt;

	zdt->next = 0;
	zdt->cursor.left = 0;
	zdt->seen = (struct seen) { 0 };
	zdt->ready_at = zdt->nr_ready = 0;
	zdt->wrong = NULL;
}

static void zdt_close(struct trace *trace)
{
	struct zdt *zdt = trace->zdt;

	if (!zdt)
		return;
	if (zdt->threaded) {
		pthread_mutex_lock(&zdt->lock);
		zdt->stop = true;
		pthread_mutex_unlock(&zdt->lock);
		pthread_join(zdt->thread, NULL);
	}
	pthread_cond_destroy(&zdt->more);
	pthread_mutex_destroy(&zdt->lock);
	ZSTD_freeDCtx(zdt->dctx);
	ZSTD_freeDCtx(zdt->list_dctx);
	if (zdt->fd >= 0)
		close(zdt->fd);
	if (zdt->spill >= 0)
		close(zdt->spill);
	end_pages(zdt);
	free(zdt->in);
	free(zdt->stored);
	free(zdt->list);
	free(zdt->info);
	free(zdt->blocks);
	free(zdt);
	trace->zdt = NULL;
}

const struct trace_reader trace_zdt = {
	.name = "zdt",
	.vantage = "slots",
	.open = zdt_open,
	.read = zdt_read,
	.probe = zdt_probe,
	.rewind = zdt_rewind,
	.close = zdt_close,
	.wait_page = zdt_wait_page,
};
