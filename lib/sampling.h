/* sampling: the sampling rates that an exporter announced in option records, and which of them a
 * flow record was sampled at. */
#ifndef GOFLOW_SAMPLING_H
#define GOFLOW_SAMPLING_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/template.h"

#define SAMPLERS_MAX 32 /* remembered for an exporter; the oldest is overwritten */

struct sampler {
	uint32_t domain;
	bool has_id;  /* announced with a sampler or selector id; else it is the domain's only one */
	uint64_t id;
	uint32_t rate; /* 1 in this many; >= 1 */
};

struct samplers {
	uint32_t count; /* ever learnt; the slot is that modulo SAMPLERS_MAX */
	struct sampler list[SAMPLERS_MAX];
};

/* Learns from one option record: p and pos as plan_run has them. Takes the elements 34, 50, 305 with 306
 * (one packet in (305 + 306) / 305), 309 with 310 (310 / 309), 48 and 302. A rate that is not a
 * whole number from 1 on, or does not fit 32 bits, is none. */
void sampling_learn(struct samplers *all, uint32_t domain, const struct template *t, const uint8_t *p,
	const struct field_position *pos);

/* The rate for a flow of that domain, without or with a sampler id; 0: unknown. Looks in this order: the
 * same domain, the whole exporter; for an id that was never announced, if it is 0, the exporter's last
 * sampler; without an id, the exporter's only one. */
uint32_t sampling_rate(const struct samplers *all, uint32_t domain, bool has_id, uint64_t id);

#endif
