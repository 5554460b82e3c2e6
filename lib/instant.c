#include "lib/instant.h"

#include <string.h>
#include <time.h>

#include "lib/err.h"

#define S_PER_DAY 86400u

#define PAIRS_OF(t) #t "0" #t "1" #t "2" #t "3" #t "4" #t "5" #t "6" #t "7" #t "8" #t "9"
static const char pairs[] = PAIRS_OF(0) PAIRS_OF(1) PAIRS_OF(2) PAIRS_OF(3) PAIRS_OF(4) PAIRS_OF(5)
	PAIRS_OF(6) PAIRS_OF(7) PAIRS_OF(8) PAIRS_OF(9);

struct instant instant_now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (struct instant){(uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec, 9};
}

static void put_pair(char *p, unsigned v)
{
	memcpy(p, pairs + 2 * v, 2);
}

/* "YYYY-MM-DD" of a day since 1970-01-01. The year is counted from March, so that the leap day is
 * its last, in eras of 400 years (146,097 days); 719,468 days lie between 0000-03-01 and
 * 1970-01-01. */
static void put_date(char *p, uint32_t day)
{
	uint32_t z = day + 719468, era = z / 146097, doe = z % 146097;
	uint32_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	uint32_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	uint32_t mp = (5 * doy + 2) / 153;
	uint32_t month = mp < 10 ? mp + 3 : mp - 9;
	uint32_t year = yoe + era * 400 + (month <= 2);
	put_pair(p, year / 100);
	put_pair(p + 2, year % 100);
	p[4] = '-';
	put_pair(p + 5, month);
	p[7] = '-';
	put_pair(p + 8, doy - (153 * mp + 2) / 5 + 1);
}

/* Days since 1970-01-01, which may be before it; the inverse of put_date. */
static int64_t day_of(unsigned year, unsigned month, unsigned day)
{
	unsigned y =
		year + 400 - (month <= 2); /* an era more, so that the year 0 has one before it */
	unsigned era = y / 400, yoe = y % 400;
	unsigned doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
	return ((int64_t)era - 1) * 146097 + (int64_t)doe - 719468;
}

/* Records in a row are of the same day nearly always: its text is kept. */
static void put_day(char *p, uint32_t day)
{
	static _Thread_local struct {
		uint32_t day;
		char text[10];
	} last = {0, "1970-01-01"};
	if (day != last.day) {
		put_date(last.text, day);
		last.day = day;
	}
	memcpy(p, last.text, 10);
}

/* "." and as many digits of ns (< 10^9). */
static char *put_fraction(char *p, uint32_t ns, unsigned digits)
{
	char text[10];
	text[0] = '.';
	text[1] = (char)('0' + ns / 100000000);
	put_pair(text + 2, ns / 1000000 % 100);
	put_pair(text + 4, ns / 10000 % 100);
	put_pair(text + 6, ns / 100 % 100);
	put_pair(text + 8, ns % 100);
	memcpy(p, text, sizeof text);
	return p + 1 + digits;
}

size_t instant_format(struct instant t, char out[static INSTANT_TEXT_MAX])
{
	uint64_t s = t.ns / NS_PER_S;
	uint32_t sod = (uint32_t)(s % S_PER_DAY);
	char *p = out;
	put_day(p, (uint32_t)(s / S_PER_DAY));
	p[10] = 'T';
	put_pair(p + 11, sod / 3600);
	p[13] = ':';
	put_pair(p + 14, sod / 60 % 60);
	p[16] = ':';
	put_pair(p + 17, sod % 60);
	p += 19;
	if (t.digits)
		p = put_fraction(p, (uint32_t)(t.ns % NS_PER_S), t.digits < 9 ? t.digits : 9);
	*p++ = 'Z';
	return (size_t)(p - out);
}

const char *instant_text(struct instant t, char out[static INSTANT_TEXT_MAX])
{
	out[instant_format(t, out)] = '\0';
	return out;
}

/* A number of exactly n digits. */
static bool digits_at(const char *p, int n, unsigned *out)
{
	unsigned value = 0;
	for (int i = 0; i < n; i++) {
		unsigned digit = (unsigned)(p[i] - '0');
		if (digit > 9)
			return false;
		value = value * 10 + digit;
	}
	*out = value;
	return true;
}

static unsigned days_in(unsigned year, unsigned month)
{
	static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	return days[month - 1] + (month == 2 && leap ? 1u : 0u);
}

