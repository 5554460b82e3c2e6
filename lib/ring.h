/* ring: what is ready to be written, between where it came from and a pipe: entries, as records of a pcap
 * stream or frames of a flow stream. An entry is never split over the ring's end, so that each can be
 * built in place. */
#ifndef GOFLOW_RING_H
#define GOFLOW_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What an entry's first bytes say of it. */
struct ring_entry {
	size_t size;    /* in all */
	uint64_t count; /* of what the ring's user counts in it: datagrams, flow records */
};

typedef struct ring_entry ring_measure(const uint8_t *entry);

struct ring {
	ring_measure *measure;
	uint8_t *base;
	size_t size, head, tail;
	size_t wrap;               /* where the bytes before the end stop, while tail is behind head */
	bool wrapped;              /* tail is behind head */
	size_t written;            /* bytes of the entry at head; it stays until all of it is */
	uint64_t held;             /* counts of all entries, that of the partly written one included */
};

/* Maps a ring of `size` bytes, whose pages cost nothing until they are used. Returns 0 or
 * ERR_MEMORY. */
int ring_open(struct ring *r, size_t size, ring_measure *measure);
void ring_close(struct ring *r);

/* Room for one entry of n bytes, or NULL if there is none. It counts once ring_commit is called. */
uint8_t *ring_reserve(struct ring *r, size_t n);
void ring_commit(struct ring *r, size_t n);

/* The bytes to write next: their number, 0 if the ring is empty. */
size_t ring_peek(const struct ring *r, const uint8_t **bytes);

/* n of those bytes have been written. Returns the counts of the entries that were completed by them. */
uint64_t ring_consume(struct ring *r, size_t n);

/* What was written of an entry in part is written again: to another reader. */
void ring_rewind(struct ring *r);

/* Writes what the ring holds to a non-blocking descriptor, as much as that takes. Adds to *done as ring_consume
 * returns. Returns 0, ERR_CLOSED (the reader has gone away) or ERR_IO (errno is set). */
int ring_write(struct ring *r, int fd, uint64_t *done);

#endif
