// Nodes on a wire in memory, with virtual time: which names and ports they take, that they find and
// ask one another by them, and what happens when a table of theirs is full.

#include "tests/test.h"
#include "tutti/check.h"
#include "tutti/node.h"
#include "tutti/node_groups.h"

#define NODES (TT_NODE_PEERS_MAX + 2)
#define INBOX_MAX 256
#define TOLD_BY_ICMP 99 // the hop limit of what stands for an error about its peer

typedef struct wired {
    tt_platform platform; // first
    tt_node node;
    unsigned index, sockets, sockets_max, received;
    uint16_t ports[2], any_port;
    tt_datagram inbox[INBOX_MAX];
    unsigned first, count;
    bool present;
} wired;

static wired nodes[NODES];
static tt_time time_now;
static size_t longest_question; // of node 0

static wired *self(tt_platform *platform)
{
    return (wired *)platform;
}

static tt_time wired_now(tt_platform *platform)
{
    (void)platform;
    return time_now;
}

static void wired_random(tt_platform *platform, void *bytes, size_t length)
{
    static tt_random random;
    if (random.state[0] == 0)
        tt_random_seed(&random, 7);
    (void)platform;
    tt_random_bytes(&random, bytes, length);
}

static tt_status wired_open(tt_platform *platform, uint16_t port, const tt_endpoint *groups,
                            size_t group_count, tt_socket *socket)
{
    wired *n = self(platform);
    (void)groups, (void)group_count;
    if (n->sockets == n->sockets_max)
        return TT_FULL;
    n->ports[n->sockets] = port != 0 ? port : n->any_port;
    *socket = n->sockets++;
    return TT_OK;
}

static uint16_t wired_port(tt_platform *platform, tt_socket socket)
{
    return self(platform)->ports[socket];
}

static tt_endpoint address_of(unsigned index, uint16_t port)
{
    return (tt_endpoint){
        .ip = {0xfe, 0x80, [15] = (uint8_t)(index + 1)}, .port = port, .interface = 1};
}

static tt_status wired_send(tt_platform *platform, const tt_datagram *datagram)
{
    wired *from = self(platform);
    if (tt_endpoint_is_ipv4(&datagram->peer))
        return TT_UNREACHABLE;
    bool question = datagram->socket == 1 && (datagram->data[2] & 0x80) == 0;
    if (from == nodes && question && datagram->length > longest_question)
        longest_question = datagram->length;
    for (unsigned i = 0; i < NODES; i++) {
        wired *to = &nodes[i];
        bool meant = tt_endpoint_is_multicast(&datagram->peer)
                         ? to != from
                         : datagram->peer.ip[15] == to->index + 1;
        for (tt_socket s = 0; to->present && meant && s < to->sockets; s++) {
            if (to->ports[s] != datagram->peer.port || to->count == INBOX_MAX)
                continue;
            tt_datagram *d = &to->inbox[(to->first + to->count++) % INBOX_MAX];
            *d = *datagram;
            d->socket = s;
            d->peer = address_of(from->index, from->ports[datagram->socket]);
        }
    }
    return TT_OK;
}

static tt_status wired_receive(tt_platform *platform, tt_datagram *datagram)
{
    wired *n = self(platform);
    if (n->count == 0)
        return TT_EMPTY;
    *datagram = n->inbox[n->first];
    n->first = (n->first + 1) % INBOX_MAX;
    n->count--;
    n->received++;
    return datagram->hop_limit == TOLD_BY_ICMP ? TT_UNREACHABLE : TT_OK;
}

static size_t wired_addresses(tt_platform *platform, tt_endpoint *addresses, size_t capacity)
{
    (void)capacity;
    addresses[0] = address_of(self(platform)->index, 0);
    return 1;
}

static const tt_platform_operations operations = {.now = wired_now,
                                                  .random = wired_random,
                                                  .open = wired_open,
                                                  .port = wired_port,
                                                  .send = wired_send,
                                                  .receive = wired_receive,
                                                  .addresses = wired_addresses};

