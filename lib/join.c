#include "lib/join.h"

#include <string.h>

#include "lib/base.h"

#define IE_INTERVAL        34
#define IE_RANDOM_INTERVAL 50

enum { SOURCE_UNKNOWN = 1, SOURCE_RECORD = 3, SOURCE_OPTIONS = 4, SOURCE_STATIC = 5 };

/* How a name is announced: the elements that hold it, the better one first, and those that say what
 * it is the name of. */
static const struct {
	uint8_t kind;
	uint16_t names[2];
	struct {
		uint32_t pen;
		uint16_t id;
	} keys[3];
} announced[] = {
	{NAME_INTERFACE, {82, 83}, {{0, 10}, {0, 14}, {PEN_SCOPE, 2}}}, /* RFC 3954, 6.1 */
	{NAME_VRF, {236, 0}, {{0, 234}, {0, 235}}},
	{NAME_APPLICATION, {96, 94}, {{0, 95}}}, /* RFC 6759 */
};

/* Which record field is named by which. */
#define JOINED(the_kind, name, to_name, is_wide)                                                   \
	{                                                                                          \
		NAME_##the_kind, FIELD_##name, FIELD_##to_name, is_wide,                           \
			offsetof(struct record, name), offsetof(struct record, to_name)            \
	}
static const struct {
	uint8_t kind, from, to;
	bool wide; /* `from` has 64 bits, not 32 */
	uint16_t from_at, to_at;
} joined[NAMED_FIELDS] = {
	JOINED(INTERFACE, in_if, in_if_name, false),
	JOINED(INTERFACE, out_if, out_if_name, false),
	JOINED(VRF, vrf_in, vrf_in_name, false),
	JOINED(VRF, vrf_out, vrf_out_name, false),
	JOINED(APPLICATION, app_id, app_name, true),
};

#define JOIN_NAMES ((1u << LEN(joined)) - 1)

/* An option record. */
struct options {
	const struct template *t;
	const uint8_t *p;
	const struct field_position *pos;
};

/* The text of an element, without what follows its first NUL; len 0: there is none. */
static struct text text_of(const struct options *o, uint16_t id)
{
	for (size_t i = 0; id && i < o->t->field_count; i++) {
		if (o->t->fields[i].pen != 0 || o->t->fields[i].id != id)
			continue;
		const char *text = (const char *)o->p + o->pos[i].offset;
		size_t len = strnlen(text, o->pos[i].len);
		if (len)
			return (struct text){text, (uint32_t)len};
	}
	return (struct text){NULL, 0};
}

/* Finds the number by which something is named; the first, however often the element is there. */
static bool key_of(const struct options *o, uint32_t pen, uint16_t id, uint64_t *out)
{
	for (size_t i = 0; i < o->t->field_count; i++) {
		const struct template_field *f = &o->t->fields[i];
		if (f->id != id || f->pen != pen || o->pos[i].len == 0 || o->pos[i].len > 8)
			continue;
		*out = be_uint(o->p + o->pos[i].offset, o->pos[i].len);
		return true;
	}
	return false;
}

/* Learns the name for each of what it says that it is the name of. */
static void learn_name(struct exporters *all, struct domain *domain, const struct options *o,
	size_t how, const struct text *text)
{
	struct name_key key = {.kind = announced[how].kind, .domain = domain->id};
	for (size_t k = 0; k < LEN(announced[how].keys); k++) {
		uint16_t id = announced[how].keys[k].id;
		if (id && key_of(o, announced[how].keys[k].pen, id, &key.id))
			exporter_name_put(all, domain->exporter, &key, text, true);
	}
}

static void learn_names(struct exporters *all, struct domain *domain, const struct options *o)
{
	for (size_t how = 0; how < LEN(announced); how++) {
		struct text text = text_of(o, announced[how].names[0]);
		if (!text.len)
			text = text_of(o, announced[how].names[1]);
		if (text.len)
			learn_name(all, domain, o, how, &text);
	}
}

static void learn_interface_rate(
	struct exporters *all, struct exporter *e, const struct sampler *learnt)
{
	const struct name_key key = {NAME_RATE, learnt->domain, learnt->id};
	const struct text text = {(const char *)&learnt->rate, sizeof learnt->rate};
	exporter_name_put(all, e, &key, &text, true);
}

