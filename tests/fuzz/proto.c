/* A message through the reader of FlowRecord; what it takes is written, and read again equal. */
#include <stdlib.h>

#include "lib/proto.h"
#include "lib/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct proto_reader *first, *second;
	static struct proto_writer *writer;
	static struct record record, copy;
	static uint8_t message[4 * 1024 * 1024];
	uint64_t unknown = 0;
	if (!first) {
		first = proto_reader_new();
		second = proto_reader_new();
		writer = proto_writer_new();
		if (!first || !second || !writer || record_init(&record) != 0 ||
			record_init(&copy) != 0)
			abort();
	}
	if (proto_read(first, data, size, &record, &unknown) != 0)
		return 0;
	size_t len = proto_write(writer, &record, false, message, sizeof message);
	unknown = 0;
	if (proto_read(second, message, len, &copy, &unknown) != 0 || unknown != 0 ||
		!record_equal(&record, &copy))
		abort();
	return 0;
}
