#include "lib/elements.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/fields.h"
#include "lib/template.h"

static const struct {
	uint32_t pen;
	uint16_t id;
	const char *name;
} table[] = {
#define EL(pen, id, type, name) {pen, id, name},
#include "lib/elements.def"
#undef EL
};

/* The name of every element leads back to it, and so do those of its relatives. */
static void check_name(uint32_t pen, uint16_t id)
{
	char name[ELEMENT_NAME_MAX];
	uint32_t back_pen;
	uint16_t back_id;
	size_t len = element_name(pen, id, name);
	assert_int_equal(len, strlen(name));
	assert_in_range(len, 1, ELEMENT_NAME_MAX - 1);
	if (element_by_name(name, len, &back_pen, &back_id) != 0 || back_pen != pen ||
		back_id != id)
		fail_msg("en%u:id%u is '%s', which leads to another", pen, id, name);
}

static void test_names_lead_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(table); i++) {
		const struct element *e = element_find(table[i].pen, table[i].id);
		assert_non_null(e);
		assert_string_equal(e->name, table[i].name);
		check_name(table[i].pen, table[i].id);
	}
	for (unsigned id = 0; id <= UINT16_MAX; id++) {
		static const uint32_t pens[] = {
			0, 9, 637, 2636, 6871, PEN_REVERSE, 35632, 12345, UINT32_MAX};
		for (size_t k = 0; k < LEN(pens); k++)
			check_name(pens[k], (uint16_t)id);
	}
}

static int compare_numbers(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return *x < *y ? -1 : *x > *y;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void test_unique(void **state)
{
	static uint64_t numbers[LEN(table)];
	static const char *names[LEN(table)];
	(void)state;
	for (size_t i = 0; i < LEN(table); i++) {
		numbers[i] = (uint64_t)table[i].pen << 16 | table[i].id;
		names[i] = table[i].name;
	}
	qsort(numbers, LEN(table), sizeof numbers[0], compare_numbers);
	qsort(names, LEN(table), sizeof names[0], compare_names);
	for (size_t i = 1; i < LEN(table); i++) {
		if (numbers[i] == numbers[i - 1])
			fail_msg("en%u:id%u stands twice", (unsigned)(numbers[i] >> 16),
				(unsigned)(numbers[i] & 0xffff));
		if (strcmp(names[i], names[i - 1]) == 0)
			fail_msg("'%s' stands twice", names[i]);
	}
}

/* Names are written as JSON keys without a look at them. */
static void test_plain_names(void **state)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	(void)state;
	for (size_t i = 0; i < LEN(table); i++)
		assert_int_equal(strspn(table[i].name, plain), strlen(table[i].name));
}

/* Whatever fills a field is known by name, but for what NetFlow v7 has and no element. */
static void test_sources_are_known(void **state)
{
	(void)state;
	for (int id = 0; id < FIELD_COUNT; id++)
		for (unsigned k = 0; k < fields[id].source_count; k++) {
			const struct field_source *s = &fields[id].sources[k];
			if (s->pen != PEN_PADDING && !element_find(s->pen, s->id))
				fail_msg("%s: en%u:id%u is not known", fields[id].name, s->pen,
					s->id);
		}
}

