/* A request from its head to its answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "goflow/api_impl.h"
#include "lib/base.h"

static const struct api_route routes[] = {
	{"/", "GET", false, true, api_get_page},
	{"/status", "GET", false, false, api_get_status},
	{"/healthz", "GET", false, false, api_get_healthz},
	{"/exporters", "GET", false, false, api_get_exporters},
	{"/templates", "GET", false, false, api_get_templates},
	{"/metrics", "GET", false, false, api_get_metrics},
	{"/config", "GET", true, false, api_get_config},
	{"/grafana", "POST", true, false, api_post_grafana},
	{"/drain", "POST", true, false, api_post_drain},
	{"/log-level", "POST", true, false, api_post_log_level},
};

const struct api_route *api_route_find(const char *path, const char *method, const char **allow)
{
	bool head = strcmp(method, "HEAD") == 0;
	*allow = NULL;
	for (size_t i = 0; i < LEN(routes); i++) {
		const struct api_route *route = &routes[i];
		if (strcmp(path, route->path) != 0)
			continue;
		if (strcmp(head ? "GET" : method, route->method) == 0)
			return route;
		*allow = *route->method == 'G' ? "GET, HEAD" : route->method;
	}
	return NULL;
}

/* Answers ------------------------------------------------------------------------------------- */

static struct api_connection *connection_of(struct api_request *r)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	return info ? info->socket_context : NULL;
}

static void set_deadline(struct api_request *r, uint64_t deadline_ns)
{
	struct api_connection *c = connection_of(r);
	if (c)
		c->deadline_ns = deadline_ns;
}

static void add_headers(struct MHD_Response *response, const struct api_reply *reply)
{
	const char *const headers[][2] = {
		{"Content-Type", reply->type},
		{"Content-Security-Policy",
			reply->csp ? reply->csp : "default-src 'none'; frame-ancestors 'none'"},
		{"X-Content-Type-Options", "nosniff"},
		{"X-Frame-Options", "DENY"},
		{"Referrer-Policy", "no-referrer"},
		{"Cross-Origin-Resource-Policy", "same-origin"},
		{"Cache-Control", "no-store"},
		{reply->header, reply->more},
	};
	for (size_t i = 0; i < LEN(headers); i++)
		if (headers[i][0])
			MHD_add_response_header(response, headers[i][0], headers[i][1]);
}

enum MHD_Result api_send(struct api_request *r, const struct api_reply *reply)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(reply->len, reply->text, MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(reply->text);
		return MHD_NO;
	}
	add_headers(response, reply);
	enum MHD_Result result = MHD_queue_response(r->connection, reply->status, response);
	MHD_destroy_response(response);
	r->status = reply->status;
	set_deadline(r, monotonic_ns() + API_ANSWER_NS);
	return result;
}

static enum MHD_Result send_json(
	struct api_request *r, unsigned status, json_t *doc, const char *header, const char *more)
{
	char *text = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
	json_decref(doc);
	if (!text) {
		text = strdup("{\"Msg\":\"out of memory\",\"error\":\"memory\"}");
		status = MHD_HTTP_INTERNAL_SERVER_ERROR;
	}
	if (!text)
		return MHD_NO;
	struct api_reply reply = {
		.status = status,
		.text = text,
		.len = strlen(text),
		.type = "application/json",
		.header = header,
		.more = more,
	};
	return api_send(r, &reply);
}

enum MHD_Result api_answer(struct api_request *r, unsigned status, json_t *doc)
{
	return send_json(r, status, doc, NULL, NULL);
}

enum MHD_Result api_refuse(
	struct api_request *r, unsigned status, const char *word, const char *sentence)
{
	json_t *doc = json_pack("{s:s, s:s}", "Msg", sentence, "error", word);
	if (status == MHD_HTTP_UNAUTHORIZED)
		return send_json(r, status, doc, "WWW-Authenticate", "Bearer realm=\"goflow\"");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		return send_json(r, status, doc, "Allow", r->allow);
	return send_json(r, status, doc, NULL, NULL);
}

void api_suspend(struct api_request *r)
{
	r->suspended = true;
	set_deadline(r, 0);
	MHD_suspend_connection(r->connection);
}

void api_resume(struct api_request *r, unsigned status, json_t *doc)
{
	r->result_status = status;
	r->result = doc;
	set_deadline(r, monotonic_ns() + API_ANSWER_NS);
	MHD_resume_connection(r->connection);
}

/* Bodies -------------------------------------------------------------------------------------- */

json_t *api_body(struct api_request *r, enum MHD_Result *result)
{
	json_error_t error;
	char sentence[JSON_ERROR_TEXT_LENGTH + 64];
	json_t *doc = json_loadb(r->body ? r->body : "", r->len, JSON_REJECT_DUPLICATES, &error);
	if (json_is_object(doc))
		return doc;
	snprintf(sentence, sizeof sentence, "the body is not a JSON object");
	if (!doc)
		snprintf(sentence, sizeof sentence, "the body is not JSON: line %d, column %d",
			error.line, error.column);
	json_decref(doc);
	*result = api_refuse(r, MHD_HTTP_BAD_REQUEST, "json", sentence);
	return NULL;
}

