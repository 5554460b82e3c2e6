#include "lib/ring.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/err.h"

int ring_open(struct ring *r, size_t size, ring_measure *measure)
{
	void *base = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	*r = (struct ring){
		.measure = measure, .base = base == MAP_FAILED ? NULL : base, .size = size};
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
	r->held += r->measure(r->base + r->tail).count;
	r->tail += n;
}

size_t ring_peek(const struct ring *r, const uint8_t **bytes)
{
	*bytes = r->base + r->head + r->written;
	return (r->wrapped ? r->wrap : r->tail) - r->head - r->written;
}

void ring_rewind(struct ring *r)
{
	r->written = 0;
}

uint64_t ring_consume(struct ring *r, size_t n)
{
	uint64_t done = 0;
	for (n += r->written; n; r->written = 0) {
		struct ring_entry first = r->measure(r->base + r->head);
		if (n < first.size) {
			r->written = n;
			break;
		}
		r->head += first.size;
		n -= first.size;
		done += first.count;
	}
	r->held -= done;
	if (r->wrapped && r->head == r->wrap) {
		r->head = 0;
		r->wrapped = false;
	}
	if (!r->wrapped && r->head == r->tail) /* empty: the first pages are in the cache */
		r->head = r->tail = 0;
	return done;
}

int ring_write(struct ring *r, int fd, uint64_t *done)
{
	const uint8_t *bytes;
	size_t len;
	while ((len = ring_peek(r, &bytes)) > 0) {
		ssize_t n = write(fd, bytes, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : errno == EPIPE ? ERR_CLOSED : ERR_IO;
		*done += ring_consume(r, (size_t)n);
		if ((size_t)n < len)
			return 0;
	}
	return 0;
}
