/* exporters: what receivers and decoders know of each exporter, by address. */
#ifndef NFCTL_EXPORTERS_H
#define NFCTL_EXPORTERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Makes one document of two surveys of "exporters": {"exporters": [one object an address],
 * "omitted": how many more the stages have than they list}. Counts
 * of several stages are added, versions united, of last_seen the latest is taken; what a receiver
 * calls "datagrams" becomes "received". flows_per_s is there where both surveys have the stage.
 * Sorted by flows_per_s, highest first, where `busiest`, else by address. The caller owns it. */
json_t *exporters_merge(const json_t *before, const json_t *now, bool busiest);

/* One line an exporter, at most rows_max lines; the last one then says how many more there are. `brief` is for
 * 80 columns: what matters most stands first, since lines are cut, and titles are bold. */
void exporters_table(const json_t *merged, FILE *out, uint64_t now_ns, bool brief, size_t rows_max);

#endif
