// The table of other devices: who is in it, what is doubted, and telling of their coming and going.

#include <string.h>

#include "bus/discovery_internal.h"
#include "tutti/check.h"

tt_status tt_discovery_check_label(const char *label, size_t capacity)
{
    if (label == NULL || label[0] == '\0')
        return TT_INVALID;
    size_t length = strlen(label);
    if (length >= capacity)
        return TT_TOO_LARGE;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)label[i] < 0x20 || label[i] == 0x7f || label[i] == '.' ||
            label[i] == '/')
            return TT_INVALID;
    return tt_text_is_utf8(label, length) ? TT_OK : TT_INVALID;
}

// FNV-1a of a name without its capitals: most comparisons of names end at it.
static uint32_t hash_of(const char *name)
{
    uint32_t hash = 0x811c9dc5;
    for (; *name != '\0'; name++)
        hash = (hash ^ (uint8_t)(*name >= 'A' && *name <= 'Z' ? *name + 32 : *name)) * 0x01000193;
    return hash;
}

tt_peer *tt_discovery_find_peer(tt_discovery *d, const char *name)
{
    uint32_t hash = hash_of(name);
    for (size_t i = 0; i < d->options.peers_max; i++) {
        tt_peer *peer = &d->options.peers[i];
        if (peer->hash == hash && peer->name[0] != '\0' && tt_text_same_name(peer->name, name))
            return peer;
    }
    return NULL;
}

static uint32_t seconds_of(tt_time time)
{
    return (uint32_t)(time / TT_SECONDS(1)) + 1; // never 0, which is a free place
}

// Notes a device that has no place, for as long as its records live.
static void count_other(tt_discovery *d, tt_time now, uint32_t hash)
{
    tt_discovery_other *place = NULL;
    for (size_t i = 0; i < d->options.others_max; i++) {
        tt_discovery_other *other = &d->options.others[i];
        if (other->until_s > seconds_of(now) && other->hash != hash)
            continue;
        place = other;
        if (other->hash == hash)
            break;
    }
    if (place == NULL)
        d->state.others_lost = true;
    else
        *place = (tt_discovery_other){hash, seconds_of(now) + TT_DISCOVERY_TTL};
}

size_t tt_discovery_count_others(const tt_discovery *d, tt_time now, bool *more)
{
    size_t count = 0;
    *more = d->state.others_lost;
    for (size_t i = 0; i < d->options.others_max; i++) {
        const tt_discovery_other *other = &d->options.others[i];
        bool has_place = false; // it found one meanwhile
        for (size_t k = 0; k < d->options.peers_max; k++)
            has_place |= d->options.peers[k].reported && d->options.peers[k].hash == other->hash;
        count += other->until_s > seconds_of(now) && !has_place;
    }
    return count;
}

// The place for a new name: a free one; or that of a name of which nothing else came, the oldest;
// or that of who was lost longest ago. Who is present stays.
static tt_peer *find_place(tt_discovery *d)
{
    tt_peer *incomplete = NULL, *lost = NULL;
    for (size_t i = 0; i < d->options.peers_max; i++) {
        tt_peer *peer = &d->options.peers[i];
        if (peer->name[0] == '\0')
            return peer;
        if (peer->lost && (lost == NULL || peer->watch.since < lost->watch.since))
            lost = peer;
        if (!peer->reported && !peer->lost &&
            (incomplete == NULL || peer->heard < incomplete->heard))
            incomplete = peer;
    }
    return incomplete != NULL ? incomplete : lost;
}

tt_peer *tt_discovery_add_peer(tt_discovery *d, tt_time now, const char *name)
{
    const char *only = d->state.only_name;
    if (only != NULL && !tt_text_same_name(only, name))
        return NULL;
    tt_peer *place = find_place(d);
    uint32_t hash = hash_of(name);
    if (place == NULL) {
        count_other(d, now, hash);
        return NULL;
    }
    *place = (tt_peer){.hash = hash, .heard = now};
    strcpy(place->name, name);
    return place;
}

