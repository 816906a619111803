/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libcachesim.c - csv for libCacheSim, as other tools and our own export write it
 *
 * Columns are found by the names in the first line: time (seconds), obj_id (a
 * number) and obj_size (1 to 4096 bytes); without a first line of names they are
 * the first three. An object is a content; its size is taken for the compressed
 * length of a page, by a compressor unknown ("clen").
 *
 * With columns op (store, load, invalidate) and slot (and type), lines are the events
 * of a swap trace. Without, each is a request to a cache: what is in the cache is
 * taken out to be used and put back, so it is a load (but the first time) and
 * a store, to a slot that belongs to the object.
 */
#include <string.h>

#include "lines.h"

#define FIELDS_MAX 32
#define NONE FIELDS_MAX

enum { TIME, ID, SIZE, OP, SLOT, TYPE, NR_COLUMNS };

/* What others call the columns */
static const struct {
	const char *name;
	unsigned int column;
} names[] = {
	{ "time", TIME }, { "timestamp", TIME }, { "clock_time", TIME },
	{ "real_time", TIME }, { "obj_id", ID }, { "object_id", ID },
	{ "obj_size", SIZE }, { "object_size", SIZE }, { "size", SIZE },
	{ "op", OP }, { "slot", SLOT }, { "type", TYPE },
};

static const char *const ops[] = { "store", "load", "invalidate" };

/**
 * struct csv - one reading
 * @column: where each column is, NONE where it is not
 * @contents: by object and size; @objects: slots, where there is no column of them
 */
struct csv {
	struct lines lines;
	unsigned int column[NR_COLUMNS], nr_fields;
	struct ids contents, objects;
};

/* Whether @line is a line of names that has what is needed. */
static bool read_names(struct csv *csv, const struct field *line)
{
	struct field f[FIELDS_MAX];
	unsigned int i, k;

	for (k = 0; k < NR_COLUMNS; k++)
		csv->column[k] = NONE;
	csv->nr_fields = field_split(line, ',', f, FIELDS_MAX);
	if (csv->nr_fields > FIELDS_MAX)
		return false;
	for (i = 0; i < csv->nr_fields; i++)
		for (k = 0; k < sizeof(names) / sizeof(names[0]); k++)
			if (field_is(&f[i], names[k].name) &&
			    csv->column[names[k].column] == NONE)
				csv->column[names[k].column] = i;
	if (csv->column[OP] == NONE || csv->column[SLOT] == NONE)
		csv->column[OP] = csv->column[SLOT] = csv->column[TYPE] = NONE;
	return csv->column[TIME] != NONE && csv->column[ID] != NONE &&
	       csv->column[SIZE] != NONE;
}

static bool csv_probe(int fd, const struct trace_map *map)
{
	struct field line;
	struct csv csv;

	(void)fd;
	return lines_first(map, &line) && read_names(&csv, &line);
}

/* The first line is no names: then it is a request, and there are three columns. */
static int default_names(struct csv *csv)
{
	struct field f[FIELDS_MAX];
	uint64_t us;

	csv->nr_fields = field_split(&csv->lines.line, ',', f, FIELDS_MAX);
	if (csv->nr_fields < 3 || csv->nr_fields > FIELDS_MAX ||
	    !field_seconds(&f[TIME], &us))
		return lines_fail(&csv->lines,
				  "names no columns time, obj_id and obj_size, and does not begin with three numbers");
	csv->column[TIME] = TIME;
	csv->column[ID] = ID;
	csv->column[SIZE] = SIZE;
	return 0;
}

static void put64(uint8_t *p, uint64_t v)
{
	unsigned int i;

	for (i = 0; i < 8; i++, v >>= 8)
		p[i] = (uint8_t)v;
}

/* A line of a swap trace: fills in what is in the columns op, slot and type. */
static int read_swap(const struct csv *csv, const struct field *f,
		     struct trace_event *ev)
{
	const struct field *op = &f[csv->column[OP]];
	const struct field *slot = &f[csv->column[SLOT]];
	uint64_t type = 0;

