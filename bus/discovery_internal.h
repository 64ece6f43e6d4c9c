// What the files of discovery share.

#ifndef TUTTI_BUS_DISCOVERY_INTERNAL_H
#define TUTTI_BUS_DISCOVERY_INTERNAL_H

#include "bus/dns.h"
#include "tutti/discovery.h"

#define TT_DISCOVERY_SERVICE "_coap._udp.local"
#define TT_DISCOVERY_SERVICES "_services._dns-sd._udp.local"
#define TT_DISCOVERY_TTL 120    // seconds; RFC 6762, 10
#define TT_DISCOVERY_ASKS_MAX 3 // so often a peer's missing records are asked for out of turn

// The two zones of multicast DNS on a link (RFC 6762, 20), as bits.
#define TT_FAMILY_IPV4 1
#define TT_FAMILY_IPV6 2
#define TT_FAMILY_BOTH 3

// The one zone in which a device that is heard in these is asked.
static inline uint8_t tt_discovery_zone(uint8_t families)
{
    return families & TT_FAMILY_IPV6 ? TT_FAMILY_IPV6 : TT_FAMILY_IPV4;
}

// What of ours a question is about.
typedef enum tt_discovery_subject {
    TT_SUBJECT_NONE,
    TT_SUBJECT_SERVICE,
    TT_SUBJECT_SERVICES,
    TT_SUBJECT_INSTANCE,
    TT_SUBJECT_HOST,
} tt_discovery_subject;

// One message that came.
typedef struct tt_discovery_message {
    tt_discovery *d;
    tt_time now;
    const tt_endpoint *from;
    uint8_t family; // the zone
    const uint8_t *bytes;
    size_t length;
    size_t first;     // where its records begin, those in question at the time
    unsigned records; // how many
    bool own;         // our own words, heard again
    bool claimed;     // our name, by a record before
} tt_discovery_message;

// What discovery does where it looks for others (discovery_ask.c).
typedef struct tt_discovery_browsing {
    void (*ask_soon)(tt_discovery *d, tt_time now);
    void (*heard)(const tt_discovery_message *m); // any message
    // A record; `instance`: the one that it is about, or NULL.
    void (*record)(const tt_discovery_message *m, const tt_dns_record *record,
                   const char *instance);
    void (*response_end)(tt_discovery *d, tt_time now);
    bool (*knows)(const tt_discovery_message *m, const char *instance);
    void (*question)(const tt_discovery_message *m, bool knows_all);
    void (*advance)(tt_discovery *d, tt_time now);
    bool (*transmit)(tt_discovery *d, tt_time now, tt_writer *w);
} tt_discovery_browsing;

// From the lowest up: each file uses those before it; discovery_read.c uses all of them.

// discovery_peers.c
// What a name or kind must be: see tt_discovery_init.
tt_status tt_discovery_check_label(const char *label, size_t capacity);
tt_peer *tt_discovery_find_peer(tt_discovery *d, const char *name); // or NULL
// NULL: it is not wanted, or there is no room, and it is counted among the others.
tt_peer *tt_discovery_add_peer(tt_discovery *d, tt_time now, const char *name);
bool tt_discovery_is_complete(const tt_peer *peer);
// Whether a question may tell its device that its records are known (RFC 6762, 7.1).
bool tt_discovery_is_fresh(const tt_peer *peer, tt_time now);
int tt_discovery_rank(const tt_endpoint *endpoint); // how good an address is; 0: none
void tt_discovery_tell(tt_discovery *d, tt_time now, tt_peer_event event, const tt_peer *peer);
void tt_discovery_doubt(tt_discovery *d, tt_time now, tt_peer *peer);
void tt_discovery_report(tt_discovery *d, tt_time now, tt_peer *peer); // complete, and not known

// discovery_write.c: whole messages.
void tt_discovery_write_records(tt_discovery *d, tt_writer *w, uint32_t ttl_seconds);
void tt_discovery_write_legacy(tt_discovery *d, tt_writer *w); // the answer to state.asker
void tt_discovery_write_probe(const tt_discovery *d, tt_writer *w);
// The data of our SRV and of our TXT record, of TT_DISCOVERY_TEXT_MAX bytes at most.
void tt_discovery_write_place(const tt_discovery *d, tt_writer *w);
void tt_discovery_write_text(const tt_discovery *d, tt_writer *w);
#define TT_DISCOVERY_TEXT_MAX (6 + TT_KIND_MAX + 6 + 8 + 6 + 2 + 7 + 4)
void tt_discovery_write_query(tt_discovery *d, tt_time now, tt_writer *w);

// discovery.c
// Another has our name; or claims it by a probe that is as good as ours, or better; or is to be
// told.
void tt_discovery_yield(tt_discovery *d, tt_time now);
void tt_discovery_defer(tt_discovery *d, tt_time now);
void tt_discovery_defend(tt_discovery *d, tt_time now);
void tt_discovery_say_here(tt_discovery *d, tt_time now); // somebody said that we left
// An answer to all, to what is ours alone at once, to what is shared after a while.
void tt_discovery_answer_later(tt_discovery *d, tt_time now, uint8_t families, bool at_once);
// The same to one who goes on telling what it knows; and it knows us.
void tt_discovery_await_more(tt_discovery *d, tt_time now, const tt_endpoint *asker,
                             uint8_t families);
void tt_discovery_knows_us(tt_discovery *d, const tt_endpoint *asker);
// The start of both kinds; `browsing`: NULL for one that announces itself only.
tt_status tt_discovery_set_up(tt_discovery *d, tt_time now, const tt_discovery_options *options,
                              const tt_discovery_browsing *browsing);
tt_time tt_discovery_random(tt_discovery *d, tt_time least, tt_time greatest);

// discovery_claims.c
bool tt_discovery_is_instance(const char *name, const char *instance);
bool tt_discovery_is_host(const char *name, const char *host);
// The value of "key=" in a TXT record, copied; false where it has none or it is too long.
bool tt_discovery_txt_value(const uint8_t *data, size_t length, const char *key, char *out,
                            size_t capacity);
uint32_t tt_discovery_parse_hex(const char *text); // 0: none
bool tt_discovery_ends_with_service(const char *name, size_t *instance_length);
// Whether all of a response is what we said ourselves, heard again.
bool tt_discovery_is_own(const tt_discovery_message *m);
// A record of a response, which may be about our name; and a probe's records.
void tt_discovery_check_claim(tt_discovery_message *m, const tt_dns_record *record);
void tt_discovery_check_probe(const tt_discovery_message *m);

// discovery_others.c: see tt_discovery_browsing
void tt_discovery_hear_lost(const tt_discovery_message *m);
void tt_discovery_hear_record(const tt_discovery_message *m, const tt_dns_record *record,
                              const char *instance);
void tt_discovery_report_complete(tt_discovery *d, tt_time now);
bool tt_discovery_knows(const tt_discovery_message *m, const char *instance);
void tt_discovery_hear_question(const tt_discovery_message *m, bool knows_all);

// discovery_ask.c
void tt_discovery_ask_for_unknown(tt_discovery *d, tt_time now); // within a second, if not lately
void tt_discovery_asked(tt_discovery *d, tt_time now); // our question was put, by us or another

#endif
