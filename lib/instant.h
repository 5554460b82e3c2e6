/* instant: a point in time with the precision that its source had. */
#ifndef GOFLOW_INSTANT_H
#define GOFLOW_INSTANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct instant {
	uint64_t ns;    /* nanoseconds since 1970-01-01T00:00:00Z */
	uint8_t digits; /* fractional digits of the source: 0, 3, 6 or 9 */
};

#define NS_PER_S        UINT64_C(1000000000)
#define NS_PER_MS       UINT64_C(1000000)
#define NS_PER_US       UINT64_C(1000)
#define INSTANT_TEXT_MAX 36 /* "2554-07-21T23:34:33.709551615Z" and a NUL, with room */

/* The current time of the real-time clock, with nine digits. */
struct instant instant_now(void);

/* Writes RFC 3339 in UTC with t.digits fractional digits, not NUL-terminated; returns the length.
 * Digits beyond t.digits are cut, not rounded. */
size_t instant_format(struct instant t, char out[static INSTANT_TEXT_MAX]);

/* The same as a NUL-terminated string; returns out. */
const char *instant_text(struct instant t, char out[static INSTANT_TEXT_MAX]);

/* Parses exactly len characters of RFC 3339 (an offset other than Z is taken into account; 1 to 9
 * fractional digits are taken as 3, 6 or 9). Returns 0, or ERR_SYNTAX. */
int instant_parse(const char *text, size_t len, struct instant *out);

/* From a 64-bit NTP timestamp (RFC 7011, 6.1.9 with 6 digits, 6.1.10 with 9), rounded to that precision.
 * Seconds before 1970 are of the era that begins in 2036; false for all zero, which is an unset clock. */
bool instant_from_ntp(uint64_t ntp, uint8_t digits, struct instant *out);

#endif
