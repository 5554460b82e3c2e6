#include "lib/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/build.h"
#include "lib/base.h"
#include "lib/err.h"

#define EXPORT_NS (BUILD_EXPORT_S * NS_PER_S)

/* A plan that was run over one record. */
struct ran {
	struct template *t;
	struct record r;
	struct extra extras[TEMPLATE_FIELDS_MAX];
	struct plan_times times; /* before: what the plan is told */
	size_t len;
	uint8_t bytes[65536]; /* the record, in a block of its own size at its end */
};

static struct ran ran, again;

static void prepare(struct record *r, struct extra *extras, const struct template *t)
{
	memset(r, 0xa5, sizeof *r); /* members without a presence bit mean nothing */
	r->extras = extras;
	r->extra_count = 0;
	memcpy(r->present, t->present, sizeof r->present);
	memset(r->shared, 0, sizeof r->shared);
}

/* Compiles a template and runs its plan over a record, by positions too: both must come out equal.
 */
static struct record *run(const struct template_field *defs, size_t count, const struct build *m)
{
	static struct field_position positions[TEMPLATE_FIELDS_MAX];
	int err = 1;
	free(ran.t);
	ran.t = template_compile(300, defs, count, 0, false, &err);
	if (!ran.t)
		fail_msg("not compiled: %s", err_sentence(err));
	assert_int_equal(err, 0);
	ran.len = m->len;
	uint8_t *bytes = ran.bytes + sizeof ran.bytes - m->len;
	memcpy(bytes, m->b, m->len);
	size_t len = template_locate(ran.t, cursor_over(bytes, m->len), positions);
	assert_int_equal(len, m->len);

	struct plan_times times = ran.times;
	prepare(&ran.r, ran.extras, ran.t);
	plan_run(ran.t, bytes, positions, &ran.r, &times);
	assert_true(ran.r.extra_count <= TEMPLATE_FIELDS_MAX);
	if (!ran.t->variable) {
		assert_int_equal(ran.t->record_len, m->len);
		times = ran.times;
		prepare(&again.r, again.extras, ran.t);
		plan_run(ran.t, bytes, NULL, &again.r, &times);
		assert_true(record_equal(&ran.r, &again.r));
	}
	return &ran.r;
}

static int teardown(void **state)
{
	(void)state;
	free(ran.t);
	memset(&ran, 0, offsetof(struct ran, bytes));
	return 0;
}

static unsigned present_count(const struct record *r)
{
	unsigned n = 0;
	for (size_t w = 0; w < FIELD_WORDS; w++)
		n += (unsigned)__builtin_popcountll(r->present[w]);
	return n;
}

static void assert_extra(
	const struct record *r, size_t i, uint32_t pen, uint16_t id, const void *bytes, size_t len)
{
	assert_true(i < r->extra_count);
	assert_int_equal(r->extras[i].pen, pen);
	assert_int_equal(r->extras[i].id, id);
	assert_int_equal(r->extras[i].len, len);
	assert_memory_equal(r->extras[i].bytes, bytes, len);
}

/* Is the integer member of that field v, and nothing beside it touched? */
static bool holds(const struct record *r, enum field_id id, uint64_t v)
{
	uint64_t have = 0;
	static const uint8_t width[KIND_COUNT] = {
		[KIND_U8] = 1, [KIND_U16] = 2, [KIND_U32] = 4, [KIND_U64] = 8};
	memcpy(&have, record_field(r, id), width[fields[id].kind]);
	return record_has(r, id) && have == v;
}

static unsigned width_of(enum field_id id)
{
	switch (fields[id].kind) {
	case KIND_U8: return 1;
	case KIND_U16: return 2;
	case KIND_U32: return 4;
	case KIND_U64: return 8;
	default: return 0;
	}
}

/* One integer element by itself: it fills its field where the value fits, and is kept as it is
 * where not. */
static void check_integer(enum field_id id, const struct field_source *s, uint16_t len, uint64_t v)
{
	struct template_field def = {s->pen, s->id, len};
	struct build m = {.len = 0};
	unsigned width = width_of(id);
	put(&m, len, v);
	struct record *r = run(&def, 1, &m);
	bool fits = width == 8 || v >> (8 * width) == 0;
	if (fits ? !holds(r, id, v) || present_count(r) != 1 || r->extra_count
		 : present_count(r) != 0 || r->extra_count != 1)
		fail_msg("%s from en%u:id%u of %u bytes: %llu", fields[id].name, s->pen, s->id, len,
			(unsigned long long)v);
	if (!fits)
		assert_extra(r, 0, s->pen, s->id, m.b, len);
}

