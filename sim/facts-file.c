/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * facts-file.c - the file beside a trace that keeps what was found out of its pages
 */
#include "facts-file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "cmd.h"
#include "output.h"

/* Read in the other byte order it is another number: such a file is refused. */
#define MAGIC 0x1a0a5446445a89ffull
#define VERSION 1u
#define KEY_MAX 4096u

struct header {
	uint64_t magic;
	uint32_t version, nr_columns;
	uint64_t nr_pages, events;
};

struct column_header {
	uint32_t kind, key_size;
};

G_STATIC_ASSERT(sizeof(struct header) == 32);

static size_t padded(size_t size)
{
	return (size + 7) & ~(size_t)7;
}

size_t facts_file_size(const struct facts_file *file, enum facts_file_kind kind)
{
	return file->nr_pages * (kind == FACTS_FILE_LENGTHS ?
				 sizeof(uint16_t) : 2 * sizeof(uint64_t));
}

static void free_column(gpointer data)
{
	struct facts_file_column *column = data;

	g_free(column->key);
	free(column->data);
	g_free(column);
}

void facts_file_free(struct facts_file *file)
{
	if (!file)
		return;
	g_ptr_array_unref(file->columns);
	free(file->digests);
	g_free(file);
}

void facts_file_add(struct facts_file *file, enum facts_file_kind kind,
		    char *key, void *data)
{
	struct facts_file_column *column = g_new(struct facts_file_column, 1);

	*column = (struct facts_file_column){ kind, key, data };
	g_ptr_array_add(file->columns, column);
}

/*-------------------------------------------------------------------- read */

/**
 * struct reader - what is left of the file
 */
struct reader {
	const char *at;
	size_t left;
};

static const void *take(struct reader *r, size_t size)
{
	const void *at = r->at;

	if (size > r->left || padded(size) > r->left)
		return NULL;
	r->at += padded(size);
	r->left -= padded(size);
	return at;
}

static int read_column(struct facts_file *file, struct reader *r)
{
	struct column_header header;
	const void *from = take(r, sizeof(header));
	const char *key;
	size_t size;
	void *data;

	if (!from)
		return -EINVAL;
	memcpy(&header, from, sizeof(header));
	if ((header.kind != FACTS_FILE_LENGTHS &&
	     header.kind != FACTS_FILE_DIGESTS) || header.key_size > KEY_MAX)
		return -EINVAL;
	key = take(r, header.key_size);
	size = facts_file_size(file, header.kind);
	from = key ? take(r, size) : NULL;
	if (!from)
		return -EINVAL;
	/* one more than there are pages: that no size is 0 */
	data = malloc(size + 2 * sizeof(uint64_t));
	if (!data)
		return -ENOMEM;
	memcpy(data, from, size);
	facts_file_add(file, header.kind, g_strndup(key, header.key_size), data);
	return 0;
}

/* 0, -EINVAL: damaged, or -ENOMEM. */
static int read_body(struct facts_file *file, struct reader *r,
		     unsigned int columns)
{
	const void *digests = take(r, file->nr_pages * sizeof(uint64_t));
	int err = 0;

	if (!digests)
		return -EINVAL;
	memcpy(file->digests, digests, file->nr_pages * sizeof(uint64_t));
	while (columns-- && !err)
		err = read_column(file, r);
	return err ? err : r->left ? -EINVAL : 0;
}

