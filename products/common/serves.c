// A product that is found and serves, and looks for nobody (SERVES_ONLY): its image has none of
// what finds and watches others, and of calls only what the product's own code makes.

#include "products/common/internal.h"

tt_status tt_product_init_node(tt_node *node, tt_platform *platform, tt_node_options *options)
{
    return tt_node_init_announcer(node, platform, options);
}

tt_status tt_product_offer_ask(tt_node *node, tt_platform *platform)
{
    (void)node, (void)platform;
    return TT_UNSUPPORTED; // nobody is known who could be asked
}
