/* child: a stage's process. */
#ifndef GOFLOW_CHILD_H
#define GOFLOW_CHILD_H

#include <stddef.h>
#include <sys/types.h>

#include "goflow/stages.h"

#define CHILD_FDS_MAX 40

/* What it inherits; nothing else. */
struct child_fds {
	int in, out;              /* standard input and output; -1: /dev/null */
	int more[CHILD_FDS_MAX];  /* from STAGE_FD on */
	size_t count;
	int counters;             /* see counters.h; behind those */
	char *variable;           /* one more of its environment; NULL: none */
};

/* Starts a stage: the program that stands beside this one, else that of $PATH. It gets SIGTERM should this
 * process die, and stands in a process group of its own, so that a terminal's ^C reaches the supervisor alone.
 * Returns its process id, or ERR_IO after a log line. */
pid_t child_start(const struct stage_spec *s, const struct child_fds *fds);

/* What a wait status says, as "exit 1" or "signal 9 (Killed)". */
const char *child_status(int status, char out[static 64]);

#endif
