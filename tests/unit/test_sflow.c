/* sFlow: a datagram with every record that is known, whole, cut at every octet, with each record
 * cut at every octet, and with each octet changed. Each stands in a block of its own size, so that
 * a read past its end is seen. */
#include "lib/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/base.h"
#include "lib/jsonl.h"
#include "tests/unit/build.h"

#define MAC_1                                                                                      \
	"020000000001"                                                                             \
	"0000"
#define MAC_2                                                                                      \
	"020000000002"                                                                             \
	"0000"
#define IPV4                                                                                       \
	"450000640001400040060000"                                                                 \
	"0a000001"                                                                                 \
	"0a000002"
#define TCP                                                                                        \
	"04d20050"                                                                                 \
	"00000001"                                                                                 \
	"00000002"                                                                                 \
	"50100200"                                                                                 \
	"00000000"
#define FRAME                                                                                      \
	"020000000002"                                                                             \
	"020000000001"                                                                             \
	"81006064"                                                                                 \
	"0800" IPV4 TCP /* 58 octets, and two of padding */
#define IP6_1 "20010db8000000000000000000000001"
#define IP6_2 "20010db8000000000000000000000002"
#define HOP                                                                                        \
	"00000001"                                                                                 \
	"c0000209"
#define HOP6 "00000002" IP6_1
#define ABC                                                                                        \
	"00000003"                                                                                 \
	"61626300" /* a string */

static const struct {
	uint32_t format;
	const char *hex;
	const char *said; /* a field that it alone fills */
} known[] = {
	{1,
		"00000001"
		"00000076"
		"00000004"
		"0000003a" FRAME "0000",
		"\"frame_size\":118"},
	{2, "0000005a" MAC_1 MAC_2 "00000800", "\"src_mac\":\"02:00:00:00:00:01\""},
	{3,
		"0000004c"
		"00000006"
		"0a000003"
		"0a000004"
		"000003e8"
		"000007d0"
		"00000002"
		"00000008",
		"\"src_ip\":\"10.0.0.3\""},
	{4,
		"0000004c"
		"00000011" IP6_1 IP6_2 "00000035"
		"00000036"
		"00000000"
		"00000001",
		"\"dst_ip\":\"2001:db8::2\""},
	{1001,
		"0000001e"
		"00000002"
		"00000028"
		"00000000",
		"\"dst_vlan\":40"},
	{1002,
		HOP "00000018"
		    "00000019",
		"\"dst_mask\":25"},
	{1002,
		HOP6 "00000040"
		     "00000030",
		"\"dst_mask\":48"},
	{1003,
		HOP "0000fbf4"
		    "0000fbf5"
		    "0000fbf6"
		    "00000002"
		    "00000002"
		    "00000002"
		    "0000fde8"
		    "0000fde9"
		    "00000001"
		    "00000001"
		    "0000fdf2"
		    "00000002"
		    "fde80064"
		    "00010000"
		    "00000096",
		"\"local_pref\":150"},
	{1004, "0000006a" ABC "0000006a" ABC, "\"dst_user_name\":\"abc\""},
	{1006,
		HOP "00000002"
		    "05dc1000"
		    "00010140"
		    "00000001"
		    "05dc2000",
		"\"mpls_label_2\":16"},
	{1007, HOP HOP6, "\"xlate_dst_ip\":\"2001:db8::1\""},
	{1012,
		"00000003"
		"88902020"
		"81000001"
		"81000002",
		"\"src_cvlan\":1"},
	{1014,
		ABC MAC_1 "00000004"
			  "00000024"
			  "00000000"
			  "00000001"
			  "00000000"
			  "00000000"
			  "00000000",
		"\"wlan_ssid\":\"abc\""},
	{1015,
		ABC MAC_1 "00000004"
			  "00000001",
		"\"wlan_ssid\":\"abc\""},
	{1020,
		"00000fa0"
		"00000fa1",
		"\"xlate_dst_port\":4001"},
	{1021, "0000005a" MAC_1 MAC_2 "00000800", "\"post_dst_mac\":\"02:00:00:00:00:02\""},
	{1022, "0000005a" MAC_1 MAC_2 "00000800", "\"sflow0:id1022\""},
	{1023,
		"00000064"
		"0000002f"
		"c0000214"
		"c0000215"
		"00000000"
		"00000000"
		"00000000"
		"00000000",
		"\"outer_protocol\":47"},
	{1024,
		"00000064"
		"00000004"
		"c0000214"
		"c0000215"
		"00000000"
		"00000000"
		"00000000"
		"00000000",
		"\"outer_protocol\":4"},
	{1025,
		"00000064"
		"00000029" IP6_1 IP6_2 "00000000"
		"00000000"
		"00000000"
		"00000000",
		"\"outer_src_ip\":\"2001:db8::1\""},
	{1026,
		"00000064"
		"00000029" IP6_1 IP6_2 "00000000"
		"00000000"
		"00000000"
		"00000000",
		"\"outer_dst_ip\":\"2001:db8::2\""},
	{1029, "00001388", "\"l2_segment\":72057594037932936"},
	{1030, "00001388", "\"l2_segment\":72057594037932936"},
	{1036, "00000007", "\"egress_queue\":7"},
	{1038, ABC, "\"drop_name\":\"abc\""},
	{1039, "00000009", "\"transit_delay\":9"},
	{1040, "00000008", "\"queue_depth\":8"},
	{1041, ABC ABC, "\"drop_name\":\"abc\""},
	{1042, ABC, "\"drop_name\":\"abc\""},
	{1043, "17979cfe362a0000", "\"event_time\":"},
	{2206, ABC ABC, "\"sflow0:id2206\":{\"hex\":\"00000003616263000000000361626300\"}"},
	{0x1238 << 12 | 1, "deadbeef", "\"sflow4664:id1\":{\"hex\":\"deadbeef\"}"},
};

