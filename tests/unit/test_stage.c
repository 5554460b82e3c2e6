#include "lib/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/log.h"

#define MS UINT64_C(1000000)

static const struct counter counters[] = {{"received", COUNTER_IN, "read"}};
static const uint64_t values[1];
static const struct stats_source source = {
	.program = "nftest",
	.ledger_unit = "datagrams",
	.counters = counters,
	.values = values,
	.count = 1,
};

struct place {
	char dir[32], path[64];
	struct stage stage;
	int pipe[2];
};

static int enter(void **state)
{
	struct place *p = calloc(1, sizeof *p);
	if (!p)
		return -1;
	strcpy(p->dir, "/tmp/gf.XXXXXX");
	if (!mkdtemp(p->dir) || pipe(p->pipe))
		return -1;
	snprintf(p->path, sizeof p->path, "%s/s.sock", p->dir);
	*state = p;
	return stage_open(&p->stage, p->path, &source);
}

static int leave(void **state)
{
	struct place *p = *state;
	stage_close(&p->stage);
	close(p->pipe[0]);
	close(p->pipe[1]);
	int code = rmdir(p->dir);
	free(p);
	return code;
}

static void wait_tells_what_is_ready(void **state)
{
	struct place *p = *state;
	int other[2];
	assert_int_equal(pipe(other), 0);
	struct pollfd fds[] = {
		{.fd = p->pipe[0], .events = POLLIN}, {.fd = other[0], .events = POLLIN}};
	assert_int_equal(stage_wait(&p->stage, fds, 2, 0), 0);
	assert_int_equal(write(other[1], "x", 1), 1);
	assert_int_equal(stage_wait(&p->stage, fds, 2, -1), 1);
	assert_int_equal(fds[0].revents, 0);
	assert_int_equal(fds[1].revents, POLLIN);
	assert_int_equal(write(p->pipe[1], "x", 1), 1);
	assert_int_equal(stage_wait(&p->stage, fds, 2, -1), 2);
	close(other[0]);
	close(other[1]);
}

static void wait_lasts_as_long_as_asked(void **state)
{
	struct place *p = *state;
	uint64_t began = monotonic_ns();
	assert_int_equal(stage_wait(&p->stage, NULL, 0, 50), 0);
	assert_in_range(monotonic_ns() - began, 50 * MS, 2000 * MS);
}

/* A client of the stats socket, which asks and then writes a byte to the pipe. */
static void *ask(void *arg)
{
	struct place *p = arg;
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	char text[4096];
	size_t len = 0;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	strcpy(a.sun_path, p->path);
	if (connect(fd, (struct sockaddr *)&a, sizeof a) || write(fd, "status\n", 7) != 7)
		return NULL;
	for (ssize_t n; (n = read(fd, text + len, sizeof text - 1 - len)) > 0;)
		len += (size_t)n;
	text[len] = '\0';
	close(fd);
	bool good = strstr(text, "\"received\"") && write(p->pipe[1], "x", 1) == 1;
	return good ? arg : NULL;
}

static void wait_serves_the_stats_socket(void **state)
{
	struct place *p = *state;
	struct pollfd in = {.fd = p->pipe[0], .events = POLLIN};
	pthread_t thread;
	void *good;
	assert_int_equal(pthread_create(&thread, NULL, ask, p), 0);
	assert_int_equal(stage_wait(&p->stage, &in, 1, 5000), 1);
	pthread_join(thread, &good);
	assert_non_null(good);
}

static void first_signal_drains_second_leaves(void **state)
{
	struct place *p = *state;
	struct pollfd in = {.fd = p->pipe[0], .events = POLLIN};
	assert_false(stage_expired(&p->stage));
	kill(getpid(), SIGTERM);
	assert_int_equal(stage_wait(&p->stage, &in, 1, -1), 0);
	assert_int_equal(p->stage.signals, 1);
	assert_true(p->stage.deadline_ns > monotonic_ns());
	assert_false(stage_expired(&p->stage));
	kill(getpid(), SIGINT);
	assert_int_equal(stage_wait(&p->stage, &in, 1, -1), 0);
	assert_int_equal(p->stage.signals, 2);
	assert_true(stage_expired(&p->stage));
}

