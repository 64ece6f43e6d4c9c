// Messages to a peer: ids, repetition, acknowledgement and reset; requests, separate answers and
// notifications alike.
//
// One is under way to each peer at a time (NSTART of RFC 7252, 4.7): so a peer that remembers few
// exchanges remembers enough, for what is repeated is always the newest. Its bytes lie in the
// session's own small place, which nobody can take from it, or in a long buffer of the bus that it
// has until the message ends. Whoever makes the next message waits until the session is free.

#include <string.h>

#include "bus/internal.h"

#define WAIT_LEAST TT_MS(100) // the peer's handler runs before it acknowledges
#define HURRY_AFTER TT_MS(200)
#define WAIT_MOST (4 * TT_BUS_ACK_TIMEOUT)

void tt_transmission_measured(tt_bus_session *s, tt_time sample)
{
    if (s->round_trip == 0) {
        s->round_trip = sample;
        s->deviation = sample / 2;
        return;
    }
    tt_time off = s->round_trip - sample;
    s->deviation += ((off < 0 ? -off : off) - s->deviation) / 4;
    s->round_trip += (sample - s->round_trip) / 8;
}

// What was measured, or ACK_TIMEOUT, times a random factor of 1 to 1.5 (RFC 7252, 4.2).
static tt_time first_wait(tt_bus *bus, const tt_bus_session *s)
{
    tt_time wait = TT_BUS_ACK_TIMEOUT;
    if (s->round_trip > 0) { // RFC 6298, 2
        wait = s->round_trip + 4 * s->deviation;
        wait = tt_earlier(tt_later(wait, WAIT_LEAST), WAIT_MOST);
    }
    return wait + (tt_time)tt_random_below(&bus->random, (uint64_t)wait / 2);
}

bool tt_transmission_is_free(const tt_bus_session *s, tt_time now)
{
    return s->out.kind == TT_FOR_NOBODY && now >= tt_session_ids_at(s);
}

void tt_transmission_end(tt_bus_session *s)
{
    if (s->out.buffer != NULL)
        s->out.buffer->state = TT_BUFFER_FREE;
    s->out.buffer = NULL;
    s->out.kind = TT_FOR_NOBODY;
    s->out.send = false;
    s->out.owner = NULL;
}

uint8_t *tt_transmission_place(tt_bus *bus, tt_bus_session *s, bool is_long, size_t *capacity)
{
    if (!is_long) {
        *capacity = sizeof(s->out.small);
        return s->out.small;
    }
    s->out.buffer = tt_buffer_may_stay(bus, false) ? tt_buffer_take(bus) : NULL;
    if (s->out.buffer == NULL)
        return NULL;
    s->out.buffer->state = TT_BUFFER_HELD;
    *capacity = sizeof(s->out.buffer->bytes);
    return s->out.buffer->bytes;
}

bool tt_transmission_adopt(tt_bus *bus, tt_bus_session *s, tt_bus_buffer *buffer, size_t length,
                           bool of_answer)
{
    if (length <= sizeof(s->out.small)) {
        memcpy(s->out.small, buffer->bytes, length);
        buffer->state = TT_BUFFER_FREE;
        return true;
    }
    buffer->state = TT_BUFFER_FREE;
    if (!tt_buffer_may_stay(bus, of_answer))
        return false;
    buffer->state = of_answer ? TT_BUFFER_ANSWERS : TT_BUFFER_HELD;
    s->out.buffer = buffer;
    return true;
}

void tt_transmission_start(tt_bus *bus, tt_bus_session *s, tt_time now, tt_transmission_kind kind,
                           void *owner, bool confirmable, size_t length)
{
    tt_bus_transmission *out = &s->out;
    uint8_t *bytes = out->buffer != NULL ? out->buffer->bytes : out->small;
    (void)tt_session_new_id(s, now, &out->id); // it is free, so there is one
    bytes[2] = (uint8_t)(out->id >> 8);
    bytes[3] = (uint8_t)out->id;
    out->kind = (uint8_t)kind;
    out->owner = owner;
    out->priority = kind == TT_FOR_CALL ? ((const tt_call *)owner)->priority : TT_PRIORITY_NORMAL;
    out->confirmable = confirmable;
    out->send = true;
    out->attempts = 0;
    out->length = (uint16_t)length;
    out->wait = first_wait(bus, s);
    out->next = tt_after(now, out->wait);
    s->heard = now;
}

