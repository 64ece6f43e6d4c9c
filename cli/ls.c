// tutti ls: who is there, and what each offers.

#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/find.h"
#include "cli/json.h"
#include "cli/say.h"
#include "tutti/cbor.h"
#include "tutti/check.h"

#define MEMBERS 1024 // that are listed at most, beside those that multicast DNS tells of
#define IN_VAIN_MAX TT_SECONDS(10)  // waited for those who do not answer, all together
#define IN_VAIN_LEAST TT_MS(1000)   // that this is of one
#define LINKS_MAX ((size_t)1 << 20) // bytes of what one device offers

static const char *net, *directory;
static bool host, as_json;
static unsigned seconds = 2;
static tt_words given;

static const tt_option options[] = {
    {"for", "SECONDS", "how long to look", .number = &seconds, .least = 1, .most = 3600},
    {"net", "DIR", "a fleet's folder or switch socket; else $TUTTI_NET, else " TT_CLIENT_FOLDER,
     .text = &net},
    {"host", NULL, "use this machine's own network instead", .flag = &host},
    {"peer", "coap://HOST[:PORT]",
     "ask the device at this address whom it knows, where multicast does not reach it; may be "
     "given "
     "several times",
     .words = &given},
    TT_CLIENT_DIRECTORY_OPTION(directory),
    {"json", NULL,
     "print a JSON array of objects: name, kind, address, resources, wire where it is another "
     "version, and sleeps, in seconds",
     .flag = &as_json},
};

// The next path of links (RFC 6690): what stands between < and >. False where there is none.
static bool next_path(const char **links, size_t *left, const char **path, size_t *length)
{
    const char *open = memchr(*links, '<', *left);
    const char *close = open != NULL ? memchr(open, '>', *left - (size_t)(open - *links)) : NULL;
    if (close == NULL)
        return false;
    *path = open + 1;
    *length = (size_t)(close - *path);
    *left -= (size_t)(close + 1 - *links);
    *links = close + 1;
    return true;
}

// What came from the network, and spaces up to `width`.
static void print_column(const char *text, size_t width)
{
    size_t length = strlen(text);
    tt_say_put(stdout, text, length);
    printf("%*s ", length < width ? (int)(width - length) : 0, "");
}

// Asks for the links; false where it does not answer.
static bool ask_links(tt_client *client, const tt_peer *peer, tt_answer *answer)
{
    tt_call call = {.peer = peer->endpoint,
                    .method = TT_GET,
                    .path = ".well-known/core",
                    .content_format = TT_FORMAT_NONE,
                    .accept = TT_FORMAT_NONE,
                    .timeout = TT_SECONDS(5)};
    return tt_client_ask(client, &call, answer) == TT_OK && answer->code == TT_CONTENT;
}

static void print_peer(const tt_peer *peer, const char *address, bool answers, const char *links,
                       size_t left)
{
    print_column(peer->name, 16);
    print_column(peer->kind, 7);
    printf("%-40s", address);
    const char *path, *note = answers ? "" : " (does not answer)";
    size_t length;
    char version[64];
    unsigned sleep_s = peer->sleep_told ? 0 : peer->sleep_s;
    if (sleep_s > 0) {
        snprintf(version, sizeof(version), " (%ssleeps for up to %u s at a time)",
                 answers ? "" : "asleep: ", sleep_s);
        note = version;
    }
    if (!tt_node_speaks_to(peer)) {
        snprintf(version, sizeof(version), " (speaks version %u of the wire, not %u)", peer->wire,
                 TT_WIRE_VERSION);
        note = version;
    }
    if (answers && tt_find_says_safe_mode(links, left))
        note = " (safe mode; 'tutti crash' says why)";
    while (answers && next_path(&links, &left, &path, &length)) {
        fputc(' ', stdout);
        for (size_t i = 0; i < length; i++)
            if (path[i] > 0x20 && path[i] < 0x7f)
                fputc(path[i], stdout);
    }
    printf("%s\n", note);
}

static void write_peer(tt_json_writer *json, const tt_peer *peer, const char *address, bool answers,
                       const char *links, size_t left)
{
    tt_json_open(json, NULL, '{');
    tt_json_text(json, "name", peer->name);
    tt_json_text(json, "kind", peer->kind);
    tt_json_text(json, "address", address);
    if (!tt_node_speaks_to(peer))
        tt_json_number(json, "wire", peer->wire);
    if (!peer->sleep_told && peer->sleep_s > 0)
        tt_json_number(json, "sleeps", peer->sleep_s);
    const char *path;
    size_t length;
    if (answers) {
        tt_json_open(json, "resources", '[');
        while (next_path(&links, &left, &path, &length))
            tt_json_bytes(json, NULL, path, length);
        tt_json_close(json, ']');
    } else {
        tt_json_word(json, "resources", "null");
    }
    tt_json_close(json, '}');
}

