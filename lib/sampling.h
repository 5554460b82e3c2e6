/* sampling: the sampling rates that an exporter announced in option records, and which of them a
 * flow record was sampled at. */
#ifndef GOFLOW_SAMPLING_H
#define GOFLOW_SAMPLING_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/template.h"

#define SAMPLERS_MAX 32 /* remembered for an exporter; the oldest is overwritten */

/* What a rate holds for. */
enum sampler_of {
	SAMPLER_OF_ALL,       /* the domain */
	SAMPLER_OF_ID,        /* flows with that sampler or selector id */
	SAMPLER_OF_TEMPLATE,  /* records of that template */
	SAMPLER_OF_COUNT,
	SAMPLER_OF_INTERFACE = SAMPLER_OF_COUNT /* flows by that interface; there may be many: lib/join.c has them */
};

struct sampler {
	uint32_t domain;
	uint8_t of;    /* enum sampler_of */
	uint64_t id;   /* of sampler, template or interface */
	uint32_t rate; /* 1 in this many; >= 1 */
};

struct samplers {
	uint32_t count;    /* ever learnt; the slot is that modulo SAMPLERS_MAX */
	bool by_template;  /* rates of templates were among them */
	bool by_interface; /* rates of interfaces were announced too */
	struct sampler list[SAMPLERS_MAX];
};

/* Learns from one option record: p and pos as plan_run has them. Takes the elements 34, 50, 305 with 306
 * (one packet in (305 + 306) / 305), 309 with 310 (310 / 309); and, for what it holds, 48, 302, a template
 * (145, or v9's scope), an interface (10, 14, or v9's scope) and a domain (149, as a scope). Rates of the
 * two pairs that are not whole are rounded: no whole number is nearer, and unknown is further away. A rate
 * of 0, below 1 or over 32 bits, and a record whose mode (35, 49) is none that exists, are passed over.
 * `little_endian`: this exporter sends 34 and 50 so. *learnt is what it said (rate 0: nothing), to be remembered by the
 * caller if it is of an interface. Returns the set of quirks that it met. */
uint64_t sampling_learn(struct samplers *all, uint32_t domain, const struct template *t, const uint8_t *p,
	const struct field_position *pos, bool little_endian, struct sampler *learnt);

/* A flow, as far as its sampling goes. */
struct sampled {
	uint32_t domain;
	uint16_t template_id;
	bool has_id;
	uint64_t id;                /* of its sampler */
	uint32_t interface_rate;    /* that its interface's rate is; 0: not known */
};

/* The rate for that flow, the first that is known of: its sampler in its domain, then in any; its template's;
 * its interface's; its domain's; any domain's. For a sampler id of 0 that was never announced, the
 * exporter's last one; for a flow without one, the exporter's only one. 0: unknown. Sets *quirks, a
 * set, where that was a guess. */
uint32_t sampling_rate(const struct samplers *all, const struct sampled *flow, uint64_t *quirks);

/* The rate by 305 with 306 or 309 with 310 among a record's own extras; 0: none. */
uint32_t sampling_of_extras(const struct record *r);

/* A sampling interval as it was meant: the bytes of 34 or 50, of which there are len, the other way round if
 * `little_endian`, or if it is plausible so alone: it is over 1 in 16 million, but not the other way
 * round. Adds to *quirks. */
uint64_t sampling_interval(uint64_t v, size_t len, bool little_endian, uint64_t *quirks);

#endif
