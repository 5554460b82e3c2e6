/* Storing a batch: its messages are handed to librdkafka, and the batch is stored when the report
 * of each has come.
 *
 * What became of a message is kept in states[], through as many attempts as the loop makes: an
 * attempt sends only what was not sent, so that one after an outage goes on where the last one
 * waited. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/jsontext.h"
#include "lib/log.h"
#include "nfsink-kafka/nfsink_kafka.h"

#define POLL_EVERY 512 /* messages: reports are taken while others are made */
#define BACK_NS    (30 * 86400 * NS_PER_S)
#define AHEAD_NS   (3600 * NS_PER_S) /* what brokers allow by default */

/* What a frame's messages share. */
struct origin {
	char stream[32], sequence[20];
	size_t sequence_len; /* 0: it has no number */
};

struct message {
	size_t at; /* in states */
	const char *value, *key;
	size_t len, key_len;
	bool lasts; /* value stands in the batch, so that it need not be copied */
	int64_t time_ms;
	const struct origin *origin;
};

/* Begins a batch; all of its messages are to be sent. Returns 0 or ERR_RETRY with `why`. */
static int begin(struct kafka_conn *c, const struct sink_batch *batch)
{
	size_t count = c->s->format->frame ? batch->count : batch->records;
	if (count > c->state_room) {
		int16_t *states = realloc(c->states, count * sizeof *states);
		if (!states) {
			snprintf(c->why, sizeof c->why, "%s", err_sentence(ERR_MEMORY));
			return ERR_RETRY;
		}
		c->states = states;
		c->state_room = count;
	}
	memset(c->states, 0, count * sizeof *c->states);
	c->batch = batch;
	c->message_count = count;
	c->outstanding = 0;
	pthread_mutex_lock(&c->s->lock);
	c->own_first = c->s->own_sequence;
	c->s->own_sequence += batch->count;
	pthread_mutex_unlock(&c->s->lock);
	return 0;
}

static void set_origin(struct origin *o, const struct frame *f)
{
	char *end = o->sequence;
	if (f->numbered) {
		jsontext_hex(o->stream, f->id.b, sizeof f->id.b);
		end = jsontext_decimal(o->sequence, f->sequence);
	}
	o->sequence_len = (size_t)(end - o->sequence);
}

/* The flow's end, or the time of receipt where the exporter's clock is astray. */
static int64_t time_of(struct kafka_conn *c)
{
	const struct record *r = &c->record;
	bool astray = record_time_astray(r, BACK_NS, AHEAD_NS);
	if (record_has(r, FIELD_received))
		c->received_ns = r->received.ns;
	return (int64_t)((astray ? r->received.ns : r->last_switched.ns) / NS_PER_MS);
}

/* The headers of a message: ours until it is handed over. NULL where its frame has no number. */
static rd_kafka_headers_t *headers_of(const struct origin *o)
{
	if (!o->sequence_len)
		return NULL;
	rd_kafka_headers_t *headers = rd_kafka_headers_new(2);
	rd_kafka_header_add(headers, "stream", -1, o->stream, sizeof o->stream);
	rd_kafka_header_add(headers, "sequence", -1, o->sequence, (ssize_t)o->sequence_len);
	return headers;
}

/* Hands one over. Returns 0 or the library's code. The headers are made beforehand: those that
 * rd_kafka_produceva makes by itself are freed twice by librdkafka 2.0 where it refuses a message.
 */
static rd_kafka_resp_err_t produce(struct kafka_conn *c, const struct message *m)
{
	rd_kafka_headers_t *headers = headers_of(m->origin);
	rd_kafka_vu_t v[] = {
		{.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = c->rkt},
		{.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = m->lasts ? 0 : RD_KAFKA_MSG_F_COPY},
		{.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)m->value, m->len}},
		{.vtype = RD_KAFKA_VTYPE_KEY,
			.u.mem = {m->key_len ? (void *)m->key : NULL, m->key_len}},
		{.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = m->time_ms},
		{.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = &c->states[m->at]},
		{.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
	};
	rd_kafka_error_t *error = rd_kafka_produceva(c->rk, v, LEN(v) - !headers);
	if (!error)
		return RD_KAFKA_RESP_ERR_NO_ERROR;
	rd_kafka_resp_err_t err = rd_kafka_error_code(error);
	rd_kafka_error_destroy(error);
	if (headers)
		rd_kafka_headers_destroy(headers);
	return err;
}

