// A first node: three resources on this machine's loopback interface.
//
//     build/linux/examples/hello/hello [PORT [DIRECTORY]]
//     coap-client -m get coap://127.0.0.1/hello
//
// `hello` greets, `count` counts up when it is posted to and can be observed, `store` keeps what is
// put. It registers at a resource directory (RFC 9176) whose address it is given. Interrupted or
// told to end, it says goodbye.

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tutti/check.h"
#include "tutti/directory.h"
#include "tutti/node_groups.h"
#include "tutti/platform_linux.h"

static tt_node node;
static tt_node_groups groups;
static tt_directory directory;
static tt_platform_linux platform;
static volatile sig_atomic_t told_to_end;
static uint8_t stored[65536];
static size_t stored_length;
static uint64_t stored_version;
static unsigned count;

static void hello(tt_resource *resource, tt_time now, const tt_request *request,
                  tt_response *response)
{
    static const char text[] = "hello from tutti";
    (void)resource, (void)now;
    tt_respond_bytes(request, response, TT_FORMAT_TEXT, text, sizeof(text) - 1, 1);
}

static void counter(tt_resource *resource, tt_time now, const tt_request *request,
                    tt_response *response)
{
    static char text[16];
    if (request->method == TT_POST) {
        count++;
        tt_bus_changed(&node.bus, now, resource);
    }
    response->code = request->method == TT_POST ? TT_CHANGED : TT_CONTENT;
    response->content_format = TT_FORMAT_TEXT;
    response->payload = text;
    response->length = (size_t)snprintf(text, sizeof(text), "%u", count);
}

// A body comes in pieces, in order; it is kept whole once its last piece is there. It goes out in
// pieces, too, whose version says of which body they are.
static void store(tt_resource *resource, tt_time now, const tt_request *request,
                  tt_response *response)
{
    static uint8_t coming[sizeof(stored)];
    (void)resource, (void)now;
    if (request->method == TT_GET) {
        tt_respond_bytes(request, response, TT_FORMAT_OCTETS, stored, stored_length,
                         stored_version);
        return;
    }
    if (request->offset + request->length > sizeof(coming)) {
        response->code = TT_ENTITY_TOO_LARGE;
        return;
    }
    if (request->length > 0)
        memcpy(coming + request->offset, request->payload, request->length);
    if (request->last) {
        stored_length = request->offset + request->length;
        memcpy(stored, coming, stored_length);
        stored_version++;
    }
    response->code = TT_CHANGED;
}

// A signal may come anywhere; the node is stopped by its own loop.
static void end(int number)
{
    (void)number;
    told_to_end = 1;
    platform.platform.operations->wake(&platform.platform);
}

static void on_turn(tt_node *self, tt_time now)
{
    if (!told_to_end)
        return;
    tt_directory_leave(&directory, now);
    tt_node_stop(self);
}

int main(int argument_count, char **arguments)
{
    static tt_resource resources[] = {
        {.path = "hello", .type = "example", .handler = hello, .methods = 1 << TT_GET},
        {.path = "count",
         .handler = counter,
         .methods = 1 << TT_GET | 1 << TT_POST,
         .observable = true},
        {.path = "store", .handler = store, .methods = 1 << TT_GET | 1 << TT_PUT},
    };
    tt_node_options options = {
        .name = "hello", .kind = "example", .port = TT_BUS_PORT, .on_turn = on_turn};
    if (argument_count > 1)
        options.port = (uint16_t)atoi(arguments[1]);
    if (tt_platform_linux_init(&platform) != TT_OK ||
        tt_node_init(&node, &platform.platform, &options) != TT_OK) {
        fprintf(stderr, "hello: port %u cannot be opened; is another node running?\n",
                (unsigned)options.port);
        return 1;
    }
    for (size_t i = 0; i < TT_COUNT(resources); i++)
        TT_CHECK(tt_bus_add(&node.bus, &resources[i]) == TT_OK);
    (void)tt_node_join_groups(&node, &groups); // where it cannot, it is found by mDNS alone
    tt_endpoint place;
    if (argument_count > 2 && (tt_endpoint_parse(&place, arguments[2], TT_BUS_PORT) != TT_OK ||
                               tt_directory_start(&directory, &node, &place) != TT_OK)) {
        fprintf(stderr, "hello: '%s' is no address of a directory\n", arguments[2]);
        return 1;
    }
    printf("hello: unprotected, on the loopback interface only, port %u\n", (unsigned)options.port);
    fflush(stdout);
    signal(SIGTERM, end);
    signal(SIGINT, end);
    tt_node_run(&node);
    return 0;
}
