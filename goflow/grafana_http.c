/* Requests to Grafana. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "goflow/grafana_impl.h"
#include "lib/err.h"
#include "lib/log.h"

#define ANSWER_MAX (16 * 1024 * 1024)
#define CONNECT_S  10L
#define REQUEST_S  30L
#define WORDS_MAX  300 /* of the server's that are said again */

struct bytes {
	char *at;
	size_t len;
};

int grafana_fail(struct grafana *g, int code, const char *format, ...)
{
	char text[GRAFANA_WHY_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	log_clean(text);
	snprintf(g->why, sizeof g->why, "%s%s%.*s", g->file ? g->file : "", g->file ? ": " : "",
		GRAFANA_WHY_MAX - 300, text);
	return code;
}

/* What stands between the scheme and the path must be a host alone: a password there would be
 * logged. */
static bool is_address(const char *url)
{
	const char *host = strstr(url, "://");
	if (!host || (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0))
		return false;
	host += 3;
	return strcspn(host, "/") > 0 && !strpbrk(host, "@?# \t\r\n\"'<>\\");
}

/* A line break in it would be another header. */
static bool is_key(const char *key)
{
	for (const char *p = key; *p; p++)
		if (*p <= ' ' || *p > '~')
			return false;
	return *key != '\0' && strlen(key) < 4096;
}

static bool add_header(struct grafana *g, const char *line)
{
	struct curl_slist *more = curl_slist_append(g->headers, line);
	if (more)
		g->headers = more;
	return more != NULL;
}

static size_t take(char *data, size_t size, size_t count, void *arg)
{
	struct bytes *b = arg;
	size_t len = size * count;
	char *more = len <= ANSWER_MAX - b->len ? realloc(b->at, b->len + len) : NULL;
	if (!more)
		return 0;
	memcpy(more + b->len, data, len);
	b->at = more;
	b->len += len;
	return len;
}

static void set_options(struct grafana *g)
{
	curl_easy_setopt(g->curl, CURLOPT_HTTPHEADER, g->headers);
	curl_easy_setopt(g->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(g->curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(g->curl, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(g->curl, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(g->curl, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
	curl_easy_setopt(g->curl, CURLOPT_TIMEOUT, REQUEST_S);
	curl_easy_setopt(g->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(g->curl, CURLOPT_WRITEFUNCTION, take);
}

int grafana_open(struct grafana *g)
{
	const char *server = g->target->server;
	char bearer[4200];
	size_t len = strlen(server);
	if (!is_address(server) || len >= sizeof g->base)
		return grafana_fail(g, ERR_CONFIG,
			"the server's address: expected http://HOST or https://HOST, with a port "
			"or a path where there is one, without a name or password in it");
	if (!is_key(g->target->key))
		return grafana_fail(
			g, ERR_CONFIG, "the key: expected a token as Grafana gives it out");
	while (len > 0 && server[len - 1] == '/')
		len--;
	memcpy(g->base, server, len);
	snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", g->target->key);
	g->curl = curl_easy_init();
	bool ready = g->curl && add_header(g, bearer) && add_header(g, "Accept: application/json");
	explicit_bzero(bearer, sizeof bearer);
	if (!ready || !add_header(g, "Content-Type: application/json") || !add_header(g, "Expect:"))
		return grafana_fail(g, ERR_MEMORY, "%s", err_sentence(ERR_MEMORY));
	set_options(g);
	return 0;
}

void grafana_close(struct grafana *g)
{
	curl_easy_cleanup(g->curl);
	curl_slist_free_all(g->headers);
}

int grafana_call(struct grafana *g, const char *method, const char *path, const json_t *body,
	struct grafana_answer *a)
{
	char url[sizeof g->base + GRAFANA_PATH_MAX], failure[CURL_ERROR_SIZE] = "";
	struct bytes in = {0};
	char *out = body ? json_dumps(body, JSON_COMPACT) : NULL;
	*a = (struct grafana_answer){0};
	if (body && !out)
		return grafana_fail(g, ERR_MEMORY, "%s", err_sentence(ERR_MEMORY));
	snprintf(url, sizeof url, "%s%s", g->base, path);
	curl_easy_setopt(g->curl, CURLOPT_URL, url);
	curl_easy_setopt(g->curl, CURLOPT_CUSTOMREQUEST, method);
	if (out)
		curl_easy_setopt(g->curl, CURLOPT_POSTFIELDS, out);
	else
		curl_easy_setopt(g->curl, CURLOPT_HTTPGET, 1L);
	curl_easy_setopt(g->curl, CURLOPT_WRITEDATA, &in);
	curl_easy_setopt(g->curl, CURLOPT_ERRORBUFFER, failure);
	CURLcode code = curl_easy_perform(g->curl);
	curl_easy_setopt(g->curl, CURLOPT_ERRORBUFFER, NULL);
	if (out)
		explicit_bzero(out, strlen(out));
	free(out);
	if (code == CURLE_OK) {
		curl_easy_getinfo(g->curl, CURLINFO_RESPONSE_CODE, &a->status);
		a->body = in.len ? json_loadb(in.at, in.len, 0, NULL) : NULL;
	}
	free(in.at);
	if (code == CURLE_OK)
		return 0;
	return grafana_fail(
		g, ERR_IO, "%s %s: %s", method, url, *failure ? failure : curl_easy_strerror(code));
}

bool grafana_done(const struct grafana_answer *a)
{
	return a->status >= 200 && a->status < 300 && json_is_object(a->body);
}

/* A server might say again what it was sent. */
static bool tells_secret(const struct grafana *g, const char *text)
{
	const char *password = g->backend ? g->backend->values[KEY_SQL_PASSWORD].text : NULL;
	return strstr(text, g->target->key) || (password && *password && strstr(text, password));
}

int grafana_refused(struct grafana *g, const char *doing, const struct grafana_answer *a)
{
	const char *words = json_string_value(json_object_get(a->body, "message"));
	if (a->status >= 300 && a->status < 400)
		words = "a redirect, which is not followed: give the address that it leads to";
	else if (!words)
		words = a->body ? "no message"
				: "the answer is not JSON: is that address Grafana's?";
	if (tells_secret(g, words))
		words = "its message has a secret in it";
	return grafana_fail(
		g, ERR_REFUSED, "%s: HTTP status %ld: %.*s", doing, a->status, WORDS_MAX, words);
}

static bool array_has(const json_t *found, const json_t *wanted)
{
	if (json_array_size(found) != json_array_size(wanted))
		return false;
	for (size_t i = 0; i < json_array_size(wanted); i++)
		if (!grafana_has(json_array_get(found, i), json_array_get(wanted, i)))
			return false;
	return true;
}

bool grafana_has(const json_t *found, const json_t *wanted)
{
	if (json_is_array(found) && json_is_array(wanted))
		return array_has(found, wanted);
	if (json_is_number(found) && json_is_number(wanted))
		return json_number_value(found) == json_number_value(wanted);
	if (!json_is_object(found) || !json_is_object(wanted))
		return json_equal(found, wanted);
	/* jansson's iterators want what they walk over not to be const */
	json_t *object = (json_t *)wanted;
	for (void *i = json_object_iter(object); i; i = json_object_iter_next(object, i))
		if (!grafana_has(json_object_get(found, json_object_iter_key(i)),
			    json_object_iter_value(i)))
			return false;
	return true;
}