/* Hands one over, waiting where the queue is full. Returns 0, the message then being sent or
 * refused, or ERR_RETRY. */
static int send_message(struct kafka_conn *c, const struct message *m)
{
	rd_kafka_resp_err_t err = m->len ? produce(c, m) : RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
	while (err == RD_KAFKA_RESP_ERR__QUEUE_FULL && c->outstanding) {
		if (report_await(c, c->outstanding - 1))
			return ERR_RETRY;
		err = produce(c, m);
	}
	if (err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
		c->states[m->at] = (int16_t)(MESSAGE_REFUSED + err);
		return 0;
	}
	if (err) {
		snprintf(c->why, sizeof c->why, "topic %s: %s", c->s->topic, rd_kafka_err2str(err));
		return ERR_RETRY;
	}
	c->states[m->at] = MESSAGE_SENT;
	c->outstanding++;
	if (c->alone)
		return report_await(c, 0);
	if (m->at % POLL_EVERY == 0)
		rd_kafka_poll(c->rk, 0);
	return 0;
}

/* The key of a frame whose records are of one exporter, into c->key; 0: it has none. */
static size_t frame_key(struct kafka_conn *c, const struct frame *f)
{
	struct frame_iter it;
	struct ip first;
	bool any = false, several = false;
	frame_begin(&it, f, &c->record);
	while (!several && frame_next(&it, &c->record) > 0) {
		several = any && memcmp(&first, &c->record.exporter, sizeof first) != 0;
		first = c->record.exporter;
		any = true;
	}
	if (any && !several)
		return key_write(c->s, &c->record, c->key);
	pthread_mutex_lock(&c->s->lock);
	bool said = c->s->said_several;
	c->s->said_several = true;
	pthread_mutex_unlock(&c->s->lock);
	if (several && !said)
		log_warn("a frame holds records of several exporters: it has no key; nfdecode "
			 "--by-exporter keeps them apart");
	return 0;
}

/* The message of a frame, with the time of its first record. */
static int send_frame(struct kafka_conn *c, size_t at, const struct origin *o)
{
	struct frame_iter it;
	struct message m = {.at = at, .origin = o};
	frame_begin(&it, &c->batch->frames[at], &c->record);
	if (frame_next(&it, &c->record) > 0)
		m.time_ms = time_of(c);
	m.len = c->s->format->frame(c, at, &m.value);
	m.lasts = m.value != c->text;
	if (c->s->key_count) {
		m.key = c->key;
		m.key_len = frame_key(c, &c->batch->frames[at]);
	}
	return send_message(c, &m);
}

/* The messages of a frame's records whose state is `which`; *at is the first one's position, and
 * then the next frame's. */
static int send_records(struct kafka_conn *c, const struct frame *f, const struct origin *o,
	int16_t which, size_t *at)
{
	struct frame_iter it;
	size_t end = *at + f->records;
	int err = 0;
	c->prefix.len = 0; /* values are shared within a frame alone */
	frame_begin(&it, f, &c->record);
	for (size_t i = *at; i < end && !err && frame_next(&it, &c->record) > 0; i++) {
		if (c->states[i] != which)
			continue;
		struct message m = {.at = i,
			.value = c->text,
			.len = c->s->format->record(c, &c->record, c->text, JSONL_LINE_MAX),
			.key = c->key,
			.key_len = key_write(c->s, &c->record, c->key),
			.time_ms = time_of(c),
			.origin = o};
		err = send_message(c, &m);
	}
	*at = end;
	return err;
}

