// Parsing and writing CoAP messages.

#include <string.h>

#include "bus/message.h"

// The extended form of an option's delta or length (RFC 7252, 3.1): 13 and 14 announce one and two
// more bytes, 15 is reserved.
static bool read_extended(tt_reader *r, unsigned nibble, unsigned *value)
{
    if (nibble < 13)
        *value = nibble;
    else if (nibble == 13)
        *value = 13u + tt_read_u8(r);
    else if (nibble == 14)
        *value = 269u + tt_read_be16(r);
    else
        return false;
    return !r->failed;
}

// An unsigned number of 0 to `bytes_max` bytes; false where it is longer.
static bool read_number(const uint8_t *value, size_t length, size_t bytes_max, uint32_t *number)
{
    if (length > bytes_max)
        return false;
    *number = 0;
    for (size_t i = 0; i < length; i++)
        *number = *number << 8 | value[i];
    return true;
}

static bool read_block(tt_message *m, const uint8_t *value, size_t length, tt_block *block)
{
    uint32_t number;
    if (!read_number(value, length, 3, &number))
        return false;
    if ((number & 7) == 7) {
        m->bad_block = true;
        return true;
    }
    *block = (tt_block){.present = true,
                        .more = (number & 8) != 0,
                        .exponent = (uint8_t)(number & 7),
                        .number = number >> 4};
    return true;
}

// Appends a part of a path or query behind a separator; a part that would look like two is refused.
static bool append(char *text, size_t capacity, char separator, const uint8_t *part, size_t length,
                   bool *too_long)
{
    size_t used = strlen(text), needed = length + (used > 0);
    for (size_t i = 0; i < length; i++)
        if (part[i] == '\0' || part[i] == (uint8_t)separator)
            return false;
    if (needed >= capacity - used) {
        *too_long = true;
        return true;
    }
    if (used > 0)
        text[used++] = separator;
    memcpy(text + used, part, length);
    text[used + length] = '\0';
    return true;
}

// An entity tag and a Request-Tag are opaque, and compared only.
static void read_tag(const uint8_t *value, size_t length, uint64_t *tag, uint8_t *tag_length)
{
    if (length == 0 || length > sizeof(*tag))
        return; // elective: one that is malformed is passed over
    *tag_length = (uint8_t)length;
    *tag = 0;
    for (size_t i = 0; i < length; i++)
        *tag = *tag << 8 | value[i];
}

// A part of a path: "." and ".." are none (RFC 7252, 5.10.1), and an empty one makes it another.
static bool read_path(tt_message *m, const uint8_t *value, size_t length)
{
    if ((length == 1 || length == 2) && value[0] == '.' && value[length - 1] == '.')
        return false;
    m->alias |= length == 0;
    return append(m->path, sizeof(m->path), '/', value, length, &m->too_long);
}

static bool is_critical(unsigned number)
{
    return (number & 1) != 0; // RFC 7252, 5.4.6
}

// A second one of any other option counts as unknown (RFC 7252, 5.4.5).
static bool is_repeatable(unsigned number)
{
    return number == TT_OPTION_ETAG || number == TT_OPTION_LOCATION_PATH ||
           number == TT_OPTION_URI_PATH || number == TT_OPTION_URI_QUERY;
}

// Takes one option in; false where it is malformed or unknown.
static bool take_option(tt_message *m, unsigned number, const uint8_t *value, size_t length)
{
    uint32_t n = 0;
    uint8_t identity_length;
    switch (number) {
    case 3: // Uri-Host and Uri-Port: we have one host behind every address
    case 7:
        return true;
    case TT_OPTION_ETAG:
        read_tag(value, length, &m->etag, &m->etag_length);
        return true;
    case TT_OPTION_OBSERVE:
        m->has_observe = read_number(value, length, 3, &m->observe);
        return m->has_observe;
    case TT_OPTION_LOCATION_PATH:
        return m->code < TT_CODE(2, 0) || read_path(m, value, length); // of a response only
    case TT_OPTION_URI_PATH:
        return read_path(m, value, length);
    case TT_OPTION_URI_QUERY:
        return append(m->query, sizeof(m->query), '&', value, length, &m->too_long);
    case TT_OPTION_CONTENT_FORMAT:
        if (!read_number(value, length, 2, &n))
            return false;
        m->content_format = (uint16_t)n;
        return true;
    case TT_OPTION_ACCEPT:
        if (!read_number(value, length, 2, &n))
            return false;
        m->accept = (uint16_t)n;
        return true;
    case TT_OPTION_MAX_AGE:
        return read_number(value, length, 4, &m->max_age);
    case TT_OPTION_BLOCK1:
        return read_block(m, value, length, &m->block1);
    case TT_OPTION_BLOCK2:
        return read_block(m, value, length, &m->block2);
    case TT_OPTION_PROXY_URI:
    case TT_OPTION_PROXY_SCHEME:
        m->proxy = true;
        return true;
    case TT_OPTION_NO_RESPONSE:
        if (!read_number(value, length, 1, &n))
            return false;
        m->no_response = (uint8_t)n;
        return true;
    case TT_OPTION_REQUEST_TAG:
        read_tag(value, length, &m->tag, &m->tag_length);
        return true;
    case TT_OPTION_SIZE1:
        return read_number(value, length, 4, &m->size1);
    case TT_OPTION_SIZE2:
        return read_number(value, length, 4, &m->size2);
    case TT_OPTION_STREAM:
        m->has_stream = read_number(value, length, 4, &m->stream);
        return m->has_stream;
    case TT_OPTION_IDENTITY:
        if (length == sizeof(m->identity))
            read_tag(value, length, &m->identity, &identity_length);
        return true;
    default:
        return false;
    }
}

