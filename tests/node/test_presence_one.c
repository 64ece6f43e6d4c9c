// Whom one node pings and asks, and when: by one node on a platform of plain variables, whose
// others are played by the test.

#include <string.h>

#include "bus/discovery_internal.h"
#include "bus/message.h"
#include "node/internal.h"
#include "tests/test.h"
#include "tutti/cbor.h"
#include "tutti/check.h"

#define INBOX_MAX 32
#define OTHERS 4 // who may be played

static struct {
    tt_platform platform; // first
    tt_node node;
    tt_time now;
    tt_random random;
    tt_datagram inbox[INBOX_MAX];
    unsigned first, count;
} one;

// Each is at the address of its number.
static struct {
    bool answers_pings, answers_asks;
    const char *name;
    uint32_t boot;
    unsigned pings, asks;
    uint16_t ping; // the newest one's id
    tt_time pinged, asked;
} others[OTHERS + 1];

static unsigned found, gone, restarted;

static tt_time one_now(tt_platform *platform)
{
    (void)platform;
    return one.now;
}

static void one_random(tt_platform *platform, void *bytes, size_t length)
{
    (void)platform;
    tt_random_bytes(&one.random, bytes, length);
}

static tt_status one_open(tt_platform *platform, uint16_t port, const tt_endpoint *groups,
                          size_t group_count, tt_socket *socket)
{
    (void)platform, (void)groups, (void)group_count;
    *socket = port == TT_MDNS_PORT;
    return TT_OK;
}

static uint16_t one_port(tt_platform *platform, tt_socket socket)
{
    (void)platform, (void)socket;
    return TT_BUS_PORT;
}

static tt_endpoint place(unsigned i)
{
    return (tt_endpoint){
        .ip = {0xfe, 0x80, [15] = (uint8_t)i}, .port = TT_BUS_PORT, .interface = 1};
}

static tt_datagram *from(unsigned i)
{
    REQUIRE(one.count < INBOX_MAX);
    tt_datagram *d = &one.inbox[(one.first + one.count++) % INBOX_MAX];
    *d = (tt_datagram){.peer = place(i)};
    return d;
}

static void say_empty(unsigned i, uint8_t first, uint16_t id)
{
    tt_datagram *d = from(i);
    d->length = 4;
    d->data[0] = first;
    d->data[2] = (uint8_t)(id >> 8);
    d->data[3] = (uint8_t)id;
}

static void tell_life(unsigned i, const tt_message *m)
{
    uint8_t body[64];
    tt_writer b;
    tt_message_writer w;
    tt_datagram *d = from(i);
    tt_writer_init(&b, body, sizeof(body));
    tt_cbor_map(&b, 2);
    tt_cbor_text(&b, "boot");
    tt_cbor_unsigned(&b, others[i].boot);
    tt_cbor_text(&b, "name");
    tt_cbor_text(&b, others[i].name);
    tt_message_begin(&w, d->data, sizeof(d->data), TT_ACKNOWLEDGEMENT, TT_CONTENT, m->id,
                     &m->token);
    tt_message_option_number(&w, TT_OPTION_CONTENT_FORMAT, TT_FORMAT_CBOR);
    tt_message_payload(&w, body, b.length);
    d->length = w.out.length;
}

static tt_status one_send(tt_platform *platform, const tt_datagram *datagram)
{
    tt_message m;
    unsigned i = datagram->peer.ip[15];
    (void)platform;
    if (datagram->socket != 0 || i > OTHERS)
        return TT_OK;
    REQUIRE(tt_message_parse(&m, datagram->data, datagram->length) == TT_OK);
    if (m.code == 0 && m.type == TT_CONFIRMABLE) {
        others[i].pings++;
        others[i].pinged = one.now;
        others[i].ping = m.id;
        if (others[i].answers_pings)
            say_empty(i, 0x70, m.id);
    } else if (m.code == TT_GET && strcmp(m.path, TT_NODE_LIFE_PATH) == 0) {
        others[i].asks++;
        others[i].asked = one.now;
        if (others[i].answers_asks)
            tell_life(i, &m);
    } else if (m.code == TT_GET) {
        say_empty(i, 0x60, m.id); // its answer is to come
    }
    return TT_OK;
}

