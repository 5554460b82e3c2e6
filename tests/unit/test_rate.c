#include "lib/rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "lib/instant.h"

static void test_rate(void **state)
{
	struct rate r = {0};
	(void)state;
	assert_int_equal(rate_since(&r, 1000, 5 * NS_PER_S), 0);
	assert_int_equal(rate_since(&r, 3000, 7 * NS_PER_S), 1000);
	assert_int_equal(rate_since(&r, 3100, 7 * NS_PER_S + 100 * NS_PER_MS), 1000);
	assert_int_equal(
		rate_since(&r, 9999, 7 * NS_PER_S + 100 * NS_PER_MS), 0); /* no time has passed */
	assert_int_equal(rate_since(&r, 9999, 9 * NS_PER_S), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rate)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
