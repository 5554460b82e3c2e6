#include "lib/input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/jsonl.h"
#include "lib/log.h"

#define FRAME_OF_LINES STREAM_FRAME_FULL

enum form { INPUT_UNKNOWN, INPUT_STREAM, INPUT_JSON };

/* JSON lines: the text read, and the frame that its records are packed into. */
struct lines {
	struct jsonl_reader *reader;
	struct record record;
	size_t pos, len;
	uint64_t number; /* of the line at pos, from 1 */
	bool too_long;   /* in the middle of a line that is longer than the buffer */
	struct log_limit limit;
	char text[JSONL_LINE_MAX];
	uint8_t frame[STREAM_FRAME_MAX];
	size_t counters_len; /* of lines of counters that wait */
	uint8_t counters[STREAM_FRAME_MAX - STREAM_HEADER - STREAM_TRAILER];
};

struct input {
	enum form form;
	bool counters; /* are wanted */
	uint64_t bad_lines, other_lines, unknown_keys;
	struct stream_reader *stream; /* until the form is known, what is read goes here */
	struct lines *lines;          /* NULL but for JSON lines */
};

struct input *input_new(void)
{
	struct input *in = calloc(1, sizeof *in);
	if (in && !(in->stream = stream_reader_new())) {
		free(in);
		return NULL;
	}
	return in;
}

void input_take_counters(struct input *in, bool wanted)
{
	in->counters = wanted;
	stream_read_counters(in->stream);
}

static void lines_free(struct lines *l)
{
	if (!l)
		return;
	jsonl_reader_free(l->reader);
	record_release(&l->record);
	free(l);
}

void input_free(struct input *in)
{
	if (!in)
		return;
	stream_reader_free(in->stream);
	lines_free(in->lines);
	free(in);
}

static struct lines *lines_new(void)
{
	struct lines *l = malloc(sizeof *l);
	if (!l)
		return NULL;
	memset(l, 0, offsetof(struct lines, text));
	l->number = 1;
	l->counters_len = 0;
	l->reader = jsonl_reader_new();
	if (!l->reader || record_init(&l->record) != 0) {
		lines_free(l);
		return NULL;
	}
	return l;
}

/* Text begins a JSON line, well formed or not; anything else is looked through for frames. */
static enum form form_of(uint8_t first)
{
	return (first >= 0x20 && first < 0x7f) || first == '\n' || first == '\r' || first == '\t'
		       ? INPUT_JSON
		       : INPUT_STREAM;
}

/* Where the next bytes go. */
static void *room_in(struct input *in, size_t *room)
{
	struct lines *l = in->lines;
	if (!l)
		return stream_room(in->stream, room);
	memmove(l->text, l->text + l->pos, l->len - l->pos);
	l->len -= l->pos;
	l->pos = 0;
	*room = sizeof l->text - l->len;
	return l->text + l->len;
}

static int choose_form(struct input *in, const uint8_t *bytes, size_t n)
{
	in->form = form_of(bytes[0]);
	if (in->form == INPUT_STREAM)
		return 0;
	in->lines = lines_new();
	if (!in->lines)
		return ERR_MEMORY;
	memcpy(in->lines->text, bytes, n);
	return 0;
}

ssize_t input_fill(struct input *in, int fd)
{
	size_t room;
	void *to = room_in(in, &room);
	ssize_t n = read(fd, to, room);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? ERR_RETRY : ERR_IO;
	if (n > 0 && in->form == INPUT_UNKNOWN) {
		int err = choose_form(in, to, (size_t)n);
		if (err)
			return err;
	}
	if (in->lines)
		in->lines->len += (size_t)n;
	else
		stream_filled(in->stream, (size_t)n);
	return n;
}

static void bad_line(struct input *in, int err, size_t offset)
{
	uint64_t missed;
	in->bad_lines++;
	if (log_limit(&in->lines->limit, &missed))
		log_warn("line passed over: %s line=%llu column=%zu not_said=%llu",
			err_sentence(err), (unsigned long long)in->lines->number, offset + 1,
			(unsigned long long)missed);
}

