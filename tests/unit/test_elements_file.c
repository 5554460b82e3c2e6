#include "lib/elements_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/template.h"
#include "tests/unit/records.h"

static void no_complaint(void *ctx, unsigned line, unsigned column, const char *what)
{
	(void)ctx;
	fail_msg("%u:%u: %s", line, column, what);
}

static void count_complaint(void *ctx, unsigned line, unsigned column, const char *what)
{
	unsigned *count = ctx;
	(void)line, (void)column, (void)what;
	++*count;
}

/* The file of that text, in force until dropped. */
static struct elements_file *use(const char *text)
{
	struct elements_file *f = elements_file_parse(text, strlen(text), no_complaint, NULL);
	assert_non_null(f);
	elements_extend(elements_file_all(f));
	return f;
}

static void drop(struct elements_file *f)
{
	elements_extend(NULL);
	elements_file_free(f);
}

/* What an element is called, and that this leads back to it. */
static void assert_named(uint32_t pen, uint16_t id, const char *expected)
{
	char name[ELEMENT_NAME_MAX];
	uint32_t back_pen;
	uint16_t back_id;
	size_t len = element_name(pen, id, name);
	assert_string_equal(name, expected);
	assert_int_equal(element_by_name(name, len, &back_pen, &back_id), 0);
	assert_int_equal(back_pen, pen);
	assert_int_equal(back_id, id);
}

static void test_names(void **state)
{
	(void)state;
	struct elements_file *f = use("elements:\n"
				      "- {pen: 0, id: 351, name: vni, type: octetArray}\n"
				      "- {pen: 0, id: 700, name: acmeNew, type: boolean}\n"
				      "- {pen: 9, id: 99, name: acmeCisco, type: signed16}\n"
				      "- {pen: 6871, id: 999, name: acmeYaf, type: float32}\n"
				      "- {pen: 12345, id: 0, name: zero, type: string}\n");
	assert_named(0, 351, "vni");
	assert_named(29305, 351, "reverseVni");
	assert_named(0, 700, "acmeNew");
	assert_named(29305, 700, "reverseAcmeNew");
	assert_named(9, 99, "acmeCisco");
	assert_named(0, 32768 + 99, "v9AcmeCisco");
	assert_named(6871, 16384 + 999, "reverseAcmeYaf");
	assert_named(12345, 0, "zero");
	assert_named(12345, 1, "en12345:id1");
	assert_named(0, 1, "octetDeltaCount");
	assert_int_equal(element_find(0, 351)->type, ELEMENT_OCTETS);
	assert_int_equal(element_find(9, 99)->type, ELEMENT_SIGNED);
	assert_int_equal(element_find(0, 32768 + 99)->type, ELEMENT_SIGNED);
	assert_true(element_is_own(element_find(0, 351)));
	assert_false(element_is_own(element_find(0, 352)));
	uint32_t pen;
	uint16_t id;
	assert_int_equal(element_by_name("layer2SegmentId", 15, &pen, &id), 0); /* as before */
	assert_int_equal(id, 351);
	drop(f);
	assert_named(0, 351, "layer2SegmentId");
	assert_named(12345, 0, "en12345:id0");
}

/* All of the registry under other names: each element is found, and so are its relatives. */
static void test_many(void **state)
{
	static char text[ELEMENTS_FILE_MAX * 64];
	size_t len = (size_t)sprintf(text, "elements:\n");
	(void)state;
	for (unsigned id = 1; id <= 8000; id++)
		len += (size_t)sprintf(text + len,
			"- {pen: %u, id: %u, name: own%u, type: string}\n", id % 3 ? 0 : 777, id,
			id);
	struct elements_file *f = use(text);
	assert_int_equal(elements_file_all(f)->count, 8000);
	for (unsigned id = 1; id <= 8000; id++) {
		char name[ELEMENT_NAME_MAX];
		sprintf(name, "own%u", id);
		assert_named(id % 3 ? 0 : 777, (uint16_t)id, name);
		sprintf(name, "reverseOwn%u", id);
		if (id % 3)
			assert_named(PEN_REVERSE, (uint16_t)id, name);
	}
	drop(f);
}

static void test_too_many(void **state)
{
	static char text[(ELEMENTS_FILE_MAX + 2) * 64];
	size_t len = (size_t)sprintf(text, "elements:\n");
	unsigned complaints = 0;
	(void)state;
	for (unsigned id = 0; id <= ELEMENTS_FILE_MAX; id++)
		len += (size_t)sprintf(
			text + len, "- {pen: 1, id: %u, name: own%u, type: string}\n", id, id);
	assert_null(elements_file_parse(text, len, count_complaint, &complaints));
	assert_int_equal(complaints, 1);
}

