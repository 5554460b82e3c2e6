/* stats_paths: where the stats sockets are, and how one comes to be there. For the stats module alone. */
#ifndef GOFLOW_STATS_PATHS_H
#define GOFLOW_STATS_PATHS_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/log.h"

#define STATS_PATH_MAX sizeof(((struct sockaddr_un *)0)->sun_path) /* with its NUL */

/* PROGRAM.PID.sock in the run folder, from which the sockets of killed stages of that program are
 * removed. Returns 0, or ERR_IO after a warning. */
int stats_default_path(const char *program, char *out, size_t cap);

/* A unix socket, non-blocking, bound to path with mode 0600, not yet listening; a stale socket file
 * there is replaced. Returns its descriptor, or ERR_IO after a line at `level`. */
int stats_bind(const char *path, enum log_level level);

/* Notes the time as the process's start, unless that was done. */
void stats_mark_start(void);

#endif
