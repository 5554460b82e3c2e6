#include "tests/unit/records.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base.h"

/* splitmix64 */
uint64_t dice_roll(struct dice *d)
{
	uint64_t z = d->state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint64_t dice_below(struct dice *d, uint64_t bound)
{
	return dice_roll(d) % bound;
}

void sample_clear(struct sample *s)
{
	memset(&s->record, 0, sizeof s->record);
	s->record.extras = s->extras;
	s->used = 0;
}

const uint8_t *sample_bytes(struct sample *s, const void *bytes, size_t len)
{
	if (len > sizeof s->bytes - s->used)
		abort();
	uint8_t *at = s->bytes + s->used;
	if (len)
		memcpy(at, bytes, len);
	s->used += len;
	return at;
}

struct text sample_text(struct sample *s, const void *bytes, size_t len)
{
	return (struct text){(const char *)sample_bytes(s, bytes, len), (uint32_t)len};
}

void sample_extra(struct sample *s, uint32_t pen, uint16_t id, const void *bytes, size_t len)
{
	if (s->record.extra_count == LEN(s->extras))
		abort();
	s->extras[s->record.extra_count++] =
		(struct extra){pen, id, (uint16_t)len, sample_bytes(s, bytes, len)};
}

/* Zero, one, all ones, the sign bit, or anything. */
static uint64_t number(struct dice *d)
{
	static const uint64_t extremes[] = {0, 1, UINT64_MAX, UINT64_C(1) << 63,
		(UINT64_C(1) << 63) - 1, UINT64_C(1) << 53, 255, 65535, UINT32_MAX};
	if (dice_below(d, 4) == 0)
		return extremes[dice_below(d, LEN(extremes))];
	return dice_roll(d) >> dice_below(d, 64);
}

static struct text text(struct sample *s, struct dice *d)
{
	static const char *const texts[] = {"", "a", "\"quoted\\\"", "tab\tline\nreturn\r",
		"\x01\x1f\x7f", "Zürich", "\xf0\x9f\x8c\x8d", "\xff", "a\xc3", "\xed\xa0\x80",
		"\xc0\xaf", "\xef\xbf\xbd", "\xf4\x8f\xbf\xbf", "\xf4\x90\x80\x80", "null"};
	uint8_t bytes[40];
	if (dice_below(d, 2)) {
		const char *t = texts[dice_below(d, LEN(texts))];
		return sample_text(s, t, strlen(t));
	}
	size_t len = dice_below(d, sizeof bytes);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(dice_below(d, 2) ? dice_roll(d) : 'a' + dice_below(d, 26));
	return sample_text(s, bytes, len);
}

static struct ip address(struct dice *d)
{
	struct ip ip = {{0}};
	uint8_t b[16];
	for (size_t i = 0; i < sizeof b; i++)
		b[i] = (uint8_t)(dice_below(d, 3) ? dice_roll(d) : 0);
	switch (dice_below(d, 4)) {
	case 0: return ip; /* :: */
	case 1: return ip_from4(b);
	case 2: return ip_from6(b);
	default: memset(b, 0, 10); return ip_from6(b);
	}
}

static struct instant instant(struct dice *d)
{
	static const uint64_t units[] = {NS_PER_S, NS_PER_MS, NS_PER_US, 1};
	unsigned k = (unsigned)dice_below(d, 4);
	uint64_t ns = number(d);
	return (struct instant){ns - ns % units[k], (uint8_t)(3 * k)};
}

void sample_field(struct sample *s, enum field_id id, struct dice *d)
{
	struct record *r = &s->record;
	void *at = (char *)r + fields[id].offset;
	uint64_t v = number(d);
	struct ip ip = address(d);
	struct instant t = instant(d);
	switch (fields[id].kind) {
	case KIND_U8: memcpy(at, &v, 1); break;
	case KIND_U16: memcpy(at, &v, 2); break;
	case KIND_U32: memcpy(at, &v, 4); break;
	case KIND_U64: memcpy(at, &v, 8); break;
	case KIND_WORD: *(uint8_t *)at = (uint8_t)(1 + dice_below(d, 255)); break;
	case KIND_IP: memcpy(at, &ip, sizeof ip); break;
	case KIND_MAC: memcpy(at, &v, sizeof(struct mac)); break;
	case KIND_TIME: memcpy(at, &t, sizeof t); break;
	default: *(struct text *)at = text(s, d); break;
	}
	record_mark(r, id);
}

static void random_extras(struct sample *s, struct dice *d)
{
	static const struct {
		uint32_t pen;
		uint16_t id;
	} known[] = {{0, 210}, {0, 82}, {0, 402}, {0, 313}, {29305, 2}, {29305, 136}, {9, 12235},
		{35632, 80}, {0, 40700}, {UINT32_C(4294967295), 32767}, {12345, 0}, {0, 0}};
	size_t which = dice_below(d, LEN(known));
	for (uint64_t n = dice_below(d, 4); n; n--) {
		which = (which + 1) % LEN(known); /* one element's stand next to each other */
		for (uint64_t again = 1 + dice_below(d, 2); again; again--) {
			uint8_t bytes[24];
			size_t len = dice_below(d, sizeof bytes);
			for (size_t i = 0; i < len; i++)
				bytes[i] = (uint8_t)dice_roll(d);
			sample_extra(s, known[which].pen, known[which].id, bytes, len);
		}
	}
}

void sample_random(struct sample *s, struct dice *d)
{
	uint64_t one_in = 1 + dice_below(d, 8);
	sample_clear(s);
	for (int id = 0; id < FIELD_COUNT; id++)
		if (dice_below(d, one_in) == 0)
			sample_field(s, (enum field_id)id, d);
	sample_field(s, FIELD_last_switched, d);
	random_extras(s, d);
}

void sample_full(struct sample *s, struct dice *d)
{
	sample_clear(s);
	for (int id = 0; id < FIELD_COUNT; id++)
		sample_field(s, (enum field_id)id, d);
	random_extras(s, d);
}
