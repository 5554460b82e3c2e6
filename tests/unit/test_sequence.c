/* sequence: what is lost, late, twice, or begun anew, told apart in each of the ways in which
 * exporters count. */
#include "lib/sequence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include <stdlib.h>

static struct sequence s;
static struct sequence_counts c;
static uint32_t now_s; /* of the exporter */

static int setup(void **state)
{
	(void)state;
	memset(&s, 0, sizeof s);
	memset(&c, 0, sizeof c);
	now_s = 1700000000;
	return 0;
}

static struct sequence_datagram datagram(enum sequence_unit unit, uint32_t number, uint32_t flows)
{
	return (struct sequence_datagram){
		.unit = unit, .number = number, .export_s = now_s, .exact = true, .flows = flows};
}

/* One of that number arrives, all of it understood. */
static enum sequence_verdict arrives(enum sequence_unit unit, uint32_t number, uint32_t flows)
{
	const struct sequence_datagram d = datagram(unit, number, flows);
	return sequence_take(&s, &c, &d);
}

static void counted(uint64_t datagrams, uint64_t records, uint64_t reordered, uint64_t duplicates,
	uint64_t restarts)
{
	assert_int_equal(c.lost_datagrams, datagrams);
	assert_int_equal(c.lost_records, records);
	assert_int_equal(c.reordered, reordered);
	assert_int_equal(c.duplicates, duplicates);
	assert_int_equal(c.restarts, restarts);
}

/* NetFlow v5 and IPFIX. */
static void test_records(void **state)
{
	const enum sequence_unit u = SEQUENCE_RECORDS;
	(void)state;
	assert_int_equal(arrives(u, UINT32_MAX - 4, 5), SEQUENCE_FIRST);
	assert_int_equal(arrives(u, 0, 10), SEQUENCE_NEXT);
	assert_int_equal(arrives(u, 10, 0), SEQUENCE_NEXT); /* templates alone */
	assert_int_equal(arrives(u, 10, 1), SEQUENCE_NEXT);
	counted(0, 0, 0, 0, 0);
	assert_int_equal(arrives(u, 41, 10), SEQUENCE_GAP);
	counted(0, 30, 0, 0, 0);
	assert_int_equal(
		arrives(u, 21, 10), SEQUENCE_LATE); /* from the middle of what is missing */
	counted(0, 20, 1, 0, 0);
	assert_int_equal(arrives(u, 21, 10), SEQUENCE_DUPLICATE);
	counted(0, 20, 1, 1, 0);
	assert_int_equal(arrives(u, 51, 10), SEQUENCE_NEXT);
	assert_int_equal(arrives(u, 31, 10), SEQUENCE_LATE);
	assert_int_equal(arrives(u, 11, 10), SEQUENCE_LATE);
	counted(0, 0, 3, 1, 0);
	assert_int_equal(arrives(u, 51, 10), SEQUENCE_DUPLICATE);
	assert_int_equal(arrives(u, 61, 10), SEQUENCE_NEXT);
	counted(0, 0, 3, 2, 0);
}

/* Option records count (RFC 7011, 3.1). */
static void test_option_records(void **state)
{
	(void)state;
	struct sequence_datagram d = datagram(SEQUENCE_RECORDS, 0, 5);
	d.options = 3;
	assert_int_equal(sequence_take(&s, &c, &d), SEQUENCE_FIRST);
	assert_int_equal(arrives(SEQUENCE_RECORDS, 8, 5), SEQUENCE_NEXT);
	counted(0, 0, 0, 0, 0);
}

/* Behind a set that could not be decoded nobody knows what comes next: nothing is taken for lost,
 * and what comes late from there is no duplicate (Q31). */
static void test_unknown_records(void **state)
{
	(void)state;
	assert_int_equal(arrives(SEQUENCE_RECORDS, 0, 5), SEQUENCE_FIRST);
	struct sequence_datagram d = datagram(SEQUENCE_RECORDS, 5, 2);
	d.exact = false;
	assert_int_equal(sequence_take(&s, &c, &d), SEQUENCE_NEXT);
	assert_int_equal(arrives(SEQUENCE_RECORDS, 50, 10), SEQUENCE_FIRST);
	assert_int_equal(arrives(SEQUENCE_RECORDS, 60, 10), SEQUENCE_NEXT);
	counted(0, 0, 0, 0, 0);
	assert_int_equal(arrives(SEQUENCE_RECORDS, 40, 10), SEQUENCE_LATE);
	counted(0, 0, 1, 0, 0);
	assert_int_equal(arrives(SEQUENCE_RECORDS, 40, 10), SEQUENCE_DUPLICATE);
	assert_int_equal(arrives(SEQUENCE_RECORDS, 80, 10), SEQUENCE_GAP);
	counted(0, 10, 1, 1, 0);
	/* NetFlow v9 counts datagrams, which are known always */
	setup(NULL);
	d = datagram(SEQUENCE_DATAGRAMS, 5, 2);
	d.exact = false;
	sequence_take(&s, &c, &d);
	assert_int_equal(arrives(SEQUENCE_DATAGRAMS, 8, 2), SEQUENCE_GAP);
	counted(2, 4, 0, 0, 0);
}

