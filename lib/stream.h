/* stream: the flow stream, goflow-stream(5): frames of packed records, numbered and checked. */
#ifndef GOFLOW_STREAM_H
#define GOFLOW_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/record.h"

#define STREAM_MARK        UINT32_C(0x53464e8e) /* bytes 8e 4e 46 53 */
#define STREAM_VERSION     1
#define STREAM_HEADER      52
#define STREAM_TRAILER     4
#define STREAM_FRAME_MAX   (1024 * 1024)
#define STREAM_FRAME_FULL  (256 * 1024) /* a writer flushes when a frame is that long */
#define STREAM_RECORDS_MAX 8192         /* or holds that many records */
#define STREAM_LINGER_MS   200          /* or that long after its first record */

enum frame_kind { FRAME_RECORDS = 1, FRAME_SCHEMA = 2, FRAME_COUNTERS = 3 };

struct stream_id {
	uint8_t b[16];
};

/* Reads 32 hex digits, which may be followed by anything. Returns 0 or ERR_SYNTAX. */
int stream_id_parse(const char *text, struct stream_id *id);

/* Writing ------------------------------------------------------------------------------------- */

struct stream_writer;

/* Takes a whole frame; returns 0 or a negative code, which the stream function then returns. */
typedef int stream_sink(void *ctx, const void *frame, size_t len);

/* A writer of the stream `id` (NULL: a random one), that hands its frames to sink. NULL: no memory. */
struct stream_writer *stream_writer_new(const struct stream_id *id, stream_sink *sink, void *ctx);
void stream_writer_free(struct stream_writer *w); /* does not flush */

/* Adds a record, flushing first or after where the frame is full. now_ns (monotonic) times the
 * schema frames. Returns 0, ERR_TOO_LARGE (nothing was written of it), or the sink's code. */
int stream_put(struct stream_writer *w, const struct record *r, uint64_t now_ns);

/* Adds a line of counters, goflow-record(5), with its newline; it goes out in a frame of its kind when the records'
 * frame does, or when there are enough of them. Returns as stream_put. */
int stream_put_counters(struct stream_writer *w, const char *line, size_t len, uint64_t now_ns);

/* Writes out the frames begun, if there are any. Returns 0 or the sink's code. */
int stream_flush(struct stream_writer *w, uint64_t now_ns);

/* Records, and lines of counters, in the frames begun. */
uint32_t stream_pending(const struct stream_writer *w);

/* Records handed to the sink for which it returned 0. */
uint64_t stream_written(const struct stream_writer *w);

/* Reading ------------------------------------------------------------------------------------- */

struct frame {
	uint8_t kind;
	bool numbered; /* id and sequence hold; false for a frame made of JSON lines */
	struct stream_id id;
	uint64_t sequence;
	uint32_t records; /* 0 in a frame that is not of records */
	const uint8_t *payload; /* borrowed; see who made it */
	size_t len;
	uint32_t crc; /* the payload's checksum as it was read, where numbered */
	const struct schema *schema;
};

struct stream_counts {
	uint64_t frames;         /* of records, read whole */
	uint64_t damaged;        /* frames given up: checksum, schema, format */
	uint64_t missing;        /* frames that the sequence numbers say were lost (damaged ones included) */
	uint64_t skipped_bytes;  /* passed over while looking for a mark */
	uint64_t lost_records;   /* records of damaged frames whose header was whole */
	uint64_t counters;       /* lines in frames of counters, read whole */
};

struct stream_reader;

struct stream_reader *stream_reader_new(void);
void stream_reader_free(struct stream_reader *r);

/* Room to read into: at least 64 KiB; call stream_filled with what was read. */
void *stream_room(struct stream_reader *r, size_t *room);
void stream_filled(struct stream_reader *r, size_t n);

/* The next frame of records (schema frames are taken in silently). Returns 1 (f borrows until the next
 * call of stream_room), or 0: needs more. Damage is counted and passed over. At the end of the input
 * call it with `last` true: a torn frame is then counted as damaged. */
int stream_next(struct stream_reader *r, struct frame *f, bool last);

/* From now on stream_next hands out frames of counters too; their schema is our own, and of no meaning. */
void stream_read_counters(struct stream_reader *r);

/* From now on stream_next hands out whole frames of every kind, also such whose schema is not known (f->schema is
 * NULL), for who passes them on. They count as read, not as damaged. */
void stream_read_all(struct stream_reader *r);

/* The bytes of a frame that stream_next handed out, header and checksums included, and how many they are. Borrowed as
 * the frame is. */
const uint8_t *stream_frame_bytes(const struct frame *f, size_t *len);

const struct stream_counts *stream_counts(const struct stream_reader *r);

/* Writes a frame as it stands in a stream, for who has one already: of records, whose payload must
 * be packed under our own schema, or of kind FRAME_SCHEMA with schema_payload's. Its id and sequence
 * hold whatever `numbered` says. Returns the length, or 0 if it does not fit into cap or into a
 * frame. */
size_t stream_frame(const struct frame *f, uint8_t *out, size_t cap);

/* The same around a payload that already stands STREAM_HEADER behind `frame` and has STREAM_TRAILER of room after it;
 * f->payload is not looked at. crc is the payload's CRC-32C, so that a checksum that was read goes on as it
 * came. Returns the frame's length. */
size_t stream_seal(const struct frame *f, uint32_t crc, uint8_t *frame);

/* Records of a frame ---------------------------------------------------------------------------- */

struct frame_iter {
	const struct frame *frame;
	const uint8_t *p, *end;
	uint64_t unknown; /* values of fields that we do not have */
};

void frame_begin(struct frame_iter *it, const struct frame *f, struct record *r);

/* The next record into r, whose extras must have room for EXTRAS_MAX. Returns 1, 0 at the end, or
 * ERR_FRAME_FORMAT: the rest of the frame makes no sense. */
int frame_next(struct frame_iter *it, struct record *r);

/* Prepares a record to be read into: allocates extras. Returns 0 or ERR_MEMORY. */
int record_init(struct record *r);
void record_release(struct record *r);

#endif
