/* The inside of sampled packets. Each frame is also read cut at every octet: what is set must be
 * what the whole frame sets, and nothing behind the cut may be touched (each stands in a block of
 * its own size). */
#include "lib/dissect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/jsonl.h"
#include "tests/unit/frames.h"

#define SENT 1000 /* octets of payload that the outer headers tell of; much fewer are captured */

static char line[JSONL_LINE_MAX];

/* Dissects a copy of the first len octets. */
static uint32_t dissect_copy(
	struct record *r, enum dissect_link link, const struct frame *f, uint32_t len, bool inner)
{
	uint8_t *block = malloc(len + !len);
	assert_non_null(block);
	memcpy(block, f->b, len);
	uint32_t got = dissect(r, link, block, len, inner);
	free(block);
	return got;
}

/* Does a field's value depend on how many headers are there, so that a cut may change it? */
static bool counts_headers(enum field_id id, bool inner)
{
	return inner || id == FIELD_ipv6_ext_hdrs ||
	       (id >= FIELD_inner_src_ip && id <= FIELD_inner_dst_port);
}

static void check_cuts(enum dissect_link link, const struct frame *f, bool inner)
{
	struct record whole = {0};
	dissect_copy(&whole, link, f, f->len, inner);
	for (uint32_t len = 0; len < f->len; len++) {
		struct record cut = {0}, same = whole;
		dissect_copy(&cut, link, f, len, inner);
		for (enum field_id id = 0; id < FIELD_COUNT; id++) {
			if (counts_headers(id, inner))
				cut.present[id / 64] &= ~(UINT64_C(1) << id % 64);
			else if (record_has(&cut, id) && !record_has(&whole, id))
				fail_msg("%s is set of %u octets alone", fields[id].name, len);
		}
		memcpy(same.present, cut.present, sizeof same.present);
		if (!record_equal(&cut, &same))
			fail_msg("%u octets set other values", len);
	}
}

/* What a record has, as its JSON without quotes and braces. */
static const char *said(const struct record *r)
{
	size_t n = jsonl_write(r, line, sizeof line), kept = 0;
	for (size_t i = 0; i < n; i++)
		if (!strchr("\"{}\n", line[i]))
			line[kept++] = line[i];
	line[kept] = '\0';
	return line;
}

/* Compares the fields that a frame sets, and the length that dissect tells. */
static void check(enum dissect_link link, const struct frame *f, bool inner, uint32_t ip_len,
	const char *fields_set)
{
	struct record r = {0};
	check_cuts(link, f, false);
	check_cuts(link, f, true);
	assert_int_equal(dissect_copy(&r, link, f, f->len, inner), ip_len);
	assert_string_equal(said(&r), fields_set);
}

static void ether(struct frame *f, uint16_t type)
{
	frame_put(f, 6, 0x020000000002);
	frame_put(f, 6, 0x020000000001);
	frame_put(f, 2, type);
}

/* 192.0.2.host > 192.0.2.(host + 1) */
static void ip4(struct frame *f, uint8_t host, uint8_t protocol)
{
	frame_ipv4(f, protocol, 7, 0x4000, SENT);
	f->b[f->len - 5] = host;
	f->b[f->len - 1] = host + 1;
}

static void ip6(struct frame *f, uint8_t next)
{
	frame_ipv6(f, next, SENT);
}

static void tcp(struct frame *f)
{
	frame_put(f, 4, 0x01bbc000); /* 443 > 49152 */
	frame_put(f, 4, 1000);
	frame_put(f, 4, 2000);
	frame_put(f, 2, 0x5012); /* SYN, ACK */
	frame_put(f, 2, 4096);
	frame_put(f, 4, 0);
}

/* A whole frame, as it is in tunnels: 192.0.2.9 > 192.0.2.10. */
static void bridged(struct frame *f)
{
	ether(f, 0x0800);
	f->b[f->len - 3] = f->b[f->len - 9] = 0xee;
	ip4(f, 9, 6);
	tcp(f);
}

