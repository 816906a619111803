/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * zdt-write.c - the writer of .zdt traces; FORMAT.md is the layout
 *
 * Order on disk is what makes a cut file useful: the bytes and the facts of a page
 * come before the first event that names it, so that every prefix of whole blocks
 * is a trace.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "trace-internal.h"
#include "trace-writer.h"
#include "zdt.h"

#define BLOCK_PAGES 256u	/* 1 MiB: how far a reader is ahead, at most */
#define BLOCK_EVENTS 32768u
#define FRAME_PAGES (1u << 18)	/* a new zstd frame every GiB: damage ends there */
#define PAGES_LEVEL 3
#define LIST_LEVEL 9		/* events and facts: few bytes, worth the time */
#define TABLE_MIN 1024u

/* One column of events in the making */
struct stream {
	uint8_t *data;
	uint32_t len;
};

/* Which page has this digest; @page is its number + 1, 0: free */
struct known {
	uint64_t digest, page;
};

/**
 * struct trace_writer - one .zdt in the making
 * @path:      as given; @target: with links followed; @temporary: what is written
 * @error:     the first failure, for ever
 * @scratch:   all pages, back to back, to compare with
 * @table:     open addressing, @mask + 1 places, at most three quarters used
 * @page_buf:  the pages of the block to come: @nr_page_buf, up to page @nr_pages
 * @frame_pages: pages in the zstd frame that is open, 0 when none is
 * @facts:     those of the block to come
 * @prev:      the event before, in this block; @counts: over all
 * @index:     entries of the blocks written
 */
struct trace_writer {
	struct trace_writer_options options;
	char *path, *target, *temporary;
	int fd, scratch, error;
	uint64_t offset;

	struct known *table;
	uint64_t mask, seed;

	uint8_t *page_buf;
	uint32_t nr_page_buf, frame_pages;
	uint64_t nr_pages;
	ZSTD_CCtx *pages_ctx, *list_ctx;

	struct trace_facts *facts;
	uint32_t nr_facts;
	unsigned int nr_lengths;

	struct stream control, streams[ZDT_NR_STREAMS];
	uint32_t nr_events;
	uint64_t first_new;
	struct trace_event prev;
	struct trace_summary counts;

	uint8_t *raw, *out;
	size_t raw_size, out_size;
	uint8_t *index;
	size_t index_room;
	uint64_t nr_blocks;
};

static int fail(struct trace_writer *w, int error, const char *what,
		const struct trace_why *why)
{
	w->error = error;
	return trace_fail(why, error, "%s: %s: %m (at byte %" PRIu64 ")",
			  w->path, what, w->offset);
}

/* ---- blocks ---- */

static int append(struct trace_writer *w, const void *data, size_t len,
		  const struct trace_why *why)
{
	int ret = trace_pwrite_all(w->fd, data, len, w->offset);

	if (ret)
		return fail(w, ret, "cannot write", why);
	w->offset += len;
	return 0;
}

static int note_block(struct trace_writer *w, const struct zdt_block *b,
		      const struct trace_why *why)
{
	uint8_t *e;

	if (w->nr_blocks == w->index_room) {
		size_t room = w->index_room ? 2 * w->index_room : 64;
		void *more = realloc(w->index, room * ZDT_ENTRY_SIZE);

		if (!more)
			return fail(w, -ENOMEM, "cannot grow its index", why);
		w->index = more;
		w->index_room = room;
	}
	e = w->index + w->nr_blocks++ * ZDT_ENTRY_SIZE;
	zdt_put64(e, b->offset);
	zdt_put64(e + 8, b->checksum);
	zdt_put64(e + 16, b->first);
	zdt_put32(e + 24, b->count);
	zdt_put16(e + 28, b->type);
	zdt_put16(e + 30, b->flags);
	return 0;
}

