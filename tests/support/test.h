/*
 * Included first by every unit test: cmocka with the headers it wants, and a
 * table of cases.
 *
 * A case is `static void test_<unit>__<behaviour>(void **state)`; main is
 * TR_TEST_MAIN(cmocka_unit_test(test_a), cmocka_unit_test(test_b), …).
 */
#ifndef TR_TESTS_SUPPORT_TEST_H
#define TR_TESTS_SUPPORT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define TR_TEST_MAIN(...)                                                      \
	int main(void)                                                         \
	{                                                                      \
		const struct CMUnitTest tests[] = { __VA_ARGS__ };             \
		return cmocka_run_group_tests_name(                            \
			__FILE__, tests, NULL, NULL);                          \
	}                                                                      \
	struct tr_test_main_semicolon

#endif /* TR_TESTS_SUPPORT_TEST_H */
