/* nfsrc-kafka: reads flow records from a topic of Apache Kafka, for a sink. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/instant.h"
#include "lib/kafka.h"
#include "lib/log.h"
#include "lib/opt.h"
#include "nfsrc-kafka/nfsrc_kafka.h"

#define TICK_NS NS_PER_S

enum { OPT_FORMAT = 256, OPT_FROM, OPT_EPOCH, OPT_STATS };

static const struct opt options[] = {
	OPT_COMMON,
	{'b', "brokers", "HOST[:PORT],...",
		"brokers to begin with; or KAFKA_SERVER (localhost:9092)"},
	{'t', "topic", "NAME", "the topic; or KAFKA_TOPIC (goflow)"},
	{'g', "group", "NAME", "the group whose members share the topic (goflow)"},
	{OPT_FORMAT, "format", "FORMAT", "of messages: json or binary (json)"},
	{OPT_FROM, "from", "beginning|end",
		"where to begin when the group never committed (beginning)"},
	{OPT_EPOCH, "epoch", "TEXT", "another one where a topic was made anew (none)"},
	{'X', "property", "NAME=VALUE", "a property of librdkafka (repeatable)"},
	{OPT_STATS, "stats", "PATH", "serve counters on this unix socket"},
};

static const char *const defaults[][2] = {
	{"client.id", "nfsrc-kafka"},
	/* not the cooperative one: before 2.3 librdkafka aborts in it when a member leaves in a
	 * rebalance, and members that speak the one or the other cannot be in one group */
	{"partition.assignment.strategy", "range,roundrobin"},
	{"queued.max.messages.kbytes", "32768"},
	{"check.crcs", "true"},
	{"sasl.mechanisms", "PLAIN"},
};

static int set_format(struct source *s, const char *arg)
{
	s->format = format_find(arg);
	if (s->format)
		return 0;
	log_error("option --format: found \"%s\", expected %s", arg, format_names);
	return ERR_SYNTAX;
}

static int set_from(struct source *s, const char *arg)
{
	s->from_end = strcmp(arg, "end") == 0;
	if (s->from_end || strcmp(arg, "beginning") == 0)
		return 0;
	log_error("option --from: found \"%s\", expected beginning or end", arg);
	return ERR_SYNTAX;
}

static int set_option(struct source *s, int id, const char *arg)
{
	switch (id) {
	case 'b': s->brokers = arg; return 0;
	case 't': s->topic = arg; return 0;
	case 'g': s->group = arg; return 0;
	case 'X': return kafka_property(s->conf, arg);
	case OPT_FORMAT: return set_format(s, arg);
	case OPT_FROM: return set_from(s, arg);
	case OPT_EPOCH: s->epoch = arg; return 0;
	default: s->stats = arg; return 0;
	}
}

/* Returns 0, or the exit code plus one of a program that ends here. */
static int configure(struct source *s, int argc, char **argv)
{
	struct opts o = {.program = "nfsrc-kafka",
		.usage = "[-b HOST[:PORT]] [-t TOPIC] [--format FORMAT] [options] [-- SINK "
			 "[ARGUMENT...]]",
		.about = "Reads flow records from a topic of Apache Kafka, and hands them to a "
			 "sink.",
		.table = options,
		.count = LEN(options)};
	for (;;) {
		int id = opt_next(&o, argc, argv);
		if (id == OPT_DONE)
			return EXIT_DONE + 1;
		if (id == OPT_END)
			break;
		if (id == OPT_BAD || set_option(s, id, o.arg) != 0)
			return EXIT_USE + 1;
	}
	s->command = o.rest < argc ? argv + o.rest : NULL;
	if (s->command && strcmp(argv[o.rest - 1], "--") != 0) {
		log_error("operand \"%s\": none is taken; a sink follows --", argv[o.rest]);
		return EXIT_USE + 1;
	}
	if (!s->command && isatty(STDOUT_FILENO)) {
		log_error("standard output is a terminal: expected a sink after --, a pipe or a "
			  "file");
		return EXIT_USE + 1;
	}
	return kafka_environment(s->conf, &s->brokers, &s->topic) ? EXIT_USE + 1 : 0;
}

