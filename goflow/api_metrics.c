/* GET /metrics, in Prometheus' text format 0.0.4. How many series there are is bounded: by the
 * stages of the configuration, and by API_EXPORTERS_MAX. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "goflow/api_impl.h"
#include "goflow/api_rows.h"
#include "lib/base.h"
#include "lib/doc.h"
#include "lib/exporters_merge.h"
#include "lib/instant.h"
#include "lib/survey.h"

struct family {
	const char *name, *type, *help;
	const char *key; /* of a row or an exporter */
};

static void head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP goflow_%s %s\n# TYPE goflow_%s %s\n", name, help, name, type);
}

/* A label's value: the three characters that mean something in one are escaped. */
static void label(FILE *out, const char *name, const char *value)
{
	fprintf(out, "%s=\"", name);
	for (; *value; value++) {
		if (*value == '\n')
			fputs("\\n", out);
		else if (*value == '"' || *value == '\\')
			fprintf(out, "\\%c", *value);
		else
			fputc(*value, out);
	}
	fputc('"', out);
}

/* goflow_NAME{program="",pipeline="",backend="",EXTRA="VALUE"}, and a blank */
static void stage_labels(
	FILE *out, const char *name, const json_t *row, const char *extra, const char *value)
{
	fprintf(out, "goflow_%s{", name);
	label(out, "program", doc_text(row, "program"));
	fputc(',', out);
	label(out, "pipeline", doc_text(row, "pipeline"));
	fputc(',', out);
	label(out, "backend", doc_text(row, "backend"));
	if (extra) {
		fputc(',', out);
		label(out, extra, value);
	}
	fputs("} ", out);
}

static const struct family stage_families[] = {
	{"stage_up", "gauge", "Whether the stage runs and answers.", "up"},
	{"stage_starts_total", "counter", "How often the stage was started.", "starts"},
	{"stage_in_total", "counter", "Taken in, in the stage's unit.", "in"},
	{"stage_out_total", "counter", "Done with as intended, in the stage's unit.", "out"},
	{"stage_waiting", "gauge", "Held now, in the stage's unit.", "waiting"},
};

/* An object of a row, one sample for each of its keys. */
static void put_parts(FILE *out, const json_t *rows, const struct family *f, const char *extra)
{
	head(out, f->name, f->type, f->help);
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i), *parts = json_object_get(row, f->key);
		const char *part;
		for (void *k = NULL; (part = doc_next(parts, &k));) {
			stage_labels(out, f->name, row, extra, part);
			fprintf(out, "%" PRIu64 "\n", doc_number(parts, part));
		}
	}
}

static void put_lag(FILE *out, const json_t *rows)
{
	head(out, "stage_lag_seconds", "gauge", "How far what comes out is behind the clock.");
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		if (!json_object_get(row, "lag_ms"))
			continue;
		stage_labels(out, "stage_lag_seconds", row, NULL, NULL);
		fprintf(out, "%.3f\n", (double)doc_number(row, "lag_ms") / 1e3);
	}
}

static void put_stages(FILE *out, const json_t *rows)
{
	static const struct family lost = {
		"stage_lost_total", "counter", "Not done, in the stage's unit, by cause.", "lost"};
	static const struct family others = {"stage_other", "untyped",
		"What else the stage counts; nfctl -v status tells what it means.", "others"};
	for (size_t f = 0; f < LEN(stage_families); f++) {
		const struct family *family = &stage_families[f];
		head(out, family->name, family->type, family->help);
		for (size_t i = 0; i < json_array_size(rows); i++) {
			const json_t *row = json_array_get(rows, i);
			if (!json_object_get(row, family->key))
				continue;
			stage_labels(out, family->name, row, NULL, NULL);
			fprintf(out, "%" PRIu64 "\n", doc_number(row, family->key));
		}
	}
	put_lag(out, rows);
	put_parts(out, rows, &lost, "cause");
	put_parts(out, rows, &others, "counter");
}

/* Those that add up; the sum of what stands behind the first API_EXPORTERS_MAX is exporter="other".
 */
static const struct family exporter_sums[] = {
	{"exporter_flows_total", "counter", "Flow records decoded.", "flows"},
	{"exporter_received_datagrams_total", "counter", "Datagrams received.", "received"},
	{"exporter_lost_records_total", "counter",
		"Flow records that were sent and did not arrive, by sequence numbers.",
		"lost_records"},
	{"exporter_lost_datagrams_total", "counter",
		"Datagrams that were sent and did not arrive, by sequence numbers.",
		"lost_datagrams"},
	{"exporter_templates", "gauge", "Templates known.", "templates"},
};

