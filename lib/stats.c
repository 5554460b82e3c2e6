#include "lib/stats.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base.h"
#include "lib/instant.h"
#include "lib/log.h"
#include "lib/stage.h"
#include "lib/stats_paths.h"

#define TOTALS_MAX 3900 /* fits a log message */

static void refresh(const struct stats_source *source)
{
	if (source->refresh)
		source->refresh(source->self);
}

static uint64_t sum(const struct stats_source *source, enum counter_role role)
{
	uint64_t total = 0;
	for (size_t i = 0; i < source->count; i++)
		if (source->counters[i].role == role)
			total += source->values[i];
	return total;
}

static bool has(const struct stats_source *source, enum counter_role role)
{
	for (size_t i = 0; i < source->count; i++)
		if (source->counters[i].role == role)
			return true;
	return false;
}

static uint64_t done(const struct stats_source *source)
{
	return sum(source, COUNTER_OUT) + sum(source, COUNTER_PASSED);
}

static int64_t gap(const struct stats_source *source)
{
	return (int64_t)(sum(source, COUNTER_IN) - done(source) - sum(source, COUNTER_WAITING) -
			 sum(source, COUNTER_LOST));
}

int64_t stats_gap(const struct stats_source *source)
{
	refresh(source);
	return gap(source);
}

static json_t *number(uint64_t v)
{
	return json_integer(v > INT64_MAX ? INT64_MAX : (json_int_t)v);
}

static json_t *ledger(const struct stats_source *source)
{
	json_t *doc = json_object(), *lost = json_object();
	json_object_set_new(doc, "unit", json_string(source->ledger_unit));
	json_object_set_new(doc, "in", number(sum(source, COUNTER_IN)));
	json_object_set_new(doc, "out", number(done(source)));
	json_object_set_new(doc, "waiting", number(sum(source, COUNTER_WAITING)));
	for (size_t i = 0; i < source->count; i++)
		if (source->counters[i].role == COUNTER_LOST)
			json_object_set_new(
				lost, source->counters[i].name, number(source->values[i]));
	json_object_set_new(doc, "lost", lost);
	if (has(source, COUNTER_MADE))
		json_object_set_new(doc, "made", number(sum(source, COUNTER_MADE)));
	else if (has(source, COUNTER_PASSED))
		json_object_set_new(doc, "made", number(sum(source, COUNTER_PASSED)));
	return doc;
}

void stats_add_pipe(json_t *doc, const char *key, int fd)
{
	struct stat st;
	if (!fstat(fd, &st) && S_ISFIFO(st.st_mode))
		json_object_set_new(doc, key,
			json_sprintf("%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino));
}

static void add_status(const struct stats_source *source, json_t *doc)
{
	json_t *counters = json_object(), *help = json_object();
	refresh(source);
	stats_add_pipe(doc, "input", STDIN_FILENO);
	stats_add_pipe(doc, "output", STDOUT_FILENO);
	for (size_t i = 0; i < source->count; i++) {
		const struct counter *c = &source->counters[i];
		json_object_set_new(counters, c->name, number(source->values[i]));
		json_object_set_new(help, c->name, json_string(c->help));
	}
	json_object_set_new(doc, "counters", counters);
	json_object_set_new(doc, "help", help);
	json_object_set_new(doc, "ledger", ledger(source));
	if (source->report)
		source->report(source->self, "status", doc);
}

/* When this process first had to do with stats: at its start, by stats_open. */
static struct {
	struct instant at;
	uint64_t ns; /* monotonic */
} started;

void stats_mark_start(void)
{
	if (started.ns)
		return;
	started.at = instant_now();
	started.at.digits = 3;
	started.ns = monotonic_ns();
}

/* Where the stage stands, as its supervisor says. */
static void add_place(json_t *doc)
{
	static const char *const keys[][2] = {
		{"pipeline", STATS_PIPELINE}, {"backend", STATS_BACKEND}};
	for (size_t i = 0; i < LEN(keys); i++) {
		const char *text = getenv(keys[i][1]);
		if (text && *text)
			json_object_set_new(doc, keys[i][0], json_string(text));
	}
}

static json_t *head(const struct stats_source *source)
{
	char text[INSTANT_TEXT_MAX];
	struct instant now = instant_now();
	json_t *doc = json_object();
	stats_mark_start();
	now.digits = 3;
	json_object_set_new(doc, "program", json_string(source->program));
	json_object_set_new(doc, "version", json_string(GOFLOW_VERSION));
	json_object_set_new(doc, "pid", json_integer(getpid()));
	json_object_set_new(doc, "started", json_string(instant_text(started.at, text)));
	json_object_set_new(doc, "now", json_string(instant_text(now, text)));
	json_object_set_new(doc, "uptime_ms", number((monotonic_ns() - started.ns) / NS_PER_MS));
	add_place(doc);
	return doc;
}

/* What every stage does when it is told to. Returns false for any other request. */
static bool control(const char *request, json_t *doc)
{
	if (strcmp(request, "drain") == 0) {
		raise(SIGTERM);
		json_object_set_new(doc, "draining", json_true());
		return true;
	}
	if (strncmp(request, "log-level ", 10) != 0 || log_level(request + 10) != 0)
		return false;
	json_object_set_new(doc, "log_level", json_string(log_level_name()));
	return true;
}

json_t *stats_document(const struct stats_source *source, const char *request)
{
	json_t *doc = head(source);
	if (!*request || strcmp(request, "status") == 0) {
		add_status(source, doc);
		return doc;
	}
	if (control(request, doc) || (source->report && source->report(source->self, request, doc)))
		return doc;
	json_decref(doc);
	return json_pack("{s:s, s:s}", "program", source->program, "error",
		"this stage does not know the request");
}

uint64_t stats_lag_ms(uint64_t received_ns)
{
	uint64_t now = instant_now().ns;
	return now > received_ns ? (now - received_ns) / NS_PER_MS : 0;
}

static size_t add_counters(
	const struct stats_source *source, enum counter_role role, char *line, size_t at)
{
	for (size_t i = 0; i < source->count; i++) {
		const struct counter *c = &source->counters[i];
		uint64_t v = source->values[i];
		bool always = role == COUNTER_IN || role == COUNTER_OUT || role == COUNTER_PASSED ||
			      role == COUNTER_WAITING;
		if (c->role != role || (!v && !always))
			continue;
		int n = snprintf(line + at, TOTALS_MAX - at, " %s=%" PRIu64, c->name, v);
		if (n < 0 || (size_t)n >= TOTALS_MAX - at) {
			line[at] = '\0';
			return at;
		}
		at += (size_t)n;
	}
	return at;
}

uint64_t stats_totals(const struct stats_source *source)
{
	static const enum counter_role order[] = {
		COUNTER_IN,
		COUNTER_PASSED,
		COUNTER_OUT,
		COUNTER_WAITING,
		COUNTER_LOST,
		COUNTER_MADE,
		COUNTER_PENDING,
		COUNTER_INFO,
		COUNTER_GAUGE,
	};
	char line[TOTALS_MAX] = "";
	size_t at = 0;
	refresh(source);
	for (size_t i = 0; i < LEN(order); i++)
		at = add_counters(source, order[i], line, at);
	int64_t missing = gap(source);
	if (missing)
		log_info("totals unit=%s%s gap=%" PRId64, source->ledger_unit, line, missing);
	else
		log_info("totals unit=%s%s", source->ledger_unit, line);
	return sum(source, COUNTER_LOST);
}
