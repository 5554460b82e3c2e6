/* A flow stream, damaged in any way, through the reader; a record that is read packs and reads
 * again equal. Frames with right checksums are made of the input too, so that what is behind them
 * is reached. */
#include <stdlib.h>
#include <string.h>

#include "lib/crc32c.h"
#include "lib/stream.h"
#include "lib/stream_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t packed[RECORD_PACKED_MAX + 4096];

static void again(const struct record *r, struct record *copy)
{
	unsigned flags;
	uint64_t unknown = 0;
	size_t len = record_pack(
		r, r->present, r->extra_count ? ENTRY_EXTRAS : 0, packed, sizeof packed);
	memset(copy->shared, 0, sizeof copy->shared);
	if (!len ||
		record_unpack(schema_own(), packed, len, copy, EXTRAS_MAX, &flags, &unknown) != 0 ||
		!record_equal(r, copy))
		abort();
}

static void read_all(struct stream_reader *r, const uint8_t *data, size_t size)
{
	static struct record record, copy;
	struct frame f;
	if (!record.extras && (record_init(&record) != 0 || record_init(&copy) != 0))
		abort();
	for (bool last = false;; last = true) {
		while (stream_next(r, &f, last) > 0) {
			struct frame_iter it;
			frame_begin(&it, &f, &record);
			while (frame_next(&it, &record) > 0)
				again(&record, &copy);
		}
		if (last)
			return;
		size_t room;
		void *to = stream_room(r, &room);
		size_t n = size < room ? size : room;
		memcpy(to, data, n);
		stream_filled(r, n);
	}
}

/* The input as the payload of a frame whose checksums hold; its first byte says of which kind. */
static size_t frame_of(const uint8_t *data, size_t size, uint8_t *out)
{
	struct stream_header h = {.mark = STREAM_MARK,
		.version = STREAM_VERSION,
		.kind = data[0] & 1 ? FRAME_RECORDS : FRAME_SCHEMA,
		.payload = (uint32_t)size - 1,
		.records = 1,
		.schema = schema_own()->hash};
	h.crc = crc32c(0, &h, offsetof(struct stream_header, crc));
	uint32_t crc = crc32c(0, data + 1, size - 1);
	memcpy(out, &h, sizeof h);
	memcpy(out + sizeof h, data + 1, size - 1);
	memcpy(out + sizeof h + size - 1, &crc, sizeof crc);
	return sizeof h + size - 1 + sizeof crc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t frame[STREAM_FRAME_MAX];
	struct stream_reader *r = stream_reader_new();
	if (!r || size > 65536) {
		stream_reader_free(r);
		return 0;
	}
	read_all(r, data, size);
	if (size > 1)
		read_all(r, frame, frame_of(data, size, frame));
	stream_reader_free(r);
	return 0;
}
