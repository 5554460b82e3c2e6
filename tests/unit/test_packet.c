#include "lib/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/base.h"
#include "lib/err.h"
#include "tests/unit/frames.h"

static const char hello[5] = "hello";

/* The UDP datagram of a frame, which is copied to a block of its own size: an overrun shows. */
static int datagram_of(uint32_t linktype, const struct frame *f, uint32_t len, struct datagram *d)
{
	static uint8_t payload[sizeof f->b];
	struct packet p;
	uint8_t *block = malloc(len + !len);
	assert_non_null(block);
	memcpy(block, f->b, len);
	int r = packet_ip(linktype, block, len, &p);
	if (r == 0)
		r = packet_udp(&p, d);
	if (r == 0) {
		memcpy(payload, d->data, d->len);
		d->data = payload;
	}
	free(block);
	return r;
}

static void add_hello4(struct frame *f)
{
	frame_ipv4(f, 17, 1, 0, 13);
	frame_udp(f, 5);
	frame_bytes(f, hello, 5);
}

static void add_hello6(struct frame *f)
{
	frame_ipv6(f, 17, 13);
	frame_udp(f, 5);
	frame_bytes(f, hello, 5);
}

static void assert_hello(uint32_t linktype, const struct frame *f)
{
	struct datagram d;
	assert_int_equal(datagram_of(linktype, f, f->len, &d), 0);
	assert_int_equal(d.src_port, 5000);
	assert_int_equal(d.dst_port, 2055);
	assert_int_equal(d.len, 5);
	assert_int_equal(d.sent_len, 5);
	assert_false(d.truncated);
	assert_memory_equal(d.data, hello, 5);
}

/* Frames of each link type: what stands before IP, and the type. */
static const struct link {
	uint32_t type;
	uint8_t len4, ipv4[44], len6, ipv6[44];
} links[] = {
	{LINKTYPE_NULL, 4, {2, 0, 0, 0}, 4, {30, 0, 0, 0}},
	{LINKTYPE_NULL, 4, {0, 0, 0, 2}, 4, {0, 0, 0, 10}},
	{LINKTYPE_LOOP, 4, {0, 0, 0, 2}, 4, {0, 0, 0, 24}},
	{LINKTYPE_ETHERNET, 14, {[12] = 8, 0}, 14, {[12] = 0x86, 0xdd}},
	{LINKTYPE_ETHERNET, 18, {[12] = 0x81, 0, 0, 5, 8, 0}, 18,
		{[12] = 0x81, 0, 0, 5, 0x86, 0xdd}},
	{LINKTYPE_ETHERNET, 22, {[12] = 0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 8, 0}, 22,
		{[12] = 0x91, 0, 0, 5, 0x81, 0, 0, 6, 0x86, 0xdd}},
	{LINKTYPE_RAW, 0, {0}, 0, {0}},
	{LINKTYPE_RAW_BSD, 0, {0}, 0, {0}},
	{LINKTYPE_RAW_OPENBSD, 0, {0}, 0, {0}},
	{LINKTYPE_IPV4, 0, {0}, 0, {0}},
	{LINKTYPE_LINUX_SLL, 16, {[14] = 8, 0}, 16, {[14] = 0x86, 0xdd}},
	{LINKTYPE_LINUX_SLL, 20, {[14] = 0x81, 0, 0, 5, 8, 0}, 20,
		{[14] = 0x81, 0, 0, 5, 0x86, 0xdd}},
	{LINKTYPE_LINUX_SLL2, 20, {8, 0}, 20, {0x86, 0xdd}},
};

static void test_link_types(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(links); i++) {
		struct frame f = {0}, g = {0};
		frame_bytes(&f, links[i].ipv4, links[i].len4);
		add_hello4(&f);
		assert_hello(links[i].type, &f);
		frame_bytes(&g, links[i].ipv6, links[i].len6);
		add_hello6(&g);
		assert_hello(links[i].type, &g);
	}
}

/* Whatever is cut off: an error, or a datagram that says that it was cut. */
static void test_every_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(links); i++) {
		struct frame f = {0};
		struct datagram d;
		frame_bytes(&f, links[i].ipv6, links[i].len6);
		add_hello6(&f);
		for (uint32_t len = 0; len < f.len; len++) {
			int r = datagram_of(links[i].type, &f, len, &d);
			if (len < f.len - 5) {
				assert_int_equal(r, ERR_TRUNCATED);
				continue;
			}
			assert_int_equal(r, 0);
			assert_true(d.truncated);
			assert_int_equal(d.len, 5 - (f.len - len));
			assert_int_equal(d.sent_len, 5);
		}
	}
}

