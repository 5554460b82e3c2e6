#include "lib/exporter.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base.h"

#define BUCKETS          4096
#define DOMAIN_BYTES_MAX (1024 * 1024) /* of templates in one domain */
#define LATE_MAX         1000    /* a number so far behind is a late datagram, further a restart */
#define GAP_MAX          1000000 /* a number so far ahead is a gap, further a restart */

struct exporters {
	size_t limit;
	uint64_t seed;
	const struct exporters_file *file;
	struct exporters_usage usage;
	struct domain *newest, *oldest;
	struct exporter *exporters[BUCKETS];
	struct domain *domains[BUCKETS];
};

struct exporters *exporters_new(size_t limit, uint64_t seed, const struct exporters_file *file)
{
	struct exporters *all = calloc(1, sizeof *all);
	if (all) {
		all->limit = limit;
		all->seed = seed;
		all->file = file;
	}
	return all;
}

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 32;
}

unsigned exporter_version_bit(uint8_t version)
{
	return version == 105 ? 15 : version % 15;
}

static size_t address_bucket(const struct exporters *all, const struct ip *a)
{
	uint64_t half[2];
	memcpy(half, a->b, sizeof half);
	return mix(mix(all->seed, half[0]), half[1]) % BUCKETS;
}

static size_t domain_bucket(const struct exporters *all, const struct exporter *e, uint16_t port,
	uint8_t version, uint32_t id)
{
	uint64_t key = (uint64_t)id << 32 | (uint64_t)port << 8 | version;
	return mix(mix(all->seed, (uintptr_t)e), key) % BUCKETS;
}

static void unlink_use(struct exporters *all, struct domain *d)
{
	*(d->newer ? &d->newer->older : &all->newest) = d->older;
	*(d->older ? &d->older->newer : &all->oldest) = d->newer;
	d->newer = d->older = NULL;
}

static void link_newest(struct exporters *all, struct domain *d)
{
	d->older = all->newest;
	*(all->newest ? &all->newest->newer : &all->oldest) = d;
	all->newest = d;
}

static void free_exporter(struct exporters *all, struct exporter *e)
{
	struct exporter **at = &all->exporters[address_bucket(all, &e->address)];
	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	all->usage.exporters--;
	all->usage.bytes -= sizeof *e + names_bytes(e->names);
	names_free(e->names);
	free(e);
}

static void free_template(struct exporters *all, struct domain *d, struct template *t)
{
	d->template_count--;
	d->exporter->template_count--;
	d->template_bytes -= t->bytes;
	all->usage.templates--;
	all->usage.bytes -= t->bytes;
	free(t);
}

static void free_domain(struct exporters *all, struct domain *d)
{
	struct domain **at =
		&all->domains[domain_bucket(all, d->exporter, d->port, d->version, d->id)];
	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	unlink_use(all, d);
	for (size_t i = 0; i < LEN(d->templates); i++)
		while (d->templates[i]) {
			struct template *t = d->templates[i];
			d->templates[i] = t->next;
			free_template(all, d, t);
		}
	if (--d->exporter->domains == 0)
		free_exporter(all, d->exporter);
	all->usage.domains--;
	all->usage.bytes -= sizeof *d;
	free(d);
}

void exporters_clear(struct exporters *all)
{
	while (all->oldest)
		free_domain(all, all->oldest);
	all->usage.evicted = 0;
}

void exporters_free(struct exporters *all)
{
	if (all)
		exporters_clear(all);
	free(all);
}

/* Makes room by forgetting what was used least recently, but never the newest domain. */
static bool make_room(struct exporters *all, size_t bytes)
{
	while (all->usage.bytes + bytes > all->limit && all->oldest != all->newest) {
		free_domain(all, all->oldest);
		all->usage.evicted++;
	}
	return all->usage.bytes + bytes <= all->limit;
}

struct exporter *exporters_find(const struct exporters *all, const struct ip *address)
{
	struct exporter *e = all->exporters[address_bucket(all, address)];
	while (e && !ip_equal(&e->address, address))
		e = e->next;
	return e;
}

static struct exporter *new_exporter(struct exporters *all, const struct ip *address)
{
	struct exporter *e = calloc(1, sizeof *e);
	if (!e)
		return NULL;
	struct exporter **bucket = &all->exporters[address_bucket(all, address)];
	e->address = *address;
	e->settings = exporters_file_find(all->file, address);
	e->next = *bucket;
	*bucket = e;
	all->usage.exporters++;
	all->usage.bytes += sizeof *e;
	return e;
}

static struct domain *new_domain(
	struct exporters *all, const struct datagram *d, uint8_t version, uint32_t id)
{
	make_room(all, sizeof(struct domain) + sizeof(struct exporter));
	struct exporter *e = exporters_find(all, &d->src);
	if (!e)
		e = new_exporter(all, &d->src);
	struct domain *domain = e ? calloc(1, sizeof *domain) : NULL;
	if (!domain) {
		if (e && e->domains == 0)
			free_exporter(all, e);
		return NULL;
	}
	struct domain **bucket = &all->domains[domain_bucket(all, e, d->src_port, version, id)];
	domain->exporter = e;
	domain->port = d->src_port;
	domain->version = version;
	domain->id = id;
	domain->next = *bucket;
	*bucket = domain;
	e->domains++;
	e->versions |= (uint16_t)(1u << exporter_version_bit(version));
	all->usage.domains++;
	all->usage.bytes += sizeof *domain;
	link_newest(all, domain);
	return domain;
}

