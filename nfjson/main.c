/* nfjson: writes the flow records of a flow stream as JSON lines. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base.h"
#include "lib/counters.h"
#include "lib/elements_file.h"
#include "lib/err.h"
#include "lib/input.h"
#include "lib/jsonl.h"
#include "lib/log.h"
#include "lib/opt.h"
#include "lib/stage.h"

#define LINES_FULL    (256 * 1024)
#define LINES_ROOM    (LINES_FULL + JSONL_LINE_MAX)
#define LOCK_RETRY_MS 2

enum { OPT_STATS = 256, OPT_ELEMENTS };

static const struct opt options[] = {
	OPT_COMMON,
	{'r', "read", "FILE", "read this file instead of standard input"},
	{'o', "output", "FILE", "append to this file instead of standard output"},
	{OPT_ELEMENTS, "elements", "FILE", "names and types of further elements"},
	{OPT_STATS, "stats", "PATH", "serve counters on this unix socket"},
};

enum {
	COUNT_READ,
	COUNT_WRITTEN,
	COUNT_WAITING,
	COUNT_TOO_LONG,
	COUNT_UNREADABLE,
	COUNT_UNWRITTEN,
	COUNT_DAMAGED_FRAMES,
	COUNT_DAMAGED_RECORDS,
	COUNT_MISSING_FRAMES,
	COUNT_SKIPPED_BYTES,
	COUNT_BAD_LINES,
	COUNT_COUNTERS,
	COUNTERS
};

_Static_assert(COUNTERS <= COUNTERS_MAX, "see counters.h");

static const struct counter counters[COUNTERS] = {
	[COUNT_READ] = {"read", COUNTER_IN, "records read"},
	[COUNT_WRITTEN] = {"written", COUNTER_OUT, "lines written"},
	[COUNT_WAITING] = {"waiting", COUNTER_WAITING, "records in hand"},
	[COUNT_TOO_LONG] = {"too_long", COUNTER_LOST, "records longer than a line may be"},
	[COUNT_UNREADABLE] = {"unreadable", COUNTER_LOST, "records behind a fault in their frame"},
	[COUNT_UNWRITTEN] = {"unwritten", COUNTER_LOST, "records in hand when writing failed"},
	[COUNT_DAMAGED_FRAMES] = {"damaged_frames", COUNTER_INFO, "frames given up as damaged"},
	[COUNT_DAMAGED_RECORDS] = {"damaged_records", COUNTER_INFO,
		"records of the damaged frames, as far as known"},
	[COUNT_MISSING_FRAMES] = {"missing_frames", COUNTER_INFO,
		"frames missing by their numbers"},
	[COUNT_SKIPPED_BYTES] = {"skipped_bytes", COUNTER_INFO,
		"bytes passed over to find a frame"},
	[COUNT_BAD_LINES] = {"bad_lines", COUNTER_INFO, "malformed JSON lines"},
	[COUNT_COUNTERS] = {"counters", COUNTER_INFO, "lines of sFlow's counters written"},
};

struct nfjson {
	const char *from, *to, *stats, *elements;
	struct stage stage;
	struct stage_output out;
	struct input *input;
	struct record record;
	int in;
	char *lines; /* what is not written yet: LINES_ROOM */
	size_t used;
	uint64_t pending; /* records in lines */
	uint64_t *counts;
};

static void refresh(void *self)
{
	struct nfjson *n = self;
	struct input_counts c;
	input_counts(n->input, &c);
	n->counts[COUNT_DAMAGED_FRAMES] = c.stream.damaged;
	n->counts[COUNT_DAMAGED_RECORDS] = c.stream.lost_records;
	n->counts[COUNT_MISSING_FRAMES] = c.stream.missing;
	n->counts[COUNT_SKIPPED_BYTES] = c.stream.skipped_bytes;
	n->counts[COUNT_BAD_LINES] = c.bad_lines;
}

/* Several may write to one output, as those of goflow's pipelines do: whole lines, one at a time.
 * What cannot be locked is written without. Returns 0, ERR_STOPPED or ERR_IO. */