/* 0: not known. */
static uint32_t interface_rate(const struct domain *domain, uint32_t index)
{
	const struct name_key key = {NAME_RATE, domain->id, index};
	const struct names *names = domain->exporter->names;
	const struct text *text = names && index ? names_find(names, &key) : NULL;
	uint32_t rate = 0;
	if (text && text->len == sizeof rate)
		memcpy(&rate, text->p, sizeof rate);
	return rate;
}

void join_learn(struct exporters *all, struct domain *domain, const struct template *t,
	const uint8_t *p, const struct field_position *pos)
{
	struct exporter *e = domain->exporter;
	const struct options o = {t, p, pos};
	struct sampler learnt;
	uint64_t met = sampling_learn(&e->samplers, domain->id, t, p, pos,
		exporter_has_quirk(e, QUIRK_LITTLE_ENDIAN_SAMPLING), &learnt);
	if (learnt.rate && learnt.of == SAMPLER_OF_INTERFACE)
		learn_interface_rate(all, e, &learnt);
	if (met)
		exporter_met(e, met);
	learn_names(all, domain, &o);
}

/* Whether records of the template may have the field; whether it is there shows the record. */
static bool fills(const struct template *t, enum field_id id)
{
	for (uint16_t i = 0; t && i < t->first_extra; i++)
		if (t->steps[i].op != STEP_SYSINIT && t->steps[i].field == id)
			return true;
	return !t;
}

uint8_t join_fields(const struct template *t)
{
	unsigned which = 0;
	for (size_t i = 0; i < LEN(joined); i++)
		if (fills(t, joined[i].from))
			which |= 1u << i;
	return (uint8_t)which;
}

uint8_t join_fields_of(enum name_kind kind)
{
	unsigned which = 0;
	for (size_t i = 0; i < LEN(joined); i++)
		if (joined[i].kind == kind)
			which |= 1u << i;
	return (uint8_t)which;
}

unsigned join_begin(const struct exporter *e, const struct template *t)
{
	unsigned what = e->nameable & (t ? t->join_fields : JOIN_NAMES);
	if (t && t->options)
		return 0;
	if (exporter_has_quirk(e, QUIRK_OUT_IS_REVERSE) &&
		(fills(t, FIELD_out_bytes) || fills(t, FIELD_out_pkts)))
		what |= JOIN_REVERSE;
	return what;
}

static const struct text *name_of(const struct domain *domain, uint8_t kind, uint64_t id)
{
	const struct exporter *e = domain->exporter;
	struct name_key key = {kind, domain->id, id};
	const struct text *text = e->names ? names_find(e->names, &key) : NULL;
	if (!text && kind == NAME_INTERFACE)
		text = interface_name(e->settings.interfaces, (uint32_t)key.id);
	return text;
}

static uint64_t product(uint64_t count, uint32_t rate)
{
	uint64_t p;
	return __builtin_mul_overflow(count, (uint64_t)rate, &p) ? UINT64_MAX : p;
}

/* Where the rate is not known, what the counters stand for is not known either. */
void join_scale(struct record *r)
{
	if (!record_has(r, FIELD_sampling_rate))
		return;
	if (record_has(r, FIELD_in_bytes))
		RECORD_SET(r, in_bytes_scaled, product(r->in_bytes, r->sampling_rate));
	if (record_has(r, FIELD_in_pkts))
		RECORD_SET(r, in_pkts_scaled, product(r->in_pkts, r->sampling_rate));
}

/* Moves a counter of the opposite direction to where it belongs. */
static void reverse(struct record *r, enum field_id from, enum field_id to)
{
	uint64_t bit = UINT64_C(1) << (from % 64);
	if (!record_has(r, from) || record_has(r, to))
		return;
	memcpy((char *)r + fields[to].offset, record_field(r, from), sizeof(uint64_t));
	r->present[from / 64] &= ~bit;
	record_mark(r, to);
}

void join_icmp(struct exporter *e, struct record *r)
{
	uint16_t port = r->dst_port ? r->dst_port : r->src_port;
	if (!port)
		return;
	RECORD_SET(r, icmp_type, (uint8_t)(port >> 8));
	RECORD_SET(r, icmp_code, (uint8_t)port);
	e->quirks[QUIRK_ICMP_IN_PORT]++;
}

