#include "lib/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/stream.h"
#include "tests/unit/records.h"

static struct sample sample;
static struct record back;
static uint8_t packed[STREAM_FRAME_MAX];

static int setup(void **state)
{
	(void)state;
	sample_clear(&sample);
	return record_init(&back);
}

static int teardown(void **state)
{
	(void)state;
	record_release(&back);
	return 0;
}

static size_t pack(const struct record *r)
{
	size_t len = record_pack(
		r, r->present, r->extra_count ? ENTRY_EXTRAS : 0, packed, sizeof packed);
	assert_true(len > 0 && len <= RECORD_PACKED_MAX);
	return len;
}

/* Unpacks a copy in a block of its own size under a schema; returns its result. */
static int unpack(const struct schema *schema, size_t len, uint64_t *unknown)
{
	static uint8_t *block;
	unsigned flags, flags_of_entry;
	uint64_t ignored = 0;
	free(block); /* back borrows from it until the next one */
	block = malloc(len ? len : 1);
	memcpy(block, packed, len);
	memset(back.present, 0, sizeof back.present);
	memset(back.shared, 0, sizeof back.shared);
	assert_int_equal(entry_length(block, len, &flags_of_entry), len);
	int err = record_unpack(
		schema, block, len, &back, EXTRAS_MAX, &flags, unknown ? unknown : &ignored);
	assert_int_equal(flags, flags_of_entry);
	if (!unknown)
		assert_int_equal(ignored, 0);
	return err;
}

static void check(const struct record *r)
{
	size_t len = pack(r);
	assert_int_equal(unpack(schema_own(), len, NULL), 0);
	assert_true(record_equal(r, &back));
	assert_true(record_equal(&back, r));
}

static void test_nothing(void **state)
{
	(void)state;
	check(&sample.record);
}

/* Every field by itself, and all of them but it, many times, so that extremes of each kind are
 * among them. */
static void test_each_field(void **state)
{
	struct dice d = {1};
	(void)state;
	for (int id = 0; id < FIELD_COUNT; id++)
		for (int i = 0; i < 50; i++) {
			sample_clear(&sample);
			sample_field(&sample, (enum field_id)id, &d);
			check(&sample.record);
			sample_full(&sample, &d);
			sample.record.present[id / 64] &= ~(UINT64_C(1) << (id % 64));
			check(&sample.record);
		}
}

static void test_random_records(void **state)
{
	struct dice d = {2};
	(void)state;
	for (int i = 0; i < 20000; i++) {
		sample_random(&sample, &d);
		check(&sample.record);
	}
}

static void test_extremes(void **state)
{
	static const uint8_t ones[16] = {[0 ... 15] = 0xff};
	static char longest[UINT16_MAX];
	struct record *r = &sample.record;
	(void)state;
	memset(longest, 0xfe, sizeof longest);
	RECORD_SET(r, in_bytes, UINT64_MAX);
	RECORD_SET(r, app_id, 0);
	RECORD_SET(r, sequence, UINT32_MAX);
	RECORD_SET(r, src_port, UINT16_MAX);
	RECORD_SET(r, protocol, UINT8_MAX);
	RECORD_SET(r, src_ip, ip_from6(ones));
	RECORD_SET(r, dst_ip, ip_from4(ones));
	RECORD_SET(r, received, ((struct instant){UINT64_MAX, 9}));
	RECORD_SET(r, last_switched, ((struct instant){0, 0}));
	RECORD_SET(r, src_mac, ((struct mac){{1, 2, 3, 4, 5, 6}}));
	RECORD_SET(r, time_source, 255);
	RECORD_SET(r, user_name, sample_text(&sample, longest, sizeof longest));
	RECORD_SET(r, app_name, sample_text(&sample, "", 0));
	check(r);
	assert_int_equal(back.in_bytes, UINT64_MAX);
	assert_int_equal(back.user_name.len, UINT16_MAX);
	assert_memory_equal(back.user_name.p, longest, sizeof longest);
	assert_true(record_has(&back, FIELD_app_name));
	assert_int_equal(back.app_name.len, 0);
	assert_true(record_has(&back, FIELD_app_id));
	assert_int_equal(back.received.ns, UINT64_MAX);
	/* by their own bytes, not by record_equal alone */
	assert_int_equal(back.received.digits, 9);
	assert_memory_equal(back.src_mac.b, "\x01\x02\x03\x04\x05\x06", 6);
	assert_memory_equal(back.src_ip.b, ones, 16);
	assert_memory_equal(back.dst_ip.b + 12, ones, 4);
	assert_true(ip_is4(&back.dst_ip));
	assert_int_equal(back.time_source, 255);
	assert_int_equal(back.sequence, UINT32_MAX);
	assert_int_equal(back.src_port, UINT16_MAX);
	assert_int_equal(back.protocol, UINT8_MAX);
	assert_false(record_has(&back, FIELD_in_pkts));
}

