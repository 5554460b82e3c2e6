/* The table of formats, and what they read with. */
#include <stdlib.h>
#include <string.h>

#include "lib/base.h"
#include "lib/err.h"
#include "nfsrc-kafka/nfsrc_kafka.h"

static const struct format formats[] = {
	{.name = "json", .counts_offsets = true, .take = format_json},
	{.name = "binary", .take = format_binary},
};

const char format_names[] = "json or binary";

const struct format *format_find(const char *name)
{
	for (size_t i = 0; i < LEN(formats); i++)
		if (strcmp(name, formats[i].name) == 0)
			return &formats[i];
	return NULL;
}

int format_begin(struct source *s)
{
	s->reader = stream_reader_new();
	s->lines = jsonl_reader_new();
	s->packed = malloc(STREAM_FRAME_MAX);
	return s->reader && s->lines && s->packed ? record_init(&s->record) : ERR_MEMORY;
}

void format_end(struct source *s)
{
	stream_reader_free(s->reader);
	jsonl_reader_free(s->lines);
	record_release(&s->record);
	free(s->packed);
}
