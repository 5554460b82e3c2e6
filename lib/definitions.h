/* definitions: compiled templates, shared: a template that was announced by many exporters, or in many domains,
 * with the same id and the same fields in the same order is compiled and kept once. */
#ifndef GOFLOW_DEFINITIONS_H
#define GOFLOW_DEFINITIONS_H

#include "lib/template.h"

struct definitions;

/* The seed keeps attackers from choosing buckets. NULL: no memory. */
struct definitions *definitions_new(uint64_t seed);

/* All of them must have been put back. */
void definitions_free(struct definitions *all);

/* The template of that definition, compiled if there is none; definitions_put gives it back. *made tells
 * whether it was compiled now. NULL with *err as template_compile has it. */
struct template *definitions_get(struct definitions *all, uint16_t id, const struct template_field *defs,
	size_t field_count, uint16_t scope_count, bool options, bool *made, int *err);

/* One user less. Returns how many bytes that freed: t->bytes with the last user, else 0. */
size_t definitions_put(struct definitions *all, struct template *t);

/* How many there are. */
size_t definitions_count(const struct definitions *all);

/* Calls fn for each; sets their numbers, from 0 on, in that order. */
void definitions_each(struct definitions *all, void (*fn)(void *ctx, const struct template *t), void *ctx);

#endif
