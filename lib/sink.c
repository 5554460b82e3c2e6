#include "lib/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base.h"
#include "lib/counters.h"
#include "lib/elements_file.h"
#include "lib/err.h"
#include "lib/input.h"
#include "lib/log.h"
#include "lib/sink_ack.h"
#include "lib/sink_pool.h"
#include "lib/stage.h"

#define BATCH_DEFAULT 20000
#define OPTIONS_MAX   64
#define PATIENCE_NS   NS_PER_S /* for a connection that ends, or is stopped */

enum {
	OPT_BATCH = 2000,
	OPT_LINGER,
	OPT_RETRY,
	OPT_REJECT,
	OPT_STATS,
	OPT_ELEMENTS,
	OPT_CONNECTIONS
};

static const struct opt loop_options[] = {
	OPT_COMMON,
	{'r', "read", "FILE", "read this file instead of standard input"},
	{OPT_BATCH, "batch", "RECORDS", "store so many records in one transaction (20000)"},
	{OPT_LINGER, "linger", "TIME",
		"store earlier when the first of them has waited so long (1s)"},
	{OPT_RETRY, "retry", "TIME",
		"give up when storing has failed for so long; or forever (60s)"},
	{OPT_REJECT, "reject", "FILE",
		"append records that are refused to this file, as JSON lines"},
	{OPT_ELEMENTS, "elements", "FILE", "names and types of further elements"},
	{OPT_STATS, "stats", "PATH", "serve counters on this unix socket"},
};

static const struct opt connections_option = {
	OPT_CONNECTIONS, "connections", "N", "store on so many connections at once (2)"};

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
	COUNT_RETIMED,
	COUNT_COUNTERS_STORED,
	COUNT_COUNTERS_REFUSED,
	COUNT_DAMAGED_FRAMES,
	COUNT_MISSING_FRAMES,
	COUNT_DAMAGED_RECORDS,
	COUNT_SKIPPED_BYTES,
	COUNT_BAD_LINES,
	COUNT_OTHER_LINES,
	COUNT_UNKNOWN_KEYS,
	COUNTERS
};

_Static_assert(COUNTERS <= COUNTERS_MAX, "see counters.h");

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
	[COUNT_RETIMED] = {"retimed", COUNTER_INFO,
		"records whose time was too far from their receipt, and became that"},
	[COUNT_COUNTERS_STORED] = {"counters_stored", COUNTER_INFO,
		"sFlow's counter samples stored"},
	[COUNT_COUNTERS_REFUSED] = {"counters_refused", COUNTER_INFO,
		"sFlow's counter samples that will never be taken"},
	[COUNT_DAMAGED_FRAMES] = {"damaged_frames", COUNTER_INFO, "frames given up as damaged"},
	[COUNT_MISSING_FRAMES] = {"missing_frames", COUNTER_INFO,
		"frames missing by their numbers"},
	[COUNT_DAMAGED_RECORDS] = {"damaged_records", COUNTER_INFO,
		"records of the damaged frames, as far as known"},
	[COUNT_SKIPPED_BYTES] = {"skipped_bytes", COUNTER_INFO,
		"bytes passed over to find a frame"},
	[COUNT_BAD_LINES] = {"bad_lines", COUNTER_INFO, "malformed JSON lines"},
	[COUNT_OTHER_LINES] = {"other_lines", COUNTER_INFO, "sFlow's counter samples passed over"},
	[COUNT_UNKNOWN_KEYS] = {"unknown_keys", COUNTER_INFO,
		"keys of JSON lines that are no field's"},
};

struct settings {
	const char *file, *stats, *reject, *elements;
	uint64_t batch, linger_ns, retry_ns; /* retry_ns UINT64_MAX: for ever */
	uint64_t connections;
};

struct sink {
	const struct sink_ops *ops;
	void *self;
	struct settings set;
	struct stage stage;
	struct input *input;
	struct elements_file *elements; /* NULL: the registry alone */
	struct sink_ack ack;
	struct pool pool;
	int fd, reject_fd;
	bool said_json;
	bool accounted; /* for, by who takes our acknowledgements: frames come in any order, from
			   several logs */
	uint64_t received_ns; /* of the last record stored */
	uint64_t *counts;     /* COUNTERS of them */
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
	s->counts[COUNT_OTHER_LINES] = c.other_lines;
	s->counts[COUNT_UNKNOWN_KEYS] = c.unknown_keys;
	s->counts[COUNT_RETRIES] = pool_retries(&s->pool);
}

