#include "lib/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/build.h"
#include "lib/base.h"

#define EXPORT_NS (BUILD_EXPORT_S * NS_PER_S)
#define RECEIVED  (EXPORT_NS + 1234567)
#define KEPT      256

/* A decoder, what it emitted, and the datagram in hand. */
static struct {
	struct decoder *d;
	size_t count; /* emitted since the last feed */
	struct record got[KEPT];
	struct extra extras[KEPT][8];
	uint8_t bytes[1024 * 1024]; /* what text and extras of got borrow */
	size_t used;
	struct datagram from; /* the sender */
	struct build m;
} f;

static const uint8_t *keep(const void *bytes, size_t len)
{
	uint8_t *at = f.bytes + f.used;
	assert_true(len <= sizeof f.bytes - f.used);
	memcpy(at, bytes, len);
	f.used += len;
	return at;
}

/* Copies a record with all that it borrows. */
static void emit(void *ctx, const struct record *r)
{
	assert_ptr_equal(ctx, &f);
	if (f.count < KEPT) {
		struct record *copy = &f.got[f.count];
		*copy = *r;
		copy->extras = f.extras[f.count];
		assert_true(r->extra_count <= LEN(f.extras[0]));
		for (uint32_t i = 0; i < r->extra_count; i++) {
			copy->extras[i] = r->extras[i];
			copy->extras[i].bytes = keep(r->extras[i].bytes, r->extras[i].len);
		}
		for (int id = 0; id < FIELD_COUNT; id++)
			if (fields[id].kind == KIND_TEXT && record_has(r, id)) {
				struct text *t = (struct text *)((char *)copy + fields[id].offset);
				t->p = (const char *)keep(t->p, t->len);
			}
	}
	/* what it shares it has */
	for (size_t w = 0; w < FIELD_WORDS; w++)
		assert_int_equal(r->shared[w] & ~r->present[w], 0);
	f.count++;
}

static void begin_with(struct decoder_config config)
{
	static const uint8_t address[] = {192, 0, 2, 1};
	decoder_free(f.d);
	f.d = decoder_new(&config, emit, &f);
	assert_non_null(f.d);
	f.from = (struct datagram){.received = {RECEIVED, 9},
		.src = ip_from4(address),
		.dst = ip_from4(address),
		.src_port = 2000,
		.dst_port = 2055};
}

static const struct decoder_config usual = {.state_max = DECODER_STATE_MAX,
	.exporter_max = DECODER_EXPORTER_MAX,
	.wait_max = DECODER_STATE_MAX / DECODER_WAIT_PART,
	.wait_ns = DECODER_WAIT_NS,
	.seed = 1};

static int setup(void **state)
{
	(void)state;
	begin_with(usual);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	decoder_free(f.d);
	f.d = NULL;
	return 0;
}

/* Decodes the first len bytes of the message, from a block of their own size. */
static int feed_len(size_t len)
{
	struct datagram dg = f.from;
	uint8_t *bytes = malloc(len ? len : 1);
	memcpy(bytes, f.m.b, len);
	dg.data = bytes;
	dg.len = (uint32_t)len;
	if (dg.sent_len < len)
		dg.sent_len = (uint32_t)len;
	f.count = f.used = 0;
	int err = decode(f.d, &dg);
	free(bytes);
	return err;
}

static int feed(void)
{
	return feed_len(f.m.len);
}

static const struct decode_counts *counts(void)
{
	return decoder_counts(f.d);
}

static const struct exporter *sender(void)
{
	return exporters_find(decoder_exporters(f.d), &f.from.src);
}

static uint64_t undecodable(int err)
{
	return counts()->undecodable[-err];
}

/* Templates that most tests use: ports and octets; and a longer one. */
static const struct template_field ports[] = {{0, 7, 2}, {0, 11, 2}, {0, 1, 4}};
#define PORTS_LEN 8
static const struct template_field wide[] = {{0, 8, 4}, {0, 12, 4}, {0, 4, 1}, {0, 2, 8}};
#define WIDE_LEN 17

/* A data set of n records by `ports`; record i has source port `first` + i. */
static void put_ports(uint16_t id, unsigned n, uint16_t first)
{
	set_begin(&f.m, id);
	for (unsigned i = 0; i < n; i++) {
		put(&f.m, 2, first + i);
		put(&f.m, 2, 53);
		put(&f.m, 4, 1000 + i);
	}
	set_end(&f.m, 0);
}

static void put_wide(uint16_t id, uint32_t src)
{
	set_begin(&f.m, id);
	put(&f.m, 4, src);
	put(&f.m, 4, 0x08080808);
	put(&f.m, 1, 17);
	put(&f.m, 8, UINT64_MAX);
	set_end(&f.m, 0);
}

static void define_v9(uint16_t id, const struct template_field *defs, size_t count)
{
	set_begin(&f.m, 0);
	put_template(&f.m, id, defs, count);
	set_end(&f.m, 4);
}

static void define_ipfix(uint16_t id, const struct template_field *defs, size_t count)
{
	set_begin(&f.m, 2);
	put_template(&f.m, id, defs, count);
	set_end(&f.m, 0);
}

/* One IPFIX message made of what the test puts into it. */
#define IPFIX(sequence) ipfix_begin(&f.m, 7, sequence)
#define FEED_IPFIX()    (ipfix_end(&f.m), feed())

/* NetFlow v5
 * ---------------------------------------------------------------------------------------- */

static const struct v5_header v5 = {.count = 2,
	.sampling = 0x4064,
	.uptime = 5000,
	.seconds = BUILD_EXPORT_S,
	.nanoseconds = 123456789,
	.sequence = 42,
	.engine_type = 1,
	.engine_id = 9};

static void test_v5(void **state)
{
	(void)state;
	v5_begin(&f.m, &v5);
	v5_record(&f.m, 1);
	v5_record(&f.m, 2);
	assert_int_equal(feed(), 0);
	assert_int_equal(f.count, 2);
	const struct record *r = &f.got[1];
	assert_int_equal(r->version, 5);
	assert_int_equal(r->obs_domain, 0x109);
	assert_int_equal(r->engine_type, 1);
	assert_int_equal(r->engine_id, 9);
	assert_int_equal(r->sequence, 42);
	assert_int_equal(r->exporter_port, 2000);
	assert_true(ip_equal(&r->exporter, &f.from.src));
	assert_int_equal(r->received.ns, RECEIVED);
	assert_int_equal(r->export_time.ns, EXPORT_NS + 123456789);
	assert_int_equal(r->export_time.digits, 9);
	assert_int_equal(r->sampling_rate, 100);
	assert_string_equal(field_word(FIELD_sampling_source, r->sampling_source), "header");
	assert_int_equal(r->src_ip.b[15], 2);
	assert_int_equal(r->dst_ip.b[12], 192);
	assert_int_equal(r->next_hop.b[15], 0xfe);
	assert_int_equal(r->in_if, 1);
	assert_int_equal(r->out_if, 2);
	assert_int_equal(r->in_pkts, 2);
	assert_int_equal(r->in_bytes, 200);
	assert_int_equal(r->first_switched.ns, EXPORT_NS + 123 * NS_PER_MS - 4 * NS_PER_S);
	assert_int_equal(r->last_switched.ns, EXPORT_NS + 123 * NS_PER_MS - 3 * NS_PER_S);
	assert_int_equal(r->last_switched.digits, 3);
	assert_string_equal(field_word(FIELD_time_source, r->time_source), "last_switched");
	assert_int_equal(r->src_port, 1026);
	assert_int_equal(r->dst_port, 53);
	assert_int_equal(r->tcp_flags, 0x1b);
	assert_int_equal(r->protocol, 17);
	assert_int_equal(r->tos, 0x2e);
	assert_int_equal(r->src_as, 64512);
	assert_int_equal(r->dst_as, 65001);
	assert_int_equal(r->src_mask, 24);
	assert_int_equal(r->dst_mask, 16);
	assert_int_equal(r->extra_count, 0); /* padding is nothing that was sent */
	assert_false(record_has(r, FIELD_template_id));
	assert_int_equal(counts()->flows, 2);
	assert_int_equal(counts()->decoded, 1);
}

/* What v1 and v7 have in common with v5, as far as they do. */
static void old_begin(uint16_t version, uint16_t count)
{
	f.m.len = 0;
	put(&f.m, 2, version);
	put(&f.m, 2, count);
	put(&f.m, 4, 5000);
	put(&f.m, 4, BUILD_EXPORT_S);
	put(&f.m, 4, 123456789);
}

static void old_addresses_to_ports(uint32_t n)
{
	put(&f.m, 4, 0x0a000000 | n);
	put(&f.m, 4, 0xc0a80000 | n);
	put(&f.m, 4, 0x0afffffe);
	put(&f.m, 2, 1);
	put(&f.m, 2, 2);
	put(&f.m, 4, n);
	put(&f.m, 4, 100 * n);
	put(&f.m, 4, 1000);
	put(&f.m, 4, 2000);
	put(&f.m, 2, 1024 + n);
	put(&f.m, 2, 53);
}

static void v1_record(uint32_t n)
{
	old_addresses_to_ports(n);
	put_fill(&f.m, 0xee, 2);
	put(&f.m, 1, 17);
	put(&f.m, 1, 0x2e);
	put(&f.m, 1, 0x1b);
	put_fill(&f.m, 0xee, 11);
}

static void v7_begin(uint16_t count, uint32_t sequence)
{
	old_begin(7, count);
	put(&f.m, 4, sequence);
	put(&f.m, 4, 0xeeeeeeee);
}

