/* exporter: what a decoder remembers of those who send to it, bounded in bytes.
 *
 * An exporter is an address; a domain is one sequence of export packets of it: UDP port, protocol version
 * and observation domain (RFC 7011, 3.1; v9's source id; v5's engine). Templates belong to a domain
 * (RFC 7011, section 8, binds them to the transport session too). */
#ifndef GOFLOW_EXPORTER_H
#define GOFLOW_EXPORTER_H

#include "lib/datagram.h"
#include "lib/err.h"
#include "lib/exporters_file.h"
#include "lib/names.h"
#include "lib/sampling.h"
#include "lib/template.h"

#define TEMPLATE_BUCKETS 16

struct exporter {
	struct exporter *next; /* in its bucket */
	struct ip address;
	struct exporter_settings settings; /* what the user's file says of it */
	uint32_t domains, template_count; /* how many it has */
	uint16_t versions;                /* seen: the bits of exporter_version_bit */
	uint8_t sampling_source;          /* of its last record, and the rate; 0: none */
	uint32_t sampling_rate;
	struct samplers samplers;
	struct names *names;              /* owned; NULL: it announced none */
	uint64_t quirks[QUIRK_COUNT];     /* how often each was met */
	struct instant last_seen;
	uint64_t datagrams, flows, option_records;
	uint64_t lost_datagrams, lost_records; /* by sequence numbers; records are an estimate for v9 */
	uint64_t reordered, restarts;
	uint64_t undecodable[ERR_COUNT];       /* datagrams, by -err */
	uint64_t unknown_versions[16];         /* of those: by the version field, modulo 16 */
};

struct sequence {
	bool known;          /* next holds */
	uint32_t next;       /* the number expected */
	uint64_t datagrams, records; /* seen, for the mean that v9's estimate needs */
};

struct domain {
	struct domain *next;          /* in its bucket */
	struct domain *newer, *older; /* by last use */
	struct exporter *exporter;
	uint16_t port;
	uint8_t version;
	uint32_t id;
	struct sequence sequence;
	uint64_t init_ms;         /* systemInitTimeMilliseconds by an option record; 0: not known */
	uint32_t clock_s, clock_uptime; /* of the first header, to tell seconds from milliseconds */
	bool clock_known, uptime_in_seconds;
	uint32_t template_count;
	size_t template_bytes;
	struct template *templates[TEMPLATE_BUCKETS];
};

struct exporters; /* all of them */

/* At most `limit` bytes of domains, exporters and templates; the seed keeps attackers from choosing
 * buckets. `file` (borrowed) tells about exporters what they do not; NULL: nothing. NULL: no memory. */
struct exporters *exporters_new(size_t limit, uint64_t seed, const struct exporters_file *file);
void exporters_free(struct exporters *all);

/* Forgets all of them. */
void exporters_clear(struct exporters *all);

/* The domain that a datagram belongs to, made if it is new (the least recently used goes where there is no
 * room, and is counted). NULL: no memory. */
struct domain *exporters_domain(struct exporters *all, const struct datagram *d, uint8_t version, uint32_t id);

/* The bit for a version from 1 to 10 is that of its number, that of sFlow (105) is 15. */
unsigned exporter_version_bit(uint8_t version);

/* The exporter of that address, or NULL. */
struct exporter *exporters_find(const struct exporters *all, const struct ip *address);

/* Remembers a name that an exporter announced, where there is room for it. With `evict`, which the exporter
 * of the newest domain alone may have, others are forgotten for that. */
void exporter_name_put(struct exporters *all, struct exporter *e, const struct name_key *key,
	const struct text *text, bool evict);

/* Whether the user's file says that it has that quirk. */
static inline bool exporter_has_quirk(const struct exporter *e, enum quirk id)
{
	return e->settings.quirks >> id & 1;
}

/* Counts each quirk of a set. */
void exporter_met(struct exporter *e, uint64_t quirks);

/* The template of that id, or NULL. */
struct template *domain_template(const struct domain *domain, uint16_t id);

/* Takes over a compiled template (owned from now on) in place of an older one of its id.
 * Returns 0, or ERR_STATE_LIMIT (it is freed). */
int domain_define(struct exporters *all, struct domain *domain, struct template *t);

/* How a header's sequence number compares with the one expected. */
enum sequence_verdict { SEQUENCE_FIRST, SEQUENCE_NEXT, SEQUENCE_GAP, SEQUENCE_LATE, SEQUENCE_RESTART };

/* Judges a sequence number and counts what is missing. per_datagram: it counts datagrams (v9), not
 * records. Call sequence_advance after the datagram was decoded. */
enum sequence_verdict sequence_check(struct domain *domain, uint32_t number, bool per_datagram);

/* `records` were in the datagram; `exact` is false if a set could not be decoded, so that their number
 * is not known. Does nothing after SEQUENCE_LATE. */
void sequence_advance(struct domain *domain, enum sequence_verdict verdict, uint32_t number,
	uint32_t records, bool exact, bool per_datagram);

/* Sizes and bounds, for stats. */
struct exporters_usage {
	uint64_t exporters, domains, templates, bytes, evicted;
};
struct exporters_usage exporters_usage(const struct exporters *all);

/* Calls fn for each exporter, or each domain, until it returns false. */
void exporters_each(const struct exporters *all, bool (*fn)(void *ctx, const struct exporter *e), void *ctx);
void domains_each(const struct exporters *all, bool (*fn)(void *ctx, const struct domain *d), void *ctx);

#endif
