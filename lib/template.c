#include "lib/template.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base.h"
#include "lib/elements.h"
#include "lib/err.h"
#include "lib/join.h"
#include "lib/lists.h"
#include "lib/nested.h"
#include "lib/section.h"
#include "lib/vendor.h"

#define IE_SYSINIT      160
#define IE_PACKET_SPACE 306
#define IE_POPULATION   310
#define NOBODY          UINT16_MAX

/* Which template field fills which record field. */
struct claims {
	uint16_t by[FIELD_COUNT];    /* index of the template field, or NOBODY */
	uint16_t other[FIELD_COUNT]; /* the same for the other address family */
	const struct own_element
		*own[FIELD_COUNT]; /* it won by the user's word, which goes first; or NULL */
};

static bool fits(uint8_t kind, uint8_t form, uint16_t len)
{
	bool integer = len >= 1 && len <= 8;
	switch (form) {
	case FORM_HIGH:
	case FORM_LOW: return len == 2;
	case FORM_LABEL: return len == 3;
	case FORM_UPTIME:
	case FORM_SECONDS:
	case FORM_MILLIS:
	case FORM_DELTA_US:
	case FORM_MS_AS_US: return integer;
	case FORM_MICROS:
	case FORM_NANOS: return len == 8;
	default: break;
	}
	switch (kind) {
	case KIND_IP: return len == (form == FORM_V6 ? 16 : 4);
	case KIND_MAC: return len == 6;
	case KIND_TEXT: return len > 0;
	default: return integer;
	}
}

/* The form by which record field f takes this template field, -1 if it does not. */
static int source_form(const struct field *f, const struct template_field *def)
{
	for (uint8_t i = 0; i < f->source_count; i++) {
		const struct field_source *s = &f->sources[i];
		if (s->id == def->id && s->pen == def->pen && fits(f->kind, s->form, def->len))
			return s->form;
	}
	return -1;
}

/* A template's fields by the low bits of their element's id, in their order. */
struct by_id {
	uint16_t first[256], next[TEMPLATE_FIELDS_MAX];
};

static void index_fields(struct by_id *x, const struct template_field *defs, size_t count)
{
	memset(x->first, 0xff, sizeof x->first);
	for (size_t i = count; i-- > 0;) {
		uint16_t *first = &x->first[defs[i].id % LEN(x->first)];
		x->next[i] = *first;
		*first = (uint16_t)i;
	}
}

/* The first of the template's fields that is of this source, or NOBODY. */
static uint16_t field_of(const struct by_id *x, const struct template_field *defs,
	const struct field_source *s, uint8_t kind)
{
	uint16_t i = x->first[s->id % LEN(x->first)];
	while (i != NOBODY &&
		(defs[i].id != s->id || defs[i].pen != s->pen || !fits(kind, s->form, defs[i].len)))
		i = x->next[i];
	return i;
}

/* Whether an element of the user's own fills its field from so many bytes. */
static bool own_fits(const struct own_element *e, uint16_t len)
{
	if (e->form == FORM_BITS)
		return len == TEMPLATE_VARIABLE || 8u * len > OWN_BITS_LOWEST(e->bits);
	if (e->element.type == ELEMENT_IPV4 || e->element.type == ELEMENT_IPV6)
		return len == (e->element.type == ELEMENT_IPV4 ? 4 : 16);
	return fits(fields[e->field].kind, e->form, len);
}

static void stake_own_claims(struct claims *c, const struct template_field *defs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct own_element *e = element_own(defs[i].pen, defs[i].id);
		if (!e || e->field < 0 || !own_fits(e, defs[i].len))
			continue;
		if (!c->own[e->field] || e->order < c->own[e->field]->order) {
			c->own[e->field] = e;
			c->by[e->field] = (uint16_t)i;
		}
	}
}

/* For each record field the best source among the template's fields; the first of equals. */
static void stake_claims(struct claims *c, const struct template *t)
{
	const struct template_field *defs = t->fields;
	const size_t count = t->field_count;
	const bool of_exporter = t->id != 0; /* who may send any enterprise number, ours too */
	struct by_id x;
	index_fields(&x, defs, count);
	memset(c, 0xff, sizeof *c);
	memset(c->own, 0, sizeof c->own);
	stake_own_claims(c, defs, count);
	for (size_t id = 0; id < FIELD_COUNT; id++)
		for (uint8_t k = 0; k < fields[id].source_count && !c->own[id]; k++) {
			const struct field_source *s = &fields[id].sources[k];
			uint16_t *claim = s->form == FORM_V6 ? &c->other[id] : &c->by[id];
			if (*claim == NOBODY && !(of_exporter && s->pen == PEN_PADDING))
				*claim = field_of(&x, defs, s, fields[id].kind);
		}
}