// One that discovery found, or whom another told of and who answered, or did not. False where it
// is gone by now: who died while it was looked for or asked is not listed.
static bool show_device(tt_client *client, const tt_peer *peer, bool is_found, bool is_there,
                        tt_json_writer *json)
{
    static uint8_t payload[LINKS_MAX];
    char address[TT_ENDPOINT_TEXT_MAX];
    tt_text text;
    tt_text_init(&text, address, sizeof(address));
    tt_endpoint_format(&peer->endpoint, &text);
    tt_answer answer = {.payload = payload, .capacity = sizeof(payload)};
    bool answers = is_there && tt_node_speaks_to(peer) && ask_links(client, peer, &answer);
    if (is_found && tt_client_alive(client) &&
        tt_node_find(&client->node, NULL, peer->name) == NULL)
        return false;
    const char *links = (const char *)payload;
    if (as_json)
        write_peer(json, peer, address, answers, links, answer.length);
    else
        print_peer(peer, address, answers, links, answer.length);
    return true;
}

// ---- whom others know

static tt_member places[MEMBERS];

// A member's name and kind are its own to tell. False: it does not answer.
static bool ask_who(tt_client *client, const tt_member *member, tt_peer *peer)
{
    static const char *const keys[] = {"name", "kind"};
    uint8_t payload[1024];
    tt_answer answer = {.payload = payload, .capacity = sizeof(payload)};
    tt_call call = {.peer = member->endpoint,
                    .method = TT_GET,
                    .path = "device",
                    .content_format = TT_FORMAT_NONE,
                    .accept = TT_FORMAT_CBOR,
                    .timeout = TT_SECONDS(2)};
    *peer = (tt_peer){.endpoint = member->endpoint, .name = "?", .kind = "?"};
    if (tt_client_ask(client, &call, &answer) != TT_OK)
        return false;
    if (answer.code != TT_CONTENT) { // not a product's node; its life tells the name all the same
        call.path = TT_NODE_LIFE_PATH;
        if (tt_client_ask(client, &call, &answer) != TT_OK || answer.code != TT_CONTENT)
            return true;
    }
    for (unsigned i = 0; i < TT_COUNT(keys); i++) {
        tt_reader r;
        tt_cbor_item item;
        tt_reader_init(&r, payload, answer.length);
        size_t room = i == 0 ? sizeof(peer->name) : sizeof(peer->kind);
        if (tt_cbor_find(&r, keys[i]) != TT_OK || tt_cbor_next(&r, &item) != TT_OK ||
            item.type != TT_CBOR_TEXT || item.length >= room)
            continue;
        char *to = i == 0 ? peer->name : peer->kind;
        memcpy(to, item.bytes, item.length);
        to[item.length] = '\0';
    }
    return true;
}

static bool is_listed(const tt_peer *peers, size_t count, const tt_member *member)
{
    for (size_t i = 0; i < count; i++)
        if (peers[i].reported && (tt_endpoint_equal(&peers[i].endpoint, &member->endpoint) ||
                                  tt_bus_identity(peers[i].name, peers[i].boot) == member->id))
            return true;
    return false;
}

// Those who spoke to us before those of whom others only told, as if they were one list.
static const tt_member *in_order(const tt_member *members, unsigned all, unsigned i)
{
    bool spoke = i < all;
    const tt_member *member = &members[spoke ? i : i - all];
    return (member->heard_s != 0) == spoke ? member : NULL;
}

// Those that multicast DNS did not tell of; how many. Anybody can tell of a thousand who do not
// answer: once so long was waited in vain, no others are asked.
static unsigned show_members(tt_client *client, const tt_peer *peers, size_t count,
                             tt_json_writer *json)
{
    static tt_member copy[MEMBERS]; // asking turns the node
    unsigned found = 0, unasked = 0, all = client->members->count;
    tt_time in_vain = 0;
    memcpy(copy, places, sizeof(copy));
    for (unsigned i = 0; i < 2 * all && tt_client_alive(client); i++) {
        tt_peer peer;
        const tt_member *member = in_order(copy, all, i);
        if (member == NULL || member->state == TT_MEMBER_GONE || is_listed(peers, count, member))
            continue;
        if (in_vain >= IN_VAIN_MAX) {
            unasked++;
            continue;
        }
        tt_time began = tt_client_now(client);
        tt_say_progress(false, "asking who %u of %u is", i % all + 1, all);
        bool answers = ask_who(client, member, &peer);
        tt_say_progress_end();
        // One that is doubted, and does not answer, is gone, as far as anybody knows.
        if (answers || member->state == TT_MEMBER_ALIVE)
            found += show_device(client, &peer, false, answers, json);
        tt_time took = tt_client_now(client) - began;
        in_vain += took > IN_VAIN_LEAST ? took : 0;
    }
    if (unasked > 0)
        tt_say("%u more, of whom others told, were not asked, since so many did not answer",
               unasked);
    return found;
}

