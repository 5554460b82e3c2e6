/* sequence: what the sequence numbers of export packets tell about loss, in one domain. NetFlow v5 counts flows,
 * v9 datagrams (RFC 3954, 5.1), IPFIX data records, those of options included (RFC 7011, 3.1). Some exporters
 * count otherwise: that is found out, and what was taken for loss until then is taken back.
 *
 * A number behind the one expected is a datagram that came late, if its place was passed over; else one that came
 * twice, if it was sent no later than the last; else its exporter has begun anew. */
#ifndef GOFLOW_SEQUENCE_H
#define GOFLOW_SEQUENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/bytes.h"
#include "lib/cursor.h"

#define SEQUENCE_GAPS 8 /* remembered, to know what comes late; the oldest is overwritten */

/* What the number of a header counts. */
enum sequence_unit {
	SEQUENCE_RECORDS,     /* flow and option records before this datagram */
	SEQUENCE_FLOWS,       /* flow records before it */
	SEQUENCE_FLOWS_AFTER, /* those, its own included: softflowd's IPFIX */
	SEQUENCE_DATAGRAMS,   /* datagrams before it */
	SEQUENCE_NOTHING,     /* it never changes */
	SEQUENCE_UNITS
};

/* Of an exporter. */
struct sequence_counts {
	uint64_t lost_datagrams, lost_records; /* records are an estimate where datagrams are counted */
	uint64_t reordered, duplicates, restarts;
};

/* Numbers that were passed over. */
struct sequence_gap {
	uint32_t start, len;
	uint32_t worth; /* records counted as lost for each; 0: it was not known whether there were any */
};

struct sequence {
	bool seen;                     /* a datagram */
	bool known;                    /* the next number, in the unit in force; else it is the least there can be */
	uint8_t unit;                  /* in force: enum sequence_unit */
	uint8_t gap_at;                /* the slot that is overwritten next */
	uint32_t next;                 /* expected */
	uint32_t then[SEQUENCE_UNITS]; /* what follows the last datagram, in its place or not, by each unit */
	uint8_t streak[SEQUENCE_UNITS];/* datagrams in a row that followed by this unit and not by the one in force */
	uint32_t export_s, uptime;     /* of the last datagram that came in its place */
	struct sequence_gap gaps[SEQUENCE_GAPS];
	struct sequence_counts doubtful; /* counted while the unit in force did not hold */
	uint64_t datagrams, records;     /* seen, for the mean */
};

/* A datagram that has been decoded. */
struct sequence_datagram {
	enum sequence_unit unit;  /* by its protocol */
	uint32_t number;
	uint32_t export_s;        /* unix time */
	uint32_t uptime;          /* with has_uptime: milliseconds, or seconds where the exporter counts these */
	bool has_uptime;
	bool exact;               /* all of its sets could be decoded; else there may have been more records */
	uint32_t flows, options;  /* records */
};

enum sequence_verdict {
	SEQUENCE_FIRST,     /* nothing was expected: it is the first, or the last had a number of records not known */
	SEQUENCE_NEXT,
	SEQUENCE_GAP,       /* some before it are missing, and are counted as lost */
	SEQUENCE_LATE,      /* it was missing until now: what was counted for it is taken back */
	SEQUENCE_DUPLICATE, /* it has come before */
	SEQUENCE_RESTART,
};

/* Judges a datagram's number by those before it, and counts what that tells. */
enum sequence_verdict sequence_take(struct sequence *s, struct sequence_counts *counts,
	const struct sequence_datagram *d);

/* For lib/state: a form of it in bytes, and back; a cursor that fails says that it is damaged. */
void sequence_write(const struct sequence *s, struct bytes *out);
void sequence_read(struct sequence *s, struct cursor *c);

#endif
