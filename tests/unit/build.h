/* build: NetFlow v5, v9 and IPFIX datagrams put together field by field, for tests. */
#ifndef TESTS_UNIT_BUILD_H
#define TESTS_UNIT_BUILD_H

#include <stdint.h>
#include <string.h>

#include "lib/template.h"

#define BUILD_EXPORT_S UINT32_C(1700000000) /* the export time of all headers made here */

/* A message under construction. Begin it by one of the *_begin functions. */
struct build {
	size_t len, set; /* set: where the set begun stands */
	uint8_t b[65536];
};

/* An integer of n bytes, big-endian. */
static inline void put(struct build *m, unsigned n, uint64_t v)
{
	while (n--)
		m->b[m->len++] = (uint8_t)(n < 8 ? v >> (8 * n) : 0);
}

static inline void put_bytes(struct build *m, const void *bytes, size_t n)
{
	memcpy(m->b + m->len, bytes, n);
	m->len += n;
}

static inline void put_fill(struct build *m, uint8_t byte, size_t n)
{
	memset(m->b + m->len, byte, n);
	m->len += n;
}

/* Writes over an integer that stands already. */
static inline void patch(struct build *m, size_t at, unsigned n, uint64_t v)
{
	size_t len = m->len;
	m->len = at;
	put(m, n, v);
	m->len = len;
}

/* IPFIX, RFC 7011, 3.1. ipfix_end fills in the length. */
static inline void ipfix_begin(struct build *m, uint32_t domain, uint32_t sequence)
{
	m->len = 0;
	put(m, 2, 10);
	put(m, 2, 0);
	put(m, 4, BUILD_EXPORT_S);
	put(m, 4, sequence);
	put(m, 4, domain);
}

static inline void ipfix_end(struct build *m)
{
	patch(m, 2, 2, m->len);
}

/* NetFlow v9, RFC 3954, 5.1. The count is left at 0: nobody may rely on it. */
static inline void v9_begin_at(struct build *m, uint32_t source, uint32_t sequence, uint32_t uptime,
	uint32_t seconds)
{
	m->len = 0;
	put(m, 2, 9);
	put(m, 2, 0);
	put(m, 4, uptime);
	put(m, 4, seconds);
	put(m, 4, sequence);
	put(m, 4, source);
}

static inline void v9_begin(struct build *m, uint32_t source, uint32_t sequence)
{
	v9_begin_at(m, source, sequence, 3600000, BUILD_EXPORT_S);
}

/* NetFlow v5's header of 24 bytes. */
struct v5_header {
	uint16_t count, sampling;
	uint32_t uptime, seconds, nanoseconds, sequence;
	uint8_t engine_type, engine_id;
};

static inline void v5_begin(struct build *m, const struct v5_header *h)
{
	m->len = 0;
	put(m, 2, 5);
	put(m, 2, h->count);
	put(m, 4, h->uptime);
	put(m, 4, h->seconds);
	put(m, 4, h->nanoseconds);
	put(m, 4, h->sequence);
	put(m, 1, h->engine_type);
	put(m, 1, h->engine_id);
	put(m, 2, h->sampling);
}

/* A v5 record whose values all follow from n. */
static inline void v5_record(struct build *m, uint32_t n)
{
	put(m, 4, 0x0a000000 | n); /* source */
	put(m, 4, 0xc0a80000 | n); /* destination */
	put(m, 4, 0x0afffffe);     /* next hop */
	put(m, 2, 1);              /* input */
	put(m, 2, 2);              /* output */
	put(m, 4, n);              /* packets */
	put(m, 4, 100 * n);        /* octets */
	put(m, 4, 1000);           /* first */
	put(m, 4, 2000);           /* last */
	put(m, 2, 1024 + n);
	put(m, 2, 53);
	put(m, 1, 0xee); /* padding */
	put(m, 1, 0x1b); /* flags */
	put(m, 1, 17);
	put(m, 1, 0x2e); /* tos */
	put(m, 2, 64512);
	put(m, 2, 65001);
	put(m, 1, 24);
	put(m, 1, 16);
	put(m, 2, 0xeeee); /* padding */
}

/* A set; set_end fills in its length and, where `align` is not 0, pads it with zeros first. */
static inline void set_begin(struct build *m, uint16_t id)
{
	m->set = m->len;
	put(m, 2, id);
	put(m, 2, 0);
}

static inline void set_end(struct build *m, unsigned align)
{
	while (align && m->len % align)
		put(m, 1, 0);
	patch(m, m->set + 2, 2, m->len - m->set);
}

/* Field specifiers; an enterprise number makes the longer form of IPFIX. */
static inline void put_fields(struct build *m, const struct template_field *f, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		put(m, 2, f[i].pen ? 0x8000u | f[i].id : f[i].id);
		put(m, 2, f[i].len);
		if (f[i].pen)
			put(m, 4, f[i].pen);
	}
}

/* One template record: both protocols have the same form. */
static inline void put_template(struct build *m, uint16_t id, const struct template_field *f,
	size_t count)
{
	put(m, 2, id);
	put(m, 2, count);
	put_fields(m, f, count);
}

/* One options template record of IPFIX, RFC 7011, 3.4.2.2: the scopes are the first of the fields. */
static inline void put_options(struct build *m, uint16_t id, const struct template_field *f,
	size_t count, size_t scopes)
{
	put(m, 2, id);
	put(m, 2, count);
	put(m, 2, scopes);
	put_fields(m, f, count);
}

/* The same of NetFlow v9, RFC 3954, 6.1, which gives lengths in bytes. */
static inline void put_v9_options(struct build *m, uint16_t id, const struct template_field *f,
	size_t count, size_t scopes)
{
	put(m, 2, id);
	put(m, 2, 4 * scopes);
	put(m, 2, 4 * (count - scopes));
	put_fields(m, f, count);
}

#endif