static void test_many_extras(void **state)
{
	static struct extra extras[EXTRAS_MAX];
	static uint8_t bytes[EXTRAS_MAX][2];
	struct record r = sample.record;
	(void)state;
	r.extras = extras;
	for (uint32_t i = 0; i < EXTRAS_MAX; i++) {
		memcpy(bytes[i], &i, 2);
		extras[i] =
			(struct extra){i % 5 ? UINT32_MAX - i : 0, (uint16_t)(i / 2), 2, bytes[i]};
	}
	r.extra_count = EXTRAS_MAX;
	check(&r);
	assert_int_equal(back.extra_count, EXTRAS_MAX);

	/* a reader with room for fewer takes none of it */
	unsigned flags;
	uint64_t unknown = 0;
	size_t len = pack(&r);
	memset(back.present, 0, sizeof back.present);
	assert_int_equal(
		record_unpack(schema_own(), packed, len, &back, EXTRAS_MAX - 1, &flags, &unknown),
		ERR_FRAME_FORMAT);
	assert_int_equal(back.extra_count, 0);
}

/* What does not fit is refused whole, by every capacity, and nothing is written behind it. */
static void test_room(void **state)
{
	static char longest[UINT16_MAX];
	static uint8_t out[200 * 1024];
	struct record *r = &sample.record;
	(void)state;
	RECORD_SET(r, user_name, sample_text(&sample, longest, sizeof longest));
	RECORD_SET(r, app_name, sample_text(&sample, longest, sizeof longest));
	sample_extra(&sample, 0, 210, longest, 1000);
	size_t need = pack(r), least = 0;
	for (size_t cap = 0; cap < sizeof out; cap += 509) {
		memset(out, 0x77, sizeof out);
		size_t len = record_pack(r, r->present, ENTRY_EXTRAS, out, cap);
		if (len == need && !least)
			least = cap;
		assert_true(len == 0 || len == need);
		assert_true(least ? len == need : len == 0);
		for (size_t i = cap; i < sizeof out; i++)
			assert_int_equal(out[i], 0x77);
	}
	assert_true(least >= need && least < need + 8192);
}

static void test_too_large(void **state)
{
	static uint8_t bytes[UINT16_MAX], out[2 * 1024 * 1024];
	struct record r = sample.record;
	struct extra extras[16];
	(void)state;
	r.extras = extras;
	for (r.extra_count = 0; r.extra_count < LEN(extras); r.extra_count++)
		extras[r.extra_count] = (struct extra){0, 210, UINT16_MAX, bytes};
	assert_int_equal(record_pack(&r, r.present, ENTRY_EXTRAS, out, sizeof out), 0);
	r.extra_count = 14; /* 917,602 octets with what stands in front of them: within 900 KiB */
	assert_true(record_pack(&r, r.present, ENTRY_EXTRAS, out, sizeof out) > 900000);
}

/* Every entry that is cut short, or has bytes too many, is refused. */
static void test_entries_of_another_length(void **state)
{
	struct dice d = {3};
	unsigned flags;
	uint64_t unknown = 0;
	(void)state;
	sample_full(&sample, &d);
	sample_extra(&sample, 9, 1, "abc", 3);
	size_t len = pack(&sample.record);
	for (size_t cut = 0; cut < len; cut++) {
		uint8_t *block = malloc(cut ? cut : 1);
		memcpy(block, packed, cut);
		assert_int_equal(entry_length(block, cut, &flags), 0);
		if (cut >= 4) { /* a head that says so */
			uint32_t head;
			memcpy(&head, block, 4);
			head = (head & 0xff000000) | (uint32_t)cut;
			memcpy(block, &head, 4);
			memset(back.shared, 0, sizeof back.shared);
			assert_int_equal(record_unpack(schema_own(), block, cut, &back, EXTRAS_MAX,
						 &flags, &unknown),
				ERR_FRAME_FORMAT);
		}
		free(block);
	}
	uint32_t head;
	memcpy(&head, packed, 4);
	head++;
	memcpy(packed, &head, 4);
	assert_int_equal(unpack(schema_own(), len + 1, &unknown), ERR_FRAME_FORMAT);
	/* shorter than its own head */
	memset(packed, 0, 8);
	for (uint8_t say = 0; say < 4; say++) {
		packed[0] = say;
		assert_int_equal(entry_length(packed, 8, &flags), 0);
	}
}

