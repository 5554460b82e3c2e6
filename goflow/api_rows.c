#include "goflow/api_rows.h"

#include <stdbool.h>
#include <string.h>

#include "goflow/api_impl.h"
#include "lib/base.h"
#include "lib/doc.h"

static void add(json_t *into, const char *key, uint64_t n)
{
	json_object_set_new(into, key, json_integer((json_int_t)(doc_number(into, key) + n)));
}

/* Adds up objects of numbers, without the keys of `but`. */
static void add_all(json_t *row, const char *key, const json_t *from, const json_t *but)
{
	json_t *into = json_object_get(row, key);
	const char *name;
	for (void *i = NULL; (name = doc_next(from, &i));)
		if (!json_object_get(but, name))
			add(into, name, doc_number(from, name));
}

static json_t *row_of(json_t *rows, const char *program, const char *pipeline, const char *backend)
{
	for (size_t i = 0; i < json_array_size(rows); i++) {
		json_t *row = json_array_get(rows, i);
		if (strcmp(doc_text(row, "program"), program) == 0 &&
			strcmp(doc_text(row, "pipeline"), pipeline) == 0 &&
			strcmp(doc_text(row, "backend"), backend) == 0)
			return row;
	}
	json_t *row = json_pack("{s:s, s:s, s:s, s:i, s:{}, s:{}}", "program", program, "pipeline",
		pipeline, "backend", backend, "up", 1, "lost", "others");
	json_array_append_new(rows, row);
	return row;
}

static void add_counts(json_t *row, const json_t *doc)
{
	static const char *const keys[] = {"in", "out", "waiting"};
	const json_t *ledger = json_object_get(doc, "ledger"),
		     *lost = json_object_get(ledger, "lost");
	for (size_t i = 0; ledger && i < LEN(keys); i++)
		add(row, keys[i], doc_number(ledger, keys[i]));
	add_all(row, "lost", lost, NULL);
	add_all(row, "others", json_object_get(doc, "counters"), lost);
}

/* A stage's lag goes on growing where nothing comes; one that holds nothing is not behind. */
static void add_lag(json_t *row, const json_t *doc)
{
	uint64_t lag = doc_number(doc, "lag_ms");
	if (!json_object_get(doc, "lag_ms"))
		return;
	if (!doc_number(json_object_get(doc, "ledger"), "waiting"))
		lag = 0;
	if (lag < doc_number(row, "lag_ms"))
		lag = doc_number(row, "lag_ms");
	json_object_set_new(row, "lag_ms", json_integer((json_int_t)lag));
}

static const json_t *with_pid(const json_t *docs, uint64_t pid)
{
	for (size_t i = 0; pid && i < json_array_size(docs); i++)
		if (doc_number(json_array_get(docs, i), "pid") == pid)
			return json_array_get(docs, i);
	return NULL;
}

/* A stage that the supervisor keeps. */
static void take_slot(json_t *rows, const json_t *docs, const char *pipeline, const json_t *slot)
{
	json_t *row = row_of(rows, doc_text(slot, "program"), pipeline, doc_text(slot, "backend"));
	const json_t *doc = with_pid(docs, doc_number(slot, "pid"));
	add(row, "starts", doc_number(slot, "starts"));
	add_counts(row, slot);
	add_lag(row, doc);
	if (!doc && strcmp(doc_text(slot, "state"), "ended") != 0)
		json_object_set_new(row, "up", json_integer(0));
}

/* Notes the process ids of a pipeline's stages in `kept`. */
static void take_pipeline(json_t *rows, const json_t *docs, const json_t *pipeline, json_t *kept)
{
	const json_t *stages = json_object_get(pipeline, "stages");
	for (size_t i = 0; i < json_array_size(stages); i++) {
		const json_t *slot = json_array_get(stages, i);
		take_slot(rows, docs, doc_text(pipeline, "name"), slot);
		json_array_append(kept, json_object_get(slot, "pid"));
	}
}

static bool is_kept(const json_t *kept, const json_t *doc)
{
	for (size_t i = 0; i < json_array_size(kept); i++)
		if (json_equal(json_array_get(kept, i), json_object_get(doc, "pid")))
			return true;
	return false;
}

json_t *api_rows(const json_t *docs)
{
	json_t *rows = json_array(), *kept = json_array();
	const json_t *pipelines = json_object_get(api_supervisor(docs), "pipelines");
	for (size_t i = 0; i < json_array_size(pipelines); i++)
		take_pipeline(rows, docs, json_array_get(pipelines, i), kept);
	for (size_t i = 0; i < json_array_size(docs); i++) {
		const json_t *doc = json_array_get(docs, i);
		if (json_object_get(doc, "failure") || is_kept(kept, doc))
			continue;
		json_t *row = row_of(rows, doc_text(doc, "program"), doc_text(doc, "pipeline"),
			doc_text(doc, "backend"));
		add_counts(row, doc);
		add_lag(row, doc);
	}
	json_decref(kept);
	return rows;
}
