/* protofile: writes goflow.proto, the message FlowRecord, of the table of fields to standard
 * output.
 *
 * Numbers: a field's is its id + 1, so 1 to 256; that of its precision stands PROTO_DIGITS above
 * it. */
#include <stdio.h>

#include "lib/base.h"
#include "lib/fields.h"
#include "lib/proto_numbers.h"

static void print_words(enum field_id id)
{
	const char *open = " (", *word;
	for (unsigned value = 1; value <= UINT8_MAX; value++)
		if ((word = field_word(id, (uint8_t)value))) {
			printf("%s%u %s", open, value, word);
			open = ", ";
		}
	printf("%s", open[0] == ',' ? ")" : "");
}

static void print_field(enum field_id id)
{
	const struct field *f = &fields[id];
	printf("  // %s%s%s%s", f->doc, f->unit[0] ? " [" : "", f->unit, f->unit[0] ? "]" : "");
	if (f->kind == KIND_WORD)
		print_words(id);
	printf("\n  optional %s %s = %d;\n", kind_protobuf_type(f->kind), f->name, PROTO_TAG(id));
	if (f->kind == KIND_TIME)
		printf("  optional uint32 %s_digits = %d;\n", f->name,
			PROTO_DIGITS + PROTO_TAG(id));
}

int main(void)
{
	puts("// goflow.proto: a flow record as one protobuf message. Made from goflow's table of "
	     "fields.\n"
	     "//\n"
	     "// Numbers are for ever: a new field gets a new one. What the exporter did not send "
	     "is absent.\n"
	     "// Times are nanoseconds since 1970-01-01T00:00:00Z; NAME_digits is there where the "
	     "source had\n"
	     "// fewer than nine fractional digits (0, 3 or 6). Addresses are 4 or 16 bytes, MAC "
	     "addresses 6,\n"
	     "// both as on the wire. Text is bytes: exporters send what is not UTF-8, too.\n"
	     "syntax = \"proto2\";\n"
	     "package goflow;\n\n"
	     "message FlowRecord {\n"
	     "  // An element that no field claims.\n"
	     "  message Extra {\n"
	     "    optional uint32 pen = 1; // private enterprise number, 0: IANA's\n"
	     "    optional uint32 id = 2;\n"
	     "    optional bytes value = 3;\n"
	     "  }\n");
	for (enum field_id id = 0; id < FIELD_COUNT; id++)
		print_field(id);
	printf("  // Those of one element stand next to each other.\n"
	       "  repeated Extra extra = %d;\n}\n",
		PROTO_EXTRA);
	return ferror(stdout) || fflush(stdout) != 0 ? EXIT_IO : EXIT_DONE;
}
