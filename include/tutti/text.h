// Building a line of text in a buffer that the caller gives, without stdio.
//
// The text is always terminated. What does not fit is left out and `cut` is set, so a reader can
// tell a whole sentence from a shortened one.

#ifndef TUTTI_TEXT_H
#define TUTTI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tutti/language.h"

TT_C_BEGIN

typedef struct tt_text {
    char *data;      // terminated; owned by the caller
    size_t capacity; // bytes of data, the terminator included; at least 1
    size_t length;   // bytes in use, the terminator not included
    bool cut;        // something did not fit
} tt_text;

// Starts an empty text in `data`, which has `capacity` >= 1 bytes.
void tt_text_init(tt_text *text, char *data, size_t capacity);

// Each appends; a NULL `text` is allowed and ignored, so that an explanation can be optional.
void tt_text_add(tt_text *text, const char *string);
void tt_text_add_bytes(tt_text *text, const void *bytes, size_t length);
void tt_text_add_unsigned(tt_text *text, uint64_t value);
void tt_text_add_signed(tt_text *text, int64_t value);
// At least `digits_min` digits, 16 at most.
void tt_text_add_hex(tt_text *text, uint64_t value, unsigned digits_min);

// Whether two names are the same as DNS compares them: the capitals of ASCII do not count (RFC
// 4343).
bool tt_text_same_name(const char *a, const char *b);
bool tt_text_same_bytes(const char *a, const char *b, size_t length); // of at least `length` bytes

// Whether the bytes are UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
bool tt_text_is_utf8(const void *bytes, size_t length);

TT_C_END

#endif