static int lock_output(struct nfjson *n)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	while (fcntl(n->out.fd, F_SETLK, &whole) != 0 && (errno == EAGAIN || errno == EACCES)) {
		if (stage_expired(&n->stage))
			return ERR_STOPPED;
		if (stage_wait(&n->stage, NULL, 0, LOCK_RETRY_MS) < 0)
			return ERR_IO;
	}
	return 0;
}

static void unlock_output(struct nfjson *n)
{
	int why = errno;
	struct flock whole = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
	fcntl(n->out.fd, F_SETLK, &whole);
	errno = why;
}

/* Writes what is in hand. Returns 0 or a code of stage_write. */
static int flush(struct nfjson *n)
{
	size_t written;
	if (!n->used)
		return 0;
	int err = lock_output(n);
	if (err)
		return err;
	err = stage_write(&n->stage, &n->out, n->lines, n->used, &written);
	unlock_output(n);
	if (err)
		return err;
	n->counts[COUNT_WRITTEN] += n->pending;
	n->counts[COUNT_WAITING] -= n->pending;
	n->used = 0;
	n->pending = 0;
	return 0;
}

static int put(struct nfjson *n)
{
	size_t len = jsonl_write(&n->record, n->lines + n->used, LINES_ROOM - n->used);
	n->used += len;
	n->pending += len != 0;
	if (!len) {
		n->counts[COUNT_TOO_LONG]++;
		n->counts[COUNT_WAITING]--;
	}
	return n->used >= LINES_FULL ? flush(n) : 0;
}

/* The lines of a frame of counters, which has them as they are written. They fit: see LINES_ROOM.
 */
static int put_counters(struct nfjson *n, const struct frame *f)
{
	char *to = n->lines + n->used;
	memcpy(to, f->payload, f->len);
	for (size_t i = 0; i < f->len; i++)
		n->counts[COUNT_COUNTERS] += to[i] == '\n';
	n->used += f->len;
	return n->used >= LINES_FULL ? flush(n) : 0;
}

static int put_frame(struct nfjson *n, const struct frame *f)
{
	struct frame_iter it;
	uint32_t done = 0;
	int err = 0;
	if (f->kind == FRAME_COUNTERS)
		return put_counters(n, f);
	n->counts[COUNT_READ] += f->records;
	n->counts[COUNT_WAITING] += f->records;
	frame_begin(&it, f, &n->record);
	while (!err && done < f->records && frame_next(&it, &n->record) > 0) {
		done++;
		err = put(n);
	}
	if (err)
		return err;
	n->counts[COUNT_UNREADABLE] += f->records - done;
	n->counts[COUNT_WAITING] -= f->records - done;
	return 0;
}

/* One read of the input, all of which is written. Returns 1 at its end, 0, or a negative code. */
static int step(struct nfjson *n)
{
	struct frame f;
	struct pollfd in = {.fd = n->in, .events = POLLIN};
	int ready = stage_wait(&n->stage, &in, 1, -1);
	if (ready < 0)
		return ready;
	if (stage_expired(&n->stage))
		return ERR_STOPPED;
	if (!ready)
		return 0;
	ssize_t got = input_fill(n->input, n->in);
	if (got < 0)
		return got == ERR_RETRY ? 0 : (int)got;
	int err = 0;
	while (!err && input_next(n->input, &f, got == 0) > 0)
		err = put_frame(n, &f);
	if (!err)
		err = flush(n);
	return err ? err : got == 0;
}

