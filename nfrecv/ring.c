#include "nfrecv/ring.h"

#include <string.h>
#include <sys/mman.h>

#include "lib/err.h"

#define RECORD_HEADER 16 /* of pcap; the captured length stands at byte 8 */

int ring_open(struct ring *r, size_t size)
{
	void *base = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	*r = (struct ring){.base = base == MAP_FAILED ? NULL : base, .size = size};
	return r->base ? 0 : ERR_MEMORY;
}

void ring_close(struct ring *r)
{
	if (r->base)
		munmap(r->base, r->size);
	r->base = NULL;
}

uint8_t *ring_reserve(struct ring *r, size_t n)
{
	if (r->wrapped)
		return r->head - r->tail >= n ? r->base + r->tail : NULL;
	if (r->size - r->tail >= n)
		return r->base + r->tail;
	if (r->head < n)
		return NULL;
	r->wrap = r->tail;
	r->wrapped = true;
	r->tail = 0;
	return r->base;
}

void ring_commit(struct ring *r, size_t n)
{
	r->tail += n;
	r->records++;
}

size_t ring_peek(const struct ring *r, const uint8_t **bytes)
{
	*bytes = r->base + r->head;
	return (r->wrapped ? r->wrap : r->tail) - r->head;
}

static size_t record_size(const uint8_t *p)
{
	uint32_t caplen;
	memcpy(&caplen, p + 8, sizeof caplen);
	return RECORD_HEADER + caplen;
}

uint64_t ring_consume(struct ring *r, size_t n)
{
	uint64_t done = 0;
	while (n) {
		size_t left = r->partial ? r->partial : record_size(r->base + r->head);
		size_t step = n < left ? n : left;
		r->head += step;
		r->partial = left - step;
		n -= step;
		done += r->partial == 0;
	}
	r->records -= done;
	if (r->wrapped && r->head == r->wrap) {
		r->head = 0;
		r->wrapped = false;
	}
	if (!r->wrapped && r->head == r->tail) /* empty: the first pages are in the cache */
		r->head = r->tail = 0;
	return done;
}
