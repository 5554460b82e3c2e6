/* What is passed on to the supervisor. */
#include <stdio.h>
#include <string.h>

#include "goflow/api_impl.h"
#include "lib/base.h"
#include "lib/doc.h"
#include "lib/survey.h"

#define PATIENCE_MS 2000

/* Asks the supervisor, and answers with what it says. */
static enum MHD_Result pass_on(struct api_request *r, const char *request)
{
	const json_t *supervisor = api_supervisor(api_view(r->api, VIEW_STATUS)->now);
	const char *const socket = doc_text(supervisor, "socket");
	const struct where where = {&socket, 1, PATIENCE_MS, false};
	json_t *docs;
	if (!supervisor)
		return api_refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE, "supervisor",
			"no supervisor answers in the run folder");
	if (survey(&where, request, &docs))
		return api_answer(r, MHD_HTTP_INTERNAL_SERVER_ERROR, NULL);
	json_t *doc = json_incref(json_array_get(docs, 0));
	const char *error = doc_text(doc, "error"), *failure = doc_text(doc, "failure");
	enum MHD_Result result;
	if (*error || *failure) {
		result =
			api_refuse(r, MHD_HTTP_BAD_GATEWAY, "supervisor", *error ? error : failure);
	} else {
		json_object_set_new(doc, "Msg", json_string("done"));
		result = api_answer(r, MHD_HTTP_OK, json_incref(doc));
	}
	json_decref(doc);
	json_decref(docs);
	return result;
}

/* Tells every stage, those of other pipelines in the run folder too; one that starts later gets the
 * level from the supervisor, which is among them. */
static enum MHD_Result tell_all(struct api_request *r, const char *request)
{
	const struct where where = {.patience_ms = PATIENCE_MS, .others = true};
	json_t *docs;
	size_t told = 0;
	if (survey(&where, request, &docs))
		return api_answer(r, MHD_HTTP_INTERNAL_SERVER_ERROR, NULL);
	for (size_t i = 0; i < json_array_size(docs); i++)
		told += json_object_get(json_array_get(docs, i), "log_level") != NULL;
	json_decref(docs);
	return api_answer(
		r, MHD_HTTP_OK, json_pack("{s:s, s:I}", "Msg", "done", "stages", (json_int_t)told));
}

enum MHD_Result api_post_drain(struct api_request *r)
{
	return pass_on(r, "drain");
}

enum MHD_Result api_post_log_level(struct api_request *r)
{
	static const char *const levels[] = {"error", "warn", "info", "debug"};
	enum MHD_Result result;
	json_t *body = api_body(r, &result);
	const char *level = body ? api_body_text(r, body, "Level", &result) : NULL;
	char request[64] = "";
	for (size_t i = 0; level && i < LEN(levels); i++)
		if (strcmp(level, levels[i]) == 0)
			snprintf(request, sizeof request, "log-level %s", level);
	if (level && *request)
		result = tell_all(r, request);
	else if (level)
		result = api_refuse(r, MHD_HTTP_BAD_REQUEST, "field",
			"Level has to be error, warn, info or debug");
	json_decref(body);
	return result;
}
