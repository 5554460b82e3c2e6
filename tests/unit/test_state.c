/* state: written and read back between any two datagrams of a conversation, records come out as
 * from one decoder; what is cut, changed or of another version is refused whole. */
#include "lib/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "lib/base.h"

/* IPFIX of one exporter and domain: data before their template, options with a sampling rate, data.
 */
#define HEADER(len, seq) 0, 10, 0, len, 101, 0, 0, 0, 0, 0, 0, seq, 0, 0, 0, 7
static const uint8_t early[] = {HEADER(28, 0), 1, 0, 0, 12, 10, 0, 0, 1, 0, 0, 0, 5};
static const uint8_t early_two[] = {
	HEADER(40, 1), 1, 0, 0, 12, 10, 0, 0, 2, 0, 0, 0, 6, 1, 1, 0, 12, 10, 0, 0, 3, 0, 0, 0, 7};
static const uint8_t options[] = {HEADER(54, 3), 0, 3, 0, 22, 1, 9, 0, 3, 0, 1, 0, 149, 0, 4, 0, 34,
	0, 4, 0, 41, 0, 4, 1, 9, 0, 16, 0, 0, 0, 7, 0, 0, 0, 100, 0, 0, 0, 9};
static const uint8_t templates[] = {HEADER(44, 4), 0, 2, 0, 28, 1, 0, 0, 2, 0, 8, 0, 4, 0, 2, 0, 4,
	1, 1, 0, 2, 0, 12, 0, 4, 0, 1, 0, 4};
static const uint8_t data[] = {HEADER(28, 4), 1, 0, 0, 12, 10, 0, 0, 4, 0, 0, 0, 8};
static const uint8_t after_gap[] = {HEADER(28, 7), 1, 1, 0, 12, 10, 0, 0, 5, 0, 0, 0, 9};
static const struct {
	const uint8_t *bytes;
	uint32_t len;
} conversation[] = {
	{early, sizeof early},
	{early_two, sizeof early_two},
	{options, sizeof options},
	{templates, sizeof templates},
	{data, sizeof data},
	{after_gap, sizeof after_gap},
};

struct seen {
	uint64_t records, sum;
};

static void emit(void *ctx, const struct record *r)
{
	struct seen *s = ctx;
	s->records++;
	s->sum = s->sum * 31 + r->sequence + (r->received.ns >> 20);
	if (record_has(r, FIELD_src_ip))
		s->sum = s->sum * 31 + r->src_ip.b[15] + r->in_pkts;
	if (record_has(r, FIELD_dst_ip))
		s->sum = s->sum * 31 + r->dst_ip.b[15] + r->in_bytes;
	if (record_has(r, FIELD_sampling_rate))
		s->sum = s->sum * 31 + r->sampling_rate;
}

static struct decoder *decoder_with(size_t state_max, struct seen *seen)
{
	const struct decoder_config config = {.state_max = state_max,
		.exporter_max = state_max,
		.wait_max = state_max / 4,
		.wait_ns = 60 * NS_PER_S,
		.seed = 3};
	struct decoder *d = decoder_new(&config, emit, seen);
	assert_non_null(d);
	return d;
}

static int feed(struct decoder *d, size_t i)
{
	uint8_t copy[64];
	memcpy(copy, conversation[i].bytes, conversation[i].len);
	copy[3] = (uint8_t)conversation[i].len;
	struct datagram dg = {
		.received = {(1000 + i) * NS_PER_S, 9},
		.src = ip_from4((const uint8_t[]){192, 0, 2, 1}),
		.src_port = 5000,
		.len = conversation[i].len,
		.sent_len = conversation[i].len,
		.data = copy,
	};
	return decode(d, &dg);
}

/* Both decoders' counters together account for each datagram once. */
static uint64_t accounted(const struct decoder *d)
{
	const struct decode_counts *c = decoder_counts(d);
	uint64_t sum = c->decoded + c->waiting - c->resumed;
	for (int i = 0; i < ERR_COUNT; i++)
		sum += c->undecodable[i];
	return sum;
}