static void v7_record(uint32_t n)
{
	old_addresses_to_ports(n);
	put(&f.m, 1, 0xee);
	put(&f.m, 1, 0x1b);
	put(&f.m, 1, 17);
	put(&f.m, 1, 0x2e);
	put(&f.m, 2, 64512);
	put(&f.m, 2, 65001);
	put(&f.m, 1, 24);
	put(&f.m, 1, 16);
	put_fill(&f.m, 0xee, 2);
	put(&f.m, 4, 0xc0000263);
}

/* What the record of n = 2 has of that. */
static void assert_old(const struct record *r, uint8_t version)
{
	assert_int_equal(r->version, version);
	assert_int_equal(r->src_ip.b[15], 2);
	assert_int_equal(r->dst_ip.b[12], 192);
	assert_int_equal(r->next_hop.b[15], 0xfe);
	assert_int_equal(r->out_if, 2);
	assert_int_equal(r->in_pkts, 2);
	assert_int_equal(r->in_bytes, 200);
	assert_int_equal(r->first_switched.ns, EXPORT_NS + 123 * NS_PER_MS - 4 * NS_PER_S);
	assert_int_equal(r->last_switched.ns, EXPORT_NS + 123 * NS_PER_MS - 3 * NS_PER_S);
	assert_int_equal(r->src_port, 1026);
	assert_int_equal(r->protocol, 17);
	assert_int_equal(r->tos, 0x2e);
	assert_int_equal(r->tcp_flags, 0x1b);
	assert_int_equal(r->extra_count, 0);
	assert_false(record_has(r, FIELD_template_id));
	assert_false(record_has(r, FIELD_obs_domain));
	assert_string_equal(field_word(FIELD_sampling_source, r->sampling_source), "unknown");
}

static void test_v1(void **state)
{
	(void)state;
	for (int times = 0; times < 2; times++) {
		old_begin(1, 2);
		v1_record(1);
		v1_record(2);
		assert_int_equal(f.m.len, 16 + 2 * 52);
		assert_int_equal(feed(), 0);
	}
	assert_int_equal(f.count, 2);
	assert_old(&f.got[1], 1);
	assert_false(record_has(&f.got[1], FIELD_sequence));
	assert_int_equal(sender()->sequence.lost_records, 0);
	assert_int_equal(feed_len(16 + 52 + 51), ERR_BAD_HEADER);
	assert_int_equal(f.count, 1);
	assert_int_equal(feed_len(15), ERR_BAD_HEADER);
}

static void test_v7(void **state)
{
	(void)state;
	v7_begin(2, 40);
	v7_record(1);
	v7_record(2);
	assert_int_equal(f.m.len, 24 + 2 * 52);
	assert_int_equal(feed(), 0);
	assert_int_equal(f.count, 2);
	const struct record *r = &f.got[1];
	assert_old(r, 7);
	assert_int_equal(r->sequence, 40);
	assert_int_equal(r->src_as, 64512);
	assert_int_equal(r->dst_as, 65001);
	assert_int_equal(r->src_mask, 24);
	assert_int_equal(r->dst_mask, 16);
	assert_int_equal(be32(r->router_sc.b + 12), 0xc0000263);
	v7_begin(1, 45); /* three flows are missing */
	v7_record(1);
	assert_int_equal(feed(), 0);
	assert_int_equal(sender()->sequence.lost_records, 3);
	assert_int_equal(feed_len(24 + 51), ERR_BAD_HEADER);
	assert_int_equal(feed_len(23), ERR_BAD_HEADER);
}

static void test_v5_lengths(void **state)
{
	struct v5_header h = v5;
	(void)state;
	v5_begin(&f.m, &h);
	v5_record(&f.m, 1);
	v5_record(&f.m, 2);
	put_fill(&f.m, 0, 30); /* padded behind its records */
	assert_int_equal(feed(), 0);
	assert_int_equal(f.count, 2);
	h.count = 4;
	h.sequence = 44;
	v5_begin(&f.m, &h);
	for (uint32_t i = 0; i < 3; i++)
		v5_record(&f.m, i);
	assert_int_equal(feed(), ERR_BAD_HEADER);
	assert_int_equal(f.count, 3); /* what is there has been decoded */
	f.from.truncated = true;
	f.from.sent_len = (uint32_t)f.m.len + 48;
	assert_int_equal(feed(), ERR_TRUNCATED);
	assert_int_equal(f.count, 3);
	h.count = 0;
	v5_begin(&f.m, &h);
	f.from.truncated = false;
	assert_int_equal(feed(), 0);
	assert_int_equal(f.count, 0);
	assert_int_equal(undecodable(ERR_BAD_HEADER), 1);
	assert_int_equal(undecodable(ERR_TRUNCATED), 1);
	assert_int_equal(sender()->undecodable[-ERR_BAD_HEADER], 1);
}

static void test_v5_without_sampling(void **state)
{
	struct v5_header h = v5;
	(void)state;
	h.sampling = 0x4000; /* a mode alone is no rate */
	h.count = 1;
	v5_begin(&f.m, &h);
	v5_record(&f.m, 1);
	assert_int_equal(feed(), 0);
	assert_false(record_has(&f.got[0], FIELD_sampling_rate));
	assert_string_equal(field_word(FIELD_sampling_source, f.got[0].sampling_source), "unknown");
}

/* Templates and sets --------------------------------------------------------------------------- */

static void test_several_templates_in_a_set(void **state)
{
	(void)state;
	for (int protocol = 9; protocol <= 10; protocol++) {
		begin_with(usual);
		if (protocol == 9)
			v9_begin(&f.m, 7, 0);
		else
			ipfix_begin(&f.m, 7, 0);
		set_begin(&f.m, protocol == 9 ? 0 : 2);
		put_template(&f.m, 256, ports, LEN(ports));
		put_template(&f.m, 300, wide, LEN(wide));
		put_template(&f.m, 65535, ports, LEN(ports));
		set_end(&f.m, 4);
		put_ports(256, 2, 1000);
		put_wide(300, 0x0a000001);
		put_ports(65535, 1, 2000);
		if (protocol == 10)
			ipfix_end(&f.m);
		assert_int_equal(feed(), 0);
		assert_int_equal(f.count, 4);
		assert_int_equal(f.got[0].src_port, 1000);
		assert_int_equal(f.got[1].src_port, 1001);
		assert_int_equal(f.got[1].in_bytes, 1001);
		assert_int_equal(f.got[1].template_id, 256);
		assert_int_equal(f.got[2].template_id, 300);
		assert_int_equal(f.got[2].in_pkts, UINT64_MAX);
		assert_false(record_has(
			&f.got[2], FIELD_src_port)); /* not that of the record before it */
		assert_false(record_has(&f.got[2], FIELD_in_bytes));
		assert_int_equal(f.got[3].src_port, 2000);
		for (size_t i = 0; i < f.count; i++) {
			assert_int_equal(f.got[i].version, protocol);
			assert_int_equal(f.got[i].obs_domain, 7);
			assert_int_equal(f.got[i].export_time.ns, EXPORT_NS);
			assert_int_equal(f.got[i].export_time.digits, 0);
		}
		assert_int_equal(counts()->templates, 3);
		assert_int_equal(sender()->template_count, 3);
	}
}

static void test_a_template_is_remembered(void **state)
{
	(void)state;
	v9_begin(&f.m, 1, 0);
	define_v9(256, ports, LEN(ports));
	assert_int_equal(feed(), 0);
	assert_int_equal(f.count, 0);
	for (uint32_t i = 1; i < 5; i++) {
		v9_begin(&f.m, 1, i);
		put_ports(256, i, 1);
		assert_int_equal(feed(), 0);
		assert_int_equal(f.count, i);
	}
}

/* Template id 256 means something else in each domain, at each port, of each exporter and version.
 */
static void test_domains_are_apart(void **state)
{
	static const struct template_field one[] = {{0, 7, 2}}, other[] = {{0, 11, 2}};
	(void)state;
	IPFIX(0);
	define_ipfix(256, one, 1);
	assert_int_equal(FEED_IPFIX(), 0);

	struct datagram first = f.from;
	for (int k = 0; k < 4; k++) {
		f.from = first;
		if (k == 0)
			f.from.src_port++;
		else if (k == 1)
			f.from.src.b[15]++;
		if (k == 3) {
			v9_begin(&f.m, 7, 0);
			define_v9(256, other, 1);
		} else {
			ipfix_begin(&f.m, k == 2 ? 8 : 7, 0);
			define_ipfix(256, other, 1);
		}
		set_begin(&f.m, 256);
		put(&f.m, 2, 10 + k);
		set_end(&f.m, 0);
		if (k != 3)
			ipfix_end(&f.m);
		assert_int_equal(feed(), 0);
		assert_int_equal(f.count, 1);
		assert_true(record_has(&f.got[0], FIELD_dst_port));
		assert_int_equal(f.got[0].dst_port, 10 + k);
	}
	f.from = first;
	IPFIX(0);
	set_begin(&f.m, 256);
	put(&f.m, 2, 77);
	set_end(&f.m, 0);
	assert_int_equal(FEED_IPFIX(), 0);
	assert_true(record_has(&f.got[0], FIELD_src_port));
	assert_int_equal(f.got[0].src_port, 77);
	assert_int_equal(exporters_usage(decoder_exporters(f.d)).domains, 5);
	assert_int_equal(exporters_usage(decoder_exporters(f.d)).exporters, 2);
}

/* One namespace: the last definition of an id counts (RFC 7011, 3.4.1), data, options and data
 * again. */
