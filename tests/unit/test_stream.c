#include "lib/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/base.h"
#include "lib/crc32c.h"
#include "lib/err.h"
#include "lib/instant.h"
#include "tests/unit/records.h"

#define BYTES_MAX  (8 * 1024 * 1024)
#define FRAMES_MAX 512

/* What a writer wrote. */
static struct {
	size_t len, frames;
	struct {
		size_t at, len;
		uint8_t kind;
		uint32_t records;
	} frame[FRAMES_MAX];
	int fails; /* what the sink returns */
	uint8_t bytes[BYTES_MAX];
} out;

static const struct stream_id id = {{1, 2, 3, [15] = 16}};
static struct stream_writer *writer;
static struct stream_reader *reader;
static struct record record;

static int sink(void *ctx, const void *frame, size_t len)
{
	const uint8_t *p = frame;
	assert_ptr_equal(ctx, &out);
	assert_in_range(len, STREAM_HEADER + STREAM_TRAILER, STREAM_FRAME_MAX);
	if (out.fails)
		return out.fails;
	assert_true(out.frames < FRAMES_MAX && len <= sizeof out.bytes - out.len);
	out.frame[out.frames].at = out.len;
	out.frame[out.frames].len = len;
	out.frame[out.frames].kind = p[5];
	memcpy(&out.frame[out.frames].records, p + 12, 4);
	out.frames++;
	memcpy(out.bytes + out.len, frame, len);
	out.len += len;
	return 0;
}

static int setup(void **state)
{
	(void)state;
	out.len = out.frames = 0;
	out.fails = 0;
	writer = stream_writer_new(&id, sink, &out);
	reader = stream_reader_new();
	return writer && reader ? record_init(&record) : -1;
}

static int teardown(void **state)
{
	(void)state;
	stream_writer_free(writer);
	stream_reader_free(reader);
	record_release(&record);
	return 0;
}

static void anew(void)
{
	stream_reader_free(reader);
	reader = stream_reader_new();
	assert_non_null(reader);
}

/* Small records, told apart by their source port. */
static void put_numbered(uint16_t first, unsigned count, uint64_t now_ns)
{
	static struct sample s;
	for (unsigned i = 0; i < count; i++) {
		sample_clear(&s);
		RECORD_SET(&s.record, src_port, (uint16_t)(first + i));
		RECORD_SET(&s.record, in_bytes, UINT64_C(1000000007) * (first + i));
		RECORD_SET(&s.record, user_name, sample_text(&s, "\xffname", 5));
		sample_extra(&s, 9, 1, &i, sizeof i);
		assert_int_equal(stream_put(writer, &s.record, now_ns), 0);
	}
	assert_int_equal(stream_flush(writer, now_ns), 0);
}

/* What came out of a reader. */
static struct {
	size_t count, frames;
	uint16_t port[65536];
	unsigned malformed;
} got;

static void take_frame(const struct frame *f)
{
	struct frame_iter it;
	uint32_t records = 0;
	int r;
	frame_begin(&it, f, &record);
	while ((r = frame_next(&it, &record)) == 1) {
		assert_true(got.count < LEN(got.port));
		assert_true(record_has(&record, FIELD_src_port));
		if (record_has(&record, FIELD_in_bytes))
			assert_int_equal(record.in_bytes, UINT64_C(1000000007) * record.src_port);
		got.port[got.count++] = record.src_port;
		records++;
	}
	got.malformed += r < 0;
	if (r == 0)
		assert_int_equal(records, f->records);
	got.frames++;
}

/* Reads n bytes at a time. */
static void read_all(const uint8_t *bytes, size_t len, size_t step)
{
	struct frame f;
	memset(&got, 0, offsetof(__typeof__(got), port));
	got.malformed = 0;
	for (size_t at = 0; at < len;) {
		size_t room;
		void *to = stream_room(reader, &room);
		assert_true(room >= 64 * 1024);
		size_t n = step < len - at ? step : len - at;
		n = n < room ? n : room;
		memcpy(to, bytes + at, n);
		stream_filled(reader, n);
		at += n;
		while (stream_next(reader, &f, false) == 1)
			take_frame(&f);
	}
	while (stream_next(reader, &f, true) == 1)
		take_frame(&f);
}

