// Devices that find one another on a wire in memory, with virtual time: names, conflicts, restarts,
// goodbyes, expiry, and announcements that were damaged or made up.

#include "tests/test.h"
#include "tutti/bytes.h"
#include "tutti/check.h"
#include "tutti/discovery.h"

#define DEVICES 4
#define PEERS 4

typedef struct device {
    tt_discovery discovery;
    tt_peer peers[PEERS];
    tt_endpoint endpoint;
    bool present;
    unsigned found, restarted, gone;
} device;

static device devices[DEVICES];
static tt_time time_now;
static uint8_t last[TT_MDNS_MESSAGE_MAX]; // the newest datagram of device 1
static size_t last_length;

static void on_peer(tt_discovery *discovery, tt_time now, tt_peer_event event, const tt_peer *peer,
                    void *context)
{
    device *d = context;
    (void)discovery;
    (void)now;
    (void)peer;
    d->found += event == TT_PEER_FOUND;
    d->restarted += event == TT_PEER_RESTARTED;
    d->gone += event == TT_PEER_GONE;
}

static void join(unsigned i, const char *name, uint32_t boot)
{
    device *d = &devices[i];
    *d = (device){.present = true};
    d->endpoint = (tt_endpoint){.ip = {0xfe, 0x80, [15] = (uint8_t)(i + 1)}, .port = TT_MDNS_PORT};
    tt_discovery_init(&d->discovery, time_now,
                      &(tt_discovery_options){.name = name,
                                              .kind = "watch",
                                              .port = 5683,
                                              .boot = boot,
                                              .seed = i + 1 + boot,
                                              .browse = true,
                                              .peers = d->peers,
                                              .peers_max = PEERS,
                                              .on_peer = on_peer,
                                              .context = d});
    tt_endpoint own = d->endpoint;
    own.port = 0;
    tt_discovery_set_addresses(&d->discovery, time_now, &own, 1);
}

static void start(void)
{
    memset(devices, 0, sizeof(devices));
    time_now = TT_SECONDS(1);
}

static void deliver(void)
{
    static uint8_t bytes[TT_MDNS_MESSAGE_MAX];
    for (unsigned i = 0; i < DEVICES; i++) {
        tt_endpoint to;
        size_t length;
        device *d = &devices[i];
        while (d->present && tt_discovery_transmit(&d->discovery, time_now, &to, bytes,
                                                   sizeof(bytes), &length) == TT_OK) {
            if (i == 1) {
                memcpy(last, bytes, length);
                last_length = length;
            }
            for (unsigned k = 0; k < DEVICES; k++)
                if (k != i && devices[k].present)
                    tt_discovery_receive(&devices[k].discovery, time_now, &d->endpoint, bytes,
                                         length);
        }
    }
}

static void pass(tt_time duration)
{
    for (tt_time end = time_now + duration; time_now < end; time_now += TT_MS(10)) {
        for (unsigned i = 0; i < DEVICES; i++)
            if (devices[i].present)
                tt_discovery_advance(&devices[i].discovery, time_now);
        deliver();
    }
}

static const tt_peer *known(unsigned i, const char *name)
{
    for (unsigned k = 0; k < PEERS; k++)
        if (devices[i].peers[k].reported && strcmp(devices[i].peers[k].name, name) == 0)
            return &devices[i].peers[k];
    return NULL;
}

static void test_finding(void)
{
    start();
    join(0, "watch-0001", 11);
    join(1, "watch-0002", 12);
    pass(TT_SECONDS(3));
    const tt_peer *peer = known(0, "watch-0002");
    REQUIRE(peer != NULL && known(1, "watch-0001") != NULL);
    EXPECT_TEXT(peer->kind, "watch");
    EXPECT(peer->boot == 12 && peer->endpoint.port == 5683 && peer->endpoint.ip[15] == 2);
    join(2, "watch-0003", 13); // later, and found at once by its query and announcement
    pass(TT_SECONDS(2));
    EXPECT(known(2, "watch-0001") && known(2, "watch-0002") && known(0, "watch-0003"));
    EXPECT(devices[0].found == 2 && devices[0].gone == 0);
    // A long time: queries renew what would expire.
    pass(TT_SECONDS(600));
    EXPECT(devices[0].found == 2 && devices[0].gone == 0 && known(0, "watch-0002"));
    // One leaves in order, one is switched off.
    tt_discovery_goodbye(&devices[1].discovery, time_now);
    pass(TT_MS(100));
    devices[1].present = devices[2].present = false;
    EXPECT(known(0, "watch-0002") == NULL && devices[0].gone == 1);
    pass(TT_SECONDS(130));
    EXPECT(known(0, "watch-0003") == NULL && devices[0].gone == 2);
}

