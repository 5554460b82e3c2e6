/* What IP carries that holds another packet, for dissect. */
#include "lib/dissect_layers.h"

enum protocol {
	PROTOCOL_IPV4 = 4,
	PROTOCOL_UDP = 17,
	PROTOCOL_IPV6 = 41,
	PROTOCOL_GRE = 47,
	PROTOCOL_ETHERNET = 143,
};

enum port {
	PORT_GTP_U = 2152,
	PORT_VXLAN = 4789,
	PORT_VXLAN_LINUX = 8472, /* Linux's before IANA gave a number */
	PORT_GENEVE = 6081,
};

#define SEGMENT_VXLAN (UINT64_C(1) << 56) /* the type in layer2SegmentId, element 351 */

/* RFC 2784, RFC 2890. Source routes (RFC 1701) and version 1 (PPTP) end it. */
static enum next read_gre(struct dissection *d, struct cursor *c)
{
	uint16_t flags = cursor_u16(c);
	uint16_t type = cursor_u16(c);
	uint32_t key = 0;
	if (flags & 0x8000)
		cursor_take(c, 4); /* checksum */
	if (flags & 0x2000)
		key = cursor_u32(c);
	if (flags & 0x1000)
		cursor_take(c, 4); /* sequence number */
	if (!cursor_ok(c) || flags & 0x4007)
		return NEXT_NOTHING;
	dissect_tunnel(d, TUNNEL_GRE, flags & 0x2000 ? &key : NULL);
	return next_of_ethertype(type);
}

/* RFC 7348, 5 */
static enum next read_vxlan(struct dissection *d, struct cursor *c)
{
	uint8_t flags = cursor_u8(c);
	cursor_take(c, 3);
	uint32_t vni = cursor_u32(c) >> 8;
	if (!cursor_ok(c) || !(flags & 0x08))
		return NEXT_NOTHING;
	dissect_tunnel(d, TUNNEL_VXLAN, &vni);
	FILL(d->r, l2_segment, SEGMENT_VXLAN | vni);
	return NEXT_ETHERNET;
}

/* RFC 8926, 3.4 */
static enum next read_geneve(struct dissection *d, struct cursor *c)
{
	uint8_t first = cursor_u8(c);
	cursor_take(c, 1);
	uint16_t type = cursor_u16(c);
	uint32_t vni = cursor_u32(c) >> 8;
	if (!cursor_ok(c) || first >> 6)
		return NEXT_NOTHING;
	dissect_tunnel(d, TUNNEL_GENEVE, &vni);
	cursor_take(c, (first & 0x3fu) * 4); /* options */
	return cursor_ok(c) ? next_of_ethertype(type) : NEXT_NOTHING;
}

/* 3GPP TS 29.281, 5.2.1: each tells its length in units of four octets, and in its last one what
 * follows. */
static bool skip_gtp_extensions(struct cursor *c, uint8_t type)
{
	while (type) {
		unsigned units = cursor_u8(c);
		if (units == 0)
			return false;
		cursor_take(c, units * 4 - 2);
		type = cursor_u8(c);
	}
	return cursor_ok(c);
}

/* 3GPP TS 29.281, 5.1: of all messages, type 255 alone carries a packet. */
static enum next read_gtp(struct dissection *d, struct cursor *c)
{
	uint8_t flags = cursor_u8(c);
	uint8_t message = cursor_u8(c);
	cursor_take(c, 2);
	uint32_t teid = cursor_u32(c);
	if (!cursor_ok(c) || (flags & 0xf0) != 0x30 || message != 255)
		return NEXT_NOTHING;
	dissect_tunnel(d, TUNNEL_GTP, &teid);
	if (flags & 0x07) { /* sequence number, N-PDU number and next type are there if one of them
			       is */
		cursor_take(c, 3);
		uint8_t next = cursor_u8(c);
		if (flags & 0x04 && !skip_gtp_extensions(c, next))
			return NEXT_NOTHING;
	}
	return NEXT_IP;
}

/* RFC 768; the length is 0 or wrong where the sender's card was to fill it in. */
static enum next read_udp(struct dissection *d, struct cursor *c)
{
	cursor_take(c, 2);
	uint16_t port = cursor_u16(c);
	uint16_t len = cursor_u16(c);
	cursor_take(c, 2);
	if (len >= 8)
		dissect_limit(c, len - 8u);
	switch (port) {
	case PORT_VXLAN:
	case PORT_VXLAN_LINUX: return read_vxlan(d, c);
	case PORT_GENEVE: return read_geneve(d, c);
	case PORT_GTP_U: return read_gtp(d, c);
	default: return NEXT_NOTHING;
	}
}

enum next dissect_protocol(struct dissection *d, struct cursor *c)
{
	bool routed = d->inner.routed;
	switch (d->inner.protocol) {
	case PROTOCOL_IPV4:
		dissect_tunnel(d, routed ? TUNNEL_SRV6 : TUNNEL_IPIP, NULL);
		return NEXT_IP;
	case PROTOCOL_IPV6:
		dissect_tunnel(d, routed ? TUNNEL_SRV6 : TUNNEL_IP6, NULL);
		return NEXT_IP;
	case PROTOCOL_ETHERNET: /* RFC 8986, 4.9 */
		dissect_tunnel(d, TUNNEL_SRV6, NULL);
		return NEXT_ETHERNET;
	case PROTOCOL_GRE: return read_gre(d, c);
	case PROTOCOL_UDP: return read_udp(d, c);
	default: return NEXT_NOTHING;
	}
}
