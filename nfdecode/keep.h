/* keep: the decoder's state in a file (--state): read at the start, replaced while running and at the end. */
#ifndef NFDECODE_KEEP_H
#define NFDECODE_KEEP_H

#include "lib/state.h"

struct keep {
	const char *path; /* as the user gave it, for messages; NULL: nothing is kept. Borrowed */
	const char *name; /* of the file in its folder: a part of path */
	int dir;          /* the folder; -1: none */
	size_t size_max;  /* a larger file is refused */
	uint64_t next_ns, interval_ns; /* monotonic: when to look for changes again */
	uint64_t fingerprint;          /* of what the file holds */
	bool failing;                  /* said already */
	struct bytes image;
};

/* Opens the file's folder, which must be writable, and reads the state into d, if the file is there; one that
 * cannot be used is left alone until the first save, with a warning. state_max bounds the file. Returns
 * 0, or ERR_IO after a log line. */
int keep_open(struct keep *k, const char *path, struct decoder *d, size_t state_max);

/* Replaces the file if what lasts has changed and it is time for it: at the first call, a second later, then
 * ever more seldom, down to once a minute. A failure is logged, once in a row. */
void keep_tick(struct keep *k, const struct decoder *d, uint64_t now_ns);

/* Milliseconds until keep_tick has something to do, -1: never. */
int keep_timeout(const struct keep *k, uint64_t now_ns);

/* Replaces the file by the whole state. Returns 0 or ERR_IO after a log line. */
int keep_save(struct keep *k, const struct decoder *d);

/* Closes the folder; the file stays. */
void keep_close(struct keep *k);

#endif
