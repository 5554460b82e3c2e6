/* elements: the registry of information elements: IANA's IPFIX registry (RFC 7012, RFC 5102),
 * NetFlow v9's proprietary types, public vendor elements, and reverse elements (RFC 5103). */
#ifndef GOFLOW_ELEMENTS_H
#define GOFLOW_ELEMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Abstract data types, RFC 7012 section 3.1. */
enum element_type {
	ELEMENT_OCTETS, ELEMENT_UNSIGNED, ELEMENT_SIGNED, ELEMENT_FLOAT, ELEMENT_BOOLEAN, ELEMENT_MAC,
	ELEMENT_STRING, ELEMENT_SECONDS, ELEMENT_MILLISECONDS, ELEMENT_MICROSECONDS, ELEMENT_NANOSECONDS,
	ELEMENT_IPV4, ELEMENT_IPV6, ELEMENT_BASIC_LIST, ELEMENT_SUBTEMPLATE_LIST, ELEMENT_SUBTEMPLATE_MULTILIST,
};

struct element {
	uint32_t pen; /* 0: IANA (and, in v9 with ids from 32768 on, Cisco's own) */
	uint16_t id;
	uint8_t type; /* enum element_type */
	const char *name;
};

/* An element of the user's own (lib/elements_file.h), and what it fills. */
struct own_element {
	struct element element;
	int16_t field;  /* enum field_id; -1: none */
	uint8_t form;   /* enum source_form: by which it fills that */
	uint16_t bits;  /* FORM_BITS: OWN_BITS() */
	uint32_t order; /* of several that fill one field, the first in the file counts */
};

/* The bits of a value from `lowest` on, as many as `width` (1 to 64). */
#define OWN_BITS(lowest, width) ((uint16_t)((lowest) << 6 | ((width) - 1)))
#define OWN_BITS_LOWEST(bits)   ((unsigned)(bits) >> 6)
#define OWN_BITS_WIDTH(bits)    (((unsigned)(bits) & 63) + 1)
#define OWN_BITS_MAX            1023 /* the highest bit */

struct own_elements {
	const struct own_element *list;         /* by pen and id, each once */
	const struct own_element *const *names; /* the same by name (strcmp) */
	size_t count;
};

/* Adds a user's elements to the registry, for this process; they go before what it has of the same numbers.
 * Borrowed until the next call; NULL takes them away. Not while another thread reads the registry. */
void elements_extend(const struct own_elements *own);

/* The added element of these very numbers, or NULL. */
const struct own_element *element_own(uint32_t pen, uint16_t id);

/* Whether its values are lists (RFC 6313). */
static inline bool element_is_list(const struct element *e)
{
	return e->type >= ELEMENT_BASIC_LIST && e->type <= ELEMENT_SUBTEMPLATE_MULTILIST;
}

/* Whether an element that element_find returned is an added one. */
bool element_is_own(const struct element *e);

/* Whether the name of an element of `own`, or one of its relatives' that is made of it, would lead to another
 * element too, of `own` or of the registry: then that one's numbers. */
bool elements_clash(const struct own_elements *own, const struct own_element *e, uint32_t *pen, uint16_t *id);

/* A type by its name of RFC 7012 ("unsigned32"): returns it, with the width in bits of an integer in *bits, else 0;
 * -1 if there is none. */
int element_type_by_name(const char *name, unsigned *bits);

#define PEN_REVERSE 29305 /* RFC 5103, section 6.1 */

/* Flow records of sFlow that are not known are elements too: of this number plus the enterprise's (20 bits), with
 * their format (12 bits) as id. */
#define PEN_SFLOW       UINT32_C(0xffe00000)
#define SFLOW_PENS      0x100000
#define SFLOW_FORMATS   4096

/* Templates that go with a record for its lists (lib/lists.h) are elements too: of this number, with their own id. */
#define PEN_LIST_TEMPLATE UINT32_C(0xfffffffd)

/* The element, or NULL if the registry does not know it. Reverse elements (pen PEN_REVERSE, RFC 5103
 * section 6.1, and YAF's own) find the forward element, NetFlow v9's ids for elements of Cisco and
 * ntop find those: element_name tells them apart, by a prefix. Static storage. */
const struct element *element_find(uint32_t pen, uint16_t id);

#define ELEMENT_NAME_MAX 96

/* Its name ("octetDeltaCount", "reverseOctetDeltaCount", "v9ConnectionId"), or "en<PEN>:id<ID>" where it
 * is not known, of sFlow "sflow<ENTERPRISE>:id<FORMAT>",
 * of a template "template<ID>". NUL-terminated; returns the length. */
size_t element_name(uint32_t pen, uint16_t id, char out[static ELEMENT_NAME_MAX]);

/* "en<PEN>:id<ID>", whether it is known or not; likewise. */
size_t element_number(uint32_t pen, uint16_t id, char out[static ELEMENT_NAME_MAX]);

/* The inverse of element_name, for all forms. Returns 0, or ERR_SYNTAX. */
int element_by_name(const char *name, size_t len, uint32_t *pen, uint16_t *id);

/* Writes the readable JSON value of len bytes of an element: a number, string, address, RFC 3339
 * time, true/false; nothing (returns 0) where there is none: octets, lists, a length or value that
 * does not fit its type, text that is not UTF-8 (NULs that fill it up are left out). Returns the
 * length; out must hold 6 * len + ELEMENT_VALUE_ROOM bytes. */
#define ELEMENT_VALUE_ROOM 64
size_t element_value_json(const struct element *e, const uint8_t *bytes, size_t len, char *out);

#endif
