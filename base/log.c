// A ring of text lines (see tutti/log.h).
//
// Invariants: begin is where a line begins; end - begin <= TT_LOG_BYTES; both count for ever and
// wrap, so only their difference and their place in the ring mean something. A reset at any point
// leaves a log that tt_log_init takes or makes anew: no byte of it is trusted to be text.

#include <string.h>

#include "tutti/log.h"
#include "tutti/text.h"

#define MAGIC 0x474c5454u // "TTLG" in memory, little-endian

static char *place(tt_log *log, uint32_t position)
{
    return &log->bytes[position % TT_LOG_BYTES];
}

// Gives up the oldest line.
static void drop_line(tt_log *log)
{
    while (log->begin != log->end && *place(log, log->begin) != '\n')
        log->begin++;
    if (log->begin != log->end)
        log->begin++;
}

static void put(tt_log *log, char byte)
{
    while (log->end - log->begin >= TT_LOG_BYTES)
        drop_line(log);
    *place(log, log->end) = byte;
    log->end++;
}

static void end_line(tt_log *log)
{
    put(log, '\n');
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
    char digits[4] = {(char)('0' + now_ms % 1000 / 100), (char)('0' + now_ms % 100 / 10),
                      (char)('0' + now_ms % 10), ' '};
    tt_text_add_bytes(&text, digits, sizeof(digits));
    for (size_t i = 0; i < text.length; i++)
        put(log, buffer[i]);
    log->column = 1;
}

bool tt_log_write(tt_log *log, uint64_t now_ms, const void *bytes, size_t length)
{
    const char *text = bytes;
    bool ended = false;
    for (size_t i = 0; i < length; i++) {
        if (log->column == 0)
            begin_line(log, now_ms);
        if (text[i] == '\n') {
            end_line(log);
            ended = true;
        } else if (log->column < TT_LOG_LINE_MAX) {
            bool plain = (unsigned char)text[i] >= ' ' && text[i] != 0x7f;
            put(log, plain ? text[i] : '?');
            log->column++;
        }
    }
    return ended;
}

size_t tt_log_read(const tt_log *log, size_t offset, void *bytes, size_t capacity)
{
    size_t held = log->end - log->begin, length = 0;
    char *out = bytes;
    while (offset + length < held && length < capacity) {
        out[length] = log->bytes[(uint32_t)(log->begin + offset + length) % TT_LOG_BYTES];
        length++;
    }
    return length;
}