/* An integer of len bytes for a field of `width`: one that is as wide or wider always takes it. */
static enum step_op integer_op(unsigned width, uint16_t len)
{
	static const uint8_t same[] = {
		[1] = STEP_U8, [2] = STEP_U16, [4] = STEP_U32, [8] = STEP_U64};
	static const uint8_t half[] = {
		[2] = STEP_U16_OF_1, [4] = STEP_U32_OF_2, [8] = STEP_U64_OF_4};
	if (len == width)
		return same[width];
	if (2u * len == width)
		return half[width];
	if (len > width)
		return STEP_NARROW;
	return width == 4 ? STEP_WIDEN_U32 : STEP_WIDEN_U64;
}

static enum step_op value_op(uint8_t kind, uint16_t len)
{
	switch (kind) {
	case KIND_U8: return integer_op(1, len);
	case KIND_U16: return integer_op(2, len);
	case KIND_U32: return integer_op(4, len);
	case KIND_U64: return integer_op(8, len);
	case KIND_IP: return len == 4 ? STEP_IP4 : STEP_IP6;
	case KIND_MAC: return STEP_MAC;
	default: return STEP_TEXT;
	}
}

static enum step_op op_of(uint8_t kind, uint8_t form, uint16_t len)
{
	static const uint8_t of_form[] = {
		[FORM_HIGH] = STEP_HIGH,
		[FORM_LOW] = STEP_LOW,
		[FORM_UPTIME] = STEP_UPTIME,
		[FORM_SECONDS] = STEP_SECONDS,
		[FORM_MILLIS] = STEP_MILLIS,
		[FORM_MICROS] = STEP_MICROS,
		[FORM_NANOS] = STEP_NANOS,
		[FORM_DELTA_US] = STEP_DELTA_US,
		[FORM_MS_AS_US] = STEP_MS_AS_US,
		[FORM_LABEL] = STEP_LABEL,
		[FORM_BITS] = STEP_BITS,
	};
	if (form == FORM_VALUE || form == FORM_V6)
		return value_op(kind, len);
	return of_form[form];
}

static struct step *add_step(struct template *t, enum step_op op, size_t index)
{
	struct step *s = &t->steps[t->step_count++];
	*s = (struct step){.op = (uint8_t)op,
		.index = (uint16_t)index,
		.len = t->fields[index].len,
		.partner = NOBODY};
	return s;
}

/* The step by which template field `index` fills record field `id`. */
static void add_claim(struct template *t, const struct claims *c, enum field_id id, size_t index)
{
	const struct own_element *own = c->own[id];
	int form = own ? own->form : source_form(&fields[id], &t->fields[index]);
	enum step_op op = op_of(fields[id].kind, (uint8_t)form, t->fields[index].len);
	bool contested = form == FORM_V6 && c->by[id] != NOBODY;
	struct step *s = add_step(t, contested ? STEP_OTHER_FAMILY : op, index);
	s->field = (uint8_t)id;
	s->target = fields[id].offset;
	s->bits = own ? own->bits : 0;
	if (contested)
		s->partner = c->by[id];
	else if (op < STEP_CONDITIONAL)
		t->present[id / 64] |= UINT64_C(1) << (id % 64);
}

/* What a range of bits leaves out of an element must not be lost: it stays among the extras. */
static bool takes_all(const struct own_element *e)
{
	return !e || e->form != FORM_BITS;
}

static void add_claims(struct template *t, const struct claims *c, bool *claimed)
{
	for (size_t i = 0; i < t->field_count; i++)
		if (t->fields[i].pen == 0 && t->fields[i].id == IE_SYSINIT &&
			t->fields[i].len == 8) {
			add_step(t, STEP_SYSINIT, i); /* which keeps it among the extras */
			claimed[i] = true;
		}
	for (size_t id = 0; id < FIELD_COUNT; id++) {
		const uint16_t indexes[] = {c->by[id], c->other[id]};
		for (size_t k = 0; k < LEN(indexes); k++)
			if (indexes[k] != NOBODY) {
				add_claim(t, c, (enum field_id)id, indexes[k]);
				claimed[indexes[k]] |= takes_all(c->own[id]);
			}
	}
}

static int by_op(const void *a, const void *b)
{
	const struct step *s = a, *t = b;
	if (s->op != t->op)
		return s->op < t->op ? -1 : 1;
	return s->index < t->index ? -1 : s->index > t->index;
}

