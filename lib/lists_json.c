/* Lists as JSON. */
#include <string.h>

#include "lib/base.h"
#include "lib/jsontext.h"
#include "lib/lists.h"

/* What is written goes to p; where it would go beyond end, `full` is set and stays, and nothing
 * more is written. */
struct out {
	const struct record *r;
	char *p, *end;
	bool full;
};

/* Whether there is room for so many bytes. */
static bool room(struct out *o, size_t n)
{
	if ((size_t)(o->end - o->p) < n)
		o->full = true;
	return !o->full;
}

static void put(struct out *o, const char *text)
{
	size_t len = strlen(text);
	if (!room(o, len))
		return;
	memcpy(o->p, text, len);
	o->p += len;
}

static void put_hex(struct out *o, struct cursor value)
{
	size_t len = cursor_left(&value);
	put(o, "\"hex\":\"");
	if (room(o, 2 * len))
		o->p = jsontext_hex(o->p, value.p, len);
	put(o, "\"");
}

static bool put_list(struct out *o, int type, struct cursor bytes, unsigned depth);

/* The readable value, if there is one. */
static bool put_readable(
	struct out *o, const struct template_field *f, struct cursor value, unsigned depth)
{
	const struct element *e = element_find(f->pen, f->id);
	int type = list_type(f->pen, f->id);
	if (type >= 0)
		return put_list(o, type, value, depth + 1);
	size_t len = cursor_left(&value);
	if (!e || !room(o, 6 * len + ELEMENT_VALUE_ROOM))
		return false;
	size_t written = element_value_json(e, value.p, len, o->p);
	o->p += written;
	return written;
}

static void put_value(
	struct out *o, const struct template_field *f, struct cursor value, unsigned depth)
{
	char *start = o->p;
	if (put_readable(o, f, value, depth))
		return;
	o->p = start;
	put(o, "{");
	put_hex(o, value);
	put(o, "}");
}

static void put_name(struct out *o, const struct template_field *f)
{
	put(o, "\"");
	if (room(o, ELEMENT_NAME_MAX))
		o->p += element_name(f->pen, f->id, o->p);
	put(o, "\"");
}

/* A field of a record, with those of the same element as an array. */
static void put_field(struct out *o, const struct list_template *t, const struct cursor *values,
	uint16_t at, unsigned depth)
{
	const bool several = t->next[at];
	put_name(o, &t->fields[at]);
	put(o, several ? ":[" : ":");
	put_value(o, &t->fields[at], values[at], depth);
	while (t->next[at]) {
		at = t->next[at];
		put(o, ",");
		put_value(o, &t->fields[at], values[at], depth);
	}
	if (several)
		put(o, "]");
}

/* Returns false if there is none at c. */
static bool put_record(
	struct out *o, const struct list_template *t, struct cursor *c, unsigned depth)
{
	struct cursor values[LISTS_FIELDS_MAX];
	for (uint16_t i = 0; i < t->count; i++) {
		values[i] = list_value(c, &t->fields[i]);
		if (!cursor_ok(&values[i]))
			return false;
	}
	for (uint16_t i = 0; i < t->count; i++) {
		if (t->again[i])
			continue;
		put(o, i ? "," : "{");
		put_field(o, t, values, i, depth);
	}
	put(o, "}");
	return true;
}

/* "template":ID,"records":[...], or ,"hex":"..." where the template is not known. */
static bool put_records(struct out *o, struct list *l, unsigned depth)
{
	struct list_template t;
	put(o, "\"template\":");
	if (room(o, ELEMENT_VALUE_ROOM))
		o->p = jsontext_decimal(o->p, l->template_id);
	put(o, ",");
	if (!list_template(o->r, l->template_id, &t)) {
		put_hex(o, l->content);
		return true;
	}
	put(o, "\"records\":[");
	for (bool first = true; cursor_left(&l->content) && !o->full; first = false) {
		if (!first)
			put(o, ",");
		if (!put_record(o, &t, &l->content, depth))
			return false;
	}
	put(o, "]");
	return true;
}

static bool put_lists(struct out *o, struct list *multi, unsigned depth)
{
	struct list one;
	bool first = true;
	put(o, "\"lists\":[");
	while (!o->full && list_next(multi, &one)) {
		put(o, first ? "{" : ",{");
		first = false;
		if (!put_records(o, &one, depth))
			return false;
		put(o, "}");
	}
	put(o, "]");
	return cursor_ok(&multi->content);
}

static bool put_values(struct out *o, struct list *l, unsigned depth)
{
	put(o, "\"element\":");
	put_name(o, &l->element);
	put(o, ",\"values\":[");
	for (bool first = true; cursor_left(&l->content) && !o->full; first = false) {
		struct cursor value = list_value(&l->content, &l->element);
		if (!cursor_ok(&value))
			return false;
		if (!first)
			put(o, ",");
		put_value(o, &l->element, value, depth);
	}
	put(o, "]");
	return true;
}

/* RFC 6313, 4.4. */
static void put_semantic(struct out *o, uint8_t semantic)
{
	static const char *const words[] = {
		"\"noneOf\"", "\"exactlyOneOf\"", "\"oneOrMoreOf\"", "\"allOf\"", "\"ordered\""};
	put(o, "{\"semantic\":");
	if (semantic < LEN(words))
		put(o, words[semantic]);
	else if (semantic == 255)
		put(o, "\"undefined\"");
	else if (room(o, ELEMENT_VALUE_ROOM))
		o->p = jsontext_decimal(o->p, semantic);
	put(o, ",");
}

static bool put_list(struct out *o, int type, struct cursor bytes, unsigned depth)
{
	struct list l;
	bool whole;
	if (depth == LISTS_DEPTH_MAX || !list_open(type, bytes, &l))
		return false;
	put_semantic(o, l.semantic);
	if (type == ELEMENT_BASIC_LIST)
		whole = put_values(o, &l, depth);
	else if (type == ELEMENT_SUBTEMPLATE_LIST)
		whole = put_records(o, &l, depth);
	else
		whole = put_lists(o, &l, depth);
	put(o, "}");
	return whole && !o->full;
}

size_t list_json(const struct record *r, const struct extra *x, char *out, size_t cap)
{
	struct out o = {.r = r, .p = out, .end = out + cap};
	bool whole = put_list(&o, list_type(x->pen, x->id), cursor_over(x->bytes, x->len), 0);
	return whole ? (size_t)(o.p - out) : 0;
}
