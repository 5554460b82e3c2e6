#include "lib/quirks.h"

#include <string.h>

#include "lib/base.h"

static const struct {
	const char *name;
	bool settable;
} quirks[QUIRK_COUNT] = {
#define Q(id, name, settable, doc) {name, settable},
#include "lib/quirks.def"
#undef Q
};

_Static_assert(QUIRK_COUNT <= 32, "a set of quirks is a uint32_t");

const char *quirk_name(enum quirk id)
{
	return quirks[id].name;
}

int quirk_by_name(const char *name, size_t len)
{
	for (size_t i = 0; i < LEN(quirks); i++)
		if (quirks[i].settable && strlen(quirks[i].name) == len &&
			memcmp(quirks[i].name, name, len) == 0)
			return (int)i;
	return -1;
}

const char *quirks_settable(void)
{
#define SETTABLE_1(name)           ", " name
#define SETTABLE_0(name)           ""
#define Q(id, name, settable, doc) SETTABLE_##settable(name)
	static const char all[] =
#include "lib/quirks.def"
		;
#undef Q
	return all + 2;
}
