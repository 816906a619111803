/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pass.h - one pass over a trace for any number of runs
 */
#ifndef SIM_PASS_H
#define SIM_PASS_H

#include "../traces/trace.h"
#include "facts.h"
#include "run.h"

/**
 * struct pass_options - how runs are made; results are the same for any number of jobs
 * @what: for the progress line
 * @jobs: threads
 * @verify: as run_start
 * @facts:  the file that keeps the pages' facts; NULL: none
 * @last:   nothing follows: models are left as they are, for the process's end
 * @found:  of pass_take_facts, to be taken over; NULL: none
 * @across_hashes: a run may follow one of another hash; whether that was right is
 *          known at the end, see pass_settles
 */
struct pass_options {
	const char *what;
	unsigned int jobs;
	bool verify;
	const char *facts;
	bool last;
	struct facts *found;
	bool across_hashes;
};

struct pass;

/*
 * Takes @runs (of run_create) over @trace to its end. A status after one line, of
 * whatever went wrong first in the trace; with CMD_OK, pass_finish may be called
 * for each run in turn. *out is to be freed by pass_free in either case. The runs
 * are alike where pass_splits says so.
 */
int pass_run(struct trace *trace, struct run *const *runs, unsigned int nr_runs,
	     const struct pass_options *options, struct pass **out);
/* The result of @run, and what the trace holds, as a kernel of its kind sees it. */
const struct replay_result *pass_finish(const struct pass *pass,
					struct run *run);
/*
 * Did @run come to its result? Not if it follows one of another hash, and what only
 * one of the two confuses may have met: then it needs another pass.
 */
bool pass_settles(const struct pass *pass, const struct run *run);
/* What was found of the contents, for another pass over the same events. */
struct facts *pass_take_facts(struct pass *pass);
void pass_free(struct pass *pass);

/*
 * Are there other events in @trace for kernels whose loads empty the slot than for
 * those that keep it (run_loads)? Then each kind needs a pass of its own.
 */
bool pass_splits(const struct trace *trace);

#endif /* SIM_PASS_H */
