/* nfsink-kafka: what its files share. */
#ifndef NFSINK_KAFKA_H
#define NFSINK_KAFKA_H

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/jsonl.h"
#include "lib/proto.h"
#include "lib/sink.h"

#define WHY_MAX        1024
#define REASON_MAX     512
#define KEY_FIELDS_MAX 8
#define KEY_ROOM       (KEY_FIELDS_MAX * (65536 + 1))
#define BINARY_MAX     900000 /* octets of a message in the format binary */
#define CAUSES_MAX     32     /* of refusal that are counted apart */

struct kafka_conn;

/* How a record, or a whole frame, becomes a message. One of the two functions is set. */
struct format {
	const char *name;
	/* The message of a record into out: its length, 0 if it does not fit into cap. */
	size_t (*record)(struct kafka_conn *c, const struct record *r, char *out, size_t cap);
	/* The message of frame `at` of the batch: its length, 0 if it is too long. *value is where it stands: in
	 * the batch, or in c->text. */
	size_t (*frame)(struct kafka_conn *c, size_t at, const char **value);
};

/* Records that were refused, by the broker's or the library's code. */
struct cause {
	rd_kafka_resp_err_t err;
	uint64_t records;
};

struct kafka_sink {
	/* settings */
	const char *brokers, *topic;
	const struct format *format;
	uint8_t key[KEY_FIELDS_MAX]; /* enum field_id */
	size_t key_count;            /* 0: no key */
	int partitions, replicas;    /* of --create-topic; 0: it is not made */
	rd_kafka_conf_t *conf;       /* copied for each producer */
	struct stream_id own_id;     /* of frames made of JSON lines, which have no number of their own */
	pthread_mutex_t lock;        /* of what follows */
	uint64_t own_sequence;
	bool topic_seen;             /* it was there once */
	bool said_alone, said_several;
	struct cause causes[CAUSES_MAX];
	size_t cause_count;
	uint64_t messages;           /* delivered */
	uint64_t producers;          /* made anew after a fatal error */
};

/* Where a message of the batch in hand stands. A refused one is MESSAGE_REFUSED and the error, which is
 * negative where the library itself refused. */
enum message_state {
	MESSAGE_TO_SEND,
	MESSAGE_SENT,      /* its report has not come */
	MESSAGE_DELIVERED,
	MESSAGE_ALONE,     /* refused with others: to be sent again on its own */
	MESSAGE_REFUSED_MIN = 100,
	MESSAGE_REFUSED = 1000
};

struct kafka_conn {
	struct kafka_sink *s;
	rd_kafka_t *rk;         /* kept while its messages are on their way, whatever the loop closes; NULL */
	rd_kafka_topic_t *rkt;
	/* the batch in hand; NULL: none */
	const struct sink_batch *batch;
	int16_t *states;        /* of its messages */
	size_t message_count, state_room;
	uint64_t own_first;     /* the number of its first frame, where they have none */
	size_t outstanding;     /* messages SENT */
	bool alone;             /* one message at a time */
	uint64_t progress_ns;   /* when the last report came, or the wait for one began */
	rd_kafka_resp_err_t setback; /* of messages that are to be sent again */
	uint64_t received_ns;   /* when the last record that was sent was received */
	rd_kafka_resp_err_t refusal; /* of the last ones that were refused together */
	bool all_down;          /* the library says that all brokers are */
	char reason[REASON_MAX]; /* the last one that it gave */
	struct record record;
	struct jsonl_prefix prefix;
	struct proto_writer *proto;
	char *text;             /* a message: JSONL_LINE_MAX */
	char *key;              /* KEY_ROOM */
	char why[WHY_MAX];
};

/* connect.c: the ops of that name. */
void *producer_conn_new(void *self);
void producer_conn_free(void *connection);
int producer_open(void *connection);
void producer_close(void *connection);

/* Ends a producer that cannot go on; messages without a report become MESSAGE_TO_SEND. */
void producer_drop(struct kafka_conn *c);

/* topic.c: checks that the topic is there, or makes it, and opens it. Returns 0, ERR_RETRY or
 * ERR_CONFIG, with `why`. */
int topic_open(struct kafka_conn *c);

/* produce.c: the op store. */
int store_batch(void *connection, const struct sink_batch *batch, struct sink_result *result);

/* report.c: librdkafka's callbacks. */
void report_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *conn);
void report_error(rd_kafka_t *rk, int err, const char *reason, void *conn);
void report_log(const rd_kafka_t *rk, int level, const char *facility, const char *text);

/* Forgets what the library said so far. */
void report_forget(struct kafka_conn *c);

/* What becomes of a message that was not delivered: its new state. */
int16_t report_outcome(struct kafka_conn *c, rd_kafka_resp_err_t err);

/* Whether the producer has failed for good; it is then dropped, and `why` says why. */
bool report_fatal(struct kafka_conn *c);

/* Waits until there are at most `most` messages without a report. Returns 0, or ERR_RETRY with
 * `why`: a fatal error, or no report for so long that something must be wrong. */
int report_await(struct kafka_conn *c, size_t most);

/* Counts refused records by cause. */
void report_refused(struct kafka_sink *s, rd_kafka_resp_err_t err, uint64_t records);

/* key.c: --key. Returns 0, or ERR_SYNTAX after a log line. */
int key_option(struct kafka_sink *s, const char *arg);

/* The key of a record into out (KEY_ROOM): its length; 0: it has none. */
size_t key_write(const struct kafka_sink *s, const struct record *r, char *out);

/* format.c: the format of that name, or NULL; and all names, with commas between them. */
const struct format *format_find(const char *name);
extern const char format_names[];

size_t format_json(struct kafka_conn *c, const struct record *r, char *out, size_t cap);
size_t format_first(struct kafka_conn *c, const struct record *r, char *out, size_t cap);
size_t format_proto(struct kafka_conn *c, const struct record *r, char *out, size_t cap);
size_t format_proto_delimited(struct kafka_conn *c, const struct record *r, char *out, size_t cap);
size_t format_goflow2(struct kafka_conn *c, const struct record *r, char *out, size_t cap);
size_t format_goflow2_delimited(struct kafka_conn *c, const struct record *r, char *out, size_t cap);
size_t format_binary(struct kafka_conn *c, size_t at, const char **value);

/* The op frame_room: what format_binary writes around a payload. */
void binary_room(void *self, size_t *before, size_t *after);

#endif
