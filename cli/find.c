// Finding the device that a command is about.

#include <stdio.h>
#include <string.h>

#include "cli/find.h"
#include "cli/print.h"
#include "cli/say.h"

// Whether the network that was chosen can lead to an address at all.
static tt_exit check_reach(const char *command, bool host, const tt_target *target)
{
    if (target->kind != TT_TARGET_ADDRESS)
        return TT_EXIT_OK;
    const tt_endpoint *to = &target->endpoint;
    bool loopback = tt_endpoint_is_loopback(to);
    if (host && !loopback) {
        tt_say_error(
            "tutti %s: there is no security yet, so --host uses the loopback interface and "
            "reaches this machine only: 127.0.0.1 or [::1]",
            command);
        return TT_EXIT_USAGE;
    }
    if (!host && loopback) {
        tt_say_error("tutti %s: a fleet's network does not lead to this machine's own address; "
                     "--host does",
                     command);
        return TT_EXIT_USAGE;
    }
    return TT_EXIT_OK;
}

tt_exit tt_find(tt_client *client, const char *command, const tt_target *target, unsigned timeout_s,
                tt_endpoint *endpoint)
{
    if (target->kind == TT_TARGET_ADDRESS) {
        tt_exit result = check_reach(command, client->host, target);
        if (result != TT_EXIT_OK)
            return result;
        *endpoint = target->endpoint;
        if (!client->host && tt_endpoint_is_link_local(endpoint) && endpoint->interface == 0)
            endpoint->interface = 1; // the virtual Ethernet is the only one
        return TT_EXIT_OK;
    }
    bool by_kind = target->kind == TT_TARGET_KIND;
    tt_say_progress(false, "looking for %s", target->device);
    tt_time deadline = tt_client_now(client) + TT_SECONDS(timeout_s);
    tt_discovery_look_for(&client->node.discovery, tt_client_now(client),
                          by_kind ? NULL : target->device, by_kind ? target->device : NULL);
    const tt_peer *peer = tt_client_await(client, by_kind ? target->device : NULL,
                                          by_kind ? NULL : target->device, deadline);
    if (peer == NULL && !tt_client_alive(client)) {
        tt_say_error("tutti %s: " TT_FLEET_ENDED, command);
        return TT_EXIT_UNREACHABLE;
    }
    if (peer == NULL) {
        tt_say_error("tutti %s: no device %s '%s' was found in %u s; 'tutti ls' lists who is there",
                     command, by_kind ? "of kind" : "named", target->device, timeout_s);
        return TT_EXIT_UNREACHABLE;
    }
    if (!tt_node_speaks_to(peer)) {
        tt_say_error("tutti %s: %s speaks version %u of the wire and this program version %u; use "
                     "the one that came with the device's system",
                     command, peer->name, peer->wire, TT_WIRE_VERSION);
        return TT_EXIT_FAILED;
    }
    *endpoint = peer->endpoint;
    return TT_EXIT_OK;
}

tt_exit tt_find_read(const char *command, const char *device, const char *path, tt_target *target)
{
    char words[TT_NAME_MAX + TT_ENDPOINT_TEXT_MAX + TT_BUS_PATH_MAX], sentence[256];
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    int length = snprintf(words, sizeof(words), "%s/%s", device, path);
    if (length >= (int)sizeof(words) || tt_target_parse(target, words, &why) != TT_OK) {
        tt_say_error("tutti %s: expected NAME, kind:KIND or coap://HOST[:PORT], found '%s'",
                     command, device);
        return TT_EXIT_USAGE;
    }
    return TT_EXIT_OK;
}

tt_exit tt_find_judge(const tt_client *client, const char *command, const char *device,
                      const tt_answer *answer)
{
    if (answer->status != TT_OK) {
        tt_say_error("tutti %s: %s: %s", command, device,
                     !tt_client_alive(client)           ? TT_FLEET_ENDED
                     : answer->status == TT_TIMED_OUT   ? "no answer in time"
                     : answer->status == TT_UNREACHABLE ? "nothing listens there"
                                                        : tt_status_text(answer->status));
        bool unreachable = answer->status == TT_TIMED_OUT || answer->status == TT_UNREACHABLE ||
                           answer->status == TT_RESET;
        return unreachable ? TT_EXIT_UNREACHABLE : TT_EXIT_FAILED;
    }
    if (answer->code < TT_BAD_REQUEST)
        return TT_EXIT_OK;
    char code[40];
    tt_say_error("tutti %s: %s: %s: %.*s", command, device, tt_code_text(answer->code, code),
                 (int)answer->length, (const char *)answer->payload);
    return TT_EXIT_FAILED;
}

bool tt_find_says_safe_mode(const char *links, size_t length)
{
    static const char type[] = "tutti.safe";
    return memmem(links, length, type, strlen(type)) != NULL;
}
