// A little JSON (RFC 8259): a writer that keeps commas right, and a reader into a tree.
//
// For files of our own making: a training's history, the demonstration's results. The reader
// treats them as hostile all the same: depth and size are bounded, every failure is a status.

#ifndef TUTTI_CLI_JSON_H
#define TUTTI_CLI_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "tutti/status.h"
#include "tutti/text.h"

#define TT_JSON_DEPTH_MAX 16

typedef struct tt_json_writer {
    FILE *file;
    bool comma; // the next value stands behind another
} tt_json_writer;

// Each writes one value; inside an object `key` is its name, inside an array it is NULL.
void tt_json_open(tt_json_writer *writer, const char *key, char bracket); // '{' or '['
void tt_json_close(tt_json_writer *writer, char bracket);                 // '}' or ']'
// With as many digits as it takes to read the same number back; null where it is not finite.
void tt_json_number(tt_json_writer *writer, const char *key, double value);
void tt_json_text(tt_json_writer *writer, const char *key, const char *value);
// A name by itself, of any bytes; the value that follows has none.
void tt_json_key(tt_json_writer *writer, const void *key, size_t length);
// A text that is not terminated; what is no UTF-8 in it becomes U+FFFD.
void tt_json_bytes(tt_json_writer *writer, const char *key, const void *text, size_t length);
// A value as it is written: true, false, null, or a number that a double cannot hold.
void tt_json_word(tt_json_writer *writer, const char *key, const char *word);

typedef enum tt_json_kind {
    TT_JSON_NULL,
    TT_JSON_FALSE,
    TT_JSON_TRUE,
    TT_JSON_NUMBER,
    TT_JSON_TEXT,
    TT_JSON_ARRAY,
    TT_JSON_OBJECT,
} tt_json_kind;

typedef struct tt_json {
    tt_json_kind kind;
    double number;
    char *text;           // TT_JSON_TEXT: terminated, unescaped
    char *key;            // its name where it is a member of an object, else NULL
    struct tt_json *item; // of an array or object: the first value inside, or NULL
    struct tt_json *next; // the value behind it in the same array or object, or NULL
} tt_json;

// Reads a whole file; the tree is freed with tt_json_free. TT_NOT_FOUND, TT_TOO_LARGE,
// TT_MALFORMED, with a sentence that names the file and the line.
tt_status tt_json_read(const char *path, tt_json **root, tt_text *why);
void tt_json_free(tt_json *value);

// Never NULL: a value that is absent or of another kind reads as null, 0 or "".
const tt_json *tt_json_get(const tt_json *object, const char *key);
double tt_json_get_number(const tt_json *object, const char *key);
const char *tt_json_get_text(const tt_json *object, const char *key);
size_t tt_json_count(const tt_json *value);

#endif
