#include "lib/proto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/proto_numbers.h"
#include "lib/stream.h"
#include "tests/unit/records.h"

static struct proto_writer *writer;
static struct proto_reader *reader;
static struct sample sample;
static struct record record;
static uint8_t message[2 * 1024 * 1024];
static uint64_t unknown;

static int setup(void **state)
{
	(void)state;
	writer = proto_writer_new();
	reader = proto_reader_new();
	sample_clear(&sample);
	unknown = 0;
	return writer && reader ? record_init(&record) : -1;
}

static int teardown(void **state)
{
	(void)state;
	proto_writer_free(writer);
	proto_reader_free(reader);
	record_release(&record);
	return 0;
}

/* Reads from a block of its own size. The record does not borrow from it. */
static int read_bytes(const void *bytes, size_t len)
{
	uint8_t *block = malloc(len ? len : 1);
	if (len)
		memcpy(block, bytes, len);
	int err = proto_read(reader, block, len, &record, &unknown);
	memset(block, 0xa5, len);
	free(block);
	return err;
}

static void check(const struct record *r)
{
	size_t len = proto_write(writer, r, false, message, sizeof message);
	assert_int_equal(read_bytes(message, len), 0);
	assert_int_equal(unknown, 0);
	assert_true(record_equal(r, &record));
}

static void test_each_field(void **state)
{
	(void)state;
	for (int id = 0; id < FIELD_COUNT; id++)
		for (uint64_t seed = 0; seed < 100; seed++) {
			struct dice d = {seed};
			sample_clear(&sample);
			sample_field(&sample, (enum field_id)id, &d);
			check(&sample.record);
		}
}

static void test_random_records(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 2000; seed++) {
		struct dice d = {seed};
		sample_random(&sample, &d);
		check(&sample.record);
		sample_full(&sample, &d);
		check(&sample.record);
	}
	sample_clear(&sample);
	check(&sample.record); /* nothing of those before is left */
}

/* Numbers that consumers were built with. A test that fails here has found a change that breaks
 * them. */
static void test_numbers(void **state)
{
	static const struct {
		int number;
		const char *name;
	} pinned[] = {
		{1, "received"},
		{2, "export_time"},
		{3, "exporter"},
		{4, "exporter_port"},
		{5, "version"},
		{6, "obs_domain"},
		{7, "engine_type"},
		{8, "engine_id"},
		{9, "template_id"},
		{10, "sequence"},
		{11, "sampling_rate"},
		{12, "sampling_source"},
		{13, "first_switched"},
		{14, "last_switched"},
		{15, "time_source"},
		{16, "src_ip"},
		{17, "dst_ip"},
		{18, "next_hop"},
		{19, "bgp_next_hop"},
		{20, "src_port"},
		{21, "dst_port"},
		{22, "protocol"},
		{23, "tos"},
		{24, "tcp_flags"},
		{25, "icmp_type"},
		{26, "icmp_code"},
		{27, "in_bytes"},
		{28, "in_pkts"},
		{29, "out_bytes"},
		{30, "out_pkts"},
		{31, "rev_bytes"},
		{32, "rev_pkts"},
		{33, "in_if"},
		{34, "out_if"},
		{35, "in_if_name"},
		{36, "out_if_name"},
		{37, "src_as"},
		{38, "dst_as"},
		{39, "src_mask"},
		{40, "dst_mask"},
		{41, "src_mac"},
		{42, "dst_mac"},
		{43, "src_vlan"},
		{44, "dst_vlan"},
		{45, "direction"},
		{46, "nat_event"},
		{47, "xlate_src_ip"},
		{48, "xlate_dst_ip"},
		{49, "xlate_src_port"},
		{50, "xlate_dst_port"},
		{51, "fw_event"},
		{52, "app_id"},
		{53, "app_name"},
		{54, "user_name"},
		{55, "vrf_in"},
		{56, "vrf_out"},
		{57, "flow_end_reason"},
		{58, "fwd_status"},
		{59, "ip_version"},
		{60, "sampler_id"},
		{61, "duration"},
		{62, "event_time"},
		{63, "flow_id"},
		{64, "flow_count"},
		{65, "ttl"},
		{66, "ether_type"},
		{67, "ttl_min"},
		{68, "ttl_max"},
		{69, "ip_len_min"},
		{70, "ip_len_max"},
		{71, "post_tos"},
		{72, "flow_label"},
		{73, "ipv6_ext_hdrs"},
		{74, "tcp_options"},
		{75, "ip_options"},
		{76, "tcp_window"},
		{77, "tcp_seq"},
		{78, "tcp_ack"},
		{79, "igmp_type"},
		{80, "frag_id"},
		{81, "frag_offset"},
		{82, "ip_flags"},
		{83, "post_src_mac"},
		{84, "post_dst_mac"},
		{85, "src_cvlan"},
		{86, "dst_cvlan"},
		{87, "vlan_priority"},
		{88, "phys_in_if"},
		{89, "phys_out_if"},
		{90, "biflow_direction"},
		{91, "prev_as"},
		{92, "next_as"},
		{93, "dropped_bytes"},
		{94, "dropped_pkts"},
		{95, "l2_bytes"},
		{96, "l2_segment"},
		{97, "obs_point"},
		{98, "sampling_algorithm"},
		{99, "rev_tos"},
		{100, "rev_tcp_flags"},
		{101, "nat_pool_id"},
		{102, "nat_pool_name"},
		{103, "nat_realm"},
		{104, "port_block_start"},
		{105, "port_block_end"},
		{106, "port_block_step"},
		{107, "port_block_size"},
		{108, "fw_ext_event"},
		{109, "wlan_ssid"},
		{110, "frame_size"},
	};
	(void)state;
	assert_true(FIELD_COUNT >= LEN(pinned));
	for (size_t i = 0; i < LEN(pinned); i++) {
		assert_int_equal(pinned[i].number, i + 1);
		assert_string_equal(fields[pinned[i].number - 1].name, pinned[i].name);
		assert_int_equal(PROTO_TAG(i), pinned[i].number);
	}
	assert_int_equal(PROTO_EXTRA, 1000);
	assert_int_equal(PROTO_DIGITS, 1024);
}

