/* kafka_secret: which properties of librdkafka are secrets. */
#ifndef GOFLOW_KAFKA_SECRET_H
#define GOFLOW_KAFKA_SECRET_H

#include <stddef.h>

struct kafka_secret {
	const char *property, *variable; /* the variable of the environment that it is taken from */
};

extern const struct kafka_secret kafka_secrets[];
extern const size_t kafka_secret_count;

/* The variable of a property; NULL: it is no secret. Static. */
const char *kafka_secret_variable(const char *property);

#endif
