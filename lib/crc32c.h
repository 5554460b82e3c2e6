/* crc32c: the Castagnoli CRC (RFC 3720, appendix B.4), by the processor's instruction where it has one. */
#ifndef GOFLOW_CRC32C_H
#define GOFLOW_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The CRC of len bytes; seed is 0, or the CRC of what came before. */
uint32_t crc32c(uint32_t seed, const void *data, size_t len);

#endif
