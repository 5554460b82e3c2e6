/* templates: what lib/templates_merge.h made of what is known of templates, as a table. */
#ifndef NFCTL_TEMPLATES_H
#define NFCTL_TEMPLATES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* One line a template; with `names` its fields follow it. */
void templates_table(const json_t *merged, FILE *out, uint64_t now_ns, bool names);

#endif
