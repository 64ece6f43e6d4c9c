// How littlefs is built for the cut tests: as in products, with a quicker sum.

#ifndef TUTTI_TESTS_STORAGE_LITTLEFS_DEFINES_H
#define TUTTI_TESTS_STORAGE_LITTLEFS_DEFINES_H

#include "storage/littlefs/defines.h"
#include "tests/storage/fast_crc.h"

#define LFS_CRC(crc, bytes, size) (~fast_crc32(~(crc), bytes, size))

#endif
