/* record: one flow record, in memory and packed.
 *
 * Presence is a bit beside the value: zero is a legal port, AS and byte count. Text and extras
 * borrow their bytes (from the datagram, frame or line that the record was read from). */
#ifndef GOFLOW_RECORD_H
#define GOFLOW_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/fields.h"
#include "lib/instant.h"
#include "lib/ip.h"

struct mac {
	uint8_t b[6];
};

struct text {
	const char *p; /* not NUL-terminated, any bytes */
	uint32_t len;  /* <= 65,535 */
};

#define EXTRAS_MAX 16384 /* in one record */

/* An element that no field claims. */
struct extra {
	uint32_t pen;
	uint16_t id, len;
	const uint8_t *bytes;
};

struct record {
#define F(name, kind, dflt, unit, doc, ...) KIND_TYPE_##kind name;
#define W(field, value, word)
#define KIND_TYPE_U8   uint8_t
#define KIND_TYPE_U16  uint16_t
#define KIND_TYPE_U32  uint32_t
#define KIND_TYPE_U64  uint64_t
#define KIND_TYPE_IP   struct ip
#define KIND_TYPE_MAC  struct mac
#define KIND_TYPE_TIME struct instant
#define KIND_TYPE_TEXT struct text
#define KIND_TYPE_WORD uint8_t
#include "lib/fields.def"
#undef F
#undef W
	uint32_t extra_count;
	struct extra *extras; /* elements that occur more than once stand next to each other; owned by who
	                         made the record */
	uint64_t present[FIELD_WORDS];
	/* Of these, the ones that this record shares with the others of its datagram, which the stream
	 * then holds once; share_id changes whenever their values do. All 0 for a record on its own. */
	uint64_t shared[FIELD_WORDS];
	uint64_t share_id;
};

static inline bool record_has(const struct record *r, enum field_id id)
{
	return r->present[id / 64] >> (id % 64) & 1;
}

static inline void record_mark(struct record *r, enum field_id id)
{
	r->present[id / 64] |= UINT64_C(1) << (id % 64);
}

/* Sets a member and its presence bit: RECORD_SET(r, src_port, 53). */
#define RECORD_SET(r, name, value)                                                                 \
	do {                                                                                       \
		(r)->name = (value);                                                               \
		record_mark((r), FIELD_##name);                                                    \
	} while (0)

/* The address of a field's member. */
static inline const void *record_field(const struct record *r, enum field_id id)
{
	return (const char *)r + fields[id].offset;
}

/* Whether last_switched is more than back_ns before the time of receipt or ahead_ns after it (0: no such bound).
 * Never so of a record that lacks either. */
bool record_time_astray(const struct record *r, uint64_t back_ns, uint64_t ahead_ns);

/* The largest packed record. */
#define RECORD_PACKED_MAX (900 * 1024)

/* What a packed entry is (goflow-stream(5), ENTRIES). */
enum entry_flag {
	ENTRY_SHARED = 1, /* values for the records behind it, up to the next such entry */
	ENTRY_EXTRAS = 2, /* elements that no field claims follow the values */
};

/* Packs the fields of r whose bits are set in `which` (FIELD_WORDS words; all of them must be
 * present) as an entry with the given flags; with ENTRY_EXTRAS its extras too. Returns the length,
 * or 0 if it does not fit into cap. */
size_t record_pack(const struct record *r, const uint64_t *which, unsigned flags, uint8_t *out, size_t cap);

/* A schema: the kind and name of each id, as a schema frame tells; maps to our own fields. */
struct schema {
	uint64_t hash;
	uint16_t count;
	struct {
		uint8_t kind;
		int16_t field; /* ours, or -1: we have none of that name and kind */
	} column[256];
};

/* Our own schema, compiled in. */
const struct schema *schema_own(void);

/* The payload of our schema frame: its length; *payload borrows static storage. */
size_t schema_payload(const uint8_t **payload);

/* Reads the payload of a schema frame. Returns 0, or ERR_FRAME_FORMAT. */
int schema_parse(const uint8_t *payload, size_t len, struct schema *out);

/* Unpacks one entry of exactly len bytes written under `schema` into r. A shared entry (*flags tells)
 * replaces all of r's values; a record's own are added to those, and to those alone.
 * Text and extras borrow from `entry`. extras has room for extra_cap. Fields that we do not have are passed
 * over and counted in *unknown. Returns 0, or ERR_FRAME_FORMAT (r then holds only shared values). */
int record_unpack(const struct schema *schema, const uint8_t *entry, size_t len, struct record *r,
	size_t extra_cap, unsigned *flags, uint64_t *unknown);

/* The flags and total length of the entry that begins at p (len bytes are there); 0 if it is torn. */
size_t entry_length(const uint8_t *p, size_t len, unsigned *flags);

/* Same values in all fields and extras (shared bits do not matter). */
bool record_equal(const struct record *a, const struct record *b);

#endif
