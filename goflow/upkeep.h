/* upkeep: goflow prune and goflow migrate: what the sinks do to their tables, done once. */
#ifndef GOFLOW_UPKEEP_H
#define GOFLOW_UPKEEP_H

/* Removes what is older or larger than utilities allows from each backend that is a database, and says of each other
 * why there is nothing to do. Returns an exit code: the first sink's that was not 0. */
int upkeep_prune(int argc, char **argv);

/* Copies the rows of tables that do not fit into new ones. Returns likewise. */
int upkeep_migrate(int argc, char **argv);

#endif