/* Apart from its caller, which mostly does without it. */
static __attribute__((noinline)) void find_name(
	struct name_at_hand *n, const struct domain *domain, uint8_t kind, uint64_t id)
{
	*n = (struct name_at_hand){true, domain->id, id, name_of(domain, kind, id)};
}

static inline void join_name(unsigned i, struct domain *domain, struct record *r)
{
	struct name_at_hand *n = &domain->exporter->at_hand[i];
	if (!record_has(r, joined[i].from) || record_has(r, joined[i].to))
		return;
	const char *value = (const char *)r + joined[i].from_at;
	uint64_t id = joined[i].wide ? *(const uint64_t *)(const void *)value
				     : *(const uint32_t *)(const void *)value;
	if (n->id != id || !n->known || n->domain != domain->id)
		find_name(n, domain, joined[i].kind, id);
	if (!n->text)
		return;
	*(struct text *)(void *)((char *)r + joined[i].to_at) = *n->text;
	record_mark(r, joined[i].to);
}

void join_record(unsigned what, struct domain *domain, struct record *r)
{
	if (what & JOIN_REVERSE) {
		reverse(r, FIELD_out_bytes, FIELD_rev_bytes);
		reverse(r, FIELD_out_pkts, FIELD_rev_pkts);
		domain->exporter->quirks[QUIRK_OUT_IS_REVERSE]++;
	}
	for (what &= JOIN_NAMES; what; what &= what - 1)
		join_name((unsigned)__builtin_ctz(what), domain, r);
}

bool join_rate_is_shared(const struct domain *domain, const struct template *t)
{
	return !t->own_sampling && !domain->exporter->samplers.by_interface;
}

/* The length of the element that a template's records have for their rate. */
static size_t interval_length(const struct template *t)
{
	for (size_t i = 0; i < t->field_count; i++)
		if (t->fields[i].pen == 0 &&
			(t->fields[i].id == IE_INTERVAL || t->fields[i].id == IE_RANDOM_INTERVAL))
			return t->fields[i].len;
	return 0;
}

/* The rate that a record says itself; 0: it does not. */
static uint32_t own_rate(
	const struct exporter *e, const struct template *t, const struct record *r, uint64_t *met)
{
	if (!record_has(r, FIELD_sampling_rate) || !r->sampling_rate)
		return t->sampling_pair ? sampling_of_extras(r) : 0;
	return (uint32_t)sampling_interval(r->sampling_rate, interval_length(t),
		exporter_has_quirk(e, QUIRK_LITTLE_ENDIAN_SAMPLING), met);
}

/* The rate of the interface that it was seen at first, or else of the other. */
static uint32_t rate_by_interface(const struct domain *domain, const struct record *r)
{
	bool egress = record_has(r, FIELD_direction) && r->direction == 1;
	uint32_t in = record_has(r, FIELD_in_if) ? interface_rate(domain, r->in_if) : 0;
	uint32_t out = record_has(r, FIELD_out_if) ? interface_rate(domain, r->out_if) : 0;
	return egress ? (out ? out : in) : (in ? in : out);
}

static void describe(struct sampled *flow, const struct domain *domain, const struct record *r)
{
	flow->has_id = record_has(r, FIELD_sampler_id);
	flow->id = flow->has_id ? r->sampler_id : 0;
	if (domain->exporter->samplers.by_interface)
		flow->interface_rate = rate_by_interface(domain, r);
}

uint32_t join_rate(
	struct domain *domain, const struct template *t, const struct record *r, uint8_t *source)
{
	struct exporter *e = domain->exporter;
	struct sampled flow = {.domain = domain->id, .template_id = t->id};
	uint64_t met = 0;
	uint32_t rate = r ? own_rate(e, t, r, &met) : 0;
	*source = SOURCE_RECORD;
	if (!rate) {
		if (r)
			describe(&flow, domain, r);
		rate = sampling_rate(&e->samplers, &flow, &met);
		if (!rate && flow.has_id)
			met |= QUIRK_BIT(SAMPLER_UNKNOWN);
		*source = SOURCE_OPTIONS;
	}
	if (!rate) {
		rate = e->settings.sampling;
		*source = rate ? SOURCE_STATIC : SOURCE_UNKNOWN;
	}
	if (met)
		exporter_met(e, met);
	return rate;
}
