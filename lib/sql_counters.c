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

int sql_counters_next(struct sql_counters *c, struct text *left)
{
	while (left->len) {
		const char *line = left->p, *nl = memchr(line, '\n', left->len);
		size_t len = nl ? (size_t)(nl - line) : left->len;
		left->len -= (uint32_t)(len + (nl != NULL));
		left->p += len + (nl != NULL);
		if (len == 0)
			continue;
		int err = jsonl_read_counters(c->reader, line, len, &c->head, &c->counters);
		if (!err && !record_has(&c->head, FIELD_received))
			err = ERR_JSON_VALUE;
		return err ? err : 1;
	}
	return 0;
}
