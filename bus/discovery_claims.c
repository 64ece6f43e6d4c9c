// Whose a name is: records that concern ours, and others' claims to it (RFC 6762, 8.2 and 9).

#include <string.h>

#include "bus/discovery_internal.h"
#include "tutti/check.h"

#define RECORDS_MAX 12 // of one name in one probe; who has more is compared by these
#define SRV_HEAD 6     // priority, weight, port

bool tt_discovery_ends_with_service(const char *name, size_t *instance_length)
{
    size_t length = strlen(name), suffix = strlen(TT_DISCOVERY_SERVICE);
    if (length <= suffix + 1 || !tt_text_same_name(name + length - suffix, TT_DISCOVERY_SERVICE) ||
        name[length - suffix - 1] != '.')
        return false;
    *instance_length = length - suffix - 1;
    return true;
}

bool tt_discovery_is_instance(const char *name, const char *instance)
{
    size_t length;
    return tt_discovery_ends_with_service(name, &length) && strlen(instance) == length &&
           tt_text_same_bytes(name, instance, length);
}

bool tt_discovery_is_host(const char *name, const char *host)
{
    size_t length = strlen(host);
    return host[0] != '\0' && strlen(name) == length + 6 &&
           tt_text_same_bytes(name, host, length) && tt_text_same_name(name + length, ".local");
}

// The value of "key=" in a TXT record (in any case: RFC 6763, 6.4), copied; false where it has none
// or it is too long.
bool tt_discovery_txt_value(const uint8_t *data, size_t length, const char *key, char *out,
                            size_t capacity)
{
    size_t key_length = strlen(key);
    for (size_t at = 0; at < length; at += 1 + (size_t)data[at]) {
        size_t part = data[at];
        if (part > length - at - 1)
            return false;
        if (part < key_length ||
            !tt_text_same_bytes((const char *)data + at + 1, key, key_length) ||
            part - key_length >= capacity)
            continue;
        memcpy(out, data + at + 1 + key_length, part - key_length);
        out[part - key_length] = '\0';
        return true;
    }
    return false;
}

uint32_t tt_discovery_parse_hex(const char *text)
{
    uint32_t value = 0;
    for (; *text != '\0'; text++) {
        unsigned digit = *text >= '0' && *text <= '9'   ? (unsigned)(*text - '0')
                         : *text >= 'a' && *text <= 'f' ? (unsigned)(*text - 'a') + 10
                                                        : 16;
        if (digit > 15)
            return 0;
        value = value << 4 | digit;
    }
    return value;
}

bool tt_discovery_is_own(const tt_discovery_message *m)
{
    tt_reader r;
    tt_dns_record record;
    char text[16];
    if (m->d->options.name == NULL)
        return false;
    tt_reader_init(&r, m->bytes, m->length);
    r.offset = m->first;
    for (unsigned i = 0; i < m->records; i++) {
        tt_status status = tt_dns_record_read(&r, &record);
        if (status == TT_MALFORMED)
            return false;
        if (status == TT_OK && record.type == TT_DNS_TXT &&
            tt_discovery_is_instance(record.name, m->d->name))
            return tt_discovery_txt_value(m->bytes + record.data, record.length, "boot=", text,
                                          sizeof(text)) &&
                   tt_discovery_parse_hex(text) == m->d->options.boot;
    }
    return false;
}

static bool is_our_address(const tt_discovery_message *m, const tt_dns_record *record)
{
    for (size_t i = 0; i < m->d->address_count; i++) {
        const tt_endpoint *own = &m->d->addresses[i];
        bool ipv4 = tt_endpoint_is_ipv4(own);
        if (ipv4 == (record->type == TT_DNS_A) && record->length == (ipv4 ? 4 : 16) &&
            memcmp(own->ip + (ipv4 ? 12 : 0), m->bytes + record->data, record->length) == 0)
            return true;
    }
    return false;
}

static bool is_our_place(const tt_discovery_message *m, const tt_dns_record *record)
{
    uint16_t port;
    char target[TT_DNS_NAME_MAX];
    return tt_dns_place_read(m->bytes, record, &port, target) && port == m->d->options.port &&
           tt_discovery_is_host(target, m->d->name);
}

// Any record of a name that is to be ours alone and says something else is another's claim. All of
// a message are one: a second would be taken for the answer to a probe that was not yet sent.
void tt_discovery_check_claim(tt_discovery_message *m, const tt_dns_record *record)
{
    tt_discovery *d = m->d;
    if (d->options.name == NULL || m->own || m->claimed)
        return;
    bool instance = tt_discovery_is_instance(record->name, d->name);
    bool host = tt_discovery_is_host(record->name, d->name);
    bool address = record->type == TT_DNS_A || record->type == TT_DNS_AAAA;
    if ((instance && record->type == TT_DNS_TXT) ||
        (instance && record->type == TT_DNS_SRV && !is_our_place(m, record)) ||
        (host && address && !is_our_address(m, record))) {
        m->claimed = true;
        tt_discovery_yield(d, m->now);
    }
}