/* The order of the ops is the order in which the steps must run: what others depend on (the base of
 * uptimes, ipVersion) comes before them, the other address family after the first. */
static void order_steps(struct template *t)
{
	size_t s = 0;
	qsort(t->steps, t->step_count, sizeof *t->steps, by_op);
	for (unsigned op = 0; op < STEP_CONDITIONAL; op++) {
		while (s < t->step_count && t->steps[s].op == op)
			s++;
		t->end_of[op] = (uint16_t)s;
	}
	t->first_extra = t->step_count;
}

static bool same_element(const struct template_field *a, const struct template_field *b)
{
	return a->id == b->id && a->pen == b->pen;
}

static bool has_section(const struct template *t)
{
	for (size_t i = 0; i < t->field_count && !t->options; i++)
		if (section_element(t->fields[i].pen, t->fields[i].id))
			return true;
	return false;
}

static bool has_lists(const struct template *t)
{
	for (size_t i = 0; i < t->field_count; i++)
		if (list_type(t->fields[i].pen, t->fields[i].id) >= 0)
			return true;
	return false;
}

/* A template field on its way into the order in which extras stand. */
struct place {
	struct template_field field;
	uint16_t index, first; /* in the template: its own, and that of its element */
	bool alone;            /* no field of its element joins the extras by its value */
};

static int by_element(const void *a, const void *b)
{
	const struct place *p = a, *q = b;
	if (p->field.pen != q->field.pen)
		return p->field.pen < q->field.pen ? -1 : 1;
	if (p->field.id != q->field.id)
		return p->field.id < q->field.id ? -1 : 1;
	return p->index < q->index ? -1 : p->index > q->index;
}

static int by_first(const void *a, const void *b)
{
	const struct place *p = a, *q = b;
	if (p->alone != q->alone)
		return p->alone ? 1 : -1;
	if (p->first != q->first)
		return p->first < q->first ? -1 : 1;
	return p->index < q->index ? -1 : p->index > q->index;
}

/* The fields that join the extras where their values do not fit. */
static void find_misfits(const struct template *t, bool *misfits)
{
	for (size_t s = 0; s < t->step_count; s++)
		if (t->steps[s].op >= STEP_CONDITIONAL) {
			misfits[t->steps[s].index] = true;
			if (t->steps[s].partner != NOBODY)
				misfits[t->steps[s].partner] = true;
		}
}

/* The template's fields, those of one element next to each other, in the order of their first;
 * elements of misfits come before the others. */
static void find_places(const struct template *t, struct place *places)
{
	bool misfits[TEMPLATE_FIELDS_MAX] = {false};
	size_t n = t->field_count, end;
	find_misfits(t, misfits);
	for (size_t i = 0; i < n; i++)
		places[i] = (struct place){.field = t->fields[i], .index = (uint16_t)i};
	qsort(places, n, sizeof *places, by_element);
	for (size_t i = 0; i < n; i = end) {
		bool alone = true;
		for (end = i; end < n && same_element(&places[i].field, &places[end].field); end++)
			alone &= !misfits[places[end].index];
		for (size_t k = i; k < end; k++) {
			places[k].first = places[i].index;
			places[k].alone = alone;
		}
	}
	qsort(places, n, sizeof *places, by_first);
}

/* What no field claims becomes extras. */
static void add_extras(struct template *t, const bool *claimed)
{
	struct place places[TEMPLATE_FIELDS_MAX];
	find_places(t, places);
	t->first_alone = t->step_count;
	for (size_t i = 0; i < t->field_count; i++) {
		const struct place *p = &places[i];
		bool padding = t->id == 0 && p->field.pen == PEN_PADDING;
		if (!claimed[p->index] && p->field.len && !padding)
			add_step(t, STEP_EXTRA, p->index);
		if (!p->alone)
			t->first_alone = t->step_count;
	}
}

static bool always_sets(const struct template *t, enum field_id id)
{
	return t->present[id / 64] >> (id % 64) & 1;
}

/* Whether records tell their rate by samplingPacketSpace or samplingPopulation, which take another
 * element beside them. */
static bool has_sampling_pair(const struct template *t)
{
	for (size_t i = 0; i < t->field_count; i++)
		if (t->fields[i].pen == 0 &&
			(t->fields[i].id == IE_PACKET_SPACE || t->fields[i].id == IE_POPULATION))
			return true;
	return false;
}

static void set_offsets(struct template *t)
{
	uint32_t offsets[TEMPLATE_FIELDS_MAX], offset = 0;
	if (t->variable)
		return;
	for (size_t i = 0; i < t->field_count; i++) {
		offsets[i] = offset;
		offset += t->fields[i].len;
	}
	for (size_t s = 0; s < t->step_count; s++)
		t->steps[s].offset = offsets[t->steps[s].index];
}

