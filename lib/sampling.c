#include "lib/sampling.h"

#include <stddef.h>

#include "lib/base.h"
#include "lib/quirks.h"

#define MODE_MAX    3                   /* of the two bits that NetFlow v5 has for it */
#define IMPLAUSIBLE (UINT32_C(1) << 24) /* a rate from here on */

enum wanted {
	INTERVAL,
	RANDOM_INTERVAL,
	PACKET_INTERVAL,
	PACKET_SPACE,
	SIZE,
	POPULATION,
	SAMPLER,
	SELECTOR,
	MODE,
	ALGORITHM,
	TEMPLATE,
	INGRESS,
	EGRESS,
	SCOPE_INTERFACE,
	SCOPE_TEMPLATE,
	DOMAIN,
	WANTED
};

static const struct {
	uint32_t pen;
	uint16_t id;
} wanted[WANTED] = {
	[INTERVAL] = {0, 34},
	[RANDOM_INTERVAL] = {0, 50},
	[PACKET_INTERVAL] = {0, 305},
	[PACKET_SPACE] = {0, 306},
	[SIZE] = {0, 309},
	[POPULATION] = {0, 310},
	[SAMPLER] = {0, 48},
	[SELECTOR] = {0, 302},
	[MODE] = {0, 49},
	[ALGORITHM] = {0, 35},
	[TEMPLATE] = {0, 145},
	[INGRESS] = {0, 10},
	[EGRESS] = {0, 14},
	[SCOPE_INTERFACE] = {PEN_SCOPE, 2}, /* RFC 3954, 6.1 */
	[SCOPE_TEMPLATE] = {PEN_SCOPE, 5},
	[DOMAIN] = {0, 149},
};

struct values {
	bool has[WANTED];
	uint64_t of[WANTED];
	size_t len[WANTED];
};

static void take(struct values *v, uint32_t pen, uint16_t id, const uint8_t *p, size_t len)
{
	if (len == 0 || len > 8)
		return;
	for (size_t w = 0; w < WANTED; w++)
		if (wanted[w].id == id && wanted[w].pen == pen) {
			v->has[w] = true;
			v->of[w] = be_uint(p, len);
			v->len[w] = len;
		}
}

/* The whole number that is nearest to the quotient. */
static uint64_t quotient(uint64_t of, uint64_t by)
{
	return of / by + (of % by > by / 2 || (of % by == by / 2 && by % 2 == 0));
}

/* One in how many, by the elements that come in pairs (RFC 5477, 8.2); 0: not said. */
static uint64_t rate_of_pairs(const struct values *v)
{
	uint64_t interval = v->of[PACKET_INTERVAL], all;
	if (v->has[PACKET_INTERVAL] && v->has[PACKET_SPACE] && interval)
		return __builtin_add_overflow(interval, v->of[PACKET_SPACE], &all)
			       ? 0
			       : quotient(all, interval);
	if (v->has[SIZE] && v->has[POPULATION] && v->of[SIZE] && v->of[POPULATION] >= v->of[SIZE])
		return quotient(v->of[POPULATION], v->of[SIZE]);
	return 0;
}

uint64_t sampling_interval(uint64_t v, size_t len, bool little_endian, uint64_t *quirks)
{
	uint64_t swapped = len > 1 && len <= 8 ? __builtin_bswap64(v) >> (64 - 8 * len) : v;
	if (!little_endian && (v < IMPLAUSIBLE || swapped >= IMPLAUSIBLE || !swapped))
		return v;
	if (swapped != v)
		*quirks |= QUIRK_BIT(LITTLE_ENDIAN_SAMPLING);
	return swapped;
}

static uint64_t rate_of(const struct values *v, bool little_endian, uint64_t *quirks)
{
	uint64_t rate = rate_of_pairs(v);
	enum wanted w = v->has[RANDOM_INTERVAL] ? RANDOM_INTERVAL : INTERVAL;
	if (rate || !v->has[w])
		return rate;
	return sampling_interval(v->of[w], v->len[w], little_endian, quirks);
}

/* What the rate of an option record holds for. */
static void describe(struct sampler *s, const struct values *v)
{
	static const struct {
		enum wanted wanted;
		enum sampler_of of;
	} by[] = {
		{SAMPLER, SAMPLER_OF_ID},
		{SELECTOR, SAMPLER_OF_ID},
		{TEMPLATE, SAMPLER_OF_TEMPLATE},
		{SCOPE_TEMPLATE, SAMPLER_OF_TEMPLATE},
		{INGRESS, SAMPLER_OF_INTERFACE},
		{EGRESS, SAMPLER_OF_INTERFACE},
		{SCOPE_INTERFACE, SAMPLER_OF_INTERFACE},
	};
	for (size_t i = 0; i < LEN(by); i++)
		if (v->has[by[i].wanted]) {
			if (!v->of[by[i].wanted] && by[i].of > SAMPLER_OF_ID)
				return; /* all of them */
			s->of = by[i].of;
			s->id = v->of[by[i].wanted];
			return;
		}
}

