#include "lib/sql.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/err.h"
#include "lib/reject.h"
#include "tests/unit/records.h"

#define DAY_NS (86400 * NS_PER_S)

static struct sample sample;
static struct sql_settings set;

static int setup(void **state)
{
	(void)state;
	sample_clear(&sample);
	sql_defaults(&set);
	return 0;
}

static void names_belong_to_their_table(void **state)
{
	char name[SQL_NAME_MAX + 1];
	(void)state;
	assert_string_equal(sql_name(&set, "_ledger", name), "goflow_ledger");
	assert_int_equal(sql_option(&set, SQL_OPT_TABLE, "flows"), 0);
	assert_string_equal(sql_name(&set, "_minute_port", name), "flows_minute_port");
	assert_int_equal(sql_option(&set, SQL_OPT_TABLE, "_records"), 0);
	assert_string_equal(sql_name(&set, "_ledger", name), "_records_ledger");
}

static void what_is_no_name_is_refused(void **state)
{
	static const char *const bad[] = {"", "a b", "1a", "a\"b", "a;b", "goflow_ledger", "pg_x",
		"a234567890123456789012345678901234567890123456789"};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(sql_option(&set, SQL_OPT_TABLE, bad[i]), ERR_SYNTAX);
	assert_string_equal(set.table, "goflow_records");
	assert_int_equal(sql_option(&set, SQL_OPT_EXTRA, "yes"), ERR_SYNTAX);
	assert_int_equal(sql_option(&set, SQL_OPT_FIELDS, "src_ip,nothing"), ERR_SYNTAX);
	assert_int_equal(sql_option(&set, SQL_OPT_WINDOW, "never"), ERR_SYNTAX);
}

static void the_time_is_always_a_column(void **state)
{
	struct sql_columns c;
	(void)state;
	assert_int_equal(sql_option(&set, SQL_OPT_FIELDS, "src_ip"), 0);
	sql_columns(&c, &set, SQL_SIGNED_COUNTERS);
	assert_int_equal(c.count, 2);
	assert_int_equal(c.field[0], FIELD_last_switched);
	assert_int_equal(c.field[1], FIELD_src_ip);
}

static bool retimed(uint64_t received_ns, uint64_t last_ns)
{
	sample_clear(&sample);
	RECORD_SET(&sample.record, received, ((struct instant){.ns = received_ns, .digits = 9}));
	RECORD_SET(&sample.record, last_switched, ((struct instant){.ns = last_ns, .digits = 3}));
	return sql_row_time(&set, &sample.record);
}

static void a_time_outside_the_window_becomes_the_receipt(void **state)
{
	uint64_t now = 20000 * DAY_NS;
	(void)state;
	assert_false(retimed(now, now - 30 * DAY_NS));
	assert_false(retimed(now, now + DAY_NS));
	assert_true(retimed(now, now - 30 * DAY_NS - 1));
	assert_int_equal(sample.record.last_switched.ns, now);
	assert_string_equal(field_word(FIELD_time_source, sample.record.time_source), "received");
	assert_true(retimed(now, now + DAY_NS + 1));
	assert_int_equal(sql_option(&set, SQL_OPT_WINDOW, "1h,1m"), 0);
	assert_true(retimed(now, now - 3601 * NS_PER_S));
	assert_true(retimed(now, now + 61 * NS_PER_S));
	assert_int_equal(sql_option(&set, SQL_OPT_WINDOW, "0"), 0);
	assert_false(retimed(now, 0));
	assert_false(retimed(now, UINT64_MAX));
}

static void without_a_receipt_a_time_stays(void **state)
{
	(void)state;
	RECORD_SET(&sample.record, last_switched, ((struct instant){.ns = 1, .digits = 9}));
	assert_false(sql_row_time(&set, &sample.record));
	assert_int_equal(sample.record.last_switched.ns, 1);
}

static void what_columns_cannot_hold_is_in_extra(void **state)
{
	struct sql_columns c;
	char out[512];
	(void)state;
	sql_columns(&c, &set, SQL_SIGNED_COUNTERS);
	RECORD_SET(&sample.record, in_pkts, INT64_MAX);
	assert_int_equal(sql_row_extra(&c, &sample.record, out, sizeof out), 0);
	RECORD_SET(&sample.record, in_bytes, UINT64_MAX);
	RECORD_SET(&sample.record, app_name, sample_text(&sample, "a\0b", 3));
	assert_int_equal(sql_row_saturated(&c, &sample.record), 1);
	int len = sql_row_extra(&c, &sample.record, out, sizeof out);
	assert_true(len > 0);
	out[len] = '\0';
	assert_string_equal(out, "{\"in_bytes\":18446744073709551615,\"app_name_hex\":\"610062\"}");
	assert_int_equal(sql_row_extra(&c, &sample.record, out, 30), ERR_TOO_LARGE);
	sql_columns(&c, &set, SQL_SIGNED_NONE);
	assert_int_equal(sql_row_saturated(&c, &sample.record), 0);
}

static void text_is_cleaned_and_clean_text_is_borrowed(void **state)
{
	char out[64];
	const char *p;
	struct text clean = {"caf\xc3\xa9", 5}, bad = {"a\0\xe9z", 4};
	(void)state;
	assert_int_equal(sql_text(&clean, &p, out), 5);
	assert_ptr_equal(p, clean.p);
	assert_int_equal(sql_text(&bad, &p, out), 8);
	assert_memory_equal(p, "a\xef\xbf\xbd\xef\xbf\xbdz", 8);
}

static void rejects_are_written_when_committed_and_forgotten_otherwise(void **state)
{
	char path[] = "/tmp/goflow-reject-XXXXXX", text[512] = "";
	int made = mkstemp(path), fd = reject_open(path);
	struct reject_list l = {.fd = fd};
	(void)state;
	RECORD_SET(&sample.record, src_port, 7);
	reject_add(&l, &sample.record, "first");
	reject_forget(&l);
	reject_add(&l, &sample.record, "it \"says\" no");
	assert_int_equal(reject_write(&l), 0);
	assert_int_equal(reject_write(&l), 0);
	assert_true(pread(made, text, sizeof text - 1, 0) > 0);
	assert_string_equal(text, "{\"reject_reason\":\"it \\\"says\\\" no\",\"src_port\":7}\n");
	reject_free(&l);
	close(fd);
	close(made);
	unlink(path);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names_belong_to_their_table),
		TEST(what_is_no_name_is_refused),
		TEST(the_time_is_always_a_column),
		TEST(a_time_outside_the_window_becomes_the_receipt),
		TEST(without_a_receipt_a_time_stays),
		TEST(what_columns_cannot_hold_is_in_extra),
		TEST(text_is_cleaned_and_clean_text_is_borrowed),
		TEST(rejects_are_written_when_committed_and_forgotten_otherwise),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
