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
    tt_cbor_map(&w, named ? 3 : 2);
    tt_cbor_text(&w, "wire");
    tt_cbor_unsigned(&w, TT_WIRE_VERSION);
    tt_cbor_text(&w, "boot");
    tt_cbor_unsigned(&w, node->discovery.options.boot);
    if (named) {
        tt_cbor_text(&w, "name");
        tt_cbor_text(&w, node->discovery.name);
    }
    tt_respond_bytes(request, response, TT_FORMAT_CBOR, request->space, w.length,
                     node->discovery.options.boot);
}

void tt_life_init(tt_node *node)
{
    node->life = (tt_resource){.path = TT_NODE_LIFE_PATH,
                               .handler = tell_life,
                               .context = node,
                               .methods = 1 << TT_GET,
                               .hidden = true};
    TT_CHECK(tt_bus_add(&node->bus, &node->life) == TT_OK); // the first on a new bus
}
