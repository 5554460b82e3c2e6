/* control: what is asked of stages, rather than about them. */
#ifndef NFCTL_CONTROL_H
#define NFCTL_CONTROL_H

#include "lib/survey.h"

/* Sends a request ("drain", "log-level debug") to the stages of a survey of "status" that `stage` names: by program,
 * or by program and process id, as nfsink-pg.4711. NULL: for a drain goflow, or where none runs the stages at the
 * front, so that those behind them end when they have read all; else all of them. Prints a line for each. Returns
 * an exit code. */
int control_send(const struct where *where, const json_t *docs, const char *request, const char *stage);

#endif
