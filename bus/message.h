// CoAP messages (RFC 7252, 3): parsing bytes from anyone, and writing.

#ifndef TUTTI_BUS_MESSAGE_H
#define TUTTI_BUS_MESSAGE_H

#include "tutti/bus_storage.h"
#include "tutti/bytes.h"

typedef enum tt_message_type {
    TT_CONFIRMABLE = 0,
    TT_NON_CONFIRMABLE = 1,
    TT_ACKNOWLEDGEMENT = 2,
    TT_RESET_MESSAGE = 3,
} tt_message_type;

enum {
    TT_OPTION_ETAG = 4,
    TT_OPTION_OBSERVE = 6,
    TT_OPTION_LOCATION_PATH = 8,
    TT_OPTION_URI_PATH = 11,
    TT_OPTION_CONTENT_FORMAT = 12,
    TT_OPTION_MAX_AGE = 14,
    TT_OPTION_URI_QUERY = 15,
    TT_OPTION_ACCEPT = 17,
    TT_OPTION_BLOCK2 = 23,
    TT_OPTION_BLOCK1 = 27,
    TT_OPTION_SIZE2 = 28,
    TT_OPTION_PROXY_URI = 35,
    TT_OPTION_PROXY_SCHEME = 39,
    TT_OPTION_SIZE1 = 60,
    TT_OPTION_NO_RESPONSE = 258, // RFC 7967
    TT_OPTION_REQUEST_TAG = 292, // RFC 9175
    TT_OPTION_STREAM = 65020,    // of the experimental range: elective, no part of a cache key
    TT_OPTION_IDENTITY = 65052,  // likewise
};

// Methods of ours, of the unassigned ones: what goes on within a stream. See bus/stream.c.
enum {
    TT_STREAM_PIECE = 30,
    TT_STREAM_ACKNOWLEDGE = 31,
};

typedef struct tt_message {
    tt_message_type type;
    uint8_t code;
    uint16_t id;
    const uint8_t *bytes; // all of it
    size_t size;
    tt_bus_token token;
    const uint8_t *payload;
    size_t length;
    // Options, where present.
    uint8_t etag_length; // 0 without
    uint8_t tag_length;  // of the Request-Tag; 0 without, or with an empty one
    bool has_observe;
    bool has_stream;
    bool bad_option;     // a critical one that is unknown, malformed or repeated: 4.02, or a reset
    bool bad_block;      // the reserved block size 7: 4.00 (RFC 7959, 2.2)
    bool proxy;          // meant for another host: 5.05 (RFC 7252, 5.10.2)
    bool alias;          // the path has an empty part, as "//a" and "a/"
    bool too_long;       // path or query exceed our limits: no such resource
    uint8_t no_response; // bit n - 1: an answer of class n is not wanted
    uint16_t content_format, accept; // TT_FORMAT_NONE without
    tt_block block1, block2;
    uint32_t observe, size1, size2, max_age;
    uint32_t stream; // what its stream option says
    uint64_t etag;
    uint64_t tag;
    uint64_t identity; // of its sender, whose requests have tokens with a tag; 0 without
    char path[TT_BUS_PATH_MAX], query[TT_BUS_QUERY_MAX]; // path: of a response, its Location-Path
} tt_message;

// TT_OK, or TT_MALFORMED. What can be told of a malformed message (type, id) is set, for a reset.
tt_status tt_message_parse(tt_message *message, const void *bytes, size_t length);

uint32_t tt_message_sum(const tt_message *message); // a checksum of all its bytes

// Writing: begin, then options in ascending order of their numbers, then the payload.
typedef struct tt_message_writer {
    tt_writer out;
    unsigned option; // the last one written
} tt_message_writer;

void tt_message_begin(tt_message_writer *w, void *bytes, size_t capacity, tt_message_type type,
                      unsigned code, uint16_t id, const tt_bus_token *token);
void tt_message_option(tt_message_writer *w, unsigned number, const void *value, size_t length);
// The lowest `length` bytes of a tag, the highest of them first.
void tt_message_option_tag(tt_message_writer *w, unsigned number, uint64_t tag, unsigned length);
void tt_message_option_number(tt_message_writer *w, unsigned number, uint32_t value);
void tt_message_option_parts(tt_message_writer *w, unsigned number, const char *text, char between);
void tt_message_option_block(tt_message_writer *w, unsigned number, const tt_block *block);
void tt_message_payload(tt_message_writer *w, const void *payload, size_t length);

static inline size_t tt_block_bytes(const tt_block *block)
{
    return (size_t)16 << block->exponent;
}

static inline bool tt_token_equal(const tt_bus_token *a, const tt_bus_token *b)
{
    if (a->length != b->length)
        return false;
    for (unsigned i = 0; i < a->length; i++)
        if (a->bytes[i] != b->bytes[i])
            return false;
    return true;
}

#endif
