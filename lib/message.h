/* message: what the decoders of one protocol each share: the export message in hand, its data sets, and its
 * records on their way to emit. For lib's decoders alone. */
#ifndef GOFLOW_MESSAGE_H
#define GOFLOW_MESSAGE_H

#include "lib/announced.h"
#include "lib/common.h"
#include "lib/cursor.h"
#include "lib/decode.h"
#include "lib/join.h"
#include "lib/lists.h"

struct late;

/* What the record in hand may have: of common properties, its own, and templates of its lists. */
#define RECORD_EXTRAS_ALL (COMMON_EXTRAS_MAX + RECORD_EXTRAS_MAX + LISTS_TEMPLATES_MAX)

enum fixed_form { FIXED_V1, FIXED_V5, FIXED_V7, FIXED_COUNT };

struct decoder {
	struct exporters *exporters;
	struct late *late;
	decode_emit *emit;
	void *emit_ctx;
	decode_counters *counters; /* NULL: not asked for */
	const struct decode_trace *trace;
	bool inner, scale, split; /* of decoder_config */
	struct decode_counts counts;
	struct template *fixed[FIXED_COUNT];                 /* the records of NetFlow v1, v5 and v7 */
	struct record record;                                /* the one being filled */
	struct template_field defs[TEMPLATE_FIELDS_MAX];     /* of the template being read */
	struct field_position positions[TEMPLATE_FIELDS_MAX];
	uint8_t list_templates[LISTS_BYTES_MAX];             /* that go with the record in hand */
};

struct message_header {
	uint8_t version;
	uint32_t domain, sequence;
	uint64_t export_ns;
	uint8_t export_digits;
	enum sequence_unit unit; /* that the sequence number counts */
	bool has_uptime;
	uint32_t uptime;   /* the exporter's, as it stands in the header */
};

struct pending; /* late.c: sets of the datagram in hand that wait */

struct message {
	struct decoder *decoder;
	const struct datagram *datagram;
	struct domain *domain;
	struct message_header header;
	struct pending *pending;
	struct plan_times times;
	unsigned joins;               /* what join_record has to do with the records of the set in hand */
	bool split;                   /* they may be of both directions, and are to be parted */
	uint64_t shared[FIELD_WORDS]; /* fields set by the header, for all its records */
	uint32_t records;   /* data records so far, option records included */
	uint32_t options;   /* of them option records */
	uint32_t flows;     /* handed to emit: two for a record that was split */
	bool exact;         /* records is all there were */
	int err;            /* the first fault */
};

/* Begins a message: finds its domain, and sets the fields that its records share.
 * Returns 0 or ERR_MEMORY. */
int message_begin(struct message *m, struct decoder *d, const struct datagram *dg,
	const struct message_header *h);

/* The same for a set of a message that was begun and ended before: its sequence number is left alone. */
void message_resume(struct message *m, struct decoder *d, const struct datagram *dg,
	const struct message_header *h, struct domain *domain);

/* Adds the flows of m to the counters; and its exporter, if it had records, has sent what can be decoded. */
void message_count_flows(struct message *m);

/* For a datagram in which no message begins: counts `err` for its exporter, and returns it. */
int message_refuse(struct decoder *d, const struct datagram *dg, uint16_t version, int err);

/* Uptimes in this message (IPFIX) count from the time that an option record of its domain told, if one did. */
void message_sysinit(struct message *m);

/* Uptimes in this message count from the header's (NetFlow v5 and v9): `uptime` at unix second `s` and
 * residual nanoseconds. Tells exporters that count seconds apart from those that count milliseconds. */
void message_uptime(struct message *m, uint32_t uptime, uint32_t s, uint32_t ns);

/* Marks a field of m->decoder->record, already set, as shared by the message's records. */
void message_share(struct message *m, enum field_id id);

/* Takes that back. */
void message_unshare(struct message *m, enum field_id id);

/* All that the message's records by this template share has been said; NULL: they have none. */
void message_share_done(struct message *m, const struct template *t);

/* For one: m->decoder->record becomes a new record with what is shared. */
void message_blank(struct message *m);

/* Hands it to emit, with its times completed. */
void message_emit(struct message *m);

/* Counts a quirk of the exporter. */
static inline void message_met(struct message *m, enum quirk id)
{
	m->domain->exporter->quirks[id]++;
}

/* Notes a fault at `at` of the datagram; the first one is the message's result. */
void message_fault(struct message *m, const uint8_t *at, int err);

/* Decodes a data set's contents by its template: flow records are emitted, option records learnt from.
 * A rest shorter than a record is padding. */
void message_data(struct message *m, const struct template *t, struct cursor set);

/* Reads the sets of a NetFlow v9 or IPFIX message, calling `templates` for sets of templates (options
 * false) and options templates (true), whose ids are given. */
struct set_ids {
	uint16_t templates, options;
};
typedef void message_templates(struct message *m, struct cursor set, bool options);
void message_sets(struct message *m, struct cursor rest, struct set_ids ids, message_templates *templates);

/* Compiles and takes over a template from m->decoder->defs[0..count). `at` is where it began.
 * Returns false after a fault. */
bool message_define(struct message *m, const uint8_t *at, uint16_t id, size_t count, uint16_t scope_count,
	bool options);

/* Ends it: sequence, counters, and what waited for its templates. Returns m->err, or 1: nothing is wrong
 * but that sets wait for their templates. */
int message_end(struct message *m);

/* The decoders: the cursor stands behind the version field. */
int netflow1_decode(struct decoder *d, const struct datagram *dg, struct cursor c);
int netflow5_decode(struct decoder *d, const struct datagram *dg, struct cursor c);
int netflow7_decode(struct decoder *d, const struct datagram *dg, struct cursor c);
int netflow9_decode(struct decoder *d, const struct datagram *dg, struct cursor c);
int ipfix_decode(struct decoder *d, const struct datagram *dg, struct cursor c);

/* It stands behind the first half of the version, which has 4 octets. */
int sflow_decode(struct decoder *d, const struct datagram *dg, struct cursor c);

/* The templates of the protocols whose records have a fixed form. Returns 0, or ERR_MEMORY, with those that there was
 * memory for; netflow_fixed_free takes either. */
int netflow_fixed_new(struct template *out[static FIXED_COUNT]);
void netflow_fixed_free(struct template *templates[static FIXED_COUNT]);

#endif
