#include "lib/elements.h"

#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base.h"
#include "lib/cursor.h"
#include "lib/err.h"
#include "lib/instant.h"
#include "lib/ip.h"
#include "lib/jsontext.h"

static const struct element elements[] = {
#define EL(pen, id, type, name) {pen, id, ELEMENT_##type, name},
#include "lib/elements.def"
#undef EL
};

/* Ranges of ids that stand for other elements, under their names with a prefix in front. What the
 * table has goes before. */
static const struct alias {
	uint32_t pen;
	uint16_t first, last;
	uint32_t of_pen;
	uint16_t shift; /* id = the other's id + shift */
	const char *prefix;
} aliases[] = {
	{PEN_REVERSE, 0, 0x7fff, 0, 0, "reverse"},       /* RFC 5103, 6.1 */
	{6871, 0x4000, 0x7fff, 6871, 0x4000, "reverse"}, /* YAF says it by a bit */
	{0, 0x8000, 57471, 9, 0x8000, "v9"},   /* v9 has no enterprise numbers: Cisco's bit */
	{0, 57472, 65535, 35632, 57472, "v9"}, /* nProbe's offset */
};

#define NAME_ROOM(pen, id, type, name)                                                             \
	_Static_assert(sizeof("reverse" name) <= ELEMENT_NAME_MAX, "ELEMENT_NAME_MAX has room");
#define EL NAME_ROOM
#include "lib/elements.def"
#undef EL

/* Two open-addressed tables of positions + 1, by number and by name, filled on first use. */
#define SLOTS 4096
static uint16_t by_id[SLOTS], by_name[SLOTS];
_Static_assert(LEN(elements) < SLOTS / 8 * 5, "the tables are sparse");

static unsigned hash_id(uint32_t pen, uint16_t id)
{
	uint32_t h = (pen * 0x9e3779b1u ^ id) * 0x85ebca6bu;
	return (h ^ h >> 15) % SLOTS;
}

static unsigned hash_name(const char *name, size_t len)
{
	uint32_t h = 2166136261u;
	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)name[i]) * 16777619u;
	return (h ^ h >> 15) % SLOTS;
}

static void insert(uint16_t slots[static SLOTS], unsigned at, size_t position)
{
	while (slots[at])
		at = (at + 1) % SLOTS;
	slots[at] = (uint16_t)(position + 1);
}

static void fill_once(void)
{
	for (size_t i = 0; i < LEN(elements); i++) {
		const struct element *e = &elements[i];
		insert(by_id, hash_id(e->pen, e->id), i);
		insert(by_name, hash_name(e->name, strlen(e->name)), i);
	}
}

static void fill(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, fill_once);
}

static const struct own_elements none, *added = &none;

void elements_extend(const struct own_elements *own)
{
	added = own ? own : &none;
}

static const struct own_element *find_added(
	const struct own_elements *own, uint32_t pen, uint16_t id)
{
	size_t first = 0, end = own->count;
	while (first < end) {
		size_t middle = first + (end - first) / 2;
		const struct own_element *e = &own->list[middle];
		if (e->element.pen == pen && e->element.id == id)
			return e;
		if (e->element.pen < pen || (e->element.pen == pen && e->element.id < id))
			first = middle + 1;
		else
			end = middle;
	}
	return NULL;
}

const struct own_element *element_own(uint32_t pen, uint16_t id)
{
	return find_added(added, pen, id);
}

bool element_is_own(const struct element *e)
{
	return e < elements || e >= elements + LEN(elements);
}

/* The element of the table or of what was added, no alias. */
static const struct element *find_own(const struct own_elements *own, uint32_t pen, uint16_t id)
{
	const struct own_element *mine = find_added(own, pen, id);
	if (mine)
		return &mine->element;
	fill();
	for (unsigned at = hash_id(pen, id); by_id[at]; at = (at + 1) % SLOTS) {
		const struct element *e = &elements[by_id[at] - 1];
		if (e->id == id && e->pen == pen)
			return e;
	}
	return NULL;
}

