// tt_crc32 for the cut tests, which spend half their time in it: see the build of tt_storage_cut.

#ifndef TUTTI_TESTS_STORAGE_FAST_CRC_H
#define TUTTI_TESTS_STORAGE_FAST_CRC_H

#include <stddef.h>
#include <stdint.h>

uint32_t fast_crc32(uint32_t crc, const void *bytes, size_t length);

#endif
