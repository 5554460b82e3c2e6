/* stage: what every filter's main loop needs: signals, waiting, and writing whole frames to a pipe
 * without ceasing to answer on the stats socket. */
#ifndef GOFLOW_STAGE_H
#define GOFLOW_STAGE_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/stats.h"

struct stage {
	struct stats *stats;  /* owned */
	int signal_fd;
	unsigned signals;     /* SIGTERM and SIGINT seen: 1 drain, 2 and more leave at once */
	uint64_t deadline_ns; /* monotonic: when a drain that began with the first signal ends; 0: none */
};

#define STAGE_DRAIN_NS (5 * UINT64_C(1000000000))

/* Blocks SIGTERM and SIGINT (they arrive by signalfd), ignores SIGPIPE, opens the stats socket
 * (stats_open's path rule). Returns 0, or a negative code after a log line. */
int stage_open(struct stage *s, const char *stats_path, const struct stats_source *source);
void stage_close(struct stage *s);

/* Waits until one of the n descriptors is ready, a signal has come (s->signals grew) or timeout_ms
 * (-1: for ever) has passed; serves the stats socket meanwhile, so it may wait longer than one poll.
 * Returns how many of fds are ready (their revents are set), 0 on timeout or signal, or ERR_IO.
 * n <= 64. A drain's deadline ends the wait as a timeout does. */
int stage_wait(struct stage *s, struct pollfd *fds, nfds_t n, int timeout_ms);

/* True once a drain has passed its deadline, or a second signal has come. */
bool stage_expired(const struct stage *s);

/* Prepares a descriptor for output: enlarges a pipe to 1 MiB, makes pipes and sockets non-blocking
 * (restored by stage_output_end, since a terminal or a shell may share the description). */
struct stage_output {
	int fd, old_flags; /* old_flags -1: untouched */
};
void stage_output_begin(struct stage_output *o, int fd);
void stage_output_end(struct stage_output *o);

/* Writes all of buf, waiting by stage_wait where the pipe is full. Returns 0, ERR_CLOSED (EPIPE),
 * ERR_IO (errno set), or ERR_STOPPED (stage_expired); *written tells how far it got in any case. */
int stage_write(struct stage *s, const struct stage_output *o, const void *buf, size_t len, size_t *written);

/* The monotonic clock, ns. */
uint64_t monotonic_ns(void);

#endif
