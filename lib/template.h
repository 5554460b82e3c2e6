/* template: NetFlow v9 and IPFIX templates, compiled on arrival into a plan.
 *
 * The plan is the one place that reads bytes from the network without a cursor: it checks a record's
 * length once and then copies without further checks. */
#ifndef GOFLOW_TEMPLATE_H
#define GOFLOW_TEMPLATE_H

#include "lib/cursor.h"
#include "lib/record.h"

#define TEMPLATE_FIELDS_MAX 2048
#define TEMPLATE_VARIABLE   65535      /* a field length: stands in front of each value (RFC 7011, 7) */
#define TEMPLATE_EMPTY_MAX  16         /* fields of no length: a record of few octets must not hold many fields */
#define PEN_SCOPE           0xffffffff /* the scope types of NetFlow v9 (RFC 3954, 6.1) are no elements */
#define PEN_PADDING         0xfffffffe /* octets that mean nothing, in templates of id 0: those of no exporter */
#define PADDING_ROUTER      1          /* but for the router that NetFlow v7 names, which is no element */

#define RECORD_EXTRAS_MAX   (TEMPLATE_FIELDS_MAX + FIELD_COUNT) /* of a record that a plan filled */

#define BLOCK_OVERHEAD      16 /* octets of an allocated block beside what it holds */

struct template_field {
	uint32_t pen;
	uint16_t id, len;
};

/* What a step does with a field's bytes; template.c says with which length and kind. */
enum step_op {
	/* always set their field, so that its presence is the template's; independent of each other,
	 * they are run op by op */
	STEP_U8, STEP_U16, STEP_U32, STEP_U64, STEP_U16_OF_1, STEP_U32_OF_2, STEP_U64_OF_4, STEP_WIDEN_U32,
	STEP_WIDEN_U64, STEP_IP4,
	STEP_IP6, STEP_MAC, STEP_CONDITIONAL,
	/* whether these set it depends on the value; they are run in their order */
	STEP_SYSINIT = STEP_CONDITIONAL, STEP_NARROW, STEP_TEXT, STEP_HIGH, STEP_LOW, STEP_UPTIME, STEP_SECONDS,
	STEP_MILLIS, STEP_MICROS, STEP_NANOS, STEP_DELTA_US, STEP_MS_AS_US, STEP_LABEL, STEP_BITS,
	STEP_OTHER_FAMILY, STEP_EXTRA,
};

struct step {
	uint8_t op;
	uint8_t field;    /* enum field_id */
	uint16_t target;  /* offset of its member in struct record */
	uint16_t index;   /* of the template field */
	uint16_t len;     /* bytes of it; unless it is variable */
	uint32_t offset;  /* in the record; unless the template is variable */
	uint16_t partner; /* STEP_OTHER_FAMILY: template field of the first family, or UINT16_MAX */
	uint16_t bits;    /* STEP_BITS: OWN_BITS() of lib/elements.h */
};

struct template {
	struct template *next; /* for lib/definitions, as are these: */
	uint64_t hash;         /* of its definition */
	uint32_t users, number;
	uint16_t id, scope_count, field_count, step_count;
	/* The steps stand in the order of their ops: where those of each unconditional op end, where the first
	 * STEP_EXTRA is, and the first of those beside which no value of another step can come to stand. */
	uint16_t end_of[STEP_CONDITIONAL], first_extra, first_alone;
	bool options;
	bool own_sampling;    /* its records tell their sampling rate or sampler */
	uint8_t join_fields;  /* join_fields of it */
	bool sampling_pair;   /* they may by elements that come in pairs, and are extras */
	bool icmp_in_port;    /* they have a protocol and ports, but no ICMP type */
	bool variable;        /* holds fields of variable length */
	bool section;         /* its flow records hold part of a packet */
	uint8_t vendor;       /* what vendor_complete has to do with its records */
	bool nested;          /* its flow records tell of two IP headers */
	bool lists;           /* they hold structured data (lib/lists.h) */
	uint32_t record_len;  /* exact; the least, if variable; never 0 */
	uint32_t bytes;       /* that it occupies, BLOCK_OVERHEAD included */
	uint64_t present[FIELD_WORDS];   /* what every record will have */
	struct template_field *fields;   /* in the same allocation, as are the steps */
	struct step *steps;
};

/* Makes a template out of field_count definitions, which are copied. Returns it (the caller owns it and
 * frees it with free), or NULL with *err: ERR_BAD_TEMPLATE (no field, or records of no length: RFC 7011 allows
 * neither; or more than TEMPLATE_EMPTY_MAX fields of no length), ERR_STATE_LIMIT (too many fields), ERR_MEMORY. */
struct template *template_compile(uint16_t id, const struct template_field *defs, size_t field_count,
	uint16_t scope_count, bool options, int *err);

/* The same definition in the same order? */
bool template_same(const struct template *t, const struct template_field *defs, size_t field_count,
	uint16_t scope_count, bool options);

/* Where each field of one record lies. */
struct field_position {
	uint32_t offset, len;
};

/* Walks the fields of the record at `at` (of a set's rest): fills pos[field_count] and returns the
 * record's length, or 0 if it does not fit (RFC 7011, section 7, for variable lengths). */
size_t template_locate(const struct template *t, struct cursor at, struct field_position *pos);

/* What a plan needs to know beside the record: the times of the export header. */
struct plan_times {
	uint64_t export_ns;   /* export time */
	uint64_t base_ns;     /* export time by the clock that uptimes count against, in whole units of theirs */
	uint32_t base_uptime; /* the exporter's uptime then, in its units; with has_base */
	bool has_base;        /* uptimes can be converted */
	bool in_seconds;      /* they count seconds, not milliseconds */
	uint64_t met;         /* quirks of uptimes that plan_run came upon are added to this set */
};

/* Runs the plan over one record: bytes of `len` = record_len at p, or with positions of template_locate.
 * Sets members, presence bits beyond t->present, and extras of r, which must have room for
 * RECORD_EXTRAS_MAX of them. times->has_base may be set by the record itself (element 160). */
void plan_run(const struct template *t, const uint8_t *p, const struct field_position *pos, struct record *r,
	struct plan_times *times);

#endif
