#include "lib/sampling.h"

#include <stddef.h>

#include "lib/base.h"

enum wanted {
	INTERVAL,
	RANDOM_INTERVAL,
	PACKET_INTERVAL,
	PACKET_SPACE,
	SIZE,
	POPULATION,
	SAMPLER,
	SELECTOR,
	WANTED
};

static const uint16_t wanted_ids[WANTED] = {
	[INTERVAL] = 34,
	[RANDOM_INTERVAL] = 50,
	[PACKET_INTERVAL] = 305,
	[PACKET_SPACE] = 306,
	[SIZE] = 309,
	[POPULATION] = 310,
	[SAMPLER] = 48,
	[SELECTOR] = 302,
};

struct values {
	bool has[WANTED];
	uint64_t of[WANTED];
};

static void collect(struct values *v, const struct template *t, const uint8_t *p,
	const struct field_position *pos)
{
	for (size_t i = 0; i < t->field_count; i++) {
		const struct template_field *f = &t->fields[i];
		if (f->pen != 0 || pos[i].len == 0 || pos[i].len > 8)
			continue;
		for (size_t w = 0; w < WANTED; w++)
			if (wanted_ids[w] == f->id) {
				v->has[w] = true;
				v->of[w] = be_uint(p + pos[i].offset, pos[i].len);
			}
	}
}

/* The quotient where there is no remainder, else 0. */
static uint64_t whole(uint64_t of, uint64_t by)
{
	return of % by ? 0 : of / by;
}

/* One in how many; 0: not said. */
static uint64_t rate_of(const struct values *v)
{
	if (v->has[PACKET_INTERVAL] && v->has[PACKET_SPACE] && v->of[PACKET_INTERVAL])
		return whole(v->of[PACKET_INTERVAL] + v->of[PACKET_SPACE], v->of[PACKET_INTERVAL]);
	if (v->has[SIZE] && v->has[POPULATION] && v->of[SIZE])
		return whole(v->of[POPULATION], v->of[SIZE]);
	if (v->has[RANDOM_INTERVAL])
		return v->of[RANDOM_INTERVAL];
	return v->has[INTERVAL] ? v->of[INTERVAL] : 0;
}

static bool same(const struct sampler *a, const struct sampler *b)
{
	return a->domain == b->domain && a->has_id == b->has_id && a->id == b->id;
}

static uint32_t held(const struct samplers *all)
{
	return all->count < SAMPLERS_MAX ? all->count : SAMPLERS_MAX;
}

void sampling_learn(struct samplers *all, uint32_t domain, const struct template *t,
	const uint8_t *p, const struct field_position *pos)
{
	struct values v = {0};
	collect(&v, t, p, pos);
	uint64_t rate = rate_of(&v);
	if (rate == 0 || rate > UINT32_MAX)
		return;
	struct sampler s = {.domain = domain, .rate = (uint32_t)rate};
	s.has_id = v.has[SAMPLER] || v.has[SELECTOR];
	s.id = v.has[SAMPLER] ? v.of[SAMPLER] : v.of[SELECTOR];
	for (uint32_t i = 0; i < held(all); i++)
		if (same(&all->list[i], &s)) {
			all->list[i] = s;
			return;
		}
	all->list[all->count++ % SAMPLERS_MAX] = s;
}

uint32_t sampling_rate(const struct samplers *all, uint32_t domain, bool has_id, uint64_t id)
{
	const struct sampler *elsewhere = NULL;
	uint32_t n = held(all);
	for (uint32_t i = 0; i < n; i++) {
		const struct sampler *s = &all->list[i];
		if (s->has_id != has_id || (has_id && s->id != id))
			continue;
		if (s->domain == domain)
			return s->rate;
		elsewhere = s;
	}
	if (elsewhere)
		return elsewhere->rate;
	if (has_id ? id == 0 && n > 0 : n == 1)
		return all->list[(all->count - 1) % SAMPLERS_MAX].rate;
	return 0;
}
