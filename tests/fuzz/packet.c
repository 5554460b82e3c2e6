/* Frames of any link type through reassembly. An input is a row of frames: length (2 bytes), link
 * type, bytes. */
#include <stdlib.h>
#include <string.h>

#include "lib/base.h"
#include "lib/defrag.h"
#include "lib/pcapio.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t types[] = {LINKTYPE_RAW, LINKTYPE_ETHERNET, LINKTYPE_NULL,
		LINKTYPE_LOOP, LINKTYPE_LINUX_SLL, LINKTYPE_LINUX_SLL2, LINKTYPE_IPV4,
		LINKTYPE_IPV6, 9999};
	struct defrag *f = defrag_new(4);
	struct instant now = {1700000000 * NS_PER_S, 9};
	uint8_t headers[PCAPIO_OVERHEAD];
	if (!f)
		return 0;
	while (size >= 3) {
		size_t len = (size_t)(data[0] << 8 | data[1]);
		len = len < size - 3 ? len : size - 3;
		uint8_t *copy = malloc(len + 1);
		struct datagram d;
		if (!copy)
			break;
		memcpy(copy, data + 3, len);
		now.ns += NS_PER_S;
		if (defrag_datagram(f, types[data[2] % LEN(types)], copy, (uint32_t)len, now, &d) >
				0 &&
			d.sent_len <= 65507)
			pcapio_headers(&d, headers);
		free(copy);
		data += 3 + len;
		size -= 3 + len;
	}
	defrag_free(f);
	return 0;
}
