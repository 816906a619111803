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

/* What is added up; the model itself knows nothing of @baseline, the size of its pool without dedup. */
struct over_time_counts {
	struct zdedup_counts counts;
	uint64_t baseline;
};

/**
 * struct over_time - collected event by event
 * @part:   over the events since the last were gone over into @sum
 * @sum:    of each field over the events before
 * @live:   slots at the peak: in the pool, on the device, in the zero map
 * @peak:   the first event (counted from 1) with the most live slots; 0: none yet
 * @peak_counts: the state then
 * @events, @mean, @at_peak, @last: set by over_time_end
 */
struct over_time {
	struct over_time_counts part;
	unsigned __int128 sum[SAMPLE_NR_FIELDS];
	uint64_t sum_events;
	uint64_t live;
	uint64_t peak;
	struct over_time_counts peak_counts;
	uint64_t events;
	struct sample mean, at_peak, last;
};

/*
 * Adds the state of @zd after @nr more events (several when a folio is stored as
 * one), and returns the size of its pool. @baseline is that size without dedup.
 */
uint64_t over_time_add(struct over_time *ot, struct zdedup *zd, uint64_t nr,
		       uint64_t baseline);
/*
 * After the last event, @zd as it was then: what was collected may be read. A mean is
 * rounded to the nearest. Without events all is 0. @baseline NULL: there was none, and
 * each pool is its own.
 */
void over_time_end(struct over_time *ot, struct zdedup *zd,
		   const uint64_t *baseline);

/* What dedup saves: bytes of the pool, and the same less what dedup adds to metadata. */
int64_t sample_saved_gross(const struct sample *s);
int64_t sample_saved_net(const struct sample *s);

#endif /* SIM_OVER_TIME_H */
