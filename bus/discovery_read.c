// What discovery hears: questions for this device, and records of others.

#include <string.h>

#include "bus/discovery_internal.h"
#include "tutti/check.h"

static bool ends_with_service(const char *name, size_t *instance_length)
{
    size_t length = strlen(name), suffix = strlen(TT_DISCOVERY_SERVICE);
    if (length <= suffix + 1 || !tt_text_same_name(name + length - suffix, TT_DISCOVERY_SERVICE) ||
        name[length - suffix - 1] != '.')
        return false;
    *instance_length = length - suffix - 1;
    return true;
}

static bool is_instance(const char *name, const char *instance)
{
    size_t length;
    return ends_with_service(name, &length) && strlen(instance) == length &&
           tt_text_same_bytes(name, instance, length);
}

static bool is_host(const char *name, const char *host)
{
    size_t length = strlen(host);
    return host[0] != '\0' && strlen(name) == length + 6 &&
           tt_text_same_bytes(name, host, length) && tt_text_same_name(name + length, ".local");
}

// The peer that a record is about: its instance name without the service; NULL for others'
// services.
static tt_peer *peer_of(tt_discovery *d, const char *instance, bool make)
{
    char name[TT_NAME_MAX];
    size_t length;
    if (!ends_with_service(instance, &length) || length >= sizeof(name))
        return NULL;
    memcpy(name, instance, length);
    name[length] = '\0';
    if (tt_text_same_name(name, d->name) || tt_discovery_check_label(name, sizeof(name)) !=
                                                TT_OK) // a stranger's; it cannot be asked for
        return NULL;
    tt_peer *peer = tt_discovery_find_peer(d, name);
    return peer == NULL && make ? tt_discovery_add_peer(d, name) : peer;
}