#define LEN4     (20 + SENT)
#define LEN6     (40 + SENT)
#define ENDS4    "src_ip:192.0.2.1,dst_ip:192.0.2.2,"
#define ENDS6    "src_ip:2001:db8::1,dst_ip:2001:db8::2,"
#define PORTS    "src_port:443,dst_port:49152,"
#define MACS     "src_mac:02:00:00:00:00:01,dst_mac:02:00:00:00:00:02,"
#define TCP      "protocol:6,tos:0,tcp_flags:18,"
#define TCP_REST "tcp_window:4096,tcp_seq:1000,tcp_ack:2000,"
#define V4       "ip_version:4,ttl:64,"
#define V6       "ip_version:6,ttl:64,"
#define ID4      "frag_id:7,frag_offset:0,ip_flags:64"
/* of what is inside the tunnels here */
#define INNER4                                                                                     \
	"inner_src_ip:192.0.2.9,inner_dst_ip:192.0.2.10,inner_protocol:6,inner_src_port:443,"      \
	"inner_dst_port:49152"

static void test_ethernet_ipv4_tcp(void **state)
{
	struct frame f = {0};
	(void)state;
	ether(&f, 0x0800);
	ip4(&f, 1, 6);
	tcp(&f);
	check(DISSECT_ETHERNET, &f, false, LEN4,
		ENDS4 PORTS TCP MACS V4 "ether_type:2048," TCP_REST ID4);
}

static void test_ipv6_udp(void **state)
{
	struct frame f = {0};
	(void)state;
	ip6(&f, 17);
	f.b[0] = 0x6a; /* traffic class 0xab, flow label 0xcdef1 */
	f.b[1] = 0xbc, f.b[2] = 0xde, f.b[3] = 0xf1;
	frame_udp_to(&f, 53, 100);
	check(DISSECT_IP, &f, false, LEN6,
		ENDS6 "src_port:5000,dst_port:53,protocol:17,tos:171," V6
		      "flow_label:843505,ipv6_ext_hdrs:0");
}

static void test_icmp_and_igmp(void **state)
{
	struct frame f = {0}, g = {0}, h = {0};
	(void)state;
	ip4(&f, 1, 1);
	frame_put(&f, 8, UINT64_C(0x0301000000000000));
	check(DISSECT_IP, &f, false, LEN4,
		ENDS4 "protocol:1,tos:0,icmp_type:3,icmp_code:1," V4 ID4);
	ip6(&g, 58);
	frame_put(&g, 8, UINT64_C(0x8000000000000000));
	check(DISSECT_IP, &g, false, LEN6,
		ENDS6 "protocol:58,tos:0,icmp_type:128,icmp_code:0," V6
		      "flow_label:0,ipv6_ext_hdrs:0");
	ip4(&h, 1, 2);
	frame_put(&h, 8, UINT64_C(0x1600000000000000));
	check(DISSECT_IP, &h, false, LEN4, ENDS4 "protocol:2,tos:0," V4 "igmp_type:22," ID4);
}

/* Ports of all that has them, and none of what has not. */
static void test_ports(void **state)
{
	static const struct {
		uint8_t protocol;
		bool ports;
	} of[] = {{17, true}, {33, true}, {132, true}, {136, true}, {50, false}, {51, false},
		{89, false}, {112, false}};
	(void)state;
	for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
		struct frame f = {0};
		struct record r = {0};
		ip4(&f, 1, of[i].protocol);
		frame_put(&f, 8, UINT64_C(0x0001000200080000));
		dissect_copy(&r, DISSECT_IP, &f, f.len, false);
		assert_int_equal(record_has(&r, FIELD_src_port), of[i].ports);
		assert_int_equal(record_has(&r, FIELD_dst_port), of[i].ports);
		assert_int_equal(r.protocol, of[i].protocol);
	}
}

