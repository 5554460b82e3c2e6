/* top: status and exporters on the whole terminal, refreshed in place. */
#ifndef NFCTL_TOP_H
#define NFCTL_TOP_H

#include <stdint.h>

#include "lib/survey.h"

/* Runs until q, Ctrl-C or a signal to end, and then restores the terminal. Returns the exit code:
 * EXIT_SERVER, after a line, where no stage was running when it began. */
int top_run(const struct where *where, uint64_t interval_ns);

#endif
