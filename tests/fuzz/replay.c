/* replay: runs a fuzzing target over the files of its corpus, once each, without a fuzzer.
 *
 * Usage: TARGET-replay [FILE]... Each input stands in a block of its own size, so that a read past
 * its end is seen. Writes TAP: one test, with the number of inputs; the empty input is always one.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads a whole file into *data, which the caller frees. Returns 0 or -1. */
static int read_file(const char *path, uint8_t **data, size_t *size)
{
	FILE *f = fopen(path, "rb");
	long length = -1;
	int failed;

	if (!f)
		return -1;
	if (fseek(f, 0, SEEK_END) == 0)
		length = ftell(f);
	rewind(f);
	*data = length < 0 ? NULL : malloc((size_t)length + (length == 0));
	*size = (size_t)length;
	failed = !*data || fread(*data, 1, *size, f) != *size;
	fclose(f);
	return failed ? -1 : 0;
}

int main(int argc, char **argv)
{
	uint8_t *empty = malloc(1);

	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("1..1");
	LLVMFuzzerTestOneInput(empty, 0);
	free(empty);
	for (int i = 1; i < argc; i++) {
		uint8_t *data = NULL;
		size_t size;

		printf("# %s\n", argv[i]);
		if (read_file(argv[i], &data, &size) < 0) {
			perror(argv[i]);
			return EXIT_FAILURE;
		}
		LLVMFuzzerTestOneInput(data, size);
		free(data);
	}
	printf("ok 1 - %d inputs\n", argc);
	return EXIT_SUCCESS;
}
