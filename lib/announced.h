/* announced: the templates of a domain, as its exporter announced them: found by id in one step, forgotten
 * where bounds or lifetimes ask for it. What they define is shared, see lib/definitions.h. */
#ifndef GOFLOW_ANNOUNCED_H
#define GOFLOW_ANNOUNCED_H

#include "lib/exporter.h"

struct announced {
	struct template *template; /* shared: not to be changed */
	struct domain *domain;
	struct lru_link use, own;  /* by last use: in all templates, in those of its exporter */
	uint64_t records;          /* decoded by it, in this domain */
	uint64_t seen_ns;          /* when it was last announced */
	uint64_t tick : 47;        /* of its last use: a datagram's number */
	uint64_t paid : 1;         /* its exporter is charged for the definition */
	uint64_t id : 16;
};

/* The template by which a data set of that id is to be decoded: the domain's own, else, counted, that of the same
 * exporter, version and observation domain which was last announced from another UDP port. It is used now.
 * NULL: none, or its lifetime was over at now_ns, a time of receipt. */
struct announced *announced_find(struct exporters *all, struct domain *domain, uint16_t id, uint64_t now_ns);

/* The same for a template that is needed beside that one: for lists and common properties in the set. The one at work,
 * which is never forgotten for what its set brings, stays that of announced_find. */
struct announced *announced_beside(struct exporters *all, struct domain *domain, uint16_t id, uint64_t now_ns);

/* Takes a definition for an id of the domain in hand, in place of an older one, or notes that it was announced
 * again, at now_ns. NULL with *err: that of template_compile (the older one stays), or ERR_STATE_LIMIT
 * or ERR_MEMORY (it goes). */
struct announced *announced_define(struct exporters *all, struct domain *domain, uint16_t id,
	const struct template_field *defs, size_t field_count, uint16_t scope_count, bool options,
	uint64_t now_ns, int *err);

/* The domain's own template of that id, or NULL; it is not used. */
struct announced *announced_get(const struct exporters *all, const struct domain *domain, uint16_t id);

/* Calls fn for each template of the domain, until it returns false. */
void announced_each(const struct domain *domain, bool (*fn)(void *ctx, const struct announced *a), void *ctx);

/* All definitions, numbered; see definitions_each. */
void announced_definitions(const struct exporters *all, void (*fn)(void *ctx, const struct template *t), void *ctx);

#endif
