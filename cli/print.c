// Answers for people and for pipes.

#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/print.h"
#include "cli/say.h"
#include "tutti/bytes.h"
#include "tutti/cbor.h"
#include "tutti/check.h"

#define HEX_BYTES_A_LINE 16

const char *tt_code_text(tt_code code, char text[40])
{
    static const struct {
        tt_code code;
        const char *name;
    } names[] = {
        {TT_CREATED, "Created"},
        {TT_DELETED, "Deleted"},
        {TT_STILL_VALID, "Valid"},
        {TT_CHANGED, "Changed"},
        {TT_CONTENT, "Content"},
        {TT_CONTINUE, "Continue"},
        {TT_BAD_REQUEST, "Bad Request"},
        {TT_BAD_OPTION, "Bad Option"},
        {TT_FORBIDDEN, "Forbidden"},
        {TT_PATH_NOT_FOUND, "Not Found"},
        {TT_METHOD_NOT_ALLOWED, "Method Not Allowed"},
        {TT_NOT_ACCEPTABLE, "Not Acceptable"},
        {TT_ENTITY_INCOMPLETE, "Request Entity Incomplete"},
        {TT_ENTITY_TOO_LARGE, "Request Entity Too Large"},
        {TT_FORMAT_UNSUPPORTED, "Unsupported Content-Format"},
        {TT_INTERNAL_ERROR, "Internal Server Error"},
        {TT_NOT_IMPLEMENTED, "Not Implemented"},
        {TT_UNAVAILABLE, "Service Unavailable"},
    };
    const char *name = "";
    for (size_t i = 0; i < TT_COUNT(names); i++)
        if (names[i].code == code)
            name = names[i].name;
    snprintf(text, 40, "%u.%02u%s%s", (unsigned)code >> 5, (unsigned)code & 31,
             name[0] != '\0' ? " " : "", name);
    return text;
}

static void print_hex(FILE *out, const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        fprintf(out, "%02x%c", bytes[i],
                i + 1 == length || (i + 1) % HEX_BYTES_A_LINE == 0 ? '\n' : ' ');
}

// A pipe gets the bytes as they are.
static void print_text(FILE *out, const char *text, size_t length)
{
    if (isatty(fileno(out)))
        tt_say_put(out, text, length);
    else
        fwrite(text, 1, length, out);
    if (length > 0 && text[length - 1] != '\n')
        fputc('\n', out);
}

bool tt_print_is_text(uint16_t content_format)
{
    return content_format == TT_FORMAT_TEXT || content_format == TT_FORMAT_LINKS ||
           content_format == TT_FORMAT_JSON || content_format == TT_FORMAT_NONE;
}

void tt_print_payload(FILE *out, bool readable, uint16_t content_format, const uint8_t *payload,
                      size_t length)
{
    static char notation[65536];
    tt_text text;
    tt_text_init(&text, notation, sizeof(notation));
    tt_reader reader;
    tt_reader_init(&reader, payload, length);
    if (content_format == TT_FORMAT_CBOR && tt_cbor_diagnose(&reader, &text) == TT_OK && !text.cut)
        print_text(out, notation, text.length);
    else if (tt_print_is_text(content_format))
        print_text(out, (const char *)payload, length);
    else if (readable || isatty(fileno(out)))
        print_hex(out, payload, length);
    else
        fwrite(payload, 1, length, out);
    fflush(out);
}
