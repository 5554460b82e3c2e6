/* samples: random flow records on standard output, as a flow stream: the first of all fields, the
 * others of any.
 *
 *   samples SEED COUNT
 *
 * The same seed gives the same records. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/stream.h"
#include "tests/unit/records.h"

static int to_stdout(void *ctx, const void *frame, size_t len)
{
	(void)ctx;
	return fwrite(frame, 1, len, stdout) == len ? 0 : -1;
}

int main(int argc, char **argv)
{
	static struct sample sample;
	struct stream_writer *w = stream_writer_new(NULL, to_stdout, NULL);
	if (argc != 3 || !w) {
		fprintf(stderr, "usage: samples SEED COUNT\n");
		return 64;
	}
	struct dice dice = {strtoull(argv[1], NULL, 10)};
	for (unsigned long i = 0, count = strtoul(argv[2], NULL, 10); i < count; i++) {
		if (i == 0)
			sample_full(&sample, &dice);
		else
			sample_random(&sample, &dice);
		if (stream_put(w, &sample.record, 0) != 0)
			return 74;
	}
	int err = stream_flush(w, 0);
	stream_writer_free(w);
	return err || fflush(stdout) != 0 ? 74 : 0;
}
