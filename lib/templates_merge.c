#include "lib/templates_merge.h"

#include <string.h>

#include "lib/base.h"
#include "lib/doc.h"

static int compare(const json_t *a, const json_t *b)
{
	static const char *const keys[] = {"port", "version", "domain", "id"};
	int order = strcmp(doc_text(a, "exporter"), doc_text(b, "exporter"));
	for (size_t i = 0; !order && i < LEN(keys); i++) {
		uint64_t x = doc_number(a, keys[i]), y = doc_number(b, keys[i]);
		order = (x > y) - (x < y);
	}
	return order;
}

json_t *templates_merge(const json_t *now)
{
	json_t *list = json_array();
	uint64_t omitted = 0;
	for (size_t i = 0; i < json_array_size(now); i++) {
		const json_t *doc = json_array_get(now, i);
		json_array_extend(list, json_object_get(doc, "templates"));
		omitted += doc_number(doc, "omitted");
	}
	doc_sort(list, compare);
	return json_pack("{s:o, s:I}", "templates", list, "omitted", (json_int_t)omitted);
}