static bool is_domain(
	const struct domain *domain, const struct datagram *d, uint8_t version, uint32_t id)
{
	return domain->id == id && domain->port == d->src_port && domain->version == version &&
	       ip_equal(&domain->exporter->address, &d->src);
}

struct domain *exporters_domain(
	struct exporters *all, const struct datagram *d, uint8_t version, uint32_t id)
{
	if (all->newest && is_domain(all->newest, d, version, id))
		return all->newest;
	struct exporter *e = exporters_find(all, &d->src);
	if (!e)
		return new_domain(all, d, version, id);
	struct domain *domain = all->domains[domain_bucket(all, e, d->src_port, version, id)];
	while (domain && !is_domain(domain, d, version, id))
		domain = domain->next;
	if (!domain)
		return new_domain(all, d, version, id);
	unlink_use(all, domain);
	link_newest(all, domain);
	return domain;
}

void exporter_name_put(struct exporters *all, struct exporter *e, const struct name_key *key,
	const struct text *text, bool evict)
{
	size_t before = names_bytes(e->names), more = NAMES_EMPTY_BYTES + name_bytes(text->len);
	if (evict ? !make_room(all, more) : all->usage.bytes + more > all->limit)
		return;
	if (!e->names)
		e->names = names_new(all->seed);
	if (e->names)
		names_put(e->names, key, text);
	all->usage.bytes += names_bytes(e->names) - before;
}

void exporter_met(struct exporter *e, uint64_t quirks)
{
	for (; quirks; quirks &= quirks - 1)
		e->quirks[__builtin_ctzll(quirks)]++;
}

struct template *domain_template(const struct domain *domain, uint16_t id)
{
	struct template *t = domain->templates[id % TEMPLATE_BUCKETS];
	while (t && t->id != id)
		t = t->next;
	return t;
}

int domain_define(struct exporters *all, struct domain *domain, struct template *t)
{
	struct template **at = &domain->templates[t->id % TEMPLATE_BUCKETS];
	while (*at && (*at)->id != t->id)
		at = &(*at)->next;
	struct template *old = *at;
	if (old) {
		*at = old->next;
		free_template(all, domain, old);
	}
	if (domain->template_bytes + t->bytes > DOMAIN_BYTES_MAX || !make_room(all, t->bytes)) {
		free(t);
		return ERR_STATE_LIMIT;
	}
	at = &domain->templates[t->id % TEMPLATE_BUCKETS];
	t->next = *at;
	*at = t;
	domain->template_count++;
	domain->exporter->template_count++;
	domain->template_bytes += t->bytes;
	all->usage.templates++;
	all->usage.bytes += t->bytes;
	return 0;
}

enum sequence_verdict sequence_check(struct domain *domain, uint32_t number, bool per_datagram)
{
	struct sequence *s = &domain->sequence;
	struct exporter *e = domain->exporter;
	if (!s->known)
		return SEQUENCE_FIRST;
	int32_t ahead = (int32_t)(number - s->next);
	if (ahead == 0)
		return SEQUENCE_NEXT;
	if (ahead < 0 && ahead >= -LATE_MAX) {
		e->reordered++;
		return SEQUENCE_LATE;
	}
	if (ahead < 0 || ahead > GAP_MAX) {
		e->restarts++;
		return SEQUENCE_RESTART;
	}
	if (per_datagram) {
		e->lost_datagrams += (uint32_t)ahead;
		e->lost_records += (uint64_t)ahead * s->records / (s->datagrams ? s->datagrams : 1);
	} else {
		e->lost_records += (uint32_t)ahead;
	}
	return SEQUENCE_GAP;
}

/* A late datagram takes back what was counted as lost when its place was passed over. */
static void take_back(struct exporter *e, uint32_t records, bool per_datagram)
{
	uint64_t n = records < e->lost_records ? records : e->lost_records;
	e->lost_records -= n;
	if (per_datagram && e->lost_datagrams)
		e->lost_datagrams--;
}

void sequence_advance(struct domain *domain, enum sequence_verdict verdict, uint32_t number,
	uint32_t records, bool exact, bool per_datagram)
{
	struct sequence *s = &domain->sequence;
	s->datagrams++;
	s->records += records;
	if (verdict == SEQUENCE_LATE) {
		take_back(domain->exporter, records, per_datagram);
		return;
	}
	s->next = number + (per_datagram ? 1 : records);
	s->known = exact || per_datagram;
}

struct exporters_usage exporters_usage(const struct exporters *all)
{
	return all->usage;
}

void exporters_each(
	const struct exporters *all, bool (*fn)(void *ctx, const struct exporter *e), void *ctx)
{
	for (size_t i = 0; i < BUCKETS; i++)
		for (const struct exporter *e = all->exporters[i]; e; e = e->next)
			if (!fn(ctx, e))
				return;
}

void domains_each(
	const struct exporters *all, bool (*fn)(void *ctx, const struct domain *d), void *ctx)
{
	for (const struct domain *d = all->newest; d; d = d->older)
		if (!fn(ctx, d))
			return;
}
