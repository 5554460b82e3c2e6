/* Ethernet and MPLS, for dissect. */
#include "lib/base.h"
#include "lib/dissect_layers.h"
#include "lib/packet.h"

#define VLAN_TAGS_MAX   8
#define ETHERTYPE_LEAST 1536 /* below it is a length (IEEE 802.3, 3.2.6) */

enum ethertype {
	ETHERTYPE_IPV4 = 0x0800,
	ETHERTYPE_ARP = 0x0806,
	ETHERTYPE_BRIDGED = 0x6558, /* a whole Ethernet frame (RFC 1701) */
	ETHERTYPE_IPV6 = 0x86dd,
	ETHERTYPE_MPLS = 0x8847,
	ETHERTYPE_MPLS_UPSTREAM = 0x8848,
	ETHERTYPE_PPPOE_DISCOVERY = 0x8863,
	ETHERTYPE_PPPOE = 0x8864,
	ETHERTYPE_LLDP = 0x88cc,
};

enum next next_of_ethertype(uint16_t type)
{
	switch (type) {
	case ETHERTYPE_IPV4:
	case ETHERTYPE_IPV6: return NEXT_IP;
	case ETHERTYPE_MPLS:
	case ETHERTYPE_MPLS_UPSTREAM: return NEXT_MPLS;
	case ETHERTYPE_BRIDGED: return NEXT_ETHERNET;
	default: return NEXT_NOTHING;
	}
}

/* IEEE 802.1Q, 9.6: the outer tag is the service's where there are two. */
static void fill_tag(struct record *r, unsigned tag, uint16_t tci)
{
	if (tag == 0) {
		FILL(r, src_vlan, tci & 0x0fff);
		FILL(r, vlan_priority, (uint8_t)(tci >> 13));
	} else if (tag == 1) {
		FILL(r, src_cvlan, tci & 0x0fff);
	}
}

enum next dissect_ethernet(struct dissection *d, struct cursor *c)
{
	bool outermost = d->framed && d->depth == 1;
	const uint8_t *macs = cursor_take(c, 12);
	if (macs && outermost) {
		struct mac dst, src;
		memcpy(dst.b, macs, sizeof dst.b);
		memcpy(src.b, macs + 6, sizeof src.b);
		FILL(d->r, dst_mac, dst);
		FILL(d->r, src_mac, src);
	}
	uint16_t type = cursor_u16(c);
	for (unsigned tag = 0; packet_is_vlan(type) && tag < VLAN_TAGS_MAX; tag++) {
		uint16_t tci = cursor_u16(c);
		if (cursor_ok(c) && outermost)
			fill_tag(d->r, tag, tci);
		type = cursor_u16(c);
	}
	if (!cursor_ok(c))
		return NEXT_NOTHING;
	if (outermost && type >= ETHERTYPE_LEAST)
		FILL(d->r, ether_type, type);
	return next_of_ethertype(type);
}

/* One entry of a label stack (RFC 3032, 2.1). */
static void fill_label(struct record *r, unsigned n, uint32_t entry)
{
	enum field_id id = (enum field_id)(FIELD_mpls_label_1 + n);
	if (n == 0) {
		FILL(r, mpls_exp, (uint8_t)(entry >> 9 & 7));
		FILL(r, mpls_ttl, (uint8_t)entry);
	}
	if (id > FIELD_mpls_label_6 || record_has(r, id))
		return;
	*(uint32_t *)((char *)r + fields[id].offset) = entry >> 12;
	record_mark(r, id);
}

/* Would c be an IP header that makes sense? */
static bool plausible_ip(struct cursor c)
{
	uint8_t first = cursor_u8(&c);
	cursor_take(&c, 1);
	uint16_t total = cursor_u16(&c);
	if (first >> 4 == 6)
		return cursor_ok(&c);
	unsigned header = (first & 0x0fu) * 4;
	return cursor_ok(&c) && first >> 4 == 4 && header >= 20 && (total >= header || total == 0);
}

/* Would c be an Ethernet frame of a well-known type? */
static bool plausible_ethernet(struct cursor c)
{
	cursor_take(&c, 12);
	uint16_t type = cursor_u16(&c);
	if (!cursor_ok(&c))
		return false;
	switch (type) {
	case ETHERTYPE_ARP:
	case ETHERTYPE_PPPOE_DISCOVERY:
	case ETHERTYPE_PPPOE:
	case ETHERTYPE_LLDP: return true;
	default: return packet_is_vlan(type) || next_of_ethertype(type) != NEXT_NOTHING;
	}
}

/* Nothing says what a label stack carries (RFC 4928, 3): it is guessed. IP shows by its version. A
 * pseudowire of Ethernet (RFC 4448) has a control word or none, whose first four bits are 0, as
 * those of many a MAC address are; a MAC address that begins with four zeros is less likely than an
 * empty control word. */
static enum next behind_labels(struct dissection *d, struct cursor *c)
{
	struct cursor behind_word = *c;
	uint32_t word = cursor_u32(&behind_word);
	if (plausible_ip(*c))
		return NEXT_IP;
	bool bare = plausible_ethernet(*c);
	bool worded = cursor_ok(&behind_word) && word >> 28 == 0 && plausible_ethernet(behind_word);
	if (!bare && !worded)
		return NEXT_NOTHING;
	if (worded && (!bare || word == 0))
		*c = behind_word;
	dissect_tunnel(d, TUNNEL_EOMPLS, NULL);
	return NEXT_ETHERNET;
}

enum next dissect_mpls(struct dissection *d, struct cursor *c)
{
	bool outermost = d->ip_count == 0 && !d->labelled;
	bool bottom = false;
	d->labelled = true;
	for (unsigned n = 0; !bottom; n++) {
		uint32_t entry = cursor_u32(c);
		if (!cursor_ok(c))
			return NEXT_NOTHING;
		if (outermost)
			fill_label(d->r, n, entry);
		bottom = entry & 0x100;
	}
	return behind_labels(d, c);
}
