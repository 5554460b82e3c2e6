/* Several datagrams of a few exporters through the decoder, with bounds small enough to be met;
 * what comes out is packed and written as JSON. An input is a row of datagrams: length (2 bytes),
 * exporter, port, bytes. */
#include <stdlib.h>
#include <string.h>

#include "lib/decode.h"
#include "lib/jsonl.h"
#include "lib/sflow_counters.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct out {
	uint8_t packed[RECORD_PACKED_MAX + 4096];
	char line[JSONL_LINE_MAX];
};

static void emit(void *ctx, const struct record *r)
{
	struct out *o = ctx;
	if (!record_has(r, FIELD_last_switched) || !record_has(r, FIELD_time_source))
		abort();
	if (!record_pack(
		    r, r->present, r->extra_count ? ENTRY_EXTRAS : 0, o->packed, sizeof o->packed))
		abort();
	if (!jsonl_write(r, o->line, sizeof o->line))
		abort();
}

static void count(void *ctx, const struct record *head, struct cursor records, uint32_t n)
{
	size_t room = SFLOW_COUNTERS_ROOM(cursor_left(&records));
	char *text = malloc(room);
	(void)ctx;
	if (!text)
		return;
	if (!record_has(head, FIELD_exporter) ||
		sflow_counters_json(records, n, text) > text + room)
		abort();
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct out out;
	const struct decoder_config config = {.state_max = 64 * 1024,
		.exporter_max = 24 * 1024,
		.wait_max = 8 * 1024,
		.wait_ns = 3 * NS_PER_S,
		.inner = size % 2,
		.split = size / 2 % 2,
		.scale = size / 4 % 2,
		.seed = 1,
		.counters = count};
	struct decoder *d = decoder_new(&config, emit, &out);
	uint64_t now = 1700000000 * NS_PER_S, datagrams = 0;
	if (!d)
		return 0;
	while (size >= 4) {
		size_t len = (size_t)(data[0] << 8 | data[1]);
		len = len < size - 4 ? len : size - 4;
		uint8_t *copy = malloc(len + 1); /* of its own size: a read past it is seen */
		if (!copy)
			break;
		memcpy(copy, data + 4, len);
		struct datagram dg = {
			.received = {now += NS_PER_S / 2, 9},
			.src = ip_from4((const uint8_t[]){192, 0, 2, data[2]}),
			.src_port = data[3],
			.len = (uint32_t)len,
			.sent_len = (uint32_t)len,
			.data = copy,
		};
		decode(d, &dg);
		datagrams++;
		free(copy);
		data += 4 + len;
		size -= 4 + len;
	}
	/* the ledger adds up, whatever came */
	const struct decode_counts *c = decoder_counts(d);
	uint64_t sum = c->decoded + c->waiting;
	for (int i = 0; i < ERR_COUNT; i++)
		sum += c->undecodable[i];
	if (sum != datagrams)
		abort();
	decoder_free(d);
	return 0;
}
