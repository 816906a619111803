/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * zdt.h - the layout of a .zdt file, for its reader and its writer; FORMAT.md
 * describes it. Everything is little-endian and read byte by byte, so that it is
 * the same on every machine.
 */
#ifndef ZDEDUP_ZDT_H
#define ZDEDUP_ZDT_H

#include <stdint.h>
#include <string.h>

#define XXH_INLINE_ALL	/* the shared library's entry is half as fast */
#include <xxhash.h>

#define ZDT_MAGIC "\x89ZDT\r\n\x1a\n"
#define ZDT_END_MAGIC "ZDTEND\r\n"
#define ZDT_MAGIC_SIZE 8
#define ZDT_MAJOR 1
#define ZDT_MINOR 1

#define ZDT_HEADER_SIZE 64
#define ZDT_BLOCK_SIZE 48	/* a block's own header */
#define ZDT_TRAILER_SIZE 80
#define ZDT_ENTRY_SIZE 32	/* of the index */
#define ZDT_BLOCK_MAGIC 0x4b4c425au	/* "ZBLK" */

enum {
	ZDT_COLUMN_TYPE = 1 << 0,
	ZDT_COLUMN_MEMCG = 1 << 1,
	ZDT_COLUMN_FOLIO = 1 << 2,
	ZDT_COLUMN_ORDER = 1 << 3,
	ZDT_COLUMNS = (1 << 4) - 1,
};

enum {
	ZDT_HAS_PAGES = 1 << 0,
	ZDT_HAS_FACTS = 1 << 1,
	ZDT_CONTENTS = (1 << 2) - 1,
};

enum zdt_type {
	ZDT_INFO = 1,
	ZDT_PAGES = 2,
	ZDT_FACTS = 3,
	ZDT_EVENTS = 4,
	ZDT_INDEX = 5,
	ZDT_SUMMARY = 6,		/* since 1.1 */
};

enum {
	ZDT_REQUIRED = 1 << 0,		/* who does not know the type stops */
	ZDT_PACKED = 1 << 1,		/* the payload is zstd data */
	ZDT_FRAME_START = 1 << 2,	/* pages: a zstd frame begins here */
};

/* No block may hold more; a reader's memory is bounded by it. */
#define ZDT_PAGES_MAX 4096u
#define ZDT_EVENTS_MAX 65536u
#define ZDT_FACTS_MAX 65536u
#define ZDT_INFO_MAX 65536u
#define ZDT_WINDOW_LOG 27

/* The first byte of an event. */
enum {
	ZDT_EV_OP = 3,
	ZDT_EV_PAGE_NONE = 0 << 2,
	ZDT_EV_PAGE_NEXT = 1 << 2,	/* the first event with this page */
	ZDT_EV_PAGE_OLD = 2 << 2,
	ZDT_EV_PAGE = 3 << 2,
	ZDT_EV_SAME_PLACE = 1 << 4,	/* type, order, memcg as before */
	ZDT_EV_SAME_FOLIO = 1 << 5,
	ZDT_EV_KNOWN = (1 << 6) - 1,
};

/* The columns behind the first bytes, and where they begin. */
enum { ZDT_TIME, ZDT_SLOT, ZDT_PAGE, ZDT_PLACE, ZDT_FOLIO, ZDT_NR_STREAMS };

#define ZDT_EVENTS_FIXED (8 + 4 * ZDT_NR_STREAMS)
#define ZDT_EVENT_BYTES_MAX 48	/* 1 + 10 + 6 + 10 + (1 + 1 + 5) + 10, rounded up */

/* A block's header, and its place in the file. */
struct zdt_block {
	uint64_t offset, first, checksum;
	uint32_t stored, unpacked, count;
	uint16_t type, flags;
};

static inline uint16_t zdt_get16(const uint8_t *p)
{
	return p[0] | p[1] << 8;
}

static inline uint32_t zdt_get32(const uint8_t *p)
{
	return zdt_get16(p) | (uint32_t)zdt_get16(p + 2) << 16;
}

static inline uint64_t zdt_get64(const uint8_t *p)
{
	return zdt_get32(p) | (uint64_t)zdt_get32(p + 4) << 32;
}

static inline void zdt_put16(uint8_t *p, uint16_t v)
{
	p[0] = v;
	p[1] = v >> 8;
}

static inline void zdt_put32(uint8_t *p, uint32_t v)
{
	zdt_put16(p, v);
	zdt_put16(p + 2, v >> 16);
}

static inline void zdt_put64(uint8_t *p, uint64_t v)
{
	zdt_put32(p, v);
	zdt_put32(p + 4, v >> 32);
}

static inline uint64_t zdt_zigzag(uint64_t delta)
{
	return delta << 1 ^ (uint64_t)-(delta >> 63);
}

static inline uint64_t zdt_unzigzag(uint64_t v)
{
	return v >> 1 ^ (uint64_t)-(v & 1);
}

/* Of the header's first 40 bytes and the payload, in one number. */
static inline uint64_t zdt_checksum(const uint8_t *header, const void *payload,
				    size_t len)
{
	return XXH3_64bits_withSeed(payload, len,
				    XXH3_64bits(header, ZDT_BLOCK_SIZE - 8));
}

#endif /* ZDEDUP_ZDT_H */