static tt_status one_receive(tt_platform *platform, tt_datagram *datagram)
{
    (void)platform;
    if (one.count == 0)
        return TT_EMPTY;
    *datagram = one.inbox[one.first];
    one.first = (one.first + 1) % INBOX_MAX;
    one.count--;
    return TT_OK;
}

static size_t one_addresses(tt_platform *platform, tt_endpoint *addresses, size_t capacity)
{
    (void)platform, (void)capacity;
    addresses[0] = place(200);
    addresses[0].port = 0;
    return 1;
}

static const tt_platform_operations one_operations = {.now = one_now,
                                                      .random = one_random,
                                                      .open = one_open,
                                                      .port = one_port,
                                                      .send = one_send,
                                                      .receive = one_receive,
                                                      .addresses = one_addresses};

static void on_peer(tt_discovery *discovery, tt_time now, tt_peer_event event, const tt_peer *peer,
                    void *context)
{
    (void)discovery, (void)now, (void)peer, (void)context;
    found += event == TT_PEER_FOUND;
    gone += event == TT_PEER_GONE;
    restarted += event == TT_PEER_RESTARTED;
}

static void start(bool watch)
{
    memset(&one, 0, sizeof(one));
    memset(others, 0, sizeof(others));
    found = gone = restarted = 0;
    one.platform.operations = &one_operations;
    one.now = TT_SECONDS(1);
    tt_random_seed(&one.random, 3);
    tt_node_options options = {.name = "me",
                               .kind = "test",
                               .port = TT_BUS_PORT,
                               .browse = true,
                               .watch = watch,
                               .on_peer = on_peer};
    REQUIRE(tt_node_init(&one.node, &one.platform, &options) == TT_OK);
    tt_node_poll(&one.node);
}

// Turns of the loop, each at its deadline; how many.
static unsigned pass(tt_time duration)
{
    unsigned turns = 0;
    for (tt_time end = one.now + duration; one.now < end; turns++) {
        tt_time next = tt_node_deadline(&one.node);
        next = one.count > 0 || next <= one.now ? one.now + TT_US(10) : next;
        one.now = next < end ? next : end;
        tt_node_poll(&one.node);
    }
    return turns;
}

// One who is known by multicast DNS, and answers.
static tt_peer *know(unsigned i, const char *name)
{
    others[i].answers_pings = others[i].answers_asks = true;
    others[i].name = name;
    others[i].boot = 5;
    tt_peer *peer = tt_discovery_add_peer(&one.node.discovery, one.now, name);
    REQUIRE(peer != NULL);
    strcpy(peer->kind, "lamp");
    peer->endpoint = place(i);
    peer->boot = 5;
    peer->expires = one.now + TT_SECONDS(3000);
    tt_discovery_report(&one.node.discovery, one.now, peer);
    return peer;
}

static void silence(unsigned i)
{
    others[i].answers_pings = others[i].answers_asks = false;
}

// One who is watched and answers is pinged every two seconds, and asked every sixteenth time; once
// it is silent, ten times in a second, and then it is gone.
static void test_watched(void)
{
    start(true);
    tt_peer *peer = know(1, "lamp");
    pass(TT_SECONDS(64));
    EXPECT(others[1].pings >= 30 && others[1].pings <= 33);
    EXPECT_EQUAL(others[1].asks, others[1].pings / 16);
    EXPECT(found == 1 && gone == 0);
    silence(1);
    unsigned pings = others[1].pings;
    tt_time heard = peer->heard;
    pass(heard + TT_PRESENCE_GONE - one.now - 1);
    EXPECT(others[1].pings - pings == 10 && gone == 0);
    pass(1);
    EXPECT(gone == 1 && peer->lost && tt_node_deadline(&one.node) > one.now);
}

