/* api_backends: the configuration's backends, and how those that store in them are doing. */
#ifndef GOFLOW_API_BACKENDS_H
#define GOFLOW_API_BACKENDS_H

#include <jansson.h>

#include "goflow/config.h"

/* Makes [{name, type, up, stored, waiting, lost, and where they are known stored_per_s and lag_ms}] of api_rows and
 * of the "stages" of status_merge, summed over all pipelines. The caller owns it. */
json_t *api_backends(const struct config *c, const json_t *rows, const json_t *stages);

/* A line for each of them, which is what the first goflow's /status was made of. The caller owns it; NULL: no
 * memory. */
char *api_backends_text(const json_t *backends);

#endif
