/* toproto: the flow stream or JSON lines from standard input, to protobuf messages on standard
 * output, each behind its length as a varint.
 *
 *   toproto [-2 | -j] [-n TIMES]
 *
 * -2 writes FlowMessage of GoFlow2 instead of FlowRecord, -j JSON lines; -n writes each record so
 * often into memory instead, and says how many a second that were. Fails if any of it could not be
 * read. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/input.h"
#include "lib/jsonl.h"
#include "lib/proto.h"

enum form { FORM_OWN, FORM_GOFLOW2, FORM_JSON };

struct toproto {
	enum form form;
	unsigned long times;
	struct proto_writer *writer;
	char *out;
	uint64_t records, ns;
};

static size_t write_one(struct toproto *o, const struct record *r)
{
	switch (o->form) {
	case FORM_GOFLOW2: return proto_write_goflow2(r, true, o->out, JSONL_LINE_MAX);
	case FORM_JSON: return jsonl_write(r, o->out, JSONL_LINE_MAX);
	default: return proto_write(o->writer, r, true, o->out, JSONL_LINE_MAX);
	}
}

static uint64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static int put(struct toproto *o, const struct record *r)
{
	size_t len = 0;
	if (o->times == 0) {
		len = write_one(o, r);
		if (len == 0)
			return ERR_TOO_LARGE;
		return fwrite(o->out, 1, len, stdout) == len ? 0 : ERR_IO;
	}
	uint64_t begin = now();
	for (unsigned long i = 0; i < o->times; i++)
		len = write_one(o, r);
	o->ns += now() - begin;
	o->records += o->times;
	return len > 0 ? 0 : ERR_TOO_LARGE;
}

static int put_frame(struct toproto *o, const struct frame *f, struct record *r)
{
	struct frame_iter it;
	int got, err = 0;

	frame_begin(&it, f, r);
	while (err == 0 && (got = frame_next(&it, r)) != 0)
		err = got < 0 ? got : put(o, r);
	return err;
}

static int convert(struct toproto *o, struct input *in, struct record *r)
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
	struct input_counts counts;
	input_counts(in, &counts);
	if (counts.bad_lines || counts.unknown_keys || counts.stream.damaged)
		return ERR_FRAME_FORMAT;
	return (int)got;
}

int main(int argc, char **argv)
{
	struct toproto o = {0};
	struct record r;
	int c;

	while ((c = getopt(argc, argv, "2jn:")) != -1) {
		if (c == '2')
			o.form = FORM_GOFLOW2;
		else if (c == 'j')
			o.form = FORM_JSON;
		else if (c == 'n')
			o.times = strtoul(optarg, NULL, 10);
		else
			return 64;
	}
	struct input *in = input_new();
	o.writer = proto_writer_new();
	o.out = malloc(JSONL_LINE_MAX);
	int err =
		in && o.writer && o.out && record_init(&r) == 0 ? convert(&o, in, &r) : ERR_MEMORY;
	if (err == 0 && fflush(stdout) != 0)
		err = ERR_IO;
	if (err < 0)
		fprintf(stderr, "toproto: %s\n", err_sentence(err));
	if (o.ns)
		printf("%.0f records/s\n", (double)o.records * 1e9 / (double)o.ns);
	record_release(&r);
	proto_writer_free(o.writer);
	input_free(in);
	free(o.out);
	return err < 0;
}