static void test_redefinition(void **state)
{
	static const struct template_field options[] = {{0, 149, 4}, {0, 34, 4}};
	(void)state;
	IPFIX(0);
	define_ipfix(256, ports, LEN(ports));
	put_ports(256, 1, 1);
	assert_int_equal(FEED_IPFIX(), 0);
	assert_int_equal(f.count, 1);

	IPFIX(1);
	set_begin(&f.m, 3);
	put_options(&f.m, 256, options, 2, 1);
	set_end(&f.m, 0);
	set_begin(&f.m, 256);
	put(&f.m, 4, 7);
	put(&f.m, 4, 512);
	set_end(&f.m, 0);
	assert_int_equal(FEED_IPFIX(), 0);
	assert_int_equal(f.count, 0);
	assert_int_equal(counts()->option_records, 1);

	IPFIX(2);
	define_ipfix(256, wide, LEN(wide));
	put_wide(256, 0x0a000001);
	assert_int_equal(FEED_IPFIX(), 0);
	assert_int_equal(f.count, 1);
	assert_int_equal(f.got[0].protocol, 17);
	assert_int_equal(f.got[0].sampling_rate, 512);
	assert_int_equal(sender()->template_count, 1);
}

/* Over UDP a withdrawal is to be ignored (RFC 7011, 8.4). */
static void test_withdrawals(void **state)
{
	(void)state;
	IPFIX(0);
	define_ipfix(256, ports, LEN(ports));
	set_begin(&f.m, 2);
	put_template(&f.m, 256, NULL, 0);
	set_end(&f.m, 0);
	set_begin(&f.m, 2); /* all templates, and all options templates */
	put_template(&f.m, 2, NULL, 0);
	set_end(&f.m, 0);
	set_begin(&f.m, 3);
	put_template(&f.m, 3, NULL, 0);
	set_end(&f.m, 0);
	put_ports(256, 1, 5);
	assert_int_equal(FEED_IPFIX(), 0);
	assert_int_equal(f.count, 1);
	assert_int_equal(counts()->withdrawals, 3);
	/* one followed by a template in the same set */
	IPFIX(1);
	set_begin(&f.m, 2);
	put_template(&f.m, 256, NULL, 0);
	put_template(&f.m, 257, wide, LEN(wide));
	set_end(&f.m, 0);
	put_wide(257, 1);
	assert_int_equal(FEED_IPFIX(), 0);
	assert_int_equal(f.count, 1);
}

static void test_enterprise_and_variable_fields(void **state)
{
	static const struct template_field defs[] = {{35632, 80, TEMPLATE_VARIABLE}, {29305, 1, 4},
		{0, 371, TEMPLATE_VARIABLE}, {0, 82, TEMPLATE_VARIABLE}};
	(void)state;
	IPFIX(0);
	define_ipfix(256, defs, LEN(defs));
	set_begin(&f.m, 256);
	for (int i = 0; i < 2; i++) {
		put(&f.m, 1, 3);
		put_bytes(&f.m, "abc", 3);
		put(&f.m, 4, 4000);
		put(&f.m, 1, 255);
		put(&f.m, 2, 4);
		put_bytes(&f.m, "user", 4);
		put(&f.m, 1, 0);
	}
	set_end(&f.m, 0);
	assert_int_equal(FEED_IPFIX(), 0);
	assert_int_equal(f.count, 2);
	assert_int_equal(f.got[1].rev_bytes, 4000);
	assert_int_equal(f.got[1].user_name.len, 4);
	assert_memory_equal(f.got[1].user_name.p, "user", 4);
	assert_int_equal(f.got[1].extra_count, 2);
	assert_int_equal(f.got[1].extras[0].pen, 35632);
	assert_int_equal(f.got[1].extras[0].len, 3);
	assert_int_equal(f.got[1].extras[1].id, 82);
	assert_int_equal(f.got[1].extras[1].len, 0);
}

/* A field length of 65535 is a variable one in NetFlow v9 too, as some send it (Q9). */
static void test_variable_fields_in_v9(void **state)
{
	static const struct template_field defs[] = {{0, 96, TEMPLATE_VARIABLE}, {0, 7, 2}};
	(void)state;
	v9_begin(&f.m, 1, 0);
	define_v9(256, defs, LEN(defs));
	set_begin(&f.m, 256);
	put(&f.m, 1, 4);
	put_bytes(&f.m, "http", 4);
	put(&f.m, 2, 80);
	set_end(&f.m, 4);
	assert_int_equal(feed(), 0);
	assert_int_equal(f.count, 1);
	assert_memory_equal(f.got[0].app_name.p, "http", 4);
	assert_int_equal(f.got[0].src_port, 80);
}

/* Enterprise numbers that stand for something else within, sent by an exporter: elements like any.
 */
static void test_reserved_enterprise_numbers(void **state)
{
	static const struct template_field defs[] = {
		{PEN_PADDING, 1, 4}, {PEN_SCOPE, 1, 2}, {0, 7, 2}};
	(void)state;
	IPFIX(0);
	define_ipfix(256, defs, LEN(defs));
	set_begin(&f.m, 256);
	put(&f.m, 4, 0x01020304);
	put(&f.m, 2, 0x0304);
	put(&f.m, 2, 53);
	set_end(&f.m, 0);
	assert_int_equal(FEED_IPFIX(), 0);
	assert_int_equal(f.got[0].extra_count, 2);
	assert_int_equal(f.got[0].extras[0].pen, PEN_PADDING);
	assert_memory_equal(f.got[0].extras[0].bytes, "\1\2\3\4", 4);
	assert_int_equal(f.got[0].src_port, 53);
}

/* Fields of no length cost time and no octets: a few are taken (Q5), many are no template. */
static void test_fields_of_no_length(void **state)
{
	struct template_field defs[TEMPLATE_EMPTY_MAX + 2] = {{0, 7, 2}};
	(void)state;
	for (size_t i = 1; i < LEN(defs); i++)
		defs[i] = (struct template_field){0, 8, 0};
	IPFIX(0);
	define_ipfix(256, defs, LEN(defs) - 1);
	set_begin(&f.m, 256);
	put(&f.m, 2, 53);
	put(&f.m, 2, 54);
	set_end(&f.m, 0);
	assert_int_equal(FEED_IPFIX(), 0);
	assert_int_equal(f.count, 2);
	IPFIX(2);
	define_ipfix(257, defs, LEN(defs));
	assert_int_equal(FEED_IPFIX(), ERR_BAD_TEMPLATE);
}

/* A set of an unknown template with nothing in it: there is nothing to wait for. */
static void test_empty_sets_do_not_wait(void **state)
{
	(void)state;
	IPFIX(0);
	for (int i = 0; i < 100; i++) {
		set_begin(&f.m, 300);
		set_end(&f.m, 0);
	}
	assert_int_equal(FEED_IPFIX(), 0);
	assert_int_equal(counts()->waiting, 0);
}

/* What was received before the clock was set back waits as long as others do, and no longer. */
static void test_waiting_when_the_clock_is_set_back(void **state)
{
	const uint64_t now = RECEIVED;
	(void)state;
	begin_with((struct decoder_config){.state_max = DECODER_STATE_MAX,
		.exporter_max = DECODER_EXPORTER_MAX,
		.wait_max = 65536,
		.wait_ns = 10 * NS_PER_S});
	for (int round = 0; round < 2; round++) {
		f.from.received.ns = round ? now + 1000 * NS_PER_S : UINT64_MAX - 5;
		IPFIX(0);
		put_ports(300, 1, 1);
		assert_int_equal(FEED_IPFIX(), 1);
	}
	f.from.received.ns = now;
	IPFIX(0);
	put_ports(300, 1, 1);
	assert_int_equal(FEED_IPFIX(), 1);
	assert_int_equal(counts()->waiting, 3);
	f.from.received.ns = now + 9 * NS_PER_S;
	IPFIX(0);
	assert_int_equal(FEED_IPFIX(), 0);
	assert_int_equal(counts()->waiting, 3);
	f.from.received.ns = now + 30 * NS_PER_S;
	assert_int_equal(FEED_IPFIX(), 0);
	f.from.received.ns = now + 45 * NS_PER_S;
	assert_int_equal(FEED_IPFIX(), 0);
	assert_int_equal(counts()->waiting, 0);
	assert_int_equal(undecodable(ERR_NO_TEMPLATE), 3);
}

/* Padding
 * ------------------------------------------------------------------------------------------ */

static void test_padding_of_data_sets(void **state)
{
	/* a record of 40 bytes, so that 36 of padding are less than a record (Q1) */
	static const struct template_field defs[] = {{0, 7, 2}, {9, 1, 38}};
	static const unsigned paddings[] = {1, 2, 3, 24, 36, 39};
	(void)state;
	for (size_t i = 0; i < LEN(paddings); i++) {
		IPFIX((uint32_t)i);
		define_ipfix(256, defs, LEN(defs));
		set_begin(&f.m, 256);
		put(&f.m, 2, 8080);
		put_fill(&f.m, 0x55, 38);
		put_fill(&f.m, 0, paddings[i]);
		set_end(&f.m, 0);
		define_ipfix(257, ports, LEN(ports)); /* and goes on behind it */
		put_ports(257, 1, 1);
		assert_int_equal(FEED_IPFIX(), 0);
		assert_int_equal(f.count, 2);
	}
	assert_int_equal(sender()->sequence.lost_records, 0);
}