static tt_exit learn_given(tt_client *client)
{
    for (unsigned i = 0; i < given.count; i++) {
        tt_target target;
        tt_endpoint endpoint;
        tt_exit result = tt_find_read("ls", given.words[i], "", &target);
        if (result == TT_EXIT_OK && target.kind != TT_TARGET_ADDRESS) {
            tt_say_error("tutti ls: --peer takes an address, coap://HOST[:PORT], not '%s'",
                         given.words[i]);
            result = TT_EXIT_USAGE;
        }
        if (result == TT_EXIT_OK)
            result = tt_find(client, "ls", &target, 0, &endpoint);
        if (result != TT_EXIT_OK)
            return result;
        if (!tt_members_learn(&client->node, tt_client_now(client), &endpoint, TT_MEMBER_BY_HAND)) {
            tt_say_error("tutti ls: --peer may be given %d times", TT_MEMBERS_SEEDS_MAX);
            return TT_EXIT_USAGE;
        }
    }
    return TT_EXIT_OK;
}

// More devices than are known at a time are not passed over in silence.
static void say_others(const tt_client *client, unsigned found)
{
    bool more;
    size_t others =
        tt_discovery_count_others(&client->node.discovery, tt_client_now(client), &more);
    size_t known = tt_members_count(client->members); // as others tell
    others = found > 0 && known > found + others ? known - found : others;
    if (others > 0)
        tt_say("%u of %s%zu shown; a device is asked by its name whether it is shown or not", found,
               more ? "more than " : "", found + others);
}

static tt_exit run(unsigned count, const char *const *arguments)
{
    (void)count;
    (void)arguments;
    static tt_client client;
    static tt_members members;
    static uint16_t heads[2 * MEMBERS];
    tt_members_init(&members, places, heads, MEMBERS);
    client.members = &members;
    tt_exit result = tt_client_open(&client, "ls", net, host, NULL, NULL);
    if (result == TT_EXIT_OK)
        result = tt_client_use_directory(&client, "ls", directory);
    if (result == TT_EXIT_OK)
        result = learn_given(&client);
    if (result != TT_EXIT_OK)
        return result;
    members.eager = true;             // those who are found are asked whom they know
    client.node.options.watch = true; // who is found and dies meanwhile is not listed
    tt_time deadline = tt_client_now(&client) + TT_SECONDS(seconds);
    while (tt_client_now(&client) < deadline && tt_client_alive(&client)) {
        tt_say_progress(false, "looking for %.0f s more",
                        (double)(deadline - tt_client_now(&client)) / 1e9);
        tt_client_turn(&client, tt_earlier(deadline, tt_client_now(&client) + TT_MS(500)));
    }
    tt_say_progress_end();
    if (!tt_client_alive(&client)) {
        tt_say_error("tutti ls: " TT_FLEET_ENDED);
        return TT_EXIT_UNREACHABLE;
    }

    // A copy, since asking turns the node and its table may change.
    tt_peer peers[TT_NODE_PEERS_MAX];
    memcpy(peers, client.node.peers, sizeof(peers));
    unsigned found = 0;
    tt_json_writer json = {.file = stdout};
    if (as_json)
        tt_json_open(&json, NULL, '[');
    for (size_t i = 0; i < TT_COUNT(peers); i++)
        found += peers[i].reported && show_device(&client, &peers[i], true, true, &json);
    found += show_members(&client, peers, TT_COUNT(peers), &json);
    if (as_json) {
        tt_json_close(&json, ']');
        fputc('\n', stdout);
    }
    say_others(&client, found);
    if (found > 0)
        return TT_EXIT_OK;
    tt_say_error("tutti ls: no device was found in %u s", seconds);
    return TT_EXIT_UNREACHABLE;
}

const tt_command tt_command_ls = {
    .name = "ls",
    .arguments = "",
    .summary = "List the devices that are found: name, kind, address, resources",
    .help =
        "Devices announce themselves by DNS-SD over multicast DNS; nothing is configured. Where\n"
        "multicast does not pass, a resource directory (RFC 9176) knows those that registered. "
        "Those\n"
        "that are found, and those at addresses given by --peer, are asked whom they know besides.",
    .examples = "  tutti ls\n  tutti ls --for 10 --net build/demo/fleet\n  tutti ls --host --json",
    .options = options,
    .option_count = TT_COUNT(options),
    .run = run,
};