// What ends a ping is an acknowledgement or a reset of its id, from its place; nothing else.
static void test_answers_to_pings(void)
{
    static const struct {
        uint8_t first, code;
        unsigned place, id, ends;
    } cases[] = {{0x70, 0, 1, 0, 1}, {0x60, 0, 1, 0, 1}, {0x40, 0, 1, 0, 0}, {0x50, 0, 1, 0, 0},
                 {0x71, 0, 1, 0, 0}, {0x70, 1, 1, 0, 0}, {0x70, 0, 2, 0, 0}, {0x70, 0, 1, 1, 0}};
    for (unsigned i = 0; i < TT_COUNT(cases); i++) {
        start(true);
        tt_peer *peer = know(1, "lamp");
        silence(1);
        while (others[1].pings == 0)
            pass(TT_MS(10));
        EXPECT(peer->watch.ping == others[1].ping && peer->watch.ping != 0);
        say_empty(cases[i].place, cases[i].first, (uint16_t)(others[1].ping + cases[i].id));
        one.inbox[one.first].data[1] = cases[i].code;
        one.now += TT_US(10);
        tt_node_poll(&one.node);
        EXPECT_EQUAL(peer->watch.ping == 0, cases[i].ends);
        EXPECT_EQUAL(peer->heard == one.now, cases[i].place == 1); // a sign of life it is
    }
}

// One who is doubted and silent is asked and pinged, and gone after its time; time in which this
// device stood still is none of it.
static void test_doubted(void)
{
    for (int stands_still = 0; stands_still < 2; stands_still++) {
        start(false);
        tt_peer *peer = know(1, "lamp");
        pass(TT_SECONDS(10));
        EXPECT_EQUAL(others[1].pings + others[1].asks, 0); // nobody depends on it
        silence(1);
        tt_discovery_doubt(&one.node.discovery, one.now, peer);
        while (others[1].asks == 0)
            pass(TT_MS(10));
        tt_time since = peer->watch.since;
        EXPECT(others[1].pings > 0 && since <= one.now);
        if (stands_still) {
            one.now += TT_SECONDS(20);
            tt_node_poll(&one.node);
            EXPECT(gone == 0 && peer->doubted && peer->watch.since > since + TT_SECONDS(19));
            pass(TT_PRESENCE_GONE - TT_MS(300));
            EXPECT_EQUAL(gone, 0);
            pass(TT_MS(400));
        } else {
            pass(since + TT_PRESENCE_GONE - one.now - 1);
            EXPECT(gone == 0 && others[1].pings >= 10);
            pass(1);
        }
        EXPECT(gone == 1 && peer->lost);
        EXPECT(one.node.presence_at > one.now);
    }
}

// One who answers is doubted no more; one with another boot number has restarted.
static void test_settled(void)
{
    for (uint32_t boot = 5; boot < 7; boot++) {
        start(false);
        tt_peer *peer = know(1, "lamp");
        pass(TT_SECONDS(1));
        others[1].boot = boot;
        tt_discovery_doubt(&one.node.discovery, one.now, peer);
        pass(TT_SECONDS(2));
        EXPECT(peer->reported && !peer->doubted && peer->boot == boot);
        EXPECT(restarted == (boot != 5) && gone == 0);
        EXPECT(others[1].asks == 1 && peer->watch.silent == 0 && !peer->watch.asked);
    }
}

// Where another has the place meanwhile, what is answered is not of it.
static void test_place_of_another(void)
{
    start(false);
    tt_peer *peer = know(1, "lamp");
    pass(TT_SECONDS(1));
    silence(1);
    tt_discovery_doubt(&one.node.discovery, one.now, peer);
    while (others[1].asks == 0)
        pass(TT_MS(10));
    tt_discovery_forget(peer);
    EXPECT(know(2, "tv") == peer);
    peer->watch.asked = true;
    silence(2);
    pass(TT_SECONDS(2)); // the question about the first has failed
    EXPECT(peer->watch.asked && peer->watch.silent == 0);
    EXPECT_EQUAL(one.node.asks[0].busy, false);
}

// One who is lost is pinged at growing intervals, and found when it answers.
static void test_lost(void)
{
    start(true);
    tt_peer *peer = know(1, "lamp");
    pass(TT_SECONDS(10));
    silence(1);
    pass(TT_SECONDS(10));
    EXPECT(gone == 1 && peer->lost);
    unsigned pings = others[1].pings;
    pass(TT_SECONDS(20));
    EXPECT(others[1].pings - pings >= 18 && others[1].pings - pings <= 21);
    pass(TT_SECONDS(1000));
    tt_time before = others[1].pinged;
    pings = others[1].pings;
    while (others[1].pings == pings)
        pass(TT_MS(100));
    tt_time wait = (before - peer->watch.since) / 32;
    EXPECT(others[1].pinged - before >= wait - TT_MS(1));
    EXPECT(others[1].pinged - before <= wait + TT_MS(1));
    others[1].answers_pings = others[1].answers_asks = true;
    pass(TT_SECONDS(60));
    EXPECT(found == 2 && peer->reported && !peer->lost);
}

