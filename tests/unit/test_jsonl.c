#include "lib/jsonl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/jsontext.h"
#include "lib/stream.h"
#include "tests/unit/records.h"

static struct jsonl_reader *reader;
static struct sample sample;
static struct record record;
static char line[JSONL_LINE_MAX];
static size_t offset;
static uint64_t unknown;

static int setup(void **state)
{
	(void)state;
	reader = jsonl_reader_new();
	sample_clear(&sample);
	unknown = 0;
	return reader ? record_init(&record) : -1;
}

static int teardown(void **state)
{
	(void)state;
	jsonl_reader_free(reader);
	record_release(&record);
	return 0;
}

/* Reads from a block of its own size. The reader's strings do not borrow from the line. */
static int read_bytes(const char *text, size_t len)
{
	char *block = malloc(len ? len : 1);
	memcpy(block, text, len);
	int err = jsonl_read(reader, block, len, &record, &offset, &unknown);
	free(block);
	return err;
}

static int read_text(const char *text)
{
	return read_bytes(text, strlen(text));
}

/* Writes, and checks that it is one line of UTF-8. */
static size_t write_line(const struct record *r)
{
	size_t len = jsonl_write(r, line, sizeof line);
	assert_true(len > 2);
	assert_int_equal(line[0], '{');
	assert_int_equal(line[len - 1], '\n');
	for (size_t i = 0; i < len - 1;) {
		size_t n = utf8_length((const uint8_t *)line + i, len - i);
		assert_true(n > 0 && (uint8_t)line[i] >= 0x20);
		i += n;
	}
	return len;
}

static void check(const struct record *r)
{
	size_t len = write_line(r);
	int err = read_bytes(line, len - 1);
	if (err)
		fail_msg("%s at %zu: %.*s", err_sentence(err), offset, (int)len, line);
	if (!record_equal(r, &record))
		fail_msg("comes back another: %.*s", (int)len, line);
}

/* There and back
 * ----------------------------------------------------------------------------------- */

static void test_each_field(void **state)
{
	struct dice d = {1};
	(void)state;
	for (int id = 0; id < FIELD_COUNT; id++)
		for (int i = 0; i < 100; i++) {
			sample_clear(&sample);
			sample_field(&sample, (enum field_id)id, &d);
			check(&sample.record);
		}
	sample_clear(&sample);
	check(&sample.record); /* {} */
	assert_int_equal(unknown, 0);
}

static void test_random_records(void **state)
{
	struct dice d = {2};
	(void)state;
	for (int i = 0; i < 20000; i++) {
		sample_random(&sample, &d);
		check(&sample.record);
	}
	for (int i = 0; i < 500; i++) {
		sample_full(&sample, &d);
		check(&sample.record);
	}
	assert_int_equal(unknown, 0);
}

/* All 65,536 pairs of bytes as text, alone and between letters. */
static void test_text_of_any_bytes(void **state)
{
	(void)state;
	for (unsigned pair = 0; pair < 65536; pair++) {
		char text[4] = {'a', (char)(pair >> 8), (char)pair, 'z'};
		sample_clear(&sample);
		RECORD_SET(&sample.record, user_name, sample_text(&sample, text, sizeof text));
		RECORD_SET(&sample.record, app_name, sample_text(&sample, text + 1, 2));
		check(&sample.record);
	}
}

static void test_integers_of_any_size(void **state)
{
	(void)state;
	for (unsigned shift = 0; shift < 64; shift++)
		for (int more = -1; more <= 1; more++) {
			sample_clear(&sample);
			RECORD_SET(
				&sample.record, in_bytes, (UINT64_C(1) << shift) + (uint64_t)more);
			check(&sample.record);
		}
	for (uint64_t p = 1, i = 0; i < 20; p *= 10, i++)
		for (int more = -1; more <= 1; more++) {
			sample_clear(&sample);
			RECORD_SET(&sample.record, in_bytes, p + (uint64_t)more);
			check(&sample.record);
			char text[64];
			size_t len = write_line(&sample.record);
			snprintf(text, sizeof text, "{\"in_bytes\":%llu}\n",
				(unsigned long long)(p + (uint64_t)more));
			assert_int_equal(len, strlen(text));
			assert_memory_equal(line, text, len);
		}
}

