#include "lib/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/input.h"
#include "lib/log.h"
#include "lib/sink_ack.h"
#include "lib/stage.h"

#define FRAMES_MAX     1024
#define BATCH_BYTES    (4 * 1024 * 1024) /* of frames in hand; holds the largest frame */
#define BATCH_DEFAULT  20000
#define BACKOFF_MIN_NS (100 * NS_PER_MS)
#define BACKOFF_MAX_NS (5 * NS_PER_S)
#define TICK_NS        NS_PER_S
#define OPTIONS_MAX    64

enum { OPT_BATCH = 2000, OPT_LINGER, OPT_RETRY, OPT_STATS };

static const struct opt loop_options[] = {
	OPT_COMMON,
	{'r', "read", "FILE", "read this file instead of standard input"},
	{OPT_BATCH, "batch", "RECORDS", "store so many records in one transaction (20000)"},
	{OPT_LINGER, "linger", "TIME",
		"store earlier when the first of them has waited so long (1s)"},
	{OPT_RETRY, "retry", "TIME",
		"give up when storing has failed for so long; or forever (60s)"},
	{OPT_STATS, "stats", "PATH", "serve counters on this unix socket"},
};

enum {
	COUNT_READ,
	COUNT_STORED,
	COUNT_DUPLICATE,
	COUNT_WAITING,
	COUNT_REFUSED,
	COUNT_NOT_STORED,
	COUNT_FRAMES,
	COUNT_BATCHES,
	COUNT_RETRIES,
	COUNT_SATURATED,
	COUNT_DAMAGED_FRAMES,
	COUNT_MISSING_FRAMES,
	COUNT_DAMAGED_RECORDS,
	COUNT_SKIPPED_BYTES,
	COUNT_BAD_LINES,
	COUNT_UNKNOWN_KEYS,
	COUNTERS
};

static const struct counter counters[COUNTERS] = {
	[COUNT_READ] = {"read", COUNTER_IN, "records read"},
	[COUNT_STORED] = {"stored", COUNTER_OUT,
		"records stored, in a transaction that was committed"},
	[COUNT_DUPLICATE] = {"duplicate", COUNTER_OUT, "records of frames that were stored before"},
	[COUNT_WAITING] = {"waiting", COUNTER_WAITING, "records of the batch in hand"},
	[COUNT_REFUSED] = {"refused", COUNTER_LOST, "records that will never be taken"},
	[COUNT_NOT_STORED] = {"not_stored", COUNTER_LOST,
		"records in hand when storing was given up"},
	[COUNT_FRAMES] = {"frames", COUNTER_INFO, "frames read"},
	[COUNT_BATCHES] = {"batches", COUNTER_INFO, "transactions committed"},
	[COUNT_RETRIES] = {"retries", COUNTER_INFO, "attempts to store that failed"},
	[COUNT_SATURATED] = {"saturated", COUNTER_INFO,
		"values stored as the largest that their column holds"},
	[COUNT_DAMAGED_FRAMES] = {"damaged_frames", COUNTER_INFO, "frames given up as damaged"},
	[COUNT_MISSING_FRAMES] = {"missing_frames", COUNTER_INFO,
		"frames missing by their numbers"},
	[COUNT_DAMAGED_RECORDS] = {"damaged_records", COUNTER_INFO,
		"records of the damaged frames, as far as known"},
	[COUNT_SKIPPED_BYTES] = {"skipped_bytes", COUNTER_INFO,
		"bytes passed over to find a frame"},
	[COUNT_BAD_LINES] = {"bad_lines", COUNTER_INFO, "malformed JSON lines"},
	[COUNT_UNKNOWN_KEYS] = {"unknown_keys", COUNTER_INFO,
		"keys of JSON lines that are no field's"},
};

struct settings {
	const char *file, *stats;
	uint64_t batch, linger_ns, retry_ns; /* retry_ns UINT64_MAX: for ever */
};

struct sink {
	const struct sink_ops *ops;
	void *self;
	struct settings set;
	struct stage stage;
	struct input *input;
	struct sink_ack ack;
	int fd;
	bool opened, said_json;
	bool upkeep_fails, upkeep_due; /* of ops->tick: said so; more to do at once */
	struct frame frames[FRAMES_MAX];
	struct sink_batch batch;
	uint8_t *bytes; /* BATCH_BYTES: the payloads of the frames in hand */
	size_t used;
	uint64_t first_ns;    /* when the batch began */
	uint64_t tick_ns;     /* when the last tick was */
	uint64_t outage_ns;   /* since when storing fails; 0: it does not */
	uint64_t received_ns; /* of the last record stored */
	uint64_t counts[COUNTERS];
};

