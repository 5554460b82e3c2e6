#include "lib/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base.h"
#include "lib/counters.h"
#include "lib/err.h"
#include "lib/instant.h"
#include "lib/log.h"
#include "lib/stage.h"
#include "lib/stats_paths.h"

/* What an event of the inner epoll belongs to: a client's index, or one of these. */
enum { TAG_LISTENER = STATS_CLIENTS, TAG_TIMER };

struct client {
	int fd;               /* -1: free */
	uint64_t deadline_ns; /* monotonic */
	char request[STATS_REQUEST_MAX + 1];
	size_t got;
	bool too_long; /* what came before request[0] was passed over */
	char *answer;  /* owned; NULL while the request is not whole */
	size_t len, sent;
};

struct stats {
	const struct stats_source *source;
	char path[STATS_PATH_MAX];
	dev_t dev; /* of the socket file that we made */
	ino_t ino;
	int listen_fd, epoll_fd, timer_fd; /* -1: nothing is served */
	bool accepting;
	uint64_t resume_ns; /* when to accept again after a failure; 0: when a place is free */
	struct client clients[STATS_CLIENTS];
};

static int watch(struct stats *s, int op, int fd, uint32_t events, uint32_t tag)
{
	struct epoll_event e = {.events = events, .data.u32 = tag};
	return epoll_ctl(s->epoll_fd, op, fd, &e);
}

static void set_accepting(struct stats *s, bool on)
{
	if (s->accepting != on)
		watch(s, EPOLL_CTL_MOD, s->listen_fd, on ? EPOLLIN : 0, TAG_LISTENER);
	s->accepting = on;
}