static void test_a_line_to_the_letter(void **state)
{
	static const uint8_t six[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}, four[4] = {192, 0, 2, 7};
	static const char expected[] = "{\"received\":\"2023-11-14T22:13:20.123456789Z\","
				       "\"version\":9,\"sampling_source\":\"options\","
				       "\"last_switched\":\"2023-11-14T22:13:20.120Z\",\"time_"
				       "source\":\"last_switched\",\"src_ip\":\"192.0.2.7\","
				       "\"dst_ip\":\"2001:db8::1\",\"in_bytes\":"
				       "18446744073709551615,\"src_mac\":\"00:aa:0b:c0:ff:ee\","
				       "\"user_name\":\"a\\\"\\\\\\n\\u0001\xc3\xbc\",\"wlan_"
				       "ssid\":\"\xef\xbf\xbd\",\"wlan_ssid_hex\":\"ff\","
				       "\"extra\":{\"interfaceName\":[{\"value\":\"eth0\",\"hex\":"
				       "\"65746830\"},{\"value\":\"eth1\",\"hex\":"
				       "\"65746831\"}],\"en12345:id7\":{\"hex\":\"00ff\"}}}\n";
	struct record *r = &sample.record;
	(void)state;
	RECORD_SET(r, received, ((struct instant){UINT64_C(1700000000123456789), 9}));
	RECORD_SET(r, version, 9);
	RECORD_SET(r, sampling_source, 4);
	RECORD_SET(r, last_switched, ((struct instant){UINT64_C(1700000000120000000), 3}));
	RECORD_SET(r, time_source, 1);
	RECORD_SET(r, src_ip, ip_from4(four));
	RECORD_SET(r, dst_ip, ip_from6(six));
	RECORD_SET(r, in_bytes, UINT64_MAX);
	RECORD_SET(r, src_mac, ((struct mac){{0, 0xaa, 0x0b, 0xc0, 0xff, 0xee}}));
	RECORD_SET(r, user_name, sample_text(&sample, "a\"\\\n\x01\xc3\xbc", 7));
	RECORD_SET(r, wlan_ssid, sample_text(&sample, "\xff", 1));
	sample_extra(&sample, 0, 82, "eth0", 4);
	sample_extra(&sample, 0, 82, "eth1", 4);
	sample_extra(&sample, 12345, 7, "\0\xff", 2);
	size_t len = write_line(r);
	assert_int_equal(len, sizeof expected - 1);
	assert_memory_equal(line, expected, len);
	check(r);
}

/* What the records of a datagram share is rendered once; the lines are the same. */
static void test_runs(void **state)
{
	static char other[JSONL_LINE_MAX];
	struct jsonl_prefix prefix = {0};
	struct dice d = {3};
	(void)state;
	for (uint64_t run = 1; run < 200; run++) {
		uint64_t shared[FIELD_WORDS] = {dice_roll(&d) & 0x3fff, 0};
		if (run % 5 == 0) /* text among them, nothing, all fields up to text */
			shared[FIELD_user_name / 64] |= UINT64_C(1) << FIELD_user_name % 64;
		if (run % 7 == 0)
			memset(shared, 0, sizeof shared);
		static struct sample first;
		sample_full(&first, &d);
		for (int i = 0; i < 5; i++) {
			sample_random(&sample, &d);
			struct record *r = &sample.record;
			for (int id = 0; id < FIELD_COUNT; id++)
				if (shared[id / 64] >> (id % 64) & 1) {
					memcpy((char *)r + fields[id].offset,
						record_field(&first.record, id),
						id + 1 < FIELD_COUNT
							? fields[id + 1].offset - fields[id].offset
							: 1);
					record_mark(r, (enum field_id)id);
				}
			memcpy(r->shared, shared, sizeof shared);
			r->share_id = run;
			size_t len = jsonl_write_run(&prefix, r, other, sizeof other);
			assert_true(len > 0);
			/* keys may come in another order: shared ones first */
			assert_int_equal(read_bytes(other, len - 1), 0);
			if (!record_equal(r, &record))
				fail_msg(
					"run %llu: %.*s", (unsigned long long)run, (int)len, other);
			assert_int_equal(write_line(r), len);
		}
	}
}