// Whether an address is of those that no router carries out of a house or office: of a link, or
// private (RFC 1918, RFC 4193).
static bool is_private(const tt_endpoint *address)
{
    const uint8_t *ip = address->ip, *four = ip + 12;
    if (tt_endpoint_is_link_local(address))
        return true;
    if (!tt_endpoint_is_ipv4(address))
        return (ip[0] & 0xfe) == 0xfc;
    return four[0] == 10 || (four[0] == 172 && (four[1] & 0xf0) == 16) ||
           (four[0] == 192 && four[1] == 168);
}

// Multicast DNS is of one link: of what somebody tells only that is believed which may be on ours,
// since all who believe it ask there, and a forged answer would turn a house against anybody. No
// device is at an address of a group, of everybody or, heard on a network, on the listener's own
// loopback interface. One that is routed is near where it has the network of an own one.
bool tt_discovery_is_near(const tt_discovery *d, const tt_endpoint *address)
{
    if (tt_endpoint_is_multicast(address))
        return false;
    if (tt_endpoint_is_loopback(address))
        return d->address_count > 0 && tt_endpoint_is_loopback(&d->addresses[0]);
    if (is_private(address))
        return true;
    size_t network = tt_endpoint_is_ipv4(address) ? 15 : 8; // bytes
    for (size_t i = 0; i < d->address_count; i++)
        if (memcmp(d->addresses[i].ip, address->ip, network) == 0 &&
            !tt_endpoint_is_loopback(&d->addresses[i]))
            return true;
    return false;
}

int tt_discovery_rank(const tt_endpoint *endpoint)
{
    static const uint8_t none[16];
    if (memcmp(endpoint->ip, none, sizeof(none)) == 0)
        return 0;
    if (tt_endpoint_is_ipv4(endpoint))
        return 1;
    return tt_endpoint_is_link_local(endpoint) ? 3 : 2; // it needs no configuration and no router
}

bool tt_discovery_is_complete(const tt_peer *peer)
{
    return peer->endpoint.port != 0 && tt_discovery_rank(&peer->endpoint) > 0 &&
           peer->kind[0] != '\0';
}

bool tt_discovery_is_fresh(const tt_peer *peer, tt_time now)
{
    return peer->reported && !peer->doubted &&
           peer->expires - now > TT_SECONDS(TT_DISCOVERY_TTL / 2);
}

void tt_discovery_tell(tt_discovery *d, tt_time now, tt_peer_event event, const tt_peer *peer)
{
    if (d->options.on_peer != NULL)
        d->options.on_peer(d, now, event, peer, d->options.context);
}

void tt_discovery_doubt(tt_discovery *d, tt_time now, tt_peer *peer)
{
    if (!peer->reported || peer->doubted)
        return;
    peer->doubted = true;
    tt_discovery_tell(d, now, TT_PEER_DOUBTED, peer);
}

// Two names at one place: one of them is told falsely, or is an old one. Both are doubted.
static void doubt_neighbours(tt_discovery *d, tt_time now, tt_peer *peer)
{
    for (size_t i = 0; i < d->options.peers_max; i++) {
        tt_peer *other = &d->options.peers[i];
        if (other == peer || !other->reported ||
            !tt_endpoint_equal(&other->endpoint, &peer->endpoint))
            continue;
        tt_discovery_doubt(d, now, other);
        tt_discovery_doubt(d, now, peer);
    }
}

void tt_discovery_report(tt_discovery *d, tt_time now, tt_peer *peer)
{
    const char *only = d->state.only_kind;
    if (only != NULL && !tt_text_same_name(only, peer->kind)) {
        tt_discovery_forget(peer);
        return;
    }
    peer->watch = (tt_peer_watch){0};
    peer->reported = true;
    peer->lost = peer->left = peer->doubted = peer->hinted = false;
    peer->heard = now;
    tt_discovery_tell(d, now, TT_PEER_FOUND, peer);
    doubt_neighbours(d, now, peer);
    if (peer->sleep_told) // what it says itself counts: it is asked while it is awake
        tt_discovery_doubt(d, now, peer);
}

