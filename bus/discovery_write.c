// The messages that discovery sends: all records of this device, a probe, a query.

#include <string.h>

#include "bus/discovery_internal.h"

#define LEGACY_TTL 10 // seconds
// Of the longest known answer: the service's name, a record's head, and an instance's name.
#define KNOWN_BYTES (18 + 10 + TT_NAME_MAX + 18)

static void join(char *out, size_t capacity, const char *first, const char *second)
{
    tt_text text;
    tt_text_init(&text, out, capacity);
    tt_text_add(&text, first);
    tt_text_add(&text, ".");
    tt_text_add(&text, second);
}

static void write_pair(tt_writer *w, const char *key, const char *value)
{
    tt_write_u8(w, (uint8_t)(strlen(key) + strlen(value)));
    tt_write_bytes(w, key, strlen(key));
    tt_write_bytes(w, value, strlen(value));
}

void tt_discovery_write_place(const tt_discovery *d, tt_writer *w)
{
    char host[TT_DNS_NAME_MAX];
    join(host, sizeof(host), d->name, "local");
    tt_write_be16(w, 0); // priority
    tt_write_be16(w, 0); // weight
    tt_write_be16(w, d->options.port);
    tt_dns_name_write(w, host);
}

void tt_discovery_write_text(const tt_discovery *d, tt_writer *w)
{
    char digits[12];
    tt_text text;
    tt_text_init(&text, digits, sizeof(digits));
    tt_text_add_hex(&text, d->options.boot, 8);
    write_pair(w, "kind=", d->options.kind);
    write_pair(w, "boot=", digits);
    tt_text_init(&text, digits, sizeof(digits));
    tt_text_add_hex(&text, TT_WIRE_VERSION, 1);
    write_pair(w, "wire=", digits);
    if (d->options.sleep_s == 0)
        return;
    tt_text_init(&text, digits, sizeof(digits));
    tt_text_add_hex(&text, d->options.sleep_s, 1);
    write_pair(w, "sleep=", digits);
}

static void write_instance(const tt_discovery *d, tt_writer *w, const char *instance,
                           uint16_t class, uint32_t ttl)
{
    size_t at = tt_dns_record_begin(w, instance, TT_DNS_SRV, class, ttl);
    tt_discovery_write_place(d, w);
    tt_dns_record_end(w, at);
    at = tt_dns_record_begin(w, instance, TT_DNS_TXT, class, ttl);
    tt_discovery_write_text(d, w);
    tt_dns_record_end(w, at);
}

static void write_addresses(const tt_discovery *d, tt_writer *w, const char *host, uint16_t class,
                            uint32_t ttl)
{
    for (size_t i = 0; i < d->address_count; i++) {
        const tt_endpoint *address = &d->addresses[i];
        bool ipv4 = tt_endpoint_is_ipv4(address);
        size_t at = tt_dns_record_begin(w, host, ipv4 ? TT_DNS_A : TT_DNS_AAAA, class, ttl);
        tt_write_bytes(w, address->ip + (ipv4 ? 12 : 0), ipv4 ? 4 : 16);
        tt_dns_record_end(w, at);
    }
}

// Everything that we have to tell; `unique` is the class of what is ours alone.
static void write_answers(const tt_discovery *d, tt_writer *w, uint16_t unique, uint32_t ttl)
{
    char instance[TT_DNS_NAME_MAX], host[TT_DNS_NAME_MAX];
    join(instance, sizeof(instance), d->name, TT_DISCOVERY_SERVICE);
    join(host, sizeof(host), d->name, "local");
    size_t at = tt_dns_record_begin(w, TT_DISCOVERY_SERVICE, TT_DNS_PTR, TT_DNS_CLASS_IN, ttl);
    tt_dns_name_write(w, instance);
    tt_dns_record_end(w, at);
    at = tt_dns_record_begin(w, TT_DISCOVERY_SERVICES, TT_DNS_PTR, TT_DNS_CLASS_IN, ttl);
    tt_dns_name_write(w, TT_DISCOVERY_SERVICE);
    tt_dns_record_end(w, at);
    write_instance(d, w, instance, unique, ttl);
    write_addresses(d, w, host, unique, ttl);
}

static uint16_t answer_count(const tt_discovery *d)
{
    return (uint16_t)(4 + d->address_count);
}

void tt_discovery_write_records(tt_discovery *d, tt_writer *w, uint32_t ttl)
{
    tt_dns_header_write(w, &(tt_dns_header){.flags = TT_DNS_RESPONSE, .answers = answer_count(d)});
    write_answers(d, w, TT_DNS_CLASS_IN | TT_DNS_TOP_BIT, ttl); // the cache-flush bit
}