/* By every capacity: all of it or nothing, and nothing behind it. */
static void test_room(void **state)
{
	static char out[128 * 1024];
	struct dice d = {4};
	(void)state;
	sample_full(&sample, &d);
	RECORD_SET(&sample.record, user_name, sample_text(&sample, out, 2000));
	sample_extra(&sample, 0, 210, out, 3000);
	size_t need = write_line(&sample.record);
	size_t extras = 0, least = 0;
	for (size_t cap = 0; cap < sizeof out; cap += 97) {
		memset(out, 0x77, sizeof out);
		size_t len = jsonl_write(&sample.record, out, cap);
		assert_true(len == 0 || (len == need && len <= cap));
		least = len && !least ? cap : least;
		assert_true(!least || len);
		for (size_t i = cap; i < sizeof out; i++)
			assert_int_equal(out[i], 0x77);
		len = jsonl_write_extras(&sample.record, out, cap);
		assert_true(len <= cap);
		assert_true(!extras || len == extras);
		extras = len;
		for (size_t i = cap; i < sizeof out; i++)
			assert_int_equal(out[i], 0x77);
	}
	assert_true(least > 0 && extras > 6000);
}

static void test_the_object_of_extras(void **state)
{
	static const char expected[] =
		"{\"interfaceName\":{\"value\":\"a\",\"hex\":\"61\"},\"en9:id1\":{\"hex\":\"\"}}";
	(void)state;
	sample_extra(&sample, 0, 82, "a", 1);
	sample_extra(&sample, 9, 1, "", 0);
	size_t len = jsonl_write_extras(&sample.record, line, sizeof line);
	if (len != sizeof expected - 1 || memcmp(line, expected, len) != 0)
		fail_msg("%.*s", (int)len, line);
}

/* Another JSON library
 * ------------------------------------------------------------------------------- */

/* jansson holds no integer above 2^63 - 1. */
static bool jansson_holds(const struct record *r)
{
	for (int id = 0; id < FIELD_COUNT; id++)
		if (fields[id].kind == KIND_U64 && record_has(r, id) &&
			*(const uint64_t *)record_field(r, id) > INT64_MAX)
			return false;
	return true;
}

static void agree_on(const json_t *value, const struct record *r, enum field_id id)
{
	char text[64];
	const void *at = record_field(r, id);
	switch (fields[id].kind) {
	case KIND_U8: assert_int_equal(json_integer_value(value), *(const uint8_t *)at); return;
	case KIND_U16: assert_int_equal(json_integer_value(value), *(const uint16_t *)at); return;
	case KIND_U32: assert_int_equal(json_integer_value(value), *(const uint32_t *)at); return;
	case KIND_U64: assert_int_equal(json_integer_value(value), *(const uint64_t *)at); return;
	case KIND_IP: assert_string_equal(json_string_value(value), ip_text(at, text)); return;
	case KIND_TIME:
		assert_string_equal(
			json_string_value(value), instant_text(*(const struct instant *)at, text));
		return;
	case KIND_WORD:
		if (field_word(id, *(const uint8_t *)at))
			assert_string_equal(
				json_string_value(value), field_word(id, *(const uint8_t *)at));
		else
			assert_int_equal(json_integer_value(value), *(const uint8_t *)at);
		return;
	default: assert_true(json_is_string(value)); return;
	}
}

static size_t present_count(const struct record *r)
{
	size_t n = 0;
	for (size_t w = 0; w < FIELD_WORDS; w++)
		n += (size_t)__builtin_popcountll(r->present[w]);
	return n;
}

static void test_jansson_agrees(void **state)
{
	struct dice d = {5};
	unsigned compared = 0;
	(void)state;
	for (int i = 0; i < 5000; i++) {
		json_error_t error;
		sample_random(&sample, &d);
		if (!jansson_holds(&sample.record))
			continue;
		const struct record *r = &sample.record;
		size_t len = write_line(r);
		json_t *o = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
		if (!o && strstr(error.text, "too big"))
			continue; /* in the value of an extra */
		if (!o)
			fail_msg("%s: %.*s", error.text, (int)len, line);
		size_t members = present_count(r) + (r->extra_count > 0);
		for (int id = 0; id < FIELD_COUNT; id++) {
			char hex[64];
			json_t *value = json_object_get(o, fields[id].name);
			assert_int_equal(value != NULL, record_has(r, id));
			if (value)
				agree_on(value, r, id);
			snprintf(hex, sizeof hex, "%s_hex", fields[id].name);
			members += json_object_get(o, hex) != NULL;
		}
		assert_int_equal(json_object_size(o), members);
		/* what jansson writes of it, with all its escapes, spaces and another order, is
		 * read back equal */
		for (int k = 0; k < 3; k++) {
			static const size_t flags[] = {JSON_ENSURE_ASCII | JSON_COMPACT,
				JSON_INDENT(2) | JSON_ESCAPE_SLASH, JSON_PRESERVE_ORDER};
			char *text = json_dumps(o, flags[k]);
			assert_int_equal(read_bytes(text, strlen(text)), 0);
			if (k == 2 || r->extra_count < 2)
				assert_true(record_equal(r, &record));
			free(text);
		}
		json_decref(o);
		compared++;
	}
	assert_true(compared > 1000);
}

