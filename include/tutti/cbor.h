// CBOR (RFC 8949): writing, reading one item at a time, and the diagnostic notation.
//
// A writer is a tt_writer; what does not fit sets its `failed`. A reader takes items in the order
// they lie in the bytes: the head of an array or map says how many items follow. Everything is
// checked against the bytes that are there; nesting is limited to TT_CBOR_DEPTH_MAX.

#ifndef TUTTI_CBOR_H
#define TUTTI_CBOR_H

#include <stdbool.h>

#include "tutti/bytes.h"
#include "tutti/language.h"
#include "tutti/status.h"
#include "tutti/text.h"

TT_C_BEGIN

#define TT_CBOR_DEPTH_MAX 16

void tt_cbor_unsigned(tt_writer *writer, uint64_t value);
void tt_cbor_signed(tt_writer *writer, int64_t value);
void tt_cbor_bytes(tt_writer *writer, const void *bytes, size_t length);
void tt_cbor_text(tt_writer *writer, const char *text);
void tt_cbor_array(tt_writer *writer, size_t items); // that many items follow
void tt_cbor_map(tt_writer *writer, size_t pairs);   // that many keys and values follow
void tt_cbor_bool(tt_writer *writer, bool value);
void tt_cbor_null(tt_writer *writer);
void tt_cbor_float(tt_writer *writer, float value);

typedef enum tt_cbor_type {
    TT_CBOR_UNSIGNED, // number
    TT_CBOR_NEGATIVE, // -1 - number
    TT_CBOR_BYTES,    // bytes, length; of indefinite length: UINT64_MAX, chunks follow
    TT_CBOR_TEXT,     // likewise, valid UTF-8
    TT_CBOR_ARRAY,    // number of items; UINT64_MAX: until TT_CBOR_BREAK
    TT_CBOR_MAP,      // number of pairs; UINT64_MAX: until TT_CBOR_BREAK
    TT_CBOR_TAG,      // number; one item follows
    TT_CBOR_SIMPLE,   // number: 20 false, 21 true, 22 null, 23 undefined, others
    TT_CBOR_FLOAT,    // real
    TT_CBOR_BREAK,
} tt_cbor_type;

typedef struct tt_cbor_item {
    tt_cbor_type type;
    uint64_t number;
    bool indefinite; // chunks or items follow until TT_CBOR_BREAK
    double real;
    const uint8_t *bytes; // inside the document
    size_t length;
} tt_cbor_item;

// Takes the next item, or only the head of a container. TT_EMPTY at the end of the bytes,
// TT_MALFORMED, TT_DAMAGED (cut short).
tt_status tt_cbor_next(tt_reader *reader, tt_cbor_item *item);

// Passes over one whole item with all that it contains. As tt_cbor_next; TT_TOO_LARGE for more than
// TT_CBOR_DEPTH_MAX containers and tags around one another, an empty one innermost not counted.
tt_status tt_cbor_skip(tt_reader *reader);

// Moves the reader to the value of a text key in the map that begins where it stands, which is then
// the next item, unless the bytes are cut there. TT_NOT_FOUND; TT_MALFORMED also where no map is;
// otherwise as tt_cbor_skip. After an error the reader stands somewhere in the map.
tt_status tt_cbor_find(tt_reader *reader, const char *key);

// Appends one whole item in diagnostic notation (RFC 8949, 8). As tt_cbor_skip; after an error
// nothing is appended and the reader stands where it stood.
tt_status tt_cbor_diagnose(tt_reader *reader, tt_text *text);

TT_C_END

#endif