static void test_vlans(void **state)
{
	static const uint16_t outer[] = {0x8100, 0x88a8, 0x9100, 0x9200};
	(void)state;
	for (size_t i = 0; i < sizeof outer / sizeof *outer; i++) {
		struct frame f = {0}, g = {0};
		ether(&f, outer[i]);
		frame_put(&f, 2, 0xa000 | 231); /* priority 5 */
		frame_put(&f, 2, 0x0800);
		ip4(&f, 1, 6);
		tcp(&f);
		check(DISSECT_ETHERNET, &f, false, LEN4,
			ENDS4 PORTS TCP MACS "src_vlan:231," V4 "ether_type:2048," TCP_REST ID4
					     ",vlan_priority:5");
		ether(&g, outer[i]);
		frame_put(&g, 4, 0x00648100);
		frame_put(&g, 4, 0x00c886dd);
		ip6(&g, 6);
		tcp(&g);
		check(DISSECT_ETHERNET, &g, false, LEN6,
			ENDS6 PORTS TCP MACS
			"src_vlan:100," V6 "ether_type:34525,flow_label:0,ipv6_ext_hdrs:0," TCP_REST
			"src_cvlan:200,vlan_priority:0");
	}
}

static void test_what_is_not_ip(void **state)
{
	struct frame arp = {0}, llc = {0}, tags = {0}, version = {0};
	(void)state;
	ether(&arp, 0x0806);
	frame_put(&arp, 8, 0x0001080006040001);
	check(DISSECT_ETHERNET, &arp, false, 0, MACS "ether_type:2054");
	ether(&llc, 38); /* a length */
	frame_put(&llc, 8, 0x4242030000000000);
	check(DISSECT_ETHERNET, &llc, false, 0,
		"src_mac:02:00:00:00:00:01,dst_mac:02:00:00:00:00:02");
	ether(&tags, 0x8100);
	for (int i = 0; i < 12; i++)
		frame_put(&tags, 4, 0x00018100);
	check(DISSECT_ETHERNET, &tags, false, 0,
		MACS "src_vlan:1,ether_type:33024,src_cvlan:1,vlan_priority:0");
	frame_put(&version, 8, 0x5500000000000000);
	frame_put(&version, 8, 0);
	frame_put(&version, 8, 0);
	check(DISSECT_IP, &version, false, 0, "");
}

static void test_ipv4_options_and_padding(void **state)
{
	struct frame f = {0}, g = {0};
	(void)state;
	ip4(&f, 1, 6);
	f.b[0] = 0x47;
	f.b[1] = 0xb8;
	frame_put(&f, 8, 0x9404000000000000);
	tcp(&f);
	check(DISSECT_IP, &f, false, LEN4,
		ENDS4 PORTS "protocol:6,tos:184,tcp_flags:18," V4 TCP_REST ID4);
	/* what is behind the packet is none of it */
	ether(&g, 0x0800);
	frame_ipv4(&g, 17, 7, 0x4000, 2);
	frame_put(&g, 8, UINT64_C(0x1111222233334444));
	check(DISSECT_ETHERNET, &g, false, 22,
		ENDS4 "protocol:17,tos:0," MACS V4 "ether_type:2048," ID4);
}

/* A header shorter than its least, or longer than its packet. */
static void test_ipv4_that_contradicts_itself(void **state)
{
	struct frame f = {0}, zero = {0};
	(void)state;
	ip4(&f, 1, 6);
	tcp(&f);
	f.b[0] = 0x44;
	check(DISSECT_IP, &f, false, 0, "");
	f.b[0] = 0x45;
	f.b[2] = 0, f.b[3] = 19;
	check(DISSECT_IP, &f, false, 0, "");
	/* a length left to the sender's card */
	ip4(&zero, 1, 6);
	tcp(&zero);
	zero.b[2] = zero.b[3] = 0;
	check(DISSECT_IP, &zero, false, 0, ENDS4 PORTS TCP V4 TCP_REST ID4);
}

