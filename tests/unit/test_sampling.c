#include "lib/sampling.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/build.h"
#include "lib/base.h"
#include "lib/quirks.h"

static struct samplers samplers;
static uint64_t met;       /* the quirks, as a set */
static bool little_endian; /* by the exporters file */

static int setup(void **state)
{
	(void)state;
	memset(&samplers, 0, sizeof samplers);
	met = 0;
	little_endian = false;
	return 0;
}

struct option {
	uint16_t id, len;
	uint64_t value;
};

#define SCOPE(type) (0x8000 | (type)) /* a scope of NetFlow v9 */

static struct sampler learnt; /* by the last one */

/* Learns from an option record of these elements. */
static void learn(uint32_t domain, const struct option *options, size_t count)
{
	struct template_field defs[8];
	struct field_position pos[8];
	struct build m = {.len = 0};
	int err;
	for (size_t i = 0; i < count; i++) {
		defs[i] = (struct template_field){options[i].id & SCOPE(0) ? PEN_SCOPE : 0,
			options[i].id & ~SCOPE(0), options[i].len};
		put(&m, options[i].len, options[i].value);
	}
	struct template *t =
		template_compile(256, defs, count, 1, true, &err); /* the first is its scope */
	assert_non_null(t);
	assert_int_equal(template_locate(t, cursor_over(m.b, m.len), pos), m.len);
	met |= sampling_learn(&samplers, domain, t, m.b, pos, little_endian, &learnt);
	free(t);
}

#define LEARN(domain, ...)                                                                         \
	learn((domain), (const struct option[]){__VA_ARGS__},                                      \
		LEN(((const struct option[]){__VA_ARGS__})))

static uint32_t ask(struct sampled flow)
{
	return sampling_rate(&samplers, &flow, &met);
}

/* The rate of a domain without a sampler id. */
static uint32_t rate(uint32_t domain)
{
	return ask((struct sampled){.domain = domain});
}

static uint32_t rate_by(uint32_t domain, uint64_t sampler)
{
	return ask((struct sampled){.domain = domain, .has_id = true, .id = sampler});
}

static void test_each_way_of_saying_it(void **state)
{
	(void)state;
	assert_int_equal(rate(1), 0);
	LEARN(1, {34, 4, 1000});
	assert_int_equal(rate(1), 1000);
	LEARN(1, {34, 2, 200}, {35, 1, 2});
	assert_int_equal(rate(1), 200);
	LEARN(1, {50, 4, 300});
	assert_int_equal(rate(1), 300);
	LEARN(1, {305, 4, 1}, {306, 4, 999}); /* one packet, then a space of 999 */
	assert_int_equal(rate(1), 1000);
	LEARN(1, {305, 4, 10}, {306, 4, 90});
	assert_int_equal(rate(1), 10);
	LEARN(1, {305, 4, 1}, {306, 4, 0}); /* all packets */
	assert_int_equal(rate(1), 1);
	LEARN(1, {309, 4, 1}, {310, 4, 512});
	assert_int_equal(rate(1), 512);
	LEARN(1, {309, 8, 2}, {310, 8, 512});
	assert_int_equal(rate(1), 256);
}

static void test_what_says_nothing(void **state)
{
	(void)state;
	LEARN(1, {34, 4, 77});
	LEARN(1, {34, 4, 0});
	LEARN(1, {305, 4, 5}); /* without its space: nobody knows */
	LEARN(1, {306, 4, 5});
	LEARN(1, {305, 4, 0}, {306, 4, 5});
	LEARN(1, {309, 4, 0}, {310, 4, 5});
	LEARN(1, {310, 4, 5});
	LEARN(1, {35, 1, 1}, {36, 2, 60}, {40, 4, 4711});
	LEARN(1, {34, 8, UINT64_C(1) << 32});
	LEARN(1, {305, 8, 1}, {306, 8, UINT64_MAX});
	assert_int_equal(rate(1), 77);
	assert_int_equal(samplers.count, 1);
}

/* Of a rate that is announced but no whole number, the nearest is better than none. */
static void test_rates_that_are_not_whole(void **state)
{
	(void)state;
	LEARN(1, {309, 4, 3}, {310, 4, 10});
	assert_int_equal(rate(1), 3);
	LEARN(1, {305, 4, 3}, {306, 4, 8});
	assert_int_equal(rate(1), 4);
	LEARN(1, {305, 4, 2}, {306, 4, 3});
	assert_int_equal(rate(1), 3);
	LEARN(1, {305, 4, 3}, {306, 4, 1});
	assert_int_equal(rate(1), 1);
	LEARN(2, {309, 4, 10}, {310, 4, 3}); /* more than all of them */
	assert_int_equal(samplers.count, 1);
}