/* The records from `first` on. */
static void assert_ports(size_t at, uint16_t first, size_t count)
{
	assert_true(at + count <= got.count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(got.port[at + i], first + i);
}

static struct stream_counts counts(void)
{
	return *stream_counts(reader);
}

static void assert_undamaged(void)
{
	assert_int_equal(counts().damaged, 0);
	assert_int_equal(counts().missing, 0);
	assert_int_equal(counts().skipped_bytes, 0);
	assert_int_equal(counts().lost_records, 0);
	assert_int_equal(got.malformed, 0);
}

/* Round trips ---------------------------------------------------------------------------------- */

static void test_there_and_back(void **state)
{
	static struct sample samples[300];
	struct dice d = {1};
	struct frame f;
	struct frame_iter it;
	size_t n = 0;
	(void)state;
	for (size_t i = 0; i < LEN(samples); i++) {
		sample_random(&samples[i], &d);
		assert_int_equal(stream_put(writer, &samples[i].record, 0), 0);
		assert_int_equal(stream_pending(writer), i % 100 + 1);
		if (i % 100 == 99)
			assert_int_equal(stream_flush(writer, 0), 0);
	}
	assert_int_equal(stream_pending(writer), 0);
	assert_int_equal(stream_written(writer), LEN(samples));
	size_t room;
	memcpy(stream_room(reader, &room), out.bytes, out.len);
	stream_filled(reader, out.len);
	for (uint64_t k = 0; k < 3; k++) {
		assert_int_equal(stream_next(reader, &f, false), 1);
		assert_int_equal(f.kind, FRAME_RECORDS);
		assert_true(f.numbered);
		assert_memory_equal(&f.id, &id, sizeof id);
		assert_int_equal(f.sequence, k);
		assert_int_equal(f.records, 100);
		frame_begin(&it, &f, &record);
		while (frame_next(&it, &record) == 1)
			assert_true(record_equal(&record, &samples[n++].record));
		assert_int_equal(it.unknown, 0);
	}
	assert_int_equal(stream_next(reader, &f, true), 0);
	assert_int_equal(n, LEN(samples));
	assert_int_equal(counts().frames, 3);
	assert_undamaged();
}

/* A frame's header and checksums are put around its payload as they were read. */
static void test_sealing(void **state)
{
	static uint8_t again[2][STREAM_FRAME_MAX];
	struct frame f;
	size_t room, len;
	(void)state;
	put_numbered(1, 20, 0);
	memcpy(stream_room(reader, &room), out.bytes, out.len);
	stream_filled(reader, out.len);
	assert_int_equal(stream_next(reader, &f, false), 1);
	const uint8_t *bytes = stream_frame_bytes(&f, &len);
	assert_int_equal(stream_frame(&f, again[0], len), len);
	assert_memory_equal(again[0], bytes, len);
	memcpy(again[1] + STREAM_HEADER, f.payload, f.len);
	assert_int_equal(stream_seal(&f, f.crc, again[1]), len);
	assert_memory_equal(again[1], bytes, len);
	assert_int_equal(stream_frame(&f, again[0], len - 1), 0);
}

/* Values that the records of a datagram share stand in each frame once for all of them. */
static void test_shared_values(void **state)
{
	static struct sample samples[40];
	struct dice d = {2};
	struct frame f;
	struct frame_iter it;
	size_t n = 0;
	(void)state;
	for (size_t i = 0; i < LEN(samples); i++) {
		struct record *r = &samples[i].record;
		sample_random(&samples[i], &d);
		if (i % 10) { /* ten at a time share a few values */
			struct record before = samples[i - 1].record;
			before.extras = r->extras;
			before.extra_count = r->extra_count;
			*r = before;
			r->src_port = (uint16_t)i;
			record_mark(r, FIELD_src_port);
		} else {
			r->share_id = i + 1;
			sample_field(&samples[i], FIELD_src_port, &d);
			sample_field(&samples[i], FIELD_exporter, &d);
			sample_field(&samples[i], FIELD_received, &d);
			r->shared[0] = UINT64_C(1) << FIELD_exporter | UINT64_C(1)
									       << FIELD_received;
		}
		assert_int_equal(stream_put(writer, r, 0), 0);
		if (i == 14) /* a frame that begins in the middle of a datagram */
			assert_int_equal(stream_flush(writer, 0), 0);
	}
	assert_int_equal(stream_flush(writer, 0), 0);
	size_t room;
	memcpy(stream_room(reader, &room), out.bytes, out.len);
	stream_filled(reader, out.len);
	while (stream_next(reader, &f, true) == 1) {
		frame_begin(&it, &f, &record);
		while (frame_next(&it, &record) == 1)
			assert_true(record_equal(&record, &samples[n++].record));
	}
	assert_int_equal(n, LEN(samples));
	assert_undamaged();
}

static void test_a_random_stream_id(void **state)
{
	struct stream_writer *a = stream_writer_new(NULL, sink, &out),
			     *b = stream_writer_new(NULL, sink, &out);
	static struct sample s;
	(void)state;
	sample_clear(&s);
	RECORD_SET(&s.record, src_port, 1);
	stream_put(a, &s.record, 0);
	stream_flush(a, 0);
	stream_put(b, &s.record, 0);
	stream_flush(b, 0);
	assert_int_equal(out.frames, 4);
	assert_memory_not_equal(
		out.bytes + out.frame[1].at + 24, out.bytes + out.frame[3].at + 24, 16);
	stream_writer_free(a);
	stream_writer_free(b);
}

/* Frames
 * --------------------------------------------------------------------------------------------- */

static void test_frames_are_cut_by_count(void **state)
{
	static struct sample s;
	(void)state;
	for (uint16_t i = 0; i < 2 * STREAM_RECORDS_MAX + 5;
		i++) { /* too small to be cut by size */
		sample_clear(&s);
		RECORD_SET(&s.record, src_port, i);
		assert_int_equal(stream_put(writer, &s.record, 0), 0);
		assert_int_equal(stream_pending(writer), (i + 1) % STREAM_RECORDS_MAX);
	}
	assert_int_equal(stream_flush(writer, 0), 0);
	assert_int_equal(out.frames, 4);
	assert_int_equal(out.frame[0].kind, FRAME_SCHEMA);
	assert_int_equal(out.frame[1].records, STREAM_RECORDS_MAX);
	assert_int_equal(out.frame[2].records, STREAM_RECORDS_MAX);
	assert_int_equal(out.frame[3].records, 5);
	read_all(out.bytes, out.len, out.len);
	assert_int_equal(got.count, 2 * STREAM_RECORDS_MAX + 5);
	assert_ports(0, 0, got.count);
	assert_undamaged();
}

static void test_frames_are_cut_by_size(void **state)
{
	static struct sample s;
	static char text[60000];
	(void)state;
	for (uint16_t i = 0; i < 100; i++) {
		sample_clear(&s);
		RECORD_SET(&s.record, src_port, i);
		RECORD_SET(&s.record, user_name, sample_text(&s, text, sizeof text));
		assert_int_equal(stream_put(writer, &s.record, 0), 0);
		assert_true(stream_pending(writer) < 6);
	}
	stream_flush(writer, 0);
	for (size_t i = 1; i < out.frames - 1; i++) {
		assert_int_equal(out.frame[i].records, 5);
		assert_in_range(out.frame[i].len, STREAM_FRAME_FULL, STREAM_FRAME_FULL + 61000);
	}
	read_all(out.bytes, out.len, 100000);
	assert_int_equal(got.count, 100);
	assert_ports(0, 0, 100);
	assert_undamaged();
}

/* The largest record there can be goes into a frame of its own; one more byte and none takes it. */
static void test_the_largest_record(void **state)
{
	static uint8_t bytes[UINT16_MAX];
	static struct extra extras[EXTRAS_MAX];
	static struct sample s;
	(void)state;
	sample_clear(&s);
	RECORD_SET(&s.record, src_port, 1);
	assert_int_equal(stream_put(writer, &s.record, 0), 0);
	s.record.extras = extras;
	for (size_t i = 0; i < 16; i++)
		extras[i] = (struct extra){0, 210, UINT16_MAX, bytes};
	s.record.extra_count = 14;
	assert_int_equal(stream_put(writer, &s.record, 0), 0);
	s.record.extra_count = 15;
	assert_int_equal(stream_put(writer, &s.record, 0), ERR_TOO_LARGE);
	s.record.extra_count = 0;
	s.record.src_port = 2;
	assert_int_equal(stream_put(writer, &s.record, 0), 0);
	assert_int_equal(stream_flush(writer, 0), 0);
	read_all(out.bytes, out.len, 4096);
	assert_int_equal(got.count, 3);
	assert_int_equal(got.port[2], 2);
	assert_undamaged();
}

static void test_schemas_are_repeated_by_time(void **state)
{
	const uint64_t second = NS_PER_S;
	(void)state;
	put_numbered(0, 1, 5 * second);
	put_numbered(1, 1, 5 * second + second / 2);
	put_numbered(2, 1, 6 * second);
	put_numbered(3, 1, 6 * second + second - 1);
	put_numbered(4, 1, 9 * second);
	static const uint8_t kinds[] = {2, 1, 1, 2, 1, 1, 2, 1};
	assert_int_equal(out.frames, LEN(kinds));
	for (size_t i = 0; i < LEN(kinds); i++)
		assert_int_equal(out.frame[i].kind, kinds[i]);
	read_all(out.bytes, out.len, 1000);
	assert_int_equal(got.count, 5);
	assert_undamaged();
}

static void test_schemas_are_repeated_by_frames(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 200; i++)
		put_numbered(i, 1, 0);
	size_t since = 0, schemas = 0;
	for (size_t i = 0; i < out.frames; i++) {
		if (out.frame[i].kind == FRAME_SCHEMA) {
			assert_true(schemas == 0 || since == 64);
			schemas++;
			since = 0;
		} else {
			since++;
		}
	}
	assert_int_equal(schemas, 4);
	read_all(out.bytes, out.len, out.len);
	assert_ports(0, 0, 200);
	assert_undamaged();
}

