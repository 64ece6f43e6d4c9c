// Telling a peer something, without an answer: many such datagrams leave together.

#include "node/internal.h"

// Not in the node's own datagram: what is being received may lie there.
tt_status tt_node_tell(tt_node *node, tt_time now, const tt_call *call, tt_datagram *space)
{
    space->socket = node->bus_socket;
    space->peer = call->peer;
    space->hop_limit = 0;
    space->may_wait = true;
    space->multicast = space->cut = false;
    tt_status status =
        tt_bus_tell(&node->bus, now, call, space->data, sizeof(space->data), &space->length);
    if (status != TT_OK)
        return status;
    status = node->platform->operations->send(node->platform, space);
    if (status == TT_OK)
        node->counters.datagrams_sent++;
    else
        node->counters.sends_failed++;
    return status;
}
