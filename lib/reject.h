/* reject: the records that a server will not take, as JSON lines with the reason, in the file of --reject.
 *
 * Each line is the record as in goflow-record(5) with one key more, "reject_reason", first; a reader of
 * JSON lines passes it over, so the file can be mended and fed again. */
#ifndef GOFLOW_REJECT_H
#define GOFLOW_REJECT_H

#include <stddef.h>

#include "lib/record.h"

/* Lines of a batch that is not committed yet. Zero-initialise it. */
struct reject_list {
	int fd;     /* of the file; -1: there is none, and nothing is kept */
	char *text; /* owned */
	size_t len, cap;
};

/* Opens (or makes, mode 0600) the file to append to. Returns the descriptor, or ERR_IO after a log line. */
int reject_open(const char *path);

/* Adds a record. What has grown beyond 4 MiB is written at once, so that a batch which is tried again
 * may then stand in the file twice: twice is better than not. */
void reject_add(struct reject_list *l, const struct record *r, const char *reason);

/* The batch was rolled back: its lines are forgotten. */
void reject_forget(struct reject_list *l);

/* The batch is committed: appends its lines in one write. Returns 0, or ERR_IO after a log line. */
int reject_write(struct reject_list *l);

void reject_free(struct reject_list *l);

#endif
