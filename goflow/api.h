/* api: goflow over HTTP: its state, its metrics, the operations page, and what an operator may change.
 *
 * It is for operation, not for reading flows. docs/API.md lists the endpoints and says what guards them. */
#ifndef GOFLOW_API_H
#define GOFLOW_API_H

#include <stdbool.h>

#include "goflow/config.h"

#define API_TOKEN_MAX 1024 /* bytes, without the NUL */
#define API_URL_MAX   96

/* Opens the TCP socket of the configuration's address, listening and non-blocking. Returns its descriptor, which
 * the caller owns; or ERR_IO after a log line. */
int api_listen(const struct config *c);

/* Serves on a listening socket, in the calling process, until SIGTERM or SIGINT; then answers what has been asked
 * for a second more at most. It has a stats socket of its own, as program "goflow-api". `path` is the
 * configuration's, to be shown. Borrows everything. Returns an exit code. */
int api_run(const struct config *c, const char *path, int listen_fd);

/* The token: the configuration's, else that of the file api-token in the run folder, which is made where `make` and
 * it is missing (mode 0600, 32 random bytes in hex). A file that is not a regular one of this user alone is
 * refused. Writes it NUL-terminated; returns 0, or ERR_IO after a log line, which has no token in it. */
int api_token_load(const struct config *c, bool make, char out[static API_TOKEN_MAX + 1]);

/* Is the configuration's address one of this machine alone? Elsewhere everything needs the token. */
bool api_is_loopback(const struct config *c);

/* Where a client on this machine reaches the API, "http://127.0.0.1:8880"; of the unspecified address that is
 * loopback. Returns out. */
const char *api_url(const struct config *c, char out[static API_URL_MAX]);

#endif
