/* elements: the registry of information elements: IANA's IPFIX registry (RFC 7012, RFC 5102),
 * NetFlow v9's proprietary types, public vendor elements, and reverse elements (RFC 5103). */
#ifndef GOFLOW_ELEMENTS_H
#define GOFLOW_ELEMENTS_H

#include <stddef.h>
#include <stdint.h>

/* Abstract data types, RFC 7012 section 3.1. */
enum element_type {
	ELEMENT_OCTETS, ELEMENT_UNSIGNED, ELEMENT_SIGNED, ELEMENT_FLOAT, ELEMENT_BOOLEAN, ELEMENT_MAC,
	ELEMENT_STRING, ELEMENT_SECONDS, ELEMENT_MILLISECONDS, ELEMENT_MICROSECONDS, ELEMENT_NANOSECONDS,
	ELEMENT_IPV4, ELEMENT_IPV6, ELEMENT_LIST,
};

struct element {
	uint32_t pen; /* 0: IANA (and, in v9 with ids from 32768 on, Cisco's own) */
	uint16_t id;
	uint8_t type; /* enum element_type */
	const char *name;
};

#define PEN_REVERSE 29305 /* RFC 5103, section 6.1 */

/* Flow records of sFlow that are not known are elements too: of this number plus the enterprise's (20 bits), with
 * their format as id. */
#define PEN_SFLOW UINT32_C(0xfff00000)

/* The element, or NULL if the registry does not know it. Reverse elements (pen PEN_REVERSE, RFC 5103
 * section 6.1, and YAF's own) find the forward element, NetFlow v9's ids for elements of Cisco and
 * ntop find those: element_name tells them apart, by a prefix. Static storage. */
const struct element *element_find(uint32_t pen, uint16_t id);

#define ELEMENT_NAME_MAX 96

/* Its name ("octetDeltaCount", "reverseOctetDeltaCount", "v9ConnectionId"), or "en<PEN>:id<ID>" where it
 * is not known, of sFlow "sflow<ENTERPRISE>:id<FORMAT>". NUL-terminated; returns the length. */
size_t element_name(uint32_t pen, uint16_t id, char out[static ELEMENT_NAME_MAX]);

/* The inverse of element_name, for all forms. Returns 0, or ERR_SYNTAX. */
int element_by_name(const char *name, size_t len, uint32_t *pen, uint16_t *id);

/* Writes the readable JSON value of len bytes of an element: a number, string, address, RFC 3339
 * time, true/false; nothing (returns 0) where there is none: octets, lists, a length or value that
 * does not fit its type, text that is not UTF-8 (NULs that fill it up are left out). Returns the
 * length; out must hold 6 * len + ELEMENT_VALUE_ROOM bytes. */
#define ELEMENT_VALUE_ROOM 64
size_t element_value_json(const struct element *e, const uint8_t *bytes, size_t len, char *out);

#endif
