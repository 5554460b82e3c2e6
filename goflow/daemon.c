#include "goflow/daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "goflow/child.h"
#include "goflow/config.h"
#include "goflow/daemon_api.h"
#include "goflow/fleet.h"
#include "goflow/notify.h"
#include "goflow/sockets.h"
#include "lib/counters.h"
#include "lib/err.h"
#include "lib/instant.h"
#include "lib/log.h"
#include "lib/opt.h"
#include "lib/stage.h"

enum { COUNT_RESTARTS, COUNT_RELOADS, COUNT_RELOADS_REFUSED, COUNTERS };

_Static_assert(COUNTERS <= COUNTERS_MAX, "see counters.h");

static const struct counter counters[COUNTERS] = {
	[COUNT_RESTARTS] = {"restarts", COUNTER_INFO, "stages that were started again"},
	[COUNT_RELOADS] = {"reloads", COUNTER_INFO, "configurations taken since the start"},
	[COUNT_RELOADS_REFUSED] = {"reloads_refused", COUNTER_INFO,
		"configurations that were not taken, since something was wrong with them"},
};

struct daemon {
	struct config config;
	const char *path;
	struct fleet fleet;
	struct api_child api;
	struct stage stage;
	int signal_fd;                   /* SIGHUP, SIGCHLD */
	unsigned signals;                /* of the stage's, that have been acted on */
	uint64_t watchdog_ns, barked_ns; /* period; when the service manager was told last */
	uint64_t *counts;
};

/* Stats --------------------------------------------------------------------------------------- */

static void refresh(void *self)
{
	struct daemon *d = self;
	d->counts[COUNT_RESTARTS] = fleet_restarts(&d->fleet);
}

static bool report(void *self, const char *request, json_t *doc)
{
	struct daemon *d = self;
	if (strcmp(request, "status") != 0)
		return false;
	json_object_set_new(doc, "config", json_string(d->path));
	json_object_set_new(doc, "healthy", json_boolean(fleet_healthy(&d->fleet) && d->api.pid));
	json_object_set_new(doc, "draining", json_boolean(d->signals > 0));
	json_object_set_new(doc, "pipelines", fleet_document(&d->fleet, monotonic_ns()));
	return true;
}

/* Configuration ------------------------------------------------------------------------------- */

/* The form and the level; the latter unless the command line alone has said one. Stages that go on
 * have a level of their own. */
static void apply_log(const struct daemon *d, const struct config *c)
{
	const char *before = log_level_name();
	log_form(c->values[KEY_LOG_FORM].text);
	if (c->values[KEY_LOG_LEVEL].from != FROM_DEFAULT)
		log_level(c->values[KEY_LOG_LEVEL].text);
	if (before != log_level_name())
		fleet_tell_log_level(&d->fleet);
}

/* Has the fleet and the API be as a configuration says. Returns 0, or a negative code after a log
 * line, and then nothing has changed. */
static int configure(struct daemon *d, const struct config *c)
{
	int fd, err = api_child_prepare(&d->api, c, &fd);
	if (err)
		return err;
	err = fleet_configure(&d->fleet, c, monotonic_ns());
	if (!err)
		api_child_commit(&d->api, c, fd);
	else if (fd >= 0)
		close(fd);
	return err;
}

static void reload(struct daemon *d)
{
	struct config fresh = {0};
	notify_reloading();
	int err = config_load_said(&fresh, d->path);
	if (!err)
		err = configure(d, &fresh);
	if (err) {
		config_free(&fresh);
		d->counts[COUNT_RELOADS_REFUSED]++;
		log_error("the new configuration is not taken, and the old one goes on file=%s",
			d->path);
	} else {
		config_free(&d->config);
		d->config = fresh;
		d->counts[COUNT_RELOADS]++;
		apply_log(d, &d->config);
		log_info("the new configuration is taken file=%s", d->path);
	}
	notify_send("READY=1");
}

/* The loop ------------------------------------------------------------------------------------ */

/* The first SIGTERM drains; the second one cuts that short. */
static void act_on_signals(struct daemon *d)
{
	uint64_t now = monotonic_ns();
	if (!d->stage.signals || d->signals == d->stage.signals)
		return;
	if (!d->signals) {
		log_info("draining");
		notify_send("STOPPING=1");
		fleet_drain(&d->fleet, now);
	}
	if (d->stage.signals > 1)
		fleet_give_up(&d->fleet, now);
	d->signals = d->stage.signals;
	d->stage.deadline_ns = 0; /* each pipeline has its own */
}

static void reap(struct daemon *d)
{
	uint64_t now = monotonic_ns();
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (!fleet_ended(&d->fleet, pid, status, now))
			api_child_ended(&d->api, pid, status, now);
}

