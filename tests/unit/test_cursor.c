#include "lib/cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define SEED 20261123u

static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

static void test_reads_straight_down(void **state)
{
	struct cursor c = cursor_over(bytes, 15);
	(void)state;
	assert_int_equal(cursor_left(&c), 15);
	assert_int_equal(cursor_u8(&c), 0x01);
	assert_int_equal(cursor_u16(&c), 0x0203);
	assert_int_equal(cursor_u32(&c), 0x04050607);
	assert_true(cursor_u64(&c) == UINT64_C(0x08090a0b0c0d0e0f));
	assert_int_equal(cursor_left(&c), 0);
	assert_true(cursor_ok(&c));
}

/* A cursor whose read does not fit fails, and gives zero from then on even where there are bytes.
 */
static void test_failure_is_sticky(void **state)
{
	struct cursor c = cursor_over(bytes, 3);
	(void)state;
	assert_int_equal(cursor_u32(&c), 0);
	assert_false(cursor_ok(&c));
	assert_int_equal(cursor_left(&c), 0);
	assert_int_equal(cursor_u8(&c), 0);
	assert_int_equal(cursor_u16(&c), 0);
	assert_true(cursor_u64(&c) == 0);
	assert_null(cursor_take(&c, 1));
	assert_null(cursor_take(&c, 0));
	struct cursor child = cursor_slice(&c, 0);
	assert_false(cursor_ok(&child));
}

static void test_each_read_ends_at_the_end(void **state)
{
	(void)state;
	for (size_t have = 0; have <= 9; have++)
		for (size_t want = 0; want <= 9; want++) {
			uint8_t *block = malloc(have + !have);
			assert_non_null(block);
			memset(block, 0xff, have);
			struct cursor c = cursor_over(block, have);
			const uint8_t *at = cursor_take(&c, want);
			assert_int_equal(cursor_ok(&c), want <= have);
			assert_int_equal(at != NULL, want <= have);
			assert_int_equal(cursor_left(&c), want <= have ? have - want : 0);
			free(block);
		}
}

static void test_nothing_is_no_failure(void **state)
{
	struct cursor c = cursor_over(NULL, 0);
	(void)state;
	assert_true(cursor_ok(&c));
	assert_int_equal(cursor_left(&c), 0);
	assert_non_null(cursor_take(&c, 0));
	struct cursor child = cursor_slice(&c, 0);
	assert_true(cursor_ok(&child));
	assert_int_equal(cursor_u8(&child), 0);
	assert_false(cursor_ok(&child));
	assert_true(cursor_ok(&c));
}

/* The parent moves on by the declared length, whatever the child reads or fails at. */
static void test_slices(void **state)
{
	struct cursor c = cursor_over(bytes, 6);
	(void)state;
	struct cursor first = cursor_slice(&c, 2), second = cursor_slice(&c, 3);
	assert_int_equal(cursor_left(&first), 2);
	assert_int_equal(cursor_u32(&first), 0);
	assert_false(cursor_ok(&first));
	assert_int_equal(cursor_u16(&second), 0x0304);
	assert_int_equal(cursor_left(&second), 1);
	assert_int_equal(cursor_left(&c), 1);
	struct cursor third = cursor_slice(&c, 2);
	assert_false(cursor_ok(&third));
	assert_false(cursor_ok(&c));
}

static void test_largest_length(void **state)
{
	struct cursor c = cursor_over(bytes, 16);
	(void)state;
	assert_int_equal(cursor_u8(&c), 1);
	assert_null(cursor_take(&c, SIZE_MAX));
	assert_false(cursor_ok(&c));
}

static void test_integers_of_any_width(void **state)
{
	static const uint8_t high[8] = {0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0xfa, 0xf9, 0xf8};
	(void)state;
	uint64_t expected = 0;
	assert_true(be_uint(high, 0) == 0);
	for (size_t n = 1; n <= 8; n++) {
		expected = expected * 256 + high[n - 1];
		assert_true(be_uint(high, n) == expected);
	}
	srand(SEED);
	for (int i = 0; i < 10000; i++) {
		uint8_t b[9];
		for (size_t k = 0; k < sizeof b; k++)
			b[k] = (uint8_t)(rand() >> 7);
		/* at an odd address too */
		assert_int_equal(be16(b + 1), be_uint(b + 1, 2));
		assert_int_equal(be32(b + 1), be_uint(b + 1, 4));
		assert_true(be64(b + 1) == be_uint(b + 1, 8));
		assert_true(be64(b) == be_uint(b, 8));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_straight_down),
		cmocka_unit_test(test_failure_is_sticky),
		cmocka_unit_test(test_each_read_ends_at_the_end),
		cmocka_unit_test(test_nothing_is_no_failure),
		cmocka_unit_test(test_slices),
		cmocka_unit_test(test_largest_length),
		cmocka_unit_test(test_integers_of_any_width),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
