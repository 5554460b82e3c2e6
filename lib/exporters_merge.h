/* exporters_merge: what receivers and decoders know of each exporter, by address, as one document. */
#ifndef GOFLOW_EXPORTERS_MERGE_H
#define GOFLOW_EXPORTERS_MERGE_H

#include <jansson.h>
#include <stdbool.h>

/* Makes one document of two surveys of "exporters": {"exporters": [one object an address],
 * "omitted": how many more the stages have than they list}. Counts
 * of several stages are added, versions united, of last_seen the latest is taken; what a receiver
 * calls "datagrams" becomes "received". flows_per_s is there where both surveys have the stage.
 * Sorted by flows_per_s, highest first, where `busiest`, else by address. The caller owns it. */
json_t *exporters_merge(const json_t *before, const json_t *now, bool busiest);

#endif
