/* fleet: all pipelines of a configuration, and how one configuration gives way to the next. */
#ifndef GOFLOW_FLEET_H
#define GOFLOW_FLEET_H

#include <jansson.h>

#include "goflow/pipeline.h"

/* Zero-initialise it. */
struct fleet {
	struct pipeline *first; /* those that run, and those that are ending */
	bool draining;          /* all of it */
	uint64_t restarts;      /* of stages, in pipelines that have gone */
};

/* Makes the fleet what the configuration asks for: a pipeline whose stages would be the same goes on untouched;
 * others are drained, and new ones begun, on the same sockets where the address is the same, once the old one has
 * taken its last datagram. With more workers than before, the further sockets are bound before anything changes.
 * Returns 0; or ERR_IO or ERR_MEMORY after a log line, and then nothing has changed. */
int fleet_configure(struct fleet *f, const struct config *c, uint64_t now_ns);

/* Starts what is due, and forgets what has ended behind its successor. Returns when there is more to do:
 * monotonic ns, UINT64_MAX for not before a stage ends. */
uint64_t fleet_advance(struct fleet *f, uint64_t now_ns);

/* A child has ended. Returns false where it is none of its stages. */
bool fleet_ended(struct fleet *f, pid_t pid, int status, uint64_t now_ns);

void fleet_drain(struct fleet *f, uint64_t now_ns);
void fleet_give_up(struct fleet *f, uint64_t now_ns);

/* Whether every stage has ended, and will not be started again. */
bool fleet_done(const struct fleet *f);

/* Whether every stage that should run does, and has not failed lately; one whose pipeline waits for the one before it
 * should not yet. */
bool fleet_healthy(const struct fleet *f);

/* Whether a drain was cut short, or a stage failed or said that something was lost, in a drain or in a replay. */
bool fleet_lost(const struct fleet *f);

/* Tells the running stages to log as this process does now; those started later do so by themselves. */
void fleet_tell_log_level(const struct fleet *f);

/* How often stages were started again. */
uint64_t fleet_restarts(const struct fleet *f);

/* An array of pipeline_document. */
json_t *fleet_document(struct fleet *f, uint64_t now_ns);

/* A line for each pipeline on what came of its records. */
void fleet_totals(struct fleet *f);

void fleet_free(struct fleet *f);

#endif
