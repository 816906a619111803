/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * over-time.c - the sizes of a run at its peak, on average, and at its end
 */
#include "over-time.h"

static void take(struct sample *s, const struct zdedup_stats *stats,
		 const struct zdedup_stats *baseline)
{
	s->v[SAMPLE_STORED_PAGES] = stats->stored_pages;
	s->v[SAMPLE_PAYLOAD_BYTES] = stats->payload_bytes;
	s->v[SAMPLE_POOL_BYTES] = stats->pool_total_size;
	s->v[SAMPLE_METADATA_BYTES] = stats->metadata_bytes;
	s->v[SAMPLE_DEDUP_METADATA_BYTES] = stats->dedup_metadata_bytes;
	s->v[SAMPLE_PAGES_SHARED] = stats->pages_shared;
	s->v[SAMPLE_PAGES_SHARING] = stats->pages_sharing;
	s->v[SAMPLE_PAGES_UNSHARED] = stats->pages_unshared;
	s->v[SAMPLE_BASELINE_POOL_BYTES] = baseline->pool_total_size;
}

void over_time_add(struct over_time *ot, uint64_t events,
		   const struct zdedup_stats *stats,
		   const struct zdedup_stats *baseline)
{
	uint64_t live = stats->stored_pages + stats->live_device +
			stats->live_zero;

	take(&ot->last, stats, baseline);
	for (int i = 0; i < SAMPLE_NR_FIELDS; i++)
		ot->sum[i] += (unsigned __int128)ot->last.v[i] * events;
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
		mean->v[i] = (uint64_t)((ot->sum[i] + ot->events / 2) /
					ot->events);
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
