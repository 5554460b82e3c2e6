/* The folder, and the dashboards in it. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "goflow/grafana_impl.h"
#include "lib/err.h"

#define FOLDER_UID "goflow"
#define VARIABLE   "DS_GOFLOW"
#define FILE_MAX   (4 * 1024 * 1024)
#define UID_MAX    40 /* characters that Grafana takes */

static void report_folder(struct grafana *g, const char *action)
{
	json_object_set_new(
		g->report, "folder", json_pack("{s:s, s:s}", "uid", FOLDER_UID, "action", action));
}

/* 409 and 412 are for one that was made meanwhile, or has our title and another uid. */
static int make_folder(struct grafana *g)
{
	struct grafana_answer a;
	json_t *body = json_pack("{s:s, s:s}", "uid", FOLDER_UID, "title", "goflow");
	int err = grafana_call(g, "POST", "/api/folders", body, &a);
	json_decref(body);
	if (!err && !grafana_done(&a))
		err = grafana_refused(g, "making the folder \"goflow\"", &a);
	json_decref(a.body);
	return err;
}

static int need_folder(struct grafana *g)
{
	struct grafana_answer a;
	int err = grafana_call(g, "GET", "/api/folders/" FOLDER_UID, NULL, &a);
	if (err)
		return err;
	bool there = a.status == 200 && json_is_object(a.body);
	if (!there && a.status != 404)
		err = grafana_refused(g, "looking for the folder", &a);
	json_decref(a.body);
	if (!err && !there)
		err = make_folder(g);
	if (!err)
		report_folder(g, there ? "unchanged" : "made");
	return err;
}

/* A dashboard without a uid is known by its file's name. */
static void need_uid(const char *file, json_t *board, char uid[UID_MAX + 1])
{
	const char *own = json_string_value(json_object_get(board, "uid"));
	size_t len = 0;
	if (!own)
		len = (size_t)snprintf(uid, UID_MAX + 1, "goflow-");
	for (const char *p = own ? own : file; *p && len < UID_MAX && (own || *p != '.'); p++)
		uid[len++] = isalnum((unsigned char)*p) || *p == '_' || *p == '-' ? *p : '-';
	uid[len] = '\0';
	json_object_set_new(board, "uid", json_string(uid));
}

/* Makes the variable that names the datasource mean this one. Returns false for a dashboard of
 * another type of database. */
static bool bind_board(const struct grafana *g, json_t *board, const char *source)
{
	json_t *list = json_object_get(json_object_get(board, "templating"), "list");
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *variable = json_array_get(list, i);
		const char *name = json_string_value(json_object_get(variable, "name"));
		const char *type = json_string_value(json_object_get(variable, "query"));
		if (!name || strcmp(name, VARIABLE) != 0)
			continue;
		if (!type || strcmp(type, grafana_source_type(g->backend->type)) != 0)
			return false;
		json_object_set_new(variable, "current",
			json_pack("{s:b, s:s, s:s}", "selected", true, "text", source, "value",
				source));
	}
	return true;
}

/* The dashboard of a file; one that stands in {"dashboard": ...} too, as the first goflow had them.
 */
static json_t *read_board(struct grafana *g, const char *path)
{
	json_error_t bad;
	struct stat st;
	if (stat(path, &st) || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX) {
		grafana_fail(g, ERR_CONFIG, "expected a file of at most 4 MiB");
		return NULL;
	}
	json_t *doc = json_load_file(path, JSON_REJECT_DUPLICATES, &bad), *inner;
	if (!doc) {
		grafana_fail(g, ERR_CONFIG, "line %d: %s", bad.line, bad.text);
		return NULL;
	}
	inner = json_object_get(doc, "dashboard");
	json_t *board = json_incref(json_is_object(inner) ? inner : doc);
	json_decref(doc);
	if (json_is_string(json_object_get(board, "title")))
		return board;
	grafana_fail(g, ERR_CONFIG, "expected a dashboard: it has no title");
	json_decref(board);
	return NULL;
}

