/* join: what is known of an exporter, by its option records and by the user's file, put into its flow
 * records: names of interfaces, VRFs and applications, sampling rates; and quirks of its records set right. */
#ifndef GOFLOW_JOIN_H
#define GOFLOW_JOIN_H

#include "lib/exporter.h"

/* Learns what an option record says: p and pos as plan_run has them. */
void join_learn(struct exporters *all, struct domain *domain, const struct template *t, const uint8_t *p,
	const struct field_position *pos);

/* Which of the fields that have names a template's records may have: for template.c, and join_begin. */
uint8_t join_fields(const struct template *t);

/* What is to be done with each record of a template (NULL: with any record), so that a record for which there is
 * nothing to do costs nothing: bits for join_record, 0: nothing. */
unsigned join_begin(const struct exporter *e, const struct template *t);

/* Of those bits: elements 23 and 24 are the counters of the opposite direction. */
#define JOIN_REVERSE (1u << 30)

/* Does that. Text that it sets borrows from what is remembered of the exporter, and holds until that
 * learns more. */
void join_record(unsigned what, struct domain *domain, struct record *r);

/* The fields, of join_begin's bits, that names of a kind are joined to. */
uint8_t join_fields_of(enum name_kind kind);

/* For a record of ICMP whose template has no type: it stands in the destination port (type and code as one
 * number), or in the source port where that is 0. Where both are, nobody knows. */
void join_icmp(struct exporter *e, struct record *r);

/* Adds the counters times the sampling rate, where that is known. */
void join_scale(struct record *r);

/* Whether all records of a template were sampled alike, as far as their exporter tells. */
bool join_rate_is_shared(const struct domain *domain, const struct template *t);

/* The rate of a template's records, or with r of this one, which may say something itself. Returns 0
 * where nobody knows it; *source is always set (the words of sampling_source). */
uint32_t join_rate(struct domain *domain, const struct template *t, const struct record *r, uint8_t *source);

#endif
