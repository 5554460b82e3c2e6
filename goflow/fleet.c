#include "goflow/fleet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "goflow/sockets.h"
#include "lib/err.h"
#include "lib/instant.h"
#include "lib/log.h"
#include "lib/net.h"
#include "lib/stats.h"
#include "lib/survey.h"

#define HANDOVER_NS (5 * NS_PER_S) /* for which a pipeline waits for the one before it */
#define TELL_MS     100            /* for a stage to answer */

/* Configuring --------------------------------------------------------------------------------- */

/* The running pipeline of that name. */
static struct pipeline *find(const struct fleet *f, const char *name)
{
	for (struct pipeline *p = f->first; p; p = p->next)
		if (!p->draining && strcmp(p->name, name) == 0)
			return p;
	return NULL;
}

static bool same_stages(const struct pipeline *a, const struct pipeline *b)
{
	if (a->count != b->count || strcmp(a->address, b->address) != 0)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		/* a replay's id is its own */
		if (a->replays && i == SLOT_DECODER)
			continue;
		if (!stage_spec_equal(&a->slots[i].spec, &b->slots[i].spec))
			return false;
	}
	return true;
}

/* The pipeline that reads that one of the sockets on an address, and goes on. */
static struct pipeline *reader(struct pipeline *list, const char *address, unsigned worker)
{
	for (struct pipeline *p = list; p; p = p->next)
		if (!p->draining && *address && p->worker == worker &&
			strcmp(p->address, address) == 0)
			return p;
	return NULL;
}

static unsigned count_readers(const struct fleet *f, const char *address)
{
	unsigned n = 0;
	while (reader(f->first, address, n))
		n++;
	return n;
}

/* Adds a pipeline for each worker of a frontend. fds are its sockets, of which each belongs to its
 * pipeline. */
static int add_pipelines(const struct fleet *fleet, struct pipeline **list, const struct config *c,
	const struct config_frontend *f, unsigned workers, const int *fds)
{
	int err = 0;
	for (unsigned w = 0; w < workers; w++) {
		struct pipeline *p = pipeline_new(c, f, w, fds[w]);
		if (!p) {
			err = ERR_MEMORY;
			continue; /* which closes its socket */
		}
		sockets_address(f, p->address, sizeof p->address);
		/* one that still waits to begin has taken nothing from the socket */
		p->after = reader(fleet->first, p->address, w);
		if (p->after && p->after->after)
			p->after = p->after->after;
		p->next = *list;
		*list = p;
	}
	return err;
}

/* A port of ours cannot be bound again under another address. */
static void say_whose(const struct fleet *fleet, const char *address)
{
	for (const struct pipeline *p = fleet->first; p; p = p->next)
		if (*p->address && strcmp(strrchr(p->address, ':'), strrchr(address, ':')) == 0) {
			log_error("goflow itself listens on %s, for %s: to move to %s, restart it",
				p->address, p->name, address);
			return;
		}
}

/* A frontend's sockets on their way to its pipelines. */
struct taken {
	unsigned count;
	int fds[SOCKETS_WORKERS_MAX];
};

/* Copies of those that running pipelines have on its address; where there is none, the first one.
 */
static int take_first(const struct fleet *fleet, const struct config_frontend *f, struct taken *t)
{
	char address[96];
	unsigned workers = (unsigned)f->values[KEY_WORKERS].number;
	if (f->type == FRONTEND_PCAP)
		return 0;
	sockets_address(f, address, sizeof address);
	const unsigned had = count_readers(fleet, address);
	for (; t->count < had && t->count < workers; t->count++) {
		int fd = reader(fleet->first, address, t->count)->socket_fd;
		t->fds[t->count] = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (t->fds[t->count] < 0) {
			log_error("frontends.%s: %s", f->name, strerror(errno));
			return ERR_IO;
		}
	}
	if (had)
		return 0;
	t->fds[0] = sockets_first(f);
	if (t->fds[0] < 0)
		say_whose(fleet, address);
	else
		t->count = 1;
	return t->count ? 0 : ERR_IO;
}

