/* recdiff: do two files hold the same flow records, in the same order?
 *
 *   recdiff FILE1 FILE2 [FIELD...]
 *
 * Each file is a flow stream or JSON lines. The FIELDs are not compared. Ends with 0 and the number
 * of records, or with 1 and the first pair that differs. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/input.h"
#include "lib/jsonl.h"

struct side {
	const char *name;
	int fd;
	bool ended;
	struct input *in;
	struct frame frame;
	struct frame_iter it;
	bool in_frame;
	struct record r;
};

/* The next record of a file: 1, 0 at its end, or a negative code. */
static int next(struct side *s)
{
	for (;;) {
		if (s->in_frame) {
			int got = frame_next(&s->it, &s->r);
			if (got != 0)
				return got;
			s->in_frame = false;
		}
		if (input_next(s->in, &s->frame, s->ended)) {
			frame_begin(&s->it, &s->frame, &s->r);
			s->in_frame = true;
			continue;
		}
		if (s->ended)
			return 0;
		ssize_t got = input_fill(s->in, s->fd);
		if (got < 0 && got != ERR_RETRY)
			return (int)got;
		s->ended = got == 0;
	}
}

static int open_side(struct side *s, const char *name)
{
	s->name = name;
	s->fd = open(name, O_RDONLY | O_CLOEXEC);
	s->in = input_new();
	if (s->fd < 0 || !s->in || record_init(&s->r) != 0) {
		fprintf(stderr, "recdiff: %s: %s\n", name, strerror(errno));
		return ERR_IO;
	}
	return 0;
}

static bool damaged(const struct side *s)
{
	struct input_counts c;
	input_counts(s->in, &c);
	return c.bad_lines || c.unknown_keys || c.stream.damaged || c.stream.skipped_bytes;
}

static void hide(struct record *r, const uint64_t *hidden)
{
	for (size_t i = 0; i < FIELD_WORDS; i++)
		r->present[i] &= ~hidden[i];
}

static void show(const struct side *s, int got)
{
	static char line[JSONL_LINE_MAX];
	size_t len = got > 0 ? jsonl_write(&s->r, line, sizeof line) : 0;
	printf("%s: %.*s", s->name, (int)len, line);
	if (got <= 0)
		puts(got == 0 ? "no more" : err_sentence(got));
}

static int compare(struct side *a, struct side *b, const uint64_t *hidden)
{
	for (size_t n = 0;; n++) {
		int got_a = next(a), got_b = next(b);
		/* records of a frame share values, so that what is hidden is put back */
		uint64_t present_a[FIELD_WORDS], present_b[FIELD_WORDS];
		memcpy(present_a, a->r.present, sizeof present_a);
		memcpy(present_b, b->r.present, sizeof present_b);
		hide(&a->r, hidden);
		hide(&b->r, hidden);
		if (got_a != got_b || got_a < 0 || (got_a > 0 && !record_equal(&a->r, &b->r))) {
			printf("record %zu\n", n);
			show(a, got_a);
			show(b, got_b);
			return 1;
		}
		if (got_a == 0) {
			printf("%zu\n", n);
			return 0;
		}
		memcpy(a->r.present, present_a, sizeof present_a);
		memcpy(b->r.present, present_b, sizeof present_b);
	}
}

static void close_side(struct side *s)
{
	close(s->fd);
	record_release(&s->r);
	input_free(s->in);
}

int main(int argc, char **argv)
{
	uint64_t hidden[FIELD_WORDS] = {0};
	static struct side a, b;

	for (int i = 3; i < argc; i++) {
		int id = field_by_name(argv[i], strlen(argv[i]));
		if (id < 0) {
			fprintf(stderr, "recdiff: no such field: %s\n", argv[i]);
			return 64;
		}
		hidden[id / 64] |= UINT64_C(1) << (id % 64);
	}
	if (argc < 3 || open_side(&a, argv[1]) != 0 || open_side(&b, argv[2]) != 0)
		return 64;
	int differs = compare(&a, &b, hidden);
	if (damaged(&a) || damaged(&b)) {
		puts("damaged");
		differs = 1;
	}
	close_side(&a);
	close_side(&b);
	return differs;
}
