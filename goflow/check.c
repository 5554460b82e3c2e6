/* goflow check-config */
#include <stdio.h>

#include "goflow/config.h"
#include "goflow/goflow.h"
#include "lib/log.h"
#include "lib/opt.h"

static const struct opt options[] = {
	OPT_COMMON,
	{'c', "config", "FILE", "the file (GOFLOW_CONFIG, ./config.yml, /etc/goflow/config.yml)"},
	{'j', "json", NULL, "print all values, with where each is from"},
};

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

/* ASCII alone, so that nothing in it can reach a terminal as a control. */
static void print_json(const struct config *c)
{
	json_t *doc = config_json(c);
	json_dumpf(doc, stdout, JSON_ENSURE_ASCII | JSON_INDENT(2));
	putchar('\n');
	json_decref(doc);
}

static int check(const char *path, bool json)
{
	struct config c = {0};
	struct config_report r = {0};
	int err = config_load(&c, path, &r);
	config_report_log(&r, path);
	if (!err && json)
		print_json(&c);
	else if (!err)
		printf("%s: ok, %zu backend%s, %zu frontend%s\n", path, c.backend_count,
			plural(c.backend_count), c.frontend_count, plural(c.frontend_count));
	config_report_free(&r);
	config_free(&c);
	return err ? EXIT_CONFIG : EXIT_DONE;
}

int check_config(int argc, char **argv)
{
	struct opts o = {
		.program = "goflow check-config",
		.usage = "[options]",
		.about = "Checks the configuration: says all that is wrong with it, and where.",
		.table = options,
		.count = LEN(options),
	};
	const char *given = NULL;
	bool json = false;
	int id;
	while ((id = opt_next(&o, argc, argv)) >= 0) {
		if (id == 'c')
			given = o.arg;
		else
			json = true;
	}
	if (id != OPT_END)
		return id == OPT_DONE ? EXIT_DONE : EXIT_USE;
	if (o.rest < argc) {
		log_error("check-config: found %s, expected no operand: -c names the file",
			argv[o.rest]);
		return EXIT_USE;
	}
	return check(config_path(given), json);
}
