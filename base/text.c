// Text in a bounded buffer.

#include <string.h>

#include "tutti/check.h"
#include "tutti/text.h"

void tt_text_init(tt_text *text, char *data, size_t capacity)
{
    TT_CHECK(capacity >= 1);
    *text = (tt_text){.data = data, .capacity = capacity};
    data[0] = '\0';
}

void tt_text_add_bytes(tt_text *text, const void *bytes, size_t length)
{
    if (text == NULL)
        return;
    size_t room = text->capacity - 1 - text->length;
    if (length > room) {
        length = room;
        text->cut = true;
    }
    memcpy(text->data + text->length, bytes, length);
    text->length += length;
    text->data[text->length] = '\0';
}

void tt_text_add(tt_text *text, const char *string)
{
    tt_text_add_bytes(text, string, strlen(string));
}

void tt_text_add_unsigned(tt_text *text, uint64_t value)
{
    char digits[20]; // 2^64 - 1 has 20 digits
    size_t first = sizeof(digits);
    for (; value > UINT32_MAX; value /= 10)
        digits[--first] = (char)('0' + value % 10);
    uint32_t rest = (uint32_t)value; // a small CPU divides these by itself
    do {
        digits[--first] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    tt_text_add_bytes(text, digits + first, sizeof(digits) - first);
}

void tt_text_add_signed(tt_text *text, int64_t value)
{
    if (value < 0)
        tt_text_add(text, "-");
    // Negating in unsigned arithmetic is defined for the smallest value too.
    tt_text_add_unsigned(text, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void tt_text_add_hex(tt_text *text, uint64_t value, unsigned digits_min)
{
    char digits[16];
    size_t first = sizeof(digits);
    do {
        digits[--first] = "0123456789abcdef"[value & 15];
        value >>= 4;
    } while (value > 0 || (sizeof(digits) - first < digits_min && first > 0));
    tt_text_add_bytes(text, digits + first, sizeof(digits) - first);
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c);
}

bool tt_text_same_bytes(const char *a, const char *b, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (lower(a[i]) != lower(b[i]))
            return false;
    return true;
}

bool tt_text_same_name(const char *a, const char *b)
{
    size_t length = strlen(a);
    return strlen(b) == length && tt_text_same_bytes(a, b, length);
}

bool tt_text_is_utf8(const void *bytes, size_t length)
{
    const uint8_t *s = bytes;
    for (size_t i = 0; i < length;) {
        unsigned more = s[i] < 0x80   ? 0
                        : s[i] < 0xc2 ? 4
                        : s[i] < 0xe0 ? 1
                        : s[i] < 0xf0 ? 2
                        : s[i] < 0xf5 ? 3
                                      : 4;
        if (more == 4 || more > length - i - 1)
            return false;
        for (unsigned k = 1; k <= more; k++)
            if ((s[i + k] & 0xc0) != 0x80)
                return false;
        if ((s[i] == 0xe0 && s[i + 1] < 0xa0) || (s[i] == 0xed && s[i + 1] > 0x9f) ||
            (s[i] == 0xf0 && s[i + 1] < 0x90) || (s[i] == 0xf4 && s[i + 1] > 0x8f))
            return false;
        i += 1 + more;
    }
    return true;
}
