#include "lib/sql_counters.h"

#include <string.h>

#include "lib/err.h"

const uint8_t sql_counters_fields[SQL_COUNTERS_FIELDS] = {
	FIELD_received, FIELD_exporter, FIELD_agent, FIELD_obs_point, FIELD_sequence};

int sql_counters_open(struct sql_counters *c)
{
	c->reader = jsonl_reader_new();
	return c->reader ? record_init(&c->head) : ERR_MEMORY;
}

void sql_counters_close(struct sql_counters *c)
{
	jsonl_reader_free(c->reader);
	c->reader = NULL;
	record_release(&c->head);
}

/* Takes the next line off *left. Returns 0, or ERR_JSON_SYNTAX or ERR_JSON_VALUE. */
static int next_line(struct sql_counters *c, struct text *left)
{
	const char *line = left->p, *nl = memchr(line, '\n', left->len);
	size_t len = nl ? (size_t)(nl - line) : left->len, taken = len + (nl != NULL);
	left->len -= (uint32_t)taken;
	left->p += taken;
	int err = jsonl_read_counters(c->reader, line, len, &c->head, &c->counters);
	return !err && !record_has(&c->head, FIELD_received) ? ERR_JSON_VALUE : err;
}

/* Sends lines off *left together, as many as the way takes, or one. */
static int store_some(const struct sql_counters_way *way, struct sql_counters *c, struct text *left,
	bool one, struct sink_result *result)
{
	struct text tried = *left;
	uint64_t rows = 0, unreadable = 0;
	int fault = 0;
	for (bool more = true; more && left->len;) {
		int err = next_line(c, left);
		if (!err)
			more = way->add(way->self, rows++ == 0) && !one;
		fault = err ? err : fault;
		unreadable += err != 0;
	}
	int got = rows ? way->send(way->self) : 0;
	if (got == 1 && rows > 1) {
		got = 0;
		tried.len -= left->len;
		while (tried.len && got == 0)
			got = store_some(way, c, &tried, true, result);
		return got;
	}
	result->counters_stored += got == 0 ? rows : 0;
	if (got == 1)
		sink_refuse_counters(result, way->why);
	for (; unreadable; unreadable--)
		sink_refuse_counters(result, err_sentence(fault));
	return got < 0 ? got : 0;
}

int sql_counters_store(const struct sql_counters_way *way, struct sql_counters *c,
	const struct frame *f, struct sink_result *result)
{
	struct text left = {(const char *)f->payload, (uint32_t)f->len};
	int err = 0;
	while (left.len && !err)
		err = store_some(way, c, &left, false, result);
	return err;
}
