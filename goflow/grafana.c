/* Configuring Grafana: one run from the configuration to its report. */
#include <stdio.h>
#include <string.h>

#include "goflow/grafana_impl.h"
#include "lib/err.h"

static bool is_used(const struct config *c, size_t backend)
{
	for (size_t f = 0; f < c->frontend_count; f++)
		for (size_t r = 0; r < c->frontends[f].route_count; r++)
			if (c->frontends[f].routes[r].backend == backend)
				return true;
	return false;
}

/* The one that was named, or the first that a frontend uses. */
static int choose(struct grafana *g, const struct config *c)
{
	const char *name = g->target->backend;
	for (size_t i = 0; i < c->backend_count && !g->backend; i++) {
		const struct config_backend *b = &c->backends[i];
		bool sql = grafana_source_type(b->type) != NULL;
		if (name && strcmp(name, b->name) == 0 && !sql)
			return grafana_fail(g, ERR_CONFIG,
				"backend %s is no SQL server: dashboards read from PostgreSQL, "
				"TimescaleDB and MySQL alone",
				name);
		if (name ? strcmp(name, b->name) == 0 : sql && is_used(c, i))
			g->backend = b;
	}
	if (g->backend)
		return 0;
	if (name)
		return grafana_fail(g, ERR_CONFIG, "there is no backend %s", name);
	return grafana_fail(g, ERR_CONFIG,
		"no frontend uses an SQL server: dashboards read from PostgreSQL, TimescaleDB and "
		"MySQL alone");
}

/* Dashboards name the table as it is by default. */
static int check_table(struct grafana *g)
{
	const char *table = g->backend->values[KEY_TABLE].text;
	return !table || strcmp(table, "goflow_records") == 0
		       ? 0
		       : grafana_fail(g, ERR_CONFIG,
				 "backend %s stores into the table %s: the dashboards read "
				 "goflow_records",
				 g->backend->name, table);
}

static int carry_out(struct grafana *g, const struct config *c)
{
	char source[64];
	int err = choose(g, c);
	if (!err)
		err = check_table(g);
	if (!err)
		err = grafana_open(g);
	if (!err)
		err = grafana_read_boards(g);
	if (!err)
		err = grafana_source(g, source);
	if (!err)
		err = grafana_boards(g, source);
	return err;
}

int grafana_configure(const struct config *c, const struct grafana_target *t, json_t **report)
{
	struct grafana g = {.target = t, .report = json_object()};
	*report = g.report;
	if (!g.report)
		return ERR_MEMORY;
	int err = carry_out(&g, c);
	grafana_close(&g);
	json_decref(g.boards);
	json_object_set_new(g.report, "Msg",
		json_string(err ? "Grafana is not configured" : "Grafana is configured"));
	if (err)
		json_object_set_new(g.report, "error", json_string(g.why));
	return err;
}
