/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy.h - the dedup policies there are, one file each */
#ifndef ZSWAP_POLICY_H
#define ZSWAP_POLICY_H

#include "zswap/ops.h"

extern const struct zswap_policy_ops policy_none;
extern const struct zswap_policy_ops policy_always;
extern const struct zswap_policy_ops policy_memcg;
extern const struct zswap_policy_ops policy_second_sight;
extern const struct zswap_policy_ops policy_adaptive;
extern const struct zswap_policy_ops policy_ksm;
extern const struct zswap_policy_ops policy_fold;
extern const struct zswap_policy_ops policy_zram_dedup;
extern const struct zswap_policy_ops policy_same_page_sharing;

/* always.c: what most of them answer */
bool policy_every_store(void *state, u32 memcg_id);
/* none.c: stores are left alone */
bool policy_no_store(void *state, u32 memcg_id);
/* same-page-sharing.c: there is no index beside what the contents have */
u64 policy_no_index(u64 nr_slots);

#endif /* ZSWAP_POLICY_H */
