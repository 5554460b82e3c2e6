/* A line through the JSON reader; what it takes is written, and read again equal. */
#include <stdlib.h>
#include <string.h>

#include "lib/jsonl.h"
#include "lib/stream.h"
#include "lib/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Extras of one element next to each other, as the writer expects them. */
static void group(struct record *r)
{
	for (uint32_t i = 1; i < r->extra_count; i++) {
		struct extra x = r->extras[i];
		uint32_t at = i;
		for (uint32_t k = 0; k < i; k++)
			if (r->extras[k].pen == x.pen && r->extras[k].id == x.id)
				at = k + 1;
		memmove(&r->extras[at + 1], &r->extras[at], (i - at) * sizeof x);
		r->extras[at] = x;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct jsonl_reader *first, *second;
	static struct record record, copy;
	static char line[JSONL_LINE_MAX];
	size_t offset;
	uint64_t unknown = 0;
	if (!first) {
		first = jsonl_reader_new();
		second = jsonl_reader_new();
		if (!first || !second || record_init(&record) != 0 || record_init(&copy) != 0)
			abort();
	}
	struct text counters;
	if (jsonl_read_counters(first, (const char *)data, size, &record, &counters) == 0 &&
		(counters.p < (const char *)data || counters.len > size || counters.p[0] != '{' ||
			counters.p[counters.len - 1] != '}'))
		abort();
	int err = jsonl_read(first, (const char *)data, size, &record, &offset, &unknown);
	if (offset > size)
		abort();
	if (err)
		return 0;
	group(&record);
	size_t len = jsonl_write(&record, line, sizeof line);
	if (len == 0)
		return 0; /* text of the line's length grows when it is written: it need not fit */
	if (jsonl_read(second, line, len - 1, &copy, &offset, &unknown) != 0 ||
		!record_equal(&record, &copy))
		abort();
	return 0;
}