static void test_known_elements(void **state)
{
	static const struct {
		uint32_t pen;
		uint16_t id;
		uint8_t type;
		const char *name;
	} known[] = {
		{0, 1, ELEMENT_UNSIGNED, "octetDeltaCount"},
		{0, 8, ELEMENT_IPV4, "sourceIPv4Address"},
		{0, 56, ELEMENT_MAC, "sourceMacAddress"},
		{0, 82, ELEMENT_STRING, "interfaceName"},
		{0, 95, ELEMENT_OCTETS, "applicationId"},
		{0, 150, ELEMENT_SECONDS, "flowStartSeconds"},
		{0, 152, ELEMENT_MILLISECONDS, "flowStartMilliseconds"},
		{0, 154, ELEMENT_MICROSECONDS, "flowStartMicroseconds"},
		{0, 156, ELEMENT_NANOSECONDS, "flowStartNanoseconds"},
		{0, 236, ELEMENT_STRING, "VRFname"},
		{0, 276, ELEMENT_BOOLEAN, "dataRecordsReliability"},
		{0, 291, ELEMENT_BASIC_LIST, "basicList"},
		{0, 311, ELEMENT_FLOAT, "samplingProbability"},
		{0, 434, ELEMENT_SIGNED, "mibObjectValueInteger"},
		{0, 507, ELEMENT_UNSIGNED, "gtpuTEid"},
		{0, 33000, ELEMENT_OCTETS, "INGRESS_ACL_ID"},
		{0, 40001, ELEMENT_IPV4, "XLATE_SRC_ADDR_IPV4"},
		{9, 12235, ELEMENT_STRING, "appHTTPHost"},
		{0, 32768 + 12235, ELEMENT_STRING, "v9AppHTTPHost"},
		{637, 93, ELEMENT_STRING, "aluNatSubString"},
		{6871, 18, ELEMENT_OCTETS, "payload"},
		{6871, 0x4000 + 18, ELEMENT_OCTETS, "reversePayload"},
		{PEN_REVERSE, 1, ELEMENT_UNSIGNED, "reverseOctetDeltaCount"},
		{PEN_REVERSE, 236, ELEMENT_STRING, "reverseVRFname"},
		{2636, 137, ELEMENT_UNSIGNED, "juniperCommonPropertiesId"},
		{5951, 140, ELEMENT_STRING, "netscalerHttpReqReferer"},
		{6876, 880, ELEMENT_UNSIGNED, "tenantProtocol"},
		{10704, 8, ELEMENT_IPV4, "barracudaBindIPv4Address"},
		{12276, 6, ELEMENT_IPV6, "f5BigipMgmtIPv6Address"},
		{12326, 8, ELEMENT_IPV4, "phionBindIPv4Address"},
		{15397, 38, ELEMENT_FLOAT, "proceraQoeIncomingInternal"},
		{0, 56701, ELEMENT_STRING, "paloAltoAppId"},
		{35632, 118, ELEMENT_UNSIGNED, "L7_PROTO"},
		{0, 57472 + 118, ELEMENT_UNSIGNED, "v9L7_PROTO"},
	};
	(void)state;
	for (size_t i = 0; i < LEN(known); i++) {
		char name[ELEMENT_NAME_MAX];
		const struct element *e = element_find(known[i].pen, known[i].id);
		assert_non_null(e);
		element_name(known[i].pen, known[i].id, name);
		assert_string_equal(name, known[i].name);
		assert_int_equal(e->type, known[i].type);
	}
}

/* The registry of IANA, revision of August 2026: its ids from 1 to 533, but those that it leaves to
 * NetFlow v9 or has no longer, are known, and none behind them. */
static void test_iana_whole(void **state)
{
	static const struct {
		uint16_t first, last;
	} none[] = {{0, 0}, {65, 69}, {97, 97}, {105, 127}, {416, 416}, {419, 419}, {534, 0x7fff}};
	(void)state;
	for (unsigned id = 0; id <= 0x7fff; id++) {
		bool known = true;
		for (size_t i = 0; i < LEN(none); i++)
			known &= id < none[i].first || id > none[i].last;
		if ((element_find(0, (uint16_t)id) != NULL) != known)
			fail_msg("element %u is %sknown", id, known ? "not " : "");
	}
}

/* How many of each enterprise are known, at least, and that ids beside its own are not. */
static void test_enterprises(void **state)
{
	static const struct {
		uint32_t pen;
		unsigned least;
	} all[] = {{9, 71}, {637, 3}, {2011, 2}, {2636, 1}, {5951, 121}, {6871, 279}, {6876, 23},
		{10704, 12}, {12276, 17}, {12326, 12}, {15397, 66}, {35632, 324}};
	(void)state;
	for (size_t i = 0; i < LEN(all); i++) {
		unsigned listed = 0, found = 0;
		for (size_t k = 0; k < LEN(table); k++)
			listed += table[k].pen == all[i].pen;
		for (unsigned id = 0; id < 0x4000; id++) {
			const struct element *e = element_find(all[i].pen, (uint16_t)id);
			assert_true(!e || (e->pen == all[i].pen && e->id == id));
			found += e != NULL;
		}
		assert_int_equal(found, listed);
		assert_in_range(listed, all[i].least, UINT16_MAX);
	}
}

