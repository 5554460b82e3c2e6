/* ring: pcap records ready to be written, between the sockets and standard output. A record is
 * never split over the ring's end, so that each can be built in place. */
#ifndef NFRECV_RING_H
#define NFRECV_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring {
	uint8_t *base;
	size_t size, head, tail;
	size_t wrap;      /* where the bytes before the end stop, while tail is behind head */
	bool wrapped;     /* tail is behind head */
	size_t partial;   /* bytes of the record at head that are not written yet; 0: it is whole */
	uint64_t records; /* held, the partly written one included */
};

/* Maps a ring of `size` bytes, whose pages cost nothing until they are used. Returns 0 or
 * ERR_MEMORY. */
int ring_open(struct ring *r, size_t size);
void ring_close(struct ring *r);

/* Room for one record of n bytes, or NULL if there is none. It counts once ring_commit is called.
 */
uint8_t *ring_reserve(struct ring *r, size_t n);
void ring_commit(struct ring *r, size_t n);

/* The bytes to write next: their number, 0 if the ring is empty. */
size_t ring_peek(const struct ring *r, const uint8_t **bytes);

/* n of those bytes have been written. Returns how many records were completed by them. */
uint64_t ring_consume(struct ring *r, size_t n);

#endif
