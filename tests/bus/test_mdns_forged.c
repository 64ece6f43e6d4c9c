// What anybody may say in a datagram, and how little it does.

#include "tests/bus/mdns.h"

// RFC 6762, 9: a device that holds its name probes anew where another claims it, and keeps it where
// nobody defends the claim, however many records of one message make it.
static void test_whole_claim(void)
{
    start(false);
    announce(NAME, 2, "boot=00000022");
    EXPECT(!tt_discovery_owns_name(&d));
    pass(TT_SECONDS(3));
    EXPECT(tt_discovery_owns_name(&d));
    EXPECT_TEXT(d.name, NAME);
}

// A message that tells of one device at an address that is nobody's in particular.
static void announce_at(const char *name, const uint8_t ip[16])
{
    char instance[80], host[80];
    snprintf(instance, sizeof(instance), "%s." SERVICE, name);
    snprintf(host, sizeof(host), "%s.local", name);
    begin(TT_DNS_RESPONSE);
    place(instance, FLUSH, 120, 5683, host);
    text(instance, FLUSH, 120, "kind=lamp");
    bool ipv4 = ip[10] == 0xff;
    size_t at = tt_dns_record_begin(&w, host, ipv4 ? TT_DNS_A : TT_DNS_AAAA, FLUSH, 120);
    tt_write_bytes(&w, ip + (ipv4 ? 12 : 0), ipv4 ? 4 : 16);
    tt_dns_record_end(&w, at);
    header.answers++;
    hear();
}

// No device is at a group's address, at everybody's, or at this device's own: whoever believed it
// would ping them all, or itself.
static void test_addresses_of_nobody(void)
{
    static const uint8_t nobody[][16] = {
        {0xff, 2, [15] = 1},                     // all nodes
        {0xff, 2, [15] = 0xfb},                  // mDNS
        {[10] = 0xff, 0xff, 224, 0, 0, 251},     // the same
        {[10] = 0xff, 0xff, 255, 255, 255, 255}, // everybody
        {[10] = 0xff, 0xff, 0, 0, 0, 0},         // none
        {[10] = 0xff, 0xff, 127, 0, 0, 1},       // the listener's own, not heard from there
        {[15] = 1},                              // the same
        {0xfe, 0x80, [15] = 1},                  // its own
        {[10] = 0xff, 0xff, 8, 8, 8, 8},         // on no link of ours
        {[10] = 0xff, 0xff, 172, 32, 0, 1},      // the same
        {0x20, 1, 0x48, 0x60, [15] = 0x88},      // the same
    };
    for (size_t i = 0; i < TT_COUNT(nobody); i++) {
        start(false);
        announce_at("ghost", nobody[i]);
        EXPECT_EQUAL(found, 0);
    }
}

// Those of a link, of a house, and of the network of an own address.
static void test_addresses_near(void)
{
    static const tt_endpoint own_ones[] = {{.ip = {[10] = 0xff, 0xff, 93, 184, 216, 34}},
                                           {.ip = {0x20, 1, 0xd, 0xb8, [15] = 1}}};
    static const uint8_t near[][16] = {
        {0xfe, 0x80, [15] = 7},
        {0xfd, 1, [15] = 7},
        {0x20, 1, 0xd, 0xb8, [15] = 7},
        {[10] = 0xff, 0xff, 169, 254, 3, 4},
        {[10] = 0xff, 0xff, 192, 168, 3, 4},
        {[10] = 0xff, 0xff, 172, 31, 3, 4},
        {[10] = 0xff, 0xff, 10, 1, 3, 4},
        {[10] = 0xff, 0xff, 93, 184, 216, 9},
    };
    for (size_t i = 0; i < TT_COUNT(near); i++) {
        start(false);
        tt_discovery_set_addresses(&d, time_now, own_ones, TT_COUNT(own_ones));
        announce_at("lamp-1", near[i]);
        EXPECT_EQUAL(found, 1);
    }
}

// Where a device is, its newest SRV record says: an address of its old host is not of the new one.
static void test_other_host(void)
{
    start(false);
    begin(TT_DNS_RESPONSE);
    place("lamp-1." SERVICE, FLUSH, 120, 5683, "old.local");
    address("old.local", FLUSH, 120, 7);
    hear();
    begin(TT_DNS_RESPONSE);
    place("lamp-1." SERVICE, FLUSH, 120, 5683, "new.local");
    text("lamp-1." SERVICE, FLUSH, 120, "kind=lamp");
    hear();
    EXPECT_EQUAL(found, 0); // nobody told where new.local is
}

