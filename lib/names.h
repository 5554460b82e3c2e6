/* names: what an exporter calls its interfaces, VRFs and applications, as its option records say: a bounded table
 * for each exporter that announces any. */
#ifndef GOFLOW_NAMES_H
#define GOFLOW_NAMES_H

#include "lib/record.h"

#define NAMES_BYTES_MAX  (512 * 1024) /* of one exporter; what was announced longest ago goes first */
#define NAME_MAX_LEN     1024         /* bytes of one; a longer one is passed over */
#define NAME_DOMAINS_MAX 64          /* that announce a name for the same thing; the oldest goes first */

enum name_kind {
	NAME_INTERFACE, NAME_VRF, NAME_APPLICATION,
	NAME_PROPERTIES, NAME_RATE, /* no names, but what lib/common.c and lib/join.c remember in the same bounds */
	NAME_KINDS
};

struct name_key {
	uint8_t kind;    /* enum name_kind */
	uint32_t domain; /* that announced it */
	uint64_t id;     /* ifIndex (of a rate too), VRF id, engine and selector of an application as one number, or
	                    commonPropertiesId */
};

struct name {
	struct name *next;          /* in its bucket */
	struct name *newer, *older; /* by when it was announced last */
	struct name_key key;
	struct text text; /* behind it, in the same allocation */
};

/* The name that was found last for a field of records: they often have the same. */
struct name_at_hand {
	bool known;
	uint32_t domain;
	uint64_t id;
	const struct text *text; /* NULL: there is none */
};

#define NAMED_FIELDS 5 /* fields that have names (lib/join.c) */

struct names;

/* An empty table; the seed keeps attackers from choosing buckets. NULL: no memory. */
struct names *names_new(uint64_t seed);
void names_free(struct names *n);

#define NAMES_EMPTY_BYTES (5 * 1024) /* that an empty table takes, at most */

/* How many bytes it occupies, how many names it holds, and how many went for want of room. 0 for NULL. */
size_t names_bytes(const struct names *n);
size_t names_count(const struct names *n);
uint64_t names_dropped(const struct names *n);

/* How many bytes a name of that many takes. */
size_t name_bytes(size_t len);

/* Remembers a name in place of an older one of its key. Returns 0, ERR_TOO_LARGE (it is too long, or empty), or
 * ERR_MEMORY. */
int names_put(struct names *n, const struct name_key *key, const struct text *text);

/* The name of that kind and id: as its own domain announced it, else as another did; NULL: none did. It holds
 * until the next names_put. */
const struct text *names_find(const struct names *n, const struct name_key *key);

/* The name that was announced longest ago; the others follow by `newer`. NULL: there is none. */
const struct name *names_oldest(const struct names *n);

#endif
