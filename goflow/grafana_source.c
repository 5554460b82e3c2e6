/* The datasource: the database of a backend as Grafana is told of it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "goflow/grafana_impl.h"
#include "lib/err.h"

#define PEM_MAX  (256 * 1024)
#define UID_ROOM 64

enum { SSL_OFF, SSL_PREFERRED, SSL_REQUIRED, SSL_VERIFY }; /* in the order of config.def */

static const char *text_of(const struct grafana *g, enum config_key key)
{
	return g->backend->values[key].text;
}

const char *grafana_source_type(enum backend_type type)
{
	switch (type) {
	case BACKEND_MYSQL: return "mysql";
	case BACKEND_TIMESCALE:
	case BACKEND_POSTGRES: return "grafana-postgresql-datasource";
	default: return NULL;
	}
}

static bool is_mysql(const struct grafana *g)
{
	return g->backend->type == BACKEND_MYSQL;
}

static bool is_local(const char *host)
{
	return *host == '/' || strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
	       strcmp(host, "::1") == 0;
}

/* Grafana knows no "TLS if the server has it": a password does not go over a network in the clear
 * because of that. */
static const char *postgres_sslmode(const struct grafana *g)
{
	switch (g->backend->values[KEY_SSL_MODE].number) {
	case SSL_OFF: return "disable";
	case SSL_VERIFY: return "verify-full";
	case SSL_REQUIRED: return "require";
	default: return is_local(text_of(g, KEY_SQL_SERVER)) ? "disable" : "require";
	}
}

static void put_address(const struct grafana *g, char *out, size_t room)
{
	const char *host = text_of(g, KEY_SQL_SERVER), *port = text_of(g, KEY_SQL_PORT);
	const char *socket = text_of(g, KEY_SQL_SOCKET);
	if (is_mysql(g) && socket)
		snprintf(out, room, "%s", socket);
	else if (*host == '/')
		snprintf(out, room, "%s", host);
	else
		snprintf(out, room, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host,
			port          ? port
			: is_mysql(g) ? "3306"
				      : "5432");
}

/* The text of a file of certificates. */
static int add_file(struct grafana *g, json_t *secrets, const char *name, enum config_key key)
{
	const char *path = text_of(g, key);
	char *text = path ? malloc(PEM_MAX) : NULL;
	if (!path)
		return 0;
	FILE *f = text ? fopen(path, "r") : NULL;
	if (!f) {
		int err = grafana_fail(g, ERR_CONFIG, "%s: %s", path, strerror(errno));
		free(text);
		return err;
	}
	size_t len = fread(text, 1, PEM_MAX, f);
	bool whole = !ferror(f) && len < PEM_MAX;
	fclose(f);
	int failed = json_object_set_new(secrets, name, whole ? json_stringn(text, len) : NULL);
	explicit_bzero(text, len);
	free(text);
	return failed ? grafana_fail(g, ERR_CONFIG, "%s: expected a file of text", path) : 0;
}

static int put_secrets(struct grafana *g, json_t *source)
{
	json_t *secrets = json_object();
	const char *password = text_of(g, KEY_SQL_PASSWORD);
	json_object_set_new(source, "secureJsonData", secrets);
	if (password)
		json_object_set_new(secrets, "password", json_string(password));
	int err = add_file(g, secrets, "tlsCACert", KEY_SSL_CA);
	if (!err)
		err = add_file(g, secrets, "tlsClientCert", KEY_SSL_CERT);
	return err ? err : add_file(g, secrets, "tlsClientKey", KEY_SSL_KEY);
}

/* What either kind of server is told beside its address. */
static json_t *more_of(const struct grafana *g)
{
	const char *database = text_of(g, KEY_SQL_DB);
	if (!is_mysql(g))
		return json_pack("{s:s, s:s, s:b, s:s}", "database", database, "sslmode",
			postgres_sslmode(g), "timescaledb", g->backend->type == BACKEND_TIMESCALE,
			"tlsConfigurationMethod", "file-content");
	uint64_t mode = g->backend->values[KEY_SSL_MODE].number;
	bool tls = mode != SSL_OFF;
	return json_pack("{s:s, s:s, s:b, s:b, s:b}", "database", database, "timezone", "+00:00",
		"tlsAuth", tls && text_of(g, KEY_SSL_CERT), "tlsAuthWithCACert",
		tls && text_of(g, KEY_SSL_CA), "tlsSkipVerify", mode == SSL_REQUIRED);
}

/* The datasource as it should be. NULL, with g->why: it cannot be made. */
static json_t *wanted_source(struct grafana *g, int *err)
{
	char address[512];
	const char *user = text_of(g, KEY_SQL_USERNAME),
		   *name = is_mysql(g) ? "goflow-mysql" : "goflow";
	put_address(g, address, sizeof address);
	json_t *source = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o}", "name", name, "uid",
		name, "type", grafana_source_type(g->backend->type), "access", "proxy", "url",
		address, "user", user ? user : "", "database", text_of(g, KEY_SQL_DB), "jsonData",
		more_of(g));
	*err = source ? put_secrets(g, source)
		      : grafana_fail(g, ERR_CONFIG, "the backend's settings are not UTF-8");
	if (*err) {
		json_decref(source);
		return NULL;
	}
	return source;
}

