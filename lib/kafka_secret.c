#include "lib/kafka_secret.h"

#include <string.h>

#include "lib/base.h"

const struct kafka_secret kafka_secrets[] = {
	{"sasl.password", "SASL_PASSWORD"},
	{"ssl.key.password", "SSL_KEY_PASSWORD"},
	{"ssl.key.pem", "SSL_KEY_PEM"},
	{"ssl.keystore.password", "SSL_KEYSTORE_PASSWORD"},
	{"sasl.oauthbearer.client.secret", "SASL_OAUTHBEARER_CLIENT_SECRET"},
};

const size_t kafka_secret_count = LEN(kafka_secrets);

const char *kafka_secret_variable(const char *property)
{
	for (size_t i = 0; i < LEN(kafka_secrets); i++)
		if (strcmp(property, kafka_secrets[i].property) == 0)
			return kafka_secrets[i].variable;
	return NULL;
}
