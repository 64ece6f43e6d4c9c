// Whom one node pings and asks, and when: by one node on a platform of plain variables, whose
// others are played by the test.

#include "bus/discovery_internal.h"
#include "bus/message.h"
#include "node/internal.h"
#include "tests/node/host.h"
#include "tutti/cbor.h"
#include "tutti/check.h"

#define OTHERS 4 // who may be played

static tt_node node;

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

static tt_datagram *from(unsigned i)
{
    tt_endpoint there = host_place(i);
    return host_add(&there);
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
        others[i].pinged = host.now;
        others[i].ping = m.id;
        if (others[i].answers_pings)
            say_empty(i, 0x70, m.id);
    } else if (m.code == TT_GET && strcmp(m.path, TT_NODE_LIFE_PATH) == 0) {
        others[i].asks++;
        others[i].asked = host.now;
        if (others[i].answers_asks)
            tell_life(i, &m);
    } else if (m.code == TT_GET) {
        say_empty(i, 0x60, m.id); // its answer is to come
    }
    return TT_OK;
}

static size_t one_addresses(tt_platform *platform, tt_endpoint *addresses, size_t capacity)
{
    (void)platform, (void)capacity;
    addresses[0] = host_place(200);
    addresses[0].port = 0;
    return 1;
}

static const tt_platform_operations one_operations = {.now = host_now,
                                                      .random = host_random,
                                                      .open = host_open,
                                                      .port = host_port,
                                                      .send = one_send,
                                                      .receive = host_receive,
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
    memset(others, 0, sizeof(others));
    found = gone = restarted = 0;
    host_start(&one_operations);
    tt_node_options options = {.name = "me",
                               .kind = "test",
                               .port = TT_BUS_PORT,
                               .browse = true,
                               .watch = watch,
                               .on_peer = on_peer};
    REQUIRE(tt_node_init(&node, &host.platform, &options) == TT_OK);
    tt_node_poll(&node);
}

// Turns of the loop, each at its deadline; how many.
static unsigned pass(tt_time duration)
{
    unsigned turns = 0;
    for (tt_time end = host.now + duration; host.now < end; turns++) {
        tt_time next = tt_node_deadline(&node);
        next = host.count > 0 || next <= host.now ? host.now + TT_US(10) : next;
        host.now = next < end ? next : end;
        tt_node_poll(&node);
    }
    return turns;
}

// One who is known by multicast DNS, and answers.
static tt_peer *know(unsigned i, const char *name)
{
    others[i].answers_pings = others[i].answers_asks = true;
    others[i].name = name;
    others[i].boot = 5;
    tt_peer *peer = tt_discovery_add_peer(&node.discovery, host.now, name);
    REQUIRE(peer != NULL);
    strcpy(peer->kind, "lamp");
    peer->endpoint = host_place(i);
    peer->boot = 5;
    peer->expires = host.now + TT_SECONDS(3000);
    tt_discovery_report(&node.discovery, host.now, peer);
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
    pass(heard + TT_PRESENCE_GONE - host.now - 1);
    EXPECT(others[1].pings - pings == 10 && gone == 0);
    pass(1);
    EXPECT(gone == 1 && peer->lost && tt_node_deadline(&node) > host.now);
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
        host.inbox[host.first].data[1] = cases[i].code;
        host.now += TT_US(10);
        tt_node_poll(&node);
        EXPECT_EQUAL(peer->watch.ping == 0, cases[i].ends);
        EXPECT_EQUAL(peer->heard == host.now, cases[i].place == 1); // a sign of life it is
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
        tt_discovery_doubt(&node.discovery, host.now, peer);
        while (others[1].asks == 0)
            pass(TT_MS(10));
        tt_time since = peer->watch.since;
        EXPECT(others[1].pings > 0 && since <= host.now);
        if (stands_still) {
            host.now += TT_SECONDS(20);
            tt_node_poll(&node);
            EXPECT(gone == 0 && peer->doubted && peer->watch.since > since + TT_SECONDS(19));
            pass(TT_PRESENCE_GONE - TT_MS(300));
            EXPECT_EQUAL(gone, 0);
            pass(TT_MS(400));
        } else {
            pass(since + TT_PRESENCE_GONE - host.now - 1);
            EXPECT(gone == 0 && others[1].pings >= 10);
            pass(1);
        }
        EXPECT(gone == 1 && peer->lost);
        EXPECT(node.presence_at > host.now);
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
        tt_discovery_doubt(&node.discovery, host.now, peer);
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
    tt_discovery_doubt(&node.discovery, host.now, peer);
    while (others[1].asks == 0)
        pass(TT_MS(10));
    tt_discovery_forget(peer);
    EXPECT(know(2, "tv") == peer);
    peer->watch.asked = true;
    silence(2);
    pass(TT_SECONDS(2)); // the question about the first has failed
    EXPECT(peer->watch.asked && peer->watch.silent == 0);
    EXPECT_EQUAL(node.asks[0].busy, false);
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
        EXPECT_EQUAL(tt_bus_call(&node.bus, now, observed), TT_OK);
}

static void observe(unsigned i)
{
    ended = begun_again = 0;
    call = (tt_call){.peer = host_place(i),
                     .method = TT_GET,
                     .path = "x",
                     .content_format = TT_FORMAT_NONE,
                     .accept = TT_FORMAT_NONE,
                     .observe = true,
                     .timeout = TT_SECONDS(1000),
                     .on_reply = on_reply};
    REQUIRE(tt_bus_call(&node.bus, host.now, &call) == TT_OK);
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
            strangers += node.strangers[i].endpoint.port != 0;
        EXPECT_EQUAL(strangers, which == 3);
        tt_bus_cancel(&node.bus, host.now, &call);
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
        tt_time silent = host.now;
        while (ended == 0 && host.now < silent + TT_SECONDS(30))
            pass(TT_MS(1));
        EXPECT_EQUAL(ended, answers);
        if (!answers)
            continue;
        EXPECT(host.now - silent > TT_MS(900) && host.now - silent <= TT_PRESENCE_GONE + TT_MS(2));
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
    tt_time asked_at = node.discovery.state.asked_at;
    tt_discovery_doubt(&node.discovery, host.now, peer);
    pass(TT_SECONDS(2));
    EXPECT(gone == 1 && peer->name[0] == '\0');
    EXPECT(node.discovery.state.asked_at > asked_at);
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
        tt_bus_cancel(&node.bus, host.now, &call);
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