static int take_further(const struct config_frontend *f, struct taken *t)
{
	if (f->type == FRONTEND_PCAP)
		return 0;
	int err = sockets_further(f, t->fds, t->count);
	if (!err)
		t->count = (unsigned)f->values[KEY_WORKERS].number;
	return err;
}

/* Those of all frontends: first what may be refused, then what is better not closed again. Returns
 * 0 or ERR_IO; what was taken stays to be given or closed. */
static int take_all(const struct fleet *fleet, const struct config *c, struct taken *taken)
{
	int err = 0;
	for (size_t i = 0; i < c->frontend_count && !err; i++)
		err = take_first(fleet, &c->frontends[i], &taken[i]);
	for (size_t i = 0; i < c->frontend_count && !err; i++)
		err = take_further(&c->frontends[i], &taken[i]);
	return err;
}

static void close_taken(struct taken *t)
{
	while (t->count > 0)
		close(t->fds[--t->count]);
}

static int add_frontend(const struct fleet *fleet, struct pipeline **list, const struct config *c,
	const struct config_frontend *f, const struct taken *t)
{
	static const int none = -1;
	bool listens = f->type != FRONTEND_PCAP;
	return add_pipelines(fleet, list, c, f, listens ? t->count : 1, listens ? t->fds : &none);
}

/* Has datagrams go to as many sockets as a frontend now has workers. */
static void steer(const struct fleet *fleet, struct pipeline *list, const struct config_frontend *f)
{
	char address[96];
	unsigned workers = (unsigned)f->values[KEY_WORKERS].number;
	sockets_address(f, address, sizeof address);
	unsigned had = count_readers(fleet, address);
	if (*address && had != workers && (had > 1 || workers > 1))
		net_steer(reader(list, address, 0)->socket_fd, workers);
}

static void free_list(struct pipeline *p)
{
	while (p) {
		struct pipeline *next = p->next;
		pipeline_free(p);
		p = next;
	}
}

/* Puts the new pipelines in the place of the old ones, except where they are the same. */
static void exchange(struct fleet *f, struct pipeline *list, uint64_t now_ns)
{
	struct pipeline *kept = NULL, *next;
	for (struct pipeline *p = list; p; p = next) {
		struct pipeline *old = find(f, p->name);
		next = p->next;
		if (old && same_stages(old, p)) {
			for (struct pipeline **at = &f->first; *at; at = &(*at)->next)
				if (*at == old) {
					*at = old->next;
					break;
				}
			pipeline_free(p);
			p = old;
		} else {
			p->after_ns = now_ns + HANDOVER_NS;
		}
		p->next = kept;
		kept = p;
	}
	struct pipeline **end = &f->first;
	for (; *end; end = &(*end)->next)
		if (!(*end)->draining)
			pipeline_drain(*end, now_ns);
	*end = kept;
}

int fleet_configure(struct fleet *f, const struct config *c, uint64_t now_ns)
{
	struct pipeline *list = NULL;
	struct taken *taken = calloc(c->frontend_count, sizeof *taken);
	if (!taken && c->frontend_count)
		return ERR_MEMORY;
	int err = take_all(f, c, taken);
	for (size_t i = c->frontend_count; i > 0; i--)
		if (err)
			close_taken(&taken[i - 1]);
		else
			err = add_frontend(f, &list, c, &c->frontends[i - 1], &taken[i - 1]);
	for (size_t i = 0; i < c->frontend_count && !err; i++)
		steer(f, list, &c->frontends[i]);
	if (err)
		free_list(list);
	else
		exchange(f, list, now_ns);
	free(taken);
	return err;
}

/* Running ------------------------------------------------------------------------------------- */

/* Whether the pipeline before this one still takes datagrams, or has templates to write down. */
static bool must_wait(const struct pipeline *p, uint64_t now_ns)
{
	return p->after && now_ns < p->after_ns &&
	       (p->after->slots[SLOT_RECEIVER].state != SLOT_ENDED ||
		       p->after->slots[SLOT_DECODER].state != SLOT_ENDED);
}

/* It need not wait for the one before it any more, and counts from where that one stopped. */
static void take_over(struct pipeline *p)
{
	p->drops = pipeline_drops(p->after);
	p->after = NULL;
}

