#include "goflow/daemon_api.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "goflow/api.h"
#include "goflow/child.h"
#include "lib/err.h"
#include "lib/instant.h"
#include "lib/log.h"

#define BACKOFF_NS     (200 * NS_PER_MS)
#define BACKOFF_MAX_NS (30 * NS_PER_S)
#define STEADY_NS      (60 * NS_PER_S) /* it does not fail in a row when it ran so long */
#define STOP_S         5               /* for its clients to be told; then it is killed */

static void address_of(const struct config *c, char out[static API_ADDRESS_MAX])
{
	snprintf(out, API_ADDRESS_MAX, "[%s]:%s", c->values[KEY_API_BINDADDR].text,
		c->values[KEY_API_BINDPORT].text);
}

int api_child_prepare(const struct api_child *a, const struct config *c, int *fd)
{
	char address[API_ADDRESS_MAX];
	address_of(c, address);
	*fd = -1;
	if (a->fd >= 0 && strcmp(address, a->address) == 0)
		return 0;
	*fd = api_listen(c);
	if (*fd >= 0)
		return 0;
	if (a->fd >= 0 && strcmp(strrchr(address, ':'), strrchr(a->address, ':')) == 0)
		log_error("api: goflow itself listens on %s: to move to %s, restart it", a->address,
			address);
	return ERR_IO;
}

void api_child_commit(struct api_child *a, const struct config *c, int fd)
{
	if (fd >= 0) {
		if (a->fd >= 0)
			close(a->fd);
		a->fd = fd;
		address_of(c, a->address);
	}
	a->failures = 0;
	a->retry_ns = 0;
	if (a->pid) /* the next one knows the new configuration */
		kill(a->pid, SIGTERM);
}

/* In the child. Never returns. */
static void become(const struct config *c, const char *path, int fd, pid_t parent)
{
	sigset_t none;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	prctl(PR_SET_NAME, "goflow-api");
	if (getppid() != parent)
		_exit(EXIT_IO);
	setpgid(0, 0);
	/* pipes of the pipelines above all: a stage would wait for the end of one that is held here
	 */
	if (dup2(fd, STAGE_FD) < 0 || close_range(STAGE_FD + 1, ~0U, 0) != 0) {
		log_error("api: descriptors: %s", strerror(errno));
		_exit(EXIT_IO);
	}
	fcntl(STAGE_FD, F_SETFD, FD_CLOEXEC);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	_exit(api_run(c, path, STAGE_FD));
}

uint64_t api_child_advance(
	struct api_child *a, const struct config *c, const char *path, uint64_t now_ns)
{
	if (a->pid)
		return UINT64_MAX;
	if (a->retry_ns > now_ns)
		return a->retry_ns;
	pid_t parent = getpid(), pid = fork();
	if (pid == 0)
		become(c, path, a->fd, parent);
	if (pid > 0) {
		a->pid = pid;
		a->started_ns = now_ns;
		return UINT64_MAX;
	}
	log_error("api: fork: %s", strerror(errno));
	a->retry_ns = now_ns + BACKOFF_MAX_NS;
	return a->retry_ns;
}

void api_child_ended(struct api_child *a, pid_t pid, int status, uint64_t now_ns)
{
	char text[64];
	if (pid != a->pid)
		return;
	a->pid = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_DONE)
		return; /* it was told to */
	if (now_ns - a->started_ns >= STEADY_NS)
		a->failures = 0;
	uint64_t delay = BACKOFF_NS << (a->failures < 8 ? a->failures : 8);
	if (delay > BACKOFF_MAX_NS)
		delay = BACKOFF_MAX_NS;
	a->failures++;
	a->retry_ns = now_ns + delay;
	log_warn("the API's process ended: it is started again status=\"%s\" in_ms=%llu",
		child_status(status, text), (unsigned long long)(delay / NS_PER_MS));
}

/* SIGCHLD is blocked, see daemon.c. */
static void end(pid_t pid)
{
	const struct timespec patience = {.tv_sec = STOP_S};
	sigset_t child;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	kill(pid, SIGTERM);
	while (waitpid(pid, NULL, WNOHANG) == 0)
		if (sigtimedwait(&child, NULL, &patience) < 0 && errno == EAGAIN)
			kill(pid, SIGKILL);
}

void api_child_stop(struct api_child *a)
{
	if (a->pid)
		end(a->pid);
	if (a->fd >= 0)
		close(a->fd);
	*a = (struct api_child){.fd = -1};
}
