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
#define SSE __attribute__((target("sse4.2")))

/* The instruction takes three cycles, but one can begin in each: three blocks are summed side by
 * side, and joined by moving a register on over a block of zeros, which is linear: a table for each
 * of its bytes. */
#define BLOCK 1024u
static uint32_t over_block[4][256];

SSE static uint32_t by_word(uint32_t crc, const uint8_t *p, size_t len)
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

static void fill_over_block(void)
{
	static const uint8_t zeros[BLOCK];
	for (int k = 0; k < 4; k++)
		for (uint32_t i = 0; i < 256; i++)
			over_block[k][i] = by_word(i << 8 * k, zeros, BLOCK);
}

static uint32_t move_on(uint32_t c)
{
	return over_block[0][c & 255] ^ over_block[1][c >> 8 & 255] ^ over_block[2][c >> 16 & 255] ^
	       over_block[3][c >> 24];
}

SSE static uint32_t update_by_instruction(uint32_t crc, const uint8_t *p, size_t len)
{
	for (; len >= 3 * BLOCK; p += 3 * BLOCK, len -= 3 * BLOCK) {
		uint64_t a = crc, b = 0, c = 0, words[3];
		for (size_t i = 0; i < BLOCK; i += 8) {
			memcpy(&words[0], p + i, 8);
			memcpy(&words[1], p + BLOCK + i, 8);
			memcpy(&words[2], p + 2 * BLOCK + i, 8);
			a = __builtin_ia32_crc32di(a, words[0]);
			b = __builtin_ia32_crc32di(b, words[1]);
			c = __builtin_ia32_crc32di(c, words[2]);
		}
		crc = move_on(move_on((uint32_t)a) ^ (uint32_t)b) ^ (uint32_t)c;
	}
	return by_word(crc, p, len);
}
#endif

static update_function *choose(void)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("sse4.2")) {
		fill_over_block();
		return update_by_instruction;
	}
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