// The records of one name in a probe, in the order in which they are compared.
typedef struct claim {
    unsigned count;
    struct claimed {
        uint16_t type;
        size_t length;
        const uint8_t *data;
    } records[RECORDS_MAX];
    uint8_t srv[SRV_HEAD + TT_DNS_NAME_MAX + 2]; // of the first, its name not compressed
    size_t srv_length;
} claim;

// Byte by byte; the shorter first where one is the other's beginning.
static int compare_bytes(const uint8_t *a, size_t a_length, const uint8_t *b, size_t b_length)
{
    int order = memcmp(a, b, a_length < b_length ? a_length : b_length);
    return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

static int compare_records(const struct claimed *a, const struct claimed *b)
{
    return a->type != b->type ? a->type - b->type
                              : compare_bytes(a->data, a->length, b->data, b->length);
}

static bool write_srv(claim *c, const uint8_t *bytes, const tt_dns_record *record)
{
    tt_reader r;
    tt_writer w;
    char target[TT_DNS_NAME_MAX];
    tt_reader_init(&r, bytes, record->data + record->length);
    r.offset = record->data;
    const uint8_t *head = tt_read_bytes(&r, SRV_HEAD);
    if (c->srv_length > 0 || head == NULL || tt_dns_name_read(&r, target, sizeof(target)) != TT_OK)
        return false;
    tt_writer_init(&w, c->srv, sizeof(c->srv));
    tt_write_bytes(&w, head, SRV_HEAD);
    tt_dns_name_write(&w, target);
    c->srv_length = w.length;
    return !w.failed;
}

static void insert(claim *c, uint16_t type, const uint8_t *data, size_t length)
{
    struct claimed added = {type, length, data};
    if (c->count == RECORDS_MAX)
        return;
    unsigned place = c->count++;
    for (; place > 0 && compare_records(&added, &c->records[place - 1]) < 0; place--)
        c->records[place] = c->records[place - 1];
    c->records[place] = added;
}

static void collect(claim *c, const tt_discovery_message *m, bool host)
{
    tt_reader r;
    tt_dns_record record;
    c->count = 0;
    c->srv_length = 0;
    tt_reader_init(&r, m->bytes, m->length);
    r.offset = m->first;
    for (unsigned i = 0; i < m->records; i++) {
        tt_status status = tt_dns_record_read(&r, &record);
        if (status == TT_MALFORMED)
            return;
        if (status != TT_OK || !(host ? tt_discovery_is_host(record.name, m->d->name)
                                      : tt_discovery_is_instance(record.name, m->d->name)))
            continue;
        if (record.type != TT_DNS_SRV)
            insert(c, record.type, m->bytes + record.data, record.length);
        else if (write_srv(c, m->bytes, &record))
            insert(c, TT_DNS_SRV, c->srv, c->srv_length);
    }
}

// What our own probe says of the instance or the host.
static void collect_ours(claim *c, const tt_discovery *d, bool host,
                         uint8_t text[TT_DISCOVERY_TEXT_MAX])
{
    tt_writer w;
    c->count = 0;
    for (size_t i = 0; host && i < d->address_count; i++) {
        bool ipv4 = tt_endpoint_is_ipv4(&d->addresses[i]);
        insert(c, ipv4 ? TT_DNS_A : TT_DNS_AAAA, d->addresses[i].ip + (ipv4 ? 12 : 0),
               ipv4 ? 4 : 16);
    }
    if (host)
        return;
    tt_writer_init(&w, c->srv, sizeof(c->srv));
    tt_discovery_write_place(d, &w);
    insert(c, TT_DNS_SRV, c->srv, w.length);
    tt_writer_init(&w, text, TT_DISCOVERY_TEXT_MAX);
    tt_discovery_write_text(d, &w);
    insert(c, TT_DNS_TXT, text, w.length);
}

// Their records against ours (RFC 6762, 8.2.1): above 0 where theirs are the greater.
static int compare_claims(const claim *theirs, const claim *ours)
{
    for (unsigned i = 0; i < theirs->count && i < ours->count; i++) {
        int order = compare_records(&theirs->records[i], &ours->records[i]);
        if (order != 0)
            return order;
    }
    return (int)theirs->count - (int)ours->count;
}

void tt_discovery_check_probe(const tt_discovery_message *m)
{
    tt_discovery *d = m->d;
    uint8_t text[TT_DISCOVERY_TEXT_MAX];
    claim theirs, ours;
    if (d->options.name == NULL)
        return;
    collect(&theirs, m, false);
    bool host = theirs.count == 0;
    if (host)
        collect(&theirs, m, true);
    if (theirs.count == 0)
        return; // another name
    collect_ours(&ours, d, host, text);
    int order = compare_claims(&theirs, &ours);
    if (order == 0)
        return; // the same: our own words, heard again
    if (tt_discovery_owns_name(d))
        tt_discovery_defend(d, m->now);
    else if (order > 0)
        tt_discovery_defer(d, m->now);
}
