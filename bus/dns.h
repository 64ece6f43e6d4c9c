// DNS messages (RFC 1035, 4): names and records, as far as discovery needs them.

#ifndef TUTTI_BUS_DNS_H
#define TUTTI_BUS_DNS_H

#include "tutti/bytes.h"
#include "tutti/status.h"

#define TT_DNS_NAME_MAX 128 // bytes of a name's text, its terminator included

enum {
    TT_DNS_A = 1,
    TT_DNS_PTR = 12,
    TT_DNS_TXT = 16,
    TT_DNS_AAAA = 28,
    TT_DNS_SRV = 33,
    TT_DNS_ANY = 255,
};
#define TT_DNS_RESPONSE 0x8400  // flags: an authoritative answer
#define TT_DNS_TRUNCATED 0x0200 // flags: more known answers follow (RFC 6762, 7.2)
#define TT_DNS_CLASS_IN 1
#define TT_DNS_CLASS_ANY 255
#define TT_DNS_TOP_BIT 0x8000 // of a class: cache flush in a record, unicast wanted in a question

typedef struct tt_dns_header {
    uint16_t id, flags, questions, answers, authorities, additionals;
} tt_dns_header;

typedef struct tt_dns_record {
    char name[TT_DNS_NAME_MAX];
    uint16_t type, class;
    uint32_t ttl_seconds;
    size_t data, length; // of its data, an offset into the message
} tt_dns_record;

void tt_dns_header_read(tt_reader *r, tt_dns_header *header);
void tt_dns_header_write(tt_writer *w, const tt_dns_header *header);

// A name as text, labels joined by dots, its capitals as they came (tt_text_same_name compares).
// Compression pointers are followed backwards only. TT_MALFORMED, or TT_UNSUPPORTED for a name too
// long or with a dot or zero inside a label (it is skipped all the same).
tt_status tt_dns_name_read(tt_reader *r, char *name, size_t capacity);
void tt_dns_name_write(tt_writer *w, const char *name);

tt_status tt_dns_question_read(tt_reader *r, tt_dns_record *question); // name, type and class
tt_status tt_dns_record_read(tt_reader *r, tt_dns_record *record);
// The data of an SRV record of this message, priority and weight passed over; false: it is none.
bool tt_dns_place_read(const void *message, const tt_dns_record *record, uint16_t *port,
                       char target[TT_DNS_NAME_MAX]);

// A record is written in three steps: head, data, end.
size_t tt_dns_record_begin(tt_writer *w, const char *name, uint16_t type, uint16_t class,
                           uint32_t ttl_seconds);
void tt_dns_record_end(tt_writer *w, size_t begun);

#endif
