/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report-text.c - a replay on one screen, ending in one sentence of verdict
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

#define PAGE ZDEDUP_PAGE_SIZE

/*
 * Where the verdict turns, in percent of the pool. The figures published agree
 * that nothing is won at 1 % of duplicates; from a tenth of the pool on, dedup
 * was called worth its code (Samsung 2016: 10-15 %). Between them it is a matter
 * of what the CPU time costs.
 */
#define WORTH_NOT_BELOW (1 * VALUE_SCALE)
#define WORTH_FROM (10 * VALUE_SCALE)

const char *report_bytes(char buf[REPORT_BYTES_MAX], int64_t bytes)
{
	static const char units[][4] = { "B", "KiB", "MiB", "GiB", "TiB" };
	uint64_t size = (uint64_t)llabs(bytes);
	unsigned int unit = 0;
	uint64_t tenths = size * 10;

	while (tenths >= 10240 && unit < G_N_ELEMENTS(units) - 1) {
		tenths = (size / 1024 * 10) + (size % 1024 * 10 + 512) / 1024;
		size /= 1024;
		unit++;
	}
	if (!unit)
		snprintf(buf, REPORT_BYTES_MAX, "%" PRId64 " B", bytes);
	else
		snprintf(buf, REPORT_BYTES_MAX, "%s%" PRIu64 ".%" PRIu64 " %s",
			 bytes < 0 ? "-" : "", tenths / 10, tenths % 10,
			 units[unit]);
	return buf;
}

const char *report_vantage(const char *vantage)
{
	if (!strcmp(vantage, "device"))
		return "Seen from the swap disk: loads are known as far as the disk was read, frees as far as slots were discarded or written again.";
	if (!strcmp(vantage, "image"))
		return "Seen at one moment: each page is taken as one store; loads, frees and which pages were in use are not known.";
	if (!strcmp(vantage, "process"))
		return "Seen in snapshots of running processes: stores and frees stand for what changed between two of them; what was really swapped is not known.";
	return NULL;
}

static const char *decimal(char buf[REPORT_BYTES_MAX], int64_t scaled,
			   int64_t unit, const char *suffix)
{
	int64_t tenths = (llabs(scaled) * 10 / unit + VALUE_SCALE / 2) /
			 VALUE_SCALE;

	snprintf(buf, REPORT_BYTES_MAX, "%s%" PRId64 ".%" PRId64 "%s",
		 scaled < 0 && tenths ? "-" : "", tenths / 10, tenths % 10,
		 suffix);
	return buf;
}

const char *report_percent(char buf[REPORT_BYTES_MAX], __int128 part,
			   __int128 whole)
{
	if (!whole)
		return strcpy(buf, "-");
	return decimal(buf, value_scaled(part * 100, whole), 1, " %");
}

/* "2.47", two decimals, "-" when there is no @down. */
static const char *ratio(char buf[REPORT_BYTES_MAX], __int128 up,
			 __int128 down)
{
	int64_t hundredths;

	if (!down)
		return strcpy(buf, "-");
	hundredths = (value_scaled(up, down) + 50) / 100;
	snprintf(buf, REPORT_BYTES_MAX, "%" PRId64 ".%02" PRId64,
		 hundredths / 100, hundredths % 100);
	return buf;
}

static void came_in(FILE *file, const struct replay_result *r)
{
	const struct census_counts *n = &r->counts;
	const struct {
		const char *what;
		uint64_t count;
	} rows[] = {
		{ "zero pages", n->zero_stores },
		{ "duplicates of a resident page", n->resident_duplicate_stores },
		{ "re-stores of a page gone since", n->restores },
		{ "new contents", n->unique_stores },
	};
	const char *seen = report_vantage(r->vantage);
	char buf[REPORT_BYTES_MAX];

	fprintf(file, "%s (%s): %" PRIu64 " events: %" PRIu64 " stores, %"
		PRIu64 " loads, %" PRIu64 " invalidates\n", r->path,
		r->format, n->events, n->stores, n->loads, n->invalidates);
	if (seen)
		fprintf(file, "%s\n", seen);
	if (r->put_in)
		fprintf(file, "%" PRIu64 " stores were put in: pages read again that were not written again, for the disk had them.\n",
			r->put_in);
	fprintf(file, "\n");
	fprintf(file, "What came in %27s %9s\n", "stores", "");
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		fprintf(file, "  %-32s %7" PRIu64 " %9s\n", rows[i].what,
			rows[i].count,
			report_percent(buf, rows[i].count, n->stores));
	fprintf(file, "  %-32s %7" PRIu64 " %9s  (among the last three)\n",
		"same-filled, not zero", n->same_filled_stores,
		report_percent(buf, n->same_filled_stores, n->stores));
}

