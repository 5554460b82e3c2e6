/* bitflip: turns over every bit of a flow stream in turn, and reads it.
 *
 *   bitflip FILE
 *
 * With each bit, all frames of records but at most the one that the bit is in must come out as they
 * were, and the damage must be counted. Ends with 0 and how many bits and frames there were, or
 * with 1 and what was wrong. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/stream.h"

#define FRAMES_MAX 4096
#define FILE_MAX   (4 * 1024 * 1024)

struct frames {
	size_t count;
	struct {
		uint64_t sequence;
		const uint8_t *payload; /* in the file */
		size_t len;
	} frame[FRAMES_MAX];
};

static uint8_t file[FILE_MAX], flipped[FILE_MAX];

/* Reads all of data, handing each frame of records to take. Returns the number of signs of damage.
 */
static uint64_t read_all(const uint8_t *data, size_t len,
	void (*take)(struct frames *, const struct frame *, size_t), struct frames *frames)
{
	struct stream_reader *r = stream_reader_new();
	struct frame f;
	size_t at = 0, n = 0;

	if (!r)
		abort();
	while (at < len) {
		size_t room;
		void *to = stream_room(r, &room);
		size_t part = room < len - at ? room : len - at;
		memcpy(to, data + at, part);
		stream_filled(r, part);
		at += part;
		while (stream_next(r, &f, at == len))
			take(frames, &f, n++);
	}
	const struct stream_counts *c = stream_counts(r);
	uint64_t signs = c->damaged + c->missing + c->skipped_bytes;
	stream_reader_free(r);
	return signs;
}

static void note(struct frames *all, const struct frame *f, size_t n)
{
	if (n >= FRAMES_MAX)
		abort();
	const uint8_t *payload = memmem(file, sizeof file, f->payload, f->len);
	if (!payload)
		abort();
	all->frame[n].sequence = f->sequence;
	all->frame[n].payload = payload;
	all->frame[n].len = f->len;
	all->count = n + 1;
}

static size_t intact, wrong, place;

/* The frames that come out must be those that went in, in their order. */
static void check(struct frames *all, const struct frame *f, size_t n)
{
	if (n == 0)
		place = 0;
	while (place < all->count && all->frame[place].sequence != f->sequence)
		place++;
	if (place < all->count && all->frame[place].len == f->len &&
		memcmp(all->frame[place].payload, f->payload, f->len) == 0)
		intact++;
	else
		wrong++;
	place++;
}

/* True if bit number `bit` did no more harm than it may. */
static bool try_bit(struct frames *all, size_t len, size_t bit)
{
	flipped[bit / 8] ^= (uint8_t)(1 << bit % 8);
	intact = wrong = 0;
	uint64_t signs = read_all(flipped, len, check, all);
	flipped[bit / 8] ^= (uint8_t)(1 << bit % 8);
	if (signs > 0 && wrong == 0 && intact + 1 >= all->count)
		return true;
	printf("bit %zu of byte %zu: %zu of %zu frames intact, %zu wrong, %s\n", bit % 8, bit / 8,
		intact, all->count, wrong, signs > 0 ? "counted" : "not counted");
	return false;
}

int main(int argc, char **argv)
{
	static struct frames all;
	FILE *in = argc == 2 ? fopen(argv[1], "rb") : NULL;
	size_t len = in ? fread(file, 1, sizeof file, in) : 0, bad = 0;

	if (len == 0 || len == sizeof file || read_all(file, len, note, &all) != 0 ||
		all.count == 0) {
		fputs("bitflip FILE, a flow stream without damage of less than 4 MiB\n", stderr);
		return 64;
	}
	fclose(in);
	memcpy(flipped, file, len);
	for (size_t bit = 0; bit < len * 8 && bad < 10; bit++)
		bad += !try_bit(&all, len, bit);
	printf("bits %zu, frames %zu\n", len * 8, all.count);
	return bad > 0;
}