static void test_ipv4_fragments(void **state)
{
	struct frame first = {0}, later = {0};
	(void)state;
	frame_ipv4(&first, 6, 9, 0x2000, SENT);
	tcp(&first);
	check(DISSECT_IP, &first, false, LEN4,
		ENDS4 PORTS TCP V4 TCP_REST "frag_id:9,frag_offset:0,ip_flags:32");
	frame_ipv4(&later, 6, 9, 185, SENT);
	tcp(&later);
	check(DISSECT_IP, &later, false, LEN4,
		ENDS4 "protocol:6,tos:0," V4 "frag_id:9,frag_offset:185,ip_flags:0");
}

/* Hop-by-hop, destination options, a routing header of type 2, AH, and mobility and others by their
 * bits. */
static void test_ipv6_extension_headers(void **state)
{
	struct frame f = {0};
	(void)state;
	ip6(&f, 0);
	frame_put(&f, 8, UINT64_C(0x3c00000000000000));
	frame_put(&f, 8, UINT64_C(0x2b01000000000000));
	frame_put(&f, 8, 0);
	frame_put(&f, 8, UINT64_C(0x3302020000000000));
	frame_put(&f, 8, 0);
	frame_put(&f, 8, 0);
	frame_put(&f, 8, UINT64_C(0x0601000000000000));
	frame_put(&f, 4, 0);
	tcp(&f);
	check(DISSECT_IP, &f, false, LEN6,
		ENDS6 PORTS TCP V6 "flow_label:0,ipv6_ext_hdrs:16419,"
				   "tcp_window:4096,tcp_seq:1000,tcp_ack:2000");
}

static void test_ipv6_fragments(void **state)
{
	struct frame first = {0}, later = {0};
	(void)state;
	ip6(&first, 44);
	frame_fragment6(&first, 6, 0x12345678, 0, 1);
	tcp(&first);
	check(DISSECT_IP, &first, false, LEN6,
		ENDS6 PORTS TCP V6 "flow_label:0,ipv6_ext_hdrs:16," TCP_REST
				   "frag_id:305419896,frag_offset:0,ip_flags:32");
	ip6(&later, 44);
	frame_fragment6(&later, 6, 0x12345678, 1480, 0);
	tcp(&later);
	check(DISSECT_IP, &later, false, LEN6,
		ENDS6 "protocol:6,tos:0," V6 "flow_label:0,ipv6_ext_hdrs:64,"
		      "frag_id:305419896,frag_offset:185,ip_flags:0");
}

static void label(struct frame *f, uint32_t value, bool bottom)
{
	frame_put(f, 4, value << 12 | 3 << 9 | (bottom ? 0x100 : 0) | 250);
}

#define LABELLED "ether_type:34887,"
#define LABELS   "mpls_label_1:16,mpls_label_2:1048575,mpls_exp:3,mpls_ttl:250"

static void test_mpls_and_ip(void **state)
{
	struct frame f = {0}, g = {0};
	(void)state;
	ether(&f, 0x8847);
	label(&f, 16, false);
	label(&f, 0xfffff, true);
	ip4(&f, 1, 6);
	tcp(&f);
	check(DISSECT_ETHERNET, &f, false, LEN4,
		ENDS4 PORTS TCP MACS V4 LABELLED TCP_REST ID4 "," LABELS);
	for (uint32_t i = 1; i < 9; i++) /* more than there are fields */
		label(&g, i, i == 8);
	ip6(&g, 6);
	tcp(&g);
	check(DISSECT_MPLS, &g, false, LEN6,
		ENDS6 PORTS TCP V6 "flow_label:0,ipv6_ext_hdrs:0," TCP_REST
				   "mpls_label_1:1,mpls_label_2:2,mpls_label_3:3,mpls_label_4:4,"
				   "mpls_label_5:5,mpls_label_6:6,mpls_exp:3,mpls_ttl:250");
}

