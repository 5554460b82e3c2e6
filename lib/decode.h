/* decode: from a datagram to flow records, by the version that its first two bytes name.
 *
 * Decoding is a function of (state, datagram): no clock, no I/O, no log. A new protocol is one file and one
 * row in decode.c's table. */
#ifndef GOFLOW_DECODE_H
#define GOFLOW_DECODE_H

#include "lib/cursor.h"
#include "lib/datagram.h"
#include "lib/exporter.h"
#include "lib/record.h"

struct decoder;

/* Takes one flow record; r and all that it borrows hold until it returns. */
typedef void decode_emit(void *ctx, const struct record *r);

/* Takes one counter sample of sFlow: head has the fields that say whose it is and obs_point, records and n its
 * counter records (lib/sflow_counters.h). All hold until it returns. */
typedef void decode_counters(void *ctx, const struct record *head, struct cursor records, uint32_t n);

struct decoder_config {
	size_t state_max;     /* bytes of all that is remembered */
	size_t exporter_max;  /* of that: of one exporter, its domains and templates */
	size_t wait_max;      /* of state_max: of data sets that wait for their templates */
	uint64_t wait_ns;     /* how long they do, in time of receipt */
	uint64_t lifetime_ns; /* how long a template is good for, in time of receipt; 0: until it is replaced */
	uint64_t seed;        /* any number that others cannot guess */
	bool inner;           /* of a sampled packet in a tunnel, the innermost IP packet is the flow (lib/dissect.h) */
	bool split;           /* make two records of one that counts both directions */
	bool scale;           /* multiply counters by the sampling rate, into fields of their own */
	decode_counters *counters; /* gets the ctx of emit; NULL: counter samples are passed over */
	const struct exporters_file *exporters; /* what the user says of exporters; NULL: nothing. Borrowed */
};

#define DECODER_STATE_MAX    (64 * 1024 * 1024)
#define DECODER_EXPORTER_MAX (1024 * 1024)
#define DECODER_WAIT_PART    16 /* the part of state_max that may wait, unless said otherwise */
#define DECODER_WAIT_NS      (1800 * NS_PER_S) /* routers repeat templates every 30 minutes at the latest */

/* NULL: no memory. */
struct decoder *decoder_new(const struct decoder_config *config, decode_emit *emit, void *ctx);
void decoder_free(struct decoder *d);

/* Decodes one datagram, handing its flow records to emit in their order, and those of data sets that waited
 * for a template of it. Returns 0, 1 (some of its sets wait for their templates), or the first
 * thing that was wrong with it (ERR_VERSION, ERR_BAD_HEADER, ERR_BAD_SET, ERR_BAD_TEMPLATE, ERR_BAD_RECORD,
 * ERR_NO_TEMPLATE, ERR_STATE_LIMIT, ERR_TRUNCATED, ERR_MEMORY): what could be read has been emitted all the same. */
int decode(struct decoder *d, const struct datagram *dg);

struct decode_counts {
	uint64_t decoded;                /* datagrams without fault */
	uint64_t waiting;                /* datagrams with sets that wait for their templates (a gauge) */
	uint64_t resumed;                /* datagrams whose waiting sets were read back by state_read */
	uint64_t undecodable[ERR_COUNT]; /* datagrams by -err */
	uint64_t flows, option_records, templates, withdrawals, reserved_sets, counter_samples;
	uint64_t wait_bytes;                     /* of data sets that wait (a gauge) */
	uint64_t wait_bytes_hits, wait_time_hits; /* data sets given up for want of room, and for their age */
};
const struct decode_counts *decoder_counts(const struct decoder *d);
const struct exporters *decoder_exporters(const struct decoder *d);

/* What --explain wants to see; offsets are from the datagram's first byte. All of them must be set. */
struct decode_trace {
	void *ctx;
	/* A set, before its contents; or a sample. */
	void (*set)(void *ctx, size_t offset, uint32_t id, size_t len, const char *what);
	/* A template, compiled and in force; `offset` is that of its record in the set. */
	void (*template)(void *ctx, size_t offset, const struct template *t);
	/* A data record: `record` NULL for an option record. */
	void (*record)(void *ctx, size_t offset, const struct template *t, const uint8_t *p,
		const struct field_position *pos, const struct record *record);
	/* Of protocols without templates: one value that was read, and at last the record that they made. */
	void (*item)(void *ctx, size_t offset, const uint8_t *p, size_t len, const char *name);
	void (*whole)(void *ctx, const struct record *record);
	/* Something wrong at that offset. */
	void (*fault)(void *ctx, size_t offset, int err);
};
void decoder_set_trace(struct decoder *d, const struct decode_trace *trace); /* borrowed; NULL ends it */

#endif