static void test_integers_of_every_length(void **state)
{
	(void)state;
	for (int id = 0; id < FIELD_COUNT; id++)
		for (unsigned i = 0; width_of(id) && i < fields[id].source_count; i++) {
			const struct field_source *s = &fields[id].sources[i];
			if (s->form != FORM_VALUE && s->form != FORM_V6)
				continue;
			for (uint16_t len = 1; len <= 8; len++) {
				uint64_t most = UINT64_MAX >> (64 - 8 * len);
				unsigned bits = 8 * width_of(id);
				check_integer(id, s, len, 0);
				check_integer(id, s, len, 1);
				check_integer(id, s, len, UINT64_C(0x8182838485868788) & most);
				check_integer(id, s, len, most);
				check_integer(id, s, len, (UINT64_MAX >> (64 - bits)) & most);
				if (bits < 64 && len * 8u > bits)
					check_integer(id, s, len, UINT64_C(1) << bits);
			}
		}
}

/* A length that a kind can't have: the bytes are kept as they came. */
static void test_lengths_that_do_not_fit(void **state)
{
	static const struct template_field odd[] = {{0, 1, 9}, {0, 4, 16}, {0, 8, 3}, {0, 8, 5},
		{0, 8, 16}, {0, 27, 4}, {0, 27, 15}, {0, 56, 5}, {0, 56, 8}, {0, 32, 1}, {0, 32, 3},
		{0, 154, 4}, {0, 156, 7}, {0, 152, 9}, {0, 150, 16}, {0, 160, 4}, {0, 323, 12}};
	(void)state;
	for (size_t i = 0; i < LEN(odd); i++) {
		struct build m = {.len = 0};
		put_fill(&m, 0x31, odd[i].len);
		struct record *r = run(&odd[i], 1, &m);
		assert_int_equal(present_count(r), 0);
		assert_int_equal(r->extra_count, 1);
		assert_extra(r, 0, odd[i].pen, odd[i].id, m.b, odd[i].len);
	}
}

static void test_addresses_macs_and_text(void **state)
{
	static const struct template_field defs[] = {
		{0, 8, 4}, {0, 28, 16}, {0, 56, 6}, {0, 96, 5}};
	static const uint8_t v4[] = {192, 0, 2, 1}, v6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 7};
	static const uint8_t mac[] = {2, 0, 0, 0xaa, 0xbb, 0xcc};
	struct build m = {.len = 0};
	(void)state;
	put_bytes(&m, v4, 4);
	put_bytes(&m, v6, 16);
	put_bytes(&m, mac, 6);
	put_bytes(&m, "dns\0\0", 5);
	struct record *r = run(defs, LEN(defs), &m);
	assert_int_equal(present_count(r), 4);
	struct ip ip4 = ip_from4(v4), ip6 = ip_from6(v6);
	assert_true(ip_equal(&r->src_ip, &ip4));
	assert_true(ip_equal(&r->dst_ip, &ip6));
	assert_memory_equal(r->src_mac.b, mac, 6);
	assert_int_equal(r->app_name.len, 3);
	assert_memory_equal(r->app_name.p, "dns", 3);
	assert_int_equal(r->extra_count, 0);
}

static void test_nuls_at_the_end_of_text(void **state)
{
	static const struct {
		const char *bytes;
		uint16_t len, text;
	} cases[] = {{"a", 1, 1}, {"a\0\0", 3, 1}, {"\0a", 2, 2}, {"a\0b\0", 4, 3},
		{"\xff\xfe\0", 3, 2}};
	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct template_field def = {0, 371, cases[i].len};
		struct build m = {.len = 0};
		put_bytes(&m, cases[i].bytes, cases[i].len);
		struct record *r = run(&def, 1, &m);
		assert_true(record_has(r, FIELD_user_name));
		assert_int_equal(r->user_name.len, cases[i].text);
		assert_memory_equal(r->user_name.p, cases[i].bytes, cases[i].text);
	}
	struct template_field def = {0, 371, 4};
	struct build m = {.len = 0};
	put_fill(&m, 0, 4);
	struct record *r = run(&def, 1, &m);
	assert_false(record_has(r, FIELD_user_name)); /* absent, not "" */
}

static void test_two_fields_of_one_element(void **state)
{
	static const struct template_field defs[] = {{0, 32, 2}};
	struct build m = {.len = 0};
	(void)state;
	put(&m, 2, 0x0301);
	struct record *r = run(defs, 1, &m);
	assert_true(holds(r, FIELD_icmp_type, 3));
	assert_true(holds(r, FIELD_icmp_code, 1));
	assert_int_equal(r->extra_count, 0);

	/* the elements of one byte are the better ones, and the other is left over */
	static const struct template_field both[] = {{0, 32, 2}, {0, 176, 1}, {0, 177, 1}};
	put(&m, 2, 0x0800);
	r = run(both, LEN(both), &m);
	assert_true(holds(r, FIELD_icmp_type, 8));
	assert_true(holds(r, FIELD_icmp_code, 0));
	assert_int_equal(r->extra_count, 1);
	assert_extra(r, 0, 0, 32, m.b, 2);
}

