#include "lib/dissect.h"

#include "lib/dissect_layers.h"

enum protocol {
	PROTOCOL_ICMP = 1,
	PROTOCOL_IGMP = 2,
	PROTOCOL_TCP = 6,
	PROTOCOL_UDP = 17,
	PROTOCOL_DCCP = 33,
	PROTOCOL_ICMPV6 = 58,
	PROTOCOL_SCTP = 132,
	PROTOCOL_UDP_LITE = 136,
};

void dissect_limit(struct cursor *c, size_t n)
{
	if (cursor_left(c) > n)
		*c = cursor_slice(c, n);
}

void dissect_tunnel(struct dissection *d, enum tunnel kind, const uint32_t *id)
{
	if (record_has(d->r, FIELD_tunnel))
		return;
	RECORD_SET(d->r, tunnel, (uint8_t)kind);
	if (id)
		RECORD_SET(d->r, tunnel_id, *id);
}

struct ports {
	uint16_t src, dst;
};

static bool read_ports(const struct ip_layer *l, struct ports *out)
{
	struct cursor c = l->payload;
	switch (l->has_protocol ? l->protocol : 0) {
	case PROTOCOL_TCP:
	case PROTOCOL_UDP:
	case PROTOCOL_DCCP:
	case PROTOCOL_SCTP:
	case PROTOCOL_UDP_LITE: break;
	default: return false;
	}
	out->src = cursor_u16(&c);
	out->dst = cursor_u16(&c);
	return cursor_ok(&c);
}

/* RFC 9293, 3.1, as far as it was captured. */
static void fill_tcp(struct record *r, struct cursor c)
{
	cursor_take(&c, 4); /* ports */
	uint32_t seq = cursor_u32(&c);
	if (cursor_ok(&c))
		FILL(r, tcp_seq, seq);
	uint32_t ack = cursor_u32(&c);
	if (cursor_ok(&c))
		FILL(r, tcp_ack, ack);
	uint16_t flags = cursor_u16(&c);
	if (cursor_ok(&c))
		FILL(r, tcp_flags, flags & 0x0fff); /* without the header's length (RFC 7125) */
	uint16_t window = cursor_u16(&c);
	if (cursor_ok(&c))
		FILL(r, tcp_window, window);
}

static void fill_icmp(struct record *r, struct cursor c)
{
	uint8_t type = cursor_u8(&c);
	if (cursor_ok(&c))
		FILL(r, icmp_type, type);
	uint8_t code = cursor_u8(&c);
	if (cursor_ok(&c))
		FILL(r, icmp_code, code);
}

static void fill_transport(struct record *r, const struct ip_layer *l)
{
	struct cursor c = l->payload;
	struct ports ports;
	if (!l->has_protocol)
		return;
	FILL(r, protocol, l->protocol);
	if (read_ports(l, &ports)) {
		FILL(r, src_port, ports.src);
		FILL(r, dst_port, ports.dst);
	}
	switch (l->protocol) {
	case PROTOCOL_TCP: fill_tcp(r, c); break;
	case PROTOCOL_ICMP:
	case PROTOCOL_ICMPV6: fill_icmp(r, c); break;
	case PROTOCOL_IGMP:
		if (cursor_left(&c))
			FILL(r, igmp_type, cursor_u8(&c));
		break;
	default: break;
	}
}

static struct ip source_of(const struct ip_layer *l)
{
	return l->version == 4 ? ip_from4(l->header + 12) : ip_from6(l->header + 8);
}

static struct ip destination_of(const struct ip_layer *l)
{
	return l->version == 4 ? ip_from4(l->header + 16) : ip_from6(l->header + 24);
}

/* The flags of elements 197: reserved, don't fragment, more fragments, from the highest bit on. */
static void fill_ipv4(struct record *r, const uint8_t *h)
{
	FILL(r, tos, h[1]);
	FILL(r, ttl, h[8]);
	FILL(r, frag_id, be16(h + 4));
	FILL(r, ip_flags, h[6] & 0xe0);
	FILL(r, frag_offset, be16(h + 6) & 0x1fff);
}

