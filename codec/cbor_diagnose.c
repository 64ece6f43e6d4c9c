// The diagnostic notation (RFC 8949, 8): CBOR for people.

#include <string.h>

#include "tutti/cbor.h"

static tt_status diagnose(tt_reader *r, tt_text *text, unsigned depth, bool *was_break);

static void add_hex(tt_text *text, const uint8_t *bytes, size_t length)
{
    tt_text_add(text, "h'");
    for (size_t i = 0; i < length; i++)
        tt_text_add_hex(text, bytes[i], 2);
    tt_text_add(text, "'");
}

static void add_quoted(tt_text *text, const uint8_t *bytes, size_t length)
{
    tt_text_add(text, "\"");
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] == '"' || bytes[i] == '\\')
            tt_text_add(text, "\\");
        if (bytes[i] < ' ') { // as JSON writes it
            tt_text_add(text, "\\u");
            tt_text_add_hex(text, bytes[i], 4);
        } else {
            tt_text_add_bytes(text, &bytes[i], 1);
        }
    }
    tt_text_add(text, "\"");
}

// Up to six digits behind the point, without trailing zeros; enough for people.
static void add_real(tt_text *text, double value)
{
    if (value != value || value - value != 0) {
        tt_text_add(text, value != value ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
        return;
    }
    int exponent = 0;
    if (value < 0 || (value == 0 && __builtin_signbit(value))) {
        tt_text_add(text, "-");
        value = -value;
    }
    for (; value >= 1e15; exponent++)
        value /= 10;
    for (; value != 0 && value < 1e-4; exponent--)
        value *= 10;
    uint64_t whole = (uint64_t)value;
    uint64_t part = (uint64_t)((value - (double)whole) * 1e6 + 0.5);
    whole += part / 1000000;
    part %= 1000000;
    tt_text_add_unsigned(text, whole);
    char digits[8];
    tt_text fraction;
    tt_text_init(&fraction, digits, sizeof(digits));
    tt_text_add_unsigned(&fraction, 1000000 + part); // a leading 1 keeps the zeros
    while (fraction.length > 2 && digits[fraction.length - 1] == '0')
        digits[--fraction.length] = '\0';
    tt_text_add(text, ".");
    tt_text_add(text, digits + 1);
    if (exponent != 0) {
        tt_text_add(text, "e");
        tt_text_add_signed(text, exponent);
    }
}

static void add_simple(tt_text *text, uint64_t number)
{
    static const char *const names[] = {"false", "true", "null", "undefined"};
    if (number >= 20 && number <= 23) {
        tt_text_add(text, names[number - 20]);
        return;
    }
    tt_text_add(text, "simple(");
    tt_text_add_unsigned(text, number);
    tt_text_add(text, ")");
}

// The items of a container, until their number is reached or a break comes.
static tt_status add_items(tt_reader *r, tt_text *text, unsigned depth, const tt_cbor_item *item,
                           bool indefinite)
{
    bool map = item->type == TT_CBOR_MAP, ended = false;
    for (uint64_t i = 0; indefinite || i < item->number; i++) {
        tt_reader ahead = *r;
        tt_cbor_item next;
        if (indefinite && tt_cbor_next(&ahead, &next) == TT_OK && next.type == TT_CBOR_BREAK) {
            *r = ahead;
            return TT_OK;
        }
        tt_text_add(text, i > 0 ? ", " : "");
        tt_status status = diagnose(r, text, depth + 1, &ended);
        if (status == TT_OK && map && !ended) {
            tt_text_add(text, ": ");
            status = diagnose(r, text, depth + 1, &ended);
        }
        if (status != TT_OK || ended)
            return status == TT_OK ? TT_MALFORMED : status == TT_EMPTY ? TT_DAMAGED : status;
    }
    return TT_OK;
}

static tt_status diagnose(tt_reader *r, tt_text *text, unsigned depth, bool *was_break)
{
    static const char *const open[] = {[TT_CBOR_BYTES] = "(", "(", "[", "{"};
    static const char *const close[] = {[TT_CBOR_BYTES] = ")", ")", "]", "}"};
    tt_cbor_item item;
    tt_status status = tt_cbor_next(r, &item);
    *was_break = status == TT_OK && item.type == TT_CBOR_BREAK;
    if (status != TT_OK || *was_break)
        return status;
    bool indefinite = item.bytes == NULL && item.number == UINT64_MAX &&
                      item.type >= TT_CBOR_BYTES && item.type <= TT_CBOR_MAP;
    bool holds = indefinite || item.type == TT_CBOR_TAG ||
                 ((item.type == TT_CBOR_ARRAY || item.type == TT_CBOR_MAP) && item.number > 0);
    if (depth == TT_CBOR_DEPTH_MAX && holds)
        return TT_TOO_LARGE;
    if (indefinite || item.type == TT_CBOR_ARRAY || item.type == TT_CBOR_MAP) {
        tt_text_add(text, open[item.type]);
        tt_text_add(text, indefinite ? "_ " : "");
        status = add_items(r, text, depth, &item, indefinite);
        tt_text_add(text, close[item.type]);
        return status;
    }
    switch (item.type) {
    case TT_CBOR_UNSIGNED:
        tt_text_add_unsigned(text, item.number);
        break;
    case TT_CBOR_NEGATIVE:
        tt_text_add(text, "-");
        if (item.number == UINT64_MAX)
            tt_text_add(text, "18446744073709551616");
        else
            tt_text_add_unsigned(text, item.number + 1);
        break;
    case TT_CBOR_BYTES:
        add_hex(text, item.bytes, item.length);
        break;
    case TT_CBOR_TEXT:
        add_quoted(text, item.bytes, item.length);
        break;
    case TT_CBOR_TAG:
        tt_text_add_unsigned(text, item.number);
        tt_text_add(text, "(");
        status = diagnose(r, text, depth + 1, was_break);
        tt_text_add(text, ")");
        return status == TT_EMPTY ? TT_DAMAGED : *was_break ? TT_MALFORMED : status;
    case TT_CBOR_FLOAT:
        add_real(text, item.real);
        break;
    default:
        add_simple(text, item.number);
    }
    return TT_OK;
}

tt_status tt_cbor_diagnose(tt_reader *r, tt_text *text)
{
    bool was_break;
    tt_reader check = *r;
    tt_status status = tt_cbor_skip(&check); // well-formed as a whole before anything is written
    if (status != TT_OK)
        return status;
    return diagnose(r, text, 0, &was_break);
}
