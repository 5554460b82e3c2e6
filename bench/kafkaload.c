/* kafkaload BROKERS FROM TO: a producer with nothing to do but to hand messages to librdkafka.
 * Reads all messages of the topic FROM into memory, and prints the seconds that it takes from the
 * first one handed over to the last delivery report of TO, with the properties that nfsink-kafka
 * begins with. */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAIT_MS 10000

struct messages {
	rd_kafka_message_t **all;
	size_t count, room;
};

static size_t failed;

static void must(int ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "kafkaload: %s\n", what);
		exit(74);
	}
}

static rd_kafka_conf_t *conf_of(const char *const properties[][2])
{
	char text[512];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	for (; properties[0][0]; properties++)
		must(rd_kafka_conf_set(conf, properties[0][0], properties[0][1], text,
			     sizeof text) == RD_KAFKA_CONF_OK,
			text);
	return conf;
}

static void add(struct messages *m, rd_kafka_message_t *message)
{
	if (m->count == m->room) {
		m->room = m->room ? 2 * m->room : 65536;
		m->all = realloc(m->all, m->room * sizeof *m->all);
		must(m->all != NULL, "out of memory");
	}
	m->all[m->count++] = message;
}

static rd_kafka_t *client(rd_kafka_type_t type, rd_kafka_conf_t *conf)
{
	char text[512];
	rd_kafka_t *rk = rd_kafka_new(type, conf, text, sizeof text);
	must(rk != NULL, text);
	return rk;
}

/* All messages of the topic's only partition. The consumer is left open: they belong to it. */
static void read_all(const char *brokers, const char *topic, struct messages *m)
{
	const char *const properties[][2] = {{"bootstrap.servers", brokers}, {"group.id", "bench"},
		{"enable.auto.commit", "false"}, {NULL, NULL}};
	rd_kafka_t *rk = client(RD_KAFKA_CONSUMER, conf_of(properties));
	rd_kafka_topic_partition_list_t *from = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(from, topic, 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
	int64_t low, high;
	must(!rd_kafka_query_watermark_offsets(rk, topic, 0, &low, &high, WAIT_MS) && high > low,
		"the topic is empty");
	rd_kafka_poll_set_consumer(rk);
	must(!rd_kafka_assign(rk, from), "the topic cannot be read");
	while (m->count < (size_t)(high - low)) {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, WAIT_MS);
		must(message != NULL, "no message comes");
		must(!message->err, rd_kafka_message_errstr(message));
		add(m, message);
	}
	rd_kafka_topic_partition_list_destroy(from);
}

static void report(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
	(void)rk;
	(void)opaque;
	failed += message->err != 0;
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The same message to another topic. Returns whether the queue had room. */
static int produce(rd_kafka_t *rk, rd_kafka_topic_t *to, const rd_kafka_message_t *message)
{
	rd_kafka_headers_t *theirs = NULL, *headers = NULL;
	rd_kafka_timestamp_type_t type;
	if (!rd_kafka_message_headers(message, &theirs))
		headers = rd_kafka_headers_copy(theirs);
	rd_kafka_vu_t v[] = {
		{.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = to},
		{.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {message->payload, message->len}},
		{.vtype = RD_KAFKA_VTYPE_TIMESTAMP,
			.u.i64 = rd_kafka_message_timestamp(message, &type)},
		{.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
	};
	rd_kafka_error_t *error =
		rd_kafka_produceva(rk, v, sizeof v / sizeof v[0] - (headers ? 0 : 1));
	if (!error)
		return 1;
	must(rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__QUEUE_FULL,
		rd_kafka_error_string(error));
	rd_kafka_error_destroy(error);
	if (headers)
		rd_kafka_headers_destroy(headers);
	return 0;
}

static double produce_all(const char *brokers, const char *topic, const struct messages *m)
{
	const char *const properties[][2] = {{"bootstrap.servers", brokers},
		{"enable.idempotence", "true"}, {"compression.codec", "lz4"},
		{"queue.buffering.max.kbytes", "65536"}, {NULL, NULL}};
	rd_kafka_conf_t *conf = conf_of(properties);
	rd_kafka_conf_set_dr_msg_cb(conf, report);
	rd_kafka_t *rk = client(RD_KAFKA_PRODUCER, conf);
	rd_kafka_topic_t *to = rd_kafka_topic_new(rk, topic, NULL);
	const struct rd_kafka_metadata *known;
	must(!rd_kafka_metadata(rk, 0, to, &known, WAIT_MS), "the topic is not there");
	rd_kafka_metadata_destroy(known);
	double begun = now();
	for (size_t i = 0; i < m->count; i++) {
		while (!produce(rk, to, m->all[i]))
			rd_kafka_poll(rk, 10);
		if (i % 512 == 0)
			rd_kafka_poll(rk, 0);
	}
	must(!rd_kafka_flush(rk, 60000) && !failed, "not all was delivered");
	double took = now() - begun;
	rd_kafka_topic_destroy(to);
	rd_kafka_destroy(rk);
	return took;
}

int main(int argc, char **argv)
{
	struct messages m = {0};
	must(argc == 4, "usage: kafkaload BROKERS FROM TO");
	read_all(argv[1], argv[2], &m);
	printf("%.3f %zu\n", produce_all(argv[1], argv[3], &m), m.count);
	return 0;
}
