#include "lib/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/instant.h"
#include "lib/stage.h"
#include "tests/unit/records.h"

#define BATCHES_MAX 64

#define ROOM_BEFORE 37 /* octets around each payload */
#define ROOM_AFTER  5

/* A sink that stores nothing, notes everything, and fails as it is told to. */
struct fake {
	/* what it is to do */
	int open_fails, store_fails, tick_fails; /* so many times, with ERR_RETRY */
	int open_code, store_code;               /* instead of 0, always */
	int ticks_more;                          /* how many calls of tick have more to do */
	uint64_t refuse, duplicate;              /* of each batch */
	void (*on_store)(struct fake *);
	int peer, writer; /* descriptors for on_store */
	/* what happened */
	int opens, closes, stores, ticks;
	bool is_open;
	size_t count;
	struct {
		size_t frames;
		uint64_t records, first, last; /* sequences of its frames */
	} batch[BATCHES_MAX];
	uint64_t next_port; /* the port that the next record has, if nothing was lost or doubled */
};

static struct fake fake;
static struct record record;
static struct sample sample;
static struct stream_id id;
static char dir[64], path[96], stats[96];
static int old_stdin, old_stderr;
static FILE *log_file;

static int fake_open(void *self)
{
	struct fake *f = self;
	assert_false(f->is_open);
	f->opens++;
	if (f->open_code)
		return f->open_code;
	if (f->open_fails-- > 0)
		return ERR_RETRY;
	f->is_open = true;
	return 0;
}

static void fake_close(void *self)
{
	struct fake *f = self;
	f->closes++;
	f->is_open = false;
}

/* The records of a frame are those that were written, in their order. */
static uint64_t read_frame(struct fake *f, const struct frame *frame)
{
	struct frame_iter it;
	uint64_t n = 0;
	frame_begin(&it, frame, &record);
	while (frame_next(&it, &record) == 1) {
		assert_int_equal(record.src_port, (uint16_t)f->next_port++);
		n++;
	}
	assert_int_equal(n, frame->records);
	return n;
}

static void fake_room(void *self, size_t *before, size_t *after)
{
	assert_ptr_equal(self, &fake);
	*before = ROOM_BEFORE;
	*after = ROOM_AFTER;
}

/* The room around a payload is no other frame's. */
static void write_around(const struct frame *frame)
{
	uint8_t *payload = (uint8_t *)frame->payload;
	memset(payload - ROOM_BEFORE, 0xee, ROOM_BEFORE);
	memset(payload + frame->len, 0xee, ROOM_AFTER);
}

static int fake_store(void *self, const struct sink_batch *b, struct sink_result *result)
{
	struct fake *f = self;
	uint64_t records = 0, port = f->next_port;
	assert_true(f->is_open);
	assert_true(b->count > 0);
	f->stores++;
	for (size_t i = 0; i < b->count; i++)
		write_around(&b->frames[i]);
	for (size_t i = 0; i < b->count; i++)
		records += read_frame(f, &b->frames[i]);
	assert_int_equal(records, b->records);
	if (f->on_store)
		f->on_store(f);
	int err = f->store_fails-- > 0 ? ERR_RETRY : f->store_code;
	if (err) {
		f->next_port = port;
		return err;
	}
	assert_true(f->count < BATCHES_MAX);
	f->batch[f->count].frames = b->count;
	f->batch[f->count].records = records;
	f->batch[f->count].first = b->frames[0].sequence;
	f->batch[f->count++].last = b->frames[b->count - 1].sequence;
	*result = (struct sink_result){.stored = records - f->refuse - f->duplicate,
		.refused = f->refuse,
		.duplicate = f->duplicate};
	return 0;
}

static int fake_tick(void *self, bool last)
{
	(void)last;
	struct fake *f = self;
	assert_true(f->is_open);
	f->ticks++;
	if (f->tick_fails-- > 0)
		return ERR_RETRY;
	return f->ticks_more-- > 0;
}

static const char *fake_why(void *self)
{
	(void)self;
	return "the fake fails";
}

static int fake_option(void *self, int option, const char *arg)
{
	(void)self;
	assert_int_equal(option, 'x');
	return strcmp(arg, "good") == 0 ? 0 : ERR_SYNTAX;
}

static void *fake_new(void *self)
{
	return self;
}

static void fake_free(void *connection)
{
	assert_ptr_equal(connection, &fake);
}

