// How soon a watched peer is known to be gone, and how seldom falsely: days of virtual time with a
// peer that is nothing but its resets, 5 % of datagrams lost each way, and a silence of 300 ms on
// each path every minute. The argument says how many days.

#include "node/internal.h"
#include "tests/test.h"
#include "tutti/check.h"
#include "tutti/node.h"

#define DELAY TT_MS(20) // each way
#define BURST TT_MS(300)
#define DAY TT_SECONDS(86400)

static tt_node node;
static tt_platform platform;
static tt_time time_now;
static tt_random random_source;
static bool alive, mute; // it answers pings only
static unsigned loss_percent, gone, pings;
static tt_datagram answer; // on its way
static tt_time answer_at;  // TT_FOREVER: none
static tt_time last_sign;
static tt_time burst_at[2]; // of each path, the next or the present one

static const tt_endpoint peer = {.ip = {0xfe, 0x80, [15] = 2}, .port = TT_BUS_PORT, .interface = 1};

static tt_time now_of(tt_platform *p)
{
    (void)p;
    return time_now;
}

static void random_of(tt_platform *p, void *bytes, size_t length)
{
    (void)p;
    tt_random_bytes(&random_source, bytes, length);
}

static tt_status open_of(tt_platform *p, uint16_t port, const tt_endpoint *groups, size_t count,
                         tt_socket *socket)
{
    (void)p, (void)groups, (void)count;
    *socket = port == TT_MDNS_PORT;
    return TT_OK;
}

static uint16_t port_of(tt_platform *p, tt_socket socket)
{
    (void)p, (void)socket;
    return TT_BUS_PORT;
}

static bool passes(unsigned path, tt_time at)
{
    while (at >= burst_at[path] + BURST) // one a minute, anywhere in it
        burst_at[path] += TT_SECONDS(30) + (tt_time)tt_random_below(&random_source, TT_SECONDS(60));
    return (at < burst_at[path] || loss_percent == 0) &&
           tt_random_below(&random_source, 100) >= loss_percent;
}

static tt_status send_of(tt_platform *p, const tt_datagram *d)
{
    (void)p;
    if (d->socket != 0 || !tt_endpoint_equal(&d->peer, &peer))
        return TT_OK;
    pings++;
    bool confirmable = d->length >= 4 && (d->data[0] & 0x30) == 0;
    if (!alive || !confirmable || (mute && d->length > 4) || !passes(0, time_now) ||
        !passes(1, time_now + DELAY))
        return TT_OK;
    answer = (tt_datagram){.peer = peer, .length = 4, .data = {0x70, 0, d->data[2], d->data[3]}};
    answer_at = time_now + 2 * DELAY;
    return TT_OK;
}

static tt_status receive_of(tt_platform *p, tt_datagram *d)
{
    (void)p;
    if (time_now < answer_at)
        return TT_EMPTY;
    *d = answer;
    answer_at = TT_FOREVER;
    last_sign = time_now;
    return TT_OK;
}

static size_t addresses_of(tt_platform *p, tt_endpoint *addresses, size_t capacity)
{
    (void)p, (void)capacity;
    addresses[0] = (tt_endpoint){.ip = {0xfe, 0x80, [15] = 1}, .interface = 1};
    return 1;
}

static const tt_platform_operations operations = {.now = now_of,
                                                  .random = random_of,
                                                  .open = open_of,
                                                  .port = port_of,
                                                  .send = send_of,
                                                  .receive = receive_of,
                                                  .addresses = addresses_of};

static void on_peer(tt_discovery *discovery, tt_time now, tt_peer_event event, const tt_peer *p,
                    void *context)
{
    (void)discovery, (void)now, (void)p, (void)context;
    gone += event == TT_PEER_GONE;
}

static void pass(tt_time duration)
{
    for (tt_time end = time_now + duration; time_now < end;) {
        tt_node_poll(&node);
        tt_time next = tt_earlier(answer_at, tt_node_deadline(&node));
        next = next > time_now ? next : time_now + TT_US(10);
        time_now = next < end ? next : end;
    }
}

