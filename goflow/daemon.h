/* daemon: goflow without a command: runs the pipelines of a configuration, and keeps them up. */
#ifndef GOFLOW_DAEMON_H
#define GOFLOW_DAEMON_H

/* Runs until it is told to end, or all of its input is read. Signals: SIGTERM and SIGINT drain (a second one ends
 * what is left), SIGHUP reads the configuration again. Returns an exit code. */
int daemon_run(int argc, char **argv);

#endif