static const struct opt options[] = {{'x', "extra-option", "WORD", "takes good"}};

static const struct sink_ops ops = {
	.program = "nfsink-fake",
	.usage = "",
	.about = "A test.",
	.options = options,
	.option_count = LEN(options),
	.option = fake_option,
	.frame_room = fake_room,
	.connection_new = fake_new,
	.connection_free = fake_free,
	.open = fake_open,
	.store = fake_store,
	.tick = fake_tick,
	.close = fake_close,
	.why = fake_why,
};

/* What a test begins and ends with ------------------------------------------------------------ */

static int setup(void **state)
{
	(void)state;
	fake = (struct fake){.peer = -1, .writer = -1};
	snprintf(dir, sizeof dir, "%s/gf.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(dir) || record_init(&record) != 0)
		return -1;
	snprintf(path, sizeof path, "%s/stream", dir);
	snprintf(stats, sizeof stats, "%s/sock", dir);
	for (size_t i = 0; i < sizeof id.b; i++)
		id.b[i] = (uint8_t)i;
	old_stdin = dup(STDIN_FILENO);
	old_stderr = dup(STDERR_FILENO);
	log_file = tmpfile();
	return log_file && old_stdin >= 0 && old_stderr >= 0 ? 0 : -1;
}

static int teardown(void **state)
{
	sigset_t none;
	(void)state;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(old_stdin, STDIN_FILENO);
	dup2(old_stderr, STDERR_FILENO);
	close(old_stdin);
	close(old_stderr);
	fclose(log_file);
	if (fake.peer >= 0)
		close(fake.peer);
	if (fake.writer >= 0)
		close(fake.writer);
	record_release(&record);
	unlink(path);
	unlink(stats);
	return rmdir(dir);
}

/* Runs the sink with these arguments, its log in the file. */
static int run_sink(
	const char *a, const char *b, const char *c, const char *d, const char *e, const char *f)
{
	const char *argv[] = {"nfsink-fake", "--stats", stats, a, b, c, d, e, f, NULL};
	int argc = 3;
	while (argv[argc])
		argc++;
	optind = 1;
	fflush(NULL);
	dup2(fileno(log_file), STDERR_FILENO);
	int code = sink_main(&ops, &fake, argc, (char **)argv);
	dup2(old_stderr, STDERR_FILENO);
	return code;
}

static int run_file(const char *a, const char *b, const char *c, const char *d)
{
	return run_sink("-r", path, a, b, c, d);
}

static const char *logged(void)
{
	static char text[65536];
	ssize_t n = pread(fileno(log_file), text, sizeof text - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void assert_logged(const char *text, int times)
{
	int found = 0;
	for (const char *p = logged(); (p = strstr(p, text)) != NULL; p += strlen(text))
		found++;
	if (found != times)
		fail_msg("logged %d times, expected %d: \"%s\" in\n%s", found, times, text,
			logged());
}

static int write_frame(void *ctx, const void *frame, size_t len)
{
	return write(*(int *)ctx, frame, len) == (ssize_t)len ? 0 : ERR_IO;
}

/* Writes frames of so many records each, whose ports go up from `port`; text of so many bytes in
 * each. */
static void put_frames(int fd, unsigned frames, unsigned records, unsigned port, size_t text)
{
	static char bytes[65535];
	struct stream_writer *w = stream_writer_new(&id, write_frame, &fd);
	assert_non_null(w);
	for (unsigned i = 0; i < frames; i++) {
		for (unsigned k = 0; k < records; k++) {
			sample_clear(&sample);
			RECORD_SET(&sample.record, src_port, (uint16_t)port++);
			if (text)
				RECORD_SET(&sample.record, app_name,
					sample_text(&sample, bytes, text));
			assert_int_equal(stream_put(w, &sample.record, 1), 0);
		}
		assert_int_equal(stream_flush(w, 1), 0);
	}
	stream_writer_free(w);
}

static void make_file(unsigned frames, unsigned records, size_t text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	put_frames(fd, frames, records, 0, text);
	close(fd);
}

/* Standard input becomes a pipe, whose other end is fake.writer. */
static void make_pipe(void)
{
	int p[2];
	assert_int_equal(pipe(p), 0);
	assert_true(fcntl(p[1], F_SETPIPE_SZ, 1024 * 1024) > 0);
	dup2(p[0], STDIN_FILENO);
	close(p[0]);
	fake.writer = p[1];
}

/* Standard input becomes a unix stream socket, whose other end is fake.peer. */
static void make_socket(void)
{
	int s[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	dup2(s[0], STDIN_FILENO);
	close(s[0]);
	fake.peer = s[1];
}

static void close_writer(struct fake *f)
{
	close(f->writer);
	f->writer = -1;
}

/* Tests --------------------------------------------------------------------------------------- */

static void batches_hold_whole_frames(void **state)
{
	(void)state;
	make_file(8, 4, 0);
	assert_int_equal(run_file("--batch", "10", NULL, NULL), EXIT_DONE);
	assert_int_equal(fake.count, 3);
	assert_int_equal(fake.batch[0].records, 12);
	assert_int_equal(fake.batch[1].records, 12);
	assert_int_equal(fake.batch[2].records, 8);
	assert_int_equal(fake.batch[1].first, fake.batch[0].last + 1);
	assert_int_equal(fake.next_port, 32);
	assert_logged("totals unit=records read=32 stored=32", 1);
	assert_int_equal(fake.opens, 1);
	assert_int_equal(fake.closes, 1);
}

/* However large --batch is, memory is bounded: 4 MiB of frames at a time. */
static void batches_are_bounded_in_bytes(void **state)
{
	(void)state;
	make_file(200, 1, 60000);
	assert_int_equal(run_file("--batch", "1000000", NULL, NULL), EXIT_DONE);
	assert_int_equal(fake.count, 3);
	assert_in_range(fake.batch[0].records, 65, 69);
	assert_int_equal(fake.next_port, 200);
}

static void batches_are_bounded_in_frames(void **state)
{
	(void)state;
	make_file(3000, 1, 0);
	assert_int_equal(run_file("--batch", "1000000", NULL, NULL), EXIT_DONE);
	assert_int_equal(fake.count, 3);
	assert_int_equal(fake.next_port, 3000);
}

static void an_outage_is_said_once_and_loses_nothing(void **state)
{
	(void)state;
	make_file(6, 4, 0);
	fake.open_fails = 1;
	fake.store_fails = 2;
	assert_int_equal(run_file("--batch", "12", NULL, NULL), EXIT_DONE);
	assert_int_equal(fake.stores, 4);
	assert_int_equal(fake.count, 2);
	assert_int_equal(fake.next_port, 24);
	assert_int_equal(
		fake.opens, 4); /* one that failed, one that worked, one after each failed store */
	assert_logged("cannot store, trying again: the fake fails", 2); /* opening; then storing */
	assert_logged("storing again after=", 2);
	assert_logged("retries=3", 1);
}

static void giving_up_says_how_much_was_not_stored(void **state)
{
	(void)state;
	make_file(6, 4, 0);
	fake.store_code = ERR_RETRY;
	uint64_t begun = monotonic_ns();
	assert_int_equal(run_file("--batch", "12", "--retry", "350ms"), EXIT_SERVER);
	assert_in_range(monotonic_ns() - begun, 350 * NS_PER_MS, 5 * NS_PER_S);
	assert_in_range(fake.stores, 3, 4); /* after 0, 100, 300 and 350 ms */
	assert_logged("cannot store", 1);
	assert_logged("given up not_stored=", 1);
	assert_logged("not_stored=24", 2); /* with the frames that had come in behind the batch */
	assert_logged("gap=", 0);
}

static void what_never_fits_ends_it(void **state)
{
	(void)state;
	make_file(1, 4, 0);
	fake.open_code = ERR_CONFIG;
	assert_int_equal(run_file(NULL, NULL, NULL, NULL), EXIT_CONFIG);
	assert_int_equal(fake.opens, 1);
	assert_int_equal(fake.stores, 0);
	fake.open_code = 0;
	fake.store_code = ERR_CONFIG;
	assert_int_equal(run_file(NULL, NULL, NULL, NULL), EXIT_CONFIG);
	assert_logged("error nfsink-fake: the fake fails", 2);
	assert_logged("given up not_stored=4", 1);
}

static void refused_records_are_a_loss_and_duplicates_are_not(void **state)
{
	(void)state;
	make_file(2, 4, 0);
	fake.duplicate = 3;
	assert_int_equal(run_file(NULL, NULL, NULL, NULL), EXIT_DONE);
	assert_logged("read=8 stored=5 duplicate=3", 1);
	fake.refuse = 1;
	fake.next_port = 0;
	assert_int_equal(run_file(NULL, NULL, NULL, NULL), EXIT_LOSSES);
	assert_logged("refused=1", 1);
	assert_logged("gap=", 0);
}

/* The bytes of the file, from `from` on, and garbage in front of them. */
static void damage_file(size_t from, const char *garbage)
{
	static char bytes[65536];
	int fd = open(path, O_RDWR | O_CLOEXEC);
	ssize_t n = read(fd, bytes, sizeof bytes);
	assert_true(n > (ssize_t)from && n < (ssize_t)sizeof bytes);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, garbage, strlen(garbage), 0), (ssize_t)strlen(garbage));
	assert_int_equal(pwrite(fd, bytes + from, (size_t)n - from, (off_t)strlen(garbage)),
		n - (ssize_t)from);
	close(fd);
}

static void bytes_that_are_no_frame_are_a_loss(void **state)
{
	(void)state;
	make_file(2, 4, 0);
	damage_file(0, "\x01\x02garbage");
	assert_int_equal(run_file(NULL, NULL, NULL, NULL), EXIT_LOSSES);
	assert_int_equal(fake.next_port, 8);
	assert_logged("skipped_bytes=9", 1);
}

static void lines_are_said_to_have_no_numbers_once(void **state)
{
	static const char lines[] =
		"{\"src_port\":0}\n{\"src_port\":1}\nnonsense\n{\"src_port\":2}\n";
	(void)state;
	make_pipe();
	assert_int_equal(write(fake.writer, lines, sizeof lines - 1), (ssize_t)sizeof lines - 1);
	close_writer(&fake);
	assert_int_equal(run_sink(NULL, NULL, NULL, NULL, NULL, NULL), EXIT_LOSSES);
	assert_int_equal(fake.next_port, 3);
	assert_logged("reading JSON lines", 1);
	assert_logged("line=3", 1);
	assert_logged("bad_lines=1", 1);
}

static void a_batch_waits_no_longer_than_linger(void **state)
{
	(void)state;
	make_pipe();
	put_frames(fake.writer, 2, 4, 0, 0);
	fake.on_store = close_writer; /* the input stays open until something is stored */
	uint64_t begun = monotonic_ns();
	assert_int_equal(run_sink("--linger", "150ms", NULL, NULL, NULL, NULL), EXIT_DONE);
	assert_in_range(monotonic_ns() - begun, 150 * NS_PER_MS, 5 * NS_PER_S);
	assert_int_equal(fake.count, 1);
	assert_int_equal(fake.next_port, 8);
}

/* Acknowledgements ---------------------------------------------------------------------------- */

static char acks[4096];
static size_t acks_len;

static void read_acks(int flags)
{
	ssize_t n = recv(fake.peer, acks + acks_len, sizeof acks - 1 - acks_len, flags);
	if (n > 0)
		acks_len += (size_t)n;
	acks[acks_len] = '\0';
}

/* Nothing of the batch that is being stored has been acknowledged, nor of one behind it. */
static void acks_follow_stores(struct fake *f)
{
	size_t lines = 0;
	read_acks(MSG_DONTWAIT);
	for (const char *p = acks; (p = strchr(p, '\n')) != NULL; p++)
		lines++;
	assert_in_range(lines, 0, f->count);
}

static void commits_are_acknowledged_in_order(void **state)
{
	char expected[256];
	(void)state;
	acks_len = 0;
	make_socket();
	fake.on_store = acks_follow_stores;
	put_frames(fake.peer, 5, 4, 0, 0);
	shutdown(fake.peer, SHUT_WR);
	assert_int_equal(run_sink("--batch", "8", NULL, NULL, NULL, NULL), EXIT_DONE);
	read_acks(MSG_DONTWAIT);
	snprintf(expected, sizeof expected,
		"ack 000102030405060708090a0b0c0d0e0f %llu\nack 000102030405060708090a0b0c0d0e0f "
		"%llu\n"
		"ack 000102030405060708090a0b0c0d0e0f %llu\n",
		(unsigned long long)fake.batch[0].last, (unsigned long long)fake.batch[1].last,
		(unsigned long long)fake.batch[2].last);
	assert_string_equal(acks, expected);
}

/* Several connections -------------------------------------------------------------------------- */

/* Two connections, of which the one that has the first batch is not done before the other one is.
 */
struct pair {
	pthread_mutex_t lock;
	pthread_cond_t stored;
	unsigned made, done;
	uint64_t last_done; /* the last sequence of the batch that was stored last */
	size_t early_acks;  /* bytes acknowledged when the second batch was, and not the first */
};

static struct pair pair;

static void *pair_new(void *self)
{
	(void)self;
	pair.made++;
	return malloc(1);
}

static int pair_open(void *connection)
{
	(void)connection;
	return 0;
}

static void pair_close(void *connection)
{
	(void)connection;
}

static int pair_store(void *connection, const struct sink_batch *b, struct sink_result *result)
{
	(void)connection;
	pthread_mutex_lock(&pair.lock);
	bool first = b->frames[0].sequence < 2; /* of four frames, two in a batch */
	while (first && pair.done == 0)
		pthread_cond_wait(&pair.stored, &pair.lock);
	if (first) {
		read_acks(MSG_DONTWAIT);
		pair.early_acks = acks_len;
	}
	pair.done++;
	pair.last_done = b->frames[b->count - 1].sequence;
	pthread_cond_signal(&pair.stored);
	pthread_mutex_unlock(&pair.lock);
	result->stored = b->records;
	return 0;
}

static const struct sink_ops pair_ops = {
	.program = "nfsink-pair",
	.usage = "",
	.about = "A test.",
	.options = options,
	.option_count = LEN(options),
	.option = fake_option,
	.connections = 2,
	.connection_new = pair_new,
	.connection_free = free,
	.open = pair_open,
	.store = pair_store,
	.close = pair_close,
	.why = fake_why,
};

static void connections_work_side_by_side_and_are_acknowledged_in_order(void **state)
{
	const char *argv[] = {"nfsink-pair", "--stats", stats, "--batch", "8", NULL};
	unsigned long long first, second;
	(void)state;
	pair = (struct pair){.lock = PTHREAD_MUTEX_INITIALIZER, .stored = PTHREAD_COND_INITIALIZER};
	acks_len = 0;
	make_socket();
	put_frames(fake.peer, 4, 4, 0, 0);
	shutdown(fake.peer, SHUT_WR);
	optind = 1;
	assert_int_equal(sink_main(&pair_ops, &pair, 5, (char **)argv), EXIT_DONE);
	read_acks(MSG_DONTWAIT);
	assert_int_equal(pair.made, 2);
	assert_int_equal(pair.early_acks, 0);
	assert_int_equal(sscanf(acks, "ack %*s %llu ack %*s %llu", &first, &second), 2);
	assert_true(pair.last_done == first); /* it was stored behind the other */
	assert_int_equal(second, first + 2);
}

static void each_stream_of_a_batch_is_acknowledged(void **state)
{
	(void)state;
	acks_len = 0;
	make_socket();
	put_frames(fake.peer, 2, 4, 0, 0);
	id.b[0] = 0xff;
	put_frames(fake.peer, 3, 4, 8, 0);
	shutdown(fake.peer, SHUT_WR);
	assert_int_equal(run_sink(NULL, NULL, NULL, NULL, NULL, NULL), EXIT_DONE);
	read_acks(MSG_DONTWAIT);
	assert_int_equal(fake.count, 1);
	assert_int_equal(strncmp(acks, "ack 0001", 8), 0);
	assert_non_null(strstr(acks, "\nack ff01"));
	assert_int_equal(acks[acks_len - 1], '\n');
}

static void a_peer_that_is_gone_is_said_once(void **state)
{
	(void)state;
	make_socket();
	put_frames(fake.peer, 5, 4, 0, 0);
	close(fake.peer);
	fake.peer = -1;
	assert_int_equal(run_sink("--batch", "4", NULL, NULL, NULL, NULL), EXIT_DONE);
	assert_int_equal(fake.count, 5);
	assert_logged("no more are sent", 1);
}

/* Signals ------------------------------------------------------------------------------------- */

static void raise_once(struct fake *f)
{
	if (f->stores == 1)
		kill(getpid(), SIGTERM);
}

static void a_signal_lets_it_read_to_the_end(void **state)
{
	(void)state;
	make_file(50, 100, 0);
	fake.on_store = raise_once;
	assert_int_equal(run_file("--batch", "100", NULL, NULL), EXIT_DONE);
	assert_int_equal(fake.next_port, 5000);
}

static void raise_while_failing(struct fake *f)
{
	for (int i = 0; i < 2; i++)
		if (f->stores == 1 + i)
			kill(getpid(), i ? SIGINT : SIGTERM);
}

static void a_second_signal_ends_it_at_once(void **state)
{
	(void)state;
	make_file(3, 4, 0);
	fake.store_code = ERR_RETRY;
	fake.on_store = raise_while_failing;
	uint64_t begun = monotonic_ns();
	assert_int_equal(run_file("--retry", "forever", NULL, NULL), EXIT_LOSSES);
	assert_in_range(monotonic_ns() - begun, 0, 4 * NS_PER_S);
	assert_logged("stopped before the input ended not_stored=12", 1);
}

/* The input stays open: at the end of the drain what was read is stored, and it is said that more
 * may come. */
static void a_drain_has_an_end(void **state)
{
	(void)state;
	make_pipe();
	put_frames(fake.writer, 4, 4, 0, 0);
	fake.on_store = raise_once;
	uint64_t begun = monotonic_ns();
	assert_int_equal(run_sink("--batch", "12", "--linger", "60s", NULL, NULL), EXIT_LOSSES);
	assert_in_range(monotonic_ns() - begun, STAGE_DRAIN_NS, STAGE_DRAIN_NS + 5 * NS_PER_S);
	assert_int_equal(fake.next_port, 16);
	assert_logged("stopped before the input ended not_stored=0", 1);
}

/* Upkeep -------------------------------------------------------------------------------------- */

static void upkeep_is_done_to_its_end(void **state)
{
	(void)state;
	make_file(1, 4, 0);
	fake.ticks_more = 7;
	assert_int_equal(run_file(NULL, NULL, NULL, NULL), EXIT_DONE);
	assert_in_range(fake.ticks, 8, 9); /* one more, if it was done before the input ended */
}

/* Ends the input once upkeep has worked again. */
static void end_after_ticks(struct fake *f)
{
	if (f->ticks >= 4)
		close_writer(f);
	else
		put_frames(f->writer, 1, 1, (unsigned)f->next_port, 0);
}

static void upkeep_that_fails_is_said_once(void **state)
{
	(void)state;
	make_pipe();
	fake.tick_fails = 2;
	fake.on_store = end_after_ticks;
	put_frames(fake.writer, 1, 1, 0, 0);
	assert_int_equal(run_sink("--linger", "500ms", NULL, NULL, NULL, NULL), EXIT_DONE);
	assert_logged("upkeep failed", 1);
	assert_logged("upkeep works again", 1);
	assert_int_equal(fake.opens, 1);
}

static void wrong_use_is_refused(void **state)
{
	(void)state;
	make_file(1, 1, 0);
	assert_int_equal(run_file("-x", "bad", NULL, NULL), EXIT_USE);
	assert_int_equal(run_file("--batch", "0", NULL, NULL), EXIT_USE);
	assert_int_equal(run_file("--retry", "never", NULL, NULL), EXIT_USE);
	assert_int_equal(run_file("operand", NULL, NULL, NULL), EXIT_USE);
	assert_int_equal(fake.opens, 0);
	assert_int_equal(run_file("-x", "good", NULL, NULL), EXIT_DONE);
	unlink(path);
	assert_int_equal(run_file(NULL, NULL, NULL, NULL), EXIT_IO);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(batches_hold_whole_frames),
		TEST(batches_are_bounded_in_bytes),
		TEST(batches_are_bounded_in_frames),
		TEST(an_outage_is_said_once_and_loses_nothing),
		TEST(giving_up_says_how_much_was_not_stored),
		TEST(what_never_fits_ends_it),
		TEST(refused_records_are_a_loss_and_duplicates_are_not),
		TEST(bytes_that_are_no_frame_are_a_loss),
		TEST(lines_are_said_to_have_no_numbers_once),
		TEST(a_batch_waits_no_longer_than_linger),
		TEST(commits_are_acknowledged_in_order),
		TEST(connections_work_side_by_side_and_are_acknowledged_in_order),
		TEST(each_stream_of_a_batch_is_acknowledged),
		TEST(a_peer_that_is_gone_is_said_once),
		TEST(a_signal_lets_it_read_to_the_end),
		TEST(a_second_signal_ends_it_at_once),
		TEST(a_drain_has_an_end),
		TEST(upkeep_is_done_to_its_end),
		TEST(upkeep_that_fails_is_said_once),
		TEST(wrong_use_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
