#include <stdio.h>
#include <string.h>

#include "ai/file/json.h"
#include "tutti/text.h"

static void skip_space(tt_json_cursor *j)
{
    while (j->at < j->end && (*j->at == ' ' || *j->at == '\n' || *j->at == '\t' || *j->at == '\r'))
        j->at++;
}

bool tt_json_sign(tt_json_cursor *j, char expected)
{
    skip_space(j);
    if (j->at == j->end || *j->at != expected)
        return false;
    j->at++;
    return true;
}

bool tt_json_end(tt_json_cursor *j)
{
    skip_space(j);
    return j->at == j->end;
}

bool tt_json_whole(tt_json_cursor *j, int64_t *out)
{
    skip_space(j);
    const char *first = j->at;
    for (*out = 0; j->at < j->end && *j->at >= '0' && *j->at <= '9'; j->at++)
        if (__builtin_mul_overflow(*out, 10, out) ||
            __builtin_add_overflow(*out, *j->at - '0', out))
            return false;
    if (j->at == first || (*first == '0' && j->at > first + 1)) // JSON has no leading zeros
        return false;
    return j->at == j->end || strchr(".eE", *j->at) == NULL || *j->at == '\0';
}

// Four hexadecimal digits.
static bool unit(tt_json_cursor *j, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++, j->at++) {
        static const char digits[] = "0123456789abcdefABCDEF";
        const char *digit = j->at < j->end && *j->at != '\0' ? strchr(digits, *j->at) : NULL;
        if (digit == NULL)
            return false;
        uint32_t value = (uint32_t)(digit - digits);
        *out = *out << 4 | (value < 16 ? value : value - 6);
    }
    return true;
}

// What follows "\u": one unit, or two that are a pair of surrogates.
static bool code_point(tt_json_cursor *j, uint32_t *out)
{
    uint32_t low;
    if (!unit(j, out) || (*out >= 0xdc00 && *out < 0xe000))
        return false;
    if (*out < 0xd800 || *out >= 0xe000)
        return true;
    if (j->end - j->at < 2 || j->at[0] != '\\' || j->at[1] != 'u')
        return false;
    j->at += 2;
    if (!unit(j, &low) || low < 0xdc00 || low >= 0xe000)
        return false;
    *out = 0x10000 + ((*out - 0xd800) << 10) + (low - 0xdc00);
    return true;
}

// The UTF-8 of a code point is never longer than its escape.
static size_t put_utf8(uint32_t c, char *out)
{
    size_t more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const uint8_t heads[] = {0, 0xc0, 0xe0, 0xf0};
    out[0] = (char)(heads[more] | c >> 6 * more);
    for (size_t i = 1; i <= more; i++)
        out[i] = (char)(0x80 | (c >> 6 * (more - i) & 0x3f));
    return more + 1;
}

bool tt_json_string(tt_json_cursor *j, char *out, size_t *length)
{
    static const char escapes[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    size_t used = 0;
    if (!tt_json_sign(j, '"'))
        return false;
    while (j->at < j->end && *j->at != '"') {
        char c = *j->at++;
        if ((unsigned char)c < ' ')
            return false;
        if (c != '\\') {
            out[used++] = c;
            continue;
        }
        uint32_t point;
        if (j->at == j->end || *j->at == '\0')
            return false;
        c = *j->at++;
        const char *escape = strchr(escapes, c);
        if (escape != NULL)
            out[used++] = meanings[escape - escapes];
        else if (c == 'u' && code_point(j, &point))
            used += put_utf8(point, out + used);
        else
            return false;
    }
    out[used] = '\0';
    *length = used;
    return tt_text_is_utf8(out, used) && tt_json_sign(j, '"');
}

void tt_json_put(tt_json_out *out, const char *text, size_t length)
{
    if (out->to != NULL)
        memcpy(out->to + out->length, text, length);
    out->length += length;
}

void tt_json_put_string(tt_json_out *out, const char *text, size_t length)
{
    tt_json_put(out, "\"", 1);
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        char escape[8];
        if (c == '"' || c == '\\')
            tt_json_put(out, "\\", 1);
        if (c < ' ')
            tt_json_put(out, escape, (size_t)snprintf(escape, sizeof(escape), "\\u%04x", c));
        else
            tt_json_put(out, &text[i], 1);
    }
    tt_json_put(out, "\"", 1);
}