/* One that has ended, in favour of another configuration: says what came of its records. */
static void forget(struct fleet *f, struct pipeline *gone)
{
	for (struct pipeline *p = f->first; p; p = p->next)
		if (p->after == gone)
			take_over(p);
	for (size_t i = 0; i < gone->count; i++)
		f->restarts += gone->slots[i].starts ? gone->slots[i].starts - 1 : 0;
	pipeline_totals(gone);
	pipeline_free(gone);
}

uint64_t fleet_advance(struct fleet *f, uint64_t now_ns)
{
	uint64_t next = UINT64_MAX;
	for (struct pipeline **at = &f->first; *at;) {
		struct pipeline *p = *at;
		if (p->draining && !f->draining && pipeline_done(p)) {
			*at = p->next;
			forget(f, p);
			continue;
		}
		bool wait = must_wait(p, now_ns);
		if (p->after && !wait)
			take_over(p);
		uint64_t due = wait ? p->after_ns : pipeline_advance(p, now_ns);
		if (due < next)
			next = due;
		at = &p->next;
	}
	return next;
}

bool fleet_ended(struct fleet *f, pid_t pid, int status, uint64_t now_ns)
{
	for (struct pipeline *p = f->first; p; p = p->next)
		if (pipeline_ended(p, pid, status, now_ns))
			return true;
	return false;
}

void fleet_drain(struct fleet *f, uint64_t now_ns)
{
	f->draining = true;
	for (struct pipeline *p = f->first; p; p = p->next)
		if (!p->draining)
			pipeline_drain(p, now_ns);
}

void fleet_give_up(struct fleet *f, uint64_t now_ns)
{
	for (struct pipeline *p = f->first; p; p = p->next)
		pipeline_give_up(p, now_ns);
}

bool fleet_done(const struct fleet *f)
{
	for (const struct pipeline *p = f->first; p; p = p->next)
		if (!pipeline_done(p))
			return false;
	return true;
}

bool fleet_healthy(const struct fleet *f)
{
	for (const struct pipeline *p = f->first; p; p = p->next)
		for (size_t i = 0; i < p->count && !p->draining && !p->after; i++)
			if (p->slots[i].state == SLOT_WAITING)
				return false;
	return true;
}

bool fleet_lost(const struct fleet *f)
{
	for (const struct pipeline *p = f->first; p; p = p->next)
		for (size_t i = 0; i < p->count; i++)
			if (p->given_up || p->lost || (p->replays && p->slots[i].status))
				return true;
	return false;
}

/* One socket is asked alone, so that what hangs holds up no more than itself. */
static void tell(const struct slot *s, const char *folder, const char *request)
{
	char path[4200];
	const char *sockets[] = {path};
	const struct where where = {sockets, 1, TELL_MS, false};
	json_t *answers = NULL;
	snprintf(path, sizeof path, "%s/%s.%ld.sock", folder, s->spec.program, (long)s->pid);
	survey(&where, request, &answers);
	json_decref(answers);
}

void fleet_tell_log_level(const struct fleet *f)
{
	char folder[4096], request[32];
	if (stats_rundir(folder, sizeof folder) != 0)
		return;
	snprintf(request, sizeof request, "log-level %s", log_level_name());
	for (const struct pipeline *p = f->first; p; p = p->next)
		for (size_t i = 0; i < p->count; i++)
			if (p->slots[i].state == SLOT_RUNNING)
				tell(&p->slots[i], folder, request);
}

uint64_t fleet_restarts(const struct fleet *f)
{
	uint64_t n = f->restarts;
	for (const struct pipeline *p = f->first; p; p = p->next)
		for (size_t i = 0; i < p->count; i++)
			n += p->slots[i].starts ? p->slots[i].starts - 1 : 0;
	return n;
}

json_t *fleet_document(struct fleet *f, uint64_t now_ns)
{
	json_t *list = json_array();
	for (struct pipeline *p = f->first; p; p = p->next)
		json_array_append_new(list, pipeline_document(p, now_ns));
	return list;
}

void fleet_totals(struct fleet *f)
{
	for (struct pipeline *p = f->first; p; p = p->next)
		pipeline_totals(p);
}

void fleet_free(struct fleet *f)
{
	free_list(f->first);
	f->first = NULL;
}