/* The MAC addresses are those of the frame that was sampled. */
static void test_ethernet_over_mpls(void **state)
{
	static const struct {
		bool word;
		uint32_t value;
		uint8_t first; /* of the carried frame's destination address */
	} of[] = {{true, 0, 0x02}, {true, 0x1234, 0x02}, {true, 0, 0x40}, {false, 0, 0x02},
		{false, 0, 0xee}, {false, 0, 0x00}};
	(void)state;
	for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
		struct frame f = {0};
		ether(&f, 0x8847);
		label(&f, 16, false);
		label(&f, 0xfffff, true);
		if (of[i].word)
			frame_put(&f, 4, of[i].value);
		uint32_t carried = f.len;
		ether(&f, 0x8100);
		f.b[carried] = of[i].first;
		frame_put(&f, 4, 0x00050800);
		ip4(&f, 1, 6);
		tcp(&f);
		check(DISSECT_ETHERNET, &f, false, LEN4,
			ENDS4 PORTS TCP MACS V4 LABELLED TCP_REST ID4 "," LABELS ",tunnel:eompls");
	}
}

/* Where an Ethertype would be with a control word and where one would be without stand octets that
 * could be either. */
static void test_ethernet_over_mpls_that_could_be_two(void **state)
{
	struct frame bare = {0}, worded = {0};
	(void)state;
	ether(&bare, 0x8847);
	label(&bare, 16, false);
	label(&bare, 0xfffff, true);
	ether(&bare, 0x0800);
	uint32_t ip = bare.len;
	ip4(&bare, 1, 6);
	bare.b[ip + 2] = 8, bare.b[ip + 3] = 0; /* the length */
	tcp(&bare);
	check(DISSECT_ETHERNET, &bare, false, 0x0800,
		ENDS4 PORTS TCP MACS V4 LABELLED TCP_REST ID4 "," LABELS ",tunnel:eompls");

	ether(&worded, 0x8847);
	label(&worded, 16, false);
	label(&worded, 0xfffff, true);
	frame_put(&worded, 4, 0);
	ether(&worded, 0x0800);
	worded.b[worded.len - 6] = 8,
			      worded.b[worded.len - 5] = 0; /* of the source's MAC address */
	ip4(&worded, 1, 6);
	tcp(&worded);
	check(DISSECT_ETHERNET, &worded, false, LEN4,
		ENDS4 PORTS TCP MACS V4 LABELLED TCP_REST ID4 "," LABELS ",tunnel:eompls");
}

/* Neither IP nor a frame of a known type: an associated channel (RFC 5586), or anything. */
static void test_mpls_and_what_is_not_known(void **state)
{
	struct frame f = {0};
	(void)state;
	ether(&f, 0x8848);
	label(&f, 13, true);
	frame_put(&f, 4, 0x10000021);
	for (int i = 0; i < 4; i++)
		frame_put(&f, 8, UINT64_C(0x0101010101010101));
	check(DISSECT_ETHERNET, &f, false, 0,
		MACS "ether_type:34888,mpls_label_1:13,mpls_exp:3,mpls_ttl:250");
}

/* Ends of a tunnel whose outer header is IPv4 with UDP to a port. */
#define OUTER_UDP(port)                                                                            \
	"outer_src_ip:192.0.2.1,outer_dst_ip:192.0.2.2,outer_protocol:17,outer_src_port:5000,"     \
	"outer_dst_port:" port ","
#define OUTER4(protocol)                                                                           \
	"outer_src_ip:192.0.2.1,outer_dst_ip:192.0.2.2,outer_protocol:" protocol ","
#define FLOW_UDP(port) ENDS4 "src_port:5000,dst_port:" port ",protocol:17,tos:0,"
#define FLOW_INNER     "src_ip:192.0.2.9,dst_ip:192.0.2.10," PORTS TCP