/* In one write: ZDT_BLOCK_SIZE bytes are free before @payload for the header. */
static int write_block(struct trace_writer *w, struct zdt_block *b,
		       uint8_t *payload, const struct trace_why *why)
{
	uint8_t *h = payload - ZDT_BLOCK_SIZE;
	uint64_t nr = w->nr_blocks;
	int ret;

	b->offset = w->offset;
	zdt_put32(h, ZDT_BLOCK_MAGIC);
	zdt_put16(h + 4, b->type);
	zdt_put16(h + 6, b->flags);
	zdt_put32(h + 8, b->stored);
	zdt_put32(h + 12, b->unpacked);
	zdt_put64(h + 16, b->first);
	zdt_put32(h + 24, b->count);
	zdt_put32(h + 28, 0);
	zdt_put64(h + 32, nr);
	b->checksum = zdt_checksum(h, payload, b->stored);
	zdt_put64(h + 40, b->checksum);

	ret = note_block(w, b, why);
	return ret ? ret : append(w, h, ZDT_BLOCK_SIZE + b->stored, why);
}

/* A list of @len bytes, behind ZDT_BLOCK_SIZE free ones in w->raw */
static int write_list(struct trace_writer *w, struct zdt_block *b, size_t len,
		      const struct trace_why *why)
{
	uint8_t *raw = w->raw + ZDT_BLOCK_SIZE, *out = w->out + ZDT_BLOCK_SIZE;
	size_t n = ZSTD_compressCCtx(w->list_ctx, out,
				     w->out_size - ZDT_BLOCK_SIZE, raw, len,
				     LIST_LEVEL);

	if (ZSTD_isError(n))
		return fail(w, -ENOMEM, ZSTD_getErrorName(n), why);
	b->flags |= ZDT_REQUIRED;
	b->unpacked = len;
	b->stored = len;
	if (n >= len)
		return write_block(w, b, raw, why);
	b->flags |= ZDT_PACKED;
	b->stored = n;
	return write_block(w, b, out, why);
}

static int write_pages(struct trace_writer *w, const struct trace_why *why)
{
	struct zdt_block b = {
		.type = ZDT_PAGES,
		.flags = ZDT_REQUIRED | ZDT_PACKED,
		.first = w->nr_pages - w->nr_page_buf,
		.count = w->nr_page_buf,
		.unpacked = w->nr_page_buf * TRACE_PAGE_SIZE,
	};
	ZSTD_inBuffer in = { w->page_buf, b.unpacked, 0 };
	ZSTD_outBuffer out = {
		w->out + ZDT_BLOCK_SIZE, w->out_size - ZDT_BLOCK_SIZE, 0
	};
	bool end = w->frame_pages + b.count >= FRAME_PAGES;
	size_t left;

	if (!b.count)
		return 0;
	if (!w->frame_pages)
		b.flags |= ZDT_FRAME_START;
	left = ZSTD_compressStream2(w->pages_ctx, &out, &in,
				    end ? ZSTD_e_end : ZSTD_e_flush);
	if (ZSTD_isError(left))
		return fail(w, -ENOMEM, ZSTD_getErrorName(left), why);
	if (left || in.pos < in.size)
		return fail(w, -EOVERFLOW, "a block of pages does not fit",
			    why);
	w->frame_pages = end ? 0 : w->frame_pages + b.count;
	w->nr_page_buf = 0;
	b.stored = out.pos;
	return write_block(w, &b, w->out + ZDT_BLOCK_SIZE, why);
}