/* A label with no more than the end of the stack beside it, one with a traffic class, none, one of
 * another length. */
static void test_mpls_labels(void **state)
{
	static const struct template_field defs[] = {
		{0, 70, 3}, {0, 71, 3}, {0, 72, 3}, {0, 73, 4}};
	struct build m = {.len = 0};
	(void)state;
	put(&m, 3, 0xfffff1);
	put(&m, 3, 0x00010c);
	put(&m, 3, 0);
	put(&m, 4, 0x00010140);
	const struct record *r = run(defs, LEN(defs), &m);
	assert_int_equal(present_count(r), 2);
	assert_true(holds(r, FIELD_mpls_label_1, 0xfffff));
	assert_true(holds(r, FIELD_mpls_label_2, 16));
	assert_int_equal(r->extra_count, 2);
	assert_extra(r, 0, 0, 71, "\x00\x01\x0c", 3);
	assert_extra(r, 1, 0, 73, "\x00\x01\x01\x40", 4);
}

static void test_the_better_source_wins(void **state)
{
	static const struct template_field defs[] = {{0, 85, 8}, {0, 1, 4}, {0, 1, 4}, {0, 231, 2}};
	struct build m = {.len = 0};
	(void)state;
	put(&m, 8, 1000000);
	put(&m, 4, 7);
	put(&m, 4, 8);
	put(&m, 2, 9);
	struct record *r = run(defs, LEN(defs), &m);
	assert_true(holds(r, FIELD_in_bytes, 7)); /* of equals the first */
	assert_int_equal(r->extra_count, 3);
	assert_extra(r, 0, 0, 85, m.b, 8);
	assert_extra(r, 1, 0, 1, m.b + 12, 4);
	assert_extra(r, 2, 0, 231, m.b + 16, 2);
}

static void test_reverse_elements(void **state)
{
	static const struct template_field defs[] = {
		{29305, 1, 8}, {29305, 2, 4}, {29305, 6, 1}, {29305, 136, 1}};
	struct build m = {.len = 0};
	(void)state;
	put(&m, 8, UINT64_MAX);
	put(&m, 4, 3);
	put(&m, 1, 0x12);
	put(&m, 1, 2);
	struct record *r = run(defs, LEN(defs), &m);
	assert_true(holds(r, FIELD_rev_bytes, UINT64_MAX));
	assert_true(holds(r, FIELD_rev_pkts, 3));
	assert_true(holds(r, FIELD_rev_tcp_flags, 0x12));
	assert_false(record_has(r, FIELD_in_bytes));
	assert_int_equal(r->extra_count, 1); /* flow_end_reason is not the opposite direction's */
	assert_extra(r, 0, 29305, 136, m.b + 13, 1);
}

/* An enterprise's element of a number that IANA uses too is another element. */
static void test_enterprise_elements_are_extras(void **state)
{
	static const struct template_field defs[] = {
		{9, 1, 4}, {UINT32_C(0x12345678), 8, 4}, {0, 1, 4}};
	struct build m = {.len = 0};
	(void)state;
	put(&m, 4, 1);
	put(&m, 4, 2);
	put(&m, 4, 3);
	struct record *r = run(defs, LEN(defs), &m);
	assert_int_equal(present_count(r), 1);
	assert_true(holds(r, FIELD_in_bytes, 3));
	assert_extra(r, 0, 9, 1, m.b, 4);
	assert_extra(r, 1, UINT32_C(0x12345678), 8, m.b + 4, 4);
}

static void test_repeated_elements_stand_together(void **state)
{
	static const struct template_field defs[] = {{0, 82, 2}, {0, 210, 1}, {0, 82, 3},
		{0, 497, 2}, {0, 210, 4}, {0, 210, 0}, {0, 82, 1}};
	struct build m = {.len = 0};
	(void)state;
	for (uint8_t i = 0; i < 13; i++)
		put(&m, 1, i);
	struct record *r = run(defs, LEN(defs), &m);
	assert_int_equal(r->extra_count, 6);
	assert_extra(r, 0, 0, 82, m.b, 2);
	assert_extra(r, 1, 0, 82, m.b + 3, 3);
	assert_extra(r, 2, 0, 82, m.b + 12, 1);
	assert_extra(r, 3, 0, 210, m.b + 2, 1);
	assert_extra(r, 4, 0, 210, m.b + 8, 4);
	assert_extra(r, 5, 0, 497, m.b + 6, 2);
}

