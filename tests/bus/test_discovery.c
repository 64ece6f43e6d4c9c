// Devices that find one another on a wire in memory, with virtual time: names, conflicts, restarts,
// goodbyes, expiry, and announcements that were damaged or made up.

#include "bus/dns.h"
#include "tests/test.h"
#include "tutti/check.h"
#include "tutti/discovery.h"

#define DEVICES 4
#define PEERS 4

typedef struct device {
    tt_discovery discovery;
    tt_peer peers[PEERS];
    tt_endpoint endpoint;
    bool present;
    unsigned found, restarted, gone, doubted;
} device;

static device devices[DEVICES];
static tt_time time_now;
static uint8_t last[TT_MDNS_MESSAGE_MAX]; // the newest datagram of device 1
static size_t last_length;
static unsigned sent; // datagrams of all devices

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
    d->doubted += event == TT_PEER_DOUBTED;
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
    last_length = 0;
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
            sent++;
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

// As a node does: whoever is doubted is asked where it is known to be, and answers with its boot
// number, or does not.
static void settle(device *d)
{
    for (unsigned i = 0; i < PEERS; i++) {
        tt_peer *peer = &d->peers[i];
        const device *there = NULL;
        for (unsigned k = 0; k < DEVICES; k++)
            if (devices[k].present &&
                memcmp(devices[k].endpoint.ip, peer->endpoint.ip, sizeof(peer->endpoint.ip)) == 0)
                there = &devices[k];
        if (peer->doubted && there != NULL)
            tt_discovery_confirm(&d->discovery, time_now, peer, there->discovery.options.boot, 1);
        else if (peer->doubted)
            tt_discovery_gone(&d->discovery, time_now, peer);
    }
}

static void pass(tt_time duration)
{
    for (tt_time end = time_now + duration; time_now < end; time_now += TT_MS(10)) {
        for (unsigned i = 0; i < DEVICES; i++)
            if (devices[i].present)
                tt_discovery_advance(&devices[i].discovery, time_now);
        deliver();
        for (unsigned i = 0; i < DEVICES; i++)
            settle(&devices[i]);
    }
}

static tt_peer *known(unsigned i, const char *name)
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
    // Whoever is listed in a question does not answer it (RFC 6762, 7.1).
    devices[2].present = false;
    pass(TT_SECONDS(15));
    sent = 0;
    pass(TT_SECONDS(20));
    EXPECT_EQUAL(sent, 1); // one question, which serves the other, too (7.3)
    devices[2].present = true;
    // A long time: queries renew what would expire.
    pass(TT_SECONDS(600));
    EXPECT(devices[0].found == 2 && devices[0].gone == 0 && known(0, "watch-0002"));
    // One leaves in order, one is switched off.
    tt_discovery_goodbye(&devices[1].discovery, time_now);
    deliver();
    devices[1].present = devices[2].present = false;
    pass(TT_MS(100));
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
    REQUIRE(known(0, "watch-0002") != NULL);
    EXPECT(known(0, "watch-0002")->boot == 99);
    join(1, "watch-0002", 100); // and another address: nobody answers at the old one
    tt_endpoint own = {.ip = {0xfe, 0x80, [15] = 77}};
    devices[1].endpoint.ip[15] = 77;
    tt_discovery_set_addresses(&devices[1].discovery, time_now, &own, 1);
    pass(TT_SECONDS(3));
    EXPECT(devices[0].restarted == 1 && devices[0].gone == 1 && devices[0].found == 3);
    REQUIRE(known(0, "watch-0002") != NULL);
    EXPECT(known(0, "watch-0002")->boot == 100);
    EXPECT_EQUAL(known(0, "watch-0002")->endpoint.ip[15], 77);
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
    join(1, "watch-0001", 20);
    pass(TT_MS(300));          // both probe:
    join(0, "watch-0001", 21); // the greater boot number wins (RFC 6762, 8.2)
    pass(TT_SECONDS(4));
    EXPECT_TEXT(devices[0].discovery.name, "watch-0001");
    EXPECT_TEXT(devices[1].discovery.name, "watch-0001-2");
    start();
    join(1, "watch-0001", 12); // one's own words, heard again, are no conflict
    for (int i = 0; i < 200; i++) {
        pass(TT_MS(10));
        if (last_length > 0)
            tt_discovery_receive(&devices[1].discovery, time_now, &devices[1].endpoint, last,
                                 last_length);
    }
    EXPECT_TEXT(devices[1].discovery.name, "watch-0001");
    EXPECT_EQUAL(devices[1].discovery.state.probes, 3);
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