static void take_signals(struct daemon *d)
{
	struct signalfd_siginfo info;
	bool hangup = false, child = false;
	while (read(d->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
		hangup |= info.ssi_signo == SIGHUP;
		child |= info.ssi_signo == SIGCHLD;
	}
	if (child)
		reap(d);
	if (hangup && !d->signals)
		reload(d);
}

static void earlier(uint64_t *next, uint64_t at)
{
	if (at < *next)
		*next = at;
}

/* Milliseconds until then, rounded up; -1: for ever. */
static int wait_ms(uint64_t at, uint64_t now)
{
	if (at == UINT64_MAX)
		return -1;
	return at <= now ? 0 : (int)((at - now + NS_PER_MS - 1) / NS_PER_MS);
}

static void bark(struct daemon *d, uint64_t now)
{
	if (!d->watchdog_ns || now - d->barked_ns < d->watchdog_ns)
		return;
	notify_send("WATCHDOG=1");
	d->barked_ns = now;
}

static int turn(struct daemon *d)
{
	struct pollfd in = {.fd = d->signal_fd, .events = POLLIN};
	uint64_t now = monotonic_ns(), next = fleet_advance(&d->fleet, now);
	earlier(&next, api_child_advance(&d->api, &d->config, d->path, now));
	bark(d, now);
	if (d->watchdog_ns)
		earlier(&next, d->barked_ns + d->watchdog_ns);
	if (fleet_done(&d->fleet))
		return 1;
	int ready = stage_wait(&d->stage, &in, 1, wait_ms(next, now));
	if (ready < 0)
		return ready;
	if (in.revents)
		take_signals(d);
	act_on_signals(d);
	return 0;
}

/* The one thing that is not as the first goflow did it: that is said, once. */
static void say_verification(const struct config *c)
{
	for (size_t i = 0; i < c->backend_count; i++) {
		const struct config_backend *b = &c->backends[i];
		if (b->type != BACKEND_KAFKA || !b->values[KEY_SSL].number)
			continue;
		if (b->values[KEY_SSL_VERIFY].number)
			log_info("the broker's certificate is verified, unless SSL_VERIFY is false "
				 "backend=%s",
				b->name);
		else
			log_warn("the broker's certificate is not verified: SSL_VERIFY is false "
				 "backend=%s",
				b->name);
	}
}

static enum exit_code run(struct daemon *d)
{
	int err = 0;
	apply_log(d, &d->config);
	say_verification(&d->config);
	notify_send("READY=1");
	log_info("running config=%s", d->path);
	while (!err)
		err = turn(d);
	if (err < 0)
		log_error("poll: %s", strerror(errno));
	fleet_totals(&d->fleet);
	if (err < 0)
		return EXIT_IO;
	return fleet_lost(&d->fleet) ? EXIT_LOSSES : EXIT_DONE;
}

/* SIGHUP and SIGCHLD come by a descriptor; blocked before any child is started. */
static int open_signals(struct daemon *d)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == 0)
		d->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (d->signal_fd >= 0)
		return 0;
	log_error("signals: %s", strerror(errno));
	return ERR_IO;
}

static enum exit_code start(struct daemon *d)
{
	const struct stats_source source = {
		.program = "goflow",
		.ledger_unit = "records",
		.counters = counters,
		.values = d->counts,
		.count = COUNTERS,
		.report = report,
		.refresh = refresh,
		.self = d,
	};
	enum exit_code code = EXIT_IO;
	if (open_signals(d) != 0 || stage_open(&d->stage, NULL, &source) != 0)
		return code;
	if (configure(d, &d->config) == 0)
		code = run(d);
	api_child_stop(&d->api);
	stage_close(&d->stage);
	fleet_free(&d->fleet);
	close(d->signal_fd);
	return code;
}

static const struct opt options[] = {
	OPT_COMMON,
	{'c', "config", "FILE", "the file (GOFLOW_CONFIG, ./config.yml, /etc/goflow/config.yml)"},
};

int daemon_run(int argc, char **argv)
{
	struct opts o = {
		.program = "goflow",
		.usage = "[-c FILE] [options]",
		.about =
			"Runs the pipelines of a configuration; \"goflow help\" lists the commands.",
		.table = options,
		.count = LEN(options),
	};
	static struct daemon d = {.signal_fd = -1, .api.fd = -1};
	const char *given = NULL;
	int id;
	while ((id = opt_next(&o, argc, argv)) >= 0)
		given = o.arg;
	if (id != OPT_END)
		return id == OPT_DONE ? EXIT_DONE : EXIT_USE;
	child_raise_limit();
	d.path = config_path(given);
	d.counts = counters_memory();
	d.watchdog_ns = notify_watchdog_ns();
	enum exit_code code = EXIT_CONFIG;
	if (config_load_said(&d.config, d.path) == 0)
		code = sockets_passed() == 0 ? start(&d) : EXIT_USE;
	config_free(&d.config);
	return code;
}