/* Names that could be taken for another's, or for that of a relative of another: none of these. */
static void test_clashes(void **state)
{
	static const char *const all[] = {
		"[{pen: 1, id: 1, name: octetDeltaCount, type: string}]",
		"[{pen: 1, id: 1, name: OctetDeltaCount, type: string}]",
		"[{pen: 1, id: 1, name: reverseOctetDeltaCount, type: string}]",
		"[{pen: 1, id: 1, name: v9AppHTTPHost, type: string}]",
		"[{pen: 1, id: 1, name: a, type: string}, {pen: 2, id: 1, name: a, type: string}]",
		"[{pen: 1, id: 1, name: ab, type: string}, {pen: 0, id: 999, name: Ab, type: string}]",
		"[{pen: 0, id: 999, name: ab, type: string}, {pen: 1, id: 9, name: reverseAb, type: string}]",
		"[{pen: 9, id: 99, name: ab, type: string}, {pen: 1, id: 9, name: v9Ab, type: string}]",
	};
	static const char *const none[] = {
		"[{pen: 0, id: 1, name: octetDeltaCount, type: string}]",
		"[{pen: 0, id: 1, name: octets, type: string}, {pen: 1, id: 1, name: Octet, type: string}]",
		"[{pen: 29305, id: 1, name: reverseOctetDeltaCount, type: string}]",
		"[{pen: 1, id: 1, name: reverse, type: string}, {pen: 1, id: 2, name: v9, type: string}]",
		"[{pen: 1, id: 1, name: reversed, type: string}, {pen: 1, id: 2, name: en1, type: string}]",
	};
	(void)state;
	for (size_t i = 0; i < LEN(all) + LEN(none); i++) {
		char text[256];
		unsigned complaints = 0;
		bool good = i >= LEN(all);
		size_t len =
			(size_t)sprintf(text, "elements: %s", good ? none[i - LEN(all)] : all[i]);
		struct elements_file *f =
			elements_file_parse(text, len, count_complaint, &complaints);
		if ((f != NULL) != good || (complaints == 0) != good)
			fail_msg("%s is %s", text, f ? "taken" : "refused");
		elements_file_free(f);
	}
}

/* Which types fill which kinds of fields: no more than these. */
static void test_kinds(void **state)
{
	static const struct {
		const char *type;
		unsigned kinds;
	} all[] = {
		{"unsigned8", 1u << KIND_U8 | 1u << KIND_U16 | 1u << KIND_U32 | 1u << KIND_U64},
		{"unsigned64", 1u << KIND_U8 | 1u << KIND_U16 | 1u << KIND_U32 | 1u << KIND_U64},
		{"octetArray", 1u << KIND_TEXT},
		{"string", 1u << KIND_TEXT},
		{"macAddress", 1u << KIND_MAC},
		{"ipv4Address", 1u << KIND_IP},
		{"ipv6Address", 1u << KIND_IP},
		{"dateTimeSeconds", 1u << KIND_TIME},
		{"dateTimeNanoseconds", 1u << KIND_TIME},
		{"signed32", 0},
		{"float64", 0},
		{"boolean", 0},
		{"basicList", 0},
	};
	static const enum field_id of_kind[] = {FIELD_ttl, FIELD_src_port, FIELD_in_if,
		FIELD_in_bytes, FIELD_src_ip, FIELD_src_mac, FIELD_first_switched, FIELD_user_name,
		FIELD_tunnel, FIELD_received, FIELD_exporter, FIELD_in_pkts_scaled};
	(void)state;
	for (size_t i = 0; i < LEN(all); i++)
		for (size_t k = 0; k < LEN(of_kind); k++) {
			char text[256];
			unsigned complaints = 0;
			bool ours = of_kind[k] != FIELD_received && of_kind[k] != FIELD_exporter &&
				    of_kind[k] != FIELD_in_pkts_scaled;
			size_t len = (size_t)sprintf(text,
				"elements: [{pen: 1, id: 1, name: a, type: %s, field: %s}]",
				all[i].type, fields[of_kind[k]].name);
			struct elements_file *f =
				elements_file_parse(text, len, count_complaint, &complaints);
			bool fits = ours && all[i].kinds >> fields[of_kind[k]].kind & 1;
			if ((f != NULL) != fits || (complaints == 0) != fits)
				fail_msg("%s to %s", all[i].type, fields[of_kind[k]].name);
			elements_file_free(f);
		}
}

