#include "nfctl/loss.h"

#include <inttypes.h>
#include <string.h>

#include "lib/doc.h"
#include "lib/status_merge.h"
#include "nfctl/table.h"

static uint64_t sum_lost(const json_t *ledger)
{
	const json_t *lost = json_object_get(ledger, "lost");
	uint64_t sum = 0;
	const char *cause;
	for (void *i = NULL; (cause = doc_next(lost, &i));)
		sum += doc_number(lost, cause);
	return sum;
}

/* A stage as it stands in the document. */
static json_t *stage_row(const json_t *stage, int64_t between)
{
	json_t *row = json_object();
	json_object_set(row, "program", json_object_get(stage, "program"));
	if (json_object_get(stage, "backend"))
		json_object_set(row, "backend", json_object_get(stage, "backend"));
	if (json_object_get(stage, "ledger"))
		json_object_set(row, "ledger", json_object_get(stage, "ledger"));
	json_object_set_new(row, "kernel_drops",
		json_integer((json_int_t)doc_number(
			json_object_get(stage, "counters"), "kernel_drops")));
	json_object_set_new(row, "between", json_integer(between));
	return row;
}

/* What stands between a stage of goflow and the one in front of it. */
static int64_t between_at(const json_t *links, size_t to)
{
	for (size_t i = 0; i < json_array_size(links); i++) {
		const json_t *link = json_array_get(links, i);
		if (doc_number(link, "to") == to && json_object_get(link, "to"))
			return json_integer_value(json_object_get(link, "between"));
	}
	return 0;
}

static json_t *pipeline_row(const json_t *pipeline)
{
	const json_t *stages = json_object_get(pipeline, "stages"),
		     *links = json_object_get(pipeline, "links");
	json_t *rows = json_array();
	for (size_t i = 0; i < json_array_size(stages); i++)
		json_array_append_new(
			rows, stage_row(json_array_get(stages, i), between_at(links, i)));
	return json_pack("{s:s, s:o}", "name", doc_text(pipeline, "name"), "stages", rows);
}

/* What stands between a stage that runs by itself and the one in front of it. */
static int64_t between_to(const json_t *links, const char *socket)
{
	for (size_t i = 0; i < json_array_size(links); i++) {
		const json_t *link = json_array_get(links, i);
		int64_t made = json_integer_value(json_object_get(link, "made")),
			read = json_integer_value(json_object_get(link, "read"));
		/* the reader was asked a moment later: it may have read more since */
		if (strcmp(doc_text(link, "to"), socket) == 0 && made > read)
			return made - read;
	}
	return 0;
}

static json_t *loose_pipeline(const json_t *docs)
{
	json_t *merged = status_merge(docs, docs), *rows = json_array();
	const json_t *stages = json_object_get(merged, "stages"),
		     *links = json_object_get(merged, "links");
	for (size_t i = 0; i < json_array_size(stages); i++) {
		const json_t *stage = json_array_get(stages, i);
		if (json_object_get(stage, "ledger"))
			json_array_append_new(rows,
				stage_row(stage, between_to(links, doc_text(stage, "socket"))));
	}
	json_decref(merged);
	return json_pack("{s:s, s:o}", "name", "", "stages", rows);
}

static bool adds_up(const json_t *pipelines)
{
	for (size_t i = 0; i < json_array_size(pipelines); i++) {
		const json_t *stages = json_object_get(json_array_get(pipelines, i), "stages");
		for (size_t k = 0; k < json_array_size(stages); k++) {
			const json_t *row = json_array_get(stages, k),
				     *ledger = json_object_get(row, "ledger");
			uint64_t settled = doc_number(ledger, "out") +
					   doc_number(ledger, "waiting") + sum_lost(ledger);
			if (settled != doc_number(ledger, "in") ||
				json_integer_value(json_object_get(row, "between")) < 0)
				return false;
		}
	}
	return true;
}

json_t *loss_merge(const json_t *docs)
{
	json_t *pipelines = json_array();
	bool supervised = false;
	for (size_t i = 0; i < json_array_size(docs); i++) {
		const json_t *of = json_object_get(json_array_get(docs, i), "pipelines");
		supervised |= of != NULL;
		for (size_t k = 0; k < json_array_size(of); k++)
			json_array_append_new(pipelines, pipeline_row(json_array_get(of, k)));
	}
	if (!supervised)
		json_array_append_new(pipelines, loose_pipeline(docs));
	bool good = adds_up(pipelines);
	return json_pack("{s:o, s:b}", "pipelines", pipelines, "adds_up", good);
}

