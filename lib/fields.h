/* fields: the table of fields (fields.def) as data. */
#ifndef GOFLOW_FIELDS_H
#define GOFLOW_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum field_kind {
#define K(kind, number, ctype, pg, my, lite, proto) KIND_##kind = number,
#include "lib/kinds.def"
#undef K
	KIND_COUNT
};

enum field_id {
#define F(name, kind, dflt, unit, doc, ...) FIELD_##name,
#define W(field, value, word)
#include "lib/fields.def"
#undef F
#undef W
	FIELD_COUNT
};

#define FIELD_WORDS ((FIELD_COUNT + 63) / 64) /* presence words */

/* How an element's bytes become a field's value: the macros of fields.def. */
enum source_form {
	FORM_VALUE, FORM_V6, FORM_HIGH, FORM_LOW, FORM_UPTIME, FORM_SECONDS, FORM_MILLIS, FORM_MICROS,
	FORM_NANOS, FORM_DELTA_US, FORM_MS_AS_US, FORM_LABEL,
	FORM_BITS, /* of elements of the user's own alone (lib/elements.h) */
};

struct field_source {
	uint32_t pen;
	uint16_t id;
	uint8_t form; /* enum source_form */
};

struct field {
	const char *name, *unit, *doc;
	uint8_t kind;     /* enum field_kind */
	bool by_default;  /* in the default column set */
	uint16_t offset;  /* of the member in struct record */
	uint8_t source_count;
	const struct field_source *sources;
};

extern const struct field fields[FIELD_COUNT];

/* The types of a kind elsewhere; NULL for a number that is no kind. */
const char *kind_postgres_type(uint8_t kind);
const char *kind_mysql_type(uint8_t kind);
const char *kind_sqlite_type(uint8_t kind);
const char *kind_protobuf_type(uint8_t kind);

/* The field of that name, or -1. */
int field_by_name(const char *name, size_t len);

/* The word for a value of a field of kind WORD, or NULL; and back, 0 if there is none. */
const char *field_word(enum field_id id, uint8_t value);
uint8_t field_word_value(enum field_id id, const char *word, size_t len);

#endif
