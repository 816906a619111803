/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace.c - opening a trace, whatever its format
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trace-internal.h"

/*
 * A raw image and an ops directory have no mark of their own: they are what
 * remains. The others' marks lie at different places; the order among them is
 * the order of asking.
 */
static const struct trace_reader *const readers[] = {
	&trace_raw, &trace_ops, &trace_zdt, &trace_swap, &trace_log_writes,
	&trace_lime, &trace_elf, &trace_criu,
	&trace_fiu, &trace_xmu, &trace_swapreplay, &trace_libcachesim,
};

#define NR_READERS (sizeof(readers) / sizeof(readers[0]))

/*
 * Writes the one line and returns @error. %m in @fmt is @error's text. Names and
 * fields of a file are somebody else's bytes: a newline or an escape sequence in
 * one must not reach the terminal or make two lines of one.
 */
int trace_fail(const struct trace_why *why, int error, const char *fmt, ...)
{
	va_list ap;
	char *s;

	if (!why->buf || !why->size)
		return error;

	va_start(ap, fmt);
	errno = -error;
	vsnprintf(why->buf, why->size, fmt, ap);
	va_end(ap);

	for (s = why->buf; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
	return error;
}

/* "DIR/NAME", to be freed; NULL when out of memory */
char *trace_join(const char *dir, const char *name)
{
	size_t len = strlen(dir);
	const char *slash = len && dir[len - 1] == '/' ? "" : "/";
	size_t size = len + strlen(name) + 2;
	char *path = malloc(size);

	if (path)
		snprintf(path, size, "%s%s%s", dir, slash, name);
	return path;
}

static const struct trace_reader *find_reader(const char *name)
{
	size_t i;

	for (i = 0; i < NR_READERS; i++)
		if (!strcmp(name, readers[i]->name))
			return readers[i];
	return NULL;
}

static int unknown_format(const char *path, const char *format,
			  const struct trace_why *why)
{
	char known[256] = "";
	size_t len = 0, i;

	for (i = 0; i < NR_READERS; i++)
		len += snprintf(known + len, sizeof(known) - len, "%s%s",
				i ? ", " : "", readers[i]->name);

	return trace_fail(why, -EINVAL, "%s: unknown format '%s' (known: %s)",
			  path, format, known);
}

/* What clearly is something else must not become pages. */
static int refuse_foreign(const struct trace *trace,
			  const struct trace_why *why)
{
	static const struct {
		const char *mark, *what;
	} foreign[] = {
		{ "seq,time_us,", "a list of events, not pages; give the directory that holds it" },
		{ "KDUMP   ", "a kdump-compressed dump; write an ELF core instead (makedumpfile -E, QEMU without -z)" },
		{ "makedumpfile", "a flattened dump; write an ELF core instead (makedumpfile -E without -F, QEMU without -z)" },
		{ "AVML", "a compressed AVML dump; unpack it with avml-convert" },
		{ "QFI\xfb", "a qcow2 image; turn it to raw with qemu-img convert" },
		{ "\xfd" "7zXZ", "compressed with xz; unpack it, or use zstd" },
		{ "\x1f\x8b\x08", "compressed with gzip; unpack it, or use zstd" },
	};
	size_t i, len;

	for (i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		len = strlen(foreign[i].mark);
		if (trace->pages.size >= len &&
		    !memcmp(trace->pages.data, foreign[i].mark, len))
			return trace_fail(why, -EINVAL, "%s: %s", trace->path,
					  foreign[i].what);
	}
	return 0;
}

static int probe(struct trace *trace, int fd, bool directory,
		 const struct trace_why *why)
{
	size_t i;

	for (i = 0; i < NR_READERS; i++) {
		if (readers[i]->directory != directory || !readers[i]->probe ||
		    !readers[i]->probe(fd, &trace->pages))
			continue;
		trace->reader = readers[i];
		return 0;
	}
	trace->reader = directory ? &trace_ops : &trace_raw;
	return directory ? 0 : refuse_foreign(trace, why);
}

static int choose(struct trace *trace, int fd, const char *format,
		  const struct trace_why *why)
{
	struct stat st;
	bool directory;

	if (fstat(fd, &st))
		return trace_fail(why, -errno, "%s: cannot examine: %m",
				  trace->path);
	directory = S_ISDIR(st.st_mode);

	if (!format) {
		int ret = 0;

		if (!directory)
			ret = trace_map(&trace->pages, fd, trace->path, why);
		return ret ? ret : probe(trace, fd, directory, why);
	}

	trace->reader = find_reader(format);
	if (directory && !trace->reader->directory)
		return trace_fail(why, -EINVAL,
				  "%s: is a directory, format '%s' is a file",
				  trace->path, format);
	if (!directory && trace->reader->directory)
		return trace_fail(why, -EINVAL,
				  "%s: is no directory, format '%s' is one",
				  trace->path, format);
	return directory ? 0 : trace_map(&trace->pages, fd, trace->path, why);
}

static int open_any(const char *path, const char *format, struct trace **out,
		    uint64_t *lost, const struct trace_why *why)
{
	struct trace *trace;
	int fd, ret;

	if (format && !find_reader(format))
		return unknown_format(path, format, why);

	ret = trace_open_regular(AT_FDCWD, path, path, &fd, why);
	if (ret)
		return ret;

	trace = calloc(1, sizeof(*trace));
	if (trace)
		trace->path = strdup(path);
	if (!trace || !trace->path) {
		ret = trace_fail(why, -ENOMEM, "%s: %m", path);
		goto out;
	}
	trace->summary.has_pages = true;
	trace->summary.info = "";
	trace->event_spool.fd = -1;

	ret = choose(trace, fd, format, why);
	if (!ret) {
		trace->summary.vantage = trace->reader->vantage;
		ret = lost ? trace_zdt_open_salvage(trace, fd, lost, why) :
			     trace->reader->open(trace, fd, why);
	}
	if (!ret)
		ret = trace_rewind(trace);
out:
	close(fd);
	if (ret)
		trace_close(trace);
	else
		*out = trace;
	return ret;
}

int trace_open(const char *path, const char *format, struct trace **out,
	       char *buf, size_t size)
{
	const struct trace_why why = { buf, size };

	return open_any(path, format, out, NULL, &why);
}

int trace_open_salvage(const char *path, struct trace **out, uint64_t *lost,
		       char *buf, size_t size)
{
	const struct trace_why why = { buf, size };

	return open_any(path, "zdt", out, lost, &why);
}

void trace_close(struct trace *trace)
{
	if (!trace)
		return;
	if (trace->reader && trace->reader->close)
		trace->reader->close(trace);
	trace_build_free(trace);
	trace_facts_free(trace);
	trace_unmap(&trace->pages);
	trace_unmap(&trace->list);
	while (trace->nr_more)
		trace_unmap(&trace->more[--trace->nr_more]);
	free(trace->more);
	free(trace->at);
	free(trace->events);
	free(trace->list_path);
	free(trace->path);
	free(trace);
}

const char *trace_path(const struct trace *trace)
{
	return trace->path;
}

const char *trace_format(const struct trace *trace)
{
	return trace->reader->name;
}

const struct trace_summary *trace_summary(const struct trace *trace)
{
	return &trace->summary;
}

/*
 * Mapped pages that were touched count as this process's until they are dropped.
 * They can be read again from the file, so drop them now and then: a trace larger
 * than the memory then never looks (to a cgroup or an operator) like a process
 * of that size. 65536 events touch at most 256 MiB and cost far more than the faults.
 * But a fault maps its neighbours, too, if they are in the page cache: 64 KiB as
 * kernels are set up. Loads that are all over a large trace would map 4 GiB, and
 * 8192 of them 512 MiB.
 */
#define DROP_EVERY 65536
#define DROP_EVERY_OF_LARGE 8192

static void drop_maps(struct trace *trace)
{
	unsigned int i;

	trace->dropped_at = trace->seq;
	trace_map_drop(&trace->pages);
	trace_map_drop(&trace->list);
	for (i = 0; i < trace->nr_more; i++)
		trace_map_drop(&trace->more[i]);
	trace_map_drop(&trace->built);
}

int trace_read(struct trace *trace, struct trace_event *events,
	       unsigned int nr, char *buf, size_t size)
{
	const struct trace_why why = { buf, size };
	unsigned int every = trace->summary.nr_pages > TRACE_LARGE_PAGES ?
				     DROP_EVERY_OF_LARGE : DROP_EVERY;

	if (trace->seq - trace->dropped_at >= every)
		drop_maps(trace);
	if (trace->reader->read)
		return trace->reader->read(trace, events, nr, &why);
	return trace->reader->next(trace, events, &why);
}

int trace_next(struct trace *trace, struct trace_event *ev, char *buf,
	       size_t size)
{
	return trace_read(trace, ev, 1, buf, size);
}

int trace_rewind(struct trace *trace)
{
	trace->seq = trace->dropped_at = 0;
	trace->pos = trace->first;
	trace->stored = 0;
	if (trace->reader->rewind)
		trace->reader->rewind(trace);
	return 0;
}

const void *trace_page(const struct trace *trace, uint64_t page)
{
	assert(trace->summary.has_pages && page < trace->summary.nr_pages);
	if (trace->at)
		return trace->at[page];
	if (trace->reader->wait_page && !trace->reader->wait_page(trace, page))
		return NULL;
	return trace->pages.data + page * TRACE_PAGE_SIZE;
}

const char *trace_format_name(unsigned int i)
{
	return i < NR_READERS ? readers[i]->name : NULL;
}