	for (ev->op = TRACE_STORE; ev->op <= TRACE_INVALIDATE; ev->op++)
		if (field_is(op, ops[ev->op]))
			break;
	if (ev->op > TRACE_INVALIDATE)
		return lines_fail(&csv->lines,
				  "op '%.*s' is none of store, load, invalidate",
				  FIELD_ARG(op));
	if (!field_number(slot, &ev->slot) || ev->slot > TRACE_SLOT_MAX)
		return lines_fail(&csv->lines,
				  "'%.*s' is not the number of a slot",
				  FIELD_ARG(slot));
	if (csv->column[TYPE] != NONE &&
	    (!field_number(&f[csv->column[TYPE]], &type) ||
	     type >= TRACE_TYPES_MAX))
		return lines_fail(&csv->lines, "type '%.*s' is not below %d",
				  FIELD_ARG(&f[csv->column[TYPE]]),
				  TRACE_TYPES_MAX);
	ev->type = type;
	return 0;
}

/* A request to a cache: the load and the slot of the store. */
static int read_request(struct csv *csv, const uint8_t name[16],
			struct trace_event *ev)
{
	uint64_t known = csv->objects.nr;
	uint8_t object[16] = { 0 };
	int ret;

	memcpy(object, name, 8);
	ret = ids_get(&csv->objects, object, &ev->slot, &csv->lines);
	if (!ret && csv->objects.nr == known) {
		ev->op = TRACE_LOAD;
		ret = lines_event(&csv->lines, &csv->contents, ev, NULL, NULL);
	}
	ev->op = TRACE_STORE;
	return ret;
}

static int read_line(struct csv *csv)
{
	const struct lines *lines = &csv->lines;
	struct trace_facts facts = { 0 };
	struct trace_event ev = { 0 };
	struct field f[FIELDS_MAX];
	unsigned int n = field_split(&lines->line, ',', f, FIELDS_MAX);
	uint64_t id, size;
	int ret;

	if (n != csv->nr_fields)
		return lines_fail(lines, "%u columns, the first line has %u",
				  n, csv->nr_fields);
	if (!field_seconds(&f[csv->column[TIME]], &ev.time_us))
		return lines_fail(lines,
				  "time '%.*s' is not a number of seconds",
				  FIELD_ARG(&f[csv->column[TIME]]));
	if (!field_number(&f[csv->column[ID]], &id))
		return lines_fail(lines,
				  "obj_id '%.*s' is not a number of 64 bits",
				  FIELD_ARG(&f[csv->column[ID]]));
	if (!field_number(&f[csv->column[SIZE]], &size) || !size ||
	    size > TRACE_PAGE_SIZE)
		return lines_fail(lines,
				  "obj_size '%.*s' is not the length of a compressed page, 1 to %d",
				  FIELD_ARG(&f[csv->column[SIZE]]),
				  TRACE_PAGE_SIZE);
	put64(facts.digest, id);
	put64(facts.digest + 8, size);
	facts.lengths[0] = size;
	ret = csv->column[OP] == NONE ? read_request(csv, facts.digest, &ev) :
					read_swap(csv, f, &ev);
	if (ret)
		return ret;
	return lines_event(lines, &csv->contents, &ev,
			   ev.op == TRACE_INVALIDATE ? NULL : facts.digest,
			   &facts);
}

static int csv_open(struct trace *trace, int fd, const struct trace_why *why)
{
	struct csv csv = { 0 };
	int ret;

	(void)fd;
	lines_begin(&csv.lines, trace, why);
	trace->summary.digest = "obj-id";
	trace->summary.lengths[0] = TRACE_LENGTHS_UNNAMED;
	trace->summary.nr_lengths = 1;
	while ((ret = lines_next(&csv.lines)) > 0) {
		if (csv.lines.nr == 1) {
			if (read_names(&csv, &csv.lines.line))
				continue;
			ret = default_names(&csv);
		} else {
			ret = 0;
		}
		if (!ret)
			ret = read_line(&csv);
		if (ret)
			break;
	}
	trace->summary.has_type = csv.column[TYPE] != NONE;
	ids_free(&csv.contents);
	ids_free(&csv.objects);
	return ret ? ret : lines_end(&csv.lines);
}

const struct trace_reader trace_libcachesim = {
	.name = "libcachesim-csv",
	.vantage = "device",
	.probe = csv_probe,
	.open = csv_open,
	.next = trace_built_next,
};
