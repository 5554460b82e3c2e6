/* sink_pool: batches on their way to the connections' threads and back, in the order of their reading.
 * For lib/sink.c alone; every function is called from the main thread. */
#ifndef GOFLOW_SINK_POOL_H
#define GOFLOW_SINK_POOL_H

#include <pthread.h>

#include "lib/sink.h"

#define BATCH_BYTES   (4 * 1024 * 1024) /* of frames; holds the largest one */
#define BATCH_SCHEMAS 4                 /* that are not our own */

enum batch_state { BATCH_FREE, BATCH_READY, BATCH_TAKEN, BATCH_DONE };

struct pool_batch {
	enum batch_state state;
	struct sink_batch view; /* of frames */
	struct frame frames[SINK_FRAMES_MAX];
	struct schema schemas[BATCH_SCHEMAS]; /* copies: the reader's may be overwritten */
	unsigned schema_count;
	uint8_t *bytes; /* BATCH_BYTES: the frames' payloads, each in its room */
	size_t used;
	size_t before, after; /* room around each payload: ops->frame_room */
	uint64_t first_ns; /* when its first frame came, monotonic */
	struct sink_result result;
	struct reject_list rejects;
};

struct worker {
	struct pool *pool;
	pthread_t thread;
	void *connection;
	bool stores, ticks;
	bool opened;
	uint64_t outage_ns;              /* since when storing fails; 0: it does not */
	uint64_t tick_ns;                /* when the last tick was */
	bool upkeep_due, upkeep_fails;   /* more to do at once; said so */
};

struct pool {
	const struct sink_ops *ops;
	void *self;
	uint64_t retry_ns; /* UINT64_MAX: for ever */
	pthread_mutex_t lock;
	pthread_cond_t work;  /* for the threads: something is ready, or ends */
	pthread_cond_t ended; /* for the main thread: one has ended */
	int event_fd;         /* for the main thread: a batch is done, a thread has ended */
	struct worker workers[SINK_CONNECTIONS_MAX + 1];
	unsigned worker_count, running;
	struct pool_batch *ring[SINK_CONNECTIONS_MAX + 1];
	unsigned ring_count;
	uint64_t head, tail;  /* the oldest that is not settled; the one being filled */
	bool opened;          /* a connection was made once */
	bool ending;          /* no more batches will come */
	bool stopping;        /* no more attempts after the one that runs */
	bool quitting;        /* nothing more at all */
	int error;            /* what ended a thread; 0: nothing */
	unsigned outages;     /* connections that cannot store now */
	uint64_t outage_ns;   /* since when the first of them cannot */
	uint64_t retries;     /* attempts that failed */
};

/* Makes `connections` of them and their threads; reject_fd is that of --reject, or -1. The first one
 * connects at once. Returns 0, or ERR_MEMORY. */
int pool_start(struct pool *p, const struct sink_ops *ops, void *self, unsigned connections, uint64_t retry_ns,
	int reject_fd);

/* The batch to fill; NULL: all are on their way. */
struct pool_batch *pool_filling(struct pool *p);

/* Whether a frame has room in a batch. */
bool batch_has_room(const struct pool_batch *b, const struct frame *f);

/* Copies a frame, which has room, into a batch. */
void batch_add(struct pool_batch *b, const struct frame *f, uint64_t now_ns);

/* Hands the batch that was being filled to a connection. */
void pool_submit(struct pool *p);

/* The oldest batch, if it is stored, which is then freed by pool_settle; NULL otherwise. */
struct pool_batch *pool_done(struct pool *p);
void pool_settle(struct pool *p);

/* Whether the first connection was made. */
bool pool_opened(struct pool *p);

/* The code that ended a connection for good, or 0. */
int pool_error(struct pool *p);

/* Takes note of what event_fd woke the main thread for. */
void pool_woken(struct pool *p);

uint64_t pool_retries(struct pool *p);

/* No more batches will come: when those on their way are stored and the upkeep is done the threads end,
 * and pool_idle is true. */
void pool_finish(struct pool *p);
bool pool_idle(struct pool *p);

/* Ends the threads: at once, or (`once`) after one attempt at each batch on its way. Waits for at most
 * patience_ns. Returns false where a connection hangs, and then nothing of the pool may be freed. */
bool pool_stop(struct pool *p, bool once, uint64_t patience_ns);

/* Closes the connections and frees; after pool_stop returned true. */
void pool_free(struct pool *p);

#endif
