/* exporter_store: what lib/exporter and lib/announced share: the store itself, and the keeping of its bounds.
 * For these two alone. */
#ifndef GOFLOW_EXPORTER_STORE_H
#define GOFLOW_EXPORTER_STORE_H

#include "lib/announced.h"
#include "lib/definitions.h"
#include "lib/exporter.h"

#define STORE_BUCKETS 32768

struct exporters {
	struct exporters_config config;
	struct exporters_usage usage;
	struct definitions *definitions;
	struct domain *in_hand;
	struct announced *at_work; /* by which a set of the datagram in hand is decoded, or NULL */
	uint64_t tick;
	struct lru domains[2]; /* by last use: of exporters not proven, and of proven ones */
	struct lru templates;  /* of all, by last use */
	struct exporter *exporters[STORE_BUCKETS];
	struct domain *by_key[STORE_BUCKETS];
	struct domain *families[STORE_BUCKETS]; /* domains that announced templates, whatever their port */
};

/* Counts bytes more, or less, in the use of e (NULL: of nobody) and of all. */
void store_charge(struct exporters *all, struct exporter *e, size_t bytes);
void store_refund(struct exporters *all, struct exporter *e, size_t bytes);

/* Makes room for that many bytes more of e (NULL: of an exporter to come). The domain in hand stays, and so
 * do the template at work and its domain. Returns whether there is. */
bool store_make_room(struct exporters *all, struct exporter *e, size_t bytes);

/* Marks a domain as used by the datagram in hand. */
void store_use_domain(struct exporters *all, struct domain *d);

/* For lib/announced: forgets a template, or all of a domain that goes. */
void announced_evict(struct exporters *all, struct announced *a);
void announced_clear(struct exporters *all, struct domain *d);

#endif