static void test_unknown_elements(void **state)
{
	static const struct {
		uint32_t pen;
		uint16_t id;
		const char *name;
	} unknown[] = {{0, 0, "en0:id0"}, {0, 32767, "en0:id32767"},
		{PEN_REVERSE, 32767, "en29305:id32767"}, {6871, 32767, "en6871:id32767"},
		{UINT32_MAX, UINT16_MAX, "en4294967295:id65535"},
		{PEN_SFLOW - 1, 1, "en4292870143:id1"}, {PEN_SFLOW, 1, "sflow0:id1"},
		{PEN_SFLOW + 0xfffff, 4095, "sflow1048575:id4095"},
		{PEN_SFLOW + 0xfffff, 4096, "en4293918719:id4096"},
		{PEN_SFLOW + 0x100000, 1, "en4293918720:id1"}};
	(void)state;
	for (size_t i = 0; i < LEN(unknown); i++) {
		char name[ELEMENT_NAME_MAX];
		uint32_t pen;
		uint16_t id;
		assert_null(element_find(unknown[i].pen, unknown[i].id));
		element_name(unknown[i].pen, unknown[i].id, name);
		assert_string_equal(name, unknown[i].name);
		assert_int_equal(element_by_name(name, strlen(name), &pen, &id), 0);
		assert_int_equal(pen, unknown[i].pen);
		assert_int_equal(id, unknown[i].id);
	}
}

static void test_no_names(void **state)
{
	static const char *const bad[] = {"", "e", "en", "en:id", "en1", "en1:", "en1:id", "en:id1",
		"en01:id1", "en1:id01", "en1:id00", "en1:id65536", "sflow1048576:id1",
		"sflow1:id4096", "sflow:id1", "en4294967296:id1", "en1:id1x", "en-1:id1",
		"en1:id-1", "en1:ie1", "EN1:id1", "en99999999999999999999:id1", "octetdeltacount",
		"octetDeltaCoun", "octetDeltaCount ", "OctetDeltaCount", "reverse",
		"reverseNothing", "reverseoctetDeltaCount", "reverseReverseOctetDeltaCount",
		"v9OctetDeltaCount", "v9", "fw_event"};
	(void)state;
	for (size_t i = 0; i < LEN(bad); i++) {
		uint32_t pen;
		uint16_t id;
		if (element_by_name(bad[i], strlen(bad[i]), &pen, &id) != ERR_SYNTAX)
			fail_msg("'%s' is taken for en%u:id%u", bad[i], pen, id);
	}
}

/* A known element by its number is found too, and no byte behind the name is looked at. */
static void test_by_number(void **state)
{
	uint32_t pen;
	uint16_t id;
	(void)state;
	assert_int_equal(element_by_name("en0:id18", 7, &pen, &id), 0);
	assert_int_equal(pen, 0);
	assert_int_equal(id, 1);
	assert_int_equal(element_by_name("octetDeltaCountX", 15, &pen, &id), 0);
	assert_int_equal(id, 1);
}

/* Checks the JSON of a value; NULL: there is none. */
static void check_value(enum element_type type, const void *bytes, size_t len, const char *expected)
{
	struct element e = {0, 1, (uint8_t)type, "x"};
	uint8_t *block = malloc(len + !len);
	char *out = malloc(6 * len + ELEMENT_VALUE_ROOM);
	assert_non_null(block);
	assert_non_null(out);
	memcpy(block, bytes, len);
	size_t n = element_value_json(&e, block, len, out);
	if (expected) {
		if (n != strlen(expected) || memcmp(out, expected, n) != 0)
			fail_msg("expected %s, found %.*s", expected, (int)n, out);
		json_t *json = json_loadb(out, n, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, NULL);
		assert_non_null(json);
		json_decref(json);
	} else if (n != 0) {
		fail_msg("expected nothing, found %.*s", (int)n, out);
	}
	free(out);
	free(block);
}

#define CHECK(type, bytes, expected) check_value(ELEMENT_##type, bytes, sizeof(bytes) - 1, expected)

static void test_integers(void **state)
{
	(void)state;
	CHECK(UNSIGNED, "", NULL);
	CHECK(UNSIGNED, "\x00", "0");
	CHECK(UNSIGNED, "\xff", "255");
	CHECK(UNSIGNED, "\x01\x00", "256");
	CHECK(UNSIGNED, "\x01\x00\x00", "65536");
	CHECK(UNSIGNED, "\xff\xff\xff\xff", "4294967295");
	CHECK(UNSIGNED, "\x01\x00\x00\x00\x00", "4294967296");
	CHECK(UNSIGNED, "\x01\x00\x00\x00\x00\x00", "1099511627776");
	CHECK(UNSIGNED, "\x01\x00\x00\x00\x00\x00\x00", "281474976710656");
	CHECK(UNSIGNED, "\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709551615");
	CHECK(UNSIGNED, "\x00\x00\x00\x00\x00\x00\x00\x00\x01", NULL);
	CHECK(SIGNED, "", NULL);
	CHECK(SIGNED, "\x7f", "127");
	CHECK(SIGNED, "\xff", "-1");
	CHECK(SIGNED, "\x80", "-128");
	CHECK(SIGNED, "\x80\x00\x00", "-8388608");
	CHECK(SIGNED, "\xff\xff\xff\xfe", "-2");
	CHECK(SIGNED, "\x7f\xff\xff\xff\xff\xff\xff\xff", "9223372036854775807");
	CHECK(SIGNED, "\x80\x00\x00\x00\x00\x00\x00\x00", "-9223372036854775808");
	CHECK(SIGNED, "\x00\x00\x00\x00\x00\x00\x00\x00\x01", NULL);
}

