#include "lib/decode.h"

#include <stdlib.h>

#include "lib/base.h"
#include "lib/late.h"
#include "lib/message.h"

/* A new protocol is one row. */
static const struct {
	uint16_t version;
	int (*decode)(struct decoder *d, const struct datagram *dg, struct cursor c);
} protocols[] = {
	{0, sflow_decode},
	{1, netflow1_decode},
	{5, netflow5_decode},
	{7, netflow7_decode},
	{9, netflow9_decode},
	{10, ipfix_decode},
};

struct decoder *decoder_new(const struct decoder_config *config, decode_emit *emit, void *ctx)
{
	struct decoder *d = calloc(1, sizeof *d);
	if (!d)
		return NULL;
	d->emit = emit;
	d->emit_ctx = ctx;
	d->inner = config->inner;
	d->counters = config->counters;
	d->scale = config->scale;
	d->split = config->split;
	d->exporters = exporters_new(&(struct exporters_config){
		.limit = config->state_max - config->wait_max,
		.exporter_max = config->exporter_max,
		.lifetime_ns = config->lifetime_ns,
		.seed = config->seed,
		.file = config->exporters,
	});
	d->late = late_new(config->wait_max, config->wait_ns, config->seed);
	int err = netflow_fixed_new(d->fixed);
	d->record.extras =
		malloc((RECORD_EXTRAS_MAX + LISTS_TEMPLATES_MAX) * sizeof *d->record.extras);
	if (!d->exporters || !d->late || err || !d->record.extras) {
		decoder_free(d);
		return NULL;
	}
	return d;
}

void decoder_free(struct decoder *d)
{
	if (!d)
		return;
	late_free(d->late);
	exporters_free(d->exporters);
	netflow_fixed_free(d->fixed);
	free(d->record.extras);
	free(d);
}

const struct decode_counts *decoder_counts(const struct decoder *d)
{
	return &d->counts;
}

const struct exporters *decoder_exporters(const struct decoder *d)
{
	return d->exporters;
}

void decoder_set_trace(struct decoder *d, const struct decode_trace *trace)
{
	d->trace = trace;
}

static int by_version(
	struct decoder *d, const struct datagram *dg, uint16_t version, struct cursor c)
{
	for (size_t i = 0; i < LEN(protocols); i++)
		if (protocols[i].version == version)
			return protocols[i].decode(d, dg, c);
	return message_refuse(d, dg, version, ERR_VERSION);
}

int decode(struct decoder *d, const struct datagram *dg)
{
	struct cursor c = cursor_over(dg->data, dg->len);
	uint16_t version = cursor_u16(&c);
	late_expire(d, dg->received.ns);
	int err = cursor_ok(&c) ? by_version(d, dg, version, c)
				: message_refuse(
					  d, dg, 0, dg->truncated ? ERR_TRUNCATED : ERR_BAD_HEADER);
	if (err < 0)
		d->counts.undecodable[-err]++;
	else if (err == 0)
		d->counts.decoded++;
	return err;
}
