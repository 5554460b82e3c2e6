/* What nftee tells about itself: its own counters, and how each reader keeps up. */
#include "nftee/nftee.h"

#include <string.h>

#include "lib/counters.h"

_Static_assert(COUNTERS <= COUNTERS_MAX, "see counters.h");

static const struct counter counters[COUNTERS] = {
	[COUNT_READ] = {"read", COUNTER_IN, "records read"},
	[COUNT_PASSED] = {"passed", COUNTER_OUT, "records put into the queue of every output"},
	[COUNT_DROPPED] = {"dropped", COUNTER_LOST,
		"records that one output or more had no room for, or was closed to"},
	[COUNT_NOT_PASSED] = {"not_passed", COUNTER_LOST, "records in hand when it was stopped"},
	[COUNT_FRAMES] = {"frames", COUNTER_INFO, "frames of records read"},
	[COUNT_DAMAGED_FRAMES] = {"damaged_frames", COUNTER_INFO, "frames given up as damaged"},
	[COUNT_DAMAGED_RECORDS] = {"damaged_records", COUNTER_INFO,
		"records of the damaged frames, as far as known"},
	[COUNT_SKIPPED_BYTES] = {"skipped_bytes", COUNTER_INFO,
		"bytes passed over to find a frame"},
};

static void refresh(void *self)
{
	struct nftee *n = self;
	const struct stream_counts *c = stream_counts(n->reader);
	n->counts[COUNT_FRAMES] = c->frames;
	n->counts[COUNT_DAMAGED_FRAMES] = c->damaged;
	n->counts[COUNT_DAMAGED_RECORDS] = c->lost_records;
	n->counts[COUNT_SKIPPED_BYTES] = c->skipped_bytes;
}

static json_t *output_row(const struct output *o)
{
	json_t *row = json_pack("{s:s, s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:I}", "path", o->path,
		"blocks", o->blocks, "closed", o->closed, "offered", (json_int_t)o->offered, "made",
		(json_int_t)o->written, "waiting", (json_int_t)(o->closed ? 0 : o->ring.held),
		"dropped", (json_int_t)o->dropped, "dropped_frames", (json_int_t)o->dropped_frames,
		"unwritten", (json_int_t)o->unwritten);
	if (!o->closed)
		stats_add_pipe(row, "output", o->out.fd);
	return row;
}

static bool report(void *self, const char *request, json_t *doc)
{
	const struct nftee *n = self;
	if (strcmp(request, "status") != 0)
		return false;
	json_t *rows = json_array();
	for (size_t i = 0; i < n->count; i++)
		json_array_append_new(rows, output_row(&n->outputs[i]));
	json_object_set_new(doc, "outputs", rows);
	return true;
}

void report_source(struct nftee *n, struct stats_source *source)
{
	*source = (struct stats_source){
		.program = "nftee",
		.ledger_unit = "records",
		.counters = counters,
		.values = n->counts,
		.count = COUNTERS,
		.report = report,
		.refresh = refresh,
		.self = n,
	};
}
