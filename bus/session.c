// Sessions: all that is between this device and one peer, found, made and forgotten as one.
//
// A peer is known by its address today; `identity` is where its name and boot number, and later its
// key, take that place. When the table is full the session that was silent longest gives way,
// unless something is under way to it, observes, is owed an answer or sends a body. What must still
// be remembered of it goes to the bus's list of the past; while that is full it does not give way
// either, and a new peer is refused. Requests, which may be forged, take TT_BUS_SESSIONS_OURS fewer
// than there are, so that a call of ours finds a place whatever was asked of us.

#include <string.h>

#include "bus/internal.h"

_Static_assert(TT_BUS_SESSIONS_MAX >= 2, "one for calls of ours, one for those who ask");

#define QUARTER 0x4000u // of all ids

static uint64_t hash(uint64_t sum, const void *bytes, size_t length) // FNV-1a
{
    for (size_t i = 0; i < length; i++)
        sum = (sum ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3u;
    return sum;
}

static uint64_t identity_of(const tt_endpoint *peer)
{
    uint64_t sum = hash(0xcbf29ce484222325u, peer->ip, sizeof(peer->ip));
    const uint8_t rest[] = {(uint8_t)(peer->port >> 8), (uint8_t)peer->port, peer->interface};
    return hash(sum, rest, sizeof(rest));
}

tt_bus_session *tt_session_find(const tt_bus *bus, const tt_endpoint *peer)
{
    for (size_t i = 0; i < TT_BUS_SESSIONS_MAX; i++)
        if (tt_endpoint_equal(&bus->sessions[i].peer, peer))
            return (tt_bus_session *)&bus->sessions[i];
    return NULL;
}

void tt_session_touch(tt_bus_session *s, tt_time now)
{
    tt_remembered_age(s, now); // judges by what was heard before
    s->heard = now;
}

static bool is_needed(const tt_bus *bus, const tt_bus_session *s)
{
    bool needed = s->out.kind != TT_FOR_NOBODY || tt_stream_needs(bus, s);
    for (size_t i = 0; i < TT_BUS_OBSERVERS_MAX; i++)
        needed |= bus->observers[i].resource != NULL && bus->observers[i].session == s;
    for (size_t i = 0; i < TT_BUS_OWED_MAX; i++)
        needed |= bus->owed[i].id != 0 && bus->owed[i].session == s;
    for (size_t i = 0; i < TT_BUS_TRANSFERS_MAX; i++)
        needed |= bus->transfers[i].resource != NULL && bus->transfers[i].session == s;
    for (size_t i = 0; i < TT_BUS_BUFFERS_MAX; i++)
        needed |= bus->buffers[i].state == TT_BUFFER_WAITS && bus->buffers[i].session == s;
    return needed;
}

// Whether those who ask have all the places that they may.
static bool is_full_of_askers(const tt_bus *bus)
{
    size_t count = 0;
    for (size_t i = 0; i < TT_BUS_SESSIONS_MAX; i++)
        count += bus->sessions[i].peer.port != 0 && !bus->sessions[i].ours;
    return count >= TT_BUS_SESSIONS_MAX - TT_BUS_SESSIONS_OURS;
}

static tt_bus_session *make_room(tt_bus *bus, tt_time now, bool ours)
{
    tt_bus_session *oldest = NULL;
    bool askers_only = !ours && is_full_of_askers(bus); // one of them gives way, or none
    for (size_t i = 0; i < TT_BUS_SESSIONS_MAX; i++) {
        tt_bus_session *s = &bus->sessions[i];
        if (askers_only && (s->peer.port == 0 || s->ours))
            continue;
        if (s->peer.port == 0)
            return s;
        if ((oldest == NULL || s->heard < oldest->heard) && !is_needed(bus, s) &&
            tt_remembered_can_leave(bus, s, now))
            oldest = s;
    }
    if (oldest != NULL)
        tt_remembered_leave(bus, oldest);
    return oldest;
}

tt_bus_session *tt_session_of(tt_bus *bus, tt_time now, const tt_endpoint *peer, bool ours)
{
    tt_bus_session *s = tt_session_find(bus, peer);
    if (s != NULL) {
        tt_session_touch(s, now);
        return s;
    }
    s = make_room(bus, now, ours);
    if (s == NULL)
        return NULL;
    memset(s, 0, sizeof(*s));
    s->peer = *peer;
    s->identity = identity_of(peer);
    s->heard = now;
    s->ours = ours;
    // Whoever comes back to a place that gave way gets other ids than before.
    s->next_id = bus->first_id;
    bus->first_id = (uint16_t)(bus->first_id + 4099);
    tt_remembered_return(bus, s, now);
    return s;
}

tt_time tt_session_ids_at(const tt_bus_session *s)
{
    uint32_t left = s->left[s->next_id / QUARTER];
    bool enters = s->next_id % QUARTER == 0 && left != 0;
    return enters ? left * TT_SECONDS(1) + TT_BUS_EXCHANGE_LIFETIME : INT64_MIN;
}

bool tt_session_new_id(tt_bus_session *s, tt_time now, uint16_t *id)
{
    if (now < tt_session_ids_at(s))
        return false;
    *id = s->next_id++;
    if (s->next_id % QUARTER == 0)
        s->left[*id / QUARTER] = (uint32_t)(now / TT_SECONDS(1)) + 1;
    return true;
}

void tt_session_forget(tt_bus *bus, const tt_endpoint *peer)
{
    tt_bus_session *s = tt_session_find(bus, peer);
    tt_remembered_forget(bus, identity_of(peer));
    if (s == NULL)
        return;
    tt_stream_forget(bus, s);
    for (size_t i = 0; i < TT_BUS_OBSERVERS_MAX; i++)
        if (bus->observers[i].session == s)
            bus->observers[i].resource = NULL;
    for (size_t i = 0; i < TT_BUS_OWED_MAX; i++)
        if (bus->owed[i].session == s)
            bus->owed[i].id = 0;
    for (size_t i = 0; i < TT_BUS_TRANSFERS_MAX; i++)
        if (bus->transfers[i].session == s)
            bus->transfers[i].resource = NULL;
    for (size_t i = 0; i < TT_BUS_BUFFERS_MAX; i++)
        if (&bus->buffers[i] == s->out.buffer ||
            (bus->buffers[i].state == TT_BUFFER_WAITS && bus->buffers[i].session == s))
            bus->buffers[i].state = TT_BUFFER_FREE;
    memset(s, 0, sizeof(*s));
}
