#include "nfctl/status.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base.h"
#include "lib/doc.h"
#include "lib/log.h"
#include "nfctl/table.h"
#include "nfctl/text.h"

/* Prints text that came from outside. */
static void print_clean(FILE *out, const char *text)
{
	char *copy = strdup(text);
	if (!copy)
		return;
	log_clean(copy);
	fputs(copy, out);
	free(copy);
}

static uint64_t lost_of(const json_t *stage)
{
	const json_t *lost = json_object_get(json_object_get(stage, "ledger"), "lost");
	uint64_t sum = 0;
	const char *cause;
	for (void *i = NULL; (cause = doc_next(lost, &i));)
		sum += doc_number(lost, cause);
	return sum;
}

static void cell_total(struct table *t, uint64_t v, bool brief)
{
	char text[TEXT_MAX];
	if (brief)
		table_cell(t, "%s", text_scaled((double)v, text));
	else
		table_cell(t, "%" PRIu64, v);
}

static void cell_rate(struct table *t, const json_t *stage, const char *key)
{
	char text[TEXT_MAX];
	const json_t *rate = json_object_get(json_object_get(stage, "rates"), key);
	table_cell(t, "%s", rate ? text_scaled(json_real_value(rate), text) : "-");
}

static void add_stage(struct table *t, const json_t *stage, bool brief)
{
	char text[TEXT_MAX];
	const json_t *ledger = json_object_get(stage, "ledger"),
		     *lag = json_object_get(stage, "lag_ms");
	table_cell(t, "%s", doc_text(stage, "program"));
	table_cell(t, "%" PRIu64, doc_number(stage, "pid"));
	table_cell(t, "%s", text_span(doc_number(stage, "uptime_ms"), text));
	cell_rate(t, stage, "in");
	cell_rate(t, stage, "out");
	cell_total(t, doc_number(ledger, "in"), brief);
	cell_total(t, doc_number(ledger, "out"), brief);
	cell_total(t, doc_number(ledger, "waiting"), brief);
	cell_total(t, lost_of(stage), brief);
	table_cell(t, "%s", lag ? text_span(doc_number(stage, "lag_ms"), text) : "-");
	if (!brief)
		table_cell(t, "%s", doc_text(ledger, "unit"));
}

void status_table(const json_t *merged, FILE *out, bool brief)
{
	static const struct column columns[] = {
		{"STAGE", false},
		{"PID", true},
		{"UP", true},
		{"IN/S", true},
		{"OUT/S", true},
		{"IN", true},
		{"OUT", true},
		{"WAIT", true},
		{"LOST", true},
		{"LAG", true},
		{"UNIT", false},
	};
	struct table t;
	const json_t *stages = json_object_get(merged, "stages");
	table_init(&t, columns, LEN(columns) - brief);
	for (size_t i = 0; i < json_array_size(stages); i++) {
		const json_t *stage = json_array_get(stages, i);
		if (!json_object_get(stage, "failure"))
			add_stage(&t, stage, brief);
	}
	table_print(&t, out, brief, SIZE_MAX);
	for (size_t i = 0; i < json_array_size(stages); i++) {
		const json_t *stage = json_array_get(stages, i);
		if (!json_object_get(stage, "failure"))
			continue;
		print_clean(out, doc_text(stage, "socket"));
		fprintf(out, ": %s\n", doc_text(stage, "failure"));
	}
}

static void print_name(const json_t *stage, FILE *out)
{
	print_clean(out, doc_text(stage, "program"));
	fprintf(out, " %" PRIu64, doc_number(stage, "pid"));
}

/* " (undecodable 3, version 2)", or nothing. */
static void print_causes(const json_t *stage, FILE *out)
{
	const json_t *lost = json_object_get(json_object_get(stage, "ledger"), "lost");
	const char *cause, *before = " (";
	for (void *i = NULL; (cause = doc_next(lost, &i));) {
		if (!doc_number(lost, cause))
			continue;
		fputs(before, out);
		print_clean(out, cause);
		fprintf(out, " %" PRIu64, doc_number(lost, cause));
		before = ", ";
	}
	fputs(*before == ',' ? ")" : "", out);
}

static void print_verdict(int64_t gap, FILE *out)
{
	if (!gap)
		fputs("adds up", out);
	else if (gap > 0)
		fprintf(out, "does NOT add up, %" PRId64 " missing", gap);
	else
		fprintf(out, "does NOT add up, %" PRId64 " too many", -gap);
}