static void start(void)
{
    time_now = TT_SECONDS(1);
    for (unsigned i = 0; i < NODES; i++)
        nodes[i] = (wired){.platform = {&operations},
                           .index = i,
                           .sockets_max = 2,
                           .any_port = (uint16_t)(50000 + i)};
}

static tt_status join(unsigned i, const char *name, const char *kind, uint16_t port, bool browse)
{
    tt_node_options options = {.name = name, .kind = kind, .port = port, .browse = browse};
    tt_status status = tt_node_init(&nodes[i].node, &nodes[i].platform, &options);
    nodes[i].present = status == TT_OK;
    return status;
}

static void pass(tt_time duration)
{
    for (tt_time end = time_now + duration; time_now < end; time_now += TT_MS(10))
        for (unsigned i = 0; i < NODES; i++)
            if (nodes[i].present)
                tt_node_poll(&nodes[i].node);
}

static void test_names(void)
{
    static const struct {
        const char *name, *kind;
        tt_status status;
    } cases[] = {
        {"K", "k", TT_OK},
        {"Kitchen lamp", "Lamp", TT_OK},
        {"K\xc3\xbc"
         "che",
         "lamp", TT_OK},
        {"1234567890123456789012345678901", "123456789012345", TT_OK},
        {"12345678901234567890123456789012", "lamp", TT_TOO_LARGE},
        {"lamp", "1234567890123456", TT_TOO_LARGE},
        {"", "lamp", TT_INVALID},
        {"lamp", "", TT_INVALID},
        {"lamp", NULL, TT_INVALID},
        {"a.b", "lamp", TT_INVALID},
        {"a/b", "lamp", TT_INVALID},
        {"a\nb", "lamp", TT_INVALID},
        {"a\x1f", "lamp", TT_INVALID},
        {"a\x7f", "lamp", TT_INVALID},
        {"a\x80", "lamp", TT_INVALID}, // no UTF-8
        {"lamp", "a\tb", TT_INVALID},
        {NULL, NULL, TT_OK},
    };
    for (size_t i = 0; i < TT_COUNT(cases); i++) {
        start();
        EXPECT_EQUAL(join(0, cases[i].name, cases[i].kind, 0, true), cases[i].status);
        EXPECT_EQUAL(nodes[0].sockets, cases[i].status == TT_OK ? 2 : 0);
    }
    // Without a port to open there is no node.
    for (unsigned sockets = 0; sockets < 2; sockets++) {
        start();
        nodes[0].sockets_max = sockets;
        EXPECT_EQUAL(join(0, "lamp", "lamp", 0, true), TT_FULL);
    }
}

static tt_status answer_status;
static tt_code answer_code;

static void on_reply(tt_call *call, tt_time now, const tt_reply *reply)
{
    (void)call, (void)now;
    answer_status = reply->status;
    answer_code = reply->code;
}

static void hello(tt_resource *resource, tt_time now, const tt_request *request,
                  tt_response *response)
{
    (void)resource, (void)now;
    tt_respond_bytes(request, response, TT_FORMAT_TEXT, "hello", 5, 1);
}

