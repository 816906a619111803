/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * over-time.c - the sizes of a run at its peak, on average, and at its end
 */
#include "over-time.h"

/* So many sizes, each below 2^44 (16 TiB), go into a sum of 64 bits. */
#define PART_EVENTS (1u << 19)

static void take(struct sample *s, const struct zdedup_sizes *sizes,
		 uint64_t baseline)
{
	s->v[SAMPLE_STORED_PAGES] = sizes->stored_pages;
	s->v[SAMPLE_PAYLOAD_BYTES] = sizes->payload_bytes;
	s->v[SAMPLE_POOL_BYTES] = sizes->pool_total_size;
	s->v[SAMPLE_METADATA_BYTES] = sizes->metadata_bytes;
	s->v[SAMPLE_DEDUP_METADATA_BYTES] = sizes->dedup_metadata_bytes;
	s->v[SAMPLE_PAGES_SHARED] = sizes->pages_shared;
	s->v[SAMPLE_PAGES_SHARING] = sizes->pages_sharing;
	s->v[SAMPLE_PAGES_UNSHARED] = sizes->pages_unshared;
	s->v[SAMPLE_BASELINE_POOL_BYTES] = baseline;
}

static void fold(struct over_time *ot)
{
	for (int i = 0; i < SAMPLE_NR_FIELDS; i++) {
		ot->sum[i] += ot->part[i];
		ot->part[i] = 0;
	}
}

void over_time_add(struct over_time *ot, uint64_t events,
		   const struct zdedup_sizes *sizes, uint64_t baseline)
{
	uint64_t live = sizes->stored_pages + sizes->live_device +
			sizes->live_zero;

	take(&ot->last, sizes, baseline);
	if (ot->events / PART_EVENTS != (ot->events + events) / PART_EVENTS)
		fold(ot);
	for (int i = 0; i < SAMPLE_NR_FIELDS && events == 1; i++)
		ot->part[i] += ot->last.v[i];
	for (int i = 0; i < SAMPLE_NR_FIELDS && events != 1; i++)
		ot->part[i] += ot->last.v[i] * events;
	ot->events += events;
	if (!ot->peak || live > ot->live) {
		ot->live = live;
		ot->peak = ot->events;
		ot->at_peak = ot->last;
	}
}

void over_time_mean(const struct over_time *ot, struct sample *mean)
{
	for (int i = 0; i < SAMPLE_NR_FIELDS; i++)
		mean->v[i] = (uint64_t)((ot->sum[i] + ot->part[i] +
					 ot->events / 2) / ot->events);
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
