/* status_merge: the stages' counters as one document. */
#ifndef GOFLOW_STATUS_MERGE_H
#define GOFLOW_STATUS_MERGE_H

#include <jansson.h>

/* Makes one document of two surveys of "status": {"stages": [each stage's document, with rates {in, out}
 * per second where both surveys have it, and gap], "links": [{from, to (socket paths), made, read}],
 * "adds_up": bool}. A link is a pipe that two of the stages share. Stages stand in the order of their
 * pipelines. The caller owns it; the surveys stay the caller's. */
json_t *status_merge(const json_t *before, const json_t *now);

#endif
