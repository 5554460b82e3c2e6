/* child: a stage's process. */
#ifndef GOFLOW_CHILD_H
#define GOFLOW_CHILD_H

#include <stddef.h>
#include <sys/types.h>

#include "goflow/stages.h"

#define CHILD_FDS_MAX 40
#define CHILD_NULL    (-2) /* /dev/null */

/* What it inherits; nothing else. */
struct child_fds {
	int in, out;              /* standard input and output, or CHILD_NULL */
	int more[CHILD_FDS_MAX];  /* from STAGE_FD on */
	size_t count;
	int counters;             /* see counters.h; behind those */
	char *variable;           /* one more of its environment; NULL: none */
};

/* Raises the soft limit of descriptors to the hard one, as a fleet has many; children get back what was. */
void child_raise_limit(void);

/* Starts a stage: the program that stands beside this one, else that of $PATH. It gets SIGTERM should this
 * process die, and stands in a process group of its own, so that a terminal's ^C reaches the supervisor alone.
 * Returns its process id, or ERR_IO after a log line. */
pid_t child_start(const struct stage_spec *s, const struct child_fds *fds);

/* What a wait status says, as "exit 1" or "signal 9 (Killed)". */
const char *child_status(int status, char out[static 64]);

#endif
