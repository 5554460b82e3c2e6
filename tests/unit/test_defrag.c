#include "lib/defrag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/base.h"
#include "lib/err.h"
#include "tests/unit/frames.h"

#define T0 (UINT64_C(1700000000) * NS_PER_S)

/* A UDP packet whose payload is a pattern, to be cut into fragments. */
static struct frame whole;

static void make_whole(uint32_t payload)
{
	whole.len = 0;
	frame_udp(&whole, payload);
	for (uint32_t i = 0; i < payload; i++)
		frame_put(&whole, 1, (i * 7 + i / 256) & 0xff);
}

/* Gives the fragment [begin, end) of the packet to the reassembler. */
static int give(struct defrag *f, int v6, uint32_t id, uint32_t begin, uint32_t end, uint64_t ns,
	struct datagram *d)
{
	static struct frame frame;
	uint32_t len = end - begin;
	int more = end < whole.len;
	frame.len = 0;
	if (v6) {
		frame_ipv6(&frame, 44, 8 + len);
		frame_fragment6(&frame, 17, id, begin, more);
	} else {
		frame_ipv4(&frame, 17, (uint16_t)id, (uint16_t)(begin / 8 | (more ? 0x2000u : 0)),
			len);
	}
	frame_bytes(&frame, whole.b + begin, len);
	return defrag_datagram(f, LINKTYPE_RAW, frame.b, frame.len, (struct instant){ns, 9}, d);
}

static void assert_whole(const struct datagram *d)
{
	assert_int_equal(d->len, whole.len - 8);
	assert_memory_equal(d->data, whole.b + 8, d->len);
	assert_false(d->truncated);
}

static void assert_counts(
	const struct defrag *f, uint64_t waiting, uint64_t given_up, uint64_t joined)
{
	struct defrag_counts c = defrag_counts(f);
	assert_int_equal(c.waiting, waiting);
	assert_int_equal(c.given_up, given_up);
	assert_int_equal(c.joined, joined);
}

static struct defrag *new_defrag(unsigned slots)
{
	struct defrag *f = defrag_new(slots);
	assert_non_null(f);
	return f;
}

static void test_whole_packets_pass(void **state)
{
	struct defrag *f = new_defrag(1);
	struct frame frame = {0};
	struct datagram d;
	(void)state;
	frame_ipv4(&frame, 17, 1, 0, 12);
	frame_udp(&frame, 4);
	frame_bytes(&frame, "abcd", 4);
	assert_int_equal(
		defrag_datagram(f, LINKTYPE_RAW, frame.b, frame.len, (struct instant){T0, 6}, &d),
		1);
	assert_true(d.received.ns == T0);
	assert_int_equal(d.received.digits, 6);
	assert_int_equal(d.len, 4);
	assert_counts(f, 0, 0, 0);
	defrag_free(f);
}

/* Every order of four fragments, of both families. */
static void test_any_order(void **state)
{
	static const uint32_t cuts[] = {0, 1480, 2960, 4440, 5008};
	struct defrag *f = new_defrag(4);
	struct datagram d;
	uint64_t joined = 0;
	(void)state;
	make_whole(5000);
	for (uint32_t order = 0; order < 256; order++) {
		uint32_t at[4] = {order & 3, order >> 2 & 3, order >> 4 & 3, order >> 6 & 3};
		if ((1u << at[0] | 1u << at[1] | 1u << at[2] | 1u << at[3]) != 15)
			continue;
		for (int i = 0; i < 4; i++)
			assert_int_equal(
				give(f, order & 1, order, cuts[at[i]], cuts[at[i] + 1], T0, &d),
				i == 3);
		assert_whole(&d);
		joined += 3;
		assert_counts(f, 0, 0, joined);
	}
	assert_int_equal(joined, 24 * 3);
	defrag_free(f);
}

static void test_the_largest_packet(void **state)
{
	struct defrag *f = new_defrag(1);
	struct datagram d;
	int r = 0;
	(void)state;
	make_whole(65527);
	for (uint32_t at = 0; at < whole.len; at += 1448)
		r = give(f, 1, 1, at, at + 1448 < whole.len ? at + 1448 : whole.len, T0, &d);
	assert_int_equal(r, 1);
	assert_whole(&d);
	defrag_free(f);
}

