/* input: what every sink reads: the flow stream or JSON lines, told apart by the first bytes, in
 * either case as frames of records. */
#ifndef GOFLOW_INPUT_H
#define GOFLOW_INPUT_H

#include "lib/stream.h"

struct input;

struct input_counts {
	struct stream_counts stream;
	uint64_t bad_lines;      /* malformed JSON lines, each logged with its number (rate-limited) */
	uint64_t other_lines;    /* lines of sFlow's counters, in either form, that were passed over */
	uint64_t unknown_keys;   /* keys of JSON lines that are no field's */
};

struct input *input_new(void);
void input_free(struct input *in);

/* From now on frames of counters are handed out too: with their lines where these are `wanted`, JSON lines making such
 * frames as well; else those of the stream alone, with nothing in them. Without this, none are. */
void input_take_counters(struct input *in, bool wanted);

/* One read(2) from fd. Returns the bytes read, 0 at the end of the input, ERR_RETRY (EAGAIN, EINTR) or ERR_IO.
 * Call it only after input_next returned 0. */
ssize_t input_fill(struct input *in, int fd);

/* The next frame, of records: 1, or 0: needs more. f borrows until the next call of input_fill or input_next.
 * Frames made of JSON lines are not numbered. With `last` true, after input_fill returned 0, what is
 * left is a torn frame or a line without a newline. */
int input_next(struct input *in, struct frame *f, bool last);

/* True once the first bytes have been seen and are those of JSON lines. */
bool input_is_json(const struct input *in);

void input_counts(const struct input *in, struct input_counts *out);

#endif
