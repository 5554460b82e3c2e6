#include "nfctl/templates.h"

#include <inttypes.h>
#include <stdlib.h>

#include "lib/base.h"
#include "lib/doc.h"
#include "nfctl/table.h"
#include "nfctl/text.h"

/* "octetDeltaCount/4 interfaceName/v ...": a variable length is absent. */
static char *field_names(const json_t *template)
{
	const json_t *fields = json_object_get(template, "fields");
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	if (!out)
		return NULL;
	for (size_t i = 0; i < json_array_size(fields); i++) {
		const json_t *f = json_array_get(fields, i);
		fprintf(out, "%s%s/", i ? " " : "", doc_text(f, "name"));
		if (json_object_get(f, "length"))
			fprintf(out, "%" PRIu64, doc_number(f, "length"));
		else
			fputc('v', out);
	}
	fclose(out);
	return text;
}

static void add_row(struct table *t, const json_t *template, uint64_t now_ns, bool names)
{
	char text[TEXT_MAX];
	bool options = json_is_true(json_object_get(template, "options"));
	table_cell(t, "%s", doc_text(template, "exporter"));
	table_cell(t, "%" PRIu64, doc_number(template, "port"));
	table_cell(t, "%" PRIu64, doc_number(template, "version"));
	table_cell(t, "%" PRIu64, doc_number(template, "domain"));
	table_cell(t, "%" PRIu64, doc_number(template, "id"));
	table_cell(t, "%s", options ? "options" : "data");
	table_cell(t, "%zu", json_array_size(json_object_get(template, "fields")));
	if (json_object_get(template, "record_length"))
		table_cell(t, "%" PRIu64, doc_number(template, "record_length"));
	else
		table_cell(t, "var");
	table_cell(t, "%" PRIu64, doc_number(template, "records"));
	table_cell(t, "%s", text_ago(doc_text(template, "last_seen"), now_ns, text));
	if (!names)
		return;
	char *fields = field_names(template);
	table_cell(t, "%s", fields ? fields : "?");
	free(fields);
}

void templates_table(const json_t *merged, FILE *out, uint64_t now_ns, bool names)
{
	static const struct column columns[] = {
		{"EXPORTER", false},
		{"PORT", true},
		{"VER", true},
		{"DOMAIN", true},
		{"ID", true},
		{"KIND", false},
		{"FIELDS", true},
		{"LENGTH", true},
		{"RECORDS", true},
		{"SEEN", true},
		{"FIELD/LENGTH", false},
	};
	struct table t;
	const json_t *list = json_object_get(merged, "templates");
	table_init(&t, columns, LEN(columns) - !names);
	for (size_t i = 0; i < json_array_size(list); i++)
		add_row(&t, json_array_get(list, i), now_ns, names);
	table_print(&t, out, false, SIZE_MAX);
	uint64_t omitted = doc_number(merged, "omitted");
	if (omitted)
		fprintf(out, "and %" PRIu64 " more, past the bound of what a stage lists\n",
			omitted);
	else if (!json_array_size(list))
		fputs("no template has been seen yet\n", out);
}
