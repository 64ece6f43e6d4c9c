// Where messages lie until they are sent: the long buffers, and what goes out once, which are
// acknowledgements, resets, and answers made while receiving.
//
// One long buffer is never held by a message that waits for its acknowledgement: answers are made
// in it. So a peer that is silent delays nobody's answer. Where there are three, separate answers
// leave one to calls of ours and to notifications: who asks, and he may be a forger, does not delay
// those.

#include <string.h>

#include "bus/internal.h"

_Static_assert(TT_BUS_BUFFERS_MAX >= 2, "one buffer to make answers in, one for what is repeated");

const tt_endpoint tt_own_endpoint;

bool tt_endpoint_is_own(const tt_endpoint *peer)
{
    return tt_endpoint_equal(peer, &tt_own_endpoint);
}

tt_bus_buffer *tt_buffer_take(tt_bus *bus)
{
    for (size_t i = 0; i < TT_BUS_BUFFERS_MAX; i++) {
        if (bus->buffers[i].state != TT_BUFFER_FREE)
            continue;
        bus->buffers[i].state = TT_BUFFER_MADE;
        return &bus->buffers[i];
    }
    return NULL;
}

#define ANSWERS_MAX (TT_BUS_BUFFERS_MAX > 2 ? TT_BUS_BUFFERS_MAX - 2 : 1)

bool tt_buffer_may_stay(const tt_bus *bus, bool of_answer)
{
    unsigned answers = 0, others = 0;
    for (size_t i = 0; i < TT_BUS_BUFFERS_MAX; i++) {
        unsigned state = bus->buffers[i].state;
        others += state == TT_BUFFER_HELD;
        answers += state == TT_BUFFER_ANSWERS || state == TT_BUFFER_WAITS;
    }
    return answers + others < TT_BUS_BUFFERS_MAX - 1 && (!of_answer || answers < ANSWERS_MAX);
}

void tt_buffer_send(tt_bus_buffer *buffer, const tt_endpoint *peer, size_t length)
{
    buffer->state = TT_BUFFER_OUT;
    buffer->peer = *peer;
    buffer->length = (uint16_t)length;
}

void tt_bus_send_empty(tt_bus *bus, const tt_endpoint *peer, tt_message_type type, uint16_t id)
{
    if (bus->empty_count == TT_BUS_EMPTY_MAX) {
        bus->counters.dropped++; // the peer repeats what it wants
        return;
    }
    tt_bus_empty *empty = &bus->empties[(bus->empty_first + bus->empty_count++) % TT_BUS_EMPTY_MAX];
    empty->peer = *peer;
    empty->id = id;
    empty->type = (uint8_t)type;
}

void tt_bus_reject(tt_bus *bus, const tt_endpoint *peer, const tt_message *m)
{
    if (m->type == TT_CONFIRMABLE || (m->type == TT_NON_CONFIRMABLE && m->has_observe))
        tt_bus_send_empty(bus, peer, TT_RESET_MESSAGE, m->id);
}

bool tt_outbox_is_empty(const tt_bus *bus)
{
    bool empty = bus->empty_count == 0;
    for (size_t i = 0; i < TT_BUS_BUFFERS_MAX; i++)
        empty &= bus->buffers[i].state != TT_BUFFER_OUT;
    return empty;
}

bool tt_outbox_transmit(tt_bus *bus, tt_endpoint *peer, void *bytes, size_t capacity,
                        size_t *length)
{
    if (bus->empty_count > 0) {
        const tt_bus_empty *empty = &bus->empties[bus->empty_first];
        tt_message_writer w;
        tt_message_begin(&w, bytes, capacity, (tt_message_type)empty->type, 0, empty->id, NULL);
        *peer = empty->peer;
        *length = w.out.length;
        bus->empty_first = (bus->empty_first + 1) % TT_BUS_EMPTY_MAX;
        bus->empty_count--;
        return true;
    }
    for (size_t i = 0; i < TT_BUS_BUFFERS_MAX; i++) {
        tt_bus_buffer *buffer = &bus->buffers[i];
        if (buffer->state != TT_BUFFER_OUT)
            continue;
        memcpy(bytes, buffer->bytes, buffer->length);
        *peer = buffer->peer;
        *length = buffer->length;
        buffer->state = TT_BUFFER_FREE;
        return true;
    }
    return false;
}
