// A ring of text lines (see tutti/log.h).
//
// Invariants: begin is where a line begins; end - begin <= TT_LOG_BYTES; both count for ever and
// wrap, so only their difference and their place in the ring mean something. A reset at any point
// leaves a log that tt_log_init takes or makes anew: no byte of it is trusted to be text.

#include <string.h>

#include "tutti/log.h"
#include "tutti/text.h"

#define MAGIC 0x474c5454u // "TTLG" in memory, little-endian

_Static_assert((TT_LOG_BYTES & (TT_LOG_BYTES - 1)) == 0, "positions wrap with the ring");

static char *place(tt_log *log, uint32_t position)
{
    return &log->bytes[position % TT_LOG_BYTES];
}

// Gives up the oldest line.
static void drop_line(tt_log *log)
{
    uint32_t at = log->begin, end = log->end;
    while (at != end && *place(log, at) != '\n')
        at++;
    log->begin = at + (at != end ? 1 : 0);
}

void tt_log_make_room(tt_log *log, size_t length)
{
    while (log->end - log->begin + length > TT_LOG_BYTES)
        drop_line(log);
}

// A few bytes; control characters become '?'.
static void put(tt_log *log, const char *bytes, uint32_t length)
{
    tt_log_make_room(log, length);
    uint32_t at = log->end;
    for (const char *stop = bytes + length; bytes < stop; bytes++) {
        bool plain = (unsigned char)*bytes >= ' ' && *bytes != 0x7f;
        *place(log, at++) = plain ? *bytes : '?';
    }
    log->end = at;
}

static void end_line(tt_log *log)
{
    put(log, " ", 1);
    *place(log, log->end - 1) = '\n';
    log->column = 0;
}

void tt_log_init(tt_log *log)
{
    if (log->magic != MAGIC || log->capacity != TT_LOG_BYTES ||
        log->end - log->begin > TT_LOG_BYTES) {
        memset(log, 0, sizeof(*log));
        log->magic = MAGIC;
        log->capacity = TT_LOG_BYTES;
    } else if (log->column > 0) {
        end_line(log);
    }
}

static void begin_line(tt_log *log, uint64_t now_ms)
{
    char buffer[48];
    tt_text text;
    tt_text_init(&text, buffer, sizeof(buffer));
    log->lines++;
    tt_text_add_unsigned(&text, log->lines);
    tt_text_add(&text, " ");
    tt_text_add_unsigned(&text, now_ms / 1000);
    tt_text_add(&text, ".");
    unsigned ms = (unsigned)(now_ms % 1000);
    char digits[4] = {(char)('0' + ms / 100), (char)('0' + ms / 10 % 10), (char)('0' + ms % 10),
                      ' '};
    tt_text_add_bytes(&text, digits, sizeof(digits));
    put(log, text.data, (uint32_t)text.length);
    log->column = 1;
}

bool tt_log_write(tt_log *log, uint64_t now_ms, const void *bytes, size_t length)
{
    const char *text = bytes, *end = text + length;
    bool ended = false;
    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        size_t run = (size_t)((newline != NULL ? newline : end) - text);
        if (log->column == 0)
            begin_line(log, now_ms);
        uint32_t room = TT_LOG_LINE_MAX - log->column;
        uint32_t kept = run < room ? (uint32_t)run : room;
        put(log, text, kept);
        log->column += kept;
        text += run;
        if (newline != NULL) {
            end_line(log);
            ended = true;
            text++;
        }
    }
    return ended;
}

size_t tt_log_read(const tt_log *log, size_t offset, void *bytes, size_t capacity)
{
    size_t held = log->end - log->begin;
    size_t left = offset < held ? held - offset : 0, length = left < capacity ? left : capacity;
    size_t from = (log->begin + offset) % TT_LOG_BYTES, whole = TT_LOG_BYTES - from;
    whole = length < whole ? length : whole;
    memcpy(bytes, log->bytes + from, whole);
    memcpy((char *)bytes + whole, log->bytes, length - whole);
    return length;
}

uint64_t tt_log_version(const tt_log *log)
{
    return (uint64_t)log->begin << 32 | log->end; // making room moves one, writing the other
}