static int write_facts(struct trace_writer *w, const struct trace_why *why)
{
	struct zdt_block b = {
		.type = ZDT_FACTS,
		.first = w->nr_pages - w->nr_facts,
		.count = w->nr_facts,
	};
	uint8_t *p = w->raw + ZDT_BLOCK_SIZE;
	uint32_t i;
	unsigned int k;

	if (!b.count)
		return 0;
	for (i = 0; i < b.count; i++)
		*p++ = w->facts[i].class;
	for (i = 0; i < b.count; i++) {
		if (w->facts[i].class == TRACE_CLASS_SAME_FILLED) {
			zdt_put64(p, w->facts[i].word);
			p += 8;
		}
	}
	for (i = 0; w->options.digest && i < b.count; i++) {
		memcpy(p, w->facts[i].digest, 16);
		p += 16;
	}
	for (k = 0; k < w->nr_lengths; k++) {
		for (i = 0; i < b.count; i++) {
			zdt_put16(p, w->facts[i].lengths[k]);
			p += 2;
		}
	}
	w->nr_facts = 0;
	return write_list(w, &b, p - w->raw - ZDT_BLOCK_SIZE, why);
}

static int write_events(struct trace_writer *w, const struct trace_why *why)
{
	struct zdt_block b = {
		.type = ZDT_EVENTS,
		.first = w->counts.events - w->nr_events,
		.count = w->nr_events,
	};
	uint8_t *p = w->raw + ZDT_BLOCK_SIZE;
	unsigned int i;

	if (!b.count)
		return 0;
	zdt_put64(p, w->first_new);
	p += 8;
	for (i = 0; i < ZDT_NR_STREAMS; i++, p += 4)
		zdt_put32(p, w->streams[i].len);
	memcpy(p, w->control.data, w->control.len);
	p += w->control.len;
	w->control.len = 0;
	for (i = 0; i < ZDT_NR_STREAMS; i++) {
		memcpy(p, w->streams[i].data, w->streams[i].len);
		p += w->streams[i].len;
		w->streams[i].len = 0;
	}
	w->nr_events = 0;
	w->first_new = w->nr_pages;
	w->prev = (struct trace_event) { 0 };
	return write_list(w, &b, p - w->raw - ZDT_BLOCK_SIZE, why);
}

/* Everything so far, in the order that salvage relies on */
static int write_all_blocks(struct trace_writer *w,
			    const struct trace_why *why)
{
	int ret = write_pages(w, why);

	if (!ret)
		ret = write_facts(w, why);
	if (!ret)
		ret = write_events(w, why);
	return ret;
}

/* ---- which pages are the same ---- */

static int grow_table(struct trace_writer *w, const struct trace_why *why)
{
	uint64_t size = w->table ? 2 * (w->mask + 1) : TABLE_MIN, i, k;
	struct known *table = calloc(size, sizeof(*table));

	if (!table)
		return fail(w, -ENOMEM, "cannot grow its table of pages", why);
	for (i = 0; w->table && i <= w->mask; i++) {
		if (!w->table[i].page)
			continue;
		k = w->table[i].digest & (size - 1);
		while (table[k].page)
			k = (k + 1) & (size - 1);
		table[k] = w->table[i];
	}
	free(w->table);
	w->table = table;
	w->mask = size - 1;
	return 0;
}

/* 1: page @page has these bytes; 0: it has others */
static int same_bytes(struct trace_writer *w, uint64_t page, const void *bytes,
		      const struct trace_why *why)
{
	uint64_t pending = w->nr_pages - w->nr_page_buf;
	uint8_t buf[TRACE_PAGE_SIZE];
	ssize_t n;

	if (page >= pending)
		return !memcmp(w->page_buf + (page - pending) * TRACE_PAGE_SIZE,
			       bytes, TRACE_PAGE_SIZE);
	do {
		n = pread(w->scratch, buf, sizeof(buf),
			  page * TRACE_PAGE_SIZE);
	} while (n < 0 && errno == EINTR);
	if (n != sizeof(buf))
		return fail(w, n < 0 ? -errno : -EIO,
			    "cannot read its temporary file", why);
	return !memcmp(buf, bytes, sizeof(buf));
}

