#include "lib/fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/base.h"
#include "lib/record.h"

static void test_the_table(void **state)
{
	(void)state;
	for (int id = 0; id < FIELD_COUNT; id++) {
		const struct field *f = &fields[id];
		assert_true(f->name[0] && f->doc[0] && f->unit);
		assert_true(f->kind > 0 && f->kind < KIND_COUNT);
		assert_true(f->offset < sizeof(struct record));
		assert_non_null(kind_sqlite_type(f->kind));
		for (const char *p = f->name; *p; p++)
			assert_true((*p >= 'a' && *p <= 'z') ||
				    (*p >= '0' && *p <= '9' && p != f->name) || *p == '_');
		for (int other = 0; other < id; other++)
			assert_string_not_equal(f->name, fields[other].name);
	}
	assert_null(kind_sqlite_type(KIND_COUNT));
}

/* Names that users, databases and dashboards rely on, by their ids in the stream. */
static void test_names_and_ids_are_for_ever(void **state)
{
	static const struct {
		int id;
		const char *name;
	} fixed[] = {{0, "received"}, {2, "exporter"}, {13, "last_switched"}, {15, "src_ip"},
		{16, "dst_ip"}, {19, "src_port"}, {20, "dst_port"}, {21, "protocol"},
		{26, "in_bytes"}, {27, "in_pkts"}, {40, "src_mac"}};
	(void)state;
	for (size_t i = 0; i < LEN(fixed); i++)
		assert_string_equal(fields[fixed[i].id].name, fixed[i].name);
}

static void test_names_lead_to_their_fields(void **state)
{
	(void)state;
	for (int id = 0; id < FIELD_COUNT; id++) {
		char name[64];
		size_t len = strlen(fields[id].name);
		assert_true(len < sizeof name - 2);
		assert_int_equal(field_by_name(fields[id].name, len), id);
		/* one character more or less, another case, a NUL inside */
		memcpy(name, fields[id].name, len);
		name[len] = 'x';
		assert_int_equal(field_by_name(name, len + 1), -1);
		name[len] = '\0';
		assert_int_equal(field_by_name(name, len + 1), -1);
		name[0] = (char)(name[0] - 32);
		assert_int_equal(field_by_name(name, len), -1);
		int shorter = field_by_name(fields[id].name, len - 1);
		assert_true(shorter == -1 || strlen(fields[shorter].name) == len - 1);
	}
	assert_int_equal(field_by_name("", 0), -1);
	assert_int_equal(field_by_name("extra", 5), -1);
}

/* Nothing behind the end of a name is read, wherever it hashes to. */
static void test_names_with_nuls(void **state)
{
	(void)state;
	for (int id = 0; id < FIELD_COUNT; id++)
		for (unsigned k = 0; k < 512; k++) {
			size_t len = strlen(fields[id].name);
			char *name = malloc(len + 40);
			memset(name, 0, len + 40);
			memcpy(name, fields[id].name, len);
			name[len + 1] = (char)k;
			name[len + 2] = (char)(k >> 8);
			assert_int_equal(field_by_name(name, len + 40), -1);
			free(name);
		}
}

static void test_words(void **state)
{
	static const struct {
		enum field_id field;
		uint8_t value;
		const char *word;
	} known[] = {{FIELD_time_source, 1, "last_switched"}, {FIELD_time_source, 5, "received"},
		{FIELD_sampling_source, 1, "unknown"}, {FIELD_sampling_source, 4, "options"}};
	(void)state;
	for (size_t i = 0; i < LEN(known); i++) {
		assert_string_equal(field_word(known[i].field, known[i].value), known[i].word);
		assert_int_equal(
			field_word_value(known[i].field, known[i].word, strlen(known[i].word)),
			known[i].value);
	}
	for (int id = 0; id < FIELD_COUNT; id++)
		for (unsigned v = 0; v < 256; v++) {
			const char *word = field_word((enum field_id)id, (uint8_t)v);
			if (!word)
				continue;
			assert_int_equal(fields[id].kind, KIND_WORD);
			assert_int_not_equal(v, 0); /* 0 stands for none */
			assert_int_equal(
				field_word_value((enum field_id)id, word, strlen(word)), v);
			assert_int_equal(
				field_word_value((enum field_id)id, word, strlen(word) - 1), 0);
		}
	assert_int_equal(field_word_value(FIELD_time_source, "options", 7), 0);
	assert_int_equal(field_word_value(FIELD_time_source, "", 0), 0);
}

/* No two fields want the same element in the same way, or one of them would never get it. */
static void test_sources_are_distinct(void **state)
{
	(void)state;
	for (int id = 0; id < FIELD_COUNT; id++)
		for (unsigned i = 0; i < fields[id].source_count; i++) {
			const struct field_source *s = &fields[id].sources[i];
			for (int other = 0; other < id; other++)
				for (unsigned k = 0; k < fields[other].source_count; k++) {
					const struct field_source *t = &fields[other].sources[k];
					assert_false(s->pen == t->pen && s->id == t->id &&
						     s->form == t->form);
				}
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_table),
		cmocka_unit_test(test_names_and_ids_are_for_ever),
		cmocka_unit_test(test_names_lead_to_their_fields),
		cmocka_unit_test(test_names_with_nuls),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_sources_are_distinct),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