static bool is_file(int fd)
{
	struct stat st;
	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

static enum exit_code conclude(struct nfjson *n, const struct stats_source *source, int err)
{
	int why = errno;
	uint64_t left = n->counts[COUNT_WAITING];
	n->counts[COUNT_WAITING] = 0;
	n->counts[COUNT_UNWRITTEN] = left;
	if (err == ERR_CLOSED && is_file(n->in))
		return EXIT_DONE;
	if (err == ERR_CLOSED)
		log_error("the reader has gone away unwritten=%llu", (unsigned long long)left);
	if (err == ERR_STOPPED)
		log_error(
			"stopped before the input ended unwritten=%llu", (unsigned long long)left);
	if (err == ERR_IO)
		log_error("%s: %s", n->to ? n->to : err_sentence(err), strerror(why));
	uint64_t lost = stats_totals(source);
	lost += n->counts[COUNT_DAMAGED_FRAMES] + n->counts[COUNT_SKIPPED_BYTES] +
		n->counts[COUNT_MISSING_FRAMES] + n->counts[COUNT_BAD_LINES];
	if (err == ERR_IO)
		return EXIT_IO;
	return err || lost ? EXIT_LOSSES : EXIT_DONE;
}

static enum exit_code run(struct nfjson *n, int out)
{
	const struct stats_source source = {
		.program = "nfjson",
		.ledger_unit = "records",
		.counters = counters,
		.values = n->counts,
		.count = COUNTERS,
		.refresh = refresh,
		.self = n,
	};
	int err = 0;
	if (stage_open(&n->stage, n->stats, &source) != 0)
		return EXIT_IO;
	stage_output_begin(&n->out, out);
	while (!err)
		err = step(n);
	stage_output_end(&n->out);
	enum exit_code code = conclude(n, &source, err > 0 ? 0 : err);
	stage_close(&n->stage);
	return code;
}

/* Returns 0, or the exit code plus one of a program that ends here. */
static int configure(struct nfjson *n, int argc, char **argv)
{
	struct opts o = {
		.program = "nfjson",
		.usage = "[options] < flow-stream",
		.about = "Writes flow records, from a flow stream or JSON lines, as JSON lines.",
		.table = options,
		.count = LEN(options),
	};
	int id;
	while ((id = opt_next(&o, argc, argv)) >= 0) {
		if (id == 'r')
			n->from = o.arg;
		else if (id == 'o')
			n->to = o.arg;
		else if (id == OPT_ELEMENTS)
			n->elements = o.arg;
		else
			n->stats = o.arg;
	}
	if (id != OPT_END)
		return (id == OPT_DONE ? EXIT_DONE : EXIT_USE) + 1;
	if (o.rest == argc)
		return 0;
	log_error("operand \"%s\": none is taken; -r reads a file", argv[o.rest]);
	return EXIT_USE + 1;
}

/* Opens a file, or takes the standard descriptor where there is no name. */
static int open_or(const char *name, int flags, int standard)
{
	int fd = name ? open(name, flags | O_CLOEXEC, 0640) : standard;
	if (fd < 0)
		log_error("%s: %s", name, strerror(errno));
	return fd;
}

/* A file that ends inside a line, as one does whose writer was killed: the line is ended, so that
 * the next one is whole. Returns 0 or ERR_IO. */
static int end_torn_line(const char *name, int out)
{
	char last = '\n';
	if (!name || !is_file(out))
		return 0;
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0; /* who may write may not read it */
	off_t end = lseek(fd, 0, SEEK_END);
	if (end > 0 && pread(fd, &last, 1, end - 1) == 1 && last != '\n') {
		log_warn("%s: its last line is torn offset=%lld", name, (long long)end);
		if (write(out, "\n", 1) != 1)
			end = -1;
	}
	close(fd);
	if (end >= 0)
		return 0;
	log_error("%s: %s", name, strerror(errno));
	return ERR_IO;
}

int main(int argc, char **argv)
{
	static struct nfjson n;
	enum exit_code code = EXIT_IO;

	log_init("nfjson");
	int ended = configure(&n, argc, argv);
	if (ended)
		return ended - 1;
	struct elements_file *elements = n.elements ? elements_file_use(n.elements) : NULL;
	if (n.elements && !elements)
		return EXIT_CONFIG;
	n.in = open_or(n.from, O_RDONLY, STDIN_FILENO);
	int out = open_or(n.to, O_WRONLY | O_APPEND | O_CREAT, STDOUT_FILENO);
	if (n.in < 0 || out < 0 || end_torn_line(n.to, out) != 0)
		return EXIT_IO;
	if (isatty(n.in)) {
		log_error("standard input is a terminal: expected the flow stream, as of nfdecode");
		return EXIT_USE;
	}
	n.counts = counters_memory();
	n.input = input_new();
	n.lines = malloc(LINES_ROOM);
	if (n.input)
		input_take_counters(n.input, true);
	if (n.input && n.lines && record_init(&n.record) == 0) {
		code = run(&n, out);
		record_release(&n.record);
	} else {
		log_error("%s", err_sentence(ERR_MEMORY));
	}
	free(n.lines);
	input_free(n.input);
	elements_file_free(elements);
	return code;
}
