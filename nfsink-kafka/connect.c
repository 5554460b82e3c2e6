/* The producer of a connection. It outlives what the loop calls a connection: while brokers are
 * away its messages wait in it, and the idempotent producer that numbered them is the one that can
 * send them again without doubling any. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/err.h"
#include "lib/log.h"
#include "nfsink-kafka/nfsink_kafka.h"

#define PURGE_MS 1000

static int producer_new(struct kafka_conn *c)
{
	char text[REASON_MAX];
	rd_kafka_conf_t *conf = rd_kafka_conf_dup(c->s->conf);
	rd_kafka_conf_set_opaque(conf, c);
	rd_kafka_conf_set_dr_msg_cb(conf, report_delivery);
	rd_kafka_conf_set_error_cb(conf, report_error);
	rd_kafka_conf_set_log_cb(conf, report_log);
	c->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
	if (c->rk)
		return 0;
	rd_kafka_conf_destroy(conf);
	snprintf(c->why, sizeof c->why, "the producer cannot be set up: %s", text);
	return ERR_CONFIG;
}

void *producer_conn_new(void *self)
{
	struct kafka_conn *c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	c->s = self;
	c->text = malloc(JSONL_LINE_MAX);
	c->key = malloc(KEY_ROOM);
	c->proto = proto_writer_new();
	if (c->text && c->key && c->proto && record_init(&c->record) == 0)
		return c;
	producer_conn_free(c);
	return NULL;
}

void producer_conn_free(void *connection)
{
	struct kafka_conn *c = connection;
	if (c->rk)
		producer_drop(c);
	record_release(&c->record);
	proto_writer_free(c->proto);
	free(c->states);
	free(c->key);
	free(c->text);
	free(c);
}

int producer_open(void *connection)
{
	struct kafka_conn *c = connection;
	int err = c->rk ? 0 : producer_new(c);
	return err ? err : topic_open(c);
}

void producer_close(void *connection)
{
	(void)connection; /* see above */
}

void producer_drop(struct kafka_conn *c)
{
	rd_kafka_purge(c->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	rd_kafka_flush(c->rk, PURGE_MS);
	for (size_t i = 0; i < c->message_count; i++)
		if (c->states[i] == MESSAGE_SENT)
			c->states[i] = MESSAGE_TO_SEND;
	c->outstanding = 0;
	if (c->rkt)
		rd_kafka_topic_destroy(c->rkt);
	rd_kafka_destroy(c->rk);
	c->rkt = NULL;
	c->rk = NULL;
	pthread_mutex_lock(&c->s->lock);
	c->s->producers++;
	pthread_mutex_unlock(&c->s->lock);
}
