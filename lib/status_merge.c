#include "lib/status_merge.h"

#include <stdbool.h>
#include <string.h>

#include "lib/doc.h"

/* The same stage's document in the other survey; NULL where it is not, or is another process. */
static const json_t *same_stage(const json_t *docs, const json_t *doc)
{
	for (size_t i = 0; i < json_array_size(docs); i++) {
		const json_t *other = json_array_get(docs, i);
		if (strcmp(doc_text(other, "socket"), doc_text(doc, "socket")) == 0)
			return doc_number(other, "pid") == doc_number(doc, "pid") ? other : NULL;
	}
	return NULL;
}

static uint64_t ledger_number(const json_t *doc, const char *key)
{
	return doc_number(json_object_get(doc, "ledger"), key);
}

static int64_t gap(const json_t *doc)
{
	const json_t *lost = json_object_get(json_object_get(doc, "ledger"), "lost");
	uint64_t sum = ledger_number(doc, "out") + ledger_number(doc, "waiting");
	const char *cause;
	for (void *i = NULL; (cause = doc_next(lost, &i));)
		sum += doc_number(lost, cause);
	return (int64_t)(ledger_number(doc, "in") - sum);
}

static double rate(const json_t *before, const json_t *now, const char *key)
{
	uint64_t ms = doc_number(now, "uptime_ms") - doc_number(before, "uptime_ms");
	uint64_t a = ledger_number(before, key), b = ledger_number(now, key);
	return ms && b > a ? (double)(b - a) * 1000.0 / (double)ms : 0.0;
}

static json_t *stage_of(const json_t *before, const json_t *doc)
{
	json_t *stage = json_deep_copy(doc);
	const json_t *earlier = same_stage(before, doc);
	if (json_object_get(doc, "failure"))
		return stage;
	if (earlier && doc_number(doc, "uptime_ms") > doc_number(earlier, "uptime_ms"))
		json_object_set_new(stage, "rates",
			json_pack("{s:f, s:f}", "in", rate(earlier, doc, "in"), "out",
				rate(earlier, doc, "out")));
	json_object_set_new(stage, "gap", json_integer(gap(doc)));
	return stage;
}

/* Is this the end of a pipe that the stage reads? */
static bool is_input(const json_t *end, const json_t *to)
{
	const char *pipe = doc_text(end, "output");
	return *pipe && strcmp(pipe, doc_text(to, "input")) == 0;
}

/* What tells of the end through which a pipe leads from one to the other: the stage's ledger, or
 * one of its outputs (see stats_add_pipe). NULL: none does. */
static const json_t *leads_to(const json_t *from, const json_t *to)
{
	const json_t *outputs = json_object_get(from, "outputs");
	if (is_input(from, to))
		return json_object_get(from, "ledger");
	for (size_t i = 0; i < json_array_size(outputs); i++)
		if (is_input(json_array_get(outputs, i), to))
			return json_array_get(outputs, i);
	return NULL;
}

static bool has_source(const json_t *docs, const json_t *doc)
{
	for (size_t i = 0; i < json_array_size(docs); i++)
		if (leads_to(json_array_get(docs, i), doc))
			return true;
	return false;
}

/* Adds the stage at index i, unless that was done, and then those that read from it. */
static void add_chain(json_t *stages, const json_t *before, const json_t *now, size_t i, char *done)
{
	const json_t *doc = json_array_get(now, i);
	if (done[i])
		return;
	done[i] = 1;
	json_array_append_new(stages, stage_of(before, doc));
	for (size_t j = 0; j < json_array_size(now); j++)
		if (leads_to(doc, json_array_get(now, j)))
			add_chain(stages, before, now, j, done);
}

static json_t *link_of(const json_t *before, const json_t *from, const json_t *to, bool *adds_up)
{
	const json_t *end = leads_to(from, to), *made = json_object_get(end, "made");
	json_t *link = json_pack("{s:O, s:O}", "from", json_object_get(from, "socket"), "to",
		json_object_get(to, "socket"));
	if (!made)
		return link;
	json_object_set(link, "made", (json_t *)made);
	json_object_set_new(link, "read", json_integer((json_int_t)ledger_number(to, "in")));
	/* the two were not asked in the same instant; but what the reader had read by the first
	 * survey the writer must have written by the second */
	const json_t *earlier = same_stage(before, to);
	bool good = !earlier || ledger_number(earlier, "in") <= doc_number(end, "made");
	json_object_set_new(link, "adds_up", json_boolean(good));
	*adds_up = *adds_up && good;
	return link;
}

json_t *status_merge(const json_t *before, const json_t *now)
{
	char done[1024] = {0};
	size_t count = json_array_size(now);
	json_t *stages = json_array(), *links = json_array();
	bool adds_up = true;
	if (count > sizeof done)
		count = sizeof done;
	for (size_t i = 0; i < count; i++)
		if (!has_source(now, json_array_get(now, i)))
			add_chain(stages, before, now, i, done);
	for (size_t i = 0; i < count; i++)
		add_chain(stages, before, now, i, done);
	for (size_t i = 0; i < json_array_size(stages); i++) {
		const json_t *from = json_array_get(stages, i);
		if (json_integer_value(json_object_get(from, "gap")))
			adds_up = false;
		for (size_t j = 0; j < json_array_size(stages); j++) {
			const json_t *to = json_array_get(stages, j);
			if (leads_to(from, to))
				json_array_append_new(links, link_of(before, from, to, &adds_up));
		}
	}
	return json_pack("{s:o, s:o, s:b}", "stages", stages, "links", links, "adds_up", adds_up);
}