static void test_padding_of_template_sets(void **state)
{
	(void)state;
	for (unsigned padding = 1; padding < 8; padding++)
		for (int protocol = 9; protocol <= 10; protocol++) {
			begin_with(usual);
			if (protocol == 9)
				v9_begin(&f.m, 7, 0);
			else
				IPFIX(0);
			set_begin(&f.m, protocol == 9 ? 0 : 2);
			put_template(&f.m, 256, ports, LEN(ports));
			put_fill(&f.m, 0, padding);
			set_end(&f.m, 0);
			put_ports(256, 1, 1);
			if (protocol == 10)
				ipfix_end(&f.m);
			assert_int_equal(feed(), 0);
			assert_int_equal(counts()->withdrawals, 0);
			assert_int_equal(f.count, 1);
		}
}

/* Zeros behind the last set up to a fixed size (Q3). */
static void test_padding_of_datagrams(void **state)
{
	(void)state;
	v9_begin(&f.m, 7, 0);
	define_v9(256, ports, LEN(ports));
	put_ports(256, 3, 1);
	put_fill(&f.m, 0, 1408 - f.m.len);
	assert_int_equal(feed(), 0);
	assert_int_equal(f.count, 3);
	for (unsigned n = 1; n < 4; n++) {
		v9_begin(&f.m, 7, n);
		put_ports(256, 1, 1);
		put_fill(&f.m, 0, n);
		assert_int_equal(feed(), 0);
		assert_int_equal(f.count, 1);
	}
	/* IPFIX: what is behind the message's length is none of it */
	IPFIX(0);
	define_ipfix(256, ports, LEN(ports));
	put_ports(256, 1, 1);
	ipfix_end(&f.m);
	put_fill(&f.m, 0xff, 100);
	assert_int_equal(feed(), 0);
	assert_int_equal(f.count, 1);
}

/* Faults
 * ------------------------------------------------------------------------------------------- */

static void test_bad_set_lengths(void **state)
{
	static const uint16_t lengths[] = {0, 1, 3, 1000, 65535};
	(void)state;
	for (size_t i = 0; i < LEN(lengths); i++) {
		v9_begin(&f.m, 7, (uint32_t)i);
		define_v9(256, ports, LEN(ports));
		put_ports(256, 2, 1);
		size_t at = f.m.len;
		put_ports(256, 2, 1);
		patch(&f.m, at + 2, 2, lengths[i]);
		assert_int_equal(feed(), ERR_BAD_SET);
		assert_int_equal(f.count, 2); /* what was before it counts */
	}
	assert_int_equal(undecodable(ERR_BAD_SET), LEN(lengths));
	assert_int_equal(sender()->undecodable[-ERR_BAD_SET], LEN(lengths));
	assert_int_equal(sender()->datagrams, LEN(lengths));
	assert_int_equal(counts()->decoded, 0);
}

static void test_empty_sets(void **state)
{
	(void)state;
	IPFIX(0);
	set_begin(&f.m, 2);
	set_end(&f.m, 0);
	define_ipfix(256, ports, LEN(ports));
	set_begin(&f.m, 256);
	set_end(&f.m, 0);
	put_ports(256, 1, 1);
	assert_int_equal(FEED_IPFIX(), 0);
	assert_int_equal(f.count, 1);
}

static void test_reserved_sets(void **state)
{
	static const uint16_t reserved[] = {0, 1, 4, 5, 255};
	(void)state;
	IPFIX(0);
	define_ipfix(256, ports, LEN(ports));
	for (size_t i = 0; i < LEN(reserved); i++) {
		set_begin(&f.m, reserved[i]);
		put_fill(&f.m, 0xff, 12);
		set_end(&f.m, 0);
	}
	put_ports(256, 1, 1);
	assert_int_equal(FEED_IPFIX(), 0);
	assert_int_equal(f.count, 1);
	assert_int_equal(counts()->reserved_sets, LEN(reserved));
}

static void test_bad_templates(void **state)
{
	static const struct template_field nothing[] = {{0, 8, 0}, {0, 12, 0}};
	(void)state;
	v9_begin(&f.m, 7, 0);
	define_v9(256, nothing, LEN(nothing)); /* records of no length would never end */
	assert_int_equal(feed(), ERR_BAD_TEMPLATE);
	v9_begin(&f.m, 7, 1);
	define_v9(256, NULL, 0);
	assert_int_equal(feed(), ERR_BAD_TEMPLATE);
	v9_begin(&f.m, 7, 2);
	define_v9(255, ports, LEN(ports)); /* ids below 256 are those of sets */
	assert_int_equal(feed(), ERR_BAD_TEMPLATE);
	IPFIX(0);
	define_ipfix(255, ports, LEN(ports));
	assert_int_equal(FEED_IPFIX(), ERR_BAD_TEMPLATE);
	IPFIX(0);
	define_ipfix(256, nothing, LEN(nothing));
	assert_int_equal(FEED_IPFIX(), ERR_BAD_TEMPLATE);
	IPFIX(0); /* more fields than there are */
	set_begin(&f.m, 2);
	put(&f.m, 2, 256);
	put(&f.m, 2, 10);
	put_fields(&f.m, ports, LEN(ports));
	set_end(&f.m, 0);
	assert_int_equal(FEED_IPFIX(), ERR_BAD_TEMPLATE);
	IPFIX(0); /* more scopes than fields */
	set_begin(&f.m, 3);
	put_options(&f.m, 256, ports, LEN(ports), LEN(ports) + 1);
	set_end(&f.m, 0);
	assert_int_equal(FEED_IPFIX(), ERR_BAD_TEMPLATE);
	assert_int_equal(exporters_usage(decoder_exporters(f.d)).templates, 0);
	assert_int_equal(undecodable(ERR_BAD_TEMPLATE), 7);
}

/* A bad template does not take the rest of the datagram with it. */
static void test_faults_are_isolated(void **state)
{
	static const struct template_field text[] = {{0, 82, TEMPLATE_VARIABLE}};
	(void)state;
	IPFIX(0);
	define_ipfix(255, ports, LEN(ports));
	define_ipfix(256, ports, LEN(ports));
	put_ports(256, 1, 1);
	define_ipfix(257, text, 1);
	set_begin(&f.m, 257); /* a record that says it is longer than its set */
	put(&f.m, 1, 200);
	put(&f.m, 1, 'x');
	set_end(&f.m, 0);
	put_ports(256, 1, 2);
	assert_int_equal(FEED_IPFIX(), ERR_BAD_TEMPLATE); /* the first fault */
	assert_int_equal(f.count, 2);
	assert_int_equal(f.got[1].src_port, 2);

	IPFIX(2);
	set_begin(&f.m, 257);
	put(&f.m, 1, 200);
	put(&f.m, 1, 'x');
	set_end(&f.m, 0);
	put_ports(256, 1, 2);
	assert_int_equal(FEED_IPFIX(), ERR_BAD_RECORD);
	assert_int_equal(f.count, 1);
}

static void test_headers_cut_short(void **state)
{
	static const struct {
		unsigned version;
		size_t header;
	} cases[] = {{5, 24}, {9, 20}, {10, 16}};
	(void)state;
	for (size_t k = 0; k < LEN(cases); k++)
		for (size_t len = 0; len < cases[k].header; len++) {
			f.m.len = 0;
			put(&f.m, 2, cases[k].version);
			put(&f.m, 2, 16);
			put_fill(&f.m, 1, 40);
			f.from.truncated = len & 1;
			assert_int_equal(
				feed_len(len), f.from.truncated ? ERR_TRUNCATED : ERR_BAD_HEADER);
		}
	assert_int_equal(undecodable(ERR_TRUNCATED) + undecodable(ERR_BAD_HEADER), 60);
	assert_int_equal(sender()->datagrams, 60);
}

/* Every cut of a good datagram: its whole records come out, the fault is named, nothing else
 * happens. */
static void test_datagrams_cut_short(void **state)
{
	(void)state;
	for (int protocol = 9; protocol <= 10; protocol++) {
		if (protocol == 9)
			v9_begin(&f.m, 7, 0);
		else
			IPFIX(0);
		size_t header = f.m.len;
		if (protocol == 9)
			define_v9(256, ports, LEN(ports));
		else
			define_ipfix(256, ports, LEN(ports));
		size_t first = f.m.len;
		put_ports(256, 2, 1);
		size_t second = f.m.len;
		put_ports(256, 1, 3);
		if (protocol == 10)
			ipfix_end(&f.m);
		for (size_t len = header; len < f.m.len; len++) {
			begin_with(usual);
			f.from.truncated = true;
			f.from.sent_len = (uint32_t)f.m.len;
			int err = feed_len(len);
			size_t whole = len < second ? 0 : 2;
			assert_int_equal(f.count, whole);
			if (protocol == 10 || (len - header >= 4 && len != first && len != second &&
						      !(len > first && len < first + 4) &&
						      !(len > second && len < second + 4)))
				assert_int_equal(err, ERR_TRUNCATED);
		}
		/* not cut by a capture: the sender's own fault */
		begin_with(usual);
		assert_int_equal(
			feed_len(f.m.len - 1), protocol == 10 ? ERR_BAD_HEADER : ERR_BAD_SET);
		assert_int_equal(f.count, 2);
	}
}

static void test_unknown_versions(void **state)
{
	static const unsigned versions[] = {0, 2, 6, 8, 11, 65535};
	(void)state;
	for (size_t i = 0; i < LEN(versions); i++) {
		f.m.len = 0;
		put(&f.m, 2, versions[i]);
		put_fill(&f.m, 0, 100);
		assert_int_equal(feed(), ERR_VERSION);
	}
	assert_int_equal(undecodable(ERR_VERSION), LEN(versions));
	assert_int_equal(sender()->undecodable[-ERR_VERSION], LEN(versions));
	assert_int_equal(sender()->unknown_versions[2], 1);
	assert_int_equal(sender()->unknown_versions[6], 1);
	assert_int_equal(sender()->unknown_versions[8], 1);
	assert_int_equal(sender()->datagrams, LEN(versions));
	assert_int_equal(sender()->last_seen.ns, RECEIVED);
	f.from.src.b[15]++;
	assert_null(sender());
	assert_int_equal(feed(), ERR_VERSION);
	assert_int_equal(sender()->datagrams, 1);
}