/* The same fragment again changes nothing; it is counted among those that were joined. */
static void test_duplicates(void **state)
{
	struct defrag *f = new_defrag(2);
	struct datagram d;
	(void)state;
	make_whole(3000);
	assert_int_equal(give(f, 0, 1, 1480, 3008, T0, &d), 0);
	assert_int_equal(give(f, 0, 1, 1480, 3008, T0, &d), 0);
	assert_int_equal(give(f, 0, 1, 0, 1480, T0, &d), 1);
	assert_whole(&d);
	assert_counts(f, 0, 0, 2);
	defrag_free(f);
}

/* Overlapping ones condemn the packet, and what comes of it later (RFC 5722). */
static void test_overlaps(void **state)
{
	static const struct {
		uint32_t begin, end;
		int other; /* and its content differs where they overlap */
	} bad[] = {{1472, 1488, 0}, {1472, 1488, 1}, {0, 3000, 0}, {8, 1480, 1}, {1472, 3008, 1}};
	struct datagram d;
	(void)state;
	make_whole(3000);
	for (size_t i = 0; i < LEN(bad); i++) {
		struct defrag *f = new_defrag(2);
		assert_int_equal(give(f, 1, 1, 0, 1480, T0, &d), 0);
		whole.b[1475] ^= bad[i].other;
		assert_int_equal(
			give(f, 1, 1, bad[i].begin, bad[i].end & ~7u, T0, &d), ERR_FRAGMENT_LIMIT);
		whole.b[1475] ^= bad[i].other;
		assert_counts(f, 0, 1, 0);
		assert_int_equal(give(f, 1, 1, 1480, 3008, T0, &d), ERR_FRAGMENT_LIMIT);
		assert_counts(f, 0, 1, 0);
		/* its number may be used again when it has been forgotten */
		assert_int_equal(give(f, 1, 1, 0, 1480, T0 + 31 * NS_PER_S, &d), 0);
		assert_int_equal(give(f, 1, 1, 1480, 3008, T0 + 31 * NS_PER_S, &d), 1);
		assert_whole(&d);
		defrag_free(f);
	}
}

/* Two ends, or a piece behind the end, contradict each other. */
static void test_two_ends(void **state)
{
	struct defrag *f = new_defrag(2);
	struct datagram d;
	(void)state;
	make_whole(3000);
	assert_int_equal(give(f, 0, 1, 1480, 3008, T0, &d), 0);
	whole.len = 2000;
	assert_int_equal(give(f, 0, 1, 1480, 2000, T0, &d), ERR_FRAGMENT_LIMIT);
	make_whole(3000);
	assert_int_equal(give(f, 0, 2, 1480, 2960, T0, &d), 0);
	whole.len = 1000;
	assert_int_equal(give(f, 0, 2, 8, 1000, T0, &d), ERR_FRAGMENT_LIMIT);
	assert_counts(f, 0, 2, 0);
	defrag_free(f);
}

static void test_impossible_fragments(void **state)
{
	struct defrag *f = new_defrag(2);
	struct frame empty = {0}, tcp = {0};
	struct datagram d;
	(void)state;
	make_whole(3000);
	assert_int_equal(give(f, 0, 1, 0, 1479, T0, &d), ERR_BAD_PACKET); /* not a multiple of 8 */
	frame_ipv4(&empty, 17, 1, 0x2000, 0);
	assert_int_equal(
		defrag_datagram(f, LINKTYPE_RAW, empty.b, empty.len, (struct instant){T0, 9}, &d),
		ERR_BAD_PACKET);
	empty.len = 0;
	frame_ipv4(&empty, 17, 1, 0x1fff, 16); /* ends behind 65,535 */
	frame_put(&empty, 8, 0);
	assert_int_equal(
		defrag_datagram(f, LINKTYPE_RAW, empty.b, empty.len, (struct instant){T0, 9}, &d),
		ERR_TRUNCATED);
	frame_put(&empty, 8, 0);
	assert_int_equal(
		defrag_datagram(f, LINKTYPE_RAW, empty.b, empty.len, (struct instant){T0, 9}, &d),
		ERR_BAD_PACKET);
	frame_ipv4(&tcp, 6, 1, 0x2000, 8);
	frame_put(&tcp, 8, 0);
	assert_int_equal(
		defrag_datagram(f, LINKTYPE_RAW, tcp.b, tcp.len, (struct instant){T0, 9}, &d),
		ERR_NOT_UDP);
	assert_counts(f, 0, 0, 0);
	defrag_free(f);
}

