#include "lib/elements_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/fields.h"
#include "lib/quantity.h"
#include "lib/yamlread.h"

#define PEN_MAX                                                                                    \
	UINT32_C(4294967293) /* those above stand for what is no element (lib/template.h)          \
			      */
#define ID_MAX 32767         /* of an enterprise: a template's 15 bits (RFC 7011, 3.2) */

enum property { PROP_PEN, PROP_ID, PROP_NAME, PROP_TYPE, PROP_FIELD, PROP_BITS, PROP_COUNT };

static const char *const properties[PROP_COUNT] = {"pen", "id", "name", "type", "field", "bits"};

#define EXPECTED_PROPERTIES "pen, id, name, type, field or bits"
#define EXPECTED_TYPES                                                                             \
	"a type of RFC 7012, as unsigned32, string, octetArray, ipv4Address or "                   \
	"dateTimeMilliseconds"

struct place {
	unsigned line, column;
};

struct elements_file {
	struct own_elements all;
	struct own_element *list;         /* names owned; by numbers, once all are read */
	const struct own_element **names; /* the same by name */
	size_t count, cap;
};

/* What is known of the element that is being read. */
struct reader {
	struct yamlread y; /* first: what it calls is given the whole */
	struct elements_file *file;
	struct place *places; /* of each element, by its order */
	size_t places_cap;
	struct place at[PROP_COUNT]; /* of its properties, line 0: not given */
	bool bad;                    /* something was complained of */
	unsigned width;              /* of its type: bits of an integer */
	uint32_t pen, id, lowest, highest;
	int type, field; /* or -1 */
	char name[ELEMENTS_FILE_NAME_MAX + 1];
};

#define COMPLAIN(r, ...) ((r)->bad = true, YAMLREAD_COMPLAIN(&(r)->y, __VA_ARGS__))
#define COMPLAIN_AT(r, place, ...)                                                                 \
	((r)->bad = true, yamlread_complain(&(r)->y, (place).line, (place).column, __VA_ARGS__))

static struct place here(const struct reader *r)
{
	return (struct place){(unsigned)r->y.event.start_mark.line + 1,
		(unsigned)r->y.event.start_mark.column + 1};
}

/* Whether the node in hand is text; else that is said, and it is passed over. */
static bool is_text(struct reader *r, const char *where, const char *expected)
{
	bool text = yamlread_scalar(&r->y, where, expected);
	r->bad |= !text;
	return text;
}

/* A whole number up to `most`. */
static bool take_number(struct reader *r, const char *where, uint32_t most, uint32_t *out)
{
	uint64_t v;
	if (!is_text(r, where, "a whole number"))
		return false;
	if (quantity_number(yamlread_text(&r->y), &v) != 0 || v > most) {
		COMPLAIN(r, "%s: found \"%.*s\", expected a whole number from 0 to %" PRIu32, where,
			YAMLREAD_SHOWN, yamlread_text(&r->y), most);
		return false;
	}
	*out = (uint32_t)v;
	return true;
}

/* Names become JSON keys as they are. */
static void take_name(struct reader *r)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	if (!is_text(r, "name", "a name"))
		return;
	const char *name = yamlread_text(&r->y);
	size_t len = r->y.event.data.scalar.length;
	if (len == 0 || len > ELEMENTS_FILE_NAME_MAX || strspn(name, plain) != len)
		COMPLAIN(r,
			"name: found \"%.*s\", expected 1 to %d letters, digits, \"_\" and \"-\"",
			YAMLREAD_SHOWN, name, ELEMENTS_FILE_NAME_MAX);
	else
		memcpy(r->name, name, len + 1);
}

static void take_type(struct reader *r)
{
	if (!is_text(r, "type", EXPECTED_TYPES))
		return;
	r->type = element_type_by_name(yamlread_text(&r->y), &r->width);
	if (r->type < 0)
		COMPLAIN(r, "type: found \"%.*s\", expected " EXPECTED_TYPES, YAMLREAD_SHOWN,
			yamlread_text(&r->y));
}

/* Fields that tell of the datagram, or are made of others, are none of an element's. */
static bool is_fillable(int id)
{
	const struct field *f = &fields[id];
	return f->kind != KIND_WORD && id != FIELD_exporter_name && id != FIELD_in_bytes_scaled &&
	       id != FIELD_in_pkts_scaled && (id > FIELD_sequence || f->source_count);
}