/* Sets the timer to the earliest deadline, or off. */
static void arm(struct stats *s)
{
	uint64_t first = s->resume_ns;
	for (size_t i = 0; i < STATS_CLIENTS; i++) {
		const struct client *c = &s->clients[i];
		if (c->fd >= 0 && (!first || c->deadline_ns < first))
			first = c->deadline_ns;
	}
	struct itimerspec when = {
		.it_value = {(time_t)(first / NS_PER_S), (long)(first % NS_PER_S)},
	};
	timerfd_settime(s->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void drop(struct client *c)
{
	close(c->fd); /* which takes it out of the epoll too */
	free(c->answer);
	*c = (struct client){.fd = -1};
}

static void send_answer(struct stats *s, struct client *c)
{
	while (c->sent < c->len) {
		ssize_t n = send(
			c->fd, c->answer + c->sent, c->len - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			watch(s, EPOLL_CTL_MOD, c->fd, EPOLLOUT, (uint32_t)(c - s->clients));
			return;
		}
		if (n < 0)
			break;
		c->sent += (size_t)n;
		c->deadline_ns = monotonic_ns() + STATS_PATIENCE_NS;
	}
	drop(c);
}

static void answer(struct stats *s, struct client *c, json_t *doc)
{
	char *text = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
	json_decref(doc);
	size_t len = text ? strlen(text) : 0;
	c->answer = text ? malloc(len + 2) : NULL;
	if (!c->answer) {
		free(text);
		drop(c);
		return;
	}
	memcpy(c->answer, text, len);
	memcpy(c->answer + len, "\n", 2);
	free(text);
	c->len = len + 1;
	send_answer(s, c);
}

static void take_request(struct stats *s, struct client *c)
{
	ssize_t n = recv(c->fd, c->request + c->got, sizeof c->request - c->got, MSG_DONTWAIT);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			drop(c);
		return;
	}
	char *end = memchr(c->request + c->got, '\n', (size_t)n);
	c->got += (size_t)n;
	if (!end && n == 0)
		end = c->request + c->got;
	if (end) {
		*end = '\0';
		answer(s, c,
			c->too_long ? json_pack("{s:s}", "error", "the request is too long")
				    : stats_document(s->source, c->request));
	} else if (c->got > STATS_REQUEST_MAX) {
		/* read on to its end, since closing a socket with bytes unread resets it */
		c->too_long = true;
		c->got = 0;
	}
}

static struct client *free_client(struct stats *s)
{
	for (size_t i = 0; i < STATS_CLIENTS; i++)
		if (s->clients[i].fd < 0)
			return &s->clients[i];
	return NULL;
}

static void accept_clients(struct stats *s)
{
	struct client *c;
	while ((c = free_client(s))) {
		int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (fd < 0) {
			/* out of descriptors: the client stays in the queue, do not spin on it */
			if (errno != EAGAIN)
				s->resume_ns = monotonic_ns() + NS_PER_S;
			break;
		}
		if (watch(s, EPOLL_CTL_ADD, fd, EPOLLIN, (uint32_t)(c - s->clients))) {
			close(fd);
			continue;
		}
		c->fd = fd;
		c->deadline_ns = monotonic_ns() + STATS_PATIENCE_NS;
	}
}

static void drop_late(struct stats *s)
{
	uint64_t expirations, now = monotonic_ns();
	if (read(s->timer_fd, &expirations, sizeof expirations) < 0)
		return;
	for (size_t i = 0; i < STATS_CLIENTS; i++)
		if (s->clients[i].fd >= 0 && s->clients[i].deadline_ns <= now)
			drop(&s->clients[i]);
	if (s->resume_ns <= now)
		s->resume_ns = 0;
}

static void serve_one(struct stats *s, uint32_t tag)
{
	if (tag == TAG_LISTENER)
		accept_clients(s);
	else if (tag == TAG_TIMER)
		drop_late(s);
	else if (s->clients[tag].fd >= 0 && s->clients[tag].answer)
		send_answer(s, &s->clients[tag]);
	else if (s->clients[tag].fd >= 0)
		take_request(s, &s->clients[tag]);
}

void stats_serve(struct stats *s)
{
	struct epoll_event events[STATS_CLIENTS + 2];
	if (s->epoll_fd < 0)
		return;
	int n = epoll_wait(s->epoll_fd, events, LEN(events), 0);
	for (int i = 0; i < n; i++)
		serve_one(s, events[i].data.u32);
	set_accepting(s, !s->resume_ns && free_client(s));
	arm(s);
}

const char *stats_path(const struct stats *s)
{
	return s->listen_fd >= 0 ? s->path : NULL;
}

int stats_fd(const struct stats *s)
{
	return s->epoll_fd;
}

static int begin_serving(struct stats *s)
{
	struct stat st;
	if (lstat(s->path, &st) || listen(s->listen_fd, STATS_CLIENTS))
		return ERR_IO;
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	s->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (s->epoll_fd < 0 || s->timer_fd < 0)
		return ERR_IO;
	s->accepting = true;
	if (watch(s, EPOLL_CTL_ADD, s->listen_fd, EPOLLIN, TAG_LISTENER) ||
		watch(s, EPOLL_CTL_ADD, s->timer_fd, EPOLLIN, TAG_TIMER))
		return ERR_IO;
	return 0;
}

static void release(struct stats *s)
{
	struct stat st;
	for (size_t i = 0; i < STATS_CLIENTS; i++)
		if (s->clients[i].fd >= 0)
			drop(&s->clients[i]);
	if (s->listen_fd >= 0 && !lstat(s->path, &st) && st.st_dev == s->dev && st.st_ino == s->ino)
		unlink(s->path);
	int *fds[] = {&s->listen_fd, &s->epoll_fd, &s->timer_fd};
	for (size_t i = 0; i < LEN(fds); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

/* Makes s serve at its path; on failure nothing is left behind and a line was logged. */
static int serve_at(struct stats *s, enum log_level level)
{
	s->listen_fd = stats_bind(s->path, level);
	if (s->listen_fd < 0)
		return ERR_IO;
	if (!begin_serving(s))
		return 0;
	log_at(level, "stats socket %s: %s", s->path, strerror(errno));
	release(s);
	return ERR_IO;
}

static int serve_given(struct stats *s, const char *path)
{
	if (strlen(path) >= sizeof s->path) {
		log_error("stats socket %s: the path is longer than %zu bytes", path,
			sizeof s->path - 1);
		return ERR_IO;
	}
	memcpy(s->path, path, strlen(path) + 1);
	return serve_at(s, LOG_ERROR);
}

int stats_open(struct stats **out, const char *path, const struct stats_source *source)
{
	struct stats *s = calloc(1, sizeof *s);
	*out = NULL;
	if (!s)
		return ERR_MEMORY;
	stats_mark_start();
	counters_describe(source);
	json_object_seed(0); /* it opens a device, which a confined process could not do later */
	s->source = source;
	s->listen_fd = s->epoll_fd = s->timer_fd = -1;
	for (size_t i = 0; i < STATS_CLIENTS; i++)
		s->clients[i].fd = -1;
	if (path && serve_given(s, path)) {
		free(s);
		return ERR_IO;
	}
	/* who did not ask for a socket can do without one */
	if (!path && !stats_default_path(source->program, s->path, sizeof s->path))
		serve_at(s, LOG_WARN);
	*out = s;
	return 0;
}

void stats_close(struct stats *s)
{
	if (!s)
		return;
	release(s);
	free(s);
}