/* Options
 * ------------------------------------------------------------------------------------------- */

/* Lengths that are no multiple of 4 (Q6), a set without its padding, a scope of no length (Q5). */
static void test_v9_options_of_odd_lengths(void **state)
{
	static const struct template_field defs[] = {{0, 1, 4}, {0, 34, 4}, {0, 35, 1}};
	(void)state;
	for (unsigned more = 0; more < 4; more++) {
		begin_with(usual);
		v9_begin(&f.m, 7, 0);
		set_begin(&f.m, 1);
		put(&f.m, 2, 256);
		put(&f.m, 2, 4);
		put(&f.m, 2, 8 + more);
		put_fields(&f.m, defs, LEN(defs));
		set_end(&f.m, more % 2 ? 4 : 0);
		define_v9(300, ports, LEN(ports));
		set_begin(&f.m, 256);
		put(&f.m, 4, 1);
		put(&f.m, 4, 100 + more);
		put(&f.m, 1, 1);
		set_end(&f.m, 4);
		put_ports(300, 1, 1);
		assert_int_equal(feed(), 0);
		assert_int_equal(counts()->option_records, 1);
		assert_int_equal(f.count, 1);
		assert_int_equal(f.got[0].sampling_rate, 100 + more);
	}
}

static void test_v9_options_with_an_empty_scope(void **state)
{
	static const struct template_field defs[] = {{0, 1, 0}, {0, 34, 4}, {0, 35, 1}};
	(void)state;
	v9_begin(&f.m, 7, 0);
	set_begin(&f.m, 1);
	put_v9_options(&f.m, 256, defs, LEN(defs), 1);
	set_end(&f.m, 4);
	define_v9(300, ports, LEN(ports));
	set_begin(&f.m, 256);
	put(&f.m, 4, 64);
	put(&f.m, 1, 2);
	set_end(&f.m, 4); /* 12 bytes */
	put_ports(300, 1, 1);
	assert_int_equal(feed(), 0);
	assert_int_equal(counts()->option_records, 1);
	assert_int_equal(f.got[0].sampling_rate, 64);
}

/* A v9 scope type is no element: scope 34 announces no sampling. */
static void test_v9_scopes_are_no_elements(void **state)
{
	static const struct template_field defs[] = {{0, 34, 4}, {0, 36, 2}};
	(void)state;
	v9_begin(&f.m, 7, 0);
	set_begin(&f.m, 1);
	put_v9_options(&f.m, 256, defs, LEN(defs), 1);
	set_end(&f.m, 4);
	define_v9(300, ports, LEN(ports));
	set_begin(&f.m, 256);
	put(&f.m, 4, 64);
	put(&f.m, 2, 2);
	set_end(&f.m, 4);
	put_ports(300, 1, 1);
	assert_int_equal(feed(), 0);
	assert_false(record_has(&f.got[0], FIELD_sampling_rate));
}

/* Several option templates and records in a set; the scope of IPFIX is an element (RFC
 * 7011, 3.4.2). */
static void test_ipfix_options(void **state)
{
	static const struct template_field a[] = {{0, 302, 8}, {0, 305, 4}, {0, 306, 4}};
	static const struct template_field b[] = {{0, 10, 4}, {0, 82, TEMPLATE_VARIABLE}};
	static const struct template_field data[] = {{0, 302, 1}, {0, 7, 2}};
	(void)state;
	IPFIX(0);
	set_begin(&f.m, 3);
	put_options(&f.m, 256, a, LEN(a), 1);
	put_options(&f.m, 257, b, LEN(b), 1);
	set_end(&f.m, 4);
	define_ipfix(300, data, LEN(data));
	set_begin(&f.m, 256);
	for (unsigned i = 1; i <= 2; i++) {
		put(&f.m, 8, i);
		put(&f.m, 4, 1);
		put(&f.m, 4, 100 * i - 1);
	}
	set_end(&f.m, 0);
	set_begin(&f.m, 257);
	put(&f.m, 4, 3);
	put(&f.m, 1, 4);
	put_bytes(&f.m, "eth0", 4);
	set_end(&f.m, 0);
	set_begin(&f.m, 300);
	for (unsigned i = 1; i <= 3; i++) {
		put(&f.m, 1, i);
		put(&f.m, 2, i);
	}
	set_end(&f.m, 0);
	assert_int_equal(FEED_IPFIX(), 0);
	assert_int_equal(counts()->option_records, 3);
	assert_int_equal(sender()->option_records, 3);
	assert_int_equal(f.count, 3);
	assert_int_equal(f.got[0].sampling_rate, 100);
	assert_int_equal(f.got[1].sampling_rate, 200);
	assert_string_equal(field_word(FIELD_sampling_source, f.got[1].sampling_source), "options");
	assert_false(
		record_has(&f.got[2], FIELD_sampling_rate)); /* sampler 3 was never announced */
	assert_string_equal(field_word(FIELD_sampling_source, f.got[2].sampling_source), "unknown");
	assert_int_equal(f.got[2].sampler_id, 3);
}

/* Sampling
 * ------------------------------------------------------------------------------------------- */

static void test_sampling_in_the_record(void **state)
{
	static const struct template_field defs[] = {{0, 34, 4}, {0, 7, 2}};
	static const struct template_field options[] = {{0, 149, 4}, {0, 34, 4}};
	(void)state;
	IPFIX(0);
	set_begin(&f.m, 3);
	put_options(&f.m, 400, options, 2, 1);
	set_end(&f.m, 0);
	define_ipfix(256, defs, LEN(defs));
	define_ipfix(257, ports, LEN(ports));
	set_begin(&f.m, 400);
	put(&f.m, 4, 7);
	put(&f.m, 4, 9);
	set_end(&f.m, 0);
	set_begin(&f.m, 256);
	put(&f.m, 4, 1000);
	put(&f.m, 2, 1);
	put(&f.m, 4, 0); /* says nothing: the options do */
	put(&f.m, 2, 2);
	set_end(&f.m, 0);
	put_ports(257, 1, 3);
	assert_int_equal(FEED_IPFIX(), 0);
	assert_int_equal(f.count, 3);
	assert_int_equal(f.got[0].sampling_rate, 1000);
	assert_string_equal(field_word(FIELD_sampling_source, f.got[0].sampling_source), "record");
	assert_int_equal(f.got[1].sampling_rate, 9);
	assert_string_equal(field_word(FIELD_sampling_source, f.got[1].sampling_source), "options");
	assert_int_equal(f.got[2].sampling_rate, 9);
	assert_int_equal(sender()->sampling_rate, 9);
}

/* Options in one domain, flows in another (akvorado's Catalyst): the exporter's only rate is
 * theirs. */
static void test_sampling_of_the_whole_exporter(void **state)
{
	static const struct template_field options[] = {{0, 1, 4}, {0, 34, 4}};
	(void)state;
	v9_begin(&f.m, 6, 0);
	set_begin(&f.m, 1);
	put_v9_options(&f.m, 400, options, 2, 1);
	set_end(&f.m, 0);
	set_begin(&f.m, 400);
	put(&f.m, 4, 0);
	put(&f.m, 4, 2048);
	set_end(&f.m, 0);
	assert_int_equal(feed(), 0);
	v9_begin(&f.m, 1, 0);
	define_v9(256, ports, LEN(ports));
	put_ports(256, 1, 1);
	f.from.src_port = 3000; /* from another socket too (Q29) */
	assert_int_equal(feed(), 0);
	assert_int_equal(f.got[0].sampling_rate, 2048);
	f.from.src.b[15]++; /* of another exporter nothing is known */
	v9_begin(&f.m, 1, 0);
	define_v9(256, ports, LEN(ports));
	put_ports(256, 1, 1);
	assert_int_equal(feed(), 0);
	assert_false(record_has(&f.got[0], FIELD_sampling_rate));
}

/* Sequence numbers
 * ------------------------------------------------------------------------------------ */

static void send_v9(uint32_t sequence, unsigned records)
{
	v9_begin(&f.m, 7, sequence);
	define_v9(256, ports, LEN(ports));
	put_ports(256, records, 1);
	assert_int_equal(feed(), 0);
}

static void test_v9_sequence(void **state)
{
	(void)state;
	send_v9(UINT32_MAX - 1, 2);
	send_v9(UINT32_MAX, 2);
	send_v9(0, 2); /* it goes round */
	assert_int_equal(sender()->sequence.lost_datagrams, 0);
	send_v9(3, 2); /* two are missing, of two records each as far as one can tell */
	assert_int_equal(sender()->sequence.lost_datagrams, 2);
	assert_int_equal(sender()->sequence.lost_records, 4);
	send_v9(2, 2); /* one of them was only late */
	assert_int_equal(sender()->sequence.reordered, 1);
	assert_int_equal(sender()->sequence.lost_datagrams, 1);
	assert_int_equal(sender()->sequence.lost_records, 2);
	send_v9(4, 2);
	assert_int_equal(sender()->sequence.lost_datagrams, 1);
	send_v9(2000000000, 2); /* that is no gap: it began anew */
	assert_int_equal(sender()->sequence.restarts, 1);
	send_v9(2000000001, 2);
	assert_int_equal(sender()->sequence.lost_datagrams, 1);
	send_v9(5, 2);
	assert_int_equal(sender()->sequence.restarts, 2);
	assert_int_equal(sender()->template_count, 1); /* templates live on */
	assert_int_equal(counts()->decoded, 9);
}

