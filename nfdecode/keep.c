#include "nfdecode/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/instant.h"
#include "lib/log.h"

#define FIRST_NS   NS_PER_S
#define LONGEST_NS (60 * NS_PER_S)

/* The new file, until it takes the name. It is always the same one, so that what a crash left of it
 * is overwritten and does not pile up. */
static const char *temporary(const struct keep *k)
{
	static char name[NAME_MAX + 1];
	snprintf(name, sizeof name, "%s.new", k->name);
	return name;
}

static int open_folder(struct keep *k)
{
	char folder[PATH_MAX];
	int len = (int)(k->name - k->path);
	snprintf(folder, sizeof folder, "%.*s%s", len, k->path, len ? "" : ".");
	k->dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (k->dir < 0)
		return ERR_IO;
	int fd = openat(k->dir, temporary(k), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return ERR_IO;
	close(fd);
	return unlinkat(k->dir, temporary(k), 0) ? ERR_IO : 0;
}

static ssize_t read_all(int fd, uint8_t *to, size_t len)
{
	size_t done = 0;
	while (done < len) {
		ssize_t n = read(fd, to + done, len - done);
		if (n < 0 && errno != EINTR)
			return -1;
		if (n == 0)
			break;
		done += n > 0 ? (size_t)n : 0;
	}
	return (ssize_t)done;
}

/* Reads what a regular file holds and takes it over. */
static int read_state(const struct keep *k, int fd, struct decoder *d)
{
	struct stat st;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return ERR_IO;
	if ((uint64_t)st.st_size > k->size_max)
		return ERR_STATE_LIMIT;
	uint8_t *bytes = malloc((size_t)st.st_size + 1);
	if (!bytes)
		return ERR_MEMORY;
	ssize_t got = read_all(fd, bytes, (size_t)st.st_size);
	int err = got < 0 ? ERR_IO : state_read(d, bytes, (size_t)got);
	free(bytes);
	return err;
}

static void resume(struct keep *k, struct decoder *d)
{
	int fd = openat(k->dir, k->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		if (errno != ENOENT)
			log_warn("state %s: %s: starting without it", k->path, strerror(errno));
		return;
	}
	int err = read_state(k, fd, d);
	close(fd);
	if (err) {
		log_warn("state %s: %s: starting without it", k->path, err_sentence(err));
		return;
	}
	/* It was whole, and the next datagram makes it outdated: keep_tick replaces it before that,
	 * so that a crash later does not bring back what was decoded. */
	k->fingerprint = UINT64_MAX;
	struct exporters_usage usage = exporters_usage(decoder_exporters(d));
	log_info("state read back exporters=%llu templates=%llu waiting=%llu",
		(unsigned long long)usage.exporters, (unsigned long long)usage.templates,
		(unsigned long long)decoder_counts(d)->waiting);
}

int keep_open(struct keep *k, const char *path, struct decoder *d, size_t state_max)
{
	const char *slash = path ? strrchr(path, '/') : NULL;
	*k = (struct keep){.path = path, .dir = -1, .interval_ns = FIRST_NS};
	if (!path)
		return 0;
	k->name = slash ? slash + 1 : path;
	k->size_max = state_max > DECODER_STATE_MAX ? state_max : DECODER_STATE_MAX;
	if (!*k->name || strlen(k->name) > NAME_MAX - 4 || strlen(path) >= PATH_MAX) {
		log_error("option --state: found \"%s\", expected the name of a file", path);
		return ERR_IO;
	}
	if (open_folder(k)) {
		log_error("state %s: its folder cannot be written in: %s", path, strerror(errno));
		keep_close(k);
		return ERR_IO;
	}
	resume(k, d);
	return 0;
}

static int write_all(int fd, const uint8_t *from, size_t len)
{
	while (len) {
		ssize_t n = write(fd, from, len);
		if (n < 0 && errno != EINTR)
			return -1;
		from += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* The new file is whole on the disk before it takes the name of the old one. */
static int replace(const struct keep *k)
{
	int fd = openat(k->dir, temporary(k), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return ERR_IO;
	int err = write_all(fd, k->image.at, k->image.len) || fsync(fd);
	err |= close(fd);
	if (!err)
		err = renameat(k->dir, temporary(k), k->dir, k->name) || fsync(k->dir);
	return err ? ERR_IO : 0;
}

static int save(struct keep *k, const struct decoder *d, enum state_extent extent)
{
	uint64_t fingerprint;
	int err = state_write(d, extent, &k->image, &fingerprint);
	if (!err && extent == STATE_LASTING && fingerprint == k->fingerprint)
		return 0;
	if (!err)
		err = replace(k);
	if (err && !k->failing)
		log_error("state %s: not saved: %s", k->path,
			err == ERR_IO ? strerror(errno) : err_sentence(err));
	k->failing = err != 0;
	if (!err)
		k->fingerprint = fingerprint;
	return err;
}

void keep_tick(struct keep *k, const struct decoder *d, uint64_t now_ns)
{
	if (k->dir < 0)
		return;
	if (now_ns < k->next_ns)
		return;
	save(k, d, STATE_LASTING);
	k->next_ns = now_ns + k->interval_ns;
	k->interval_ns = k->interval_ns * 2 < LONGEST_NS ? k->interval_ns * 2 : LONGEST_NS;
}

int keep_timeout(const struct keep *k, uint64_t now_ns)
{
	if (k->dir < 0)
		return -1;
	return now_ns >= k->next_ns ? 0 : (int)((k->next_ns - now_ns) / NS_PER_MS) + 1;
}

int keep_save(struct keep *k, const struct decoder *d)
{
	k->failing = false; /* the last word on it is always said */
	return k->dir < 0 ? 0 : save(k, d, STATE_WHOLE);
}

void keep_close(struct keep *k)
{
	if (k->path && k->dir >= 0)
		close(k->dir);
	k->dir = -1;
	free(k->image.at);
	k->image = (struct bytes){.at = NULL};
}
