/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replay-options.h - what one run is told, by replay once and by sweep in lists
 */
#ifndef SIM_REPLAY_OPTIONS_H
#define SIM_REPLAY_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "options.h"

/* The configuration of a run, and how it is reported; sizes as given. */
struct replay_options {
	const char *input_format;	/* NULL: by content */
	const char *kernel, *compressor, *zpool, *hash, *dedup;
	const char *compare, *charge, *domain, *writeback;
	const char *memcg_config;	/* NULL: no file */
	uint64_t seed;
	uint64_t totalram;		/* bytes, 0: no limit */
	uint64_t max_pool_percent, accept_threshold_percent;
	uint64_t checkpoint_every;	/* 0: none */
	bool verify, no_verify;		/* as asked for; neither: as the command does it */
	bool timing;
	const char *facts;		/* NULL: no file of facts */
	bool keep_facts;		/* TRACE.facts */
	const char *format;
	const char *output;		/* NULL: stdout */
	GPtrArray *asserts;		/* of const char * */
};

void replay_options_init(struct replay_options *o);

/*
 * Fills @specs with the options that make a configuration, into @o, and returns
 * how many; sweep takes a list of each. @specs has room for REPLAY_CONFIG_MAX.
 */
#define REPLAY_CONFIG_MAX 16
unsigned int replay_config_specs(struct replay_options *o,
				 struct option_spec *specs);

/*
 * What has one value so far, and what the model would not refuse by itself. 0, or
 * CMD_USAGE after one line. Sets what follows from other options.
 */
int replay_options_check(const char *command, struct replay_options *o);
/* Is @value among the NULL-ended @values? Else CMD_USAGE after one line. */
int replay_options_among(const char *command, const char *option,
			 const char *value, const char *const *values);

/* The file of facts for the trace at @path, to be freed; NULL: none asked for. */
char *replay_facts_path(const char *facts, bool keep_facts,
			const char *path);
uint64_t replay_totalram_pages(const struct replay_options *options);
/* Does the run share contents? Any policy but "none". */
bool replay_dedups(const struct replay_options *options);

#endif /* SIM_REPLAY_OPTIONS_H */