static bool report(void *self, const char *request, json_t *doc)
{
	struct sink *s = self;
	if (strcmp(request, "status") != 0)
		return false;
	if (s->received_ns)
		json_object_set_new(
			doc, "lag_ms", json_integer((json_int_t)stats_lag_ms(s->received_ns)));
	if (s->ops->status)
		s->ops->status(s->self, doc);
	return true;
}

static void say_refused(const char *what, const char *reason)
{
	static struct log_limit limit;
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	uint64_t missed;
	pthread_mutex_lock(&lock);
	if (log_limit(&limit, &missed))
		log_warn("%s refused: %s not_said=%llu", what, reason, (unsigned long long)missed);
	pthread_mutex_unlock(&lock);
}

void sink_refuse(struct sink_result *result, const struct record *r, const char *reason)
{
	result->refused++;
	reject_add(result->rejects, r, reason);
	say_refused("row", reason);
}

void sink_refuse_counters(struct sink_result *result, const char *reason)
{
	result->counters_refused++;
	say_refused("row of counters", reason);
}

/* Batches ------------------------------------------------------------------------------------- */

static void count_stored(struct sink *s, const struct pool_batch *b)
{
	const struct sink_result *result = &b->result;
	s->counts[COUNT_STORED] += result->stored;
	s->counts[COUNT_DUPLICATE] += result->duplicate;
	s->counts[COUNT_REFUSED] += result->refused;
	s->counts[COUNT_SATURATED] += result->saturated;
	s->counts[COUNT_RETIMED] += result->retimed;
	s->counts[COUNT_COUNTERS_STORED] += result->counters_stored;
	s->counts[COUNT_COUNTERS_REFUSED] += result->counters_refused;
	s->counts[COUNT_WAITING] -= b->view.records;
	s->counts[COUNT_BATCHES]++;
	if (result->received_ns)
		s->received_ns = result->received_ns;
}

/* Counts and acknowledges what is stored, in the order of its reading. */
static void settle(struct sink *s)
{
	const struct pool_batch *b;
	while ((b = pool_done(&s->pool))) {
		count_stored(s, b);
		sink_ack_batch(&s->ack, &s->stage, &b->view);
		pool_settle(&s->pool);
	}
}

/* Waits for the input (fd -1: not for it) and the connections. Returns 1 where there is input, 0,
 * or what ends the sink: ERR_STOPPED, ERR_IO, or a connection's code. */