// The peer announces itself, once.
static void introduce(uint32_t boot)
{
    static tt_discovery other;
    tt_endpoint own = peer, to, from = peer;
    uint8_t bytes[TT_MDNS_MESSAGE_MAX];
    size_t length;
    own.port = 0;
    from.port = TT_MDNS_PORT;
    REQUIRE(tt_discovery_init(&other, 0,
                              &(tt_discovery_options){.name = "peer",
                                                      .kind = "test",
                                                      .port = TT_BUS_PORT,
                                                      .boot = boot,
                                                      .seed = 1}) == TT_OK);
    tt_discovery_set_addresses(&other, 0, &own, 1);
    for (tt_time at = 0; at < TT_SECONDS(3); at += TT_MS(50))
        while (tt_discovery_transmit(&other, at, &to, bytes, sizeof(bytes), &length) == TT_OK)
            tt_discovery_receive(&node.discovery, time_now, &from, bytes, length);
    REQUIRE(tt_node_find(&node, NULL, "peer") != NULL);
}

static void start(uint64_t seed, unsigned loss)
{
    platform.operations = &operations;
    tt_random_seed(&random_source, seed);
    time_now = last_sign = TT_SECONDS(1);
    burst_at[0] = burst_at[1] = 0;
    answer_at = TT_FOREVER;
    alive = true;
    mute = false;
    loss_percent = loss;
    gone = pings = 0;
    REQUIRE(
        tt_node_init(&node, &platform,
                     &(tt_node_options){
                         .port = TT_BUS_PORT, .browse = true, .watch = true, .on_peer = on_peer}) ==
        TT_OK);
    pass(TT_SECONDS(1));
    introduce(7);
}

// A reset answers a ping once: another with its id is about a message of the bus.
static void test_resets(void)
{
    start(5, 0);
    pass(TT_SECONDS(10));
    tt_datagram again = answer;
    EXPECT(pings > 0 && !node.finding->receive(&node, time_now, &again));
    node.peers[0].watch.ping = (uint16_t)(again.data[2] << 8 | again.data[3]);
    again.peer.port++;
    EXPECT(!node.finding->receive(&node, time_now, &again)); // from elsewhere
    again.peer.port--;
    EXPECT(node.finding->receive(&node, time_now, &again));
}

// Who depends on a peer asks it at once when it is doubted; others leave it the time to say that it
// is here, and do not ask all together: of two known devices 90 ms apart.
static void test_spread(void)
{
    tt_time least = TT_SECONDS(1), greatest = 0;
    for (unsigned i = 0; i < 20; i++) {
        start(10 + i, 0);
        node.options.watch = i % 2 == 0;
        introduce(8);
        tt_time after = node.peers[0].watch.since - time_now;
        if (node.options.watch) {
            EXPECT_EQUAL(after, 0);
            continue;
        }
        EXPECT(after >= TT_MS(300) && after <= TT_MS(390));
        least = after < least ? after : least;
        greatest = after > greatest ? after : greatest;
    }
    EXPECT(greatest - least > TT_MS(25));
}

int main(int count, char **words)
{
    test_resets();
    test_spread();
    unsigned days = count > 1 ? (unsigned)atoi(words[1]) : 10;
    start(1, 5);
    pass(days * DAY);
    printf("%u days: %u false alarms, %.1f pings and questions a minute\n", days, gone,
           pings / (days * 1440.0));
    EXPECT(days > 0 && gone <= days / 1000);

    // One that lives and tells nothing of its life is not given up, whatever is said of it.
    start(4, 0);
    mute = true;
    introduce(8);
    EXPECT(node.peers[0].doubted);
    pass(TT_SECONDS(5));
    EXPECT(gone == 0 && !node.peers[0].doubted && node.peers[0].boot == 7);

    start(2, 40); // too much: it is a test that can fail
    pass(DAY / 24);
    EXPECT(gone > 0);

    for (unsigned i = 0; i < 100; i++) {
        start(3 + i, 5);
        pass(TT_SECONDS(20) + (tt_time)tt_random_below(&random_source, TT_SECONDS(10)));
        EXPECT_EQUAL(gone, 0);
        alive = false;
        pass(TT_MS(50)); // what was on its way
        tt_time sign = last_sign;
        while (gone == 0 && time_now < sign + TT_SECONDS(10))
            pass(TT_MS(1));
        EXPECT(time_now - sign <= TT_SECONDS(3) && time_now - sign >= TT_MS(2900));
        alive = true;
        loss_percent = 0;
        pass(TT_SECONDS(2));
        EXPECT(tt_node_find(&node, NULL, "peer") != NULL);
    }
    return test_result();
}
