/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log-writes.c - what was written to a swap disk: dm-log-writes and QEMU's
 * blklogwrites
 *
 * All little-endian, in sectors of the size that the super block (sector 0) names:
 * u64 magic, u64 version 1, u64 number of entries, u32 sector size. From sector 1,
 * for each entry, one sector with u64 sector, u64 number of sectors, u64 flags,
 * u64 length of a mark's text, which follows in that sector; then the sectors
 * written, none for a discard. What lies behind the last entry was not flushed.
 *
 * A page written is a store to slot byte / 4096, a discard invalidates the pages
 * that lie in it whole and hold something. Page 0 is the swap header, no slot.
 * Sectors of a page that are written alone are merged with what the page held,
 * zero before the first write; parts that follow each other at once are one
 * store. Whatever the log says of a size is checked against the file.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "trace-internal.h"

#define MAGIC 0x6a736677736872ull
#define SUPER 28
#define HEAD 32
#define SECTOR_MIN 512
#define SECTOR_MAX (1u << 24)

#define FLAG_DISCARD 4u
#define FLAGS_KNOWN 31u		/* flush, FUA, discard, mark, metadata */

#define BITS 64
#define LEVELS 7		/* 64^7 slots are more than there can be */

/**
 * struct log - one pass over the log, and what the disk holds after it
 * @slots:   all slots written, ascending; the other arrays go by place in it
 * @now:     the page that each holds, NULL: none or discarded
 * @level:   @level[0] has a bit for each that holds something, @level[n + 1] one
 *           for each word of @level[n] that is not zero
 * @pending: a page written in part whose store waits for the rest, @place its
 *           place, @end the byte of the disk where the rest would begin
 */
struct log {
	struct trace *trace;
	const struct trace_why *why;
	uint64_t entries, sectorsize;
	uint64_t *slots, nr_slots;
	size_t slots_room;
	const uint8_t **now;
	uint64_t *level[LEVELS];
	uint8_t *pending;
	uint64_t place, end;
};

/**
 * struct entry - one entry of the log
 * @nr:   counts from 0
 * @byte: of the disk, the first; @len: how many
 * @data: @len bytes, NULL for a discard
 */
struct entry {
	uint64_t nr, byte, len;
	const uint8_t *data;
};

typedef int visit_fn(struct log *log, const struct entry *e);

static bool log_probe(int fd, const struct trace_map *map)
{
	(void)fd;
	return map->size >= 8 && trace_le64(map->data) == MAGIC;
}

/* ---- reading ---- */

static int read_super(struct log *log)
{
	const struct trace *trace = log->trace;
	const uint8_t *p = trace->pages.data;

	if (!log_probe(-1, &trace->pages))
		return trace_fail(log->why, -EINVAL,
				  "%s: is no log of writes (at byte 0)",
				  trace->path);
	if (trace->pages.size < SUPER)
		return trace_fail(log->why, -EINVAL,
				  "%s: truncated: ends within the super block (at byte %" PRIu64 ")",
				  trace->path, trace->pages.size);
	if (trace_le64(p + 8) != 1)
		return trace_fail(log->why, -EINVAL,
				  "%s: log version %" PRIu64 ", must be 1 (at byte 8)",
				  trace->path, trace_le64(p + 8));
	log->entries = trace_le64(p + 16);
	log->sectorsize = trace_le32(p + 24);
	if (log->sectorsize < SECTOR_MIN || log->sectorsize > SECTOR_MAX ||
	    log->sectorsize & (log->sectorsize - 1))
		return trace_fail(log->why, -EINVAL,
				  "%s: sectors of %" PRIu64 " bytes (at byte 24)",
				  trace->path, log->sectorsize);
	if (!log->entries)
		return trace_fail(log->why, -EINVAL,
				  "%s: a log without entries: they count once the disk was flushed (at byte 16)",
				  trace->path);
	return 0;
}

