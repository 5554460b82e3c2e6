#include "lib/announced.h"

#include <stdlib.h>

#include "lib/exporter_store.h"
#include "lib/hash.h"

#define SLOTS_MIN 4
#define TRIES     4 /* other ports of a domain that are asked for a template */

/* Half of a multiplication by an odd number that others cannot guess. */
static size_t slot_of(const struct exporters *all, const struct domain *d, uint16_t id)
{
	return (id * (all->config.seed | 1)) >> 32 & (d->slot_count - 1);
}

struct announced *announced_get(
	const struct exporters *all, const struct domain *domain, uint16_t id)
{
	if (!domain->slot_count)
		return NULL;
	size_t i = slot_of(all, domain, id);
	while (domain->slots[i] && domain->slots[i]->id != id)
		i = (i + 1) & (domain->slot_count - 1);
	return domain->slots[i];
}

static void put_in_slot(const struct exporters *all, struct domain *d, struct announced *a)
{
	size_t i = slot_of(all, d, a->id);
	while (d->slots[i])
		i = (i + 1) & (d->slot_count - 1);
	d->slots[i] = a;
}

/* Takes it out, and moves those that had to go past it. */
static void take_from_slot(const struct exporters *all, struct domain *d, const struct announced *a)
{
	const size_t mask = d->slot_count - 1;
	size_t i = slot_of(all, d, a->id);
	while (d->slots[i] != a)
		i = (i + 1) & mask;
	d->slots[i] = NULL;
	for (i = (i + 1) & mask; d->slots[i]; i = (i + 1) & mask) {
		struct announced *moved = d->slots[i];
		d->slots[i] = NULL;
		put_in_slot(all, d, moved);
	}
}

static size_t size_of_slots(uint32_t count)
{
	return count ? count * sizeof(struct announced *) + BLOCK_OVERHEAD : 0;
}

/* How many slots a domain needs for one template more: a quarter stays empty. */
static uint32_t slots_wanted(const struct domain *d)
{
	if (!d->slot_count)
		return SLOTS_MIN;
	return 4 * (d->template_count + 1) > 3 * d->slot_count ? 2 * d->slot_count : d->slot_count;
}

static int grow_slots(struct exporters *all, struct domain *d)
{
	uint32_t count = slots_wanted(d), before = d->slot_count;
	struct announced **old = d->slots;
	if (count == before)
		return 0;
	struct announced **slots = calloc(count, sizeof(struct announced *));
	if (!slots)
		return ERR_MEMORY;
	d->slots = slots;
	d->slot_count = count;
	for (uint32_t i = 0; i < before; i++)
		if (old[i])
			put_in_slot(all, d, old[i]);
	store_charge(all, d->exporter, size_of_slots(count));
	store_refund(all, d->exporter, size_of_slots(before));
	free(old);
	return 0;
}

static struct domain **family_of(const struct exporters *all, const struct domain *d)
{
	uint64_t key = (uint64_t)d->id << 32 | d->version;
	uint64_t h = hash_mix(hash_mix(all->config.seed, (uintptr_t)d->exporter), key);
	return (struct domain **)&all->families[h % STORE_BUCKETS];
}

static void leave_family(struct domain *d)
{
	if (!d->sibling_at)
		return;
	*d->sibling_at = d->sibling;
	if (d->sibling)
		d->sibling->sibling_at = d->sibling_at;
	d->sibling = NULL;
	d->sibling_at = NULL;
}

/* The one that announced last is asked first. */
static void lead_family(const struct exporters *all, struct domain *d)
{
	struct domain **first = family_of(all, d);
	if (*first == d)
		return;
	leave_family(d);
	d->sibling = *first;
	d->sibling_at = first;
	if (d->sibling)
		d->sibling->sibling_at = &d->sibling;
	*first = d;
}

/* Frees one that is in no slot. */
static void release(struct exporters *all, struct announced *a)
{
	struct domain *d = a->domain;
	struct exporter *e = d->exporter;
	size_t bytes = a->template->bytes;
	if (all->at_work == a)
		all->at_work = NULL;
	lru_remove(&all->templates, &a->use);
	lru_remove(&e->templates, &a->own);
	if (a->paid)
		e->bytes -= bytes;
	all->usage.bytes -= definitions_put(all->definitions, a->template);
	all->usage.templates--;
	e->template_count--;
	if (--d->template_count == 0)
		leave_family(d);
	store_refund(all, e, sizeof *a + BLOCK_OVERHEAD);
	free(a);
}

static void drop(struct exporters *all, struct announced *a)
{
	take_from_slot(all, a->domain, a);
	release(all, a);
}

static void count_evicted(struct exporters *all, struct announced *a)
{
	all->usage.templates_evicted++;
	a->domain->exporter->templates_evicted++;
}

