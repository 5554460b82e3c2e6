/* sink: the loop that every sink runs: read, batch by count and time, store on one or more connections,
 * retry with back-off, acknowledge in order, count, drain. A new sink is one folder that fills a
 * struct sink_ops.
 *
 * Each connection has a thread of its own, because the libraries of the servers block: so encoding
 * goes on while a server works, and the stats socket answers while one hangs. The main thread reads,
 * fills batches and acknowledges; a batch belongs to one thread at a time. */
#ifndef GOFLOW_SINK_H
#define GOFLOW_SINK_H

#include "lib/opt.h"
#include "lib/reject.h"
#include "lib/stats.h"
#include "lib/stream.h"

#define SINK_CONNECTIONS_MAX 8
#define SINK_FRAMES_MAX      1024 /* in a batch */

/* The frames to store in one transaction, in the order of their arrival. A frame is never split. */
struct sink_batch {
	const struct frame *frames;
	size_t count;
	uint64_t records;
};

/* What a store did with the batch's records: stored + duplicate + refused = records. All zero when
 * store is called. */
struct sink_result {
	uint64_t stored;
	uint64_t duplicate;   /* of frames whose (stream id, sequence) was stored before */
	uint64_t refused;     /* which the server will never take: sink_refuse counts */
	uint64_t received_ns; /* when the last of them was received; 0: not known */
	uint64_t saturated;   /* values too large for their column, stored as the largest that it holds */
	uint64_t counters_stored;  /* lines of the frames of counters */
	uint64_t counters_refused; /* those that will never be taken */
	uint64_t retimed;     /* records whose time was outside the window: see sql_row_time */
	struct reject_list *rejects; /* the loop's */
};

struct sink_ops {
	const char *program, *usage, *about;
	const struct opt *options; /* of the sink's own, beside OPT_COMMON and those below, which the loop has */
	size_t option_count;
	unsigned connections;      /* how many by default; 0: one, and there is no --connections */

	/* One of the sink's own options. Returns 0, or ERR_SYNTAX after a log line (exit 64). */
	int (*option)(void *self, int id, const char *arg);

	/* When all options are known, before anything else: looks at them together and at the environment.
	 * Returns 0, or ERR_SYNTAX after a log line. May be NULL. */
	int (*configured)(void *self);

	/* Whether counters are to be stored. Else frames of them come with nothing in them, for the ledger alone. NULL: none
	 * come. No frame of them has records. */
	bool (*counters)(void *self);

	/* How many octets the sink wants before and behind the payload of each frame of a batch, a few KiB at most.
	 * store may write to them, so that a frame need not be copied once more. The batch stays where it is until
	 * store has returned 0, and otherwise until connection_free has returned. May be NULL: none. */
	void (*frame_room)(void *self, size_t *before, size_t *after);

	/* A connection's own state, not connected yet; NULL: no memory. Freed (after close) by
	 * connection_free. What connections share in self is theirs to lock. */
	void *(*connection_new)(void *self);
	void (*connection_free)(void *connection);

	/* The calls below come from the connection's thread. */

	/* Connects and makes or checks the schema. Returns 0; ERR_RETRY: cannot be reached now;
	 * ERR_CONFIG: does not fit and never will (exit 78); each after setting `why`. */
	int (*open)(void *connection);

	/* Stores the batch in one transaction, with the ledger of (stream id, sequence) in the same one.
	 * Returns 0 with *result, ERR_RETRY (nothing of it is stored, or it is not known; the loop closes, backs
	 * off, opens and tries the same batch again) or ERR_CONFIG. */
	int (*store)(void *connection, const struct sink_batch *batch, struct sink_result *result);

	/* Upkeep: called about once a second, and, with `last`, at the end. With upkeep_apart on a connection of its own,
	 * which stores nothing, so that it may take long; else between batches, and then it takes a fraction
	 * of a second. Returns 0; 1: there is more to do, it is called again soon; ERR_RETRY: it is called
	 * again later (the connection is closed and opened again); ERR_CONFIG. May be NULL. */
	int (*tick)(void *connection, bool last);
	bool upkeep_apart;

	/* Disconnects, rolling back; open may follow. Called after a failed open too. */
	void (*close)(void *connection);

	/* The reason of the last failure, for the log: names the file or server, never a secret. */
	const char *(*why)(void *connection);

	/* Adds the sink's own to the "status" document, from the main thread and without waiting for a server:
	 * from what store and tick left in self. May be NULL. */
	void (*status)(void *self, json_t *doc);
};

/* The whole program: options, input, loop, stats, totals. Options of every sink: --batch RECORDS (how many
 * records make a transaction), --linger TIME (how long the first record of a batch waits), --retry TIME
 * (60 s; "forever"), --reject FILE, --connections N (where ops->connections is not 0), --stats PATH,
 * -r FILE (read it instead of standard input).
 *
 * Where standard input is a unix stream socket, the last committed sequence per stream is written
 * back on it as lines "ack STREAM-ID SEQUENCE\n" (32 hex digits, decimal), in order: a batch only
 * when all that were read before it are committed too.
 * Returns the exit code (enum exit_code). */
int sink_main(const struct sink_ops *ops, void *self, int argc, char **argv);

/* Counts a record that the server will never take, and keeps it for the file of --reject, which it
 * reaches when the store has succeeded. The reason is a short sentence without secrets. */
void sink_refuse(struct sink_result *result, const struct record *r, const char *reason);

/* Counts a line of counters that the server will never take. */
void sink_refuse_counters(struct sink_result *result, const char *reason);

#endif