/* Whether Grafana's is the wanted one, as far as it tells: of secrets it says which there are. */
static bool is_as_wanted(const json_t *found, const json_t *wanted)
{
	json_t *visible = json_copy((json_t *)wanted);
	json_t *secrets = json_object_get(wanted, "secureJsonData");
	const json_t *there = json_object_get(found, "secureJsonFields");
	json_object_del(visible, "secureJsonData");
	/* newer servers have it in jsonData alone */
	const char *database = json_string_value(json_object_get(found, "database"));
	if (!database || !*database)
		json_object_del(visible, "database");
	bool same = grafana_has(found, visible);
	json_decref(visible);
	for (void *i = json_object_iter(secrets); i && same; i = json_object_iter_next(secrets, i))
		same = json_is_true(json_object_get(there, json_object_iter_key(i)));
	return same;
}

/* Asks Grafana to reach the database. What it says against it, to `words`. */
static bool is_healthy(struct grafana *g, const char *uid, char *words, size_t room)
{
	char path[GRAFANA_PATH_MAX];
	struct grafana_answer a;
	snprintf(path, sizeof path, "/api/datasources/uid/%s/health", uid);
	if (grafana_call(g, "GET", path, NULL, &a)) {
		snprintf(words, room, "%s", g->why);
		return false;
	}
	const char *status = json_string_value(json_object_get(a.body, "status"));
	bool well = a.status == 200 && status && strcmp(status, "OK") == 0;
	if (!well) {
		grafana_refused(g, "Grafana does not reach the database", &a);
		snprintf(words, room, "%s", g->why);
	}
	json_decref(a.body);
	return well;
}

/* The one that there is by that uid, or, where a name is taken by another uid, by its name. *found
 * NULL: there is none. */
static int find_source(struct grafana *g, const json_t *wanted, json_t **found)
{
	static const char *const by[] = {"uid", "name"};
	const char *name = json_string_value(json_object_get(wanted, "uid"));
	char path[GRAFANA_PATH_MAX];
	struct grafana_answer a;
	*found = NULL;
	for (size_t i = 0; i < LEN(by) && !*found; i++) {
		snprintf(path, sizeof path, "/api/datasources/%s/%s", by[i], name);
		int err = grafana_call(g, "GET", path, NULL, &a);
		if (err)
			return err;
		if (a.status == 200 && json_is_object(a.body))
			*found = json_incref(a.body);
		else if (a.status != 404)
			err = grafana_refused(g, "looking for the datasource", &a);
		json_decref(a.body);
		if (err)
			return err;
	}
	return 0;
}

/* Sends it. What a person may have chosen beside is kept. */
static int send_source(struct grafana *g, json_t *wanted, const json_t *found, const char *uid)
{
	char path[GRAFANA_PATH_MAX] = "/api/datasources";
	struct grafana_answer a;
	json_t *is_default = json_object_get(found, "isDefault");
	if (is_default)
		json_object_set(wanted, "isDefault", is_default);
	if (found)
		snprintf(path, sizeof path, "/api/datasources/uid/%s", uid);
	int err = grafana_call(g, found ? "PUT" : "POST", path, wanted, &a);
	if (!err && !grafana_done(&a))
		err = grafana_refused(
			g, found ? "updating the datasource" : "making the datasource", &a);
	json_decref(a.body);
	return err;
}

static int settle(struct grafana *g, json_t *wanted, const json_t *found, char *uid)
{
	char words[GRAFANA_WHY_MAX] = "";
	const char *has = json_string_value(json_object_get(found ? found : wanted, "uid"));
	if (!has || strlen(has) >= UID_ROOM || strcspn(has, "/?#% ") != strlen(has))
		return grafana_fail(g, ERR_REFUSED, "the datasource has no uid that can be used");
	snprintf(uid, UID_ROOM, "%s", has);
	json_object_set_new(wanted, "uid", json_string(uid));
	bool same = found && is_as_wanted(found, wanted) && is_healthy(g, uid, words, sizeof words);
	int err = same ? 0 : send_source(g, wanted, found, uid);
	if (!err && !same && !is_healthy(g, uid, words, sizeof words))
		json_object_set_new(g->report, "warning", json_string(words));
	if (!err)
		json_object_set_new(g->report, "datasource",
			json_pack("{s:s, s:s, s:s}", "uid", uid, "backend", g->backend->name,
				"action",
				same    ? "unchanged"
				: found ? "updated"
					: "made"));
	return err;
}

int grafana_source(struct grafana *g, char *uid)
{
	int err;
	json_t *wanted = wanted_source(g, &err), *found = NULL;
	if (!wanted)
		return err;
	err = find_source(g, wanted, &found);
	if (!err)
		err = settle(g, wanted, found, uid);
	json_decref(found);
	json_decref(wanted);
	return err;
}
