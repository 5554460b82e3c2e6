/* hash: keys of the kinds that exporters have, one after the other or far apart, spread evenly. */
#include "lib/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <cmocka.h>

#define BUCKETS 4096
#define KEYS    65536
#define MOST    48 /* of KEYS / BUCKETS = 16 in the mean: further out than chance takes it */

static unsigned load[BUCKETS];

static void all_within(unsigned most)
{
	for (unsigned i = 0; i < BUCKETS; i++) {
		assert_in_range(load[i], 0, most);
		load[i] = 0;
	}
}

static void test_addresses_of_one_network(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < KEYS; i++) {
		struct ip a = ip_from4((const uint8_t[]){10, 0, (uint8_t)(i >> 8), (uint8_t)i});
		load[hash_ip(7, &a) % BUCKETS]++;
	}
	all_within(MOST);
	for (uint32_t i = 0; i < KEYS; i++) {
		struct ip a = {{0x20, 1, 0xd, 0xb8, [8] = (uint8_t)(i >> 8), [9] = (uint8_t)i}};
		load[hash_ip(7, &a) % BUCKETS]++;
	}
	all_within(MOST);
}

/* Observation domains, wherever in the 32 bits they differ. */
static void test_numbers_that_differ_anywhere(void **state)
{
	(void)state;
	for (unsigned shift = 0; shift <= 48; shift++) {
		for (uint64_t i = 0; i < KEYS; i++)
			load[hash_mix(7, i << shift) % BUCKETS]++;
		all_within(MOST);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses_of_one_network),
		cmocka_unit_test(test_numbers_that_differ_anywhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