static void send_v5(uint32_t sequence, uint16_t records)
{
	struct v5_header h = v5;
	h.sequence = sequence;
	h.count = records;
	v5_begin(&f.m, &h);
	for (uint32_t i = 0; i < records; i++)
		v5_record(&f.m, i);
	assert_int_equal(feed(), 0);
}

static void test_v5_sequence(void **state)
{
	(void)state;
	send_v5(UINT32_MAX - 9, 30);
	send_v5(20, 30);
	assert_int_equal(sender()->sequence.lost_records, 0);
	send_v5(110, 30); /* the records from 50 on */
	assert_int_equal(sender()->sequence.lost_records, 60);
	assert_int_equal(sender()->sequence.lost_datagrams, 0);
	send_v5(80, 30);
	assert_int_equal(sender()->sequence.reordered, 1);
	assert_int_equal(sender()->sequence.lost_records, 30);
	send_v5(140, 1);
	assert_int_equal(sender()->sequence.lost_records, 30);
}

/* IPFIX counts all data records, those of options too (RFC 7011, 3.1); templates are none. */
static void test_ipfix_sequence(void **state)
{
	static const struct template_field options[] = {{0, 149, 4}, {0, 36, 2}};
	(void)state;
	IPFIX(100);
	define_ipfix(256, ports, LEN(ports));
	set_begin(&f.m, 3);
	put_options(&f.m, 400, options, 2, 1);
	set_end(&f.m, 0);
	put_ports(256, 3, 1);
	set_begin(&f.m, 400);
	for (unsigned i = 0; i < 2; i++)
		put(&f.m, 6, i);
	set_end(&f.m, 0);
	assert_int_equal(FEED_IPFIX(), 0);
	IPFIX(105);
	put_ports(256, 1, 1);
	assert_int_equal(FEED_IPFIX(), 0);
	assert_int_equal(sender()->sequence.lost_records, 0);
	IPFIX(116);
	put_ports(256, 1, 1);
	assert_int_equal(FEED_IPFIX(), 0);
	assert_int_equal(sender()->sequence.lost_records, 10);

	/* how many records are in a set without its template nobody can tell: no gap is made of
	 * that (Q31) */
	IPFIX(117);
	put_ports(999, 4, 1);
	assert_int_not_equal(FEED_IPFIX(), 0);
	IPFIX(121);
	put_ports(256, 1, 1);
	assert_int_equal(FEED_IPFIX(), 0);
	assert_int_equal(sender()->sequence.lost_records, 10);
	IPFIX(125);
	put_ports(256, 1, 1);
	assert_int_equal(FEED_IPFIX(), 0);
	assert_int_equal(sender()->sequence.lost_records, 13);

	/* each domain counts by itself */
	ipfix_begin(&f.m, 8, 5000);
	define_ipfix(256, ports, LEN(ports));
	assert_int_equal(FEED_IPFIX(), 0);
	assert_int_equal(sender()->sequence.lost_records, 13);
	assert_int_equal(sender()->sequence.restarts, 0);
	assert_int_equal(sender()->sequence.reordered, 0);
}

/* Times
 * ------------------------------------------------------------------------------------------------
 */

/* last_switched is always there, and time_source says what it is. */
static void test_time_sources(void **state)
{
	static const struct {
		struct template_field defs[3];
		const char *source;
		uint64_t ns;
	} cases[] = {
		{{{0, 153, 8}, {0, 152, 8}, {0, 323, 8}}, "last_switched", 1001 * NS_PER_MS},
		{{{0, 7, 8}, {0, 152, 8}, {0, 323, 8}}, "first_switched", 1002 * NS_PER_MS},
		{{{0, 7, 8}, {9, 1, 8}, {0, 323, 8}}, "event_time", 1003 * NS_PER_MS},
		{{{0, 7, 8}, {9, 1, 8}, {9, 2, 8}}, "export_time", EXPORT_NS},
		/* uptimes without a base are no times */
		{{{0, 21, 8}, {0, 22, 8}, {9, 2, 8}}, "export_time", EXPORT_NS},
	};
	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		IPFIX((uint32_t)i);
		define_ipfix(256, cases[i].defs, 3);
		set_begin(&f.m, 256);
		for (unsigned k = 1; k <= 3; k++)
			put(&f.m, 8, 1000 + k);
		set_end(&f.m, 0);
		assert_int_equal(FEED_IPFIX(), 0);
		assert_int_equal(f.count, 1);
		assert_true(record_has(&f.got[0], FIELD_last_switched));
		assert_int_equal(f.got[0].last_switched.ns, cases[i].ns);
		assert_string_equal(
			field_word(FIELD_time_source, f.got[0].time_source), cases[i].source);
	}
	/* an exporter without a clock: the time of receipt */
	IPFIX(5);
	patch(&f.m, 4, 4, 0);
	define_ipfix(256, ports, LEN(ports));
	put_ports(256, 1, 1);
	assert_int_equal(FEED_IPFIX(), 0);
	assert_int_equal(f.got[0].last_switched.ns, RECEIVED);
	assert_int_equal(f.got[0].last_switched.digits, 9);
	assert_string_equal(field_word(FIELD_time_source, f.got[0].time_source), "received");
}

static const struct template_field switched[] = {{0, 22, 4}, {0, 21, 4}};

static void put_switched(uint32_t first, uint32_t last)
{
	set_begin(&f.m, 256);
	put(&f.m, 4, first);
	put(&f.m, 4, last);
	set_end(&f.m, 0);
}

static void test_v9_uptimes(void **state)
{
	(void)state;
	v9_begin_at(&f.m, 7, 0, 1000, BUILD_EXPORT_S);
	define_v9(256, switched, LEN(switched));
	put_switched(UINT32_MAX - 999,
		1160); /* before the counter went round, and after the header was made */
	assert_int_equal(feed(), 0);
	assert_int_equal(f.got[0].first_switched.ns, EXPORT_NS - 2000 * NS_PER_MS);
	assert_int_equal(f.got[0].last_switched.ns, EXPORT_NS + 160 * NS_PER_MS);
	assert_int_equal(f.got[0].last_switched.digits, 3);
}

/* Two headers some seconds apart show an uptime in seconds (Q14). */
static void test_v9_uptimes_in_seconds(void **state)
{
	(void)state;
	v9_begin_at(&f.m, 7, 0, 5000, BUILD_EXPORT_S);
	define_v9(256, switched, LEN(switched));
	assert_int_equal(feed(), 0);
	v9_begin_at(&f.m, 7, 1, 5030, BUILD_EXPORT_S + 30);
	put_switched(5010, 5020);
	assert_int_equal(feed(), 0);
	assert_int_equal(f.got[0].first_switched.ns, EXPORT_NS + 10 * NS_PER_S);
	assert_int_equal(f.got[0].last_switched.ns, EXPORT_NS + 20 * NS_PER_S);
	assert_int_equal(f.got[0].last_switched.digits, 0);

	/* one that counts milliseconds stays with them */
	f.from.src_port++;
	v9_begin_at(&f.m, 7, 0, 5000000, BUILD_EXPORT_S);
	define_v9(256, switched, LEN(switched));
	assert_int_equal(feed(), 0);
	v9_begin_at(&f.m, 7, 1, 5030000, BUILD_EXPORT_S + 30);
	put_switched(5010000, 5020000);
	assert_int_equal(feed(), 0);
	assert_int_equal(f.got[0].last_switched.ns, EXPORT_NS + 20 * NS_PER_S);
	assert_int_equal(f.got[0].last_switched.digits, 3);
}

/* systemInitTimeMilliseconds by an option record is the base of uptimes in IPFIX (Q17). */
static void test_ipfix_uptimes(void **state)
{
	static const struct template_field options[] = {{0, 149, 4}, {0, 160, 8}};
	(void)state;
	IPFIX(0);
	set_begin(&f.m, 3);
	put_options(&f.m, 400, options, 2, 1);
	set_end(&f.m, 0);
	define_ipfix(256, switched, LEN(switched));
	set_begin(&f.m, 400);
	put(&f.m, 4, 7);
	put(&f.m, 8, UINT64_C(1000) * BUILD_EXPORT_S - 60000);
	set_end(&f.m, 0);
	assert_int_equal(FEED_IPFIX(), 0);
	IPFIX(1);
	put_switched(10000, 50000);
	assert_int_equal(FEED_IPFIX(), 0);
	assert_int_equal(f.got[0].first_switched.ns, EXPORT_NS - 50 * NS_PER_S);
	assert_int_equal(f.got[0].last_switched.ns, EXPORT_NS - 10 * NS_PER_S);
	/* of another domain it says nothing */
	ipfix_begin(&f.m, 8, 0);
	define_ipfix(256, switched, LEN(switched));
	put_switched(10000, 50000);
	assert_int_equal(FEED_IPFIX(), 0);
	assert_false(record_has(&f.got[0], FIELD_first_switched));
	assert_int_equal(f.got[0].extra_count, 2);
}

/* Late templates
 * ------------------------------------------------------------------------------------------- */