#define LINES 64 /* more samples than any datagram here has */

/* A decoder, the lines that it emitted since the last feed, and the datagram in hand. */
static struct {
	struct decoder *d;
	size_t count;
	char line[LINES][8192];
	bool inner;
	struct build m;
} f;

static void emit(void *ctx, const struct record *r)
{
	static char line[JSONL_LINE_MAX];
	size_t len = jsonl_write(r, line, sizeof line);
	assert_ptr_equal(ctx, &f);
	assert_true(f.count < LINES && len < sizeof f.line[0]);
	memcpy(f.line[f.count], line, len);
	f.line[f.count++][len] = '\0';
}

static int setup(void **state)
{
	const struct decoder_config config = {.state_max = DECODER_STATE_MAX,
		.exporter_max = DECODER_EXPORTER_MAX,
		.wait_max = 1024,
		.wait_ns = NS_PER_S,
		.seed = 1,
		.inner = f.inner};
	(void)state;
	f.d = decoder_new(&config, emit, &f);
	assert_non_null(f.d);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	decoder_free(f.d);
	return 0;
}

static int feed(size_t len, bool truncated)
{
	static const uint8_t address[] = {192, 0, 2, 1};
	uint8_t *bytes = malloc(len ? len : 1);
	assert_non_null(bytes);
	memcpy(bytes, f.m.b, len);
	struct datagram dg = {.received = {NS_PER_S, 9},
		.src = ip_from4(address),
		.src_port = 2000,
		.data = bytes,
		.len = (uint32_t)len,
		.sent_len = (uint32_t)f.m.len,
		.truncated = truncated};
	f.count = 0;
	int err = decode(f.d, &dg);
	free(bytes);
	return err;
}

