#include "lib/ip.h"

#include <stddef.h>

#include "lib/err.h"

/* The decimal text of each octet, so that an address is four copies: its digits, then their number.
 */
struct octet_text {
	char digits[3];
	uint8_t len;
};

#define OCTET(n)                                                                                   \
	{                                                                                          \
		{'0' + ((n) > 99         ? (n) / 100                                               \
			       : (n) > 9 ? (n) / 10                                                \
					 : (n)),                                                   \
			'0' + ((n) > 99 ? (n) / 10 % 10 : (n) % 10), '0' + (n) % 10},              \
			1 + ((n) > 9) + ((n) > 99)                                                 \
	}
#define OCTETS_4(n)  OCTET(n), OCTET((n) + 1), OCTET((n) + 2), OCTET((n) + 3)
#define OCTETS_16(n) OCTETS_4(n), OCTETS_4((n) + 4), OCTETS_4((n) + 8), OCTETS_4((n) + 12)
#define OCTETS_64(n) OCTETS_16(n), OCTETS_16((n) + 16), OCTETS_16((n) + 32), OCTETS_16((n) + 48)

static const struct octet_text octets[256] = {
	OCTETS_64(0), OCTETS_64(64), OCTETS_64(128), OCTETS_64(192)};

bool ip_is_unspecified(const struct ip *ip)
{
	static const uint8_t zero[16];
	size_t n = ip_is4(ip) ? 12 : 0;
	return memcmp(ip->b + n, zero, 16 - n) == 0;
}

static char *put_octet(char *p, uint8_t value)
{
	memcpy(p, &octets[value], 4);
	p += octets[value].len;
	*p = '.';
	return p + 1;
}

static size_t format4(const uint8_t b[static 4], char *out)
{
	char *p = put_octet(out, b[0]);
	p = put_octet(p, b[1]);
	p = put_octet(p, b[2]);
	p = put_octet(p, b[3]);
	return (size_t)(p - 1 - out);
}

/* A group of 16 bits in hex, without leading zeros. */
static char *put_group(char *p, unsigned group)
{
	static const char hex[] = "0123456789abcdef";
	if (group > 0xfff)
		*p++ = hex[group >> 12];
	if (group > 0xff)
		*p++ = hex[group >> 8 & 15];
	if (group > 0xf)
		*p++ = hex[group >> 4 & 15];
	*p++ = hex[group & 15];
	return p;
}

/* The groups that "::" stands for: the longest run of zero groups, the first of equals, and none of
 * less than two (RFC 5952, 4.2). */
static void longest_zeros(const unsigned group[static 8], unsigned *start, unsigned *len)
{
	*start = 8;
	*len = 1;
	for (unsigned i = 0; i < 8; i++) {
		unsigned n = 0;
		while (i + n < 8 && group[i + n] == 0)
			n++;
		if (n > *len) {
			*start = i;
			*len = n;
		}
		i += n;
	}
}

static size_t format6(const uint8_t b[static 16], char *out)
{
	unsigned group[8], start, len;
	for (unsigned i = 0; i < 8; i++)
		group[i] = (unsigned)b[2 * i] << 8 | b[2 * i + 1];
	longest_zeros(group, &start, &len);

	char *p = out;
	for (unsigned i = 0; i < 8; i++) {
		if (i == start) {
			*p++ = ':';
			i += len - 1;
			if (i == 7)
				*p++ = ':';
			continue;
		}
		if (i)
			*p++ = ':';
		p = put_group(p, group[i]);
	}
	return (size_t)(p - out);
}

size_t ip_format(const struct ip *ip, char out[static IP_TEXT_MAX])
{
	return ip_is4(ip) ? format4(ip->b + 12, out) : format6(ip->b, out);
}

const char *ip_text(const struct ip *ip, char out[static IP_TEXT_MAX])
{
	out[ip_format(ip, out)] = '\0';
	return out;
}

/* Four decimal octets and nothing else. A leading zero is refused: some read it as octal. */
static int parse4(const char *p, const char *end, uint8_t out[static 4])
{
	for (int i = 0; i < 4; i++) {
		unsigned value = 0;
		if (i && (p == end || *p++ != '.'))
			return ERR_SYNTAX;
		const char *first = p;
		for (; p < end && p - first < 3 && *p >= '0' && *p <= '9'; p++)
			value = value * 10 + (unsigned)(*p - '0');
		if (p == first || value > 255 || (*first == '0' && p - first > 1))
			return ERR_SYNTAX;
		out[i] = (uint8_t)value;
	}
	return p == end ? 0 : ERR_SYNTAX;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One to four hex digits; returns how many there were. */
static int parse_group(const char *p, const char *end, uint8_t out[static 2])
{
	unsigned value = 0;
	int n = 0;
	for (int digit; n < 4 && p + n < end && (digit = hex_value(p[n])) >= 0; n++)
		value = value << 4 | (unsigned)digit;
	out[0] = (uint8_t)(value >> 8);
	out[1] = (uint8_t)value;
	return n;
}

/* The groups up to the end, or to an empty one: two bytes each into out, which has room for `room`;
 * the last may be an IPv4 address. Returns the bytes, *at where it ended; -1: no groups at all. */
static int parse_groups(const char **at, const char *end, uint8_t *out, int room)
{
	const char *p = *at;
	int have = 0;
	while (p < end && *p != ':') {
		uint8_t group[2];
		int n = parse_group(p, end, group);
		if (have + 4 <= room && memchr(p, '.', (size_t)(end - p)) &&
			parse4(p, end, out + have) == 0) {
			p = end;
			have += 4;
			break;
		}
		if (n == 0 || have + 2 > room)
			return -1;
		memcpy(out + have, group, 2);
		have += 2;
		p += n;
		if (p == end)
			break;
		if (*p++ != ':' || p == end)
			return -1;
	}
	*at = p;
	return have;
}

static int parse6(const char *p, const char *end, uint8_t out[static 16])
{
	uint8_t tail[16];
	int head_len = 0, tail_len;
	memset(out, 0, 16);
	if (end - p < 2)
		return ERR_SYNTAX;
	if (*p == ':') {
		p++; /* "::" at the start: the second colon is the empty group */
	} else {
		head_len = parse_groups(&p, end, out, 16);
		if (head_len < 0)
			return ERR_SYNTAX;
	}
	if (p == end)
		return head_len == 16 ? 0 : ERR_SYNTAX;
	if (*p++ != ':' || head_len > 14)
		return ERR_SYNTAX;
	tail_len = parse_groups(&p, end, tail, 14 - head_len);
	if (tail_len < 0 || p != end)
		return ERR_SYNTAX;
	memcpy(out + 16 - tail_len, tail, (size_t)tail_len);
	return 0;
}

int ip_parse(const char *text, size_t len, struct ip *out)
{
	uint8_t b[16];
	const char *end = text + len;
	if (len == 0 || len >= IP_TEXT_MAX)
		return ERR_SYNTAX;
	if (parse4(text, end, b) == 0)
		*out = ip_from4(b);
	else if (parse6(text, end, b) == 0)
		*out = ip_from6(b);
	else
		return ERR_SYNTAX;
	return 0;
}
