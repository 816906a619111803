/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace-internal.h - what the readers of one format share with trace.c
 */
#ifndef ZDEDUP_TRACE_INTERNAL_H
#define ZDEDUP_TRACE_INTERNAL_H

#include "trace.h"

/* Where the one line about a failure goes; @buf may be NULL. */
struct trace_why {
	char *buf;
	size_t size;
};

/**
 * struct trace_map - a whole file, read-only
 * @data: NULL when the file is empty
 * @size: bytes, after unpacking
 */
struct trace_map {
	const uint8_t *data;
	uint64_t size;
};

/**
 * struct trace_spool - bytes appended to a file without a name, then mapped
 * @fd: -1 while all of them fit @buf
 */
struct trace_spool {
	int fd;
	uint8_t *buf;
	size_t len;
	uint64_t size;
};

struct trace_reader;
struct zdt;

#define TRACE_EXTRA_MAX 3	/* type, memcg, folio */

/**
 * struct trace - one open trace
 * @pages: the file, for readers of files; or the pages, back to back
 * @seq:   the number of the next event; @dropped_at: what it was when what is mapped
 *         was dropped last
 * @columns: facts of the pages, with room for @columns_room
 * @zdt:   of the .zdt reader only
 *
 * Of readers that build their list of events when they open (build.c):
 * @built: an array of struct trace_event
 * @event_spool: the same while it grows
 *
 * Of the readers whose pages are anywhere (index.c):
 * @at:      where each page is; NULL: back to back in @pages
 * @events:  operation and slot of each event; NULL: page i is stored to slot i + 1
 * @stored:  the page of the next store
 * @more:    mappings beside @pages
 * @scratch: @scratch_left bytes of the last of them, not given away yet
 *
 * Of the ops reader only:
 * @list:      ops.csv
 * @list_path: its name, for messages
 * @first:     its second line; @pos: the next line; @end: the end of the file
 * @extra:     which columns follow the first five, in the file's order
 */
struct trace {
	char *path;
	const struct trace_reader *reader;
	struct trace_summary summary;
	struct trace_map pages;
	struct trace_columns columns;
	uint64_t columns_room;
	uint64_t seq, dropped_at;
	struct zdt *zdt;

	struct trace_map built;
	struct trace_spool event_spool;

	const uint8_t **at;
	uint64_t *events;
	size_t at_room, events_room;
	uint64_t stored;
	struct trace_map *more;
	unsigned int nr_more;
	uint8_t *scratch;
	size_t scratch_left;

	struct trace_map list;
	char *list_path;
	const uint8_t *first, *pos, *end;
	uint8_t extra[TRACE_EXTRA_MAX];
	unsigned int nr_extra;
};

/**
 * struct trace_reader - one format
 * @vantage: see struct trace_summary
 * @probe:   whether the file @map, or the directory @fd, is of this format: by its
 *           marks alone, what is wrong in it is for @open to say. NULL: never by
 *           content
 * @open:    fills @summary and whatever @next needs from @pages, the whole file,
 *           unpacked; or from @fd, if @directory is set. On failure trace_close
 *           releases what was acquired.
 * @next, @read: one event, or several as trace_read(): one of them
 * @rewind, @close, @wait_page: NULL where there is nothing to do. @wait_page
 *           returns false when the page cannot be had
 */
struct trace_reader {
	const char *name, *vantage;
	bool directory;
	bool (*probe)(int fd, const struct trace_map *map);
	int (*open)(struct trace *trace, int fd, const struct trace_why *why);
	int (*next)(struct trace *trace, struct trace_event *ev,
		    const struct trace_why *why);
	int (*read)(struct trace *trace, struct trace_event *events,
		    unsigned int nr, const struct trace_why *why);
	void (*rewind)(struct trace *trace);
	void (*close)(struct trace *trace);
	bool (*wait_page)(const struct trace *trace, uint64_t page);
};

extern const struct trace_reader trace_zdt;
extern const struct trace_reader trace_raw;
extern const struct trace_reader trace_ops;
extern const struct trace_reader trace_swap;
extern const struct trace_reader trace_log_writes;
extern const struct trace_reader trace_lime;
extern const struct trace_reader trace_elf;
extern const struct trace_reader trace_criu;
extern const struct trace_reader trace_fiu;
extern const struct trace_reader trace_xmu;
extern const struct trace_reader trace_swapreplay;
extern const struct trace_reader trace_libcachesim;

