#include "lib/stream.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lib/base.h"
#include "lib/crc32c.h"
#include "lib/err.h"
#include "lib/stream_format.h"

#define SCHEMA_EVERY_FRAMES 64
#define SCHEMA_EVERY_NS     UINT64_C(1000000000)

struct stream_writer {
	struct stream_id id;
	stream_sink *sink;
	void *ctx;
	uint64_t sequence, written, schema_ns;
	unsigned since_schema; /* frames; 0 also before the first */
	bool begun;            /* a schema frame has been written */
	uint32_t records;      /* in the frame begun */
	size_t len;            /* of the frame begun, its header included */
	uint32_t lines;        /* of counters, in the other frame begun */
	size_t lines_len;      /* of that one, its header included */
	bool sharing;          /* the frame holds a shared entry, that of share_id */
	uint64_t share_id;
	uint8_t frame[STREAM_FRAME_MAX];
	uint8_t counters[STREAM_FRAME_MAX];
};

int stream_id_parse(const char *text, struct stream_id *id)
{
	if (strspn(text, "0123456789abcdefABCDEF") < 2 * sizeof id->b)
		return ERR_SYNTAX;
	for (size_t i = 0; i < sizeof id->b; i++) {
		char pair[3] = {text[2 * i], text[2 * i + 1], '\0'};
		id->b[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return 0;
}

struct stream_writer *stream_writer_new(const struct stream_id *id, stream_sink *sink, void *ctx)
{
	struct stream_writer *w = malloc(sizeof *w);
	if (!w)
		return NULL;
	memset(w, 0, offsetof(struct stream_writer, frame));
	w->sink = sink;
	w->ctx = ctx;
	w->len = STREAM_HEADER;
	w->lines_len = STREAM_HEADER;
	if (id)
		w->id = *id;
	else if (getrandom(&w->id, sizeof w->id, 0) != sizeof w->id) {
		free(w);
		return NULL;
	}
	return w;
}

void stream_writer_free(struct stream_writer *w)
{
	free(w);
}

size_t stream_seal(const struct frame *f, uint32_t crc, uint8_t *frame)
{
	struct stream_header h = {
		.mark = STREAM_MARK,
		.version = STREAM_VERSION,
		.kind = f->kind,
		.payload = (uint32_t)f->len,
		.records = f->records,
		.schema = schema_own()->hash,
		.id = f->id,
		.sequence = f->sequence,
	};
	h.crc = crc32c(0, &h, offsetof(struct stream_header, crc));
	memcpy(frame, &h, sizeof h);
	memcpy(frame + STREAM_HEADER + f->len, &crc, sizeof crc);
	return STREAM_HEADER + f->len + STREAM_TRAILER;
}

size_t stream_frame(const struct frame *f, uint8_t *out, size_t cap)
{
	if (f->len > STREAM_PAYLOAD_MAX || f->len + STREAM_HEADER + STREAM_TRAILER > cap)
		return 0;
	memcpy(out + STREAM_HEADER, f->payload, f->len);
	return stream_seal(f, crc32c(0, out + STREAM_HEADER, f->len), out);
}

/* Completes a frame of `len` bytes so far around its payload and hands it to the sink. */
static int send_frame(
	struct stream_writer *w, uint8_t *frame, size_t len, uint8_t kind, uint32_t records)
{
	const struct frame f = {.kind = kind,
		.records = records,
		.id = w->id,
		.sequence = w->sequence,
		.len = len - STREAM_HEADER};
	uint32_t crc = crc32c(0, frame + STREAM_HEADER, f.len);
	return w->sink(w->ctx, frame, stream_seal(&f, crc, frame));
}

static int send_schema(struct stream_writer *w, uint64_t now_ns)
{
	static uint8_t frame[STREAM_HEADER + 64 * 1024 + STREAM_TRAILER];
	const uint8_t *payload;
	size_t len = schema_payload(&payload);
	memcpy(frame + STREAM_HEADER, payload, len);
	w->begun = true;
	w->schema_ns = now_ns;
	w->since_schema = 0;
	return send_frame(w, frame, STREAM_HEADER + len, FRAME_SCHEMA, 0);
}

/* A frame that is counted, behind a schema frame where one is due. */
static int send_numbered(struct stream_writer *w, uint8_t *frame, size_t len, uint8_t kind,
	uint32_t records, uint64_t now_ns)
{
	int err = 0;
	if (!w->begun || w->since_schema >= SCHEMA_EVERY_FRAMES ||
		now_ns - w->schema_ns >= SCHEMA_EVERY_NS)
		err = send_schema(w, now_ns);
	if (!err)
		err = send_frame(w, frame, len, kind, records);
	w->sequence++;
	w->since_schema++;
	return err;
}

static int flush_records(struct stream_writer *w, uint64_t now_ns)
{
	if (!w->records)
		return 0;
	int err = send_numbered(w, w->frame, w->len, FRAME_RECORDS, w->records, now_ns);
	if (!err)
		w->written += w->records;
	w->records = 0;
	w->len = STREAM_HEADER;
	w->sharing = false;
	return err;
}

static int flush_counters(struct stream_writer *w, uint64_t now_ns)
{
	if (!w->lines)
		return 0;
	int err = send_numbered(w, w->counters, w->lines_len, FRAME_COUNTERS, w->lines, now_ns);
	w->lines = 0;
	w->lines_len = STREAM_HEADER;
	return err;
}

int stream_flush(struct stream_writer *w, uint64_t now_ns)
{
	int err = flush_records(w, now_ns);
	return err ? err : flush_counters(w, now_ns);
}

/* Packs a record, and its shared entry where that is not the frame's current one, behind what the
 * frame holds. Returns how much longer the frame is then, 0 if there is no room. */
static size_t pack_into(struct stream_writer *w, const struct record *r)
{
	uint8_t *p = w->frame + w->len;
	size_t room = STREAM_HEADER + STREAM_PAYLOAD_MAX - w->len, shared = 0;
	uint64_t own[FIELD_WORDS];

	if (!w->sharing || w->share_id != r->share_id) {
		shared = record_pack(r, r->shared, ENTRY_SHARED, p, room);
		if (!shared)
			return 0;
	}
	for (unsigned i = 0; i < FIELD_WORDS; i++)
		own[i] = r->present[i] & ~r->shared[i];
	size_t len =
		record_pack(r, own, r->extra_count ? ENTRY_EXTRAS : 0, p + shared, room - shared);
	return len ? shared + len : 0;
}

int stream_put(struct stream_writer *w, const struct record *r, uint64_t now_ns)
{
	size_t len = pack_into(w, r);
	if (!len && w->records) {
		int err = stream_flush(w, now_ns);
		if (err)
			return err;
		len = pack_into(w, r);
	}
	if (!len)
		return ERR_TOO_LARGE;
	w->len += len;
	w->records++;
	w->sharing = true;
	w->share_id = r->share_id;
	if (w->len >= STREAM_FRAME_FULL || w->records >= STREAM_RECORDS_MAX)
		return stream_flush(w, now_ns);
	return 0;
}

int stream_put_counters(struct stream_writer *w, const char *line, size_t len, uint64_t now_ns)
{
	size_t most = STREAM_HEADER + STREAM_PAYLOAD_MAX;
	int err = 0;
	if (len > STREAM_PAYLOAD_MAX)
		return ERR_TOO_LARGE;
	if (w->lines_len + len > most)
		err = flush_counters(w, now_ns);
	memcpy(w->counters + w->lines_len, line, len);
	w->lines_len += len;
	w->lines++;
	if (!err && w->lines_len >= STREAM_FRAME_FULL)
		err = flush_counters(w, now_ns);
	return err;
}

uint32_t stream_pending(const struct stream_writer *w)
{
	return w->records + w->lines;
}

uint64_t stream_written(const struct stream_writer *w)
{
	return w->written;
}