// Two established devices with one name meet, as when two networks are joined: one of them takes
// another name (RFC 6762, 9), and they do not shout at each other meanwhile.
static void test_meeting(void)
{
    start();
    for (unsigned i = 0; i < 2; i++) {
        join(i, "watch-0001", 11 + i);
        pass(TT_SECONDS(3));
        devices[i].present = false;
    }
    devices[0].present = devices[1].present = true;
    sent = 0;
    pass(TT_SECONDS(70)); // until one of them asks
    for (unsigned i = 0; i < 2; i++)
        EXPECT(known(i, devices[1 - i].discovery.name) != NULL);
    EXPECT(strcmp(devices[0].discovery.name, devices[1].discovery.name) != 0);
    EXPECT(strlen(devices[0].discovery.name) + strlen(devices[1].discovery.name) == 22);
    EXPECT(sent < 40);
}

static const tt_endpoint stranger = {.ip = {0xfe, 0x80, [15] = 9}, .port = TT_MDNS_PORT};

static void hear(const tt_endpoint *from, const tt_writer *w)
{
    REQUIRE(!w->failed);
    tt_discovery_receive(&devices[0].discovery, time_now, from, w->data, w->length);
}

// A service of somebody else: a pointer to it, its port, its TXT record and its addresses.
static void announce(const char *name, const char *txt, uint32_t address_ttl)
{
    uint8_t bytes[TT_MDNS_MESSAGE_MAX];
    char instance[64];
    tt_writer w;
    tt_writer_init(&w, bytes, sizeof(bytes));
    snprintf(instance, sizeof(instance), "%s._coap._udp.local", name);
    tt_dns_header_write(&w, &(tt_dns_header){.flags = TT_DNS_RESPONSE, .answers = 5});
    size_t at = tt_dns_record_begin(&w, "_coap._udp.local", TT_DNS_PTR, TT_DNS_CLASS_IN, 120);
    tt_dns_name_write(&w, instance);
    tt_dns_record_end(&w, at);
    at = tt_dns_record_begin(&w, instance, TT_DNS_SRV, TT_DNS_CLASS_IN, 120);
    tt_write_be32(&w, 0);
    tt_write_be16(&w, 5683);
    tt_dns_name_write(&w, "stranger.local");
    tt_dns_record_end(&w, at);
    at = tt_dns_record_begin(&w, instance, TT_DNS_TXT, TT_DNS_CLASS_IN, 120);
    tt_write_u8(&w, (uint8_t)strlen(txt));
    tt_write_bytes(&w, txt, strlen(txt));
    tt_dns_record_end(&w, at);
    at = tt_dns_record_begin(&w, "stranger.local", TT_DNS_AAAA, TT_DNS_CLASS_IN, address_ttl);
    tt_write_bytes(&w, stranger.ip, 16);
    tt_dns_record_end(&w, at);
    at = tt_dns_record_begin(&w, "stranger.local", TT_DNS_A, TT_DNS_CLASS_IN, address_ttl);
    tt_write_be32(&w, 0xa9fe0102); // 169.254.1.2
    tt_dns_record_end(&w, at);
    hear(&stranger, &w);
}