/* Keeps a line of counters. Returns 0, ERR_TOO_LARGE, or ERR_RETRY: those before it are to go
 * first.
 */
static int keep_counters(struct lines *l, const char *line, size_t len)
{
	if (len + 1 > sizeof l->counters)
		return ERR_TOO_LARGE;
	if (l->counters_len + len + 1 > sizeof l->counters)
		return ERR_RETRY;
	memcpy(l->counters + l->counters_len, line, len);
	l->counters_len += len;
	l->counters[l->counters_len++] = '\n';
	return 0;
}

/* One line into the frame at *used, or to the other one's. Returns false if that has no room left
 * for it: the line is then to be read again. */
static bool take_line(
	struct input *in, const char *line, size_t len, size_t *used, uint32_t *records)
{
	struct lines *l = in->lines;
	size_t offset;
	if (len == 0 || (len == 1 && line[0] == '\r'))
		return true;
	int err = jsonl_read(l->reader, line, len, &l->record, &offset, &in->unknown_keys);
	if (!err) {
		size_t packed = record_pack(&l->record, l->record.present,
			l->record.extra_count ? ENTRY_EXTRAS : 0, l->frame + *used,
			sizeof l->frame - *used);
		if (!packed && *used)
			return false;
		*used += packed;
		*records += packed != 0;
		err = packed ? 0 : ERR_TOO_LARGE;
	}
	if (err == ERR_OTHER_RECORD && !in->counters) {
		in->other_lines++;
		return true;
	}
	if (err == ERR_OTHER_RECORD)
		err = keep_counters(l, line, len);
	if (err == ERR_RETRY)
		return false;
	if (err)
		bad_line(in, err, offset);
	return true;
}

/* A buffer full without a newline: its line can only be passed over. */
static void drop_long_line(struct input *in)
{
	struct lines *l = in->lines;
	if (l->pos != 0 || l->len < sizeof l->text)
		return;
	if (!l->too_long)
		bad_line(in, ERR_TOO_LARGE, sizeof l->text);
	l->too_long = true;
	l->len = 0;
}

static int hand_counters(struct lines *l, struct frame *f)
{
	if (!l->counters_len)
		return 0;
	*f = (struct frame){.kind = FRAME_COUNTERS,
		.payload = l->counters,
		.len = l->counters_len,
		.schema = schema_own()};
	l->counters_len = 0;
	return 1;
}

static int next_of_lines(struct input *in, struct frame *f, bool last)
{
	struct lines *l = in->lines;
	size_t used = 0;
	uint32_t records = 0;

	if (l->counters_len) /* those that came with the records handed out before */
		return hand_counters(l, f);
	while (used < FRAME_OF_LINES && l->pos < l->len) {
		const char *line = l->text + l->pos;
		const char *nl = memchr(line, '\n', l->len - l->pos);
		if (!nl && !last)
			break;
		size_t len = nl ? (size_t)(nl - line) : l->len - l->pos;
		if (!l->too_long && !take_line(in, line, len, &used, &records))
			break;
		l->too_long = false;
		l->number++;
		l->pos += nl ? len + 1 : len;
	}
	drop_long_line(in);
	if (!records)
		return hand_counters(l, f);
	*f = (struct frame){.kind = FRAME_RECORDS,
		.records = records,
		.payload = l->frame,
		.len = used,
		.schema = schema_own()};
	return 1;
}

int input_next(struct input *in, struct frame *f, bool last)
{
	if (in->lines)
		return next_of_lines(in, f, last);
	int got = stream_next(in->stream, f, last);
	if (got > 0 && f->kind == FRAME_COUNTERS && !in->counters)
		f->len = 0;
	return got;
}

bool input_is_json(const struct input *in)
{
	return in->form == INPUT_JSON;
}

void input_counts(const struct input *in, struct input_counts *out)
{
	const struct stream_counts *stream = stream_counts(in->stream);
	*out = (struct input_counts){
		.stream = *stream,
		.bad_lines = in->bad_lines,
		.other_lines = in->other_lines + (in->counters ? 0 : stream->counters),
		.unknown_keys = in->unknown_keys,
	};
}