/* Waits for messages, the sink, a signal, or the next tick. */
static int step(struct source *s, uint64_t *tick_ns)
{
	uint64_t now = monotonic_ns();
	bool room = !s->full_ns;
	int timeout = s->more && room   ? 0
		      : now >= *tick_ns ? 0
					: (int)((*tick_ns - now) / NS_PER_MS) + 1;
	struct pollfd fds[] = {{.fd = room ? s->queue_fd : -1, .events = POLLIN},
		{.fd = s->feed.fd, .events = feed_events(&s->feed)}};
	if (stage_wait(&s->stage, fds, LEN(fds), timeout) < 0)
		return ERR_IO;
	int ended = s->feed.child && fds[1].revents & (POLLIN | POLLHUP) ? feed_read(s) : 0;
	int err = feed_write(s);
	if (ended || err)
		return ended ? ended : err;
	consume(s);
	err = feed_write(s);
	if (monotonic_ns() >= *tick_ns) {
		consume_tick(s);
		*tick_ns = monotonic_ns() + TICK_NS;
	}
	return s->error ? s->error : err;
}

/* Until a signal or an error. Returns 0 or what ended it. */
static int run(struct source *s)
{
	uint64_t tick_ns = monotonic_ns() + TICK_NS;
	int err = consume_open(s);
	while (!err && !s->stage.signals)
		err = step(s, &tick_ns);
	source_fail(s, err);
	return err;
}

static uint64_t losses(const struct source *s)
{
	uint64_t sum = s->counts[COUNT_REMOVED];
	for (int i = 0; i < CAUSES; i++)
		sum += s->counts[i];
	return sum;
}

/* The exit code of a source that ended for `err`, whose sink ended with `sink`. */
static int conclude(const struct source *s, int err, int sink)
{
	if (err == ERR_CLOSED) {
		log_error(s->command ? "the sink ended exit=%d" : "the output was closed", sink);
		return sink ? sink : EXIT_LOSSES;
	}
	switch (err) {
	case 0: return sink ? sink : losses(s) ? EXIT_LOSSES : EXIT_DONE;
	case ERR_CONFIG: return EXIT_CONFIG;
	case ERR_RETRY: return EXIT_SERVER;
	default: return EXIT_IO;
	}
}

static int run_stage(struct source *s)
{
	const struct stats_source source = {
		.program = "nfsrc-kafka",
		.ledger_unit = "messages",
		.counters = counters,
		.values = s->counts,
		.count = COUNTERS,
		.report = status_report,
		.self = s,
	};
	if (feed_open(s) || stage_open(&s->stage, s->stats, &source))
		return EXIT_IO;
	int err = run(s);
	int sink = feed_finish(s);
	consume_close(s);
	s->counts[COUNT_RETURNED] += s->counts[COUNT_WAITING];
	s->counts[COUNT_WAITING] = 0;
	stats_totals(&source);
	stage_close(&s->stage);
	return conclude(s, err, sink);
}

int main(int argc, char **argv)
{
	static struct source s = {.group = "goflow", .epoch = ""};
	log_init("nfsrc-kafka");
	s.format = format_find("json");
	s.conf = kafka_conf(defaults, LEN(defaults));
	if (!s.conf)
		return EXIT_IO;
	int ended = configure(&s, argc, argv);
	if (ended)
		return ended - 1;
	if (format_begin(&s)) {
		log_error("%s", err_sentence(ERR_MEMORY));
		return EXIT_IO;
	}
	int code = run_stage(&s);
	format_end(&s);
	free(s.feed.buf);
	free(s.flights);
	free(s.partitions);
	if (s.conf)
		rd_kafka_conf_destroy(s.conf);
	return code;
}
