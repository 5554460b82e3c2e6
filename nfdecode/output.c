#include "nfdecode/nfdecode.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/sflow_counters.h"

#define LINES_FULL (256 * 1024)
#define LINES_CAP  (LINES_FULL + JSONL_LINE_MAX)

/* Hands bytes to standard output. After the first failure nothing more is written. */
static int write_out(struct output *o, const void *bytes, size_t len)
{
	size_t written;
	if (!o->err)
		o->err = stage_write(o->stage, &o->to, bytes, len, &written);
	return o->err;
}

static int write_frame(void *o, const void *frame, size_t len)
{
	return write_out(o, frame, len);
}

int output_open(
	struct output *o, enum output_form form, const struct stream_id *id, struct stage *stage)
{
	*o = (struct output){.form = form, .stage = stage, .by_count = id != NULL};
	stage_output_begin(&o->to, STDOUT_FILENO);
	if (form == OUTPUT_BINARY)
		o->writer = stream_writer_new(id, write_frame, o);
	o->lines = malloc(LINES_CAP);
	if (!o->lines || (form == OUTPUT_BINARY && !o->writer))
		return ERR_MEMORY;
	return 0;
}

void output_close(struct output *o)
{
	if (o->stage)
		stage_output_end(&o->to);
	stream_writer_free(o->writer);
	free(o->lines);
}

static void write_lines(struct output *o)
{
	if (o->used && write_out(o, o->lines, o->used) == 0)
		o->written += o->pending;
	o->used = 0;
	o->pending = 0;
}

void output_flush(struct output *o)
{
	if (o->writer) {
		stream_flush(o->writer, o->now_ns);
		o->written = stream_written(o->writer);
	} else {
		write_lines(o);
	}
	o->first_ns = 0;
}

static void put_line(struct output *o, const struct record *r)
{
	size_t len = jsonl_write_run(&o->prefix, r, o->lines + o->used, LINES_CAP - o->used);
	o->used += len;
	o->pending += len != 0;
	if (o->used >= LINES_FULL)
		write_lines(o);
}

static void put_record(struct output *o, const struct record *r)
{
	bool other = memcmp(&o->exporter, &r->exporter, sizeof o->exporter) != 0;
	if (o->by_exporter && other && stream_pending(o->writer))
		stream_flush(o->writer, o->now_ns);
	o->exporter = r->exporter;
	stream_put(o->writer, r, o->now_ns);
}

void output_record(void *ctx, const struct record *r)
{
	struct output *o = ctx;
	if (o->form == OUTPUT_BINARY)
		put_record(o, r);
	else if (o->form == OUTPUT_JSON)
		put_line(o, r);
	else
		o->written++; /* the trace has told it already */
	if (!o->first_ns)
		o->first_ns = o->now_ns;
}

/* A sample's octets are at most those of a datagram: its line, with as much again for the head,
 * fits into a frame, and so into the room left. */
_Static_assert(
	SFLOW_COUNTERS_ROOM(65536) + 65536 < STREAM_FRAME_MAX - STREAM_HEADER - STREAM_TRAILER,
	"a counter sample is a line of a frame");

void output_counters(void *ctx, const struct record *head, struct cursor records, uint32_t n)
{
	static const char type[] = "{\"type\":\"counters\",", counters[] = ",\"counters\":";
	struct output *o = ctx;
	char *line = o->lines + o->used, *end = line + sizeof type - 1;
	/* the head's own { takes the place of the comma, which is then put back */
	size_t len = jsonl_write(head, end - 1, JSONL_LINE_MAX / 2);
	memcpy(line, type, sizeof type - 1);
	end += len - 1 - 2; /* without } and newline */
	memcpy(end, counters, sizeof counters - 1);
	end = sflow_counters_json(records, n, end + sizeof counters - 1);
	*end++ = '}';
	*end++ = '\n';
	if (o->writer)
		stream_put_counters(o->writer, line, (size_t)(end - line), o->now_ns);
	else
		o->used = (size_t)(end - o->lines);
	if (o->used >= LINES_FULL)
		write_lines(o);
	if (!o->first_ns)
		o->first_ns = o->now_ns;
}

void output_text(struct output *o, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	int len = vsnprintf(o->lines + o->used, LINES_CAP - o->used, fmt, args);
	va_end(args);
	if (len > 0)
		o->used += (size_t)len;
	if (o->used >= LINES_FULL)
		write_lines(o);
	if (!o->first_ns)
		o->first_ns = o->now_ns;
}

int output_timeout(const struct output *o)
{
	if (!o->first_ns || (o->writer && (o->by_count || !stream_pending(o->writer))))
		return -1;
	uint64_t due = o->first_ns + STREAM_LINGER_MS * NS_PER_MS, now = monotonic_ns();
	return now >= due ? 0 : (int)((due - now) / NS_PER_MS) + 1;
}
