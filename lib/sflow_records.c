/* The flow records of sFlow samples: "sFlow Version 5", section 5, and sflow_tunnels.txt. */
#include <string.h>

#include "lib/base.h"
#include "lib/dissect.h"
#include "lib/jsontext.h"
#include "lib/sflow.h"

#define UNKNOWN 0xffffffff /* of numbers, where nothing else is said */

enum header_protocol {
	HEADER_ETHERNET = 1,
	HEADER_IPV4 = 11,
	HEADER_IPV6 = 12,
	HEADER_MPLS = 13,
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

static void raw_header(struct sflow_sample *s, struct cursor *c)
{
	uint32_t protocol = sflow_number(s->m, c, "header_protocol");
	uint32_t length = sflow_number(s->m, c, "frame_length");
	sflow_number(s->m, c, "stripped");
	if (cursor_ok(c)) {
		set_length(s, RANK_FRAME, length);
		RECORD_SET(s->r, frame_size, length);
	}
	struct text header = sflow_string(s->m, c, "header");
	const uint8_t *p = (const uint8_t *)header.p;
	bool inner = s->m->decoder->inner;
	if (!p)
		return;
	switch (protocol) {
	case HEADER_ETHERNET: dissect(s->r, DISSECT_ETHERNET, p, header.len, inner); break;
	case HEADER_IPV4:
	case HEADER_IPV6: dissect(s->r, DISSECT_IP, p, header.len, inner); break;
	case HEADER_MPLS: dissect(s->r, DISSECT_MPLS, p, header.len, inner); break;
	default: break; /* token bus, frame relay, ... */
	}
}

static void ethernet(struct sflow_sample *s, struct cursor *c)
{
	uint32_t length = sflow_number(s->m, c, "length");
	const uint8_t *src = sflow_opaque(s->m, c, 6, "src_mac");
	const uint8_t *dst = sflow_opaque(s->m, c, 6, "dst_mac");
	uint32_t type = sflow_number(s->m, c, "type");
	struct mac from, to;
	if (!src || !dst || !cursor_ok(c))
		return;
	set_length(s, RANK_ETHERNET, length);
	memcpy(from.b, src, sizeof from.b);
	memcpy(to.b, dst, sizeof to.b);
	PUT(s->r, src_mac, from);
	PUT(s->r, dst_mac, to);
	if (type <= UINT16_MAX)
		PUT(s->r, ether_type, (uint16_t)type);
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
	if (src_vlan <= UINT16_MAX)
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

/* A list of words, of which one that has no room any more is told as "...". */
struct words {
	char *start, *end;
	bool full;
};

static void add_text(struct words *w, const char *text, size_t len)
{
	w->full |= (size_t)(w->end - w->start) + len > SFLOW_TEXT_MAX;
	if (w->full)
		return;
	memcpy(w->end, text, len);
	w->end += len;
}

static void add_number(struct words *w, uint64_t n)
{
	char digits[24];
	add_text(w, digits, (size_t)(jsontext_decimal(digits, n) - digits));
}

static void set_words(struct words *w, struct text *out)
{
	if (w->full) {
		while (w->end > w->start && w->end[-1] != ' ') /* not half a number */
			w->end--;
		memcpy(w->end, "...", 3);
		w->end += 3;
	}
	*out = (struct text){w->start, (uint32_t)(w->end - w->start)};
}

/* Segments of a path: sets, as {1 2}, and sequences. The last AS of a sequence is where the packet
 * goes to. */
static void as_path(struct sflow_sample *s, struct cursor *c)
{
	struct words w = {s->as_path, s->as_path, false};
	uint32_t first = 0, last = 0, segments = sflow_number(s->m, c, "dst_as_path_segments");
	while (segments-- > 0 && cursor_ok(c)) {
		uint32_t type = sflow_number(s->m, c, "segment_type");
		uint32_t n = sflow_number(s->m, c, "segment_length");
		if (w.end != w.start)
			add_text(&w, " ", 1);
		if (type == 1)
			add_text(&w, "{", 1);
		for (uint32_t i = 0; i < n && cursor_ok(c); i++) {
			uint32_t as = sflow_number(s->m, c, "as");
			if (!cursor_ok(c))
				return;
			if (i)
				add_text(&w, " ", 1);
			add_number(&w, as);
			first = first ? first : as;
			last = as;
		}
		if (type == 1)
			add_text(&w, "}", 1);
	}
	if (!cursor_ok(c) || w.end == w.start)
		return;
	set_words(&w, &s->r->as_path);
	record_mark(s->r, FIELD_as_path);
	RECORD_SET(s->r, next_as, first);
	RECORD_SET(s->r, dst_as, last);
}

/* RFC 1997: an AS and a number of its. */
static void communities(struct sflow_sample *s, struct cursor *c)
{
	struct words w = {s->communities, s->communities, false};
	uint32_t n = sflow_number(s->m, c, "communities");
	for (uint32_t i = 0; i < n; i++) {
		uint32_t community = sflow_number(s->m, c, "community");
		if (!cursor_ok(c))
			return;
		if (i)
			add_text(&w, " ", 1);
		add_number(&w, community >> 16);
		add_text(&w, ":", 1);
		add_number(&w, community & 0xffff);
	}
	if (!cursor_ok(c) || !n)
		return;
	set_words(&w, &s->r->communities);
	record_mark(s->r, FIELD_communities);
}

static void extended_gateway(struct sflow_sample *s, struct cursor *c)
{
	struct ip next_hop;
	bool has = sflow_address(s->m, c, "bgp_next_hop", &next_hop);
	uint32_t as = sflow_number(s->m, c, "as");
	uint32_t src_as = sflow_number(s->m, c, "src_as");
	uint32_t src_peer_as = sflow_number(s->m, c, "src_peer_as");
	if (!cursor_ok(c))
		return;
	if (has)
		RECORD_SET(s->r, bgp_next_hop, next_hop);
	RECORD_SET(s->r, router_as, as);
	RECORD_SET(s->r, src_as, src_as);
	RECORD_SET(s->r, prev_as, src_peer_as);
	as_path(s, c);
	communities(s, c);
	uint32_t local_pref = sflow_number(s->m, c, "localpref");
	if (cursor_ok(c) && local_pref != UNKNOWN)
		RECORD_SET(s->r, local_pref, local_pref);
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

/* The tags that were stripped of the packet, the outermost first, each with its Ethertype. */
static void extended_vlan_tunnel(struct sflow_sample *s, struct cursor *c)
{
	uint32_t n = sflow_number(s->m, c, "tags");
	for (uint32_t i = 0; i < n && cursor_ok(c); i++) {
		uint32_t tag = sflow_number(s->m, c, "tag");
		if (!cursor_ok(c))
			return;
		if (i == 0)
			PUT(s->r, src_vlan, tag & 0xfff);
		else if (i == 1)
			PUT(s->r, src_cvlan, tag & 0xfff);
	}
}

/* As element 351 has it, where 1 is VXLAN's type. */
static void extended_vni(struct sflow_sample *s, struct cursor *c)
{
	uint32_t vni = sflow_number(s->m, c, "vni");
	if (cursor_ok(c) && vni <= 0xffffff)
		PUT(s->r, l2_segment, UINT64_C(1) << 56 | vni);
}

void sflow_record(struct sflow_sample *s, uint32_t format, struct cursor c)
{
	static const struct {
		uint32_t format;
		void (*read)(struct sflow_sample *s, struct cursor *c);
	} known[] = {
		{1, raw_header},
		{2, ethernet},
		{3, ip4},
		{4, ip6},
		{1001, extended_switch},
		{1002, extended_router},
		{1003, extended_gateway},
		{1004, extended_user},
		{1006, extended_mpls},
		{1007, extended_nat},
		{1012, extended_vlan_tunnel},
		{1020, extended_nat_port},
		{1023, tunnel_ip4},
		{1024, tunnel_ip4},
		{1025, tunnel_ip6},
		{1026, tunnel_ip6},
		{1029, extended_vni},
		{1030, extended_vni},
	};
	for (size_t i = 0; i < LEN(known); i++)
		if (known[i].format == format)
			known[i].read(s, &c);
}

/* Reasons below 256 are the codes of ICMP's destination unreachable. */
uint8_t sflow_dropped(uint32_t reason)
{
	enum {
		UNKNOWN_REASON = 128,
		ACL_DENY,
		ACL_DROP,
		UNROUTABLE,
		ADJACENCY,
		DF_SET,
		BAD_CHECKSUM,
		BAD_LENGTH,
		BAD_HEADER_LENGTH,
		BAD_TTL,
		POLICER,
		WRED,
		RPF,
		FOR_US,
		BAD_OUTPUT,
		HARDWARE
	};
	static const struct {
		uint16_t reason;
		uint8_t status;
	} table[] = {
		{0, UNROUTABLE},
		{1, ADJACENCY},
		{4, DF_SET},
		{6, UNROUTABLE},
		{7, ADJACENCY},
		{9, ACL_DENY},
		{10, ACL_DENY},
		{13, ACL_DENY},
		{257, BAD_TTL},
		{258, ACL_DROP},
		{259, HARDWARE},
		{260, WRED},
		{261, POLICER},
		{262, DF_SET},
		{269, UNROUTABLE},
		{275, BAD_CHECKSUM},
		{279, ADJACENCY},
		{280, RPF},
		{281, UNROUTABLE},
	};
	for (size_t i = 0; i < LEN(table); i++)
		if (table[i].reason == reason)
			return table[i].status;
	return UNKNOWN_REASON;
}