static void test_vxlan(void **state)
{
	struct frame f = {0}, g = {0};
	(void)state;
	ether(&f, 0x0800);
	ip4(&f, 1, 17);
	frame_udp_to(&f, 4789, SENT);
	frame_put(&f, 4, 0x08000000);
	frame_put(&f, 4, 0x12345600);
	bridged(&f);
	check(DISSECT_ETHERNET, &f, false, LEN4,
		FLOW_UDP("4789") MACS V4
		"ether_type:2048," ID4
		",l2_segment:72057594039120982,tunnel:vxlan,tunnel_id:1193046," OUTER_UDP("4789")
			INNER4);
	check(DISSECT_ETHERNET, &f, true, LEN4,
		FLOW_INNER MACS V4
		"ether_type:2048," TCP_REST ID4
		",l2_segment:72057594039120982,tunnel:vxlan,tunnel_id:1193046," OUTER_UDP("4789")
			INNER4);
	f.b[42] = 0; /* without the flag that says so it has no VNI */
	check(DISSECT_ETHERNET, &f, false, LEN4, FLOW_UDP("4789") MACS V4 "ether_type:2048," ID4);
	ip4(&g, 1, 17);
	frame_udp_to(&g, 8472, SENT);
	frame_put(&g, 8, UINT64_C(0x0800000000000100));
	bridged(&g);
	check(DISSECT_IP, &g, false, LEN4,
		FLOW_UDP("8472") V4 ID4
		",l2_segment:72057594037927937,tunnel:vxlan,tunnel_id:1," OUTER_UDP("8472") INNER4);
}

static void test_geneve(void **state)
{
	struct frame f = {0}, g = {0};
	(void)state;
	ip4(&f, 1, 17);
	frame_udp_to(&f, 6081, SENT);
	frame_put(&f, 8, UINT64_C(0x0240655800000500));
	frame_put(&f, 8, UINT64_C(0x0102800111223344)); /* an option */
	bridged(&f);
	check(DISSECT_IP, &f, false, LEN4,
		FLOW_UDP("6081") V4 ID4 ",tunnel:geneve,tunnel_id:5," OUTER_UDP("6081") INNER4);
	ip4(&g, 1, 17);
	frame_udp_to(&g, 6081, SENT);
	frame_put(&g, 8, UINT64_C(0x0000080000000600));
	ip4(&g, 9, 6);
	tcp(&g);
	check(DISSECT_IP, &g, true, LEN4,
		FLOW_INNER V4 TCP_REST ID4 ",tunnel:geneve,tunnel_id:6," OUTER_UDP("6081") INNER4);
	g.b[28] = 0x40; /* a version that is not known */
	check(DISSECT_IP, &g, true, LEN4, FLOW_UDP("6081") V4 ID4);
}

static void test_gtp(void **state)
{
	struct frame f = {0}, g = {0};
	(void)state;
	ip4(&f, 1, 17);
	frame_udp_to(&f, 2152, SENT);
	frame_put(&f, 8, UINT64_C(0x30ff006400000007));
	ip4(&f, 9, 6);
	tcp(&f);
	check(DISSECT_IP, &f, false, LEN4,
		FLOW_UDP("2152") V4 ID4 ",tunnel:gtp,tunnel_id:7," OUTER_UDP("2152") INNER4);
	f.b[29] = 1; /* an echo request */
	check(DISSECT_IP, &f, false, LEN4, FLOW_UDP("2152") V4 ID4);

	/* a sequence number and two extension headers, the second of eight octets */
	ip4(&g, 1, 17);
	frame_udp_to(&g, 2152, SENT);
	frame_put(&g, 8, UINT64_C(0x36ff006400000007));
	frame_put(&g, 4, 0x00010085);
	frame_put(&g, 4, 0x01000085);
	frame_put(&g, 8, UINT64_C(0x0200000000000000));
	ip4(&g, 9, 6);
	tcp(&g);
	check(DISSECT_IP, &g, false, LEN4,
		FLOW_UDP("2152") V4 ID4 ",tunnel:gtp,tunnel_id:7," OUTER_UDP("2152") INNER4);
	g.b[40] = 0; /* an extension header of no length */
	check(DISSECT_IP, &g, false, LEN4, FLOW_UDP("2152") V4 ID4 ",tunnel:gtp,tunnel_id:7");
}