/* The entry at byte *@at of the file, which moves behind it */
static int read_entry(struct log *log, uint64_t *at, struct entry *e)
{
	const struct trace_map *map = &log->trace->pages;
	const char *path = log->trace->path;
	uint64_t disk_end = TRACE_SLOT_MAX * TRACE_PAGE_SIZE;
	uint64_t sector, nr, flags, left;
	const uint8_t *p;

	if (*at > map->size || map->size - *at < log->sectorsize)
		return trace_fail(log->why, -EINVAL,
				  "%s: truncated: entry %" PRIu64 " of %" PRIu64 " is cut off (at byte %" PRIu64 ")",
				  path, e->nr, log->entries, map->size);
	p = map->data + *at;
	sector = trace_le64(p);
	nr = trace_le64(p + 8);
	flags = trace_le64(p + 16);
	if (flags & ~(uint64_t)FLAGS_KNOWN)
		return trace_fail(log->why, -EINVAL,
				  "%s: flags 0x%" PRIx64 " (entry %" PRIu64 " at byte %" PRIu64 ")",
				  path, flags, e->nr, *at);
	if (sector > disk_end / log->sectorsize ||
	    nr > disk_end / log->sectorsize - sector)
		return trace_fail(log->why, -EINVAL,
				  "%s: %" PRIu64 " sectors from sector %" PRIu64 ": no disk is so large (entry %" PRIu64 " at byte %" PRIu64 ")",
				  path, nr, sector, e->nr, *at);
	e->byte = sector * log->sectorsize;
	e->len = nr * log->sectorsize;
	*at += log->sectorsize;
	left = map->size - *at;
	e->data = flags & FLAG_DISCARD ? NULL : map->data + *at;
	if (!e->data)
		return 0;
	if (e->len > left)
		return trace_fail(log->why, -EINVAL,
				  "%s: truncated: %" PRIu64 " bytes of %" PRIu64 " written are here (entry %" PRIu64 " at byte %" PRIu64 ")",
				  path, left, e->len, e->nr,
				  *at - log->sectorsize);
	*at += e->len;
	return 0;
}

static int walk(struct log *log, visit_fn *visit)
{
	uint64_t at = log->sectorsize;
	struct entry e;
	int ret = 0;

	for (e.nr = 0; e.nr < log->entries && !ret; e.nr++) {
		ret = read_entry(log, &at, &e);
		if (!ret && e.len)
			ret = visit(log, &e);
	}
	return ret;
}

/* ---- first pass: the slots ---- */