static void test_a_sink_that_fails(void **state)
{
	static struct sample s;
	(void)state;
	sample_clear(&s);
	RECORD_SET(&s.record, src_port, 1);
	assert_int_equal(stream_flush(writer, 0), 0); /* nothing to write */
	assert_int_equal(out.frames, 0);
	assert_int_equal(stream_put(writer, &s.record, 0), 0);
	out.fails = ERR_CLOSED;
	assert_int_equal(stream_flush(writer, 0), ERR_CLOSED);
	assert_int_equal(stream_written(writer), 0);
}

/* Reading in pieces, from the middle, and cut
 * --------------------------------------------------------- */

static void write_small_stream(void)
{
	put_numbered(0, 3, 0);
	put_numbered(3, 4, 0);
	put_numbered(7, 2, 2 * NS_PER_S);
	put_numbered(9, 5, 2 * NS_PER_S);
	put_numbered(14, 1, 2 * NS_PER_S);
}

#define SMALL 15 /* records of it */

static void test_pieces_of_any_size(void **state)
{
	static const size_t steps[] = {1, 2, 3, 51, 52, 53, 1000, 1 << 20};
	(void)state;
	write_small_stream();
	for (size_t i = 0; i < LEN(steps); i++) {
		anew();
		read_all(out.bytes, out.len, steps[i]);
		assert_int_equal(got.count, SMALL);
		assert_int_equal(got.frames, 5);
		assert_ports(0, 0, SMALL);
		assert_undamaged();
	}
}

