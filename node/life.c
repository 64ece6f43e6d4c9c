// What every node tells of its life, to whoever asks: see presence.c.

#include "node/internal.h"
#include "tutti/cbor.h"
#include "tutti/check.h"

static void tell_life(tt_resource *resource, tt_time now, const tt_request *request,
                      tt_response *response)
{
    const tt_node *node = resource->context;
    tt_writer w;
    (void)now;
    tt_writer_init(&w, request->space, TT_BUS_BLOCK_MAX);
    bool named = node->discovery.options.name != NULL;
    uint16_t sleep_s = node->discovery.options.sleep_s;
    tt_cbor_map(&w, 2 + (size_t)named + (sleep_s != 0));
    tt_cbor_text(&w, "wire");
    tt_cbor_unsigned(&w, TT_WIRE_VERSION);
    tt_cbor_text(&w, "boot");
    tt_cbor_unsigned(&w, node->discovery.options.boot);
    if (named) {
        tt_cbor_text(&w, "name");
        tt_cbor_text(&w, node->discovery.name);
    }
    if (sleep_s != 0) {
        tt_cbor_text(&w, "sleep");
        tt_cbor_unsigned(&w, sleep_s);
    }
    tt_respond_bytes(request, response, TT_FORMAT_CBOR, request->space, w.length,
                     (uint64_t)sleep_s << 32 | node->discovery.options.boot);
}

void tt_life_init(tt_node *node)
{
    tt_resource *life = &node->life; // all zero
    life->path = TT_NODE_LIFE_PATH;
    life->handler = tell_life;
    life->context = node;
    life->methods = 1 << TT_GET;
    life->hidden = true;
    tt_status status = tt_bus_add(&node->bus, life);
    TT_CHECK(status == TT_OK); // it is the first on a new bus
}

tt_status tt_node_sleeps(tt_node *node, tt_time duration)
{
    if (duration < 0 || duration > TT_SECONDS(TT_SLEEP_MAX))
        return TT_INVALID;
    tt_time seconds = (duration + TT_SECONDS(1) - 1) / TT_SECONDS(1);
    tt_discovery_set_sleep(&node->discovery, node->platform->operations->now(node->platform),
                           (uint16_t)seconds);
    return TT_OK;
}

tt_time tt_life_sleep_of(const tt_peer *peer)
{
    return peer->sleep_told ? 0 : TT_SECONDS((tt_time)peer->sleep_s);
}

unsigned tt_node_sleep_of(const tt_node *node, const tt_endpoint *endpoint)
{
    for (size_t i = 0; i < TT_NODE_PEERS_MAX; i++)
        if (node->peers[i].reported && tt_endpoint_equal(&node->peers[i].endpoint, endpoint))
            return (unsigned)(tt_life_sleep_of(&node->peers[i]) / TT_SECONDS(1));
    return 0;
}