/* Reading
 * ---------------------------------------------------------------------------------------------- */

static void test_lines_that_people_write(void **state)
{
	(void)state;
	assert_int_equal(read_text(" { \"src_port\" : 53 , \"dst_port\":\t0 } \r"), 0);
	assert_int_equal(record.src_port, 53);
	assert_int_equal(record.dst_port, 0);
	assert_int_equal(present_count(&record), 2); /* no last_switched is made up */
	assert_int_equal(read_text("{}"), 0);
	assert_int_equal(present_count(&record), 0);
	assert_int_equal(
		read_text("{\"src_port\":null,\"user_name\":null,\"src_ip\":null,\"extra\":null}"),
		0);
	assert_int_equal(present_count(&record), 0);
	assert_int_equal(
		read_text("{\"src_ip\":\"::ffff:10.0.0.1\",\"src_mac\":\"00:AA:bb:CC:dd:EE\"}"), 0);
	assert_int_equal(record.src_ip.b[12], 10);
	assert_int_equal(record.src_mac.b[1], 0xaa);
	assert_int_equal(read_text("{\"received\":\"2023-11-14T23:13:20.5+01:00\"}"), 0);
	assert_int_equal(record.received.ns, UINT64_C(1700000000500000000));
	assert_int_equal(record.received.digits, 3);
	assert_int_equal(read_text("{\"time_source\":\"received\",\"sampling_source\":77}"), 0);
	assert_int_equal(record.time_source, 5);
	assert_int_equal(record.sampling_source, 77);
	assert_int_equal(read_text("{\"extra\":{}}"), 0);
	assert_int_equal(record.extra_count, 0);
	assert_int_equal(unknown, 0);
}

static void test_keys_that_are_no_fields(void **state)
{
	(void)state;
	assert_int_equal(
		read_text("{\"a\":1,\"b\":-1.5e+7,\"c\":[],\"d\":{},\"e\":[1,\"x\",{\"y\":[null,"
			  "true,false]}],"
			  "\"src_port\":53,\"src_port_\":1,\"src_por\":1,\"SRC_PORT\":1,\"\":0,"
			  "\"src_port_hex\":\"00\",\"_hex\":1,\"src_port\\u0000\":9}"),
		0);
	assert_int_equal(unknown, 12);
	assert_int_equal(record.src_port, 53);
	assert_int_equal(present_count(&record), 1);
	unknown = 0;
	assert_int_equal(read_text("{\"extra\":{\"nonsense\":{\"hex\":\"00\"},\"en1:id99999\":1,"
				   "\"interfaceName\":{\"hex\":\"61\"}}}"),
		0);
	assert_int_equal(unknown, 2);
	assert_int_equal(record.extra_count, 1);
}

static void test_lines_of_other_types(void **state)
{
	(void)state;
	assert_int_equal(read_text("{\"type\":\"counters\",\"obs_point\":3}"), ERR_OTHER_RECORD);
	assert_int_equal(read_text("{\"obs_point\":3,\"type\":\"counters\"}"), ERR_OTHER_RECORD);
	assert_int_equal(unknown, 0);
	assert_int_equal(read_text("{\"type\":\"counter\",\"obs_point\":3}"), 0);
	assert_int_equal(read_text("{\"type\":[\"counters\"],\"obs_point\":3}"), 0);
	assert_int_equal(record.obs_point, 3);
	assert_int_equal(unknown, 2);
}

static int read_counters(const char *text, struct text *counters)
{
	return jsonl_read_counters(reader, text, strlen(text), &record, counters);
}

static void test_lines_of_counters(void **state)
{
	static const char good[] = "{\"sequence\":7,\"type\":\"counters\",\"x\":1,\"counters\": "
				   "{\"a\":[18446744073709551616,{}]} ,\"obs_point\":3}";
	struct text counters;
	(void)state;
	assert_int_equal(read_counters(good, &counters), 0);
	assert_int_equal(record.sequence, 7);
	assert_int_equal(record.obs_point, 3);
	assert_int_equal(counters.len, 31);
	assert_memory_equal(counters.p, "{\"a\":[18446744073709551616,{}]}", counters.len);
	assert_int_equal(read_counters("{\"type\":\"counters\"}", &counters), ERR_JSON_VALUE);
	assert_int_equal(read_counters("{\"counters\":{}}", &counters), ERR_JSON_VALUE);
	assert_int_equal(read_counters("{\"type\":\"counters\",\"counters\":[]}", &counters),
		ERR_JSON_VALUE);
	assert_int_equal(read_counters("{\"type\":\"counters\",\"counters\":{\"a\":}}", &counters),
		ERR_JSON_SYNTAX);
	assert_int_equal(read_counters("", &counters), ERR_JSON_SYNTAX);
	assert_int_equal(read_text("{\"counters\":{}}"), 0); /* a flow with a key that is none's */
	assert_int_equal(unknown, 1);
}

