#include "os/driver/slip.h"
#include "tutti/bytes.h"

#define ESCAPE 0xdb
#define ESCAPED_END 0xdc
#define ESCAPED_ESCAPE 0xdd

void tt_slip_lose(tt_slip_reader *reader)
{
    reader->lost = true;
}

tt_slip_event tt_slip_take(tt_slip_reader *reader, uint8_t *byte)
{
    if (*byte == TT_SLIP_END) {
        bool whole = !reader->lost && !reader->escaped;
        *reader = (tt_slip_reader){0};
        return whole ? TT_SLIP_ENDED : TT_SLIP_DAMAGED;
    }
    if (reader->lost)
        return TT_SLIP_NOTHING;
    if (reader->escaped) {
        reader->escaped = false;
        if (*byte != ESCAPED_END && *byte != ESCAPED_ESCAPE) {
            reader->lost = true;
            return TT_SLIP_NOTHING;
        }
        *byte = *byte == ESCAPED_END ? TT_SLIP_END : ESCAPE;
        return TT_SLIP_BYTE;
    }
    reader->escaped = *byte == ESCAPE;
    return reader->escaped ? TT_SLIP_NOTHING : TT_SLIP_BYTE;
}

unsigned tt_slip_escape(uint8_t byte, uint8_t line[2])
{
    bool special = byte == TT_SLIP_END || byte == ESCAPE;
    line[0] = special ? ESCAPE : byte;
    line[1] = byte == TT_SLIP_END ? ESCAPED_END : ESCAPED_ESCAPE;
    return special ? 2 : 1;
}

size_t tt_slip_encode(const void *frame, size_t length, uint8_t *line)
{
    const uint8_t *bytes = frame;
    uint32_t checksum = tt_crc32(0, frame, length);
    size_t end = 0;
    line[end++] = TT_SLIP_END;
    for (size_t i = 0; i < length + TT_SLIP_CHECKSUM; i++)
        end += tt_slip_escape(i < length ? bytes[i] : (uint8_t)(checksum >> 8 * (i - length)),
                              line + end);
    line[end++] = TT_SLIP_END;
    return end;
}
