/* The member of the group: messages in, and what the library tells. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/instant.h"
#include "lib/log.h"
#include "nfsrc-kafka/nfsrc_kafka.h"

#define TAKE_MAX 1024     /* messages, before the sink is looked after again */
#define HOLD_NS  NS_PER_S /* without room: partitions are paused, so that the group is answered */
#define ASK_NS   (2 * NS_PER_S)
#define ASK_MS   500
#define CLOSE_NS (10 * NS_PER_S)
#define SLICE_MS 100

void source_fail(struct source *s, int error)
{
	if (!s->error)
		s->error = error;
}

/* What the library tells --------------------------------------------------------------------- */

static void report_error(rd_kafka_t *rk, int err, const char *reason, void *source)
{
	struct source *s = source;
	(void)rk;
	log_debug("librdkafka: %s", reason);
	if (err != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
		snprintf(s->reason, sizeof s->reason, "%s", reason);
	} else if (!s->away) {
		log_warn("all brokers are away: %s brokers=%s", s->reason, s->brokers);
		s->away = true;
		s->asked_ns = monotonic_ns();
	}
}

static void report_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	(void)rk;
	log_debug("librdkafka: %s: %s level=%d", facility, text, level);
}

static void is_back(struct source *s)
{
	if (s->away)
		log_info("brokers are back brokers=%s", s->brokers);
	s->away = false;
}

static void ask_whether_back(struct source *s)
{
	const struct rd_kafka_metadata *all;
	uint64_t now = monotonic_ns();
	if (!s->away || now - s->asked_ns < ASK_NS)
		return;
	if (rd_kafka_metadata(s->rk, 0, NULL, &all, ASK_MS) == 0) {
		rd_kafka_metadata_destroy(all);
		is_back(s);
	}
	s->asked_ns = monotonic_ns();
}

/* Messages ----------------------------------------------------------------------------------- */

static void take_error(struct source *s, const rd_kafka_message_t *m)
{
	static struct log_limit limit;
	uint64_t missed;
	char text[REASON_MAX];
	switch (m->err) {
	case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
	case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE: assign_out_of_range(s, m->partition); return;
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
		if (s->counts[COUNT_REBALANCES])
			break; /* it was there: the brokers' view may change again */
		log_error("topic %s does not exist, or may not be seen", s->topic);
		source_fail(s, ERR_CONFIG);
		return;
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
		log_error("topic %s, group %s: %s", s->topic, s->group, rd_kafka_err2str(m->err));
		source_fail(s, ERR_CONFIG);
		return;
	case RD_KAFKA_RESP_ERR__FATAL:
		rd_kafka_fatal_error(s->rk, text, sizeof text);
		log_error("group %s: %s", s->group, text);
		source_fail(s, ERR_RETRY);
		return;
	default: break;
	}
	if (log_limit(&limit, &missed))
		log_warn("%s partition=%" PRId32 " not_said=%llu", rd_kafka_message_errstr(m),
			m->partition, (unsigned long long)missed);
}

static void passed_over(struct source *s, const rd_kafka_message_t *m, int cause)
{
	static const char *const why[CAUSES] = {
		[COUNT_DAMAGED_FRAME] = "it is not one frame of records",
		[COUNT_BAD_LINE] = "it is not a record's JSON line",
		[COUNT_BAD_PROTO] = "it is not a FlowRecord of goflow.proto",
		[COUNT_EMPTY] = "it is empty",
		[COUNT_TOO_LARGE] = "it is too large",
	};
	static struct log_limit limit;
	uint64_t missed;
	s->counts[cause]++;
	if (log_limit(&limit, &missed))
		log_warn("message passed over: %s partition=%" PRId32 " offset=%" PRId64
			 " not_said=%llu",
			why[cause], m->partition, m->offset, (unsigned long long)missed);
}

static int make_piece(struct source *s, const rd_kafka_message_t *m, struct piece *piece)
{
	if (!m->payload || !m->len)
		return COUNT_EMPTY + 1;
	if (m->len > MESSAGE_MAX)
		return COUNT_TOO_LARGE + 1;
	return s->format->take(s, &s->partitions[m->partition], m, feed_tail(&s->feed), piece);
}

static void take_message(struct source *s, const rd_kafka_message_t *m)
{
	struct partition *p =
		m->partition < s->partition_count ? &s->partitions[m->partition] : NULL;
	struct piece piece;
	if (!p || !p->assigned)
		return; /* of before it went */
	if (m->offset < p->position) {
		assign_backwards(s, m->partition, p->position, m->offset);
		if (s->error)
			return;
	}
	struct flight flight = {
		.next = m->offset + 1, .partition = m->partition, .generation = p->generation};
	p->position = flight.next;
	s->counts[COUNT_READ]++;
	int cause = make_piece(s, m, &piece);
	if (cause) {
		passed_over(s, m, cause - 1);
	} else if (flight_has(s->flights, &piece.id, piece.sequence)) {
		s->counts[COUNT_REPEATED]++;
	} else {
		feed_put(&s->feed, piece.len);
		s->counts[COUNT_RECORDS] += piece.records;
		flight.sent = true;
		flight.id = piece.id;
		flight.sequence = piece.sequence;
	}
	flight.end = s->feed.put;
	flight_add(s, &flight);
}

