#include "lib/packet.h"

#include "lib/err.h"

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define VLAN_TAGS_MAX  8

/* IPv6 extension headers (IANA, "IPv6 Extension Header Types") and the fragment header. */
enum protocol {
	PROTOCOL_HOP_BY_HOP = 0,
	PROTOCOL_UDP = 17,
	PROTOCOL_ROUTING = 43,
	PROTOCOL_FRAGMENT = 44,
	PROTOCOL_AH = 51,
	PROTOCOL_DESTINATION = 60,
	PROTOCOL_MOBILITY = 135,
	PROTOCOL_HIP = 139,
	PROTOCOL_SHIM6 = 140,
};

bool packet_is_vlan(uint16_t ethertype)
{
	/* 802.1Q, 802.1ad, and the two numbers that QinQ had before 802.1ad */
	return ethertype == 0x8100 || ethertype == 0x88a8 || ethertype == 0x9100 ||
	       ethertype == 0x9200;
}

/* Passes over VLAN tags behind an Ethertype; 0 if IP follows. */
static int ethertype_ip(struct cursor *c, uint16_t ethertype)
{
	for (unsigned tags = 0; packet_is_vlan(ethertype); tags++) {
		if (tags == VLAN_TAGS_MAX)
			return ERR_NOT_IP;
		cursor_take(c, 2);
		ethertype = cursor_u16(c);
	}
	if (!cursor_ok(c))
		return ERR_TRUNCATED;
	return ethertype == ETHERTYPE_IPV4 || ethertype == ETHERTYPE_IPV6 ? 0 : ERR_NOT_IP;
}

/* The address families of the BSDs, Darwin and Linux that mean IP. */
static bool family_is_ip(uint32_t family)
{
	return family == 2 || family == 10 || family == 24 || family == 28 || family == 30;
}

static int skip_family(struct cursor *c, bool host_order)
{
	uint32_t family = cursor_u32(c);
	if (!cursor_ok(c))
		return ERR_TRUNCATED;
	if (family_is_ip(family) || (host_order && family_is_ip(__builtin_bswap32(family))))
		return 0;
	return ERR_NOT_IP;
}

/* Passes over the link layer; 0 if IP follows. */
static int skip_link(uint32_t linktype, struct cursor *c)
{
	uint16_t ethertype;

	switch (linktype) {
	case LINKTYPE_RAW:
	case LINKTYPE_RAW_BSD:
	case LINKTYPE_RAW_OPENBSD:
	case LINKTYPE_IPV4:
	case LINKTYPE_IPV6: return 0;
	case LINKTYPE_ETHERNET:
		cursor_take(c, 12);
		ethertype = cursor_u16(c);
		return ethertype_ip(c, ethertype);
	case LINKTYPE_LINUX_SLL:
		cursor_take(c, 14);
		ethertype = cursor_u16(c);
		return ethertype_ip(c, ethertype);
	case LINKTYPE_LINUX_SLL2:
		ethertype = cursor_u16(c);
		cursor_take(c, 18);
		return ethertype_ip(c, ethertype);
	case LINKTYPE_NULL: return skip_family(c, true);
	case LINKTYPE_LOOP: return skip_family(c, false);
	default: return ERR_LINKTYPE;
	}
}

/* Sets the payload to what is left of c, of which sent_len bytes were sent. */
static void set_payload(struct packet *out, struct cursor *c, uint32_t sent_len)
{
	out->len = (uint32_t)cursor_left(c);
	if (out->len > sent_len)
		out->len = sent_len; /* padding of the link layer */
	out->sent_len = sent_len;
	out->payload = c->p;
}

/* RFC 791, 3.1 */
static int read_ipv4(struct cursor *c, struct packet *out)
{
	uint32_t captured = (uint32_t)cursor_left(c);
	const uint8_t *h = cursor_take(c, 20);
	if (!h)
		return ERR_TRUNCATED;

	uint32_t header = (h[0] & 0x0fu) * 4, total = be16(h + 2);
	uint16_t fragment = be16(h + 6);
	if (total == 0)
		total = captured; /* captured before the card cut it into segments (TSO) */
	if (header < 20 || total < header)
		return ERR_BAD_PACKET;
	if (!cursor_take(c, header - 20))
		return ERR_TRUNCATED;

	out->v6 = false;
	out->src = ip_from4(h + 12);
	out->dst = ip_from4(h + 16);
	out->protocol = h[9];
	out->fragment_id = be16(h + 4);
	out->fragment_offset = (fragment & 0x1fffu) * 8;
	out->more = fragment & 0x2000;
	out->fragment = out->more || out->fragment_offset;
	set_payload(out, c, total - header);
	return 0;
}

