// What discovery hears: questions for this device, and records of others.

#include <string.h>

#include "bus/discovery_internal.h"
#include "tutti/check.h"

typedef tt_discovery_message reading;

// The instance that a record is about; false where it is about none.
static bool instance_of(const reading *m, const tt_dns_record *record,
                        char instance[TT_DNS_NAME_MAX])
{
    if (record->type != TT_DNS_PTR) {
        strcpy(instance, record->name);
        return record->type == TT_DNS_SRV || record->type == TT_DNS_TXT;
    }
    tt_reader r;
    tt_reader_init(&r, m->bytes, record->data + record->length);
    r.offset = record->data;
    return tt_text_same_name(record->name, TT_DISCOVERY_SERVICE) &&
           tt_dns_name_read(&r, instance, TT_DNS_NAME_MAX) == TT_OK;
}

// Somebody says goodbye in our name: whoever heard it is told at once that we are here, by one
// message before they would ask, each (node/presence.c).
static void check_goodbye(const reading *m, const tt_dns_record *record)
{
    char instance[TT_DNS_NAME_MAX];
    if (m->d->options.name != NULL && instance_of(m, record, instance) &&
        tt_discovery_is_instance(instance, m->d->name))
        tt_discovery_say_here(m->d, m->now);
}

static void read_record(reading *m, const tt_dns_record *record)
{
    char instance[TT_DNS_NAME_MAX];
    if (record->ttl_seconds > 0) // else someone gives it up
        tt_discovery_check_claim(m, record);
    else
        check_goodbye(m, record);
    if (m->d->browsing != NULL)
        m->d->browsing->record(m, record, instance_of(m, record, instance) ? instance : NULL);
}

static void read_response(reading *m, tt_reader *r, const tt_dns_header *header)
{
    m->first = r->offset;
    m->records = header->answers + (unsigned)header->authorities + header->additionals;
    m->own = tt_discovery_is_own(m);
    tt_dns_record record;
    tt_reader at = *r;
    // Addresses may stand before the name that they belong to: read everything twice, in that
    // order.
    for (int round = 0; round < 2; round++, at = *r)
        for (unsigned i = 0; i < m->records; i++) {
            tt_status status = tt_dns_record_read(&at, &record);
            if (status == TT_MALFORMED)
                break;
            bool address = record.type == TT_DNS_A || record.type == TT_DNS_AAAA;
            bool internet = (record.class & ~TT_DNS_TOP_BIT) == TT_DNS_CLASS_IN;
            if (status == TT_OK && internet && address == (round == 1))
                read_record(m, &record);
        }
    if (m->d->browsing != NULL)
        m->d->browsing->response_end(m->d, m->now);
}

static tt_discovery_subject subject_of(const tt_discovery *d, const tt_dns_record *q)
{
    bool any = q->type == TT_DNS_ANY;
    uint16_t class = q->class & (uint16_t)~TT_DNS_TOP_BIT;
    if (class != TT_DNS_CLASS_IN && class != TT_DNS_CLASS_ANY)
        return TT_SUBJECT_NONE;
    if (tt_text_same_name(q->name, TT_DISCOVERY_SERVICE) && (any || q->type == TT_DNS_PTR))
        return TT_SUBJECT_SERVICE;
    if (tt_text_same_name(q->name, TT_DISCOVERY_SERVICES) && (any || q->type == TT_DNS_PTR))
        return TT_SUBJECT_SERVICES;
    if (tt_discovery_is_instance(q->name, d->name) &&
        (any || q->type == TT_DNS_SRV || q->type == TT_DNS_TXT))
        return TT_SUBJECT_INSTANCE;
    if (tt_discovery_is_host(q->name, d->name) &&
        (any || q->type == TT_DNS_A || q->type == TT_DNS_AAAA))
        return TT_SUBJECT_HOST;
    return TT_SUBJECT_NONE;
}

// The instance of a known answer to a question for our service; false where the record is another.
static bool known_answer(const reading *m, const tt_dns_record *record,
                         char instance[TT_DNS_NAME_MAX])
{
    return record->type == TT_DNS_PTR && instance_of(m, record, instance);
}

// What a query's known answers say: that its sender knows us, with enough of our life left, and
// whether all of them are known here too, so that what it asks is what we would have asked.
typedef struct known_answers {
    bool us, all;
} known_answers;

