/* What can be read: the state, the exporters, the templates, the configuration. */
#include <stdlib.h>
#include <string.h>

#include "goflow/api_backends.h"
#include "goflow/api_impl.h"
#include "goflow/api_rows.h"
#include "lib/doc.h"
#include "lib/exporters_merge.h"
#include "lib/instant.h"
#include "lib/status_merge.h"
#include "lib/survey.h"
#include "lib/templates_merge.h"

/* The stages without the supervisor, which stands beside them. */
static json_t *stages_of(const json_t *docs)
{
	json_t *list = json_array();
	for (size_t i = 0; i < json_array_size(docs); i++) {
		json_t *doc = json_array_get(docs, i);
		if (doc != api_supervisor(docs))
			json_array_append(list, doc);
	}
	return list;
}

/* The meaning of counters is for manuals, and is most of a document. */
static void drop_help(json_t *merged)
{
	json_t *stages = json_object_get(merged, "stages");
	for (size_t i = 0; i < json_array_size(stages); i++)
		json_object_del(json_array_get(stages, i), "help");
}

static void add_backends(json_t *doc, const struct config *c, const json_t *docs)
{
	json_t *rows = api_rows(docs);
	json_t *backends = api_backends(c, rows, json_object_get(doc, "stages"));
	char *text = api_backends_text(backends);
	json_object_set_new(doc, "Msg", json_string(text ? text : ""));
	json_object_set_new(doc, "backends", backends);
	free(text);
	json_decref(rows);
}

static void add_supervisor(json_t *doc, const json_t *docs)
{
	json_t *supervisor = json_copy((json_t *)api_supervisor(docs));
	if (!supervisor)
		return;
	json_object_del(supervisor, "help");
	json_object_set_new(doc, "supervisor", supervisor);
}

enum MHD_Result api_get_status(struct api_request *r)
{
	const struct api_view *v = api_view(r->api, VIEW_STATUS);
	char sentence[128], text[INSTANT_TEXT_MAX];
	json_t *before = stages_of(v->before), *now = stages_of(v->now);
	json_t *doc = status_merge(before, now);
	struct instant at = instant_now();
	bool healthy = api_healthy(v->now, sentence, sizeof sentence);
	at.digits = 3;
	drop_help(doc);
	json_object_set_new(doc, "state", json_string(sentence));
	json_object_set_new(doc, "healthy", json_boolean(healthy));
	json_object_set_new(doc, "version", json_string(GOFLOW_VERSION));
	json_object_set_new(doc, "now", json_string(instant_text(at, text)));
	json_object_set_new(doc, "config", json_string(r->api->path));
	add_backends(doc, r->api->config, v->now);
	add_supervisor(doc, v->now);
	json_decref(before);
	json_decref(now);
	return api_answer(r, MHD_HTTP_OK, doc);
}

enum MHD_Result api_get_healthz(struct api_request *r)
{
	const struct api_view *v = api_view(r->api, VIEW_STATUS);
	char sentence[128];
	bool healthy = api_healthy(v->now, sentence, sizeof sentence);
	return api_answer(r, healthy ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
		json_pack("{s:s, s:b}", "Msg", sentence, "healthy", healthy));
}

enum MHD_Result api_get_exporters(struct api_request *r)
{
	const struct api_view *v = api_view(r->api, VIEW_EXPORTERS);
	return api_answer(r, MHD_HTTP_OK, exporters_merge(v->before, v->now, true));
}

enum MHD_Result api_get_templates(struct api_request *r)
{
	return api_answer(r, MHD_HTTP_OK, templates_merge(api_view(r->api, VIEW_TEMPLATES)->now));
}

enum MHD_Result api_get_config(struct api_request *r)
{
	return api_answer(r, MHD_HTTP_OK, config_json(r->api->config));
}