// A node on any port announces the one that it has, keeps its capitals, and is found whatever
// capitals are asked for.
static void test_any_port(void)
{
    static tt_resource resource = {.path = "hello", .handler = hello, .methods = 1 << TT_GET};
    static tt_call call;
    start();
    REQUIRE(join(0, "Kitchen", "LAMP", 0, false) == TT_OK);
    REQUIRE(join(1, NULL, NULL, 0, true) == TT_OK);
    REQUIRE(tt_bus_add(&nodes[0].node.bus, &resource) == TT_OK);
    EXPECT_EQUAL(nodes[0].node.port, 50000);
    EXPECT_EQUAL(nodes[1].node.port, 50001);
    pass(TT_SECONDS(3));
    const tt_peer *peer = tt_node_find(&nodes[1].node, "lamp", "kITCHEN");
    REQUIRE(peer != NULL);
    EXPECT_TEXT(peer->name, "Kitchen");
    EXPECT_TEXT(peer->kind, "LAMP");
    EXPECT_EQUAL(peer->endpoint.port, 50000);
    EXPECT(tt_node_find(&nodes[1].node, "lamps", NULL) == NULL);
    EXPECT(tt_node_find(&nodes[1].node, NULL, "Kitche") == NULL);
    EXPECT(tt_node_find(&nodes[1].node, NULL, NULL) == peer);
    call = (tt_call){.peer = peer->endpoint,
                     .method = TT_GET,
                     .path = "hello",
                     .content_format = TT_FORMAT_NONE,
                     .accept = TT_FORMAT_NONE,
                     .on_reply = on_reply};
    answer_status = TT_TIMED_OUT;
    REQUIRE(tt_bus_call(&nodes[1].node.bus, time_now, &call) == TT_OK);
    pass(TT_MS(100));
    EXPECT(answer_status == TT_OK && answer_code == TT_CONTENT);
}

// An ICMP error about a datagram of the bus ends the calls to that endpoint; one about a datagram
// of multicast DNS, whose peers are others though their addresses may be the same, ends none.
static void test_icmp_errors(void)
{
    static tt_call call;
    start();
    REQUIRE(join(0, NULL, NULL, 0, false) == TT_OK);
    call = (tt_call){.peer = address_of(NODES, TT_MDNS_PORT),
                     .method = TT_GET,
                     .path = "hello",
                     .on_reply = on_reply};
    REQUIRE(tt_bus_call(&nodes[0].node.bus, time_now, &call) == TT_OK);
    for (tt_socket socket = 2; socket-- > 0;) {
        answer_status = TT_OK;
        nodes[0].inbox[nodes[0].first] =
            (tt_datagram){.peer = call.peer, .socket = socket, .hop_limit = TOLD_BY_ICMP};
        nodes[0].count = 1;
        tt_node_poll(&nodes[0].node);
        EXPECT_EQUAL(answer_status, socket == 0 ? TT_UNREACHABLE : TT_OK);
    }
    EXPECT_EQUAL(nodes[0].node.counters.datagrams_received, 0);
}

static unsigned deleted;

static void count_deletes(tt_resource *resource, tt_time now, const tt_request *request,
                          tt_response *response)
{
    (void)resource, (void)now, (void)request;
    deleted++;
    response->code = TT_DELETED;
}

// What was sent to a group or to everybody runs no handler, whatever it is.
static void test_multicast(void)
{
    static tt_resource resource = {
        .path = "x", .handler = count_deletes, .methods = 1 << TT_DELETE};
    static const uint8_t request[] = {0x50, 0x04, 0x12, 0x34, 0xb1, 'x'}; // NON DELETE /x
    start();
    deleted = 0;
    REQUIRE(join(0, NULL, NULL, TT_BUS_PORT, false) == TT_OK);
    REQUIRE(tt_bus_add(&nodes[0].node.bus, &resource) == TT_OK);
    for (int multicast = 1; multicast >= 0; multicast--) {
        tt_datagram *d = &nodes[0].inbox[nodes[0].first];
        *d = (tt_datagram){.peer = address_of(NODES, 40000), .multicast = multicast != 0};
        memcpy(d->data, request, d->length = sizeof(request));
        nodes[0].count = 1;
        tt_node_poll(&nodes[0].node);
        EXPECT_EQUAL(deleted, multicast == 0);
    }
    EXPECT_EQUAL(nodes[0].node.counters.multicast_dropped, 1);
}