static void test_any_split_is_one_run(void **state)
{
	(void)state;
	struct seen whole = {0, 0};
	struct decoder *one = decoder_with(1 << 20, &whole);
	for (size_t i = 0; i < LEN(conversation); i++)
		feed(one, i);
	assert_true(whole.records >= 5);
	assert_int_equal(decoder_counts(one)->waiting, 0);
	for (size_t split = 0; split <= LEN(conversation); split++) {
		struct seen seen = {0, 0};
		struct bytes b = {.at = NULL};
		uint64_t fingerprint;
		struct decoder *first = decoder_with(1 << 20, &seen);
		struct decoder *second = decoder_with(1 << 20, &seen);
		for (size_t i = 0; i < split; i++)
			feed(first, i);
		assert_int_equal(accounted(first), split);
		assert_int_equal(state_write(first, STATE_WHOLE, &b, &fingerprint), 0);
		assert_int_equal(state_read(second, b.at, b.len), 0);
		for (size_t i = split; i < LEN(conversation); i++)
			feed(second, i);
		assert_int_equal(accounted(second), LEN(conversation) - split);
		assert_int_equal(seen.records, whole.records);
		assert_int_equal(seen.sum, whole.sum);
		const struct ip from = ip_from4((const uint8_t[]){192, 0, 2, 1});
		uint64_t lost = 0;
		struct decoder *both[] = {first, second};
		for (size_t k = 0; k < 2; k++) {
			const struct exporter *e =
				exporters_find(decoder_exporters(both[k]), &from);
			lost += e ? e->sequence.lost_records : 0;
		}
		assert_int_equal(
			lost, exporters_find(decoder_exporters(one), &from)->sequence.lost_records);
		free(b.at);
		decoder_free(first);
		decoder_free(second);
	}
	decoder_free(one);
}

static struct bytes some_state(enum state_extent extent, size_t datagrams)
{
	struct seen seen;
	struct bytes b = {.at = NULL};
	uint64_t fingerprint;
	struct decoder *d = decoder_with(1 << 20, &seen);
	for (size_t i = 0; i < datagrams; i++)
		feed(d, i);
	assert_int_equal(state_write(d, extent, &b, &fingerprint), 0);
	decoder_free(d);
	return b;
}

/* A state that is refused leaves a decoder as new. */
static void refused(const uint8_t *bytes, size_t len, int why)
{
	struct seen seen = {0, 0};
	struct decoder *d = decoder_with(1 << 20, &seen);
	assert_int_equal(state_read(d, bytes, len), why);
	struct exporters_usage u = exporters_usage(decoder_exporters(d));
	assert_int_equal(u.exporters + u.domains + u.templates + u.bytes + u.evicted, 0);
	assert_int_equal(decoder_counts(d)->waiting, 0);
	decoder_free(d);
}

static void test_every_cut_and_change_is_refused(void **state)
{
	(void)state;
	struct bytes b = some_state(STATE_WHOLE, 3);
	for (size_t len = 0; len < b.len; len++)
		refused(b.at, len, ERR_STATE_DAMAGED);
	for (size_t i = 0; i < b.len; i++) {
		b.at[i] ^= 0x10;
		refused(b.at, b.len, i < 12 ? ERR_STATE_VERSION : ERR_STATE_DAMAGED);
		b.at[i] ^= 0x10;
	}
	bytes_put(&b, "x", 1);
	refused(b.at, b.len, ERR_STATE_DAMAGED);
	free(b.at);
}

static void test_lasting_leaves_out_what_ages(void **state)
{
	(void)state;
	struct seen seen = {0, 0};
	struct bytes b = some_state(STATE_LASTING, 3);
	struct decoder *d = decoder_with(1 << 20, &seen);
	assert_int_equal(state_read(d, b.at, b.len), 0);
	assert_int_equal(decoder_counts(d)->waiting, 0);
	feed(d, 3);
	feed(d, 4);
	assert_int_equal(seen.records, 1);
	const struct ip from = ip_from4((const uint8_t[]){192, 0, 2, 1});
	assert_int_equal(exporters_find(decoder_exporters(d), &from)->sequence.lost_records, 0);
	free(b.at);
	decoder_free(d);
}

/* Many exporters into a decoder with less room: those used last stay, and the bound holds. */
static void test_less_room_keeps_the_newest(void **state)
{
	(void)state;
	struct seen seen = {0, 0};
	struct bytes b = {.at = NULL};
	uint64_t fingerprint;
	struct decoder *d = decoder_with(1 << 24, &seen), *small = decoder_with(64 * 1024, &seen);
	struct datagram dg = {.src_port = 1, .len = sizeof templates, .data = templates};
	for (uint8_t i = 0; i < 200; i++) {
		dg.src = ip_from4((const uint8_t[]){192, 0, 2, i});
		decode(d, &dg);
	}
	assert_int_equal(state_write(d, STATE_WHOLE, &b, &fingerprint), 0);
	assert_int_equal(state_read(small, b.at, b.len), 0);
	struct exporters_usage u = exporters_usage(decoder_exporters(small));
	assert_true(u.bytes <= 64 * 1024 && u.exporters > 5 && u.evicted > 0);
	assert_non_null(exporters_find(decoder_exporters(small), &dg.src));
	dg.src = ip_from4((const uint8_t[]){192, 0, 2, 0});
	assert_null(exporters_find(decoder_exporters(small), &dg.src));
	free(b.at);
	decoder_free(d);
	decoder_free(small);
}