/* The number of the page with these bytes, w->nr_pages when it is new */
static int find_page(struct trace_writer *w, const void *bytes,
		     uint64_t *page, const struct trace_why *why)
{
	uint64_t digest = XXH3_64bits_withSeed(bytes, TRACE_PAGE_SIZE,
					       w->seed), i;
	int ret;

	if (!w->table || w->nr_pages >= (w->mask + 1) / 4 * 3) {
		ret = grow_table(w, why);
		if (ret)
			return ret;
	}
	for (i = digest & w->mask; w->table[i].page; i = (i + 1) & w->mask) {
		if (w->table[i].digest != digest)
			continue;
		ret = same_bytes(w, w->table[i].page - 1, bytes, why);
		if (ret < 0)
			return ret;
		if (ret) {
			*page = w->table[i].page - 1;
			return 0;
		}
	}
	*page = w->nr_pages;
	w->table[i] = (struct known) { digest, w->nr_pages + 1 };
	ret = trace_pwrite_all(w->scratch, bytes, TRACE_PAGE_SIZE,
			       w->nr_pages * TRACE_PAGE_SIZE);
	if (ret)
		return fail(w, ret, "cannot write its temporary file", why);
	return 0;
}

/* ---- one event ---- */

static void put_varint(struct stream *s, uint64_t v)
{
	while (v >= 0x80) {
		s->data[s->len++] = v | 0x80;
		v >>= 7;
	}
	s->data[s->len++] = v;
}

static void put_event(struct trace_writer *w, const struct trace_event *ev,
		      uint64_t known)
{
	struct stream *s = w->streams;
	struct trace_event *prev = &w->prev;
	uint8_t control = ev->op;

	if (ev->page != TRACE_NO_PAGE && ev->page >= known) {
		control |= ZDT_EV_PAGE_NEXT;
	} else if (ev->page != TRACE_NO_PAGE) {
		control |= ZDT_EV_PAGE_OLD;
		put_varint(&s[ZDT_PAGE], known - 1 - ev->page);
	}
	put_varint(&s[ZDT_TIME], zdt_zigzag(ev->time_us - prev->time_us));
	put_varint(&s[ZDT_SLOT], zdt_zigzag(ev->slot - prev->slot));
	if (ev->type == prev->type && ev->order == prev->order &&
	    ev->memcg == prev->memcg) {
		control |= ZDT_EV_SAME_PLACE;
	} else {
		put_varint(&s[ZDT_PLACE], ev->type);
		put_varint(&s[ZDT_PLACE], ev->order);
		put_varint(&s[ZDT_PLACE], ev->memcg);
	}
	if (ev->folio == prev->folio)
		control |= ZDT_EV_SAME_FOLIO;
	else
		put_varint(&s[ZDT_FOLIO], zdt_zigzag(ev->folio - prev->folio));
	w->control.data[w->control.len++] = control;
	w->nr_events++;
	*prev = *ev;
}

static int check_event(struct trace_writer *w, const struct trace_event *ev,
		       bool has_page, const struct trace_why *why)
{
	const char *what = NULL;

	if (ev->op > TRACE_INVALIDATE || ev->type >= TRACE_TYPES_MAX ||
	    ev->slot > TRACE_SLOT_MAX || ev->order > 63)
		what = "an event is out of range";
	else if (ev->op == TRACE_STORE && !has_page)
		what = "a store has no page";
	else if (ev->op == TRACE_INVALIDATE && has_page)
		what = "an invalidate has a page";
	else if ((ev->type && !w->options.has_type) ||
		 (ev->memcg && !w->options.has_memcg) ||
		 (ev->folio && !w->options.has_folio) ||
		 (ev->order && !w->options.has_order))
		what = "an event has a column that the file has not";
	return what ? fail(w, -EINVAL, what, why) : 0;
}

static int new_page(struct trace_writer *w, const void *bytes,
		    const struct trace_facts *facts,
		    const struct trace_why *why)
{
	if (w->options.has_facts && !facts)
		return fail(w, -EINVAL, "a new page has no facts", why);
	if (w->options.has_facts)
		w->facts[w->nr_facts++] = *facts;
	if (w->options.has_pages)
		memcpy(w->page_buf + w->nr_page_buf++ * TRACE_PAGE_SIZE, bytes,
		       TRACE_PAGE_SIZE);
	w->nr_pages++;
	return 0;
}

