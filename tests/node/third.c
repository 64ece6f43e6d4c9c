// A node on any free port of the loopback interface, which it prints: what aiocoap's client asks in
// test_aiocoap.py and our command in test_asleep.py. It keeps bodies, answers late, refuses with
// sentences, ends an observation, says that it sleeps, and falls asleep.

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tutti/check.h"
#include "tutti/node_groups.h"
#include "tutti/platform_linux.h"

static tt_node node;
static tt_node_groups groups;
static tt_node_timer timer;
static tt_answer_token late;
static uint8_t kept[300000];
static size_t kept_length;
static uint64_t version;
static bool removed;

// Takes bodies that go in any blocks, and answers a POST with their length.
static void keep(tt_resource *resource, tt_time now, const tt_request *request,
                 tt_response *response)
{
    static char text[24];
    if (request->method == TT_GET) {
        tt_respond_bytes(request, response, TT_FORMAT_OCTETS, kept, kept_length, version);
        return;
    }
    if (request->offset + request->length > sizeof(kept)) {
        response->code = TT_ENTITY_TOO_LARGE;
        response->size_max = sizeof(kept);
        return;
    }
    memcpy(kept + request->offset, request->payload, request->length);
    response->code = TT_CHANGED;
    if (!request->last)
        return;
    kept_length = request->offset + request->length;
    version++;
    tt_bus_changed(&node.bus, now, resource);
    if (request->method != TT_POST)
        return;
    response->content_format = TT_FORMAT_TEXT;
    response->payload = text;
    response->length = (size_t)snprintf(text, sizeof(text), "%zu bytes", kept_length);
}

static void answer(tt_node *self, tt_time now, void *context)
{
    static const char text[] = "it took a while";
    (void)context;
    tt_response response = {.code = TT_CONTENT,
                            .content_format = TT_FORMAT_TEXT,
                            .payload = text,
                            .length = sizeof(text) - 1,
                            .max_age_seconds = 60};
    (void)tt_bus_answer(&self->bus, now, late, &response);
}

static void answer_late(tt_resource *resource, tt_time now, const tt_request *request,
                        tt_response *response)
{
    (void)resource, (void)now;
    late = request->token;
    response->later = true;
    tt_node_after(&node, &timer, TT_MS(300), answer, NULL);
}

static void stop(tt_node *self, tt_time now, void *context)
{
    (void)self, (void)now, (void)context;
    (void)raise(SIGSTOP); // until somebody lets it go on
}

// Stops in the midst of it, once those who found it have asked for how long it may sleep.
static void fall_asleep(tt_resource *resource, tt_time now, const tt_request *request,
                        tt_response *response)
{
    (void)resource, (void)now, (void)request;
    response->later = true;
    tt_node_after(&node, &timer, TT_MS(700), stop, NULL);
}

static void refuse(tt_resource *resource, tt_time now, const tt_request *request,
                   tt_response *response)
{
    static const char text[] = "a colour is red, green or blue, not mauve";
    (void)resource, (void)now, (void)request;
    response->code = TT_BAD_REQUEST;
    response->payload = text;
    response->length = sizeof(text) - 1;
}

static void show(tt_resource *resource, tt_time now, const tt_request *request,
                 tt_response *response)
{
    (void)now;
    tt_respond_bytes(request, response, TT_FORMAT_TEXT, resource->path, strlen(resource->path), 1);
}

static tt_resource short_lived = {
    .path = "short-lived", .handler = show, .methods = 1 << TT_GET, .observable = true};

// Takes `short-lived` out of the tree: who observes it is told that it has ended.
static void end(tt_resource *resource, tt_time now, const tt_request *request,
                tt_response *response)
{
    (void)resource, (void)now, (void)request;
    response->code = TT_DELETED;
    if (!removed)
        tt_bus_remove(&node.bus, &short_lived);
    removed = true;
}

int main(void)
{
    static const uint16_t text_only[] = {TT_FORMAT_TEXT, TT_FORMAT_NONE};
    static tt_platform_linux platform;
    static tt_resource resources[] = {
        {.path = "kept",
         .handler = keep,
         .methods = 1 << TT_GET | 1 << TT_PUT | 1 << TT_POST,
         .observable = true},
        {.path = "late", .handler = answer_late, .methods = 1 << TT_GET | 1 << TT_POST},
        {.path = "falls-asleep", .handler = fall_asleep, .methods = 1 << TT_GET},
        {.path = "refuses", .handler = refuse, .methods = 1 << TT_GET | 1 << TT_PUT},
        {.path = "text",
         .handler = show,
         .methods = 1 << TT_GET | 1 << TT_PUT,
         .gives = text_only,
         .takes = text_only},
        {.path = "end", .handler = end, .methods = 1 << TT_POST},
    };
    tt_node_options options = {.name = "third", .kind = "example", .port = 0};
    if (tt_platform_linux_init(&platform) != TT_OK ||
        tt_node_init(&node, &platform.platform, &options) != TT_OK)
        return 1;
    for (size_t i = 0; i < TT_COUNT(resources); i++)
        TT_CHECK(tt_bus_add(&node.bus, &resources[i]) == TT_OK);
    TT_CHECK(tt_bus_add(&node.bus, &short_lived) == TT_OK);
    (void)tt_node_join_groups(&node, &groups);
    TT_CHECK(tt_node_sleeps(&node, TT_SECONDS(90)) == TT_OK);
    printf("%u\n", (unsigned)node.port);
    fflush(stdout);
    tt_node_run(&node);
    return 0;
}
