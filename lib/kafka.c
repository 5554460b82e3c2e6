#include "lib/kafka.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/kafka_secret.h"
#include "lib/log.h"

#define NAME_ROOM  128
#define REASON_MAX 512

rd_kafka_conf_t *kafka_conf(const char *const begin[][2], size_t count)
{
	char text[REASON_MAX];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	if (!conf)
		log_error("%s", err_sentence(ERR_MEMORY));
	for (size_t i = 0; conf && i < count; i++)
		rd_kafka_conf_set(conf, begin[i][0], begin[i][1], text, sizeof text);
	return conf;
}

int kafka_property(rd_kafka_conf_t *conf, const char *arg)
{
	char name[NAME_ROOM], text[REASON_MAX];
	size_t len = strcspn(arg, "=");
	if (!arg[len] || len == 0 || len >= sizeof name) {
		/* it may be a secret all the same */
		log_error("option -X: expected NAME=VALUE, a property of librdkafka");
		return ERR_SYNTAX;
	}
	memcpy(name, arg, len);
	name[len] = 0;
	const char *variable = kafka_secret_variable(name);
	if (variable) {
		log_error("option -X: %s is a secret, which others could read here: give it in "
			  "the environment, as %s",
			name, variable);
		return ERR_SYNTAX;
	}
	if (rd_kafka_conf_set(conf, name, arg + len + 1, text, sizeof text) == RD_KAFKA_CONF_OK)
		return 0;
	log_error("option -X %s: %s", name, text);
	return ERR_SYNTAX;
}

/* A property of ours, whose value is never part of a message. */
static int set(rd_kafka_conf_t *conf, const char *property, const char *value, const char *variable)
{
	char text[REASON_MAX];
	if (rd_kafka_conf_set(conf, property, value, text, sizeof text) == RD_KAFKA_CONF_OK)
		return 0;
	log_error("%s: it is not taken as %s", variable, property);
	return ERR_SYNTAX;
}

/* A switch of the environment: 1, 0, or -1 where it is not set; ERR_SYNTAX after a log line. */
static int switch_of(const char *variable, int *out)
{
	static const char *const words[] = {
		"1", "0", "true", "false", "t", "f", "yes", "no", "on", "off"};
	const char *value = getenv(variable);
	*out = -1;
	if (!value || !*value)
		return 0;
	for (size_t i = 0; i < LEN(words) && *out < 0; i++)
		if (strcasecmp(value, words[i]) == 0)
			*out = i % 2 == 0;
	if (*out >= 0)
		return 0;
	log_error("environment %s: found \"%s\", expected true or false", variable, value);
	return ERR_SYNTAX;
}

static const char *property(rd_kafka_conf_t *conf, const char *name, char *out, size_t room)
{
	if (rd_kafka_conf_get(conf, name, out, &room) != RD_KAFKA_CONF_OK)
		*out = 0;
	return out;
}

/* security.protocol, out of what the environment says and -X said before. */
static int set_protocol(rd_kafka_conf_t *conf, int ssl)
{
	char now[NAME_ROOM];
	const char *user = getenv("SASL_USER");
	property(conf, "security.protocol", now, sizeof now);
	bool tls = ssl >= 0 ? ssl : strcasestr(now, "ssl") != NULL;
	bool sasl = (user && *user) || strncasecmp(now, "sasl", 4) == 0;
	if (sasl && !tls)
		log_warn("the connection is not encrypted, and a password may go over it: see SSL");
	return set(conf, "security.protocol",
		sasl ? (tls ? "sasl_ssl" : "sasl_plaintext") : (tls ? "ssl" : "plaintext"), "SSL");
}

static int set_secrets(rd_kafka_conf_t *conf)
{
	const char *user = getenv("SASL_USER");
	int err = user && *user ? set(conf, "sasl.username", user, "SASL_USER") : 0;
	for (size_t i = 0; i < kafka_secret_count && !err; i++) {
		const char *value = getenv(kafka_secrets[i].variable);
		if (value && *value)
			err = set(
				conf, kafka_secrets[i].property, value, kafka_secrets[i].variable);
	}
	return err;
}

static const char *from_environment(const char *given, const char *variable)
{
	const char *value = getenv(variable);
	if (!value || !*value)
		return given;
	if (given && strcmp(given, value) != 0)
		log_info("%s of the environment wins over the option %s=%s", variable, variable,
			value);
	return value;
}

int kafka_environment(rd_kafka_conf_t *conf, const char **brokers, const char **topic)
{
	int ssl, verify;
	*brokers = from_environment(*brokers, "KAFKA_SERVER");
	*topic = from_environment(*topic, "KAFKA_TOPIC");
	if (!*brokers)
		*brokers = "localhost:9092";
	if (!*topic)
		*topic = "goflow";
	if (switch_of("SSL", &ssl) || switch_of("SSL_VERIFY", &verify))
		return ERR_SYNTAX;
	if (set(conf, "bootstrap.servers", *brokers, "brokers") || set_protocol(conf, ssl) ||
		set_secrets(conf))
		return ERR_SYNTAX;
	if (verify < 0)
		return 0;
	if (!verify)
		log_warn("SSL_VERIFY is off: the brokers' certificates are not checked");
	return set(conf, "enable.ssl.certificate.verification", verify ? "true" : "false",
		"SSL_VERIFY");
}
