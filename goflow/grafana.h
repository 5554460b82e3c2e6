/* grafana: makes or updates goflow's datasource, folder and dashboards in a Grafana, by its HTTP API. */
#ifndef GOFLOW_GRAFANA_H
#define GOFLOW_GRAFANA_H

#include <jansson.h>

#include "goflow/config.h"

/* Where to, and what. All borrowed. */
struct grafana_target {
	const char *server;    /* http:// or https://, with a path where Grafana has one */
	const char *key;       /* a service account's token, or an older API key */
	const char *directory; /* of *.json; for MySQL its subfolder "mysql", where there is one */
	const char *backend;   /* its name in the configuration; NULL: the first SQL server that a frontend uses */
};

/* Makes what is missing and updates what differs; what is as it should be is left alone. Blocks: each request
 * has 30 s. Logs nothing.
 *
 * *report is a new object, of the caller, on failure too (NULL: no memory): "Msg" in one sentence,
 * "datasource", "folder" and "dashboards" (each with "uid" and "action": made, updated, unchanged),
 * "warning", "error": what was being done, the file, the HTTP status, the server's words. Neither the key
 * nor a password is in it. Returns 0; ERR_CONFIG: the target, the backend or a file does not fit; ERR_IO:
 * the server could not be reached; ERR_REFUSED: it answered otherwise than it should; ERR_MEMORY. */
int grafana_configure(const struct config *c, const struct grafana_target *t, json_t **report);

#endif
