// Who lives: a peer that was silent for TT_PRESENCE_PING is pinged, again and again; one that stays
// silent for TT_PRESENCE_GONE is gone.
//
// Any datagram counts as a sign of life (tt_discovery_heard). A ping that is not answered within
// PING_TIMEOUT is followed by another, so eight fit between the first and the end. With 5 % of
// datagrams lost a ping or its answer is lost with probability 0.0975, all eight with 8e-9: in
// 100,000 s, which are at most as many silences, a living peer is given up with less than 1e-3.

#include <string.h>

#include "node/internal.h"
#include "tutti/check.h"

#define LOOK_INTERVAL (TT_PRESENCE_PING / 4)
#define PING_TIMEOUT (TT_PRESENCE_PING / 3) // less than two looks: one ping every two looks

static void on_ping(tt_call *call, tt_time now, const tt_reply *reply)
{
    tt_node *node = call->context;
    for (size_t i = 0; i < TT_NODE_PEERS_MAX; i++)
        if (&node->pings[i].call == call)
            node->pings[i].busy = false;
    if (reply->status == TT_OK)
        tt_discovery_heard(&node->discovery, now, &call->peer);
}

static void ping(tt_node *node, tt_time now, size_t place)
{
    if (node->pings[place].busy)
        return;
    tt_call *call = &node->pings[place].call;
    memset(call, 0, sizeof(*call));
    call->peer = node->peers[place].endpoint;
    call->on_reply = on_ping;
    call->context = node;
    call->timeout = PING_TIMEOUT;
    node->pings[place].busy = tt_bus_ping(&node->bus, now, call) == TT_OK;
}

void tt_presence_watch(tt_node *node, tt_time now)
{
    node->presence_at = tt_earlier(node->presence_at, tt_after(now, LOOK_INTERVAL));
}

void tt_presence_advance(tt_node *node, tt_time now)
{
    node->presence_at = TT_FOREVER; // until there is a peer to look at
    for (size_t i = 0; i < TT_NODE_PEERS_MAX; i++) {
        tt_peer *peer = &node->peers[i];
        if (!peer->reported)
            continue;
        tt_presence_watch(node, now);
        if (now >= tt_after(peer->heard, TT_PRESENCE_GONE))
            tt_discovery_gone(&node->discovery, now, peer);
        else if (now >= tt_after(peer->heard, TT_PRESENCE_PING))
            ping(node, now, i);
    }
}
