#include "lib/exporter.h"

#include <stdlib.h>
#include <string.h>

#include "lib/exporter_store.h"
#include "lib/hash.h"
#include "lib/join.h"

static void free_domain(struct exporters *all, struct domain *d);

struct exporters *exporters_new(const struct exporters_config *config)
{
	struct exporters *all = calloc(1, sizeof *all);
	if (!all)
		return NULL;
	all->config = *config;
	all->definitions = definitions_new(config->seed);
	if (!all->definitions) {
		free(all);
		return NULL;
	}
	return all;
}

static struct domain *oldest_of(const struct lru *list)
{
	return LRU_HOLDER_OR_NULL(list->oldest, struct domain, use);
}

void exporters_clear(struct exporters *all)
{
	for (int proven = 0; proven < 2; proven++)
		while (all->domains[proven].oldest)
			free_domain(all, oldest_of(&all->domains[proven]));
	all->usage = (struct exporters_usage){.bytes = all->usage.bytes};
	all->in_hand = NULL;
}

void exporters_free(struct exporters *all)
{
	if (!all)
		return;
	exporters_clear(all);
	definitions_free(all->definitions);
	free(all);
}

void store_charge(struct exporters *all, struct exporter *e, size_t bytes)
{
	all->usage.bytes += bytes;
	if (e)
		e->bytes += bytes;
}

void store_refund(struct exporters *all, struct exporter *e, size_t bytes)
{
	all->usage.bytes -= bytes;
	if (e)
		e->bytes -= bytes;
}

unsigned exporter_version_bit(uint8_t version)
{
	return version == 105 ? 15 : version % 15;
}

static struct exporter **address_bucket(const struct exporters *all, const struct ip *a)
{
	return (struct exporter **)&all->exporters[hash_ip(all->config.seed, a) % STORE_BUCKETS];
}

static struct domain **domain_bucket(const struct exporters *all, const struct exporter *e,
	uint16_t port, uint8_t version, uint32_t id)
{
	uint64_t key = (uint64_t)id << 32 | (uint64_t)port << 8 | version;
	uint64_t h = hash_mix(hash_mix(all->config.seed, (uintptr_t)e), key);
	return (struct domain **)&all->by_key[h % STORE_BUCKETS];
}

static void free_exporter(struct exporters *all, struct exporter *e)
{
	struct exporter **at = address_bucket(all, &e->address);
	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	all->usage.exporters--;
	store_refund(all, e, sizeof *e + BLOCK_OVERHEAD + names_bytes(e->names));
	names_free(e->names);
	free(e);
}

static void free_domain(struct exporters *all, struct domain *d)
{
	struct exporter *e = d->exporter;
	struct domain **at = domain_bucket(all, e, d->port, d->version, d->id);
	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	announced_clear(all, d);
	lru_remove(&all->domains[e->proven], &d->use);
	lru_remove(&e->domains, &d->own);
	if (all->in_hand == d)
		all->in_hand = NULL;
	all->usage.domains--;
	store_refund(all, e, sizeof *d + BLOCK_OVERHEAD);
	free(d);
	if (--e->domain_count == 0)
		free_exporter(all, e);
}

/* What the datagram in hand is being decoded by stays: its domain, the template, and that one's
 * domain, which may be of another port. */
static bool stays(const struct exporters *all, const struct domain *d)
{
	return d == all->in_hand || (all->at_work && all->at_work->domain == d);
}

/* The oldest of a list, if it may go. */
static struct domain *to_forget(const struct exporters *all, struct domain *oldest)
{
	return oldest && stays(all, oldest) ? NULL : oldest;
}

/* Forgets the template, or else the domain; whichever was used last before the other. Returns false
 * if there is neither. */
static bool forget(struct exporters *all, struct announced *t, struct domain *d)
{
	if (t && (!d || t->tick <= d->tick)) {
		announced_evict(all, t);
		return true;
	}
	if (!d)
		return false;
	all->usage.evicted++;
	free_domain(all, d);
	return true;
}

static bool forget_of(struct exporters *all, struct exporter *e)
{
	struct domain *oldest = LRU_HOLDER_OR_NULL(e->domains.oldest, struct domain, own);
	struct announced *t = LRU_HOLDER_OR_NULL(e->templates.oldest, struct announced, own);
	if (t && t == all->at_work)
		t = LRU_HOLDER_OR_NULL(t->own.newer, struct announced, own);
	return forget(all, t, to_forget(all, oldest));
}

/* Those of exporters not proven go first, each with its templates. */
static bool forget_any(struct exporters *all)
{
	const struct lru *unproven = &all->domains[false];
	struct domain *d = oldest_of(unproven);
	while (d && stays(all, d))
		d = LRU_HOLDER_OR_NULL(d->use.newer, struct domain, use);
	if (d)
		return forget(all, NULL, d);
	struct announced *t = LRU_HOLDER_OR_NULL(all->templates.oldest, struct announced, use);
	if (t && t == all->at_work)
		t = LRU_HOLDER_OR_NULL(t->use.newer, struct announced, use);
	return forget(all, t, to_forget(all, oldest_of(&all->domains[true])));
}

bool store_make_room(struct exporters *all, struct exporter *e, size_t bytes)
{
	struct exporters_usage *u = &all->usage;
	bool room = true;
	if (e && e->bytes + bytes > all->config.exporter_max) {
		u->exporter_max_hits++;
		while (room && e->bytes + bytes > all->config.exporter_max)
			room = forget_of(all, e);
	}
	if (room && u->bytes + bytes > all->config.limit) {
		u->state_max_hits++;
		while (room && u->bytes + bytes > all->config.limit)
			room = forget_any(all);
	}
	return room;
}

