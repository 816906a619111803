/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * adversary.h - sets of pages that somebody chose with a hash in mind
 *
 * The pages of a set are all different, so whatever a hash finds equal in one is
 * false. They are the same on every machine.
 */
#ifndef SIM_ADVERSARY_H
#define SIM_ADVERSARY_H

#include <stdint.h>

/* More than one lookup may walk over (ZDEDUP_WALK_MAX), so that a bound that fails shows. */
#define ADVERSARY_PAGES 256u
#define ADVERSARY_TARGETS_MAX 2u

/* What a set does to the hashes that it is made for. */
enum adversary_claim {
	ADVERSARY_NONE,		/* for no hash: similar pages, as they happen */
	ADVERSARY_ONE_DIGEST,	/* all pages have one digest */
	ADVERSARY_ONE_BUCKET,	/* all digests differ, and meet in one bucket of an index without a key */
};

struct adversary_set {
	const char *name, *summary;
	enum adversary_claim claim;
	const char *target[ADVERSARY_TARGETS_MAX];	/* names of hashes */
	/* Changes @page, which holds the base page, into page @k < ADVERSARY_PAGES. */
	void (*change)(uint8_t *page, unsigned int k);
};

/* The @i-th set, NULL past the end. */
const struct adversary_set *adversary_set(unsigned int i);
/* Page @k of @set, 4096 bytes. */
void adversary_page(const struct adversary_set *set, unsigned int k,
		    uint8_t *page);

#endif /* SIM_ADVERSARY_H */
