// The diagnostic notation (RFC 8949, 8): CBOR for people.

#include <string.h>

#include "tutti/cbor.h"

static void diagnose(tt_reader *r, tt_text *text);

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

// Up to six digits behind the point, without trailing zeros, and a power of ten for what is very
// large or very small; enough for people.
static void add_real(tt_text *text, double value)
{
    if (value != value) {
        tt_text_add(text, "NaN");
        return;
    }
    if (__builtin_signbit(value)) {
        tt_text_add(text, "-");
        value = -value;
    }
    if (value - value != 0) {
        tt_text_add(text, "Infinity");
        return;
    }
    int exponent = 0;
    if (value >= 1e15 || (value < 1e-4 && value != 0)) {
        for (; value >= 10; exponent++)
            value /= 10;
        for (; value < 1; exponent--)
            value *= 10;
    }
    uint64_t whole = (uint64_t)value;
    uint64_t part = (uint64_t)((value - (double)whole) * 1e6 + 0.5);
    whole += part / 1000000;
    tt_text_add_unsigned(text, whole);
    char digits[8];
    tt_text fraction;
    tt_text_init(&fraction, digits, sizeof(digits));
    tt_text_add_unsigned(&fraction, 1000000 + part); // its first digit only keeps the zeros
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
static void add_items(tt_reader *r, tt_text *text, const tt_cbor_item *container)
{
    for (uint64_t i = 0; i < container->number; i++) {
        tt_reader ahead = *r;
        tt_cbor_item next;
        tt_cbor_next(&ahead, &next);
        if (next.type == TT_CBOR_BREAK) {
            *r = ahead;
            return;
        }
        tt_text_add(text, i > 0 ? ", " : "");
        diagnose(r, text);
        if (container->type == TT_CBOR_MAP) {
            tt_text_add(text, ": ");
            diagnose(r, text);
        }
    }
}

// One item of a document that is known to be well-formed.
static void diagnose(tt_reader *r, tt_text *text)
{
    static const char *const open[] = {[TT_CBOR_BYTES] = "(", "(", "[", "{"};
    static const char *const close[] = {[TT_CBOR_BYTES] = ")", ")", "]", "}"};
    tt_cbor_item item;
    tt_cbor_next(r, &item);
    if (item.indefinite || item.type == TT_CBOR_ARRAY || item.type == TT_CBOR_MAP) {
        tt_text_add(text, open[item.type]);
        tt_text_add(text, item.indefinite ? "_ " : "");
        add_items(r, text, &item);
        tt_text_add(text, close[item.type]);
        return;
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
        diagnose(r, text);
        tt_text_add(text, ")");
        break;
    case TT_CBOR_FLOAT:
        add_real(text, item.real);
        break;
    default:
        add_simple(text, item.number);
    }
}

tt_status tt_cbor_diagnose(tt_reader *r, tt_text *text)
{
    tt_reader check = *r;
    tt_status status = tt_cbor_skip(&check); // well-formed as a whole before anything is written
    if (status == TT_OK)
        diagnose(r, text);
    return status;
}
