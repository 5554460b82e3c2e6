#include "lib/exporters_merge.h"

#include <string.h>

#include "lib/doc.h"
#include "lib/instant.h"
#include "lib/ip.h"

static const json_t *with_text(const json_t *array, const char *key, const char *text)
{
	for (size_t i = 0; i < json_array_size(array); i++)
		if (strcmp(doc_text(json_array_get(array, i), key), text) == 0)
			return json_array_get(array, i);
	return NULL;
}

static void unite(json_t *into, const char *key, const json_t *values)
{
	json_t *have = json_object_get(into, key);
	if (!have) {
		have = json_array();
		json_object_set_new(into, key, have);
	}
	for (size_t i = 0; i < json_array_size(values); i++) {
		json_t *v = json_array_get(values, i);
		size_t k = 0;
		while (k < json_array_size(have) && !json_equal(json_array_get(have, k), v))
			k++;
		if (k == json_array_size(have))
			json_array_append(have, v);
	}
}

static void add_number(json_t *into, const char *key, const json_t *from, const char *as)
{
	json_object_set_new(
		into, as, json_integer((json_int_t)(doc_number(into, as) + doc_number(from, key))));
}

/* Adds an object of numbers: causes, quirks. */
static void add_numbers(json_t *into, const char *key, const json_t *numbers)
{
	json_t *have = json_object_get(into, key);
	const char *one;
	if (!have) {
		have = json_object();
		json_object_set_new(into, key, have);
	}
	for (void *i = NULL; (one = doc_next(numbers, &i));)
		add_number(have, one, numbers, one);
}

static bool is_later(const char *a, const char *b)
{
	struct instant x, y;
	if (instant_parse(a, strlen(a), &x))
		return false;
	return instant_parse(b, strlen(b), &y) || x.ns > y.ns;
}

/* Adds what one stage says of an exporter to what is known. */
static void absorb(json_t *into, const json_t *from)
{
	bool receiver = !json_object_get(from, "flows");
	const char *key;
	for (void *i = NULL; (key = doc_next(from, &i));) {
		json_t *v = json_object_get(from, key);
		if (strcmp(key, "sampling_rate") == 0)
			json_object_set(into, key, v);
		else if (json_is_integer(v))
			add_number(into, key, from,
				receiver && strcmp(key, "datagrams") == 0 ? "received" : key);
		else if (json_is_array(v))
			unite(into, key, v);
		else if (json_is_object(v))
			add_numbers(into, key, v);
		else if (strcmp(key, "last_seen") != 0)
			json_object_set(into, key, v);
		else if (is_later(doc_text(from, key), doc_text(into, key)))
			json_object_set(into, key, v);
	}
}

static const json_t *earlier_doc(const json_t *before, const json_t *doc)
{
	const json_t *other = with_text(before, "socket", doc_text(doc, "socket"));
	bool same = other && doc_number(other, "pid") == doc_number(doc, "pid") &&
		    doc_number(other, "uptime_ms") < doc_number(doc, "uptime_ms");
	return same ? other : NULL;
}

/* Adds a stage's flow rate of an exporter. One that was not there before began at 0. */
static void add_rate(json_t *into, const json_t *earlier, const json_t *doc, const json_t *exporter)
{
	const json_t *old = with_text(
		json_object_get(earlier, "exporters"), "address", doc_text(exporter, "address"));
	uint64_t a = doc_number(old, "flows"), b = doc_number(exporter, "flows");
	double seconds =
		(double)(doc_number(doc, "uptime_ms") - doc_number(earlier, "uptime_ms")) / 1000;
	double sum = json_real_value(json_object_get(into, "flows_per_s"));
	json_object_set_new(
		into, "flows_per_s", json_real(sum + (b > a ? (double)(b - a) / seconds : 0)));
}

static void take_stage(json_t *list, const json_t *before, const json_t *doc)
{
	const json_t *exporters = json_object_get(doc, "exporters"),
		     *earlier = earlier_doc(before, doc);
	for (size_t i = 0; i < json_array_size(exporters); i++) {
		const json_t *e = json_array_get(exporters, i);
		json_t *into = (json_t *)with_text(list, "address", doc_text(e, "address"));
		if (!into) {
			into = json_object();
			json_array_append_new(list, into);
		}
		absorb(into, e);
		if (earlier && json_object_get(e, "flows"))
			add_rate(into, earlier, doc, e);
	}
}

static int by_address(const json_t *a, const json_t *b)
{
	const char *x = doc_text(a, "address"), *y = doc_text(b, "address");
	struct ip p, q;
	if (ip_parse(x, strlen(x), &p) || ip_parse(y, strlen(y), &q))
		return strcmp(x, y);
	return memcmp(p.b, q.b, sizeof p.b);
}

static int by_rate(const json_t *a, const json_t *b)
{
	double x = json_real_value(json_object_get(a, "flows_per_s"));
	double y = json_real_value(json_object_get(b, "flows_per_s"));
	if (x != y)
		return x < y ? 1 : -1;
	return by_address(a, b);
}

json_t *exporters_merge(const json_t *before, const json_t *now, bool busiest)
{
	json_t *list = json_array();
	uint64_t omitted = 0;
	for (size_t i = 0; i < json_array_size(now); i++) {
		const json_t *doc = json_array_get(now, i);
		take_stage(list, before, doc);
		omitted += doc_number(doc, "omitted");
	}
	doc_sort(list, busiest ? by_rate : by_address);
	return json_pack("{s:o, s:I}", "exporters", list, "omitted", (json_int_t)omitted);
}
