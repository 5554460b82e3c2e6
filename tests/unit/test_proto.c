#include "lib/proto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/proto_numbers.h"
#include "lib/stream.h"
#include "tests/unit/records.h"

static struct proto_writer *writer;
static struct proto_reader *reader;
static struct sample sample;
static struct record record;
static uint8_t message[2 * 1024 * 1024];
static uint64_t unknown;

static int setup(void **state)
{
	(void)state;
	writer = proto_writer_new();
	reader = proto_reader_new();
	sample_clear(&sample);
	unknown = 0;
	return writer && reader ? record_init(&record) : -1;
}

static int teardown(void **state)
{
	(void)state;
	proto_writer_free(writer);
	proto_reader_free(reader);
	record_release(&record);
	return 0;
}

/* Reads from a block of its own size. The record does not borrow from it. */
static int read_bytes(const void *bytes, size_t len)
{
	uint8_t *block = malloc(len ? len : 1);
	if (len)
		memcpy(block, bytes, len);
	int err = proto_read(reader, block, len, &record, &unknown);
	memset(block, 0xa5, len);
	free(block);
	return err;
}

static void check(const struct record *r)
{
	size_t len = proto_write(writer, r, false, message, sizeof message);
	assert_int_equal(read_bytes(message, len), 0);
	assert_int_equal(unknown, 0);
	assert_true(record_equal(r, &record));
}

static void test_each_field(void **state)
{
	(void)state;
	for (int id = 0; id < FIELD_COUNT; id++)
		for (uint64_t seed = 0; seed < 100; seed++) {
			struct dice d = {seed};
			sample_clear(&sample);
			sample_field(&sample, (enum field_id)id, &d);
			check(&sample.record);
		}
}

static void test_random_records(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 2000; seed++) {
		struct dice d = {seed};
		sample_random(&sample, &d);
		check(&sample.record);
		sample_full(&sample, &d);
		check(&sample.record);
	}
	sample_clear(&sample);
	check(&sample.record); /* nothing of those before is left */
}

/* How numbers are made; which field has which is pinned by tests/proto.pinned. */
static void test_numbers(void **state)
{
	(void)state;
	for (size_t i = 0; i < FIELD_COUNT; i++)
		assert_int_equal(PROTO_TAG(i), i + 1);
	assert_int_equal(PROTO_EXTRA, 1000);
	assert_int_equal(PROTO_DIGITS, 1024);
}

/* Bytes by hand, after the encoding's own description. */
static void test_bytes(void **state)
{
	static const uint8_t a1[] = {192, 0, 2, 1};
	static const uint8_t expected[] = {0x1a, 4, 192, 0, 2, 1, /* 3: exporter */
		0x20, 0x87, 0x10,                                 /* 4: exporter_port 2055 */
		0x70, 0x80, 0xa8, 0xd6, 0xb9, 0x07,               /* 14: last_switched, 2 s */
		0xf0, 0x40, 3};                                   /* 1038: its digits */
	struct record *r = &sample.record;
	(void)state;
	RECORD_SET(r, exporter, ip_from4(a1));
	RECORD_SET(r, exporter_port, 2055);
	RECORD_SET(r, last_switched, ((struct instant){2 * NS_PER_S, 3}));
	size_t len = proto_write(writer, r, true, message, sizeof message);
	assert_int_equal(len, sizeof expected + 1);
	assert_int_equal(message[0], sizeof expected);
	assert_memory_equal(message + 1, expected, sizeof expected);
	assert_int_equal(proto_write(writer, r, true, message, len - 1), 0);
	assert_int_equal(proto_write(writer, r, true, message, len), len);
	assert_int_equal(proto_write(writer, r, false, message, len - 1), len - 1);
	assert_int_equal(proto_write(writer, r, false, message, 0), 0);
}

#define READ(...) read_bytes((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void test_refused(void **state)
{
	(void)state;
	assert_int_equal(READ(0x1a, 4, 1, 2), ERR_PROTO_SYNTAX);          /* torn */
	assert_int_equal(READ(0x1a, 3, 1, 2, 3), ERR_PROTO_VALUE);        /* address of 3 bytes */
	assert_int_equal(READ(0x20, 0x80, 0x80, 0x04), ERR_PROTO_VALUE);  /* port 65536 */
	assert_int_equal(READ(0x28, 0x80, 0x02), ERR_PROTO_VALUE);        /* version 256 */
	assert_int_equal(READ(0x70, 1, 0xf0, 0x40, 4), ERR_PROTO_VALUE);  /* 4 digits */
	assert_int_equal(READ(0x70, 1, 0xf0, 0x40, 12), ERR_PROTO_VALUE); /* 12 digits */
	assert_int_equal(
		READ(0xc2, 0x3e, 4, 0x10, 0x80, 0x80, 0x04), ERR_PROTO_VALUE); /* element 65536 */
	assert_int_equal(READ(0x20, 0xff, 0xff, 0x03), 0);
	assert_int_equal(record.exporter_port, 65535);
}

static void test_unknown_numbers_are_counted(void **state)
{
	(void)state;
	assert_int_equal(
		READ(0x20, 7, 0xf8, 0x3e, 1, 0xc2, 0x3e, 2, 0x78, 1), 0); /* 1007; 15 of an extra */
	assert_int_equal(unknown, 2);
	assert_int_equal(record.exporter_port, 7);
	assert_int_equal(record.extra_count, 1);
}

static void test_most_extras(void **state)
{
	static struct extra extras[EXTRAS_MAX + 1];
	static const uint8_t bytes[40] = {1, 2, 3};
	struct record r = {.extras = extras, .extra_count = EXTRAS_MAX};
	(void)state;
	for (uint32_t i = 0; i <= EXTRAS_MAX; i++)
		extras[i] = (struct extra){UINT32_MAX, (uint16_t)i, sizeof bytes, bytes};
	check(&r);
	r.extra_count++;
	assert_int_equal(proto_write(writer, &r, false, message, sizeof message), 0);
	/* One more than that, and so many that there is no memory for them. */
	for (size_t i = 0; i + 3 <= sizeof message; i += 3)
		memcpy(message + i, "\xc2\x3e", 3);
	assert_int_equal(read_bytes(message, 3 * (EXTRAS_MAX + 1)), ERR_PROTO_VALUE);
	assert_int_equal(read_bytes(message, sizeof message / 3 * 3), ERR_PROTO_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_each_field, setup, teardown),
		cmocka_unit_test_setup_teardown(test_random_records, setup, teardown),
		cmocka_unit_test_setup_teardown(test_numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown_numbers_are_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_most_extras, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
