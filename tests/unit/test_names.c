/* names: found by kind, id and domain, replaced, and bounded, what was announced longest ago going
 * first. */
#include "lib/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/err.h"

static struct names *names;

static int setup(void **state)
{
	(void)state;
	names = names_new(12345);
	return names ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	names_free(names);
	return 0;
}

static int put(enum name_kind kind, uint32_t domain, uint64_t id, const char *text)
{
	const struct name_key key = {kind, domain, id};
	return names_put(names, &key, &(struct text){text, (uint32_t)strlen(text)});
}

/* The name as a string, "-" if there is none. */
static const char *find(enum name_kind kind, uint32_t domain, uint64_t id)
{
	static char found[NAME_MAX_LEN + 1];
	const struct text *t = names_find(names, &(struct name_key){kind, domain, id});
	snprintf(found, sizeof found, "%.*s", t ? (int)t->len : 1, t ? t->p : "-");
	return found;
}

static void test_by_kind_id_and_domain(void **state)
{
	(void)state;
	put(NAME_INTERFACE, 1, 5, "eth5");
	put(NAME_VRF, 1, 5, "red");
	put(NAME_INTERFACE, 2, 5, "other5");
	assert_string_equal(find(NAME_INTERFACE, 1, 5), "eth5");
	assert_string_equal(find(NAME_INTERFACE, 2, 5), "other5");
	assert_string_equal(find(NAME_INTERFACE, 3, 5), "other5"); /* the one announced last */
	assert_string_equal(find(NAME_VRF, 9, 5), "red");
	assert_string_equal(find(NAME_INTERFACE, 1, 6), "-");
	assert_string_equal(find(NAME_APPLICATION, 1, 5), "-");
}

static void test_a_name_takes_the_place_of_the_old_one(void **state)
{
	(void)state;
	put(NAME_INTERFACE, 1, 5, "a");
	size_t bytes = names_bytes(names);
	put(NAME_INTERFACE, 1, 5, "a");
	put(NAME_INTERFACE, 1, 5, "b");
	assert_string_equal(find(NAME_INTERFACE, 1, 5), "b");
	assert_int_equal(names_count(names), 1);
	assert_int_equal(names_bytes(names), bytes);
}

static void test_what_is_no_name(void **state)
{
	char text[NAME_MAX_LEN + 2];
	(void)state;
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	assert_int_equal(put(NAME_VRF, 1, 1, text), ERR_TOO_LARGE);
	assert_int_equal(put(NAME_VRF, 1, 1, ""), ERR_TOO_LARGE);
	assert_int_equal(put(NAME_VRF, 1, 1, text + 1), 0);
	assert_int_equal(names_count(names), 1);
}

static void test_the_bound(void **state)
{
	char text[32];
	const unsigned many = 20000;
	(void)state;
	for (unsigned i = 0; i < many; i++) {
		snprintf(text, sizeof text, "interface %u", i);
		assert_int_equal(put(NAME_INTERFACE, 1, i, text), 0);
		assert_true(names_bytes(names) <= NAMES_BYTES_MAX);
		put(NAME_INTERFACE, 1, 0, "interface 0"); /* said again and again: it stays */
	}
	assert_true(names_count(names) > 5000 && names_count(names) < many);
	assert_int_equal(names_count(names) + names_dropped(names), many);
	assert_string_equal(find(NAME_INTERFACE, 1, 0), "interface 0");
	assert_string_equal(find(NAME_INTERFACE, 1, 1), "-");
	assert_string_equal(find(NAME_INTERFACE, 1, many - 1), "interface 19999");
}

/* However many domains an exporter makes up, a look-up does not walk over all of them. */
static void test_many_domains(void **state)
{
	(void)state;
	for (uint32_t d = 0; d < 1000; d++)
		put(NAME_INTERFACE, d, 7, d % 2 ? "odd" : "even");
	assert_int_equal(names_count(names), NAME_DOMAINS_MAX);
	assert_string_equal(find(NAME_INTERFACE, 998, 7), "even");
	assert_string_equal(find(NAME_INTERFACE, 0, 7), "odd");
}

static void test_in_the_order_of_their_announcement(void **state)
{
	const uint64_t order[] = {2, 3, 1};
	size_t i = 0;
	(void)state;
	put(NAME_VRF, 1, 1, "one");
	put(NAME_VRF, 1, 2, "two");
	put(NAME_VRF, 1, 3, "three");
	put(NAME_VRF, 1, 1, "one");
	for (const struct name *n = names_oldest(names); n; n = n->newer)
		assert_int_equal(n->key.id, order[i++]);
	assert_int_equal(i, 3);
	assert_null(names_oldest(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_by_kind_id_and_domain, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_a_name_takes_the_place_of_the_old_one, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_no_name, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_bound, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_domains, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_in_the_order_of_their_announcement, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
