// Writing CBOR: every head in its shortest form (RFC 8949, 4.2.1).

#include <string.h>

#include "tutti/cbor.h"

static void head(tt_writer *w, unsigned major, uint64_t number)
{
    uint8_t first = (uint8_t)(major << 5);
    if (number < 24) {
        tt_write_u8(w, (uint8_t)(first | number));
    } else if (number <= UINT8_MAX) {
        tt_write_u8(w, first | 24);
        tt_write_u8(w, (uint8_t)number);
    } else if (number <= UINT16_MAX) {
        tt_write_u8(w, first | 25);
        tt_write_be16(w, (uint16_t)number);
    } else if (number <= UINT32_MAX) {
        tt_write_u8(w, first | 26);
        tt_write_be32(w, (uint32_t)number);
    } else {
        tt_write_u8(w, first | 27);
        tt_write_be64(w, number);
    }
}

void tt_cbor_unsigned(tt_writer *w, uint64_t value)
{
    head(w, 0, value);
}

void tt_cbor_signed(tt_writer *w, int64_t value)
{
    if (value < 0)
        head(w, 1, ~(uint64_t)value); // -1 - value, without overflow
    else
        head(w, 0, (uint64_t)value);
}

void tt_cbor_bytes(tt_writer *w, const void *bytes, size_t length)
{
    head(w, 2, length);
    tt_write_bytes(w, bytes, length);
}

void tt_cbor_text(tt_writer *w, const char *text)
{
    head(w, 3, strlen(text));
    tt_write_bytes(w, text, strlen(text));
}

void tt_cbor_array(tt_writer *w, size_t items)
{
    head(w, 4, items);
}

void tt_cbor_map(tt_writer *w, size_t pairs)
{
    head(w, 5, pairs);
}

void tt_cbor_bool(tt_writer *w, bool value)
{
    head(w, 7, value ? 21 : 20);
}

void tt_cbor_null(tt_writer *w)
{
    head(w, 7, 22);
}

void tt_cbor_float(tt_writer *w, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    tt_write_u8(w, 7 << 5 | 26);
    tt_write_be32(w, bits);
}
