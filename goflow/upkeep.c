#include "goflow/upkeep.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "goflow/child.h"
#include "goflow/config.h"
#include "lib/counters.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/opt.h"

static const struct opt options[] = {
	OPT_COMMON,
	{'c', "config", "FILE", "the file (GOFLOW_CONFIG, ./config.yml, /etc/goflow/config.yml)"},
};

/* One of the two commands. */
struct task {
	const char *name, *about;
	/* Why nothing is to be done to a backend; NULL: its sink is to be run. */
	const char *(*excuse)(const struct config *c, const struct config_backend *b);
	const char *option; /* for the sink; NULL: none */
};

static const char *no_prune(const struct config *c, const struct config_backend *b)
{
	if (b->type == BACKEND_KAFKA)
		return "the topic's own retention applies (retention.ms, retention.bytes)";
	if (b->type == BACKEND_DUMP)
		return "lines are not removed from a dump";
	if (!c->values[KEY_MAX_AGE].text && !c->values[KEY_MAX_SIZE].text)
		return "neither utilities.max_age nor max_size is set: all is kept";
	return NULL;
}

static const char *no_migration(const struct config *c, const struct config_backend *b)
{
	(void)c;
	switch (b->type) {
	case BACKEND_MYSQL: return NULL;
	case BACKEND_TIMESCALE:
	case BACKEND_POSTGRES: return "the sink takes the first goflow's table over as it is";
	default: return "the first goflow had no table of this type";
	}
}

/* Runs the sink of a backend on no input: it makes or checks its table, prunes, and ends. */
static int run_sink(const struct task *t, const struct config *c, const struct config_backend *b)
{
	struct stage_spec spec = {.argc = 0};
	struct counters_shared *counters = counters_shared_new();
	struct child_fds fds = {.in = CHILD_NULL, .out = STDOUT_FILENO};
	int status = 0, reaped = 0, err = counters ? stage_sink(&spec, c, b, NULL) : ERR_MEMORY;
	if (!err && t->option)
		stage_argument(&spec, t->option, NULL);
	if (!err)
		fds.counters = counters_shared_fd(counters);
	pid_t pid = err ? err : child_start(&spec, &fds);
	while (pid > 0 && (reaped = waitpid(pid, &status, 0)) < 0 && errno == EINTR)
		;
	stage_spec_free(&spec);
	counters_shared_free(counters);
	if (reaped <= 0 || !WIFEXITED(status))
		return EXIT_IO;
	return WEXITSTATUS(status);
}

static int run_all(const struct task *t, const struct config *c)
{
	int worst = EXIT_DONE;
	for (size_t i = 0; i < c->backend_count; i++) {
		const struct config_backend *b = &c->backends[i];
		const char *excuse = t->excuse(c, b);
		int code = excuse ? EXIT_DONE : run_sink(t, c, b);
		if (excuse)
			printf("%s: %s\n", b->name, excuse);
		else if (code)
			printf("%s: failed, exit %d\n", b->name, code);
		else
			printf("%s: done\n", b->name);
		fflush(stdout);
		worst = worst ? worst : code;
	}
	return worst;
}

static int run_task(const struct task *t, int argc, char **argv)
{
	struct opts o = {
		.program = t->name,
		.usage = "[options]",
		.about = t->about,
		.table = options,
		.count = LEN(options),
	};
	struct config c = {0};
	const char *given = NULL;
	int id, code = EXIT_CONFIG;
	while ((id = opt_next(&o, argc, argv)) >= 0)
		given = o.arg;
	if (id != OPT_END)
		return id == OPT_DONE ? EXIT_DONE : EXIT_USE;
	if (o.rest < argc) {
		log_error("found %s, expected no operand: -c names the file", argv[o.rest]);
		return EXIT_USE;
	}
	if (config_load_said(&c, config_path(given)) == 0)
		code = run_all(t, &c);
	config_free(&c);
	return code;
}

int upkeep_prune(int argc, char **argv)
{
	static const struct task prune = {
		.name = "goflow prune",
		.about = "Removes now what is older or larger than the configuration allows.",
		.excuse = no_prune,
	};
	return run_task(&prune, argc, argv);
}

int upkeep_migrate(int argc, char **argv)
{
	static const struct task migrate = {
		.name = "goflow migrate",
		.about =
			"Copies the rows of the first goflow's tables into new ones, where that is "
			"needed.",
		.excuse = no_migration,
		.option = "--migrate",
	};
	return run_task(&migrate, argc, argv);
}
