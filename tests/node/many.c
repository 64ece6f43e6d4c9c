// A node with 500 resources on any free port of the loopback interface, which it prints: what
// strangers are let loose on in test_third_parties.py.

#include <stdio.h>

#include "tutti/check.h"
#include "tutti/node.h"
#include "tutti/platform_linux.h"

#define RESOURCES 500

static tt_node node;

// Its path, at some length.
static void tell(tt_resource *resource, tt_time now, const tt_request *request,
                 tt_response *response)
{
    tt_window window;
    (void)now;
    tt_window_begin(&window, request, response, TT_FORMAT_TEXT, 1);
    for (int i = 0; i < 200; i++)
        tt_window_add(&window, resource->path, 15);
    tt_window_end(&window);
}

// More than `tutti get` prints.
static void tell_long(tt_resource *resource, tt_time now, const tt_request *request,
                      tt_response *response)
{
    static uint8_t bytes[(4 << 20) + 1];
    (void)resource, (void)now;
    tt_respond_bytes(request, response, TT_FORMAT_OCTETS, bytes, sizeof(bytes), 1);
}

int main(void)
{
    static tt_resource long_resource = {
        .path = "long", .handler = tell_long, .methods = 1 << TT_GET, .hidden = true};
    static tt_platform_linux platform;
    static tt_resource resources[RESOURCES];
    static char paths[RESOURCES][TT_BUS_PATH_MAX];
    tt_node_options options = {.name = "Kitchen", .kind = "Example", .port = 0};
    if (tt_platform_linux_init(&platform) != TT_OK ||
        tt_node_init(&node, &platform.platform, &options) != TT_OK)
        return 1;
    for (unsigned i = 0; i < RESOURCES; i++) {
        snprintf(paths[i], sizeof(paths[i]), "room/%02u/thing/%03u", i % 10, i);
        resources[i] = (tt_resource){.path = paths[i],
                                     .type = i % 2 == 0 ? "even" : "odd",
                                     .handler = tell,
                                     .methods = 1 << TT_GET};
        TT_CHECK(tt_bus_add(&node.bus, &resources[i]) == TT_OK);
    }
    TT_CHECK(tt_bus_add(&node.bus, &long_resource) == TT_OK);
    printf("%u\n", (unsigned)node.port);
    fflush(stdout);
    tt_node_run(&node);
    return 0;
}