void tt_transmission_continue(tt_bus_session *s, tt_time now, uint8_t attempts)
{
    s->out.attempts = attempts;
    s->out.wait <<= attempts;
    s->out.next = tt_after(now, s->out.wait);
}

bool tt_transmission_is_due(const tt_bus_session *s, tt_time now)
{
    return s->out.kind != TT_FOR_NOBODY && s->out.confirmable && now >= s->out.next;
}

bool tt_transmission_repeat(tt_bus *bus, tt_bus_session *s, tt_time now)
{
    tt_bus_transmission *out = &s->out;
    // Whose first wait was short has as much time as any other.
    if (out->attempts >= TT_BUS_RETRANSMITS_MAX && out->wait >= TT_BUS_ACK_TIMEOUT
                                                                    << TT_BUS_RETRANSMITS_MAX)
        return false;
    out->attempts++;
    out->wait *= 2;
    out->next = tt_after(now, out->wait);
    out->send = true;
    bus->counters.retransmitted++;
    return true;
}

void tt_transmission_hurry(tt_bus *bus, tt_bus_session *s, tt_time now)
{
    tt_bus_transmission *out = &s->out;
    bool just_went = out->send || now - (out->next - out->wait) < HURRY_AFTER;
    // So often and no more: each puts the end off, and whoever asks on and on would have none.
    if (!out->confirmable || just_went || out->attempts >= TT_BUS_RETRANSMITS_MAX)
        return;
    out->attempts++;
    out->next = tt_after(now, out->wait);
    out->send = true;
    bus->counters.retransmitted++;
}

bool tt_transmission_confirmed(tt_bus_session *s, tt_time now, uint16_t id)
{
    tt_bus_transmission *out = s != NULL ? &s->out : NULL;
    if (out == NULL || out->kind == TT_FOR_NOBODY || !out->confirmable || out->id != id)
        return false;
    if (out->attempts == 0) // else nobody knows which of them was acknowledged (Karn)
        tt_transmission_measured(s, now - (out->next - out->wait));
    return true;
}

// The session whose message goes next: the highest priority, each in turn.
static tt_bus_session *choose(tt_bus *bus)
{
    tt_bus_session *best = NULL;
    for (unsigned i = 0, at = bus->next_session; i < TT_BUS_SESSIONS_MAX; i++) {
        tt_bus_session *s = &bus->sessions[at];
        at = at + 1 < TT_BUS_SESSIONS_MAX ? at + 1 : 0; // a division for each would cost the most
        if (s->out.kind != TT_FOR_NOBODY && s->out.send &&
            (best == NULL || s->out.priority > best->out.priority))
            best = s;
    }
    if (best != NULL)
        bus->next_session = (unsigned)(best - bus->sessions + 1) % TT_BUS_SESSIONS_MAX;
    return best;
}

bool tt_transmission_transmit(tt_bus *bus, tt_endpoint *peer, void *bytes, size_t *length)
{
    tt_bus_session *s = choose(bus);
    if (s == NULL)
        return false;
    tt_bus_transmission *out = &s->out;
    memcpy(bytes, out->buffer != NULL ? out->buffer->bytes : out->small, out->length);
    *peer = s->peer;
    *length = out->length;
    out->send = false;
    if (!out->confirmable) // not repeated
        tt_transmission_end(s);
    return true;
}

tt_time tt_transmission_deadline(const tt_bus *bus)
{
    tt_time deadline = TT_FOREVER;
    for (size_t i = 0; i < TT_BUS_SESSIONS_MAX; i++) {
        const tt_bus_transmission *out = &bus->sessions[i].out;
        if (out->kind == TT_FOR_NOBODY)
            continue;
        if (out->send)
            return INT64_MIN;
        if (out->confirmable)
            deadline = tt_earlier(deadline, out->next);
    }
    return deadline;
}