/* "ring_full 10, crash 2" */
static void add_causes(struct table *t, const json_t *row)
{
	const json_t *lost = json_object_get(json_object_get(row, "ledger"), "lost");
	uint64_t drops = doc_number(row, "kernel_drops");
	char text[512] = "";
	size_t at = 0;
	const char *cause;
	for (void *i = NULL; (cause = doc_next(lost, &i)) && at < sizeof text;)
		if (doc_number(lost, cause))
			at += (size_t)snprintf(text + at, sizeof text - at, "%s%s %" PRIu64,
				at ? ", " : "", cause, doc_number(lost, cause));
	if (drops && at < sizeof text)
		snprintf(text + at, sizeof text - at, "%skernel dropped %" PRIu64, at ? ", " : "",
			drops);
	table_cell(t, "%s", text);
}

static void add_row(struct table *t, const json_t *row)
{
	const json_t *ledger = json_object_get(row, "ledger");
	const char *backend = doc_text(row, "backend");
	table_cell(t, "%s%s%s", doc_text(row, "program"), *backend ? " " : "", backend);
	table_cell(t, "%" PRId64, (int64_t)json_integer_value(json_object_get(row, "between")));
	table_cell(t, "%" PRIu64, doc_number(ledger, "in"));
	table_cell(t, "%" PRIu64, doc_number(ledger, "out"));
	table_cell(t, "%" PRIu64, doc_number(ledger, "waiting"));
	table_cell(t, "%" PRIu64, sum_lost(ledger));
	table_cell(t, "%s", doc_text(ledger, "unit"));
	add_causes(t, row);
}

void loss_table(const json_t *merged, FILE *out)
{
	static const struct column columns[] = {
		{"STAGE", false},
		{"BETWEEN", true},
		{"IN", true},
		{"OUT", true},
		{"WAIT", true},
		{"LOST", true},
		{"UNIT", false},
		{"CAUSES", false},
	};
	const json_t *pipelines = json_object_get(merged, "pipelines");
	for (size_t i = 0; i < json_array_size(pipelines); i++) {
		const json_t *pipeline = json_array_get(pipelines, i),
			     *stages = json_object_get(pipeline, "stages");
		struct table t;
		if (*doc_text(pipeline, "name"))
			fprintf(out, "%s:\n", doc_text(pipeline, "name"));
		table_init(&t, columns, LEN(columns));
		for (size_t k = 0; k < json_array_size(stages); k++)
			add_row(&t, json_array_get(stages, k));
		table_print(&t, out, false, SIZE_MAX);
		fputc('\n', out);
	}
	fprintf(out, "The ledger %s.\n",
		json_is_true(json_object_get(merged, "adds_up")) ? "adds up" : "does NOT add up");
}

static void share_of(const json_t *row, struct loss_share *s)
{
	const json_t *ledger = json_object_get(row, "ledger"),
		     *lost = json_object_get(ledger, "lost");
	const char *program = doc_text(row, "program");
	if (strcmp(program, "nfrecv") == 0) {
		uint64_t drops = doc_number(row, "kernel_drops");
		s->datagrams_in += doc_number(ledger, "in") + drops;
		s->datagrams_lost += sum_lost(ledger) + drops;
	} else if (strcmp(program, "nfdecode") == 0) {
		s->datagrams_lost += doc_number(lost, "crash"); /* the rest is not ours */
	} else if (strcmp(doc_text(ledger, "unit"), "records") == 0) {
		/* nftee's are those of each sink again */
		if (strcmp(program, "nftee") != 0)
			s->records_in += doc_number(ledger, "in");
		s->records_lost += sum_lost(ledger);
	}
}

struct loss_share loss_share(const json_t *merged)
{
	struct loss_share s = {0};
	const json_t *pipelines = json_object_get(merged, "pipelines");
	for (size_t i = 0; i < json_array_size(pipelines); i++) {
		const json_t *stages = json_object_get(json_array_get(pipelines, i), "stages");
		for (size_t k = 0; k < json_array_size(stages); k++)
			share_of(json_array_get(stages, k), &s);
	}
	return s;
}
