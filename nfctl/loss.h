/* loss: where datagrams and records went, from the kernel to the database, and whether it adds up. */
#ifndef NFCTL_LOSS_H
#define NFCTL_LOSS_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

/* Makes a document of a survey of "status": {"pipelines": [{"name", "stages": [{"program", "backend", "ledger",
 * "kernel_drops", "between"}]}], "adds_up"}. Of a running goflow they are its pipelines, with what was counted over
 * all restarts; else all stages that answered are one without a name. between is what the stage in front made and
 * this one has not read: on its way, or lost with a process. The caller owns it. */
json_t *loss_merge(const json_t *docs);

/* A table for each pipeline, and whether all adds up. */
void loss_table(const json_t *merged, FILE *out);

/* What of the datagrams or records is lost to us: dropped for want of room, refused, or lost with a process; but not
 * what cannot be decoded. */
struct loss_share {
	uint64_t datagrams_in, datagrams_lost; /* drops of the kernel included */
	uint64_t records_in, records_lost;
};
struct loss_share loss_share(const json_t *merged);

#endif