static void take_field(struct reader *r)
{
	if (!is_text(r, "field", "the name of a record field"))
		return;
	r->field = field_by_name(yamlread_text(&r->y), r->y.event.data.scalar.length);
	if (r->field < 0)
		COMPLAIN(r,
			"field: found \"%.*s\", expected a record field, as goflow-record(5) has "
			"them",
			YAMLREAD_SHOWN, yamlread_text(&r->y));
	else if (!is_fillable(r->field))
		COMPLAIN(r, "field: found %s, which goflow itself fills, expected another",
			fields[r->field].name);
}

/* [lowest, highest] */
static void take_bits(struct reader *r)
{
	static const char expected[] = "a list of the lowest and the highest bit, as [0, 23]";
	uint32_t *const ends[] = {&r->lowest, &r->highest};
	struct place at = here(r);
	size_t count = 0;
	bool good = true;
	if (!yamlread_is(&r->y, YAML_SEQUENCE_START_EVENT)) {
		COMPLAIN(r, "bits: found %s, expected %s", yamlread_kind(&r->y), expected);
		yamlread_skip(&r->y);
		return;
	}
	while (yamlread_next(&r->y) && !yamlread_is(&r->y, YAML_SEQUENCE_END_EVENT)) {
		if (count < LEN(ends))
			good &= take_number(r, "bits", OWN_BITS_MAX, ends[count]);
		else
			yamlread_skip(&r->y);
		count++;
	}
	if (count != LEN(ends))
		COMPLAIN_AT(r, at, "bits: found a list of %zu, expected %s", count, expected);
	else if (good && (r->highest < r->lowest || r->highest - r->lowest > 63))
		COMPLAIN_AT(r, at,
			"bits: found [%" PRIu32 ", %" PRIu32
			"], expected the lowest first, and 64 bits at most",
			r->lowest, r->highest);
}

static void take_property(struct reader *r, enum property p)
{
	switch (p) {
	case PROP_PEN: take_number(r, "pen", PEN_MAX, &r->pen); break;
	case PROP_ID: take_number(r, "id", UINT16_MAX, &r->id); break;
	case PROP_NAME: take_name(r); break;
	case PROP_TYPE: take_type(r); break;
	case PROP_FIELD: take_field(r); break;
	default: take_bits(r); break;
	}
}

/* The property whose name is in hand; PROP_COUNT: none. */
static enum property property_of(struct reader *r)
{
	if (!is_text(r, "element", EXPECTED_PROPERTIES))
		return PROP_COUNT;
	for (enum property p = 0; p < PROP_COUNT; p++)
		if (strcmp(yamlread_text(&r->y), properties[p]) == 0) {
			if (!r->at[p].line)
				return p;
			COMPLAIN(r, "%s: found again, expected once", properties[p]);
			return PROP_COUNT;
		}
	COMPLAIN(r, "found \"%.*s\", expected " EXPECTED_PROPERTIES, YAMLREAD_SHOWN,
		yamlread_text(&r->y));
	return PROP_COUNT;
}

/* The form by which an element of that type fills a field of that kind, -1: it does not. */
static int form_for(int type, uint8_t kind, bool bits)
{
	bool integer = kind >= KIND_U8 && kind <= KIND_U64;
	if (bits)
		return integer && (type == ELEMENT_UNSIGNED || type == ELEMENT_OCTETS) ? FORM_BITS
										       : -1;
	switch (type) {
	case ELEMENT_UNSIGNED: return integer ? FORM_VALUE : -1;
	case ELEMENT_OCTETS:
	case ELEMENT_STRING: return kind == KIND_TEXT ? FORM_VALUE : -1;
	case ELEMENT_MAC: return kind == KIND_MAC ? FORM_VALUE : -1;
	case ELEMENT_IPV4:
	case ELEMENT_IPV6: return kind == KIND_IP ? FORM_VALUE : -1;
	case ELEMENT_SECONDS: return kind == KIND_TIME ? FORM_SECONDS : -1;
	case ELEMENT_MILLISECONDS: return kind == KIND_TIME ? FORM_MILLIS : -1;
	case ELEMENT_MICROSECONDS: return kind == KIND_TIME ? FORM_MICROS : -1;
	case ELEMENT_NANOSECONDS: return kind == KIND_TIME ? FORM_NANOS : -1;
	default: return -1;
	}
}