static const struct element *find_added_name(
	const struct own_elements *own, const char *name, size_t len)
{
	size_t first = 0, end = own->count;
	while (first < end) {
		size_t middle = first + (end - first) / 2;
		const struct element *e = &own->names[middle]->element;
		int order = strncmp(e->name, name, len);
		if (order == 0 && e->name[len] == '\0')
			return e;
		if (order < 0)
			first = middle + 1;
		else
			end = middle;
	}
	return NULL;
}

static const struct element *find_own_name(
	const struct own_elements *own, const char *name, size_t len)
{
	fill();
	for (unsigned at = hash_name(name, len); by_name[at]; at = (at + 1) % SLOTS) {
		const struct element *e = &elements[by_name[at] - 1];
		if (strncmp(e->name, name, len) == 0 && e->name[len] == '\0')
			return e;
	}
	return find_added_name(own, name, len);
}

/* The element that (pen, id) stands for by one of the aliases. */
static const struct element *find_alias(
	const struct own_elements *own, uint32_t pen, uint16_t id, const struct alias **how)
{
	for (size_t i = 0; i < LEN(aliases); i++) {
		const struct alias *a = &aliases[i];
		if (pen != a->pen || id < a->first || id > a->last)
			continue;
		*how = a;
		return find_own(own, a->of_pen, (uint16_t)(id - a->shift));
	}
	return NULL;
}

const struct element *element_find(uint32_t pen, uint16_t id)
{
	const struct alias *how;
	const struct element *e = find_own(added, pen, id);
	return e ? e : find_alias(added, pen, id, &how);
}

static char upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static size_t name_template(uint16_t id, char *out)
{
	static const char word[] = "template";
	memcpy(out, word, sizeof word - 1);
	char *p = jsontext_decimal(out + sizeof word - 1, id);
	*p = '\0';
	return (size_t)(p - out);
}

size_t element_number(uint32_t pen, uint16_t id, char out[static ELEMENT_NAME_MAX])
{
	if (pen == PEN_LIST_TEMPLATE)
		return name_template(id, out);
	bool sflow = pen - PEN_SFLOW < SFLOW_PENS && id < SFLOW_FORMATS;
	size_t len = sflow ? 5 : 2;
	char *p = out;
	memcpy(p, sflow ? "sflow" : "en", len);
	p = jsontext_decimal(p + len, sflow ? pen - PEN_SFLOW : pen);
	memcpy(p, ":id", 3);
	p = jsontext_decimal(p + 3, id);
	*p = '\0';
	return (size_t)(p - out);
}

static size_t name_in(const struct own_elements *own, uint32_t pen, uint16_t id,
	char out[static ELEMENT_NAME_MAX])
{
	const struct alias *how = NULL;
	const struct element *e = find_own(own, pen, id);
	if (!e)
		e = find_alias(own, pen, id, &how);
	if (!e)
		return element_number(pen, id, out);
	size_t prefix = how ? strlen(how->prefix) : 0, len = strlen(e->name);
	if (how)
		memcpy(out, how->prefix, prefix);
	memcpy(out + prefix, e->name, len + 1);
	if (how)
		out[prefix] = upper(out[prefix]);
	return prefix + len;
}

size_t element_name(uint32_t pen, uint16_t id, char out[static ELEMENT_NAME_MAX])
{
	return name_in(added, pen, id, out);
}

/* The element whose name, its first letter a capital, is that. */
static const struct element *find_capitalised(
	const struct own_elements *own, const char *name, size_t len)
{
	char small[ELEMENT_NAME_MAX];
	if (upper(name[0]) != name[0] || len >= sizeof small)
		return NULL;
	const struct element *e = find_own_name(own, name, len);
	if (e)
		return e;
	memcpy(small, name, len);
	small[0] = lower(name[0]);
	return find_own_name(own, small, len);
}

