/* sequence: what sequence numbers of export packets tell about loss. */
#ifndef GOFLOW_SEQUENCE_H
#define GOFLOW_SEQUENCE_H

#include <stdbool.h>
#include <stdint.h>

/* Of an exporter. */
struct sequence_counts {
	uint64_t lost_datagrams, lost_records; /* records are an estimate for v9 */
	uint64_t reordered, restarts;
};

struct sequence {
	bool known;          /* next holds */
	uint32_t next;       /* the number expected */
	uint64_t datagrams, records; /* seen, for the mean that v9's estimate needs */
};

/* How a header's sequence number compares with the one expected. */
enum sequence_verdict { SEQUENCE_FIRST, SEQUENCE_NEXT, SEQUENCE_GAP, SEQUENCE_LATE, SEQUENCE_RESTART };

/* Judges a sequence number and counts what is missing. per_datagram: it counts datagrams (v9), not
 * records. Call sequence_advance after the datagram was decoded. */
enum sequence_verdict sequence_check(
	struct sequence *s, struct sequence_counts *counts, uint32_t number, bool per_datagram);

/* `records` were in the datagram; `exact` is false if a set could not be decoded, so that their number
 * is not known. Does nothing after SEQUENCE_LATE. */
void sequence_advance(struct sequence *s, struct sequence_counts *counts, enum sequence_verdict verdict,
	uint32_t number, uint32_t records, bool exact, bool per_datagram);

#endif