void tt_discovery_confirm(tt_discovery *d, tt_time now, tt_peer *peer, uint32_t boot, uint8_t wire)
{
    bool restarted = peer->reported && boot != 0 && peer->boot != 0 && boot != peer->boot;
    d->state.renew_at = now; // it may be the first now
    peer->doubted = peer->left = false;
    peer->heard = now;
    peer->expires = tt_after(now, TT_SECONDS(TT_DISCOVERY_TTL));
    if (restarted) {
        tt_discovery_tell(d, now, TT_PEER_RESTARTED, peer);
        if (peer->name[0] == '\0')
            return; // whoever was told looks for another
        peer->reported = false;
    }
    peer->boot = boot != 0 ? boot : peer->boot;
    peer->wire = wire != 0 ? wire : peer->wire;
    if (!peer->reported)
        tt_discovery_report(d, now, peer);
}

void tt_discovery_gone(tt_discovery *d, tt_time now, tt_peer *peer)
{
    if (!peer->reported)
        return;
    bool left = peer->left;
    peer->reported = peer->doubted = peer->left = false;
    peer->lost = true;
    peer->watch = (tt_peer_watch){.since = now, .next = now};
    tt_discovery_tell(d, now, TT_PEER_GONE, peer);
    if (left)
        tt_discovery_forget(peer);
}

// Hints come many at a time: they take no place from one another.
static bool has_room_for_hint(const tt_discovery *d, tt_time now)
{
    for (size_t i = 0; i < d->options.peers_max; i++) {
        const tt_peer *peer = &d->options.peers[i];
        if (peer->name[0] == '\0' || (peer->lost && now - peer->watch.since > TT_SECONDS(60)))
            return true;
    }
    return false;
}

static tt_peer *add_hinted(tt_discovery *d, tt_time now, const char *name)
{
    if (has_room_for_hint(d, now))
        return tt_discovery_add_peer(d, now, name);
    if (d->state.only_name == NULL)
        count_other(d, now, hash_of(name));
    return NULL;
}

bool tt_discovery_hint(tt_discovery *d, tt_time now, const char *name, const char *kind,
                       const tt_endpoint *endpoint)
{
    const char *only = d->state.only_kind;
    if (!d->options.browse || tt_discovery_check_label(name, TT_NAME_MAX) != TT_OK ||
        tt_discovery_check_label(kind, TT_KIND_MAX) != TT_OK || endpoint->port == 0 ||
        !tt_discovery_is_near(d, endpoint) || (only != NULL && !tt_text_same_name(only, kind)) ||
        (d->options.name != NULL && tt_text_same_name(d->name, name)))
        return false;
    tt_peer *peer = tt_discovery_find_peer(d, name);
    if (peer == NULL)
        peer = add_hinted(d, now, name);
    else if (peer->reported || (peer->lost && tt_endpoint_equal(&peer->endpoint, endpoint)))
        return false;
    if (peer == NULL)
        return false;
    strcpy(peer->kind, kind);
    peer->endpoint = *endpoint;
    peer->lost = peer->hinted = true;
    peer->heard = now;
    peer->watch = (tt_peer_watch){.since = now, .next = now};
    return true;
}

void tt_discovery_forget(tt_peer *peer)
{
    memset(peer, 0, sizeof(*peer));
}

void tt_discovery_heard(tt_discovery *d, tt_time now, const tt_endpoint *endpoint)
{
    for (size_t i = 0; d->options.browse && i < d->options.peers_max; i++) {
        tt_peer *peer = &d->options.peers[i];
        if (!tt_endpoint_equal(&peer->endpoint, endpoint) || !(peer->reported || peer->lost))
            continue;
        peer->heard = now;
        peer->expires = tt_after(now, TT_SECONDS(TT_DISCOVERY_TTL));
        if (peer->lost)
            peer->watch.next = now; // it is back: it is asked at once
    }
}

void tt_discovery_look_for(tt_discovery *d, tt_time now, const char *name, const char *kind)
{
    d->state.only_name = name;
    d->state.only_kind = kind;
    for (size_t i = 0; d->options.browse && i < d->options.peers_max; i++) {
        tt_peer *peer = &d->options.peers[i];
        if ((name != NULL && !tt_text_same_name(peer->name, name)) ||
            (kind != NULL && peer->kind[0] != '\0' && !tt_text_same_name(peer->kind, kind)))
            tt_discovery_forget(peer);
    }
    tt_discovery_ask_again(d, now);
}
