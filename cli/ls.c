// tutti ls: who is there, and what each offers.

#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/say.h"
#include "tutti/check.h"

#define LINKS_MAX 8192

static const char *net;
static bool host;
static unsigned seconds = 2;

static const tt_option options[] = {
    {"for", "SECONDS", "how long to look", .number = &seconds, .least = 1, .most = 3600},
    {"net", "DIR", "a fleet's folder or switch socket; else $TUTTI_NET, else " TT_CLIENT_FOLDER,
     .text = &net},
    {"host", NULL, "use this machine's own network instead", .flag = &host},
};

// Prints the paths of links (RFC 6690): what stands between < and >.
static void print_paths(const char *links, size_t length)
{
    bool inside = false;
    for (size_t i = 0; i < length; i++) {
        if (links[i] == '<') {
            inside = true;
            fputc(' ', stdout);
        } else if (links[i] == '>') {
            inside = false;
        } else if (inside && links[i] > 0x20 && links[i] < 0x7f) {
            fputc(links[i], stdout);
        }
    }
}

// What came from the network, and spaces up to `width`.
static void print_column(const char *text, size_t width)
{
    size_t length = strlen(text);
    tt_say_put(stdout, text, length);
    printf("%*s ", length < width ? (int)(width - length) : 0, "");
}

static void print_peer(tt_client *client, const tt_peer *peer)
{
    static uint8_t links[LINKS_MAX];
    char address[TT_ENDPOINT_TEXT_MAX];
    tt_text text;
    tt_text_init(&text, address, sizeof(address));
    tt_endpoint_format(&peer->endpoint, &text);
    print_column(peer->name, 16);
    print_column(peer->kind, 7);
    printf("%-40s", address);
    tt_answer answer = {.payload = links, .capacity = sizeof(links)};
    tt_call call = {.peer = peer->endpoint,
                    .method = TT_GET,
                    .path = ".well-known/core",
                    .content_format = TT_FORMAT_NONE,
                    .accept = TT_FORMAT_NONE,
                    .timeout = TT_SECONDS(5)};
    if (tt_client_ask(client, &call, &answer) == TT_OK && answer.code == TT_CONTENT)
        print_paths((const char *)links, answer.length);
    else
        printf(" (does not answer)");
    printf("\n");
}

static tt_exit run(unsigned count, const char *const *arguments)
{
    (void)count;
    (void)arguments;
    static tt_client client;
    tt_exit result = tt_client_open(&client, "ls", net, host, NULL, NULL);
    if (result != TT_EXIT_OK)
        return result;
    tt_time deadline = tt_client_now(&client) + TT_SECONDS(seconds);
    while (tt_client_now(&client) < deadline) {
        tt_say_progress(false, "looking for %.0f s more",
                        (double)(deadline - tt_client_now(&client)) / 1e9);
        tt_client_turn(&client, tt_earlier(deadline, tt_client_now(&client) + TT_MS(500)));
    }
    tt_say_progress_end();

    // A copy, since asking turns the node and its table may change.
    tt_peer peers[TT_NODE_PEERS_MAX];
    memcpy(peers, client.node.peers, sizeof(peers));
    unsigned found = 0;
    for (size_t i = 0; i < TT_COUNT(peers); i++)
        if (peers[i].reported) {
            print_peer(&client, &peers[i]);
            found++;
        }
    if (found > 0)
        return TT_EXIT_OK;
    tt_say_error("tutti ls: no device was found in %u s", seconds);
    return TT_EXIT_UNREACHABLE;
}

const tt_command tt_command_ls = {
    .name = "ls",
    .arguments = "",
    .summary = "List the devices that are found: name, kind, address, resources",
    .help = "Devices announce themselves by DNS-SD over multicast DNS; nothing is configured.",
    .examples = "  tutti ls\n  tutti ls --for 10 --net build/demo/fleet\n  tutti ls --host",
    .options = options,
    .option_count = TT_COUNT(options),
    .run = run,
};
