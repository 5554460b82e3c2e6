#include "goflow/pipeline.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "goflow/child.h"
#include "lib/err.h"
#include "lib/instant.h"
#include "lib/log.h"
#include "lib/net.h"

#define BACKOFF_NS     (100 * NS_PER_MS) /* doubled with each failure in a row */
#define BACKOFF_MAX_NS (30 * NS_PER_S)
#define STEADY_NS      (60 * NS_PER_S) /* a stage that ran so long does not fail in a row */
#define MISFIT_NS      (60 * NS_PER_S) /* between attempts where configuration or schema do not fit */
#define DRAIN_NS       (20 * NS_PER_S) /* for all stages to end one behind the other */
#define REVOLT_NS                                                                                  \
	(7 * NS_PER_S) /* for what was told to end: a stage's own drain takes up to 5 s            \
			*/
#define PIPE_SIZE (1024 * 1024)

_Static_assert(CONFIG_ROUTES_MAX <= CHILD_FDS_MAX, "nftee gets a pipe for each");

/* Making one ---------------------------------------------------------------------------------- */

/* A pipe whose ends no child inherits by accident. */
static int open_pipe(int fds[2])
{
	if (pipe2(fds, O_CLOEXEC) != 0) {
		log_error("pipe: %s", strerror(errno));
		return ERR_IO;
	}
	fcntl(fds[1], F_SETPIPE_SZ,
		PIPE_SIZE); /* refused past the user's limit: then it is slower */
	return 0;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* 32 hex digits, at random. */
static int random_id(char out[static 33])
{
	unsigned char bytes[16];
	if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
		return ERR_IO;
	for (size_t i = 0; i < sizeof bytes; i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

static int build_specs(struct pipeline *p, const struct config *c, const struct config_frontend *f)
{
	char id[33];
	size_t first = SLOT_SPLIT + p->has_tee;
	int err = stage_receiver(&p->slots[SLOT_RECEIVER].spec, c, f, p->name);
	if (!err && p->replays)
		err = random_id(id);
	if (!err)
		err = stage_decoder(
			&p->slots[SLOT_DECODER].spec, c, f, p->replays ? id : NULL, p->name);
	if (!err && p->has_tee)
		err = stage_tee(&p->slots[SLOT_SPLIT].spec, c, f->route_count, p->name);
	for (size_t i = 0; i < f->route_count && !err; i++)
		err = stage_sink(
			&p->slots[first + i].spec, c, &c->backends[f->routes[i].backend], p->name);
	return err;
}

static void close_pipes(struct pipeline *p)
{
	for (size_t i = SLOT_SPLIT; i < p->count; i++) {
		close_fd(&p->slots[i].pipe[0]);
		close_fd(&p->slots[i].pipe[1]);
	}
}

/* All of them, or none. */
static int open_pipes(struct pipeline *p)
{
	int err = 0;
	for (size_t i = SLOT_SPLIT; i < p->count && !err; i++)
		err = open_pipe(p->slots[i].pipe);
	if (err)
		close_pipes(p);
	return err;
}

/* What stages are started with, so that to start one needs little that could be lacking then. */
static int open_all(struct pipeline *p)
{
	int err = open_pipes(p);
	if (!err && !p->replays &&
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p->outputs) != 0) {
		log_error("socketpair: %s", strerror(errno));
		err = ERR_IO;
	}
	for (size_t i = 0; i < p->count && !err; i++)
		err = account_open(&p->slots[i].account);
	return err;
}

struct pipeline *pipeline_new(
	const struct config *c, const struct config_frontend *f, unsigned worker, int socket_fd)
{
	struct pipeline *p = calloc(1, sizeof *p);
	if (!p) {
		close_fd(&socket_fd);
		return NULL;
	}
	p->socket_fd = socket_fd;
	p->next_input = -1;
	p->worker = worker;
	if (socket_fd >= 0)
		net_drops(socket_fd, &p->drops);
	p->outputs[0] = p->outputs[1] = -1;
	p->replays = f->type == FRONTEND_PCAP;
	p->has_tee = f->route_count > 1;
	p->slots = calloc(SLOT_SPLIT + p->has_tee + f->route_count, sizeof *p->slots);
	if (p->slots)
		p->count = SLOT_SPLIT + p->has_tee + f->route_count;
	for (size_t i = 0; i < p->count; i++)
		p->slots[i].pipe[0] = p->slots[i].pipe[1] = -1;
	if (!p->replays && f->values[KEY_WORKERS].number > 1)
		snprintf(p->name, sizeof p->name, "%s.%u", f->name, worker + 1);
	else
		snprintf(p->name, sizeof p->name, "%s", f->name);
	if (p->slots && build_specs(p, c, f) == 0 && open_all(p) == 0)
		return p;
	log_error("%s: it cannot be set up", p->name);
	pipeline_free(p);
	return NULL;
}

void pipeline_free(struct pipeline *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->count; i++) {
		stage_spec_free(&p->slots[i].spec);
		account_free(&p->slots[i].account);
	}
	close_pipes(p);
	free(p->slots);
	close_fd(&p->next_input);
	close_fd(&p->socket_fd);
	close_fd(&p->outputs[0]);
	close_fd(&p->outputs[1]);
	free(p);
}

/* Starting stages ----------------------------------------------------------------------------- */

static void schedule(struct slot *s, uint64_t now_ns, uint64_t delay_ns)
{
	s->state = SLOT_WAITING;
	s->retry_ns = now_ns + delay_ns;
}

/* How long to wait before the next attempt. */
static uint64_t backoff(const struct slot *s)
{
	unsigned doublings = s->failures < 10 ? s->failures : 10;
	uint64_t delay = BACKOFF_NS << doublings;
	return delay < BACKOFF_MAX_NS ? delay : BACKOFF_MAX_NS;
}

static void launch(struct pipeline *p, struct slot *s, struct child_fds *fds, uint64_t now_ns)
{
	fds->counters = account_begin(&s->account);
	pid_t pid = fds->counters < 0 ? ERR_IO : child_start(&s->spec, fds);
	s->starts++;
	if (pid < 0) {
		account_end(&s->account);
		schedule(s, now_ns, backoff(s));
		s->failures++;
		return;
	}
	s->pid = pid;
	s->state = SLOT_RUNNING;
	s->started_ns = now_ns;
	log_debug("started pipeline=%s program=%s backend=%s pid=%ld", p->name, s->spec.program,
		s->spec.backend, (long)pid);
}

uint32_t pipeline_drops(struct pipeline *p)
{
	struct account *received = &p->slots[SLOT_RECEIVER].account;
	return p->drops + (uint32_t)account_counter(received, "kernel_drops");
}

static void start_receiver(struct pipeline *p, int out, uint64_t now_ns)
{
	struct child_fds fds = {.in = CHILD_NULL, .out = out};
	char drops[40];
	if (!p->replays) {
		snprintf(drops, sizeof drops, NET_DROPS_ENVIRONMENT "=%u", pipeline_drops(p));
		fds.variable = drops;
		fds.more[fds.count++] = p->socket_fd;
		fds.more[fds.count++] = p->outputs[1];
	}
	launch(p, &p->slots[SLOT_RECEIVER], &fds, now_ns);
}

static void start_decoder(struct pipeline *p, int in, uint64_t now_ns)
{
	struct child_fds fds = {.in = in, .out = p->slots[SLOT_SPLIT].pipe[1]};
	launch(p, &p->slots[SLOT_DECODER], &fds, now_ns);
}

static void start_behind(struct pipeline *p, size_t i, uint64_t now_ns)
{
	struct child_fds fds = {.in = p->slots[i].pipe[0], .out = CHILD_NULL};
	if (i == SLOT_SPLIT && p->has_tee)
		for (size_t k = SLOT_SPLIT + 1; k < p->count; k++)
			fds.more[fds.count++] = p->slots[k].pipe[1];
	else if (strcmp(p->slots[i].spec.program, "nfjson") == 0)
		fds.out = STDOUT_FILENO;
	launch(p, &p->slots[i], &fds, now_ns);
}

/* Passes the running nfrecv the pipe to a new nfdecode. */
static int pass_output(struct pipeline *p, int fd)
{
	char byte = 0;
	union {
		char bytes[CMSG_SPACE(sizeof fd)];
		struct cmsghdr align;
	} control = {.bytes = {0}};
	struct iovec v = {&byte, 1};
	struct msghdr h = {.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof control.bytes};
	struct cmsghdr *c = CMSG_FIRSTHDR(&h);
	*c = (struct cmsghdr){
		.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
	return sendmsg(p->outputs[0], &h, MSG_DONTWAIT | MSG_NOSIGNAL) == 1 ? 0 : ERR_IO;
}

/* Starts nfrecv while nfdecode still reads what the one before it wrote, which may take as long as
 * a database is down. */
static void start_receiver_ahead(struct pipeline *p, uint64_t now_ns)
{
	int fds[2];
	if (open_pipe(fds) != 0) {
		schedule(&p->slots[SLOT_RECEIVER], now_ns, BACKOFF_NS);
		return;
	}
	start_receiver(p, fds[1], now_ns);
	close(fds[1]);
	p->next_input = fds[0];
}

/* Starts nfdecode, and nfrecv in front of it unless that runs and goes on. */
static void start_front(struct pipeline *p, uint64_t now_ns)
{
	int fds[2];
	struct slot *receiver = &p->slots[SLOT_RECEIVER], *decoder = &p->slots[SLOT_DECODER];
	if (p->next_input >= 0) {
		start_decoder(p, p->next_input, now_ns);
		if (decoder->state == SLOT_RUNNING)
			close_fd(&p->next_input);
		return;
	}
	if (open_pipe(fds) != 0) {
		schedule(decoder, now_ns, BACKOFF_NS);
		return;
	}
	if (receiver->state == SLOT_WAITING)
		start_receiver(p, fds[1], now_ns);
	else if (receiver->state == SLOT_RUNNING && pass_output(p, fds[1]) != 0)
		log_warn("pipeline %s: nfrecv takes no further output", p->name);
	start_decoder(p, fds[0], now_ns);
	close(fds[0]);
	close(fds[1]);
}

/* Which of nfrecv and nfdecode is to be started next; NULL: neither. */
static struct slot *next_of_front(struct pipeline *p)
{
	struct slot *receiver = &p->slots[SLOT_RECEIVER], *decoder = &p->slots[SLOT_DECODER];
	if (decoder->state == SLOT_WAITING)
		return decoder;
	if (decoder->state == SLOT_RUNNING && receiver->state == SLOT_WAITING && !p->replays &&
		p->next_input < 0)
		return receiver;
	return NULL;
}

/* When: nfdecode waits for an nfrecv that is to be started with it. */
static uint64_t front_due(const struct pipeline *p, const struct slot *next)
{
	const struct slot *receiver = &p->slots[SLOT_RECEIVER];
	bool both = p->next_input < 0 && receiver->state == SLOT_WAITING;
	return both && receiver->retry_ns > next->retry_ns ? receiver->retry_ns : next->retry_ns;
}

/* nfrecv and nfdecode. Returns when the next attempt is due. */
static uint64_t advance_front(struct pipeline *p, uint64_t now_ns)
{
	struct slot *next;
	while ((next = next_of_front(p))) {
		uint64_t due = front_due(p, next);
		if (due > now_ns)
			return due;
		if (next == &p->slots[SLOT_RECEIVER])
			start_receiver_ahead(p, now_ns);
		else
			start_front(p, now_ns);
		if (next->state == SLOT_WAITING)
			return next->retry_ns;
	}
	return UINT64_MAX;
}

/* Ending -------------------------------------------------------------------------------------- */

/* The stage will not be started again: what reads from it finds the end of its input. */
static void finish(struct pipeline *p, size_t i)
{
	p->slots[i].state = SLOT_ENDED;
	close_fd(&p->slots[i].pipe[0]);
	if (i == SLOT_RECEIVER) { /* nothing more is to come for nobody to read */
		close_fd(&p->socket_fd);
	} else if (i == SLOT_DECODER) {
		close_fd(&p->slots[SLOT_SPLIT].pipe[1]);
		close_fd(&p->next_input);
	} else if (i == SLOT_SPLIT && p->has_tee) {
		for (size_t k = SLOT_SPLIT + 1; k < p->count; k++)
			close_fd(&p->slots[k].pipe[1]);
	}
}

static void finish_all(struct pipeline *p)
{
	for (size_t i = 0; i < p->count; i++)
		finish(p, i);
}

static bool failed(int status)
{
	return !WIFEXITED(status) ||
	       (WEXITSTATUS(status) != EXIT_DONE && WEXITSTATUS(status) != EXIT_LOSSES);
}

static void say(const struct pipeline *p, const struct slot *s, uint64_t delay_ns)
{
	char status[64];
	log_warn("a stage ended: it is started again pipeline=%s program=%s%s%s status=\"%s\" "
		 "in_ms=%llu",
		p->name, s->spec.program, *s->spec.backend ? " backend=" : "", s->spec.backend,
		child_status(s->status, status), (unsigned long long)(delay_ns / NS_PER_MS));
}

/* It ended without being asked to. */
static void restart_later(struct pipeline *p, struct slot *s, uint64_t now_ns)
{
	int code = WIFEXITED(s->status) ? WEXITSTATUS(s->status) : 0;
	if (now_ns - s->started_ns >= STEADY_NS)
		s->failures = 0;
	uint64_t delay = code == EXIT_USE || code == EXIT_CONFIG ? MISFIT_NS : backoff(s);
	s->failures++;
	say(p, s, delay);
	schedule(s, now_ns, delay);
}

/* A stage of a replay failed: all begins anew, with fresh pipes. */
static void replay_again(struct pipeline *p, struct slot *broken, uint64_t now_ns)
{
	restart_later(p, broken, now_ns);
	for (size_t i = 0; i < p->count; i++) {
		struct slot *s = &p->slots[i];
		account_forget(&s->account);
		if (s->state == SLOT_RUNNING)
			kill(s->pid, SIGKILL);
		else
			schedule(s, broken->retry_ns, 0);
	}
}

static bool any_running(const struct pipeline *p)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->slots[i].state == SLOT_RUNNING)
			return true;
	return false;
}

