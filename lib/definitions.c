#include "lib/definitions.h"

#include <stdlib.h>

#include "lib/err.h"
#include "lib/hash.h"

#define BUCKETS 16384

struct definitions {
	uint64_t seed;
	size_t count;
	struct template *buckets[BUCKETS];
};

struct definitions *definitions_new(uint64_t seed)
{
	struct definitions *all = calloc(1, sizeof *all);
	if (all)
		all->seed = seed;
	return all;
}

void definitions_free(struct definitions *all)
{
	free(all);
}

static uint64_t hash_of(const struct definitions *all, uint16_t id,
	const struct template_field *defs, size_t field_count, uint16_t scope_count, bool options)
{
	uint64_t h =
		hash_mix(all->seed, (uint64_t)id << 32 | (uint64_t)scope_count << 16 | options);
	for (size_t i = 0; i < field_count; i++)
		h = hash_mix(
			h, (uint64_t)defs[i].pen << 32 | (uint64_t)defs[i].id << 16 | defs[i].len);
	return h;
}

struct template *definitions_get(struct definitions *all, uint16_t id,
	const struct template_field *defs, size_t field_count, uint16_t scope_count, bool options,
	bool *made, int *err)
{
	uint64_t hash = hash_of(all, id, defs, field_count, scope_count, options);
	struct template **bucket = &all->buckets[hash % BUCKETS], *t = *bucket;
	while (t && (t->hash != hash || t->id != id ||
			    !template_same(t, defs, field_count, scope_count, options)))
		t = t->next;
	*made = !t;
	*err = 0;
	if (!t) {
		t = template_compile(id, defs, field_count, scope_count, options, err);
		if (!t)
			return NULL;
		t->hash = hash;
		t->next = *bucket;
		*bucket = t;
		all->count++;
	}
	t->users++;
	return t;
}

size_t definitions_put(struct definitions *all, struct template *t)
{
	struct template **at = &all->buckets[t->hash % BUCKETS];
	size_t bytes = t->bytes;
	if (--t->users)
		return 0;
	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	all->count--;
	free(t);
	return bytes;
}

size_t definitions_count(const struct definitions *all)
{
	return all->count;
}

void definitions_each(
	struct definitions *all, void (*fn)(void *ctx, const struct template *t), void *ctx)
{
	uint32_t number = 0;
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct template *t = all->buckets[i]; t; t = t->next) {
			t->number = number++;
			fn(ctx, t);
		}
}