/* The first record whose frame begins at or behind an offset. */
static size_t first_from(size_t offset)
{
	size_t n = 0;
	for (size_t i = 0; i < out.frames; i++)
		if (out.frame[i].at < offset)
			n += out.frame[i].records;
	return n;
}

static void test_joining_anywhere(void **state)
{
	(void)state;
	write_small_stream();
	for (size_t from = 0; from <= out.len; from++) {
		anew();
		read_all(out.bytes + from, out.len - from, out.len);
		size_t first = first_from(from);
		assert_int_equal(got.count, SMALL - first);
		assert_ports(0, (uint16_t)first, got.count);
		assert_int_equal(counts().missing, 0); /* nobody knows of those before */
		assert_int_equal(counts().damaged, 0);
	}
}

static void test_torn_anywhere(void **state)
{
	(void)state;
	write_small_stream();
	for (size_t len = 0; len <= out.len; len++) {
		size_t records = 0, whole = 0;
		for (size_t i = 0; i < out.frames && out.frame[i].at + out.frame[i].len <= len;
			i++) {
			records += out.frame[i].records;
			whole = out.frame[i].at + out.frame[i].len;
		}
		anew();
		uint8_t *block = malloc(len ? len : 1);
		memcpy(block, out.bytes, len);
		read_all(block, len, len);
		free(block);
		assert_int_equal(got.count, records);
		assert_ports(0, 0, records);
		assert_int_equal(counts().damaged, len >= whole + STREAM_HEADER);
		assert_int_equal(counts().skipped_bytes, len - whole);
	}
}