static void test_strangers(void)
{
    start();
    join(0, "watch-0001", 11);
    pass(TT_SECONDS(3));
    announce("lamp", "kind=lamp", 0); // an address that is taken back is none (RFC 6762, 10.1)
    EXPECT(known(0, "lamp") == NULL);
    announce("lamp", "kind=lamp", 120);
    REQUIRE(known(0, "lamp") != NULL);
    EXPECT_EQUAL(known(0, "lamp")->endpoint.ip[0], 0xfe); // IPv6 before IPv4
    // A service that never tells its kind is asked for it a few times, not for ever.
    sent = 0;
    for (int i = 0; i < 100; i++) {
        announce("printer", "paper=a4", 120);
        pass(TT_MS(100));
    }
    EXPECT(known(0, "printer") == NULL);
    EXPECT(sent < 15);
    // Names of devices that are not there do not keep out those that are.
    for (int i = 0; i < 3 * PEERS; i++) {
        char name[16];
        snprintf(name, sizeof(name), "nobody-%d", i);
        announce(name, "", 120);
    }
    join(1, "watch-0002", 12);
    pass(TT_SECONDS(3));
    EXPECT(known(0, "watch-0002") != NULL && known(0, "lamp") != NULL);
}

static void test_same_addresses(void)
{
    start();
    join(0, "watch-0001", 11);
    pass(TT_SECONDS(5)); // its own next query is far
    tt_endpoint own;
    memset(&own, 0xaa, sizeof(own)); // what lies between the members says nothing
    own.port = 0;
    own.interface = 0;
    memset(own.ip, 0, sizeof(own.ip));
    own.ip[0] = 0xfe;
    own.ip[1] = 0x80;
    own.ip[15] = 1;
    tt_discovery_set_addresses(&devices[0].discovery, time_now, &own, 1);
    sent = 0;
    pass(TT_MS(100));
    EXPECT_EQUAL(sent, 0);
}

// The newest thing that device 0 says within a second, and to whom; 0 bytes: nothing.
static size_t answer_of(tt_endpoint *to, uint8_t answer[TT_MDNS_MESSAGE_MAX])
{
    size_t length = 0;
    for (tt_time end = time_now + TT_SECONDS(1); time_now < end && length == 0;
         time_now += TT_MS(10))
        if (tt_discovery_transmit(&devices[0].discovery, time_now, to, answer, TT_MDNS_MESSAGE_MAX,
                                  &length) != TT_OK)
            length = 0;
    return length;
}

static void ask_with(uint16_t flags, const tt_endpoint *from, const char *name, uint16_t type,
                     uint16_t class, uint32_t known_ttl)
{
    uint8_t bytes[TT_MDNS_MESSAGE_MAX];
    tt_writer w;
    tt_writer_init(&w, bytes, sizeof(bytes));
    tt_dns_header_write(
        &w,
        &(tt_dns_header){.id = 0x1234, .flags = flags, .questions = 1, .answers = known_ttl > 0});
    tt_dns_name_write(&w, name);
    tt_write_be16(&w, type);
    tt_write_be16(&w, class);
    if (known_ttl > 0) {
        size_t at = tt_dns_record_begin(&w, name, type, TT_DNS_CLASS_IN, known_ttl);
        tt_dns_name_write(&w, "watch-0001._coap._udp.local");
        tt_dns_record_end(&w, at);
    }
    hear(from, &w);
}

static void ask(const tt_endpoint *from, const char *name, uint16_t type, uint16_t class,
                uint32_t known_ttl)
{
    ask_with(0, from, name, type, class, known_ttl);
}

