#include "nfctl/control.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base.h"
#include "lib/doc.h"
#include "lib/log.h"

/* Is it the one that is named? */
static bool is_named(const json_t *doc, const char *stage)
{
	char full[128];
	snprintf(
		full, sizeof full, "%s.%" PRIu64, doc_text(doc, "program"), doc_number(doc, "pid"));
	return strcmp(stage, doc_text(doc, "program")) == 0 || strcmp(stage, full) == 0;
}

static bool is_program(const json_t *doc, const char *program)
{
	return strcmp(doc_text(doc, "program"), program) == 0;
}

static bool any_is(const json_t *docs, const char *program)
{
	for (size_t i = 0; i < json_array_size(docs); i++)
		if (is_program(json_array_get(docs, i), program))
			return true;
	return false;
}

static bool is_meant(const json_t *docs, const json_t *doc, const char *request, const char *stage)
{
	if (json_object_get(doc, "failure"))
		return false;
	if (stage)
		return is_named(doc, stage);
	if (strcmp(request, "drain") != 0)
		return true;
	if (any_is(docs, "goflow"))
		return is_program(doc, "goflow");
	return is_program(doc, "nfrecv") || is_program(doc, "nfsrc-kafka");
}

/* What each of them said. */
static int print_answers(const json_t *docs, const json_t *answers, const char *request)
{
	int code = EXIT_DONE;
	for (size_t i = 0; i < json_array_size(answers); i++) {
		const json_t *answer = json_array_get(answers, i);
		const char *socket = doc_text(answer, "socket"), *why = doc_text(answer, "error");
		if (!*why)
			why = doc_text(answer, "failure");
		for (size_t k = 0; k < json_array_size(docs); k++) {
			const json_t *doc = json_array_get(docs, k);
			if (strcmp(doc_text(doc, "socket"), socket) == 0)
				printf("%s %" PRIu64 ": %s%s%s\n", doc_text(doc, "program"),
					doc_number(doc, "pid"), *why ? why : request,
					*why ? ": " : "", *why ? request : "");
		}
		if (*why)
			code = EXIT_SERVER;
	}
	return code;
}

int control_send(
	const struct where *where, const json_t *docs, const char *request, const char *stage)
{
	const char **sockets = calloc(json_array_size(docs) + 1, sizeof *sockets);
	struct where told = {sockets, 0, where->patience_ms, false};
	json_t *answers;
	int code = EXIT_IO;
	if (!sockets)
		return code;
	for (size_t i = 0; i < json_array_size(docs); i++)
		if (is_meant(docs, json_array_get(docs, i), request, stage))
			sockets[told.count++] = doc_text(json_array_get(docs, i), "socket");
	if (!told.count) {
		log_error("found %s%s, expected one of the stages that run",
			stage ? "no stage " : "no stage at the front of a pipeline",
			stage ? stage : "");
		code = EXIT_SERVER;
	} else if (survey(&told, request, &answers) == 0) {
		code = print_answers(docs, answers, request);
		json_decref(answers);
	}
	free(sockets);
	return code;
}
