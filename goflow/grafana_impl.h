/* grafana_impl: what the files of grafana share among themselves. */
#ifndef GOFLOW_GRAFANA_IMPL_H
#define GOFLOW_GRAFANA_IMPL_H

#include <curl/curl.h>

#include "goflow/grafana.h"
#include "lib/base.h"

#define GRAFANA_PATH_MAX 512 /* bytes of a path behind the server's address, NUL included */
#define GRAFANA_WHY_MAX  1024

/* One run. */
struct grafana {
	const struct grafana_target *target;
	const struct config_backend *backend;
	CURL *curl;
	struct curl_slist *headers;
	char base[1024];           /* the server's address without a slash at its end */
	const char *file;          /* the dashboard at hand, for what is said of a failure; NULL: none */
	char why[GRAFANA_WHY_MAX]; /* what failed */
	json_t *report;
	json_t *boards;            /* by their files' names, in order; owned. NULL: not read yet */
};

/* An answer: a status of HTTP, and its JSON; NULL where it had none. Released by json_decref(body). */
struct grafana_answer {
	long status;
	json_t *body;
};

/* grafana_http.c */

/* Checks the target's address and key. Returns 0, ERR_CONFIG or ERR_MEMORY, with g->why. */
int grafana_open(struct grafana *g);
void grafana_close(struct grafana *g);

/* One request; body NULL: none. Redirects are not followed. Returns 0 for any answer, else ERR_IO or
 * ERR_MEMORY with g->why. */
int grafana_call(struct grafana *g, const char *method, const char *path, const json_t *body,
	struct grafana_answer *a);

/* Whether it says in JSON that what was asked for is done. */
bool grafana_done(const struct grafana_answer *a);

/* Says in g->why that an answer is not what it should be. Returns ERR_REFUSED. */
int grafana_refused(struct grafana *g, const char *doing, const struct grafana_answer *a);

/* Sets g->why, with the file at hand in front, and returns the code. */
int grafana_fail(struct grafana *g, int code, const char *format, ...) PRINTF_LIKE(3, 4);

/* Whether each value of `wanted` is in `found`, which may have more keys; numbers by their value. */
bool grafana_has(const json_t *found, const json_t *wanted);

/* grafana_source.c */

/* The type of a backend's datasource; NULL: it is no SQL server. */
const char *grafana_source_type(enum backend_type type);

/* Makes or updates the datasource, and asks it for its health. Its uid, of room 64, to `uid`. Returns 0 or
 * an error with g->why. */
int grafana_source(struct grafana *g, char *uid);

/* grafana_boards.c */

/* Reads the dashboards of the target's directory into g->boards. Returns 0, or ERR_CONFIG with g->why. */
int grafana_read_boards(struct grafana *g);

/* Makes the folder and every dashboard that was read, bound to the datasource. Returns 0 or an error with g->why. */
int grafana_boards(struct grafana *g, const char *source_uid);

#endif
