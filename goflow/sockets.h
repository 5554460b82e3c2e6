/* sockets: the UDP sockets of frontends, which the supervisor binds and keeps, so that what comes while a stage is
 * started again waits in the kernel. */
#ifndef GOFLOW_SOCKETS_H
#define GOFLOW_SOCKETS_H

#include <stddef.h>

#include "goflow/config.h"

#define SOCKETS_WORKERS_MAX 64

/* Takes note of the sockets that a service manager passed; to be called once, before any other. Returns 0, or
 * ERR_SYNTAX after a log line. */
int sockets_passed(void);

/* What a frontend listens on, as text. */
void sockets_address(const struct config_frontend *f, char *out, size_t room);

/* Opens a frontend's sockets, one a worker, where fds[0 .. had) are there already: the first one is a passed one if
 * there is one of its port. Those that are new get no datagrams before net_steer. Returns 0; or ERR_IO after a log
 * line, with the new ones closed. */
int sockets_open(const struct config_frontend *f, int fds[static SOCKETS_WORKERS_MAX], unsigned had);

#endif