/* The length of a record, each variable field counted by its shortest form; 0: empty records, or
 * too many fields of no length. */
static uint32_t least_length(const struct template_field *defs, size_t count, bool *variable)
{
	uint32_t len = 0, empty = 0;
	for (size_t i = 0; i < count; i++) {
		bool v = defs[i].len == TEMPLATE_VARIABLE;
		*variable |= v;
		len += v ? 1 : defs[i].len;
		empty += defs[i].len == 0;
	}
	return empty <= TEMPLATE_EMPTY_MAX ? len : 0;
}

/* What is kept of t, which has room for more steps, in a block of its own size; NULL: no memory. */
static struct template *fitted(const struct template *t)
{
	size_t fields_size = t->field_count * sizeof *t->fields;
	size_t bytes = sizeof *t + fields_size + t->step_count * sizeof *t->steps;
	struct template *own = malloc(bytes);
	if (!own)
		return NULL;
	*own = *t;
	own->fields = (struct template_field *)(own + 1);
	own->steps = (struct step *)(own->fields + t->field_count);
	own->bytes = (uint32_t)(bytes + BLOCK_OVERHEAD);
	memcpy(own->fields, t->fields, fields_size);
	memcpy(own->steps, t->steps, t->step_count * sizeof *t->steps);
	return own;
}

static void make_plan(struct template *t)
{
	bool claimed[TEMPLATE_FIELDS_MAX] = {false};
	struct claims claims;
	stake_claims(&claims, t);
	add_claims(t, &claims, claimed);
	order_steps(t);
	t->sampling_pair = has_sampling_pair(t);
	t->own_sampling = claims.by[FIELD_sampling_rate] != NOBODY ||
			  claims.by[FIELD_sampler_id] != NOBODY || t->sampling_pair;
	t->icmp_in_port = always_sets(t, FIELD_protocol) && always_sets(t, FIELD_src_port) &&
			  always_sets(t, FIELD_dst_port) && claims.by[FIELD_icmp_type] == NOBODY;
	t->section = has_section(t);
	t->lists = has_lists(t);
	t->nested = !t->options && nested_template(t->fields, t->field_count);
	add_extras(t, claimed);
	set_offsets(t);
	t->join_fields = join_fields(t);
	t->vendor = t->options ? 0 : (uint8_t)vendor_says(t);
}

struct template *template_compile(uint16_t id, const struct template_field *defs,
	size_t field_count, uint16_t scope_count, bool options, int *err)
{
	/* one step a field, one more for element 160, and one more for each that fills two fields
	 */
	struct step steps[2 * TEMPLATE_FIELDS_MAX + FIELD_COUNT];
	struct template_field fields_copy[TEMPLATE_FIELDS_MAX];
	bool variable = false;

	*err = ERR_STATE_LIMIT;
	if (field_count > TEMPLATE_FIELDS_MAX)
		return NULL;
	*err = ERR_BAD_TEMPLATE;
	uint32_t len = least_length(defs, field_count, &variable);
	if (len == 0)
		return NULL;
	memcpy(fields_copy, defs, field_count * sizeof *defs);
	struct template t = {
		.id = id,
		.options = options,
		.scope_count = scope_count,
		.field_count = (uint16_t)field_count,
		.variable = variable,
		.record_len = len,
		.steps = steps,
		.fields = fields_copy,
	};
	make_plan(&t);
	struct template *own = fitted(&t);
	*err = own ? 0 : ERR_MEMORY;
	return own;
}

bool template_same(const struct template *t, const struct template_field *defs, size_t field_count,
	uint16_t scope_count, bool options)
{
	if (t->field_count != field_count || t->scope_count != scope_count || t->options != options)
		return false;
	for (size_t i = 0; i < field_count; i++)
		if (!same_element(&t->fields[i], &defs[i]) || t->fields[i].len != defs[i].len)
			return false;
	return true;
}

size_t template_locate(const struct template *t, struct cursor at, struct field_position *pos)
{
	const uint8_t *start = at.p;
	for (size_t i = 0; i < t->field_count; i++) {
		size_t len = t->fields[i].len;
		if (len == TEMPLATE_VARIABLE) {
			len = cursor_u8(&at);
			if (len == 255)
				len = cursor_u16(&at);
		}
		const uint8_t *p = cursor_take(&at, len);
		if (!p)
			return 0;
		pos[i] = (struct field_position){(uint32_t)(p - start), (uint32_t)len};
	}
	return (size_t)(at.p - start);
}
