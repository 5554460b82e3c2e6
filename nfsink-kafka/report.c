/* What librdkafka tells: delivery reports, errors and its log. */
#include <stdio.h>

#include "lib/err.h"
#include "lib/log.h"
#include "lib/stage.h"
#include "nfsink-kafka/nfsink_kafka.h"

#define STALL_NS  (5 * NS_PER_S) /* without a report: the brokers hang */
#define DOWN_NS   NS_PER_S       /* the same where all are said to be down */
#define SLICE_MS  100
#define SETTLE_MS 5000

/* Refused for what the message is, not for how the brokers are. */
static bool is_refusal(rd_kafka_resp_err_t err)
{
	switch (err) {
	case RD_KAFKA_RESP_ERR__BAD_MSG:
	case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT: /* as message.timeout.ms asks, which is off by
						  default */
	case RD_KAFKA_RESP_ERR_INVALID_MSG:
	case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
	case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
	case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
	case RD_KAFKA_RESP_ERR_INVALID_RECORD:
	case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
	case RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT: return true;
	default: return false;
	}
}

int16_t report_outcome(struct kafka_conn *c, rd_kafka_resp_err_t err)
{
	if (!is_refusal(err)) {
		c->setback = err;
		return MESSAGE_TO_SEND;
	}
	/* Brokers refuse a whole batch for one of its messages, or for its size. */
	if (!c->alone && err != RD_KAFKA_RESP_ERR__MSG_TIMED_OUT) {
		c->refusal = err;
		return MESSAGE_ALONE;
	}
	return (int16_t)(MESSAGE_REFUSED + err);
}

void report_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *conn)
{
	struct kafka_conn *c = conn;
	int16_t *state = message->_private;
	(void)rk;
	c->outstanding--;
	c->progress_ns = monotonic_ns();
	*state = message->err ? report_outcome(c, message->err) : (int16_t)MESSAGE_DELIVERED;
}

void report_error(rd_kafka_t *rk, int err, const char *reason, void *conn)
{
	struct kafka_conn *c = conn;
	(void)rk;
	log_debug("librdkafka: %s", reason);
	if (err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
		c->all_down = true; /* why follows from what was said of each */
	else
		snprintf(c->reason, sizeof c->reason, "%s", reason);
}

void report_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	(void)rk;
	log_debug("librdkafka: %s: %s level=%d", facility, text, level);
}

void report_forget(struct kafka_conn *c)
{
	c->reason[0] = 0;
	c->all_down = false;
}

bool report_fatal(struct kafka_conn *c)
{
	char text[REASON_MAX];
	if (!rd_kafka_fatal_error(c->rk, text, sizeof text))
		return false;
	snprintf(c->why, sizeof c->why, "the idempotent producer has to begin anew: %s", text);
	/* what is on its way may arrive yet: sent again it would be there twice */
	rd_kafka_purge(c->rk, RD_KAFKA_PURGE_F_QUEUE);
	rd_kafka_flush(c->rk, SETTLE_MS);
	producer_drop(c);
	return true;
}

int report_await(struct kafka_conn *c, size_t most)
{
	c->progress_ns = monotonic_ns();
	report_forget(c);
	while (c->outstanding > most) {
		if (most)
			rd_kafka_poll(c->rk, SLICE_MS);
		else
			rd_kafka_flush(c->rk, SLICE_MS);
		if (report_fatal(c))
			return ERR_RETRY;
		if (monotonic_ns() - c->progress_ns < (c->all_down ? DOWN_NS : STALL_NS))
			continue;
		snprintf(c->why, sizeof c->why, "%s: %s%s%s", c->s->brokers,
			c->all_down ? "all brokers are down" : "no delivery report comes",
			*c->reason ? ": " : "", c->reason);
		return ERR_RETRY;
	}
	return 0;
}

void report_refused(struct kafka_sink *s, rd_kafka_resp_err_t err, uint64_t records)
{
	size_t i = 0;
	pthread_mutex_lock(&s->lock);
	while (i < s->cause_count && s->causes[i].err != err)
		i++;
	if (i == s->cause_count && i < CAUSES_MAX)
		s->causes[s->cause_count++].err = err;
	if (i < CAUSES_MAX)
		s->causes[i].records += records;
	pthread_mutex_unlock(&s->lock);
}
