#include "nfctl/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base.h"
#include "lib/instant.h"

uint64_t doc_number(const json_t *doc, const char *key)
{
	json_int_t v = json_integer_value(json_object_get(doc, key));
	return v > 0 ? (uint64_t)v : 0;
}

const char *doc_text(const json_t *doc, const char *key)
{
	const char *text = json_string_value(json_object_get(doc, key));
	return text ? text : "";
}

const char *doc_next(const json_t *object, void **at)
{
	json_t *o = (json_t *)object; /* jansson's iterator takes no const one */
	*at = *at ? json_object_iter_next(o, *at) : json_object_iter(o);
	return *at ? json_object_iter_key(*at) : NULL;
}

static int compare_items(const void *a, const void *b, void *compare)
{
	int (**function)(const json_t *, const json_t *) = compare;
	return (*function)(*(const json_t *const *)a, *(const json_t *const *)b);
}

void doc_sort(json_t *array, int (*compare)(const json_t *a, const json_t *b))
{
	size_t count = json_array_size(array);
	const json_t **list = malloc(count * sizeof *list + 1);
	if (!list)
		return; /* unsorted is better than nothing */
	for (size_t i = 0; i < count; i++)
		list[i] = json_incref(json_array_get(array, i));
	qsort_r(list, count, sizeof *list, compare_items, &compare);
	for (size_t i = 0; i < count; i++)
		json_array_set_new(array, i, (json_t *)list[i]);
	free(list);
}

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
