/* sum: the truth about flow records, as gen tells it: reads a flow stream or JSON lines from
 * standard input. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/input.h"

struct sums {
	uint64_t records, bytes, packets;
};

static int add_frame(struct sums *s, const struct frame *f, struct record *r)
{
	struct frame_iter it;
	int got;

	frame_begin(&it, f, r);
	while ((got = frame_next(&it, r)) > 0) {
		s->records++;
		s->bytes += record_has(r, FIELD_in_bytes) ? r->in_bytes : 0;
		s->packets += record_has(r, FIELD_in_pkts) ? r->in_pkts : 0;
	}
	return got;
}

static int add_all(struct sums *s, struct input *in, struct record *r)
{
	ssize_t got;
	do {
		struct frame f;
		got = input_fill(in, STDIN_FILENO);
		while (input_next(in, &f, got == 0)) {
			int err = add_frame(s, &f, r);
			if (err < 0)
				return err;
		}
	} while (got > 0 || got == ERR_RETRY);
	return (int)got;
}

int main(void)
{
	struct sums s = {0};
	struct record r;
	struct input *in = input_new();
	int err = in && record_init(&r) == 0 ? add_all(&s, in, &r) : ERR_MEMORY;

	if (err < 0) {
		fprintf(stderr, "sum: %s\n", err_sentence(err));
		return 74;
	}
	printf("{\"records\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"packets\":%" PRIu64 "}\n",
		s.records, s.bytes, s.packets);
	record_release(&r);
	input_free(in);
	return 0;
}
