#include "lib/lists.h"

#include <string.h>

#include "lib/base.h"

#define ENTERPRISE 0x8000 /* bit of an element id: an enterprise number follows */

int list_type(uint32_t pen, uint16_t id)
{
	const struct element *e = element_find(pen, id);
	return e && element_is_list(e) ? e->type : -1;
}

/* A field specifier (RFC 7011, 3.2), or the same in front of a basicList's values. */
static struct template_field take_field(struct cursor *c)
{
	struct template_field f = {.id = cursor_u16(c)};
	f.len = cursor_u16(c);
	if (f.id & ENTERPRISE) {
		f.id &= (uint16_t)~ENTERPRISE;
		f.pen = cursor_u32(c);
	}
	return f;
}

bool list_open(int type, struct cursor bytes, struct list *out)
{
	*out = (struct list){.type = (uint8_t)type, .semantic = cursor_u8(&bytes)};
	if (type == ELEMENT_BASIC_LIST)
		out->element = take_field(&bytes);
	else if (type == ELEMENT_SUBTEMPLATE_LIST)
		out->template_id = cursor_u16(&bytes);
	out->content = bytes;
	return cursor_ok(&bytes) && (type != ELEMENT_BASIC_LIST || out->element.len);
}

bool list_next(struct list *multi, struct list *out)
{
	struct cursor *c = &multi->content;
	if (!cursor_left(c))
		return false;
	*out = (struct list){.type = ELEMENT_SUBTEMPLATE_LIST, .semantic = multi->semantic};
	out->template_id = cursor_u16(c);
	uint16_t len = cursor_u16(c); /* with the two */
	out->content = cursor_slice(c, len >= 4 ? len - 4u : SIZE_MAX);
	return cursor_ok(c);
}

struct cursor list_value(struct cursor *c, const struct template_field *f)
{
	size_t len = f->len;
	if (len == TEMPLATE_VARIABLE) {
		len = cursor_u8(c);
		if (len == 255)
			len = cursor_u16(c);
	}
	return cursor_slice(c, len);
}

/* What lists_add_templates is about. */
struct collector {
	struct exporters *all;
	struct domain *domain;
	uint64_t now_ns;
	struct record *r;
	uint32_t first; /* of the extras that are templates */
	uint8_t *bytes; /* the room left */
};

static bool has_template(const struct collector *k, uint16_t id)
{
	for (uint32_t i = k->first; i < k->r->extra_count; i++)
		if (k->r->extras[i].id == id)
			return true;
	return false;
}

static uint8_t *put_uint(uint8_t *p, uint32_t v, unsigned octets)
{
	for (unsigned i = octets; i-- > 0; v >>= 8)
		p[i] = (uint8_t)v;
	return p + octets;
}

/* The fields as they are announced (RFC 7011, 3.4.1, without the two numbers in front). */
static void add_template(struct collector *k, const struct template *t)
{
	uint8_t *p = k->bytes;
	if (has_template(k, t->id) || k->r->extra_count - k->first == LISTS_TEMPLATES_MAX)
		return;
	for (size_t i = 0; i < t->field_count; i++) {
		const struct template_field *f = &t->fields[i];
		p = put_uint(p, f->pen ? f->id | ENTERPRISE : f->id, 2);
		p = put_uint(p, f->len, 2);
		if (f->pen)
			p = put_uint(p, f->pen, 4);
	}
	k->r->extras[k->r->extra_count++] =
		(struct extra){PEN_LIST_TEMPLATE, t->id, (uint16_t)(p - k->bytes), k->bytes};
	k->bytes = p;
}

static void collect(struct collector *k, int type, struct cursor bytes, unsigned depth);

/* The lists in the fields of one record. Returns false if there is none at c. */
static bool collect_record(
	struct collector *k, const struct template *t, struct cursor *c, unsigned depth)
{
	for (size_t i = 0; i < t->field_count; i++) {
		const struct template_field *f = &t->fields[i];
		struct cursor value = list_value(c, f);
		if (!cursor_ok(&value))
			return false;
		int type = list_type(f->pen, f->id);
		if (type >= 0)
			collect(k, type, value, depth + 1);
	}
	return true;
}

static void collect_records(struct collector *k, struct list *l, unsigned depth)
{
	const struct announced *a = announced_beside(k->all, k->domain, l->template_id, k->now_ns);
	if (!a || a->template->field_count > LISTS_FIELDS_MAX)
		return;
	add_template(k, a->template);
	while (a->template->lists && cursor_left(&l->content))
		if (!collect_record(k, a->template, &l->content, depth))
			return;
}

static void collect(struct collector *k, int type, struct cursor bytes, unsigned depth)
{
	struct list l, one;
	if (depth == LISTS_DEPTH_MAX || !list_open(type, bytes, &l))
		return;
	if (type == ELEMENT_SUBTEMPLATE_LIST)
		collect_records(k, &l, depth);
	if (type == ELEMENT_SUBTEMPLATE_MULTILIST)
		while (list_next(&l, &one))
			collect_records(k, &one, depth);
	int inner = type == ELEMENT_BASIC_LIST ? list_type(l.element.pen, l.element.id) : -1;
	while (inner >= 0 && cursor_left(&l.content)) {
		struct cursor value = list_value(&l.content, &l.element);
		if (cursor_ok(&value))
			collect(k, inner, value, depth + 1);
	}
}

void lists_add_templates(struct exporters *all, struct domain *domain, uint64_t now_ns,
	struct record *r, uint8_t *bytes)
{
	struct collector k = {all, domain, now_ns, r, r->extra_count, bytes};
	for (uint32_t i = 0; i < k.first; i++) {
		const struct extra *x = &r->extras[i];
		int type = list_type(x->pen, x->id);
		if (type >= 0)
			collect(&k, type, cursor_over(x->bytes, x->len), 0);
	}
}

static const struct extra *find_template(const struct record *r, uint16_t id)
{
	for (uint32_t i = r->extra_count; i > 0 && r->extras[i - 1].pen == PEN_LIST_TEMPLATE; i--)
		if (r->extras[i - 1].id == id)
			return &r->extras[i - 1];
	return NULL;
}

static void link_repeated(struct list_template *t)
{
	memset(t->next, 0, t->count * sizeof t->next[0]);
	memset(t->again, 0, t->count * sizeof t->again[0]);
	for (uint16_t i = 0; i < t->count; i++)
		for (uint16_t k = i + 1; k < t->count && !t->next[i]; k++)
			if (t->fields[i].id == t->fields[k].id &&
				t->fields[i].pen == t->fields[k].pen) {
				t->next[i] = (uint8_t)k;
				t->again[k] = true;
			}
}

bool list_template(const struct record *r, uint16_t id, struct list_template *out)
{
	const struct extra *x = find_template(r, id);
	struct cursor c = x ? cursor_over(x->bytes, x->len) : cursor_over(NULL, 0);
	bool empty = true; /* records of no length would have no end */
	for (out->count = 0; cursor_left(&c); out->count++) {
		if (out->count == LISTS_FIELDS_MAX)
			return false;
		out->fields[out->count] = take_field(&c);
		empty &= out->fields[out->count].len == 0;
	}
	if (!cursor_ok(&c) || empty)
		return false;
	link_repeated(out);
	return true;
}
