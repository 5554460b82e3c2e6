/* api_impl: what the files of the API share among themselves. */
#ifndef GOFLOW_API_IMPL_H
#define GOFLOW_API_IMPL_H

#include <jansson.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "goflow/api.h"
#include "goflow/config.h"
#include "lib/stage.h"

#define API_CONNECTIONS_MAX 64
#define API_BODY_MAX        (64 * 1024)
#define API_DISCARD_MAX     (1024 * 1024) /* of a body that is too long; then the connection is closed */
#define API_REQUEST_NS      (10 * UINT64_C(1000000000)) /* from its first byte, or the answer before, to its last */
#define API_ANSWER_NS       (60 * UINT64_C(1000000000)) /* to take an answer */
#define API_GRAFANA_NS      (120 * UINT64_C(1000000000))
#define API_EXPORTERS_MAX   1000 /* that have metrics of their own */

enum { API_REQUESTS, API_ANSWERED, API_REFUSED, API_WAITING, API_ABANDONED, API_SURVEYS, API_COUNTERS };

/* What all stages answered to one request, the last time and the time before. */
struct api_view {
	json_t *now, *before; /* owned; NULL: not asked yet */
	uint64_t at_ns, fresh_until_ns;
};

enum { VIEW_STATUS, VIEW_EXPORTERS, VIEW_TEMPLATES, API_VIEWS };

/* The run of configure-grafana, in a process of its own: at most one. */
struct api_job {
	struct api_request *request; /* waits for it, suspended; NULL: none runs */
	pid_t pid;
	int fd; /* its report comes from here; -1: none */
	uint64_t deadline_ns;
	char *text; /* owned */
	size_t len, room;
};

struct api_connection {
	int fd;               /* -1: free */
	uint64_t deadline_ns; /* monotonic; 0: its request is suspended, which has one of its own */
};

struct api_refusal {
	unsigned status;
	const char *word, *sentence;
};

struct api {
	const struct config *config;
	const char *path;
	char token[API_TOKEN_MAX + 1];
	bool loopback;
	struct MHD_Daemon *daemon;
	struct stage stage;
	struct api_view views[API_VIEWS];
	struct api_job job;
	struct api_connection connections[API_CONNECTIONS_MAX + 1];
	uint64_t counts[API_COUNTERS];
};

/* One request, from its first line until it is answered. */
struct api_request {
	struct api *api;
	struct MHD_Connection *connection;
	const struct api_route *route; /* NULL: none */
	struct api_refusal refusal;    /* status 0: it is admitted */
	const char *allow;             /* for a refusal by 405 */
	char *body;                    /* owned; NULL: none */
	size_t len;                    /* what came of it, kept or not */
	unsigned status;               /* of the answer; 0: there is none yet */
	bool suspended;
	json_t *result; /* owned; of a request that was suspended, with the status that it is to have */
	unsigned result_status;
};

/* What an endpoint does: answers by api_answer or one of its like, now or, having suspended the request, later. */
struct api_route {
	const char *path, *method;
	bool guarded; /* changes something or carries a secret: needs the token everywhere */
	bool open;    /* needs none anywhere */
	enum MHD_Result (*run)(struct api_request *r);
};

/* The route of path and method, HEAD being as GET. NULL where there is none: *allow is then a list of the methods
 * that the path has, or NULL for an unknown path. */
const struct api_route *api_route_find(const char *path, const char *method, const char **allow);

/* api_request.c: answers. */

/* Sends a document and releases it. NULL is answered as out of memory. */
enum MHD_Result api_answer(struct api_request *r, unsigned status, json_t *doc);

/* Sends {"Msg": sentence, "error": word}. */
enum MHD_Result api_refuse(struct api_request *r, unsigned status, const char *word, const char *sentence);

/* Sends text. */
struct api_reply {
	unsigned status;
	char *text; /* freed in any case */
	size_t len;
	const char *type;          /* its media type */
	const char *csp;           /* the Content-Security-Policy; NULL: the strictest */
	const char *header, *more; /* one more header, and its value; NULL: none */
};
enum MHD_Result api_send(struct api_request *r, const struct api_reply *reply);

/* The body as a JSON object; NULL after an answer, *result, that says what is wrong with it. */
json_t *api_body(struct api_request *r, enum MHD_Result *result);

/* The text at key of a body, at least one byte long; NULL after an answer. */
const char *api_body_text(struct api_request *r, const json_t *body, const char *key, enum MHD_Result *result);

/* What MHD calls. */
enum MHD_Result api_handle(void *self, struct MHD_Connection *connection, const char *url, const char *method,
	const char *version, const char *data, size_t *len, void **request);
void api_completed(void *self, struct MHD_Connection *connection, void **request, enum MHD_RequestTerminationCode how);
void api_notify(void *self, struct MHD_Connection *connection, void **socket, enum MHD_ConnectionNotificationCode how);

/* api_guard.c */

/* Whether a request's head may pass; `route` NULL: to be told that there is no such thing. Returns false, and why. */
bool api_admits(const struct api *a, struct MHD_Connection *connection, const struct api_route *route, bool has_body,
	struct api_refusal *why);

/* api_state.c */

/* What all stages say to "status", "exporters" or "templates" (VIEW_*), at most a second old, or, where asking took
 * long, four times as old as that took. Borrowed until the next call; its `now` is never NULL. */
const struct api_view *api_view(struct api *a, unsigned which);
void api_views_free(struct api *a);

/* The supervisor's document in a survey, and NULL where there is none. */
const json_t *api_supervisor(const json_t *docs);

/* Whether all is well, and in a sentence of at most cap bytes how it is. */
bool api_healthy(const json_t *docs, char *out, size_t cap);

/* Endpoints. */
enum MHD_Result api_get_page(struct api_request *r);
enum MHD_Result api_get_status(struct api_request *r);
enum MHD_Result api_get_healthz(struct api_request *r);
enum MHD_Result api_get_exporters(struct api_request *r);
enum MHD_Result api_get_templates(struct api_request *r);
enum MHD_Result api_get_config(struct api_request *r);
enum MHD_Result api_get_metrics(struct api_request *r);
enum MHD_Result api_post_grafana(struct api_request *r);
enum MHD_Result api_post_drain(struct api_request *r);
enum MHD_Result api_post_log_level(struct api_request *r);

/* Suspends a request, whose answer is given later by api_resume. */
void api_suspend(struct api_request *r);
void api_resume(struct api_request *r, unsigned status, json_t *doc);

/* api_grafana.c: takes what the process of the job has written, and ends it when it is late. */
void api_job_turn(struct api *a);
void api_job_end(struct api *a);

#endif
