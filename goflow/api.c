/* The API's process: one thread, one loop. */
#include "goflow/api.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "goflow/api_impl.h"
#include "lib/base.h"
#include "lib/err.h"
#include "lib/instant.h"
#include "lib/log.h"

#define TICK_NS                                                                                    \
	(5 * NS_PER_S) /* asked for at least as often, so that there are rates for whoever comes   \
			*/
#define LEAVE_NS NS_PER_S

static const struct counter counters[API_COUNTERS] = {
	[API_REQUESTS] = {"requests", COUNTER_IN, "requests received"},
	[API_ANSWERED] = {"answered", COUNTER_OUT, "answered with what was asked for"},
	[API_REFUSED] = {"refused", COUNTER_OUT, "answered with an error"},
	[API_WAITING] = {"waiting", COUNTER_WAITING, "requests in progress"},
	[API_ABANDONED] = {"abandoned", COUNTER_OUT, "the client went away, or was too slow"},
	[API_SURVEYS] = {"surveys", COUNTER_INFO, "times that all stages were asked"},
};

static void log_mhd(void *self, const char *fmt, va_list args)
{
	char text[256];
	(void)self;
	vsnprintf(text, sizeof text, fmt, args);
	text[strcspn(text, "\n")] = '\0';
	log_debug("%s", text);
}

static int start(struct api *a, int listen_fd)
{
	a->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_ERROR_LOG | MHD_ALLOW_SUSPEND_RESUME,
		0, NULL, NULL, api_handle, a, MHD_OPTION_EXTERNAL_LOGGER, log_mhd, NULL,
		MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)API_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)(API_REQUEST_NS / NS_PER_S), MHD_OPTION_NOTIFY_COMPLETED, api_completed,
		a, MHD_OPTION_NOTIFY_CONNECTION, api_notify, a, MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_END);
	if (a->daemon)
		return 0;
	log_error("api: cannot serve: %s", strerror(errno));
	return ERR_IO;
}

/* Cuts off who is too slow: MHD's own bound is on silence, which a byte now and then breaks. */
static bool drop_late(struct api *a)
{
	uint64_t now = monotonic_ns();
	bool open = false;
	for (size_t i = 0; i < LEN(a->connections); i++) {
		struct api_connection *c = &a->connections[i];
		open |= c->fd >= 0;
		if (c->fd >= 0 && c->deadline_ns && c->deadline_ns <= now)
			shutdown(c->fd, SHUT_RDWR);
	}
	return open;
}

static int wait_ms(struct api *a, bool open)
{
	MHD_UNSIGNED_LONG_LONG ms;
	uint64_t longest = open || a->job.request ? NS_PER_S : TICK_NS;
	longest /= NS_PER_MS;
	if (MHD_get_timeout(a->daemon, &ms) == MHD_YES && ms < longest)
		longest = ms;
	return (int)longest;
}

static int turn(struct api *a)
{
	int epoll_fd = MHD_get_daemon_info(a->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	struct pollfd fds[] = {
		{.fd = epoll_fd, .events = POLLIN},
		{.fd = a->job.fd, .events = POLLIN},
	};
	int ready = stage_wait(&a->stage, fds, LEN(fds), wait_ms(a, drop_late(a)));
	if (ready < 0)
		return ready;
	api_job_turn(a);
	MHD_run(a->daemon);
	if (monotonic_ns() - a->views[VIEW_STATUS].at_ns >= TICK_NS)
		api_view(a, VIEW_STATUS);
	return 0;
}

/* Takes no more, and gives those who have asked a moment. */
static void leave(struct api *a)
{
	uint64_t end = monotonic_ns() + LEAVE_NS;
	int listen_fd = MHD_quiesce_daemon(a->daemon);
	api_job_end(a);
	while (a->counts[API_WAITING] && monotonic_ns() < end && a->stage.signals < 2)
		if (turn(a))
			break;
	MHD_stop_daemon(a->daemon);
	if (listen_fd >= 0)
		close(listen_fd);
}

static enum exit_code serve(struct api *a, int listen_fd)
{
	char url[API_URL_MAX];
	int err = start(a, listen_fd);
	if (err)
		return EXIT_IO;
	log_info("serving url=%s", api_url(a->config, url));
	while (!err && !a->stage.signals)
		err = turn(a);
	leave(a);
	return err ? EXIT_IO : EXIT_DONE;
}

int api_run(const struct config *c, const char *path, int listen_fd)
{
	struct api *a = calloc(1, sizeof *a);
	enum exit_code code = EXIT_IO;
	log_init("goflow-api");
	if (!a)
		return code;
	const struct stats_source source = {
		.program = "goflow-api",
		.ledger_unit = "requests",
		.counters = counters,
		.values = a->counts,
		.count = LEN(counters),
	};
	a->config = c;
	a->path = path;
	a->loopback = api_is_loopback(c);
	a->job.fd = -1;
	for (size_t i = 0; i < LEN(a->connections); i++)
		a->connections[i].fd = -1;
	if (!api_token_load(c, true, a->token) && !stage_open(&a->stage, NULL, &source)) {
		code = serve(a, listen_fd);
		stats_totals(&source);
		stage_close(&a->stage);
	}
	api_views_free(a);
	explicit_bzero(a->token, sizeof a->token);
	free(a);
	return code;
}