static void sizes_row(FILE *file, const char *name, const struct sample *s)
{
	char pool[REPORT_BYTES_MAX], metadata[REPORT_BYTES_MAX];
	char density[REPORT_BYTES_MAX], payload[REPORT_BYTES_MAX];
	__int128 bytes = (__int128)s->v[SAMPLE_STORED_PAGES] * PAGE;

	fprintf(file, "  %-8s %11" PRIu64 " %11s %11s %11s %8s\n", name,
		s->v[SAMPLE_STORED_PAGES],
		report_bytes(payload, (int64_t)s->v[SAMPLE_PAYLOAD_BYTES]),
		report_bytes(pool, (int64_t)s->v[SAMPLE_POOL_BYTES]),
		report_bytes(metadata, (int64_t)s->v[SAMPLE_METADATA_BYTES]),
		ratio(density, bytes, (__int128)s->v[SAMPLE_POOL_BYTES] +
		      s->v[SAMPLE_METADATA_BYTES]));
}

static void saved_row(FILE *file, const char *name, const struct sample *s)
{
	char gross[REPORT_BYTES_MAX], metadata[REPORT_BYTES_MAX];
	char net[REPORT_BYTES_MAX], percent[REPORT_BYTES_MAX];

	fprintf(file, "  %-8s %11" PRIu64 " %11s %11s %11s %8s\n", name,
		s->v[SAMPLE_PAGES_SHARING],
		report_bytes(gross, sample_saved_gross(s)),
		report_bytes(metadata,
			     (int64_t)s->v[SAMPLE_DEDUP_METADATA_BYTES]),
		report_bytes(net, sample_saved_net(s)),
		report_percent(percent, sample_saved_net(s),
			       s->v[SAMPLE_BASELINE_POOL_BYTES]));
}

static void all_rows(FILE *file, const struct replay_result *r,
		     void (*row)(FILE *file, const char *name,
				 const struct sample *s))
{
	row(file, "at peak", &r->over_time.at_peak);
	row(file, "mean", &r->over_time.mean);
	row(file, "last", &r->over_time.last);
}

static void refusals(FILE *file, const char *name,
		     const struct zdedup_stats *s)
{
	fprintf(file, "  %-14s %12" PRIu64 " %12" PRIu64 " %12" PRIu64
		" %12" PRIu64 "\n", name, s->stored_pages, s->zswpout,
		s->written_back_pages, s->pswpout);
}

static void what_dedup_does(FILE *file, const struct replay_result *r)
{
	const struct zdedup_stats *s = &r->stats;
	char buf[REPORT_BYTES_MAX];

	if (!r->has_baseline)
		return;
	if (r->limited) {
		fprintf(file, "\n%-16s %12s %12s %12s %12s\n",
			"With the limit", "stored now", "zswpout",
			"written back", "pswpout");
		refusals(file, "dedup", s);
		refusals(file, "without", &r->baseline);
	} else {
		fprintf(file, "\n%-10s %11s %11s %11s %11s %8s\n", "Dedup saves",
			"sharing", "gross", "metadata", "net", "of pool");
		all_rows(file, r, saved_row);
	}
	fprintf(file, "  %" PRIu64 " lookups, %" PRIu64 " hits (%s)",
		s->lookups, s->hits, report_percent(buf, s->hits, s->lookups));
	if (r->stand_in)
		fprintf(file, "; the trace has no digest of this hash: compares not known\n");
	else
		fprintf(file, ", %" PRIu64 " compares, %" PRIu64
			" of them in vain\n", s->compares, s->false_positives);
	if (s->pages_scanned)
		fprintf(file, "  %" PRIu64 " pages scanned, %" PRIu64
			" full scans\n", s->pages_scanned, s->full_scans);
}

static void loads(FILE *file, const struct replay_result *r)
{
	const struct replay_hits *h = &r->hits;
	char buf[REPORT_BYTES_MAX];

	if (!h->loads)
		return;
	fprintf(file, "\nLoads: %" PRIu64 " from the pool (%s), %" PRIu64
		" from the device, %" PRIu64 " zero pages, %" PRIu64
		" of empty slots%s\n", h->from_pool,
		report_percent(buf, h->from_pool,
			       (__int128)h->from_pool + h->from_device),
		h->from_device, h->from_zero, h->absent,
		r->verified ? "; every byte checked" : "");
}