static int name_of_alias(
	const struct own_elements *own, const char *name, size_t len, uint32_t *pen, uint16_t *id)
{
	for (size_t i = 0; i < LEN(aliases); i++) {
		const struct alias *a = &aliases[i];
		size_t prefix = strlen(a->prefix);
		if (len <= prefix || memcmp(name, a->prefix, prefix) != 0)
			continue;
		const struct element *e = find_capitalised(own, name + prefix, len - prefix);
		if (!e || e->pen != a->of_pen)
			continue;
		uint32_t aliased = (uint32_t)e->id + a->shift;
		if (aliased < a->first || aliased > a->last ||
			find_own(own, a->pen, (uint16_t)aliased))
			continue;
		*pen = a->pen;
		*id = (uint16_t)aliased;
		return 0;
	}
	return ERR_SYNTAX;
}

/* A decimal number without leading zeros, of at most `most`, at *at, which moves behind it. */
static bool take_number(const char **at, const char *end, uint32_t most, uint32_t *out)
{
	const char *p = *at;
	uint64_t value = 0;
	if (p == end || (*p == '0' && p + 1 < end && p[1] >= '0' && p[1] <= '9'))
		return false;
	for (; p < end && *p >= '0' && *p <= '9'; p++) {
		value = value * 10 + (unsigned)(*p - '0');
		if (value > most)
			return false;
	}
	if (p == *at)
		return false;
	*at = p;
	*out = (uint32_t)value;
	return true;
}

static int template_by_name(const char *p, const char *end, uint32_t *pen, uint16_t *id)
{
	uint32_t number;
	if (!take_number(&p, end, UINT16_MAX, &number) || p != end)
		return ERR_SYNTAX;
	*pen = PEN_LIST_TEMPLATE;
	*id = (uint16_t)number;
	return 0;
}

static int unknown_by_name(const char *name, size_t len, uint32_t *pen, uint16_t *id)
{
	const char *p = name, *end = name + len;
	uint32_t number, element;
	if (len > 8 && memcmp(p, "template", 8) == 0)
		return template_by_name(p + 8, end, pen, id);
	bool sflow = len > 5 && memcmp(p, "sflow", 5) == 0;
	if (!sflow && (len < 2 || memcmp(p, "en", 2) != 0))
		return ERR_SYNTAX;
	p += sflow ? 5 : 2;
	if (!take_number(&p, end, sflow ? SFLOW_PENS - 1 : UINT32_MAX, &number) || end - p < 3 ||
		memcmp(p, ":id", 3) != 0)
		return ERR_SYNTAX;
	p += 3;
	if (!take_number(&p, end, sflow ? SFLOW_FORMATS - 1 : UINT16_MAX, &element) || p != end)
		return ERR_SYNTAX;
	*pen = sflow ? PEN_SFLOW + number : number;
	*id = (uint16_t)element;
	return 0;
}

static int by_name_in(
	const struct own_elements *own, const char *name, size_t len, uint32_t *pen, uint16_t *id)
{
	const struct element *e = find_own_name(own, name, len);
	if (e) {
		*pen = e->pen;
		*id = e->id;
		return 0;
	}
	if (name_of_alias(own, name, len, pen, id) == 0)
		return 0;
	return unknown_by_name(name, len, pen, id);
}

int element_by_name(const char *name, size_t len, uint32_t *pen, uint16_t *id)
{
	return by_name_in(added, name, len, pen, id);
}

/* Whether the name of (pen, id) leads to others: *back_pen, *back_id. */
static bool leads_astray(const struct own_elements *own, uint32_t pen, uint16_t id,
	uint32_t *back_pen, uint16_t *back_id)
{
	char name[ELEMENT_NAME_MAX];
	size_t len = name_in(own, pen, id, name);
	return by_name_in(own, name, len, back_pen, back_id) == 0 &&
	       (*back_pen != pen || *back_id != id);
}

/* Whether there is an element whose name has the first letter in the other case: the names of
 * aliases do not tell them apart. */
static bool has_twin(
	const struct own_elements *own, const struct element *e, uint32_t *pen, uint16_t *id)
{
	char name[ELEMENT_NAME_MAX];
	size_t len = strlen(e->name);
	memcpy(name, e->name, len + 1);
	name[0] = upper(name[0]) == name[0] ? lower(name[0]) : upper(name[0]);
	const struct element *twin = find_own_name(own, name, len);
	if (!twin || strcmp(name, e->name) == 0 || (twin->pen == e->pen && twin->id == e->id))
		return false;
	*pen = twin->pen;
	*id = twin->id;
	return true;
}

