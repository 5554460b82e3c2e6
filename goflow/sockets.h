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

/* A frontend's first socket: a copy of a passed one if there is one of its port, else a new one. Returns it, or ERR_IO
 * after a log line. */
int sockets_first(const struct config_frontend *f);

/* Opens the further ones, so that there is one a worker, where fds[0 .. had) are there already. They get no datagrams
 * before net_steer. Each that is closed again may take one with it: the kernel's look-up can meet it when it has left
 * the group and not yet the table of ports. So they are opened when nothing else can fail. Returns 0; or ERR_IO after
 * a log line, with the new ones closed. */
int sockets_further(const struct config_frontend *f, int fds[static SOCKETS_WORKERS_MAX], unsigned had);

#endif
