// A product that finds other devices: what all are that do not say SERVES_ONLY to tt_product.

#include "products/common/internal.h"
#include "tutti/model_service.h"

static tt_ask_service ask_service;

tt_status tt_product_init_node(tt_node *node, tt_platform *platform, tt_node_options *options)
{
    options->browse = true;
    return tt_node_init(node, platform, options);
}

tt_status tt_product_offer_ask(tt_node *node, tt_platform *platform)
{
    return tt_ask_service_init(&ask_service, &(tt_ask_options){.bus = &node->bus,
                                                               .platform = platform,
                                                               .peers = node->peers,
                                                               .peers_max = TT_NODE_PEERS_MAX});
}