/* NetFlow v9. */
static void test_datagrams(void **state)
{
	const enum sequence_unit u = SEQUENCE_DATAGRAMS;
	(void)state;
	assert_int_equal(arrives(u, 7, 20), SEQUENCE_FIRST);
	assert_int_equal(arrives(u, 8, 40), SEQUENCE_NEXT);
	assert_int_equal(arrives(u, 9, 30), SEQUENCE_NEXT);
	assert_int_equal(arrives(u, 14, 30), SEQUENCE_GAP);
	counted(4, 4 * 30, 0, 0, 0); /* the mean of those before */
	assert_int_equal(arrives(u, 11, 17), SEQUENCE_LATE);
	counted(3, 3 * 30, 1, 0, 0);
	assert_int_equal(arrives(u, 11, 17), SEQUENCE_DUPLICATE);
	assert_int_equal(arrives(u, 15, 30), SEQUENCE_NEXT);
	assert_int_equal(arrives(u, 15, 30), SEQUENCE_DUPLICATE);
	counted(3, 3 * 30, 1, 2, 0);
	assert_int_equal(arrives(u, 10, 1), SEQUENCE_LATE);
	assert_int_equal(arrives(u, 13, 1), SEQUENCE_LATE);
	assert_int_equal(arrives(u, 12, 1), SEQUENCE_LATE);
	counted(0, 0, 4, 2, 0); /* nothing is left of what was an estimate */
}

/* What was sent before the first that came is late, not twice. */
static void test_late_before_the_first(void **state)
{
	(void)state;
	assert_int_equal(arrives(SEQUENCE_DATAGRAMS, 3, 1), SEQUENCE_FIRST);
	assert_int_equal(arrives(SEQUENCE_DATAGRAMS, 1, 1), SEQUENCE_LATE);
	assert_int_equal(arrives(SEQUENCE_DATAGRAMS, 2, 1), SEQUENCE_LATE);
	assert_int_equal(arrives(SEQUENCE_DATAGRAMS, 4, 1), SEQUENCE_NEXT);
	counted(0, 0, 2, 0, 0);
}

/* An exporter that has begun anew, a little behind or far off: sent after the last, whatever its
 * number. */
static void test_restarts(void **state)
{
	static const uint32_t numbers[] = {0, 3, 90, 99, 2000000, 4000000000};
	(void)state;
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		setup(NULL);
		for (uint32_t n = 0; n <= 100; n++)
			arrives(SEQUENCE_DATAGRAMS, n, 10);
		now_s += 20;
		assert_int_equal(arrives(SEQUENCE_DATAGRAMS, numbers[i], 10), SEQUENCE_RESTART);
		assert_int_equal(arrives(SEQUENCE_DATAGRAMS, numbers[i] + 1, 10), SEQUENCE_NEXT);
		counted(0, 0, 0, 0, 1);
	}
}

/* Ahead by what might be loss, and yet a restart: the uptime began anew, or is years off by a wrap.
 */
static void test_restarts_by_uptime(void **state)
{
	(void)state;
	struct sequence_datagram d = datagram(SEQUENCE_RECORDS, UINT32_MAX - 100, 10);
	d.has_uptime = true;
	d.uptime = UINT32_MAX - 1000;
	assert_int_equal(sequence_take(&s, &c, &d), SEQUENCE_FIRST);
	d.number += 10;
	d.uptime += 5000; /* the uptime wraps: no restart */
	assert_int_equal(sequence_take(&s, &c, &d), SEQUENCE_NEXT);
	d.uptime += 90000;
	d.number += 20;
	assert_int_equal(sequence_take(&s, &c, &d), SEQUENCE_GAP);
	d.uptime = 500;
	d.number = 0;
	assert_int_equal(sequence_take(&s, &c, &d), SEQUENCE_RESTART);
	d.number += 10;
	assert_int_equal(sequence_take(&s, &c, &d), SEQUENCE_NEXT);
	counted(0, 10, 0, 0, 1);
}

/* A clock that was set back by hours is no reason to take a restart for a late datagram. */
static void test_restart_with_another_clock(void **state)
{
	(void)state;
	for (uint32_t n = 0; n <= 100; n++)
		arrives(SEQUENCE_DATAGRAMS, n, 10);
	now_s -= 3600;
	assert_int_equal(arrives(SEQUENCE_DATAGRAMS, 1, 10), SEQUENCE_RESTART);
}

/* Exporters that count otherwise than their protocol has it lose nothing, once that is known; and
 * real loss counts then. */
