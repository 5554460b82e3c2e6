/* templates_merge: what decoders know of the exporters' templates, as one document. */
#ifndef GOFLOW_TEMPLATES_MERGE_H
#define GOFLOW_TEMPLATES_MERGE_H

#include <jansson.h>

/* Makes one document of a survey of "templates": {"templates": [...], "omitted": how many more the stages have
 * than they list}, sorted by exporter, port, version, domain and id. The caller owns it. */
json_t *templates_merge(const json_t *now);

#endif