/* Modes that do not exist come from records that are out of step with their template (Q16 of 2.1).
 */
static void test_modes_that_do_not_exist(void **state)
{
	(void)state;
	LEARN(1, {48, 1, 7}, {49, 1, 31}, {50, 4, 1713});
	LEARN(1, {34, 4, 1713}, {35, 1, 36});
	assert_int_equal(samplers.count, 0);
	assert_int_equal(met, QUIRK_BIT(BAD_SAMPLER));
	LEARN(1, {48, 1, 7}, {49, 1, 2}, {50, 4, 100});
	assert_int_equal(rate_by(1, 7), 100);
}

/* A rate that an option record has for one template or interface is that one's alone (Q27, Q28). */
static void test_rates_of_templates_and_interfaces(void **state)
{
	(void)state;
	LEARN(1, {145, 2, 300}, {34, 4, 30});
	LEARN(1, {SCOPE(5), 2, 301}, {34, 4, 31});
	assert_int_equal(ask((struct sampled){.domain = 1, .template_id = 300}), 30);
	assert_int_equal(ask((struct sampled){.domain = 1, .template_id = 301}), 31);
	assert_int_equal(ask((struct sampled){.domain = 1, .template_id = 302}), 0);
	assert_int_equal(ask((struct sampled){.domain = 2, .template_id = 300}), 0);
	/* those of interfaces are learnt, and remembered elsewhere */
	LEARN(1, {SCOPE(2), 4, 5}, {34, 4, 50});
	assert_true(learnt.of == SAMPLER_OF_INTERFACE && learnt.id == 5 && learnt.rate == 50);
	LEARN(1, {10, 4, 6}, {305, 4, 1}, {306, 4, 59});
	assert_true(learnt.of == SAMPLER_OF_INTERFACE && learnt.id == 6 && learnt.rate == 60);
	LEARN(1, {14, 4, 7}, {34, 4, 70});
	assert_true(learnt.of == SAMPLER_OF_INTERFACE && learnt.id == 7 && learnt.rate == 70);
	assert_int_equal(ask((struct sampled){.domain = 1}), 0);
	assert_int_equal(ask((struct sampled){.domain = 1, .interface_rate = 50}), 50);
	LEARN(1, {10, 4, 0}, {34, 4, 10}); /* all interfaces */
	assert_true(learnt.of == SAMPLER_OF_ALL && learnt.rate == 10);
	assert_int_equal(ask((struct sampled){.domain = 1}), 10);
	assert_int_equal(ask((struct sampled){.domain = 1, .interface_rate = 50}), 50);
	assert_int_equal(ask((struct sampled){.domain = 1, .template_id = 300}), 30);
	LEARN(1, {10, 4, 6}, {2, 4, 59}); /* no rate */
	assert_int_equal(learnt.rate, 0);
}

/* An observation domain in the scope is the one that the rate is of; elsewhere in the record it is
 * not. */
static void test_the_domain_of_a_scope(void **state)
{
	(void)state;
	LEARN(1, {149, 4, 9}, {34, 4, 90});
	LEARN(1, {34, 4, 10}, {149, 4, 8});
	assert_int_equal(rate(9), 90);
	assert_int_equal(rate(1), 10);
}

/* Of a sampler that was never announced nothing is known but the domain's rate. */
static void test_an_unknown_sampler(void **state)
{
	(void)state;
	LEARN(1, {48, 1, 5}, {50, 4, 500});
	assert_int_equal(rate_by(1, 6), 0);
	LEARN(1, {34, 4, 10});
	assert_int_equal(rate_by(1, 6), 10);
	assert_int_equal(rate_by(1, 5), 500);
}

/* Q11: a rate over 1 in 16 million is one whose lowest byte came first, where that is smaller. */
static void test_little_endian(void **state)
{
	(void)state;
	LEARN(1, {34, 4, 0xe8030000}); /* 1000 */
	assert_int_equal(rate(1), 1000);
	assert_int_equal(met, QUIRK_BIT(LITTLE_ENDIAN_SAMPLING));
	met = 0;
	LEARN(1, {50, 4, 0x00010000}); /* who can tell? */
	assert_int_equal(rate(1), 65536);
	LEARN(1, {34, 4, 0x01000001}); /* it is as large the other way round */
	assert_int_equal(rate(1), 0x01000001);
	assert_int_equal(met, 0);
	little_endian = true;
	LEARN(1, {50, 4, 0x00010000});
	assert_int_equal(rate(1), 256);
	LEARN(1, {34, 2, 0x6400});
	assert_int_equal(rate(1), 100);
	LEARN(1, {305, 4, 1}, {306, 4, 999}); /* of these nobody heard such a thing */
	assert_int_equal(rate(1), 1000);
	assert_int_equal(met, QUIRK_BIT(LITTLE_ENDIAN_SAMPLING));
}

