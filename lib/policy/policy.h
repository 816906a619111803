/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy.h - the dedup policies there are, one file each */
#ifndef ZSWAP_POLICY_H
#define ZSWAP_POLICY_H

#include "zswap/ops.h"

extern const struct zswap_policy_ops policy_none;
extern const struct zswap_policy_ops policy_always;
extern const struct zswap_policy_ops policy_memcg;

#endif /* ZSWAP_POLICY_H */
