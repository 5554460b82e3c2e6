#include "nfctl/trend.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base.h"

#define BARS 8 /* heights */

void trend_add(struct trend *t, double value)
{
	if (t->count == TREND_VALUES)
		memmove(t->values, t->values + 1, --t->count * sizeof *t->values);
	t->values[t->count++] = value;
}

/* As setlocale(3) looks for it. */
static bool is_utf8(void)
{
	static const char *const variables[] = {"LC_ALL", "LC_CTYPE", "LANG"};
	for (size_t i = 0; i < LEN(variables); i++) {
		const char *value = getenv(variables[i]);
		if (value && *value)
			return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
	}
	return false;
}

const char *trend_text(const struct trend *t, char out[static TREND_TEXT_MAX])
{
	static const char *const blocks[BARS] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	static const char *const plain[BARS] = {"_", ".", "-", "~", "=", "+", "*", "#"};
	const char *const *bars = is_utf8() ? blocks : plain;
	double most = 0;
	char *end = out;
	for (size_t i = 0; i < t->count; i++)
		most = t->values[i] > most ? t->values[i] : most;
	for (size_t i = 0; i < t->count; i++) {
		double share = most > 0 ? t->values[i] / most : 0;
		end = stpcpy(end, bars[(size_t)(share * (BARS - 1) + 0.5)]);
	}
	*end = '\0';
	return out;
}
