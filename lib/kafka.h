/* kafka: the properties of librdkafka as programs take them: what they begin with, -X, and the
 * environment. */
#ifndef GOFLOW_KAFKA_H
#define GOFLOW_KAFKA_H

#include <librdkafka/rdkafka.h>
#include <stddef.h>

/* Properties to begin with, name and value each; sasl.mechanisms PLAIN belongs to them. The caller
 * owns what is returned. NULL: no memory, after a log line. */
rd_kafka_conf_t *kafka_conf(const char *const begin[][2], size_t count);

/* -X: "name=value"; a property that is a secret is refused, with the variable of the environment
 * that takes it. Returns 0, or ERR_SYNTAX after a log line. */
int kafka_property(rd_kafka_conf_t *conf, const char *arg);

/* Takes KAFKA_SERVER, KAFKA_TOPIC, SSL, SSL_VERIFY, SASL_USER and the secrets into account, after
 * -X. *brokers and *topic are what options gave (NULL: nothing), and become what counts. Returns 0,
 * or ERR_SYNTAX after a log line. */
int kafka_environment(rd_kafka_conf_t *conf, const char **brokers, const char **topic);

#endif