bool elements_clash(
	const struct own_elements *own, const struct own_element *mine, uint32_t *pen, uint16_t *id)
{
	const struct element *e = &mine->element;
	if (leads_astray(own, e->pen, e->id, pen, id) || has_twin(own, e, pen, id))
		return true;
	if (name_of_alias(own, e->name, strlen(e->name), pen, id) == 0 &&
		(*pen != e->pen || *id != e->id))
		return true;
	for (size_t i = 0; i < LEN(aliases); i++) {
		uint32_t aliased = (uint32_t)e->id + aliases[i].shift;
		if (e->pen == aliases[i].of_pen && aliased >= aliases[i].first &&
			aliased <= aliases[i].last &&
			leads_astray(own, aliases[i].pen, (uint16_t)aliased, pen, id))
			return true;
	}
	return false;
}

int element_type_by_name(const char *name, unsigned *bits)
{
	static const struct {
		const char *name;
		uint8_t type, bits;
	} types[] = {
		{"octetArray", ELEMENT_OCTETS, 0},
		{"unsigned8", ELEMENT_UNSIGNED, 8},
		{"unsigned16", ELEMENT_UNSIGNED, 16},
		{"unsigned32", ELEMENT_UNSIGNED, 32},
		{"unsigned64", ELEMENT_UNSIGNED, 64},
		{"signed8", ELEMENT_SIGNED, 8},
		{"signed16", ELEMENT_SIGNED, 16},
		{"signed32", ELEMENT_SIGNED, 32},
		{"signed64", ELEMENT_SIGNED, 64},
		{"float32", ELEMENT_FLOAT, 0},
		{"float64", ELEMENT_FLOAT, 0},
		{"boolean", ELEMENT_BOOLEAN, 0},
		{"macAddress", ELEMENT_MAC, 0},
		{"string", ELEMENT_STRING, 0},
		{"dateTimeSeconds", ELEMENT_SECONDS, 0},
		{"dateTimeMilliseconds", ELEMENT_MILLISECONDS, 0},
		{"dateTimeMicroseconds", ELEMENT_MICROSECONDS, 0},
		{"dateTimeNanoseconds", ELEMENT_NANOSECONDS, 0},
		{"ipv4Address", ELEMENT_IPV4, 0},
		{"ipv6Address", ELEMENT_IPV6, 0},
		{"basicList", ELEMENT_BASIC_LIST, 0},
		{"subTemplateList", ELEMENT_SUBTEMPLATE_LIST, 0},
		{"subTemplateMultiList", ELEMENT_SUBTEMPLATE_MULTILIST, 0},
	};
	for (size_t i = 0; i < LEN(types); i++)
		if (strcmp(types[i].name, name) == 0) {
			*bits = types[i].bits;
			return types[i].type;
		}
	return -1;
}

/* A signed integer of 1 to 8 bytes (RFC 7011, 6.2: reduced-size encoding). */
static size_t put_signed(const uint8_t *bytes, size_t len, char *out)
{
	uint64_t v = be_uint(bytes, len);
	unsigned unused = 64 - 8 * (unsigned)len;
	char *p = out;
	v = (uint64_t)((int64_t)(v << unused) >> unused);
	if (v >> 63) {
		*p++ = '-';
		v = -v;
	}
	return (size_t)(jsontext_decimal(p, v) - out);
}

/* float32, or float64, which may come as a float32 (RFC 7011, 6.2); as few digits as read back the
 * same. JSON has no infinities. */
static size_t put_float(const uint8_t *bytes, size_t len, char *out)
{
	double value;
	float single;
	uint32_t bits32 = len == 4 ? be32(bytes) : 0;
	uint64_t bits64 = len == 8 ? be64(bytes) : 0;
	memcpy(&single, &bits32, sizeof single);
	memcpy(&value, &bits64, sizeof value);
	if (len == 4)
		value = (double)single;
	if (!isfinite(value))
		return 0;
	int n = 0;
	for (int digits = len == 4 ? 6 : 15; digits <= 17; digits++) {
		n = snprintf(out, ELEMENT_VALUE_ROOM, "%.*g", digits, value);
		double back = strtod(out, NULL);
		if (len == 4 ? (float)back == single : back == value)
			break;
	}
	return (size_t)n;
}