/* What an element's properties say together. */
static void check_together(struct reader *r, struct place start)
{
	bool bits = r->at[PROP_BITS].line;
	for (enum property p = PROP_PEN; p <= PROP_TYPE; p++)
		if (!r->at[p].line)
			COMPLAIN_AT(r, start, "found no %s, expected pen, id, name and type",
				properties[p]);
	if (r->bad)
		return;
	if (r->pen && r->id > ID_MAX)
		COMPLAIN_AT(r, r->at[PROP_ID],
			"id: found %" PRIu32 ", expected at most %d with a pen", r->id, ID_MAX);
	if (bits && !r->at[PROP_FIELD].line)
		COMPLAIN_AT(
			r, r->at[PROP_BITS], "bits: found no field, expected one that they fill");
	if (bits && r->width && r->highest >= r->width)
		COMPLAIN_AT(r, r->at[PROP_BITS],
			"bits: found %" PRIu32 ", expected at most %u for the type", r->highest,
			r->width - 1);
	if (!r->bad && r->field >= 0 && form_for(r->type, fields[r->field].kind, bits) < 0)
		COMPLAIN_AT(r, r->at[PROP_FIELD],
			"field: found %s, which takes no value of that type%s",
			fields[r->field].name, bits ? " by its bits" : "");
}

/* Adds the element that was read. */
static void keep(struct reader *r, struct place start)
{
	struct elements_file *f = r->file;
	if (f->count == ELEMENTS_FILE_MAX) {
		COMPLAIN_AT(
			r, start, "found more than %d elements, expected fewer", ELEMENTS_FILE_MAX);
		r->y.stopped = true;
		return;
	}
	if (!yamlread_grow(&r->y, (void **)&f->list, f->count, &f->cap, sizeof *f->list) ||
		!yamlread_grow(
			&r->y, (void **)&r->places, f->count, &r->places_cap, sizeof *r->places))
		return;
	char *name = strdup(r->name);
	if (!name) {
		yamlread_memory(&r->y);
		return;
	}
	bool bits = r->at[PROP_BITS].line;
	r->places[f->count] = start;
	struct own_element *e = &f->list[f->count];
	*e = (struct own_element){.element = {r->pen, (uint16_t)r->id, (uint8_t)r->type, NULL},
		.field = (int16_t)r->field,
		.order = (uint32_t)f->count++};
	e->element.name = name;
	if (r->field >= 0)
		e->form = (uint8_t)form_for(r->type, fields[r->field].kind, bits);
	if (bits)
		e->bits = OWN_BITS(r->lowest, r->highest - r->lowest + 1);
}

/* One element; its first event is in hand. */
static void take_element(struct reader *r)
{
	struct place start = here(r);
	if (!yamlread_is(&r->y, YAML_MAPPING_START_EVENT)) {
		COMPLAIN(r, "element: found %s, expected a mapping", yamlread_kind(&r->y));
		yamlread_skip(&r->y);
		return;
	}
	memset(r->at, 0, sizeof r->at);
	r->bad = false;
	r->width = 0;
	r->type = r->field = -1;
	while (yamlread_next(&r->y) && !yamlread_is(&r->y, YAML_MAPPING_END_EVENT)) {
		enum property p = property_of(r);
		if (!yamlread_next(&r->y))
			return;
		if (p == PROP_COUNT) {
			yamlread_skip(&r->y);
			continue;
		}
		r->at[p] = here(r);
		take_property(r, p);
	}
	if (r->y.stopped)
		return;
	check_together(r, start);
	if (!r->bad)
		keep(r, start);
}

static void take_list(struct reader *r)
{
	if (yamlread_null(&r->y))
		return;
	if (!yamlread_is(&r->y, YAML_SEQUENCE_START_EVENT)) {
		COMPLAIN(r, "elements: found %s, expected a list", yamlread_kind(&r->y));
		yamlread_skip(&r->y);
		return;
	}
	while (yamlread_next(&r->y) && !yamlread_is(&r->y, YAML_SEQUENCE_END_EVENT))
		take_element(r);
}