/* Whatever the bytes are: a record that makes sense, or an error. Never a read behind them. */
static void test_entries_of_noise(void **state)
{
	struct dice d = {4};
	unsigned flags;
	(void)state;
	for (int i = 0; i < 50000; i++) {
		size_t len = 4 + dice_below(&d, 60);
		uint8_t *block = malloc(len);
		uint64_t unknown = 0;
		for (size_t k = 0; k < len; k++)
			block[k] = (uint8_t)(dice_below(&d, 3) ? dice_roll(&d) : 0);
		block[0] = (uint8_t)len;
		block[1] = block[2] = 0;
		block[3] &= 0x37; /* shared, extras, two presence words */
		memset(back.shared, 0, sizeof back.shared);
		if (record_unpack(schema_own(), block, len, &back, EXTRAS_MAX, &flags, &unknown) !=
			0)
			assert_int_equal(back.extra_count, 0);
		free(block);
	}
}

/* Shared entries
 * ------------------------------------------------------------------------------------ */

static void test_shared_values(void **state)
{
	struct dice d = {5};
	unsigned flags;
	uint64_t unknown = 0;
	uint8_t entries[3][8192];
	size_t len[3];
	static struct sample whole;
	(void)state;
	sample_full(&whole, &d);
	whole.record.extra_count = 0;
	struct record r = whole.record;
	uint64_t first[FIELD_WORDS] = {0}, rest[FIELD_WORDS];
	first[0] = 0xffff;
	for (size_t w = 0; w < FIELD_WORDS; w++)
		rest[w] = r.present[w] & ~first[w];
	len[0] = record_pack(&r, first, ENTRY_SHARED, entries[0], sizeof entries[0]);
	len[1] = record_pack(&r, rest, 0, entries[1], sizeof entries[1]);
	uint64_t none[FIELD_WORDS] = {0};
	len[2] = record_pack(&r, none, 0, entries[2], sizeof entries[2]);
	assert_true(len[0] && len[1] && len[2] == 4);

	uint64_t share_id = back.share_id;
	assert_int_equal(record_unpack(schema_own(), entries[0], len[0], &back, EXTRAS_MAX, &flags,
				 &unknown),
		0);
	assert_int_equal(flags & ENTRY_SHARED, ENTRY_SHARED);
	assert_int_not_equal(back.share_id, share_id);
	assert_memory_equal(back.shared, first, sizeof first);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(record_unpack(schema_own(), entries[1], len[1], &back, EXTRAS_MAX,
					 &flags, &unknown),
			0);
		assert_true(record_equal(&back, &whole.record));
		/* the next one has the shared values, and none of the record's before it */
		assert_int_equal(record_unpack(schema_own(), entries[2], len[2], &back, EXTRAS_MAX,
					 &flags, &unknown),
			0);
		assert_memory_equal(back.present, first, sizeof first);
		assert_int_equal(back.received.ns, whole.record.received.ns);
	}
	/* another shared entry replaces all of it */
	uint64_t second[FIELD_WORDS] = {0};
	second[0] = UINT64_C(1) << FIELD_src_port;
	len[0] = record_pack(&r, second, ENTRY_SHARED, entries[0], sizeof entries[0]);
	assert_int_equal(record_unpack(schema_own(), entries[0], len[0], &back, EXTRAS_MAX, &flags,
				 &unknown),
		0);
	assert_int_equal(record_unpack(schema_own(), entries[2], len[2], &back, EXTRAS_MAX, &flags,
				 &unknown),
		0);
	assert_memory_equal(back.present, second, sizeof second);
	/* a record that repeats a shared value is malformed, and leaves the shared ones alone */
	len[1] = record_pack(&r, second, 0, entries[1], sizeof entries[1]);
	assert_int_equal(record_unpack(schema_own(), entries[1], len[1], &back, EXTRAS_MAX, &flags,
				 &unknown),
		ERR_FRAME_FORMAT);
	assert_memory_equal(back.present, second, sizeof second);
}

