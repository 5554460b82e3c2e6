#include "lib/jsontext.h"

#include <string.h>

static const char digit_pairs[201] = "0001020304050607080910111213141516171819202122232425262728293"
				     "031323334353637383940414243444546"
				     "4748495051525354555657585960616263646566676869707172737475767"
				     "778798081828384858687888990919293"
				     "949596979899";

static unsigned digits_of(uint64_t v)
{
	static const uint64_t powers[] = {0, 10, 100, 1000, 10000, 100000, 1000000, 10000000,
		100000000, 1000000000, 10000000000, 100000000000, 1000000000000, 10000000000000,
		100000000000000, 1000000000000000, 10000000000000000, 100000000000000000,
		1000000000000000000, UINT64_C(10000000000000000000)};
	/* 1233 / 4096 is a little more than the logarithm of 2 to the base 10 */
	unsigned n = (64 - (unsigned)__builtin_clzll(v | 1)) * 1233 >> 12;
	return n + (v >= powers[n]);
}

char *jsontext_decimal(char *out, uint64_t v)
{
	if (v < 10) {
		*out = (char)('0' + v);
		return out + 1;
	}
	char *end = out + digits_of(v), *p = end;
	while (v >= 100) {
		p -= 2;
		memcpy(p, digit_pairs + 2 * (v % 100), 2);
		v /= 100;
	}
	if (v >= 10)
		memcpy(p - 2, digit_pairs + 2 * v, 2);
	else
		p[-1] = (char)('0' + v);
	return end;
}

char *jsontext_hex(char *out, const uint8_t *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < len; i++) {
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 15];
	}
	return out;
}

size_t utf8_length(const uint8_t *p, size_t left)
{
	size_t n;
	uint32_t code, least;
	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (left < n)
		return 0;
	code = p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3fu);
	}
	least = n == 2 ? 0x80 : n == 3 ? 0x800 : 0x10000;
	if (code < least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	return n;
}

/* An ASCII character that needs an escape, or NUL. */
static char *put_escaped(char *out, uint8_t c, bool *exact)
{
	static const char hex[] = "0123456789abcdef";
	if (c == 0) {
		*exact = false;
		memcpy(out, "\xef\xbf\xbd", 3);
		return out + 3;
	}
	*out++ = '\\';
	switch (c) {
	case '"':
	case '\\': *out++ = (char)c; return out;
	case '\n': *out++ = 'n'; return out;
	case '\r': *out++ = 'r'; return out;
	case '\t': *out++ = 't'; return out;
	default: break;
	}
	memcpy(out, "u00", 3);
	out[3] = hex[c >> 4];
	out[4] = hex[c & 15];
	return out + 5;
}

char *jsontext_quote(char *out, const char *text, size_t len, bool *exact)
{
	const uint8_t *p = (const uint8_t *)text, *end = p + len;
	*out++ = '"';
	while (p < end) {
		if (*p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\') {
			*out++ = (char)*p++;
		} else if (*p < 0x80) {
			out = put_escaped(out, *p++, exact);
		} else {
			size_t n = utf8_length(p, (size_t)(end - p));
			if (!n) {
				*exact = false;
				memcpy(out, "\xef\xbf\xbd", 3);
				out += 3;
				p++;
				continue;
			}
			memcpy(out, p, n);
			out += n;
			p += n;
		}
	}
	*out++ = '"';
	return out;
}
