#include "lib/exporter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/base.h"

#define PLENTY (64 * 1024 * 1024)

static struct exporters *all;

static int setup(void **state)
{
	(void)state;
	all = exporters_new(PLENTY, 12345, NULL);
	return all ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	exporters_free(all);
	return 0;
}

static void with_limit(size_t limit)
{
	exporters_free(all);
	all = exporters_new(limit, 1, NULL);
	assert_non_null(all);
}

/* The sender of number n, at a port. */
static struct datagram sender(uint32_t n, uint16_t port)
{
	uint8_t a[4] = {10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
	return (struct datagram){.src = ip_from4(a), .src_port = port};
}

static struct domain *domain(uint32_t n, uint16_t port, uint8_t version, uint32_t id)
{
	struct datagram d = sender(n, port);
	struct domain *found = exporters_domain(all, &d, version, id);
	assert_non_null(found);
	assert_true(ip_equal(&found->exporter->address, &d.src));
	assert_int_equal(found->port, port);
	assert_int_equal(found->version, version);
	assert_int_equal(found->id, id);
	return found;
}

static struct template *template(uint16_t id, size_t count)
{
	static struct template_field defs[TEMPLATE_FIELDS_MAX];
	int err;
	for (size_t i = 0; i < count; i++)
		defs[i] = (struct template_field){9, (uint16_t)i, 4};
	return template_compile(id, defs, count, 0, false, &err);
}

static void test_domains_are_found_again(void **state)
{
	struct domain *d[5];
	(void)state;
	/* each is looked for right behind the first, of which it differs in one thing alone */
	d[0] = domain(1, 2055, 9, 0);
	d[1] = domain(1, 2055, 9, 1);
	assert_ptr_equal(domain(1, 2055, 9, 0), d[0]);
	d[2] = domain(1, 2055, 10, 0);
	assert_ptr_equal(domain(1, 2055, 9, 0), d[0]);
	d[3] = domain(1, 2056, 9, 0);
	assert_ptr_equal(domain(1, 2055, 9, 0), d[0]);
	d[4] = domain(2, 2055, 9, 0);
	for (size_t i = 0; i < LEN(d); i++)
		for (size_t k = 0; k < i; k++)
			assert_ptr_not_equal(d[i], d[k]);
	assert_ptr_equal(domain(1, 2055, 9, 0), d[0]);
	assert_ptr_equal(domain(1, 2055, 10, 0), d[2]);
	assert_ptr_equal(domain(2, 2055, 9, 0), d[4]);
	assert_ptr_equal(d[0]->exporter, d[3]->exporter);
	assert_int_equal(d[0]->exporter->domains, 4);
	assert_int_equal(d[0]->exporter->versions, 1 << 9 | 1 << 10);
	struct exporters_usage usage = exporters_usage(all);
	assert_int_equal(usage.exporters, 2);
	assert_int_equal(usage.domains, 5);
	assert_int_equal(usage.evicted, 0);
	struct datagram nobody = sender(3, 1);
	assert_null(exporters_find(all, &nobody.src));
	nobody = sender(2, 1);
	assert_ptr_equal(exporters_find(all, &nobody.src), d[4]->exporter);
}

static void test_thousands(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 20000; i++)
		domain(i / 4, 2055, 9, i);
	for (uint32_t i = 0; i < 20000; i++)
		domain(i / 4, 2055, 9, i);
	assert_int_equal(exporters_usage(all).domains, 20000);
	assert_int_equal(exporters_usage(all).exporters, 5000);
}

