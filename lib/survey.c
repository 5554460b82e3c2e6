#include "lib/survey.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/instant.h"
#include "lib/log.h"
#include "lib/stage.h"
#include "lib/stats.h"

#define STAGES_MAX 256
#define ANSWER_MAX (256 * 1024 * 1024)
#define CHUNK      (64 * 1024)

/* One conversation. */
struct talk {
	char *path;
	int fd; /* -1: over, whether it went well or not */
	char *text;
	size_t len, room;
	const char *failure; /* NULL: none so far */
};

struct talks {
	struct talk list[STAGES_MAX];
	size_t count;
};

static void add_path(struct talks *t, const char *path)
{
	char *copy = t->count < STAGES_MAX ? strdup(path) : NULL;
	if (copy)
		t->list[t->count++] = (struct talk){.path = copy, .fd = -1};
}

static int by_path(const void *a, const void *b)
{
	const struct talk *x = a, *y = b;
	return strcmp(x->path, y->path);
}

static bool ends_with(const char *name, const char *end)
{
	size_t len = strlen(name), of = strlen(end);
	return len > of && strcmp(name + len - of, end) == 0;
}

/* Adds the sockets of a folder. Returns 0, or ERR_IO (errno is set). */
static int find_in(struct talks *t, const char *dir, bool others)
{
	char path[4400], own[32];
	const struct dirent *entry;
	DIR *d = opendir(dir);
	if (!d)
		return ERR_IO;
	snprintf(own, sizeof own, ".%ld.sock", (long)getpid());
	while ((entry = readdir(d))) {
		if (!ends_with(entry->d_name, ".sock") || (others && ends_with(entry->d_name, own)))
			continue;
		snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
		add_path(t, path);
	}
	closedir(d);
	return 0;
}

static int find_sockets(struct talks *t, bool others)
{
	char dir[4096];
	const char *given = getenv("GOFLOW_RUNDIR");
	if (stats_rundir(dir, sizeof dir))
		return ERR_IO;
	if (find_in(t, dir, others)) {
		log_error("run folder %s: %s", dir, strerror(errno));
		return ERR_IO;
	}
	if (!given || !*given)
		find_in(t, SURVEY_SERVICE_RUNDIR,
			others); /* where it is, and we may look into it */
	qsort(t->list, t->count, sizeof *t->list, by_path);
	return 0;
}

static void end_talk(struct talk *t, const char *failure)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
	t->failure = failure;
}

static void begin_talk(struct talk *t, const char *request)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(t->path) >= sizeof address.sun_path) {
		end_talk(t, "its path is too long for a socket");
		return;
	}
	memcpy(address.sun_path, t->path, strlen(t->path) + 1);
	t->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (t->fd < 0 || connect(t->fd, (struct sockaddr *)&address, sizeof address)) {
		bool refused = t->fd >= 0 && errno == ECONNREFUSED;
		end_talk(t, refused ? "no stage serves it: left by one that was killed"
				    : strerror(errno));
		return;
	}
	/* a line this short fits into an empty socket buffer */
	char line[STATS_REQUEST_MAX + 1];
	int len = snprintf(line, sizeof line, "%s\n", request);
	if (send(t->fd, line, (size_t)len, MSG_NOSIGNAL) != len)
		end_talk(t, strerror(errno));
}

static void listen_to(struct talk *t)
{
	if (t->room - t->len < CHUNK) {
		size_t room = t->room ? 2 * t->room : 2 * CHUNK;
		char *text = room <= ANSWER_MAX ? realloc(t->text, room) : NULL;
		if (!text) {
			end_talk(t, "its answer is too long");
			return;
		}
		t->text = text;
		t->room = room;
	}
	ssize_t n = read(t->fd, t->text + t->len, t->room - t->len);
	if (n > 0)
		t->len += (size_t)n;
	else if (n == 0)
		end_talk(t, t->len ? NULL : "it closed without an answer");
	else if (errno != EAGAIN && errno != EINTR)
		end_talk(t, strerror(errno));
}

/* Listens to all until all have ended or patience has. */
static void listen_to_all(struct talks *t, unsigned patience_ms)
{
	uint64_t end = monotonic_ns() + patience_ms * NS_PER_MS, now;
	for (;;) {
		struct pollfd fds[STAGES_MAX];
		size_t open = 0;
		for (size_t i = 0; i < t->count; i++) {
			fds[i] = (struct pollfd){.fd = t->list[i].fd, .events = POLLIN};
			open += t->list[i].fd >= 0;
		}
		now = monotonic_ns();
		if (!open || now >= end)
			break;
		poll(fds, t->count, (int)((end - now) / NS_PER_MS) + 1);
		for (size_t i = 0; i < t->count; i++)
			if (fds[i].fd >= 0 && fds[i].revents)
				listen_to(&t->list[i]);
	}
	for (size_t i = 0; i < t->count; i++)
		if (t->list[i].fd >= 0)
			end_talk(&t->list[i], "it does not answer");
}

static json_t *document(struct talk *t)
{
	json_t *doc = NULL;
	if (!t->failure) {
		doc = json_loadb(t->text, t->len, 0, NULL);
		if (!json_is_object(doc)) {
			json_decref(doc);
			doc = NULL;
			t->failure = "its answer is not a JSON object";
		}
	}
	if (!doc)
		doc = json_pack("{s:s}", "failure", t->failure);
	char *path = t->path;
	log_clean(path);
	json_object_set_new(doc, "socket", json_string(path));
	return doc;
}

int survey(const struct where *where, const char *request, json_t **out)
{
	struct talks *t = calloc(1, sizeof *t);
	*out = json_array();
	int code = t && *out ? 0 : ERR_MEMORY;
	for (size_t i = 0; !code && i < where->count; i++)
		add_path(t, where->sockets[i]);
	if (!code && !where->count)
		code = find_sockets(t, where->others);
	for (size_t i = 0; !code && i < t->count; i++)
		begin_talk(&t->list[i], request);
	if (!code)
		listen_to_all(t, where->patience_ms);
	for (size_t i = 0; t && i < t->count; i++) {
		if (!code)
			json_array_append_new(*out, document(&t->list[i]));
		free(t->list[i].text);
		free(t->list[i].path);
	}
	free(t);
	if (code) {
		json_decref(*out);
		*out = NULL;
	}
	return code;
}

size_t survey_answered(const json_t *docs)
{
	size_t n = 0;
	for (size_t i = 0; i < json_array_size(docs); i++)
		n += !json_object_get(json_array_get(docs, i), "failure");
	return n;
}

void survey_nobody(const struct where *where, const json_t *docs, char *out, size_t cap)
{
	char dir[4096];
	size_t found = json_array_size(docs);
	if (where->count)
		snprintf(out, cap, "no stage answers at the %s given",
			where->count == 1 ? "socket" : "sockets");
	else if (stats_rundir(dir, sizeof dir))
		snprintf(out, cap, "no stage is running: there is no run folder");
	else if (!found)
		snprintf(out, cap, "no stage is running: no socket in %s", dir);
	else
		snprintf(out, cap, "no stage is running: nobody answers at the %s in %s",
			found == 1 ? "socket" : "sockets", dir);
}
