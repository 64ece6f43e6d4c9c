// An answer as one JSON object, for programs.

#include <stdlib.h>
#include <string.h>

#include "cli/print.h"
#include "tutti/bytes.h"
#include "tutti/cbor.h"
#include "tutti/check.h"

#define NOTATION_A_BYTE 32 // characters of diagnostic notation, at most: a float's two bytes

// Bytes as base64url without padding (RFC 4648, 5), as RFC 8949, 6.1 has byte strings in JSON.
static void write_base64(tt_json_writer *json, const char *key, const uint8_t *bytes, size_t length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char *text = malloc(length / 3 * 4 + 4), *to = text;
    TT_CHECK(text != NULL);
    for (size_t i = 0; i < length; i += 3) {
        size_t left = length - i < 3 ? length - i : 3;
        unsigned group = (unsigned)bytes[i] << 16 | (left > 1 ? (unsigned)bytes[i + 1] << 8 : 0) |
                         (left > 2 ? bytes[i + 2] : 0u);
        for (size_t k = 0; k < left + 1; k++)
            *to++ = digits[group >> (18 - 6 * k) & 63];
    }
    tt_json_bytes(json, key, text, (size_t)(to - text));
    free(text);
}

static void write_string(tt_json_writer *json, const char *key, bool is_text, const void *bytes,
                         size_t length)
{
    if (is_text)
        tt_json_bytes(json, key, bytes, length);
    else
        write_base64(json, key, bytes, length);
}

// A string of indefinite length: its chunks, put together.
static void write_chunks(tt_json_writer *json, const char *key, bool is_text, tt_reader *reader)
{
    uint8_t *whole = malloc(tt_reader_left(reader) + 1);
    TT_CHECK(whole != NULL);
    size_t length = 0;
    tt_cbor_item chunk;
    while (tt_cbor_next(reader, &chunk) == TT_OK && chunk.type != TT_CBOR_BREAK) {
        if (chunk.length > 0)
            memcpy(whole + length, chunk.bytes, chunk.length);
        length += chunk.length;
    }
    write_string(json, key, is_text, whole, length);
    free(whole);
}

static void write_simple(tt_json_writer *json, const char *key, uint64_t number)
{
    tt_json_word(json, key, number == 20 ? "false" : number == 21 ? "true" : "null");
}

static void write_number(tt_json_writer *json, const char *key, const tt_cbor_item *item)
{
    char word[24];
    if (item->type == TT_CBOR_UNSIGNED)
        snprintf(word, sizeof(word), "%llu", (unsigned long long)item->number);
    else if (item->number < UINT64_MAX)
        snprintf(word, sizeof(word), "-%llu", (unsigned long long)item->number + 1);
    else
        strcpy(word, "-18446744073709551616");
    tt_json_word(json, key, word);
}

// The key of a map: a text as it is, anything else in diagnostic notation.
static void write_key(tt_json_writer *json, tt_reader *reader)
{
    tt_reader again = *reader;
    tt_cbor_item item;
    if (tt_cbor_next(&again, &item) == TT_OK && item.type == TT_CBOR_TEXT && item.bytes != NULL) {
        tt_json_key(json, item.bytes, item.length);
        *reader = again;
        return;
    }
    again = *reader;
    tt_cbor_skip(&again);
    size_t capacity = 64 + NOTATION_A_BYTE * (tt_reader_left(reader) - tt_reader_left(&again));
    char *notation = malloc(capacity);
    TT_CHECK(notation != NULL);
    tt_text text;
    tt_text_init(&text, notation, capacity);
    tt_cbor_diagnose(reader, &text);
    *reader = again;
    tt_json_key(json, notation, text.length);
    free(notation);
}

// Whether a container that begins with `item` ends here: after `count` items, or at its break.
static bool ends(tt_reader *reader, const tt_cbor_item *item, uint64_t count)
{
    if (item->number != UINT64_MAX)
        return count == item->number;
    tt_reader again = *reader;
    tt_cbor_item next;
    if (tt_cbor_next(&again, &next) == TT_OK && next.type != TT_CBOR_BREAK)
        return false;
    *reader = again;
    return true;
}

// One item, which is well-formed and no deeper than TT_CBOR_DEPTH_MAX: tt_cbor_skip has seen it.
static void write_item(tt_json_writer *json, const char *key, tt_reader *reader)
{
    tt_cbor_item item;
    if (tt_cbor_next(reader, &item) != TT_OK)
        return;
    bool map = item.type == TT_CBOR_MAP;
    switch (item.type) {
    case TT_CBOR_UNSIGNED:
    case TT_CBOR_NEGATIVE:
        write_number(json, key, &item);
        break;
    case TT_CBOR_BYTES:
    case TT_CBOR_TEXT:
        if (item.bytes == NULL && item.number == UINT64_MAX)
            write_chunks(json, key, item.type == TT_CBOR_TEXT, reader);
        else
            write_string(json, key, item.type == TT_CBOR_TEXT, item.bytes, item.length);
        break;
    case TT_CBOR_ARRAY:
    case TT_CBOR_MAP:
        tt_json_open(json, key, map ? '{' : '[');
        for (uint64_t i = 0; !ends(reader, &item, i); i++) {
            if (map)
                write_key(json, reader);
            write_item(json, NULL, reader);
        }
        tt_json_close(json, map ? '}' : ']');
        break;
    case TT_CBOR_TAG:
        write_item(json, key, reader); // what the tag adds has no place in JSON
        break;
    case TT_CBOR_FLOAT:
        tt_json_number(json, key, item.real);
        break;
    case TT_CBOR_SIMPLE:
    case TT_CBOR_BREAK:
        write_simple(json, key, item.number);
        break;
    }
}

void tt_print_json(FILE *out, tt_code code, uint16_t content_format, const uint8_t *payload,
                   size_t length)
{
    char words[16];
    tt_json_writer json = {.file = out};
    tt_json_open(&json, NULL, '{');
    snprintf(words, sizeof(words), "%u.%02u", (unsigned)code >> 5, (unsigned)code & 31);
    tt_json_text(&json, "code", words);
    if (content_format != TT_FORMAT_NONE)
        tt_json_number(&json, "format", content_format);
    tt_json_number(&json, "bytes", (double)length);
    tt_reader reader, check;
    tt_reader_init(&reader, payload, length);
    check = reader;
    if (content_format == TT_FORMAT_CBOR && tt_cbor_skip(&check) == TT_OK &&
        tt_reader_left(&check) == 0)
        write_item(&json, "value", &reader);
    else
        write_string(&json, tt_print_is_text(content_format) ? "text" : "base64url",
                     tt_print_is_text(content_format), payload, length);
    tt_json_close(&json, '}');
    fputc('\n', out);
    fflush(out);
}