/* A writer that died in the middle of a frame, and another that went on: what stands within the
 * length of the torn frame is found. */
static void test_a_torn_frame_before_another_stream(void **state)
{
	static uint8_t bytes[BYTES_MAX];
	(void)state;
	write_small_stream();
	size_t from = out.frame[1].at,
	       rest = out.len - from; /* no schema, which could be lost unseen */
	for (size_t cut = 1; cut < out.len; cut++) {
		memcpy(bytes, out.bytes, cut);
		memcpy(bytes + cut, out.bytes + from, rest);
		anew();
		read_all(bytes, cut + rest, 10000);
		assert_true(got.count >= SMALL);
		assert_ports(got.count - SMALL, 0, SMALL);
		assert_true(counts().damaged <= 1);
	}
}

static void test_noise_around_frames(void **state)
{
	static uint8_t bytes[BYTES_MAX];
	struct dice d = {3};
	size_t len = 0, noise = 0;
	(void)state;
	write_small_stream();
	for (size_t i = 0; i < out.frames; i++) {
		size_t n = dice_below(&d, 5000);
		for (size_t k = 0; k < n; k++)
			bytes[len++] = (uint8_t)dice_roll(&d);
		memcpy(bytes + len, "\x8eNFS", 4); /* a mark and no header behind it */
		memcpy(bytes + len + 4, out.bytes + out.frame[i].at, out.frame[i].len);
		len += 4 + out.frame[i].len;
		noise += n + 4;
	}
	read_all(bytes, len, 777);
	assert_int_equal(got.count, SMALL);
	assert_ports(0, 0, SMALL);
	assert_int_equal(counts().skipped_bytes, noise);
	assert_int_equal(counts().damaged, 0);
	assert_int_equal(counts().missing, 0);
}

/* Damage
 * --------------------------------------------------------------------------------------------- */

/* Are the records those of the small stream but for one frame's, which `at` lies in? */
static void assert_lost_at_most(size_t at)
{
	size_t n = 0, first = 0, lost = 0;
	for (size_t i = 0; i < out.frames; i++) {
		if (at >= out.frame[i].at && at < out.frame[i].at + out.frame[i].len) {
			first = n;
			lost = out.frame[i].records;
		}
		n += out.frame[i].records;
	}
	if (got.count == SMALL) {
		assert_ports(0, 0, SMALL);
		return;
	}
	assert_int_equal(got.count, SMALL - lost);
	assert_ports(0, 0, first);
	assert_ports(first, (uint16_t)(first + lost), SMALL - first - lost);
}

static void test_any_flipped_bit(void **state)
{
	(void)state;
	write_small_stream();
	for (size_t bit = 0; bit < 8 * out.len; bit++) {
		out.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		anew();
		read_all(out.bytes, out.len, out.len);
		out.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_lost_at_most(bit / 8);
		assert_int_equal(got.malformed, 0);
		struct stream_counts c = counts();
		assert_true(c.damaged + c.missing + c.skipped_bytes > 0);
		assert_true(c.damaged <= 1 && c.missing <= 1);
		assert_int_equal(c.frames, got.frames);
	}
}

/* A burst of noise over several bytes, across the border of two frames too. */
static void test_bursts(void **state)
{
	static uint8_t bytes[BYTES_MAX];
	struct dice d = {4};
	(void)state;
	write_small_stream();
	for (size_t at = 0; at + 16 < out.len; at += 3) {
		memcpy(bytes, out.bytes, out.len);
		for (size_t k = 0; k < 16; k++)
			bytes[at + k] = (uint8_t)dice_roll(&d);
		anew();
		read_all(bytes, out.len, out.len);
		assert_true(got.count >= SMALL - 9); /* the two largest neighbours */
		for (size_t i = 0; i < got.count; i++) {
			assert_true(got.port[i] < SMALL);
			assert_true(i == 0 || got.port[i] > got.port[i - 1]);
		}
		assert_true(counts().skipped_bytes > 0);
	}
}