// What is told goes out from the bus's port, whatever lay in its space before.
static void test_told(void)
{
    static tt_datagram space = {.socket = 1, .hop_limit = 255, .multicast = true, .cut = true};
    start();
    REQUIRE(join(0, NULL, NULL, TT_BUS_PORT, false) == TT_OK);
    REQUIRE(join(1, NULL, NULL, TT_BUS_PORT, false) == TT_OK);
    tt_call call = {.peer = address_of(1, TT_BUS_PORT),
                    .method = TT_POST,
                    .path = "x",
                    .content_format = TT_FORMAT_NONE,
                    .accept = TT_FORMAT_NONE};
    EXPECT_EQUAL(tt_node_tell(&nodes[0].node, time_now, &call, &space), TT_OK);
    EXPECT(nodes[1].count == 1 && nodes[0].node.counters.datagrams_sent == 1);
    const tt_datagram *d = &nodes[1].inbox[nodes[1].first];
    EXPECT(d->peer.port == TT_BUS_PORT && d->hop_limit == 0 && !d->multicast && !d->cut);
    EXPECT(d->socket == 0 && d->may_wait);
}

static tt_status groups_status;

static tt_status open_groups(tt_platform *platform, uint16_t port, const tt_endpoint *groups,
                             size_t group_count, tt_socket *socket)
{
    (void)platform;
    EXPECT(port == TT_BUS_PORT && group_count == 2);
    for (size_t i = 0; i < group_count; i++)
        EXPECT(tt_endpoint_is_multicast(&groups[i]) && groups[i].port == TT_BUS_PORT);
    *socket = 2;
    return groups_status;
}

// Where the platform has no groups, or cannot join them, nothing is answered.
static void test_joining_groups(void)
{
    static tt_node_groups groups;
    tt_platform_operations with = operations;
    with.open_groups = open_groups;
    start();
    REQUIRE(join(0, NULL, NULL, TT_BUS_PORT, false) == TT_OK);
    tt_node *node = &nodes[0].node;
    EXPECT_EQUAL(tt_node_join_groups(node, &groups), TT_UNSUPPORTED);
    nodes[0].platform.operations = &with;
    groups_status = TT_IO;
    EXPECT_EQUAL(tt_node_join_groups(node, &groups), TT_IO);
    EXPECT(node->groups == NULL && node->on_multicast == NULL);
    groups_status = TT_OK;
    EXPECT_EQUAL(tt_node_join_groups(node, &groups), TT_OK);
    EXPECT(node->groups == &groups && node->on_multicast != NULL && groups.socket == 2);
    nodes[0].platform.operations = &operations;
}

// Two devices whose names differ in their capitals alone have one name: the later takes another.
static void test_same_name(void)
{
    start();
    REQUIRE(join(0, "Kitchen", "lamp", 0, true) == TT_OK);
    pass(TT_SECONDS(3));
    REQUIRE(join(1, "kitchen", "lamp", 0, true) == TT_OK);
    pass(TT_SECONDS(5));
    EXPECT_TEXT(nodes[0].node.discovery.name, "Kitchen");
    EXPECT_TEXT(nodes[1].node.discovery.name, "kitchen-2");
    for (unsigned i = 0; i < 2; i++) { // who they are to each other goes with their names
        const tt_discovery *d = &nodes[i].node.discovery;
        EXPECT(nodes[i].node.bus.identity == tt_bus_identity(d->name, d->options.boot));
    }
    EXPECT(tt_node_find(&nodes[0].node, NULL, "KITCHEN-2") != NULL);
    EXPECT(tt_node_find(&nodes[1].node, NULL, "KITCHEN") != NULL);
    // A long name makes room for its suffix, and no character of it is cut in two.
    static const char long_name[] = "abcdefghijklmnopqrstuvwxyz\xc3\xa4\xc3\xb6"
                                    "b";
    start();
    REQUIRE(join(0, long_name, "lamp", 0, true) == TT_OK);
    pass(TT_SECONDS(3));
    REQUIRE(join(1, long_name, "lamp", 0, true) == TT_OK);
    pass(TT_SECONDS(5));
    EXPECT_TEXT(nodes[1].node.discovery.name, "abcdefghijklmnopqrstuvwxyz-2");
}

