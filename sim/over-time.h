/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * over-time.h - the sizes of a run at its peak, on average, and at its end
 */
#ifndef SIM_OVER_TIME_H
#define SIM_OVER_TIME_H

#include <stdint.h>

#include "zdedup.h"

enum sample_field {
	SAMPLE_STORED_PAGES,
	SAMPLE_PAYLOAD_BYTES,
	SAMPLE_POOL_BYTES,
	SAMPLE_METADATA_BYTES,
	SAMPLE_DEDUP_METADATA_BYTES,
	SAMPLE_PAGES_SHARED,
	SAMPLE_PAGES_SHARING,
	SAMPLE_PAGES_UNSHARED,
	SAMPLE_BASELINE_POOL_BYTES,	/* of the run without dedup */
	SAMPLE_NR_FIELDS,
};

struct sample {
	uint64_t v[SAMPLE_NR_FIELDS];
};

/**
 * struct over_time - collected event by event
 * @sum, @part: of each field over the events, of long ago and since
 * @events: how many were added
 * @live:   entries at the peak: in the pool, on the device, in the zero map
 * @peak:   the first event (counted from 1) with the most live entries; 0: none yet
 */
struct over_time {
	unsigned __int128 sum[SAMPLE_NR_FIELDS];
	uint64_t part[SAMPLE_NR_FIELDS];
	uint64_t events;
	uint64_t live;
	uint64_t peak;
	struct sample at_peak;
	struct sample last;
};

/*
 * Adds the state after @events more events (several when a folio is stored as
 * one). @baseline is the pool's size without dedup.
 */
void over_time_add(struct over_time *ot, uint64_t events,
		   const struct zdedup_sizes *sizes, uint64_t baseline);
/* The mean over events, each field rounded to the nearest. Needs events > 0. */
void over_time_mean(const struct over_time *ot, struct sample *mean);

/* What dedup saves: bytes of the pool, and the same less what dedup adds to metadata. */
int64_t sample_saved_gross(const struct sample *s);
int64_t sample_saved_net(const struct sample *s);

#endif /* SIM_OVER_TIME_H */
