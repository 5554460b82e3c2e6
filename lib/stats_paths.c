#include "lib/stats_paths.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/stats.h"

/* Is path a folder that is ours and that nobody else may write? Asked of the opened folder, so that
 * no symbolic link can be slipped in between. */
static bool is_our_own(const char *path, const char **why)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		*why = strerror(errno);
		return false;
	}
	*why = NULL;
	if (fstat(fd, &st))
		*why = strerror(errno);
	else if (st.st_uid != geteuid())
		*why = "it belongs to another user";
	else if (st.st_mode & (S_IWGRP | S_IWOTH))
		*why = "others may write to it";
	close(fd);
	return !*why;
}

static int given_rundir(const char *path, char *out, size_t cap)
{
	struct stat st;
	int n = snprintf(out, cap, "%s", path);
	if (n < 0 || (size_t)n >= cap) {
		log_warn("run folder %s: the path is too long", path);
		return ERR_IO;
	}
	if (mkdir(path, 0700) && errno != EEXIST) {
		log_warn("run folder %s: %s", path, strerror(errno));
		return ERR_IO;
	}
	if (stat(path, &st) || !S_ISDIR(st.st_mode)) {
		log_warn("run folder %s: not a folder", path);
		return ERR_IO;
	}
	return 0;
}

int stats_rundir(char *out, size_t cap)
{
	const char *given = getenv("GOFLOW_RUNDIR"), *why;
	if (given && *given)
		return given_rundir(given, out, cap);
	int n = snprintf(out, cap, "/run/user/%lu", (unsigned long)geteuid());
	if (n > 0 && (size_t)n < cap && is_our_own(out, &why))
		return 0;
	n = snprintf(out, cap, "/tmp/goflow-%lu", (unsigned long)geteuid());
	if (n < 0 || (size_t)n >= cap)
		return ERR_IO;
	if (mkdir(out, 0700) && errno != EEXIST) {
		log_warn("run folder %s: %s", out, strerror(errno));
		return ERR_IO;
	}
	if (is_our_own(out, &why))
		return 0;
	log_warn("run folder %s: %s", out, why);
	return ERR_IO;
}

/* What stands at an address that cannot be bound: NULL when it was a stale socket and has gone. */
static const char *clear_stale(const struct sockaddr_un *address)
{
	struct stat st;
	const char *why = NULL;
	if (lstat(address->sun_path, &st))
		return errno == ENOENT ? NULL : strerror(errno);
	if (!S_ISSOCK(st.st_mode))
		return "something that is no socket is there";
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return strerror(errno);
	if (!connect(fd, (const struct sockaddr *)address, sizeof *address) || errno == EAGAIN)
		why = "another process serves it";
	else if (errno != ECONNREFUSED || unlink(address->sun_path))
		why = strerror(errno);
	close(fd);
	return why;
}

/* Removes a socket of a stage that was killed: its process is gone and nobody serves it. Such a
 * file has that process's id in its name, so that no later stage would come to replace it. */
static void sweep_one(const char *dir, const char *name, long pid)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int n = snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", dir, name);
	if (n > 0 && (size_t)n < sizeof address.sun_path && kill((pid_t)pid, 0) && errno == ESRCH)
		clear_stale(&address);
}

static void sweep(const char *dir, const char *program)
{
	const struct dirent *entry;
	size_t len = strlen(program);
	DIR *d = opendir(dir);
	while (d && (entry = readdir(d))) {
		const char *name = entry->d_name;
		char *end;
		if (strncmp(name, program, len) != 0 || name[len] != '.')
			continue;
		long pid = strtol(name + len + 1, &end, 10);
		if (pid > 0 && strcmp(end, ".sock") == 0)
			sweep_one(dir, name, pid);
	}
	if (d)
		closedir(d);
}

int stats_default_path(const char *program, char *out, size_t cap)
{
	char dir[4096];
	if (stats_rundir(dir, sizeof dir))
		return ERR_IO;
	sweep(dir, program);
	int n = snprintf(out, cap, "%s/%s.%ld.sock", dir, program, (long)getpid());
	if (n > 0 && (size_t)n < cap)
		return 0;
	log_warn("run folder %s: the path is too long for a socket in it", dir);
	return ERR_IO;
}

int stats_bind(const char *path, enum log_level level)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *why = NULL;
	memcpy(address.sun_path, path, strlen(path) + 1);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* Linux gives the file the mode that the socket has: no moment in which others may connect
	 */
	if (fd < 0 || fchmod(fd, 0600)) {
		why = strerror(errno);
	} else if (bind(fd, (const struct sockaddr *)&address, sizeof address)) {
		why = errno == EADDRINUSE ? clear_stale(&address) : strerror(errno);
		if (!why && bind(fd, (const struct sockaddr *)&address, sizeof address))
			why = strerror(errno);
	}
	if (!why)
		return fd;
	log_at(level, "stats socket %s: %s", path, why);
	if (fd >= 0)
		close(fd);
	return ERR_IO;
}
