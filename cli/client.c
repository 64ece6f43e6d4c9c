// Joining a network and asking, one call at a time.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "cli/client.h"
#include "cli/device.h"
#include "cli/file.h"
#include "cli/say.h"
#include "tutti/check.h"
#include "tutti/platform_linux.h"
#include "tutti/platform_switch.h"

const char *tt_client_folder(const char *named)
{
    const char *running = named != NULL ? named : getenv("TUTTI_NET");
    return running != NULL && running[0] != '\0' ? running : TT_CLIENT_FOLDER;
}

static tt_exit open_switch(tt_client *client, const char *command, const char *named)
{
    char path[TT_DEVICE_PATH_MAX];
    struct stat about;
    const char *net = tt_client_folder(named);
    bool is_folder = stat(net, &about) == 0 && S_ISDIR(about.st_mode);
    const char *name = is_folder ? "/switch.sock" : "";
    if (!tt_file_fits_socket(command, net, name))
        return TT_EXIT_USAGE;
    snprintf(path, sizeof(path), "%s%s", net, name);
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed)) {
        tt_say_error("tutti %s: the system gave no random bytes", command);
        return TT_EXIT_FAILED;
    }
    tt_status status = tt_platform_switch_open(&client->platform, path, seed);
    if (status == TT_OK)
        return TT_EXIT_OK;
    tt_say_error("tutti %s: no fleet is running at %s (%s); start one with 'tutti up', name its "
                 "folder with --net, or use --host",
                 command, path, tt_status_text(status));
    return TT_EXIT_UNREACHABLE;
}

static tt_exit open_host(tt_client *client, const char *command)
{
    static tt_platform_linux host;
    tt_status status = tt_platform_linux_init(&host);
    client->platform = &host.platform;
    if (status == TT_OK)
        return TT_EXIT_OK;
    tt_say_error("tutti %s: this machine's network cannot be used: %s", command,
                 tt_status_text(status));
    return TT_EXIT_FAILED;
}

tt_exit tt_client_open(tt_client *client, const char *command, const char *net, bool host,
                       tt_peer_handler *on_peer, void *context)
{
    client->host = host;
    if (host && net != NULL) {
        tt_say_error("tutti %s: expected --host or --net, not both", command);
        return TT_EXIT_USAGE;
    }
    tt_exit result = host ? open_host(client, command) : open_switch(client, command, net);
    if (result != TT_EXIT_OK)
        return result;
    tt_node_options options = {.browse = true,
                               .watch = on_peer != NULL,
                               .members = client->members,
                               .on_peer = on_peer,
                               .context = context};
    tt_status status = tt_node_init(&client->node, client->platform, &options);
    if (status == TT_OK)
        return TT_EXIT_OK;
    tt_say_error("tutti %s: the network cannot be joined: %s", command, tt_status_text(status));
    return TT_EXIT_FAILED;
}

tt_exit tt_client_use_directory(tt_client *client, const char *command, const char *address)
{
    tt_endpoint place;
    if (address == NULL)
        return TT_EXIT_OK;
    if (tt_endpoint_parse(&place, address, TT_BUS_PORT) != TT_OK ||
        tt_endpoint_is_multicast(&place)) {
        tt_say_error("tutti %s: --directory takes an address such as 127.0.0.1:5683 or "
                     "[fe80::1%%1]:5683, not '%s'",
                     command, address);
        return TT_EXIT_USAGE;
    }
    if (client->host != tt_endpoint_is_loopback(&place)) {
        tt_say_error(
            "tutti %s: a directory on this machine's own address is asked with --host, one "
            "elsewhere without it",
            command);
        return TT_EXIT_USAGE;
    }
    if (tt_endpoint_is_link_local(&place) && place.interface == 0)
        place.interface = 1; // the virtual Ethernet is the only one
    TT_CHECK(tt_directory_start(&client->directory, &client->node, &place) == TT_OK); // no name
    return TT_EXIT_OK;
}

tt_time tt_client_now(const tt_client *client)
{
    return client->platform->operations->now(client->platform);
}

bool tt_client_alive(const tt_client *client)
{
    return client->host || tt_platform_switch_alive(client->platform);
}

void tt_client_turn(tt_client *client, tt_time deadline)
{
    tt_node_poll(&client->node);
    client->platform->operations->wait(client->platform,
                                       tt_earlier(deadline, tt_node_deadline(&client->node)));
    tt_node_poll(&client->node);
}

// Peers are heard before the own address may be used: nobody could answer.
static bool has_address(const tt_client *client)
{
    tt_endpoint address;
    return client->platform->operations->addresses(client->platform, &address, 1) > 0;
}

const tt_peer *tt_client_await(tt_client *client, const char *kind, const char *name,
                               tt_time deadline)
{
    for (;;) {
        const tt_peer *peer = tt_node_find(&client->node, kind, name);
        if ((peer != NULL && has_address(client)) || tt_client_now(client) >= deadline)
            return peer;
        if (!tt_client_alive(client))
            return NULL;
        tt_client_turn(client, deadline);
    }
}

uint32_t tt_client_boot(const tt_client *client, const tt_endpoint *endpoint)
{
    const tt_discovery_options *known = &client->node.discovery.options;
    for (size_t i = 0; i < known->peers_max; i++) {
        if (known->peers[i].reported && tt_endpoint_equal(&known->peers[i].endpoint, endpoint))
            return known->peers[i].boot;
    }
    return 0;
}

void tt_answer_take(tt_answer *answer, const tt_reply *reply)
{
    if (reply->status != TT_OK) {
        answer->status = reply->status;
    } else if (reply->length > answer->capacity ||
               reply->offset > answer->capacity - reply->length) {
        answer->status = TT_TOO_LARGE;
    } else {
        if (reply->length > 0)
            memcpy(answer->payload + reply->offset, reply->payload, reply->length);
        size_t end = reply->offset + reply->length; // a piece may come after those behind it
        answer->length = reply->offset > 0 && end < answer->length ? answer->length : end;
        answer->code = reply->code;
        answer->content_format = reply->content_format;
    }
    answer->done = reply->final;
}

static void on_reply(tt_call *call, tt_time now, const tt_reply *reply)
{
    (void)now;
    tt_answer_take(call->context, reply);
}

tt_status tt_client_ask(tt_client *client, tt_call *call, tt_answer *answer)
{
    call->on_reply = on_reply;
    call->context = answer;
    call->any_order = true;
    answer->status = TT_OK;
    answer->length = 0;
    answer->done = false;
    tt_status status = tt_bus_call(&client->node.bus, tt_client_now(client), call);
    if (status != TT_OK)
        return answer->status = status;
    while (!answer->done && answer->status != TT_TOO_LARGE && tt_client_alive(client))
        tt_client_turn(client, TT_FOREVER);
    if (!answer->done) { // of what is too large the rest is of no use, and may never end
        status = answer->status == TT_TOO_LARGE ? TT_TOO_LARGE : TT_UNREACHABLE;
        tt_bus_cancel(&client->node.bus, tt_client_now(client), call);
        answer->status = status;
    }
    return answer->status;
}