static void test_padding_is_cut(void **state)
{
	struct frame f = {0};
	struct packet p;
	(void)state;
	frame_bytes(&f, links[3].ipv4, 14);
	add_hello4(&f);
	frame_put(&f, 8, UINT64_C(0xeeeeeeeeeeeeeeee));
	assert_hello(LINKTYPE_ETHERNET, &f);
	assert_int_equal(packet_ip(LINKTYPE_ETHERNET, f.b, f.len, &p), 0);
	assert_int_equal(p.len, 13);
	assert_int_equal(p.sent_len, 13);
}

/* Eight tags are passed over, nine are not IP. */
static void test_tags_are_bounded(void **state)
{
	(void)state;
	for (int tags = 7; tags <= 9; tags++) {
		struct frame f = {0};
		struct datagram d;
		frame_bytes(&f, links[3].ipv4, 12);
		for (int i = 0; i < tags; i++)
			frame_put(&f, 4, 0x81000005);
		frame_put(&f, 2, 0x0800);
		add_hello4(&f);
		assert_int_equal(
			datagram_of(LINKTYPE_ETHERNET, &f, f.len, &d), tags <= 8 ? 0 : ERR_NOT_IP);
	}
}

static void test_what_is_not_ip(void **state)
{
	static const uint8_t arp[14] = {[12] = 8, 6};
	static const uint8_t family[4] = {0, 0, 0, 7};
	struct datagram d;
	struct frame f = {0}, g = {0}, h = {0};
	(void)state;
	frame_bytes(&f, arp, sizeof arp);
	add_hello4(&f);
	assert_int_equal(datagram_of(LINKTYPE_ETHERNET, &f, f.len, &d), ERR_NOT_IP);
	frame_bytes(&g, family, sizeof family);
	add_hello4(&g);
	assert_int_equal(datagram_of(LINKTYPE_NULL, &g, g.len, &d), ERR_NOT_IP);
	assert_int_equal(datagram_of(LINKTYPE_LOOP, &g, g.len, &d), ERR_NOT_IP);
	frame_put(&h, 1, 0x50);
	assert_int_equal(datagram_of(LINKTYPE_RAW, &h, h.len, &d), ERR_NOT_IP);
	assert_int_equal(datagram_of(147, &h, h.len, &d), ERR_LINKTYPE);
	/* a little-endian family is for LINKTYPE_NULL alone */
	assert_int_equal(
		datagram_of(LINKTYPE_LOOP, &(struct frame){4, {2, 0, 0, 0}}, 4, &d), ERR_NOT_IP);
}

static void test_ipv4_options_and_addresses(void **state)
{
	struct frame f = {0};
	struct datagram d;
	char text[IP_TEXT_MAX];
	(void)state;
	frame_ipv4(&f, 17, 1, 0, 13 + 8);
	f.b[0] = 0x47; /* 8 bytes of options */
	frame_put(&f, 8, 0);
	frame_udp(&f, 5);
	frame_bytes(&f, hello, 5);
	assert_hello(LINKTYPE_RAW, &f);
	assert_int_equal(datagram_of(LINKTYPE_RAW, &f, f.len, &d), 0);
	assert_string_equal(ip_text(&d.src, text), "192.0.2.1");
	assert_string_equal(ip_text(&d.dst, text), "192.0.2.2");
}

/* Captured before the card cut it into segments, the total length is 0. */
static void test_length_zero_is_the_captured_length(void **state)
{
	struct frame f = {0}, g = {0};
	(void)state;
	add_hello4(&f);
	f.b[2] = f.b[3] = 0;
	assert_hello(LINKTYPE_RAW, &f);
	add_hello6(&g);
	g.b[4] = g.b[5] = 0;
	assert_hello(LINKTYPE_RAW, &g);
}