/* Bytes by hand, after the encoding's own description. */
static void test_bytes(void **state)
{
	static const uint8_t a1[] = {192, 0, 2, 1};
	static const uint8_t expected[] = {0x1a, 4, 192, 0, 2, 1, /* 3: exporter */
		0x20, 0x87, 0x10,                                 /* 4: exporter_port 2055 */
		0x70, 0x80, 0xa8, 0xd6, 0xb9, 0x07,               /* 14: last_switched, 2 s */
		0xf0, 0x40, 3};                                   /* 1038: its digits */
	struct record *r = &sample.record;
	(void)state;
	RECORD_SET(r, exporter, ip_from4(a1));
	RECORD_SET(r, exporter_port, 2055);
	RECORD_SET(r, last_switched, ((struct instant){2 * NS_PER_S, 3}));
	size_t len = proto_write(writer, r, true, message, sizeof message);
	assert_int_equal(len, sizeof expected + 1);
	assert_int_equal(message[0], sizeof expected);
	assert_memory_equal(message + 1, expected, sizeof expected);
	assert_int_equal(proto_write(writer, r, true, message, len - 1), 0);
	assert_int_equal(proto_write(writer, r, true, message, len), len);
	assert_int_equal(proto_write(writer, r, false, message, len - 1), len - 1);
	assert_int_equal(proto_write(writer, r, false, message, 0), 0);
}

#define READ(...) read_bytes((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void test_refused(void **state)
{
	(void)state;
	assert_int_equal(READ(0x1a, 4, 1, 2), ERR_PROTO_SYNTAX);          /* torn */
	assert_int_equal(READ(0x1a, 3, 1, 2, 3), ERR_PROTO_VALUE);        /* address of 3 bytes */
	assert_int_equal(READ(0x20, 0x80, 0x80, 0x04), ERR_PROTO_VALUE);  /* port 65536 */
	assert_int_equal(READ(0x28, 0x80, 0x02), ERR_PROTO_VALUE);        /* version 256 */
	assert_int_equal(READ(0x70, 1, 0xf0, 0x40, 4), ERR_PROTO_VALUE);  /* 4 digits */
	assert_int_equal(READ(0x70, 1, 0xf0, 0x40, 12), ERR_PROTO_VALUE); /* 12 digits */
	assert_int_equal(
		READ(0xc2, 0x3e, 4, 0x10, 0x80, 0x80, 0x04), ERR_PROTO_VALUE); /* element 65536 */
	assert_int_equal(READ(0x20, 0xff, 0xff, 0x03), 0);
	assert_int_equal(record.exporter_port, 65535);
}

static void test_unknown_numbers_are_counted(void **state)
{
	(void)state;
	assert_int_equal(
		READ(0x20, 7, 0xf8, 0x3e, 1, 0xc2, 0x3e, 2, 0x78, 1), 0); /* 1007; 15 of an extra */
	assert_int_equal(unknown, 2);
	assert_int_equal(record.exporter_port, 7);
	assert_int_equal(record.extra_count, 1);
}

static void test_most_extras(void **state)
{
	static struct extra extras[EXTRAS_MAX + 1];
	static const uint8_t bytes[40] = {1, 2, 3};
	struct record r = {.extras = extras, .extra_count = EXTRAS_MAX};
	(void)state;
	for (uint32_t i = 0; i <= EXTRAS_MAX; i++)
		extras[i] = (struct extra){UINT32_MAX, (uint16_t)i, sizeof bytes, bytes};
	check(&r);
	r.extra_count++;
	assert_int_equal(proto_write(writer, &r, false, message, sizeof message), 0);
	/* One more than that, and so many that there is no memory for them. */
	for (size_t i = 0; i + 3 <= sizeof message; i += 3)
		memcpy(message + i, "\xc2\x3e", 3);
	assert_int_equal(read_bytes(message, 3 * (EXTRAS_MAX + 1)), ERR_PROTO_VALUE);
	assert_int_equal(read_bytes(message, sizeof message / 3 * 3), ERR_PROTO_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_each_field, setup, teardown),
		cmocka_unit_test_setup_teardown(test_random_records, setup, teardown),
		cmocka_unit_test_setup_teardown(test_numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown_numbers_are_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_most_extras, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
