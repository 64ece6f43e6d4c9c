// Reading and writing DNS names and records.
//
// A compressed name may point to an earlier place in the message. A pointer must go further back
// than every one before it, so a name cannot loop, however it is made.

#include <string.h>

#include "bus/dns.h"

#define LABEL_MAX 63
#define NAME_MAX_BYTES 255 // of a name on the wire (RFC 1035, 2.3.4), so reading one has an end

void tt_dns_header_read(tt_reader *r, tt_dns_header *h)
{
    h->id = tt_read_be16(r);
    h->flags = tt_read_be16(r);
    h->questions = tt_read_be16(r);
    h->answers = tt_read_be16(r);
    h->authorities = tt_read_be16(r);
    h->additionals = tt_read_be16(r);
}

void tt_dns_header_write(tt_writer *w, const tt_dns_header *h)
{
    tt_write_be16(w, h->id);
    tt_write_be16(w, h->flags);
    tt_write_be16(w, h->questions);
    tt_write_be16(w, h->answers);
    tt_write_be16(w, h->authorities);
    tt_write_be16(w, h->additionals);
}

// Appends a label; false where the name has no room or the label cannot stand in its text.
static bool append_label(char *name, size_t capacity, size_t *used, const uint8_t *label,
                         size_t length)
{
    if (*used + (*used > 0) + length >= capacity)
        return false;
    if (*used > 0)
        name[(*used)++] = '.';
    for (size_t i = 0; i < length; i++) {
        if (label[i] == '.' || label[i] == '\0')
            return false;
        name[(*used)++] = (char)label[i];
    }
    name[*used] = '\0';
    return true;
}

tt_status tt_dns_name_read(tt_reader *r, char *name, size_t capacity)
{
    tt_reader at = *r; // walks on after a pointer, while r stops behind it
    size_t used = 0, limit = r->offset, total = 1;
    bool followed = false, usable = true;
    name[0] = '\0';
    for (;;) {
        uint8_t length = tt_read_u8(&at);
        if (at.failed)
            return TT_MALFORMED;
        if (length >= 0xc0) {
            size_t target = (size_t)(length & 0x3f) << 8 | tt_read_u8(&at);
            if (at.failed || target >= limit)
                return TT_MALFORMED; // only further back
            if (!followed)
                *r = at;
            followed = true;
            limit = target;
            at.offset = target;
            continue;
        }
        if (length > LABEL_MAX)
            return TT_MALFORMED;
        if (length == 0)
            break;
        const uint8_t *label = tt_read_bytes(&at, length);
        total += 1 + (size_t)length;
        if (label == NULL || total > NAME_MAX_BYTES)
            return TT_MALFORMED;
        usable = usable && append_label(name, capacity, &used, label, length);
    }
    if (!followed)
        *r = at;
    return usable ? TT_OK : TT_UNSUPPORTED;
}

void tt_dns_name_write(tt_writer *w, const char *name)
{
    while (*name != '\0') {
        size_t length = strcspn(name, ".");
        tt_write_u8(w, (uint8_t)length);
        tt_write_bytes(w, name, length);
        name += length + (name[length] == '.');
    }
    tt_write_u8(w, 0);
}

tt_status tt_dns_question_read(tt_reader *r, tt_dns_record *question)
{
    memset(question, 0, sizeof(*question));
    tt_status status = tt_dns_name_read(r, question->name, sizeof(question->name));
    question->type = tt_read_be16(r);
    question->class = tt_read_be16(r);
    return r->failed ? TT_MALFORMED : status;
}

tt_status tt_dns_record_read(tt_reader *r, tt_dns_record *record)
{
    tt_status status = tt_dns_question_read(r, record);
    if (status == TT_MALFORMED)
        return status;
    record->ttl_seconds = tt_read_be32(r);
    record->length = tt_read_be16(r);
    record->data = r->offset;
    if (tt_read_bytes(r, record->length) == NULL)
        return TT_MALFORMED;
    return status;
}

bool tt_dns_place_read(const void *message, const tt_dns_record *record, uint16_t *port,
                       char target[TT_DNS_NAME_MAX])
{
    tt_reader r;
    tt_reader_init(&r, message, record->data + record->length);
    r.offset = record->data;
    tt_read_be32(&r); // priority and weight
    *port = tt_read_be16(&r);
    return !r.failed && tt_dns_name_read(&r, target, TT_DNS_NAME_MAX) == TT_OK;
}

size_t tt_dns_record_begin(tt_writer *w, const char *name, uint16_t type, uint16_t class,
                           uint32_t ttl_seconds)
{
    tt_dns_name_write(w, name);
    tt_write_be16(w, type);
    tt_write_be16(w, class);
    tt_write_be32(w, ttl_seconds);
    tt_write_be16(w, 0); // the length, set by tt_dns_record_end
    return w->length;
}

void tt_dns_record_end(tt_writer *w, size_t begun)
{
    if (w->failed)
        return;
    size_t length = w->length - begun;
    w->data[begun - 2] = (uint8_t)(length >> 8);
    w->data[begun - 1] = (uint8_t)length;
}
