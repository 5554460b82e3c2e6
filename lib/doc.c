#include "lib/doc.h"

#include <stdlib.h>

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