static uint8_t digit(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static void put_hex(const char *hex, size_t octets)
{
	for (size_t i = 0; i < octets; i++)
		put(&f.m, 1, (uint64_t)digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
}

static void begin(uint32_t samples)
{
	f.m.len = 0;
	put(&f.m, 4, 5);
	put_hex(HOP, 8);
	put(&f.m, 4, 0); /* sub-agent */
	put(&f.m, 4, 1);
	put(&f.m, 4, 5000);
	put(&f.m, 4, samples);
}

static size_t begin_sample(uint32_t format, uint32_t records)
{
	put(&f.m, 4, format);
	size_t at = f.m.len;
	put(&f.m, 4, 0);
	put(&f.m, 4, 1);
	put(&f.m, 4, 3);
	put(&f.m, 4, 512);
	put(&f.m, 4, 9000);
	put(&f.m, 4, 0);
	put(&f.m, 4, 3);
	put(&f.m, 4, 4);
	put(&f.m, 4, records);
	return at;
}

static void end_sample(size_t at)
{
	patch(&f.m, at, 4, f.m.len - at - 4);
}

static void put_record(size_t i, size_t octets)
{
	put(&f.m, 4, known[i].format);
	put(&f.m, 4, octets);
	put_hex(known[i].hex, octets);
}

static size_t octets_of(size_t i)
{
	return strlen(known[i].hex) / 2;
}

/* Each record in a sample of its own, and all of them together, with the header last. */
static void put_all(void)
{
	begin(LEN(known) + 1);
	for (size_t i = 0; i < LEN(known); i++) {
		size_t at = begin_sample(1, 1);
		put_record(i, octets_of(i));
		end_sample(at);
	}
	size_t at = begin_sample(1, LEN(known));
	for (size_t i = LEN(known); i-- > 0;)
		put_record(i, octets_of(i));
	end_sample(at);
}

static void test_records(void **state)
{
	(void)state;
	put_all();
	assert_int_equal(feed(f.m.len, false), 0);
	assert_int_equal(f.count, LEN(known) + 1);
	for (size_t i = 0; i < LEN(known); i++)
		if (!strstr(f.line[i], known[i].said))
			fail_msg("%u: no %s in %s", known[i].format, known[i].said, f.line[i]);
	/* the header says more than the others, though it is last */
	assert_non_null(strstr(f.line[LEN(known)], "\"src_ip\":\"10.0.0.1\""));
	assert_non_null(strstr(f.line[LEN(known)], "\"in_bytes\":118"));
}

/* What stands whole in front of the cut is decoded the same, and what is cut is counted. */
static void test_cuts(void **state)
{
	static char whole[LINES][sizeof f.line[0]];
	(void)state;
	put_all();
	feed(f.m.len, false);
	memcpy(whole, f.line, sizeof whole);
	for (size_t len = 4; len < f.m.len; len++) {
		assert_int_not_equal(feed(len, false), 0);
		size_t before = f.count;
		assert_true(before <= LEN(known));
		/* the number of the datagram's sequence is told the same again: all are equal but
		 * the first */
		for (size_t i = 0; i < before; i++)
			assert_string_equal(f.line[i], whole[i]);
		assert_int_equal(feed(len, true), ERR_TRUNCATED);
		assert_int_equal(f.count, before);
	}
}

/* A record that is cut leaves fields out, and changes none, nor what stands behind it. */
static void test_cut_records(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(known); i++)
		for (size_t len = 0; len <= octets_of(i); len++) {
			begin(2);
			size_t at = begin_sample(1, 2);
			put_record(i, len);
			put_record(4, octets_of(4)); /* of the switch */
			end_sample(at);
			at = begin_sample(1, 0);
			end_sample(at);
			if (feed(f.m.len, false) != 0 || f.count != 2)
				fail_msg("%u: cut to %zu octets", known[i].format, len);
			assert_non_null(strstr(f.line[0], "\"dst_vlan\":40"));
			assert_null(strstr(f.line[1], "dst_vlan"));
		}
}

/* Whatever an octet is: no more records come out than there are samples, and the ledger adds up. */
static void test_changes(void **state)
{
	(void)state;
	put_all();
	for (size_t at = 0; at < f.m.len; at++) {
		uint8_t octet = f.m.b[at];
		static const uint8_t changes[] = {0x01, 0x80, 0xff};
		for (size_t i = 0; i < LEN(changes); i++) {
			f.m.b[at] = octet ^ changes[i];
			feed(f.m.len, false);
			assert_true(f.count <= LEN(known) + 1);
		}
		f.m.b[at] = octet;
	}
	const struct decode_counts *c = decoder_counts(f.d);
	uint64_t sum = c->decoded + c->waiting;
	for (size_t i = 0; i < LEN(c->undecodable); i++)
		sum += c->undecodable[i];
	assert_int_equal(sum, 3 * f.m.len);
}

static uint64_t met(enum quirk quirk)
{
	static const uint8_t address[] = {192, 0, 2, 1};
	struct ip ip = ip_from4(address);
	return exporters_find(decoder_exporters(f.d), &ip)->quirks[quirk];
}

static void test_quirks(void **state)
{
	(void)state;
	put_all();
	assert_int_equal(feed(f.m.len, false), 0);
	assert_int_equal(met(QUIRK_UNPADDED_MAC), 0);
	assert_int_equal(met(QUIRK_LONG_SAMPLE), 0);
	begin(1);
	size_t at = begin_sample(1, 1);
	put(&f.m, 4, 2);
	put(&f.m, 4, 20);
	put_hex("0000005a"
		"020000000001"
		"020000000002"
		"00000800",
		20);
	put(&f.m, 4, 0); /* told of and there, but no record's */
	end_sample(at);
	assert_int_equal(feed(f.m.len, false), 0);
	assert_non_null(strstr(f.line[0], "\"dst_mac\":\"02:00:00:00:00:02\""));
	assert_non_null(strstr(f.line[0], "\"ether_type\":2048"));
	assert_int_equal(met(QUIRK_UNPADDED_MAC), 1);
	assert_int_equal(met(QUIRK_LONG_SAMPLE), 1);
}

/* Numbers of records, samples, segments, labels and octets as large as they can be told. */
static void test_greed(void **state)
{
	static const char *const greedy[] = {
		HOP "00000001"
		    "00000002"
		    "00000003"
		    "ffffffff"
		    "00000002"
		    "00000000", /* a path */
		HOP "00000001"
		    "00000002"
		    "00000003"
		    "00000001"
		    "00000002"
		    "ffffffff"
		    "00000001",
		HOP "00000001"
		    "00000002"
		    "00000003"
		    "00000000"
		    "ffffffff"
		    "00010000",
		HOP "ffffffff"
		    "00000001",
		"ffffffff"
		"ffffffff"
		"ffffffff"
		"ffffffff",
	};
	static const uint32_t formats[] = {1, 1003, 1004, 1006, 1007, 1012, 1014, 1038, 1041};
	(void)state;
	for (size_t i = 0; i < LEN(greedy); i++)
		for (size_t k = 0; k < LEN(formats); k++) {
			begin(1);
			size_t at = begin_sample(1, 1);
			put(&f.m, 4, formats[k]);
			put(&f.m, 4, strlen(greedy[i]) / 2);
			put_hex(greedy[i], strlen(greedy[i]) / 2);
			end_sample(at);
			assert_int_equal(feed(f.m.len, false), 0);
			assert_int_equal(f.count, 1);
		}
	begin(UINT32_MAX);
	size_t at = begin_sample(1, UINT32_MAX);
	end_sample(at);
	assert_int_equal(feed(f.m.len, false), ERR_BAD_RECORD);
	assert_int_equal(f.count, 1);
}

static int setup_inner(void **state)
{
	f.inner = true;
	return setup(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_records, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cuts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut_records, setup, teardown),
		cmocka_unit_test_setup_teardown(test_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_quirks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_greed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_changes, setup_inner, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
