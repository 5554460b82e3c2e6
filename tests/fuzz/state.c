/* A saved state read back: nothing in it may crash the decoder, or bring it over its bounds; what
 * was taken is written again and read again. An input is a state behind its header, which is made
 * anew, since a checksum holds up a fuzzer and nobody else; one that begins with the mark is read
 * as it stands too. */
#include "lib/state.h"

#include <stdlib.h>
#include <string.h>

#include "lib/crc32c.h"

#define STATE_MAX (256 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void emit(void *ctx, const struct record *r)
{
	uint64_t *records = ctx;
	if (!record_has(r, FIELD_last_switched))
		abort();
	++*records;
}

static struct decoder *make(uint64_t *records)
{
	const struct decoder_config config = {.state_max = STATE_MAX,
		.exporter_max = 24 * 1024,
		.wait_max = 8 * 1024,
		.wait_ns = NS_PER_S,
		.seed = 1};
	return decoder_new(&config, emit, records);
}

/* Reads it; what was taken comes out as it went in once it has been written. */
static void read_back(const uint8_t *state, size_t size)
{
	uint64_t records = 0, before, after;
	struct decoder *d = make(&records), *again = make(&records);
	struct bytes first = {.at = NULL}, second = {.at = NULL};
	const uint8_t version9[] = {0, 9, 0, 0},
		      template9[] = {0, 9, 0, 1, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0,
			      0, 0, 12, 1, 0, 0, 1, 0, 1, 0, 4};
	if (!d || !again)
		abort();
	int err = state_read(d, state, size);
	struct exporters_usage usage = exporters_usage(decoder_exporters(d));
	if (err && (usage.domains || usage.bytes || decoder_counts(d)->waiting))
		abort();
	if (usage.bytes > STATE_MAX)
		abort();
	if (state_write(d, STATE_WHOLE, &first, &before) ||
		state_read(again, first.at, first.len) ||
		state_write(again, STATE_WHOLE, &second, &after))
		abort();
	if (before != after || first.len != second.len)
		abort();
	/* and it goes on from there */
	struct datagram dg = {.received = {NS_PER_S, 9}, .len = sizeof version9, .data = version9};
	decode(d, &dg);
	dg.data = template9;
	dg.len = dg.sent_len = sizeof template9;
	decode(again, &dg);
	free(first.at);
	free(second.at);
	decoder_free(d);
	decoder_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = {.at = NULL};
	if (size >= STATE_HEADER_SIZE && memcmp(data, "GFSTATE", 8) == 0) {
		read_back(data, size);
		data += STATE_HEADER_SIZE;
		size -= STATE_HEADER_SIZE;
	}
	bytes_put(&b, "GFSTATE", 8);
	bytes_uint(&b, STATE_VERSION, 4);
	bytes_uint(&b, size, 8);
	bytes_uint(&b, crc32c(crc32c(0, b.at, b.len), data, size), 4);
	bytes_put(&b, data, size);
	read_back(b.at, b.len);
	free(b.at);
	return 0;
}
