// Sessions: all that is between this device and one peer, found, made and forgotten as one.
//
// A peer is found by its address, and one that has said who it is by the tag of its requests'
// tokens too, wherever they come from: see moving.c. When the table is full the session that was
// silent longest gives way, unless something is under way to it, observes, is owed an answer or
// sends a body. What must still be remembered of it goes to the bus's list of the past; while that
// is full it does not give way either, and a new peer is refused. Requests, which may be forged,
// take TT_BUS_SESSIONS_OURS fewer than there are, so that a call of ours finds a place whatever was
// asked of us.

#include <string.h>

#include "bus/internal.h"

_Static_assert(TT_BUS_SESSIONS_MAX >= 2, "one for calls of ours, one for those who ask");

#define QUARTER 0x4000u // of all ids

uint64_t tt_bus_identity(const char *name, uint32_t boot)
{
    uint64_t sum = 0xcbf29ce484222325u; // FNV-1a, then the finish of SplitMix64
    for (; *name != '\0'; name++)
        sum = (sum ^ (uint8_t)(*name >= 'A' && *name <= 'Z' ? *name + 32 : *name)) * 0x100000001b3u;
    sum ^= (uint64_t)boot << 32 ^ boot;
    sum = (sum ^ sum >> 30) * 0xbf58476d1ce4e5b9u;
    sum = (sum ^ sum >> 27) * 0x94d049bb133111ebu;
    sum ^= sum >> 31;
    return sum != 0 ? sum : 1;
}

void tt_bus_set_identity(tt_bus *bus, uint64_t identity)
{
    if (identity != bus->identity)
        tt_session_tell_all(bus);
    bus->identity = identity;
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

bool tt_session_is_served(const tt_bus *bus, const tt_bus_session *s)
{
    bool needed = false;
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

static bool is_needed(const tt_bus *bus, const tt_bus_session *s)
{
    return s->out.kind != TT_FOR_NOBODY || tt_session_is_served(bus, s) ||
           tt_stream_is_of(bus, s, false) || tt_stream_is_of(bus, s, true);
}

void tt_session_drop_claims(tt_bus *bus, tt_bus_session *s)
{
    for (size_t i = 0; i < TT_BUS_SESSIONS_MAX; i++)
        if (bus->sessions[i].claims == s - bus->sessions + 1)
            bus->sessions[i].claims = 0;
    s->claims = 0;
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
        tt_remembered_leave(bus, oldest, now);
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
    tt_session_drop_claims(bus, s);
    s->peer = *peer;
    s->heard = now;
    s->ours = ours;
    // Whoever comes back to a place that gave way gets other ids than before.
    s->next_id = bus->first_id;
    bus->first_id = (uint16_t)(bus->first_id + 4099);
    tt_remembered_return(bus, s, now);
    return s;
}

static uint32_t second_of(tt_time now) // 0 is never
{
    return (uint32_t)(now / TT_SECONDS(1)) + 1;
}

void tt_session_tell_all(tt_bus *bus)
{
    for (size_t i = 0; i < TT_BUS_SESSIONS_MAX; i++)
        bus->sessions[i].tell = true;
}

bool tt_session_is_to_be_told(const tt_bus *bus, const tt_bus_session *s, tt_time now)
{
    bool is_old =
        s->tell || s->told_at == 0 || second_of(now) - s->told_at >= TT_BUS_IDENTITY_SECONDS;
    return bus->identity != 0 && is_old;
}

void tt_session_told(tt_bus_session *s, tt_time now, uint64_t identity)
{
    s->identity = identity;
    s->told_at = identity != 0 ? second_of(now) : 0;
    s->tell = false;
}

// Whoever knows our requests by their tokens needs no ids for it: any that is not under way will
// do.
tt_time tt_session_ids_at(const tt_bus_session *s)
{
    uint32_t left = s->left[s->next_id / QUARTER];
    bool enters = s->next_id % QUARTER == 0 && left != 0 && s->told_at == 0;
    return enters ? left * TT_SECONDS(1) + TT_BUS_EXCHANGE_LIFETIME : INT64_MIN;
}

bool tt_session_new_id(tt_bus_session *s, tt_time now, uint16_t *id)
{
    if (now < tt_session_ids_at(s))
        return false;
    *id = s->next_id++;
    if (s->next_id % QUARTER != 0)
        return true;
    s->left[*id / QUARTER] = second_of(now);
    s->tell = true; // it may have forgotten us, and goes by ids then: those that it knows are few
    return true;
}

// What was taken of a life that is known by its tag stays: its requests may still be under way,
// whatever was heard of it, and those of another life have another tag.
void tt_session_forget(tt_bus *bus, const tt_endpoint *peer)
{
    tt_bus_session *s = tt_session_find(bus, peer);
    tt_remembered_forget(bus, peer);
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
    if (!s->has_tag) {
        memset(s, 0, sizeof(*s));
        return;
    }
    memset(&s->out, 0, sizeof(s->out));
    s->identity = s->told_at = 0;
}
