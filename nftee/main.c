/* nftee: copies one flow stream to several readers, of which one that is slow does not hold up the
 * others. */
#include "nftee/nftee.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/counters.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/opt.h"

#define QUEUE_MIN     (4 * STREAM_FRAME_MAX)
#define QUEUE_DEFAULT (UINT64_C(64) * 1024 * 1024)

enum { OPT_QUEUE = 256, OPT_STATS };

static const struct opt options[] = {
	OPT_COMMON,
	{'b', "block", "FILE",
		"copy to this file too, and wait for its reader rather than drop (repeatable)"},
	{OPT_QUEUE, "queue", "SIZE", "memory for what one reader has not taken yet (64M)"},
	{OPT_STATS, "stats", "PATH", "serve counters on this unix socket"},
};

static int add_output(struct nftee *n, const char *path, bool blocks)
{
	if (n->count == OUTPUTS_MAX) {
		log_error("operand \"%s\": found one output too many, expected at most %d", path,
			OUTPUTS_MAX);
		return ERR_SYNTAX;
	}
	n->outputs[n->count++] = (struct output){.path = path, .blocks = blocks, .out.fd = -1};
	return 0;
}

static int set_option(struct nftee *n, int id, const char *arg)
{
	switch (id) {
	case 'b': return add_output(n, arg, true);
	case OPT_QUEUE: return opt_size("queue", arg, QUEUE_MIN, UINT64_C(1) << 40, &n->queue);
	default: n->stats = arg; return 0;
	}
}

/* Returns 0, or the exit code plus one of a program that ends here. */
static int configure(struct nftee *n, int argc, char **argv)
{
	struct opts o = {
		.program = "nftee",
		.usage = "[-b FILE ...] [options] [FILE ...] < flow-stream",
		.about =
			"Copies a flow stream to several files or pipes, none of which holds up another.",
		.table = options,
		.count = LEN(options),
	};
	n->queue = QUEUE_DEFAULT;
	for (;;) {
		int id = opt_next(&o, argc, argv);
		if (id == OPT_DONE)
			return EXIT_DONE + 1;
		if (id == OPT_END)
			break;
		if (id == OPT_BAD || set_option(n, id, o.arg) != 0)
			return EXIT_USE + 1;
	}
	for (int i = o.rest; i < argc; i++)
		if (add_output(n, argv[i], false) != 0)
			return EXIT_USE + 1;
	if (!n->count)
		log_error("no output: expected files or pipes to copy to");
	return n->count ? 0 : EXIT_USE + 1;
}

/* Whether every output that blocks has room for one more of the largest frames. */
static bool may_read(struct nftee *n)
{
	for (size_t i = 0; i < n->count; i++)
		if (!output_ready(&n->outputs[i], STREAM_FRAME_MAX))
			return false;
	return true;
}

static bool any_open(const struct nftee *n)
{
	for (size_t i = 0; i < n->count; i++)
		if (!n->outputs[i].closed)
			return true;
	return false;
}

static bool any_pending(const struct nftee *n)
{
	for (size_t i = 0; i < n->count; i++)
		if (output_pending(&n->outputs[i]))
			return true;
	return false;
}

/* Waits for what can be done: outputs that take more and, where `in` says so, the input. Writes;
 * returns 1 where there is input, 0, or a negative code. */
static int turn(struct nftee *n, bool in)
{
	struct pollfd fds[OUTPUTS_MAX + 1];
	for (size_t i = 0; i < n->count; i++) {
		struct output *o = &n->outputs[i];
		/* with nothing to write it is watched all the same: POLLERR tells that the reader
		 * has gone */
		fds[i] = (struct pollfd){.fd = o->closed ? -1 : o->out.fd,
			.events = output_pending(o) ? POLLOUT : 0};
	}
	fds[n->count] = (struct pollfd){.fd = in ? STDIN_FILENO : -1, .events = POLLIN};
	int ready = stage_wait(&n->stage, fds, n->count + 1, -1);
	if (ready < 0)
		return ready;
	for (size_t i = 0; i < n->count; i++)
		if (fds[i].fd >= 0 && fds[i].revents)
			output_write(&n->outputs[i], fds[i].revents & (POLLERR | POLLNVAL));
	if (stage_expired(&n->stage))
		return ERR_STOPPED;
	return fds[n->count].revents != 0;
}

