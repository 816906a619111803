/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Linked to each test program by run.sh: of its tests, only those run that the
 * pattern FAULTS_TEST says. cmocka itself has no option for that.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void __attribute__((constructor)) choose_tests(void)
{
	const char *pattern = getenv("FAULTS_TEST");

	if (pattern && *pattern)
		cmocka_set_test_filter(pattern);
}