/* Whether Grafana has it already, in that folder; *there: under that uid at all. */
static int compare(struct grafana *g, const json_t *board, const char *uid, bool *there, bool *same)
{
	char path[GRAFANA_PATH_MAX];
	struct grafana_answer a;
	snprintf(path, sizeof path, "/api/dashboards/uid/%s", uid);
	int err = grafana_call(g, "GET", path, NULL, &a);
	if (err)
		return err;
	const char *folder =
		json_string_value(json_object_get(json_object_get(a.body, "meta"), "folderUid"));
	*there = a.status == 200 && json_is_object(a.body);
	*same = *there && folder && strcmp(folder, FOLDER_UID) == 0 &&
		grafana_has(json_object_get(a.body, "dashboard"), board);
	if (!*there && a.status != 404)
		err = grafana_refused(g, "looking for the dashboard", &a);
	json_decref(a.body);
	return err;
}

static int save(struct grafana *g, json_t *board)
{
	struct grafana_answer a;
	json_t *body = json_pack("{s:O, s:s, s:b, s:s}", "dashboard", board, "folderUid",
		FOLDER_UID, "overwrite", true, "message", "goflow configure-grafana");
	int err = grafana_call(g, "POST", "/api/dashboards/db", body, &a);
	json_decref(body);
	if (!err && !grafana_done(&a))
		err = grafana_refused(g, "saving the dashboard", &a);
	json_decref(a.body);
	return err;
}

static int put_board(struct grafana *g, json_t *board, const char *source, json_t *done)
{
	char uid[UID_MAX + 1];
	bool there = false, same = false, ours = bind_board(g, board, source);
	need_uid(g->file, board, uid);
	/* numbers that each Grafana gives out itself */
	json_object_del(board, "id");
	json_object_del(board, "version");
	int err = ours ? compare(g, board, uid, &there, &same) : 0;
	if (!err && ours && !same)
		err = save(g, board);
	if (!err)
		json_array_append_new(
			done, json_pack("{s:s, s:s, s:s}", "file", g->file, "uid", uid, "action",
				      !ours   ? "left out: of another type of database"
				      : same  ? "unchanged"
				      : there ? "updated"
					      : "made"));
	return err;
}

static int is_json(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);
	return *entry->d_name != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".json") == 0;
}

/* The folder that has the dashboards of this type of database. */
static void find_folder(const struct grafana *g, char *out, size_t room)
{
	struct stat st;
	snprintf(out, room, "%s/mysql", g->target->directory);
	if (g->backend->type != BACKEND_MYSQL || stat(out, &st) || !S_ISDIR(st.st_mode))
		snprintf(out, room, "%s", g->target->directory);
}

static int add_board(struct grafana *g, const char *folder, const char *name)
{
	char path[PATH_MAX];
	g->file = name;
	snprintf(path, sizeof path, "%s/%s", folder, name);
	json_t *board = read_board(g, path);
	int err = board ? 0 : ERR_CONFIG;
	if (board && json_object_set_new(g->boards, name, board))
		err = grafana_fail(g, ERR_CONFIG, "its name is not UTF-8");
	g->file = NULL;
	return err;
}

int grafana_read_boards(struct grafana *g)
{
	char folder[PATH_MAX - NAME_MAX - 2];
	struct dirent **names = NULL;
	find_folder(g, folder, sizeof folder);
	int count = scandir(folder, &names, is_json, alphasort), err = 0;
	if (count <= 0)
		return grafana_fail(g, ERR_CONFIG, "%s: %s", folder,
			count < 0 ? strerror(errno) : "there is no *.json");
	g->boards = json_object();
	for (int i = 0; i < count; i++) {
		if (!err)
			err = add_board(g, folder, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	return err;
}

int grafana_boards(struct grafana *g, const char *source)
{
	json_t *done = json_array();
	json_object_set_new(g->report, "dashboards", done);
	int err = need_folder(g);
	for (void *i = json_object_iter(g->boards); i && !err;
		i = json_object_iter_next(g->boards, i)) {
		g->file = json_object_iter_key(i);
		err = put_board(g, json_object_iter_value(i), source, done);
	}
	return err;
}