static void test_escapes(void **state)
{
	static const struct {
		const char *json, *text;
	} cases[] = {
		{"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"},
		{"\\u0041\\u00e4\\u20ac\\uFFFD", "A\xc3\xa4\xe2\x82\xac\xef\xbf\xbd"},
		{"\\ud83c\\udf0d", "\xf0\x9f\x8c\x8d"},
		{"\\uD800\\uDC00\\uDBFF\\uDFFF", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"},
		{"\\u007f\\u0080\\u07ff\\u0800\\uffff",
			"\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"},
		{"\xf0\x9f\x8c\x8d", "\xf0\x9f\x8c\x8d"},
	};
	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		char text[128];
		snprintf(text, sizeof text, "{\"user_name\":\"%s\"}", cases[i].json);
		assert_int_equal(read_text(text), 0);
		assert_int_equal(record.user_name.len, strlen(cases[i].text));
		assert_memory_equal(record.user_name.p, cases[i].text, record.user_name.len);
	}
	assert_int_equal(read_text("{\"user_name\":\"a\\u0000b\"}"), 0);
	assert_int_equal(record.user_name.len, 3);
	assert_int_equal(record.user_name.p[1], 0);
	assert_int_equal(read_text("{\"src\\u005fport\":7}"), 0); /* in keys too */
	assert_int_equal(record.src_port, 7);
}

static void test_hex_beside_text(void **state)
{
	static const char *const same[] = {
		"{\"user_name\":\"x\",\"user_name_hex\":\"61FF00\"}",
		"{\"user_name_hex\":\"61ff00\",\"user_name\":\"x\"}",
		"{\"user_name_hex\":\"61ff00\"}",
		"{\"user_name_hex\":\"61ff00\",\"user_name\":null}",
	};
	(void)state;
	for (size_t i = 0; i < LEN(same); i++) {
		assert_int_equal(read_text(same[i]), 0);
		assert_int_equal(present_count(&record), 1);
		assert_int_equal(record.user_name.len, 3);
		assert_memory_equal(record.user_name.p, "a\xff\0", 3);
	}
	assert_int_equal(read_text("{\"user_name_hex\":\"\",\"app_name\":\"dns\"}"), 0);
	assert_true(record_has(&record, FIELD_user_name));
	assert_int_equal(record.user_name.len, 0);
	/* from one line to the next nothing is remembered */
	assert_int_equal(read_text("{\"user_name\":\"x\"}"), 0);
	assert_memory_equal(record.user_name.p, "x", 1);
}

/* Of a key that occurs twice the last one counts (RFC 8259, section 4); elements add up. */
static void test_duplicates(void **state)
{
	(void)state;
	assert_int_equal(
		read_text(
			"{\"src_port\":1,\"src_port\":2,\"user_name\":\"a\",\"user_name\":\"bc\"}"),
		0);
	assert_int_equal(record.src_port, 2);
	assert_int_equal(record.user_name.len, 2);
	assert_memory_equal(record.user_name.p, "bc", 2);
	assert_int_equal(read_text("{\"user_name_hex\":\"aa\",\"user_name_hex\":\"bb\"}"), 0);
	assert_memory_equal(record.user_name.p, "\xbb", 1);
	assert_int_equal(read_text("{\"extra\":{\"en9:id1\":{\"hex\":\"01\"}},\"extra\":{\"en9:"
				   "id1\":{\"hex\":\"02\"}}}"),
		0);
	assert_int_equal(record.extra_count, 2);
	assert_memory_equal(record.extras[0].bytes, "\x01", 1);
	assert_memory_equal(record.extras[1].bytes, "\x02", 1);
}

