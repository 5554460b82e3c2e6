/* goflow configure-grafana */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "goflow/config.h"
#include "goflow/goflow.h"
#include "goflow/grafana.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/opt.h"

static const struct opt options[] = {
	OPT_COMMON,
	{'b', "backend", "NAME", "whose database (the first SQL server that a frontend uses)"},
	{'c', "config", "FILE", "the file (GOFLOW_CONFIG, ./config.yml, /etc/goflow/config.yml)"},
};

/* The key: an operand is seen by everybody who may list processes. Returns NULL after a log line.
 */
static const char *find_key(const char *given, char *room, size_t size)
{
	const char *key = getenv("GRAFANA_TOKEN");
	if (given && strcmp(given, "-") != 0) {
		log_warn("configure-grafana: the key is in the list of processes: better give it "
			 "in GRAFANA_TOKEN, or - and on standard input");
		return given;
	}
	if (!given && key && *key)
		return key;
	if (!given) {
		log_error("configure-grafana: found no key, expected GRAFANA_TOKEN in the "
			  "environment, or URL KEY DIR");
		return NULL;
	}
	if (!fgets(room, (int)size, stdin))
		*room = '\0';
	room[strcspn(room, "\r\n")] = '\0';
	if (!*room)
		log_error("configure-grafana: found no key on standard input");
	return *room ? room : NULL;
}

static const char *text_at(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

static void say(const json_t *report)
{
	const json_t *source = json_object_get(report, "datasource");
	const json_t *folder = json_object_get(report, "folder");
	const json_t *boards = json_object_get(report, "dashboards");
	if (source)
		printf("datasource %s: %s\n", text_at(source, "uid"), text_at(source, "action"));
	if (folder)
		printf("folder %s: %s\n", text_at(folder, "uid"), text_at(folder, "action"));
	for (size_t i = 0; i < json_array_size(boards); i++) {
		const json_t *board = json_array_get(boards, i);
		printf("dashboard %s: %s\n", text_at(board, "file"), text_at(board, "action"));
	}
	if (*text_at(report, "warning"))
		log_warn("configure-grafana: %s", text_at(report, "warning"));
	if (*text_at(report, "error"))
		log_error("configure-grafana: %s", text_at(report, "error"));
}

static int configure(const char *path, const struct grafana_target *t)
{
	struct config c = {0};
	struct config_report r = {0};
	json_t *report = NULL;
	int err = config_load(&c, path, &r);
	config_report_log(&r, path);
	config_report_free(&r);
	if (!err) {
		err = grafana_configure(&c, t, &report);
		say(report);
	}
	json_decref(report);
	config_free(&c);
	return err == 0 ? EXIT_DONE : err == ERR_CONFIG ? EXIT_CONFIG : EXIT_SERVER;
}

int configure_grafana(int argc, char **argv)
{
	struct opts o = {
		.program = "goflow configure-grafana",
		.usage = "[options] URL [KEY | -] DIR",
		.about = "Makes goflow's datasource and dashboards in a Grafana.",
		.table = options,
		.count = LEN(options),
	};
	struct grafana_target t = {0};
	const char *given = NULL;
	char room[4096];
	int id;
	while ((id = opt_next(&o, argc, argv)) >= 0) {
		if (id == 'c')
			given = o.arg;
		else
			t.backend = o.arg;
	}
	if (id != OPT_END)
		return id == OPT_DONE ? EXIT_DONE : EXIT_USE;
	int operands = argc - o.rest;
	if (operands < 2 || operands > 3) {
		log_error("configure-grafana: found %d operands, expected URL [KEY | -] DIR",
			operands);
		return EXIT_USE;
	}
	t.server = argv[o.rest];
	t.directory = argv[argc - 1];
	t.key = find_key(operands == 3 ? argv[o.rest + 1] : NULL, room, sizeof room);
	return t.key ? configure(config_path(given), &t) : EXIT_USE;
}