static void refresh(void *self)
{
	struct sink *s = self;
	struct input_counts c;
	input_counts(s->input, &c);
	s->counts[COUNT_DAMAGED_FRAMES] = c.stream.damaged;
	s->counts[COUNT_MISSING_FRAMES] = c.stream.missing;
	s->counts[COUNT_DAMAGED_RECORDS] = c.stream.lost_records;
	s->counts[COUNT_SKIPPED_BYTES] = c.stream.skipped_bytes;
	s->counts[COUNT_BAD_LINES] = c.bad_lines;
	s->counts[COUNT_UNKNOWN_KEYS] = c.unknown_keys;
}

static bool report(void *self, const char *request, json_t *doc)
{
	struct sink *s = self;
	if (strcmp(request, "status") != 0)
		return false;
	if (s->received_ns)
		json_object_set_new(
			doc, "lag_ms", json_integer((json_int_t)stats_lag_ms(s->received_ns)));
	if (s->ops->status && s->opened)
		s->ops->status(s->self, doc);
	return true;
}

/* Storing ------------------------------------------------------------------------------------- */

static void outage_begins(struct sink *s)
{
	s->counts[COUNT_RETRIES]++;
	if (s->outage_ns)
		return;
	s->outage_ns = monotonic_ns();
	log_warn("cannot store, trying again: %s", s->ops->why(s->self));
}

static void outage_ends(struct sink *s)
{
	if (!s->outage_ns)
		return;
	log_info("storing again after=%.1fs",
		(double)(monotonic_ns() - s->outage_ns) / (double)NS_PER_S);
	s->outage_ns = 0;
}

/* Waits before the next attempt, answering meanwhile. Returns 0, ERR_RETRY (given up) or
 * ERR_STOPPED. */
static int back_off(struct sink *s, uint64_t *delay_ns)
{
	uint64_t until = monotonic_ns() + *delay_ns, end = s->outage_ns + s->set.retry_ns;
	if (s->set.retry_ns != UINT64_MAX && monotonic_ns() >= end)
		return ERR_RETRY;
	if (s->set.retry_ns != UINT64_MAX && until > end)
		until = end;
	for (uint64_t now = monotonic_ns(); now < until; now = monotonic_ns()) {
		if (stage_expired(&s->stage))
			return ERR_STOPPED;
		if (stage_wait(&s->stage, NULL, 0, (int)((until - now) / NS_PER_MS) + 1) < 0)
			return ERR_IO;
	}
	*delay_ns = *delay_ns * 2 > BACKOFF_MAX_NS ? BACKOFF_MAX_NS : *delay_ns * 2;
	return 0;
}

/* One attempt to open, if need be, and to store the batch, if there is one. */
static int attempt(struct sink *s, struct sink_result *result)
{
	int err = 0;
	if (!s->opened) {
		err = s->ops->open(s->self);
		s->opened = !err;
	}
	if (!err && s->batch.count)
		err = s->ops->store(s->self, &s->batch, result);
	return err;
}

static void count_stored(struct sink *s, const struct sink_result *result)
{
	s->counts[COUNT_STORED] += result->stored;
	s->counts[COUNT_DUPLICATE] += result->duplicate;
	s->counts[COUNT_REFUSED] += result->refused;
	s->counts[COUNT_SATURATED] += result->saturated;
	s->counts[COUNT_WAITING] -= s->batch.records;
	s->counts[COUNT_BATCHES]++;
	if (result->received_ns)
		s->received_ns = result->received_ns;
}

/* Opens and stores, again and again until it is done or given up. Returns 0 or a negative code: of
 * those that end the sink, said here. */
static int store(struct sink *s)
{
	uint64_t delay_ns = BACKOFF_MIN_NS;
	struct sink_result result = {0};
	int err;
	while ((err = attempt(s, &result)) == ERR_RETRY) {
		outage_begins(s);
		s->ops->close(s->self);
		s->opened = false;
		err = back_off(s, &delay_ns);
		if (err)
			break;
		result = (struct sink_result){0};
	}
	if (err) {
		log_error("%s", s->ops->why(s->self));
		return err;
	}
	outage_ends(s);
	if (s->batch.count) {
		count_stored(s, &result);
		sink_ack_batch(&s->ack, &s->stage, &s->batch);
	}
	s->batch.count = 0;
	s->batch.records = 0;
	s->used = 0;
	return 0;
}

/* Reading ------------------------------------------------------------------------------------- */

static void count_read(struct sink *s, const struct frame *f)
{
	s->counts[COUNT_FRAMES]++;
	s->counts[COUNT_READ] += f->records;
	s->counts[COUNT_WAITING] += f->records;
}

