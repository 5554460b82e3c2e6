/* flips: decodes every prefix of each datagram of a capture, and it with every octet changed, each
 * in a block of its own size; for a build with sanitizers, which end it where something is wrong.
 *
 *   flips < pcap-stream    as nfrecv writes it
 *
 * Of datagrams of one exporter with the same sets of the same sizes the first alone is taken. What
 * is remembered of exporters is set back, by way of a saved state, before the next. Prints how many
 * datagrams were decoded. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/defrag.h"
#include "lib/err.h"
#include "lib/hash.h"
#include "lib/jsonl.h"
#include "lib/pcapio.h"
#include "lib/state.h"

#define SHAPES   65536
#define LINES_OF 16 /* of so many changed datagrams one's records are written as JSON, too */

static struct {
	struct decoder *d;
	struct bytes before; /* the datagram in hand */
	uint64_t decoded;
	bool lines;
	uint64_t shapes[SHAPES]; /* seen: an open table */
} f;

static void emit(void *ctx, const struct record *r)
{
	static uint8_t packed[RECORD_PACKED_MAX + 65536];
	static char line[JSONL_LINE_MAX];
	(void)ctx;
	if (!record_pack(r, r->present, r->extra_count ? ENTRY_EXTRAS : 0, packed, sizeof packed))
		abort();
	if (f.lines && !jsonl_write(r, line, sizeof line))
		abort();
}

static void fresh_decoder(void)
{
	const struct decoder_config config = {.state_max = 4 * 1024 * 1024,
		.exporter_max = 1024 * 1024,
		.wait_max = 64 * 1024,
		.wait_ns = NS_PER_S,
		.seed = 7};
	decoder_free(f.d);
	f.d = decoder_new(&config, emit, NULL);
	if (!f.d)
		abort();
}

static void save(void)
{
	uint64_t fingerprint;
	if (state_write(f.d, STATE_WHOLE, &f.before, &fingerprint))
		abort();
}

static void restore(void)
{
	fresh_decoder();
	if (state_read(f.d, f.before.at, f.before.len))
		abort();
}

/* Decodes the first len octets, the one at `at` (if there is one) changed by `change`. */
static void decode_changed(const struct datagram *original, size_t len, size_t at, uint8_t change)
{
	struct datagram dg = *original;
	uint8_t *copy = malloc(len ? len : 1);
	if (!copy)
		abort();
	memcpy(copy, original->data, len);
	if (at < len)
		copy[at] ^= change;
	dg.data = copy;
	dg.len = (uint32_t)len;
	f.lines = f.decoded++ % LINES_OF == 0;
	decode(f.d, &dg);
	free(copy);
}

static void decode_all_changes(const struct datagram *dg)
{
	static const uint8_t changes[] = {0xff, 0x01};
	save();
	for (size_t len = 0; len < dg->len; len++)
		decode_changed(dg, len, len, 0);
	restore();
	for (size_t at = 0; at < dg->len; at++)
		for (size_t i = 0; i < sizeof changes; i++)
			decode_changed(dg, dg->len, at, changes[i]);
	restore();
}

/* A number for what the datagram is made of: its exporter, version, and the places of its sets, as
 * far as they are such of NetFlow v9 or IPFIX. */
static uint64_t shape_of(const struct datagram *dg)
{
	struct cursor c = cursor_over(dg->data, dg->len);
	uint16_t version = cursor_u16(&c);
	uint64_t h = hash_mix(hash_ip(dg->len, &dg->src), version);
	if (version != 9 && version != 10)
		return h;
	cursor_take(&c, version == 9 ? 18 : 14);
	while (cursor_left(&c) >= 4) {
		uint16_t id = cursor_u16(&c);
		uint16_t len = cursor_u16(&c);
		h = hash_mix(h, (uint64_t)id << 16 | len);
		cursor_take(&c, len < 4 ? 0 : len - 4u);
	}
	return h;
}

static bool is_new_shape(const struct datagram *dg)
{
	uint64_t shape = shape_of(dg) | 1;
	size_t i = shape % SHAPES, tries = 0;
	while (f.shapes[i] && f.shapes[i] != shape && tries++ < SHAPES)
		i = (i + 1) % SHAPES;
	bool is_new = f.shapes[i] != shape;
	f.shapes[i] = shape;
	return is_new;
}

static void take(const struct datagram *dg)
{
	if (is_new_shape(dg))
		decode_all_changes(dg);
	decode_changed(dg, dg->len, dg->len, 0);
}

int main(void)
{
	struct pcapio_reader *reader = pcapio_reader_new();
	struct defrag *defrag = defrag_new(64);
	struct pcapio_packet p;
	ssize_t got;
	if (!reader || !defrag)
		return EXIT_FAILURE;
	fresh_decoder();
	while ((got = pcapio_fill(reader, STDIN_FILENO)) > 0 || got == ERR_RETRY)
		while (pcapio_next(reader, &p) > 0) {
			struct datagram dg;
			if (defrag_datagram(
				    defrag, p.linktype, p.frame, p.caplen, p.received, &dg) > 0)
				take(&dg);
		}
	printf("%llu\n", (unsigned long long)f.decoded);
	pcapio_reader_free(reader);
	defrag_free(defrag);
	decoder_free(f.d);
	free(f.before.at);
	return got < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
