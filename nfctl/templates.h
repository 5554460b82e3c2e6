/* templates: what decoders know of the exporters' templates. */
#ifndef NFCTL_TEMPLATES_H
#define NFCTL_TEMPLATES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Makes one document of a survey of "templates": {"templates": [...], "omitted": how many more the stages have
 * than they list}, sorted by exporter, port, version, domain and id. The caller owns it. */
json_t *templates_merge(const json_t *now);

/* One line a template; with `names` its fields follow it. */
void templates_table(const json_t *merged, FILE *out, uint64_t now_ns, bool names);

#endif