/* The bits of a value one by one, the lowest first. */
static uint64_t slow_bits(const uint8_t *p, size_t len, unsigned lowest, unsigned width)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < width; i++)
		if (lowest + i < 8 * len && p[len - 1 - (lowest + i) / 8] & 1u << (lowest + i) % 8)
			v |= UINT64_C(1) << i;
	return v;
}

/* Any range of bits of values of any length fills a field as wide, and is absent from a narrower
 * one where it does not fit; the element is an extra either way. */
static void test_bits(void **state)
{
	struct dice dice = {20};
	(void)state;
	for (unsigned round = 0; round < 3000; round++) {
		uint8_t bytes[130];
		char text[256];
		unsigned width = 1 + (unsigned)dice_below(&dice, 64);
		unsigned lowest = (unsigned)dice_below(&dice, OWN_BITS_MAX + 2 - width);
		uint16_t len = (uint16_t)(1 + dice_below(&dice, sizeof bytes));
		bool narrow = dice_below(&dice, 2);
		int err;
		for (size_t i = 0; i < len; i++)
			bytes[i] = dice_below(&dice, 4) ? (uint8_t)dice_roll(&dice) : 0;
		sprintf(text,
			"elements: [{pen: 1, id: 1, name: a, type: octetArray, bits: [%u, %u], field: %s}]",
			lowest, lowest + width - 1, narrow ? "src_port" : "flow_id");
		struct elements_file *f = use(text);
		struct template_field def = {1, 1, len};
		struct template *t = template_compile(256, &def, 1, 0, false, &err);
		assert_non_null(t);
		struct extra extras[4];
		struct record r = {.extras = extras};
		struct plan_times times = {.export_ns = 1};
		memcpy(r.present, t->present, sizeof r.present);
		plan_run(t, bytes, NULL, &r, &times);
		uint64_t v = slow_bits(bytes, len, lowest, width);
		enum field_id id = narrow ? FIELD_src_port : FIELD_flow_id;
		bool there = lowest < 8u * len && (!narrow || v <= UINT16_MAX);
		assert_int_equal(record_has(&r, id), there);
		if (there)
			assert_true((narrow ? r.src_port : r.flow_id) == v);
		assert_int_equal(r.extra_count, 1);
		assert_int_equal(r.extras[0].len, len);
		free(t);
		drop(f);
	}
}

/* A template in which everything fills something, twice over, stays within a record's bounds. */
static void test_bounds(void **state)
{
	static char text[65536];
	static struct template_field defs[TEMPLATE_FIELDS_MAX];
	static struct extra extras[RECORD_EXTRAS_MAX];
	static uint8_t bytes[TEMPLATE_FIELDS_MAX * 8];
	size_t len = (size_t)sprintf(text, "elements:\n"), count = 0;
	(void)state;
	for (unsigned id = 0; id < FIELD_COUNT; id++)
		if (fields[id].source_count && fields[id].kind <= KIND_U64)
			len += (size_t)sprintf(text + len,
				"- {pen: 1, id: %u, name: a%u, type: unsigned64, bits: [0, 63], "
				"field: %s}\n",
				id, id, fields[id].name);
	struct elements_file *f = use(text);
	for (unsigned i = 0; i < elements_file_all(f)->count; i++)
		defs[count++] =
			(struct template_field){1, elements_file_all(f)->list[i].element.id, 8};
	for (; count < TEMPLATE_FIELDS_MAX; count++)
		defs[count] = (struct template_field){0, count % 2 ? 160 : 351, 8};
	int err;
	struct template *t = template_compile(256, defs, count, 0, false, &err);
	assert_non_null(t);
	struct record r = {.extras = extras};
	struct plan_times times = {.export_ns = 1};
	memset(bytes, 0xff, sizeof bytes);
	memcpy(r.present, t->present, sizeof r.present);
	plan_run(t, bytes, NULL, &r, &times);
	assert_true(r.extra_count <= TEMPLATE_FIELDS_MAX);
	assert_true(r.flow_id == UINT64_MAX);
	assert_false(record_has(&r, FIELD_src_port));
	free(t);
	drop(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_clashes),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_bits),
		cmocka_unit_test(test_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
