#include "lib/quirks.h"

#include <string.h>

#include "lib/base.h"
#include "lib/template.h"

#define IE_PADDING         210
#define IE_UPTIME_LAST     21
#define IE_UPTIME_FIRST    22
#define IE_BYTES           1
#define IE_BYTES_TOTAL     85
#define IE_INITIATOR_BYTES 231
#define REPEATED_WITHIN    256 /* fields: all pairs are compared */

static const struct {
	const char *name;
	bool settable;
} quirks[QUIRK_COUNT] = {
#define Q(id, name, settable, doc) {name, settable},
#include "lib/quirks.def"
#undef Q
};

_Static_assert(QUIRK_COUNT <= 64, "a set of quirks is a uint64_t");

const char *quirk_name(enum quirk id)
{
	return quirks[id].name;
}

int quirk_by_name(const char *name, size_t len)
{
	for (size_t i = 0; i < LEN(quirks); i++)
		if (quirks[i].settable && strlen(quirks[i].name) == len &&
			memcmp(quirks[i].name, name, len) == 0)
			return (int)i;
	return -1;
}

const char *quirks_settable(void)
{
#define SETTABLE_1(name)           ", " name
#define SETTABLE_0(name)           ""
#define Q(id, name, settable, doc) SETTABLE_##settable(name)
	static const char all[] =
#include "lib/quirks.def"
		;
#undef Q
	return all + 2;
}

static bool has_element(const struct template *t, uint16_t id)
{
	for (size_t i = 0; i < t->field_count; i++)
		if (t->fields[i].pen == 0 && t->fields[i].id == id)
			return true;
	return false;
}

static bool is_repeated(const struct template *t, size_t i)
{
	const struct template_field *f = &t->fields[i];
	if ((f->pen == 0 && f->id == IE_PADDING) || f->pen == PEN_PADDING)
		return false;
	for (size_t k = 0; k < i; k++)
		if (t->fields[k].id == f->id && t->fields[k].pen == f->pen)
			return true;
	return false;
}

static uint64_t quirks_of_fields(const struct template *t)
{
	uint64_t met = 0;
	for (size_t i = 0; i < t->field_count; i++) {
		const struct template_field *f = &t->fields[i];
		bool uptime = f->pen == 0 && (f->id == IE_UPTIME_FIRST || f->id == IE_UPTIME_LAST);
		if (f->len == 0)
			met |= QUIRK_BIT(EMPTY_FIELDS);
		if (uptime && f->len != 4)
			met |= QUIRK_BIT(LONG_UPTIME);
		if (i < REPEATED_WITHIN && is_repeated(t, i))
			met |= QUIRK_BIT(REPEATED_ELEMENTS);
	}
	return met;
}

uint64_t quirks_of_template(const struct template *t, uint8_t version)
{
	uint64_t met = quirks_of_fields(t);
	if (t->variable && version == 9)
		met |= QUIRK_BIT(VARIABLE_V9);
	for (size_t i = 0; i < t->first_extra; i++)
		if (t->steps[i].op == STEP_OTHER_FAMILY)
			met |= QUIRK_BIT(BOTH_FAMILIES);
	if (has_element(t, IE_INITIATOR_BYTES) && !has_element(t, IE_BYTES) &&
		!has_element(t, IE_BYTES_TOTAL))
		met |= QUIRK_BIT(INITIATOR_COUNTERS);
	return met;
}