static known_answers read_known(const reading *m, tt_reader *r, unsigned answers)
{
    known_answers result = {.all = true};
    tt_dns_record record;
    char instance[TT_DNS_NAME_MAX];
    for (unsigned i = 0; i < answers; i++) {
        tt_status status = tt_dns_record_read(r, &record);
        if (status == TT_MALFORMED)
            return (known_answers){.us = false};
        if (status != TT_OK || !known_answer(m, &record, instance))
            continue;
        if (tt_discovery_is_instance(instance, m->d->name)) {
            result.us |= record.ttl_seconds >= TT_DISCOVERY_TTL / 2;
            continue;
        }
        result.all = result.all && m->d->browsing != NULL && m->d->browsing->knows(m, instance);
    }
    return result;
}

// What a query wants of us.
typedef struct wanted {
    tt_discovery_subject subject; // of its first question that concerns us
    uint16_t type;
    bool by_name, unicast, shared;
    bool browse; // it is the question that we would put
} wanted;

static void answer(const reading *m, const tt_dns_header *header, const wanted *w)
{
    tt_discovery *d = m->d;
    bool legacy = m->from->port != TT_MDNS_PORT; // a plain resolver (RFC 6762, 6.7)
    // One answer for all renews what all keep, now and then (5.4).
    bool is_old = m->now - d->state.spoke_at > TT_SECONDS(TT_DISCOVERY_TTL / 4);
    if (legacy || (w->unicast && header->authorities == 0 && !is_old)) {
        d->state.asker = *m->from;
        d->state.asker_legacy = legacy;
        d->state.asker_id = header->id;
        d->state.asker_type = w->type;
        d->state.asker_subject = (uint8_t)w->subject;
    } else if ((header->flags & TT_DNS_TRUNCATED) != 0 && !w->by_name) {
        tt_discovery_await_more(d, m->now, m->from, m->family);
    } else {
        tt_discovery_answer_later(d, m->now, m->family, !w->shared);
    }
}

static bool read_questions(const reading *m, tt_reader *r, unsigned questions, wanted *w)
{
    tt_dns_record question;
    for (unsigned i = 0; i < questions; i++) {
        tt_status status = tt_dns_question_read(r, &question);
        if (status == TT_MALFORMED)
            return false;
        tt_discovery_subject subject =
            status == TT_OK ? subject_of(m->d, &question) : TT_SUBJECT_NONE;
        if (subject == TT_SUBJECT_NONE)
            continue;
        bool unicast = (question.class & TT_DNS_TOP_BIT) != 0;
        if (w->subject == TT_SUBJECT_NONE) {
            w->type = question.type;
            w->subject = subject;
        }
        w->by_name |= question.type != TT_DNS_PTR;
        w->unicast |= unicast;
        w->shared |= subject == TT_SUBJECT_SERVICE || subject == TT_SUBJECT_SERVICES;
        w->browse |= subject == TT_SUBJECT_SERVICE && !unicast;
    }
    return true;
}

static void read_query(reading *m, tt_reader *r, const tt_dns_header *header)
{
    tt_discovery *d = m->d;
    wanted w = {0};
    if (!read_questions(m, r, header->questions, &w))
        return;
    known_answers known = read_known(m, r, header->answers);
    m->first = r->offset;
    m->records = header->authorities;
    if (header->authorities > 0) // another device probes for a name
        tt_discovery_check_probe(m);
    if (w.browse && d->browsing != NULL)
        d->browsing->question(m, known.all);
    if (known.us && header->questions == 0)
        tt_discovery_knows_us(d, m->from);
    if (w.subject != TT_SUBJECT_NONE && tt_discovery_owns_name(d) && (!known.us || w.by_name))
        answer(m, header, &w);
}

void tt_discovery_receive(tt_discovery *d, tt_time now, const tt_endpoint *from, const void *bytes,
                          size_t length)
{
    tt_reader r;
    tt_dns_header header;
    reading m = {.d = d,
                 .now = now,
                 .from = from,
                 .family = tt_endpoint_is_ipv4(from) ? TT_FAMILY_IPV4 : TT_FAMILY_IPV6,
                 .bytes = bytes,
                 .length = length};
    tt_reader_init(&r, bytes, length);
    tt_dns_header_read(&r, &header);
    if (r.failed || (header.flags & 0x780f) != 0)
        return; // only standard queries without error codes (RFC 6762, 18)
    if (d->browsing != NULL)
        d->browsing->heard(&m);
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