static bool same(const struct sampler *a, const struct sampler *b)
{
	return a->domain == b->domain && a->of == b->of && a->id == b->id;
}

static uint32_t held(const struct samplers *all)
{
	return all->count < SAMPLERS_MAX ? all->count : SAMPLERS_MAX;
}

static void remember(struct samplers *all, const struct sampler *s)
{
	all->by_template |= s->of == SAMPLER_OF_TEMPLATE;
	for (uint32_t i = 0; i < held(all); i++)
		if (same(&all->list[i], s)) {
			all->list[i] = *s;
			return;
		}
	all->list[all->count++ % SAMPLERS_MAX] = *s;
}

uint64_t sampling_learn(struct samplers *all, uint32_t domain, const struct template *t,
	const uint8_t *p, const struct field_position *pos, bool little_endian,
	struct sampler *learnt)
{
	struct values v = {.has = {false}};
	uint64_t quirks = 0;
	*learnt = (struct sampler){.rate = 0};
	for (size_t i = 0; i < t->field_count; i++) {
		const struct template_field *f = &t->fields[i];
		if (f->id != wanted[DOMAIN].id || i < t->scope_count)
			take(&v, f->pen, f->id, p + pos[i].offset, pos[i].len);
	}
	uint64_t rate = rate_of(&v, little_endian, &quirks);
	if (rate == 0 || rate > UINT32_MAX)
		return quirks;
	if (v.of[MODE] > MODE_MAX || v.of[ALGORITHM] > MODE_MAX)
		return quirks | QUIRK_BIT(BAD_SAMPLER);
	struct sampler s = {.domain = domain, .rate = (uint32_t)rate};
	if (v.has[DOMAIN])
		s.domain = (uint32_t)v.of[DOMAIN];
	describe(&s, &v);
	if (s.of == SAMPLER_OF_TEMPLATE)
		quirks |= QUIRK_BIT(TEMPLATE_SAMPLING);
	else if (s.of == SAMPLER_OF_INTERFACE)
		quirks |= QUIRK_BIT(INTERFACE_SAMPLING);
	*learnt = s;
	if (s.of < SAMPLER_OF_COUNT)
		remember(all, &s);
	return quirks;
}

/* The rate that holds for such a thing: as its own domain has it, else as the last of the others.
 */
static uint32_t find(
	const struct samplers *all, uint32_t domain, enum sampler_of of, uint64_t id, bool anywhere)
{
	uint32_t elsewhere = 0;
	for (uint32_t i = 0; i < held(all); i++) {
		const struct sampler *s = &all->list[i];
		if (s->of != of || s->id != id)
			continue;
		if (s->domain == domain)
			return s->rate;
		elsewhere = s->rate;
	}
	return anywhere ? elsewhere : 0;
}

/* The last rate that was learnt, of a template or interface aside; 0: none. *only: there is no
 * other. */
static uint32_t last_one(const struct samplers *all, bool *only)
{
	uint32_t rate = 0;
	*only = true;
	for (uint32_t i = 0; i < held(all); i++) {
		const struct sampler *s = &all->list[(all->count - 1 - i) % SAMPLERS_MAX];
		if (s->of > SAMPLER_OF_ID)
			continue;
		if (rate) {
			*only = false;
			return rate;
		}
		rate = s->rate;
	}
	return rate;
}

/* For a flow whose sampler says nothing. */
static uint32_t rate_of_scope(const struct samplers *all, const struct sampled *flow)
{
	uint32_t rate = 0;
	if (all->by_template)
		rate = find(all, flow->domain, SAMPLER_OF_TEMPLATE, flow->template_id, false);
	if (!rate)
		rate = flow->interface_rate;
	return rate ? rate : find(all, flow->domain, SAMPLER_OF_ALL, 0, true);
}

uint32_t sampling_rate(const struct samplers *all, const struct sampled *flow, uint64_t *quirks)
{
	uint32_t rate = 0, last;
	bool only;
	if (!all->count)
		return flow->interface_rate;
	if (flow->has_id)
		rate = find(all, flow->domain, SAMPLER_OF_ID, flow->id, true);
	if (!rate && flow->has_id && flow->id == 0 && (last = last_one(all, &only))) {
		*quirks |= QUIRK_BIT(SAMPLER_ZERO);
		return last;
	}
	if (!rate)
		rate = rate_of_scope(all, flow);
	if (rate || flow->has_id)
		return rate;
	last = last_one(all, &only);
	return only ? last : 0;
}

uint32_t sampling_of_extras(const struct record *r)
{
	struct values v = {.has = {false}};
	for (uint32_t i = 0; i < r->extra_count; i++)
		take(&v, r->extras[i].pen, r->extras[i].id, r->extras[i].bytes, r->extras[i].len);
	uint64_t rate = rate_of_pairs(&v);
	return rate <= UINT32_MAX ? (uint32_t)rate : 0;
}