/* The 19 characters up to the seconds, in seconds since 1970. A leap second counts as the next one.
 */
static int parse_seconds(const char *p, int64_t *out)
{
	unsigned year, month, day, hour, minute, second;
	if (!digits_at(p, 4, &year) || !digits_at(p + 5, 2, &month) || !digits_at(p + 8, 2, &day) ||
		!digits_at(p + 11, 2, &hour) || !digits_at(p + 14, 2, &minute) ||
		!digits_at(p + 17, 2, &second))
		return ERR_SYNTAX;
	if (p[4] != '-' || p[7] != '-' || (p[10] != 'T' && p[10] != 't' && p[10] != ' ') ||
		p[13] != ':' || p[16] != ':')
		return ERR_SYNTAX;
	if (month < 1 || month > 12 || day < 1 || day > days_in(year, month) || hour > 23 ||
		minute > 59 || second > 60)
		return ERR_SYNTAX;
	*out = day_of(year, month, day) * S_PER_DAY + (int64_t)(hour * 3600 + minute * 60 + second);
	return 0;
}

/* "." and 1 to 9 digits, if there is one. Returns the characters, or ERR_SYNTAX. */
static int parse_fraction(const char *p, const char *end, uint32_t *ns, uint8_t *digits)
{
	uint32_t value = 0;
	int n = 0;
	*ns = 0;
	*digits = 0;
	if (p == end || *p != '.')
		return 0;
	for (p++; p + n < end && p[n] >= '0' && p[n] <= '9'; n++) {
		if (n == 9)
			return ERR_SYNTAX;
		value = value * 10 + (uint32_t)(p[n] - '0');
	}
	if (n == 0)
		return ERR_SYNTAX;
	for (int i = n; i < 9; i++)
		value *= 10;
	*ns = value;
	*digits = (uint8_t)((n + 2) / 3 * 3);
	return n + 1;
}

/* "Z", or "+hh:mm" or "-hh:mm": what it lies before UTC, in seconds. */
static int parse_offset(const char *p, const char *end, int64_t *out)
{
	unsigned hour, minute;
	*out = 0;
	if (end - p == 1 && (*p == 'Z' || *p == 'z'))
		return 0;
	if (end - p != 6 || (*p != '+' && *p != '-') || p[3] != ':' ||
		!digits_at(p + 1, 2, &hour) || !digits_at(p + 4, 2, &minute) || hour > 23 ||
		minute > 59)
		return ERR_SYNTAX;
	*out = (int64_t)(hour * 3600 + minute * 60) * (*p == '+' ? 1 : -1);
	return 0;
}

int instant_parse(const char *text, size_t len, struct instant *out)
{
	int64_t seconds, offset;
	uint32_t ns;
	uint8_t digits;
	if (len < 20 || parse_seconds(text, &seconds) != 0)
		return ERR_SYNTAX;
	int n = parse_fraction(text + 19, text + len, &ns, &digits);
	if (n < 0 || parse_offset(text + 19 + n, text + len, &offset) != 0)
		return ERR_SYNTAX;
	seconds -= offset;
	if (seconds < 0 || (uint64_t)seconds > (UINT64_MAX - ns) / NS_PER_S)
		return ERR_SYNTAX;
	out->ns = (uint64_t)seconds * NS_PER_S + ns;
	out->digits = digits;
	return 0;
}

/* 1900-01-01 to 1970-01-01 */
#define NTP_TO_UNIX UINT64_C(2208988800)
#define NTP_ERA     (UINT64_C(1) << 32)

bool instant_from_ntp(uint64_t ntp, uint8_t digits, struct instant *out)
{
	uint64_t seconds = ntp >> 32, fraction = ntp & UINT32_MAX;
	uint64_t unit = digits == 6 ? NS_PER_US : 1, units = NS_PER_S / unit;
	if (ntp == 0)
		return false;
	if (digits == 6)
		fraction &= ~UINT64_C(0x7ff); /* the lower 11 bits are to be ignored */
	seconds = (seconds < NTP_TO_UNIX ? seconds + NTP_ERA : seconds) - NTP_TO_UNIX;
	uint64_t part = (fraction * units + NTP_ERA / 2) / NTP_ERA;
	*out = (struct instant){seconds * NS_PER_S + part * unit, digits};
	return true;
}
