/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * over-time.c - the sizes of a run at its peak, on average, and at its end
 *
 * After each event a dozen counts are added up, from which the sizes follow when they
 * are asked for (struct zdedup_counts).
 */
#include "over-time.h"

#include <glib.h>

/* So many sizes, and a folio more, each below 2^44 (16 TiB), go into a sum of 64 bits. */
#define PART_EVENTS (1u << 19)

static void sample_of(struct zdedup *zd, const struct over_time_counts *from,
		      struct sample *s)
{
	struct zdedup_sizes sizes;

	zdedup_sizes_of(zd, &from->counts, &sizes);
	s->v[SAMPLE_STORED_PAGES] = sizes.stored_pages;
	s->v[SAMPLE_PAYLOAD_BYTES] = sizes.payload_bytes;
	s->v[SAMPLE_POOL_BYTES] = sizes.pool_total_size;
	s->v[SAMPLE_METADATA_BYTES] = sizes.metadata_bytes;
	s->v[SAMPLE_DEDUP_METADATA_BYTES] = sizes.dedup_metadata_bytes;
	s->v[SAMPLE_PAGES_SHARED] = sizes.pages_shared;
	s->v[SAMPLE_PAGES_SHARING] = sizes.pages_sharing;
	s->v[SAMPLE_PAGES_UNSHARED] = sizes.pages_unshared;
	s->v[SAMPLE_BASELINE_POOL_BYTES] = from->baseline;
}

static void fold(struct over_time *ot, struct zdedup *zd)
{
	struct sample part;

	sample_of(zd, &ot->part, &part);
	for (int i = 0; i < SAMPLE_NR_FIELDS; i++)
		ot->sum[i] += part.v[i];
	ot->sum_events += ot->part.counts.moments;
	ot->part = (struct over_time_counts){ .baseline = 0 };
}

static void new_peak(struct over_time *ot, struct zdedup *zd, uint64_t live,
		     uint64_t baseline)
{
	ot->live = live;
	ot->peak = ot->sum_events + ot->part.counts.moments;
	ot->peak_counts = (struct over_time_counts){ .baseline = baseline };
	zdedup_add_counts(zd, &ot->peak_counts.counts);
}

uint64_t over_time_add(struct over_time *ot, struct zdedup *zd, uint64_t nr,
		       uint64_t baseline)
{
	uint64_t live, before, pages;

	do {
		before = ot->part.counts.pool_pages;
		live = zdedup_add_counts(zd, &ot->part.counts);
		ot->part.baseline += baseline;
	} while (--nr);
	pages = ot->part.counts.pool_pages - before;
	if (G_UNLIKELY(!ot->peak || live > ot->live))
		new_peak(ot, zd, live, baseline);
	if (G_UNLIKELY(ot->part.counts.moments >= PART_EVENTS))
		fold(ot, zd);
	return pages * ZDEDUP_PAGE_SIZE;
}

static void own_baseline(struct sample *s)
{
	s->v[SAMPLE_BASELINE_POOL_BYTES] = s->v[SAMPLE_POOL_BYTES];
}

void over_time_end(struct over_time *ot, struct zdedup *zd,
		   const uint64_t *baseline)
{
	struct over_time_counts last = { .baseline = baseline ? *baseline : 0 };

	fold(ot, zd);
	ot->events = ot->sum_events;
	if (!ot->events)
		return;
	for (int i = 0; i < SAMPLE_NR_FIELDS; i++)
		ot->mean.v[i] = (uint64_t)((ot->sum[i] + ot->events / 2) /
					   ot->events);
	sample_of(zd, &ot->peak_counts, &ot->at_peak);
	zdedup_add_counts(zd, &last.counts);
	sample_of(zd, &last, &ot->last);
	if (baseline)
		return;
	own_baseline(&ot->mean);
	own_baseline(&ot->at_peak);
	own_baseline(&ot->last);
}

int64_t sample_saved_gross(const struct sample *s)
{
	return (int64_t)(s->v[SAMPLE_BASELINE_POOL_BYTES] -
			 s->v[SAMPLE_POOL_BYTES]);
}

int64_t sample_saved_net(const struct sample *s)
{
	return sample_saved_gross(s) -
	       (int64_t)s->v[SAMPLE_DEDUP_METADATA_BYTES];
}
