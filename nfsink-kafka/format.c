/* The table of formats. */
#include <string.h>

#include "lib/base.h"
#include "nfsink-kafka/nfsink_kafka.h"

static const struct format formats[] = {
	{.name = "json", .record = format_json},
	{.name = "binary", .frame = format_binary},
	{.name = "first-goflow", .record = format_first},
};

const char format_names[] = "json, binary or first-goflow";

const struct format *format_find(const char *name)
{
	for (size_t i = 0; i < LEN(formats); i++)
		if (strcmp(name, formats[i].name) == 0)
			return &formats[i];
	return NULL;
}