/* Other packets' fragments: by number, by family, and by protocol they are told apart. */
static void test_packets_do_not_mix(void **state)
{
	struct defrag *f = new_defrag(8);
	struct datagram d;
	(void)state;
	make_whole(3000);
	for (uint32_t id = 1; id <= 3; id++)
		for (int v6 = 0; v6 <= 1; v6++)
			assert_int_equal(give(f, v6, id, 0, 1480, T0, &d), 0);
	assert_counts(f, 6, 0, 0);
	for (uint32_t id = 1; id <= 3; id++)
		for (int v6 = 0; v6 <= 1; v6++) {
			assert_int_equal(give(f, v6, id, 1480, 3008, T0, &d), 1);
			assert_whole(&d);
		}
	assert_counts(f, 0, 0, 6);
	defrag_free(f);
}

static void test_bounds_of_room_and_time(void **state)
{
	struct defrag *f = new_defrag(2);
	struct datagram d;
	(void)state;
	make_whole(3000);
	assert_int_equal(give(f, 0, 1, 0, 1480, T0, &d), 0);
	assert_int_equal(give(f, 0, 2, 0, 1480, T0 + 1, &d), 0);
	assert_int_equal(give(f, 0, 3, 0, 1480, T0 + 2, &d), 0); /* the oldest goes */
	assert_counts(f, 2, 1, 0);
	assert_int_equal(give(f, 0, 2, 1480, 3008, T0 + 3, &d), 1);
	assert_counts(f, 1, 1, 1);
	/* a fragment that comes too late begins anew */
	assert_int_equal(give(f, 0, 3, 1480, 3008, T0 + 31 * NS_PER_S, &d), 0);
	assert_counts(f, 1, 2, 1);
	/* and time that goes back by as much does the same */
	assert_int_equal(give(f, 0, 3, 0, 1480, T0, &d), 0);
	assert_counts(f, 1, 3, 1);
	defrag_give_up(f);
	assert_counts(f, 0, 4, 1);
	defrag_free(f);
}

/* Extension headers may be in the part that is cut into fragments. */
static void test_extensions_inside(void **state)
{
	struct defrag *f = new_defrag(1);
	struct frame one = {0}, two = {0};
	struct datagram d;
	(void)state;
	frame_ipv6(&one, 44, 8 + 16);
	frame_fragment6(&one, 60, 5, 0, 1);
	frame_put(&one, 8, UINT64_C(0x1100000000000000));
	frame_udp(&one, 3);
	frame_ipv6(&two, 44, 8 + 3);
	frame_fragment6(&two, 60, 5, 16, 0);
	frame_bytes(&two, "abc", 3);
	assert_int_equal(
		defrag_datagram(f, LINKTYPE_RAW, one.b, one.len, (struct instant){T0, 9}, &d), 0);
	assert_int_equal(
		defrag_datagram(f, LINKTYPE_RAW, two.b, two.len, (struct instant){T0, 9}, &d), 1);
	assert_int_equal(d.len, 3);
	assert_memory_equal(d.data, "abc", 3);
	defrag_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_packets_pass),
		cmocka_unit_test(test_any_order),
		cmocka_unit_test(test_the_largest_packet),
		cmocka_unit_test(test_duplicates),
		cmocka_unit_test(test_overlaps),
		cmocka_unit_test(test_two_ends),
		cmocka_unit_test(test_impossible_fragments),
		cmocka_unit_test(test_packets_do_not_mix),
		cmocka_unit_test(test_bounds_of_room_and_time),
		cmocka_unit_test(test_extensions_inside),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
