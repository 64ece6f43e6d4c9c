// What discovery hears of others: their records, and the questions that they put in our stead.

#include <string.h>

#include "bus/discovery_internal.h"
#include "tutti/check.h"

// Seconds that a record is kept at most, as our own say: a forged one would hold a place for 75
// minutes (RFC 6762, 10). Whoever is there answers when it is asked again.
#define TTL_MAX TT_DISCOVERY_TTL

// The peer that a record is about: its instance name without the service; NULL for others'
// services.
static tt_peer *peer_of(tt_discovery *d, tt_time now, const char *instance, bool make)
{
    char name[TT_NAME_MAX];
    size_t length;
    if (!tt_discovery_ends_with_service(instance, &length) || length >= sizeof(name))
        return NULL;
    memcpy(name, instance, length);
    name[length] = '\0';
    if (tt_text_same_name(name, d->name) || tt_discovery_check_label(name, sizeof(name)) !=
                                                TT_OK) // a stranger's; it cannot be asked for
        return NULL;
    tt_peer *peer = tt_discovery_find_peer(d, name);
    return peer == NULL && make ? tt_discovery_add_peer(d, now, name) : peer;
}

typedef tt_discovery_message reading;

// Where a device that is found says that it is elsewhere, it is asked where it was: whoever is
// still there did not move.
static void read_srv(const reading *m, const tt_dns_record *record, tt_peer *peer)
{
    uint16_t port;
    char target[TT_DNS_NAME_MAX];
    if (!tt_dns_place_read(m->bytes, record, &port, target) || port == 0)
        return;
    size_t length = strlen(target);
    if (length < 7 || !tt_text_same_name(target + length - 6, ".local") ||
        length - 6 >= sizeof(peer->host))
        return;
    target[length - 6] = '\0';
    if (peer->reported) {
        if (port != peer->endpoint.port || !tt_text_same_name(target, peer->host))
            tt_discovery_doubt(m->d, m->now, peer);
        return;
    }
    if (!tt_text_same_name(target, peer->host)) // what was heard of its old host is not of this one
        memset(&peer->endpoint, 0, sizeof(peer->endpoint));
    strcpy(peer->host, target);
    peer->endpoint.port = port;
}

// An address as an endpoint without a port; false where the record is none.
static bool address_in(const reading *m, const tt_dns_record *record, tt_endpoint *address)
{
    *address = (tt_endpoint){.interface = m->from->interface};
    bool ipv4 = record->type == TT_DNS_A;
    if ((!ipv4 && record->type != TT_DNS_AAAA) || record->length != (ipv4 ? 4 : 16) ||
        record->ttl_seconds == 0)
        return false;
    if (ipv4)
        address->ip[10] = address->ip[11] = 0xff;
    memcpy(address->ip + (ipv4 ? 12 : 0), m->bytes + record->data, record->length);
    if (ipv4 && !tt_endpoint_is_link_local(address))
        address->interface = 0; // routed: any interface will do
    return tt_discovery_is_near(m->d, address);
}

// Whether a message that tells all addresses of a host leaves out the one at which a peer is known.
static bool has_moved(const reading *m, const tt_peer *peer)
{
    tt_reader r;
    tt_dns_record record;
    tt_endpoint address;
    bool told = false;
    tt_reader_init(&r, m->bytes, m->length);
    r.offset = m->first;
    for (unsigned i = 0; i < m->records; i++) {
        tt_status status = tt_dns_record_read(&r, &record);
        if (status == TT_MALFORMED)
            break;
        if (status != TT_OK || !address_in(m, &record, &address) ||
            !tt_discovery_is_host(record.name, peer->host) ||
            tt_endpoint_is_ipv4(&address) != tt_endpoint_is_ipv4(&peer->endpoint))
            continue;
        if (memcmp(address.ip, peer->endpoint.ip, sizeof(address.ip)) == 0)
            return false;
        told |= (record.class & TT_DNS_TOP_BIT) != 0; // the others are void (RFC 6762, 10.2)
    }
    return told;
}