static void keep_schema(struct nftee *n, const struct frame *f)
{
	size_t len;
	const uint8_t *bytes = stream_frame_bytes(f, &len);
	n->schema_len = len <= sizeof n->schema ? len : 0;
	memcpy(n->schema, bytes, n->schema_len);
}

/* Copies one frame to every output. */
static int pass(struct nftee *n, const struct frame *f)
{
	size_t len;
	bool all = true;
	stream_frame_bytes(f, &len);
	for (size_t i = 0; i < n->count; i++)
		while (!output_ready(&n->outputs[i], len)) {
			int err = turn(n, false);
			if (err < 0)
				return err;
		}
	if (f->kind == FRAME_SCHEMA)
		keep_schema(n, f);
	for (size_t i = 0; i < n->count; i++)
		all = output_put(n, &n->outputs[i], f) && all;
	if (f->kind == FRAME_RECORDS)
		n->counts[all ? COUNT_PASSED : COUNT_DROPPED] += f->records;
	return 0;
}

/* Passes on all frames that have been read. */
static int pass_all(struct nftee *n, bool last)
{
	struct frame f;
	int err = 0;
	while (stream_next(n->reader, &f, last) > 0) {
		if (f.kind == FRAME_RECORDS)
			n->counts[COUNT_READ] += f.records;
		if (!err)
			err = pass(n, &f);
		if (err && f.kind == FRAME_RECORDS) /* the one that was in hand, and those read
						       behind it */
			n->counts[COUNT_NOT_PASSED] += f.records;
	}
	return err;
}

/* One read of the input. Returns 1 at its end, 0, or a negative code. */
static int take(struct nftee *n)
{
	size_t room;
	void *to = stream_room(n->reader, &room);
	ssize_t got = read(STDIN_FILENO, to, room);
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : ERR_IO;
	stream_filled(n->reader, (size_t)got);
	int err = pass_all(n, got == 0);
	return err ? err : got == 0;
}

/* Reads to the end of the input and writes all of it. Returns 0 or a negative code. */
static int run(struct nftee *n)
{
	int done = 0;
	while (done == 0 && any_open(n)) {
		int ready = turn(n, may_read(n));
		done = ready > 0 ? take(n) : ready;
	}
	while (done >= 0 && any_pending(n))
		done = turn(n, false);
	return done < 0 ? done : any_open(n) ? 0 : ERR_CLOSED;
}

static enum exit_code conclude(struct nftee *n, const struct stats_source *source, int err)
{
	bool failed = err == ERR_IO;
	if (failed)
		log_error("%s: %s", err_sentence(err), strerror(errno));
	if (err == ERR_STOPPED)
		log_error("stopped before all was written");
	for (size_t i = 0; i < n->count; i++)
		output_close(&n->outputs[i]);
	uint64_t lost = stats_totals(source);
	for (size_t i = 0; i < n->count; i++)
		lost += n->outputs[i].unwritten + n->outputs[i].dropped;
	lost += n->counts[COUNT_DAMAGED_FRAMES] + n->counts[COUNT_SKIPPED_BYTES];
	return failed ? EXIT_IO : lost || err ? EXIT_LOSSES : EXIT_DONE;
}

static int open_all(struct nftee *n)
{
	int err = 0;
	n->reader = stream_reader_new();
	if (!n->reader)
		return ERR_MEMORY;
	stream_read_all(n->reader);
	for (size_t i = 0; i < n->count && !err; i++)
		err = output_open(&n->outputs[i], n->queue);
	return err;
}

int main(int argc, char **argv)
{
	static struct nftee n;
	struct stats_source source;
	enum exit_code code = EXIT_IO;

	log_init("nftee");
	int ended = configure(&n, argc, argv);
	if (ended)
		return ended - 1;
	if (isatty(STDIN_FILENO)) {
		log_error("standard input is a terminal: expected the flow stream, as of nfdecode");
		return EXIT_USE;
	}
	n.counts = counters_memory();
	report_source(&n, &source);
	if (open_all(&n) == 0 && stage_open(&n.stage, n.stats, &source) == 0) {
		code = conclude(&n, &source, run(&n));
		stage_close(&n.stage);
	}
	stream_reader_free(n.reader);
	return code;
}
