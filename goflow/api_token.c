/* The API's token: whoever can read it may change what goflow does. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "goflow/api.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/stats.h"

#define RANDOM_BYTES 32
#define PATH_ROOM    4200

/* Why an open file is not fit to hold a secret; NULL: it is. */
static const char *unfit(int fd)
{
	struct stat st;
	if (fstat(fd, &st))
		return strerror(errno);
	if (!S_ISREG(st.st_mode))
		return "it is not a regular file";
	if (st.st_uid != geteuid() && geteuid() != 0)
		return "it belongs to another user";
	return st.st_mode & (S_IRWXG | S_IRWXO) ? "others may read or write it" : NULL;
}

/* Reads the file. Returns 0; ERR_CLOSED where there is none; or ERR_IO after a log line. */
static int read_file(const char *path, char out[static API_TOKEN_MAX + 1])
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return ERR_CLOSED;
	const char *why = fd < 0 ? strerror(errno) : unfit(fd);
	ssize_t n = why ? 0 : read(fd, out, API_TOKEN_MAX);
	if (n < 0)
		why = strerror(errno);
	if (fd >= 0)
		close(fd);
	out[n > 0 ? n : 0] = '\0';
	out[strcspn(out, "\r\n")] = '\0';
	if (!why && !*out)
		why = "it is empty";
	if (!why)
		return 0;
	log_error("api: token file %s: %s", path, why);
	return ERR_IO;
}

static int write_file(const char *path, const char *token)
{
	size_t len = strlen(token);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return ERR_IO;
	ssize_t n = write(fd, token, len);
	return close(fd) || n != (ssize_t)len ? ERR_IO : 0;
}

/* Makes the file with all of its content or not at all; that another process was first is fine. */
static int make_file(const char *path)
{
	unsigned char bytes[RANDOM_BYTES];
	char token[2 * RANDOM_BYTES + 2], fresh[PATH_ROOM + 32];
	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {
		log_error("api: no random bytes for a token: %s", strerror(errno));
		return ERR_IO;
	}
	for (size_t i = 0; i < sizeof bytes; i++)
		snprintf(token + 2 * i, 3, "%02x", bytes[i]);
	memcpy(token + 2 * sizeof bytes, "\n", 2);
	snprintf(fresh, sizeof fresh, "%s.%ld", path, (long)getpid());
	unlink(fresh); /* of a process that had this id and was killed at it */
	int err = write_file(fresh, token);
	if (!err && link(fresh, path) && errno != EEXIST)
		err = ERR_IO;
	if (err)
		log_error("api: token file %s: %s", path, strerror(errno));
	unlink(fresh);
	return err;
}

int api_token_load(const struct config *c, bool make, char out[static API_TOKEN_MAX + 1])
{
	char dir[PATH_ROOM - 16], path[PATH_ROOM];
	const char *given = c->values[KEY_API_TOKEN].text;
	if (given) {
		snprintf(out, API_TOKEN_MAX + 1, "%s", given);
		return 0;
	}
	if (stats_rundir(dir, sizeof dir))
		return ERR_IO;
	snprintf(path, sizeof path, "%s/api-token", dir);
	int err = read_file(path, out);
	if (err != ERR_CLOSED)
		return err;
	if (!make) {
		log_error("api: there is no token: goflow makes %s when it starts", path);
		return ERR_IO;
	}
	err = make_file(path);
	return err ? err : read_file(path, out) ? ERR_IO : 0;
}