static void put_exporter_sum(FILE *out, const json_t *list, const struct family *f)
{
	uint64_t rest = 0;
	size_t count = json_array_size(list);
	head(out, f->name, f->type, f->help);
	for (size_t i = 0; i < count; i++) {
		const json_t *e = json_array_get(list, i);
		if (i >= API_EXPORTERS_MAX) {
			rest += doc_number(e, f->key);
			continue;
		}
		if (!json_object_get(e, f->key))
			continue;
		fprintf(out, "goflow_%s{", f->name);
		label(out, "exporter", doc_text(e, "address"));
		fprintf(out, "} %" PRIu64 "\n", doc_number(e, f->key));
	}
	if (count > API_EXPORTERS_MAX)
		fprintf(out, "goflow_%s{exporter=\"other\"} %" PRIu64 "\n", f->name, rest);
}

static void put_sampling(FILE *out, const json_t *list)
{
	head(out, "exporter_sampling_rate", "gauge", "One packet in so many is looked at.");
	for (size_t i = 0; i < json_array_size(list) && i < API_EXPORTERS_MAX; i++) {
		const json_t *e = json_array_get(list, i);
		if (!json_object_get(e, "sampling_rate"))
			continue;
		fputs("goflow_exporter_sampling_rate{", out);
		label(out, "exporter", doc_text(e, "address"));
		fprintf(out, "} %" PRIu64 "\n", doc_number(e, "sampling_rate"));
	}
}

static void put_last_seen(FILE *out, const json_t *list)
{
	static const char name[] = "exporter_last_seen_timestamp_seconds";
	struct instant t;
	head(out, name, "gauge", "When the exporter was heard last.");
	for (size_t i = 0; i < json_array_size(list) && i < API_EXPORTERS_MAX; i++) {
		const json_t *e = json_array_get(list, i);
		const char *when = doc_text(e, "last_seen");
		if (instant_parse(when, strlen(when), &t))
			continue;
		fprintf(out, "goflow_%s{", name);
		label(out, "exporter", doc_text(e, "address"));
		fprintf(out, "} %.3f\n", (double)t.ns / (double)NS_PER_S);
	}
}

static void put_exporters(FILE *out, const json_t *merged)
{
	const json_t *list = json_object_get(merged, "exporters");
	head(out, "exporters", "gauge", "Exporters that have been heard.");
	fprintf(out, "goflow_exporters %" PRIu64 "\n",
		(uint64_t)json_array_size(list) + doc_number(merged, "omitted"));
	for (size_t i = 0; i < LEN(exporter_sums); i++)
		put_exporter_sum(out, list, &exporter_sums[i]);
	put_sampling(out, list);
	put_last_seen(out, list);
}

static void put_overall(FILE *out, const struct api *a, const json_t *docs)
{
	char sentence[128];
	bool healthy = api_healthy(docs, sentence, sizeof sentence);
	head(out, "build_info", "gauge", "The version that runs.");
	fputs("goflow_build_info{", out);
	label(out, "version", GOFLOW_VERSION);
	fputs("} 1\n", out);
	head(out, "healthy", "gauge", "Whether all stages run and answer.");
	fprintf(out, "goflow_healthy %d\n", healthy);
	head(out, "stages_silent", "gauge", "Sockets of stages at which nobody answers.");
	fprintf(out, "goflow_stages_silent %zu\n", json_array_size(docs) - survey_answered(docs));
	head(out, "api_requests_total", "counter", "Requests to this API, by what came of them.");
	fprintf(out,
		"goflow_api_requests_total{outcome=\"answered\"} %" PRIu64 "\n"
		"goflow_api_requests_total{outcome=\"refused\"} %" PRIu64 "\n"
		"goflow_api_requests_total{outcome=\"abandoned\"} %" PRIu64 "\n",
		a->counts[API_ANSWERED], a->counts[API_REFUSED], a->counts[API_ABANDONED]);
}

enum MHD_Result api_get_metrics(struct api_request *r)
{
	struct api_reply reply = {
		.status = MHD_HTTP_OK,
		.type = "text/plain; version=0.0.4; charset=utf-8",
	};
	FILE *out = open_memstream(&reply.text, &reply.len);
	if (!out)
		return api_answer(r, MHD_HTTP_INTERNAL_SERVER_ERROR, NULL);
	const json_t *docs = api_view(r->api, VIEW_STATUS)->now;
	json_t *rows = api_rows(docs);
	json_t *exporters = exporters_merge(NULL, api_view(r->api, VIEW_EXPORTERS)->now, false);
	put_overall(out, r->api, docs);
	put_stages(out, rows);
	put_exporters(out, exporters);
	json_decref(rows);
	json_decref(exporters);
	if (!fclose(out))
		return api_send(r, &reply);
	free(reply.text);
	return api_answer(r, MHD_HTTP_INTERNAL_SERVER_ERROR, NULL);
}
