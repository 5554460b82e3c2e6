/* The schema half of record.h: our own, and those that a stream announces. */
#include <string.h>

#include "lib/err.h"
#include "lib/record.h"

#define SCHEMA_MAX (2 + FIELD_COUNT * (4 + 255))

static uint8_t own_payload[SCHEMA_MAX];
static size_t own_len;
static struct schema own;

static uint64_t fnv1a(const uint8_t *p, size_t len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h;
}

size_t schema_payload(const uint8_t **payload)
{
	if (!own_len) {
		uint8_t *p = own_payload;
		uint16_t count = FIELD_COUNT;
		memcpy(p, &count, 2);
		p += 2;
		for (uint16_t id = 0; id < FIELD_COUNT; id++) {
			size_t name = strlen(fields[id].name);
			memcpy(p, &id, 2);
			p[2] = fields[id].kind;
			p[3] = (uint8_t)name;
			memcpy(p + 4, fields[id].name, name);
			p += 4 + name;
		}
		own_len = (size_t)(p - own_payload);
	}
	*payload = own_payload;
	return own_len;
}

const struct schema *schema_own(void)
{
	if (!own.count) {
		const uint8_t *payload;
		size_t len = schema_payload(&payload);
		if (schema_parse(payload, len, &own) != 0)
			own.count = 0;
	}
	return &own;
}

/* Our field for a column of that name and kind, or -1. */
static int own_field(const char *name, size_t len, uint8_t kind)
{
	int id = field_by_name(name, len);
	return id >= 0 && fields[id].kind == kind ? id : -1;
}

int schema_parse(const uint8_t *payload, size_t len, struct schema *out)
{
	const uint8_t *p = payload, *end = payload + len;
	uint16_t count;
	if (len < 2)
		return ERR_FRAME_FORMAT;
	memcpy(&count, p, 2);
	p += 2;
	if (count > sizeof out->column / sizeof out->column[0])
		return ERR_FRAME_FORMAT;
	for (uint16_t i = 0; i < count; i++) {
		uint16_t id;
		if (end - p < 4 || end - p < 4 + p[3])
			return ERR_FRAME_FORMAT;
		memcpy(&id, p, 2);
		if (id != i)
			return ERR_FRAME_FORMAT; /* ids are positions: none is left out */
		out->column[i].kind = p[2];
		out->column[i].field = (int16_t)own_field((const char *)p + 4, p[3], p[2]);
		p += 4 + p[3];
	}
	if (p != end)
		return ERR_FRAME_FORMAT;
	out->count = count;
	out->hash = fnv1a(payload, len);
	return 0;
}