static void cpu(FILE *file, const struct value *report)
{
	static const char *const fields[] = {
		"cpu_ns_per_store", "stages.classify", "stages.hash",
		"stages.lookup", "stages.compare", "stages.compress",
		"stages.allocate", "stages.scan", "cpu_ns_per_load",
		"stages.decompress",
	};
	const struct value *timing = value_find(report, "timing");

	fputs("\nCPU, ns:", file);
	for (size_t i = 0; i < G_N_ELEMENTS(fields); i++) {
		const struct value *v = value_find(timing, fields[i]);
		bool total = fields[i][0] == 'c';
		const char *name = total ? fields[i] + strlen("cpu_ns_") :
					   fields[i] + strlen("stages.");

		if (total && i)
			fputs("\n        ", file);
		if (v->kind == VALUE_NULL)
			fprintf(file, " %s -", name);
		else
			fprintf(file, total ? " %s %" PRIu64 ":" :
					      " %s %" PRIu64, name, v->number);
	}
	fputc('\n', file);
}

const char *report_moment(const char *format)
{
	return strcmp(format, "raw") ? "mean" : "last";
}

const char *report_judgement(int64_t percent)
{
	if (percent < WORTH_NOT_BELOW)
		return "not worth it";
	if (percent < WORTH_FROM)
		return "a close call, weigh it against the CPU time (--timing)";
	return "worth it";
}

static void verdict_of_savings(FILE *file, const struct sample *s,
			       const char *when)
{
	uint64_t pool = s->v[SAMPLE_BASELINE_POOL_BYTES];
	int64_t net = sample_saved_net(s);
	char buf[REPORT_BYTES_MAX];

	if (!pool) {
		fprintf(file, "Nothing reached the pool: there is nothing for dedup to save.\n");
		return;
	}
	fprintf(file, "Dedup would %s %s of the pool here (%s): %s.\n",
		net < 0 ? "cost" : "save",
		report_percent(buf, llabs(net), pool), when,
		report_judgement(value_scaled((__int128)net * 100, pool)));
}

static void verdict(FILE *file, const struct replay_result *r)
{
	bool pages = strcmp(report_moment(r->format), "mean");
	const char *when = pages ? "after the last page" : "mean over time";
	struct sample s = pages ? r->over_time.last : r->over_time.mean;
	char buf[REPORT_BYTES_MAX], pool[REPORT_BYTES_MAX];

	fputc('\n', file);
	if (!r->counts.stores) {
		fprintf(file, "NOTHING WAS EXERCISED: this trace holds no store, so these figures say nothing.\n");
		return;
	}
	if (!r->has_baseline) {
		fprintf(file, "The pool held %" PRIu64 " pages in %s, %s to 1 (%s), without dedup; the trace has %"
			PRIu64 " duplicates of resident pages: try --dedup always.\n",
			s.v[SAMPLE_STORED_PAGES],
			report_bytes(pool, (int64_t)s.v[SAMPLE_POOL_BYTES]),
			ratio(buf, (__int128)s.v[SAMPLE_STORED_PAGES] * PAGE,
			      s.v[SAMPLE_POOL_BYTES]), when,
			r->counts.resident_duplicate_stores);
	} else if (r->limited) {
		fprintf(file, "Under this limit %" PRIu64 " pages went to the device, without dedup %"
			PRIu64 ".\n", r->stats.pswpout, r->baseline.pswpout);
	} else {
		verdict_of_savings(file, &s, when);
	}
	if (!r->verified && r->counts.loads)
		fprintf(file, "(Loads were not checked: --no-verify.)\n");
}

void report_text(FILE *file, const struct replay_options *options,
		 const struct replay_result *r)
{
	struct value *report;

	came_in(file, r);
	if (r->over_time.events) {
		fprintf(file, "\nLinux %s, %s (%s), %s, dedup %s\n",
			options->kernel, options->compressor, r->codec_version,
			options->zpool, options->dedup);
		if (r->codec_note)
			fprintf(file, "Not the kernel's bytes: %s.\n",
				r->codec_note);
		fprintf(file, "%-10s %11s %11s %11s %11s %8s\n", "The pool",
			"pages", "payload", "pool", "metadata", "density");
		all_rows(file, r, sizes_row);
		what_dedup_does(file, r);
	}
	loads(file, r);
	if (options->timing) {
		report = report_replay(options, r);
		cpu(file, report);
		value_free(report);
	}
	verdict(file, r);
}
