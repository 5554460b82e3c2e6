/* nftee: what its files share. */
#ifndef NFTEE_H
#define NFTEE_H

#include "lib/base.h"
#include "lib/log.h"
#include "lib/ring.h"
#include "lib/stage.h"
#include "lib/stream.h"

#define OUTPUTS_MAX 32
/* A longer schema is passed on, but not repeated. */
#define SCHEMA_ROOM (STREAM_HEADER + 64 * 1024 + STREAM_TRAILER)

/* Counters, in the order of the table in report.c. */
enum {
	COUNT_READ,
	COUNT_PASSED,
	COUNT_DROPPED,
	COUNT_NOT_PASSED,
	COUNT_FRAMES,
	COUNT_DAMAGED_FRAMES,
	COUNT_DAMAGED_RECORDS,
	COUNT_SKIPPED_BYTES,
	COUNTERS
};

/* One of the readers. Records offered = written + in the ring + unwritten + dropped. */
struct output {
	const char *path;
	bool blocks; /* it is waited for where its ring is full */
	bool closed; /* its reader has gone away, or writing failed */
	bool behind; /* it missed a frame: before the next one it gets the schema again */
	struct stage_output out;
	struct ring ring;
	uint64_t offered, written, dropped, unwritten; /* records; unwritten: left in the ring when it was closed */
	uint64_t dropped_frames;
	struct log_limit limit;
};

struct nftee {
	struct stage stage;
	struct stream_reader *reader;
	struct output outputs[OUTPUTS_MAX];
	size_t count;
	uint64_t queue; /* octets of each ring */
	const char *stats;
	uint8_t schema[SCHEMA_ROOM]; /* the last schema frame */
	size_t schema_len;
	uint64_t *counts; /* COUNTERS of them */
};

/* Opens the path for writing, as tee(1) does, and its ring. Returns 0, or a negative code after a log
 * line. */
int output_open(struct output *o, uint64_t queue);
void output_close(struct output *o);

/* Whether a frame of len bytes may be put now: false only for one that blocks and has no room. */
bool output_ready(struct output *o, size_t len);

/* Puts a frame into the output's ring, or drops it. Returns whether it was put. */
bool output_put(struct nftee *n, struct output *o, const struct frame *f);

/* Writes as much as the reader takes. One that is gone (poll says so), or cannot be written to any
 * more, is closed, and said to be. */
void output_write(struct output *o, bool gone);

/* Whether it has something to write. */
bool output_pending(const struct output *o);

/* What nftee tells about itself. `source` borrows n. */
void report_source(struct nftee *n, struct stats_source *source);

#endif
