/* The table of formats. */
#include <string.h>

#include "lib/base.h"
#include "nfsink-kafka/nfsink_kafka.h"

static const struct format formats[] = {
	{.name = "json", .record = format_json},
	{.name = "binary", .frame = format_binary},
	{.name = "protobuf", .record = format_proto},
	{.name = "protobuf-delimited", .record = format_proto_delimited},
	{.name = "protobuf-goflow2", .record = format_goflow2},
	{.name = "protobuf-goflow2-delimited", .record = format_goflow2_delimited},
	{.name = "first-goflow", .record = format_first},
};

const char format_names[] =
	"json, binary, protobuf[-delimited], protobuf-goflow2[-delimited] or first-goflow";

const struct format *format_find(const char *name)
{
	for (size_t i = 0; i < LEN(formats); i++)
		if (strcmp(name, formats[i].name) == 0)
			return &formats[i];
	return NULL;
}
