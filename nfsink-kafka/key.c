/* The messages' key: none, or the values of some fields as text. */
#include <string.h>

#include "lib/err.h"
#include "lib/jsontext.h"
#include "lib/log.h"
#include "nfsink-kafka/nfsink_kafka.h"

int key_option(struct kafka_sink *s, const char *arg)
{
	s->key_count = 0;
	if (strcmp(arg, "none") == 0)
		return 0;
	for (const char *p = arg;;) {
		size_t len = strcspn(p, ",");
		int id = field_by_name(p, len);
		if (id < 0 || s->key_count == KEY_FIELDS_MAX) {
			log_error("option --key: found \"%s\", expected none, exporter, or up to "
				  "%d names of fields with commas between them",
				arg, KEY_FIELDS_MAX);
			return ERR_SYNTAX;
		}
		s->key[s->key_count++] = (uint8_t)id;
		if (!p[len])
			return 0;
		p += len + 1;
	}
}

static char *put_mac(char *out, const struct mac *mac)
{
	for (int i = 0; i < 6; i++) {
		if (i)
			*out++ = ':';
		out = jsontext_hex(out, &mac->b[i], 1);
	}
	return out;
}

static char *put_bytes(char *out, const char *p, size_t len)
{
	memcpy(out, p, len);
	return out + len;
}

static char *put_word(char *out, enum field_id id, uint8_t value)
{
	const char *word = field_word(id, value);
	return word ? put_bytes(out, word, strlen(word)) : jsontext_decimal(out, value);
}

static char *put_value(char *out, enum field_id id, const struct record *r)
{
	const void *v = record_field(r, id);
	const struct text *t = v;
	switch (fields[id].kind) {
	case KIND_U8: return jsontext_decimal(out, *(const uint8_t *)v);
	case KIND_U16: return jsontext_decimal(out, *(const uint16_t *)v);
	case KIND_U32: return jsontext_decimal(out, *(const uint32_t *)v);
	case KIND_U64: return jsontext_decimal(out, *(const uint64_t *)v);
	case KIND_IP: return out + ip_format(v, out);
	case KIND_MAC: return put_mac(out, v);
	case KIND_TIME: return out + instant_format(*(const struct instant *)v, out);
	case KIND_WORD: return put_word(out, id, *(const uint8_t *)v);
	default: return put_bytes(out, t->p, t->len);
	}
}

size_t key_write(const struct kafka_sink *s, const struct record *r, char *out)
{
	char *p = out;
	bool any = false;
	for (size_t i = 0; i < s->key_count; i++) {
		enum field_id id = s->key[i];
		if (i)
			*p++ = ',';
		if (!record_has(r, id))
			continue;
		any = true;
		p = put_value(p, id, r);
	}
	return any ? (size_t)(p - out) : 0;
}