/**
 * struct trace_extent - a run of memory in a file
 * @address: of its first byte in the memory that was dumped
 * @offset:  of its first byte in the file
 * @filesz:  bytes in the file, checked to lie within it
 * @memsz:   bytes in memory, not below @filesz; the rest is zero
 */
struct trace_extent {
	uint64_t address, offset, filesz, memsz;
};

/* Little-endian fields, at any alignment */
static inline uint32_t trace_le32(const uint8_t *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t trace_le64(const uint8_t *p)
{
	return trace_le32(p) | (uint64_t)trace_le32(p + 4) << 32;
}

/* trace.c */
int trace_fail(const struct trace_why *why, int error, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
char *trace_join(const char *dir, const char *name);

/* index.c */
int trace_grow(struct trace *trace, void *array, size_t *room, size_t size,
	       const struct trace_why *why);
struct trace_map *trace_add_map(struct trace *trace,
				const struct trace_why *why);
int trace_add_page(struct trace *trace, const uint8_t *page,
		   const struct trace_why *why);
int trace_add_event(struct trace *trace, enum trace_op op, uint64_t slot,
		    const struct trace_why *why);
int trace_add_extents(struct trace *trace, struct trace_extent *extents,
		      size_t nr, const struct trace_why *why);
int trace_scratch_page(struct trace *trace, uint8_t **page,
		       const struct trace_why *why);
int trace_index_done(struct trace *trace, const struct trace_why *why);
int trace_index_next(struct trace *trace, struct trace_event *ev,
		     const struct trace_why *why);

/* Of more pages (1 GiB), what is mapped of a trace is kept small: see trace_read() */
#define TRACE_LARGE_PAGES (1024u << (20 - 12))

/* spill.c */
int trace_open_regular(int dirfd, const char *name, const char *label,
		       int *out, const struct trace_why *why);
int trace_map(struct trace_map *map, int fd, const char *label,
	      const struct trace_why *why);
int trace_map_temp(struct trace_map *map, size_t size, const char *label,
		   const struct trace_why *why);
void trace_unmap(struct trace_map *map);
void trace_map_drop(const struct trace_map *map);
int trace_check_pages(const struct trace_map *map, const char *label,
		      const struct trace_why *why);

int trace_temp_file(uint64_t size, const char *label,
		    const struct trace_why *why);
int trace_pwrite_all(int fd, const void *data, size_t len, uint64_t at);

/*
 * build.c: for formats that are parsed once, when they are opened, and for those
 * without bytes. Between trace_open's call of open and trace_build_end, add the
 * events in order (seq is set here) and the facts of page 0, 1, 2 ...; summary's
 * counts, slots, nr_pages and has_facts follow. A reader of pages without bytes
 * also clears summary.has_pages; one with bytes fills trace->pages and
 * summary.nr_pages itself before its first event; one with lengths sets
 * summary.nr_lengths before its first facts. Its @next is trace_built_next.
 */
int trace_build_event(struct trace *trace, const struct trace_event *ev,
		      const struct trace_why *why);
int trace_build_end(struct trace *trace, const struct trace_why *why);
int trace_built_next(struct trace *trace, struct trace_event *ev,
		     const struct trace_why *why);
void trace_build_free(struct trace *trace);
/* Counts @ev into the summary: ops, slots. */
void trace_count(struct trace_summary *sum, const struct trace_event *ev);

/*
 * facts.c: facts of pages, in their order. summary.digest and its lengths are set before.
 * trace_build_facts: adds those of the next page to trace and summary, see above.
 * trace_facts_room: there is room for @nr more, which the caller puts into trace->columns.
 * trace_facts_word: of a page for which there is room.
 */
int trace_facts_room(struct trace *trace, uint64_t nr,
		     const struct trace_why *why);
int trace_facts_word(struct trace *trace, uint64_t page, uint64_t word,
		     const struct trace_why *why);
int trace_build_facts(struct trace *trace, const struct trace_facts *facts,
		      const struct trace_why *why);
void trace_facts_free(struct trace *trace);

/* zdt-read.c */
int trace_zdt_open_salvage(struct trace *trace, int fd, uint64_t *lost,
			   const struct trace_why *why);

#endif /* ZDEDUP_TRACE_INTERNAL_H */