static int add_frame(struct sink *s, const struct frame *f)
{
	count_read(s, f);
	if (s->used + f->len > BATCH_BYTES || s->batch.count == FRAMES_MAX) {
		int err = store(s);
		if (err)
			return err;
	}
	if (!s->batch.count)
		s->first_ns = monotonic_ns();
	struct frame *copy = &s->frames[s->batch.count++];
	*copy = *f;
	copy->payload = memcpy(s->bytes + s->used, f->payload, f->len);
	s->used += f->len;
	s->batch.records += f->records;
	return s->batch.records >= s->set.batch ? store(s) : 0;
}

static int take_frames(struct sink *s, bool last)
{
	struct frame f;
	int err = 0;
	while (!err && input_next(s->input, &f, last) > 0)
		err = add_frame(s, &f);
	/* what was given up: the frames that had come in behind are part of it */
	while (err && input_next(s->input, &f, last) > 0)
		count_read(s, &f);
	if (!s->said_json && input_is_json(s->input)) {
		s->said_json = true;
		log_info("reading JSON lines: they have no numbers, so lines that come again are "
			 "stored again");
	}
	return err;
}

/* The sink's own pruning. What fails there is said once and tried again; that records cannot be
 * stored is for the next batch to find out. Returns 0, or ERR_CONFIG. */
static int upkeep(struct sink *s)
{
	if (!s->ops->tick || !s->opened)
		return 0;
	int done = s->ops->tick(s->self);
	bool fails = done < 0;
	s->tick_ns = monotonic_ns();
	s->upkeep_due = done > 0;
	if (fails && !s->upkeep_fails)
		log_warn("upkeep failed, trying again: %s", s->ops->why(s->self));
	else if (!fails && s->upkeep_fails)
		log_info("upkeep works again");
	s->upkeep_fails = fails;
	return done == ERR_CONFIG ? done : 0;
}

/* All that is to be pruned, when the input has ended. */
static int last_upkeep(struct sink *s)
{
	int err;
	do
		err = upkeep(s);
	while (!err && s->upkeep_due && stage_wait(&s->stage, NULL, 0, 0) >= 0 &&
		!stage_expired(&s->stage));
	return err;
}

/* What is due by time. Returns 0 or a negative code. */
static int do_timers(struct sink *s)
{
	uint64_t now = monotonic_ns();
	if (s->batch.count && now - s->first_ns >= s->set.linger_ns) {
		int err = store(s);
		if (err)
			return err;
	}
	return s->upkeep_due || now - s->tick_ns >= TICK_NS ? upkeep(s) : 0;
}

static int next_timer_ms(const struct sink *s)
{
	uint64_t now = monotonic_ns(), wait = TICK_NS;
	if (s->upkeep_due)
		return 0;
	if (s->batch.count) {
		uint64_t due = s->first_ns + s->set.linger_ns;
		uint64_t left = due > now ? due - now : 0;
		wait = left < wait ? left : wait;
	} else if (!s->ops->tick) {
		return -1;
	}
	return (int)(wait / NS_PER_MS) + (wait > 0);
}

/* The end by a signal: what was read is stored, once, unless a second signal wants to be gone. */
static int stop(struct sink *s)
{
	int err = s->stage.signals > 1 ? 0 : store(s);
	return err ? err : ERR_STOPPED;
}

/* Reads to the end of the input. Returns 0 or what ended it. */
static int run(struct sink *s)
{
	int err = store(s); /* opens: what is wrong shows before anything is read */
	while (!err) {
		struct pollfd in = {.fd = s->fd, .events = POLLIN};
		int ready = stage_wait(&s->stage, &in, 1, next_timer_ms(s));
		if (ready < 0)
			return ready;
		if (stage_expired(&s->stage))
			return stop(s);
		err = do_timers(s);
		if (err || ready == 0)
			continue;
		ssize_t got = input_fill(s->input, s->fd);
		if (got == 0)
			break;
		if (got < 0 && got != ERR_RETRY)
			return (int)got;
		err = take_frames(s, false);
	}
	if (!err)
		err = take_frames(s, true);
	if (!err)
		err = store(s);
	return err ? err : last_upkeep(s);
}

/* Beginning and ending ------------------------------------------------------------------------ */

