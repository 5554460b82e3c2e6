/* sink: the loop that every sink runs: read, batch by count and time, store, retry with back-off,
 * acknowledge, count, drain. A new sink is one folder with one file that fills a struct sink_ops. */
#ifndef GOFLOW_SINK_H
#define GOFLOW_SINK_H

#include "lib/opt.h"
#include "lib/stats.h"
#include "lib/stream.h"

/* The frames to store in one transaction, in the order of their arrival. A frame is never split. */
struct sink_batch {
	const struct frame *frames;
	size_t count;
	uint64_t records;
};

/* What a store did with the batch's records: stored + duplicate + refused = records. */
struct sink_result {
	uint64_t stored;
	uint64_t duplicate; /* of frames whose (stream id, sequence) was stored before */
	uint64_t refused;   /* which the server will never take */
	uint64_t received_ns; /* when the last of them was received; 0: not known */
	uint64_t saturated;   /* values too large for their column, stored as the largest that it holds */
};

struct sink_ops {
	const char *program, *usage, *about;
	const struct opt *options; /* of the sink's own, beside OPT_COMMON and those below, which the loop has */
	size_t option_count;

	/* One of the sink's own options. Returns 0, or ERR_SYNTAX after a log line (exit 64). */
	int (*option)(void *self, int id, const char *arg);

	/* Connects and makes or checks the schema. Returns 0; ERR_RETRY: cannot be reached now;
	 * ERR_CONFIG: does not fit and never will (exit 78); each after setting `why`. */
	int (*open)(void *self);

	/* Stores the batch in one transaction, with the ledger of (stream id, sequence) in the same one.
	 * Returns 0 with *result, ERR_RETRY (nothing of it is stored; the loop closes, backs off, opens
	 * and tries the same batch again) or ERR_CONFIG. */
	int (*store)(void *self, const struct sink_batch *batch, struct sink_result *result);

	/* Called about once a second between batches, and at the end: pruning. Takes a fraction of a second.
	 * Returns 0; 1: there is more to do, it is called again soon; ERR_RETRY: it is called again later;
	 * ERR_CONFIG. May be NULL. */
	int (*tick)(void *self);

	/* Disconnects, rolling back; open may follow. */
	void (*close)(void *self);

	/* The reason of the last failure, for the log: names the file or server, never a secret. */
	const char *(*why)(void *self);

	/* Adds the sink's own to the "status" document; may be NULL. */
	void (*status)(void *self, json_t *doc);
};

/* The whole program: options, input, loop, stats, totals. Options of every sink: --batch RECORDS (how many
 * records make a transaction), --linger TIME (how long the first record of a batch waits), --retry TIME
 * (60 s; "forever"), --stats PATH, -r FILE (read it instead of standard input).
 *
 * Where standard input is a unix stream socket, the last committed sequence per stream is written
 * back on it as lines "ack STREAM-ID SEQUENCE\n" (32 hex digits, decimal), in order.
 * Returns the exit code (enum exit_code). */
int sink_main(const struct sink_ops *ops, void *self, int argc, char **argv);

#endif
