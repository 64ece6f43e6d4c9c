// How littlefs is built here (its LFS_DEFINES): without an allocator, without words of its own, and
// with its assertions as our checks.

#ifndef TUTTI_STORAGE_LITTLEFS_DEFINES_H
#define TUTTI_STORAGE_LITTLEFS_DEFINES_H

#include "tutti/check.h"

#define LFS_NO_MALLOC
#define LFS_NO_DEBUG
#define LFS_NO_WARN
#define LFS_NO_ERROR
#define LFS_ASSERT(test) TT_CHECK(test)

#endif
