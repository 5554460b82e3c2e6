/* goflow status */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "goflow/client.h"
#include "goflow/config.h"
#include "goflow/goflow.h"
#include "lib/doc.h"
#include "lib/log.h"
#include "lib/opt.h"

static const struct opt options[] = {
	OPT_COMMON,
	{'c', "config", "FILE", "the file (GOFLOW_CONFIG, ./config.yml, /etc/goflow/config.yml)"},
	{'j', "json", NULL, "print all that goflow says of its state, as JSON"},
};

/* Prints text that came from outside, without what could move a terminal's cursor; newlines stay.
 */
static void print_clean(const char *text)
{
	char *copy = strdup(text);
	for (char *line = copy; line; line++) {
		char *end = strchr(line, '\n');
		if (end)
			*end = '\0';
		log_clean(line);
		printf("%s%s", line, end ? "\n" : "");
		if (!end)
			break;
		line = end;
	}
	free(copy);
}

static double rate_of(const json_t *stage, const char *key)
{
	return json_real_value(json_object_get(json_object_get(stage, "rates"), key));
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

static void print_stage(const json_t *stage)
{
	char name[64];
	const json_t *ledger = json_object_get(stage, "ledger");
	if (json_object_get(stage, "failure")) {
		print_clean(doc_text(stage, "socket"));
		fputs(": ", stdout);
		print_clean(doc_text(stage, "failure"));
		putchar('\n');
		return;
	}
	const char *pipeline = doc_text(stage, "pipeline"), *backend = doc_text(stage, "backend");
	snprintf(name, sizeof name, "%s %s%s%s", doc_text(stage, "program"), pipeline,
		*backend ? " > " : "", backend);
	log_clean(name);
	printf("%-32s %10.1f in/s %10.1f out/s  waiting %" PRIu64 "  lost %" PRIu64 " %s\n", name,
		rate_of(stage, "in"), rate_of(stage, "out"), doc_number(ledger, "waiting"),
		lost_of(stage), doc_text(ledger, "unit"));
}

static void print_status(const json_t *doc)
{
	const json_t *stages = json_object_get(doc, "stages");
	printf("goflow ");
	print_clean(doc_text(doc, "version"));
	fputs(": ", stdout);
	print_clean(doc_text(doc, "state"));
	puts(json_is_true(json_object_get(doc, "healthy")) ? "" : " (not healthy)");
	puts("\nBackends:");
	print_clean(doc_text(doc, "Msg"));
	puts("\nStages:");
	for (size_t i = 0; i < json_array_size(stages); i++)
		print_stage(json_array_get(stages, i));
}

static int show(const char *path, bool json)
{
	struct config c = {0};
	struct config_report r = {0};
	json_t *doc = NULL;
	int err = config_load(&c, path, &r);
	if (err)
		config_report_log(&r, path);
	int code = err ? EXIT_CONFIG : client_get(&c, "/status", &doc);
	if (doc && json) {
		json_dumpf(doc, stdout, JSON_ENSURE_ASCII | JSON_INDENT(2));
		putchar('\n');
	} else if (doc) {
		print_status(doc);
	}
	json_decref(doc);
	config_report_free(&r);
	config_free(&c);
	return code;
}

int show_status(int argc, char **argv)
{
	struct opts o = {
		.program = "goflow status",
		.usage = "[options]",
		.about = "Asks the running goflow how it, its stages and its backends are doing.",
		.table = options,
		.count = LEN(options),
	};
	const char *given = NULL;
	bool json = false;
	int id;
	while ((id = opt_next(&o, argc, argv)) >= 0) {
		if (id == 'c')
			given = o.arg;
		else
			json = true;
	}
	if (id != OPT_END)
		return id == OPT_DONE ? EXIT_DONE : EXIT_USE;
	if (o.rest < argc) {
		log_error("status: found %s, expected no operand: -c names the file", argv[o.rest]);
		return EXIT_USE;
	}
	return show(config_path(given), json);
}
