#include "nfctl/exporters.h"

#include <inttypes.h>
#include <string.h>

#include "lib/base.h"
#include "lib/doc.h"
#include "nfctl/table.h"
#include "nfctl/text.h"

#define QUIRKS_TEXT_MAX 512

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

/* The names of its quirks, with commas; `nfctl -j` has how often each was met. */
static void cell_quirks(struct table *t, const json_t *exporter)
{
	const json_t *quirks = json_object_get(exporter, "quirks");
	const char *name;
	char text[QUIRKS_TEXT_MAX] = "-";
	size_t at = 0;
	for (void *i = NULL; (name = doc_next(quirks, &i));)
		if (at + strlen(name) + 2 < sizeof text)
			at += (size_t)snprintf(
				text + at, sizeof text - at, "%s%s", at ? "," : "", name);
	table_cell(t, "%s", text);
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
	table_cell(t, "%s", *doc_text(e, "name") ? doc_text(e, "name") : "-");
	cell_quirks(t, e);
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
	{"NAME", false},
	{"QUIRKS", false},
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
