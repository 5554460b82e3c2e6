/* dissect_layers: what the files of dissect share: the packet in hand, header by header. For dissect*.c alone. */
#ifndef GOFLOW_DISSECT_LAYERS_H
#define GOFLOW_DISSECT_LAYERS_H

#include "lib/cursor.h"
#include "lib/record.h"

/* What comes next in the packet. */
enum next {
	NEXT_NOTHING,
	NEXT_ETHERNET,
	NEXT_MPLS,
	NEXT_IP,
	NEXT_PROTOCOL, /* that of the last IP header */
};

/* The words of the field tunnel. */
enum tunnel {
	TUNNEL_GRE = 1, TUNNEL_VXLAN, TUNNEL_GENEVE, TUNNEL_GTP, TUNNEL_IPIP, TUNNEL_IP6, TUNNEL_SRV6, TUNNEL_EOMPLS,
};

/* One IP header. Pointers borrow from the packet. */
struct ip_layer {
	const uint8_t *header;   /* 20 octets of IPv4, 40 of IPv6; NULL: the packet begins behind it */
	const uint8_t *fragment; /* the 8 octets of IPv6's fragment header, or NULL */
	struct cursor payload;   /* what was captured of it; failed where no transport header can be */
	uint32_t len;            /* of the packet by this header, 0: it does not say */
	uint32_t extensions;     /* bits of ipv6ExtensionHeaders (IANA IPFIX element 64) */
	uint8_t version, protocol;
	bool has_protocol;       /* false: cut before IPv6's extension headers tell */
	bool routed;             /* has a segment routing header (RFC 8754) */
};

struct dissection {
	struct record *r;
	struct ip_layer outer, inner; /* the first and the last that could be read */
	unsigned ip_count;
	unsigned depth;               /* Ethernet and IP headers so far */
	bool framed;                  /* begins with an Ethernet header */
	bool labelled;                /* a label stack was met */
};

/* Sets a field that is not set yet. */
#define FILL(rec, name, value)                                                                     \
	do {                                                                                       \
		if (!record_has((rec), FIELD_##name))                                              \
			RECORD_SET((rec), name, value);                                            \
	} while (0)

/* What follows an Ethertype, also where GRE and Geneve use one. */
enum next next_of_ethertype(uint16_t type);

/* Moves the end of c to at most n octets ahead: what is behind is padding. */
void dissect_limit(struct cursor *c, size_t n);

/* Notes that a tunnel of this kind was entered. id NULL: it has no number. */
void dissect_tunnel(struct dissection *d, enum tunnel kind, const uint32_t *id);

/* Each reads one header and moves c behind it. */
enum next dissect_ethernet(struct dissection *d, struct cursor *c);
enum next dissect_mpls(struct dissection *d, struct cursor *c);
enum next dissect_ip(struct dissection *d, struct cursor *c);
enum next dissect_protocol(struct dissection *d, struct cursor *c);

#endif