static void drain_ends_at_its_deadline(void **state)
{
	struct place *p = *state;
	kill(getpid(), SIGTERM);
	assert_int_equal(stage_wait(&p->stage, NULL, 0, -1), 0);
	assert_in_range(p->stage.deadline_ns - monotonic_ns(), STAGE_DRAIN_NS / 2, STAGE_DRAIN_NS);
	p->stage.deadline_ns = monotonic_ns() + 30 * MS;
	assert_int_equal(stage_wait(&p->stage, NULL, 0, -1), 0);
	assert_true(stage_expired(&p->stage));
}

static void output_is_made_ready_and_restored(void **state)
{
	struct place *p = *state;
	struct stage_output o;
	stage_output_begin(&o, p->pipe[1]);
	assert_true(fcntl(p->pipe[1], F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(p->pipe[1], F_GETPIPE_SZ) >= 65536);
	stage_output_end(&o);
	assert_false(fcntl(p->pipe[1], F_GETFL) & O_NONBLOCK);
	FILE *file = tmpfile();
	stage_output_begin(&o, fileno(file));
	assert_false(fcntl(fileno(file), F_GETFL) & O_NONBLOCK);
	stage_output_end(&o);
	fclose(file);
}

#define MUCH ((size_t)8 << 20)

struct reader {
	int fd;
	size_t len;
	bool same;
};

static char byte_at(size_t i)
{
	return (char)(i * 31 + i / 4096);
}

static void *read_all(void *arg)
{
	struct reader *r = arg;
	char buf[5000];
	r->same = true;
	for (ssize_t n; r->len < MUCH && (n = read(r->fd, buf, sizeof buf)) > 0;)
		for (ssize_t i = 0; i < n; i++)
			r->same = r->same && buf[i] == byte_at(r->len++);
	return NULL;
}

static void write_waits_for_a_slow_reader(void **state)
{
	struct place *p = *state;
	struct stage_output o;
	struct reader r = {.fd = p->pipe[0]};
	pthread_t thread;
	size_t written;
	char *much = malloc(MUCH);
	for (size_t i = 0; i < MUCH; i++)
		much[i] = byte_at(i);
	stage_output_begin(&o, p->pipe[1]);
	assert_int_equal(pthread_create(&thread, NULL, read_all, &r), 0);
	assert_int_equal(stage_write(&p->stage, &o, much, MUCH, &written), 0);
	pthread_join(thread, NULL);
	assert_int_equal(written, MUCH);
	assert_int_equal(r.len, MUCH);
	assert_true(r.same);
	free(much);
}

static void write_to_a_reader_that_left(void **state)
{
	struct place *p = *state;
	struct stage_output o;
	size_t written;
	close(p->pipe[0]);
	p->pipe[0] = -1;
	stage_output_begin(&o, p->pipe[1]);
	assert_int_equal(stage_write(&p->stage, &o, "x", 1, &written), ERR_CLOSED);
	assert_int_equal(written, 0);
}

static void write_gives_up_when_told_twice(void **state)
{
	struct place *p = *state;
	struct stage_output o;
	size_t written;
	char *much = calloc(1, MUCH);
	stage_output_begin(&o, p->pipe[1]);
	kill(getpid(), SIGTERM);
	assert_int_equal(stage_wait(&p->stage, NULL, 0, -1), 0);
	kill(getpid(), SIGTERM);
	assert_int_equal(stage_write(&p->stage, &o, much, MUCH, &written), ERR_STOPPED);
	assert_in_range(written, 1, MUCH - 1);
	free(much);
}

static void write_to_a_full_disk(void **state)
{
	struct place *p = *state;
	struct stage_output o;
	size_t written;
	int full = open("/dev/full", O_WRONLY);
	stage_output_begin(&o, full);
	assert_int_equal(stage_write(&p->stage, &o, "x", 1, &written), ERR_IO);
	assert_int_equal(errno, ENOSPC);
	close(full);
}

int main(void)
{
#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, enter, leave)
	const struct CMUnitTest tests[] = {
		IN_PLACE(wait_tells_what_is_ready),
		IN_PLACE(wait_lasts_as_long_as_asked),
		IN_PLACE(wait_serves_the_stats_socket),
		IN_PLACE(first_signal_drains_second_leaves),
		IN_PLACE(drain_ends_at_its_deadline),
		IN_PLACE(output_is_made_ready_and_restored),
		IN_PLACE(write_waits_for_a_slow_reader),
		IN_PLACE(write_to_a_reader_that_left),
		IN_PLACE(write_gives_up_when_told_twice),
		IN_PLACE(write_to_a_full_disk),
	};
	log_init("nftest");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
