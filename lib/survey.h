/* survey: finds the stages' sockets and asks all of them the same thing. */
#ifndef GOFLOW_SURVEY_H
#define GOFLOW_SURVEY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* The run folder of goflow as a service. */
#define SURVEY_SERVICE_RUNDIR "/run/goflow"

/* Whom to ask: the sockets given, or where there are none, all of the run folder, and where GOFLOW_RUNDIR does not say
 * which that is, of the service's too. */
struct where {
	const char *const *sockets; /* borrowed */
	size_t count;
	unsigned patience_ms; /* how long to wait for the slowest */
	bool others;          /* of the run folder, leave out this process's own, which cannot answer now */
};

/* Asks every stage, all at once, and waits at most where->patience_ms. *out becomes an array with one
 * object a socket: the stage's document with "socket" (the path) added, or only "socket" and
 * "failure" (why there is none). An {"error"} of the stage is left as it is. The caller owns it.
 * Returns 0, ERR_IO (the run folder cannot be read; a line was logged) or ERR_MEMORY. */
int survey(const struct where *where, const char *request, json_t **out);

/* How many of a survey's stages answered. */
size_t survey_answered(const json_t *docs);

/* One sentence on whom was asked, "no stage is running: no socket in DIR", for when nobody answered. */
void survey_nobody(const struct where *where, const json_t *docs, char *out, size_t cap);

#endif
