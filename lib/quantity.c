#include "lib/quantity.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/instant.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Reads digits; false on none or overflow. *text moves to what follows. */
static bool take_digits(const char **text, uint64_t *out)
{
	const char *p = *text;
	*out = 0;
	if (!is_digit(*p))
		return false;
	for (; is_digit(*p); p++)
		if (__builtin_mul_overflow(*out, 10u, out) ||
			__builtin_add_overflow(*out, (uint64_t)(*p - '0'), out))
			return false;
	*text = p;
	return true;
}

int quantity_number(const char *text, uint64_t *out)
{
	return take_digits(&text, out) && !*text ? 0 : ERR_SYNTAX;
}

int quantity_size(const char *text, uint64_t *out)
{
	static const char letters[] = "KMG";
	const char *unit;
	if (!take_digits(&text, out))
		return ERR_SYNTAX;
	if (*text && (unit = strchr(letters, *text & ~0x20)) && *unit) {
		unsigned shift = 10 * (unsigned)(unit - letters + 1);
		if (*out > UINT64_MAX >> shift)
			return ERR_SYNTAX;
		*out <<= shift;
		text++;
	}
	return *text ? ERR_SYNTAX : 0;
}

static const struct {
	const char *name;
	uint64_t ns;
} units[] = {
	{"ms", NS_PER_MS},
	{"s", NS_PER_S},
	{"m", 60 * NS_PER_S},
	{"h", 3600 * NS_PER_S},
	{"d", 86400 * NS_PER_S},
};

int quantity_duration(const char *text, uint64_t *ns)
{
	uint64_t whole, fraction = 0, scale = 1, unit = NS_PER_S;
	if (!take_digits(&text, &whole))
		return ERR_SYNTAX;
	if (*text == '.') {
		const char *first = ++text;
		for (; is_digit(*text); text++)
			if (text - first < 9) {
				fraction = fraction * 10 + (uint64_t)(*text - '0');
				scale *= 10;
			}
		if (text == first)
			return ERR_SYNTAX;
	}
	if (*text) {
		size_t i = 0;
		while (i < LEN(units) && strcmp(text, units[i].name) != 0)
			i++;
		if (i == LEN(units))
			return ERR_SYNTAX;
		unit = units[i].ns;
	}
	/* scale divides all units but ms, for which the product fits into 64 bits */
	uint64_t part = unit % scale ? fraction * unit / scale : fraction * (unit / scale);
	return __builtin_mul_overflow(whole, unit, ns) || __builtin_add_overflow(*ns, part, ns)
		       ? ERR_SYNTAX
		       : 0;
}

const char *quantity_size_text(uint64_t v, char out[static QUANTITY_TEXT_MAX])
{
	static const char *const names[] = {"", "K", "M", "G"};
	size_t i = 0;
	while (i + 1 < LEN(names) && v && v % 1024 == 0) {
		v /= 1024;
		i++;
	}
	snprintf(out, QUANTITY_TEXT_MAX, "%" PRIu64 "%s", v, names[i]);
	return out;
}

const char *quantity_duration_text(uint64_t ns, char out[static QUANTITY_TEXT_MAX])
{
	size_t i = LEN(units) - 1;
	while (i > 0 && (ns < units[i].ns || ns % units[i].ns))
		i--;
	snprintf(out, QUANTITY_TEXT_MAX, "%" PRIu64 "%s", ns / units[i].ns, units[i].name);
	return out;
}