const char *api_body_text(
	struct api_request *r, const json_t *body, const char *key, enum MHD_Result *result)
{
	const char *text = json_string_value(json_object_get(body, key));
	char sentence[96];
	if (text && *text)
		return text;
	snprintf(sentence, sizeof sentence, "the body lacks %s, a text", key);
	*result = api_refuse(r, MHD_HTTP_BAD_REQUEST, "field", sentence);
	return NULL;
}

/* Keeps what came of a body, as far as it may be as long as that. False: it is far too long. */
static bool take_body(struct api_request *r, const char *data, size_t len)
{
	size_t end = r->len + len;
	if (end > API_DISCARD_MAX)
		return false;
	if (end > API_BODY_MAX && !r->refusal.status)
		r->refusal = (struct api_refusal){
			MHD_HTTP_CONTENT_TOO_LARGE, "body", "the body is longer than 64 KiB"};
	if (!r->refusal.status && !r->body)
		r->body = malloc(API_BODY_MAX);
	if (!r->refusal.status && r->body)
		memcpy(r->body + r->len, data, len);
	r->len = end;
	return r->body || r->refusal.status;
}

/* Requests ------------------------------------------------------------------------------------ */

static uint64_t announced(struct MHD_Connection *connection)
{
	const char *text =
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
	return text ? strtoull(text, NULL, 10) : 0;
}

static bool has_body(struct MHD_Connection *connection)
{
	return announced(connection) > 0 ||
	       MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Transfer-Encoding");
}

static void judge(struct api_request *r, const char *path, const char *method)
{
	r->route = api_route_find(path, method, &r->allow);
	bool posts = r->route && *r->route->method == 'P';
	if (!api_admits(r->api, r->connection, r->route, posts, &r->refusal))
		return;
	r->refusal.status = 0;
	if (!r->route && r->allow)
		r->refusal = (struct api_refusal){MHD_HTTP_METHOD_NOT_ALLOWED, "method",
			"this is not done by that method; see Allow"};
	else if (!r->route)
		r->refusal =
			(struct api_refusal){MHD_HTTP_NOT_FOUND, "path", "there is no such thing"};
	else if (announced(r->connection) > API_BODY_MAX)
		r->refusal = (struct api_refusal){
			MHD_HTTP_CONTENT_TOO_LARGE, "body", "the body is longer than 64 KiB"};
}

static enum MHD_Result finish(struct api_request *r)
{
	if (r->refusal.status)
		return api_refuse(r, r->refusal.status, r->refusal.word, r->refusal.sentence);
	return r->route->run(r);
}

/* The head is there. A refusal waits for a body of moderate length: a client that is still sending
 * when the connection is closed may not see it. */
static enum MHD_Result begin(struct api *a, struct MHD_Connection *connection, const char *path,
	const char *method, void **request)
{
	struct api_request *r = calloc(1, sizeof *r);
	if (!r)
		return MHD_NO;
	*request = r;
	r->api = a;
	r->connection = connection;
	a->counts[API_REQUESTS]++;
	a->counts[API_WAITING]++;
	judge(r, path, method);
	if (r->refusal.status && (!has_body(connection) || announced(connection) > API_DISCARD_MAX))
		return finish(r);
	return MHD_YES;
}

enum MHD_Result api_handle(void *self, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *data, size_t *len, void **request)
{
	struct api_request *r = *request;
	(void)version;
	if (!r)
		return begin(self, connection, url, method, request);
	if (r->suspended) {
		json_t *doc = r->result;
		r->suspended = false;
		r->result = NULL;
		return api_answer(r, r->result_status, doc);
	}
	if (!*len)
		return r->status ? MHD_YES : finish(r);
	if (!take_body(r, data, *len))
		return MHD_NO;
	*len = 0;
	return MHD_YES;
}

void api_completed(void *self, struct MHD_Connection *connection, void **request,
	enum MHD_RequestTerminationCode how)
{
	struct api *a = self;
	struct api_request *r = *request;
	(void)connection;
	if (!r)
		return;
	a->counts[API_WAITING]--;
	if (how != MHD_REQUEST_TERMINATED_COMPLETED_OK)
		a->counts[API_ABANDONED]++;
	else
		a->counts[r->status < 400 ? API_ANSWERED : API_REFUSED]++;
	set_deadline(r, monotonic_ns() + API_REQUEST_NS);
	json_decref(r->result);
	free(r->body);
	free(r);
	*request = NULL;
}

void api_notify(void *self, struct MHD_Connection *connection, void **socket,
	enum MHD_ConnectionNotificationCode how)
{
	struct api *a = self;
	const union MHD_ConnectionInfo *info;
	if (how == MHD_CONNECTION_NOTIFY_CLOSED) {
		struct api_connection *c = *socket;
		if (c)
			c->fd = -1;
		return;
	}
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	for (size_t i = 0; info && i < LEN(a->connections); i++)
		if (a->connections[i].fd < 0) {
			*socket = &a->connections[i];
			a->connections[i] = (struct api_connection){
				info->connect_fd, monotonic_ns() + API_REQUEST_NS};
			break;
		}
}