static void read_address(const reading *m, const tt_dns_record *record)
{
    tt_endpoint address;
    if (!address_in(m, record, &address))
        return;
    for (size_t i = 0; i < m->d->options.peers_max; i++) {
        tt_peer *peer = &m->d->options.peers[i];
        if (peer->name[0] == '\0' || peer->lost || !tt_discovery_is_host(record->name, peer->host))
            continue;
        address.port = peer->endpoint.port;
        if (peer->reported) {
            if (!peer->doubted && !tt_endpoint_equal(&address, &peer->endpoint) &&
                has_moved(m, peer))
                tt_discovery_doubt(m->d, m->now, peer);
        } else if (tt_discovery_rank(&address) > tt_discovery_rank(&peer->endpoint)) {
            peer->endpoint = address;
        }
    }
}

static uint32_t boot_in(const reading *m, const tt_dns_record *record)
{
    char text[16];
    return tt_discovery_txt_value(m->bytes + record->data, record->length, "boot=", text,
                                  sizeof(text))
               ? tt_discovery_parse_hex(text)
               : 0;
}

// Seconds that a device says it may be silent; 0 where it says none, or more than anybody may.
static uint16_t sleep_in(const reading *m, const tt_dns_record *record)
{
    char text[5];
    bool told = tt_discovery_txt_value(m->bytes + record->data, record->length, "sleep=", text,
                                       sizeof(text));
    uint32_t seconds = told ? tt_discovery_parse_hex(text) : 0;
    return seconds <= TT_SLEEP_MAX ? (uint16_t)seconds : 0;
}

static void read_txt(const reading *m, const tt_dns_record *record, tt_peer *peer)
{
    char text[TT_KIND_MAX];
    const uint8_t *data = m->bytes + record->data;
    uint32_t boot = boot_in(m, record);
    if (peer->reported) {
        if ((boot != 0 && boot != peer->boot) || sleep_in(m, record) != peer->sleep_s ||
            (peer->sleep_s > 0 && m->now - peer->heard > TT_SECONDS(5))) // it is awake, it says
            tt_discovery_doubt(m->d, m->now, peer);                      // it is asked what is so
        else if (boot != 0 && peer->left && peer->doubted)               // it is here, as it was
            peer->doubted = peer->left = false; // but no sign of life: anybody can say it
        return;
    }
    if (tt_discovery_txt_value(data, record->length, "kind=", text, sizeof(text)) &&
        tt_discovery_check_label(text, sizeof(text)) == TT_OK)
        strcpy(peer->kind, text);
    if (tt_discovery_txt_value(data, record->length, "wire=", text, sizeof(text))) {
        uint32_t wire = tt_discovery_parse_hex(text);
        peer->wire = strlen(text) <= 8 && wire <= UINT8_MAX ? (uint8_t)wire : UINT8_MAX;
    } else {
        peer->wire = 0;
    }
    peer->boot = boot;
    peer->sleep_s = sleep_in(m, record);
    peer->sleep_told = peer->sleep_s != 0;
}

// Goodbye, or somebody says so (RFC 6762, 10.1).
static void read_goodbye(const reading *m, tt_peer *peer)
{
    if (!peer->reported) {
        tt_discovery_forget(peer);
        return;
    }
    peer->left = true;
    tt_discovery_doubt(m->d, m->now, peer);
}

// One that was lost says where it is now: as if it had not been known.
static void revive(tt_peer *peer)
{
    peer->lost = false;
    peer->asked = 0;
    peer->families = 0;
    memset(&peer->endpoint, 0, sizeof(peer->endpoint));
}

void tt_discovery_hear_record(const tt_discovery_message *m, const tt_dns_record *record,
                              const char *instance)
{
    tt_discovery *d = m->d;
    if (record->type == TT_DNS_A || record->type == TT_DNS_AAAA) {
        read_address(m, record);
        return;
    }
    if (instance == NULL)
        return;
    tt_peer *peer = peer_of(d, m->now, instance, record->ttl_seconds > 0);
    if (peer == NULL || (peer->lost && (record->ttl_seconds == 0 || record->type != TT_DNS_SRV)))
        return;
    if (record->ttl_seconds == 0) {
        read_goodbye(m, peer);
        return;
    }
    if (peer->lost)
        revive(peer);
    peer->families |= m->family;
    if (record->type == TT_DNS_SRV || !peer->reported) { // where it is ends with that
        uint32_t ttl = record->ttl_seconds < TTL_MAX ? record->ttl_seconds : TTL_MAX;
        peer->expires = tt_after(m->now, TT_SECONDS(ttl));
    }
    if (record->type == TT_DNS_SRV)
        read_srv(m, record, peer);
    if (record->type == TT_DNS_TXT)
        read_txt(m, record, peer);
}