static void print_stage_ledger(const json_t *stage, FILE *out)
{
	const json_t *ledger = json_object_get(stage, "ledger");
	print_name(stage, out);
	fprintf(out, ": %" PRIu64 " ", doc_number(ledger, "in"));
	print_clean(out, doc_text(ledger, "unit"));
	fprintf(out, " in = %" PRIu64 " out + %" PRIu64 " waiting + %" PRIu64 " lost",
		doc_number(ledger, "out"), doc_number(ledger, "waiting"), lost_of(stage));
	print_causes(stage, out);
	fputs(": ", out);
	print_verdict(json_integer_value(json_object_get(stage, "gap")), out);
}

static const json_t *stage_at(const json_t *merged, const char *socket)
{
	const json_t *stages = json_object_get(merged, "stages");
	for (size_t i = 0; i < json_array_size(stages); i++)
		if (strcmp(doc_text(json_array_get(stages, i), "socket"), socket) == 0)
			return json_array_get(stages, i);
	return NULL;
}

static void print_link(const json_t *merged, const json_t *link, FILE *out)
{
	const json_t *to = stage_at(merged, doc_text(link, "to"));
	uint64_t made = doc_number(link, "made"), read = doc_number(link, "read");
	print_name(stage_at(merged, doc_text(link, "from")), out);
	fputs(" -> ", out);
	print_name(to, out);
	fprintf(out, ": %" PRIu64 " ", made);
	print_clean(out, doc_text(json_object_get(to, "ledger"), "unit"));
	fprintf(out, " passed on, %" PRIu64 " read: ", read);
	if (json_is_false(json_object_get(link, "adds_up")))
		print_verdict((int64_t)(made - read), out);
	else if (made > read)
		fprintf(out, "%" PRIu64 " on the way", made - read);
	else if (made < read) /* the reader was asked a moment later */
		fputs("in step", out);
	else
		fputs("adds up", out);
}

void status_ledger(const json_t *merged, FILE *out)
{
	const json_t *stages = json_object_get(merged, "stages");
	const json_t *links = json_object_get(merged, "links");
	for (size_t i = 0; i < json_array_size(stages); i++) {
		const json_t *stage = json_array_get(stages, i);
		if (json_object_get(stage, "failure"))
			continue;
		fputs("  ", out);
		print_stage_ledger(stage, out);
		fputc('\n', out);
	}
	for (size_t i = 0; i < json_array_size(links); i++) {
		if (!json_object_get(json_array_get(links, i), "made"))
			continue;
		fputs("  ", out);
		print_link(merged, json_array_get(links, i), out);
		fputc('\n', out);
	}
	fprintf(out, "The ledger %s.\n",
		json_is_true(json_object_get(merged, "adds_up")) ? "adds up" : "does NOT add up");
}

void status_ledger_brief(const json_t *merged, FILE *out)
{
	const json_t *stages = json_object_get(merged, "stages");
	const json_t *links = json_object_get(merged, "links");
	for (size_t i = 0; i < json_array_size(stages); i++) {
		const json_t *stage = json_array_get(stages, i);
		if (json_integer_value(json_object_get(stage, "gap"))) {
			print_stage_ledger(stage, out);
			fputc('\n', out);
			return;
		}
	}
	for (size_t i = 0; i < json_array_size(links); i++)
		if (json_is_false(json_object_get(json_array_get(links, i), "adds_up"))) {
			print_link(merged, json_array_get(links, i), out);
			fputc('\n', out);
			return;
		}
	fputs("The ledger adds up.\n", out);
	for (size_t i = 0; i < json_array_size(stages); i++) {
		const json_t *stage = json_array_get(stages, i);
		if (!lost_of(stage))
			continue;
		fputs("Lost by ", out);
		print_name(stage, out);
		print_causes(stage, out);
		fputc('\n', out);
	}
}

void status_counters(const json_t *merged, FILE *out)
{
	static const struct column columns[] = {
		{"STAGE", false},
		{"COUNTER", false},
		{"VALUE", true},
		{"MEANING", false},
	};
	struct table t;
	const json_t *stages = json_object_get(merged, "stages");
	table_init(&t, columns, LEN(columns));
	for (size_t i = 0; i < json_array_size(stages); i++) {
		const json_t *stage = json_array_get(stages, i);
		const json_t *counters = json_object_get(stage, "counters");
		const char *name;
		for (void *k = NULL; (name = doc_next(counters, &k));) {
			table_cell(&t, "%s", doc_text(stage, "program"));
			table_cell(&t, "%s", name);
			table_cell(&t, "%" PRIu64, doc_number(counters, name));
			table_cell(&t, "%s", doc_text(json_object_get(stage, "help"), name));
		}
	}
	table_print(&t, out, false, SIZE_MAX);
}
