#include "goflow/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base.h"
#include "lib/counters.h"
#include "lib/err.h"
#include "lib/log.h"

#define CANNOT_RUN 127 /* the exit code, as of a shell */

static struct rlimit given; /* of descriptors, before it was raised */

void child_raise_limit(void)
{
	struct rlimit most;
	if (getrlimit(RLIMIT_NOFILE, &given) != 0)
		return;
	most = given;
	most.rlim_cur = most.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &most) != 0)
		log_debug("limit of descriptors: %s", strerror(errno));
}

/* The program beside this one, or its bare name, for $PATH. */
static void find_program(const char *name, char *out, size_t room)
{
	ssize_t len = readlink("/proc/self/exe", out, room - 1);
	char *slash = NULL;
	if (len > 0) {
		out[len] = '\0';
		slash = strrchr(out, '/');
	}
	if (slash) {
		snprintf(slash + 1, room - (size_t)(slash + 1 - out), "%s", name);
		if (access(out, X_OK) == 0)
			return;
	}
	snprintf(out, room, "%s", name);
}

/* Moves the descriptors to 0, 1, 2 and on; all others are close-on-exec. */
static int place_descriptors(const struct child_fds *fds)
{
	int from[CHILD_FDS_MAX + 4];
	size_t count = 0;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	from[count++] = fds->in == CHILD_NULL ? null : fds->in;
	from[count++] = fds->out == CHILD_NULL ? null : fds->out;
	from[count++] = STDERR_FILENO;
	for (size_t i = 0; i < fds->count; i++)
		from[count++] = fds->more[i];
	from[count++] = fds->counters;
	for (size_t i = 0; i < count; i++) /* out of the way of each other */
		from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, CHILD_FDS_MAX + 4);
	for (size_t i = 0; i < count; i++)
		if (from[i] < 0 || dup2(from[i], (int)i) < 0)
			return -1;
	return 0;
}

static void leave(const char *program, const char *what)
{
	log_error("%s: %s: %s", program, what, strerror(errno));
	_exit(CANNOT_RUN);
}

/* In the child. Never returns. */
static void become(
	const struct stage_spec *s, const struct child_fds *fds, const char *path, pid_t parent)
{
	char pid[40], counters[40], level[40], *env[STAGE_WORDS_MAX + 5];
	sigset_t none;
	size_t n = s->envc;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent) /* it has died before that was asked for */
		_exit(CANNOT_RUN);
	setpgid(0, 0);
	if (place_descriptors(fds) != 0)
		leave(s->program, "descriptors");
	snprintf(pid, sizeof pid, "LISTEN_PID=%ld", (long)getpid());
	snprintf(counters, sizeof counters, COUNTERS_ENVIRONMENT "=%zu", STAGE_FD + fds->count);
	snprintf(level, sizeof level, LOG_LEVEL_ENVIRONMENT "=%s", log_level_name());
	memcpy(env, s->env, n * sizeof *env);
	env[n++] = level;
	if (fds->variable)
		env[n++] = fds->variable;
	env[n++] = pid;
	env[n++] = counters;
	env[n] = NULL;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (given.rlim_cur)
		setrlimit(RLIMIT_NOFILE, &given);
	execvpe(path, s->argv, env);
	leave(s->program, "it cannot be run");
}

pid_t child_start(const struct stage_spec *s, const struct child_fds *fds)
{
	char path[4096];
	pid_t parent = getpid();
	find_program(s->program, path, sizeof path);
	pid_t pid = fork();
	if (pid == 0)
		become(s, fds, path, parent);
	if (pid > 0)
		return pid;
	log_error("%s: fork: %s", s->program, strerror(errno));
	return ERR_IO;
}

const char *child_status(int status, char out[static 64])
{
	if (WIFSIGNALED(status))
		snprintf(out, 64, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(out, 64, "exit %d", WEXITSTATUS(status));
	return out;
}
