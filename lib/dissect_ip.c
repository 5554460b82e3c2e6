/* IP headers, for dissect. */
#include "lib/dissect_layers.h"
#include "lib/packet.h"

#define PROTOCOL_ROUTING     43
#define PROTOCOL_FRAGMENT    44
#define SEGMENT_ROUTING_TYPE 4 /* RFC 8754, 2 */

static const struct cursor unreadable = {NULL, NULL};

/* RFC 791, 3.1. Only a first fragment has the transport's header. */
static bool read_ipv4(struct ip_layer *l, struct cursor *c)
{
	const uint8_t *h = cursor_take(c, 20);
	if (!h)
		return false;
	uint32_t header = (h[0] & 0x0fu) * 4, total = be16(h + 2);
	if (header < 20 || (total && total < header))
		return false;
	l->header = h;
	l->version = 4;
	l->protocol = h[9];
	l->has_protocol = true;
	l->len = total;
	cursor_take(c, header - 20);
	if (be16(h + 6) & 0x1fff)
		*c = unreadable;
	if (total)
		dissect_limit(c, total - header);
	return true;
}

/* The bit of an extension header in element 64 as corrected by erratum 1738 of RFC 5102, bit 0
 * being the least; 0: it has none. */
static uint32_t extension_bit(uint8_t protocol)
{
	switch (protocol) {
	case 60: return 1u << 0; /* destination options */
	case 0: return 1u << 1;  /* hop-by-hop options */
	case PROTOCOL_ROUTING: return 1u << 5;
	case 135: return 1u << 12; /* mobility */
	case 50: return 1u << 13;  /* ESP */
	case 51: return 1u << 14;  /* AH */
	case 108: return 1u << 15; /* payload compression */
	default: return 0;
	}
}

/* RFC 8200, 4.5. Returns whether the transport's header is in this fragment. */
static bool read_fragment(struct ip_layer *l, const uint8_t *h)
{
	bool first = (be16(h + 2) & 0xfff8) == 0;
	l->fragment = h;
	l->extensions |= first ? 1u << 4 : 1u << 6;
	return first;
}

/* RFC 8200, 4. A header that is cut still tells what follows it. */
static void read_extensions(struct ip_layer *l, struct cursor *c)
{
	while (packet_is_extension(l->protocol)) {
		struct cursor peek = *c;
		uint8_t at = l->protocol;
		const uint8_t *h = cursor_take(c, packet_extension_length(peek, at));
		l->extensions |= extension_bit(at);
		l->protocol = cursor_u8(&peek);
		if (!cursor_ok(&peek)) {
			l->has_protocol = false;
			return;
		}
		if (!h) {
			l->has_protocol = !packet_is_extension(l->protocol);
			return;
		}
		if (at == PROTOCOL_ROUTING && h[2] == SEGMENT_ROUTING_TYPE)
			l->routed = true;
		if (at == PROTOCOL_FRAGMENT && !read_fragment(l, h)) {
			*c = unreadable;
			return;
		}
	}
	l->extensions |= extension_bit(l->protocol);
}

/* RFC 8200, 3 */
static bool read_ipv6(struct ip_layer *l, struct cursor *c)
{
	const uint8_t *h = cursor_take(c, 40);
	if (!h)
		return false;
	uint32_t payload = be16(h + 4);
	l->header = h;
	l->version = 6;
	l->protocol = h[6];
	l->has_protocol = true;
	l->len = payload ? 40 + payload : 0;
	if (payload)
		dissect_limit(c, payload);
	read_extensions(l, c);
	return true;
}

enum next dissect_ip(struct dissection *d, struct cursor *c)
{
	struct cursor peek = *c;
	struct ip_layer l = {0};
	uint8_t version = cursor_u8(&peek) >> 4;
	bool ok = version == 4 ? read_ipv4(&l, c) : version == 6 && read_ipv6(&l, c);
	if (!ok)
		return NEXT_NOTHING;
	l.payload = *c;
	d->inner = l;
	if (d->ip_count++ == 0)
		d->outer = l;
	return l.has_protocol && cursor_ok(c) ? NEXT_PROTOCOL : NEXT_NOTHING;
}