/* Schemas
 * ---------------------------------------------------------------------------------------------- */

/* A schema payload out of names and kinds. */
struct column {
	const char *name;
	uint8_t kind;
};

static size_t schema_of(const struct column *columns, size_t count, uint8_t *out)
{
	uint8_t *p = out;
	uint16_t n = (uint16_t)count;
	memcpy(p, &n, 2);
	p += 2;
	for (uint16_t id = 0; id < n; id++) {
		size_t len = strlen(columns[id].name);
		memcpy(p, &id, 2);
		p[2] = columns[id].kind;
		p[3] = (uint8_t)len;
		memcpy(p + 4, columns[id].name, len);
		p += 4 + len;
	}
	return (size_t)(p - out);
}

static uint8_t *append(uint8_t *p, const void *bytes, size_t len)
{
	memcpy(p, bytes, len);
	return p + len;
}

static void test_our_own_schema(void **state)
{
	const uint8_t *payload;
	struct schema parsed;
	(void)state;
	size_t len = schema_payload(&payload);
	assert_int_equal(schema_parse(payload, len, &parsed), 0);
	assert_int_equal(parsed.hash, schema_own()->hash);
	assert_int_equal(parsed.count, FIELD_COUNT);
	for (int id = 0; id < FIELD_COUNT; id++) {
		assert_int_equal(parsed.column[id].kind, fields[id].kind);
		assert_int_equal(parsed.column[id].field, id);
	}
	for (size_t cut = 0; cut < len; cut++) {
		uint8_t *block = malloc(cut ? cut : 1);
		memcpy(block, payload, cut);
		assert_int_equal(schema_parse(block, cut, &parsed), ERR_FRAME_FORMAT);
		free(block);
	}
}

/* Other names, another order, a kind that has changed, a field to come: each is read as its name
 * says. */
static void test_a_schema_of_another_version(void **state)
{
	static const struct column columns[] = {{"dst_port", KIND_U16}, {"to_come", KIND_U64},
		{"src_port", KIND_U16}, {"in_bytes", KIND_U32}, {"text_to_come", KIND_TEXT},
		{"src_ip", KIND_IP}, {"ip_to_come", KIND_IP}, {"tos", KIND_U8}};
	uint8_t payload[512];
	struct schema schema;
	uint64_t unknown = 0, bits = 0xff;
	(void)state;
	assert_int_equal(
		schema_parse(payload, schema_of(columns, LEN(columns), payload), &schema), 0);
	assert_int_not_equal(schema.hash, schema_own()->hash);
	assert_int_equal(schema.column[0].field, FIELD_dst_port);
	assert_int_equal(schema.column[1].field, -1);
	assert_int_equal(schema.column[3].field, -1);

	uint16_t dst = 53, src = 1025, text_len = 3;
	uint64_t to_come = UINT64_MAX;
	uint32_t bytes = 7;
	uint8_t *p = packed + 4;
	p = append(p, &bits, 8);
	p = append(p, &dst, 2);
	p = append(p, &to_come, 8);
	p = append(p, &src, 2);
	p = append(p, &bytes, 4);
	p = append(p, &text_len, 2);
	p = append(p, "abc", 3);
	p = append(p, "\x04\x0a\x00\x00\x01", 5);
	p = append(p,
		"\x10"
		"0123456789abcdef",
		17);
	p = append(p, "\x2e", 1);
	uint32_t head = (uint32_t)(p - packed) | UINT32_C(1) << 28;
	memcpy(packed, &head, 4);
	assert_int_equal(unpack(&schema, (size_t)(p - packed), &unknown), 0);
	assert_int_equal(unknown, 4);
	assert_int_equal(back.dst_port, 53);
	assert_int_equal(back.src_port, 1025);
	assert_int_equal(back.tos, 0x2e);
	assert_int_equal(back.src_ip.b[12], 10);
	assert_false(record_has(&back, FIELD_in_bytes)); /* of that kind we have none */
	assert_int_equal(
		__builtin_popcountll(back.present[0]) + __builtin_popcountll(back.present[1]), 4);

	/* fields that the schema has not are nothing at all */
	bits = 0x1ff;
	memcpy(packed + 4, &bits, 8);
	assert_int_equal(unpack(&schema, (size_t)(p - packed), &unknown), ERR_FRAME_FORMAT);
	/* nor is an address of 5 bytes */
	bits = 0xff;
	memcpy(packed + 4, &bits, 8);
	packed[4 + 8 + 2 + 8 + 2 + 4 + 5] = 5;
	assert_int_equal(unpack(&schema, (size_t)(p - packed), &unknown), ERR_FRAME_FORMAT);
}

