/* The source itself, so that the table is tested where the processor has the instruction. */
#include "lib/crc32c.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/base.h"

#define SEED 20261123u

/* Bit by bit, from the definition. */
static uint32_t reference(const uint8_t *p, size_t len)
{
	uint32_t c = UINT32_MAX;
	for (size_t i = 0; i < len; i++) {
		c ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			c = c & 1 ? c >> 1 ^ POLYNOMIAL : c >> 1;
	}
	return ~c;
}

static uint32_t by_table(const uint8_t *p, size_t len)
{
	return ~update_by_table(UINT32_MAX, p, len);
}

/* RFC 3720, appendix B.4, and the check value of the CRC catalogue. */
static void test_known(void **state)
{
	static const uint8_t command[48] = {0x01,
		0xc0, [16] = 0x14, [22] = 0x04, [27] = 0x14, [31] = 0x18, [32] = 0x28, [40] = 0x02};
	uint8_t block[32];
	(void)state;
	assert_int_equal(crc32c(0, "", 0), 0);
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(0, command, sizeof command), 0xd9963a56);
	memset(block, 0, sizeof block);
	assert_int_equal(crc32c(0, block, sizeof block), 0x8a9136aa);
	memset(block, 0xff, sizeof block);
	assert_int_equal(crc32c(0, block, sizeof block), 0x62a8ab43);
	for (uint8_t i = 0; i < 32; i++)
		block[i] = i;
	assert_int_equal(crc32c(0, block, sizeof block), 0x46dd794e);
	for (uint8_t i = 0; i < 32; i++)
		block[i] = 31 - i;
	assert_int_equal(crc32c(0, block, sizeof block), 0x113fdb5c);
}

/* Every length and alignment, in blocks of exactly that size. */
static void test_random(void **state)
{
	uint8_t bytes[300 + 8];
	(void)state;
	srand(SEED);
	fill_tables();
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(rand() >> 7);
	for (size_t at = 0; at < 8; at++)
		for (size_t len = 0; len <= 300; len++) {
			uint32_t expected = reference(bytes + at, len);
			assert_int_equal(crc32c(0, bytes + at, len), expected);
			assert_int_equal(by_table(bytes + at, len), expected);
			uint8_t *block = malloc(len + !len);
			assert_non_null(block);
			memcpy(block, bytes + at, len);
			assert_int_equal(crc32c(0, block, len), expected);
			assert_int_equal(by_table(block, len), expected);
			free(block);
		}
}

/* Around the lengths from which on three blocks are summed side by side. */
static void test_long(void **state)
{
	static const size_t lengths[] = {3071, 3072, 3073, 6143, 6144, 9999};
	static uint8_t bytes[10000];
	(void)state;
	srand(SEED + 2);
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(rand() >> 7);
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
		assert_int_equal(
			crc32c(0, bytes + 1, lengths[i]), reference(bytes + 1, lengths[i]));
}

static void test_in_pieces(void **state)
{
	uint8_t bytes[1000];
	(void)state;
	srand(SEED + 1);
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(rand() >> 7);
	uint32_t whole = crc32c(0, bytes, sizeof bytes);
	for (size_t cut = 0; cut <= sizeof bytes; cut++) {
		uint32_t first = crc32c(0, bytes, cut);
		assert_int_equal(crc32c(first, bytes + cut, sizeof bytes - cut), whole);
	}
}

static void test_every_flipped_bit_shows(void **state)
{
	uint8_t bytes[200] = {0};
	(void)state;
	uint32_t whole = crc32c(0, bytes, sizeof bytes);
	for (size_t bit = 0; bit < 8 * sizeof bytes; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_not_equal(crc32c(0, bytes, sizeof bytes), whole);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_in_pieces),
		cmocka_unit_test(test_every_flipped_bit_shows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