static void test_extras_in_any_form(void **state)
{
	(void)state;
	assert_int_equal(read_text("{\"extra\":{\"interfaceName\":{\"hex\":\"6161\",\"value\":{"
				   "\"deep\":[1,\"2\"]},\"more\":0},"
				   "\"en5:id6\":[{\"value\":\"x\",\"hex\":\"62\"},{\"hex\":\"\"}]},"
				   "\"user_name\":\"u\"}"),
		0);
	assert_int_equal(record.extra_count, 3);
	assert_int_equal(record.extras[0].id, 82);
	assert_int_equal(record.extras[0].len, 2);
	assert_memory_equal(record.extras[0].bytes, "aa", 2);
	assert_int_equal(record.extras[1].pen, 5);
	assert_memory_equal(record.extras[1].bytes, "b", 1);
	assert_int_equal(record.extras[2].len, 0);
	assert_memory_equal(record.user_name.p, "u", 1);
}

#define SYNTAX ERR_JSON_SYNTAX
#define VALUE  ERR_JSON_VALUE

static void test_malformed_lines(void **state)
{
	static const struct {
		const char *line;
		int err;
		size_t offset;
	} cases[] = {
		{"", SYNTAX, 0},
		{"   ", SYNTAX, 3},
		{"null", SYNTAX, 0},
		{"[]", SYNTAX, 0},
		{"{", SYNTAX, 1},
		{"}", SYNTAX, 0},
		{"{}}", SYNTAX, 2},
		{"{} x", SYNTAX, 3},
		{"{,}", SYNTAX, 1},
		{"{\"src_port\"}", SYNTAX, 11},
		{"{\"src_port\":}", VALUE, 12},
		{"{\"src_port\":1", SYNTAX, 13},
		{"{\"src_port\":1,", SYNTAX, 14},
		{"{\"src_port\":1,}", SYNTAX, 14},
		{"{\"src_port\":1 \"dst_port\":2}", SYNTAX, 14},
		{"{\"src_port\":1;}", SYNTAX, 13},
		{"{src_port:1}", SYNTAX, 1},
		{"{'src_port':1}", SYNTAX, 1},
		{"{\"src_port\":01}", SYNTAX, 14},
		{"{\"src_port\":+1}", VALUE, 12},
		{"{\"src_port\":-1}", VALUE, 12},
		{"{\"src_port\":1.0}", VALUE, 13},
		{"{\"src_port\":1e3}", VALUE, 13},
		{"{\"src_port\":65536}", VALUE, 16},
		{"{\"protocol\":256}", VALUE, 14},
		{"{\"in_if\":4294967296}", VALUE, 18},
		{"{\"in_bytes\":18446744073709551616}", VALUE, 31},
		{"{\"in_bytes\":99999999999999999999}", VALUE, 31},
		{"{\"src_port\":\"53\"}", VALUE, 12},
		{"{\"src_port\":true}", VALUE, 12},
		{"{\"src_port\":nul}", SYNTAX, 12},
		{"{\"src_ip\":1}", VALUE, 10},
		{"{\"src_ip\":\"\"}", VALUE, 10},
		{"{\"src_ip\":\"1.2.3\"}", VALUE, 10},
		{"{\"src_ip\":\"1.2.3.256\"}", VALUE, 10},
		{"{\"src_ip\":\"::g\"}", VALUE, 10},
		{"{\"src_mac\":\"00:11:22:33:44\"}", VALUE, 11},
		{"{\"src_mac\":\"00-11-22-33-44-55\"}", VALUE, 11},
		{"{\"src_mac\":\"00:11:22:33:44:5g\"}", VALUE, 11},
		{"{\"received\":1700000000}", VALUE, 12},
		{"{\"received\":\"2023-02-30T00:00:00Z\"}", VALUE, 12},
		{"{\"received\":\"2023-01-01\"}", VALUE, 12},
		{"{\"time_source\":\"nonsense\"}", VALUE, 0},
		{"{\"time_source\":\"\"}", VALUE, 0},
		{"{\"time_source\":256}", VALUE, 17},
		{"{\"user_name\":1}", VALUE, 13},
		{"{\"user_name\":\"a", SYNTAX, 15},
		{"{\"user_name\":\"a\\\"}", SYNTAX, 18},
		{"{\"user_name\":\"\\x\"}", SYNTAX, 16},
		{"{\"user_name\":\"\\u12\"}", SYNTAX, 0},
		{"{\"user_name\":\"\\u12g4\"}", SYNTAX, 18},
		{"{\"user_name\":\"\\ud800\"}", SYNTAX, 0},
		{"{\"user_name\":\"\\ud800\\n\"}", SYNTAX, 0},
		{"{\"user_name\":\"\\ud800\\u0041\"}", SYNTAX, 0},
		{"{\"user_name\":\"\\udc00\"}", SYNTAX, 0},
		{"{\"user_name\":\"\t\"}", SYNTAX, 14},
		{"{\"user_name\":\"\n\"}", SYNTAX, 14},
		{"{\"user_name\":\"\xff\"}", SYNTAX, 14},
		{"{\"user_name\":\"a\xc3\"}", SYNTAX, 15},
		{"{\"user_name\":\"\xc0\x80\"}", SYNTAX, 14},
		{"{\"user_name\":\"\xed\xa0\x80\"}", SYNTAX, 14},
		{"{\"user_name_hex\":\"0\"}", VALUE, 0},
		{"{\"user_name_hex\":\"0g\"}", VALUE, 0},
		{"{\"user_name_hex\":1}", VALUE, 17},
		{"{\"user_name_hex\":\"00}", SYNTAX, 21},
		{"{\"x\":}", SYNTAX, 5},
		{"{\"x\":tru}", SYNTAX, 5},
		{"{\"x\":-}", SYNTAX, 6},
		{"{\"x\":1.}", SYNTAX, 7},
		{"{\"x\":1e}", SYNTAX, 7},
		{"{\"x\":[1,]}", SYNTAX, 8},
		{"{\"x\":[1}", SYNTAX, 7},
		{"{\"x\":{\"y\"}}", SYNTAX, 9},
		{"{\"x\":{1:2}}", SYNTAX, 6},
		{"{\"extra\":[]}", SYNTAX, 9},
		{"{\"extra\":1}", SYNTAX, 9},
		{"{\"extra\":{\"interfaceName\":1}}", SYNTAX, 26},
		{"{\"extra\":{\"interfaceName\":[]}}", SYNTAX, 27},
		{"{\"extra\":{\"interfaceName\":{}}}", SYNTAX, 27},
		{"{\"extra\":{\"interfaceName\":{\"value\":\"a\"}}}", VALUE, 0},
		{"{\"extra\":{\"interfaceName\":{\"hex\":\"1\"}}}", VALUE, 0},
		{"{\"extra\":{\"interfaceName\":{\"hex\":null}}}", VALUE, 33},
		{"{\"extra\":{\"interfaceName\":{\"hex\":\"61\"}}", SYNTAX, 39},
	};
	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		int err = read_text(cases[i].line);
		if (err != cases[i].err)
			fail_msg("%s: %s, not %s", cases[i].line, err_sentence(err),
				err_sentence(cases[i].err));
		assert_true(offset <= strlen(cases[i].line));
		/* where no offset is given it need only lie within */
		if (cases[i].offset && offset != cases[i].offset)
			fail_msg("%s: at %zu, not %zu", cases[i].line, offset, cases[i].offset);
		/* the next line is none the worse */
		assert_int_equal(read_text("{\"src_port\":1}"), 0);
		assert_int_equal(present_count(&record), 1);
	}
}