// Who asks what, and how it is answered (RFC 6762, 5.4, 6.7 and 7.1; RFC 6763, 9).
static void test_answers(void)
{
    static const struct {
        const char *name;
        uint16_t type;
    } questions[] = {
        {"_coap._udp.local", TT_DNS_PTR},
        {"_services._dns-sd._udp.local", TT_DNS_PTR},
        {"watch-0001._coap._udp.local", TT_DNS_SRV},
        {"watch-0001._coap._udp.local", TT_DNS_TXT},
        {"watch-0001.local", TT_DNS_AAAA},
    };
    uint8_t answer[TT_MDNS_MESSAGE_MAX];
    tt_endpoint to, legacy = stranger;
    legacy.port = 4000;
    start();
    join(0, "watch-0001", 11);
    pass(TT_SECONDS(20)); // its own next query is far
    for (size_t i = 0; i < TT_COUNT(questions); i++) {
        tt_reader r;
        tt_dns_header header;
        tt_dns_record record;
        // A plain resolver: unicast, with its id and its question.
        ask(&legacy, questions[i].name, questions[i].type, TT_DNS_CLASS_IN, 0);
        tt_reader_init(&r, answer, answer_of(&to, answer));
        REQUIRE(tt_reader_left(&r) > 0 && tt_endpoint_equal(&to, &legacy));
        tt_dns_header_read(&r, &header);
        EXPECT(header.id == 0x1234 && header.questions == 1);
        EXPECT(tt_dns_question_read(&r, &record) == TT_OK && record.type == questions[i].type);
        EXPECT_TEXT(record.name, questions[i].name);
        bool found = false;
        for (unsigned k = 0; k < header.answers; k++) {
            EXPECT_EQUAL(tt_dns_record_read(&r, &record), TT_OK);
            EXPECT(record.ttl_seconds <= 10 && (record.class & TT_DNS_TOP_BIT) == 0);
            found |=
                strcmp(record.name, questions[i].name) == 0 && record.type == questions[i].type;
        }
        EXPECT(found && tt_reader_left(&r) == 0);
        // One that asks for a unicast answer: without both.
        ask(&stranger, questions[i].name, questions[i].type, TT_DNS_CLASS_IN | TT_DNS_TOP_BIT, 0);
        tt_reader_init(&r, answer, answer_of(&to, answer));
        REQUIRE(tt_reader_left(&r) > 0 && tt_endpoint_equal(&to, &stranger));
        tt_dns_header_read(&r, &header);
        EXPECT(header.id == 0 && header.questions == 0);
        // Everyone else's is answered to all, in the zone in which it was asked (20).
        ask(&stranger, questions[i].name, questions[i].type, TT_DNS_CLASS_IN, 0);
        EXPECT(answer_of(&to, answer) > 0 && to.ip[0] == 0xff && to.port == TT_MDNS_PORT);
        pass(TT_SECONDS(1));
    }
    ask(&stranger, "watch-0002.local", TT_DNS_AAAA, TT_DNS_CLASS_IN, 0); // not ours
    EXPECT_EQUAL(answer_of(&to, answer), 0);
    ask(&stranger, "_coap._udp.local", TT_DNS_PTR, TT_DNS_CLASS_IN, 100); // known already
    EXPECT_EQUAL(answer_of(&to, answer), 0);
    ask(&stranger, "_coap._udp.local", TT_DNS_PTR, TT_DNS_CLASS_IN, 50); // not for long
    EXPECT(answer_of(&to, answer) > 0);
    pass(TT_SECONDS(1));
    ask_with(0x2800, &stranger, "_coap._udp.local", TT_DNS_PTR, TT_DNS_CLASS_IN, 0); // an update
    EXPECT_EQUAL(answer_of(&to, answer), 0);
    // However many ask, the same is told to all once a second (RFC 6762, 6).
    pass(TT_SECONDS(1));
    sent = 0;
    for (int i = 0; i < 500; i++) {
        ask(&stranger, "_coap._udp.local", TT_DNS_PTR, TT_DNS_CLASS_IN, 0);
        pass(TT_MS(10));
    }
    EXPECT(sent >= 4 && sent <= 6);
}

// More addresses than are told: the first of them are.
static void test_many_addresses(void)
{
    tt_endpoint many[12] = {{{0}, 0, 0}};
    start();
    join(0, "watch-0001", 11);
    join(1, "watch-0002", 12);
    for (size_t i = 0; i < TT_COUNT(many); i++)
        many[i] = (tt_endpoint){.ip = {0xfd, [15] = (uint8_t)(40 + i)}};
    tt_discovery_set_addresses(&devices[1].discovery, time_now, many, TT_COUNT(many));
    EXPECT_EQUAL(devices[1].discovery.address_count, TT_COUNT(devices[1].discovery.addresses));
    pass(TT_SECONDS(3));
    const tt_peer *peer = known(0, "watch-0002");
    EXPECT(peer != NULL && peer->endpoint.ip[15] == 40);
    EXPECT(last_length > 0 && last_length <= TT_MDNS_MESSAGE_MAX);
}