static void take_file(struct yamlread *y)
{
	struct reader *r = (struct reader *)y;
	bool seen = false;
	if (yamlread_null(y))
		return;
	if (!yamlread_is(y, YAML_MAPPING_START_EVENT)) {
		COMPLAIN(r, "the file: found %s, expected a mapping with the key elements",
			yamlread_kind(y));
		yamlread_skip(y);
		return;
	}
	while (yamlread_next(y) && !yamlread_is(y, YAML_MAPPING_END_EVENT)) {
		bool text = is_text(r, "the file", "the key elements");
		bool ours = text && strcmp(yamlread_text(y), "elements") == 0;
		if (ours && seen)
			COMPLAIN(r, "elements: found again, expected once");
		else if (text && !ours)
			COMPLAIN(r, "found \"%.*s\", expected elements", YAMLREAD_SHOWN,
				yamlread_text(y));
		if (!yamlread_next(y))
			return;
		if (ours && !seen)
			take_list(r);
		else
			yamlread_skip(y);
		seen |= ours;
	}
}

static int by_numbers(const void *a, const void *b)
{
	const struct own_element *x = a, *y = b;
	if (x->element.pen != y->element.pen)
		return x->element.pen < y->element.pen ? -1 : 1;
	if (x->element.id != y->element.id)
		return x->element.id < y->element.id ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static int by_name(const void *a, const void *b)
{
	const struct own_element *const *x = a, *const *y = b;
	int order = strcmp((*x)->element.name, (*y)->element.name);
	return order ? order : ((*x)->order > (*y)->order) - ((*x)->order < (*y)->order);
}

/* Sorts what was read, so that it can be searched. */
static void sort(struct reader *r)
{
	struct elements_file *f = r->file;
	f->names = malloc((f->count + 1) * sizeof(const struct own_element *));
	if (!f->names) {
		yamlread_memory(&r->y);
		return;
	}
	if (f->count)
		qsort(f->list, f->count, sizeof *f->list, by_numbers);
	for (size_t i = 0; i < f->count; i++)
		f->names[i] = &f->list[i];
	if (f->count)
		qsort(f->names, f->count, sizeof *f->names, by_name);
	f->all = (struct own_elements){f->list, f->names, f->count};
}

/* What shows once all is sorted: the same numbers or the same name twice. */
static void check_twice(struct reader *r)
{
	const struct elements_file *f = r->file;
	size_t bad = 0;
	for (size_t i = 1; i < f->count; i++) {
		const struct element *e = &f->list[i].element, *before = &f->list[i - 1].element;
		if (e->pen != before->pen || e->id != before->id)
			continue;
		COMPLAIN_AT(r, r->places[f->list[i].order],
			"found pen %" PRIu32
			" id %u again, expected it once: it stands on line %u too",
			e->pen, e->id, r->places[f->list[i - 1].order].line);
		bad++;
	}
	for (size_t i = 0; i < f->count && !bad; i++) {
		uint32_t pen;
		uint16_t id;
		if (elements_clash(&f->all, &f->list[i], &pen, &id))
			COMPLAIN_AT(r, r->places[f->list[i].order],
				"name: found \"%s\", expected one that can not be taken for that of "
				"pen %" PRIu32 " id %u",
				f->list[i].element.name, pen, id);
	}
}

struct elements_file *elements_file_parse(
	const char *text, size_t len, complain_fn *complain, void *ctx)
{
	struct reader r = {.y = {.complain = complain, .ctx = ctx}};
	r.file = calloc(1, sizeof *r.file);
	if (!r.file) {
		yamlread_memory(&r.y);
		return NULL;
	}
	yamlread(&r.y, text, len, take_file);
	sort(&r);
	if (r.file->names)
		check_twice(&r);
	free(r.places);
	if (!r.y.complaints)
		return r.file;
	elements_file_free(r.file);
	return NULL;
}

struct elements_file *elements_file_load(const char *path, complain_fn *complain, void *ctx)
{
	size_t len;
	char *text = yamlread_file(path, &len, complain, ctx);
	struct elements_file *f = text ? elements_file_parse(text, len, complain, ctx) : NULL;
	free(text);
	return f;
}

const struct own_elements *elements_file_all(const struct elements_file *f)
{
	return &f->all;
}

void elements_file_free(struct elements_file *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->count; i++)
		free((char *)f->list[i].element.name);
	free(f->list);
	free(f->names);
	free(f);
}

struct elements_file *elements_file_use(const char *path)
{
	struct elements_file *f = elements_file_load(path, complain_to_log, (void *)path);
	if (f)
		elements_extend(&f->all);
	return f;
}