static void test_restart(void)
{
    start();
    join(0, "watch-0001", 11);
    join(1, "watch-0002", 12);
    pass(TT_SECONDS(3));
    join(1, "watch-0002", 99); // another boot number
    pass(TT_SECONDS(3));
    EXPECT(devices[0].restarted == 1 && devices[0].found == 2);
    EXPECT(known(0, "watch-0002") != NULL && known(0, "watch-0002")->boot == 99);
}

// Two devices want one name. Whoever begins later, or compares less, takes another.
static void test_conflict(void)
{
    start();
    join(0, "watch-0001", 11);
    pass(TT_SECONDS(3));
    join(1, "watch-0001", 12);
    pass(TT_SECONDS(4));
    EXPECT_TEXT(devices[0].discovery.name, "watch-0001");
    EXPECT_TEXT(devices[1].discovery.name, "watch-0001-2");
    EXPECT(known(0, "watch-0001-2") != NULL);
    start();
    for (unsigned i = 0; i < DEVICES; i++) // all at once
        join(i, "watch-0001", 20 + i);
    pass(TT_SECONDS(10));
    for (unsigned i = 0; i < DEVICES; i++)
        for (unsigned k = 0; k < i; k++)
            EXPECT(strcmp(devices[i].discovery.name, devices[k].discovery.name) != 0);
    for (unsigned i = 0; i < DEVICES; i++)
        for (unsigned k = 0; k < DEVICES; k++)
            EXPECT(i == k || known(i, devices[k].discovery.name) != NULL);
}

// Announcements with every bit flipped, cut everywhere, and for more devices than the table holds.
static void test_hostile(void)
{
    start();
    join(0, "watch-0001", 11);
    join(1, "watch-0002", 12);
    pass(TT_SECONDS(3));
    static uint8_t good[TT_MDNS_MESSAGE_MAX], bad[TT_MDNS_MESSAGE_MAX];
    size_t length = last_length;
    memcpy(good, last, length);
    devices[1].present = false;
    for (size_t bit = 0; bit < 8 * length; bit++) {
        memcpy(bad, good, length);
        bad[bit / 8] ^= (uint8_t)(1 << bit % 8);
        tt_discovery_receive(&devices[0].discovery, time_now, &devices[1].endpoint, bad, length);
        pass(TT_MS(10));
    }
    for (size_t cut = 0; cut < length; cut++)
        tt_discovery_receive(&devices[0].discovery, time_now, &devices[1].endpoint, good, cut);
    for (size_t i = 0; i < PEERS; i++)
        EXPECT(memchr(devices[0].peers[i].name, 0, TT_NAME_MAX) != NULL);
    // Not from the mDNS port: ignored (RFC 6762, 11).
    start();
    join(0, "watch-0001", 11);
    pass(TT_SECONDS(2));
    tt_endpoint stranger = {.ip = {0xfe, 0x80, [15] = 9}, .port = 4000};
    tt_discovery_receive(&devices[0].discovery, time_now, &stranger, good, length);
    EXPECT_EQUAL(devices[0].found, 0);
    stranger.port = TT_MDNS_PORT;
    tt_discovery_receive(&devices[0].discovery, time_now, &stranger, good, length);
    EXPECT_EQUAL(devices[0].found, 1);
}

// A plain resolver asks from a port of its own and gets a unicast answer (RFC 6762, 6.7).
static void test_legacy_resolver(void)
{
    static const uint8_t query[] = "\x12\x34\0\0\0\1\0\0\0\0\0\0\5_coap\4_udp\5local\0\0\x0c\0\1";
    start();
    join(0, "watch-0001", 11);
    pass(TT_SECONDS(3));
    tt_endpoint resolver = {.ip = {0xfe, 0x80, [15] = 9}, .port = 4000}, to;
    tt_discovery_receive(&devices[0].discovery, time_now, &resolver, query, sizeof(query) - 1);
    uint8_t answer[TT_MDNS_MESSAGE_MAX];
    size_t length;
    REQUIRE(tt_discovery_transmit(&devices[0].discovery, time_now, &to, answer, sizeof(answer),
                                  &length) == TT_OK);
    EXPECT(tt_endpoint_equal(&to, &resolver));
    EXPECT(answer[0] == 0x12 && answer[1] == 0x34); // its id,
    EXPECT(answer[4] == 0 && answer[5] == 1);       // its question again
}

int main(void)
{
    test_finding();
    test_restart();
    test_conflict();
    test_hostile();
    test_legacy_resolver();
    return test_result();
}
