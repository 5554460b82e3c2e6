#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base.h"
#include "lib/doc.h"
#include "lib/err.h"
#include "lib/exporters_merge.h"
#include "lib/instant.h"
#include "lib/log.h"
#include "lib/opt.h"
#include "lib/status_merge.h"
#include "lib/survey.h"
#include "lib/templates_merge.h"
#include "nfctl/exporters.h"
#include "nfctl/status.h"
#include "nfctl/templates.h"
#include "nfctl/top.h"

#define SOCKETS_MAX  256
#define INTERVAL_MAX (3600 * NS_PER_S)

struct ctl {
	const char *sockets[SOCKETS_MAX];
	struct where where;
	bool json;
	uint64_t interval_ns;
};

static void warn_of_failures(const json_t *docs)
{
	for (size_t i = 0; i < json_array_size(docs); i++) {
		const json_t *doc = json_array_get(docs, i);
		if (json_object_get(doc, "failure"))
			log_warn(
				"socket %s: %s", doc_text(doc, "socket"), doc_text(doc, "failure"));
	}
}

/* Asks once, and where `before` is not NULL twice, an interval apart. Returns an exit code; on
 * EXIT_DONE the caller owns the surveys. */
static int ask(const struct ctl *c, const char *request, json_t **before, json_t **now)
{
	char nobody[4400];
	if (survey(&c->where, request, now))
		return EXIT_IO;
	bool nobody_answered = !survey_answered(*now);
	if (nobody_answered || strcmp(request, "status") != 0) /* whose table shows them */
		warn_of_failures(*now);
	if (nobody_answered) {
		survey_nobody(&c->where, *now, nobody, sizeof nobody);
		log_error("%s", nobody);
		json_decref(*now);
		return EXIT_SERVER;
	}
	if (!before)
		return EXIT_DONE;
	*before = *now;
	struct timespec pause = {
		(time_t)(c->interval_ns / NS_PER_S),
		(long)(c->interval_ns % NS_PER_S),
	};
	while (nanosleep(&pause, &pause) && errno == EINTR)
		;
	if (!survey(&c->where, request, now))
		return EXIT_DONE;
	json_decref(*before);
	return EXIT_IO;
}

/* Prints the document as JSON; ASCII alone, so that nothing in it can reach a terminal as a
 * control. */
static void print_json(const json_t *doc)
{
	json_dumpf(doc, stdout, JSON_ENSURE_ASCII | JSON_INDENT(2));
	putchar('\n');
}

static int run_status(const struct ctl *c)
{
	json_t *before, *now, *doc;
	int code = ask(c, "status", &before, &now);
	if (code)
		return code;
	doc = status_merge(before, now);
	if (c->json) {
		print_json(doc);
	} else {
		status_table(doc, stdout, false);
		puts("\nLedger:");
		status_ledger(doc, stdout);
		if (log_enabled(LOG_DEBUG)) {
			putchar('\n');
			status_counters(doc, stdout);
		}
	}
	json_decref(before);
	json_decref(now);
	json_decref(doc);
	return EXIT_DONE;
}

static int run_exporters(const struct ctl *c)
{
	json_t *before, *now, *doc;
	int code = ask(c, "exporters", &before, &now);
	if (code)
		return code;
	doc = exporters_merge(before, now, false);
	if (c->json)
		print_json(doc);
	else
		exporters_table(doc, stdout, instant_now().ns, false, SIZE_MAX);
	json_decref(before);
	json_decref(now);
	json_decref(doc);
	return EXIT_DONE;
}

static int run_templates(const struct ctl *c)
{
	json_t *now, *doc;
	int code = ask(c, "templates", NULL, &now);
	if (code)
		return code;
	doc = templates_merge(now);
	if (c->json)
		print_json(doc);
	else
		templates_table(doc, stdout, instant_now().ns, log_enabled(LOG_DEBUG));
	json_decref(now);
	json_decref(doc);
	return EXIT_DONE;
}

static int run_top(const struct ctl *c)
{
	struct where where = c->where;
	if (c->json) {
		log_error("option --json: top has no JSON form; status and exporters do");
		return EXIT_USE;
	}
	where.patience_ms = 500; /* a stage that hangs must not hold up the keyboard */
	return top_run(&where, c->interval_ns);
}

static const struct {
	const char *name;
	int (*run)(const struct ctl *c);
} commands[] = {
	{"status", run_status},
	{"exporters", run_exporters},
	{"templates", run_templates},
	{"top", run_top},
};

enum { OPT_SOCKET = 256 };

static const struct opt options[] = {
	OPT_COMMON,
	{'j', "json", NULL, "print JSON"},
	{'i', "interval", "TIME",
		"time between the two samples of a rate, or refreshes of top (1s)"},
	{OPT_SOCKET, "socket", "PATH",
		"ask this stage rather than all of the run folder (repeatable)"},
};

/* Returns 0, or ERR_SYNTAX after a line. */
static int take_option(struct ctl *c, int id, const char *arg)
{
	switch (id) {
	case 'j': c->json = true; return 0;
	case 'i':
		if (opt_duration("interval", arg, INTERVAL_MAX, &c->interval_ns))
			return ERR_SYNTAX;
		if (c->interval_ns >= NS_PER_MS)
			return 0;
		log_error("option --interval: found %s, expected at least 1ms", arg);
		return ERR_SYNTAX;
	default:
		if (c->where.count == SOCKETS_MAX) {
			log_error(
				"option --socket: found more than %d, expected fewer", SOCKETS_MAX);
			return ERR_SYNTAX;
		}
		c->sockets[c->where.count++] = arg;
		return 0;
	}
}

static int run_command(const struct ctl *c, int argc, char **argv)
{
	const char *name = argc > 0 ? argv[0] : "";
	for (size_t i = 0; i < LEN(commands); i++)
		if (argc == 1 && strcmp(name, commands[i].name) == 0)
			return commands[i].run(c);
	if (argc > 1)
		log_error("found %s after %s, expected one command", argv[1], name);
	else
		log_error("found %s, expected status, exporters, templates or top",
			argc ? name : "no command");
	return EXIT_USE;
}

int main(int argc, char **argv)
{
	struct ctl c = {.where.patience_ms = 2000, .interval_ns = NS_PER_S};
	struct opts o = {
		.program = "nfctl",
		.usage = "[options] status|exporters|templates|top",
		.about = "Asks the running stages how they are doing.",
		.table = options,
		.count = LEN(options),
	};
	int id;
	log_init("nfctl");
	while ((id = opt_next(&o, argc, argv)) >= 0)
		if (take_option(&c, id, o.arg))
			return EXIT_USE;
	if (id != OPT_END)
		return id == OPT_DONE ? EXIT_DONE : EXIT_USE;
	c.where.sockets = c.sockets;
	int code = run_command(&c, argc - o.rest, argv + o.rest);
	if (fflush(stdout) || ferror(stdout)) {
		log_error("standard output: %s", strerror(errno));
		return EXIT_IO;
	}
	return code;
}