static void test_samplers_by_id(void **state)
{
	(void)state;
	LEARN(0, {48, 1, 1}, {50, 4, 1000});
	LEARN(0, {48, 4, 2}, {50, 4, 4000});
	LEARN(0, {302, 8, UINT64_MAX}, {305, 4, 1}, {306, 4, 7});
	assert_int_equal(rate_by(0, 1), 1000);
	assert_int_equal(rate_by(0, 2), 4000);
	assert_int_equal(rate_by(0, UINT64_MAX), 8);
	assert_int_equal(rate_by(0, 3), 0);
	assert_int_equal(rate(0), 0);        /* which of the three? */
	LEARN(0, {48, 1, 1}, {50, 4, 1001}); /* changed */
	assert_int_equal(rate_by(0, 1), 1001);
	assert_int_equal(samplers.count, 3);
}

/* A sampler id of 0 that was never announced means the exporter's last one (Q26). */
static void test_sampler_zero(void **state)
{
	(void)state;
	assert_int_equal(rate_by(0, 0), 0);
	LEARN(0, {48, 1, 1}, {50, 4, 100});
	LEARN(0, {48, 1, 5}, {50, 4, 500});
	assert_int_equal(rate_by(0, 0), 500);
	assert_int_equal(met, QUIRK_BIT(SAMPLER_ZERO));
	LEARN(0, {48, 1, 0}, {50, 4, 10});
	assert_int_equal(rate_by(0, 0), 10);
}

static void test_other_domains(void **state)
{
	(void)state;
	LEARN(6, {34, 4, 600});
	assert_int_equal(rate(6), 600);
	assert_int_equal(rate(1), 600); /* the whole exporter's */
	LEARN(1, {34, 4, 100});
	assert_int_equal(rate(6), 600);
	assert_int_equal(rate(1), 100);
	LEARN(6, {48, 1, 9}, {50, 4, 900});
	assert_int_equal(rate_by(1, 9), 900);
	LEARN(1, {48, 1, 9}, {50, 4, 901});
	assert_int_equal(rate_by(1, 9), 901);
	assert_int_equal(rate_by(6, 9), 900);
}

/* One sampler with an id, and flows that name none: it is that one. */
static void test_the_only_sampler(void **state)
{
	(void)state;
	LEARN(0, {48, 1, 7}, {50, 4, 700});
	assert_int_equal(rate(0), 700);
	assert_int_equal(rate(3), 700);
	LEARN(0, {48, 1, 8}, {50, 4, 800});
	assert_int_equal(rate(0), 0);
}

static void test_the_bound(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= 3 * SAMPLERS_MAX; i++)
		LEARN(0, {48, 4, i}, {50, 4, 1000 + i});
	for (uint64_t i = 1; i <= 3 * SAMPLERS_MAX; i++)
		assert_int_equal(rate_by(0, i), i > 2 * SAMPLERS_MAX ? 1000 + i : 0);
	assert_int_equal(rate_by(0, 0), 1000 + 3 * SAMPLERS_MAX);
}

/* Lengths that no integer has are passed over. */
static void test_odd_lengths(void **state)
{
	(void)state;
	LEARN(1, {34, 0, 0}, {50, 3, 65537});
	assert_int_equal(rate(1), 65537);
	LEARN(2, {34, 16, 5}, {35, 1, 1});
	assert_int_equal(samplers.count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_each_way_of_saying_it, setup),
		cmocka_unit_test_setup(test_what_says_nothing, setup),
		cmocka_unit_test_setup(test_rates_that_are_not_whole, setup),
		cmocka_unit_test_setup(test_modes_that_do_not_exist, setup),
		cmocka_unit_test_setup(test_rates_of_templates_and_interfaces, setup),
		cmocka_unit_test_setup(test_the_domain_of_a_scope, setup),
		cmocka_unit_test_setup(test_an_unknown_sampler, setup),
		cmocka_unit_test_setup(test_little_endian, setup),
		cmocka_unit_test_setup(test_samplers_by_id, setup),
		cmocka_unit_test_setup(test_sampler_zero, setup),
		cmocka_unit_test_setup(test_other_domains, setup),
		cmocka_unit_test_setup(test_the_only_sampler, setup),
		cmocka_unit_test_setup(test_the_bound, setup),
		cmocka_unit_test_setup(test_odd_lengths, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