static enum exit_code conclude(struct sink *s, const struct stats_source *source, int err)
{
	uint64_t left = s->counts[COUNT_WAITING];
	if (err == ERR_IO)
		log_error("%s: %s", err_sentence(err), strerror(errno));
	if (err == ERR_MEMORY)
		log_error("%s", err_sentence(err));
	if (err == ERR_STOPPED)
		log_error(
			"stopped before the input ended not_stored=%llu", (unsigned long long)left);
	else if (err && left)
		log_error("given up not_stored=%llu", (unsigned long long)left);
	s->counts[COUNT_WAITING] = 0;
	s->counts[COUNT_NOT_STORED] = left;
	uint64_t lost = stats_totals(source); /* which brings the counters up to date */
	lost += s->counts[COUNT_DAMAGED_FRAMES] + s->counts[COUNT_MISSING_FRAMES] +
		s->counts[COUNT_SKIPPED_BYTES] + s->counts[COUNT_BAD_LINES];
	switch (err) {
	case 0: return lost ? EXIT_LOSSES : EXIT_DONE;
	case ERR_RETRY: return EXIT_SERVER;
	case ERR_CONFIG: return EXIT_CONFIG;
	case ERR_STOPPED: return EXIT_LOSSES;
	default: return EXIT_IO;
	}
}

static int set_option(struct sink *s, int id, const char *arg)
{
	switch (id) {
	case 'r': s->set.file = arg; return 0;
	case OPT_BATCH: return opt_number("batch", arg, 1, 10000000, &s->set.batch);
	case OPT_LINGER: return opt_duration("linger", arg, 3600 * NS_PER_S, &s->set.linger_ns);
	case OPT_STATS: s->set.stats = arg; return 0;
	case OPT_RETRY:
		if (strcmp(arg, "forever") != 0)
			return opt_duration(
				"retry", arg, UINT64_C(86400000) * NS_PER_S, &s->set.retry_ns);
		s->set.retry_ns = UINT64_MAX;
		return 0;
	default: return s->ops->option(s->self, id, arg);
	}
}

/* Returns 0, or the exit code plus one of a program that ends here. */
static int configure(struct sink *s, int argc, char **argv)
{
	static struct opt all[OPTIONS_MAX];
	struct opts o = {.program = s->ops->program,
		.usage = s->ops->usage,
		.about = s->ops->about,
		.table = all};
	memcpy(all, loop_options, sizeof loop_options);
	memcpy(all + LEN(loop_options), s->ops->options, s->ops->option_count * sizeof *all);
	o.count = LEN(loop_options) + s->ops->option_count;
	for (;;) {
		int id = opt_next(&o, argc, argv);
		if (id == OPT_DONE)
			return EXIT_DONE + 1;
		if (id == OPT_END)
			break;
		if (id == OPT_BAD || set_option(s, id, o.arg) != 0)
			return EXIT_USE + 1;
	}
	if (o.rest < argc) {
		log_error("operand \"%s\": none is taken; -r reads a file", argv[o.rest]);
		return EXIT_USE + 1;
	}
	return 0;
}

static int open_input(struct sink *s)
{
	s->fd = s->set.file ? open(s->set.file, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
	if (s->fd < 0) {
		log_error("%s: %s", s->set.file, strerror(errno));
		return ERR_IO;
	}
	if (isatty(s->fd)) {
		log_error("standard input is a terminal: expected the flow stream, as of nfdecode, "
			  "or JSON lines");
		return ERR_SYNTAX;
	}
	sink_ack_init(&s->ack, s->fd);
	s->input = input_new();
	s->bytes = malloc(BATCH_BYTES);
	s->batch.frames = s->frames;
	if (s->input && s->bytes)
		return 0;
	log_error("%s", err_sentence(ERR_MEMORY));
	return ERR_MEMORY;
}

static enum exit_code run_stage(struct sink *s)
{
	const struct stats_source source = {
		.program = s->ops->program,
		.ledger_unit = "records",
		.counters = counters,
		.values = s->counts,
		.count = COUNTERS,
		.report = report,
		.refresh = refresh,
		.self = s,
	};
	if (stage_open(&s->stage, s->set.stats, &source) != 0)
		return EXIT_IO;
	int err = run(s);
	enum exit_code code = conclude(s, &source, err);
	s->ops->close(s->self);
	stage_close(&s->stage);
	return code;
}

int sink_main(const struct sink_ops *ops, void *self, int argc, char **argv)
{
	static struct sink s;
	s = (struct sink){.ops = ops, .self = self};
	s.set = (struct settings){
		.batch = BATCH_DEFAULT, .linger_ns = NS_PER_S, .retry_ns = 60 * NS_PER_S};
	log_init(ops->program);
	int ended = configure(&s, argc, argv);
	if (ended)
		return ended - 1;
	int err = open_input(&s);
	enum exit_code code = err == ERR_SYNTAX ? EXIT_USE : err ? EXIT_IO : run_stage(&s);
	input_free(s.input);
	free(s.bytes);
	return code;
}
