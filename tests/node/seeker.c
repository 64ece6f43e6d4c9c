// A node on any free port of the loopback interface that knows the others by a directory:
//
//     seeker NAME DIRECTORY
//
// Nothing of it goes out by multicast. It prints its port, then who is found and gone, and asks
// each who is found for /name. Told to end, it takes its registration back.

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tutti/check.h"
#include "tutti/directory.h"
#include "tutti/platform_linux.h"

static tt_node node;
static tt_directory directory;
static tt_platform_linux platform;
static volatile sig_atomic_t told_to_end;
static tt_platform_operations operations;
static const tt_platform_operations *real; // the platform's own
static tt_call calls[TT_NODE_PEERS_MAX];
static bool busy[TT_NODE_PEERS_MAX], was_registered;

static tt_status send_to_one(tt_platform *self, const tt_datagram *datagram)
{
    return tt_endpoint_is_multicast(&datagram->peer) ? TT_UNREACHABLE : real->send(self, datagram);
}

static void tell_name(tt_resource *resource, tt_time now, const tt_request *request,
                      tt_response *response)
{
    const char *name = resource->context;
    (void)now;
    tt_respond_bytes(request, response, TT_FORMAT_TEXT, name, strlen(name), 1);
}

static void on_reply(tt_call *call, tt_time now, const tt_reply *reply)
{
    (void)now;
    if (reply->status == TT_OK)
        printf("heard %.*s\n", (int)reply->length, (const char *)reply->payload);
    fflush(stdout);
    busy[call - calls] = false;
}

static void on_peer(tt_discovery *discovery, tt_time now, tt_peer_event event, const tt_peer *peer,
                    void *context)
{
    size_t place = (size_t)(peer - node.peers);
    (void)discovery, (void)context;
    printf("%s %s %s\n", event == TT_PEER_FOUND ? "found" : "gone", peer->name, peer->kind);
    fflush(stdout);
    if (event != TT_PEER_FOUND || busy[place])
        return;
    calls[place] = (tt_call){.peer = peer->endpoint,
                             .method = TT_GET,
                             .path = "name",
                             .content_format = TT_FORMAT_NONE,
                             .accept = TT_FORMAT_NONE,
                             .on_reply = on_reply};
    busy[place] = tt_bus_call(&node.bus, now, &calls[place]) == TT_OK;
}

static void end(int number)
{
    (void)number;
    told_to_end = 1;
    platform.platform.operations->wake(&platform.platform);
}

static void on_turn(tt_node *self, tt_time now)
{
    bool registered = tt_directory_is_registered(&directory);
    if (registered != was_registered)
        printf(registered ? "registered\n" : "not registered\n");
    fflush(stdout);
    was_registered = registered;
    if (!told_to_end)
        return;
    tt_directory_leave(&directory, now);
    tt_node_stop(self);
}

int main(int argument_count, char **arguments)
{
    tt_endpoint place;
    if (argument_count != 3 || tt_endpoint_parse(&place, arguments[2], TT_BUS_PORT) != TT_OK)
        return 2;
    static tt_resource resource = {
        .path = "name", .type = "example.name", .handler = tell_name, .methods = 1 << TT_GET};
    resource.context = arguments[1];
    tt_node_options options = {.name = arguments[1],
                               .kind = "seeker",
                               .browse = true,
                               .on_peer = on_peer,
                               .on_turn = on_turn};
    if (tt_platform_linux_init(&platform) != TT_OK)
        return 1;
    real = platform.platform.operations;
    operations = *real;
    operations.send = send_to_one;
    platform.platform.operations = &operations;
    if (tt_node_init(&node, &platform.platform, &options) != TT_OK ||
        tt_bus_add(&node.bus, &resource) != TT_OK ||
        tt_directory_start(&directory, &node, &place) != TT_OK)
        return 1;
    signal(SIGTERM, end);
    printf("%u\n", (unsigned)node.port);
    fflush(stdout);
    tt_node_run(&node);
    return 0;
}