static int write_event(struct trace_writer *w, const struct trace_event *given,
		       const void *bytes, const struct trace_facts *facts,
		       const struct trace_why *why)
{
	struct trace_event ev = *given;
	uint64_t known = w->nr_pages;
	int ret = 0;

	if (!w->options.has_pages)
		bytes = NULL;
	else if (!bytes)
		ev.page = TRACE_NO_PAGE;
	ret = check_event(w, &ev, bytes || ev.page != TRACE_NO_PAGE, why);
	if (!ret && bytes)
		ret = find_page(w, bytes, &ev.page, why);
	if (!ret && ev.page != TRACE_NO_PAGE && ev.page > known)
		ret = fail(w, -EINVAL, "pages are not numbered by first use",
			   why);
	if (!ret && ev.page == known)
		ret = new_page(w, bytes, facts, why);
	if (ret)
		return ret;

	put_event(w, &ev, known);
	trace_count(&w->counts, &ev);
	/* a full list of facts or events goes behind the pages it names */
	if (w->nr_events == BLOCK_EVENTS || w->nr_facts == BLOCK_EVENTS)
		ret = write_all_blocks(w, why);
	else if (w->nr_page_buf == BLOCK_PAGES)
		ret = write_pages(w, why);
	return ret;
}

int trace_write_event(struct trace_writer *w, const struct trace_event *ev,
		      const void *bytes, const struct trace_facts *facts,
		      char *buf, size_t size)
{
	const struct trace_why why = { buf, size };

	if (w->error)
		return fail(w, w->error, "has failed before", &why);
	return write_event(w, ev, bytes, facts, &why);
}

/* ---- beginning and end ---- */

/*
 * A failure is final: a second call may succeed without the pages that the first
 * one lost, since Linux marks them clean. Only EINTR says that nothing was tried.
 */
static int make_durable(int (*sync)(int fd), int fd)
{
	while (sync(fd))
		if (errno != EINTR)
			return -errno;
	return 0;
}

/* So that the new name, too, is there after a power cut */
static int sync_directory(const char *target)
{
	const char *slash = strrchr(target, '/');
	char *dir = slash ? strndup(target, slash - target + 1) : strdup(".");
	int fd, ret;

	if (!dir)
		return -ENOMEM;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	if (fd < 0)
		return 0;	/* a directory that may be written but not read */
	ret = make_durable(fsync, fd);
	close(fd);
	return ret == -EINVAL ? 0 : ret;
}

static int write_header(struct trace_writer *w, const struct trace_why *why)
{
	const struct trace_writer_options *o = &w->options;
	uint8_t h[ZDT_HEADER_SIZE] = ZDT_MAGIC;

	zdt_put16(h + 8, ZDT_MAJOR);
	zdt_put16(h + 10, ZDT_MINOR);
	zdt_put32(h + 12, ZDT_HEADER_SIZE);
	zdt_put32(h + 16, (o->has_type ? ZDT_COLUMN_TYPE : 0) |
			  (o->has_memcg ? ZDT_COLUMN_MEMCG : 0) |
			  (o->has_folio ? ZDT_COLUMN_FOLIO : 0) |
			  (o->has_order ? ZDT_COLUMN_ORDER : 0));
	zdt_put32(h + 20, (o->has_pages ? ZDT_HAS_PAGES : 0) |
			  (o->has_facts ? ZDT_HAS_FACTS : 0));
	zdt_put32(h + 24, TRACE_PAGE_SIZE);
	zdt_put64(h + 56, XXH3_64bits(h, 56));
	return append(w, h, sizeof(h), why);
}

