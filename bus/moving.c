// Whose a request is, and peers that are heard from another address than before.
//
// A peer that has said who it is has a tag in the tokens of its requests, which nobody can guess
// who does not hear them. By it the request finds its session, wherever it comes from, and so no
// handler runs twice for one that is repeated from another address. The newest request moves the
// session there, whole: observers, owed answers, bodies and streams go on, and what is under way to
// it is sent anew.
//
// Where another session has that address, and serves nobody, it is taken in: calls of ours to that
// address go on. One that serves somebody stays, since a forger may give any address: the request
// is answered, but nothing is begun that would have to be told later. Where each of two sessions
// was heard at the other's address, the two have changed places.
//
// Calls of ours stay with the address that they are for. One whose message is under way to where
// its peer was is not repeated any more: its answer, or its end, may still come from there.

#include <string.h>

#include "bus/internal.h"

_Static_assert(TT_BUS_SESSIONS_MAX < UINT8_MAX, "`claims` of a session");

static tt_bus_session *find_tag(tt_bus *bus, uint32_t tag)
{
    for (size_t i = 0; tag != 0 && i < TT_BUS_SESSIONS_MAX; i++)
        if (bus->sessions[i].peer.port != 0 && bus->sessions[i].has_tag &&
            bus->sessions[i].window.tag == tag)
            return &bus->sessions[i];
    return NULL;
}

// Whether something is still to be told to whom a session serves.
static bool serves(const tt_bus *bus, const tt_bus_session *s)
{
    bool tells = s->out.kind == TT_FOR_ANSWER || s->out.kind == TT_FOR_OBSERVER;
    return tells || tt_session_is_served(bus, s) || tt_stream_is_of(bus, s, false);
}

// Takes in a session that serves nobody, its calls and streams; false: there is no room for what is
// remembered of it, or both have a message under way.
static bool take_in(tt_bus *bus, tt_time now, tt_bus_session *s, tt_bus_session *other)
{
    bool both = s->out.kind != TT_FOR_NOBODY && other->out.kind != TT_FOR_NOBODY;
    if (both || serves(bus, other) || !tt_remembered_can_leave(bus, other, now))
        return false;
    tt_remembered_leave(bus, other, now);
    tt_stream_hand_over(bus, other, s);
    if (other->out.kind != TT_FOR_NOBODY)
        s->out = other->out;
    s->ours |= other->ours;
    if (other->told_at != 0) {
        s->identity = other->identity;
        s->told_at = other->told_at;
    }
    if (other->tag != 0)
        s->tag = other->tag;
    s->tell = true;
    memset(other, 0, sizeof(*other));
    return true;
}

static void resend(tt_bus *bus, tt_bus_session *s)
{
    tt_call *call = s->out.kind == TT_FOR_CALL ? s->out.owner : NULL;
    if (call != NULL && !tt_endpoint_equal(&call->peer, &s->peer))
        bus->calling->confirmed(bus, 0, call, false);
    else if (s->out.kind != TT_FOR_NOBODY)
        s->out.send = true;
}

static void move(tt_bus *bus, tt_bus_session *s, const tt_endpoint *peer)
{
    s->peer = *peer;
    resend(bus, s);
    tt_session_drop_claims(bus, s);
    bus->counters.moved++;
}

// A session was heard at the address of another that serves somebody. True: they have changed
// places.
static bool change_places(tt_bus *bus, tt_bus_session *s, tt_bus_session *other)
{
    s->claims = (uint8_t)(other - bus->sessions + 1);
    if (other->claims != s - bus->sessions + 1 || tt_stream_is_of(bus, other, true))
        return false;
    tt_endpoint there = other->peer;
    move(bus, other, &s->peer);
    move(bus, s, &there);
    return true;
}

static bool can_move(const tt_bus *bus, const tt_bus_session *s, const tt_message *m)
{
    return (tt_remembered_is_newest(s, m) ||
            (m->has_observe && tt_observers_find((tt_bus *)bus, s, &m->token) != NULL)) &&
           !tt_stream_is_of(bus, s, true);
}

// A request of a session that was last heard somewhere else; `other`: the session of where it came
// from, or NULL. Moves it there where it may be, else what would have to be told later is left out.
static void hear_elsewhere(tt_bus *bus, tt_time now, tt_bus_session *s, tt_bus_session *other,
                           const tt_endpoint *peer, tt_message *m)
{
    if (can_move(bus, s, m) && (other == NULL || take_in(bus, now, s, other)))
        move(bus, s, peer);
    else if (!can_move(bus, s, m) || !change_places(bus, s, other))
        m->has_observe = m->has_stream = false;
}

tt_bus_session *tt_moving_session(tt_bus *bus, tt_time now, const tt_endpoint *peer, tt_message *m)
{
    uint32_t tag = tt_token_tag(&m->token);
    tt_bus_session *at = tt_session_find(bus, peer), *s = at;
    if (at == NULL || !at->has_tag || at->window.tag != tag)
        s = find_tag(bus, tag);
    if (s != NULL && s != at)
        hear_elsewhere(bus, now, s, at, peer, m);
    if (s == NULL) { // nobody whom we know
        bool says_tag = (m->identity != 0 && tag != 0) || tt_remembered_is_past(bus, tag, now);
        s = tt_session_of(bus, now, peer, false);
        bool switches = s != NULL && (says_tag || s->has_tag);
        if (switches && !tt_remembered_switch(bus, s, now, says_tag ? m : NULL))
            return NULL;
    }
    if (s == NULL)
        return NULL;
    tt_session_touch(s, now);
    s->asks |= m->identity != 0;
    if (m->identity != 0 && s->told_at == 0)
        s->identity = m->identity;
    return s;
}

const tt_endpoint *tt_moving_stream(tt_bus *bus, tt_time now, const tt_endpoint *peer,
                                    const tt_message *m)
{
    tt_bus_session *at = tt_session_find(bus, peer);
    tt_bus_session *s = find_tag(bus, tt_token_tag(&m->token));
    bool is_newer;
    if (s == NULL || s == at || !tt_stream_is_served(bus, s, m, &is_newer))
        return peer;
    if (is_newer && !tt_stream_is_of(bus, s, true) && (at == NULL || take_in(bus, now, s, at)))
        move(bus, s, peer);
    return &s->peer;
}