/* Sends the messages whose state is `which`. */
static int send_all(struct kafka_conn *c, int16_t which)
{
	size_t at = 0;
	int err = 0;
	for (size_t i = 0; i < c->batch->count && !err; i++) {
		const struct frame *f = &c->batch->frames[i];
		struct origin o;
		set_origin(&o, f);
		if (!c->s->format->frame)
			err = send_records(c, f, &o, which, &at);
		else if (c->states[i] == which)
			err = send_frame(c, i, &o);
	}
	return err;
}

static size_t count_in(const struct kafka_conn *c, int16_t state)
{
	size_t count = 0;
	for (size_t i = 0; i < c->message_count; i++)
		count += c->states[i] == state;
	return count;
}

/* Those that were refused together, one by one. */
static int send_alone(struct kafka_conn *c)
{
	size_t count = count_in(c, MESSAGE_ALONE);
	if (!count)
		return 0;
	pthread_mutex_lock(&c->s->lock);
	bool said = c->s->said_alone;
	c->s->said_alone = true;
	pthread_mutex_unlock(&c->s->lock);
	if (!said)
		log_warn(
			"a broker refuses messages together, so they are sent one by one, which is "
			"slow: %s messages=%zu",
			rd_kafka_err2str(c->refusal), count);
	c->alone = true;
	int err = send_all(c, MESSAGE_ALONE);
	c->alone = false;
	return err;
}

/* Refuses the records of a frame whose messages were, the first of them at `at`. */
static void refuse_in(
	struct kafka_conn *c, const struct frame *f, size_t at, struct sink_result *result)
{
	struct frame_iter it;
	bool whole = c->s->format->frame;
	frame_begin(&it, f, &c->record);
	for (uint32_t n = 0; n < f->records && frame_next(&it, &c->record) > 0; n++) {
		int16_t state = c->states[whole ? at : at + n];
		if (state < MESSAGE_REFUSED_MIN)
			continue;
		rd_kafka_resp_err_t err = (rd_kafka_resp_err_t)(state - MESSAGE_REFUSED);
		sink_refuse(result, &c->record, rd_kafka_err2str(err));
		report_refused(c->s, err, 1);
	}
}

/* Counts all records of the batch. */
static void settle(struct kafka_conn *c, struct sink_result *result)
{
	bool whole = c->s->format->frame;
	uint64_t delivered = 0;
	size_t at = 0;
	for (size_t i = 0; i < c->batch->count; i++) {
		const struct frame *f = &c->batch->frames[i];
		size_t count = whole ? 1 : f->records, good = 0;
		for (size_t n = at; n < at + count; n++)
			good += c->states[n] == MESSAGE_DELIVERED;
		delivered += good;
		result->stored += whole ? good * f->records : good;
		if (good < count)
			refuse_in(c, f, at, result);
		at += count;
	}
	/* what a frame that breaks off did not give */
	result->refused = c->batch->records - result->stored;
	result->received_ns = c->received_ns;
	pthread_mutex_lock(&c->s->lock);
	c->s->messages += delivered;
	pthread_mutex_unlock(&c->s->lock);
	c->batch = NULL;
	c->message_count = 0;
}

int store_batch(void *connection, const struct sink_batch *batch, struct sink_result *result)
{
	struct kafka_conn *c = connection;
	int err = c->batch ? 0 : begin(c, batch);
	c->setback = RD_KAFKA_RESP_ERR_NO_ERROR;
	if (!err)
		err = send_all(c, MESSAGE_TO_SEND);
	if (!err)
		err = report_await(c, 0);
	if (!err)
		err = send_alone(c);
	if (!err && c->setback) {
		snprintf(c->why, sizeof c->why, "topic %s: %s", c->s->topic,
			rd_kafka_err2str(c->setback));
		err = ERR_RETRY;
	}
	if (!err)
		settle(c, result);
	else if (c->rk)
		report_fatal(c);
	return err;
}