// A plain resolver's id and question are repeated; it knows no cache-flush bit, and must ask again
// soon (RFC 6762, 6.7).
void tt_discovery_write_legacy(tt_discovery *d, tt_writer *w)
{
    const struct tt_discovery_state *s = &d->state;
    char name[TT_DNS_NAME_MAX];
    bool services = s->asker_subject == TT_SUBJECT_SERVICES;
    if (s->asker_subject == TT_SUBJECT_INSTANCE)
        join(name, sizeof(name), d->name, TT_DISCOVERY_SERVICE);
    else if (s->asker_subject == TT_SUBJECT_HOST)
        join(name, sizeof(name), d->name, "local");
    else
        strcpy(name, services ? TT_DISCOVERY_SERVICES : TT_DISCOVERY_SERVICE);
    tt_dns_header_write(w, &(tt_dns_header){.id = s->asker_id,
                                            .flags = TT_DNS_RESPONSE,
                                            .questions = 1,
                                            .answers = answer_count(d)});
    tt_dns_name_write(w, name);
    tt_write_be16(w, s->asker_type);
    tt_write_be16(w, TT_DNS_CLASS_IN);
    write_answers(d, w, TT_DNS_CLASS_IN, LEGACY_TTL);
}

// A probe asks for everything under both names, the instance's and the host's, and says what they
// would be (RFC 6762, 8.1).
void tt_discovery_write_probe(const tt_discovery *d, tt_writer *w)
{
    char instance[TT_DNS_NAME_MAX], host[TT_DNS_NAME_MAX];
    join(instance, sizeof(instance), d->name, TT_DISCOVERY_SERVICE);
    join(host, sizeof(host), d->name, "local");
    tt_dns_header_write(
        w, &(tt_dns_header){.questions = 2, .authorities = (uint16_t)(2 + d->address_count)});
    tt_dns_name_write(w, instance);
    tt_write_be16(w, TT_DNS_ANY);
    tt_write_be16(w, TT_DNS_CLASS_IN | TT_DNS_TOP_BIT);
    tt_dns_name_write(w, host);
    tt_write_be16(w, TT_DNS_ANY);
    tt_write_be16(w, TT_DNS_CLASS_IN | TT_DNS_TOP_BIT);
    write_instance(d, w, instance, TT_DNS_CLASS_IN, TT_DISCOVERY_TTL);
    write_addresses(d, w, host, TT_DNS_CLASS_IN, TT_DISCOVERY_TTL);
}

// Whether a peer's records are not all known, so that they are asked for by name.
static bool is_incomplete(const tt_peer *peer)
{
    return peer->name[0] != '\0' && !peer->reported && !peer->lost;
}

static void write_question(tt_writer *w, tt_dns_header *header, const char *name, uint16_t type)
{
    tt_dns_name_write(w, name);
    tt_write_be16(w, type);
    tt_write_be16(w, TT_DNS_CLASS_IN);
    header->questions++;
}

static void write_questions(tt_discovery *d, tt_writer *w, tt_dns_header *header)
{
    char instance[TT_DNS_NAME_MAX];
    if (d->state.only_name != NULL) {
        join(instance, sizeof(instance), d->state.only_name, TT_DISCOVERY_SERVICE);
        write_question(w, header, instance, TT_DNS_ANY);
        return;
    }
    write_question(w, header, TT_DISCOVERY_SERVICE, TT_DNS_PTR);
    for (size_t i = 0; i < d->options.peers_max && w->length < TT_MDNS_MESSAGE_MAX / 2; i++) {
        tt_peer *peer = &d->options.peers[i];
        if (!is_incomplete(peer))
            continue;
        if (peer->asked < TT_DISCOVERY_ASKS_MAX)
            peer->asked++;
        join(instance, sizeof(instance), peer->name, TT_DISCOVERY_SERVICE);
        write_question(w, header, instance, TT_DNS_ANY);
    }
}

// Known answers that have more than half of their life left: those devices need not speak (RFC
// 6762, 7.1). What does not fit follows in messages of its own (7.2).
static void write_known(tt_discovery *d, tt_time now, tt_writer *w, tt_dns_header *header)
{
    char instance[TT_DNS_NAME_MAX];
    size_t i = d->state.known_at;
    for (; i < d->options.peers_max && w->length + KNOWN_BYTES <= TT_MDNS_MESSAGE_MAX; i++) {
        const tt_peer *peer = &d->options.peers[i];
        if (!tt_discovery_is_fresh(peer, now))
            continue;
        join(instance, sizeof(instance), peer->name, TT_DISCOVERY_SERVICE);
        size_t at = tt_dns_record_begin(w, TT_DISCOVERY_SERVICE, TT_DNS_PTR, TT_DNS_CLASS_IN,
                                        (uint32_t)((peer->expires - now) / TT_SECONDS(1)));
        tt_dns_name_write(w, instance);
        tt_dns_record_end(w, at);
        header->answers++;
    }
    while (i < d->options.peers_max && !tt_discovery_is_fresh(&d->options.peers[i], now))
        i++;
    d->state.known_at = i < d->options.peers_max ? i : 0;
    header->flags = i < d->options.peers_max ? TT_DNS_TRUNCATED : 0;
}

void tt_discovery_write_query(tt_discovery *d, tt_time now, tt_writer *w)
{
    tt_dns_header header = {0};
    tt_dns_header_write(w, &header);
    if (d->state.known_at == 0)
        write_questions(d, w, &header);
    if (d->state.only_name == NULL)
        write_known(d, now, w, &header);
    tt_writer again;
    tt_writer_init(&again, w->data, w->length);
    tt_dns_header_write(&again, &header); // now that the counts are known
}
