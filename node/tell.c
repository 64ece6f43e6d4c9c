// Telling a peer something, without an answer: many such datagrams leave together.

#include "node/internal.h"

tt_status tt_node_tell(tt_node *node, tt_time now, const tt_call *call)
{
    // Its own: what is being received may lie in the node's. On no stack: a device's are too small.
    static tt_datagram d;
    d.socket = node->bus_socket;
    d.peer = call->peer;
    d.hop_limit = 0;
    d.may_wait = true;
    d.multicast = d.cut = false;
    tt_status status = tt_bus_tell(&node->bus, now, call, d.data, sizeof(d.data), &d.length);
    if (status != TT_OK)
        return status;
    status = node->platform->operations->send(node->platform, &d);
    if (status == TT_OK)
        node->counters.datagrams_sent++;
    else
        node->counters.sends_failed++;
    return status;
}
