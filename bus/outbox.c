// What goes out besides calls and replies: acknowledgements, resets and answers made while
// receiving.

#include "bus/internal.h"
#include "tutti/check.h"

bool tt_endpoint_is_own(const tt_endpoint *peer)
{
    static const tt_endpoint own;
    return tt_endpoint_equal(peer, &own);
}

uint16_t tt_bus_new_message_id(tt_bus *bus)
{
    return bus->next_message_id++;
}

tt_time tt_bus_first_wait(tt_bus *bus)
{
    // ACK_TIMEOUT times a random factor of 1 to 1.5.
    return TT_BUS_ACK_TIMEOUT +
           (tt_time)tt_random_below(&bus->random, (uint64_t)TT_BUS_ACK_TIMEOUT / 2);
}

tt_bus_datagram *tt_bus_out(tt_bus *bus, const tt_endpoint *peer)
{
    for (unsigned i = 0; i + bus->out_reserved < TT_BUS_OUT_MAX; i++) {
        tt_bus_datagram *slot = &bus->out[(bus->out_first + i) % TT_BUS_OUT_MAX];
        if (slot->length > 0)
            continue;
        slot->peer = *peer;
        return slot;
    }
    bus->counters.dropped++; // the peer repeats what it wants
    return NULL;
}

void tt_bus_send_empty(tt_bus *bus, const tt_endpoint *peer, tt_message_type type, uint16_t id)
{
    tt_bus_datagram *slot = tt_bus_out(bus, peer);
    if (slot == NULL)
        return;
    tt_message_writer w;
    tt_message_begin(&w, slot->bytes, sizeof(slot->bytes), type, 0, id, NULL);
    slot->length = (uint16_t)w.out.length;
}