static bool has_room(const struct source *s)
{
	return feed_room(&s->feed) && flight_room(s->flights);
}

void consume(struct source *s)
{
	rd_kafka_message_t *m = NULL;
	uint64_t events;
	if (read(s->queue_fd, &events, sizeof events) < 0 && errno != EAGAIN)
		source_fail(s, ERR_IO);
	s->more = true;
	for (int i = 0; i < TAKE_MAX && !s->error && (has_room(s) || s->paused); i++) {
		m = rd_kafka_consumer_poll(s->rk, 0);
		if (!m) {
			s->more = false;
			break;
		}
		if (m->err)
			take_error(s, m);
		else
			take_message(s, m);
		rd_kafka_message_destroy(m);
	}
	flight_written(s, s->feed.written);
	if (has_room(s))
		s->full_ns = 0;
	else if (!s->full_ns)
		s->full_ns = monotonic_ns();
}

/* The rest ----------------------------------------------------------------------------------- */

static void pause_all(struct source *s, bool pause)
{
	rd_kafka_topic_partition_list_t *list;
	if (rd_kafka_assignment(s->rk, &list) == 0) {
		if (pause)
			rd_kafka_pause_partitions(s->rk, list);
		else
			rd_kafka_resume_partitions(s->rk, list);
		rd_kafka_topic_partition_list_destroy(list);
	}
	s->paused = pause;
}

void consume_tick(struct source *s)
{
	commit_soon(s);
	ask_whether_back(s);
	if (!s->paused && s->full_ns && monotonic_ns() - s->full_ns >= HOLD_NS)
		pause_all(s, true);
	else if (s->paused && !s->full_ns && flight_count(s->flights) < FLIGHT_FULL / 2)
		pause_all(s, false);
	if (s->paused)
		consume(s);
}

static int set(struct source *s, const char *name, const char *value)
{
	char text[REASON_MAX];
	if (rd_kafka_conf_set(s->conf, name, value, text, sizeof text) == RD_KAFKA_CONF_OK)
		return 0;
	log_error("%s: %s", name, text);
	return ERR_CONFIG;
}

static int join(struct source *s)
{
	char text[REASON_MAX];
	rd_kafka_conf_set_opaque(s->conf, s);
	rd_kafka_conf_set_rebalance_cb(s->conf, assign_rebalance);
	rd_kafka_conf_set_offset_commit_cb(s->conf, commit_report);
	rd_kafka_conf_set_error_cb(s->conf, report_error);
	rd_kafka_conf_set_log_cb(s->conf, report_log);
	s->rk = rd_kafka_new(RD_KAFKA_CONSUMER, s->conf, text, sizeof text);
	if (!s->rk) {
		log_error("the consumer cannot be set up: %s", text);
		return ERR_CONFIG;
	}
	s->conf = NULL; /* the consumer's */
	rd_kafka_poll_set_consumer(s->rk);
	s->queue = rd_kafka_queue_get_consumer(s->rk);
	rd_kafka_queue_io_event_enable(s->queue, s->queue_fd, &(uint64_t){1}, sizeof(uint64_t));
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(list, s->topic, RD_KAFKA_PARTITION_UA);
	rd_kafka_resp_err_t err = rd_kafka_subscribe(s->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	if (err)
		log_error("topic %s: %s", s->topic, rd_kafka_err2str(err));
	return err ? ERR_CONFIG : 0;
}

int consume_open(struct source *s)
{
	/* what is committed, and when, is ours to say; and an offset that is out of range is to be
	 * seen */
	if (set(s, "group.id", s->group) || set(s, "enable.auto.commit", "false") ||
		set(s, "enable.auto.offset.store", "false") || set(s, "auto.offset.reset", "error"))
		return ERR_CONFIG;
	s->queue_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->flights = calloc(1, sizeof *s->flights);
	if (s->queue_fd >= 0 && s->flights)
		return join(s);
	log_error("%s", err_sentence(ERR_MEMORY));
	return ERR_MEMORY;
}

void consume_close(struct source *s)
{
	uint64_t end = monotonic_ns() + CLOSE_NS;
	if (!s->rk)
		return;
	s->closing = true;
	commit_now(s, NULL);
	rd_kafka_error_destroy(rd_kafka_consumer_close_queue(s->rk, s->queue));
	while (!rd_kafka_consumer_closed(s->rk) && monotonic_ns() < end && !s->away) {
		rd_kafka_message_t *m = rd_kafka_consumer_poll(s->rk, SLICE_MS);
		if (m)
			rd_kafka_message_destroy(m);
	}
	bool closed = rd_kafka_consumer_closed(s->rk);
	rd_kafka_queue_destroy(s->queue);
	if (closed) /* else the library would wait for brokers: the process ends instead */
		rd_kafka_destroy(s->rk);
	s->rk = NULL;
}
