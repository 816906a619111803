/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * export.h - the formats that zdedup export writes
 */
#ifndef SIM_EXPORT_H
#define SIM_EXPORT_H

#include <stdbool.h>

#include "../traces/trace.h"

/**
 * struct export_options - what the command line says beyond the trace
 * @key_file, @digest, @keep_words: of fingerprints
 * @lengths: whose compressed lengths, NULL: the format's default
 */
struct export_options {
	const char *output;
	const char *key_file, *digest, *lengths;
	bool keep_words;
};

/* They return a status, after one line when it is not CMD_OK. */
int export_fingerprint(struct trace *trace,
		       const struct export_options *options);
int export_libcachesim_csv(struct trace *trace,
			   const struct export_options *options);
int export_oracle_general(struct trace *trace,
			  const struct export_options *options);

#endif /* SIM_EXPORT_H */
