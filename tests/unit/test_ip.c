#include "lib/ip.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/base.h"
#include "lib/err.h"

#define ROUNDS 100000
#define SEED   20261123u

static void check_text(const struct ip *ip, const char *expected)
{
	char text[IP_TEXT_MAX];
	struct ip back;
	assert_string_equal(ip_text(ip, text), expected);
	assert_int_equal(ip_format(ip, text), strlen(expected));
	assert_int_equal(ip_parse(expected, strlen(expected), &back), 0);
	assert_true(ip_equal(ip, &back));
}

static void test_every_octet(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 1024; i++) {
		uint8_t b[4] = {1, 22, 133, 0};
		char expected[IP_TEXT_MAX];
		b[i / 256] = (uint8_t)i;
		struct ip ip = ip_from4(b);
		inet_ntop(AF_INET, b, expected, sizeof expected);
		assert_true(ip_is4(&ip));
		check_text(&ip, expected);
	}
}

/* glibc writes ::a.b.c.d where RFC 5952, section 5, asks for that of well-known prefixes alone. */
static bool is_compatible4(const uint8_t b[16])
{
	static const uint8_t zero[12];
	return memcmp(b, zero, 12) == 0;
}

static void test_random_ipv6(void **state)
{
	(void)state;
	srand(SEED);
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint8_t b[16];
		char expected[IP_TEXT_MAX];
		unsigned zeros = (unsigned)rand(), small = (unsigned)rand();
		for (unsigned k = 0; k < 16; k++) {
			b[k] = (uint8_t)(rand() >> 7);
			if (zeros >> (k / 2) & 1 || (k % 2 == 0 && small >> (k / 2) & 1))
				b[k] = 0;
		}
		if (is_compatible4(b))
			continue;
		struct ip ip = ip_from6(b);
		inet_ntop(AF_INET6, b, expected, sizeof expected);
		assert_false(ip_is4(&ip));
		check_text(&ip, expected);
	}
}

static void test_known_texts(void **state)
{
	static const struct {
		const char *text, *canonical;
	} known[] = {
		{"::", "::"},
		{"::1", "::1"},
		{"1::", "1::"},
		{"::102:304", "::102:304"},
		{"::1.2.3.4", "::102:304"},
		{"::ffff:1.2.3.4", "1.2.3.4"},
		{"::FFFF:102:304", "1.2.3.4"},
		{"2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
		{"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
		{"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
		{"1:0:0:2:0:0:0:3", "1:0:0:2::3"},
		{"0:0:1:2:3:4:5:6", "::1:2:3:4:5:6"},
		{"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"},
		{"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
			"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
		{"255.255.255.255", "255.255.255.255"},
		{"0.0.0.0", "0.0.0.0"},
	};
	(void)state;
	for (size_t i = 0; i < LEN(known); i++) {
		struct ip ip;
		assert_int_equal(ip_parse(known[i].text, strlen(known[i].text), &ip), 0);
		check_text(&ip, known[i].canonical);
	}
}

static void test_refused(void **state)
{
	static const char *const bad[] = {"", ":", ":::", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256",
		"01.2.3.4", "1.2.3.4 ", " 1.2.3.4", "1.2.3.", ".1.2.3", "1..2.3", "1.2.3.0004",
		"::1::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:", "1:2:3:4:5:6:7:8:9",
		"1:2:3:4:5:6:7:8::", "1:2:3:4::5:6:7:8", ":1:2:3:4:5:6:7",
		"12345::", "g::", "fe80::1%eth0", "::1.2.3", "::1.2.3.4:5",
		"1.2.3.4::", "::1.2.3.256", "1:2:3:4:5:6:7:1.2.3.4", "::1/64"};
	(void)state;
	for (size_t i = 0; i < LEN(bad); i++) {
		struct ip ip;
		if (ip_parse(bad[i], strlen(bad[i]), &ip) != ERR_SYNTAX)
			fail_msg("'%s' is taken", bad[i]);
	}
}

/* Random short texts over the alphabet of addresses: taken or refused, and read, as inet_pton does.
 */
static void test_random_texts(void **state)
{
	static const char alphabet[] = "0012f:::..5";
	(void)state;
	srand(SEED + 1);
	for (unsigned i = 0, taken = 0; i < 3 * ROUNDS || taken == 0; i++) {
		char text[IP_TEXT_MAX];
		size_t len = 2 + (unsigned)rand() % 16;
		struct ip ip, theirs;
		uint8_t b[16];
		for (size_t k = 0; k < len; k++)
			text[k] = alphabet[(unsigned)rand() % (sizeof alphabet - 1)];
		text[len] = '\0';
		bool ok = false;
		if (inet_pton(AF_INET, text, b) == 1) {
			theirs = ip_from4(b);
			ok = true;
		} else if (inet_pton(AF_INET6, text, b) == 1) {
			theirs = ip_from6(b);
			ok = true;
		}
		int code = ip_parse(text, len, &ip);
		if (ok != (code == 0))
			fail_msg("'%s': inet_pton %s it", text, ok ? "takes" : "refuses");
		if (ok && !ip_equal(&ip, &theirs))
			fail_msg("'%s' is read as another address", text);
		taken += ok;
	}
}

/* The text borrows from a line: nothing behind its length is read. */
static void test_exact_length(void **state)
{
	struct ip ip;
	char text[IP_TEXT_MAX];
	(void)state;
	assert_int_equal(ip_parse("10.0.0.255", 8, &ip), 0);
	assert_string_equal(ip_text(&ip, text), "10.0.0.2");
	assert_int_equal(ip_parse("::1234", 4, &ip), 0);
	assert_string_equal(ip_text(&ip, text), "::12");
}

static void test_unspecified(void **state)
{
	static const struct {
		const char *text;
		bool unspecified;
	} cases[] = {{"::", true}, {"0.0.0.0", true}, {"::1", false}, {"1::", false},
		{"0.0.0.1", false}, {"::fffe:0:0", false}};
	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct ip ip;
		assert_int_equal(ip_parse(cases[i].text, strlen(cases[i].text), &ip), 0);
		assert_int_equal(ip_is_unspecified(&ip), cases[i].unspecified);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_octet),
		cmocka_unit_test(test_random_ipv6),
		cmocka_unit_test(test_known_texts),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_random_texts),
		cmocka_unit_test(test_exact_length),
		cmocka_unit_test(test_unspecified),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