static void test_missing_and_repeated_frames(void **state)
{
	static uint8_t bytes[BYTES_MAX];
	size_t len = 0;
	(void)state;
	for (uint16_t i = 0; i < 10; i++)
		put_numbered(i, 1, 0);
	/* the schema, and frames 0, 1, 4, 4, 3, 9 */
	static const size_t which[] = {0, 1, 2, 5, 5, 4, 10};
	for (size_t i = 0; i < LEN(which); i++) {
		memcpy(bytes + len, out.bytes + out.frame[which[i]].at, out.frame[which[i]].len);
		len += out.frame[which[i]].len;
	}
	read_all(bytes, len, len);
	assert_int_equal(got.count, 6);
	assert_int_equal(counts().missing, 2 + 5);
	assert_int_equal(counts().damaged, 0);
}

static void test_streams_one_behind_the_other(void **state)
{
	static const struct stream_id other = {{9}};
	(void)state;
	for (uint16_t i = 0; i < 10; i++)
		put_numbered(i, 1, 0);
	stream_writer_free(writer);
	writer = stream_writer_new(&other, sink, &out);
	for (uint16_t i = 10; i < 15; i++)
		put_numbered(i, 1, 0);
	read_all(out.bytes, out.len, 100);
	assert_int_equal(got.count, 15);
	assert_undamaged();
}

/* Frames made by hand
 * -------------------------------------------------------------------------------- */

/* Appends a frame of that kind and payload to `out`. */
static void put_frame(uint8_t version, uint8_t kind, uint64_t schema, uint64_t sequence,
	const void *payload, uint32_t len, uint32_t records)
{
	uint8_t *h = out.bytes + out.len;
	uint32_t mark = STREAM_MARK, crc;
	memset(h, 0, STREAM_HEADER);
	memcpy(h, &mark, 4);
	h[4] = version;
	h[5] = kind;
	memcpy(h + 8, &len, 4);
	memcpy(h + 12, &records, 4);
	memcpy(h + 16, &schema, 8);
	memcpy(h + 24, &id, 16);
	memcpy(h + 40, &sequence, 8);
	crc = crc32c(0, h, 48);
	memcpy(h + 48, &crc, 4);
	memcpy(h + STREAM_HEADER, payload, len);
	crc = crc32c(0, h + STREAM_HEADER, len);
	memcpy(h + STREAM_HEADER + len, &crc, 4);
	out.len += STREAM_HEADER + len + STREAM_TRAILER;
}

/* One record with nothing but bit 0, a U16. */
static const uint8_t one_port[] = {14, 0, 0, 0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0x39, 0x30};
/* The schema in which that is src_port, and bit 1 something to come. */
static const uint8_t foreign[] = {
	2, 0, 0, 0, KIND_U16, 8, 's', 'r', 'c', '_', 'p', 'o', 'r', 't', 1, 0, KIND_U16, 1, 'x'};

static uint64_t hash_of(const uint8_t *p, size_t len)
{
	struct schema s;
	assert_int_equal(schema_parse(p, len, &s), 0);
	return s.hash;
}

static void test_another_schema(void **state)
{
	static const uint8_t with_unknown[] = {
		16, 0, 0, 0x10, 3, 0, 0, 0, 0, 0, 0, 0, 0x39, 0x30, 7, 7};
	uint64_t hash = hash_of(foreign, sizeof foreign);
	struct frame f;
	struct frame_iter it;
	size_t room;
	(void)state;
	put_frame(1, FRAME_RECORDS, hash, 0, one_port, sizeof one_port, 1); /* not seen yet */
	put_frame(1, FRAME_SCHEMA, hash, 1, foreign, sizeof foreign, 0);
	put_frame(1, FRAME_RECORDS, hash, 1, one_port, sizeof one_port, 1);
	put_frame(1, FRAME_RECORDS, hash, 2, with_unknown, sizeof with_unknown, 1);
	read_all(out.bytes, out.len, 100);
	assert_int_equal(got.count, 2);
	assert_ports(0, 12345, 1);
	assert_int_equal(got.port[1], 12345);
	assert_int_equal(counts().damaged, 1);
	assert_int_equal(counts().lost_records, 1);
	assert_int_equal(counts().missing, 0);
	assert_int_equal(counts().frames, 2);

	anew();
	memcpy(stream_room(reader, &room), out.bytes, out.len);
	stream_filled(reader, out.len);
	assert_int_equal(stream_next(reader, &f, true), 1);
	assert_int_equal(stream_next(reader, &f, true), 1);
	frame_begin(&it, &f, &record);
	assert_int_equal(frame_next(&it, &record), 1);
	assert_int_equal(it.unknown, 1);
}