/* Of a replay: whether it is being taken back, since a stage failed. */
static bool is_recalled(const struct pipeline *p)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->slots[i].state == SLOT_WAITING)
			return true;
	return false;
}

static void ended_replay(struct pipeline *p, size_t i, uint64_t now_ns)
{
	struct slot *s = &p->slots[i];
	uint64_t due = now_ns;
	bool recalled = is_recalled(p);
	if (!recalled && !failed(s->status)) {
		finish(p, i);
		return;
	}
	if (!recalled)
		replay_again(p, s, now_ns);
	for (size_t k = 0; k < p->count; k++)
		if (p->slots[k].state == SLOT_WAITING && p->slots[k].retry_ns > due)
			due = p->slots[k].retry_ns;
	s->state = SLOT_WAITING;
	s->retry_ns = due;
	account_forget(&s->account);
	if (!any_running(p))
		close_pipes(p);
}

/* Of a replay that is to begin anew: the pipes. Returns whether they are there; else all is put
 * off. */
static bool pipes_ready(struct pipeline *p, uint64_t now_ns)
{
	bool closed = p->slots[SLOT_SPLIT].pipe[0] < 0 && is_recalled(p) && !any_running(p);
	if (!closed || open_pipes(p) == 0)
		return true;
	for (size_t i = 0; i < p->count; i++)
		schedule(&p->slots[i], now_ns, BACKOFF_MAX_NS);
	return false;
}