static int write_info(struct trace_writer *w, const struct trace_why *why)
{
	const struct trace_writer_options *o = &w->options;
	struct zdt_block b = { .type = ZDT_INFO, .flags = ZDT_REQUIRED };
	char *text = (char *)w->raw + ZDT_BLOCK_SIZE;
	size_t room = ZDT_INFO_MAX, len = 0;
	unsigned int i;

	if (o->digest)
		len = snprintf(text, room, "digest=%s\n", o->digest);
	for (i = 0; i < o->nr_lengths && len < room; i++)
		len += snprintf(text + len, room - len, "length=%s\n",
				o->lengths[i]);
	if (o->info && len < room)
		len += snprintf(text + len, room - len, "%s", o->info);
	if (len >= room)
		return fail(w, -EINVAL, "more than 64 KiB of names and info",
			    why);
	b.stored = len;
	b.unpacked = len;
	return len ? write_block(w, &b, w->raw + ZDT_BLOCK_SIZE, why) : 0;
}

/* What a reader wants to know before it has read the events */
static int write_summary(struct trace_writer *w, const struct trace_why *why)
{
	struct zdt_block b = { .type = ZDT_SUMMARY };
	uint8_t *p = w->raw + ZDT_BLOCK_SIZE;
	unsigned int i;

	for (i = 0; i < TRACE_TYPES_MAX; i++) {
		zdt_put64(p + 8 * i, w->counts.slots[i]);
		if (w->counts.slots[i])
			b.count = i + 1;
	}
	b.stored = 8 * b.count;
	b.unpacked = b.stored;
	return write_block(w, &b, p, why);
}

static int write_index(struct trace_writer *w, const struct trace_why *why)
{
	const struct trace_summary *n = &w->counts;
	uint64_t len = w->nr_blocks * ZDT_ENTRY_SIZE, start = w->offset;
	struct zdt_block b = { .type = ZDT_INDEX, .flags = ZDT_REQUIRED };
	uint8_t t[ZDT_TRAILER_SIZE] = { 0 }, *payload;
	int ret;

	if (len > UINT32_MAX)
		return fail(w, -EFBIG, "has too many blocks", why);
	payload = malloc(ZDT_BLOCK_SIZE + len);
	if (!payload)
		return fail(w, -ENOMEM, "cannot write its index", why);
	if (len)
		memcpy(payload + ZDT_BLOCK_SIZE, w->index, len);
	b.stored = len;
	b.unpacked = len;
	b.count = w->nr_blocks;
	ret = write_block(w, &b, payload + ZDT_BLOCK_SIZE, why);
	free(payload);
	if (ret)
		return ret;

	memcpy(t, ZDT_END_MAGIC, ZDT_MAGIC_SIZE);
	zdt_put64(t + 8, start);
	zdt_put64(t + 16, n->events);
	zdt_put64(t + 24, n->stores);
	zdt_put64(t + 32, n->loads);
	zdt_put64(t + 40, n->invalidates);
	zdt_put64(t + 48, w->nr_pages);
	zdt_put64(t + 56, w->offset + sizeof(t));
	zdt_put64(t + 64, w->nr_blocks);
	zdt_put64(t + 72, XXH3_64bits(t, 72));
	return append(w, t, sizeof(t), why);
}

static void free_writer(struct trace_writer *w)
{
	unsigned int i;

	if (w->fd >= 0)
		close(w->fd);
	if (w->scratch >= 0)
		close(w->scratch);
	ZSTD_freeCCtx(w->pages_ctx);
	ZSTD_freeCCtx(w->list_ctx);
	for (i = 0; i < ZDT_NR_STREAMS; i++)
		free(w->streams[i].data);
	free(w->control.data);
	free(w->facts);
	free(w->page_buf);
	free(w->table);
	free(w->raw);
	free(w->out);
	free(w->index);
	free(w->temporary);
	free(w->target);
	free(w->path);
	free(w);
}