/* What turns out not to fit stands beside the others of its element too. */
static void test_misfits_join_their_element(void **state)
{
	static const struct template_field defs[] = {
		{0, 210, 1}, {0, 4, 2}, {0, 402, 1}, {0, 4, 1}};
	struct build m = {.len = 0};
	(void)state;
	put(&m, 1, 1);
	put(&m, 2, 256);
	put(&m, 1, 2);
	put(&m, 1, 17);
	struct record *r = run(defs, LEN(defs), &m);
	assert_false(record_has(r, FIELD_protocol));
	assert_int_equal(r->extra_count, 4);
	for (uint32_t i = 0; i + 1 < r->extra_count; i++)
		if (r->extras[i].id == 4) {
			assert_extra(r, i, 0, 4, m.b + 1, 2);
			assert_extra(r, i + 1, 0, 4, m.b + 4, 1);
			return;
		}
	fail_msg("element 4 is not there");
}

static void test_fields_without_length(void **state)
{
	static const struct template_field defs[] = {
		{0, 8, 0}, {0, 1, 2}, {0, 96, 0}, {9, 100, 0}, {0, 8, 4}};
	struct build m = {.len = 0};
	(void)state;
	put(&m, 2, 515);
	put(&m, 4, 0x7f000001);
	struct record *r = run(defs, LEN(defs), &m);
	assert_int_equal(present_count(r), 2);
	assert_true(holds(r, FIELD_in_bytes, 515));
	assert_int_equal(r->src_ip.b[12], 127);
	assert_int_equal(r->extra_count, 0);
}

static void refused(const struct template_field *defs, size_t count, int expected)
{
	int err = 0;
	struct template *t = template_compile(256, defs, count, 0, false, &err);
	assert_null(t);
	assert_int_equal(err, expected);
}

static void test_templates_that_are_refused(void **state)
{
	static struct template_field many[TEMPLATE_FIELDS_MAX + 1];
	static const struct template_field nothing[] = {{0, 8, 0}, {9, 1, 0}};
	int err = 1;
	(void)state;
	refused(nothing, 0, ERR_BAD_TEMPLATE);
	refused(nothing, LEN(nothing), ERR_BAD_TEMPLATE);
	for (size_t i = 0; i < LEN(many); i++)
		many[i] = (struct template_field){9, (uint16_t)i, 1};
	refused(many, LEN(many), ERR_STATE_LIMIT);
	struct template *t = template_compile(256, many, TEMPLATE_FIELDS_MAX, 0, false, &err);
	assert_non_null(t);
	assert_int_equal(err, 0);
	assert_int_equal(t->record_len, TEMPLATE_FIELDS_MAX);
	free(t);
}

/* The most elements that a template can have, of the kinds that make more than one step each. */
static void test_templates_at_the_bound(void **state)
{
	static struct template_field defs[TEMPLATE_FIELDS_MAX];
	static const struct template_field kinds[] = {
		{0, 160, 8}, {0, 32, 2}, {0, 29, 2}, {0, 4, 8}, {0, 152, 8}};
	(void)state;
	for (size_t k = 0; k < LEN(kinds); k++) {
		struct build m = {.len = 0};
		for (size_t i = 0; i < LEN(defs); i++) {
			defs[i] = kinds[k];
			put_fill(&m, 0xfe, kinds[k].len);
		}
		struct record *r = run(defs, LEN(defs), &m);
		assert_in_range(r->extra_count, LEN(defs) - 2, LEN(defs));
	}
}

static void test_the_same_definition(void **state)
{
	static const struct template_field defs[] = {{0, 8, 4}, {9, 12, 4}, {0, 1, 8}};
	struct template_field other[LEN(defs)];
	int err;
	struct template *t = template_compile(256, defs, LEN(defs), 1, true, &err);
	(void)state;
	assert_true(template_same(t, defs, LEN(defs), 1, true));
	assert_false(template_same(t, defs, LEN(defs) - 1, 1, true));
	assert_false(template_same(t, defs, LEN(defs), 2, true));
	assert_false(template_same(t, defs, LEN(defs), 1, false));
	for (size_t i = 0; i < LEN(defs); i++) {
		memcpy(other, defs, sizeof defs);
		other[i].len++;
		assert_false(template_same(t, other, LEN(defs), 1, true));
		other[i] = defs[i];
		other[i].id++;
		assert_false(template_same(t, other, LEN(defs), 1, true));
		other[i] = defs[i];
		other[i].pen++;
		assert_false(template_same(t, other, LEN(defs), 1, true));
	}
	free(t);
}

/* Variable length, RFC 7011, section 7 --------------------------------------------------------- */

static void put_variable(struct build *m, bool longer, const void *bytes, size_t len)
{
	put(m, 1, longer ? 255 : len);
	if (longer)
		put(m, 2, len);
	put_bytes(m, bytes, len);
}

