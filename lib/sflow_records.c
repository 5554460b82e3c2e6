/* The flow records of sFlow samples: "sFlow Version 5", section 5, sflow_tunnels.txt,
 * sflow_transit.txt and sflow_80211.txt. */
#include <string.h>

#include "lib/base.h"
#include "lib/dissect.h"
#include "lib/elements.h"
#include "lib/sflow.h"

enum header_protocol {
	HEADER_ETHERNET = 1,
	HEADER_PPP = 7,
	HEADER_AAL5_IP = 10,
	HEADER_IPV4 = 11,
	HEADER_IPV6 = 12,
	HEADER_MPLS = 13,
	HEADER_POS = 14, /* PPP's frames again (RFC 2615) */
};

/* How well a record tells the packet's length: the whole frame, then the MAC packet, then IP. */
enum rank { RANK_NONE, RANK_IP, RANK_ETHERNET, RANK_FRAME };

/* Sets a field that nothing has told yet. */
#define PUT(record, name, value)                                                                   \
	do {                                                                                       \
		if (!record_has((record), FIELD_##name))                                           \
			RECORD_SET((record), name, (value));                                       \
	} while (0)

static void set_length(struct sflow_sample *s, enum rank rank, uint32_t bytes)
{
	if (rank <= s->rank)
		return;
	s->rank = (uint8_t)rank;
	s->bytes = bytes;
}

/* RFC 1662, 3.1: address and control may be left out, and so may the upper half of small protocol
 * numbers. */
static void ppp(struct record *r, struct cursor c, bool inner)
{
	if (cursor_left(&c) >= 2 && be16(c.p) == 0xff03)
		cursor_take(&c, 2);
	uint16_t protocol = cursor_u8(&c);
	if (!(protocol & 1))
		protocol = (uint16_t)(protocol << 8 | cursor_u8(&c));
	if (!cursor_ok(&c))
		return;
	switch (protocol) {
	case 0x0021:
	case 0x0057: dissect(r, DISSECT_IP, c.p, cursor_left(&c), inner); break;
	case 0x0281:
	case 0x0283: dissect(r, DISSECT_MPLS, c.p, cursor_left(&c), inner); break;
	default: break;
	}
}

void sflow_header(struct sflow_sample *s, struct cursor c)
{
	bool inner = s->m->decoder->inner;
	uint32_t protocol = cursor_u32(&c);
	uint32_t length = cursor_u32(&c);
	cursor_u32(&c); /* stripped */
	uint32_t captured = cursor_u32(&c);
	if (!cursor_ok(&c))
		return;
	set_length(s, RANK_FRAME, length);
	RECORD_SET(s->r, frame_size, length);
	size_t n = captured < cursor_left(&c) ? captured : cursor_left(&c);
	struct cursor header = cursor_slice(&c, n);
	switch (protocol) {
	case HEADER_ETHERNET: dissect(s->r, DISSECT_ETHERNET, header.p, n, inner); break;
	case HEADER_AAL5_IP:
	case HEADER_IPV4:
	case HEADER_IPV6: dissect(s->r, DISSECT_IP, header.p, n, inner); break;
	case HEADER_MPLS: dissect(s->r, DISSECT_MPLS, header.p, n, inner); break;
	case HEADER_PPP:
	case HEADER_POS: ppp(s->r, header, inner); break;
	default: break; /* token bus, frame relay, ... */
	}
	s->tagged = record_has(s->r, FIELD_src_vlan);
}

/* sflow_header has read it: only --explain wants to see it here. */
static void raw_header(struct sflow_sample *s, struct cursor *c)
{
	if (!s->m->decoder->trace)
		return;
	sflow_number(s->m, c, "header_protocol");
	sflow_number(s->m, c, "frame_length");
	sflow_number(s->m, c, "stripped");
	uint32_t captured = sflow_number(s->m, c, "header_length");
	sflow_opaque(s->m, c, captured < cursor_left(c) ? captured : cursor_left(c), "header");
}

struct sampled_ethernet {
	uint32_t length, type;
	struct mac src, dst;
};

static const uint8_t *read_mac(struct message *m, struct cursor *c, bool padded, const char *name)
{
	const uint8_t *mac = sflow_opaque(m, c, 6, name);
	if (mac && !padded)
		c->p = mac + 6;
	return mac;
}

/* XDR pads addresses of 6 octets to 8; some agents (Huawei's) do not. */
static bool read_ethernet(struct message *m, struct cursor *c, struct sampled_ethernet *out)
{
	bool padded = cursor_left(c) != 4 + 6 + 6 + 4;
	if (!padded)
		message_met(m, QUIRK_UNPADDED_MAC);
	out->length = sflow_number(m, c, "length");
	const uint8_t *src = read_mac(m, c, padded, "src_mac");
	const uint8_t *dst = read_mac(m, c, padded, "dst_mac");
	out->type = sflow_number(m, c, "type");
	if (!cursor_ok(c))
		return false;
	memcpy(out->src.b, src, sizeof out->src.b);
	memcpy(out->dst.b, dst, sizeof out->dst.b);
	return true;
}

static void ethernet(struct sflow_sample *s, struct cursor *c)
{
	struct sampled_ethernet p;
	if (!read_ethernet(s->m, c, &p))
		return;
	set_length(s, RANK_ETHERNET, p.length);
	PUT(s->r, src_mac, p.src);
	PUT(s->r, dst_mac, p.dst);
	if (p.type <= UINT16_MAX)
		PUT(s->r, ether_type, (uint16_t)p.type);
}

/* The frame that is put around the packet. */
static void l2_tunnel_egress(struct sflow_sample *s, struct cursor *c)
{
	struct sampled_ethernet p;
	if (!read_ethernet(s->m, c, &p))
		return;
	PUT(s->r, post_src_mac, p.src);
	PUT(s->r, post_dst_mac, p.dst);
}

/* sampled_ipv4 and sampled_ipv6 differ in their addresses' length, and in what the last one is
 * called. */
struct sampled_ip {
	uint32_t length, protocol, src_port, dst_port, tcp_flags, tos;
	struct ip src, dst;
};

static bool read_ip(struct message *m, struct cursor *c, bool v6, struct sampled_ip *out)
{
	out->length = sflow_number(m, c, "length");
	out->protocol = sflow_number(m, c, "protocol");
	const uint8_t *src = sflow_opaque(m, c, v6 ? 16 : 4, "src_ip");
	const uint8_t *dst = sflow_opaque(m, c, v6 ? 16 : 4, "dst_ip");
	out->src_port = sflow_number(m, c, "src_port");
	out->dst_port = sflow_number(m, c, "dst_port");
	out->tcp_flags = sflow_number(m, c, "tcp_flags");
	out->tos = sflow_number(m, c, v6 ? "priority" : "tos");
	if (!src || !dst || !cursor_ok(c))
		return false;
	out->src = v6 ? ip_from6(src) : ip_from4(src);
	out->dst = v6 ? ip_from6(dst) : ip_from4(dst);
	return true;
}

static bool has_ports(uint32_t protocol)
{
	return protocol == 6 || protocol == 17 || protocol == 33 || protocol == 132 ||
	       protocol == 136;
}

static void ip(struct sflow_sample *s, struct cursor *c, bool v6)
{
	struct sampled_ip p;
	if (!read_ip(s->m, c, v6, &p))
		return;
	set_length(s, RANK_IP, p.length);
	PUT(s->r, src_ip, p.src);
	PUT(s->r, dst_ip, p.dst);
	PUT(s->r, ip_version, v6 ? 6 : 4);
	PUT(s->r, protocol, (uint8_t)p.protocol);
	PUT(s->r, tos, (uint8_t)p.tos);
	if (has_ports(p.protocol)) {
		PUT(s->r, src_port, (uint16_t)p.src_port);
		PUT(s->r, dst_port, (uint16_t)p.dst_port);
	}
	if (p.protocol == 6)
		PUT(s->r, tcp_flags, (uint16_t)p.tcp_flags);
}

static void ip4(struct sflow_sample *s, struct cursor *c)
{
	ip(s, c, false);
}

static void ip6(struct sflow_sample *s, struct cursor *c)
{
	ip(s, c, true);
}

/* The header that a packet had in front of itself before, or gets: sflow_tunnels.txt. */
static void tunnel_ip(struct sflow_sample *s, struct cursor *c, bool v6)
{
	struct sampled_ip p;
	if (!read_ip(s->m, c, v6, &p))
		return;
	PUT(s->r, outer_src_ip, p.src);
	PUT(s->r, outer_dst_ip, p.dst);
	PUT(s->r, outer_protocol, (uint8_t)p.protocol);
	s->tunnelled = true;
}

static void tunnel_ip4(struct sflow_sample *s, struct cursor *c)
{
	tunnel_ip(s, c, false);
}

static void tunnel_ip6(struct sflow_sample *s, struct cursor *c)
{
	tunnel_ip(s, c, true);
}

/* What the switch says of VLANs goes before the tag of the frame, which may have been stripped. */
static void extended_switch(struct sflow_sample *s, struct cursor *c)
{
	uint32_t src_vlan = sflow_number(s->m, c, "src_vlan");
	uint32_t src_priority = sflow_number(s->m, c, "src_priority");
	uint32_t dst_vlan = sflow_number(s->m, c, "dst_vlan");
	sflow_number(s->m, c, "dst_priority");
	if (!cursor_ok(c))
		return;
	s->switched = src_vlan <= UINT16_MAX;
	if (s->switched)
		RECORD_SET(s->r, src_vlan, (uint16_t)src_vlan);
	if (src_priority <= 7)
		PUT(s->r, vlan_priority, (uint8_t)src_priority);
	if (dst_vlan <= UINT16_MAX)
		RECORD_SET(s->r, dst_vlan, (uint16_t)dst_vlan);
}

static void extended_router(struct sflow_sample *s, struct cursor *c)
{
	struct ip next_hop;
	bool has = sflow_address(s->m, c, "next_hop", &next_hop);
	uint32_t src_mask = sflow_number(s->m, c, "src_mask");
	uint32_t dst_mask = sflow_number(s->m, c, "dst_mask");
	if (!cursor_ok(c))
		return;
	if (has)
		RECORD_SET(s->r, next_hop, next_hop);
	if (src_mask <= 128)
		RECORD_SET(s->r, src_mask, (uint8_t)src_mask);
	if (dst_mask <= 128)
		RECORD_SET(s->r, dst_mask, (uint8_t)dst_mask);
}

static void extended_user(struct sflow_sample *s, struct cursor *c)
{
	sflow_number(s->m, c, "src_charset");
	struct text src = sflow_string(s->m, c, "src_user");
	sflow_number(s->m, c, "dst_charset");
	struct text dst = sflow_string(s->m, c, "dst_user");
	if (src.len && src.len <= UINT16_MAX)
		RECORD_SET(s->r, user_name, src);
	if (dst.len && dst.len <= UINT16_MAX)
		RECORD_SET(s->r, dst_user_name, dst);
}

/* The labels that the packet came with, as entries of RFC 3032. */
static void extended_mpls(struct sflow_sample *s, struct cursor *c)
{
	static const uint8_t fields_of[] = {FIELD_mpls_label_1, FIELD_mpls_label_2,
		FIELD_mpls_label_3, FIELD_mpls_label_4, FIELD_mpls_label_5, FIELD_mpls_label_6};
	struct ip next_hop;
	bool has = sflow_address(s->m, c, "mpls_next_hop", &next_hop);
	uint32_t n = sflow_number(s->m, c, "in_labels");
	if (has)
		PUT(s->r, next_hop, next_hop);
	for (uint32_t i = 0; i < n && cursor_ok(c); i++) {
		uint32_t entry = sflow_number(s->m, c, "in_label");
		if (!cursor_ok(c) || i >= LEN(fields_of) || record_has(s->r, fields_of[i]))
			continue;
		uint32_t *label = (uint32_t *)(void *)((char *)s->r + fields[fields_of[i]].offset);
		*label = entry >> 12;
		record_mark(s->r, fields_of[i]);
	}
}

static void extended_nat(struct sflow_sample *s, struct cursor *c)
{
	struct ip src, dst;
	if (sflow_address(s->m, c, "nat_src_ip", &src))
		RECORD_SET(s->r, xlate_src_ip, src);
	if (sflow_address(s->m, c, "nat_dst_ip", &dst))
		RECORD_SET(s->r, xlate_dst_ip, dst);
}

static void extended_nat_port(struct sflow_sample *s, struct cursor *c)
{
	uint32_t src = sflow_number(s->m, c, "nat_src_port");
	uint32_t dst = sflow_number(s->m, c, "nat_dst_port");
	if (!cursor_ok(c))
		return;
	if (src <= UINT16_MAX)
		RECORD_SET(s->r, xlate_src_port, (uint16_t)src);
	if (dst <= UINT16_MAX)
		RECORD_SET(s->r, xlate_dst_port, (uint16_t)dst);
}

/* The tags that were stripped of the packet, the outermost first, each with its Ethertype. One that
 * is still in the frame was behind them. */
static void extended_vlan_tunnel(struct sflow_sample *s, struct cursor *c)
{
	uint32_t n = sflow_number(s->m, c, "tags");
	uint32_t tags[2] = {0, 0};
	for (uint32_t i = 0; i < n; i++) {
		uint32_t tag = sflow_number(s->m, c, "tag");
		if (!cursor_ok(c))
			return;
		if (i < LEN(tags))
			tags[i] = tag;
	}
	if (!n || s->switched)
		return;
	if (n > 1)
		RECORD_SET(s->r, src_cvlan, tags[1] & 0xfff);
	else if (s->tagged)
		RECORD_SET(s->r, src_cvlan, s->r->src_vlan);
	RECORD_SET(s->r, src_vlan, tags[0] & 0xfff);
	RECORD_SET(s->r, vlan_priority, (uint8_t)(tags[0] >> 13 & 7));
}

/* As element 351 has it, where 1 is VXLAN's type. */
static void extended_vni(struct sflow_sample *s, struct cursor *c)
{
	uint32_t vni = sflow_number(s->m, c, "vni");
	if (cursor_ok(c) && vni <= 0xffffff)
		PUT(s->r, l2_segment, UINT64_C(1) << 56 | vni);
}

/* sflow_80211.txt: both of the received and the sent packet's begin so. */
static void extended_80211(struct sflow_sample *s, struct cursor *c)
{
	struct text ssid = sflow_string(s->m, c, "ssid");
	if (ssid.len && ssid.len <= 32)
		RECORD_SET(s->r, wlan_ssid, ssid);
}

/* sflow_transit.txt */
static void egress_queue(struct sflow_sample *s, struct cursor *c)
{
	uint32_t queue = sflow_number(s->m, c, "queue");
	if (cursor_ok(c))
		RECORD_SET(s->r, egress_queue, queue);
}

static void transit_delay(struct sflow_sample *s, struct cursor *c)
{
	uint32_t delay = sflow_number(s->m, c, "delay");
	if (cursor_ok(c))
		RECORD_SET(s->r, transit_delay, delay);
}

static void queue_depth(struct sflow_sample *s, struct cursor *c)
{
	uint32_t depth = sflow_number(s->m, c, "depth");
	if (cursor_ok(c))
		RECORD_SET(s->r, queue_depth, depth);
}

static void set_drop_name(struct sflow_sample *s, struct text name)
{
	if (name.len && name.len <= SFLOW_TEXT_MAX)
		PUT(s->r, drop_name, name);
}

/* Where in its software, or by which trap of its hardware, the exporter dropped the packet. */
static void drop_name(struct sflow_sample *s, struct cursor *c)
{
	set_drop_name(s, sflow_string(s->m, c, "name"));
}

static void hardware_trap(struct sflow_sample *s, struct cursor *c)
{
	sflow_string(s->m, c, "group");
	set_drop_name(s, sflow_string(s->m, c, "trap"));
}

static void timestamp(struct sflow_sample *s, struct cursor *c)
{
	const uint8_t *p = sflow_opaque(s->m, c, 8, "nanoseconds");
	if (p)
		RECORD_SET(s->r, event_time, ((struct instant){be64(p), 9}));
}

/* Those of one number stand next to each other. */
static void keep(struct record *r, const struct extra *e)
{
	uint32_t at = r->extra_count;
	while (at > 0 && (r->extras[at - 1].pen != e->pen || r->extras[at - 1].id != e->id))
		at--;
	if (at == 0)
		at = r->extra_count;
	memmove(&r->extras[at + 1], &r->extras[at], (r->extra_count - at) * sizeof *e);
	r->extras[at] = *e;
	r->extra_count++;
}

/* What no field tells stays with the record as it is. */
static void not_known(struct sflow_sample *s, struct cursor *c)
{
	size_t len = cursor_left(c);
	const uint8_t *p = sflow_opaque(s->m, c, len, "not known");
	if (!p || len > UINT16_MAX || s->r->extra_count == SFLOW_UNKNOWN_MAX)
		return;
	keep(s->r, &(struct extra){.pen = PEN_SFLOW + (s->format >> 12),
			   .id = s->format & 0xfff,
			   .len = (uint16_t)len,
			   .bytes = p});
}

/* An operation of an application, which is no packet. */
static void transaction(struct sflow_sample *s, struct cursor *c)
{
	s->transaction = true;
	not_known(s, c);
}

struct reader {
	uint32_t format;
	const char *name;
	void (*read)(struct sflow_sample *s, struct cursor *c);
};

static const struct reader *reader_of(uint32_t format)
{
	static const struct reader unknown = {0, "flow_record", not_known};
	static const struct reader known[] = {
		{1, "sampled_header", raw_header},
		{2, "sampled_ethernet", ethernet},
		{3, "sampled_ipv4", ip4},
		{4, "sampled_ipv6", ip6},
		{1001, "extended_switch", extended_switch},
		{1002, "extended_router", extended_router},
		{1003, "extended_gateway", sflow_gateway},
		{1004, "extended_user", extended_user},
		{1006, "extended_mpls", extended_mpls},
		{1007, "extended_nat", extended_nat},
		{1012, "extended_vlantunnel", extended_vlan_tunnel},
		{1014, "extended_80211_rx", extended_80211},
		{1015, "extended_80211_tx", extended_80211},
		{1020, "extended_nat_port", extended_nat_port},
		{1021, "extended_L2_tunnel_egress", l2_tunnel_egress},
		{1022, "extended_L2_tunnel_ingress", not_known},
		{1023, "extended_ipv4_tunnel_egress", tunnel_ip4},
		{1024, "extended_ipv4_tunnel_ingress", tunnel_ip4},
		{1025, "extended_ipv6_tunnel_egress", tunnel_ip6},
		{1026, "extended_ipv6_tunnel_ingress", tunnel_ip6},
		{1029, "extended_vni_egress", extended_vni},
		{1030, "extended_vni_ingress", extended_vni},
		{1036, "extended_egress_queue", egress_queue},
		{1038, "extended_function", drop_name},
		{1039, "extended_transit", transit_delay},
		{1040, "extended_queue_depth", queue_depth},
		{1041, "extended_hw_trap", hardware_trap},
		{1042, "extended_linux_drop_reason", drop_name},
		{1043, "extended_timestamp", timestamp},
		{2200, "memcache_operation", transaction},
		{2201, "http_request", transaction},
		{2202, "app_operation", transaction},
		{2206, "http_request", transaction},
	};
	for (size_t i = 0; i < LEN(known); i++)
		if (known[i].format == format)
			return &known[i];
	return &unknown;
}

void sflow_record(struct sflow_sample *s, const uint8_t *at, struct cursor c)
{
	const struct decode_trace *trace = s->m->decoder->trace;
	s->format = be32(at);
	const struct reader *reader = reader_of(s->format);
	if (trace)
		trace->item(trace->ctx, (size_t)(at - s->m->datagram->data), at, 4, reader->name);
	reader->read(s, &c);
}

/* A header that is around the packet makes the packet's own the inner one. */
void sflow_finish(struct sflow_sample *s)
{
	struct record *r = s->r;
	if (!s->tunnelled || record_has(r, FIELD_inner_src_ip) || !record_has(r, FIELD_src_ip))
		return;
	RECORD_SET(r, inner_src_ip, r->src_ip);
	if (record_has(r, FIELD_dst_ip))
		RECORD_SET(r, inner_dst_ip, r->dst_ip);
	if (record_has(r, FIELD_protocol))
		RECORD_SET(r, inner_protocol, r->protocol);
	if (record_has(r, FIELD_src_port))
		RECORD_SET(r, inner_src_port, r->src_port);
	if (record_has(r, FIELD_dst_port))
		RECORD_SET(r, inner_dst_port, r->dst_port);
}
