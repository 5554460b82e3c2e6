/* POST /grafana: configure-grafana takes seconds, so it runs in a process of its own, whose report
 * is the answer. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "goflow/api_impl.h"
#include "goflow/grafana.h"
#include "lib/base.h"
#include "lib/err.h"
#include "lib/log.h"

#define REPORT_MAX (4 * 1024 * 1024)
#define CHUNK      (16 * 1024)

/* In the new process: only the pipe is kept, so that neither the port nor a client depends on it.
 */
_Noreturn static void work(
	const struct config *c, const struct grafana_target *t, int fd, pid_t parent)
{
	sigset_t none;
	json_t *report = NULL;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_IO);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(fd, STDERR_FILENO + 1) < 0)
		_exit(EXIT_IO);
	close_range(STDERR_FILENO + 2, ~0u, 0);
	int err = grafana_configure(c, t, &report);
	json_t *doc = json_pack("{s:b, s:o}", "ok", !err, "report", report ? report : json_null());
	int failed = json_dumpfd(doc, STDERR_FILENO + 1, JSON_COMPACT);
	_exit(failed ? EXIT_IO : EXIT_DONE);
}

static bool begin(struct api *a, const struct grafana_target *t)
{
	int ends[2];
	pid_t self = getpid();
	if (pipe2(ends, O_CLOEXEC))
		return false;
	pid_t pid = fork();
	if (pid == 0)
		work(a->config, t, ends[1], self);
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return false;
	}
	a->job = (struct api_job){
		.pid = pid,
		.fd = ends[0],
		.deadline_ns = monotonic_ns() + API_GRAFANA_NS,
	};
	return true;
}

enum MHD_Result api_post_grafana(struct api_request *r)
{
	enum MHD_Result result;
	struct api *a = r->api;
	struct grafana_target t = {0};
	if (a->job.request)
		return api_refuse(r, MHD_HTTP_CONFLICT, "busy",
			"another request to configure Grafana is being carried out");
	json_t *body = api_body(r, &result);
	bool whole = body && (t.server = api_body_text(r, body, "Server", &result)) &&
		     (t.key = api_body_text(r, body, "ApiKey", &result)) &&
		     (t.directory = api_body_text(r, body, "Directory", &result));
	if (whole && begin(a, &t)) {
		log_info("configuring Grafana directory=%s",
			t.directory); /* a URL can hold a password */
		a->job.request = r;
		api_suspend(r);
		result = MHD_YES;
	} else if (whole) {
		result = api_refuse(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "process", strerror(errno));
	}
	json_decref(body);
	return result;
}

/* The process has ended, or is ended: answers with its report, or with why there is none. */
static void end(struct api *a, unsigned status, const char *why)
{
	struct api_job *j = &a->job;
	json_t *doc = j->len ? json_loadb(j->text, j->len, 0, NULL) : NULL;
	bool ok = json_is_true(json_object_get(doc, "ok"));
	kill(j->pid, SIGKILL);
	waitpid(j->pid, NULL, 0);
	close(j->fd);
	free(j->text);
	if (doc && !why) {
		status = ok ? MHD_HTTP_OK : MHD_HTTP_BAD_GATEWAY;
		json_object_set_new(doc, "Msg",
			json_string(ok ? "Grafana is configured" : "Grafana is not configured"));
		if (!ok)
			json_object_set_new(doc, "error", json_string("grafana"));
	} else {
		json_decref(doc);
		doc = json_pack("{s:s, s:s}", "Msg", why ? why : "it ended without a report",
			"error", "grafana");
	}
	log_info("configured Grafana ok=%d", ok);
	struct api_request *r = j->request;
	*j = (struct api_job){.fd = -1};
	api_resume(r, status, doc);
}

/* Takes what there is. False: it has ended. */
static bool take(struct api_job *j)
{
	struct pollfd in = {.fd = j->fd, .events = POLLIN};
	if (poll(&in, 1, 0) <= 0)
		return true;
	if (j->room - j->len < CHUNK) {
		char *text = j->room < REPORT_MAX ? realloc(j->text, j->room + 4 * CHUNK) : NULL;
		if (!text)
			return false;
		j->text = text;
		j->room += 4 * CHUNK;
	}
	ssize_t n = read(j->fd, j->text + j->len, j->room - j->len);
	if (n > 0)
		j->len += (size_t)n;
	return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

void api_job_turn(struct api *a)
{
	if (!a->job.request)
		return;
	if (!take(&a->job))
		end(a, MHD_HTTP_BAD_GATEWAY, NULL);
	else if (monotonic_ns() >= a->job.deadline_ns)
		end(a, MHD_HTTP_GATEWAY_TIMEOUT, "Grafana took too long");
}

void api_job_end(struct api *a)
{
	if (a->job.request)
		end(a, MHD_HTTP_SERVICE_UNAVAILABLE, "the API is ending");
}