/* A schema whose hash is another's is not believed. */
static void test_a_schema_under_a_wrong_hash(void **state)
{
	(void)state;
	put_frame(1, FRAME_SCHEMA, 4711, 0, foreign, sizeof foreign, 0);
	put_frame(1, FRAME_RECORDS, 4711, 0, one_port, sizeof one_port, 1);
	put_frame(1, FRAME_SCHEMA, 4712, 0, "\xff\xff", 2, 0);
	put_frame(1, FRAME_RECORDS, 4712, 1, one_port, sizeof one_port, 1);
	put_frame(1, FRAME_RECORDS, 0, 2, one_port, sizeof one_port, 1);
	read_all(out.bytes, out.len, out.len);
	assert_int_equal(got.count, 0);
	assert_int_equal(counts().damaged, 3);
}

/* More schemas than are remembered: the oldest go. */
static void test_many_schemas(void **state)
{
	uint8_t payload[sizeof foreign];
	uint64_t sequence = 0;
	(void)state;
	memcpy(payload, foreign, sizeof payload);
	for (uint8_t i = 0; i < 20; i++) {
		payload[sizeof payload - 1] = (uint8_t)('a' + i);
		uint64_t hash = hash_of(payload, sizeof payload);
		put_frame(1, FRAME_SCHEMA, hash, sequence, payload, sizeof payload, 0);
		put_frame(1, FRAME_RECORDS, hash, sequence++, one_port, sizeof one_port, 1);
	}
	put_frame(1, FRAME_RECORDS, hash_of(payload, sizeof payload), sequence++, one_port,
		sizeof one_port, 1);
	payload[sizeof payload - 1] = 'a';
	put_frame(1, FRAME_RECORDS, hash_of(payload, sizeof payload), sequence++, one_port,
		sizeof one_port, 1);
	read_all(out.bytes, out.len, out.len);
	assert_int_equal(got.count, 21);
	assert_int_equal(counts().damaged, 1);
}

/* Kinds to come are passed over, and are none of the frames that are missing. */
static void test_kinds_to_come(void **state)
{
	uint64_t hash = hash_of(foreign, sizeof foreign);
	(void)state;
	put_frame(1, FRAME_SCHEMA, hash, 0, foreign, sizeof foreign, 0);
	put_frame(1, FRAME_RECORDS, hash, 0, one_port, sizeof one_port, 1);
	put_frame(1, FRAME_COUNTERS, hash, 1, "anything", 8, 0);
	put_frame(1, 200, hash, 2, "", 0, 0);
	put_frame(1, FRAME_RECORDS, hash, 3, one_port, sizeof one_port, 1);
	read_all(out.bytes, out.len, 1);
	assert_int_equal(got.count, 2);
	assert_undamaged();
}

/* Lines of counters go out with the records, or when there are enough of them, in frames that are
 * counted with those. */
static void test_counters(void **state)
{
	static char line[STREAM_FRAME_MAX];
	static struct sample s;
	struct frame f;
	struct frame_iter it;
	uint64_t sequence = 0, records = 0, lines = 0;
	size_t room, longest = STREAM_FRAME_MAX - STREAM_HEADER - STREAM_TRAILER;
	(void)state;
	memset(line, 'x', sizeof line);
	sample_clear(&s);
	RECORD_SET(&s.record, src_port, 1);
	line[99] = line[longest - 1] = '\n';
	for (unsigned i = 0; i < 3000; i++) {
		assert_int_equal(stream_put_counters(writer, line, 100, 0), 0);
		if (i % 10 == 0)
			assert_int_equal(stream_put(writer, &s.record, 0), 0);
	}
	assert_int_equal(out.frames, 2); /* a schema and one that was full */
	assert_int_equal(stream_pending(writer), 300 + 3000 - out.frame[1].records);
	assert_int_equal(stream_put_counters(writer, line, longest, 0), 0);
	assert_int_equal(stream_put_counters(writer, line, longest + 1, 0), ERR_TOO_LARGE);
	assert_int_equal(stream_flush(writer, 0), 0);
	assert_int_equal(stream_pending(writer), 0);
	assert_int_equal(stream_written(writer), 300);
	stream_read_counters(reader);
	memcpy(stream_room(reader, &room), out.bytes, out.len);
	stream_filled(reader, out.len);
	while (stream_next(reader, &f, true) == 1) {
		assert_int_equal(f.sequence, sequence++);
		records += f.records;
		for (size_t i = 0; i < f.len && f.kind == FRAME_COUNTERS; i++)
			lines += f.payload[i] == '\n';
		frame_begin(&it, &f, &record);
		if (f.kind == FRAME_COUNTERS)
			assert_int_equal(frame_next(&it, &record), 0);
	}
	assert_int_equal(records, 300);
	/* the longest has one in its middle */
	assert_int_equal(lines, 3000 + 2);
	assert_int_equal(counts().counters, 3000 + 1);
	assert_undamaged();
}

