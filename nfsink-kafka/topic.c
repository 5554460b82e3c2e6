/* The topic: is it there, and --create-topic. */
#include <stdio.h>
#include <string.h>

#include "lib/err.h"
#include "lib/log.h"
#include "nfsink-kafka/nfsink_kafka.h"

#define ANSWER_MS 5000
#define SLICE_MS  500

/* Asks for all topics, because asking for one by its name may make it, as the brokers'
 * auto.create.topics.enable says. Waits in slices, to take note of what the library says meanwhile.
 */
static rd_kafka_resp_err_t ask_for_list(struct kafka_conn *c, const struct rd_kafka_metadata **all)
{
	rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR__TIMED_OUT;
	report_forget(c);
	for (int ms = 0; ms < ANSWER_MS && err && !c->all_down; ms += SLICE_MS) {
		err = rd_kafka_metadata(c->rk, 1, NULL, all, SLICE_MS);
		rd_kafka_poll(c->rk, 0);
	}
	return err;
}

/* Whether the brokers list the topic: 1, 0, or ERR_RETRY with `why`. */
static int topic_listed(struct kafka_conn *c)
{
	const struct rd_kafka_metadata *all;
	rd_kafka_resp_err_t err = ask_for_list(c, &all);
	int found = 0;
	if (err) {
		snprintf(c->why, sizeof c->why, "%s: %s%s%s", c->s->brokers,
			c->all_down ? "all brokers are down" : rd_kafka_err2str(err),
			*c->reason ? ": " : "", c->reason);
		return ERR_RETRY;
	}
	for (int i = 0; i < all->topic_cnt && !found; i++)
		found = strcmp(all->topics[i].topic, c->s->topic) == 0;
	rd_kafka_metadata_destroy(all);
	return found;
}

/* What the answer to CreateTopics says of the one topic. */
static rd_kafka_resp_err_t creation_error(rd_kafka_event_t *event, const char **text)
{
	size_t count;
	rd_kafka_resp_err_t err = rd_kafka_event_error(event);
	*text = err ? rd_kafka_event_error_string(event) : NULL;
	const rd_kafka_CreateTopics_result_t *result =
		err ? NULL : rd_kafka_event_CreateTopics_result(event);
	const rd_kafka_topic_result_t **topics =
		result ? rd_kafka_CreateTopics_result_topics(result, &count) : NULL;
	if (topics && count) {
		err = rd_kafka_topic_result_error(topics[0]);
		*text = rd_kafka_topic_result_error_string(topics[0]);
	}
	if (!*text)
		*text = rd_kafka_err2str(err);
	return err;
}

static bool is_final(rd_kafka_resp_err_t err)
{
	return err == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION ||
	       err == RD_KAFKA_RESP_ERR_INVALID_PARTITIONS ||
	       err == RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR ||
	       err == RD_KAFKA_RESP_ERR_POLICY_VIOLATION || err == RD_KAFKA_RESP_ERR__INVALID_ARG;
}

/* Asks for the topic and waits for the answer. Returns 0, ERR_RETRY or ERR_CONFIG. */
static int ask_for_topic(struct kafka_conn *c, rd_kafka_NewTopic_t *topic)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_new(c->rk);
	const char *text = "no answer";
	rd_kafka_CreateTopics(c->rk, &topic, 1, NULL, queue);
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ANSWER_MS);
	rd_kafka_resp_err_t err =
		event ? creation_error(event, &text) : RD_KAFKA_RESP_ERR__TIMED_OUT;
	bool there = !err || err == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS;
	if (!err)
		log_info("topic made topic=%s partitions=%d replicas=%d", c->s->topic,
			c->s->partitions, c->s->replicas);
	if (!there)
		snprintf(c->why, sizeof c->why, "topic %s cannot be made: %s", c->s->topic, text);
	if (event)
		rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(queue);
	return there ? 0 : is_final(err) ? ERR_CONFIG : ERR_RETRY;
}

static int topic_create(struct kafka_conn *c)
{
	char text[REASON_MAX];
	rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(
		c->s->topic, c->s->partitions, c->s->replicas, text, sizeof text);
	if (!topic) {
		snprintf(c->why, sizeof c->why, "topic %s cannot be made: %s", c->s->topic, text);
		return ERR_CONFIG;
	}
	int err = ask_for_topic(c, topic);
	rd_kafka_NewTopic_destroy(topic);
	return err;
}

static int topic_missing(struct kafka_conn *c)
{
	pthread_mutex_lock(&c->s->lock);
	bool seen = c->s->topic_seen;
	pthread_mutex_unlock(&c->s->lock);
	if (c->s->partitions)
		return topic_create(c);
	snprintf(c->why, sizeof c->why,
		seen ? "topic %s is not there any more"
		     : "topic %s does not exist, or may not be seen: make it, or give --create-topic",
		c->s->topic);
	return seen ? ERR_RETRY : ERR_CONFIG;
}

int topic_open(struct kafka_conn *c)
{
	int listed = topic_listed(c);
	int err = listed < 0 ? listed : listed ? 0 : topic_missing(c);
	if (err)
		return err;
	pthread_mutex_lock(&c->s->lock);
	c->s->topic_seen = true;
	pthread_mutex_unlock(&c->s->lock);
	if (!c->rkt)
		c->rkt = rd_kafka_topic_new(c->rk, c->s->topic, NULL);
	if (c->rkt)
		return 0;
	snprintf(c->why, sizeof c->why, "topic %s: %s", c->s->topic,
		rd_kafka_err2str(rd_kafka_last_error()));
	return ERR_CONFIG;
}
