/* frames: captured frames put together field by field, for tests. */
#ifndef TESTS_UNIT_FRAMES_H
#define TESTS_UNIT_FRAMES_H

#include <stdint.h>
#include <string.h>

struct frame {
	uint32_t len;
	uint8_t b[70000];
};

/* An integer of n bytes, big-endian. */
static inline void frame_put(struct frame *f, unsigned n, uint64_t v)
{
	while (n--)
		f->b[f->len++] = (uint8_t)(v >> (8 * n));
}

static inline void frame_bytes(struct frame *f, const void *bytes, size_t n)
{
	memcpy(f->b + f->len, bytes, n);
	f->len += (uint32_t)n;
}

/* 192.0.2.src > 192.0.2.dst; fragment: the flags and offset as on the wire. */
static inline void frame_ipv4(
	struct frame *f, uint8_t protocol, uint16_t id, uint16_t fragment, uint32_t payload)
{
	frame_put(f, 2, 0x4500);
	frame_put(f, 2, 20 + payload);
	frame_put(f, 2, id);
	frame_put(f, 2, fragment);
	frame_put(f, 1, 64);
	frame_put(f, 1, protocol);
	frame_put(f, 2, 0);
	frame_put(f, 4, 0xc0000201);
	frame_put(f, 4, 0xc0000202);
}

/* 2001:db8::1 > 2001:db8::2 */
static inline void frame_ipv6(struct frame *f, uint8_t next, uint32_t payload)
{
	frame_put(f, 4, 0x60000000);
	frame_put(f, 2, payload);
	frame_put(f, 1, next);
	frame_put(f, 1, 64);
	frame_put(f, 8, UINT64_C(0x20010db800000000));
	frame_put(f, 8, 1);
	frame_put(f, 8, UINT64_C(0x20010db800000000));
	frame_put(f, 8, 2);
}

/* The fragment header of IPv6. */
static inline void frame_fragment6(
	struct frame *f, uint8_t next, uint32_t id, uint32_t offset, int more)
{
	frame_put(f, 1, next);
	frame_put(f, 1, 0);
	frame_put(f, 2, offset | (more ? 1u : 0u));
	frame_put(f, 4, id);
}

/* From port 5000. */
static inline void frame_udp_to(struct frame *f, uint16_t port, uint32_t payload)
{
	frame_put(f, 2, 5000);
	frame_put(f, 2, port);
	frame_put(f, 2, 8 + payload);
	frame_put(f, 2, 0);
}

/* From port 5000 to port 2055. */
static inline void frame_udp(struct frame *f, uint32_t payload)
{
	frame_udp_to(f, 2055, payload);
}

#endif
