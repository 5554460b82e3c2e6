/* goflow: one program over the filters. Each subcommand is a row of the table. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "goflow/config.h"
#include "goflow/daemon.h"
#include "goflow/goflow.h"
#include "goflow/upkeep.h"
#include "lib/base.h"
#include "lib/log.h"
#include "lib/opt.h"

static int help(int argc, char **argv);
static int version(int argc, char **argv);

static const struct command commands[] = {
	{"check-config", "[-c FILE] [-j]",
		"check the configuration, and say all that is wrong with it", check_config},
	{"configure-grafana", "[-b NAME] [-c FILE] URL [KEY | -] DIR",
		"make the datasource and the dashboards in a Grafana", configure_grafana},
	{"help", "[COMMAND | KEY | config]",
		"list the commands; or explain one, a key of the configuration, or all keys", help},
	{"migrate", "[-c FILE]",
		"copy rows of the first goflow's tables into new ones, where needed",
		upkeep_migrate},
	{"prune", "[-c FILE]", "remove now what is older or larger than the configuration allows",
		upkeep_prune},
	{"status", "[-c FILE] [-j]", "ask the running goflow how it is doing", show_status},
	{"version", "", "print the version", version},
};

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < LEN(commands); i++)
		if (strcmp(name, commands[i].name) == 0)
			return &commands[i];
	return NULL;
}

static void list_commands(void)
{
	puts("Usage: goflow [-c FILE] [options]\n       goflow COMMAND [options]\n"
	     "Collects flow telemetry into databases: without a command, runs the pipelines of a\n"
	     "configuration. The commands:\n");
	for (size_t i = 0; i < LEN(commands); i++) {
		const struct command *c = &commands[i];
		char left[64];
		snprintf(left, sizeof left, "%s %s", c->name, c->arguments);
		if (strlen(left) <= 32)
			printf("  %-32s  %s\n", left, c->help);
		else
			printf("  %s\n%36s%s\n", left, "", c->help);
	}
}

static int help(int argc, char **argv)
{
	const struct command *c = argc > 1 ? find(argv[1]) : NULL;
	char flag[] = "--help", *ask[] = {c ? argv[1] : NULL, flag, NULL};
	if (argc == 1) {
		list_commands();
		return EXIT_DONE;
	}
	if (c && c->run != help && c->run != version)
		return c->run(2, ask);
	if (c)
		printf("Usage: goflow %s %s\n%s\n", c->name, c->arguments, c->help);
	if (c || config_help(argv[1]) > 0)
		return EXIT_DONE;
	log_error("help: found %s, expected a command or a key; \"goflow help\" lists the commands",
		argv[1]);
	return EXIT_USE;
}

static int version(int argc, char **argv)
{
	if (argc > 1) {
		log_error("version: found %s, expected nothing", argv[1]);
		return EXIT_USE;
	}
	puts("goflow " GOFLOW_VERSION);
	return EXIT_DONE;
}

static int dispatch(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	const struct command *c = find(name);
	if (c)
		return c->run(argc - 1, argv + 1);
	if (strcmp(name, "-h") == 0 || strcmp(name, "--help") == 0)
		return help(1, argv);
	if (strcmp(name, "-V") == 0 || strcmp(name, "--version") == 0)
		return version(1, argv);
	if (!*name || *name == '-')
		return daemon_run(argc, argv);
	log_error("found %s, expected a command; \"goflow help\" lists them", name);
	return EXIT_USE;
}

int main(int argc, char **argv)
{
	log_init("goflow");
	signal(SIGCHLD,
		SIG_DFL); /* who ignores it, as a parent may have, cannot wait for children */
	int code = dispatch(argc, argv);
	if (fflush(stdout) || ferror(stdout)) {
		log_error("standard output: %s", strerror(errno));
		return EXIT_IO;
	}
	return code;
}
