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
#include "nfctl/check.h"
#include "nfctl/control.h"
#include "nfctl/exporters.h"
#include "nfctl/loss.h"
#include "nfctl/status.h"
#include "nfctl/templates.h"
#include "nfctl/top.h"
#include "nfctl/watch.h"

#define SOCKETS_MAX  256
#define INTERVAL_MAX (3600 * NS_PER_S)

struct ctl {
	const char *sockets[SOCKETS_MAX];
	struct where where;
	bool json, has_interval;
	uint64_t interval_ns;
	struct check_bounds bounds;
	char **operands; /* behind the command */
	int operand_count;
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

static void pause_for(uint64_t ns)
{
	struct timespec pause = {(time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S)};
	while (nanosleep(&pause, &pause) && errno == EINTR)
		;
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
	pause_for(c->interval_ns);
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

static int run_loss(const struct ctl *c)
{
	json_t *now;
	int code = ask(c, "status", NULL, &now);
	if (code)
		return code;
	json_t *doc = loss_merge(now);
	if (c->json)
		print_json(doc);
	else
		loss_table(doc, stdout);
	json_decref(doc);
	json_decref(now);
	return EXIT_DONE;
}

/* Until it is interrupted, or nobody reads it any more. */
static int run_watch(const struct ctl *c)
{
	json_t *before, *now;
	int code = ask(c, "status", &before, &now);
	while (!code) {
		watch_line(before, now, c->json);
		json_decref(before);
		before = now;
		if (ferror(stdout))
			break;
		pause_for(c->interval_ns);
		code = survey(&c->where, "status", &now) ? EXIT_IO : EXIT_DONE;
	}
	if (!code)
		json_decref(before);
	return code;
}

static int run_check(const struct ctl *c)
{
	char nobody[4400];
	json_t *before = NULL, *now;
	if (survey(&c->where, "status", &now))
		return check_unknown("the run folder cannot be read");
	if (c->has_interval && survey_answered(now)) {
		before = now;
		pause_for(c->interval_ns);
		if (survey(&c->where, "status", &now))
			now = json_array();
	}
	int result = CHECK_UNKNOWN;
	if (survey_answered(now)) {
		result = (int)check_judge(before, now, &c->bounds);
	} else {
		survey_nobody(&c->where, now, nobody, sizeof nobody);
		check_unknown(nobody);
	}
	json_decref(before);
	json_decref(now);
	return result;
}

static int send_all(const struct ctl *c, const char *request, const char *stage)
{
	json_t *docs;
	int code = ask(c, "status", NULL, &docs);
	if (code)
		return code;
	code = control_send(&c->where, docs, request, stage);
	json_decref(docs);
	return code;
}

static int run_drain(const struct ctl *c)
{
	return send_all(c, "drain", c->operand_count ? c->operands[0] : NULL);
}

static int run_log_level(const struct ctl *c)
{
	static const char *const levels[] = {"error", "warn", "info", "debug"};
	char request[64];
	const char *stage = c->operand_count > 1 ? c->operands[1] : NULL;
	for (size_t i = 0; i < LEN(levels); i++) {
		if (strcmp(levels[i], c->operands[0]) != 0)
			continue;
		snprintf(request, sizeof request, "log-level %s", levels[i]);
		return send_all(c, request, stage);
	}
	log_error("found %s, expected error, warn, info or debug", c->operands[0]);
	return EXIT_USE;
}

static const struct {
	const char *name;
	int (*run)(const struct ctl *c);
	int least, most; /* operands */
} commands[] = {
	{"status", run_status, 0, 0},
	{"exporters", run_exporters, 0, 0},
	{"templates", run_templates, 0, 0},
	{"top", run_top, 0, 0},
	{"loss", run_loss, 0, 0},
	{"watch", run_watch, 0, 0},
	{"check", run_check, 0, 0},
	{"drain", run_drain, 0, 1},
	{"log-level", run_log_level, 1, 2},
};

enum { OPT_SOCKET = 256, OPT_MAX_LOSS, OPT_MAX_LAG };

static const struct opt options[] = {
	OPT_COMMON,
	{'j', "json", NULL, "print JSON"},
	{'i', "interval", "TIME",
		"time between the two samples of a rate, or refreshes of top (1s)"},
	{OPT_SOCKET, "socket", "PATH",
		"ask this stage rather than all of the run folder (repeatable)"},
	{OPT_MAX_LOSS, "max-loss", "SHARE", "check: more than this lost is critical (0.1%)"},
	{OPT_MAX_LAG, "max-lag", "TIME", "check: being further behind is critical (30s)"},
};

/* Returns 0, or ERR_SYNTAX after a line. */
static int take_option(struct ctl *c, int id, const char *arg)
{
	uint64_t lag_ns;
	switch (id) {
	case 'j': c->json = true; return 0;
	case OPT_MAX_LOSS: return check_share(arg, &c->bounds.max_loss);
	case OPT_MAX_LAG:
		if (opt_duration("max-lag", arg, 365 * 86400 * NS_PER_S, &lag_ns))
			return ERR_SYNTAX;
		c->bounds.max_lag_ms = lag_ns / NS_PER_MS;
		return 0;
	case 'i':
		c->has_interval = true;
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

static int run_command(struct ctl *c, int argc, char **argv)
{
	const char *name = argc > 0 ? argv[0] : "";
	c->operands = argv + 1;
	c->operand_count = argc - 1;
	for (size_t i = 0; i < LEN(commands); i++) {
		if (strcmp(name, commands[i].name) != 0)
			continue;
		if (argc - 1 >= commands[i].least && argc - 1 <= commands[i].most)
			return commands[i].run(c);
		log_error("%s: found %d operands, expected %d to %d", name, argc - 1,
			commands[i].least, commands[i].most);
		return EXIT_USE;
	}
	log_error("found %s, expected a command: status, exporters, templates, top, loss, watch, "
		  "check, drain or log-level",
		argc > 0 ? name : "no command");
	return EXIT_USE;
}

int main(int argc, char **argv)
{
	struct ctl c = {.where.patience_ms = 2000,
		.interval_ns = NS_PER_S,
		.bounds = {.max_loss = 0.001, .max_lag_ms = 30000}};
	struct opts o = {
		.program = "nfctl",
		.usage =
			"[options] status|exporters|templates|top|loss|watch|check|drain|log-level",
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