static void test_data_before_its_template(void **state)
{
	(void)state;
	IPFIX(0);
	put_ports(256, 2, 1);
	put_ports(257, 1, 3);
	assert_int_equal(FEED_IPFIX(), 1);
	assert_int_equal(f.count, 0);
	assert_int_equal(counts()->waiting, 1);
	assert_int_equal(counts()->decoded, 0);

	IPFIX(3);
	define_ipfix(256, ports, LEN(ports));
	put_ports(256, 1, 9);
	f.from.received.ns += NS_PER_S;
	assert_int_equal(FEED_IPFIX(), 0);
	assert_int_equal(f.count, 3);
	assert_int_equal(f.got[0].src_port, 9);
	assert_int_equal(f.got[1].src_port, 1); /* as they were received */
	assert_int_equal(f.got[1].received.ns, RECEIVED);
	assert_int_equal(f.got[1].sequence, 0);
	assert_int_equal(f.got[2].src_port, 2);
	assert_int_equal(counts()->waiting, 1); /* its other set still waits */
	assert_int_equal(counts()->decoded, 1);

	IPFIX(4);
	define_ipfix(257, ports, LEN(ports));
	assert_int_equal(FEED_IPFIX(), 0);
	assert_int_equal(f.count, 1);
	assert_int_equal(f.got[0].src_port, 3);
	assert_int_equal(counts()->waiting, 0);
	assert_int_equal(counts()->decoded, 3);
	assert_int_equal(counts()->flows, 4);
	assert_int_equal(sender()->flows, 4);
	assert_int_equal(sender()->sequence.lost_records, 0);
}

/* The template of another domain is no help. */
static void test_data_waits_for_its_own_domain(void **state)
{
	(void)state;
	v9_begin(&f.m, 7, 0);
	put_ports(256, 1, 1);
	assert_int_equal(feed(), 1);
	v9_begin(&f.m, 8, 0);
	define_v9(256, ports, LEN(ports));
	assert_int_equal(feed(), 0);
	assert_int_equal(f.count, 0);
	assert_int_equal(counts()->waiting, 1);
	v9_begin(&f.m, 7, 1);
	define_v9(256, ports, LEN(ports));
	assert_int_equal(feed(), 0);
	assert_int_equal(f.count, 1);
	assert_int_equal(counts()->waiting, 0);
}

/* What waits for several templates comes out in the order in which it came in. */
static void test_waiting_keeps_its_order(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 8; i++) {
		IPFIX(i);
		put_ports(i % 2 ? 300 : 256, 1, (uint16_t)i);
		put_ports(400, 1, 99); /* whose template never comes */
		assert_int_equal(FEED_IPFIX(), 1);
	}
	IPFIX(16);
	define_ipfix(300, ports, LEN(ports));
	define_ipfix(256, ports, LEN(ports));
	assert_int_equal(FEED_IPFIX(), 0);
	assert_int_equal(f.count, 8);
	for (uint16_t i = 0; i < 8; i++)
		assert_int_equal(f.got[i].src_port, i);
	assert_int_equal(counts()->waiting, 8);
	IPFIX(16);
	define_ipfix(400, ports, LEN(ports));
	assert_int_equal(FEED_IPFIX(), 0);
	assert_int_equal(f.count, 8);
	assert_int_equal(counts()->waiting, 0);
	assert_int_equal(counts()->wait_bytes, 0);
	assert_int_equal(counts()->decoded, 10);
}

/* Templates that come from another port serve what waits, too. */
static void test_waiting_for_another_port(void **state)
{
	(void)state;
	for (int port = 2000; port < 2003; port++) {
		f.from.src_port = (uint16_t)port;
		IPFIX(0);
		put_ports(256, 1, (uint16_t)port);
		assert_int_equal(FEED_IPFIX(), 1);
	}
	f.from.src_port = 4000;
	ipfix_begin(&f.m, 8, 0); /* of another domain: nothing for these */
	define_ipfix(256, ports, LEN(ports));
	assert_int_equal(FEED_IPFIX(), 0);
	assert_int_equal(f.count, 0);
	IPFIX(0);
	define_ipfix(256, ports, LEN(ports));
	assert_int_equal(FEED_IPFIX(), 0);
	assert_int_equal(f.count, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(f.got[i].src_port, 2000 + i);
		assert_int_equal(f.got[i].exporter_port, 2000 + i);
	}
	assert_int_equal(counts()->waiting, 0);
	assert_int_equal(exporters_usage(decoder_exporters(f.d)).template_fallbacks, 3);
}

/* A flood of data from forged addresses gives up itself before what waits of an exporter that sent
 * records. */
static void test_a_flood_of_waiting_data(void **state)
{
	(void)state;
	const struct decoder_config small = {.state_max = DECODER_STATE_MAX,
		.exporter_max = DECODER_EXPORTER_MAX,
		.wait_max = 64 * 1024,
		.wait_ns = NS_PER_S,
		.seed = 1};
	begin_with(small);
	IPFIX(0);
	put_ports(300, 1, 77); /* waits from before it is known */
	assert_int_equal(FEED_IPFIX(), 1);
	IPFIX(1);
	define_ipfix(256, ports, LEN(ports));
	put_ports(256, 1, 1);
	assert_int_equal(FEED_IPFIX(), 0);
	struct datagram good = f.from;
	for (uint32_t i = 0; i < 5000; i++) {
		f.from.src.b[13] = (uint8_t)(i >> 8);
		f.from.src.b[14] = (uint8_t)i;
		f.from.src.b[15] = 200;
		IPFIX(0);
		put_ports(256, 2, 1);
		assert_int_equal(FEED_IPFIX(), 1);
		assert_in_range(counts()->wait_bytes, 1, 64 * 1024);
	}
	assert_int_equal(counts()->wait_bytes_hits, undecodable(ERR_NO_TEMPLATE));
	assert_true(counts()->wait_bytes_hits > 4000);
	f.from = good;
	IPFIX(2);
	define_ipfix(300, ports, LEN(ports));
	assert_int_equal(FEED_IPFIX(), 0);
	assert_int_equal(f.count, 1);
	assert_int_equal(f.got[0].src_port, 77);
}

/* One that takes more than half of the room gives up its own, however long others have waited. */
static void test_a_greedy_exporter_waits_for_itself(void **state)
{
	(void)state;
	begin_with((struct decoder_config){.state_max = DECODER_STATE_MAX,
		.exporter_max = DECODER_EXPORTER_MAX,
		.wait_max = 64 * 1024,
		.wait_ns = NS_PER_S,
		.seed = 1});
	IPFIX(0);
	put_ports(256, 1, 77);
	assert_int_equal(FEED_IPFIX(), 1);
	struct datagram modest = f.from;
	f.from.src.b[15]++;
	for (uint32_t i = 0; i < 1000; i++) {
		IPFIX(i);
		put_ports(256, 1, 1);
		assert_int_equal(FEED_IPFIX(), 1);
	}
	assert_true(counts()->wait_bytes_hits > 500);
	f.from = modest;
	IPFIX(1);
	define_ipfix(256, ports, LEN(ports));
	assert_int_equal(FEED_IPFIX(), 0);
	assert_int_equal(f.count, 1);
	assert_int_equal(f.got[0].src_port, 77);
}

/* What is due by a template goes for want of room before the end of the message that brought it. */
static void test_due_and_given_up(void **state)
{
	(void)state;
	begin_with((struct decoder_config){.state_max = DECODER_STATE_MAX,
		.exporter_max = DECODER_EXPORTER_MAX,
		.wait_max = 4096,
		.wait_ns = NS_PER_S,
		.seed = 1});
	IPFIX(0);
	put_ports(256, 2, 1);
	assert_int_equal(FEED_IPFIX(), 1);
	IPFIX(2);
	define_ipfix(256, ports, LEN(ports));
	for (int i = 0; i < 3; i++)
		put_ports((uint16_t)(300 + i), 180, 1);
	put_ports(256, 1, 77);
	assert_int_equal(FEED_IPFIX(), 1);
	assert_int_equal(f.count, 1);
	assert_int_equal(f.got[0].src_port, 77);
	assert_true(counts()->wait_bytes_hits >= 2);
	IPFIX(600);
	put_ports(256, 1, 78);
	define_ipfix(301, ports, LEN(ports));
	define_ipfix(302, ports, LEN(ports));
	assert_int_equal(FEED_IPFIX(), 0);
	assert_int_equal(f.count, 361);
	assert_int_equal(counts()->wait_bytes, 0);
}

static void test_data_waits_for_so_long(void **state)
{
	(void)state;
	begin_with((struct decoder_config){.state_max = DECODER_STATE_MAX,
		.exporter_max = DECODER_EXPORTER_MAX,
		.wait_max = 4096,
		.wait_ns = 10 * NS_PER_S,
		.seed = 1});
	v9_begin(&f.m, 7, 0);
	put_ports(256, 1, 1);
	assert_int_equal(feed(), 1);
	f.from.received.ns += 11 * NS_PER_S;
	v9_begin(&f.m, 8, 0);
	assert_int_equal(feed(), 0);
	assert_int_equal(counts()->waiting, 0);
	assert_int_equal(undecodable(ERR_NO_TEMPLATE), 1);
	assert_int_equal(sender()->undecodable[-ERR_NO_TEMPLATE], 1);
	v9_begin(&f.m, 7, 1);
	define_v9(256, ports, LEN(ports));
	assert_int_equal(feed(), 0);
	assert_int_equal(f.count, 0);

	/* a set that alone is over the bound does not wait */
	v9_begin(&f.m, 9, 0);
	put_ports(256, 600, 1);
	assert_int_equal(feed(), ERR_NO_TEMPLATE);
	/* and the oldest give way to the newest: received = decoded + waiting + undecodable
	 * throughout */
	for (uint32_t i = 0; i < 100; i++) {
		v9_begin(&f.m, 100 + i, 0);
		put_ports(256, 10, (uint16_t)(10 * i));
		assert_int_equal(feed(), 1);
		assert_int_equal(
			counts()->decoded + counts()->waiting + undecodable(ERR_NO_TEMPLATE),
			5 + i);
	}
	assert_in_range(counts()->waiting, 5, 40);
	v9_begin(&f.m, 199, 1);
	define_v9(256, ports, LEN(ports));
	assert_int_equal(feed(), 0);
	assert_int_equal(f.count, 10);
	assert_int_equal(f.got[0].src_port, 990);
}

