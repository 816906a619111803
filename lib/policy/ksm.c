/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ksm.c - equal contents are found by a scan, as mm/ksm.c finds equal pages
 *
 * What ksmd does every sleep_millisecs, by default 100 pages every 20 ms, happens
 * here every so many events, as nothing here reads a clock: at R events a second,
 * sleep_millisecs=S is every=R*S/1000. The default is KSM's own at 1000 events a
 * second; recorded streams have 140 to 3000.
 *
 * An entry that was scanned takes what ksm_rmap_item does, a content that is in the
 * stable tree what ksm_stable_node does (both 64 bytes in 6.12).
 */
#include "policy/policy.h"

const struct zswap_policy_ops policy_ksm = {
	.name = "ksm",
	.summary = "stores share nothing, a scan as KSM's merges what stays equal; pages=N a scan, every=N events",
	.looks_up = true,
	.lookup = policy_no_store,
	.scan_every = 20,
	.scan_pages = 100,
	.gate = true,
	.item_bytes = 64,
	.content_bytes = 64,
	.index_bytes = policy_no_index,
};