/* Every cut of a long line is malformed; none reads behind its end. */
static void test_lines_cut_short(void **state)
{
	struct dice d = {6};
	(void)state;
	for (int i = 0; i < 20; i++) {
		sample_full(&sample, &d);
		size_t len = write_line(&sample.record) - 1;
		char *text = malloc(len);
		memcpy(text, line, len);
		for (size_t cut = 0; cut < len; cut += 1 + cut / 500)
			assert_int_not_equal(read_bytes(text, cut), 0);
		assert_int_equal(read_bytes(text, len), 0);
		free(text);
	}
}

/* A byte changed at random: a record, or an error with a place; then the next line reads as ever.
 */
static void test_damaged_lines(void **state)
{
	struct jsonl_reader *second = jsonl_reader_new();
	struct record other;
	struct dice d = {7};
	(void)state;
	assert_non_null(second);
	assert_int_equal(record_init(&other), 0);
	for (int i = 0; i < 20000; i++) {
		sample_random(&sample, &d);
		size_t len = write_line(&sample.record) - 1;
		char *text = malloc(len);
		memcpy(text, line, len);
		text[dice_below(&d, len)] = (char)dice_roll(&d);
		int err = read_bytes(text, len);
		assert_true(err == 0 || err == SYNTAX || err == VALUE);
		assert_true(offset <= len);
		if (!err) { /* what parses is written and read equal */
			static char again[JSONL_LINE_MAX];
			len = jsonl_write(&record, again, sizeof again);
			assert_true(len > 0);
			assert_int_equal(
				jsonl_read(second, again, len - 1, &other, &offset, &unknown), 0);
			assert_true(record_equal(&record, &other));
		}
		free(text);
	}
	jsonl_reader_free(second);
	record_release(&other);
}