/* A kind that is not known has no length: its values can't be passed over. */
static void test_a_kind_of_another_version(void **state)
{
	static const struct column columns[] = {{"src_port", KIND_U16}, {"strange", 200}};
	uint8_t payload[512];
	struct schema schema;
	uint64_t unknown = 0, bits = 1;
	(void)state;
	assert_int_equal(
		schema_parse(payload, schema_of(columns, LEN(columns), payload), &schema), 0);
	uint32_t head = 14 | UINT32_C(1) << 28;
	memcpy(packed, &head, 4);
	memcpy(packed + 4, &bits, 8);
	packed[12] = 53;
	packed[13] = 0;
	assert_int_equal(unpack(&schema, 14, &unknown), 0);
	assert_int_equal(back.src_port, 53);
	bits = 3;
	memcpy(packed + 4, &bits, 8);
	assert_int_equal(unpack(&schema, 14, &unknown), ERR_FRAME_FORMAT);
}

static void test_schemas_that_make_no_sense(void **state)
{
	static const struct column columns[] = {{"src_port", KIND_U16}, {"dst_port", KIND_U16}};
	uint8_t payload[512];
	struct schema schema;
	(void)state;
	size_t len = schema_of(columns, LEN(columns), payload);
	payload[2] = 1; /* ids are 0, 1, 2 ... */
	assert_int_equal(schema_parse(payload, len, &schema), ERR_FRAME_FORMAT);
	payload[2] = 0;
	assert_int_equal(schema_parse(payload, len, &schema), 0);
	assert_int_equal(schema_parse(payload, len + 1, &schema), ERR_FRAME_FORMAT);
	payload[0] = 1; /* fewer than there are */
	assert_int_equal(schema_parse(payload, len, &schema), ERR_FRAME_FORMAT);
	payload[1] = 2; /* more than a schema can have */
	assert_int_equal(schema_parse(payload, len, &schema), ERR_FRAME_FORMAT);
}

static void test_equality(void **state)
{
	struct dice d = {6};
	static struct sample other;
	(void)state;
	sample_full(&sample, &d);
	sample_extra(&sample, 0, 82, "eth0", 4);
	check(&sample.record);
	for (int id = 0; id < FIELD_COUNT; id++) {
		other = sample;
		other.record.extras = other.extras;
		assert_true(record_equal(&sample.record, &other.record));
		other.record.present[id / 64] ^= UINT64_C(1) << (id % 64);
		assert_false(record_equal(&sample.record, &other.record));
		other.record.present[id / 64] ^= UINT64_C(1) << (id % 64);
		((uint8_t *)&other.record)[fields[id].offset] ^= 1;
		if (fields[id].kind != KIND_TEXT)
			assert_false(record_equal(&sample.record, &other.record));
	}
	other = sample;
	other.record.extras = other.extras;
	other.record.extra_count--;
	assert_false(record_equal(&sample.record, &other.record));
	other.record.extra_count++;
	struct extra *last = &other.extras[other.record.extra_count - 1];
	last->bytes = (const uint8_t *)"eth1";
	assert_false(record_equal(&sample.record, &other.record));
	last->bytes = (const uint8_t *)"eth0";
	assert_true(record_equal(&sample.record, &other.record));
	last->len = 3;
	assert_false(record_equal(&sample.record, &other.record));
	last->len = 4;
	last->pen = 1;
	assert_false(record_equal(&sample.record, &other.record));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_nothing),
		TEST(test_each_field),
		TEST(test_random_records),
		TEST(test_extremes),
		TEST(test_many_extras),
		TEST(test_room),
		TEST(test_too_large),
		TEST(test_entries_of_another_length),
		TEST(test_entries_of_noise),
		TEST(test_shared_values),
		TEST(test_our_own_schema),
		TEST(test_a_schema_of_another_version),
		TEST(test_a_kind_of_another_version),
		TEST(test_schemas_that_make_no_sense),
		TEST(test_equality),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