static void test_contradictions(void **state)
{
	struct frame f = {0};
	struct datagram d;
	(void)state;
	add_hello4(&f);
	f.b[0] = 0x44; /* a header of 16 bytes */
	assert_int_equal(datagram_of(LINKTYPE_RAW, &f, f.len, &d), ERR_BAD_PACKET);
	f.b[0] = 0x45;
	f.b[3] = 19; /* a total length shorter than the header */
	assert_int_equal(datagram_of(LINKTYPE_RAW, &f, f.len, &d), ERR_BAD_PACKET);
	f.b[3] = 24; /* too short for UDP */
	assert_int_equal(datagram_of(LINKTYPE_RAW, &f, f.len, &d), ERR_BAD_PACKET);
	f.b[3] = 33;
	f.b[25] = 7; /* a UDP length shorter than its header */
	assert_int_equal(datagram_of(LINKTYPE_RAW, &f, f.len, &d), ERR_BAD_PACKET);
	f.b[25] = 14; /* longer than the packet */
	assert_int_equal(datagram_of(LINKTYPE_RAW, &f, f.len, &d), ERR_BAD_PACKET);
	f.b[25] = 8; /* shorter than the packet is allowed */
	assert_int_equal(datagram_of(LINKTYPE_RAW, &f, f.len, &d), 0);
	assert_int_equal(d.len, 0);
	f.b[9] = 6;
	assert_int_equal(datagram_of(LINKTYPE_RAW, &f, f.len, &d), ERR_NOT_UDP);
}

/* Hop-by-hop, destination options, AH, and a fragment header of a whole packet (RFC 6946). */
static void test_ipv6_extension_headers(void **state)
{
	struct frame f = {0};
	struct packet p;
	(void)state;
	frame_ipv6(&f, 0, 8 + 16 + 12 + 8 + 13);
	frame_put(&f, 8, UINT64_C(0x3c00000000000000));
	frame_put(&f, 8, UINT64_C(0x3301000000000000));
	frame_put(&f, 8, 0);
	frame_put(&f, 8, UINT64_C(0x2c01000000000000));
	frame_put(&f, 4, 0);
	frame_fragment6(&f, 17, 9, 0, 0);
	frame_udp(&f, 5);
	frame_bytes(&f, hello, 5);
	assert_hello(LINKTYPE_RAW, &f);
	assert_int_equal(packet_ip(LINKTYPE_RAW, f.b, f.len, &p), 0);
	assert_false(p.fragment);
	for (uint32_t len = 40; len < f.len - 5; len++) {
		struct datagram d;
		assert_int_equal(datagram_of(LINKTYPE_RAW, &f, len, &d), ERR_TRUNCATED);
	}
	f.b[41] = 200; /* longer than the packet */
	assert_int_equal(packet_ip(LINKTYPE_RAW, f.b, f.len, &p), ERR_BAD_PACKET);
}

static void test_fragments_are_described(void **state)
{
	struct frame f = {0}, g = {0};
	struct packet p;
	(void)state;
	frame_ipv4(&f, 17, 77, 0x2000 | 3, 8);
	frame_put(&f, 8, 0);
	assert_int_equal(packet_ip(LINKTYPE_RAW, f.b, f.len, &p), 0);
	assert_true(p.fragment && p.more && !p.v6);
	assert_int_equal(p.fragment_offset, 24);
	assert_int_equal(p.fragment_id, 77);
	assert_int_equal(p.len, 8);

	/* behind a later fragment's header stands no header, whatever the number says */
	frame_ipv6(&g, 44, 16);
	frame_fragment6(&g, 60, 0x12345678, 1480, 0);
	frame_put(&g, 8, UINT64_MAX);
	assert_int_equal(packet_ip(LINKTYPE_RAW, g.b, g.len, &p), 0);
	assert_true(p.fragment && !p.more && p.v6);
	assert_int_equal(p.fragment_offset, 1480);
	assert_int_equal(p.fragment_id, 0x12345678);
	assert_int_equal(p.protocol, 60);
	assert_int_equal(p.len, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_link_types),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_padding_is_cut),
		cmocka_unit_test(test_tags_are_bounded),
		cmocka_unit_test(test_what_is_not_ip),
		cmocka_unit_test(test_ipv4_options_and_addresses),
		cmocka_unit_test(test_length_zero_is_the_captured_length),
		cmocka_unit_test(test_contradictions),
		cmocka_unit_test(test_ipv6_extension_headers),
		cmocka_unit_test(test_fragments_are_described),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
