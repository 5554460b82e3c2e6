#include "lib/names.h"

#include <stdlib.h>
#include <string.h>

#include "lib/err.h"

#define BUCKETS 512

struct names {
	uint64_t seed;
	size_t bytes, count;
	uint64_t dropped;
	struct name *newest, *oldest;
	struct name *buckets[BUCKETS];
};

_Static_assert(sizeof(struct names) <= NAMES_EMPTY_BYTES, "what an empty table takes");

struct names *names_new(uint64_t seed)
{
	struct names *n = calloc(1, sizeof *n);
	if (n) {
		n->seed = seed;
		n->bytes = sizeof *n;
	}
	return n;
}

/* The domain is left out: names of others are found in the same bucket. */
static struct name **bucket_of(struct names *n, const struct name_key *key)
{
	uint64_t h = (n->seed ^ key->id) * UINT64_C(0x9e3779b97f4a7c15);
	h = (h ^ h >> 32 ^ key->kind) * UINT64_C(0x9e3779b97f4a7c15);
	return &n->buckets[(h >> 32) % BUCKETS];
}

static bool same(const struct name_key *a, const struct name_key *b)
{
	return a->id == b->id && a->kind == b->kind;
}

static void unlink_use(struct names *n, struct name *e)
{
	if (e == n->newest)
		n->newest = e->older;
	else
		e->newer->older = e->older;
	if (e == n->oldest)
		n->oldest = e->newer;
	else
		e->older->newer = e->newer;
	e->newer = e->older = NULL;
}

static void link_newest(struct names *n, struct name *e)
{
	e->older = n->newest;
	*(n->newest ? &n->newest->newer : &n->oldest) = e;
	n->newest = e;
}

static void forget(struct names *n, struct name *e)
{
	struct name **at = bucket_of(n, &e->key);
	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	unlink_use(n, e);
	n->bytes -= name_bytes(e->text.len);
	n->count--;
	free(e);
}

void names_free(struct names *n)
{
	while (n && n->oldest)
		forget(n, n->oldest);
	free(n);
}

size_t names_bytes(const struct names *n)
{
	return n ? n->bytes : 0;
}

size_t names_count(const struct names *n)
{
	return n ? n->count : 0;
}

uint64_t names_dropped(const struct names *n)
{
	return n ? n->dropped : 0;
}

size_t name_bytes(size_t len)
{
	return sizeof(struct name) + len;
}

/* The entry that one of that key takes the place of: its own, or the oldest where many domains have
 * one. NULL: none. */
static struct name *replaced(struct names *n, const struct name_key *key)
{
	struct name *last = NULL;
	unsigned domains = 0;
	for (struct name *e = *bucket_of(n, key); e; e = e->next) {
		if (!same(&e->key, key))
			continue;
		if (e->key.domain == key->domain)
			return e;
		last = e;
		domains++;
	}
	return domains >= NAME_DOMAINS_MAX ? last : NULL;
}

static struct name *make(const struct name_key *key, const struct text *text)
{
	struct name *e = malloc(name_bytes(text->len));
	if (!e)
		return NULL;
	char *copy = (char *)(e + 1);
	memcpy(copy, text->p, text->len);
	*e = (struct name){.key = *key, .text = {copy, text->len}};
	return e;
}

int names_put(struct names *n, const struct name_key *key, const struct text *text)
{
	if (!text->len || text->len > NAME_MAX_LEN)
		return ERR_TOO_LARGE;
	struct name *old = replaced(n, key);
	if (old && old->key.domain == key->domain && old->text.len == text->len &&
		memcmp(old->text.p, text->p, text->len) == 0) {
		unlink_use(n, old);
		link_newest(n, old);
		return 0;
	}
	struct name *e = make(key, text);
	if (!e)
		return ERR_MEMORY;
	if (old)
		forget(n, old);
	for (; n->bytes + name_bytes(text->len) > NAMES_BYTES_MAX; n->dropped++)
		forget(n, n->oldest);
	struct name **bucket = bucket_of(n, key);
	e->next = *bucket;
	*bucket = e;
	link_newest(n, e);
	n->bytes += name_bytes(text->len);
	n->count++;
	return 0;
}

const struct text *names_find(const struct names *n, const struct name_key *key)
{
	const struct text *elsewhere = NULL;
	for (const struct name *e = *bucket_of((struct names *)n, key); e; e = e->next) {
		if (!same(&e->key, key))
			continue;
		if (e->key.domain == key->domain)
			return &e->text;
		if (!elsewhere)
			elsewhere = &e->text;
	}
	return elsewhere;
}

const struct name *names_oldest(const struct names *n)
{
	return n ? n->oldest : NULL;
}