static void test_templates_are_replaced(void **state)
{
	struct domain *d = domain(1, 2055, 9, 0);
	(void)state;
	size_t empty = exporters_usage(all).bytes;
	struct template *t[3] = {
		template(256, 3), template(256 + TEMPLATE_BUCKETS, 4), template(256, 5)};
	assert_null(domain_template(d, 256));
	assert_int_equal(domain_define(all, d, t[0]), 0);
	assert_int_equal(domain_define(all, d, t[1]), 0); /* in the same bucket */
	assert_ptr_equal(domain_template(d, 256), t[0]);
	assert_ptr_equal(domain_template(d, 256 + TEMPLATE_BUCKETS), t[1]);
	assert_int_equal(exporters_usage(all).bytes, empty + t[0]->bytes + t[1]->bytes);
	assert_int_equal(domain_define(all, d, t[2]), 0);
	assert_ptr_equal(domain_template(d, 256), t[2]);
	assert_ptr_equal(domain_template(d, 256 + TEMPLATE_BUCKETS), t[1]);
	assert_int_equal(exporters_usage(all).bytes, empty + t[2]->bytes + t[1]->bytes);
	assert_int_equal(exporters_usage(all).templates, 2);
	assert_int_equal(d->template_count, 2);
	assert_int_equal(d->exporter->template_count, 2);
	assert_null(domain_template(domain(1, 2055, 9, 1), 256));
}

static void test_the_least_recently_used_go(void **state)
{
	const size_t limit = 256 * 1024;
	(void)state;
	with_limit(limit);
	domain(0, 1, 9, 0);
	for (uint32_t i = 1; i < 1000; i++) {
		struct domain *d = domain(i, 1, 9, 0);
		assert_int_equal(domain_define(all, d, template(256, 10)), 0);
		assert_in_range(exporters_usage(all).bytes, 1, limit);
		domain(0, 1, 9, 0); /* always in use */
	}
	struct exporters_usage usage = exporters_usage(all);
	assert_int_equal(usage.domains + usage.evicted, 1000);
	assert_int_equal(usage.exporters, usage.domains);
	assert_int_equal(usage.templates, usage.domains - 1);
	struct datagram first = sender(0, 1), second = sender(1, 1), last = sender(999, 1);
	assert_non_null(exporters_find(all, &first.src));
	assert_null(exporters_find(all, &second.src));
	assert_non_null(exporters_find(all, &last.src));
}

/* More than fits at all is refused, and what was there of that id is gone. */
static void test_a_template_over_the_bound(void **state)
{
	(void)state;
	with_limit(32 * 1024);
	struct domain *d = domain(1, 1, 9, 0);
	assert_int_equal(domain_define(all, d, template(256, 2)), 0);
	assert_int_equal(domain_define(all, d, template(256, 2000)), ERR_STATE_LIMIT);
	assert_null(domain_template(d, 256));
	assert_int_equal(d->template_count, 0);
	assert_int_equal(domain_define(all, d, template(256, 3)), 0);
	assert_non_null(domain_template(d, 256));
}

/* Sequence numbers ----------------------------------------------------------------------------- */

/* One datagram with that number and so many records. */
static enum sequence_verdict arrives(
	struct domain *d, uint32_t number, uint32_t records, bool exact, bool v9)
{
	enum sequence_verdict verdict = sequence_check(d, number, v9);
	sequence_advance(d, verdict, number, records, exact, v9);
	return verdict;
}

static void test_sequence_of_records(void **state)
{
	struct domain *d = domain(1, 1, 10, 0);
	const struct exporter *e = d->exporter;
	(void)state;
	assert_int_equal(arrives(d, UINT32_MAX - 4, 5, true, false), SEQUENCE_FIRST);
	assert_int_equal(arrives(d, 0, 10, true, false), SEQUENCE_NEXT);
	assert_int_equal(arrives(d, 10, 0, true, false), SEQUENCE_NEXT);
	assert_int_equal(arrives(d, 10, 1, true, false), SEQUENCE_NEXT);
	assert_int_equal(e->lost_records, 0);
	assert_int_equal(arrives(d, 41, 10, true, false), SEQUENCE_GAP);
	assert_int_equal(e->lost_records, 30);
	assert_int_equal(arrives(d, 11, 10, true, false), SEQUENCE_LATE);
	assert_int_equal(e->lost_records, 20);
	assert_int_equal(arrives(d, 51, 10, false, false), SEQUENCE_NEXT);
	assert_int_equal(arrives(d, 500, 10, true, false),
		SEQUENCE_FIRST); /* not known where to go on from */
	assert_int_equal(arrives(d, 510, 10, true, false), SEQUENCE_NEXT);
	assert_int_equal(arrives(d, 3000000, 1, true, false), SEQUENCE_RESTART);
	assert_int_equal(arrives(d, 3000001, 1, true, false), SEQUENCE_NEXT);
	assert_int_equal(arrives(d, 0, 1, true, false), SEQUENCE_RESTART);
	assert_int_equal(arrives(d, 1, 1, true, false), SEQUENCE_NEXT);
	assert_int_equal(e->lost_records, 20);
	assert_int_equal(e->reordered, 1);
	assert_int_equal(e->restarts, 2);
	assert_int_equal(e->lost_datagrams, 0);
}

