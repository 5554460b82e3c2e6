/* exporters: what lib/exporters_merge.h made of what is known of each exporter, as a table. */
#ifndef NFCTL_EXPORTERS_H
#define NFCTL_EXPORTERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* One line an exporter, at most rows_max lines; the last one then says how many more there are. `brief` is for
 * 80 columns: what matters most stands first, since lines are cut, and titles are bold. */
void exporters_table(const json_t *merged, FILE *out, uint64_t now_ns, bool brief, size_t rows_max);

#endif