static int collect(struct log *log, const struct entry *e)
{
	uint64_t slot = e->byte / TRACE_PAGE_SIZE;
	uint64_t last = (e->byte + e->len - 1) / TRACE_PAGE_SIZE;
	int ret;

	if (!e->data)
		return 0;
	for (; slot <= last; slot++) {
		if (log->nr_slots && log->slots[log->nr_slots - 1] == slot)
			continue;
		if (log->nr_slots == log->slots_room) {
			ret = trace_grow(log->trace, &log->slots,
					 &log->slots_room,
					 sizeof(*log->slots), log->why);
			if (ret)
				return ret;
		}
		log->slots[log->nr_slots++] = slot;
	}
	return 0;
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int sort_slots(struct log *log)
{
	uint64_t words = log->nr_slots, i, nr = 0;
	unsigned int l;

	if (log->nr_slots)
		qsort(log->slots, log->nr_slots, sizeof(*log->slots), by_value);
	for (i = 0; i < log->nr_slots; i++)
		if (!nr || log->slots[nr - 1] != log->slots[i])
			log->slots[nr++] = log->slots[i];
	log->nr_slots = nr;

	log->now = calloc(nr + 1, sizeof(*log->now));
	for (l = 0; l < LEVELS; l++) {
		words = words / BITS + 1;
		log->level[l] = calloc(words, sizeof(*log->level[l]));
		if (!log->level[l])
			break;
	}
	if (!log->now || l < LEVELS)
		return trace_fail(log->why, -ENOMEM, "%s: %m",
				  log->trace->path);
	return 0;
}

/* The place of @slot, or of the first one after it */
static uint64_t place_of(const struct log *log, uint64_t slot)
{
	uint64_t low = 0, high = log->nr_slots, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (log->slots[mid] < slot)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* ---- what the disk holds ---- */

static void hold(struct log *log, uint64_t place, const uint8_t *page)
{
	unsigned int l;

	log->now[place] = page;
	for (l = 0; l < LEVELS; l++, place /= BITS)
		log->level[l][place / BITS] |= 1ull << place % BITS;
}

static void forget(struct log *log, uint64_t place)
{
	unsigned int l;

	log->now[place] = NULL;
	for (l = 0; l < LEVELS; l++, place /= BITS) {
		log->level[l][place / BITS] &= ~(1ull << place % BITS);
		if (log->level[l][place / BITS])
			break;
	}
}

/* The first place from @place on that holds something, or UINT64_MAX */
static uint64_t next_held(const struct log *log, uint64_t place)
{
	unsigned int l = 0;
	uint64_t word;

	/* up, until a word has a bit from here on; each level has one word more
	 * than there are places, and no bit of those is ever set */
	for (;;) {
		word = log->level[l][place / BITS] >> place % BITS;
		if (word)
			break;
		if (++l == LEVELS)
			return UINT64_MAX;
		place = place / BITS + 1;
	}
	place += __builtin_ctzll(word);
	while (l--)
		place = place * BITS + __builtin_ctzll(log->level[l][place]);
	return place;
}

/* ---- second pass: the events ---- */

static int store(struct log *log, uint64_t place, const uint8_t *page)
{
	int ret = trace_add_page(log->trace, page, log->why);

	if (ret)
		return ret;
	hold(log, place, page);
	return trace_add_event(log->trace, TRACE_STORE, log->slots[place],
			       log->why);
}

static int store_pending(struct log *log)
{
	const uint8_t *page = log->pending;

	log->pending = NULL;
	return page ? store(log, log->place, page) : 0;
}

/* @len bytes of one page, from byte @byte of the disk on, but not all of it */
static int write_part(struct log *log, uint64_t place, uint64_t byte,
		      const uint8_t *data, uint64_t len)
{
	int ret;

	if (!log->pending || log->end != byte) {
		ret = store_pending(log);
		if (ret)
			return ret;
		ret = trace_scratch_page(log->trace, &log->pending, log->why);
		if (ret)
			return ret;
		log->place = place;
		if (log->now[place])
			memcpy(log->pending, log->now[place], TRACE_PAGE_SIZE);
	}
	memcpy(log->pending + byte % TRACE_PAGE_SIZE, data, len);
	log->end = byte + len;
	return log->end % TRACE_PAGE_SIZE ? 0 : store_pending(log);
}

static int visit_write(struct log *log, const struct entry *e)
{
	uint64_t byte = e->byte, end = byte + e->len, slot, place, len;
	const uint8_t *data;
	int ret = 0;

	for (; byte < end && !ret; byte += len) {
		slot = byte / TRACE_PAGE_SIZE;
		len = TRACE_PAGE_SIZE - byte % TRACE_PAGE_SIZE;
		if (len > end - byte)
			len = end - byte;
		if (!slot)
			continue;
		place = place_of(log, slot);
		if (place == log->nr_slots || log->slots[place] != slot)
			return trace_fail(log->why, -EINVAL,
					  "%s: has changed since it was opened (entry %" PRIu64 ")",
					  log->trace->path, e->nr);
		data = e->data + (byte - e->byte);
		if (len < TRACE_PAGE_SIZE) {
			ret = write_part(log, place, byte, data, len);
			continue;
		}
		ret = store_pending(log);
		if (!ret)
			ret = store(log, place, data);
	}
	return ret;
}

static int visit_discard(struct log *log, const struct entry *e)
{
	uint64_t slot = (e->byte + TRACE_PAGE_SIZE - 1) / TRACE_PAGE_SIZE;
	uint64_t end = (e->byte + e->len) / TRACE_PAGE_SIZE, place;
	int ret = store_pending(log);

	place = place_of(log, slot);
	while (!ret && place < log->nr_slots) {
		place = next_held(log, place);
		if (place >= log->nr_slots || log->slots[place] >= end)
			break;
		forget(log, place);
		ret = trace_add_event(log->trace, TRACE_INVALIDATE,
				      log->slots[place], log->why);
	}
	return ret;
}

static int visit_entry(struct log *log, const struct entry *e)
{
	return e->data ? visit_write(log, e) : visit_discard(log, e);
}

static int log_open(struct trace *trace, int fd, const struct trace_why *why)
{
	struct log log = { .trace = trace, .why = why };
	unsigned int l;
	int ret;

	(void)fd;
	ret = read_super(&log);
	if (!ret)
		ret = walk(&log, collect);
	if (!ret)
		ret = sort_slots(&log);
	if (!ret)
		ret = walk(&log, visit_entry);
	if (!ret)
		ret = store_pending(&log);
	for (l = 0; l < LEVELS; l++)
		free(log.level[l]);
	free(log.now);
	free(log.slots);
	return ret;
}

const struct trace_reader trace_log_writes = {
	.name = "log-writes",
	.vantage = "device",
	.probe = log_probe,
	.open = log_open,
	.next = trace_index_next,
};