/* A version that is not ours makes no frame; its bytes are counted. */
static void test_versions_to_come(void **state)
{
	uint64_t hash = hash_of(foreign, sizeof foreign);
	(void)state;
	put_frame(1, FRAME_SCHEMA, hash, 0, foreign, sizeof foreign, 0);
	put_frame(2, FRAME_RECORDS, hash, 0, one_port, sizeof one_port, 1);
	put_frame(1, FRAME_RECORDS, hash, 1, one_port, sizeof one_port, 1);
	read_all(out.bytes, out.len, out.len);
	assert_int_equal(got.count, 1);
	assert_int_equal(counts().skipped_bytes, STREAM_HEADER + sizeof one_port + STREAM_TRAILER);
}

/* Entries that make no sense in a frame whose sum holds end this frame, and not the next. */
static void test_malformed_entries(void **state)
{
	uint8_t payload[2 * sizeof one_port];
	uint64_t hash = hash_of(foreign, sizeof foreign), sequence = 0;
	(void)state;
	put_frame(1, FRAME_SCHEMA, hash, 0, foreign, sizeof foreign, 0);
	for (size_t bit = 0; bit < 32; bit++) { /* each bit of the second entry's head */
		memcpy(payload, one_port, sizeof one_port);
		memcpy(payload + sizeof one_port, one_port, sizeof one_port);
		payload[sizeof one_port + bit / 8] ^= (uint8_t)(1 << bit % 8);
		put_frame(1, FRAME_RECORDS, hash, sequence++, payload, sizeof payload, 2);
		put_frame(1, FRAME_RECORDS, hash, sequence++, one_port, sizeof one_port, 1);
	}
	struct frame f;
	struct frame_iter it;
	size_t room, frames = 0;
	memcpy(stream_room(reader, &room), out.bytes, out.len);
	stream_filled(reader, out.len);
	while (stream_next(reader, &f, true) == 1) {
		frame_begin(&it, &f, &record);
		assert_int_equal(
			frame_next(&it, &record), 1); /* the first is whole in all of them */
		assert_int_equal(record.src_port, 12345);
		int r = frame_next(&it, &record);
		assert_true(r == 1 || r == 0 || r == ERR_FRAME_FORMAT);
		if (frames++ % 2)
			assert_int_equal(r, 0);
	}
	assert_int_equal(frames, 64);
	assert_int_equal(counts().damaged, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_there_and_back),
		TEST(test_sealing),
		TEST(test_shared_values),
		TEST(test_a_random_stream_id),
		TEST(test_frames_are_cut_by_count),
		TEST(test_frames_are_cut_by_size),
		TEST(test_the_largest_record),
		TEST(test_schemas_are_repeated_by_time),
		TEST(test_schemas_are_repeated_by_frames),
		TEST(test_a_sink_that_fails),
		TEST(test_pieces_of_any_size),
		TEST(test_joining_anywhere),
		TEST(test_torn_anywhere),
		TEST(test_a_torn_frame_before_another_stream),
		TEST(test_noise_around_frames),
		TEST(test_any_flipped_bit),
		TEST(test_bursts),
		TEST(test_missing_and_repeated_frames),
		TEST(test_streams_one_behind_the_other),
		TEST(test_another_schema),
		TEST(test_a_schema_under_a_wrong_hash),
		TEST(test_many_schemas),
		TEST(test_kinds_to_come),
		TEST(test_counters),
		TEST(test_versions_to_come),
		TEST(test_malformed_entries),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
