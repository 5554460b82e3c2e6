/* grafana: makes goflow's datasource and dashboards in a Grafana. */
#ifndef GOFLOW_GRAFANA_H
#define GOFLOW_GRAFANA_H

#include <jansson.h>

#include "goflow/config.h"

struct grafana_target {
	const char *server, *key, *directory; /* borrowed */
};

/* Blocks for seconds. *report says what was done; the caller owns it, also on failure. Returns 0 or a negative code. */
int grafana_configure(const struct config *c, const struct grafana_target *t, json_t **report)
	__attribute__((weak));

#endif