static void test_variable_lengths(void **state)
{
	static const struct template_field defs[] = {{0, 7, 2}, {0, 371, TEMPLATE_VARIABLE},
		{0, 1, TEMPLATE_VARIABLE}, {0, 82, TEMPLATE_VARIABLE}, {0, 4, 1}};
	static const char long_text[65000] = {[0 ... 64999] = 'x'};
	static const size_t lengths[] = {0, 1, 254, 255, 256, 65000};
	(void)state;
	for (size_t i = 0; i < LEN(lengths); i++)
		for (int longer = lengths[i] > 254; longer < 2; longer++) {
			static struct build m;
			m.len = 0;
			put(&m, 2, 443);
			put_variable(&m, longer, long_text, lengths[i]);
			put_variable(&m, !longer, "\x01\x02\x03", 3);
			put_variable(&m, longer, "eth0", 4);
			put(&m, 1, 6);
			struct record *r = run(defs, LEN(defs), &m);
			assert_true(holds(r, FIELD_src_port, 443));
			assert_true(holds(r, FIELD_protocol, 6));
			assert_int_equal(record_has(r, FIELD_user_name), lengths[i] > 0);
			if (lengths[i]) {
				assert_int_equal(r->user_name.len, lengths[i]);
				assert_memory_equal(r->user_name.p, long_text, lengths[i]);
			}
			/* an integer of a variable length is no integer by the template */
			assert_int_equal(r->extra_count, 2);
			assert_extra(r, 0, 0, 1, "\x01\x02\x03", 3);
			assert_extra(r, 1, 0, 82, "eth0", 4);
		}
}

/* Every cut of a record is noticed, and nothing behind it is read. */
static void test_records_cut_short(void **state)
{
	static const struct template_field defs[] = {
		{0, 7, 2}, {0, 371, TEMPLATE_VARIABLE}, {0, 8, 4}, {0, 82, TEMPLATE_VARIABLE}};
	struct field_position pos[LEN(defs)];
	struct build m = {.len = 0};
	int err;
	(void)state;
	put(&m, 2, 443);
	put_variable(&m, true, "user", 4);
	put(&m, 4, 0x0a000001);
	put_variable(&m, false, "eth0", 4);
	struct template *t = template_compile(256, defs, LEN(defs), 0, false, &err);
	assert_int_equal(t->record_len, 2 + 1 + 4 + 1);
	for (size_t len = 0; len < m.len; len++) {
		uint8_t *cut = malloc(len ? len : 1);
		memcpy(cut, m.b, len);
		assert_int_equal(template_locate(t, cursor_over(cut, len), pos), 0);
		free(cut);
	}
	assert_int_equal(template_locate(t, cursor_over(m.b, m.len), pos), m.len);
	assert_int_equal(pos[1].offset, 5);
	assert_int_equal(pos[1].len, 4);
	assert_int_equal(pos[3].offset, 14);
	free(t);
}

/* Both families in one record ------------------------------------------------------------------ */

static const uint8_t four[4] = {192, 0, 2, 1}, six[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 9};
static const uint8_t zeros[16];

/* A record with 8 and 27 in either order, and ipVersion where it is not 0. */
static struct record *both_families(
	bool six_first, bool variable, const uint8_t *v4, const uint8_t *v6, uint8_t ip_version)
{
	struct template_field defs[4] = {
		{0, 8, 4}, {0, 27, 16}, {0, 60, 1}, {0, 82, TEMPLATE_VARIABLE}};
	static struct build m;
	m.len = 0;
	if (six_first) {
		defs[0] = (struct template_field){0, 27, 16};
		defs[1] = (struct template_field){0, 8, 4};
		put_bytes(&m, v6, 16);
		put_bytes(&m, v4, 4);
	} else {
		put_bytes(&m, v4, 4);
		put_bytes(&m, v6, 16);
	}
	if (ip_version)
		put(&m, 1, ip_version);
	else
		defs[2] = defs[3];
	if (variable)
		put(&m, 1, 0);
	return run(defs, 2u + (ip_version != 0) + variable, &m);
}

