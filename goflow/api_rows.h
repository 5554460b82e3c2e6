/* api_rows: the stages as metrics count them, each once, restarts or not. */
#ifndef GOFLOW_API_ROWS_H
#define GOFLOW_API_ROWS_H

#include <jansson.h>

/* Of a survey of "status" makes [{program, pipeline, backend ("" where there is none), up (0 or 1), in, out,
 * waiting, lost {cause: n}, others {counter: n}, and where they are known starts and lag_ms (0 where nothing
 * waits)}], each of the three names once: stages that have the same ones are added up. Where a supervisor answers,
 * its counts are taken for the stages that it keeps, since they outlive a restart. The caller owns it. */
json_t *api_rows(const json_t *docs);

#endif
