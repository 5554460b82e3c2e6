/* exporter: what a decoder remembers of those who send to it, bounded in bytes.
 *
 * An exporter is an address; a domain is one sequence of export packets of it: UDP port, protocol version
 * and observation domain (RFC 7011, 3.1; v9's source id; v5's engine). Templates belong to a domain
 * (RFC 7011, section 8, binds them to the transport session too); see lib/announced.h.
 *
 * Where a bound is reached, what was used least recently is forgotten: of one exporter, if it is over its
 * own; else of exporters that never sent a record that could be decoded, and only then of others. */
#ifndef GOFLOW_EXPORTER_H
#define GOFLOW_EXPORTER_H

#include "lib/datagram.h"
#include "lib/err.h"
#include "lib/exporters_file.h"
#include "lib/lru.h"
#include "lib/names.h"
#include "lib/sampling.h"
#include "lib/sequence.h"
#include "lib/template.h"

struct exporter {
	struct exporter *next; /* in its bucket */
	struct ip address;
	struct exporter_settings settings; /* what the user's file says of it */
	struct lru domains, templates;    /* its own, by last use */
	size_t bytes;                     /* of it, its domains, names, and the templates that it was the first to announce */
	bool proven;                      /* it sent a record that could be decoded */
	uint32_t domain_count, template_count;
	uint16_t versions;                /* seen: the bits of exporter_version_bit */
	uint8_t sampling_source;          /* of its last record, and the rate; 0: none */
	uint32_t sampling_rate;
	struct samplers samplers;
	struct names *names;              /* owned; NULL: it announced none */
	uint8_t nameable;                 /* fields that may have names, by those or the user's (join_fields_of) */
	struct name_at_hand at_hand[NAMED_FIELDS];
	uint64_t quirks[QUIRK_COUNT];     /* how often each was met */
	struct instant last_seen;
	uint64_t datagrams, flows, option_records;
	uint64_t templates_evicted, template_fallbacks;
	struct sequence_counts sequence;
	uint64_t undecodable[ERR_COUNT];       /* datagrams, by -err */
	uint64_t unknown_versions[16];         /* of those: by the version field, modulo 16 */
};

struct announced;

struct domain {
	struct domain *next;          /* in its bucket */
	struct lru_link use, own;     /* by last use: in all domains, in those of its exporter */
	uint64_t tick;                /* of its last use: a datagram's number */
	struct exporter *exporter;
	uint16_t port;
	uint8_t version;
	uint32_t id;
	struct sequence sequence;
	uint64_t init_ms;         /* systemInitTimeMilliseconds by an option record; 0: not known */
	uint32_t clock_s, clock_uptime; /* of the first header, to tell seconds from milliseconds */
	bool clock_known, uptime_in_seconds;
	/* lib/announced's: its templates by id, and the domains that differ in their port alone. */
	uint32_t template_count, slot_count;
	struct announced **slots;
	struct domain *sibling, **sibling_at;
};

struct exporters; /* all of them */

struct exporters_config {
	size_t limit;         /* bytes of all domains, exporters and templates */
	size_t exporter_max;  /* bytes of one exporter's */
	uint64_t lifetime_ns; /* of a template since it was last announced, in time of receipt; 0: for ever */
	uint64_t seed;        /* keeps attackers from choosing buckets */
	const struct exporters_file *file; /* what exporters do not tell of themselves; borrowed. NULL: nothing */
};

/* NULL: no memory. */
struct exporters *exporters_new(const struct exporters_config *config);
void exporters_free(struct exporters *all);

/* Forgets all of them. */
void exporters_clear(struct exporters *all);

/* The domain that a datagram belongs to, made if it is new (something else is forgotten where there is no
 * room). It is the one in hand until the next call, and stays. NULL: no memory. */
struct domain *exporters_domain(struct exporters *all, const struct datagram *d, uint8_t version, uint32_t id);

/* The exporter of that address, or NULL. */
struct exporter *exporters_find(const struct exporters *all, const struct ip *address);

/* A record of it could be decoded: from now on those of which none could are forgotten before it. */
void exporters_prove(struct exporters *all, struct exporter *e);

/* The bit for a version from 1 to 10 is that of its number, that of sFlow (105) is 15. */
unsigned exporter_version_bit(uint8_t version);

/* Remembers a name that an exporter announced, where there is room for it. With `evict`, which the exporter
 * of the domain in hand alone may have, something else is forgotten for that. */
void exporter_name_put(struct exporters *all, struct exporter *e, const struct name_key *key,
	const struct text *text, bool evict);

/* Whether the user's file says that it has that quirk. */
static inline bool exporter_has_quirk(const struct exporter *e, enum quirk id)
{
	return e->settings.quirks >> id & 1;
}

/* Counts each quirk of a set. */
void exporter_met(struct exporter *e, uint64_t quirks);

/* Sizes, and what the bounds did, for stats. */
struct exporters_usage {
	uint64_t exporters, domains, templates, definitions, bytes;
	uint64_t evicted, templates_evicted;         /* domains, and templates, for want of room */
	uint64_t state_max_hits, exporter_max_hits;  /* how often something had to go for them, or found no room */
	uint64_t templates_expired;                  /* their lifetime was over */
	uint64_t template_fallbacks;                 /* data sets decoded by a template of another port */
};
struct exporters_usage exporters_usage(const struct exporters *all);

/* Calls fn for each exporter, or each domain, until it returns false. Domains come in the order in which they
 * would be forgotten. */
void exporters_each(const struct exporters *all, bool (*fn)(void *ctx, const struct exporter *e), void *ctx);
void domains_each(const struct exporters *all, bool (*fn)(void *ctx, const struct domain *d), void *ctx);

#endif
