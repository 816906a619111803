/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace.h - recorded swap traffic as a stream of events over pages
 *
 * A trace is a list of events and a set of 4096-byte pages that stores (and
 * checked loads) name by number. This library knows pages and slots, nothing of
 * zswap. One trace is used by one thread at a time.
 */
#ifndef ZDEDUP_TRACE_H
#define ZDEDUP_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRACE_PAGE_SIZE 4096
#define TRACE_NO_PAGE UINT64_MAX
#define TRACE_TYPES_MAX 32	/* swap devices; the kernel's MAX_SWAPFILES is below that */
#define TRACE_SLOT_MAX ((1ull << 40) - 1)
#define TRACE_LENGTHS_MAX 48	/* compressed lengths that facts may carry */
/* The name of lengths that a compressor made which nobody knows any more */
#define TRACE_LENGTHS_UNNAMED "clen"

enum trace_op { TRACE_STORE, TRACE_LOAD, TRACE_INVALIDATE };

/**
 * struct trace_event - one thing that happened to one swap slot
 * @seq:   counts from 0
 * @time_us: as recorded. Traces of several CPUs go back by some ms here and there
 *         (12 lines of the 238,629 and 100,000 of two that we have); the order is
 *         that of the events, and nothing depends on the time
 * @folio: equal numbers on consecutive stores: one large folio; 0 when unknown
 * @page:  number of a page of this trace, or TRACE_NO_PAGE (invalidate; unchecked load)
 * @order: the page belongs to a folio of 2^order pages; 0 when unknown, too
 */
struct trace_event {
	uint64_t seq;
	uint64_t time_us;
	uint64_t slot;
	uint64_t page;
	uint64_t folio;
	uint32_t memcg;
	uint8_t type;
	uint8_t op;
	uint8_t order;
};

enum trace_class {
	TRACE_CLASS_UNKNOWN, TRACE_CLASS_ZERO, TRACE_CLASS_SAME_FILLED,
	TRACE_CLASS_DATA
};

/**
 * struct trace_facts - what is known of one page, beside or instead of its bytes
 * @word:    the repeated word of a same-filled page, else 0
 * @digest:  of the page's bytes, all zero where summary.digest is NULL
 * @class:   an enum trace_class
 * @lengths: compressed lengths in the order of summary.lengths; 0: not known
 */
struct trace_facts {
	uint64_t word;
	uint8_t digest[16];
	uint8_t class;
	uint16_t lengths[TRACE_LENGTHS_MAX];
};

/**
 * struct trace_columns - the same of all pages, field by field, by the page's number
 * @nr:      pages
 * @lengths: of the first summary.nr_lengths
 * @digest:  16-aligned; NULL where summary.digest is
 * @word:    NULL: 0 of all pages
 */
struct trace_columns {
	uint64_t nr;
	uint8_t *class;
	uint16_t *lengths[TRACE_LENGTHS_MAX];
	uint8_t (*digest)[16];
	uint64_t *word;
};

/**
 * struct trace_summary - what one pass over the events finds before any is replayed
 * Invariants: events == stores + loads + invalidates; every page number in the
 * trace is below nr_pages; slots[t] > 0 exactly when type t occurs; has_pages or
 * has_facts (or both).
 *
 * @digest:  how struct trace_facts.digest was made, as "md5" or
 *           "siphash-2-4-128:keyed"; NULL when there are no digests
 * @lengths: what struct trace_facts.lengths are of, as "lz4@7.2"
 * @info:    "key=value" lines about the recording, never NULL
 * The strings live as long as the trace.
 */
struct trace_summary {
	uint64_t events, stores, loads, invalidates;
	uint64_t nr_pages;			/* pages in the trace's store of pages */
	uint64_t slots[TRACE_TYPES_MAX];	/* highest slot of each type + 1 */
	bool has_type, has_memcg, has_folio;	/* columns beyond the five */
	/*
	 * What the recorder could see. "slots": stores, loads and frees of the swap
	 * slots. "device": writes, discards and (where it is a disk of ours, not a log
	 * of writes) reads of a swap disk: a read leaves the page there, and a freed
	 * slot shows only once it is overwritten or discarded. "process": the memory of
	 * programs, at moments. "image": one moment; neither loads, frees nor an order,
	 * and which pages were in use is unknown.
	 */
	const char *vantage;
	bool has_order;
	bool has_pages;				/* trace_page() may be called */
	bool has_facts;				/* trace_facts() may be called */
	unsigned int nr_lengths;
	const char *digest;
	const char *lengths[TRACE_LENGTHS_MAX];
	const char *info;
};

struct trace;

/*
 * Opens the trace at @path, a file or a directory, recognised by content; or as
 * @format (trace_format_name) when that is not NULL. The whole list of events is read
 * once and checked; that of a .zdt which tells its summary is checked against it as
 * trace_next goes. Compressed inputs are unpacked to an unlinked temporary file
 * in $TMPDIR (/tmp), so memory stays bounded.
 *
 * 0: *out is the trace, to be closed by trace_close. Else a negative errno
 * (-EINVAL: not a trace or a bad one; -ENOENT, -EIO, -ENOSPC ...: the system's)
 * and @why (@size bytes) holds one line without newline: "FILE: what is wrong
 * (where)".
 */
int trace_open(const char *path, const char *format, struct trace **out,
	       char *why, size_t size);

/*
 * As trace_open, for a .zdt that was cut short or damaged: the trace is all that
 * comes before the first block that is not whole. *lost is the number of bytes
 * from there on, 0 when nothing is missing.
 */
int trace_open_salvage(const char *path, struct trace **out, uint64_t *lost,
		       char *why, size_t size);
void trace_close(struct trace *trace);

const char *trace_path(const struct trace *trace);
const char *trace_format(const struct trace *trace);	/* trace_format_name */
const struct trace_summary *trace_summary(const struct trace *trace);

/*
 * 1: *ev is the next event; 0: the end; negative errno and @why as above. A .zdt
 * is unpacked by a thread of its own, ahead of the reader: this call waits until
 * the bytes of ev->page are there, and fails if they cannot be had.
 */
int trace_next(struct trace *trace, struct trace_event *ev, char *why,
	       size_t size);
/*
 * As trace_next, for up to @nr (1 or more) events at once: how many there are now in
 * @events, fewer when it would take time to have more. What trace_next says behind them
 * is said by the next call.
 */
int trace_read(struct trace *trace, struct trace_event *events,
	       unsigned int nr, char *why, size_t size);
/* Back to the first event. 0 or a negative errno. */
int trace_rewind(struct trace *trace);

/*
 * The 4096 bytes of page @page (below nr_pages), at any alignment, valid until
 * trace_close. They are mapped from the file: no memory of one's own. A file that
 * is truncated meanwhile gives SIGBUS, as with any mapping. Never NULL for a page
 * that an event has named; NULL when another page of a .zdt cannot be had
 * (trace_next says why). Not to be called unless summary.has_pages.
 */
const void *trace_page(const struct trace *trace, uint64_t page);

/* The facts of page @page (below nr_pages). Not to be called unless summary.has_facts. */
struct trace_facts trace_facts(const struct trace *trace, uint64_t page);
/* Those of all pages, valid until trace_close. */
const struct trace_columns *trace_columns(const struct trace *trace);

/* The formats that trace_open knows, NULL past the end. */
const char *trace_format_name(unsigned int i);

#endif /* ZDEDUP_TRACE_H */