static void test_floats(void **state)
{
	(void)state;
	CHECK(FLOAT, "\x3f\x80\x00\x00", "1");
	CHECK(FLOAT, "\x3d\xcc\xcc\xcd", "0.1");
	CHECK(FLOAT, "\xc0\x20\x00\x00", "-2.5");
	CHECK(FLOAT, "\x7f\x7f\xff\xff", "3.4028235e+38");
	CHECK(FLOAT, "\x00\x00\x00\x01", "1.4013e-45");
	CHECK(FLOAT, "\x7f\x80\x00\x00", NULL);
	CHECK(FLOAT, "\x7f\xc0\x00\x00", NULL);
	CHECK(FLOAT, "\x3f\xf0\x00\x00\x00\x00\x00\x00", "1");
	CHECK(FLOAT, "\x3f\xb9\x99\x99\x99\x99\x99\x9a", "0.1");
	CHECK(FLOAT, "\x3f\xd5\x55\x55\x55\x55\x55\x55", "0.3333333333333333");
	CHECK(FLOAT, "\xff\xef\xff\xff\xff\xff\xff\xff", "-1.7976931348623157e+308");
	CHECK(FLOAT, "\x7f\xf0\x00\x00\x00\x00\x00\x00", NULL);
	CHECK(FLOAT, "\x7f\xf8\x00\x00\x00\x00\x00\x00", NULL);
	CHECK(FLOAT, "", NULL);
	CHECK(FLOAT, "\x3f\x80\x00", NULL);
	CHECK(FLOAT, "\x3f\x80\x00\x00\x00", NULL);
}

static void test_times(void **state)
{
	(void)state;
	CHECK(SECONDS, "\x00\x00\x00\x00", "\"1970-01-01T00:00:00Z\"");
	CHECK(SECONDS, "\xff\xff\xff\xff", "\"2106-02-07T06:28:15Z\"");
	CHECK(SECONDS, "\x00\x00\x00", NULL);
	CHECK(SECONDS, "\x00\x00\x00\x00\x00\x00\x00\x00", NULL);
	CHECK(MILLISECONDS, "\x00\x00\x01\x4f\xb2\xb5\x0b\x9f", "\"2015-09-09T15:24:13.599Z\"");
	CHECK(MILLISECONDS, "\x00\x00\x10\xc6\xf7\xa0\xb5\xed", "\"2554-07-21T23:34:33.709Z\"");
	CHECK(MILLISECONDS, "\x00\x00\x10\xc6\xf7\xa0\xb5\xee", NULL);
	CHECK(MILLISECONDS, "\xff\xff\xff\xff\xff\xff\xff\xff", NULL);
	CHECK(MILLISECONDS, "\x00\x00\x00\x00", NULL);
	/* 2208988800 is 0x83aa7e80 */
	CHECK(MICROSECONDS, "\x83\xaa\x7e\x80\x00\x00\x00\x00", "\"1970-01-01T00:00:00.000000Z\"");
	CHECK(MICROSECONDS, "\x83\xaa\x7e\x80\x80\x00\x00\x00", "\"1970-01-01T00:00:00.500000Z\"");
	CHECK(MICROSECONDS, "\x83\xaa\x7e\x80\x00\x00\x10\x00", "\"1970-01-01T00:00:00.000001Z\"");
	CHECK(MICROSECONDS, "\x83\xaa\x7e\x80\x00\x00\x07\xff", "\"1970-01-01T00:00:00.000000Z\"");
	CHECK(MICROSECONDS, "\x83\xaa\x7e\x80\x00\x00\x0f\xff", "\"1970-01-01T00:00:00.000000Z\"");
	CHECK(MICROSECONDS, "\x83\xaa\x7e\x80\xff\xff\xff\xff", "\"1970-01-01T00:00:01.000000Z\"");
	CHECK(MICROSECONDS, "\xff\xff\xff\xff\x00\x00\x00\x00", "\"2036-02-07T06:28:15.000000Z\"");
	CHECK(MICROSECONDS, "\x00\x00\x00\x00\x80\x00\x00\x00", "\"2036-02-07T06:28:16.500000Z\"");
	CHECK(MICROSECONDS, "\x00\x00\x00\x00\x00\x00\x00\x00", NULL);
	CHECK(MICROSECONDS, "\x83\xaa\x7e\x80", NULL);
	CHECK(NANOSECONDS, "\x83\xaa\x7e\x80\x00\x00\x00\x04",
		"\"1970-01-01T00:00:00.000000001Z\"");
	CHECK(NANOSECONDS, "\x83\xaa\x7e\x80\x00\x00\x07\xff",
		"\"1970-01-01T00:00:00.000000477Z\"");
	CHECK(NANOSECONDS, "\x83\xaa\x7e\x80\xff\xff\xff\xfc",
		"\"1970-01-01T00:00:00.999999999Z\"");
	CHECK(NANOSECONDS, "\x83\xaa\x7e\x80\xff\xff\xff\xff",
		"\"1970-01-01T00:00:01.000000000Z\"");
	CHECK(NANOSECONDS, "\x83\xaa\x7e\x80\x00\x00\x00", NULL);
	CHECK(NANOSECONDS, "", NULL);
}

