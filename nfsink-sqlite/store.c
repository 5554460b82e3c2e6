/* Storing a batch: one transaction of prepared inserts. */
#include "nfsink-sqlite/store.h"

#include <string.h>

#include "lib/err.h"
#include "lib/jsonl.h"
#include "lib/jsontext.h"
#include "lib/log.h"

static bool can_saturate(enum field_id id)
{
	return fields[id].kind == KIND_U64 || fields[id].kind == KIND_TIME;
}

void store_columns(struct sqlite_sink *s)
{
	s->column_count = 0;
	memset(s->chosen_bits, 0, sizeof s->chosen_bits);
	memset(s->bound, 0, sizeof s->bound);
	for (unsigned id = 0; id < FIELD_COUNT; id++)
		if (s->chosen[id]) {
			s->chosen_bits[id / 64] |= UINT64_C(1) << (id % 64);
			if (can_saturate(id))
				s->counter_bits[id / 64] |= UINT64_C(1) << (id % 64);
			s->column_of[id] = (uint8_t)s->column_count;
			s->columns[s->column_count++].field = (uint8_t)id;
		}
	s->share_bound = false;
}

static int bind_text(sqlite3_stmt *statement, int at, const char *text, size_t len)
{
	return sqlite3_bind_text(statement, at, text, (int)len, SQLITE_STATIC);
}

/* SQLite's integers are signed: what is above is stored as the largest one. */
static int bind_u64(struct sqlite_sink *s, int at, uint64_t v)
{
	if (v > INT64_MAX) {
		s->saturated++;
		v = INT64_MAX;
	}
	return sqlite3_bind_int64(s->insert, at, (sqlite3_int64)v);
}

static int bind_word(struct sqlite_sink *s, int at, enum field_id id, uint8_t v)
{
	const char *word = field_word(id, v);
	return word ? bind_text(s->insert, at, word, strlen(word))
		    : sqlite3_bind_int64(s->insert, at, v);
}

static int bind_mac(struct sqlite_sink *s, int at, struct column *c, const struct mac *mac)
{
	char *p = c->text;
	for (int i = 0; i < 6; i++) {
		if (i)
			*p++ = ':';
		p = jsontext_hex(p, &mac->b[i], 1);
	}
	return bind_text(s->insert, at, c->text, 17);
}

static int bind_value(struct sqlite_sink *s, int at, struct column *c, const struct record *r)
{
	const void *v = record_field(r, c->field);
	switch (fields[c->field].kind) {
	case KIND_U8: return sqlite3_bind_int64(s->insert, at, *(const uint8_t *)v);
	case KIND_U16: return sqlite3_bind_int64(s->insert, at, *(const uint16_t *)v);
	case KIND_U32: return sqlite3_bind_int64(s->insert, at, *(const uint32_t *)v);
	case KIND_U64: return bind_u64(s, at, *(const uint64_t *)v);
	case KIND_TIME: return bind_u64(s, at, ((const struct instant *)v)->ns);
	case KIND_IP: return bind_text(s->insert, at, c->text, ip_format(v, c->text));
	case KIND_MAC: return bind_mac(s, at, c, v);
	case KIND_WORD: return bind_word(s, at, c->field, *(const uint8_t *)v);
	default:
		return bind_text(
			s->insert, at, ((const struct text *)v)->p, ((const struct text *)v)->len);
	}
}

static int bind_fields(struct sqlite_sink *s, const struct record *r, unsigned word, uint64_t bits)
{
	for (; bits; bits &= bits - 1) {
		unsigned at = s->column_of[word * 64 + (unsigned)__builtin_ctzll(bits)];
		int rc = bind_value(s, (int)at + 1, &s->columns[at], r);
		if (rc != SQLITE_OK)
			return rc;
	}
	return SQLITE_OK;
}

/* Binds what this record has, but for shared values that are bound already, and NULL where the
 * record before had something. */
static int bind_record(struct sqlite_sink *s, const struct record *r)
{
	bool same_share = s->share_bound && s->share_id == r->share_id;
	for (unsigned w = 0; w < FIELD_WORDS; w++) {
		uint64_t has = r->present[w] & s->chosen_bits[w];
		uint64_t there = same_share ? r->shared[w] & s->bound[w] & ~s->counter_bits[w] : 0;
		int rc = bind_fields(s, r, w, has & ~there);
		if (rc != SQLITE_OK)
			return rc;
		for (uint64_t bits = s->bound[w] & ~has; bits; bits &= bits - 1)
			sqlite3_bind_null(s->insert,
				s->column_of[w * 64 + (unsigned)__builtin_ctzll(bits)] + 1);
		s->bound[w] = has;
	}
	s->share_bound = true;
	s->share_id = r->share_id;
	return SQLITE_OK;
}

/* A counter or a time as in JSON lines. */
static char *put_exact(const struct record *r, enum field_id id, char *p)
{
	const void *v = record_field(r, id);
	if (fields[id].kind == KIND_U64)
		return jsontext_decimal(p, *(const uint64_t *)v);
	*p++ = '"';
	p += instant_format(*(const struct instant *)v, p);
	*p++ = '"';
	return p;
}

