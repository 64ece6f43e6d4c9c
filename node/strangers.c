// Devices that are observed by their address, and that discovery does not know: they are watched as
// peers are (presence.c), so that an observation of one that died ends.
//
// Whoever never answered a ping is not judged by its silence: not every server does answer. Calls
// that are no observations have their own end in time.

#include <string.h>

#include "node/internal.h"
#include "tutti/check.h"

bool tt_strangers_heard(tt_node *node, tt_time now, const tt_endpoint *endpoint, uint16_t id)
{
    for (size_t i = 0; i < TT_NODE_STRANGERS_MAX; i++) {
        struct tt_node_stranger *s = &node->strangers[i];
        if (s->endpoint.port == 0 || !tt_endpoint_equal(&s->endpoint, endpoint))
            continue;
        s->heard = now;
        if (id == 0 || s->ping != id)
            return false;
        s->ping = 0;
        s->answers = true;
        return true;
    }
    return false;
}

static bool is_peer(const tt_node *node, const tt_endpoint *endpoint)
{
    for (size_t i = 0; i < TT_NODE_PEERS_MAX; i++)
        if (node->peers[i].reported && tt_endpoint_equal(&node->peers[i].endpoint, endpoint))
            return true;
    return false;
}

// The place of one who is observed; a free one for a new one; NULL: more than are watched.
static struct tt_node_stranger *place_of(tt_node *node, const tt_endpoint *endpoint)
{
    struct tt_node_stranger *place = NULL;
    for (size_t i = 0; i < TT_NODE_STRANGERS_MAX; i++) {
        struct tt_node_stranger *s = &node->strangers[i];
        if (s->endpoint.port == 0)
            place = s;
        else if (tt_endpoint_equal(&s->endpoint, endpoint))
            return s;
    }
    return place;
}

static void note_observed(tt_node *node, tt_time now)
{
    static const uint8_t none[16];
    for (size_t i = 0; i < TT_NODE_STRANGERS_MAX; i++)
        node->strangers[i].wanted = false;
    for (const tt_list *link = node->bus.calls.next; link != &node->bus.calls; link = link->next) {
        const tt_call *call = TT_CONTAINER(link, tt_call, state.link);
        bool own = memcmp(call->peer.ip, none, sizeof(none)) == 0;
        if (!call->observe || own || call->peer.port == 0 || is_peer(node, &call->peer))
            continue;
        struct tt_node_stranger *s = place_of(node, &call->peer);
        if (s == NULL)
            continue;
        if (s->endpoint.port == 0)
            *s = (struct tt_node_stranger){.endpoint = call->peer, .heard = now};
        s->wanted = true;
    }
    for (size_t i = 0; i < TT_NODE_STRANGERS_MAX; i++)
        if (!node->strangers[i].wanted)
            node->strangers[i].endpoint.port = 0;
}

tt_time tt_strangers_advance(tt_node *node, tt_time now)
{
    tt_time next = TT_FOREVER;
    note_observed(node, now);
    for (size_t i = 0; i < TT_NODE_STRANGERS_MAX; i++) {
        struct tt_node_stranger *s = &node->strangers[i];
        if (s->endpoint.port == 0)
            continue;
        bool late = now >= tt_after(s->heard, TT_PRESENCE_GONE);
        if (late && s->answers) {
            tt_endpoint gone = s->endpoint;
            s->endpoint.port = 0;
            tt_bus_forget_peer(&node->bus, now, &gone); // its callbacks may observe it anew
            return now;
        }
        tt_time at = tt_later(tt_after(s->heard, TT_PRESENCE_PING), s->next);
        if (now >= at) {
            s->ping = tt_presence_ping(node, &s->endpoint);
            s->next = tt_after(now, late ? TT_PRESENCE_PING : TT_PRESENCE_AGAIN);
            at = s->next;
        }
        next = tt_earlier(next, at);
    }
    return next;
}
