// What the bus does for calls of ours, as one table: bus.c does it where a call was ever begun. So
// a program that begins none (tt_bus_call, tt_bus_ping) has none of the code, and decides that by
// what it does.

#include "bus/internal.h"

static void advance(tt_bus *bus, tt_time now)
{
    tt_exchange_advance(bus, now);
    tt_observing_advance(bus, now);
}

static tt_time deadline(const tt_bus *bus)
{
    tt_time at = tt_earlier(tt_exchange_deadline(bus), tt_blockwise_deadline(bus));
    return tt_earlier(at, tt_observing_deadline(bus));
}

const tt_bus_calling tt_bus_calls = {
    .receive = tt_observing_response,
    .pong = tt_exchange_pong,
    .confirmed = tt_exchange_confirmed,
    .fail = tt_exchange_fail,
    .take_piece = tt_exchange_take_piece,
    .went_on = tt_exchange_renew,
    .reply_own = tt_local_reply,
    .answer_own = tt_local_answer,
    .serve_own = tt_local_advance,
    .send = tt_blockwise_send,
    .transmit_ping = tt_exchange_transmit_ping,
    .end_all = tt_exchange_end_all,
    .advance = advance,
    .deadline = deadline,
};