static void test_gre(void **state)
{
	struct frame plain = {0}, full = {0}, other = {0};
	(void)state;
	ip4(&plain, 1, 47);
	frame_put(&plain, 4, 0x00000800);
	ip4(&plain, 9, 6);
	tcp(&plain);
	check(DISSECT_IP, &plain, false, LEN4,
		ENDS4 "protocol:47,tos:0," V4 ID4 ",tunnel:gre," OUTER4("47") INNER4);
	ip4(&full, 1, 47);
	frame_put(&full, 4, 0xb0006558); /* checksum, key and sequence number; Ethernet */
	frame_put(&full, 4, 0x11112222);
	frame_put(&full, 4, 3000000000);
	frame_put(&full, 4, 1);
	bridged(&full);
	check(DISSECT_IP, &full, true, LEN4,
		FLOW_INNER V4 TCP_REST ID4 ",tunnel:gre,tunnel_id:3000000000," OUTER4("47") INNER4);
	full.b[20] = 0xf0; /* source routes */
	check(DISSECT_IP, &full, true, LEN4, ENDS4 "protocol:47,tos:0," V4 ID4);
	ip4(&other, 1, 47);
	frame_put(&other, 4, 0x2001880b); /* PPTP */
	frame_put(&other, 8, 0);
	check(DISSECT_IP, &other, true, LEN4, ENDS4 "protocol:47,tos:0," V4 ID4);
}

static void test_ip_in_ip(void **state)
{
	struct frame f = {0}, g = {0};
	(void)state;
	ip4(&f, 1, 4);
	ip4(&f, 9, 6);
	tcp(&f);
	check(DISSECT_IP, &f, false, LEN4,
		ENDS4 "protocol:4,tos:0," V4 ID4 ",tunnel:ipip," OUTER4("4") INNER4);
	ip4(&g, 1, 41);
	ip6(&g, 6);
	tcp(&g);
	check(DISSECT_IP, &g, true, LEN6,
		ENDS6 PORTS TCP V6 "flow_label:0,ipv6_ext_hdrs:0," TCP_REST "tunnel:ip6," OUTER4(
			"41") "inner_src_ip:2001:db8::1,inner_dst_ip:2001:db8::2,inner_protocol:6,"
			      "inner_src_port:443,inner_dst_port:49152");
}

#define FLOW6(protocol, extensions)                                                                \
	ENDS6 "protocol:" protocol ",tos:0," V6 "flow_label:0,ipv6_ext_hdrs:" extensions ","
#define OUTER6(protocol)                                                                           \
	"outer_src_ip:2001:db8::1,outer_dst_ip:2001:db8::2,outer_protocol:" protocol ","

static void test_segment_routing(void **state)
{
	struct frame f = {0}, g = {0};
	(void)state;
	ip6(&f, 43);
	frame_put(&f, 8, UINT64_C(0x0404040101000000)); /* IPv4 follows; two segments */
	for (int i = 0; i < 4; i++)
		frame_put(&f, 8, i % 2 ? 5 : UINT64_C(0x20010db800000000));
	ip4(&f, 9, 6);
	tcp(&f);
	check(DISSECT_IP, &f, false, LEN6, FLOW6("4", "32") "tunnel:srv6," OUTER6("4") INNER4);
	ip6(&g, 143); /* with one segment there is no such header (RFC 8986, 5.1.1) */
	bridged(&g);
	check(DISSECT_IP, &g, false, LEN6, FLOW6("143", "0") "tunnel:srv6," OUTER6("143") INNER4);
}

/* The first and the last header count, the outermost tunnel is named. */
static void test_tunnels_in_tunnels(void **state)
{
	struct frame f = {0};
	(void)state;
	ip6(&f, 41);
	ip4(&f, 1, 17);
	f.b[6] = 4;
	frame_udp_to(&f, 2152, SENT);
	frame_put(&f, 8, UINT64_C(0x30ff006400000007));
	ip4(&f, 3, 47);
	frame_put(&f, 4, 0x00006558);
	bridged(&f);
	check(DISSECT_IP, &f, false, LEN6, FLOW6("4", "0") "tunnel:ipip," OUTER6("4") INNER4);
}