static void test_depth(void **state)
{
	static char bomb[1000000];
	(void)state;
	for (size_t depth = 1; depth < 100; depth++) {
		size_t len = (size_t)snprintf(bomb, sizeof bomb, "{\"x\":");
		memset(bomb + len, '[', depth);
		memset(bomb + len + depth, ']', depth);
		len += 2 * depth;
		bomb[len++] = '}';
		int err = read_bytes(bomb, len);
		assert_int_equal(err, depth <= 33 ? 0 : SYNTAX);
	}
	static const char *const openings[] = {"[", "{\"x\":", "[{\"x\":["};
	for (size_t i = 0; i < LEN(openings); i++) {
		size_t len = (size_t)snprintf(bomb, sizeof bomb, "{\"x\":");
		size_t unit = strlen(openings[i]);
		while (len + unit < sizeof bomb) {
			memcpy(bomb + len, openings[i], unit);
			len += unit;
		}
		assert_int_equal(read_bytes(bomb, len), SYNTAX);
		assert_true(offset < 500);
	}
}

static void test_long_lines(void **state)
{
	static char text[JSONL_LINE_MAX + 10];
	(void)state;
	memset(text, ' ', sizeof text);
	memcpy(text, "{\"src_port\":1", 13);
	text[JSONL_LINE_MAX - 2] = '}';
	assert_int_equal(
		jsonl_read(reader, text, JSONL_LINE_MAX - 1, &record, &offset, &unknown), 0);
	assert_int_equal(record.src_port, 1);
	assert_int_equal(
		jsonl_read(reader, text, JSONL_LINE_MAX, &record, &offset, &unknown), VALUE);
	/* a text as long as one may be, and one byte longer */
	size_t head = (size_t)snprintf(text, sizeof text, "{\"user_name\":\"");
	memset(text + head, 'x', UINT16_MAX + 1);
	memcpy(text + head + UINT16_MAX, "\"}", 2);
	assert_int_equal(
		jsonl_read(reader, text, head + UINT16_MAX + 2, &record, &offset, &unknown), 0);
	assert_int_equal(record.user_name.len, UINT16_MAX);
	memcpy(text + head + UINT16_MAX, "x\"}", 3);
	assert_int_equal(
		jsonl_read(reader, text, head + UINT16_MAX + 3, &record, &offset, &unknown), VALUE);
}

static void test_as_many_extras_as_there_may_be(void **state)
{
	static char text[JSONL_LINE_MAX];
	(void)state;
	for (size_t n = EXTRAS_MAX; n <= EXTRAS_MAX + 1; n++) {
		size_t len = (size_t)snprintf(text, sizeof text, "{\"extra\":{\"en99999:id1\":[");
		for (size_t i = 0; i < n; i++)
			len += (size_t)snprintf(text + len, sizeof text - len,
				"%s{\"hex\":\"%02zx\"}", i ? "," : "", i & 255);
		len += (size_t)snprintf(text + len, sizeof text - len, "]}}");
		assert_int_equal(read_bytes(text, len), n == EXTRAS_MAX ? 0 : VALUE);
		if (n == EXTRAS_MAX) {
			assert_int_equal(record.extra_count, n);
			assert_int_equal(record.extras[n - 1].bytes[0], (n - 1) & 255);
			assert_int_equal(jsonl_write(&record, line, sizeof line), len + 1);
			assert_memory_equal(line, text, len);
		}
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_each_field),
		TEST(test_random_records),
		TEST(test_text_of_any_bytes),
		TEST(test_integers_of_any_size),
		TEST(test_a_line_to_the_letter),
		TEST(test_runs),
		TEST(test_room),
		TEST(test_the_object_of_extras),
		TEST(test_jansson_agrees),
		TEST(test_lines_that_people_write),
		TEST(test_lines_of_other_types),
		TEST(test_lines_of_counters),
		TEST(test_keys_that_are_no_fields),
		TEST(test_escapes),
		TEST(test_hex_beside_text),
		TEST(test_duplicates),
		TEST(test_extras_in_any_form),
		TEST(test_malformed_lines),
		TEST(test_lines_cut_short),
		TEST(test_damaged_lines),
		TEST(test_depth),
		TEST(test_long_lines),
		TEST(test_as_many_extras_as_there_may_be),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
