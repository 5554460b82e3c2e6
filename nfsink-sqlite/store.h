/* store: a batch of frames into the table. */
#ifndef NFSINK_SQLITE_STORE_H
#define NFSINK_SQLITE_STORE_H

#include "lib/sink.h"
#include "nfsink-sqlite/nfsink_sqlite.h"

/* Stores a batch in one transaction, as sink_ops.store says. */
int store_batch(struct sqlite_sink *s, const struct sink_batch *batch, struct sink_result *result);

#endif