static void ended_live(struct pipeline *p, size_t i, uint64_t now_ns)
{
	struct slot *s = &p->slots[i], *receiver = &p->slots[SLOT_RECEIVER];
	if (p->given_up || (i == SLOT_RECEIVER && p->draining)) {
		finish(p, i);
	} else if (i == SLOT_DECODER && p->next_input >= 0) {
		schedule(s, now_ns, 0); /* it has read what the nfrecv before this one wrote */
	} else if (i == SLOT_DECODER && receiver->state != SLOT_RUNNING) {
		if (p->draining)
			finish(p, i);
		else
			schedule(s, now_ns, 0);
	} else if (p->draining && !failed(s->status)) {
		finish(p, i);
	} else {
		restart_later(p, s, now_ns);
	}
}

bool pipeline_ended(struct pipeline *p, pid_t pid, int status, uint64_t now_ns)
{
	for (size_t i = 0; i < p->count; i++) {
		struct slot *s = &p->slots[i];
		if (s->state != SLOT_RUNNING || s->pid != pid)
			continue;
		s->pid = 0;
		s->status = status;
		p->lost |= p->draining && status;
		account_end(&s->account);
		s->state = SLOT_ENDED; /* unless it is to be started again */
		if (p->replays && !p->draining)
			ended_replay(p, i, now_ns);
		else
			ended_live(p, i, now_ns);
		return true;
	}
	return false;
}

