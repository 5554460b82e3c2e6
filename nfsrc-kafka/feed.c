/* Where the stream goes: a sink on a socket, which acknowledges on it, or standard output. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/instant.h"
#include "lib/log.h"
#include "nfsrc-kafka/nfsrc_kafka.h"

#define FINISH_NS (5 * NS_PER_S)  /* for a sink to end, before it is told to */
#define LEAVE_NS  (10 * NS_PER_S) /* and then, before it is made to */
#define SLICE_MS  20
#define NOT_FOUND 127 /* as a shell says it */
#define KILLED    128 /* and the signal's number is added */

/* In the new process: the sink in its place. */
static void become(char **command, int input)
{
	if (dup2(input, STDIN_FILENO) >= 0)
		execvp(command[0], command);
	log_error("%s: %s", command[0], strerror(errno));
	_exit(NOT_FOUND);
}

static int start(struct source *s)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
		log_error("socket for the sink: %s", strerror(errno));
		return ERR_IO;
	}
	s->feed.child = fork();
	if (s->feed.child == 0)
		become(s->command, pair[1]);
	close(pair[1]);
	s->feed.fd = pair[0];
	if (s->feed.child > 0)
		return 0;
	s->feed.child = 0;
	log_error("no process for the sink: %s", strerror(errno));
	return ERR_IO;
}

int feed_open(struct source *s)
{
	s->feed.fd = STDOUT_FILENO;
	s->feed.buf = malloc(OUT_ROOM);
	if (!s->feed.buf) {
		log_error("%s", err_sentence(ERR_MEMORY));
		return ERR_IO;
	}
	if (s->command && start(s))
		return ERR_IO;
	stage_output_begin(&s->feed.output, s->feed.fd);
	return 0;
}

bool feed_room(const struct feed *f)
{
	return f->len - f->pos <= OUT_FULL;
}

uint8_t *feed_tail(struct feed *f)
{
	if (f->pos) {
		memmove(f->buf, f->buf + f->pos, f->len - f->pos);
		f->len -= f->pos;
		f->pos = 0;
	}
	return f->buf + f->len;
}

void feed_put(struct feed *f, size_t len)
{
	f->len += len;
	f->put += len;
}

int feed_write(struct source *s)
{
	struct feed *f = &s->feed;
	while (f->pos < f->len) {
		ssize_t n = write(f->fd, f->buf + f->pos, f->len - f->pos);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			return errno == EPIPE || errno == ECONNRESET ? ERR_CLOSED : ERR_IO;
		f->pos += (size_t)n;
		f->written += (uint64_t)n;
	}
	flight_written(s, f->written);
	return 0;
}

/* "ack STREAM-ID SEQUENCE" */
static void take_line(struct source *s, const char *line)
{
	struct stream_id id;
	const char *number = line + 4 + 2 * sizeof id.b;
	char *end = NULL;
	uint64_t sequence = 0;
	bool good = strncmp(line, "ack ", 4) == 0 && !stream_id_parse(line + 4, &id) &&
		    number[0] == ' ' && number[1] >= '0' && number[1] <= '9';
	if (good)
		sequence = strtoull(number + 1, &end, 10);
	if (good && !*end)
		flight_acknowledged(s, &id, sequence);
	else
		log_warn("the sink writes what is no acknowledgement: %s", line);
}

static void take_text(struct source *s, const char *text, size_t len)
{
	struct feed *f = &s->feed;
	for (size_t i = 0; i < len; i++) {
		if (text[i] != '\n' && f->line_len + 1 < sizeof f->line) {
			f->line[f->line_len++] = text[i];
			continue;
		}
		f->line[f->line_len] = '\0';
		f->line_len = 0;
		take_line(s, f->line);
	}
}

int feed_read(struct source *s)
{
	char text[4096];
	for (;;) {
		ssize_t n = recv(s->feed.fd, text, sizeof text, MSG_DONTWAIT);
		if (n > 0)
			take_text(s, text, (size_t)n);
		else if (n == 0 || errno == ECONNRESET)
			return ERR_CLOSED;
		else if (errno == EAGAIN)
			return 0;
		else if (errno != EINTR)
			return ERR_IO;
	}
}

short feed_events(const struct feed *f)
{
	return (short)((f->child ? POLLIN : 0) | (f->pos < f->len ? POLLOUT : 0));
}

int feed_step(struct source *s, int timeout_ms)
{
	struct pollfd fd = {.fd = s->feed.fd, .events = feed_events(&s->feed)};
	if (stage_wait(&s->stage, &fd, 1, timeout_ms) < 0)
		return ERR_IO;
	int err = s->feed.shut ? 0 : feed_write(s);
	/* what a sink acknowledged before it ended is read all the same */
	int ended = s->feed.child && fd.revents & (POLLIN | POLLHUP) ? feed_read(s) : 0;
	return err ? err : ended;
}

static bool gone(pid_t child, int *status, uint64_t end_ns)
{
	pid_t found;
	while ((found = waitpid(child, status, WNOHANG)) == 0 && monotonic_ns() < end_ns)
		poll(NULL, 0, SLICE_MS);
	return found != 0;
}

/* Returns the sink's exit status; 0 where it had to be told to end, since what it has not
 * acknowledged stays in Kafka. */
static int reap(const struct source *s)
{
	pid_t child = s->feed.child;
	int status = 0;
	if (gone(child, &status, monotonic_ns() + (s->stage.signals > 1 ? 0 : NS_PER_S)))
		return WIFSIGNALED(status) ? KILLED + WTERMSIG(status) : WEXITSTATUS(status);
	log_warn("the sink does not end: it is told to");
	kill(child, SIGTERM);
	if (gone(child, &status, monotonic_ns() + LEAVE_NS))
		return 0;
	log_warn("the sink does not end: it is killed");
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	return 0;
}

int feed_finish(struct source *s)
{
	struct feed *f = &s->feed;
	uint64_t end = monotonic_ns() + FINISH_NS;
	int err = 0;
	while (!err && f->pos < f->len && monotonic_ns() < end && s->stage.signals < 2)
		err = feed_step(s, SLICE_MS);
	stage_output_end(&f->output);
	if (!f->child)
		return 0;
	f->shut = true;
	shutdown(f->fd, SHUT_WR);
	while (err != ERR_CLOSED && err != ERR_IO && monotonic_ns() < end && s->stage.signals < 2)
		err = feed_step(s, SLICE_MS);
	int code = reap(s);
	feed_read(s);
	close(f->fd);
	f->fd = -1;
	return code;
}