void announced_evict(struct exporters *all, struct announced *a)
{
	count_evicted(all, a);
	drop(all, a);
}

void announced_clear(struct exporters *all, struct domain *d)
{
	for (uint32_t i = 0; i < d->slot_count; i++)
		if (d->slots[i]) {
			count_evicted(all, d->slots[i]);
			release(all, d->slots[i]);
			d->slots[i] = NULL;
		}
	store_refund(all, d->exporter, size_of_slots(d->slot_count));
	free(d->slots);
	d->slots = NULL;
	d->slot_count = 0;
}

static void use(struct exporters *all, struct announced *a)
{
	a->tick = all->tick;
	lru_touch(&all->templates, &a->use);
	lru_touch(&a->domain->exporter->templates, &a->own);
}

/* The domain's own, if its lifetime is not over. */
static struct announced *living(
	struct exporters *all, struct domain *domain, uint16_t id, uint64_t now_ns)
{
	struct announced *a = announced_get(all, domain, id);
	uint64_t lifetime = all->config.lifetime_ns;
	if (!a || !lifetime || now_ns <= a->seen_ns || now_ns - a->seen_ns <= lifetime)
		return a;
	all->usage.templates_expired++;
	drop(all, a);
	return NULL;
}

static struct announced *of_another_port(
	struct exporters *all, const struct domain *domain, uint16_t id, uint64_t now_ns)
{
	struct domain *next, *s = *family_of(all, domain);
	for (int tries = 0; s && tries < TRIES; s = next) {
		next = s->sibling; /* s may leave the family */
		if (s == domain || s->exporter != domain->exporter ||
			s->version != domain->version || s->id != domain->id)
			continue;
		struct announced *a = living(all, s, id, now_ns);
		if (a) {
			store_use_domain(all, s);
			all->usage.template_fallbacks++;
			s->exporter->template_fallbacks++;
			return a;
		}
		tries++;
	}
	return NULL;
}

struct announced *announced_beside(
	struct exporters *all, struct domain *domain, uint16_t id, uint64_t now_ns)
{
	struct announced *a = living(all, domain, id, now_ns);
	if (!a)
		a = of_another_port(all, domain, id, now_ns);
	if (a)
		use(all, a);
	return a;
}

struct announced *announced_find(
	struct exporters *all, struct domain *domain, uint16_t id, uint64_t now_ns)
{
	return all->at_work = announced_beside(all, domain, id, now_ns);
}

/* A new template of the domain in hand, whose definition is held by it from now on. */
static struct announced *add(
	struct exporters *all, struct domain *domain, struct template *t, bool made, int *err)
{
	struct exporter *e = domain->exporter;
	size_t size = sizeof(struct announced) + BLOCK_OVERHEAD + (made ? t->bytes : 0);
	size_t growth = size_of_slots(slots_wanted(domain)) - size_of_slots(domain->slot_count);
	*err = ERR_STATE_LIMIT;
	if (!store_make_room(all, e, size + growth))
		return NULL;
	*err = ERR_MEMORY;
	struct announced *a = malloc(sizeof *a);
	if (!a || grow_slots(all, domain)) {
		free(a);
		return NULL;
	}
	*err = 0;
	*a = (struct announced){.template = t, .domain = domain, .paid = made, .id = t->id};
	store_charge(all, e, size);
	put_in_slot(all, domain, a);
	lru_add(&all->templates, &a->use);
	lru_add(&e->templates, &a->own);
	domain->template_count++;
	e->template_count++;
	all->usage.templates++;
	return a;
}

struct announced *announced_define(struct exporters *all, struct domain *domain, uint16_t id,
	const struct template_field *defs, size_t field_count, uint16_t scope_count, bool options,
	uint64_t now_ns, int *err)
{
	struct announced *a = announced_get(all, domain, id);
	*err = 0;
	if (!a || !template_same(a->template, defs, field_count, scope_count, options)) {
		bool made;
		struct template *t = definitions_get(
			all->definitions, id, defs, field_count, scope_count, options, &made, err);
		if (!t)
			return NULL;
		if (a)
			drop(all, a);
		a = add(all, domain, t, made, err);
		if (!a) {
			definitions_put(all->definitions, t);
			return NULL;
		}
	}
	a->seen_ns = now_ns;
	lead_family(all, domain);
	use(all, a);
	return a;
}

void announced_each(
	const struct domain *domain, bool (*fn)(void *ctx, const struct announced *a), void *ctx)
{
	for (uint32_t i = 0; i < domain->slot_count; i++)
		if (domain->slots[i] && !fn(ctx, domain->slots[i]))
			return;
}

void announced_definitions(
	const struct exporters *all, void (*fn)(void *ctx, const struct template *t), void *ctx)
{
	definitions_each(all->definitions, fn, ctx);
}