/* CMD_OK, or a status after one line. */
static int parse(struct facts_file *file, const char *path, const char *trace,
		 const char *bytes, size_t size)
{
	struct reader r = { bytes, size };
	struct header header;
	uint64_t sum;
	int err;

	if (size < sizeof(header) + sizeof(sum)) {
		cmd_error("%s: is no file of facts (too short)", path);
		return CMD_INPUT;
	}
	memcpy(&header, take(&r, sizeof(header)), sizeof(header));
	if (header.magic != MAGIC || header.version != VERSION) {
		cmd_error("%s: is no file of facts, or of another version or byte order (at byte %d)",
			  path, header.magic == MAGIC ? 8 : 0);
		return CMD_INPUT;
	}
	r.left -= sizeof(sum);
	memcpy(&sum, bytes + size - sizeof(sum), sizeof(sum));
	if (XXH3_64bits(bytes, size - sizeof(sum)) != sum) {
		cmd_error("%s: is damaged (its checksum is wrong)", path);
		return CMD_INPUT;
	}
	if (header.nr_pages != file->nr_pages || header.events != file->events) {
		cmd_error("%s: does not belong to %s (it is of %" G_GUINT64_FORMAT
			  " pages and %" G_GUINT64_FORMAT " events)", path,
			  trace, header.nr_pages, header.events);
		return CMD_INPUT;
	}
	err = read_body(file, &r, header.nr_columns);
	if (err == -EINVAL)
		cmd_error("%s: is damaged (its sizes are wrong)", path);
	else if (err)
		cmd_error("%s: out of memory", path);
	return err ? CMD_INPUT : CMD_OK;
}

struct facts_file *facts_file_read(const char *path, const char *trace,
				   uint64_t nr_pages, uint64_t events)
{
	struct facts_file *file = g_new0(struct facts_file, 1);
	g_autoptr(GError) error = NULL;
	GMappedFile *map;
	int status;

	file->nr_pages = nr_pages;
	file->events = events;
	file->columns = g_ptr_array_new_with_free_func(free_column);
	file->digests = calloc(nr_pages + 1, sizeof(*file->digests));
	if (!file->digests) {
		cmd_error("%s: out of memory", path);
		facts_file_free(file);
		return NULL;
	}
	map = g_mapped_file_new(path, FALSE, &error);
	if (!map && g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
		return file;
	if (!map) {
		cmd_error("%s: %s", path, error->message);
		status = CMD_INPUT;
	} else {
		status = parse(file, path, trace,
			       g_mapped_file_get_contents(map),
			       g_mapped_file_get_length(map));
		g_mapped_file_unref(map);
	}
	if (!status)
		return file;
	facts_file_free(file);
	return NULL;
}

/*------------------------------------------------------------------- write */

struct writer {
	FILE *file;
	XXH3_state_t *sum;
};

/* Errors stay with the stream, and output_commit() finds them. */
static void put(struct writer *w, const void *data, size_t size)
{
	static const char zeros[8];
	size_t pad = padded(size) - size;

	fwrite(data, 1, size, w->file);
	fwrite(zeros, 1, pad, w->file);
	XXH3_64bits_update(w->sum, data, size);
	XXH3_64bits_update(w->sum, zeros, pad);
}

int facts_file_write(const struct facts_file *file, const char *path)
{
	const struct header header = {
		.magic = MAGIC, .version = VERSION,
		.nr_columns = file->columns->len,
		.nr_pages = file->nr_pages, .events = file->events,
	};
	struct output *out = output_open(path);
	struct writer w;
	uint64_t sum;

	if (!out)
		return CMD_INPUT;
	w = (struct writer){ output_file(out), XXH3_createState() };
	XXH3_64bits_reset(w.sum);
	put(&w, &header, sizeof(header));
	put(&w, file->digests, file->nr_pages * sizeof(*file->digests));
	for (guint i = 0; i < file->columns->len; i++) {
		const struct facts_file_column *column =
			g_ptr_array_index(file->columns, i);
		struct column_header ch = {
			column->kind, (uint32_t)strlen(column->key),
		};

		put(&w, &ch, sizeof(ch));
		put(&w, column->key, ch.key_size);
		put(&w, column->data, facts_file_size(file, column->kind));
	}
	sum = XXH3_64bits_digest(w.sum);
	fwrite(&sum, 1, sizeof(sum), w.file);
	XXH3_freeState(w.sum);
	return output_commit(out);
}
