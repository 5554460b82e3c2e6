/* client: asks the API of a running goflow, found by the same configuration. */
#ifndef GOFLOW_CLIENT_H
#define GOFLOW_CLIENT_H

#include <jansson.h>

#include "goflow/config.h"

/* Asks for a path and gives its JSON object; the token goes along only where the API is on an address that needs it:
 * on loopback another program could have the port. Returns EXIT_DONE and *out, which the caller owns; or
 * EXIT_SERVER after a line that says why there is no answer. */
int client_get(const struct config *c, const char *path, json_t **out);

#endif
