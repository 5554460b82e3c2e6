/* The reading half of stream.h. */
#include <stdlib.h>
#include <string.h>

#include "lib/base.h"
#include "lib/crc32c.h"
#include "lib/err.h"
#include "lib/stream_format.h"

#define BUFFER      (2 * STREAM_FRAME_MAX)
#define SCHEMAS_MAX 8 /* remembered; the oldest is overwritten */

struct stream_reader {
	struct stream_counts counts;
	size_t pos, len; /* of buf: where the next frame is looked for, and what is filled */
	bool counters;   /* frames of counters are handed out too */
	bool all;        /* and those of every kind */
	bool numbered;   /* id and next hold */
	struct stream_id id;
	uint64_t next; /* the sequence number expected */
	struct schema schemas[SCHEMAS_MAX];
	unsigned schema_count; /* ever seen; the slot is that modulo SCHEMAS_MAX */
	uint8_t buf[BUFFER];
};

struct stream_reader *stream_reader_new(void)
{
	struct stream_reader *r = malloc(sizeof *r);
	if (r)
		memset(r, 0, offsetof(struct stream_reader, buf));
	return r;
}

void stream_reader_free(struct stream_reader *r)
{
	free(r);
}

const struct stream_counts *stream_counts(const struct stream_reader *r)
{
	return &r->counts;
}

void *stream_room(struct stream_reader *r, size_t *room)
{
	/* what is left is less than a frame, or stream_next would have taken it */
	if (r->pos) {
		memmove(r->buf, r->buf + r->pos, r->len - r->pos);
		r->len -= r->pos;
		r->pos = 0;
	}
	*room = BUFFER - r->len;
	return r->buf + r->len;
}

void stream_filled(struct stream_reader *r, size_t n)
{
	r->len += n;
}

void stream_read_counters(struct stream_reader *r)
{
	r->counters = true;
}

void stream_read_all(struct stream_reader *r)
{
	r->all = true;
}

const uint8_t *stream_frame_bytes(const struct frame *f, size_t *len)
{
	*len = STREAM_HEADER + f->len + STREAM_TRAILER;
	return f->payload - STREAM_HEADER;
}

static void skip(struct stream_reader *r, size_t n)
{
	r->pos += n;
	r->counts.skipped_bytes += n;
}

/* Moves to the next mark whose header holds. Returns whether there is one with its whole header. */
static bool find_header(struct stream_reader *r, struct stream_header *h)
{
	static const uint8_t mark[4] = {0x8e, 'N', 'F', 'S'};
	for (;;) {
		const uint8_t *p = r->buf + r->pos;
		size_t left = r->len - r->pos;
		const uint8_t *at = memmem(p, left, mark, sizeof mark);
		if (!at) { /* all but what may be the beginning of a mark is garbage */
			skip(r, left < sizeof mark ? 0 : left - (sizeof mark - 1));
			return false;
		}
		skip(r, (size_t)(at - p));
		if (r->len - r->pos < STREAM_HEADER)
			return false;
		memcpy(h, at, sizeof *h);
		if (h->crc == crc32c(0, at, offsetof(struct stream_header, crc)) &&
			h->version == STREAM_VERSION && h->payload <= STREAM_PAYLOAD_MAX)
			return true;
		skip(r, 1);
	}
}

static const struct schema *schema_of(const struct stream_reader *r, uint64_t hash)
{
	if (hash == schema_own()->hash)
		return schema_own();
	for (unsigned i = 0; i < SCHEMAS_MAX && i < r->schema_count; i++)
		if (r->schemas[i].hash == hash)
			return &r->schemas[i];
	return NULL;
}

static void learn_schema(
	struct stream_reader *r, const struct stream_header *h, const uint8_t *payload)
{
	if (schema_of(r, h->schema))
		return;
	struct schema *slot = &r->schemas[r->schema_count % SCHEMAS_MAX];
	if (schema_parse(payload, h->payload, slot) == 0 && slot->hash == h->schema)
		r->schema_count++;
	else
		*slot = (struct schema){0};
}

