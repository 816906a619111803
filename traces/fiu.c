/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fiu.c - the block traces of I/O Deduplication (Koller and Rangaswami, FAST'10)
 *
 * One line an I/O, as their README describes it: time in ns, process id, process
 * name, block address and size in sectors of 512 bytes, W or R, the device's major
 * and minor number, MD5 of the 4096 bytes. A name may hold blanks.
 *
 * The "homes" traces have one MD5 for each 512 bytes; those are no pages, and are
 * refused. The MD5 of what was read is not looked at: before its first write a
 * block has a content that no event of the trace put there.
 */
#include "lines.h"

#define NR_FIELDS 9	/* with a name of one word */
#define FIELDS_MAX 40
#define SECTORS 8	/* a page's */

enum { TIME, PID, NAME };
/* and from the end */
enum { MD5 = 1, MINOR, MAJOR, OP, SIZE, LBA };

struct fiu {
	struct lines lines;
	struct ids ids;
	uint64_t device[TRACE_TYPES_MAX];
	unsigned int nr_devices;
};

static bool fiu_probe(int fd, const struct trace_map *map)
{
	struct field line, f[FIELDS_MAX], *end;
	unsigned int n;
	uint8_t md5[16];

	(void)fd;
	if (!lines_first(map, &line))
		return false;
	n = field_split(&line, ' ', f, FIELDS_MAX);
	if (n < NR_FIELDS || n > FIELDS_MAX)
		return false;
	end = f + n;
	return (field_is(&end[-OP], "W") || field_is(&end[-OP], "R")) &&
	       field_md5(&end[-MD5], md5);
}

/* The device's number among those of the trace, or -EINVAL */
static int device_of(struct fiu *fiu, const struct field *end)
{
	uint64_t major, minor, device;
	unsigned int i;

	if (!field_number(&end[-MAJOR], &major) || major > UINT32_MAX ||
	    !field_number(&end[-MINOR], &minor) || minor > UINT32_MAX)
		return lines_fail(&fiu->lines,
				  "device '%.*s %.*s' is not two numbers",
				  FIELD_ARG(&end[-MAJOR]),
				  FIELD_ARG(&end[-MINOR]));
	device = major << 32 | minor;
	for (i = 0; i < fiu->nr_devices; i++)
		if (fiu->device[i] == device)
			return i;
	if (i == TRACE_TYPES_MAX)
		return lines_fail(&fiu->lines, "more than %d devices",
				  TRACE_TYPES_MAX);
	fiu->device[fiu->nr_devices++] = device;
	fiu->lines.trace->summary.has_type = i > 0;
	return i;
}

static int place_of(struct fiu *fiu, const struct field *end,
		    struct trace_event *ev)
{
	uint64_t lba, size;
	int type;

	if (!field_number(&end[-LBA], &lba) || lba % SECTORS ||
	    lba / SECTORS > TRACE_SLOT_MAX)
		return lines_fail(&fiu->lines,
				  "block address '%.*s' is not that of a page: a multiple of %d sectors",
				  FIELD_ARG(&end[-LBA]), SECTORS);
	if (!field_number(&end[-SIZE], &size) || size != SECTORS)
		return lines_fail(&fiu->lines,
				  "'%.*s' sectors are no page, which has %d (of one MD5 for each sector, as in the \"homes\" traces, no page can be made)",
				  FIELD_ARG(&end[-SIZE]), SECTORS);
	type = device_of(fiu, end);
	if (type < 0)
		return type;
	ev->slot = lba / SECTORS;
	ev->type = type;
	return 0;
}

static int read_line(struct fiu *fiu)
{
	const struct lines *lines = &fiu->lines;
	struct field f[FIELDS_MAX], *end;
	struct trace_event ev = { 0 };
	struct trace_facts facts;
	unsigned int n;
	uint8_t md5[16];
	uint64_t ns;
	int ret;

	n = field_split(&lines->line, ' ', f, FIELDS_MAX);
	if (n < NR_FIELDS || n > FIELDS_MAX)
		return lines_fail(lines, "%u columns, must be %d", n,
				  NR_FIELDS);
	end = f + n;
	if (!field_number(&f[TIME], &ns))
		return lines_fail(lines,
				  "time '%.*s' is not a number of nanoseconds",
				  FIELD_ARG(&f[TIME]));
	ret = place_of(fiu, end, &ev);
	if (ret)
		return ret;
	if (!field_md5(&end[-MD5], md5))
		return lines_fail(lines,
				  "'%.*s' is not an MD5 of 32 hexadecimal digits",
				  FIELD_ARG(&end[-MD5]));
	ev.time_us = ns / 1000;
	facts_of_md5(md5, &facts);
	if (field_is(&end[-OP], "W")) {
		ev.op = TRACE_STORE;
		return lines_event(lines, &fiu->ids, &ev, md5, &facts);
	}
	ev.op = TRACE_LOAD;
	if (field_is(&end[-OP], "R"))
		return lines_event(lines, &fiu->ids, &ev, NULL, NULL);
	return lines_fail(lines, "'%.*s' is neither W nor R",
			  FIELD_ARG(&end[-OP]));
}

static int fiu_open(struct trace *trace, int fd, const struct trace_why *why)
{
	struct fiu fiu = { 0 };
	int ret;

	(void)fd;
	lines_begin(&fiu.lines, trace, why);
	trace->summary.digest = "md5";
	while ((ret = lines_next(&fiu.lines)) > 0) {
		ret = read_line(&fiu);
		if (ret)
			break;
	}
	ids_free(&fiu.ids);
	return ret ? ret : lines_end(&fiu.lines);
}

const struct trace_reader trace_fiu = {
	.name = "fiu",
	.vantage = "device",
	.probe = fiu_probe,
	.open = fiu_open,
	.next = trace_built_next,
};