void pipeline_drain(struct pipeline *p, uint64_t now_ns)
{
	struct slot *receiver = &p->slots[SLOT_RECEIVER];
	p->draining = true;
	p->drain_ends_ns = now_ns + DRAIN_NS;
	if (p->replays && !any_running(p)) { /* not begun, or being taken back */
		finish_all(p);
		return;
	}
	for (size_t i = 0; i < p->count; i++) /* what is in its pipe is to be read */
		p->slots[i].retry_ns = now_ns;
	if (receiver->state == SLOT_RUNNING)
		kill(receiver->pid, SIGTERM);
	else if (receiver->state == SLOT_WAITING)
		finish(p, SLOT_RECEIVER);
	if (receiver->state == SLOT_ENDED && p->next_input < 0 &&
		p->slots[SLOT_DECODER].state == SLOT_WAITING)
		finish(p, SLOT_DECODER);
}

void pipeline_give_up(struct pipeline *p, uint64_t now_ns)
{
	int signal = p->given_up ? SIGKILL : SIGTERM;
	if (!p->given_up && !pipeline_done(p))
		log_warn("the drain is cut short: what the stages still hold is lost pipeline=%s",
			p->name);
	p->draining = p->given_up = true;
	p->drain_ends_ns = now_ns + REVOLT_NS;
	for (size_t i = 0; i < p->count; i++) {
		struct slot *s = &p->slots[i];
		if (s->state == SLOT_RUNNING)
			kill(s->pid, signal);
		else if (s->state == SLOT_WAITING)
			finish(p, i);
	}
}

bool pipeline_done(const struct pipeline *p)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->slots[i].state != SLOT_ENDED)
			return false;
	return true;
}

/* Going on ------------------------------------------------------------------------------------ */

uint64_t pipeline_advance(struct pipeline *p, uint64_t now_ns)
{
	if (p->draining && now_ns >= p->drain_ends_ns)
		pipeline_give_up(p, now_ns);
	if (!pipes_ready(p, now_ns))
		return now_ns + BACKOFF_MAX_NS;
	uint64_t next = advance_front(p, now_ns);
	if (p->draining && !pipeline_done(p) && p->drain_ends_ns < next)
		next = p->drain_ends_ns;
	for (size_t i = SLOT_SPLIT; i < p->count; i++) {
		struct slot *s = &p->slots[i];
		if (s->state == SLOT_WAITING && s->retry_ns <= now_ns)
			start_behind(p, i, now_ns);
		if (s->state == SLOT_WAITING && s->retry_ns < next)
			next = s->retry_ns;
	}
	return next;
}
