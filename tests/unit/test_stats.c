#include "lib/stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/instant.h"
#include "lib/log.h"
#include "lib/stage.h"

static const struct counter counters[] = {
	{"received", COUNTER_IN, "datagrams read"},
	{"decoded", COUNTER_OUT, "datagrams decoded"},
	{"joined", COUNTER_OUT, "fragments"},
	{"waiting", COUNTER_WAITING, "held"},
	{"bad_header", COUNTER_LOST, "bad"},
	{"version", COUNTER_LOST, "unknown"},
	{"flows", COUNTER_INFO, "records"},
	{"options", COUNTER_INFO, "option records"},
	{"written", COUNTER_MADE, "records passed on"},
};
static uint64_t values[LEN(counters)];

#define BIG 5000000

static bool report(void *self, const char *request, json_t *doc)
{
	(void)self;
	if (strcmp(request, "status") == 0) {
		json_object_set_new(doc, "lag_ms", json_integer(5));
		return true;
	}
	if (strcmp(request, "big") != 0)
		return false;
	char *text = malloc(BIG + 1);
	assert_non_null(text);
	memset(text, 'x', BIG);
	text[BIG] = '\0';
	json_object_set_new(doc, "text", json_string(text));
	free(text);
	return true;
}

static void refresh(void *self)
{
	(void)self;
	values[3] = 2;
}

static const struct stats_source source = {
	.program = "nftest",
	.ledger_unit = "datagrams",
	.counters = counters,
	.values = values,
	.count = LEN(counters),
	.report = report,
	.refresh = refresh,
};

/* Each test has a folder of its own, in which the socket is. */
struct place {
	char dir[32], path[64];
	struct stats *stats;
};

static int enter(void **state)
{
	struct place *p = calloc(1, sizeof *p);
	memset(values, 0, sizeof values);
	if (!p)
		return -1;
	strcpy(p->dir, "/tmp/gf.XXXXXX");
	if (!mkdtemp(p->dir))
		return -1;
	snprintf(p->path, sizeof p->path, "%s/s.sock", p->dir);
	setenv("GOFLOW_RUNDIR", p->dir, 1);
	*state = p;
	return 0;
}

static int leave(void **state)
{
	struct place *p = *state;
	stats_close(p->stats);
	unlink(p->path);
	if (rmdir(p->dir)) {
		fprintf(stderr, "%s: %s\n", p->dir, strerror(errno));
		return -1;
	}
	free(p);
	return 0;
}

/* Serves until fd has something to read (or has ended), or the time is over. */
static bool serve_until(struct stats *s, int fd, int timeout_ms)
{
	uint64_t end = monotonic_ns() + (uint64_t)timeout_ms * 1000000;
	for (;;) {
		struct pollfd fds[] = {
			{.fd = stats_fd(s), .events = POLLIN}, {.fd = fd, .events = POLLIN}};
		uint64_t now = monotonic_ns();
		if (now >= end)
			return false;
		poll(fds, 2, (int)((end - now) / 1000000) + 1);
		if (fds[0].revents)
			stats_serve(s);
		if (fds[1].revents)
			return true;
	}
}

