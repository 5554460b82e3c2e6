/* late: data sets that came before their template wait, bounded in bytes and time, and are decoded in
 * their order when it arrives. For lib's decoders alone. */
#ifndef GOFLOW_LATE_H
#define GOFLOW_LATE_H

#include "lib/bytes.h"
#include "lib/message.h"

struct late;

/* At most max_bytes of waiting sets, none for longer than max_ns of capture time. The seed keeps attackers from
 * choosing buckets. NULL: no memory. */
struct late *late_new(size_t max_bytes, uint64_t max_ns, uint64_t seed);
void late_free(struct late *l);

/* Keeps a copy of a data set of the message in hand. Returns false if it alone is over the bound, or
 * there is no memory. Where there is no room others are given up, and counted: the oldest of its own exporter, if
 * that takes more than half of the room; else of exporters not proven; else of all. */
bool late_hold(struct message *m, uint16_t id, struct cursor set);

/* Gives up the sets that have waited too long at now_ns. */
void late_expire(struct decoder *d, uint64_t now_ns);

/* A template of that id is in force by the message in hand: what waits for it, from whatever UDP port, is due. */
void late_announced(struct message *m, uint16_t id);

/* Decodes what is due, in the order in which it came. The decoder's record is overwritten, and another domain
 * may be in hand after it. */
void late_release(struct decoder *d);

/* A record of that exporter could be decoded. */
void late_prove(struct decoder *d, const struct ip *address);

/* The datagram of m is done with: if m->pending, its sets that wait decide how it is counted. Returns
 * whether they do. */
bool late_settle(struct message *m);

/* For lib/state: the sets that wait, as a list of it (see lib/state.h). */
void late_write(const struct late *l, struct bytes *out);

/* Reads such a list into d, which holds none yet, and counts their datagrams as waiting and resumed. What is over
 * the bound is given up. Returns 0, ERR_MEMORY, or ERR_STATE_DAMAGED; then late_clear is due. */
int late_read(struct decoder *d, struct cursor *c);

/* Drops them all, uncounted. */
void late_clear(struct late *l);

#endif
