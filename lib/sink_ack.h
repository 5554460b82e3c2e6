/* sink_ack: telling whoever fed a sink what has been committed. For lib/sink.c alone.
 *
 * Where standard input is a unix stream socket, "ack STREAM-ID SEQUENCE\n" goes back on it after each
 * transaction: the last sequence of each stream in it. On anything else nothing does. */
#ifndef GOFLOW_SINK_ACK_H
#define GOFLOW_SINK_ACK_H

#include "lib/sink.h"
#include "lib/stage.h"

struct sink_ack {
	int fd; /* -1: nobody is told */
};

/* Finds out whether fd is such a socket. */
void sink_ack_init(struct sink_ack *a, int fd);

/* Acknowledges the frames of a batch that is committed. A peer that takes no acknowledgements for ten
 * seconds, or has gone, gets none any more. */
void sink_ack_batch(struct sink_ack *a, struct stage *stage, const struct sink_batch *batch);

#endif
