/* state: what a decoder remembers, as bytes for a file, so that another run goes on where this one
 * ended: templates, sampling rates, sequence numbers, and data sets that wait for their templates.
 *
 * All integers are big-endian. A header: "GFSTATE" and a zero byte, version (4 bytes), length of what
 * follows the header (8), CRC-32C over all of the header before it and what follows it (4). Then four lists,
 * each behind its number of entries (4): definitions of templates; domains with their templates, by the
 * number of their definitions, the least recently used first; exporters with their samplers and names; waiting data
 * sets in their order. Counters are of a run, not state. */
#ifndef GOFLOW_STATE_H
#define GOFLOW_STATE_H

#include "lib/bytes.h"
#include "lib/decode.h"

#define STATE_VERSION     4
#define STATE_HEADER_SIZE 24

/* How much of it. What the next datagram makes wrong (sequence numbers, what waits) is for the end alone:
 * after a crash the datagrams since then would be taken for lost, or decoded twice. */
enum state_extent { STATE_LASTING, STATE_WHOLE };

/* Writes d's state over what `out` held. *fingerprint is that of its contents, whatever the order of use: equal
 * where nothing has changed. Returns 0 or ERR_MEMORY. */
int state_write(const struct decoder *d, enum state_extent extent, struct bytes *out, uint64_t *fingerprint);

/* Reads a state back into a decoder that has decoded nothing yet. What does not fit its bounds is left
 * out, the least recently used first. Returns 0, ERR_STATE_VERSION (of another version, or no state at
 * all), ERR_STATE_DAMAGED (cut, or its checksum does not hold, or impossible), or ERR_MEMORY; then
 * nothing of it is used. */
int state_read(struct decoder *d, const uint8_t *bytes, size_t len);

#endif
