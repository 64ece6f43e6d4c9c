// SHA-256 (FIPS 180-4): names and checksums of what is kept in files.

#ifndef TUTTI_SHA256_H
#define TUTTI_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define TT_SHA256_BYTES 32

typedef struct tt_sha256 {
    uint32_t state[8];
    uint64_t length;   // bytes that were added
    uint8_t block[64]; // the last length % 64 of them
} tt_sha256;

// Start, add pieces in order, end: `digest` is of the pieces as one. Afterwards it must be started
// again. From any context.
void tt_sha256_start(tt_sha256 *hash);
void tt_sha256_add(tt_sha256 *hash, const void *bytes, size_t length);
void tt_sha256_end(tt_sha256 *hash, uint8_t digest[TT_SHA256_BYTES]);

#endif
