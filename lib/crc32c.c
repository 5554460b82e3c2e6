#include "lib/crc32c.h"

#include <string.h>

/* The polynomial 0x1edc6f41, bits reversed. */
#define POLYNOMIAL UINT32_C(0x82f63b78)

/* What each of the eight bytes of a word adds to the CRC of what comes before it. */
static uint32_t tables[8][256];

static void fill_tables(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;
		for (int bit = 0; bit < 8; bit++)
			c = c >> 1 ^ (c & 1 ? POLYNOMIAL : 0);
		tables[0][i] = c;
	}
	for (uint32_t i = 0; i < 256; i++)
		for (int k = 1; k < 8; k++)
			tables[k][i] = tables[k - 1][i] >> 8 ^ tables[0][tables[k - 1][i] & 255];
}

/* The CRC register (not inverted) after len bytes. */
typedef uint32_t update_function(uint32_t c, const uint8_t *p, size_t len);

static uint32_t update_by_table(uint32_t c, const uint8_t *p, size_t len)
{
	for (; len >= 8; p += 8, len -= 8) {
		uint64_t word;
		memcpy(&word, p, 8);
		word ^= c;
		c = 0;
		for (int k = 0; k < 8; k++)
			c ^= tables[7 - k][word >> 8 * k & 255];
	}
	for (; len; p++, len--)
		c = c >> 8 ^ tables[0][(c ^ *p) & 255];
	return c;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t update_by_instruction(
	uint32_t crc, const uint8_t *p, size_t len)
{
	uint64_t c = crc;
	for (; len >= 8; p += 8, len -= 8) {
		uint64_t word;
		memcpy(&word, p, 8);
		c = __builtin_ia32_crc32di(c, word);
	}
	for (; len; p++, len--)
		c = __builtin_ia32_crc32qi((uint32_t)c, *p);
	return (uint32_t)c;
}
#endif

static update_function *choose(void)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("sse4.2"))
		return update_by_instruction;
#endif
	fill_tables();
	return update_by_table;
}

uint32_t crc32c(uint32_t seed, const void *data, size_t len)
{
	static update_function *update;
	if (!update)
		update = choose();
	return ~update(~seed, data, len);
}
