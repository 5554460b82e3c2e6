/* ip: an address of either family in 16 bytes, IPv4 as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2). */
#ifndef GOFLOW_IP_H
#define GOFLOW_IP_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct ip {
	uint8_t b[16];
};

#define IP_TEXT_MAX 46 /* the longest text form, with its NUL */

/* An IPv4 address from its four bytes in network order. */
static inline struct ip ip_from4(const uint8_t a[static 4])
{
	struct ip ip = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a[0], a[1], a[2], a[3]}};
	return ip;
}

/* An IPv6 address from its sixteen bytes in network order. */
static inline struct ip ip_from6(const uint8_t a[static 16])
{
	struct ip ip;
	memcpy(ip.b, a, 16);
	return ip;
}

/* Is it an IPv4 address, its bytes then being b[12..15]? */
static inline bool ip_is4(const struct ip *ip)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	return memcmp(ip->b, mapped, 12) == 0;
}

static inline bool ip_equal(const struct ip *a, const struct ip *b)
{
	return memcmp(a->b, b->b, 16) == 0;
}

/* Is it 0.0.0.0 or ::? */
bool ip_is_unspecified(const struct ip *ip);

/* Writes the text form (RFC 5952 for IPv6), not NUL-terminated; returns its length, < IP_TEXT_MAX. */
size_t ip_format(const struct ip *ip, char out[static IP_TEXT_MAX]);

/* The same as a NUL-terminated string; returns out. */
const char *ip_text(const struct ip *ip, char out[static IP_TEXT_MAX]);

/* Parses exactly len characters of text. Returns 0, or ERR_SYNTAX. */
int ip_parse(const char *text, size_t len, struct ip *out);

#endif