static tt_status read_options(tt_message *m, tt_reader *r)
{
    unsigned number = 0;
    while (tt_reader_left(r) > 0) {
        uint8_t head = tt_read_u8(r);
        if (head == 0xff) { // the payload marker; a marker without payload is an error (3.1)
            m->length = tt_reader_left(r);
            m->payload = tt_read_bytes(r, m->length);
            return m->length > 0 ? TT_OK : TT_MALFORMED;
        }
        unsigned delta, length;
        if (!read_extended(r, head >> 4, &delta) || !read_extended(r, head & 15, &length))
            return TT_MALFORMED;
        const uint8_t *value = tt_read_bytes(r, length);
        number += delta;
        if (value == NULL || number > UINT16_MAX)
            return TT_MALFORMED;
        bool surplus = delta == 0 && !is_repeatable(number);
        if ((surplus || !take_option(m, number, value, length)) && is_critical(number))
            m->bad_option = true;
    }
    return TT_OK;
}

uint32_t tt_message_sum(const tt_message *m) // FNV-1a
{
    uint32_t sum = 0x811c9dc5u;
    for (size_t i = 0; i < m->size; i++)
        sum = (sum ^ m->bytes[i]) * 0x01000193u;
    return sum;
}

tt_status tt_message_parse(tt_message *m, const void *bytes, size_t length)
{
    tt_reader r;
    tt_reader_init(&r, bytes, length);
    memset(m, 0, sizeof(*m));
    m->content_format = m->accept = TT_FORMAT_NONE;
    m->max_age = 60;
    m->bytes = bytes;
    m->size = length;
    uint8_t first = tt_read_u8(&r);
    m->type = (tt_message_type)(first >> 4 & 3);
    m->token.length = first & 15;
    m->code = tt_read_u8(&r);
    m->id = tt_read_be16(&r);
    if (r.failed || first >> 6 != 1 || m->token.length > 8)
        return TT_MALFORMED;
    const uint8_t *token = tt_read_bytes(&r, m->token.length);
    if (token == NULL)
        return TT_MALFORMED;
    memcpy(m->token.bytes, token, m->token.length);
    if (m->code == 0) // an empty message is four bytes (4.1)
        return length == 4 ? TT_OK : TT_MALFORMED;
    return read_options(m, &r);
}

void tt_message_begin(tt_message_writer *w, void *bytes, size_t capacity, tt_message_type type,
                      unsigned code, uint16_t id, const tt_bus_token *token)
{
    unsigned token_length = token != NULL ? token->length : 0;
    tt_writer_init(&w->out, bytes, capacity);
    w->option = 0;
    tt_write_u8(&w->out, (uint8_t)(1u << 6 | (unsigned)type << 4 | token_length));
    tt_write_u8(&w->out, (uint8_t)code);
    tt_write_be16(&w->out, id);
    if (token_length > 0)
        tt_write_bytes(&w->out, token->bytes, token_length);
}

static unsigned extended_nibble(size_t value)
{
    return value < 13 ? (unsigned)value : value < 269 ? 13 : 14;
}

static void write_extended(tt_writer *out, size_t value)
{
    if (value >= 269)
        tt_write_be16(out, (uint16_t)(value - 269));
    else if (value >= 13)
        tt_write_u8(out, (uint8_t)(value - 13));
}

void tt_message_option(tt_message_writer *w, unsigned number, const void *value, size_t length)
{
    unsigned delta = number - w->option;
    w->option = number;
    tt_write_u8(&w->out, (uint8_t)(extended_nibble(delta) << 4 | extended_nibble(length)));
    write_extended(&w->out, delta);
    write_extended(&w->out, length);
    tt_write_bytes(&w->out, value, length);
}

void tt_message_option_tag(tt_message_writer *w, unsigned number, uint64_t tag, unsigned length)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < length; i++)
        bytes[i] = (uint8_t)(tag >> 8 * (length - 1 - i));
    tt_message_option(w, number, bytes, length);
}

void tt_message_option_number(tt_message_writer *w, unsigned number, uint32_t value)
{
    uint8_t bytes[4];
    size_t length = 0;
    for (int shift = 24; shift >= 0; shift -= 8) // without leading zeros (3.2)
        if (length > 0 || value >> shift != 0)
            bytes[length++] = (uint8_t)(value >> shift);
    tt_message_option(w, number, bytes, length);
}

void tt_message_option_parts(tt_message_writer *w, unsigned number, const char *text, char between)
{
    for (bool more = *text != '\0'; more;) { // "a/" ends in an empty part (RFC 7252, 6.4)
        const char *end = strchr(text, between);
        size_t length = end != NULL ? (size_t)(end - text) : strlen(text);
        tt_message_option(w, number, text, length);
        more = end != NULL;
        text += length + more;
    }
}

void tt_message_option_block(tt_message_writer *w, unsigned number, const tt_block *block)
{
    tt_message_option_number(w, number,
                             block->number << 4 | (uint32_t)block->more << 3 | block->exponent);
}

void tt_message_payload(tt_message_writer *w, const void *payload, size_t length)
{
    if (length == 0)
        return;
    tt_write_u8(&w->out, 0xff);
    if (length > w->out.capacity - w->out.length) {
        w->out.failed = true;
        return;
    }
    memmove(w->out.data + w->out.length, payload, length); // it may lie in the same place, behind
    w->out.length += length;
}