// Names of strangers that nobody could ask for, or that would write over a terminal.
static void test_odd_strangers(void)
{
    static const char *const odd[] = {"a/b", "a\x1b[2J", "a\n", "\xff\xfe", ""};
    for (size_t i = 0; i <= TT_COUNT(odd); i++) {
        start();
        join(0, "watch-0001", 11);
        join(1, "watch-0002", 12);
        if (i < TT_COUNT(odd))
            strcpy(devices[1].discovery.name, odd[i]); // as if it were its own
        pass(TT_SECONDS(3));
        EXPECT_EQUAL(devices[0].found, i == TT_COUNT(odd));
        start();
        join(0, "watch-0001", 11);
        join(1, "watch-0002", 12);
        if (i < TT_COUNT(odd))
            devices[1].discovery.options.kind = odd[i];
        pass(TT_SECONDS(3));
        EXPECT_EQUAL(devices[0].found, i == TT_COUNT(odd));
    }
}

// What cannot be announced is refused, and nothing is changed by it.
static void test_refusals(void)
{
    tt_peer peers[1];
    const tt_discovery_options good = {
        .name = "lamp", .kind = "lamp", .boot = 1, .browse = true, .peers = peers, .peers_max = 1};
    for (int i = 0; i < 5; i++) {
        tt_discovery d;
        tt_discovery_options options = good;
        options.boot = i != 1;
        options.peers_max = i != 2;
        options.kind = i == 3 ? NULL : good.kind;
        options.name = i == 4 ? "\xc3" : good.name;
        memset(&d, 0x55, sizeof(d));
        EXPECT_EQUAL(tt_discovery_init(&d, 0, &options), i == 0 ? TT_OK : TT_INVALID);
        EXPECT(i == 0 || d.name[0] == 0x55);
    }
}

// Whoever has our name in other capitals is no other device.
static void test_own_name_in_capitals(void)
{
    tt_endpoint other = {.ip = {0xfd, [15] = 9}};
    start();
    join(0, "watch-0001", 99);
    join(1, "watch-0002", 12);
    pass(TT_SECONDS(3));
    strcpy(devices[1].discovery.name, "WATCH-0001");                        // as if it were its own
    tt_discovery_set_addresses(&devices[1].discovery, time_now, &other, 1); // tells it
    sent = 0;
    pass(TT_MS(20));
    EXPECT(sent > 0);
    for (unsigned k = 0; k < PEERS; k++)
        EXPECT(strcmp(devices[0].peers[k].name, "WATCH-0001") != 0);
}

// A sign of life prolongs a peer's time, its own word that it is gone ends it, and nobody's loss is
// no loss; the deadline is never later than what is due.
static void test_signs_of_life(void)
{
    start();
    join(0, "watch-0001", 11);
    join(1, "watch-0002", 12);
    pass(TT_SECONDS(3));
    tt_peer *peer = known(0, "watch-0002");
    REQUIRE(peer != NULL);
    devices[1].present = false;
    tt_time expires = peer->expires;
    for (time_now += TT_SECONDS(60); time_now < expires + TT_SECONDS(60);
         time_now += TT_SECONDS(30)) {
        tt_discovery_heard(&devices[0].discovery, time_now, &peer->endpoint);
        EXPECT_EQUAL(peer->heard, time_now);
        tt_discovery_advance(&devices[0].discovery, time_now);
        deliver();
        EXPECT_EQUAL(devices[0].gone, 0);
        EXPECT(tt_discovery_deadline(&devices[0].discovery) <= peer->expires);
    }
    tt_discovery_gone(&devices[0].discovery, time_now, peer);
    tt_discovery_gone(&devices[0].discovery, time_now, peer); // nobody's loss
    EXPECT_EQUAL(devices[0].gone, 1);
    EXPECT(known(0, "watch-0002") == NULL);
}

int main(void)
{
    test_own_name_in_capitals();
    test_signs_of_life();
    test_many_addresses();
    test_odd_strangers();
    test_refusals();
    test_finding();
    test_restart();
    test_conflict();
    test_hostile();
    test_meeting();
    test_strangers();
    test_same_addresses();
    test_answers();
    return test_result();
}
