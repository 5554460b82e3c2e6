/* nfsink-kafka: writes flow records to a topic of Apache Kafka. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/kafka.h"
#include "lib/log.h"
#include "nfsink-kafka/nfsink_kafka.h"

enum { OPT_FORMAT = 256, OPT_KEY, OPT_CREATE };

static const struct opt options[] = {
	{'b', "brokers", "HOST[:PORT],...",
		"brokers to begin with; or KAFKA_SERVER (localhost:9092)"},
	{'t', "topic", "NAME", "the topic; or KAFKA_TOPIC (goflow)"},
	{OPT_FORMAT, "format", "FORMAT", "of messages: json, binary, protobuf, ... (json)"},
	{OPT_KEY, "key", "none|exporter|FIELD,...", "the messages' key (none)"},
	{'X', "property", "NAME=VALUE", "a property of librdkafka (repeatable)"},
	{OPT_CREATE, "create-topic", "PARTITIONS:REPLICAS", "make the topic where it is missing"},
};

static int set_format(struct kafka_sink *s, const char *arg)
{
	s->format = format_find(arg);
	if (s->format)
		return 0;
	log_error("option --format: found \"%s\", expected %s", arg, format_names);
	return ERR_SYNTAX;
}

static int set_create(struct kafka_sink *s, const char *arg)
{
	char partitions[16];
	uint64_t p, r;
	size_t len = strcspn(arg, ":");
	if (!arg[len] || len >= sizeof partitions) {
		log_error(
			"option --create-topic: found \"%s\", expected PARTITIONS:REPLICAS, as 6:3",
			arg);
		return ERR_SYNTAX;
	}
	memcpy(partitions, arg, len);
	partitions[len] = 0;
	if (opt_number("create-topic", partitions, 1, 100000, &p) ||
		opt_number("create-topic", arg + len + 1, 1, 1000, &r))
		return ERR_SYNTAX;
	s->partitions = (int)p;
	s->replicas = (int)r;
	return 0;
}

static int option(void *self, int id, const char *arg)
{
	struct kafka_sink *s = self;
	switch (id) {
	case 'b': s->brokers = arg; return 0;
	case 't': s->topic = arg; return 0;
	case 'X': return kafka_property(s->conf, arg);
	case OPT_FORMAT: return set_format(s, arg);
	case OPT_KEY: return key_option(s, arg);
	default: return set_create(s, arg);
	}
}

static int configured(void *self)
{
	struct kafka_sink *s = self;
	if (s->format->frame && s->key_count && (s->key_count > 1 || s->key[0] != FIELD_exporter)) {
		log_error("option --key: found fields of a record, expected none or exporter with "
			  "--format binary, whose messages hold many records");
		return ERR_SYNTAX;
	}
	if (getrandom(&s->own_id, sizeof s->own_id, 0) != sizeof s->own_id) {
		log_error("no random number for the stream: %m");
		return ERR_SYNTAX;
	}
	return kafka_environment(s->conf, &s->brokers, &s->topic);
}

static const char *why(void *connection)
{
	return ((struct kafka_conn *)connection)->why;
}

static void status(void *self, json_t *doc)
{
	struct kafka_sink *s = self;
	json_t *o = json_object(), *refused = json_object();
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->cause_count; i++)
		json_object_set_new(refused, rd_kafka_err2name(s->causes[i].err),
			json_integer((json_int_t)s->causes[i].records));
	json_object_set_new(o, "messages", json_integer((json_int_t)s->messages));
	json_object_set_new(o, "new_producers", json_integer((json_int_t)s->producers));
	pthread_mutex_unlock(&s->lock);
	json_object_set_new(o, "brokers", json_string(s->brokers));
	json_object_set_new(o, "topic", json_string(s->topic));
	json_object_set_new(o, "format", json_string(s->format->name));
	json_object_set_new(o, "refused", refused);
	json_object_set_new(doc, "kafka", o);
}

static const struct sink_ops ops = {
	.program = "nfsink-kafka",
	.usage = "[-b HOST[:PORT]] [-t TOPIC] [--format FORMAT] [options] < flow-stream",
	.about = "Writes flow records, from a flow stream or JSON lines, to a topic of Apache "
		 "Kafka.",
	.options = options,
	.option_count = LEN(options),
	.connections = 2,
	.option = option,
	.configured = configured,
	.frame_room = binary_room,
	.connection_new = producer_conn_new,
	.connection_free = producer_conn_free,
	.open = producer_open,
	.store = store_batch,
	.close = producer_close,
	.why = why,
	.status = status,
};

static const char *const defaults[][2] = {
	{"client.id", "nfsink-kafka"},
	{"enable.idempotence", "true"}, /* with it acks=all */
	{"message.timeout.ms", "0"}, /* a message waits for ever: the loop gives up, by --retry */
	{"compression.codec", "lz4"},
	{"queue.buffering.max.kbytes", "65536"},
	{"sasl.mechanisms", "PLAIN"},
};

int main(int argc, char **argv)
{
	static struct kafka_sink s = {.lock = PTHREAD_MUTEX_INITIALIZER};
	log_init("nfsink-kafka");
	s.format = format_find("json");
	s.conf = kafka_conf(defaults, LEN(defaults));
	if (!s.conf)
		return EXIT_IO;
	int code = sink_main(&ops, &s, argc, argv);
	rd_kafka_conf_destroy(s.conf);
	return code;
}
