#include "lib/instant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "lib/base.h"
#include "lib/err.h"

#define ROUNDS 200000
#define SEED   20261123u

static uint64_t random64(void)
{
	uint64_t v = 0;
	for (int i = 0; i < 5; i++)
		v = v << 15 ^ (uint64_t)rand();
	return v;
}

/* What gmtime and snprintf make of it. */
static void reference(struct instant t, char *out, size_t size)
{
	time_t s = (time_t)(t.ns / NS_PER_S);
	char seconds[32], fraction[16];
	struct tm tm;
	gmtime_r(&s, &tm);
	strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(fraction, sizeof fraction, ".%09u", (unsigned)(t.ns % NS_PER_S));
	fraction[t.digits ? t.digits + 1 : 0] = '\0';
	snprintf(out, size, "%s%sZ", seconds, fraction);
}

static void check(struct instant t)
{
	static const uint64_t unit[] = {NS_PER_S, NS_PER_MS, NS_PER_US, 1};
	char text[INSTANT_TEXT_MAX], expected[64];
	struct instant back;
	reference(t, expected, sizeof expected);
	assert_string_equal(instant_text(t, text), expected);
	assert_int_equal(instant_format(t, text), strlen(expected));
	assert_int_equal(instant_parse(expected, strlen(expected), &back), 0);
	assert_int_equal(back.digits, t.digits);
	assert_true(back.ns == t.ns - t.ns % unit[t.digits / 3]);
}

static void test_random(void **state)
{
	(void)state;
	srand(SEED);
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t ns = random64();
		for (uint8_t digits = 0; digits <= 9; digits += 3)
			check((struct instant){ns, digits});
	}
}

/* The first and last second of each day from 1970 to 2554. */
static void test_every_day(void **state)
{
	(void)state;
	for (uint64_t day = 0; day < 213503; day++) {
		uint64_t ns = day * 86400 * NS_PER_S;
		check((struct instant){ns, 0});
		check((struct instant){ns + 86400 * NS_PER_S - 1, 9});
	}
}

static void test_edges(void **state)
{
	char text[INSTANT_TEXT_MAX];
	(void)state;
	check((struct instant){0, 0});
	check((struct instant){0, 9});
	check((struct instant){UINT64_MAX, 9});
	assert_string_equal(instant_text((struct instant){UINT64_MAX, 9}, text),
		"2554-07-21T23:34:33.709551615Z");
	assert_string_equal(
		instant_text((struct instant){NS_PER_S - 1, 3}, text), "1970-01-01T00:00:00.999Z");
}

static void test_parsed(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
		uint8_t digits;
	} known[] = {
		{"1985-04-12T23:20:50.52Z", UINT64_C(482196050520000000), 3},
		{"1996-12-19T16:39:57-08:00", UINT64_C(851042397000000000), 0},
		{"1990-12-31T23:59:60Z", UINT64_C(662688000000000000), 0},
		{"1937-01-01T12:00:27.87+00:20", 0, 255},
		{"1970-01-01t00:00:00.000001z", 1000, 6},
		{"1970-01-01 00:00:00.0000001Z", 100, 9},
		{"1970-01-01T01:00:00.1+01:00", 100000000, 3},
		{"1969-12-31T23:00:01-01:00", 1000000000, 0},
		{"2000-02-29T00:00:00Z", UINT64_C(951782400000000000), 0},
		{"2554-07-21T23:34:33.709551615Z", UINT64_MAX, 9},
	};
	(void)state;
	for (size_t i = 0; i < LEN(known); i++) {
		struct instant t;
		int code = instant_parse(known[i].text, strlen(known[i].text), &t);
		assert_int_equal(code, known[i].digits == 255 ? ERR_SYNTAX : 0);
		if (code == 0) {
			assert_true(t.ns == known[i].ns);
			assert_int_equal(t.digits, known[i].digits);
		}
	}
}

static void test_refused(void **state)
{
	static const char *const bad[] = {"", "2026", "2026-11-23", "2026-11-23T10:00:00",
		"2026-11-23T10:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
		"2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2200-02-29T00:00:00Z",
		"2026-11-31T00:00:00Z", "2026-11-00T00:00:00Z", "2026-11-23T24:00:00Z",
		"2026-11-23T10:60:00Z", "2026-11-23T10:00:61Z", "2026-11-23T10:00:00.Z",
		"2026-11-23T10:00:00.0123456789Z", "2026-11-23T10:00:00,5Z",
		"2026-11-23T10:00:00ZZ", "2026-11-23T10:00:00+1:00", "2026-11-23T10:00:00+24:00",
		"2026-11-23T10:00:00+01:60", "2026-11-23T10:00:00+0100", "2026/11/23T10:00:00Z",
		"2026-11-23X10:00:00Z", "2026-11-23T10.00.00Z", "+026-11-23T10:00:00Z",
		"1969-12-31T23:59:59Z", "0000-01-01T00:00:00Z", "0000-03-01T00:00:00Z",
		"1970-01-01T00:00:00+00:01", "2554-07-21T23:34:33.709551616Z",
		"2554-07-21T23:34:34Z", "9999-12-31T23:59:59Z", "20a6-11-23T10:00:00Z"};
	(void)state;
	for (size_t i = 0; i < LEN(bad); i++) {
		struct instant t;
		if (instant_parse(bad[i], strlen(bad[i]), &t) != ERR_SYNTAX)
			fail_msg("'%s' is taken", bad[i]);
	}
}

/* Every prefix of a text of every form, in a block of exactly its size, is refused or read. */
static void test_prefixes(void **state)
{
	static const char *const whole[] = {
		"2026-11-23T10:00:00.123456789+01:00", "2026-11-23T10:00:00Z"};
	(void)state;
	for (size_t i = 0; i < LEN(whole); i++)
		for (size_t len = 0; len < strlen(whole[i]); len++) {
			struct instant t;
			char *block = malloc(len + !len);
			assert_non_null(block);
			memcpy(block, whole[i], len);
			assert_int_equal(instant_parse(block, len, &t), ERR_SYNTAX);
			free(block);
		}
}

static void test_now(void **state)
{
	(void)state;
	uint64_t before = (uint64_t)time(NULL);
	struct instant now = instant_now();
	assert_int_equal(now.digits, 9);
	assert_in_range(now.ns / NS_PER_S, before, before + 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_every_day),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_parsed),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_now),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
