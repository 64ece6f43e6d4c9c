// Where a product has no streams (TT_BUS_STREAMS_MAX of 0): every long body goes in blocks.

#include "bus/internal.h"

void tt_stream_offer(tt_bus *bus, tt_bus_session *session, tt_call *call)
{
    (void)bus, (void)session, (void)call;
}

void tt_stream_write_offer(const tt_call *call, tt_message_writer *w)
{
    (void)call, (void)w;
}

void tt_stream_let_go(tt_bus *bus, tt_call *call)
{
    (void)bus, (void)call;
}

bool tt_stream_response(tt_bus *bus, tt_time now, tt_call *call, const tt_message *message)
{
    (void)bus, (void)now, (void)call, (void)message;
    return false;
}

void tt_stream_open(tt_bus *bus, tt_time now, tt_bus_session *session, const tt_message *message,
                    tt_resource *resource, tt_bus_transfer *transfer, const tt_request *request,
                    tt_response *response)
{
    (void)bus, (void)now, (void)session, (void)message, (void)resource, (void)transfer;
    (void)request, (void)response;
}

bool tt_stream_owes(const tt_bus *bus, tt_answer_token owed)
{
    (void)bus, (void)owed;
    return false;
}

void tt_stream_answered(tt_bus *bus, tt_answer_token owed)
{
    (void)bus, (void)owed;
}

void tt_stream_receive(tt_bus *bus, tt_time now, const tt_endpoint *peer, const tt_message *message)
{
    (void)now, (void)peer, (void)message;
    bus->counters.malformed++;
}

void tt_stream_advance(tt_bus *bus, tt_time now)
{
    (void)bus, (void)now;
}

tt_time tt_stream_deadline(const tt_bus *bus)
{
    (void)bus;
    return TT_FOREVER;
}

bool tt_stream_transmit(tt_bus *bus, tt_endpoint *peer, void *bytes, size_t capacity,
                        size_t *length)
{
    (void)bus, (void)peer, (void)bytes, (void)capacity, (void)length;
    return false;
}

bool tt_stream_is_of(const tt_bus *bus, const tt_bus_session *session, bool call)
{
    (void)bus, (void)session, (void)call;
    return false;
}

void tt_stream_hand_over(tt_bus *bus, const tt_bus_session *from, tt_bus_session *to)
{
    (void)bus, (void)from, (void)to;
}

bool tt_stream_is_served(const tt_bus *bus, const tt_bus_session *session,
                         const tt_message *message, bool *is_newer)
{
    (void)bus, (void)session, (void)message;
    *is_newer = false;
    return false;
}

void tt_stream_forget(tt_bus *bus, const tt_bus_session *session)
{
    (void)bus, (void)session;
}

void tt_stream_unreachable(tt_bus *bus, const tt_endpoint *peer)
{
    (void)bus, (void)peer;
}

void tt_stream_remove(tt_bus *bus, const tt_resource *resource)
{
    (void)bus, (void)resource;
}

size_t tt_stream_count(const tt_bus *bus)
{
    (void)bus;
    return 0;
}
