#include "nfctl/exporters.h"

#include <inttypes.h>
#include <string.h>

#include "lib/base.h"
#include "lib/instant.h"
#include "lib/ip.h"
#include "nfctl/table.h"
#include "nfctl/text.h"

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

static void add_causes(json_t *into, const json_t *causes)
{
	json_t *have = json_object_get(into, "undecodable");
	const char *cause;
	if (!have) {
		have = json_object();
		json_object_set_new(into, "undecodable", have);
	}
	for (void *i = NULL; (cause = doc_next(causes, &i));)
		add_number(have, cause, causes, cause);
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
		else if (strcmp(key, "undecodable") == 0)
			add_causes(into, v);
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

static void cell_versions(struct table *t, const json_t *exporter)
{
	const json_t *versions = json_object_get(exporter, "versions");
	char text[TEXT_MAX] = "-";
	size_t at = 0;
	for (size_t i = 0; i < json_array_size(versions) && at + 24 < sizeof text; i++)
		at += (size_t)snprintf(text + at, sizeof text - at, "%s%" JSON_INTEGER_FORMAT,
			i ? "," : "", json_integer_value(json_array_get(versions, i)));
	table_cell(t, "%s", text);
}

static void cell_scaled(struct table *t, const json_t *exporter, const char *key)
{
	char text[TEXT_MAX];
	bool has = json_object_get(exporter, key);
	table_cell(t, "%s", has ? text_scaled((double)doc_number(exporter, key), text) : "-");
}

static void cell_sampling(struct table *t, const json_t *exporter)
{
	const char *source = doc_text(exporter, "sampling_source");
	if (json_object_get(exporter, "sampling_rate"))
		table_cell(t, "1:%" PRIu64 "%s%s", doc_number(exporter, "sampling_rate"),
			*source ? " " : "", source);
	else
		table_cell(t, "-");
}

static void cell_rate(struct table *t, const json_t *exporter)
{
	char text[TEXT_MAX];
	const json_t *rate = json_object_get(exporter, "flows_per_s");
	table_cell(t, "%s", rate ? text_scaled(json_real_value(rate), text) : "-");
}

/* Version 9 counts datagrams, so that there nobody knows how many records were in those lost. */
static void cell_lost(struct table *t, const json_t *exporter)
{
	char text[TEXT_MAX];
	uint64_t records = doc_number(exporter, "lost_records");
	uint64_t datagrams = doc_number(exporter, "lost_datagrams");
	if (!records && datagrams)
		table_cell(t, "%sdg", text_scaled((double)datagrams, text));
	else
		cell_scaled(t, exporter, "lost_records");
}

static void add_brief_row(struct table *t, const json_t *e, uint64_t now_ns)
{
	char text[TEXT_MAX];
	table_cell(t, "%s", doc_text(e, "address"));
	cell_rate(t, e);
	cell_scaled(t, e, "flows");
	cell_lost(t, e);
	table_cell(t, "%s", text_ago(doc_text(e, "last_seen"), now_ns, text));
	cell_versions(t, e);
	cell_scaled(t, e, "templates");
	cell_sampling(t, e);
}

static void add_row(struct table *t, const json_t *e, uint64_t now_ns)
{
	char text[TEXT_MAX];
	table_cell(t, "%s", doc_text(e, "address"));
	cell_versions(t, e);
	cell_scaled(t, e, "domains");
	cell_rate(t, e);
	cell_scaled(t, e, "flows");
	cell_scaled(t, e, "lost_records");
	cell_scaled(t, e, "lost_datagrams");
	cell_scaled(t, e, "templates");
	cell_sampling(t, e);
	table_cell(t, "%s", text_ago(doc_text(e, "last_seen"), now_ns, text));
}

static const struct column brief_columns[] = {
	{"EXPORTER", false},
	{"FLOWS/S", true},
	{"FLOWS", true},
	{"LOST", true},
	{"SEEN", true},
	{"VER", false},
	{"TPL", true},
	{"SAMPLING", false},
};

static const struct column full_columns[] = {
	{"EXPORTER", false},
	{"VER", false},
	{"DOMAINS", true},
	{"FLOWS/S", true},
	{"FLOWS", true},
	{"LOST-RECORDS", true},
	{"LOST-DATAGRAMS", true},
	{"TEMPLATES", true},
	{"SAMPLING", false},
	{"SEEN", true},
};

void exporters_table(const json_t *merged, FILE *out, uint64_t now_ns, bool brief, size_t rows_max)
{
	struct table t;
	const json_t *list = json_object_get(merged, "exporters");
	size_t count = json_array_size(list), rows = count;
	uint64_t more = doc_number(merged, "omitted");
	if (rows + !!more > rows_max)
		rows = rows_max ? rows_max - 1 : 0;
	if (brief)
		table_init(&t, brief_columns, LEN(brief_columns));
	else
		table_init(&t, full_columns, LEN(full_columns));
	for (size_t i = 0; i < rows; i++) {
		if (brief)
			add_brief_row(&t, json_array_get(list, i), now_ns);
		else
			add_row(&t, json_array_get(list, i), now_ns);
	}
	table_print(&t, out, brief, rows);
	more += count - rows;
	if (more)
		fprintf(out, "and %" PRIu64 " more\n", more);
	else if (!count)
		fputs("no exporter has been heard yet\n", out);
}