static bool allocate(struct trace_writer *w)
{
	size_t pages = BLOCK_PAGES * TRACE_PAGE_SIZE;
	size_t events = ZDT_EVENTS_FIXED + BLOCK_EVENTS * ZDT_EVENT_BYTES_MAX;
	size_t facts = BLOCK_EVENTS * (1 + 8 + 16 + 2 * w->nr_lengths);
	size_t list = events > facts ? events : facts;
	bool ok = true;
	unsigned int i;

	if (list < ZDT_INFO_MAX)
		list = ZDT_INFO_MAX;
	w->raw_size = ZDT_BLOCK_SIZE + list;
	w->out_size = ZDT_BLOCK_SIZE +
		      ZSTD_compressBound(list > pages ? list : pages) +
		      ZSTD_CStreamOutSize();
	w->raw = malloc(w->raw_size);
	w->out = malloc(w->out_size);
	w->control.data = malloc(BLOCK_EVENTS);
	for (i = 0; i < ZDT_NR_STREAMS; i++) {
		w->streams[i].data = malloc(BLOCK_EVENTS * 10);
		ok &= w->streams[i].data != NULL;
	}
	w->list_ctx = ZSTD_createCCtx();
	ok &= w->raw && w->out && w->control.data && w->list_ctx;
	if (w->options.has_pages) {
		w->page_buf = malloc(pages);
		w->pages_ctx = ZSTD_createCCtx();
		ok &= w->page_buf && w->pages_ctx;
	}
	if (w->options.has_facts) {
		w->facts = malloc(BLOCK_EVENTS * sizeof(*w->facts));
		ok &= w->facts != NULL;
	}
	return ok;
}

static int set_up_pages(struct trace_writer *w, const struct trace_why *why)
{
	unsigned int log = w->options.window_log;

	if (!w->options.has_pages)
		return 0;
	if (ZSTD_isError(ZSTD_CCtx_setParameter(w->pages_ctx,
						ZSTD_c_compressionLevel,
						PAGES_LEVEL)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(w->pages_ctx,
						ZSTD_c_windowLog,
						log ? log : ZDT_WINDOW_LOG)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(w->pages_ctx,
				ZSTD_c_enableLongDistanceMatching, 1)))
		return fail(w, -EINVAL, "zstd does not take the window", why);
	/* who writes the pages must not know which of them collide */
	if (getrandom(&w->seed, sizeof(w->seed), 0) != sizeof(w->seed))
		return fail(w, -errno, "cannot get a seed", why);
	w->scratch = trace_temp_file(UINT64_MAX, w->path, why);
	if (w->scratch < 0)
		return w->error = w->scratch;
	return 0;
}

static int open_file(struct trace_writer *w, const struct trace_why *why)
{
	char real[PATH_MAX];
	struct stat st;
	mode_t mask;
	int ret;

	if (w->options.in_place) {
		w->fd = open(w->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
			     0666);
		if (w->fd < 0)
			return fail(w, -errno, "cannot create", why);
		ret = sync_directory(w->path);
		return ret ? fail(w, ret, "cannot make its name durable",
				  why) : 0;
	}
	/* through a symbolic link, so that the rename does not replace the link */
	w->target = strdup(realpath(w->path, real) ? real : w->path);
	if (w->target && !stat(w->target, &st) && !S_ISREG(st.st_mode))
		return fail(w, S_ISDIR(st.st_mode) ? -EISDIR : -EEXIST,
			    "is no regular file", why);
	if (!w->target ||
	    asprintf(&w->temporary, "%s.XXXXXX", w->target) < 0) {
		w->temporary = NULL;
		return fail(w, -ENOMEM, "cannot create", why);
	}
	w->fd = mkostemp(w->temporary, O_CLOEXEC);
	if (w->fd < 0) {
		int error = -errno;

		free(w->temporary);
		w->temporary = NULL;
		return fail(w, error, "cannot create", why);
	}
	/* mkostemp makes 0600; the trace is to have what open would give */
	mask = umask(0);
	umask(mask);
	if (fchmod(w->fd, 0666 & ~mask))
		return fail(w, -errno, "cannot create", why);
	return 0;
}

