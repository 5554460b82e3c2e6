#include "lib/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/instant.h"
#include "lib/log.h"

#define FDS_MAX   64
#define PIPE_SIZE (1024 * 1024)

uint64_t monotonic_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

int stage_open(struct stage *s, const char *stats_path, const struct stats_source *source)
{
	sigset_t set;
	*s = (struct stage){.signal_fd = -1};
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	signal(SIGPIPE, SIG_IGN);
	if (!sigprocmask(SIG_BLOCK, &set, NULL))
		s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signal_fd < 0) {
		log_error("signals: %s", strerror(errno));
		return ERR_IO;
	}
	int code = stats_open(&s->stats, stats_path, source);
	if (code)
		stage_close(s);
	return code;
}

void stage_close(struct stage *s)
{
	stats_close(s->stats);
	if (s->signal_fd >= 0)
		close(s->signal_fd);
	*s = (struct stage){.signal_fd = -1};
}

static void take_signals(struct stage *s)
{
	struct signalfd_siginfo info;
	while (read(s->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
		if (!s->signals++)
			s->deadline_ns = monotonic_ns() + STAGE_DRAIN_NS;
	}
}

bool stage_expired(const struct stage *s)
{
	return s->signals > 1 || (s->deadline_ns && monotonic_ns() >= s->deadline_ns);
}

/* When a wait that begins now ends, 0 for never. */
static uint64_t end_of_wait(const struct stage *s, int timeout_ms)
{
	uint64_t end = timeout_ms < 0 ? 0 : monotonic_ns() + (uint64_t)timeout_ms * NS_PER_MS;
	if (s->deadline_ns && (!end || s->deadline_ns < end))
		end = s->deadline_ns;
	return end;
}

/* Milliseconds until `end`, rounded up, so that a wait never ends early and spins. */
static int poll_timeout(uint64_t end)
{
	if (!end)
		return -1;
	uint64_t now = monotonic_ns();
	return now >= end ? 0 : (int)((end - now + NS_PER_MS - 1) / NS_PER_MS);
}

int stage_wait(struct stage *s, struct pollfd *fds, nfds_t n, int timeout_ms)
{
	struct pollfd all[FDS_MAX + 2];
	uint64_t end = end_of_wait(s, timeout_ms);
	if (n)
		memcpy(all, fds, n * sizeof *fds);
	all[n] = (struct pollfd){.fd = s->signal_fd, .events = POLLIN};
	all[n + 1] = (struct pollfd){.fd = stats_fd(s->stats), .events = POLLIN};
	for (;;) {
		int timeout = poll_timeout(end), ready = poll(all, n + 2, timeout);
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready < 0)
			return ERR_IO;
		bool signalled = all[n].revents != 0, asked = all[n + 1].revents != 0;
		if (signalled)
			take_signals(s);
		if (asked)
			stats_serve(s->stats);
		ready -= signalled + asked;
		if (ready || signalled || timeout == 0 || (end && monotonic_ns() >= end)) {
			for (nfds_t i = 0; i < n; i++)
				fds[i].revents = all[i].revents;
			return ready;
		}
	}
}

void stage_output_begin(struct stage_output *o, int fd)
{
	struct stat st;
	*o = (struct stage_output){fd, -1};
	if (fstat(fd, &st) || !(S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)))
		return;
	if (S_ISFIFO(st.st_mode))
		fcntl(fd, F_SETPIPE_SZ,
			PIPE_SIZE); /* refused past the user's limit: then it is slower */
	int flags = fcntl(fd, F_GETFL);
	if (flags >= 0 && !(flags & O_NONBLOCK) && !fcntl(fd, F_SETFL, flags | O_NONBLOCK))
		o->old_flags = flags;
}

void stage_output_end(struct stage_output *o)
{
	if (o->old_flags >= 0)
		fcntl(o->fd, F_SETFL, o->old_flags);
	o->old_flags = -1;
}

int stage_write(
	struct stage *s, const struct stage_output *o, const void *buf, size_t len, size_t *written)
{
	const char *p = buf;
	*written = 0;
	while (*written < len) {
		ssize_t n = write(o->fd, p + *written, len - *written);
		if (n >= 0) {
			*written += (size_t)n;
		} else if (errno == EPIPE || errno == ECONNRESET) {
			return ERR_CLOSED;
		} else if (errno == EAGAIN) {
			struct pollfd out = {.fd = o->fd, .events = POLLOUT};
			if (stage_expired(s))
				return ERR_STOPPED;
			if (stage_wait(s, &out, 1, -1) < 0)
				return ERR_IO;
		} else if (errno != EINTR) {
			return ERR_IO;
		}
	}
	return 0;
}
