/* sflow: the parts of the sFlow decoder. For sflow*.c alone. */
#ifndef GOFLOW_SFLOW_H
#define GOFLOW_SFLOW_H

#include "lib/message.h"

#define SFLOW_VERSION 105 /* in records: 5 is NetFlow's */

/* Of MySQL's column, with room for the number that passes it. */
#define SFLOW_TEXT_MAX  1000
#define SFLOW_TEXT_ROOM (SFLOW_TEXT_MAX + 32)

/* Records of a sample that are not known and kept all the same. */
#define SFLOW_UNKNOWN_MAX 64

/* A sample that is being read into m->decoder->record, whose texts borrow from it. */
struct sflow_sample {
	struct message *m;
	struct record *r;
	uint32_t format; /* of the record in hand */
	uint32_t bytes; /* of the packet, by the best record until now */
	uint8_t rank;   /* of that record: frame, Ethernet, IP; 0: none */
	bool tagged;      /* the sampled frame has a VLAN tag */
	bool switched;    /* the switch said its VLAN */
	bool tunnelled;   /* a record tells a header that is around the packet */
	bool transaction; /* not of a packet */
	char as_path[SFLOW_TEXT_ROOM], communities[SFLOW_TEXT_ROOM];
};

/* Each reads one value, and has --explain tell it as `name`. */
uint32_t sflow_number(struct message *m, struct cursor *c, const char *name);

/* XDR's opaque data of a fixed length: with up to three octets behind it. NULL where it is not there. */
const uint8_t *sflow_opaque(struct message *m, struct cursor *c, size_t len, const char *name);

/* XDR's opaque data or string, with its length in front; p NULL where it is not there. */
struct text sflow_string(struct message *m, struct cursor *c, const char *name);

/* An address: its type, 1 or 2, and 4 or 16 octets. Returns whether there is one; type 0 is none. */
bool sflow_address(struct message *m, struct cursor *c, const char *name, struct ip *out);

/* Dissects the header in c, a record of format 1, into the sample. It comes before all other records, wherever it
 * stands: what it says, they only complete. One that tells of more octets than there are has those. */
void sflow_header(struct sflow_sample *s, struct cursor c);

/* Reads a flow record into the sample: its format (enterprise << 12 | number) stands at `at`, and c is its contents.
 * One that is not known, or of which not all is there, gives what it can. */
void sflow_record(struct sflow_sample *s, const uint8_t *at, struct cursor c);

/* The record extended_gateway. */
void sflow_gateway(struct sflow_sample *s, struct cursor *c);

/* After the last one. */
void sflow_finish(struct sflow_sample *s);

/* The forwarding status (RFC 7270, 4.12) of a packet that was dropped for this reason of sFlow's. */
uint8_t sflow_dropped(uint32_t reason);

#endif