int trace_writer_open(const char *path,
		      const struct trace_writer_options *options,
		      struct trace_writer **out, char *buf, size_t size)
{
	const struct trace_why why = { buf, size };
	struct trace_writer *w = calloc(1, sizeof(*w));
	int ret;

	if (w) {
		w->fd = -1;
		w->scratch = -1;
		w->options = *options;
		w->nr_lengths = options->nr_lengths;
		w->path = strdup(path);
	}
	if (!w || !w->path) {
		if (w)
			free_writer(w);
		return trace_fail(&why, -ENOMEM, "%s: %m", path);
	}
	if ((!options->has_pages && !options->has_facts) ||
	    options->nr_lengths > TRACE_LENGTHS_MAX ||
	    (!options->has_facts && (options->digest || options->nr_lengths)))
		ret = fail(w, -EINVAL, "neither pages nor facts, or too many of these", &why);
	else
		ret = allocate(w) ? 0 : fail(w, -ENOMEM, "cannot begin", &why);
	if (!ret)
		ret = set_up_pages(w, &why);
	if (!ret)
		ret = open_file(w, &why);
	if (!ret)
		ret = write_header(w, &why);
	if (!ret)
		ret = write_info(w, &why);
	if (!ret) {
		*out = w;
		return 0;
	}
	/* nothing is in it yet, and it would be in the way of a second try */
	if (w->options.in_place && w->fd >= 0)
		unlink(w->path);
	trace_writer_abandon(w);
	return ret;
}

int trace_writer_flush(struct trace_writer *w, bool sync, char *buf,
		       size_t size)
{
	const struct trace_why why = { buf, size };
	int ret;

	if (w->error)
		return fail(w, w->error, "has failed before", &why);
	ret = write_all_blocks(w, &why);
	if (ret || !sync)
		return ret;
	ret = make_durable(fdatasync, w->fd);
	return ret ? fail(w, ret, "cannot make it durable", &why) : 0;
}

uint64_t trace_writer_pages(const struct trace_writer *w)
{
	return w->nr_pages;
}

const char *trace_writer_temporary(const struct trace_writer *w)
{
	return w->temporary;
}

/* All that belongs into the file, durable; or a file without an end. */
static int end_file(struct trace_writer *w, const struct trace_why *why)
{
	int ret = write_all_blocks(w, why);

	if (!ret)
		ret = write_summary(w, why);
	if (!ret)
		ret = write_index(w, why);
	if (ret)
		return ret;
	ret = make_durable(fsync, w->fd);
	if (!ret)
		return 0;
	fail(w, ret, "cannot make it durable", why);
	/* it must not look whole: what the kernel still has, the disk may not */
	if (ftruncate(w->fd, (off_t)(w->offset - ZDT_TRAILER_SIZE)))
		return ret;	/* nothing is left to be tried */
	return ret;
}

int trace_writer_close(struct trace_writer *w, char *buf, size_t size)
{
	const struct trace_why why = { buf, size };
	int ret;

	ret = w->error ? fail(w, w->error, "has failed before", &why) :
	      end_file(w, &why);
	if (!ret && w->temporary) {
		if (rename(w->temporary, w->target)) {
			ret = fail(w, -errno, "cannot give it its name", &why);
		} else {
			free(w->temporary);
			w->temporary = NULL;
			ret = sync_directory(w->target);
			if (ret)
				fail(w, ret, "cannot make its name durable",
				     &why);
		}
	}
	trace_writer_abandon(w);
	return ret;
}

void trace_writer_abandon(struct trace_writer *w)
{
	if (!w)
		return;
	if (w->temporary)
		unlink(w->temporary);
	free_writer(w);
}