static void test_sequence_of_datagrams(void **state)
{
	struct domain *d = domain(1, 1, 9, 0);
	const struct exporter *e = d->exporter;
	(void)state;
	assert_int_equal(arrives(d, 7, 20, true, true), SEQUENCE_FIRST);
	assert_int_equal(arrives(d, 8, 40, false, true),
		SEQUENCE_NEXT); /* datagrams can always be counted */
	assert_int_equal(arrives(d, 9, 30, true, true), SEQUENCE_NEXT);
	assert_int_equal(arrives(d, 14, 30, true, true), SEQUENCE_GAP);
	assert_int_equal(e->lost_datagrams, 4);
	assert_int_equal(e->lost_records, 4 * 30); /* the mean of those before */
	assert_int_equal(arrives(d, 11, 30, true, true), SEQUENCE_LATE);
	assert_int_equal(e->lost_datagrams, 3);
	assert_int_equal(e->lost_records, 3 * 30);
	assert_int_equal(arrives(d, 15, 30, true, true), SEQUENCE_NEXT);
}

/* A number that comes twice takes nothing back that was not lost. */
static void test_sequence_repeated(void **state)
{
	struct domain *d = domain(1, 1, 9, 0);
	(void)state;
	arrives(d, 7, 20, true, true);
	assert_int_equal(arrives(d, 7, 20, true, true), SEQUENCE_LATE);
	assert_int_equal(d->exporter->lost_datagrams, 0);
	assert_int_equal(d->exporter->lost_records, 0);
	assert_int_equal(arrives(d, 8, 20, true, true), SEQUENCE_NEXT);
}

/* Going through them --------------------------------------------------------------------------- */

struct tally {
	unsigned seen, stop_at;
	uint32_t sum;
};

static bool see_exporter(void *ctx, const struct exporter *e)
{
	struct tally *t = ctx;
	t->sum += e->address.b[15];
	return ++t->seen != t->stop_at;
}

static bool see_domain(void *ctx, const struct domain *d)
{
	struct tally *t = ctx;
	t->sum += d->id;
	return ++t->seen != t->stop_at;
}

static void test_each(void **state)
{
	struct tally exporters = {0}, domains = {0}, stopped = {.stop_at = 3};
	(void)state;
	for (uint32_t i = 1; i <= 10; i++) {
		domain(i, 1, 9, i);
		domain(i, 1, 10, 100);
	}
	exporters_each(all, see_exporter, &exporters);
	assert_int_equal(exporters.seen, 10);
	assert_int_equal(exporters.sum, 55);
	domains_each(all, see_domain, &domains);
	assert_int_equal(domains.seen, 20);
	assert_int_equal(domains.sum, 55 + 1000);
	exporters_each(all, see_exporter, &stopped);
	assert_int_equal(stopped.seen, 3);
	stopped.seen = 0;
	domains_each(all, see_domain, &stopped);
	assert_int_equal(stopped.seen, 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_domains_are_found_again),
		TEST(test_thousands),
		TEST(test_templates_are_replaced),
		TEST(test_the_least_recently_used_go),
		TEST(test_a_template_over_the_bound),
		TEST(test_sequence_of_records),
		TEST(test_sequence_of_datagrams),
		TEST(test_sequence_repeated),
		TEST(test_each),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