struct exporter *exporters_find(const struct exporters *all, const struct ip *address)
{
	struct exporter *e = *address_bucket(all, address);
	while (e && !ip_equal(&e->address, address))
		e = e->next;
	return e;
}

static struct exporter *new_exporter(struct exporters *all, const struct ip *address)
{
	struct exporter *e = calloc(1, sizeof *e);
	if (!e)
		return NULL;
	struct exporter **bucket = address_bucket(all, address);
	e->address = *address;
	e->settings = exporters_file_find(all->config.file, address);
	e->nameable = e->settings.interfaces ? join_fields_of(NAME_INTERFACE) : 0;
	e->next = *bucket;
	*bucket = e;
	all->usage.exporters++;
	store_charge(all, e, sizeof *e + BLOCK_OVERHEAD);
	return e;
}

/* Where there is no room even so, a domain is made all the same: what datagrams tell has to be
 * counted. */
static struct domain *new_domain(
	struct exporters *all, const struct datagram *d, uint8_t version, uint32_t id)
{
	const size_t size = sizeof(struct domain) + BLOCK_OVERHEAD;
	all->in_hand = NULL;
	all->at_work = NULL;
	store_make_room(
		all, exporters_find(all, &d->src), size + sizeof(struct exporter) + BLOCK_OVERHEAD);
	struct exporter *e = exporters_find(all, &d->src); /* it may have been forgotten */
	if (!e)
		e = new_exporter(all, &d->src);
	struct domain *domain = e ? calloc(1, sizeof *domain) : NULL;
	if (!domain) {
		if (e && e->domain_count == 0)
			free_exporter(all, e);
		return NULL;
	}
	struct domain **bucket = domain_bucket(all, e, d->src_port, version, id);
	domain->exporter = e;
	domain->port = d->src_port;
	domain->version = version;
	domain->id = id;
	domain->next = *bucket;
	*bucket = domain;
	e->domain_count++;
	e->versions |= (uint16_t)(1u << exporter_version_bit(version));
	all->usage.domains++;
	store_charge(all, e, size);
	lru_add(&all->domains[e->proven], &domain->use);
	lru_add(&e->domains, &domain->own);
	return domain;
}

static bool is_domain(
	const struct domain *domain, const struct datagram *d, uint8_t version, uint32_t id)
{
	return domain->id == id && domain->port == d->src_port && domain->version == version &&
	       ip_equal(&domain->exporter->address, &d->src);
}

static struct domain *find_domain(
	const struct exporters *all, const struct datagram *d, uint8_t version, uint32_t id)
{
	if (all->in_hand && is_domain(all->in_hand, d, version, id))
		return all->in_hand;
	const struct exporter *e = exporters_find(all, &d->src);
	struct domain *domain = e ? *domain_bucket(all, e, d->src_port, version, id) : NULL;
	while (domain && !is_domain(domain, d, version, id))
		domain = domain->next;
	return domain;
}

void store_use_domain(struct exporters *all, struct domain *d)
{
	d->tick = all->tick;
	lru_touch(&all->domains[d->exporter->proven], &d->use);
	lru_touch(&d->exporter->domains, &d->own);
}

struct domain *exporters_domain(
	struct exporters *all, const struct datagram *d, uint8_t version, uint32_t id)
{
	struct domain *domain = find_domain(all, d, version, id);
	if (!domain)
		domain = new_domain(all, d, version, id);
	all->in_hand = domain;
	all->at_work = NULL;
	all->tick++;
	if (domain)
		store_use_domain(all, domain);
	return domain;
}

void exporters_prove(struct exporters *all, struct exporter *e)
{
	if (e->proven)
		return;
	e->proven = true;
	for (struct lru_link *own = e->domains.oldest; own; own = own->newer) {
		struct domain *d = LRU_HOLDER(own, struct domain, own);
		lru_remove(&all->domains[false], &d->use);
		lru_add(&all->domains[true], &d->use);
	}
}

void exporter_name_put(struct exporters *all, struct exporter *e, const struct name_key *key,
	const struct text *text, bool evict)
{
	size_t before = names_bytes(e->names), more = NAMES_EMPTY_BYTES + name_bytes(text->len);
	bool fits = e->bytes + more <= all->config.exporter_max &&
		    all->usage.bytes + more <= all->config.limit;
	if (!fits && !(evict && store_make_room(all, e, more)))
		return;
	if (!e->names)
		e->names = names_new(all->config.seed);
	if (e->names)
		names_put(e->names, key, text);
	e->nameable |= join_fields_of(key->kind);
	e->samplers.by_interface |= key->kind == NAME_RATE;
	memset(e->at_hand, 0, sizeof e->at_hand);
	store_refund(all, e, before);
	store_charge(all, e, names_bytes(e->names));
}

void exporter_met(struct exporter *e, uint64_t quirks)
{
	for (; quirks; quirks &= quirks - 1)
		e->quirks[__builtin_ctzll(quirks)]++;
}

struct exporters_usage exporters_usage(const struct exporters *all)
{
	struct exporters_usage usage = all->usage;
	usage.definitions = definitions_count(all->definitions);
	return usage;
}

void exporters_each(
	const struct exporters *all, bool (*fn)(void *ctx, const struct exporter *e), void *ctx)
{
	for (size_t i = 0; i < STORE_BUCKETS; i++)
		for (const struct exporter *e = all->exporters[i]; e; e = e->next)
			if (!fn(ctx, e))
				return;
}

void domains_each(
	const struct exporters *all, bool (*fn)(void *ctx, const struct domain *d), void *ctx)
{
	for (int proven = 0; proven < 2; proven++)
		for (const struct lru_link *l = all->domains[proven].oldest; l; l = l->newer)
			if (!fn(ctx, LRU_HOLDER(l, const struct domain, use)))
				return;
}