static void test_nesting_is_bounded(void **state)
{
	(void)state;
	for (unsigned deep = DISSECT_DEPTH_MAX - 1; deep <= DISSECT_DEPTH_MAX + 1; deep++) {
		struct frame f = {0};
		struct record r = {0};
		for (unsigned i = 1; i < deep; i++)
			ip4(&f, (uint8_t)i, 4);
		ip4(&f, (uint8_t)deep, 6);
		tcp(&f);
		dissect_copy(&r, DISSECT_IP, &f, f.len, true);
		unsigned reached = deep < DISSECT_DEPTH_MAX ? deep : DISSECT_DEPTH_MAX;
		assert_int_equal(r.src_ip.b[15], reached);
		assert_int_equal(record_has(&r, FIELD_src_port), deep <= DISSECT_DEPTH_MAX);
	}
}

/* What the exporter said itself is left alone; and the packet that its addresses are of is the
 * flow. */
static void test_what_is_set_stays(void **state)
{
	struct frame f = {0};
	struct record r = {0};
	(void)state;
	ether(&f, 0x8100);
	frame_put(&f, 4, 0x00e70800);
	ip4(&f, 1, 4);
	ip4(&f, 9, 6);
	tcp(&f);
	RECORD_SET(&r, src_ip, ip_from4((const uint8_t[]){198, 51, 100, 1}));
	RECORD_SET(&r, src_vlan, 1);
	RECORD_SET(&r, tos, 3);
	assert_int_equal(dissect_copy(&r, DISSECT_ETHERNET, &f, f.len, true), LEN4);
	assert_string_equal(said(&r),
		"src_ip:198.51.100.1,dst_ip:192.0.2.2,protocol:4,tos:3," MACS "src_vlan:1," V4
		"ether_type:2048," ID4 ",vlan_priority:0,tunnel:ipip," OUTER4("4") INNER4);
}

/* Behind an IP header that was reported as fields. */
static void test_transport(void **state)
{
	struct frame f = {0};
	struct record r = {0}, none = {0};
	(void)state;
	tcp(&f);
	RECORD_SET(&r, protocol, 6);
	assert_int_equal(dissect_copy(&r, DISSECT_TRANSPORT, &f, f.len, false), 0);
	assert_string_equal(said(&r),
		PORTS "protocol:6,tcp_flags:18,tcp_window:4096,tcp_seq:1000,tcp_ack:2000");
	dissect_copy(&none, DISSECT_TRANSPORT, &f, f.len, false);
	assert_string_equal(said(&none), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ethernet_ipv4_tcp),
		cmocka_unit_test(test_ipv6_udp),
		cmocka_unit_test(test_icmp_and_igmp),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_vlans),
		cmocka_unit_test(test_what_is_not_ip),
		cmocka_unit_test(test_ipv4_options_and_padding),
		cmocka_unit_test(test_ipv4_that_contradicts_itself),
		cmocka_unit_test(test_ipv4_fragments),
		cmocka_unit_test(test_ipv6_extension_headers),
		cmocka_unit_test(test_ipv6_fragments),
		cmocka_unit_test(test_mpls_and_ip),
		cmocka_unit_test(test_ethernet_over_mpls),
		cmocka_unit_test(test_ethernet_over_mpls_that_could_be_two),
		cmocka_unit_test(test_mpls_and_what_is_not_known),
		cmocka_unit_test(test_vxlan),
		cmocka_unit_test(test_geneve),
		cmocka_unit_test(test_gtp),
		cmocka_unit_test(test_gre),
		cmocka_unit_test(test_ip_in_ip),
		cmocka_unit_test(test_segment_routing),
		cmocka_unit_test(test_tunnels_in_tunnels),
		cmocka_unit_test(test_nesting_is_bounded),
		cmocka_unit_test(test_what_is_set_stays),
		cmocka_unit_test(test_transport),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
