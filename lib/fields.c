#include "lib/fields.h"

#include <pthread.h>
#include <string.h>

#include "lib/base.h"
#include "lib/elements.h"
#include "lib/record.h"

#define IE(pen, id)     {pen, id, FORM_VALUE},
#define V6(pen, id)     {pen, id, FORM_V6},
#define HIGH(pen, id)   {pen, id, FORM_HIGH},
#define LOW(pen, id)    {pen, id, FORM_LOW},
#define UPTIME(id)      {0, id, FORM_UPTIME},
#define SECONDS(id)     {0, id, FORM_SECONDS},
#define MILLIS(id)      {0, id, FORM_MILLIS},
#define MICROS(id)      {0, id, FORM_MICROS},
#define NANOS(id)       {0, id, FORM_NANOS},
#define REV_UPTIME(id)  {PEN_REVERSE, id, FORM_UPTIME},
#define REV_SECONDS(id) {PEN_REVERSE, id, FORM_SECONDS},
#define REV_MILLIS(id)  {PEN_REVERSE, id, FORM_MILLIS},
#define REV_MICROS(id)  {PEN_REVERSE, id, FORM_MICROS},
#define REV_NANOS(id)   {PEN_REVERSE, id, FORM_NANOS},
#define DELTA_US(id)    {0, id, FORM_DELTA_US},
#define MS_AS_US(id)    {0, id, FORM_MS_AS_US},
#define LABEL(id)       {0, id, FORM_LABEL},

/* The sources of each field, ended by an empty one. */
#define F(name, kind, dflt, unit, doc, ...)                                                        \
	static const struct field_source sources_of_##name[] = {__VA_ARGS__{0, 0, 0}};
#define W(field, value, word)
#include "lib/fields.def"
#undef F
#undef W

const struct field fields[FIELD_COUNT] = {
#define F(name, kind, dflt, unit, doc, ...)                                                        \
	{#name, unit, doc, KIND_##kind, dflt, offsetof(struct record, name),                       \
		LEN(sources_of_##name) - 1, sources_of_##name},
#define W(field, value, word)
#include "lib/fields.def"
#undef F
#undef W
};

static const struct {
	enum field_id field;
	uint8_t value;
	const char *word;
} words[] = {
#define F(name, kind, dflt, unit, doc, ...)
#define W(field, value, word) {FIELD_##field, value, word},
#include "lib/fields.def"
#undef F
#undef W
};

static const struct {
	const char *postgres, *mysql, *sqlite, *protobuf;
} types[KIND_COUNT] = {
#define K(name, number, ctype, pg, my, lite, proto) [KIND_##name] = {pg, my, lite, proto},
#include "lib/kinds.def"
#undef K
};

const char *kind_postgres_type(uint8_t kind)
{
	return kind < KIND_COUNT ? types[kind].postgres : NULL;
}

const char *kind_mysql_type(uint8_t kind)
{
	return kind < KIND_COUNT ? types[kind].mysql : NULL;
}

const char *kind_sqlite_type(uint8_t kind)
{
	return kind < KIND_COUNT ? types[kind].sqlite : NULL;
}

const char *kind_protobuf_type(uint8_t kind)
{
	return kind < KIND_COUNT ? types[kind].protobuf : NULL;
}

/* Names are looked up by JSON readers for each key of each line: an open-addressed table of ids +
 * 1, filled on first use. */
#define NAME_SLOTS 512
static uint8_t name_slots[NAME_SLOTS];
_Static_assert(FIELD_COUNT < 255, "a slot holds an id + 1 in a byte");

static unsigned name_hash(const char *name, size_t len)
{
	uint32_t h = 2166136261u;
	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)name[i]) * 16777619u;
	return (h ^ h >> 15) % NAME_SLOTS;
}

static void fill_name_slots(void)
{
	for (int id = 0; id < FIELD_COUNT; id++) {
		unsigned at = name_hash(fields[id].name, strlen(fields[id].name));
		while (name_slots[at])
			at = (at + 1) % NAME_SLOTS;
		name_slots[at] = (uint8_t)(id + 1);
	}
}

int field_by_name(const char *name, size_t len)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, fill_name_slots);
	for (unsigned at = name_hash(name, len); name_slots[at]; at = (at + 1) % NAME_SLOTS) {
		const char *have = fields[name_slots[at] - 1].name;
		if (strlen(have) == len && memcmp(have, name, len) == 0)
			return name_slots[at] - 1;
	}
	return -1;
}

const char *field_word(enum field_id id, uint8_t value)
{
	for (size_t i = 0; i < LEN(words); i++)
		if (words[i].field == id && words[i].value == value)
			return words[i].word;
	return NULL;
}

uint8_t field_word_value(enum field_id id, const char *word, size_t len)
{
	for (size_t i = 0; i < LEN(words); i++)
		if (words[i].field == id && strlen(words[i].word) == len &&
			memcmp(words[i].word, word, len) == 0)
			return words[i].value;
	return 0;
}