/* RFC 8200, 4; RFC 4302, 2.2 for AH */
uint32_t packet_extension_length(struct cursor c, uint8_t protocol)
{
	cursor_take(&c, 1);
	uint32_t units = cursor_u8(&c);
	if (protocol == PROTOCOL_FRAGMENT)
		return 8;
	return protocol == PROTOCOL_AH ? (units + 2) * 4 : (units + 1) * 8;
}

bool packet_is_extension(uint8_t protocol)
{
	switch (protocol) {
	case PROTOCOL_HOP_BY_HOP:
	case PROTOCOL_ROUTING:
	case PROTOCOL_FRAGMENT:
	case PROTOCOL_AH:
	case PROTOCOL_DESTINATION:
	case PROTOCOL_MOBILITY:
	case PROTOCOL_HIP:
	case PROTOCOL_SHIM6: return true;
	default: return false;
	}
}

/* RFC 8200, 4.5; one that is all of its packet is no fragment (RFC 6946). */
static void read_fragment_header(const uint8_t *h, struct packet *out)
{
	uint16_t fragment = be16(h + 2);

	out->fragment_offset = fragment & 0xfff8u;
	out->more = fragment & 1;
	out->fragment_id = be32(h + 4);
	out->fragment = out->more || out->fragment_offset;
}

int packet_extensions(struct packet *p)
{
	struct cursor c = cursor_over(p->payload, p->len);
	uint32_t sent = p->sent_len;

	while (p->v6 && !p->fragment && packet_is_extension(p->protocol)) {
		uint32_t length = packet_extension_length(c, p->protocol);
		const uint8_t *h = cursor_take(&c, length);
		if (!h)
			return p->len < p->sent_len ? ERR_TRUNCATED : ERR_BAD_PACKET;
		if (p->protocol == PROTOCOL_FRAGMENT)
			read_fragment_header(h, p);
		p->protocol = h[0];
		sent -= length;
	}
	set_payload(p, &c, sent);
	return 0;
}

/* RFC 8200, 3 */
static int read_ipv6(struct cursor *c, struct packet *out)
{
	const uint8_t *h = cursor_take(c, 40);
	if (!h)
		return ERR_TRUNCATED;

	uint32_t sent_len = be16(h + 4);
	if (sent_len == 0)
		sent_len = (uint32_t)cursor_left(c); /* TSO, as for IPv4 */
	out->v6 = true;
	out->src = ip_from6(h + 8);
	out->dst = ip_from6(h + 24);
	out->protocol = h[6];
	out->fragment = out->more = false;
	out->fragment_offset = out->fragment_id = 0;
	set_payload(out, c, sent_len);
	return packet_extensions(out);
}

int packet_ip(uint32_t linktype, const uint8_t *frame, uint32_t caplen, struct packet *out)
{
	struct cursor c = cursor_over(frame, caplen);
	int r = skip_link(linktype, &c);
	if (r < 0)
		return r;
	if (cursor_left(&c) == 0)
		return ERR_TRUNCATED;

	switch (c.p[0] >> 4) {
	case 4: return read_ipv4(&c, out);
	case 6: return read_ipv6(&c, out);
	default: return ERR_NOT_IP;
	}
}

/* RFC 768 */
int packet_udp(const struct packet *p, struct datagram *d)
{
	if (p->protocol != PROTOCOL_UDP)
		return ERR_NOT_UDP;

	struct cursor c = cursor_over(p->payload, p->len);
	uint16_t src_port = cursor_u16(&c), dst_port, length;
	dst_port = cursor_u16(&c);
	length = cursor_u16(&c);
	cursor_take(&c, 2);
	if (!cursor_ok(&c))
		return p->len < p->sent_len ? ERR_TRUNCATED : ERR_BAD_PACKET;
	if (length < 8 || length > p->sent_len)
		return ERR_BAD_PACKET;

	d->src = p->src;
	d->dst = p->dst;
	d->src_port = src_port;
	d->dst_port = dst_port;
	d->sent_len = length - 8u;
	d->len = (uint32_t)cursor_left(&c);
	if (d->len > d->sent_len)
		d->len = d->sent_len;
	d->truncated = d->len < d->sent_len;
	d->data = c.p;
	return 0;
}
