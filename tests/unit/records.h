/* records: flow records to test with: seeded random ones over all fields, extremes among them. */
#ifndef TESTS_UNIT_RECORDS_H
#define TESTS_UNIT_RECORDS_H

#include "lib/record.h"

/* Numbers that a seed decides, the same on every machine. */
struct dice {
	uint64_t state;
};
uint64_t dice_roll(struct dice *d);                 /* any */
uint64_t dice_below(struct dice *d, uint64_t bound); /* 0 to bound - 1 */

/* A record with room for its text and extras. */
struct sample {
	struct record record;
	struct extra extras[64];
	size_t used;
	uint8_t bytes[1024 * 1024];
};

/* Empties it, for fields to be set by hand. */
void sample_clear(struct sample *s);

/* len bytes that last as long as the sample, copied from `bytes`. */
const uint8_t *sample_bytes(struct sample *s, const void *bytes, size_t len);

/* A text, or an extra, of bytes that are copied. */
struct text sample_text(struct sample *s, const void *bytes, size_t len);
void sample_extra(struct sample *s, uint32_t pen, uint16_t id, const void *bytes, size_t len);

/* Gives a field a random value of its kind (one in four an extreme) and marks it. Times have no more
 * digits than they say, as those of all decoders. */
void sample_field(struct sample *s, enum field_id id, struct dice *d);

/* A record of random fields, at least one of them, and up to eight extras, some of them repeated. */
void sample_random(struct sample *s, struct dice *d);

/* A record of all fields. */
void sample_full(struct sample *s, struct dice *d);

#endif