static void test_both_families(void **state)
{
	static const struct {
		const uint8_t *v4, *v6;
		uint8_t ip_version;
		bool takes_six;
		uint16_t left_over;
	} cases[] = {
		{four, zeros, 0, false, 0},
		{four, zeros, 4, false, 0},
		{four, zeros, 6, false, 0},
		{zeros, six, 0, true, 0},
		{zeros, six, 4, true, 0},
		{zeros, six, 6, true, 0},
		{four, six, 0, false, 27},
		{four, six, 4, false, 27},
		{four, six, 6, true, 8},
	};
	struct ip ip4 = ip_from4(four), ip6 = ip_from6(six);
	(void)state;
	for (size_t i = 0; i < 4 * LEN(cases); i++) {
		size_t c = i / 4;
		struct record *r =
			both_families(i & 1, i & 2, cases[c].v4, cases[c].v6, cases[c].ip_version);
		assert_true(record_has(r, FIELD_src_ip));
		assert_true(ip_equal(&r->src_ip, cases[c].takes_six ? &ip6 : &ip4));
		uint32_t extras = (cases[c].left_over != 0) + (i & 2 ? 1u : 0u);
		if (r->extra_count != extras)
			fail_msg("case %zu: %u extras, not %u", c, r->extra_count, extras);
		if (cases[c].left_over == 27)
			assert_extra(r, 0, 0, 27, six, 16);
		else if (cases[c].left_over == 8)
			assert_extra(r, 0, 0, 8, four, 4);
	}
	/* neither is set: an address of the right family, if one is known */
	struct record *r = both_families(false, false, zeros, zeros, 0);
	assert_true(ip_is_unspecified(&r->src_ip));
	assert_int_equal(r->extra_count, 0);
}

static void test_one_family_alone(void **state)
{
	static const struct template_field def = {0, 27, 16};
	struct build m = {.len = 0};
	(void)state;
	put_fill(&m, 0, 16);
	struct record *r = run(&def, 1, &m);
	assert_true(record_has(r, FIELD_src_ip));
	assert_memory_equal(r->src_ip.b, zeros, 16);
}

static void test_masks_of_both_families(void **state)
{
	static const struct template_field defs[] = {
		{0, 9, 1}, {0, 29, 1}, {0, 13, 1}, {0, 30, 2}, {0, 60, 1}};
	struct build m = {.len = 0};
	(void)state;
	put(&m, 1, 0);
	put(&m, 1, 64);
	put(&m, 1, 24);
	put(&m, 2, 0);
	put(&m, 1, 6);
	struct record *r = run(defs, LEN(defs), &m);
	assert_true(holds(r, FIELD_src_mask, 64));
	assert_true(holds(r, FIELD_dst_mask, 24));
	assert_int_equal(r->extra_count, 0);
}

/* A value of the other family that its field can't hold is kept. */
static void test_a_mask_too_wide_of_the_other_family(void **state)
{
	static const struct template_field defs[] = {{0, 9, 1}, {0, 29, 2}};
	struct build m = {.len = 0};
	(void)state;
	put(&m, 1, 0);
	put(&m, 2, 0x0140);
	struct record *r = run(defs, LEN(defs), &m);
	assert_int_equal(r->extra_count, 1);
	assert_extra(r, 0, 0, 29, m.b + 1, 2);
}

/* Times ---------------------------------------------------------------------------------------- */

#define UPTIME 100000000u /* of the header, ms */
#define MS     NS_PER_MS

/* One element, and the time it makes; ns UINT64_MAX: none, it is left over. */
static void check_time(
	uint16_t id, uint16_t len, uint64_t value, enum field_id field, uint64_t ns, uint8_t digits)
{
	struct template_field def = {0, id, len};
	struct build m = {.len = 0};
	put(&m, len, value);
	struct record *r = run(&def, 1, &m);
	if (ns == UINT64_MAX) {
		assert_int_equal(present_count(r), 0);
		assert_int_equal(r->extra_count, 1);
		assert_extra(r, 0, 0, id, m.b, len);
		return;
	}
	const struct instant *t = record_field(r, field);
	if (!record_has(r, field) || t->ns != ns || t->digits != digits)
		fail_msg("element %u, %llx: %llu ns, %u digits; expected %llu, %u", id,
			(unsigned long long)value, (unsigned long long)t->ns, t->digits,
			(unsigned long long)ns, digits);
	assert_int_equal(present_count(r), 1);
	assert_int_equal(r->extra_count, 0);
}

static void test_uptimes(void **state)
{
	(void)state;
	ran.times = (struct plan_times){.export_ns = EXPORT_NS,
		.base_ns = EXPORT_NS + 250 * MS,
		.base_uptime = UPTIME,
		.has_base = true};
	uint64_t base = ran.times.base_ns;
	check_time(22, 4, UPTIME, FIELD_first_switched, base, 3);
	check_time(21, 4, UPTIME - 1, FIELD_last_switched, base - MS, 3);
	check_time(21, 4, UPTIME + 160, FIELD_last_switched, base + 160 * MS,
		3); /* newer than the header */
	check_time(21, 8, UPTIME - 5000, FIELD_last_switched, base - 5000 * MS, 3);
	check_time(22, 3, 0x123456, FIELD_first_switched, base - (UPTIME - 0x123456) * MS, 3);
	check_time(22, 4, 0, FIELD_first_switched, base - UPTIME * MS, 3);

	ran.times.base_uptime = 1000; /* the counter has wrapped since */
	check_time(22, 4, UINT32_MAX, FIELD_first_switched, base - 1001 * MS, 3);
	check_time(22, 4, UINT32_MAX - 4999, FIELD_first_switched, base - 6000 * MS, 3);

	ran.times.base_uptime = 4000; /* seconds */
	ran.times.in_seconds = true;
	ran.times.base_ns = EXPORT_NS;
	check_time(22, 4, 3990, FIELD_first_switched, EXPORT_NS - 10 * NS_PER_S, 0);
	check_time(21, 4, 4001, FIELD_last_switched, EXPORT_NS + NS_PER_S, 0);

	ran.times.in_seconds = false;
	ran.times.base_ns = 3 * MS; /* before 1970 there is nothing */
	check_time(22, 4, 3997, FIELD_first_switched, 0, 3);
	check_time(22, 4, 3996, FIELD_first_switched, UINT64_MAX, 0);

	ran.times.has_base = false; /* IPFIX that does not say when the exporter began */
	check_time(22, 4, 3996, FIELD_first_switched, UINT64_MAX, 0);
}

