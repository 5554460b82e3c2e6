/* A pcap stream through the reader, from a pipe. */
#include <stdlib.h>
#include <unistd.h>

#include "lib/pcapio.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int ends[2];
	struct pcapio_packet p;
	uint64_t sum = 0;
	if (size > 60000 || pipe(ends) != 0) /* a pipe holds 64 KiB */
		return 0;
	if (write(ends[1], data, size) != (ssize_t)size)
		abort();
	close(ends[1]);
	struct pcapio_reader *r = pcapio_reader_new();
	int got = 0;
	while (r && got >= 0 && pcapio_fill(r, ends[0]) > 0)
		while ((got = pcapio_next(r, &p)) > 0)
			for (uint32_t i = 0; i < p.caplen; i++)
				sum += p.frame[i];
	if (r && (pcapio_torn(r) > size || pcapio_offset(r) > size || sum > 255 * (uint64_t)size))
		abort();
	pcapio_reader_free(r);
	close(ends[0]);
	return 0;
}
