/* nfsrc-kafka: what its files share. */
#ifndef NFSRC_KAFKA_H
#define NFSRC_KAFKA_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/jsonl.h"
#include "lib/proto.h"
#include "lib/stage.h"
#include "lib/stream.h"

#define REASON_MAX   512
#define MESSAGE_MAX  (2 * 1024 * 1024) /* octets; what is longer holds no frame and no record of ours */
#define OUT_ROOM     (6 * 1024 * 1024) /* of frames on their way to the sink */
#define OUT_FULL     (2 * 1024 * 1024) /* no more messages are taken then */
#define FLIGHT_ROOM  16384             /* messages in hand; a power of two */
#define FLIGHT_FULL  8192 /* more than sinks batch, little enough to be stored before a drain ends */

/* What is counted; the causes for which a message is passed over come first. */
enum {
	COUNT_DAMAGED_FRAME,
	COUNT_BAD_LINE,
	COUNT_BAD_PROTO,
	COUNT_EMPTY,
	COUNT_TOO_LARGE,
	CAUSES,
	COUNT_READ = CAUSES,
	COUNT_ACKNOWLEDGED,
	COUNT_WAITING,
	COUNT_RETURNED,
	COUNT_RECORDS,
	COUNT_REPEATED,
	COUNT_REMOVED,
	COUNT_COMMITS,
	COUNT_REBALANCES,
	COUNTERS
};

/* A partition of the topic, at its number in the table; kept for the life of the process, whoever has it. */
struct partition {
	bool assigned;       /* to us */
	uint32_t generation; /* of the assignment: what is in hand from an earlier one is not ours to commit */
	int64_t position;    /* the offset to be read next; negative: not known */
	int64_t done;        /* all below is acknowledged; negative: nothing is */
	int64_t asked;       /* what the last commit that was sent said */
	int64_t committed;   /* what Kafka has taken */
	struct stream_id id; /* of the frames made of records */
};

/* A message in hand, in the order of reading. */
struct flight {
	uint64_t end;        /* octets written to the sink up to its end, of all that ever were */
	int64_t next;        /* the offset behind it */
	int32_t partition;
	uint32_t generation;
	bool sent;           /* its frame was handed to the sink; else it is done when all before it are */
	struct stream_id id; /* of a frame that was sent */
	uint64_t sequence;
	uint32_t link;       /* flight.c: the next one of the same hash, its place plus 1 */
};

struct flights {
	struct flight ring[FLIGHT_ROOM];
	uint32_t heads[FLIGHT_ROOM]; /* place plus 1 of the first flight of a hash; 0: none */
	uint64_t head, tail;         /* the oldest, and behind the newest, counted up without end */
};

/* What a format makes of a message: a frame behind the octets that wait for the sink. */
struct piece {
	struct stream_id id;
	uint64_t sequence;
	uint32_t records;
	size_t len;
};

struct source;

struct format {
	const char *name;
	bool counts_offsets; /* frames are numbered by offset, so that offsets may never begin anew */
	/* Writes the message's frame to out, which has room for OUT_ROOM - OUT_FULL. Returns 0 with
	 * *piece, or the cause for which it is passed over, plus 1. */
	int (*take)(struct source *s, const struct partition *p, const rd_kafka_message_t *m, uint8_t *out,
		struct piece *piece);
};

/* Where the stream goes: a sink that we started, or standard output. */
struct feed {
	int fd;                /* -1: closed */
	pid_t child;           /* 0: standard output */
	bool shut;             /* no more is written */
	uint8_t *buf;          /* OUT_ROOM */
	size_t pos, len;       /* of buf: what waits to be written */
	uint64_t put, written; /* octets, ever */
	char line[128];        /* an acknowledgement of which the end has not come */
	size_t line_len;
	struct stage_output output;
};

struct source {
	/* settings */
	const char *brokers, *topic, *group, *epoch, *stats;
	const struct format *format;
	bool from_end;
	rd_kafka_conf_t *conf;
	char **command; /* of the sink; NULL: standard output */

	struct stage stage;
	struct feed feed;
	struct flights *flights;
	rd_kafka_t *rk;
	rd_kafka_queue_t *queue;
	int queue_fd;         /* readable when there is something in the queue */
	bool more;            /* the queue was not emptied */
	bool paused;          /* the sink does not take more for now */
	uint64_t full_ns;     /* since when there is no room; 0: there is */
	bool away;            /* all brokers are */
	uint64_t asked_ns;    /* when they were asked whether they are back */
	bool closing;
	int error;            /* what ends it; 0: nothing */
	char reason[REASON_MAX]; /* the last that the library gave */
	struct partition *partitions;
	int32_t partition_count;
	uint64_t counts[COUNTERS];

