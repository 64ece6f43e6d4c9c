// As much of JSON (RFC 8259) as a safetensors header has: a cursor that moves past what it reads.

#ifndef TUTTI_AI_FILE_JSON_H
#define TUTTI_AI_FILE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tt_json_cursor {
    const char *at, *end;
} tt_json_cursor;

// Each skips white space and reads one thing; false, with the cursor somewhere within it, where it
// is not there.
bool tt_json_sign(tt_json_cursor *j, char expected);
// A string with its escapes resolved, as UTF-8, terminated. `out` has room for as many bytes as
// the text is long. No control characters, no half of a surrogate pair, nothing that is no UTF-8.
bool tt_json_string(tt_json_cursor *j, char *out, size_t *length);
// A whole number without sign, point or exponent, at most INT64_MAX.
bool tt_json_whole(tt_json_cursor *j, int64_t *out);
// Whether only white space is left.
bool tt_json_end(tt_json_cursor *j);

// Text in the making: what is put goes to `to` + `length`, where there must be room; a `to` of NULL
// only counts.
typedef struct tt_json_out {
    char *to;
    size_t length;
} tt_json_out;

void tt_json_put(tt_json_out *out, const char *text, size_t length);
// A string with its quotes and escapes.
void tt_json_put_string(tt_json_out *out, const char *text, size_t length);

#endif