static void test_units_are_found_out(void **state)
{
	static const enum sequence_unit by_protocol[] = {SEQUENCE_RECORDS, SEQUENCE_DATAGRAMS};
	(void)state;
	for (int p = 0; p < 2; p++)
		for (int unit = 0; unit < SEQUENCE_UNITS; unit++) {
			setup(NULL);
			uint32_t flows_before = 1000, options_before = 0;
			for (uint32_t n = 0; n < 200; n++) {
				struct sequence_datagram d =
					datagram(by_protocol[p], 0, 3 + n * 7 % 5);
				d.options = n % 20 == 3;
				now_s += n % 3 == 0;
				d.export_s = now_s;
				d.number = unit == SEQUENCE_RECORDS ? flows_before + options_before
					   : unit == SEQUENCE_FLOWS ? flows_before
					   : unit == SEQUENCE_DATAGRAMS ? n
					   : unit == SEQUENCE_NOTHING   ? 0
									: flows_before + d.flows;
				flows_before += d.flows;
				options_before += d.options;
				if (n == 150)
					counted(0, 0, 0, 0, 0);
				if (n != 150 && n != 151) /* two are lost */
					sequence_take(&s, &c, &d);
			}
			assert_int_equal(s.unit, unit);
			assert_int_equal(c.lost_datagrams, unit == SEQUENCE_DATAGRAMS ? 2 : 0);
			if (unit == SEQUENCE_NOTHING)
				assert_int_equal(c.lost_records, 0);
			else
				assert_in_range(c.lost_records, 6, 14);
			assert_int_equal(c.reordered + c.duplicates + c.restarts, 0);
		}
}

/* What was lost before there was doubt stays lost when the unit is found out: an exporter that
 * leaves options records out of its numbers, and sends them at times. */
static void test_loss_before_the_doubt(void **state)
{
	uint32_t number = 0;
	(void)state;
	for (uint32_t n = 0; n < 100; n++) {
		struct sequence_datagram d = datagram(SEQUENCE_RECORDS, number, 5);
		d.options = n > 20 && n % 10 == 0;
		if (n != 10)
			sequence_take(&s, &c, &d);
		number += 5;
		d.export_s = ++now_s;
	}
	assert_int_equal(s.unit, SEQUENCE_FLOWS);
	counted(0, 5, 0, 0, 0);
}

/* Losses, each of one datagram, do not make an exporter one that counts otherwise. */
static void test_losses_keep_the_unit(void **state)
{
	(void)state;
	srand(5);
	for (int unit = SEQUENCE_RECORDS; unit <= SEQUENCE_DATAGRAMS; unit += SEQUENCE_DATAGRAMS) {
		uint32_t number = 0, lost = 0;
		setup(NULL);
		for (int i = 0; i < 10000; i++) {
			uint32_t flows = 1 + (uint32_t)rand() % 30;
			bool dropped = i && i < 9999 && rand() % 3 == 0;
			now_s += i % 10 == 0;
			if (!dropped)
				arrives((enum sequence_unit)unit, number, flows);
			uint32_t span = unit == SEQUENCE_DATAGRAMS ? 1 : flows;
			number += span;
			lost += dropped ? span : 0;
		}
		assert_int_equal(s.unit, unit);
		assert_int_equal(
			unit == SEQUENCE_DATAGRAMS ? c.lost_datagrams : c.lost_records, lost);
		assert_int_equal(c.reordered + c.duplicates + c.restarts, 0);
	}
}

/* Written and read back between any two, it judges as before. */
static void test_written_and_read(void **state)
{
	static const uint32_t numbers[] = {10, 20, 50, 30, 60, 60, 70, 40, 80};
	const size_t n = sizeof numbers / sizeof numbers[0];
	(void)state;
	for (size_t split = 0; split <= n; split++) {
		struct sequence_counts other = {0};
		struct sequence whole = {0};
		setup(NULL);
		for (size_t i = 0; i < n; i++) {
			const struct sequence_datagram d =
				datagram(SEQUENCE_RECORDS, numbers[i], 10);
			if (i == split) {
				struct bytes b = {.at = NULL};
				sequence_write(&s, &b);
				memset(&s, 0xff, sizeof s);
				memset(&s.doubtful, 0, sizeof s.doubtful);
				struct cursor from = cursor_over(b.at, b.len);
				sequence_read(&s, &from);
				assert_true(cursor_ok(&from));
				assert_int_equal(cursor_left(&from), 0);
				free(b.at);
			}
			assert_int_equal(
				sequence_take(&s, &c, &d), sequence_take(&whole, &other, &d));
		}
		assert_memory_equal(&c, &other, sizeof c);
		counted(0, 0, 2, 1, 0);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		TEST(test_records),
		TEST(test_option_records),
		TEST(test_unknown_records),
		TEST(test_datagrams),
		TEST(test_late_before_the_first),
		TEST(test_restarts),
		TEST(test_restarts_by_uptime),
		TEST(test_restart_with_another_clock),
		TEST(test_units_are_found_out),
		TEST(test_loss_before_the_doubt),
		TEST(test_losses_keep_the_unit),
		TEST(test_written_and_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