	/* of the formats */
	struct stream_reader *reader;
	struct jsonl_reader *lines;
	struct proto_reader *proto;
	struct record record;
	uint8_t *packed;      /* STREAM_FRAME_MAX */
	unsigned since_schema;
	uint64_t schema_ns;
};

/* format.c: the format of that name, or NULL; and all names. */
const struct format *format_find(const char *name);
extern const char format_names[];

/* What the formats read with. Returns 0 or ERR_MEMORY. */
int format_begin(struct source *s);
void format_end(struct source *s);

int format_binary(struct source *s, const struct partition *p, const rd_kafka_message_t *m, uint8_t *out,
	struct piece *piece);
int format_json(struct source *s, const struct partition *p, const rd_kafka_message_t *m, uint8_t *out,
	struct piece *piece);

int format_proto(struct source *s, const struct partition *p, const rd_kafka_message_t *m, uint8_t *out,
	struct piece *piece);

/* The frame of a message that is one record, s->record: as format.take, to be returned by it. */
int format_record(struct source *s, const struct partition *p, const rd_kafka_message_t *m, uint8_t *out,
	struct piece *piece);

/* flight.c: whether one more message may be taken in hand. */
bool flight_room(const struct flights *f);
uint64_t flight_count(const struct flights *f);

/* Whether the frame is in hand already, and sent. */
bool flight_has(const struct flights *f, const struct stream_id *id, uint64_t sequence);

/* Takes a message in hand. */
void flight_add(struct source *s, const struct flight *new);

/* The sink has stored this frame and all that were sent before it. */
void flight_acknowledged(struct source *s, const struct stream_id *id, uint64_t sequence);

/* All that ends within the octets written is done (there is no sink that acknowledges), or what has
 * nothing before it that waits. */
void flight_written(struct source *s, uint64_t octets);

/* Whether a message of a partition that is marked by `leaving` is in hand. */
bool flight_of(const struct source *s, const bool *leaving);

/* feed.c: starts the sink, if there is a command; before any thread is. Returns 0 or ERR_IO after a
 * log line. */
int feed_open(struct source *s);

/* Where the next frame is to be written, with room for OUT_ROOM - OUT_FULL while feed_room. */
bool feed_room(const struct feed *f);
uint8_t *feed_tail(struct feed *f);
void feed_put(struct feed *f, size_t len);

/* Writes what can be without waiting. Returns 0, ERR_CLOSED or ERR_IO. */
int feed_write(struct source *s);

/* Reads the acknowledgements that are there. Returns 0, ERR_CLOSED at the end of them, or ERR_IO. */
int feed_read(struct source *s);

/* The events that feed_write and feed_read wait for. */
short feed_events(const struct feed *f);

/* Waits for what the feed waits for, and does it. timeout_ms as poll's. Returns 0 or feed_write's
 * and feed_read's. */
int feed_step(struct source *s, int timeout_ms);

/* Lets the sink finish: no more comes; waits for its acknowledgements and its end. Returns its exit
 * status, as a shell gives it; 0 for standard output. */
int feed_finish(struct source *s);

/* consume.c: joins the group. Returns 0, or ERR_CONFIG after a log line. */
int consume_open(struct source *s);

/* Takes messages while there is room. What ends the program is in s->error. */
void consume(struct source *s);

/* Does what is due about every second: commits, pauses and resumes, asks for brokers that were away. */
void consume_tick(struct source *s);

/* Leaves the group, committing what is acknowledged. */
void consume_close(struct source *s);

/* Stops with an error: the first one counts. */
void source_fail(struct source *s, int error);

/* assign.c: the callback of librdkafka: partitions come and go. */
void assign_rebalance(
	rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list, void *source);

/* The fetcher says that the offset is none of the partition's. */
void assign_out_of_range(struct source *s, int32_t partition);

/* An offset before the one that was expected came: says so and ends, where offsets count. */
void assign_backwards(struct source *s, int32_t partition, int64_t expected, int64_t found);

/* commit.c: commits what is acknowledged, of all partitions or those of `of`. */
void commit_soon(struct source *s);
void commit_now(struct source *s, const rd_kafka_topic_partition_list_t *of);
void commit_report(
	rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list, void *source);

/* status.c */
extern const struct counter counters[COUNTERS];
bool status_report(void *source, const char *request, json_t *doc);

#endif
