/* defrag: from captured frames to whole UDP datagrams: packet_ip, reassembly of IPv4 and IPv6
 * fragments (RFC 791, 3.2; RFC 8200, 4.5), packet_udp.
 *
 * Bounded: a fixed number of packets in reassembly, each of at most 65,535 bytes of payload, given
 * up 30 s (of capture time) after their first fragment; the oldest goes first when there is no
 * room. Overlapping fragments condemn their packet (RFC 5722). */
#ifndef GOFLOW_DEFRAG_H
#define GOFLOW_DEFRAG_H

#include "lib/packet.h"

struct defrag;

/* A reassembler for at most `slots` packets at a time; NULL without memory. Buffers are allocated
 * when a slot is first used. */
struct defrag *defrag_new(unsigned slots);
void defrag_free(struct defrag *f);

/* One frame in, at most one datagram out. Returns 1 (d is filled; d->data borrows from the frame or
 * from the reassembler, until the next call), 0 (a fragment was kept), or a negative code of
 * packet_ip, packet_udp, or ERR_FRAGMENT_LIMIT (this fragment was refused). */
int defrag_datagram(struct defrag *f, uint32_t linktype, const uint8_t *frame, uint32_t caplen,
	struct instant received, struct datagram *d);

/* At the end of the input: gives up all that is held. */
void defrag_give_up(struct defrag *f);

/* What happened to the frames that defrag_datagram kept, so that a ledger in frames adds up:
 * frames = datagrams + waiting + given_up + joined, where joined counts the fragments, beyond the
 * first, of packets that came out whole. */
struct defrag_counts {
	uint64_t waiting;  /* fragments now held */
	uint64_t given_up; /* fragments dropped after they had been held */
	uint64_t joined;
};
struct defrag_counts defrag_counts(const struct defrag *f);

#endif
