/* reframe: the flow stream or JSON lines from standard input, to the flow stream on standard
 * output.
 *
 *   reframe [-j | -p | -2] [-n RECORDS]
 *
 * -j writes JSON lines instead, -p protobuf messages, FlowRecord, each behind its length, -2 those
 * of GoFlow2; -n cuts a frame after so many records. Fails if any of it could not be read. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/input.h"
#include "lib/jsonl.h"
#include "lib/proto.h"

struct reframe {
	int form; /* the option's letter; 0: frames */
	uint32_t cut;
	struct stream_writer *writer;
	struct proto_writer *proto;
	char *text;
};

static int write_out(void *ctx, const void *data, size_t len)
{
	(void)ctx;
	return fwrite(data, 1, len, stdout) == len ? 0 : ERR_IO;
}

/* The record as text or a message; 0: it does not fit. */
static size_t form(struct reframe *o, const struct record *r)
{
	switch (o->form) {
	case 'j': return jsonl_write(r, o->text, JSONL_LINE_MAX);
	case 'p': return proto_write(o->proto, r, true, o->text, JSONL_LINE_MAX);
	default: return proto_write_goflow2(r, true, o->text, JSONL_LINE_MAX);
	}
}

static int put(struct reframe *o, const struct record *r)
{
	if (o->form) {
		size_t len = form(o, r);
		return len > 0 ? write_out(NULL, o->text, len) : ERR_TOO_LARGE;
	}
	int err = stream_put(o->writer, r, 0);
	if (err == 0 && stream_pending(o->writer) == o->cut)
		err = stream_flush(o->writer, 0);
	return err;
}

/* Lines of counters, which a protobuf message is none of. */
static int put_counters(struct reframe *o, const struct frame *f)
{
	const char *line = (const char *)f->payload, *end = line + f->len, *nl;
	int err = 0;
	if (o->form)
		return o->form == 'j' ? write_out(NULL, line, f->len) : 0;
	for (; err == 0 && line < end && (nl = memchr(line, '\n', (size_t)(end - line)));
		line = nl + 1)
		err = stream_put_counters(o->writer, line, (size_t)(nl + 1 - line), 0);
	return err;
}

static int put_frame(struct reframe *o, const struct frame *f, struct record *r)
{
	struct frame_iter it;
	int got, err = 0;

	if (f->kind == FRAME_COUNTERS)
		return put_counters(o, f);
	frame_begin(&it, f, r);
	while (err == 0 && (got = frame_next(&it, r)) != 0)
		err = got < 0 ? got : put(o, r);
	return err;
}

static int copy(struct reframe *o, struct input *in, struct record *r)
{
	ssize_t got;
	do {
		struct frame f;
		int err = 0;
		got = input_fill(in, STDIN_FILENO);
		while (err == 0 && input_next(in, &f, got == 0))
			err = put_frame(o, &f, r);
		if (err < 0)
			return err;
	} while (got > 0 || got == ERR_RETRY);
	if (got < 0)
		return (int)got;
	struct input_counts counts;
	input_counts(in, &counts);
	if (counts.bad_lines || counts.unknown_keys || counts.stream.damaged ||
		counts.stream.skipped_bytes)
		return ERR_FRAME_FORMAT;
	return o->form ? 0 : stream_flush(o->writer, 0);
}

int main(int argc, char **argv)
{
	struct reframe o = {.cut = STREAM_RECORDS_MAX};
	struct record r;
	int c;

	while ((c = getopt(argc, argv, "jp2n:")) != -1) {
		if (c == 'n')
			o.cut = (uint32_t)strtoul(optarg, NULL, 10);
		else if (c == '?')
			return 64;
		else
			o.form = c;
	}
	struct input *in = input_new();
	if (in)
		input_take_counters(in, true);
	o.writer = stream_writer_new(NULL, write_out, NULL);
	o.proto = proto_writer_new();
	o.text = malloc(JSONL_LINE_MAX);
	int err = in && o.writer && o.proto && o.text && record_init(&r) == 0 ? copy(&o, in, &r)
									      : ERR_MEMORY;
	if (err == 0 && fflush(stdout) != 0)
		err = ERR_IO;
	if (err < 0)
		fprintf(stderr, "reframe: %s\n", err_sentence(err));
	record_release(&r);
	stream_writer_free(o.writer);
	input_free(in);
	proto_writer_free(o.proto);
	free(o.text);
	return err < 0;
}
