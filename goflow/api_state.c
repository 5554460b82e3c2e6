/* What the stages say, asked once for all clients. */
#include <stdio.h>
#include <string.h>

#include "goflow/api_impl.h"
#include "lib/doc.h"
#include "lib/instant.h"
#include "lib/survey.h"

#define PATIENCE_MS 500
#define TOO_OLD_NS  (60 * NS_PER_S) /* for a rate */

static void ask(struct api *a, struct api_view *v, const char *request)
{
	const struct where where = {.patience_ms = PATIENCE_MS, .others = true};
	json_t *docs = NULL;
	uint64_t begun = monotonic_ns();
	if (survey(&where, request, &docs))
		docs = json_array();
	uint64_t now = monotonic_ns(), age = 4 * (now - begun);
	a->counts[API_SURVEYS]++;
	json_decref(v->before);
	v->before = v->now;
	if (v->before && now - v->at_ns > TOO_OLD_NS) {
		json_decref(v->before);
		v->before = NULL;
	}
	v->now = docs;
	v->at_ns = now;
	/* one stage that hangs must not take most of the time from those who ask */
	v->fresh_until_ns = now + (age > NS_PER_S ? age : NS_PER_S);
}

const struct api_view *api_view(struct api *a, unsigned which)
{
	static const char *const requests[] = {
		[VIEW_STATUS] = "status",
		[VIEW_EXPORTERS] = "exporters",
		[VIEW_TEMPLATES] = "templates",
	};
	struct api_view *v = &a->views[which];
	if (!v->now || monotonic_ns() >= v->fresh_until_ns)
		ask(a, v, requests[which]);
	return v;
}

void api_views_free(struct api *a)
{
	for (size_t i = 0; i < API_VIEWS; i++) {
		json_decref(a->views[i].now);
		json_decref(a->views[i].before);
	}
}

const json_t *api_supervisor(const json_t *docs)
{
	for (size_t i = 0; i < json_array_size(docs); i++)
		if (strcmp(doc_text(json_array_get(docs, i), "program"), "goflow") == 0)
			return json_array_get(docs, i);
	return NULL;
}

bool api_healthy(const json_t *docs, char *out, size_t cap)
{
	const json_t *supervisor = api_supervisor(docs);
	size_t count = json_array_size(docs), silent = count - survey_answered(docs);
	size_t stages = count - silent - !!supervisor;
	const char *s = stages == 1 ? "" : "s";
	if (supervisor && json_is_true(json_object_get(supervisor, "draining")))
		snprintf(out, cap, "goflow is draining");
	else if (!stages)
		snprintf(out, cap, "no stage is running");
	else if (silent)
		snprintf(out, cap, "%zu of %zu stages do not answer", silent, stages + silent);
	else if (json_is_false(json_object_get(supervisor, "healthy")))
		snprintf(out, cap, "%zu stage%s running, and goflow waits to start others", stages,
			s);
	else {
		snprintf(out, cap, "%zu stage%s running", stages, s);
		return true;
	}
	return false;
}