/* Counts the frames that the sequence numbers say are missing between the last one and this. */
static void count_missing(struct stream_reader *r, const struct stream_header *h)
{
	bool same = r->numbered && memcmp(&r->id, &h->id, sizeof r->id) == 0;
	if (same && h->sequence > r->next)
		r->counts.missing += h->sequence - r->next;
	r->numbered = true;
	r->id = h->id;
	r->next = h->sequence + 1;
}

/* How many records a frame holds, by its header. */
static uint32_t records_of(const struct stream_header *h)
{
	return h->kind == FRAME_RECORDS ? h->records : 0;
}

/* A whole frame with its checksum holding: true if it is one to hand out. */
static bool take_frame(struct stream_reader *r, const struct stream_header *h,
	const uint8_t *payload, uint32_t crc, struct frame *f)
{
	bool is_schema = h->kind == FRAME_SCHEMA, is_counters = h->kind == FRAME_COUNTERS;
	if (is_schema)
		learn_schema(r, h, payload);
	else
		count_missing(r, h);
	r->counts.counters += is_counters ? h->records : 0;
	if (h->kind != FRAME_RECORDS && !(is_counters && r->counters) && !r->all)
		return false;
	*f = (struct frame){
		.kind = h->kind,
		.numbered = !is_schema,
		.id = h->id,
		.sequence = h->sequence,
		.records = records_of(h),
		.payload = payload,
		.len = h->payload,
		.crc = crc,
		.schema = is_counters ? schema_own() : schema_of(r, h->schema),
	};
	if (!f->schema && !r->all) {
		r->counts.damaged++;
		r->counts.lost_records += h->records;
		return false;
	}
	r->counts.frames += h->kind == FRAME_RECORDS;
	return true;
}

int stream_next(struct stream_reader *r, struct frame *f, bool last)
{
	struct stream_header h;
	while (find_header(r, &h)) {
		const uint8_t *payload = r->buf + r->pos + STREAM_HEADER;
		size_t total = STREAM_HEADER + h.payload + STREAM_TRAILER;
		bool whole = total <= r->len - r->pos;
		uint32_t crc;
		if (!whole && !last)
			return 0;
		if (whole)
			memcpy(&crc, payload + h.payload, sizeof crc);
		if (!whole || crc != crc32c(0, payload, h.payload)) {
			/* Only the header is passed over: the length may be that of a frame whose
			 * writer died in the middle, with another stream's frames in its place. */
			r->counts.damaged++;
			r->counts.lost_records += records_of(&h);
			skip(r, STREAM_HEADER);
			continue;
		}
		r->pos += total;
		if (take_frame(r, &h, payload, crc, f))
			return 1;
	}
	if (last)
		skip(r, r->len - r->pos);
	return 0;
}

void frame_begin(struct frame_iter *it, const struct frame *f, struct record *r)
{
	size_t len = f->kind == FRAME_RECORDS ? f->len : 0;
	*it = (struct frame_iter){.frame = f, .p = f->payload, .end = f->payload + len};
	memset(r->present, 0, sizeof r->present);
	memset(r->shared, 0, sizeof r->shared);
	r->extra_count = 0;
}

int frame_next(struct frame_iter *it, struct record *r)
{
	while (it->p < it->end) {
		unsigned flags;
		size_t len = entry_length(it->p, (size_t)(it->end - it->p), &flags);
		if (!len)
			return ERR_FRAME_FORMAT;
		int err = record_unpack(
			it->frame->schema, it->p, len, r, EXTRAS_MAX, &flags, &it->unknown);
		if (err)
			return err;
		it->p += len;
		if (!(flags & ENTRY_SHARED))
			return 1;
	}
	return 0;
}

int record_init(struct record *r)
{
	memset(r, 0, sizeof *r);
	r->extras = malloc(EXTRAS_MAX * sizeof *r->extras);
	return r->extras ? 0 : ERR_MEMORY;
}

void record_release(struct record *r)
{
	free(r->extras);
	r->extras = NULL;
}
