/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * shards.h - a curve of all contents, or of a sample of them
 *
 * SHARDS (Waldspurger et al., FAST '15): a content is followed when the hash of its
 * bytes lies below a threshold, so all pages that share it are, or none. With a
 * fixed size the threshold is lowered as contents come. What is cheap to know of
 * the others is used to correct the sample; docs/CURVE.md tells how.
 */
#ifndef SIM_SHARDS_H
#define SIM_SHARDS_H

#include <stdbool.h>
#include <stdint.h>

#include "../traces/trace.h"

#define SHARDS_ALL (1u << 27)	/* a threshold that every hash is below */
#define SHARDS_REFUSED 0u	/* a weight: no pool keeps the content */

/**
 * struct shards_source - what is asked of a content once, or again after its pages went
 * @hash:   its low bits are not looked at
 * @weight: SHARDS_REFUSED, or its bytes in a pool
 * @guess:  a number that grows about as the weight does, and costs less; not asked
 *          for where all weights are known
 */
struct shards_source {
	uint64_t (*hash)(void *data, uint32_t content);
	uint32_t (*weight)(void *data, uint32_t content);
	uint32_t (*guess)(void *data, uint32_t content);
	void *data;
};

/**
 * struct shards_options
 * @dedup:       contents are shared
 * @sample:      a part is followed, and there are intervals
 * @known:       the weight of each content may be asked for
 * @threshold:   of SHARDS_ALL
 * @sample_size: the most contents at a time; 0: no such limit
 * @sizes, @nr:  the only ones that will be asked for; none: multiples of shards_step
 */
struct shards_options {
	bool dedup;
	bool sample;
	bool known;
	uint32_t threshold;
	uint64_t sample_size;
	const uint64_t *sizes;
	unsigned int nr;
};

/* An estimate, and between what bounds it lies with 95 % confidence. */
struct shards_estimate {
	double value, low, high;
};

struct shards_point {
	struct shards_estimate hit_rate;	/* negative: no load */
	struct shards_estimate writebacks, content_writebacks;
};

/* Pages, and the contents that they are: no estimates, also of a sample. */
struct shards_sharing {
	double pages, contents;
};

struct shards;

/* NULL: out of memory. Contents are numbered below @nr_contents. */
struct shards *shards_new(const struct trace_summary *summary,
			  uint64_t nr_contents,
			  const struct shards_options *options,
			  const struct shards_source *source);
void shards_free(struct shards *shards);

/* Slots hold one page at most: what was there is dropped first. */
void shards_store(struct shards *shards, unsigned int type, uint64_t slot,
		  uint32_t content);
/* The slot holds a page of that content, which was stored here. */
void shards_load(struct shards *shards, unsigned int type, uint64_t slot,
		 uint32_t content);
void shards_drop(struct shards *shards, unsigned int type, uint64_t slot,
		 uint32_t content);
/* After each event. */
void shards_tick(struct shards *shards);
/* At the end, for each page that is still there. */
void shards_stays(struct shards *shards, unsigned int type, uint64_t slot,
		  uint32_t content);
/* After that: what follows may be asked. */
void shards_finish(struct shards *shards);

/* Of all contents, in SHARDS_ALL; what it was lowered to. */
uint32_t shards_threshold(const struct shards *shards);
uint64_t shards_sampled_contents(const struct shards *shards);
uint64_t shards_peak(const struct shards *shards);
uint64_t shards_step(const struct shards *shards);
/* @hits: loads that every pool answers */
void shards_at(const struct shards *shards, uint64_t size, uint64_t hits,
	       struct shards_point *point);
uint64_t shards_loads(const struct shards *shards);
/* The mean over events, and the last state. */
void shards_mean(const struct shards *shards, struct shards_sharing *sharing);
void shards_last(const struct shards *shards, struct shards_sharing *sharing);

#endif /* SIM_SHARDS_H */
