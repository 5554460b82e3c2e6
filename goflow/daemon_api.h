/* daemon_api: the process that serves the API, kept up like a stage. It is a fork of the supervisor, since it has to
 * know the whole configuration; of the supervisor's descriptors it has its listening socket alone. */
#ifndef GOFLOW_DAEMON_API_H
#define GOFLOW_DAEMON_API_H

#include <stdint.h>
#include <sys/types.h>

#include "goflow/config.h"

#define API_ADDRESS_MAX 96

/* fd is -1 and pid 0 before the first api_child_commit. */
struct api_child {
	pid_t pid;         /* 0: none runs */
	int fd;            /* listening; owned */
	char address[API_ADDRESS_MAX]; /* what it is bound to */
	uint64_t started_ns, retry_ns; /* monotonic: when it was started, and when it is again */
	unsigned failures; /* in a row */
};

/* Binds a configuration's address, if it is another one than before. Returns 0 and *fd, the caller's, -1 where the
 * address stays; or ERR_IO after a log line. Nothing has changed yet. */
int api_child_prepare(const struct api_child *a, const struct config *c, int *fd);

/* Serves that configuration from now on, on that descriptor, and has a running process replaced. */
void api_child_commit(struct api_child *a, const struct config *c, int fd);

/* Starts the process if it is due. Returns when to call again: monotonic ns, UINT64_MAX while it runs. */
uint64_t api_child_advance(struct api_child *a, const struct config *c, const char *path, uint64_t now_ns);

/* A child with this id has ended; it may not be this one. */
void api_child_ended(struct api_child *a, pid_t pid, int status, uint64_t now_ns);

/* Ends the process, and waits for it: killed, if it takes long. SIGCHLD is blocked. */
void api_child_stop(struct api_child *a);

#endif