static void test_strings(void **state)
{
	(void)state;
	CHECK(STRING, "", "\"\"");
	CHECK(STRING, "eth0", "\"eth0\"");
	CHECK(STRING, "eth0\0\0\0", "\"eth0\"");
	CHECK(STRING, "\0\0\0", "\"\"");
	CHECK(STRING, "a\0b", NULL);
	CHECK(STRING, "\0a", NULL);
	CHECK(STRING, "say \"hi\" \\ /", "\"say \\\"hi\\\" \\\\ /\"");
	CHECK(STRING, "a\nb\tc\x01", "\"a\\nb\\tc\\u0001\"");
	CHECK(STRING, "\x7f", "\"\x7f\"");
	CHECK(STRING, "Z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x99\x82",
		"\"Z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x99\x82\"");
	CHECK(STRING, "Z\xfcrich", NULL);
	CHECK(STRING, "\xc0\x80", NULL);
	CHECK(STRING, "\xed\xa0\x80", NULL);
	CHECK(STRING, "\xe2\x82", NULL);
	CHECK(STRING, "\xf4\x90\x80\x80", NULL);
}

static void test_longest_string(void **state)
{
	static uint8_t bytes[65535];
	static char expected[6 * sizeof bytes + 3];
	(void)state;
	char *p = expected;
	*p++ = '"';
	for (size_t i = 0; i < sizeof bytes; i++, p += 6) {
		bytes[i] = 2;
		memcpy(p, "\\u0002", 6);
	}
	*p++ = '"';
	*p = '\0';
	check_value(ELEMENT_STRING, bytes, sizeof bytes, expected);
}

static void test_others(void **state)
{
	(void)state;
	CHECK(BOOLEAN, "\x01", "true");
	CHECK(BOOLEAN, "\x02", "false");
	CHECK(BOOLEAN, "\x00", NULL);
	CHECK(BOOLEAN, "\x03", NULL);
	CHECK(BOOLEAN, "", NULL);
	CHECK(BOOLEAN, "\x00\x01", NULL);
	CHECK(MAC, "\x00\x1b\x21\x0a\xff\x9c", "\"00:1b:21:0a:ff:9c\"");
	CHECK(MAC, "\x00\x1b\x21\x0a\xff", NULL);
	CHECK(MAC, "\x00\x1b\x21\x0a\xff\x9c\x00\x00", NULL);
	CHECK(IPV4, "\xc0\x00\x02\x21", "\"192.0.2.33\"");
	CHECK(IPV4, "\xc0\x00\x02", NULL);
	CHECK(IPV4, "\xc0\x00\x02\x21\x18", NULL);
	CHECK(IPV6, " \x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", "\"2001:db8::1\"");
	CHECK(IPV6, "\xc0\x00\x02\x21", NULL);
	CHECK(IPV6, "", NULL);
	CHECK(OCTETS, "abc", NULL);
	CHECK(OCTETS, "", NULL);
	CHECK(BASIC_LIST, "\x03\x00\x01\x00\x04", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unique),
		cmocka_unit_test(test_plain_names),
		cmocka_unit_test(test_names_lead_back),
		cmocka_unit_test(test_sources_are_known),
		cmocka_unit_test(test_known_elements),
		cmocka_unit_test(test_iana_whole),
		cmocka_unit_test(test_enterprises),
		cmocka_unit_test(test_unknown_elements),
		cmocka_unit_test(test_no_names),
		cmocka_unit_test(test_by_number),
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_floats),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_longest_string),
		cmocka_unit_test(test_others),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
