/* quirks: the table of quirks (quirks.def) as data. A set of quirks is a uint64_t with a bit for each. */
#ifndef GOFLOW_QUIRKS_H
#define GOFLOW_QUIRKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum quirk {
#define Q(id, name, settable, doc) QUIRK_##id,
#include "lib/quirks.def"
#undef Q
	QUIRK_COUNT
};

#define QUIRK_BIT(id) (UINT64_C(1) << QUIRK_##id)

/* The name of a quirk. Static storage. */
const char *quirk_name(enum quirk id);

/* The quirk of that name (len bytes) that an exporters file may set, or -1. */
int quirk_by_name(const char *name, size_t len);

struct template;

/* The quirks that a template has by itself, as a set. */
uint64_t quirks_of_template(const struct template *t, uint8_t version);

/* The names of all that may be set, with commas. Static storage. */
const char *quirks_settable(void);

#endif
