/* packet: from a captured frame to the UDP datagram in it. */
#ifndef GOFLOW_PACKET_H
#define GOFLOW_PACKET_H

#include "lib/cursor.h"
#include "lib/datagram.h"

/* The link types that are understood, as numbered in pcap files (LINKTYPE_*). */
enum linktype {
	LINKTYPE_NULL = 0,     /* 4 bytes of address family in the capturing host's byte order */
	LINKTYPE_ETHERNET = 1, /* with any number of 802.1Q / 802.1ad tags up to 8 */
	LINKTYPE_RAW_BSD = 12, /* raw IP, as some systems number it */
	LINKTYPE_RAW_OPENBSD = 14,
	LINKTYPE_RAW = 101,  /* raw IP */
	LINKTYPE_LOOP = 108, /* 4 bytes of address family in network byte order */
	LINKTYPE_LINUX_SLL = 113,
	LINKTYPE_IPV4 = 228,
	LINKTYPE_IPV6 = 229,
	LINKTYPE_LINUX_SLL2 = 276,
};

/* An IP packet found in a frame. Pointers borrow from the frame. */
struct packet {
	struct ip src, dst;
	uint8_t protocol;         /* of the payload, IPv6 extension headers passed over */
	bool fragment;            /* a fragment: the next three hold */
	bool more;                /* more fragments follow */
	uint32_t fragment_offset; /* bytes */
	uint32_t fragment_id;
	bool v6;
	const uint8_t *payload; /* behind the IP headers */
	uint32_t len;           /* bytes captured of it */
	uint32_t sent_len;      /* bytes of it that were sent (>= len) by the IP header */
};

/* Finds the IP packet in a frame of caplen captured bytes.
 * Ethernet padding behind the IP packet is cut. Returns 0, ERR_LINKTYPE, ERR_NOT_IP, ERR_TRUNCATED
 * (not even the headers are there) or ERR_BAD_PACKET. */
int packet_ip(uint32_t linktype, const uint8_t *frame, uint32_t caplen, struct packet *out);

/* Passes over the IPv6 extension headers at the beginning of a packet's payload, up to a fragment
 * that is not a whole packet; packet_ip has done so, but a reassembled packet may begin with some.
 * Does nothing for IPv4. Returns 0, ERR_TRUNCATED or ERR_BAD_PACKET. */
int packet_extensions(struct packet *p);

/* Is a protocol number that of an IPv6 extension header that packet_extensions passes over? */
bool packet_is_extension(uint8_t protocol);

/* The octets of the extension header of that number at c, by its own length field; where not even that is there, the
 * least that it can have. */
uint32_t packet_extension_length(struct cursor c, uint8_t protocol);

/* Does a VLAN tag follow this Ethertype (IEEE 802.1Q, and the numbers that stacked tags had before)? */
bool packet_is_vlan(uint16_t ethertype);

/* Reads the UDP header of a whole (not fragmented, or reassembled) packet; d->received is left
 * alone. d->data borrows from p->payload. Returns 0, ERR_NOT_UDP, ERR_TRUNCATED or ERR_BAD_PACKET.
 */
int packet_udp(const struct packet *p, struct datagram *d);

#endif