static void test_times_since_1970(void **state)
{
	(void)state;
	ran.times = (struct plan_times){.export_ns = EXPORT_NS};
	check_time(150, 4, 1700000001, FIELD_first_switched, 1700000001 * NS_PER_S, 0);
	check_time(151, 8, UINT64_MAX / NS_PER_S, FIELD_last_switched,
		UINT64_MAX / NS_PER_S * NS_PER_S, 0);
	check_time(151, 8, UINT64_MAX / NS_PER_S + 1, FIELD_last_switched, UINT64_MAX, 0);
	check_time(152, 8, 1700000001234, FIELD_first_switched, 1700000001234 * MS, 3);
	check_time(153, 8, UINT64_MAX / MS, FIELD_last_switched, UINT64_MAX / MS * MS, 3);
	check_time(153, 8, UINT64_MAX / MS + 1, FIELD_last_switched, UINT64_MAX, 0);
	check_time(323, 8, 1700000001999, FIELD_event_time, 1700000001999 * MS, 3);
}

static void test_ntp_times(void **state)
{
	const uint64_t of_1970 = UINT64_C(2208988800) << 32, half = UINT64_C(1) << 31;
	(void)state;
	ran.times = (struct plan_times){.export_ns = EXPORT_NS};
	check_time(156, 8, of_1970, FIELD_first_switched, 0, 9);
	check_time(157, 8, of_1970 + half, FIELD_last_switched, 500 * MS, 9);
	check_time(156, 8, of_1970 + 1, FIELD_first_switched, 0, 9); /* 0.23 ns */
	check_time(156, 8, of_1970 + 3, FIELD_first_switched, 1, 9); /* 0.7 ns */
	check_time(156, 8, of_1970 + UINT32_MAX, FIELD_first_switched, NS_PER_S, 9);
	/* 123456789 ns to 2^-32 s and back */
	uint64_t part = ((UINT64_C(123456789) << 32) + 500000000) / NS_PER_S;
	check_time(325, 8, of_1970 + part, FIELD_event_time, 123456789, 9);

	/* microseconds: the lower 11 bits mean nothing, whatever they hold */
	part = (((UINT64_C(654321) << 32) + 500000) / 1000000) & ~UINT64_C(0x7ff);
	check_time(154, 8, of_1970 + part, FIELD_first_switched, 654321 * NS_PER_US, 6);
	check_time(155, 8, of_1970 + part + 0x7ff, FIELD_last_switched, 654321 * NS_PER_US, 6);
	check_time(324, 8, of_1970 + 0x7ff, FIELD_event_time, 0, 6);
	/* 1.43 us; with them it would be 1.91 */
	check_time(154, 8, of_1970 + 3 * 0x800 + 0x7ff, FIELD_first_switched, NS_PER_US, 6);
	check_time(154, 8, of_1970 + (UINT64_C(1700000000) << 32), FIELD_first_switched,
		1700000000 * NS_PER_S, 6);

	/* the era that begins on 2036-02-07, and a clock that was never set */
	check_time(156, 8, UINT64_C(5) << 32, FIELD_first_switched, (2085978496 + 5) * NS_PER_S, 9);
	check_time(154, 8, 0, FIELD_first_switched, UINT64_MAX, 0);
	check_time(157, 8, 0, FIELD_last_switched, UINT64_MAX, 0);
}

static void test_times_before_the_export(void **state)
{
	(void)state;
	ran.times = (struct plan_times){.export_ns = EXPORT_NS};
	check_time(158, 4, 1500001, FIELD_first_switched, EXPORT_NS - 1500001 * NS_PER_US, 6);
	check_time(159, 4, 0, FIELD_last_switched, EXPORT_NS, 6);
	check_time(159, 8, EXPORT_NS / NS_PER_US, FIELD_last_switched, 0, 6);
	check_time(159, 8, EXPORT_NS / NS_PER_US + 1, FIELD_last_switched, UINT64_MAX, 0);
}

