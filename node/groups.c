// What came to a group of CoAP's, to whoever answers it.

#include "tutti/check.h"
#include "tutti/node_groups.h"

static const tt_endpoint groups_of_coap[2] = {
    {.ip = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 224, 0, 1, 187}, .port = TT_BUS_PORT},
    {.ip = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfd}, .port = TT_BUS_PORT},
};

static void answer(tt_node *node, tt_time now, void *context)
{
    tt_node_groups *g = context;
    tt_groups_advance(&g->groups, now);
    tt_time next = tt_groups_deadline(&g->groups);
    if (next != TT_FOREVER)
        tt_node_after(node, &g->timer, next - now, answer, g);
}

static void receive(tt_node *node, tt_time now, const tt_datagram *d)
{
    tt_node_groups *g = node->groups;
    if (!d->cut && tt_discovery_is_near(&node->discovery, &d->peer))
        tt_groups_receive(&g->groups, now, &d->peer, d->data, d->length);
    else
        node->counters.multicast_dropped++;
    answer(node, now, g);
}

tt_status tt_node_join_groups(tt_node *node, tt_node_groups *g)
{
    const tt_platform_operations *operations = node->platform->operations;
    *g = (tt_node_groups){.node = node};
    if (operations->open_groups == NULL)
        return TT_UNSUPPORTED;
    tt_status status = operations->open_groups(node->platform, TT_BUS_PORT, groups_of_coap,
                                               TT_COUNT(groups_of_coap), &g->socket);
    if (status != TT_OK)
        return status;
    tt_groups_init(&g->groups, &node->bus);
    node->groups = g;
    node->on_multicast = receive;
    return TT_OK;
}
