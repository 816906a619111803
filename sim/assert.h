/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * assert.h - --assert 'FIELD OP NUMBER' against a finished report
 */
#ifndef SIM_ASSERT_H
#define SIM_ASSERT_H

#include "value.h"

/*
 * Are all of @asserts (const char *) well formed and about numbers that @report
 * has? Asked of a report of nothing before the work starts. CMD_OK, or CMD_USAGE
 * after one line.
 */
int assert_check(const GPtrArray *asserts, const struct value *report);
/* CMD_OK, or CMD_FAILED after one line for each that is false; null makes it false. */
int assert_evaluate(const GPtrArray *asserts, const struct value *report);

#endif /* SIM_ASSERT_H */
