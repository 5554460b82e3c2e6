#include "lib/exporter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/announced.h"
#include "lib/base.h"
#include "lib/instant.h"

#define PLENTY       (64 * 1024 * 1024)
#define SHARE        (1024 * 1024)
#define DEFAULT_ROOM (60 * 1024 * 1024) /* of 64 MiB a sixteenth is for data that waits */

static struct exporters *all;

static void begin_with(struct exporters_config config)
{
	exporters_free(all);
	config.seed = 12345;
	all = exporters_new(&config);
	assert_non_null(all);
}

static int setup(void **state)
{
	(void)state;
	begin_with((struct exporters_config){.limit = PLENTY, .exporter_max = SHARE});
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	exporters_free(all);
	all = NULL;
	return 0;
}

static void with_limit(size_t limit)
{
	begin_with((struct exporters_config){.limit = limit, .exporter_max = SHARE});
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

/* Announces template `id` of `count` fields; another `kind` makes another definition. */
static int announce_kind(struct domain *d, uint16_t id, size_t count, uint32_t kind, uint64_t now)
{
	static struct template_field defs[TEMPLATE_FIELDS_MAX];
	int err;
	for (size_t i = 0; i < count; i++)
		defs[i] = (struct template_field){9 + kind, (uint16_t)i, 4};
	const struct announced *a = announced_define(all, d, id, defs, count, 0, false, now, &err);
	assert_true(err ? !a : a && a->domain == d && a->template->field_count == count);
	return err;
}

static int announce(struct domain *d, uint16_t id, size_t count)
{
	return announce_kind(d, id, count, 0, 0);
}

/* How many fields the template of that id has, 0 if there is none. */
static size_t fields_of(struct domain *d, uint16_t id)
{
	const struct announced *a = announced_get(all, d, id);
	return a ? a->template->field_count : 0;
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
	assert_int_equal(d[0]->exporter->domain_count, 4);
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
	assert_int_equal(fields_of(d, 256), 0);
	assert_int_equal(announce(d, 256, 3), 0);
	size_t one = exporters_usage(all).bytes;
	assert_int_equal(announce(d, 300, 4), 0);
	assert_int_equal(fields_of(d, 256), 3);
	assert_int_equal(fields_of(d, 300), 4);
	size_t two = exporters_usage(all).bytes;
	assert_int_equal(announce(d, 256, 3), 0); /* again the same: nothing new */
	assert_int_equal(exporters_usage(all).bytes, two);
	assert_int_equal(announce(d, 256, 5), 0);
	assert_int_equal(fields_of(d, 256), 5);
	assert_int_equal(fields_of(d, 300), 4);
	assert_int_equal(announce(d, 256, 3), 0);
	assert_int_equal(exporters_usage(all).bytes, two);
	assert_true(two > one);
	assert_int_equal(exporters_usage(all).templates, 2);
	assert_int_equal(exporters_usage(all).definitions, 2);
	assert_int_equal(d->template_count, 2);
	assert_int_equal(d->exporter->template_count, 2);
	assert_int_equal(fields_of(domain(1, 2055, 9, 1), 256), 0);
	assert_int_equal(exporters_usage(all).templates_evicted, 0);
}

/* Every id there is, found again; some go, and the others are found still. */
static void test_every_template_id(void **state)
{
	(void)state;
	begin_with((struct exporters_config){.limit = PLENTY, .exporter_max = PLENTY});
	struct domain *d = domain(1, 1, 9, 0);
	for (uint32_t id = 256; id < 65536; id++)
		assert_int_equal(announce_kind(d, (uint16_t)id, 1 + id % 3, id % 2, 0), 0);
	for (uint32_t id = 65535; id >= 256; id--)
		assert_int_equal(fields_of(d, (uint16_t)id), 1 + id % 3);
	assert_int_equal(d->template_count, 65536 - 256);
	/* where most of them have gone, in whatever order, all others are found */
	begin_with((struct exporters_config){.limit = PLENTY, .exporter_max = 256 * 1024});
	d = domain(1, 1, 9, 0);
	uint32_t found = 0;
	for (uint32_t i = 0; i < 20000; i++)
		assert_int_equal(announce(d, (uint16_t)(256 + i * 7919 % 60000), 2), 0);
	for (uint32_t id = 256; id < 65536; id++)
		found += fields_of(d, (uint16_t)id) == 2;
	assert_int_equal(found, d->template_count);
	assert_int_equal(found, 20000 - exporters_usage(all).templates_evicted);
}

/* The same definitions of many exporters and domains are kept once. */
static void test_equal_definitions_are_shared(void **state)
{
	(void)state;
	for (uint32_t e = 0; e < 100; e++)
		for (uint16_t id = 256; id < 266; id++)
			assert_int_equal(announce(domain(e, 1, 9, e), id, 20), 0);
	struct exporters_usage usage = exporters_usage(all);
	assert_int_equal(usage.templates, 1000);
	assert_int_equal(usage.definitions, 10);
	const struct template *t = announced_get(all, domain(0, 1, 9, 0), 256)->template;
	assert_ptr_equal(announced_get(all, domain(99, 1, 9, 99), 256)->template, t);
	/* one of them changes its mind: the others' stays */
	assert_int_equal(announce(domain(0, 1, 9, 0), 256, 21), 0);
	assert_ptr_equal(announced_get(all, domain(99, 1, 9, 99), 256)->template, t);
	assert_int_equal(exporters_usage(all).definitions, 11);
	exporters_clear(all);
	assert_int_equal(exporters_usage(all).definitions, 0);
	assert_int_equal(exporters_usage(all).bytes, 0);
}

/* 1,000 exporters of 500 templates each, of 40 fields: within the default bounds, and none goes. */
static void test_a_thousand_exporters_of_500_templates(void **state)
{
	(void)state;
	with_limit(DEFAULT_ROOM);
	for (uint32_t e = 0; e < 1000; e++) {
		struct domain *d = domain(e, 1, 9, 0);
		for (uint16_t id = 256; id < 756; id++)
			assert_int_equal(announce(d, id, 40), 0);
		exporters_prove(all, d->exporter);
	}
	struct exporters_usage usage = exporters_usage(all);
	assert_int_equal(usage.templates, 500000);
	assert_in_range(usage.bytes, 1, DEFAULT_ROOM);
	assert_int_equal(usage.templates_evicted + usage.evicted, 0);
	assert_int_equal(fields_of(domain(0, 1, 9, 0), 256), 40);
	/* where all differ, the bound holds, and what goes is counted */
	for (uint32_t e = 0; e < 300; e++) {
		struct domain *d = domain(e, 1, 9, 0);
		for (uint16_t id = 256; id < 756; id++)
			assert_int_equal(announce_kind(d, id, 40, e + 1, 0), 0);
		assert_in_range(exporters_usage(all).bytes, 1, DEFAULT_ROOM);
	}
	usage = exporters_usage(all);
	assert_true(usage.templates_evicted > 0);
	assert_true(usage.state_max_hits > 0);
	assert_true(usage.templates + usage.templates_evicted >= 500000);
	assert_int_equal(fields_of(domain(299, 1, 9, 0), 755), 40);
}

/* Bounds -------------------------------------------------------------------------------------- */

static void test_the_least_recently_used_go(void **state)
{
	const size_t limit = 256 * 1024;
	(void)state;
	with_limit(limit);
	domain(0, 1, 9, 0);
	for (uint32_t i = 1; i < 1000; i++) {
		struct domain *d = domain(i, 1, 9, 0);
		assert_int_equal(announce(d, 256, 10), 0);
		assert_in_range(exporters_usage(all).bytes, 1, limit);
		domain(0, 1, 9, 0); /* always in use */
	}
	struct exporters_usage usage = exporters_usage(all);
	assert_int_equal(usage.domains + usage.evicted, 1000);
	assert_int_equal(usage.exporters, usage.domains);
	assert_int_equal(usage.templates, usage.domains - 1);
	assert_int_equal(usage.templates_evicted, usage.evicted);
	struct datagram first = sender(0, 1), second = sender(1, 1), last = sender(999, 1);
	assert_non_null(exporters_find(all, &first.src));
	assert_null(exporters_find(all, &second.src));
	assert_non_null(exporters_find(all, &last.src));
}

/* Of an exporter at its own bound: the templates used least recently go, one by one, in whatever
 * domain. */
static void test_an_exporter_at_its_bound(void **state)
{
	(void)state;
	begin_with((struct exporters_config){.limit = PLENTY, .exporter_max = 64 * 1024});
	struct domain *other = domain(2, 1, 9, 0);
	assert_int_equal(announce(other, 256, 10), 0);
	struct domain *d = domain(1, 1, 9, 0);
	assert_int_equal(announce(d, 256, 10), 0);
	for (uint32_t id = 257; id < 1000; id++) {
		assert_int_equal(announce_kind(domain(1, 1, 9, id % 2), (uint16_t)id, 10, 1, 0), 0);
		domain(1, 1, 9, 0);
		assert_non_null(announced_find(all, d, 256, 0)); /* always in use */
		assert_in_range(d->exporter->bytes, 1, 64 * 1024);
	}
	struct exporters_usage usage = exporters_usage(all);
	assert_int_equal(usage.templates + usage.templates_evicted, 745);
	assert_true(usage.templates_evicted > 500);
	assert_int_equal(d->exporter->templates_evicted, usage.templates_evicted);
	assert_int_equal(usage.exporter_max_hits, usage.templates_evicted);
	assert_int_equal(usage.evicted + usage.state_max_hits, 0);
	assert_int_equal(fields_of(other, 256), 10);
	assert_int_equal(fields_of(domain(1, 1, 9, 1), 257), 0);
	assert_int_equal(fields_of(domain(1, 1, 9, 1), 999), 10);
}

/* A flood of domains from one address forgets its own, the oldest first. */
static void test_a_flood_of_domains(void **state)
{
	(void)state;
	begin_with((struct exporters_config){.limit = PLENTY, .exporter_max = 64 * 1024});
	struct domain *other = domain(2, 1, 9, 0);
	for (uint32_t i = 0; i < 10000; i++)
		domain(1, (uint16_t)i, 9, i);
	struct datagram from = sender(1, 0);
	assert_in_range(exporters_find(all, &from.src)->bytes, 1, 64 * 1024);
	struct exporters_usage usage = exporters_usage(all);
	assert_int_equal(usage.domains + usage.evicted, 10001);
	assert_true(usage.exporter_max_hits > 9000);
	assert_ptr_equal(domain(2, 1, 9, 0), other);
	assert_int_equal(exporters_usage(all).exporters, 2);
}

/* Forged addresses go before an exporter of which records were decoded, however long that is
 * silent; in the end, where there are only such, the one used least recently goes. */
static void test_a_flood_of_exporters(void **state)
{
	(void)state;
	with_limit(256 * 1024);
	struct domain *good = domain(1, 1, 9, 0);
	assert_int_equal(announce(good, 256, 10), 0);
	exporters_prove(all, good->exporter);
	for (uint32_t i = 2; i < 20000; i++)
		assert_int_equal(announce_kind(domain(i, 1, 9, 0), 256, 10, i, 0), 0);
	struct datagram from = sender(1, 1);
	assert_non_null(exporters_find(all, &from.src));
	assert_int_equal(fields_of(good, 256), 10);
	for (uint32_t i = 30000; i < 31000; i++)
		exporters_prove(all, domain(i, 1, 9, 0)->exporter);
	assert_null(exporters_find(all, &from.src));
	assert_in_range(exporters_usage(all).bytes, 1, 256 * 1024);
}

/* More than fits at all is refused, and what was there of that id is gone. */
static void test_a_template_over_the_bound(void **state)
{
	(void)state;
	with_limit(32 * 1024);
	struct domain *d = domain(1, 1, 9, 0);
	for (int proven = 0; proven < 2; proven++) {
		assert_int_equal(announce(d, 256, 2), 0);
		assert_int_equal(announce(d, 256, 2000), ERR_STATE_LIMIT);
		assert_int_equal(exporters_usage(all).domains, 1); /* the one in hand stays */
		assert_int_equal(exporters_usage(all).evicted, 0);
		assert_int_equal(fields_of(d, 256), 0);
		assert_int_equal(d->template_count, 0);
		assert_int_equal(exporters_usage(all).definitions, 0);
		assert_int_equal(announce(d, 256, 3), 0);
		assert_int_equal(fields_of(d, 256), 3);
		exporters_prove(all, d->exporter);
	}
}

/* A template is good for its lifetime since it was last announced, and not a moment longer. */
static void test_lifetimes(void **state)
{
	(void)state;
	begin_with((struct exporters_config){
		.limit = PLENTY, .exporter_max = SHARE, .lifetime_ns = 100});
	struct domain *d = domain(1, 1, 9, 0);
	assert_int_equal(announce_kind(d, 256, 2, 0, 1000), 0);
	assert_int_equal(announce_kind(d, 257, 2, 0, 1000), 0);
	assert_non_null(announced_find(all, d, 256, 1100));
	assert_non_null(announced_find(all, d, 256, 900)); /* the clock was set back */
	assert_int_equal(announce_kind(d, 256, 2, 0, 1050), 0);
	assert_non_null(announced_find(all, d, 256, 1150));
	assert_null(announced_find(all, d, 257, 1101));
	assert_null(announced_find(all, d, 256, 1151));
	assert_int_equal(exporters_usage(all).templates_expired, 2);
	assert_int_equal(exporters_usage(all).templates, 0);
	assert_int_equal(announce_kind(d, 256, 2, 0, 2000), 0);
	assert_non_null(announced_find(all, d, 256, 2000));
}

/* Templates of another port ------------------------------------------------------------------- */

static void test_templates_of_another_port(void **state)
{
	(void)state;
	struct domain *announcer = domain(1, 1000, 9, 7), *sender_only = domain(1, 2000, 9, 7);
	assert_int_equal(announce(announcer, 256, 3), 0);
	struct announced *a = announced_find(all, sender_only, 256, 0);
	assert_non_null(a);
	assert_ptr_equal(a->domain, announcer);
	assert_int_equal(exporters_usage(all).template_fallbacks, 1);
	assert_int_equal(announcer->exporter->template_fallbacks, 1);
	/* its own comes before it */
	assert_int_equal(announce(sender_only, 256, 4), 0);
	assert_ptr_equal(announced_find(all, sender_only, 256, 0)->domain, sender_only);
	assert_ptr_equal(announced_find(all, announcer, 256, 0)->domain, announcer);
	assert_int_equal(exporters_usage(all).template_fallbacks, 1);
	/* of several the one that announced last */
	struct domain *third = domain(1, 3000, 9, 7);
	assert_ptr_equal(announced_find(all, third, 256, 0)->domain, sender_only);
	assert_int_equal(announce(announcer, 256, 3), 0);
	assert_ptr_equal(announced_find(all, third, 256, 0)->domain, announcer);
	/* and never that of another domain, version or address */
	assert_null(announced_find(all, domain(1, 2000, 9, 8), 256, 0));
	assert_null(announced_find(all, domain(1, 2000, 10, 7), 256, 0));
	assert_null(announced_find(all, domain(2, 2000, 9, 7), 256, 0));
	assert_null(announced_find(all, third, 257, 0));
}

/* A domain of very many ports: what goes and comes back is asked still, and a few alone are. */
static void test_many_ports(void **state)
{
	(void)state;
	begin_with((struct exporters_config){.limit = PLENTY, .exporter_max = 64 * 1024});
	for (uint32_t i = 0; i < 3000; i++)
		assert_int_equal(announce(domain(1, (uint16_t)i, 9, 7), 256, 3), 0);
	assert_int_equal(announced_find(all, domain(1, 60000, 9, 7), 256, 0)->domain->port, 2999);
	for (uint32_t i = 2900; i < 2990; i++)
		assert_int_equal(announce(domain(1, (uint16_t)i, 9, 7), 257, 3), 0);
	assert_int_equal(announced_find(all, domain(1, 60000, 9, 7), 257, 0)->domain->port, 2989);
	exporters_clear(all);
	assert_null(announced_find(all, domain(1, 60000, 9, 7), 257, 0));
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
		TEST(test_every_template_id),
		TEST(test_equal_definitions_are_shared),
		TEST(test_a_thousand_exporters_of_500_templates),
		TEST(test_the_least_recently_used_go),
		TEST(test_an_exporter_at_its_bound),
		TEST(test_a_flood_of_domains),
		TEST(test_a_flood_of_exporters),
		TEST(test_lifetimes),
		TEST(test_templates_of_another_port),
		TEST(test_many_ports),
		TEST(test_a_template_over_the_bound),
		TEST(test_each),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