// The value of "key=" in a TXT record (in any case: RFC 6763, 6.4), copied; false where it has none
// or it is too long.
static bool txt_value(const uint8_t *data, size_t length, const char *key, char *out,
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

static uint32_t parse_hex(const char *text)
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

// What one message tells of restarts: a boot number that changed is reported after all of it is
// read.
typedef struct reading {
    tt_discovery *d;
    tt_time now;
    const tt_endpoint *from;
    const uint8_t *bytes;
    size_t length;
} reading;

static void read_srv(const reading *m, const tt_dns_record *record, tt_peer *peer)
{
    tt_reader r;
    char target[TT_DNS_NAME_MAX];
    tt_reader_init(&r, m->bytes, record->data + record->length);
    r.offset = record->data;
    tt_read_be32(&r); // priority and weight
    uint16_t port = tt_read_be16(&r);
    size_t length;
    if (r.failed || tt_dns_name_read(&r, target, sizeof(target)) != TT_OK || port == 0)
        return;
    length = strlen(target);
    if (length < 7 || !tt_text_same_name(target + length - 6, ".local") ||
        length - 6 >= sizeof(peer->host))
        return;
    memcpy(peer->host, target, length - 6);
    peer->host[length - 6] = '\0';
    peer->endpoint.port = port;
}

// How good an address is: IPv6 link-local best, it needs no configuration and no router.
static int rank(const tt_endpoint *endpoint)
{
    static const uint8_t none[16];
    if (memcmp(endpoint->ip, none, sizeof(none)) == 0)
        return 0;
    if (tt_endpoint_is_ipv4(endpoint))
        return 1;
    return tt_endpoint_is_link_local(endpoint) ? 3 : 2;
}

static void read_address(const reading *m, const tt_dns_record *record)
{
    tt_endpoint address = {.interface = m->from->interface};
    bool ipv4 = record->type == TT_DNS_A;
    if (record->length != (ipv4 ? 4 : 16) || record->ttl_seconds == 0)
        return;
    if (ipv4)
        address.ip[10] = address.ip[11] = 0xff;
    memcpy(address.ip + (ipv4 ? 12 : 0), m->bytes + record->data, record->length);
    if (ipv4 && !tt_endpoint_is_link_local(&address))
        address.interface = 0; // routed: any interface will do
    for (size_t i = 0; i < m->d->options.peers_max; i++) {
        tt_peer *peer = &m->d->options.peers[i];
        if (peer->name[0] == '\0' || !is_host(record->name, peer->host))
            continue;
        address.port = peer->endpoint.port;
        if (rank(&address) > rank(&peer->endpoint))
            peer->endpoint = address;
    }
}

static void read_txt(const reading *m, const tt_dns_record *record, tt_peer *peer)
{
    char text[16];
    const uint8_t *data = m->bytes + record->data;
    char kind[TT_KIND_MAX];
    if (txt_value(data, record->length, "kind=", kind, sizeof(kind)) &&
        tt_discovery_check_label(kind, sizeof(kind)) == TT_OK)
        strcpy(peer->kind, kind);
    uint32_t boot =
        txt_value(data, record->length, "boot=", text, sizeof(text)) ? parse_hex(text) : 0;
    if (peer->boot != 0 && boot != 0 && boot != peer->boot) {
        if (peer->reported)
            tt_discovery_tell(m->d, m->now, TT_PEER_RESTARTED, peer);
        peer->asked = 0;
        peer->reported = false; // found again when its records are complete, perhaps elsewhere
        memset(peer->endpoint.ip, 0, sizeof(peer->endpoint.ip));
    }
    if (boot != 0)
        peer->boot = boot;
}

static void check_own_name(const reading *m, const tt_dns_record *record, bool established)
{
    char text[16];
    if (m->d->options.name == NULL || record->type != TT_DNS_TXT ||
        !is_instance(record->name, m->d->name))
        return;
    bool has = txt_value(m->bytes + record->data, record->length, "boot=", text, sizeof(text));
    tt_discovery_conflict(m->d, m->now, has ? parse_hex(text) : UINT32_MAX, established);
}

static void read_record(const reading *m, const tt_dns_record *record)
{
    tt_discovery *d = m->d;
    if (record->ttl_seconds > 0) // else someone gives it up
        check_own_name(m, record, true);
    if (!d->options.browse)
        return;
    char instance[TT_DNS_NAME_MAX];
    strcpy(instance, record->name);
    if (record->type == TT_DNS_PTR) {
        tt_reader r;
        tt_reader_init(&r, m->bytes, record->data + record->length);
        r.offset = record->data;
        if (!tt_text_same_name(record->name, TT_DISCOVERY_SERVICE) ||
            tt_dns_name_read(&r, instance, sizeof(instance)) != TT_OK)
            return;
    }
    bool address = record->type == TT_DNS_A || record->type == TT_DNS_AAAA;
    if (address) {
        read_address(m, record);
        return;
    }
    if (record->type != TT_DNS_PTR && record->type != TT_DNS_SRV && record->type != TT_DNS_TXT)
        return;
    tt_peer *peer = peer_of(d, instance, record->ttl_seconds > 0);
    if (peer == NULL)
        return;
    if (record->ttl_seconds == 0) { // goodbye (RFC 6762, 10.1)
        tt_discovery_gone(d, m->now, peer);
        return;
    }
    uint32_t ttl = record->ttl_seconds < 4500 ? record->ttl_seconds : 4500;
    peer->heard = m->now;
    peer->expires = tt_after(m->now, TT_SECONDS(ttl));
    if (record->type == TT_DNS_SRV)
        read_srv(m, record, peer);
    if (record->type == TT_DNS_TXT)
        read_txt(m, record, peer);
}

// Reports peers whose records have become complete, and asks soon for those whose are not: a few
// times, since a stranger's service may never tell what we want to know.
static void report_complete(tt_discovery *d, tt_time now)
{
    for (size_t i = 0; i < d->options.peers_max; i++) {
        tt_peer *peer = &d->options.peers[i];
        if (peer->name[0] == '\0' || peer->reported)
            continue;
        if (peer->endpoint.port == 0 || rank(&peer->endpoint) == 0 || peer->kind[0] == '\0') {
            if (peer->asked < TT_DISCOVERY_ASKS_MAX)
                d->state.query_at = tt_earlier(d->state.query_at, tt_after(now, TT_MS(100)));
            continue;
        }
        peer->reported = true;
        tt_discovery_tell(d, now, TT_PEER_FOUND, peer);
    }
}

static void read_response(const reading *m, tt_reader *r, const tt_dns_header *header)
{
    unsigned records = header->answers + (unsigned)header->authorities + header->additionals;
    tt_dns_record record;
    tt_reader at = *r;
    // Addresses may stand before the name that they belong to: read everything twice, in that
    // order.
    for (int round = 0; round < 2; round++, at = *r)
        for (unsigned i = 0; i < records; i++) {
            tt_status status = tt_dns_record_read(&at, &record);
            if (status == TT_MALFORMED)
                break;
            bool address = record.type == TT_DNS_A || record.type == TT_DNS_AAAA;
            if (status == TT_OK && address == (round == 1))
                read_record(m, &record);
        }
    if (m->d->options.browse)
        report_complete(m->d, m->now);
}

static tt_discovery_subject subject_of(const tt_discovery *d, const tt_dns_record *q)
{
    bool any = q->type == TT_DNS_ANY;
    if (tt_text_same_name(q->name, TT_DISCOVERY_SERVICE) && (any || q->type == TT_DNS_PTR))
        return TT_SUBJECT_SERVICE;
    if (tt_text_same_name(q->name, TT_DISCOVERY_SERVICES) && (any || q->type == TT_DNS_PTR))
        return TT_SUBJECT_SERVICES;
    if (is_instance(q->name, d->name) && (any || q->type == TT_DNS_SRV || q->type == TT_DNS_TXT))
        return TT_SUBJECT_INSTANCE;
    if (is_host(q->name, d->name) && (any || q->type == TT_DNS_A || q->type == TT_DNS_AAAA))
        return TT_SUBJECT_HOST;
    return TT_SUBJECT_NONE;
}

// Whether a query lists our service among what its sender knows, with enough of its life left.
static bool knows_us(const reading *m, tt_reader *r, unsigned answers)
{
    tt_dns_record record;
    char instance[TT_DNS_NAME_MAX];
    for (unsigned i = 0; i < answers; i++) {
        tt_status status = tt_dns_record_read(r, &record);
        if (status == TT_MALFORMED)
            return false;
        if (status != TT_OK || record.type != TT_DNS_PTR ||
            record.ttl_seconds < TT_DISCOVERY_TTL / 2)
            continue;
        tt_reader data;
        tt_reader_init(&data, m->bytes, record.data + record.length);
        data.offset = record.data;
        if (tt_dns_name_read(&data, instance, sizeof(instance)) == TT_OK &&
            is_instance(instance, m->d->name))
            return true;
    }
    return false;
}

static void read_query(const reading *m, tt_reader *r, const tt_dns_header *header)
{
    tt_discovery *d = m->d;
    bool by_name = false, unicast = false;
    tt_dns_record question;
    tt_discovery_subject asked = TT_SUBJECT_NONE; // first
    uint16_t type = 0;
    for (unsigned i = 0; i < header->questions; i++) {
        tt_status status = tt_dns_question_read(r, &question);
        if (status == TT_MALFORMED)
            return;
        tt_discovery_subject subject = status == TT_OK ? subject_of(d, &question) : TT_SUBJECT_NONE;
        if (subject == TT_SUBJECT_NONE)
            continue;
        type = asked == TT_SUBJECT_NONE ? question.type : type;
        asked = asked == TT_SUBJECT_NONE ? subject : asked;
        by_name |= question.type != TT_DNS_PTR;
        unicast |= (question.class & TT_DNS_TOP_BIT) != 0;
    }
    bool known = knows_us(m, r, header->answers);
    for (unsigned i = 0; i < header->authorities; i++) { // another device probes for a name
        tt_dns_record record;
        tt_status status = tt_dns_record_read(r, &record);
        if (status == TT_MALFORMED)
            break;
        if (status == TT_OK)
            check_own_name(m, &record, false);
    }
    if (asked == TT_SUBJECT_NONE || !tt_discovery_owns_name(d) || (known && !by_name))
        return;
    bool legacy = m->from->port != TT_MDNS_PORT; // a plain resolver (RFC 6762, 6.7)
    if (legacy || (unicast && header->authorities == 0)) {
        d->state.asker = *m->from;
        d->state.asker_legacy = legacy;
        d->state.asker_id = header->id;
        d->state.asker_type = type;
        d->state.asker_subject = (uint8_t)asked;
    } else {
        tt_discovery_answer_later(d, m->now);
    }
}

void tt_discovery_receive(tt_discovery *d, tt_time now, const tt_endpoint *from, const void *bytes,
                          size_t length)
{
    tt_reader r;
    tt_dns_header header;
    reading m = {d, now, from, bytes, length};
    tt_reader_init(&r, bytes, length);
    tt_dns_header_read(&r, &header);
    if (r.failed || (header.flags & 0x780f) != 0)
        return; // only standard queries without error codes (RFC 6762, 18)
    if ((header.flags & 0x8000) == 0) {
        read_query(&m, &r, &header);
        return;
    }
    if (from->port != TT_MDNS_PORT)
        return; // answers come from the mDNS port (RFC 6762, 11)
    tt_dns_record question;
    for (unsigned i = 0; i < header.questions; i++)
        if (tt_dns_question_read(&r, &question) == TT_MALFORMED)
            return;
    read_response(&m, &r, &header);
}
