/* Storing a batch: one transaction of prepared inserts. */
#include "nfsink-sqlite/store.h"

#include <string.h>

#include "lib/err.h"
#include "lib/jsonl.h"
#include "lib/jsontext.h"
#include "lib/log.h"

void store_columns(struct sqlite_sink *s)
{
	sql_columns(&s->columns, &s->set, SQL_SIGNED_TIMES_TOO);
	for (size_t at = 0; at < s->columns.count; at++)
		s->column_of[s->columns.field[at]] = (uint8_t)at;
	memset(s->bound, 0, sizeof s->bound);
	s->share_bound = false;
}

static int bind_text(sqlite3_stmt *statement, int at, const char *text, size_t len)
{
	return sqlite3_bind_text(statement, at, text, (int)len, SQLITE_STATIC);
}

/* SQLite's integers are signed: what is above is stored as the largest one. */
static int bind_u64(struct sqlite_sink *s, int at, uint64_t v)
{
	return sqlite3_bind_int64(s->insert, at, v > INT64_MAX ? INT64_MAX : (sqlite3_int64)v);
}

static int bind_word(struct sqlite_sink *s, int at, enum field_id id, uint8_t v)
{
	const char *word = field_word(id, v);
	return word ? bind_text(s->insert, at, word, strlen(word))
		    : sqlite3_bind_int64(s->insert, at, v);
}

static int bind_ip(struct sqlite_sink *s, int at, const struct ip *ip)
{
	char *text = s->ip_text[at - 1];
	return bind_text(s->insert, at, text, ip_format(ip, text));
}

static int bind_mac(struct sqlite_sink *s, int at, const struct mac *mac)
{
	char *text = s->ip_text[at - 1], *p = text;
	for (int i = 0; i < 6; i++) {
		if (i)
			*p++ = ':';
		p = jsontext_hex(p, &mac->b[i], 1);
	}
	return bind_text(s->insert, at, text, 17);
}

/* Clean text is borrowed from the frame; what had to be cleaned is SQLite's to copy. */
static int bind_string(struct sqlite_sink *s, int at, const struct text *t)
{
	const char *text;
	size_t len = sql_text(t, &text, s->extra_text);
	return sqlite3_bind_text(
		s->insert, at, text, (int)len, text == t->p ? SQLITE_STATIC : SQLITE_TRANSIENT);
}

static int bind_value(struct sqlite_sink *s, int at, enum field_id id, const struct record *r)
{
	const void *v = record_field(r, id);
	switch (fields[id].kind) {
	case KIND_U8: return sqlite3_bind_int64(s->insert, at, *(const uint8_t *)v);
	case KIND_U16: return sqlite3_bind_int64(s->insert, at, *(const uint16_t *)v);
	case KIND_U32: return sqlite3_bind_int64(s->insert, at, *(const uint32_t *)v);
	case KIND_U64: return bind_u64(s, at, *(const uint64_t *)v);
	case KIND_TIME: return bind_u64(s, at, ((const struct instant *)v)->ns);
	case KIND_IP: return bind_ip(s, at, v);
	case KIND_MAC: return bind_mac(s, at, v);
	case KIND_WORD: return bind_word(s, at, id, *(const uint8_t *)v);
	default: return bind_string(s, at, v);
	}
}

static int bind_fields(struct sqlite_sink *s, const struct record *r, unsigned word, uint64_t bits)
{
	for (; bits; bits &= bits - 1) {
		enum field_id id = word * 64 + (unsigned)__builtin_ctzll(bits);
		int rc = bind_value(s, s->column_of[id] + 1, id, r);
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
		uint64_t has = r->present[w] & s->columns.bits[w];
		uint64_t there = same_share ? r->shared[w] & s->bound[w] : 0;
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

static int bind_extra(struct sqlite_sink *s, const struct record *r)
{
	int at = (int)s->columns.count + 1;
	if (!s->set.extra)
		return SQLITE_OK;
	int len = sql_row_extra(&s->columns, r, s->extra_text, JSONL_LINE_MAX);
	if (len == 0)
		return sqlite3_bind_null(s->insert, at);
	return len > 0 ? bind_text(s->insert, at, s->extra_text, (size_t)len) : SQLITE_TOOBIG;
}

bool sqlite_is_refusal(struct sqlite_sink *s, int rc)
{
	rc &= 0xff;
	/* a constraint may have ended the transaction, and with it what was inserted before */
	return (rc == SQLITE_CONSTRAINT || rc == SQLITE_TOOBIG || rc == SQLITE_MISMATCH) &&
	       !sqlite3_get_autocommit(s->db);
}

static int insert_record(struct sqlite_sink *s, struct record *r, struct sink_result *result)
{
	bool retimed = sql_row_time(&s->set, r);
	int rc = bind_record(s, r);
	if (rc == SQLITE_OK)
		rc = bind_extra(s, r);
	if (rc == SQLITE_OK) {
		rc = sqlite3_step(s->insert);
		sqlite3_reset(s->insert);
	}
	if (rc == SQLITE_DONE) {
		result->stored++;
		result->retimed += retimed;
		result->saturated += sql_row_saturated(&s->columns, r);
		return 0;
	}
	if (!sqlite_is_refusal(s, rc))
		return sqlite_failed(s, "inserting");
	sink_refuse(result, r, rc == SQLITE_TOOBIG ? sqlite3_errstr(rc) : sqlite3_errmsg(s->db));
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
	if (f->kind == FRAME_COUNTERS)
		return counters_store(s, f, result);
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
	if (sqlite_run(s, "BEGIN IMMEDIATE") != SQLITE_OK)
		return sqlite_failed(s, "beginning");
	for (size_t i = 0; i < batch->count && !err; i++)
		err = store_frame(s, &batch->frames[i], result);
	if (!err && sqlite_run(s, "COMMIT") != SQLITE_OK)
		err = sqlite_failed(s, "committing");
	if (err)
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return err;
}