static size_t put_quoted_instant(struct instant t, char *out)
{
	size_t len = instant_format(t, out + 1);
	out[0] = out[1 + len] = '"';
	return len + 2;
}

static size_t put_time(enum element_type type, const uint8_t *bytes, size_t len, char *out)
{
	struct instant t;
	if (type == ELEMENT_SECONDS) {
		if (len != 4)
			return 0;
		return put_quoted_instant((struct instant){be32(bytes) * NS_PER_S, 0}, out);
	}
	if (len != 8)
		return 0;
	uint64_t v = be64(bytes);
	if (type == ELEMENT_MILLISECONDS) {
		if (v > UINT64_MAX / NS_PER_MS)
			return 0;
		return put_quoted_instant((struct instant){v * NS_PER_MS, 3}, out);
	}
	if (!instant_from_ntp(v, type == ELEMENT_MICROSECONDS ? 6 : 9, &t))
		return 0;
	return put_quoted_instant(t, out);
}

static size_t put_address(struct ip ip, char *out)
{
	size_t len = ip_format(&ip, out + 1);
	out[0] = out[1 + len] = '"';
	return len + 2;
}

static size_t put_mac(const uint8_t *bytes, char *out)
{
	char *p = out;
	for (int i = 0; i < 6; i++) {
		*p++ = i ? ':' : '"';
		p = jsontext_hex(p, bytes + i, 1);
	}
	*p++ = '"';
	return (size_t)(p - out);
}

/* Fixed-length strings are filled up with NULs, which are no text. */
static size_t put_string(const uint8_t *bytes, size_t len, char *out)
{
	bool exact = true;
	while (len && bytes[len - 1] == 0)
		len--;
	char *end = jsontext_quote(out, (const char *)bytes, len, &exact);
	return exact ? (size_t)(end - out) : 0;
}

/* RFC 7011, 6.1.5: 1 is true, 2 is false. */
static size_t put_boolean(uint8_t value, char *out)
{
	if (value != 1 && value != 2)
		return 0;
	size_t len = value == 1 ? 4 : 5;
	memcpy(out, value == 1 ? "true" : "false", len);
	return len;
}

size_t element_value_json(const struct element *e, const uint8_t *bytes, size_t len, char *out)
{
	switch ((enum element_type)e->type) {
	case ELEMENT_UNSIGNED:
		return len >= 1 && len <= 8
			       ? (size_t)(jsontext_decimal(out, be_uint(bytes, len)) - out)
			       : 0;
	case ELEMENT_SIGNED: return len >= 1 && len <= 8 ? put_signed(bytes, len, out) : 0;
	case ELEMENT_FLOAT: return len == 4 || len == 8 ? put_float(bytes, len, out) : 0;
	case ELEMENT_BOOLEAN: return len == 1 ? put_boolean(*bytes, out) : 0;
	case ELEMENT_MAC: return len == 6 ? put_mac(bytes, out) : 0;
	case ELEMENT_STRING: return put_string(bytes, len, out);
	case ELEMENT_SECONDS:
	case ELEMENT_MILLISECONDS:
	case ELEMENT_MICROSECONDS:
	case ELEMENT_NANOSECONDS: return put_time(e->type, bytes, len, out);
	case ELEMENT_IPV4: return len == 4 ? put_address(ip_from4(bytes), out) : 0;
	case ELEMENT_IPV6: return len == 16 ? put_address(ip_from6(bytes), out) : 0;
	case ELEMENT_OCTETS:
	case ELEMENT_BASIC_LIST:
	case ELEMENT_SUBTEMPLATE_LIST:
	case ELEMENT_SUBTEMPLATE_MULTILIST: return 0; /* lib/lists_json.c */
	}
	return 0;
}
