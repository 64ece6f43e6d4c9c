// The newest lines of a device's console, in a ring of text.
//
//     17 61.234 tutti: watch-3f9a ready
//
// Each line begins with its number, which counts all lines that this memory has seen, and its time:
// seconds since the start of the device, in whole milliseconds. The oldest lines make room for the
// newest.

#ifndef TUTTI_LOG_H
#define TUTTI_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tutti/language.h"

TT_C_BEGIN

#ifndef TT_LOG_BYTES
#define TT_LOG_BYTES 2048 // a power of two
#endif
// Bytes of a line with its end, its number and time not counted; the rest of a longer one is left
// out.
#define TT_LOG_LINE_MAX 160

typedef struct tt_log {
    uint32_t magic, capacity;
    uint32_t begin, end; // positions in all text ever written; the ring holds what is between them
    uint32_t lines;      // begun so far: the number of the newest
    uint32_t column;     // bytes of the line that has begun; 0 between lines
    char bytes[TT_LOG_BYTES];
} tt_log;

// Makes an empty log of what is none; one that a reset has kept goes on, its last line ended.
void tt_log_init(tt_log *log);

// Appends text; a newline ends a line, other control characters become '?'. `now_ms` is the time of
// the lines that begin here. True where a line ended. The caller excludes others.
bool tt_log_write(tt_log *log, uint64_t now_ms, const void *bytes, size_t length);

// Gives up the oldest lines until `length` bytes, at most TT_LOG_BYTES, are free, and no more;
// writing does it, too. For a caller who excludes others for no longer than he must: a part of the
// work ahead.
void tt_log_make_room(tt_log *log, size_t length);

// Copies what is in the ring from `offset` on, at most `capacity` bytes; returns how many. At
// offset 0 the oldest line begins. Another call sees the same text as long as tt_log_version is the
// same.
size_t tt_log_read(const tt_log *log, size_t offset, void *bytes, size_t capacity);
uint64_t tt_log_version(const tt_log *log);

TT_C_END

#endif
