/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * facts-file.h - the file beside a trace that keeps what was found out of its pages
 *
 * traces/FORMAT.md describes the format.
 */
#ifndef SIM_FACTS_FILE_H
#define SIM_FACTS_FILE_H

#include <stdint.h>

#include <glib.h>

enum facts_file_kind {
	FACTS_FILE_LENGTHS = 1,	/* uint16_t each */
	FACTS_FILE_DIGESTS = 2,	/* two uint64_t each */
};

/* One column: @data is of nr_pages values, malloc'd. */
struct facts_file_column {
	enum facts_file_kind kind;
	char *key;
	void *data;
};

/**
 * struct facts_file - what is in the file
 * @nr_pages, @events: of the trace
 * @digests: XXH3-64 of each page that was looked at, else 0; what ties it to the trace
 * @columns: of struct facts_file_column *
 */
struct facts_file {
	uint64_t nr_pages, events;
	uint64_t *digests;
	GPtrArray *columns;
};

/*
 * Reads @path for the trace @trace of so many pages and events; a file that is not
 * there has no columns. NULL after one line: not such a file, of another trace,
 * damaged, or out of memory.
 */
struct facts_file *facts_file_read(const char *path, const char *trace,
				   uint64_t nr_pages, uint64_t events);
/* Writes it anew; it appears when it is whole. A status, after one line. */
int facts_file_write(const struct facts_file *file, const char *path);
/* Bytes of a column's data. */
size_t facts_file_size(const struct facts_file *file, enum facts_file_kind kind);
/* Takes @key and @data over. */
void facts_file_add(struct facts_file *file, enum facts_file_kind kind,
		    char *key, void *data);
void facts_file_free(struct facts_file *file);

#endif /* SIM_FACTS_FILE_H */