// Whether that is this device itself, under another name: one that it had, or that somebody forged.
static bool is_here(const tt_discovery *d, const tt_endpoint *endpoint)
{
    for (size_t i = 0; d->options.name != NULL && i < d->address_count; i++)
        if (memcmp(d->addresses[i].ip, endpoint->ip, sizeof(endpoint->ip)) == 0)
            return endpoint->port == d->options.port;
    return false;
}

// Reports peers whose records have become complete, and asks soon for those whose are not: a few
// times, since a stranger's service may never tell what we want to know.
void tt_discovery_report_complete(tt_discovery *d, tt_time now)
{
    d->state.renew_at = now; // of whom was told may be the first now
    for (size_t i = 0; i < d->options.peers_max; i++) {
        tt_peer *peer = &d->options.peers[i];
        if (peer->name[0] == '\0' || peer->reported || peer->lost)
            continue;
        if (tt_discovery_is_complete(peer) && !is_here(d, &peer->endpoint))
            tt_discovery_report(d, now, peer);
        else if (peer->asked < TT_DISCOVERY_ASKS_MAX)
            d->state.query_at = tt_earlier(d->state.query_at, tt_after(now, TT_MS(100)));
    }
}

bool tt_discovery_knows(const tt_discovery_message *m, const char *instance)
{
    const tt_peer *peer = peer_of(m->d, m->now, instance, false);
    return peer != NULL && tt_discovery_is_fresh(peer, m->now);
}

// Whether whoever asks, too, is known here. On the loopback interface all have one address.
static bool knows_asker(const reading *m)
{
    if (tt_endpoint_is_loopback(m->from))
        return true;
    for (size_t i = 0; i < m->d->options.peers_max; i++) {
        const tt_peer *peer = &m->d->options.peers[i];
        if (peer->reported && memcmp(peer->endpoint.ip, m->from->ip, sizeof(m->from->ip)) == 0)
            return true;
    }
    return false;
}

// Whether a question of another, heard in this zone, reached all that are known, and whether a
// place is left for more.
static bool reached_all(const reading *m, bool *has_place)
{
    uint8_t any = 0, all = TT_FAMILY_BOTH;
    *has_place = false;
    for (size_t i = 0; i < m->d->options.peers_max; i++) {
        const tt_peer *peer = &m->d->options.peers[i];
        *has_place |= !peer->reported;
        any |= peer->reported ? peer->families : 0;
        all &= peer->reported ? peer->families : TT_FAMILY_BOTH;
    }
    return (any == 0 || m->family == tt_discovery_zone(any)) && (all & m->family) != 0;
}

// Another device puts our question. It serves us, too (RFC 6762, 7.3), where it leaves nobody out
// whom we want to hear; whoever has no place left wants to hear of nobody new. Where it knows one
// that we do not, or is one, that one is there to be asked for, soon, but never taken from it
// (7.1).
void tt_discovery_hear_question(const tt_discovery_message *m, bool knows_all)
{
    tt_discovery *d = m->d;
    bool has_place;
    if (d->state.only_name != NULL || d->state.only_kind != NULL || m->from->port != TT_MDNS_PORT ||
        !reached_all(m, &has_place))
        return;
    if (!has_place || (knows_all && knows_asker(m)))
        tt_discovery_asked(d, m->now);
    else
        tt_discovery_ask_for_unknown(d, m->now);
}

// Whoever was lost and speaks is back, and is asked at once.
void tt_discovery_hear_lost(const tt_discovery_message *m)
{
    for (size_t i = 0; i < m->d->options.peers_max; i++) {
        tt_peer *peer = &m->d->options.peers[i];
        if (peer->lost && memcmp(peer->endpoint.ip, m->from->ip, sizeof(m->from->ip)) == 0)
            peer->watch.next = m->now;
    }
}