static void test_durations(void **state)
{
	static const struct template_field micro = {0, 162, 4}, milli = {0, 161, 4},
					   wide = {0, 161, 8};
	struct build m = {.len = 0};
	(void)state;
	put(&m, 4, 1234567);
	assert_true(holds(run(&micro, 1, &m), FIELD_duration, 1234567));
	assert_true(holds(run(&milli, 1, &m), FIELD_duration, 1234567000));
	m.len = 0;
	put(&m, 8, UINT64_MAX / 1000);
	assert_true(holds(run(&wide, 1, &m), FIELD_duration, UINT64_MAX / 1000 * 1000));
	m.len = 0;
	put(&m, 8, UINT64_MAX / 1000 + 1);
	assert_int_equal(run(&wide, 1, &m)->extra_count, 1);
}

/* systemInitTimeMilliseconds in the record: the uptimes beside it count from then, wherever it
 * stands. */
static void test_uptimes_with_their_base(void **state)
{
	static const struct template_field defs[] = {{0, 22, 4}, {0, 160, 8}, {0, 21, 4}};
	uint64_t init_ms = EXPORT_NS / MS - 90000000;
	struct build m = {.len = 0};
	(void)state;
	ran.times = (struct plan_times){.export_ns = EXPORT_NS,
		.base_ns = EXPORT_NS,
		.base_uptime = 5,
		.has_base = true,
		.in_seconds = true};
	put(&m, 4, 89990000);
	put(&m, 8, init_ms);
	put(&m, 4, 89995000);
	struct record *r = run(defs, LEN(defs), &m);
	assert_int_equal(r->first_switched.ns, EXPORT_NS - 10 * NS_PER_S);
	assert_int_equal(r->first_switched.digits, 3);
	assert_int_equal(r->last_switched.ns, EXPORT_NS - 5 * NS_PER_S);
	assert_int_equal(r->extra_count, 1); /* no field has it: it stays with its record, once */
	assert_extra(r, 0, 0, 160, m.b + 4, 8);

	/* more than 2^32 ms ago: the uptimes have wrapped */
	init_ms = EXPORT_NS / MS - (UINT64_C(1) << 32) - 7000;
	m.len = 0;
	put(&m, 4, 2000);
	put(&m, 8, init_ms);
	put(&m, 4, 6000);
	r = run(defs, LEN(defs), &m);
	assert_int_equal(r->first_switched.ns, EXPORT_NS - 5 * NS_PER_S);
	assert_int_equal(r->last_switched.ns, EXPORT_NS - NS_PER_S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_integers_of_every_length, teardown),
		cmocka_unit_test_teardown(test_lengths_that_do_not_fit, teardown),
		cmocka_unit_test_teardown(test_addresses_macs_and_text, teardown),
		cmocka_unit_test_teardown(test_nuls_at_the_end_of_text, teardown),
		cmocka_unit_test_teardown(test_two_fields_of_one_element, teardown),
		cmocka_unit_test_teardown(test_mpls_labels, teardown),
		cmocka_unit_test_teardown(test_the_better_source_wins, teardown),
		cmocka_unit_test_teardown(test_reverse_elements, teardown),
		cmocka_unit_test_teardown(test_enterprise_elements_are_extras, teardown),
		cmocka_unit_test_teardown(test_repeated_elements_stand_together, teardown),
		cmocka_unit_test_teardown(test_misfits_join_their_element, teardown),
		cmocka_unit_test_teardown(test_fields_without_length, teardown),
		cmocka_unit_test_teardown(test_templates_that_are_refused, teardown),
		cmocka_unit_test_teardown(test_templates_at_the_bound, teardown),
		cmocka_unit_test_teardown(test_the_same_definition, teardown),
		cmocka_unit_test_teardown(test_variable_lengths, teardown),
		cmocka_unit_test_teardown(test_records_cut_short, teardown),
		cmocka_unit_test_teardown(test_both_families, teardown),
		cmocka_unit_test_teardown(test_one_family_alone, teardown),
		cmocka_unit_test_teardown(test_masks_of_both_families, teardown),
		cmocka_unit_test_teardown(test_a_mask_too_wide_of_the_other_family, teardown),
		cmocka_unit_test_teardown(test_uptimes, teardown),
		cmocka_unit_test_teardown(test_times_since_1970, teardown),
		cmocka_unit_test_teardown(test_ntp_times, teardown),
		cmocka_unit_test_teardown(test_times_before_the_export, teardown),
		cmocka_unit_test_teardown(test_durations, teardown),
		cmocka_unit_test_teardown(test_uptimes_with_their_base, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
