#include "nfctl/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base.h"
#include "lib/instant.h"

const char *text_scaled(double v, char out[static TEXT_MAX])
{
	static const char letters[] = "kMGTPE";
	size_t i = 0;
	if (v < 999.5) {
		snprintf(out, TEXT_MAX, "%.*f", v < 9.95 && v > 0.04 ? 1 : 0, v);
		if (strcmp(out + (out[0] ? 1 : 0), ".0") == 0)
			out[1] = '\0';
		return out;
	}
	for (v /= 1000; v >= 999.5 && i + 2 < sizeof letters; i++)
		v /= 1000;
	snprintf(out, TEXT_MAX, "%.*f%c", v < 9.995 ? 2 : v < 99.95 ? 1 : 0, v, letters[i]);
	return out;
}

const char *text_span(uint64_t ms, char out[static TEXT_MAX])
{
	uint64_t s = ms / 1000;
	if (s < 10)
		snprintf(out, TEXT_MAX, "%" PRIu64 ".%" PRIu64 "s", s, ms % 1000 / 100);
	else if (s < 60)
		snprintf(out, TEXT_MAX, "%" PRIu64 "s", s);
	else if (s < 3600)
		snprintf(out, TEXT_MAX, "%" PRIu64 "m%02" PRIu64 "s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, TEXT_MAX, "%" PRIu64 "h%02" PRIu64 "m", s / 3600, s / 60 % 60);
	else
		snprintf(out, TEXT_MAX, "%" PRIu64 "d%02" PRIu64 "h", s / 86400, s / 3600 % 24);
	return out;
}

const char *text_ago(const char *when, uint64_t now_ns, char out[static TEXT_MAX])
{
	struct instant t;
	if (instant_parse(when, strlen(when), &t))
		return memcpy(out, "-", 2);
	return text_span(t.ns < now_ns ? (now_ns - t.ns) / NS_PER_MS : 0, out);
}