// One device more than are known at a time: those that are known stay, and when one goes there is
// room for the other. Their names fill a question (TT_MDNS_MESSAGE_MAX), and not all are in it.
static void test_many_peers(void)
{
    static char names[NODES][TT_NAME_MAX];
    start();
    for (unsigned i = 0; i < NODES; i++) {
        snprintf(names[i], sizeof(names[i]), "node-%026u", i);
        REQUIRE(join(i, names[i], "lamp", TT_BUS_PORT, i == 0) == TT_OK);
        pass(TT_SECONDS(2));
    }
    unsigned known = 0;
    for (unsigned i = 1; i < NODES; i++)
        known += tt_node_find(&nodes[0].node, NULL, names[i]) != NULL;
    EXPECT_EQUAL(known, TT_NODE_PEERS_MAX);
    EXPECT(longest_question <= TT_MDNS_MESSAGE_MAX && longest_question > TT_MDNS_MESSAGE_MAX - 128);
    EXPECT(tt_node_find(&nodes[0].node, NULL, names[NODES - 1]) == NULL);
    EXPECT(tt_node_find(&nodes[0].node, NULL, names[1]) != NULL);
    nodes[1].present = false;
    pass(TT_PRESENCE_GONE + TT_SECONDS(125)); // its records end, and it does not answer
    EXPECT(tt_node_find(&nodes[0].node, NULL, names[1]) == NULL);
    EXPECT(tt_node_find(&nodes[0].node, NULL, names[NODES - 1]) != NULL);
}

// A turn of the loop takes a bounded number of datagrams, and says that there are more.
static void test_turn(void)
{
    start();
    REQUIRE(join(0, NULL, NULL, 0, false) == TT_OK);
    tt_node_poll(&nodes[0].node);
    EXPECT(tt_node_deadline(&nodes[0].node) > time_now);
    nodes[0].received = 0;
    nodes[0].count = TT_NODE_DATAGRAMS_MAX + 1;
    for (unsigned i = 0; i < nodes[0].count; i++)
        nodes[0].inbox[i] = (tt_datagram){.peer = address_of(1, 4000), .length = 3};
    nodes[0].first = 0;
    tt_node_poll(&nodes[0].node);
    EXPECT_EQUAL(nodes[0].received, TT_NODE_DATAGRAMS_MAX);
    EXPECT(tt_node_deadline(&nodes[0].node) <= time_now);
    tt_node_poll(&nodes[0].node);
    EXPECT_EQUAL(nodes[0].received, TT_NODE_DATAGRAMS_MAX + 1);
    EXPECT(tt_node_deadline(&nodes[0].node) > time_now);
    EXPECT_EQUAL(nodes[0].node.counters.datagrams_received, TT_NODE_DATAGRAMS_MAX + 1);
}

// tt_node_stop ends tt_node_run, which says goodbye first.
static unsigned waits;

static void stop_soon(tt_platform *platform, tt_time deadline)
{
    (void)deadline;
    time_now += TT_MS(100);
    for (unsigned i = 1; i < NODES; i++)
        if (nodes[i].present)
            tt_node_poll(&nodes[i].node);
    if (++waits == 40)
        tt_node_stop(&self(platform)->node);
}

static void no_wake(tt_platform *platform)
{
    (void)platform;
}