/* State
 * ------------------------------------------------------------------------------------------------------
 */

/* A flood of domains and templates: the bound holds, the least recently used go, and are counted.
 */
static void test_a_flood_of_domains(void **state)
{
	const size_t limit = 1024 * 1024;
	struct exporters_usage usage = {0};
	(void)state;
	begin_with((struct decoder_config){.state_max = limit,
		.exporter_max = DECODER_EXPORTER_MAX,
		.wait_max = 4096,
		.wait_ns = NS_PER_S,
		.seed = 1});
	v9_begin(&f.m, 0, 0);
	define_v9(256, ports, LEN(ports));
	assert_int_equal(feed(), 0);
	for (uint32_t i = 1; i < 5000; i++) {
		v9_begin(&f.m, i, 0);
		f.from.src.b[14] = (uint8_t)(i >> 8);
		define_v9(256, ports, LEN(ports));
		define_v9((uint16_t)(257 + i), wide, LEN(wide));
		assert_int_equal(feed(), 0);
		usage = exporters_usage(decoder_exporters(f.d));
		assert_in_range(usage.bytes, 1, limit);
		if (i % 100 == 0) { /* this one stays in use, and so it stays */
			f.from.src.b[14] = 2;
			v9_begin(&f.m, 0, i / 100);
			put_ports(256, 1, 1);
			assert_int_equal(feed(), 0);
			assert_int_equal(f.count, 1);
		}
	}
	assert_true(usage.evicted > 1000);
	assert_int_equal(usage.domains + usage.evicted, 5000);
	v9_begin(&f.m, 1, 1); /* forgotten */
	f.from.src.b[14] = 0;
	put_ports(256, 1, 1);
	assert_int_equal(feed(), 1);
	assert_int_equal(f.count, 0);
}

static void test_a_flood_of_templates(void **state)
{
	static struct template_field many[1000];
	const size_t limit = 2 * 1024 * 1024;
	(void)state;
	begin_with((struct decoder_config){.state_max = limit,
		.exporter_max = DECODER_EXPORTER_MAX,
		.wait_max = 4096,
		.wait_ns = NS_PER_S,
		.seed = 1});
	for (size_t i = 0; i < LEN(many); i++)
		many[i] = (struct template_field){9, (uint16_t)i, 4};
	for (uint32_t i = 0; i < 1000; i++) {
		IPFIX(i);
		define_ipfix(256, ports, LEN(ports));
		define_ipfix((uint16_t)(257 + i), many, LEN(many));
		put_ports(256, 1, 1);
		assert_int_equal(FEED_IPFIX(), 0);
		assert_int_equal(f.count, 1); /* what is in use stays */
		assert_in_range(sender()->bytes, 1, DECODER_EXPORTER_MAX);
	}
	struct exporters_usage usage = exporters_usage(decoder_exporters(f.d));
	assert_int_equal(usage.templates + usage.templates_evicted, 1001);
	assert_true(usage.templates_evicted > 0);
	assert_int_equal(usage.exporter_max_hits, usage.templates_evicted);
}

/* What a record shares with those of its datagram is right, and share_id says when it changes. */
static void test_shared_values(void **state)
{
	(void)state;
	IPFIX(0);
	define_ipfix(256, ports, LEN(ports));
	define_ipfix(257, ports, LEN(ports));
	put_ports(256, 2, 1);
	put_ports(257, 1, 1);
	assert_int_equal(FEED_IPFIX(), 0);
	assert_int_equal(f.got[0].share_id, f.got[1].share_id);
	assert_int_not_equal(f.got[1].share_id, f.got[2].share_id); /* another template id */
	assert_true(f.got[0].shared[0] >> FIELD_received & 1);
	assert_true(f.got[0].shared[0] >> FIELD_exporter & 1);
	assert_false(f.got[0].shared[0] >> FIELD_src_port & 1);
	uint64_t before = f.got[2].share_id;
	IPFIX(3);
	put_ports(257, 1, 1);
	assert_int_equal(FEED_IPFIX(), 0);
	assert_int_not_equal(f.got[0].share_id, before);
}

/* --explain
 * ---------------------------------------------------------------------------------------------------
 */

static struct {
	unsigned sets, templates, records, options, faults;
	size_t last_offset;
	int fault;
} seen;

static void see_set(void *ctx, size_t offset, uint32_t id, size_t len, const char *what)
{
	(void)id;
	assert_ptr_equal(ctx, &seen);
	assert_true(what[0] != '\0');
	assert_true(offset + len <= f.m.len);
	seen.sets++;
}

static void see_template(void *ctx, size_t offset, const struct template *t)
{
	(void)ctx;
	assert_int_equal(be16(f.m.b + offset), t->id);
	seen.templates++;
}

static void see_record(void *ctx, size_t offset, const struct template *t, const uint8_t *p,
	const struct field_position *pos, const struct record *r)
{
	(void)ctx;
	assert_memory_equal(p, f.m.b + offset, pos[0].len);
	assert_int_equal(r == NULL, t->options);
	for (uint16_t i = 0; i < t->field_count; i++)
		seen.last_offset = offset + pos[i].offset + pos[i].len;
	assert_true(seen.last_offset <= f.m.len);
	seen.records++;
	seen.options += r == NULL;
}

static void see_fault(void *ctx, size_t offset, int err)
{
	(void)ctx;
	assert_true(offset <= f.m.len);
	seen.faults++;
	seen.fault = err;
}

static void test_trace(void **state)
{
	static const struct decode_trace trace = {.ctx = &seen,
		.set = see_set,
		.template = see_template,
		.record = see_record,
		.fault = see_fault};
	static const struct template_field options[] = {{0, 149, 4}, {0, 34, 4}};
	(void)state;
	decoder_set_trace(f.d, &trace);
	IPFIX(0);
	define_ipfix(256, ports, LEN(ports));
	set_begin(&f.m, 3);
	put_options(&f.m, 400, options, 2, 1);
	set_end(&f.m, 0);
	set_begin(&f.m, 400);
	put(&f.m, 4, 7);
	put(&f.m, 4, 9);
	set_end(&f.m, 0);
	put_ports(256, 3, 1);
	set_begin(&f.m, 256);
	set_end(&f.m, 0);
	patch(&f.m, f.m.set + 2, 2, 2);
	assert_int_equal(FEED_IPFIX(), ERR_BAD_SET);
	assert_int_equal(seen.sets, 4);
	assert_int_equal(seen.templates, 2);
	assert_int_equal(seen.records, 4);
	assert_int_equal(seen.options, 1);
	assert_int_equal(seen.faults, 1);
	assert_int_equal(seen.fault, ERR_BAD_SET);
	assert_int_equal(seen.last_offset, f.m.len - 4);

	v5_begin(&f.m, &v5);
	v5_record(&f.m, 1);
	v5_record(&f.m, 2);
	assert_int_equal(feed(), 0);
	assert_int_equal(seen.records, 6);
	decoder_set_trace(f.d, NULL);
	assert_int_equal(feed(), 0);
	assert_int_equal(seen.records, 6);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_v5),
		TEST(test_v1),
		TEST(test_v7),
		TEST(test_v5_lengths),
		TEST(test_v5_without_sampling),
		TEST(test_several_templates_in_a_set),
		TEST(test_a_template_is_remembered),
		TEST(test_domains_are_apart),
		TEST(test_redefinition),
		TEST(test_withdrawals),
		TEST(test_enterprise_and_variable_fields),
		TEST(test_variable_fields_in_v9),
		TEST(test_reserved_enterprise_numbers),
		TEST(test_fields_of_no_length),
		TEST(test_empty_sets_do_not_wait),
		TEST(test_waiting_when_the_clock_is_set_back),
		TEST(test_padding_of_data_sets),
		TEST(test_padding_of_template_sets),
		TEST(test_padding_of_datagrams),
		TEST(test_bad_set_lengths),
		TEST(test_empty_sets),
		TEST(test_reserved_sets),
		TEST(test_bad_templates),
		TEST(test_faults_are_isolated),
		TEST(test_headers_cut_short),
		TEST(test_datagrams_cut_short),
		TEST(test_unknown_versions),
		TEST(test_v9_options_of_odd_lengths),
		TEST(test_v9_options_with_an_empty_scope),
		TEST(test_v9_scopes_are_no_elements),
		TEST(test_ipfix_options),
		TEST(test_sampling_in_the_record),
		TEST(test_sampling_of_the_whole_exporter),
		TEST(test_v9_sequence),
		TEST(test_v5_sequence),
		TEST(test_ipfix_sequence),
		TEST(test_time_sources),
		TEST(test_v9_uptimes),
		TEST(test_v9_uptimes_in_seconds),
		TEST(test_ipfix_uptimes),
		TEST(test_data_before_its_template),
		TEST(test_data_waits_for_its_own_domain),
		TEST(test_waiting_keeps_its_order),
		TEST(test_waiting_for_another_port),
		TEST(test_a_flood_of_waiting_data),
		TEST(test_a_greedy_exporter_waits_for_itself),
		TEST(test_due_and_given_up),
		TEST(test_data_waits_for_so_long),
		TEST(test_a_flood_of_domains),
		TEST(test_a_flood_of_templates),
		TEST(test_shared_values),
		TEST(test_trace),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
