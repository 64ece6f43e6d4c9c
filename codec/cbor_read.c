// Reading CBOR one item at a time.

#include <string.h>

#include "tutti/cbor.h"
#include "tutti/text.h"

#define INDEFINITE 31

// A half-precision number from its bits (IEEE 754 binary16; RFC 8949, appendix D).
static double half(uint16_t bits)
{
    unsigned exponent = bits >> 10 & 31;
    double mantissa = bits & 0x3ff, value;
    if (exponent == 31)
        value = mantissa == 0 ? __builtin_inf() : __builtin_nan("");
    else if (exponent == 0)
        value = mantissa / 16777216; // 2^-24
    else
        value = (1024 + mantissa) * (1u << exponent) / 33554432; // 2^(exponent - 25), exactly
    return bits & 0x8000 ? -value : value;
}

static tt_status read_number(tt_reader *r, unsigned detail, uint64_t *number)
{
    if (detail < 24)
        *number = detail;
    else if (detail == 24)
        *number = tt_read_u8(r);
    else if (detail == 25)
        *number = tt_read_be16(r);
    else if (detail == 26)
        *number = tt_read_be32(r);
    else if (detail == 27)
        *number = tt_read_be64(r);
    else
        return TT_MALFORMED;
    return r->failed ? TT_DAMAGED : TT_OK;
}

static tt_status take_string(tt_reader *r, tt_cbor_item *item)
{
    if (item->number > tt_reader_left(r))
        return TT_DAMAGED;
    item->length = (size_t)item->number;
    item->bytes = tt_read_bytes(r, item->length);
    if (item->type == TT_CBOR_TEXT && !tt_text_is_utf8(item->bytes, item->length))
        return TT_MALFORMED;
    return TT_OK;
}

static tt_status take_simple(tt_cbor_item *item, unsigned detail)
{
    item->type = detail >= 25 ? TT_CBOR_FLOAT : TT_CBOR_SIMPLE;
    if (detail == 24 && item->number < 32)
        return TT_MALFORMED; // RFC 8949, 3.3
    if (detail == 25) {
        item->real = half((uint16_t)item->number);
    } else if (detail == 26) {
        uint32_t bits = (uint32_t)item->number;
        float value;
        memcpy(&value, &bits, sizeof(value));
        item->real = (double)value;
    } else if (detail == 27) {
        memcpy(&item->real, &item->number, sizeof(item->real));
    }
    return TT_OK;
}

tt_status tt_cbor_next(tt_reader *r, tt_cbor_item *item)
{
    memset(item, 0, sizeof(*item));
    if (tt_reader_left(r) == 0)
        return TT_EMPTY;
    uint8_t first = tt_read_u8(r);
    unsigned major = first >> 5, detail = first & 31;
    item->type = (tt_cbor_type)major;
    if (detail == INDEFINITE) {
        item->number = UINT64_MAX;
        item->indefinite = major != 7;
        if (major == 7)
            item->type = TT_CBOR_BREAK;
        return major == 0 || major == 1 || major == 6 ? TT_MALFORMED : TT_OK;
    }
    tt_status status = read_number(r, detail, &item->number);
    if (status != TT_OK)
        return status;
    if (major == 2 || major == 3)
        return take_string(r, item);
    if ((major == 4 || major == 5) && item->number == UINT64_MAX)
        return TT_MALFORMED; // our mark for an indefinite length, and beyond any memory
    return major == 7 ? take_simple(item, detail) : TT_OK;
}

static tt_status skip(tt_reader *r, unsigned depth, bool *was_break)
{
    tt_cbor_item item;
    tt_status status = tt_cbor_next(r, &item);
    *was_break = item.type == TT_CBOR_BREAK;
    if (status != TT_OK)
        return status == TT_EMPTY && depth > 0 ? TT_DAMAGED : status;
    uint64_t items = 0;
    if (item.type == TT_CBOR_ARRAY || item.type == TT_CBOR_TAG)
        items = item.type == TT_CBOR_TAG ? 1 : item.number;
    else if (item.type == TT_CBOR_MAP)
        items = item.number > tt_reader_left(r) ? UINT64_MAX : 2 * item.number; // no overflow
    else if (item.indefinite)
        items = UINT64_MAX;
    if (items > 0 && depth == TT_CBOR_DEPTH_MAX)
        return TT_TOO_LARGE;
    bool ended = false;
    for (uint64_t count = 0; count < items && !ended; count++) {
        size_t at = r->offset;
        status = skip(r, depth + 1, &ended);
        if (status != TT_OK)
            return status;
        if (ended && (!item.indefinite || (item.type == TT_CBOR_MAP && count % 2 == 1)))
            return TT_MALFORMED; // a break where none may be
        if (!ended && (item.type == TT_CBOR_BYTES || item.type == TT_CBOR_TEXT)) {
            tt_reader again = *r;
            tt_cbor_item chunk;
            again.offset = at;
            tt_cbor_next(&again, &chunk);
            if (chunk.type != item.type || chunk.indefinite)
                return TT_MALFORMED; // RFC 8949, 3.2.3
        }
    }
    return TT_OK;
}

tt_status tt_cbor_skip(tt_reader *r)
{
    bool was_break;
    tt_status status = skip(r, 0, &was_break);
    return was_break ? TT_MALFORMED : status;
}

tt_status tt_cbor_find(tt_reader *r, const char *key)
{
    tt_cbor_item map, item;
    tt_status status = tt_cbor_next(r, &map);
    if (status != TT_OK || map.type != TT_CBOR_MAP)
        return status != TT_OK ? status : TT_MALFORMED;
    for (uint64_t i = 0; i < map.number; i++) {
        tt_reader at = *r;
        bool ended;
        status = skip(r, 1, &ended); // the key
        if (status != TT_OK)
            return status;
        if (ended)
            return map.indefinite ? TT_NOT_FOUND : TT_MALFORMED;
        tt_cbor_next(&at, &item);
        if (item.type == TT_CBOR_TEXT && !item.indefinite && item.length == strlen(key) &&
            memcmp(item.bytes, key, item.length) == 0)
            return TT_OK;
        status = skip(r, 1, &ended); // the value
        if (status != TT_OK || ended)
            return status != TT_OK ? status : TT_MALFORMED;
    }
    return TT_NOT_FOUND;
}
