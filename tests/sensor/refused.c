// A product whose start fails: the path of its resource is taken. An image of a test.

#include "tutti/product.h"

static void nothing(tt_resource *resource, tt_time now, const tt_request *request,
                    tt_response *response)
{
    (void)resource, (void)now, (void)request, (void)response;
}

static tt_status start(tt_node *node)
{
    static tt_resource resource = {.path = "device", .handler = nothing, .methods = 1 << TT_GET};
    return tt_bus_add(&node->bus, &resource);
}

const tt_product tt_product_table = {.kind = "refused", .start = start};