static void test_stop(void)
{
    static tt_platform_operations stopping;
    stopping = operations;
    stopping.wait = stop_soon;
    stopping.wake = no_wake;
    start();
    REQUIRE(join(0, "lamp", "lamp", 0, false) == TT_OK);
    REQUIRE(join(1, NULL, NULL, 0, true) == TT_OK);
    nodes[0].platform.operations = &stopping;
    waits = 0;
    tt_node_run(&nodes[0].node);
    EXPECT_EQUAL(waits, 40);
    EXPECT(tt_node_find(&nodes[1].node, NULL, "lamp") != NULL);
    nodes[0].present = false; // it said goodbye, and does not answer any more
    pass(TT_PRESENCE_GONE + TT_MS(500));
    EXPECT(tt_node_find(&nodes[1].node, NULL, "lamp") == NULL);
    for (unsigned i = 0; i < TT_NODE_PEERS_MAX; i++) // nor is it asked for: it left in order
        EXPECT_EQUAL(nodes[1].node.peers[i].name[0], '\0');
}

// A node that looks for nobody is found, tells of its life, answers pings, and may call by address.
static void test_announcer(void)
{
    static tt_resource resource = {.path = "hello", .handler = hello, .methods = 1 << TT_GET};
    static tt_call call;
    tt_node_options options = {.name = "lamp", .kind = "lamp", .port = TT_BUS_PORT};
    start();
    for (unsigned i = 0; i < 2; i++) {
        options.browse = i == 0;
        options.watch = i == 1;
        EXPECT_EQUAL(tt_node_init_announcer(&nodes[0].node, &nodes[0].platform, &options),
                     TT_INVALID);
        EXPECT_EQUAL(nodes[0].sockets, 0);
    }
    options.watch = false;
    REQUIRE(tt_node_init_announcer(&nodes[0].node, &nodes[0].platform, &options) == TT_OK);
    nodes[0].present = true;
    REQUIRE(join(1, "fan", "fan", TT_BUS_PORT, true) == TT_OK);
    REQUIRE(tt_bus_add(&nodes[1].node.bus, &resource) == TT_OK);
    pass(TT_SECONDS(5));
    const tt_peer *peer = tt_node_find(&nodes[1].node, "lamp", "lamp");
    EXPECT(peer != NULL && tt_node_find(&nodes[0].node, NULL, NULL) == NULL);
    call = (tt_call){.peer = address_of(0, TT_BUS_PORT), .on_reply = on_reply};
    answer_status = TT_MALFORMED;
    REQUIRE(tt_bus_ping(&nodes[1].node.bus, time_now, &call) == TT_OK);
    pass(TT_SECONDS(1));
    EXPECT_EQUAL(answer_status, TT_OK);
    for (unsigned i = 0; i < 2; i++) { // each asks the other
        call = (tt_call){.peer = address_of(i, TT_BUS_PORT),
                         .method = TT_GET,
                         .path = i == 0 ? TT_NODE_LIFE_PATH : "hello",
                         .content_format = TT_FORMAT_NONE,
                         .accept = TT_FORMAT_NONE,
                         .on_reply = on_reply};
        answer_code = TT_BAD_REQUEST;
        EXPECT(nodes[0].node.bus.calling == NULL);
        REQUIRE(tt_bus_call(&nodes[1 - i].node.bus, time_now, &call) == TT_OK);
        pass(TT_SECONDS(1));
        EXPECT_EQUAL(answer_code, TT_CONTENT);
    }
    // Pinged while somebody depends on it, it lives; silent, it is gone.
    nodes[0].present = false;
    call.peer = address_of(0, TT_BUS_PORT);
    call.path = TT_NODE_LIFE_PATH;
    REQUIRE(tt_bus_call(&nodes[1].node.bus, time_now, &call) == TT_OK);
    pass(TT_SECONDS(4));
    EXPECT(tt_node_find(&nodes[1].node, "lamp", NULL) == NULL && answer_status == TT_TIMED_OUT);
}

int main(void)
{
    test_announcer();
    test_stop();
    test_names();
    test_any_port();
    test_icmp_errors();
    test_multicast();
    test_told();
    test_joining_groups();
    test_same_name();
    test_many_peers();
    test_turn();
    return test_result();
}