static int wait_for_any(struct sink *s, int fd, int timeout_ms)
{
	struct pollfd fds[] = {
		{.fd = s->pool.event_fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
	if (stage_wait(&s->stage, fds, LEN(fds), timeout_ms) < 0)
		return ERR_IO;
	pool_woken(&s->pool);
	settle(s);
	int err = pool_error(&s->pool);
	if (!err && stage_expired(&s->stage))
		err = ERR_STOPPED;
	return err ? err : fds[1].revents != 0;
}

/* The batch to fill, once there is one. Returns NULL with *err where the sink ends before. */
static struct pool_batch *wait_for_batch(struct sink *s, int *err)
{
	struct pool_batch *b;
	*err = 0;
	while (!(b = pool_filling(&s->pool)) && *err >= 0)
		*err = wait_for_any(s, -1, -1);
	return b;
}

/* Hands on what has been filled, if anything. */
static void submit(struct sink *s)
{
	const struct pool_batch *b = pool_filling(&s->pool);
	if (b && b->view.count)
		pool_submit(&s->pool);
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
	int err;
	count_read(s, f);
	struct pool_batch *b = wait_for_batch(s, &err);
	if (b && !batch_has_room(b, f)) {
		submit(s);
		b = wait_for_batch(s, &err);
	}
	if (!b)
		return err;
	batch_add(b, f, monotonic_ns());
	if (b->view.records >= s->set.batch)
		submit(s);
	return 0;
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

/* When the batch being filled has waited long enough, in ms from now; -1: there is none. */
static int linger_ms(struct sink *s)
{
	const struct pool_batch *b = pool_filling(&s->pool);
	if (!b || !b->view.count)
		return -1;
	uint64_t due = b->first_ns + s->set.linger_ns, now = monotonic_ns();
	return due > now ? (int)((due - now + NS_PER_MS - 1) / NS_PER_MS) : 0;
}

/* One read of the input, or a wait for what lets it be read. Returns 1 at its end, 0, or a negative
 * code. */
static int step(struct sink *s)
{
	int timeout_ms = linger_ms(s);
	if (timeout_ms == 0) {
		submit(s);
		timeout_ms = -1;
	}
	int ready = wait_for_any(s, pool_filling(&s->pool) ? s->fd : -1, timeout_ms);
	if (ready <= 0)
		return ready;
	ssize_t got = input_fill(s->input, s->fd);
	if (got < 0)
		return got == ERR_RETRY ? 0 : (int)got;
	int err = take_frames(s, got == 0);
	return err ? err : got == 0;
}

/* Waits until all is stored and the upkeep is done. */
static int finish(struct sink *s)
{
	int err = 0;
	submit(s);
	pool_finish(&s->pool);
	while (err >= 0 && !pool_idle(&s->pool))
		err = wait_for_any(s, -1, -1);
	settle(s);
	return err < 0 ? err : pool_error(&s->pool);
}

/* Reads to the end of the input. Returns 0 or what ended it. */
static int run(struct sink *s)
{
	int done = 0;
	/* what is wrong with the server shows before anything is read */
	while (done >= 0 && !pool_opened(&s->pool))
		done = wait_for_any(s, -1, -1);
	done = done > 0 ? 0 : done;
	while (done == 0)
		done = step(s);
	return done < 0 ? done : finish(s);
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
	lost += s->counts[COUNT_DAMAGED_FRAMES] + s->counts[COUNT_SKIPPED_BYTES] +
		s->counts[COUNT_BAD_LINES] + s->counts[COUNT_COUNTERS_REFUSED];
	if (!s->accounted)
		lost += s->counts[COUNT_MISSING_FRAMES];
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
	case OPT_CONNECTIONS:
		return opt_number("connections", arg, 1, SINK_CONNECTIONS_MAX, &s->set.connections);
	case OPT_REJECT: s->set.reject = arg; return 0;
	case OPT_BATCH: return opt_number("batch", arg, 1, 10000000, &s->set.batch);
	case OPT_LINGER: return opt_duration("linger", arg, 3600 * NS_PER_S, &s->set.linger_ns);
	case OPT_STATS: s->set.stats = arg; return 0;
	case OPT_ELEMENTS: s->set.elements = arg; return 0;
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
	if (s->ops->connections)
		all[o.count++] = connections_option;
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
	return s->ops->configured && s->ops->configured(s->self) != 0 ? EXIT_USE + 1 : 0;
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
	if (s->set.elements && !(s->elements = elements_file_use(s->set.elements)))
		return ERR_CONFIG;
	sink_ack_init(&s->ack, s->fd);
	s->accounted = s->ack.fd >= 0;
	s->reject_fd = s->set.reject ? reject_open(s->set.reject) : -1;
	if (s->set.reject && s->reject_fd < 0)
		return ERR_IO;
	s->input = input_new();
	if (s->input && s->ops->counters)
		input_take_counters(s->input, s->ops->counters(s->self));
	if (s->input)
		return 0;
	log_error("%s", err_sentence(ERR_MEMORY));
	return ERR_MEMORY;
}

/* Ends the connections. After a first signal what was read is stored, if one attempt does it; a
 * second one wants to be gone. Returns false where one hangs in a call to its server. */
static bool end_connections(struct sink *s, int err)
{
	bool once = err == ERR_STOPPED && s->stage.signals < 2;
	if (once)
		submit(s);
	bool ended = pool_stop(&s->pool, once, PATIENCE_NS);
	settle(s);
	return ended;
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
	int err = pool_start(&s->pool, s->ops, s->self, (unsigned)s->set.connections,
		s->set.retry_ns, s->reject_fd);
	if (!err)
		err = run(s);
	bool ended = end_connections(s, err);
	enum exit_code code = conclude(s, &source, err);
	stage_close(&s->stage);
	if (!ended)
		_exit(code); /* its thread may still touch what leaving main would free */
	pool_free(&s->pool);
	return code;
}

int sink_main(const struct sink_ops *ops, void *self, int argc, char **argv)
{
	static struct sink s;
	s = (struct sink){.ops = ops, .self = self, .reject_fd = -1, .counts = counters_memory()};
	s.set = (struct settings){.batch = BATCH_DEFAULT,
		.linger_ns = NS_PER_S,
		.retry_ns = 60 * NS_PER_S,
		.connections = ops->connections ? ops->connections : 1};
	log_init(ops->program);
	int ended = configure(&s, argc, argv);
	if (ended)
		return ended - 1;
	int err = open_input(&s);
	enum exit_code code = err == ERR_SYNTAX   ? EXIT_USE
			      : err == ERR_CONFIG ? EXIT_CONFIG
			      : err               ? EXIT_IO
						  : run_stage(&s);
	input_free(s.input);
	elements_file_free(s.elements);
	if (s.reject_fd >= 0)
		close(s.reject_fd);
	return code;
}