static void fill_ipv6(struct record *r, const struct ip_layer *l)
{
	const uint8_t *h = l->header, *fragment = l->fragment;
	FILL(r, tos, (uint8_t)(be16(h) >> 4));
	FILL(r, ttl, h[7]);
	FILL(r, flow_label, be32(h) & 0xfffff);
	FILL(r, ipv6_ext_hdrs, l->extensions);
	if (!fragment)
		return;
	FILL(r, frag_id, be32(fragment + 4));
	FILL(r, ip_flags, fragment[3] & 1 ? 0x20 : 0);
	FILL(r, frag_offset, be16(fragment + 2) >> 3);
}

static void fill_flow(struct record *r, const struct ip_layer *l)
{
	if (l->header) {
		FILL(r, src_ip, source_of(l));
		FILL(r, dst_ip, destination_of(l));
		FILL(r, ip_version, l->version);
		if (l->version == 4)
			fill_ipv4(r, l->header);
		else
			fill_ipv6(r, l);
	}
	fill_transport(r, l);
}

/* Both ends of what is in a tunnel. */
#define FILL_ENDS(rec, end, layer)                                                                 \
	do {                                                                                       \
		struct ports ports_;                                                               \
		if ((layer)->header) {                                                             \
			FILL(rec, end##_src_ip, source_of(layer));                                 \
			FILL(rec, end##_dst_ip, destination_of(layer));                            \
		}                                                                                  \
		if ((layer)->has_protocol)                                                         \
			FILL(rec, end##_protocol, (layer)->protocol);                              \
		if (read_ports(layer, &ports_)) {                                                  \
			FILL(rec, end##_src_port, ports_.src);                                     \
			FILL(rec, end##_dst_port, ports_.dst);                                     \
		}                                                                                  \
	} while (0)

static enum next begin(struct dissection *d, enum dissect_link link, struct cursor c)
{
	switch (link) {
	case DISSECT_ETHERNET: d->framed = true; return NEXT_ETHERNET;
	case DISSECT_MPLS: return NEXT_MPLS;
	case DISSECT_IP: return NEXT_IP;
	default: break;
	}
	if (!record_has(d->r, FIELD_protocol))
		return NEXT_NOTHING;
	d->outer.protocol = d->r->protocol;
	d->outer.has_protocol = true;
	d->outer.payload = c;
	d->inner = d->outer;
	d->ip_count = 1;
	return NEXT_PROTOCOL;
}

static enum next read_header(struct dissection *d, enum next next, struct cursor *c)
{
	if ((next == NEXT_ETHERNET || next == NEXT_IP) && d->depth++ == DISSECT_DEPTH_MAX)
		return NEXT_NOTHING;
	switch (next) {
	case NEXT_ETHERNET: return dissect_ethernet(d, c);
	case NEXT_MPLS: return dissect_mpls(d, c);
	case NEXT_IP: return dissect_ip(d, c);
	default: return dissect_protocol(d, c);
	}
}

uint32_t dissect(struct record *r, enum dissect_link link, const uint8_t *p, size_t len, bool inner)
{
	struct dissection d = {.r = r};
	struct cursor c = cursor_over(p, len);
	/* whose flow it is has been said: then the rest is to be of the same packet */
	bool said = record_has(r, FIELD_src_ip) || record_has(r, FIELD_dst_ip);
	enum next next = begin(&d, link, c);
	while (next != NEXT_NOTHING)
		next = read_header(&d, next, &c);
	const struct ip_layer *flow = inner && !said ? &d.inner : &d.outer;
	if (d.ip_count == 0)
		return 0;
	fill_flow(r, flow);
	if (d.ip_count > 1) {
		FILL_ENDS(r, outer, &d.outer);
		FILL_ENDS(r, inner, &d.inner);
	}
	return flow->len;
}