static bool is_saturated(const struct record *r, enum field_id id)
{
	if (!can_saturate(id) || !record_has(r, id))
		return false;
	const void *v = record_field(r, id);
	uint64_t n = fields[id].kind == KIND_U64 ? *(const uint64_t *)v
						 : ((const struct instant *)v)->ns;
	return n > INT64_MAX;
}

/* The members of what no column can hold exactly: {"in_bytes":18446744073709551615,... */
static char *put_saturated(const struct sqlite_sink *s, const struct record *r, char *p)
{
	for (size_t i = 0; i < s->column_count; i++) {
		enum field_id id = s->columns[i].field;
		if (!is_saturated(r, id))
			continue;
		*p = *p == '{' ? '{' : ',';
		p++;
		*p++ = '"';
		size_t len = strlen(fields[id].name);
		memcpy(p, fields[id].name, len);
		p += len;
		*p++ = '"';
		*p++ = ':';
		p = put_exact(r, id, p);
		*p = ',';
	}
	return p;
}

/* The JSON of what no column holds; 0 if it does not fit. */
static size_t extra_json(const struct sqlite_sink *s, const struct record *r)
{
	char *out = s->extra_text;
	out[0] = '{';
	char *p = put_saturated(s, r, out);
	if (p == out)
		return jsonl_write_extras(r, out, JSONL_LINE_MAX);
	if (r->extra_count) {
		size_t len = jsonl_write_extras(r, p, JSONL_LINE_MAX - (size_t)(p - out));
		*p = ','; /* in place of its brace */
		return len ? (size_t)(p - out) + len : 0;
	}
	*p++ = '}';
	return (size_t)(p - out);
}

static int bind_extra(struct sqlite_sink *s, const struct record *r, bool saturated)
{
	int at = (int)s->column_count + 1;
	if (!s->extra)
		return SQLITE_OK;
	if (!saturated && !r->extra_count)
		return sqlite3_bind_null(s->insert, at);
	size_t len = extra_json(s, r);
	return len ? bind_text(s->insert, at, s->extra_text, len) : SQLITE_TOOBIG;
}

/* A value, or a constraint that the user has put on the table, which no retry can mend. */
static bool is_refusal(int rc)
{
	rc &= 0xff;
	return rc == SQLITE_CONSTRAINT || rc == SQLITE_TOOBIG || rc == SQLITE_MISMATCH;
}

static int insert_record(struct sqlite_sink *s, const struct record *r, struct sink_result *result)
{
	static struct log_limit limit;
	uint64_t missed;
	uint64_t saturated = s->saturated;
	int rc = bind_record(s, r);
	if (rc == SQLITE_OK)
		rc = bind_extra(s, r, s->saturated > saturated);
	if (rc == SQLITE_OK) {
		rc = sqlite3_step(s->insert);
		sqlite3_reset(s->insert);
	}
	if (rc == SQLITE_DONE) {
		result->stored++;
		return 0;
	}
	/* a constraint may have ended the transaction, and with it what was inserted before */
	if (!is_refusal(rc) || sqlite3_get_autocommit(s->db))
		return sqlite_failed(s, "inserting");
	result->refused++;
	if (log_limit(&limit, &missed))
		log_warn("row refused: %s not_said=%llu",
			rc == SQLITE_TOOBIG ? sqlite3_errstr(rc) : sqlite3_errmsg(s->db),
			(unsigned long long)missed);
	return 0;
}

static int store_frame(struct sqlite_sink *s, const struct frame *f, struct sink_result *result)
{
	struct frame_iter it;
	uint64_t before = result->stored + result->refused;
	int got = f->numbered ? ledger_note(s, f) : 1;
	if (got <= 0) {
		result->duplicate += got == 0 ? f->records : 0;
		return got;
	}
	s->share_bound = false; /* values are shared within a frame alone */
	frame_begin(&it, f, &s->record);
	while (frame_next(&it, &s->record) > 0) {
		int err = insert_record(s, &s->record, result);
		if (err)
			return err;
		if (record_has(&s->record, FIELD_received))
			result->received_ns = s->record.received.ns;
	}
	/* a frame that breaks off, its checksum holding, was written wrong: the rest is lost */
	uint64_t done = result->stored + result->refused - before;
	if (done < f->records)
		result->refused += f->records - done;
	return 0;
}

int store_batch(struct sqlite_sink *s, const struct sink_batch *batch, struct sink_result *result)
{
	int err = 0;
	*result = (struct sink_result){0};
	s->saturated = 0;
	if (sqlite_run(s, "BEGIN IMMEDIATE") != SQLITE_OK)
		return sqlite_failed(s, "beginning");
	for (size_t i = 0; i < batch->count && !err; i++)
		err = store_frame(s, &batch->frames[i], result);
	if (!err && sqlite_run(s, "COMMIT") != SQLITE_OK)
		err = sqlite_failed(s, "committing");
	result->saturated = s->saturated;
	if (err)
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return err;
}
