/* dissect: the inside of a sampled packet, as fields of a record.
 *
 * For the first octets of a packet as sFlow samples and IPFIX sections hold them (RFC 5477, 8.5; RFC 7133), usually 64
 * to 256 octets, cut anywhere: what is there is read, what is not stays unset. Understood are Ethernet with VLAN
 * tags, MPLS and Ethernet over MPLS, IPv4, IPv6, TCP, UDP, SCTP, DCCP, ICMP, IGMP, and as tunnels GRE, VXLAN,
 * Geneve, GTP-U, IP in IP, and IPv6 with a segment routing header.
 *
 * MAC addresses, VLANs, ether_type and MPLS labels are those of the outermost frame. */
#ifndef GOFLOW_DISSECT_H
#define GOFLOW_DISSECT_H

#include "lib/record.h"

/* What the packet begins with. */
enum dissect_link {
	DISSECT_ETHERNET,  /* the destination MAC address */
	DISSECT_IP,        /* an IPv4 or IPv6 header */
	DISSECT_MPLS,      /* the top entry of a label stack */
	DISSECT_TRANSPORT, /* what is behind the IP header: of r->protocol, which must be set */
};

/* The most tunnels and IP headers in each other that are looked into. */
#define DISSECT_DEPTH_MAX 8

/* Reads the first len octets of a packet, at p (any; not changed or kept), and sets the fields of r that say the
 * same and are not set yet. The flow's addresses, ports and the like are those of the outermost IP header; with
 * `inner`, of the innermost that could be read. Where there are several, outer_* and inner_* have both. Never fails:
 * what makes no sense is where it ends. Returns the octets of the flow's IP packet by its own header (more than len
 * where it was cut), or 0 if there is none. */
uint32_t dissect(struct record *r, enum dissect_link link, const uint8_t *p, size_t len, bool inner);

#endif
