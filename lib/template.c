#include "lib/template.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/section.h"

#define IE_SYSINIT      160
#define IE_PACKET_SPACE 306
#define IE_POPULATION   310
#define NOBODY          UINT16_MAX

/* Which template field fills which record field. */
struct claims {
	uint16_t by[FIELD_COUNT];    /* index of the template field, or NOBODY */
	uint8_t rank[FIELD_COUNT];   /* of the source that it won by */
	uint16_t other[FIELD_COUNT]; /* the same for the other address family */
};

static bool fits(uint8_t kind, uint8_t form, uint16_t len)
{
	bool integer = len >= 1 && len <= 8;
	switch (form) {
	case FORM_HIGH:
	case FORM_LOW: return len == 2;
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

/* The form by which record field f takes this template field, -1 if it does not; *rank is its place
 * in the list of sources. */
static int source_form(const struct field *f, const struct template_field *def, uint8_t *rank)
{
	for (uint8_t i = 0; i < f->source_count; i++) {
		const struct field_source *s = &f->sources[i];
		if (s->id == def->id && s->pen == def->pen && fits(f->kind, s->form, def->len)) {
			*rank = i;
			return s->form;
		}
	}
	return -1;
}

/* For each record field the best source among the template's fields; the first of equals. */
static void stake_claims(struct claims *c, const struct template_field *defs, size_t count)
{
	memset(c, 0xff, sizeof *c);
	for (size_t id = 0; id < FIELD_COUNT; id++)
		for (size_t i = 0; i < count && fields[id].source_count; i++) {
			uint8_t rank;
			int form = source_form(&fields[id], &defs[i], &rank);
			if (form < 0)
				continue;
			if (form == FORM_V6) {
				if (c->other[id] == NOBODY)
					c->other[id] = (uint16_t)i;
			} else if (c->by[id] == NOBODY || rank < c->rank[id]) {
				c->by[id] = (uint16_t)i;
				c->rank[id] = rank;
			}
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
	uint8_t rank;
	int form = source_form(&fields[id], &t->fields[index], &rank);
	enum step_op op = op_of(fields[id].kind, (uint8_t)form, t->fields[index].len);
	bool contested = form == FORM_V6 && c->by[id] != NOBODY;
	struct step *s = add_step(t, contested ? STEP_OTHER_FAMILY : op, index);
	s->field = (uint8_t)id;
	s->target = fields[id].offset;
	if (contested)
		s->partner = c->by[id];
	else if (op < STEP_CONDITIONAL)
		t->present[id / 64] |= UINT64_C(1) << (id % 64);
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
				claimed[indexes[k]] = true;
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

/* What is left over becomes extras, those of one element next to each other. */
static void add_extras(struct template *t, bool *claimed)
{
	for (size_t i = 0; i < t->field_count; i++) {
		if (claimed[i] || t->fields[i].len == 0 || t->fields[i].pen == PEN_PADDING)
			continue;
		for (size_t k = i; k < t->field_count; k++)
			if (!claimed[k] && same_element(&t->fields[i], &t->fields[k])) {
				if (t->fields[k].len)
					add_step(t, STEP_EXTRA, k);
				claimed[k] = true;
			}
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
	uint32_t offset = 0;
	for (size_t i = 0; i < t->field_count; i++)
		offset += t->fields[i].len;
	if (t->variable)
		return;
	for (size_t s = 0; s < t->step_count; s++) {
		offset = 0;
		for (size_t i = 0; i < t->steps[s].index; i++)
			offset += t->fields[i].len;
		t->steps[s].offset = offset;
	}
}

/* The length of a record, each variable field counted by its shortest form; 0: empty records. */
static uint32_t least_length(const struct template_field *defs, size_t count, bool *variable)
{
	uint32_t len = 0;
	for (size_t i = 0; i < count; i++) {
		bool v = defs[i].len == TEMPLATE_VARIABLE;
		*variable |= v;
		len += v ? 1 : defs[i].len;
	}
	return len;
}

struct template *template_compile(uint16_t id, const struct template_field *defs,
	size_t field_count, uint16_t scope_count, bool options, int *err)
{
	bool claimed[TEMPLATE_FIELDS_MAX] = {false};
	struct claims claims;
	bool variable = false;

	*err = ERR_STATE_LIMIT;
	if (field_count > TEMPLATE_FIELDS_MAX)
		return NULL;
	*err = ERR_BAD_TEMPLATE;
	uint32_t len = least_length(defs, field_count, &variable);
	if (len == 0)
		return NULL;
	/* one step a field, one more for element 160, and one more for each that fills two fields
	 */
	size_t steps_max = 2 * field_count + FIELD_COUNT;
	size_t bytes = sizeof(struct template) + field_count * sizeof *defs +
		       steps_max * sizeof(struct step);
	struct template *t = calloc(1, bytes);
	*err = ERR_MEMORY;
	if (!t)
		return NULL;
	*err = 0;
	t->id = id;
	t->options = options;
	t->scope_count = scope_count;
	t->field_count = (uint16_t)field_count;
	t->variable = variable;
	t->record_len = len;
	t->bytes = bytes;
	t->steps = (struct step *)(t + 1);
	t->fields = (struct template_field *)(t->steps + steps_max);
	memcpy(t->fields, defs, field_count * sizeof *defs);
	stake_claims(&claims, defs, field_count);
	add_claims(t, &claims, claimed);
	order_steps(t);
	t->own_sampling = claims.by[FIELD_sampling_rate] != NOBODY ||
			  claims.by[FIELD_sampler_id] != NOBODY || has_sampling_pair(t);
	t->icmp_in_port = always_sets(t, FIELD_protocol) && always_sets(t, FIELD_src_port) &&
			  always_sets(t, FIELD_dst_port) && claims.by[FIELD_icmp_type] == NOBODY;
	t->section = has_section(t);
	add_extras(t, claimed);
	set_offsets(t);
	return t;
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