/* Use moves domains about; only a change of contents changes the fingerprint. */
static void test_fingerprint_knows_changes_from_use(void **state)
{
	(void)state;
	struct seen seen = {0, 0};
	struct bytes b = {.at = NULL};
	uint64_t first, used, changed;
	struct decoder *d = decoder_with(1 << 20, &seen);
	struct datagram dg = {.src_port = 1, .len = sizeof templates, .data = templates};
	for (uint8_t i = 0; i < 3; i++) {
		dg.src = ip_from4((const uint8_t[]){192, 0, 2, i});
		decode(d, &dg);
	}
	state_write(d, STATE_LASTING, &b, &first);
	dg.src = ip_from4((const uint8_t[]){192, 0, 2, 0});
	decode(d, &dg);
	state_write(d, STATE_LASTING, &b, &used);
	assert_true(first == used);
	dg.data = options;
	dg.len = sizeof options;
	decode(d, &dg);
	feed(d, 2);
	state_write(d, STATE_LASTING, &b, &changed);
	assert_true(first != changed);
	free(b.at);
	decoder_free(d);
}

/* An exporter that has announced more samplers than are remembered: the state is read back all the
 * same. */
static void test_more_samplers_than_are_remembered(void **state)
{
	(void)state;
	struct seen seen = {0, 0};
	struct bytes b = {.at = NULL};
	uint64_t fingerprint;
	struct decoder *d = decoder_with(1 << 20, &seen), *again = decoder_with(1 << 20, &seen);
	uint8_t copy[sizeof options];
	struct datagram dg = {
		.src_port = 1, .len = sizeof copy, .sent_len = sizeof copy, .data = copy};
	memcpy(copy, options, sizeof copy);
	copy[3] = sizeof copy;
	for (uint8_t i = 0; i < SAMPLERS_MAX + 8; i++) {
		copy[15] = copy[45] =
			i; /* the domain: the header's, and that of which the record tells */
		assert_int_equal(decode(d, &dg), 0);
	}
	assert_int_equal(state_write(d, STATE_WHOLE, &b, &fingerprint), 0);
	assert_int_equal(state_read(again, b.at, b.len), 0);
	const struct samplers *a = &exporters_find(decoder_exporters(d), &dg.src)->samplers;
	const struct samplers *c = &exporters_find(decoder_exporters(again), &dg.src)->samplers;
	assert_int_equal(a->count, SAMPLERS_MAX + 8);
	assert_memory_equal(a, c, sizeof *a);
	free(b.at);
	decoder_free(d);
	decoder_free(again);
}

/* More waits than there is room for now: the oldest is given up, and all is accounted for. */
static void test_less_room_to_wait(void **state)
{
	(void)state;
	struct seen seen = {0, 0};
	struct bytes b = {.at = NULL};
	uint64_t fingerprint;
	struct decoder *d = decoder_with(1 << 20, &seen), *small = decoder_with(16 * 1024, &seen);
	for (size_t i = 0; i < 100; i++)
		feed(d, 0);
	assert_int_equal(decoder_counts(d)->waiting, 100);
	assert_int_equal(state_write(d, STATE_WHOLE, &b, &fingerprint), 0);
	assert_int_equal(state_read(small, b.at, b.len), 0);
	const struct decode_counts *c = decoder_counts(small);
	assert_int_equal(c->resumed, 100);
	assert_int_equal(c->waiting + c->undecodable[-ERR_NO_TEMPLATE], 100);
	assert_in_range(c->waiting, 1, 50);
	assert_in_range(c->wait_bytes, 1, 4 * 1024);
	assert_int_equal(c->wait_bytes_hits, c->undecodable[-ERR_NO_TEMPLATE]);
	uint64_t waiting = c->waiting;
	feed(small, 3);
	assert_int_equal(seen.records, waiting);
	assert_int_equal(c->waiting, 0);
	free(b.at);
	decoder_free(d);
	decoder_free(small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_split_is_one_run),
		cmocka_unit_test(test_every_cut_and_change_is_refused),
		cmocka_unit_test(test_lasting_leaves_out_what_ages),
		cmocka_unit_test(test_less_room_keeps_the_newest),
		cmocka_unit_test(test_fingerprint_knows_changes_from_use),
		cmocka_unit_test(test_more_samplers_than_are_remembered),
		cmocka_unit_test(test_less_room_to_wait),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