static int client(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* All that a client gets until it is hung up on; the caller frees it. */
static char *hear(struct stats *s, int fd)
{
	char *text = malloc(BIG + 1000);
	size_t len = 0;
	for (;;) {
		assert_true(serve_until(s, fd, 5000));
		ssize_t n = read(fd, text + len, BIG + 999 - len);
		if (n < 0 && errno == EAGAIN)
			continue;
		assert_true(n >= 0);
		if (n == 0)
			break;
		len += (size_t)n;
	}
	close(fd);
	text[len] = '\0';
	return text;
}

static json_t *ask(struct stats *s, const char *path, const char *request)
{
	int fd = client(path);
	say(fd, request);
	char *text = hear(s, fd);
	size_t len = strlen(text);
	assert_true(len > 1 && text[len - 1] == '\n' && !memchr(text, '\n', len - 1));
	json_t *doc = json_loads(text, 0, NULL);
	assert_non_null(doc);
	free(text);
	return doc;
}

static json_int_t number(json_t *doc, const char *key)
{
	assert_true(json_is_integer(json_object_get(doc, key)));
	return json_integer_value(json_object_get(doc, key));
}

static void status_tells_all(void **state)
{
	struct place *p = *state;
	assert_int_equal(stats_open(&p->stats, p->path, &source), 0);
	values[0] = 100, values[1] = 90, values[2] = 3, values[4] = 4, values[5] = 1,
	values[8] = 7000;
	for (int i = 0; i < 2; i++) {
		json_t *doc = ask(p->stats, p->path, i ? "\n" : "status\n"), *ledger, *lost;
		assert_string_equal(json_string_value(json_object_get(doc, "program")), "nftest");
		assert_string_equal(
			json_string_value(json_object_get(doc, "version")), GOFLOW_VERSION);
		assert_int_equal(number(doc, "pid"), getpid());
		assert_true(number(doc, "uptime_ms") >= 0);
		assert_non_null(json_object_get(doc, "started"));
		assert_non_null(json_object_get(doc, "now"));
		assert_int_equal(number(doc, "lag_ms"), 5);
		assert_int_equal(number(json_object_get(doc, "counters"), "joined"), 3);
		ledger = json_object_get(doc, "ledger");
		lost = json_object_get(ledger, "lost");
		assert_string_equal(
			json_string_value(json_object_get(ledger, "unit")), "datagrams");
		assert_int_equal(number(ledger, "in"), 100);
		assert_int_equal(number(ledger, "out"), 93);
		assert_int_equal(number(ledger, "waiting"), 2);
		assert_int_equal(number(ledger, "made"), 7000);
		assert_int_equal(number(lost, "bad_header"), 4);
		assert_int_equal(number(lost, "version"), 1);
		assert_int_equal(json_object_size(lost), 2);
		json_decref(doc);
	}
	assert_int_equal(stats_gap(&source), 0);
	values[0]++;
	assert_int_equal(stats_gap(&source), 1);
}

static void lag_is_from_receipt_until_now(void **state)
{
	uint64_t now = instant_now().ns;
	(void)state;
	assert_in_range(stats_lag_ms(now - 5 * NS_PER_S), 5000, 30000);
	assert_int_equal(stats_lag_ms(now + 3600 * NS_PER_S), 0); /* clocks may differ */
}

/* What is passed on in the stage's own unit is "out" and "made" at once. */
static void passed_counts_as_out(void **state)
{
	static const struct counter table[] = {
		{"received", COUNTER_IN, ""},
		{"written", COUNTER_PASSED, ""},
		{"filtered", COUNTER_OUT, ""},
	};
	static const uint64_t counts[] = {10, 6, 4};
	static const struct stats_source receiver = {
		.program = "nftest",
		.ledger_unit = "datagrams",
		.counters = table,
		.values = counts,
		.count = LEN(table),
	};
	(void)state;
	json_t *doc = stats_document(&receiver, ""), *ledger = json_object_get(doc, "ledger");
	assert_int_equal(number(ledger, "out"), 10);
	assert_int_equal(number(ledger, "made"), 6);
	assert_int_equal(stats_gap(&receiver), 0);
	json_decref(doc);
}

static void unknown_request_is_refused(void **state)
{
	struct place *p = *state;
	assert_int_equal(stats_open(&p->stats, p->path, &source), 0);
	json_t *doc = ask(p->stats, p->path, "shutdown\n");
	assert_non_null(json_object_get(doc, "error"));
	assert_null(json_object_get(doc, "counters"));
	json_decref(doc);
}

static void request_may_come_in_pieces_or_end_without_newline(void **state)
{
	struct place *p = *state;
	assert_int_equal(stats_open(&p->stats, p->path, &source), 0);
	int fd = client(p->path);
	say(fd, "sta");
	assert_false(serve_until(p->stats, fd, 20));
	say(fd, "tus");
	shutdown(fd, SHUT_WR);
	char *text = hear(p->stats, fd);
	assert_non_null(strstr(text, "\"counters\""));
	free(text);
}

static void oversize_request_is_refused(void **state)
{
	struct place *p = *state;
	char request[3000];
	assert_int_equal(stats_open(&p->stats, p->path, &source), 0);
	static const size_t lengths[] = {
		STATS_REQUEST_MAX, STATS_REQUEST_MAX + 1, 2 * STATS_REQUEST_MAX + 3, 2500};
	for (size_t i = 0; i < LEN(lengths); i++) {
		memset(request, 'x', lengths[i]);
		strcpy(request + lengths[i], "\n");
		json_t *doc = ask(p->stats, p->path, request);
		const char *error = json_string_value(json_object_get(doc, "error"));
		assert_int_equal(strcmp(error, "the request is too long") == 0, i > 0);
		json_decref(doc);
	}
}

static void big_answer_arrives_whole(void **state)
{
	struct place *p = *state;
	assert_int_equal(stats_open(&p->stats, p->path, &source), 0);
	json_t *doc = ask(p->stats, p->path, "big\n");
	assert_int_equal(json_string_length(json_object_get(doc, "text")), BIG);
	json_decref(doc);
}

static void client_that_leaves_early_is_no_harm(void **state)
{
	struct place *p = *state;
	assert_int_equal(stats_open(&p->stats, p->path, &source), 0);
	close(client(p->path));
	int fd = client(p->path);
	say(fd, "big\n");
	assert_true(serve_until(p->stats, fd, 5000));
	close(fd);
	json_decref(ask(p->stats, p->path, "status\n"));
}

/* Sixteen that say nothing hold all places: the next one waits until they are dropped. */
static void slow_clients_are_dropped_and_the_seventeenth_waits(void **state)
{
	struct place *p = *state;
	int slow[STATS_CLIENTS];
	assert_int_equal(stats_open(&p->stats, p->path, &source), 0);
	for (size_t i = 0; i < LEN(slow); i++)
		slow[i] = client(p->path);
	uint64_t began = monotonic_ns();
	int last = client(p->path);
	say(last, "status\n");
	assert_false(serve_until(p->stats, last, 200));
	struct pollfd idle = {.fd = stats_fd(p->stats), .events = POLLIN};
	assert_int_equal(poll(&idle, 1, 0), 0); /* and meanwhile the stage is left in peace */
	char *text = hear(p->stats, last);
	assert_non_null(strstr(text, "\"counters\""));
	free(text);
	assert_true(monotonic_ns() - began >= STATS_PATIENCE_NS - 100000000);
	for (size_t i = 0; i < LEN(slow); i++) {
		char c;
		assert_int_equal(read(slow[i], &c, 1), 0);
		close(slow[i]);
	}
}

static void client_that_takes_nothing_is_dropped(void **state)
{
	struct place *p = *state;
	assert_int_equal(stats_open(&p->stats, p->path, &source), 0);
	int fd = client(p->path);
	say(fd, "big\n");
	uint64_t end = monotonic_ns() + 4 * STATS_PATIENCE_NS;
	struct pollfd gone = {.fd = fd, .events = 0}; /* POLLHUP comes unasked */
	while (!(gone.revents & POLLHUP) && monotonic_ns() < end) {
		struct pollfd fds[] = {{.fd = stats_fd(p->stats), .events = POLLIN}, gone};
		poll(fds, 2, 1000);
		if (fds[0].revents)
			stats_serve(p->stats);
		gone.revents = fds[1].revents;
	}
	assert_true(gone.revents & POLLHUP);
	close(fd);
}

static void socket_is_ours_alone(void **state)
{
	struct place *p = *state;
	struct stat st;
	mode_t old = umask(0);
	assert_int_equal(stats_open(&p->stats, p->path, &source), 0);
	umask(old);
	assert_int_equal(lstat(p->path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0600);
	stats_close(p->stats);
	p->stats = NULL;
	assert_int_equal(lstat(p->path, &st), -1);
}

static void stale_socket_is_replaced(void **state)
{
	struct place *p = *state;
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	strcpy(a.sun_path, p->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	close(fd);
	assert_int_equal(stats_open(&p->stats, p->path, &source), 0);
	json_decref(ask(p->stats, p->path, "status\n"));
}

static void live_socket_is_refused(void **state)
{
	struct place *p = *state;
	struct stats *second = NULL;
	assert_int_equal(stats_open(&p->stats, p->path, &source), 0);
	assert_int_equal(stats_open(&second, p->path, &source), ERR_IO);
	assert_null(second);
	json_decref(ask(p->stats, p->path, "status\n"));
}

static void what_is_no_socket_is_left_alone(void **state)
{
	struct place *p = *state;
	struct stat st;
	close(open(p->path, O_CREAT | O_WRONLY, 0644));
	assert_int_equal(stats_open(&p->stats, p->path, &source), ERR_IO);
	assert_int_equal(lstat(p->path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	unlink(p->path);
	assert_int_equal(symlink("/nonexistent/x", p->path), 0);
	assert_int_equal(stats_open(&p->stats, p->path, &source), ERR_IO);
	assert_int_equal(lstat(p->path, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
}

static void path_too_long_is_refused(void **state)
{
	struct place *p = *state;
	char path[200];
	memset(path, 'x', sizeof path);
	memcpy(path, "/tmp/", 5);
	path[108] = '\0';
	assert_int_equal(stats_open(&p->stats, path, &source), ERR_IO);
	assert_null(p->stats);
}

/* Another process's socket that took our name since is not ours to remove. */
static void only_our_own_socket_is_removed(void **state)
{
	struct place *p = *state;
	struct stats *second;
	struct stat st;
	assert_int_equal(stats_open(&p->stats, p->path, &source), 0);
	unlink(p->path);
	assert_int_equal(stats_open(&second, p->path, &source), 0);
	stats_close(p->stats);
	p->stats = NULL;
	assert_int_equal(lstat(p->path, &st), 0);
	stats_close(second);
	assert_int_equal(lstat(p->path, &st), -1);
}

static void default_socket_has_program_and_pid(void **state)
{
	struct place *p = *state;
	char path[128], stale[128];
	struct stat st;
	pid_t gone = fork();
	if (gone == 0)
		_exit(0);
	waitpid(gone, NULL, 0);
	snprintf(stale, sizeof stale, "%s/nftest.%d.sock", p->dir, gone);
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	strcpy(a.sun_path, stale);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	close(fd);
	assert_int_equal(stats_open(&p->stats, NULL, &source), 0);
	assert_int_equal(lstat(stale, &st), -1); /* a killed stage's is cleared away */
	snprintf(path, sizeof path, "%s/nftest.%d.sock", p->dir, getpid());
	json_decref(ask(p->stats, path, "status\n"));
}

/* A default socket that cannot be made is a warning: the stage runs without. */
static void default_socket_may_fail(void **state)
{
	struct place *p = *state;
	setenv("GOFLOW_RUNDIR", "/nonexistent/folder", 1);
	assert_int_equal(stats_open(&p->stats, NULL, &source), 0);
	assert_int_equal(stats_fd(p->stats), -1);
	stats_serve(p->stats);
	stats_close(p->stats);
	p->stats = NULL;
	assert_int_equal(stats_open(&p->stats, "/nonexistent/folder/s.sock", &source), ERR_IO);
}

static void given_run_folder_is_made(void **state)
{
	struct place *p = *state;
	char dir[64], out[128];
	struct stat st;
	snprintf(dir, sizeof dir, "%s/run", p->dir);
	setenv("GOFLOW_RUNDIR", dir, 1);
	assert_int_equal(stats_rundir(out, sizeof out), 0);
	assert_string_equal(out, dir);
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(stats_rundir(out, 4), ERR_IO);
	rmdir(dir);
	close(open(dir, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(stats_rundir(out, sizeof out), ERR_IO);
	unlink(dir);
}

/* Runs stats_rundir as a user that has no /run/user folder; 0, or why it failed. Only root can. */
static int rundir_as(uid_t uid, const char *expected)
{
	pid_t child = fork();
	int status = 0;
	if (child == 0) {
		char out[128] = "";
		unsetenv("GOFLOW_RUNDIR");
		if (setuid(uid))
			_exit(3);
		if (stats_rundir(out, sizeof out))
			_exit(1);
		_exit(strcmp(out, expected) == 0 ? 0 : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void folder_in_tmp_must_be_our_own(void **state)
{
	const uid_t uid = 60000 + (uid_t)getpid() % 5000, other = 65533;
	char path[64], elsewhere[64];
	struct stat st;
	(void)state;
	if (geteuid() != 0)
		skip();
	snprintf(path, sizeof path, "/tmp/goflow-%u", (unsigned)uid);
	snprintf(elsewhere, sizeof elsewhere, "/tmp/goflow-%u.real", (unsigned)uid);
	assert_int_equal(rundir_as(uid, path), 0);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_uid, uid);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(rundir_as(uid, path), 0); /* again, now that it is there */
	assert_int_equal(chmod(path, 0770), 0);
	assert_int_equal(rundir_as(uid, path), 1);
	assert_int_equal(chmod(path, 0700), 0);
	assert_int_equal(chown(path, other, 0), 0);
	assert_int_equal(rundir_as(uid, path), 1);
	assert_int_equal(chmod(path, 0755), 0);
	assert_int_equal(rundir_as(uid, path), 1);
	assert_int_equal(chmod(path, 0700), 0);
	assert_int_equal(rename(path, elsewhere), 0);
	assert_int_equal(chown(elsewhere, uid, 0), 0);
	assert_int_equal(symlink(elsewhere, path), 0);
	assert_int_equal(rundir_as(uid, path), 1);
	unlink(path);
	rmdir(elsewhere);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(chown(path, uid, 0), 0);
	assert_int_equal(rundir_as(uid, path), 1);
	unlink(path);
}

/* The totals line, as standard error gets it. */
static void totals_are_one_line(void **state)
{
	FILE *file = tmpfile();
	char line[512];
	(void)state;
	values[0] = 100, values[1] = 90, values[4] = 3, values[6] = 2000, values[8] = 1999;
	int saved = dup(STDERR_FILENO);
	dup2(fileno(file), STDERR_FILENO);
	uint64_t lost = stats_totals(&source);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	assert_non_null(fgets(line, sizeof line, file));
	fclose(file);
	assert_int_equal(lost, 3);
	assert_string_equal(line,
		"info nftest: totals unit=datagrams received=100 decoded=90 joined=0 waiting=2 "
		"bad_header=3 written=1999 flows=2000 gap=5\n");
}

int main(void)
{
#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, enter, leave)
	const struct CMUnitTest tests[] = {
		IN_PLACE(status_tells_all),
		cmocka_unit_test(lag_is_from_receipt_until_now),
		IN_PLACE(passed_counts_as_out),
		IN_PLACE(unknown_request_is_refused),
		IN_PLACE(request_may_come_in_pieces_or_end_without_newline),
		IN_PLACE(oversize_request_is_refused),
		IN_PLACE(big_answer_arrives_whole),
		IN_PLACE(client_that_leaves_early_is_no_harm),
		IN_PLACE(slow_clients_are_dropped_and_the_seventeenth_waits),
		IN_PLACE(client_that_takes_nothing_is_dropped),
		IN_PLACE(socket_is_ours_alone),
		IN_PLACE(stale_socket_is_replaced),
		IN_PLACE(live_socket_is_refused),
		IN_PLACE(what_is_no_socket_is_left_alone),
		IN_PLACE(path_too_long_is_refused),
		IN_PLACE(only_our_own_socket_is_removed),
		IN_PLACE(default_socket_has_program_and_pid),
		IN_PLACE(default_socket_may_fail),
		IN_PLACE(given_run_folder_is_made),
		IN_PLACE(folder_in_tmp_must_be_our_own),
		IN_PLACE(totals_are_one_line),
	};
	log_init("nftest");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