// A version that does not fit is another version, not the one that its last bits make.
static void test_versions(void)
{
    static const struct {
        const char *told;
        uint8_t wire;
    } cases[] = {{"wire=1", 1},
                 {"wire=101", 255},
                 {"wire=100", 255},
                 {"wire=100000001", 255},
                 {"wire=ff", 255}};
    for (size_t i = 0; i < TT_COUNT(cases); i++) {
        start(false);
        begin(TT_DNS_RESPONSE);
        place("lamp-1." SERVICE, FLUSH, 120, 5683, "lamp-1.local");
        size_t at = tt_dns_record_begin(&w, "lamp-1." SERVICE, TT_DNS_TXT, FLUSH, 120);
        tt_write_u8(&w, 9);
        tt_write_bytes(&w, "kind=lamp", 9);
        tt_write_u8(&w, (uint8_t)strlen(cases[i].told));
        tt_write_bytes(&w, cases[i].told, strlen(cases[i].told));
        tt_dns_record_end(&w, at);
        header.answers++;
        address("lamp-1.local", FLUSH, 120, 7);
        hear();
        REQUIRE(found == 1);
        EXPECT_EQUAL(peers[0].wire, cases[i].wire);
    }
}

// However long records say that they live, their device is asked after two minutes, so that what is
// forged holds a place no longer.
static void test_long_life(void)
{
    start(false);
    begin(TT_DNS_RESPONSE);
    place("lamp-1." SERVICE, FLUSH, UINT32_MAX, 5683, "lamp-1.local");
    text("lamp-1." SERVICE, FLUSH, UINT32_MAX, "kind=lamp");
    address("lamp-1.local", FLUSH, UINT32_MAX, 7);
    hear();
    EXPECT_EQUAL(found, 1);
    pass(TT_SECONDS(119));
    EXPECT_EQUAL(doubted, 0);
    pass(TT_SECONDS(2));
    EXPECT_EQUAL(doubted, 1);
}

// RFC 6762, 8.1: whoever claims every name that is tried makes a device try fifteen, then one in
// five seconds. A name is settled once nobody claimed it for a minute.
static void test_claims_of_all(void)
{
    start(false);
    EXPECT(tt_discovery_owned_for(&d, time_now) > TT_SECONDS(15));
    unsigned renamed = 0;
    for (int i = 0; i < 600; i++) {
        char instance[80], before[TT_NAME_MAX];
        strcpy(before, d.name);
        snprintf(instance, sizeof(instance), "%s." SERVICE, d.name);
        begin(TT_DNS_RESPONSE);
        text(instance, FLUSH, 120, "boot=00000022");
        hear();
        renamed += strcmp(before, d.name) != 0;
        for (int k = 0; k < 30; k++) {
            says(0);
            time_now += TT_MS(10);
        }
    }
    EXPECT(renamed > 15 && renamed <= 15 + 180 / 5);
    EXPECT(!tt_discovery_owns_name(&d));
    EXPECT_EQUAL(tt_discovery_owned_for(&d, time_now), 0);
    pass(TT_SECONDS(10));
    EXPECT(tt_discovery_owns_name(&d)); // in the end
}

static void say_goodbye(const char *instance)
{
    begin(TT_DNS_RESPONSE);
    pointer(SERVICE, IN, 0, instance);
    hear();
}

// RFC 6762, 10.1: a goodbye in our own name is another's, and answered by one announcement, at most
// one a second.
static void test_own_goodbye(void)
{
    start(false);
    unsigned told = 0;
    for (int i = 0; i < 100; i++) {
        say_goodbye(INSTANCE);
        told += answers(TT_MS(30));
        EXPECT(told > 0); // at once
    }
    EXPECT(told >= 3 && told <= 5);
    EXPECT(tt_discovery_owns_name(&d));
    answers(TT_SECONDS(2));
    say_goodbye("watch-0002." SERVICE);
    EXPECT(!answers(TT_SECONDS(2)));
}

// Who announces itself after a goodbye in its name is there, as it was; it may be another life.
static void test_denied_goodbye(void)
{
    start(false);
    announce("lamp-1", 7, "boot=00000022");
    REQUIRE(found == 1);
    tt_time heard = peers[0].heard;
    time_now += TT_SECONDS(1);
    say_goodbye("lamp-1." SERVICE);
    EXPECT(peers[0].doubted);
    announce("lamp-1", 7, "boot=00000023");
    EXPECT(peers[0].doubted);
    announce("lamp-1", 7, "boot=00000022");
    EXPECT(!peers[0].doubted && !peers[0].left);
    EXPECT_EQUAL(peers[0].heard, heard); // no sign of life
    EXPECT_EQUAL(doubted, 1);
    announce("lamp-1", 7, "boot=00000023");
    EXPECT(peers[0].doubted);
    announce("lamp-1", 7, "boot=00000022"); // after no goodbye
    EXPECT(peers[0].doubted);
}

int main(void)
{
    test_own_goodbye();
    test_denied_goodbye();
    test_claims_of_all();
    test_long_life();
    test_whole_claim();
    test_addresses_of_nobody();
    test_addresses_near();
    test_other_host();
    test_versions();
    return test_result();
}