static tt_call call;
static unsigned ended, begun_again;

static void on_reply(tt_call *observed, tt_time now, const tt_reply *reply)
{
    if (!reply->final)
        return;
    ended++;
    if (begun_again++ == 0)
        EXPECT_EQUAL(tt_bus_call(&one.node.bus, now, observed), TT_OK);
}

static void observe(unsigned i)
{
    ended = begun_again = 0;
    call = (tt_call){.peer = place(i),
                     .method = TT_GET,
                     .path = "x",
                     .content_format = TT_FORMAT_NONE,
                     .accept = TT_FORMAT_NONE,
                     .observe = true,
                     .timeout = TT_SECONDS(1000),
                     .on_reply = on_reply};
    REQUIRE(tt_bus_call(&one.node.bus, one.now, &call) == TT_OK);
}

// Only who is no peer is watched as a stranger, wherever the peer stands in the table.
static void test_peers_are_no_strangers(void)
{
    for (unsigned which = 1; which <= 3; which++) {
        start(false);
        (void)know(1, "lamp");
        (void)know(2, "tv");
        observe(which);
        pass(TT_MS(10));
        unsigned strangers = 0;
        for (unsigned i = 0; i < TT_NODE_STRANGERS_MAX; i++)
            strangers += one.node.strangers[i].endpoint.port != 0;
        EXPECT_EQUAL(strangers, which == 3);
        tt_bus_cancel(&one.node.bus, one.now, &call);
        ended = 0;
    }
}

// A stranger who answers pings and falls silent ends what observes it; begun anew, it has its whole
// time again. One that never answered a ping is not judged.
static void test_strangers(void)
{
    for (int answers = 0; answers < 2; answers++) {
        start(false);
        others[3].answers_pings = answers;
        observe(3);
        pass(TT_SECONDS(10));
        EXPECT(ended == 0 && others[3].pings >= 3);
        silence(3);
        tt_time silent = one.now;
        while (ended == 0 && one.now < silent + TT_SECONDS(30))
            pass(TT_MS(1));
        EXPECT_EQUAL(ended, answers);
        if (!answers)
            continue;
        EXPECT(one.now - silent > TT_MS(900) && one.now - silent <= TT_PRESENCE_GONE + TT_MS(2));
        pass(TT_SECONDS(20));
        EXPECT_EQUAL(ended, 1); // it has answered no ping since
    }
}

// Another answers at its place: it is gone, nothing is for it there, and its name is asked for.
static void test_another(void)
{
    start(false);
    tt_peer *peer = know(1, "lamp");
    pass(TT_SECONDS(10));
    others[1].name = "tv";
    tt_time asked_at = one.node.discovery.state.asked_at;
    tt_discovery_doubt(&one.node.discovery, one.now, peer);
    pass(TT_SECONDS(2));
    EXPECT(gone == 1 && peer->name[0] == '\0');
    EXPECT(one.node.discovery.state.asked_at > asked_at);
}

// Who is depended on once more has its whole time, however long nobody looked.
static void test_watched_again(void)
{
    start(false);
    tt_peer *peer = know(1, "lamp");
    for (unsigned i = 0; i < 2; i++) {
        unsigned pings = others[1].pings;
        observe(1);
        pass(TT_SECONDS(5));
        EXPECT(others[1].pings > pings && peer->watch.watched != 0);
        begun_again = 1; // it is not begun anew
        tt_bus_cancel(&one.node.bus, one.now, &call);
        pings = others[1].pings;
        pass(TT_SECONDS(60));
        EXPECT(gone == 0 && peer->reported && others[1].pings - pings <= 1);
    }
}

int main(void)
{
    test_watched();
    test_answers_to_pings();
    test_doubted();
    test_settled();
    test_place_of_another();
    test_lost();
    test_peers_are_no_strangers();
    test_strangers();
    test_another();
    test_watched_again();
    return test_result();
}
