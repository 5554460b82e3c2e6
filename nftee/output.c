/* One reader of the copies: its ring, its pipe, what it missed. */
#include "nftee/nftee.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/stream_format.h"

/* A frame, for the ring: the records in it. */
static struct ring_entry frame_entry(const uint8_t *frame)
{
	struct stream_header h;
	memcpy(&h, frame, sizeof h);
	return (struct ring_entry){.size = STREAM_HEADER + h.payload + STREAM_TRAILER,
		.count = h.kind == FRAME_RECORDS ? h.records : 0};
}

int output_open(struct output *o, uint64_t queue)
{
	int fd = open(o->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0) {
		log_error("%s: %s", o->path, strerror(errno));
		return ERR_IO;
	}
	stage_output_begin(&o->out, fd);
	int err = ring_open(&o->ring, queue, frame_entry);
	if (err)
		log_error("%s: %s", o->path, err_sentence(err));
	return err;
}

void output_close(struct output *o)
{
	if (o->closed || !o->ring.base)
		return;
	o->closed = true;
	o->unwritten = o->ring.held;
	stage_output_end(&o->out);
	close(o->out.fd);
	ring_close(&o->ring);
}

bool output_pending(const struct output *o)
{
	const uint8_t *bytes;
	return !o->closed && ring_peek(&o->ring, &bytes) > 0;
}

bool output_ready(struct output *o, size_t len)
{
	return o->closed || !o->blocks || ring_reserve(&o->ring, len) != NULL;
}

/* Returns whether there was room. */
static bool put(struct output *o, const uint8_t *frame, size_t len)
{
	uint8_t *p = o->closed ? NULL : ring_reserve(&o->ring, len);
	if (!p)
		return false;
	memcpy(p, frame, len);
	ring_commit(&o->ring, len);
	return true;
}

bool output_put(struct nftee *n, struct output *o, const struct frame *f)
{
	size_t len;
	uint64_t missed;
	const uint8_t *frame = stream_frame_bytes(f, &len);
	uint64_t records = f->kind == FRAME_RECORDS ? f->records : 0;
	o->offered += records;
	if (o->behind && n->schema_len && !put(o, n->schema, n->schema_len))
		goto dropped;
	if (!put(o, frame, len))
		goto dropped;
	o->behind = false;
	return true;
dropped:
	o->behind = true;
	o->dropped += records;
	o->dropped_frames++;
	if (!o->closed && log_limit(&o->limit, &missed))
		log_warn(
			"the reader is too slow: frames are dropped output=%s dropped_records=%llu",
			o->path, (unsigned long long)o->dropped);
	return false;
}

void output_write(struct output *o, bool gone)
{
	int err = gone ? ERR_CLOSED : ring_write(&o->ring, o->out.fd, &o->written);
	if (err == ERR_CLOSED)
		log_warn("the reader has gone away output=%s unwritten=%llu", o->path,
			(unsigned long long)o->ring.held);
	else if (err)
		log_error("%s: %s", o->path, strerror(errno));
	if (err)
		output_close(o);
}
