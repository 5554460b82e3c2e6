/* stats: a stage's counters, its ledger, and the unix socket that serves them.
 *
 * A stage declares its counters in one table; the totals line, the ledger and the JSON document all
 * come out of it. */
#ifndef GOFLOW_STATS_H
#define GOFLOW_STATS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a counter means to the ledger, in units of the stage's ledger_unit:
 * in = out + waiting + lost, at all times. */
enum counter_role {
	COUNTER_INFO,    /* not part of the ledger */
	COUNTER_IN,      /* taken in */
	COUNTER_OUT,     /* done with, as intended */
	COUNTER_WAITING, /* held now (a gauge) */
	COUNTER_LOST,    /* not done, by the cause that the counter is named after */
	COUNTER_PASSED,  /* OUT, by passing it on to the next stage, which counts in the same unit */
	COUNTER_MADE,    /* what it passed on, where the next stage counts in another unit; not in the ledger */
	COUNTER_PENDING, /* in the unit of MADE: made, and not passed on yet (a gauge); not in the ledger */
	COUNTER_GAUGE,   /* what there is now, not a sum over time; not in the ledger */
};

struct counter {
	const char *name; /* snake_case; in JSON and on the totals line */
	enum counter_role role;
	const char *help; /* one line, for nfctl and manuals */
};

struct stats_source {
	const char *program;
	const char *ledger_unit;        /* "datagrams", "records" */
	const struct counter *counters; /* the table */
	const uint64_t *values;         /* one for each of them; the stage counts here */
	size_t count;
	/* Adds to the document for a request other than "status" ("exporters", "templates"), or what
	 * "status" should hold beside the counters. Called just before serving; NULL: nothing to add.
	 * Returns false for a request that it does not know. */
	bool (*report)(void *self, const char *request, json_t *doc);
	/* Called before counters are read, to bring gauges up to date; may be NULL. */
	void (*refresh)(void *self);
	void *self;
};

struct stats;

/* The folder of sockets: $GOFLOW_RUNDIR (made with mode 0700 if it is missing), else /run/user/UID,
 * else the folder /tmp/goflow-UID of mode 0700, made if it is missing. The latter two are checked to
 * be this user's own and writable by nobody else. Writes the path; returns 0, or ERR_IO after a
 * warning. */
int stats_rundir(char *out, size_t cap);

/* Begins to serve on a unix socket of mode 0600. path NULL: the default, PROGRAM.PID.sock in the
 * run folder; failing there is a warning, and stats are then not served (*out is a stats that does
 * nothing). A given path that fails is an error. A stale socket file is replaced, a live one (or
 * something that is no socket) refused. Returns 0, or ERR_IO, ERR_MEMORY. `source` is borrowed
 * until stats_close. */
int stats_open(struct stats **out, const char *path, const struct stats_source *source);

/* Where it serves, NULL: nowhere. Borrowed. */
const char *stats_path(const struct stats *s);

/* A descriptor that polls readable when stats_serve has work; -1 when nothing is served. */
int stats_fd(const struct stats *s);

/* Serves what is ready without blocking: accepts, reads a request line (at most STATS_REQUEST_MAX
 * bytes; the end of the client's sending ends it too), answers with one JSON document and a newline,
 * closes. At most STATS_CLIENTS at a time, further ones wait; one that sends no request, or takes
 * nothing of its answer, for STATS_PATIENCE_NS is dropped.
 * Requests: "status" (also an empty line); "drain", which is as SIGTERM; "log-level error|warn|info|debug"; and those
 * of source->report. */
void stats_serve(struct stats *s);

/* Variables of the environment by which a supervisor says where the stage stands: "pipeline" and "backend" in
 * each document. */
#define STATS_PIPELINE "GOFLOW_PIPELINE"
#define STATS_BACKEND  "GOFLOW_BACKEND"

#define STATS_REQUEST_MAX 256
#define STATS_CLIENTS     16
#define STATS_PATIENCE_NS (2 * UINT64_C(1000000000))

/* Removes the socket file, if it is still ours, and frees. NULL is fine. */
void stats_close(struct stats *s);

/* The document for a request, as stats_serve sends it: program, version, pid, started, now (RFC 3339),
 * uptime_ms; for "status" also input and output (which pipes standard input and output are, if they
 * are: it shows who is tied to whom), counters {name: n}, help {name: text} and ledger {unit, in, out,
 * waiting, lost {cause: n}, made: of PASSED or MADE, where there are such}; then what source->report adds (to
 * "status": lag_ms, how far what comes out is behind the clock, where a stage knows it: see stats_lag_ms).
 * {"error": ...} for an unknown request. The caller owns the reference; NULL: no memory. */
json_t *stats_document(const struct stats_source *source, const char *request);

/* Sets doc's key to which pipe the descriptor is, by device and inode, which both of its ends know;
 * nothing where it is none. For report, where a stage has outputs besides standard output: "outputs"
 * is then an array of objects with "output", and "made", the records or datagrams written to it. */
void stats_add_pipe(json_t *doc, const char *key, int fd);

/* For lag_ms, when a stage is done with what was received then (ns since 1970): milliseconds from then until now. */
uint64_t stats_lag_ms(uint64_t received_ns);

/* The stage's last line, at level info: "totals unit=datagrams received=71 decoded=68 waiting=3
 * undecodable=0 ...": the ledger's unit, its counters in the order in, passed and out, waiting, lost, then
 * the others; a counter of the latter kinds only where it is not 0; and gap=N where the ledger does
 * not add up. Returns the sum of lost. */
uint64_t stats_totals(const struct stats_source *source);

/* in - (out + waiting + lost): 0 when the ledger adds up. */
int64_t stats_gap(const struct stats_source *source);

#endif
